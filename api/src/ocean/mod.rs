//! The ocean plastic family, `/ocean-plastic-track/v1`: batches from the sea to their end, devices, facilities, figures,
//! reports, notifications.
//!
//! The same paths are found under `/v1`, as the document's examples have them; labels lead to `/qr/{batch}` and
//! `/batch/{batch}` at the root. Objects are answered at the top level and once more under `data`, since the document shows
//! both. Weights are in kilograms, distances in kilometres, times RFC 3339 in whole seconds of UTC.

mod analytics;
mod batch;
mod credential;
mod device;
mod envelope;
mod facility;
mod given;
mod notification;
mod outside;
mod page;
mod paper;
mod public;
mod report;
mod search;
mod stream;
mod tier;
mod wire;

pub use outside::Outward;
pub use tier::{Settings, Tier};

use crate::body;
use crate::edge::{self, Common, Rate, by_source, described};
use crate::problem::Problem;
use crate::server::App;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use host::platform::ErrorKind;
use utoipa::OpenApi;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Requests a minute that somebody unknown may make from one address.
const STRANGERS_PER_MINUTE: u32 = 120;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ocean plastic tracking",
        version = "1.0.0",
        description = "Plastic from the sea to its end: batches and their custody, devices, facilities, figures, reports, \
            notifications. `Authorization: Bearer`, `ApiKey` or `DeviceToken`; scopes `read:batches`, `write:batches` and so on.",
    ),
    servers((url = "/ocean-plastic-track/v1")),
    components(schemas(envelope::ErrorBody)),
    tags(
        (name = "Batches"), (name = "Devices"), (name = "Facilities"), (name = "Analytics"), (name = "Reports"),
        (name = "Search"), (name = "Notifications"), (name = "Credentials"),
    ),
)]
struct Document;

/// Operations for known callers.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(batch::batch_list, batch::batch_create))
        .routes(routes!(batch::batch_view, batch::batch_delete))
        .routes(routes!(batch::batch_status))
        .routes(routes!(batch::batch_split))
        .routes(routes!(batch::batch_journey))
        .routes(routes!(device::device_list, device::device_create))
        .routes(routes!(device::device_report))
        .routes(routes!(device::device_status))
        .routes(routes!(facility::facility_list, facility::facility_create))
        .routes(routes!(facility::facility_view))
        .routes(routes!(facility::facility_receive))
        .routes(routes!(analytics::collection_view))
        .routes(routes!(analytics::environmental_view))
        .routes(routes!(report::report_create))
        .routes(routes!(report::report_view))
        .routes(routes!(search::batch_search))
        .routes(routes!(notification::subscription_list))
        .routes(routes!(notification::subscription_create))
        .routes(routes!(notification::subscription_view, notification::subscription_delete))
        .routes(routes!(notification::subscription_rotate))
        .routes(routes!(notification::subscription_enable))
        .routes(routes!(credential::api_key_create))
}

/// Operations for everybody.
fn public() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(credential::device_token_create))
        .routes(routes!(report::report_download))
}

/// Where the family is found.
pub(crate) struct Family {
    /// Below its base path.
    pub(crate) router: Router<App>,
    /// The same, to stand beside others.
    pub(crate) alias: Router<App>,
    /// At the root.
    pub(crate) root: Router<App>,
    /// Its document.
    pub(crate) document: utoipa::openapi::OpenApi,
}

/// The family.
pub(crate) fn family(app: &App) -> Family {
    let (known, mut document) = operations().split_for_parts();
    let (open, opened) = public().split_for_parts();
    document.merge(opened);
    let common = Common { refusal: "ErrorBody", media_type: "application/json", unfit: "422", json: true };
    let strangers = Rate::per_minute(STRANGERS_PER_MINUTE);
    let known = tier::counted(edge::guarded(known, app, None), app);
    let around = |router: Router<App>| {
        let router = router.layer(middleware::from_fn(versioned));
        edge::enveloped(router, app, envelope::refused)
    };
    let operations = known.merge(by_source(open, app, strangers)).method_not_allowed_fallback(body::not_so);
    // Streams know their callers themselves, and may take as long as they like.
    let streams = Router::new().route("/stream", get(stream::stream_open));
    let alias = around(operations).merge(streams);
    let nowhere = around(Router::new().fallback(body::nowhere));
    let root = Router::new()
        .route("/reports/{reportId}/download", get(report::report_download))
        .route("/qr/{batchId}", get(public::label_view))
        .route("/batch/{batchId}", get(public::journey_page))
        .method_not_allowed_fallback(body::not_so);
    let root = around(by_source(root, app, strangers));
    Family {
        router: alias.clone().merge(nowhere),
        alias,
        root,
        document: with_unread(described(document, common)),
    }
}

/// Every operation refuses what it cannot read, and another version of the interface.
fn with_unread(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for item in document.paths.paths.values_mut() {
        let all = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in all.into_iter().flatten() {
            let mut unread = vec![("400", "The body is no JSON, or `X-API-Version` another than 1.")];
            if operation.request_body.is_some() {
                unread.push(("413", "The body is too long."));
                unread.push(("415", "The body is not `application/json`."));
            }
            for (status, what) in unread {
                let schema = Ref::from_schema_name("ErrorBody");
                let content = ContentBuilder::new().schema(Some(schema)).build();
                let response = ResponseBuilder::new().description(what).content("application/json", content);
                operation.responses.responses.insert(status.to_owned(), RefOr::T(response.build()));
            }
        }
    }
    document
}

/// Refuses another major version of the interface.
async fn versioned(request: Request, next: Next) -> Response {
    let version = request.headers().get("x-api-version");
    let is_known = version.is_none_or(|version| {
        version.to_str().is_ok_and(|version| version.trim().split('.').next() == Some("1"))
    });
    if is_known {
        return next.run(request).await;
    }
    let problem = Problem::unfit("X-API-Version", "is another than 1.0.0");
    let problem = problem.coded(ErrorKind::Unfit, envelope::VALIDATION);
    problem.with_status(StatusCode::BAD_REQUEST).into_response()
}
