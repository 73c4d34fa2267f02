//! The end of a battery.

use super::envelope::{ErrorBody, refusal, unfit};
use super::given::Given;
use super::wire::{PlaceBody, instant, kg, percent, rounded, stamp};
use super::{found, query};
use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::identity::Action;
use host::passport::{NewEndOfLife, NewResults, NewSchedule};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use twin::passport::material::Masses;
use twin::passport::recovery::Expected;
use utoipa::ToSchema;

/// A declaration.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndBody {
    #[schema(required, example = "capacity_below_threshold")]
    reason: Option<String>,
    declared_at: Option<String>,
    /// [%]; the twin's where nobody says.
    #[serde(rename = "finalSoH")]
    final_soh: Option<f64>,
    location: Option<PlaceBody>,
}

fn masses(masses: &Masses) -> Value {
    let told = masses.present().map(|(material, mass)| (material.name().to_owned(), json!(kg(mass))));
    Value::Object(told.collect::<Map<_, _>>())
}

fn expected(expected: &Expected, process: &str) -> Value {
    json!({
        "massBased": percent(expected.mass_based),
        "metalsOnly": percent(expected.metals_only),
        "byMaterial": masses(&expected.recovered),
        "unit": "kg",
        "process": process,
        "factorSet": twin::passport::factors::materials().set,
    })
}

/// Declares a battery to be waste.
#[utoipa::path(post, path = "/batteries/{batteryId}/end-of-life", tag = "Recycling", request_body = EndBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "Declared, with what is expected to come back.", body = Value),
        (status = 400, description = "INVALID_SOH, or BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "INVALID_STATE", body = ErrorBody),
    ))]
pub(super) async fn end_of_life_declare(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<EndBody>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRecycle, &id).await?;
    let new = NewEndOfLife {
        reason: body.reason.ok_or_else(|| unfit("reason", "has to be given"))?,
        at: instant("declaredAt", body.declared_at.as_deref())?,
        final_soh: body.final_soh.map(|percent| percent / 100.0),
        location: body.location.map(Into::into),
    };
    let done =
        app.passports.declare_end(&id, &caller.visibility(), &new, &caller.name()).await.map_err(refusal)?;
    Ok(Json(json!({
        "endOfLifeId": done.end.id,
        "batteryId": done.passport.battery_id,
        "status": done.passport.lifecycle.stage,
        "reason": done.end.reason,
        "finalSoH": percent(done.end.final_soh),
        "declaredAt": stamp(done.end.at),
        "expectedRecovery": expected(&done.expected, done.process),
        "eventId": done.event_id,
    })))
}

/// An appointment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScheduleBody {
    #[schema(required, example = "Duesenfeld, Wendeburg")]
    facility: Option<String>,
    scheduled_date: Option<String>,
    /// `hydro`, `pyro`, `direct` or `smelting`; what is usual for the chemistry where nobody says.
    process: Option<String>,
    transport: Option<String>,
}

/// Appoints a battery that is waste for recycling.
#[utoipa::path(post, path = "/batteries/{batteryId}/recycling/schedule", tag = "Recycling",
    request_body = ScheduleBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 201, description = "Appointed.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "INVALID_STATE: it is no waste", body = ErrorBody),
    ))]
pub(super) async fn recycling_schedule(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<ScheduleBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    found(&app, &caller, Action::PassportRecycle, &id).await?;
    let new = NewSchedule {
        facility: body.facility.ok_or_else(|| unfit("facility", "has to be given"))?,
        on: query::date("scheduledDate", body.scheduled_date.as_deref())?,
        process: body.process,
        transport: body.transport,
    };
    let done = app.passports.schedule_recycling(&id, &caller.visibility(), &new, &caller.name()).await;
    let done = done.map_err(refusal)?;
    let materials: Vec<Value> = done
        .expected
        .recovered
        .present()
        .map(|(material, mass)| json!({ "name": material.name(), "expected": kg(mass), "unit": "kg" }))
        .collect();
    let told = json!({
        "recyclingId": done.recycling.id,
        "batteryId": done.passport.battery_id,
        "facility": done.recycling.facility,
        "scheduledDate": done.recycling.scheduled_on,
        "process": done.recycling.process,
        "status": "scheduled",
        "expectedMaterials": materials,
        "factorSet": twin::passport::factors::materials().set,
    });
    Ok((StatusCode::CREATED, Json(told)))
}

/// Results.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultsBody {
    recycling_id: Option<String>,
    /// [kg]
    #[schema(required, example = 499)]
    input_mass: Option<f64>,
    #[schema(required)]
    materials: Option<Vec<RecoveredBody>>,
    completed_at: Option<String>,
    process: Option<String>,
}

/// What came out.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RecoveredBody {
    #[schema(example = "nickel")]
    name: String,
    /// [kg]
    #[schema(example = 60.1)]
    recovered: f64,
}

/// Records what came out of a battery.
#[utoipa::path(post, path = "/batteries/{batteryId}/recycling/results", tag = "Recycling",
    request_body = ResultsBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "Recorded, and held to the targets of its day.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "INVALID_STATE: it is no waste", body = ErrorBody),
    ))]
pub(super) async fn recycling_record(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<ResultsBody>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRecycle, &id).await?;
    let materials = body.materials.ok_or_else(|| unfit("materials", "has to be given"))?;
    let new = NewResults {
        recycling_id: body.recycling_id,
        input_kg: body.input_mass.ok_or_else(|| unfit("inputMass", "has to be given"))?,
        recovered: materials.into_iter().map(|one| (one.name, one.recovered)).collect(),
        at: instant("completedAt", body.completed_at.as_deref())?,
        process: body.process,
    };
    let done = app.passports.record_recycling(&id, &caller.visibility(), &new, &caller.name()).await;
    let done = done.map_err(refusal)?;
    let rates = done
        .achieved
        .rates
        .iter()
        .map(|(material, rate)| (material.name().to_owned(), json!(percent(*rate))));
    Ok(Json(json!({
        "recyclingId": done.recycling_id,
        "batteryId": done.passport.battery_id,
        "recyclingEfficiency": percent(done.achieved.efficiency),
        "recoveryRates": Value::Object(rates.collect::<Map<_, _>>()),
        "meetsTargets": done.achieved.targets.iter().map(|target| json!({
            "rule": target.rule, "material": target.material.map(|material| material.name()),
            "target": percent(target.target), "actual": percent(target.actual), "pass": target.pass,
            "appliesFrom": target.applies_from,
        })).collect::<Vec<_>>(),
        "carbonCredit": rounded(done.credit_kg, 2),
        "carbonCreditUnit": "kg CO2e",
        "status": done.passport.lifecycle.stage,
        "factorSet": twin::passport::factors::materials().set,
    })))
}
