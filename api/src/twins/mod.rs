//! The native interface, `/twins/v1`.

mod alerts;
pub(crate) mod commands;
mod forecast;
mod history;
pub(crate) mod reading;
mod runs;
mod schema;
mod telemetry;
mod twin;

use crate::edge::{Common, described, described_each_time, of_several_names};
use crate::problem::ProblemBody;
use crate::server::App;
use crate::{clock, faults, identity, live};
use axum::Router;
use host::store::records::Cursor;
use serde::Serialize;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Celltide twins",
        description = "The native interface. Times are RFC 3339 or milliseconds; lists are read by `limit` and `cursor`; \
            refusals are `application/problem+json`.",
    ),
    servers((url = "/twins/v1")),
    components(schemas(ProblemBody)),
    tags((name = "Twins"), (name = "Commands"), (name = "Telemetry"), (name = "Alerts"), (name = "Clock"), (name = "Faults"), (name = "Runs"), (name = "Live"), (name = "Administration")),
)]
struct Document;

/// Routes below the base path, and their document.
pub(crate) fn routes() -> (Router<App>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(twin::twin_list, twin::twin_create))
        .routes(routes!(twin::twin_view, twin::twin_update, twin::twin_retire))
        .routes(routes!(twin::twin_desire))
        .routes(routes!(commands::command_list, commands::command_give))
        .routes(routes!(commands::command_view))
        .routes(routes!(telemetry::telemetry_take))
        .routes(routes!(history::history_view))
        .routes(routes!(forecast::forecast_view))
        .routes(routes!(history::events_list, telemetry::event_take))
        .routes(routes!(runs::run_list, runs::run_submit))
        .routes(routes!(runs::run_view, runs::run_cancel))
        .routes(routes!(runs::results_view))
        .routes(routes!(runs::result_file))
        .routes(routes!(faults::fault_list, faults::fault_inject))
        .routes(routes!(faults::fault_lift))
        .routes(routes!(alerts::alert_list))
        .routes(routes!(alerts::alert_view))
        .routes(routes!(alerts::alert_acknowledge))
        .routes(routes!(alerts::alert_resolve))
        .routes(routes!(clock::clock_view, clock::clock_set))
        .routes(routes!(clock::clock_advance))
        .split_for_parts();
    // Served beside these: streams know no time-out, and administration has a state of its own.
    document.merge(live::routes().split_for_parts().1);
    let common =
        Common { refusal: "ProblemBody", media_type: "application/problem+json", unfit: "400", json: false };
    let administration = identity::administration().split_for_parts().1;
    let mut document = of_several_names(described(document, common), common, |path| {
        path.starts_with("/twins/{id}") || ["/alerts", "/events", "/ws"].contains(&path)
    });
    document.merge(described_each_time(administration, Common { json: true, ..common }));
    (router, document)
}
