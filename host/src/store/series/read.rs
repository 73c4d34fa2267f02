//! Reading series.

use super::keep::{block_of, blocks_of, just_after, queue_of, start_in, waiting};
use super::{Frame, LAYOUT, Query, block};
use crate::store::StoreError;
use crate::store::key::{BLOCK, Key, PENDING, Parts, open};
use crate::store::medium::{Direction, KeyRange, Medium};
use crate::store::name::{Entity, Metric};
use crate::store::staging::collect;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use twin::time::Time;

/// Readings of a twin, and where to go on when the limit was reached.
pub(in crate::store) fn readings(
    medium: &dyn Medium,
    query: &Query,
) -> Result<(Frame, Option<Time>), StoreError> {
    let Query { twin, metrics, from, to, limit } = query;
    let mut frame = Frame::default();
    let mut next = None;
    if from >= to {
        return Ok((frame, next));
    }
    let blocks = blocks_of(twin).range();
    // The block that covers the first instant begins at it or before it.
    let up_to = KeyRange { from: blocks.from.clone(), to: just_after(twin, *from) };
    let first = collect(medium, &up_to, Direction::Backward, 1)?.pop();
    let first = first.map_or(blocks.from, |(key, _)| key);
    let range = KeyRange { from: first, to: Some(blocks_of(twin).time(*to).0) };
    let mut failed = None;
    medium.scan(&range, Direction::Forward, &mut |key, value| {
        let mut add = || -> Result<bool, StoreError> {
            if frame.len() >= *limit {
                next = Some(start_in(twin, key)?);
                return Ok(false);
            }
            let (_, body) = open(&block_of(twin), key, LAYOUT, value)?;
            let mut part = block::decode(&block_of(twin), body, metrics)?;
            if part.times.first() < Some(from) || part.times.last() >= Some(to) {
                part.within(*from, *to);
            }
            part.only(metrics);
            frame.merge(part);
            Ok(true)
        };
        match add() {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let to = next.unwrap_or(*to);
    let mut waits = Frame::default();
    for (key, value) in collect(medium, &queue_of(twin).range(), Direction::Forward, usize::MAX)? {
        let (_, body) = open(&waiting(twin), &key, LAYOUT, &value)?;
        waits.merge(block::decode(&waiting(twin), body, metrics)?);
    }
    waits.within(*from, to);
    waits.only(metrics);
    frame.merge(waits);
    frame.drop_empty_columns();
    Ok((frame, next))
}

/// First and last instant of a twin's readings.
pub(in crate::store) fn span(medium: &dyn Medium, twin: &Entity) -> Result<Option<(Time, Time)>, StoreError> {
    let ends = |direction| {
        let found = collect(medium, &blocks_of(twin).range(), direction, 1)?;
        let Some((key, value)) = found.first() else { return Ok(None) };
        let (_, body) = open(&block_of(twin), key, LAYOUT, value)?;
        let frame = block::decode(&block_of(twin), body, &[])?;
        Ok::<_, StoreError>(frame.times.first().copied().zip(frame.times.last().copied()))
    };
    let mut span = None;
    let mut add = |ends: Option<(Time, Time)>| {
        if let Some((first, last)) = ends {
            let (from, to) = span.unwrap_or((first, last));
            span = Some((first.min(from), last.max(to)));
        }
    };
    add(ends(Direction::Forward)?);
    add(ends(Direction::Backward)?);
    for (key, value) in collect(medium, &queue_of(twin).range(), Direction::Forward, usize::MAX)? {
        let (_, body) = open(&waiting(twin), &key, LAYOUT, &value)?;
        let frame = block::decode(&waiting(twin), body, &[])?;
        add(frame.times.first().copied().zip(frame.times.last().copied()));
    }
    Ok(span)
}

/// Twins that have readings, in the order of their names, after one of them.
pub(in crate::store) fn twins(
    medium: &dyn Medium,
    after: Option<&Entity>,
    limit: usize,
) -> Result<Vec<Entity>, StoreError> {
    let mut found = BTreeSet::new();
    for kind in [BLOCK, PENDING] {
        let all = Key::of(kind);
        let to = all.range().to;
        let mut from = after.map_or_else(|| all.0.clone(), |after| end_of(kind, after));
        for _ in 0..limit {
            let range = KeyRange { from: from.clone(), to: to.clone() };
            let first = collect(medium, &range, Direction::Forward, 1)?.pop();
            let Some((key, _)) = first else { break };
            let name = Parts(&key[1..]).text().and_then(|name| String::from_utf8(name).ok());
            let name = name.ok_or_else(|| StoreError::corrupt("a key of a series", "it is cut off"))?;
            let twin = Entity::new(&name)?;
            from = end_of(kind, &twin);
            found.insert(twin);
        }
    }
    Ok(found.into_iter().take(limit).collect())
}

/// The first key beyond those of a twin.
fn end_of(kind: u8, twin: &Entity) -> Vec<u8> {
    Key::of(kind).text(twin.as_str()).range().to.expect("a key that ends with a zero has one beyond")
}

/// Names of the metrics that a twin has readings of.
pub(super) fn metrics(medium: &dyn Medium, twin: &Entity) -> Result<BTreeSet<Metric>, StoreError> {
    let mut found = BTreeSet::new();
    for start in [blocks_of(twin), queue_of(twin)] {
        let mut failed = None;
        medium.scan(&start.range(), Direction::Forward, &mut |key, value| {
            let named = open(&block_of(twin), key, LAYOUT, value)
                .and_then(|(_, body)| block::metrics(&block_of(twin), body));
            match named {
                Ok(named) => found.extend(named),
                Err(error) => failed = Some(error),
            }
            if failed.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(found)
}
