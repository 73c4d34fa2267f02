//! The step of a sigmoid life law whose plateau and exponent depend on the stress.

use super::quick::{beginning_of_part, exp2_each, least, log2_each, most, part_of_octave};
use std::sync::LazyLock;

/// Rates up to this are none: a little more than the least that a table tells.
const NO_RATE: f64 = 1e-300;

/// One virtual-time step of a sigmoid whose plateau Y and exponent p depend on the stress, where some stresses share the step:
/// the mean of where each alone would lead. Plateau, κ and exponent come as logarithms to base 2, those of
/// [`log2_rate`](super::rate_table::log2_rate).
///
/// ```text
/// w = 2·artanh(y/Y) = (κx)^p      w' = ((κx) + κ·dx)^p      y' = Y·tanh(w'/2)
/// ```
///
/// Steps that are short against the virtual x (ε = dx/x below a fiftieth), nearly all of a life, take series for
/// `(1 + ε)^p − 1`, with `ε = κ·dx·w^(−1/p)`, and the addition theorem of tanh, from y at a ten-millionth of the plateau
/// till a hundredth is left; the difference to the exact step is below 10⁻⁶ of its growth.
///
/// Out of line, for most makes have no such law and their look-ups stay short without it.
#[inline(never)]
pub(super) fn sigmoid_step<const N: usize>(
    y: f64,
    dx: f64,
    log2_plateau: [f64; N],
    log2_kappa: [f64; N],
    log2_exponent: [f64; N],
) -> f64 {
    let [log2_y] = log2_each([y]);
    // Stage by stage over all stresses, so that each stage is one vector operation.
    let octaves_left = log2_plateau.map(|log2_plateau| log2_plateau - log2_y);
    let log2_w = LOG2_W.at(octaves_left);
    let (plateau, exponent) = (exp2_each(log2_plateau), exp2_each(log2_exponent));
    let (w, mut epsilon) = (exp2_each(log2_w), [0.0; N]);
    for i in 0..N {
        epsilon[i] = least(most(log2_kappa[i] - log2_w[i] / exponent[i], -1000.0), 1000.0);
    }
    epsilon = exp2_each(epsilon);
    let (mut half, mut next) = ([0.0; N], [y; N]);
    for i in 0..N {
        epsilon[i] *= dx;
        let (e, p) = (epsilon[i], exponent[i]);
        // ((1 + ε)^p − 1)/pε by the binomial series.
        let second = 0.5 * (p - 1.0);
        let third = second * (p - 2.0) * (1.0 / 3.0);
        let fourth = third * (p - 3.0) * 0.25;
        half[i] = 0.5 * p * w[i] * e * ((1.0 + second * e) + e * e * (third + fourth * e));
        let tanh = half[i] * (1.0 - half[i] * half[i] * (1.0 / 3.0));
        next[i] = plateau[i] * (y + plateau[i] * tanh) / (plateau[i] + y * tanh);
        next[i] = if next[i] > y { next[i] } else { y };
    }
    // By how much a step is too long for the series, or y beyond where they hold.
    let mut beyond = [0.0; N];
    for i in 0..N {
        let left = most(SERIES_LEFT.0 - octaves_left[i], octaves_left[i] - SERIES_LEFT.1);
        let longest = most(most(epsilon[i], 0.4 * exponent[i] * epsilon[i]), half[i]);
        beyond[i] = most(left, longest - SERIES_MAX);
    }
    let is_short = |i: usize| beyond[i] < 0.0;
    if !(0..N).all(is_short) {
        for i in (0..N).filter(|i| !is_short(*i)) {
            let [plateau, kappa, exponent] =
                [log2_plateau[i], log2_kappa[i], log2_exponent[i]].map(f64::exp2);
            next[i] = whole_sigmoid_step(y, dx, plateau, kappa, exponent);
        }
    }
    next.iter().sum::<f64>() * (1.0 / N as f64)
}

/// Longest step of the series: as ε, as half of what w grows by, and as 0.4·p·ε.
const SERIES_MAX: f64 = 0.02;

/// Octaves from y to its plateau between which the series is used: a hundredth, a factor of ten million.
const SERIES_LEFT: (f64, f64) = (1.45e-2, 23.25);

/// [`sigmoid_step`] of any length under one stress. Where the plateau has been reached, or something is not positive, nothing
/// moves.
#[inline(never)]
pub(super) fn whole_sigmoid_step(y: f64, dx: f64, plateau: f64, kappa: f64, exponent: f64) -> f64 {
    if !(y < plateau && kappa > NO_RATE && exponent > NO_RATE) {
        return y;
    }
    let w = (2.0 * y / (plateau - y)).ln_1p();
    let virtual_kx = (w.ln() / exponent).exp();
    let next = plateau * (0.5 * (virtual_kx + kappa * dx).powf(exponent)).tanh();
    if next > y { next } else { y }
}

/// log₂ of `w = 2·artanh(2^−b)` over the octaves b from y to its plateau.
static LOG2_W: LazyLock<Log2W> = LazyLock::new(Log2W::tabulated);

/// Intervals per octave of b, as bits; in each a cubic goes through four even points of the function, to 10⁻⁸.
const OCTAVE_BITS: u32 = 5;
/// The first octave's beginning, below a hundredth, and how many there are.
const BEGINS: f64 = 1.0 / 128.0;
const OCTAVES: usize = 12;

/// The coefficients of each interval's cubic, lowest first.
struct Log2W(Box<[[f64; 4]; OCTAVES << OCTAVE_BITS]>);

impl Log2W {
    fn tabulated() -> Self {
        let mut cubics = Box::new([[0.0; 4]; OCTAVES << OCTAVE_BITS]);
        for (interval, cubic) in cubics.iter_mut().enumerate() {
            let begins = |part| beginning_of_part::<OCTAVE_BITS>(part, BEGINS);
            let (from, to) = (begins(interval), begins(interval + 1));
            let [a, b, c, d] = [0.0, 1.0, 2.0, 3.0].map(|third| log2_w(from + (to - from) * third / 3.0));
            // Newton's forward differences.
            let (first, second, third) = (b - a, c - 2.0 * b + a, d - 3.0 * (c - b) - a);
            *cubic = [a, 3.0 * (first - 0.5 * second + third / 3.0), 4.5 * (second - third), 4.5 * third];
        }
        Self(cubics)
    }

    /// Values at some b; what lies outside of the octaves, or is no number, gets anything finite.
    #[inline(always)]
    fn at<const N: usize>(&self, octaves_left: [f64; N]) -> [f64; N] {
        octaves_left.map(|b| {
            let (interval, f) = part_of_octave::<OCTAVE_BITS>(b, BEGINS);
            let [at_0, at_1, at_2, at_3] = self.0[interval.min((OCTAVES << OCTAVE_BITS) - 1)];
            (at_0 + at_1 * f) + f * f * (at_2 + at_3 * f)
        })
    }
}

/// What is tabulated, exactly: with u = 2^−b, w is ln((1 + u)/(1 − u)).
fn log2_w(octaves_left: f64) -> f64 {
    let (share, missing) = ((-octaves_left).exp2(), -(-octaves_left * std::f64::consts::LN_2).exp_m1());
    (2.0 * share / missing).ln_1p().log2()
}

#[cfg(test)]
mod tests {
    use super::super::rate_table::log2_rate;
    use super::*;

    /// A step under stresses of plateau, κ and exponent.
    fn step<const N: usize>(y: f64, dx: f64, stresses: [(f64, f64, f64); N]) -> f64 {
        let log2 = |of: fn(&(f64, f64, f64)) -> f64| stresses.each_ref().map(of).map(log2_rate);
        sigmoid_step(y, dx, log2(|s| s.0), log2(|s| s.1), log2(|s| s.2))
    }

    #[test]
    fn the_table_agrees_with_the_library() {
        for k in 0..100_000 {
            let left = SERIES_LEFT.0 * (SERIES_LEFT.1 / SERIES_LEFT.0).powf(f64::from(k) / 1e5);
            let ([ours], library) = (LOG2_W.at([left]), log2_w(left));
            assert!((ours - library).abs() < 1e-8, "{left}: {ours} against {library}");
        }
        let outside = LOG2_W.at([0.0, 1e-30, -1.0, f64::INFINITY, f64::NAN, 1e30]);
        assert!(outside.iter().all(|log2_w| log2_w.is_finite()));
    }

    #[test]
    fn short_and_long_steps_of_a_sigmoid_compose() {
        for (plateau, kappa, exponent) in [(0.3, 1.3e-4, 0.6), (1.0, 1e-4, 10.0), (0.9, 6e-4, 1.0)] {
            let whole = step(0.0, 4000.0, [(plateau, kappa, exponent)]);
            let law = plateau * (0.5f64 * (kappa * 4000.0f64).powf(exponent)).tanh();
            assert!((whole - law).abs() < 1e-14);
            let mut y = 0.0;
            for _ in 0..96_000 {
                y = step(y, 1.0 / 24.0, [(plateau, kappa, exponent); 2]);
            }
            assert!((y / whole - 1.0).abs() < 1e-7, "{y} in hours, {whole} at once, p = {exponent}");
        }
    }

    #[test]
    fn the_series_agrees_with_the_law_where_it_takes_over() {
        let (plateau, kappa) = (0.3, 1.3e-4);
        for exponent in [0.3f64, 0.6, 1.0, 1.7, 9.0] {
            for over_left in [1e-6_f64, 1e-3, 0.1, 1.0, 20.0, 900.0] {
                let y = plateau * over_left / (1.0 + over_left);
                let x = (2.0 * over_left).ln_1p().powf(1.0 / exponent) / kappa;
                for share in [1e-4, 1e-3, 0.01, 0.019, 0.021, 0.3] {
                    let dx = x * share;
                    let grown = step(y, dx, [(plateau, kappa, exponent)]) - y;
                    let whole = whole_sigmoid_step(y, dx, plateau, kappa, exponent) - y;
                    let rounding = 1e-14 * plateau;
                    assert!(
                        (grown - whole).abs() <= 1e-6 * whole + rounding,
                        "{grown} against {whole} at {over_left}, {share} of the way again, p = {exponent}"
                    );
                }
            }
        }
    }

    #[test]
    fn stresses_that_share_a_step_lead_to_the_mean_of_where_each_would() {
        let below = 0.3 * (1.0 - 1e-9);
        for y in [0.0, 1e-12, 0.01, 0.15, below, 0.35] {
            for dx in [0.01, 1.0, 1000.0] {
                let stresses = [
                    (0.3, 1.3e-4, 0.6),
                    (1.0, 2e-4, 1.7),
                    (0.2, 1e-4, 0.5),
                    (0.9, f64::NAN, 1.0),
                    (0.8, 3e-4, 9.0),
                ];
                for one in stresses {
                    for other in stresses {
                        let alone = |stress| step(y, dx, [stress]);
                        let together = step(y, dx, [one, other]);
                        let mean = 0.5 * (alone(one) + alone(other));
                        assert!((together - mean).abs() <= 1e-16, "{y}, {dx}: {one:?} and {other:?}");
                        assert!(alone(one) >= y);
                    }
                }
            }
        }
    }

    #[test]
    fn a_sigmoid_beyond_its_plateau_or_without_one_stays() {
        assert_eq!(step(0.3, 1.0, [(0.2, 1.0, 1.0)]), 0.3);
        assert_eq!(step(0.3, 1.0, [(f64::NAN, 1.0, 1.0)]), 0.3);
        assert_eq!(step(0.3, 1.0, [(0.5, 1.0, f64::NAN)]), 0.3);
    }
}
