//! What every twin answers: what would a command cause, and what is the state after it.

use crate::rng::{Seed, Stream};
use crate::time::Time;
use smallvec::SmallVec;

/// Events of one decision; most decisions cause few.
pub type Events<E> = SmallVec<[E; 4]>;

/// A pure state machine. The shell around it brings messages, time and durability.
pub trait Twin {
    /// What may be asked of the twin.
    type Command;
    /// What did happen to it.
    type Event: Clone;
    /// Why it refuses.
    type Refusal: std::error::Error;
    /// What it shows.
    type View;

    /// Decides what a command would cause, and changes nothing.
    ///
    /// # Errors
    /// When the command is not possible now.
    fn decide(
        &self,
        command: &Self::Command,
        moment: &Moment<'_>,
    ) -> Result<Events<Self::Event>, Self::Refusal>;

    /// Applies one event. Infallible and draw-free, so a replay cannot diverge.
    fn apply(&mut self, event: &Self::Event);

    /// What the twin shows at `now`, without disturbing it.
    fn view(&self, now: Time) -> Self::View;
}

/// When, and with which luck, a decision is taken.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The instant.
    pub now: Time,
    /// Seed of the experiment.
    pub seed: Seed,
    /// Name of the deciding twin.
    pub entity: &'a str,
    /// Number of decisions taken before, so that each has draws of its own.
    pub revision: u64,
}

impl Moment<'_> {
    /// The random stream for one purpose of this decision.
    pub fn stream(&self, purpose: &str) -> Stream {
        self.seed.stream(self.entity, purpose, self.revision)
    }
}
