//! Local calendar of the site: which day of a year without leap day an hour belongs to, and which hours a
//! series has to cover.

use super::error::WorldError;
use crate::scenario::schema::Scenario;
use jiff::civil::{Date, DateTime, date};
use jiff::{Timestamp, ToSpan, Unit};
use twin::forcing::Hourly;
use twin::time::{DAY_MS, HOUR_MS, Time, UtcOffset, YEAR_DAYS};

/// Days in the months of a year without leap day.
pub(super) const MONTH_DAYS: [usize; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Days that every series reaches beyond the end of a run, so that what is pending there still sees weather.
const MARGIN_DAYS: i64 = 2;

/// A day, placed in a year of 365 days: 29 February counts as a second 28 February.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: i16,
    /// 0 is January.
    pub(super) month: usize,
    /// 0 is 1 January.
    pub(super) of_year: usize,
}

/// An hour of local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalHour {
    /// Hours since 1970-01-01T00:00 local time.
    pub(super) index: i64,
    /// Its day.
    pub(super) day: Day,
    /// Hour of day.
    pub(super) hour: usize,
}

/// The day so many days after 1970-01-01.
pub(super) fn day(index: i64) -> Day {
    // Runs are confined to the years that `span` accepts, files to those that their dates can spell.
    let d = date(1970, 1, 1).saturating_add(index.days());
    let month = d.month() as usize - 1;
    let in_month = (d.day() as usize).min(MONTH_DAYS[month]);
    Day { year: d.year(), month, of_year: MONTH_DAYS[..month].iter().sum::<usize>() + in_month - 1 }
}

/// Month (0 is January) of a day of a year of 365 days.
pub(super) fn month_of(day_of_year: usize) -> usize {
    let mut before = 0;
    MONTH_DAYS
        .iter()
        .position(|days| {
            before += days;
            day_of_year < before
        })
        .unwrap_or(11)
}

/// Days from 1970-01-01 to a date.
pub(super) fn day_index(d: Date) -> i64 {
    let since = d.since((Unit::Day, date(1970, 1, 1)));
    since.map_or(0, |span| i64::from(span.get_days()))
}

/// Milliseconds from 1970-01-01T00:00 to a local date and time, both on the same clock.
pub(super) fn local_ms(text: &str) -> Option<i64> {
    let t: DateTime = text.parse().ok()?;
    Some(day_index(t.date()) * DAY_MS + clock_ms(t))
}

/// Milliseconds since the epoch of a UTC time, with or without an offset in the text.
pub(super) fn utc_ms(text: &str) -> Option<i64> {
    match text.parse::<Timestamp>() {
        Ok(t) => Some(t.as_millisecond()),
        Err(_) => local_ms(text),
    }
}

fn clock_ms(t: DateTime) -> i64 {
    ((i64::from(t.hour()) * 60 + i64::from(t.minute())) * 60 + i64::from(t.second())) * 1000
        + i64::from(t.millisecond())
}

/// First and last instant of a scenario's run: local midnight of `start`, and the horizon later.
pub fn span(scenario: &Scenario) -> Result<(Time, Time), WorldError> {
    let first: Date = scenario
        .start
        .parse()
        .map_err(|source| WorldError::Start { text: scenario.start.clone(), source })?;
    if !(1900..=2200).contains(&first.year()) {
        return Err(WorldError::Invalid {
            what: "start",
            reason: format!("the year {} is outside 1900 to 2200", first.year()),
        });
    }
    let days = match (scenario.horizon_days, scenario.horizon_years) {
        (Some(days), None) => days,
        (None, Some(years)) => years * YEAR_DAYS,
        (days, years) => {
            let given = usize::from(days.is_some()) + usize::from(years.is_some());
            return Err(WorldError::Choice {
                what: "horizon",
                choices: "horizon_days, horizon_years",
                given,
            });
        }
    };
    if !(days > 0.0 && days <= 200.0 * YEAR_DAYS) {
        return Err(WorldError::Invalid {
            what: "horizon",
            reason: format!("{days} days is outside 0 to 200 years"),
        });
    }
    let start = Time(day_index(first) * DAY_MS - UtcOffset::of_hours(scenario.utc_offset_h).ms);
    Ok((start, Time(start.0 + (days * DAY_MS as f64).round() as i64)))
}

/// The hours that a series has to cover, and how local time lies to them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cover {
    /// First instant of the run.
    pub(super) start: Time,
    /// First hour since the epoch.
    pub(super) first_hour: i64,
    /// How many hours.
    pub(super) hours: usize,
    /// Local time of the site.
    pub(super) offset: UtcOffset,
}

impl Cover {
    pub(super) fn of(scenario: &Scenario) -> Result<Self, WorldError> {
        let (start, end) = span(scenario)?;
        let first_hour = start.hour_index();
        let last_hour = Time(end.0 + MARGIN_DAYS * DAY_MS + HOUR_MS - 1).hour_index();
        Ok(Self {
            start,
            first_hour,
            hours: (last_hour - first_hour) as usize + 1,
            offset: UtcOffset::of_hours(scenario.utc_offset_h),
        })
    }

    /// A series in UTC hours from a function of whole hours on a clock that is `ahead_ms` ahead of UTC. Where
    /// that is not a whole number of hours, an hour of UTC gets its share of the two that it overlaps: the
    /// mean of a step function, and the linear interpolation of samples.
    pub(super) fn hourly<E>(
        &self,
        ahead_ms: i64,
        mut of: impl FnMut(i64) -> Result<f64, E>,
    ) -> Result<Hourly, E> {
        let shift = ahead_ms.div_euclid(HOUR_MS);
        let part = ahead_ms.rem_euclid(HOUR_MS) as f64 / HOUR_MS as f64;
        let mut values = Vec::with_capacity(self.hours);
        let mut next = of(self.first_hour + shift)?;
        for i in 0..self.hours as i64 {
            let own = next;
            let is_needed = i + 1 < self.hours as i64 || part > 0.0;
            next = if is_needed { of(self.first_hour + shift + i + 1)? } else { own };
            values.push((own + (next - own) * part) as f32);
        }
        Ok(Hourly::new(self.first_hour, values))
    }

    /// A series in UTC hours from a function of the hours of local time.
    pub(super) fn by_local_hour(&self, of: impl Fn(LocalHour) -> f64) -> Hourly {
        let mut known = (i64::MIN, Day { year: 0, month: 0, of_year: 0 });
        let built = self.hourly(self.offset.ms, |local| {
            let index = local.div_euclid(24);
            if known.0 != index {
                known = (index, day(index));
            }
            let hour = local.rem_euclid(24) as usize;
            Ok::<_, std::convert::Infallible>(of(LocalHour { index: local, day: known.1, hour }))
        });
        match built {
            Ok(series) => series,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_placed_in_a_year_of_365() {
        assert_eq!(day(0), Day { year: 1970, month: 0, of_year: 0 });
        let leap = day_index(date(2024, 2, 29));
        assert_eq!(day(leap), Day { year: 2024, month: 1, of_year: 58 });
        assert_eq!(day(leap + 1), Day { year: 2024, month: 2, of_year: 59 });
        assert_eq!(day(day_index(date(2023, 12, 31))).of_year, 364);
        assert_eq!((month_of(58), month_of(59), month_of(364)), (1, 2, 11));
    }

    #[test]
    fn times_are_read_with_and_without_offset() {
        assert_eq!(local_ms("1970-01-02T01:00"), Some(DAY_MS + HOUR_MS));
        assert_eq!(local_ms("1970-01-02 01:00:00"), Some(DAY_MS + HOUR_MS));
        assert_eq!(utc_ms("2022-01-01 00:00:00+00:00"), Some(1_640_995_200_000));
        assert_eq!(utc_ms("2022-01-01 00:00:00"), Some(1_640_995_200_000));
        assert_eq!(utc_ms("2022-01-01T09:00:00+09:00"), Some(1_640_995_200_000));
        assert_eq!(utc_ms("yesterday"), None);
    }

    #[test]
    fn an_hour_that_overlaps_two_gets_its_share_of_both() {
        let cover = Cover { start: Time(0), first_hour: 0, hours: 3, offset: UtcOffset::of_hours(5.5) };
        let series = cover.hourly(cover.offset.ms, |h| Ok::<_, ()>(h as f64)).unwrap();
        assert_eq!(series.values(), [5.5, 6.5, 7.5]);
    }
}
