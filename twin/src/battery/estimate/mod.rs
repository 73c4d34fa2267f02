//! A battery from what it reports: state of charge, health, resistance and temperature, with how sure each is.
//!
//! ```text
//!  Reading ──check──▶ Sample ──window──▶ core: belief (9 states), heat (2), monitors, usage ──▶ Estimate
//!             │          late ones go back to a checkpoint and everything since is heard again
//!             │     └────track───▶ the same core, for hosts that keep the readings and go back themselves
//!             └─ Refusal, nothing changed
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use twin::battery::circuit::CellModel;
//! use twin::battery::estimate::{Estimator, Prior, Reading, Subject};
//! use twin::battery::{library, pack::Layout};
//! use twin::time::Time;
//!
//! let cell = CellModel::compile(library::find("panasonic-18650pf").unwrap()).unwrap();
//! let subject = Arc::new(Subject::new(Arc::new(cell), Layout { series: 13, parallel: 4 }));
//! let mut estimator = Estimator::new(subject.clone(), Prior::default());
//! let reading = Reading { at: Time(0), voltage_v: 53.3, current_a: Some(0.0), ..Reading::default() };
//! estimator.observe(reading.at, &reading).unwrap();
//! let estimate = estimator.estimate(Time(60_000)).unwrap();
//! assert!(estimate.soc > 0.8 && estimate.soc_std > 0.0);
//! // A host keeps `state()` as its snapshot and goes on from it later, with the same results to the bit.
//! let again = Estimator::resume(subject, estimator.state().clone());
//! assert_eq!(again.estimate(Time(60_000)), Some(estimate));
//! ```
//!
//! Pure and deterministic: the same readings, in whatever order they come within the window, give the same state to the
//! bit. A duplicate changes nothing. A reading older than the window is refused with [`Refusal::TooLate`]: the host
//! resumes from a snapshot before it and observes everything since again, in order of time.
//! What remaining life that makes is [`super::forecast`]'s business, from [`Estimator::history`] and
//! [`Estimator::duty`].
//!
//! See `docs/models/estimation.md` for equations, sources of the figures, and what was reached on measurements.

mod belief;
mod core;
mod faults;
mod heat;
mod lead_acid;
mod milestones;
mod reading;
mod start;
mod track;
mod usage;
mod window;

pub use faults::{Sensor, SensorFault, Wrong};
pub use milestones::Milestone;
pub use reading::{Reading, Refusal};
pub use track::Track;
pub use usage::Duty;
pub use window::{Estimator, Observed, State, Taken};

use super::circuit::CellModel;
use super::lead_acid::block::BlockModel;
use super::pack::Layout;
use super::thermal::ThermalPath;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::sync::Arc;

/// A figure and its standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// The figure.
    pub mean: f64,
    /// Its standard deviation.
    pub std: f64,
}

/// What is known of a battery before its first reading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// State of charge; nothing when it is not known at all.
    pub soc: Option<Guess>,
    /// Capacity over rated.
    pub soh: Guess,
    /// Resistance over that of a new cell.
    pub resistance: Guess,
}

impl Default for Prior {
    /// A battery of unknown charge that is rather new than old.
    fn default() -> Self {
        Self { soc: None, soh: Guess { mean: 1.0, std: 0.04 }, resistance: Guess { mean: 1.0, std: 0.25 } }
    }
}

/// How good the sensors of a battery are, as the pack shows them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sensors {
    /// Scatter of the voltage [V].
    pub voltage_std_v: f64,
    /// Scatter of the current [A].
    pub current_std_a: f64,
    /// What the current sensor may be off by [A].
    pub current_offset_std_a: f64,
    /// Scatter of the temperature [K].
    pub temperature_std_k: f64,
    /// What the electronics' claim of the state of charge may be off by.
    pub soc_std: f64,
}

/// The battery that readings are about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its cell.
    pub cell: Arc<CellModel>,
    /// Cells in series.
    pub series: f64,
    /// Cells in parallel; no whole number where a maker's rating says how many there must be.
    pub parallel: f64,
    /// Heat path of one cell.
    pub thermal: ThermalPath,
    /// Its sensors.
    pub sensors: Sensors,
    /// The cell as lead-acid, where it is.
    lead: Option<Arc<BlockModel>>,
}

impl Subject {
    /// A battery of these cells, with usual sensors, and in the open where the chemistry says how it sheds heat.
    pub fn new(cell: Arc<CellModel>, layout: Layout) -> Self {
        Self::scaled(cell, f64::from(layout.series), f64::from(layout.parallel))
    }

    /// Likewise, of as many cells as its ratings say.
    pub fn scaled(cell: Arc<CellModel>, series: f64, parallel: f64) -> Self {
        let file = &cell.file.cell;
        let cell_j_per_k = file.mass_kg * file.heat_capacity_j_per_kg_k;
        let thermal = match file.heat_transfer_w_per_k {
            Some(w_per_k) if series * parallel < 1.5 => {
                ThermalPath::from_time_constants(cell_j_per_k, 0.01, 0.1, cell_j_per_k / w_per_k)
            }
            // assumed: cells in a case, as scenarios take them.
            _ => ThermalPath::from_time_constants(cell_j_per_k, 0.5, 600.0, 7200.0),
        };
        // assumed: a few millivolts per cell, some thousandths of the hourly rate.
        let per_hour_a = file.capacity_ah * parallel;
        let sensors = Sensors {
            voltage_std_v: 0.003 * file.voltage_nominal_v / 3.6 * series,
            current_std_a: 0.002 * per_hour_a,
            current_offset_std_a: 0.002 * per_hour_a,
            temperature_std_k: 0.5,
            soc_std: 0.06,
        };
        let lead = BlockModel::compile(&cell.file, 1).ok().map(Arc::new);
        Self { cell, series, parallel, thermal, sensors, lead }
    }

    /// Whether its cells are lead-acid.
    pub fn is_lead_acid(&self) -> bool {
        self.lead.is_some()
    }
}

/// What is believed about a battery.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// As of when.
    pub at: Time,
    /// Instant of the last reading.
    pub heard: Time,
    /// State of charge of present capacity, 0 to 1.
    pub soc: f64,
    /// Its standard deviation.
    pub soc_std: f64,
    /// Capacity over rated.
    pub soh: f64,
    /// Its standard deviation.
    pub soh_std: f64,
    /// Series resistance of the pack at half charge and 25 °C [Ω]: a figure of health, not of the moment.
    pub resistance_ohm: f64,
    /// Resistance over that of a new pack.
    pub resistance_rel: f64,
    /// Its standard deviation.
    pub resistance_rel_std: f64,
    /// Temperature of the cells [°C].
    pub temperature_c: f64,
    /// Its standard deviation [K].
    pub temperature_std_k: f64,
    /// Voltage expected at the terminals under the last current [V].
    pub voltage_v: f64,
    /// Its standard deviation for a reading to come [V].
    pub voltage_std_v: f64,
    /// What the current sensor shows without a current [A].
    pub current_offset_a: f64,
    /// Highest less lowest cell voltage as last reported [V].
    pub cell_spread_v: Option<f64>,
    /// Full equivalent cycles heard of, in rated capacity.
    pub efc: f64,
    /// Sensors that do not tell the truth.
    pub faults: SmallVec<[SensorFault; 2]>,
}
