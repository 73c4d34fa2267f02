//! How this family says no: `{"error": {"code", "message"}}`.

use crate::edge::Refused;
use crate::problem::Problem;
use axum::http::StatusCode;
use host::platform::{ErrorKind, PlatformError};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    error: Error,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
struct Error {
    /// For programs.
    #[schema(example = "BATTERY_NOT_FOUND")]
    code: &'static str,
    /// For people.
    message: String,
}

/// The code of a refusal that has no narrower one.
fn code(kind: ErrorKind, status: StatusCode) -> &'static str {
    match (kind, status) {
        (_, StatusCode::METHOD_NOT_ALLOWED) => "METHOD_NOT_ALLOWED",
        (_, StatusCode::UNPROCESSABLE_ENTITY) => "IDEMPOTENCY_KEY_REUSED",
        (ErrorKind::Unfit, _) => "VALIDATION_ERROR",
        (ErrorKind::Unknown, _) => "UNAUTHORIZED",
        (ErrorKind::Forbidden, _) => "FORBIDDEN",
        (ErrorKind::Absent | ErrorKind::Gone, _) => "NOT_FOUND",
        (ErrorKind::Conflict, _) => "CONFLICT",
        (ErrorKind::TooMany, _) => "RATE_LIMIT_EXCEEDED",
        (ErrorKind::Unavailable, _) => "SERVICE_UNAVAILABLE",
        (ErrorKind::Broken, _) => "INTERNAL_ERROR",
    }
}

/// Status and body of a refusal.
pub(super) fn refused(refused: &Refused<'_>) -> (StatusCode, Value) {
    let problem = refused.problem;
    let status = match problem.kind() {
        // The document knows no 410: what was retired is not there.
        ErrorKind::Gone => StatusCode::NOT_FOUND,
        _ => problem.status(),
    };
    let code = problem.code().unwrap_or_else(|| code(problem.kind(), status));
    let body = ErrorBody { error: Error { code, message: problem.detail().to_owned() } };
    (status, serde_json::to_value(body).unwrap_or_default())
}

/// There is no such battery.
pub(super) fn battery_absent(problem: Problem) -> Problem {
    problem.coded(ErrorKind::Absent, "BATTERY_NOT_FOUND")
}

/// There is no such cabinet.
pub(super) fn cabinet_absent(problem: Problem) -> Problem {
    problem.coded(ErrorKind::Absent, "CABINET_NOT_FOUND")
}

/// Another battery has the code.
pub(super) fn code_taken(error: PlatformError) -> Problem {
    match error {
        error @ PlatformError::Taken { .. } => {
            Problem::from(error).coded(ErrorKind::Conflict, "DUPLICATE_BATTERY_CODE")
        }
        error => battery_absent(error.into()),
    }
}

/// Why a slot is not set.
pub(super) fn slot_refused(error: PlatformError) -> Problem {
    let problem = Problem::from(error).coded(ErrorKind::Conflict, "SLOT_CONFLICT");
    problem.coded(ErrorKind::Absent, "SLOT_NOT_FOUND")
}
