//! Bodies that must say that they are JSON.

use crate::body::{Body, must_be_json};
use crate::problem::Problem;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

/// A JSON body of a type, of a request whose `Content-Type` says so.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        must_be_json(request.headers())?;
        Body::from_request(request, state).await.map(|Body(value)| Self(value))
    }
}
