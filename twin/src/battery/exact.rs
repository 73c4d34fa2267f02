//! A life model over a profile of state of charge and temperature, whatever the profile's steps.
//!
//! Calendar laws are asked at instants that stand for spans of the profile ([`super::exposure`]) and add up progress; cycle
//! laws take cycles as the rainflow count closes them. Both are exact for constant stress, so the result depends on how finely the
//! profile was *sampled* only as far as the path itself does, and on how the calls were cut not at all.

use super::daily::Sample;
use super::exposure::{Exposure, Stretch};
use super::life::{Health, LifeModel, Progress};
use super::quick::most;
use super::rainflow::Rainflow;
use super::rate_table::Calendar;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// The calendar sees stretches of so much time, charge and temperature at most.
const LOOK_S: f64 = 21_600.0;
const LOOK_SOC: f64 = 0.2;
const LOOK_K: f64 = 4.0;

/// A life model that follows a profile, linear between its samples.
pub struct Exact<'m, V: Fn(f64) -> f64> {
    model: &'m LifeModel,
    calendar: &'m Calendar,
    ocv_v: V,
    progress: Progress,
    path: Option<Path>,
    capacity: f64,
    efc: f64,
}

/// Where the profile stands.
#[derive(Debug, Clone)]
struct Path {
    last: Sample,
    start_s: f64,
    /// When capacity is looked at again.
    update_s: f64,
    rainflow: Rainflow,
    exposure: Exposure,
}

impl<'m, V: Fn(f64) -> f64> Exact<'m, V> {
    /// A new cell; `ocv_v` gives the open-circuit voltage over state of charge.
    pub fn new(model: &'m LifeModel, calendar: &'m Calendar, ocv_v: V) -> Self {
        Self { model, calendar, ocv_v, progress: model.new_progress(), path: None, capacity: 1.0, efc: 0.0 }
    }

    /// Follows samples; the first ever only says where the cell starts. Time must not go back; where it stands
    /// still, the sample before is replaced without having an effect.
    pub fn follow(&mut self, samples: &[Sample]) {
        let mut samples = samples.iter();
        if self.path.is_none() {
            let Some(first) = samples.next() else { return };
            self.path = Some(Path {
                last: *first,
                start_s: first.t_s,
                update_s: first.t_s + SECONDS_PER_DAY,
                rainflow: Rainflow::starting_at(first.soc),
                exposure: Exposure::default(),
            });
        }
        let Some(mut path) = self.path.take() else { return };
        let before = path.last;
        let mut last = &before;
        for sample in samples {
            let days = (sample.t_s - last.t_s) * (1.0 / SECONDS_PER_DAY);
            if days > 1.0 {
                self.long_interval(&mut path, last, sample, days.ceil());
            } else if days > 0.0 {
                self.interval(&mut path, last, sample);
            }
            last = sample;
        }
        path.last = *last;
        self.path = Some(path);
    }

    /// Cuts an interval of more than a day, so that capacity is looked at daily.
    fn long_interval(&mut self, path: &mut Path, from: &Sample, to: &Sample, count: f64) {
        let mut last = *from;
        for k in 1..count as u32 {
            let share = f64::from(k) / count;
            let between = |a: f64, b: f64| a + (b - a) * share;
            let piece = Sample {
                t_s: between(from.t_s, to.t_s),
                soc: between(from.soc, to.soc),
                temperature_c: between(from.temperature_c, to.temperature_c),
            };
            self.interval(path, &last, &piece);
            last = piece;
        }
        self.interval(path, &last, to);
    }

    #[inline]
    fn interval(&mut self, path: &mut Path, from: &Sample, to: &Sample) {
        let (dt_s, d_soc, d_k) =
            (to.t_s - from.t_s, to.soc - from.soc, to.temperature_c - from.temperature_c);
        let days = dt_s * (1.0 / SECONDS_PER_DAY);
        let (calendar, progress) = (self.calendar, &mut self.progress);
        let mut expose = |temperature_c: [f64; 2], soc: [f64; 2], days: f64| {
            calendar.expose(progress, temperature_c, soc, days);
        };
        let ends_c = (from.temperature_c, to.temperature_c);
        let (middle_c, soc) = (from.temperature_c + 0.5 * d_k, from.soc + 0.5 * d_soc);
        let whole = Stretch { days, temperature_c: middle_c, ends_c, soc, charged: d_soc };
        if dt_s <= LOOK_S && d_soc.abs() <= LOOK_SOC && d_k.abs() <= LOOK_K {
            path.exposure.add(&whole, &mut expose);
        } else {
            let (in_time, in_soc) = (dt_s * (1.0 / LOOK_S), d_soc.abs() * (1.0 / LOOK_SOC));
            let looks = most(most(in_time, in_soc), d_k.abs() * (1.0 / LOOK_K)).ceil();
            let share = 1.0 / looks;
            let (days, d_soc, d_k) = (days * share, d_soc * share, d_k * share);
            for look in 0..looks as u32 {
                let begins = f64::from(look);
                let at_c = |parts: f64| from.temperature_c + d_k * (begins + parts);
                let part = Stretch {
                    days,
                    temperature_c: at_c(0.5),
                    ends_c: (at_c(0.0), at_c(1.0)),
                    soc: from.soc + d_soc * (begins + 0.5),
                    charged: d_soc,
                };
                path.exposure.add(&part, &mut expose);
            }
        }
        let moved = self.capacity * d_soc;
        self.efc += 0.5 * moved.abs();
        let (model, progress, ocv_v) = (self.model, &mut self.progress, &self.ocv_v);
        path.rainflow.step(to.soc, moved, (dt_s * (1.0 / 3600.0), middle_c), |cycle| {
            model.add_cycle(progress, &cycle, &model.cycle_stress(&cycle, ocv_v));
        });
        if to.t_s >= path.update_s {
            let age_days = (to.t_s - path.start_s) / SECONDS_PER_DAY;
            self.capacity = self.model.health(&self.model.states(&self.progress, age_days)).capacity;
            path.update_s = to.t_s + SECONDS_PER_DAY;
        }
    }

    /// Health now, with the half-cycles that are still open.
    pub fn health(&self) -> Health {
        let mut progress = self.progress.clone();
        if let Some(path) = &self.path {
            path.exposure.tell(&mut |temperature_c, soc, days| {
                self.calendar.expose(&mut progress, temperature_c, soc, days);
            });
            path.rainflow.unfinished(|cycle| {
                let stress = self.model.cycle_stress(&cycle, &self.ocv_v);
                self.model.add_cycle(&mut progress, &cycle, &stress);
            });
        }
        self.model.health(&self.model.states(&progress, self.t_days()))
    }

    /// Progress of the laws; of the calendar up to some hours ago, cycles as far as they were closed before the last turning
    /// point.
    pub fn progress(&self) -> &[f64] {
        &self.progress
    }

    /// Full equivalent cycles so far, in rated capacity.
    pub fn efc(&self) -> f64 {
        self.efc
    }

    /// Time since the first sample [d].
    pub fn t_days(&self) -> f64 {
        self.path.as_ref().map_or(0.0, |path| (path.last.t_s - path.start_s) / SECONDS_PER_DAY)
    }
}
