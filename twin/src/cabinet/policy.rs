//! When docked packs are charged.

use super::meter::Supply;
use crate::time::{Time, UtcOffset};
use std::sync::Arc;

/// How far ahead a charge may be put off [h].
const HORIZON_H: i64 = 16;

/// A charging policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What it goes by.
    pub kind: PolicyKind,
    /// Packs, ready or charging, that a cabinet keeps at any price.
    pub reserve: usize,
}

/// What a policy goes by.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyKind {
    /// At once.
    Immediate,
    /// The cheapest hours.
    OffPeak,
    /// The hours of least grid carbon.
    LeastCarbon,
    /// As late and as slowly as the expected demand allows.
    HealthAware {
        /// Expected arrivals in each local hour of the week.
        arrivals_per_hour: Arc<[f64]>,
        /// Local time.
        local: UtcOffset,
    },
}

/// What a cabinet has while it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// Packs that may be handed out.
    pub ready: usize,
    /// Packs that are charging.
    pub charging: usize,
    /// Riders waiting.
    pub queue: usize,
}

impl Policy {
    /// Power that a charge is given, from the charger's [W].
    pub fn power_w(&self, charger_w: f64) -> f64 {
        match self.kind {
            // assumed: half the power about halves the heat of charging and still serves the day.
            PolicyKind::HealthAware { .. } => 0.5 * charger_w,
            _ => charger_w,
        }
    }

    /// When a charge of so many hours begins; not after `now` means at once.
    pub fn begin(&self, now: Time, hours: f64, stock: Stock, until: Option<Time>, supply: &Supply) -> Time {
        let have = stock.ready + stock.charging;
        if have < self.reserve + stock.queue {
            return now;
        }
        match &self.kind {
            PolicyKind::Immediate => now,
            PolicyKind::OffPeak => {
                until.unwrap_or_else(|| best_hour(now, hours, |h| supply.price.of_hour(h)))
            }
            PolicyKind::LeastCarbon => {
                until.unwrap_or_else(|| best_hour(now, hours, |h| supply.carbon.of_hour(h)))
            }
            PolicyKind::HealthAware { arrivals_per_hour, local } => {
                // Until this charge would be done, at the latest in an hour's time, riders will come.
                let first = local.hour_of_week(now);
                let ahead = (hours.ceil() as usize + 1).min(arrivals_per_hour.len());
                let expected: f64 = (0..ahead).map(|k| arrivals_per_hour[(first + k) % 168]).sum();
                if (have as f64) < expected.ceil() + (self.reserve + stock.queue) as f64 {
                    now
                } else {
                    until.filter(|t| *t > now).unwrap_or(Time::of_hour(now.hour_index() + 2))
                }
            }
        }
    }
}

/// Beginning of the stretch of hours with the least sum of a signal; `now` when that is the present hour.
fn best_hour(now: Time, hours: f64, signal: impl Fn(i64) -> f64) -> Time {
    let stretch = (hours.ceil() as i64).clamp(1, 24);
    let present = now.hour_index();
    let cost = |begin: i64| (begin..begin + stretch).map(&signal).sum::<f64>();
    // The earliest of equals.
    let mut best = (cost(present), present);
    for begin in present + 1..=present + HORIZON_H {
        let candidate = cost(begin);
        if candidate < best.0 - 1e-9 * best.0.abs() {
            best = (candidate, begin);
        }
    }
    if best.1 == present { now } else { Time::of_hour(best.1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forcing::Hourly;

    fn supply(price: Vec<f32>) -> Supply {
        Supply { price: Hourly::new(0, price), ..Supply::grid_only(3000.0, 500.0) }
    }

    #[test]
    fn off_peak_waits_for_the_cheapest_stretch_unless_the_reserve_is_short() {
        let mut price = vec![0.3f32; 48];
        price[6..10].fill(0.1);
        let policy = Policy { kind: PolicyKind::OffPeak, reserve: 2 };
        let plenty = Stock { ready: 2, charging: 0, queue: 0 };
        let now = Time::of_hour(1) + 1000;
        assert_eq!(policy.begin(now, 3.5, plenty, None, &supply(price.clone())), Time::of_hour(6));
        let short = Stock { ready: 1, charging: 0, queue: 0 };
        assert_eq!(policy.begin(now, 3.5, short, None, &supply(price.clone())), now);
        let crowd = Stock { ready: 2, charging: 0, queue: 1 };
        assert_eq!(policy.begin(now, 3.5, crowd, None, &supply(price)), now);
    }

    #[test]
    fn among_equal_hours_the_earliest_is_taken_whatever_their_sign() {
        let policy = Policy { kind: PolicyKind::OffPeak, reserve: 0 };
        let plenty = Stock { ready: 2, charging: 0, queue: 0 };
        let now = Time::of_hour(1) + 1000;
        for price in [0.3, 0.0, -0.05] {
            assert_eq!(policy.begin(now, 3.5, plenty, None, &supply(vec![price; 48])), now, "{price}");
        }
        let mut price = vec![-0.05f32; 48];
        price[6..10].fill(-0.1);
        assert_eq!(policy.begin(now, 3.5, plenty, None, &supply(price)), Time::of_hour(6));
    }

    #[test]
    fn health_aware_starts_only_for_riders_that_are_expected() {
        let mut arrivals = vec![0.0; 168];
        arrivals[9] = 3.0;
        let kind =
            PolicyKind::HealthAware { arrivals_per_hour: arrivals.into(), local: UtcOffset::default() };
        let policy = Policy { kind, reserve: 1 };
        let stock = Stock { ready: 2, charging: 0, queue: 0 };
        // 1970-01-05 was a Monday.
        let monday = 4 * 24;
        let early = Time::of_hour(monday + 2);
        assert!(policy.begin(early, 3.0, stock, None, &supply(vec![0.1])) > early);
        let before_rush = Time::of_hour(monday + 7);
        assert_eq!(policy.begin(before_rush, 3.0, stock, None, &supply(vec![0.1])), before_rush);
    }
}
