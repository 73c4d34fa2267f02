//! Balance of the electrodes: what a cell can hold with the lithium and the active material that it has.
//!
//! ```text
//! Q_Li = x·Q_n + y·Q_p,   U_p(y100) − U_n(x100) = V_max,   U_p(y0) − U_n(x0) = V_min,   C = Q_n·(x100 − x0)
//! ```
//!
//! Source: Mohtat et al. 2019, doi:10.1016/j.jpowsour.2019.03.104. Potentials are those at the set's reference
//! temperature.

use super::cell::{CellModel, State};
use super::set::{FARADAY, ParticleSet};

/// Stoichiometries of the full and the empty cell, and its capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Balance {
    /// Negative electrode, full.
    pub x100: f64,
    /// Positive electrode, full.
    pub y100: f64,
    /// Negative electrode, empty.
    pub x0: f64,
    /// Positive electrode, empty.
    pub y0: f64,
    /// Capacity [Ah].
    pub capacity_ah: f64,
}

impl Balance {
    /// For so much lithium in the particles [Ah] and electrodes that hold so much [Ah].
    pub fn of(set: &ParticleSet, lithium_ah: f64, electrodes_ah: [f64; 2]) -> Self {
        let [q_n, q_p] = electrodes_ah;
        let y_of = |x: f64| (lithium_ah - x * q_n) / q_p;
        let least = ((lithium_ah - q_p) / q_n).max(0.0);
        let most = (lithium_ah / q_n).min(1.0);
        let at = |voltage_v: f64| {
            let open = |x: f64| {
                set.positive.potential_at(y_of(x), 0.0).0 - set.negative.potential_at(x, 0.0).0 - voltage_v
            };
            // The open-circuit voltage rises with x throughout.
            let (mut low, mut high) = (least, most);
            let (mut f_low, mut f_high) = (open(low), open(high));
            if f_low >= 0.0 {
                return low;
            }
            if f_high <= 0.0 {
                return high;
            }
            let mut last = 0;
            for round in 0..200 {
                let share = if round % 8 == 7 { 0.5 } else { f_low / (f_low - f_high) };
                let x = low + (high - low) * share;
                let f = open(x);
                if f.abs() < 1e-13 || high - low < 1e-15 {
                    return x;
                }
                if f < 0.0 {
                    (low, f_low) = (x, f);
                    if last == -1 {
                        f_high *= 0.5;
                    }
                    last = -1;
                } else {
                    (high, f_high) = (x, f);
                    if last == 1 {
                        f_low *= 0.5;
                    }
                    last = 1;
                }
            }
            0.5 * (low + high)
        };
        let (x100, x0) = (at(set.file.cell.voltage_max_v), at(set.file.cell.voltage_min_v));
        Self { x100, y100: y_of(x100), x0, y0: y_of(x0), capacity_ah: q_n * (x100 - x0) }
    }

    /// Of a new cell.
    pub fn of_new(set: &ParticleSet) -> Self {
        let area = set.file.cell.area_m2;
        let held = |electrode: &super::set::Electrode| {
            let all = electrode.capacity_ah(area, electrode.file.active_fraction);
            (all * electrode.file.concentration_initial / electrode.file.concentration_max, all)
        };
        let ((n, q_n), (p, q_p)) = (held(&set.negative), held(&set.positive));
        Self::of(set, n + p, [q_n, q_p])
    }

    /// Of a cell as it is.
    pub fn of_state(model: &CellModel, state: &State) -> Self {
        let set = model.set();
        let area = set.file.cell.area_m2;
        let electrodes = [&set.negative, &set.positive];
        let hold = [0, 1].map(|k: usize| electrodes[k].capacity_ah(area, state.particles[k].active));
        Self::of(set, lithium_ah(model, state), hold)
    }

    /// Stoichiometries at a state of charge.
    pub fn at(&self, soc: f64) -> [f64; 2] {
        [self.x0 + soc * (self.x100 - self.x0), self.y0 + soc * (self.y100 - self.y0)]
    }

    /// State of charge with this stoichiometry in the negative electrode.
    pub fn soc(&self, x: f64) -> f64 {
        (x - self.x0) / (self.x100 - self.x0)
    }
}

/// Lithium in the particles of both electrodes [Ah].
pub fn lithium_ah(model: &CellModel, state: &State) -> f64 {
    let set = model.set();
    let area = set.file.cell.area_m2;
    let of = |side: usize| state.particles[side].lithium * model.kinetics.electrode(side).file.thickness_m;
    FARADAY / 3600.0 * area * (of(0) + of(1))
}
