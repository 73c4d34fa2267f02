//! One reading after another: the whole of what an estimator knows at one instant, and the step to the next.
//!
//! A step is a function of what was known and of the reading alone, so that replaying readings in order of time gives
//! the same state, whatever the order they came in.

use super::belief::{Belief, CAP, LNR, SOC, Span, Surprise, Terminal};
use super::faults::{Context, Monitors};
use super::heat::Heat;
use super::reading::Sample;
use super::usage::Usage;
use super::{Guess, Prior, Subject, lead_acid, start};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// A silence is a gap when it lasts longer than this [s] and than so many usual intervals.
const GAP_S: f64 = 120.0;
const GAP_INTERVALS: f64 = 8.0;
/// Rate below which a battery rests [1/h].
const REST_C: f64 = 0.02;
/// Deviation of a current that nobody measured, in rates [1/h]: under load, and while the voltage stands still. assumed.
const UNKNOWN_C: f64 = 0.3;
const UNKNOWN_AT_REST_C: f64 = 0.02;
/// So many outliers in a row mean that the filter has lost the battery, not that the sensor is wrong.
const LOST_READINGS: u32 = 8;
/// Deviation of a claimed health, and days after which a claim counts again: it is one opinion. assumed.
const SOH_CLAIM_STD: f64 = 0.05;
const SOH_CLAIM_DAYS: f64 = 30.0;
/// A state of charge that is vaguer than this is placed anew by the next voltage.
const VAGUE_SOC: f64 = 0.08;

/// What is known at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Core {
    /// Readings that have been heard.
    pub(super) readings: u64,
    pub(super) belief: Belief,
    pub(super) heat: Heat,
    pub(super) last: Option<Sample>,
    /// Usual time between readings [s].
    pub(super) interval_s: f64,
    /// Temperatures as heat and air alone would have them, the cells' own sensor not heard.
    pub(super) open: Heat,
    /// Outliers in a row.
    pub(super) outliers: u32,
    pub(super) monitors: Monitors,
    pub(super) usage: Usage,
    pub(super) lead: lead_acid::Memory,
    /// When a claimed health was heard last.
    claimed: Option<Time>,
}

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Found {
    pub(super) surprise: Option<Surprise>,
    pub(super) gap_s: Option<f64>,
    pub(super) placed: bool,
}

impl Core {
    pub(super) fn new(subject: &Subject, prior: &Prior) -> Self {
        let offset_std_a = subject.sensors.current_offset_std_a / subject.parallel;
        Self {
            readings: 0,
            belief: start::unknown(&subject.cell, prior, offset_std_a),
            heat: Heat::unknown(),
            last: None,
            interval_s: 0.0,
            open: Heat::unknown(),
            outliers: 0,
            monitors: Monitors::default(),
            usage: Usage::default(),
            lead: lead_acid::Memory::default(),
            claimed: None,
        }
    }

    /// Instant of the last reading.
    pub(super) fn at(&self) -> Option<Time> {
        self.last.map(|sample| sample.at)
    }

    /// The current of a sample where its sensor is to be trusted, and its deviation [A, per cell].
    fn current(&self, subject: &Subject, sample: &Sample, voltage_moves: bool) -> (f64, f64) {
        let rated_ah = subject.cell.file.cell.capacity_ah;
        match sample.current_a {
            Some(current_a) if !self.monitors.current_stuck() => {
                (current_a, subject.sensors.current_std_a / subject.parallel)
            }
            _ if voltage_moves => (0.0, UNKNOWN_C * rated_ah),
            _ => (0.0, UNKNOWN_AT_REST_C * rated_ah),
        }
    }

    fn carry(&mut self, subject: &Subject, dt_s: f64, current_a: f64, current_std_a: f64) {
        let cell = &*subject.cell;
        let temperature_c = self.heat.cell_c;
        let soc = self.belief.x[SOC].clamp(0.0, 1.0);
        let ohm = cell.resistances_under(soc, temperature_c, current_a);
        let polarised_v = self.belief.x[1] + self.belief.x[2];
        let heat_w = current_a * (current_a * ohm.r0 * self.belief.x[LNR].exp() + polarised_v);
        self.heat.ahead(&subject.thermal, dt_s, heat_w.max(0.0));
        self.open.ahead(&subject.thermal, dt_s, heat_w.max(0.0));
        let span =
            Span { dt_s, current_a, current_std_a, temperature_c: 0.5 * (temperature_c + self.heat.cell_c) };
        self.belief.ahead(cell, &span);
    }

    /// Carries what is known on to a later instant without a reading.
    pub(super) fn ahead(&mut self, subject: &Subject, to: Time) {
        let Some(last) = self.last else { return };
        let dt_s = to.seconds_since(last.at);
        if dt_s <= 0.0 {
            return;
        }
        let rated_ah = subject.cell.file.cell.capacity_ah;
        let (current_a, std_a) = self.current(subject, &last, true);
        let silent = dt_s > self.gap_s();
        let resting = current_a.abs() < REST_C * rated_ah;
        let (current_a, std_a) = match (silent, resting) {
            (false, _) => (current_a, std_a.hypot(0.3 * current_a)),
            (true, true) => (0.0, std_a.hypot(UNKNOWN_AT_REST_C * rated_ah)),
            (true, false) => (0.0, std_a.hypot(UNKNOWN_C * rated_ah)),
        };
        self.carry(subject, dt_s, current_a, std_a);
    }

    fn gap_s(&self) -> f64 {
        GAP_S.max(GAP_INTERVALS * self.interval_s)
    }

    /// Takes a capacity over rated that somebody measured.
    pub(super) fn examined(&mut self, at: Time, soh: Guess) {
        self.claimed = Some(at);
        self.belief.forget(CAP, soh.mean, soh.std);
    }

    /// Hears a reading that is later than all before it.
    pub(super) fn step(&mut self, subject: &Subject, sample: &Sample) -> Found {
        let cell = &*subject.cell;
        let rated_ah = cell.file.cell.capacity_ah;
        let sensors = &subject.sensors;
        let voltage_std_v = sensors.voltage_std_v / subject.series * self.monitors.noise_factor();
        let before = self.last;
        let step_v = before.map(|last| sample.voltage_v - last.voltage_v);
        let moves = step_v.is_none_or(|v| v.abs() > 2.0 * voltage_std_v);
        let (current_a, current_std_a) = self.current(subject, sample, moves);
        let mut found = Found::default();
        let mut warming_k = 0.0;
        let mut span = None;

        if let Some(last) = before {
            let dt_s = sample.at.seconds_since(last.at);
            let (current_before_a, _) = self.current(subject, &last, moves);
            let step_a = current_a - current_before_a;
            let mut mean_a = 0.5 * (current_a + current_before_a);
            // Between two samples the current is somewhere between them, more or less.
            let mut mean_std_a = current_std_a.hypot(0.25 * step_a);
            if dt_s > self.gap_s() {
                found.gap_s = Some(dt_s);
                let resting = current_a.abs().max(current_before_a.abs()) < REST_C * rated_ah;
                let moved = step_v.is_some_and(|v| v.abs() > 0.02);
                if !resting || moved {
                    mean_a *= (-dt_s / 3600.0).exp();
                    mean_std_a = mean_std_a.hypot(UNKNOWN_C * rated_ah).hypot(0.5 * step_a);
                } else {
                    mean_std_a = mean_std_a.hypot(UNKNOWN_AT_REST_C * rated_ah);
                }
                self.monitors.silence();
            }
            // The first interval is taken for the usual one; a longer one counts with time, a single gap hardly.
            self.interval_s = if self.interval_s == 0.0 {
                dt_s
            } else if found.gap_s.is_some() {
                (1.3 * self.interval_s).min(dt_s)
            } else {
                self.interval_s + 0.1 * (dt_s - self.interval_s)
            };
            let (cold_c, open_c) = (self.heat.cell_c, self.open.cell_c);
            if let Some(block) = &subject.lead {
                mean_a =
                    lead_acid::stored_a(block, mean_a, 0.5 * (last.voltage_v + sample.voltage_v), cold_c);
                let (mean, std) = (self.belief.x[CAP], self.belief.std(CAP));
                self.belief.forget(CAP, mean, std);
            }
            self.carry(subject, dt_s, mean_a, mean_std_a);
            warming_k = self.open.cell_c - open_c;
            span = Some((dt_s, mean_a));
        } else if let Some(temperature_c) = sample.temperature_c.or(sample.ambient_c) {
            self.heat.see_cell(temperature_c, 1.0);
            self.open.see_cell(temperature_c, 1.0);
        }

        if let Some(ambient_c) = sample.ambient_c {
            self.heat.see_air(ambient_c, 1.0);
            self.open.see_air(ambient_c, 1.0);
        }
        let context = Context {
            cell,
            belief: &self.belief,
            expected_v: self.belief.voltage_v(cell, current_a, self.heat.cell_c),
            voltage_std_v,
            step_v,
            open: sample.ambient_c.map(|_| (self.open.cell_c, self.open.air_c)),
            warming_k,
        };
        self.monitors.hear(sample, &context);
        if let Some(temperature_c) = sample.temperature_c
            && !self.monitors.temperature_wrong()
        {
            self.heat.see_cell(temperature_c, sensors.temperature_std_k);
        }

        // A current that changes between two samples was not quite that of the voltage's moment.
        let unsteady_a = span.map_or(0.0, |_| {
            before.map_or(0.0, |last| 0.15 * (current_a - last.current_a.unwrap_or(current_a)))
        });
        let terminal = Terminal {
            voltage_v: sample
                .cells
                .filter(|_| self.monitors.voltage_off())
                .map_or(sample.voltage_v, |cells| sample.voltage_v + cells.0),
            voltage_std_v,
            current_a,
            current_std_a: current_std_a.hypot(unsteady_a),
            temperature_c: self.heat.cell_c,
        };
        let mut seen = None;
        let on_charger = subject.lead.as_ref().is_some_and(|block| lead_acid::on_charger(block, sample));
        if !self.monitors.voltage_stuck() && !on_charger {
            let vague = self.belief.std(SOC) > VAGUE_SOC;
            let surprise = self.belief.surprise(cell, &terminal);
            self.outliers = if surprise.sigmas() > 5.0 { self.outliers + 1 } else { 0 };
            let lost = self.outliers >= LOST_READINGS;
            found.surprise = Some(surprise);
            let resistance = (self.belief.x[LNR], self.belief.std(LNR));
            if before.is_none() || vague || lost {
                if lost {
                    let mean = self.belief.x[SOC];
                    self.belief.forget(SOC, mean, 0.3);
                    self.outliers = 0;
                }
                start::place(&mut self.belief, cell, &terminal);
                found.placed = true;
                // Lost it may be because the voltage stands still.
                if !lost {
                    self.monitors.placed();
                }
            } else {
                self.belief.see_voltage(cell, &terminal);
            }
            if subject.lead.is_some() {
                // The circuit follows such a cell too loosely for its drop to tell the resistance; a meter does.
                self.belief.forget(LNR, resistance.0, resistance.1);
            }
            let noise_v = voltage_std_v / self.monitors.noise_factor();
            seen = (!found.placed).then_some((surprise, noise_v));
        }
        if let Some(soc) = sample.soc
            && !self.monitors.soc_wrong()
        {
            // Successive claims are one opinion: heard the less, the more often they come.
            let per = (self.interval_s / 600.0).clamp(1e-3, 1.0).sqrt();
            self.belief.see(SOC, soc, sensors.soc_std / per);
        }
        if let Some(soh) = sample.soh
            && self.claimed.is_none_or(|before| sample.at.days_since(before) >= SOH_CLAIM_DAYS)
        {
            self.claimed = Some(sample.at);
            if self.readings == 0 {
                // Before anything was learnt the electronics know the battery better than a prior does.
                self.belief.forget(CAP, soh, SOH_CLAIM_STD);
            } else {
                self.belief.see(CAP, soh, SOH_CLAIM_STD);
            }
        }
        if let Some(block) = &subject.lead {
            let dt_s = span.map_or(0.0, |(dt_s, _)| if found.gap_s.is_some() { 0.0 } else { dt_s });
            let (cell_c, std_a) = (self.heat.cell_c, sensors.current_std_a / subject.parallel);
            self.lead.hear(block, sample, dt_s, cell_c, std_a, &mut self.belief);
        }
        self.monitors.conclude(sample, &self.belief, seen, rated_ah);
        if let Some((dt_s, mean_a)) = span {
            self.usage.add(dt_s, mean_a / rated_ah, self.belief.x[SOC], self.heat.cell_c);
        }
        self.last = Some(*sample);
        self.readings += 1;
        found
    }
}
