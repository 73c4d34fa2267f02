//! A store of this process: one thread that writes, a few that read.

use super::backup::{self, Summary};
use super::journal::{self, Audit, Checkpoint, Entry, Head, Proof};
use super::medium::{Batch, Medium, Memory, SledDisk, SledOptions};
use super::records::{self, Page, Scan, Stored};
use super::series::{self, Frame, Query, View, Viewer};
use super::snapshot::{self, Snapshot};
use super::writer::{Back, Work, Writer};
use super::{
    Answer, Change, Commit, Entity, Journal, Receipt, Records, Revision, Sequence, Series, Snapshots,
    StoreError,
};
use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use tokio::sync::{mpsc, oneshot, watch};
use twin::time::Time;

/// Work that may wait for the writer, and looks that may wait for a reader; who comes then waits for room.
const QUEUE: usize = 1_024;
/// Entries that an audit looks at before others may write.
const AUDIT_ENTRIES: usize = 512;
/// Readings that a view looks at before others may write.
const VIEW_READINGS: usize = 1 << 16;

/// How a store is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Bytes of pages that sled keeps in memory.
    pub cache_bytes: u64,
    /// Whether a store is made where there is none.
    pub create: bool,
    /// Bytes of the disk that stay free: beyond that changes are refused while there still is room to stop well.
    pub reserve_bytes: u64,
    /// Threads that read.
    pub readers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 128 << 20, create: true, reserve_bytes: 64 << 20, readers: 2 }
    }
}

/// Where the store lies in a data folder.
pub fn folder_in(data: &Path) -> PathBuf {
    data.join("store")
}

/// How far the writer is.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// Number of the last durable change.
    pub(super) durable: u64,
    /// Why nothing can be written any more.
    pub(super) failed: Option<String>,
}

/// What writer and readers share.
pub(super) struct Core {
    /// Gone once the store is closed. The writer holds it alone for as long as a batch is applied, but not for the
    /// flush; so who looks sees whole changes.
    medium: RwLock<Option<Box<dyn Medium>>>,
    /// Number of the last change that can be seen.
    applied: AtomicU64,
    state: watch::Sender<State>,
    /// Keys that were written since a backup began.
    touched: Mutex<Option<BTreeSet<Vec<u8>>>>,
    reserve_bytes: u64,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

impl Core {
    /// Looks at the medium; no batch is applied meanwhile.
    pub(super) fn look<R>(
        &self,
        look: impl FnOnce(&dyn Medium) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let medium = self.medium.read().unwrap_or_else(PoisonError::into_inner);
        look(medium.as_deref().ok_or(StoreError::Closed)?)
    }

    pub(super) fn apply(&self, batch: &Batch, number: u64) -> Result<(), StoreError> {
        let medium = self.medium.write().unwrap_or_else(PoisonError::into_inner);
        self.applied.store(number, Ordering::Release);
        medium.as_deref().ok_or(StoreError::Closed)?.apply(batch)?;
        if let Some(touched) = self.touched.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            touched.extend(batch.keys().cloned());
        }
        Ok(())
    }

    pub(super) fn tell(&self, state: State) {
        self.state.send_replace(state);
    }

    pub(super) fn has_failed(&self) -> Option<StoreError> {
        self.state.borrow().failed.clone().map(|why| StoreError::Failed { why })
    }

    /// Whether the disk has room for more.
    pub(super) fn has_room(&self) -> Result<(), StoreError> {
        match self.look(|medium| medium.free_bytes())? {
            Some(free_bytes) if free_bytes < self.reserve_bytes => {
                Err(StoreError::DiskFull { free_bytes, reserve_bytes: self.reserve_bytes })
            }
            _ => Ok(()),
        }
    }

    /// Lets the medium go, and with it the disk.
    pub(super) fn close(&self) {
        let medium = self.medium.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(medium);
    }

    /// From here on keys that are written are remembered; `false` when they are for another already.
    pub(super) fn touch(&self) -> bool {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = touched.is_none();
        if is_free {
            *touched = Some(BTreeSet::new());
        }
        is_free
    }

    /// Keys that were written since the last time; goes on remembering when there is to be a next.
    pub(super) fn touched(&self, again: bool) -> BTreeSet<Vec<u8>> {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        let next = again.then(BTreeSet::new);
        std::mem::replace(&mut *touched, next).unwrap_or_default()
    }
}

impl series::Look for Core {
    fn look<R>(&self, look: impl FnOnce(&dyn Medium) -> Result<R, StoreError>) -> Result<R, StoreError> {
        Core::look(self, look)
    }
}

/// Something to be done on a reader's thread.
type Job = Box<dyn FnOnce(&Core) + Send>;

/// A store of this process. Clones are the same store; it is closed by [`LocalStore::close`], or with the last of them
/// after what waits is done.
#[derive(Debug, Clone)]
pub struct LocalStore {
    core: Arc<Core>,
    work: mpsc::Sender<Work>,
    jobs: mpsc::Sender<Job>,
}

impl LocalStore {
    /// Opens the store in a folder on disk. Waits for the disk: not for an async thread.
    ///
    /// # Errors
    /// When there is none and none is to be made, when it is in use, damaged, or of a later version.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, StoreError> {
        let sled = SledOptions { cache_bytes: options.cache_bytes, create: options.create };
        Self::over(Box::new(SledDisk::open(folder, &sled)?), options)
    }

    /// A store in memory.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::over(Box::new(Memory::default()), &Options::default())
    }

    /// A store over any medium.
    ///
    /// # Errors
    /// When what is on it is damaged, or of a later version.
    pub fn over(medium: Box<dyn Medium>, options: &Options) -> Result<Self, StoreError> {
        let core = Arc::new(Core {
            medium: RwLock::new(Some(medium)),
            applied: AtomicU64::new(0),
            state: watch::Sender::new(State::default()),
            touched: Mutex::new(None),
            reserve_bytes: options.reserve_bytes,
        });
        let writer = core.look(|medium| Writer::new(core.clone(), medium))?;
        core.applied.store(writer.number(), Ordering::Release);
        core.tell(State { durable: writer.number(), failed: None });
        let (work, queue) = mpsc::channel(QUEUE);
        start("store-writer", move || writer.run(queue))?;
        let (jobs, queue) = mpsc::channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..options.readers.max(1) {
            let (core, queue) = (core.clone(), queue.clone());
            start("store-reader", move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                    let Some(job) = next else { break };
                    job(&core);
                }
            })?;
        }
        Ok(Self { core, work, jobs })
    }

    /// Lets what waits be done, closes the store and lets go of the disk. Others that hold the store are refused then.
    ///
    /// # Errors
    /// When the last changes cannot be made durable.
    pub fn close(&self) -> Answer<()> {
        let answer = self.ask(Work::Close);
        Box::pin(async move {
            match answer.await {
                Ok(()) | Err(StoreError::Closed) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    /// Writes a consistent copy to a file, which bears its name only once it is whole; others go on writing meanwhile.
    pub fn backup(&self, path: &Path) -> Answer<Summary> {
        let path = path.to_owned();
        self.aside("store-backup", move |core| backup::to_file(core, &path))
    }

    /// The same to anything that takes bytes. Waits for it: not for an async thread.
    ///
    /// # Errors
    /// When the store cannot be read or the bytes not be written.
    pub fn backup_to(&self, out: &mut dyn Write) -> Result<Summary, StoreError> {
        backup::write(&self.core, out)
    }

    /// The audit, on this thread. Waits for the disk: not for an async thread.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn audit_here(&self) -> Result<Audit, StoreError> {
        audit(&self.core)
    }

    /// Bytes that the store takes.
    pub fn size_bytes(&self) -> Answer<u64> {
        self.look(|medium| medium.size_bytes())
    }

    /// Asks the writer.
    fn ask<T: Send + 'static>(&self, of: impl FnOnce(Back<T>) -> Work + Send + 'static) -> Answer<T> {
        let work = self.work.clone();
        Box::pin(async move {
            let (back, answer) = oneshot::channel();
            work.send(of(back)).await.map_err(|_| StoreError::Closed)?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    /// Looks at the medium on a reader's thread.
    fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&dyn Medium) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        self.job(move |core| core.look(look))
    }

    /// Does something on a reader's thread, and answers when all that it may have seen is durable.
    fn job<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Core) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let jobs = self.jobs.clone();
        let mut state = self.core.state.subscribe();
        Box::pin(async move {
            let (back, answer) = oneshot::channel();
            let job: Job = Box::new(move |core| {
                let result = job(core);
                let _ = back.send((result, core.applied.load(Ordering::Acquire)));
            });
            jobs.send(job).await.map_err(|_| StoreError::Closed)?;
            let (result, seen) = answer.await.map_err(|_| StoreError::Closed)?;
            let reached = state.wait_for(|state| state.durable >= seen || state.failed.is_some()).await;
            let reached = reached.map_err(|_| StoreError::Closed)?.clone();
            match reached.failed {
                Some(why) if reached.durable < seen => Err(StoreError::Failed { why }),
                _ => result,
            }
        })
    }

    /// Does something long on a thread of its own.
    fn aside<T: Send + 'static>(
        &self,
        name: &str,
        job: impl FnOnce(&Core) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let core = self.core.clone();
        let (back, answer) = oneshot::channel();
        let started = start(name, move || drop(back.send(job(&core))));
        Box::pin(async move {
            started?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        })
    }
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(drop).map_err(|error| StoreError::io(format!("cannot start the thread {name}"), error))
}

fn audit(core: &Core) -> Result<Audit, StoreError> {
    let mut auditor = core.look(journal::verify::Auditor::new)?;
    loop {
        if let Some(audit) = core.look(|medium| auditor.step(medium, AUDIT_ENTRIES))? {
            return Ok(audit);
        }
    }
}

/// Audits the journal in a folder on disk without opening it for writing, so that it is read even where opening refuses.
///
/// # Errors
/// When there is no store, it is in use, its end is lost, or it cannot be read.
pub fn audit_folder(folder: &Path) -> Result<Audit, StoreError> {
    let medium = SledDisk::open(folder, &SledOptions { create: false, ..SledOptions::default() })?;
    super::writer::prepare(&medium)?;
    let mut auditor = journal::verify::Auditor::new(&medium)?;
    loop {
        if let Some(audit) = auditor.step(&medium, AUDIT_ENTRIES)? {
            return Ok(audit);
        }
    }
}

impl Commit for LocalStore {
    fn commit(&self, change: Change) -> Answer<Receipt> {
        self.ask(move |back| Work::Change(Box::new(change), back))
    }
}

impl Journal for LocalStore {
    fn head(&self) -> Answer<Head> {
        self.look(journal::read::head)
    }

    fn revision(&self, entity: Entity) -> Answer<Revision> {
        self.look(move |medium| journal::read::revision(medium, &entity))
    }

    fn entries(&self, first: Sequence, limit: usize) -> Answer<Vec<Entry>> {
        self.look(move |medium| journal::read::entries(medium, first, limit))
    }

    fn entries_of(&self, entity: Entity, first: Revision, limit: usize) -> Answer<Vec<Entry>> {
        self.look(move |medium| journal::read::entries_of(medium, &entity, first, limit))
    }

    fn checkpoints(&self, first: u64, limit: usize) -> Answer<Vec<Checkpoint>> {
        self.look(move |medium| journal::read::checkpoints(medium, first, limit))
    }

    fn seal(&self) -> Answer<Option<Checkpoint>> {
        self.ask(Work::Seal)
    }

    fn proof(&self, sequence: Sequence) -> Answer<Proof> {
        self.look(move |medium| journal::read::proof(medium, sequence))
    }

    fn proofs(&self, sequences: Vec<Sequence>) -> Answer<Vec<Proof>> {
        self.look(move |medium| journal::read::proofs(medium, &sequences))
    }

    fn audit(&self) -> Answer<Audit> {
        self.aside("store-audit", audit)
    }
}

impl Series for LocalStore {
    fn readings(&self, query: Query) -> Answer<(Frame, Option<Time>)> {
        self.look(move |medium| series::readings(medium, &query))
    }

    fn view(&self, query: Query, step_ms: i64) -> Answer<Vec<View>> {
        self.job(move |core| {
            let mut viewer = Viewer::new(query.from, step_ms);
            let mut query = Query { limit: VIEW_READINGS, ..query };
            loop {
                let (frame, next) = core.look(|medium| series::readings(medium, &query))?;
                viewer.add(&frame);
                match next {
                    Some(next) => query.from = next,
                    None => return Ok(viewer.finish()),
                }
            }
        })
    }

    fn span(&self, twin: Entity) -> Answer<Option<(Time, Time)>> {
        self.look(move |medium| series::span(medium, &twin))
    }

    fn twins(&self, after: Option<Entity>, limit: usize) -> Answer<Vec<Entity>> {
        self.look(move |medium| series::twins(medium, after.as_ref(), limit))
    }

    fn retain(&self, twin: Entity, before: Time) -> Answer<usize> {
        let store = self.clone();
        Box::pin(async move {
            let mut deleted = 0;
            loop {
                let twin = twin.clone();
                let (some, more) = store.ask(move |back| Work::Retain(twin, before, back)).await?;
                deleted += some;
                if !more {
                    return Ok(deleted);
                }
            }
        })
    }

    fn export(&self, twins: Vec<Entity>, from: Time, to: Time, path: PathBuf) -> Answer<u64> {
        self.aside("store-export", move |core| series::export(core, &twins, from, to, &path))
    }
}

impl Records for LocalStore {
    fn record(&self, collection: &str, key: &str) -> Answer<Option<Stored>> {
        let (collection, key) = (collection.to_owned(), key.to_owned());
        self.look(move |medium| records::get(medium, &collection, &key))
    }

    fn record_by(&self, collection: &str, index: &str, value: &[u8]) -> Answer<Option<Stored>> {
        let (collection, index, value) = (collection.to_owned(), index.to_owned(), value.to_vec());
        self.look(move |medium| match records::holder(medium, &collection, &index, &value)? {
            Some(key) => records::get(medium, &collection, &key),
            None => Ok(None),
        })
    }

    fn records(&self, scan: Scan) -> Answer<Page> {
        self.look(move |medium| records::scan(medium, &scan))
    }
}

impl Snapshots for LocalStore {
    fn snapshot(&self, entity: Entity, up_to: Revision) -> Answer<Option<Snapshot>> {
        self.look(move |medium| snapshot::nearest(medium, &entity, up_to))
    }
}
