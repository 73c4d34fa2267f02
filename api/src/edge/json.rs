//! Bodies that must say that they are JSON.

use crate::body::Body;
use crate::identity::is_of;
use crate::problem::Problem;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

/// A JSON body of a type, of a request whose `Content-Type` says so.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_of(request.headers(), "application/json") {
            let problem = Problem::unfit("Content-Type", "must be application/json");
            return Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        Body::from_request(request, state).await.map(|Body(value)| Self(value))
    }
}
