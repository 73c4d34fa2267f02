//! Changes of identities: records, and the entry in the journal that says who changed what.

use super::{Act, Identity, IdentityError};
use crate::store::journal::NewEntry;
use crate::store::records::{Collection, Expect, Record, RecordChange, Versioned};
use crate::store::{Change, Entity, Revision, Store, StoreError};
use serde_json::Value;

/// Times that an entry is tried again when another came first.
const TRIES: usize = 16;
/// Version of how facts are written.
const SCHEMA: u16 = 1;

/// What happened. No secret and no telephone number may be in it: the journal never forgets.
#[derive(Debug, Clone)]
pub(crate) struct Fact<'a> {
    /// Whose fact it is: `user/…`, `client/…`.
    pub(crate) entity: &'a str,
    /// What happened: `user added`.
    pub(crate) kind: &'a str,
    /// More about it.
    pub(crate) detail: Value,
}

/// Writes records together with the fact that explains them. Each record says which version it builds on, so only the
/// place of the entry is tried again when another came first.
pub(super) async fn keep(
    store: &dyn Store,
    act: Act<'_>,
    fact: Fact<'_>,
    records: Vec<RecordChange>,
) -> Result<(), StoreError> {
    let Fact { entity, kind, detail } = fact;
    let entity = Entity::new(entity)?;
    let entry = NewEntry {
        entity: entity.clone(),
        expected: Revision(0),
        at: act.at,
        actor: act.by.to_owned(),
        kind: kind.to_owned(),
        schema: SCHEMA,
        payload: Vec::new(),
    };
    let mut change = Change { entries: vec![entry.with_json(&detail)?], records, ..Change::default() };
    let mut tries = 0;
    loop {
        let expected = store.revision(entity.clone()).await?;
        change.entries.iter_mut().for_each(|entry| entry.expected = expected);
        tries += 1;
        match store.commit(change.clone()).await {
            Err(StoreError::LostRace { .. }) if tries < TRIES => {}
            done => return done.map(drop),
        }
    }
}

/// A record that must not be there yet.
pub(super) fn new<T: Record>(value: &T) -> Result<RecordChange, StoreError> {
    RecordChange::put(value, Expect::Absent)
}

/// A record in place of one that was read.
pub(super) fn changed<T: Record>(value: &T, version: u64) -> Result<RecordChange, StoreError> {
    RecordChange::put(value, Expect::Version(version))
}

impl Identity {
    /// Keeps records with the fact that explains them.
    pub(super) async fn keep(
        &self,
        act: Act<'_>,
        fact: Fact<'_>,
        records: Vec<RecordChange>,
    ) -> Result<(), IdentityError> {
        Ok(keep(self.store(), act, fact, records).await?)
    }

    /// The values of a type.
    pub(super) fn all<T: Record>(&self) -> Collection<'_, T, dyn Store + '_> {
        Collection::of(self.store())
    }

    /// A value that must be there.
    pub(super) async fn known<T: Record>(
        &self,
        what: &'static str,
        key: &str,
    ) -> Result<Versioned<T>, IdentityError> {
        self.all::<T>().get(key).await?.ok_or_else(|| IdentityError::absent(what, key))
    }
}

/// An instant in bytes that sort as instants do.
pub(super) fn sortable(at: twin::time::Time) -> [u8; 8] {
    (at.0 as u64 ^ (1 << 63)).to_be_bytes()
}
