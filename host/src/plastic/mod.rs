//! Plastic from the sea: the application. Who may want what of batches, devices, facilities, figures and reports.
//!
//! ```text
//!  doors ──► Plastic ──► rules of twin::plastic (custody, stations, impact) ──► one commit: records, fact, deliveries
//!               │                                                                 └──► Index, news, webhooks
//!               ├──► Platform: a vessel twin behind each device, a facility twin behind each facility
//!               └──► Outside: how a family spells events, how a report becomes a file
//! ```
//!
//! One method per thing that a caller can want. What is decided is decided on the batch alone, as it is kept; who was
//! slower decides again. Figures are computed from batches and twins whenever they are asked for.

mod analytics;
mod batches;
mod devices;
mod effort;
mod error;
mod events;
mod facilities;
mod index;
mod presence;
mod record;
mod report;
mod reports;
mod search;
mod subscriptions;

pub use analytics::{Bucket, CollectionStats, Environmental, GroupBy, Window};
pub use batches::{BatchSight, Leg, NewBatch, NewStatus, Page};
pub use devices::{DeviceSight, DeviceState, NewDevice, SensorReport};
pub use effort::Effort;
pub use error::{Flaw, PlasticError};
pub use events::{Event, FAMILY, News, Outside};
pub use facilities::{Arrival, FacilityCount, NewFacility, Received};
pub use index::WhichBatches;
pub use record::{Declared, DeclaredPart, Device, Facility, Report, ReportState};
pub use report::{NewReport, ReportData, ReportFormat, ReportKind};
pub use reports::Link;
pub use search::{Found, Search};

use crate::identity::{Caller, Entropy, Identity, Subject, Visibility};
use crate::platform::Platform;
use crate::platform::clock::Clock;
use crate::store::ledger::{self, Fact};
use crate::store::records::{By, Collection, Record, RecordChange, Versioned, Within};
use crate::store::{Store, StoreError};
use crate::webhook::Webhooks;
use facilities::Queues;
use index::Index;
use record::BatchRecord;
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::{MutexGuard, OnceCell, broadcast};
use tokio::task::JoinHandle;
use twin::plastic::custody::MassLedger;
use twin::time::Time;

/// Records that are read at a time.
const PAGE: usize = 1_000;
/// Turns that batches and devices share, by their names.
const TURNS: usize = 64;
/// News that a listener may be behind before it misses some.
const BEHIND: usize = 1_024;
/// A report may be dated so far ahead, for clocks differ [ms].
const AHEAD_MS: i64 = 5 * 60_000;
/// How often something that somebody else was quicker with is decided again.
const TRIES: usize = 8;

/// How it is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How long a report's file is kept [ms].
    pub report_kept_ms: i64,
    /// A device is offline after so long without a word [ms].
    pub silence_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { report_kept_ms: 7 * twin::time::DAY_MS, silence_ms: 900_000 }
    }
}

/// What it is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The twins.
    pub platform: Platform,
    /// Who devices are.
    pub identity: Identity,
    /// Who is told of what happens.
    pub webhooks: Webhooks,
    /// How events are spelled and reports look.
    pub outside: Arc<dyn Outside>,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Randomness for keys.
    pub entropy: Arc<dyn Entropy>,
}

/// Plastic from the sea. Clones are the same.
#[derive(Debug, Clone)]
pub struct Plastic(Arc<Inner>, Arc<Tasks>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    settings: Settings,
    clock: Clock,
    index: RwLock<Index>,
    filled: OnceCell<()>,
    turns: Vec<tokio::sync::Mutex<()>>,
    queues: tokio::sync::Mutex<Queues>,
    /// One report at a time.
    desk: tokio::sync::Semaphore,
    link_key: OnceCell<String>,
    news: broadcast::Sender<Arc<News>>,
    /// Set once somebody looks after devices' presence.
    watched: OnceCell<()>,
}

/// What runs beside; it ends with the last clone.
#[derive(Debug, Default)]
struct Tasks(Mutex<Vec<JoinHandle<()>>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        let tasks = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Plastic {
    /// Plastic over a platform. Reports that were under way are made anew. Within a tokio runtime.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(parts: Parts, settings: Settings) -> Result<Self, PlasticError> {
        let clock = parts.platform.clock().clone();
        let plastic = Self(
            Arc::new(Inner {
                parts,
                settings,
                clock,
                index: RwLock::default(),
                filled: OnceCell::new(),
                turns: (0..TURNS).map(|_| tokio::sync::Mutex::default()).collect(),
                queues: tokio::sync::Mutex::default(),
                desk: tokio::sync::Semaphore::new(1),
                link_key: OnceCell::new(),
                news: broadcast::Sender::new(BEHIND),
                watched: OnceCell::new(),
            }),
            Arc::default(),
        );
        let tasks = reports::begin(&plastic.0).await?;
        plastic.1.0.lock().unwrap_or_else(PoisonError::into_inner).extend(tasks);
        Ok(plastic)
    }

    /// News from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<News>> {
        self.0.news.subscribe()
    }

    /// What time it is for batches and devices.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where all mass that was ever registered is now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ledger(&self, caller: &Caller) -> Result<MassLedger, PlasticError> {
        let visible = Visibility::of(caller);
        let index = self.0.index().await?;
        let mut sum = MassLedger::default();
        index.rows().filter(|row| row.is_seen_by(&visible)).for_each(|row| sum.add(&row.ledger));
        Ok(sum)
    }
}

impl Inner {
    fn store(&self) -> &dyn Store {
        self.parts.store.as_ref()
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    fn all<T: Record>(&self) -> Collection<'_, T, dyn Store + '_> {
        Collection::of(self.store())
    }

    /// Everything at a glance. Not across an await: whoever changes something waits meanwhile.
    async fn index(&self) -> Result<RwLockReadGuard<'_, Index>, PlasticError> {
        self.ready().await?;
        Ok(self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sees to it that everything was read.
    async fn ready(&self) -> Result<(), PlasticError> {
        self.filled.get_or_try_init(|| self.fill()).await.map(drop)
    }

    /// The same to be changed; after [`Inner::ready`].
    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn every<T: Record>(&self) -> Result<Vec<Versioned<T>>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.all::<T>().page(By::Key, Within::All, PAGE, after).await?;
            found.extend(page);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }

    async fn fill(&self) -> Result<(), PlasticError> {
        let devices = self.every::<Device>().await?;
        let facilities = self.every::<Facility>().await?;
        let batches = self.every::<BatchRecord>().await?;
        let mut index = self.index_mut();
        for device in devices {
            index.by_twin.insert(device.value.twin, device.value.id.clone());
            index.devices.insert(device.value.id.clone(), Arc::new(device.value));
        }
        for facility in facilities {
            index.facilities.insert(facility.value.id.clone(), Arc::new(facility.value));
        }
        index.fill(batches.into_iter().map(|batch| (batch.value, batch.version)));
        Ok(())
    }

    /// Whoever changes something of a name, one after another.
    async fn turn(&self, name: &impl Hash) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        self.turns[hasher.finish() as usize % TURNS].lock().await
    }

    /// Keeps records with the fact that explains them, and tells of it.
    async fn keep(
        &self,
        act: Act<'_>,
        records: Vec<RecordChange>,
        events: &[Told<'_>],
    ) -> Result<(), StoreError> {
        let Act { entity, kind, by, detail } = act;
        let at = self.now();
        let (prepared, news) = self.prepared(events, at);
        let mut all = records;
        all.extend(prepared.records()?);
        let fact = Fact { entity, kind, by, at, detail };
        ledger::keep(self.store(), fact, all).await?;
        self.parts.webhooks.release(prepared);
        for news in news {
            // Nobody listening is no failure.
            let _ = self.news.send(Arc::new(news));
        }
        Ok(())
    }
}

/// What is done, and by whom.
#[derive(Debug, Clone)]
struct Act<'a> {
    entity: &'a str,
    kind: &'a str,
    by: &'a str,
    detail: Value,
}

/// An event, and whose thing it is about.
struct Told<'a> {
    event: Event<'a>,
    owners: &'a [Arc<str>],
}

/// The name of the device that calls, where it is one.
fn device_of(caller: &Caller) -> Option<&Arc<str>> {
    match &caller.subject {
        Subject::Device(device) => Some(&device.id),
        Subject::User(_) | Subject::Client(_) => None,
    }
}

/// Groups by name what was listed one by one.
fn counted<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    keys.fold(HashMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}
