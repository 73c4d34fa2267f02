//! Materials, and what can be shown of where they come from.

use super::envelope::{ErrorBody, refusal, unfit};
use super::given::Given;
use super::wire::{percent, rounded, stamp};
use super::{found, query};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::identity::Action;
use host::passport::record::MaterialSource;
use host::passport::{NewMaterial, SupplyChain};
use serde::Deserialize;
use serde_json::{Value, json};
use twin::passport::sourcing::{METHOD, Outcome};
use utoipa::{IntoParams, ToSchema};

/// A material and its source.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MaterialBody {
    #[schema(required, example = "cobalt")]
    name: Option<String>,
    #[schema(example = "Co")]
    symbol: Option<String>,
    /// Share of the battery's mass [%].
    percentage: Option<f64>,
    weight: Option<f64>,
    /// `kg`, `g` or `t`; `kg` where nobody says.
    unit: Option<String>,
    recycled_content: Option<RecycledBody>,
    #[schema(required)]
    source: Option<SourceBody>,
}

/// Recycled shares of a material [%].
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecycledBody {
    pre_consumer: Option<f64>,
    post_consumer: Option<f64>,
}

/// A source.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceBody {
    #[schema(required, example = "CD")]
    country: Option<String>,
    mine: Option<String>,
    #[schema(required, example = "Umicore")]
    supplier: Option<String>,
    #[schema(example = json!(["RMI"]))]
    certifications: Option<Vec<String>>,
    certificate_valid_to: Option<String>,
    ethical_sourcing: Option<bool>,
    conflict_free: Option<bool>,
}

impl MaterialBody {
    fn material(self) -> Result<NewMaterial, Problem> {
        let need = |field: &str| unfit(field, "has to be given");
        let source = self.source.ok_or_else(|| need("source"))?;
        let kg = match self.unit.as_deref().unwrap_or("kg") {
            "kg" => 1.0,
            "g" => 1e-3,
            "t" => 1000.0,
            other => return Err(unfit("unit", format!("{other:?} is none of kg, g, t"))),
        };
        let share = |pick: fn(&RecycledBody) -> Option<f64>| {
            self.recycled_content.as_ref().and_then(pick).map(|percent| percent / 100.0)
        };
        Ok(NewMaterial {
            name: self.name.ok_or_else(|| need("name"))?,
            symbol: self.symbol,
            share_pct: self.percentage,
            mass_kg: self.weight.map(|weight| weight * kg),
            recycled_pre: share(|recycled| recycled.pre_consumer),
            recycled_post: share(|recycled| recycled.post_consumer),
            country: source.country.ok_or_else(|| need("source.country"))?,
            mine: source.mine,
            supplier: source.supplier.ok_or_else(|| need("source.supplier"))?,
            certifications: source.certifications.unwrap_or_default(),
            certified_until: query::date(
                "source.certificateValidTo",
                source.certificate_valid_to.as_deref(),
            )?,
            ethical: source.ethical_sourcing,
            conflict_free: source.conflict_free,
        })
    }
}

/// Adds a material and its source.
#[utoipa::path(post, path = "/batteries/{batteryId}/materials", tag = "Supply chain", request_body = MaterialBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 201, description = "Recorded: `materialId`, `blockchainHash`.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn material_add(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<MaterialBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    found(&app, &caller, Action::PassportWrite, &id).await?;
    let new = body.material()?;
    let done = app.passports.add_material(&id, &caller.visibility(), &new, &caller.name()).await;
    let (passport, source, hash) = done.map_err(refusal)?;
    let told = json!({
        "materialId": source.id, "batteryId": passport.battery_id, "name": source.given.name,
        "recorded": stamp(source.recorded_at), "blockchainHash": hash, "ledger": "local-hash-chain",
    });
    Ok((StatusCode::CREATED, Json(told)))
}

/// Of which material.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TraceAsked {
    /// A name or symbol.
    material: Option<String>,
}

fn traced(source: &MaterialSource, hash: Option<&str>) -> Value {
    let by = [("mine", source.given.mine.as_deref()), ("supplier", Some(source.given.supplier.as_str()))];
    let chain: Vec<Value> = by
        .into_iter()
        .filter_map(|(stage, name)| {
            Some(json!({ "stage": stage, "name": name?, "country": source.given.country }))
        })
        .collect();
    json!({
        "materialId": source.id,
        "name": source.given.name,
        "symbol": source.given.symbol,
        "weight": source.given.mass_kg,
        "unit": "kg",
        "percentage": source.given.share_pct,
        "recycledContent": {
            "preConsumer": source.given.recycled_pre.map(percent), "postConsumer": source.given.recycled_post.map(percent),
        },
        "source": {
            "country": source.given.country, "mine": source.given.mine, "supplier": source.given.supplier,
            "certifications": source.given.certifications, "certificateValidTo": source.given.certified_until,
            "ethicalSourcing": source.given.ethical, "conflictFree": source.given.conflict_free,
        },
        "chain": chain,
        "recorded": stamp(source.recorded_at),
        "blockchainHash": hash,
    })
}

/// Materials with their sources.
#[utoipa::path(get, path = "/batteries/{batteryId}/materials", tag = "Supply chain",
    params(("batteryId" = String, Path, description = "Any name of the battery."), TraceAsked),
    responses(
        (status = 200, description = "`materials` and `traceabilityCoverage` [%].", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn material_trace(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<TraceAsked>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRead, &id).await?;
    let told = app.passports.traced(&id, &caller.visibility(), asked.material.as_deref()).await;
    let told = told.map_err(refusal)?;
    Ok(Json(json!({
        "batteryId": told.passport.battery_id,
        "materials": told.materials.iter().map(|(source, hash)| traced(source, hash.as_deref())).collect::<Vec<_>>(),
        "traceabilityCoverage": percent(told.coverage),
    })))
}

/// What can be shown of a supply chain.
pub(crate) fn supply_chain_body(told: &SupplyChain) -> Value {
    let verification = &told.verification;
    let status = |outcome: Outcome| match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Missing => "missing",
    };
    json!({
        "batteryId": told.passport.battery_id,
        "verified": verification.verified,
        "score": rounded(verification.score, 1),
        "method": METHOD,
        "checks": verification.checks.iter().map(|check| json!({
            "material": check.material.name(), "rule": check.rule, "status": status(check.outcome),
            "evidence": check.evidence,
        })).collect::<Vec<_>>(),
        "coverage": percent(verification.coverage),
        "ethicalSourcing": verification.ethical,
        "conflictFreeCobalt": verification.conflict_free_cobalt.unwrap_or(true),
        "conflictFreeCobaltNotApplicable": verification.conflict_free_cobalt.is_none(),
        "certifications": verification.certifications,
        "verifiedAt": stamp(told.at),
    })
}

/// Verifies what is on record of a supply chain.
#[utoipa::path(get, path = "/batteries/{batteryId}/supply-chain", tag = "Supply chain",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "Check by check.", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn supply_chain_verify(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRead, &id).await?;
    let told = app.passports.supply_chain(&id, &caller.visibility()).await.map_err(refusal)?;
    Ok(Json(supply_chain_body(&told)))
}
