//! Merkle trees over stretches of the journal, and proofs that an entry is below their root.
//!
//! The tree is that of RFC 9162 (Certificate Transparency), section 2.1, over the hashes of the entries: leaves are
//! hashed with a zero byte before them, nodes with a one, and a tree of `n` leaves is split at the largest power of
//! two below `n`.

use super::hash::hex;
use super::{Entry, Hash, entry};
use crate::store::StoreError;
use crate::store::name::Sequence;
use serde::{Deserialize, Serialize};

/// Put before the fields of a checkpoint, so that no other thing has its hash.
const DOMAIN: &[u8] = b"celltide journal checkpoint 1\0";

/// The root over a stretch of entries, bound to the checkpoint before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of the checkpoint; the first is 1.
    pub number: u64,
    /// First entry below it.
    pub first: Sequence,
    /// Last entry below it.
    pub last: Sequence,
    /// Root of the tree over their hashes.
    pub root: Hash,
    /// Hash of the checkpoint before it.
    pub previous: Hash,
}

impl Checkpoint {
    /// Seals entries up to `last`.
    pub(super) fn over(hashes: &[Hash], last: Sequence, before: Option<&Self>) -> Self {
        Self {
            number: before.map_or(1, |before| before.number + 1),
            first: Sequence(last.0 + 1 - hashes.len() as u64),
            last,
            root: root(hashes),
            previous: before.map_or(Hash::NONE, Self::hash),
        }
    }

    /// Hash of the checkpoint. Who has that of the last one can tell whether anything sealed was altered.
    pub fn hash(&self) -> Hash {
        let [number, first, last] = [self.number, self.first.0, self.last.0].map(u64::to_be_bytes);
        Hash::of(&[DOMAIN, &number, &first, &last, &self.root.0, &self.previous.0])
    }
}

/// An entry and what ties it to a checkpoint. It is checked without the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Bytes of the entry.
    #[serde(with = "hex")]
    pub entry: Vec<u8>,
    /// Hashes beside the way from the entry up to the root.
    pub path: Vec<Hash>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// A proof that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes are not those of an entry.
    #[error("the proof holds no entry")]
    NoEntry,
    /// The entry is not of the checkpoint's stretch.
    #[error("entry {sequence} is not below the checkpoint")]
    Outside {
        /// The entry.
        sequence: Sequence,
    },
    /// The way up does not end at the root.
    #[error("the way up from entry {sequence} does not end at the checkpoint's root")]
    OtherRoot {
        /// The entry.
        sequence: Sequence,
    },
    /// The checkpoint is not the one that is trusted.
    #[error("the checkpoint is not the trusted one")]
    OtherCheckpoint,
}

impl Proof {
    pub(super) fn of(entry: &Entry, checkpoint: Checkpoint, hashes: &[Hash]) -> Result<Self, StoreError> {
        let leaf = (entry.sequence.0 - checkpoint.first.0) as usize;
        Ok(Self { entry: entry.bytes()?, path: path(hashes, leaf), checkpoint })
    }

    /// The entry, when it is below the checkpoint whose hash the reader trusts.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self, trusted: Hash) -> Result<Entry, ProofError> {
        let entry = Entry::from_bytes(&self.entry).map_err(|_| ProofError::NoEntry)?;
        let sequence = entry.sequence;
        if sequence < self.checkpoint.first || sequence > self.checkpoint.last {
            return Err(ProofError::Outside { sequence });
        }
        let leaf = sequence.0 - self.checkpoint.first.0;
        let last = self.checkpoint.last.0 - self.checkpoint.first.0;
        if climb(entry::hash(&self.entry), leaf, last, &self.path) != Some(self.checkpoint.root) {
            return Err(ProofError::OtherRoot { sequence });
        }
        if self.checkpoint.hash() != trusted {
            return Err(ProofError::OtherCheckpoint);
        }
        Ok(entry)
    }
}

/// Root of the tree over some hashes.
pub(super) fn root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::of(&[]),
        [one] => leaf_hash(*one),
        _ => {
            let (left, right) = hashes.split_at(split(hashes.len()));
            node_hash(root(left), root(right))
        }
    }
}

fn leaf_hash(entry: Hash) -> Hash {
    Hash::of(&[&[0], &entry.0])
}

fn node_hash(left: Hash, right: Hash) -> Hash {
    Hash::of(&[&[1], &left.0, &right.0])
}

/// The largest power of two below `count`.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// Hashes beside the way from a leaf up to the root.
fn path(hashes: &[Hash], leaf: usize) -> Vec<Hash> {
    if hashes.len() <= 1 {
        return Vec::new();
    }
    let at = split(hashes.len());
    let (left, right) = hashes.split_at(at);
    let (mut way, beside) =
        if leaf < at { (path(left, leaf), root(right)) } else { (path(right, leaf - at), root(left)) };
    way.push(beside);
    way
}

/// Where the way up from a leaf ends; nowhere when it is too long or too short. RFC 9162, section 2.1.3.2.
fn climb(entry: Hash, leaf: u64, last: u64, path: &[Hash]) -> Option<Hash> {
    let (mut at, mut end) = (leaf, last);
    let mut hash = leaf_hash(entry);
    for &beside in path {
        if end == 0 {
            return None;
        }
        if at & 1 == 1 || at == end {
            hash = node_hash(beside, hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                end >>= 1;
            }
        } else {
            hash = node_hash(hash, beside);
        }
        at >>= 1;
        end >>= 1;
    }
    (end == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_leaf_reaches_the_root_and_no_other_does(count in 1usize..70, leaf in 0usize..70, wrong in any::<u8>()) {
            let hashes: Vec<Hash> = (0..count as u64).map(|n| Hash::of(&[&n.to_be_bytes()])).collect();
            let leaf = leaf % count;
            let way = path(&hashes, leaf);
            let end = |entry, leaf: usize, way: &[Hash]| climb(entry, leaf as u64, count as u64 - 1, way);
            prop_assert_eq!(end(hashes[leaf], leaf, &way), Some(root(&hashes)));
            prop_assert_ne!(end(Hash::NONE, leaf, &way), Some(root(&hashes)));
            if count > 1 {
                let other = (leaf + 1) % count;
                prop_assert_ne!(end(hashes[leaf], other, &way), Some(root(&hashes)));
                prop_assert_ne!(end(hashes[leaf], leaf, &way[1..]), Some(root(&hashes)));
                let mut bent = way.clone();
                let place = usize::from(wrong) % bent.len();
                bent[place].0[usize::from(wrong) % 32] ^= 1;
                prop_assert_ne!(end(hashes[leaf], leaf, &bent), Some(root(&hashes)));
            }
            let mut longer = way;
            longer.push(Hash::NONE);
            prop_assert_ne!(end(hashes[leaf], leaf, &longer), Some(root(&hashes)));
        }
    }
}
