//! What is believed about one mean cell: nine states and their covariance, carried ahead and corrected.
//!
//! ```text
//! ahead    s'  = s − (I − b)·η·Δt/(3600·Q·q)          v_k' = v_k·a_k + (I − b)·R_k·e^r·(1 − a_k),   a_k = e^(−Δt/τ_k)
//!          h'  = ∓1 + (h ± 1)·e^(−γ|Δs|)              e'   = e·e^(−|Δs|/λ)
//!          r, r₂, q, b wander
//! voltage  V   = U(s) + M(s)·h + e − (I − b)·R0(s,T,I)·e^r − v1 − v2
//! ```
//!
//! An extended Kalman filter, but for the one strong curve: along the state of charge the voltage is taken at three
//! points, √3 standard deviations apart, which gives its mean, its slope and how much the slope leaves unsaid (central
//! differences, Nørgaard et al. 2000, doi 10.1016/S0005-1098(00)00089-3). Circuit as in [`super::super::circuit`].
//! Covariances are scalar updates in a fixed order, so that the same readings give the same bits.
//!
//! The state e is what keeps the filter honest: a fitted open-circuit curve is off by some millivolts, by the same
//! amount at every reading until the cell has moved on along the curve. As noise it would seem to average out.

#![expect(clippy::needless_range_loop, reason = "matrices are written as in the equations")]
use super::super::circuit::CellModel;
use serde::{Deserialize, Serialize};

/// Number of states.
pub(super) const N: usize = 9;
/// State of charge.
pub(super) const SOC: usize = 0;
/// Voltage of the fast pair [V].
pub(super) const V1: usize = 1;
/// Voltage of the slow pair [V].
pub(super) const V2: usize = 2;
/// Branch of the hysteresis.
pub(super) const HYST: usize = 3;
/// Error of the open-circuit curve where the cell stands [V].
pub(super) const SHAPE: usize = 4;
/// Logarithm of R0 and of the fast pair's resistance over those of a new cell.
pub(super) const LNR: usize = 5;
/// Capacity over rated.
pub(super) const CAP: usize = 6;
/// What the current sensor shows when there is no current [A, per cell].
pub(super) const OFFSET: usize = 7;
/// Logarithm of the slow pair's resistance over that of a new cell.
pub(super) const SLOW: usize = 8;

/// Error of the open-circuit curve: across it [V], and along it as state of charge. assumed: what fits of measured
/// cells leave, see docs/models/estimation.md.
const SHAPE_V: f64 = 0.006;
const SHAPE_SOC: f64 = 0.006;
/// Share of the drop at `SHAPE_RATE` [1/h] that adds to it: what resistances that are off leave for long.
const SHAPE_DROP: f64 = 0.12;
const SHAPE_RATE: f64 = 0.3;
/// The error is another one after so much state of charge.
const SHAPE_LENGTH: f64 = 0.25;
/// Share of the ohmic drop that no state explains, from reading to reading.
const DROP_ERROR: f64 = 0.8;
/// Share of the pairs' drive that the model gets wrong.
const PAIR_ERROR: f64 = 0.4;
/// Wander of ln R: per √(state of charge moved), and per √day.
const LNR_PER_SOC: f64 = 0.02;
const LNR_PER_DAY: f64 = 0.01;
/// Wander of ln R of the slow pair, likewise: diffusion ages otherwise than contacts and films.
const SLOW_PER_SOC: f64 = 0.01;
const SLOW_PER_DAY: f64 = 0.01;
/// Wander of the capacity: per √(full cycle), and per √day.
const CAP_PER_EFC: f64 = 0.005;
const CAP_PER_DAY: f64 = 2e-4;
/// Wander of the current sensor's offset, in rates [1/h] per √day.
const OFFSET_PER_DAY: f64 = 5e-4;
/// Resistances are no smaller than this share of a new cell's, as a logarithm. Without it a charge that is too low and a
/// resistance that is too small explain each other in the cold, where resistance rises steeply towards empty.
const LNR_LEAST: f64 = -0.3;
/// Beyond so many standard deviations a reading counts less.
const GATE: f64 = 4.0;

/// Mean and covariance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Belief {
    /// Mean.
    pub(super) x: [f64; N],
    /// Covariance.
    p: Symmetric,
}

/// A symmetric matrix: its lower half, row after row. Awake twins hold one each, so what is there twice is kept once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Symmetric([[f64; N]; N.div_ceil(2)]);

impl Symmetric {
    /// Where an element stands in the lower half.
    const fn place(j: usize, k: usize) -> usize {
        let (row, column) = if j < k { (k, j) } else { (j, k) };
        row * (row + 1) / 2 + column
    }

    fn get(&self, j: usize, k: usize) -> f64 {
        self.0.as_flattened()[Self::place(j, k)]
    }

    fn set(&mut self, j: usize, k: usize, value: f64) {
        self.0.as_flattened_mut()[Self::place(j, k)] = value;
    }

    fn full(&self) -> [[f64; N]; N] {
        let mut full = [[0.0; N]; N];
        let mut at = 0;
        let half = self.0.as_flattened();
        for j in 0..N {
            for k in 0..=j {
                full[j][k] = half[at];
                full[k][j] = half[at];
                at += 1;
            }
        }
        full
    }

    /// Takes the lower half of a matrix.
    fn of(full: &[[f64; N]; N]) -> Self {
        let mut lower = Self([[0.0; N]; N.div_ceil(2)]);
        let mut at = 0;
        let half = lower.0.as_flattened_mut();
        for j in 0..N {
            for k in 0..=j {
                half[at] = full[j][k];
                at += 1;
            }
        }
        lower
    }
}

/// A span of time under a mean current.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Length [s].
    pub(super) dt_s: f64,
    /// Mean current as the sensor shows it [A, per cell].
    pub(super) current_a: f64,
    /// Standard deviation of that mean [A].
    pub(super) current_std_a: f64,
    /// Temperature of the cell [°C].
    pub(super) temperature_c: f64,
}

/// A voltage to correct with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    /// Voltage [V, per cell].
    pub(super) voltage_v: f64,
    /// Its standard deviation [V].
    pub(super) voltage_std_v: f64,
    /// Current at the same moment [A, per cell].
    pub(super) current_a: f64,
    /// Its standard deviation [A].
    pub(super) current_std_a: f64,
    /// Temperature of the cell [°C].
    pub(super) temperature_c: f64,
}

/// How a reading compares with what was expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Surprise {
    /// Reading less expectation.
    pub(super) innovation: f64,
    /// Standard deviation that it should have.
    pub(super) std: f64,
}

impl Surprise {
    /// In standard deviations.
    pub(super) fn sigmas(&self) -> f64 {
        self.innovation.abs() / self.std
    }
}

/// Expected voltage, its slope along the state of charge and the variance that the slope leaves unsaid.
struct Expected {
    voltage_v: f64,
    h: [f64; N],
    unsaid: f64,
    drop_v: f64,
}

impl Belief {
    /// Standard deviation of a state.
    pub(super) fn std(&self, state: usize) -> f64 {
        self.variance(state).max(0.0).sqrt()
    }

    /// Variance of a state.
    pub(super) fn variance(&self, state: usize) -> f64 {
        self.p.get(state, state)
    }

    /// Makes a state no surer than this.
    pub(super) fn doubt(&mut self, state: usize, least_variance: f64) {
        let variance = self.variance(state).max(least_variance);
        self.p.set(state, state, variance);
    }

    /// Nothing known but what is given; states are taken as independent.
    pub(super) fn of(x: [f64; N], std: [f64; N]) -> Self {
        let mut p = [[0.0; N]; N];
        for k in 0..N {
            p[k][k] = std[k] * std[k];
        }
        Self { x, p: Symmetric::of(&p) }
    }

    /// Standard deviation of the curve's error at a place [V].
    pub(super) fn shape_std_v(cell: &CellModel, soc: f64, temperature_c: f64) -> f64 {
        let slope_v = cell.curves(soc).ocv_slope_v.min(20.0);
        let ohm = cell.resistances(soc, temperature_c);
        let drop_v = SHAPE_RATE * cell.file.cell.capacity_ah * (ohm.r0 + ohm.r1 + ohm.r2);
        SHAPE_V.hypot(SHAPE_SOC * slope_v).hypot(SHAPE_DROP * drop_v)
    }

    /// Makes a state independent of the others, with another mean and deviation.
    pub(super) fn forget(&mut self, state: usize, mean: f64, std: f64) {
        for k in 0..N {
            self.p.set(state, k, 0.0);
        }
        self.x[state] = mean;
        self.p.set(state, state, std * std);
    }

    /// Carries the belief over a span.
    pub(super) fn ahead(&mut self, cell: &CellModel, span: &Span) {
        if span.dt_s <= 0.0 {
            return;
        }
        let circuit = &cell.file.circuit;
        let rated_ah = cell.file.cell.capacity_ah;
        let soc = self.x[SOC].clamp(0.0, 1.0);
        let capacity = self.x[CAP].max(0.1);
        let current_a = span.current_a - self.x[OFFSET];
        let eta = if current_a < 0.0 { cell.file.losses.coulombic_efficiency } else { 1.0 };
        let per_amp = eta * span.dt_s / (3600.0 * rated_ah * capacity);
        let moved = current_a * per_amp;
        let ohm = cell.resistances(soc, span.temperature_c);
        let factor = self.x[LNR].exp();
        let (a1, a2) = ((-span.dt_s / circuit.tau1_s).exp(), (-span.dt_s / circuit.tau2_s).exp());
        let (r1, r2) = (ohm.r1 * factor, ohm.r2 * self.x[SLOW].exp());
        let hold = (-cell.file.hysteresis.gamma * moved.abs()).exp();
        let keep = (-moved.abs() / SHAPE_LENGTH).exp();

        self.x[SOC] -= moved + cell.leak_per_s(span.temperature_c) * span.dt_s / capacity;
        self.x[V1] = self.x[V1] * a1 + current_a * r1 * (1.0 - a1);
        self.x[V2] = self.x[V2] * a2 + current_a * r2 * (1.0 - a2);
        let branch = if moved > 0.0 { -1.0 } else { 1.0 };
        self.x[HYST] = branch + (self.x[HYST] - branch) * hold;
        self.x[SHAPE] *= keep;

        // F differs from the unit matrix in five rows.
        let mut p = self.p.full();
        let soc_row = [(CAP, moved / capacity), (OFFSET, per_amp)];
        let pair_row =
            |own: usize, r: f64, a: f64| [(own, current_a * r * (1.0 - a)), (OFFSET, -r * (1.0 - a))];
        let rows = [
            (SOC, 1.0, soc_row),
            (V1, a1, pair_row(LNR, r1, a1)),
            (V2, a2, pair_row(SLOW, r2, a2)),
            (HYST, hold, [(LNR, 0.0); 2]),
            (SHAPE, keep, [(LNR, 0.0); 2]),
        ];
        for (row, own, others) in rows {
            for k in 0..N {
                p[row][k] =
                    own * p[row][k] + others[0].1 * p[others[0].0][k] + others[1].1 * p[others[1].0][k];
            }
        }
        for (column, own, others) in rows {
            for k in 0..N {
                let line = &mut p[k];
                line[column] =
                    own * line[column] + others[0].1 * line[others[0].0] + others[1].1 * line[others[1].0];
            }
        }

        // What the current's error moves, it moves in the pairs as well.
        let i_var = span.current_std_a * span.current_std_a;
        let push = [-per_amp, r1 * (1.0 - a1), r2 * (1.0 - a2)];
        for (j, a) in push.iter().enumerate() {
            for (k, b) in push.iter().enumerate() {
                p[j][k] += i_var * a * b;
            }
        }
        let days = span.dt_s / 86_400.0;
        // What went on in silence may have worn the cell as well.
        let efc = 0.5 * ((moved * capacity).abs() + span.current_std_a * span.dt_s / (3600.0 * rated_ah));
        let add = |p: &mut [[f64; N]; N], state: usize, var: f64| p[state][state] += var;
        add(&mut p, V1, (PAIR_ERROR * current_a * r1).powi(2) * (1.0 - a1 * a1));
        add(&mut p, V2, (PAIR_ERROR * current_a * r2).powi(2) * (1.0 - a2 * a2));
        add(&mut p, HYST, 0.05 * (1.0 - hold * hold));
        let shape_v = Self::shape_std_v(cell, soc, span.temperature_c);
        add(&mut p, SHAPE, shape_v.powi(2) * (1.0 - keep * keep));
        add(&mut p, LNR, LNR_PER_SOC * LNR_PER_SOC * moved.abs().min(2.0) + LNR_PER_DAY * LNR_PER_DAY * days);
        add(
            &mut p,
            SLOW,
            SLOW_PER_SOC * SLOW_PER_SOC * moved.abs().min(2.0) + SLOW_PER_DAY * SLOW_PER_DAY * days,
        );
        add(&mut p, CAP, CAP_PER_EFC * CAP_PER_EFC * efc + CAP_PER_DAY * CAP_PER_DAY * days);
        add(&mut p, OFFSET, (OFFSET_PER_DAY * rated_ah).powi(2) * days);
        // Where state of charge ends, so does what may be unknown about it.
        let most = 0.3 * 0.3;
        if p[SOC][SOC] > most {
            let shrink = (most / p[SOC][SOC]).sqrt();
            for k in 0..N {
                p[SOC][k] *= shrink;
                p[k][SOC] *= shrink;
            }
        }
        self.p = Symmetric::of(&p);
        self.settle();
    }

    fn expected(&self, cell: &CellModel, terminal: &Terminal) -> Expected {
        let std = self.std(SOC).clamp(0.002, 0.3);
        let reach = std * 3.0f64.sqrt();
        let current_a = terminal.current_a - self.x[OFFSET];
        let factor = self.x[LNR].exp();
        let at = |soc: f64| {
            let curves = cell.curves(soc);
            let ohm = cell.resistances_under(soc, terminal.temperature_c, current_a);
            (
                curves,
                ohm.r0 * factor,
                curves.ocv_v + curves.half_gap_v * self.x[HYST] - current_a * ohm.r0 * factor,
            )
        };
        let soc = self.x[SOC];
        let (curves, r0, here) = at(soc);
        let (_, _, above) = at(soc + reach);
        let (_, _, below) = at(soc - reach);
        let mut h = [0.0; N];
        h[SOC] = (above - below) / (2.0 * reach);
        h[V1] = -1.0;
        h[V2] = -1.0;
        h[HYST] = curves.half_gap_v;
        h[SHAPE] = 1.0;
        h[LNR] = -current_a * r0;
        h[OFFSET] = r0;
        let bend = (above + below - 2.0 * here) / 6.0;
        Expected {
            voltage_v: here + bend - self.x[V1] - self.x[V2] + self.x[SHAPE],
            h,
            unsaid: 2.0 * bend * bend,
            drop_v: current_a * r0,
        }
    }

    /// Voltage expected at the terminals of a cell [V].
    pub(super) fn voltage_v(&self, cell: &CellModel, current_a: f64, temperature_c: f64) -> f64 {
        let current_a = current_a - self.x[OFFSET];
        let curves = cell.curves(self.x[SOC]);
        let r0 = cell.resistances_under(self.x[SOC], temperature_c, current_a).r0 * self.x[LNR].exp();
        curves.ocv_v + curves.half_gap_v * self.x[HYST] + self.x[SHAPE]
            - current_a * r0
            - self.x[V1]
            - self.x[V2]
    }

    /// How a voltage compares with what is expected.
    pub(super) fn surprise(&self, cell: &CellModel, terminal: &Terminal) -> Surprise {
        let expected = self.expected(cell, terminal);
        let var = self.spread_of(&expected.h) + noise(&expected, terminal);
        Surprise { innovation: terminal.voltage_v - expected.voltage_v, std: var.sqrt() }
    }

    /// Corrects by a voltage.
    pub(super) fn see_voltage(&mut self, cell: &CellModel, terminal: &Terminal) -> Surprise {
        let expected = self.expected(cell, terminal);
        let var = noise(&expected, terminal);
        self.correct(&expected.h, terminal.voltage_v - expected.voltage_v, var)
    }

    /// Corrects by a direct sight of one state.
    pub(super) fn see(&mut self, state: usize, value: f64, std: f64) -> Surprise {
        let mut h = [0.0; N];
        h[state] = 1.0;
        self.correct(&h, value - self.x[state], std * std)
    }

    fn spread_of(&self, h: &[f64; N]) -> f64 {
        let p = self.p.full();
        let mut sum = 0.0;
        for j in 0..N {
            let mut row = 0.0;
            for k in 0..N {
                row += p[j][k] * h[k];
            }
            sum += h[j] * row;
        }
        sum.max(0.0)
    }

    /// One scalar correction. What lies beyond the gate is taken for an outlier and counts the less the farther off it is.
    fn correct(&mut self, h: &[f64; N], innovation: f64, noise_var: f64) -> Surprise {
        let p = self.p.full();
        let mut ph = [0.0; N];
        for j in 0..N {
            for k in 0..N {
                ph[j] += p[j][k] * h[k];
            }
        }
        let mut own = 0.0;
        for j in 0..N {
            own += h[j] * ph[j];
        }
        let var = own.max(0.0) + noise_var;
        let surprise = Surprise { innovation, std: var.sqrt() };
        let used = var.max(innovation * innovation / (GATE * GATE));
        // Beyond the gate the pull falls again.
        let used = if surprise.sigmas() > GATE { used * (surprise.sigmas() / GATE) } else { used };
        for j in 0..N {
            self.x[j] += ph[j] * innovation / used;
        }
        let mut at = 0;
        let half = self.p.0.as_flattened_mut();
        for j in 0..N {
            for k in 0..=j {
                half[at] -= ph[j] * ph[k] / used;
                at += 1;
            }
        }
        self.settle();
        surprise
    }

    /// Keeps means and variances within what they can be.
    fn settle(&mut self) {
        for j in 0..N {
            if self.p.get(j, j) < 1e-14 {
                self.p.set(j, j, 1e-14);
            }
        }
        let bounds = [
            (SOC, -0.05, 1.05),
            (HYST, -1.0, 1.0),
            (LNR, LNR_LEAST, 2.5),
            (SLOW, 2.0 * LNR_LEAST, 2.5),
            (CAP, 0.1, 1.4),
        ];
        for (state, low, high) in bounds {
            self.x[state] = self.x[state].clamp(low, high);
        }
    }
}

/// Variance of a voltage that no state explains.
fn noise(expected: &Expected, terminal: &Terminal) -> f64 {
    let ohm = expected.h[OFFSET];
    terminal.voltage_std_v.powi(2)
        + (DROP_ERROR * expected.drop_v).powi(2)
        + (ohm * terminal.current_std_a).powi(2)
        + expected.unsaid
}
