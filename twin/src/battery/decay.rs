//! What decays within a step, as exponentials: the RC pairs and the two modes of the thermal network.
//!
//! Every step of a life needs four exponentials of its own length. They are taken together, by a polynomial that a
//! compiler can turn into vector arithmetic and that gives the same bits on every platform.

use super::thermal::{Modes, Propagator, ThermalPath};

/// Rates of everything in a pack that decays exponentially.
#[derive(Debug, Clone, PartialEq)]
pub struct Decays {
    /// Fast pair, slow pair, slow and fast thermal mode [1/s], all negative.
    rates_per_s: [f64; 4],
    /// Time constants of the pairs [s].
    tau_s: [f64; 2],
    modes: Modes,
    /// Those of the lengths that are asked for most.
    often: [Decay; OFTEN_S.len()],
}

/// Lengths of step that come again and again [s]: a minute, an hour, and the longest rest.
const OFTEN_S: [f64; 3] = [60.0, 3600.0, 10_800.0];

/// Shares that are left, and means, after one length of step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decay {
    /// Length of the step [s].
    pub dt_s: f64,
    /// Its inverse [1/s].
    pub per_s: f64,
    /// Share of the fast pair's voltage left at the end.
    pub e1: f64,
    /// Share of the slow pair's voltage left at the end.
    pub e2: f64,
    /// Mean share of the fast pair's voltage over the step.
    pub m1: f64,
    /// Mean share of the slow pair's voltage over the step.
    pub m2: f64,
    /// Heat.
    pub propagator: Propagator,
}

impl Decay {
    /// No step at all: what there is before the first.
    pub const NONE: Decay =
        Decay { dt_s: 0.0, per_s: 0.0, e1: 1.0, e2: 1.0, m1: 1.0, m2: 1.0, propagator: Propagator::NONE };
}

impl Decays {
    /// The decays of a circuit with these time constants [s] on a heat path.
    pub fn of(tau1_s: f64, tau2_s: f64, thermal: &ThermalPath) -> Self {
        let modes = thermal.modes();
        let [slow, fast] = modes.rates_per_s();
        let rates_per_s = [-1.0 / tau1_s, -1.0 / tau2_s, slow, fast];
        let mut decays =
            Self { rates_per_s, tau_s: [tau1_s, tau2_s], modes, often: [Decay::NONE; OFTEN_S.len()] };
        decays.often = OFTEN_S.map(|dt_s| decays.anew(dt_s));
        decays
    }

    /// The decays within a step of so many seconds, which must be positive.
    #[inline]
    pub fn over(&self, dt_s: f64) -> Decay {
        match self.often.iter().find(|decay| decay.dt_s == dt_s) {
            Some(decay) => *decay,
            None => self.anew(dt_s),
        }
    }

    /// [`Decays::over`], computed.
    #[inline(never)]
    fn anew(&self, dt_s: f64) -> Decay {
        let [e1, e2, slow, fast] = exp4(self.rates_per_s.map(|rate| rate * dt_s));
        let per_s = 1.0 / dt_s;
        Decay {
            dt_s,
            per_s,
            e1,
            e2,
            m1: (1.0 - e1) * self.tau_s[0] * per_s,
            m2: (1.0 - e2) * self.tau_s[1] * per_s,
            propagator: self.modes.propagator([slow, fast], per_s),
        }
    }
}

/// `e^x` of numbers below 700, to a few units in the last place; zero from −708 down.
///
/// `e^x = 2^k·e^r` with k the whole number nearest to x/ln 2; e^r, |r| ≤ ½·ln 2, by its Taylor series up to the
/// twelfth power, whose remainder is below 2·10⁻¹⁶.
#[inline(always)]
fn exp_each<const N: usize>(x: [f64; N]) -> [f64; N] {
    // Adding 1.5·2^52 leaves the nearest whole number in the lowest bits.
    const TO_WHOLE: f64 = 6_755_399_441_055_744.0;
    // ln 2 in two parts; the first has so few digits that its products with k are exact.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const LOWEST: f64 = -708.0;
    // Stage by stage over all numbers, so that each stage is one vector operation.
    let mut r = [0.0; N];
    let mut scale = [0.0; N];
    for i in 0..N {
        let bounded = if x[i] > LOWEST { x[i] } else { LOWEST };
        let whole = bounded * std::f64::consts::LOG2_E + TO_WHOLE;
        let k = whole - TO_WHOLE;
        r[i] = (bounded - k * LN2_HIGH) - k * LN2_LOW;
        scale[i] = f64::from_bits((whole.to_bits() << 52).wrapping_add(1023 << 52));
    }
    let mut power = [1.0 / 479_001_600.0; N];
    const INVERSE_FACTORIALS: [f64; 12] = [
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    for coefficient in INVERSE_FACTORIALS {
        for i in 0..N {
            power[i] = power[i] * r[i] + coefficient;
        }
    }
    for i in 0..N {
        let value = power[i] * scale[i];
        power[i] = if x[i] > LOWEST { value } else { 0.0 };
    }
    power
}

/// Four exponentials of numbers that are not positive; zero from −708 down.
#[inline]
pub fn exp4(x: [f64; 4]) -> [f64; 4] {
    // Two at a time stay in registers.
    let ([a, b], [c, d]) = (exp_each([x[0], x[1]]), exp_each([x[2], x[3]]));
    [a, b, c, d]
}

/// Two exponentials of numbers below 700; zero from −708 down.
#[inline]
pub fn exp_both(x: [f64; 2]) -> [f64; 2] {
    exp_each(x)
}

/// The exponential of a number that is not positive; zero from −708 down.
#[inline]
pub fn exp(x: f64) -> f64 {
    exp_each([x])[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomial_agrees_with_the_library() {
        for k in 0..200_000 {
            let x = -(f64::from(k) * 3.537e-3);
            let (ours, library) = (exp(x), x.exp());
            assert!((ours / library - 1.0).abs() < 5e-16, "{x}: {ours} against {library}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-800.0), 0.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp4([0.0, -1.0, -2.0, -1e9])[3], 0.0);
    }

    #[test]
    fn means_and_ends_are_those_of_the_exponential() {
        let thermal = ThermalPath::from_time_constants(70.0, 0.5, 600.0, 7200.0);
        let decay = Decays::of(20.0, 600.0, &thermal).over(300.0);
        assert!((decay.e1 - (-15.0f64).exp()).abs() < 1e-16);
        assert!((decay.m2 - (1.0 - (-0.5f64).exp()) * 2.0).abs() < 1e-15);
        assert_eq!(decay.per_s, 1.0 / 300.0);
    }
}
