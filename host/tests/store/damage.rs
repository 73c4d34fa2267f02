//! Damage: whatever is altered, cut off or of a later version is refused by name, and nothing is passed over.

use crate::ground::{Ground, append, entity, fact, on_both, wait};
use host::store::medium::{Batch, Direction, KeyRange, Medium, Memory, Visit};
use host::store::series::{Query, Reading, Readings};
use host::store::{
    Change, Commit, Journal, LocalStore, Metric, Options, Sequence, Series, StoreError, audit_folder,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twin::time::Time;

on_both!(
    an_altered_fact_is_found,
    a_forged_fact_is_found,
    a_lost_end_is_refused,
    a_later_layout_is_refused,
    an_altered_reading_is_refused,
);

/// A store with twenty facts and some readings, closed.
async fn filled(ground: &Ground) {
    let store = ground.open();
    for n in 0..20 {
        append(&store, fact("a", n, n)).await.unwrap();
    }
    store.seal().await.unwrap();
    let reading =
        |n: i64| Reading { at: Time(n), values: vec![(Metric::new("voltage_v").unwrap(), n as f64)] };
    let readings = Readings { twin: entity("a"), readings: (0..500).map(reading).collect() };
    store.commit(Change::readings(readings)).await.unwrap();
    store.close().await.unwrap();
}

fn value(medium: &dyn Medium, key: &[u8]) -> Vec<u8> {
    medium.get(key).unwrap().unwrap()
}

fn put(medium: &dyn Medium, key: &[u8], value: Vec<u8>) {
    medium.apply(&Batch::from([(key.to_vec(), Some(value))])).unwrap();
    medium.sync(medium.accepted().unwrap().unwrap()).unwrap();
}

fn entry_key(sequence: u64) -> Vec<u8> {
    [&b"j"[..], &sequence.to_be_bytes()].concat()
}

/// A sealed value as the store writes it, with a checksum that fits.
fn sealed(key: &[u8], version: u8, body: &[u8]) -> Vec<u8> {
    let sum = crc32fast::hash(&[key, &[version], body].concat());
    [&[version][..], &sum.to_le_bytes(), body].concat()
}

/// The audit, where the store opens; the refusal, where it does not.
async fn audited(ground: &Ground) -> Result<Option<u64>, StoreError> {
    let store = ground.try_open()?;
    let audit = store.audit().await?;
    store.close().await.unwrap();
    Ok(audit.fault.map(|fault| fault.sequence.0))
}

async fn an_altered_fact_is_found(ground: Ground) {
    filled(&ground).await;
    for sequence in [1, 7, 20] {
        let key = entry_key(sequence);
        let good = value(&*ground.medium(), &key);
        for at in [0, 3, 30, good.len() - 1] {
            let mut altered = good.clone();
            altered[at] ^= 0x10;
            put(&*ground.medium(), &key, altered);
            match audited(&ground).await {
                Ok(fault) => assert_eq!(fault, Some(sequence)),
                // The last entry is looked at when the store is opened.
                Err(error) => {
                    assert!(sequence == 20 && matches!(error, StoreError::Corrupt { .. }), "{error}");
                }
            }
            if let Ground::Disk(_) = ground {
                assert_eq!(
                    audit_folder(&ground.folder()).unwrap().fault.unwrap().sequence,
                    Sequence(sequence)
                );
            }
        }
        put(&*ground.medium(), &key, good);
        assert_eq!(audited(&ground).await.unwrap(), None);
    }
    let medium = ground.medium();
    medium.apply(&Batch::from([(entry_key(5), None)])).unwrap();
    drop(medium);
    assert_eq!(audited(&ground).await.unwrap(), Some(5));
}

async fn a_forged_fact_is_found(ground: Ground) {
    filled(&ground).await;
    let key = entry_key(7);
    let good = value(&*ground.medium(), &key);
    let mut body = good[5..].to_vec();
    // The last digit of the payload, under a checksum that fits.
    *body.last_mut().unwrap() ^= 1;
    put(&*ground.medium(), &key, sealed(&key, 1, &body));
    assert_eq!(audited(&ground).await.unwrap(), Some(7));
    // Entry 7 itself is well formed; it is entry 8 that disowns it.
    let store = ground.open();
    let forged: u64 = store.entries(Sequence(7), 1).await.unwrap()[0].json(1).unwrap();
    assert_ne!(forged, 6);
    store.close().await.unwrap();
    put(&*ground.medium(), &key, good);
    assert_eq!(audited(&ground).await.unwrap(), None);
}

async fn a_lost_end_is_refused(ground: Ground) {
    filled(&ground).await;
    let medium = ground.medium();
    let good = value(&*medium, b"C");
    let number = u64::from_be_bytes(good[5..].try_into().unwrap());
    // As if the last change had never reached the disk.
    let accepted = medium.accepted().unwrap().unwrap();
    assert_eq!(accepted, number);
    put(&*medium, b"C", sealed(b"C", 1, &(number - 1).to_be_bytes()));
    drop(medium);
    let refused = ground.try_open();
    let Err(StoreError::TailLost { acknowledged, found }) = refused else { panic!("{refused:?}") };
    assert_eq!((acknowledged, found), (number, number - 1));
    let medium = ground.medium();
    put(&*medium, b"C", good);
    // Entries without their head.
    let head = value(&*medium, b"H");
    medium.apply(&Batch::from([(entry_key(20), None)])).unwrap();
    drop(medium);
    assert!(matches!(ground.try_open(), Err(StoreError::Corrupt { .. })));
    let medium = ground.medium();
    assert_eq!(value(&*medium, b"H"), head);
    medium.apply(&Batch::from([(b"F".to_vec(), None)])).unwrap();
    drop(medium);
    assert!(ground.try_open().is_err());
}

async fn a_later_layout_is_refused(ground: Ground) {
    filled(&ground).await;
    let medium = ground.medium();
    put(&*medium, b"F", sealed(b"F", 2, b"celltide"));
    drop(medium);
    let refused = ground.try_open();
    assert!(matches!(refused, Err(StoreError::FutureSchema { found: 2, known: 1, .. })), "{refused:?}");
    put(&*ground.medium(), b"F", sealed(b"F", 1, b"celltide"));
    let key = entry_key(3);
    let good = value(&*ground.medium(), &key);
    put(&*ground.medium(), &key, sealed(&key, 9, &good[5..]));
    let store = ground.open();
    let refused = store.entries(Sequence(1), 10).await;
    assert!(matches!(refused, Err(StoreError::FutureSchema { found: 9, .. })), "{refused:?}");
    store.close().await.unwrap();
}

async fn an_altered_reading_is_refused(ground: Ground) {
    filled(&ground).await;
    let medium = ground.medium();
    let mut blocks = Vec::new();
    let mut note = |key: &[u8], value: &[u8]| {
        blocks.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    medium.scan(&KeyRange::prefix(b"s"), Direction::Forward, &mut note).unwrap();
    assert_eq!(blocks.len(), 1);
    let (key, good) = blocks.remove(0);
    drop(medium);
    for at in (0..good.len()).step_by(good.len() / 9) {
        let mut altered = good.clone();
        altered[at] ^= 4;
        put(&*ground.medium(), &key, altered);
        let store = ground.open();
        let all = Query::new(entity("a"), Time(i64::MIN), Time(i64::MAX));
        let refused = store.readings(all).await;
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{at}: {refused:?}");
        store.close().await.unwrap();
    }
}

/// Truncated anywhere in its second half, or with bytes altered anywhere, a store on disk either refuses, or the audit
/// finds the fault, or everything is there: never is something missing in silence.
#[test]
fn damaged_files_are_never_passed_over_in_silence() {
    let ground = Ground::disk();
    wait(filled(&ground));
    // As a process leaves it that was killed: nothing but the log.
    let log = ground.folder().join("sled/db");
    let good = std::fs::read(&log).unwrap();
    let end = good.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let mut outcomes = [0; 2];
    let mut try_with = |bytes: &[u8], what: &str| {
        for old in std::fs::read_dir(ground.folder().join("sled")).unwrap() {
            let old = old.unwrap();
            if old.file_name().to_string_lossy().starts_with("snap") {
                std::fs::remove_file(old.path()).unwrap();
            }
        }
        std::fs::write(&log, bytes).unwrap();
        wait(async {
            let sound: Result<bool, StoreError> = async {
                let store = ground.try_open()?;
                let audit = store.audit().await;
                let all = Query::new(entity("a"), Time(i64::MIN), Time(i64::MAX));
                let readings = store.readings(all).await;
                store.close().await?;
                let (audit, readings) = (audit?, readings?.0);
                Ok(audit.fault.is_none() && audit.entries == 20 && readings.len() == 500)
            }
            .await;
            match sound {
                Ok(is_whole) => assert!(is_whole, "{what}: something is missing in silence"),
                Err(_) => outcomes[0] += 1,
            }
            outcomes[1] += 1;
        });
    };
    for tenth in 1..10 {
        let cut = end * tenth / 10;
        let mut bytes = good.clone();
        bytes[cut..].fill(0);
        try_with(&bytes, &format!("zero from {cut} on"));
        try_with(&good[..cut], &format!("cut at {cut}"));
    }
    for n in 0..40 {
        let at = end * n / 40 + n % 7;
        let mut bytes = good.clone();
        bytes[at] ^= 0x20;
        try_with(&bytes, &format!("byte {at} altered"));
    }
    assert!(outcomes[0] >= 18, "{outcomes:?}");
}

/// A medium that fails when it is told to.
struct Fails {
    inner: Memory,
    /// Batches that still go well, applied and flushed.
    applies: AtomicU64,
    flushes: AtomicU64,
    free_bytes: Arc<AtomicU64>,
}

fn spend(left: &AtomicU64) -> Result<(), StoreError> {
    let spent = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    let full = || std::io::Error::new(std::io::ErrorKind::StorageFull, "no space left on device");
    spent.map(drop).map_err(|_| StoreError::Io { doing: "writing".to_owned(), source: Arc::new(full()) })
}

impl Medium for Fails {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }
    fn scan(&self, range: &KeyRange, direction: Direction, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.inner.scan(range, direction, visit)
    }
    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        spend(&self.applies)?;
        self.inner.apply(batch)
    }
    fn sync(&self, accepted: u64) -> Result<(), StoreError> {
        spend(&self.flushes)?;
        self.inner.sync(accepted)
    }
    fn accepted(&self) -> Result<Option<u64>, StoreError> {
        self.inner.accepted()
    }
    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(Some(self.free_bytes.load(Ordering::SeqCst)))
    }
    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.inner.size_bytes()
    }
}

fn failing(inner: &Memory, applies: u64, flushes: u64) -> (LocalStore, Arc<AtomicU64>) {
    let free_bytes = Arc::new(AtomicU64::new(u64::MAX));
    let medium = Fails {
        inner: inner.clone(),
        applies: AtomicU64::new(applies),
        flushes: AtomicU64::new(flushes),
        free_bytes: free_bytes.clone(),
    };
    (LocalStore::over(Box::new(medium), &Options::default()).unwrap(), free_bytes)
}

#[test]
fn without_room_changes_are_refused_until_there_is_room_again() {
    wait(async {
        let (store, free_bytes) = failing(&Memory::default(), u64::MAX, u64::MAX);
        append(&store, fact("a", 0, 0)).await.unwrap();
        free_bytes.store(1_000, Ordering::SeqCst);
        for _ in 0..3 {
            let refused = append(&store, fact("a", 1, 1)).await;
            assert!(matches!(refused, Err(StoreError::DiskFull { free_bytes: 1_000, .. })), "{refused:?}");
        }
        // Reading goes on.
        assert_eq!(store.head().await.unwrap().sequence, Sequence(1));
        free_bytes.store(u64::MAX, Ordering::SeqCst);
        append(&store, fact("a", 1, 1)).await.unwrap();
        assert_eq!(store.audit().await.unwrap().entries, 2);
    });
}

#[test]
fn after_a_failed_write_or_flush_nothing_is_answered_that_may_be_lost() {
    // One of each is spent on making the store, and one flush on opening it.
    for (applies, flushes) in [(3, u64::MAX), (u64::MAX, 3), (1, u64::MAX), (u64::MAX, 1)] {
        wait(async {
            let memory = Memory::default();
            let (store, _) = failing(&memory, applies, flushes);
            let mut acknowledged = 0;
            let refused = loop {
                match append(&store, fact("a", acknowledged, acknowledged)).await {
                    Ok(_) => acknowledged += 1,
                    Err(error) => break error,
                }
                assert!(acknowledged < 10);
            };
            assert!(matches!(refused, StoreError::Io { .. }), "{refused:?}");
            let more = append(&store, fact("a", acknowledged, 9)).await;
            let Err(StoreError::Failed { why }) = more else { panic!("{more:?}") };
            assert!(why.contains("no space left"), "{why}");
            // What was seen may not be durable, so nobody gets to see it.
            assert!(matches!(store.head().await, Err(StoreError::Failed { .. })));
            store.close().await.unwrap();
            let store = LocalStore::over(Box::new(memory), &Options::default()).unwrap();
            let audit = store.audit().await.unwrap();
            assert!(audit.fault.is_none() && audit.entries >= acknowledged, "{audit:?}");
        });
    }
}
