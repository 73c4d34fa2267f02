//! Carries a pack through a duty: current, voltage, heat and ageing in steps that follow the state, not a clock.
//!
//! Within a step everything that has a closed form is taken exactly: RC pairs, the thermal network, stored energy (from
//! the integral of the open-circuit voltage) and the energy of the RC pairs. So charge and energy balance to rounding at any
//! step length, and the step length only decides how well changing parameters are followed; `docs/models/circuit.md` says how
//! a long step follows them.

mod current;
mod length;
mod step;
mod terminal;
mod weather;

use self::current::unheld_a;
use self::terminal::Course;
pub(super) use self::terminal::GAUSS;
use self::weather::Weather;
use super::circuit::{CellModel, Stored};
use super::decay::Decay;
use super::pack::{PackModel, PackState};
use super::quick::{least, most};
use crate::forcing::Ambient;
use crate::time::{DAY_S, Time};

/// What a pack is told to do. Powers and currents are the pack's, positive discharging.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Duty {
    /// Nothing.
    Rest,
    /// A constant current [A]; within the limits, until a state of charge is reached.
    Current {
        /// Current [A].
        current_a: f64,
        /// State of charge at which it ends: 0 or 1 for empty or full.
        until_soc: f64,
    },
    /// A constant mean power [W]; within the limits, until empty or full.
    Power {
        /// Mean power [W].
        power_w: f64,
        /// Mean square of the current's deviation over the square of its mean: extra ohmic loss of a load that
        /// fluctuates faster than the steps.
        ripple: f64,
    },
    /// Constant current or power, then constant voltage, until the target or the cut-off current; then rest.
    Charge {
        /// Highest power at the terminals [W].
        power_max_w: f64,
        /// Highest current [A].
        current_max_a: f64,
        /// State of charge at which charging stops.
        target_soc: f64,
    },
    /// Held at a voltage, as a standby battery on its charger.
    Hold {
        /// Pack voltage [V].
        voltage_v: f64,
        /// Highest charge current [A].
        current_max_a: f64,
    },
}

impl Duty {
    /// Ripple of a load that fluctuates; nought of every other duty.
    #[inline(always)]
    pub fn ripple(&self) -> f64 {
        if let Duty::Power { ripple, .. } = self { *ripple } else { 0.0 }
    }

    /// Mean power that is asked for at the terminals [W]; nought of every duty that asks for none.
    pub fn asked_w(&self) -> f64 {
        if let Duty::Power { power_w, .. } = self { power_w.max(0.0) } else { 0.0 }
    }
}

/// Why a duty ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The weakest cell reached its lowest voltage or state of charge.
    Empty,
    /// The charge reached its target or its cut-off current.
    Charged,
    /// The state of charge that the duty should end at was reached.
    Reached,
    /// A temperature limit allows no current.
    TooHotOrCold,
}

/// What happened on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passage {
    /// Why the duty ended early and when; `None` when it lasted to the end.
    pub ended: Option<(Ended, f64)>,
}

/// One step, for those who record on the way. Values are the mean cell's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Seconds since the beginning of the passage, at the beginning of the step.
    pub from_s: f64,
    /// Length [s].
    pub dt_s: f64,
    /// Mean terminal power, positive discharging [W per cell].
    pub power_w: f64,
    /// Mean current [A per cell].
    pub current_a: f64,
    /// Time constant with which the current fell where a voltage limit held it [s]; infinite where it was constant.
    pub falls_s: f64,
}

impl Step {
    /// A step of so many seconds from a moment on [s], with a constant current.
    pub(super) fn steady((from_s, dt_s): (f64, f64), power_w: f64, current_a: f64) -> Self {
        Self { from_s, dt_s, power_w, current_a, falls_s: f64::INFINITY }
    }

    /// Share of the step's charge that had flowed after a share of its time.
    pub fn charged_after(&self, time_share: f64) -> f64 {
        if self.falls_s.is_finite() {
            let constants = self.dt_s / self.falls_s;
            (-time_share * constants).exp_m1() / (-constants).exp_m1()
        } else {
            time_share
        }
    }
}

/// How finely to step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stepping {
    /// Largest change of state of charge in a step.
    pub soc_max: f64,
    /// Longest step under current [s].
    pub active_max_s: f64,
    /// Longest step at rest [s].
    pub rest_max_s: f64,
}

impl Default for Stepping {
    /// Coarse enough for years of a fleet: see `docs/models/circuit.md` for the error.
    fn default() -> Self {
        Self { soc_max: 0.28, active_max_s: 3600.0, rest_max_s: 10_800.0 }
    }
}

impl Stepping {
    /// At most so many seconds a step.
    pub fn at_most(seconds: f64) -> Self {
        Self { soc_max: 0.02, active_max_s: seconds, rest_max_s: seconds }
    }
}

/// Allowed share of the full current between two temperature limits.
#[inline(always)]
pub(super) fn derating(temperature_c: f64, limits: [f64; 2], ramp_k: f64) -> f64 {
    let inside_k = least(temperature_c - limits[0], limits[1] - temperature_c);
    if inside_k >= ramp_k { 1.0 } else { most(inside_k / ramp_k, 0.0) }
}

/// Capacity and resistance follow the life laws at least so often.
const REFRESH_S: f64 = DAY_S;

/// Longest step while temperature limits the current, for a few kelvin change what is allowed [s].
const DERATED_MAX_S: f64 = 300.0;

/// A step that may move more than this of the charge is looked at from its beginning first.
const LONG_SOC: f64 = 0.02;

/// Hours per second.
pub(super) const HOURS: f64 = 1.0 / 3600.0;

/// The integrator of one passage.
struct Passing<'a> {
    model: &'a PackModel,
    cell: &'a CellModel,
    state: &'a mut PackState,
    weather: Weather<'a>,
    /// The duty, its powers and currents those of the mean cell.
    duty: Duty,
    stepping: Stepping,
    elapsed_s: f64,
    /// Present capacity of the mean cell [A·s].
    capacity_as: f64,
    /// Its inverse, nought where nothing is left.
    per_as: f64,
    /// State of charge of the mean cell when the weakest is empty.
    empty_soc: f64,
    /// What the open-circuit curves say at the present state of charge.
    stored: Stored,
    /// Exponentials of the last length.
    decay: Decay,
    /// How the current goes within the step.
    course: Course,
    /// What [`Passing::heating_ohm`] says where the step begins, of one long enough to have been looked at [Ω].
    seen_ohm: Option<f64>,
    /// Why the step that was taken last is the duty's last.
    ending: Option<Ended>,
}

/// The duty in terms of one cell.
pub(super) fn of_one_cell(duty: Duty, model: &PackModel) -> Duty {
    let layout = model.layout;
    let (parallel, cells) = (f64::from(layout.parallel), layout.cells());
    match duty {
        Duty::Rest => Duty::Rest,
        Duty::Current { current_a, until_soc } => {
            Duty::Current { current_a: current_a / parallel, until_soc }
        }
        Duty::Power { power_w, ripple } => Duty::Power { power_w: power_w / cells, ripple },
        Duty::Charge { power_max_w, current_max_a, target_soc } => Duty::Charge {
            power_max_w: power_max_w / cells,
            current_max_a: current_max_a / parallel,
            target_soc,
        },
        Duty::Hold { voltage_v, current_max_a } => Duty::Hold {
            voltage_v: voltage_v / f64::from(layout.series),
            current_max_a: current_max_a / parallel,
        },
    }
}

/// Present capacity of the mean cell [A·s] and its inverse.
fn capacity_of(model: &PackModel, state: &PackState) -> (f64, f64) {
    let capacity_as = 3600.0 * state.capacity_ah(model);
    (capacity_as, if capacity_as > 0.0 { 1.0 / capacity_as } else { 0.0 })
}

/// Carries the pack from `from` on for `span_s` seconds, or until the duty ends; `watch` is shown every step.
///
/// The caller decides what follows an early end; the state is then that of the moment of the end.
pub fn pass(
    model: &PackModel,
    state: &mut PackState,
    duty: Duty,
    ambient: &Ambient,
    (from, span_s): (Time, f64),
    stepping: Stepping,
    mut watch: impl FnMut(&Step, &PackState),
) -> Passage {
    if span_s.is_nan() || span_s <= 0.0 {
        return Passage { ended: None };
    }
    let cell = &*model.cell;
    let stored = cell.stored(state.soc);
    let (capacity_as, per_as) = capacity_of(model, state);
    let mut passing = Passing {
        model,
        cell,
        capacity_as,
        per_as,
        empty_soc: state.mean_soc_at(0.0),
        state,
        weather: Weather::from(ambient, from),
        duty: of_one_cell(duty, model),
        stepping,
        elapsed_s: 0.0,
        stored,
        decay: Decay::NONE,
        course: Course::STEADY,
        seen_ohm: None,
        ending: None,
    };
    let mut ended = None;
    while passing.elapsed_s < span_s {
        if let Duty::Rest = duty {
            passing.rest(span_s, &mut watch);
        } else {
            match passing.act(span_s - passing.elapsed_s) {
                Ok(step) => watch(&step, passing.state),
                Err(why) => {
                    ended = Some((why, passing.elapsed_s));
                    break;
                }
            }
        }
        if passing.state.since_refresh_s >= REFRESH_S {
            passing.refresh();
        }
        if let Some(why) = passing.ending {
            ended = Some((why, passing.elapsed_s));
            break;
        }
    }
    if let Some((Ended::Charged, _)) = ended {
        passing.state.ledger.charges += 1.0;
    }
    Passage { ended }
}

impl Passing<'_> {
    /// Brings the pack's health up to date, and with it what is kept of it here.
    #[inline(never)]
    fn refresh(&mut self) {
        self.state.refresh_health(self.model);
        (self.capacity_as, self.per_as) = capacity_of(self.model, self.state);
        self.empty_soc = self.state.mean_soc_at(0.0);
    }

    /// Takes one step under a current, or says why there is none.
    fn act(&mut self, left_s: f64) -> Result<Step, Ended> {
        let duty = self.duty;
        let capacity_as = self.capacity_as;
        // A first guess of the current fixes the length of the step and where its middle lies; the middle fixes
        // the parameters, and these the current.
        let mut guess_a = self.guess();
        let moved_max_as = self.stepping.soc_max * capacity_as;
        let mut longest_s = match duty {
            Duty::Hold { .. } => self.stepping.rest_max_s,
            _ => self.stepping.active_max_s,
        };
        if self.allowed_share(guess_a) < 1.0 {
            longest_s = least(longest_s, DERATED_MAX_S);
        }
        // A load that takes two of the longest steps takes two of the same length.
        let alike_s = if left_s > longest_s && left_s < 2.0 * longest_s { 0.5 * left_s } else { left_s };
        longest_s = least(longest_s, alike_s);
        let (mut dt_s, mut held_tau_s) = (longest_s, None);
        self.seen_ohm = None;
        if guess_a.abs() * dt_s > LONG_SOC * capacity_as {
            (guess_a, longest_s) = self.foreseen(guess_a, longest_s, moved_max_as);
            (dt_s, held_tau_s) = self.before_limit(guess_a, longest_s);
        }
        let mut terminal = self.middle(dt_s, guess_a);
        if let Some(tau_s) = held_tau_s {
            self.fall(tau_s);
        }
        let (mut current_a, mut share) = self.current(&terminal)?;
        (current_a, share) = self.refined(&mut terminal, guess_a, (current_a, share))?;
        if share == 1.0 {
            // What was held before is not any more.
            self.course = Course::STEADY;
        }
        if self.cell.file.circuit.knee.is_some() {
            (terminal, current_a, share) = self.bent_current(terminal, guess_a, (current_a, share))?;
        }
        let heat_w = current_a * current_a * self.heating_ohm(&terminal);
        let warmed_max_j = self.warmed_max_j(current_a);
        if (current_a.abs() * dt_s > 1.2 * moved_max_as || heat_w * dt_s > 1.2 * warmed_max_j) && dt_s > 1.0 {
            // The guess was far too low, for a heavy load draws more the more it polarises the cell; or the cell
            // will be another one when it has warmed up.
            let (by_soc_s, by_heat_s) = (moved_max_as / current_a.abs(), warmed_max_j / heat_w);
            dt_s = least(most(least(by_soc_s, by_heat_s), 1.0), dt_s);
            longest_s = dt_s;
            // A limit that held the longer step back may not hold this one.
            (terminal, current_a, share) = self.tried(dt_s, unheld_a((current_a, share), guess_a))?;
        }
        if share < 1.0 || dt_s < longest_s {
            (terminal, current_a, dt_s) =
                self.at_limit(terminal, (guess_a, current_a, share), (dt_s, longest_s))?;
        }
        let (to_end_s, why) = self.time_to_end(&terminal, (guess_a, current_a))?;
        if to_end_s < dt_s {
            (terminal, current_a) =
                self.last(&terminal, (guess_a, current_a), (dt_s, to_end_s), (left_s, why))?;
        }
        if let Duty::Power { power_w, .. } = duty
            && power_w > 0.0
        {
            let given_w = current_a * self.mean_voltage(&terminal, current_a);
            if given_w < power_w * (1.0 - 1e-6) {
                self.state.ledger.unserved_wh += (power_w - given_w) * self.decay.dt_s * HOURS;
            }
        }
        let float_a = self.float_a(&terminal);
        let step = self.take(&terminal, current_a, float_a);
        if let Duty::Hold { voltage_v, .. } = duty
            && self.state.soc >= 1.0 - 1e-6
        {
            // A full cell follows its charger: what the circuit lacks is the overvoltage of gassing.
            self.state.voltage_v = voltage_v;
        }
        Ok(step)
    }
}
