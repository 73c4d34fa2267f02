//! What somebody shows who calls, and who that is: the same for handlers of every family, for administrators' pages and
//! for gRPC.

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use host::identity::{Caller, Identity, LoginError, Presented, Unauthenticated, is_basic};
use std::net::SocketAddr;
use std::sync::Arc;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use twin::time::Time;

const AUTHORIZATION: &str = "authorization";
/// Header that an API key may stand in.
const API_KEY: &str = "x-api-key";

/// The headers that say who calls, where they are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown<'a> {
    authorization: Option<&'a str>,
    api_key: Option<&'a str>,
}

/// Why nobody is known.
#[derive(Debug)]
pub(crate) enum NotKnown {
    /// By what was shown.
    Shown(Unauthenticated),
    /// Too many passwords were tried; after so long [ms] another may be.
    TooMany { wait_ms: i64 },
    /// Name or password is wrong, or the account is disabled.
    Login(LoginError),
}

impl From<Unauthenticated> for NotKnown {
    fn from(why: Unauthenticated) -> Self {
        Self::Shown(why)
    }
}

impl From<LoginError> for NotKnown {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::TooMany { wait_ms } => Self::TooMany { wait_ms },
            LoginError::Failed(error) => Self::Shown(Unauthenticated::Failed(error)),
            error => Self::Login(error),
        }
    }
}

impl<'a> Shown<'a> {
    /// Of a request of HTTP. A header that is there twice says nothing.
    pub(crate) fn in_headers(headers: &'a HeaderMap) -> Result<Self, Unauthenticated> {
        let text = |value: &'a HeaderValue| value.to_str().ok();
        Ok(Self {
            authorization: single(headers.get_all(AUTHORIZATION).iter().map(text))?,
            api_key: single(headers.get_all(API_KEY).iter().map(text))?,
        })
    }

    /// What would stand in the header of that name.
    pub(crate) fn authorized(authorization: &'a str) -> Self {
        Self { authorization: Some(authorization), api_key: None }
    }

    /// Of a call of gRPC.
    pub(crate) fn in_metadata(metadata: &'a MetadataMap) -> Result<Self, Unauthenticated> {
        let text = |value: &'a AsciiMetadataValue| value.to_str().ok();
        Ok(Self {
            authorization: single(metadata.get_all(AUTHORIZATION).iter().map(text))?,
            api_key: single(metadata.get_all(API_KEY).iter().map(text))?,
        })
    }

    /// A token or key; names and passwords are none.
    pub(crate) fn presented(&self) -> Result<Presented<'a>, Unauthenticated> {
        Presented::from_headers(self.authorization, self.api_key)
    }

    /// Who that is. Passwords that are tried are counted against `source`.
    pub(crate) async fn caller(
        &self,
        identity: &Identity,
        source: &str,
        now: Time,
    ) -> Result<Arc<Caller>, NotKnown> {
        if let (Some(basic), None) = (self.authorization.filter(|header| is_basic(header)), self.api_key) {
            return Ok(identity.authenticate_basic(basic, source, now).await?);
        }
        Ok(identity.authenticate(self.presented()?, now).await?)
    }
}

/// A text that is there at most once, and can be read.
fn single<'a>(mut values: impl Iterator<Item = Option<&'a str>>) -> Result<Option<&'a str>, Unauthenticated> {
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(Some(text)), None) => Ok(Some(text)),
        _ => Err(Unauthenticated::Malformed),
    }
}

/// Where a request comes from: the address, or that nobody knows.
pub(crate) fn source_of(parts: &Parts) -> String {
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    address.unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_there_twice_says_nothing() {
        let mut headers = HeaderMap::new();
        assert!(matches!(Shown::in_headers(&headers).unwrap().presented(), Err(Unauthenticated::Missing)));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        assert_eq!(Shown::in_headers(&headers).unwrap().presented().unwrap(), Presented::Bearer("a"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        assert!(matches!(Shown::in_headers(&headers), Err(Unauthenticated::Malformed)));
        let mut metadata = MetadataMap::new();
        metadata.append("x-api-key", "k".parse().unwrap());
        assert_eq!(Shown::in_metadata(&metadata).unwrap().presented().unwrap(), Presented::ApiKey("k"));
        metadata.append("x-api-key", "k".parse().unwrap());
        assert!(matches!(Shown::in_metadata(&metadata), Err(Unauthenticated::Malformed)));
    }
}
