//! What the store stands on: ordered keys, batches that are there wholly or not at all, and a promise of durability.
//!
//! Journal, series, records and snapshots are written once, over this trait. An implementation knows bytes only.

mod memory;
mod sled_disk;

pub use memory::Memory;
pub use sled_disk::{SledDisk, SledOptions};

use super::StoreError;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Writes that belong together: a value, or `None` where a key goes.
pub type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Called with key and value; says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Which way a scan goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the first key.
    #[default]
    Forward,
    /// From the last key.
    Backward,
}

/// Keys from `from` on and before `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// First key.
    pub from: Vec<u8>,
    /// First key beyond, or no bound.
    pub to: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { from: prefix.to_vec(), to: beyond(prefix) }
    }

    /// Whether no key can lie in it.
    pub fn is_empty(&self) -> bool {
        self.to.as_ref().is_some_and(|to| *to <= self.from)
    }
}

/// The first key beyond all that begin with `prefix`; none where there is no such key.
pub(super) fn beyond(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut to = prefix[..=last].to_vec();
    to[last] += 1;
    Some(to)
}

/// Ordered keys with values.
pub trait Medium: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Shows keys and values of a range in order.
    ///
    /// # Errors
    /// When one cannot be read.
    fn scan(&self, range: &KeyRange, direction: Direction, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Writes a batch: after a crash all of it is there or nothing, and no later batch without it.
    ///
    /// # Errors
    /// When it cannot be written; what is there then is open.
    fn apply(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Makes everything applied durable, and remembers apart from it that change `accepted` is.
    ///
    /// # Errors
    /// When it cannot; what is durable then is open.
    fn sync(&self, accepted: u64) -> Result<(), StoreError>;

    /// The last change that was made durable; none in an empty store.
    ///
    /// # Errors
    /// When it cannot be read.
    fn accepted(&self) -> Result<Option<u64>, StoreError>;

    /// Bytes that are free, where they are limited.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn free_bytes(&self) -> Result<Option<u64>, StoreError>;

    /// Bytes that the store takes.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn size_bytes(&self) -> Result<u64, StoreError>;
}
