//! How this family says no: `{"detail": "…"}`.

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
    /// What is wrong.
    #[schema(example = "Battery BAT-1 not found")]
    detail: String,
}

/// Marks refusals in the document's own words, so that nothing else is said in their place.
const SAID: &str = "said";
/// What is said to whoever is not known.
pub(super) const NOT_KNOWN: &str = "Could not validate credentials";

/// A refusal in the document's own words.
pub(super) fn said(kind: ErrorKind, detail: impl Into<String>) -> Problem {
    Problem::new(kind, detail).coded(kind, SAID)
}

/// A rule is broken.
pub(super) fn broken_rule(detail: impl Into<String>) -> Problem {
    said(ErrorKind::Unfit, detail)
}

/// There is no such thing: `Battery BAT-1 not found`.
pub(super) fn not_found(what: &str, name: &str) -> Problem {
    said(ErrorKind::Absent, format!("{what} {name} not found"))
}

/// What the platform refuses: rules are rules, whatever HTTP has for them.
pub(super) fn ruled(error: PlatformError) -> Problem {
    match error.kind() {
        ErrorKind::Conflict => broken_rule(error.to_string()),
        _ => error.into(),
    }
}

/// The same where a thing of a name was asked for.
pub(super) fn ruled_of(what: &'static str, name: &str) -> impl Fn(PlatformError) -> Problem {
    move |error| match error.kind() {
        ErrorKind::Absent | ErrorKind::Gone => not_found(what, name),
        _ => ruled(error),
    }
}

/// Status and body of a refusal.
pub(super) fn refused(refused: &Refused<'_>) -> (StatusCode, Value) {
    let problem = refused.problem;
    let is_said = problem.code() == Some(SAID);
    let (status, detail) = match (problem.kind(), problem.status()) {
        (ErrorKind::Unknown, status) if !is_said => (status, NOT_KNOWN.to_owned()),
        (ErrorKind::TooMany, status) => (status, "Rate limit exceeded".to_owned()),
        // What has not the shape of a request.
        (ErrorKind::Unfit, StatusCode::BAD_REQUEST) if !is_said => {
            (StatusCode::UNPROCESSABLE_ENTITY, problem.detail().to_owned())
        }
        (ErrorKind::Gone, _) => (StatusCode::NOT_FOUND, problem.detail().to_owned()),
        (_, status) => (status, problem.detail().to_owned()),
    };
    (status, serde_json::to_value(ErrorBody { detail }).unwrap_or_default())
}
