//! Records in order, page by page.

use super::{Stored, keep};
use crate::store::StoreError;
use crate::store::key::{INDEX, Key, Parts, RECORD, UNIQUE};
use crate::store::medium::{Direction, KeyRange, Medium};
use crate::store::staging::collect;
use std::fmt;
use std::str::FromStr;

/// Which records, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Their collection.
    pub collection: String,
    /// What they are ordered by.
    pub by: By,
    /// Which of them.
    pub within: Within,
    /// Which way.
    pub direction: Direction,
    /// Most records of a page.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

/// What records are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Their keys.
    Key,
    /// The values of an index that several may share.
    Index(String),
    /// The values of a unique index.
    Unique(String),
}

/// Which keys, or values of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// All.
    All,
    /// This one.
    Exactly(Vec<u8>),
    /// All that begin so.
    Prefix(Vec<u8>),
    /// From the first on and before the second.
    Range(Vec<u8>, Vec<u8>),
}

/// Where a page ended. Its text can be handed to a client and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

/// Some records, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Stored>,
    /// Where to go on; nothing where they are at an end.
    pub next: Option<Cursor>,
}

impl Scan {
    /// All records of a collection in the order of their keys.
    pub fn all(collection: impl Into<String>, limit: usize) -> Self {
        Self {
            collection: collection.into(),
            by: By::Key,
            within: Within::All,
            direction: Direction::Forward,
            limit,
            after: None,
        }
    }

    /// The same in the order of an index, within some of its values.
    pub fn by_index(self, index: impl Into<String>, within: Within) -> Self {
        Self { by: By::Index(index.into()), within, ..self }
    }

    /// The same after the end of another page.
    pub fn after(self, cursor: Option<Cursor>) -> Self {
        Self { after: cursor, ..self }
    }

    fn start(&self) -> Key {
        match &self.by {
            By::Key => Key::of(RECORD).text(&self.collection),
            By::Index(index) => Key::of(INDEX).text(&self.collection).text(index),
            By::Unique(index) => Key::of(UNIQUE).text(&self.collection).text(index),
        }
    }

    fn range(&self) -> KeyRange {
        let start = self.start();
        match &self.within {
            Within::All => start.range(),
            Within::Exactly(value) => start.text(value).range(),
            Within::Prefix(value) => start.start_of_text(value).range(),
            Within::Range(from, to) => {
                KeyRange { from: start.clone().text(from).0, to: Some(start.text(to).0) }
            }
        }
    }
}

/// One page of records.
pub(in crate::store) fn scan(medium: &dyn Medium, scan: &Scan) -> Result<Page, StoreError> {
    let mut range = scan.range();
    if let Some(Cursor(last)) = &scan.after {
        let start = scan.start().0;
        let mut at = start.clone();
        at.extend(last);
        match scan.direction {
            Direction::Forward => {
                at.push(0);
                range.from = range.from.max(at);
            }
            Direction::Backward => range.to = Some(range.to.map_or(at.clone(), |to| to.min(at))),
        }
    }
    if range.is_empty() || scan.limit == 0 {
        return Ok(Page { records: Vec::new(), next: None });
    }
    // One more than asked for tells whether there is a next page.
    let mut found = collect(medium, &range, scan.direction, scan.limit.saturating_add(1))?;
    let more = found.len() > scan.limit;
    found.truncate(scan.limit);
    let start = scan.start().0.len();
    let next = found.last().filter(|_| more).map(|(key, _)| Cursor(key[start..].to_vec()));
    let collection = &scan.collection;
    let mut records = Vec::with_capacity(found.len());
    for (place, value) in found {
        let mut parts = Parts(&place[start..]);
        let first = parts.text();
        let key = match &scan.by {
            By::Key => first,
            By::Index(_) => first.and_then(|_| parts.text()),
            By::Unique(_) => Some(value.clone()),
        };
        let key = key.ok_or_else(|| StoreError::corrupt(collection, "a key is cut off"))?;
        let key = keep::text(collection, key)?;
        records.push(match scan.by {
            By::Key => keep::stored(collection, &key, &place, &value)?,
            _ => keep::get(medium, collection, &key)?.ok_or_else(|| {
                StoreError::corrupt(format!("{collection}/{key}"), "an index leads to it, but it is gone")
            })?,
        });
    }
    Ok(Page { records, next })
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let wrong = || StoreError::unfit(format!("{text:?} is no cursor"));
        if !text.len().is_multiple_of(2) || !text.is_ascii() {
            return Err(wrong());
        }
        let pairs = (0..text.len()).step_by(2);
        let bytes: Option<Vec<u8>> = pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect();
        bytes.map(Self).ok_or_else(wrong)
    }
}
