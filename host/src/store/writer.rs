//! The one thread that writes: it takes what waits, checks it, applies it as one batch, flushes once, and answers.

use super::journal::{Checkpoint, Tip};
use super::key::{CHANGE, FORMAT, seal};
use super::local::{Core, State};
use super::medium::{Batch, Direction, KeyRange, Medium};
use super::name::Entity;
use super::series::{self, Waiting};
use super::staging::{Staging, collect};
use super::{Change, Receipt, StoreError, key, records, snapshot};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use twin::time::Time;

/// Most pieces of work that are flushed together.
const GROUP: usize = 1_024;
/// Bytes after which a group is flushed, whatever still waits.
const GROUP_BYTES: usize = 4 << 20;
/// Version of the layout of keys.
const LAYOUT: u8 = 1;

/// Where an answer goes.
pub(super) type Back<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Work {
    Change(Box<Change>, Back<Receipt>),
    Seal(Back<Option<Checkpoint>>),
    Retain(Entity, Time, Back<(usize, bool)>),
    Close(Back<()>),
}

/// Work that was done but for the flush, and its answer.
enum Outcome {
    Change(Back<Receipt>, Result<Receipt, StoreError>),
    Seal(Back<Option<Checkpoint>>, Result<Option<Checkpoint>, StoreError>),
    Retain(Back<(usize, bool)>, Result<(usize, bool), StoreError>),
    Close(Back<()>),
}

impl Outcome {
    fn is_accepted(&self) -> bool {
        match self {
            Self::Change(_, result) => result.is_ok(),
            Self::Seal(_, result) => result.is_ok(),
            Self::Retain(_, result) => result.is_ok(),
            Self::Close(_) => false,
        }
    }

    /// Answers; where the flush failed, with that. Who no longer waits misses it.
    fn answer(self, flushed: &Result<(), StoreError>) {
        fn both<T>(flushed: &Result<(), StoreError>, result: Result<T, StoreError>) -> Result<T, StoreError> {
            result.and_then(|value| flushed.clone().map(|()| value))
        }
        match self {
            Self::Change(back, result) => drop(back.send(both(flushed, result))),
            Self::Seal(back, result) => drop(back.send(both(flushed, result))),
            Self::Retain(back, result) => drop(back.send(both(flushed, result))),
            Self::Close(back) => drop(back.send(flushed.clone())),
        }
    }
}

/// The writer's own knowledge.
#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    tip: Tip,
    waiting: Waiting,
    number: u64,
}

/// Brings an empty or known medium up to where it can be written, and says which change was the last.
pub(super) fn prepare(medium: &dyn Medium) -> Result<u64, StoreError> {
    let accepted = medium.accepted()?;
    let Some(format) = medium.get(FORMAT)? else {
        let is_empty = collect(medium, &KeyRange::prefix(&[]), Direction::Forward, 1)?.is_empty();
        return match accepted {
            Some(acknowledged) => Err(StoreError::TailLost { acknowledged, found: 0 }),
            None if !is_empty => Err(StoreError::corrupt("the store", "the version of its layout is gone")),
            None => {
                let change = seal(CHANGE, LAYOUT, &0u64.to_be_bytes());
                let format = seal(FORMAT, LAYOUT, b"celltide");
                let first = [(FORMAT, format), (CHANGE, change)];
                medium.apply(&first.into_iter().map(|(key, value)| (key.to_vec(), Some(value))).collect())?;
                medium.sync(0)?;
                Ok(0)
            }
        };
    };
    key::open("the store", FORMAT, LAYOUT, &format)?;
    let found = number_of(medium)?;
    match accepted {
        Some(acknowledged) if acknowledged > found => {
            return Err(StoreError::TailLost { acknowledged, found });
        }
        None if found > 0 => {
            return Err(StoreError::corrupt("the store", "the number of the last accepted change is gone"));
        }
        _ => {}
    }
    // A change that was applied when the process ended, but not acknowledged, is so from here on.
    medium.sync(found)?;
    Ok(found)
}

/// The number of the last change.
pub(super) fn number_of(medium: &dyn Medium) -> Result<u64, StoreError> {
    let gone = || StoreError::corrupt("the number of the last change", "it is gone");
    let value = medium.get(CHANGE)?.ok_or_else(gone)?;
    let (_, body) = key::open("the number of the last change", CHANGE, LAYOUT, &value)?;
    key::Parts(body).number().ok_or_else(gone)
}

impl Writer {
    pub(super) fn new(core: Arc<Core>, medium: &dyn Medium) -> Result<Self, StoreError> {
        let number = prepare(medium)?;
        let tip = Tip::read(medium)?;
        Ok(Self { core, tip, waiting: Waiting::default(), number })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Works until nobody can ask any more, or the store is closed.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut waits = VecDeque::new();
        let mut is_open = true;
        while is_open {
            if waits.is_empty() {
                match queue.blocking_recv() {
                    Some(work) => waits.push_back(work),
                    None => break,
                }
            }
            while waits.len() < GROUP {
                match queue.try_recv() {
                    Ok(work) => waits.push_back(work),
                    Err(_) => break,
                }
            }
            is_open = self.group(&mut waits);
        }
        queue.close();
        self.core.close();
        // Whoever came too late hears that the store is closed, by the loss of the way back.
    }

    /// Does some of what waits and flushes it; whether the store is still open.
    fn group(&mut self, waits: &mut VecDeque<Work>) -> bool {
        let mut outcomes = Vec::new();
        // A bug in here must not leave callers waiting: the store then says that it has failed.
        let flushed = catch_unwind(AssertUnwindSafe(|| self.staged(waits, &mut outcomes)))
            .unwrap_or_else(|_| Err(StoreError::Failed { why: "the writer panicked".to_owned() }));
        let flushed = flushed.and_then(|batch| match batch {
            Some(batch) => self.write(&batch),
            None => Ok(()),
        });
        let is_open = !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Close(_)));
        if !is_open {
            self.core.close();
        }
        outcomes.into_iter().for_each(|outcome| outcome.answer(&flushed));
        is_open
    }

    /// Checks what waits and puts it into a batch; none where nothing was accepted.
    fn staged(
        &mut self,
        waits: &mut VecDeque<Work>,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<Option<Batch>, StoreError> {
        let core = self.core.clone();
        let refusal = core.has_failed().map_or_else(|| core.has_room(), Err);
        core.look(|medium| {
            let mut staging = Staging::over(medium);
            while staging.bytes() < GROUP_BYTES {
                let Some(work) = waits.pop_front() else { break };
                let is_last = matches!(work, Work::Close(_));
                outcomes.push(self.one(&mut staging, work, &refusal));
                if is_last {
                    break;
                }
            }
            if !outcomes.iter().any(Outcome::is_accepted) {
                return Ok(None);
            }
            self.tip.put_head(&mut staging)?;
            let number = self.number + 1;
            staging.put(CHANGE.to_vec(), seal(CHANGE, LAYOUT, &number.to_be_bytes()));
            Ok(Some(staging.into_batch()))
        })
    }

    fn one(&mut self, staging: &mut Staging<'_>, work: Work, refusal: &Result<(), StoreError>) -> Outcome {
        let refused = refusal.clone().err();
        match (work, refused) {
            (Work::Close(back), _) => Outcome::Close(back),
            (Work::Change(_, back), Some(error)) => Outcome::Change(back, Err(error)),
            (Work::Seal(back), Some(error)) => Outcome::Seal(back, Err(error)),
            (Work::Retain(_, _, back), Some(error)) => Outcome::Retain(back, Err(error)),
            (Work::Change(change, back), None) => {
                let result = self.change(staging, *change);
                Outcome::Change(back, result)
            }
            (Work::Seal(back), None) => {
                let result = self.tip.seal(staging);
                staging.keep();
                Outcome::Seal(back, result)
            }
            (Work::Retain(twin, before, back), None) => {
                let result = series::retain(staging, &mut self.waiting, &twin, before);
                self.settle(staging, result.is_ok(), std::iter::once(&twin));
                Outcome::Retain(back, result)
            }
        }
    }

    /// Keeps what was staged, or takes it back.
    fn settle<'a>(&mut self, staging: &mut Staging<'_>, keep: bool, twins: impl Iterator<Item = &'a Entity>) {
        if keep {
            staging.keep();
        } else {
            staging.take_back();
            twins.for_each(|twin| self.waiting.forget(twin));
        }
    }

    fn change(&mut self, staging: &mut Staging<'_>, change: Change) -> Result<Receipt, StoreError> {
        let mark = self.tip.mark(change.entries.iter().map(|entry| entry.entity.clone()));
        let twins: Vec<Entity> = change.readings.iter().map(|readings| readings.twin.clone()).collect();
        let result = self.staged_change(staging, change);
        if result.is_err() {
            self.tip.take_back(&mark);
        }
        self.settle(staging, result.is_ok(), twins.iter());
        if result.is_ok() && self.tip.is_seal_due() {
            self.tip.seal(staging)?;
            staging.keep();
        }
        result
    }

    fn staged_change(&mut self, staging: &mut Staging<'_>, change: Change) -> Result<Receipt, StoreError> {
        if let (true, Some(record)) = (change.entries.is_empty(), change.records.first()) {
            let (collection, key) = (record.collection.clone(), record.key.clone());
            return Err(StoreError::Unexplained { collection, key });
        }
        let mut receipt = Receipt::default();
        for entry in change.entries {
            receipt.entries.push(self.tip.append(staging, entry)?);
        }
        for record in change.records {
            records::change(staging, record)?;
        }
        for readings in &change.readings {
            series::record(staging, &mut self.waiting, readings)?;
        }
        for new in change.snapshots {
            let found = self.tip.revision(staging, &new.entity)?;
            if new.revision > found {
                return Err(StoreError::SnapshotAhead { entity: new.entity, revision: new.revision, found });
            }
            snapshot::put(staging, new)?;
        }
        for (entity, before) in &change.forget {
            snapshot::forget(staging, entity, *before)?;
        }
        Ok(receipt)
    }

    /// Applies a batch and makes it durable. When that fails nobody knows what is on disk: the store has failed.
    fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.number += 1;
        let number = self.number;
        let core = &self.core;
        let written = catch_unwind(AssertUnwindSafe(|| {
            core.apply(batch, number)?;
            core.look(|medium| medium.sync(number))
        }));
        let written =
            written.unwrap_or_else(|_| Err(StoreError::Failed { why: "the writer panicked".to_owned() }));
        core.tell(match &written {
            Ok(()) => State { durable: number, failed: None },
            Err(error) => State { durable: number - 1, failed: Some(told(error)) },
        });
        written
    }
}

/// An error and its causes in one line.
fn told(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
