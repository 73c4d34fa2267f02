//! Readings in the store, without a platform: what they take on disk, and how quickly they are read.

use super::client::{METRICS, figures};
use super::stock;
use crate::failure::Failure;
use futures::StreamExt;
use host::platform::TwinId;
use host::store::series::{Query, Reading, Readings};
use host::store::{Change, Commit, Entity, LocalStore, Metric, Series};
use std::path::Path;
use tokio::time::Instant;
use twin::time::Time;

/// Readings that are written at a time.
const TOGETHER: usize = 256;
/// Writes that wait at a time.
const WAITING: usize = 64;
/// Readings of a day, one every ten seconds.
const DAY: usize = 8_640;
/// Time between two of them [ms].
const STEP_MS: i64 = 10_000;

/// Writes so many readings of each twin, and lets the store become what it is after a clean stop.
pub(crate) async fn fill(
    store: &LocalStore,
    twins: &[Entity],
    each: usize,
    first_ms: i64,
) -> Result<(), Failure> {
    let metrics: Vec<Metric> =
        METRICS.iter().map(|name| Metric::new(name)).collect::<Result<_, _>>().map_err(Failure::failed)?;
    let parts = (0..each).step_by(TOGETHER).flat_map(|start| (0..twins.len()).map(move |twin| (start, twin)));
    let writes = futures::stream::iter(parts).map(|(start, twin)| {
        let reading = |k: usize| Reading {
            at: Time(first_ms + k as i64 * STEP_MS),
            values: metrics.iter().cloned().zip(figures(twin, k)).collect(),
        };
        let readings = (start..each.min(start + TOGETHER)).map(reading).collect();
        store.commit(Change::readings(Readings { twin: twins[twin].clone(), readings }))
    });
    let mut writes = writes.buffer_unordered(WAITING);
    while let Some(written) = writes.next().await {
        written.map_err(Failure::failed)?;
    }
    Ok(())
}

/// Entities of twins.
pub(crate) fn entities(ids: &[TwinId]) -> Result<Vec<Entity>, Failure> {
    ids.iter().map(|id| Entity::new(&id.to_string())).collect::<Result<_, _>>().map_err(Failure::failed)
}

/// Bytes on disk per reading of eight metrics, and the time to read a day of one battery [s].
pub(crate) async fn day(place: &Path, first_ms: i64) -> Result<(f64, f64), Failure> {
    let twins = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    let twins: Vec<Entity> =
        twins.iter().map(|name| Entity::new(name)).collect::<Result<_, _>>().map_err(Failure::failed)?;
    let store = stock::open(place)?;
    fill(&store, &twins, DAY, first_ms).await?;
    store.close().await.map_err(Failure::failed)?;
    drop(store);
    let bytes = stock::bytes_in(&stock::data_in(place))? / (twins.len() * DAY) as f64;
    let store = stock::open(place)?;
    let mut took_s = Vec::new();
    for round in 0..32 {
        let twin = twins[round % twins.len()].clone();
        let query = Query::new(twin, Time(first_ms), Time(first_ms + DAY as i64 * STEP_MS));
        let began = Instant::now();
        let (frame, _) = store.readings(query).await.map_err(Failure::failed)?;
        took_s.push(began.elapsed().as_secs_f64());
        if frame.times.len() != DAY {
            return Err(super::platform::failed(format_args!("{} readings of {DAY}", frame.times.len())));
        }
    }
    store.close().await.map_err(Failure::failed)?;
    Ok((bytes, super::load::quantile(&mut took_s, 0.5)))
}
