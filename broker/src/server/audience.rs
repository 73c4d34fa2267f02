//! Those who listen to everything: monitors, bridges, gateways. rumqttd's router fans out to them.
//!
//! Devices hear their own two topics only and are served without it: every distinct filter costs the router a log
//! of its own (a quarter of a megabyte before the first message) that it never gives back, and a topic without
//! listener is compared with every filter each time. So only guests who may hear all have a link, and a message
//! goes to the router only when one of their filters catches it.
//!
//! The router ends a link, or itself, over some mistakes. They are kept away from it: names of links are unique
//! and its own, filters are checked, links subscribe without acknowledgement (the connection acknowledges itself),
//! and a topic whose first character is not ASCII never reaches it, since it would cut that character in two.

use crate::topic;
use bytes::Bytes;
use rumqttd::local::{LinkBuilder, LinkRx, LinkTx};
use rumqttd::protocol::{Disconnect, DisconnectReasonCode, Packet};
use rumqttd::{Notification, Router, RouterConfig};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A log of a filter: so many segments of so many bytes.
const SEGMENT_BYTES: usize = 1024 * 1024;
const SEGMENTS: usize = 4;
/// Most listeners with links.
const LISTENERS_MAX: usize = 4_096;
/// Most messages that may wait to be taken by the router.
const WAITING_MAX: usize = 20_000;

type Connect = Arc<dyn Fn(&str) -> Result<(LinkTx, LinkRx), String> + Send + Sync>;

/// Fans out to listeners.
#[derive(Default)]
pub(super) struct Audience {
    /// How many filters there are, to see without a lock that there are none.
    some: AtomicUsize,
    named: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    router: Option<Started>,
    filters: BTreeMap<String, usize>,
}

struct Started {
    connect: Connect,
    speaker: LinkTx,
    /// Kept so that the router finds the other end of the speaker's link.
    _unheard: LinkRx,
}

/// A listener's end of the router.
pub(super) struct Ear {
    tx: LinkTx,
    rx: LinkRx,
    owes_wake: bool,
    filters: Vec<String>,
    audience: Arc<Audience>,
}

impl Audience {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new listener. The router is started for the first.
    pub(super) async fn ear(self: &Arc<Self>) -> Option<Ear> {
        let name = format!("ear {}", self.named.fetch_add(1, Ordering::Relaxed));
        let audience = self.clone();
        // Waits for the router's thread, so not on a thread that serves connections.
        let built = tokio::task::spawn_blocking(move || {
            let connect = audience.connect()?;
            connect(&name)
        });
        match built.await {
            Ok(Ok((tx, rx))) => {
                Some(Ear { tx, rx, owes_wake: false, filters: Vec::new(), audience: self.clone() })
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "no link for a listener");
                None
            }
            Err(error) => {
                tracing::error!(%error, "no link for a listener");
                None
            }
        }
    }

    fn connect(&self) -> Result<Connect, String> {
        let mut state = self.state();
        if let Some(started) = &state.router {
            return Ok(started.connect.clone());
        }
        let config = RouterConfig {
            max_connections: LISTENERS_MAX,
            max_outgoing_packet_count: 200,
            max_segment_size: SEGMENT_BYTES,
            max_segment_count: SEGMENTS,
            ..RouterConfig::default()
        };
        let router = Router::new(0, config).spawn();
        let connect: Connect = Arc::new(move |name| {
            let built = LinkBuilder::new(name, router.clone()).build();
            built.map(|(tx, rx, _)| (tx, rx)).map_err(|error| error.to_string())
        });
        let (speaker, unheard) = connect("speaker")?;
        state.router = Some(Started { connect: connect.clone(), speaker, _unheard: unheard });
        Ok(connect)
    }

    /// Passes a message on, when somebody listens; false when it had to be dropped.
    pub(super) fn publish(&self, topic: &str, payload: &Bytes) -> bool {
        if self.some.load(Ordering::Acquire) == 0 || !topic.starts_with(|c: char| c.is_ascii()) {
            return true;
        }
        let mut state = self.state();
        if !state.filters.keys().any(|filter| topic::matches(topic, filter)) {
            return true;
        }
        let Some(started) = &mut state.router else { return true };
        if started.speaker.buffer().len() >= WAITING_MAX {
            return false;
        }
        // When the router's channel is full the message waits in the link's buffer, and is taken with the next of
        // the thousand events before it, nearly all of which are this link's.
        let _ = started.speaker.try_publish(topic.to_owned(), payload.clone());
        true
    }
}

impl Ear {
    /// Listens to a filter as well; false when the router is not there.
    pub(super) fn subscribe(&mut self, filter: &str) -> bool {
        if self.filters.iter().any(|known| known == filter) {
            return true;
        }
        if self.tx.subscribe(filter).is_err() {
            return false;
        }
        self.filters.push(filter.to_owned());
        *self.audience.state().filters.entry(filter.to_owned()).or_default() += 1;
        self.audience.some.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// Listens to a filter no more.
    pub(super) fn unsubscribe(&mut self, filter: &str) {
        if let Some(place) = self.filters.iter().position(|known| known == filter) {
            self.filters.remove(place);
            self.audience.forget(filter);
            // Without the router nothing is heard anyway.
            let _ = self.tx.unsubscribe(filter);
        }
    }

    /// The next message; none when the router is gone. Loses nothing when it is dropped before it is done.
    pub(super) async fn next(&mut self) -> Option<(Bytes, Bytes)> {
        loop {
            if self.owes_wake {
                self.rx.wake().await.ok()?;
                self.owes_wake = false;
            }
            match self.rx.next().await.ok()? {
                Some(Notification::Forward(forward)) => {
                    return Some((forward.publish.topic, forward.publish.payload));
                }
                // The router stops serving a link that fell behind until it hears from it.
                Some(Notification::Unschedule) => self.owes_wake = true,
                Some(_) | None => {}
            }
        }
    }
}

impl Audience {
    fn forget(&self, filter: &str) {
        let mut state = self.state();
        if let Some(count) = state.filters.get_mut(filter) {
            *count -= 1;
            if *count == 0 {
                state.filters.remove(filter);
            }
            self.some.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        for filter in std::mem::take(&mut self.filters) {
            self.audience.forget(&filter);
        }
        // Makes the router forget the link. The queue is short and the router takes it without waiting for anybody.
        let goodbye = Disconnect { reason_code: DisconnectReasonCode::NormalDisconnection };
        self.tx.buffer().push_back(Packet::Disconnect(goodbye, None));
        let _ = self.tx.try_publish("", Bytes::new());
    }
}
