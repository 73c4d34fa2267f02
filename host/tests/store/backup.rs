//! Backups: of one moment, while others write, and refused unless they are whole.

use crate::ground::{Ground, append, entity, fact, wait};
use host::store::series::{Query, Reading, Readings};
use host::store::{
    Change, Commit, Control, Journal, LocalStore, Metric, Options, Revision, Series, StoreError,
    ask_for_audit, ask_for_backup, folder_in, restore,
};
use std::path::Path;
use twin::time::Time;

/// A fact and a reading that belong together.
fn change(of: &str, n: u64) -> Change {
    let values = vec![(Metric::new("voltage_v").unwrap(), n as f64)];
    let readings = Readings { twin: entity(of), readings: vec![Reading { at: Time(n as i64), values }] };
    Change { entries: vec![fact(of, n, n)], readings: vec![readings], ..Change::default() }
}

/// The store in a data folder has as many readings as facts of each, at least so many, and its chain holds.
async fn is_of_one_moment(data: &Path, at_least: u64) {
    let store = LocalStore::open(&folder_in(data), &Options { create: false, ..Options::default() }).unwrap();
    assert_eq!(store.audit().await.unwrap().fault, None);
    for of in ["a", "b"] {
        let revision = store.revision(entity(of)).await.unwrap();
        assert!(revision >= Revision(at_least), "{revision}");
        let all = Query::new(entity(of), Time(0), Time(i64::MAX));
        assert_eq!(store.readings(all).await.unwrap().0.len() as u64, revision.0);
        // And it goes on.
        store.commit(change(of, revision.0)).await.unwrap();
    }
    store.close().await.unwrap();
}

#[test]
fn a_backup_taken_while_others_write_is_of_one_moment() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let ground = Ground::disk();
    let folder = tempfile::tempdir().unwrap();
    let (direct, asked) = (folder.path().join("direct.backup"), folder.path().join("asked.backup"));
    let folder_of_store = ground.folder();
    runtime.block_on(async {
        let store = ground.open();
        let control = Control::open(&store, &folder_of_store).unwrap();
        for n in 0..1_500 {
            store.commit(change("a", n)).await.unwrap();
            store.commit(change("b", n)).await.unwrap();
        }
        let writers: Vec<_> = ["a", "b"]
            .map(|of| {
                let store = store.clone();
                tokio::spawn(async move {
                    for n in 1_500..3_000 {
                        store.commit(change(of, n)).await.unwrap();
                    }
                })
            })
            .into();
        let summary = store.backup(&direct).await.unwrap();
        assert!(summary.entries >= 3_000 && summary.bytes == std::fs::metadata(&direct).unwrap().len());
        let (from, to) = (folder_of_store.clone(), asked.clone());
        let bytes = tokio::task::spawn_blocking(move || ask_for_backup(&from, &to)).await.unwrap().unwrap();
        assert_eq!(bytes, std::fs::metadata(&asked).unwrap().len());
        for writer in writers {
            writer.await.unwrap();
        }
        let from = folder_of_store.clone();
        let audit = tokio::task::spawn_blocking(move || ask_for_audit(&from)).await.unwrap().unwrap();
        assert_eq!((audit.entries, audit.fault), (6_000, None));
        drop(control);
        store.close().await.unwrap();
    });
    assert!(ask_for_audit(&folder_of_store).is_err());
    for backup in [direct, asked] {
        let data = tempfile::tempdir().unwrap();
        restore(&backup, data.path()).unwrap();
        wait(is_of_one_moment(data.path(), 1_500));
        let again = restore(&backup, data.path());
        assert!(matches!(again, Err(StoreError::Unfit { .. })), "{again:?}");
    }
}

#[test]
fn a_backup_that_is_not_whole_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    wait(async {
        let store = Ground::memory().open();
        for n in 0..50 {
            append(&store, fact("a", n, n)).await.unwrap();
        }
        store.backup(&path).await.unwrap();
    });
    let good = std::fs::read(&path).unwrap();
    let mut broken: Vec<Vec<u8>> =
        [0, 10, 19, 25, good.len() / 2, good.len() - 1].map(|cut| good[..cut].to_vec()).into();
    broken.extend((0..good.len()).step_by(97).map(|at| {
        let mut altered = good.clone();
        altered[at] ^= 1;
        altered
    }));
    for bytes in broken {
        std::fs::write(&path, &bytes).unwrap();
        let data = folder.path().join("data");
        let refused = restore(&path, &data);
        let typed = matches!(refused, Err(StoreError::Corrupt { .. } | StoreError::FutureSchema { .. }));
        assert!(typed && !data.exists(), "{refused:?}");
    }
    std::fs::write(&path, &good).unwrap();
    let audit = restore(&path, &folder.path().join("data")).unwrap();
    assert_eq!(audit.entries, 50);
}

#[test]
fn one_process_at_a_time_has_a_store() {
    let ground = Ground::disk();
    let nothing = LocalStore::open(&ground.folder(), &Options { create: false, ..Options::default() });
    assert!(matches!(nothing, Err(StoreError::NoStore { .. })), "{nothing:?}");
    assert!(!ground.folder().exists());
    let store = ground.open();
    let second = ground.try_open();
    assert!(matches!(second, Err(StoreError::Busy { .. })), "{second:?}");
    wait(store.close()).unwrap();
    ground.open();
}
