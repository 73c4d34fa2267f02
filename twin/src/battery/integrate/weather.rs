//! The air along a passage.

use super::super::decay::Decay;
use super::super::thermal::Air;
use super::HOURS;
use crate::forcing::Ambient;
use crate::time::Time;

/// The air along a passage, which changes evenly within an hour.
pub(super) struct Weather<'a> {
    ambient: &'a Ambient,
    /// Hour in which the passage begins, and seconds from its beginning till then.
    first_hour: i64,
    into_hour_s: f64,
    /// The hour that was asked for last, in seconds into the passage.
    hour_s: (f64, f64),
    /// Air at that hour's beginning [°C] and its rise [K/s].
    from_c: f64,
    rise_k_per_s: f64,
}

impl<'a> Weather<'a> {
    pub(super) fn from(ambient: &'a Ambient, from: Time) -> Self {
        let first_hour = from.hour_index();
        let into_hour_s = from.seconds_since(Time::of_hour(first_hour));
        Self { ambient, first_hour, into_hour_s, hour_s: (0.0, 0.0), from_c: 0.0, rise_k_per_s: 0.0 }
    }

    /// The air over a step that begins so many seconds into the passage. A step longer than an hour takes Simpson's rule over
    /// its ends and middle.
    #[inline(always)]
    pub(super) fn over(&mut self, from_s: f64, decay: &Decay) -> Air {
        let (dt_s, per_s) = (decay.dt_s, decay.per_s);
        let from_c = self.at_c(from_s);
        let mut middle = None;
        if dt_s > 3600.0 {
            middle = Some(self.at_c(from_s + 0.5 * dt_s));
        }
        let to_c = self.at_c(from_s + dt_s);
        let mut mean_c = 0.5 * (from_c + to_c);
        if let Some(middle_c) = middle {
            mean_c = (2.0 * mean_c + 4.0 * middle_c) * (1.0 / 6.0);
        }
        Air { mean_c, rise_k: to_c - from_c, per_s }
    }

    /// Air temperature so many seconds into the passage [°C].
    #[inline(always)]
    pub(super) fn at_c(&mut self, at_s: f64) -> f64 {
        self.turn_if_over(at_s);
        self.from_c + self.rise_k_per_s * (at_s - self.hour_s.0)
    }

    /// Until when the air goes on as it does at a moment, both in seconds into the passage.
    #[inline(always)]
    pub(super) fn even_until_s(&mut self, at_s: f64) -> f64 {
        self.turn_if_over(at_s);
        self.hour_s.1
    }

    /// Makes the hour that was looked up last the one in which a moment lies.
    #[inline(always)]
    fn turn_if_over(&mut self, at_s: f64) {
        if !(at_s >= self.hour_s.0 && at_s < self.hour_s.1) {
            self.turn_to(at_s);
        }
    }

    /// Looks up the hour in which a moment lies.
    #[inline]
    fn turn_to(&mut self, at_s: f64) {
        let hour = ((self.into_hour_s + at_s) * HOURS) as i64;
        let begins_s = hour as f64 * 3600.0 - self.into_hour_s;
        let series = &self.ambient.air_c;
        let from_c = series.of_hour(self.first_hour + hour);
        let to_c = series.of_hour(self.first_hour + hour + 1);
        self.hour_s = (begins_s, begins_s + 3600.0);
        self.from_c = from_c + self.ambient.shift_c;
        self.rise_k_per_s = (to_c - from_c) * HOURS;
    }
}
