//! What every WebSocket of the doors has: a heartbeat, an end of patience, words and a last word.

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// How long a listener may take to take a message, or to say who it is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How often a quiet connection is tried.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Beats now and from then on; beats that were missed are not made up for.
pub(crate) fn heartbeat() -> Interval {
    let mut beats = interval(HEARTBEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats
}

/// What tries a quiet connection.
pub(crate) fn beat() -> Message {
    Message::Ping(bytes::Bytes::new())
}

/// A value as a message.
pub(crate) fn text(value: &Value) -> Message {
    Message::Text(value.to_string().into())
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The listener took it.
    Taken,
    /// The connection is gone.
    Gone,
    /// The listener takes nothing, and is counted among those who are let go.
    Slow,
}

/// Sends a message to a listener that has to take it soon.
pub(crate) async fn send(socket: &mut WebSocket, message: Message) -> Sent {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Sent::Taken,
        Ok(Err(_)) => Sent::Gone,
        Err(_) => {
            metrics::counter!("celltide_listeners_dropped_total").increment(1);
            Sent::Slow
        }
    }
}

/// Says why no more will come. Who does not hear it is left.
pub(crate) async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    let _ = timeout(PATIENCE, socket.send(Message::Close(Some(frame)))).await;
}
