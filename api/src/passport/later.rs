//! `Prefer: respond-async` (RFC 7240): what takes its time is accepted with 202 and done beside.
//!
//! ```text
//!  request with Prefer ──► Operations::accept ──► 202, Location
//!                                └──► Desk: the same handlers, with the caller as it was known ──► kept, told
//! ```
//!
//! What is done later is the request itself, so that there is one way to answer it.

use super::envelope::{refusal, refused, unread};
use super::operation::{location, standing};
use crate::body::{Raw, must_be_json};
use crate::caller::Caller;
use crate::edge;
use crate::problem::Problem;
use crate::server::App;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use host::passport::{Asked, Doer, Done, Operation};
use host::webhook::Soon;
use serde::de::IgnoredAny;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use tower::ServiceExt;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::{ContentBuilder, OpenApi, RefOr, ResponseBuilder, schema};

/// What a caller prefers, and what of it is done.
const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const ASYNC: &str = "respond-async";
/// What of a request's head matters to its answer.
const ASKED: [HeaderName; 3] = [header::HOST, header::CONTENT_TYPE, header::ACCEPT];
/// What of an answer's head is kept.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_DISPOSITION, header::LOCATION];

/// The operation that a request is done for, where nobody waits for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Later(Option<Arc<str>>);

impl Later {
    /// The step that a part of the request is; none where somebody waits.
    pub(super) fn step(&self, number: usize) -> Option<String> {
        self.0.as_ref().map(|id| Operation::step(id, number))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Later {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

fn prefers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).into_iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    preferences.any(|one| one.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(ASYNC)))
}

fn kept(headers: &HeaderMap, names: &[HeaderName]) -> Vec<(String, String)> {
    let kept = names
        .iter()
        .filter_map(|name| Some((name.as_str().to_owned(), headers.get(name)?.to_str().ok()?.to_owned())));
    kept.collect()
}

async fn accepted(app: &App, caller: &Caller, request: Request) -> Result<Response, Problem> {
    // What cannot be read at all need not wait to be refused.
    if request.method() == Method::POST {
        must_be_json(request.headers())?;
    }
    let mut asked = Asked {
        method: request.method().as_str().to_owned(),
        target: request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: kept(request.headers(), &ASKED),
        body: Vec::new(),
    };
    let Raw(body) = Raw::from_request(request, app).await?;
    if !body.is_empty() {
        let read: Result<IgnoredAny, _> = serde_json::from_slice(&body);
        read.map_err(|error| unread("body", error.to_string()))?;
    }
    asked.body = body.to_vec();
    let operation = app.operations()?.accept(caller.known(), asked).await.map_err(refusal)?;
    let mut response = standing(StatusCode::ACCEPTED, &operation);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(location(&operation)) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(APPLIED, HeaderValue::from_static(ASYNC));
    Ok(response)
}

async fn later(State(app): State<App>, caller: Caller, request: Request, next: Next) -> Response {
    if !prefers(request.headers()) {
        return next.run(request).await;
    }
    accepted(&app, &caller, request).await.unwrap_or_else(IntoResponse::into_response)
}

/// The handlers, for requests that nobody waits for.
#[derive(Clone)]
struct Desk(Router);

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

impl Doer for Desk {
    fn perform(&self, operation: &Operation, asked: Asked) -> Soon<Done> {
        let router = self.0.clone();
        let (caller, id) = (operation.caller.clone(), operation.id.clone());
        Box::pin(async move {
            let mut request = Request::builder().method(asked.method.as_str()).uri(&asked.target);
            for (name, value) in &asked.headers {
                request = request.header(name, value);
            }
            // The name of the request is the operation's.
            request = request.header("x-request-id", id.as_ref());
            let request = request.extension(Caller::of(caller)).extension(Later(Some(id)));
            let response = match request.body(Body::from(asked.body)) {
                Ok(request) => router.oneshot(request).await.unwrap_or_else(|never| match never {}),
                Err(_) => StatusCode::BAD_REQUEST.into_response(),
            };
            let (parts, body) = response.into_parts();
            let status = parts.status.as_u16();
            match to_bytes(body, usize::MAX).await {
                Ok(body) => Done { status, headers: kept(&parts.headers, &KEPT), body: body.to_vec() },
                Err(_) => Done { status: 500, headers: Vec::new(), body: Vec::new() },
            }
        })
    }
}

/// Operations of which some are done later, from now on those too that were accepted before. Within a tokio runtime.
pub(super) fn preferred(lengthy: Router<App>, app: &App) -> Router<App> {
    if let Ok(operations) = app.operations() {
        let desk = edge::worded(lengthy.clone(), app, refused).with_state(app.clone());
        operations.begin(Arc::new(Desk(desk)));
    }
    lengthy.route_layer(middleware::from_fn_with_state(app.clone(), later))
}

/// A document of operations that may be done later, with what is said of that.
pub(super) fn described(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            let prefer = ParameterBuilder::new()
                .name("Prefer")
                .parameter_in(ParameterIn::Header)
                .description(Some("`respond-async` (RFC 7240): it is done later."))
                .schema(Some(schema::Object::with_type(schema::Type::String)))
                .build();
            operation.parameters.get_or_insert_with(Vec::new).push(RefOr::T(prefer));
            let content = ContentBuilder::new().schema(Some(schema::Object::new())).build();
            let accepted = ResponseBuilder::new()
                .description("Accepted, and done later: `Location` leads to how it stands, `Preference-Applied` says so.")
                .content("application/json", content)
                .build();
            operation.responses.responses.insert("202".to_owned(), RefOr::T(accepted));
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_read_wherever_it_stands() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(PREFER, HeaderValue::from_static(value));
            }
            prefers(&headers)
        };
        assert!(of(&["respond-async"]));
        assert!(of(&["return=minimal, Respond-Async; foo=bar, wait=10"]));
        assert!(of(&["wait=10", "respond-async"]));
        assert!(!of(&[]) && !of(&["wait=10"]) && !of(&["respond-asynchronously"]));
    }
}
