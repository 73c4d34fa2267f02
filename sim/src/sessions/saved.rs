//! A saved session: all that is needed to come back to its instant by running again.

use super::Which;
use crate::engine::ENGINE_VERSION;
use crate::engine::session::Injected;
use crate::runs::{Order, RunError};
use serde::{Deserialize, Serialize};
use twin::time::Time;

/// Version of how it is written.
const FORMAT: u32 = 1;
/// Most injections of one.
const LOG_MAX: usize = 100_000;

/// A saved session. Its bytes are JSON; whoever changes them gets another world, and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    format: u32,
    engine_version: String,
    pub(super) order: Order,
    variant: String,
    pub(super) replicate: u32,
    pub(super) at_ms: i64,
    pub(super) log: Vec<Injected>,
}

impl Saved {
    pub(super) fn new(order: Order, variant: String, replicate: u32, at_ms: i64, log: Vec<Injected>) -> Self {
        let engine_version = ENGINE_VERSION.to_owned();
        Self { format: FORMAT, engine_version, order, variant, replicate, at_ms, log }
    }

    pub(super) fn which(&self) -> Which {
        Which { variant: Some(self.variant.clone()), replicate: self.replicate }
    }

    /// The instant that it comes back to.
    pub fn at(&self) -> Time {
        Time(self.at_ms)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// When it has none, which would be a defect.
    pub fn bytes(&self) -> Result<Vec<u8>, RunError> {
        serde_json::to_vec(self).map_err(|_| RunError::Lost)
    }

    /// Reads what was saved.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn read(bytes: &[u8]) -> Result<Self, RunError> {
        let saved: Self =
            serde_json::from_slice(bytes).map_err(|error| RunError::unfit("saved", error.to_string()))?;
        saved.check()?;
        Ok(saved)
    }

    pub(super) fn check(&self) -> Result<(), RunError> {
        if self.format != FORMAT || self.engine_version != ENGINE_VERSION {
            let (format, version) = (self.format, &self.engine_version);
            let why = format!(
                "was saved in format {format} by engine {version}; this is format {FORMAT} and engine {ENGINE_VERSION}, \
                 which may not come to the same"
            );
            return Err(RunError::unfit("saved", why));
        }
        if self.log.len() > LOG_MAX {
            return Err(RunError::unfit("saved", format!("more than {LOG_MAX} injections")));
        }
        Ok(())
    }
}
