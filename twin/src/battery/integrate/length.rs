//! How long a step may be, and the one in which a duty ends.

use super::super::quick::{held_between, least, most};
use super::current::unheld_a;
use super::terminal::{Course, Terminal};
use super::{Duty, Ended, Passing};

/// Longest step at a voltage limit, as a share of the time constant with which the current falls there.
const HELD_SHARE: f64 = 1.5;

/// A step that ends at a voltage limit with at least this share of the wanted current is as good as the wanted one.
const NEARLY: f64 = 0.97;

/// Shortest step that a voltage limit asks for [s].
const HELD_MIN_S: f64 = 60.0;

/// A step that goes by the temperature of its beginning sets free no more heat than would warm the cell by so much [K], and
/// any step may set free that much.
const WARMED_K: f64 = 2.0;

/// The same of a step that goes by its mean temperature [K]. Of the four makes of `benches/pack.rs` only the one that warms
/// most tells the difference: by the hour its ten years are 0.01 % of the loss off at 10 K, 0.005 % at 14 K and 0.03 % at 18 K,
/// from which on no step is cut for it.
const PREDICTED_K: f64 = 18.0;

impl Passing<'_> {
    /// What can be seen of a long step from where it begins: the resistance that heats it, which is kept, about its current, and
    /// how long it can be before it has moved so much charge or the cell is another one for its warmth.
    #[inline(never)]
    pub(super) fn foreseen(&mut self, guess_a: f64, longest_s: f64, moved_max_as: f64) -> (f64, f64) {
        if self.is_held() {
            return (guess_a, longest_s);
        }
        let now = self.terminal(self.state.soc, guess_a, self.state.temperatures.cell_c);
        let ohm = now.whole_ohm();
        let heating_ohm = self.heating_ohm(&now);
        self.seen_ohm = Some(heating_ohm);
        let state = &*self.state;
        let mut near_a = guess_a;
        if let Duty::Power { power_w, .. } | Duty::Charge { power_max_w: power_w, .. } = self.duty {
            let end = held_between(state.soc - guess_a * longest_s * self.per_as, 1.0);
            let open_v = self.ocv_mean_v(end, self.cell.stored(end), now.ocv_v) + now.hysteresis_v;
            let discriminant = open_v * open_v - 4.0 * ohm * power_w.copysign(guess_a);
            near_a = (open_v - most(discriminant, 0.0).sqrt()) / (2.0 * ohm);
            if let Duty::Charge { .. } = self.duty {
                // The guess has seen the limits of the current.
                near_a = most(near_a, guess_a);
            }
        }
        let warmed = near_a * near_a * heating_ohm * longest_s / self.warmed_max_j(near_a);
        let dt_s = if warmed > 1.0 { longest_s / warmed.ceil() } else { longest_s };
        (near_a, least(dt_s, most(moved_max_as / near_a.abs(), 1.0)))
    }

    /// How long a step is that ends beyond a voltage limit without any polarisation already: till the limit is reached. At the
    /// limit it is about the time constant with which a held current falls, which is told besides.
    #[inline(always)]
    pub(super) fn before_limit(&self, near_a: f64, longest_s: f64) -> (f64, Option<f64>) {
        let (state, limits) = (&*self.state, &self.cell.file.limits);
        let held = self.is_held();
        let soc_end = state.soc - near_a * longest_s * self.per_as;
        if !held && (0.15..=0.85).contains(&soc_end) {
            return (longest_s, None);
        }
        let open_v = self.cell.ocv_v(held_between(soc_end, 1.0));
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
            let held_s = least(HELD_SHARE * tau_s, self.before_full_s(near_a, tau_s));
            return (least(longest_s, most(held_s, HELD_MIN_S)), Some(tau_s));
        }
        let before_limit_s = self.before_limit_s(&now, near_a);
        let before_end_s = (state.soc - end) * self.capacity_as / near_a;
        let counts = before_limit_s > HELD_MIN_S && before_limit_s < 0.999 * before_end_s;
        (if counts { least(longest_s, before_limit_s) } else { longest_s }, None)
    }

    /// About how long a charge that falls with this time constant needs to fill the cell, and a tenth more [s]. A step that is
    /// tried far beyond finds the cell full and room for more current than there is, and its end is sought the longer.
    fn before_full_s(&self, begins_a: f64, tau_s: f64) -> f64 {
        let left_share = 1.0 - (1.0 - self.state.soc) * self.capacity_as / (-begins_a * tau_s);
        if left_share > 0.0 { -1.1 * left_share.ln() * tau_s } else { f64::INFINITY }
    }

    /// Heat that a step may set free before the cell counts as another one [J]: no more than brings it to temperatures that
    /// allow less current, and little where resistance bends with current, for then a step goes by the temperature of its
    /// beginning and not by its mean.
    #[inline(always)]
    pub(super) fn warmed_max_j(&self, current_a: f64) -> f64 {
        let unlimited_c = self.allowed_c(current_a)[1] - self.cell.file.limits.derating_k;
        let room_k = unlimited_c - self.state.temperatures.cell_c;
        let by_beginning = self.cell.file.circuit.knee.is_some();
        let warmed_k = if by_beginning { WARMED_K } else { most(least(room_k, PREDICTED_K), WARMED_K) };
        warmed_k * self.model.thermal.cell_j_per_k
    }

    /// The step where a voltage limit holds the current back before its end. Up to where the limit is reached the current is
    /// the wanted one; from there on it falls, and the step is short enough for one time constant to tell how.
    #[inline(never)]
    pub(super) fn at_limit(
        &mut self,
        mut terminal: Terminal,
        (wanted_a, mut current_a, mut share): (f64, f64, f64),
        (mut dt_s, longest_s): (f64, f64),
    ) -> Result<(Terminal, f64, f64), Ended> {
        if dt_s <= HELD_MIN_S {
            self.look_whether_done(wanted_a, current_a)?;
            return Ok((terminal, current_a, dt_s));
        }
        let mut falls = self.course.end < 1.0;
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
                self.fall(tau_s);
            }
            (current_a, share) = self.current_again(&terminal)?;
            starves = wanted_a > 0.0 && current_a <= self.least_discharge_a(wanted_a) && dt_s > HELD_MIN_S;
            falls = (falls || share == 1.0) && !starves;
        }
        if share == 1.0 {
            self.course = Course::STEADY;
            return Ok((terminal, current_a, dt_s));
        }
        let begins_a = least(current_a.abs() * self.course.begin, begun_a);
        self.look_whether_done(wanted_a, begins_a.copysign(wanted_a))?;
        // The charge ends where its current has fallen to the cut-off.
        let falls_s = (begins_a / self.cutoff_a()).ln() * self.course.tau_s;
        if matches!(self.duty, Duty::Charge { .. }) && falls_s < dt_s {
            // What a second would do is not worth looking for, but no step goes beyond the one that was tried.
            dt_s = least(most(falls_s, 1.0), dt_s);
            (terminal, current_a) = self.over_length(dt_s, current_a)?;
            self.ending = Some(Ended::Charged);
        }
        Ok((terminal, current_a, dt_s))
    }

    /// The step in which the duty ends: as long as it takes, with the current of just that length. It ends within the
    /// step that was tried, and the time that is left is sought by the secant.
    #[inline(never)]
    pub(super) fn last(
        &mut self,
        terminal: &Terminal,
        (wanted_a, mut current_a): (f64, f64),
        (tried_s, to_end_s): (f64, f64),
        (left_s, why): (f64, Ended),
    ) -> Result<(Terminal, f64), Ended> {
        let mut terminal = *terminal;
        let (mut dt_s, too_long_s) = (to_end_s, to_end_s - tried_s);
        for _ in 0..4 {
            (terminal, current_a) = self.over_length(dt_s, current_a)?;
            let (to_end_s, _) = self.time_to_end(&terminal, (wanted_a, current_a))?;
            if to_end_s < least(1.05 * dt_s, left_s) {
                self.decay_over(to_end_s);
                self.fall(self.course.tau_s);
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

    /// Time until the present current brings the state of charge to where the duty ends [s], and what that means.
    #[inline(always)]
    pub(super) fn time_to_end(
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
            current_a + self.ripple_a(terminal, current_a) + self.leak_a(terminal)
        } else {
            -current_a * file.losses.coulombic_efficiency
        };
        // What a millisecond would do is not worth a step.
        if left_as <= 1e-3 * most(drain_a.abs(), 1e-3 * file.cell.capacity_ah) {
            return Err(why);
        }
        Ok((if current_a == 0.0 { f64::INFINITY } else { left_as / drain_a }, why))
    }

    /// Voltage limit in the way of a current [V].
    fn limit_v(&self, current_a: f64) -> f64 {
        let limits = &self.cell.file.limits;
        if current_a > 0.0 { limits.voltage_min_v } else { limits.voltage_max_v }
    }

    /// How long a current can flow before the voltage reaches the limit in its way, all polarisation counted [s].
    fn before_limit_s(&self, terminal: &Terminal, current_a: f64) -> f64 {
        let limit_v = self.limit_v(current_a);
        let resistance = terminal.whole_ohm() * self.state.weakest_resistance;
        let soc = self.cell.soc_at_ocv(limit_v - terminal.hysteresis_v + current_a * resistance);
        (self.state.soc - soc) * self.capacity_as / current_a
    }

    /// How long a current can flow on after the step before the voltage reaches the limit in its way [s].
    fn left_before_limit_s(&self, terminal: &Terminal, current_a: f64) -> f64 {
        let limit_v = self.limit_v(current_a);
        let weak = self.state.weakest_resistance;
        let (end_v, slope_v) = self.end_voltage(terminal, current_a, weak);
        (end_v - limit_v) * self.capacity_as / (current_a * most(slope_v, 0.05))
    }

    /// Time constant with which a current falls at a held voltage [s]: `R·Q/(dU/ds)`.
    fn held_time_constant_s(&self, terminal: &Terminal) -> f64 {
        let resistance = terminal.whole_ohm() * self.state.weakest_resistance;
        resistance * self.capacity_as / most(terminal.slope_v, 0.05)
    }

    /// Whether a current at a voltage limit has become so small that the charge is done or the pack empty.
    fn look_whether_done(&self, wanted_a: f64, current_a: f64) -> Result<(), Ended> {
        if matches!(self.duty, Duty::Charge { .. }) && -current_a <= self.cutoff_a() {
            return Err(Ended::Charged);
        }
        if wanted_a > 0.0 && current_a <= self.least_discharge_a(wanted_a) {
            return Err(Ended::Empty);
        }
        Ok(())
    }

    /// Current at which a charge at the voltage limit is done [A per cell].
    fn cutoff_a(&self) -> f64 {
        let file = &self.cell.file;
        file.limits.charge_cutoff_c_rate * file.cell.capacity_ah
    }
}
