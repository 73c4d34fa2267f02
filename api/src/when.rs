//! Instants and days as requests and answers write them; which of these a family takes is said by the family.

use twin::time::{DAY_MS, Time};

/// An instant with its offset, `2026-01-31T12:00:00+07:00`. In a query a plus that nobody encoded is a space.
pub(crate) fn rfc3339(text: &str) -> Option<Time> {
    let instant: jiff::Timestamp = text.replace(' ', "+").parse().ok()?;
    Some(Time(instant.as_millisecond()))
}

/// Milliseconds since the epoch.
pub(crate) fn milliseconds(text: &str) -> Option<Time> {
    text.parse().ok().map(Time)
}

/// A day of UTC, `2026-01-31`: its beginning, or as the end of a span its last millisecond.
pub(crate) fn day(text: &str, is_end: bool) -> Option<Time> {
    if text.len() != 10 {
        return None;
    }
    let midnight: jiff::Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    Some(Time(midnight.as_millisecond()) + if is_end { DAY_MS - 1 } else { 0 })
}

/// An instant in whole seconds of UTC: `2026-01-31T12:00:00Z`.
pub(crate) fn in_seconds(at: Time) -> String {
    let second = jiff::Timestamp::from_second(at.0.div_euclid(1_000));
    second.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// A figure with so many decimals; more would claim what no sensor says.
pub(crate) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    let rounded = (value * scale).round() / scale;
    // No minus in front of nothing.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_days_are_read_and_written() {
        let at = Time(1_700_000_000_000);
        assert_eq!(milliseconds("1700000000000"), Some(at));
        for text in ["2023-11-14T22:13:20Z", "2023-11-15T05:13:20+07:00", "2023-11-15T05:13:20 07:00"] {
            assert_eq!(rfc3339(text), Some(at), "{text}");
        }
        assert_eq!(in_seconds(at + 999), "2023-11-14T22:13:20Z");
        assert_eq!(
            (day("2023-11-14", false), day("2023-11-14", true)),
            (Some(Time(1_699_920_000_000)), Some(Time(1_700_006_399_999)))
        );
        for wrong in ["", "soon", "2023-02-30", "2023-1-1", "20231114  "] {
            assert!(day(wrong, false).is_none() && rfc3339(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn figures_are_rounded_and_nothing_has_no_sign() {
        assert_eq!((rounded(1.0049, 2), rounded(-2.5, 6)), (1.0, -2.5));
        assert!(rounded(-1e-9, 3).is_sign_positive());
    }
}
