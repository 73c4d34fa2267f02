//! What a step sees at its terminals: the circuit in its middle or as its means, and how the current goes within it.

use super::super::chemistry::CircuitFile;
use super::super::circuit::{Resistances, Stored};
use super::super::decay::Decay;
use super::super::life::ZERO_C_K;
use super::super::quick::{exp, held_between, most};
use super::{Ended, Passing};

/// Warming within a step from which on it goes by its mean temperature [K].
const FELT_K: f64 = 0.3;

/// A step that moves more than this of the charge takes its resistances at two points of its way.
pub(super) const WIDE_SOC: f64 = 0.1;

/// Half the distance of Gauss' two points, as a share of a step.
pub(in super::super) const GAUSS: f64 = 0.288_675_134_594_812_9;

/// Everything about the present step that does not depend on its current.
#[derive(Clone, Copy)]
pub(super) struct Terminal {
    pub(super) soc_mid: f64,
    pub(super) ocv_v: f64,
    pub(super) ocv_mean_v: f64,
    /// What hysteresis adds to the open-circuit voltage, in the mean over a step [V].
    pub(super) hysteresis_v: f64,
    /// Half the gap between the branches, in the mean over a step [V].
    pub(super) half_gap_v: f64,
    /// Branch of the hysteresis at the step's end.
    pub(super) branch_end: f64,
    pub(super) entropy_v_per_k: f64,
    pub(super) slope_v: f64,
    pub(super) r0: f64,
    pub(super) r1: f64,
    pub(super) r2: f64,
    /// How far the series resistance rises from the beginning to the end of the step [Ω].
    pub(super) r0_rise: f64,
    /// Self-discharge as a share of rated capacity [1/s].
    pub(super) leak_per_s: f64,
    /// Mean temperature of the cell, as far as it was foreseen [°C].
    pub(super) temperature_c: f64,
}

impl Terminal {
    /// Resistance once all polarisation has built up [Ω].
    #[inline(always)]
    pub(super) fn whole_ohm(&self) -> f64 {
        self.r0 + self.r1 + self.r2
    }
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
pub(super) struct Course {
    /// Time constant; infinite for a constant current [s].
    pub(super) tau_s: f64,
    /// Current at the beginning over the mean.
    pub(super) begin: f64,
    /// Current at the end over the mean.
    pub(super) end: f64,
    /// Constant current that leaves the fast pair with the same voltage, over the mean.
    pub(super) fast: f64,
    /// The same for the slow pair.
    pub(super) slow: f64,
}

impl Course {
    /// A constant current.
    pub(super) const STEADY: Course =
        Course { tau_s: f64::INFINITY, begin: 1.0, end: 1.0, fast: 1.0, slow: 1.0 };

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

impl Passing<'_> {
    /// Makes [`Passing::decay`] that of a step of `dt_s`.
    #[inline(always)]
    pub(super) fn decay_over(&mut self, dt_s: f64) {
        if self.decay.dt_s != dt_s {
            self.decay = self.model.decays.over(dt_s);
        }
    }

    /// Lets the current of the step fall with this time constant; infinite is constant.
    #[inline(always)]
    pub(super) fn fall(&mut self, tau_s: f64) {
        self.course = if tau_s.is_finite() {
            Course::falling(tau_s, &self.cell.file.circuit, &self.decay)
        } else {
            Course::STEADY
        };
    }

    /// The step over another length, its current falling as it does already: its circuit and that current.
    #[inline(always)]
    pub(super) fn over_length(&mut self, dt_s: f64, near_a: f64) -> Result<(Terminal, f64), Ended> {
        let tau_s = self.course.tau_s;
        let terminal = self.middle(dt_s, near_a);
        self.fall(tau_s);
        let (current_a, _) = self.current_again(&terminal)?;
        Ok((terminal, current_a))
    }

    /// The circuit of a step of `dt_s` under about this current: in its middle, and of a long one as its means. `dt_s` is the
    /// next step's length from now on.
    #[inline(always)]
    pub(super) fn middle(&mut self, dt_s: f64, near_a: f64) -> Terminal {
        self.decay_over(dt_s);
        self.course = Course::STEADY;
        let moved = -near_a * dt_s * self.per_as;
        let soc_mid = self.state.soc + 0.5 * moved;
        let now_c = self.state.temperatures.cell_c;
        let bends = self.cell.file.circuit.knee.is_some();
        let mut terminal = self.open_circuit(soc_mid, now_c);
        // For its heat a long step is known well enough by what was seen of it.
        let seen_ohm = if bends { None } else { self.seen_ohm };
        let ohm = seen_ohm.unwrap_or_else(|| {
            self.resist(&mut terminal, near_a);
            self.mean_resistance(&terminal) + self.ripple_ohm(&terminal)
        });
        let heat_w = near_a * (near_a * ohm - (now_c + ZERO_C_K) * terminal.entropy_v_per_k);
        let felt = heat_w.abs() * dt_s > FELT_K * self.model.thermal.cell_j_per_k;
        if (felt || moved.abs() > WIDE_SOC) && !bends {
            self.follow_within(&mut terminal, near_a, moved, heat_w);
        } else if seen_ohm.is_some() {
            self.resist(&mut terminal, near_a);
        }
        // Means over the step, as far as its end is known.
        let soc_end = held_between(self.state.soc + moved, 1.0);
        self.mean_until_end(&mut terminal, near_a, soc_end);
        terminal
    }

    /// Gives it the means of its voltages between now and the state of charge at the step's end.
    #[inline(always)]
    pub(super) fn mean_until_end(&self, terminal: &mut Terminal, near_a: f64, soc_end: f64) {
        let stored = self.cell.stored(soc_end);
        terminal.ocv_mean_v = self.ocv_mean_v(soc_end, stored, terminal.ocv_v);
        terminal.half_gap_v = self.half_gap_mean_v(soc_end, stored, terminal.half_gap_v);
        let (branch_mean, branch_end) = self.hysteresis(terminal, near_a, soc_end - self.state.soc);
        terminal.hysteresis_v = terminal.half_gap_v * branch_mean;
        terminal.branch_end = branch_end;
    }

    /// Takes the resistances of a long step at Gauss' two points of its way and at the temperatures that the cell will have
    /// there under so much heat.
    #[inline(never)]
    fn follow_within(&mut self, terminal: &mut Terminal, near_a: f64, moved: f64, heat_w: f64) {
        let air_c = self.weather.at_c(self.elapsed_s + 0.5 * self.decay.dt_s);
        let now = self.state.temperatures;
        let mean_c = self.model.thermal.mean_cell_c(now, heat_w, air_c, &self.decay.propagator);
        let (aside_soc, aside_k) = (GAUSS * moved, GAUSS * 2.0 * (mean_c - now.cell_c));
        let (early, leak_per_s) = self.resistances(terminal.soc_mid - aside_soc, near_a, mean_c - aside_k);
        let (late, _) = self.resistances(terminal.soc_mid + aside_soc, near_a, mean_c + aside_k);
        terminal.temperature_c = mean_c;
        terminal.r0 = 0.5 * (early.r0 + late.r0);
        terminal.r1 = 0.5 * (early.r1 + late.r1);
        terminal.r2 = 0.5 * (early.r2 + late.r2);
        terminal.r0_rise = (late.r0 - early.r0) * (0.5 / GAUSS);
        terminal.leak_per_s = leak_per_s;
    }

    /// The circuit at a state of charge; `near_a` is the current as far as it is known, which matters only to chemistries
    /// whose resistance bends with it.
    #[inline(always)]
    pub(super) fn terminal(&self, soc_mid: f64, near_a: f64, temperature_c: f64) -> Terminal {
        let mut terminal = self.open_circuit(soc_mid, temperature_c);
        self.resist(&mut terminal, near_a);
        terminal
    }

    /// The circuit at a state of charge but for its resistances.
    #[inline(always)]
    fn open_circuit(&self, soc_mid: f64, temperature_c: f64) -> Terminal {
        let state = &*self.state;
        let soc_mid = held_between(soc_mid, 1.0);
        let curves = self.cell.curves(soc_mid);
        Terminal {
            soc_mid,
            ocv_v: curves.ocv_v,
            ocv_mean_v: curves.ocv_v,
            hysteresis_v: curves.half_gap_v * state.hysteresis,
            half_gap_v: curves.half_gap_v,
            branch_end: state.hysteresis,
            entropy_v_per_k: curves.entropy_v_per_k,
            slope_v: most(curves.ocv_slope_v, 0.0),
            r0: 0.0,
            r1: 0.0,
            r2: 0.0,
            r0_rise: 0.0,
            leak_per_s: 0.0,
            temperature_c,
        }
    }

    /// Gives it its resistances at its state of charge and temperature.
    #[inline(always)]
    pub(super) fn resist(&self, terminal: &mut Terminal, near_a: f64) {
        let (ohm, leak_per_s) = self.resistances(terminal.soc_mid, near_a, terminal.temperature_c);
        (terminal.r0, terminal.r1, terminal.r2) = (ohm.r0, ohm.r1, ohm.r2);
        terminal.leak_per_s = leak_per_s;
    }

    /// Present resistances at a state of charge under about this current, and self-discharge as a share of rated capacity
    /// [1/s].
    #[inline(always)]
    pub(super) fn resistances(&self, soc: f64, near_a: f64, temperature_c: f64) -> (Resistances, f64) {
        let soc = held_between(soc, 1.0);
        let (fresh, leak_per_s) = self.cell.resistances_and_leak(soc, temperature_c);
        let fresh = self.cell.under_current(fresh, near_a);
        let growth = self.state.health.resistance;
        let grown = Resistances { r0: fresh.r0 * growth, r1: fresh.r1 * growth, r2: fresh.r2 * growth };
        (grown, leak_per_s)
    }

    /// Mean open-circuit voltage between now and another state of charge, for which `stored` was asked; `same_v` where both
    /// are the same [V].
    #[inline(always)]
    pub(super) fn ocv_mean_v(&self, soc: f64, stored: Stored, same_v: f64) -> f64 {
        self.mean_until(soc, stored, |stored| stored.ocv_integral_v, same_v)
    }

    /// The same for its change with temperature [V/K].
    #[inline(always)]
    pub(super) fn entropy_mean_v_per_k(&self, soc: f64, stored: Stored, same_v_per_k: f64) -> f64 {
        self.mean_until(soc, stored, |stored| stored.entropy_integral_v_per_k, same_v_per_k)
    }

    /// The same for half the gap between the branches [V].
    #[inline(always)]
    pub(super) fn half_gap_mean_v(&self, soc: f64, stored: Stored, same_v: f64) -> f64 {
        self.mean_until(soc, stored, |stored| stored.half_gap_integral_v, same_v)
    }

    /// Mean between now and another state of charge of what has been gathered until both.
    #[inline(always)]
    fn mean_until(&self, soc: f64, stored: Stored, gathered: impl Fn(&Stored) -> f64, same: f64) -> f64 {
        let moved = soc - self.state.soc;
        if moved.abs() > 1e-9 { (gathered(&stored) - gathered(&self.stored)) / moved } else { same }
    }

    /// Branch of the hysteresis over a step that moves the state of charge by so much: its mean and its end.
    #[inline(always)]
    pub(super) fn hysteresis(&self, terminal: &Terminal, current_a: f64, moved: f64) -> (f64, f64) {
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

    /// Resistance that heats the cell once all polarisation has built up [Ω].
    #[inline(always)]
    pub(super) fn heating_ohm(&self, terminal: &Terminal) -> f64 {
        terminal.whole_ohm() + self.ripple_ohm(terminal)
    }

    /// Resistance that would heat the cell by as much as a load does whose current fluctuates, beyond its mean [Ω].
    #[inline(always)]
    pub(super) fn ripple_ohm(&self, terminal: &Terminal) -> f64 {
        terminal.r0 * self.duty.ripple()
    }

    /// Resistance that the mean over a step sees, for a current that begins with it [Ω].
    #[inline(always)]
    pub(super) fn mean_resistance(&self, terminal: &Terminal) -> f64 {
        terminal.r0 + terminal.r1 * (1.0 - self.decay.m1) + terminal.r2 * (1.0 - self.decay.m2)
    }
}

/// What is left of something that decays after so many of its time constants, and its mean until then.
#[inline(always)]
fn left_and_mean(constants: f64) -> (f64, f64) {
    let left = exp(-constants);
    // Below, 1 − e^(−x) would lose its digits, and (1 − e^(−x))/x is 1 − x/2 up to x²/6.
    (left, if constants < 1e-5 { 1.0 - 0.5 * constants } else { (1.0 - left) / constants })
}
