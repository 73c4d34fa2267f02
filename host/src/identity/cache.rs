//! Callers that were looked up a moment ago, by the digest of what they showed.
//!
//! Checking a signature and three records takes some hundred microseconds, a look in here one or two. What is revoked
//! through this process is forgotten at once; what another process revoked, after [`FRESH_MS`].

use super::policy::Caller;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use twin::time::Time;

/// Time after which a caller is looked up again.
pub(super) const FRESH_MS: i64 = 5_000;
/// Parts of the cache, each behind its own lock.
const PARTS: usize = 16;
/// Callers of one part that are kept; with as many more, the older half goes.
const PART_MAX: usize = 2_048;

type Key = [u8; 32];

#[derive(Debug, Default)]
struct Part {
    young: HashMap<Key, Seen>,
    old: HashMap<Key, Seen>,
}

#[derive(Debug, Clone)]
struct Seen {
    caller: Arc<Caller>,
    from: Time,
    until: Time,
}

/// The cache.
#[derive(Debug, Default)]
pub(super) struct Cache {
    parts: [Mutex<Part>; PARTS],
    generation: AtomicU64,
}

/// What was shown, and the state of things when it was looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    key: Key,
    generation: u64,
}

impl Cache {
    /// Begins to look at what was shown.
    pub(super) fn look(&self, kind: u8, shown: &str) -> Look {
        let mut hash = Sha256::new();
        hash.update([kind]);
        hash.update(shown.as_bytes());
        Look { key: hash.finalize().into(), generation: self.generation.load(Ordering::Acquire) }
    }

    /// Whom it was shown by, if that was looked up just now.
    pub(super) fn get(&self, look: &Look, now: Time) -> Option<Arc<Caller>> {
        let part = self.part(look).lock().unwrap_or_else(PoisonError::into_inner);
        let seen = part.young.get(&look.key).or_else(|| part.old.get(&look.key))?;
        (seen.from <= now && now < seen.until).then(|| seen.caller.clone())
    }

    /// Keeps a caller for a moment, no longer than until `end`. Nothing is kept when something was revoked since the
    /// look began: what was read may be older than that.
    pub(super) fn put(&self, look: &Look, caller: &Arc<Caller>, now: Time, end: Option<Time>) {
        let fresh = now + FRESH_MS;
        let until = end.map_or(fresh, |end| end.min(fresh));
        let mut part = self.part(look).lock().unwrap_or_else(PoisonError::into_inner);
        if self.generation.load(Ordering::Acquire) != look.generation {
            return;
        }
        if part.young.len() >= PART_MAX {
            part.old = std::mem::take(&mut part.young);
        }
        part.young.insert(look.key, Seen { caller: caller.clone(), from: now, until });
    }

    /// Forgets everybody.
    pub(super) fn clear(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        for part in &self.parts {
            *part.lock().unwrap_or_else(PoisonError::into_inner) = Part::default();
        }
    }

    fn part(&self, look: &Look) -> &Mutex<Part> {
        &self.parts[usize::from(look.key[0]) % PARTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_kept_for_a_moment_and_no_longer_than_its_token() {
        let cache = Cache::default();
        let caller = Arc::new(Caller::platform());
        let look = cache.look(0, "token");
        cache.put(&look, &caller, Time(1_000), None);
        assert!(cache.get(&look, Time(1_000)).is_some() && cache.get(&look, Time(5_999)).is_some());
        assert!(cache.get(&look, Time(6_000)).is_none() && cache.get(&look, Time(999)).is_none());
        assert!(cache.get(&cache.look(1, "token"), Time(1_000)).is_none(), "shown as something else");
        cache.put(&look, &caller, Time(1_000), Some(Time(2_000)));
        assert!(cache.get(&look, Time(1_999)).is_some() && cache.get(&look, Time(2_000)).is_none());
    }

    #[test]
    fn what_was_looked_up_before_a_revocation_is_not_kept_after_it() {
        let cache = Cache::default();
        let caller = Arc::new(Caller::platform());
        let look = cache.look(0, "token");
        cache.clear();
        cache.put(&look, &caller, Time(0), None);
        assert!(cache.get(&look, Time(0)).is_none());
    }

    #[test]
    fn the_cache_stays_small() {
        let cache = Cache::default();
        let caller = Arc::new(Caller::platform());
        for n in 0..100_000 {
            cache.put(&cache.look(0, &n.to_string()), &caller, Time(0), None);
        }
        let kept: usize =
            cache.parts.iter().map(|part| part.lock().unwrap()).map(|p| p.young.len() + p.old.len()).sum();
        assert!(kept <= 2 * PARTS * PART_MAX, "{kept}");
    }
}
