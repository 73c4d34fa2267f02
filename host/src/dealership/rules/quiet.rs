//! Hours in which nobody is disturbed by a message that can wait.

use super::day::{Day, IST_MS};
use serde::{Deserialize, Serialize};
use twin::time::{DAY_MS, HOUR_MS, Time};

/// Quiet from one hour of the day on until another, by Indian time; over midnight where the first is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// From this hour on, 0 to 23.
    pub from_hour: u8,
    /// Until this hour, 0 to 23; the same as the first is no quiet at all.
    pub to_hour: u8,
}

impl Quiet {
    /// When a message of an instant may be sent: at once, or when the quiet ends.
    pub fn after(self, at: Time) -> Time {
        let since_midnight = (at.0 + IST_MS).rem_euclid(DAY_MS);
        let (from, to) = (i64::from(self.from_hour) * HOUR_MS, i64::from(self.to_hour) * HOUR_MS);
        let is_quiet = if from <= to {
            (from..to).contains(&since_midnight)
        } else {
            since_midnight >= from || since_midnight < to
        };
        if !is_quiet {
            return at;
        }
        let today = Day::at(at).begins();
        if since_midnight < to { today + to } else { today + DAY_MS + to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_wait_until_the_morning() {
        let quiet = Quiet { from_hour: 21, to_hour: 8 };
        let day: Day = "2026-03-01".parse().unwrap();
        let at = |hour: i64| day.begins() + hour * HOUR_MS;
        assert_eq!(quiet.after(at(12)), at(12));
        assert_eq!(quiet.after(at(21)), at(32));
        assert_eq!(quiet.after(at(3)), at(8));
        assert_eq!(quiet.after(at(8)), at(8));
        let never = Quiet { from_hour: 5, to_hour: 5 };
        assert_eq!(never.after(at(5)), at(5));
    }
}
