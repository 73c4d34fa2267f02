//! What the world imposes on a twin by the hour: air temperature, tariff, carbon intensity, sun.

use crate::time::{HOUR_MS, Time};
use std::sync::Arc;

/// Hourly samples from a given hour on, shared between twins, held constant after the last and before the
/// first. Whoever builds it covers the whole run; a source shorter than the run is repeated by the builder.
#[derive(Debug, Clone, PartialEq)]
pub struct Hourly {
    first_hour: i64,
    values: Arc<[f32]>,
}

impl Hourly {
    /// Samples for the hours from `first_hour` (whole hours since the epoch) on.
    ///
    /// # Panics
    /// When there is no sample.
    pub fn new(first_hour: i64, values: impl Into<Arc<[f32]>>) -> Self {
        let values = values.into();
        assert!(!values.is_empty(), "an hourly series has at least one sample");
        Self { first_hour, values }
    }

    /// One value at all times.
    pub fn constant(value: f64) -> Self {
        Self::new(0, vec![value as f32])
    }

    /// Hour (since the epoch) of the first sample.
    pub fn first_hour(&self) -> i64 {
        self.first_hour
    }

    /// The samples.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Value of the hour with this index, held constant beyond the ends.
    #[inline]
    pub fn of_hour(&self, hour: i64) -> f64 {
        let last = self.values.len() as i64 - 1;
        f64::from(self.values[(hour - self.first_hour).clamp(0, last) as usize])
    }

    /// Value of the hour that `t` lies in (a tariff, a mean power).
    #[inline]
    pub fn step_at(&self, t: Time) -> f64 {
        self.of_hour(t.hour_index())
    }

    /// Value at `t`, linear between the samples at the hours (a temperature).
    #[inline]
    pub fn linear_at(&self, t: Time) -> f64 {
        let hour = t.hour_index();
        let fraction = (t.0 - hour * HOUR_MS) as f64 / HOUR_MS as f64;
        let (a, b) = (self.of_hour(hour), self.of_hour(hour + 1));
        a + (b - a) * fraction
    }

    /// The same series with every sample changed.
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            first_hour: self.first_hour,
            values: self.values.iter().map(|v| change(f64::from(*v)) as f32).collect(),
        }
    }
}

/// Air temperature where a twin stands: an hourly series and a constant shift.
#[derive(Debug, Clone, PartialEq)]
pub struct Ambient {
    /// Air temperature by the hour [°C].
    pub air_c: Hourly,
    /// Added to it [K].
    pub shift_c: f64,
}

impl Ambient {
    /// A room held at one temperature.
    pub fn constant(temperature_c: f64) -> Self {
        Self { air_c: Hourly::constant(temperature_c), shift_c: 0.0 }
    }

    /// Air temperature at `t` [°C], linear between the hours.
    #[inline]
    pub fn at(&self, t: Time) -> f64 {
        self.air_c.linear_at(t) + self.shift_c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_linear_within_and_constant_beyond() {
        let series = Hourly::new(10, vec![1.0, 3.0]);
        assert_eq!(series.linear_at(Time(10 * HOUR_MS + HOUR_MS / 2)), 2.0);
        assert_eq!(series.linear_at(Time(0)), 1.0);
        assert_eq!(series.linear_at(Time(100 * HOUR_MS)), 3.0);
        assert_eq!(series.step_at(Time(10 * HOUR_MS + HOUR_MS / 2)), 1.0);
    }
}
