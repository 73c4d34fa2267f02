//! What every test stands on: a store in memory or on disk that can be closed and opened again.

use host::store::journal::{NewEntry, Written};
use host::store::medium::{Medium, Memory, SledDisk, SledOptions};
use host::store::{Change, Commit, Entity, LocalStore, Metric, Options, Revision, StoreError, folder_in};
use std::path::PathBuf;
use tempfile::TempDir;
use twin::time::Time;

/// Where a store lies.
pub(crate) enum Ground {
    Memory(Memory),
    Disk(TempDir),
}

impl Ground {
    pub(crate) fn memory() -> Self {
        Self::Memory(Memory::default())
    }

    pub(crate) fn disk() -> Self {
        Self::Disk(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        match self {
            Self::Memory(_) => panic!("a store in memory has no folder"),
            Self::Disk(folder) => folder_in(folder.path()),
        }
    }

    pub(crate) fn try_open(&self) -> Result<LocalStore, StoreError> {
        let options = Options { cache_bytes: 8 << 20, reserve_bytes: 1 << 20, ..Options::default() };
        match self {
            Self::Memory(memory) => LocalStore::over(Box::new(memory.clone()), &options),
            Self::Disk(_) => LocalStore::open(&self.folder(), &options),
        }
    }

    #[track_caller]
    pub(crate) fn open(&self) -> LocalStore {
        self.try_open().unwrap()
    }

    /// The keys themselves; for what no store would do to them.
    pub(crate) fn medium(&self) -> Box<dyn Medium> {
        match self {
            Self::Memory(memory) => Box::new(memory.clone()),
            Self::Disk(_) => {
                let options = SledOptions { cache_bytes: 8 << 20, create: false };
                Box::new(SledDisk::open(&self.folder(), &options).unwrap())
            }
        }
    }
}

/// Runs a test on both grounds.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => { $(
        mod $test {
            #[test]
            fn in_memory() {
                $crate::ground::wait(super::$test($crate::ground::Ground::memory()));
            }
            #[test]
            fn on_disk() {
                $crate::ground::wait(super::$test($crate::ground::Ground::disk()));
            }
        }
    )* };
}
pub(crate) use on_both;

/// Waits for a future.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn entity(name: &str) -> Entity {
    Entity::new(name).unwrap()
}

pub(crate) fn metric(name: &str) -> Metric {
    Metric::new(name).unwrap()
}

/// A fact whose payload is a number.
pub(crate) fn fact(of: &str, expected: u64, number: u64) -> NewEntry {
    let new = NewEntry {
        entity: entity(of),
        expected: Revision(expected),
        at: Time(1_700_000_000_000 + number as i64),
        actor: "tester".to_owned(),
        kind: "counted".to_owned(),
        schema: 1,
        payload: Vec::new(),
    };
    new.with_json(&number).unwrap()
}

pub(crate) async fn append(store: &LocalStore, entry: NewEntry) -> Result<Written, StoreError> {
    store.commit(Change::entry(entry)).await.map(|receipt| receipt.entries[0])
}
