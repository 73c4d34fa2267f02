//! Who listens to what.

use super::super::envelope::NOT_KNOWN;
use host::identity::{Caller, Secret, Visibility};
use host::platform::TwinId;
use serde_json::json;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use socketioxide::{SendError, SocketError};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Rooms of one socket.
const ROOMS_MAX: usize = 1_000;
/// How long somebody who is let go may take to hear why.
const FAREWELL: Duration = Duration::from_secs(10);
const FAREWELL_STEP: Duration = Duration::from_millis(200);

/// What can be listened to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Room {
    /// A battery.
    Battery(TwinId),
    /// All batteries of a place.
    Place(Arc<str>),
}

/// Somebody who listens.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) socket: SocketRef,
    pub(super) caller: Arc<Caller>,
    /// What it showed, to be looked at again.
    pub(super) token: Secret,
    visible: Visibility,
    rooms: HashSet<Room>,
    /// Whether it was seen without a connection: it is let in a moment before it has one.
    is_adrift: bool,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("id", &self.socket.id)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}

/// Why somebody is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Farewell {
    /// It does not take its messages.
    Slow,
    /// Its token is no longer good.
    NotKnown,
}

impl Farewell {
    fn message(self) -> &'static str {
        match self {
            Self::Slow => "Too slow: messages were waiting and more came; connect again",
            Self::NotKnown => NOT_KNOWN,
        }
    }
}

/// Everybody who listens.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    members: HashMap<Sid, Member>,
    rooms: HashMap<Room, HashSet<Sid>>,
}

impl Rooms {
    /// Somebody comes.
    pub(super) fn enter(&mut self, socket: SocketRef, caller: Arc<Caller>, token: Secret) {
        let visible = Visibility::of(&caller);
        let member = Member { caller, token, visible, rooms: HashSet::new(), is_adrift: false, socket };
        self.members.insert(member.socket.id, member);
    }

    /// Somebody goes.
    pub(super) fn leave(&mut self, id: Sid) -> Option<Member> {
        let member = self.members.remove(&id)?;
        for room in &member.rooms {
            self.vacate(room, id);
        }
        Some(member)
    }

    fn vacate(&mut self, room: &Room, id: Sid) {
        if let Some(inside) = self.rooms.get_mut(room) {
            inside.remove(&id);
            if inside.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// Forgets those who have had no connection for a while.
    pub(super) fn sweep(&mut self) {
        let mut gone = Vec::new();
        for member in self.members.values_mut().filter(|member| !member.socket.connected()) {
            if member.is_adrift {
                gone.push(member.socket.id);
            }
            member.is_adrift = true;
        }
        for id in gone {
            self.leave(id);
        }
    }

    /// Somebody listens to something; false where it listens to too much already.
    pub(super) fn join(&mut self, id: Sid, room: Room) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return true };
        if member.rooms.len() >= ROOMS_MAX && !member.rooms.contains(&room) {
            return false;
        }
        member.rooms.insert(room.clone());
        self.rooms.entry(room).or_default().insert(id);
        true
    }

    /// Somebody no longer listens to something.
    pub(super) fn part(&mut self, id: Sid, room: &Room) {
        if let Some(member) = self.members.get_mut(&id) {
            member.rooms.remove(room);
            self.vacate(room, id);
        }
    }

    /// Whether anybody listens at all.
    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Whether anybody listens to a battery, or to its place.
    pub(super) fn hears(&self, twin: TwinId, place: Option<&Arc<str>>) -> bool {
        self.rooms.contains_key(&Room::Battery(twin))
            || place.is_some_and(|place| self.rooms.contains_key(&Room::Place(place.clone())))
    }

    /// Sockets that listen to a battery or to its place and may see it, each once.
    pub(super) fn audience(
        &self,
        twin: TwinId,
        place: Option<&Arc<str>>,
        is_seen: impl Fn(&Visibility) -> bool,
    ) -> Vec<SocketRef> {
        let of_battery = self.rooms.get(&Room::Battery(twin));
        let of_place = place.and_then(|place| self.rooms.get(&Room::Place(place.clone())));
        let ids: HashSet<Sid> = of_battery.into_iter().chain(of_place).flatten().copied().collect();
        let members = ids.iter().filter_map(|id| self.members.get(id));
        members.filter(|member| is_seen(&member.visible)).map(|member| member.socket.clone()).collect()
    }
}

/// Whether a socket has no room for more.
pub(super) fn is_full(sent: &Result<(), SendError>) -> bool {
    matches!(sent, Err(SendError::Socket(SocketError::InternalChannelFull)))
}

/// Tells somebody why it is let go, as soon as there is room to, and lets it go.
pub(super) fn dismiss(socket: SocketRef, why: Farewell) {
    metrics::counter!("celltide_listeners_dropped_total").increment(1);
    tracing::info!(socket = %socket.id, ?why, "a socket is let go");
    tokio::spawn(async move {
        let steps = FAREWELL.as_millis() / FAREWELL_STEP.as_millis();
        for _ in 0..steps {
            let sent = socket.emit("error", &json!({ "message": why.message() }));
            if !is_full(&sent) {
                break;
            }
            tokio::time::sleep(FAREWELL_STEP).await;
        }
        for _ in 0..steps {
            if socket.clone().disconnect().is_ok() {
                return;
            }
            tokio::time::sleep(FAREWELL_STEP).await;
        }
        // Whoever takes nothing at all is found out by the heartbeat.
    });
}
