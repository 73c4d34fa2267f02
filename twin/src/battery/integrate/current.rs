//! Which current a duty comes to over a step, under all limits.

use super::super::quick::{held_between, least, most};
use super::terminal::Terminal;
use super::{Duty, Ended, Passing, derating};

/// How far the charge that a step moves may be from what its mean voltage was taken for.
const MISSED_SOC: f64 = 3e-3;

impl Passing<'_> {
    /// A step of `dt_s` under about this current: its middle, its current, and whether a voltage limit decides it.
    #[inline(never)]
    pub(super) fn tried(&mut self, dt_s: f64, near_a: f64) -> Result<(Terminal, f64, f64), Ended> {
        let mut terminal = self.middle(dt_s, near_a);
        let (current_a, share) = self.current_again(&terminal)?;
        let (current_a, share) = self.refined(&mut terminal, near_a, (current_a, share))?;
        Ok((terminal, current_a, share))
    }

    /// The current with the mean of the open-circuit voltage over the charge that it moves itself, where that of the guess
    /// would be another.
    #[inline(always)]
    pub(super) fn refined(
        &self,
        terminal: &mut Terminal,
        mut near_a: f64,
        (mut current_a, mut share): (f64, f64),
    ) -> Result<(f64, f64), Ended> {
        let per_a = self.decay.dt_s * self.per_as;
        for _ in 0..3 {
            if share < 1.0 || (current_a - near_a).abs() * per_a < MISSED_SOC {
                break;
            }
            near_a = current_a;
            let soc_end = held_between(self.state.soc - near_a * per_a, 1.0);
            self.mean_until_end(terminal, near_a, soc_end);
            (current_a, share) = self.current_again(terminal)?;
        }
        Ok((current_a, share))
    }

    /// The step again with a resistance that bends with the current itself and not with a guess of it.
    #[inline(never)]
    pub(super) fn bent_current(
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
            self.resist(&mut terminal, near_a);
            (current_a, share) = self.current_again(&terminal)?;
        }
        Ok((terminal, current_a, share))
    }

    #[inline(always)]
    pub(super) fn guess(&self) -> f64 {
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

    /// Whether a charge stands at the voltage limit, so that the last current tells more than the wanted one.
    #[inline(always)]
    pub(super) fn is_held(&self) -> bool {
        let state = &*self.state;
        matches!(self.duty, Duty::Charge { .. })
            && state.current_a < 0.0
            && state.voltage_v >= self.cell.file.limits.voltage_max_v - 1e-3
    }

    /// [`Passing::current`] for those who seldom ask, out of line.
    #[inline(never)]
    pub(super) fn current_again(&self, terminal: &Terminal) -> Result<(f64, f64), Ended> {
        self.current(terminal)
    }

    /// Current of the step [A per cell] under the duty and all limits, and the share of what is wanted that a voltage limit
    /// leaves of it: 1 where none decides.
    #[inline(always)]
    pub(super) fn current(&self, terminal: &Terminal) -> Result<(f64, f64), Ended> {
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

    /// Share of the highest current that the temperature allows in a current's direction.
    #[inline(always)]
    pub(super) fn allowed_share(&self, current_a: f64) -> f64 {
        let derating_k = self.cell.file.limits.derating_k;
        derating(self.state.temperatures.cell_c, self.allowed_c(current_a), derating_k)
    }

    /// Temperatures between which a current may flow in its direction [°C].
    #[inline(always)]
    pub(super) fn allowed_c(&self, current_a: f64) -> [f64; 2] {
        let limits = &self.cell.file.limits;
        if current_a < 0.0 { limits.charge_temperature_c } else { limits.discharge_temperature_c }
    }

    /// A pack that gives less than this of what is wanted is empty [A per cell]. assumed: a twentieth, at most a
    /// hundredth of the rated capacity per hour.
    #[inline(always)]
    pub(super) fn least_discharge_a(&self, wanted_a: f64) -> f64 {
        least(0.05 * wanted_a, 0.01 * self.cell.file.cell.capacity_ah)
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
        let span = decay.dt_s * self.per_as;
        let polarised = (state.v1_v * decay.e1 + state.v2_v * decay.e2) * weak;
        let course = self.course;
        let resistance = (terminal.r0 * course.end
            + terminal.r1 * course.fast * (1.0 - decay.e1)
            + terminal.r2 * course.slow * (1.0 - decay.e2))
            * weak;
        let begins_v = self.stored.ocv_v + self.stored.half_gap_v * terminal.branch_end;
        let reached_v = voltage_v + polarised;
        // The voltage at the end beyond the one wanted falls with the current, by the resistance and by the charge that it
        // moves. Newton's method, held between what was too little and what was too much, for the curve has knees.
        let mut current_a = (begins_v - reached_v) / (resistance + terminal.slope_v * span);
        let (mut too_little_a, mut too_much_a) = (f64::NEG_INFINITY, f64::INFINITY);
        for _ in 0..16 {
            let free_soc = state.soc - current_a * span;
            let end_soc = held_between(free_soc, 1.0);
            let (end_v, slope_v) = self.cell.branch_and_slope_v(end_soc, terminal.branch_end);
            // What is full or empty moves no more.
            let slope_v = if end_soc == free_soc { most(slope_v, 0.0) } else { 0.0 };
            let beyond_v = end_v - reached_v - current_a * resistance;
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

    /// Voltage at the end of the step under a constant current, of a cell with `weak` times the resistance, and its slope there
    /// over state of charge without current [V].
    #[inline(always)]
    pub(super) fn end_voltage(&self, terminal: &Terminal, current_a: f64, weak: f64) -> (f64, f64) {
        let (state, decay) = (&*self.state, &self.decay);
        let soc_end = held_between(state.soc - current_a * decay.dt_s * self.per_as, 1.0);
        let polarised = state.v1_v * decay.e1 + state.v2_v * decay.e2;
        let ohm = terminal.r0 + terminal.r1 * (1.0 - decay.e1) + terminal.r2 * (1.0 - decay.e2);
        let (open_v, slope_v) = self.cell.branch_and_slope_v(soc_end, terminal.branch_end);
        (open_v - (polarised + current_a * ohm) * weak, slope_v)
    }

    /// Whether the voltage at the end of a step may lie beyond a limit: never wrong when it says no, for it
    /// counts with all resistance at once, a generous margin, and the steep ends of the curve as doubtful.
    #[inline(always)]
    fn may_pass(&self, limit_v: f64, terminal: &Terminal, current_a: f64, weak: f64) -> bool {
        const MARGIN_V: f64 = 0.12;
        let state = &*self.state;
        let polarised = (state.v1_v.abs() + state.v2_v.abs() + current_a.abs() * terminal.whole_ohm()) * weak;
        let room_v = (terminal.ocv_v + terminal.hysteresis_v - limit_v).abs();
        // A quarter more for what ripple takes besides.
        let soc_end = state.soc - 1.25 * current_a * self.decay.dt_s * self.per_as;
        !(0.15..=0.85).contains(&soc_end)
            || self.cell.file.rate_capacity.is_some()
            || room_v < polarised + MARGIN_V
    }

    /// Mean terminal voltage over the step at a current [V per cell].
    #[inline(always)]
    pub(super) fn mean_voltage(&self, terminal: &Terminal, current_a: f64) -> f64 {
        self.open_mean(terminal, current_a) - current_a * self.mean_resistance(terminal)
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
    pub(super) fn rate_drop(&self, terminal: &Terminal, current_a: f64) -> f64 {
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

    /// What a load that fluctuates takes besides its mean current, for its heat [A per cell].
    #[inline(always)]
    pub(super) fn ripple_a(&self, terminal: &Terminal, current_a: f64) -> f64 {
        if self.duty.ripple() > 0.0 {
            current_a * current_a * self.ripple_ohm(terminal) / terminal.ocv_v
        } else {
            0.0
        }
    }

    /// Self-discharge as a current [A per cell].
    #[inline(always)]
    pub(super) fn leak_a(&self, terminal: &Terminal) -> f64 {
        3600.0 * terminal.leak_per_s * self.cell.file.cell.capacity_ah
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
    pub(super) fn float_a(&self, terminal: &Terminal) -> f64 {
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
}

/// The current that is wanted where a voltage limit leaves this share of it; what was guessed where it leaves nothing.
#[inline(always)]
pub(super) fn unheld_a((current_a, share): (f64, f64), guess_a: f64) -> f64 {
    if share > 0.0 { current_a / share } else { guess_a }
}
