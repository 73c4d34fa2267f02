//! Faults of simulated hardware.

use crate::body::{At, Body};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::identity::Action;
use host::platform::fault::{FaultRecord, NewFault};
use serde::{Deserialize, Serialize};

/// A fault that somebody wants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
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
pub(crate) async fn fault_list(State(app): State<App>, caller: Caller) -> Result<Json<Faults>, Problem> {
    caller.may(Action::SimulationControl)?;
    Ok(Json(Faults { items: app.platform.faults()? }))
}

/// `POST /faults`
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
pub(crate) async fn fault_lift(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<FaultRecord>, Problem> {
    caller.may(Action::SimulationControl)?;
    Ok(Json(app.platform.lift(&id, &caller.name()).await?))
}
