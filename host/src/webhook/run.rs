//! Delivering: what is due is tried, and what becomes of it is kept.

use super::endpoint::Endpoint;
use super::queue::DeliveryRecord;
use super::{Inner, WebhookError, sign};
use crate::store::StoreError;
use crate::store::ledger::{self, Fact};
use crate::store::records::{By, Collection, Expect, RecordChange, Versioned, Within};
use serde_json::{Value, json};
use std::sync::Arc;
use twin::time::Time;

/// What could not be written is tried again after so long [ms].
const AGAIN_MS: i64 = 10_000;
/// Dead deliveries that are looked at with each new one.
const SWEPT: usize = 32;

/// Delivers, for as long as there is somebody who may want it.
pub(super) async fn run(inner: Arc<Inner>) {
    loop {
        let first = inner.lanes().first();
        let Some(first) = first else {
            inner.sooner.notified().await;
            continue;
        };
        tokio::select! {
            () = inner.clock.until(first) => {}
            () = inner.sooner.notified() => continue,
        }
        let Ok(hand) = inner.hands.clone().acquire_owned().await else { return };
        let taken = inner.lanes().take(inner.clock.now());
        let Some(delivery) = taken else { continue };
        let inner = inner.clone();
        tokio::spawn(async move {
            carry(&inner, delivery).await;
            inner.sooner.notify_one();
            drop(hand);
        });
    }
}

async fn carry(inner: &Inner, delivery: Versioned<DeliveryRecord>) {
    let Some(endpoint) = inner.endpoint(&delivery.value.endpoint) else {
        // Removed meanwhile, and its deliveries with it.
        inner.lanes().end(&delivery.value, None);
        return;
    };
    let parcel = sign::parcel(&endpoint, &delivery.value, inner.clock.now());
    let outcome = inner.deliverer.deliver(parcel).await;
    let kept = match sign::reason(&outcome) {
        None => taken(inner, &delivery, &endpoint).await.map(|()| None),
        Some(why) => failed(inner, &delivery, &endpoint, why).await,
    };
    match kept {
        Ok(again) => inner.lanes().end(&delivery.value, again),
        Err(WebhookError::Store(StoreError::RecordChanged { .. })) => {
            inner.lanes().end(&delivery.value, None);
        }
        Err(error) => {
            tracing::warn!(endpoint = %endpoint.id, %error, "what became of a delivery could not be kept");
            let mut again = delivery.clone();
            again.value.next_at = inner.clock.now() + AGAIN_MS;
            inner.lanes().end(&delivery.value, Some(again));
        }
    }
}

async fn keep(
    inner: &Inner,
    delivery: &DeliveryRecord,
    kind: &str,
    detail: Value,
    records: Vec<RecordChange>,
) -> Result<(), WebhookError> {
    let entity = format!("webhook/{}", delivery.endpoint);
    let fact = Fact { entity: &entity, kind, by: "platform", at: inner.clock.now(), detail };
    ledger::keep(inner.store.as_ref(), fact, records).await?;
    Ok(())
}

async fn taken(
    inner: &Inner,
    delivery: &Versioned<DeliveryRecord>,
    endpoint: &Endpoint,
) -> Result<(), WebhookError> {
    metrics::counter!("celltide_webhooks_taken_total").increment(1);
    let Versioned { value, version } = delivery;
    let gone = RecordChange::delete::<DeliveryRecord>(key(value), Expect::Version(*version));
    let detail = json!({ "id": value.id(), "event": value.event, "attempts": value.attempts + 1 });
    keep(inner, value, "delivery.taken", detail, vec![gone]).await?;
    if endpoint.dead_in_row > 0 {
        change(inner, &endpoint.id, "webhook.recovered", |endpoint| endpoint.dead_in_row = 0).await?;
    }
    Ok(())
}

fn key(delivery: &DeliveryRecord) -> String {
    crate::store::records::Record::key(delivery)
}

/// A try failed: it waits again, or is dead.
async fn failed(
    inner: &Inner,
    delivery: &Versioned<DeliveryRecord>,
    endpoint: &Endpoint,
    why: String,
) -> Result<Option<Versioned<DeliveryRecord>>, WebhookError> {
    metrics::counter!("celltide_webhooks_failed_total").increment(1);
    let Versioned { value: before, version } = delivery;
    let now = inner.clock.now();
    let wait_ms = inner.settings.waits_ms.get(before.attempts as usize).copied();
    let next_at = wait_ms.map(|wait_ms| now + jittered(inner, wait_ms));
    let value = DeliveryRecord {
        attempts: before.attempts + 1,
        next_at: next_at.unwrap_or(now),
        failed: Some(why.clone()),
        dead_at: next_at.is_none().then_some(now),
        ..before.clone()
    };
    let put = RecordChange::put(&value, Expect::Version(*version))?;
    let detail = json!({ "id": value.id(), "event": value.event, "attempts": value.attempts, "why": why });
    if next_at.is_some() {
        keep(inner, &value, "delivery.failed", detail, vec![put]).await?;
        return Ok(Some(Versioned { value, version: version + 1 }));
    }
    let mut records = vec![put];
    records.extend(old(inner, &value.endpoint, now).await?);
    keep(inner, &value, "delivery.dead", detail, records).await?;
    metrics::counter!("celltide_webhooks_dead_total").increment(1);
    tracing::warn!(endpoint = %endpoint.id, event = value.event, why, "a delivery was given up");
    let most = inner.settings.dead_in_row_max;
    let disabled = change(inner, &endpoint.id, "webhook.dead", |endpoint| {
        endpoint.dead_in_row += 1;
        if endpoint.dead_in_row >= most && endpoint.disabled.is_none() {
            let why = format!("{most} deliveries in a row were given up; the last: {why}");
            endpoint.disabled = Some((now, why));
        }
    });
    if disabled.await?.is_some_and(|endpoint| endpoint.disabled.is_some()) {
        disable(inner, &value, now).await?;
    }
    Ok(None)
}

/// What waits for an endpoint that was disabled is dead.
async fn disable(inner: &Inner, last: &DeliveryRecord, now: Time) -> Result<(), WebhookError> {
    let waiting = inner.lanes().take_all(&last.endpoint);
    let mut records = Vec::with_capacity(waiting.len());
    for Versioned { value, version } in waiting.into_iter().filter(|one| one.value.number != last.number) {
        let failed = Some("the endpoint was disabled".to_owned());
        let dead = DeliveryRecord { dead_at: Some(now), failed, ..value };
        records.push(RecordChange::put(&dead, Expect::Version(version))?);
    }
    metrics::counter!("celltide_webhooks_disabled_total").increment(1);
    tracing::warn!(endpoint = %last.endpoint, waiting = records.len(), "an endpoint was disabled");
    let detail = json!({ "waiting": records.len() });
    keep(inner, last, "webhook.disabled", detail, records).await
}

/// Dead deliveries of an endpoint that were kept long enough.
async fn old(inner: &Inner, endpoint: &str, now: Time) -> Result<Vec<RecordChange>, WebhookError> {
    let deliveries = Collection::<DeliveryRecord, _>::of(inner.store.as_ref());
    let within = Within::Exactly(endpoint.as_bytes().to_vec());
    let (page, _) = deliveries.page(By::Index("dead".to_owned()), within, SWEPT, None).await?;
    let is_old = |one: &Versioned<DeliveryRecord>| {
        one.value.dead_at.is_some_and(|dead_at| now - dead_at > inner.settings.dead_kept_ms)
    };
    let old = page.into_iter().filter(is_old);
    Ok(old
        .map(|one| RecordChange::delete::<DeliveryRecord>(key(&one.value), Expect::Version(one.version)))
        .collect())
}

/// Changes an endpoint as it stands now; nothing where it is gone.
async fn change(
    inner: &Inner,
    id: &str,
    kind: &str,
    change: impl Fn(&mut Endpoint),
) -> Result<Option<Endpoint>, WebhookError> {
    loop {
        let Some(Versioned { value: mut endpoint, version }) = inner.kept_endpoint(id).await? else {
            return Ok(None);
        };
        change(&mut endpoint);
        let entity = format!("webhook/{id}");
        let detail = json!({ "dead_in_row": endpoint.dead_in_row });
        let fact = Fact { entity: &entity, kind, by: "platform", at: inner.clock.now(), detail };
        let put = inner.put(&endpoint, Expect::Version(version))?;
        match ledger::keep(inner.store.as_ref(), fact, vec![put]).await {
            Ok(_) => {
                inner.note_endpoint(endpoint.clone());
                return Ok(Some(endpoint));
            }
            Err(StoreError::RecordChanged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A wait, longer or shorter by chance, so that many that failed together do not come back together.
fn jittered(inner: &Inner, wait_ms: i64) -> i64 {
    let mut bytes = [0; 8];
    // Without randomness they come back together, which is no reason not to come back.
    let drawn =
        inner.entropy.fill(&mut bytes).map_or(0.5, |()| u64::from_be_bytes(bytes) as f64 / u64::MAX as f64);
    let factor = 1.0 + inner.settings.jitter * (2.0 * drawn - 1.0);
    (wait_ms as f64 * factor).round() as i64
}
