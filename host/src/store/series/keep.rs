//! Putting readings where they belong, and letting old ones go.

use super::frame::{Frame, Readings};
use super::{BLOCK_READINGS, LAYOUT, WAITING_READINGS, block};
use crate::store::StoreError;
use crate::store::key::{BLOCK, Key, PENDING, Parts, open, seal};
use crate::store::medium::{Direction, KeyRange};
use crate::store::name::Entity;
use crate::store::staging::Staging;
use std::collections::HashMap;
use twin::time::Time;

/// Twins whose queues the writer remembers; beyond that it reads them again.
const REMEMBERED: usize = 100_000;
/// Late readings may swell a block to this before it is cut in two.
const SWOLLEN_READINGS: usize = BLOCK_READINGS + BLOCK_READINGS / 2;
/// Blocks that go at a time.
const RETAIN_BLOCKS: usize = 256;

/// How many readings wait under each twin.
#[derive(Debug, Default)]
pub(in crate::store) struct Waiting(HashMap<Entity, Queue>);

#[derive(Debug, Clone, Copy, Default)]
struct Queue {
    readings: usize,
    next: u64,
}

impl Waiting {
    /// Forgets a twin, whose queue is then read again.
    pub(in crate::store) fn forget(&mut self, twin: &Entity) {
        self.0.remove(twin);
    }

    fn queue(&mut self, staging: &Staging<'_>, twin: &Entity) -> Result<Queue, StoreError> {
        if let Some(queue) = self.0.get(twin) {
            return Ok(*queue);
        }
        let mut queue = Queue::default();
        for (key, value) in staging.range(&queue_of(twin).range(), Direction::Forward, usize::MAX)? {
            let (_, body) = open(&waiting(twin), &key, LAYOUT, &value)?;
            queue.readings += block::count(body).unwrap_or(0);
            let mut parts = Parts(&key[1..]);
            let number = parts.text().and_then(|_| parts.number());
            queue.next = number.ok_or_else(|| StoreError::corrupt(waiting(twin), "a key is cut off"))? + 1;
        }
        Ok(queue)
    }

    fn set(&mut self, twin: &Entity, queue: Queue) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(twin.clone(), queue);
    }
}

/// Keeps readings of a twin.
pub(in crate::store) fn record(
    staging: &mut Staging<'_>,
    waiting: &mut Waiting,
    readings: &Readings,
) -> Result<(), StoreError> {
    let twin = &readings.twin;
    let frame = Frame::of(&readings.readings)?;
    if frame.is_empty() {
        return Ok(());
    }
    let mut queue = waiting.queue(staging, twin)?;
    if queue.readings + frame.len() < WAITING_READINGS {
        let key = queue_of(twin).number(queue.next).0;
        let value = seal(&key, LAYOUT, &block::encode(&frame));
        staging.put(key, value);
        queue.readings += frame.len();
        queue.next += 1;
    } else {
        let mut all = take_queue(staging, twin)?;
        all.merge(frame);
        place(staging, twin, all)?;
        queue.readings = 0;
    }
    waiting.set(twin, queue);
    Ok(())
}

/// Takes what waits under a twin, in the order in which it came.
fn take_queue(staging: &mut Staging<'_>, twin: &Entity) -> Result<Frame, StoreError> {
    let mut all = Frame::default();
    for (key, value) in staging.range(&queue_of(twin).range(), Direction::Forward, usize::MAX)? {
        let (_, body) = open(&waiting(twin), &key, LAYOUT, &value)?;
        all.merge(block::decode(&waiting(twin), body, &[])?);
        staging.delete(key);
    }
    Ok(all)
}

/// Puts readings into the blocks that cover their times.
fn place(staging: &mut Staging<'_>, twin: &Entity, mut frame: Frame) -> Result<(), StoreError> {
    let blocks = blocks_of(twin).range();
    while let Some(&first) = frame.times.first() {
        let up_to = KeyRange { from: blocks.from.clone(), to: just_after(twin, first) };
        let mut home = staging.range(&up_to, Direction::Backward, 1)?.pop();
        if home.is_none() {
            // Earlier than everything: the first block grows at its beginning.
            home = staging.range(&blocks, Direction::Forward, 1)?.pop();
        }
        let Some((key, value)) = home else {
            put_all(staging, twin, &frame, BLOCK_READINGS);
            return Ok(());
        };
        let after = KeyRange { from: beyond(&key), to: blocks.to.clone() };
        let next = staging.range(&after, Direction::Forward, 1)?.pop();
        let next = next.map(|(key, _)| start_in(twin, &key)).transpose()?;
        let rest = match next {
            Some(next) => {
                let split = frame.times.partition_point(|&time| time < next);
                let rest = frame.rows(split, frame.len());
                frame = frame.rows(0, split);
                rest
            }
            None => Frame::default(),
        };
        let (_, body) = open(&block_of(twin), &key, LAYOUT, &value)?;
        let mut merged = block::decode(&block_of(twin), body, &[])?;
        let is_behind = merged.times.last() < frame.times.first();
        if is_behind && merged.len() >= BLOCK_READINGS && next.is_none() {
            put_all(staging, twin, &frame, BLOCK_READINGS);
        } else {
            merged.merge(frame);
            if next.is_none() && is_behind {
                staging.delete(key);
                put_all(staging, twin, &merged, BLOCK_READINGS);
            } else if merged.len() <= SWOLLEN_READINGS {
                put_over(staging, twin, &merged, key, &value);
            } else {
                staging.delete(key);
                // Even parts, so that each has room for what may still come late.
                let parts = merged.len().div_ceil(BLOCK_READINGS);
                put_all(staging, twin, &merged, merged.len().div_ceil(parts));
            }
        }
        frame = rest;
    }
    Ok(())
}

/// Writes a block in the place of another, unless it is the same.
fn put_over(staging: &mut Staging<'_>, twin: &Entity, frame: &Frame, old_key: Vec<u8>, old_value: &[u8]) {
    let key = blocks_of(twin).time(frame.times[0]).0;
    let value = seal(&key, LAYOUT, &block::encode(frame));
    if key == old_key && value == old_value {
        return;
    }
    if key != old_key {
        staging.delete(old_key);
    }
    staging.put(key, value);
}

/// Writes readings as blocks of some size.
fn put_all(staging: &mut Staging<'_>, twin: &Entity, frame: &Frame, size: usize) {
    for start in (0..frame.len()).step_by(size) {
        let part = frame.rows(start, frame.len().min(start + size));
        let key = blocks_of(twin).time(part.times[0]).0;
        let value = seal(&key, LAYOUT, &block::encode(&part));
        staging.put(key, value);
    }
}

/// Deletes a twin's readings before an instant; how many, and whether there are more.
pub(in crate::store) fn retain(
    staging: &mut Staging<'_>,
    waiting: &mut Waiting,
    twin: &Entity,
    before: Time,
) -> Result<(usize, bool), StoreError> {
    let queue = take_queue(staging, twin)?;
    place(staging, twin, queue)?;
    waiting.forget(twin);
    let blocks = blocks_of(twin).range();
    let old = KeyRange { from: blocks.from, to: Some(blocks_of(twin).time(before).0) };
    let found = staging.range(&old, Direction::Forward, RETAIN_BLOCKS + 1)?;
    let more = found.len() > RETAIN_BLOCKS;
    let mut deleted = 0;
    for (key, value) in found.into_iter().take(RETAIN_BLOCKS) {
        let (_, body) = open(&block_of(twin), &key, LAYOUT, &value)?;
        let mut frame = block::decode(&block_of(twin), body, &[])?;
        let all = frame.len();
        frame.within(before, Time(i64::MAX));
        deleted += all - frame.len();
        staging.delete(key);
        put_all(staging, twin, &frame.rows(0, frame.len()), SWOLLEN_READINGS);
    }
    Ok((deleted, more))
}

pub(super) fn queue_of(twin: &Entity) -> Key {
    Key::of(PENDING).text(twin.as_str())
}

pub(super) fn blocks_of(twin: &Entity) -> Key {
    Key::of(BLOCK).text(twin.as_str())
}

/// The first key beyond a block that begins at `time`.
pub(super) fn just_after(twin: &Entity, time: Time) -> Option<Vec<u8>> {
    Some(beyond(&blocks_of(twin).time(time).0))
}

/// The first key beyond `key`.
fn beyond(key: &[u8]) -> Vec<u8> {
    let mut beyond = key.to_vec();
    beyond.push(0);
    beyond
}

/// When a block begins.
pub(super) fn start_in(twin: &Entity, key: &[u8]) -> Result<Time, StoreError> {
    let mut parts = Parts(&key[1..]);
    let time = parts.text().and_then(|_| parts.time());
    time.ok_or_else(|| StoreError::corrupt(block_of(twin), "a key is cut off"))
}

pub(super) fn block_of(twin: &Entity) -> String {
    format!("a block of {twin}")
}

pub(super) fn waiting(twin: &Entity) -> String {
    format!("a waiting reading of {twin}")
}
