//! News of twins for whoever listens now. What must not be lost is in the journal; this is a broadcast.

use super::door::Kind;
use super::registry::TwinId;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::broadcast;
use twin::time::Time;

/// News that a listener may be behind before it misses some.
const BEHIND: usize = 4_096;

/// Something that happened to a twin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct News {
    /// Number of the news since the platform started, from 1 on, without gaps.
    pub number: u64,
    /// Whose.
    pub twin: TwinId,
    /// What it is a twin of.
    pub kind: Kind,
    /// When.
    pub at: Time,
    /// What: `telemetry`, `alert.raised`, `command.accepted` …
    pub event: String,
    /// More about it.
    pub data: serde_json::Value,
}

/// The broadcast.
#[derive(Debug)]
pub struct Bus {
    sender: broadcast::Sender<Arc<News>>,
    numbers: AtomicU64,
}

impl Default for Bus {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BEHIND), numbers: AtomicU64::new(0) }
    }
}

/// Which news somebody wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these kinds; of all where none is named.
    pub kinds: Vec<Kind>,
    /// Of these twins; of all where none is named.
    pub twins: Vec<TwinId>,
    /// Of these events; a name stands for all that begin with it and a dot, so `alert` is `alert.raised` as well.
    pub events: Vec<String>,
}

impl Filter {
    /// Whether somebody wants a piece of news.
    pub fn wants(&self, news: &News) -> bool {
        let named = |event: &String| {
            let rest = news.event.strip_prefix(event.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        (self.kinds.is_empty() || self.kinds.contains(&news.kind))
            && (self.twins.is_empty() || self.twins.contains(&news.twin))
            && (self.events.is_empty() || self.events.iter().any(named))
    }
}

impl Bus {
    /// Whether anybody listens; where not, news need not be written.
    pub fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Tells everybody.
    pub fn tell(&self, twin: TwinId, kind: Kind, at: Time, event: &str, data: serde_json::Value) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        // Nobody listening is no failure.
        let _ = self.sender.send(Arc::new(News { number, twin, kind, at, event: event.to_owned(), data }));
    }

    /// News from now on. Who is too slow is told how many it missed.
    pub fn listen(&self) -> broadcast::Receiver<Arc<News>> {
        self.sender.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(event: &str) -> News {
        let twin = TwinId(uuid::Uuid::nil());
        let data = serde_json::Value::Null;
        News { number: 1, twin, kind: Kind::Battery, at: Time(0), event: event.to_owned(), data }
    }

    #[test]
    fn a_name_stands_for_what_begins_with_it() {
        let filter = Filter { events: vec!["alert".to_owned()], ..Filter::default() };
        assert!(filter.wants(&news("alert.raised")));
        assert!(filter.wants(&news("alert")));
        assert!(!filter.wants(&news("alertness")));
        assert!(!filter.wants(&news("telemetry")));
        let filter = Filter { kinds: vec![Kind::Vessel], ..Filter::default() };
        assert!(!filter.wants(&news("telemetry")));
        assert!(Filter::default().wants(&news("telemetry")));
    }

    #[test]
    fn the_slow_are_told_how_much_they_missed() {
        let bus = Bus::default();
        let mut listener = bus.listen();
        for _ in 0..BEHIND + 10 {
            bus.tell(TwinId(uuid::Uuid::nil()), Kind::Battery, Time(0), "telemetry", serde_json::Value::Null);
        }
        assert!(matches!(listener.try_recv(), Err(broadcast::error::TryRecvError::Lagged(10))));
        assert_eq!(listener.try_recv().unwrap().number, 11);
    }
}
