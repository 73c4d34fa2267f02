//! Temperature of the cells and of their surroundings, as one lump in the air.
//!
//! ```text
//! C dT/dt = Q − (T − T_air)/R          Q = I²·R0 + v1²/R1 + v2²/R2, as far as known
//! ```
//!
//! A Kalman filter of two states, apart from the electrical one: heat hardly depends on the state of charge, and the
//! resistances take the temperature as it is believed. The air wanders; an ambient sensor is heard where there is one.

use super::super::thermal::ThermalPath;
use serde::{Deserialize, Serialize};

/// Wander of the air [K per √hour]. assumed.
const AIR_PER_HOUR: f64 = 2.0;
/// Error of the modelled heat, relative. assumed.
const HEAT_ERROR: f64 = 0.3;
/// Error of the lump against the real cell, built up over one time constant [K]. assumed.
const LUMP_K: f64 = 1.0;

/// Believed temperatures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Heat {
    /// Cells [°C].
    pub(super) cell_c: f64,
    /// Air [°C].
    pub(super) air_c: f64,
    /// Variances of cells and air, and their covariance [K²].
    pub(super) var: [f64; 3],
}

impl Heat {
    /// What is known before any reading.
    pub(super) fn unknown() -> Self {
        Self { cell_c: 25.0, air_c: 25.0, var: [144.0, 144.0, 140.0] }
    }

    /// Time constant of the lump [s], and the rise per watt [K/W].
    pub(super) fn lump(thermal: &ThermalPath) -> (f64, f64) {
        let rise = thermal.case_to_air_k_per_w + thermal.cell_to_case_k_per_w;
        let air = thermal.case_to_air_k_per_w * (thermal.cell_j_per_k + thermal.case_j_per_k);
        (air.max(1e-3), rise)
    }

    /// Carries the belief over a span with so much heat [W, per cell].
    pub(super) fn ahead(&mut self, thermal: &ThermalPath, dt_s: f64, heat_w: f64) {
        let (tau_s, rise) = Self::lump(thermal);
        let keep = (-dt_s / tau_s).exp();
        let settled_c = self.air_c + heat_w * rise;
        self.cell_c = settled_c + (self.cell_c - settled_c) * keep;
        let [cell, air, both] = self.var;
        let lost = 1.0 - keep;
        let wander = AIR_PER_HOUR * AIR_PER_HOUR * dt_s / 3600.0;
        let own = (HEAT_ERROR * heat_w * rise * lost).powi(2) + LUMP_K * LUMP_K * (1.0 - keep * keep);
        self.var = [
            keep * keep * cell + 2.0 * keep * lost * both + lost * lost * air + own,
            (air + wander).min(144.0),
            keep * both + lost * air,
        ];
    }

    /// Corrects by a temperature of the cells.
    pub(super) fn see_cell(&mut self, temperature_c: f64, std_k: f64) {
        let [cell, air, both] = self.var;
        let s = cell + std_k * std_k;
        let off = temperature_c - self.cell_c;
        self.cell_c += cell / s * off;
        self.air_c += both / s * off;
        self.var = [cell - cell * cell / s, air - both * both / s, both - both * cell / s];
    }

    /// Corrects by a temperature of the air.
    pub(super) fn see_air(&mut self, temperature_c: f64, std_k: f64) {
        let [cell, air, both] = self.var;
        let s = air + std_k * std_k;
        let off = temperature_c - self.air_c;
        self.cell_c += both / s * off;
        self.air_c += air / s * off;
        self.var = [cell - both * both / s, air - air * air / s, both - both * air / s];
    }

    /// Standard deviation of the cells' temperature [K].
    pub(super) fn std_k(&self) -> f64 {
        self.var[0].max(0.0).sqrt()
    }
}
