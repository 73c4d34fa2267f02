//! The one place that knows sled.
//!
//! sled 0.34 flushes with `sync_file_range`, which reaches neither the drive's cache nor the file's length. After its
//! flush its own file is therefore made durable through a second handle (`fdatasync`), and only then is the number of
//! the accepted change written to a file beside it. When sled comes up with less than that number says, its end was
//! lost, and the store says so instead of going on without it.
//!
//! sled holds up to sixteen entries in a page and rewrites pages whole, so values are best kept to some kilobytes.

use super::{Batch, Direction, KeyRange, Medium, Visit};
use crate::store::StoreError;
use std::any::Any;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// Folder of sled within the store's.
const SLED: &str = "sled";
/// Name of sled's log in its folder.
const LOG: &str = "db";
/// File with the number of the last accepted change.
const ACCEPTED: &str = "accepted";
/// Bytes of one of its two slots: number, checksum, and room.
const SLOT: usize = 16;
/// How often a lock that is held is tried, and the pause between.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// How sled is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SledOptions {
    /// Bytes of pages kept in memory.
    pub cache_bytes: u64,
    /// Whether a store is made where there is none.
    pub create: bool,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { cache_bytes: 128 << 20, create: true }
    }
}

/// A store on disk.
pub struct SledDisk {
    folder: PathBuf,
    db: sled::Db,
    log: File,
    accepted: Mutex<Accepted>,
}

impl std::fmt::Debug for SledDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledDisk").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl SledDisk {
    /// Opens the store in a folder, or makes one where the options say so.
    ///
    /// # Errors
    /// When there is none, when another process has it, when it is damaged or the surroundings fail.
    pub fn open(folder: &Path, options: &SledOptions) -> Result<Self, StoreError> {
        let sled = folder.join(SLED);
        let is_new = !sled.join(LOG).exists();
        let remembers = folder.join(ACCEPTED).exists();
        if is_new && remembers {
            return Err(StoreError::corrupt(sled.display().to_string(), "the log is gone"));
        }
        if is_new && !options.create {
            return Err(StoreError::NoStore { path: folder.to_owned() });
        }
        fs::create_dir_all(&sled)
            .map_err(|error| StoreError::io(format!("cannot make {}", sled.display()), error))?;
        let config = sled::Config::new()
            .path(&sled)
            .cache_capacity(options.cache_bytes)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(None);
        let db = open(&config, folder)?;
        let log = File::open(sled.join(LOG))
            .map_err(|error| StoreError::io(format!("cannot open the log in {}", sled.display()), error))?;
        let accepted = Accepted::open(folder)?;
        if is_new {
            // The names of the new files are durable before anything in them counts.
            for folder in [&sled, folder] {
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| {
                    StoreError::io(format!("cannot make {} durable", folder.display()), error)
                })?;
            }
        }
        Ok(Self { folder: folder.to_owned(), db, log, accepted: Mutex::new(accepted) })
    }

    fn guarded<R>(&self, doing: &str, call: impl FnOnce() -> sled::Result<R>) -> Result<R, StoreError> {
        guarded(doing, &self.folder, call)
    }
}

impl Medium for SledDisk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.guarded("reading", || Ok(self.db.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, range: &KeyRange, direction: Direction, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let to = range.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.guarded("reading", || {
            let mut found = self.db.range::<&[u8], _>((Bound::Included(range.from.as_slice()), to));
            loop {
                let next = match direction {
                    Direction::Forward => found.next(),
                    Direction::Backward => found.next_back(),
                };
                let Some(next) = next else { return Ok(()) };
                let (key, value) = next?;
                if visit(&key, &value).is_break() {
                    return Ok(());
                }
            }
        })
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut together = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => together.insert(key.as_slice(), value.as_slice()),
                None => together.remove(key.as_slice()),
            }
        }
        self.guarded("writing", || self.db.apply_batch(together))
    }

    fn sync(&self, accepted: u64) -> Result<(), StoreError> {
        self.guarded("flushing", || self.db.flush())?;
        self.log
            .sync_data()
            .and_then(|()| {
                let mut remembered = self.accepted.lock().expect("nothing panics while it is held");
                remembered.write(accepted)
            })
            .map_err(|error| StoreError::io(format!("cannot flush {}", self.folder.display()), error))
    }

    fn accepted(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.accepted.lock().expect("nothing panics while it is held").last)
    }

    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        let found = rustix::fs::statvfs(&self.folder)
            .map_err(|error| StoreError::io("cannot ask how much room is left", error.into()))?;
        Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        size_of(&self.folder)
            .map_err(|error| StoreError::io(format!("cannot measure {}", self.folder.display()), error))
    }
}

/// Opens sled. A lock that is held may be on its way out (with a process that ends, or between a fork and what it
/// starts), so it is tried again for a moment.
fn open(config: &sled::Config, folder: &Path) -> Result<sled::Db, StoreError> {
    let mut tries = LOCK_TRIES;
    loop {
        match guarded("opening", folder, || config.open()) {
            // sled wraps the refused lock in words of its own.
            Err(StoreError::Io { source, .. }) if source.to_string().contains("could not acquire lock") => {
                tries -= 1;
                if tries == 0 {
                    return Err(StoreError::Busy { path: folder.to_owned() });
                }
                thread::park_timeout(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
}

/// Bytes of a folder with all that is in it.
fn size_of(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for found in fs::read_dir(folder)? {
        let found = found?;
        let about = found.metadata()?;
        bytes += if about.is_dir() { size_of(&found.path())? } else { about.len() };
    }
    Ok(bytes)
}

/// Calls sled. It panics on some damage instead of returning an error; the caller gets one all the same.
fn guarded<R>(doing: &str, folder: &Path, call: impl FnOnce() -> sled::Result<R>) -> Result<R, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(sled::Error::Io(error))) => {
            Err(StoreError::io(format!("{doing} the store in {} failed", folder.display()), error))
        }
        Ok(Err(error)) => Err(StoreError::corrupt(folder.display().to_string(), error.to_string())),
        Err(panic) => Err(StoreError::corrupt(folder.display().to_string(), said(panic.as_ref()))),
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

/// The number of the last accepted change, in two slots that are written in turn, so that one is always whole.
struct Accepted {
    file: File,
    last: Option<u64>,
    turn: u64,
}

impl Accepted {
    fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(ACCEPTED);
        let failed = |error| StoreError::io(format!("cannot open {}", path.display()), error);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(failed)?;
        let bytes = fs::read(&path).map_err(failed)?;
        let slots: Vec<Option<u64>> = bytes.chunks(SLOT).map(slot).collect();
        let last = slots.iter().flatten().max().copied();
        if last.is_none() && !bytes.is_empty() {
            return Err(StoreError::corrupt(path.display().to_string(), "no slot is whole"));
        }
        // The slot that does not hold the last number is next.
        let turn = u64::from(slots.first().copied().flatten() == last);
        Ok(Self { file, last, turn })
    }

    fn write(&mut self, accepted: u64) -> io::Result<()> {
        let number = accepted.to_le_bytes();
        let mut slot = [0; SLOT];
        slot[..8].copy_from_slice(&number);
        slot[8..12].copy_from_slice(&crc32fast::hash(&number).to_le_bytes());
        self.file.write_all_at(&slot, self.turn * SLOT as u64)?;
        self.file.sync_data()?;
        self.turn = 1 - self.turn;
        self.last = Some(accepted);
        Ok(())
    }
}

/// The number in a slot, when its checksum fits.
fn slot(bytes: &[u8]) -> Option<u64> {
    let number = bytes.get(..8)?;
    let sum = bytes.get(8..12)?;
    let fits = crc32fast::hash(number).to_le_bytes() == sum;
    fits.then(|| u64::from_le_bytes(number.try_into().expect("eight bytes were taken")))
}
