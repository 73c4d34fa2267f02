//! A node of an EVM chain over HTTP: JSON-RPC 2.0, one call a request.

use crate::client::http_client;
use host::anchor::{Rpc, RpcAnswer, RpcError};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a node may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest answer that is read.
const ANSWER_MAX_BYTES: usize = 4 << 20;

/// A node by its address.
#[derive(Debug, Clone)]
pub struct Node {
    http: reqwest::Client,
    url: reqwest::Url,
}

impl Node {
    /// The node at an `http` or `https` address.
    ///
    /// # Errors
    /// When it is no such address.
    pub fn at(url: &str) -> Result<Self, RpcError> {
        let read = reqwest::Url::parse(url).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        let url = read.ok_or_else(|| RpcError::Unheard { detail: "that is no http address".to_owned() })?;
        Ok(Self { http: http_client(), url })
    }
}

/// The address may hold a secret, so it is left out.
fn unheard(error: &reqwest::Error) -> RpcError {
    let detail = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "it took too long".to_owned(),
        (_, true) => "it cannot be connected to".to_owned(),
        _ => error.status().map_or_else(|| "the exchange broke off".to_owned(), |status| status.to_string()),
    };
    RpcError::Unheard { detail }
}

impl Rpc for Node {
    fn call(&self, method: &'static str, params: Value) -> RpcAnswer {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.http.post(self.url.clone()).timeout(TIMEOUT).json(&body);
        Box::pin(async move {
            let response = request.send().await.map_err(|error| unheard(&error))?;
            let status = response.status();
            let bytes = response.bytes().await.map_err(|error| unheard(&error))?;
            if bytes.len() > ANSWER_MAX_BYTES {
                return Err(RpcError::Unheard { detail: "its answer is too long".to_owned() });
            }
            // Nodes answer refusals with 200 or 4xx; what counts is the body.
            let mut answer: Value = serde_json::from_slice(&bytes).map_err(|_| RpcError::Unheard {
                detail: format!("its answer is no JSON, status {status}"),
            })?;
            if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
                let code = error["code"].as_i64().unwrap_or_default();
                let message = error["message"].as_str().unwrap_or("no reason").to_owned();
                return Err(RpcError::Refused { code, message });
            }
            match answer.get_mut("result") {
                Some(result) => Ok(result.take()),
                None => {
                    Err(RpcError::Unheard { detail: format!("its answer has no result, status {status}") })
                }
            }
        })
    }
}
