//! Records: typed collections with indexes, changed only together with the journal entry that says why.

mod collection;
mod keep;
mod scan;

pub use collection::{Collection, Indexed, Record, Versioned};
pub(super) use keep::{change, get, holder};
pub(super) use scan::scan;
pub use scan::{By, Cursor, Page, Scan, Within};

use serde::{Deserialize, Serialize};

/// Most bytes of a record.
pub const RECORD_MAX_BYTES: usize = 1 << 20;

/// A record in the bytes of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// How often it was written.
    pub version: u64,
    /// Version of its schema.
    pub schema: u16,
    /// What it holds.
    pub body: Vec<u8>,
}

/// What a record shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Version of its schema.
    pub schema: u16,
    /// What it holds.
    pub body: Vec<u8>,
    /// Where it is found.
    pub indexed: Vec<IndexValue>,
}

/// Where a record is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexValue {
    /// Name of the index.
    pub index: String,
    /// The value; indexes are in the order of its bytes.
    pub value: Vec<u8>,
    /// Whether no other record may have it.
    pub unique: bool,
}

/// What a change expects of a record before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: the last writer wins.
    Anything,
    /// There is none.
    Absent,
    /// It was written so often.
    Version(u64),
}

/// A record that shall be written, or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    /// Its collection.
    pub collection: String,
    /// Its key.
    pub key: String,
    /// What is expected of it.
    pub expect: Expect,
    /// What it shall be; gone where there is nothing.
    pub put: Option<NewRecord>,
}
