//! Roots of the journal on a chain, where configuration names a node.

use super::config::AnchorKeys;
use crate::failure::Failure;
use host::anchor::{Anchorer, Settings, Step, key_of};
use host::store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Anchors roots until it is dropped.
#[derive(Debug)]
pub(crate) struct Anchoring {
    task: JoinHandle<()>,
    /// The chain.
    pub(crate) chain_id: u64,
    /// The account that pays.
    pub(crate) sender: String,
}

impl Drop for Anchoring {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts it; nothing where no node is named. Within a tokio runtime.
pub(crate) fn start(keys: &AnchorKeys, store: &Arc<dyn Store>) -> Result<Option<Anchoring>, Failure> {
    let Some(url) = &keys.rpc_url else { return Ok(None) };
    let Some(file) = &keys.key_file else {
        return Err(Failure::say(format_args!("anchor.key_file: a node is named, but no key that signs")));
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        let context = format!("anchor.key_file: cannot read {}", file.display());
        Failure::Usage(anyhow::Error::new(error).context(context))
    })?;
    let key = key_of(&text).map_err(|error| Failure::say(format_args!("anchor.key_file: {error}")))?;
    let node =
        api::evm::Node::at(url).map_err(|error| Failure::say(format_args!("anchor.rpc_url: {error}")))?;
    let settings = Settings { chain_id: keys.chain_id, key, confirmations: keys.confirmations };
    let anchorer = Anchorer::new(store.clone(), Arc::new(node), settings);
    let sender = anchorer.address().to_string();
    let interval = Duration::from_secs_f64(keys.interval_s);
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            match anchorer.step(host::platform::clock::Clock::wall().now()).await {
                Ok(Step::Sent(anchor)) => {
                    tracing::info!(number = anchor.number, transaction = %anchor.transaction, "a root was sent");
                }
                Ok(Step::Anchored(anchor)) => {
                    tracing::info!(number = anchor.number, transaction = %anchor.transaction, "a root is anchored");
                }
                Ok(Step::Waiting(_) | Step::Nothing) => {}
                Err(error) => tracing::warn!(%error, "no root was anchored; once more in a while"),
            }
        }
    });
    Ok(Some(Anchoring { task, chain_id: keys.chain_id, sender }))
}
