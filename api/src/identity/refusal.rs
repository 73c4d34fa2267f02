//! What a refusal of identity is in HTTP: one table, and the body that RFC 9457 describes.

use crate::shown::NotKnown;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::identity::{Denied, IdentityError, Unauthenticated};
use serde_json::json;

/// A refusal on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Status.
    pub status: StatusCode,
    /// What is wrong, for people.
    pub detail: String,
    /// Seconds after which it may be tried again.
    pub retry_after_s: Option<i64>,
}

impl Refusal {
    /// A refusal in words.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_s: None }
    }

    /// Something that cannot be.
    pub fn unfit(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Too many attempts.
    pub(crate) fn too_many(wait_ms: i64) -> Self {
        let retry_after_s = Some(wait_ms.div_euclid(1_000) + 1);
        Self {
            retry_after_s,
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too many attempts; try again later")
        }
    }
}

impl From<IdentityError> for Refusal {
    fn from(error: IdentityError) -> Self {
        let status = match &error {
            IdentityError::Unfit(_) | IdentityError::WeakPassword(_) | IdentityError::WrongPassword => {
                StatusCode::BAD_REQUEST
            }
            IdentityError::NotHeld(_) => StatusCode::FORBIDDEN,
            IdentityError::Absent { .. } => StatusCode::NOT_FOUND,
            IdentityError::Taken { .. } | IdentityError::Changed | IdentityError::LastAdmin => {
                StatusCode::CONFLICT
            }
            IdentityError::TooMany { wait_ms } => return Self::too_many(*wait_ms),
            IdentityError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            IdentityError::Store(_) | IdentityError::NoEntropy(_) | IdentityError::Seal => {
                // What broke is for the log.
                tracing::error!(error = &error as &dyn std::error::Error, "identity failed");
                let detail = "something broke here; the log says what";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
            }
        };
        Self::new(status, error.to_string())
    }
}

impl From<Unauthenticated> for Refusal {
    fn from(error: Unauthenticated) -> Self {
        match error {
            Unauthenticated::Failed(error) => error.into(),
            error => Self::new(StatusCode::UNAUTHORIZED, error.to_string()),
        }
    }
}

impl From<NotKnown> for Refusal {
    fn from(why: NotKnown) -> Self {
        match why {
            NotKnown::Shown(why) => why.into(),
            NotKnown::TooMany { wait_ms } => Self::too_many(wait_ms),
            NotKnown::Login(error) => Self::new(StatusCode::UNAUTHORIZED, error.to_string()),
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let status = match denied {
            Denied::Forbidden(_) => StatusCode::FORBIDDEN,
            Denied::Hidden => StatusCode::NOT_FOUND,
        };
        Self::new(status, denied.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank", "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(), "detail": self.detail,
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"celltide\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
