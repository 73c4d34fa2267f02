//! Diffusion of salt in the electrolyte across the cell (SPMe).
//!
//! ```text
//! ε ∂c/∂t = ∂_x(ε^b·D(c,T)·∂_x c) + (1−t₊)/F · {+i/L_n, 0, −i/L_p},   no flux at either end
//! ```
//!
//! Each electrode is two or more elements of polynomials on Gauss-Lobatto points and the separator one; flux between
//! them is continuous in the weak sense and salt is conserved to rounding. Two are needed because diffusivity falls
//! with concentration, so that at high currents the profile bends within the electrode. In time the two-stage Radau IIA method (order 3,
//! stiffly accurate) at a third and at the end of the step; its two stages are one complex banded system.
//!
//! Source: Marquis et al. 2019, doi:10.1149/2.0341915jes (equations); Hairer and Wanner, *Solving Ordinary
//! Differential Equations II* (1996), ch. IV.8 (method and transformation).

#![expect(
    clippy::needless_range_loop,
    reason = "indices are those of the equations, over several arrays at once"
)]

use super::curve::Curve;

/// Most points across the cell.
pub const POINTS_MAX: usize = ELEMENTS_MAX * DEGREE_MAX + 1;
/// Highest degree of the polynomials in an element.
const DEGREE_MAX: usize = 4;
/// Most elements.
const ELEMENTS_MAX: usize = 7;
/// Most rounds of Newton's method.
const ROUNDS: usize = 40;
/// A round that leaves more than this of what the one before changed leads too slowly, or away.
const SLOW: f64 = 0.3;
/// Times that the system is made anew within a step, at most.
const RENEWALS: usize = 8;
/// Share of the slope of diffusivity in a system that is made anew: with a quarter the fewest jumps of the load had no
/// solution, one of 160 between −1C and 1C over up to an hour; with all of it eleven.
const BEND: f64 = 0.25;
/// Share of the salt at the collector below which no system is made.
const LEAST: f64 = 0.02;
/// Of the transformation that makes one complex system of two stages.
const TWIST: f64 = 4.0 * std::f64::consts::SQRT_2;
/// Concentration up to which diffusivity and conductivity are tabulated [mol/m³].
pub const CONCENTRATION_MAX: f64 = 8000.0;

/// Concentrations at the points [mol/m³].
pub type Salt = [f64; POINTS_MAX];

/// One layer of the cell as the electrolyte sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Thickness.
    pub thickness_m: f64,
    /// Volume share of electrolyte.
    pub porosity: f64,
    /// Bruggeman's exponent.
    pub bruggeman: f64,
}

impl Layer {
    /// Share of the bulk's transport that is left: ε^b.
    pub fn transport(&self) -> f64 {
        self.porosity.powf(self.bruggeman)
    }
}

/// Pores of the negative electrode, over those of a new cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pores {
    /// Volume.
    pub volume: f64,
    /// Transport, which goes as ε^b.
    pub transport: f64,
}

impl Pores {
    /// As in a new cell.
    pub const OPEN: Self = Self { volume: 1.0, transport: 1.0 };
}

/// How finely the electrolyte is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fineness {
    /// Elements in each electrode, 1 to 3.
    pub elements: usize,
    /// Degree of their polynomials, 2 to 4.
    pub degree: usize,
}

/// A stretch of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Element {
    layer: usize,
    thickness_m: f64,
    /// ε^b over the thickness [1/m].
    transport: f64,
}

/// The electrolyte across the cell.
#[derive(Debug, Clone)]
pub struct Electrolyte {
    degree: usize,
    layers: [Layer; 3],
    elements: [Element; ELEMENTS_MAX],
    count: usize,
    /// Points and weights of one element, between 0 and 1.
    weights: [f64; DEGREE_MAX + 1],
    /// Derivative of the polynomial of each point (second) at each point (first).
    slopes: [[f64; DEGREE_MAX + 1]; DEGREE_MAX + 1],
    /// Volume of electrolyte per area at each point.
    volume: Salt,
    /// The share of the negative electrode in it.
    volume_negative: Salt,
    /// Amount of salt per area, time and current density that appears at each point.
    source: Salt,
    /// Weights of ln c in the average over the positive less that over the negative electrode.
    log_weight: Salt,
    diffusivity: Curve,
}

/// Most points in an electrode; those where elements meet count twice.
pub const SIDE_MAX: usize = (ELEMENTS_MAX - 1) / 2 * (DEGREE_MAX + 1);

/// What the voltage needs to know of the electrolyte.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overview {
    /// √c at points of the negative and positive electrode, and the weight of each.
    roots: [[(f64, f64); SIDE_MAX]; 2],
    /// ln c at points of the negative electrode.
    logs: [f64; SIDE_MAX],
    /// Average of ln c over the negative electrode.
    pub mean_log: f64,
    counts: [usize; 2],
    /// Average of c over the negative electrode.
    pub negative: f64,
    /// ⟨εc⟩·⟨1/ε⟩ over the cell, which stands for its average in the published models.
    pub mean: f64,
    /// Average of ln c over the positive less over the negative electrode.
    pub log_difference: f64,
    /// Lowest concentration anywhere.
    pub least: f64,
    /// Transport in the pores of the negative electrode over that in open ones.
    pub transport: f64,
}

impl Overview {
    /// Uniform concentration, for models without an electrolyte.
    pub fn uniform(c: f64) -> Self {
        let mut overview = Self::empty();
        (overview.negative, overview.mean, overview.least) = (c, c, c);
        overview.push(0, c.sqrt(), 1.0);
        overview.push(1, c.sqrt(), 1.0);
        overview.mean_log = c.ln();
        overview.logs[0] = overview.mean_log;
        overview
    }

    fn empty() -> Self {
        Self {
            roots: [[(0.0, 0.0); SIDE_MAX]; 2],
            logs: [0.0; SIDE_MAX],
            mean_log: 0.0,
            counts: [0; 2],
            negative: 0.0,
            mean: 0.0,
            log_difference: 0.0,
            least: f64::MAX,
            transport: 1.0,
        }
    }

    #[inline]
    fn push(&mut self, side: usize, root: f64, weight: f64) {
        self.roots[side][self.counts[side]] = (root, weight);
        self.counts[side] += 1;
    }

    /// ln c at the points of the negative electrode less its average.
    #[inline]
    pub fn log_above(&self, k: usize) -> f64 {
        self.logs[k] - self.mean_log
    }

    /// √c and weight at the points of an electrode.
    #[inline]
    pub fn roots(&self, side: usize) -> &[(f64, f64)] {
        &self.roots[side][..self.counts[side]]
    }
}

/// What a step of the electrolyte starts and ends with.
#[derive(Debug, Clone, Copy)]
pub struct SaltStep {
    /// At the beginning.
    pub from: Salt,
    /// At a third and at the end: a guess at first, then the solution.
    pub nodes: [Salt; 2],
}

/// The factorised system of a step.
#[derive(Debug, Clone)]
pub struct Factors {
    /// Rows of the band, as (real, imaginary).
    band: [[(f64, f64); 2 * DEGREE_MAX + 1]; POINTS_MAX],
    dt_s: f64,
    /// Volume of electrolyte per area at each point, and transport in the negative electrode over that in open pores.
    volume: Salt,
    transport: f64,
    /// What it was made for; nothing where it was made anew within a step.
    made_for: Option<MadeFor>,
}

/// What a system is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct MadeFor {
    around: Salt,
    pores: Pores,
    warm: f64,
    dt_s: f64,
}

impl Default for Factors {
    fn default() -> Self {
        Self {
            band: [[(0.0, 0.0); 2 * DEGREE_MAX + 1]; POINTS_MAX],
            dt_s: 0.0,
            volume: [0.0; POINTS_MAX],
            transport: 1.0,
            made_for: None,
        }
    }
}

impl Electrolyte {
    /// Places of the points of the negative electrode, from 0 at the collector to 1 at the separator.
    pub fn places(&self) -> ([f64; SIDE_MAX], usize) {
        let (points, _) = lobatto(self.degree);
        let (mut places, mut count) = ([0.0; SIDE_MAX], 0);
        let elements = self.elements.iter().take(self.count).filter(|element| element.layer == 0).count();
        for k in 0..elements {
            for point in points.iter().take(self.degree + 1) {
                places[count] = (k as f64 + point) / elements as f64;
                count += 1;
            }
        }
        (places, count)
    }

    /// Layers from the negative to the positive end; `share` is (1−t₊)/F.
    pub fn new(layers: [Layer; 3], share: f64, diffusivity: Curve, fineness: Fineness) -> Self {
        let degree = fineness.degree.clamp(2, DEGREE_MAX);
        let per_electrode = fineness.elements.clamp(1, (ELEMENTS_MAX - 1) / 2);
        let (points, weights) = lobatto(degree);
        let mut slopes = [[0.0; DEGREE_MAX + 1]; DEGREE_MAX + 1];
        for q in 0..=degree {
            for j in 0..=degree {
                slopes[q][j] = lagrange_slope(&points[..=degree], q, j);
            }
        }
        let mut electrolyte = Self {
            degree,
            layers,
            elements: [Element::default(); ELEMENTS_MAX],
            count: 0,
            weights,
            slopes,
            volume: [0.0; POINTS_MAX],
            volume_negative: [0.0; POINTS_MAX],
            source: [0.0; POINTS_MAX],
            log_weight: [0.0; POINTS_MAX],
            diffusivity,
        };
        for (layer, count) in [per_electrode, 1, per_electrode].into_iter().enumerate() {
            let sign = [1.0, 0.0, -1.0][layer];
            for _ in 0..count {
                let k = electrolyte.count;
                let thickness_m = layers[layer].thickness_m / count as f64;
                let transport = layers[layer].transport() / thickness_m;
                electrolyte.elements[k] = Element { layer, thickness_m, transport };
                for q in 0..=degree {
                    electrolyte.log_weight[k * degree + q] -= sign * weights[q] / count as f64;
                    electrolyte.source[k * degree + q] += share * sign * weights[q] / count as f64;
                    let volume = layers[layer].porosity * thickness_m * weights[q];
                    electrolyte.volume[k * degree + q] += volume;
                    if layer == 0 {
                        electrolyte.volume_negative[k * degree + q] += volume;
                    }
                }
                electrolyte.count += 1;
            }
        }
        electrolyte
    }

    /// Number of points.
    pub fn points(&self) -> usize {
        self.count * self.degree + 1
    }

    /// The layers, negative electrode first.
    pub fn layers(&self) -> &[Layer; 3] {
        &self.layers
    }

    /// Salt where the pores of the negative electrode have changed and what there is has stayed: concentrations rise
    /// as pores shrink.
    pub fn squeeze(&self, salt: &mut Salt, from: &Pores, to: &Pores) {
        for k in 0..self.points() {
            salt[k] *= self.volume_at(k, from) / self.volume_at(k, to);
        }
    }

    #[inline]
    fn volume_at(&self, k: usize, pores: &Pores) -> f64 {
        self.volume[k] + (pores.volume - 1.0) * self.volume_negative[k]
    }

    /// Salt per area [mol/m²].
    pub fn amount(&self, salt: &Salt) -> f64 {
        self.amount_within(salt, &Pores::OPEN)
    }

    /// The same with other pores.
    pub fn amount_within(&self, salt: &Salt, pores: &Pores) -> f64 {
        (0..self.points()).map(|k| self.volume_at(k, pores) * salt[k]).sum()
    }

    /// Averages that the voltage needs.
    pub fn overview(&self, salt: &Salt) -> Overview {
        self.overview_within(salt, &Pores::OPEN)
    }

    /// The same with other pores.
    pub fn overview_within(&self, salt: &Salt, pores: &Pores) -> Overview {
        let p = self.degree;
        let mut overview = Overview::empty();
        let total: f64 = self.layers.iter().map(|layer| layer.thickness_m).sum();
        let [n, s, p_layer] = &self.layers;
        let inverse = n.thickness_m / (n.porosity * pores.volume)
            + s.thickness_m / s.porosity
            + p_layer.thickness_m / p_layer.porosity;
        overview.mean = self.amount_within(salt, pores) * inverse / (total * total);
        let mut logs = [0.0; 2];
        for (k, element) in self.elements.iter().take(self.count).enumerate() {
            let side = element.layer / 2;
            for q in 0..=p {
                // Held above 0, so that a depleted electrolyte gives a low voltage and no nonsense.
                let c = salt[k * p + q].max(1e-6);
                overview.least = overview.least.min(salt[k * p + q]);
                if element.layer != 1 {
                    let w = self.weights[q] * element.thickness_m / self.layers[element.layer].thickness_m;
                    let log = c.ln();
                    logs[side] += w * log;
                    if side == 0 {
                        overview.negative += w * c;
                        overview.logs[overview.counts[0]] = log;
                    }
                    overview.push(side, c.sqrt(), w);
                }
            }
        }
        overview.transport = pores.transport;
        overview.mean_log = logs[0];
        overview.log_difference = logs[1] - logs[0];
        overview
    }

    /// Makes the system of a step ready around a state; `warm` multiplies the diffusivity.
    pub fn factorise(&self, around: &Salt, warm: f64, dt_s: f64, factors: &mut Factors) {
        self.factorise_within(around, &Pores::OPEN, warm, dt_s, factors);
    }

    /// The same with other pores, which stay as they are for the step. A system that was made for just this is kept.
    pub fn factorise_within(
        &self,
        around: &Salt,
        pores: &Pores,
        warm: f64,
        dt_s: f64,
        factors: &mut Factors,
    ) {
        let made_for = Some(MadeFor { around: *around, pores: *pores, warm, dt_s });
        if factors.made_for == made_for {
            return;
        }
        for k in 0..self.points() {
            factors.volume[k] = self.volume_at(k, pores);
        }
        factors.transport = pores.transport;
        factors.dt_s = dt_s;
        self.refactorise(around, warm, 1.0, factors);
        factors.made_for = made_for;
    }

    /// Makes the system of the same step around another state, with this share of how diffusivity's own change bends it.
    fn refactorise(&self, around: &Salt, warm: f64, bend: f64, factors: &mut Factors) {
        let (p, n, dt_s) = (self.degree, self.points(), factors.dt_s);
        factors.made_for = None;
        for row in factors.band.iter_mut().take(n) {
            row[DEGREE_MAX - p..=DEGREE_MAX + p].fill((0.0, 0.0));
        }
        for (k, element) in self.elements.iter().take(self.count).enumerate() {
            let scale = element.transport * warm * if element.layer == 0 { factors.transport } else { 1.0 };
            let c = &around[k * p..=k * p + p];
            for q in 0..=p {
                let (d, slope) = self.diffusivity.at(c[q]);
                let slopes = &self.slopes[q][..=p];
                let gradient: f64 = slopes.iter().zip(c).map(|(slope, c)| slope * c).sum();
                let w = self.weights[q] * scale;
                for (i, own) in slopes.iter().enumerate() {
                    let row = &mut factors.band[k * p + i][DEGREE_MAX - i..=DEGREE_MAX - i + p];
                    let left = w * own;
                    for (entry, other) in row.iter_mut().zip(slopes) {
                        entry.0 += left * d * other;
                    }
                    row[q].0 += left * bend * slope * gradient;
                }
            }
        }
        for i in 0..n {
            let diagonal = &mut factors.band[i][DEGREE_MAX];
            diagonal.0 += 2.0 * factors.volume[i] / dt_s;
            diagonal.1 += std::f64::consts::SQRT_2 * factors.volume[i] / dt_s;
        }
        // Without pivots: the matrix is diffusion plus a dominant diagonal.
        for i in 0..n {
            let pivot = inverse(factors.band[i][DEGREE_MAX]);
            factors.band[i][DEGREE_MAX] = pivot;
            let mut row = [(0.0, 0.0); DEGREE_MAX];
            row[..p].copy_from_slice(&factors.band[i][DEGREE_MAX + 1..=DEGREE_MAX + p]);
            for below in i + 1..n.min(i + p + 1) {
                let at = DEGREE_MAX + i - below;
                let target = &mut factors.band[below][at..=at + p];
                let factor = times(target[0], pivot);
                target[0] = factor;
                if factor == (0.0, 0.0) {
                    continue;
                }
                for (target, above) in target[1..].iter_mut().zip(&row) {
                    let (re, im) = times(factor, *above);
                    target.0 -= re;
                    target.1 -= im;
                }
            }
        }
    }

    /// Rate of change of salt at each point, per area [mol/m²/s].
    fn rate(&self, salt: &Salt, transport: f64, warm: f64, current_a_per_m2: f64) -> Salt {
        let p = self.degree;
        let mut rate = [0.0; POINTS_MAX];
        for k in 0..self.points() {
            rate[k] = self.source[k] * current_a_per_m2;
        }
        for (k, element) in self.elements.iter().take(self.count).enumerate() {
            let scale = element.transport * warm * if element.layer == 0 { transport } else { 1.0 };
            let c = &salt[k * p..=k * p + p];
            for q in 0..=p {
                let slopes = &self.slopes[q][..=p];
                let gradient: f64 = slopes.iter().zip(c).map(|(slope, c)| slope * c).sum();
                let flux = self.weights[q] * scale * self.diffusivity.value(c[q]) * gradient;
                for (rate, slope) in rate[k * p..].iter_mut().zip(slopes) {
                    *rate -= slope * flux;
                }
            }
        }
        rate
    }

    /// Solves a step with the current density at a third and at the end. `false` when it does not converge.
    ///
    /// The system stays as it was made while that leads on. A step that goes far from where it was made, as one from
    /// full load to none over a minute, would lead ever farther away with it; it is then made anew where the step has
    /// come to, with a part of the slope of diffusivity only, for all of it overshoots.
    #[must_use]
    pub fn solve(
        &self,
        step: &mut SaltStep,
        warm: f64,
        current_a_per_m2: [f64; 2],
        factors: &mut Factors,
    ) -> bool {
        let n = self.points();
        // What is left of an error shrinks tenfold or more in a round, so that this leaves 1e-7 or less.
        let tolerance = 2e-6 * step.from[0].abs().max(1.0);
        let (mut before, mut renewed) = (f64::INFINITY, 0);
        for _ in 0..ROUNDS {
            let rates = [
                self.rate(&step.nodes[0], factors.transport, warm, current_a_per_m2[0]),
                self.rate(&step.nodes[1], factors.transport, warm, current_a_per_m2[1]),
            ];
            let mut x = [(0.0, 0.0); POINTS_MAX];
            for k in 0..n {
                let (z1, z2) = (step.nodes[0][k] - step.from[k], step.nodes[1][k] - step.from[k]);
                let mass = factors.volume[k] / factors.dt_s;
                let r1 = rates[0][k] - mass * (1.5 * z1 + 0.5 * z2);
                let r2 = rates[1][k] - mass * (2.5 * z2 - 4.5 * z1);
                x[k] = (0.5 * r1, (r1 - r2) / TWIST);
            }
            self.back(factors, &mut x);
            let mut worst = 0.0f64;
            for k in 0..n {
                let (d1, d2) = (2.0 * x[k].0, 2.0 * x[k].0 - TWIST * x[k].1);
                step.nodes[0][k] += d1;
                step.nodes[1][k] += d2;
                worst = worst.max(d1.abs()).max(d2.abs());
            }
            if !worst.is_finite() {
                return false;
            }
            if worst < tolerance {
                return true;
            }
            if worst > SLOW * before && renewed < RENEWALS {
                let least = LEAST * step.from[0].abs();
                for node in &mut step.nodes {
                    node.iter_mut().take(n).for_each(|c| *c = c.clamp(least, CONCENTRATION_MAX));
                }
                let [third, end] = &step.nodes;
                let around: Salt = std::array::from_fn(|k| 0.25 * third[k] + 0.75 * end[k]);
                self.refactorise(&around, warm, BEND, factors);
                renewed += 1;
                before = f64::INFINITY;
            } else {
                before = worst;
            }
        }
        false
    }

    /// How ln c of the positive less that of the negative electrode, averaged, follows the current density: at a
    /// node (first) by the current at either (second), to first order around a solution.
    pub fn leverage(&self, step: &SaltStep, factors: &Factors) -> [[f64; 2]; 2] {
        let n = self.points();
        let mut slopes = [[0.0; 2]; 2];
        for by in 0..2 {
            let mut x = [(0.0, 0.0); POINTS_MAX];
            for k in 0..n {
                x[k] = if by == 0 {
                    (0.5 * self.source[k], self.source[k] / TWIST)
                } else {
                    (0.0, -self.source[k] / TWIST)
                };
            }
            self.back(factors, &mut x);
            for k in 0..n {
                let weight = self.log_weight[k];
                let (d1, d2) = (2.0 * x[k].0, 2.0 * x[k].0 - TWIST * x[k].1);
                slopes[0][by] += weight * d1 / step.nodes[0][k].max(1e-6);
                slopes[1][by] += weight * d2 / step.nodes[1][k].max(1e-6);
            }
        }
        slopes
    }

    fn back(&self, factors: &Factors, x: &mut [(f64, f64); POINTS_MAX]) {
        let (p, n) = (self.degree, self.points());
        for i in 1..n {
            let mut sum = x[i];
            let from = i.saturating_sub(p);
            let row = &factors.band[i][DEGREE_MAX + from - i..DEGREE_MAX];
            for (entry, x) in row.iter().zip(&x[from..i]) {
                let (re, im) = times(*entry, *x);
                sum = (sum.0 - re, sum.1 - im);
            }
            x[i] = sum;
        }
        for i in (0..n).rev() {
            let mut sum = x[i];
            let to = n.min(i + p + 1);
            let row = &factors.band[i][DEGREE_MAX + 1..DEGREE_MAX + to - i];
            for (entry, x) in row.iter().zip(&x[i + 1..to]) {
                let (re, im) = times(*entry, *x);
                sum = (sum.0 - re, sum.1 - im);
            }
            x[i] = times(sum, factors.band[i][DEGREE_MAX]);
        }
    }
}

#[inline]
fn times(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

#[inline]
fn inverse(a: (f64, f64)) -> (f64, f64) {
    let square = a.0 * a.0 + a.1 * a.1;
    (a.0 / square, -a.1 / square)
}

/// Points and weights of Lobatto's quadrature between 0 and 1, `degree` + 1 of them.
pub(super) fn lobatto(degree: usize) -> ([f64; DEGREE_MAX + 1], [f64; DEGREE_MAX + 1]) {
    let n = degree as f64;
    let (mut points, mut weights) = ([0.0; DEGREE_MAX + 1], [0.0; DEGREE_MAX + 1]);
    for k in 0..=degree {
        let mut x = -(std::f64::consts::PI * k as f64 / n).cos();
        let mut top = 1.0;
        for _ in 0..80 {
            let (mut p0, mut p1) = (1.0, x);
            for m in 2..=degree {
                let m = m as f64;
                (p0, p1) = (p1, ((2.0 * m - 1.0) * x * p1 - (m - 1.0) * p0) / m);
            }
            top = p1;
            if k == 0 || k == degree {
                break;
            }
            let change = (x * p1 - p0) / ((n + 1.0) * p1);
            x -= change;
            if change.abs() < 1e-16 {
                break;
            }
        }
        points[k] = 0.5 * (1.0 + x);
        weights[k] = 1.0 / (n * (n + 1.0) * top * top);
    }
    (points, weights)
}

/// Derivative at point `q` of the polynomial that is 1 at point `j` and 0 at the others.
pub(super) fn lagrange_slope(points: &[f64], q: usize, j: usize) -> f64 {
    let mut sum = 0.0;
    for m in (0..points.len()).filter(|m| *m != j) {
        let mut product = 1.0 / (points[j] - points[m]);
        for k in (0..points.len()).filter(|k| *k != j && *k != m) {
            product *= (points[q] - points[k]) / (points[j] - points[k]);
        }
        sum += product;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn electrolyte(elements: usize, degree: usize) -> Electrolyte {
        let layer = |thickness_m, porosity| Layer { thickness_m, porosity, bruggeman: 1.5 };
        let curve = Curve::of(
            |c: f64| 8.794e-11 * (c / 1e3).powi(2) - 3.972e-10 * (c / 1e3) + 4.862e-10,
            0.0,
            CONCENTRATION_MAX,
        );
        Electrolyte::new(
            [layer(85.2e-6, 0.25), layer(12e-6, 0.47), layer(75.6e-6, 0.335)],
            0.7406 / 96_485.33,
            curve,
            Fineness { elements, degree },
        )
    }

    fn run(electrolyte: &Electrolyte, seconds: f64, steps: usize) -> Salt {
        let mut factors = Factors::default();
        let mut salt = [1000.0; POINTS_MAX];
        let dt_s = seconds / steps as f64;
        for _ in 0..steps {
            let mut step = SaltStep { from: salt, nodes: [salt; 2] };
            electrolyte.factorise(&salt, 1.0, dt_s, &mut factors);
            assert!(electrolyte.solve(&mut step, 1.0, [48.7, 48.7], &mut factors));
            salt = step.nodes[1];
        }
        salt
    }

    #[test]
    fn salt_is_conserved() {
        let electrolyte = electrolyte(2, 4);
        let before = electrolyte.amount(&[1000.0; POINTS_MAX]);
        let after = electrolyte.amount(&run(&electrolyte, 1000.0, 20));
        assert!((after / before - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_jump_of_the_load_has_a_solution_over_minutes() {
        let electrolyte = electrolyte(2, 4);
        let loaded = run(&electrolyte, 1000.0, 20);
        let solved = |dt_s: f64, current: f64, steps: usize| {
            let (mut salt, mut factors) = (loaded, Factors::default());
            for _ in 0..steps {
                let mut step = SaltStep { from: salt, nodes: [salt; 2] };
                electrolyte.factorise(&salt, 1.0, dt_s / steps as f64, &mut factors);
                assert!(
                    electrolyte.solve(&mut step, 1.0, [current; 2], &mut factors),
                    "{dt_s} s to {current}"
                );
                salt = step.nodes[1];
            }
            salt
        };
        for (dt_s, within) in [(10.0, 6.0), (30.0, 25.0), (60.0, 60.0)] {
            for current in [30.0, 0.0, -24.0, -48.7] {
                let (at_once, finely) = (solved(dt_s, current, 1), solved(dt_s, current, 200));
                let off =
                    (0..electrolyte.points()).map(|k| (at_once[k] - finely[k]).abs()).fold(0.0, f64::max);
                assert!(off < within, "{dt_s} s to {current}: {off} mol/m³ off");
            }
        }
    }

    #[test]
    fn finer_points_and_steps_converge() {
        let end = |elements, degree, steps| {
            let electrolyte = electrolyte(elements, degree);
            let salt = run(&electrolyte, 300.0, steps);
            (salt[0], salt[electrolyte.points() - 1])
        };
        let (fine, coarse) = (end(3, 4, 300), end(2, 3, 300));
        assert!((fine.0 - coarse.0).abs() < 0.3 && (fine.1 - coarse.1).abs() < 0.3, "{fine:?} {coarse:?}");
        let errors: Vec<f64> = [10, 20, 40].map(|steps| (end(3, 4, steps).0 - fine.0).abs()).to_vec();
        assert!(errors[1] < errors[0] / 3.0 && errors[2] < errors[1] / 3.0, "{errors:?}");
    }
}
