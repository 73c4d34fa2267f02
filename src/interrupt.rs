//! Ctrl-C and SIGTERM: the first asks for an early end, the second does not ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;

/// Exit code of a process that SIGINT ended.
const KILLED: i32 = 130;

/// Sets `stop` on the first signal and ends the process on the second. Returns once signals are caught.
pub(crate) fn watch(stop: Arc<AtomicBool>) {
    let (ready, caught) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        // Without signals the run is merely harder to stop.
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            let Ok(mut signals) = Signals::new() else { return };
            // The run does not wait for the answer any more only when it is over.
            let _ = ready.send(());
            signals.next().await;
            stop.store(true, Ordering::Relaxed);
            crate::output::note("stopping: what there is will be written; once more ends it at once");
            signals.next().await;
            std::process::exit(KILLED);
        });
    });
    // The sender is dropped where signals cannot be caught.
    let _ = caught.blocking_recv();
}

/// The signals that ask for an end.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signals that ask for an end.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        // Where Ctrl-C cannot be awaited, the system ends the process by itself.
        let _ = tokio::signal::ctrl_c().await;
    }
}
