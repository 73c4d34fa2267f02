//! The actor around a twin: one generic type, so that it is written and tested once.
//!
//! A message carries a batch of commands with one instant, usually a whole span of work (a trip and the charge
//! that follows); the answer carries what happened and what the twin shows afterwards. The same shell runs without
//! a runtime through [`Shell::tell`], for tests and for measuring what the runtime costs.

mod actix_shell;
mod resident;

pub use actix_shell::{Address, Gone};
pub use resident::{Resident, Stage};

use std::sync::Arc;
use twin::rng::Seed;
use twin::time::Time;
use twin::twin::{Events, Moment, Twin};

/// Commands for a twin at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Tell<C> {
    /// The instant.
    pub now: Time,
    /// The commands, in order.
    pub commands: Commands<C>,
}

/// A batch of commands; most are one or two.
pub type Commands<C> = smallvec::SmallVec<[C; 2]>;

/// What came of a batch.
#[derive(Debug)]
pub struct Answer<T: Twin> {
    /// What happened, in order.
    pub events: Events<T::Event>,
    /// What the twin shows afterwards.
    pub view: T::View,
}

/// A twin with its name, seed and count of decisions.
#[derive(Debug)]
pub struct Shell<T> {
    twin: T,
    name: Arc<str>,
    seed: Seed,
    revision: u64,
}

impl<T: Twin> Shell<T> {
    /// A shell around a twin.
    pub fn new(twin: T, name: impl Into<Arc<str>>, seed: Seed) -> Self {
        Self { twin, name: name.into(), seed, revision: 0 }
    }

    /// The twin.
    pub fn twin(&self) -> &T {
        &self.twin
    }

    /// The twin, out of its shell.
    pub fn into_twin(self) -> T {
        self.twin
    }

    /// Name of the twin.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Decides and applies a batch, command by command, up to the first refusal.
    ///
    /// # Errors
    /// The refusal; what was decided before it stands.
    pub fn tell(&mut self, message: &Tell<T::Command>) -> Result<Answer<T>, T::Refusal> {
        let mut happened = Events::new();
        for command in &message.commands {
            let moment =
                Moment { now: message.now, seed: self.seed, entity: &self.name, revision: self.revision };
            let events = self.twin.decide(command, &moment)?;
            events.iter().for_each(|event| self.twin.apply(event));
            self.revision += 1;
            happened.extend(events);
        }
        Ok(Answer { events: happened, view: self.twin.view(message.now) })
    }
}
