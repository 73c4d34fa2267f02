//! Changes of identities: records, and the entry in the journal that says who changed what.

use super::{Act, Identity, IdentityError};
use crate::store::ledger;
pub(super) use crate::store::ledger::{changed, new, sortable};
use crate::store::records::{Collection, Record, RecordChange, Versioned};
use crate::store::{Store, StoreError};
use serde_json::Value;

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

/// Writes records together with the fact that explains them.
pub(super) async fn keep(
    store: &dyn Store,
    act: Act<'_>,
    fact: Fact<'_>,
    records: Vec<RecordChange>,
) -> Result<(), StoreError> {
    let Fact { entity, kind, detail } = fact;
    let fact = ledger::Fact { entity, kind, by: act.by, at: act.at, detail };
    ledger::keep(store, fact, records).await.map(drop)
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
