//! Actors that live as long as the platform: a state, and work done on it one piece after another.
//!
//! ```text
//!  Address::with(work) ──► mailbox (bounded) ──► work(&mut state).await ──► answer
//! ```
//!
//! Work may wait for a disk without holding its thread; the next piece begins when it is done, so a state is never seen
//! half changed. Work that panics takes its actor along: [`Gone`] tells, and whoever owns the state starts another.
//! A [`Stage`] is the runtime of such actors: a thread each, apart from the runtime of the doors.

use super::Gone;
use actix::prelude::{ActorFutureExt, WrapFuture};
use actix::{Actor, Addr, AtomicResponse, Context, Handler, Message};
use actix_rt::{Arbiter, ArbiterHandle, System};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// Work that may wait in a mailbox; who comes then waits with it.
const MAILBOX: usize = 64;

type Work<S> = Box<dyn FnOnce(Box<S>) -> Pin<Box<dyn Future<Output = Box<S>>>> + Send>;

struct ResidentActor<S> {
    /// Out of here while work is done on it.
    state: Option<Box<S>>,
}

impl<S: Unpin + 'static> Actor for ResidentActor<S> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
    }
}

struct Piece<S>(Work<S>);

impl<S> Message for Piece<S> {
    type Result = ();
}

impl<S: Unpin + 'static> Handler<Piece<S>> for ResidentActor<S> {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, piece: Piece<S>, _: &mut Self::Context) -> Self::Result {
        let state = self.state.take().expect("pieces of work are done one after another");
        let done = (piece.0)(state).into_actor(self);
        AtomicResponse::new(Box::pin(done.map(|state, this, _| this.state = Some(state))))
    }
}

/// Where a resident can be reached.
pub struct Resident<S: Unpin + 'static>(Addr<ResidentActor<S>>);

impl<S: Unpin + 'static> Clone for Resident<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Unpin + 'static> fmt::Debug for Resident<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resident(connected: {})", self.0.connected())
    }
}

impl<S: Send + Unpin + 'static> Resident<S> {
    /// Does a piece of work on the state and waits for what comes of it.
    ///
    /// # Errors
    /// When the actor is gone; then nothing is known of how far the work came.
    pub async fn with<R: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut S) -> Pin<Box<dyn Future<Output = R> + 'a>> + Send + 'static,
    ) -> Result<R, Gone> {
        let (tell, answer) = oneshot::channel();
        let work: Work<S> = Box::new(move |mut state| {
            Box::pin(async move {
                let result = work(&mut state).await;
                // Whoever asked may be gone; the work is done all the same.
                let _ = tell.send(result);
                state
            })
        });
        self.0.send(Piece(work)).await?;
        answer.await.map_err(|_| Gone)
    }

    /// Whether the actor is still there.
    pub fn is_there(&self) -> bool {
        self.0.connected()
    }
}

/// Threads for residents.
#[derive(Debug)]
pub struct Stage {
    arbiters: Vec<ArbiterHandle>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stage {
    /// Starts so many threads.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn start(threads: usize) -> io::Result<Self> {
        let (ready, handles) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("twins".to_owned()).spawn(move || {
            System::new().block_on(async move {
                let arbiters: Vec<Arbiter> = (0..threads.max(1)).map(|_| Arbiter::new()).collect();
                let _ = ready.send(arbiters.iter().map(Arbiter::handle).collect());
                let _ = stopped.await;
                for arbiter in arbiters {
                    arbiter.stop();
                    // What still runs there ends with its thread.
                    let _ = arbiter.join();
                }
            });
        })?;
        let arbiters = handles.recv().map_err(|_| io::Error::other("the twins' threads did not start"))?;
        Ok(Self { arbiters, stop: Some(stop), thread: Some(thread) })
    }

    /// Threads for residents.
    pub fn threads(&self) -> u64 {
        self.arbiters.len() as u64
    }

    /// Puts a resident on the thread that a number leads to.
    ///
    /// # Errors
    /// When the stage is coming down.
    pub async fn place<S: Send + Unpin + 'static>(&self, number: u64, state: S) -> Result<Resident<S>, Gone> {
        let arbiter = &self.arbiters[(number % self.arbiters.len() as u64) as usize];
        let (tell, told) = oneshot::channel();
        let state = Box::new(state);
        arbiter.spawn_fn(move || {
            let _ = tell.send(Resident(ResidentActor { state: Some(state) }.start()));
        });
        told.await.map_err(|_| Gone)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_one_after_another_and_a_panic_ends_one_resident_only() {
        let stage = Stage::start(2).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let first = stage.place(0, 0u64).await.unwrap();
            let second = stage.place(0, 10u64).await.unwrap();
            let add = |resident: Resident<u64>| async move {
                let work = resident.with(|state: &mut u64| {
                    Box::pin(async move {
                        let before = *state;
                        tokio::task::yield_now().await;
                        *state = before + 1;
                        before
                    })
                });
                work.await.unwrap()
            };
            let mut seen = futures::future::join_all((0..50).map(|_| add(first.clone()))).await;
            seen.sort_unstable();
            assert_eq!(seen, (0..50).collect::<Vec<u64>>());
            let failed: Result<(), Gone> = first.with(|_| Box::pin(async { panic!("a bug") })).await;
            assert_eq!(failed, Err(Gone));
            assert!(!first.is_there());
            assert_eq!(add(second).await, 10);
        });
    }
}
