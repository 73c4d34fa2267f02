//! News of twins for whoever listens now. What must not be lost is in the journal; this is a broadcast.
//!
//! ```text
//!  tell ──► broadcast ──────────► who wants news of any twin: hears all, keeps what its filter wants
//!       └─► ears at that twin ──► who named twins: wakes for those alone, so a thousand listeners cost a thousand
//! ```

use super::door::Kind;
use super::registry::TwinId;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{broadcast, mpsc};
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

/// Where news for one listener are put that named its twins.
#[derive(Debug)]
struct Ear {
    filter: Filter,
    news: mpsc::Sender<Arc<News>>,
    /// News for which there was no room.
    missed: AtomicU64,
}

type Ears = HashMap<TwinId, Vec<Arc<Ear>>>;

/// The broadcast.
#[derive(Debug)]
pub struct Bus {
    sender: broadcast::Sender<Arc<News>>,
    ears: Arc<RwLock<Ears>>,
    numbers: AtomicU64,
}

impl Default for Bus {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BEHIND), ears: Arc::default(), numbers: AtomicU64::new(0) }
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

/// What a listener hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A piece of news that it wants.
    News(Arc<News>),
    /// It was too slow, and missed so many; of the news of all twins these are counted whether it wanted them or not.
    Missed(u64),
}

/// Somebody who listens to some of the news; ends when it is dropped.
#[derive(Debug)]
pub struct Listener(Reach);

#[derive(Debug)]
enum Reach {
    Every { filter: Filter, news: broadcast::Receiver<Arc<News>> },
    Named { ear: Arc<Ear>, news: mpsc::Receiver<Arc<News>>, ears: Arc<RwLock<Ears>> },
}

impl Bus {
    /// Whether anybody listens to news of a twin; where not, they need not be written.
    pub fn is_heard(&self, twin: TwinId) -> bool {
        self.sender.receiver_count() > 0 || read(&self.ears, |ears| ears.contains_key(&twin))
    }

    /// Tells everybody.
    pub fn tell(&self, twin: TwinId, kind: Kind, at: Time, event: &str, data: serde_json::Value) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let news = Arc::new(News { number, twin, kind, at, event: event.to_owned(), data });
        read(&self.ears, |ears| {
            for ear in ears.get(&twin).into_iter().flatten().filter(|ear| ear.filter.wants(&news)) {
                if ear.news.try_send(news.clone()).is_err() {
                    ear.missed.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        // Nobody listening is no failure.
        let _ = self.sender.send(news);
    }

    /// News from now on. Who is too slow is told how many it missed.
    pub fn listen(&self) -> broadcast::Receiver<Arc<News>> {
        self.sender.subscribe()
    }

    /// News from now on that somebody wants.
    pub fn listen_to(&self, filter: Filter) -> Listener {
        if filter.twins.is_empty() {
            return Listener(Reach::Every { filter, news: self.listen() });
        }
        let (sender, news) = mpsc::channel(BEHIND);
        let ear = Arc::new(Ear { filter, news: sender, missed: AtomicU64::new(0) });
        let mut ears = self.ears.write().unwrap_or_else(PoisonError::into_inner);
        for twin in &ear.filter.twins {
            let there = ears.entry(*twin).or_default();
            if !there.iter().any(|known| Arc::ptr_eq(known, &ear)) {
                there.push(ear.clone());
            }
        }
        drop(ears);
        Listener(Reach::Named { ear, news, ears: self.ears.clone() })
    }
}

fn read<R>(ears: &RwLock<Ears>, look: impl FnOnce(&Ears) -> R) -> R {
    look(&ears.read().unwrap_or_else(PoisonError::into_inner))
}

impl Listener {
    /// The next that it wants, or how many it missed; nothing once there will be no more.
    pub async fn heard(&mut self) -> Option<Heard> {
        match &mut self.0 {
            Reach::Every { filter, news } => loop {
                match news.recv().await {
                    Ok(news) if filter.wants(&news) => return Some(Heard::News(news)),
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(count)) => return Some(Heard::Missed(count)),
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            },
            Reach::Named { ear, news, .. } => match ear.missed.swap(0, Ordering::Relaxed) {
                0 => news.recv().await.map(Heard::News),
                missed => Some(Heard::Missed(missed)),
            },
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Reach::Named { ear, ears, .. } = &self.0 else { return };
        let mut ears = ears.write().unwrap_or_else(PoisonError::into_inner);
        for twin in &ear.filter.twins {
            if let Some(there) = ears.get_mut(twin) {
                there.retain(|known| !Arc::ptr_eq(known, ear));
                if there.is_empty() {
                    ears.remove(twin);
                }
            }
        }
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

    fn tell(bus: &Bus, twin: u128, event: &str) {
        bus.tell(id(twin), Kind::Battery, Time(0), event, serde_json::Value::Null);
    }

    fn id(twin: u128) -> TwinId {
        TwinId(uuid::Uuid::from_u128(twin))
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
            tell(&bus, 0, "telemetry");
        }
        assert!(matches!(listener.try_recv(), Err(broadcast::error::TryRecvError::Lagged(10))));
        assert_eq!(listener.try_recv().unwrap().number, 11);
    }

    #[tokio::test]
    async fn who_names_twins_hears_of_those_alone_and_is_forgotten_when_it_goes() {
        let bus = Bus::default();
        assert!(!bus.is_heard(id(1)));
        let twins = vec![id(1), id(2), id(1)];
        let mut some = bus.listen_to(Filter { twins, events: vec!["telemetry".into()], ..Filter::default() });
        let mut all = bus.listen_to(Filter { events: vec!["alert".into()], ..Filter::default() });
        for (twin, event) in [(1, "telemetry"), (3, "telemetry"), (1, "alert.raised"), (2, "telemetry")] {
            tell(&bus, twin, event);
        }
        let mut numbers = Vec::new();
        for listener in [&mut some, &mut all] {
            while let Some(Some(Heard::News(news))) = futures::FutureExt::now_or_never(listener.heard()) {
                numbers.push(news.number);
            }
        }
        // Each once, however often its twin was named.
        assert_eq!(numbers, [1, 4, 3]);
        drop(all);
        assert!(bus.is_heard(id(2)) && !bus.is_heard(id(3)));
        drop(some);
        assert!(!bus.is_heard(id(1)) && bus.ears.read().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_slow_one_of_those_is_told_how_much_it_missed() {
        let bus = Bus::default();
        let mut listener = bus.listen_to(Filter { twins: vec![id(7)], ..Filter::default() });
        for _ in 0..BEHIND + 10 {
            tell(&bus, 7, "telemetry");
        }
        assert_eq!(listener.heard().await, Some(Heard::Missed(10)));
        assert!(matches!(listener.heard().await, Some(Heard::News(news)) if news.number == 1));
    }
}
