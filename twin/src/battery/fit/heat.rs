//! Heat given off per kelvin, from how warm a cell becomes under a known load.
//!
//! ```text
//! C·dT/dt = I·(U − V) − Σ v·(I − v/R) − I·T·dU/dT − h·A·(T − T_air)
//! ```
//!
//! One temperature. The sum is what the RC pairs of the circuit take up, as the simulation books it. Source: Bernardi, Pawlikowski & Newman, J. Electrochem. Soc.
//! 132 (1985) 5, without mixing and phase change. Limits: the surface is taken for the cell.

use super::super::chemistry::ChemistryFile;
use super::super::circuit::{interpolate, surface_value};
use super::super::life::ZERO_C_K;
use super::least_squares::{self, Effort, Problem};
use super::{Figure, Missing, Record, ocv};

/// Least warming that tells something [K].
const WARMS_K: f64 = 1.5;

struct HeatProblem {
    /// Per record: length of the step, heat of the load, temperature, air.
    rows: Vec<Vec<(f64, f64, f64)>>,
    air_c: Vec<f64>,
    all: Vec<Vec<usize>>,
    wishes: Vec<usize>,
}

/// Fits h·A and the heat capacity, both as factors; the surroundings of each record may be off by a few kelvin.
///
/// # Errors
/// When no record warms the cell enough.
pub fn fit(base: &ChemistryFile, records: &[Record]) -> Result<(ChemistryFile, Vec<Figure>), Missing> {
    let warms = |record: &&Record| {
        let most = record.temperature_c.iter().fold(f64::NEG_INFINITY, |most, t| most.max(*t));
        record.temperature_measured
            && most - record.temperature_c[0] > WARMS_K
            && record.begins_at(base).is_some()
            && record.len() > 100
    };
    let used: Vec<&Record> = records.iter().filter(warms).collect();
    if used.is_empty() {
        return Err(Missing::Data {
            parameter: "heat_transfer_w_per_k",
            lacks: format!("no record has a measured temperature that rises by {WARMS_K} K"),
            remedy: "add a discharge at a high rate with the cell's temperature, or leave heat out of --fit",
        });
    }
    let rows = used.iter().map(|record| rows(base, record)).collect::<Vec<_>>();
    let count = rows.len();
    let problem = HeatProblem {
        rows,
        air_c: used.iter().map(|record| record.ambient_c).collect(),
        all: (0..count).map(|k| vec![0, 1, 2 + k]).collect(),
        wishes: (2..2 + count).collect(),
    };
    let heat_j_per_k = base.cell.mass_kg * base.cell.heat_capacity_j_per_kg_k;
    let mut start = vec![base.cell.heat_transfer_w_per_k.unwrap_or(0.05).ln(), heat_j_per_k.ln()];
    start.resize(2 + count, 0.0);
    let mut bounds =
        vec![(1e-3f64.ln(), 1e2f64.ln()), ((0.5 * heat_j_per_k).ln(), (2.0 * heat_j_per_k).ln())];
    bounds.resize(2 + count, (-5.0, 5.0));
    let fit = least_squares::fit(&problem, &start, &bounds, Effort::default(), |_, _| {});
    let mut chemistry = base.clone();
    let per_k = fit.parameters[0].exp();
    chemistry.cell.heat_transfer_w_per_k = Some(super::circuit::round(per_k));
    let specific = fit.parameters[1].exp() / base.cell.mass_kg;
    chemistry.cell.heat_capacity_j_per_kg_k = specific.round();
    let figure = |name: &str, index: usize, scale: f64| {
        let (value, deviation) = (fit.parameters[index], fit.deviations[index]);
        Figure {
            name: name.into(),
            value: value.exp() * scale,
            interval: (deviation < 1.0).then(|| {
                ((value - 1.96 * deviation).exp() * scale, (value + 1.96 * deviation).exp() * scale)
            }),
        }
    };
    let figures = vec![
        figure("heat_transfer_w_per_k", 0, 1.0),
        figure("heat_capacity_j_per_kg_k", 1, 1.0 / base.cell.mass_kg),
    ];
    Ok((chemistry, figures))
}

fn rows(base: &ChemistryFile, record: &Record) -> Vec<(f64, f64, f64)> {
    let initial = record.begins_at(base).unwrap_or(1.0);
    let capacity_ah = base.cell.capacity_ah;
    // Ten seconds suffice for heat.
    let mut rows = vec![(0.0, 0.0, record.temperature_c[0])];
    let (mut from_s, mut joule) = (record.t_s[0], 0.0);
    let circuit = &base.circuit;
    let mut held_v = [0.0, 0.0];
    for k in 1..record.len() {
        let dt_s = record.t_s[k] - record.t_s[k - 1];
        let current_a = 0.5 * (record.current_a[k] + record.current_a[k - 1]);
        let voltage_v = 0.5 * (record.voltage_v[k] + record.voltage_v[k - 1]);
        let soc = initial - record.discharged_ah[k] / capacity_ah;
        let entropy = 1e-3 * interpolate(&base.entropy.soc, &base.entropy.value, soc);
        let temperature_k = record.temperature_c[k] + ZERO_C_K;
        let open_v = ocv::beyond_ends(&base.ocv, soc);
        let pairs = [(&circuit.r1_ohm, circuit.tau1_s), (&circuit.r2_ohm, circuit.tau2_s)];
        for (held_v, (surface, tau_s)) in held_v.iter_mut().zip(pairs) {
            let ohm = surface_value(surface, soc, record.temperature_c[k]);
            let before_v = *held_v;
            *held_v = current_a * ohm + (before_v - current_a * ohm) * (-dt_s / tau_s).exp();
            joule -= 0.5 * tau_s / ohm * (*held_v * *held_v - before_v * before_v);
        }
        joule += dt_s * current_a * (open_v - voltage_v - temperature_k * entropy);
        if record.t_s[k] - from_s >= 10.0 {
            let dt_s = record.t_s[k] - from_s;
            rows.push((dt_s, joule / dt_s, record.temperature_c[k]));
            (from_s, joule) = (record.t_s[k], 0.0);
        }
    }
    rows
}

impl Problem for HeatProblem {
    fn blocks(&self) -> usize {
        self.rows.len() + 1
    }

    fn parameters(&self, block: usize) -> &[usize] {
        self.all.get(block).unwrap_or(&self.wishes)
    }

    fn is_measured(&self, block: usize) -> bool {
        block < self.rows.len()
    }

    fn residuals(&self, block: usize, p: &[f64], residuals: &mut Vec<f64>) {
        residuals.clear();
        let Some(rows) = self.rows.get(block) else {
            // A chamber keeps its temperature to half a kelvin or so.
            residuals.extend(p[2..].iter().map(|shift| shift / 0.5));
            return;
        };
        let (per_k, heat_j_per_k) = (p[0].exp(), p[1].exp());
        let air_c = self.air_c[block] + p[2 + block];
        let mut cell_c = rows[0].2;
        for (dt_s, heat_w, measured_c) in rows {
            let settled_c = air_c + heat_w / per_k;
            cell_c = settled_c + (cell_c - settled_c) * (-dt_s * per_k / heat_j_per_k).exp();
            residuals.push(cell_c - measured_c);
        }
    }
}
