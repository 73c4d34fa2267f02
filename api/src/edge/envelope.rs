//! Refusals in a family's words.

use crate::problem::Problem;
use crate::server::App;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;
use twin::time::Time;

/// What there is to say about a refusal.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    /// Why.
    pub(crate) problem: &'a Problem,
    /// Name of the request.
    #[allow(dead_code, reason = "not every family names it")]
    pub(crate) request_id: &'a str,
    /// When.
    #[allow(dead_code, reason = "not every family says it")]
    pub(crate) at: Time,
}

/// Status and body of a refusal in a family.
pub(crate) type Envelope = fn(&Refused<'_>) -> (StatusCode, Value);

/// Puts refusals into a family's envelope; their headers stay.
pub(super) async fn enveloped(
    State((app, envelope)): State<(App, Envelope)>,
    request: Request,
    next: Next,
) -> Response {
    let id = request.headers().get("x-request-id").cloned();
    let mut response = next.run(request).await;
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        // Said by a layer or by the router, which know no family.
        None if (status.is_client_error() || status.is_server_error()) && !is_json(&response) => {
            Problem::of_status(status)
        }
        None => return response,
    };
    let request_id = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    let (status, body) = envelope(&Refused { problem: &problem, request_id, at: app.wall.now() });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = Body::from(body.to_string());
    response
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}
