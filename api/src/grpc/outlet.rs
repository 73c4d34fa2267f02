//! Streams out: bounded, with an end that says why, and no patience with readers who do not read.

use crate::live::stopped;
use crate::server::App;
use futures::Stream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tonic::Status;

/// Messages that may wait for a reader.
const WAITING: usize = 64;
/// How long a reader may take to take a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream of answers.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Where messages are put for a reader.
pub(super) struct Outlet<T> {
    messages: mpsc::Sender<T>,
    end: Arc<Mutex<Option<Status>>>,
    stopping: watch::Receiver<bool>,
}

/// The stream is over; there is nothing more to do for it.
#[derive(Debug)]
pub(super) struct Over;

struct Inlet<T> {
    messages: mpsc::Receiver<T>,
    end: Arc<Mutex<Option<Status>>>,
}

/// An outlet, and the stream that comes of it.
pub(super) fn pipe<T: Send + 'static>(app: &App) -> (Outlet<T>, Answers<T>) {
    let (messages, waiting) = mpsc::channel(WAITING);
    let end = Arc::new(Mutex::new(None));
    let inlet = Inlet { messages: waiting, end: end.clone() };
    (Outlet { messages, end, stopping: app.stopping.clone() }, Box::pin(inlet))
}

impl<T> Outlet<T> {
    /// Puts a message; the stream ends where its reader takes too long.
    pub(super) async fn put(&mut self, message: T) -> Result<(), Over> {
        match tokio::time::timeout(PATIENCE, self.messages.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over),
            Err(_) => {
                metrics::counter!("celltide_listeners_dropped_total").increment(1);
                Err(self.end(Status::resource_exhausted("the reader did not take its messages")))
            }
        }
    }

    /// Ends the stream with a reason.
    pub(super) fn end(&mut self, why: Status) -> Over {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        Over
    }

    /// Waits until nobody reads any more, or the server goes down.
    pub(super) async fn over(&mut self) -> Over {
        let is_down = {
            let (messages, stopping) = (&self.messages, &mut self.stopping);
            tokio::select! {
                () = messages.closed() => false,
                () = stopped(stopping) => true,
            }
        };
        if is_down { self.end(Status::unavailable("the server stops")) } else { Over }
    }
}

impl<T> Stream for Inlet<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.messages.poll_recv(context).map(|message| match message {
            Some(message) => Some(Ok(message)),
            None => self.end.lock().unwrap_or_else(PoisonError::into_inner).take().map(Err),
        })
    }
}
