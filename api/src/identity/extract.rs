//! Extractors: who calls, and from where.

use super::{Doors, Refusal};
use crate::body::{is_of, object};
use crate::shown::{Shown, source_of};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use host::identity::{Action, Caller};
use std::convert::Infallible;
use std::sync::Arc;

/// Who calls. Refused with 401 where nobody is known.
#[derive(Debug, Clone)]
pub struct Known(pub Arc<Caller>);

impl Known {
    /// Refuses where the caller may not do such a thing at all.
    pub(crate) fn may(&self, action: Action) -> Result<(), Refusal> {
        Ok(host::identity::policy::may_at_all(&self.0, action)?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Known
where
    Doors: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let doors = Doors::from_ref(state);
        let found = async {
            let shown = Shown::in_headers(&parts.headers)?;
            shown.caller(&doors.identity, &source_of(parts), doors.now()).await
        };
        Ok(Self(found.await?))
    }
}

/// Where a request comes from: the address, or nothing known.
#[derive(Debug, Clone)]
pub struct Source(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(source_of(parts)))
    }
}

/// A body of JSON as a type.
pub(crate) fn json<T: serde::de::DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    if !is_of(headers, "application/json") {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    object(body).map_err(|error| Refusal::unfit(format!("the body: {error}")))
}
