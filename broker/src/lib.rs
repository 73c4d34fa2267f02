//! MQTT: the embedded broker, topics, payloads and mapping rules.
//!
//! ```text
//! device ──► server: listener, login, topic rights, pace ──► intake: payload, mapping, Sparkplug ──► Door::report
//!        ◄── PUBACK, once the report is durable ◄──────────────────────────────────────────────────────┘
//!        ◄── command, twin ◄── hub ◄──────────────────────────────────────────────────────────────── Door::orders
//! ```
//!
//! The broker decides nothing about twins: whatever it understood goes through [`host::platform::door::Door`], and
//! whatever it did not goes there as well, with the reason. `docs/mqtt.md` says what those outside may rely on.

mod config;
mod counters;
mod intake;
pub mod mapping;
pub mod payload;
pub mod remote;
mod server;
pub mod sparkplug;
pub mod topic;

pub use config::{Clock, Config, ConfigError, Rate, Tls, wall_clock};
pub use server::{Broker, BrokerError, Running};
