//! What hardware tells the platform, and what the platform tells hardware, whatever carries it.
//!
//! ```text
//!  MQTT, HTTP, gRPC ──► Door::admit, Door::report ──► twins, store, alerts
//!                   ◄── Door::orders ◄──────────────── commands, states to keep for whoever asks
//! ```
//!
//! An edge decodes what came into these types and sends on what leaves; it decides nothing.

use crate::store::series::Reading;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::broadcast;
use twin::time::Time;

/// What kind of asset a twin is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A cell, pack, block or string.
    Battery,
    /// A swap cabinet.
    Cabinet,
    /// A collection vessel, net, team or underwater collector.
    Vessel,
    /// A data centre, sorting plant or recycler.
    Facility,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Battery, Self::Cabinet, Self::Vessel, Self::Facility];

    /// Its name outside: `battery`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Battery => "battery",
            Self::Cabinet => "cabinet",
            Self::Vessel => "vessel",
            Self::Facility => "facility",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Unfit;
    fn from_str(name: &str) -> Result<Self, Unfit> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
            Unfit::new("kind", format!("{name:?} is none of battery, cabinet, vessel, facility"))
        })
    }
}

/// A piece of hardware as it names itself: any alias of its twin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Device {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub id: Arc<str>,
}

/// What somebody says who wants in.
#[derive(Clone)]
pub struct Login {
    /// Name of the connection, as MQTT's client id.
    pub client: Arc<str>,
    /// Who it says it is.
    pub user: Option<String>,
    /// Secret or token.
    pub secret: Option<String>,
}

/// Who was let in, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Its name, for logs and limits.
    pub name: Arc<str>,
    /// What it may do.
    pub access: Access,
}

/// What a guest may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Speak for one device and hear what is meant for it.
    Device(Device),
    /// Hear all devices, say nothing.
    Listen,
    /// Speak for every device and hear all: a gateway, or a bridge to another broker.
    All,
}

/// Why somebody is not let in. Says nothing that would help a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TurnedAway {
    /// Name or secret is wrong.
    #[error("name or secret is wrong")]
    Unknown,
    /// Too many attempts.
    #[error("too many attempts; try again later")]
    TooMany,
    /// The platform is going down or cannot answer.
    #[error("not available now")]
    Unavailable,
}

/// What a device says.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// What it measured, in any order. Cell voltages are metrics `cell_voltages_v.1`, `cell_voltages_v.2`, …
    Readings(Vec<Reading>),
    /// Something that happened: swap, door, alarm, unload.
    Event {
        /// When.
        at: Time,
        /// What, in snake case.
        event: String,
        /// The rest of what was said, as JSON.
        detail: serde_json::Value,
    },
    /// It came or went.
    Presence {
        /// When.
        at: Time,
        /// Whether it is there.
        online: bool,
    },
    /// What became of a command.
    Acknowledged {
        /// When.
        at: Time,
        /// Which command.
        command: String,
        /// Whether it was done.
        done: bool,
        /// Why not, or more about it.
        detail: Option<String>,
    },
}

/// Why a report is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct Unfit {
    /// What is wrong: the name of a field, `topic`, `payload`, `device`.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl Unfit {
    /// A field and what is wrong with it.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// Why a report was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotKept {
    /// It says something impossible; sending it again will not help.
    #[error("{0}")]
    Unfit(#[from] Unfit),
    /// It could not be kept now; send it again.
    #[error("not kept: {0}")]
    Unavailable(String),
}

/// What leaves for hardware.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// A command for a device.
    Command {
        /// For whom.
        device: Device,
        /// Which command; the device names it when it answers.
        command: String,
        /// The command, as JSON text.
        payload: Arc<str>,
    },
    /// The state of a twin, kept for whoever subscribes later.
    State {
        /// Whose.
        device: Device,
        /// The state, as JSON text.
        payload: Arc<str>,
    },
}

/// An answer that comes.
pub type Soon<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What an edge to hardware asks of the platform.
pub trait Door: Send + Sync + 'static {
    /// Lets somebody in, or not.
    fn admit(&self, login: Login) -> Soon<Result<Guest, TurnedAway>>;

    /// Takes a report. It is durable when this is answered.
    fn report(&self, from: Device, report: Report) -> Soon<Result<(), NotKept>>;

    /// Keeps what could not be understood, with its reason, and counts it.
    fn reject(&self, from: Option<Device>, topic: String, payload: bytes::Bytes, why: Unfit) -> Soon<()>;

    /// What leaves for hardware from now on. Who is too slow is told how much it missed.
    fn orders(&self) -> broadcast::Receiver<Order>;
}
