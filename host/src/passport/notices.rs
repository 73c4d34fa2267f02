//! Who is told of what happens to batteries: endpoints of the webhooks, under this family's events.
//!
//! ```text
//!  journal: facts of passports, alerts of twins ──from a place on──► spelled ──► one commit: deliveries, the place after
//!  bus: readings ──of each battery the latest, every ten seconds──► deliveries that may be passed over
//! ```
//!
//! What is told is read from the journal, from a place on that is kept together with the deliveries. So every fact is told
//! of once, in the order of the journal, whichever door it came through; after a stop or a crash it goes on where it was.
//! Readings are no facts: they come from the bus, and who is far behind misses some.

use super::outward::{FACTS, FAMILY, Outward, TELEMETRY, TOLD, Told, event_name};
use super::record::Passport;
use super::{PassportError, Passports};
use crate::identity::{Action, Caller, policy};
use crate::platform::TwinId;
use crate::platform::bus::{Filter, Heard, Listener, News};
use crate::platform::door::Kind;
use crate::store::Sequence;
use crate::store::journal::Entry;
use crate::store::ledger::{self, Fact};
use crate::store::records::{Collection, Expect, Record, RecordChange};
use crate::webhook::{Delivery, Endpoint, Happened, Prepared, Subscriptions, Webhooks};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::task::JoinHandle;
use twin::time::Time;

/// Names of webhooks begin so.
const PREFIX: &str = "WH-";
/// How often it is looked for facts that nobody called for: alerts come from twins, which know nothing of this.
const TICK: Duration = Duration::from_secs(1);
/// Facts that are read at a time.
const PAGE: usize = 500;
/// After so many facts the place is kept, deliveries or none.
const FAR: u64 = 10_000;
/// A battery's readings are told of once in this time [ms].
const READINGS_EVERY_MS: i64 = 10_000;
/// Batteries whose readings are told of at a time.
const READINGS_AT_ONCE: usize = 500;
/// Batteries of which it is remembered when their readings were told.
const REMEMBERED: usize = 100_000;
/// Whose facts the place in the journal is.
const ENTITY: &str = "passport-notices";

/// Place in the journal from which on nothing was told yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    next: u64,
}

impl Record for Place {
    const COLLECTION: &'static str = "passport_notices";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        KEY.to_owned()
    }
}

const KEY: &str = "journal";

/// The place as it is known here, and as it is kept.
#[derive(Debug, Default)]
struct Reading {
    next: Option<u64>,
    kept: u64,
}

/// Who is told of batteries. Clones are the same.
#[derive(Debug, Clone)]
pub struct Notices(Arc<Inner>, #[allow(dead_code, reason = "held for its end")] Arc<Reader>);

#[derive(Debug)]
struct Inner {
    passports: Passports,
    webhooks: Webhooks,
    outward: Arc<dyn Outward>,
    /// Whoever reads on, or moves the place.
    turn: tokio::sync::Mutex<Reading>,
    readings: Mutex<Readings>,
}

/// Readings that were heard.
#[derive(Debug, Default)]
struct Readings {
    latest: HashMap<TwinId, Arc<News>>,
    told: HashMap<TwinId, Time>,
}

/// The task that reads; it ends with the last clone.
#[derive(Debug)]
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn hear(listener: &mut Option<Listener>) -> Option<Heard> {
    match listener {
        Some(listener) => listener.heard().await,
        None => pending().await,
    }
}

/// Reads on, for as long as there is somebody who may want it.
async fn run(inner: Weak<Inner>, passports: Passports) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut listener = None;
    loop {
        let is_time = tokio::select! {
            () = passports.changed.notified() => false,
            _ = tick.tick() => true,
            heard = hear(&mut listener) => {
                let Some(inner) = inner.upgrade() else { return };
                match heard {
                    Some(Heard::News(news)) => {
                        let mut readings = inner.readings.lock().unwrap_or_else(PoisonError::into_inner);
                        readings.latest.insert(news.twin, news);
                    }
                    Some(Heard::Missed(count)) => {
                        metrics::counter!("celltide_passport_readings_missed_total").increment(count);
                    }
                    None => listener = None,
                }
                continue;
            }
        };
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = inner.read_on().await {
            tracing::warn!(%error, "events of batteries could not be told; once more in a second");
        }
        if is_time {
            // A listener makes twins write news; there is none where nobody wants them.
            let is_wanted = inner.webhooks.is_wanted(FAMILY, &[TELEMETRY]);
            if is_wanted != listener.is_some() {
                let filter = Filter {
                    kinds: vec![Kind::Battery],
                    events: vec![TELEMETRY.to_owned()],
                    ..Filter::default()
                };
                listener = is_wanted.then(|| passports.platform().listen_to(filter));
            }
            if let Err(error) = inner.tell_readings().await {
                tracing::warn!(%error, "readings of batteries could not be told");
            }
        }
    }
}

impl Inner {
    /// The place from which on nothing was told yet.
    async fn place(&self, reading: &mut Reading) -> Result<u64, PassportError> {
        if let Some(next) = reading.next {
            return Ok(next);
        }
        let store = self.passports.platform().store();
        let kept = Collection::<Place, _>::of(store.as_ref()).get(KEY).await?;
        let next = match kept {
            Some(kept) => kept.value.next,
            None => store.head().await?.sequence.next().0,
        };
        *reading = Reading { next: Some(next), kept: next };
        Ok(next)
    }

    /// Keeps deliveries together with the place after what they tell of, and sends them.
    async fn keep(&self, reading: &mut Reading, next: u64, prepared: Prepared) -> Result<(), PassportError> {
        let mut records = prepared.records()?;
        let detail = json!({ "next": next, "deliveries": records.len() });
        records.push(RecordChange::put(&Place { next }, Expect::Anything)?);
        self.keep_fact("facts.told", detail, records).await?;
        *reading = Reading { next: Some(next), kept: next };
        self.webhooks.release(prepared);
        Ok(())
    }

    async fn keep_fact(
        &self,
        kind: &str,
        detail: Value,
        records: Vec<RecordChange>,
    ) -> Result<(), PassportError> {
        let at = self.passports.now();
        let fact = Fact { entity: ENTITY, kind, by: "platform", at, detail };
        ledger::keep(self.passports.platform().store().as_ref(), fact, records).await?;
        Ok(())
    }

    /// Before an endpoint is there: all so far is told to whoever was there, and the place is kept. Where nobody was, nobody
    /// reads on until the endpoint is.
    async fn begin(&self) -> Result<(), PassportError> {
        let reading = &mut *self.turn.lock().await;
        let next = if self.webhooks.is_wanted(FAMILY, &FACTS) {
            self.read_up(reading).await?;
            self.place(reading).await?
        } else {
            self.passports.platform().store().head().await?.sequence.next().0
        };
        self.keep(reading, next, Prepared::default()).await
    }

    /// Tells of all facts up to the present end of the journal, where anybody wants any.
    async fn read_on(&self) -> Result<(), PassportError> {
        let mut reading = self.turn.lock().await;
        if !self.webhooks.is_wanted(FAMILY, &FACTS) {
            return Ok(());
        }
        self.read_up(&mut reading).await
    }

    async fn read_up(&self, reading: &mut Reading) -> Result<(), PassportError> {
        loop {
            let first = self.place(reading).await?;
            let page = self.passports.platform().store().entries(Sequence(first), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            let next = last.sequence.next().0;
            let mut prepared = Prepared::default();
            for entry in &page {
                prepared = prepared.and(self.prepared(entry).await?);
            }
            // The place itself is a fact as well: without deliveries it is worth keeping only now and then.
            if prepared.is_empty() && next < reading.kept + FAR {
                reading.next = Some(next);
            } else {
                self.keep(reading, next, prepared).await?;
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// The passport that a fact is about.
    async fn passport_of(&self, entry: &Entry) -> Result<Option<Passport>, PassportError> {
        let entity = entry.entity.as_str();
        if let Some(id) = entity.strip_prefix("passport/") {
            return Ok(self.passports.passports().get(id).await?.map(|found| found.value));
        }
        match entity.parse::<TwinId>() {
            Ok(twin) => self.passports.of_twin(twin).await,
            Err(_) => Ok(None),
        }
    }

    async fn prepared(&self, entry: &Entry) -> Result<Prepared, PassportError> {
        let Some(event) = event_name(&entry.kind) else { return Ok(Prepared::default()) };
        let Some(passport) = self.passport_of(entry).await? else { return Ok(Prepared::default()) };
        let detail: Value = serde_json::from_slice(&entry.payload).unwrap_or(Value::Null);
        let hash = format!("0x{}", entry.hash()?);
        let told =
            Told { passport: &passport, fact: &entry.kind, at: entry.at, detail: &detail, hash: &hash };
        let data = self.outward.fact(&told);
        Ok(self.webhooks.prepare(&Happened {
            family: FAMILY,
            event,
            subject: &passport.battery_id,
            organisations: passport.organisation.as_slice(),
            at: entry.at,
            data: &data,
        }))
    }

    /// Tells of the latest readings of batteries, of each now and then.
    async fn tell_readings(&self) -> Result<(), PassportError> {
        let now = self.passports.now();
        let due: Vec<Arc<News>> = {
            let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
            let Readings { latest, told } = &mut *readings;
            let is_due = |twin: &TwinId| told.get(twin).is_none_or(|at| now - *at >= READINGS_EVERY_MS);
            let due: Vec<TwinId> =
                latest.keys().filter(|twin| is_due(twin)).take(READINGS_AT_ONCE).copied().collect();
            if told.len() >= REMEMBERED {
                told.retain(|_, at| now - *at < READINGS_EVERY_MS);
            }
            due.into_iter()
                .filter_map(|twin| {
                    told.insert(twin, now);
                    latest.remove(&twin)
                })
                .collect()
        };
        let mut prepared = Prepared::default();
        for news in due {
            let Some(passport) = self.passports.of_twin(news.twin).await? else { continue };
            let data = self.outward.readings(&passport, &news);
            let happened = Happened {
                family: FAMILY,
                event: TELEMETRY,
                // By themselves: readings that are not taken hold up no alert.
                subject: &format!("{} {TELEMETRY}", passport.battery_id),
                organisations: passport.organisation.as_slice(),
                at: news.at,
                data: &data,
            };
            prepared = prepared.and(self.webhooks.prepare_passing(&happened));
        }
        if prepared.is_empty() {
            return Ok(());
        }
        let records = prepared.records()?;
        let detail = json!({ "deliveries": records.len() });
        self.keep_fact("readings.told", detail, records).await?;
        self.webhooks.release(prepared);
        Ok(())
    }
}

impl Notices {
    /// Tells of the batteries of some passports, from where it stopped on. Within a tokio runtime.
    pub fn open(passports: Passports, webhooks: Webhooks, outward: Arc<dyn Outward>) -> Self {
        let inner = Arc::new(Inner {
            passports: passports.clone(),
            webhooks,
            outward,
            turn: tokio::sync::Mutex::default(),
            readings: Mutex::default(),
        });
        let reader = tokio::spawn(run(Arc::downgrade(&inner), passports));
        Self(inner, Arc::new(Reader(reader)))
    }

    /// The passports that are told of.
    pub fn passports(&self) -> &Passports {
        &self.0.passports
    }

    /// Deliveries that tell of an operation that is over, to go with its record.
    pub(super) fn of_operation(&self, operation: &super::operation::Operation) -> Option<Prepared> {
        let data = self.0.outward.operation(operation);
        Some(self.0.webhooks.prepare(&Happened {
            family: FAMILY,
            event: operation.told_as()?,
            subject: &operation.id,
            organisations: operation.caller.organisation.as_slice(),
            at: operation.finished?,
            data: &data,
        }))
    }

    /// Sends what was prepared and is durable now.
    pub(super) fn release(&self, prepared: Prepared) {
        self.0.webhooks.release(prepared);
    }

    fn of(&self, caller: &Caller) -> Result<Subscriptions<'_>, PassportError> {
        policy::may_at_all(caller, Action::PassportWrite)?;
        Ok(Subscriptions { webhooks: &self.0.webhooks, family: FAMILY, prefix: PREFIX, events: &TOLD })
    }

    /// Tells an endpoint of events from now on.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn subscribe(
        &self,
        caller: &Caller,
        url: String,
        events: Vec<String>,
        secret: Option<String>,
    ) -> Result<Endpoint, PassportError> {
        let own = self.of(caller)?;
        self.0.begin().await?;
        Ok(own.add(caller, url, events, secret).await?.0)
    }

    /// Webhooks that the caller sees, in the order in which they were made.
    ///
    /// # Errors
    /// When the caller may not look at any.
    pub fn webhooks(&self, caller: &Caller) -> Result<Vec<Arc<Endpoint>>, PassportError> {
        Ok(self.of(caller)?.all(caller))
    }

    /// A webhook, how many deliveries wait for it, and those that were given up.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn webhook(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Arc<Endpoint>, usize, Vec<Delivery>), PassportError> {
        Ok(self.of(caller)?.one(caller, id).await?)
    }

    /// Gives a webhook another secret; the one before signs as well for a while.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn rotate(
        &self,
        caller: &Caller,
        id: &str,
        secret: Option<String>,
    ) -> Result<(Option<String>, Time), PassportError> {
        Ok(self.of(caller)?.rotate(caller, id, secret).await?)
    }

    /// Sends to a webhook again that was disabled.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn enable(&self, caller: &Caller, id: &str) -> Result<(), PassportError> {
        let own = self.of(caller)?;
        self.0.begin().await?;
        Ok(own.enable(caller, id).await?)
    }

    /// Ends a webhook.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn unsubscribe(&self, caller: &Caller, id: &str) -> Result<(), PassportError> {
        Ok(self.of(caller)?.remove(caller, id).await?)
    }
}
