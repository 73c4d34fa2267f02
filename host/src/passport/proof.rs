//! The facts of a passport with proof that needs nobody's word: each with its way up to a checkpoint's Merkle root, and
//! where that checkpoint stands on a chain (docs/passport-proof.md).

use super::record::Passport;
use super::{PassportError, Passports};
use crate::anchor::{self, Anchor};
use crate::identity::Visibility;
use crate::platform::fleet::Part;
use crate::store::journal::{Checkpoint, Entry, Hash, Head, Proof};
use crate::store::{Entity, Revision, Sequence, StoreError};
use std::collections::BTreeMap;

/// Most checkpoints between one and the anchored one that are told.
const LINKS_MAX: u64 = 1_000;

/// A fact and its way up.
#[derive(Debug, Clone)]
pub struct ProvenFact {
    /// The fact.
    pub entry: Entry,
    /// Its hash, computed again.
    pub hash: Hash,
    /// Its way up.
    pub proof: Proof,
}

/// A checkpoint that facts lie below.
#[derive(Debug, Clone)]
pub struct Seal {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The anchor that counts for it: its own, or that of a later one.
    pub anchor: Option<Anchor>,
    /// Checkpoints after it up to the anchored one; nothing where there are too many.
    pub links: Option<Vec<Checkpoint>>,
}

/// Facts of a passport, proven.
#[derive(Debug, Clone)]
pub struct ProvenTrail {
    /// The passport.
    pub passport: Passport,
    /// Facts, in their order.
    pub facts: Vec<ProvenFact>,
    /// How many there are.
    pub total: u64,
    /// Checkpoints above them, in their order.
    pub seals: Vec<Seal>,
    /// The end of the whole journal.
    pub head: Head,
    /// What did not fit when all was hashed again; nothing where all did.
    pub fault: Option<String>,
}

/// What is wrong with a fact and its proof; nothing where all fits.
fn fault(entry: &Entry, expected: Revision, proof: &Proof) -> Option<String> {
    if entry.revision != expected {
        return Some(format!("entry {} is revision {}, not {expected}", entry.sequence, entry.revision));
    }
    match proof.check(proof.checkpoint.hash()) {
        Ok(proven) if proven == *entry => None,
        Ok(_) => Some(format!("the proof of entry {} is of another", entry.sequence)),
        Err(error) => Some(error.to_string()),
    }
}

impl Passports {
    /// Hash of the newest fact of a passport: `0x…`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_fact(&self, passport: &Passport) -> Result<Option<String>, PassportError> {
        let (store, entity) = (self.platform.store(), Entity::new(&passport.entity())?);
        let last = store.revision(entity.clone()).await?;
        let entries = store.entries_of(entity, last, 1).await?;
        let hash = entries.first().map(Entry::hash).transpose()?;
        Ok(hash.map(|hash| format!("0x{hash}")))
    }

    /// The facts of a passport, with what proves them. Those that no checkpoint seals yet are sealed.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn proven_trail(
        &self,
        name: &str,
        visible: &Visibility,
        part: Part,
    ) -> Result<ProvenTrail, PassportError> {
        let passport = self.find(name, visible).await?;
        let (store, entity) = (self.platform.store(), Entity::new(&passport.entity())?);
        let total = store.revision(entity.clone()).await?.0;
        let first = Revision(part.skip as u64 + 1);
        let entries = store.entries_of(entity, first, part.limit).await?;
        let proofs = self.proofs(entries.iter().map(|entry| entry.sequence).collect()).await?;
        let (mut facts, mut above, mut wrong, mut expected) = (Vec::new(), BTreeMap::new(), None, first);
        for (entry, proof) in entries.into_iter().zip(proofs) {
            wrong = wrong.or_else(|| fault(&entry, expected, &proof));
            expected = expected.next();
            above.insert(proof.checkpoint.number, proof.checkpoint.clone());
            facts.push(ProvenFact { hash: entry.hash()?, entry, proof });
        }
        let mut seals = Vec::new();
        for checkpoint in above.into_values() {
            seals.push(self.seal(checkpoint).await?);
        }
        Ok(ProvenTrail { passport, facts, total, seals, head: store.head().await?, fault: wrong })
    }

    async fn proofs(&self, sequences: Vec<Sequence>) -> Result<Vec<Proof>, StoreError> {
        let store = self.platform.store();
        match store.proofs(sequences.clone()).await {
            Err(StoreError::NotSealed { .. }) => {
                store.seal().await?;
                store.proofs(sequences).await
            }
            done => done,
        }
    }

    /// Where a checkpoint stands on a chain.
    async fn seal(&self, checkpoint: Checkpoint) -> Result<Seal, StoreError> {
        let store = self.platform.store();
        let anchor = anchor::above(store.as_ref(), checkpoint.number).await?;
        let links = match &anchor {
            Some(anchor) if anchor.number - checkpoint.number <= LINKS_MAX => {
                let between = (anchor.number - checkpoint.number) as usize;
                Some(store.checkpoints(checkpoint.number + 1, between).await?)
            }
            _ => None,
        };
        Ok(Seal { checkpoint, anchor, links })
    }
}
