//! What measured health says: how fast capacity goes, whether that is usual, and how many cycles remain.
//!
//! ```text
//! trend      r = fade per cycle ÷ (20 % ÷ expected cycles):  r ≤ 1.25 normal,  r ≤ 2 accelerated,  beyond critical
//! remaining  min(N_expected − n, (SoH − 80 %) ÷ fade per cycle)
//! ```
//!
//! Engineering rules of this platform: the regulation asks for the figures and not for a trend. Limits: a straight line
//! through few records; a twin that hears telemetry has a forecast of its own, which takes the place of the line.

use crate::time::Time;

/// Capacity over rated at which a battery is exhausted.
pub const EXHAUSTED: f64 = 0.8;
/// Below this no pace is usual.
const WORN: f64 = 0.7;
/// Times the usual pace up to which a pace is normal, and then accelerated. assumed.
const NORMAL: f64 = 1.25;
const ACCELERATED: f64 = 2.0;
/// Sums of decimal fractions may miss a bound by so little.
const ROUNDING: f64 = 1e-9;
/// The line is of use with so many records and so much fade in all.
const RECORDS: usize = 3;
const FADE: f64 = 0.01;
/// A pace is that over at least so many cycles, where there are as many. assumed: fewer drown in the scatter of tests.
const CYCLES: f64 = 50.0;
/// Capacity that may come back between two measurements.
pub const RISE: f64 = 0.01;
/// A measured capacity over the rated one may differ from the health stated with it by so much.
pub const AGREE: f64 = 0.02;

/// A health at a number of cycles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When.
    pub at: Time,
    /// Capacity over rated.
    pub soh: f64,
    /// Full cycles so far.
    pub cycles: f64,
}

/// How health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// As expected.
    Normal,
    /// Faster.
    Accelerated,
    /// Much faster, or far gone.
    Critical,
}

impl Trend {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Accelerated => "accelerated",
            Self::Critical => "critical",
        }
    }
}

/// What remaining cycles follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The cycles that its maker expects, less those done.
    CycleLife,
    /// A straight line through its records.
    Line,
    /// The twin's own forecast.
    Forecast,
}

impl By {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CycleLife => "cycle_life",
            Self::Line => "fade_line",
            Self::Forecast => "twin_forecast",
        }
    }
}

/// What the records say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// How health goes.
    pub trend: Trend,
    /// Capacity over rated that was lost since the record before.
    pub lost: f64,
    /// Capacity over rated that is lost per cycle, of late; nothing where no cycles were done.
    pub per_cycle: Option<f64>,
    /// The same per day, over all records.
    pub per_day: Option<f64>,
    /// Cycles until it is exhausted.
    pub remaining_cycles: f64,
    /// What they follow from.
    pub by: By,
}

/// What records say of a battery that its maker expects so many cycles of. The first point is the battery as it was
/// when new; points are in order of time.
#[must_use]
pub fn outlook(points: &[Point], expected_cycles: f64) -> Option<Outlook> {
    let (last, before) = points.split_last()?;
    let lost = before.last().map_or(0.0, |before| before.soh - last.soh);
    let since = |from: &Point| last.cycles - from.cycles;
    let from = before.iter().rev().find(|from| since(from) >= CYCLES).or(before.first());
    let per_cycle = from.filter(|from| since(from) > 0.0).map(|from| (from.soh - last.soh) / since(from));
    let days = before.first().map(|first| last.at.days_since(first.at)).filter(|days| *days > 0.0);
    let faded = before.first().map_or(0.0, |first| first.soh - last.soh);
    let usual = (1.0 - EXHAUSTED) / expected_cycles;
    let pace = per_cycle.map_or(0.0, |per_cycle| per_cycle / usual) - ROUNDING;
    let trend = if last.soh < WORN || pace > ACCELERATED {
        Trend::Critical
    } else if pace > NORMAL {
        Trend::Accelerated
    } else {
        Trend::Normal
    };
    let by_life = (expected_cycles - last.cycles).max(0.0);
    // The point of the new battery is none that was measured.
    let line = per_cycle.filter(|per_cycle| before.len() >= RECORDS && faded >= FADE && *per_cycle > 0.0);
    let by_line = line.map(|per_cycle| ((last.soh - EXHAUSTED) / per_cycle).max(0.0));
    let (remaining_cycles, by) = match by_line {
        Some(line) if line < by_life => (line, By::Line),
        _ => (by_life, By::CycleLife),
    };
    let per_day = days.map(|days| faded / days);
    Some(Outlook { trend, lost, per_cycle, per_day, remaining_cycles, by })
}

/// Why a health cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unsound {
    /// Not between 0 and 100 %.
    #[error("state of health {0} is not between 0 and 100")]
    Range(f64),
    /// More than it was.
    #[error(
        "state of health {soh_pct:.2} is {rise:.2} points above the record before it; at most 1 may come back"
    )]
    Rise {
        /// What is stated [%].
        soh_pct: f64,
        /// By how much it is more [%].
        rise: f64,
    },
    /// The measured capacity says otherwise.
    #[error(
        "state of health {soh_pct:.2} does not agree with a measured capacity of {of_capacity_pct:.2} % of the rated one"
    )]
    Disagrees {
        /// What is stated [%].
        soh_pct: f64,
        /// What the capacity says [%].
        of_capacity_pct: f64,
    },
    /// Neither is given.
    #[error("neither a state of health nor a measured capacity is given")]
    Missing,
}

/// The health that a measurement states: by itself, by a capacity over the rated one, or by both where they agree.
///
/// # Errors
/// Why it cannot be.
pub fn stated(soh: Option<f64>, of_capacity: Option<f64>, before: Option<f64>) -> Result<f64, Unsound> {
    let stated = soh.or(of_capacity).ok_or(Unsound::Missing)?;
    if !(0.0..=1.0).contains(&stated) {
        return Err(Unsound::Range(100.0 * stated));
    }
    let soh_pct = 100.0 * stated;
    if let Some(of_capacity) = of_capacity
        && (of_capacity - stated).abs() > AGREE + ROUNDING
    {
        return Err(Unsound::Disagrees { soh_pct, of_capacity_pct: 100.0 * of_capacity });
    }
    if let Some(before) = before
        && stated - before > RISE + ROUNDING
    {
        return Err(Unsound::Rise { soh_pct, rise: 100.0 * (stated - before) });
    }
    Ok(stated)
}

/// Deviation of a measured health, over rated, by the method of measuring it.
///
/// assumed: reference discharges come within half a percent, what electronics claim within two.
#[must_use]
pub fn deviation(method: Option<&str>) -> f64 {
    let method = method.unwrap_or_default().to_lowercase();
    let is_test =
        ["capacity", "discharge", "reference", "laboratory"].iter().any(|name| method.contains(name));
    if is_test { 0.005 } else { 0.02 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY_MS;

    fn point(day: i64, soh: f64, cycles: f64) -> Point {
        Point { at: Time(day * DAY_MS), soh, cycles }
    }

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value} against {expected}");
    }

    #[test]
    fn a_young_battery_by_hand() {
        // New, then 99.8 % after 45 cycles of 3000: 0.002 lost, 0.002/45 = 4.444e-5 a cycle; usual is
        // 0.2/3000 = 6.667e-5, so 0.667 times that; 3000 − 45 = 2955 remain.
        let told = outlook(&[point(0, 1.0, 0.0), point(3, 0.998, 45.0)], 3000.0).unwrap();
        near(told.lost, 0.002);
        near(told.per_cycle.unwrap(), 0.002 / 45.0);
        near(told.per_day.unwrap(), 0.002 / 3.0);
        assert_eq!((told.trend, told.remaining_cycles, told.by), (Trend::Normal, 2955.0, By::CycleLife));
    }

    #[test]
    fn a_line_counts_once_there_are_records_and_fade() {
        let mut points = vec![point(0, 1.0, 0.0), point(30, 0.98, 100.0), point(60, 0.96, 200.0)];
        // Two records: 1000 expected, 0.02 per 100 cycles against 0.2/1000: just what is usual.
        let told = outlook(&points, 1000.0).unwrap();
        assert_eq!((told.trend, told.by), (Trend::Normal, By::CycleLife));
        // The third: 0.04 in 100 cycles, twice the usual; 0.92 − 0.80 = 0.12 at 0.0004 a cycle is 300.
        points.push(point(90, 0.92, 300.0));
        let told = outlook(&points, 1000.0).unwrap();
        assert_eq!((told.trend, told.by), (Trend::Accelerated, By::Line));
        near(told.remaining_cycles, 300.0);
        near(told.lost, 0.04);
        points.push(point(120, 0.69, 400.0));
        assert_eq!(outlook(&points, 1000.0).unwrap().trend, Trend::Critical);
        near(outlook(&points, 1000.0).unwrap().remaining_cycles, 0.0);
    }

    #[test]
    fn few_cycles_are_looked_at_with_those_before() {
        // The last ten cycles alone would be 0.001/10, half more than usual; over 60 cycles it is 0.003/60.
        let points = [point(0, 1.0, 0.0), point(10, 0.998, 50.0), point(12, 0.997, 60.0)];
        near(outlook(&points, 3000.0).unwrap().per_cycle.unwrap(), 0.003 / 60.0);
        assert_eq!(outlook(&[], 3000.0), None);
        let alone = outlook(&[point(0, 1.0, 0.0)], 3000.0).unwrap();
        assert_eq!((alone.per_cycle, alone.remaining_cycles), (None, 3000.0));
    }

    #[test]
    fn what_is_stated_must_agree_with_itself_and_with_what_was() {
        assert_eq!(stated(Some(0.998), Some(0.998), Some(1.0)), Ok(0.998));
        assert_eq!(stated(None, Some(0.95), None), Ok(0.95));
        // 0.98 + 0.01 may come back, more may not.
        assert!(stated(Some(0.99), None, Some(0.98)).is_ok());
        assert!(matches!(stated(Some(0.995), None, Some(0.98)), Err(Unsound::Rise { .. })));
        // 240 Ah of 250 is 96 %: 3.8 points off.
        assert!(matches!(stated(Some(0.998), Some(0.96), None), Err(Unsound::Disagrees { .. })));
        assert!(matches!(stated(Some(1.2), None, None), Err(Unsound::Range(_))));
        assert!(matches!(stated(Some(f64::NAN), None, None), Err(Unsound::Range(_))));
        assert_eq!(stated(None, None, None), Err(Unsound::Missing));
    }
}
