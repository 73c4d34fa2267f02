//! A cell in time: steps as long as accuracy allows, and ends found exactly.

use super::balance::{Balance, lithium_ah};
use super::cell::{CellFault, CellModel, Clock, Drive, Guess, Heat, Seen, State, Trial, Work};
use super::cycling::Health;
use super::set::{ParticleSet, ZERO_C};

/// A model that can be brought through time.
pub trait Model {
    /// Its state.
    type State: Clone;
    /// Its working memory.
    type Work: Clone + Default;

    /// The parameter set.
    fn set(&self) -> &ParticleSet;
    /// Whether the cell warms up.
    fn heat(&self) -> Heat;
    /// Whether it ages.
    fn ages(&self) -> bool;
    /// Time, charge and temperature.
    fn clock<'s>(&self, state: &'s Self::State) -> &'s Clock;
    /// The same, to be set.
    fn clock_mut<'s>(&self, state: &'s mut Self::State) -> &'s mut Clock;
    /// What the cell shows at this instant under a load.
    ///
    /// # Errors
    /// When there is no current that gives the power.
    fn seen(&self, state: &Self::State, drive: Drive, guess_a: f64) -> Result<Seen, CellFault>;
    /// Tries a step.
    ///
    /// # Errors
    /// When the power cannot be had or the equations are not solved.
    fn attempt(
        &self,
        state: &Self::State,
        drive: Drive,
        dt_s: f64,
        ambient_k: f64,
        guess: &Guess,
        work: &mut Self::Work,
    ) -> Result<Trial<Self::State>, CellFault>;
    /// A cell at rest with these stoichiometries, negative and positive.
    fn at_rest(&self, stoichiometry: [f64; 2], temperature_c: f64) -> Self::State;
    /// Balance of the electrodes as they are.
    fn balance(&self, state: &Self::State) -> Balance;
    /// Mean stoichiometry of the negative electrode.
    fn stoichiometry(&self, state: &Self::State) -> f64;
    /// Lithium in the particles of both electrodes [Ah].
    fn lithium_ah(&self, state: &Self::State) -> f64;
    /// How the cell is, against a new one of so much lithium.
    fn health(&self, state: &Self::State, lithium_new_ah: f64) -> Health;
    /// Longest step under a current [s].
    fn longest_s(&self, current_a: f64) -> f64 {
        let rate = current_a.abs() / self.set().file.cell.capacity_ah;
        (180.0 / rate.max(0.05)).min(3600.0)
    }
}

impl Model for CellModel {
    type State = State;
    type Work = Work;

    fn set(&self) -> &ParticleSet {
        self.set()
    }
    fn heat(&self) -> Heat {
        self.options.heat
    }
    fn ages(&self) -> bool {
        !self.options.mechanisms.none()
    }
    fn clock<'s>(&self, state: &'s State) -> &'s Clock {
        &state.clock
    }
    fn clock_mut<'s>(&self, state: &'s mut State) -> &'s mut Clock {
        &mut state.clock
    }
    fn seen(&self, state: &State, drive: Drive, guess_a: f64) -> Result<Seen, CellFault> {
        self.seen(state, drive, guess_a)
    }
    fn attempt(
        &self,
        state: &State,
        drive: Drive,
        dt_s: f64,
        ambient_k: f64,
        guess: &Guess,
        work: &mut Work,
    ) -> Result<Trial<State>, CellFault> {
        self.attempt(state, drive, dt_s, ambient_k, guess, work)
    }
    fn at_rest(&self, stoichiometry: [f64; 2], temperature_c: f64) -> State {
        self.at_rest(stoichiometry, temperature_c)
    }
    fn balance(&self, state: &State) -> Balance {
        Balance::of_state(self, state)
    }
    fn stoichiometry(&self, state: &State) -> f64 {
        state.particles[0].mean() / self.set().file.negative.concentration_max
    }
    fn lithium_ah(&self, state: &State) -> f64 {
        lithium_ah(self, state)
    }
    fn health(&self, state: &State, lithium_new_ah: f64) -> Health {
        Health::of(self, state, lithium_new_ah)
    }
}

/// How exact steps are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Voltage [V]; other quantities are weighed by what they mean for it.
    pub voltage_v: f64,
    /// Temperature [K].
    pub temperature_k: f64,
    /// Side reactions, relative.
    pub side: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { voltage_v: 1e-4, temperature_k: 5e-3, side: 3e-3 }
    }
}

/// What a stretch of time ends at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// The voltage falls to this [V].
    VoltageBelow(f64),
    /// The voltage rises to this [V].
    VoltageAbove(f64),
    /// The current, either way, falls to this [A].
    CurrentBelow(f64),
    /// Charge taken out since the start of the cell rises to this [C].
    DischargedAbove(f64),
    /// It falls to this [C].
    DischargedBelow(f64),
}

impl End {
    /// Whether what is seen tells how far it is.
    fn is_seen(&self) -> bool {
        matches!(self, Self::VoltageBelow(_) | Self::VoltageAbove(_) | Self::CurrentBelow(_))
    }

    /// Above 0 before the end, 0 at it; in volts or a likeness of them.
    fn left(&self, clock: &Clock, seen: &Seen) -> f64 {
        match *self {
            Self::VoltageBelow(voltage_v) => seen.voltage_v - voltage_v,
            Self::VoltageAbove(voltage_v) => voltage_v - seen.voltage_v,
            Self::CurrentBelow(current_a) => (seen.current_a.abs() - current_a) / current_a.max(1e-12) * 0.1,
            Self::DischargedAbove(charge_c) => (charge_c - clock.discharged_c) * 1e-3,
            Self::DischargedBelow(charge_c) => (clock.discharged_c - charge_c) * 1e-3,
        }
    }
}

/// Why a stretch of time is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ended {
    /// The end of this place in the list was reached.
    At(usize),
    /// Particles are empty or full at their surface.
    Depleted,
    /// Salt is used up somewhere in the electrolyte.
    Dry,
    /// No current gives the power any more.
    Powerless,
}

impl Ended {
    /// Whether it is an end that was asked for.
    pub fn is_regular(&self) -> bool {
        matches!(self, Self::At(_))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::At(_) => "an end that was asked for",
            Self::Depleted => "particles are empty or full at their surface",
            Self::Dry => "the electrolyte is out of salt somewhere",
            Self::Powerless => "the power cannot be had any longer",
        })
    }
}

/// Surface stoichiometry nearer to 0 or 1 than this is empty or full.
const MARGIN: f64 = 1e-6;
/// Share of salt below which the electrolyte is dry.
const SALT_LEAST: f64 = 1e-3;
/// Ends are met as exactly as this [V].
const EXACT_V: f64 = 1e-8;
/// Side reactions are weighed by the most that they took within about this time [s].
const SIDE_SPAN_S: f64 = 3600.0;
/// Shortest step that is tried [s].
const SHORTEST_S: f64 = 1e-7;

/// What is watched to judge a step and guess the next: current, side flux, heat, voltage lost in transport.
type Watch = [f64; 4];

/// The last step as watched: at its start, a third and its end.
#[derive(Debug, Clone, Copy)]
struct Past {
    dt_s: f64,
    watched: [Watch; 3],
}

impl Past {
    /// The parabola through the three, at so many seconds after the end.
    fn ahead(&self, after_s: f64) -> Watch {
        self.at(1.0 + after_s / self.dt_s)
    }

    /// The same where its start is 0 and its end 1.
    fn at(&self, s: f64) -> Watch {
        // Lagrange's polynomials on 0, 1/3 and 1.
        let weights = [(s - 1.0 / 3.0) * (s - 1.0) * 3.0, s * (s - 1.0) * -4.5, s * (s - 1.0 / 3.0) * 1.5];
        std::array::from_fn(|k| (0..3).map(|m| weights[m] * self.watched[m][k]).sum())
    }
}

impl Past {
    /// What a shorter step from the same start brings.
    fn guess_within(&self, dt_s: f64) -> Guess {
        guess_of([self.at(dt_s / (3.0 * self.dt_s)), self.at(dt_s / self.dt_s)])
    }
}

fn guess_of(watched: [Watch; 2]) -> Guess {
    let of = |k: usize| [watched[0][k], watched[1][k]];
    Guess { current_a: of(0), side_flux: of(1), heat_w: of(2) }
}

/// Where to look for a zero between a point above it (`low`) and one below (`high`): on the inverse parabola through
/// them and a third, on their line where there is none or the parabola cannot be trusted, in the middle if asked for.
///
/// Source: Chandrupatla 1997, doi:10.1016/S0965-9978(96)00051-8 (when the parabola can be trusted).
fn between(low: (f64, f64), high: (f64, f64), third: (f64, f64), is_stuck: bool) -> f64 {
    let span = high.0 - low.0;
    if is_stuck {
        return low.0 + 0.5 * span;
    }
    let (x1, f1, x2, f2, x3, f3) = (high.0, high.1, low.0, low.1, third.0, third.1);
    let (xi, phi) = ((x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2));
    // Beyond either side the roles change; both are tried.
    let is_smooth = (phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi) || {
        let (xi, phi) = ((x2 - x1) / (x3 - x1), (f2 - f1) / (f3 - f1));
        phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi
    };
    let share = if is_smooth {
        let x = x1 * f2 * f3 / ((f1 - f2) * (f1 - f3))
            + x2 * f1 * f3 / ((f2 - f1) * (f2 - f3))
            + x3 * f1 * f2 / ((f3 - f1) * (f3 - f2));
        (x - low.0) / span
    } else {
        f2 / (f2 - f1)
    };
    low.0 + span * share.clamp(0.001, 0.999)
}

/// A step, its length [s] and its error relative to what is tolerated.
type Judged<S> = (Trial<S>, f64, f64);
/// An end, the step that leads to it and its length [s].
type Crossing<S> = (Ended, Trial<S>, f64);

/// A cell on its way.
#[derive(Debug, Clone)]
pub struct Run<'a, M: Model> {
    model: &'a M,
    /// Its state.
    pub state: M::State,
    /// What is seen of it.
    pub seen: Seen,
    /// Temperature of the air [K].
    pub ambient_k: f64,
    /// How exact steps are.
    pub tolerance: Tolerance,
    /// Steps taken, and tried in vain.
    pub steps: (u64, u64),
    drive: Drive,
    begun_s: f64,
    next_s: f64,
    past: Option<Past>,
    /// Most that side reactions took, forgotten in about [`SIDE_SPAN_S`] [A/m²].
    side_most: f64,
    work: M::Work,
}

impl<'a, M: Model> Run<'a, M> {
    /// A cell at rest in the air.
    ///
    /// # Errors
    /// When the state is none that a cell can be in.
    pub fn new(model: &'a M, state: M::State, ambient_c: f64) -> Result<Self, CellFault> {
        let drive = Drive::Current { now_a: 0.0, slope_a_per_s: 0.0 };
        let seen = model.seen(&state, drive, 0.0)?;
        let begun_s = model.clock(&state).t_s;
        Ok(Self {
            model,
            state,
            seen,
            ambient_k: ambient_c + ZERO_C,
            tolerance: Tolerance::default(),
            steps: (0, 0),
            drive,
            begun_s,
            next_s: 1.0,
            past: None,
            side_most: seen.side_flux.abs(),
            work: M::Work::default(),
        })
    }

    /// The model.
    pub fn model(&self) -> &'a M {
        self.model
    }

    /// Time, charge and temperature.
    pub fn clock(&self) -> &Clock {
        self.model.clock(&self.state)
    }

    /// Puts a load on. What is seen then is as it is just after.
    ///
    /// # Errors
    /// When it cannot be: no current gives the power, or a figure has no sense.
    pub fn begin(&mut self, drive: Drive) -> Result<(), CellFault> {
        let value = match drive {
            Drive::Current { now_a, slope_a_per_s } => now_a + slope_a_per_s,
            Drive::Voltage(value) | Drive::Power(value) => value,
        };
        if !value.is_finite() {
            return Err(CellFault::Value { what: "a load", value });
        }
        let seen = self.model.seen(&self.state, drive, self.seen.current_a)?;
        if !(seen.voltage_v.is_finite() && seen.current_a.is_finite()) {
            return Err(CellFault::NoConvergence { t_s: self.clock().t_s });
        }
        // A load that goes on smoothly needs no cautious start.
        let rated_a = self.model.set().file.cell.capacity_ah;
        let jump = (seen.current_a - self.seen.current_a).abs() / rated_a;
        let is_smooth = jump < 1e-3;
        self.next_s = if is_smooth { self.next_s.clamp(2.0, 20.0) } else { (0.05 / jump).clamp(0.25, 4.0) };
        let begun_s = self.clock().t_s;
        (self.drive, self.begun_s, self.past, self.seen) = (drive, begun_s, None, seen);
        Ok(())
    }

    /// Which of the ends holds already.
    pub fn is_over(&self, ends: &[End]) -> Option<Ended> {
        ends.iter().position(|end| end.left(self.clock(), &self.seen) <= 0.0).map(Ended::At)
    }

    /// Goes on under the load until a time or the first of the ends; tells of every step.
    ///
    /// # Errors
    /// When a step cannot be taken.
    pub fn go(
        &mut self,
        until_s: f64,
        ends: &[End],
        mut watch: impl FnMut(&M::State, &Seen),
    ) -> Result<Option<Ended>, CellFault> {
        if let Some(over) = self.is_over(ends) {
            return Ok(Some(over));
        }
        loop {
            let left_s = until_s - self.clock().t_s;
            if left_s <= 1e-9 * until_s.abs().max(1.0) {
                return Ok(None);
            }
            let mut dt_s = self.next_s.min(self.model.longest_s(self.seen.current_a));
            // No sliver before the end of the time.
            dt_s = if dt_s > 0.999 * left_s {
                left_s
            } else if dt_s > 0.5 * left_s {
                0.5 * left_s
            } else {
                dt_s
            };
            let asked_s = dt_s;
            let (trial, dt_s, error) = match self.trial(dt_s)? {
                Some(trial) => trial,
                None => return Ok(Some(Ended::Powerless)),
            };
            if let Some((over, trial, dt_s)) = self.crossing(ends, &trial, dt_s)? {
                self.take(&trial, dt_s);
                if dt_s >= left_s {
                    self.model.clock_mut(&mut self.state).t_s = until_s;
                }
                watch(&self.state, &self.seen);
                return Ok(Some(over));
            }
            self.take(&trial, dt_s);
            if dt_s >= left_s {
                self.model.clock_mut(&mut self.state).t_s = until_s;
            }
            let growth = if error > 0.0 { (0.8 / error).powf(1.0 / 3.0) } else { f64::INFINITY };
            let grown_s = dt_s * growth.clamp(0.3, 2.5);
            // A step that time cut short says little about what could have been; one that was refused does.
            let is_refused = dt_s < asked_s;
            self.next_s = if is_refused {
                dt_s * growth.clamp(0.3, 1.2)
            } else if dt_s < 0.7 * self.next_s && growth >= 1.0 {
                self.next_s.max(grown_s)
            } else {
                grown_s
            };
            watch(&self.state, &self.seen);
        }
    }

    fn drive_now(&self) -> Drive {
        match self.drive {
            Drive::Current { now_a, slope_a_per_s } => Drive::Current {
                now_a: now_a + slope_a_per_s * (self.clock().t_s - self.begun_s),
                slope_a_per_s,
            },
            other => other,
        }
    }

    fn watched(seen: &Seen) -> Watch {
        [seen.current_a, seen.side_flux, seen.heat_w, seen.answer.transport_v]
    }

    fn guess(&self, dt_s: f64) -> Guess {
        match &self.past {
            Some(past) => guess_of([past.ahead(dt_s / 3.0), past.ahead(dt_s)]),
            None => guess_of([Self::watched(&self.seen); 2]),
        }
    }

    fn attempt(&mut self, dt_s: f64) -> Result<Trial<M::State>, CellFault> {
        let guess = self.guess(dt_s);
        self.attempt_from(dt_s, &guess)
    }

    fn attempt_from(&mut self, dt_s: f64, guess: &Guess) -> Result<Trial<M::State>, CellFault> {
        let drive = self.drive_now();
        self.model.attempt(&self.state, drive, dt_s, self.ambient_k, guess, &mut self.work)
    }

    /// A step of at most this length that is exact enough, its length and its error; `None` when no power is left.
    fn trial(&mut self, mut dt_s: f64) -> Result<Option<Judged<M::State>>, CellFault> {
        loop {
            match self.attempt(dt_s) {
                Ok(trial) => {
                    let error = self.error(&trial, dt_s);
                    if error <= 1.0 || dt_s <= 0.01 {
                        self.steps.0 += 1;
                        return Ok(Some((trial, dt_s, error)));
                    }
                    self.steps.1 += 1;
                    dt_s *= (0.7 / error).powf(1.0 / 3.0).clamp(0.1, 0.7);
                }
                Err(CellFault::Infeasible { .. }) if dt_s < 1e-3 => return Ok(None),
                Err(error @ (CellFault::NoConvergence { .. } | CellFault::Infeasible { .. })) => {
                    self.steps.1 += 1;
                    dt_s *= 0.25;
                    if dt_s < SHORTEST_S {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Error of a step relative to what is tolerated: how far the parabola of the last step is from what came.
    fn error(&self, trial: &Trial<M::State>, dt_s: f64) -> f64 {
        /// Error of the step over error of the prediction, from runs with steps of all lengths.
        const SHARE: f64 = 0.1;
        let Some(past) = &self.past else { return 0.0 };
        let (ahead, came) = (past.ahead(dt_s), Self::watched(&trial.end));
        let off = |k: usize| (ahead[k] - came[k]).abs();
        let tolerance = &self.tolerance;
        let mut error = off(3) / tolerance.voltage_v;
        if !matches!(self.drive, Drive::Current { .. }) {
            error = error.max(off(0) * trial.slope_ohm.abs() / tolerance.voltage_v);
        }
        if self.model.heat() == Heat::Lumped {
            let kelvin = off(2) * dt_s / self.model.set().heat_capacity_j_per_k;
            error = error.max(kelvin / tolerance.temperature_k);
        }
        if self.model.ages() {
            // Side reactions count by what they take: a wiggle that is soon over takes little, and what plating and
            // stripping pass to and fro while little else happens is not worth short steps.
            const SPAN_S: f64 = 400.0;
            let most = came[1].abs().max(self.side_most).max(1e-6);
            error = error.max(off(1) * dt_s / (tolerance.side * most * SPAN_S));
        }
        SHARE * error
    }

    fn take(&mut self, trial: &Trial<M::State>, dt_s: f64) {
        self.past = Some(Past {
            dt_s,
            watched: [Self::watched(&self.seen), Self::watched(&trial.third), Self::watched(&trial.end)],
        });
        (self.state, self.seen) = (trial.state.clone(), trial.end);
        self.side_most = (self.side_most / (1.0 + dt_s / SIDE_SPAN_S)).max(trial.end.side_flux.abs());
    }

    /// The first end within a step, and the shorter step that leads to it.
    fn crossing(
        &mut self,
        ends: &[End],
        trial: &Trial<M::State>,
        dt_s: f64,
    ) -> Result<Option<Crossing<M::State>>, CellFault> {
        let model = self.model;
        let left = |k: usize, state: &M::State, seen: &Seen| -> f64 {
            if k < ends.len() {
                ends[k].left(model.clock(state), seen)
            } else if k == ends.len() {
                seen.margin - MARGIN
            } else {
                seen.salt_least - SALT_LEAST
            }
        };
        let mut found: Option<(usize, Trial<M::State>, f64)> = None;
        for k in 0..ends.len() + 2 {
            let (at, seen) =
                found.as_ref().map_or((&trial.state, &trial.end), |(_, t, _)| (&t.state, &t.end));
            if left(k, at, seen) > 0.0 {
                continue;
            }
            let (mut best, mut high_s) = found
                .as_ref()
                .map_or_else(|| (trial.clone(), dt_s), |(_, trial, dt_s)| (trial.clone(), *dt_s));
            let mut high = left(k, &best.state, &best.end);
            // Within the step its own parabola guesses better than that of the step before.
            let step = Past {
                dt_s,
                watched: [Self::watched(&self.seen), Self::watched(&trial.third), Self::watched(&trial.end)],
            };
            let (mut low_s, mut low) = (0.0, left(k, &self.state, &self.seen).max(1e-12));
            // The value at a third, where it does not need the state, makes a parabola of the first guess.
            let mut third = (f64::NAN, f64::NAN);
            if k < ends.len() && ends[k].is_seen() && high_s == dt_s {
                let value = ends[k].left(model.clock(&self.state), &trial.third);
                if value > 0.0 {
                    third = (low_s, low);
                    (low_s, low) = (dt_s / 3.0, value);
                } else {
                    third = (dt_s / 3.0, value);
                }
            }
            for round in 0..60 {
                if high >= -EXACT_V || high_s - low_s < 1e-9 {
                    break;
                }
                let middle_s = between((low_s, low), (high_s, high), third, round > 20);
                let guess = step.guess_within(middle_s);
                let Ok(middle) = self.attempt_from(middle_s, &guess) else {
                    // Beyond what can be solved: look earlier.
                    third = (f64::NAN, f64::NAN);
                    high_s = middle_s;
                    continue;
                };
                let value = left(k, &middle.state, &middle.end);
                if value <= 0.0 {
                    third = (high_s, high);
                    (best, high_s, high) = (middle, middle_s, value);
                } else {
                    if value < EXACT_V {
                        (best, high_s) = (middle, middle_s);
                        break;
                    }
                    third = (low_s, low);
                    (low_s, low) = (middle_s, value);
                }
            }
            found = Some((k, best, high_s));
        }
        Ok(found.map(|(k, trial, dt_s)| {
            let why = match k - k.min(ends.len()) {
                _ if k < ends.len() => Ended::At(k),
                0 => Ended::Depleted,
                _ => Ended::Dry,
            };
            (why, trial, dt_s)
        }))
    }
}
