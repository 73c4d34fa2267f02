//! Why something about plastic is refused, whichever door it was asked through.

use crate::identity::{Denied, IdentityError};
use crate::platform::{ErrorKind, PlatformError};
use crate::store::StoreError;
use crate::webhook::WebhookError;
use twin::facility::works::WorksRefusal;
use twin::plastic::batch::StepRefusal;
use twin::plastic::custody::CustodyRefusal;

/// What about something said is wrong in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A place that is none.
    Place,
    /// Weights that do not add up.
    Weight,
    /// A resin that is none.
    Resin,
    /// An instant ahead of now.
    Future,
    /// A device that is not registered.
    Device,
    /// A batch that lacks something.
    Batch,
    /// Anything else.
    Other,
}

/// Why something is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlasticError {
    /// What was said is wrong in itself.
    #[error("{field}: {reason}")]
    Unfit {
        /// What sort of mistake it is.
        flaw: Flaw,
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such thing.
    #[error("there is no {what} {name}")]
    Absent {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// A stage does not follow the one before.
    #[error("{0}")]
    Transition(StepRefusal),
    /// It does not go with what there is.
    #[error("{0}")]
    Conflict(String),
    /// The device was not heard lately.
    #[error("device {0} is offline")]
    Offline(String),
    /// It was there, and is no longer kept.
    #[error("{what} {name} has expired")]
    Expired {
        /// What it was.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The twins refuse.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// Identity refuses.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl PlasticError {
    /// A field and what is wrong with it.
    pub fn unfit(flaw: Flaw, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unfit { flaw, field: field.into(), reason: reason.into() }
    }

    /// There is no such thing.
    pub fn absent(what: &'static str, name: impl Into<String>) -> Self {
        Self::Absent { what, name: name.into() }
    }

    /// What sort of refusal it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unfit { .. } => ErrorKind::Unfit,
            Self::Absent { .. } | Self::Expired { .. } => ErrorKind::Absent,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::Transition(_) | Self::Conflict(_) => ErrorKind::Conflict,
            Self::Offline(_) => ErrorKind::Unavailable,
            Self::Platform(error) => error.kind(),
            Self::Identity(error) => match error {
                IdentityError::NotHeld(_) => ErrorKind::Forbidden,
                IdentityError::Absent { .. } => ErrorKind::Absent,
                IdentityError::Taken { .. } | IdentityError::Changed => ErrorKind::Conflict,
                IdentityError::Unfit(_) => ErrorKind::Unfit,
                IdentityError::TooMany { .. } => ErrorKind::TooMany,
                _ => ErrorKind::Unavailable,
            },
        }
    }

    /// Whether it must be decided again on what is there now.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self, Self::Platform(PlatformError::Store(StoreError::RecordChanged { .. })))
    }
}

impl From<StoreError> for PlasticError {
    fn from(error: StoreError) -> Self {
        Self::Platform(error.into())
    }
}

impl From<CustodyRefusal> for PlasticError {
    fn from(refusal: CustodyRefusal) -> Self {
        let flawed = |flaw, field: &str| Self::unfit(flaw, field, refusal.to_string());
        match &refusal {
            CustodyRefusal::Unknown { batch } => Self::absent("batch", batch.to_string()),
            CustodyRefusal::Closed { batch, why } => {
                Self::Conflict(format!("{batch} is no longer one: it was {why:?}").to_lowercase())
            }
            CustodyRefusal::NoMass { .. } => flawed(Flaw::Weight, "material.totalWeight"),
            CustodyRefusal::Future { .. } => flawed(Flaw::Future, "collection.timestamp"),
            CustodyRefusal::PartsDiffer { .. } => flawed(Flaw::Weight, "parts"),
            CustodyRefusal::Step { why, .. } => match why {
                StepRefusal::Final { .. } | StepRefusal::Backwards { .. } | StepRefusal::Skips { .. } => {
                    Self::Transition(why.clone())
                }
                StepRefusal::Older { .. } => {
                    Self::unfit(Flaw::Other, "timestamp", "lies before the batch's last stage")
                }
                StepRefusal::Future { .. } => Self::unfit(Flaw::Future, "timestamp", "lies in the future"),
                StepRefusal::Weighing { .. } => Self::Conflict(why.to_string()),
                StepRefusal::Senseless { what, .. } => {
                    let field = if what.contains("distance") { "distance" } else { "weight" };
                    Self::unfit(Flaw::Other, field, why.to_string())
                }
                StepRefusal::Unproven => Self::unfit(Flaw::Other, "verifiedBy", why.to_string()),
            },
            CustodyRefusal::TooLate { .. }
            | CustodyRefusal::Unequal { .. }
            | CustodyRefusal::NoNumber { .. } => Self::Conflict(refusal.to_string()),
        }
    }
}

impl From<WorksRefusal> for PlasticError {
    fn from(refusal: WorksRefusal) -> Self {
        Self::Conflict(refusal.to_string())
    }
}

impl From<WebhookError> for PlasticError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Unfit { field, reason } => Self::unfit(Flaw::Other, field, reason),
            WebhookError::Absent(id) => Self::absent("subscription", id),
            error @ WebhookError::Blind => Self::Forbidden(error.to_string()),
            WebhookError::Store(error) => error.into(),
            WebhookError::Secret(error) => error.into(),
        }
    }
}

impl From<Denied> for PlasticError {
    fn from(denied: Denied) -> Self {
        Self::Forbidden(denied.to_string())
    }
}
