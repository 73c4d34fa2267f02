//! Names that were asked for lately, and the twins that they lead to, so that not every request looks into the store.

use super::door::Kind;
use super::registry::TwinId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names of a kind that are remembered; then all of that kind are looked up anew.
const NAMES: usize = 200_000;

/// The names. A kind is part of what is asked for, since one name may belong to twins of several.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    of: HashMap<Option<Kind>, HashMap<Box<str>, TwinId>>,
    /// How often all were forgotten.
    generation: u64,
}

/// When somebody began to look a name up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since(u64);

impl Names {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The twin that a name leads to, or from when on somebody looks it up.
    pub(super) fn get(&self, kind: Option<Kind>, name: &str) -> Result<TwinId, Since> {
        let known = self.known();
        let found = known.of.get(&kind).and_then(|names| names.get(name));
        found.copied().ok_or(Since(known.generation))
    }

    /// A name was looked up. Nothing is kept where names changed meanwhile: what was found may be older than that.
    pub(super) fn put(&self, kind: Option<Kind>, name: &str, id: TwinId, since: Since) {
        let mut known = self.known();
        if known.generation != since.0 {
            return;
        }
        let names = known.of.entry(kind).or_default();
        if names.len() >= NAMES {
            names.clear();
        }
        names.insert(name.into(), id);
    }

    /// Names changed: they are looked up again.
    pub(super) fn forget(&self) {
        let mut known = self.known();
        known.generation += 1;
        known.of.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> TwinId {
        TwinId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_name_is_known_by_kind_until_names_change() {
        let names = Names::default();
        let since = names.get(None, "a").unwrap_err();
        names.put(None, "a", id(1), since);
        names.put(Some(Kind::Cabinet), "a", id(2), since);
        assert_eq!(names.get(None, "a"), Ok(id(1)));
        assert_eq!(names.get(Some(Kind::Cabinet), "a"), Ok(id(2)));
        assert!(names.get(Some(Kind::Battery), "a").is_err());
        names.forget();
        assert!(names.get(None, "a").is_err());
        // What was looked up before that is not taken.
        names.put(None, "a", id(1), since);
        assert!(names.get(None, "a").is_err());
    }
}
