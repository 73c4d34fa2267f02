//! A life model over a profile of state of charge and temperature, whatever the profile's steps.
//!
//! Calendar laws take the rate at the middle of each interval and add up progress; cycle laws take cycles as the
//! rainflow count closes them. Both are exact for constant stress, so the result depends on how finely the
//! profile was *sampled* only as far as the path itself does, and on how the calls were cut not at all.

use super::daily::Sample;
use super::life::{Health, LifeModel, Progress};
use super::rainflow::{Cycle, Leg, Rainflow};
use super::rate_table::Calendar;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// Stretches are cut so that each is no longer than 6 h and moves state of charge by 0.1 and temperature by 4 K
/// at most: reciprocals of these.
const STEPS_PER_S: f64 = 1.0 / 21_600.0;
const STEPS_PER_SOC: f64 = 10.0;
const STEPS_PER_K: f64 = 0.25;
/// Capacity is looked at again after so long [s].
const UPDATE_S: f64 = SECONDS_PER_DAY;

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
    update_s: f64,
    rainflow: Rainflow,
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
                update_s: first.t_s + UPDATE_S,
                rainflow: Rainflow::starting_at(first.soc),
            });
        }
        let Some(mut path) = self.path.take() else { return };
        for sample in samples {
            self.interval(&mut path, sample);
        }
        self.path = Some(path);
    }

    #[inline]
    fn interval(&mut self, path: &mut Path, to: &Sample) {
        let from = path.last;
        let dt_s = to.t_s - from.t_s;
        if dt_s > 0.0 {
            let (d_soc, d_k) = (to.soc - from.soc, to.temperature_c - from.temperature_c);
            let fineness = (dt_s * STEPS_PER_S).max(d_soc.abs() * STEPS_PER_SOC).max(d_k.abs() * STEPS_PER_K);
            if fineness <= 1.0 {
                let middle = Step {
                    soc: from.soc + 0.5 * d_soc,
                    temperature_c: from.temperature_c + 0.5 * d_k,
                    seconds: dt_s,
                    moved: d_soc,
                    end_s: to.t_s,
                    end_soc: to.soc,
                };
                self.step(path, &middle);
            } else {
                self.steps(path, to, fineness.ceil());
            }
        }
        path.last = *to;
    }

    /// Goes from the last sample to the next in several steps.
    fn steps(&mut self, path: &mut Path, to: &Sample, count: f64) {
        let from = path.last;
        let at = |share: f64, a: f64, b: f64| if share < 1.0 { a + (b - a) * share } else { b };
        for k in 0..count as u32 {
            let (middle, end) = ((f64::from(k) + 0.5) / count, (f64::from(k) + 1.0) / count);
            let step = Step {
                soc: at(middle, from.soc, to.soc),
                temperature_c: at(middle, from.temperature_c, to.temperature_c),
                seconds: (to.t_s - from.t_s) / count,
                moved: (to.soc - from.soc) / count,
                end_s: at(end, from.t_s, to.t_s),
                end_soc: at(end, from.soc, to.soc),
            };
            self.step(path, &step);
        }
    }

    #[inline]
    fn step(&mut self, path: &mut Path, step: &Step) {
        self.calendar.expose(
            &mut self.progress,
            step.temperature_c,
            step.soc,
            step.seconds * (1.0 / SECONDS_PER_DAY),
        );
        let moved = self.capacity * step.moved;
        self.efc += 0.5 * moved.abs();
        let leg = Leg::of_step(moved, step.seconds * (1.0 / 3600.0), step.temperature_c);
        let (model, progress, ocv_v) = (self.model, &mut self.progress, &self.ocv_v);
        path.rainflow.extend(step.end_soc, &leg, |cycle| {
            model.add_cycle(progress, &cycle, &model.cycle_stress(&cycle, ocv_v));
        });
        if step.end_s >= path.update_s {
            let age_days = (step.end_s - path.start_s) / SECONDS_PER_DAY;
            self.capacity = self.model.health(&self.model.states(&self.progress, age_days)).capacity;
            path.update_s = step.end_s + UPDATE_S;
        }
    }

    /// Health now, with the half-cycles that are still open.
    pub fn health(&self) -> Health {
        let mut progress = self.progress.clone();
        self.open_cycles().for_each(|cycle| {
            self.model.add_cycle(&mut progress, &cycle, &self.model.cycle_stress(&cycle, &self.ocv_v));
        });
        self.model.health(&self.model.states(&progress, self.t_days()))
    }

    /// Half-cycles that are still open.
    pub fn open_cycles(&self) -> impl Iterator<Item = Cycle> + '_ {
        self.path.iter().flat_map(|path| path.rainflow.open())
    }

    /// Progress of the laws, closed cycles only.
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

/// A stretch with one stress.
struct Step {
    soc: f64,
    temperature_c: f64,
    seconds: f64,
    moved: f64,
    end_s: f64,
    end_soc: f64,
}
