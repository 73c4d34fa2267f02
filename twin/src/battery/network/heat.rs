//! Heat of single cells in one enclosure, conducting to their neighbours along the busbars.
//!
//! ```text
//! C·dT_j/dt = q_j − (T_j − T_case − δ_j)/R + G·(T_{j−1} − 2T_j + T_{j+1})
//! N·C_case·dT_case/dt = Σ (T_j − T_case − δ_j)/R − N·(T_case − T_air)/R_air
//! ```
//!
//! δ is how much warmer a cell's place is than the rest. Implicit Euler, so heat is conserved at any step length; the
//! enclosure's temperature comes in linearly, `T_j = α_j + β_j·T_case`, and β depends on the position alone.
//! First order in the step, which is short against the minutes that a cell takes to warm.

use crate::battery::thermal::ThermalPath;

/// The heat path of a pack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackHeat {
    /// Of one cell.
    pub path: ThermalPath,
    /// Between neighbours along the busbars [W/K].
    pub neighbour_w_per_k: f64,
}

/// Temperatures of a pack's cells and enclosure.
#[derive(Debug, Clone)]
pub struct HeatState {
    heat: PackHeat,
    groups: usize,
    /// How much warmer each place is [K].
    place_k: Vec<f64>,
    cell_c: Vec<f64>,
    case_c: f64,
    dt_s: f64,
    /// Elimination of the chain of positions, and β.
    pivot: Vec<f64>,
    ratio: Vec<f64>,
    beta: Vec<f64>,
}

impl HeatState {
    /// A pack at rest: `place_k` by cell, `groups` cells at each position.
    pub fn new(heat: PackHeat, groups: usize, place_k: Vec<f64>, temperature_c: f64) -> Self {
        let positions = place_k.len() / groups;
        Self {
            cell_c: place_k.iter().map(|k| temperature_c + k).collect(),
            case_c: temperature_c,
            heat,
            groups,
            place_k,
            dt_s: 0.0,
            pivot: vec![0.0; positions],
            ratio: vec![0.0; positions],
            beta: vec![0.0; positions],
        }
    }

    /// Temperature of each cell [°C].
    pub fn cells_c(&self) -> &[f64] {
        &self.cell_c
    }

    /// Temperature of the enclosure [°C].
    pub fn case_c(&self) -> f64 {
        self.case_c
    }

    /// A new cell in a place, at the enclosure's temperature.
    pub fn renew(&mut self, cell: usize, place_k: f64) {
        self.place_k[cell] = place_k;
        self.cell_c[cell] = self.case_c + place_k;
    }

    /// Heat stored above `reference_c` [J].
    pub fn stored_j(&self, reference_c: f64) -> f64 {
        let path = &self.heat.path;
        let cells: f64 = self.cell_c.iter().map(|c| c - reference_c).sum();
        path.cell_j_per_k * cells + path.case_j_per_k * self.cell_c.len() as f64 * (self.case_c - reference_c)
    }

    /// Heat that leaves to the air at present [W].
    pub fn to_air_w(&self, air_c: f64) -> f64 {
        self.cell_c.len() as f64 * (self.case_c - air_c) / self.heat.path.case_to_air_k_per_w
    }

    /// Takes a step with each cell's heat [W] and what the enclosure itself is heated with [W].
    pub fn step(&mut self, dt_s: f64, heat_w: &[f64], case_w: f64, air_c: f64) {
        if dt_s != self.dt_s {
            self.prepare(dt_s);
        }
        let path = self.heat.path;
        let (store, out) = (path.cell_j_per_k / dt_s, 1.0 / path.cell_to_case_k_per_w);
        let between = self.heat.neighbour_w_per_k;
        let (groups, positions) = (self.groups, self.beta.len());
        // α in place, all groups side by side.
        let known = self.place_k.iter().zip(heat_w);
        self.cell_c.iter_mut().zip(known).for_each(|(c, (place_k, w))| *c = store * *c + w + out * place_k);
        for position in 0..positions {
            let (before, rest) = self.cell_c.split_at_mut(position * groups);
            let (here, pivot) = (&mut rest[..groups], self.pivot[position]);
            if position == 0 {
                here.iter_mut().for_each(|c| *c *= pivot);
            } else {
                let last = &before[(position - 1) * groups..];
                here.iter_mut().zip(last).for_each(|(c, b)| *c = (*c + between * b) * pivot);
            }
        }
        for position in (0..positions - 1).rev() {
            let (front, back) = self.cell_c.split_at_mut((position + 1) * groups);
            let ratio = self.ratio[position];
            front[position * groups..].iter_mut().zip(back).for_each(|(c, next)| *c += ratio * *next);
        }
        let count = self.cell_c.len() as f64;
        let (alpha, place): (f64, f64) = (self.cell_c.iter().sum(), self.place_k.iter().sum());
        let beta = groups as f64 * self.beta.iter().sum::<f64>();
        let case_store = count * path.case_j_per_k / dt_s;
        let to_air = count / path.case_to_air_k_per_w;
        self.case_c = (case_store * self.case_c + out * (alpha - place) + to_air * air_c + case_w)
            / (case_store + out * (count - beta) + to_air);
        for (position, cells) in self.cell_c.chunks_exact_mut(groups).enumerate() {
            let rise = self.beta[position] * self.case_c;
            cells.iter_mut().for_each(|c| *c += rise);
        }
    }

    fn prepare(&mut self, dt_s: f64) {
        self.dt_s = dt_s;
        let path = self.heat.path;
        let (store, out) = (path.cell_j_per_k / dt_s, 1.0 / path.cell_to_case_k_per_w);
        let between = self.heat.neighbour_w_per_k;
        let last = self.beta.len() - 1;
        for position in 0..=last {
            let neighbours = f64::from(u8::from(position > 0)) + f64::from(u8::from(position < last));
            let (mut diagonal, mut beta) = (store + out + between * neighbours, out);
            if position > 0 {
                diagonal -= between * self.ratio[position - 1];
                beta += between * self.beta[position - 1];
            }
            self.pivot[position] = 1.0 / diagonal;
            self.ratio[position] = if position < last { between / diagonal } else { 0.0 };
            self.beta[position] = beta / diagonal;
        }
        for position in (0..last).rev() {
            self.beta[position] += self.ratio[position] * self.beta[position + 1];
        }
    }
}
