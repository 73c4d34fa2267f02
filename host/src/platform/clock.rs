//! What time it is: the one place in the live platform that asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use twin::time::Time;

/// Longest sleep before the clock is looked at again.
const NAP: Duration = Duration::from_secs(1);

/// The platform's clock: the wall's, or a simulated fleet's own.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    /// Real time, which never goes back here even where the machine's clock is set back.
    Wall(AtomicI64),
    /// A fleet's time: stands still, runs slower or faster, and can be advanced.
    Own(watch::Sender<Pace>),
}

/// How an own clock runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// So many simulated seconds per second.
    pub speed: f64,
    /// Whether it stands still.
    pub paused: bool,
    at: Time,
    since: Time,
}

/// A clock that was set as it cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ClockError {
    /// It is the wall's.
    #[error("the clock is real time; only a simulated fleet's clock can be set")]
    Wall,
    /// A speed below 0, or none at all.
    #[error("speed {speed} is not between 0 and 1000000")]
    Speed {
        /// The speed.
        speed: f64,
    },
    /// Time does not go back.
    #[error("a clock can only be advanced, not by {ms} ms")]
    Backwards {
        /// By how much.
        ms: i64,
    },
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks for real time")]
fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Clock {
    /// Real time.
    pub fn wall() -> Self {
        Self(Arc::new(Kind::Wall(AtomicI64::new(0))))
    }

    /// A clock of its own that begins at `at`.
    ///
    /// # Errors
    /// When the speed is none.
    pub fn own(at: Time, speed: f64, paused: bool) -> Result<Self, ClockError> {
        let pace = Pace { speed: checked(speed)?, paused, at, since: wall() };
        Ok(Self(Arc::new(Kind::Own(watch::Sender::new(pace)))))
    }

    /// The present instant.
    pub fn now(&self) -> Time {
        match self.0.as_ref() {
            Kind::Wall(latest) => {
                let now = wall().0;
                Time(now.max(latest.fetch_max(now, Ordering::Relaxed)))
            }
            Kind::Own(pace) => pace.borrow().at(wall()),
        }
    }

    /// How an own clock runs; nothing where it is the wall's.
    pub fn pace(&self) -> Option<Pace> {
        match self.0.as_ref() {
            Kind::Wall(_) => None,
            Kind::Own(pace) => Some(*pace.borrow()),
        }
    }

    /// Sets how an own clock runs.
    ///
    /// # Errors
    /// When it is the wall's, or the speed is none.
    pub fn set(&self, speed: Option<f64>, paused: Option<bool>) -> Result<(), ClockError> {
        let speed = speed.map(checked).transpose()?;
        self.change(|pace, now| {
            let at = pace.at(now);
            Pace { speed: speed.unwrap_or(pace.speed), paused: paused.unwrap_or(pace.paused), at, since: now }
        })
    }

    /// Advances an own clock at once.
    ///
    /// # Errors
    /// When it is the wall's, or shall go back.
    pub fn advance(&self, ms: i64) -> Result<(), ClockError> {
        if ms < 0 {
            return Err(ClockError::Backwards { ms });
        }
        self.change(|pace, now| Pace { at: Time(pace.at(now).0.saturating_add(ms)), since: now, ..pace })
    }

    fn change(&self, change: impl FnOnce(Pace, Time) -> Pace) -> Result<(), ClockError> {
        let Kind::Own(pace) = self.0.as_ref() else { return Err(ClockError::Wall) };
        pace.send_modify(|pace| *pace = change(*pace, wall()));
        Ok(())
    }

    /// Waits until an instant.
    pub async fn until(&self, at: Time) {
        loop {
            let left_ms = at.0 - self.now().0;
            if left_ms <= 0 {
                return;
            }
            match self.0.as_ref() {
                Kind::Wall(_) => tokio::time::sleep(Duration::from_millis(left_ms as u64).min(NAP)).await,
                Kind::Own(pace) => {
                    let mut changes = pace.subscribe();
                    let Pace { speed, paused, .. } = *changes.borrow_and_update();
                    let real_ms = if paused || speed <= 0.0 { f64::INFINITY } else { left_ms as f64 / speed };
                    let nap = Duration::from_secs_f64((real_ms * 1e-3).clamp(1e-4, NAP.as_secs_f64()));
                    tokio::select! {
                        () = tokio::time::sleep(nap) => {}
                        _ = changes.changed() => {}
                    }
                }
            }
        }
    }
}

impl Pace {
    fn at(&self, wall: Time) -> Time {
        if self.paused {
            return self.at;
        }
        let ms = ((wall - self.since).max(0) as f64 * self.speed).floor();
        Time(self.at.0.saturating_add(ms as i64))
    }
}

fn checked(speed: f64) -> Result<f64, ClockError> {
    if (0.0..=1e6).contains(&speed) { Ok(speed) } else { Err(ClockError::Speed { speed }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_clock_stands_still_runs_and_is_advanced() {
        let clock = Clock::own(Time(1_000), 1e5, true).unwrap();
        assert_eq!(clock.now(), Time(1_000));
        clock.advance(500).unwrap();
        assert_eq!(clock.now(), Time(1_500));
        assert_eq!(clock.advance(-1), Err(ClockError::Backwards { ms: -1 }));
        clock.set(None, Some(false)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(clock.until(Time(3_000)));
        assert!(clock.now() >= Time(3_000));
        assert!(matches!(clock.set(Some(f64::NAN), None), Err(ClockError::Speed { .. })));
    }

    #[test]
    fn the_wall_cannot_be_set() {
        assert_eq!(Clock::wall().set(Some(2.0), None), Err(ClockError::Wall));
        assert!(Clock::wall().now() > Time(1_700_000_000_000));
    }
}
