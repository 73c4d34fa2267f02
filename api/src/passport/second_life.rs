//! Second lives.

use super::envelope::{ErrorBody, refusal, unfit};
use super::given::Given;
use super::wire::{application, percent, rounded, stamp};
use super::{found, query};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::passport::{NewConversion, NewSecondLife, WhichCandidates};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// What somebody thinks of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarkBody {
    #[schema(required, example = "stationary_storage")]
    target_application: Option<String>,
    /// As whoever asks believes [%]; what is on record counts.
    #[serde(rename = "currentSoH")]
    #[schema(example = 75.0)]
    current_soh: Option<f64>,
    #[schema(example = "retired_from_ev")]
    reason: Option<String>,
    /// [Ah]
    #[schema(example = 187.5)]
    estimated_second_life_capacity: Option<f64>,
    #[schema(example = 2000)]
    estimated_second_life_cycles: Option<f64>,
}

/// Marks a battery for a second life, with what it is worth and good for.
#[utoipa::path(post, path = "/batteries/{batteryId}/second-life", tag = "Second life", request_body = MarkBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "Marked, with the evaluation.", body = Value),
        (status = 400, description = "INVALID_SOH, or BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "INVALID_STATE", body = ErrorBody),
    ))]
pub(super) async fn second_life_mark(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<MarkBody>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportWrite, &id).await?;
    let target = body.target_application.ok_or_else(|| unfit("targetApplication", "has to be given"))?;
    let new = NewSecondLife {
        target: application("targetApplication", &target)?,
        soh: body.current_soh.map(|percent| percent / 100.0),
        reason: body.reason,
        capacity_ah: body.estimated_second_life_capacity,
        cycles: body.estimated_second_life_cycles,
    };
    let done = app.passports.mark(&id, &caller.visibility(), &new, &caller.name()).await.map_err(refusal)?;
    Ok(Json(json!({
        "secondLifeId": done.second_life.id,
        "batteryId": done.passport.battery_id,
        "status": "candidate",
        "evaluation": {
            "suitable": done.evaluation.suitable,
            "recommendedApplication": done.evaluation.recommended,
            "estimatedValue": rounded(done.evaluation.value_usd, 2),
            "currency": "USD",
        },
        "score": rounded(done.evaluation.score, 1),
        "method": "SL-1",
        "factorSet": twin::passport::second_life::second_life_factors().set,
        "checks": done.evaluation.checks.iter().map(|check| json!({
            "rule": check.name, "pass": check.pass, "evidence": check.evidence,
        })).collect::<Vec<_>>(),
        "estimatedSecondLifeCapacity": rounded(done.capacity_ah, 3),
        "estimatedSecondLifeCapacityUnit": "Ah",
        "remainingEnergy": rounded(done.evaluation.remaining_kwh, 3),
        "warnings": done.warnings,
    })))
}

/// Which candidates.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct CandidatesAsked {
    /// [%]
    #[serde(rename = "minSoH")]
    #[param(rename = "minSoH")]
    min_soh: Option<String>,
    /// [%]
    #[serde(rename = "maxSoH")]
    #[param(rename = "maxSoH")]
    max_soh: Option<String>,
    application: Option<String>,
    min_score: Option<String>,
    limit: Option<String>,
    offset: Option<String>,
}

/// Batteries for a second life, the best first.
#[utoipa::path(get, path = "/batteries/second-life/candidates", tag = "Second life", params(CandidatesAsked),
    responses((status = 200, description = "A page: `candidates`, `total`, `limit`, `offset`.", body = Value)))]
pub(super) async fn second_life_candidates(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<CandidatesAsked>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::PassportRead)?;
    let part = query::part(asked.limit.as_deref(), asked.offset.as_deref())?;
    let which = WhichCandidates {
        soh: (
            query::share("minSoH", asked.min_soh.as_deref())?,
            query::share("maxSoH", asked.max_soh.as_deref())?,
        ),
        application: query::named("application", asked.application.as_deref())?,
        score_min: query::number("minScore", asked.min_score.as_deref())?,
    };
    let found = app.passports.candidates(&which, &caller.visibility(), part).await.map_err(refusal)?;
    Ok(Json(json!({
        "candidates": found.items.iter().map(|one| json!({
            "batteryId": one.battery_id, "currentSoH": percent(one.soh), "cycleCount": one.cycles,
            "originalApplication": one.application, "suitabilityScore": rounded(one.score, 1), "marked": one.marked,
        })).collect::<Vec<_>>(),
        "total": found.total, "limit": part.limit, "offset": part.skip,
    })))
}

/// A conversion.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConvertBody {
    #[schema(required, example = "stationary_storage")]
    application: Option<String>,
    new_owner: Option<String>,
    modifications: Option<Vec<String>>,
    /// [Ah]
    usable_capacity: Option<f64>,
    warranty_years: Option<f64>,
    recertification: Option<RecertificationBody>,
}

/// The new certificate.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RecertificationBody {
    standard: Option<String>,
    certificate: Option<String>,
}

/// Converts a battery to a second life.
#[utoipa::path(post, path = "/batteries/{batteryId}/second-life/convert", tag = "Second life",
    request_body = ConvertBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "Converted.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "INVALID_STATE: not suitable, or not now", body = ErrorBody),
    ))]
pub(super) async fn second_life_convert(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<ConvertBody>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportWrite, &id).await?;
    let to = body.application.ok_or_else(|| unfit("application", "has to be given"))?;
    let (standard, certificate) =
        body.recertification.map_or((None, None), |paper| (paper.standard, paper.certificate));
    let new = NewConversion {
        application: application("application", &to)?,
        new_owner: body.new_owner,
        modifications: body.modifications.unwrap_or_default(),
        usable_ah: body.usable_capacity,
        warranty_years: body.warranty_years,
        standard,
        certificate,
    };
    let done =
        app.passports.convert(&id, &caller.visibility(), &new, &caller.name()).await.map_err(refusal)?;
    Ok(Json(json!({
        "conversionId": done.conversion.id,
        "batteryId": done.passport.battery_id,
        "previousApplication": done.conversion.from,
        "newApplication": done.conversion.to,
        "status": done.passport.lifecycle.stage,
        "annexStatus": done.passport.annex_status(),
        "convertedAt": stamp(done.conversion.at),
        "passportId": done.passport.passport_id,
        "eventId": done.event_id,
        "blockchainHash": done.hash,
    })))
}
