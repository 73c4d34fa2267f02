//! Two-RC equivalent circuit of one cell, compiled from its chemistry file into tables.
//!
//! ```text
//! V = U(s) + M(s)·h − I·R0 − v1 − v2                 I > 0 discharges
//! v_k(t+Δt) = v_k·e^(−Δt/τ_k) + I·R_k·(1 − e^(−Δt/τ_k))
//! h(t+Δt)  = ∓1 + (h ± 1)·e^(−γ|Δs|)                 upper sign on discharge
//! ```
//!
//! Sources: Plett, *Battery Management Systems*, vol. 1 (2015), ch. 2 (circuit, one-state hysteresis); Arrhenius
//! dependence of the resistances. Exact for constant current and parameters over a step; how these are taken over a
//! long one is `integrate`'s business.

use super::chemistry::{ChemistryFile, CurveFile, KneeFile, LossesFile, RateCapacityFile, SurfaceFile};
use super::formula::FormulaError;
use super::life::{LifeModel, ZERO_C_K};
use super::quick::{held_between, least, most, node_below};
use super::rate_table::Calendar;

/// Molar gas constant [J/(mol·K)].
pub const GAS_CONSTANT: f64 = 8.314_462_618;

/// Nodes of the curves over state of charge.
const SOC_NODES: usize = 1001;
/// Distance between them.
const SOC_STEP: f64 = 1.0 / (SOC_NODES - 1) as f64;
/// Places of a table that an index of so many bits cannot leave; those beyond the nodes are copies of the last.
const CURVE_PLACES: usize = 1024;
/// Nodes of the inverse of the open-circuit voltage.
const INVERSE_NODES: usize = 1025;
/// Nodes of the resistance table over state of charge.
const SURFACE_SOC_NODES: usize = 51;
/// Coldest and hottest node of the resistance table [°C].
const SURFACE_T_C: (f64, f64) = (-40.0, 90.0);
/// Nodes of the resistance table over temperature, one per kelvin.
const SURFACE_T_NODES: usize = 131;

/// A cell ready to be simulated.
#[derive(Debug, Clone)]
pub struct CellModel {
    /// The file it was made from.
    pub file: ChemistryFile,
    /// Life laws.
    pub life: LifeModel,
    /// Calendar laws as tables.
    pub calendar: Calendar,
    curves: Box<[CurveNode; CURVE_PLACES]>,
    /// State of charge over even steps of open-circuit voltage, from the lowest to the highest.
    inverse: Vec<f32>,
    /// R0, R1, R2 [Ω] and self-discharge [1/s].
    surface: Vec<[f32; 4]>,
    /// Self-discharge by kelvin, as a share of rated capacity per second.
    leak_per_s: Vec<f64>,
}

/// The curves at a node and how far they rise to the next.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct CurveNode {
    ocv_v: f64,
    ocv_rise_v: f64,
    /// ∫U ds from empty to here [V].
    ocv_integral_v: f64,
    entropy_v_per_k: f64,
    entropy_rise: f64,
    /// Half the gap between the branches and its rise to the next node [V]; both are so small beside the voltage that short
    /// numbers do, and a node fills a line of the cache.
    half_gap_v: f32,
    half_gap_rise_v: f32,
    /// Integral of half the gap from empty to here [V].
    half_gap_integral_v: f64,
    /// ∫dU/dT ds from empty to here [V/K].
    entropy_integral_v_per_k: f64,
}

impl CurveNode {
    /// Open-circuit voltage at a share of the way to the next node, and its integral [V].
    #[inline(always)]
    fn ocv(&self, f: f64) -> (f64, f64) {
        let ocv_v = self.ocv_v + self.ocv_rise_v * f;
        (ocv_v, self.ocv_integral_v + f * (self.ocv_v + ocv_v) * (0.5 * SOC_STEP))
    }

    /// Half the gap between the branches at a share of the way to the next node, and its integral [V].
    #[inline(always)]
    fn half_gap(&self, f: f64) -> (f64, f64) {
        let begins_v = f64::from(self.half_gap_v);
        let half_gap_v = begins_v + f64::from(self.half_gap_rise_v) * f;
        (half_gap_v, self.half_gap_integral_v + f * (begins_v + half_gap_v) * (0.5 * SOC_STEP))
    }

    /// The curves at a share of the way to the next node; the bounded ones at what is left of it between the two.
    #[inline(always)]
    fn curves(&self, f: f64, within: f64) -> Curves {
        let (ocv_v, ocv_integral_v) = self.ocv(f);
        Curves {
            ocv_v,
            ocv_integral_v,
            ocv_slope_v: self.ocv_rise_v * (SOC_NODES - 1) as f64,
            entropy_v_per_k: self.entropy_v_per_k + self.entropy_rise * within,
            half_gap_v: self.half_gap(within).0,
        }
    }
}

/// The curves around one state of charge: looks them up anew only beyond the nodes beside it.
pub(super) struct Nearby<'a> {
    cell: &'a CellModel,
    node: &'a CurveNode,
    /// Where the node lies, counted in nodes.
    begins: f64,
}

impl Nearby<'_> {
    /// Curves at a state of charge from 0 to 1.
    #[inline(always)]
    pub(super) fn at(&mut self, soc: f64) -> Curves {
        let mut f = soc * (SOC_NODES - 1) as f64 - self.begins;
        if !(0.0..=1.0).contains(&f) {
            *self = self.cell.curves_nearby(soc);
            f = soc * (SOC_NODES - 1) as f64 - self.begins;
        }
        self.node.curves(f, f)
    }
}

/// Open-circuit voltage at one state of charge, and what has been gathered of it, of its change with temperature and of the
/// gap between its branches since empty: differences are exact means over a move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored {
    /// Open-circuit voltage, mean of both branches [V].
    pub ocv_v: f64,
    /// Its integral over state of charge from empty [V].
    pub ocv_integral_v: f64,
    /// Integral of its change with temperature [V/K].
    pub entropy_integral_v_per_k: f64,
    /// Half the gap between the branches [V].
    pub half_gap_v: f64,
    /// Its integral over state of charge [V].
    pub half_gap_integral_v: f64,
}

/// Values of the curves at one state of charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curves {
    /// Open-circuit voltage, mean of both branches [V].
    pub ocv_v: f64,
    /// Its integral over state of charge from empty [V].
    pub ocv_integral_v: f64,
    /// Its slope over state of charge [V].
    pub ocv_slope_v: f64,
    /// Its change with temperature [V/K].
    pub entropy_v_per_k: f64,
    /// Half the gap between the branches [V].
    pub half_gap_v: f64,
}

/// Resistances of a new cell at one state of charge and temperature [Ω].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resistances {
    /// Series.
    pub r0: f64,
    /// Fast pair.
    pub r1: f64,
    /// Slow pair.
    pub r2: f64,
}

impl CellModel {
    /// Compiles a chemistry file.
    ///
    /// # Errors
    /// When one of its formulas cannot be read.
    pub fn compile(file: ChemistryFile) -> Result<Self, FormulaError> {
        let life = LifeModel::compile(&file.life)?;
        let curves = curves_of(&file);
        let inverse = inverse_of(&curves[..SOC_NODES]);
        let mut surface = Vec::with_capacity(SURFACE_T_NODES * SURFACE_SOC_NODES);
        for row in 0..SURFACE_T_NODES {
            let temperature_c = SURFACE_T_C.0 + row as f64;
            let leak = self_discharge_per_s(&file.losses, temperature_c);
            for column in 0..SURFACE_SOC_NODES {
                let soc = column as f64 / (SURFACE_SOC_NODES - 1) as f64;
                let at = |s: &SurfaceFile| surface_value(s, soc, temperature_c) as f32;
                let circuit = &file.circuit;
                surface.push([at(&circuit.r0_ohm), at(&circuit.r1_ohm), at(&circuit.r2_ohm), leak as f32]);
            }
        }
        let leak_per_s = (0..SURFACE_T_NODES)
            .map(|row| self_discharge_per_s(&file.losses, SURFACE_T_C.0 + row as f64))
            .collect();
        let calendar = Calendar::of(&life, |soc| curve_value(&file.ocv, soc));
        Ok(Self { file, life, calendar, curves, inverse, surface, leak_per_s })
    }

    /// Curves at a state of charge; beyond 0..1 they go on from the ends with the end's slope.
    #[inline(always)]
    pub fn curves(&self, soc: f64) -> Curves {
        let (node, f) = self.node_at(soc);
        node.curves(f, least(most(f, 0.0), 1.0))
    }

    /// The curves for one who asks again and again close by.
    #[inline(always)]
    pub(super) fn curves_nearby(&self, soc: f64) -> Nearby<'_> {
        let (node, f) = self.node_at(soc);
        Nearby { cell: self, node, begins: soc * (SOC_NODES - 1) as f64 - f }
    }

    /// Open-circuit voltage and the integrals over state of charge.
    #[inline(always)]
    pub fn stored(&self, soc: f64) -> Stored {
        let (node, f) = self.node_at(soc);
        let (ocv_v, ocv_integral_v) = node.ocv(f);
        let entropy_v_per_k = node.entropy_v_per_k + node.entropy_rise * f;
        let (half_gap_v, half_gap_integral_v) = node.half_gap(f);
        Stored {
            ocv_v,
            ocv_integral_v,
            entropy_integral_v_per_k: node.entropy_integral_v_per_k
                + f * (node.entropy_v_per_k + entropy_v_per_k) * (0.5 * SOC_STEP),
            half_gap_v,
            half_gap_integral_v,
        }
    }

    /// Voltage without current on a branch of the hysteresis, and its slope over state of charge [V].
    #[inline(always)]
    pub(super) fn branch_and_slope_v(&self, soc: f64, branch: f64) -> (f64, f64) {
        let (node, f) = self.node_at(soc);
        let rise_v = node.ocv_rise_v + f64::from(node.half_gap_rise_v) * branch;
        (node.ocv(f).0 + node.half_gap(f).0 * branch, rise_v * (SOC_NODES - 1) as f64)
    }

    /// The node below a state of charge, and how far beyond it that lies as a share of the way to the next.
    #[inline(always)]
    fn node_at(&self, soc: f64) -> (&CurveNode, f64) {
        let (node, f) = node_below(soc * (SOC_NODES - 1) as f64, SOC_NODES);
        (&self.curves[node % CURVE_PLACES], f)
    }

    /// Open-circuit voltage [V].
    pub fn ocv_v(&self, soc: f64) -> f64 {
        self.curves(soc).ocv_v
    }

    /// About the state of charge at which the open-circuit voltage reaches a value, 0 or 1 where it does not: good
    /// for choosing steps, not for results.
    pub fn soc_at_ocv(&self, ocv_v: f64) -> f64 {
        let (low_v, high_v) = (self.curves[0].ocv_v, self.curves[SOC_NODES - 1].ocv_v);
        let share = (ocv_v - low_v) / (high_v - low_v);
        let node = (share.clamp(0.0, 1.0) * (INVERSE_NODES - 1) as f64) as usize;
        f64::from(self.inverse[node])
    }

    /// Resistances of a new cell, held at the ends of the table (−40 and 90 °C).
    #[inline(always)]
    pub fn resistances(&self, soc: f64, temperature_c: f64) -> Resistances {
        self.resistances_and_leak(soc, temperature_c).0
    }

    /// [`CellModel::resistances`] and, to a millionth of itself, [`CellModel::leak_per_s`].
    #[inline(always)]
    pub(super) fn resistances_and_leak(&self, soc: f64, temperature_c: f64) -> (Resistances, f64) {
        let t = held_between(temperature_c - SURFACE_T_C.0, (SURFACE_T_NODES - 1) as f64);
        let s = held_between(soc * (SURFACE_SOC_NODES - 1) as f64, (SURFACE_SOC_NODES - 1) as f64);
        let ((row, ft), (column, fs)) = (node_below(t, SURFACE_T_NODES), node_below(s, SURFACE_SOC_NODES));
        let (ft, fs) = (ft as f32, fs as f32);
        let at = row * SURFACE_SOC_NODES + column;
        let four = &self.surface[at..at + SURFACE_SOC_NODES + 2];
        let (low, high) = ([four[0], four[1]], [four[SURFACE_SOC_NODES], four[SURFACE_SOC_NODES + 1]]);
        let mut blended = [0.0f32; 4];
        for (k, value) in blended.iter_mut().enumerate() {
            let cold = low[0][k] + (low[1][k] - low[0][k]) * fs;
            let warm = high[0][k] + (high[1][k] - high[0][k]) * fs;
            *value = cold + (warm - cold) * ft;
        }
        let [r0, r1, r2, leak] = blended.map(f64::from);
        (Resistances { r0, r1, r2 }, leak)
    }

    /// Resistances of a new cell under a current [A]: R0 falls at high current where the chemistry has a knee.
    #[inline(always)]
    pub fn resistances_under(&self, soc: f64, temperature_c: f64, current_a: f64) -> Resistances {
        self.under_current(self.resistances(soc, temperature_c), current_a)
    }

    /// Resistances as they are under a current [A].
    #[inline(always)]
    pub(super) fn under_current(&self, mut ohm: Resistances, current_a: f64) -> Resistances {
        if let Some(knee) = &self.file.circuit.knee {
            ohm.r0 = bent(ohm.r0, current_a, knee);
        }
        ohm
    }

    /// Self-discharge as a share of rated capacity per second, held at the ends of the table (−40 and 90 °C).
    #[inline(always)]
    pub fn leak_per_s(&self, temperature_c: f64) -> f64 {
        let t = held_between(temperature_c - SURFACE_T_C.0, (SURFACE_T_NODES - 1) as f64);
        let (row, f) = node_below(t, SURFACE_T_NODES);
        let pair = &self.leak_per_s[row..row + 2];
        pair[0] + (pair[1] - pair[0]) * f
    }

    /// Share of the charge that can be had at a discharge current and temperature, for chemistries in which
    /// that differs from the rated capacity; 1 for all others.
    pub fn usable_share(&self, c_rate: f64, temperature_c: f64) -> f64 {
        self.file.rate_capacity.as_ref().map_or(1.0, |rate| usable_share(rate, c_rate, temperature_c))
    }
}

fn curves_of(file: &ChemistryFile) -> Box<[CurveNode; CURVE_PLACES]> {
    let mut nodes = Box::new([CurveNode::default(); CURVE_PLACES]);
    let (mut integral_v, mut entropy_integral_v_per_k, mut half_gap_integral_v) = (0.0, 0.0, 0.0);
    for k in 0..CURVE_PLACES {
        let soc = k.min(SOC_NODES - 1) as f64 / (SOC_NODES - 1) as f64;
        let ocv_v = interpolate(&file.ocv.soc, &file.ocv.value, soc);
        let entropy_v_per_k = 1e-3 * interpolate(&file.entropy.soc, &file.entropy.value, soc);
        let half_gap_v = interpolate(&file.hysteresis.soc, &file.hysteresis.half_gap_v, soc);
        if let Some(before) = k.checked_sub(1).map(|before| &mut nodes[before]) {
            before.ocv_rise_v = ocv_v - before.ocv_v;
            before.entropy_rise = entropy_v_per_k - before.entropy_v_per_k;
            before.half_gap_rise_v = half_gap_v as f32 - before.half_gap_v;
            if k < SOC_NODES {
                integral_v += 0.5 * (before.ocv_v + ocv_v) / (SOC_NODES - 1) as f64;
                entropy_integral_v_per_k +=
                    0.5 * (before.entropy_v_per_k + entropy_v_per_k) / (SOC_NODES - 1) as f64;
                half_gap_integral_v = before.half_gap(1.0).1;
            }
        }
        nodes[k] = CurveNode {
            ocv_v,
            ocv_integral_v: integral_v,
            entropy_integral_v_per_k,
            entropy_v_per_k,
            half_gap_v: half_gap_v as f32,
            half_gap_integral_v,
            ..CurveNode::default()
        };
    }
    nodes
}

fn inverse_of(curves: &[CurveNode]) -> Vec<f32> {
    let (low_v, high_v) = (curves[0].ocv_v, curves[curves.len() - 1].ocv_v);
    let mut index = 0;
    (0..INVERSE_NODES)
        .map(|node| {
            let wanted_v = low_v + (high_v - low_v) * node as f64 / (INVERSE_NODES - 1) as f64;
            while index + 1 < curves.len() && curves[index + 1].ocv_v <= wanted_v {
                index += 1;
            }
            index as f32 / (SOC_NODES - 1) as f32
        })
        .collect()
}

/// Series resistance under a current, where charge transfer bends it [Ω].
///
/// ```text
/// R0(I) = R_o + (R0 − R_o)·asinh(x)/x,   x = |I|·(R0 − R_o)/V_k
/// ```
///
/// The Butler–Volmer equation with equal transfer coefficients gives the overpotential of a charge transfer as
/// `(2·R_gas·T/F)·asinh(I/2I_0)`: linear at small current, then like a logarithm from an overpotential on that does not
/// depend on the exchange current I_0. Source: Newman & Thomas-Alyea, *Electrochemical Systems*, 3rd ed. (2004), ch. 8.
/// Limits: V_k is fitted and stands for both electrodes; the theory's `2·R_gas·T/F` is 0.05 V for each.
#[inline]
pub fn bent(r0_ohm: f64, current_a: f64, knee: &KneeFile) -> f64 {
    let transfer = r0_ohm - knee.ohmic_ohm;
    let x = current_a.abs() * transfer / knee.voltage_v;
    if transfer <= 0.0 {
        return r0_ohm;
    }
    // asinh(x)/x is 1 − x²/6 up to 3x⁴/40.
    let share = if x < 1e-2 { 1.0 - x * x / 6.0 } else { x.asinh() / x };
    knee.ohmic_ohm + transfer * share
}

/// Self-discharge as a share of rated capacity per second: doubles for so many kelvin.
fn self_discharge_per_s(losses: &LossesFile, temperature_c: f64) -> f64 {
    let at_25 = losses.self_discharge_per_month / (30.0 * 86_400.0);
    at_25 * ((temperature_c - 25.0) / losses.self_discharge_doubling_k).exp2()
}

/// Peukert's law with a capacity table over temperature.
///
/// ```text
/// C(I, T)/C_r = φ(I) · f(t_discharge, T),   φ = (I_r/I)^(k−1), or by the points of a data sheet
/// ```
///
/// Held at 1 below the reference rate, where the power law would go to infinity. Source: Peukert 1897; points (see
/// [`super::lead_acid::capacity`]) and table as named in the chemistry file.
fn usable_share(rate: &RateCapacityFile, c_rate: f64, temperature_c: f64) -> f64 {
    let peukert = rate.share_at_25c(c_rate);
    let duration_h = peukert / c_rate.max(rate.reference_c_rate);
    let row = |k: usize| interpolate(&rate.temperature_c, &rate.rows[k], temperature_c);
    let by_duration: Vec<f64> = (0..rate.rows.len()).map(row).collect();
    peukert * interpolate(&rate.duration_h, &by_duration, duration_h)
}

fn curve_value(curve: &CurveFile, soc: f64) -> f64 {
    interpolate(&curve.soc, &curve.value, soc)
}

/// Linear between the points, constant beyond them.
pub fn interpolate(x: &[f64], y: &[f64], at: f64) -> f64 {
    let upper = x.partition_point(|known| *known <= at);
    if upper == 0 {
        return y[0];
    }
    if upper == x.len() {
        return y[x.len() - 1];
    }
    let f = (at - x[upper - 1]) / (x[upper] - x[upper - 1]);
    y[upper - 1] + (y[upper] - y[upper - 1]) * f
}

/// Resistance at a state of charge and temperature: linear between rows in ln R over 1/T, Arrhenius beyond.
///
/// `R(T) = R(T₀)·exp[(E_a/R_gas)·(1/T − 1/T₀)]`
pub(super) fn surface_value(surface: &SurfaceFile, soc: f64, temperature_c: f64) -> f64 {
    let row = |k: usize| interpolate(&surface.soc, &surface.rows[k], soc);
    let inverse_k = |t_c: f64| 1.0 / (t_c + ZERO_C_K);
    let arrhenius = |value: f64, from_c: f64| {
        let span = inverse_k(temperature_c) - inverse_k(from_c);
        value * (surface.activation_energy_j_per_mol / GAS_CONSTANT * span).exp()
    };
    let rows = &surface.temperature_c;
    if rows.len() < 2 {
        return arrhenius(row(0), rows.first().copied().unwrap_or(25.0));
    }
    let upper = rows.partition_point(|known| *known <= temperature_c);
    if upper == 0 {
        return arrhenius(row(0), rows[0]);
    }
    if upper == rows.len() {
        return arrhenius(row(upper - 1), rows[upper - 1]);
    }
    let f = (inverse_k(temperature_c) - inverse_k(rows[upper - 1]))
        / (inverse_k(rows[upper]) - inverse_k(rows[upper - 1]));
    (row(upper - 1).ln() * (1.0 - f) + row(upper).ln() * f).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::battery::library;

    #[test]
    fn curves_nearby_are_the_curves() {
        for file in library::shipped() {
            let cell = CellModel::compile(file).unwrap();
            let mut nearby = cell.curves_nearby(1.0);
            // Down in small steps as at rest, over the nodes and on them, and back in one leap.
            let way = (0..=4000).rev().map(|step| f64::from(step) / 4000.0).chain([1.0, 0.5, 0.0]);
            for soc in way {
                let (near, plain) = (nearby.at(soc), cell.curves(soc));
                let gap_v = (near.ocv_v - plain.ocv_v).abs() + (near.half_gap_v - plain.half_gap_v).abs();
                let gap_integral_v = (near.ocv_integral_v - plain.ocv_integral_v).abs();
                assert!(gap_v < 1e-9 && gap_integral_v < 1e-9, "{} at {soc}", cell.file.name);
            }
        }
    }
}
