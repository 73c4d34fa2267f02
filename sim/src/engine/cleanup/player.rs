//! A twin that a zone speaks to: an actor, or its shell called directly.

use host::actor::{Address, Answer, Shell, Tell};
use twin::time::Time;
use twin::twin::Twin;

/// The engine's own arbiters serve the actors of a zone as long as the zone lives.
const LIVES: &str = "a twin's actor lives as long as its zone";

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
    pub(super) fn new(shell: Shell<T>, direct: bool) -> Self {
        if direct { Self::Direct(Box::new(shell)) } else { Self::Actor(Address::start(shell)) }
    }

    /// Tells it something, and hears what comes of it.
    pub(super) async fn tell(
        &mut self,
        now: Time,
        commands: impl IntoIterator<Item = T::Command>,
    ) -> Result<Answer<T>, T::Refusal> {
        let message = Tell { now, commands: commands.into_iter().collect() };
        match self {
            Self::Actor(address) => address.tell(message).await.expect(LIVES),
            Self::Direct(shell) => shell.tell(&message),
        }
    }

    /// Looks at it.
    pub(super) async fn look<R: Send + 'static>(&mut self, look: impl FnOnce(&T) -> R + Send + 'static) -> R {
        match self {
            Self::Actor(address) => address.look(|shell| look(shell.twin())).await.expect(LIVES),
            Self::Direct(shell) => look(shell.twin()),
        }
    }
}
