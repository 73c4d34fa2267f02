//! Levenberg–Marquardt within bounds, and what the data say about each parameter.
//!
//! ```text
//! (JᵀJ + λ·diag JᵀJ)·δ = −Jᵀr            λ falls when a step helps, and rises when it does not
//! cov = s²·(JᵀJ)⁻¹,  s² = Σr²/(n − p)·(1 + ρ)/(1 − ρ)
//! ```
//!
//! Residuals come in blocks that each depend on some of the parameters only, so that a long record is not carried
//! through again for a parameter that it knows nothing of. Derivatives are forward differences. ρ is the correlation
//! of neighbouring residuals: what a model cannot follow stays wrong for many samples in a row, and as many
//! independent measurements would promise too much.
//!
//! Sources: Marquardt, J. SIAM 11 (1963) 431; Moré, *The Levenberg–Marquardt algorithm* (1978), the scaling;
//! Bartlett, J. R. Stat. Soc. 98 (1935) 536, the effective number of correlated samples. Limits: intervals are
//! those of the linearised model, with errors of one variance.

use crate::rng::Seed;
use rand::RngExt;

/// Residuals in blocks.
pub trait Problem {
    /// Number of blocks.
    fn blocks(&self) -> usize;
    /// Parameters that a block depends on, rising.
    fn parameters(&self, block: usize) -> &[usize];
    /// Residuals of a block; as many for any parameters.
    fn residuals(&self, block: usize, parameters: &[f64], residuals: &mut Vec<f64>);
    /// Whether a block is measured; others (wishes, such as smoothness) steer the fit and count for no interval.
    fn is_measured(&self, _block: usize) -> bool {
        true
    }
}

/// Least and greatest value of a parameter.
pub type Bounds = (f64, f64);

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Most iterations.
    pub iterations: usize,
    /// Stops when an iteration lowers the sum of squares by less than this share.
    pub gain: f64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { iterations: 40, gain: 1e-5 }
    }
}

/// Outcome of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Parameters.
    pub parameters: Vec<f64>,
    /// Standard deviation of each; infinite where the data say nothing.
    pub deviations: Vec<f64>,
    /// Half the sum of squares of everything, wishes included.
    pub cost: f64,
    /// Root of the mean square of measured residuals.
    pub rms: f64,
    /// Measured residuals.
    pub samples: usize,
    /// Correlation of neighbouring residuals.
    pub correlation: f64,
    /// Iterations taken.
    pub iterations: usize,
}

/// Gradient and curvature of the sum of squares.
struct Normal {
    cost: f64,
    gradient: Vec<f64>,
    curvature: Matrix,
}

/// Fits from one start; `told` hears of every iteration: its number and half the sum of squares.
pub fn fit(
    problem: &impl Problem,
    start: &[f64],
    bounds: &[Bounds],
    effort: Effort,
    mut told: impl FnMut(usize, f64),
) -> Fit {
    let clamp = |values: &mut [f64]| {
        values.iter_mut().zip(bounds).for_each(|(value, (low, high))| *value = value.clamp(*low, *high));
    };
    let mut at = start.to_vec();
    clamp(&mut at);
    let mut damping = 1e-3;
    let mut normal = normal(problem, &at, bounds, false);
    let mut iterations = 0;
    while iterations < effort.iterations {
        iterations += 1;
        let before = normal.cost;
        let mut improved = false;
        for _ in 0..12 {
            let mut next = at.clone();
            let Some(step) = step(&normal, &at, bounds, damping) else {
                damping *= 10.0;
                continue;
            };
            next.iter_mut().zip(&step).for_each(|(value, step)| *value += step);
            clamp(&mut next);
            let cost = cost(problem, &next);
            if cost < normal.cost {
                at = next;
                damping = (damping * 0.2).max(1e-12);
                improved = true;
                break;
            }
            damping *= 5.0;
        }
        if !improved {
            break;
        }
        normal = self::normal(problem, &at, bounds, false);
        told(iterations, normal.cost);
        if before - normal.cost <= effort.gain * before {
            break;
        }
    }
    judged(problem, at, bounds, normal.cost, iterations)
}

/// Fits from the given start and from `more` others, drawn evenly within `reach` (a share of the bounds' span)
/// around it, and keeps the best. Same seed, same starts.
pub fn fit_from_many(
    problem: &impl Problem,
    start: &[f64],
    bounds: &[Bounds],
    (more, reach, seed): (usize, f64, Seed),
    effort: Effort,
    mut told: impl FnMut(usize, usize, f64),
) -> Fit {
    let mut best = fit(problem, start, bounds, effort, |k, cost| told(0, k, cost));
    for index in 0..more {
        let mut stream = seed.stream("fit", "start", index as u64);
        let drawn: Vec<f64> = start
            .iter()
            .zip(bounds)
            .map(|(value, (low, high))| {
                let span = reach * (high - low);
                (value + stream.random_range(-0.5..0.5) * span).clamp(*low, *high)
            })
            .collect();
        let other = fit(problem, &drawn, bounds, effort, |k, cost| told(index + 1, k, cost));
        if other.cost < best.cost {
            best = other;
        }
    }
    best
}

/// Half the sum of squares.
fn cost(problem: &impl Problem, at: &[f64]) -> f64 {
    let mut residuals = Vec::new();
    let mut sum = 0.0;
    for block in 0..problem.blocks() {
        problem.residuals(block, at, &mut residuals);
        sum += residuals.iter().map(|r| r * r).sum::<f64>();
    }
    // A model that overflows is no improvement.
    if sum.is_finite() { 0.5 * sum } else { f64::INFINITY }
}

fn normal(problem: &impl Problem, at: &[f64], bounds: &[Bounds], measured_only: bool) -> Normal {
    let count = at.len();
    let mut normal = Normal { cost: 0.0, gradient: vec![0.0; count], curvature: Matrix::zeros(count) };
    let (mut base, mut moved) = (Vec::new(), Vec::new());
    let mut shifted = at.to_vec();
    for block in 0..problem.blocks() {
        if measured_only && !problem.is_measured(block) {
            continue;
        }
        problem.residuals(block, at, &mut base);
        normal.cost += 0.5 * base.iter().map(|r| r * r).sum::<f64>();
        let free = |index: &usize| bounds[*index].1 > bounds[*index].0;
        let touched: Vec<usize> = problem.parameters(block).iter().copied().filter(free).collect();
        let columns: Vec<Vec<f64>> = touched
            .iter()
            .map(|&index| {
                let (low, high) = bounds[index];
                let width = (1e-6 * (high - low)).max(1e-9);
                let step = if at[index] + width > high { -width } else { width };
                shifted[index] = at[index] + step;
                problem.residuals(block, &shifted, &mut moved);
                shifted[index] = at[index];
                moved.iter().zip(&base).map(|(moved, base)| (moved - base) / step).collect()
            })
            .collect();
        for (i, &row) in touched.iter().enumerate() {
            normal.gradient[row] += dot(&columns[i], &base);
            for (j, &column) in touched.iter().enumerate().take(i + 1) {
                normal.curvature.add(row, column, dot(&columns[i], &columns[j]));
            }
        }
    }
    normal
}

/// Sum of products in four lanes, in a fixed order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a4.remainder().iter().zip(b4.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a4.zip(b4) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// The damped step; parameters at a bound that the step would leave stay.
fn step(normal: &Normal, at: &[f64], bounds: &[Bounds], damping: f64) -> Option<Vec<f64>> {
    let free: Vec<usize> = (0..at.len())
        .filter(|&k| {
            let (low, high) = bounds[k];
            let downhill = -normal.gradient[k];
            high > low && !(at[k] <= low && downhill < 0.0) && !(at[k] >= high && downhill > 0.0)
        })
        .filter(|&k| normal.curvature.at(k, k) > 0.0)
        .collect();
    let mut matrix = Matrix::zeros(free.len());
    for (i, &row) in free.iter().enumerate() {
        for (j, &column) in free.iter().enumerate().take(i + 1) {
            matrix.add(i, j, normal.curvature.at(row, column));
        }
        matrix.add(i, i, damping * normal.curvature.at(row, row) + 1e-300);
    }
    let factor = matrix.factored()?;
    let right: Vec<f64> = free.iter().map(|&k| -normal.gradient[k]).collect();
    let solved = factor.solve(&right);
    let mut step = vec![0.0; at.len()];
    free.iter().zip(solved).for_each(|(&k, value)| step[k] = value);
    Some(step)
}

/// Deviations from the measured blocks at the end.
fn judged(problem: &impl Problem, at: Vec<f64>, bounds: &[Bounds], cost: f64, iterations: usize) -> Fit {
    let normal = normal(problem, &at, bounds, true);
    let (mut samples, mut squares, mut products) = (0, 0.0, 0.0);
    let mut residuals = Vec::new();
    for block in (0..problem.blocks()).filter(|block| problem.is_measured(*block)) {
        problem.residuals(block, &at, &mut residuals);
        samples += residuals.len();
        squares += residuals.iter().map(|r| r * r).sum::<f64>();
        products += residuals.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
    }
    let correlation = if squares > 0.0 { (products / squares).clamp(0.0, 0.999) } else { 0.0 };
    let freedom = samples.saturating_sub(at.len()).max(1) as f64;
    let variance = squares / freedom * (1.0 + correlation) / (1.0 - correlation);
    let deviations = normal.curvature.inverse_diagonal().into_iter().map(|d| (variance * d).sqrt()).collect();
    let rms = (squares / samples.max(1) as f64).sqrt();
    Fit { parameters: at, deviations, cost, rms, samples, correlation, iterations }
}

/// A symmetric matrix, its lower half.
#[derive(Debug, Clone)]
struct Matrix {
    size: usize,
    lower: Vec<f64>,
}

impl Matrix {
    fn zeros(size: usize) -> Self {
        Self { size, lower: vec![0.0; size * (size + 1) / 2] }
    }

    fn index(row: usize, column: usize) -> usize {
        let (row, column) = if row >= column { (row, column) } else { (column, row) };
        row * (row + 1) / 2 + column
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.lower[Self::index(row, column)]
    }

    fn add(&mut self, row: usize, column: usize, value: f64) {
        self.lower[Self::index(row, column)] += value;
    }

    /// Cholesky's factor; `None` when the matrix is not positive definite.
    fn factored(mut self) -> Option<Self> {
        for i in 0..self.size {
            let start_i = i * (i + 1) / 2;
            for j in 0..=i {
                let start_j = j * (j + 1) / 2;
                let sum = dot(&self.lower[start_i..start_i + j], &self.lower[start_j..start_j + j]);
                let value = self.lower[start_i + j] - sum;
                self.lower[start_i + j] = if i == j {
                    if value.is_nan() || value <= 0.0 {
                        return None;
                    }
                    value.sqrt()
                } else {
                    value / self.lower[start_j + j]
                };
            }
        }
        Some(self)
    }

    /// Solves with this factor.
    fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut x = right.to_vec();
        for i in 0..self.size {
            let sum: f64 = (0..i).map(|j| self.at(i, j) * x[j]).sum();
            x[i] = (x[i] - sum) / self.at(i, i);
        }
        for i in (0..self.size).rev() {
            let sum: f64 = (i + 1..self.size).map(|j| self.at(j, i) * x[j]).sum();
            x[i] = (x[i] - sum) / self.at(i, i);
        }
        x
    }

    /// Diagonal of the inverse; infinite where the matrix says nothing, or next to nothing, of a parameter.
    fn inverse_diagonal(&self) -> Vec<f64> {
        let scale: Vec<f64> = (0..self.size).map(|k| self.at(k, k).sqrt()).collect();
        let known: Vec<usize> = (0..self.size).filter(|&k| scale[k] > 0.0).collect();
        let mut inverse = vec![f64::INFINITY; self.size];
        let mut scaled = Matrix::zeros(known.len());
        for (i, &row) in known.iter().enumerate() {
            for (j, &column) in known.iter().enumerate().take(i + 1) {
                scaled.add(i, j, self.at(row, column) / (scale[row] * scale[column]));
            }
            // Far below what data could tell: a direction that is not determined shows as a huge deviation.
            scaled.add(i, i, 1e-13);
        }
        let Some(factor) = scaled.factored() else { return inverse };
        for (i, &k) in known.iter().enumerate() {
            let mut unit = vec![0.0; known.len()];
            unit[i] = 1.0;
            inverse[k] = factor.solve(&unit)[i] / (scale[k] * scale[k]);
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = a·e^(−b·x) + c at 50 points, with c used by no sample when `blind`.
    struct Decay {
        y: Vec<f64>,
        all: [usize; 3],
        blind: bool,
    }

    impl Problem for Decay {
        fn blocks(&self) -> usize {
            1
        }
        fn parameters(&self, _: usize) -> &[usize] {
            &self.all
        }
        fn residuals(&self, _: usize, p: &[f64], out: &mut Vec<f64>) {
            out.clear();
            let c = if self.blind { 0.0 } else { p[2] };
            out.extend(self.y.iter().enumerate().map(|(k, y)| p[0] * (-p[1] * k as f64 * 0.1).exp() + c - y));
        }
    }

    fn decay(blind: bool, noise: f64) -> Decay {
        let mut stream = Seed(7).stream("test", "noise", 0);
        let c = if blind { 0.0 } else { 0.5 };
        let y = (0..50)
            .map(|k| 2.0 * (-1.3 * f64::from(k) * 0.1).exp() + c + noise * stream.random_range(-1.0..1.0));
        Decay { y: y.collect(), all: [0, 1, 2], blind }
    }

    const BOUNDS: [Bounds; 3] = [(0.0, 10.0), (0.0, 10.0), (-5.0, 5.0)];

    #[test]
    fn an_exponential_is_recovered_within_its_intervals() {
        let fit = fit(&decay(false, 0.05), &[0.5, 5.0, 0.0], &BOUNDS, Effort::default(), |_, _| {});
        for ((found, deviation), truth) in fit.parameters.iter().zip(&fit.deviations).zip([2.0, 1.3, 0.5]) {
            assert!((found - truth).abs() < 3.0 * deviation, "{found} ± {deviation} against {truth}");
            assert!(*deviation < 0.15, "{deviation}");
        }
    }

    #[test]
    fn what_no_residual_depends_on_has_no_interval() {
        let fit = fit(&decay(true, 0.01), &[1.0, 1.0, 0.0], &BOUNDS, Effort::default(), |_, _| {});
        assert!(fit.deviations[2].is_infinite() && fit.deviations[0] < 0.1, "{fit:?}");
    }

    #[test]
    fn bounds_hold_and_starts_repeat() {
        let tight = [(0.0, 1.5), (0.0, 10.0), (-5.0, 5.0)];
        let many = || {
            let effort = Effort::default();
            fit_from_many(
                &decay(false, 0.0),
                &[1.0, 1.0, 0.0],
                &tight,
                (3, 0.5, Seed(1)),
                effort,
                |_, _, _| {},
            )
        };
        assert!(many().parameters[0] <= 1.5);
        assert_eq!(many(), many());
    }

    #[test]
    fn a_factor_solves() {
        let mut matrix = Matrix::zeros(2);
        matrix.add(0, 0, 4.0);
        matrix.add(1, 0, 2.0);
        matrix.add(1, 1, 3.0);
        let x = matrix.clone().factored().unwrap().solve(&[2.0, 1.0]);
        assert!((x[0] - 0.5).abs() < 1e-12 && x[1].abs() < 1e-12);
        assert!((matrix.inverse_diagonal()[0] - 0.375).abs() < 1e-9);
    }
}
