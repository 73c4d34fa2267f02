//! What waits for a client, and what was sent and not yet acknowledged.

use super::codec::{self, Mark};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Most messages that are sent and not acknowledged.
const INFLIGHT_MAX: usize = 64;

/// A message for a client.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) topic: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) qos: u8,
    pub(super) retain: bool,
    /// Whether only the latest of its topic counts.
    pub(super) latest_only: bool,
}

/// A client's messages, bounded.
#[derive(Debug)]
pub(super) struct Outbox {
    state: Mutex<State>,
    bell: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Parcel>,
    sent: VecDeque<(u16, Parcel)>,
    last_pkid: u16,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), bell: Notify::new(), limit }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message; false when it is full and the message is dropped.
    pub(super) fn put(&self, parcel: Parcel) -> bool {
        let mut state = self.state();
        if parcel.latest_only
            && let Some(older) =
                state.waiting.iter_mut().find(|older| older.latest_only && older.topic == parcel.topic)
        {
            *older = parcel;
            return true;
        }
        if state.waiting.len() >= self.limit {
            return false;
        }
        state.waiting.push_back(parcel);
        drop(state);
        self.bell.notify_one();
        true
    }

    /// Whether there is room for more.
    pub(super) fn has_room(&self) -> bool {
        self.state().waiting.len() < self.limit.min(INFLIGHT_MAX)
    }

    /// Waits until something was put in.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Writes what may be sent now, and says how many messages that was.
    pub(super) fn write(&self, out: &mut BytesMut, out_max: usize) -> u64 {
        let mut written = 0;
        let mut state = self.state();
        while out.len() < out_max {
            if state.waiting.front().is_some_and(|next| next.qos > 0) && state.sent.len() >= INFLIGHT_MAX {
                break;
            }
            let Some(parcel) = state.waiting.pop_front() else { break };
            let pkid = if parcel.qos > 0 { state.free_pkid() } else { 0 };
            let mark = Mark { qos: parcel.qos, pkid, retain: parcel.retain, again: false };
            codec::write_publish(out, &parcel.topic, &parcel.payload, mark);
            if parcel.qos > 0 {
                state.sent.push_back((pkid, parcel));
            }
            written += 1;
        }
        written
    }

    /// Writes again what was sent on an earlier connection and not acknowledged.
    pub(super) fn write_again(&self, out: &mut BytesMut) {
        for (pkid, parcel) in &self.state().sent {
            let mark = Mark { qos: parcel.qos, pkid: *pkid, retain: parcel.retain, again: true };
            codec::write_publish(out, &parcel.topic, &parcel.payload, mark);
        }
    }

    /// Forgets a message that was acknowledged; an answer to nothing is ignored.
    pub(super) fn acknowledged(&self, pkid: u16) {
        let mut state = self.state();
        if let Some(place) = state.sent.iter().position(|(sent, _)| *sent == pkid) {
            state.sent.remove(place);
        }
    }
}

impl State {
    /// A packet identifier that is not in use.
    fn free_pkid(&mut self) -> u16 {
        loop {
            self.last_pkid = self.last_pkid.wrapping_add(1);
            if self.last_pkid != 0 && self.sent.iter().all(|(sent, _)| *sent != self.last_pkid) {
                return self.last_pkid;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(topic: &str, payload: &'static str, latest_only: bool) -> Parcel {
        Parcel { topic: topic.into(), payload: payload.into(), qos: 1, retain: false, latest_only }
    }

    #[test]
    fn bounded_and_only_the_latest_of_a_state() {
        let outbox = Outbox::new(2);
        assert!(outbox.put(parcel("t", "1", true)));
        assert!(outbox.put(parcel("c", "do", false)));
        assert!(!outbox.put(parcel("c", "do again", false)), "full");
        assert!(outbox.put(parcel("t", "2", true)), "takes the place of the older");
        let mut out = BytesMut::new();
        assert_eq!(outbox.write(&mut out, 1 << 16), 2);
        assert!(
            out.ends_with(b"do") && out.windows(1).any(|w| w == b"2") && !out.windows(1).any(|w| w == b"1")
        );
    }

    #[test]
    fn sent_again_until_acknowledged() {
        let outbox = Outbox::new(1_000);
        for _ in 0..100 {
            assert!(outbox.put(parcel("c", "x", false)));
        }
        let mut out = BytesMut::new();
        assert_eq!(outbox.write(&mut out, usize::MAX), INFLIGHT_MAX as u64);
        assert_eq!(outbox.write(&mut out, usize::MAX), 0);
        outbox.acknowledged(1);
        outbox.acknowledged(999);
        assert_eq!(outbox.write(&mut out, usize::MAX), 1);
        let mut again = BytesMut::new();
        outbox.write_again(&mut again);
        assert_eq!(again[0], 0x3A, "a publish of quality 1, marked as sent before");
        assert_eq!(&again[5..7], &2_u16.to_be_bytes(), "the first was acknowledged");
    }
}
