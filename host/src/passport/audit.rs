//! The facts of a passport, as they stand in the platform's chain of hashes.

use super::record::Passport;
use super::{PassportError, Passports};
use crate::identity::Visibility;
use crate::platform::EventSight;
use crate::platform::sight::rfc3339;
use crate::store::{Entity, Revision};
use serde_json::Value;
use twin::time::Time;

/// Facts that are read at a time.
const PAGE: usize = 500;

/// One fact and how it is bound to the one before it in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditLink {
    /// Place among all facts of the platform.
    pub sequence: u64,
    /// Place among the facts of the passport.
    pub revision: u64,
    /// What happened.
    pub kind: String,
    /// When.
    pub at: Time,
    /// Who caused it.
    pub actor: String,
    /// Hash over the fact and the one before it, computed again now: `0x…`.
    pub hash: String,
    /// Hash of the fact before it in the chain, whatever that is of: `0x…`.
    pub previous: String,
}

/// The facts of a passport.
#[derive(Debug, Clone)]
pub struct AuditTrail {
    /// The passport.
    pub passport: Passport,
    /// Facts, in their order.
    pub links: Vec<AuditLink>,
    /// How many there are.
    pub total: usize,
    /// Whether every one is bound to the one before it: the hash that it names is that of the fact which is there.
    pub valid: bool,
    /// Hash of the last: `0x…`.
    pub head: Option<String>,
}

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

    /// The facts of a passport, each checked against the one before it in the platform's chain.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn audit_trail(
        &self,
        name: &str,
        visible: &Visibility,
        (skip, limit): (usize, usize),
    ) -> Result<AuditTrail, PassportError> {
        let passport = self.find(name, visible).await?;
        let entity = Entity::new(&passport.entity())?;
        let (mut links, mut next, mut valid) = (Vec::new(), Revision(1), true);
        loop {
            let page = self.platform.store().entries_of(entity.clone(), next, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.revision) else { break };
            for entry in page {
                let hash = entry.hash()?;
                valid &=
                    self.is_bound(entry.sequence.0, &hash.to_string(), &entry.previous.to_string()).await?;
                links.push(AuditLink {
                    sequence: entry.sequence.0,
                    revision: entry.revision.0,
                    kind: entry.kind,
                    at: entry.at,
                    actor: entry.actor,
                    hash: format!("0x{hash}"),
                    previous: format!("0x{}", entry.previous),
                });
            }
            next = last.next();
        }
        let total = links.len();
        let head = links.last().map(|link| link.hash.clone());
        let links = links.into_iter().skip(skip).take(limit).collect();
        Ok(AuditTrail { passport, links, total, valid, head })
    }

    /// Whether the fact before one in the chain has the hash that it names, and the one after it names its own.
    async fn is_bound(&self, sequence: u64, hash: &str, previous: &str) -> Result<bool, PassportError> {
        let store = self.platform.store();
        let first = sequence.saturating_sub(1).max(1);
        let around = store.entries(crate::store::Sequence(first), 3).await?;
        for entry in around {
            if entry.sequence.0 + 1 == sequence && entry.hash()?.to_string() != previous {
                return Ok(false);
            }
            if entry.sequence.0 == sequence + 1 && entry.previous.to_string() != hash {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
