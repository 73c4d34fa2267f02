//! Why identity refuses, and what it says then.

use super::entropy::NoEntropy;
use super::policy::Scope;
use crate::store::StoreError;
use thiserror::Error;

/// What can go wrong when identities are changed or looked up.
#[derive(Debug, Clone, Error)]
pub enum IdentityError {
    /// The store refuses or fails.
    #[error("the store refuses")]
    Store(#[source] StoreError),
    /// There is no randomness, and so no secret.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// Too much waits to be hashed; try again later.
    #[error("too many passwords wait to be checked")]
    Busy,
    /// Something that cannot be.
    #[error("{0}")]
    Unfit(String),
    /// A password that nobody may have.
    #[error("the password is too weak: {0}")]
    WeakPassword(String),
    /// The present password is wrong.
    #[error("the present password is wrong")]
    WrongPassword,
    /// Nobody and nothing of this name.
    #[error("there is no {what} {id:?}")]
    Absent {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        id: String,
    },
    /// Somebody else has it already.
    #[error("this {what} is taken")]
    Taken {
        /// What it is: `username`, `phone`, `id`.
        what: String,
    },
    /// Somebody else changed it meanwhile; look again and decide again.
    #[error("it was changed meanwhile")]
    Changed,
    /// What was kept sealed cannot be opened.
    #[error("what was kept sealed cannot be opened")]
    Seal,
    /// Without it nobody could manage anything.
    #[error("there would be no administrator left")]
    LastAdmin,
    /// Nobody hands on what he does not hold.
    #[error("the scope {0} is not held")]
    NotHeld(Scope),
    /// Too many attempts.
    #[error("too many attempts; try again in {} s", wait_ms.div_euclid(1_000) + 1)]
    TooMany {
        /// Time after which it may be tried again.
        wait_ms: i64,
    },
}

impl IdentityError {
    pub(super) fn absent(what: &'static str, id: &str) -> Self {
        Self::Absent { what, id: id.to_owned() }
    }
}

impl From<StoreError> for IdentityError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotUnique { index, .. } => Self::Taken { what: index },
            StoreError::RecordChanged { expected: 0, .. } => Self::Taken { what: "id".to_owned() },
            StoreError::RecordChanged { .. } | StoreError::LostRace { .. } => Self::Changed,
            error => Self::Store(error),
        }
    }
}

/// Why somebody does not get in with a password or a code.
#[derive(Debug, Clone, Error)]
pub enum LoginError {
    /// Name, password or code is wrong; which one is not said.
    #[error("name or secret is wrong")]
    Wrong,
    /// Everything is right, but the account is disabled.
    #[error("the account is disabled")]
    Inactive,
    /// Too many attempts.
    #[error("too many attempts; try again in {} s", wait_ms.div_euclid(1_000) + 1)]
    TooMany {
        /// Time after which it may be tried again.
        wait_ms: i64,
    },
    /// It cannot be decided now.
    #[error(transparent)]
    Failed(IdentityError),
}

impl<E: Into<IdentityError>> From<E> for LoginError {
    fn from(error: E) -> Self {
        match error.into() {
            IdentityError::TooMany { wait_ms } => Self::TooMany { wait_ms },
            error => Self::Failed(error),
        }
    }
}

/// Why it is not known who calls.
#[derive(Debug, Clone, Error)]
pub enum Unauthenticated {
    /// Nothing was shown.
    #[error("no credentials")]
    Missing,
    /// Two kinds of credentials at once, or a header that cannot be read.
    #[error("credentials cannot be read")]
    Malformed,
    /// What was shown is not good; why is not said.
    #[error("credentials are not good")]
    Invalid,
    /// It cannot be decided now.
    #[error(transparent)]
    Failed(IdentityError),
}

impl<E: Into<IdentityError>> From<E> for Unauthenticated {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
