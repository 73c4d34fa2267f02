//! Whether it runs, and whether it can do its work.

use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::platform::ErrorKind;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /health`: the process answers.
pub(crate) async fn health_view() -> Json<Value> {
    Json(json!({ "status": "healthy", "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET /health/ready`: the store answers too.
pub(crate) async fn ready_view(State(app): State<App>) -> Result<Json<Value>, Problem> {
    match tokio::time::timeout(PATIENCE, app.platform.check()).await {
        Ok(Ok(())) => Ok(Json(json!({ "status": "ready", "store": "ok" }))),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Err(Problem::new(ErrorKind::Unavailable, "the store does not answer as it should"))
        }
        Err(_) => Err(Problem::new(ErrorKind::Unavailable, "the store does not answer in time")),
    }
}
