//! Bodies: what is no JSON is 400, what has not the shape of a request is 422.

use super::envelope::{unfit, unread};
use crate::body::{BodyError, Raw, must_be_json, object};
use crate::problem::Problem;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A JSON body of a type.
#[derive(Debug)]
pub(super) struct Given<T>(pub(super) T);

/// The same, which may be left out.
#[derive(Debug)]
pub(super) struct Perhaps<T>(pub(super) T);

/// Reads a body that is JSON already.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| unfit("body", error.to_string()))
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    object(bytes).map_err(|error| match error {
        BodyError::Shape(_) => unfit("body", error.to_string()),
        BodyError::NoJson(_) => unread("body", error.to_string()),
    })
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        must_be_json(request.headers())?;
        let Raw(bytes) = Raw::from_request(request, state).await?;
        parsed(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Perhaps<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = must_be_json(request.headers());
        let Raw(bytes) = Raw::from_request(request, state).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return read(Value::Object(Map::new())).map(Self);
        }
        json?;
        parsed(&bytes).map(Self)
    }
}
