//! What is believed of hardware from what it reports.
//!
//! ```text
//!  readings, in order of time ──► Measured   latest values, and for batteries an estimate      replayed from the series
//!  events, in any order       ──► Told       slots, loads, states: the latest word on each     replayed from the journal
//!                                   └──► figures ──► alert rules
//! ```
//!
//! [`Measured`] is a function of the readings in order of time, and [`Told`] of the events: so a replay gives the same
//! bits as hearing them live. A reading that comes late is the host's business: it goes back to a copy from before and
//! lets everything since be heard again.

pub mod alert;
pub mod battery;
pub mod standing;
mod told;

pub use told::{Happening, Item, Told};

use crate::time::Time;
use battery::{Belief, Estimate, Subject};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Values of one instant by metric: `("voltage_v", 51.2)`.
pub type Row<'a> = &'a [(&'a str, f64)];

/// The last value of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What was measured.
    pub metric: Box<str>,
    /// When.
    pub at: Time,
    /// The value.
    pub value: f64,
}

/// The last value of every metric, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latest(Vec<Known>);

impl Latest {
    /// Takes a row that is not earlier than those before.
    pub fn take(&mut self, at: Time, row: Row<'_>) {
        for &(metric, value) in row {
            match self.0.binary_search_by(|known| known.metric.as_ref().cmp(metric)) {
                Ok(place) => (self.0[place].at, self.0[place].value) = (at, value),
                Err(place) => self.0.insert(place, Known { metric: metric.into(), at, value }),
            }
        }
    }

    /// The last value of a metric.
    pub fn get(&self, metric: &str) -> Option<&Known> {
        let place = self.0.binary_search_by(|known| known.metric.as_ref().cmp(metric)).ok()?;
        Some(&self.0[place])
    }

    /// The last value of a metric, where it was measured at `at`.
    pub fn at(&self, metric: &str, at: Time) -> Option<f64> {
        self.get(metric).filter(|known| known.at == at).map(|known| known.value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.0.iter()
    }
}

/// What follows from readings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Instant of the last reading.
    pub last_at: Option<Time>,
    /// Readings so far.
    pub readings: u64,
    /// The last values.
    pub latest: Latest,
    /// For a battery: what is believed of it.
    pub belief: Option<Arc<Belief>>,
}

impl Measured {
    /// Takes a reading that is later than all before; `subject` where the twin is of a battery.
    pub fn observe(&mut self, subject: Option<&Subject>, at: Time, row: Row<'_>) {
        debug_assert!(self.last_at.is_none_or(|last| last < at), "readings are observed in order of time");
        if let Some(subject) = subject {
            // Shared with copies of what was known before, until it changes.
            let belief = self.belief.get_or_insert_with(|| Arc::new(Belief::new(subject)));
            Arc::make_mut(belief).observe(subject, &self.latest, at, row);
        }
        self.latest.take(at, row);
        self.last_at = Some(at);
        self.readings += 1;
    }

    /// For a battery with readings: its estimate, without disturbing it.
    pub fn estimate(&self, subject: Option<&Subject>, at: Time) -> Option<Estimate> {
        Some(self.belief.as_ref()?.estimate(subject?, at))
    }

    /// A figure that rules may name, as of the last reading: a metric that was in it, or one derived from it.
    ///
    /// | figure | what it is |
    /// |---|---|
    /// | `soc_estimated`, `soh_estimated` | estimates, 0 to 1 |
    /// | `cell_over_max_v`, `cell_under_min_v` | voltage of the mean cell beyond its limits [V] |
    /// | `cell_spread_v` | highest less lowest cell voltage [V] |
    /// | `resistance_rise` | resistance over that of a new cell, less 1, where it is known well |
    /// | `voltage_residual_v` | distance of the voltage from what the model expects [V per cell] |
    /// | `voltage_sensor_faults`, `current_…`, `temperature_…`, `soc_…` | 1 while that sensor is known not to tell the truth |
    ///
    /// `days_to_end_of_life` is the host's, which asks [`Belief::forecast`] now and then; as is `silence_s`.
    pub fn figure(&self, subject: Option<&Subject>, name: &str) -> Option<f64> {
        let at = self.last_at?;
        if let Some(value) = self.latest.at(name, at) {
            return Some(value);
        }
        match name {
            "cell_spread_v" => self.cell_spread_v(at),
            _ => self.belief.as_ref()?.figure(subject?, &self.latest, name, at),
        }
    }

    fn cell_spread_v(&self, at: Time) -> Option<f64> {
        let cells = self.latest.iter().filter(|known| known.at == at);
        let cells = cells.filter(|known| known.metric.starts_with("cell_voltages_v."));
        let (mut count, mut low, mut high) = (0, f64::INFINITY, f64::NEG_INFINITY);
        for cell in cells {
            (count, low, high) = (count + 1, low.min(cell.value), high.max(cell.value));
        }
        (count > 1).then_some(high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_each_metric_is_known_with_its_time() {
        let mut measured = Measured::default();
        measured.observe(None, Time(1_000), &[("b_v", 2.0), ("a_c", 1.0)]);
        measured.observe(None, Time(2_000), &[("b_v", 3.0)]);
        assert_eq!(measured.latest.get("b_v").unwrap().value, 3.0);
        assert_eq!(measured.latest.get("a_c").unwrap().at, Time(1_000));
        // Rules see the present reading, not what was left from an earlier one.
        assert_eq!(measured.figure(None, "b_v"), Some(3.0));
        assert_eq!(measured.figure(None, "a_c"), None);
        assert_eq!(measured.readings, 2);
    }

    #[test]
    fn the_spread_of_cells_needs_two_of_them() {
        let mut measured = Measured::default();
        measured.observe(None, Time(1), &[("cell_voltages_v.1", 3.3)]);
        assert_eq!(measured.figure(None, "cell_spread_v"), None);
        measured.observe(None, Time(2), &[("cell_voltages_v.1", 3.3), ("cell_voltages_v.2", 3.1)]);
        assert!((measured.figure(None, "cell_spread_v").unwrap() - 0.2).abs() < 1e-12);
    }
}
