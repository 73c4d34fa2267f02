//! Batteries: electrical, thermal and ageing behaviour of a pack, from a chemistry file.
//!
//! [`Battery`] is the twin. Between two commands it is under a known duty and integrates lazily: a command brings
//! it up to date, looking integrates a copy.

pub mod chemistry;
pub mod circuit;
pub mod daily;
pub mod decay;
pub mod estimate;
pub mod exact;
pub mod exposure;
pub mod fidelity;
pub mod fit;
pub mod forecast;
pub mod formula;
pub mod integrate;
pub mod lead_acid;
pub mod library;
pub mod life;
pub mod network;
pub mod pack;
pub mod particle;
mod quick;
pub mod rainflow;
pub mod rate_table;
mod sigmoid;
pub mod thermal;

use crate::forcing::Ambient;
use crate::time::{HOUR_MS, Time};
use crate::twin::{Events, Moment, Twin};
use fidelity::pass;
use integrate::{Duty, Ended, Stepping};
use pack::{Ledger, PackModel, PackState};
use smallvec::SmallVec;
use std::sync::Arc;

/// A battery pack under a duty.
#[derive(Debug, Clone)]
pub struct Battery {
    model: PackModel,
    state: PackState,
    at: Time,
    duty: Duty,
    /// Power that is asked for and not given since the duty ended before its time [W per cell].
    denied_w: f64,
    ambient: Ambient,
    stepping: Stepping,
    /// Duties that follow, in order of time.
    agenda: Vec<Leg>,
    /// How the present charge goes on if nobody interferes: computed once, when it begins.
    projection: Option<Box<Projection>>,
    /// The charge that was begun last, until something else follows it.
    charge: Option<Arc<ChargePlan>>,
    /// What became of the last charge, when it was cut short.
    cut_short: Option<Arc<ChargePlan>>,
}

/// How a charge goes on if nobody interferes.
#[derive(Debug, Clone)]
struct Projection {
    state: PackState,
    charge: Arc<ChargePlan>,
    /// Energy put in before the charge began [Wh].
    energy_before_wh: f64,
}

/// A charge from beginning to end.
#[derive(Debug, Clone, PartialEq)]
pub struct ChargePlan {
    /// When it begins.
    pub begins: Time,
    /// When it ends, full, at its target or at its cut-off current.
    pub ends: Time,
    /// State of charge at its end.
    pub soc_end: f64,
    /// Whether it ends because it is done, and not because a limit stands in its way.
    pub complete: bool,
    /// Energy at the terminals in each hour from the first on [Wh]; the first and last hour may be partial.
    pub hourly_wh: SmallVec<[f32; 8]>,
    /// State of charge at the ends of steps: seconds since the beginning, and the value.
    pub course: SmallVec<[(f32, f32); 16]>,
}

impl ChargePlan {
    /// Energy at the terminals in all [Wh].
    pub fn energy_wh(&self) -> f64 {
        self.hourly_wh.iter().map(|wh| f64::from(*wh)).sum()
    }

    /// When the charge reaches a state of charge; `None` when it does not.
    pub fn reaches(&self, soc: f64) -> Option<Time> {
        let mut before = (0.0f32, f32::NEG_INFINITY);
        for point in &self.course {
            if f64::from(point.1) >= soc {
                let share = if before.1 > f32::NEG_INFINITY && point.1 > before.1 {
                    (soc as f32 - before.1) / (point.1 - before.1)
                } else {
                    0.0
                };
                return Some(self.begins.plus_seconds(f64::from(before.0 + (point.0 - before.0) * share)));
            }
            before = *point;
        }
        None
    }

    /// State of charge at a time, held at the ends.
    pub fn soc_at(&self, t: Time) -> f64 {
        let after_s = t.seconds_since(self.begins) as f32;
        let mut before = self.course.first().copied().unwrap_or((0.0, self.soc_end as f32));
        for point in &self.course {
            if point.0 >= after_s {
                let span = point.0 - before.0;
                let share = if span > 0.0 { (after_s - before.0) / span } else { 1.0 };
                return f64::from(before.1 + (point.1 - before.1) * share);
            }
            before = *point;
        }
        f64::from(before.1)
    }
}

/// What a battery may be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Follow {
    /// Duties, each from its time on, in order of time and none before the last known one.
    pub legs: Arc<[Leg]>,
    /// Whether to integrate up to now, or only to note what is to follow.
    pub catch_up: bool,
}

/// A duty from a time on, in surroundings so much warmer than the battery's own air series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leg {
    /// From when.
    pub at: Time,
    /// What to do.
    pub duty: Duty,
    /// Added to the air temperature [K].
    pub ambient_shift_c: f64,
}

/// What happened to a battery.
#[derive(Debug, Clone, PartialEq)]
pub enum BatteryEvent {
    /// It is put under duties, each from its time on, instead of whatever was to follow then.
    DutiesSet(Arc<[Leg]>),
    /// Time went on.
    CaughtUp {
        /// To here.
        to: Time,
    },
}

/// Why a battery refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BatteryRefusal {
    /// A leg begins before the one that it should follow.
    #[error("a duty from {at_ms} ms cannot follow one from {after_ms} ms")]
    OutOfOrder {
        /// The leg's time.
        at_ms: i64,
        /// The time that it should not be before.
        after_ms: i64,
    },
    /// A figure of the duty is not a finite number or has no sense.
    #[error("a duty needs finite figures and a target between 0 and 1: {duty:?}")]
    Senseless {
        /// The duty.
        duty: Duty,
    },
}

/// What a battery shows.
#[derive(Debug, Clone, PartialEq)]
pub struct BatteryView {
    /// As of when.
    pub at: Time,
    /// State of charge of the weakest cell, which is the pack's.
    pub soc: f64,
    /// Capacity of the weakest cell relative to rated, without the cycles that are still open
    /// ([`Battery::health`] counts them).
    pub soh: f64,
    /// Resistance relative to new.
    pub resistance_rel: f64,
    /// Cell temperature [°C].
    pub temperature_c: f64,
    /// Terminal voltage of the pack [V].
    pub voltage_v: f64,
    /// Current of the pack [A], positive discharging.
    pub current_a: f64,
    /// Full equivalent cycles in rated capacity.
    pub efc: f64,
    /// Age [d].
    pub age_days: f64,
    /// The charge that was begun last, until something else follows it.
    pub charge: Option<Arc<ChargePlan>>,
    /// What became of the last charge, when it was cut short.
    pub cut_short: Option<Arc<ChargePlan>>,
}

impl Battery {
    /// A new battery at rest.
    pub fn new(model: PackModel, ambient: Ambient, at: Time, soc: f64, stepping: Stepping) -> Self {
        let state = PackState::new(&model, soc, ambient.at(at));
        Self {
            model,
            state,
            at,
            duty: Duty::Rest,
            denied_w: 0.0,
            ambient,
            stepping,
            agenda: Vec::new(),
            projection: None,
            charge: None,
            cut_short: None,
        }
    }

    /// The pack.
    pub fn model(&self) -> &PackModel {
        &self.model
    }

    /// State as of [`Battery::at`].
    pub fn state(&self) -> &PackState {
        &self.state
    }

    /// The instant up to which the battery is integrated.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Sums over the pack's life as of [`Battery::at`], for the whole pack.
    pub fn ledger(&self) -> Ledger {
        self.state.ledger.scaled(self.model.layout)
    }

    /// Health as of [`Battery::at`], with cycles that are still open counted as half-cycles.
    pub fn health(&self) -> life::Health {
        self.state.observed_health(&self.model)
    }

    /// What was lost of lithium and active material as of [`Battery::at`], where that is followed.
    pub fn losses(&self) -> Option<fidelity::particle::Losses> {
        match (&self.model.fidelity, &self.state.particles) {
            (fidelity::Fidelity::Particle(cell), Some(particles)) => Some(cell.losses(particles)),
            _ => None,
        }
    }

    /// The air that the battery stands in.
    pub fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// The same battery taken elsewhere: at rest in other air from [`Battery::at`] on, whatever it was to do.
    #[must_use]
    pub fn moved(self, ambient: Ambient) -> Battery {
        Battery {
            ambient,
            duty: Duty::Rest,
            denied_w: 0.0,
            agenda: Vec::new(),
            projection: None,
            charge: None,
            cut_short: None,
            ..self
        }
    }

    /// A copy as of `now`.
    pub fn observed(&self, now: Time) -> Battery {
        let mut copy = self.clone();
        copy.catch_up(now);
        copy
    }

    /// Integrates up to `to`, through whatever is on the agenda; what follows an early end is rest, in which power that was asked
    /// for counts as not served.
    pub fn catch_up(&mut self, to: Time) {
        let mut begun = 0;
        while let Some(leg) = self.agenda.get(begun).copied()
            && leg.at <= to
        {
            begun += 1;
            self.integrate(leg.at);
            self.end_charge(leg.at);
            self.charge = None;
            self.duty = leg.duty;
            self.denied_w = 0.0;
            self.ambient.shift_c = leg.ambient_shift_c;
            if let Duty::Charge { .. } = leg.duty {
                self.project();
            }
        }
        self.agenda.drain(..begun);
        self.integrate(to);
    }

    fn integrate(&mut self, to: Time) {
        if let Some(projection) = self.projection.take_if(|p| p.charge.ends <= to) {
            self.at = projection.charge.ends;
            self.state = projection.state;
            self.duty = Duty::Rest;
        }
        while self.at < to {
            let span = (self.at, to.seconds_since(self.at));
            self.state.ledger.unserved_wh += self.denied_w * span.1 / 3600.0;
            let passage =
                pass(&self.model, &mut self.state, self.duty, &self.ambient, span, self.stepping, |_, _| {});
            self.at = match passage.ended {
                Some((_, after_s)) => {
                    self.denied_w = self.duty.asked_w() / self.model.layout.cells();
                    self.duty = Duty::Rest;
                    self.at.plus_seconds(after_s).min(to)
                }
                None => to,
            };
        }
    }

    /// A charge that something else follows before its end: what became of it is kept for whoever paid for it.
    fn end_charge(&mut self, at: Time) {
        self.cut_short = self.projection.take().map(|projection| {
            let mut plan = Arc::unwrap_or_clone(projection.charge);
            let energy_wh = self.ledger().energy_in_wh - projection.energy_before_wh;
            plan.soc_end = self.state.pack_soc();
            plan.complete = false;
            plan.ends = at;
            let hours = (at.hour_index() - plan.begins.hour_index()) as usize;
            plan.hourly_wh.truncate(hours + 1);
            let whole: f64 = plan.hourly_wh.iter().take(hours).map(|wh| f64::from(*wh)).sum();
            if let Some(last) = plan.hourly_wh.get_mut(hours) {
                *last = (energy_wh - whole) as f32;
            }
            Arc::new(plan)
        });
    }

    /// Integrates a charge to its end and keeps the outcome.
    fn project(&mut self) {
        let mut state = self.state.clone();
        let begins = self.at;
        let first_hour = begins.hour_index();
        let mut plan = ChargePlan {
            begins,
            ends: begins,
            soc_end: 0.0,
            complete: false,
            hourly_wh: SmallVec::new(),
            course: SmallVec::new(),
        };
        plan.course.push((0.0, state.pack_soc() as f32));
        let cells = self.model.layout.cells();
        // A charge that takes longer than two days is not waited for.
        let span = (begins, 48.0 * 3600.0);
        let mut ended_s = span.1;
        let passage =
            pass(&self.model, &mut state, self.duty, &self.ambient, span, self.stepping, |step, state| {
                let power_w = -step.power_w * cells;
                let (before, after) =
                    (plan.course.last().map_or(0.0, |(_, soc)| *soc), state.pack_soc() as f32);
                // A current that falls within a step bends the course, which is straight between its points.
                let points = if step.falls_s.is_finite() { 4 } else { 1 };
                for point in 1..=points {
                    let share = f64::from(point) / f64::from(points);
                    let soc = before + (after - before) * step.charged_after(share) as f32;
                    plan.course.push(((step.from_s + share * step.dt_s) as f32, soc));
                }
                spread_over_hours(&mut plan.hourly_wh, begins, first_hour, step.from_s, step.dt_s, power_w);
            });
        if let Some((why, after_s)) = passage.ended {
            ended_s = after_s;
            plan.complete = why == Ended::Charged;
        }
        plan.ends = begins.plus_seconds(ended_s);
        plan.soc_end = state.pack_soc();
        let energy_before_wh = self.ledger().energy_in_wh;
        let charge = Arc::new(plan);
        self.charge = Some(charge.clone());
        self.projection = Some(Box::new(Projection { state, charge, energy_before_wh }));
    }
}

/// Adds a step's energy to the hours that it lies in.
fn spread_over_hours(
    hourly_wh: &mut SmallVec<[f32; 8]>,
    begins: Time,
    first_hour: i64,
    from_s: f64,
    dt_s: f64,
    power_w: f64,
) {
    let offset_s = (begins.0 - first_hour * HOUR_MS) as f64 * 1e-3 + from_s;
    let (mut at_s, end_s) = (offset_s, offset_s + dt_s);
    while at_s < end_s - 1e-9 {
        let hour = (at_s / 3600.0) as usize;
        let until_s = end_s.min((hour + 1) as f64 * 3600.0);
        if hourly_wh.len() <= hour {
            hourly_wh.resize(hour + 1, 0.0);
        }
        hourly_wh[hour] += (power_w * (until_s - at_s) / 3600.0) as f32;
        at_s = until_s;
    }
}

impl Twin for Battery {
    type Command = Follow;
    type Event = BatteryEvent;
    type Refusal = BatteryRefusal;
    type View = BatteryView;

    fn decide(&self, command: &Follow, moment: &Moment<'_>) -> Result<Events<BatteryEvent>, BatteryRefusal> {
        let mut after = self.at;
        let mut events = Events::new();
        for leg in command.legs.iter() {
            if leg.at < after {
                return Err(BatteryRefusal::OutOfOrder { at_ms: leg.at.0, after_ms: after.0 });
            }
            if !makes_sense(leg.duty) {
                return Err(BatteryRefusal::Senseless { duty: leg.duty });
            }
            after = leg.at;
        }
        if !command.legs.is_empty() {
            events.push(BatteryEvent::DutiesSet(command.legs.clone()));
        }
        if command.catch_up {
            events.push(BatteryEvent::CaughtUp { to: moment.now.max(self.at) });
        }
        Ok(events)
    }

    fn apply(&mut self, event: &BatteryEvent) {
        match event {
            BatteryEvent::DutiesSet(legs) => {
                if let Some(first) = legs.first() {
                    self.agenda.retain(|known| known.at < first.at);
                }
                for leg in legs.iter() {
                    // Of several from one time on, the last counts.
                    self.agenda.pop_if(|known| known.at >= leg.at);
                    self.agenda.push(*leg);
                }
            }
            BatteryEvent::CaughtUp { to } => self.catch_up(*to),
        }
    }

    fn view(&self, now: Time) -> BatteryView {
        if now > self.at {
            return self.observed(now).view(now);
        }
        BatteryView {
            at: self.at,
            soc: self.state.pack_soc().max(0.0),
            soh: self.state.weakest_capacity,
            resistance_rel: self.state.health.resistance,
            temperature_c: self.state.temperatures.cell_c,
            voltage_v: self.state.voltage_v * f64::from(self.model.layout.series),
            current_a: self.state.current_a * f64::from(self.model.layout.parallel),
            efc: self.state.efc,
            age_days: self.state.age_days,
            charge: self.charge.clone(),
            cut_short: self.cut_short.clone(),
        }
    }
}

fn makes_sense(duty: Duty) -> bool {
    match duty {
        Duty::Rest => true,
        Duty::Current { current_a, until_soc } => current_a.is_finite() && (0.0..=1.0).contains(&until_soc),
        Duty::Power { power_w, ripple } => power_w.is_finite() && ripple.is_finite() && ripple >= 0.0,
        Duty::Charge { power_max_w, current_max_a, target_soc } => {
            power_max_w > 0.0 && current_max_a > 0.0 && (0.0..=1.0).contains(&target_soc)
        }
        Duty::Hold { voltage_v, current_max_a } => voltage_v.is_finite() && current_max_a > 0.0,
    }
}
