//! How endpoints and deliveries look in any family; what a family calls an endpoint and its address is its own.

use crate::when::in_seconds;
use host::webhook::{Delivery, Endpoint};
use serde_json::{Map, Value, json};

/// How an endpoint stands: `events`, `created`, `status`, and where it is disabled since when and why.
pub(crate) fn standing(endpoint: &Endpoint) -> Map<String, Value> {
    let status = if endpoint.disabled.is_some() { "disabled" } else { "active" };
    let mut told = Map::from_iter([
        ("events".to_owned(), json!(endpoint.events)),
        ("created".to_owned(), json!(in_seconds(endpoint.created))),
        ("status".to_owned(), json!(status)),
    ]);
    if let Some((at, why)) = &endpoint.disabled {
        told.insert("disabledAt".to_owned(), json!(in_seconds(*at)));
        told.insert("disabledReason".to_owned(), json!(why));
    }
    told
}

/// What waits, and what was given up: `waiting`, `dead`.
pub(crate) fn deliveries(waiting: usize, dead: Vec<Delivery>) -> Map<String, Value> {
    let dead = dead.into_iter().map(|delivery| {
        json!({
            "id": delivery.id, "event": delivery.event, "subject": delivery.subject,
            "timestamp": in_seconds(delivery.at), "attempts": delivery.attempts,
            "deadAt": delivery.dead_at.map(in_seconds), "reason": delivery.why,
        })
    });
    Map::from_iter([
        ("waiting".to_owned(), json!(waiting)),
        ("dead".to_owned(), Value::Array(dead.collect())),
    ])
}
