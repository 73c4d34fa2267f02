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
    /// The hour that was asked for last, counted from the first one, and in seconds into the passage.
    hour: i64,
    hour_s: (f64, f64),
    /// Air at that hour's beginning and end [°C], and its rise [K/s].
    from_c: f64,
    to_c: f64,
    rise_k_per_s: f64,
}

impl<'a> Weather<'a> {
    pub(super) fn from(ambient: &'a Ambient, from: Time) -> Self {
        let first_hour = from.hour_index();
        let into_hour_s = from.seconds_since(Time::of_hour(first_hour));
        let nowhere_s = (f64::INFINITY, f64::NEG_INFINITY);
        let (from_c, to_c, rise_k_per_s) = (0.0, 0.0, 0.0);
        Self { ambient, first_hour, into_hour_s, hour: 0, hour_s: nowhere_s, from_c, to_c, rise_k_per_s }
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
        let (begins_s, ends_s) = self.hour_s;
        if !(at_s >= begins_s && at_s < ends_s) {
            if at_s >= ends_s && at_s < ends_s + 3600.0 {
                self.turn_to_next();
            } else {
                self.turn_to(at_s);
            }
        }
        self.from_c + self.rise_k_per_s * (at_s - self.hour_s.0)
    }

    /// Until when the air goes on as over the step that was asked for last and began at a moment, both in seconds into the
    /// passage: not at all where that step saw it turn.
    #[inline(always)]
    pub(super) fn even_until_s(&self, from_s: f64) -> f64 {
        if from_s >= self.hour_s.0 { self.hour_s.1 } else { f64::NEG_INFINITY }
    }

    /// Looks up the hour after the one that was asked for last.
    #[inline(always)]
    fn turn_to_next(&mut self) {
        self.hour += 1;
        self.hour_s = (self.hour_s.1, self.hour_s.1 + 3600.0);
        self.from_c = self.to_c;
        self.rise_to_end();
    }

    /// Looks up the hour in which a moment lies.
    #[inline(never)]
    fn turn_to(&mut self, at_s: f64) {
        self.hour = ((self.into_hour_s + at_s) * HOURS) as i64;
        let begins_s = self.hour as f64 * 3600.0 - self.into_hour_s;
        self.hour_s = (begins_s, begins_s + 3600.0);
        self.from_c = self.ambient.air_c.of_hour(self.first_hour + self.hour) + self.ambient.shift_c;
        self.rise_to_end();
    }

    /// Looks up the hour's end, its beginning being known.
    #[inline(always)]
    fn rise_to_end(&mut self) {
        self.to_c = self.ambient.air_c.of_hour(self.first_hour + self.hour + 1) + self.ambient.shift_c;
        self.rise_k_per_s = (self.to_c - self.from_c) * HOURS;
    }
}
