//! Days as the dealership counts them: by Indian Standard Time, which is 5:30 h ahead of UTC and knows no summer time.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use twin::time::{DAY_MS, Time};

/// How far Indian Standard Time is ahead of UTC [ms].
pub const IST_MS: i64 = 5 * 3_600_000 + 1_800_000;

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub Date);

/// Text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no day as 2026-01-31")]
pub struct NoDay(String);

impl Day {
    /// The day that it is in India at an instant.
    pub fn at(at: Time) -> Self {
        let days = (at.0 + IST_MS).div_euclid(DAY_MS);
        let epoch = jiff::civil::date(1970, 1, 1);
        Self(epoch.checked_add(Span::new().days(days)).unwrap_or(Date::MAX))
    }

    /// When it begins in India.
    pub fn begins(self) -> Time {
        Time(i64::from(self.since(Day(jiff::civil::date(1970, 1, 1)))) * DAY_MS - IST_MS)
    }

    /// When it has ended in India.
    pub fn ends(self) -> Time {
        self.begins() + DAY_MS
    }

    /// The same day so many months on, or the last of that month where it has none such.
    #[must_use]
    pub fn months_on(self, months: u32) -> Self {
        Self(self.0.saturating_add(Span::new().months(months)))
    }

    /// The same day so many months before, or the last of that month where it has none such.
    #[must_use]
    pub fn months_before(self, months: u32) -> Self {
        Self(self.0.saturating_sub(Span::new().months(months)))
    }

    /// So many days on.
    #[must_use]
    pub fn days_on(self, days: i64) -> Self {
        Self(self.0.saturating_add(Span::new().days(days)))
    }

    /// Days from another day to this one.
    pub fn since(self, other: Day) -> i32 {
        other.0.until(self.0).map_or(0, |span| span.get_days())
    }

    /// The first of its month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        Self(self.0.first_of_month())
    }

    /// The last of its month.
    #[must_use]
    pub fn last_of_month(self) -> Self {
        Self(self.0.last_of_month())
    }

    /// Its month: `2024-01`.
    pub fn month(self) -> String {
        format!("{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = NoDay;
    fn from_str(text: &str) -> Result<Self, NoDay> {
        let no_day = || NoDay(text.chars().take(40).collect());
        if text.len() != 10 {
            return Err(no_day());
        }
        let day: Date = text.parse().map_err(|_| no_day())?;
        // Beyond these, months and days could no longer be added.
        if (1970..=9000).contains(&day.year()) { Ok(Self(day)) } else { Err(no_day()) }
    }
}

impl TryFrom<String> for Day {
    type Error = NoDay;
    fn try_from(text: String) -> Result<Self, NoDay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_at_half_past_six_in_the_evening_before_by_utc() {
        // 2026-01-01T00:00:00Z
        let new_year = Time(1_767_225_600_000);
        assert_eq!(Day::at(new_year), day("2026-01-01"));
        assert_eq!(Day::at(new_year + (18 * 3_600_000 + 1_800_000)), day("2026-01-02"));
        assert_eq!(Day::at(new_year + (18 * 3_600_000 + 1_799_999)), day("2026-01-01"));
        assert_eq!(day("2026-01-02").begins(), new_year + (18 * 3_600_000 + 1_800_000));
    }

    #[test]
    fn months_are_clamped_from_the_first_day_and_not_from_the_last() {
        let from = day("2024-01-31");
        let days: Vec<String> = (1..=3).map(|n| from.months_on(n).to_string()).collect();
        assert_eq!(days, ["2024-02-29", "2024-03-31", "2024-04-30"]);
        assert_eq!(day("2024-03-01").since(day("2024-02-01")), 29);
        for wrong in ["", "2024-02-30", "2024-1-1", "20240101", "2024-01-01T00:00:00Z"] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }
}
