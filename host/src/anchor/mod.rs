//! Roots of the journal on an EVM chain: what was sealed here can be shown to have been sealed by then.
//!
//! ```text
//! entries ─seal─► checkpoint ─hash─► data of a transaction to oneself ──JSON-RPC──► chain
//!                  binds all before                          └─ Anchor: a record, with the journal's word for it
//! ```
//!
//! A checkpoint holds the hash of the one before, so the latest stands for all. Nothing but its number and hash leaves
//! the platform. The transaction is signed here and kept before it is sent, so a stop between both loses nothing.
//!
//! Limits: a transaction that the chain leaves waiting because it pays too little is sent again as it is, never with a
//! higher fee. Blocks are believed from the one node that is configured.

mod rlp;
mod rpc;
mod transaction;

pub use rpc::{Rpc, RpcAnswer, RpcError};
pub use transaction::{Address, Fee, NoKey, Signed, Transaction, hex, keccak, key_of, sender, unhex};

use crate::store::journal::{Checkpoint, Hash};
use crate::store::records::{By, Collection, Expect, Record, RecordChange, Versioned, Within};
use crate::store::{Sequence, Store, StoreError, ledger};
use k256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use twin::time::Time;

/// What the data of a transaction begin with.
const TAG: &[u8] = b"celltide/anchor/1";
/// Whose facts these are in the journal.
const ENTITY: &str = "anchors";
/// Who does it.
const ACTOR: &str = "platform";
/// Checkpoints that are looked at together.
const PAGE: usize = 1_000;
/// More than the estimate, so that a block between both does not matter.
const GAS_SLACK: u64 = 5_000;
/// Most gas that a root may take: ten times what it needs.
const GAS_MAX: u64 = 300_000;

/// How roots are anchored.
pub struct Settings {
    /// Chain that the node must be of.
    pub chain_id: u64,
    /// Key of the account that pays.
    pub key: SigningKey,
    /// Blocks, the one of the transaction included, after which it counts.
    pub confirmations: u64,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chain, confirmations) = (&self.chain_id, &self.confirmations);
        f.debug_struct("Settings")
            .field("chain_id", chain)
            .field("confirmations", confirmations)
            .finish_non_exhaustive()
    }
}

/// A checkpoint on a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Number of the checkpoint.
    pub number: u64,
    /// Its hash.
    pub checkpoint: Hash,
    /// The chain.
    pub chain_id: u64,
    /// Account that sent it, to itself.
    pub sender: String,
    /// Hash of the transaction.
    pub transaction: String,
    /// When it was sent.
    pub sent: Time,
    /// Where it is, once it counts.
    pub block: Option<Block>,
    /// The transaction, to be sent again.
    raw: String,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// When it was deep enough.
    pub at: Time,
}

impl Record for Anchor {
    const COLLECTION: &'static str = "anchors";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.number)
    }
}

/// Numbers in the order of text.
fn key(number: u64) -> String {
    format!("{number:020}")
}

/// Why no root was anchored.
#[derive(Debug, Error)]
pub enum AnchorError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The node gave no result.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The node is of another chain.
    #[error("the node is of chain {found}, configured is {expected}")]
    OtherChain {
        /// What it says.
        found: u64,
        /// What was configured.
        expected: u64,
    },
    /// An answer that is none.
    #[error("the node's answer to {what} was not understood: {answer}")]
    Strange {
        /// What was asked.
        what: &'static str,
        /// The answer.
        answer: String,
    },
    /// The chain asks for more gas than a message to an account can need.
    #[error("the node wants {gas} gas for a message of {bytes} bytes")]
    TooDear {
        /// What it wants.
        gas: u64,
        /// For so much.
        bytes: usize,
    },
    /// It was mined, and failed.
    #[error("transaction {transaction} failed in block {block}")]
    Failed {
        /// The transaction.
        transaction: String,
        /// Its block.
        block: u64,
    },
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Everything that is sealed is anchored.
    Nothing,
    /// A root was sent.
    Sent(Anchor),
    /// One that was sent is not deep enough yet.
    Waiting(Anchor),
    /// One that was sent counts now.
    Anchored(Anchor),
}

/// The data of the transaction for a checkpoint.
pub fn data(checkpoint: &Checkpoint) -> Vec<u8> {
    [TAG, &checkpoint.number.to_be_bytes(), &checkpoint.hash().0].concat()
}

/// Brings roots onto a chain, step by step.
#[derive(Debug)]
pub struct Anchorer {
    store: Arc<dyn Store>,
    rpc: Arc<dyn Rpc>,
    settings: Settings,
}

impl Anchorer {
    /// Roots of a store, onto the chain of a node.
    pub fn new(store: Arc<dyn Store>, rpc: Arc<dyn Rpc>, settings: Settings) -> Self {
        Self { store, rpc, settings }
    }

    /// The account that pays.
    pub fn address(&self) -> Address {
        Address::of(self.settings.key.verifying_key())
    }

    /// Looks after the root that is under way, or sends the next one.
    ///
    /// # Errors
    /// When node or store fail; the next step goes on where this one was.
    pub async fn step(&self, now: Time) -> Result<Step, AnchorError> {
        let last = last(self.store.as_ref()).await?;
        if let Some(open) = last.as_ref().filter(|anchor| anchor.value.block.is_none()) {
            return self.follow(open.clone(), now).await;
        }
        let after = last.map_or(0, |anchor| anchor.value.number);
        match self.next(after).await? {
            Some(checkpoint) => self.send(&checkpoint, now).await,
            None => Ok(Step::Nothing),
        }
    }

    /// The latest checkpoint after one, made where facts wait that are worth it.
    async fn next(&self, after: u64) -> Result<Option<Checkpoint>, AnchorError> {
        let mut latest: Option<Checkpoint> = None;
        loop {
            let first = latest.as_ref().map_or(after, |checkpoint| checkpoint.number) + 1;
            let page = self.store.checkpoints(first, PAGE).await?;
            let more = page.len() == PAGE;
            latest = page.into_iter().last().or(latest);
            if !more {
                break;
            }
        }
        let sealed = match &latest {
            Some(checkpoint) => checkpoint.last,
            None => match after {
                0 => Sequence(0),
                after => match self.store.checkpoints(after, 1).await?.into_iter().next() {
                    Some(checkpoint) => checkpoint.last,
                    None => return Ok(None),
                },
            },
        };
        // What is said of anchors alone is no reason for another one; else there would be no end.
        let open = self.store.entries(sealed.next(), PAGE).await?;
        if open.iter().all(|entry| entry.entity.as_str() == ENTITY) {
            return Ok(latest);
        }
        Ok(self.store.seal().await?.or(latest))
    }

    async fn send(&self, checkpoint: &Checkpoint, now: Time) -> Result<Step, AnchorError> {
        let rpc = self.rpc.as_ref();
        let found = rpc::chain_id(rpc).await?;
        let expected = self.settings.chain_id;
        if found != expected {
            return Err(AnchorError::OtherChain { found, expected });
        }
        let (sender, data) = (self.address(), data(checkpoint));
        let gas = rpc::gas(rpc, sender, sender, &data).await?.saturating_add(GAS_SLACK);
        if gas > GAS_MAX {
            return Err(AnchorError::TooDear { gas, bytes: data.len() });
        }
        let nonce = rpc::nonce(rpc, sender).await?;
        let fee = rpc::fee(rpc).await?;
        let transaction = Transaction { chain_id: found, nonce, fee, gas, to: sender, data };
        let signed = transaction.signed(&self.settings.key);
        let anchor = Anchor {
            number: checkpoint.number,
            checkpoint: checkpoint.hash(),
            chain_id: found,
            sender: sender.to_string(),
            transaction: hex(&signed.hash),
            sent: now,
            block: None,
            raw: hex(&signed.raw),
        };
        self.keep("root sent", &anchor, now, RecordChange::put(&anchor, Expect::Absent)?).await?;
        match rpc::send(rpc, &anchor.raw).await {
            Ok(()) => Ok(Step::Sent(anchor)),
            Err(error) => {
                self.drop_if_refused(&anchor, &error, now).await?;
                Err(error.into())
            }
        }
    }

    /// Whether a root that was sent counts by now.
    async fn follow(&self, open: Versioned<Anchor>, now: Time) -> Result<Step, AnchorError> {
        let Versioned { value: anchor, version } = open;
        let rpc = self.rpc.as_ref();
        let Some(mined) = rpc::mined(rpc, &anchor.transaction).await? else {
            if !rpc::knows(rpc, &anchor.transaction).await?
                && let Err(error) = rpc::send(rpc, &anchor.raw).await
            {
                self.drop_if_refused(&anchor, &error, now).await?;
                return Err(error.into());
            }
            return Ok(Step::Waiting(anchor));
        };
        if !mined.succeeded {
            self.gone("root failed", &anchor, now).await?;
            return Err(AnchorError::Failed { transaction: anchor.transaction, block: mined.block });
        }
        let depth = (rpc::head(rpc).await? + 1).saturating_sub(mined.block);
        if depth < self.settings.confirmations {
            return Ok(Step::Waiting(anchor));
        }
        let block = Block { number: mined.block, hash: mined.block_hash, at: now };
        let anchor = Anchor { block: Some(block), ..anchor };
        let change = RecordChange::put(&anchor, Expect::Version(version))?;
        self.keep("root anchored", &anchor, now, change).await?;
        Ok(Step::Anchored(anchor))
    }

    /// What the node will not take is made anew by the next step, unless it is there already.
    async fn drop_if_refused(&self, anchor: &Anchor, error: &RpcError, now: Time) -> Result<(), AnchorError> {
        let refused = matches!(error, RpcError::Refused { .. });
        if refused && !rpc::knows(self.rpc.as_ref(), &anchor.transaction).await? {
            self.gone("root not taken", anchor, now).await?;
        }
        Ok(())
    }

    async fn gone(&self, kind: &str, anchor: &Anchor, now: Time) -> Result<(), AnchorError> {
        self.keep(kind, anchor, now, RecordChange::delete::<Anchor>(anchor.key(), Expect::Anything)).await
    }

    async fn keep(
        &self,
        kind: &str,
        anchor: &Anchor,
        at: Time,
        change: RecordChange,
    ) -> Result<(), AnchorError> {
        let detail = json!({
            "number": anchor.number, "checkpoint": anchor.checkpoint, "chain_id": anchor.chain_id,
            "transaction": anchor.transaction, "block": anchor.block,
        });
        let fact = ledger::Fact { entity: ENTITY, kind, by: ACTOR, at, detail };
        ledger::keep(self.store.as_ref(), fact, vec![change]).await?;
        Ok(())
    }
}

/// The anchor with the highest number.
async fn last(store: &dyn Store) -> Result<Option<Versioned<Anchor>>, StoreError> {
    let scan = crate::store::records::Scan {
        direction: crate::store::medium::Direction::Backward,
        ..crate::store::records::Scan::all(Anchor::COLLECTION, 1)
    };
    let Some(found) = store.records(scan).await?.records.into_iter().next() else { return Ok(None) };
    Collection::<Anchor, _>::of(store).get(&found.key).await
}

/// The first anchor that counts and stands for a checkpoint: its own, or that of a later one.
///
/// # Errors
/// When the store cannot be read.
pub async fn above(store: &dyn Store, number: u64) -> Result<Option<Anchor>, StoreError> {
    let within = Within::Range(key(number).into_bytes(), key(u64::MAX).into_bytes());
    let anchors = Collection::<Anchor, _>::of(store);
    // Only the last one can be under way.
    let (found, _) = anchors.page(By::Key, within, 1, None).await?;
    Ok(found.into_iter().map(|found| found.value).find(|anchor| anchor.block.is_some()))
}

/// The anchor that was made last, whether it counts already or not.
///
/// # Errors
/// When the store cannot be read.
pub async fn latest(store: &dyn Store) -> Result<Option<Anchor>, StoreError> {
    Ok(last(store).await?.map(|found| found.value))
}
