//! What happens to batteries, as it is called outside: which facts are told under which names, and who spells them.

use super::operation::Operation;
use super::record::Passport;
use crate::platform::bus;
use serde_json::Value;
use std::fmt::Debug;
use twin::time::Time;

/// The family under which webhooks know these events.
pub const FAMILY: &str = "passport";
/// A battery's readings.
pub(super) const TELEMETRY: &str = "telemetry";
/// All names of events of batteries, for live streams and webhooks alike.
pub const EVENTS: [&str; 5] = ["soh_update", "lifecycle_event", "alert", TELEMETRY, "carbon_update"];
/// Those of them that are facts of the journal.
pub(super) const FACTS: [&str; 4] = ["soh_update", "lifecycle_event", "alert", "carbon_update"];
/// An operation was done.
pub(super) const COMPLETED: &str = "operation.completed";
/// An operation could not be done.
pub(super) const FAILED: &str = "operation.failed";
/// All that webhooks tell of.
pub(super) const TOLD: [&str; 7] =
    ["soh_update", "lifecycle_event", "alert", TELEMETRY, "carbon_update", COMPLETED, FAILED];

/// The name outside of what happened to a battery; nothing for what is not told.
pub fn event_name(happened: &str) -> Option<&'static str> {
    Some(match happened {
        "health.measured" => "soh_update",
        TELEMETRY => TELEMETRY,
        "carbon.calculated" | "transport.added" => "carbon_update",
        alert if alert.starts_with("alert.") => "alert",
        event
            if event.starts_with("lifecycle.")
                || event.starts_with("second_life.")
                || event.starts_with("recycling.")
                || event.starts_with("passport.") =>
        {
            "lifecycle_event"
        }
        _ => return None,
    })
}

/// A fact of a battery that is told of.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The battery's passport.
    pub passport: &'a Passport,
    /// What kind of fact it is: `health.measured`.
    pub fact: &'a str,
    /// When it happened.
    pub at: Time,
    /// What the journal says of it.
    pub detail: &'a Value,
    /// Hash of the fact: `0x…`.
    pub hash: &'a str,
}

/// How a family spells what is told.
pub trait Outward: Send + Sync + Debug {
    /// What is told of a fact.
    fn fact(&self, told: &Told<'_>) -> Value;

    /// What is told of readings.
    fn readings(&self, passport: &Passport, news: &bus::News) -> Value;

    /// What is told of an operation that is over.
    fn operation(&self, operation: &Operation) -> Value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_have_names_outside() {
        for (fact, name) in [
            ("health.measured", Some("soh_update")),
            ("alert.raised", Some("alert")),
            ("telemetry", Some("telemetry")),
            ("transport.added", Some("carbon_update")),
            ("lifecycle.incident", Some("lifecycle_event")),
            ("passport.registered", Some("lifecycle_event")),
            ("material.added", None),
            ("twin.desired", None),
        ] {
            assert_eq!(event_name(fact), name, "{fact}");
            assert!(name.is_none_or(|name| EVENTS.contains(&name) && TOLD.contains(&name)));
        }
    }
}
