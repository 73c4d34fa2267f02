//! What is to be done outside because of what was decided: kept together with the decision, carried out after it, at
//! once or when it is due, and tried again until it is done.

use super::draft::Draft;
use super::records::{key, sortable_key};
use super::{Dealership, DealershipError};
use crate::store::ledger::sortable;
use crate::store::records::{By, Indexed, Record, Versioned, Within};
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;
use twin::time::{HOUR_MS, Time};

/// Intents that are looked at in one go.
const BATCH: usize = 200;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A person is to be able to log in.
    Login {
        /// Whose.
        party: u64,
    },
    /// The twin is to say whose the battery is.
    Label {
        /// Which battery.
        asset: u64,
    },
    /// A battery is to be told how it shall be.
    Switch {
        /// Which battery.
        asset: u64,
        /// Which of its switchings: a later one makes this one void.
        number: u64,
    },
    /// What became of a switching is to be looked at.
    Confirm {
        /// Which battery.
        asset: u64,
        /// Which of its switchings.
        number: u64,
    },
    /// A message is to be put into the outbox.
    Message {
        /// Which.
        notice: u64,
    },
    /// An application is to be handed to the lender.
    Submit {
        /// Which.
        loan: u64,
    },
    /// A collection report is to be handed to the lender.
    Report {
        /// Which.
        report: u64,
    },
}

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    /// Its number.
    pub(super) id: u64,
    /// What.
    pub(super) what: What,
    /// Who wants it.
    pub(super) by: String,
    /// From when on.
    pub(super) due: Time,
    /// How often it did not succeed.
    pub(super) tries: u32,
}

impl Record for Intent {
    const COLLECTION: &'static str = "dealership_intents";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.id)
    }

    fn indexed(&self) -> Indexed {
        let mut due = sortable(self.due).to_vec();
        due.extend(sortable_key(self.id));
        Indexed::default().shared("due", due)
    }
}

/// What became of an intent.
pub(super) enum Carried {
    /// It is done, and gone with what was kept of it.
    Done,
    /// It is void.
    Void,
    /// Not yet; look again then. It does not count as a failure.
    Later(Time),
}

impl Dealership {
    /// Carries out everything that is due; how much of it was done.
    ///
    /// # Errors
    /// When the store cannot be read. What fails in itself is tried again later.
    pub async fn carry_out(&self) -> Result<usize, DealershipError> {
        let until = Within::Range(vec![0; 8], sortable(self.now() + 1).to_vec());
        let (due, _) = self.of::<Intent>().page(By::Index("due".to_owned()), until, BATCH, None).await?;
        let mut done = 0;
        for intent in due {
            done += usize::from(self.carry_out_one(intent.value.id).await);
        }
        Ok(done)
    }

    /// Carries out what was just decided, as far as it is due; what does not succeed is tried again later.
    pub(super) async fn carry_out_now(&self, intents: &[u64]) {
        for intent in intents {
            self.carry_out_one(*intent).await;
        }
    }

    async fn carry_out_one(&self, id: u64) -> bool {
        let underway = || self.0.underway.lock().unwrap_or_else(PoisonError::into_inner);
        if !underway().insert(id) {
            return false;
        }
        let done = self.try_one(id).await;
        underway().remove(&id);
        done.unwrap_or_else(|error| {
            tracing::warn!(intent = id, %error, "what was intended could not be looked at");
            false
        })
    }

    async fn try_one(&self, id: u64) -> Result<bool, DealershipError> {
        let Some(intent) = self.known::<Intent>(id).await?.filter(|intent| intent.value.due <= self.now())
        else {
            return Ok(false);
        };
        let carried = match &intent.value.what {
            What::Login { party } => self.make_login(*party, &intent).await,
            What::Label { asset } => self.label(*asset, &intent).await,
            What::Switch { asset, number } => self.switch(*asset, *number, &intent).await,
            What::Confirm { asset, number } => self.confirm(*asset, *number, &intent).await,
            What::Message { notice } => self.post_notice(*notice, &intent).await,
            What::Submit { loan } => self.hand_in(*loan, &intent).await,
            What::Report { report } => self.hand_in_report(*report, &intent).await,
        };
        let (due, tries) = match carried {
            Ok(Carried::Done) => return Ok(true),
            Ok(Carried::Void) => {
                let _turn = self.turn().await;
                let mut draft = Draft::of(self);
                draft.delete::<Intent>(id, intent.version);
                draft
                    .keep(&format!("intent/{id}"), "intent void", "platform", serde_json::Value::Null)
                    .await?;
                return Ok(true);
            }
            Ok(Carried::Later(due)) => (due, intent.value.tries),
            Err(error) => {
                tracing::warn!(intent = id, tries = intent.value.tries, %error, "to be tried again");
                let wait_ms = (1_000_i64 << intent.value.tries.min(12)).min(HOUR_MS);
                (self.now() + wait_ms, intent.value.tries.saturating_add(1))
            }
        };
        let _turn = self.turn().await;
        let mut draft = Draft::of(self);
        let Versioned { value, version } = intent;
        draft.change(&Intent { due, tries, ..value }, version)?;
        draft.keep(&format!("intent/{id}"), "intent put off", "platform", serde_json::Value::Null).await?;
        Ok(false)
    }
}
