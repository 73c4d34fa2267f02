//! Topics: the one place where they are spelled.
//!
//! ```text
//! celltide/v1/{kind}/{id}/telemetry | event | status | command | command/{command}/ack | twin
//! ```

use host::platform::door::{Device, Kind};

/// What every native topic begins with.
const ROOT: &str = "celltide/v1/";
/// Longest identifier of a device or a command [bytes].
pub const ID_MAX_BYTES: usize = 128;
/// Longest topic that is taken [bytes].
pub const TOPIC_MAX_BYTES: usize = 1_024;

/// What a native topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel<'a> {
    /// Readings, from the device.
    Telemetry,
    /// Something that happened, from the device.
    Event,
    /// `online` or `offline`, from the device or its last will; retained.
    Status,
    /// Commands, to the device.
    Command,
    /// What became of a command, from the device.
    Ack {
        /// Which command.
        command: &'a str,
    },
    /// The twin's current state, to whoever may hear it; retained.
    Twin,
}

/// A native topic taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Native<'a> {
    /// What the device is.
    pub kind: Kind,
    /// Its name.
    pub id: &'a str,
    /// What the topic is for.
    pub channel: Channel<'a>,
}

/// Why a topic of ours cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misspelt {
    /// The kind is none of ours.
    Kind,
    /// The identifier is empty, too long or has characters that no identifier has.
    Id,
    /// The rest names no channel.
    Channel,
}

/// Whether a topic is one of ours, well spelt or not.
pub fn is_native(topic: &str) -> bool {
    topic.starts_with(ROOT)
}

/// Takes a native topic apart.
///
/// # Errors
/// When it is none or misspelt.
pub fn parse(topic: &str) -> Result<Native<'_>, Misspelt> {
    let rest = topic.strip_prefix(ROOT).ok_or(Misspelt::Channel)?;
    let (kind, rest) = rest.split_once('/').ok_or(Misspelt::Channel)?;
    let kind = kind.parse().map_err(|_| Misspelt::Kind)?;
    let (id, rest) = rest.split_once('/').ok_or(Misspelt::Channel)?;
    if !is_id(id) {
        return Err(Misspelt::Id);
    }
    let channel = match rest {
        "telemetry" => Channel::Telemetry,
        "event" => Channel::Event,
        "status" => Channel::Status,
        "command" => Channel::Command,
        "twin" => Channel::Twin,
        _ => {
            let command = rest
                .strip_prefix("command/")
                .and_then(|rest| rest.strip_suffix("/ack"))
                .ok_or(Misspelt::Channel)?;
            if !is_id(command) {
                return Err(Misspelt::Id);
            }
            Channel::Ack { command }
        }
    };
    Ok(Native { kind, id, channel })
}

/// Whether a name can stand in a topic: 1 to 128 bytes, no wildcard, no slash, no white space at its ends,
/// no control characters.
pub fn is_id(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= ID_MAX_BYTES
        && name.trim().len() == name.len()
        && !name.chars().any(|c| matches!(c, '/' | '+' | '#') || c.is_control())
}

fn of(device: &Device, channel: &str) -> String {
    format!("{ROOT}{}/{}/{channel}", device.kind, device.id)
}

/// What all topics of a device begin with.
pub(crate) fn own(device: &Device) -> String {
    of(device, "")
}

/// Where a device publishes its readings.
pub fn telemetry(device: &Device) -> String {
    of(device, "telemetry")
}

/// Where a device publishes what happened.
pub fn event(device: &Device) -> String {
    of(device, "event")
}

/// Where it is retained whether a device is there.
pub fn status(device: &Device) -> String {
    of(device, "status")
}

/// Where a device hears its commands.
pub fn command(device: &Device) -> String {
    of(device, "command")
}

/// Where a device says what became of a command.
pub fn ack(device: &Device, command: &str) -> String {
    format!("{ROOT}{}/{}/command/{command}/ack", device.kind, device.id)
}

/// Where a twin's state is retained.
pub fn twin(device: &Device) -> String {
    of(device, "twin")
}

/// The filters that catch all that devices say on native topics.
pub fn from_devices() -> [String; 4] {
    ["telemetry", "event", "status", "command/+/ack"].map(|channel| format!("{ROOT}+/+/{channel}"))
}

/// Whether a topic name is one that MQTT allows in a publish: 1 to 1,024 bytes, no wildcard, no NUL.
pub fn is_name(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= TOPIC_MAX_BYTES && !topic.contains(['+', '#', '\0'])
}

/// Whether a filter is one that MQTT 3.1.1 § 4.7 allows.
pub fn is_filter(filter: &str) -> bool {
    if filter.is_empty() || filter.len() > TOPIC_MAX_BYTES || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let last = levels.peek().is_none();
        let fine = match level {
            "#" => last,
            "+" => true,
            _ => !level.contains(['+', '#']),
        };
        if !fine {
            return false;
        }
    }
    true
}

/// Whether a filter catches a topic (MQTT 3.1.1 § 4.7): `+` is one level, `#` all that follow and the level
/// above; a wildcard at the start does not catch topics that begin with `$`.
pub fn matches(topic: &str, filter: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        if wanted == "#" {
            return true;
        }
        match levels.next() {
            Some(level) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spelled_is_understood() {
        let device = Device { kind: Kind::Cabinet, id: "CAB 7".into() };
        let cases = [
            (telemetry(&device), Channel::Telemetry),
            (event(&device), Channel::Event),
            (status(&device), Channel::Status),
            (command(&device), Channel::Command),
            (twin(&device), Channel::Twin),
            (ack(&device, "c-1"), Channel::Ack { command: "c-1" }),
        ];
        for (topic, channel) in &cases {
            assert_eq!(parse(topic), Ok(Native { kind: Kind::Cabinet, id: "CAB 7", channel: *channel }));
            assert!(is_name(topic) && is_native(topic));
        }
        let said = [&cases[0].0, &cases[1].0, &cases[2].0, &cases[5].0];
        for (topic, filter) in said.iter().zip(from_devices()) {
            assert!(matches(topic, &filter), "{topic} {filter}");
        }
    }

    #[test]
    fn misspelt_topics_say_where() {
        assert_eq!(parse("celltide/v1/truck/x/telemetry"), Err(Misspelt::Kind));
        assert_eq!(parse("celltide/v1/battery//telemetry"), Err(Misspelt::Id));
        assert_eq!(parse("celltide/v1/battery/ x/telemetry"), Err(Misspelt::Id));
        assert_eq!(parse("celltide/v1/battery/x"), Err(Misspelt::Channel));
        assert_eq!(parse("celltide/v1/battery/x/telemetry/y"), Err(Misspelt::Channel));
        assert_eq!(parse("celltide/v1/battery/x/command//ack"), Err(Misspelt::Id));
        assert_eq!(parse("other/battery/x/telemetry"), Err(Misspelt::Channel));
        let long = "x".repeat(ID_MAX_BYTES + 1);
        assert_eq!(parse(&format!("celltide/v1/battery/{long}/telemetry")), Err(Misspelt::Id));
    }

    #[test]
    fn filters_as_the_standard_has_them() {
        // The examples of MQTT 3.1.1, § 4.7.1.
        assert!(matches("sport/tennis/player1", "sport/tennis/player1/#"));
        assert!(matches("sport/tennis/player1/score/wimbledon", "sport/tennis/player1/#"));
        assert!(matches("sport", "sport/#"));
        assert!(matches("sport/tennis/player2", "sport/tennis/+"));
        assert!(!matches("sport/tennis/player1/ranking", "sport/tennis/+"));
        assert!(!matches("sport", "sport/+") && matches("sport/", "sport/+"));
        assert!(matches("/finance", "+/+") && matches("/finance", "/+") && !matches("/finance", "+"));
        assert!(!matches("$SYS/x", "#") && !matches("$SYS/x", "+/x") && matches("$SYS/x", "$SYS/#"));
        for good in ["#", "+", "a/+/b", "a/#", "/", "a//b"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "a#", "a/#/b", "a+", "++", "a\0"] {
            assert!(!is_filter(bad), "{bad}");
        }
        assert!(matches("über/x", "#"));
    }
}
