//! Messages to people: kept in an outbox together with the change that caused them, then handed to a gateway.
//!
//! Without a gateway they stay in the outbox, where an administrator reads them. Once a gateway has taken a code, its
//! text is no longer kept. To whom a message goes and what it says are kept sealed.

use super::account::{PhoneNumber, blind};
use super::entropy::{self, Entropy, NoEntropy};
use super::ledger::{self, Fact};
use super::vault::Sealed;
use super::{Act, Identity, IdentityError};
use crate::platform::door::Soon;
use crate::store::StoreError;
use crate::store::medium::Direction;
use crate::store::records::{By, Cursor, Indexed, Record, Scan, Within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::Debug;
use twin::time::Time;

/// Times that a message is handed to the gateway.
const TRIES_MAX: u32 = 5;
/// Messages that are handed over in one go.
const BATCH: usize = 100;
/// What stands in place of a code that was sent.
const GONE: &str = "(sent)";

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A one-time code.
    Code,
    /// Anything else.
    Notice,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Delivery {
    /// It waits in the outbox.
    Waiting {
        /// Times that the gateway refused it.
        tries: u32,
    },
    /// The gateway has taken it.
    Sent {
        /// When.
        at: Time,
        /// The gateway's name for it.
        reference: String,
    },
    /// The gateway did not take it.
    Failed {
        /// When.
        at: Time,
        /// Why.
        why: String,
    },
}

impl Delivery {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// Its id; later ones sort later.
    pub id: String,
    /// To whom.
    pub to: PhoneNumber,
    /// What for.
    pub purpose: Purpose,
    /// What it says.
    pub text: String,
    /// When it was written.
    pub at: Time,
    /// What became of it.
    pub delivery: Delivery,
}

/// A message as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptMessage {
    id: String,
    /// What messages to the same number are found by.
    to: String,
    purpose: Purpose,
    at: Time,
    delivery: Delivery,
    says: Said,
}

/// To whom a message goes, and its text.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Sealed(Sealed),
    /// As the first schema kept it; nothing is written so any more.
    #[serde(skip)]
    Plain(PhoneNumber, String),
}

impl Record for KeptMessage {
    const COLLECTION: &'static str = "identity_outbox";
    const SCHEMA: u16 = 2;

    fn key(&self) -> String {
        self.id.clone()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default()
            .shared("to", self.to.as_str())
            .shared("state", self.delivery.as_str())
            .shared("at", ledger::sortable(self.at))
    }

    fn upgrade(_: u16, body: &[u8]) -> Result<Self, StoreError> {
        let read = serde_json::from_slice(body).map_err(|error| StoreError::codec(Self::COLLECTION, error));
        let Message { id, to, purpose, text, at, delivery } = read?;
        Ok(Self { id, to: String::new(), purpose, at, delivery, says: Said::Plain(to, text) })
    }
}

impl Message {
    /// A message that waits.
    pub(super) fn new(
        to: &PhoneNumber,
        purpose: Purpose,
        text: String,
        source: &dyn Entropy,
        at: Time,
    ) -> Result<Self, NoEntropy> {
        let id = format!("msg-{:013}-{}", at.0.max(0), &entropy::id(source)?[..12]);
        Ok(Self { id, to: to.clone(), purpose, text, at, delivery: Delivery::Waiting { tries: 0 } })
    }
}

/// What takes messages to people.
pub trait MessageGateway: Send + Sync + Debug {
    /// Takes a message; its own name for it, or why not.
    fn send(&self, message: &Message) -> Soon<Result<String, String>>;
}

/// What a message is sealed for.
fn whose(id: &str) -> String {
    format!("message/{id}")
}

impl Identity {
    /// A message as it is to be kept.
    pub(super) fn kept_message(&self, message: &Message) -> Result<KeptMessage, IdentityError> {
        let Message { id, to, purpose, text, at, delivery } = message.clone();
        let said = serde_json::to_vec(&(to.as_str(), text)).map_err(|_| IdentityError::Seal)?;
        let says = Said::Sealed(self.vault().seal(&said, &whose(&id), self.entropy())?);
        let to = blind(self.vault(), to.as_str());
        Ok(KeptMessage { id, to, purpose, at, delivery, says })
    }

    fn opened_message(&self, kept: KeptMessage) -> Result<Message, IdentityError> {
        let KeptMessage { id, purpose, at, delivery, says, .. } = kept;
        let (to, text) = match says {
            Said::Plain(to, text) => (to, text),
            Said::Sealed(sealed) => {
                let said = self.vault().open_sealed(&sealed, &whose(&id))?;
                serde_json::from_slice(&said).map_err(|_| IdentityError::Seal)?
            }
        };
        Ok(Message { id, to, purpose, text, at, delivery })
    }

    /// Seals the messages that an earlier schema kept as they are.
    pub(super) async fn seal_messages(&self, act: Act<'_>) -> Result<(), IdentityError> {
        let again = |kept: KeptMessage| self.kept_message(&self.opened_message(kept)?);
        self.seal_kept(By::Index("to".to_owned()), "messages sealed", act, again).await
    }

    /// Puts a message into the outbox.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn write_message(
        &self,
        to: &PhoneNumber,
        text: String,
        act: Act<'_>,
    ) -> Result<Message, IdentityError> {
        let message = Message::new(to, Purpose::Notice, text, self.entropy(), act.at)?;
        let entity = format!("message/{}", message.id);
        let fact = Fact { entity: &entity, kind: "message written", detail: json!({ "to": to.masked() }) };
        self.keep(act, fact, vec![ledger::new(&self.kept_message(&message)?)?]).await?;
        Ok(message)
    }

    /// A message by its id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn message(&self, id: &str) -> Result<Option<Message>, IdentityError> {
        let found = self.all::<KeptMessage>().get(id).await?;
        found.map(|found| self.opened_message(found.value)).transpose()
    }

    /// Messages to a number, or to all, the latest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox(
        &self,
        to: Option<&PhoneNumber>,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Message>, Option<Cursor>), IdentityError> {
        let scan = Scan { direction: Direction::Backward, ..Scan::all(KeptMessage::COLLECTION, limit) };
        let scan = match to {
            Some(to) => scan.by_index("to", Within::Exactly(blind(self.vault(), to.as_str()).into())),
            None => scan,
        };
        let page = self.store().records(scan.after(after)).await?;
        let mut messages = Vec::with_capacity(page.records.len());
        for stored in &page.records {
            messages.extend(self.message(&stored.key).await?);
        }
        Ok((messages, page.next))
    }

    /// Hands what waits to a gateway; how many messages it took. To be called by one place at a time.
    ///
    /// # Errors
    /// When the store cannot be read or written. What the gateway says is kept with the message.
    pub async fn deliver(&self, gateway: &dyn MessageGateway, now: Time) -> Result<usize, IdentityError> {
        let waiting = Within::Exactly(b"waiting".to_vec());
        let (found, _) =
            self.all::<KeptMessage>().page(By::Index("state".to_owned()), waiting, BATCH, None).await?;
        let mut sent = 0;
        for one in found {
            let mut message = self.opened_message(one.value)?;
            let Delivery::Waiting { tries } = message.delivery else { continue };
            message.delivery = match gateway.send(&message).await {
                Ok(reference) => {
                    sent += 1;
                    if message.purpose == Purpose::Code {
                        GONE.clone_into(&mut message.text);
                    }
                    Delivery::Sent { at: now, reference }
                }
                Err(why) if tries + 1 >= TRIES_MAX => Delivery::Failed { at: now, why },
                Err(_) => Delivery::Waiting { tries: tries + 1 },
            };
            let entity = format!("message/{}", message.id);
            let detail = json!({ "state": message.delivery.as_str() });
            let fact = Fact { entity: &entity, kind: "message handed over", detail };
            let act = Act { by: "platform", at: now };
            self.keep(act, fact, vec![ledger::changed(&self.kept_message(&message)?, one.version)?]).await?;
        }
        Ok(sent)
    }
}
