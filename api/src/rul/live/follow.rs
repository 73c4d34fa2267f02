//! What was told last of batteries that somebody listens to, and what is to be told next.

use host::platform::TwinId;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use twin::live::standing::Standing;
use twin::time::Time;

/// Readings of a battery are told no oftener than this: a little less than a second, so that one that reports every
/// second is told every second.
const PACE: Duration = Duration::from_millis(900);

/// A battery that somebody listens to.
#[derive(Debug, Clone, Copy, Default)]
struct Followed {
    told_at: Option<Instant>,
    /// The last sample that was told.
    sample_at: Option<Time>,
    standing: Option<Standing>,
    /// Whether there is something new.
    is_due: bool,
}

/// Batteries that somebody listens to.
#[derive(Debug, Default)]
pub(super) struct Follow(HashMap<TwinId, Followed>);

/// What of a battery is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fresh {
    /// There is a sample that was not told.
    pub(super) sample: bool,
    /// It stands otherwise than when it was told last.
    pub(super) standing: bool,
}

impl Follow {
    /// Something happened to a battery.
    pub(super) fn touch(&mut self, twin: TwinId) {
        self.0.entry(twin).or_default().is_due = true;
    }

    /// Something may have happened to all of them.
    pub(super) fn touch_all(&mut self) {
        self.0.values_mut().for_each(|followed| followed.is_due = true);
    }

    /// How a battery stands and what it measured last when somebody began to listen.
    pub(super) fn begin(&mut self, twin: TwinId, standing: Standing, sample_at: Option<Time>) {
        let followed = self.0.entry(twin).or_default();
        followed.standing.get_or_insert(standing);
        followed.sample_at = followed.sample_at.max(sample_at);
    }

    /// Batteries of which there is something to be told now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<TwinId> {
        let due = self.0.iter_mut().filter(|(_, followed)| {
            followed.is_due && followed.told_at.is_none_or(|told_at| now - told_at >= PACE)
        });
        due.map(|(twin, followed)| {
            followed.is_due = false;
            followed.told_at = Some(now);
            *twin
        })
        .collect()
    }

    /// Whether anything waits to be told.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.values().any(|followed| followed.is_due)
    }

    /// A battery was looked at; what of it is news.
    pub(super) fn seen(&mut self, twin: TwinId, standing: Standing, sample_at: Option<Time>) -> Fresh {
        let followed = self.0.entry(twin).or_default();
        let fresh = Fresh {
            sample: sample_at.is_some() && sample_at > followed.sample_at,
            standing: followed.standing.is_some_and(|before| before != standing),
        };
        followed.sample_at = followed.sample_at.max(sample_at);
        followed.standing = Some(standing);
        fresh
    }

    /// Forgets batteries that nobody listens to any more.
    pub(super) fn keep(&mut self, is_heard: impl Fn(TwinId) -> bool) {
        self.0.retain(|twin, _| is_heard(*twin));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_is_told_and_no_oftener_than_the_pace() {
        let twin = TwinId(uuid::Uuid::nil());
        let mut follow = Follow::default();
        follow.begin(twin, Standing::Healthy, Some(Time(1)));
        let start = Instant::now();
        assert!(follow.due(start).is_empty());
        follow.touch(twin);
        assert_eq!(follow.due(start), [twin]);
        assert_eq!(
            follow.seen(twin, Standing::Healthy, Some(Time(2))),
            Fresh { sample: true, standing: false }
        );
        follow.touch(twin);
        follow.touch(twin);
        assert!(follow.due(start + Duration::from_millis(800)).is_empty());
        assert!(follow.is_waiting());
        assert_eq!(follow.due(start + Duration::from_millis(900)), [twin]);
        assert_eq!(
            follow.seen(twin, Standing::Critical, Some(Time(2))),
            Fresh { sample: false, standing: true }
        );
        assert!(!follow.is_waiting());
        follow.keep(|_| false);
        follow.touch_all();
        assert!(!follow.is_waiting());
    }
}
