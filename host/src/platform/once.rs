//! Requests that are done once, however often they are sent: each is kept under a name that the caller gives it, with
//! its answer, for a day.

use super::{Platform, PlatformError};
use crate::identity::{Act, IdentityError, OsEntropy, Sealed, Vault};
use crate::store::StoreError;
use crate::store::ledger::{self, Fact};
use crate::store::records::{By, Collection, Expect, Indexed, Record, RecordChange, Within};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twin::time::Time;

/// How long an answer is kept [ms].
const KEPT_MS: i64 = 24 * 3_600_000;
/// After so long without an answer whoever did it is taken to have gone [ms].
const UNDERWAY_MS: i64 = 120_000;
/// Old ones that are deleted with each new one.
const SWEPT: usize = 16;

/// An answer that is given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnceAnswer {
    /// Its code in whatever carries it.
    pub status: u16,
    /// What stood around it, by name.
    pub headers: Vec<(String, String)>,
    /// What it said.
    pub body: String,
}

/// A request with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OnceRecord {
    key: String,
    /// Tells what was asked for.
    fingerprint: String,
    began_at: Time,
    /// The answer, sealed: it may hold a secret that is shown once, or a telephone number.
    sealed: Option<Sealed>,
    /// The same as the first schema kept it.
    #[serde(default, skip_serializing)]
    answer: Option<OnceAnswer>,
}

impl Record for OnceRecord {
    const COLLECTION: &'static str = "once";
    const SCHEMA: u16 = 2;

    fn key(&self) -> String {
        self.key.clone()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("began", (self.began_at.0.max(0) as u64).to_be_bytes())
    }

    fn upgrade(_: u16, body: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(body).map_err(|error| StoreError::codec(Self::COLLECTION, error))
    }
}

/// What is to be done about a request with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// It is new: it is to be done, and [`Platform::once_end`] told.
    New,
    /// It was done.
    Again(OnceAnswer),
    /// Something else was asked for under this name.
    Other,
    /// It is being done.
    Underway,
}

/// What an answer is sealed for.
fn whose(key: &str) -> String {
    format!("once/{key}")
}

fn unsealed(error: IdentityError) -> StoreError {
    match error {
        IdentityError::Store(error) => error,
        error => StoreError::codec("once", error),
    }
}

impl Platform {
    /// What seals answers; opened when there is the first.
    async fn vault(&self, at: Time) -> Result<&Vault, StoreError> {
        let act = Act { by: "platform", at };
        let open = || Vault::open(self.core.store.as_ref(), &OsEntropy, act);
        self.core.vault.get_or_try_init(open).await.map_err(unsealed)
    }

    async fn once_opened(&self, key: &str, sealed: &Sealed, now: Time) -> Result<OnceAnswer, StoreError> {
        let said = self.vault(now).await?.open_sealed(sealed, &whose(key)).map_err(unsealed)?;
        serde_json::from_slice(&said).map_err(|error| StoreError::codec("once", error))
    }

    /// Begins a request with a name.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn once_begin(&self, key: &str, fingerprint: &str, now: Time) -> Result<Once, PlatformError> {
        let known = Collection::<OnceRecord, _>::of(self.core.store.as_ref());
        let found = known.get(key).await?;
        let expect = found.as_ref().map_or(Expect::Absent, |found| Expect::Version(found.version));
        if let Some(found) = found.map(|found| found.value).filter(|found| now - found.began_at < KEPT_MS) {
            if found.fingerprint != fingerprint {
                return Ok(Once::Other);
            }
            let answer = match &found.sealed {
                Some(sealed) => Some(self.once_opened(key, sealed, now).await?),
                None => found.answer,
            };
            match answer {
                Some(answer) => return Ok(Once::Again(answer)),
                None if now - found.began_at < UNDERWAY_MS => return Ok(Once::Underway),
                None => {}
            }
        }
        let (key, fingerprint) = (key.to_owned(), fingerprint.to_owned());
        let new = OnceRecord { key, fingerprint, began_at: now, sealed: None, answer: None };
        let mut records = vec![RecordChange::put(&new, expect)?];
        let old = Within::Range(vec![0; 8], ((now.0 - KEPT_MS).max(0) as u64).to_be_bytes().to_vec());
        let (old, _) = known.page(By::Index("began".to_owned()), old, SWEPT, None).await?;
        let others = old.into_iter().filter(|old| old.value.key != new.key);
        records.extend(
            others.map(|old| RecordChange::delete::<OnceRecord>(old.value.key, Expect::Version(old.version))),
        );
        match self.once_keep(&new.key, "request.begun", now, records).await {
            Ok(()) => Ok(Once::New),
            // Somebody was quicker with the same.
            Err(StoreError::RecordChanged { .. } | StoreError::LostRace { .. }) => Ok(Once::Underway),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps what changes together with the fact that says why.
    async fn once_keep(
        &self,
        key: &str,
        kind: &str,
        at: Time,
        records: Vec<RecordChange>,
    ) -> Result<(), StoreError> {
        let entity = format!("request/{key}");
        let fact = Fact { entity: &entity, kind, by: "platform", at, detail: Value::Null };
        ledger::keep(self.core.store.as_ref(), fact, records).await.map(drop)
    }

    /// Keeps the answer of a request that was begun; without one it may be done again.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn once_end(&self, key: &str, answer: Option<OnceAnswer>) -> Result<(), PlatformError> {
        let known = Collection::<OnceRecord, _>::of(self.core.store.as_ref());
        let Some(found) = known.get(key).await? else { return Ok(()) };
        let expect = Expect::Version(found.version);
        let at = found.value.began_at;
        let change = match answer {
            Some(answer) => {
                let said = serde_json::to_vec(&answer).map_err(|error| StoreError::codec("once", error))?;
                let sealed = self.vault(at).await?.seal(&said, &whose(key), &OsEntropy).map_err(unsealed)?;
                RecordChange::put(&OnceRecord { sealed: Some(sealed), ..found.value }, expect)?
            }
            None => RecordChange::delete::<OnceRecord>(key, expect),
        };
        Ok(self.once_keep(key, "request.ended", at, vec![change]).await?)
    }
}
