//! Carries a pack through a duty: current, voltage, heat and ageing in steps that follow the state, not a clock.
//!
//! Within a step current, air temperature and circuit parameters are constant, and everything that has a closed
//! form is taken exactly: RC pairs, the thermal network, stored energy (from the integral of the open-circuit
//! voltage) and the energy of the RC pairs. So charge and energy balance to rounding at any step length, and the
//! step length only decides how well changing parameters are followed.

use super::chemistry::CircuitFile;
use super::circuit::{CellModel, Stored, least, most};
use super::decay::{Decay, exp};
use super::exposure::Stretch;
use super::life::ZERO_C_K;
use super::pack::{HOT_C, PackModel, PackState};
use super::thermal::{Air, HeatFlow};
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
    /// A step without a current.
    pub(super) fn idle(from_s: f64, dt_s: f64) -> Self {
        Self { from_s, dt_s, power_w: 0.0, current_a: 0.0, falls_s: f64::INFINITY }
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

/// Everything about the present step that does not depend on its current.
#[derive(Clone, Copy)]
struct Terminal {
    soc_mid: f64,
    ocv_v: f64,
    ocv_mean_v: f64,
    hysteresis_v: f64,
    half_gap_v: f64,
    entropy_v_per_k: f64,
    slope_v: f64,
    r0: f64,
    r1: f64,
    r2: f64,
    /// How far the series resistance rises from the beginning to the end of the step [Ω].
    r0_rise: f64,
    /// Self-discharge as a share of rated capacity [1/s].
    leak_per_s: f64,
    /// Mean temperature of the cell, as far as it was foreseen [°C].
    temperature_c: f64,
    course: Course,
}

/// How the current goes within a step: constant, or falling exponentially where a voltage limit holds it.
///
/// With x = Δt/τ, y = Δt/τ_k and the mean current Ī, a falling current ends at `Ī·x/(eˣ − 1)`, and a pair with time constant
/// τ_k ends as under a constant current of
///
/// ```text
/// Ī·x/(1 − e⁻ˣ)·(e⁻ˣ − e⁻ʸ)/[(1 − e⁻ʸ)·(1 − x/y)]
/// ```
#[derive(Clone, Copy)]
struct Course {
    /// Time constant; infinite for a constant current [s].
    tau_s: f64,
    /// Current at the beginning over the mean.
    begin: f64,
    /// Current at the end over the mean.
    end: f64,
    /// Constant current that leaves the fast pair with the same voltage, over the mean.
    fast: f64,
    /// The same for the slow pair.
    slow: f64,
}

impl Course {
    /// A constant current.
    const STEADY: Course = Course { tau_s: f64::INFINITY, begin: 1.0, end: 1.0, fast: 1.0, slow: 1.0 };

    /// A current that falls with this time constant over a step of the decay's length.
    fn falling(tau_s: f64, circuit: &CircuitFile, decay: &Decay) -> Self {
        // The formula has a gap where both time constants are the same, and is even around it.
        let beside = |tau_s: f64, pair_s: f64| {
            if (pair_s / tau_s - 1.0).abs() < 1e-3 { pair_s * 1.001 } else { tau_s }
        };
        let tau_s = beside(beside(tau_s, circuit.tau1_s), circuit.tau2_s);
        let (left, mean) = left_and_mean(decay.dt_s / tau_s);
        let of = |pair_s: f64, e: f64| (left - e) / ((1.0 - e) * (1.0 - pair_s / tau_s) * mean);
        Course {
            tau_s,
            begin: 1.0 / mean,
            end: left / mean,
            fast: of(circuit.tau1_s, decay.e1),
            slow: of(circuit.tau2_s, decay.e2),
        }
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

/// Longest step at a voltage limit, as a share of the time constant with which the current falls there.
const HELD_SHARE: f64 = 1.5;

/// A step that ends at a voltage limit with at least this share of the wanted current is as good as the wanted one.
const NEARLY: f64 = 0.97;

/// Shortest step that a voltage limit asks for [s].
const HELD_MIN_S: f64 = 60.0;

/// Longest step while temperature limits the current, for a few kelvin change what is allowed [s].
const DERATED_MAX_S: f64 = 300.0;

/// Self-discharge of a pack that idles is taken anew when the temperature has moved by so much [K]: 0.7 % of it where it
/// doubles within ten.
const LEAK_HELD_K: f64 = 0.1;

/// A step that goes by the temperature of its beginning sets free no more heat than would warm the cell by so much [K].
const WARMED_K: f64 = 2.0;

/// The same of a step that goes by its mean temperature [K].
const PREDICTED_K: f64 = 9.0;

/// Warming within a step from which on it goes by its mean temperature [K].
const FELT_K: f64 = 0.3;

/// A step that moves more than this of the charge takes its resistances at two points of its way.
const WIDE_SOC: f64 = 0.1;

/// A step that may move more than this of the charge is looked at from its beginning first.
const LONG_SOC: f64 = 0.02;

/// How far the charge that a step moves may be from what its mean voltage was taken for.
const MISSED_SOC: f64 = 3e-3;

/// Half the distance of Gauss' two points, as a share of a step.
const GAUSS: f64 = 0.288_675_134_594_812_9;

/// Ageing is told of a rest when it has lasted so long [s] or the cell has changed by so much [K], and at its end.
const TOLD_S: f64 = 10_800.0;
const TOLD_K: f64 = 1.0;

/// Hours per second.
const HOURS: f64 = 1.0 / 3600.0;

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
    /// State of charge of the mean cell when the weakest is empty.
    empty_soc: f64,
    /// What the open-circuit curves say at the present state of charge.
    stored: Stored,
    /// Exponentials of the last length.
    decay: Decay,
    /// Why the step that was taken last is the duty's last.
    ending: Option<Ended>,
}

/// The air along a passage, which changes evenly within an hour.
struct Weather<'a> {
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
    fn from(ambient: &'a Ambient, from: Time) -> Self {
        let first_hour = from.hour_index();
        let into_hour_s = from.seconds_since(Time::of_hour(first_hour));
        Self { ambient, first_hour, into_hour_s, hour_s: (0.0, 0.0), from_c: 0.0, rise_k_per_s: 0.0 }
    }

    /// The air over a step that begins so many seconds into the passage, when it is `from_c`; and what it is at the end. A
    /// step longer than an hour takes Simpson's rule over its ends and middle.
    #[inline(always)]
    fn over(&mut self, (from_s, from_c): (f64, f64), decay: &Decay) -> (Air, f64) {
        let (dt_s, per_s) = (decay.dt_s, decay.per_s);
        let mut middle = None;
        if dt_s > 3600.0 {
            middle = Some(self.at_c(from_s + 0.5 * dt_s));
        }
        let to_c = self.at_c(from_s + dt_s);
        let mut mean_c = 0.5 * (from_c + to_c);
        if let Some(middle_c) = middle {
            mean_c = (2.0 * mean_c + 4.0 * middle_c) * (1.0 / 6.0);
        }
        (Air { mean_c, rise_k: to_c - from_c, per_s }, to_c)
    }

    /// Air temperature so many seconds into the passage [°C].
    #[inline(always)]
    fn at_c(&mut self, at_s: f64) -> f64 {
        if !(at_s >= self.hour_s.0 && at_s < self.hour_s.1) {
            self.turn_to(at_s);
        }
        self.from_c + self.rise_k_per_s * (at_s - self.hour_s.0)
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
    let mut passing = Passing {
        model,
        cell,
        capacity_as: 3600.0 * state.capacity_ah(model),
        empty_soc: state.mean_soc_at(0.0),
        state,
        weather: Weather::from(ambient, from),
        duty: of_one_cell(duty, model),
        stepping,
        elapsed_s: 0.0,
        stored,
        decay: Decay::NONE,
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
        self.capacity_as = 3600.0 * self.state.capacity_ah(self.model);
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
        longest_s = least(longest_s, left_s);
        let (mut dt_s, mut held_tau_s) = (longest_s, None);
        if guess_a.abs() * dt_s > LONG_SOC * capacity_as {
            (guess_a, longest_s) = self.foreseen(guess_a, longest_s, moved_max_as);
            (dt_s, held_tau_s) = self.before_limit(guess_a, longest_s);
        }
        let mut terminal = self.middle(dt_s, guess_a);
        if let Some(tau_s) = held_tau_s {
            terminal.course = Course::falling(tau_s, &self.cell.file.circuit, &self.decay);
        }
        let (mut current_a, mut share) = self.current(&terminal)?;
        (current_a, share) = self.refined(&mut terminal, guess_a, (current_a, share))?;
        if self.cell.file.circuit.knee.is_some() {
            (terminal, current_a, share) = self.bent_current(terminal, guess_a, (current_a, share))?;
        }
        let heat_w = current_a * current_a * (terminal.r0 + terminal.r1 + terminal.r2);
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
        let mut ripple = 0.0;
        if let Duty::Power { power_w, ripple: wanted } = duty {
            ripple = wanted;
            if power_w > 0.0 {
                let given_w = current_a * self.mean_voltage(&terminal, current_a);
                if given_w < power_w * (1.0 - 1e-6) {
                    self.state.ledger.unserved_wh += (power_w - given_w) * self.decay.dt_s * HOURS;
                }
            }
        }
        let float_a = self.float_a(&terminal);
        let step = self.take(&terminal, current_a, ripple, float_a);
        if let Duty::Hold { voltage_v, .. } = duty
            && self.state.soc >= 1.0 - 1e-6
        {
            // A full cell follows its charger: what the circuit lacks is the overvoltage of gassing.
            self.state.voltage_v = voltage_v;
        }
        Ok(step)
    }

    /// The step in which the duty ends: as long as it takes, with the current of just that length. It ends within the
    /// step that was tried, and the time that is left is sought by the secant.
    #[inline(never)]
    fn last(
        &mut self,
        terminal: &Terminal,
        (wanted_a, mut current_a): (f64, f64),
        (tried_s, to_end_s): (f64, f64),
        (left_s, why): (f64, Ended),
    ) -> Result<(Terminal, f64), Ended> {
        let mut terminal = *terminal;
        let (mut dt_s, too_long_s) = (to_end_s, to_end_s - tried_s);
        for _ in 0..4 {
            let tau_s = terminal.course.tau_s;
            terminal = self.middle(dt_s, current_a);
            if tau_s.is_finite() {
                terminal.course = Course::falling(tau_s, &self.cell.file.circuit, &self.decay);
            }
            (current_a, _) = self.current(&terminal)?;
            let (to_end_s, _) = self.time_to_end(&terminal, (wanted_a, current_a))?;
            if to_end_s < least(1.05 * dt_s, left_s) {
                self.decay_over(to_end_s);
                self.ending = Some(why);
                break;
            }
            let too_short_s = to_end_s - dt_s;
            let next_s = dt_s + (tried_s - dt_s) * too_short_s / (too_short_s - too_long_s);
            if !(next_s > dt_s && next_s < least(tried_s, left_s)) {
                break;
            }
            dt_s = next_s;
        }
        Ok((terminal, current_a))
    }

    /// A step of `dt_s` under about this current: its middle, its current, and whether a voltage limit decides it.
    #[inline(always)]
    fn tried(&mut self, dt_s: f64, near_a: f64) -> Result<(Terminal, f64, f64), Ended> {
        let mut terminal = self.middle(dt_s, near_a);
        let (current_a, share) = self.current(&terminal)?;
        let (current_a, share) = self.refined(&mut terminal, near_a, (current_a, share))?;
        Ok((terminal, current_a, share))
    }

    /// The current with the mean of the open-circuit voltage over the charge that it moves itself, where that of the guess
    /// would be another.
    #[inline(always)]
    fn refined(
        &self,
        terminal: &mut Terminal,
        mut near_a: f64,
        (mut current_a, mut share): (f64, f64),
    ) -> Result<(f64, f64), Ended> {
        let per_a = self.decay.dt_s / self.capacity_as;
        for _ in 0..3 {
            if share < 1.0 || (current_a - near_a).abs() * per_a < MISSED_SOC {
                break;
            }
            near_a = current_a;
            let soc_end = least(most(self.state.soc - near_a * per_a, 0.0), 1.0);
            terminal.ocv_mean_v = self.ocv_mean_v(soc_end, self.cell.stored(soc_end), terminal.ocv_v);
            (current_a, share) = self.current(terminal)?;
        }
        Ok((current_a, share))
    }

    /// The step again with a resistance that bends with the current itself and not with a guess of it.
    #[inline(never)]
    fn bent_current(
        &self,
        mut terminal: Terminal,
        guess_a: f64,
        (mut current_a, mut share): (f64, f64),
    ) -> Result<(Terminal, f64, f64), Ended> {
        let mut near_a = guess_a;
        for _ in 0..8 {
            if (current_a - near_a).abs() <= 1e-3 * current_a.abs() {
                break;
            }
            near_a = 0.5 * (near_a + current_a);
            let Terminal { ocv_mean_v, hysteresis_v, course, .. } = terminal;
            terminal = Terminal {
                ocv_mean_v,
                hysteresis_v,
                course,
                ..self.terminal(terminal.soc_mid, near_a, self.state.temperatures.cell_c)
            };
            (current_a, share) = self.current(&terminal)?;
        }
        Ok((terminal, current_a, share))
    }

    /// What can be seen of a long step from where it begins: about its current, and how long it can be before it has moved
    /// so much charge or the cell is another one for its warmth.
    #[inline(never)]
    fn foreseen(&self, guess_a: f64, longest_s: f64, moved_max_as: f64) -> (f64, f64) {
        if self.is_held() {
            return (guess_a, longest_s);
        }
        let state = &*self.state;
        let now = self.terminal(state.soc, guess_a, state.temperatures.cell_c);
        let ohm = now.r0 + now.r1 + now.r2;
        let mut near_a = guess_a;
        if let Duty::Power { power_w, .. } | Duty::Charge { power_max_w: power_w, .. } = self.duty {
            let end = least(most(state.soc - guess_a * longest_s / self.capacity_as, 0.0), 1.0);
            let open_v = self.ocv_mean_v(end, self.cell.stored(end), now.ocv_v) + now.hysteresis_v;
            let discriminant = open_v * open_v - 4.0 * ohm * power_w.copysign(guess_a);
            near_a = (open_v - most(discriminant, 0.0).sqrt()) / (2.0 * ohm);
            if let Duty::Charge { .. } = self.duty {
                // The guess has seen the limits of the current.
                near_a = most(near_a, guess_a);
            }
        }
        let warmed = near_a * near_a * ohm * longest_s / self.warmed_max_j(near_a);
        let dt_s = if warmed > 1.0 { longest_s / warmed.ceil() } else { longest_s };
        (near_a, least(dt_s, most(moved_max_as / near_a.abs(), 1.0)))
    }

    /// How long a step is that ends beyond a voltage limit without any polarisation already: till the limit is reached. At the
    /// limit it is about the time constant with which a held current falls, which is told besides.
    #[inline(always)]
    fn before_limit(&self, near_a: f64, longest_s: f64) -> (f64, Option<f64>) {
        let (state, limits) = (&*self.state, &self.cell.file.limits);
        let held = self.is_held();
        let soc_end = state.soc - near_a * longest_s / self.capacity_as;
        if !held && (0.15..=0.85).contains(&soc_end) {
            return (longest_s, None);
        }
        let open_v = self.cell.ocv_and_slope_v(least(most(soc_end, 0.0), 1.0)).0;
        let (passes, end) = if near_a < 0.0 {
            (soc_end >= 1.0 || open_v > limits.voltage_max_v, 1.0)
        } else {
            (soc_end <= 0.0 || open_v < limits.voltage_min_v, 0.0)
        };
        if !held && !passes {
            return (longest_s, None);
        }
        let now = self.terminal(state.soc, near_a, state.temperatures.cell_c);
        if held {
            let tau_s = self.held_time_constant_s(&now);
            return (least(longest_s, most(HELD_SHARE * tau_s, HELD_MIN_S)), Some(tau_s));
        }
        let before_limit_s = self.before_limit_s(&now, near_a);
        let before_end_s = (state.soc - end) * self.capacity_as / near_a;
        let counts = before_limit_s > HELD_MIN_S && before_limit_s < 0.999 * before_end_s;
        (if counts { least(longest_s, before_limit_s) } else { longest_s }, None)
    }

    /// Heat that a step may set free before the cell counts as another one [J]: little where it might come to temperatures
    /// that allow less current, and where resistance bends with current, for then a step goes by the temperature of its
    /// beginning and not by its mean.
    #[inline(always)]
    fn warmed_max_j(&self, current_a: f64) -> f64 {
        let limits = &self.cell.file.limits;
        let hottest_c = self.allowed_c(current_a)[1] - limits.derating_k - PREDICTED_K;
        let by_beginning = self.cell.file.circuit.knee.is_some();
        let near = self.state.temperatures.cell_c > hottest_c;
        (if by_beginning || near { WARMED_K } else { PREDICTED_K }) * self.model.thermal.cell_j_per_k
    }

    /// Whether a charge stands at the voltage limit, so that the last current tells more than the wanted one.
    #[inline(always)]
    fn is_held(&self) -> bool {
        let state = &*self.state;
        matches!(self.duty, Duty::Charge { .. })
            && state.current_a < 0.0
            && state.voltage_v >= self.cell.file.limits.voltage_max_v - 1e-3
    }

    /// The step where a voltage limit holds the current back before its end. Up to where the limit is reached the current is
    /// the wanted one; from there on it falls, and the step is short enough for one time constant to tell how.
    #[inline(never)]
    fn at_limit(
        &mut self,
        mut terminal: Terminal,
        (wanted_a, mut current_a, mut share): (f64, f64, f64),
        (mut dt_s, longest_s): (f64, f64),
    ) -> Result<(Terminal, f64, f64), Ended> {
        let mut falls = terminal.course.end < 1.0;
        // What falls already does not rise again.
        let begun_a = if falls { wanted_a.abs() } else { f64::INFINITY };
        for look in if falls { 0..0 } else { 0..8 } {
            if share == 1.0 {
                let longer_s = least(dt_s + self.left_before_limit_s(&terminal, current_a), longest_s);
                if look >= 2 || longer_s < dt_s + 1.0 {
                    return Ok((terminal, current_a, dt_s));
                }
                dt_s = longer_s;
            } else if share > NEARLY || look == 5 {
                return Ok((terminal, current_a, dt_s));
            } else if look > 0 {
                // The charge until the limit is about the same.
                if dt_s * share < HELD_MIN_S {
                    break;
                }
                dt_s *= share;
            } else {
                let before_limit_s = self.before_limit_s(&terminal, unheld_a((current_a, share), wanted_a));
                if !(before_limit_s > HELD_MIN_S && before_limit_s < dt_s) {
                    break;
                }
                dt_s = before_limit_s;
            }
            let near_a = unheld_a((current_a, share), wanted_a);
            (terminal, current_a, share) = self.tried(dt_s, near_a)?;
        }
        // A long step may find no current where a shorter one still does.
        let mut starves = false;
        while !falls {
            let tau_s = self.held_time_constant_s(&terminal);
            let falls_s = most(HELD_SHARE * tau_s, HELD_MIN_S);
            falls = dt_s <= falls_s && !starves;
            if !falls {
                // The middle of a long step may lie where the curve is steep.
                dt_s = most(if starves { HELD_MIN_S } else { falls_s }, 0.5 * dt_s);
                terminal = self.middle(dt_s, current_a);
            }
            // A discharge that is held back may be so for the cold, and come to more when the cell warms.
            if wanted_a < 0.0 {
                terminal.course = Course::falling(tau_s, &self.cell.file.circuit, &self.decay);
            }
            (current_a, share) = self.current(&terminal)?;
            starves = wanted_a > 0.0 && current_a <= self.least_discharge_a(wanted_a) && dt_s > HELD_MIN_S;
            falls = (falls || share == 1.0) && !starves;
        }
        if share == 1.0 {
            terminal.course = Course::STEADY;
            return Ok((terminal, current_a, dt_s));
        }
        let begins_a = least(current_a.abs() * terminal.course.begin, begun_a);
        if wanted_a > 0.0 {
            let done = begins_a <= self.least_discharge_a(wanted_a);
            return if done { Err(Ended::Empty) } else { Ok((terminal, current_a, dt_s)) };
        }
        let Duty::Charge { .. } = self.duty else { return Ok((terminal, current_a, dt_s)) };
        // The charge ends where its current has fallen to the cut-off.
        let falls_s = (begins_a / self.cutoff_a()).ln() * terminal.course.tau_s;
        if falls_s <= 0.0 {
            return Err(Ended::Charged);
        }
        if falls_s < dt_s {
            // What a second would do is not worth looking for, but no step goes beyond the one that was tried.
            dt_s = least(most(falls_s, 1.0), dt_s);
            let tau_s = terminal.course.tau_s;
            terminal = self.middle(dt_s, current_a);
            terminal.course = Course::falling(tau_s, &self.cell.file.circuit, &self.decay);
            (current_a, _) = self.current(&terminal)?;
            self.ending = Some(Ended::Charged);
        }
        Ok((terminal, current_a, dt_s))
    }

    /// Current at which a charge at the voltage limit is done [A per cell].
    fn cutoff_a(&self) -> f64 {
        let file = &self.cell.file;
        file.limits.charge_cutoff_c_rate * file.cell.capacity_ah
    }

    /// A pack that gives less than this of what is wanted is empty [A per cell]. assumed: a twentieth, at most a
    /// hundredth of the rated capacity per hour.
    #[inline(always)]
    fn least_discharge_a(&self, wanted_a: f64) -> f64 {
        least(0.05 * wanted_a, 0.01 * self.cell.file.cell.capacity_ah)
    }

    /// Share of the highest current that the temperature allows in a current's direction.
    #[inline(always)]
    fn allowed_share(&self, current_a: f64) -> f64 {
        let derating_k = self.cell.file.limits.derating_k;
        derating(self.state.temperatures.cell_c, self.allowed_c(current_a), derating_k)
    }

    /// Temperatures between which a current may flow in its direction [°C].
    #[inline(always)]
    fn allowed_c(&self, current_a: f64) -> [f64; 2] {
        let limits = &self.cell.file.limits;
        if current_a < 0.0 { limits.charge_temperature_c } else { limits.discharge_temperature_c }
    }

    /// How long a current can flow before the voltage reaches the limit in its way, all polarisation counted [s].
    fn before_limit_s(&self, terminal: &Terminal, current_a: f64) -> f64 {
        let limits = &self.cell.file.limits;
        let limit_v = if current_a > 0.0 { limits.voltage_min_v } else { limits.voltage_max_v };
        let resistance = (terminal.r0 + terminal.r1 + terminal.r2) * self.state.weakest_resistance;
        let soc = self.cell.soc_at_ocv(limit_v - terminal.hysteresis_v + current_a * resistance);
        (self.state.soc - soc) * self.capacity_as / current_a
    }

    /// How long a current can flow on after the step before the voltage reaches the limit in its way [s].
    fn left_before_limit_s(&self, terminal: &Terminal, current_a: f64) -> f64 {
        let limits = &self.cell.file.limits;
        let limit_v = if current_a > 0.0 { limits.voltage_min_v } else { limits.voltage_max_v };
        let weak = self.state.weakest_resistance;
        let (end_v, slope_v) = self.end_voltage(terminal, current_a, weak);
        (end_v - limit_v) * self.capacity_as / (current_a * most(slope_v, 0.05))
    }

    /// Time constant with which a current falls at a held voltage [s]: `R·Q/(dU/ds)`.
    fn held_time_constant_s(&self, terminal: &Terminal) -> f64 {
        let resistance = (terminal.r0 + terminal.r1 + terminal.r2) * self.state.weakest_resistance;
        resistance * self.capacity_as / most(terminal.slope_v, 0.05)
    }

    /// Time until the present current brings the state of charge to where the duty ends [s], and what that means.
    #[inline(always)]
    fn time_to_end(
        &self,
        terminal: &Terminal,
        (wanted_a, current_a): (f64, f64),
    ) -> Result<(f64, Ended), Ended> {
        let soc = self.state.soc;
        let (end_pack_soc, why) = match self.duty {
            Duty::Charge { target_soc, .. } => (target_soc, Ended::Charged),
            Duty::Current { until_soc, .. } => (until_soc, Ended::Reached),
            // What is held at a voltage takes no more than it can store, and stays there.
            Duty::Hold { .. } => return Ok((f64::INFINITY, Ended::Charged)),
            _ if wanted_a > 0.0 => (0.0, Ended::Empty),
            _ => (1.0, Ended::Reached),
        };
        let end = 1.0 - (1.0 - end_pack_soc) * (1.0 - self.empty_soc);
        let left_as = self.capacity_as * if wanted_a > 0.0 { soc - end } else { end - soc };
        let file = &self.cell.file;
        let drain_a = if current_a > 0.0 {
            let ripple_a = match self.duty {
                Duty::Power { ripple, .. } => current_a * current_a * terminal.r0 * ripple / terminal.ocv_v,
                _ => 0.0,
            };
            current_a + ripple_a + self.leak_a(terminal)
        } else {
            -current_a * file.losses.coulombic_efficiency
        };
        // What a millisecond would do is not worth a step.
        if left_as <= 1e-3 * most(drain_a.abs(), 1e-3 * file.cell.capacity_ah) {
            return Err(why);
        }
        Ok((if current_a == 0.0 { f64::INFINITY } else { left_as / drain_a }, why))
    }

    /// Self-discharge as a current [A per cell].
    #[inline(always)]
    fn leak_a(&self, terminal: &Terminal) -> f64 {
        3600.0 * terminal.leak_per_s * self.cell.file.cell.capacity_ah
    }

    /// Makes [`Passing::decay`] that of a step of `dt_s`.
    #[inline(always)]
    fn decay_over(&mut self, dt_s: f64) {
        if self.decay.dt_s != dt_s {
            self.decay = self.model.decays.over(dt_s);
        }
    }

    /// The circuit of a step of `dt_s` under about this current: in its middle, and of a long one as its means. `dt_s` is the
    /// next step's length from now on.
    #[inline(always)]
    fn middle(&mut self, dt_s: f64, near_a: f64) -> Terminal {
        self.decay_over(dt_s);
        let moved = -near_a * dt_s / self.capacity_as;
        let soc_mid = self.state.soc + 0.5 * moved;
        let now_c = self.state.temperatures.cell_c;
        let mut terminal = self.terminal(soc_mid, near_a, now_c);
        let ohm = self.mean_resistance(&terminal);
        let heat_w = near_a * (near_a * ohm - (now_c + ZERO_C_K) * terminal.entropy_v_per_k);
        if (moved.abs() > WIDE_SOC || heat_w.abs() * dt_s > FELT_K * self.model.thermal.cell_j_per_k)
            && self.cell.file.circuit.knee.is_none()
        {
            self.follow_within(&mut terminal, near_a, moved, heat_w);
        }
        // Means over the step, as far as its end is known.
        let soc_end = least(most(self.state.soc + moved, 0.0), 1.0);
        terminal.ocv_mean_v = self.ocv_mean_v(soc_end, self.cell.stored(soc_end), terminal.ocv_v);
        terminal.hysteresis_v = terminal.half_gap_v * self.hysteresis(&terminal, near_a, moved).0;
        terminal
    }

    /// Takes the resistances of a long step at Gauss' two points of its way and at the mean temperature that the cell will
    /// have under so much heat.
    #[inline(never)]
    fn follow_within(&mut self, terminal: &mut Terminal, near_a: f64, moved: f64, heat_w: f64) {
        let air_c = self.weather.at_c(self.elapsed_s + 0.5 * self.decay.dt_s);
        let now = self.state.temperatures;
        let mean_c = self.model.thermal.mean_cell_c(now, heat_w, air_c, &self.decay.propagator);
        let (aside_soc, aside_k) = (GAUSS * moved, GAUSS * 2.0 * (mean_c - now.cell_c));
        let early = self.terminal(terminal.soc_mid - aside_soc, near_a, mean_c - aside_k);
        let late = self.terminal(terminal.soc_mid + aside_soc, near_a, mean_c + aside_k);
        terminal.temperature_c = mean_c;
        terminal.r0 = 0.5 * (early.r0 + late.r0);
        terminal.r1 = 0.5 * (early.r1 + late.r1);
        terminal.r2 = 0.5 * (early.r2 + late.r2);
        terminal.r0_rise = (late.r0 - early.r0) * (0.5 / GAUSS);
        terminal.leak_per_s = early.leak_per_s;
    }

    /// How far heat rises over a step to another state of charge, by what each half of it gives off [W].
    #[inline(never)]
    fn heat_rise_w(&self, terminal: &Terminal, current_a: f64, soc: f64, stored_to: Stored) -> f64 {
        let state = &*self.state;
        let half_soc = 0.5 * (soc - state.soc);
        let middle = self.cell.stored(state.soc + half_soc).entropy_integral_v_per_k;
        let (before, after) = (self.stored.entropy_integral_v_per_k, stored_to.entropy_integral_v_per_k);
        let entropy_rise_v_per_k = ((after - middle) - (middle - before)) / half_soc;
        let pair_rise_w = |now_v: f64, ohm: f64, left: f64| {
            let full_v = current_a * ohm;
            let early = left.sqrt().sqrt();
            let of =
                |left: f64| (full_v + (now_v - full_v) * left) * (full_v + (now_v - full_v) * left) / ohm;
            of(early * early * early) - of(early)
        };
        let reversible_w = -current_a * (terminal.temperature_c + ZERO_C_K) * entropy_rise_v_per_k;
        let pairs_w = pair_rise_w(state.v1_v, terminal.r1, self.decay.e1)
            + pair_rise_w(state.v2_v, terminal.r2, self.decay.e2);
        2.0 * (reversible_w + pairs_w) + current_a * current_a * terminal.r0_rise
    }

    /// Mean open-circuit voltage between now and another state of charge, for which `stored` was asked; `same_v` where both
    /// are the same [V].
    #[inline(always)]
    fn ocv_mean_v(&self, soc: f64, stored: Stored, same_v: f64) -> f64 {
        let moved = soc - self.state.soc;
        let gained_v = stored.ocv_integral_v - self.stored.ocv_integral_v;
        if moved.abs() > 1e-9 { gained_v / moved } else { same_v }
    }

    /// The same for its change with temperature [V/K].
    #[inline(always)]
    fn entropy_mean_v_per_k(&self, soc: f64, stored: Stored, same_v_per_k: f64) -> f64 {
        let moved = soc - self.state.soc;
        let gained_v_per_k = stored.entropy_integral_v_per_k - self.stored.entropy_integral_v_per_k;
        if moved.abs() > 1e-9 { gained_v_per_k / moved } else { same_v_per_k }
    }

    /// Branch of the hysteresis over a step that moves the state of charge by so much: its mean and its end.
    #[inline(always)]
    fn hysteresis(&self, terminal: &Terminal, current_a: f64, moved: f64) -> (f64, f64) {
        let now = self.state.hysteresis;
        if terminal.half_gap_v <= 0.0 || current_a == 0.0 {
            return (now, now);
        }
        let branch = if current_a > 0.0 { -1.0 } else { 1.0 };
        let away = now - branch;
        // A branch that has been reached is not left by what remains of rounding.
        if away.abs() < 1e-6 {
            return (branch, branch);
        }
        let (left, mean) = left_and_mean(self.cell.file.hysteresis.gamma * moved.abs());
        (branch + away * mean, branch + away * left)
    }

    /// The circuit at a state of charge; `near_a` is the current as far as it is known, which matters only to chemistries
    /// whose resistance bends with it.
    #[inline(always)]
    fn terminal(&self, soc_mid: f64, near_a: f64, temperature_c: f64) -> Terminal {
        let state = &*self.state;
        let soc_mid = least(most(soc_mid, 0.0), 1.0);
        let curves = self.cell.curves(soc_mid);
        let (fresh, leak_per_s) = self.cell.resistances_and_leak(soc_mid, temperature_c);
        let fresh = self.cell.under_current(fresh, near_a);
        let growth = state.health.resistance;
        Terminal {
            soc_mid,
            ocv_v: curves.ocv_v,
            ocv_mean_v: curves.ocv_v,
            hysteresis_v: curves.half_gap_v * state.hysteresis,
            half_gap_v: curves.half_gap_v,
            entropy_v_per_k: curves.entropy_v_per_k,
            slope_v: most(curves.ocv_slope_v, 0.0),
            r0: fresh.r0 * growth,
            r1: fresh.r1 * growth,
            r2: fresh.r2 * growth,
            r0_rise: 0.0,
            leak_per_s,
            temperature_c,
            course: Course::STEADY,
        }
    }

    #[inline(always)]
    fn guess(&self) -> f64 {
        let voltage_v = most(self.state.voltage_v, 0.1);
        match self.duty {
            Duty::Rest => 0.0,
            Duty::Current { current_a, .. } => current_a,
            Duty::Power { power_w, .. } => power_w / voltage_v,
            Duty::Charge { power_max_w, current_max_a, .. } => {
                let file = &self.cell.file;
                let rate_max_a = file.limits.charge_c_rate_max * file.cell.capacity_ah;
                let wanted_a = -least(least(current_max_a, power_max_w / voltage_v), rate_max_a);
                if self.is_held() { most(wanted_a, self.state.current_a) } else { wanted_a }
            }
            Duty::Hold { .. } => self.state.current_a,
        }
    }

    /// Mean terminal voltage over the step at a current [V per cell].
    #[inline(always)]
    fn mean_voltage(&self, terminal: &Terminal, current_a: f64) -> f64 {
        self.open_mean(terminal, current_a) - current_a * self.mean_resistance(terminal)
    }

    /// Resistance that the mean over a step sees, for a current that begins with it [Ω].
    #[inline(always)]
    fn mean_resistance(&self, terminal: &Terminal) -> f64 {
        terminal.r0 + terminal.r1 * (1.0 - self.decay.m1) + terminal.r2 * (1.0 - self.decay.m2)
    }

    /// Mean over the step of everything in the terminal voltage but what the present current adds.
    #[inline(always)]
    fn open_mean(&self, terminal: &Terminal, current_a: f64) -> f64 {
        terminal.ocv_mean_v + terminal.hysteresis_v
            - self.state.v1_v * self.decay.m1
            - self.state.v2_v * self.decay.m2
            - self.rate_drop(terminal, current_a)
    }

    /// Drop of the open-circuit voltage through charge that is out of reach at this rate [V].
    #[inline(always)]
    fn rate_drop(&self, terminal: &Terminal, current_a: f64) -> f64 {
        if self.cell.file.rate_capacity.is_none() || current_a <= 0.0 {
            return 0.0;
        }
        self.drop_of_rate(terminal, current_a)
    }

    #[inline(never)]
    fn drop_of_rate(&self, terminal: &Terminal, current_a: f64) -> f64 {
        let cell = self.cell;
        let share = cell
            .usable_share(current_a / cell.file.cell.capacity_ah, self.state.temperatures.cell_c)
            .max(1e-3);
        terminal.ocv_v - cell.ocv_v(1.0 - (1.0 - terminal.soc_mid) / share)
    }

    /// Current of the step [A per cell] under the duty and all limits, and the share of what is wanted that a voltage limit
    /// leaves of it: 1 where none decides.
    fn current(&self, terminal: &Terminal) -> Result<(f64, f64), Ended> {
        let wanted_a = match self.duty {
            Duty::Rest => 0.0,
            Duty::Current { current_a, .. } => current_a,
            Duty::Power { power_w, .. } => self.for_power(power_w, terminal),
            Duty::Charge { power_max_w, current_max_a, .. } => {
                most(-current_max_a, self.for_power(-power_max_w, terminal))
            }
            Duty::Hold { voltage_v, current_max_a } => {
                most(self.for_voltage(voltage_v, terminal, 1.0), -current_max_a)
            }
        };
        let limits = &self.cell.file.limits;
        let rated_ah = self.cell.file.cell.capacity_ah;
        let weak = self.state.weakest_resistance;
        if wanted_a > 0.0 {
            let discharge_max_a = limits.discharge_c_rate_max * rated_ah * self.allowed_share(wanted_a);
            if discharge_max_a <= 0.0 {
                return Err(Ended::TooHotOrCold);
            }
            let mut current_a = least(wanted_a, discharge_max_a);
            let mut share = 1.0;
            // The drop is that of the wanted current, which is the larger one.
            let limit_v = limits.voltage_min_v + self.rate_drop(terminal, current_a);
            if self.may_pass(limits.voltage_min_v, terminal, current_a, weak)
                && self.end_voltage(terminal, current_a, weak).0 < limit_v
            {
                let by_voltage_a = most(self.for_voltage(limit_v, terminal, weak), 0.0);
                share = least(by_voltage_a / current_a, 1.0);
                current_a = least(current_a, by_voltage_a);
            }
            let least_a = self.least_discharge_a(wanted_a);
            // A long step may find no current where a shorter one still does, and is shortened first.
            if current_a <= least_a && share == 1.0 { Err(Ended::Empty) } else { Ok((current_a, share)) }
        } else if wanted_a < 0.0 {
            let charge_max_a = limits.charge_c_rate_max * rated_ah * self.allowed_share(wanted_a);
            if charge_max_a <= 0.0 {
                return match self.duty {
                    Duty::Charge { .. } => Err(Ended::TooHotOrCold),
                    _ => Ok((0.0, 1.0)),
                };
            }
            let mut current_a = most(wanted_a, -charge_max_a);
            let mut share = 1.0;
            if self.may_pass(limits.voltage_max_v, terminal, current_a, weak)
                && self.end_voltage(terminal, current_a, weak).0 > limits.voltage_max_v
            {
                let by_voltage_a = least(self.for_voltage(limits.voltage_max_v, terminal, weak), 0.0);
                share = least(by_voltage_a / current_a, 1.0);
                current_a = most(current_a, by_voltage_a);
            }
            if let Duty::Hold { .. } = self.duty {
                current_a = most(current_a, -self.storable_a(terminal));
            }
            Ok((current_a, share))
        } else {
            Ok((0.0, 1.0))
        }
    }

    /// Current that a pack held at a voltage can take: what is missing, and what it loses [A per cell].
    fn storable_a(&self, terminal: &Terminal) -> f64 {
        let missing_as = (1.0 - self.state.soc) * self.capacity_as;
        let efficiency = self.cell.file.losses.coulombic_efficiency;
        (missing_as * self.decay.per_s + self.leak_a(terminal) + self.float_a(terminal)) / efficiency
    }

    /// Float current: what a full lead-acid cell on its charger turns into gas and corrosion [A per cell].
    ///
    /// `I = I₂₅·2^((T−25)/ΔT)·e^(k·(U−U_float))`. Source: as named in the chemistry file. Counted from 95 % of
    /// charge on; below, the cell charges instead (assumed).
    #[inline(always)]
    fn float_a(&self, terminal: &Terminal) -> f64 {
        let (Duty::Hold { voltage_v, .. }, Some(float)) = (self.duty, &self.cell.file.float) else {
            return 0.0;
        };
        if self.state.soc < 0.95 {
            return 0.0;
        }
        let over_v = voltage_v - float.voltage_v;
        let warmer = (self.state.temperatures.cell_c - 25.0) / float.current_doubling_k;
        let drawn_a =
            float.current_a * (warmer * std::f64::consts::LN_2 + float.current_per_v * over_v).exp();
        // Self-discharge is part of it.
        (drawn_a * self.cell.file.losses.coulombic_efficiency - self.leak_a(terminal)).max(0.0)
    }

    /// Whether the voltage at the end of a step may lie beyond a limit: never wrong when it says no, for it
    /// counts with all resistance at once, a generous margin, and the steep ends of the curve as doubtful.
    #[inline(always)]
    fn may_pass(&self, limit_v: f64, terminal: &Terminal, current_a: f64, weak: f64) -> bool {
        const MARGIN_V: f64 = 0.12;
        let state = &*self.state;
        let polarised = (state.v1_v.abs()
            + state.v2_v.abs()
            + current_a.abs() * (terminal.r0 + terminal.r1 + terminal.r2))
            * weak;
        let room_v = (terminal.ocv_v + terminal.hysteresis_v - limit_v).abs();
        // A quarter more for what ripple takes besides.
        let soc_end = state.soc - 1.25 * current_a * self.decay.dt_s / self.capacity_as;
        !(0.15..=0.85).contains(&soc_end)
            || self.cell.file.rate_capacity.is_some()
            || room_v < polarised + MARGIN_V
    }

    /// Voltage at the end of the step under a constant current, of a cell with `weak` times the resistance, and the slope of
    /// its open-circuit voltage there over state of charge [V].
    #[inline(always)]
    fn end_voltage(&self, terminal: &Terminal, current_a: f64, weak: f64) -> (f64, f64) {
        let (state, decay) = (&*self.state, &self.decay);
        let soc_end = least(most(state.soc - current_a * decay.dt_s / self.capacity_as, 0.0), 1.0);
        let polarised = state.v1_v * decay.e1 + state.v2_v * decay.e2;
        let ohm = terminal.r0 + terminal.r1 * (1.0 - decay.e1) + terminal.r2 * (1.0 - decay.e2);
        let (ocv_v, slope_v) = self.cell.ocv_and_slope_v(soc_end);
        (ocv_v + terminal.hysteresis_v - (polarised + current_a * ohm) * weak, slope_v)
    }

    /// Current that gives a mean power over the step [A per cell]; the most possible when the power is not.
    ///
    /// `I = (E − √(E² − 4·R·P)) / 2R` with E the mean voltage without the present current.
    #[inline(always)]
    fn for_power(&self, power_w: f64, terminal: &Terminal) -> f64 {
        let resistance = self.mean_resistance(terminal);
        let open_v = self.open_mean(terminal, power_w / terminal.ocv_v);
        let discriminant = open_v * open_v - 4.0 * resistance * power_w;
        (open_v - most(discriminant, 0.0).sqrt()) / (2.0 * resistance)
    }

    /// Current that ends the step at a voltage, for a cell of `weak` times the resistance [A per cell].
    fn for_voltage(&self, voltage_v: f64, terminal: &Terminal, weak: f64) -> f64 {
        let (state, decay) = (&*self.state, &self.decay);
        let span = decay.dt_s / self.capacity_as;
        let polarised = (state.v1_v * decay.e1 + state.v2_v * decay.e2) * weak;
        let course = &terminal.course;
        let resistance = (terminal.r0 * course.end
            + terminal.r1 * course.fast * (1.0 - decay.e1)
            + terminal.r2 * course.slow * (1.0 - decay.e2))
            * weak;
        let over_v = self.stored.ocv_v + terminal.hysteresis_v - polarised - voltage_v;
        // The voltage at the end beyond the one wanted falls with the current, by the resistance and by the charge that it
        // moves. Newton's method, held between what was too little and what was too much, for the curve has knees.
        let mut current_a = over_v / (resistance + terminal.slope_v * span);
        let (mut too_little_a, mut too_much_a) = (f64::NEG_INFINITY, f64::INFINITY);
        for _ in 0..16 {
            let free_soc = state.soc - current_a * span;
            let end_soc = least(most(free_soc, 0.0), 1.0);
            let (end_v, slope_v) = self.cell.ocv_and_slope_v(end_soc);
            // What is full or empty moves no more.
            let slope_v = if end_soc == free_soc { most(slope_v, 0.0) } else { 0.0 };
            let beyond_v = over_v + end_v - self.stored.ocv_v - current_a * resistance;
            if beyond_v > 0.0 {
                too_little_a = current_a;
            } else {
                too_much_a = current_a;
            }
            let next_a = current_a + beyond_v / (resistance + slope_v * span);
            current_a = if next_a >= too_little_a && next_a <= too_much_a {
                next_a
            } else {
                0.5 * (too_little_a + too_much_a)
            };
            if beyond_v.abs() < 1e-3 {
                break;
            }
        }
        current_a
    }

    /// Rests until the end of the span, or until health must be brought up to date: polarisation dies away, and
    /// self-discharge, temperature and age move. `watch` sees electricity, heat and the ledger of each step; ageing is told of
    /// an hour at most at once, and cycles are counted at the end.
    #[inline(never)]
    fn rest(&mut self, span_s: f64, watch: &mut impl FnMut(&Step, &PackState)) {
        let (cell, thermal) = (self.cell, &self.model.thermal);
        let capacity_ah = HOURS * self.capacity_as;
        let per_ah = if capacity_ah > 0.0 { 1.0 / capacity_ah } else { 0.0 };
        let fitted_c = cell.file.life.fitted.temperature_c;
        let unremarkable_c = (fitted_c[0], least(fitted_c[1], HOT_C));
        let mut held_wh = self.held_by_each_pair();
        let state = &mut *self.state;
        state.current_a = 0.0;
        // What the next step needs of this one stays out of memory.
        let mut elapsed_s = self.elapsed_s;
        let end_s = least(span_s, elapsed_s + REFRESH_S - state.since_refresh_s);
        let (mut soc, mut stored_v) = (state.soc, self.stored.ocv_integral_v);
        let mut temperatures = state.temperatures;
        let (mut leaked_ah, mut losses_wh) = (state.ledger.leaked_ah, state.ledger.losses_wh);
        let mut air_c = self.weather.at_c(elapsed_s);
        let (mut leak_at_c, mut leak_ah_per_s) = (f64::INFINITY, 0.0);
        // What ageing has not been told of: since when, and the integral of temperature since then.
        let rest_soc = soc;
        let (mut told_s, mut told_soc, mut told_c, mut kelvin_s) = (elapsed_s, soc, temperatures.cell_c, 0.0);
        let mut kelvin_soc = 0.0;
        while elapsed_s < end_s {
            let dt_s = least(span_s - elapsed_s, self.stepping.rest_max_s);
            if self.decay.dt_s != dt_s {
                self.decay = self.model.decays.over(dt_s);
            }
            let decay = &self.decay;
            let (air, air_after_c) = self.weather.over((elapsed_s, air_c), decay);
            air_c = air_after_c;
            if (temperatures.cell_c - leak_at_c).abs() > LEAK_HELD_K {
                leak_at_c = temperatures.cell_c;
                leak_ah_per_s = cell.leak_per_s(leak_at_c) * cell.file.cell.capacity_ah;
            }
            let leak_ah = least(leak_ah_per_s * dt_s, most((soc - self.empty_soc) * capacity_ah, 0.0));
            soc = most(soc - leak_ah * per_ah, 0.0);
            let curves = cell.curves(soc);
            let mut lost_wh = (stored_v - curves.ocv_integral_v) * capacity_ah;
            stored_v = curves.ocv_integral_v;
            if state.v1_v != 0.0 || state.v2_v != 0.0 {
                let before_wh = state.pairs_wh;
                let left = |v: &mut f64, held: &mut f64, share: f64| {
                    *v = without_dust(*v * share);
                    *held = if *v == 0.0 { 0.0 } else { *held * share * share };
                };
                left(&mut state.v1_v, &mut held_wh.0, decay.e1);
                left(&mut state.v2_v, &mut held_wh.1, decay.e2);
                state.pairs_wh = held_wh.0 + held_wh.1;
                lost_wh += before_wh - state.pairs_wh;
            }
            let heat_w = lost_wh * 3600.0 * decay.per_s;
            let (mean_c, end) =
                thermal.mean_and_step(temperatures, HeatFlow::even(heat_w), air, &decay.propagator);
            temperatures = end;
            leaked_ah += leak_ah;
            losses_wh += lost_wh;
            state.ledger.leaked_ah = leaked_ah;
            state.ledger.losses_wh = losses_wh;
            if mean_c < unremarkable_c.0 || mean_c > unremarkable_c.1 {
                state.ledger.remark(mean_c, fitted_c, dt_s * HOURS);
            }
            state.soc = soc;
            state.voltage_v = curves.ocv_v + curves.half_gap_v * state.hysteresis - state.v1_v - state.v2_v;
            state.temperatures = end;
            let step = Step::idle(elapsed_s, dt_s);
            watch(&step, state);
            elapsed_s += dt_s;
            kelvin_s += mean_c * dt_s;
            let (seconds, warmed_k) = (elapsed_s - told_s, temperatures.cell_c - told_c);
            if seconds >= TOLD_S || warmed_k.abs() > TOLD_K || elapsed_s >= end_s {
                let (moved, mean_c) = (soc - told_soc, kelvin_s / seconds);
                let stretch = Stretch {
                    days: seconds * (1.0 / DAY_S),
                    temperature_c: mean_c,
                    ends_c: (told_c, temperatures.cell_c),
                    soc: 0.5 * (told_soc + soc),
                    charged: moved,
                };
                let progress = &mut state.progress;
                state.exposure.add(&stretch, |temperature_c, soc, days| {
                    cell.calendar.expose(progress, temperature_c, soc, days);
                });
                kelvin_soc += moved * mean_c;
                (told_s, told_soc, told_c, kelvin_s) = (elapsed_s, soc, temperatures.cell_c, 0.0);
            }
        }
        self.stored = cell.stored(soc);
        let seconds = elapsed_s - self.elapsed_s;
        self.elapsed_s = elapsed_s;
        state.since_refresh_s += seconds;
        let moved = soc - rest_soc;
        let mean_c = if moved == 0.0 { temperatures.cell_c } else { kelvin_soc / moved };
        self.count(moved, (seconds * HOURS, mean_c));
    }

    /// Energy that each of the pairs holds [Wh].
    fn held_by_each_pair(&self) -> (f64, f64) {
        let state = &*self.state;
        if state.pairs_wh <= 0.0 {
            return (0.0, 0.0);
        }
        let circuit = &self.cell.file.circuit;
        let ohm = self.cell.resistances(state.soc, state.temperatures.cell_c);
        // Both energies times R1·R2.
        let fast = circuit.tau1_s * state.v1_v * state.v1_v * ohm.r2;
        let slow = circuit.tau2_s * state.v2_v * state.v2_v * ohm.r1;
        let share = if fast + slow > 0.0 { fast / (fast + slow) } else { 0.0 };
        (state.pairs_wh * share, state.pairs_wh * (1.0 - share))
    }

    /// Counts what moved the state of charge to where it is now: so much of present capacity, in `hours` at `temperature_c`.
    #[inline(always)]
    fn count(&mut self, moved: f64, (hours, temperature_c): (f64, f64)) {
        let (cell, state) = (self.cell, &mut *self.state);
        state.age_days += hours * (1.0 / 24.0);
        let moved_rated = moved * state.health.capacity;
        state.efc += 0.5 * moved_rated.abs();
        let (progress, ledger) = (&mut state.progress, &mut state.ledger);
        state.rainflow.step(state.soc, moved_rated, (hours, temperature_c), |cycle| {
            PackState::close_cycle(progress, ledger, cell, &cycle);
        });
    }

    /// Moves time on by the step.
    #[inline(always)]
    fn advance(&mut self, power_w: f64, current_a: f64, falls_s: f64) -> Step {
        let dt_s = self.decay.dt_s;
        let step = Step { from_s: self.elapsed_s, dt_s, power_w, current_a, falls_s };
        self.elapsed_s += dt_s;
        self.state.since_refresh_s += dt_s;
        step
    }

    /// Ages the pack by the step, of which mean temperature and those at its ends are known, and moves its state of charge.
    #[inline(always)]
    fn age(&mut self, temperature_c: f64, ends_c: (f64, f64), (soc_before, soc): (f64, f64)) {
        let cell = self.cell;
        let hours = self.decay.dt_s * HOURS;
        let moved = soc - soc_before;
        let state = &mut *self.state;
        let progress = &mut state.progress;
        let days = hours * (1.0 / 24.0);
        let stretch = Stretch { days, temperature_c, ends_c, soc: 0.5 * (soc_before + soc), charged: moved };
        state.exposure.add(&stretch, |temperature_c, soc, days| {
            cell.calendar.expose(progress, temperature_c, soc, days);
        });
        state.soc = soc;
        state.ledger.remark(temperature_c, cell.file.life.fitted.temperature_c, hours);
        self.count(moved, (hours, temperature_c));
    }

    /// Applies a step whose current is decided.
    #[inline(always)]
    fn take(&mut self, terminal: &Terminal, current_a: f64, ripple: f64, float_a: f64) -> Step {
        let from_c = self.weather.at_c(self.elapsed_s);
        let (air, _) = self.weather.over((self.elapsed_s, from_c), &self.decay);
        let drop_v = self.rate_drop(terminal, current_a);
        let (cell, decay) = (self.cell, &self.decay);
        let losses = &cell.file.losses;
        let state = &mut *self.state;
        let capacity_ah = HOURS * self.capacity_as;
        let before_c = state.temperatures.cell_c;

        // Charge.
        let hours = decay.dt_s * HOURS;
        let leaking_ah = terminal.leak_per_s * decay.dt_s * cell.file.cell.capacity_ah + float_a * hours;
        let left_ah = most((state.soc - self.empty_soc) * capacity_ah, 0.0);
        let leak_ah = least(leaking_ah, left_ah);
        let efficiency = if current_a < 0.0 { losses.coulombic_efficiency } else { 1.0 };
        let ripple_ah = if ripple > 0.0 {
            current_a * current_a * terminal.r0 * ripple / terminal.ocv_v * hours
        } else {
            0.0
        };
        let stored_ah = -current_a * hours * efficiency - leak_ah - ripple_ah;
        let soc_before = state.soc;
        let soc =
            if capacity_ah > 0.0 { least(most(soc_before + stored_ah / capacity_ah, 0.0), 1.0) } else { 0.0 };

        // Voltage, with the exact mean over the step.
        let stored_to = cell.stored(soc);
        let ocv_mean_v = self.ocv_mean_v(soc, stored_to, terminal.ocv_v);
        let entropy_v_per_k = self.entropy_mean_v_per_k(soc, stored_to, terminal.entropy_v_per_k);
        let rise_w = if terminal.r0_rise == 0.0 || (soc - soc_before).abs() < WIDE_SOC {
            0.0
        } else {
            self.heat_rise_w(terminal, current_a, soc, stored_to)
        };
        let (branch_mean, branch_end) = self.hysteresis(terminal, current_a, soc - soc_before);
        let state = &mut *self.state;
        state.hysteresis = branch_end;
        self.stored = stored_to;
        let (v1_before, v2_before) = (state.v1_v, state.v2_v);
        let course = &terminal.course;
        let (v1_full, v2_full) =
            (current_a * course.fast * terminal.r1, current_a * course.slow * terminal.r2);
        let v1_mean = v1_full + (v1_before - v1_full) * decay.m1;
        let v2_mean = v2_full + (v2_before - v2_full) * decay.m2;
        state.v1_v = without_dust(v1_full + (v1_before - v1_full) * decay.e1);
        state.v2_v = without_dust(v2_full + (v2_before - v2_full) * decay.e2);
        let end_a = current_a * course.end;
        let polarisation_v = state.v1_v + state.v2_v + end_a * terminal.r0 + drop_v;
        state.voltage_v = stored_to.ocv_v + terminal.half_gap_v * state.hysteresis - polarisation_v;
        let voltage_mean_v = if course.end < 1.0 {
            // What is held stays, but for what tells the mean cell from the weakest, which is the one that is held.
            let ohm = terminal.r0 + terminal.r1 + terminal.r2;
            state.voltage_v + (current_a - end_a) * ohm * (state.weakest_resistance - 1.0)
        } else {
            ocv_mean_v + terminal.half_gap_v * branch_mean
                - v1_mean
                - v2_mean
                - current_a * terminal.r0
                - drop_v
        };

        // Heat: what the open-circuit voltage gives and the terminals do not get. The RC pairs hold ½·C·v².
        let (before_v, after_v) = ((v1_before, v2_before), (state.v1_v, state.v2_v));
        let held_wh = pairs_wh(&cell.file.circuit, terminal, state.pairs_wh, before_v, after_v);
        let newly_held = held_wh - state.pairs_wh;
        state.pairs_wh = held_wh;
        let terminal_wh = current_a * voltage_mean_v * hours;
        let irreversible_wh = current_a * (ocv_mean_v - voltage_mean_v) * hours - newly_held
            + (leak_ah + ripple_ah) * ocv_mean_v
            + (efficiency - 1.0) * current_a * hours * ocv_mean_v;
        let reversible_wh = -current_a * hours * (terminal.temperature_c + ZERO_C_K) * entropy_v_per_k;
        let heat_w = (irreversible_wh + reversible_wh) * 3600.0 * decay.per_s;
        let thermal = &self.model.thermal;
        let heat = HeatFlow { mean_w: heat_w, rise_w };
        let (mean_c, end) = thermal.mean_and_step(state.temperatures, heat, air, &decay.propagator);
        state.temperatures = end;

        // Books.
        let power_w = terminal_wh * 3600.0 * decay.per_s;
        let ledger = &mut state.ledger;
        if current_a > 0.0 {
            ledger.discharged_ah += current_a * hours;
        } else {
            ledger.charged_ah -= current_a * hours;
            ledger.coulombic_loss_ah -= current_a * hours * (1.0 - efficiency);
        }
        if terminal_wh > 0.0 {
            ledger.energy_out_wh += terminal_wh;
        } else {
            ledger.energy_in_wh -= terminal_wh;
        }
        ledger.leaked_ah += leak_ah;
        ledger.ripple_ah += ripple_ah;
        ledger.losses_wh += irreversible_wh;
        ledger.reversible_heat_wh += reversible_wh;
        state.current_a = end_a;
        self.age(mean_c, (before_c, end.cell_c), (soc_before, soc));
        self.advance(power_w, current_a, terminal.course.tau_s)
    }
}

/// The current that is wanted where a voltage limit leaves this share of it; what was guessed where it leaves nothing.
#[inline(always)]
fn unheld_a((current_a, share): (f64, f64), guess_a: f64) -> f64 {
    if share > 0.0 { current_a / share } else { guess_a }
}

/// What is left of something that decays after so many of its time constants, and its mean until then.
#[inline(always)]
fn left_and_mean(constants: f64) -> (f64, f64) {
    let left = exp(-constants);
    // Below, 1 − e^(−x) would lose its digits, and (1 − e^(−x))/x is 1 − x/2 up to x²/6.
    (left, if constants < 1e-5 { 1.0 - 0.5 * constants } else { (1.0 - left) / constants })
}

/// Energy in both RC pairs at a step's end [Wh], where they held so much before it.
///
/// A pair holds ½·C·v² with C = τ/R. A step in which that grows adds what it grows by, one in which it falls leaves the share
/// that it falls to: so a change of resistance between two steps, on which the pair keeps its voltage, makes no energy.
/// Otherwise a cold cell would be warmed by what its pairs set free, and cooled by what they take up once it is warm.
#[inline(always)]
fn pairs_wh(
    circuit: &CircuitFile,
    terminal: &Terminal,
    held_wh: f64,
    before_v: (f64, f64),
    after_v: (f64, f64),
) -> f64 {
    let Terminal { r1, r2, .. } = terminal;
    // Both energies times R1·R2.
    let of = |(v1_v, v2_v): (f64, f64)| circuit.tau1_s * v1_v * v1_v * r2 + circuit.tau2_s * v2_v * v2_v * r1;
    let (before, after) = (of(before_v), of(after_v));
    if after > before {
        held_wh + 0.5 * HOURS * (after - before) / (r1 * r2)
    } else if before > 0.0 {
        held_wh * after / before
    } else {
        0.0
    }
}

/// Nothing instead of a voltage that has decayed beyond meaning: it spares what rests the work of following it, and
/// subnormal numbers slow every step down.
#[inline(always)]
fn without_dust(voltage_v: f64) -> f64 {
    if voltage_v.abs() < 1e-7 { 0.0 } else { voltage_v }
}
