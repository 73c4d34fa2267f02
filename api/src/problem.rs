//! What a refusal is in HTTP: one table, and the body that RFC 9457 describes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::platform::{ErrorKind, PlatformError};
use serde::Serialize;
use serde_json::Value;
use sim::runs::RunError;
use tonic::Code;
use utoipa::ToSchema;

/// What is said of what broke; the rest is for the log.
const BROKEN: &str = "something broke here; the log says what";

/// A refusal on its way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    kind: ErrorKind,
    status: StatusCode,
    field: Option<String>,
    detail: String,
    /// Fields that are wrong, where they are several, each with its reason.
    details: Vec<(String, String)>,
    /// What a family calls it, where its kind does not tell.
    code: Option<&'static str>,
    retry_after_s: Option<u64>,
    /// More about it, for families that say more.
    more: Option<Box<Value>>,
}

/// The body, as RFC 9457 has it, with the field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// The one table from refusals to HTTP.
fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Unfit => StatusCode::BAD_REQUEST,
        ErrorKind::Unknown => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::Absent => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Gone => StatusCode::GONE,
        ErrorKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Broken => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The same in gRPC.
fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Unfit => Code::InvalidArgument,
        ErrorKind::Unknown => Code::Unauthenticated,
        ErrorKind::Forbidden => Code::PermissionDenied,
        ErrorKind::Absent | ErrorKind::Gone => Code::NotFound,
        ErrorKind::Conflict => Code::FailedPrecondition,
        ErrorKind::TooMany => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Broken => Code::Internal,
    }
}

impl Problem {
    /// A refusal of a kind, in words.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            status: status(kind),
            field: None,
            detail: detail.into(),
            details: Vec::new(),
            code: None,
            retry_after_s: None,
            more: None,
        }
    }

    /// A field and what is wrong with it.
    pub fn unfit(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let field = field.into();
        let detail = format!("{field}: {}", reason.into());
        Self { field: Some(field), ..Self::new(ErrorKind::Unfit, detail) }
    }

    /// What is wrong, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What sort of refusal it is.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Its status in HTTP.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The field that is wrong, where it is one.
    pub(crate) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Fields that are wrong, each with its reason, where they are several.
    pub(crate) fn details(&self) -> &[(String, String)] {
        &self.details
    }

    /// The same with what is wrong field by field.
    pub(crate) fn with_details(self, details: Vec<(String, String)>) -> Self {
        Self { details, ..self }
    }

    /// What a family calls it, where somebody said so.
    pub(crate) fn code(&self) -> Option<&'static str> {
        self.code
    }

    /// Seconds after which it may be tried again, where somebody said so.
    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        self.retry_after_s
    }

    /// The same under a family's name for refusals of a kind; others stay as they are.
    pub(crate) fn coded(self, kind: ErrorKind, code: &'static str) -> Self {
        if self.kind == kind { Self { code: Some(code), ..self } } else { self }
    }

    /// More about it, where somebody said so.
    pub(crate) fn more(&self) -> Option<&Value> {
        self.more.as_deref()
    }

    /// The same, with more about it.
    pub(crate) fn saying(self, more: Value) -> Self {
        Self { more: Some(Box::new(more)), ..self }
    }

    /// The same, to be tried again after so many seconds.
    pub(crate) fn after_s(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// The same, as a condition of the request that does not hold.
    pub(crate) fn failed(self) -> Self {
        self.with_status(StatusCode::PRECONDITION_FAILED)
    }

    /// What a layer said that knows nothing but a status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let kind = match status {
            StatusCode::UNAUTHORIZED => ErrorKind::Unknown,
            StatusCode::FORBIDDEN => ErrorKind::Forbidden,
            StatusCode::NOT_FOUND => ErrorKind::Absent,
            StatusCode::CONFLICT => ErrorKind::Conflict,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::TooMany,
            StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Unavailable,
            status if status.is_server_error() => ErrorKind::Broken,
            _ => ErrorKind::Unfit,
        };
        let detail = match status {
            StatusCode::METHOD_NOT_ALLOWED => "the path does not know this method",
            StatusCode::REQUEST_TIMEOUT => "the request took too long",
            StatusCode::PAYLOAD_TOO_LARGE => "the body is too long",
            StatusCode::INTERNAL_SERVER_ERROR => "something broke here; the log says what",
            status => status.canonical_reason().unwrap_or("refused"),
        };
        Self::new(kind, detail).with_status(status)
    }

    /// What it is in gRPC.
    pub(crate) fn grpc_code(&self) -> Code {
        code(self.kind)
    }

    /// The same with a status that HTTP itself asks for.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<PlatformError> for Problem {
    fn from(error: PlatformError) -> Self {
        let kind = error.kind();
        let field = error.field().map(str::to_owned);
        let detail = if kind == ErrorKind::Broken {
            tracing::error!(%error, "a request failed");
            BROKEN.to_owned()
        } else {
            error.to_string()
        };
        Self { field, ..Self::new(kind, detail) }
    }
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        let kind = error.kind();
        let field = error.field().map(str::to_owned);
        let detail = if kind == ErrorKind::Broken {
            tracing::error!(error = &error as &dyn std::error::Error, "a run or a session failed");
            BROKEN.to_owned()
        } else {
            error.to_string()
        };
        Self { field, ..Self::new(kind, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            field: self.field.clone(),
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is never read, so nothing else can come this way.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        match self.kind {
            ErrorKind::Unknown => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Basic realm=\"celltide\", Bearer"),
                );
            }
            ErrorKind::TooMany | ErrorKind::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after_s.unwrap_or(1)));
            }
            _ => {}
        }
        // A family's envelope is made of it.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_field_and_hides_what_broke() {
        let problem = Problem::from(PlatformError::unfit("spec.series", "0 is not between 1 and 10000"));
        assert_eq!(problem.status, StatusCode::BAD_REQUEST);
        assert_eq!(problem.field.as_deref(), Some("spec.series"));
        let broken = host::store::StoreError::Corrupt { what: "secret".into(), detail: "x".into() };
        let problem = Problem::from(PlatformError::Store(broken));
        assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!problem.detail.contains("secret"));
        let response = Problem::new(ErrorKind::Unknown, "who are you?").into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    }
}
