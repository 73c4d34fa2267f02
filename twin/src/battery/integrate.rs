//! Carries a pack through a duty: current, voltage, heat and ageing in steps that follow the state, not a clock.
//!
//! Within a step current, air temperature and circuit parameters are constant, and everything that has a closed
//! form is taken exactly: RC pairs, the thermal network, stored energy (from the integral of the open-circuit
//! voltage) and the energy of the RC pairs. So charge and energy balance to rounding at any step length, and the
//! step length only decides how well changing parameters are followed.

use super::pack::{PackModel, PackState};
use super::rainflow::Leg;
use super::thermal::{Propagator, ThermalPath};
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
    /// Current [A per cell].
    pub current_a: f64,
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
        Self { soc_max: 0.1, active_max_s: 2400.0, rest_max_s: 7200.0 }
    }
}

impl Stepping {
    /// At most so many seconds a step.
    pub fn at_most(seconds: f64) -> Self {
        Self { soc_max: 0.02, active_max_s: seconds, rest_max_s: seconds }
    }
}

/// Exponentials of one step length, kept while the length stays the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decay {
    dt_s: f64,
    /// 1/dt [1/s].
    per_s: f64,
    e1: f64,
    e2: f64,
    /// Mean of e^(−t/τ) over the step.
    m1: f64,
    m2: f64,
    propagator: Propagator,
}

impl Decay {
    fn of(dt_s: f64, tau1_s: f64, tau2_s: f64, thermal: &ThermalPath) -> Self {
        let (e1, e2) = ((-dt_s / tau1_s).exp(), (-dt_s / tau2_s).exp());
        let per_s = 1.0 / dt_s;
        Self {
            dt_s,
            per_s,
            e1,
            e2,
            m1: (1.0 - e1) * tau1_s * per_s,
            m2: (1.0 - e2) * tau2_s * per_s,
            propagator: thermal.propagator(dt_s),
        }
    }
}

/// Everything about the present step that does not depend on its current.
struct Terminal {
    soc_mid: f64,
    ocv_v: f64,
    hysteresis_v: f64,
    half_gap_v: f64,
    entropy_v_per_k: f64,
    slope_v: f64,
    r0: f64,
    r1: f64,
    r2: f64,
    /// Most that may be discharged and charged at this temperature [A per cell, both positive].
    discharge_max_a: f64,
    charge_max_a: f64,
}

/// A step length a little shorter, from a short list: equal lengths share their exponentials.
#[inline]
fn rounded_down(dt_s: f64) -> f64 {
    const LENGTHS_S: [f64; 8] = [60.0, 120.0, 240.0, 480.0, 720.0, 1080.0, 1440.0, 2160.0];
    match LENGTHS_S.partition_point(|length| *length <= dt_s) {
        0 => dt_s,
        n => LENGTHS_S[n - 1],
    }
}

/// Allowed share of the full current between two temperature limits.
#[inline]
fn derating(temperature_c: f64, limits: [f64; 2], ramp_k: f64) -> f64 {
    let inside_k = (temperature_c - limits[0]).min(limits[1] - temperature_c);
    if inside_k >= ramp_k { 1.0 } else { (inside_k / ramp_k).max(0.0) }
}

/// Capacity and resistance follow the life laws at least so often.
const REFRESH_S: f64 = DAY_S;

/// Longest step at a voltage limit, as a share of the time constant with which the current falls there.
const HELD_SHARE: f64 = 1.0;

/// Shortest step that a voltage limit asks for [s].
const HELD_MIN_S: f64 = 60.0;

/// Hours per second.
const HOURS: f64 = 1.0 / 3600.0;

/// The integrator of one passage.
struct Passing<'a> {
    model: &'a PackModel,
    state: &'a mut PackState,
    ambient: &'a Ambient,
    from: Time,
    elapsed_s: f64,
    /// Beginning of the hour whose air temperatures are held [s of the passage], and those.
    air_from_s: f64,
    air_c: (f64, f64),
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
    let mut passing =
        Passing { model, state, ambient, from, elapsed_s: 0.0, air_from_s: f64::INFINITY, air_c: (0.0, 0.0) };
    let mut ended = None;
    while passing.elapsed_s < span_s {
        let left_s = span_s - passing.elapsed_s;
        match passing.step(duty, left_s, stepping, &mut watch) {
            Ok(()) => {}
            Err(why) => {
                ended = Some((why, passing.elapsed_s));
                break;
            }
        }
        if passing.state.since_refresh_s >= REFRESH_S {
            passing.state.refresh_health(model);
        }
    }
    Passage { ended }
}

impl Passing<'_> {
    /// Takes one step, or says why there is none.
    #[inline(always)]
    fn step(
        &mut self,
        duty: Duty,
        left_s: f64,
        stepping: Stepping,
        watch: &mut impl FnMut(&Step, &PackState),
    ) -> Result<(), Ended> {
        if let Duty::Rest = duty {
            let dt_s = left_s.min(stepping.rest_max_s);
            if self.state.v1_v == 0.0 && self.state.v2_v == 0.0 {
                self.take_rest(dt_s, watch);
            } else {
                self.take_at(&self.terminal(self.state.soc, 0.0), 0.0, (0.0, 0.0), dt_s, watch);
            }
            return Ok(());
        }
        let layout = self.model.layout;
        let capacity_as = 3600.0 * self.state.capacity_ah(self.model);
        // A first guess of the current fixes the length of the step and where its middle lies; the middle fixes
        // the parameters, and these the current.
        let guess_a = self.guess(duty);
        let by_soc_s = stepping.soc_max * capacity_as / guess_a.abs().max(1e-6 * HOURS * capacity_as);
        let longest_s = match duty {
            Duty::Hold { .. } => stepping.rest_max_s,
            _ => stepping.active_max_s,
        };
        let mut dt_s = rounded_down(by_soc_s).clamp(1.0, longest_s).min(left_s);
        let mut terminal = self.terminal(self.state.soc - 0.5 * guess_a * dt_s / capacity_as, guess_a);
        let mut decay = self.decay(dt_s);
        let (mut current_a, mut held) = self.current(duty, &terminal, &decay)?;
        // At a voltage limit the current falls from moment to moment, which long steps cannot follow: they are
        // halved until the limit does not hold any more, or the current changes little within the step.
        while held
            && dt_s > HELD_SHARE * self.held_time_constant_s(&terminal, capacity_as)
            && dt_s > HELD_MIN_S
        {
            dt_s = (0.5 * dt_s).max(HELD_MIN_S);
            terminal = self.terminal(self.state.soc - 0.5 * current_a * dt_s / capacity_as, current_a);
            decay = self.decay(dt_s);
            (current_a, held) = self.current(duty, &terminal, &decay)?;
        }
        let cell = &self.model.cell.file;
        let cutoff_a = cell.limits.charge_cutoff_c_rate * cell.cell.capacity_ah;
        if held && matches!(duty, Duty::Charge { .. }) && -current_a <= cutoff_a {
            self.state.ledger.charges += 1.0;
            return Err(Ended::Charged);
        }
        if held && guess_a > 0.0 && current_a <= self.least_discharge_a(guess_a) {
            return Err(Ended::Empty);
        }
        let to_end_s = self.time_to_end(duty, &terminal, (guess_a, current_a), capacity_as)?;
        if to_end_s < dt_s {
            // The last step is as long as it takes, with the current of just that length.
            dt_s = to_end_s;
            terminal = self.terminal(self.state.soc - 0.5 * current_a * dt_s / capacity_as, current_a);
            decay = self.decay(dt_s);
            (current_a, _) = self.current(duty, &terminal, &decay)?;
            let to_end_s = self.time_to_end(duty, &terminal, (guess_a, current_a), capacity_as)?;
            if to_end_s < dt_s {
                dt_s = to_end_s;
                self.decay(dt_s);
            }
        }
        if let Duty::Power { power_w, .. } = duty {
            let wanted_w = power_w / layout.cells();
            let given_w = current_a * self.mean_voltage(&terminal, current_a);
            if power_w > 0.0 && given_w < wanted_w * (1.0 - 1e-6) {
                self.state.ledger.unserved_wh += (wanted_w - given_w) * dt_s / 3600.0;
            }
        }
        let float_a = self.float_a(duty);
        self.take_at(&terminal, current_a, (ripple_of(duty), float_a), dt_s, watch);
        if let Duty::Hold { voltage_v, .. } = duty
            && self.state.soc >= 1.0 - 1e-6
        {
            // A full cell follows its charger: what the circuit lacks is the overvoltage of gassing.
            self.state.voltage_v = voltage_v / f64::from(layout.series);
        }
        Ok(())
    }

    /// A pack that gives less than this of what is wanted is empty [A per cell]. assumed: a twentieth, at most a
    /// hundredth of the rated capacity per hour.
    #[inline(always)]
    fn least_discharge_a(&self, wanted_a: f64) -> f64 {
        (0.05 * wanted_a).min(0.01 * self.model.cell.file.cell.capacity_ah)
    }

    /// Time constant with which a current falls at a held voltage [s]: `R·Q/(dU/ds)`.
    #[inline(always)]
    fn held_time_constant_s(&self, terminal: &Terminal, capacity_as: f64) -> f64 {
        let resistance = (terminal.r0 + terminal.r1 + terminal.r2) * self.state.weakest_resistance;
        resistance * capacity_as / terminal.slope_v.max(0.05)
    }

    /// Time until the present current brings the state of charge to where the duty ends [s].
    #[inline(always)]
    fn time_to_end(
        &mut self,
        duty: Duty,
        terminal: &Terminal,
        (wanted_a, current_a): (f64, f64),
        capacity_as: f64,
    ) -> Result<f64, Ended> {
        let soc = self.state.soc;
        let (end_pack_soc, why) = match duty {
            Duty::Charge { target_soc, .. } => (target_soc, Ended::Charged),
            Duty::Current { until_soc, .. } => (until_soc, Ended::Reached),
            // What is held at a voltage takes no more than it can store, and stays there.
            Duty::Hold { .. } => return Ok(f64::INFINITY),
            _ if wanted_a > 0.0 => (0.0, Ended::Empty),
            _ => (1.0, Ended::Reached),
        };
        let end = self.state.mean_soc_at(end_pack_soc);
        let left_as = capacity_as * if wanted_a > 0.0 { soc - end } else { end - soc };
        let cell = &self.model.cell;
        let drain_a = if current_a > 0.0 {
            let ripple_a = current_a * current_a * terminal.r0 * ripple_of(duty) / terminal.ocv_v;
            let leak_a =
                3600.0 * cell.leak_per_s(self.state.temperatures.cell_c) * cell.file.cell.capacity_ah;
            current_a + ripple_a + leak_a
        } else {
            -current_a * cell.file.losses.coulombic_efficiency
        };
        // What a millisecond would do is not worth a step.
        if left_as <= 1e-3 * drain_a.abs().max(1e-3 * cell.file.cell.capacity_ah) {
            if matches!(duty, Duty::Charge { .. }) {
                self.state.ledger.charges += 1.0;
            }
            return Err(why);
        }
        Ok(if current_a == 0.0 { f64::INFINITY } else { left_as / drain_a })
    }

    #[inline(always)]
    fn decay(&mut self, dt_s: f64) -> Decay {
        match self.state.decay {
            Some(decay) if decay.dt_s == dt_s => decay,
            _ => {
                let circuit = &self.model.cell.file.circuit;
                let decay = Decay::of(dt_s, circuit.tau1_s, circuit.tau2_s, &self.model.thermal);
                self.state.decay = Some(decay);
                decay
            }
        }
    }

    /// Circuit and limits with the step's middle at `soc_mid`; `near_a` is the current as far as it is known, which
    /// matters to chemistries whose resistance bends only.
    #[inline(always)]
    fn terminal(&self, soc_mid: f64, near_a: f64) -> Terminal {
        let cell = &*self.model.cell;
        let state = &*self.state;
        let temperature_c = state.temperatures.cell_c;
        let soc_mid = soc_mid.clamp(0.0, 1.0);
        let curves = cell.curves(soc_mid);
        let fresh = cell.resistances_under(soc_mid, temperature_c, near_a);
        let growth = state.health.resistance;
        let limits = &cell.file.limits;
        let rated_ah = cell.file.cell.capacity_ah;
        Terminal {
            soc_mid,
            ocv_v: curves.ocv_v,
            hysteresis_v: curves.half_gap_v * state.hysteresis,
            half_gap_v: curves.half_gap_v,
            entropy_v_per_k: curves.entropy_v_per_k,
            slope_v: curves.ocv_slope_v.max(0.0),
            r0: fresh.r0 * growth,
            r1: fresh.r1 * growth,
            r2: fresh.r2 * growth,
            discharge_max_a: limits.discharge_c_rate_max
                * rated_ah
                * derating(temperature_c, limits.discharge_temperature_c, limits.derating_k),
            charge_max_a: limits.charge_c_rate_max
                * rated_ah
                * derating(temperature_c, limits.charge_temperature_c, limits.derating_k),
        }
    }

    #[inline(always)]
    fn guess(&self, duty: Duty) -> f64 {
        let layout = self.model.layout;
        let parallel = f64::from(layout.parallel);
        match duty {
            Duty::Rest => 0.0,
            Duty::Current { current_a, .. } => current_a / parallel,
            Duty::Power { power_w, .. } => power_w / (layout.cells() * self.state.voltage_v.max(0.1)),
            Duty::Charge { power_max_w, current_max_a, .. } => {
                let limits = &self.model.cell.file.limits;
                let voltage_v = self.state.voltage_v.max(0.1);
                let wanted_a = -(current_max_a / parallel)
                    .min(power_max_w / (layout.cells() * voltage_v))
                    .min(limits.charge_c_rate_max * self.model.cell.file.cell.capacity_ah);
                // In the constant-voltage phase the last current tells more than the wanted one.
                let held = self.state.current_a < 0.0 && voltage_v >= limits.voltage_max_v - 1e-3;
                if held { wanted_a.max(self.state.current_a) } else { wanted_a }
            }
            Duty::Hold { .. } => self.state.current_a,
        }
    }

    /// Mean terminal voltage over the step at a current [V per cell].
    #[inline(always)]
    fn mean_voltage(&self, terminal: &Terminal, current_a: f64) -> f64 {
        let Some(decay) = &self.state.decay else { return terminal.ocv_v };
        self.open_mean(terminal, decay, current_a) - current_a * mean_resistance(terminal, decay)
    }

    /// Mean over the step of everything in the terminal voltage but what the present current adds.
    #[inline(always)]
    fn open_mean(&self, terminal: &Terminal, decay: &Decay, current_a: f64) -> f64 {
        terminal.ocv_v + terminal.hysteresis_v
            - self.state.v1_v * decay.m1
            - self.state.v2_v * decay.m2
            - self.rate_drop(terminal, current_a)
    }

    /// Drop of the open-circuit voltage through charge that is out of reach at this rate [V].
    #[inline(always)]
    fn rate_drop(&self, terminal: &Terminal, current_a: f64) -> f64 {
        let cell = &*self.model.cell;
        if cell.file.rate_capacity.is_none() || current_a <= 0.0 {
            return 0.0;
        }
        let share = cell
            .usable_share(current_a / cell.file.cell.capacity_ah, self.state.temperatures.cell_c)
            .max(1e-3);
        terminal.ocv_v - cell.ocv_v(1.0 - (1.0 - terminal.soc_mid) / share)
    }

    /// Current of the step [A per cell] under the duty and all limits, and whether a voltage limit decides it.
    #[inline(always)]
    fn current(&self, duty: Duty, terminal: &Terminal, decay: &Decay) -> Result<(f64, bool), Ended> {
        let layout = self.model.layout;
        let parallel = f64::from(layout.parallel);
        let wanted_a = match duty {
            Duty::Rest => 0.0,
            Duty::Current { current_a, .. } => current_a / parallel,
            Duty::Power { power_w, .. } => self.for_power(power_w / layout.cells(), terminal, decay),
            Duty::Charge { power_max_w, current_max_a, .. } => (-current_max_a / parallel)
                .max(self.for_power(-power_max_w / layout.cells(), terminal, decay)),
            Duty::Hold { voltage_v, current_max_a } => self
                .for_voltage(voltage_v / f64::from(layout.series), terminal, decay, 1.0)
                .max(-current_max_a / parallel),
        };
        let limits = &self.model.cell.file.limits;
        let weak = self.state.weakest_resistance;
        if wanted_a > 0.0 {
            if terminal.discharge_max_a <= 0.0 {
                return Err(Ended::TooHotOrCold);
            }
            let mut current_a = wanted_a.min(terminal.discharge_max_a);
            let mut held = false;
            if self.may_pass(limits.voltage_min_v, terminal, current_a, weak) {
                // The drop is that of the wanted current, which is the larger one.
                let limit_v = limits.voltage_min_v + self.rate_drop(terminal, current_a);
                let by_voltage_a = self.for_voltage(limit_v, terminal, decay, weak);
                held = by_voltage_a < current_a;
                current_a = current_a.min(by_voltage_a);
            }
            let least_a = self.least_discharge_a(wanted_a);
            // A long step may find no current where a shorter one still does, and is shortened first.
            if current_a <= least_a && !held { Err(Ended::Empty) } else { Ok((current_a, held)) }
        } else if wanted_a < 0.0 {
            if terminal.charge_max_a <= 0.0 {
                return match duty {
                    Duty::Charge { .. } => Err(Ended::TooHotOrCold),
                    _ => Ok((0.0, false)),
                };
            }
            let mut current_a = wanted_a.max(-terminal.charge_max_a);
            let mut held = false;
            if self.may_pass(limits.voltage_max_v, terminal, current_a, weak) {
                let by_voltage_a = self.for_voltage(limits.voltage_max_v, terminal, decay, weak).min(0.0);
                held = by_voltage_a > current_a;
                current_a = current_a.max(by_voltage_a);
            }
            if let Duty::Hold { .. } = duty {
                current_a = current_a.max(-self.storable_a(duty, decay));
            }
            Ok((current_a, held))
        } else {
            Ok((0.0, false))
        }
    }

    /// Current that a pack held at a voltage can take: what is missing, and what it loses [A per cell].
    fn storable_a(&self, duty: Duty, decay: &Decay) -> f64 {
        let cell = &self.model.cell;
        let missing_as = (1.0 - self.state.soc) * 3600.0 * self.state.capacity_ah(self.model);
        let leak_a = cell.leak_per_s(self.state.temperatures.cell_c) * 3600.0 * cell.file.cell.capacity_ah;
        (missing_as * decay.per_s + leak_a + self.float_a(duty)) / cell.file.losses.coulombic_efficiency
    }

    /// Float current: what a full lead-acid cell on its charger turns into gas and corrosion [A per cell].
    ///
    /// `I = I₂₅·2^((T−25)/ΔT)·e^(k·(U−U_float))`. Source: as named in the chemistry file. Counted from 95 % of
    /// charge on; below, the cell charges instead (assumed).
    fn float_a(&self, duty: Duty) -> f64 {
        let (Duty::Hold { voltage_v, .. }, Some(float)) = (duty, &self.model.cell.file.float) else {
            return 0.0;
        };
        if self.state.soc < 0.95 {
            return 0.0;
        }
        let over_v = voltage_v / f64::from(self.model.layout.series) - float.voltage_v;
        let cell = &self.model.cell;
        let warmer = (self.state.temperatures.cell_c - 25.0) / float.current_doubling_k;
        let drawn_a =
            float.current_a * (warmer * std::f64::consts::LN_2 + float.current_per_v * over_v).exp();
        // Self-discharge is part of it.
        let leak_a = cell.leak_per_s(self.state.temperatures.cell_c) * 3600.0 * cell.file.cell.capacity_ah;
        (drawn_a * cell.file.losses.coulombic_efficiency - leak_a).max(0.0)
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
        terminal.soc_mid < 0.15
            || terminal.soc_mid > 0.85
            || self.model.cell.file.rate_capacity.is_some()
            || room_v < polarised + MARGIN_V
    }

    /// Current that gives a mean power over the step [A per cell]; the most possible when the power is not.
    ///
    /// `I = (E − √(E² − 4·R·P)) / 2R` with E the mean voltage without the present current.
    #[inline(always)]
    fn for_power(&self, power_w: f64, terminal: &Terminal, decay: &Decay) -> f64 {
        let resistance = mean_resistance(terminal, decay);
        let open_v = self.open_mean(terminal, decay, power_w / terminal.ocv_v);
        let discriminant = open_v * open_v - 4.0 * resistance * power_w;
        (open_v - discriminant.max(0.0).sqrt()) / (2.0 * resistance)
    }

    /// Current that ends the step at a voltage, for a cell of `weak` times the resistance [A per cell].
    #[inline(always)]
    fn for_voltage(&self, voltage_v: f64, terminal: &Terminal, decay: &Decay, weak: f64) -> f64 {
        let state = &*self.state;
        let capacity_as = 3600.0 * state.capacity_ah(self.model);
        let start = self.model.cell.curves(state.soc.clamp(0.0, 1.0));
        let polarised = (state.v1_v * decay.e1 + state.v2_v * decay.e2) * weak;
        let resistance =
            (terminal.r0 + terminal.r1 * (1.0 - decay.e1) + terminal.r2 * (1.0 - decay.e2)) * weak;
        let open_v = |ocv_v: f64| ocv_v + terminal.hysteresis_v - polarised - voltage_v;
        // The open-circuit voltage moves with the charge: linear at first, then over the secant that results.
        let current_a = open_v(start.ocv_v) / (resistance + terminal.slope_v * decay.dt_s / capacity_as);
        let end_soc = (state.soc - current_a * decay.dt_s / capacity_as).clamp(0.0, 1.0);
        let end_v = self.model.cell.ocv_v(end_soc);
        let moved = state.soc - end_soc;
        if moved.abs() < 1e-9 {
            return current_a;
        }
        let secant_v = (start.ocv_v - end_v) / moved;
        open_v(start.ocv_v) / (resistance + secant_v.max(0.0) * decay.dt_s / capacity_as)
    }

    /// Air temperature at the middle of the step [°C].
    #[inline(always)]
    fn air_c(&mut self, dt_s: f64) -> f64 {
        let middle_s = self.elapsed_s + 0.5 * dt_s;
        if !(self.air_from_s..self.air_from_s + 3600.0).contains(&middle_s) {
            let hour = self.from.plus_seconds(middle_s).hour_index();
            self.air_from_s = Time::of_hour(hour).seconds_since(self.from);
            self.air_c = (self.ambient.air_c.of_hour(hour), self.ambient.air_c.of_hour(hour + 1));
        }
        let fraction = (middle_s - self.air_from_s) * HOURS;
        self.air_c.0 + (self.air_c.1 - self.air_c.0) * fraction + self.ambient.shift_c
    }

    /// A step of a pack at rest whose polarisation is gone: only self-discharge, temperature and age move.
    #[inline(always)]
    fn take_rest(&mut self, dt_s: f64, watch: &mut impl FnMut(&Step, &PackState)) {
        let decay = self.decay(dt_s);
        let air_c = self.air_c(dt_s);
        let cell = &*self.model.cell;
        let state = &mut *self.state;
        let capacity_ah = cell.file.cell.capacity_ah * state.health.capacity;
        let before_c = state.temperatures.cell_c;
        let leak_ah =
            (cell.leak_per_s(before_c) * dt_s * cell.file.cell.capacity_ah).min(state.soc * capacity_ah);
        let soc = if capacity_ah > 0.0 { (state.soc - leak_ah / capacity_ah).max(0.0) } else { 0.0 };
        let (from, to) = (cell.curves(state.soc), cell.curves(soc));
        let leaked_wh = (from.ocv_integral_v - to.ocv_integral_v) * capacity_ah;
        let heat_w = leaked_wh * 3600.0 * decay.per_s;
        let mean_c = self.model.thermal.mean_cell_c(state.temperatures, heat_w, air_c, &decay.propagator);
        state.temperatures = self.model.thermal.step(state.temperatures, heat_w, air_c, &decay.propagator);
        state.ledger.leaked_ah += leak_ah;
        state.ledger.losses_wh += leaked_wh;
        state.current_a = 0.0;
        state.voltage_v = to.ocv_v + to.half_gap_v * state.hysteresis;
        self.age(mean_c, soc, dt_s);
        self.state.soc = soc;
        let step = Step { from_s: self.elapsed_s, dt_s, power_w: 0.0, current_a: 0.0 };
        self.elapsed_s += dt_s;
        self.state.since_refresh_s += dt_s;
        watch(&step, self.state);
    }

    /// Ages the pack by a step at a mean temperature that ends at `soc`.
    #[inline(always)]
    fn age(&mut self, temperature_c: f64, soc: f64, dt_s: f64) {
        let cell = &*self.model.cell;
        let state = &mut *self.state;
        let (soc_before, hours) = (state.soc, dt_s * HOURS);
        let moved = soc - soc_before;
        let days = dt_s * (1.0 / DAY_S);
        state.age_days += days;
        let progress = &mut state.progress;
        state.exposure.add(temperature_c, 0.5 * (soc_before + soc), days, |temperature_c, soc, days| {
            cell.calendar.expose(progress, temperature_c, soc, days);
        });
        let moved_rated = moved * state.health.capacity;
        state.efc += 0.5 * moved_rated.abs();
        let leg = Leg::of_step(moved_rated, hours, temperature_c);
        let (progress, ledger) = (&mut state.progress, &mut state.ledger);
        state.rainflow.extend(soc, &leg, |cycle| PackState::close_cycle(progress, ledger, cell, &cycle));
        let fitted = &cell.file.life.fitted;
        if temperature_c < fitted.temperature_c[0] || temperature_c > fitted.temperature_c[1] {
            state.ledger.outside_temperature_h += hours;
        }
        if temperature_c > 45.0 {
            state.ledger.hot_h += hours;
        }
    }

    /// Applies a step whose current is decided.
    #[inline(always)]
    fn take_at(
        &mut self,
        terminal: &Terminal,
        current_a: f64,
        (ripple, float_a): (f64, f64),
        dt_s: f64,
        watch: &mut impl FnMut(&Step, &PackState),
    ) {
        let decay = self.decay(dt_s);
        let air_c = self.air_c(dt_s);
        let drop_v = self.rate_drop(terminal, current_a);
        let cell = &*self.model.cell;
        let losses = &cell.file.losses;
        let state = &mut *self.state;
        let capacity_ah = cell.file.cell.capacity_ah * state.health.capacity;
        let before_c = state.temperatures.cell_c;

        // Charge.
        let hours = dt_s * HOURS;
        let leak_ah = (cell.leak_per_s(before_c) * dt_s * cell.file.cell.capacity_ah + float_a * hours)
            .min(state.soc * capacity_ah);
        let efficiency = if current_a < 0.0 { losses.coulombic_efficiency } else { 1.0 };
        let ripple_w = current_a * current_a * terminal.r0 * ripple;
        let ripple_ah = if ripple > 0.0 { ripple_w / terminal.ocv_v * hours } else { 0.0 };
        let stored_ah = -current_a * hours * efficiency - leak_ah - ripple_ah;
        let soc_before = state.soc;
        let soc =
            if capacity_ah > 0.0 { (soc_before + stored_ah / capacity_ah).clamp(0.0, 1.0) } else { 0.0 };

        // Voltage, with the exact mean over the step.
        let stored_from = cell.curves(soc_before);
        let stored_to = cell.curves(soc);
        let moved = soc - soc_before;
        let ocv_mean_v = if moved.abs() > 1e-9 {
            (stored_to.ocv_integral_v - stored_from.ocv_integral_v) / moved
        } else {
            terminal.ocv_v
        };
        let (v1_before, v2_before) = (state.v1_v, state.v2_v);
        let v1_mean = v1_before * decay.m1 + current_a * terminal.r1 * (1.0 - decay.m1);
        let v2_mean = v2_before * decay.m2 + current_a * terminal.r2 * (1.0 - decay.m2);
        state.v1_v = without_dust(v1_before * decay.e1 + current_a * terminal.r1 * (1.0 - decay.e1));
        state.v2_v = without_dust(v2_before * decay.e2 + current_a * terminal.r2 * (1.0 - decay.e2));
        let branch_before = state.hysteresis;
        if current_a != 0.0 && terminal.half_gap_v > 0.0 {
            let branch = -current_a.signum();
            let kept = (-cell.file.hysteresis.gamma * moved.abs()).exp();
            state.hysteresis = branch + (branch_before - branch) * kept;
        }
        let hysteresis_mean_v = terminal.half_gap_v * 0.5 * (branch_before + state.hysteresis);
        let voltage_mean_v =
            ocv_mean_v + hysteresis_mean_v - v1_mean - v2_mean - current_a * terminal.r0 - drop_v;

        // Heat: what the open-circuit voltage gives and the terminals do not get. The RC pairs hold ½·C·v².
        let circuit = &cell.file.circuit;
        let c1 = 0.5 * HOURS * circuit.tau1_s / terminal.r1;
        let c2 = 0.5 * HOURS * circuit.tau2_s / terminal.r2;
        // The pairs' capacitances follow their resistances; what a change sets free is heat as well.
        let held_wh = c1 * state.v1_v * state.v1_v + c2 * state.v2_v * state.v2_v;
        let newly_held = held_wh - state.pairs_wh;
        state.pairs_wh = held_wh;
        let terminal_wh = current_a * voltage_mean_v * hours;
        let irreversible_wh = current_a * (ocv_mean_v - voltage_mean_v) * hours - newly_held
            + (leak_ah + ripple_ah) * ocv_mean_v
            + (efficiency - 1.0) * current_a * hours * ocv_mean_v;
        let reversible_wh =
            -current_a * hours * (before_c + super::life::ZERO_C_K) * terminal.entropy_v_per_k;
        let heat_w = (irreversible_wh + reversible_wh) * 3600.0 * decay.per_s;
        let thermal = &self.model.thermal;
        let mean_c = thermal.mean_cell_c(state.temperatures, heat_w, air_c, &decay.propagator);
        state.temperatures = thermal.step(state.temperatures, heat_w, air_c, &decay.propagator);

        self.age(mean_c, soc, dt_s);
        let state = &mut *self.state;

        // Books.
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
        state.soc = soc;
        state.current_a = current_a;
        state.voltage_v = stored_to.ocv_v + terminal.half_gap_v * state.hysteresis
            - state.v1_v
            - state.v2_v
            - current_a * terminal.r0
            - drop_v;
        let step =
            Step { from_s: self.elapsed_s, dt_s, power_w: terminal_wh * 3600.0 * decay.per_s, current_a };
        self.elapsed_s += dt_s;
        self.state.since_refresh_s += dt_s;
        watch(&step, self.state);
    }
}

/// Nothing instead of a voltage that has decayed beyond meaning: subnormal numbers slow every step down.
#[inline(always)]
fn without_dust(voltage_v: f64) -> f64 {
    if voltage_v.abs() < 1e-9 { 0.0 } else { voltage_v }
}

/// Ripple of a duty's load.
#[inline]
fn ripple_of(duty: Duty) -> f64 {
    match duty {
        Duty::Power { ripple, .. } => ripple,
        _ => 0.0,
    }
}

/// Resistance that the mean over a step sees, for a current that begins with it [Ω].
#[inline]
fn mean_resistance(terminal: &Terminal, decay: &Decay) -> f64 {
    terminal.r0 + terminal.r1 * (1.0 - decay.m1) + terminal.r2 * (1.0 - decay.m2)
}
