//! The one place that knows actix.

use super::{Letter, Shell};
use actix::{Actor, ActorContext, Addr, Context, Handler, MailboxError, Message, MessageResult};
use std::fmt;
use twin::twin::Twin;

/// Messages that may wait in a twin's mailbox; a sender beyond that waits with its message.
const MAILBOX: usize = 64;

/// The actor.
struct TwinActor<T: Twin> {
    shell: Option<Shell<T>>,
}

impl<T: Twin + Unpin + 'static> Actor for TwinActor<T> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
    }
}

struct Post<T: Twin>(Box<Letter<T>>);

impl<T: Twin + 'static> Message for Post<T> {
    type Result = Result<Box<Letter<T>>, T::Refusal>;
}

impl<T> Handler<Post<T>> for TwinActor<T>
where
    T: Twin + Unpin + 'static,
{
    type Result = MessageResult<Post<T>>;

    fn handle(&mut self, Post(mut letter): Post<T>, _: &mut Self::Context) -> Self::Result {
        let shell = self.shell.as_mut().expect("an actor whose shell was taken has stopped");
        MessageResult(shell.tell(&mut letter).map(|()| letter))
    }
}

/// What somebody wants to see of a twin.
type Sight<T, R> = Box<dyn FnOnce(&Shell<T>) -> R + Send>;

struct Look<T, R> {
    look: Sight<T, R>,
}

impl<T, R: 'static> Message for Look<T, R> {
    type Result = R;
}

impl<T, R> Handler<Look<T, R>> for TwinActor<T>
where
    T: Twin + Unpin + 'static,
    R: 'static,
{
    type Result = MessageResult<Look<T, R>>;

    fn handle(&mut self, message: Look<T, R>, _: &mut Self::Context) -> Self::Result {
        MessageResult((message.look)(
            self.shell.as_ref().expect("an actor whose shell was taken has stopped"),
        ))
    }
}

struct Leave<T>(std::marker::PhantomData<T>);

impl<T: 'static> Message for Leave<T> {
    type Result = Box<Shell<T>>;
}

impl<T: Twin + Unpin + 'static> Handler<Leave<T>> for TwinActor<T> {
    type Result = MessageResult<Leave<T>>;

    fn handle(&mut self, _: Leave<T>, context: &mut Self::Context) -> Self::Result {
        context.stop();
        MessageResult(Box::new(self.shell.take().expect("an actor is asked to leave once")))
    }
}

/// Where a twin's actor can be reached.
pub struct Address<T: Twin + Unpin + 'static>(Addr<TwinActor<T>>);

impl<T: Twin + Unpin + 'static> Clone for Address<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Twin + Unpin + 'static> fmt::Debug for Address<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address(connected: {})", self.0.connected())
    }
}

/// The twin's actor is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the twin's actor is gone")
    }
}

impl std::error::Error for Gone {}

impl From<MailboxError> for Gone {
    fn from(_: MailboxError) -> Self {
        Gone
    }
}

impl<T> Address<T>
where
    T: Twin + Unpin + 'static,
    T::Command: Send,
    T::Event: Send,
    T::Refusal: Send,
    T::View: Send,
{
    /// Starts an actor on the arbiter that this is called on.
    pub fn start(shell: Shell<T>) -> Self {
        Self(TwinActor { shell: Some(shell) }.start())
    }

    /// Sends a letter and waits until it comes back.
    ///
    /// # Errors
    /// When the actor is gone.
    pub async fn tell(&self, letter: Box<Letter<T>>) -> Result<Result<Box<Letter<T>>, T::Refusal>, Gone> {
        Ok(self.0.send(Post(letter)).await?)
    }

    /// Looks at the twin without disturbing it.
    ///
    /// # Errors
    /// When the actor is gone.
    pub async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&Shell<T>) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        Ok(self.0.send(Look { look: Box::new(look) }).await?)
    }

    /// Stops the actor and takes the twin out, shell and all.
    ///
    /// # Errors
    /// When the actor is gone already.
    pub async fn leave(&self) -> Result<Box<Shell<T>>, Gone>
    where
        T: Send,
    {
        Ok(self.0.send(Leave(std::marker::PhantomData)).await?)
    }
}
