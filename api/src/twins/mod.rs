//! The native interface, `/twins/v1`.

mod alerts;
pub(crate) mod commands;
mod forecast;
mod history;
pub(crate) mod reading;
mod runs;
mod telemetry;
mod twin;

use crate::server::App;
use axum::Router;
use axum::routing::{get, patch, post};
use host::store::records::Cursor;
use serde::Serialize;

/// A page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<T> {
    items: Vec<T>,
    /// Where to go on; nothing where the list ends.
    next_cursor: Option<String>,
}

impl<T> Listed<T> {
    pub(crate) fn new(items: Vec<T>, next: Option<Cursor>) -> Self {
        Self { items, next_cursor: next.map(|cursor| cursor.to_string()) }
    }
}

/// Routes below the base path.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/twins", get(twin::twin_list).post(twin::twin_create))
        .route("/twins/{id}", get(twin::twin_view).patch(twin::twin_update).delete(twin::twin_retire))
        .route("/twins/{id}/desired", patch(twin::twin_desire))
        .route("/twins/{id}/commands", get(commands::command_list).post(commands::command_give))
        .route("/twins/{id}/commands/{command}", get(commands::command_view))
        .route("/twins/{id}/telemetry", post(telemetry::telemetry_take))
        .route("/twins/{id}/history", get(history::history_view))
        .route("/twins/{id}/forecast", get(forecast::forecast_view))
        .route("/twins/{id}/events", get(history::events_list).post(telemetry::event_take))
        .route("/runs", get(runs::run_list).post(runs::run_submit))
        .route("/runs/{id}", get(runs::run_view).delete(runs::run_cancel))
        .route("/runs/{id}/results", get(runs::results_view))
        .route("/runs/{id}/results/{file}", get(runs::result_file))
        .route("/alerts", get(alerts::alert_list))
        .route("/alerts/{id}", get(alerts::alert_view))
        .route("/alerts/{id}/acknowledge", post(alerts::alert_acknowledge))
        .route("/alerts/{id}/resolve", post(alerts::alert_resolve))
}
