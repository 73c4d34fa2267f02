//! A battery from what it reports: state of charge, health and resistance, with how sure each is.
//!
//! ```text
//!  charge counted   s' = s − I·Δt/(3600·Q·q)            σ'² = σ² + (1 % of what moved)² + drift
//!  at rest          s  ← s + k·(U⁻¹(V) − s)             k = σ²/(σ² + σ_U²)
//!  as reported      the device's own state of charge, taken as a sight with 5 % deviation
//!  health           charge between two rests over the change of state of charge, or as reported
//!  resistance       −ΔV/ΔI at a step of the current, over that of a new cell
//! ```
//!
//! Sources: charge counting and correction at rest as in Plett, *Battery Management Systems*, vol. 2 (2015), ch. 3; the
//! open-circuit curve and resistances are the chemistry's. Limits: without rests and without a reported state of charge
//! the deviation only grows; flat curves (LFP) correct little, and say so in their deviation. Hysteresis is ignored at
//! rest. Everything of one estimator is [`Belief::observe`], [`Belief::estimate`] and `figure`: another one
//! goes in here.

use super::Row;
use crate::battery::circuit::CellModel;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Deviation of a state of charge that a device reports. assumed: no figure for devices in general.
const REPORTED_SOC_STD: f64 = 0.05;
/// Deviation of a first guess from the voltage under load.
const FIRST_SOC_STD: f64 = 0.15;
/// Nothing known: the deviation of an even distribution over 0 to 1.
const UNKNOWN_SOC_STD: f64 = 0.29;
/// Share of the counted charge that is wrong.
const COUNT_ERROR: f64 = 0.01;
/// Growth of the deviation per √day, for what the current sensor does not see.
const DRIFT_PER_SQRT_DAY: f64 = 0.01;
/// Rate below which a battery rests [1/h].
const REST_C: f64 = 0.02;
/// After so long at rest the voltage is taken as open-circuit voltage [s].
const REST_S: f64 = 1_800.0;
/// Error of the open-circuit voltage at rest [V].
const REST_V: f64 = 0.008;
/// Between readings further apart than this the current is unknown [s].
const GAP_S: f64 = 600.0;
/// A step of the current that tells a resistance [1/h], within so long [s].
const STEP_C: f64 = 0.2;
const STEP_S: f64 = 15.0;
/// Weight of one step in the mean resistance.
const STEP_WEIGHT: f64 = 0.1;
/// Two rests this far apart in state of charge tell the capacity.
const HEALTH_SPAN: f64 = 0.4;
/// Weight of one such pair in the mean.
const HEALTH_WEIGHT: f64 = 0.3;

/// What does not change about a battery.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Model of a cell; without one only what the device reports is known.
    pub cell: Option<Arc<CellModel>>,
    /// Cells in series.
    pub series: f64,
    /// Cells in parallel.
    pub parallel: f64,
    /// Rated capacity [Ah], where the maker gives another than the cells'.
    pub capacity_ah: Option<f64>,
}

impl Subject {
    /// Rated capacity [Ah].
    pub fn rated_ah(&self) -> Option<f64> {
        let of_cells = || self.cell.as_ref().map(|cell| cell.file.cell.capacity_ah * self.parallel);
        self.capacity_ah.or_else(of_cells)
    }
}

/// What is believed of a battery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    last: Option<Sample>,
    soc: Option<Guess>,
    soh: Option<Guess>,
    /// Resistance over that of a new cell.
    resistance: Option<f64>,
    /// Distance of the last voltage from what was expected [V per cell].
    residual_v: Option<f64>,
    rested_s: f64,
    discharged_ah: f64,
    charged_ah: f64,
    /// State of charge and counted charge [Ah out] at the last rest.
    anchor: Option<(Guess, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Guess {
    mean: f64,
    std: f64,
}

impl Guess {
    /// Corrects by a sight of the same figure.
    fn see(self, mean: f64, std: f64) -> Self {
        let gain = self.std * self.std / (self.std * self.std + std * std);
        Self { mean: self.mean + gain * (mean - self.mean), std: self.std * (1.0 - gain).sqrt() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Sample {
    at: Time,
    /// Of the whole battery.
    voltage_v: Option<f64>,
    current_a: Option<f64>,
    temperature_c: Option<f64>,
}

/// What a battery is estimated to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// State of charge, 0 to 1, and its standard deviation.
    pub soc: Option<(f64, f64)>,
    /// Capacity over rated, and its standard deviation.
    pub soh: Option<(f64, f64)>,
    /// Resistance over that of a new cell.
    pub resistance_over_new: Option<f64>,
    /// Resistance at the present state of charge and temperature [Ω].
    pub resistance_ohm: Option<f64>,
    /// Charge that is in it [Ah].
    pub remaining_ah: Option<f64>,
    /// Charge out and in since the first reading [Ah].
    pub discharged_ah: f64,
    /// Charge put in since the first reading [Ah].
    pub charged_ah: f64,
    /// Throughput in full equivalent cycles.
    pub efc: Option<f64>,
    /// What it does: the current says.
    pub doing: Option<Doing>,
}

/// What a battery does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Takes charge.
    Charging,
    /// Gives charge.
    Discharging,
    /// Neither.
    Resting,
}

impl Doing {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charging => "charging",
            Self::Discharging => "discharging",
            Self::Resting => "resting",
        }
    }
}

fn value(row: Row<'_>, metric: &str) -> Option<f64> {
    row.iter().find(|(name, _)| *name == metric).map(|(_, value)| *value)
}

impl Belief {
    /// Takes a reading that is later than all before.
    pub fn observe(&mut self, subject: &Subject, at: Time, row: Row<'_>) {
        let sample = Sample {
            at,
            voltage_v: value(row, "voltage_v"),
            current_a: value(row, "current_a"),
            temperature_c: value(row, "temperature_c")
                .or_else(|| value(row, "ambient_c"))
                .or(self.last.and_then(|last| last.temperature_c)),
        };
        self.count(subject, &sample);
        self.step(subject, &sample);
        self.residual_v = None;
        if let Some(soc_pct) = value(row, "soc_pct") {
            self.see_soc(soc_pct * 1e-2, REPORTED_SOC_STD);
        }
        if let Some(soh_pct) = value(row, "soh_pct") {
            let seen = Guess { mean: soh_pct * 1e-2, std: 0.03 };
            self.soh = Some(self.soh.map_or(seen, |soh| soh.see(seen.mean, seen.std)));
        }
        if let Some(ohm) = value(row, "internal_resistance_ohm") {
            self.resistance = self.new_ohm(subject, &sample).map(|new| ohm / new).or(self.resistance);
        }
        self.look_at_voltage(subject, &sample);
        self.last = Some(sample);
    }

    /// Counts the charge since the last reading.
    fn count(&mut self, subject: &Subject, sample: &Sample) {
        let Some(last) = self.last else { return };
        let dt_s = sample.at.seconds_since(last.at);
        let mean_a = match (last.current_a, sample.current_a) {
            (Some(before), Some(now)) if dt_s <= GAP_S => Some(0.5 * (before + now)),
            // Nobody saw what happened meanwhile.
            _ => None,
        };
        let rated_ah = subject.rated_ah();
        let moved_ah = mean_a.map_or(0.0, |current_a| current_a * dt_s / 3600.0);
        self.discharged_ah += moved_ah.max(0.0);
        self.charged_ah -= moved_ah.min(0.0);
        let rests = rated_ah.zip(sample.current_a).is_some_and(|(ah, a)| a.abs() < REST_C * ah);
        let rested = rated_ah.zip(last.current_a).is_some_and(|(ah, a)| a.abs() < REST_C * ah);
        self.rested_s = if rests && rested { self.rested_s + dt_s } else { 0.0 };
        let (Some(soc), Some(rated_ah)) = (&mut self.soc, rated_ah) else { return };
        let moved = moved_ah / (rated_ah * self.soh.map_or(1.0, |soh| soh.mean.max(0.1)));
        soc.mean = (soc.mean - moved).clamp(0.0, 1.0);
        let days = dt_s / 86_400.0;
        let unseen =
            if mean_a.is_none() && !(rests && rested) { 0.1 * (dt_s / 3600.0).min(3.0) } else { 0.0 };
        let variance = soc.std * soc.std
            + (COUNT_ERROR * moved).powi(2)
            + DRIFT_PER_SQRT_DAY * DRIFT_PER_SQRT_DAY * days
            + unseen * unseen;
        soc.std = variance.sqrt().min(UNKNOWN_SOC_STD);
    }

    /// Takes the resistance from a step of the current.
    fn step(&mut self, subject: &Subject, sample: &Sample) {
        let Some(last) = self.last else { return };
        let (Some(v0), Some(i0)) = (last.voltage_v, last.current_a) else { return };
        let (Some(v1), Some(i1), Some(rated_ah)) = (sample.voltage_v, sample.current_a, subject.rated_ah())
        else {
            return;
        };
        if (i1 - i0).abs() < STEP_C * rated_ah || sample.at.seconds_since(last.at) > STEP_S {
            return;
        }
        let ohm = -(v1 - v0) / (i1 - i0);
        let Some(new_ohm) = self.new_ohm(subject, sample).filter(|_| ohm > 0.0) else { return };
        let seen = (ohm / new_ohm).clamp(0.2, 10.0);
        self.resistance = Some(self.resistance.map_or(seen, |known| known + STEP_WEIGHT * (seen - known)));
    }

    /// Resistance of a new battery as it is now [Ω].
    fn new_ohm(&self, subject: &Subject, sample: &Sample) -> Option<f64> {
        let cell = subject.cell.as_ref()?;
        let soc = self.soc.map_or(0.5, |soc| soc.mean);
        Some(
            cell.resistances(soc, sample.temperature_c.unwrap_or(25.0)).r0 * subject.series
                / subject.parallel,
        )
    }

    fn look_at_voltage(&mut self, subject: &Subject, sample: &Sample) {
        let (Some(cell), Some(voltage_v)) = (subject.cell.as_ref(), sample.voltage_v) else { return };
        let cell_v = voltage_v / subject.series;
        let cell_a = sample.current_a.unwrap_or(0.0) / subject.parallel;
        let temperature_c = sample.temperature_c.unwrap_or(25.0);
        let factor = self.resistance.unwrap_or(1.0);
        let drop_v = |soc: f64| {
            let ohm = cell.resistances_under(soc, temperature_c, cell_a);
            cell_a * ohm.r0 * factor
        };
        let Some(soc) = self.soc else {
            // Under load the pairs' voltages are unknown, so this is a rough guess.
            let guess = cell.soc_at_ocv(cell_v + drop_v(0.5));
            self.soc = Some(Guess { mean: guess, std: FIRST_SOC_STD });
            return;
        };
        self.residual_v = Some(cell_v - (cell.ocv_v(soc.mean) - drop_v(soc.mean)));
        if self.rested_s >= REST_S {
            let seen = cell.soc_at_ocv(cell_v);
            let slope_v = cell.curves(seen).ocv_slope_v.abs().max(1e-3);
            let std = (REST_V / slope_v).hypot(0.01);
            self.see_soc(seen, std);
            self.weigh(subject);
        }
    }

    fn see_soc(&mut self, mean: f64, std: f64) {
        let mean = mean.clamp(0.0, 1.0);
        self.soc = Some(self.soc.map_or(Guess { mean, std }, |soc| soc.see(mean, std)));
    }

    /// Takes the capacity from the charge between two rests.
    fn weigh(&mut self, subject: &Subject) {
        let Some(soc) = self.soc.filter(|soc| soc.std < 0.05) else { return };
        let out_ah = self.discharged_ah - self.charged_ah;
        let Some((before, before_ah)) = self.anchor else {
            self.anchor = Some((soc, out_ah));
            return;
        };
        let span = before.mean - soc.mean;
        if span.abs() < HEALTH_SPAN {
            return;
        }
        self.anchor = Some((soc, out_ah));
        let Some(rated_ah) = subject.rated_ah() else { return };
        let seen = (out_ah - before_ah) / span / rated_ah;
        if !(0.2..=1.3).contains(&seen) {
            return;
        }
        let std = before.std.hypot(soc.std) / span.abs();
        let known = self.soh.unwrap_or(Guess { mean: seen, std: std.max(0.05) });
        self.soh = Some(Guess {
            mean: known.mean + HEALTH_WEIGHT * (seen - known.mean),
            std: known.std + HEALTH_WEIGHT * (std - known.std),
        });
    }

    /// What the battery is estimated to be at an instant, without disturbing it. Nothing is supposed to have happened
    /// since the last reading; what is not known about the time since is in the deviation.
    pub fn estimate(&self, subject: &Subject, at: Time) -> Option<Estimate> {
        let last = self.last?;
        let rated_ah = subject.rated_ah();
        let silent_s = at.seconds_since(last.at).max(0.0);
        let unseen = if silent_s > GAP_S { 0.1 * (silent_s / 3600.0).min(3.0) } else { 0.0 };
        let soc = self.soc.map(|soc| (soc.mean, soc.std.hypot(unseen).min(UNKNOWN_SOC_STD)));
        let soh = self.soh.map(|soh| (soh.mean, soh.std));
        let full_ah = rated_ah.map(|ah| ah * soh.map_or(1.0, |soh| soh.0));
        Some(Estimate {
            soc,
            soh,
            resistance_over_new: self.resistance,
            resistance_ohm: self
                .new_ohm(subject, &last)
                .zip(self.resistance)
                .map(|(new, factor)| new * factor),
            remaining_ah: full_ah.zip(soc).map(|(ah, soc)| ah * soc.0),
            discharged_ah: self.discharged_ah,
            charged_ah: self.charged_ah,
            efc: rated_ah.map(|ah| 0.5 * (self.discharged_ah + self.charged_ah) / ah),
            doing: self.doing(subject),
        })
    }

    /// What it did at the last reading.
    pub fn doing(&self, subject: &Subject) -> Option<Doing> {
        let current_a = self.last?.current_a?;
        let rest_a = subject.rated_ah().map_or(0.05, |ah| REST_C * ah);
        Some(match current_a {
            a if a > rest_a => Doing::Discharging,
            a if a < -rest_a => Doing::Charging,
            _ => Doing::Resting,
        })
    }

    /// A derived figure that rules may name.
    pub(super) fn figure(&self, subject: &Subject, name: &str, at: Time) -> Option<f64> {
        let last = self.last.filter(|last| last.at == at)?;
        let limits = || subject.cell.as_ref().map(|cell| &cell.file.limits);
        match name {
            "soc_estimated" => self.soc.map(|soc| soc.mean),
            "soh_estimated" => self.soh.map(|soh| soh.mean),
            "cell_over_max_v" => Some(last.voltage_v? / subject.series - limits()?.voltage_max_v),
            "cell_under_min_v" => Some(limits()?.voltage_min_v - last.voltage_v? / subject.series),
            "resistance_rise" => self.resistance.map(|factor| factor - 1.0),
            "voltage_residual_v" => self.residual_v.map(f64::abs),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::battery::library;

    fn subject() -> Subject {
        let cell = CellModel::compile(library::find("panasonic-18650pf").unwrap()).unwrap();
        Subject { cell: Some(Arc::new(cell)), series: 10.0, parallel: 4.0, capacity_ah: None }
    }

    #[test]
    fn a_rested_battery_is_placed_by_its_voltage_and_counted_from_there() {
        let subject = subject();
        let cell = subject.cell.clone().unwrap();
        let mut belief = Belief::default();
        let voltage_v = cell.ocv_v(0.7) * subject.series;
        for k in 0..40 {
            belief.observe(&subject, Time(k * 60_000), &[("voltage_v", voltage_v), ("current_a", 0.0)]);
        }
        let estimate = belief.estimate(&subject, Time(39 * 60_000)).unwrap();
        let (soc, std) = estimate.soc.unwrap();
        assert!((soc - 0.7).abs() < 0.01, "{soc}");
        assert!(std < 0.02, "{std}");
        // One hour at a tenth of the rated capacity.
        let current_a = 0.1 * subject.rated_ah().unwrap();
        for k in 40..=101 {
            let v = cell.ocv_v(soc) * subject.series;
            belief.observe(&subject, Time(k * 60_000), &[("voltage_v", v), ("current_a", current_a)]);
        }
        let after = belief.estimate(&subject, Time(101 * 60_000)).unwrap();
        // The first minute is between rest and load and counts half.
        let expected = soc - 0.1 * 61.5 / 60.0;
        assert!((after.soc.unwrap().0 - expected).abs() < 2e-3, "{:?} {expected}", after.soc);
        assert_eq!(after.doing, Some(Doing::Discharging));
        assert!((after.discharged_ah - current_a * 61.5 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn looking_later_is_less_sure_and_changes_nothing() {
        let subject = subject();
        let mut belief = Belief::default();
        belief.observe(&subject, Time(0), &[("voltage_v", 37.0), ("current_a", 1.0), ("soc_pct", 60.0)]);
        let before = belief;
        let now = belief.estimate(&subject, Time(0)).unwrap().soc.unwrap();
        let later = belief.estimate(&subject, Time(7_200_000)).unwrap().soc.unwrap();
        assert_eq!(now.0, later.0);
        assert!(later.1 > now.1);
        assert_eq!(before, belief);
    }

    #[test]
    fn a_step_of_the_current_tells_the_resistance() {
        let subject = subject();
        let cell = subject.cell.clone().unwrap();
        let mut belief = Belief::default();
        let soc = 0.6;
        let new_ohm = cell.resistances(soc, 25.0).r0 * subject.series / subject.parallel;
        for k in 0..400 {
            let current_a = if k % 2 == 0 { 0.0 } else { 5.0 };
            let voltage_v = cell.ocv_v(soc) * subject.series - current_a * 1.5 * new_ohm;
            let row = [
                ("voltage_v", voltage_v),
                ("current_a", current_a),
                ("temperature_c", 25.0),
                ("soc_pct", 60.0),
            ];
            belief.observe(&subject, Time(k * 1_000), &row);
        }
        let factor = belief.estimate(&subject, Time(400_000)).unwrap().resistance_over_new.unwrap();
        assert!((factor - 1.5).abs() < 0.05, "{factor}");
        assert_eq!(belief.figure(&subject, "resistance_rise", Time(399_000)), Some(factor - 1.0));
    }

    #[test]
    fn a_battery_of_unknown_make_is_what_it_reports() {
        let subject = Subject { cell: None, series: 1.0, parallel: 1.0, capacity_ah: Some(100.0) };
        let mut belief = Belief::default();
        belief.observe(&subject, Time(0), &[("voltage_v", 51.0), ("current_a", -20.0)]);
        assert_eq!(belief.estimate(&subject, Time(0)).unwrap().soc, None);
        belief.observe(
            &subject,
            Time(1_000),
            &[("voltage_v", 51.0), ("current_a", -20.0), ("soc_pct", 40.0)],
        );
        let estimate = belief.estimate(&subject, Time(1_000)).unwrap();
        assert_eq!(estimate.soc, Some((0.4, REPORTED_SOC_STD)));
        assert_eq!(estimate.doing, Some(Doing::Charging));
    }
}
