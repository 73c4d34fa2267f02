//! Health of lead-acid cells, which stand on float for years: from resistance, float current and discharges.
//!
//! | seen | told | how sure |
//! |---|---|---|
//! | rise of a meter's resistance | capacity by the make's own relation, 25 % up at 80 %, 50 % up at 55 % | makes and meters differ: 6 % |
//! | float current over that of a new block | gassing that doubles over the float life, and the loss that goes with it | 10 %, where the sensor can see it at all |
//! | a discharge from full to its end voltage | capacity at that rate over that of a new block | 3 % |
//! | a discharge from full that ended before | at least so much | 3 %, one-sided |
//!
//! On charge a part of the current makes gas and is not stored; above the open-circuit voltage of a full cell the
//! voltage tells of the charger, not of the charge, and is not heard. An hour on float at a small current means full.
//! Relations and figures are those of [`super::super::lead_acid`].

use super::super::lead_acid::block::{BlockModel, BlockState, BlockTraits};
use super::belief::{Belief, CAP, LNR, SOC};
use super::reading::Sample;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Health over the resistance relative to new, in the middle of what the make's wear gives.
const RESISTANCE_REL: [f64; 5] = [1.0, 1.08, 1.25, 1.5, 2.0];
const HEALTH: [f64; 5] = [1.0, 0.93, 0.8, 0.55, 0.3];
/// Deviation of a health told by resistance, by float and by a discharge. assumed.
const BY_RESISTANCE: f64 = 0.06;
const BY_FLOAT: f64 = 0.10;
const BY_DISCHARGE: f64 = 0.03;
/// Deviation of ln R as a meter shows it: makes differ and meters are loaded by frequency. assumed.
const METER_LN: f64 = 0.08;
/// The same evidence counts again after so many days, when the battery has had time to change.
const AGAIN_DAYS: f64 = 30.0;
/// Rates between which a battery is on float, and from which it carries a load [1/h].
const FLOAT_C: f64 = 0.01;
const LOAD_C: f64 = 0.03;
/// A cell is full after so long on float [s].
const FULL_S: f64 = 3600.0;

/// What is remembered between readings.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    floating_s: f64,
    /// Charge and time of the discharge under way from full, in rated capacity and seconds.
    given: Option<(f64, f64)>,
    heard_resistance: Option<Time>,
    heard_float: Option<Time>,
    heard_meter: Option<Time>,
    /// Largest health that an unfinished discharge has proved.
    proved: f64,
}

/// Share of a charging current that is stored [A, per cell].
pub(super) fn stored_a(block: &BlockModel, current_a: f64, voltage_v: f64, temperature_c: f64) -> f64 {
    if current_a >= 0.0 {
        return current_a;
    }
    (current_a + block.float_current_a(voltage_v, temperature_c)).min(0.0)
}

/// Whether a voltage tells of the charger rather than of the charge.
pub(super) fn on_charger(block: &BlockModel, sample: &Sample) -> bool {
    sample.voltage_v > block.shepherd.open_v(0.0) + 0.02
}

impl Memory {
    /// Hears a reading after the filter did.
    pub(super) fn hear(
        &mut self,
        block: &BlockModel,
        sample: &Sample,
        dt_s: f64,
        temperature_c: f64,
        current_std_a: f64,
        belief: &mut Belief,
    ) {
        let Some(current_a) = sample.current_a else { return };
        let c_rate = current_a / block.rated_ah;
        let floating =
            on_charger(block, sample) && c_rate.abs() < FLOAT_C.max(3.0 * current_std_a / block.rated_ah);
        self.floating_s = if floating { self.floating_s + dt_s } else { 0.0 };
        if self.floating_s > FULL_S {
            belief.see(SOC, 1.0, 0.02);
            self.hear_float(block, sample, temperature_c, current_a, current_std_a, belief);
        }
        self.hear_load(block, sample, dt_s, c_rate, temperature_c, belief);
        if let Some(ohm) = sample.resistance_ohm
            && ohm > 0.0
            && due(&mut self.heard_meter, sample.at)
        {
            let new = block.resistance_ohm(&BlockState::new(block, BlockTraits::default(), temperature_c))
                / f64::from(block.cells);
            belief.see(LNR, (ohm / new).ln().clamp(-1.0, 2.0), METER_LN);
        }
        if self.heard_meter.is_some() && due(&mut self.heard_resistance, sample.at) {
            let rel = belief.x[LNR].exp();
            let health = super::super::circuit::interpolate(&RESISTANCE_REL, &HEALTH, rel);
            let slope = 0.9 * rel * belief.std(LNR);
            consider(belief, health, BY_RESISTANCE.hypot(slope));
        }
    }

    fn hear_float(
        &mut self,
        block: &BlockModel,
        sample: &Sample,
        temperature_c: f64,
        current_a: f64,
        current_std_a: f64,
        belief: &mut Belief,
    ) {
        let new_a = block.float_current_a(sample.voltage_v, temperature_c);
        // After a day on float nothing but gas takes the current.
        if self.floating_s < 86_400.0 || new_a < 3.0 * current_std_a || !due(&mut self.heard_float, sample.at)
        {
            return;
        }
        let aged = (block.shepherd.gassing.aged_factor - 1.0).max(0.1);
        let used = ((-current_a / new_a - 1.0) / aged).clamp(0.0, 1.5);
        let health = 1.0 - 0.2 * used.powf(3.5);
        consider(belief, health, BY_FLOAT);
    }

    fn hear_load(
        &mut self,
        block: &BlockModel,
        sample: &Sample,
        dt_s: f64,
        c_rate: f64,
        temperature_c: f64,
        belief: &mut Belief,
    ) {
        if c_rate < LOAD_C {
            if let Some((given, seconds)) = self.given.take()
                && given > 0.1
            {
                self.prove(block, given, seconds, temperature_c, belief);
            }
            return;
        }
        let full = belief.x[SOC] > 0.97 && belief.std(SOC) < 0.06;
        if self.given.is_none() && !full {
            return;
        }
        let (given, seconds) = self.given.unwrap_or_default();
        let now = (given + c_rate * dt_s / 3600.0, seconds + dt_s);
        self.given = Some(now);
        if sample.voltage_v <= block.rates.end_voltage_v(c_rate) && now.0 > 0.1 {
            self.given = None;
            let health = now.0 / of_new(block, now, temperature_c);
            consider(belief, health, BY_DISCHARGE);
            self.proved = 0.0;
        }
    }

    /// A discharge that ended before the battery did says what it can at least.
    fn prove(
        &mut self,
        block: &BlockModel,
        given: f64,
        seconds: f64,
        temperature_c: f64,
        belief: &mut Belief,
    ) {
        let least = given / of_new(block, (given, seconds), temperature_c);
        if least > belief.x[CAP] && least > self.proved {
            self.proved = least;
            consider(belief, least, BY_DISCHARGE);
        }
    }
}

/// Capacity of a new block at the mean rate of a discharge, over rated.
fn of_new(block: &BlockModel, (given, seconds): (f64, f64), temperature_c: f64) -> f64 {
    let new = BlockState::new(block, BlockTraits::default(), temperature_c);
    let c_rate = (given * 3600.0 / seconds.max(1.0)).max(1e-3);
    block.capacity_at(&new, c_rate, None).max(0.05)
}

/// Corrects the capacity alone, which nothing else tells of these cells.
fn consider(belief: &mut Belief, health: f64, std: f64) {
    let (mean, before) = (belief.x[CAP], belief.std(CAP));
    belief.forget(CAP, mean, before);
    belief.see(CAP, health.clamp(0.1, 1.3), std);
}

/// Whether evidence of a kind may be heard again.
fn due(heard: &mut Option<Time>, at: Time) -> bool {
    let due = heard.is_none_or(|before| at.days_since(before) >= AGAIN_DAYS);
    if due {
        *heard = Some(at);
    }
    due
}
