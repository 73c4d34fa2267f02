//! How this family says no: `{"error": {"code", "message", "statusCode", "timestamp", "requestId", "details"}}`.

use super::wire::stamp;
use crate::edge::Refused;
use crate::problem::Problem;
use axum::http::StatusCode;
use host::passport::PassportError;
use host::platform::ErrorKind;
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
#[serde(rename_all = "camelCase")]
struct Error {
    /// For programs.
    #[schema(example = "BATTERY_NOT_FOUND")]
    code: &'static str,
    /// For people.
    #[schema(example = "Battery with ID BAT-2025-LI-999999 not found")]
    message: String,
    /// The status of the answer.
    #[schema(example = 404)]
    status_code: u16,
    /// When.
    #[schema(example = "2025-01-15T10:00:00Z")]
    timestamp: String,
    /// Name of the request.
    #[schema(example = "req-abc123")]
    request_id: String,
    /// Field by field, where fields are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail>,
}

/// A field and what is wrong with it.
#[derive(Debug, Serialize, ToSchema)]
struct Detail {
    field: String,
    reason: String,
}

/// The code of a refusal that has no narrower one.
fn code(kind: ErrorKind, status: StatusCode) -> &'static str {
    match (kind, status) {
        (_, StatusCode::METHOD_NOT_ALLOWED) => "METHOD_NOT_ALLOWED",
        (_, StatusCode::UNPROCESSABLE_ENTITY) => "VALIDATION_ERROR",
        (ErrorKind::Unfit, _) => "BAD_REQUEST",
        (ErrorKind::Unknown, _) => "UNAUTHORIZED",
        (ErrorKind::Forbidden, _) => "FORBIDDEN",
        (ErrorKind::Absent | ErrorKind::Gone, _) => "NOT_FOUND",
        (ErrorKind::Conflict, _) => "INVALID_STATE",
        (ErrorKind::TooMany, _) => "RATE_LIMITED",
        (ErrorKind::Unavailable, _) => "SERVICE_UNAVAILABLE",
        (ErrorKind::Broken, _) => "INTERNAL_ERROR",
    }
}

/// Status and body of a refusal.
pub(super) fn refused(refused: &Refused<'_>) -> (StatusCode, Value) {
    let problem = refused.problem;
    let status = match (problem.kind(), problem.status()) {
        // The document knows no 410: what was retired is not there.
        (ErrorKind::Gone, _) => StatusCode::NOT_FOUND,
        // What was read and makes no sense, a path and a query as well; what could not be read has a code of its own.
        (ErrorKind::Unfit, StatusCode::BAD_REQUEST) if problem.code().is_none() => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        (_, status) => status,
    };
    let details = match problem.details() {
        [] => problem.field().map(|field| Detail { field: field.to_owned(), reason: reason(problem, field) }),
        _ => None,
    };
    let details = details.into_iter().chain(
        problem
            .details()
            .iter()
            .map(|(field, reason)| Detail { field: field.clone(), reason: reason.clone() }),
    );
    let error = Error {
        code: problem.code().unwrap_or_else(|| code(problem.kind(), status)),
        message: problem.detail().to_owned(),
        status_code: status.as_u16(),
        timestamp: stamp(refused.at),
        request_id: refused.request_id.to_owned(),
        details: details.collect(),
    };
    (status, serde_json::to_value(ErrorBody { error }).unwrap_or_default())
}

/// What is wrong with the one field, without its name before it.
fn reason(problem: &Problem, field: &str) -> String {
    let detail = problem.detail();
    detail.strip_prefix(field).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(detail).to_owned()
}

/// Something that cannot be read at all.
pub(super) fn unread(field: &str, reason: impl Into<String>) -> Problem {
    Problem::unfit(field, reason).coded(ErrorKind::Unfit, "BAD_REQUEST")
}

/// A field that has not the shape that it should have.
pub(super) fn unfit(field: impl Into<String>, reason: impl Into<String>) -> Problem {
    Problem::unfit(field, reason).with_status(StatusCode::UNPROCESSABLE_ENTITY)
}

/// Several such.
pub(super) fn unfits(faults: Vec<(String, String)>) -> Problem {
    let told: Vec<String> = faults.iter().map(|(field, reason)| format!("{field}: {reason}")).collect();
    Problem::new(ErrorKind::Unfit, told.join("; "))
        .with_status(StatusCode::UNPROCESSABLE_ENTITY)
        .with_details(faults)
}

/// What the passports refuse, in this family's codes.
pub(super) fn refusal(error: PassportError) -> Problem {
    let kind = error.kind();
    match error {
        PassportError::NoBattery(_) => Problem::new(kind, error.to_string()).coded(kind, "BATTERY_NOT_FOUND"),
        PassportError::NoPassport(_) => {
            Problem::new(kind, error.to_string()).coded(kind, "PASSPORT_NOT_FOUND")
        }
        PassportError::Absent(_) => Problem::new(kind, error.to_string()),
        PassportError::Forbidden(_) => Problem::new(kind, error.to_string()),
        PassportError::Serial { .. } => Problem::new(kind, error.to_string()).coded(kind, "DUPLICATE_SERIAL"),
        PassportError::State(_) => Problem::new(kind, error.to_string()),
        PassportError::Health(_) => {
            Problem::unfit("stateOfHealth", error.to_string()).coded(kind, "INVALID_SOH")
        }
        PassportError::Unfit(faults) => {
            unfits(faults.into_iter().map(|fault| (fault.field, fault.reason)).collect())
        }
        PassportError::Ledger(ref cause) => {
            tracing::error!(error = %cause, "a fact of a passport was not kept");
            let said = "the ledger took nothing, and nothing was kept; try again";
            Problem::new(kind, said).coded(kind, "BLOCKCHAIN_ERROR")
        }
        PassportError::Platform(error) => {
            let problem = Problem::from(error);
            match problem.kind() {
                ErrorKind::Unfit => problem.with_status(StatusCode::UNPROCESSABLE_ENTITY),
                _ => problem,
            }
        }
    }
}
