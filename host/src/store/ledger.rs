//! Records that change together with the journal entry that says why.

use super::journal::NewEntry;
use super::records::{Expect, Record, RecordChange};
use super::{Change, Entity, Receipt, Revision, Store, StoreError};
use serde_json::Value;
use twin::time::Time;

/// Times that an entry is tried again when another came first.
const TRIES: usize = 16;
/// Version of how facts are written.
const SCHEMA: u16 = 1;

/// What happened, when and by whose doing. No secret and no telephone number may be in it: the journal never forgets.
#[derive(Debug, Clone)]
pub struct Fact<'a> {
    /// Whose fact it is: `user/…`, `request/…`.
    pub entity: &'a str,
    /// What happened: `user added`.
    pub kind: &'a str,
    /// Who did it.
    pub by: &'a str,
    /// When.
    pub at: Time,
    /// More about it; null for nothing more.
    pub detail: Value,
}

/// Writes records together with the fact that explains them. Each record says which version it builds on, so only the
/// place of the entry is tried again when another came first.
///
/// # Errors
/// When a record has changed since it was read, or the store cannot be read or written.
pub async fn keep(
    store: &dyn Store,
    fact: Fact<'_>,
    records: Vec<RecordChange>,
) -> Result<Receipt, StoreError> {
    let entity = Entity::new(fact.entity)?;
    let mut entry = NewEntry {
        entity: entity.clone(),
        expected: Revision(0),
        at: fact.at,
        actor: fact.by.to_owned(),
        kind: fact.kind.to_owned(),
        schema: SCHEMA,
        payload: Vec::new(),
    };
    if !fact.detail.is_null() {
        entry = entry.with_json(&fact.detail)?;
    }
    let mut change = Change { entries: vec![entry], records, ..Change::default() };
    let mut tries = 0;
    loop {
        let expected = store.revision(entity.clone()).await?;
        change.entries.iter_mut().for_each(|entry| entry.expected = expected);
        tries += 1;
        match store.commit(change.clone()).await {
            Err(StoreError::LostRace { .. }) if tries < TRIES => {}
            done => return done,
        }
    }
}

/// A record that must not be there yet.
///
/// # Errors
/// When it cannot be written as bytes.
pub fn new<T: Record>(value: &T) -> Result<RecordChange, StoreError> {
    RecordChange::put(value, Expect::Absent)
}

/// A record in place of one that was read.
///
/// # Errors
/// When it cannot be written as bytes.
pub fn changed<T: Record>(value: &T, version: u64) -> Result<RecordChange, StoreError> {
    RecordChange::put(value, Expect::Version(version))
}

/// An instant in bytes that sort as instants do.
pub fn sortable(at: Time) -> [u8; 8] {
    (at.0 as u64 ^ (1 << 63)).to_be_bytes()
}
