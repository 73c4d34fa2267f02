//! The clock of a simulated fleet.

use crate::body::{Body, span_ms};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::PlatformError;
use host::platform::sight::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the clock stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClockSight {
    now: String,
    simulated: bool,
    speed: f64,
    paused: bool,
}

fn seen(app: &App) -> ClockSight {
    let clock = app.platform.clock();
    let pace = clock.pace();
    ClockSight {
        now: rfc3339(clock.now()),
        simulated: pace.is_some(),
        speed: pace.map_or(1.0, |pace| pace.speed),
        paused: pace.is_some_and(|pace| pace.paused),
    }
}

/// `GET /clock`
#[utoipa::path(get, path = "/clock", tag = "Clock", responses((status = 200, description = "How the clock stands.", body = ClockSight)))]
pub(crate) async fn clock_view(State(app): State<App>, caller: Caller) -> Result<Json<ClockSight>, Problem> {
    caller.may(Action::TwinRead)?;
    Ok(Json(seen(&app)))
}

/// How the clock shall run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Set {
    speed: Option<f64>,
    paused: Option<bool>,
}

/// `PUT /clock`
#[utoipa::path(put, path = "/clock", tag = "Clock", request_body = Set, responses((status = 200, description = "How the clock stands.", body = ClockSight), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn clock_set(
    State(app): State<App>,
    caller: Caller,
    Body(set): Body<Set>,
) -> Result<Json<ClockSight>, Problem> {
    caller.may(Action::SimulationControl)?;
    app.platform.clock().set(set.speed, set.paused).map_err(PlatformError::from)?;
    Ok(Json(seen(&app)))
}

/// By how much the clock shall be advanced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advance {
    /// `90s`, `15m`, `6h` or `1d`.
    by: String,
}

/// `POST /clock/advance`
#[utoipa::path(post, path = "/clock/advance", tag = "Clock", request_body = Advance, responses((status = 200, description = "How the clock stands.", body = ClockSight), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn clock_advance(
    State(app): State<App>,
    caller: Caller,
    Body(advance): Body<Advance>,
) -> Result<Json<ClockSight>, Problem> {
    caller.may(Action::SimulationControl)?;
    let ms = span_ms("by", &advance.by)?;
    app.platform.clock().advance(ms).map_err(PlatformError::from)?;
    Ok(Json(seen(&app)))
}
