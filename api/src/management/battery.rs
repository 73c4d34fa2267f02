//! Batteries: list, register, look, change, and what follows from their readings.

use super::envelope::ErrorBody;
use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::ErrorKind;
use host::platform::door::Kind;
use serde::Serialize;
use utoipa::ToSchema;

/// A battery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Battery {
    id: String,
    name: Option<String>,
}

/// One battery.
#[utoipa::path(
    get, path = "/batteries/{batteryId}", tag = "Batteries",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses((status = 200, body = Battery), (status = 404, body = ErrorBody, description = "BATTERY_NOT_FOUND")),
)]
pub(super) async fn battery_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Battery>, Problem> {
    let found = app.twin_of(&caller, Action::FleetRead, Some(Kind::Battery), &id).await;
    let record = found.map_err(|problem| problem.coded(ErrorKind::Absent, "BATTERY_NOT_FOUND"))?;
    Ok(Json(Battery { id: record.id.to_string(), name: record.name }))
}
