//! Who is connected, what waits for whom, and what is retained.

use super::audience::{Audience, Ear};
use super::outbox::{Outbox, Parcel};
use crate::topic;
use bytes::Bytes;
use host::platform::door::{Access, Device, Guest, Order};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// How long a connection may take to give way to another of the same client.
const GIVE_WAY_S: u64 = 15;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client's session, which may outlive its connections. Two guests' clients of one name are two clients.
pub(super) struct Session {
    pub(super) guest: Guest,
    pub(super) outbox: Outbox,
    /// Filters and the quality of service granted.
    pub(super) subscriptions: Mutex<BTreeMap<String, u8>>,
    /// Messages of quality 2 that are kept and not yet released.
    pub(super) received: Mutex<HashSet<u16>>,
    /// The listener's end of the router, while no connection has it.
    pub(super) ear: Mutex<Option<Ear>>,
}

impl Session {
    /// The best quality of service granted for a topic; none when it was not subscribed to.
    pub(super) fn granted(&self, topic: &str) -> Option<u8> {
        let subscriptions = lock(&self.subscriptions);
        subscriptions.iter().filter(|(filter, _)| topic::matches(topic, filter)).map(|(_, qos)| *qos).max()
    }
}

type Key = (Arc<str>, Arc<str>);

struct Slot {
    session: Arc<Session>,
    seat: Option<Taken>,
    left: Option<u64>,
}

#[derive(Clone)]
struct Taken {
    number: u64,
    evict: Arc<Notify>,
    gone: watch::Receiver<bool>,
}

#[derive(Default)]
struct Sessions {
    slots: HashMap<Key, Slot>,
    /// Sessions without connection, the one away longest first.
    away: BTreeMap<u64, Key>,
    number: u64,
}

#[derive(Default)]
struct Attached {
    subscribers: Vec<Arc<Session>>,
    connections: usize,
}

/// All of it.
pub(super) struct Hub {
    sessions: Mutex<Sessions>,
    devices: Mutex<HashMap<Device, Attached>>,
    retained: Mutex<HashMap<Arc<str>, Bytes>>,
    pub(super) audience: Arc<Audience>,
    sessions_max: usize,
    queue_max: usize,
}

/// A client's place; whoever holds it is its only connection.
pub(super) struct Seat {
    hub: Arc<Hub>,
    key: Key,
    number: u64,
    clean: bool,
    pub(super) session: Arc<Session>,
    pub(super) evict: Arc<Notify>,
    gone: watch::Sender<bool>,
}

/// The other connection of a client did not end in time.
#[derive(Debug)]
pub(super) struct NoWay;

impl Hub {
    pub(super) fn new(sessions_max: usize, queue_max: usize) -> Self {
        Self {
            sessions: Mutex::default(),
            devices: Mutex::default(),
            retained: Mutex::default(),
            audience: Arc::default(),
            sessions_max,
            queue_max,
        }
    }

    /// Takes the place of a client, from another connection of the same if need be. Says as well whether there
    /// was a session to go on with.
    pub(super) async fn enter(
        self: &Arc<Self>,
        guest: &Guest,
        client: &Arc<str>,
        clean: bool,
    ) -> Result<(Seat, bool), NoWay> {
        let key = (guest.name.clone(), client.clone());
        loop {
            let taken = {
                let mut sessions = lock(&self.sessions);
                match sessions.slots.get(&key).and_then(|slot| slot.seat.clone()) {
                    Some(taken) => taken,
                    None => return Ok(self.sit(&mut sessions, key, guest, clean)),
                }
            };
            taken.evict.notify_one();
            let mut gone = taken.gone;
            let waited = timeout(Duration::from_secs(GIVE_WAY_S), gone.wait_for(|gone| *gone)).await;
            if waited.is_err() {
                return Err(NoWay);
            }
        }
    }

    fn sit(self: &Arc<Self>, sessions: &mut Sessions, key: Key, guest: &Guest, clean: bool) -> (Seat, bool) {
        sessions.number += 1;
        let number = sessions.number;
        let evict = Arc::new(Notify::new());
        let (gone, is_gone) = watch::channel(false);
        let taken = Taken { number, evict: evict.clone(), gone: is_gone };
        let earlier = sessions.slots.remove(&key);
        if let Some(left) = earlier.as_ref().and_then(|slot| slot.left) {
            sessions.away.remove(&left);
        }
        // Rights may have changed since.
        let kept = earlier.filter(|slot| {
            let goes_on = !clean && slot.session.guest == *guest;
            if !goes_on {
                self.detach(&slot.session);
            }
            goes_on
        });
        let present = kept.is_some();
        let session = kept.map_or_else(
            || {
                Arc::new(Session {
                    guest: guest.clone(),
                    outbox: Outbox::new(self.queue_max),
                    subscriptions: Mutex::default(),
                    received: Mutex::default(),
                    ear: Mutex::default(),
                })
            },
            |slot| slot.session,
        );
        sessions.slots.insert(key.clone(), Slot { session: session.clone(), seat: Some(taken), left: None });
        (Seat { hub: self.clone(), key, number, clean, session, evict, gone }, present)
    }

    /// Makes a device's session hear what is for the device.
    pub(super) fn attach(&self, session: &Arc<Session>) {
        let Access::Device(device) = &session.guest.access else { return };
        let mut devices = lock(&self.devices);
        let attached = devices.entry(device.clone()).or_default();
        if !attached.subscribers.iter().any(|known| Arc::ptr_eq(known, session)) {
            attached.subscribers.push(session.clone());
        }
    }

    fn detach(&self, session: &Arc<Session>) {
        // Breaks the circle of session, ear and audience.
        drop(lock(&session.ear).take());
        let Access::Device(device) = &session.guest.access else { return };
        let mut devices = lock(&self.devices);
        if let Some(attached) = devices.get_mut(device) {
            attached.subscribers.retain(|known| !Arc::ptr_eq(known, session));
            if attached.subscribers.is_empty() && attached.connections == 0 {
                devices.remove(device);
            }
        }
    }

    /// A connection speaks for a device.
    pub(super) fn arrives(&self, device: &Device) {
        lock(&self.devices).entry(device.clone()).or_default().connections += 1;
    }

    /// It no longer does; true when none does any more.
    pub(super) fn leaves(&self, device: &Device) -> bool {
        let mut devices = lock(&self.devices);
        let Some(attached) = devices.get_mut(device) else { return true };
        attached.connections = attached.connections.saturating_sub(1);
        let none = attached.connections == 0;
        if none && attached.subscribers.is_empty() {
            devices.remove(device);
        }
        none
    }

    /// Keeps a message for those who subscribe later, and passes it on to those who listen.
    pub(super) fn retain(&self, topic: String, payload: Bytes) -> bool {
        let passed_on = self.audience.publish(&topic, &payload);
        lock(&self.retained).insert(topic.into(), payload);
        passed_on
    }

    /// What is retained for a filter.
    pub(super) fn retained(&self, filter: &str) -> Vec<(Arc<str>, Bytes)> {
        let retained = lock(&self.retained);
        if !filter.contains(['+', '#']) {
            return retained
                .get_key_value(filter)
                .map(|(topic, payload)| (topic.clone(), payload.clone()))
                .into_iter()
                .collect();
        }
        let caught = retained.iter().filter(|(topic, _)| topic::matches(topic, filter));
        caught.map(|(topic, payload)| (topic.clone(), payload.clone())).collect()
    }

    /// Sends an order to whom it concerns; says how many copies had to be dropped.
    pub(super) fn send(&self, order: Order) -> u64 {
        let (device, topic, payload, latest_only) = match order {
            Order::Command { device, payload, .. } => {
                let topic = topic::command(&device);
                (device, topic, payload, false)
            }
            Order::State { device, payload } => {
                let topic = topic::twin(&device);
                (device, topic, payload, true)
            }
        };
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        let mut dropped = 0;
        let subscribers =
            lock(&self.devices).get(&device).map(|attached| attached.subscribers.clone()).unwrap_or_default();
        let shared: Arc<str> = topic.as_str().into();
        for session in subscribers {
            let Some(qos) = session.granted(&topic) else { continue };
            let parcel =
                Parcel { topic: shared.clone(), payload: payload.clone(), qos, retain: false, latest_only };
            dropped += u64::from(!session.outbox.put(parcel));
        }
        let passed_on =
            if latest_only { self.retain(topic, payload) } else { self.audience.publish(&topic, &payload) };
        dropped + u64::from(!passed_on)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut sessions = lock(&self.hub.sessions);
        let Sessions { slots, away, number } = &mut *sessions;
        let mine = slots
            .get_mut(&self.key)
            .filter(|slot| slot.seat.as_ref().is_some_and(|t| t.number == self.number));
        if let Some(slot) = mine {
            slot.seat = None;
            *number += 1;
            if self.clean {
                slots.remove(&self.key);
                self.hub.detach(&self.session);
            } else {
                slot.left = Some(*number);
                away.insert(*number, self.key.clone());
                while away.len() > self.hub.sessions_max {
                    let Some((_, oldest)) = away.pop_first() else { break };
                    if let Some(slot) = slots.remove(&oldest) {
                        self.hub.detach(&slot.session);
                    }
                }
            }
        }
        drop(sessions);
        self.gone.send_replace(true);
    }
}
