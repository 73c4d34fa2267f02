//! Health over time, thinned out with age: what a forecast learns from.

use super::belief::CAP;
use super::core::Core;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Milestones that are kept before every second one is dropped.
const MOST: usize = 32;

/// Health as it was believed to be at some time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Milestone {
    /// When.
    pub at: Time,
    /// Days heard of until then.
    pub days: f64,
    /// Full equivalent cycles heard of until then.
    pub efc: f64,
    /// Capacity over rated.
    pub soh: f64,
    /// Its standard deviation.
    pub soh_std: f64,
}

/// One of them as it is kept, in half the bytes: no health is known to seven digits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Kept {
    at: Time,
    days: f32,
    efc: f32,
    soh: f32,
    soh_std: f32,
}

/// Milestones so far, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Milestones {
    kept: Vec<Kept>,
    /// Days or cycles between them.
    spacing: f32,
}

impl Default for Milestones {
    fn default() -> Self {
        Self { kept: Vec::new(), spacing: 1.0 }
    }
}

impl From<&Kept> for Milestone {
    fn from(kept: &Kept) -> Self {
        Self {
            at: kept.at,
            days: kept.days.into(),
            efc: kept.efc.into(),
            soh: kept.soh.into(),
            soh_std: kept.soh_std.into(),
        }
    }
}

impl Milestones {
    /// Takes what is known at one instant, where it is due.
    pub(super) fn take(&mut self, core: &Core) {
        let Some(at) = core.at() else { return };
        let (days, efc) = (core.usage.days as f32, core.usage.efc as f32);
        let due = self.kept.last().is_none_or(|last| (days - last.days).max(efc - last.efc) >= self.spacing);
        if !due {
            return;
        }
        let (soh, soh_std) = (core.belief.x[CAP] as f32, core.belief.std(CAP) as f32);
        self.kept.push(Kept { at, days, efc, soh, soh_std });
        if self.kept.len() > MOST {
            let mut k = 0;
            self.kept.retain(|_| {
                k += 1;
                k % 2 == 1
            });
            self.spacing *= 2.0;
        }
    }

    /// All of them, and the present.
    pub(super) fn with(&self, core: &Core) -> Vec<Milestone> {
        let mut all: Vec<Milestone> = self.kept.iter().map(Milestone::from).collect();
        all.extend(core.at().map(|at| Milestone {
            at,
            days: core.usage.days,
            efc: core.usage.efc,
            soh: core.belief.x[CAP],
            soh_std: core.belief.std(CAP),
        }));
        all
    }
}
