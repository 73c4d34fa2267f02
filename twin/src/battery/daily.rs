//! The published life models in the step scheme of their package: one explicit Euler step per chunk of a profile,
//! a day by default.
//!
//! The scheme is part of the published models, because their state equations are stiff near zero and the first
//! step is exact: other chunks give other figures. It is here to be compared with the package; simulations use
//! [`super::exact::Exact`], which does not depend on how a path is cut.
//!
//! Source: BLAST-Lite 1.1.1 (NREL), restated from its behaviour.

use super::formula::Formula;
use super::life::{Axis, Law, LifeModel, Progress, StateLaw, Stress, V_RMS, ZERO_C_K, instant_stress};
use super::rainflow::IDLE_RATE_PER_H;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// One row of a profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Time since the start [s].
    pub t_s: f64,
    /// State of charge, of present capacity.
    pub soc: f64,
    /// Temperature of the cell [°C].
    pub temperature_c: f64,
}

/// A life model driven chunk by chunk.
pub struct Daily<'m, V: Fn(f64) -> f64> {
    model: &'m LifeModel,
    ocv_v: V,
    states: Progress,
    degradation: f64,
    t_days: f64,
    efc: f64,
    stresses: Vec<Stress>,
    weights: Vec<f64>,
}

/// What a chunk does, apart from its single samples.
struct Chunk {
    days: f64,
    efc: f64,
    depth: f64,
    c_rate: f64,
    c_rate_charge: f64,
    c_rate_discharge: f64,
}

impl<'m, V: Fn(f64) -> f64> Daily<'m, V> {
    /// A new cell; `ocv_v` gives the open-circuit voltage over state of charge.
    pub fn new(model: &'m LifeModel, ocv_v: V) -> Self {
        Self::with_degradation(model, ocv_v, 1.0)
    }

    /// A new cell that ages faster or slower than the model by a factor on every step of every state.
    pub fn with_degradation(model: &'m LifeModel, ocv_v: V, degradation: f64) -> Self {
        let states = model.states.iter().map(|state| state.initial).collect();
        Self {
            model,
            ocv_v,
            states,
            degradation,
            t_days: 0.0,
            efc: 0.0,
            stresses: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Capacity relative to new, as the formula gives it (not kept above zero).
    pub fn capacity(&self) -> f64 {
        self.model.published(&self.states).0
    }

    /// Resistance relative to new, where published, as the formula gives it.
    pub fn resistance(&self) -> Option<f64> {
        self.model.published(&self.states).1
    }

    /// Values of the states.
    pub fn states(&self) -> &[f64] {
        &self.states
    }

    /// Full equivalent cycles so far, in rated capacity.
    pub fn efc(&self) -> f64 {
        self.efc
    }

    /// Time so far [d].
    pub fn t_days(&self) -> f64 {
        self.t_days
    }

    /// Advances by one chunk: its samples, first and last included. Fewer than two samples do nothing.
    pub fn advance(&mut self, samples: &[Sample]) {
        let [first, .., last] = samples else { return };
        let chunk = Chunk::of(samples, (last.t_s - first.t_s) / SECONDS_PER_DAY, self.capacity());
        if chunk.days <= 0.0 {
            return;
        }
        self.fill_stresses(samples, &chunk);
        fill_weights(&mut self.weights, samples);
        let mean = self.mean_stress(samples);
        for (state, y) in self.model.states.iter().zip(&mut self.states) {
            let average = |rate: &Formula| match rate.as_constant() {
                Some(value) => value,
                None if state.mean_inputs => rate.value(&mean),
                None => rate.average(&self.stresses, &self.weights),
            };
            let dy = self.degradation * step(state, *y, &chunk, average);
            if dy.is_finite() {
                *y += dy;
            }
        }
        self.t_days += chunk.days;
        self.efc += chunk.efc;
    }

    fn fill_stresses(&mut self, samples: &[Sample], chunk: &Chunk) {
        let count = samples.len() as f64;
        let (low, high) = soc_range(samples);
        let soc_mean = samples.iter().map(|s| s.soc).sum::<f64>() / count;
        let square_mean = samples.iter().map(|s| (self.ocv_v)(s.soc).powi(2)).sum::<f64>() / count;
        self.stresses.clear();
        for sample in samples {
            let mut stress = instant_stress(sample.temperature_c, sample.soc, (self.ocv_v)(sample.soc));
            stress[5] = chunk.depth;
            stress[6] = chunk.c_rate;
            stress[7] = chunk.c_rate_charge;
            stress[8] = chunk.c_rate_discharge;
            stress[9] = soc_mean;
            stress[10] = low;
            stress[11] = high;
            stress[V_RMS] = square_mean.sqrt();
            self.stresses.push(stress);
        }
    }

    /// Stress at the mean temperature and state of charge, for models that average these first.
    fn mean_stress(&self, samples: &[Sample]) -> Stress {
        let count = samples.len() as f64;
        let soc = samples.iter().map(|s| s.soc).sum::<f64>() / count;
        let temperature_c =
            samples.iter().map(|s| s.temperature_c + ZERO_C_K).sum::<f64>() / count - ZERO_C_K;
        let mut stress = instant_stress(temperature_c, soc, (self.ocv_v)(soc));
        stress[5..].copy_from_slice(&self.stresses[0][5..]);
        stress
    }
}

impl Chunk {
    fn of(samples: &[Sample], days: f64, capacity: f64) -> Self {
        let (low, high) = soc_range(samples);
        let moved: f64 = samples.windows(2).map(|pair| (pair[1].soc - pair[0].soc).abs()).sum();
        let (mut all, mut charging, mut discharging) = (Rates::default(), Rates::default(), Rates::default());
        for pair in samples.windows(2) {
            let hours = (pair[1].t_s - pair[0].t_s) / 3600.0;
            let exact = (pair[1].soc - pair[0].soc) / hours;
            let rate = if exact.abs() < IDLE_RATE_PER_H { 0.0 } else { exact };
            all.add(rate.abs(), hours);
            if rate > 0.0 {
                charging.add(rate, hours);
            } else if rate < 0.0 {
                discharging.add(-rate, hours);
            }
        }
        Self {
            days,
            efc: capacity * 0.5 * moved,
            depth: high - low,
            c_rate: capacity * all.integral_h / (days * 24.0),
            c_rate_charge: capacity * charging.mean(),
            c_rate_discharge: capacity * discharging.mean(),
        }
    }
}

/// Trapezoids over rates that sit at the ends of their intervals, so that half of the first is lost: the
/// package's figure, kept as it is.
#[derive(Default)]
struct Rates {
    last: Option<f64>,
    integral_h: f64,
    span_h: f64,
}

impl Rates {
    fn add(&mut self, rate: f64, hours: f64) {
        if let Some(last) = self.last {
            self.integral_h += 0.5 * (last + rate) * hours;
            self.span_h += hours;
        }
        self.last = Some(rate);
    }

    fn mean(&self) -> f64 {
        if self.span_h > 0.0 { self.integral_h / self.span_h } else { self.last.unwrap_or(0.0) }
    }
}

fn soc_range(samples: &[Sample]) -> (f64, f64) {
    samples
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(s.soc), high.max(s.soc)))
}

/// Weights of a trapezoidal mean over time.
fn fill_weights(weights: &mut Vec<f64>, samples: &[Sample]) {
    let span_s = samples[samples.len() - 1].t_s - samples[0].t_s;
    weights.clear();
    weights.resize(samples.len(), 0.0);
    for (at, pair) in samples.windows(2).enumerate() {
        let half = 0.5 * (pair[1].t_s - pair[0].t_s) / span_s;
        weights[at] += half;
        weights[at + 1] += half;
    }
}

/// One step of a state over a chunk: the law itself from zero, else its state equation.
///
/// ```text
/// power    dy/dx = k·p·(y/k)^((p−1)/p)
/// power_b  dy/dx = p·(k·z)^p / z,                     z = y^(1/p)/k
/// sigmoid  dy/dx = 2Y·p·z·e^z / (ξ·(e^z + 1)²),       z = ln(−2Y/(y−Y) − 1), ξ = z^(1/p)/κ
/// ```
fn step(state: &StateLaw, y: f64, chunk: &Chunk, average: impl Fn(&Formula) -> f64) -> f64 {
    let dx = match state.axis {
        Axis::Days => chunk.days,
        Axis::Efc => chunk.efc,
    } / state.axis_scale;
    let fast_enough = state.above_efc_per_day.is_none_or(|limit| chunk.efc / chunk.days > limit);
    if dx == 0.0 || !fast_enough {
        return 0.0;
    }
    let product = |rate: &[Formula]| rate.iter().map(&average).product::<f64>();
    let dy = match &state.law {
        Law::Power { rate, exponent: p } => {
            let k = product(rate);
            if y == 0.0 { k * dx.powf(*p) } else { k * p * (y / k).powf((p - 1.0) / p) * dx }
        }
        Law::PowerB { rate, exponent: p } => {
            let k = product(rate);
            let z = y.powf(1.0 / p) / k;
            if y == 0.0 { (k * dx).powf(*p) } else { p * (k * z).powf(*p) / z * dx }
        }
        Law::Integral { rate } => product(rate) * dx,
        Law::Sigmoid { plateau, rate, exponent } => {
            let (plateau, kappa, p) = (average(plateau), average(rate), average(exponent));
            if y == 0.0 {
                2.0 * plateau * (0.5 - 1.0 / (1.0 + (kappa * dx).powf(p).exp()))
            } else {
                let z = (-2.0 * plateau / (y - plateau) - 1.0).ln();
                let xi = z.powf(1.0 / p) / kappa;
                2.0 * plateau * p * z * z.exp() / (xi * (z.exp() + 1.0).powi(2)) * dx
            }
        }
    };
    match state.step_guard {
        Some((largest, per_axis)) if dy > largest => per_axis * dx,
        _ => dy,
    }
}
