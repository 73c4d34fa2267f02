//! What-if runs in the background of the live platform: a bounded number at a time, the others waiting in a bounded
//! queue, each with a record and a folder of results that outlive the process.
//!
//! ```text
//!  submit ──► checked, counted ──► record, scenario.yaml ──► queue ──► a thread of its own: run_plan ──► results
//!                                        │                     │                 ▲
//!                                        └─ running, done … ◄──┴──── cancel, stop┘
//! ```
//!
//! Threads of runs have a lower priority than those of live twins, and wait for nothing that these wait for.

mod error;
mod order;
mod record;
mod work;

pub use error::RunError;
pub use order::{Order, twin_days};
pub use record::{RunProgress, RunRecord, RunSight, State};
pub(crate) use work::step_back;

use crate::engine::Progress;
use crate::results::summary;
use host::identity::policy::may_at_all;
use host::identity::{Action, Caller, Visibility, may};
use host::platform::clock::Clock;
use host::store::journal::NewEntry;
use host::store::records::{By, Collection, Cursor, Expect, RecordChange, Within};
use host::store::{Change, Entity, Store, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use twin::time::Time;
use uuid::Uuid;

/// Files that a run leaves, by name.
pub const FILES: [&str; 5] =
    [summary::FILE, "report.html", "timeseries.parquet", "twins.parquet", "events.parquet"];
/// Times that an entry is tried again when another came first.
const TRIES: usize = 16;
/// Scenarios that are checked at once.
const CHECKS: usize = 2;
/// Runs that are read at a time.
const PAGE: usize = 256;

/// How runs are bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where results are kept.
    pub folder: PathBuf,
    /// The one folder whose files scenarios may name; built-in names only where there is none.
    pub files: Option<PathBuf>,
    /// Runs that are simulated at once.
    pub concurrent: usize,
    /// Runs that may wait.
    pub queue: usize,
    /// Threads of one run.
    pub threads: usize,
    /// Twins times days of one run, at most.
    pub twin_days_max: f64,
    /// Runs that are kept, at most.
    pub kept_max: usize,
    /// After so long a run is ended with what there is [s].
    pub time_max_s: f64,
}

impl Settings {
    /// The defaults, with results in a folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            files: None,
            concurrent: 1,
            queue: 16,
            threads: 1,
            twin_days_max: 50e6,
            kept_max: 1_000,
            time_max_s: 86_400.0,
        }
    }
}

/// A run that waits or is simulated.
#[derive(Debug)]
struct Active {
    record: watch::Sender<RunRecord>,
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
    cancelled: AtomicBool,
    /// Wakes it where it still waits.
    wake: Notify,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    settings: Settings,
    /// Real time, whatever a fleet's clock says.
    wall: Clock,
    slots: Semaphore,
    checks: Semaphore,
    active: Mutex<BTreeMap<Uuid, Arc<Active>>>,
    /// How many runs there are records of.
    kept: Mutex<usize>,
    stopping: AtomicBool,
    ended: Notify,
}

/// The runs. Clones are the same.
#[derive(Debug, Clone)]
pub struct Runs(Arc<Inner>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runs {
    /// The runs of a store. Those that a stop or a crash cut off are said to be interrupted.
    ///
    /// # Errors
    /// When the store or the folder cannot be read or written.
    pub async fn open(store: Arc<dyn Store>, settings: Settings) -> Result<Self, RunError> {
        let inner = Inner {
            slots: Semaphore::new(settings.concurrent.max(1)),
            checks: Semaphore::new(CHECKS),
            store,
            settings,
            wall: Clock::wall(),
            active: Mutex::default(),
            kept: Mutex::new(0),
            stopping: AtomicBool::new(false),
            ended: Notify::new(),
        };
        let runs = Self(Arc::new(inner));
        let (mut count, mut cut_off, mut after) = (0, Vec::new(), None);
        loop {
            let (page, next) = runs.records().page(By::Key, Within::All, PAGE, after).await?;
            count += page.len();
            cut_off.extend(page.into_iter().map(|run| run.value).filter(|run| run.state.is_open()));
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        *locked(&runs.0.kept) = count;
        for mut run in cut_off {
            run.state = State::Interrupted;
            run.ended_at = Some(runs.0.wall.now());
            run.reason = Some("the platform ended before the run did".to_owned());
            run.has_results = runs.results_of(run.id).join(summary::FILE).is_file();
            runs.keep(&run, "run.interrupted", "platform", json!({})).await?;
        }
        Ok(runs)
    }

    fn records(&self) -> Collection<'_, RunRecord, dyn Store + '_> {
        Collection::of(self.0.store.as_ref())
    }

    fn folder_of(&self, id: Uuid) -> PathBuf {
        self.0.settings.folder.join(id.to_string())
    }

    fn results_of(&self, id: Uuid) -> PathBuf {
        self.folder_of(id).join("results")
    }

    /// Keeps a run together with the fact that says why it changed.
    async fn keep(&self, run: &RunRecord, kind: &str, by: &str, detail: Value) -> Result<(), StoreError> {
        let put = RecordChange::put(run, Expect::Anything)?;
        self.commit(run.id, put, kind, by, detail).await
    }

    async fn commit(
        &self,
        id: Uuid,
        record: RecordChange,
        kind: &str,
        by: &str,
        detail: Value,
    ) -> Result<(), StoreError> {
        let entity = Entity::new(&format!("run/{id}"))?;
        let store = &self.0.store;
        for tries in 1.. {
            let entry = NewEntry {
                entity: entity.clone(),
                expected: store.revision(entity.clone()).await?,
                at: self.0.wall.now(),
                actor: by.to_owned(),
                kind: kind.to_owned(),
                schema: 1,
                payload: Vec::new(),
            };
            let entries = vec![entry.with_json(&detail)?];
            let change = Change { entries, records: vec![record.clone()], ..Change::default() };
            match store.commit(change).await {
                Err(StoreError::LostRace { .. }) if tries < TRIES => {}
                done => return done.map(drop),
            }
        }
        Ok(())
    }

    /// Takes a run: it waits for its turn when this is answered.
    ///
    /// # Errors
    /// What is wrong with it, that it is too large, or that too many wait.
    pub async fn submit(&self, order: Order, caller: &Caller) -> Result<RunSight, RunError> {
        self.may_at_all(caller, Action::RunWrite)?;
        self.has_room()?;
        let checking = self.0.checks.acquire().await.map_err(|_| RunError::Stopping)?;
        let settings = self.0.settings.clone();
        let checked = tokio::task::spawn_blocking(move || {
            order.plan(settings.files.as_deref(), settings.twin_days_max).map(|plan| (order, plan))
        });
        let (order, plan) = checked.await.map_err(|_| RunError::Lost)??;
        drop(checking);
        let now = self.0.wall.now();
        let record = RunRecord {
            id: new_id(now),
            name: plan.base.name.clone(),
            state: State::Queued,
            by: caller.name(),
            organisation: caller.organisation.clone(),
            submitted_at: now,
            started_at: None,
            ended_at: None,
            seed: plan.base.seed,
            replicates: plan.base.replicates,
            variants: plan.variants.iter().map(|variant| variant.name.clone()).collect(),
            twins: plan.twin_counts().into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect(),
            horizon_days: plan.horizon_days(),
            twin_days: twin_days(&plan),
            partial: false,
            has_results: false,
            reason: None,
        };
        let active = Arc::new(Active {
            record: watch::Sender::new(record.clone()),
            progress: Arc::default(),
            stop: Arc::default(),
            cancelled: AtomicBool::new(false),
            wake: Notify::new(),
        });
        {
            // Asked again: others were checked meanwhile.
            let mut all = locked(&self.0.active);
            self.has_room_beside(all.len())?;
            all.insert(record.id, active.clone());
        }
        let detail = json!({ "name": record.name, "seed": record.seed, "twin_days": record.twin_days });
        let kept = match self.write_order(record.id, order).await {
            Ok(()) => self.keep(&record, "run.submitted", &record.by, detail).await.map_err(RunError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            locked(&self.0.active).remove(&record.id);
            return Err(error);
        }
        *locked(&self.0.kept) += 1;
        tokio::spawn(work::manage(self.clone(), active.clone(), plan));
        Ok(self.sight(&record, Some(&active)))
    }

    /// Writes down what was asked for, beside where the results will be.
    async fn write_order(&self, id: Uuid, order: Order) -> Result<(), RunError> {
        let folder = self.folder_of(id);
        let written = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join("scenario.yaml"), &order.scenario)?;
            let rest = Order { scenario: String::new(), ..order };
            std::fs::write(folder.join("order.json"), serde_json::to_vec_pretty(&rest)?)
        });
        written.await.map_err(|_| RunError::Lost)?.map_err(RunError::Files)
    }

    fn has_room(&self) -> Result<(), RunError> {
        let waiting = locked(&self.0.active).len();
        self.has_room_beside(waiting)
    }

    fn has_room_beside(&self, active: usize) -> Result<(), RunError> {
        let Settings { concurrent, queue, kept_max, .. } = self.0.settings;
        if self.0.stopping.load(Ordering::Relaxed) {
            return Err(RunError::Stopping);
        }
        if active >= concurrent + queue {
            return Err(RunError::Full(format!("{concurrent} runs are simulated and {queue} wait already")));
        }
        if *locked(&self.0.kept) >= kept_max {
            let why = format!("{kept_max} runs are kept already: delete some with DELETE …?forget=true");
            return Err(RunError::State(why));
        }
        Ok(())
    }

    fn may_at_all(&self, caller: &Caller, action: Action) -> Result<(), RunError> {
        may_at_all(caller, action).map_err(|denied| RunError::denied(denied, caller.name(), "run", ""))
    }

    /// A run that a caller may do so to, and what it is doing.
    async fn find(
        &self,
        name: &str,
        caller: &Caller,
        action: Action,
    ) -> Result<(RunRecord, Option<Arc<Active>>), RunError> {
        self.may_at_all(caller, action)?;
        let absent = || RunError::Absent { what: "run", name: name.to_owned() };
        let id: Uuid = name.parse().map_err(|_| absent())?;
        let active = locked(&self.0.active).get(&id).cloned();
        let record = match &active {
            Some(active) => active.record.borrow().clone(),
            None => self.records().get(&id.to_string()).await?.ok_or_else(absent)?.value,
        };
        may(caller, action, &record.owner())
            .map_err(|denied| RunError::denied(denied, caller.name(), "run", name))?;
        Ok((record, active))
    }

    /// What there is to see of a run.
    ///
    /// # Errors
    /// When there is none, for this caller.
    pub async fn view(&self, name: &str, caller: &Caller) -> Result<RunSight, RunError> {
        let (record, active) = self.find(name, caller, Action::RunRead).await?;
        Ok(self.sight(&record, active.as_deref()))
    }

    /// Waits until a run's state changes, or for so long.
    ///
    /// # Errors
    /// When there is none, for this caller.
    pub async fn view_after(
        &self,
        name: &str,
        caller: &Caller,
        state: State,
        patience: Duration,
    ) -> Result<RunSight, RunError> {
        let (_, active) = self.find(name, caller, Action::RunRead).await?;
        if let Some(active) = active {
            let mut changes = active.record.subscribe();
            // Nobody who changes it any more means that it ended.
            let _ = tokio::time::timeout(patience, changes.wait_for(|run| run.state != state)).await;
        }
        self.view(name, caller).await
    }

    /// A page of runs, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        limit: usize,
        cursor: Option<Cursor>,
        caller: &Caller,
    ) -> Result<(Vec<RunSight>, Option<Cursor>), RunError> {
        self.may_at_all(caller, Action::RunRead)?;
        let (by, within) = match Visibility::of(caller) {
            Visibility::Everything => ("newest", Within::All),
            Visibility::Organisation(organisation) => {
                ("of", Within::Prefix(record::of_organisation(&organisation)))
            }
            // People of the dealership and hardware have no runs.
            _ => return Ok((Vec::new(), None)),
        };
        let (page, next) = self.records().page(By::Index(by.to_owned()), within, limit, cursor).await?;
        let sights = page.into_iter().map(|run| {
            let active = locked(&self.0.active).get(&run.value.id).cloned();
            let record = active.as_ref().map_or(run.value, |active| active.record.borrow().clone());
            self.sight(&record, active.as_deref())
        });
        Ok((sights.collect(), next))
    }

    /// Ends a run early. What there is until then can be read.
    ///
    /// # Errors
    /// When there is none, or it ended already.
    pub async fn cancel(&self, name: &str, caller: &Caller) -> Result<RunSight, RunError> {
        let (record, active) = self.find(name, caller, Action::RunWrite).await?;
        let Some(active) = active.filter(|_| record.state.is_open()) else {
            let state = record.state.as_str();
            return Err(RunError::State(format!("run {} has ended already: it is {state}", record.id)));
        };
        active.cancelled.store(true, Ordering::Relaxed);
        active.stop.store(true, Ordering::Relaxed);
        active.wake.notify_one();
        tracing::info!(run = %record.id, by = caller.name(), "a run is cancelled");
        Ok(self.sight(&record, Some(&active)))
    }

    /// Deletes a run that ended, results and all.
    ///
    /// # Errors
    /// When there is none, or it has not ended.
    pub async fn forget(&self, name: &str, caller: &Caller) -> Result<(), RunError> {
        let (record, _) = self.find(name, caller, Action::RunWrite).await?;
        if record.state.is_open() {
            return Err(RunError::State(format!("run {} has not ended; cancel it first", record.id)));
        }
        let gone = RecordChange::delete::<RunRecord>(record.id.to_string(), Expect::Anything);
        self.commit(record.id, gone, "run.deleted", &caller.name(), json!({})).await?;
        {
            let mut kept = locked(&self.0.kept);
            *kept = kept.saturating_sub(1);
        }
        let folder = self.folder_of(record.id);
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder));
        match removed.await.map_err(|_| RunError::Lost)? {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(RunError::Files(error)),
            _ => Ok(()),
        }
    }

    /// Where a file of a run's results is.
    ///
    /// # Errors
    /// When there is no such run, it has not ended, or left no such file.
    pub async fn result(&self, name: &str, file: &str, caller: &Caller) -> Result<PathBuf, RunError> {
        let (record, _) = self.find(name, caller, Action::RunRead).await?;
        if record.state.is_open() {
            let state = record.state.as_str();
            return Err(RunError::State(format!(
                "run {} is {state}; its results come at its end",
                record.id
            )));
        }
        if !record.has_results {
            let state = record.state.as_str();
            return Err(RunError::State(format!("run {} is {state} and left no results", record.id)));
        }
        let known = FILES.into_iter().find(|known| *known == file);
        let path = known.map(|known| self.results_of(record.id).join(known)).filter(|path| path.is_file());
        path.ok_or_else(|| RunError::Absent { what: "file of results", name: file.to_owned() })
    }

    /// Ends all runs with what there is, and takes no more.
    pub async fn stop(&self, patience: Duration) {
        self.0.stopping.store(true, Ordering::Relaxed);
        let active: Vec<Arc<Active>> = locked(&self.0.active).values().cloned().collect();
        for run in &active {
            run.stop.store(true, Ordering::Relaxed);
            run.wake.notify_one();
        }
        let all_ended = async {
            loop {
                let ended = self.0.ended.notified();
                if locked(&self.0.active).is_empty() {
                    return;
                }
                ended.await;
            }
        };
        if tokio::time::timeout(patience, all_ended).await.is_err() {
            tracing::warn!("a run did not end in time; it will be said to be interrupted");
        }
    }

    fn sight(&self, run: &RunRecord, active: Option<&Active>) -> RunSight {
        let progress = active.filter(|_| run.state == State::Running).map(|active| {
            let elapsed_s = run.started_at.map_or(0.0, |at| (self.0.wall.now() - at) as f64 * 1e-3);
            work::progress(&active.progress, elapsed_s)
        });
        let results = match run.has_results {
            true => present(&self.results_of(run.id)),
            false => Vec::new(),
        };
        RunSight {
            id: run.id,
            name: run.name.clone(),
            state: run.state,
            cancelling: run.state.is_open()
                && active.is_some_and(|active| active.cancelled.load(Ordering::Relaxed)),
            by: run.by.clone(),
            submitted_at: run.submitted_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
            seed: run.seed,
            replicates: run.replicates,
            variants: run.variants.clone(),
            twins: run.twins.clone(),
            horizon_days: run.horizon_days,
            twin_days: run.twin_days,
            partial: run.partial,
            results,
            reason: run.reason.clone(),
            progress,
        }
    }
}

/// A name that nothing has yet; names sort by when they were made.
pub(crate) fn new_id(at: Time) -> Uuid {
    let (seconds, ms) = (at.0.div_euclid(1_000).max(0) as u64, at.0.rem_euclid(1_000) as u32);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, ms * 1_000_000))
}

/// Files of results that are there.
fn present(folder: &Path) -> Vec<String> {
    FILES.into_iter().filter(|name| folder.join(name).is_file()).map(str::to_owned).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    /// Two packs with a duty, for ten days.
    pub(crate) const PACKS: &str = "
name: two
start: 2026-01-01
horizon_days: 10
climate: { constant_c: 25 }
batteries:
  bike: { chemistry: nca-gr-panasonic-3ah, series: 13, parallel: 4, price: 400 }
packs:
  - name: courier
    battery: bike
    count: 2
    initial_soc: 0.9
    duty:
      kind: daily
      steps:
        - { at_hour: 8,  c_rate: 0.5,  until_soc: 0.3 }
        - { at_hour: 12, c_rate: -0.5, until_soc: 1.0 }
";
}
