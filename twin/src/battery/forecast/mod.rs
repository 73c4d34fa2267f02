//! Remaining useful life: the ageing laws run ahead under a battery's own use, corrected by its own history.
//!
//! ```text
//!  history ──course──▶ loss that the laws foresee, at every point and ahead
//!          ──learn───▶ how this battery departs from it: size, bend, capacity when new, each with its spread
//!          ──ahead───▶ an ensemble of courses ──▶ p10, p50, p90 and the curve
//! ```
//!
//! [`forecast`] is a function of its arguments alone: the ensemble is drawn from named streams of the seed. What is assumed
//! about the use to come is part of the answer. See `docs/models/forecast.md` for equations, the data behind the
//! figures, and what was reached on measured cells.

mod ahead;
mod course;
mod learn;

pub use super::estimate::Duty;

use super::circuit::CellModel;
use super::estimate::{Estimator, Guess};
use crate::rng::Seed;
use crate::time::DAY_MS;
use serde::{Deserialize, Serialize};

/// What life is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Cycles of the assumed depth.
    Cycles,
    /// Days.
    Days,
}

/// Capacity at one time, and the use until then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Cycles or days since the start.
    pub x: f64,
    /// Capacity over the reference.
    pub capacity: f64,
    /// Its standard deviation, zero when it is to be told from the scatter.
    pub std: f64,
    /// Use since the point before, where it differs from the assumed.
    pub duty: Option<Duty>,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The cell with its life laws.
    pub cell: &'a CellModel,
    /// What the history is counted in.
    pub unit: Unit,
    /// Use to come.
    pub duty: Duty,
    /// Capacity at which life ends.
    pub end_of_life: f64,
    /// Seed of the ensemble.
    pub seed: Seed,
}

/// The answer, from the last point of the history on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Life that remains with a probability of nine tenths.
    pub p10: f64,
    /// Life that remains with a probability of one half.
    pub p50: f64,
    /// Life that remains with a probability of one tenth.
    pub p90: f64,
    /// What these are counted in.
    pub unit: Unit,
    /// Capacity at which life ends.
    pub end_of_life: f64,
    /// The last point of the history.
    pub at: f64,
    /// Nothing is foreseen beyond so much more life: a quantile of this size says "at least".
    pub horizon: f64,
    /// Capacity as of the last point.
    pub capacity: Guess,
    /// How much faster than its make the battery loses capacity.
    pub pace: Guess,
    /// Use that was assumed to go on.
    pub assumed_use: Duty,
    /// Whether the make's ageing laws were of use: under a use far outside what they were fitted on they may end a cell at
    /// once, and a straight line is bent to the history instead.
    pub laws_apply: bool,
    /// Capacity ahead.
    pub curve: Vec<CurvePoint>,
}

/// Capacity at one time ahead.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Cycles or days since the start.
    pub x: f64,
    /// Quantiles of the capacity.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// Upper.
    pub p90: f64,
}

/// Why there is no forecast.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// A figure is not finite or makes no sense.
    #[error("{field} of {value} makes no sense in a forecast")]
    Senseless {
        /// Which.
        field: &'static str,
        /// What it is.
        value: f64,
    },
    /// Points are not in order.
    #[error("point {index} of the history is not later than the one before")]
    Order {
        /// Which, counted from 0.
        index: usize,
    },
    /// Nothing has been heard of the battery yet.
    #[error("nothing has been heard of the battery yet")]
    Unheard,
    /// Under the assumed use the laws see no ageing at all.
    #[error("under the assumed use the ageing laws foresee no loss of capacity")]
    Ageless,
}

/// Remaining life of a battery with this history; the history may be empty.
///
/// # Errors
/// When a figure makes no sense, or the laws foresee no ageing under the assumed use.
pub fn forecast(ask: &Ask<'_>, history: &[Point]) -> Result<Forecast, ForecastError> {
    check(ask, history)?;
    let course = course::Course::of(ask, history).ok_or(ForecastError::Ageless)?;
    let learnt = learn::learn(&course, history);
    Ok(ahead::run(ask, &course, &learnt))
}

fn check(ask: &Ask<'_>, history: &[Point]) -> Result<(), ForecastError> {
    let sane = |field, value: f64, low: f64, high: f64| {
        if (low..=high).contains(&value) { Ok(()) } else { Err(ForecastError::Senseless { field, value }) }
    };
    sane("end_of_life", ask.end_of_life, 0.05, 1.5)?;
    for duty in std::iter::once(&ask.duty).chain(history.iter().filter_map(|point| point.duty.as_ref())) {
        sane("temperature_c", duty.temperature_c, -60.0, 120.0)?;
        sane("cycling_temperature_c", duty.cycling_temperature_c, -60.0, 120.0)?;
        sane("soc", duty.soc, -0.1, 1.1)?;
        sane("efc_per_day", duty.efc_per_day, 0.0, 1e4)?;
        sane("depth", duty.depth, 0.0, 1.0)?;
        sane("charge_c_rate", duty.charge_c_rate, 0.0, 100.0)?;
        sane("discharge_c_rate", duty.discharge_c_rate, 0.0, 100.0)?;
    }
    for (index, point) in history.iter().enumerate() {
        sane("x", point.x, 0.0, 1e9)?;
        sane("capacity", point.capacity, 0.0, 10.0)?;
        sane("std", point.std, 0.0, 1.0)?;
        if index > 0 && point.x <= history[index - 1].x {
            return Err(ForecastError::Order { index });
        }
    }
    Ok(())
}

impl Estimator {
    /// Remaining life in days under the battery's own recent use, from the health that was estimated so far.
    ///
    /// # Errors
    /// Before the second reading; else as [`forecast`].
    pub fn forecast(&self, end_of_life: f64, seed: Seed) -> Result<Forecast, ForecastError> {
        let duty = self.duty().ok_or(ForecastError::Unheard)?;
        let milestones = self.history();
        let Some(first) = milestones.first() else { return Err(ForecastError::Unheard) };
        let mut history: Vec<Point> = Vec::with_capacity(milestones.len());
        for milestone in &milestones {
            let x = (milestone.at - first.at) as f64 / DAY_MS as f64;
            if history.last().is_none_or(|last| x > last.x) {
                history.push(Point { x, capacity: milestone.soh, std: milestone.soh_std, duty: None });
            }
        }
        let ask = Ask { cell: &self.subject().cell, unit: Unit::Days, duty, end_of_life, seed };
        forecast(&ask, &history)
    }
}
