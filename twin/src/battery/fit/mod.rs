//! Fits a cell's parameters to measurements: open-circuit voltage, circuit, heat path and life laws.
//!
//! ```text
//! records ──ocv──▶ U(s), half gap ──circuit──▶ R0, R1, R2 over charge and temperature, τ1, τ2, knee
//!    │                                 └─heat──▶ h·A
//! histories ──life──▶ factors on the rates of the base's laws
//! ```
//!
//! Everything here is pure: whoever reads files makes [`Record`]s of them. What data cannot tell is refused with
//! what is missing ([`Missing`]); what they tell poorly has a wide interval.

pub mod circuit;
pub mod heat;
pub mod least_squares;
pub mod life;
pub mod ocv;
pub mod survey;

use super::chemistry::ChemistryFile;

/// A stretch of measurement on one cell, without a break.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What people call it.
    pub name: String,
    /// Time [s], rising.
    pub t_s: Vec<f64>,
    /// Current at that time [A], positive discharging.
    pub current_a: Vec<f64>,
    /// Terminal voltage [V].
    pub voltage_v: Vec<f64>,
    /// Cell temperature [°C].
    pub temperature_c: Vec<f64>,
    /// Charge taken out less charge put in since the first row [Ah].
    pub discharged_ah: Vec<f64>,
    /// Temperature of the surroundings [°C].
    pub ambient_c: f64,
    /// Whether the cell's own temperature was measured, rather than taken to be that of the surroundings.
    pub temperature_measured: bool,
    /// State of charge at the first row, where it is known.
    pub initial_soc: Option<f64>,
}

/// What the data lack for a parameter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Missing {
    /// No record at all of the needed kind.
    #[error("{parameter} cannot be determined: {lacks}; {remedy}")]
    Data {
        /// The parameter, or the group of them.
        parameter: &'static str,
        /// What is not there.
        lacks: String,
        /// What would help.
        remedy: &'static str,
    },
    /// The data are there and say too little.
    #[error(
        "{parameter} is not determined by these data: its standard deviation is {deviation_pct:.0} % of it; {remedy}"
    )]
    Vague {
        /// The parameter.
        parameter: &'static str,
        /// Standard deviation as per cent of the value.
        deviation_pct: f64,
        /// What would help.
        remedy: &'static str,
    },
}

/// One fitted figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is, with its unit last.
    pub name: String,
    /// Value.
    pub value: f64,
    /// Limits of the 95 % interval; `None` where the data say nothing and the value is carried over from its
    /// neighbours or from the base.
    pub interval: Option<(f64, f64)>,
}

impl Record {
    /// Charge taken out since the first row, from currents that are linear between rows [Ah].
    pub fn counted(t_s: &[f64], current_a: &[f64]) -> Vec<f64> {
        let mut sum = 0.0;
        let mut counted = Vec::with_capacity(t_s.len());
        for k in 0..t_s.len() {
            if k > 0 {
                sum += 0.5 * (current_a[k] + current_a[k - 1]) * (t_s[k] - t_s[k - 1]) / 3600.0;
            }
            counted.push(sum);
        }
        counted
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.t_s.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.t_s.is_empty()
    }

    /// Mean temperature of the cell [°C].
    pub fn temperature_mean_c(&self) -> f64 {
        let span = self.t_s[self.len() - 1] - self.t_s[0];
        if span <= 0.0 {
            return self.temperature_c[0];
        }
        let parts = self.t_s.windows(2).zip(self.temperature_c.windows(2));
        parts.map(|(t, c)| (t[1] - t[0]) * 0.5 * (c[0] + c[1])).sum::<f64>() / span
    }

    /// State of charge at the first row: as given, or from the voltage where the record begins at rest.
    pub fn begins_at(&self, chemistry: &ChemistryFile) -> Option<f64> {
        let at_rest = self.current_a[0].abs() < 0.01 * chemistry.cell.capacity_ah;
        self.initial_soc.or_else(|| at_rest.then(|| ocv::charge_at(chemistry, self.voltage_v[0])))
    }
}
