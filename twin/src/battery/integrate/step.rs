//! What a step does to a pack: charge, voltage, heat, books and age.

use super::super::circuit::Stored;
use super::super::decay::Decay;
use super::super::exposure::Stretch;
use super::super::life::ZERO_C_K;
use super::super::pack::{HOT_C, PackState};
use super::super::quick::{held_between, least, most};
use super::super::thermal::{Air, HeatFlow, Propagator};
use super::terminal::{Terminal, WIDE_SOC};
use super::{HOURS, Passing, REFRESH_S, Step};
use crate::time::DAY_S;

/// Self-discharge of a pack that idles is taken anew when the temperature has moved by so much [K]: 0.7 % of it where it
/// doubles within ten.
const LEAK_HELD_K: f64 = 0.1;

/// Ageing is told of a rest when it has lasted so long [s] or the cell has changed by so much [K], and at its end.
const TOLD_S: f64 = 10_800.0;
const TOLD_K: f64 = 1.0;

impl Passing<'_> {
    /// Rests until the end of the span, or until health must be brought up to date: polarisation dies away, and
    /// self-discharge, temperature and age move. `watch` sees electricity, heat and the ledger of each step; ageing is told of
    /// three hours at most at once, and cycles are counted at the end.
    #[inline(never)]
    pub(super) fn rest(&mut self, span_s: f64, watch: &mut impl FnMut(&Step, &PackState)) {
        let (cell, thermal) = (self.cell, &self.model.thermal);
        let capacity_ah = HOURS * self.capacity_as;
        let per_ah = 3600.0 * self.per_as;
        let fitted = &cell.file.life.fitted;
        let unremarkable_c = (fitted.temperature_c[0], least(fitted.temperature_c[1], HOT_C));
        let state = &mut *self.state;
        state.current_a = 0.0;
        // What the next step needs of this one stays out of memory.
        let mut elapsed_s = self.elapsed_s;
        let end_s = least(span_s, elapsed_s + REFRESH_S - state.since_refresh_s);
        let (mut soc, mut stored_v) = (state.soc, self.stored.ocv_integral_v);
        let mut nearby = cell.curves_nearby(soc);
        let mut temperatures = state.temperatures;
        let (mut v1_v, mut v2_v, mut held_wh) = (state.v1_v, state.v2_v, state.pairs_wh);
        let hysteresis = state.hysteresis;
        let (mut leaked_ah, mut losses_wh) = (state.ledger.leaked_ah, state.ledger.losses_wh);
        let drained_soc = least(soc, most(self.empty_soc, 0.0));
        let (mut leak_at_c, mut leak_soc_per_s) = (f64::INFINITY, 0.0);
        // The cell's temperature but for what its self-discharge warmed it by in the step before, some millikelvin: what goes
        // by it need not wait for that.
        let mut nearly_c = temperatures.cell_c;
        let mut warmth = thermal.warmth(&Propagator::NONE);
        // What ageing has not been told of: since when, and the integral of temperature since then.
        let rest_soc = soc;
        let (mut told_s, mut told_soc, mut told_c, mut kelvin_s) = (elapsed_s, soc, temperatures.cell_c, 0.0);
        let mut kelvin_soc = 0.0;
        // The air of the step, and until when it goes on as evenly.
        let (mut air, mut even_until_s) = (Air::still(0.0), f64::NEG_INFINITY);
        let (mut decay, mut fresh) = (&Decay::NONE, Decay::NONE);
        while elapsed_s < end_s {
            let dt_s = least(span_s - elapsed_s, self.stepping.rest_max_s);
            if decay.dt_s != dt_s {
                decay = self.model.decays.kept(dt_s).unwrap_or_else(|| {
                    fresh = self.model.decays.anew(dt_s);
                    &fresh
                });
                warmth = thermal.warmth(&decay.propagator);
                even_until_s = f64::NEG_INFINITY;
            }
            let to_s = elapsed_s + dt_s;
            if to_s <= even_until_s {
                air.mean_c += air.rise_k;
            } else {
                air = self.weather.over(elapsed_s, decay);
                even_until_s = self.weather.even_until_s(elapsed_s);
            }
            if (nearly_c - leak_at_c).abs() > LEAK_HELD_K {
                leak_at_c = nearly_c;
                leak_soc_per_s = cell.leak_per_s(leak_at_c) * cell.file.cell.capacity_ah * per_ah;
            }
            let left_soc = most(soc - leak_soc_per_s * dt_s, drained_soc);
            leaked_ah += (soc - left_soc) * capacity_ah;
            soc = left_soc;
            let curves = nearby.at(soc);
            let leaked_wh = (stored_v - curves.ocv_integral_v) * capacity_ah;
            let mut freed_wh = 0.0;
            stored_v = curves.ocv_integral_v;
            state.voltage_v = curves.ocv_v + curves.half_gap_v * hysteresis;
            if v1_v != 0.0 || v2_v != 0.0 {
                let before_wh = held_wh.iter().sum::<f64>();
                let left = |v: &mut f64, held: &mut f64, share: f64| {
                    *v = without_dust(*v * share);
                    *held = if *v == 0.0 { 0.0 } else { *held * share * share };
                };
                left(&mut v1_v, &mut held_wh[0], decay.e1);
                left(&mut v2_v, &mut held_wh[1], decay.e2);
                (state.v1_v, state.v2_v) = (v1_v, v2_v);
                state.voltage_v -= v1_v + v2_v;
                state.pairs_wh = held_wh;
                freed_wh = before_wh - held_wh.iter().sum::<f64>();
            }
            let w_per_wh = 3600.0 * decay.per_s;
            let (mut mean_c, mut end) =
                thermal.mean_and_step(temperatures, freed_wh * w_per_wh, air, &decay.propagator);
            nearly_c = end.cell_c;
            warmth.add(leaked_wh * w_per_wh, &mut mean_c, &mut end);
            temperatures = end;
            losses_wh += freed_wh + leaked_wh;
            state.ledger.leaked_ah = leaked_ah;
            state.ledger.losses_wh = losses_wh;
            if mean_c < unremarkable_c.0 || mean_c > unremarkable_c.1 {
                state.ledger.remark(mean_c, fitted, dt_s * HOURS);
            }
            state.soc = soc;
            state.temperatures = end;
            watch(&Step::steady((elapsed_s, dt_s), 0.0, 0.0), state);
            elapsed_s = to_s;
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
        let hours = seconds * HOURS;
        state.age_days += hours * (1.0 / 24.0);
        state.count(cell, soc, moved, (hours, mean_c));
    }

    /// Applies a step whose current is decided.
    #[inline(always)]
    pub(super) fn take(&mut self, terminal: &Terminal, current_a: f64, float_a: f64) -> Step {
        let air = self.weather.over(self.elapsed_s, &self.decay);
        let drop_v = self.rate_drop(terminal, current_a);
        let ripple_a = self.ripple_a(terminal, current_a);
        let (cell, decay) = (self.cell, &self.decay);
        let losses = &cell.file.losses;
        let state = &mut *self.state;
        let (capacity_ah, per_ah) = (HOURS * self.capacity_as, 3600.0 * self.per_as);
        let before_c = state.temperatures.cell_c;

        // Charge.
        let hours = decay.dt_s * HOURS;
        let leaking_ah = terminal.leak_per_s * decay.dt_s * cell.file.cell.capacity_ah + float_a * hours;
        let left_ah = most((state.soc - self.empty_soc) * capacity_ah, 0.0);
        let leak_ah = least(leaking_ah, left_ah);
        let efficiency = if current_a < 0.0 { losses.coulombic_efficiency } else { 1.0 };
        let ripple_ah = ripple_a * hours;
        let stored_ah = -current_a * hours * efficiency - leak_ah - ripple_ah;
        let soc_before = state.soc;
        let soc = if capacity_ah > 0.0 { held_between(soc_before + stored_ah * per_ah, 1.0) } else { 0.0 };

        // Voltage, with the exact mean over the step.
        let stored_to = cell.stored(soc);
        let ocv_mean_v = self.ocv_mean_v(soc, stored_to, terminal.ocv_v);
        let entropy_v_per_k = self.entropy_mean_v_per_k(soc, stored_to, terminal.entropy_v_per_k);
        let half_gap_mean_v = self.half_gap_mean_v(soc, stored_to, terminal.half_gap_v);
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
        let course = self.course;
        let (v1_full, v2_full) =
            (current_a * course.fast * terminal.r1, current_a * course.slow * terminal.r2);
        let v1_mean = v1_full + (v1_before - v1_full) * decay.m1;
        let v2_mean = v2_full + (v2_before - v2_full) * decay.m2;
        state.v1_v = without_dust(v1_full + (v1_before - v1_full) * decay.e1);
        state.v2_v = without_dust(v2_full + (v2_before - v2_full) * decay.e2);
        let end_a = current_a * course.end;
        let polarisation_v = state.v1_v + state.v2_v + end_a * terminal.r0 + drop_v;
        state.voltage_v = stored_to.ocv_v + stored_to.half_gap_v * state.hysteresis - polarisation_v;
        let voltage_mean_v = if course.end < 1.0 {
            // What is held stays, but for what tells the mean cell from the weakest, which is the one that is held.
            let ohm = terminal.whole_ohm();
            state.voltage_v + (current_a - end_a) * ohm * (state.weakest_resistance - 1.0)
        } else {
            ocv_mean_v + half_gap_mean_v * branch_mean - v1_mean - v2_mean - current_a * terminal.r0 - drop_v
        };

        // Heat: what the open-circuit voltage gives and the terminals do not get. The RC pairs hold ½·C·v².
        let circuit = &cell.file.circuit;
        let [fast_wh, slow_wh] = state.pairs_wh;
        state.pairs_wh = [
            held_by_pair(fast_wh, circuit.tau1_s / terminal.r1, (v1_before, state.v1_v)),
            held_by_pair(slow_wh, circuit.tau2_s / terminal.r2, (v2_before, state.v2_v)),
        ];
        let newly_held = (state.pairs_wh[0] - fast_wh) + (state.pairs_wh[1] - slow_wh);
        let terminal_wh = current_a * voltage_mean_v * hours;
        let irreversible_wh = current_a * (ocv_mean_v - voltage_mean_v) * hours - newly_held
            + (leak_ah + ripple_ah) * ocv_mean_v
            + (efficiency - 1.0) * current_a * hours * ocv_mean_v;
        let reversible_wh = -current_a * hours * (terminal.temperature_c + ZERO_C_K) * entropy_v_per_k;
        let heat_w = (irreversible_wh + reversible_wh) * 3600.0 * decay.per_s;
        let thermal = &self.model.thermal;
        let heat = HeatFlow { mean_w: heat_w, rise_w };
        let (mean_c, end) = thermal.mean_and_step_under(state.temperatures, heat, air, &decay.propagator);
        state.temperatures = end;

        // Books.
        let power_w = terminal_wh * 3600.0 * decay.per_s;
        let ledger = &mut state.ledger;
        ledger.meter(current_a * hours, efficiency, terminal_wh);
        ledger.leaked_ah += leak_ah;
        ledger.ripple_ah += ripple_ah;
        ledger.losses_wh += irreversible_wh;
        ledger.reversible_heat_wh += reversible_wh;
        state.current_a = end_a;
        self.age(mean_c, (before_c, end.cell_c), (soc_before, soc));
        self.advance(power_w, current_a, self.course.tau_s)
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
        state.ledger.remark(temperature_c, &cell.file.life.fitted, hours);
        state.age_days += days;
        state.count(cell, soc, moved, (hours, temperature_c));
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
}

/// Energy in an RC pair at a step's end [Wh], where it held so much before it and has this capacitance [F], and its voltages
/// before and after [V].
///
/// A pair holds ½·C·v². A step in which that grows adds what it grows by, one in which it falls leaves the share
/// that it falls to: so a change of resistance between two steps, on which the pair keeps its voltage, makes no energy.
/// Otherwise a cold cell would be warmed by what its pairs set free, and cooled by what they take up once it is warm.
#[inline(always)]
fn held_by_pair(held_wh: f64, farad: f64, (before_v, after_v): (f64, f64)) -> f64 {
    let (before, after) = (before_v * before_v, after_v * after_v);
    if after > before {
        held_wh + 0.5 * HOURS * farad * (after - before)
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
