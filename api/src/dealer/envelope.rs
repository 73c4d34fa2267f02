//! How this family says no: `{"error": "…", "details": "…", "code": "…"}`. It has no conflicts: a broken rule is 400.

use crate::edge::Refused;
use crate::problem::Problem;
use axum::http::StatusCode;
use host::dealership::DealershipError;
use host::identity::IdentityError;
use host::platform::ErrorKind;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// What is wrong, in few words.
    #[schema(example = "Battery not found")]
    error: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "No battery found with serial number BAT999")]
    details: Option<String>,
    /// The same for programs.
    #[schema(example = "NOT_FOUND")]
    code: &'static str,
    /// Seconds after which it may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// Marks refusals in the document's own words.
const SAID: &str = "said";
/// Between what is wrong and more about it.
const AND: char = '\n';

/// A refusal in the document's own words.
pub(super) fn said(kind: ErrorKind, error: &str, details: &str) -> Problem {
    Problem::new(kind, format!("{error}{AND}{details}")).coded(kind, SAID)
}

/// Something in a request is wrong.
pub(super) fn invalid(field: &str, reason: impl std::fmt::Display) -> Problem {
    said(ErrorKind::Unfit, "Validation failed", &format!("{field}: {reason}"))
}

/// What the dealership refuses.
pub(super) fn refused_by(error: DealershipError) -> Problem {
    match error {
        DealershipError::Unfit { what, details } => said(ErrorKind::Unfit, &what, &details),
        DealershipError::Absent { what, details } => {
            said(ErrorKind::Absent, &format!("{what} not found"), &details)
        }
        DealershipError::Denied => Problem::new(ErrorKind::Forbidden, "access denied"),
        DealershipError::Wrong(what) => {
            said(ErrorKind::Unknown, what, "It is wrong, used or no longer valid")
        }
        DealershipError::TooMany { wait_ms } => {
            let seconds = u64::try_from(wait_ms.div_euclid(1_000)).unwrap_or(0) + 1;
            Problem::new(ErrorKind::TooMany, "too many attempts").after_s(seconds)
        }
        DealershipError::Nobody(what) => {
            said(ErrorKind::Unavailable, "Service unavailable", &what).after_s(60)
        }
        DealershipError::Platform(error) => match error.kind() {
            ErrorKind::Conflict | ErrorKind::Unfit => {
                said(ErrorKind::Unfit, "Validation failed", &error.to_string())
            }
            ErrorKind::Absent | ErrorKind::Gone => said(ErrorKind::Absent, "Not found", &error.to_string()),
            _ => error.into(),
        },
        DealershipError::Identity(IdentityError::Taken { what }) => {
            said(ErrorKind::Unfit, "Validation failed", &format!("This {what} is taken"))
        }
        DealershipError::Identity(IdentityError::Busy | IdentityError::Changed) => {
            Problem::new(ErrorKind::Unavailable, "try again")
        }
        error @ DealershipError::Identity(_) => {
            // What broke is for the log.
            tracing::error!(error = &error as &dyn std::error::Error, "the dealership failed");
            Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Status and body of a refusal.
pub(super) fn refused(refused: &Refused<'_>) -> (StatusCode, Value) {
    let problem = refused.problem;
    let said = (problem.code() == Some(SAID)).then(|| problem.detail().split_once(AND)).flatten();
    let own = |error: &str, details: &str| (error.to_owned(), details.to_owned());
    let status = if problem.kind() == ErrorKind::Gone { StatusCode::NOT_FOUND } else { problem.status() };
    let (error, details) = match (said, problem.kind(), status) {
        (Some((error, details)), ..) => own(error, details),
        (None, ErrorKind::Unknown, _) => own("Authentication required", "Valid JWT token is required"),
        (None, ErrorKind::Forbidden, _) => {
            own("Access denied", "Insufficient permissions for this operation")
        }
        (None, ErrorKind::TooMany, _) => {
            own("Rate limit exceeded", "Too many requests. Please try again later.")
        }
        (None, ErrorKind::Broken, _) => own("Internal server error", problem.detail()),
        (None, _, StatusCode::BAD_REQUEST) => own("Validation failed", problem.detail()),
        (None, _, status) => own(status.canonical_reason().unwrap_or("Error"), problem.detail()),
    };
    let code = match (problem.kind(), status) {
        (_, StatusCode::METHOD_NOT_ALLOWED) => "METHOD_NOT_ALLOWED",
        (ErrorKind::Unknown, _) => "UNAUTHORIZED",
        (ErrorKind::Forbidden, _) => "FORBIDDEN",
        (ErrorKind::Absent | ErrorKind::Gone, _) => "NOT_FOUND",
        (ErrorKind::Conflict, _) => "CONFLICT",
        (ErrorKind::TooMany, _) => "RATE_LIMITED",
        (ErrorKind::Unavailable, _) => "UNAVAILABLE",
        (ErrorKind::Broken, _) => "INTERNAL_ERROR",
        (ErrorKind::Unfit, _) => "VALIDATION_ERROR",
    };
    let retry_after = (problem.kind() == ErrorKind::TooMany).then(|| problem.retry_after_s().unwrap_or(60));
    let details = (!details.is_empty()).then_some(details);
    (status, serde_json::to_value(ErrorBody { error, details, code, retry_after }).unwrap_or_default())
}
