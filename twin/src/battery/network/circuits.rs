//! Two-RC circuit cells as arrays: the cell of [`crate::battery::circuit`], ten thousand at a time.
//!
//! ```text
//! V(t+Δt) = U(s + Δs) + M·h(t+Δt) − v1·e1 − v2·e2 − I·(R0 + R1·(1 − e1) + R2·(1 − e2))
//! Δs = −(η·I·Δt + leak)/Q          η = coulombic efficiency while charging, 1 while discharging
//! ```
//!
//! with `e_k = e^(−Δt/τ_k)`. Exact for a constant current over the step with resistances taken at its middle; the
//! open-circuit curve and the hysteresis make V a curve in I, of which the network is given tangents until it meets
//! it. Energies use the exact mean over the step, so stored energy, terminal energy and heat balance to rounding.

use super::scatter::{Past, Traits};
use super::wear::{Span, Wear};
use super::{BankSums, CellBank, Lines, Taken};
use crate::battery::circuit::CellModel;
use crate::battery::life::{Health, ZERO_C_K};
use crate::time::DAY_S;
use std::sync::Arc;

/// The life laws hear of a cell at most so often [s].
const AGEING_S: f64 = 60.0;
/// Capacity and resistance follow them so often [s].
const REFRESH_S: f64 = DAY_S;

/// Why a chemistry cannot be simulated cell by cell.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UnsuitedCell {
    /// Lead-acid: its capacity depends on the rate, and its float current on a charger.
    #[error("`{0}` has a capacity that depends on the rate, which cells in a network do not follow")]
    RateDependent(String),
}

/// Circuit cells of one make.
#[derive(Debug, Clone)]
pub struct CircuitBank {
    model: Arc<CellModel>,
    traits: Vec<Traits>,
    wear: Vec<Wear>,
    soc: Vec<f64>,
    v1_v: Vec<f64>,
    v2_v: Vec<f64>,
    /// Energy in the RC pairs [J].
    pairs_j: Vec<f64>,
    hysteresis: Vec<f64>,
    capacity_ah: Vec<f64>,
    /// Resistance relative to a new mean cell.
    growth: Vec<f64>,
    step: Step,
    r0: Vec<f64>,
    r1: Vec<f64>,
    r2: Vec<f64>,
    half_gap_v: Vec<f64>,
    /// Self-discharge of the step [As].
    leak_as: Vec<f64>,
    temperature_c: Vec<f64>,
    charged_as: Vec<f64>,
    discharged_as: Vec<f64>,
    kelvin_s: Vec<f64>,
    soc_s: Vec<f64>,
    since_ageing_s: f64,
    since_refresh_s: f64,
    sums: BankSums,
}

/// Exponentials of a step's length, the same for all cells.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    dt_s: f64,
    e1: f64,
    e2: f64,
    /// Means of e^(−t/τ) over the step.
    m1: f64,
    m2: f64,
}

impl CircuitBank {
    /// New cells at rest, all at one state of charge.
    ///
    /// # Errors
    /// When the chemistry's capacity depends on the rate.
    pub fn new(model: Arc<CellModel>, traits: Vec<Traits>, soc: f64) -> Result<Self, UnsuitedCell> {
        if model.file.rate_capacity.is_some() || model.file.float.is_some() {
            return Err(UnsuitedCell::RateDependent(model.file.name.clone()));
        }
        let count = traits.len();
        let zeros = || vec![0.0; count];
        let past = Past::none(&model);
        let mut bank = Self {
            wear: vec![Wear::new(past, soc); count],
            soc: vec![soc; count],
            v1_v: zeros(),
            v2_v: zeros(),
            pairs_j: zeros(),
            hysteresis: zeros(),
            capacity_ah: zeros(),
            growth: zeros(),
            step: Step::default(),
            r0: zeros(),
            r1: zeros(),
            r2: zeros(),
            half_gap_v: zeros(),
            leak_as: zeros(),
            temperature_c: zeros(),
            charged_as: zeros(),
            discharged_as: zeros(),
            kelvin_s: zeros(),
            soc_s: zeros(),
            since_ageing_s: 0.0,
            since_refresh_s: 0.0,
            sums: BankSums::default(),
            traits,
            model,
        };
        (0..count).for_each(|cell| bank.refresh(cell));
        bank.sums = BankSums::default();
        Ok(bank)
    }

    /// The make.
    pub fn model(&self) -> &Arc<CellModel> {
        &self.model
    }

    /// What makes each cell different.
    pub fn traits(&self) -> &[Traits] {
        &self.traits
    }

    /// Full equivalent cycles of a cell.
    pub fn efc(&self, cell: usize) -> f64 {
        self.wear[cell].efc()
    }

    /// Age of a cell [d].
    pub fn age_days(&self, cell: usize) -> f64 {
        self.wear[cell].age_days()
    }

    /// Health of a cell with the cycles that are still open counted as half-cycles.
    pub fn observed_health(&self, cell: usize) -> Health {
        self.wear[cell].observed_health(&self.model, &self.traits[cell])
    }

    /// Puts another cell in a place, at rest.
    pub fn replace(&mut self, cell: usize, traits: Traits, past: Past, soc: f64) {
        self.traits[cell] = traits;
        self.wear[cell] = Wear::new(past, soc);
        self.soc[cell] = soc;
        (self.v1_v[cell], self.v2_v[cell], self.pairs_j[cell], self.hysteresis[cell]) = (0.0, 0.0, 0.0, 0.0);
        (self.charged_as[cell], self.discharged_as[cell]) = (0.0, 0.0);
        let before = self.sums;
        self.refresh(cell);
        // What left with the old cell is no fade of the new one.
        (self.sums.faded_ah, self.sums.faded_wh) = (before.faded_ah, before.faded_wh);
    }

    /// Sets a cell's state of charge, at rest.
    pub fn set_soc(&mut self, cell: usize, soc: f64) {
        let past = self.wear[cell].past().clone();
        let traits = self.traits[cell];
        self.replace(cell, traits, past, soc);
    }

    /// Energy that the cells hold: stored charge at its open-circuit voltage, and the RC pairs [Wh].
    pub fn stored_wh(&self) -> f64 {
        let charge: f64 =
            self.soc.iter().zip(&self.capacity_ah).map(|(s, q)| q * self.model.curves(*s).ocv_integral_v).sum();
        charge + self.pairs_j.iter().sum::<f64>() / 3600.0
    }

    /// Brings capacity and resistance of a cell up to date; its state of charge stays what it is.
    fn refresh(&mut self, cell: usize) {
        let health = self.wear[cell].health(&self.model, &self.traits[cell]);
        let capacity_ah = self.model.file.cell.capacity_ah * health.capacity;
        let lost_ah = self.capacity_ah[cell] - capacity_ah;
        let curves = self.model.curves(self.soc[cell]);
        self.sums.faded_ah += lost_ah * self.soc[cell];
        self.sums.faded_wh += lost_ah * curves.ocv_integral_v;
        self.capacity_ah[cell] = capacity_ah.max(1e-6 * self.model.file.cell.capacity_ah);
        self.growth[cell] = health.resistance;
    }

    /// Lets the life laws hear of what every cell did.
    fn age(&mut self) {
        let model = self.model.clone();
        let (seconds, rated_as) = (self.since_ageing_s, 3600.0 * model.file.cell.capacity_ah);
        let per_s = 1.0 / seconds;
        for (cell, wear) in self.wear.iter_mut().enumerate() {
            let span = Span {
                soc: self.soc[cell],
                soc_mean: self.soc_s[cell] * per_s,
                temperature_c: self.kelvin_s[cell] * per_s,
                charged: self.charged_as[cell] / rated_as,
                discharged: self.discharged_as[cell] / rated_as,
                seconds,
            };
            wear.add(&model, &span, &mut self.sums);
        }
        for sums in [&mut self.charged_as, &mut self.discharged_as, &mut self.kelvin_s, &mut self.soc_s] {
            sums.fill(0.0);
        }
        self.since_ageing_s = 0.0;
    }

    /// Stored charge that a current leaves behind after the step [As].
    #[inline(always)]
    fn moved_as(&self, cell: usize, current_a: f64) -> f64 {
        let efficiency =
            if current_a < 0.0 { self.model.file.losses.coulombic_efficiency } else { 1.0 };
        -current_a * self.step.dt_s * efficiency - self.leak_as[cell]
    }

    /// Branch of the hysteresis after the step, and its change with current [1/A].
    #[inline(always)]
    fn branch_after(&self, cell: usize, current_a: f64, moved: f64) -> (f64, f64) {
        let before = self.hysteresis[cell];
        if current_a == 0.0 {
            return (before, 0.0);
        }
        let branch = -current_a.signum();
        let gamma = self.model.file.hysteresis.gamma;
        let apart = (before - branch) * (-gamma * moved.abs()).exp();
        let per_a = self.step.dt_s / (3600.0 * self.capacity_ah[cell]);
        (branch + apart, -gamma * apart * per_a * current_a.signum())
    }
}

impl CellBank for CircuitBank {
    fn count(&self) -> usize {
        self.soc.len()
    }

    fn begin(&mut self, dt_s: f64, temperature_c: &[f64], expected_a: &[f64]) {
        let model = self.model.clone();
        if dt_s != self.step.dt_s {
            let circuit = &model.file.circuit;
            let (e1, e2) = ((-dt_s / circuit.tau1_s).exp(), (-dt_s / circuit.tau2_s).exp());
            let mean = |e: f64, tau_s: f64| (1.0 - e) * tau_s / dt_s;
            self.step = Step { dt_s, e1, e2, m1: mean(e1, circuit.tau1_s), m2: mean(e2, circuit.tau2_s) };
        }
        self.temperature_c.copy_from_slice(temperature_c);
        let rated_as = 3600.0 * model.file.cell.capacity_ah;
        for cell in 0..self.soc.len() {
            let (soc, capacity_as) = (self.soc[cell], 3600.0 * self.capacity_ah[cell]);
            let middle = (soc - 0.5 * expected_a[cell] * dt_s / capacity_as).clamp(0.0, 1.0);
            let fresh = model.resistances(middle, temperature_c[cell]);
            let growth = self.growth[cell];
            self.r0[cell] = fresh.r0 * growth;
            self.r1[cell] = fresh.r1 * growth;
            self.r2[cell] = fresh.r2 * growth;
            self.half_gap_v[cell] = model.curves(middle).half_gap_v;
            let leak_as = model.leak_per_s(temperature_c[cell]) * dt_s * rated_as;
            self.leak_as[cell] = leak_as.min((soc * capacity_as).max(0.0));
        }
    }

    fn linearise(&mut self, about_a: &[f64], lines: Lines<'_>) {
        let model = &*self.model;
        let Step { dt_s, e1, e2, .. } = self.step;
        for (cell, current_a) in about_a.iter().copied().enumerate() {
            let capacity_as = 3600.0 * self.capacity_ah[cell];
            let moved_as = self.moved_as(cell, current_a);
            let moved = moved_as / capacity_as;
            let end = model.curves(self.soc[cell] + moved);
            let ohmic = self.r0[cell] + self.r1[cell] * (1.0 - e1) + self.r2[cell] * (1.0 - e2);
            let efficiency = if current_a < 0.0 { model.file.losses.coulombic_efficiency } else { 1.0 };
            let mut resistance_ohm = ohmic + end.ocv_slope_v.max(0.0) * efficiency * dt_s / capacity_as;
            let mut voltage_v =
                end.ocv_v - self.v1_v[cell] * e1 - self.v2_v[cell] * e2 - current_a * ohmic;
            if self.half_gap_v[cell] > 0.0 {
                let (branch, per_a) = self.branch_after(cell, current_a, moved);
                voltage_v += self.half_gap_v[cell] * branch;
                resistance_ohm -= self.half_gap_v[cell] * per_a;
            }
            lines.emf_v[cell] = voltage_v + resistance_ohm * current_a;
            lines.resistance_ohm[cell] = resistance_ohm;
        }
    }

    fn advance(&mut self, current_a: &[f64], taken: Taken<'_>) {
        let model = self.model.clone();
        let Step { dt_s, e1, e2, m1, m2 } = self.step;
        let circuit = &model.file.circuit;
        let (half_tau1, half_tau2) = (0.5 * circuit.tau1_s, 0.5 * circuit.tau2_s);
        let efficiency_in = model.file.losses.coulombic_efficiency;
        let (mut losses_j, mut reversible_j, mut leaked_as, mut coulombic_as) = (0.0, 0.0, 0.0, 0.0);
        let per_s = 1.0 / dt_s;
        for cell in 0..self.soc.len() {
            let i = current_a[cell];
            let capacity_as = 3600.0 * self.capacity_ah[cell];
            let (soc, moved_as) = (self.soc[cell], self.moved_as(cell, i));
            let moved = moved_as / capacity_as;
            let soc_after = soc + moved;
            let (from, to) = (model.curves(soc), model.curves(soc_after));
            let ocv_mean_v = if moved.abs() > 1e-9 {
                (to.ocv_integral_v - from.ocv_integral_v) / (soc_after - soc)
            } else {
                0.5 * (from.ocv_v + to.ocv_v)
            };
            let (r0, r1, r2) = (self.r0[cell], self.r1[cell], self.r2[cell]);
            let (v1, v2) = (self.v1_v[cell], self.v2_v[cell]);
            let (v1_mean, v2_mean) = (v1 * m1 + i * r1 * (1.0 - m1), v2 * m2 + i * r2 * (1.0 - m2));
            let (v1, v2) = (v1 * e1 + i * r1 * (1.0 - e1), v2 * e2 + i * r2 * (1.0 - e2));
            let mut hysteresis_v = 0.0;
            if self.half_gap_v[cell] > 0.0 {
                let before = self.hysteresis[cell];
                let (branch, _) = self.branch_after(cell, i, moved);
                hysteresis_v = self.half_gap_v[cell] * 0.5 * (before + branch);
                self.hysteresis[cell] = branch;
            }
            let voltage_mean_v = ocv_mean_v + hysteresis_v - v1_mean - v2_mean - i * r0;
            let pairs_j = half_tau1 / r1 * v1 * v1 + half_tau2 / r2 * v2 * v2;
            let efficiency = if i < 0.0 { efficiency_in } else { 1.0 };
            // What the store gives up and neither the terminals nor the pairs get.
            let irreversible_j =
                -moved_as * ocv_mean_v - i * dt_s * voltage_mean_v - (pairs_j - self.pairs_j[cell]);
            let kelvin = self.temperature_c[cell] + ZERO_C_K;
            let entropy = 0.5 * (from.entropy_v_per_k + to.entropy_v_per_k);
            let entropic_j = -i * dt_s * kelvin * entropy;
            taken.voltage_mean_v[cell] = voltage_mean_v;
            taken.heat_w[cell] = (irreversible_j + entropic_j) * per_s;
            losses_j += irreversible_j;
            reversible_j += entropic_j;
            leaked_as += self.leak_as[cell];
            coulombic_as -= (1.0 - efficiency) * i * dt_s;
            self.pairs_j[cell] = pairs_j;
            (self.v1_v[cell], self.v2_v[cell]) = (without_dust(v1), without_dust(v2));
            self.charged_as[cell] += moved_as.max(0.0);
            self.discharged_as[cell] += (-moved_as).max(0.0);
            self.kelvin_s[cell] += self.temperature_c[cell] * dt_s;
            self.soc_s[cell] += 0.5 * (soc + soc_after) * dt_s;
            self.soc[cell] = soc_after;
        }
        self.sums.losses_wh += losses_j / 3600.0;
        self.sums.reversible_wh += reversible_j / 3600.0;
        self.sums.leaked_ah += leaked_as / 3600.0;
        self.sums.coulombic_loss_ah += coulombic_as / 3600.0;
        self.since_ageing_s += dt_s;
        self.since_refresh_s += dt_s;
        if self.since_ageing_s >= AGEING_S {
            self.age();
        }
        if self.since_refresh_s >= REFRESH_S {
            self.since_refresh_s = 0.0;
            (0..self.soc.len()).for_each(|cell| self.refresh(cell));
        }
    }

    fn soc(&self) -> &[f64] {
        &self.soc
    }

    fn capacity_ah(&self) -> &[f64] {
        &self.capacity_ah
    }

    fn health(&self, cell: usize) -> Health {
        let rated_ah = self.model.file.cell.capacity_ah;
        Health { capacity: self.capacity_ah[cell] / rated_ah, resistance: self.growth[cell] }
    }

    fn coulombic_efficiency(&self) -> f64 {
        self.model.file.losses.coulombic_efficiency
    }

    fn sums(&self) -> BankSums {
        self.sums
    }
}

/// Nothing instead of a voltage that has decayed beyond meaning: subnormal numbers slow every step down.
#[inline(always)]
fn without_dust(voltage_v: f64) -> f64 {
    if voltage_v.abs() < 1e-12 { 0.0 } else { voltage_v }
}
