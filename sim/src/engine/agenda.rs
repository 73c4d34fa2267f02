//! What is due in a zone: each keeps one but those of packs cell by cell, which know their three next things by themselves.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use twin::time::Time;

/// What is due, in order of time, and at the same time in the order in which it was added.
pub(super) struct Agenda<A> {
    due: BinaryHeap<Reverse<Due<A>>>,
    sequence: u64,
}

struct Due<A> {
    at: Time,
    sequence: u64,
    action: A,
}

impl<A> Default for Agenda<A> {
    fn default() -> Self {
        Self { due: BinaryHeap::new(), sequence: 0 }
    }
}

impl<A> Agenda<A> {
    /// Adds something that is due at a time.
    pub(super) fn add(&mut self, at: Time, action: A) {
        self.sequence += 1;
        self.due.push(Reverse(Due { at, sequence: self.sequence, action }));
    }

    /// The next that is due before `end`.
    pub(super) fn next_before(&mut self, end: Time) -> Option<(Time, A)> {
        let Reverse(first) = self.due.peek()?;
        if first.at >= end {
            return None;
        }
        self.due.pop().map(|Reverse(due)| (due.at, due.action))
    }
}

impl<A> PartialEq for Due<A> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<A> Eq for Due<A> {}

impl<A> PartialOrd for Due<A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<A> Ord for Due<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_of_time_and_then_of_its_entry() {
        let mut agenda = Agenda::default();
        for (at, action) in [(30, "d"), (10, "a"), (20, "b"), (20, "c")] {
            agenda.add(Time(at), action);
        }
        assert_eq!(agenda.next_before(Time(10)), None);
        let mut came = Vec::new();
        while let Some((at, action)) = agenda.next_before(Time(30)) {
            came.push((at.0, action));
            if action == "a" {
                agenda.add(Time(20), "e");
            }
        }
        assert_eq!(came, [(10, "a"), (20, "b"), (20, "c"), (20, "e")]);
        assert_eq!(agenda.next_before(Time(31)), Some((Time(30), "d")));
    }
}
