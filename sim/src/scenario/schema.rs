//! What a scenario file may say. The published JSON Schema is generated from these types, and the checker
//! walks a file against that schema, so a key exists exactly once: here.

pub use super::batteries::*;
pub use super::cell_network::*;
pub use super::cleanup::Cleanup;
pub use super::sites::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A what-if experiment: a world, what lives in it, for how long, and the variants to compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name, used in file names and reports.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What question the scenario answers.
    #[serde(default)]
    pub description: String,
    /// First simulated day, `YYYY-MM-DD`, local time of the site.
    #[serde(default = "default_start")]
    pub start: String,
    /// Simulated span in days of 24 h. Give either this or `horizon_years`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 36525.0))]
    pub horizon_days: Option<f64>,
    /// Simulated span in years of 365.25 days. Give either this or `horizon_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0001, max = 100.0))]
    pub horizon_years: Option<f64>,
    /// Seed of every random stream of the run.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Independent repetitions of every variant, each with its own draws.
    #[serde(default = "one_u32")]
    #[schemars(range(min = 1, max = 1000))]
    pub replicates: u32,
    /// Offset of local time from UTC in hours.
    #[serde(default)]
    #[schemars(range(min = -12.0, max = 14.0))]
    pub utc_offset_h: f64,
    /// Outdoor temperature.
    pub climate: Climate,
    /// Prices, carbon intensity and sun.
    #[serde(default)]
    pub energy: Energy,
    /// Kinds of battery pack, by name.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1000))]
    pub batteries: BTreeMap<String, BatteryKind>,
    /// Packs that follow a duty of their own, outside any swap network.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub packs: Vec<PackGroup>,
    /// Battery-swap networks.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub networks: Vec<Network>,
    /// Data centres with batteries behind their supplies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub data_centres: Vec<DataCentre>,
    /// What becomes of packs that leave service: stores, then a recycler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub second_lives: Vec<SecondLife>,
    /// Things that break.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub faults: Vec<Fault>,
    /// Plastic taken from seas, rivers and beaches, and what becomes of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub cleanups: Vec<Cleanup>,
    /// What is recorded, and how often.
    #[serde(default)]
    pub output: Output,
    /// Alternatives to compare. Without any, the file itself is the one variant, `base`.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub variants: Vec<Variant>,
}

/// Outdoor air temperature over the run: a built-in city, a file or a constant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Climate {
    /// A built-in city (monthly means, daily swing): see `celltide check --list climates`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Hourly measurements as CSV (`.csv` or `.csv.gz`), relative to the scenario file. Repeated when shorter
    /// than the horizon, aligned by the hour of the year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A constant temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -60.0, max = 70.0))]
    pub constant_c: Option<f64>,
    /// Added to every hour of the year.
    #[serde(default)]
    #[schemars(range(min = -30.0, max = 30.0))]
    pub shift_c: f64,
    /// Added to the hours of the three warmest months only.
    #[serde(default)]
    #[schemars(range(min = -30.0, max = 30.0))]
    pub summer_shift_c: f64,
}

/// Prices, carbon intensity and sun by the hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Energy {
    /// Name of the currency that all prices are in.
    pub currency: String,
    /// Price of grid electricity.
    pub tariff: Tariff,
    /// Carbon intensity of grid electricity.
    pub carbon: Carbon,
    /// Photovoltaic output per installed peak power.
    pub solar: Solar,
}

/// Price of grid electricity per kWh: flat, by the hour of day, or from a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tariff {
    /// Flat price per kWh.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -100.0, max = 100000.0))]
    pub flat_per_kwh: Option<f64>,
    /// Price per kWh for each of the 24 local hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 24, max = 24))]
    pub by_hour_per_kwh: Option<Vec<f64>>,
    /// Hourly prices as CSV with a column `price_per_kwh`, relative to the scenario file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Carbon intensity of grid electricity in g CO2e per kWh: a built-in region, a flat value or a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Carbon {
    /// A built-in region (mean and mean daily shape): see `celltide check --list grids`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Flat value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 3000.0))]
    pub flat_g_per_kwh: Option<f64>,
    /// Hourly values as CSV, relative to the scenario file (columns recognised: `ci_lifecycle_gCO2e_kWh`,
    /// `ci_direct_gCO2e_kWh`, `carbon_g_per_kwh`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Photovoltaic output as a fraction of peak power: clear-sky geometry and one clearness, or a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Solar {
    /// Latitude for the clear-sky model; the built-in city's when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -90.0, max = 90.0))]
    pub latitude_deg: Option<f64>,
    /// Share of clear-sky output that arrives, mean over the year, cloud included.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub clearness: f64,
    /// Inverter, wiring, dirt and heat together.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub performance_ratio: f64,
    /// Hourly generation as CSV, relative to the scenario file; scaled by its own maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Which column of the file to read, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// Packs with a duty of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackGroup {
    /// Name of the group; packs are called `name-1`, `name-2`, …
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Which kind of battery.
    pub battery: String,
    /// How many.
    #[serde(default = "one_u32")]
    #[schemars(range(min = 1, max = 1000000))]
    pub count: u32,
    /// State of charge at the start.
    #[serde(default = "default_initial_soc")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub initial_soc: f64,
    /// Added to the outdoor temperature where the pack stands.
    #[serde(default)]
    #[schemars(range(min = -40.0, max = 40.0))]
    pub ambient_shift_c: f64,
    /// Constant room temperature, instead of outdoor air and `ambient_shift_c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -60.0, max = 70.0))]
    pub room_c: Option<f64>,
    /// What the packs do.
    pub duty: Duty,
    /// Second life that takes packs at the end of their life; without any, they are gone for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_to: Option<String>,
    /// Simulates every cell of the packs on its own, joined by busbars and contacts, instead of a mean cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<CellNetwork>,
}

/// A repeating duty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Duty {
    /// Steps of a day, repeated every day.
    Daily {
        /// The day's steps in order of their start; between them the pack rests.
        #[schemars(length(min = 1, max = 96))]
        steps: Vec<DailyStep>,
    },
    /// Kept full (and topped up), discharged now and then.
    Standby {
        /// Depth of each discharge.
        #[schemars(range(min = 0.0, max = 1.0))]
        depth: f64,
        /// Days between discharges.
        #[schemars(range(min = 1.0, max = 3650.0))]
        every_days: f64,
        /// Discharge and recharge rate, as a multiple of rated capacity per hour.
        #[schemars(range(min = 0.001, max = 20.0))]
        c_rate: f64,
    },
    /// Rides through a vehicle model, then a charge.
    Drive {
        /// The vehicle.
        vehicle: Vehicle,
        /// What is driven.
        trips: Trips,
        /// Distance a day.
        #[schemars(range(min = 0.1, max = 2000.0))]
        km_per_day: f64,
        /// Local hour at which the pack is plugged in.
        #[schemars(range(min = 0.0, max = 24.0))]
        plug_in_hour: f64,
        /// Charge rate as a multiple of rated capacity per hour.
        #[schemars(range(min = 0.001, max = 20.0))]
        charge_c_rate: f64,
        /// State of charge at which charging stops.
        #[serde(default = "one_f64")]
        #[schemars(range(min = 0.05, max = 1.0))]
        charge_to_soc: f64,
    },
}

/// One step of a daily duty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DailyStep {
    /// Local hour of day at which it starts.
    #[schemars(range(min = 0.0, max = 24.0))]
    pub at_hour: f64,
    /// Discharge (positive) or charge (negative), as a multiple of rated capacity per hour.
    #[schemars(range(min = -20.0, max = 20.0))]
    pub c_rate: f64,
    /// Stops here; a charge tapers at its voltage limit and stops at this state of charge, or when full.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub until_soc: f64,
}

/// A light electric vehicle, for the power that a speed asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vehicle {
    /// Vehicle, rider and load.
    #[schemars(range(min = 5.0, max = 50000.0))]
    pub mass_kg: f64,
    /// Drag coefficient times frontal area.
    #[schemars(range(min = 0.01, max = 20.0))]
    pub drag_area_m2: f64,
    /// Rolling resistance coefficient.
    #[schemars(range(min = 0.0, max = 0.2))]
    pub rolling_resistance: f64,
    /// Battery to wheel.
    #[schemars(range(min = 0.1, max = 1.0))]
    pub drivetrain_efficiency: f64,
    /// Share of braking power that comes back to the battery.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub regeneration: f64,
    /// Lights, controller, display.
    #[schemars(range(min = 0.0, max = 20000.0))]
    pub auxiliary_w: f64,
}

/// What a vehicle drives: a built-in speed cycle, a speed file or measured trips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trips {
    /// A built-in speed cycle: see `celltide check --list cycles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<String>,
    /// A CSV of speeds (`time_s, speed_km_h`), or of measured trips (`trip, time_local, speed_km_h`, and
    /// optionally `altitude_m`), relative to the scenario file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// A battery-swap network: cabinets, packs, riders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Name of the network.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Which kind of battery circulates.
    pub battery: String,
    /// Packs in circulation, with riders and in cabinets together.
    #[schemars(range(min = 1, max = 1000000))]
    pub packs: u32,
    /// Districts that the cabinets and riders are spread over. Riders mostly swap in their own.
    #[serde(default = "one_u32")]
    #[schemars(range(min = 1, max = 1000))]
    pub districts: u32,
    /// The cabinets.
    pub cabinets: Cabinets,
    /// When and how packs are charged.
    #[serde(default)]
    pub charging: Charging,
    /// Which ready pack a rider gets.
    #[serde(default)]
    pub swap_rule: SwapRule,
    /// The riders.
    pub riders: Riders,
    /// The vehicle they ride.
    #[serde(default)]
    pub vehicle: Vehicle,
    /// How they ride it.
    pub trips: Trips,
    /// Second life that takes packs at the end of their life; without any, they are gone for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_to: Option<String>,
}

/// Swap cabinets of one make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cabinets {
    /// How many.
    #[schemars(range(min = 1, max = 100000))]
    pub count: u32,
    /// Slots of each; one is kept free for the next return.
    #[schemars(range(min = 2, max = 1000))]
    pub slots: u32,
    /// Power of each slot's charger, on its battery side.
    #[schemars(range(min = 0.01, max = 1000.0))]
    pub charger_kw: f64,
    /// Charger efficiency at the given fractions of its power, `[[load, efficiency], …]`.
    #[serde(default = "default_efficiency")]
    #[schemars(length(min = 1, max = 20))]
    pub charger_efficiency: Vec<(f64, f64)>,
    /// Limit of the cabinet's grid connection, shared among its slots.
    #[schemars(range(min = 0.01, max = 100000.0))]
    pub site_power_kw: f64,
    /// Power drawn with no pack charging.
    #[serde(default = "default_standby_w")]
    #[schemars(range(min = 0.0, max = 100000.0))]
    pub standby_w: f64,
    /// Installed photovoltaic peak power at each cabinet.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10000.0))]
    pub solar_kwp: f64,
    /// Added to the outdoor temperature inside the cabinet.
    #[serde(default = "default_cabinet_shift")]
    #[schemars(range(min = -40.0, max = 40.0))]
    pub ambient_shift_c: f64,
    /// Time a swap takes once a pack is ready.
    #[serde(default = "default_swap_s")]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub swap_s: f64,
}

/// When and how docked packs are charged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Charging {
    /// The policy.
    pub policy: ChargingPolicy,
    /// Charging stops here.
    #[schemars(range(min = 0.1, max = 1.0))]
    pub target_soc: f64,
    /// A pack may be handed out from here on.
    #[schemars(range(min = 0.05, max = 1.0))]
    pub ready_soc: f64,
    /// Ready packs that a cabinet keeps at any price before it lets others wait for better hours.
    #[schemars(range(min = 0, max = 1000))]
    pub reserve: u32,
    /// Charge rate limit as a multiple of rated capacity per hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 20.0))]
    pub c_rate_max: Option<f64>,
}

/// When docked packs are charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChargingPolicy {
    /// At once, at full power.
    Immediate,
    /// In the cheapest hours, but for the reserve.
    OffPeak,
    /// In the hours of least grid carbon, but for the reserve.
    LeastCarbon,
    /// As late and as slowly as the expected demand allows.
    HealthAware,
}

/// Which ready pack a rider gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwapRule {
    /// The fullest; among equals the one longest in the cabinet.
    #[default]
    HighestSoc,
    /// The one longest in the cabinet.
    Oldest,
    /// The one with the highest state of health.
    Healthiest,
    /// The one with the least throughput.
    LeastWorn,
}

/// Riders of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Riders {
    /// How many, each with one pack.
    #[schemars(range(min = 1, max = 1000000))]
    pub count: u32,
    /// Mean distance of one rider on one mean day.
    #[schemars(range(min = 0.1, max = 2000.0))]
    pub km_per_day: f64,
    /// Relative activity in each of the 24 local hours.
    #[serde(default = "default_hours")]
    #[schemars(length(min = 24, max = 24))]
    pub by_hour: Vec<f64>,
    /// Relative activity on each day of the week, Monday first.
    #[serde(default = "default_weekdays")]
    #[schemars(length(min = 7, max = 7))]
    pub by_weekday: Vec<f64>,
    /// Hourly arrivals from a file (`time_local, arrivals`) instead of the two profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals_file: Option<String>,
    /// State of charge at which riders look for a cabinet.
    #[serde(default = "default_reserve_soc")]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub reserve_soc: f64,
    /// Mean time a rider waits for a pack before walking away.
    #[serde(default = "default_patience")]
    #[schemars(range(min = 0.0, max = 1440.0))]
    pub patience_min: f64,
    /// Ride to the next cabinet after walking away.
    #[serde(default = "default_detour")]
    #[schemars(range(min = 1.0, max = 240.0))]
    pub detour_min: f64,
    /// Cabinets tried before the rider gives up for the day.
    #[serde(default = "default_attempts")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: u32,
    /// Chance that a rider's next swap is in another district.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub roaming: f64,
}

/// Something that breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What breaks.
    pub kind: FaultKind,
    /// The network it happens in.
    pub network: String,
    /// The cabinet it happens to, counted from 1; every cabinet when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cabinet: Option<u32>,
    /// Mean time between failures of one piece (slot, charger, cabinet). Give this or `at_day`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 1000000.0))]
    pub mean_days_between: Option<f64>,
    /// A failure at this time after the start. Give this or `mean_days_between`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 36525.0))]
    pub at_day: Option<f64>,
    /// Time until repaired.
    #[schemars(range(min = 0.01, max = 100000.0))]
    pub repair_h: f64,
}

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A slot neither takes nor gives packs.
    Slot,
    /// A slot's charger stops; its pack stays as it is.
    Charger,
    /// A whole cabinet is down.
    Cabinet,
}

/// What is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// Days between rows of the time series; when left out, no more than the simulated span.
    #[schemars(range(min = 0.000694, max = 36525.0))]
    pub interval_days: f64,
    /// Whether every swap is written as an event (millions of rows in a large network).
    pub swap_events: bool,
}

/// An alternative: the file with some values replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Name of the variant.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What is different, for readers.
    #[serde(default)]
    pub description: String,
    /// Another variant to start from, instead of the file itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Values to replace, by path: `networks.0.charging.target_soc: 0.8`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 1000))]
    pub set: BTreeMap<String, Value>,
}

impl Default for Energy {
    fn default() -> Self {
        Self {
            currency: "USD".into(),
            tariff: Tariff::default(),
            carbon: Carbon::default(),
            solar: Solar::default(),
        }
    }
}

impl Default for Solar {
    fn default() -> Self {
        Self { latitude_deg: None, clearness: 0.65, performance_ratio: 0.8, file: None, column: None }
    }
}

impl Default for Vehicle {
    /// An electric scooter with rider (Wh/km near 30 in town traffic).
    fn default() -> Self {
        Self {
            mass_kg: 190.0,
            drag_area_m2: 0.6,
            rolling_resistance: 0.014,
            drivetrain_efficiency: 0.82,
            regeneration: 0.2,
            auxiliary_w: 40.0,
        }
    }
}

impl Default for Charging {
    fn default() -> Self {
        Self {
            policy: ChargingPolicy::Immediate,
            target_soc: 1.0,
            ready_soc: 0.95,
            reserve: 2,
            c_rate_max: None,
        }
    }
}

impl Default for Output {
    fn default() -> Self {
        Self { interval_days: 30.4375, swap_events: true }
    }
}

fn default_start() -> String {
    "2026-01-01".into()
}
fn default_seed() -> u64 {
    1
}
pub(super) fn one_u32() -> u32 {
    1
}
pub(super) fn one_f64() -> f64 {
    1.0
}
fn default_initial_soc() -> f64 {
    0.5
}
fn default_efficiency() -> Vec<(f64, f64)> {
    // assumed: a switched-mode charger of a few hundred watts.
    vec![(0.05, 0.80), (0.2, 0.90), (0.5, 0.94), (1.0, 0.935)]
}
pub(super) fn default_standby_w() -> f64 {
    60.0
}
fn default_cabinet_shift() -> f64 {
    3.0
}
fn default_swap_s() -> f64 {
    45.0
}
fn default_hours() -> Vec<f64> {
    // assumed: peaks 08–10 and 17–20, nights at a few per cent of the mean.
    vec![
        0.15, 0.08, 0.05, 0.05, 0.08, 0.25, 0.7, 1.3, 1.8, 1.6, 1.2, 1.4, 1.6, 1.3, 1.1, 1.1, 1.3, 1.8, 2.1,
        1.9, 1.4, 1.0, 0.6, 0.3,
    ]
}
fn default_weekdays() -> Vec<f64> {
    vec![1.0, 1.0, 1.0, 1.05, 1.15, 1.0, 0.8]
}
fn default_reserve_soc() -> f64 {
    0.2
}
fn default_patience() -> f64 {
    10.0
}
fn default_detour() -> f64 {
    8.0
}
fn default_attempts() -> u32 {
    3
}
