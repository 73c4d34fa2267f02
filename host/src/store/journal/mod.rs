//! The journal: facts that cannot be computed again, each bound to the one before it.
//!
//! ```text
//! entry 1 ◄─hash─ entry 2 ◄─hash─ entry 3 ◄─ … ◄─ head          one total order, whatever entity an entry is of
//! └────── checkpoint 1: Merkle root ──────┘ ◄─hash─ checkpoint 2 …
//! ```
//!
//! Who knows the head's hash, or that of the last checkpoint, can tell whether anything before it was altered.

mod checkpoint;
mod entry;
mod hash;
pub(super) mod read;
pub(super) mod verify;

pub use checkpoint::{Checkpoint, Proof, ProofError};
pub use entry::{Entry, NewEntry, Written};
pub use hash::Hash;
pub use read::Head;
pub use verify::{Audit, Fault};

use super::StoreError;
use super::key::{CHECKPOINT, ENTRY, HEAD, Key, OF_ENTITY, seal};
use super::medium::{Direction, Medium};
use super::name::{Entity, Revision, Sequence};
use super::staging::Staging;
use std::collections::HashMap;

/// Entries after which a checkpoint is written.
pub const CHECKPOINT_ENTRIES: usize = 1_024;
/// Most bytes of a payload.
pub const PAYLOAD_MAX_BYTES: usize = 1 << 20;
/// Revisions that the writer remembers; beyond that it reads them again.
const REMEMBERED: usize = 100_000;
/// Version of how entries, heads and checkpoints are laid out.
pub(super) const LAYOUT: u8 = 1;

/// The end of the journal, as the writer knows it.
#[derive(Debug)]
pub(super) struct Tip {
    head: Head,
    /// Hashes of the entries after the last checkpoint.
    open: Vec<Hash>,
    last_checkpoint: Option<Checkpoint>,
    revisions: HashMap<Entity, Revision>,
}

/// What a change did to the tip, so that it can be taken back.
#[derive(Debug)]
pub(super) struct Mark {
    head: Head,
    open: usize,
    touched: Vec<Entity>,
}

impl Tip {
    /// Reads the end of a journal.
    pub(super) fn read(medium: &dyn Medium) -> Result<Self, StoreError> {
        let head = read::head(medium)?;
        let last_checkpoint = read::last_checkpoint(medium)?;
        let first = last_checkpoint.as_ref().map_or(Sequence(1), |checkpoint| checkpoint.last.next());
        let mut open = Vec::new();
        read::walk(medium, first, usize::MAX, |_, hash| open.push(hash))?;
        let reached = Sequence(first.0 + open.len() as u64 - 1);
        let last = match reached {
            Sequence(0) => Hash::NONE,
            _ => match read::entry(medium, reached) {
                Err(StoreError::Absent { what }) => {
                    return Err(StoreError::corrupt("the journal", format!("{what} is gone")));
                }
                entry => entry?.1,
            },
        };
        if (Head { sequence: reached, hash: last }) != head {
            let detail = format!("its head is entry {}, its entries end at {reached}", head.sequence);
            return Err(StoreError::corrupt("the journal", detail));
        }
        Ok(Self { head, open, last_checkpoint, revisions: HashMap::new() })
    }

    /// Remembers the tip before a change.
    pub(super) fn mark(&self, entities: impl Iterator<Item = Entity>) -> Mark {
        Mark { head: self.head, open: self.open.len(), touched: entities.collect() }
    }

    /// Goes back to before a change; not over a checkpoint.
    pub(super) fn take_back(&mut self, mark: &Mark) {
        self.head = mark.head;
        self.open.truncate(mark.open);
        for entity in &mark.touched {
            self.revisions.remove(entity);
        }
    }

    /// Revision of an entity.
    pub(super) fn revision(
        &mut self,
        staging: &Staging<'_>,
        entity: &Entity,
    ) -> Result<Revision, StoreError> {
        if let Some(&revision) = self.revisions.get(entity) {
            return Ok(revision);
        }
        let range = Key::of(OF_ENTITY).text(entity.as_str()).range();
        let last = staging.range(&range, Direction::Backward, 1)?;
        let revision = match last.first() {
            Some((key, _)) => read::revision_in(key)?,
            None => Revision(0),
        };
        if self.revisions.len() >= REMEMBERED {
            self.revisions.clear();
        }
        self.revisions.insert(entity.clone(), revision);
        Ok(revision)
    }

    /// Appends an entry that builds on the revision it says.
    pub(super) fn append(&mut self, staging: &mut Staging<'_>, new: NewEntry) -> Result<Written, StoreError> {
        new.check()?;
        let found = self.revision(staging, &new.entity)?;
        if found != new.expected {
            return Err(StoreError::LostRace { entity: new.entity, expected: new.expected, found });
        }
        let entry = new.after(self.head);
        let (sequence, revision) = (entry.sequence, entry.revision);
        let body = entry.bytes()?;
        let hash = entry::hash(&body);
        let key = Key::of(ENTRY).number(sequence.0).0;
        let value = seal(&key, LAYOUT, &body);
        staging.put(key, value);
        let key = Key::of(OF_ENTITY).text(entry.entity.as_str()).number(revision.0).0;
        staging.put(key, sequence.0.to_be_bytes().to_vec());
        self.revisions.insert(entry.entity, revision);
        self.head = Head { sequence, hash };
        self.open.push(hash);
        Ok(Written { sequence, revision, hash })
    }

    /// Writes the head; once for all changes of a group.
    pub(super) fn put_head(&self, staging: &mut Staging<'_>) -> Result<(), StoreError> {
        let body = postcard::to_stdvec(&self.head)
            .map_err(|error| StoreError::codec("the journal's head", error))?;
        staging.put(HEAD.to_vec(), seal(HEAD, LAYOUT, &body));
        Ok(())
    }

    /// Whether enough is open for a checkpoint.
    pub(super) fn is_seal_due(&self) -> bool {
        self.open.len() >= CHECKPOINT_ENTRIES
    }

    /// Seals what is open with a checkpoint; none where nothing is.
    pub(super) fn seal(&mut self, staging: &mut Staging<'_>) -> Result<Option<Checkpoint>, StoreError> {
        if self.open.is_empty() {
            return Ok(None);
        }
        let checkpoint = Checkpoint::over(&self.open, self.head.sequence, self.last_checkpoint.as_ref());
        let key = Key::of(CHECKPOINT).number(checkpoint.number).0;
        let body =
            postcard::to_stdvec(&checkpoint).map_err(|error| StoreError::codec("a checkpoint", error))?;
        let value = seal(&key, LAYOUT, &body);
        staging.put(key, value);
        self.open.clear();
        self.last_checkpoint = Some(checkpoint.clone());
        Ok(Some(checkpoint))
    }
}
