//! The facts of a passport, in the chain of all facts.

use super::envelope::{ErrorBody, refusal};
use super::wire::stamp;
use super::{found, query};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

/// Which part.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditAsked {
    limit: Option<String>,
    offset: Option<String>,
}

/// Facts of a passport, hashed again and checked against those around them.
#[utoipa::path(get, path = "/batteries/{batteryId}/audit-trail", tag = "Compliance",
    params(("batteryId" = String, Path, description = "Any name of the battery."), AuditAsked),
    responses(
        (status = 200, description = "`chain`, `valid`, `head`.", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn audit_trail(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<AuditAsked>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRead, &id).await?;
    let part = query::part(asked.limit.as_deref(), asked.offset.as_deref())?;
    let trail = app.passports.audit_trail(&id, &caller.visibility(), (part.skip, part.limit)).await;
    let trail = trail.map_err(refusal)?;
    Ok(Json(json!({
        "batteryId": trail.passport.battery_id,
        "ledger": "local-hash-chain",
        "chain": trail.links.iter().map(|link| json!({
            "seq": link.sequence, "revision": link.revision, "type": link.kind, "timestamp": stamp(link.at),
            "hash": link.hash, "prevHash": link.previous, "actor": link.actor,
        })).collect::<Vec<_>>(),
        "valid": trail.valid,
        "head": trail.head,
        "total": trail.total, "limit": part.limit, "offset": part.skip,
    })))
}
