//! What is due when: commands to be given again, twins that may have fallen silent.

use super::registry::TwinId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;
use twin::time::Time;
use uuid::Uuid;

/// What is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// Whether the hardware fell silent.
    Silence,
    /// A command without an answer.
    Command(Uuid),
}

/// Everything that is due some time.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: Mutex<BinaryHeap<Reverse<(Time, TwinId, Due)>>>,
    sooner: Notify,
}

impl Agenda {
    pub(super) fn add(&self, at: Time, twin: TwinId, what: Due) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = due.peek().is_none_or(|Reverse((first, _, _))| at < *first);
        due.push(Reverse((at, twin, what)));
        if is_first {
            self.sooner.notify_one();
        }
    }

    /// When the first thing is due.
    pub(super) fn first(&self) -> Option<Time> {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.peek().map(|Reverse((at, _, _))| *at)
    }

    /// The first thing, where it is due by now.
    pub(super) fn take(&self, now: Time) -> Option<(TwinId, Due)> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.peek().filter(|Reverse((at, _, _))| *at <= now)?;
        due.pop().map(|Reverse((_, twin, what))| (twin, what))
    }

    /// Waits until something was added that is due sooner than all else.
    pub(super) async fn sooner(&self) {
        self.sooner.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_first_comes_first() {
        let agenda = Agenda::default();
        let twin = TwinId(Uuid::nil());
        agenda.add(Time(20), twin, Due::Silence);
        agenda.add(Time(10), twin, Due::Command(Uuid::nil()));
        assert_eq!(agenda.first(), Some(Time(10)));
        assert_eq!(agenda.take(Time(5)), None);
        assert_eq!(agenda.take(Time(20)), Some((twin, Due::Command(Uuid::nil()))));
        assert_eq!(agenda.take(Time(20)), Some((twin, Due::Silence)));
        assert_eq!(agenda.take(Time(20)), None);
    }
}
