//! The battery management family, `/v1`.
//!
//! Current is positive on discharge, as inside. Times are RFC 3339 in whole seconds of UTC. Lists are cut by `limit` and
//! `offset`, as the fields of the document's `pagination` say, though its text calls that cursors.

mod battery;
mod envelope;

use crate::edge::{self, Common, Rate, described};
use crate::server::App;
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
    tags((name = "Batteries")),
)]
struct Document;

/// Every operation, with its description.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(battery::battery_view))
}

/// The family and its document.
pub(crate) fn family(app: &App) -> (Router<App>, utoipa::openapi::OpenApi) {
    let (router, document) = operations().split_for_parts();
    let common = Common { refusal: "ErrorBody", media_type: "application/json", unfit: "400" };
    let rate = Rate::per_hour(app.settings.management_per_hour);
    (edge::family(router, app, envelope::refused, rate), described(document, common))
}
