//! A twin of a facility, an actor or called directly; and what is due in a zone.

use crate::engine::place::Hosting;
use host::actor::{Address, Answer, Commands, Shell, Tell};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::rng::Seed;
use twin::time::Time;
use twin::twin::Twin;

/// Facilities speak to twins they have themselves put in place; anything else is a bug here.
const HELD: &str = "the zone holds this twin";

/// A twin of a facility.
pub(super) enum Player<T: Twin + Unpin + 'static> {
    /// An actor.
    Actor(Address<T>),
    /// Called directly.
    Direct(Box<Shell<T>>),
}

impl<T> Player<T>
where
    T: Twin + Unpin + 'static,
    T::Command: Send,
    T::Event: Send,
    T::Refusal: Send,
    T::View: Send,
{
    pub(super) fn new(twin: T, name: impl Into<Arc<str>>, seed: Seed, hosting: Hosting) -> Self {
        let shell = Shell::new(twin, name, seed);
        match hosting {
            Hosting::Actors => Self::Actor(Address::start(shell)),
            Hosting::Direct => Self::Direct(Box::new(shell)),
        }
    }

    /// Tells the twin something that it may refuse.
    pub(super) async fn ask(&mut self, now: Time, command: T::Command) -> Result<Answer<T>, T::Refusal> {
        let message = Tell { now, commands: Commands::from_iter([command]) };
        match self {
            Self::Actor(address) => address.tell(message).await.expect(HELD),
            Self::Direct(shell) => shell.tell(&message),
        }
    }

    /// Tells the twin something that it cannot refuse.
    pub(super) async fn tell(&mut self, now: Time, command: T::Command) -> Answer<T> {
        self.ask(now, command).await.expect("the engine asks only for what is possible")
    }

    /// Looks at the twin.
    pub(super) async fn look<R: Send + 'static>(&self, look: impl FnOnce(&T) -> R + Send + 'static) -> R {
        match self {
            Self::Actor(address) => address.look(|shell| look(shell.twin())).await.expect(HELD),
            Self::Direct(shell) => look(shell.twin()),
        }
    }

    /// Takes the twin out.
    pub(super) async fn leave(self) -> T
    where
        T: Send,
    {
        match self {
            Self::Actor(address) => address.leave().await.expect(HELD).into_twin(),
            Self::Direct(shell) => shell.into_twin(),
        }
    }
}

/// What is due, in order of (time, sequence number).
pub(super) struct Agenda<A> {
    due: BTreeMap<(Time, u64), A>,
    sequence: u64,
}

impl<A> Default for Agenda<A> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), sequence: 0 }
    }
}

impl<A> Agenda<A> {
    pub(super) fn add(&mut self, at: Time, action: A) {
        self.sequence += 1;
        self.due.insert((at, self.sequence), action);
    }

    /// The next that is due before `end`.
    pub(super) fn next_before(&mut self, end: Time) -> Option<(Time, A)> {
        let entry = self.due.first_entry()?;
        (entry.key().0 < end).then(|| (entry.key().0, entry.remove()))
    }
}
