//! Snapshots: what an entity's state was at a revision, so that less must be replayed. Deleting them costs time only.

use super::StoreError;
use super::key::{Key, Parts, SNAPSHOT, open, seal};
use super::medium::{Direction, KeyRange, Medium};
use super::name::{Entity, Revision};
use super::staging::{Staging, collect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twin::time::Time;

/// Version of how snapshots are laid out.
const LAYOUT: u8 = 1;
/// Snapshots that are deleted at a time.
const PAGE: usize = 1_000;
/// Most bytes of a state.
pub const STATE_MAX_BYTES: usize = 4 << 20;

/// An entity's state at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose state it is.
    pub entity: Entity,
    /// Revision that it is of.
    pub revision: Revision,
    /// Instant that it is of.
    pub at: Time,
    /// Version of the state's schema.
    pub schema: u16,
    /// The state in the bytes of its type.
    pub state: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    at: Time,
    schema: u16,
    state: Vec<u8>,
}

impl Snapshot {
    /// A snapshot of a state, in postcard's bytes.
    ///
    /// # Errors
    /// When the state cannot be put into bytes.
    pub fn of<T: Serialize>(
        entity: Entity,
        revision: Revision,
        at: Time,
        schema: u16,
        state: &T,
    ) -> Result<Self, StoreError> {
        let state = postcard::to_stdvec(state).map_err(|error| StoreError::codec("a snapshot", error))?;
        Ok(Self { entity, revision, at, schema, state })
    }

    /// The state, when its schema is `known`. Of any other the twin is replayed instead: postcard's bytes do not tell
    /// what they are.
    ///
    /// # Errors
    /// When the schema is another, or the bytes are not of the type.
    pub fn state<T: DeserializeOwned>(&self, known: u16) -> Result<T, StoreError> {
        let what = || format!("the snapshot of {} at revision {}", self.entity, self.revision);
        if self.schema > known {
            let (found, known) = (self.schema.into(), known.into());
            return Err(StoreError::FutureSchema { what: what(), found, known });
        }
        if self.schema < known {
            return Err(StoreError::codec(what(), format!("schema version {} is outdated", self.schema)));
        }
        postcard::from_bytes(&self.state).map_err(|error| StoreError::codec(what(), error))
    }
}

pub(super) fn put(staging: &mut Staging<'_>, snapshot: Snapshot) -> Result<(), StoreError> {
    if snapshot.state.len() > STATE_MAX_BYTES {
        let (entity, bytes) = (&snapshot.entity, snapshot.state.len());
        return Err(StoreError::unfit(format!(
            "a snapshot of {entity} takes {bytes} bytes, at most {STATE_MAX_BYTES} are kept"
        )));
    }
    let key = Key::of(SNAPSHOT).text(snapshot.entity.as_str()).number(snapshot.revision.0).0;
    let kept = Kept { at: snapshot.at, schema: snapshot.schema, state: snapshot.state };
    let body = postcard::to_stdvec(&kept).map_err(|error| StoreError::codec("a snapshot", error))?;
    let value = seal(&key, LAYOUT, &body);
    staging.put(key, value);
    Ok(())
}

/// Deletes all of an entity's snapshots before a revision; how many there were.
pub(super) fn forget(
    staging: &mut Staging<'_>,
    entity: &Entity,
    before: Revision,
) -> Result<usize, StoreError> {
    let all = Key::of(SNAPSHOT).text(entity.as_str());
    let range = KeyRange { from: all.0.clone(), to: Some(all.number(before.0).0) };
    let mut deleted = 0;
    loop {
        let found = staging.range(&range, Direction::Forward, PAGE)?;
        if found.is_empty() {
            return Ok(deleted);
        }
        deleted += found.len();
        found.into_iter().for_each(|(key, _)| staging.delete(key));
    }
}

/// The last snapshot at a revision or before it.
pub(super) fn nearest(
    medium: &dyn Medium,
    entity: &Entity,
    up_to: Revision,
) -> Result<Option<Snapshot>, StoreError> {
    let all = Key::of(SNAPSHOT).text(entity.as_str());
    let to = match up_to.0.checked_add(1) {
        Some(beyond) => Some(all.clone().number(beyond).0),
        None => all.range().to,
    };
    let range = KeyRange { from: all.0, to };
    let found = collect(medium, &range, Direction::Backward, 1)?;
    let Some((key, value)) = found.first() else { return Ok(None) };
    let what = format!("a snapshot of {entity}");
    let mut parts = Parts(&key[1..]);
    let revision = parts.text().and_then(|_| parts.number());
    let revision = revision.ok_or_else(|| StoreError::corrupt(&what, "its key is cut off"))?;
    let (_, body) = open(&what, key, LAYOUT, value)?;
    let kept: Kept = postcard::from_bytes(body).map_err(|error| StoreError::codec(&what, error))?;
    let Kept { at, schema, state } = kept;
    Ok(Some(Snapshot { entity: entity.clone(), revision: Revision(revision), at, schema, state }))
}
