//! Batteries under watch: places, strings, how each battery stands, its readings and its alerts.
//!
//! ```text
//!  facility twin (alias `location`) ◄─label `location`─ battery twin ─labels `string`, `position`…
//!        └──► Roll: who there is, in the order of names ──► pages, totals
//!                         └──► one look at each battery of the page: reading, estimate, alerts ──► Watched
//! ```
//!
//! Nothing of it is kept apart: what a battery is, how it is and what is wrong with it are the twin's own record,
//! estimate and alerts, as every other door shows them.

mod alerts;
mod battery;
mod place;
mod readout;
mod roll;

pub use alerts::{AlertContext, AlertPage, AlertStatistics, MonitoredAlert, WhichMonitored};
pub use battery::{Life, Mounting, Sample, Watched};
pub use place::{Place, PlaceCount};
pub use readout::Readout;
pub use roll::Listed;
pub(super) use roll::Roll;

/// Namespace of the names of places, where batteries are mounted.
pub const LOCATION: &str = "location";
/// Namespace of the numbers that makers give.
pub const SERIAL: &str = "serial";

/// Labels of a battery twin that say where it is mounted, and what was promised of it.
pub mod label {
    /// Name of the place.
    pub const LOCATION: &str = "location";
    /// Name of the string.
    pub const STRING: &str = "string";
    /// Number of the string in its system.
    pub const STRING_POSITION: &str = "string_position";
    /// Number of the battery in its string.
    pub const POSITION: &str = "position";
    /// Months that the maker answers for it.
    pub const WARRANTY_MONTHS: &str = "warranty_months";
}

/// So many batteries are looked at at once.
const AT_ONCE: usize = 64;
