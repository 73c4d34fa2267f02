//! The report of a footprint.

use super::VerificationBody;
use crate::passport::wire::{kg, stamp};
use crate::when::rounded;
use host::passport::CarbonReport;
use host::passport::record::{Footprint, Passport, Transport};
use serde::Serialize;
use twin::passport::carbon::NoClass;
use twin::time::Time;
use utoipa::ToSchema;

/// How footprints are reckoned.
const METHODOLOGY: &str = "ISO 14067";

/// What emissions are told per.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FunctionalUnit {
    /// One kilowatt hour of the total energy that the battery delivers over its service life.
    unit: &'static str,
    /// How the energy is reckoned.
    basis: String,
    /// [kWh]
    delivered_energy: f64,
    /// Declared value per unit [kg CO2e/kWh].
    value: f64,
}

/// Sums over stages [kg CO2e].
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Totals {
    cradle_to_gate: f64,
    with_distribution: f64,
    eu_declared: f64,
    full_life_cycle: f64,
}

/// Emissions of a stage of life.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StageBody {
    #[schema(example = "production")]
    stage: &'static str,
    /// [kg CO2e]
    co2e: f64,
    /// [kg CO2e/kWh delivered]
    per_functional_unit: f64,
    /// Whether it is part of the declared value.
    declared: bool,
}

/// A transport of the battery.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReportedTransport)]
struct TransportBody {
    transport_id: String,
    from: String,
    to: String,
    /// [km]
    distance: f64,
    transport_mode: String,
    /// [kg]
    weight: f64,
    /// [kg CO2e/(t km)]
    emission_factor: f64,
    /// [kg CO2e]
    co2e: f64,
    #[schema(format = DateTime)]
    timestamp: String,
}

/// Range that published studies find of batteries like it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Uncertainty {
    /// [kg CO2e]
    low: f64,
    /// [kg CO2e]
    high: f64,
    basis: &'static str,
}

/// The carbon report of a battery.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CarbonDocument {
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    passport_id: String,
    #[schema(format = Date)]
    report_date: String,
    #[serde(rename = "totalCO2e")]
    total_co2e: f64,
    unit: &'static str,
    functional_unit: FunctionalUnit,
    totals: Totals,
    stages: Vec<StageBody>,
    transports: Vec<TransportBody>,
    methodology: &'static str,
    ruleset: &'static str,
    factor_set: String,
    /// Electricity in use [kg CO2e/kWh].
    grid_emission_factor: f64,
    grid_region: Option<String>,
    /// `declared` by the maker or `estimated` from the factor set.
    data_quality: &'static str,
    /// Null until thresholds are adopted.
    performance_class: Option<String>,
    performance_class_reason: &'static str,
    uncertainty: Option<Uncertainty>,
    #[schema(format = DateTime)]
    calculated_at: String,
    warnings: Vec<String>,
    verification: VerificationBody,
}

fn stages(footprint: &Footprint) -> Vec<StageBody> {
    let (raw, production) = (footprint.raw_material_kg, footprint.production_kg);
    let all = [
        ("rawMaterial", raw, true),
        ("production", Some(production - raw.unwrap_or(0.0)), true),
        ("transportation", footprint.transportation_kg, true),
        ("endOfLife", footprint.end_of_life_kg, true),
        ("usePhase", footprint.use_phase_kg, false),
    ];
    let each = |(stage, co2e, declared): (&'static str, Option<f64>, bool)| {
        let co2e = co2e?;
        let per_functional_unit = rounded(co2e / footprint.delivered_kwh, 6);
        Some(StageBody { stage, co2e: kg(co2e), per_functional_unit, declared })
    };
    all.into_iter().filter_map(each).collect()
}

fn transport(leg: &Transport) -> TransportBody {
    TransportBody {
        transport_id: leg.id.clone(),
        from: leg.from.clone(),
        to: leg.to.clone(),
        distance: rounded(leg.distance_km, 3),
        transport_mode: leg.mode.clone(),
        weight: rounded(leg.mass_kg, 3),
        emission_factor: leg.factor_kg_per_t_km,
        co2e: kg(leg.co2e_kg),
        timestamp: stamp(leg.at),
    }
}

pub(super) fn day(at: Time) -> String {
    stamp(at).get(..10).unwrap_or_default().to_owned()
}

impl CarbonDocument {
    /// The report as it is written.
    pub(crate) fn of(report: &CarbonReport, head: Option<String>) -> Self {
        Self::new(&report.passport, &report.footprint, report.band_kg, report.at, head)
    }

    pub(super) fn new(
        passport: &Passport,
        footprint: &Footprint,
        band_kg: Option<(f64, f64)>,
        at: Time,
        head: Option<String>,
    ) -> Self {
        let sums = footprint.stages();
        Self {
            battery_id: passport.battery_id.clone(),
            passport_id: passport.passport_id.clone(),
            report_date: day(at),
            total_co2e: kg(sums.with_distribution()),
            unit: "kg CO2e",
            functional_unit: FunctionalUnit {
                unit: "1 kWh of the total energy delivered over the service life",
                basis: footprint.functional_unit.clone(),
                delivered_energy: rounded(footprint.delivered_kwh, 1),
                value: rounded(sums.eu_declared() / footprint.delivered_kwh, 6),
            },
            totals: Totals {
                cradle_to_gate: kg(sums.cradle_to_gate()),
                with_distribution: kg(sums.with_distribution()),
                eu_declared: kg(sums.eu_declared()),
                full_life_cycle: kg(sums.full_life_cycle()),
            },
            stages: stages(footprint),
            transports: passport.transports.iter().map(transport).collect(),
            methodology: METHODOLOGY,
            ruleset: "EU 2023/1542 Annex II",
            factor_set: footprint.factor_set.clone(),
            grid_emission_factor: footprint.grid_kg_per_kwh,
            grid_region: footprint.grid_region.clone(),
            data_quality: if footprint.declared { "declared" } else { "estimated" },
            performance_class: None,
            performance_class_reason: NoClass.reason(),
            uncertainty: band_kg.map(|(low, high)| Uncertainty {
                low: kg(low),
                high: kg(high),
                basis: "range of published studies, production and end of life",
            }),
            calculated_at: stamp(footprint.at),
            warnings: footprint.warnings.clone(),
            verification: VerificationBody::of(head),
        }
    }
}
