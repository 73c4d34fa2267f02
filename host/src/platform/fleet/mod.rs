//! The swap fleet: batteries that are changed rather than waited for, the cabinets that charge them, and what both did.
//!
//! ```text
//!  battery twin ──► record, estimate, readings ──► FleetBattery, ReadingRow, distance, power, use
//!  cabinet twin ──► record, what it said       ──► Cabinet, Slot
//!               ──► its journal ──► CabinetLog ──► swaps, charges ──┐
//!               ──► its meters, or its batteries' readings ─────────┴──► CabinetMetrics
//! ```
//!
//! Every figure follows from the twins: nothing is counted apart. A battery goes by the name that its hardware goes by;
//! that is its code here.

mod alerts;
mod battery;
mod cabinet;
mod energy;
mod health;
mod log;
mod metrics;
mod path;
mod readings;
mod usage;

pub use alerts::{Grade, WhichFleetAlerts};
pub use battery::{BatteryStatus, FleetBattery, FleetChange, NewFleetBattery};
pub use cabinet::{Cabinet, CabinetStatus, Slot, SlotChange, SlotState};
pub use energy::Energy;
pub use health::{Health, HealthSummary};
pub use log::Logs;
pub use metrics::{Activity, CabinetMetrics};
pub use readings::{CellVoltage, ReadingRow};
pub use usage::{MeanPower, Usage, Used};

use super::registry::TwinId;
use super::{Platform, PlatformError};
use crate::identity::Visibility;
use twin::time::Time;

/// Twins that are looked at at once.
const AT_ONCE: usize = 32;
/// Between readings further apart than this nothing is known [s].
const GAP_S: f64 = 600.0;

/// A span of time: from one instant on and before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From here on.
    pub from: Time,
    /// Before this.
    pub to: Time,
}

impl Span {
    fn contains(&self, at: Time) -> bool {
        self.from <= at && at < self.to
    }
}

/// A page of something, and how many there are in all.
#[derive(Debug, Clone, PartialEq)]
pub struct Paged<T> {
    /// The page.
    pub items: Vec<T>,
    /// All of them.
    pub total: usize,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// So many are left out.
    pub skip: usize,
    /// So many at most.
    pub limit: usize,
}

impl Part {
    fn of<T>(self, all: Vec<T>) -> Paged<T> {
        let total = all.len();
        Paged { items: all.into_iter().skip(self.skip).take(self.limit).collect(), total }
    }
}

impl Platform {
    /// Batteries that somebody sees, in the order of their names.
    pub(crate) async fn fleet_batteries(&self, visible: &Visibility) -> Result<Vec<TwinId>, PlatformError> {
        self.core.in_roll(|sheet| sheet.batteries(None, visible).collect()).await
    }

    /// Cabinets that somebody sees, in the order of their names.
    async fn fleet_cabinets(&self, visible: &Visibility) -> Result<Vec<TwinId>, PlatformError> {
        self.core.in_roll(|sheet| sheet.cabinets(visible).collect()).await
    }
}
