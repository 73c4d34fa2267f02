//! Diffusion in a spherical particle, in modes that decay each at its own rate.
//!
//! ```text
//! ∂c/∂t = (1/r²) ∂_r(r² D ∂_r c),   −D ∂_r c|_R = j/F,   ∂_r c|_0 = 0
//! ```
//!
//! With a diffusivity that is the same everywhere in the particle this is linear, and exactly so many modes that each
//! decay at their own rate, −(D/R²)·λ², tan λ = λ. For the first seconds after a jump of the flux hundreds of them count.
//! Few do the same: the modes are projected (Galerkin) on what the particle shows when it is driven at rates that
//! are spaced evenly on a logarithmic scale, from rest to `FASTEST`, and made diagonal once at load. What remains are
//! the mean, which only the flux changes, and modes of the surface concentration:
//!
//! ```text
//! dc̄/dt = −(3/FR)·j
//! dq_m/dt = −(D/R²)·μ_m·q_m − (3/FR)·W_m·j,   c_surface = c̄ + Σ q_m
//! H(s) = Σ W_m/(s + μ_m),   met with its slope at each rate s of the driving
//! ```
//!
//! Lithium is conserved to rounding whatever the number of modes, all μ and W are positive, and the steady state is
//! exact. With ten modes the response to a step of flux, of which 1/15 is the steady end, is met to 5·10⁻⁶ from
//! Dt/R² = 3·10⁻⁶ on; that is a few hundredths of a second for a usual particle.
//!
//! Source: projection as in Villemagne and Skelton 1987, doi:10.1080/00207178708933971 (rational interpolation by
//! projection); the exponentials as in Cox and Matthews 2002, doi:10.1006/jcph.2002.6995. Limits: D must not depend
//! on concentration.

#![expect(
    clippy::needless_range_loop,
    reason = "indices are those of the equations, over several arrays at once"
)]

/// Most modes that a particle may have.
pub const MODES_MAX: usize = 16;

/// Exact modes that the few are made from.
const EXACT: usize = 1000;
/// Slowest rate but rest at which the few answer as the exact ones do, in D/R².
const SLOWEST: f64 = 20.0;
/// Fastest such rate.
const FASTEST: f64 = 1e6;

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
    /// A sphere of so many modes beside the mean, 2 to [`MODES_MAX`].
    pub fn of(count: usize) -> Self {
        let count = count.clamp(2, MODES_MAX);
        let exact = exact();
        // What the particle shows at each rate, made orthonormal; twice over, as once leaves traces.
        let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
        for k in 0..count {
            let rate = if k == 0 {
                0.0
            } else {
                SLOWEST * (FASTEST / SLOWEST).powf((k - 1) as f64 / (count - 2).max(1) as f64)
            };
            let mut shown: Vec<f64> =
                exact.iter().map(|(decay, root_gain)| root_gain / (decay + rate)).collect();
            normalise(&mut shown);
            for _ in 0..2 {
                for other in &basis {
                    let share: f64 = other.iter().zip(&shown).map(|(a, b)| a * b).sum();
                    shown.iter_mut().zip(other).for_each(|(value, part)| *value -= share * part);
                }
            }
            normalise(&mut shown);
            basis.push(shown);
        }
        let decays: Vec<Vec<f64>> = basis
            .iter()
            .map(|a| {
                let entry = |b: &Vec<f64>| {
                    a.iter().zip(b).zip(&exact).map(|((a, b), (decay, _))| a * b * decay).sum()
                };
                basis.iter().map(entry).collect()
            })
            .collect();
        let seen: Vec<f64> = basis
            .iter()
            .map(|a| a.iter().zip(&exact).map(|(a, (_, root_gain))| a * root_gain).sum())
            .collect();
        let (values, vectors) = eigen(decays);
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        let (mut decay, mut gain) = ([0.0; MODES_MAX], [0.0; MODES_MAX]);
        for (m, index) in order.into_iter().enumerate() {
            let surface: f64 = (0..count).map(|k| vectors[k][index] * seen[k]).sum();
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
            let (of_third, of_end) = relax(self.decay[m] * x);
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

/// What is left at a third of a step and at its end; one exponential serves both.
#[inline]
fn relax(x: f64) -> (Relaxed, Relaxed) {
    if x < 0.05 {
        return (series(x / 3.0), series(x));
    }
    let of = |left: f64, x: f64| {
        let inverse = 1.0 / x;
        let flat = (1.0 - left) * inverse;
        Relaxed { left, flat, ramp: (1.0 - flat) * inverse }
    };
    let left = if x > 135.0 { 0.0 } else { (-x / 3.0).exp() };
    let third = if x < 0.15 { series(x / 3.0) } else { of(left, x / 3.0) };
    (third, of(left * left * left, x))
}

#[inline]
fn series(x: f64) -> Relaxed {
    let flat = 1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0))));
    let ramp = 0.5 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0))));
    Relaxed { left: 1.0 - x * flat, flat, ramp }
}

/// Decay of the exact modes of the sphere and root of their gain, slowest first; the last stands for all that follow.
fn exact() -> Vec<(f64, f64)> {
    let gain = 2.0_f64 / 3.0;
    let mut modes: Vec<(f64, f64)> = (1..=EXACT)
        .map(|m| {
            let a = (m as f64 + 0.5) * std::f64::consts::PI;
            let mut root = a - 1.0 / a;
            // Newton's method on λ·cos λ = sin λ.
            for _ in 0..5 {
                root += (root * root.cos() - root.sin()) / (root * root.sin());
            }
            (root * root, gain.sqrt())
        })
        .collect();
    // Σ 1/λ² over all of them is 1/10.
    let rest = gain * (0.1 - modes.iter().map(|(decay, _)| 1.0 / decay).sum::<f64>());
    let decay = 3.0 * modes[EXACT - 1].0;
    modes.push((decay, (rest * decay).sqrt()));
    modes
}

fn normalise(vector: &mut [f64]) {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
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

    #[test]
    fn few_modes_answer_a_step_as_the_exact_ones_do() {
        // Σ (2/3)/λ²·(1 − e^(−λ²x)) over 20 000 roots, λ ≈ a − 1/a − 2/(3a³) for all but the first.
        let roots: Vec<f64> = exact()
            .iter()
            .take(EXACT)
            .map(|(decay, _)| *decay)
            .chain((EXACT + 1..=20_000).map(|m| {
                let a = (m as f64 + 0.5) * std::f64::consts::PI;
                (a - 1.0 / a - 2.0 / (3.0 * a * a * a)).powi(2)
            }))
            .collect();
        assert!((roots[0].sqrt() - 4.493_409_457_909_064).abs() < 1e-13);
        let rest = 2.0 / 3.0 * (0.1 - roots.iter().map(|decay| 1.0 / decay).sum::<f64>());
        for (count, most) in [(8, 3e-5), (10, 5e-6), (12, 3e-6), (16, 1e-6)] {
            let sphere = Sphere::of(count);
            for tenth in 0..60 {
                let x = 10f64.powf(-5.5 + 0.1 * f64::from(tenth));
                let fall: f64 =
                    roots.iter().map(|decay| 2.0 / 3.0 / decay * (1.0 - (-decay * x).exp())).sum();
                let passage = sphere.passage(x, x);
                let off = passage.response[1][0] + passage.response[1][1] - fall - rest;
                assert!(off.abs() < most, "{count} modes, x {x:.1e}: {off:.1e} of {fall:.1e}");
            }
        }
    }

    #[test]
    fn a_steady_flux_ends_a_fifth_below_the_mean() {
        for count in [2, 4, 8, 16] {
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
        let sphere = Sphere::of(10);
        for x in [1e-6, 1e-5, 1e-4, 1e-3] {
            let passage = sphere.passage(x, x);
            let fall = passage.response[1][0] + passage.response[1][1] + x;
            let exact = (2.0 / std::f64::consts::PI.sqrt() * f64::sqrt(x) + x) / 3.0;
            assert!((fall / exact - 1.0).abs() < 2e-2, "{x}: {fall} {exact}");
        }
    }
}
