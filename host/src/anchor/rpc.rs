//! What is asked of a chain's node, in JSON-RPC 2.0; how it gets there is for whoever knows HTTP.

use super::AnchorError;
use super::transaction::{Address, Fee, hex};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::pin::Pin;
use thiserror::Error;

/// Why a node gave no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RpcError {
    /// It was not reached, or what it said is no answer.
    #[error("the node was not heard: {detail}")]
    Unheard {
        /// What happened.
        detail: String,
    },
    /// It refused.
    #[error("the node refused: {message} ({code})")]
    Refused {
        /// Its code.
        code: i64,
        /// Its words.
        message: String,
    },
}

/// What a node will answer.
pub type RpcAnswer = Pin<Box<dyn Future<Output = Result<Value, RpcError>> + Send>>;

/// A node of a chain.
pub trait Rpc: Send + Sync + Debug {
    /// Calls a method; the result alone.
    fn call(&self, method: &'static str, params: Value) -> RpcAnswer;
}

/// Tip where a node has no opinion [wei]: 1 gwei.
const TIP_WEI: u128 = 1_000_000_000;

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mined {
    pub(super) block: u64,
    pub(super) block_hash: String,
    pub(super) succeeded: bool,
}

/// A number as nodes write it: `0x…`, without leading noughts.
fn number(what: &'static str, value: &Value) -> Result<u128, AnchorError> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    digits
        .and_then(|digits| u128::from_str_radix(digits, 16).ok())
        .ok_or_else(|| AnchorError::Strange { what, answer: value.to_string() })
}

fn small(what: &'static str, value: &Value) -> Result<u64, AnchorError> {
    let strange = |_| AnchorError::Strange { what, answer: value.to_string() };
    number(what, value).and_then(|number| u64::try_from(number).map_err(strange))
}

pub(super) async fn chain_id(rpc: &dyn Rpc) -> Result<u64, AnchorError> {
    small("eth_chainId", &rpc.call("eth_chainId", json!([])).await?)
}

pub(super) async fn head(rpc: &dyn Rpc) -> Result<u64, AnchorError> {
    small("eth_blockNumber", &rpc.call("eth_blockNumber", json!([])).await?)
}

/// How many transactions an account has sent, those that wait included.
pub(super) async fn nonce(rpc: &dyn Rpc, of: Address) -> Result<u64, AnchorError> {
    let answer = rpc.call("eth_getTransactionCount", json!([of.to_string(), "pending"])).await?;
    small("eth_getTransactionCount", &answer)
}

/// What is to be paid now: twice the base fee and the node's tip, or one price where blocks have no base fee.
pub(super) async fn fee(rpc: &dyn Rpc) -> Result<Fee, AnchorError> {
    let block = rpc.call("eth_getBlockByNumber", json!(["latest", false])).await?;
    match block.get("baseFeePerGas").filter(|fee| !fee.is_null()) {
        Some(base) => {
            let base_wei = number("baseFeePerGas", base)?;
            let tip_wei = match rpc.call("eth_maxPriorityFeePerGas", json!([])).await {
                Ok(tip) => number("eth_maxPriorityFeePerGas", &tip)?,
                Err(RpcError::Refused { .. }) => TIP_WEI,
                Err(error) => return Err(error.into()),
            };
            Ok(Fee::Market { most_wei: base_wei.saturating_mul(2).saturating_add(tip_wei), tip_wei })
        }
        None => {
            let wei = number("eth_gasPrice", &rpc.call("eth_gasPrice", json!([])).await?)?;
            Ok(Fee::Price { wei })
        }
    }
}

/// Gas that a message to an account takes.
pub(super) async fn gas(rpc: &dyn Rpc, from: Address, to: Address, data: &[u8]) -> Result<u64, AnchorError> {
    let call = json!([{ "from": from.to_string(), "to": to.to_string(), "data": hex(data) }]);
    small("eth_estimateGas", &rpc.call("eth_estimateGas", call).await?)
}

pub(super) async fn send(rpc: &dyn Rpc, raw: &str) -> Result<(), RpcError> {
    rpc.call("eth_sendRawTransaction", json!([raw])).await.map(drop)
}

/// Whether the node has heard of a transaction.
pub(super) async fn knows(rpc: &dyn Rpc, hash: &str) -> Result<bool, AnchorError> {
    Ok(!rpc.call("eth_getTransactionByHash", json!([hash])).await?.is_null())
}

/// The block that a transaction is in.
pub(super) async fn mined(rpc: &dyn Rpc, hash: &str) -> Result<Option<Mined>, AnchorError> {
    let receipt = rpc.call("eth_getTransactionReceipt", json!([hash])).await?;
    if receipt["blockNumber"].is_null() {
        return Ok(None);
    }
    let block = small("blockNumber", &receipt["blockNumber"])?;
    let succeeded = receipt["status"].is_null() || number("status", &receipt["status"])? == 1;
    let block_hash = receipt["blockHash"].as_str().unwrap_or_default().to_owned();
    Ok(Some(Mined { block, block_hash, succeeded }))
}
