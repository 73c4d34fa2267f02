//! Keys in memory: for tests, and for stores that go with the process.

use super::{Batch, Direction, KeyRange, Medium, Visit};
use crate::store::StoreError;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keys in memory. Clones are the same store, so that it can be opened again.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    keys: BTreeMap<Vec<u8>, Vec<u8>>,
    accepted: Option<u64>,
}

impl Memory {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic between two statements of a batch leaves a memory store that nobody will read again.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Medium for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.inner().keys.get(key).cloned())
    }

    fn scan(&self, range: &KeyRange, direction: Direction, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let inner = self.inner();
        let to = range.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = inner.keys.range::<[u8], _>((Bound::Included(range.from.as_slice()), to));
        loop {
            let next = match direction {
                Direction::Forward => found.next(),
                Direction::Backward => found.next_back(),
            };
            let Some((key, value)) = next else { return Ok(()) };
            if visit(key, value).is_break() {
                return Ok(());
            }
        }
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut inner = self.inner();
        for (key, value) in batch {
            match value {
                Some(value) => inner.keys.insert(key.clone(), value.clone()),
                None => inner.keys.remove(key),
            };
        }
        Ok(())
    }

    fn sync(&self, accepted: u64) -> Result<(), StoreError> {
        self.inner().accepted = Some(accepted);
        Ok(())
    }

    fn accepted(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.inner().accepted)
    }

    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.inner().keys.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}
