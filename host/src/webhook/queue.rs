//! Deliveries as they are kept: each with its body, its number, and how often it was tried.

use super::lanes::Lanes;
use super::{Webhooks, sign};
use crate::store::medium::Direction;
use crate::store::records::{By, Collection, Expect, Indexed, Record, RecordChange, Scan, Versioned, Within};
use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use twin::time::Time;

/// Records that are read at a time.
const PAGE: usize = 1_000;

/// More deliveries than one entry of the journal ever comes with.
const NUMBERS_PER_ENTRY: u64 = 1_000_000;

/// What is passing takes at most this part of the room for what waits.
const PASSING_SHARE: usize = 10;

/// Whether somebody must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Must,
    Passing,
}

/// Something that happened, for whoever wants to be told.
#[derive(Debug, Clone)]
pub struct Happened<'a> {
    /// Family of the event.
    pub family: &'a str,
    /// Its name.
    pub event: &'a str,
    /// What it is about: events of one subject come in order.
    pub subject: &'a str,
    /// Organisations whose thing it is about.
    pub organisations: &'a [Arc<str>],
    /// When.
    pub at: Time,
    /// What is told of it.
    pub data: &'a Value,
}

/// A delivery on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeliveryRecord {
    pub(super) number: u64,
    pub(super) endpoint: Arc<str>,
    pub(super) subject: String,
    pub(super) event: String,
    pub(super) at: Time,
    pub(super) unsigned: String,
    pub(super) attempts: u32,
    pub(super) next_at: Time,
    pub(super) failed: Option<String>,
    pub(super) dead_at: Option<Time>,
}

impl Record for DeliveryRecord {
    const COLLECTION: &'static str = "webhook_deliveries";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.number)
    }

    fn indexed(&self) -> Indexed {
        match self.dead_at {
            Some(_) => Indexed::default().shared("dead", self.endpoint.as_bytes()),
            None => Indexed::default().shared("waiting", self.endpoint.as_bytes()),
        }
    }
}

fn key(number: u64) -> String {
    format!("{number:020}")
}

impl DeliveryRecord {
    /// The id that it has at every try.
    pub(super) fn id(&self) -> String {
        format!("whd-{}-{}", self.endpoint, self.number)
    }

    pub(super) fn shown(self) -> Delivery {
        Delivery {
            id: self.id(),
            event: self.event,
            subject: self.subject,
            at: self.at,
            attempts: self.attempts,
            dead_at: self.dead_at,
            why: self.failed,
        }
    }
}

/// A delivery, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// What happened.
    pub event: String,
    /// What it is about.
    pub subject: String,
    /// When.
    pub at: Time,
    /// Tries so far.
    pub attempts: u32,
    /// When it was given up.
    pub dead_at: Option<Time>,
    /// Why the last try failed.
    pub why: Option<String>,
}

/// Deliveries that are not durable yet: to be committed with what they tell of, then released.
#[derive(Debug, Default)]
#[must_use = "deliveries are sent once they are released"]
pub struct Prepared(Vec<DeliveryRecord>);

impl Prepared {
    /// The records, for the change that they tell of.
    ///
    /// # Errors
    /// When one cannot be written as bytes.
    pub fn records(&self) -> Result<Vec<RecordChange>, StoreError> {
        self.0.iter().map(|delivery| RecordChange::put(delivery, Expect::Absent)).collect()
    }

    /// Whether nobody is to be told.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and those, in this order.
    pub fn and(mut self, other: Prepared) -> Prepared {
        self.0.extend(other.0);
        self
    }
}

impl Webhooks {
    /// A delivery for each endpoint that wants to be told.
    pub fn prepare(&self, happened: &Happened<'_>) -> Prepared {
        self.prepared(happened, Weight::Must)
    }

    /// The same of what is soon overtaken by the next of its kind: who is far behind is not told of it, so that it takes no
    /// room from what must be told.
    pub fn prepare_passing(&self, happened: &Happened<'_>) -> Prepared {
        self.prepared(happened, Weight::Passing)
    }

    fn prepared(&self, happened: &Happened<'_>, weight: Weight) -> Prepared {
        let Happened { family, event, subject, organisations, at, data } = *happened;
        let now = self.0.clock.now();
        let endpoints = self.0.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let mut wanting: Vec<_> =
            endpoints.values().filter(|one| one.wants(family, event, organisations)).collect();
        if wanting.is_empty() {
            return Prepared::default();
        }
        wanting.sort_by(|a, b| a.id.cmp(&b.id));
        let unsigned = sign::unsigned(event, at, data);
        let lanes = self.0.lanes();
        let waiting_max = self.0.settings.waiting_max;
        let deliveries = wanting.into_iter().filter_map(|endpoint| {
            let waiting = lanes.count(&endpoint.id);
            if weight == Weight::Passing && waiting >= waiting_max / PASSING_SHARE {
                metrics::counter!("celltide_webhooks_passed_over_total").increment(1);
                return None;
            }
            // Who takes nothing must not fill the store.
            let is_full = waiting >= waiting_max;
            Some(DeliveryRecord {
                number: self.0.next.fetch_add(1, Ordering::Relaxed),
                endpoint: endpoint.id.clone(),
                subject: subject.to_owned(),
                event: event.to_owned(),
                at,
                unsigned: unsigned.clone(),
                attempts: 0,
                next_at: now,
                failed: is_full.then(|| "too many wait already".to_owned()),
                dead_at: is_full.then_some(now),
            })
        });
        Prepared(deliveries.collect())
    }

    /// Sends what was prepared and is durable now.
    pub fn release(&self, prepared: Prepared) {
        let mut lanes = self.0.lanes();
        for delivery in prepared.0.into_iter().filter(|delivery| delivery.dead_at.is_none()) {
            lanes.add(Versioned { value: delivery, version: 1 });
        }
        drop(lanes);
        self.0.sooner.notify_one();
    }
}

/// Number of the first delivery from now on. A number is never given twice, though deliveries that were taken are gone: it
/// is above all that are kept, and above so many for each entry of the journal as no entry ever came with.
pub(super) async fn first(store: &dyn Store) -> Result<u64, StoreError> {
    let scan = Scan { direction: Direction::Backward, ..Scan::all(DeliveryRecord::COLLECTION, 1) };
    let page = store.records(scan).await?;
    let last: u64 = page.records.first().and_then(|last| last.key.parse().ok()).unwrap_or(0);
    let entries = store.head().await?.sequence.0;
    Ok(last.max(entries.saturating_mul(NUMBERS_PER_ENTRY)) + 1)
}

/// Everything that waits.
pub(super) async fn waiting(store: &dyn Store) -> Result<Lanes, StoreError> {
    let deliveries = Collection::<DeliveryRecord, _>::of(store);
    let (mut lanes, mut after) = (Lanes::default(), None);
    loop {
        let (page, next) = deliveries.page(By::Index("waiting".to_owned()), Within::All, PAGE, after).await?;
        page.into_iter().for_each(|delivery| lanes.add(delivery));
        match next {
            Some(next) => after = Some(next),
            None => return Ok(lanes),
        }
    }
}
