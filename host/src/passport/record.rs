//! What a passport keeps: everything about a battery that its twin does not know by itself.
//!
//! ```text
//! Passport ── one per battery: identity, chemistry, ratings, papers, footprint, materials, second life, recycling
//!    ├── EventRecord ── what happened to it, numbered
//!    └── HealthRecord ── what somebody measured of its health, numbered
//! ```
//!
//! What changes with every reading (state of charge, health, throughput) is the twin's and is not kept here; the passport
//! names its twin. Figures carry their units in their names; wire names are the interface's.

use super::NewMaterial;
use crate::identity::{Owner, Visibility};
use crate::platform::TwinId;
use crate::store::records::{Indexed, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::passport::carbon::Stages;
use twin::passport::cells::Mapping;
use twin::passport::content;
use twin::passport::date::Date;
use twin::passport::lifecycle::{AnnexStatus, Application, EventKind, Stage};
use twin::passport::material::{Masses, Material};
use twin::passport::regulation::Category;
use twin::time::Time;

/// Who made a battery, where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Who made it.
    pub manufacturer: String,
    /// The maker's own number.
    #[serde(default)]
    pub manufacturer_id: Option<String>,
    /// Of which model.
    pub model: String,
    /// Number that the maker gave it; unique among the maker's.
    pub serial_number: String,
    /// Day of manufacture.
    pub manufactured_on: Date,
    /// Place of manufacture.
    #[serde(default)]
    pub made_at: Option<Place>,
    /// Day on which it was placed on the market; that of manufacture where nobody says.
    #[serde(default)]
    pub placed_on: Option<Date>,
    /// Global trade item number, of 14 digits.
    #[serde(default)]
    pub gtin: Option<String>,
}

/// A place on a map of people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// ISO 3166, two letters.
    pub country: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Works.
    pub facility: Option<String>,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
}

/// What a battery is made of, as its maker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chemistry {
    /// `lithium-ion`, `lithium-polymer`, `solid-state`, `sodium-ion` or `lead-acid`.
    pub sort: String,
    /// `NMC811`, `LFP` …
    pub cathode: String,
    /// `graphite` …
    pub anode: String,
    /// Electrolyte.
    #[serde(default)]
    pub electrolyte: Option<String>,
    /// Mass of the battery [kg].
    #[serde(default)]
    pub mass_kg: Option<f64>,
    /// Contents as the maker states them [kg]; stronger than any table.
    #[serde(default)]
    pub contents_kg: BTreeMap<Material, f64>,
    /// Share of it that came from recycling as its maker states it, 0 to 1; sources on record are stronger.
    #[serde(default)]
    pub recycled: BTreeMap<Material, f64>,
    /// Hazardous substances.
    #[serde(default)]
    pub hazards: Vec<Hazard>,
}

/// A hazardous substance in a battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hazard {
    /// Its name.
    pub substance: String,
    /// Share of the mass [%], where it was measured.
    #[serde(default)]
    pub share_pct: Option<f64>,
    /// What it does to people and the environment.
    #[serde(default)]
    pub impact: Option<String>,
}

/// Ratings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Specifications {
    /// Nominal voltage [V].
    pub voltage_nominal_v: f64,
    /// Rated capacity [Ah].
    pub capacity_ah: f64,
    /// Rated energy [kWh].
    pub energy_kwh: f64,
    /// Cycles until it is exhausted.
    pub expected_cycles: f64,
    /// What else its maker says.
    #[serde(default)]
    pub ratings: Ratings,
}

/// Ratings that not every maker states.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ratings {
    /// Lowest voltage [V].
    pub voltage_min_v: Option<f64>,
    /// Highest voltage [V].
    pub voltage_max_v: Option<f64>,
    /// Energy per mass [Wh/kg].
    pub energy_density_wh_per_kg: Option<f64>,
    /// Power per mass [W/kg].
    pub power_density_w_per_kg: Option<f64>,
    /// Highest power that is permitted [W].
    pub power_max_w: Option<f64>,
    /// Warranty [a].
    pub warranty_years: Option<f64>,
    /// Expected lifetime [a].
    pub expected_years: Option<f64>,
    /// Lowest temperature of use [°C].
    pub temperature_min_c: Option<f64>,
    /// Highest temperature of use [°C].
    pub temperature_max_c: Option<f64>,
    /// Initial round-trip efficiency, 0 to 1.
    pub round_trip: Option<f64>,
    /// Round-trip efficiency at half of the cycle life, 0 to 1.
    pub round_trip_half_life: Option<f64>,
    /// Initial internal resistance of the pack [Ω].
    pub resistance_ohm: Option<f64>,
    /// Reference test of the cycle life.
    pub cycle_life_test: Option<String>,
    /// Rate of that test [1/h].
    pub cycle_life_c_rate: Option<f64>,
}

/// Where in its life the battery is, and whose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Stage.
    pub stage: Stage,
    /// Whether it was converted to a second life.
    #[serde(default)]
    pub converted: bool,
    /// Who owns it.
    #[serde(default)]
    pub owner: Option<String>,
    /// What it is used for.
    #[serde(default)]
    pub application: Option<Application>,
    /// Day of installation.
    #[serde(default)]
    pub installed_on: Option<Date>,
    /// Vehicle that it is in.
    #[serde(default)]
    pub vehicle_vin: Option<String>,
    /// Owners before, with the instant from which the next one counts.
    #[serde(default)]
    pub owners_before: Vec<(String, Time)>,
    /// Incidents so far, and those that nobody has closed.
    #[serde(default)]
    pub incidents: u32,
    /// Incidents that nobody has closed.
    #[serde(default)]
    pub incidents_open: u32,
}

/// A paper that proves or explains something.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Paper {
    /// Where it can be read.
    pub url: Option<String>,
    /// Its number.
    pub number: Option<String>,
    /// The standard that it is about.
    pub standard: Option<String>,
    /// Who issued it.
    pub issuer: Option<String>,
    /// When.
    pub issued: Option<Date>,
    /// Until when it holds.
    pub expires: Option<Date>,
    /// What it says, where that is short.
    pub text: Option<String>,
}

/// The last health that somebody measured, so that lists need not look at all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LastHealth {
    /// When.
    pub at: Time,
    /// Capacity over rated.
    pub soh: f64,
    /// Full cycles so far.
    pub cycles: f64,
}

/// A footprint as it was computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Footprint {
    /// When.
    pub at: Time,
    /// Making it [kg CO2e].
    pub production_kg: f64,
    /// Of that, raw material and its preparation, where the estimate tells them apart [kg CO2e].
    pub raw_material_kg: Option<f64>,
    /// Moving it, where that counts [kg CO2e].
    pub transportation_kg: Option<f64>,
    /// Losses in use, where they count [kg CO2e].
    pub use_phase_kg: Option<f64>,
    /// End of life, where it counts [kg CO2e].
    pub end_of_life_kg: Option<f64>,
    /// Electricity of use [kg CO2e/kWh].
    pub grid_kg_per_kwh: f64,
    /// Region of that, where nobody gave the factor.
    pub grid_region: Option<String>,
    /// Electricity of making it [kg CO2e/kWh], and its region.
    pub making_kg_per_kwh: Option<f64>,
    /// Region where it was made, as the factor table knows it.
    pub making_region: Option<String>,
    /// Whether the maker declared the production.
    pub declared: bool,
    /// Energy that it delivers over its service life [kWh].
    pub delivered_kwh: f64,
    /// How that is reckoned.
    pub functional_unit: String,
    /// Set of factors.
    pub factor_set: String,
    /// What looks odd.
    pub warnings: Vec<String>,
}

/// A transport.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transport {
    /// `TRN-2025-0001`.
    pub id: String,
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// How far [km].
    pub distance_km: f64,
    /// `ship`, `rail` …
    pub mode: String,
    /// How much [kg].
    pub mass_kg: f64,
    /// Factor [kg CO2e per t km].
    pub factor_kg_per_t_km: f64,
    /// Emissions [kg CO2e].
    pub co2e_kg: f64,
    /// When.
    pub at: Time,
}

/// A material and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaterialSource {
    /// `MAT-2025-0001`.
    pub id: String,
    /// What was reported of it; its fields are kept beside the others.
    #[serde(flatten)]
    pub given: NewMaterial,
    /// The material that tables know, where it is one.
    pub material: Option<Material>,
    /// When it was recorded.
    pub recorded_at: Time,
    /// Place of the fact in the passport's journal.
    pub revision: u64,
}

/// A battery that somebody thinks of for a second life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondLife {
    /// `SL-2025-0001`.
    pub id: String,
    /// For what.
    pub target: String,
    /// Why.
    pub reason: Option<String>,
    /// Whether it is fit for that.
    pub suitable: bool,
    /// What it is good for.
    pub recommended: String,
    /// 0 to 100, by SL-1.
    pub score: f64,
    /// What it is worth [USD].
    pub value_usd: f64,
    /// When it was marked.
    pub at: Time,
}

/// A conversion to a second life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversion {
    /// `CNV-2025-0001`.
    pub id: String,
    /// What it was used for before.
    pub from: Option<Application>,
    /// What it is used for now.
    pub to: Application,
    /// What was changed.
    pub modifications: Vec<String>,
    /// Charge that can be used [Ah].
    pub usable_ah: Option<f64>,
    /// Warranty of the second life [a].
    pub warranty_years: Option<f64>,
    /// Standard of the new certificate.
    pub standard: Option<String>,
    /// The new certificate.
    pub certificate: Option<String>,
    /// When.
    pub at: Time,
}

/// The declaration that it is waste.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndOfLife {
    /// `EOL-2025-0001`.
    pub id: String,
    /// Why.
    pub reason: String,
    /// Capacity over rated at the end.
    pub final_soh: f64,
    /// Where it is.
    pub location: Option<Place>,
    /// When.
    pub at: Time,
}

/// Recycling, appointed or done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recycling {
    /// `RCY-2025-0001`.
    pub id: String,
    /// Where.
    pub facility: String,
    /// When, as appointed.
    pub scheduled_on: Option<Date>,
    /// `hydro`, `pyro`, `direct` or `smelting`.
    pub process: String,
    /// How it gets there.
    pub transport: Option<String>,
    /// What came of it.
    pub results: Option<RecyclingResults>,
}

/// What a works got out of a battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecyclingResults {
    /// What went in [kg].
    pub input_kg: f64,
    /// What came out [kg].
    pub recovered_kg: BTreeMap<Material, f64>,
    /// Recovered over input.
    pub efficiency: f64,
    /// Recovered over contained.
    pub rates: BTreeMap<Material, f64>,
    /// What recovered material spares [kg CO2e].
    pub credit_kg: f64,
    /// Whether all targets of the day were met.
    pub meets_targets: bool,
    /// When.
    pub at: Time,
}

/// Numbers that were given out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    /// Events.
    pub events: u32,
    /// Measurements of health.
    pub health: u32,
    /// Transports.
    pub transports: u32,
    /// Materials.
    pub materials: u32,
    /// Second lives.
    pub second_lives: u32,
    /// Conversions.
    pub conversions: u32,
    /// Recyclings.
    pub recyclings: u32,
}

/// The passport of one battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passport {
    /// `BP-2025-000001`.
    pub passport_id: String,
    /// `BAT-2025-LI-001234`.
    pub battery_id: String,
    /// `NFC-2025-001234`.
    pub nfc_tag: String,
    /// Its twin.
    pub twin: TwinId,
    /// Organisation that keeps it; none where the operator does.
    #[serde(default)]
    pub organisation: Option<Arc<str>>,
    /// When it was registered.
    pub registered_at: Time,
    /// When it was changed last.
    pub changed_at: Time,
    /// Who made it.
    pub identity: Identity,
    /// What it is made of.
    pub chemistry: Chemistry,
    /// The model of its cells that its twin works with.
    pub mapping: Mapping,
    /// Ratings.
    pub specifications: Specifications,
    /// Category in the sense of the regulation.
    pub category: Category,
    /// Where in its life it is.
    pub lifecycle: Lifecycle,
    /// Papers, by the names that the tables of the regulation have for them.
    #[serde(default)]
    pub papers: BTreeMap<String, Paper>,
    /// Renewable content, 0 to 1.
    #[serde(default)]
    pub renewable: Option<f64>,
    /// Footprint of production that the maker declared [kg CO2e].
    #[serde(default)]
    pub declared_production_kg: Option<f64>,
    /// The footprint, once computed.
    #[serde(default)]
    pub footprint: Option<Footprint>,
    /// Transports.
    #[serde(default)]
    pub transports: Vec<Transport>,
    /// Materials with their sources.
    #[serde(default)]
    pub materials: Vec<MaterialSource>,
    /// The health that was measured first.
    #[serde(default)]
    pub first_health: Option<LastHealth>,
    /// The health that was measured last.
    #[serde(default)]
    pub last_health: Option<LastHealth>,
    /// Second life, once somebody thought of it.
    #[serde(default)]
    pub second_life: Option<SecondLife>,
    /// Conversion.
    #[serde(default)]
    pub conversion: Option<Conversion>,
    /// Declaration of the end.
    #[serde(default)]
    pub end_of_life: Option<EndOfLife>,
    /// Recycling.
    #[serde(default)]
    pub recycling: Option<Recycling>,
    /// Numbers that were given out.
    #[serde(default)]
    pub numbers: Numbers,
}

/// Name of the collection of passports.
pub const PASSPORTS: &str = "passports";
/// Index by battery id.
pub(super) const BY_BATTERY: &str = "battery";
/// Index by twin.
pub(super) const BY_TWIN: &str = "twin";
/// Index by maker and serial number.
pub(super) const BY_SERIAL: &str = "serial";

impl Footprint {
    /// Its stages.
    pub fn stages(&self) -> Stages {
        Stages {
            production: self.production_kg,
            transportation: self.transportation_kg,
            use_phase: self.use_phase_kg,
            end_of_life: self.end_of_life_kg,
        }
    }
}

impl Record for Passport {
    const COLLECTION: &'static str = PASSPORTS;
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.passport_id.clone()
    }

    fn indexed(&self) -> Indexed {
        let serial = format!("{}\u{1}{}", self.identity.manufacturer, self.identity.serial_number);
        Indexed::default()
            .unique(BY_BATTERY, self.battery_id.as_bytes())
            .unique(BY_TWIN, self.twin.to_string())
            .unique(BY_SERIAL, serial)
    }
}

impl Passport {
    /// The name under which the passport's facts are in the journal.
    pub fn entity(&self) -> String {
        format!("passport/{}", self.passport_id)
    }

    /// Status in the sense of Annex XIII.
    pub fn annex_status(&self) -> AnnexStatus {
        self.lifecycle.stage.annex(self.lifecycle.converted)
    }

    /// Whether somebody sees it.
    pub fn is_seen_by(&self, visible: &Visibility) -> bool {
        *visible == Visibility::Everything
            || visible.shows(&Owner { organisation: self.organisation.clone(), ..Owner::default() })
    }

    /// Contents of the battery [kg]: as its maker states them, or by the tables. Nothing where neither knows.
    pub fn contents(&self) -> Masses {
        if !self.chemistry.contents_kg.is_empty() {
            return Masses::of(self.chemistry.contents_kg.iter().map(|(material, kg)| (*material, *kg)));
        }
        let label = self.mapping.factors.as_deref().unwrap_or_default();
        match (label, self.chemistry.mass_kg) {
            ("VRLA", Some(kg)) => content::of_lead_acid(kg),
            _ => content::of_pack(label, self.specifications.energy_kwh).unwrap_or_default(),
        }
    }

    /// Mass of the battery [kg]: as its maker states it, or of its contents.
    pub fn mass_kg(&self) -> Option<f64> {
        self.chemistry.mass_kg.or_else(|| Some(self.contents().total_kg()).filter(|kg| *kg > 0.0))
    }

    /// Share of each material that came from recycling, 0 to 1: by the sources on record where they say, else as the
    /// maker states it.
    pub fn recycled(&self) -> BTreeMap<Material, f64> {
        let mut shares = self.chemistry.recycled.clone();
        let mut sums: BTreeMap<Material, (f64, f64)> = BTreeMap::new();
        for source in &self.materials {
            let Some(material) = source.material else { continue };
            if source.given.recycled_pre.is_none() && source.given.recycled_post.is_none() {
                continue;
            }
            let share = (source.given.recycled_pre.unwrap_or(0.0)
                + source.given.recycled_post.unwrap_or(0.0))
            .min(1.0);
            // Sources without a mass weigh alike.
            let kg = source.given.mass_kg.unwrap_or(1.0);
            let sum = sums.entry(material).or_default();
            *sum = (sum.0 + kg * share, sum.1 + kg);
        }
        shares
            .extend(sums.into_iter().filter(|(_, (_, kg))| *kg > 0.0).map(|(m, (part, kg))| (m, part / kg)));
        shares
    }

    /// Day from which rules count.
    pub fn placed_on(&self) -> Date {
        self.identity.placed_on.unwrap_or(self.identity.manufactured_on)
    }
}

/// Something that happened to a battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Whose passport.
    pub passport_id: String,
    /// Its number there.
    pub number: u32,
    /// `EVT-2025-0003`.
    pub id: String,
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Time,
    /// When it was recorded.
    pub recorded_at: Time,
    /// In words.
    pub description: Option<String>,
    /// Whatever else was said of it.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// Who said so.
    pub by: String,
    /// Place of the fact in the passport's journal.
    pub revision: u64,
}

impl Record for EventRecord {
    const COLLECTION: &'static str = "passport_events";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        numbered(&self.passport_id, self.number)
    }
}

/// A health that somebody measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthRecord {
    /// Whose passport.
    pub passport_id: String,
    /// Its number there.
    pub number: u32,
    /// `SOH-2025-0001`.
    pub id: String,
    /// When.
    pub at: Time,
    /// Capacity over rated.
    pub soh: f64,
    /// State of charge, 0 to 1.
    pub soc: Option<f64>,
    /// Full cycles so far.
    pub cycles: f64,
    /// Capacity [Ah].
    pub capacity_ah: Option<f64>,
    /// Voltage [V].
    pub voltage_v: Option<f64>,
    /// Internal resistance [Ω].
    pub resistance_ohm: Option<f64>,
    /// Temperature [°C].
    pub temperature_c: Option<f64>,
    /// How it was measured.
    pub method: Option<String>,
    /// What the twin believed before it heard of this.
    pub believed: Option<f64>,
    /// Who said so.
    pub by: String,
}

impl Record for HealthRecord {
    const COLLECTION: &'static str = "passport_health";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        numbered(&self.passport_id, self.number)
    }
}

/// A key under which records of one passport lie together in their order.
fn numbered(passport_id: &str, number: u32) -> String {
    format!("{passport_id}/{number:08}")
}
