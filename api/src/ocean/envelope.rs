//! What stands around answers: `success`, `data`, `meta`; and how this family says no.

use super::wire::seconds;
use crate::edge::Refused;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::plastic::{Flaw, PlasticError};
use host::platform::ErrorKind;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use twin::time::Time;
use utoipa::ToSchema;

/// Version of the interface.
const VERSION: &str = "1.0.0";
/// What is wrong has no narrower name.
pub(super) const VALIDATION: &str = "ERR_VALIDATION";

/// A refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    #[schema(example = false)]
    success: bool,
    error: Error,
    /// `requestId`, `timestamp`.
    meta: Value,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
struct Error {
    /// For programs.
    #[schema(example = "ERR_INVALID_GPS")]
    code: &'static str,
    /// For people.
    message: String,
    /// The field and what is wrong with it; the limit and when it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
}

fn code(kind: ErrorKind, status: StatusCode) -> &'static str {
    match (kind, status) {
        (_, StatusCode::METHOD_NOT_ALLOWED) => "ERR_METHOD_NOT_ALLOWED",
        (ErrorKind::Unfit, _) => VALIDATION,
        (ErrorKind::Unknown, _) => "ERR_INVALID_TOKEN",
        (ErrorKind::Forbidden, _) => "ERR_INSUFFICIENT_SCOPE",
        (ErrorKind::Absent | ErrorKind::Gone, _) => "ERR_NOT_FOUND",
        (ErrorKind::Conflict, _) => "ERR_CONFLICT",
        (ErrorKind::TooMany, _) => "ERR_RATE_LIMIT",
        (ErrorKind::Unavailable, _) => "ERR_UNAVAILABLE",
        (ErrorKind::Broken, _) => "ERR_INTERNAL",
    }
}

/// Status and body of a refusal.
pub(super) fn refused(refused: &Refused<'_>) -> (StatusCode, Value) {
    let problem = refused.problem;
    let status = match (problem.kind(), problem.status()) {
        (ErrorKind::Gone, _) => StatusCode::NOT_FOUND,
        // What was read and makes no sense; what could not be read has a code of its own.
        (ErrorKind::Unfit, StatusCode::BAD_REQUEST) if problem.code().is_none() => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        (_, status) => status,
    };
    let code = problem.code().unwrap_or_else(|| code(problem.kind(), status));
    let details = problem.more().cloned().or_else(|| {
        let field = problem.field()?;
        let reason = problem.detail().trim_start_matches(field).trim_start_matches(": ");
        Some(json!({ "field": field, "reason": reason }))
    });
    let body = ErrorBody {
        success: false,
        error: Error { code, message: problem.detail().to_owned(), details },
        meta: json!({ "requestId": refused.request_id, "timestamp": seconds(refused.at) }),
    };
    (status, serde_json::to_value(body).unwrap_or_default())
}

/// What the application refuses, under this family's names.
pub(super) fn no(error: PlasticError) -> Problem {
    let kind = error.kind();
    let unprocessable = |problem: Problem| match problem.kind() {
        ErrorKind::Unfit => problem.with_status(StatusCode::UNPROCESSABLE_ENTITY),
        _ => problem,
    };
    match error {
        PlasticError::Unfit { flaw, field, reason } => {
            let code = match flaw {
                Flaw::Place => "ERR_INVALID_GPS",
                Flaw::Weight => "ERR_WEIGHT_MISMATCH",
                Flaw::Resin => "ERR_INVALID_RESIN",
                Flaw::Future => "ERR_FUTURE_TIMESTAMP",
                Flaw::Device => "ERR_INVALID_DEVICE",
                Flaw::Batch => "ERR_INVALID_BATCH",
                Flaw::Other => VALIDATION,
            };
            unprocessable(Problem::unfit(field, reason)).coded(ErrorKind::Unfit, code)
        }
        PlasticError::Absent { what, .. } => {
            let code = match what {
                "batch" => "ERR_BATCH_NOT_FOUND",
                "device" => "ERR_DEVICE_NOT_FOUND",
                "facility" => "ERR_FACILITY_NOT_FOUND",
                "report" => "ERR_REPORT_NOT_FOUND",
                "subscription" => "ERR_SUBSCRIPTION_NOT_FOUND",
                _ => "ERR_NOT_FOUND",
            };
            Problem::new(kind, error.to_string()).coded(kind, code)
        }
        PlasticError::Transition(_) => {
            Problem::new(kind, error.to_string()).coded(kind, "ERR_INVALID_TRANSITION")
        }
        PlasticError::Offline(_) => Problem::new(kind, error.to_string()).coded(kind, "ERR_DEVICE_OFFLINE"),
        PlasticError::Expired { .. } => {
            Problem::new(kind, error.to_string()).coded(kind, "ERR_REPORT_EXPIRED")
        }
        PlasticError::Platform(error) => unprocessable(Problem::from(error)),
        error => unprocessable(Problem::new(kind, error.to_string())),
    }
}

/// A field and what is wrong with it.
pub(super) fn unfit(flaw: Flaw, field: &str, reason: impl Into<String>) -> Problem {
    no(PlasticError::unfit(flaw, field, reason))
}

/// What stands around an answer.
#[derive(Debug, Clone)]
pub(super) struct Meta {
    request_id: String,
    at: Time,
}

impl FromRequestParts<App> for Meta {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let id = parts.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        Ok(Self { request_id: id.unwrap_or_default().to_owned(), at: app.wall.now() })
    }
}

impl Meta {
    fn value(&self) -> Value {
        json!({ "requestId": self.request_id, "timestamp": seconds(self.at), "version": VERSION })
    }

    /// An object: its fields at the top and once more under `data`.
    pub(super) fn said(&self, status: StatusCode, object: Value) -> Response {
        let mut body = match &object {
            Value::Object(fields) => fields.clone(),
            _ => Map::new(),
        };
        body.insert("success".to_owned(), Value::Bool(true));
        body.insert("data".to_owned(), object);
        body.insert("meta".to_owned(), self.value());
        answer(status, &Value::Object(body))
    }

    /// A part of a list.
    pub(super) fn listed(&self, data: &[Value], total: usize, part: Part) -> Response {
        let next = part.offset.saturating_add(part.limit);
        let pagination = json!({
            "total": total, "limit": part.limit, "offset": part.offset, "hasMore": next < total,
            "nextOffset": (next < total).then_some(next),
            "prevOffset": (part.offset > 0).then(|| part.offset.saturating_sub(part.limit)),
        });
        let body = json!({ "success": true, "data": data, "pagination": pagination, "meta": self.value() });
        answer(StatusCode::OK, &body)
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) limit: usize,
    pub(super) offset: usize,
}

impl Part {
    /// Reads `limit` (1 to 500, 50 where nobody says) and `offset`.
    pub(super) fn read(limit: Option<&str>, offset: Option<&str>) -> Result<Self, Problem> {
        let number = |field, text: Option<&str>, or, low, high| match text.map(str::parse::<usize>) {
            None => Ok(or),
            Some(Ok(number)) if (low..=high).contains(&number) => Ok(number),
            Some(_) => Err(unfit(Flaw::Other, field, format!("is no whole number from {low} to {high}"))),
        };
        Ok(Self {
            limit: number("limit", limit, 50, 1, 500)?,
            offset: number("offset", offset, 0, 0, 1_000_000_000)?,
        })
    }
}

impl From<Part> for host::plastic::Page {
    fn from(part: Part) -> Self {
        Self { offset: part.offset, limit: part.limit }
    }
}
