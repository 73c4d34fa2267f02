//! Tickets: their states, how urgent they are, and how soon they are to be done.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$one:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$one])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one of a name.
            pub fn read(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }

            /// All names, for people.
            pub fn names() -> String {
                Self::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ")
            }
        }
    };
}

words! {
    /// How far a ticket is.
    State {
        /// Nobody is sent yet.
        Open = "open",
        /// Somebody is sent.
        Assigned = "assigned",
        /// Somebody works on it.
        InProgress = "in_progress",
        /// It is done.
        Resolved = "resolved",
        /// It is not wanted any more.
        Cancelled = "cancelled",
    }
}

words! {
    /// How urgent a ticket is.
    Priority {
        /// Some time.
        Low = "low",
        /// Soon.
        Medium = "medium",
        /// Tomorrow at the latest.
        High = "high",
        /// At once.
        Critical = "critical",
    }
}

words! {
    /// What a ticket is about.
    Category {
        /// It holds less, or lasts less.
        Performance = "performance",
        /// It does not charge.
        Charging = "charging",
        /// Something is broken.
        Mechanical = "mechanical",
        /// Voltages, currents, heat.
        Electrical = "electrical",
        /// Anything else.
        Other = "other",
    }
}

impl State {
    /// Whether there is still something to do.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Open | Self::Assigned | Self::InProgress)
    }

    /// Whether one state may follow another; to stay as it is is no change.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Open => matches!(next, Self::Open | Self::Assigned | Self::Cancelled),
            Self::Assigned => next != Self::Open,
            Self::InProgress => {
                matches!(next, Self::InProgress | Self::Assigned | Self::Resolved | Self::Cancelled)
            }
            Self::Resolved | Self::Cancelled => false,
        }
    }
}

impl Priority {
    /// Within so many hours it is to be done.
    pub fn hours(self) -> f64 {
        match self {
            Self::Critical => 4.0,
            Self::High => 24.0,
            Self::Medium => 72.0,
            Self::Low => 120.0,
        }
    }
}

impl Category {
    /// What an alert of a type is about.
    pub fn of_alert(alert_type: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| alert_type.contains(word));
        if has(&["soh", "resistance", "rul", "capacity"]) {
            Self::Performance
        } else if has(&["soc", "charg"]) {
            Self::Charging
        } else if has(&["voltage", "current", "temperature", "imbalance", "sensor"]) {
            Self::Electrical
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_stays_done() {
        for next in State::ALL {
            assert!(!State::Resolved.may_become(*next) && !State::Cancelled.may_become(*next));
        }
        assert!(!State::Open.may_become(State::Resolved) && State::Assigned.may_become(State::Resolved));
        assert_eq!(State::read("in_progress"), Some(State::InProgress));
        assert_eq!(Category::of_alert("temperature_high"), Category::Electrical);
        assert_eq!(Category::of_alert("soh_degraded"), Category::Performance);
    }
}
