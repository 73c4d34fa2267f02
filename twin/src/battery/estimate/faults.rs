//! Sensors that do not tell the truth, and since when.
//!
//! | fault | how it shows |
//! |---|---|
//! | voltage stuck | the same figure to the bit, while the expected voltage moves |
//! | current stuck | the same figure to the bit, while the voltage jumps as under changing loads |
//! | temperature stuck | the same figure, while heat and air should have moved it |
//! | state of charge stuck | the same claim, while the estimate moves |
//! | current off | the filter's own state: charge counted against charge seen in the voltage |
//! | voltage off | the pack's voltage is not the sum of its cells' |
//! | temperature off | it stays far from what heat and the air's sensor make of it |
//! | state of charge off | the claim stays far from a sure estimate |
//! | voltage noisy | it scatters from reading to reading far more than the sensor should |
//!
//! A stuck sensor is not heard until it moves again, a claim that is off not until it agrees.

use super::super::circuit::CellModel;
use super::belief::{Belief, OFFSET, SOC, Surprise};
use super::reading::Sample;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sensor {
    /// Voltage at the terminals.
    Voltage,
    /// Current.
    Current,
    /// Temperature of the cells.
    Temperature,
    /// The electronics' claim of the state of charge.
    StateOfCharge,
}

/// What is wrong with a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Wrong {
    /// It shows the same whatever happens.
    Stuck {
        /// What it shows, in its unit, per pack.
        shows: f64,
    },
    /// It is off by about so much.
    Off {
        /// Shown less true, in its unit, per pack.
        by: f64,
    },
    /// It scatters.
    Noisy {
        /// Standard deviation, in its unit, per pack.
        std: f64,
    },
}

/// A sensor that does not tell the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SensorFault {
    /// Which.
    pub sensor: Sensor,
    /// How.
    pub wrong: Wrong,
    /// Since when, as far as can be told.
    pub since: Time,
}

/// Readings of one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Run {
    value: f64,
    since: Time,
    count: u32,
    /// Range of what should have moved the sensor.
    low: f64,
    high: f64,
    /// Jumps of the voltage up and down meanwhile.
    jumps: [u32; 2],
    stuck: bool,
}

impl Run {
    fn of(value: f64, since: Time, driver: f64) -> Self {
        Self { value, since, count: 1, low: driver, high: driver, jumps: [0; 2], stuck: false }
    }

    /// Goes on with another reading.
    fn follow(run: &mut Option<Run>, value: f64, at: Time, driver: f64) -> &mut Run {
        let run = run.get_or_insert_with(|| Run { count: 0, ..Run::of(value, at, driver) });
        if run.value == value {
            run.count += 1;
            run.low = run.low.min(driver);
            run.high = run.high.max(driver);
        } else {
            *run = Run::of(value, at, driver);
        }
        run
    }
}

/// Something that has to last.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Streak {
    since: Time,
    count: u32,
    size: f64,
    named: bool,
}

impl Streak {
    fn follow(&mut self, is: bool, at: Time, size: f64, least: u32) {
        if !is {
            *self = Self::default();
            return;
        }
        if self.count == 0 {
            self.since = at;
        }
        self.count = self.count.saturating_add(1);
        self.size = size;
        self.named = self.count >= least;
    }
}

/// What the monitors remember.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Monitors {
    voltage: Option<Run>,
    current: Option<Run>,
    temperature: Option<Run>,
    soc: Option<Run>,
    /// Temperature that the run's first reading would have become [°C].
    open_c: f64,
    current_off: Streak,
    voltage_off: Streak,
    temperature_off: Streak,
    soc_off: Streak,
    noisy: Streak,
    /// Mean square of the scatter between readings over what the sensor should have.
    scatter: f64,
    last_innovation: Option<f64>,
    last_current_a: Option<f64>,
    last_quiet: bool,
}

/// Least readings of one value before a sensor may be called stuck.
const STUCK_READINGS: u32 = 5;

/// What the monitors need to know beside a reading.
pub(super) struct Context<'a> {
    pub(super) cell: &'a CellModel,
    pub(super) belief: &'a Belief,
    /// Voltage expected with the present current [V, per cell].
    pub(super) expected_v: f64,
    pub(super) voltage_std_v: f64,
    /// Change of voltage since the reading before [V].
    pub(super) step_v: Option<f64>,
    /// How heat and air alone would have changed the cells' temperature [K].
    pub(super) warming_k: f64,
    /// Where an ambient sensor is heard: what it and the heat alone make of cells and air [°C].
    pub(super) open: Option<(f64, f64)>,
}

impl Monitors {
    /// Hears a reading before the filter does.
    pub(super) fn hear(&mut self, sample: &Sample, context: &Context<'_>) {
        let rated_ah = context.cell.file.cell.capacity_ah;
        let charging = sample.current_a.is_some_and(|a| a < 0.0);
        let run = Run::follow(&mut self.voltage, sample.voltage_v, sample.at, context.expected_v);
        // A charger holds its voltage while the current falls: only a large move tells there.
        let least_v = if charging { 0.15 } else { (6.0 * context.voltage_std_v).max(0.02) };
        run.stuck |= run.count >= STUCK_READINGS && run.high - run.low > least_v;

        if let Some(current_a) = sample.current_a {
            let run = Run::follow(&mut self.current, current_a, sample.at, 0.0);
            let r0 = context.cell.resistances(context.belief.x[SOC].clamp(0.0, 1.0), 25.0).r0;
            let jump_v = (8.0 * context.voltage_std_v).max(0.2 * rated_ah * r0);
            // Both what was seen and what was not expected of it; a charge from empty rises fast, but does not fall.
            if let Some(step_v) = context.step_v
                && run.count > 1
                && step_v.abs() > jump_v
                && (sample.voltage_v - context.expected_v).abs() > jump_v
            {
                run.jumps[usize::from(step_v < 0.0)] += 1;
            }
            let [up, down] = run.jumps;
            run.stuck |= run.count >= STUCK_READINGS && up.min(down) >= 1 && up + down >= 3;
        }

        if let Some(temperature_c) = sample.temperature_c {
            let fresh = self.temperature.is_none_or(|run| run.value != temperature_c);
            self.open_c = if fresh { temperature_c } else { self.open_c + context.warming_k };
            let run = Run::follow(&mut self.temperature, temperature_c, sample.at, self.open_c);
            run.stuck |= run.count >= 2 * STUCK_READINGS
                && (run.high - temperature_c).max(temperature_c - run.low) > 4.0;
            let off_k = context.open.map_or(0.0, |(cell_c, _)| temperature_c - cell_c);
            // The heat path is assumed: what it makes of its own heat is trusted to a third.
            let allowed_k =
                context.open.map_or(f64::INFINITY, |(cell_c, air_c)| 6.0 + 0.7 * (cell_c - air_c).abs());
            self.temperature_off.follow(off_k.abs() > allowed_k, sample.at, off_k, 60);
        }

        if let Some(soc) = sample.soc {
            let believed = context.belief.x[SOC];
            // An estimate that is still finding its place moves without the battery.
            if context.belief.std(SOC) > 0.03 {
                self.soc = None;
            }
            let run = Run::follow(&mut self.soc, soc, sample.at, believed);
            run.stuck |= run.count >= STUCK_READINGS && run.high - run.low > 0.1;
            let off = soc - believed;
            let allowed = (4.0 * context.belief.std(SOC).hypot(0.03)).max(0.12);
            self.soc_off.follow(off.abs() > allowed, sample.at, off, 20);
        }

        if let Some((off_v, _)) = sample.cells {
            // The pack's voltage less that of its cells.
            let off_v = -off_v;
            let allowed_v = (5.0 * context.voltage_std_v).max(0.01);
            self.voltage_off.follow(off_v.abs() > allowed_v, sample.at, off_v, STUCK_READINGS);
        }
    }

    /// Hears how a voltage compared, and where the filter has come to.
    pub(super) fn conclude(
        &mut self,
        sample: &Sample,
        belief: &Belief,
        seen: Option<(Surprise, f64)>,
        rated_ah: f64,
    ) {
        // Only a small and steady current tells the sensor's scatter from the model's errors.
        let quiet = sample.current_a.zip(self.last_current_a).is_some_and(|(now, before)| {
            now.abs() < 0.1 * rated_ah && (now - before).abs() < 0.02 * rated_ah
        });
        let both = quiet && self.last_quiet;
        (self.last_current_a, self.last_quiet) = (sample.current_a, quiet);
        let last =
            std::mem::replace(&mut self.last_innovation, seen.map(|(surprise, _)| surprise.innovation));
        if let Some((surprise, noise_v)) = seen
            && let Some(last) = last
            && both
        {
            let scatter = (surprise.innovation - last).powi(2) / (2.0 * noise_v * noise_v);
            self.scatter += (scatter.min(100.0) - self.scatter) / 32.0;
            let level = if self.noisy.named { 3.0 } else { 6.0 };
            self.noisy.follow(self.scatter > level, sample.at, noise_v * self.scatter.sqrt(), 10);
        }
        let (offset_a, std_a) = (belief.x[OFFSET], belief.std(OFFSET));
        let least_a = (if self.current_off.named { 2.0 } else { 4.0 } * std_a).max(0.005 * rated_ah);
        self.current_off.follow(offset_a.abs() > least_a, sample.at, offset_a, 3);
    }

    /// By how much the voltage scatters more than its sensor should, as a factor not below 1.
    pub(super) fn noise_factor(&self) -> f64 {
        if self.noisy.named { self.scatter.max(1.0).sqrt() } else { 1.0 }
    }

    /// What was expected before a battery was placed is no measure of a voltage that stands still: a sensor that shows
    /// steps of 0.1 V at rest is sound.
    pub(super) fn placed(&mut self) {
        self.voltage = self.voltage.filter(|run| run.stuck);
    }

    /// After a silence runs begin anew: what moved meanwhile nobody saw.
    pub(super) fn silence(&mut self) {
        self.temperature = None;
        self.soc = None;
    }

    pub(super) fn voltage_off(&self) -> bool {
        self.voltage_off.named
    }

    pub(super) fn voltage_stuck(&self) -> bool {
        self.voltage.is_some_and(|run| run.stuck)
    }

    pub(super) fn current_stuck(&self) -> bool {
        self.current.is_some_and(|run| run.stuck)
    }

    pub(super) fn temperature_wrong(&self) -> bool {
        self.temperature.is_some_and(|run| run.stuck) || self.temperature_off.named
    }

    pub(super) fn soc_wrong(&self) -> bool {
        self.soc.is_some_and(|run| run.stuck) || self.soc_off.named
    }

    /// Whether anything is wrong with a sensor.
    pub(super) fn is_faulty(&self, sensor: Sensor) -> bool {
        match sensor {
            Sensor::Voltage => self.voltage_stuck() || self.voltage_off.named || self.noisy.named,
            Sensor::Current => self.current_stuck() || self.current_off.named,
            Sensor::Temperature => self.temperature_wrong(),
            Sensor::StateOfCharge => self.soc_wrong(),
        }
    }

    /// Faults as of now, in the pack's units.
    pub(super) fn faults(&self, series: f64, parallel: f64) -> SmallVec<[SensorFault; 2]> {
        let mut faults = SmallVec::new();
        let stuck = |sensor, run: &Option<Run>, scale: f64| {
            run.filter(|run| run.stuck).map(|run| SensorFault {
                sensor,
                wrong: Wrong::Stuck { shows: run.value * scale },
                since: run.since,
            })
        };
        let off = |sensor, streak: &Streak, scale: f64| {
            streak.named.then_some(SensorFault {
                sensor,
                wrong: Wrong::Off { by: streak.size * scale },
                since: streak.since,
            })
        };
        faults.extend(stuck(Sensor::Voltage, &self.voltage, series));
        faults.extend(off(Sensor::Voltage, &self.voltage_off, series));
        if self.noisy.named {
            let wrong = Wrong::Noisy { std: self.noisy.size * series };
            faults.push(SensorFault { sensor: Sensor::Voltage, wrong, since: self.noisy.since });
        }
        faults.extend(stuck(Sensor::Current, &self.current, parallel));
        faults.extend(off(Sensor::Current, &self.current_off, parallel));
        faults.extend(stuck(Sensor::Temperature, &self.temperature, 1.0));
        faults.extend(off(Sensor::Temperature, &self.temperature_off, 1.0));
        faults.extend(stuck(Sensor::StateOfCharge, &self.soc, 1.0));
        faults.extend(off(Sensor::StateOfCharge, &self.soc_off, 1.0));
        faults
    }
}
