//! OAuth 2.0 without any transport: what a handler has read goes in, what it is to write comes out.
//!
//! ```text
//! authorize ─► page, where client or address are not to be trusted
//!           ─► back to the program with an error
//!           ─► Asked ─► (login) ─► consent needed? ─► approve ─► back with a code ─► token
//!                                                  └► decline ─► back with an error
//! token: authorization_code, refresh_token, client_credentials        revoke        metadata
//! ```
//!
//! RFC 6749 and 7636 with the advice of RFC 9700: codes are good once and bound to client, address and challenge; S256
//! is the only challenge method, and public clients must use it; there is no implicit grant and no password grant.

mod authorize;
mod metadata;
mod revoke;
mod token;

pub(super) use authorize::Code;
pub use authorize::{Asked, AuthorizeRequest, NotAsked};
pub use metadata::Metadata;
pub(super) use revoke::Withdrawn;
pub use token::{ClientSecret, TokenAnswer, TokenRequest};

use super::IdentityError;
use std::fmt;
use thiserror::Error;

/// Kind of an error, as RFC 6749 spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// Something is missing, there twice, or cannot be.
    InvalidRequest,
    /// The client is unknown, revoked, or did not show its secret.
    InvalidClient,
    /// The code or refresh token is not good.
    InvalidGrant,
    /// The client may not do this.
    UnauthorizedClient,
    /// There is no such grant type.
    UnsupportedGrantType,
    /// There is no such response type.
    UnsupportedResponseType,
    /// A scope is unknown, or not the client's.
    InvalidScope,
    /// The person said no.
    AccessDenied,
    /// Too many attempts, or it cannot be decided now.
    TemporarilyUnavailable,
}

impl ErrorCode {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Error)]
pub enum OAuthError {
    /// By the rules.
    #[error("{code}: {why}")]
    Refused {
        /// Kind.
        code: ErrorCode,
        /// For the program's author.
        why: &'static str,
    },
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany {
        /// Time after which it may be tried again.
        wait_ms: i64,
    },
    /// It cannot be decided now.
    #[error(transparent)]
    Failed(IdentityError),
}

impl OAuthError {
    fn refused(code: ErrorCode, why: &'static str) -> Self {
        Self::Refused { code, why }
    }

    /// Its kind.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { code, .. } => *code,
            Self::TooMany { .. } | Self::Failed(_) => ErrorCode::TemporarilyUnavailable,
        }
    }
}

impl<E: Into<IdentityError>> From<E> for OAuthError {
    fn from(error: E) -> Self {
        match error.into() {
            IdentityError::TooMany { wait_ms } => Self::TooMany { wait_ms },
            error => Self::Failed(error),
        }
    }
}

/// Text as part of a query: everything but letters, digits and `-._~` as percent signs and digits (RFC 3986).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// An address with parameters after those that it has.
fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    let mut whole = address.to_owned();
    for (name, value) in parameters {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(name);
        whole.push('=');
        whole.push_str(&encoded(value));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_into_an_address_cannot_leave_its_place() {
        let back = with_query("https://a/cb?x=1", &[("state", "a b&code=c#\r\nä"), ("code", "-._~")]);
        assert_eq!(back, "https://a/cb?x=1&state=a%20b%26code%3Dc%23%0D%0A%C3%A4&code=-._~");
        assert_eq!(with_query("https://a/cb", &[("a", "b")]), "https://a/cb?a=b");
    }
}
