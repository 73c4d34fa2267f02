//! How commands fail, and what the shell is told.

use sim::experiment::ExperimentError;
use std::fmt::Display;
use std::process::ExitCode;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input or the way it was called is wrong; nothing was written. Exit code 2.
    Usage(anyhow::Error),
    /// It ran and failed. Exit code 1.
    Failed(anyhow::Error),
    /// It was stopped before its end and has said so. Exit code 1.
    Stopped,
    /// Nobody reads the results any more. Not worth a word, and no failure.
    NobodyReads,
}

impl Failure {
    /// Wrong input.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(error.into())
    }

    /// A failure on the way.
    pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self::Failed(error.into())
    }

    /// Wrong input, in words.
    pub(crate) fn say(message: impl Display) -> Self {
        Self::Usage(anyhow::anyhow!("{message}"))
    }

    /// Tells stderr, and the shell through the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (error, code) = match self {
            Self::Usage(error) => (error, 2),
            Self::Failed(error) => (error, 1),
            Self::Stopped => return ExitCode::from(1),
            Self::NobodyReads => return ExitCode::SUCCESS,
        };
        if error.is::<sim::scenario::Mistakes>() {
            // Mistakes begin with their file and line, as editors expect it.
            crate::output::note(error);
        } else {
            // An error's message may already be that of its cause.
            let mut parts: Vec<String> = error.chain().map(ToString::to_string).collect();
            parts.dedup();
            crate::output::note(format_args!("error: {}", parts.join(": ")));
        }
        ExitCode::from(code)
    }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        if error.is_usage() { Self::usage(error) } else { Self::failed(error) }
    }
}
