//! One battery followed through readings that come in order of time: small, whole in itself, a function of them alone.
//!
//! A host that keeps every reading goes back by itself when one comes late, and holds a hundred thousand of these.

use super::belief::{CAP, LNR, OFFSET, SOC, Terminal};
use super::core::Core;
use super::milestones::{Milestone, Milestones};
use super::reading::{self, Reading, Refusal};
use super::usage::Duty;
use super::window::{Observed, Taken};
use super::{Estimate, Guess, Prior, Subject};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// No state of charge is surer than this: what is full and what is empty differs between a cell and its curve. assumed.
const SOC_LEAST_STD: f64 = 0.005;

/// What is known of one battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    core: Core,
    milestones: Milestones,
}

impl Track {
    /// Knows only the prior.
    pub fn new(subject: &Subject, prior: &Prior) -> Self {
        Self { core: Core::new(subject, prior), milestones: Milestones::default() }
    }

    /// Hears a reading that is later than all before.
    ///
    /// # Errors
    /// When it cannot be this battery's, or is not later; nothing has changed then.
    pub fn observe(&mut self, subject: &Subject, reading: &Reading) -> Result<Observed, Refusal> {
        let sample = reading::check(subject, reading.at, reading)?;
        if let Some(last) = self.core.at()
            && sample.at <= last
        {
            return Err(Refusal::TooLate { at_ms: sample.at.0, back_to_ms: last.0 });
        }
        let found = self.core.step(subject, &sample);
        self.milestones.take(&self.core);
        Ok(Observed::of(subject, Taken::InOrder, &found))
    }

    /// Takes a capacity over rated that somebody measured: it counts more than what was believed.
    pub fn examined(&mut self, at: Time, soh: Guess) {
        self.core.examined(at, soh);
        if self.core.at().is_some() {
            self.milestones.take(&self.core);
        }
    }

    /// Instant of the last reading.
    pub fn at(&self) -> Option<Time> {
        self.core.at()
    }

    /// What is believed as of an instant, not before the last reading's; nothing before the first reading.
    pub fn estimate(&self, subject: &Subject, at: Time) -> Option<Estimate> {
        told(&self.core, subject, at)
    }

    /// State of charge as of the last reading.
    pub fn soc(&self) -> Guess {
        soc(&self.core)
    }

    /// Capacity over rated as of the last reading.
    pub fn soh(&self) -> Guess {
        Guess { mean: self.core.belief.x[CAP], std: self.core.belief.std(CAP) }
    }

    /// Resistance over that of a new battery as of the last reading.
    pub fn resistance_rel(&self) -> Guess {
        let mean = self.core.belief.x[LNR].exp();
        Guess { mean, std: mean * self.core.belief.std(LNR) }
    }

    /// Sensors that do not tell the truth, as of the last reading.
    pub fn faults(&self, subject: &Subject) -> smallvec::SmallVec<[super::SensorFault; 2]> {
        self.core.monitors.faults(subject.series, subject.parallel)
    }

    /// Whether a sensor is known not to tell the truth.
    pub fn is_faulty(&self, sensor: super::Sensor) -> bool {
        self.core.monitors.is_faulty(sensor)
    }

    /// Health over time, and the present.
    pub fn history(&self) -> Vec<Milestone> {
        self.milestones.with(&self.core)
    }

    /// Days heard of.
    pub fn days(&self) -> f64 {
        self.core.usage.days
    }

    /// Recent use per day; nothing before the second reading.
    pub fn duty(&self) -> Option<Duty> {
        self.core.usage.duty()
    }
}

fn soc(core: &Core) -> Guess {
    Guess { mean: core.belief.x[SOC].clamp(0.0, 1.0), std: core.belief.std(SOC).hypot(SOC_LEAST_STD) }
}

/// What is believed as of an instant, not before the last reading's.
pub(super) fn told(core: &Core, subject: &Subject, at: Time) -> Option<Estimate> {
    let mut core = *core;
    let last = core.last?;
    core.ahead(subject, at);
    let cell = &*subject.cell;
    let (series, parallel) = (subject.series, subject.parallel);
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
    let soc = soc(&core);
    Some(Estimate {
        at: at.max(last.at),
        heard: last.at,
        soc: soc.mean,
        soc_std: soc.std,
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
