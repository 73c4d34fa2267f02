//! Requests, counted by route and status. No label names a twin.

use crate::server::App;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::Instant;

/// Bounds of the histogram of seconds.
const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Begins to gather metrics; `None` where something else in this process does already.
pub(crate) fn recorder() -> Option<PrometheusHandle> {
    let name = Matcher::Full("celltide_http_seconds".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(name, &SECONDS).ok()?.install_recorder().ok()
}

/// Counts a request.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().as_str().to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("celltide_http_requests_total", "route" => route, "method" => method, "status" => status)
        .increment(1);
    metrics::histogram!("celltide_http_seconds").record(began.elapsed().as_secs_f64());
    response
}

/// `GET /metrics`
pub(crate) async fn metrics_view(State(app): State<App>) -> Response {
    metrics::gauge!("celltide_twins_awake").set(app.platform.awake() as f64);
    let text = app.metrics.as_ref().map(|handle| {
        handle.run_upkeep();
        handle.render()
    });
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text.unwrap_or_default()).into_response()
}
