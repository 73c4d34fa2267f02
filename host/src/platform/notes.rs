//! Facts of entities that are no twins: bad messages, faults that were made. Several at once are written together.

use super::Core;
use crate::store::journal::NewEntry;
use crate::store::{Change, Entity, Revision, StoreError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Most that are written at a time.
const TOGETHER: usize = 256;
/// How often a change that somebody else was quicker than is tried.
const TRIES: usize = 8;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Notes {
    waiting: Mutex<Vec<(NewEntry, Told)>>,
    turn: tokio::sync::Mutex<()>,
}

type Told = oneshot::Sender<Result<(), StoreError>>;

impl Core {
    /// Keeps a fact of an entity that is no twin; it is durable when this is answered.
    pub(super) async fn note(
        self: &Arc<Self>,
        entity: &str,
        actor: &str,
        kind: &str,
        fact: &impl Serialize,
    ) -> Result<(), StoreError> {
        let entry = NewEntry {
            entity: Entity::new(entity)?,
            expected: Revision(0),
            at: self.clock.now(),
            actor: actor.to_owned(),
            kind: kind.to_owned(),
            schema: 1,
            payload: Vec::new(),
        };
        let entry = entry.with_json(fact)?;
        let (tell, told) = oneshot::channel();
        self.notes.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((entry, tell));
        // On its own, so that others' facts do not go with whoever gives up waiting.
        tokio::spawn(write(self.clone()));
        told.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Writes what waits, unless somebody did already.
async fn write(core: Arc<Core>) {
    let _turn = core.notes.turn.lock().await;
    let (entries, told): (Vec<NewEntry>, Vec<Told>) = {
        let mut waiting = core.notes.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let together = waiting.len().min(TOGETHER);
        waiting.drain(..together).unzip()
    };
    if entries.is_empty() {
        return;
    }
    let done = written(&core, entries).await;
    for tell in told {
        // Who no longer waits misses it.
        let _ = tell.send(done.clone());
    }
}

async fn written(core: &Core, entries: Vec<NewEntry>) -> Result<(), StoreError> {
    for _ in 1..TRIES {
        match core.store.commit(ordered(core, entries.clone()).await?).await {
            // Another platform over the same store.
            Err(StoreError::LostRace { .. }) => {}
            done => return done.map(drop),
        }
    }
    core.store.commit(ordered(core, entries).await?).await.map(drop)
}

/// The facts, each building on the one before.
async fn ordered(core: &Core, mut entries: Vec<NewEntry>) -> Result<Change, StoreError> {
    let mut next: BTreeMap<Entity, Revision> = BTreeMap::new();
    for entry in &mut entries {
        let revision = match next.get(&entry.entity) {
            Some(revision) => *revision,
            None => core.store.revision(entry.entity.clone()).await?,
        };
        entry.expected = revision;
        next.insert(entry.entity.clone(), revision.next());
    }
    Ok(Change { entries, ..Change::default() })
}
