//! Writing records and their indexes, and reading one.

use super::{Expect, IndexValue, NewRecord, RECORD_MAX_BYTES, RecordChange, Stored};
use crate::store::StoreError;
use crate::store::key::{INDEX, Key, RECORD, UNIQUE, open, seal};
use crate::store::medium::Medium;
use crate::store::staging::Staging;
use serde::{Deserialize, Serialize};

/// Version of how records are laid out.
const LAYOUT: u8 = 1;
/// Longest name, key or indexed value in bytes.
const TEXT_MAX_BYTES: usize = 500;

/// A record as it is kept: with where it is found, so that this can be deleted without knowing its type.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) version: u64,
    pub(super) schema: u16,
    indexed: Vec<IndexValue>,
    pub(super) body: Vec<u8>,
}

/// Writes or deletes a record as a change says.
pub(in crate::store) fn change(staging: &mut Staging<'_>, change: RecordChange) -> Result<(), StoreError> {
    let RecordChange { collection, key, expect, put } = change;
    check(&collection, &key, put.as_ref())?;
    let place = place(&collection, &key);
    let before = staging.get(&place)?.map(|value| kept(&collection, &key, &place, &value)).transpose()?;
    let found = before.as_ref().map_or(0, |before| before.version);
    let expected = match expect {
        Expect::Anything => found,
        Expect::Absent => 0,
        Expect::Version(version) => version,
    };
    if expected != found {
        return Err(StoreError::RecordChanged { collection, key, expected, found });
    }
    for old in before.into_iter().flat_map(|before| before.indexed) {
        staging.delete(index_place(&collection, &old, &key));
    }
    let Some(NewRecord { schema, body, indexed }) = put else {
        staging.delete(place);
        return Ok(());
    };
    for new in &indexed {
        let at = index_place(&collection, new, &key);
        if new.unique {
            if let Some(holder) = staging.get(&at)?.filter(|holder| *holder != key.as_bytes()) {
                return Err(StoreError::NotUnique {
                    collection,
                    index: new.index.clone(),
                    value: String::from_utf8_lossy(&new.value).into_owned(),
                    holder: String::from_utf8_lossy(&holder).into_owned(),
                });
            }
            staging.put(at, key.clone().into_bytes());
        } else {
            staging.put(at, Vec::new());
        }
    }
    let kept = Kept { version: found + 1, schema, indexed, body };
    let body =
        postcard::to_stdvec(&kept).map_err(|error| StoreError::codec(what(&collection, &key), error))?;
    let value = seal(&place, LAYOUT, &body);
    staging.put(place, value);
    Ok(())
}

/// One record.
pub(in crate::store) fn get(
    medium: &dyn Medium,
    collection: &str,
    key: &str,
) -> Result<Option<Stored>, StoreError> {
    let place = place(collection, key);
    medium.get(&place)?.map(|value| stored(collection, key, &place, &value)).transpose()
}

/// Key of the record that has a value in a unique index.
pub(in crate::store) fn holder(
    medium: &dyn Medium,
    collection: &str,
    index: &str,
    value: &[u8],
) -> Result<Option<String>, StoreError> {
    let place = Key::of(UNIQUE).text(collection).text(index).text(value).0;
    let holder = medium.get(&place)?;
    holder.map(|key| text(collection, key)).transpose()
}

pub(super) fn text(collection: &str, bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| StoreError::corrupt(collection, "a key is no text"))
}

pub(super) fn stored(collection: &str, key: &str, place: &[u8], value: &[u8]) -> Result<Stored, StoreError> {
    let Kept { version, schema, body, .. } = kept(collection, key, place, value)?;
    Ok(Stored { key: key.to_owned(), version, schema, body })
}

fn kept(collection: &str, key: &str, place: &[u8], value: &[u8]) -> Result<Kept, StoreError> {
    let what = what(collection, key);
    let (_, body) = open(&what, place, LAYOUT, value)?;
    postcard::from_bytes(body).map_err(|error| StoreError::codec(what, error))
}

fn place(collection: &str, key: &str) -> Vec<u8> {
    Key::of(RECORD).text(collection).text(key).0
}

fn index_place(collection: &str, value: &IndexValue, key: &str) -> Vec<u8> {
    let kind = if value.unique { UNIQUE } else { INDEX };
    let place = Key::of(kind).text(collection).text(&value.index).text(&value.value);
    if value.unique { place.0 } else { place.text(key).0 }
}

fn what(collection: &str, key: &str) -> String {
    format!("{collection}/{key}")
}

fn check(collection: &str, key: &str, put: Option<&NewRecord>) -> Result<(), StoreError> {
    let indexed = put.map_or(&[][..], |put| &put.indexed);
    let values = indexed.iter().flat_map(|one| [one.index.as_bytes(), &one.value]);
    let long = values.chain([collection.as_bytes(), key.as_bytes()]).find(|text| text.len() > TEXT_MAX_BYTES);
    if let Some(long) = long {
        return Err(StoreError::unfit(format!(
            "a name, key or indexed value of {} takes {} bytes, at most {TEXT_MAX_BYTES} are kept",
            what(collection, key),
            long.len()
        )));
    }
    if collection.is_empty() || key.is_empty() {
        return Err(StoreError::unfit("a record without a collection or a key"));
    }
    match put {
        Some(put) if put.body.len() > RECORD_MAX_BYTES => Err(StoreError::unfit(format!(
            "{} takes {} bytes, at most {RECORD_MAX_BYTES} are kept",
            what(collection, key),
            put.body.len()
        ))),
        _ => Ok(()),
    }
}
