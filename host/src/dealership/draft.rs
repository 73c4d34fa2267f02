//! A change in the making: records, numbers that were given out, intents; kept at once with the fact that says why.

use super::intent::{Intent, What};
use super::records::{Number, key};
use super::{Dealership, DealershipError};
use crate::store::ledger::{self, Fact};
use crate::store::records::{Expect, Record, RecordChange};
use serde_json::Value;
use std::collections::BTreeMap;
use twin::time::Time;

/// A change in the making. Whoever makes one has the turn.
pub(super) struct Draft<'a> {
    dealership: &'a Dealership,
    records: Vec<RecordChange>,
    /// Next number of a sort, and the version of its record.
    numbers: BTreeMap<&'static str, (u64, u64)>,
    intents: Vec<u64>,
}

impl<'a> Draft<'a> {
    pub(super) fn of(dealership: &'a Dealership) -> Self {
        Self { dealership, records: Vec::new(), numbers: BTreeMap::new(), intents: Vec::new() }
    }

    /// A number that no record of the sort has, from 1 on.
    pub(super) async fn number(&mut self, sort: &'static str) -> Result<u64, DealershipError> {
        if !self.numbers.contains_key(sort) {
            let known = self.dealership.of::<Number>().get(sort).await?;
            let next = known.map_or((1, 0), |known| (known.value.next, known.version));
            self.numbers.insert(sort, next);
        }
        let (next, _) = self.numbers.get_mut(sort).expect("it was put there");
        *next += 1;
        Ok(*next - 1)
    }

    /// Adds a record.
    pub(super) fn add<T: Record>(&mut self, value: &T) -> Result<(), DealershipError> {
        self.records.push(ledger::new(value)?);
        Ok(())
    }

    /// Changes a record that was read.
    pub(super) fn change<T: Record>(&mut self, value: &T, version: u64) -> Result<(), DealershipError> {
        self.records.push(ledger::changed(value, version)?);
        Ok(())
    }

    /// Deletes a record that was read.
    pub(super) fn delete<T: Record>(&mut self, id: u64, version: u64) {
        self.records.push(RecordChange::delete::<T>(key(id), Expect::Version(version)));
    }

    /// Adds something that is to be done from an instant on.
    pub(super) async fn intend(&mut self, what: What, by: &str, due: Time) -> Result<u64, DealershipError> {
        let id = self.number("intent").await?;
        self.add(&Intent { id, what, by: by.to_owned(), due, tries: 0 })?;
        self.intents.push(id);
        Ok(id)
    }

    /// Keeps it all; what is to be done because of it.
    pub(super) async fn keep(
        mut self,
        entity: &str,
        kind: &str,
        by: &str,
        detail: Value,
    ) -> Result<Vec<u64>, DealershipError> {
        for (sort, (next, version)) in &self.numbers {
            let number = Number { sort: (*sort).to_owned(), next: *next };
            let expect = if *version == 0 { Expect::Absent } else { Expect::Version(*version) };
            self.records.push(RecordChange::put(&number, expect)?);
        }
        let entity = format!("dealer/{entity}");
        let fact = Fact { entity: &entity, kind, by, at: self.dealership.now(), detail };
        ledger::keep(self.dealership.identity().store(), fact, self.records).await?;
        Ok(self.intents)
    }
}
