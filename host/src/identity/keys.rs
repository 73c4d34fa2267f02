//! Keys that tokens are signed with: made at the first start, kept as records, changed from time to time.
//!
//! ```text
//! made ── signs ──► next one made ── verifies only ──► until ── gone
//! ```
//!
//! A key that no longer signs is good for verifying until the last token that it signed has ended. The private key lies
//! in the store, whose folder is its owner's alone, and so also in every backup: keep those as closely.

use super::secret::{base64url, from_base64url};
use super::{Act, Fact, Identity, IdentityError};
use crate::store::StoreError;
use crate::store::records::{By, Collection, Expect, Record, RecordChange, Within};
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::{Arc, PoisonError};
use twin::time::{DAY_MS, Time};

/// Most keys that are read; a key goes once no token of it can be good.
const KEYS_MAX: usize = 64;
/// Time that must pass before an unknown key's name leads to another look at the records.
const RELOAD_MS: i64 = 5_000;

/// A key as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    /// Its name: the thumbprint of its public half (RFC 7638).
    pub(super) kid: String,
    seed: String,
    /// When it began to sign.
    pub(super) made: Time,
    /// When the last token that it signed has ended; nothing while it signs.
    pub(super) until: Option<Time>,
}

impl fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRecord").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Record for KeyRecord {
    const COLLECTION: &'static str = "identity_keys";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.kid.clone()
    }
}

impl KeyRecord {
    /// The key of a seed.
    pub(super) fn of(seed: [u8; 32], made: Time) -> Self {
        let public = SigningKey::from_bytes(&seed).verifying_key();
        Self { kid: thumbprint(&public), seed: base64url(&seed), made, until: None }
    }

    fn signing_key(&self) -> Option<SigningKey> {
        let seed: [u8; 32] = from_base64url(&self.seed)?.try_into().ok()?;
        Some(SigningKey::from_bytes(&seed)).filter(|key| thumbprint(&key.verifying_key()) == self.kid)
    }
}

/// SHA-256 of the public key as a JSON object with its members in order (RFC 7638 with RFC 8037, appendix A.3).
fn thumbprint(key: &VerifyingKey) -> String {
    let x = base64url(key.as_bytes());
    base64url(&Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

/// The key that signs.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) kid: String,
    pub(super) key: SigningKey,
    made: Time,
}

/// All keys that are good for something.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) current: Current,
    known: Vec<(String, VerifyingKey, Option<Time>)>,
}

impl Ring {
    /// The keys of some records; none where none of them signs.
    pub(super) fn of(records: &[KeyRecord]) -> Option<Self> {
        let newest =
            records.iter().filter(|record| record.until.is_none()).max_by_key(|record| record.made)?;
        let current = Current { kid: newest.kid.clone(), key: newest.signing_key()?, made: newest.made };
        let known = records
            .iter()
            .filter_map(|record| {
                Some((record.kid.clone(), record.signing_key()?.verifying_key(), record.until))
            })
            .collect();
        Some(Self { current, known })
    }

    /// The key of a name, if it is still good.
    pub(super) fn key(&self, kid: &str, now: Time) -> Option<&VerifyingKey> {
        let (_, key, until) = self.known.iter().find(|(known, _, _)| known == kid)?;
        until.is_none_or(|until| now < until).then_some(key)
    }
}

/// A public key (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Kind: `OKP`.
    pub kty: &'static str,
    /// Curve: `Ed25519`.
    pub crv: &'static str,
    /// The key.
    pub x: String,
    /// Its name.
    pub kid: String,
    /// What with: `EdDSA`.
    pub alg: &'static str,
    /// What for: `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
}

/// Public keys (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// A key under its name.
    pub(super) fn of(kid: &str, key: &VerifyingKey) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            x: base64url(key.as_bytes()),
            kid: kid.to_owned(),
            alg: "EdDSA",
            usage: "sig",
        }
    }
}

impl Identity {
    /// The public keys that tokens are to be checked with.
    pub fn jwks(&self, now: Time) -> Jwks {
        let ring = self.ring();
        let good = ring.known.iter().filter(|(_, _, until)| until.is_none_or(|until| now < until));
        Jwks { keys: good.map(|(kid, key, _)| Jwk::of(kid, key)).collect() }
    }

    /// From here on another key signs; the ones before verify until their last token has ended.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn rotate_keys(&self, act: Act<'_>) -> Result<(), IdentityError> {
        let new = KeyRecord::of(super::entropy::bytes(self.entropy())?, act.at);
        let mut records = vec![RecordChange::put(&new, Expect::Absent)?];
        let until = act.at + (self.settings().token_max_s() + self.settings().leeway_s + 1) * 1_000;
        for old in self.key_records().await? {
            match old.value.until {
                None => {
                    let retired = KeyRecord { until: Some(until), ..old.value };
                    records.push(RecordChange::put(&retired, Expect::Version(old.version))?);
                }
                Some(end) if end < act.at => {
                    records
                        .push(RecordChange::delete::<KeyRecord>(old.value.kid, Expect::Version(old.version)));
                }
                Some(_) => {}
            }
        }
        let fact = Fact { entity: "identity/keys", kind: "key made", detail: json!({ "kid": new.kid }) };
        self.keep(act, fact, records).await?;
        self.load_keys(act.at).await
    }

    /// Another key where the present one is old.
    pub(super) async fn rotate_when_due(&self, act: Act<'_>) -> Result<(), IdentityError> {
        let made = self.ring().current.made;
        if act.at - made < self.settings().key_days.saturating_mul(DAY_MS) {
            return Ok(());
        }
        self.rotate_keys(act).await
    }

    /// Reads the keys again, unless that was done a moment ago: another process may have made one.
    pub(super) async fn look_for_keys(&self, now: Time) -> Result<(), IdentityError> {
        let last = *self.0.keys_read.lock().unwrap_or_else(PoisonError::into_inner);
        if (0..RELOAD_MS).contains(&(now - last)) { Ok(()) } else { self.load_keys(now).await }
    }

    pub(super) async fn load_keys(&self, now: Time) -> Result<(), IdentityError> {
        *self.0.keys_read.lock().unwrap_or_else(PoisonError::into_inner) = now;
        let records: Vec<KeyRecord> = self.key_records().await?.into_iter().map(|one| one.value).collect();
        let ring = Ring::of(&records).ok_or_else(no_key)?;
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    async fn key_records(&self) -> Result<Vec<crate::store::records::Versioned<KeyRecord>>, StoreError> {
        let keys = Collection::<KeyRecord, _>::of(self.store());
        Ok(keys.page(By::Key, Within::All, KEYS_MAX, None).await?.0)
    }
}

/// The keys of a store.
pub(super) async fn kept(store: &dyn crate::store::Store) -> Result<Option<Ring>, IdentityError> {
    let keys = Collection::<KeyRecord, _>::of(store);
    let records = keys.page(By::Key, Within::All, KEYS_MAX, None).await?.0;
    if records.is_empty() {
        return Ok(None);
    }
    let records: Vec<KeyRecord> = records.into_iter().map(|one| one.value).collect();
    Ring::of(&records).ok_or_else(no_key).map(Some)
}

fn no_key() -> IdentityError {
    IdentityError::Unfit("none of the kept keys can sign".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_thumbprint_of_the_standard() {
        // RFC 8037, appendix A.1 to A.3.
        let seed = from_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let record = KeyRecord::of(seed.try_into().unwrap(), Time(0));
        assert_eq!(record.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(!format!("{record:?}").contains("nWGx"));
    }

    #[test]
    fn the_newest_key_that_signs_is_the_present_one() {
        let (old, new) = (KeyRecord::of([1; 32], Time(1)), KeyRecord::of([2; 32], Time(2)));
        let ring = Ring::of(&[new.clone(), old.clone()]).unwrap();
        assert_eq!(ring.current.kid, new.kid);
        let retired = KeyRecord { until: Some(Time(9)), ..new };
        assert_eq!(Ring::of(&[retired.clone(), old.clone()]).unwrap().current.kid, old.kid);
        assert!(Ring::of(&[retired]).is_none());
    }
}
