//! Extractors: who calls, and from where.

use super::{Doors, Refusal};
use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use host::identity::{Action, Caller, LoginError, Presented, Unauthenticated, is_basic};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

/// Header that an API key may stand in.
const API_KEY: &str = "x-api-key";

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
        let authorization = single(&parts.headers, AUTHORIZATION.as_str())?;
        let key = single(&parts.headers, API_KEY)?;
        if let (Some(basic), None) = (authorization.filter(|header| is_basic(header)), key) {
            let source = source_of(parts);
            let found = doors.identity.authenticate_basic(basic, &source, doors.now()).await;
            return found.map(Self).map_err(|error| match error {
                LoginError::TooMany { wait_ms } => Refusal::too_many(wait_ms),
                LoginError::Failed(error) => error.into(),
                error => Refusal::new(StatusCode::UNAUTHORIZED, error.to_string()),
            });
        }
        let presented = Presented::from_headers(authorization, key)?;
        Ok(Self(doors.identity.authenticate(presented, doors.now()).await?))
    }
}

/// What the headers show.
pub(crate) fn presented(headers: &HeaderMap) -> Result<Presented<'_>, Unauthenticated> {
    Presented::from_headers(single(headers, AUTHORIZATION.as_str())?, single(headers, API_KEY)?)
}

/// A header that is there at most once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Unauthenticated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Unauthenticated::Malformed),
        (Some(_), Some(_)) => Err(Unauthenticated::Malformed),
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

fn source_of(parts: &Parts) -> String {
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    address.unwrap_or_else(|| "unknown".to_owned())
}

/// A body of JSON as a type.
pub(crate) fn json<T: serde::de::DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    if !is_of(headers, "application/json") {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::unfit(format!("the body: {error}")))
}

/// Whether the body is of a media type, whatever its parameters.
pub(crate) fn is_of(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers.get(axum::http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}
