//! A battery of which nobody knows what cells it has: it is what its own electronics claim, and less so with time.

use crate::battery::estimate::Guess;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Deviation of a claimed state of charge: makers state 5 to 8 %. assumed.
const SOC_STD: f64 = 0.06;
/// Deviation of a claimed health. assumed.
const SOH_STD: f64 = 0.05;
/// A state of charge that nobody claims any more is worth so much less per hour, until nothing is known. assumed.
const SOC_PER_HOUR: f64 = 0.1;
const SOC_STD_MOST: f64 = 0.29;

/// The last claims.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Claims {
    soc: Option<(Time, f64)>,
    soh: Option<f64>,
    pub(super) resistance_ohm: Option<f64>,
}

impl Claims {
    pub(super) fn hear(&mut self, at: Time, soc: Option<f64>, soh: Option<f64>, ohm: Option<f64>) {
        self.soc = soc.map(|soc| (at, soc.clamp(0.0, 1.0))).or(self.soc);
        self.soh = soh.or(self.soh);
        self.resistance_ohm = ohm.or(self.resistance_ohm);
    }

    pub(super) fn soc(&self, at: Time) -> Option<Guess> {
        let (claimed_at, mean) = self.soc?;
        let hours = at.seconds_since(claimed_at).max(0.0) / 3600.0;
        Some(Guess { mean, std: SOC_STD.hypot(SOC_PER_HOUR * hours).min(SOC_STD_MOST) })
    }

    pub(super) fn soh(&self) -> Option<Guess> {
        self.soh.map(|mean| Guess { mean, std: SOH_STD })
    }
}
