//! What can be set, and what is set when nothing is said.

use crate::mapping::{self, Rules};
use crate::payload::Limits;
use crate::{mapping::MappingError, sparkplug};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use twin::time::Time;

/// Settings of the embedded broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 asks for a free one.
    pub listen: SocketAddr,
    /// Certificate and key, for TLS; without, connections are plain.
    pub tls: Option<Tls>,
    /// Most connections at a time; further ones are closed at once.
    pub connections_max: usize,
    /// Most sessions that are kept for clients that are away; the one away longest goes first.
    pub sessions_max: usize,
    /// Longest payload [bytes]. A packet that cannot be one within it ends its connection unread.
    pub payload_max_bytes: usize,
    /// Most readings of one message.
    pub readings_max: usize,
    /// How far ahead of the platform's clock a time may be [s].
    pub ahead_max_s: f64,
    /// Most messages of one connection that wait to be durable at a time.
    pub window: usize,
    /// Most messages that wait for one client.
    pub queue_max: usize,
    /// How long a client may take to connect and log in [s].
    pub handshake_s: f64,
    /// How long a client may leave its socket unread while something is to be sent [s].
    pub stall_s: f64,
    /// How long what was heard may take to become durable once a connection ends [s].
    pub grace_s: f64,
    /// How long a connection is kept silent before it is closed because its reports cannot be kept now [s].
    pub unavailable_pause_s: f64,
    /// How fast a device may speak.
    pub device_rate: Rate,
    /// How fast a gateway may speak.
    pub gateway_rate: Rate,
    /// Rules for other makes' topics and payloads.
    pub mapping: Vec<mapping::Rule>,
    /// Sparkplug B.
    pub sparkplug: sparkplug::Settings,
}

/// A pace: tokens per second, and how many may be saved up. A message costs one token and one more for every
/// full kibibyte.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens per second.
    pub per_s: f64,
    /// Most tokens saved up.
    pub burst: f64,
}

/// Files of a server that proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and those that vouch for it, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            listen: (Ipv4Addr::LOCALHOST, 1883).into(),
            tls: None,
            connections_max: 20_000,
            sessions_max: 20_000,
            payload_max_bytes: limits.payload_max_bytes,
            readings_max: limits.readings_max,
            ahead_max_s: limits.ahead_max_s,
            window: 512,
            queue_max: 1_000,
            handshake_s: 10.0,
            stall_s: 20.0,
            grace_s: 5.0,
            unavailable_pause_s: 1.0,
            device_rate: Rate { per_s: 500.0, burst: 5_000.0 },
            gateway_rate: Rate { per_s: 100_000.0, burst: 100_000.0 },
            mapping: Vec::new(),
            sparkplug: sparkplug::Settings::default(),
        }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct ConfigError {
    /// Which.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl From<MappingError> for ConfigError {
    fn from(error: MappingError) -> Self {
        Self { field: error.field, reason: error.reason }
    }
}

impl Config {
    /// What is taken at most of a message.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            payload_max_bytes: self.payload_max_bytes,
            readings_max: self.readings_max,
            ahead_max_s: self.ahead_max_s,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first that cannot be, by its name.
    pub fn check(&self) -> Result<(), ConfigError> {
        let counts = [
            ("connections_max", self.connections_max, 1, 1_000_000),
            ("sessions_max", self.sessions_max, 0, 10_000_000),
            ("payload_max_bytes", self.payload_max_bytes, 1, 64 * 1_024 * 1_024),
            ("readings_max", self.readings_max, 1, 1_000_000),
            ("window", self.window, 1, 65_535),
            ("queue_max", self.queue_max, 1, 1_000_000),
        ];
        for (field, value, min, max) in counts {
            if !(min..=max).contains(&value) {
                return Err(ConfigError {
                    field: field.into(),
                    reason: format!("{value} is outside of {min} to {max}"),
                });
            }
        }
        let spans = [
            ("ahead_max_s", self.ahead_max_s, 0.0, 1e9),
            ("handshake_s", self.handshake_s, 0.01, 600.0),
            ("stall_s", self.stall_s, 0.01, 3_600.0),
            ("grace_s", self.grace_s, 0.0, 600.0),
            ("unavailable_pause_s", self.unavailable_pause_s, 0.0, 600.0),
            ("device_rate.per_s", self.device_rate.per_s, 1e-3, 1e9),
            ("device_rate.burst", self.device_rate.burst, 1.0, 1e9),
            ("gateway_rate.per_s", self.gateway_rate.per_s, 1e-3, 1e9),
            ("gateway_rate.burst", self.gateway_rate.burst, 1.0, 1e9),
        ];
        for (field, value, min, max) in spans {
            // NaN is in no range.
            if !(min..=max).contains(&value) {
                return Err(ConfigError {
                    field: field.into(),
                    reason: format!("{value} is outside of {min} to {max}"),
                });
            }
        }
        Rules::new(&self.mapping)?;
        self.sparkplug.check()?;
        Ok(())
    }
}

/// A span of seconds from a checked setting.
pub(crate) fn span(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 1e9))
}

/// Tells the platform's time.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// The wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "what arrives is dated by the wall clock unless the platform gives another"
)]
pub fn wall_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Time(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_checked() {
        assert_eq!(Config::default().check(), Ok(()));
        let wrong = Config { window: 0, ..Config::default() };
        assert_eq!(wrong.check().unwrap_err().field, "window");
        let wrong = Config { grace_s: f64::NAN, ..Config::default() };
        assert_eq!(wrong.check().unwrap_err().field, "grace_s");
        let misspelt = serde_json::from_str::<Config>(r#"{"windows": 3}"#).unwrap_err();
        assert!(misspelt.to_string().contains("windows"), "{misspelt}");
    }
}
