//! Two-RC equivalent circuit of one cell, compiled from its chemistry file into tables.
//!
//! ```text
//! V = U(s) + M(s)·h − I·R0 − v1 − v2                 I > 0 discharges
//! v_k(t+Δt) = v_k·e^(−Δt/τ_k) + I·R_k·(1 − e^(−Δt/τ_k))
//! h(t+Δt)  = ∓1 + (h ± 1)·e^(−γ|Δs|)                 upper sign on discharge
//! ```
//!
//! Sources: Plett, *Battery Management Systems*, vol. 1 (2015), ch. 2 (circuit, one-state hysteresis); Arrhenius
//! dependence of the resistances. Exact for constant current and parameters over a step; parameters are taken at
//! the middle of the step.

use super::chemistry::{ChemistryFile, CurveFile, LossesFile, RateCapacityFile, SurfaceFile};
use super::formula::FormulaError;
use super::life::{LifeModel, ZERO_C_K};
use super::rate_table::Calendar;

/// Molar gas constant [J/(mol·K)].
pub const GAS_CONSTANT: f64 = 8.314_462_618;

/// Nodes of the curves over state of charge.
const SOC_NODES: usize = 1001;
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
    curves: Vec<CurveNode>,
    surface: Vec<[f32; 3]>,
    /// Self-discharge by kelvin, as a share of rated capacity per second.
    leak_per_s: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct CurveNode {
    ocv_v: f64,
    /// ∫U ds from empty to here [V].
    ocv_integral_v: f64,
    entropy_v_per_k: f64,
    half_gap_v: f64,
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
        let mut curves = Vec::with_capacity(SOC_NODES);
        let mut integral = 0.0;
        for k in 0..SOC_NODES {
            let soc = k as f64 / (SOC_NODES - 1) as f64;
            let ocv_v = interpolate(&file.ocv.soc, &file.ocv.value, soc);
            if let Some(CurveNode { ocv_v: before, .. }) = curves.last() {
                integral += 0.5 * (before + ocv_v) / (SOC_NODES - 1) as f64;
            }
            curves.push(CurveNode {
                ocv_v,
                ocv_integral_v: integral,
                entropy_v_per_k: 1e-3 * interpolate(&file.entropy.soc, &file.entropy.value, soc),
                half_gap_v: interpolate(&file.hysteresis.soc, &file.hysteresis.half_gap_v, soc),
            });
        }
        let mut surface = Vec::with_capacity(SURFACE_T_NODES * SURFACE_SOC_NODES);
        for row in 0..SURFACE_T_NODES {
            let temperature_c = SURFACE_T_C.0 + row as f64;
            for column in 0..SURFACE_SOC_NODES {
                let soc = column as f64 / (SURFACE_SOC_NODES - 1) as f64;
                let at = |s: &SurfaceFile| surface_value(s, soc, temperature_c) as f32;
                let circuit = &file.circuit;
                surface.push([at(&circuit.r0_ohm), at(&circuit.r1_ohm), at(&circuit.r2_ohm)]);
            }
        }
        let leak_per_s = (0..SURFACE_T_NODES)
            .map(|row| self_discharge_per_s(&file.losses, SURFACE_T_C.0 + row as f64))
            .collect();
        let calendar = Calendar::of(&life, |soc| curve_value(&file.ocv, soc));
        Ok(Self { file, life, calendar, curves, surface, leak_per_s })
    }

    /// Curves at a state of charge; beyond 0..1 they go on from the ends with the end's slope.
    #[inline(always)]
    pub fn curves(&self, soc: f64) -> Curves {
        let position = soc * (SOC_NODES - 1) as f64;
        let index = (position.max(0.0) as usize).min(SOC_NODES - 2);
        let f = position - index as f64;
        let (a, b) = (&self.curves[index], &self.curves[index + 1]);
        let ocv_v = a.ocv_v + (b.ocv_v - a.ocv_v) * f;
        let blend = f.clamp(0.0, 1.0);
        Curves {
            ocv_v,
            ocv_integral_v: a.ocv_integral_v + f * (a.ocv_v + ocv_v) * (0.5 / (SOC_NODES - 1) as f64),
            ocv_slope_v: (b.ocv_v - a.ocv_v) * (SOC_NODES - 1) as f64,
            entropy_v_per_k: a.entropy_v_per_k + (b.entropy_v_per_k - a.entropy_v_per_k) * blend,
            half_gap_v: a.half_gap_v + (b.half_gap_v - a.half_gap_v) * blend,
        }
    }

    /// Open-circuit voltage [V].
    pub fn ocv_v(&self, soc: f64) -> f64 {
        self.curves(soc).ocv_v
    }

    /// Resistances of a new cell, held at the ends of the table (−40 and 90 °C).
    #[inline(always)]
    pub fn resistances(&self, soc: f64, temperature_c: f64) -> Resistances {
        let t = (temperature_c - SURFACE_T_C.0).clamp(0.0, (SURFACE_T_NODES - 1) as f64);
        let s = (soc * (SURFACE_SOC_NODES - 1) as f64).clamp(0.0, (SURFACE_SOC_NODES - 1) as f64);
        let row = (t as usize).min(SURFACE_T_NODES - 2);
        let column = (s as usize).min(SURFACE_SOC_NODES - 2);
        let (ft, fs) = ((t - row as f64) as f32, (s - column as f64) as f32);
        let at = row * SURFACE_SOC_NODES + column;
        let (low, high) = (&self.surface[at..at + 2], &self.surface[at + SURFACE_SOC_NODES..][..2]);
        let blend = |k: usize| {
            let cold = low[0][k] + (low[1][k] - low[0][k]) * fs;
            let warm = high[0][k] + (high[1][k] - high[0][k]) * fs;
            f64::from(cold + (warm - cold) * ft)
        };
        Resistances { r0: blend(0), r1: blend(1), r2: blend(2) }
    }

    /// Self-discharge as a share of rated capacity per second, held at the ends of the table (−40 and 90 °C).
    #[inline(always)]
    pub fn leak_per_s(&self, temperature_c: f64) -> f64 {
        let t = (temperature_c - SURFACE_T_C.0).clamp(0.0, (SURFACE_T_NODES - 1) as f64);
        let row = (t as usize).min(SURFACE_T_NODES - 2);
        let pair = &self.leak_per_s[row..row + 2];
        pair[0] + (pair[1] - pair[0]) * (t - row as f64)
    }

    /// Share of the charge that can be had at a discharge current and temperature, for chemistries in which
    /// that differs from the rated capacity; 1 for all others.
    pub fn usable_share(&self, c_rate: f64, temperature_c: f64) -> f64 {
        self.file.rate_capacity.as_ref().map_or(1.0, |rate| usable_share(rate, c_rate, temperature_c))
    }
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
fn surface_value(surface: &SurfaceFile, soc: f64, temperature_c: f64) -> f64 {
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
