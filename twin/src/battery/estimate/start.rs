//! Where a battery stands when nothing is known of it: prior and first voltage, weighed over all states of charge.
//!
//! ```text
//! p(s) ∝ N(s; s₀, σ₀)·N(V; U(s) − I·(R0 + ½(R1 + R2)), σ(s))
//! ```
//!
//! The open-circuit curve is no straight line over such a width, so mean and variance are taken from the whole of p(s),
//! on a grid. σ(s) holds what the cell may have done before: polarisation of an unknown load, either hysteresis branch.

use super::super::circuit::CellModel;
use super::belief::{Belief, CAP, HYST, LNR, N, OFFSET, SHAPE, SLOW, SOC, Terminal, V1, V2};
use super::{Guess, Prior};

/// Nodes of the grid.
const NODES: usize = 101;
/// Rate of an unknown load before the first reading [1/h]. assumed.
const EARLIER_C: f64 = 0.1;

/// Belief before any reading.
pub(super) fn unknown(cell: &CellModel, prior: &Prior, offset_std_a: f64) -> Belief {
    let soc = prior.soc.unwrap_or(Guess { mean: 0.5, std: 0.3 });
    let mut x = [0.0; N];
    let mut std = [0.0; N];
    x[SOC] = soc.mean;
    x[LNR] = prior.resistance.mean.max(0.1).ln();
    x[CAP] = prior.soh.mean;
    std[SOC] = soc.std;
    std[LNR] = prior.resistance.std / prior.resistance.mean.max(0.1);
    (x[SLOW], std[SLOW]) = (x[LNR], std[LNR]);
    std[CAP] = prior.soh.std;
    std[OFFSET] = offset_std_a;
    let mut belief = Belief::of(x, std);
    polarise(&mut belief, cell, 0.0, 25.0);
    belief
}

/// Pairs, hysteresis and the curve's error as a cell may have them that was under an unknown load.
fn polarise(belief: &mut Belief, cell: &CellModel, current_a: f64, temperature_c: f64) {
    let soc = belief.x[SOC].clamp(0.0, 1.0);
    let ohm = cell.resistances(soc, temperature_c);
    let (factor, slow) = (belief.x[LNR].exp(), belief.x[SLOW].exp());
    let earlier_a = EARLIER_C * cell.file.cell.capacity_ah;
    for (state, r) in [(V1, ohm.r1 * factor), (V2, ohm.r2 * slow)] {
        let std = (0.5 * current_a.abs() + earlier_a) * r;
        belief.forget(state, 0.5 * current_a * r, std);
    }
    belief.forget(HYST, 0.0, 0.7);
    belief.forget(SHAPE, 0.0, Belief::shape_std_v(cell, soc, temperature_c));
}

/// Places a belief by a voltage: its state of charge counts as a prior, what it knew of the pairs is dropped.
pub(super) fn place(belief: &mut Belief, cell: &CellModel, terminal: &Terminal) {
    let (mean, std) = (belief.x[SOC], belief.std(SOC).max(1e-3));
    let offset_a = belief.x[OFFSET];
    let current_a = terminal.current_a - offset_a;
    let (factor, slow) = (belief.x[LNR].exp(), belief.x[SLOW].exp());
    let earlier_a = EARLIER_C * cell.file.cell.capacity_ah;
    let mut sums = [0.0; 3];
    let mut best = f64::NEG_INFINITY;
    let mut weights = [0.0; NODES];
    for (node, weight) in weights.iter_mut().enumerate() {
        let soc = node as f64 / (NODES - 1) as f64;
        let curves = cell.curves(soc);
        let ohm = cell.resistances_under(soc, terminal.temperature_c, current_a);
        let ohm_pairs = ohm.r1 * factor + ohm.r2 * slow;
        let drop_v = current_a * (ohm.r0 * factor + 0.5 * ohm_pairs);
        let pairs = (0.5 * current_a.abs() + earlier_a) * ohm_pairs;
        let ohmic = (0.2 * current_a).hypot(terminal.current_std_a) * ohm.r0 * factor;
        let var = terminal.voltage_std_v.powi(2)
            + Belief::shape_std_v(cell, soc, terminal.temperature_c).powi(2)
            + pairs * pairs
            + ohmic * ohmic
            + 0.5 * curves.half_gap_v.powi(2);
        let off = terminal.voltage_v - (curves.ocv_v - drop_v);
        // A wide prior says no more of one end than of the middle.
        let prior = if std >= 0.25 { 0.0 } else { ((soc - mean) / std).powi(2) };
        *weight = -0.5 * (off * off / var + var.ln() + prior);
        best = best.max(*weight);
    }
    for (node, weight) in weights.iter().enumerate() {
        let soc = node as f64 / (NODES - 1) as f64;
        let w = (weight - best).exp();
        sums[0] += w;
        sums[1] += w * soc;
        sums[2] += w * soc * soc;
    }
    let found = sums[1] / sums[0];
    let var = (sums[2] / sums[0] - found * found).max(0.0);
    belief.forget(SOC, found, std);
    polarise(belief, cell, current_a, terminal.temperature_c);
    // The correction at the place found gives what the errors have to do with each other; the place stays.
    let keep = belief.x;
    belief.see_voltage(cell, terminal);
    belief.x = keep;
    let node = 0.5 / (NODES - 1) as f64;
    belief.doubt(SOC, var + node * node);
}
