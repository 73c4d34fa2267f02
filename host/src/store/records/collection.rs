//! Records of a type, over whichever store.

use super::{By, Cursor, Expect, IndexValue, NewRecord, RecordChange, Scan, Stored, Within};
use crate::store::{Records, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A type whose values are kept.
pub trait Record: Serialize + DeserializeOwned + Send {
    /// Name of the collection.
    const COLLECTION: &'static str;
    /// Version of the schema that values are written with.
    const SCHEMA: u16;

    /// The key, unique within the collection.
    fn key(&self) -> String;

    /// Where the value is found.
    fn indexed(&self) -> Indexed {
        Indexed::default()
    }

    /// Reads a value that was written with an earlier schema.
    ///
    /// # Errors
    /// When it cannot be.
    fn upgrade(schema: u16, body: &[u8]) -> Result<Self, StoreError> {
        let _ = body;
        Err(StoreError::Codec {
            what: Self::COLLECTION.to_owned(),
            detail: format!("schema version {schema} is no longer known"),
        })
    }
}

/// Where a value is found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Indexed(Vec<IndexValue>);

impl Indexed {
    /// And under a value that no other may have.
    #[must_use]
    pub fn unique(self, index: &str, value: impl Into<Vec<u8>>) -> Self {
        self.and(index, value.into(), true)
    }

    /// And under a value that others may share.
    #[must_use]
    pub fn shared(self, index: &str, value: impl Into<Vec<u8>>) -> Self {
        self.and(index, value.into(), false)
    }

    fn and(mut self, index: &str, value: Vec<u8>, unique: bool) -> Self {
        self.0.push(IndexValue { index: index.to_owned(), value, unique });
        self
    }
}

/// A value and how often it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// How often it was written; what a change of it builds on.
    pub version: u64,
}

/// The values of a type in a store.
#[derive(Debug)]
pub struct Collection<'a, T, S: ?Sized> {
    store: &'a S,
    of: PhantomData<fn() -> T>,
}

impl<'a, T: Record, S: Records + ?Sized> Collection<'a, T, S> {
    /// The values of a type in `store`.
    pub fn of(store: &'a S) -> Self {
        Self { store, of: PhantomData }
    }

    /// One value.
    ///
    /// # Errors
    /// When the store cannot be read or the value not be decoded.
    pub async fn get(&self, key: &str) -> Result<Option<Versioned<T>>, StoreError> {
        self.store.record(T::COLLECTION, key).await?.as_ref().map(decode).transpose()
    }

    /// The value that a unique index leads to.
    ///
    /// # Errors
    /// When the store cannot be read or the value not be decoded.
    pub async fn find(&self, index: &str, value: &[u8]) -> Result<Option<Versioned<T>>, StoreError> {
        self.store.record_by(T::COLLECTION, index, value).await?.as_ref().map(decode).transpose()
    }

    /// A page of values, and where the next one goes on.
    ///
    /// # Errors
    /// When the store cannot be read or a value not be decoded.
    pub async fn page(
        &self,
        by: By,
        within: Within,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Versioned<T>>, Option<Cursor>), StoreError> {
        let scan = Scan { by, within, ..Scan::all(T::COLLECTION, limit) }.after(after);
        let page = self.store.records(scan).await?;
        let values: Result<Vec<_>, _> = page.records.iter().map(decode).collect();
        Ok((values?, page.next))
    }
}

impl RecordChange {
    /// Writes a value.
    ///
    /// # Errors
    /// When it cannot be put into bytes.
    pub fn put<T: Record>(value: &T, expect: Expect) -> Result<Self, StoreError> {
        let body = serde_json::to_vec(value).map_err(|error| StoreError::codec(T::COLLECTION, error))?;
        Ok(Self {
            collection: T::COLLECTION.to_owned(),
            key: value.key(),
            expect,
            put: Some(NewRecord { schema: T::SCHEMA, body, indexed: value.indexed().0 }),
        })
    }

    /// Deletes the value of a key.
    pub fn delete<T: Record>(key: impl Into<String>, expect: Expect) -> Self {
        Self { collection: T::COLLECTION.to_owned(), key: key.into(), expect, put: None }
    }
}

fn decode<T: Record>(stored: &Stored) -> Result<Versioned<T>, StoreError> {
    let what = || format!("{}/{}", T::COLLECTION, stored.key);
    if stored.schema > T::SCHEMA {
        let (found, known) = (stored.schema.into(), T::SCHEMA.into());
        return Err(StoreError::FutureSchema { what: what(), found, known });
    }
    let value = if stored.schema < T::SCHEMA {
        T::upgrade(stored.schema, &stored.body)?
    } else {
        serde_json::from_slice(&stored.body).map_err(|error| StoreError::codec(what(), error))?
    };
    Ok(Versioned { value, version: stored.version })
}
