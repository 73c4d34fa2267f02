//! Instants and spans. Models are told the time; nothing in this crate asks for it.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};

/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 3_600_000;
/// Seconds in a day.
pub const DAY_S: f64 = 86_400.0;
/// Days in a Julian year, the year of every rate given "per year".
pub const YEAR_DAYS: f64 = 365.25;

/// An instant in UTC, in whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[inline]
    pub fn seconds_since(self, earlier: Time) -> f64 {
        (self.0 - earlier.0) as f64 * 1e-3
    }

    /// Days from `earlier` to `self`.
    #[inline]
    pub fn days_since(self, earlier: Time) -> f64 {
        (self.0 - earlier.0) as f64 / DAY_MS as f64
    }

    /// This instant and `seconds` more, rounded to the millisecond.
    #[inline]
    pub fn plus_seconds(self, seconds: f64) -> Time {
        Time(self.0 + floor(seconds * 1e3 + 0.5))
    }

    /// Whole hours since the epoch, rounded down.
    #[inline]
    pub fn hour_index(self) -> i64 {
        self.0.div_euclid(HOUR_MS)
    }

    /// Start of the hour with this index.
    #[inline]
    pub fn of_hour(index: i64) -> Time {
        Time(index * HOUR_MS)
    }
}

impl Add<i64> for Time {
    type Output = Time;
    /// Adds milliseconds.
    fn add(self, ms: i64) -> Time {
        Time(self.0 + ms)
    }
}

impl Sub for Time {
    type Output = i64;
    /// Milliseconds between two instants.
    fn sub(self, other: Time) -> i64 {
        self.0 - other.0
    }
}

/// The whole number at or below `x`, without the call that `f64::floor` is on processors of every age.
#[inline]
fn floor(x: f64) -> i64 {
    let whole = x as i64;
    whole.saturating_sub(i64::from(x < whole as f64))
}

/// Fixed offset of local time from UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UtcOffset {
    /// Milliseconds to add to UTC.
    pub ms: i64,
}

impl UtcOffset {
    /// An offset of so many hours.
    pub fn of_hours(hours: f64) -> Self {
        Self { ms: (hours * HOUR_MS as f64).round() as i64 }
    }

    /// Local hour of day, 0..24.
    #[inline]
    pub fn hour_of_day(self, t: Time) -> usize {
        ((t.0 + self.ms).div_euclid(HOUR_MS)).rem_euclid(24) as usize
    }

    /// Local hour of the week, 0..168, Monday 00:00 first.
    #[inline]
    pub fn hour_of_week(self, t: Time) -> usize {
        // 1970-01-01 was a Thursday, the fourth day.
        (((t.0 + self.ms).div_euclid(HOUR_MS)) + 3 * 24).rem_euclid(168) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_was_a_thursday() {
        assert_eq!(UtcOffset::default().hour_of_week(Time(0)), 72);
        // 2024-01-01 was a Monday.
        assert_eq!(UtcOffset::default().hour_of_week(Time(1_704_067_200_000)), 0);
        assert_eq!(UtcOffset::of_hours(7.0).hour_of_week(Time(1_704_067_200_000)), 7);
        assert_eq!(UtcOffset::of_hours(-1.0).hour_of_day(Time(0)), 23);
    }

    #[test]
    fn spans_before_the_epoch_round_down() {
        assert_eq!(Time(-1).hour_index(), -1);
        assert_eq!(Time(0).plus_seconds(0.0004), Time(0));
    }

    #[test]
    fn floor_is_what_the_library_says() {
        let sizes =
            [0.0, 0.3, 0.5, 1.0, 1.5, 1e9 + 0.25, 2f64.powi(52) - 0.5, 2f64.powi(53), 1e19, f64::INFINITY];
        for x in sizes.into_iter().flat_map(|x| [x, -x, x.next_up(), -x.next_up()]).chain([f64::NAN]) {
            assert_eq!(floor(x), x.floor() as i64, "{x}");
        }
    }
}
