//! Twins that are awake, waking them, and letting them sleep.
//!
//! ```text
//!  asleep, in the store ──first touch──► awake ──untouched, or too many awake──► snapshot ──► asleep
//! ```
//!
//! A twin is let go only when nobody has touched it since its snapshot was asked for and nobody holds it: so two actors
//! of one twin never work at a time.

use super::alerts::AlertRecord;
use super::command::CommandRecord;
use super::door::{Device, Kind, Unfit};
use super::error::PlatformError;
use super::facts::{Facts, Kept, SNAPSHOT_SCHEMA, Shown, subject};
use super::live::{LiveTwin, replayed};
use super::names::Names;
use super::registry::{TwinId, TwinRecord};
use super::{Core, happening};
use crate::actor::{Resident, Stage};
use crate::store::records::{By, Collection, Record, Versioned, Within};
use crate::store::{Entity, Revision};
use futures::StreamExt;
use serde_json::Value;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OnceCell};
use tokio::time::Instant;
use twin::time::Time;

/// Entries and records that are read at a time.
const PAGE: usize = 1_000;
/// How often a twin is read again when its store has gone on without it.
const TRIES: usize = 3;

/// Time between two twins that are looked at after a start [ms], and between pages of them.
const WATCH_APART_MS: i64 = 5;
const WATCH_PAUSE: Duration = Duration::from_millis(20);
/// Twins that are put to sleep at a time.
const TO_SLEEP: usize = 64;
/// Where too many are awake, so large a share of the most may stay.
const STAY_AWAKE: f64 = 0.9;

type Waking = Arc<OnceCell<Woken>>;

/// A twin's actor, and what is known of the twin.
#[derive(Debug, Clone)]
struct Woken {
    resident: Resident<LiveTwin>,
    shown: Shown,
}

/// A twin that is awake, or about to be.
#[derive(Debug)]
struct Awake {
    waking: Waking,
    /// How often it was touched, so that a touch meanwhile is seen.
    touches: u64,
    touched_at: Instant,
}

/// Who touches a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    /// Somebody who wants something of it.
    Wanted,
    /// The platform, which looks after it: that keeps nobody awake.
    Looked,
}

/// Work on a live twin.
type Soon<'a, R> = Pin<Box<dyn Future<Output = Result<R, PlatformError>> + 'a>>;

/// Twins that are awake.
#[derive(Debug)]
pub(super) struct Residents {
    core: Arc<Core>,
    stage: Stage,
    awake: Mutex<HashMap<TwinId, Awake>>,
    /// Told when more are awake than may be.
    crowded: Notify,
    names: Names,
    stopping: AtomicBool,
}

impl Residents {
    pub(super) fn new(core: Arc<Core>, stage: Stage) -> Self {
        let (awake, names) = (Mutex::default(), Names::default());
        Self { core, stage, awake, crowded: Notify::new(), names, stopping: AtomicBool::new(false) }
    }

    pub(super) fn count(&self) -> usize {
        self.awake().len()
    }

    /// The twin that a piece of hardware names.
    pub(super) async fn named(&self, device: &Device) -> Result<TwinId, PlatformError> {
        let since = match self.names.get(Some(device.kind), &device.id) {
            Ok(id) => return Ok(id),
            Err(since) => since,
        };
        let record = self.core.find(Some(device.kind), &device.id).await?;
        self.names.put(Some(device.kind), &device.id, record.id, since);
        Ok(record.id)
    }

    /// The record that a name leads to: a twin's own, or any other. Of a twin that is awake the store is not asked.
    pub(super) async fn find(&self, kind: Option<Kind>, name: &str) -> Result<TwinRecord, PlatformError> {
        let known = match name.parse::<TwinId>() {
            Ok(id) => self.known(id),
            Err(_) => None,
        };
        if let Some(known) = known.filter(|known| kind.is_none_or(|kind| known.record.kind == kind)) {
            return Ok(known.record.as_ref().clone());
        }
        let since = match self.names.get(kind, name) {
            Ok(id) => match self.known(id) {
                Some(known) => return Ok(known.record.as_ref().clone()),
                None => return super::look::record_of(&self.core, id).await,
            },
            Err(since) => since,
        };
        let record = self.core.find(kind, name).await?;
        self.names.put(kind, name, record.id, since);
        Ok(record)
    }

    /// Names changed: they are looked up again.
    pub(super) fn forget_names(&self) {
        self.names.forget();
    }

    /// Does a piece of work on a twin; wakes it where it sleeps, and again where its actor ended or its store went on
    /// without it. Work must be fit to be done again.
    pub(super) async fn with<R: Send + 'static>(
        &self,
        id: TwinId,
        work: impl for<'a> Fn(&'a mut LiveTwin) -> Soon<'a, R> + Send + Sync + 'static,
    ) -> Result<R, PlatformError> {
        self.done(id, Touch::Wanted, work).await
    }

    /// The same where the platform itself looks after a twin: that does not keep it awake.
    pub(super) async fn look_after<R: Send + 'static>(
        &self,
        id: TwinId,
        work: impl for<'a> Fn(&'a mut LiveTwin) -> Soon<'a, R> + Send + Sync + 'static,
    ) -> Result<R, PlatformError> {
        self.done(id, Touch::Looked, work).await
    }

    /// Looks at what is known of a twin, and waits for nothing that its actor is at; wakes it where it sleeps. What is
    /// seen is durable: whoever was answered that something was kept sees it here.
    pub(super) async fn look<R>(
        &self,
        id: TwinId,
        look: impl FnOnce(&Facts) -> R,
    ) -> Result<R, PlatformError> {
        if self.stopping.load(Ordering::Acquire) {
            return Err(PlatformError::Stopping);
        }
        let waking = self.waking(id, Touch::Wanted);
        match waking.get_or_try_init(|| self.wake(id)).await {
            Ok(woken) => Ok(look(&woken.shown.get())),
            Err(error) => {
                self.forget(id, &waking);
                Err(error)
            }
        }
    }

    /// What is known of a twin that is awake; that does not keep it so.
    fn known(&self, id: TwinId) -> Option<Arc<Facts>> {
        let shown = self.awake().get(&id)?.waking.get()?.shown.clone();
        Some(shown.get())
    }

    async fn done<R: Send + 'static>(
        &self,
        id: TwinId,
        touch: Touch,
        work: impl for<'a> Fn(&'a mut LiveTwin) -> Soon<'a, R> + Send + Sync + 'static,
    ) -> Result<R, PlatformError> {
        let work = Arc::new(work);
        for _ in 0..TRIES {
            if self.stopping.load(Ordering::Acquire) {
                return Err(PlatformError::Stopping);
            }
            let waking = self.waking(id, touch);
            let woken = waking.get_or_try_init(|| self.wake(id)).await;
            let resident = match woken {
                Ok(woken) => woken.resident.clone(),
                Err(error) => {
                    self.forget(id, &waking);
                    return Err(error);
                }
            };
            let work = work.clone();
            match resident.with(move |twin| work(twin)).await {
                Ok(Err(error)) if error.is_stale() => self.forget(id, &waking),
                Ok(done) => return done,
                Err(_) => {
                    tracing::warn!(%id, "a twin's actor ended and is started again");
                    metrics::counter!("celltide_twins_restarted_total").increment(1);
                    self.forget(id, &waking);
                }
            }
        }
        Err(PlatformError::Restarting)
    }

    fn awake(&self) -> MutexGuard<'_, HashMap<TwinId, Awake>> {
        self.awake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waking(&self, id: TwinId, touch: Touch) -> Waking {
        let now = Instant::now();
        let mut awake = self.awake();
        let entry = awake.entry(id).or_insert_with(|| {
            let long_ago = now.checked_sub(self.core.options.sleep_after).unwrap_or(now);
            Awake { waking: Waking::default(), touches: 0, touched_at: long_ago }
        });
        entry.touches += 1;
        if touch == Touch::Wanted {
            entry.touched_at = now;
        }
        let waking = entry.waking.clone();
        if awake.len() > self.core.options.awake_max {
            self.crowded.notify_one();
        }
        waking
    }

    /// Forgets an actor, unless another has taken its place.
    fn forget(&self, id: TwinId, waking: &Waking) {
        let mut awake = self.awake();
        if awake.get(&id).is_some_and(|known| Arc::ptr_eq(&known.waking, waking)) {
            awake.remove(&id);
        }
    }

    /// Lets twins sleep that nobody wants, for as long as the platform is there.
    pub(super) async fn tend(&self) {
        let sleep_after = self.core.options.sleep_after;
        let pause = (sleep_after / 8).clamp(Duration::from_millis(10), Duration::from_secs(30));
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.crowded.notified() => {}
            }
            let tired = self.tired(Instant::now());
            let slept = futures::stream::iter(tired)
                .for_each_concurrent(TO_SLEEP, |(id, waking, touches)| {
                    self.put_to_sleep(id, waking, touches)
                });
            slept.await;
            metrics::gauge!("celltide_twins_awake").set(self.count() as f64);
        }
    }

    /// Twins that may sleep: untouched for long enough, and where too many are awake those untouched the longest.
    fn tired(&self, now: Instant) -> Vec<(TwinId, Waking, u64)> {
        let awake = self.awake();
        // Nobody else holds it: no piece of work is on its way to it.
        let idle = || awake.iter().filter(|(_, entry)| Arc::strong_count(&entry.waking) == 1);
        let mut since = now.checked_sub(self.core.options.sleep_after);
        let may_stay = (self.core.options.awake_max as f64 * STAY_AWAKE) as usize;
        if awake.len() > self.core.options.awake_max {
            let mut touched: Vec<Instant> = idle().map(|(_, entry)| entry.touched_at).collect();
            let beyond = (awake.len() - may_stay).min(touched.len());
            if beyond > 0 {
                let (_, last, _) = touched.select_nth_unstable(beyond - 1);
                since = since.max(Some(*last));
            }
        }
        let Some(since) = since else { return Vec::new() };
        let tired = idle().filter(|(_, entry)| entry.touched_at <= since);
        tired.map(|(id, entry)| (*id, entry.waking.clone(), entry.touches)).collect()
    }

    async fn put_to_sleep(&self, id: TwinId, waking: Waking, touches: u64) {
        if let Some(Woken { resident, .. }) = waking.get() {
            match resident.with(|twin| Box::pin(twin.rest())).await {
                Ok(Err(error)) if !error.is_stale() => {
                    tracing::warn!(%id, %error, "a twin stays awake: its snapshot was not written");
                    return;
                }
                // One whose actor ended or whose store went on without it is read again anyhow.
                Ok(_) | Err(_) => {}
            }
        }
        let mut awake = self.awake();
        let untouched = awake.get(&id).is_some_and(|entry| {
            // The map's and this one's: nobody is on the way to it.
            let is_alone = Arc::strong_count(&entry.waking) == 2;
            Arc::ptr_eq(&entry.waking, &waking) && entry.touches == touches && is_alone
        });
        if untouched {
            awake.remove(&id);
            metrics::counter!("celltide_twins_slept_total").increment(1);
        }
    }

    async fn wake(&self, id: TwinId) -> Result<Woken, PlatformError> {
        let facts = self.core.facts(id, None).await?;
        let live = LiveTwin::new(self.core.clone(), facts);
        metrics::counter!("celltide_twins_woken_total").increment(1);
        let shown = live.shown();
        let resident = self.stage.place(id.place(), live).await.map_err(|_| PlatformError::Stopping)?;
        Ok(Woken { resident, shown })
    }

    /// Sees to it that twins whose commands wait for an answer are looked at.
    pub(super) async fn note_open_commands(&self) -> Result<(), PlatformError> {
        let commands = Collection::<CommandRecord, _>::of(self.core.store.as_ref());
        let mut after = None;
        loop {
            let by = By::Index("open_of".to_owned());
            let (page, next) = commands.page(by, Within::All, PAGE, after).await?;
            for command in page {
                let due = command.value.again_after(self.core.clock.now()).unwrap_or(command.value.deadline);
                self.core.agenda.command(due, command.value.twin, command.value.id);
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Sees to it that every twin is looked at some time, even where its hardware was not heard since the platform
    /// started: it may have fallen silent meanwhile. Goes through them slowly, and gives each its time to speak.
    pub(super) async fn watch_all(&self) -> Result<(), PlatformError> {
        let twins = Collection::<TwinRecord, _>::of(self.core.store.as_ref());
        let (mut after, mut apart_ms) = (None, 0);
        loop {
            let (page, next) = twins.page(By::Key, Within::All, PAGE, after).await?;
            let now = self.core.clock.now();
            for record in page.into_iter().map(|record| record.value) {
                if record.retired_at.is_none() {
                    // One after another, so that what is due for others does not wait behind all of them.
                    apart_ms += WATCH_APART_MS;
                    let due = now + self.core.silence_ms(record.kind) + apart_ms;
                    self.core.agenda.watch(due, record.id);
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
            tokio::time::sleep(WATCH_PAUSE).await;
        }
    }

    /// Whether every thread of twins does its work.
    pub(super) async fn check(&self) -> Result<(), PlatformError> {
        for number in 0..self.stage.threads() {
            let resident = self.stage.place(number, ()).await?;
            resident.with(|(): &mut ()| Box::pin(async {})).await?;
        }
        Ok(())
    }

    /// Takes no more work, and lets every twin write what saves time next time.
    pub(super) async fn stop(&self, patience: Duration) {
        self.stopping.store(true, Ordering::Release);
        let awake = std::mem::take(&mut *self.awake());
        let woken = awake.into_values().filter_map(|entry| entry.waking.get().cloned());
        let rest = futures::future::join_all(woken.map(|woken| async move {
            let rested = woken.resident.with(|twin| Box::pin(twin.rest())).await;
            if let Ok(Err(error)) = rested {
                tracing::warn!(%error, "a snapshot was not written");
            }
        }));
        if tokio::time::timeout(patience, rest).await.is_err() {
            tracing::warn!("not all snapshots were written in time; the next start replays more");
        }
    }
}

impl Core {
    /// The record that a name leads to: a twin's own, or any other.
    pub(super) async fn find(&self, kind: Option<Kind>, name: &str) -> Result<TwinRecord, PlatformError> {
        let twins = Collection::<TwinRecord, _>::of(self.store.as_ref());
        let fits = |record: &TwinRecord| kind.is_none_or(|kind| record.kind == kind);
        let absent = || PlatformError::absent("twin", name);
        if name.is_empty() || name.len() > 200 {
            return Err(absent());
        }
        if let Ok(id) = name.parse::<TwinId>()
            && let Some(found) = twins.get(&id.to_string()).await?
        {
            return if fits(&found.value) { Ok(found.value) } else { Err(absent()) };
        }
        let within = Within::Exactly(name.as_bytes().to_vec());
        let (page, _) = twins.page(By::Index("name".to_owned()), within, 8, None).await?;
        let mut found: Vec<TwinRecord> = page.into_iter().map(|found| found.value).filter(fits).collect();
        // A retired twin does not stand in the way of its successor.
        if found.len() > 1 {
            found.retain(|record| record.retired_at.is_none());
        }
        match found.len() {
            1 => found.pop().ok_or_else(absent),
            0 => Err(absent()),
            _ => Err(PlatformError::Ambiguous { name: name.to_owned() }),
        }
    }

    /// All that is known of a twin: its record, the last snapshot, and what came after it. As of an instant where one
    /// is given.
    pub(super) async fn facts(&self, id: TwinId, at: Option<Time>) -> Result<Facts, PlatformError> {
        let twins = Collection::<TwinRecord, _>::of(self.store.as_ref());
        let key = id.to_string();
        let Some(Versioned { value: record, version }) = twins.get(&key).await? else {
            return Err(PlatformError::absent("twin", key));
        };
        let entity = id.entity();
        let revision = self.store.revision(entity.clone()).await?;
        let snapshot = self.store.snapshot(entity.clone(), revision).await?;
        let snapshot = snapshot.filter(|snapshot| at.is_none_or(|at| snapshot.at <= at));
        let snapshot = snapshot.and_then(|snapshot| {
            let kept = snapshot.state::<Kept>(SNAPSHOT_SCHEMA);
            kept.inspect_err(
                |error| tracing::warn!(%id, %error, "a snapshot is of no use; its twin is replayed"),
            )
            .ok()
            .map(|kept| (snapshot.revision, kept))
        });
        let (mut known, mut kept) = snapshot.unwrap_or_default();
        if let Some(at) = at {
            // Of an earlier instant only what follows from readings is taken; what was registered and said is heard anew.
            // A device's clock may run ahead of ours, and its readings be later than the snapshot that knows them.
            let measured = Some(kept.measured).filter(|known| known.last_at.is_none_or(|last| last <= at));
            (known, kept) = (Revision(0), Kept { measured: measured.unwrap_or_default(), ..Kept::default() });
        }
        let subject = subject(&record.spec, &self.cells)?;
        let record = Arc::new(record);
        let mut facts = Facts {
            record,
            version,
            revision,
            entity,
            subject,
            kept,
            alerts: Vec::new(),
            commands: Vec::new(),
        };
        self.hear_again(&mut facts, known, at).await?;
        let before = std::mem::take(&mut facts.kept.measured);
        let end = at.unwrap_or(Time(i64::MAX / 2));
        facts.kept.measured = replayed(self, &facts, before, end).await?;
        if at.is_none() {
            facts.alerts = self.open_of::<AlertRecord>(&key).await?;
            facts.commands = self.open_of::<CommandRecord>(&key).await?;
            for rule in &self.rules.rules {
                let open = facts.alerts.iter().find(|alert| alert.value.alert_type == rule.alert_type());
                let open =
                    open.filter(|alert| alert.value.rule == rule.name).map(|alert| alert.value.severity);
                facts.kept.watches.set_open(&rule.name, open);
            }
        }
        facts.kept.heard_at = facts.kept.heard_at.max(facts.kept.measured.last_at);
        Ok(facts)
    }

    /// Hears the events again that came after a revision.
    async fn hear_again(
        &self,
        facts: &mut Facts,
        known: Revision,
        at: Option<Time>,
    ) -> Result<(), PlatformError> {
        let entity: Entity = facts.entity.clone();
        let mut first = known.next();
        loop {
            let entries = self.store.entries_of(entity.clone(), first, PAGE).await?;
            let Some(last) = entries.last().map(|entry| entry.revision) else { return Ok(()) };
            for entry in entries.into_iter().filter(|entry| at.is_none_or(|at| entry.at <= at)) {
                match entry.kind.as_str() {
                    "device.event" => {
                        let said: Value = entry.json(1)?;
                        let event = said["event"].as_str().unwrap_or_default();
                        // It was understood once; a reader that became stricter since keeps the count only.
                        match happening::read(facts.record.kind, event, &said["detail"]) {
                            Ok(happening) => facts.kept.told.hear(entry.at, &happening),
                            Err(Unfit { field, reason }) => {
                                tracing::warn!(%field, %reason, "an event of the journal is not understood");
                            }
                        }
                        facts.kept.heard_at = facts.kept.heard_at.max(Some(entry.at));
                    }
                    "presence" => {
                        let said: Value = entry.json(1)?;
                        facts.kept.online = said["online"].as_bool();
                        if facts.kept.online == Some(true) {
                            facts.kept.heard_at = facts.kept.heard_at.max(Some(entry.at));
                        }
                    }
                    "twin.created" | "twin.changed" | "twin.retired" if at.is_some() => {
                        facts.record = Arc::new(entry.json(1)?);
                        facts.subject = subject(&facts.record.spec, &self.cells)?;
                    }
                    "twin.desired" if at.is_some() => {
                        Arc::make_mut(&mut facts.record).desired = entry.json(1)?;
                    }
                    "twin.reported" if at.is_some() => {
                        Arc::make_mut(&mut facts.record).reported = entry.json(1)?;
                    }
                    _ => {}
                }
                if at.is_some() {
                    facts.revision = entry.revision;
                }
            }
            first = last.next();
        }
    }

    /// Records of a twin that are still open.
    async fn open_of<T: Record>(&self, twin: &str) -> Result<Vec<Versioned<T>>, PlatformError> {
        let collection = Collection::<T, _>::of(self.store.as_ref());
        let within = Within::Exactly(twin.as_bytes().to_vec());
        let (open, _) = collection.page(By::Index("open_of".to_owned()), within, PAGE, None).await?;
        Ok(open)
    }
}
