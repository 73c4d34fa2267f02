//! Operations that are done later: how they stand, and what they were answered.

use super::envelope::{ErrorBody, refusal};
use super::wire::stamp;
use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::passport::{Operation, OperationState};
use serde_json::{Value, json};

/// Seconds after which it is worth asking again.
const AGAIN_S: u64 = 1;

/// Where an operation is found.
pub(super) fn location(operation: &Operation) -> String {
    format!("/battery-passport/v1/operations/{}", operation.id)
}

/// How an operation stands; what is not known yet is null.
pub(super) fn told(operation: &Operation) -> Value {
    let is_done = operation.state == OperationState::Completed;
    json!({
        "operationId": operation.id,
        "status": operation.state.as_str(),
        "request": format!("{} {}", operation.method, operation.target),
        "created": stamp(operation.created),
        "started": operation.started.map(stamp),
        "finished": operation.finished.map(stamp),
        "expires": operation.expires.map(stamp),
        "resultUrl": is_done.then(|| format!("{}/result", location(operation))),
        "error": operation.error.as_ref().map(|body| body.get("error").unwrap_or(body)),
    })
}

/// An operation as it stands, with when to ask again where it is not over.
pub(super) fn standing(status: StatusCode, operation: &Operation) -> Response {
    let mut response = (status, Json(told(operation))).into_response();
    if operation.finished.is_none() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(AGAIN_S));
    }
    response
}

/// How an operation stands.
#[utoipa::path(get, path = "/operations/{operationId}", tag = "Operations",
    params(("operationId" = String, Path, description = "As `Location` said.")),
    responses(
        (status = 200, description = "`status` is `pending`, `running`, `completed` or `failed`; then `resultUrl`, or `error`.", body = Value),
        (status = 404, description = "NOT_FOUND: there is none of the caller's, or no longer", body = ErrorBody),
    ))]
pub(super) async fn operation_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Response, Problem> {
    let operation = app.operations()?.operation(caller.known(), &id).await.map_err(refusal)?;
    Ok(standing(StatusCode::OK, &operation))
}

/// What an operation was answered, as the request would have been.
#[utoipa::path(get, path = "/operations/{operationId}/result", tag = "Operations",
    params(("operationId" = String, Path, description = "As `Location` said.")),
    responses(
        (status = 200, description = "The answer, for seven days.", body = Value),
        (status = 404, description = "NOT_FOUND: there is none of the caller's, or no longer", body = ErrorBody),
        (status = 409, description = "INVALID_STATE: it is not there yet, or the operation failed", body = ErrorBody),
    ))]
pub(super) async fn operation_result(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Response, Problem> {
    let (operation, body) = app.operations()?.answer(caller.known(), &id).await.map_err(refusal)?;
    let status = operation.status.and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), body).into_response();
    for (name, value) in &operation.answer_headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
