//! Is the journal what was written?

use super::{Checkpoint, Hash, checkpoint, read};
use crate::store::StoreError;
use crate::store::key::{ENTRY, Key, OF_ENTITY};
use crate::store::medium::Medium;
use crate::store::name::{Entity, Revision, Sequence};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// What an audit of the journal found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Entries that are as they were written, from the first on.
    pub entries: u64,
    /// Checkpoints whose roots fit.
    pub checkpoints: u64,
    /// Hash of the last entry that was read.
    pub head: Hash,
    /// Hash of the last checkpoint that fits.
    pub checkpoint: Hash,
    /// The first broken link; none where all is well.
    pub fault: Option<Fault>,
}

/// The first broken link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where it is: the entry that is not as it was written.
    pub sequence: Sequence,
    /// What is wrong.
    pub what: String,
}

/// An audit that goes on page by page, so that nobody waits long for it.
#[derive(Debug)]
pub(in crate::store) struct Auditor {
    audit: Audit,
    next: Sequence,
    /// Hashes of the entries that are not below a checked checkpoint yet.
    open: VecDeque<Hash>,
    revisions: HashMap<Entity, Revision>,
    /// Last entry to look at: what comes later is for the next audit.
    end: read::Head,
}

impl Auditor {
    /// An audit of the journal up to its present end.
    pub(in crate::store) fn new(medium: &dyn Medium) -> Result<Self, StoreError> {
        let audit =
            Audit { entries: 0, checkpoints: 0, head: Hash::NONE, checkpoint: Hash::NONE, fault: None };
        let end = read::head(medium)?;
        Ok(Self { audit, next: Sequence(1), open: VecDeque::new(), revisions: HashMap::new(), end })
    }

    /// Looks at up to `limit` more entries; the audit, once it is at an end.
    pub(in crate::store) fn step(
        &mut self,
        medium: &dyn Medium,
        limit: usize,
    ) -> Result<Option<Audit>, StoreError> {
        for _ in 0..limit {
            if self.next > self.end.sequence {
                let fault = self.at_the_end(medium)?;
                return Ok(Some(self.finish(fault)));
            }
            if let Some(fault) = self.entry(medium)? {
                return Ok(Some(self.finish(Some(fault))));
            }
            self.next = self.next.next();
            if let Some(fault) = self.checkpoint(medium)? {
                return Ok(Some(self.finish(Some(fault))));
            }
        }
        Ok(None)
    }

    fn finish(&mut self, fault: Option<Fault>) -> Audit {
        if let Some(fault) = &fault {
            self.audit.entries = self.audit.entries.min(fault.sequence.0 - 1);
        }
        self.audit.fault = fault;
        self.audit.clone()
    }

    /// What is wrong with the next entry. What is wrong with the disk is an error, what is wrong with the entry is not.
    fn entry(&mut self, medium: &dyn Medium) -> Result<Option<Fault>, StoreError> {
        let sequence = self.next;
        let fault = |what: String| Ok(Some(Fault { sequence, what }));
        let key = Key::of(ENTRY).number(sequence.0).0;
        let Some(value) = medium.get(&key)? else { return fault("the entry is gone".to_owned()) };
        let (entry, hash) = match read::opened(sequence, &key, &value) {
            Ok(opened) => opened,
            Err(error) => return fault(error.to_string()),
        };
        if entry.previous != self.audit.head {
            // The entry before is the one that this disowns.
            let what =
                format!("its hash is {}, the entry after it names {}", self.audit.head, entry.previous);
            return Ok(Some(Fault { sequence: Sequence((sequence.0 - 1).max(1)), what }));
        }
        let revision = self.revisions.entry(entry.entity.clone()).or_default();
        if entry.revision != revision.next() {
            return fault(format!("{} goes from revision {revision} to {}", entry.entity, entry.revision));
        }
        *revision = entry.revision;
        let key = Key::of(OF_ENTITY).text(entry.entity.as_str()).number(entry.revision.0).0;
        let leads = medium.get(&key)?.map(|value| read::sequence_of(&value)).transpose();
        if !matches!(leads, Ok(Some(found)) if found == sequence) {
            return fault(format!("the journal of {} does not lead to it", entry.entity));
        }
        self.audit.entries += 1;
        self.audit.head = hash;
        self.open.push_back(hash);
        Ok(None)
    }

    /// What is wrong with the checkpoint above the entry that was just looked at, where there is one.
    fn checkpoint(&mut self, medium: &dyn Medium) -> Result<Option<Fault>, StoreError> {
        if !self.open.len().is_multiple_of(64) && self.next <= self.end.sequence {
            // Checkpoints are looked for now and then; the last ones at the end.
            return Ok(None);
        }
        self.checkpoints(medium)
    }

    fn checkpoints(&mut self, medium: &dyn Medium) -> Result<Option<Fault>, StoreError> {
        loop {
            let first = Sequence(self.next.0 - self.open.len() as u64);
            let fault = |what: String| Ok(Some(Fault { sequence: first, what }));
            let number = self.audit.checkpoints + 1;
            let found = match read::checkpoints(medium, number, 1) {
                Ok(found) => found.into_iter().next(),
                Err(error) => return fault(error.to_string()),
            };
            let Some(found) = found.filter(|found| found.last < self.next) else { return Ok(None) };
            let count = (found.last.0 + 1).saturating_sub(first.0) as usize;
            if found.number != number || found.first != first || count == 0 || count > self.open.len() {
                return fault(format!("checkpoint {number} is not the next one"));
            }
            let below: Vec<Hash> = self.open.drain(..count).collect();
            if found.previous != self.audit.checkpoint || found.root != checkpoint::root(&below) {
                return fault(format!(
                    "checkpoint {number} does not fit the entries {first} to {}",
                    found.last
                ));
            }
            self.audit.checkpoints = number;
            self.audit.checkpoint = Checkpoint::hash(&found);
        }
    }

    fn at_the_end(&mut self, medium: &dyn Medium) -> Result<Option<Fault>, StoreError> {
        if let Some(fault) = self.checkpoints(medium)? {
            return Ok(Some(fault));
        }
        if self.audit.head != self.end.hash {
            let what = format!("its hash is {}, the head says {}", self.audit.head, self.end.hash);
            return Ok(Some(Fault { sequence: self.end.sequence, what }));
        }
        Ok(None)
    }
}
