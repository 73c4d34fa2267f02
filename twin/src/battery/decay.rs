//! What decays within a step, as exponentials: the RC pairs and the two modes of the thermal network.
//!
//! Every step of a life needs four exponentials of its own length. They are taken together, and kept for the lengths that come
//! again and again.

use super::quick::exp4;
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

/// Lengths of step that come again and again [s]: a minute, an hour, and the longest rest of `Stepping`'s default.
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
        self.kept(dt_s).copied().unwrap_or_else(|| self.anew(dt_s))
    }

    /// [`Decays::over`], if the length is one that is asked for often.
    #[inline(always)]
    pub fn kept(&self, dt_s: f64) -> Option<&Decay> {
        self.often.iter().find(|decay| decay.dt_s == dt_s)
    }

    /// [`Decays::over`], computed.
    #[inline(never)]
    pub fn anew(&self, dt_s: f64) -> Decay {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_ends_are_those_of_the_exponential() {
        let thermal = ThermalPath::from_time_constants(70.0, 0.5, 600.0, 7200.0);
        let decay = Decays::of(20.0, 600.0, &thermal).over(300.0);
        assert!((decay.e1 - (-15.0f64).exp()).abs() < 1e-16);
        assert!((decay.m2 - (1.0 - (-0.5f64).exp()) * 2.0).abs() < 1e-15);
        assert_eq!(decay.per_s, 1.0 / 300.0);
    }
}
