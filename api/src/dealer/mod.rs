//! The dealer operations family, `/api`: batteries on instalments, consumers, finance, service, messages.
//!
//! Its base is the beginning of the RUL family's `/api/v1`, whose paths win. Money goes to and fro as the decimal digits
//! that were written; days are India's, instants are in whole seconds of UTC. There are no conflicts here: a broken rule
//! is 400. What is another dealer's is 403, as the document has it.

mod analytics;
mod auth;
mod battery;
mod consumer;
mod document;
mod envelope;
mod finance;
pub mod gateway;
mod given;
mod messaging;
mod nbfc;
mod service;
mod testing;
mod wire;

use crate::body;
use crate::caller::Caller;
use crate::edge::{self, Common, Rate, by_source, described, for_everybody_known};
use crate::problem::Problem;
use crate::server::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use envelope::refused_by;
use host::dealership::document::UPLOAD_MAX_BYTES;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Battery finance and service",
        version = "1.0.0",
        description = "Batteries sold on instalments: consumers, loans, collections, service, messages. `Authorization: Bearer` \
            with the token of `/auth/verify-otp`.",
    ),
    servers((url = "/api")),
    components(schemas(envelope::ErrorBody)),
    tags(
        (name = "Authentication"), (name = "Batteries"), (name = "Consumers"), (name = "Finance"), (name = "NBFC"),
        (name = "Service"), (name = "Analytics"), (name = "Messaging"), (name = "Testing"),
    ),
)]
struct Document;

/// Who calls, as the dealership knows it.
#[derive(Debug, Clone)]
struct Member(host::dealership::Member);

impl FromRequestParts<App> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        app.dealership()?.member(caller.known()).await.map(Self).map_err(refused_by)
    }
}

/// Who one is, and one's own session, which nobody is forbidden.
const OWN: [&str; 2] = ["/auth/me", "/auth/logout"];

/// Operations for known callers.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(auth::me))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::dealer_list, auth::dealer_create))
        .routes(routes!(battery::battery_list, battery::battery_create))
        .routes(routes!(battery::health_report))
        .routes(routes!(battery::battery_view))
        .routes(routes!(battery::battery_control))
        .routes(routes!(battery::battery_assign))
        .routes(routes!(consumer::consumer_list, consumer::consumer_create))
        .routes(routes!(consumer::kyc_update))
        .routes(routes!(consumer::kyc_reveal))
        .routes(routes!(consumer::consumer_finance))
        .routes(routes!(consumer::consumer_profile))
        .routes(routes!(document::document_content))
        .routes(routes!(finance::application_list, finance::application_create))
        .routes(routes!(finance::application_approve))
        .routes(routes!(finance::application_disburse))
        .routes(routes!(finance::overdue_list))
        .routes(routes!(finance::auto_disable))
        .routes(routes!(finance::collection_report))
        .routes(routes!(finance::emi_payment))
        .routes(routes!(finance::emi_due))
        .routes(routes!(finance::ledger_view))
        .routes(routes!(nbfc::application_submit))
        .routes(routes!(nbfc::portfolio))
        .routes(routes!(nbfc::collection_submit))
        .routes(routes!(service::ticket_list, service::ticket_create))
        .routes(routes!(service::ticket_active))
        .routes(routes!(service::ticket_assign))
        .routes(routes!(service::ticket_update))
        .routes(routes!(service::ticket_feedback))
        .routes(routes!(service::technician_create))
        .routes(routes!(service::technician_available))
        .routes(routes!(service::auto_assign))
        .routes(routes!(analytics::dealer_dashboard))
        .routes(routes!(analytics::nbfc_portfolio))
        .routes(routes!(analytics::collection_analytics))
        .routes(routes!(analytics::battery_health))
        .routes(routes!(analytics::service_metrics))
        .routes(routes!(messaging::send_sms))
        .routes(routes!(messaging::send_otp))
        .routes(routes!(messaging::battery_status))
        .routes(routes!(messaging::message_list))
}

/// Operations that take documents.
fn uploads() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(document::document_create, document::document_list))
}

/// Logging in.
fn logins() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(auth::login)).routes(routes!(auth::verify_otp))
}

/// What programs call that are known by a signature.
fn hooks() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(nbfc::webhook_status))
}

/// Operations for trying out, for known callers and for everybody.
fn trials(are_wanted: bool) -> (OpenApiRouter<App>, OpenApiRouter<App>) {
    if !are_wanted {
        return (OpenApiRouter::new(), OpenApiRouter::new());
    }
    let known = OpenApiRouter::new()
        .routes(routes!(testing::battery_test))
        .routes(routes!(testing::battery_test_status));
    (known, OpenApiRouter::new().routes(routes!(testing::batteries_test)))
}

/// The family and its document.
pub(crate) fn family(app: &App) -> (Router<App>, utoipa::openapi::OpenApi) {
    let settings = &app.settings;
    let (router, mut document) = operations().split_for_parts();
    let (known_trials, open_trials) = trials(settings.dealer_trials);
    let mut part = |part: OpenApiRouter<App>| {
        let (router, of_part) = part.split_for_parts();
        document.merge(of_part);
        router
    };
    let (uploads, logins, hooks) = (part(uploads()), part(logins()), part(hooks()));
    let (known_trials, open_trials) = (part(known_trials), part(open_trials));
    let uploads = edge::also_counted(uploads, app, Rate::per_minute(settings.dealer_uploads_per_minute));
    let uploads = uploads.layer(DefaultBodyLimit::max(UPLOAD_MAX_BYTES + (64 << 10)));
    let rate = Rate::per_minute(settings.dealer_per_minute);
    let router = router.merge(uploads).merge(known_trials).fallback(body::nowhere);
    let router = edge::guarded(router, app, rate)
        .merge(by_source(logins, app, Rate::per_minute(settings.dealer_logins_per_minute)))
        .merge(by_source(hooks.merge(open_trials), app, rate))
        .method_not_allowed_fallback(body::not_so);
    let common = Common { refusal: "ErrorBody", media_type: "application/json", unfit: "400", json: true };
    let document = for_everybody_known(described(document, common), &OWN);
    (edge::enveloped(router, app, envelope::refused), document)
}
