//! `Idempotency-Key`: a `POST` that is sent again is answered as it was, and done once.

use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use host::platform::{ErrorKind, Once, OnceAnswer};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Where the name of a request stands.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest name.
const KEY_MAX_BYTES: usize = 255;
/// Longest answer that is kept.
const ANSWER_MAX_BYTES: usize = 256 << 10;
/// What is kept of what stands around an answer.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// Does a request with a name once. Behind whatever knows the caller, since names are each caller's own.
pub(super) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let named = request.headers().contains_key(KEY) && request.method() == Method::POST;
    let caller = request.extensions().get::<Caller>().cloned();
    match caller.filter(|_| named) {
        Some(caller) => {
            done_once(&app, &caller, request, next).await.unwrap_or_else(IntoResponse::into_response)
        }
        None => next.run(request).await,
    }
}

/// The same where nobody knows the caller yet.
pub(super) async fn known_once(State(app): State<App>, request: Request, next: Next) -> Response {
    let named = request.headers().contains_key(KEY) && request.method() == Method::POST;
    if !named {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    match Caller::from_request_parts(&mut parts, &app).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            once(State(app), Request::from_parts(parts, body), next).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn done_once(app: &App, caller: &Caller, request: Request, next: Next) -> Result<Response, Problem> {
    let name = request.headers().get(KEY).and_then(|name| name.to_str().ok());
    let name = name.filter(|name| (1..=KEY_MAX_BYTES).contains(&name.len())).map(str::to_owned);
    let name = name.ok_or_else(|| {
        Problem::unfit("Idempotency-Key", format!("must be 1 to {KEY_MAX_BYTES} characters of ASCII"))
    })?;
    let (parts, body) = request.into_parts();
    let too_long = || Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE);
    let body = to_bytes(body, app.settings.body_max_bytes).await.map_err(|_| too_long())?;
    let key = digest(&[caller.counted_as().as_bytes(), name.as_bytes()]);
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let asked = digest(&[target.as_bytes(), &body]);
    match app.platform.once_begin(&key, &asked, app.wall.now()).await? {
        Once::New => {}
        Once::Again(answer) => return Ok(again(answer)),
        Once::Other => {
            let problem = Problem::unfit("Idempotency-Key", "was used for another request");
            return Err(problem.with_status(StatusCode::UNPROCESSABLE_ENTITY));
        }
        Once::Underway => {
            let detail = "a request with this Idempotency-Key is under way";
            return Err(Problem::new(ErrorKind::Conflict, detail));
        }
    }
    // Whoever hangs up does not stop it half way: then its answer would be missing.
    let (app, request) = (app.clone(), Request::from_parts(parts, Body::from(body)));
    let done = tokio::spawn(async move {
        let response = next.run(request).await;
        let (response, answer) = kept(response).await;
        if let Err(error) = app.platform.once_end(&key, answer).await {
            tracing::warn!(%error, "an answer is not kept for its Idempotency-Key");
        }
        response
    });
    Ok(done.await.unwrap_or_else(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()))
}

/// An answer, and what is kept of it: nothing where a second try may go better.
async fn kept(response: Response) -> (Response, Option<OnceAnswer>) {
    let status = response.status();
    if !status.is_success() {
        // Refusals follow from what is there; a second try is looked at anew.
        return (response, None);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_MAX_BYTES).await else {
        let problem = Problem::new(ErrorKind::Broken, "the answer is too long for an Idempotency-Key");
        return (problem.into_response(), None);
    };
    let headers = KEPT.iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let answer = String::from_utf8(body.to_vec()).ok();
    let answer = answer.map(|body| OnceAnswer { status: status.as_u16(), headers: headers.collect(), body });
    (Response::from_parts(parts, Body::from(body)), answer)
}

fn again(answer: OnceAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// SHA-256 over some parts, each with its length before it, in hexadecimal digits.
fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
