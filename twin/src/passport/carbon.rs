//! Emissions of a battery over its life: making, moving, using and ending it [kg CO2e].
//!
//! Ruleset: ISO 14067 and Regulation (EU) 2023/1542, Annex II. The use phase is computed and kept apart from what
//! the regulation has declared. All figures come from `factors/carbon.toml`; a declared footprint takes the place
//! of the estimate.

use super::factors::{self, CarbonFactors, UnknownName};
use super::material::{Masses, Material};
use crate::geo::Position;

/// Why a footprint cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CarbonError {
    /// A table lacks a name.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// A value that cannot be.
    #[error("{name} is {value}; {expected}")]
    Value {
        /// Which value.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
}

fn positive(name: &'static str, value: f64) -> Result<f64, CarbonError> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(CarbonError::Value { name, value, expected: "it has to be above zero" })
    }
}

fn not_negative(name: &'static str, value: f64) -> Result<f64, CarbonError> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(CarbonError::Value { name, value, expected: "it has to be zero or more" })
    }
}

/// Where electricity comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Grid {
    /// A region of the table.
    Region(String),
    /// Given by the caller, and stronger than any table [kg CO2e/kWh].
    Given(f64),
}

impl Grid {
    /// The factor [kg CO2e/kWh].
    ///
    /// # Errors
    /// When the region is not known or a given factor is negative.
    pub fn factor(&self) -> Result<f64, CarbonError> {
        match self {
            Self::Region(name) => Ok(factors::find(&factors::carbon().grid, "grid region", name)?.value),
            Self::Given(factor) => not_negative("grid factor", *factor),
        }
    }
}

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataQuality {
    /// The manufacturer declared it.
    Declared,
    /// Computed from the tables.
    Estimated,
}

/// What a footprint is computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Battery<'a> {
    /// `NMC811`, `LFP`, … or `VRLA`.
    pub chemistry: &'a str,
    /// Rated energy [kWh].
    pub energy_kwh: f64,
    /// Contents [kg].
    pub contents: Masses,
    /// Recycled share of materials, 0..=1.
    pub recycled: &'a [(Material, f64)],
    /// Declared footprint of production, where there is one [kg CO2e].
    pub declared_production_kg: Option<f64>,
    /// Where it was made.
    pub made_with: Grid,
}

/// Emissions of making a battery [kg CO2e].
///
/// ```text
/// E·(M_chem + e·g + h·f_gas) − Σ m_i·r_i·EF_i·s_i
/// ```
///
/// with electricity e and gas h of cell making per kWh, grid factor g, recycled share r and its saving s. Source:
/// Degen & Schütte 2022 for e and h. Limits: materials per kWh are engineering defaults within published bands;
/// lead-acid is a flat figure per kilogram.
///
/// # Errors
/// When the chemistry or region is not known or a value cannot be.
pub fn production(battery: &Battery<'_>) -> Result<(f64, DataQuality), CarbonError> {
    if let Some(declared) = battery.declared_production_kg {
        return Ok((not_negative("declared production", declared)?, DataQuality::Declared));
    }
    let table = factors::carbon();
    let energy_kwh = positive("energy", battery.energy_kwh)?;
    let virgin = if battery.chemistry == "VRLA" {
        battery.contents.total_kg() * table.production.lead_acid_kg_per_kg.value
    } else {
        let materials = &table.production.materials_kg_per_kwh;
        let materials = factors::find(materials, "chemistry", battery.chemistry)?.value;
        let making = table.production.electricity_kwh_per_kwh.value * battery.made_with.factor()?
            + table.production.gas_kwh_per_kwh.value * table.production.gas_kg_per_kwh.value;
        energy_kwh * (materials + making)
    };
    let mut saved = 0.0;
    for (material, share) in battery.recycled {
        let share = not_negative("recycled share", *share)?.min(1.0);
        saved += battery.contents[*material] * share * recycled_saving(table, *material);
    }
    Ok((virgin - saved, DataQuality::Estimated))
}

/// Of the emissions of making a battery those of raw material and its preparation [kg CO2e]; what is left is cell and
/// pack making. Nothing where the table does not tell them apart: lead-acid, and what its maker declared as a whole.
///
/// # Errors
/// When the chemistry or region is not known or a value cannot be.
pub fn raw_material(battery: &Battery<'_>) -> Result<Option<f64>, CarbonError> {
    if battery.chemistry == "VRLA" || battery.declared_production_kg.is_some() {
        return Ok(None);
    }
    let table = &factors::carbon().production;
    let making = table.electricity_kwh_per_kwh.value * battery.made_with.factor()?
        + table.gas_kwh_per_kwh.value * table.gas_kg_per_kwh.value;
    let (whole, _) = production(battery)?;
    Ok(Some(whole - positive("energy", battery.energy_kwh)? * making))
}

/// What a kilogram of recycled material saves [kg CO2e].
fn recycled_saving(table: &CarbonFactors, material: Material) -> f64 {
    let of = |figures: &factors::ByMaterial| figures.get(&material).map_or(0.0, |figure| figure.value);
    of(&table.virgin_kg_per_kg) * of(&table.recycled_saving)
}

/// One leg of a transport.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg<'a> {
    /// `ship`, `truck`, `rail`, `air`, `inland_waterway`.
    pub mode: &'a str,
    /// How far.
    pub way: Way,
    /// How much [kg].
    pub mass_kg: f64,
    /// Given by the caller, and stronger than the table [kg CO2e per t km].
    pub factor_kg_per_t_km: Option<f64>,
}

/// How far a leg goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    /// A known distance [km].
    Distance(f64),
    /// From one point to another (latitude, longitude) [°]: great circle and the mode's detour.
    Between(Position, Position),
}

/// Emissions of a leg [kg CO2e]: distance × mass × factor, well to wheel.
///
/// # Errors
/// When the mode is not known or a value cannot be.
pub fn transport(leg: &Leg<'_>) -> Result<f64, CarbonError> {
    let freight = factors::find(&factors::carbon().transport, "transport mode", leg.mode)?;
    let distance_km = match leg.way {
        Way::Distance(km) => positive("distance", km)?,
        Way::Between(from, to) => {
            let extra_km = freight.extra_km.as_ref().map_or(0.0, |figure| figure.value);
            from.distance_km(to) * freight.detour.value + extra_km
        }
    };
    let factor = match leg.factor_kg_per_t_km {
        Some(given) => not_negative("emission factor", given)?,
        None => freight.factor.value,
    };
    Ok(distance_km * positive("mass", leg.mass_kg)? * 1e-3 * factor)
}

/// Emissions of the losses over a life [kg CO2e].
///
/// ```text
/// E·N·SoH_mean·(1/η − 1)·g
/// ```
///
/// Only what is lost in the battery counts; what it drives does not. η by family when `round_trip` is not given.
///
/// # Errors
/// When family or region is not known or a value cannot be.
pub fn use_phase(
    chemistry: &str,
    energy_kwh: f64,
    cycles: f64,
    round_trip: Option<f64>,
    grid: &Grid,
) -> Result<f64, CarbonError> {
    let table = &factors::carbon().use_phase;
    let efficiency = match round_trip {
        Some(given) => positive("round-trip efficiency", given)?,
        None => factors::find(&table.round_trip, "family", factors::family(chemistry))?.value,
    };
    let delivered_kwh = positive("energy", energy_kwh)? * positive("cycles", cycles)? * table.mean_soh.value;
    losses(delivered_kwh, efficiency, grid)
}

/// Emissions of losses while `delivered_kwh` were delivered [kg CO2e].
///
/// # Errors
/// When the region is not known or a value cannot be.
pub fn losses(delivered_kwh: f64, round_trip: f64, grid: &Grid) -> Result<f64, CarbonError> {
    let efficiency = positive("round-trip efficiency", round_trip)?;
    if efficiency > 1.0 {
        let expected = "it cannot exceed 1";
        return Err(CarbonError::Value { name: "round-trip efficiency", value: efficiency, expected });
    }
    Ok(not_negative("energy delivered", delivered_kwh)? * (1.0 / efficiency - 1.0) * grid.factor()?)
}

/// Emissions of the end of life [kg CO2e]: what treatment costs less what recovered material spares; negative
/// where more is spared.
///
/// ```text
/// m·b_process − Σ recovered_i·EF_virgin,i·Q
/// ```
///
/// # Errors
/// When the process is not known.
pub fn end_of_life(mass_kg: f64, recovered: &Masses, process: &str) -> Result<f64, CarbonError> {
    let table = &factors::carbon().end_of_life;
    let burden = factors::find(&table.burden_kg_per_kg, "process", process)?.value;
    Ok(not_negative("mass", mass_kg)? * burden - credit(recovered))
}

/// What recovered material spares [kg CO2e].
#[must_use]
pub fn credit(recovered: &Masses) -> f64 {
    let table = factors::carbon();
    let virgin = |material: Material| table.virgin_kg_per_kg.get(&material).map_or(0.0, |f| f.value);
    recovered.iter().map(|(material, kg)| kg * virgin(material)).sum::<f64>()
        * table.end_of_life.quality.value
}

/// Emissions by stage [kg CO2e]; a stage that is left out is `None` and counts nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stages {
    /// Raw material and production.
    pub production: f64,
    /// Distribution.
    pub transportation: Option<f64>,
    /// Losses in use.
    pub use_phase: Option<f64>,
    /// Treatment less credit.
    pub end_of_life: Option<f64>,
}

impl Stages {
    /// Production alone.
    #[must_use]
    pub fn cradle_to_gate(&self) -> f64 {
        self.production
    }

    /// Production and distribution; what interfaces call the total.
    #[must_use]
    pub fn with_distribution(&self) -> f64 {
        self.production + self.transportation.unwrap_or(0.0)
    }

    /// What the regulation has declared: without use.
    #[must_use]
    pub fn eu_declared(&self) -> f64 {
        self.with_distribution() + self.end_of_life.unwrap_or(0.0)
    }

    /// All four stages.
    #[must_use]
    pub fn full_life_cycle(&self) -> f64 {
        self.eu_declared() + self.use_phase.unwrap_or(0.0)
    }
}

/// How much energy a battery delivers over its service life, for the functional unit of 1 kWh.
#[derive(Debug, Clone, PartialEq)]
pub enum Service<'a> {
    /// In a vehicle of a class (`M1`, `L`, `N2`, …) over its warranty.
    Vehicle {
        /// Class.
        class: &'a str,
        /// Warranty [a].
        warranty_years: f64,
    },
    /// Anything with a declared cycle life.
    Cycles(f64),
}

/// Energy delivered over the service life [kWh].
///
/// # Errors
/// When the vehicle class is not known or a value cannot be.
pub fn total_energy_kwh(usable_kwh: f64, service: &Service<'_>) -> Result<f64, CarbonError> {
    let cycles = match service {
        Service::Vehicle { class, warranty_years } => {
            let table = &factors::carbon().functional_unit.cycles_per_year;
            factors::find(table, "vehicle class", class)?.value * positive("warranty", *warranty_years)?
        }
        Service::Cycles(cycles) => positive("cycles", *cycles)?,
    };
    Ok(positive("usable energy", usable_kwh)? * cycles)
}

/// The performance class of a footprint: not before its thresholds are adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoClass;

impl NoClass {
    /// Why there is none.
    #[must_use]
    pub fn reason(self) -> &'static str {
        "thresholds not adopted"
    }
}

/// What in a footprint looks odd against published studies.
#[must_use]
pub fn warnings(stages: &Stages, quality: DataQuality, energy_kwh: f64, chemistry: &str) -> Vec<String> {
    let table = factors::carbon();
    let mut warnings = Vec::new();
    let mut outside = |what: &str, kg: f64, figure: &factors::Figure| {
        let per_kwh = kg / energy_kwh;
        let (low, high) = (figure.low.unwrap_or(f64::NEG_INFINITY), figure.high.unwrap_or(f64::INFINITY));
        if per_kwh < low || per_kwh > high {
            warnings.push(format!("{what} of {per_kwh:.1} kg CO2e/kWh lies outside {low} to {high}"));
        }
    };
    if chemistry != "VRLA" {
        let stage = if quality == DataQuality::Declared { "declared production" } else { "production" };
        outside(stage, stages.production, &table.production.plausible_kg_per_kwh);
        if let Some(kg) = stages.end_of_life {
            outside("end of life", kg, &table.end_of_life.plausible_kg_per_kwh);
        }
    }
    warnings
}
