//! Whether it runs, and whether it can do its work.

use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the platform may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the service calls itself here.
const SERVICE: &str = "backend-api";

/// `GET /health`: the process answers.
pub(crate) async fn health_view(State(app): State<App>) -> Json<Value> {
    let environment = if app.platform.clock().pace().is_some() { "simulation" } else { "production" };
    Json(json!({
        "status": "healthy", "service": SERVICE, "version": env!("CARGO_PKG_VERSION"), "environment": environment,
    }))
}

/// `GET /health/ready`: the store writes and reads, twins' threads do work, and the broker takes connections. Forecasts
/// and twins are parts of this process; they have no addresses of their own.
pub(crate) async fn ready_view(State(app): State<App>) -> Response {
    let why = match tokio::time::timeout(PATIENCE, app.platform.check()).await {
        Ok(Ok(())) => broker(&app).await.err(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Some("Database connection failed: the platform does not answer as it should")
        }
        Err(_) => Some("Database connection failed: the platform does not answer in time"),
    };
    match why {
        None => Json(json!({
            "status": "ready", "service": SERVICE, "database": "connected", "ml_pipeline": "internal",
            "digital_twin": "internal",
        }))
        .into_response(),
        Some(error) => {
            let body = json!({ "status": "not_ready", "service": SERVICE, "error": error });
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], Json(body)).into_response()
        }
    }
}

/// Whether the broker takes connections, where there is one.
async fn broker(app: &App) -> Result<(), &'static str> {
    let Some(address) = app.broker.get() else { return Ok(()) };
    match tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err("Broker connection failed"),
        Err(_) => Err("Broker does not answer in time"),
    }
}
