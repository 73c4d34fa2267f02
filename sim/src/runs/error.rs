//! Why a run or a session is refused, whichever door it was asked through.

use crate::engine::EngineError;
use crate::engine::session::InjectError;
use crate::results::ResultsError;
use crate::scenario::Mistakes;
use host::identity::{Action, Denied};
use host::platform::{ErrorKind, PlatformError};
use host::store::StoreError;
use std::io;

/// Most mistakes of a scenario that are told at once.
const TOLD_MAX: usize = 20;

/// Why it is refused.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The scenario is wrong.
    #[error("{}", told(.0))]
    Scenario(Mistakes),
    /// What the scenario names cannot be made ready.
    #[error("{}", with_causes(.0.as_ref()))]
    Prepare(Box<EngineError<ResultsError>>),
    /// A field is wrong.
    #[error("{field}: {why}")]
    Unfit {
        /// Which.
        field: &'static str,
        /// Why.
        why: String,
    },
    /// Live twins cannot be forked yet.
    #[error("fork: runs that begin with live twins are not to be had yet; give a scenario")]
    Fork,
    /// It is more than this server takes.
    #[error("the scenario has {twin_days:.0} twin-days; at most {twin_days_max:.0} are run here")]
    TooLarge {
        /// Twins times days, over variants and replicates.
        twin_days: f64,
        /// The most.
        twin_days_max: f64,
    },
    /// Too many wait already.
    #[error("{0}; try again later")]
    Full(String),
    /// The platform is going down.
    #[error("the platform is stopping")]
    Stopping,
    /// Who asks may not.
    #[error("{who} may not {action}")]
    Forbidden {
        /// Who.
        who: String,
        /// What.
        action: Action,
    },
    /// There is no such thing, or it belongs to somebody else.
    #[error("there is no {what} {name}")]
    Absent {
        /// What was looked for.
        what: &'static str,
        /// Under which name.
        name: String,
    },
    /// It is in a state in which this cannot be.
    #[error("{0}")]
    State(String),
    /// It cannot be injected.
    #[error(transparent)]
    Inject(#[from] InjectError),
    /// The store refuses.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// A file of the results cannot be written or read.
    #[error("a file of the run cannot be written or read")]
    Files(#[source] io::Error),
    /// A thread came to an unexpected end.
    #[error("the simulation came to an unexpected end; this is a defect")]
    Lost,
}

impl RunError {
    /// What sort of refusal it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Scenario(_)
            | Self::Prepare(_)
            | Self::Unfit { .. }
            | Self::Fork
            | Self::TooLarge { .. }
            | Self::Inject(InjectError::Value { .. } | InjectError::Unsuited { .. }) => ErrorKind::Unfit,
            Self::Inject(InjectError::Absent { .. }) | Self::Absent { .. } => ErrorKind::Absent,
            Self::Full(_) => ErrorKind::TooMany,
            Self::Stopping => ErrorKind::Unavailable,
            Self::Forbidden { .. } => ErrorKind::Forbidden,
            Self::State(_) => ErrorKind::Conflict,
            Self::Platform(error) => error.kind(),
            Self::Files(_) | Self::Lost => ErrorKind::Broken,
        }
    }

    /// The field that is wrong, where it is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Scenario(mistakes) => {
                let first = mistakes.0.first().map(|mistake| mistake.path.as_str());
                Some(first.filter(|path| !path.is_empty()).unwrap_or("scenario"))
            }
            Self::Prepare(_) | Self::TooLarge { .. } => Some("scenario"),
            Self::Unfit { field, .. } | Self::Inject(InjectError::Value { field, .. }) => Some(field),
            Self::Fork => Some("fork"),
            Self::Platform(error) => error.field(),
            _ => None,
        }
    }

    /// A field and what is wrong with it.
    pub(crate) fn unfit(field: &'static str, why: impl Into<String>) -> Self {
        Self::Unfit { field, why: why.into() }
    }

    /// What policy says no to.
    pub(crate) fn denied(denied: Denied, who: String, what: &'static str, name: &str) -> Self {
        match denied {
            Denied::Forbidden(action) => Self::Forbidden { who, action },
            Denied::Hidden => Self::Absent { what, name: name.to_owned() },
        }
    }
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        Self::Platform(error.into())
    }
}

fn told(mistakes: &Mistakes) -> String {
    let all = &mistakes.0;
    let mut lines: Vec<String> = all.iter().take(TOLD_MAX).map(ToString::to_string).collect();
    if all.len() > TOLD_MAX {
        lines.push(format!("and {} more", all.len() - TOLD_MAX));
    }
    lines.join("\n")
}

/// An error's words and those of its causes; a message may already be that of its cause.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
