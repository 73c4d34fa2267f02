//! Footprints, transports, and the reports of them.

use super::envelope::{ErrorBody, refusal, unfit};
use super::found;
use super::given::{Given, Perhaps};
use super::record::{breakdown, footprint, per_unit, totals};
use super::wire::{instant, kg, percent, rounded, shares, stamp};
use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::passport::record::Footprint;
use host::passport::{CarbonAsked, CarbonReport, NewTransport, SustainabilityReport};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use twin::passport::material::Material;
use utoipa::ToSchema;

/// What counts in a footprint; everything, where nobody says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CalculateBody {
    #[schema(example = true)]
    include_transportation: Option<bool>,
    #[schema(example = true)]
    include_use_phase: Option<bool>,
    #[schema(example = true)]
    include_end_of_life: Option<bool>,
    /// Electricity of use [kg CO2e/kWh]; stronger than the region.
    #[schema(example = 0.459)]
    grid_emission_factor: Option<f64>,
    /// Region of use.
    #[schema(example = "KR")]
    grid_region: Option<String>,
    /// Class of the vehicle that it is in: `M1`, `L`, `N2` …
    vehicle_class: Option<String>,
}

/// Computes the footprint of a battery and keeps it.
#[utoipa::path(post, path = "/batteries/{batteryId}/carbon/calculate", tag = "Carbon", request_body = CalculateBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "The footprint by stage; `totalCO2e` is production and transportation.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn carbon_calculate(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Perhaps(body): Perhaps<CalculateBody>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportWrite, &id).await?;
    let asked = CarbonAsked {
        transportation: body.include_transportation.unwrap_or(true),
        use_phase: body.include_use_phase.unwrap_or(true),
        end_of_life: body.include_end_of_life.unwrap_or(true),
        grid_kg_per_kwh: body.grid_emission_factor,
        region: body.grid_region,
        vehicle_class: body.vehicle_class,
    };
    let done = app.passports.footprint(&id, &caller.visibility(), &asked, &caller.name()).await;
    let (passport, known) = done.map_err(refusal)?;
    let mut told = footprint(&known);
    told["batteryId"] = json!(passport.battery_id);
    told["gridEmissionFactor"] = json!(known.grid_kg_per_kwh);
    told["gridRegion"] = json!(known.grid_region);
    told["productionGridRegion"] = json!(known.making_region);
    told["warnings"] = json!(known.warnings);
    Ok(Json(told))
}

/// A transport.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransportBody {
    #[schema(required, example = "Seoul, KR")]
    from: Option<String>,
    #[schema(required, example = "Berlin, DE")]
    to: Option<String>,
    #[schema(required, example = 8500)]
    distance: Option<f64>,
    /// `km`, `mi` or `nmi`; `km` where nobody says.
    #[schema(example = "km")]
    distance_unit: Option<String>,
    /// `ship`, `rail`, `truck`, `road`, `air` or `inland_waterway`.
    #[schema(required, example = "ship")]
    transport_mode: Option<String>,
    #[schema(required, example = 250)]
    weight: Option<f64>,
    /// `kg`, `t` or `lb`; `kg` where nobody says.
    #[schema(example = "kg")]
    weight_unit: Option<String>,
    #[schema(example = "2025-01-11T08:00:00Z")]
    timestamp: Option<String>,
    /// Factor that the carrier states [kg CO2e per t km].
    emission_factor: Option<f64>,
}

impl TransportBody {
    fn transport(self) -> Result<NewTransport, Problem> {
        let need = |field: &str| unfit(field, "has to be given");
        let km = match self.distance_unit.as_deref().unwrap_or("km") {
            "km" => 1.0,
            "mi" => 1.609_344,
            "nmi" => 1.852,
            other => return Err(unfit("distanceUnit", format!("{other:?} is none of km, mi, nmi"))),
        };
        let kg = match self.weight_unit.as_deref().unwrap_or("kg") {
            "kg" => 1.0,
            "t" => 1000.0,
            "lb" => 0.453_592_37,
            other => return Err(unfit("weightUnit", format!("{other:?} is none of kg, t, lb"))),
        };
        Ok(NewTransport {
            from: self.from.ok_or_else(|| need("from"))?,
            to: self.to.ok_or_else(|| need("to"))?,
            distance_km: km * self.distance.ok_or_else(|| need("distance"))?,
            mode: self.transport_mode.ok_or_else(|| need("transportMode"))?,
            mass_kg: kg * self.weight.ok_or_else(|| need("weight"))?,
            at: instant("timestamp", self.timestamp.as_deref())?,
            factor_kg_per_t_km: self.emission_factor,
        })
    }
}

/// Adds a transport to the footprint of a battery.
#[utoipa::path(post, path = "/batteries/{batteryId}/carbon/transportation", tag = "Carbon",
    request_body = TransportBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "Its emissions, and the footprint with it.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn transportation_add(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<TransportBody>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportWrite, &id).await?;
    let new = body.transport()?;
    let done = app.passports.add_transport(&id, &caller.visibility(), &new, &caller.name()).await;
    let done = done.map_err(refusal)?;
    Ok(Json(json!({
        "transportId": done.transport.id,
        "batteryId": done.passport.battery_id,
        "co2e": kg(done.transport.co2e_kg),
        "unit": "kg CO2e",
        "emissionFactor": done.transport.factor_kg_per_t_km,
        "totalCO2eUpdated": kg(done.footprint.stages().with_distribution()),
        "factorSet": done.footprint.factor_set,
        "plausibilityWarnings": done.warnings,
    })))
}

/// A stage of a footprint, in a report.
fn stage(name: &str, value: Option<f64>, known: &Footprint) -> Option<Value> {
    let value = value?;
    Some(json!({
        "stage": name, "co2e": kg(value), "perKWhDelivered": rounded(value / known.delivered_kwh, 5),
    }))
}

/// The report of a footprint.
pub(crate) fn carbon_report_body(report: &CarbonReport) -> Value {
    let (passport, known) = (&report.passport, &report.footprint);
    let main = known.raw_material_kg.map(|raw| known.production_kg - raw);
    let stages = [
        stage("raw_material_acquisition", known.raw_material_kg, known),
        stage("main_production", main.or(Some(known.production_kg)), known),
        stage("distribution", known.transportation_kg, known),
        stage("end_of_life", known.end_of_life_kg, known),
        stage("use_phase_outside_declaration", known.use_phase_kg, known),
    ];
    json!({
        "batteryId": passport.battery_id,
        "passportId": passport.passport_id,
        "reportDate": stamp(report.at).get(..10),
        "functionalUnit": known.functional_unit,
        "perFunctionalUnit": per_unit(known),
        "totalCO2e": kg(known.stages().with_distribution()),
        "unit": "kg CO2e",
        "breakdown": breakdown(known),
        "totals": totals(known),
        "stages": stages.into_iter().flatten().collect::<Vec<_>>(),
        "transports": passport.transports.iter().map(|leg| json!({
            "transportId": leg.id, "from": leg.from, "to": leg.to, "distance": leg.distance_km, "distanceUnit": "km",
            "transportMode": leg.mode, "weight": leg.mass_kg, "weightUnit": "kg",
            "emissionFactor": leg.factor_kg_per_t_km, "co2e": kg(leg.co2e_kg), "timestamp": stamp(leg.at),
        })).collect::<Vec<_>>(),
        "gridEmissionFactor": known.grid_kg_per_kwh,
        "gridRegion": known.grid_region,
        "methodology": "ISO 14067",
        "ruleset": "EU 2023/1542 Annex II",
        "factorSet": known.factor_set,
        "dataQuality": if known.declared { "declared" } else { "estimated" },
        "uncertainty": report.band_kg.map(|(low, high)| json!({
            "low": kg(low), "high": kg(high), "of": "production and end of life, by published studies",
        })),
        "verification": { "verified": false, "verifier": Value::Null },
        "warnings": known.warnings,
    })
}

/// The sustainability report of a battery.
pub(crate) fn sustainability_body(report: &SustainabilityReport) -> Value {
    let recycled = [Material::Nickel, Material::Cobalt, Material::Lithium, Material::Lead];
    let contents = report.passport.contents();
    let recycled = recycled.into_iter().filter(|material| contents[*material] > 0.0).map(|material| {
        let share = report.recycled.get(&material).copied().map(percent);
        (material.name().to_owned(), json!(share))
    });
    let back = percent(report.recovery.mass_based);
    json!({
        "batteryId": report.passport.battery_id,
        "reportDate": stamp(report.at).get(..10),
        "carbonFootprint": {
            "totalCO2e": report.footprint.as_ref().map(|f| kg(f.stages().with_distribution())),
            "unit": "kg CO2e",
            "recyclability": back,
            "factorSet": report.footprint.as_ref().map(|f| f.factor_set.as_str()),
        },
        "materialSourcing": {
            "ethicalSourcing": report.sourcing.ethical,
            "conflictFreeCobalt": report.sourcing.conflict_free_cobalt.unwrap_or(true),
            "conflictFreeCobaltNotApplicable": report.sourcing.conflict_free_cobalt.is_none(),
            "certifications": report.sourcing.certifications,
            "method": twin::passport::sourcing::METHOD,
        },
        "circularEconomy": {
            "recycledContent": Value::Object(recycled.collect::<Map<_, _>>()),
            "endOfLifeRecoveryRate": back,
            "recovery": {
                "massBased": back, "metalsOnly": percent(report.recovery.metals_only),
                "process": report.process, "basis": if report.achieved { "achieved" } else { "expected" },
            },
        },
        "euCompliance": {
            "batteryRegulation": report.compliance.compliant,
            "regulationVersion": "2023/1542",
            "complianceScore": rounded(report.compliance.score, 1),
            "method": twin::passport::compliance::METHOD,
        },
    })
}

/// Figures of sustainability.
#[utoipa::path(get, path = "/batteries/{batteryId}/sustainability/metrics", tag = "Carbon",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "The figures; null where there is no method.", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn sustainability_metrics(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRead, &id).await?;
    let told = app.passports.sustainability_metrics(&id, &caller.visibility()).await.map_err(refusal)?;
    Ok(Json(json!({
        "batteryId": told.passport.battery_id,
        "co2ePerKWh": told.per_kwh.map(|value| rounded(value, 3)),
        "co2ePerKWhDelivered": told.per_kwh_delivered.map(|value| rounded(value, 5)),
        "recycledContent": shares(&told.recycled),
        "recyclability": percent(told.recovery.mass_based),
        "endOfLifeRecoveryRate": percent(told.recovery.mass_based),
        "metalsRecoveryRate": percent(told.recovery.metals_only),
        "energyEfficiency": told.efficiency.map(percent),
        "energyEfficiencyBasis": told.efficiency_by,
        "circularityIndex": rounded(told.circularity, 1),
        "waterFootprint": Value::Null,
        "factorSet": told.factor_set,
        "calculatedAt": stamp(told.at),
    })))
}
