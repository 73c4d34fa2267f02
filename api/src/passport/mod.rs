//! The battery passport family, `/battery-passport/v1`, and the public view of a passport at `/passport/{passportId}`.
//!
//! Health, charge and shares are in percent, energy in kWh, resistance in ohms, emissions in kg CO2e. Times are RFC 3339 in
//! whole seconds of UTC. Lists are cut by `limit` and `offset`. What has not the shape of a request is 422; what cannot be
//! read at all is 400; a health that cannot be is 400 as well (docs/passport.md).

pub(crate) mod address;
mod analytics;
mod batch;
mod battery;
mod carbon;
mod compliance;
mod envelope;
mod event;
mod given;
mod health;
mod later;
mod material;
mod nfc;
mod operation;
mod outward;
mod papers;
pub(crate) mod public;
mod qr;
mod query;
mod record;
mod recycling;
mod report;
mod second_life;
pub(crate) mod stream;
mod trail;
mod webhook;
mod wire;

pub use outward::Outward;

use crate::caller::Caller;
use crate::edge::{self, Common, Rate, described};
use crate::problem::Problem;
use crate::server::App;
use crate::{body, edge::by_source};
use axum::Router;
use host::identity::Action;
use host::passport::record::Passport;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Battery passport",
        version = "1.0.0",
        description = "Registration, life cycle, health, footprint, supply chain, second life and recycling of batteries. \
            `Authorization: Bearer` with an access token of `/oauth/token` (scopes `battery:read`, `battery:write`, \
            `battery:register`, `battery:recycle`, `battery:authority`, `battery:admin`) or `X-API-Key`. Live events come \
            over a WebSocket at `/battery-passport/v1/stream`, and to webhooks. What takes its time is done later where \
            `Prefer: respond-async` (RFC 7240) stands with the request.",
    ),
    servers((url = "/battery-passport/v1")),
    components(schemas(envelope::ErrorBody)),
    tags(
        (name = "Batteries"),
        (name = "Lifecycle"),
        (name = "Carbon"),
        (name = "Supply chain"),
        (name = "Second life"),
        (name = "Recycling"),
        (name = "Compliance"),
        (name = "Analytics"),
        (name = "Digital access"),
        (name = "Webhooks"),
        (name = "Operations"),
        (name = "Public"),
    ),
)]
struct Document;

/// Operations for known callers.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(battery::battery_register))
        .routes(routes!(second_life::second_life_candidates))
        .routes(routes!(battery::battery_search))
        .routes(routes!(battery::battery_view, battery::battery_update))
        .routes(routes!(event::event_track))
        .routes(routes!(health::health_note))
        .routes(routes!(event::lifecycle_history))
        .routes(routes!(health::status_view))
        .routes(routes!(carbon::carbon_calculate))
        .routes(routes!(carbon::transportation_add))
        .routes(routes!(carbon::sustainability_metrics))
        .routes(routes!(material::material_add, material::material_trace))
        .routes(routes!(material::supply_chain_verify))
        .routes(routes!(second_life::second_life_mark))
        .routes(routes!(second_life::second_life_convert))
        .routes(routes!(recycling::end_of_life_declare))
        .routes(routes!(recycling::recycling_schedule))
        .routes(routes!(recycling::recycling_record))
        .routes(routes!(compliance::compliance_validate))
        .routes(routes!(analytics::battery_analytics))
        .routes(routes!(trail::audit_trail))
        .routes(routes!(qr::qr_code))
        .routes(routes!(nfc::nfc_data))
        .routes(routes!(webhook::webhook_create, webhook::webhook_list))
        .routes(routes!(webhook::webhook_view, webhook::webhook_delete))
        .routes(routes!(webhook::webhook_rotate))
        .routes(routes!(webhook::webhook_enable))
        .routes(routes!(operation::operation_view))
        .routes(routes!(operation::operation_result))
}

/// Operations that may take their time: they are done later where a caller prefers that.
fn lengthy() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(batch::battery_batch))
        .routes(routes!(report::carbon_report))
        .routes(routes!(report::sustainability_report))
        .routes(routes!(report::eu_report))
        .routes(routes!(report::passport_export))
        .routes(routes!(analytics::fleet_analytics))
}

/// Operations for everybody.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(public::passport_public)).routes(routes!(report::xml_schema))
}

/// The family and its document.
pub(crate) fn family(app: &App) -> (Router<App>, utoipa::openapi::OpenApi) {
    let (router, mut document) = operations().split_for_parts();
    let (lengthy, prefer) = lengthy().split_for_parts();
    document.merge(later::described(prefer));
    let router = router.merge(later::preferred(lengthy, app));
    let (open, opened) = open().split_for_parts();
    document.merge(opened);
    let common = Common { refusal: "ErrorBody", media_type: "application/json", unfit: "422", json: true };
    let rate = Rate::per_minute(app.settings.passport_per_minute);
    let router = router.fallback(body::nowhere);
    let router = edge::guarded(router, app, rate).merge(by_source(open, app, rate));
    let router = router.method_not_allowed_fallback(body::not_so);
    (edge::enveloped(router, app, envelope::refused), described(document, common))
}

/// The passport of a battery, for somebody who may do so to it. What belongs to others is not there.
async fn found(app: &App, caller: &Caller, action: Action, name: &str) -> Result<Passport, Problem> {
    caller.may(action)?;
    app.passports.find(name, &caller.visibility()).await.map_err(envelope::refusal)
}
