//! What is due when: commands to be given again, twins that may have fallen silent.
//!
//! When a twin would be silent is known here for all of them, awake or not: a word of it moves the instant on, and only
//! who really said nothing until then is looked at.

use super::registry::TwinId;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
    inner: Mutex<Inner>,
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    due: BinaryHeap<Reverse<(Time, TwinId, Due)>>,
    /// When each twin that was heard would be silent; each stands among what is due once, then or earlier.
    silent: HashMap<TwinId, Time>,
}

impl Agenda {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command is to be looked at.
    pub(super) fn command(&self, at: Time, twin: TwinId, command: Uuid) {
        self.push(&mut self.inner(), at, twin, Due::Command(command));
    }

    /// A twin was heard: it would be silent at `at`.
    pub(super) fn heard(&self, at: Time, twin: TwinId) {
        let mut inner = self.inner();
        if inner.silent.insert(twin, at).is_none() {
            self.push(&mut inner, at, twin, Due::Silence);
        }
    }

    /// A twin of which nothing was heard yet is to be looked at, unless it is heard first.
    pub(super) fn watch(&self, at: Time, twin: TwinId) {
        let mut inner = self.inner();
        if let Entry::Vacant(vacant) = inner.silent.entry(twin) {
            vacant.insert(at);
            self.push(&mut inner, at, twin, Due::Silence);
        }
    }

    /// What could not be done is to be done later.
    pub(super) fn later(&self, at: Time, twin: TwinId, what: Due) {
        match what {
            Due::Silence => self.watch(at, twin),
            Due::Command(command) => self.command(at, twin, command),
        }
    }

    fn push(&self, inner: &mut Inner, at: Time, twin: TwinId, what: Due) {
        let is_first = inner.due.peek().is_none_or(|Reverse((first, _, _))| at < *first);
        inner.due.push(Reverse((at, twin, what)));
        if is_first {
            self.sooner.notify_one();
        }
    }

    /// When there is something to look for.
    pub(super) fn first(&self) -> Option<Time> {
        self.inner().due.peek().map(|Reverse((at, _, _))| *at)
    }

    /// The first thing, where it is due by now.
    pub(super) fn take(&self, now: Time) -> Option<(TwinId, Due)> {
        let mut inner = self.inner();
        loop {
            inner.due.peek().filter(|Reverse((at, _, _))| *at <= now)?;
            let Reverse((_, twin, what)) = inner.due.pop()?;
            if what == Due::Silence {
                match inner.silent.get(&twin).copied() {
                    // It was heard since.
                    Some(at) if at > now => {
                        inner.due.push(Reverse((at, twin, what)));
                        continue;
                    }
                    _ => drop(inner.silent.remove(&twin)),
                }
            }
            return Some((twin, what));
        }
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
        agenda.heard(Time(20), twin);
        agenda.command(Time(10), twin, Uuid::nil());
        assert_eq!(agenda.first(), Some(Time(10)));
        assert_eq!(agenda.take(Time(5)), None);
        assert_eq!(agenda.take(Time(20)), Some((twin, Due::Command(Uuid::nil()))));
        assert_eq!(agenda.take(Time(20)), Some((twin, Due::Silence)));
        assert_eq!(agenda.take(Time(20)), None);
    }

    #[test]
    fn who_is_heard_again_is_not_looked_at_before_its_time_and_only_once() {
        let agenda = Agenda::default();
        let (one, other) = (TwinId(Uuid::nil()), TwinId(Uuid::max()));
        for at in [10, 20, 30] {
            agenda.heard(Time(at), one);
        }
        agenda.watch(Time(15), one);
        agenda.watch(Time(15), other);
        assert_eq!(agenda.take(Time(15)), Some((other, Due::Silence)));
        assert_eq!(agenda.take(Time(29)), None);
        assert_eq!(agenda.take(Time(30)), Some((one, Due::Silence)));
        assert_eq!(agenda.take(Time(1_000)), None);
        agenda.heard(Time(40), one);
        assert_eq!(agenda.take(Time(40)), Some((one, Due::Silence)));
    }
}
