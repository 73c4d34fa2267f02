//! How long a battery will still serve.

use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::LifeSight;

/// `GET /twins/{id}/forecast`
pub(crate) async fn forecast_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<LifeSight>, Problem> {
    let record = app.twin(&caller, Action::TwinRead, &id).await?;
    Ok(Json(app.platform.forecast(&record).await?))
}
