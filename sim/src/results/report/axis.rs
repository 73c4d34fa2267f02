//! The horizontal axis: dates where the start is known, plain numbers otherwise.

use super::svg::{Ticks, nice_ticks};
use jiff::ToSpan;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;

/// What runs along the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Days since an instant, labelled with dates.
    Calendar {
        /// The instant, in the time zone it was written in.
        start: DateTime,
    },
    /// Days since the start, labelled with days or years.
    Elapsed,
    /// Hours of the day.
    Hours,
    /// Any number.
    Number {
        /// Written below the axis.
        label: String,
    },
}

/// Labels of an axis: value, first line, second line (often empty).
pub type Labels = Vec<(f64, String, String)>;

impl Axis {
    /// Axis of a run that starts at `start` (RFC 3339). Dates are read as written, offset and all, so that a local
    /// start gives local dates.
    #[must_use]
    pub fn of_run(start: &str) -> Self {
        civil(start).map_or(Self::Elapsed, |start| Self::Calendar { start })
    }

    /// Labels between two values of the axis, at most about `count`.
    #[must_use]
    pub fn labels(&self, from: f64, to: f64, count: usize) -> Labels {
        match self {
            Self::Calendar { start } => dates(*start, from, to, count),
            Self::Elapsed => elapsed(from, to, count),
            Self::Hours => {
                (0..=24).step_by(3).map(|h| (f64::from(h), format!("{h:02}"), String::new())).collect()
            }
            Self::Number { .. } => plain(from, to, count),
        }
    }

    /// What is written below the axis, if the labels do not say it.
    #[must_use]
    pub fn title(&self, span: f64) -> &str {
        match self {
            Self::Calendar { .. } => "",
            Self::Elapsed if in_years(span) => "years since the start",
            Self::Elapsed => "days since the start",
            Self::Hours => "hour of the day",
            Self::Number { label } => label,
        }
    }
}

/// Date and time as written, without its offset.
#[must_use]
pub fn civil(text: &str) -> Option<DateTime> {
    let pieces = Pieces::parse(text).ok()?;
    Some(pieces.date().to_datetime(pieces.time().unwrap_or_default()))
}

/// A date for readers, `5 Jan 2026`.
#[must_use]
pub fn readable_date(text: &str) -> String {
    civil(text).map_or_else(|| text.to_owned(), |t| format!("{} {} {}", t.day(), month(t), t.year()))
}

/// Days between two instants.
#[must_use]
pub fn days_between(from: &str, to: &str) -> Option<f64> {
    let (from, to) = (from.parse::<jiff::Timestamp>().ok()?, to.parse::<jiff::Timestamp>().ok()?);
    Some((to.as_millisecond() - from.as_millisecond()) as f64 / 86_400_000.0)
}

const DAYS_PER_YEAR: f64 = 365.25;

fn in_years(span: f64) -> bool {
    span > 3.0 * DAYS_PER_YEAR
}

fn plain(from: f64, to: f64, count: usize) -> Labels {
    let ticks = nice_ticks(from, to, count);
    within(&ticks, from, to, 1.0)
}

fn elapsed(from: f64, to: f64, count: usize) -> Labels {
    if in_years(to - from) {
        let ticks = nice_ticks(from / DAYS_PER_YEAR, to / DAYS_PER_YEAR, count);
        return within(&ticks, from, to, DAYS_PER_YEAR);
    }
    plain(from, to, count)
}

fn within(ticks: &Ticks, from: f64, to: f64, unit: f64) -> Labels {
    let slack = (to - from) * 1e-9;
    let labelled = ticks.values.iter().map(|value| value * unit).zip(ticks.labels());
    labelled
        .filter(|(value, _)| (from - slack..=to + slack).contains(value))
        .map(|(value, label)| (value, label, String::new()))
        .collect()
}

/// A step between dates.
#[derive(Clone, Copy)]
enum Step {
    Hours(i64),
    Days(i64),
    Months(i64),
    Years(i64),
}

const STEPS: [(Step, f64); 16] = [
    (Step::Hours(1), 1.0 / 24.0),
    (Step::Hours(3), 0.125),
    (Step::Hours(6), 0.25),
    (Step::Hours(12), 0.5),
    (Step::Days(1), 1.0),
    (Step::Days(2), 2.0),
    (Step::Days(7), 7.0),
    (Step::Days(14), 14.0),
    (Step::Months(1), 30.4),
    (Step::Months(2), 60.9),
    (Step::Months(3), 91.3),
    (Step::Months(6), 182.6),
    (Step::Years(1), 365.25),
    (Step::Years(2), 730.5),
    (Step::Years(5), 1826.3),
    (Step::Years(10), 3652.5),
];

fn dates(start: DateTime, from: f64, to: f64, count: usize) -> Labels {
    let step =
        STEPS.iter().find(|(_, days)| (to - from) / days <= count as f64 + 0.5).unwrap_or(&STEPS[15]).0;
    let mut labels = Labels::new();
    let mut at = first_date(start, step);
    // The step is chosen so that few dates fit; the bound only guards against absurd spans.
    for _ in 0..200 {
        let days = days_since(start, at);
        if days > to + 1e-6 {
            break;
        }
        if days >= from - 1e-6 {
            let (upper, lower) = date_label(at, step, labels.is_empty());
            labels.push((days, upper, lower));
        }
        let Some(next) = next_date(at, step) else { break };
        at = next;
    }
    labels
}

/// The last round date at or before `start`.
fn first_date(start: DateTime, step: Step) -> DateTime {
    let day = start.date();
    match step {
        Step::Hours(hours) => day.at(start.hour() - start.hour() % hours as i8, 0, 0, 0),
        Step::Days(7 | 14) => {
            let since_monday = i64::from(day.weekday().to_monday_zero_offset());
            day.checked_sub(since_monday.days()).unwrap_or(day).at(0, 0, 0, 0)
        }
        Step::Days(_) => day.at(0, 0, 0, 0),
        Step::Months(months) => {
            let month = day.month() - (day.month() - 1) % months as i8;
            jiff::civil::date(day.year(), month, 1).at(0, 0, 0, 0)
        }
        Step::Years(years) => {
            jiff::civil::date(day.year() - day.year().rem_euclid(years as i16), 1, 1).at(0, 0, 0, 0)
        }
    }
}

fn next_date(at: DateTime, step: Step) -> Option<DateTime> {
    match step {
        Step::Hours(hours) => at.checked_add(hours.hours()).ok(),
        Step::Days(days) => at.checked_add(days.days()).ok(),
        Step::Months(months) => at.checked_add(months.months()).ok(),
        Step::Years(years) => at.checked_add(years.years()).ok(),
    }
}

fn days_since(start: DateTime, at: DateTime) -> f64 {
    at.duration_since(start).as_secs_f64() / 86_400.0
}

/// The two lines of a label: what changes from tick to tick, and what it is part of where that changes.
fn date_label(at: DateTime, step: Step, is_first: bool) -> (String, String) {
    let year = if is_first || at.month() == 1 { at.year().to_string() } else { String::new() };
    match step {
        Step::Hours(_) => {
            let day = format!("{} {}", at.day(), month(at));
            (format!("{:02}:00", at.hour()), if is_first || at.hour() == 0 { day } else { String::new() })
        }
        Step::Days(_) => (format!("{} {}", at.day(), month(at)), if is_first { year } else { String::new() }),
        Step::Months(_) => (month(at).to_owned(), year),
        Step::Years(_) => (at.year().to_string(), String::new()),
    }
}

/// Short English name of the month.
#[must_use]
pub fn month(at: DateTime) -> &'static str {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    NAMES[usize::try_from(at.month() - 1).unwrap_or(0).min(11)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(axis: &Axis, to: f64) -> Vec<String> {
        axis.labels(0.0, to, 7).into_iter().map(|(_, upper, _)| upper).collect()
    }

    #[test]
    fn dates_are_as_coarse_as_the_span_asks_for() {
        let axis = Axis::of_run("2026-01-01T00:00:00Z");
        assert_eq!(upper(&axis, 365.0), ["Jan", "Mar", "May", "Jul", "Sep", "Nov", "Jan"]);
        assert_eq!(upper(&axis, 1826.5), ["2026", "2027", "2028", "2029", "2030", "2031"]);
        assert_eq!(upper(&axis, 7.0).len(), 8);
        assert_eq!(upper(&axis, 1.0), ["00:00", "06:00", "12:00", "18:00", "00:00"]);
    }

    #[test]
    fn a_local_start_gives_local_dates() {
        let axis = Axis::of_run("2026-01-01T00:00:00+07:00");
        assert_eq!(axis.labels(0.0, 365.0, 7)[0], (0.0, "Jan".into(), "2026".into()));
        assert_eq!(days_between("2026-01-01T00:00:00+07:00", "2026-01-01T00:00:00Z"), Some(7.0 / 24.0));
    }

    #[test]
    fn a_start_that_is_no_date_gives_elapsed_time() {
        let axis = Axis::of_run("some day");
        assert_eq!(axis.labels(0.0, 3652.5, 5).last().unwrap().1, "10");
        assert_eq!(axis.title(3652.5), "years since the start");
    }
}
