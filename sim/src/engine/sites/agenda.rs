//! What is due in a zone of facilities.

use std::collections::BTreeMap;
use twin::time::Time;

/// What is due, in order of (time, sequence number).
pub(super) struct Agenda<A> {
    due: BTreeMap<(Time, u64), A>,
    sequence: u64,
}

impl<A> Default for Agenda<A> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), sequence: 0 }
    }
}

impl<A> Agenda<A> {
    pub(super) fn add(&mut self, at: Time, action: A) {
        self.sequence += 1;
        self.due.insert((at, self.sequence), action);
    }

    /// The next that is due before `end`.
    pub(super) fn next_before(&mut self, end: Time) -> Option<(Time, A)> {
        let entry = self.due.first_entry()?;
        (entry.key().0 < end).then(|| (entry.key().0, entry.remove()))
    }
}
