//! The battery RUL family: UPS batteries in data centres. `/api/v1` here, its live events in [`live`].
//!
//! Current is negative on discharge here, which is turned round at this edge. Internal resistance is in ohms, health and
//! charge are in percent, times are RFC 3339 in whole seconds of UTC. Lists are cut by `skip` and `limit`. What breaks a
//! rule is 400; what has not the shape of a request is 422. Places, strings and positions come from the alias
//! `location` of facility twins and the labels of battery twins (docs/rul.md).

mod access;
mod alert;
mod auth;
mod battery;
mod envelope;
mod given;
pub(crate) mod live;
mod location;
mod user;
mod wire;

use crate::edge::{self, Common, Rate, described, for_everybody_known};
use crate::server::App;
use crate::{body, edge::by_source};
use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Battery RUL prediction",
        version = "1.0.0",
        description = "UPS batteries in data centres: readings, health, remaining life, alerts. `Authorization: Bearer` with \
            the token of `/auth/login`. Live events come over Socket.IO at `/socket.io`.",
    ),
    servers((url = "/api/v1")),
    components(schemas(envelope::ErrorBody)),
    tags((name = "Authentication"), (name = "Users"), (name = "Locations"), (name = "Batteries"), (name = "Alerts")),
)]
struct Document;

/// One's own session and password, which nobody is forbidden.
const OWN: [&str; 3] = ["/auth/me", "/auth/logout", "/auth/change-password"];

/// Operations for known callers.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(auth::logout))
        .routes(routes!(auth::me))
        .routes(routes!(auth::change_password))
        .routes(routes!(user::user_list, user::user_create))
        .routes(routes!(user::user_update, user::user_delete))
        .routes(routes!(location::location_list))
        .routes(routes!(location::location_view))
        .routes(routes!(location::location_batteries))
        .routes(routes!(battery::battery_list))
        .routes(routes!(battery::battery_view))
        .routes(routes!(battery::battery_telemetry))
        .routes(routes!(alert::alert_list))
        .routes(routes!(alert::alert_stats))
        .routes(routes!(alert::alert_view))
        .routes(routes!(alert::alert_acknowledge))
        .routes(routes!(alert::alert_resolve))
}

/// Operations for everybody.
fn public() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(auth::login)).routes(routes!(auth::refresh))
}

/// The family and its document.
pub(crate) fn family(app: &App) -> (Router<App>, utoipa::openapi::OpenApi) {
    let (router, mut document) = operations().split_for_parts();
    let (open, opened) = public().split_for_parts();
    document.merge(opened);
    let common = Common { refusal: "ErrorBody", media_type: "application/json", unfit: "422", json: true };
    let rate = Rate::per_minute(app.settings.rul_per_minute);
    let logins = Rate::per_minute(app.settings.rul_logins_per_minute);
    let router = router.fallback(body::nowhere);
    let router = edge::guarded(router, app, rate).merge(by_source(open, app, logins));
    let router = router.method_not_allowed_fallback(body::not_so);
    let document = for_everybody_known(described(document, common), &OWN);
    (edge::enveloped(router, app, envelope::refused), document)
}
