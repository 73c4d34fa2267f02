//! How long a live battery will still serve: its make's ageing laws under its own recent use, from its own health so far.

use super::{Belief, Mind, Subject, Track};
use crate::battery::estimate;
use crate::battery::forecast::{Ask, Duty, Forecast, ForecastError, Point, Unit, forecast};
use crate::rng::Seed;
use crate::time::DAY_MS;

/// Capacity over rated at which a battery's life ends, unless somebody says otherwise.
pub const END_OF_LIFE: f64 = 0.8;
/// A use is known when so many days of it were heard [d].
pub const DAYS_LEAST: f64 = 1.0;
/// Deviation of the capacity of a battery that had just been made, over rated. assumed.
const NEW_STD: f64 = 0.03;

/// Why there is no forecast: what is missing for one.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Unforeseen {
    /// Nobody said what cells it has.
    #[error(
        "the chemistry of its cells is not registered (`spec.chemistry`), and only a chemistry has ageing laws"
    )]
    Make,
    /// Nothing was heard that tells its state.
    #[error("no reading with a voltage that can be this battery's was heard yet")]
    Unheard,
    /// Too little was heard to know its use.
    #[error("{heard_days:.2} days of readings were heard, and a use is known from {DAYS_LEAST} days on")]
    Use {
        /// Days of readings so far.
        heard_days: f64,
    },
    /// The laws do not answer.
    #[error(transparent)]
    Laws(#[from] ForecastError),
}

/// What a forecast stands on.
struct Grounds<'a> {
    model: &'a estimate::Subject,
    track: &'a Track,
    duty: Duty,
}

impl Belief {
    /// Whether there can be a forecast at all, which is known at once: a forecast itself takes milliseconds.
    ///
    /// # Errors
    /// What is missing.
    pub fn may_foresee(&self, subject: &Subject) -> Result<(), Unforeseen> {
        self.grounds(subject).map(drop)
    }

    fn grounds<'a>(&'a self, subject: &'a Subject) -> Result<Grounds<'a>, Unforeseen> {
        let (Mind::Model(track), Some(model)) = (&self.mind, subject.model()) else {
            return Err(Unforeseen::Make);
        };
        if track.at().is_none() {
            return Err(Unforeseen::Unheard);
        }
        let heard_days = track.days();
        let duty = track.duty().filter(|_| heard_days >= DAYS_LEAST).ok_or(Unforeseen::Use { heard_days })?;
        Ok(Grounds { model, track, duty })
    }

    /// Remaining life in days from the last reading on. Days in the answer count from when the battery was put to use,
    /// where that is known, or else from the first reading.
    ///
    /// # Errors
    /// What is missing.
    pub fn forecast(&self, subject: &Subject, end_of_life: f64, seed: Seed) -> Result<Forecast, Unforeseen> {
        let Grounds { model, track, duty } = self.grounds(subject)?;
        let milestones = track.history();
        let first = milestones.first().ok_or(Unforeseen::Unheard)?;
        let born = subject.born().filter(|born| first.at - *born > DAY_MS);
        let share = subject.share();
        let mut history: Vec<Point> = Vec::with_capacity(milestones.len() + 1);
        history.extend(born.map(|_| Point { x: 0.0, capacity: 1.0, std: NEW_STD, duty: None }));
        let start = born.unwrap_or(first.at);
        for milestone in &milestones {
            let x = (milestone.at - start) as f64 / DAY_MS as f64;
            if history.last().is_none_or(|last| x > last.x) {
                let (capacity, std) = (milestone.soh / share, (milestone.soh_std / share).min(1.0));
                history.push(Point { x, capacity, std, duty: None });
            }
        }
        let ask = Ask { cell: &model.cell, unit: Unit::Days, duty, end_of_life, seed };
        Ok(forecast(&ask, &history)?)
    }

    /// Days of readings that its use is known from.
    pub fn heard_days(&self) -> f64 {
        match &self.mind {
            Mind::Model(track) => track.days(),
            Mind::Claims(_) => 0.0,
        }
    }
}
