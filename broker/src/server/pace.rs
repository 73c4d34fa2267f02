//! How fast a connection may speak.

use crate::Rate;
use std::time::Duration;
use tokio::time::Instant;

/// Tokens of a connection. They may be overdrawn by one message; then nothing is read until they are paid back.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    tokens: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: rate.burst, at: now }
    }

    /// Pays for a frame.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.tokens -= 1.0 + (bytes / 1_024) as f64;
    }

    /// How long nothing may be read.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Duration> {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.rate.per_s;
        self.at = now;
        self.tokens = (self.tokens + earned).min(self.rate.burst);
        (self.tokens < 0.0)
            .then(|| Duration::from_secs_f64((-self.tokens / self.rate.per_s).clamp(1e-3, 60.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_fast_as_the_rate_after_the_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(Rate { per_s: 10.0, burst: 5.0 }, start);
        for _ in 0..5 {
            assert_eq!(pace.wait(start), None);
            pace.spend(100);
        }
        assert_eq!(pace.wait(start), None);
        pace.spend(4_096);
        // Five tokens below nothing at ten per second.
        assert_eq!(pace.wait(start), Some(Duration::from_millis(500)));
        assert_eq!(pace.wait(start + Duration::from_millis(500)), None);
    }
}
