//! What a scenario file may say about facilities: data centres, second lives and works. Part of
//! [`super::schema`], in a file of its own.

use super::schema::Duty;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A data centre with batteries behind its supplies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataCentre {
    /// Name.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Which kind of battery its blocks are: a lead-acid chemistry, with the cells of one block in series.
    pub battery: String,
    /// Its rooms.
    #[schemars(length(min = 1, max = 100))]
    pub rooms: Vec<BatteryRoom>,
    /// Its grid.
    #[serde(default)]
    pub outages: GridOutages,
    /// Its generator; without any, batteries carry an outage to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Generator>,
    /// What is done about blocks that grow weak.
    #[serde(default)]
    pub care: BlockCare,
    /// Second life that takes blocks that are replaced; without any, they are gone for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_to: Option<String>,
}

/// A room with one uninterruptible supply and its strings in parallel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatteryRoom {
    /// Name, unique in its data centre.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Strings in parallel.
    #[schemars(range(min = 1, max = 1000))]
    pub strings: u32,
    /// Blocks in series in a string.
    #[schemars(range(min = 1, max = 1000))]
    pub blocks_per_string: u32,
    /// Most that the servers behind it ask for.
    #[schemars(range(min = 0.01, max = 100000.0))]
    pub load_kw: f64,
    /// What cooling is set to.
    #[serde(default = "setpoint_c")]
    #[schemars(range(min = 0.0, max = 50.0))]
    pub setpoint_c: f64,
    /// The room against its set point.
    #[serde(default)]
    #[schemars(range(min = -15.0, max = 25.0))]
    pub temperature_offset_c: f64,
    /// Degrees in the room for each degree outside above `cooling_limit_c`: cooling that is too small.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub outdoor_share: f64,
    /// Outdoor temperature up to which cooling holds its set point.
    #[serde(default = "cooling_limit_c")]
    #[schemars(range(min = -20.0, max = 60.0))]
    pub cooling_limit_c: f64,
    /// Relative humidity that is held; shown only, the battery models do not go by it.
    #[serde(default = "humidity_pct")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub humidity_pct: f64,
    /// The room against that.
    #[serde(default)]
    #[schemars(range(min = -60.0, max = 60.0))]
    pub humidity_offset_pct: f64,
}

/// When the grid fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GridOutages {
    /// Mean number a year.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub per_year: f64,
    /// Weight of each month, January first.
    #[schemars(length(min = 12, max = 12))]
    pub by_month: Vec<f64>,
    /// Half of the outages are shorter.
    #[schemars(range(min = 0.01, max = 10000.0))]
    pub median_min: f64,
    /// Standard deviation of the logarithm of their length.
    #[schemars(range(min = 0.0, max = 5.0))]
    pub log_sd: f64,
}

/// A generator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Time until it carries the load.
    #[schemars(range(min = 0.0, max = 86400.0))]
    pub start_s: f64,
    /// Chance that it does not start.
    #[serde(default = "generator_failure")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failure_probability: f64,
}

/// What is done about blocks that grow weak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BlockCare {
    /// The policy.
    pub policy: CarePolicy,
    /// Days between inspections.
    #[schemars(range(min = 1.0, max = 3650.0))]
    pub inspect_every_days: f64,
    /// How far a forecast looks ahead.
    #[schemars(range(min = 0.0, max = 3650.0))]
    pub forecast_days: f64,
}

/// Which blocks are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CarePolicy {
    /// None.
    None,
    /// Those that are found worn.
    Worn,
    /// Those that are worn, or will be within `forecast_days`.
    Forecast,
}

/// What becomes of packs that leave service: a store where they are fit for it, then a recycler. They come from vehicles
/// of its own, from networks, groups and data centres that retire to it, or from both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondLife {
    /// Name.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Which kind of battery.
    pub battery: String,
    /// What it is made of, for masses and emissions: a chemistry of the factor tables.
    pub composition: Composition,
    /// Vehicles of its own, each with one pack; a pack that leaves is replaced by a new one.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10000))]
    pub vehicles: u32,
    /// The first packs enter service evenly over so many days.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 36525.0))]
    pub enter_over_days: f64,
    /// Grid region that packs of its own vehicles are made with (`KR`, `CN`, `DE`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_in: Option<GridRegion>,
    /// Life in the vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<Life>,
    /// Life in the store. Without a store packs go straight to the recycler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Life>,
    /// What the store is for.
    #[serde(default)]
    pub application: Application,
    /// Packs that score lower at the end of their first life (score SL-1) are recycled at once.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub min_score: f64,
    /// From the factory to the vehicle.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub to_vehicle: Vec<FreightLeg>,
    /// From the vehicle, or from whoever retires packs, to the store.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub to_store: Vec<FreightLeg>,
    /// To the recycler.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub to_recycler: Vec<FreightLeg>,
    /// Days from leaving one place to serving at the next, tests and repackaging included.
    #[serde(default = "handling_days")]
    #[schemars(range(min = 0.0, max = 3650.0))]
    pub handling_days: f64,
    /// The recycler.
    pub recycler: Recycler,
}

/// What a pack does in one of its lives, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Life {
    /// The duty.
    pub duty: Duty,
    /// State of health at which it ends.
    #[schemars(range(min = 0.05, max = 1.0))]
    pub until_soh: f64,
    /// It ends after so many years at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 100.0))]
    pub until_years: Option<f64>,
    /// Added to the outdoor temperature where the pack stands.
    #[serde(default)]
    #[schemars(range(min = -40.0, max = 40.0))]
    pub ambient_shift_c: f64,
}

/// A way by one means of transport.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreightLeg {
    /// By what.
    pub mode: FreightMode,
    /// How far.
    #[schemars(range(min = 0.1, max = 50000.0))]
    pub distance_km: f64,
}

/// Means of transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreightMode {
    /// Container ship.
    Ship,
    /// Barge.
    InlandWaterway,
    /// Rail.
    Rail,
    /// Lorry.
    Truck,
    /// Aeroplane.
    Air,
}

impl FreightMode {
    /// Name in the factor tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::InlandWaterway => "inland_waterway",
            Self::Rail => "rail",
            Self::Truck => "truck",
            Self::Air => "air",
        }
    }
}

/// What second-life stores are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Application {
    /// Storing energy day by day.
    #[default]
    StationaryStorage,
    /// Standing by.
    BackupPower,
    /// Slow vehicles.
    LowSpeedMobility,
}

impl Application {
    /// Name in the factor tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::StationaryStorage => "stationary_storage",
            Self::BackupPower => "backup_power",
            Self::LowSpeedMobility => "low_speed_mobility",
        }
    }
}

/// Chemistries of the factor tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the labels say it all")]
pub enum Composition {
    NMC811,
    NMC622,
    NMC532,
    NMC111,
    NCA,
    LFP,
    LMO,
    VRLA,
}

impl Composition {
    /// Name in the factor tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NMC811 => "NMC811",
            Self::NMC622 => "NMC622",
            Self::NMC532 => "NMC532",
            Self::NMC111 => "NMC111",
            Self::NCA => "NCA",
            Self::LFP => "LFP",
            Self::LMO => "LMO",
            Self::VRLA => "VRLA",
        }
    }
}

/// Grid regions of the carbon factor table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the codes say it all")]
pub enum GridRegion {
    KR,
    IN,
    TH,
    DE,
    US,
    CN,
    JP,
    EU,
    GB,
    FR,
    SE,
    NO,
    PL,
    TW,
    ID,
    AU,
    #[serde(rename = "world")]
    World,
}

impl GridRegion {
    /// Name in the factor tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::KR => "KR",
            Self::IN => "IN",
            Self::TH => "TH",
            Self::DE => "DE",
            Self::US => "US",
            Self::CN => "CN",
            Self::JP => "JP",
            Self::EU => "EU",
            Self::GB => "GB",
            Self::FR => "FR",
            Self::SE => "SE",
            Self::NO => "NO",
            Self::PL => "PL",
            Self::TW => "TW",
            Self::ID => "ID",
            Self::AU => "AU",
            Self::World => "world",
        }
    }
}

/// A works that takes batteries apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recycler {
    /// How.
    #[serde(default)]
    pub process: RecyclingProcess,
    /// What it treats a day, on the mean of a week, when always supplied.
    #[schemars(range(min = 1.0, max = 1.0e8))]
    pub daily_kg: f64,
    /// What it holds at most.
    #[serde(default = "storage_kg")]
    #[schemars(range(min = 1.0, max = 1.0e9))]
    pub storage_kg: f64,
    /// Shifts of eight hours a day.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 3))]
    pub shifts: u32,
    /// Working days a week, from Monday on.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 7))]
    pub days: u32,
    /// Power drawn at all times.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0e5))]
    pub standby_kw: f64,
}

/// How batteries are recycled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecyclingProcess {
    /// Leaching.
    #[default]
    Hydro,
    /// Smelting, then leaching.
    Pyro,
    /// Regeneration of the electrode material.
    Direct,
    /// Secondary smelting of lead-acid batteries.
    Smelting,
}

impl Default for GridOutages {
    /// assumed: a city grid with short interruptions.
    fn default() -> Self {
        Self { per_year: 6.0, by_month: vec![1.0; 12], median_min: 10.0, log_sd: 1.0 }
    }
}

impl Default for BlockCare {
    fn default() -> Self {
        Self { policy: CarePolicy::Worn, inspect_every_days: 30.0, forecast_days: 90.0 }
    }
}

fn setpoint_c() -> f64 {
    24.0
}
fn cooling_limit_c() -> f64 {
    32.0
}
fn humidity_pct() -> f64 {
    50.0
}
fn generator_failure() -> f64 {
    // assumed: one start in a hundred fails.
    0.01
}
fn handling_days() -> f64 {
    30.0
}
fn storage_kg() -> f64 {
    1.0e6
}
fn one() -> u32 {
    1
}
fn five() -> u32 {
    5
}

impl super::schema::Scenario {
    /// Adds the twins of facilities to counts by kind.
    pub(super) fn count_sites(&self, counts: &mut BTreeMap<&'static str, u64>) {
        let rooms = self.data_centres.iter().flat_map(|centre| &centre.rooms);
        let blocks = rooms.clone().map(|r| u64::from(r.strings) * u64::from(r.blocks_per_string)).sum();
        for (kind, count) in [
            ("data_centre", self.data_centres.len() as u64),
            ("bank", rooms.count() as u64),
            ("block", blocks),
            ("recycler", self.second_lives.len() as u64),
        ] {
            if count > 0 {
                counts.insert(kind, count);
            }
        }
        let vehicles: u64 = self.second_lives.iter().map(|chain| u64::from(chain.vehicles)).sum();
        *counts.entry("battery").or_default() += vehicles;
    }
}
