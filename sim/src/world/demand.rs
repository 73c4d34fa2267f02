//! When riders are about: activity over the week, as a clock that runs fast in busy hours.
//!
//! Activity λ(t) has mean 1 over the week. A rider who needs something after so many mean days of activity
//! needs it at the time t′ where ∫λ dt has grown by as much. With exponential amounts the times are an
//! inhomogeneous Poisson process of intensity λ.

use super::error::WorldError;
use super::series::{Clock, Meaning, Source};
use super::table::Table;
use crate::scenario::schema::Riders;
use std::path::Path;
use twin::time::{DAY_MS, HOUR_MS, Time, UtcOffset};

const WEEK_H: usize = 168;
const WEEK_MS: i64 = 7 * DAY_MS;
const WEEK_DAYS: f64 = 7.0;
/// From Monday to the epoch, a Thursday.
const MONDAY_MS: i64 = 3 * DAY_MS;
/// Entries of the table that says where to begin looking for an amount.
const GUIDE: usize = 512;
/// Arrivals per hour that a file may hold.
const PLAUSIBLE_ARRIVALS: (f64, f64) = (0.0, 1e9);

/// Activity over time, mean 1, with its integral.
///
/// Source of the method: inversion of the integrated intensity (Çinlar, *Introduction to Stochastic Processes*,
/// 1975; recalled, not re-read). Exact for an intensity that is constant within each hour, up to rounding to
/// the millisecond.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    offset: UtcOffset,
    week: Week,
    measured: Option<Measured>,
}

/// A mean week.
#[derive(Debug, Clone, PartialEq)]
struct Week {
    /// ∫λ from Monday 00:00 to each hour [mean days]; 0 first, 7 last.
    to_hour: Vec<f64>,
    /// For each of `GUIDE` equal parts of 7 mean days, the hour that its beginning falls into.
    guide: Vec<u8>,
}

/// Hours of a file.
#[derive(Debug, Clone, PartialEq)]
struct Measured {
    /// Local hour since the epoch at which the file begins.
    first_hour: i64,
    /// ∫λ from there to each hour [mean days].
    to_hour: Vec<f64>,
}

impl Demand {
    /// Activity of riders: from their arrivals file, or from their two profiles.
    pub fn of(riders: &Riders, offset: UtcOffset, folder: &Path) -> Result<Self, WorldError> {
        match &riders.arrivals_file {
            Some(file) => Self::from_arrivals(&Table::open(folder, file)?, offset),
            None => Self::from_profiles(&riders.by_hour, &riders.by_weekday, offset),
        }
    }

    /// Activity proportional to the product of a value for the local hour of day and one for the day of the
    /// week, Monday first.
    pub fn from_profiles(by_hour: &[f64], by_weekday: &[f64], offset: UtcOffset) -> Result<Self, WorldError> {
        for (what, values, wanted) in [("riders.by_hour", by_hour, 24), ("riders.by_weekday", by_weekday, 7)]
        {
            if values.len() != wanted {
                let reason = format!("it needs {wanted} values, not {}", values.len());
                return Err(WorldError::Invalid { what, reason });
            }
            if let Some(bad) = values.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
                return Err(WorldError::Invalid { what, reason: format!("{bad} is no activity") });
            }
        }
        let hours: Vec<f64> = by_weekday.iter().flat_map(|d| by_hour.iter().map(move |h| h * d)).collect();
        match Week::of(&hours) {
            Some(week) => Ok(Self { offset, week, measured: None }),
            None => Err(WorldError::Invalid {
                what: "riders.by_hour",
                reason: "with by_weekday, no hour of the week has any activity".into(),
            }),
        }
    }

    /// Activity as in a file of hourly arrivals in local time over the file's span, and as in its mean week
    /// before and after it.
    pub fn from_arrivals(table: &Table, offset: UtcOffset) -> Result<Self, WorldError> {
        table.column(&["time_local"])?;
        let column = table.column(&["arrivals"])?;
        let source = Source::read(table, column, Meaning::Mean, PLAUSIBLE_ARRIVALS)?;
        let too_short =
            |reason: &str| WorldError::TooShort { file: table.file().to_owned(), reason: reason.to_owned() };
        if source.clock != Clock::Local || source.values.len() < WEEK_H {
            return Err(too_short("arrivals need time_local alone, and a week of them"));
        }
        let mut sums = [(0.0, 0u32); WEEK_H];
        for (i, arrivals) in source.values.iter().enumerate() {
            let of_week = (source.first_hour + i as i64 + MONDAY_MS / HOUR_MS).rem_euclid(WEEK_H as i64);
            let (sum, count) = &mut sums[of_week as usize];
            *sum += arrivals;
            *count += 1;
        }
        let hours: Vec<f64> = sums.iter().map(|(sum, count)| sum / f64::from(*count)).collect();
        let week = Week::of(&hours).ok_or_else(|| too_short("there are no arrivals in it"))?;
        let mean = source.values.iter().sum::<f64>() / source.values.len() as f64;
        let mut total = 0.0;
        let to_hour = std::iter::once(0.0)
            .chain(source.values.iter().map(|arrivals| {
                total += arrivals / mean / 24.0;
                total
            }))
            .collect();
        Ok(Self { offset, week, measured: Some(Measured { first_hour: source.first_hour, to_hour }) })
    }

    /// Activity at `t`, relative to its mean.
    pub fn intensity(&self, t: Time) -> f64 {
        let local_ms = t.0 + self.offset.ms;
        let hour = local_ms.div_euclid(HOUR_MS);
        let (to_hour, i) = match &self.measured {
            Some(m) if m.contains(local_ms) => (&m.to_hour, (hour - m.first_hour) as usize),
            _ => {
                let of_week = (hour + MONDAY_MS / HOUR_MS).rem_euclid(WEEK_H as i64);
                (&self.week.to_hour, of_week as usize)
            }
        };
        (to_hour[i + 1] - to_hour[i]) * 24.0
    }

    /// ∫λ dt between two instants [mean days].
    pub fn amount(&self, from: Time, to: Time) -> f64 {
        if to < from {
            return -self.amount(to, from);
        }
        let (from, to) = (from.0 + self.offset.ms, to.0 + self.offset.ms);
        let Some(m) = &self.measured else {
            return self.week.amount(from, to);
        };
        let (a, b) = (m.start_ms(), m.end_ms());
        self.week.amount(from.min(a), to.min(a))
            + (m.at(to.clamp(a, b)) - m.at(from.clamp(a, b)))
            + self.week.amount(from.max(b), to.max(b))
    }

    /// The instant at which ∫λ dt since `from` has grown to `operational_days` mean days: the time of an event
    /// due after that much activity. Never before `from`; an amount of nothing or less is due at once.
    pub fn advance(&self, from: Time, operational_days: f64) -> Time {
        if operational_days.is_nan() || operational_days <= 0.0 {
            return from;
        }
        let (mut local_ms, mut amount) = (from.0 + self.offset.ms, operational_days);
        if let Some(m) = &self.measured {
            if local_ms < m.start_ms() {
                let before = self.week.amount(local_ms, m.start_ms());
                if amount < before {
                    return self.utc(self.week.advance(local_ms, amount), from);
                }
                amount -= before;
                local_ms = m.start_ms();
            }
            if local_ms < m.end_ms() {
                let target = m.at(local_ms) + amount;
                if target < m.total() {
                    return self.utc(m.inverse(target), from);
                }
                amount = target - m.total();
                local_ms = m.end_ms();
            }
        }
        self.utc(self.week.advance(local_ms, amount), from)
    }

    fn utc(&self, local_ms: i64, from: Time) -> Time {
        Time(local_ms - self.offset.ms).max(from)
    }
}

impl Week {
    /// From activity in the 168 hours of the week; nothing when there is none.
    fn of(hours: &[f64]) -> Option<Self> {
        let total: f64 = hours.iter().sum();
        if !(total > 0.0 && total.is_finite()) {
            return None;
        }
        let mut sum = 0.0;
        let mut to_hour: Vec<f64> = std::iter::once(0.0)
            .chain(hours.iter().map(|activity| {
                sum += activity;
                sum / total * WEEK_DAYS
            }))
            .collect();
        // What follows the last active hour is the week's end exactly, whatever the sum was rounded to.
        let last = hours.iter().rposition(|activity| *activity > 0.0)?;
        to_hour[last + 1..].fill(WEEK_DAYS);
        let guide = (0..GUIDE)
            .map(|part| {
                let amount = part as f64 * WEEK_DAYS / GUIDE as f64;
                to_hour[1..].partition_point(|end| *end <= amount).min(last) as u8
            })
            .collect();
        Some(Self { to_hour, guide })
    }

    /// ∫λ from the Monday of the week that a local time lies in to that time [mean days], and the weeks since
    /// the Monday before the epoch.
    fn at(&self, local_ms: i64) -> (i64, f64) {
        let since_monday = local_ms + MONDAY_MS;
        let in_week = since_monday.rem_euclid(WEEK_MS);
        let hour = (in_week / HOUR_MS) as usize;
        let share = (in_week % HOUR_MS) as f64 / HOUR_MS as f64;
        let (a, b) = (self.to_hour[hour], self.to_hour[hour + 1]);
        (since_monday.div_euclid(WEEK_MS), a + (b - a) * share)
    }

    fn amount(&self, from_ms: i64, to_ms: i64) -> f64 {
        let ((from_week, a), (to_week, b)) = (self.at(from_ms), self.at(to_ms));
        (to_week - from_week) as f64 * WEEK_DAYS + b - a
    }

    fn advance(&self, local_ms: i64, amount: f64) -> i64 {
        let (week, at) = self.at(local_ms);
        let target = at + amount;
        // No target is before its week, so that this rounds down.
        let more = (target / WEEK_DAYS) as i64;
        let rest = target - more as f64 * WEEK_DAYS;
        let part = ((rest * (GUIDE as f64 / WEEK_DAYS)) as usize).min(GUIDE - 1);
        let mut hour = usize::from(self.guide[part]);
        while self.to_hour[hour + 1] <= rest && hour + 1 < WEEK_H {
            hour += 1;
        }
        let ms = (week + more) * WEEK_MS - MONDAY_MS + within(&self.to_hour, hour, rest);
        ms.max(local_ms)
    }
}

impl Measured {
    fn start_ms(&self) -> i64 {
        self.first_hour * HOUR_MS
    }

    fn end_ms(&self) -> i64 {
        (self.first_hour + self.to_hour.len() as i64 - 1) * HOUR_MS
    }

    fn contains(&self, local_ms: i64) -> bool {
        (self.start_ms()..self.end_ms()).contains(&local_ms)
    }

    fn total(&self) -> f64 {
        self.to_hour[self.to_hour.len() - 1]
    }

    /// ∫λ from the beginning of the file to a local time within it [mean days].
    fn at(&self, local_ms: i64) -> f64 {
        let since = local_ms - self.start_ms();
        let hour = (since / HOUR_MS) as usize;
        let share = (since % HOUR_MS) as f64 / HOUR_MS as f64;
        let next = (hour + 1).min(self.to_hour.len() - 1);
        self.to_hour[hour] + (self.to_hour[next] - self.to_hour[hour]) * share
    }

    /// The local time at which that is `target`, which is less than the total.
    fn inverse(&self, target: f64) -> i64 {
        let hour = self.to_hour[1..].partition_point(|end| *end <= target);
        self.start_ms() + within(&self.to_hour, hour, target)
    }
}

/// Milliseconds from the beginning of a table to where, within the given hour, it reaches `target`.
fn within(to_hour: &[f64], hour: usize, target: f64) -> i64 {
    let (a, b) = (to_hour[hour], to_hour[hour + 1]);
    let share = if b > a { ((target - a) / (b - a)).clamp(0.0, 1.0) } else { 0.0 };
    hour as i64 * HOUR_MS + (share * HOUR_MS as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::RngExt;
    use rand_distr::Exp1;
    use twin::rng::Seed;

    fn town(offset_h: f64) -> Demand {
        let by_hour: Vec<f64> = (0..24).map(|h| if h < 5 { 0.0 } else { 0.5 + f64::from(h % 12) }).collect();
        let by_weekday = [1.0, 1.0, 1.0, 1.1, 1.2, 0.9, 0.0];
        Demand::from_profiles(&by_hour, &by_weekday, UtcOffset::of_hours(offset_h)).unwrap()
    }

    fn arrivals(days: i64) -> Demand {
        let mut text = String::from("time_local,arrivals\n");
        for d in 0..days {
            for h in 0..24 {
                let date = jiff::civil::date(2024, 1, 1).saturating_add(jiff::ToSpan::days(d));
                text += &format!("{date}T{h:02}:00,{}\n", (h * 7 + d * 3) % 11);
            }
        }
        let table = Table::read("a.csv", text.as_bytes()).unwrap();
        Demand::from_arrivals(&table, UtcOffset::of_hours(7.0)).unwrap()
    }

    /// 2024-01-01, a Monday, 00:00 at UTC+7.
    const MONDAY: Time = Time(1_704_067_200_000 - 7 * HOUR_MS);

    #[test]
    fn uniform_activity_is_plain_time() {
        let demand = Demand::from_profiles(&[2.0; 24], &[3.0; 7], UtcOffset::default()).unwrap();
        for days in [0.001, 0.5, 3.3, 7.0, 700.25] {
            assert_eq!(demand.advance(Time(12_345), days), Time(12_345 + (days * DAY_MS as f64) as i64));
        }
        assert_eq!(demand.advance(Time(5), 0.0), Time(5));
        assert_eq!(demand.advance(Time(5), f64::NAN), Time(5));
    }

    #[test]
    fn a_week_holds_seven_mean_days_and_events_keep_to_active_hours() {
        let demand = town(7.0);
        assert!((demand.amount(MONDAY, MONDAY + WEEK_MS) - 7.0).abs() < 1e-12);
        assert_eq!(demand.advance(MONDAY, 1e-9), MONDAY + 5 * HOUR_MS);
        assert_eq!(demand.intensity(MONDAY), 0.0);
        assert!(demand.intensity(MONDAY + 11 * HOUR_MS) > demand.intensity(MONDAY + 6 * HOUR_MS));
        // Saturday's last hour, then nothing until Monday 05:00.
        let saturday = demand.advance(MONDAY, 7.0);
        assert!(saturday >= MONDAY + 6 * DAY_MS && saturday <= MONDAY + WEEK_MS + 5 * HOUR_MS);
    }

    #[test]
    fn hours_come_up_as_often_as_their_activity_says() {
        let demand = town(7.0);
        let mut stream = Seed(1).stream("riders", "test", 0);
        let (mut t, n) = (MONDAY, 100_000);
        let mut counts = [0u32; WEEK_H];
        for _ in 0..n {
            t = demand.advance(t, stream.sample::<f64, _>(Exp1) / 3.0);
            counts[demand.offset.hour_of_week(t)] += 1;
        }
        let rate = f64::from(n) / demand.amount(MONDAY, t);
        assert!((rate / 3.0 - 1.0).abs() < 4.0 / f64::from(n).sqrt(), "{rate}");
        let (mut chi2, mut active) = (0.0, 0);
        for (hour, count) in counts.iter().enumerate() {
            let share = (demand.week.to_hour[hour + 1] - demand.week.to_hour[hour]) / 7.0;
            if share == 0.0 {
                assert_eq!(*count, 0, "hour {hour}");
                continue;
            }
            let expected = share * f64::from(n);
            chi2 += (f64::from(*count) - expected).powi(2) / expected;
            active += 1;
        }
        // Mean k, variance 2k: four standard deviations.
        let k = f64::from(active - 1);
        assert!(chi2 < k + 4.0 * (2.0 * k).sqrt(), "{chi2} with {k} degrees of freedom");
    }

    #[test]
    fn a_file_rules_its_span_and_its_mean_week_the_rest() {
        let demand = arrivals(15);
        let end = MONDAY + 15 * DAY_MS;
        assert!((demand.amount(MONDAY, end) - 15.0).abs() < 1e-9);
        assert_eq!(demand.intensity(MONDAY), 0.0);
        assert!((demand.amount(end, end + WEEK_MS) - 7.0).abs() < 1e-9);
        assert!((demand.amount(MONDAY + -WEEK_MS, MONDAY) - 7.0).abs() < 1e-9);
        let before = MONDAY + -3 * DAY_MS;
        for amount in [0.1, 2.9, 3.1, 10.0, 17.9, 18.1, 40.0] {
            let t = demand.advance(before, amount);
            assert!((demand.amount(before, t) - amount).abs() < 1e-6, "{amount}");
        }
    }

    #[test]
    fn activity_that_cannot_be_is_refused() {
        let none = UtcOffset::default();
        assert!(Demand::from_profiles(&[0.0; 24], &[1.0; 7], none).is_err());
        assert!(Demand::from_profiles(&[1.0; 23], &[1.0; 7], none).is_err());
        let error = Demand::from_profiles(&[1.0; 24], &[1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0], none);
        assert!(error.unwrap_err().to_string().contains("by_weekday"));
        let short = "time_local,arrivals\n2024-01-01T00:00,1\n2024-01-01T01:00,1\n";
        let table = Table::read("a.csv", short.as_bytes()).unwrap();
        assert!(matches!(Demand::from_arrivals(&table, none), Err(WorldError::TooShort { .. })));
    }

    proptest! {
        #[test]
        fn advance_inverts_the_integral(
            from in -1_000_000_000_000i64..4_000_000_000_000,
            days in 0.0f64..400.0,
            offset_h in -12.0f64..14.0,
        ) {
            let demand = town(offset_h);
            let t = demand.advance(Time(from), days);
            prop_assert!(t >= Time(from));
            // A millisecond in the busiest hour, and the rounding of 7 × weeks.
            prop_assert!((demand.amount(Time(from), t) - days).abs() < 1e-6 + days * 1e-12);
        }

        #[test]
        fn steps_add_up(from in 0i64..2_000_000_000_000, a in 0.01f64..30.0, b in 0.01f64..30.0) {
            let demand = arrivals(20);
            let direct = demand.advance(Time(from), a + b);
            let twice = demand.advance(demand.advance(Time(from), a), b);
            prop_assert!(demand.amount(direct, twice).abs() < 1e-6);
        }
    }
}
