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
use crate::battery::circuit::{CellModel, Curves};
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
    #[error("`{0}` has a capacity that depends on the rate, which single cells in a network do not follow")]
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
    /// One over it [1/As].
    per_as: Vec<f64>,
    /// Resistance relative to a new mean cell.
    growth: Vec<f64>,
    step: Step,
    r0: Vec<f64>,
    r1: Vec<f64>,
    r2: Vec<f64>,
    half_gap_v: Vec<f64>,
    /// Charge of the step that is lost inside: self-discharge and ripple [As].
    leak_as: Vec<f64>,
    ripple: f64,
    /// Part of it, all cells together, that is ripple.
    ripple_as: f64,
    temperature_c: Vec<f64>,
    after: Vec<After>,
    did: Vec<Did>,
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

/// A cell at the end of the step, for the current that its voltage was last asked for.
#[derive(Debug, Clone, Copy)]
struct After {
    /// Stored charge that came [As].
    moved_as: f64,
    end: Curves,
    branch: f64,
}

/// What a cell did since the life laws last heard of it.
#[derive(Debug, Clone, Copy, Default)]
struct Did {
    charged_as: f64,
    discharged_as: f64,
    kelvin_s: f64,
    soc_s: f64,
}

impl CircuitBank {
    /// New cells at rest, all at one state of charge.
    ///
    /// # Errors
    /// When the chemistry's capacity depends on the rate.
    pub fn new(model: Arc<CellModel>, traits: Vec<Traits>, soc: f64) -> Result<Self, UnsuitedCell> {
        Self::suits(&model)?;
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
            per_as: zeros(),
            growth: zeros(),
            step: Step::default(),
            r0: zeros(),
            r1: zeros(),
            r2: zeros(),
            half_gap_v: zeros(),
            leak_as: zeros(),
            ripple: 0.0,
            ripple_as: 0.0,
            temperature_c: zeros(),
            after: vec![After { moved_as: 0.0, end: model.curves(soc), branch: 0.0 }; count],
            did: vec![Did::default(); count],
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

    /// Whether cells of a make can be simulated one by one.
    ///
    /// # Errors
    /// When they cannot, and why.
    pub fn suits(model: &CellModel) -> Result<(), UnsuitedCell> {
        if model.file.rate_capacity.is_some() || model.file.float.is_some() {
            return Err(UnsuitedCell::RateDependent(model.file.name.clone()));
        }
        Ok(())
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
        (self.did[cell].charged_as, self.did[cell].discharged_as) = (0.0, 0.0);
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
        let charge: f64 = self
            .soc
            .iter()
            .zip(&self.capacity_ah)
            .map(|(s, q)| q * self.model.curves(*s).ocv_integral_v)
            .sum();
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
        self.per_as[cell] = 1.0 / (3600.0 * self.capacity_ah[cell]);
        self.growth[cell] = health.resistance;
    }

    /// Lets the life laws hear of what every cell did.
    fn age(&mut self) {
        let model = self.model.clone();
        let (seconds, rated_as) = (self.since_ageing_s, 3600.0 * model.file.cell.capacity_ah);
        let per_s = 1.0 / seconds;
        for (cell, wear) in self.wear.iter_mut().enumerate() {
            let did = std::mem::take(&mut self.did[cell]);
            let span = Span {
                soc: self.soc[cell],
                soc_mean: did.soc_s * per_s,
                temperature_c: did.kelvin_s * per_s,
                charged: did.charged_as / rated_as,
                discharged: did.discharged_as / rated_as,
                seconds,
            };
            wear.add(&model, &span, &mut self.sums);
        }
        self.since_ageing_s = 0.0;
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
        self.ripple_as = 0.0;
        // Slices of one known length, here and below, spare the loops all checks of bounds.
        let n = self.soc.len();
        let (soc, per_as, growth) = (&self.soc[..n], &self.per_as[..n], &self.growth[..n]);
        let (r0, r1, r2) = (&mut self.r0[..n], &mut self.r1[..n], &mut self.r2[..n]);
        let (half_gap_v, leak_as) = (&mut self.half_gap_v[..n], &mut self.leak_as[..n]);
        let (temperature_c, expected_a) = (&temperature_c[..n], &expected_a[..n]);
        for cell in 0..n {
            let middle = (soc[cell] - 0.5 * expected_a[cell] * dt_s * per_as[cell]).clamp(0.0, 1.0);
            let fresh = model.resistances(middle, temperature_c[cell]);
            r0[cell] = fresh.r0 * growth[cell];
            r1[cell] = fresh.r1 * growth[cell];
            r2[cell] = fresh.r2 * growth[cell];
            let curves = model.curves(middle);
            half_gap_v[cell] = curves.half_gap_v;
            let drained_as = model.leak_per_s(temperature_c[cell]) * dt_s * rated_as;
            leak_as[cell] = drained_as.min((soc[cell] * 3600.0 * self.capacity_ah[cell]).max(0.0));
            if self.ripple > 0.0 {
                let ripple_w = expected_a[cell] * expected_a[cell] * r0[cell] * self.ripple;
                let ripple_as = ripple_w / curves.ocv_v * dt_s;
                leak_as[cell] += ripple_as;
                self.ripple_as += ripple_as;
            }
        }
    }

    fn linearise(&mut self, about_a: &[f64], lines: Lines<'_>) {
        let model = &*self.model;
        let Step { dt_s, e1, e2, .. } = self.step;
        let efficiency_in = model.file.losses.coulombic_efficiency;
        let gamma = model.file.hysteresis.gamma;
        let (not_e1, not_e2) = (1.0 - e1, 1.0 - e2);
        let n = self.soc.len();
        let (soc, per_as, leak_as) = (&self.soc[..n], &self.per_as[..n], &self.leak_as[..n]);
        let (r0, r1, r2) = (&self.r0[..n], &self.r1[..n], &self.r2[..n]);
        let (v1_v, v2_v) = (&self.v1_v[..n], &self.v2_v[..n]);
        let (half_gap_v, hysteresis) = (&self.half_gap_v[..n], &self.hysteresis[..n]);
        let after = &mut self.after[..n];
        let (about_a, emf_v, resistance_ohm) =
            (&about_a[..n], &mut lines.emf_v[..n], &mut lines.resistance_ohm[..n]);
        for cell in 0..n {
            let current_a = about_a[cell];
            let efficiency = if current_a < 0.0 { efficiency_in } else { 1.0 };
            let moved_as = -current_a * dt_s * efficiency - leak_as[cell];
            let moved = moved_as * per_as[cell];
            let end = model.curves(soc[cell] + moved);
            let ohmic = r0[cell] + r1[cell] * not_e1 + r2[cell] * not_e2;
            let per_a = dt_s * per_as[cell];
            let mut fall_ohm = ohmic + end.ocv_slope_v.max(0.0) * efficiency * per_a;
            let mut voltage_v = end.ocv_v - v1_v[cell] * e1 - v2_v[cell] * e2 - current_a * ohmic;
            let mut branch = hysteresis[cell];
            if half_gap_v[cell] > 0.0 && current_a != 0.0 {
                let side = -current_a.signum();
                let apart = (branch - side) * (-gamma * moved.abs()).exp();
                branch = side + apart;
                voltage_v += half_gap_v[cell] * branch;
                // Towards its side the branch moves faster with more current.
                fall_ohm -= half_gap_v[cell] * gamma * apart * per_a * side;
            } else {
                voltage_v += half_gap_v[cell] * branch;
            }
            after[cell] = After { moved_as, end, branch };
            emf_v[cell] = voltage_v + fall_ohm * current_a;
            resistance_ohm[cell] = fall_ohm;
        }
    }

    fn advance(&mut self, current_a: &[f64], taken: Taken<'_>) {
        let model = self.model.clone();
        let Step { dt_s, e1, e2, m1, m2 } = self.step;
        let circuit = &model.file.circuit;
        let (half_tau1, half_tau2) = (0.5 * circuit.tau1_s, 0.5 * circuit.tau2_s);
        let lost_in = 1.0 - model.file.losses.coulombic_efficiency;
        let (mut losses_j, mut reversible_j, mut leaked_as, mut coulombic_as) = (0.0, 0.0, 0.0, 0.0);
        let per_s = 1.0 / dt_s;
        let n = self.soc.len();
        let (soc, per_as, leak_as) = (&mut self.soc[..n], &self.per_as[..n], &self.leak_as[..n]);
        let (r0, r1, r2) = (&self.r0[..n], &self.r1[..n], &self.r2[..n]);
        let (v1_v, v2_v, pairs_j) = (&mut self.v1_v[..n], &mut self.v2_v[..n], &mut self.pairs_j[..n]);
        let (half_gap_v, hysteresis) = (&self.half_gap_v[..n], &mut self.hysteresis[..n]);
        let (after, temperature_c, did) = (&self.after[..n], &self.temperature_c[..n], &mut self.did[..n]);
        let (current_a, mean_v, heat_w) =
            (&current_a[..n], &mut taken.voltage_mean_v[..n], &mut taken.heat_w[..n]);
        for cell in 0..n {
            let i = current_a[cell];
            let After { moved_as, end, branch } = after[cell];
            let before = soc[cell];
            let soc_after = before + moved_as * per_as[cell];
            let start = model.curves(before);
            let moved = soc_after - before;
            let ocv_mean_v = if moved.abs() > 1e-9 {
                (end.ocv_integral_v - start.ocv_integral_v) / moved
            } else {
                0.5 * (start.ocv_v + end.ocv_v)
            };
            let (ir1, ir2) = (i * r1[cell], i * r2[cell]);
            let v1_mean = v1_v[cell] * m1 + ir1 * (1.0 - m1);
            let v2_mean = v2_v[cell] * m2 + ir2 * (1.0 - m2);
            let v1 = v1_v[cell] * e1 + ir1 * (1.0 - e1);
            let v2 = v2_v[cell] * e2 + ir2 * (1.0 - e2);
            let hysteresis_v = half_gap_v[cell] * 0.5 * (hysteresis[cell] + branch);
            let voltage_mean_v = ocv_mean_v + hysteresis_v - v1_mean - v2_mean - i * r0[cell];
            let held_j =
                (half_tau1 * v1 * v1 * r2[cell] + half_tau2 * v2 * v2 * r1[cell]) / (r1[cell] * r2[cell]);
            // What the store gives up and neither the terminals nor the pairs get.
            let irreversible_j =
                -moved_as * ocv_mean_v - i * dt_s * voltage_mean_v - (held_j - pairs_j[cell]);
            let entropy = 0.5 * (start.entropy_v_per_k + end.entropy_v_per_k);
            let entropic_j = -i * dt_s * (temperature_c[cell] + ZERO_C_K) * entropy;
            mean_v[cell] = voltage_mean_v;
            heat_w[cell] = (irreversible_j + entropic_j) * per_s;
            losses_j += irreversible_j;
            reversible_j += entropic_j;
            leaked_as += leak_as[cell];
            coulombic_as -= if i < 0.0 { lost_in * i * dt_s } else { 0.0 };
            pairs_j[cell] = held_j;
            (v1_v[cell], v2_v[cell]) = (without_dust(v1), without_dust(v2));
            hysteresis[cell] = branch;
            let did = &mut did[cell];
            did.charged_as += moved_as.max(0.0);
            did.discharged_as += (-moved_as).max(0.0);
            did.kelvin_s += temperature_c[cell] * dt_s;
            did.soc_s += 0.5 * (before + soc_after) * dt_s;
            soc[cell] = soc_after;
        }
        self.sums.losses_wh += losses_j / 3600.0;
        self.sums.reversible_wh += reversible_j / 3600.0;
        self.sums.leaked_ah += (leaked_as - self.ripple_as) / 3600.0;
        self.sums.ripple_ah += self.ripple_as / 3600.0;
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

    fn set_ripple(&mut self, ripple: f64) {
        self.ripple = ripple;
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
