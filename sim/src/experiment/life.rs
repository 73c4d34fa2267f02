//! One cell's life under a profile of use that repeats for years.

use crate::world::WorldError;
use crate::world::table::Table;
use std::path::Path;
use twin::battery::circuit::{CellModel, interpolate};
use twin::battery::daily::{Daily, Sample};
use twin::battery::exact::Exact;
use twin::time::DAY_S;

/// Days of a year of a profile.
pub const YEAR_DAYS: u32 = 365;

/// Coldest and hottest cell that a profile may have [°C].
const TEMPERATURES_C: (f64, f64) = (-60.0, 120.0);

/// State of charge and temperature over time, repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    samples: Vec<Sample>,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read or a cell in it is wrong.
    #[error(transparent)]
    File(#[from] WorldError),
    /// A profile is a span of time.
    #[error("{file}: a profile needs two rows at least")]
    TooShort {
        /// The file.
        file: String,
    },
}

/// How the life laws are driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Exact for constant stress, with rainflow counting: what simulations use.
    Exact,
    /// The published models' own scheme: one step per day.
    Daily,
}

/// One row of a life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Time since the start [d].
    pub t_days: f64,
    /// Full equivalent cycles in rated capacity.
    pub efc: f64,
    /// Capacity relative to new.
    pub q_rel: f64,
    /// Resistance relative to new; `None` where the driver publishes none.
    pub r_rel: Option<f64>,
}

impl Profile {
    /// Reads `t_s, soc, temperature_c` (CSV, or gzipped as `.csv.gz`).
    ///
    /// # Errors
    /// When the file cannot be read, times do not increase, or a value is impossible.
    pub fn open(file: &Path) -> Result<Self, ProfileError> {
        let table = Table::open(Path::new(""), &file.to_string_lossy())?;
        Self::of(&table)
    }

    fn of(table: &Table) -> Result<Self, ProfileError> {
        let t_s = table.column(&["t_s"])?;
        let soc = table.column(&["soc"])?;
        let temperature_c = table.column(&["temperature_c", "temperature_C"])?;
        let within = |row, column, (low, high): (f64, f64)| match table.sample(row, column, (low, high))? {
            Some(value) => Ok(value),
            // A blank is no number; this says so with its place.
            None => table.number(row, column),
        };
        let mut samples: Vec<Sample> = Vec::with_capacity(table.len());
        for row in 0..table.len() {
            let sample = Sample {
                t_s: table.number(row, t_s)?,
                soc: within(row, soc, (0.0, 1.0))?,
                temperature_c: within(row, temperature_c, TEMPERATURES_C)?,
            };
            if samples.last().is_some_and(|last| sample.t_s <= last.t_s) {
                return Err(table.not_increasing(row, t_s).into());
            }
            samples.push(sample);
        }
        if samples.len() < 2 {
            return Err(ProfileError::TooShort { file: table.file().to_owned() });
        }
        let start_s = samples[0].t_s;
        samples.iter_mut().for_each(|sample| sample.t_s -= start_s);
        Ok(Self { samples })
    }

    /// States of charge of the first and the last row where they are more than a hundredth apart.
    #[must_use]
    pub fn jump(&self) -> Option<(f64, f64)> {
        let ends = (self.samples[0].soc, self.samples[self.samples.len() - 1].soc);
        ((ends.0 - ends.1).abs() > 0.01).then_some(ends)
    }

    /// Length of one repetition [s]: from the first row to the last.
    #[must_use]
    pub fn period_s(&self) -> f64 {
        self.samples[self.samples.len() - 1].t_s
    }
}

/// The profile without end, read on from where it was left.
struct Course<'p> {
    profile: &'p Profile,
    /// Next sample, and the repetition that it belongs to.
    next: usize,
    turn: u64,
    last: Sample,
}

impl<'p> Course<'p> {
    fn new(profile: &'p Profile) -> Self {
        Self { profile, next: 1, turn: 0, last: profile.samples[0] }
    }

    fn peek(&self) -> Sample {
        let sample = self.profile.samples[self.next];
        Sample { t_s: sample.t_s + self.turn as f64 * self.profile.period_s(), ..sample }
    }

    fn step(&mut self) -> Sample {
        self.last = self.peek();
        self.next += 1;
        if self.next == self.profile.samples.len() {
            // The last row and the first of the next repetition are one instant.
            self.next = 0;
            self.turn += 1;
        }
        self.last
    }

    /// Puts the samples up to `end_s` into `samples`, behind where the profile stands: a span of time, both ends
    /// included, read off between two samples where none falls on it.
    fn span(&mut self, end_s: f64, samples: &mut Vec<Sample>) {
        // A thousandth of a second is rounding, and no span of time.
        const ROUNDING_S: f64 = 1e-3;
        samples.clear();
        if self.peek().t_s - self.last.t_s <= ROUNDING_S {
            // The new repetition says where the span begins.
            self.step();
        }
        samples.push(self.last);
        while self.peek().t_s <= end_s + ROUNDING_S {
            let from = self.last;
            let to = self.step();
            if to.t_s - from.t_s > ROUNDING_S {
                samples.push(to);
            }
            if to.t_s >= end_s - ROUNDING_S {
                return;
            }
        }
        let (from, to) = (self.last, self.peek());
        if end_s > from.t_s {
            let share = (end_s - from.t_s) / (to.t_s - from.t_s);
            let between = |a: f64, b: f64| a + (b - a) * share;
            let soc = between(from.soc, to.soc);
            let temperature_c = between(from.temperature_c, to.temperature_c);
            self.last = Sample { t_s: end_s, soc, temperature_c };
            samples.push(self.last);
        }
    }
}

/// Follows a profile for `days` and tells `keep` the state at 0, every `every_days`, at the end of every year
/// and at the end.
pub fn follow<E>(
    cell: &CellModel,
    profile: &Profile,
    driver: Driver,
    (days, every_days): (u32, u32),
    mut keep: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let ocv_v = |soc: f64| interpolate(&cell.file.ocv.soc, &cell.file.ocv.value, soc);
    let is_kept = |day: u32| day.is_multiple_of(every_days) || day.is_multiple_of(YEAR_DAYS) || day == days;
    let mut course = Course::new(profile);
    let mut samples = Vec::new();
    match driver {
        Driver::Daily => {
            let mut daily = Daily::new(&cell.life, ocv_v);
            for day in 0..=days {
                if is_kept(day) {
                    let (efc, q_rel) = (daily.efc(), daily.capacity());
                    keep(Row { t_days: f64::from(day), efc, q_rel, r_rel: daily.resistance() })?;
                }
                if day < days {
                    course.span(f64::from(day + 1) * DAY_S, &mut samples);
                    daily.advance(&samples);
                }
            }
        }
        Driver::Exact => {
            let mut exact = Exact::new(&cell.life, &cell.calendar, ocv_v);
            for day in (0..=days).filter(|day| is_kept(*day)) {
                if day > 0 {
                    course.span(f64::from(day) * DAY_S, &mut samples);
                    exact.follow(&samples);
                }
                let health = exact.health();
                let r_rel = Some(health.resistance);
                keep(Row { t_days: f64::from(day), efc: exact.efc(), q_rel: health.capacity, r_rel })?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn profile(text: &str) -> Result<Profile, ProfileError> {
        Profile::of(&Table::read("p.csv", text.as_bytes()).unwrap())
    }

    fn life(profile: &Profile, driver: Driver, days: u32, every: u32) -> Vec<Row> {
        let cell = crate::experiment::cell("nmc811-grsi-lg-m50-5ah").unwrap();
        let mut rows = Vec::new();
        let kept = follow(&cell, profile, driver, (days, every), |row| {
            rows.push(row);
            Ok::<_, Infallible>(())
        });
        kept.unwrap();
        rows
    }

    const DAY: &str =
        "t_s,soc,temperature_C\n0,0.9,25\n14400,0.2,30\n43200,0.2,20\n57600,0.9,30\n86400,0.9,25\n";

    #[test]
    fn rows_are_at_the_start_at_every_interval_at_the_ends_of_years_and_at_the_end() {
        let profile = profile(DAY).unwrap();
        for driver in [Driver::Exact, Driver::Daily] {
            let rows = life(&profile, driver, 400, 100);
            let days: Vec<f64> = rows.iter().map(|row| row.t_days).collect();
            assert_eq!(days, [0.0, 100.0, 200.0, 300.0, 365.0, 400.0]);
            assert!((rows[0].q_rel - 1.0).abs() < 1e-9 && rows[0].efc == 0.0);
            assert!(rows.windows(2).all(|pair| pair[1].q_rel < pair[0].q_rel && pair[1].efc > pair[0].efc));
        }
    }

    #[test]
    fn a_day_repeated_is_the_same_as_two_days_written_out() {
        let later = |line: &str| {
            let mut cells = line.splitn(2, ',');
            let t: f64 = cells.next().unwrap().parse().unwrap();
            format!("{},{}\n", t + 86_400.0, cells.next().unwrap())
        };
        let two: String = DAY.to_owned() + &DAY.lines().skip(2).map(later).collect::<String>();
        for driver in [Driver::Exact, Driver::Daily] {
            let (one, two) =
                (life(&profile(DAY).unwrap(), driver, 31, 10), life(&profile(&two).unwrap(), driver, 31, 10));
            for (one, two) in one.iter().zip(&two) {
                assert!((one.q_rel - two.q_rel).abs() < 1e-12 && (one.efc - two.efc).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn half_a_day_repeated_has_whole_days() {
        let half = "t_s,soc,temperature_c\n10,0.9,25\n21610,0.3,25\n43210,0.9,25\n";
        let rows = life(&profile(half).unwrap(), Driver::Daily, 10, 1);
        assert!(rows.iter().enumerate().all(|(day, row)| row.t_days == day as f64));
        // Twice 0.6 down and up a day, of a capacity that hardly fades.
        assert!((rows[10].efc - 12.0).abs() < 0.2, "{rows:?}");
    }

    #[test]
    fn profiles_that_make_no_sense_are_refused_with_their_line() {
        let said = |text: &str| profile(text).unwrap_err().to_string();
        assert!(said("t_s,soc,temperature_c\n0,0.9,25\n").contains("two rows"));
        assert!(said("t_s,soc,temperature_c\n0,0.9,25\n0,0.8,25\n").contains("line 3"));
        assert!(said("t_s,soc,temperature_c\n0,90,25\n1,0.8,25\n").contains("outside 0 to 1"));
        assert!(said("t_s,soc,temperature_c\n0,,25\n1,0.8,25\n").contains("not a number"));
        assert!(said("t_s,soc\n0,0.5\n1,0.8\n").contains("temperature_c"));
    }
}
