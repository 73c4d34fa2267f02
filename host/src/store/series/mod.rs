//! Series: what twins report, in columns.
//!
//! Readings wait one by one under their twin until there are enough of them, and are then put into blocks of up to
//! [`BLOCK_READINGS`], each column packed as its values allow. Late readings go to their place, into the block that
//! covers their time. Of two values of a metric at one instant the first stays: a duplicate changes nothing.

mod block;
mod export;
mod frame;
mod keep;
mod pack;
mod read;
mod view;

pub(super) use export::{Look, export};
pub use frame::{Column, Frame, Reading, Readings};
pub(super) use keep::{Waiting, record, retain};
pub(super) use read::{readings, span, twins};
pub(super) use view::Viewer;
pub use view::{Step, View};

use super::name::{Entity, Metric};
use twin::time::Time;

/// Most readings of a block.
pub const BLOCK_READINGS: usize = 1_024;
/// Readings that wait before they are put into blocks.
pub const WAITING_READINGS: usize = 128;
/// Most metrics of a reading.
pub const METRICS_MAX: usize = 256;
/// Version of how blocks are laid out.
const LAYOUT: u8 = 1;

/// Which readings of a twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Whose readings.
    pub twin: Entity,
    /// Which metrics; all where none is named.
    pub metrics: Vec<Metric>,
    /// First instant.
    pub from: Time,
    /// First instant beyond.
    pub to: Time,
    /// About how many readings at most: whole blocks are read until there are so many.
    pub limit: usize,
}

impl Query {
    /// All metrics of a twin from one instant on and before another.
    pub fn new(twin: Entity, from: Time, to: Time) -> Self {
        Self { twin, metrics: Vec::new(), from, to, limit: usize::MAX }
    }

    /// The same with some metrics only.
    pub fn metrics(self, metrics: impl IntoIterator<Item = Metric>) -> Self {
        Self { metrics: metrics.into_iter().collect(), ..self }
    }
}
