//! A twin that a zone speaks to: an actor of its own, or its shell called directly.

use host::actor::{Address, Letter, Shell};
use std::sync::Arc;
use twin::rng::Seed;
use twin::time::Time;
use twin::twin::{Events, Twin};

/// How twins beyond a zone's cast are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosting {
    /// Every twin an actor on the present arbiter.
    Actors,
    /// Every twin called directly.
    Direct,
}

/// The engine's own arbiters serve the actors of a zone as long as the zone lives.
const HELD: &str = "a twin's actor lives as long as its zone";
/// Zones speak to twins that they have themselves put in place, in terms that these accept.
const ACCEPTED: &str = "the engine asks only for what is possible";

/// What came of commands.
pub(super) struct Answer<T: Twin> {
    /// What happened, in order.
    pub(super) events: Events<T::Event>,
    /// What the twin shows afterwards.
    pub(super) view: T::View,
}

/// A twin of a zone.
pub(super) enum Player<T: Twin + Unpin + 'static> {
    /// Behind an actor.
    Actor(Address<T>),
    /// In the zone's own hands.
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
    /// A twin, with or without an actor around it.
    pub(super) fn new(twin: T, name: impl Into<Arc<str>>, seed: Seed, hosting: Hosting) -> Self {
        let shell = Shell::new(twin, name, seed);
        match hosting {
            Hosting::Actors => Self::Actor(Address::start(shell)),
            Hosting::Direct => Self::Direct(Box::new(shell)),
        }
    }

    /// Tells the twin something that it may refuse.
    pub(super) async fn ask(
        &mut self,
        now: Time,
        commands: impl IntoIterator<Item = T::Command>,
    ) -> Result<Answer<T>, T::Refusal> {
        let mut letter = Box::new(Letter::new(now));
        letter.commands.extend(commands);
        let letter = match self {
            Self::Actor(address) => address.tell(letter).await.expect(HELD)?,
            Self::Direct(shell) => shell.tell(&mut letter).map(|()| letter)?,
        };
        let Letter { events, view, .. } = *letter;
        Ok(Answer { events, view: view.expect("an answer shows the twin") })
    }

    /// Tells the twin something that it cannot refuse, and hears what comes of it.
    pub(super) async fn tell(
        &mut self,
        now: Time,
        commands: impl IntoIterator<Item = T::Command>,
    ) -> Answer<T> {
        self.ask(now, commands).await.expect(ACCEPTED)
    }

    /// Looks at the twin.
    pub(super) async fn look<R: Send + 'static>(&self, look: impl FnOnce(&T) -> R + Send + 'static) -> R {
        match self {
            Self::Actor(address) => address.look(|shell| look(shell.twin())).await.expect(HELD),
            Self::Direct(shell) => look(shell.twin()),
        }
    }
}
