//! Calendar dates for rules that apply from a day on.

use crate::time::{DAY_MS, Time};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A day of the Gregorian calendar, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i64);

impl Date {
    /// The date of year, month (1..=12) and day (1..=31).
    ///
    /// Source: Hinnant, *chrono-compatible low-level date algorithms* (2013), `days_from_civil`; exact for the
    /// proleptic Gregorian calendar.
    #[must_use]
    pub const fn of(year: i64, month: i64, day: i64) -> Self {
        // The year is taken to begin in March, so that the leap day is its last.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Self(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    /// The day that an instant lies in (UTC).
    #[must_use]
    pub const fn at(time: Time) -> Self {
        Self(time.0.div_euclid(DAY_MS))
    }

    /// Its first instant (UTC).
    #[must_use]
    pub const fn begins(self) -> Time {
        Time(self.0 * DAY_MS)
    }

    /// Year, month and day.
    #[must_use]
    pub const fn civil(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (era * 400 + year + if month <= 2 { 1 } else { 0 }, month, day)
    }

    /// Reads `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let mut next = |digits: usize| -> Option<i64> {
            let part = parts.next()?;
            (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
        };
        let (year, month, day) = (next(4)?, next(2)?, next(2)?);
        let date = Self::of(year, month, day);
        (date.civil() == (year, month, day)).then_some(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("expected YYYY-MM-DD, found {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_days_and_come_back() {
        assert_eq!(Date::of(1970, 1, 1), Date(0));
        assert_eq!(Date::of(2024, 1, 1), Date(19_723));
        for days in [-719_468, -1, 0, 59, 60, 11_016, 19_782, 22_000, 50_000] {
            let (year, month, day) = Date(days).civil();
            assert_eq!(Date::of(year, month, day), Date(days));
        }
        assert_eq!(Date::parse("2027-02-18").map(|d| d.to_string()).as_deref(), Some("2027-02-18"));
        for wrong in ["2027-02-30", "2027-2-18", "18.02.2027", "2027-13-01", ""] {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }
}
