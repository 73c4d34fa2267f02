//! Readings in whatever order: a window of recent ones with checkpoints, from which late ones are heard in their place.

use super::core::{Core, Found};
use super::milestones::{Milestone, Milestones};
use super::reading::{self, Reading, Refusal, Sample};
use super::track::told;
use super::usage::Duty;
use super::{Estimate, Prior, Subject};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A checkpoint is kept at every so many readings.
const STRIDE: u64 = 8;
/// So many are kept.
const CHECKPOINTS: usize = 4;

/// Estimates one battery.
#[derive(Debug, Clone)]
pub struct Estimator {
    subject: Arc<Subject>,
    state: State,
}

/// Everything an estimator knows: a snapshot to go on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    core: Core,
    /// What was known before the readings of whole strides, oldest first.
    checkpoints: Vec<Core>,
    /// Readings since the oldest checkpoint, in order of time.
    recent: Vec<Sample>,
    milestones: Milestones,
}

/// What became of a reading that was not refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// How it was taken.
    pub taken: Taken,
    /// Voltage less what was expected [V, per pack]; nothing where the voltage was not heard.
    pub innovation_v: Option<f64>,
    /// Deviation that this should have [V].
    pub innovation_std_v: Option<f64>,
    /// Silence before it [s], where there was more than usual.
    pub gap_s: Option<f64>,
    /// Whether the state of charge was placed anew by this voltage: at the start, after a gap, or when it was lost.
    pub placed: bool,
}

impl Observed {
    pub(super) fn of(subject: &Subject, taken: Taken, found: &Found) -> Self {
        Self {
            taken,
            innovation_v: found.surprise.map(|s| s.innovation * subject.series),
            innovation_std_v: found.surprise.map(|s| s.std * subject.series),
            gap_s: found.gap_s,
            placed: found.placed,
        }
    }
}

/// How a reading was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// As the latest.
    InOrder,
    /// In its place in the past; so many later ones were heard again.
    Late {
        /// How many.
        again: u32,
    },
    /// Not at all, for it was known.
    Duplicate,
}

impl Estimator {
    /// Knows only the prior.
    pub fn new(subject: Arc<Subject>, prior: Prior) -> Self {
        let core = Core::new(&subject, &prior);
        let state =
            State { core, checkpoints: Vec::new(), recent: Vec::new(), milestones: Milestones::default() };
        Self { subject, state }
    }

    /// Goes on from a snapshot.
    pub fn resume(subject: Arc<Subject>, state: State) -> Self {
        Self { subject, state }
    }

    /// A snapshot.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The battery.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Hears a reading; `now` is the host's time, against which the reading's clock is judged.
    ///
    /// # Errors
    /// When the reading cannot be this battery's, or comes too late; nothing has changed then.
    pub fn observe(&mut self, now: Time, reading: &Reading) -> Result<Observed, Refusal> {
        let sample = reading::check(&self.subject, now, reading)?;
        let state = &mut self.state;
        if state.core.at().is_none_or(|last| sample.at > last) {
            let found = state.hear(&self.subject, sample);
            state.trim();
            return Ok(self.observed(Taken::InOrder, &found));
        }
        let place = state.recent.partition_point(|known| known.at < sample.at);
        if let Some(known) = state.recent.get(place)
            && known.at == sample.at
        {
            return if *known == sample {
                Ok(self.observed(Taken::Duplicate, &Found::default()))
            } else {
                Err(Refusal::Conflict { at_ms: sample.at.0 })
            };
        }
        let oldest = state.checkpoints.first().and_then(Core::at);
        if let Some(oldest) = oldest
            && sample.at <= oldest
        {
            return Err(Refusal::TooLate { at_ms: sample.at.0, back_to_ms: oldest.0 });
        }
        // Back to the last checkpoint before its place, and on from there.
        let first = state.checkpoints.first().map_or(0, |core| core.readings);
        while state.checkpoints.len() > 1
            && state.checkpoints.last().is_some_and(|core| (core.readings - first) as usize > place)
        {
            state.checkpoints.pop();
        }
        if let Some(core) = state.checkpoints.pop() {
            state.core = core;
        }
        let from = (state.core.readings - first) as usize;
        let mut again = state.recent.split_off(from);
        again.insert(place - from, sample);
        let mut own = Found::default();
        for (k, known) in again.iter().enumerate() {
            let found = state.hear(&self.subject, *known);
            if from + k == place {
                own = found;
            }
        }
        let later = again.len() - 1 - (place - from);
        state.trim();
        Ok(self.observed(Taken::Late { again: later as u32 }, &own))
    }

    fn observed(&self, taken: Taken, found: &Found) -> Observed {
        Observed::of(&self.subject, taken, found)
    }

    /// What is believed as of an instant, not before the last reading's; nothing before the first reading.
    pub fn estimate(&self, at: Time) -> Option<Estimate> {
        told(&self.state.core, &self.subject, at)
    }

    /// Health over time, as a forecast needs it: milestones, thinned out with age, and the present.
    pub fn history(&self) -> Vec<Milestone> {
        self.state.milestones.with(&self.state.core)
    }

    /// Recent use per day; nothing before the second reading.
    pub fn duty(&self) -> Option<Duty> {
        self.state.core.usage.duty()
    }
}

impl State {
    fn hear(&mut self, subject: &Subject, sample: Sample) -> Found {
        if self.core.readings.is_multiple_of(STRIDE) {
            self.checkpoints.push(self.core);
        }
        self.recent.push(sample);
        self.core.step(subject, &sample)
    }

    /// Lets go of what lies too far back. What is old enough can no longer change, and is remembered as a milestone.
    fn trim(&mut self) {
        while self.checkpoints.len() > CHECKPOINTS {
            self.checkpoints.remove(0);
            self.recent.drain(..STRIDE as usize);
            let Some(core) = self.checkpoints.first() else { return };
            self.milestones.take(core);
        }
    }
}
