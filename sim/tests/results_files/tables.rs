//! Parquet tables: what comes back is what went in, byte for byte the same every time.

use crate::worlds::{FIVE_YEARS, Size, add_swaps, world};
use sim::results::ResultsError;
use sim::results::record::WorldRecord;
use sim::results::tables::{Tables, read};
use std::fs;
use std::path::Path;

const SMALL: Size = Size { packs: 7, cabinets: 2, samples: 5, interval_days: 30.0, replicates: 2 };
const VALUES: [&str; 3] = ["soh", "swaps_total", "energy_throughput_kwh"];

fn small_worlds() -> Vec<WorldRecord> {
    let mut worlds = Vec::new();
    for variant in 0..2 {
        for replicate in 0..2 {
            let mut record = world(variant, replicate, SMALL);
            add_swaps(&mut record, 120, SMALL);
            worlds.push(record);
        }
    }
    worlds
}

fn write(folder: &Path, worlds: &[WorldRecord]) {
    let mut tables = Tables::create(folder, VALUES).unwrap();
    for record in worlds {
        tables.append(["base", "night"][record.variant], record).unwrap();
    }
    tables.finish().unwrap();
}

#[test]
fn rows_come_back_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let worlds = small_worlds();
    write(folder.path(), &worlds);

    let series = read::series(&folder.path().join("timeseries.parquet")).unwrap();
    let rows = worlds.iter().flat_map(|world| world.series.iter().map(move |row| (world, row)));
    assert_eq!(series.len(), worlds.iter().map(|world| world.series.len()).sum::<usize>());
    for (sample, (world, row)) in series.iter().zip(rows) {
        let subject = &world.subjects[row.subject as usize];
        assert_eq!(sample.variant, ["base", "night"][world.variant]);
        assert_eq!(sample.replicate, world.replicate as i32);
        assert_eq!((sample.t_ms, sample.value.to_bits()), (row.t_ms, row.value.to_bits()));
        assert_eq!((sample.kind.as_str(), &sample.id), (subject.kind, &subject.id));
        assert_eq!(sample.metric, row.metric);
    }

    let events = read::events(&folder.path().join("events.parquet")).unwrap();
    let rows = worlds.iter().flat_map(|world| world.events.iter().map(move |row| (world, row)));
    assert_eq!(events.len(), 480);
    for (event, (world, row)) in events.iter().zip(rows) {
        assert_eq!((event.t_ms, event.event.as_str(), event.value), (row.t_ms, row.event, row.value));
        assert_eq!(event.id, world.subjects[row.subject as usize].id);
        assert_eq!(event.other, row.other.map(|other| world.subjects[other as usize].id.clone()));
    }

    let twins = read::twins(&folder.path().join("twins.parquet")).unwrap();
    assert_eq!(twins.len(), 4 * 9);
    assert_eq!((twins[0].kind.as_str(), twins[0].group.as_str()), ("battery", "scooter pack"));
    assert!(twins[0].values.contains_key("soh") && !twins[0].values.contains_key("swaps_total"));
    assert_eq!(twins[8].values.keys().collect::<Vec<_>>(), ["swaps_total"]);
}

#[test]
fn equal_worlds_give_equal_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        write(folder.path(), &small_worlds());
    }
    for name in ["timeseries.parquet", "events.parquet", "twins.parquet"] {
        let [a, b] = [0, 1].map(|index| fs::read(folders[index].path().join(name)).unwrap());
        assert_eq!(a, b, "{name}");
    }
}

#[test]
fn a_folder_never_holds_half_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let names = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let mut tables = Tables::create(folder.path(), VALUES).unwrap();
    tables.append("base", &small_worlds()[0]).unwrap();
    assert!(names().iter().all(|name| name.ends_with(".partial")), "{:?}", names());
    drop(tables);
    assert!(names().is_empty(), "what was abandoned is removed");
    write(folder.path(), &[]);
    assert_eq!(names(), ["events.parquet", "timeseries.parquet", "twins.parquet"]);
    assert!(read::events(&folder.path().join("events.parquet")).unwrap().is_empty());
}

#[test]
fn a_world_larger_than_a_row_group_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = world(0, 0, SMALL);
    add_swaps(&mut record, 500_003, SMALL);
    write(folder.path(), &[record]);
    let events = read::events(&folder.path().join("events.parquet")).unwrap();
    assert_eq!(events.len(), 500_003);
    assert!(events.windows(2).all(|pair| pair[0].t_ms <= pair[1].t_ms));
}

#[test]
fn mistakes_of_the_caller_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Tables::create(folder.path(), ["id"]).unwrap_err();
    assert!(matches!(error, ResultsError::ReservedName { .. }));
    let mut tables = Tables::create(folder.path(), ["soh"]).unwrap();
    let error = tables.append("base", &small_worlds()[0]).unwrap_err();
    assert!(matches!(error, ResultsError::UndeclaredValue { .. }), "{error}");
    let mut record = world(0, 0, SMALL);
    record.series[0].subject = 99;
    let error = tables.append("base", &record).unwrap_err();
    assert!(matches!(error, ResultsError::UnknownSubject { index: 99, .. }), "{error}");
}

/// Prints rows per second; a number to look at, not a bound, since machines differ.
#[test]
#[ignore = "a measurement of several seconds: run with --release -- --ignored --nocapture"]
#[expect(clippy::disallowed_methods, reason = "measures how long writing takes")]
fn speed() {
    let folder = tempfile::tempdir().unwrap();
    let size = Size { packs: 1_000, cabinets: 40, ..FIVE_YEARS };
    let mut record = world(0, 0, size);
    add_swaps(&mut record, 2_500_000, size);
    let begin = std::time::Instant::now();
    write(folder.path(), std::slice::from_ref(&record));
    let events_and_series = begin.elapsed().as_secs_f64();
    let rows = record.events.len() + record.series.len() + record.twins.len();
    let bytes = |name: &str| fs::metadata(folder.path().join(name)).unwrap().len() as f64 / 1e6;
    println!(
        "{rows} rows in {events_and_series:.2} s: {:.2} million rows/s; events {:.1} MB, series {:.1} MB",
        rows as f64 / events_and_series / 1e6,
        bytes("events.parquet"),
        bytes("timeseries.parquet")
    );
    let label = sim::results::condense::VariantLabel::default();
    let mut condenser =
        sim::results::condense::Condenser::new(vec![label], 1, crate::worlds::START_MS, record.ended_ms);
    let begin = std::time::Instant::now();
    condenser.add(&record).unwrap();
    println!("{} series rows condensed in {:.3} s", record.series.len(), begin.elapsed().as_secs_f64());
}
