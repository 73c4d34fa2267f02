//! Amounts per month (day, quarter, year) from rates that were sampled now and then.

use super::axis::{Axis, month};
use jiff::ToSpan;
use jiff::civil::{DateTime, date};

/// Periods of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Periods {
    /// `month`, `quarter` …
    pub noun: &'static str,
    /// Edges in days since the start, one more than there are periods.
    pub edges: Vec<f64>,
    /// Names of the periods.
    pub names: Vec<String>,
}

/// A period shorter than this share of a whole one (a start at midnight elsewhere) joins its neighbour.
const SLIVER: f64 = 0.1;

impl Periods {
    /// Periods from day 0 to `to`, no shorter than the `interval` of the samples and few enough to be seen.
    #[must_use]
    pub(super) fn of(axis: &Axis, to: f64, interval: f64) -> Self {
        let kinds = [
            ("day", 1.0, 45.0),
            ("week", 7.0, 120.0),
            ("month", 30.4375, 1_150.0),
            ("quarter", 91.3125, 3_700.0),
        ];
        let fits = |(_, length, up_to): &&(&str, f64, f64)| to <= *up_to && *length >= interval * 0.9;
        let (noun, length, _) = kinds.iter().find(fits).copied().unwrap_or(("year", 365.25, f64::INFINITY));
        let mut edges = vec![0.0];
        let mut names = Vec::new();
        for index in 0..1_000 {
            let (end, name) = match axis {
                Axis::Calendar { start } => calendar(*start, noun, index),
                _ => (f64::from(index + 1) * length, format!("{noun} {}", index + 1)),
            };
            edges.push(end.min(to));
            names.push(name);
            if end >= to - 1e-6 {
                break;
            }
        }
        let mut periods = Self { noun, edges, names };
        periods.join_slivers(length);
        periods
    }

    fn join_slivers(&mut self, length: f64) {
        let last = self.names.len();
        if last > 1 && self.edges[last] - self.edges[last - 1] < SLIVER * length {
            self.edges.remove(last - 1);
            self.names.remove(last - 1);
        }
        if self.names.len() > 1 && self.edges[1] - self.edges[0] < SLIVER * length {
            self.edges.remove(1);
            self.names.remove(0);
        }
    }

    /// Amount within each period of a rate per day, each sample standing for the time since the one before.
    #[must_use]
    pub(super) fn amounts(&self, t_days: &[f64], per_day: &[f64]) -> Vec<f64> {
        let mut amounts = vec![0.0; self.names.len()];
        let mut from = 0.0_f64;
        for (&to, &rate) in t_days.iter().zip(per_day) {
            for (amount, edge) in amounts.iter_mut().zip(self.edges.windows(2)) {
                let shared = to.min(edge[1]) - from.max(edge[0]);
                if shared > 0.0 && rate.is_finite() {
                    *amount += rate * shared;
                }
            }
            from = to;
        }
        amounts
    }
}

/// End, in days since the start, and name of the period `index` after the one that `start` lies in.
fn calendar(start: DateTime, noun: &str, index: i32) -> (f64, String) {
    let day = start.date();
    let ahead = i64::from(index);
    let (first, next) = match noun {
        "day" => (day.checked_add(ahead.days()), day.checked_add((ahead + 1).days())),
        "week" => (day.checked_add((ahead * 7).days()), day.checked_add((ahead * 7 + 7).days())),
        _ => {
            let months = match noun {
                "month" => 1,
                "quarter" => 3,
                _ => 12,
            };
            let begin = date(day.year(), day.month() - (day.month() - 1) % months, 1);
            let months = i64::from(months);
            (begin.checked_add((ahead * months).months()), begin.checked_add(((ahead + 1) * months).months()))
        }
    };
    let (Ok(first), Ok(next)) = (first, next) else { return (f64::INFINITY, String::new()) };
    let end = next.at(0, 0, 0, 0).duration_since(start).as_secs_f64() / 86_400.0;
    let at = first.at(0, 0, 0, 0);
    let name = match noun {
        "day" => format!("{} {} {}", at.day(), month(at), at.year()),
        "week" => format!("week of {} {} {}", at.day(), month(at), at.year()),
        "month" => format!("{} {}", month(at), at.year()),
        "quarter" => format!("Q{} {}", (at.month() - 1) / 3 + 1, at.year()),
        _ => at.year().to_string(),
    };
    (end, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_the_calendar() {
        let periods = Periods::of(&Axis::of_run("2026-01-01T00:00:00Z"), 365.0, 30.4);
        assert_eq!((periods.noun, periods.names.len()), ("month", 12));
        assert_eq!(periods.edges[..3], [0.0, 31.0, 59.0]);
        assert_eq!(periods.names[1], "Feb 2026");
    }

    #[test]
    fn amounts_are_conserved() {
        let periods = Periods::of(&Axis::of_run("2025-12-31T17:00:00Z"), 365.25, 30.4375);
        assert_eq!(periods.names[0], "Jan 2026", "seven hours of December are no month");
        let t: Vec<f64> = (1..=12).map(|k| f64::from(k) * 30.4375).collect();
        let rates: Vec<f64> = (1..=12).map(f64::from).collect();
        let total: f64 = periods.amounts(&t, &rates).iter().sum();
        assert!((total - 78.0 * 30.4375).abs() < 1e-6, "{total}");
    }

    #[test]
    fn periods_are_no_finer_than_the_samples() {
        assert_eq!(Periods::of(&Axis::Elapsed, 365.0, 91.3).noun, "quarter");
        assert_eq!(Periods::of(&Axis::Elapsed, 30.0, 1.0).noun, "day");
        assert_eq!(Periods::of(&Axis::Elapsed, 7305.0, 30.4).noun, "year");
    }
}
