//! Records: versions, indexes, pages.

use crate::ground::{Ground, entity, fact, on_both, wait};
use host::store::medium::Direction;
use host::store::records::{
    By, Collection, Cursor, Expect, IndexValue, Indexed, NewRecord, Record, RecordChange, Scan, Within,
};
use host::store::{Change, Commit, Journal, LocalStore, Receipt, Records, Revision, StoreError};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

on_both!(
    a_type_is_kept_found_and_changed,
    a_refused_record_takes_its_fact_with_it,
    pages_go_on_where_they_ended,
    older_schemas_are_read_and_later_ones_refused,
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Consumer {
    id: String,
    phone: String,
    city: String,
}

impl Record for Consumer {
    const COLLECTION: &'static str = "consumers";
    const SCHEMA: u16 = 2;

    fn key(&self) -> String {
        self.id.clone()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().unique("phone", self.phone.as_str()).shared("city", self.city.as_str())
    }

    fn upgrade(schema: u16, body: &[u8]) -> Result<Self, StoreError> {
        assert_eq!(schema, 1);
        let (id, phone): (String, String) = serde_json::from_slice(body).unwrap();
        Ok(Self { id, phone, city: "unknown".to_owned() })
    }
}

fn consumer(id: &str, phone: &str, city: &str) -> Consumer {
    Consumer { id: id.to_owned(), phone: phone.to_owned(), city: city.to_owned() }
}

/// Commits records with a fact that says why.
async fn because(store: &LocalStore, records: Vec<RecordChange>) -> Result<Receipt, StoreError> {
    let revision = store.revision(entity("desk")).await.unwrap();
    let entries = vec![fact("desk", revision.0, 0)];
    store.commit(Change { entries, records, ..Change::default() }).await
}

async fn put(store: &LocalStore, value: &Consumer, expect: Expect) -> Result<Receipt, StoreError> {
    because(store, vec![RecordChange::put(value, expect).unwrap()]).await
}

async fn a_type_is_kept_found_and_changed(ground: Ground) {
    let store = ground.open();
    let consumers = Collection::<Consumer, _>::of(&store);
    let ann = consumer("c1", "+66 1", "bangkok");
    put(&store, &ann, Expect::Absent).await.unwrap();
    put(&store, &consumer("c2", "+66 2", "bangkok"), Expect::Absent).await.unwrap();
    assert_eq!(consumers.get("c1").await.unwrap().unwrap().value, ann);
    assert_eq!(consumers.find("phone", b"+66 1").await.unwrap().unwrap().value, ann);
    assert!(consumers.find("phone", b"+66").await.unwrap().is_none());

    let again = put(&store, &ann, Expect::Absent).await;
    assert!(matches!(again, Err(StoreError::RecordChanged { expected: 0, found: 1, .. })), "{again:?}");
    let taken = put(&store, &consumer("c1", "+66 2", "bangkok"), Expect::Version(1)).await;
    let Err(StoreError::NotUnique { holder, .. }) = taken else { panic!("{taken:?}") };
    assert_eq!(holder, "c2");
    let moved = consumer("c1", "+66 3", "hanoi");
    put(&store, &moved, Expect::Version(1)).await.unwrap();
    assert!(consumers.find("phone", b"+66 1").await.unwrap().is_none());
    assert_eq!(consumers.find("phone", b"+66 3").await.unwrap().unwrap().version, 2);
    // The old number is free again, the new one is not.
    put(&store, &consumer("c3", "+66 1", "hanoi"), Expect::Anything).await.unwrap();

    let by_city =
        |city: &str| consumers.page(By::Index("city".to_owned()), Within::Exactly(city.into()), 10, None);
    let (found, next) = by_city("hanoi").await.unwrap();
    let ids: Vec<&str> = found.iter().map(|one| one.value.id.as_str()).collect();
    assert_eq!((ids, next), (vec!["c1", "c3"], None));
    because(&store, vec![RecordChange::delete::<Consumer>("c1", Expect::Version(2))]).await.unwrap();
    assert!(consumers.get("c1").await.unwrap().is_none());
    assert_eq!(by_city("hanoi").await.unwrap().0.len(), 1);
    assert_eq!(by_city("bangkok").await.unwrap().0.len(), 1);
    assert!(consumers.find("phone", b"+66 3").await.unwrap().is_none());
}

async fn a_refused_record_takes_its_fact_with_it(ground: Ground) {
    let store = ground.open();
    put(&store, &consumer("c1", "1", "x"), Expect::Absent).await.unwrap();
    let change = |value: &Consumer| RecordChange::put(value, Expect::Anything).unwrap();
    let twice =
        because(&store, vec![change(&consumer("c2", "2", "x")), change(&consumer("c3", "1", "x"))]).await;
    assert!(matches!(twice, Err(StoreError::NotUnique { .. })));
    assert_eq!(store.revision(entity("desk")).await.unwrap(), Revision(1));
    assert!(store.record("consumers", "c2").await.unwrap().is_none());
    assert!(store.record_by("consumers", "phone", b"2").await.unwrap().is_none());
    let silent = Change { records: vec![change(&consumer("c4", "4", "x"))], ..Change::default() };
    assert!(matches!(store.commit(silent).await, Err(StoreError::Unexplained { .. })));
    assert!(store.record("consumers", "c4").await.unwrap().is_none());
}

async fn pages_go_on_where_they_ended(ground: Ground) {
    let store = ground.open();
    for n in 0..23 {
        let city = ["a", "ab", "b"][n % 3];
        put(&store, &consumer(&format!("c{n:02}"), &format!("{n:02}"), city), Expect::Absent).await.unwrap();
    }
    let scans = [
        Scan::all("consumers", 5),
        Scan::all("consumers", 5).by_index("city", Within::Prefix("a".into())),
        Scan::all("consumers", 5).by_index("city", Within::Range("ab".into(), "zz".into())),
        Scan {
            by: By::Unique("phone".into()),
            within: Within::Prefix("1".into()),
            ..Scan::all("consumers", 3)
        },
    ];
    let expected: [Vec<usize>; 4] = [
        (0..23).collect(),
        (0..23).filter(|n| n % 3 == 0).chain((0..23).filter(|n| n % 3 == 1)).collect(),
        (0..23).filter(|n| n % 3 == 1).chain((0..23).filter(|n| n % 3 == 2)).collect(),
        (10..20).collect(),
    ];
    for (scan, expected) in scans.into_iter().zip(expected) {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut expected: Vec<String> = expected.iter().map(|n| format!("c{n:02}")).collect();
            if direction == Direction::Backward {
                expected.reverse();
            }
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = Scan { direction, ..scan.clone() }.after(after);
                let page = store.records(page).await.unwrap();
                assert!(page.records.len() <= scan.limit);
                found.extend(page.records.into_iter().map(|record| record.key));
                // Through text and back, as a client would hand it on.
                let Some(next) = page.next else { break };
                after = Some(next.to_string().parse::<Cursor>().unwrap());
            }
            assert_eq!(found, expected, "{scan:?} {direction:?}");
        }
    }
    assert!("nonsense".parse::<Cursor>().is_err());
}

async fn older_schemas_are_read_and_later_ones_refused(ground: Ground) {
    let store = ground.open();
    let raw = |key: &str, schema, body: &str| RecordChange {
        collection: "consumers".to_owned(),
        key: key.to_owned(),
        expect: Expect::Absent,
        put: Some(NewRecord { schema, body: body.into(), indexed: Vec::new() }),
    };
    because(&store, vec![raw("c1", 1, r#"["c1","5"]"#), raw("c2", 3, "{}")]).await.unwrap();
    let consumers = Collection::<Consumer, _>::of(&store);
    assert_eq!(consumers.get("c1").await.unwrap().unwrap().value, consumer("c1", "5", "unknown"));
    let refused = consumers.get("c2").await;
    assert!(matches!(refused, Err(StoreError::FutureSchema { found: 3, known: 2, .. })), "{refused:?}");
}

/// What a plain map makes of a record: its version, what it is unique by, what it shares.
type Model = BTreeMap<u8, (u64, u8, u8)>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_changes_are_those_of_a_plain_map(
        steps in prop::collection::vec(
            prop::collection::vec((0u8..6, prop::option::of((0u8..5, 0u8..3)), 0u64..4), 1..3), 1..40),
    ) {
        let ground = Ground::memory();
        wait(async {
            let store = ground.open();
            let mut model = Model::new();
            for step in steps {
                let mut after = model.clone();
                let mut is_good = true;
                let mut records = Vec::new();
                for (key, put, expect) in step {
                    let found = after.get(&key).map_or(0, |(version, _, _)| *version);
                    // Three stands for whatever is there.
                    is_good &= expect == 3 || expect == found;
                    if let Some((unique, shared)) = put {
                        is_good &= after.iter().all(|(other, value)| *other == key || value.1 != unique);
                        after.insert(key, (found + 1, unique, shared));
                    } else {
                        after.remove(&key);
                    }
                    let indexed = |(unique, shared): (u8, u8)| vec![
                        IndexValue { index: "one".into(), value: vec![unique], unique: true },
                        IndexValue { index: "many".into(), value: vec![shared], unique: false },
                    ];
                    records.push(RecordChange {
                        collection: "things".into(),
                        key: key.to_string(),
                        expect: if expect == 3 { Expect::Anything } else { Expect::Version(expect) },
                        put: put.map(|put| NewRecord { schema: 1, body: vec![put.0], indexed: indexed(put) }),
                    });
                }
                let done = because(&store, records).await;
                assert_eq!(done.is_ok(), is_good, "{done:?}");
                if is_good {
                    model = after;
                }
            }
            let all = store.records(Scan::all("things", 100)).await.unwrap().records;
            let kept: BTreeMap<u8, u64> =
                all.iter().map(|record| (record.key.parse().unwrap(), record.version)).collect();
            assert_eq!(kept, model.iter().map(|(key, value)| (*key, value.0)).collect());
            for unique in 0..5 {
                let found = store.record_by("things", "one", &[unique]).await.unwrap();
                let expected = model.iter().find(|(_, value)| value.1 == unique);
                assert_eq!(found.map(|record| record.key), expected.map(|(key, _)| key.to_string()));
            }
            for shared in 0..3 {
                let scan = Scan::all("things", 100).by_index("many", Within::Exactly(vec![shared]));
                let found = store.records(scan).await.unwrap().records;
                let found: BTreeSet<u8> = found.iter().map(|record| record.key.parse().unwrap()).collect();
                let expected = model.iter().filter(|(_, value)| value.2 == shared).map(|(key, _)| *key);
                assert_eq!(found, expected.collect());
            }
        });
    }
}
