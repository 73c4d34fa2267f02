//! Faults of simulated hardware.

use crate::body::{At, Body};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::identity::Action;
use host::platform::fault::{FaultRecord, NewFault};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A fault that somebody wants.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedFault)]
pub(crate) struct Wanted {
    /// Any name of the twin.
    twin: String,
    fault: String,
    metric: Option<String>,
    by: Option<f64>,
    share: Option<f64>,
    slot: Option<u32>,
    for_s: Option<f64>,
}

/// Faults that are there.
#[derive(Debug, Serialize)]
pub(crate) struct Faults {
    items: Vec<FaultRecord>,
}

/// `GET /faults`
#[utoipa::path(get, path = "/faults", tag = "Faults", responses((status = 200, description = "Faults that are there.", body = Value), (status = 409, description = "Hardware here is real.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn fault_list(State(app): State<App>, caller: Caller) -> Result<Json<Faults>, Problem> {
    caller.may(Action::SimulationControl)?;
    Ok(Json(Faults { items: app.platform.faults()? }))
}

/// `POST /faults`
#[utoipa::path(post, path = "/faults", tag = "Faults", request_body = Wanted, responses((status = 201, description = "The fault.", body = Value), (status = 409, description = "Hardware here is real.", body = ProblemBody, content_type = "application/problem+json"), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn fault_inject(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<FaultRecord>), Problem> {
    caller.may(Action::SimulationControl)?;
    let Wanted { twin, fault, metric, by, share, slot, for_s } = wanted;
    let record = app.twin(&caller, Action::TwinRead, &twin).await?;
    let new = NewFault { fault, metric, by, share, slot, for_s };
    let injected = app.platform.inject(record.id, new, &caller.name()).await?;
    Ok((StatusCode::CREATED, Json(injected)))
}

/// `DELETE /faults/{id}`
#[utoipa::path(delete, path = "/faults/{id}", tag = "Faults", params(("id" = String, Path, description = "Id of the fault.")), responses((status = 200, description = "The fault that is gone.", body = Value), (status = 409, description = "Hardware here is real.", body = ProblemBody, content_type = "application/problem+json"), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn fault_lift(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<FaultRecord>, Problem> {
    caller.may(Action::SimulationControl)?;
    Ok(Json(app.platform.lift(&id, &caller.name()).await?))
}
