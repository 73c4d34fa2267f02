//! What lies around the handlers of an interface family, once for all of them.
//!
//! ```text
//!  request ──► enveloped: refusals in the family's words ──► guarded: who calls, how often, whether twice ──► handlers
//! ```
//!
//! Handlers, extractors and layers refuse with a [`Problem`](crate::problem::Problem); what that looks like in a family
//! is one function of the family, an [`Envelope`]. So a mistake in a body, an unknown path, a wrong method, a missing
//! token and a limit are refused alike.

pub(crate) mod condition;
mod describe;
mod envelope;
mod json;
mod once;
mod rate;

pub(crate) use describe::{Common, described, described_each_time, for_everybody_known, of_several_names};
pub(crate) use envelope::{Envelope, Refused};
pub(crate) use json::JsonBody;
pub(crate) use rate::{Buckets, Rate};

use crate::body;
use crate::server::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use std::sync::Arc;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// Longest body of a request to a family in bytes; only native telemetry may be longer.
const BODY_MAX_BYTES: usize = 1 << 20;

/// Lets only known callers in, counts them against a rate, and answers a repeated `POST` once. Everything in the router,
/// its fallback included, is behind that.
pub(crate) fn guarded(router: Router<App>, app: &App, rate: Option<Rate>) -> Router<App> {
    let rates = rate.map(|rate| Arc::new(rate::Buckets::new(rate)));
    router.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state((app.clone(), rates), rate::known_and_counted))
            .layer(middleware::from_fn_with_state(app.clone(), once::once)),
    )
}

/// Counts some requests of a guarded router by themselves as well. Within the guard, which knows the callers.
pub(crate) fn also_counted(router: Router<App>, app: &App, rate: Option<Rate>) -> Router<App> {
    let Some(rate) = rate else { return router };
    let buckets = Arc::new(rate::Buckets::new(rate));
    router.layer(middleware::from_fn_with_state((app.clone(), buckets), rate::also_counted))
}

/// Counts requests of callers that are not known yet, by where they come from.
pub(crate) fn by_source(router: Router<App>, app: &App, rate: Option<Rate>) -> Router<App> {
    let Some(rate) = rate else { return router };
    let buckets = Arc::new(rate::Buckets::new(rate));
    router.layer(middleware::from_fn_with_state((app.clone(), buckets), rate::counted_by_source))
}

/// Answers a repeated `POST` once, for handlers that know their callers themselves.
pub(crate) fn done_once(router: Router<App>, app: &App) -> Router<App> {
    router.layer(middleware::from_fn_with_state(app.clone(), once::known_once))
}

/// Gives refusals of a router their envelope, and nothing else: for requests that nobody waits for.
pub(crate) fn worded(router: Router<App>, app: &App, envelope: Envelope) -> Router<App> {
    router.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state((app.clone(), envelope), envelope::enveloped))
            .layer(CatchPanicLayer::new()),
    )
}

/// Gives a family its fallbacks, its limits and its envelope.
pub(crate) fn enveloped(router: Router<App>, app: &App, envelope: Envelope) -> Router<App> {
    let timeout = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, app.settings.timeout);
    router.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state((app.clone(), envelope), envelope::enveloped))
            .layer(DefaultBodyLimit::max(BODY_MAX_BYTES.min(app.settings.body_max_bytes)))
            .layer(CatchPanicLayer::new())
            .layer(timeout),
    )
}

/// A family all of whose paths are for known callers.
pub(crate) fn family(router: Router<App>, app: &App, envelope: Envelope, rate: Option<Rate>) -> Router<App> {
    let router = router.method_not_allowed_fallback(body::not_so).fallback(body::nowhere);
    enveloped(guarded(router, app, rate), app, envelope)
}
