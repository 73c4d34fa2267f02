//! Why the dealership refuses.

use super::rules::kyc::NoNumber;
use super::rules::loan::LoanError;
use crate::identity::{IdentityError, LoginError};
use crate::platform::PlatformError;
use crate::store::StoreError;

/// Why the dealership refuses.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DealershipError {
    /// What was said is wrong in itself, or breaks a rule.
    #[error("{what}: {details}")]
    Unfit {
        /// What is wrong, in few words.
        what: String,
        /// More about it.
        details: String,
    },
    /// There is no such thing.
    #[error("{what} not found: {details}")]
    Absent {
        /// What was looked for.
        what: &'static str,
        /// What exactly.
        details: String,
    },
    /// Who asks may not do so, or not to this.
    #[error("access denied")]
    Denied,
    /// The code or the signature is wrong.
    #[error("{0}")]
    Wrong(&'static str),
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany {
        /// Time after which it may be tried again [ms].
        wait_ms: i64,
    },
    /// Nobody can do it now.
    #[error("{0}")]
    Nobody(String),
    /// The platform refuses.
    #[error(transparent)]
    Platform(PlatformError),
    /// Identity refuses.
    #[error(transparent)]
    Identity(IdentityError),
}

impl DealershipError {
    /// Something is wrong.
    pub fn unfit(what: impl Into<String>, details: impl Into<String>) -> Self {
        Self::Unfit { what: what.into(), details: details.into() }
    }

    /// A field is wrong.
    pub fn field(field: &str, reason: impl std::fmt::Display) -> Self {
        Self::unfit("Validation failed", format!("{field}: {reason}"))
    }

    /// There is no such thing.
    pub fn absent(what: &'static str, name: impl std::fmt::Display) -> Self {
        let thing = what.to_lowercase();
        let by = if what == "Battery" { "serial number" } else { "ID" };
        Self::Absent { what, details: format!("No {thing} found with {by} {name}") }
    }
}

impl From<PlatformError> for DealershipError {
    fn from(error: PlatformError) -> Self {
        Self::Platform(error)
    }
}

impl From<StoreError> for DealershipError {
    fn from(error: StoreError) -> Self {
        Self::Platform(error.into())
    }
}

impl From<IdentityError> for DealershipError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::TooMany { wait_ms } => Self::TooMany { wait_ms },
            IdentityError::Unfit(details) => Self::unfit("Validation failed", details),
            error => Self::Identity(error),
        }
    }
}

impl From<LoginError> for DealershipError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => Self::Wrong("Invalid or expired OTP"),
            LoginError::Inactive => Self::Wrong("Account is disabled"),
            LoginError::TooMany { wait_ms } => Self::TooMany { wait_ms },
            LoginError::Failed(error) => error.into(),
        }
    }
}

impl From<LoanError> for DealershipError {
    fn from(error: LoanError) -> Self {
        let what = match error {
            LoanError::Terms { .. } => "Validation failed",
            LoanError::State { .. } | LoanError::Begun => "Invalid application status",
            LoanError::TooMuch { .. } => "Invalid payment amount",
        };
        Self::unfit(what, error.to_string())
    }
}

impl From<NoNumber> for DealershipError {
    fn from(error: NoNumber) -> Self {
        let field = match error {
            NoNumber::Pan => "pan",
            NoNumber::Aadhaar => "aadhar",
            NoNumber::Phone => "phone",
        };
        Self::field(field, error)
    }
}
