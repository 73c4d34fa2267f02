//! The battery management family, `/v1`.
//!
//! Current is positive on discharge, as inside. Times are RFC 3339 in whole seconds of UTC. Lists are cut by `limit` and
//! `offset`, as the fields of the document's `pagination` say, though its text calls that cursors.

mod alert;
mod analytics;
mod battery;
mod cabinet;
mod envelope;
mod page;
mod reading;
mod span;

use crate::edge::{self, Common, Rate, described, of_several_names};
use crate::server::App;
use crate::when::rounded;
use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Battery management platform",
        description = "EV batteries and swapping cabinets: readings, slots, analytics, alerts. \
            `Authorization: Bearer` with an access token of `/oauth/token` (scopes `fleet:read`, `fleet:write`) or an API key.",
    ),
    servers((url = "/v1")),
    components(schemas(envelope::ErrorBody)),
    tags(
        (name = "Batteries"),
        (name = "Battery Readings"),
        (name = "Swapping Cabinets"),
        (name = "Analytics"),
        (name = "Alerts"),
    ),
)]
struct Document;

/// Every operation, with its description.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(battery::battery_list, battery::battery_create))
        .routes(routes!(battery::battery_view, battery::battery_update))
        .routes(routes!(reading::battery_distance))
        .routes(routes!(reading::battery_mean_power))
        .routes(routes!(analytics::battery_health_below))
        .routes(routes!(reading::battery_readings))
        .routes(routes!(reading::battery_latest))
        .routes(routes!(reading::battery_cells))
        .routes(routes!(cabinet::cabinet_list))
        .routes(routes!(cabinet::cabinet_view))
        .routes(routes!(cabinet::slot_list))
        .routes(routes!(cabinet::slot_update))
        .routes(routes!(cabinet::cabinet_metrics))
        .routes(routes!(cabinet::cabinet_energy))
        .routes(routes!(analytics::fleet_health))
        .routes(routes!(analytics::fleet_active))
        .routes(routes!(analytics::fleet_usage))
        .routes(routes!(alert::alert_list))
}

/// The family and its document.
pub(crate) fn family(app: &App) -> (Router<App>, utoipa::openapi::OpenApi) {
    let (router, document) = operations().split_for_parts();
    let common = Common { refusal: "ErrorBody", media_type: "application/json", unfit: "400", json: true };
    let rate = Rate::per_hour(app.settings.management_per_hour);
    let document = of_several_names(described(document, common), common, |path| {
        path.contains("{batteryId}") || path.contains("{cabinetId}")
    });
    (edge::family(router, app, envelope::refused, rate), document)
}
