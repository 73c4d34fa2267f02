//! The store on disk: durable facts and readings per second with group commit, bytes per reading, and the time that a
//! day of readings takes. The folder is that of `TMPDIR`: what counts is the disk under it.
//!
//! ```text
//! cargo bench -p host --bench store
//! ```

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a bench looks at the clock")]

use host::store::journal::NewEntry;
use host::store::series::{Query, Reading, Readings};
use host::store::{
    Change, Commit, Entity, Journal, LocalStore, Metric, Options, Revision, Series, StoreError,
};
use std::path::Path;
use std::time::Instant;
use twin::time::{DAY_MS, Time};

const START: i64 = 1_790_000_000_000;
const METRICS: [&str; 8] = [
    "voltage_v",
    "current_a",
    "temperature_c",
    "ambient_c",
    "soc_pct",
    "soh_pct",
    "internal_resistance_ohm",
    "speed_kmh",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let metrics: Vec<Metric> = METRICS.iter().map(|name| Metric::new(name)).collect::<Result<_, _>>()?;
    for writers in [1, 16, 256, 2_048] {
        let folder = tempfile::tempdir()?;
        let each = (40_000 / writers).clamp(20, 2_000);
        let took = runtime.block_on(facts(folder.path(), writers, each))?;
        println!(
            "{writers:>5} writers, one fact at a time: {:>9.0} durable facts/s",
            (writers * each) as f64 / took
        );
    }
    for (twins, batch) in [(2_048, 1), (64, 1), (256, 20), (256, 360)] {
        let folder = tempfile::tempdir()?;
        // Many twins for a moment, or a third of a day to a day of ten-second readings.
        let each = if twins > 1_000 {
            200
        } else if batch == 1 {
            8_640
        } else {
            2_880
        };
        let took = runtime.block_on(report(folder.path(), &metrics, twins, each, batch, 10_000))?;
        let (count, bytes) = ((twins * each) as f64, size(folder.path())? as f64);
        println!(
            "{twins:>5} twins, {each:>5} readings each of 8 metrics, {batch:>3} at a time: {:>9.0} durable readings/s, {:>5.1} bytes per reading on disk",
            count / took,
            bytes / count
        );
    }
    for step_ms in [1_000, 10_000] {
        let folder = tempfile::tempdir()?;
        let readings = (3 * DAY_MS / step_ms) as usize;
        runtime.block_on(report(folder.path(), &metrics, 1, readings, 60, step_ms))?;
        let store = LocalStore::open(folder.path(), &Options::default())?;
        let from = START + DAY_MS;
        let day = Query::new(twin(0)?, Time(from), Time(from + DAY_MS));
        let two = day.clone().metrics(metrics[..2].to_vec());
        for (what, query) in [("8 metrics", day), ("2 metrics", two)] {
            let mut times = Vec::new();
            let mut count = 0;
            for _ in 0..40 {
                let begun = Instant::now();
                count = runtime.block_on(store.readings(query.clone()))?.0.len();
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            let first = times[0];
            times.sort_by(f64::total_cmp);
            println!(
                "a day at {:>2} s, {what}: {count} readings in {:.2} ms (first {first:.2}, best {:.2}, worst {:.2})",
                step_ms / 1_000,
                times[times.len() / 2],
                times[0],
                times[times.len() - 1]
            );
        }
        runtime.block_on(store.close())?;
    }
    Ok(())
}

/// Bytes of a folder.
fn size(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for found in std::fs::read_dir(folder)? {
        let found = found?;
        bytes += if found.file_type()?.is_dir() { size(&found.path())? } else { found.metadata()?.len() };
    }
    Ok(bytes)
}

fn twin(n: usize) -> Result<Entity, StoreError> {
    Entity::new(&format!("battery/BAT-2025-LI-{n:06}"))
}

async fn facts(folder: &Path, writers: usize, each: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let store = LocalStore::open(folder, &Options::default())?;
    let begun = Instant::now();
    let mut set = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let (store, entity) = (store.clone(), twin(writer)?);
        set.spawn(async move {
            for n in 0..each as u64 {
                let entry = NewEntry {
                    entity: entity.clone(),
                    expected: Revision(n),
                    at: Time(START + n as i64),
                    actor: "bench".to_owned(),
                    kind: "pack-swapped".to_owned(),
                    schema: 1,
                    payload: vec![b'x'; 160],
                };
                store.commit(Change::entry(entry)).await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    for done in set.join_all().await {
        done?;
    }
    let took = begun.elapsed().as_secs_f64();
    let audit = store.audit().await?;
    assert!(audit.fault.is_none() && audit.entries == (writers * each) as u64);
    store.close().await?;
    Ok(took)
}

/// Telemetry of a scooter pack as a gateway sends it: rides and charges, noise of the sensors, rounded to what they
/// resolve (1 mV, 10 mA, 0.1 °C, 0.1 %, 10 µΩ, 0.1 km/h), times off by some milliseconds now and then.
fn telemetry(metrics: &[Metric], twin: usize, n: usize, step_ms: i64) -> Reading {
    let mut state =
        (twin as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (n as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
    let mut noise = || {
        state ^= state >> 30;
        state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state ^= state >> 27;
        state = state.wrapping_mul(0x94D0_49BB_1331_11EB);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    let round = |value: f64, places: i32| (value * 10f64.powi(places)).round() / 10f64.powi(places);
    let t_s = n as f64 * step_ms as f64 * 1e-3 + twin as f64 * 100.0;
    let of_day = (t_s / 86_400.0).fract();
    let rides = (0.3..0.8).contains(&of_day) && (t_s / 1_800.0).fract() < 0.6;
    let charges = of_day < 0.15;
    let hum = (t_s / 37.0).sin() + (t_s / 11.0).sin();
    let current = if rides {
        14.0 + 9.0 * hum + 2.0 * noise()
    } else if charges {
        -8.0 + 0.02 * noise()
    } else {
        0.0
    };
    let soc = if charges { 30.0 + 400.0 * of_day } else { 90.0 - 60.0 * (of_day - 0.15) };
    let jitter = if noise() > 0.9 { (noise() * 40.0) as i64 } else { 0 };
    let values = [
        round(44.0 + 0.12 * soc - 0.03 * current + 0.002 * noise(), 3),
        round(current, 2),
        round(24.0 + 6.0 * (of_day * 6.3).sin() + if rides { 4.0 } else { 0.0 } + 0.05 * noise(), 1),
        round(23.0 + 6.0 * (of_day * 6.3).sin(), 1),
        round(soc, 1),
        round(97.3 - t_s / 3e7, 1),
        round(0.0312 + 1e-5 * noise(), 5),
        if rides { round(28.0 + 9.0 * hum + noise(), 1) } else { 0.0 },
    ];
    Reading {
        at: Time(START + n as i64 * step_ms + jitter),
        values: metrics.iter().cloned().zip(values).collect(),
    }
}

async fn report(
    folder: &Path,
    metrics: &[Metric],
    twins: usize,
    each: usize,
    batch: usize,
    step_ms: i64,
) -> Result<f64, Box<dyn std::error::Error>> {
    let store = LocalStore::open(folder, &Options::default())?;
    let begun = Instant::now();
    let mut set = tokio::task::JoinSet::new();
    for number in 0..twins {
        let (store, twin, metrics) = (store.clone(), twin(number)?, metrics.to_vec());
        set.spawn(async move {
            for start in (0..each).step_by(batch) {
                let reading = |n| telemetry(&metrics, number, n, step_ms);
                let readings = (start..each.min(start + batch)).map(reading).collect();
                store.commit(Change::readings(Readings { twin: twin.clone(), readings })).await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    for done in set.join_all().await {
        done?;
    }
    let took = begun.elapsed().as_secs_f64();
    store.close().await?;
    Ok(took)
}
