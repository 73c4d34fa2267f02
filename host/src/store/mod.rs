//! What is kept: journal, series, records and snapshots.
//!
//! ```text
//!  callers ──► traits of this module ──► LocalStore ──► Medium
//!              Commit, Journal, Series,   one writer      SledDisk (medium/sled_disk.rs, the one that knows sled)
//!              Records, Snapshots         a few readers   Memory
//! ```
//!
//! Everything that belongs together is one [`Change`]: journal entries, the records that they explain, readings,
//! snapshots. It is there wholly or not at all, and [`Commit::commit`] answers only when it is durable; the writer
//! flushes once for all changes that wait. Whoever reads sees durable things only.
//!
//! An entry says which revision of its entity it builds on. Who was slower gets [`StoreError::LostRace`], reads again
//! and decides again; so nothing here needs one process to own all twins.
//!
//! The answers are plain futures: they run on any runtime, and no thread of a runtime waits for a disk.

mod backup;
mod control;
mod error;
pub(crate) mod file;
pub mod journal;
mod key;
pub mod ledger;
mod local;
pub mod medium;
mod name;
pub mod records;
pub mod series;
pub mod snapshot;
mod staging;
mod writer;

pub use backup::{Summary, restore};
pub use control::{Control, ask_for_audit, ask_for_backup};
pub use error::StoreError;
pub use local::{LocalStore, Options, audit_folder, folder_in};
pub use name::{Entity, Metric, Revision, Sequence};

use journal::{Audit, Checkpoint, Entry, Head, NewEntry, Proof, Written};
use records::{Page, RecordChange, Scan, Stored};
use series::{Frame, Query, Readings, View};
use snapshot::Snapshot;
use std::fmt::Debug;
use std::path::PathBuf;
use std::pin::Pin;
use twin::time::Time;

/// What a store will answer.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// What becomes durable together, or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Facts, in their order.
    pub entries: Vec<NewEntry>,
    /// Records that change because of them.
    pub records: Vec<RecordChange>,
    /// What was measured.
    pub readings: Vec<Readings>,
    /// States, so that less must be replayed.
    pub snapshots: Vec<Snapshot>,
    /// Entities whose snapshots before a revision go.
    pub forget: Vec<(Entity, Revision)>,
}

impl Change {
    /// A fact.
    pub fn entry(entry: NewEntry) -> Self {
        Self { entries: vec![entry], ..Self::default() }
    }

    /// What a twin reports.
    pub fn readings(readings: Readings) -> Self {
        Self { readings: vec![readings], ..Self::default() }
    }
}

/// What became of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What became of its entries, in their order.
    pub entries: Vec<Written>,
}

/// Writing: the one door.
pub trait Commit: Send + Sync {
    /// Keeps a change; answers when it is durable.
    fn commit(&self, change: Change) -> Answer<Receipt>;
}

/// Reading facts.
pub trait Journal: Send + Sync {
    /// The end of the total order.
    fn head(&self) -> Answer<Head>;
    /// An entity's revision; 0 when nothing is known of it.
    fn revision(&self, entity: Entity) -> Answer<Revision>;
    /// Facts in total order from `first` on.
    fn entries(&self, first: Sequence, limit: usize) -> Answer<Vec<Entry>>;
    /// Facts of one entity from revision `first` on.
    fn entries_of(&self, entity: Entity, first: Revision, limit: usize) -> Answer<Vec<Entry>>;
    /// Checkpoints from a number on.
    fn checkpoints(&self, first: u64, limit: usize) -> Answer<Vec<Checkpoint>>;
    /// Seals all facts that no checkpoint seals yet; none where there are none.
    fn seal(&self) -> Answer<Option<Checkpoint>>;
    /// What ties a fact to the checkpoint above it.
    fn proof(&self, sequence: Sequence) -> Answer<Proof>;
    /// The same for several facts; those below one checkpoint cost little more than one.
    fn proofs(&self, sequences: Vec<Sequence>) -> Answer<Vec<Proof>>;
    /// Looks at all facts up to the present end. What is broken is in the answer, not an error.
    fn audit(&self) -> Answer<Audit>;
}

/// Reading what was measured.
pub trait Series: Send + Sync {
    /// Readings in order, and where to go on when there were more than the limit.
    fn readings(&self, query: Query) -> Answer<(Frame, Option<Time>)>;
    /// Readings from afar: the smallest, mean, largest and last of each step. Steps begin at the query's first instant.
    fn view(&self, query: Query, step_ms: i64) -> Answer<Vec<View>>;
    /// First and last instant of a twin's readings.
    fn span(&self, twin: Entity) -> Answer<Option<(Time, Time)>>;
    /// Twins that have readings, in the order of their names.
    fn twins(&self, after: Option<Entity>, limit: usize) -> Answer<Vec<Entity>>;
    /// Deletes a twin's readings before an instant; how many there were.
    fn retain(&self, twin: Entity, before: Time) -> Answer<usize>;
    /// Writes readings from one instant on and before another to a Parquet file, of all twins where none is named; how
    /// many there were.
    fn export(&self, twins: Vec<Entity>, from: Time, to: Time, path: PathBuf) -> Answer<u64>;
}

/// Reading records. [`records::Collection`] does so for a type.
pub trait Records: Send + Sync {
    /// One record.
    fn record(&self, collection: &str, key: &str) -> Answer<Option<Stored>>;
    /// The record that has a value in a unique index.
    fn record_by(&self, collection: &str, index: &str, value: &[u8]) -> Answer<Option<Stored>>;
    /// A page of records.
    fn records(&self, scan: Scan) -> Answer<Page>;
}

/// Reading snapshots.
pub trait Snapshots: Send + Sync {
    /// The last snapshot at a revision or before it.
    fn snapshot(&self, entity: Entity, up_to: Revision) -> Answer<Option<Snapshot>>;
}

/// All of it.
pub trait Store: Commit + Journal + Series + Records + Snapshots + Debug {}

impl<S: Commit + Journal + Series + Records + Snapshots + Debug> Store for S {}
