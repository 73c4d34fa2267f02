//! When a facility works: open hours of a week, and arithmetic in working time.

use crate::time::{DAY_MS, HOUR_MS, Time, UtcOffset};

const WEEK_H: usize = 168;
const WEEK_MS: i64 = 7 * DAY_MS;
/// 1970-01-01 was a Thursday; weeks begin on Monday.
const MONDAY_MS: i64 = 3 * DAY_MS;

/// Open hours of a week, local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shifts {
    open: [bool; WEEK_H],
    /// Open hours of the week before each hour; the last is all of them.
    before: [u16; WEEK_H + 1],
    local: UtcOffset,
}

impl Shifts {
    /// Shifts of eight hours: so many a day from `first_hour` on, on the first `days` days of the week. Three
    /// shifts on seven days are around the clock.
    ///
    /// # Panics
    /// When there is no shift or no day.
    #[must_use]
    pub fn new(per_day: u32, days: u32, first_hour: u32, local: UtcOffset) -> Self {
        assert!(per_day >= 1 && days >= 1, "a facility that never opens does nothing");
        let mut open = [false; WEEK_H];
        for day in 0..days.min(7) as usize {
            for hour in 0..(8 * per_day.min(3)) as usize {
                open[(day * 24 + first_hour as usize + hour) % WEEK_H] = true;
            }
        }
        let mut before = [0; WEEK_H + 1];
        for hour in 0..WEEK_H {
            before[hour + 1] = before[hour] + u16::from(open[hour]);
        }
        Self { open, before, local }
    }

    /// Around the clock.
    #[must_use]
    pub fn always() -> Self {
        Self::new(3, 7, 0, UtcOffset::default())
    }

    /// Open hours of a week.
    #[must_use]
    pub fn hours_per_week(&self) -> f64 {
        f64::from(self.before[WEEK_H])
    }

    fn week_ms(&self) -> i64 {
        i64::from(self.before[WEEK_H]) * HOUR_MS
    }

    fn local_ms(&self, t: Time) -> i64 {
        t.0 + self.local.ms + MONDAY_MS
    }

    /// Working time since a Monday long ago [ms]; grows only while open.
    fn worked(&self, t: Time) -> i64 {
        let local = self.local_ms(t);
        let of_week = local.rem_euclid(WEEK_MS);
        let hour = (of_week / HOUR_MS) as usize;
        let in_hour = if self.open[hour] { of_week % HOUR_MS } else { 0 };
        local.div_euclid(WEEK_MS) * self.week_ms() + i64::from(self.before[hour]) * HOUR_MS + in_hour
    }

    /// Working time between two instants [ms].
    #[must_use]
    pub fn work_between(&self, from: Time, to: Time) -> i64 {
        self.worked(to) - self.worked(from)
    }

    /// When work of so many milliseconds that begins at `from` is done; no work is done at once.
    #[must_use]
    pub fn done_at(&self, from: Time, work_ms: i64) -> Time {
        if work_ms <= 0 {
            return from;
        }
        let target = self.worked(from) + work_ms;
        let week = (target - 1).div_euclid(self.week_ms());
        let rest = target - week * self.week_ms();
        // Rest is above zero and at most a week's work: the hour in which it is reached is open.
        let whole = ((rest - 1) / HOUR_MS) as u16;
        let hour = self.before.partition_point(|before| *before <= whole) - 1;
        let of_week = hour as i64 * HOUR_MS + rest - i64::from(whole) * HOUR_MS;
        Time(week * WEEK_MS + of_week - MONDAY_MS - self.local.ms)
    }

    /// The first instant from `t` on at which it is open.
    #[must_use]
    pub fn opens_at(&self, t: Time) -> Time {
        if self.is_open(t) { t } else { self.done_at(t, 1) + -1 }
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self, t: Time) -> bool {
        self.open[(self.local_ms(t).rem_euclid(WEEK_MS) / HOUR_MS) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01, a Monday.
    const MONDAY: Time = Time(1_704_067_200_000);

    #[test]
    fn work_is_done_in_open_hours_only() {
        let office = Shifts::new(1, 5, 8, UtcOffset::default());
        assert_eq!(office.hours_per_week(), 40.0);
        let eight = MONDAY + 8 * HOUR_MS;
        assert_eq!(office.opens_at(MONDAY), eight);
        assert_eq!(office.done_at(MONDAY, HOUR_MS), eight + HOUR_MS);
        // Ten hours from Friday 14:00: two on Friday, eight on Monday.
        let friday = MONDAY + 4 * DAY_MS + 14 * HOUR_MS;
        assert_eq!(office.done_at(friday, 10 * HOUR_MS), MONDAY + 7 * DAY_MS + 16 * HOUR_MS);
        assert_eq!(office.work_between(MONDAY, MONDAY + 21 * DAY_MS), 120 * HOUR_MS);
        // Exactly a week's work ends with Friday, not with Monday.
        assert_eq!(office.done_at(eight, 40 * HOUR_MS), MONDAY + 4 * DAY_MS + 16 * HOUR_MS);
    }

    #[test]
    fn done_at_undoes_work_between() {
        for shifts in
            [Shifts::new(1, 5, 6, UtcOffset::of_hours(7.0)), Shifts::new(2, 6, 22, UtcOffset::default())]
        {
            for start in (0..168).map(|h| MONDAY + h * HOUR_MS + 1_234_567) {
                for work in [1, HOUR_MS - 1, HOUR_MS, 17 * HOUR_MS, 1000 * HOUR_MS + 5] {
                    let done = shifts.done_at(start, work);
                    assert_eq!(shifts.work_between(start, done), work);
                    assert_eq!(shifts.work_between(start, done + -1), work - 1);
                }
            }
        }
    }

    #[test]
    fn around_the_clock_is_plain_time() {
        let always = Shifts::always();
        assert_eq!(always.done_at(Time(12_345), 9_999_999_999), Time(12_345 + 9_999_999_999));
        assert_eq!(always.opens_at(Time(-7)), Time(-7));
    }
}
