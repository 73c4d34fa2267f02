//! Events as devices say them, read into what twins understand.

use super::door::{Kind, Unfit};
use serde_json::Value;
use twin::live::Happening;

/// What a slot can be.
const SLOTS: [&str; 7] = ["empty", "occupied", "charging", "ready", "reserved", "faulty", "maintenance"];
/// Longest word that is kept of an event.
const WORD_MAX_BYTES: usize = 200;

/// Reads an event of a device.
///
/// ```text
/// slot    {"slot": 3, "state": "charging", "battery": "B1"}
/// swap    {"slot_in": 3, "battery_in": "B1", "slot_out": 4, "battery_out": "B2"}
/// load, unload    {"kg": 120}
/// any other       {"state": "open"}, or value, status, text
/// ```
pub(super) fn read(kind: Kind, event: &str, detail: &Value) -> Result<Happening, Unfit> {
    if event.is_empty() || event.len() > 100 {
        return Err(Unfit::new("event", "1 to 100 bytes"));
    }
    let text = |field: &str| detail.get(field).and_then(Value::as_str).map(str::to_owned);
    let slot = |field: &str| -> Result<Option<u32>, Unfit> {
        match detail.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number =
                    value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=10_000).contains(n));
                let reason = || format!("{value} is not a number of a slot, 1 to 10000");
                number.map(Some).ok_or_else(|| Unfit::new(field, reason()))
            }
        }
    };
    let kg = || {
        let kg = detail.get("kg").and_then(Value::as_f64).filter(|kg| (0.0..=1e9).contains(kg));
        kg.ok_or_else(|| Unfit::new("kg", "needs a mass from 0 to 1e9"))
    };
    match (kind, event) {
        (Kind::Cabinet, "slot") => {
            let slot = slot("slot")?.ok_or_else(|| Unfit::new("slot", "is missing"))?;
            let state = text("state").ok_or_else(|| Unfit::new("state", "is missing"))?;
            if !SLOTS.contains(&state.as_str()) {
                return Err(Unfit::new("state", format!("{state:?} is none of {}", SLOTS.join(", "))));
            }
            Ok(Happening::Slot { slot, state, battery: text("battery") })
        }
        (Kind::Cabinet, "swap") => Ok(Happening::Swap {
            slot_in: slot("slot_in")?,
            battery_in: text("battery_in"),
            slot_out: slot("slot_out")?,
            battery_out: text("battery_out"),
        }),
        (Kind::Vessel | Kind::Facility, "load" | "haul" | "intake") => Ok(Happening::Loaded { kg: kg()? }),
        (Kind::Vessel | Kind::Facility, "unload" | "processed") => Ok(Happening::Unloaded { kg: kg()? }),
        _ => {
            let word = ["state", "value", "status", "text"].into_iter().find_map(|field| detail.get(field));
            let word = match word.unwrap_or(detail) {
                Value::String(word) => word.clone(),
                Value::Null => "yes".to_owned(),
                other => other.to_string(),
            };
            let end =
                word.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= WORD_MAX_BYTES);
            let value = word[..end.last().unwrap_or(0)].to_owned();
            Ok(Happening::Said { item: event.to_owned(), value })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn slots_and_loads_are_understood_and_words_are_kept() {
        let slot =
            read(Kind::Cabinet, "slot", &json!({"slot": 3, "state": "ready", "battery": "B1"})).unwrap();
        assert_eq!(slot, Happening::Slot { slot: 3, state: "ready".into(), battery: Some("B1".into()) });
        let field = |event, detail| read(Kind::Cabinet, event, &detail).unwrap_err().field;
        assert_eq!(field("slot", json!({"state": "ready"})), "slot");
        assert_eq!(field("slot", json!({"slot": 1, "state": "melting"})), "state");
        assert_eq!(field("swap", json!({"slot_in": 0})), "slot_in");
        assert_eq!(read(Kind::Vessel, "unload", &json!({"kg": -1})).unwrap_err().field, "kg");
        let door = read(Kind::Cabinet, "door", &json!({"state": "open"})).unwrap();
        assert_eq!(door, Happening::Said { item: "door".into(), value: "open".into() });
        let long = read(Kind::Battery, "alarm", &json!("ä".repeat(500))).unwrap();
        assert!(matches!(long, Happening::Said { value, .. } if value.len() == 200));
    }
}
