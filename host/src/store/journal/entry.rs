//! One entry and its envelope.

use super::hash::hex;
use super::{Hash, Head, PAYLOAD_MAX_BYTES};
use crate::store::StoreError;
use crate::store::name::{Entity, Revision, Sequence};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twin::time::Time;

/// Put before the bytes of an entry, so that no other thing has its hash.
const DOMAIN: &[u8] = b"celltide journal entry 1\0";
/// Longest kind and actor in bytes.
const TEXT_MAX_BYTES: usize = 200;

/// A fact as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Hash of the entry before it in the total order.
    pub previous: Hash,
    /// Place in the total order.
    pub sequence: Sequence,
    /// Whose fact it is.
    pub entity: Entity,
    /// The entity's revision with it.
    pub revision: Revision,
    /// When it happened.
    pub at: Time,
    /// Who caused it.
    pub actor: String,
    /// What kind of fact it is; names the type of the payload.
    pub kind: String,
    /// Version of the payload's schema.
    pub schema: u16,
    /// What happened, in the bytes of its type.
    #[serde(with = "hex")]
    pub payload: Vec<u8>,
}

/// A fact that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Whose fact it is.
    pub entity: Entity,
    /// Revision of the entity that it builds on; 0 for its first.
    pub expected: Revision,
    /// When it happened.
    pub at: Time,
    /// Who caused it.
    pub actor: String,
    /// What kind of fact it is; names the type of the payload.
    pub kind: String,
    /// Version of the payload's schema.
    pub schema: u16,
    /// What happened, in the bytes of its type.
    pub payload: Vec<u8>,
}

/// What became of a new entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its place in the total order.
    pub sequence: Sequence,
    /// The entity's revision with it.
    pub revision: Revision,
    /// Its hash.
    pub hash: Hash,
}

impl NewEntry {
    /// The same with a payload of a type, as JSON: it can be read without this program.
    ///
    /// # Errors
    /// When the value has no JSON.
    pub fn with_json<T: Serialize>(mut self, value: &T) -> Result<Self, StoreError> {
        self.payload = serde_json::to_vec(value).map_err(|error| StoreError::codec(&self.kind, error))?;
        Ok(self)
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        for (text, what) in [(&self.kind, "the kind"), (&self.actor, "the actor")] {
            if text.is_empty() || text.len() > TEXT_MAX_BYTES {
                return Err(StoreError::unfit(format!(
                    "{what} of an entry takes 1 to {TEXT_MAX_BYTES} bytes: {text:?}"
                )));
            }
        }
        if self.payload.len() > PAYLOAD_MAX_BYTES {
            let (bytes, kind) = (self.payload.len(), &self.kind);
            return Err(StoreError::unfit(format!(
                "the payload of {kind} takes {bytes} bytes, at most {PAYLOAD_MAX_BYTES} are kept"
            )));
        }
        Ok(())
    }

    pub(super) fn after(self, head: Head) -> Entry {
        Entry {
            previous: head.hash,
            sequence: head.sequence.next(),
            entity: self.entity,
            revision: self.expected.next(),
            at: self.at,
            actor: self.actor,
            kind: self.kind,
            schema: self.schema,
            payload: self.payload,
        }
    }
}

impl Entry {
    /// The bytes that are kept and hashed: its fields in their order, as postcard writes them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        postcard::to_stdvec(self).map_err(|error| StoreError::codec("a journal entry", error))
    }

    /// Reads an entry back from its bytes.
    ///
    /// # Errors
    /// When they are not of an entry.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        postcard::from_bytes(bytes).map_err(|error| StoreError::codec("a journal entry", error))
    }

    /// Hash of the entry, which the next one carries.
    ///
    /// # Errors
    /// When it cannot be put into bytes.
    pub fn hash(&self) -> Result<Hash, StoreError> {
        Ok(hash(&self.bytes()?))
    }

    /// The payload as a type whose schema is known up to a version.
    ///
    /// # Errors
    /// When the schema is a later one, or the payload is not of the type.
    pub fn json<T: DeserializeOwned>(&self, known: u16) -> Result<T, StoreError> {
        if self.schema > known {
            return Err(StoreError::FutureSchema {
                what: format!("{} in entry {}", self.kind, self.sequence),
                found: self.schema.into(),
                known: known.into(),
            });
        }
        serde_json::from_slice(&self.payload)
            .map_err(|error| StoreError::codec(format!("{} in entry {}", self.kind, self.sequence), error))
    }
}

/// Hash of an entry's bytes.
pub(super) fn hash(bytes: &[u8]) -> Hash {
    Hash::of(&[DOMAIN, bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry as version 1 wrote it: it must be read, and have this hash, for ever.
    const GOLDEN: &str = "0000000000000000000000000000000000000000000000000000000000000000010a6261747465\
        72792f42310180e0d6d18968066465766963650470726f62010b7b22736f63223a302e357d";

    fn entry() -> Entry {
        Entry {
            previous: Hash::NONE,
            sequence: Sequence(1),
            entity: Entity::new("battery/B1").unwrap(),
            revision: Revision(1),
            at: Time(1_788_000_000_000),
            actor: "device".to_owned(),
            kind: "prob".to_owned(),
            schema: 1,
            payload: br#"{"soc":0.5}"#.to_vec(),
        }
    }

    #[test]
    fn an_entry_of_version_1_is_read() {
        let text: String = entry().bytes().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, GOLDEN);
        assert_eq!(Entry::from_bytes(&entry().bytes().unwrap()).unwrap(), entry());
        let hash = "c4fac0413d57416160ba18df721bf10acc4da35164075946318dfa0653bbfab3";
        assert_eq!(entry().hash().unwrap().to_string(), hash);
    }

    #[test]
    fn a_payload_of_a_later_schema_is_refused() {
        let value: serde_json::Value = entry().json(1).unwrap();
        assert_eq!(value["soc"], 0.5);
        let refused = entry().json::<serde_json::Value>(0);
        assert!(matches!(refused, Err(StoreError::FutureSchema { found: 1, known: 0, .. })));
    }
}
