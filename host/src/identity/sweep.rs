//! What is over goes: challenges, codes, refresh tokens, grants, withdrawn tokens, old messages.

use super::account::Challenge;
use super::grant::{Grant, Refresh};
use super::ledger::{self, Fact};
use super::message::KeptMessage;
use super::oauth::{Code, Withdrawn};
use super::{Act, Identity, IdentityError};
use crate::store::records::{By, Expect, Record, RecordChange, Within};
use serde_json::json;
use twin::time::{DAY_MS, Time};

/// Records that go in one change.
const BATCH: usize = 500;
/// Changes of one kind in one sweep; the rest waits for the next.
const BATCHES: usize = 20;
/// Days that messages are kept.
const MESSAGE_DAYS: i64 = 30;

impl Identity {
    /// Deletes what is over; how many records went.
    pub(super) async fn sweep(&self, act: Act<'_>) -> Result<usize, IdentityError> {
        let mut gone = 0;
        gone += self.sweep_of::<Challenge>("ends", act.at, act).await?;
        gone += self.sweep_of::<Code>("ends", act.at, act).await?;
        gone += self.sweep_of::<Refresh>("ends", act.at, act).await?;
        gone += self.sweep_of::<Grant>("ends", act.at, act).await?;
        gone += self.sweep_of::<Withdrawn>("ends", act.at, act).await?;
        gone += self.sweep_of::<KeptMessage>("at", act.at + -MESSAGE_DAYS * DAY_MS, act).await?;
        Ok(gone)
    }

    async fn sweep_of<T: Record>(
        &self,
        index: &str,
        before: Time,
        act: Act<'_>,
    ) -> Result<usize, IdentityError> {
        let mut gone = 0;
        for _ in 0..BATCHES {
            let within = Within::Range(vec![0; 8], ledger::sortable(before).to_vec());
            let (found, next) =
                self.all::<T>().page(By::Index(index.to_owned()), within, BATCH, None).await?;
            if found.is_empty() {
                break;
            }
            let delete = |key: String, version| RecordChange::delete::<T>(key, Expect::Version(version));
            let records: Vec<RecordChange> =
                found.iter().map(|one| delete(one.value.key(), one.version)).collect();
            let number = records.len();
            let detail = json!({ "collection": T::COLLECTION, "records": number });
            let fact = Fact { entity: "identity/swept", kind: "swept", detail };
            match self.keep(act, fact, records).await {
                Ok(()) => gone += number,
                // One of them changed just now; the next sweep looks again.
                Err(IdentityError::Changed) => break,
                Err(error) => return Err(error),
            }
            if next.is_none() {
                break;
            }
        }
        Ok(gone)
    }
}
