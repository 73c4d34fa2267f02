//! The facts of a passport, as they stand in the platform's chain of hashes.

use super::record::Passport;
use super::{PassportError, Passports};
use crate::platform::EventSight;
use crate::platform::sight::rfc3339;
use crate::store::{Entity, Revision};
use serde_json::Value;

/// Facts that are read at a time.
const PAGE: usize = 500;

impl Passports {
    /// Facts of a passport, with their hashes computed again.
    pub(super) async fn facts(&self, passport: &Passport) -> Result<Vec<EventSight>, PassportError> {
        let entity = Entity::new(&passport.entity())?;
        let (mut all, mut next) = (Vec::new(), Revision(1));
        loop {
            let page = self.platform.store().entries_of(entity.clone(), next, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.revision) else { return Ok(all) };
            for entry in page {
                all.push(EventSight {
                    sequence: entry.sequence.0,
                    revision: entry.revision.0,
                    at: rfc3339(entry.at),
                    hash: entry.hash()?.to_string(),
                    data: serde_json::from_slice(&entry.payload).unwrap_or(Value::Null),
                    by: entry.actor,
                    event: entry.kind,
                });
            }
            next = last.next();
        }
    }

    /// How many facts there are of a passport, and the hash of the last: `0x…`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn head(&self, passport: &Passport) -> Result<(u64, Option<String>), PassportError> {
        let entity = Entity::new(&passport.entity())?;
        let store = self.platform.store();
        let last = store.revision(entity.clone()).await?;
        let entries = store.entries_of(entity, last, 1).await?;
        let hash = entries.first().map(crate::store::journal::Entry::hash).transpose()?;
        Ok((last.0, hash.map(|hash| format!("0x{hash}"))))
    }
}
