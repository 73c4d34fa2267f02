//! How a battery departs from the course of its make: a posterior over bend, size and first capacity.
//!
//! ```text
//! q(x) = q₀ − A·(L(x)/L₁)^γ + discrepancy
//! ```
//!
//! L is the loss by the laws, L₁ the same at the end of the history. For a bend γ and a size A the first capacity q₀ is Gaussian
//! in closed form; γ and A run over a grid, and each pair gets the weight of its marginal likelihood times the prior.
//! Residuals of a history hang together (rests, seasons, what the model lacks), so the number of points that count is
//! taken from their own autocorrelation: n·(1 − ρ)/(1 + ρ). Points count less with age.

use super::Point;
use super::course::Course;

/// Prior of the effective exponent of the loss over life, γ·p of the laws: mean and deviation of its logarithm. From the
/// measured cells named in docs/models/forecast.md, whose loss bends down more often than the laws' does.
const EXPONENT: f64 = 1.6;
const EXPONENT_LN_STD: f64 = 0.5;
/// Share of the laws' own exponent in the prior's middle.
const LAW_SHARE: f64 = 0.5;
/// Prior deviation of ln A about the laws' loss. assumed: makes differ that much from the one a law was fitted on.
const SIZE_LN_STD: f64 = 1.2;
/// Prior deviation of the capacity when new.
const FIRST_STD: f64 = 0.03;
/// A point's weight falls by e over this share of the life so far.
const MEMORY: f64 = 0.2;
/// Least scatter of a measured capacity.
const LEAST_STD: f64 = 0.001;
/// Effective exponents and logarithms of A over the laws' loss on the grid.
const EXPONENTS: (f64, f64, usize) = (0.3, 10.0, 41);
const SIZES: (f64, f64, usize) = (-4.5, 4.5, 73);
/// A history is thinned to so many points by taking means.
const POINTS: usize = 150;

/// One bend and size with what goes with them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bend {
    pub(super) gamma: f64,
    pub(super) weight: f64,
    /// A.
    pub(super) size: f64,
    /// q₀.
    pub(super) first: f64,
    /// What the latest points lie above the fit.
    pub(super) lead: f64,
}

/// What was learnt.
#[derive(Debug, Clone)]
pub(super) struct Learnt {
    pub(super) bends: Vec<Bend>,
    /// How sure the latest level is.
    pub(super) level_std: f64,
}

/// Weighted sums of a history over one bend.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    one: f64,
    phi: f64,
    phi_phi: f64,
    y: f64,
    y_phi: f64,
    y_y: f64,
}

struct Thinned {
    capacity: Vec<f64>,
    loss: Vec<f64>,
    weight: Vec<f64>,
}

pub(super) fn learn(course: &Course, history: &[Point]) -> Learnt {
    let phi = |loss: f64, gamma: f64| (loss.max(0.0) / course.unit_loss).powf(gamma);
    let points = thinned(course, history);
    let n = points.capacity.len();
    let first = history.first().map_or(1.0, |point| point.capacity);
    let first_std = if history.is_empty() { 0.01 } else { FIRST_STD };
    let spaced =
        |(low, high, count): (f64, f64, usize), k: usize| low + (high - low) * k as f64 / (count - 1) as f64;
    let exponents: Vec<f64> = (0..EXPONENTS.2)
        .map(|k| spaced((EXPONENTS.0.ln(), EXPONENTS.1.ln(), EXPONENTS.2), k).exp())
        .collect();
    let centre = (LAW_SHARE * course.exponent.ln() + (1.0 - LAW_SHARE) * EXPONENT.ln()).exp();
    let columns: Vec<(f64, Vec<f64>, Sums)> = exponents
        .iter()
        .map(|exponent| {
            let gamma = exponent / course.exponent;
            let column: Vec<f64> = points.loss.iter().map(|loss| phi(*loss, gamma)).collect();
            let sums = Sums::of(&points, &column);
            (gamma, column, sums)
        })
        .collect();

    // How points scatter about the best course, and how many of them count, in turns.
    let (mut std, mut share) = (0.01f64, 1.0f64);
    for _ in 0..3 {
        let precision = share / (std * std);
        let mut best = (f64::INFINITY, 0, 0.0, first);
        for (k, (_, _, sums)) in columns.iter().enumerate() {
            for j in 0..SIZES.2 {
                let size = course.unit_loss * spaced(SIZES, j).exp();
                let (misfit, found) = sums.given(size, precision, first, first_std);
                if misfit < best.0 {
                    best = (misfit, k, size, found);
                }
            }
        }
        let residuals: Vec<f64> =
            (0..n).map(|i| points.capacity[i] - best.3 + best.2 * columns[best.1].1[i]).collect();
        (std, share) = scatter(&residuals, &points.weight);
    }
    let precision = share / (std * std);
    let latest = n.min((n / 20).clamp(2, 8));
    let mut bends = Vec::with_capacity(EXPONENTS.2 * SIZES.2);
    let mut best = f64::NEG_INFINITY;
    for (exponent, (gamma, column, sums)) in exponents.iter().zip(&columns) {
        let off = (exponent / centre).ln() / EXPONENT_LN_STD;
        for j in 0..SIZES.2 {
            let ln_size = spaced(SIZES, j);
            let size = course.unit_loss * ln_size.exp();
            let (misfit, found) = sums.given(size, precision, first, first_std);
            let log = -0.5 * (misfit + off * off + (ln_size / SIZE_LN_STD).powi(2));
            best = best.max(log);
            let lead = (n - latest..n).map(|i| points.capacity[i] - found + size * column[i]).sum::<f64>()
                / latest.max(1) as f64;
            bends.push(Bend { gamma: *gamma, weight: log, size, first: found, lead });
        }
    }
    let mut sum = 0.0;
    for bend in &mut bends {
        bend.weight = (bend.weight - best).exp();
        sum += bend.weight;
    }
    bends.iter_mut().for_each(|bend| bend.weight /= sum);
    bends.retain(|bend| bend.weight > 1e-9);
    // What an estimator says of its last point is not averaged out by those before.
    let stated = history.last().map_or(0.0, |point| point.std);
    Learnt { bends, level_std: (std / (latest.max(1) as f64).sqrt()).hypot(stated) }
}

impl Sums {
    fn of(points: &Thinned, column: &[f64]) -> Self {
        let mut sums = Self::default();
        for ((y, phi), w) in points.capacity.iter().zip(column).zip(&points.weight) {
            sums.one += w;
            sums.phi += w * phi;
            sums.phi_phi += w * phi * phi;
            sums.y += w * y;
            sums.y_phi += w * y * phi;
            sums.y_y += w * y * y;
        }
        sums
    }

    /// Square misfit with the prior's, and mean of the first capacity, for a size.
    fn given(&self, size: f64, precision: f64, first: f64, first_std: f64) -> (f64, f64) {
        let pull = 1.0 / (first_std * first_std);
        let weight = pull + precision * self.one;
        // Capacities as they would be without the loss, summed.
        let sum = self.y + size * self.phi;
        let square = self.y_y + 2.0 * size * self.y_phi + size * size * self.phi_phi;
        let found = (pull * first + precision * sum) / weight;
        let misfit = precision * square + pull * first * first - weight * found * found;
        (misfit, found)
    }
}

/// Means of neighbouring points, and their weights by age and by their own deviation.
fn thinned(course: &Course, history: &[Point]) -> Thinned {
    let end = history.last().map_or(1.0, |point| point.x).max(1e-9);
    let per = history.len().div_ceil(POINTS).max(1);
    let mut points = Thinned { capacity: Vec::new(), loss: Vec::new(), weight: Vec::new() };
    for (chunk, losses) in history.chunks(per).zip(course.known.chunks(per)) {
        let n = chunk.len() as f64;
        let mean = |value: &dyn Fn(&Point) -> f64| chunk.iter().map(value).sum::<f64>() / n;
        let age = (end - mean(&|point| point.x)) / end;
        let vague = mean(&|point| point.std) / 0.01;
        points.capacity.push(mean(&|point| point.capacity));
        points.loss.push(losses.iter().sum::<f64>() / n);
        points.weight.push((-age / MEMORY).exp() / (1.0 + vague * vague));
    }
    points
}

/// Scatter of residuals, and the share of them that count as independent.
fn scatter(residuals: &[f64], weights: &[f64]) -> (f64, f64) {
    let n = residuals.len();
    if n < 3 {
        return (0.01, 1.0);
    }
    let total: f64 = weights.iter().sum();
    let square: f64 = residuals.iter().zip(weights).map(|(r, w)| w * r * r).sum();
    let beside: f64 = residuals.windows(2).zip(weights).map(|(pair, w)| w * pair[0] * pair[1]).sum();
    let std = (square / total).sqrt().max(LEAST_STD);
    let rho = (beside / square.max(1e-12)).clamp(0.0, 0.98);
    (std, ((1.0 - rho) / (1.0 + rho)).max(3.0 / n as f64).min(1.0))
}
