//! Series: whatever order readings come in, they are those of a plain map.

use crate::ground::{Ground, entity, metric, on_both, wait};
use host::store::series::{Frame, METRICS_MAX, Query, Reading, Readings};
use host::store::{Change, Commit, LocalStore, Series, StoreError};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;
use std::collections::BTreeMap;
use twin::time::Time;

on_both!(
    readings_are_found_again_in_any_window,
    what_is_no_number_is_refused,
    a_view_is_what_the_readings_say,
    old_readings_go_and_the_others_stay,
    a_table_has_every_reading,
);

const NAMES: [&str; 3] = ["current_a", "temperature_c", "voltage_v"];

/// What was measured: (time, metric) → value.
type Model = BTreeMap<(i64, usize), f64>;

async fn report(store: &LocalStore, of: &str, rows: &[(i64, Vec<(usize, f64)>)]) {
    let reading = |(at, values): &(i64, Vec<(usize, f64)>)| Reading {
        at: Time(*at),
        values: values.iter().map(|(n, value)| (metric(NAMES[*n]), *value)).collect(),
    };
    let readings = Readings { twin: entity(of), readings: rows.iter().map(reading).collect() };
    store.commit(Change::readings(readings)).await.unwrap();
}

fn learn(model: &mut Model, rows: &[(i64, Vec<(usize, f64)>)]) {
    for (at, values) in rows {
        for (n, value) in values {
            model.entry((*at, *n)).or_insert(*value);
        }
    }
}

fn as_model(frame: &Frame) -> Model {
    let mut model = Model::new();
    for column in &frame.columns {
        let n = NAMES.iter().position(|name| *name == column.metric.as_str()).unwrap();
        assert_eq!(column.values.len(), frame.times.len());
        for (time, value) in frame.times.iter().zip(&column.values) {
            if !value.is_nan() {
                model.insert((time.0, n), *value);
            }
        }
    }
    assert!(frame.times.is_sorted_by(|a, b| a < b));
    model
}

fn query(of: &str, from: i64, to: i64) -> Query {
    Query::new(entity(of), Time(from), Time(to))
}

async fn all(store: &LocalStore, of: &str) -> Model {
    as_model(&store.readings(query(of, i64::MIN, i64::MAX)).await.unwrap().0)
}

/// Ten-second telemetry as a gateway sends it: rounded, now and then without temperature.
fn telemetry(from: i64, count: i64) -> Vec<(i64, Vec<(usize, f64)>)> {
    let row = |n: i64| {
        let wave = (n as f64 / 300.0).sin();
        let round = |value: f64| (value * 1e3).round() / 1e3;
        let mut values = vec![(0, round(5.0 * wave)), (2, round(3.7 - 0.2 * wave))];
        if n % 4 == 0 {
            values.push((1, round(25.0 + wave)));
        }
        (from + 10_000 * n, values)
    };
    (0..count).map(row).collect()
}

async fn readings_are_found_again_in_any_window(ground: Ground) {
    let mut store = ground.open();
    let rows = telemetry(1_700_000_000_000, 5_000);
    let mut model = Model::new();
    for chunk in rows.chunks(333) {
        report(&store, "a", chunk).await;
        learn(&mut model, chunk);
    }
    for row in telemetry(1_700_050_000_000, 50) {
        report(&store, "a", std::slice::from_ref(&row)).await;
        learn(&mut model, &[row]);
    }
    report(&store, "b", &rows[..3]).await;
    for reopened in [false, true] {
        if reopened {
            store.close().await.unwrap();
            store = ground.open();
        }
        assert_eq!(all(&store, "a").await, model);
        for (from, to) in [(0, 1_700_000_000_001), (1_700_012_345_678, 1_700_029_999_999), (5, 5), (9, 3)] {
            let found = store.readings(query("a", from, to)).await.unwrap();
            let expected: Model =
                model.iter().filter(|((at, _), _)| (from..to).contains(at)).map(|(k, v)| (*k, *v)).collect();
            assert_eq!((as_model(&found.0), found.1), (expected, None));
        }
        let some = query("a", i64::MIN, i64::MAX).metrics([metric("temperature_c")]);
        let found = store.readings(some).await.unwrap().0;
        assert_eq!(found.columns.len(), 1);
        let expected: Model = model.iter().filter(|((_, n), _)| *n == 1).map(|(k, v)| (*k, *v)).collect();
        assert_eq!((found.times.len(), as_model(&found)), (expected.len(), expected));
        // Page by page.
        let (mut paged, mut from, mut pages) = (Model::new(), i64::MIN, 0);
        loop {
            let page = Query { limit: 1_000, ..query("a", from, i64::MAX) };
            let (frame, next) = store.readings(page).await.unwrap();
            let before = paged.len();
            let page = as_model(&frame);
            paged.extend(&page);
            assert_eq!(paged.len(), before + page.len());
            pages += 1;
            let Some(next) = next else { break };
            from = next.0;
        }
        assert_eq!((&paged, pages >= 4), (&model, true));
        let ends = (Time(1_700_000_000_000), Time(1_700_050_490_000));
        assert_eq!(store.span(entity("a")).await.unwrap(), Some(ends));
        assert_eq!(store.span(entity("c")).await.unwrap(), None);
        assert_eq!(store.twins(None, 10).await.unwrap(), [entity("a"), entity("b")]);
        assert_eq!(store.twins(Some(entity("a")), 10).await.unwrap(), [entity("b")]);
        assert_eq!(all(&store, "b").await.len(), 7);
    }
}

async fn what_is_no_number_is_refused(ground: Ground) {
    let store = ground.open();
    let many = (0..=METRICS_MAX).map(|n| (metric(&format!("m{n}")), 1.0)).collect();
    for values in [vec![(metric("a"), f64::NAN)], vec![(metric("a"), f64::INFINITY)], Vec::new(), many] {
        let good = Reading { at: Time(0), values: vec![(metric("a"), 1.0)] };
        let readings = vec![good, Reading { at: Time(1), values }];
        let refused = store.commit(Change::readings(Readings { twin: entity("a"), readings })).await;
        assert!(matches!(refused, Err(StoreError::Unfit { .. })), "{refused:?}");
    }
    assert!(store.twins(None, 10).await.unwrap().is_empty());
}

async fn a_view_is_what_the_readings_say(ground: Ground) {
    let store = ground.open();
    let rows = telemetry(1_700_000_000_000, 3_000);
    report(&store, "a", &rows).await;
    let (from, to, step) = (1_700_000_003_000, 1_700_025_000_000, 3_600_000);
    let views = store.view(query("a", from, to), step).await.unwrap();
    assert_eq!(views.iter().map(|view| view.metric.as_str()).collect::<Vec<_>>(), NAMES);
    for (n, view) in views.iter().enumerate() {
        let mut steps: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (at, values) in rows.iter().filter(|(at, _)| (from..to).contains(at)) {
            let value = values.iter().find(|(one, _)| *one == n);
            steps.entry(from + (at - from) / step * step).or_default().extend(value.map(|(_, value)| *value));
        }
        assert_eq!(view.steps.len(), steps.len());
        for (step, (at, values)) in view.steps.iter().zip(&steps) {
            assert_eq!((step.at, step.count), (Time(*at), values.len() as u64));
            assert_eq!(step.min, values.iter().copied().fold(f64::INFINITY, f64::min));
            assert_eq!(step.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            assert_eq!(step.mean, values.iter().sum::<f64>() / values.len() as f64);
            assert_eq!(step.last, *values.last().unwrap());
        }
    }
}

async fn old_readings_go_and_the_others_stay(ground: Ground) {
    let store = ground.open();
    let rows = telemetry(1_700_000_000_000, 4_000);
    let mut model = Model::new();
    report(&store, "a", &rows[..3_950]).await;
    for row in &rows[3_950..] {
        report(&store, "a", std::slice::from_ref(row)).await;
    }
    report(&store, "b", &rows[..10]).await;
    learn(&mut model, &rows);
    let before = rows[2_500].0;
    assert_eq!(store.retain(entity("a"), Time(before)).await.unwrap(), 2_500);
    assert_eq!(store.retain(entity("a"), Time(before)).await.unwrap(), 0);
    model.retain(|(at, _), _| *at >= before);
    assert_eq!(all(&store, "a").await, model);
    assert_eq!(store.span(entity("b")).await.unwrap().unwrap().0, Time(rows[0].0));
    assert_eq!(store.retain(entity("a"), Time(i64::MAX)).await.unwrap(), 1_500);
    assert_eq!(store.twins(None, 10).await.unwrap(), [entity("b")]);
}

async fn a_table_has_every_reading(ground: Ground) {
    let store = ground.open();
    let rows = telemetry(1_700_000_000_000, 2_000);
    report(&store, "a", &rows).await;
    report(&store, "b", &rows[..100]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("series.parquet");
    let to = Time(rows[1_500].0);
    assert_eq!(store.export(Vec::new(), Time(0), to, path.clone()).await.unwrap(), 1_600);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["series.parquet"]);
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let mut models = BTreeMap::from([("a".to_owned(), Model::new()), ("b".to_owned(), Model::new())]);
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let (mut twin, mut at) = (String::new(), 0);
        for (name, field) in row.get_column_iter() {
            match field {
                Field::Str(text) => twin.clone_from(text),
                Field::TimestampMillis(time) => at = (time - rows[0].0) / 10_000,
                Field::Double(value) => {
                    let n = NAMES.iter().position(|one| one == name).unwrap();
                    models.get_mut(&twin).unwrap().insert((at, n), *value);
                }
                Field::Null => {}
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    for (twin, count) in [("a", 1_500), ("b", 100)] {
        let mut model = Model::new();
        learn(&mut model, &rows[..count]);
        let numbered = model.into_iter().map(|((at, n), value)| (((at - rows[0].0) / 10_000, n), value));
        assert_eq!(models[twin], numbered.collect());
    }
    let nowhere = store.export(Vec::new(), Time(0), to, folder.path().join("no/such/folder")).await;
    assert!(matches!(nowhere, Err(StoreError::Io { .. })));
}

/// A batch of readings somewhere in time: mostly near each other, so that late ones and duplicates abound.
fn batch() -> impl Strategy<Value = Vec<(i64, Vec<(usize, f64)>)>> {
    let time = prop_oneof![4 => 0i64..3_000, 1 => -1_000_000i64..1_000_000];
    let value = prop_oneof![(-100i32..100).prop_map(|n| f64::from(n) / 4.0), prop::num::f64::NORMAL];
    let row = (time, prop::collection::vec((0usize..3, value), 1..4));
    let single = prop::collection::vec(row.clone(), 1..2);
    prop_oneof![3 => single, 3 => prop::collection::vec(row.clone(), 2..60), 1 => prop::collection::vec(row, 100..900)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_order_of_readings_is_that_of_a_plain_map(
        batches in prop::collection::vec((batch(), prop::option::weighted(0.05, -2_000i64..3_000)), 1..30),
        (from, to) in (-4_000i64..4_000, -4_000i64..4_000), reopen in any::<bool>(), disk in prop::bool::weighted(0.15),
    ) {
        let ground = if disk { Ground::disk() } else { Ground::memory() };
        wait(async {
            let mut store = ground.open();
            let mut model = Model::new();
            for (rows, retain) in &batches {
                report(&store, "a", rows).await;
                learn(&mut model, rows);
                if let Some(before) = retain {
                    let instants = |model: &Model| {
                        let mut times: Vec<i64> = model.keys().map(|(at, _)| *at).collect();
                        times.dedup();
                        times.len()
                    };
                    let had = instants(&model);
                    model.retain(|(at, _), _| at >= before);
                    let deleted = store.retain(entity("a"), Time(*before)).await.unwrap();
                    assert_eq!(deleted, had - instants(&model));
                }
            }
            if reopen {
                store.close().await.unwrap();
                store = ground.open();
            }
            assert_eq!(all(&store, "a").await, model);
            let found = store.readings(query("a", from, to)).await.unwrap().0;
            model.retain(|(at, _), _| (from..to).contains(at));
            assert_eq!(as_model(&found), model);
        });
    }
}
