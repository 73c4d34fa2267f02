//! Commands: what somebody wants hardware to do, and what became of it.
//!
//! ```text
//!  accepted ──► order to the device, again every so often ──► acknowledged
//!                                                         ├─► refused     the device says no
//!                                                         └─► timed_out   it says nothing until the deadline
//! ```

use super::door::Unfit;
use super::registry::TwinId;
use crate::store::records::{Indexed, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twin::time::Time;
use uuid::Uuid;

/// The command that tells a device how it shall be.
pub const SET_DESIRED: &str = "set_desired";
/// Time that a device has to answer, when nobody says [s].
pub const TIMEOUT_S: f64 = 30.0;
/// Longest time that it may be given: a week [s].
const TIMEOUT_MAX_S: f64 = 7.0 * 86_400.0;
/// A device that does not answer is told again, so often until the deadline.
const TRIES: u32 = 3;
/// Longest command as JSON, in bytes.
const PAYLOAD_MAX_BYTES: usize = 64 << 10;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is kept and on its way.
    Accepted,
    /// The device did it.
    Acknowledged,
    /// The device says no.
    Refused,
    /// The device said nothing in time.
    TimedOut,
}

impl Outcome {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
        }
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// Its name.
    pub id: Uuid,
    /// For whom.
    pub twin: TwinId,
    /// What to do: `lock`, `set_desired`.
    pub command: String,
    /// With what.
    pub params: Value,
    /// Who wants it.
    pub by: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What the device said about it.
    pub detail: Option<String>,
    /// When it was accepted.
    pub accepted_at: Time,
    /// Until when the device may answer.
    pub deadline: Time,
    /// When it was settled.
    pub settled_at: Option<Time>,
}

impl CommandRecord {
    /// Whether it still waits for an answer.
    pub fn is_open(&self) -> bool {
        self.outcome == Outcome::Accepted
    }

    /// What goes to the device; it names the command when it answers.
    pub fn payload(&self) -> String {
        let payload = serde_json::json!({
            "command_id": self.id, "name": self.command, "params": self.params,
            "issued_at": self.accepted_at.0, "deadline": self.deadline.0,
        });
        payload.to_string()
    }

    /// When the device is to be told again after `now`; nothing when it was told often enough.
    pub(super) fn again_after(&self, now: Time) -> Option<Time> {
        let span_ms = (self.deadline - self.accepted_at) / i64::from(TRIES);
        let tries = (1..i64::from(TRIES)).map(|k| self.accepted_at + k * span_ms.max(1));
        tries.into_iter().find(|at| *at > now)
    }
}

impl Record for CommandRecord {
    const COLLECTION: &'static str = "commands";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexed(&self) -> Indexed {
        let twin = self.twin.to_string();
        let mut recent = twin.clone().into_bytes();
        recent.extend(super::alerts::newest_first(self.accepted_at));
        let indexed = Indexed::default().shared("twin", recent);
        if self.is_open() { indexed.shared("open_of", twin) } else { indexed }
    }
}

/// A command that is to be given.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCommand {
    /// What to do.
    pub command: String,
    /// With what.
    pub params: Value,
    /// Time that the device has to answer [s].
    pub timeout_s: Option<f64>,
}

impl NewCommand {
    pub(super) fn check(&self) -> Result<(), Unfit> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if self.command.is_empty() || self.command.len() > 100 || !self.command.chars().all(is_word) {
            return Err(Unfit::new("command", "1 to 100 letters, digits, `_`, `-`, `.`"));
        }
        let timeout_s = self.timeout_s.unwrap_or(TIMEOUT_S);
        if !(1.0..=TIMEOUT_MAX_S).contains(&timeout_s) {
            return Err(Unfit::new("timeout_s", format!("{timeout_s} is not between 1 and {TIMEOUT_MAX_S}")));
        }
        if self.params.to_string().len() > PAYLOAD_MAX_BYTES {
            return Err(Unfit::new("params", format!("more than {PAYLOAD_MAX_BYTES} bytes")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_three_times() {
        let command = CommandRecord {
            id: Uuid::nil(),
            twin: TwinId(Uuid::nil()),
            command: "lock".into(),
            params: Value::Null,
            by: "test".into(),
            outcome: Outcome::Accepted,
            detail: None,
            accepted_at: Time(0),
            deadline: Time(30_000),
            settled_at: None,
        };
        assert_eq!(command.again_after(Time(0)), Some(Time(10_000)));
        assert_eq!(command.again_after(Time(10_000)), Some(Time(20_000)));
        assert_eq!(command.again_after(Time(20_000)), None);
    }
}
