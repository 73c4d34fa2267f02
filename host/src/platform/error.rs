//! Why the platform refuses, whichever door it was asked through.

use super::clock::ClockError;
use super::door::{NotKept, Unfit};
use crate::actor::Gone;
use crate::store::StoreError;

/// What sort of refusal it is. Doors translate this, and nothing else, into their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// What was said is wrong in itself.
    Unfit,
    /// Nobody is known to the platform who asks.
    Unknown,
    /// Who asks may not.
    Forbidden,
    /// There is no such thing.
    Absent,
    /// It does not go with what there is.
    Conflict,
    /// It is no longer there, and will not be again.
    Gone,
    /// Too much at once.
    TooMany,
    /// Not now; later perhaps.
    Unavailable,
    /// Something broke here.
    Broken,
}

/// Why the platform refuses.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlatformError {
    /// What was said is wrong in itself.
    #[error("{0}")]
    Unfit(#[from] Unfit),
    /// There is no such thing.
    #[error("there is no {what} {name}")]
    Absent {
        /// What was looked for.
        what: &'static str,
        /// Under which name.
        name: String,
    },
    /// Another twin has the name.
    #[error("{namespace} {name} is the name of another twin already")]
    Taken {
        /// Whose names these are.
        namespace: String,
        /// The name.
        name: String,
    },
    /// Several twins have the name.
    #[error("{name} is the name of several twins; say which by its id")]
    Ambiguous {
        /// The name.
        name: String,
    },
    /// The twin was retired.
    #[error("twin {id} was retired")]
    Retired {
        /// Its id.
        id: String,
    },
    /// Somebody else changed it meanwhile.
    #[error("{what} was changed by somebody else; read it again")]
    Changed {
        /// What.
        what: String,
    },
    /// It is in a state in which this cannot be.
    #[error("{0}")]
    Conflict(String),
    /// There is no honest forecast.
    #[error("no forecast: {missing}")]
    Unforeseen {
        /// What is missing for one.
        missing: String,
    },
    /// The clock cannot be set so.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The store refuses.
    #[error("the store refuses: {0}")]
    Store(#[from] StoreError),
    /// The twin's actor ended.
    #[error("the twin is being started again")]
    Restarting,
    /// The platform is going down.
    #[error("the platform is stopping")]
    Stopping,
}

impl PlatformError {
    /// There is no such thing.
    pub fn absent(what: &'static str, name: impl Into<String>) -> Self {
        Self::Absent { what, name: name.into() }
    }

    /// A field and what is wrong with it.
    pub fn unfit(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unfit(Unfit::new(field, reason))
    }

    /// What a forecast lacks.
    pub fn unforeseen(missing: impl Into<String>) -> Self {
        Self::Unforeseen { missing: missing.into() }
    }

    /// What sort of refusal it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unfit(_) => ErrorKind::Unfit,
            Self::Absent { .. } => ErrorKind::Absent,
            Self::Taken { .. }
            | Self::Ambiguous { .. }
            | Self::Changed { .. }
            | Self::Conflict(_)
            | Self::Unforeseen { .. } => ErrorKind::Conflict,
            Self::Retired { .. } => ErrorKind::Gone,
            Self::Clock(ClockError::Wall) => ErrorKind::Conflict,
            Self::Clock(_) => ErrorKind::Unfit,
            Self::Store(StoreError::Unfit { .. }) => ErrorKind::Unfit,
            Self::Store(StoreError::LostRace { .. } | StoreError::RecordChanged { .. }) => {
                ErrorKind::Conflict
            }
            Self::Store(StoreError::DiskFull { .. } | StoreError::Closed | StoreError::Failed { .. }) => {
                ErrorKind::Unavailable
            }
            Self::Store(_) => ErrorKind::Broken,
            Self::Restarting | Self::Stopping => ErrorKind::Unavailable,
        }
    }

    /// The field that is wrong, where it is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Unfit(unfit) => Some(&unfit.field),
            Self::Taken { .. } => Some("aliases"),
            _ => None,
        }
    }

    /// Whether the twin must be read again from the store, since what is here may not be what is there.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self, Self::Store(StoreError::LostRace { .. } | StoreError::RecordChanged { .. }))
    }
}

impl From<Gone> for PlatformError {
    fn from(_: Gone) -> Self {
        Self::Restarting
    }
}

impl From<PlatformError> for NotKept {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::Unfit(unfit) => Self::Unfit(unfit),
            error => match error.kind() {
                ErrorKind::Absent | ErrorKind::Conflict | ErrorKind::Gone => {
                    Self::Unfit(Unfit::new("device", error.to_string()))
                }
                ErrorKind::Unfit => Self::Unfit(Unfit::new("payload", error.to_string())),
                _ => Self::Unavailable(error.to_string()),
            },
        }
    }
}
