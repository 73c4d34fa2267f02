//! Native payloads: JSON of devices, taken apart and checked.
//!
//! Telemetry is read in one pass into readings; whatever is wrong with a message is told as a [`Fault`] with its
//! class, field and reason. Keys that nobody knows are skipped and counted, so that a firmware that says more
//! than before goes on being heard.

mod fault;
mod instant;
pub(crate) mod keys;
mod reading;
pub(crate) mod tree;
mod trouble;

pub use fault::{Class, Fault};
pub(crate) use instant::{Believed, shortened};
pub use reading::Telemetry;

use host::platform::door::{Kind, Report};
use serde_json::{Map, Value};
use twin::time::Time;

/// Longest key that is skipped; a longer one is a fault [bytes].
const KEY_READ_MAX_BYTES: usize = 256;
/// Longest name of an event [bytes].
const EVENT_NAME_MAX_BYTES: usize = 64;
/// Longest detail of an answer to a command [bytes].
const DETAIL_MAX_BYTES: usize = 1_024;

/// What is taken at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Longest payload [bytes].
    pub payload_max_bytes: usize,
    /// Most readings of one message.
    pub readings_max: usize,
    /// How far ahead of the platform's clock a time may be [s].
    pub ahead_max_s: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload_max_bytes: 256 * 1_024, readings_max: 2_000, ahead_max_s: 900.0 }
    }
}

impl Limits {
    pub(crate) fn believed(&self, now: Time) -> Believed {
        Believed { latest: now.plus_seconds(self.ahead_max_s) }
    }

    /// A payload as text.
    fn text<'a>(&self, payload: &'a [u8]) -> Result<&'a str, Fault> {
        if payload.is_empty() {
            return Err(Fault::new(Class::Empty, "payload", "there is nothing in it"));
        }
        if payload.len() > self.payload_max_bytes {
            let reason = format!("{} bytes; {} are taken", payload.len(), self.payload_max_bytes);
            return Err(Fault::new(Class::TooLong, "payload", reason));
        }
        if payload.starts_with(b"\xEF\xBB\xBF") {
            return Err(Fault::new(Class::ByteOrderMark, "payload", "it begins with a byte order mark"));
        }
        std::str::from_utf8(payload).map_err(|error| {
            let reason = format!("it is not UTF-8 from byte {} on", error.valid_up_to());
            Fault::new(Class::NotUtf8, "payload", reason)
        })
    }

    pub(crate) fn tree(&self, payload: &[u8]) -> Result<Value, Fault> {
        tree::read(self.text(payload)?)
    }

    fn object(&self, payload: &[u8]) -> Result<Map<String, Value>, Fault> {
        match self.tree(payload)? {
            Value::Object(object) => Ok(object),
            _ => Err(Fault::new(Class::NotAnObject, "payload", "an object is expected")),
        }
    }
}

/// Reads what an asset measured.
///
/// # Errors
/// When the message is wrong in any way: nothing of it is taken then.
pub fn telemetry(kind: Kind, payload: &[u8], now: Time, limits: &Limits) -> Result<Telemetry, Fault> {
    reading::read(kind, limits.text(payload)?, limits.believed(now), limits.readings_max)
}

/// Reads what happened: `{"event": "swap", "ts": …, …}`; without `ts` it happened now.
///
/// # Errors
/// When the message is wrong.
pub fn event(payload: &[u8], now: Time, limits: &Limits) -> Result<Report, Fault> {
    let mut object = limits.object(payload)?;
    let at = time_of(&mut object, now, limits)?;
    let event = match object.remove("event") {
        Some(Value::String(event)) => event,
        Some(_) => return Err(Fault::new(Class::NotAString, "event", "the name of an event is a string")),
        None => return Err(Fault::new(Class::MissingKey, "event", "the key is missing")),
    };
    if event.len() > EVENT_NAME_MAX_BYTES || !keys::is_snake(&event) {
        let reason = format!(
            "{:?} is no name in snake case of at most {EVENT_NAME_MAX_BYTES} bytes",
            shortened(&event)
        );
        return Err(Fault::new(Class::EventName, "event", reason));
    }
    Ok(Report::Event { at, event, detail: Value::Object(object) })
}

/// Reads whether a device is there: `online` or `offline`, in quotes or not.
///
/// # Errors
/// When it is neither.
pub fn status(payload: &[u8]) -> Result<bool, Fault> {
    let bare = payload.trim_ascii();
    let bare = bare.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(bare);
    match bare {
        b"online" => Ok(true),
        b"offline" => Ok(false),
        b"" => Err(Fault::new(Class::Empty, "payload", "there is nothing in it")),
        other => {
            let shown = String::from_utf8_lossy(&other[..other.len().min(40)]).into_owned();
            Err(Fault::new(
                Class::UnknownStatus,
                "payload",
                format!("{shown:?} is neither online nor offline"),
            ))
        }
    }
}

/// Reads what became of a command: `{"done": true, "detail": "…", "ts": …}`.
///
/// # Errors
/// When the message is wrong.
pub fn ack(command: &str, payload: &[u8], now: Time, limits: &Limits) -> Result<Report, Fault> {
    let mut object = limits.object(payload)?;
    let at = time_of(&mut object, now, limits)?;
    let done = match object.get("done") {
        Some(Value::Bool(done)) => *done,
        Some(_) => return Err(Fault::new(Class::NoOutcome, "done", "it is true or false")),
        None => return Err(Fault::new(Class::NoOutcome, "done", "the key is missing")),
    };
    let detail = match object.remove("detail") {
        None | Some(Value::Null) => None,
        Some(Value::String(detail)) if detail.len() <= DETAIL_MAX_BYTES => Some(detail),
        Some(Value::String(_)) => {
            let reason = format!("longer than {DETAIL_MAX_BYTES} bytes");
            return Err(Fault::new(Class::TooLong, "detail", reason));
        }
        Some(_) => return Err(Fault::new(Class::NotAString, "detail", "it is a string")),
    };
    Ok(Report::Acknowledged { at, command: command.to_owned(), done, detail })
}

/// Takes the time out of an object; the time of arrival when there is none.
fn time_of(object: &mut Map<String, Value>, now: Time, limits: &Limits) -> Result<Time, Fault> {
    let believed = limits.believed(now);
    match object.remove("ts") {
        None | Some(Value::Null) => Ok(now),
        Some(Value::String(text)) => believed.of_text(&text),
        Some(Value::Number(number)) => believed.of_ms(number.as_f64().unwrap_or(f64::NAN)),
        Some(_) => {
            Err(Fault::new(Class::NotATime, "ts", "a time is milliseconds since the epoch or RFC 3339"))
        }
    }
}

#[cfg(test)]
mod tests;
