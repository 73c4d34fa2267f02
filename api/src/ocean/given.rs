//! What requests give: bodies, and the fields that must be in them.

use super::envelope::{VALIDATION, unfit};
use crate::body::{BodyError, Raw, must_be_json, object};
use crate::problem::Problem;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use host::plastic::Flaw;
use host::platform::ErrorKind;
use serde::de::DeserializeOwned;

/// What a body is called where it cannot be read.
pub(super) trait Shape: DeserializeOwned {
    /// Code of the refusal.
    const CODE: &'static str = VALIDATION;
}

/// A JSON body. What is no JSON is 400, what has not the shape 422.
#[derive(Debug)]
pub(super) struct Given<T>(pub(super) T);

impl<T: Shape, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        must_be_json(request.headers())?;
        let Raw(bytes) = Raw::from_request(request, state).await?;
        let read = object(&bytes);
        read.map(Self).map_err(|error| {
            let status = match error {
                BodyError::Shape(_) => StatusCode::UNPROCESSABLE_ENTITY,
                BodyError::NoJson(_) => StatusCode::BAD_REQUEST,
            };
            Problem::unfit("body", error.to_string()).coded(ErrorKind::Unfit, T::CODE).with_status(status)
        })
    }
}

/// A field that must be there.
pub(super) fn needed<T>(flaw: Flaw, field: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| unfit(flaw, field, "is required"))
}

/// A text that must be there, with something in it.
pub(super) fn text(field: &str, value: Option<String>) -> Result<String, Problem> {
    let text = needed(Flaw::Other, field, value)?;
    if text.trim().is_empty() || text.len() > 4_000 {
        return Err(unfit(Flaw::Other, field, "must be 1 to 4000 bytes"));
    }
    Ok(text)
}
