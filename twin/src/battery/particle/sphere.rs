//! Diffusion in a spherical particle, in modes that decay each at its own rate.
//!
//! ```text
//! ∂c/∂t = (1/r²) ∂_r(r² D ∂_r c),   −D ∂_r c|_R = j/F,   ∂_r c|_0 = 0
//! ```
//!
//! With a diffusivity that is the same everywhere in the particle this is linear. A Galerkin projection on even
//! polynomials in r/R, orthonormal with respect to volume (Jacobi polynomials P_k^(0,½)(2r²−1)), is made diagonal
//! once at load. What remains are the mean, which only the flux changes, and modes of the surface concentration:
//!
//! ```text
//! dc̄/dt = −(3/FR)·j
//! dq_m/dt = −(D/R²)·μ_m·q_m − (3/FR)·W_m·j,   c_surface = c̄ + Σ q_m
//! ```
//!
//! Lithium is conserved to rounding whatever the number of modes. The projection converges faster than any power
//! of their number once the boundary layer, √(Dt) after a step of current, is thicker than about R/modes².
//!
//! Source: weak form and Jacobi polynomials as in Canuto et al., *Spectral Methods* (2006), ch. 2; the exponentials
//! as in Cox and Matthews 2002, doi:10.1006/jcph.2002.6995. Limits: D must not depend on concentration.

#![expect(
    clippy::needless_range_loop,
    reason = "indices are those of the equations, over several arrays at once"
)]

/// Most modes that a particle may have.
pub const MODES_MAX: usize = 16;

/// Amplitudes of the modes [mol/m³].
pub type Modes = [f64; MODES_MAX];

/// Decay and excitation of the modes of a sphere of radius 1 and diffusivity 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Sphere {
    count: usize,
    /// Decay rates μ, rising.
    decay: Modes,
    /// Weights W of the flux.
    gain: Modes,
}

impl Sphere {
    /// A sphere of so many modes beside the mean, 1 to [`MODES_MAX`].
    pub fn of(count: usize) -> Self {
        let count = count.clamp(1, MODES_MAX);
        let (nodes, weights) = gauss(2 * count + 4);
        // Derivatives over r of the orthonormal basis at the nodes; norm of P_k: ∫P_k² 3r²dr = 3/(4k+3).
        let norm = |k: usize| ((4 * k + 3) as f64 / 3.0).sqrt();
        let mut stiffness = vec![vec![0.0; count]; count];
        for (r, w) in nodes.iter().zip(&weights) {
            let slopes = jacobi_slopes(2.0 * r * r - 1.0, count);
            for i in 0..count {
                for j in 0..count {
                    let (a, b) = (norm(i + 1) * slopes[i] * 4.0 * r, norm(j + 1) * slopes[j] * 4.0 * r);
                    stiffness[i][j] += w * 3.0 * r * r * a * b;
                }
            }
        }
        let (values, vectors) = eigen(stiffness);
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        let (mut decay, mut gain) = ([0.0; MODES_MAX], [0.0; MODES_MAX]);
        for (m, index) in order.into_iter().enumerate() {
            let surface: f64 = (0..count).map(|k| vectors[k][index] * norm(k + 1)).sum();
            (decay[m], gain[m]) = (values[index], surface * surface);
        }
        Self { count, decay, gain }
    }

    /// Number of modes.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How the modes pass a step of dimensionless length `x` = D·Δt/R², flux linear through its values at a
    /// third and at the end of the step.
    pub fn passage(&self, x: f64, dt_s: f64) -> Passage {
        let mut passage = Passage { response: [[0.0; 2]; 2], ..Passage::default() };
        for m in 0..self.count {
            let of_end = relax(self.decay[m] * x);
            let of_third = relax(self.decay[m] * x / 3.0);
            passage.third[m] = of_third.left;
            passage.end[m] = of_end.left;
            let third = dt_s / 3.0;
            let weights = [
                [
                    third * (1.5 * of_third.flat - 0.5 * of_third.ramp),
                    third * 0.5 * (of_third.ramp - of_third.flat),
                ],
                [dt_s * 1.5 * (of_end.flat - of_end.ramp), dt_s * (1.5 * of_end.ramp - 0.5 * of_end.flat)],
            ];
            for (sum, weight) in passage.response.iter_mut().zip(weights) {
                sum[0] += self.gain[m] * weight[0];
                sum[1] += self.gain[m] * weight[1];
            }
            passage.flux[m] = [self.gain[m] * weights[1][0], self.gain[m] * weights[1][1]];
        }
        passage
    }
}

/// One step of all modes, per unit of 3j/(FR).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Passage {
    third: Modes,
    end: Modes,
    flux: [[f64; 2]; MODES_MAX],
    /// Fall of surface less mean at a third (first) and at the end (second) per flux at either.
    pub response: [[f64; 2]; 2],
}

impl Passage {
    /// Surface less mean at a third and at the end of the step if there were no flux.
    #[inline]
    pub fn decayed(&self, modes: &Modes) -> [f64; 2] {
        let (mut third, mut end) = (0.0, 0.0);
        for m in 0..MODES_MAX {
            third += self.third[m] * modes[m];
            end += self.end[m] * modes[m];
        }
        [third, end]
    }

    /// The modes after the step with flux 3j/(FR) at a third and at the end.
    #[inline]
    pub fn pass(&self, modes: &mut Modes, flux: [f64; 2]) {
        for m in 0..MODES_MAX {
            modes[m] = self.end[m] * modes[m] - self.flux[m][0] * flux[0] - self.flux[m][1] * flux[1];
        }
    }
}

/// What a decay leaves of a start and of a constant and a rising drive.
struct Relaxed {
    /// e^(−x).
    left: f64,
    /// ∫₀¹ e^(−x(1−s)) ds.
    flat: f64,
    /// ∫₀¹ e^(−x(1−s)) s ds.
    ramp: f64,
}

#[inline]
fn relax(x: f64) -> Relaxed {
    if x < 0.05 {
        let flat = 1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0))));
        let ramp = 0.5 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0))));
        return Relaxed { left: 1.0 - x * flat, flat, ramp };
    }
    let left = if x > 45.0 { 0.0 } else { (-x).exp() };
    let flat = (1.0 - left) / x;
    Relaxed { left, flat, ramp: (1.0 - flat) / x }
}

/// Derivatives of P_1 … P_count of the family (0, ½) at `s`.
fn jacobi_slopes(s: f64, count: usize) -> Vec<f64> {
    const B: f64 = 0.5;
    let (mut before, mut now) = ((1.0, 0.0), (1.0 + 0.5 * (B + 2.0) * (s - 1.0), 0.5 * (B + 2.0)));
    let mut slopes = vec![now.1];
    for k in 2..=count {
        let n = k as f64;
        let scale = 2.0 * n * (n + B) * (2.0 * n + B - 2.0);
        let (a, shift) =
            ((2.0 * n + B - 1.0) * (2.0 * n + B) * (2.0 * n + B - 2.0), -B * B * (2.0 * n + B - 1.0));
        let c = 2.0 * (n - 1.0) * (n + B - 1.0) * (2.0 * n + B);
        let value = ((a * s + shift) * now.0 - c * before.0) / scale;
        let slope = ((a * s + shift) * now.1 + a * now.0 - c * before.1) / scale;
        (before, now) = (now, (value, slope));
        slopes.push(slope);
    }
    slopes
}

/// Nodes and weights of Gauss' quadrature between 0 and 1.
fn gauss(n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut nodes = Vec::with_capacity(n);
    let mut weights = Vec::with_capacity(n);
    for i in 0..n {
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..60 {
            let (mut p0, mut p1) = (1.0, x);
            for k in 2..=n {
                let k = k as f64;
                (p0, p1) = (p1, ((2.0 * k - 1.0) * x * p1 - (k - 1.0) * p0) / k);
            }
            slope = n as f64 * (x * p1 - p0) / (x * x - 1.0);
            let change = p1 / slope;
            x -= change;
            if change.abs() < 1e-16 {
                break;
            }
        }
        nodes.push(0.5 * (1.0 + x));
        weights.push(1.0 / ((1.0 - x * x) * slope * slope));
    }
    (nodes, weights)
}

/// Eigenvalues and eigenvectors (as columns) of a symmetric matrix, by Jacobi's rotations.
fn eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut v: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j] * a[i][j]).sum();
        let all: f64 = (0..n).map(|i| a[i][i] * a[i][i]).sum();
        if off <= 1e-32 * all {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in a.iter_mut() {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                for k in 0..n {
                    (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]);
                }
                for row in v.iter_mut() {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), v)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roots of tan λ = λ: the exact modes of a sphere.
    const ROOTS: [f64; 3] = [4.493_409_457_909_064, 7.725_251_836_937_707, 10.904_121_659_428_899];

    #[test]
    fn the_slowest_modes_are_those_of_the_sphere() {
        // The faster a mode, the more polynomials it takes: with eight the third is met to six digits.
        for (count, exact) in [(8, [1e-10, 1e-8, 1e-6]), (12, [1e-10; 3])] {
            let sphere = Sphere::of(count);
            for (m, root) in ROOTS.iter().enumerate() {
                let off = sphere.decay[m] / (root * root) - 1.0;
                assert!(off.abs() < exact[m], "mode {m} of {count}: {off:.1e}");
            }
        }
    }

    #[test]
    fn a_steady_flux_ends_a_fifth_below_the_mean() {
        for count in [1, 4, 8, 16] {
            let passage = Sphere::of(count).passage(100.0, 100.0);
            let response = passage.response[1][0] + passage.response[1][1];
            // Per unit of 3j/(FR): jR/(5FD) with R = D = 1.
            assert!((response - 1.0 / 15.0).abs() < 1e-9, "{count}: {response}");
        }
    }

    #[test]
    fn two_short_steps_make_one_long_one() {
        let sphere = Sphere::of(8);
        let mut once = [0.0; MODES_MAX];
        let mut twice = once;
        sphere.passage(0.02, 1.0).pass(&mut once, [0.7, 0.7]);
        let half = sphere.passage(0.01, 0.5);
        half.pass(&mut twice, [0.7, 0.7]);
        half.pass(&mut twice, [0.7, 0.7]);
        for m in 0..8 {
            assert!((once[m] - twice[m]).abs() < 1e-14);
        }
    }

    #[test]
    fn early_response_follows_the_square_root_of_time() {
        // Fall of the surface at constant flux: (6/√π)·√x/3 per 3j/(FR), for small x.
        let sphere = Sphere::of(12);
        for x in [1e-4, 1e-3] {
            let passage = sphere.passage(x, x);
            let fall = passage.response[1][0] + passage.response[1][1] + x;
            let exact = (2.0 / std::f64::consts::PI.sqrt() * f64::sqrt(x) + x) / 3.0;
            assert!((fall / exact - 1.0).abs() < 2e-2, "{x}: {fall} {exact}");
        }
    }
}
