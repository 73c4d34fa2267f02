//! A battery from what it reports: state of charge, health and resistance, with how sure each is.
//!
//! ```text
//!  row ──► charge counted: out, in, what it does
//!      ├─► cells known: estimate::Track, the estimator of `celltide cell estimate` ──► state, faults, use, health over time
//!      └─► cells unknown: what its own electronics claim, and nothing else
//! ```
//!
//! See `docs/models/estimation.md`. Limits of the live twin beyond those: a row without a voltage tells the estimator
//! nothing by itself; its current and temperature count with the next voltage within a minute, which is how devices that
//! send only what changed are heard.

mod ahead;
mod claims;
mod subject;

pub use ahead::{DAYS_LEAST, END_OF_LIFE, Unforeseen};
pub use subject::{Registered, Subject};

use super::{Latest, Row};
use crate::battery::estimate::{Guess, Reading, Refusal, Sensor, SensorFault, Track};
use crate::time::Time;
use claims::Claims;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Rate below which a battery rests [1/h].
const REST_C: f64 = 0.02;
/// The same where nobody knows what it is rated at [A].
const REST_A: f64 = 0.05;
/// Between currents further apart than this nobody counts [s].
const COUNT_S: f64 = 600.0;
/// A value that came without a voltage counts with the next one within so long [s].
const HELD_S: f64 = 60.0;
/// A resistance that is known worse than this, over itself, raises no alert.
const RESISTANCE_SURE: f64 = 0.15;

/// Health that somebody measured [%]: by a test, or as a record states it. It takes the place of what was believed.
pub const EXAMINED: &str = "soh_measured_pct";
/// Its standard deviation [%].
pub const EXAMINED_SD: &str = "soh_measured_std_pct";
/// The same over rated, where nobody says. assumed.
const EXAMINED_STD: f64 = 0.01;

/// What is believed of a battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// The last current [A].
    current: Option<(Time, f64)>,
    discharged_ah: f64,
    charged_ah: f64,
    mind: Mind,
    /// Distance of the last voltage from what was expected [V per cell].
    residual_v: Option<f64>,
    gaps: u32,
    last_gap: Option<Gap>,
    unheard: u32,
    /// When somebody measured its health last.
    #[serde(default)]
    examined: Option<Time>,
}

/// What it is believed by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Mind {
    /// A model of its cells. Boxed, for twins of other things have none.
    Model(Box<Track>),
    /// Its own electronics.
    Claims(Claims),
}

/// A silence that was longer than usual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// When it was over.
    pub until: Time,
    /// How long it was [s].
    pub seconds: f64,
}

/// What a belief rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A model of its cells and all that it reports.
    Model,
    /// What its own electronics claim: nobody said what cells it has.
    Claims,
}

/// What a battery is estimated to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// What this rests on.
    pub basis: Basis,
    /// State of charge, 0 to 1, as of the last reading; its deviation as of now.
    pub soc: Option<Guess>,
    /// Capacity over rated.
    pub soh: Option<Guess>,
    /// Resistance over that of a new one.
    pub resistance_rel: Option<Guess>,
    /// Resistance at half charge and 25 °C: a figure of health, not of the moment [Ω].
    pub resistance_ohm: Option<f64>,
    /// Temperature of the cells [°C].
    pub temperature_c: Option<Guess>,
    /// What the current sensor shows without a current [A].
    pub current_offset_a: Option<f64>,
    /// Distance of the last voltage from what was expected [V per cell].
    pub voltage_residual_v: Option<f64>,
    /// Charge that is in it [Ah].
    pub remaining_ah: Option<f64>,
    /// Charge out since the first reading [Ah].
    pub discharged_ah: f64,
    /// Charge put in since the first reading [Ah].
    pub charged_ah: f64,
    /// Throughput in full equivalent cycles.
    pub efc: Option<f64>,
    /// What it does: the current says.
    pub doing: Option<Doing>,
    /// Sensors that do not tell the truth.
    pub faults: SmallVec<[SensorFault; 2]>,
    /// Silences that were longer than usual, and the last of them.
    pub gaps: u32,
    /// The last of them.
    pub last_gap: Option<Gap>,
    /// Readings with figures that cannot be this battery's.
    pub unheard: u32,
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

impl Belief {
    /// Knows nothing yet.
    pub fn new(subject: &Subject) -> Self {
        let mind = match subject.model() {
            Some(model) => Mind::Model(Box::new(Track::new(model, subject.prior()))),
            None => Mind::Claims(Claims::default()),
        };
        Self {
            current: None,
            discharged_ah: 0.0,
            charged_ah: 0.0,
            mind,
            residual_v: None,
            gaps: 0,
            last_gap: None,
            unheard: 0,
            examined: None,
        }
    }

    /// Takes a row that is later than all before; `latest` is what was measured until then.
    pub fn observe(&mut self, subject: &Subject, latest: &Latest, at: Time, row: Row<'_>) {
        let mut reading = Reading { at, ..Reading::default() };
        let mut voltage_v = None;
        let (mut examined, mut examined_std) = (None, EXAMINED_STD);
        for &(metric, value) in row {
            match metric {
                EXAMINED => examined = Some(value * 1e-2),
                EXAMINED_SD => examined_std = (value * 1e-2).max(1e-4),
                "voltage_v" => voltage_v = Some(value),
                "current_a" => reading.current_a = Some(value),
                "temperature_c" => reading.temperature_c = Some(value),
                "ambient_c" => reading.ambient_c = Some(value),
                "soc_pct" => reading.soc = Some(value * 1e-2),
                "soh_pct" => reading.soh = Some(value * 1e-2 * subject.share()),
                "internal_resistance_ohm" => reading.internal_resistance_ohm = Some(value),
                _ if metric.starts_with("cell_voltages_v.") => reading.cell_voltages_v.push(value),
                _ => {}
            }
        }
        // A replay has them in another order than the device, and sums must be the same to the bit.
        reading.cell_voltages_v.sort_by(f64::total_cmp);
        if let Some(current_a) = reading.current_a {
            self.count(at, current_a);
        }
        self.residual_v = None;
        match (&mut self.mind, subject.model()) {
            (Mind::Model(_), Some(_)) => {
                if let Some(voltage_v) = voltage_v {
                    reading.voltage_v = voltage_v;
                    let held =
                        |metric| latest.get(metric).filter(|known| at.seconds_since(known.at) <= HELD_S);
                    let held = |metric| held(metric).map(|known| known.value);
                    reading.current_a = reading.current_a.or_else(|| held("current_a"));
                    reading.temperature_c = reading.temperature_c.or_else(|| held("temperature_c"));
                    self.hear(subject, reading);
                }
            }
            (Mind::Claims(claims), _) => {
                claims.hear(at, reading.soc, examined.or(reading.soh), reading.internal_resistance_ohm);
            }
            // The subject changed under the belief: the host begins again then.
            (Mind::Model(_), None) => {}
        }
        if let Some(soh) = examined {
            self.examined = Some(at);
            if let Mind::Model(track) = &mut self.mind {
                let share = subject.share();
                track.examined(at, Guess { mean: soh * share, std: examined_std * share });
            }
        }
    }

    /// Counts the charge since the current before.
    fn count(&mut self, at: Time, current_a: f64) {
        if let Some((before, before_a)) = self.current {
            let dt_s = at.seconds_since(before);
            if dt_s <= COUNT_S {
                let moved_ah = 0.5 * (before_a + current_a) * dt_s / 3600.0;
                self.discharged_ah += moved_ah.max(0.0);
                self.charged_ah -= moved_ah.min(0.0);
            }
        }
        self.current = Some((at, current_a));
    }

    /// Lets the estimator hear a reading, without what cannot be of this battery.
    fn hear(&mut self, subject: &Subject, mut reading: Reading) {
        let (Mind::Model(track), Some(model)) = (&mut self.mind, subject.model()) else { return };
        let mut is_whole = true;
        let observed = loop {
            match track.observe(model, &reading) {
                Ok(observed) => break observed,
                Err(refusal) => {
                    is_whole = false;
                    if !leave_out(&mut reading, &refusal) {
                        self.unheard = self.unheard.saturating_add(1);
                        return;
                    }
                }
            }
        };
        self.unheard = self.unheard.saturating_add(u32::from(!is_whole));
        if let Some(seconds) = observed.gap_s {
            self.gaps = self.gaps.saturating_add(1);
            self.last_gap = Some(Gap { until: reading.at, seconds });
        }
        // Where a battery was placed by its voltage, nothing had been expected of it.
        self.residual_v = observed.innovation_v.filter(|_| !observed.placed).map(|v| v / model.series);
    }

    /// What the battery is estimated to be at an instant, without disturbing it. Nothing is supposed to have happened
    /// since the last reading; what is not known about the time since is in the deviation.
    pub fn estimate(&self, subject: &Subject, at: Time) -> Estimate {
        let rated_ah = subject.rated_ah();
        let mut told = Estimate {
            basis: Basis::Claims,
            soc: None,
            soh: None,
            resistance_rel: None,
            resistance_ohm: None,
            temperature_c: None,
            current_offset_a: None,
            voltage_residual_v: self.residual_v,
            remaining_ah: None,
            discharged_ah: self.discharged_ah,
            charged_ah: self.charged_ah,
            efc: rated_ah.map(|ah| 0.5 * (self.discharged_ah + self.charged_ah) / ah),
            doing: self.doing(subject),
            faults: SmallVec::new(),
            gaps: self.gaps,
            last_gap: self.last_gap,
            unheard: self.unheard,
        };
        match (&self.mind, subject.model()) {
            (Mind::Model(track), Some(model)) => {
                told.basis = Basis::Model;
                if let Some(now) = track.estimate(model, at) {
                    let soc = track.soc();
                    told.soc = Some(Guess { mean: soc.mean, std: soc.std.max(now.soc_std) });
                    told.soh = Some(self.soh(subject, track));
                    told.resistance_rel = Some(track.resistance_rel());
                    told.resistance_ohm = Some(now.resistance_ohm);
                    told.temperature_c = Some(Guess { mean: now.temperature_c, std: now.temperature_std_k });
                    told.current_offset_a = Some(now.current_offset_a);
                    told.faults = now.faults;
                } else if self.examined.is_some() {
                    told.soh = Some(self.soh(subject, track));
                }
            }
            (Mind::Claims(claims), _) => {
                told.soc = claims.soc(at);
                told.soh = claims.soh();
                told.resistance_ohm = claims.resistance_ohm;
            }
            (Mind::Model(_), None) => {}
        }
        let full_ah = rated_ah.map(|ah| ah * told.soh.map_or(1.0, |soh| soh.mean));
        told.remaining_ah = full_ah.zip(told.soc).map(|(ah, soc)| ah * soc.mean);
        told
    }

    fn soh(&self, subject: &Subject, track: &Track) -> Guess {
        let (soh, share) = (track.soh(), subject.share());
        Guess { mean: soh.mean / share, std: soh.std / share }
    }

    /// What it did at the last reading.
    pub fn doing(&self, subject: &Subject) -> Option<Doing> {
        let (_, current_a) = self.current?;
        let rest_a = subject.rated_ah().map_or(REST_A, |ah| REST_C * ah);
        Some(match current_a {
            a if a > rest_a => Doing::Discharging,
            a if a < -rest_a => Doing::Charging,
            _ => Doing::Resting,
        })
    }

    /// A derived figure that rules may name, as of the last reading, at `at`.
    pub(super) fn figure(&self, subject: &Subject, latest: &Latest, name: &str, at: Time) -> Option<f64> {
        let limits = || subject.model().map(|model| &model.cell.file.limits);
        let cell_v = || latest.at("voltage_v", at).map(|voltage_v| voltage_v / subject.series());
        let track = || match &self.mind {
            Mind::Model(track) => Some(track).filter(|track| track.at().is_some()),
            Mind::Claims(_) => None,
        };
        let faulty = |sensor| track().map(|track| f64::from(u8::from(track.is_faulty(sensor))));
        match (name, &self.mind) {
            ("soc_estimated", Mind::Claims(claims)) => claims.soc(at).map(|soc| soc.mean),
            ("soh_estimated", Mind::Claims(claims)) => claims.soh().map(|soh| soh.mean),
            ("soc_estimated", _) => track().map(|track| track.soc().mean),
            ("soh_estimated", _) => track().map(|track| self.soh(subject, track).mean),
            ("cell_over_max_v", _) => Some(cell_v()? - limits()?.voltage_max_v),
            ("cell_under_min_v", _) => Some(limits()?.voltage_min_v - cell_v()?),
            ("resistance_rise", _) => {
                let rel = track()?.resistance_rel();
                (rel.std < RESISTANCE_SURE * rel.mean).then_some(rel.mean - 1.0)
            }
            ("voltage_residual_v", _) => self.residual_v.map(f64::abs),
            ("voltage_sensor_faults", _) => faulty(Sensor::Voltage),
            ("current_sensor_faults", _) => faulty(Sensor::Current),
            ("temperature_sensor_faults", _) => faulty(Sensor::Temperature),
            ("soc_sensor_faults", _) => faulty(Sensor::StateOfCharge),
            _ => None,
        }
    }
}

/// Leaves a figure out that the estimator refuses; whether there is anything left to hear.
fn leave_out(reading: &mut Reading, refusal: &Refusal) -> bool {
    let left_out = match refusal {
        Refusal::NotFinite { field } | Refusal::Absurd { field, .. } => *field,
        Refusal::CellCount { .. } => "cell_voltages_v",
        Refusal::Conflict { .. } | Refusal::Ahead { .. } | Refusal::TooLate { .. } => return false,
    };
    match left_out {
        "current_a" => reading.current_a = None,
        "temperature_c" => reading.temperature_c = None,
        "ambient_c" => reading.ambient_c = None,
        "soc" => reading.soc = None,
        "soh" => reading.soh = None,
        "internal_resistance_ohm" => reading.internal_resistance_ohm = None,
        "cell_voltages_v" => reading.cell_voltages_v.clear(),
        _ => return false,
    }
    true
}
