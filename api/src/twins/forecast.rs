//! How long a battery will still serve.

use crate::body::At;
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::LifeSight;

/// `GET /twins/{id}/forecast`
#[utoipa::path(get, path = "/twins/{id}/forecast", tag = "Twins", params(("id" = String, Path, description = "Any name of the twin.")), responses((status = 200, description = "Remaining life.", body = Value), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn forecast_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<LifeSight>, Problem> {
    let record = app.twin(&caller, Action::TwinRead, &id).await?;
    Ok(Json(app.platform.forecast(&record).await?))
}
