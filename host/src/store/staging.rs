//! Writes that are being put together over what is there, and can be taken back change by change.

use super::StoreError;
use super::medium::{Batch, Direction, KeyRange, Medium};
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

/// Keys and values in order.
pub(super) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// A value, or nothing where a key goes.
type Write = Option<Vec<u8>>;

/// What is there, and the writes over it.
pub(super) struct Staging<'a> {
    medium: &'a dyn Medium,
    writes: Batch,
    /// What the writes of the present change replaced among the writes: in order, to be taken back from the end.
    undo: Vec<(Vec<u8>, Option<Write>)>,
    bytes: usize,
}

impl<'a> Staging<'a> {
    pub(super) fn over(medium: &'a dyn Medium) -> Self {
        Self { medium, writes: Batch::new(), undo: Vec::new(), bytes: 0 }
    }

    /// From here on writes belong to the next change.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Takes the writes of the present change back.
    pub(super) fn take_back(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(write) => self.writes.insert(key, write),
                None => self.writes.remove(&key),
            };
        }
    }

    pub(super) fn into_batch(self) -> Batch {
        self.writes
    }

    /// Bytes written so far, taken back or not.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.write(key, Some(value));
    }

    pub(super) fn delete(&mut self, key: Vec<u8>) {
        self.write(key, None);
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        let before = self.writes.insert(key.clone(), value);
        self.undo.push((key, before));
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(key) {
            Some(write) => Ok(write.clone()),
            None => self.medium.get(key),
        }
    }

    /// At most `limit` pairs of a range, in the order of the direction.
    pub(super) fn range(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Pairs, StoreError> {
        if range.is_empty() {
            return Ok(Pairs::new());
        }
        let to = range.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let bounds = (Bound::Included(range.from.as_slice()), to);
        let deleted = self.writes.range::<[u8], _>(bounds).filter(|(_, write)| write.is_none()).count();
        let mut found: BTreeMap<Vec<u8>, Vec<u8>> =
            collect(self.medium, range, direction, limit.saturating_add(deleted))?.into_iter().collect();
        for (key, write) in self.writes.range::<[u8], _>(bounds) {
            match write {
                Some(value) => found.insert(key.clone(), value.clone()),
                None => found.remove(key),
            };
        }
        Ok(match direction {
            Direction::Forward => found.into_iter().take(limit).collect(),
            Direction::Backward => found.into_iter().rev().take(limit).collect(),
        })
    }
}

/// At most `limit` pairs of a range, in the order of the direction.
pub(super) fn collect(
    medium: &dyn Medium,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> Result<Pairs, StoreError> {
    let mut found = Pairs::new();
    if limit > 0 {
        medium.scan(range, direction, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::medium::Memory;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn staged_writes_read_as_if_they_were_there_and_can_be_taken_back(
            there in prop::collection::btree_map(0u8..16, 0u8..4, 0..12),
            first in prop::collection::vec((0u8..16, prop::option::of(0u8..4)), 0..12),
            second in prop::collection::vec((0u8..16, prop::option::of(0u8..4)), 0..12),
            bounds in (0u8..18, 0u8..18), limit in 0usize..8, backward in any::<bool>(),
        ) {
            let medium = Memory::default();
            let batch = there.iter().map(|(k, v)| (vec![*k], Some(vec![*v]))).collect();
            medium.apply(&batch).unwrap();
            let mut model = there.clone();
            let mut staging = Staging::over(&medium);
            let stage = |staging: &mut Staging<'_>, model: Option<&mut BTreeMap<u8, u8>>, writes: &[(u8, Option<u8>)]| {
                for (k, v) in writes {
                    match v {
                        Some(v) => staging.put(vec![*k], vec![*v]),
                        None => staging.delete(vec![*k]),
                    }
                }
                if let Some(model) = model {
                    for (k, v) in writes {
                        match v {
                            Some(v) => model.insert(*k, *v),
                            None => model.remove(k),
                        };
                    }
                }
            };
            stage(&mut staging, Some(&mut model), &first);
            staging.keep();
            stage(&mut staging, None, &second);
            staging.take_back();
            let direction = if backward { Direction::Backward } else { Direction::Forward };
            let range = KeyRange { from: vec![bounds.0], to: Some(vec![bounds.1]) };
            let inside = model.iter().filter(|(k, _)| (bounds.0..bounds.1).contains(*k));
            let mut expected: Pairs = inside.map(|(k, v)| (vec![*k], vec![*v])).collect();
            if backward { expected.reverse(); }
            expected.truncate(limit);
            prop_assert_eq!(staging.range(&range, direction, limit).unwrap(), expected);
            for k in 0..16 {
                prop_assert_eq!(staging.get(&[k]).unwrap(), model.get(&k).map(|v| vec![*v]));
            }
            medium.apply(&staging.into_batch()).unwrap();
            let all = collect(&medium, &KeyRange::prefix(&[]), Direction::Forward, 100).unwrap();
            prop_assert_eq!(all, model.iter().map(|(k, v)| (vec![*k], vec![*v])).collect::<Pairs>());
        }
    }
}
