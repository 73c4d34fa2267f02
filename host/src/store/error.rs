//! Why the store refuses, and what it says then.

use super::name::{Entity, Revision, Sequence};
use std::path::PathBuf;
use std::sync::Arc;

/// What can go wrong with the store. Nothing of a refused change is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote first.
    #[error("{entity} is at revision {found}, but the change builds on revision {expected}")]
    LostRace {
        /// Whose journal it is.
        entity: Entity,
        /// Revision that the change builds on.
        expected: Revision,
        /// Revision that the journal has.
        found: Revision,
    },
    /// A record is not as the change expects it.
    #[error(
        "{collection}/{key} has version {found}, but the change builds on version {expected} (0: not there)"
    )]
    RecordChanged {
        /// Collection of the record.
        collection: String,
        /// Key of the record.
        key: String,
        /// Version that the change builds on.
        expected: u64,
        /// Version that the record has.
        found: u64,
    },
    /// Another record has this value already.
    #[error("{collection}.{index} {value} is taken by {holder}")]
    NotUnique {
        /// Collection of both.
        collection: String,
        /// The unique index.
        index: String,
        /// The value.
        value: String,
        /// Key of the record that has it.
        holder: String,
    },
    /// Records change only together with the journal entry that says why.
    #[error("{collection}/{key} would change without a journal entry that says why")]
    Unexplained {
        /// Collection of the record.
        collection: String,
        /// Key of the record.
        key: String,
    },
    /// A snapshot of something that did not happen yet.
    #[error("a snapshot of {entity} at revision {revision}, but its journal ends at {found}")]
    SnapshotAhead {
        /// Whose snapshot it is.
        entity: Entity,
        /// Revision of the snapshot.
        revision: Revision,
        /// Revision of the journal.
        found: Revision,
    },
    /// A name, a value or a size that the store cannot keep.
    #[error("{what}")]
    Unfit {
        /// What is wrong with it.
        what: String,
    },
    /// Nothing is kept under this number or name.
    #[error("there is no {what}")]
    Absent {
        /// What was asked for.
        what: String,
    },
    /// The entry is not below a checkpoint yet.
    #[error("entry {sequence} is not sealed by a checkpoint yet; the last one seals up to {sealed}")]
    NotSealed {
        /// The entry.
        sequence: Sequence,
        /// Last sealed entry.
        sealed: Sequence,
    },
    /// Written by a later version of the program.
    #[error("{what} has schema version {found}, this program knows up to {known}")]
    FutureSchema {
        /// What was read.
        what: String,
        /// Version that was found.
        found: u32,
        /// Last version that is known here.
        known: u32,
    },
    /// The disk has no room left. Nothing of the change was written; the store goes on when there is room again.
    #[error("the disk is full: {free_bytes} bytes are free, {reserve_bytes} must stay free")]
    DiskFull {
        /// Bytes that are free.
        free_bytes: u64,
        /// Bytes that the store leaves free.
        reserve_bytes: u64,
    },
    /// What was read is not what was written.
    #[error("{what} is corrupt: {detail}")]
    Corrupt {
        /// What was read.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The end of what was acknowledged is gone.
    #[error(
        "change {acknowledged} was acknowledged, but the store ends at change {found}: its end is lost; restore a backup"
    )]
    TailLost {
        /// Last change that was acknowledged.
        acknowledged: u64,
        /// Last change that is there.
        found: u64,
    },
    /// There is no store in this folder.
    #[error("there is no store in {}", path.display())]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// Another process has the store open.
    #[error("the store in {} is open in another process", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The surroundings failed.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// The cause.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// An earlier failure left open what is on disk; the store must be opened again.
    #[error("the store has failed and must be opened again: {why}")]
    Failed {
        /// The earlier failure.
        why: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// What was to be kept cannot be put into bytes, or not be read back from them.
    #[error("{what} cannot be encoded or decoded: {detail}")]
    Codec {
        /// What it was.
        what: String,
        /// What the codec says.
        detail: String,
    },
    /// A table for export could not be written.
    #[error("cannot write the table: {detail}")]
    Table {
        /// What the writer says.
        detail: String,
    },
}

impl StoreError {
    /// An error of the surroundings, and what was being done.
    pub(super) fn io(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { doing: doing.into(), source: Arc::new(source) }
    }

    /// What was read is not what was written.
    pub(super) fn corrupt(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), detail: detail.into() }
    }

    /// Something that the store cannot keep.
    pub(super) fn unfit(what: impl Into<String>) -> Self {
        Self::Unfit { what: what.into() }
    }

    /// What the codec says about something.
    pub(crate) fn codec(what: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self::Codec { what: what.into(), detail: error.to_string() }
    }
}
