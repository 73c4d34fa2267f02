//! Snapshots: caches that may be old, may go, and may be of a schema that is not known.

use crate::ground::{Ground, append, entity, fact, on_both};
use host::store::snapshot::Snapshot;
use host::store::{Change, Commit, Journal, LocalStore, Revision, Sequence, Snapshots, StoreError};
use twin::time::Time;

on_both!(the_nearest_is_found_and_all_may_go, a_later_schema_is_refused);

async fn keep(store: &LocalStore, of: &str, revision: u64, schema: u16) -> Result<(), StoreError> {
    let state = vec![revision as f64; 3];
    let snapshot =
        Snapshot::of(entity(of), Revision(revision), Time(revision as i64), schema, &state).unwrap();
    store.commit(Change { snapshots: vec![snapshot], ..Change::default() }).await.map(drop)
}

async fn the_nearest_is_found_and_all_may_go(ground: Ground) {
    let store = ground.open();
    for n in 0..20 {
        append(&store, fact("a", n, n)).await.unwrap();
    }
    for revision in [4, 9, 20] {
        keep(&store, "a", revision, 1).await.unwrap();
    }
    let ahead = keep(&store, "a", 21, 1).await;
    assert!(matches!(ahead, Err(StoreError::SnapshotAhead { found: Revision(20), .. })), "{ahead:?}");
    for (up_to, expected) in [(3, None), (4, Some(4)), (8, Some(4)), (19, Some(9)), (u64::MAX, Some(20))] {
        let found = store.snapshot(entity("a"), Revision(up_to)).await.unwrap();
        assert_eq!(found.as_ref().map(|found| found.revision.0), expected, "{up_to}");
        if let Some(found) = found {
            assert_eq!(found.state::<Vec<f64>>(1).unwrap(), [found.revision.0 as f64; 3]);
        }
    }
    assert!(store.snapshot(entity("aa"), Revision(u64::MAX)).await.unwrap().is_none());
    let forget = vec![(entity("a"), Revision(20))];
    store.commit(Change { forget, ..Change::default() }).await.unwrap();
    assert!(store.snapshot(entity("a"), Revision(19)).await.unwrap().is_none());
    let forget = vec![(entity("a"), Revision(u64::MAX))];
    store.commit(Change { forget, ..Change::default() }).await.unwrap();
    assert!(store.snapshot(entity("a"), Revision(u64::MAX)).await.unwrap().is_none());
    // The truth is still there.
    assert_eq!(store.entries(Sequence(1), 100).await.unwrap().len(), 20);
}

async fn a_later_schema_is_refused(ground: Ground) {
    let store = ground.open();
    append(&store, fact("a", 0, 0)).await.unwrap();
    keep(&store, "a", 1, 7).await.unwrap();
    store.close().await.unwrap();
    let store = ground.open();
    let found = store.snapshot(entity("a"), Revision(1)).await.unwrap().unwrap();
    let refused = found.state::<Vec<f64>>(6);
    assert!(matches!(refused, Err(StoreError::FutureSchema { found: 7, known: 6, .. })), "{refused:?}");
    assert!(matches!(found.state::<Vec<f64>>(8), Err(StoreError::Codec { .. })));
}
