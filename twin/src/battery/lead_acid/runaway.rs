//! Thermal runaway: float heat that rises faster with temperature than it can leave.
//!
//! ```text
//! unstable when  dP_float/dT > UA,   P = I_gas·U,   dP/dT = c_T·P      (gassing rises by e^(c_T·ΔT))
//! ratio r = c_T·P/UA
//! ```
//!
//! The guard looks at the hottest-running block after every step, warns while r is well below 1 and trips before it
//! gets there. It takes each block as if at constant voltage; in a string the others hold a single hot block's
//! voltage down, so the guard errs towards safety. Source: the criterion is the tangent condition of heat balance
//! (Semenov); gassing law of Schiffer et al. 2007. Limits: no shorted cells, no dry spots within a block.

use super::file::RunawayFile;

/// What a guard does when it trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trip {
    /// It takes the charger off until it is reset.
    Disconnect,
    /// It limits the charger to a small current until it is reset.
    Limit,
    /// Nothing: for comparison.
    Ignore,
}

/// How a guard stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Alarm {
    /// All is well.
    #[default]
    Quiet,
    /// Runaway is near.
    Warned,
    /// The charger is off or limited.
    Tripped,
}

/// A guard: what it saw last, and how it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Guard {
    /// (dP/dT)/UA of the worst block.
    pub ratio: f64,
    /// The worst block.
    pub block: usize,
    /// How it stands.
    pub alarm: Alarm,
    cut: bool,
}

/// A change of a guard's mind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Notice {
    /// Runaway is near.
    Near {
        /// The worst block.
        block: usize,
        /// (dP/dT)/UA.
        ratio: f64,
    },
    /// The charger was taken off or limited.
    Tripped {
        /// The worst block.
        block: usize,
        /// (dP/dT)/UA.
        ratio: f64,
    },
    /// It is far again.
    Over,
}

impl Guard {
    /// Whether the charger is on.
    #[inline]
    pub fn charges(&self) -> bool {
        !self.cut
    }

    /// Whether the charger is limited.
    #[inline]
    pub fn limits(&self, trip: Trip) -> bool {
        self.alarm == Alarm::Tripped && trip == Trip::Limit
    }

    #[inline]
    pub(super) fn see(&mut self, ratio: f64, block: usize) {
        (self.ratio, self.block) = (ratio, block);
    }

    /// Compares what was seen with the thresholds.
    pub(super) fn look(&mut self, file: &RunawayFile, trip: Trip) -> Option<Notice> {
        let (ratio, block) = (self.ratio, self.block);
        match self.alarm {
            Alarm::Quiet | Alarm::Warned if ratio >= file.trip_ratio => {
                self.alarm = Alarm::Tripped;
                self.cut = trip == Trip::Disconnect;
                Some(Notice::Tripped { block, ratio })
            }
            Alarm::Quiet if ratio >= file.warn_ratio => {
                self.alarm = Alarm::Warned;
                Some(Notice::Near { block, ratio })
            }
            Alarm::Warned if ratio < file.rearm_ratio => {
                self.alarm = Alarm::Quiet;
                Some(Notice::Over)
            }
            _ => None,
        }
    }

    /// Puts the charger back on.
    pub fn reset(&mut self) {
        self.alarm = Alarm::Quiet;
        self.cut = false;
    }
}
