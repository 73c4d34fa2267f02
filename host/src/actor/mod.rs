//! The actor around a twin: one generic type, so that it is written and tested once.
//!
//! A message is a [`Letter`]: a batch of commands with one instant, usually a whole span of work (a trip and the charge
//! that follows). It comes back with what happened and what the twin shows afterwards. The same shell runs without
//! a runtime through [`Shell::tell`], for tests and for measuring what the runtime costs.

mod actix_shell;
mod resident;

pub use actix_shell::{Address, Gone};
pub use resident::{Resident, Stage};

use std::sync::Arc;
use twin::rng::Seed;
use twin::time::Time;
use twin::twin::{Events, Moment, Twin};

/// Commands for a twin at one instant, and what came of them. It goes to the twin and comes back to whoever wrote it,
/// who may write into it again: on the way nothing but its address is copied.
#[derive(Debug)]
pub struct Letter<T: Twin> {
    /// The instant.
    pub now: Time,
    /// The commands, in order; none when it comes back.
    pub commands: Commands<T::Command>,
    /// What happened, in order.
    pub events: Events<T::Event>,
    /// What the twin shows afterwards.
    pub view: Option<T::View>,
}

impl<T: Twin> Letter<T> {
    /// A letter with nothing in it.
    pub fn new(now: Time) -> Self {
        Self { now, commands: Commands::new(), events: Events::new(), view: None }
    }
}

/// A batch of commands; most are one or two.
pub type Commands<C> = smallvec::SmallVec<[C; 2]>;

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

    /// Decides and applies the commands of a letter, one by one up to the first refusal, and answers in it.
    ///
    /// # Errors
    /// The refusal; what was decided before it stands.
    pub fn tell(&mut self, letter: &mut Letter<T>) -> Result<(), T::Refusal> {
        let now = letter.now;
        letter.events.clear();
        for command in letter.commands.drain(..) {
            let moment = Moment { now, seed: self.seed, entity: &self.name, revision: self.revision };
            let events = self.twin.decide(&command, &moment)?;
            events.iter().for_each(|event| self.twin.apply(event));
            self.revision += 1;
            // Most letters hold one command.
            if letter.events.is_empty() {
                letter.events = events;
            } else {
                letter.events.extend(events);
            }
        }
        letter.view = Some(self.twin.view(now));
        Ok(())
    }
}
