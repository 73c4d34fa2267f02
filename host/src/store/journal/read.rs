//! Reading the journal.

use super::{Checkpoint, Entry, Hash, LAYOUT, Proof, entry};
use crate::store::StoreError;
use crate::store::key::{CHECKPOINT, ENTRY, HEAD, Key, OF_ENTITY, Parts, open};
use crate::store::medium::{Direction, KeyRange, Medium};
use crate::store::name::{Entity, Revision, Sequence};
use crate::store::staging::collect;
use serde::{Deserialize, Serialize};

/// Entries read from the medium at a time.
const PAGE: usize = 512;

/// The end of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last entry; 0 when there is none.
    pub sequence: Sequence,
    /// Its hash.
    pub hash: Hash,
}

pub(in crate::store) fn head(medium: &dyn Medium) -> Result<Head, StoreError> {
    let Some(value) = medium.get(HEAD)? else {
        return Ok(Head { sequence: Sequence(0), hash: Hash::NONE });
    };
    let (_, body) = open("the journal's head", HEAD, LAYOUT, &value)?;
    postcard::from_bytes(body).map_err(|error| StoreError::codec("the journal's head", error))
}

/// An entry and its hash from what is kept of it.
pub(super) fn opened(sequence: Sequence, key: &[u8], value: &[u8]) -> Result<(Entry, Hash), StoreError> {
    let (_, body) = open(&format!("entry {sequence}"), key, LAYOUT, value)?;
    let entry = Entry::from_bytes(body)?;
    if entry.sequence != sequence {
        let detail = format!("it says that it is entry {}", entry.sequence);
        return Err(StoreError::corrupt(format!("entry {sequence}"), detail));
    }
    Ok((entry, entry::hash(body)))
}

/// One entry.
pub(in crate::store) fn entry(medium: &dyn Medium, sequence: Sequence) -> Result<(Entry, Hash), StoreError> {
    let key = Key::of(ENTRY).number(sequence.0).0;
    match medium.get(&key)? {
        Some(value) => opened(sequence, &key, &value),
        None => Err(StoreError::Absent { what: format!("entry {sequence}") }),
    }
}

/// Shows entries from `first` on, at most `limit`.
pub(super) fn walk(
    medium: &dyn Medium,
    first: Sequence,
    limit: usize,
    mut visit: impl FnMut(Entry, Hash),
) -> Result<(), StoreError> {
    let to = Key::of(ENTRY).range().to;
    let (mut next, mut left) = (first, limit);
    while left > 0 {
        let range = KeyRange { from: Key::of(ENTRY).number(next.0).0, to: to.clone() };
        let page = collect(medium, &range, Direction::Forward, left.min(PAGE))?;
        if page.is_empty() {
            break;
        }
        left -= page.len();
        for (key, value) in page {
            let (entry, hash) = opened(sequence_in(&key)?, &key, &value)?;
            if entry.sequence != next {
                return Err(StoreError::corrupt(format!("entry {next}"), "it is not there"));
            }
            next = next.next();
            visit(entry, hash);
        }
    }
    Ok(())
}

/// Entries in total order from `first` on.
pub(in crate::store) fn entries(
    medium: &dyn Medium,
    first: Sequence,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    walk(medium, Sequence(first.0.max(1)), limit, |entry, _| entries.push(entry))?;
    Ok(entries)
}

/// Entries of one entity from revision `first` on.
pub(in crate::store) fn entries_of(
    medium: &dyn Medium,
    entity: &Entity,
    first: Revision,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let all = Key::of(OF_ENTITY).text(entity.as_str());
    let range = KeyRange { from: all.clone().number(first.0).0, to: all.range().to };
    let found = collect(medium, &range, Direction::Forward, limit)?;
    let mut entries = Vec::with_capacity(found.len());
    for (key, value) in found {
        let revision = revision_in(&key)?;
        let (entry, _) = entry(medium, sequence_of(&value)?)?;
        if entry.entity != *entity || entry.revision != revision {
            let what = format!("revision {revision} of {entity}");
            return Err(StoreError::corrupt(what, format!("it leads to entry {}", entry.sequence)));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Revision of an entity; 0 when it has no entry.
pub(in crate::store) fn revision(medium: &dyn Medium, entity: &Entity) -> Result<Revision, StoreError> {
    let range = Key::of(OF_ENTITY).text(entity.as_str()).range();
    let last = collect(medium, &range, Direction::Backward, 1)?;
    last.first().map_or(Ok(Revision(0)), |(key, _)| revision_in(key))
}

/// The last checkpoint.
pub(in crate::store) fn last_checkpoint(medium: &dyn Medium) -> Result<Option<Checkpoint>, StoreError> {
    let last = collect(medium, &Key::of(CHECKPOINT).range(), Direction::Backward, 1)?;
    last.first().map(|(key, value)| checkpoint_of(key, value)).transpose()
}

/// Checkpoints from a number on.
pub(in crate::store) fn checkpoints(
    medium: &dyn Medium,
    first: u64,
    limit: usize,
) -> Result<Vec<Checkpoint>, StoreError> {
    let all = Key::of(CHECKPOINT);
    let range = KeyRange { from: all.clone().number(first).0, to: all.range().to };
    let found = collect(medium, &range, Direction::Forward, limit)?;
    found.iter().map(|(key, value)| checkpoint_of(key, value)).collect()
}

/// What ties an entry to the checkpoint above it.
pub(in crate::store) fn proof(medium: &dyn Medium, sequence: Sequence) -> Result<Proof, StoreError> {
    let proofs = proofs(medium, &[sequence])?;
    proofs.into_iter().next().ok_or(StoreError::Absent { what: format!("a proof of entry {sequence}") })
}

/// What ties some entries to the checkpoints above them; a stretch is read once for neighbours.
pub(in crate::store) fn proofs(
    medium: &dyn Medium,
    sequences: &[Sequence],
) -> Result<Vec<Proof>, StoreError> {
    let mut known: Option<(Checkpoint, Vec<Hash>)> = None;
    let mut proofs = Vec::with_capacity(sequences.len());
    for &sequence in sequences {
        let (entry, _) = entry(medium, sequence)?;
        let stretch = known.take().filter(|(above, _)| (above.first..=above.last).contains(&sequence));
        let (checkpoint, hashes) = match stretch {
            Some(stretch) => stretch,
            None => {
                let checkpoint = checkpoint_above(medium, sequence)?;
                let count = (checkpoint.last.0 - checkpoint.first.0 + 1) as usize;
                let mut hashes = Vec::with_capacity(count);
                walk(medium, checkpoint.first, count, |_, hash| hashes.push(hash))?;
                (checkpoint, hashes)
            }
        };
        proofs.push(Proof::of(&entry, checkpoint.clone(), &hashes)?);
        known = Some((checkpoint, hashes));
    }
    Ok(proofs)
}

/// The checkpoint that seals an entry: their stretches are in order, so halving finds it.
fn checkpoint_above(medium: &dyn Medium, sequence: Sequence) -> Result<Checkpoint, StoreError> {
    let last = last_checkpoint(medium)?;
    let sealed = last.as_ref().map_or(Sequence(0), |checkpoint| checkpoint.last);
    let Some(last) = last.filter(|_| sequence <= sealed) else {
        return Err(StoreError::NotSealed { sequence, sealed });
    };
    let (mut low, mut high) = (1, last.number);
    loop {
        let middle = low + (high - low) / 2;
        let found = checkpoints(medium, middle, 1)?.into_iter().next();
        let Some(found) = found.filter(|found| found.number == middle) else {
            return Err(StoreError::corrupt(format!("checkpoint {middle}"), "it is not there"));
        };
        if sequence < found.first && middle > low {
            high = middle - 1;
        } else if sequence > found.last && middle < high {
            low = middle + 1;
        } else if (found.first..=found.last).contains(&sequence) {
            return Ok(found);
        } else {
            return Err(StoreError::corrupt("the checkpoints", format!("none seals entry {sequence}")));
        }
    }
}

fn checkpoint_of(key: &[u8], value: &[u8]) -> Result<Checkpoint, StoreError> {
    let (_, body) = open("a checkpoint", key, LAYOUT, value)?;
    postcard::from_bytes(body).map_err(|error| StoreError::codec("a checkpoint", error))
}

pub(super) fn sequence_in(key: &[u8]) -> Result<Sequence, StoreError> {
    let number = Parts(&key[1..]).number();
    number.map(Sequence).ok_or_else(|| StoreError::corrupt("a key of the journal", "it is cut off"))
}

pub(super) fn sequence_of(value: &[u8]) -> Result<Sequence, StoreError> {
    let number = Parts(value).number();
    number
        .map(Sequence)
        .ok_or_else(|| StoreError::corrupt("an entity's place in the journal", "it is cut off"))
}

pub(super) fn revision_in(key: &[u8]) -> Result<Revision, StoreError> {
    let mut parts = Parts(&key[1..]);
    let number = parts.text().and_then(|_| parts.number());
    number.map(Revision).ok_or_else(|| StoreError::corrupt("a key of an entity's journal", "it is cut off"))
}
