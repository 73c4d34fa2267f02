//! Readings in whatever order: a window of recent ones with checkpoints, from which late ones are heard in their place.

use super::belief::{CAP, LNR, OFFSET, SOC, Terminal};
use super::core::{Core, Found};
use super::reading::{self, Reading, Refusal, Sample};
use super::usage::Duty;
use super::{Estimate, Prior, Subject};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A checkpoint is kept at every so many readings.
const STRIDE: u64 = 8;
/// So many are kept.
const CHECKPOINTS: usize = 4;
/// No state of charge is surer than this: what is full and what is empty differs between a cell and its curve. assumed.
const SOC_LEAST_STD: f64 = 0.005;
/// Milestones that are kept before every second one is dropped.
const MILESTONES: usize = 64;

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
    milestones: Vec<Milestone>,
    /// Days and cycles between milestones.
    spacing: f64,
}

/// Health as it was believed to be at some time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Milestone {
    /// When.
    pub at: Time,
    /// Days heard of until then.
    pub days: f64,
    /// Full equivalent cycles heard of until then.
    pub efc: f64,
    /// Capacity over rated.
    pub soh: f64,
    /// Its standard deviation.
    pub soh_std: f64,
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
            State { core, checkpoints: Vec::new(), recent: Vec::new(), milestones: Vec::new(), spacing: 1.0 };
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
        let series = f64::from(self.subject.layout.series);
        Observed {
            taken,
            innovation_v: found.surprise.map(|s| s.innovation * series),
            innovation_std_v: found.surprise.map(|s| s.std * series),
            gap_s: found.gap_s,
            placed: found.placed,
        }
    }

    /// What is believed as of an instant, not before the last reading's; nothing before the first reading.
    pub fn estimate(&self, at: Time) -> Option<Estimate> {
        let mut core = self.state.core;
        let last = core.last?;
        core.ahead(&self.subject, at);
        let subject = &self.subject;
        let cell = &*subject.cell;
        let (series, parallel) = (f64::from(subject.layout.series), f64::from(subject.layout.parallel));
        let belief = &core.belief;
        let rel = belief.x[LNR].exp();
        let current_a = last.current_a.unwrap_or(0.0);
        let temperature_c = core.heat.cell_c;
        let terminal = Terminal {
            voltage_v: 0.0,
            voltage_std_v: subject.sensors.voltage_std_v / series,
            current_a,
            current_std_a: subject.sensors.current_std_a / parallel,
            temperature_c,
        };
        let ahead = belief.surprise(cell, &terminal);
        Some(Estimate {
            at: at.max(last.at),
            heard: last.at,
            soc: belief.x[SOC].clamp(0.0, 1.0),
            soc_std: belief.std(SOC).hypot(SOC_LEAST_STD),
            soh: belief.x[CAP],
            soh_std: belief.std(CAP),
            resistance_ohm: cell.resistances(0.5, 25.0).r0 * rel * series / parallel,
            resistance_rel: rel,
            resistance_rel_std: rel * belief.std(LNR),
            temperature_c,
            temperature_std_k: core.heat.std_k(),
            voltage_v: series * belief.voltage_v(cell, current_a, temperature_c),
            voltage_std_v: series * ahead.std,
            current_offset_a: parallel * belief.x[OFFSET],
            cell_spread_v: last.cells.map(|cells| cells.1),
            efc: core.usage.efc,
            faults: core.monitors.faults(series, parallel),
        })
    }

    /// Health over time, as a forecast needs it: milestones, thinned out with age, and the present.
    pub fn history(&self) -> Vec<Milestone> {
        let mut history = self.state.milestones.clone();
        history.extend(milestone(&self.state.core));
        history
    }

    /// Recent use per day; nothing before the second reading.
    pub fn duty(&self) -> Option<Duty> {
        self.state.core.usage.duty()
    }
}

fn milestone(core: &Core) -> Option<Milestone> {
    let at = core.at()?;
    let (soh, soh_std) = (core.belief.x[CAP], core.belief.std(CAP));
    Some(Milestone { at, days: core.usage.days, efc: core.usage.efc, soh, soh_std })
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
            let Some(new) = milestone(core) else { return };
            let due = self
                .milestones
                .last()
                .is_none_or(|last| (new.days - last.days).max(new.efc - last.efc) >= self.spacing);
            if due {
                self.milestones.push(new);
            }
            if self.milestones.len() > MILESTONES {
                let mut k = 0;
                self.milestones.retain(|_| {
                    k += 1;
                    k % 2 == 1
                });
                self.spacing *= 2.0;
            }
        }
    }
}
