//! Resistances over state of charge and temperature, time constants and the knee of the charge transfer, fitted to
//! voltage under a known current, charge and temperature.
//!
//! The cell of [`super::super::circuit`] is carried through each record with the measured current, the measured
//! temperature and the charge that was counted, so that only the voltage is left to explain. Resistances are fitted
//! as logarithms at nodes of a grid. Nodes that no record visits follow their neighbours (a wish for smoothness of
//! small weight) and are told as such.
//!
//! ```text
//! r = U(s) + δU(s) + M(s)·h − I·R0(s,T,I) − v1 − v2 − V
//! dv1/dt = (R1(s,T)·I − v1)/τ1
//! dv2/dt = (R2(s,T)·I − v2)/τ2
//! ```
//!
//! Limits: an error of the counted charge or of the temperature ends up in the resistances.

use super::super::chemistry::{ChemistryFile, CurveFile, KneeFile, SurfaceFile};
use super::super::circuit::{GAS_CONSTANT, bent, interpolate, surface_value};
use super::super::life::ZERO_C_K;
use super::least_squares::{self, Bounds, Effort, Problem};
use super::{Figure, Record, ocv};
use crate::rng::Seed;

/// Voltage that a residual is counted in [V].
const UNIT_V: f64 = 0.01;
/// Rows at a rest are joined up to so many seconds.
const JOIN_S: f64 = 60.0;
/// … while the voltage moves by less than this [V].
const JOIN_V: f64 = 5e-4;

/// Most that one resistance may take at 1C [V]. Near empty in the cold a larger one would fit better, and stand for a cell
/// that has run dry; a pair so charged does not unload in any way that is known.
const DROP_V: f64 = 1.2;

/// What is fitted, and how hard.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Nodes over state of charge, from 0 to 1.
    pub soc: Vec<f64>,
    /// Rows over temperature [°C].
    pub temperature_c: Vec<f64>,
    /// Whether charge transfer bends R0 at high current.
    pub knee: bool,
    /// Whether the open-circuit voltage is corrected within its tolerance.
    pub refine_ocv: bool,
    /// Whether the slow time constant is fitted, or kept.
    pub tau2: bool,
    /// Bounds of the fast time constant [s].
    pub tau1_s: (f64, f64),
    /// Bounds of the slow time constant [s].
    pub tau2_s: (f64, f64),
    /// Starts beside the base's own.
    pub starts: usize,
    /// Residuals of a record at most; more are thinned evenly.
    pub samples_max: usize,
    /// Seed of the starts.
    pub seed: u64,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The base with the fitted circuit (and open-circuit voltage) in it.
    pub chemistry: ChemistryFile,
    /// Every fitted figure.
    pub figures: Vec<Figure>,
    /// Relative standard deviations of τ1 and τ2; infinite where the data do not tell.
    pub tau_deviation: [f64; 2],
    /// Root of the mean square of the residuals of all records [V].
    pub rms_v: f64,
    /// Iterations of the best start.
    pub iterations: usize,
}

/// A row of a record, ready to be carried through.
#[derive(Debug, Clone, Copy)]
struct Row {
    dt_s: f64,
    /// Mean current since the row before [A].
    mean_a: f64,
    current_a: f64,
    voltage_v: f64,
    /// Open-circuit voltage with hysteresis, before its correction [V].
    open_v: f64,
    /// Place on the grid of the resistances.
    soc: (usize, f64),
    row: (usize, f64),
    /// How far beyond the rows, as 1/T − 1/T_row [1/K].
    beyond: f64,
    /// Whether its residual counts.
    counts: bool,
}

struct Carried {
    rows: Vec<Row>,
    touched: Vec<usize>,
}

struct Places {
    nodes: usize,
    rows: usize,
    soc: usize,
}

/// Positions of the parameters behind the surfaces.
const KNEE: usize = 0;
const OHMIC: usize = 1;
const ENERGY: usize = 2;
const GLOBALS: usize = 5;
/// Energies are counted in 10 kJ/mol.
const ENERGY_UNIT: f64 = 1e4;

impl Places {
    fn node(&self, surface: usize, row: usize, column: usize) -> usize {
        surface * self.nodes + row * self.soc + column
    }
    fn global(&self, which: usize) -> usize {
        3 * self.nodes + which
    }
    fn correction(&self, node: usize) -> usize {
        3 * self.nodes + GLOBALS + node
    }
    /// ln τ of pair 0 or 1.
    fn tau(&self, pair: usize) -> usize {
        3 * self.nodes + GLOBALS + self.soc + pair
    }
    fn count(&self) -> usize {
        3 * self.nodes + GLOBALS + self.soc + 2
    }
}

struct CircuitProblem<'a> {
    plan: &'a Plan,
    places: Places,
    carried: Vec<Carried>,
    wishes: Vec<usize>,
    start: Vec<f64>,
    /// No resistance is fitted above this: [`DROP_V`] at 1C.
    most_ohm: f64,
}

/// Fits; `told` hears of every iteration: start, iteration, rms so far in V.
pub fn fit(
    base: &ChemistryFile,
    records: &[Record],
    plan: &Plan,
    mut told: impl FnMut(usize, usize, f64),
) -> Outcome {
    let places = Places {
        nodes: plan.soc.len() * plan.temperature_c.len(),
        rows: plan.temperature_c.len(),
        soc: plan.soc.len(),
    };
    let start = start(base, plan, &places);
    let carried: Vec<Carried> =
        records.iter().filter_map(|record| carried(base, record, plan, &places)).collect();
    let counted: usize = carried.iter().map(|c| c.rows.iter().filter(|row| row.counts).count()).sum();
    let wishes = (0..places.count()).collect();
    let problem = CircuitProblem {
        plan,
        places,
        carried,
        wishes,
        start: start.clone(),
        most_ohm: DROP_V / base.cell.capacity_ah,
    };
    let bounds = problem.bounds();
    let seed = Seed(plan.seed);
    let fit = least_squares::fit_from_many(
        &problem,
        &start,
        &bounds,
        (plan.starts, 0.1, seed),
        Effort { iterations: 25, gain: 1e-4 },
        |start, iteration, cost| told(start, iteration, (2.0 * cost / counted.max(1) as f64).sqrt() * UNIT_V),
    );
    problem.outcome(base, &fit)
}

/// What a chemistry's circuit gets wrong along a record, at its measured temperature [V]: model less measurement, at
/// every row; none where the charge at the beginning is not known.
pub fn residuals(chemistry: &ChemistryFile, record: &Record) -> Vec<f64> {
    let circuit = &chemistry.circuit;
    let Some(initial) = record.begins_at(chemistry) else { return Vec::new() };
    let capacity_ah = chemistry.cell.capacity_ah;
    let mut hysteresis = if initial > 0.99 { 1.0 } else { 0.0 };
    let (mut v1, mut v2) = (0.0, 0.0);
    let mut residuals = Vec::with_capacity(record.len());
    for k in 0..record.len() {
        let soc = initial - record.discharged_ah[k] / capacity_ah;
        let temperature_c = record.temperature_c[k];
        let at = |surface: &SurfaceFile| surface_value(surface, soc, temperature_c);
        if k > 0 {
            let dt_s = record.t_s[k] - record.t_s[k - 1];
            let moved_ah = record.discharged_ah[k] - record.discharged_ah[k - 1];
            let mean_a = moved_ah * 3600.0 / dt_s;
            let branch = -moved_ah.signum();
            if moved_ah != 0.0 {
                let kept = (-chemistry.hysteresis.gamma * (moved_ah / capacity_ah).abs()).exp();
                hysteresis = branch + (hysteresis - branch) * kept;
            }
            let r1 = at(&circuit.r1_ohm);
            let (e1, e2) = ((-dt_s / circuit.tau1_s).exp(), (-dt_s / circuit.tau2_s).exp());
            v1 = v1 * e1 + mean_a * r1 * (1.0 - e1);
            v2 = v2 * e2 + mean_a * at(&circuit.r2_ohm) * (1.0 - e2);
        }
        let half_gap_v = interpolate(&chemistry.hysteresis.soc, &chemistry.hysteresis.half_gap_v, soc);
        let open_v = ocv::beyond_ends(&chemistry.ocv, soc) + half_gap_v * hysteresis;
        let mut r0 = at(&circuit.r0_ohm);
        if let Some(knee) = &circuit.knee {
            r0 = bent(r0, record.current_a[k], knee);
        }
        let drop_v = record.current_a[k] * r0;
        residuals.push(open_v - drop_v - v1 - v2 - record.voltage_v[k]);
    }
    residuals
}

fn inverse_k(temperature_c: f64) -> f64 {
    1.0 / (temperature_c + ZERO_C_K)
}

/// Index and share of the segment of rising values that holds `at`; held at the ends.
fn place(values: &[f64], at: f64) -> (usize, f64) {
    if values.len() < 2 {
        return (0, 0.0);
    }
    let index = values.partition_point(|value| *value <= at).clamp(1, values.len() - 1) - 1;
    let share = (at - values[index]) / (values[index + 1] - values[index]);
    (index, share.clamp(0.0, 1.0))
}

fn start(base: &ChemistryFile, plan: &Plan, places: &Places) -> Vec<f64> {
    let circuit = &base.circuit;
    let mut start = vec![0.0; places.count()];
    for (k, surface) in [&circuit.r0_ohm, &circuit.r1_ohm, &circuit.r2_ohm].into_iter().enumerate() {
        for (row, temperature_c) in plan.temperature_c.iter().enumerate() {
            for (column, soc) in plan.soc.iter().enumerate() {
                let value = surface_value(surface, *soc, *temperature_c);
                start[places.node(k, row, column)] = value.ln();
            }
        }
        start[places.global(ENERGY + k)] = surface.activation_energy_j_per_mol / ENERGY_UNIT;
    }
    start[places.tau(0)] = circuit.tau1_s.clamp(plan.tau1_s.0, plan.tau1_s.1).ln();
    let tau2_s = if plan.tau2 { circuit.tau2_s.clamp(plan.tau2_s.0, plan.tau2_s.1) } else { circuit.tau2_s };
    start[places.tau(1)] = tau2_s.ln();
    let knee = circuit.knee.as_ref();
    start[places.global(KNEE)] = knee.map_or(0.1, |knee| knee.voltage_v).ln();
    start[places.global(OHMIC)] = knee.map_or(0.015, |k| k.ohmic_ohm).ln();
    start
}

/// Prepares a record: joins rows in which nothing happens, and finds every place on the grid. A record whose charge
/// at the beginning is not known cannot be used.
fn carried(base: &ChemistryFile, record: &Record, plan: &Plan, places: &Places) -> Option<Carried> {
    let initial = record.begins_at(base)?;
    let capacity_ah = base.cell.capacity_ah;
    let kept = joined(record);
    let every = kept.len().div_ceil(plan.samples_max.max(1));
    let mut rows: Vec<Row> = Vec::with_capacity(kept.len());
    // A cell that was charged to where it stands is on the upper branch, one that is full above all.
    let mut hysteresis = if initial > 0.99 { 1.0 } else { 0.0 };
    let mut before: Option<usize> = None;
    for (n, &k) in kept.iter().enumerate() {
        let soc = initial - record.discharged_ah[k] / capacity_ah;
        let temperature_c = record.temperature_c[k];
        let (mut dt_s, mut mean_a) = (0.0, record.current_a[k]);
        if let Some(before) = before {
            dt_s = record.t_s[k] - record.t_s[before];
            let moved_ah = record.discharged_ah[k] - record.discharged_ah[before];
            mean_a = moved_ah * 3600.0 / dt_s;
            let moved = moved_ah / capacity_ah;
            if moved != 0.0 {
                let branch = -moved.signum();
                hysteresis = branch + (hysteresis - branch) * (-base.hysteresis.gamma * moved.abs()).exp();
            }
        }
        before = Some(k);
        let half_gap_v = interpolate(&base.hysteresis.soc, &base.hysteresis.half_gap_v, soc);
        let inverse: Vec<f64> = plan.temperature_c.iter().map(|t| -inverse_k(*t)).collect();
        let here = -inverse_k(temperature_c);
        let (first, last) = (inverse[0], inverse[inverse.len() - 1]);
        rows.push(Row {
            dt_s,
            mean_a,
            current_a: record.current_a[k],
            voltage_v: record.voltage_v[k],
            open_v: ocv::beyond_ends(&base.ocv, soc) + half_gap_v * hysteresis,
            soc: place(&plan.soc, soc),
            row: place(&inverse, here),
            beyond: -(here - here.clamp(first, last)),
            counts: n % every == 0 && (-0.002..=1.02).contains(&soc),
        });
    }
    let span = |of: fn(&Row) -> (usize, f64), last: usize| {
        let low = rows.iter().map(|row| of(row).0).min().unwrap_or(0);
        let high = rows.iter().map(|row| of(row).0 + 1).max().unwrap_or(0).min(last);
        low..=high
    };
    let (columns, lines) = (span(|row| row.soc, places.soc - 1), span(|row| row.row, places.rows - 1));
    let mut touched = Vec::new();
    for surface in 0..3 {
        for row in lines.clone() {
            touched.extend(columns.clone().map(|column| places.node(surface, row, column)));
        }
    }
    touched.extend((0..GLOBALS).map(|which| places.global(which)));
    touched.extend(columns.map(|node| places.correction(node)));
    touched.extend([places.tau(0), places.tau(1)]);
    Some(Carried { rows, touched })
}

/// Rows to keep: of rows at rest with hardly a change of voltage only one a minute.
fn joined(record: &Record) -> Vec<usize> {
    let mut kept = vec![0];
    for k in 1..record.len() {
        let last = kept[kept.len() - 1];
        let still = k + 1 < record.len()
            && record.current_a[k] == record.current_a[last]
            && record.current_a[k + 1] == record.current_a[k];
        let waits = record.t_s[k] - record.t_s[last] < JOIN_S
            && (record.voltage_v[k] - record.voltage_v[last]).abs() < JOIN_V;
        if !(still && waits) {
            kept.push(k);
        }
    }
    kept
}

impl CircuitProblem<'_> {
    fn bounds(&self) -> Vec<Bounds> {
        let mut bounds = vec![(0.0, 0.0); self.places.count()];
        for (bound, start) in bounds.iter_mut().zip(&self.start).take(3 * self.places.nodes) {
            let low = start - 3.0;
            *bound = (low, (start + 3.0).min(self.most_ohm.ln()).max(low));
        }
        let mut global = |which, bound: Bounds| bounds[self.places.global(which)] = bound;
        let fixed = |which| (self.start[self.places.global(which)], self.start[self.places.global(which)]);
        global(KNEE, if self.plan.knee { (0.02f64.ln(), 1e1f64.ln()) } else { fixed(KNEE) });
        global(OHMIC, if self.plan.knee { (1e-4f64.ln(), 0.05f64.ln()) } else { fixed(OHMIC) });
        for k in 0..3 {
            let free = self.places.rows > 1;
            global(ENERGY + k, if free { (0.0, 12.0) } else { fixed(ENERGY + k) });
        }
        let span = |(low, high): (f64, f64)| (low.ln(), high.ln());
        bounds[self.places.tau(0)] = span(self.plan.tau1_s);
        let slow = self.places.tau(1);
        bounds[slow] =
            if self.plan.tau2 { span(self.plan.tau2_s) } else { (self.start[slow], self.start[slow]) };
        for node in 0..self.places.soc {
            let most = if self.plan.refine_ocv { 0.08 } else { 0.0 };
            bounds[self.places.correction(node)] = (-most, most);
        }
        bounds
    }

    /// Resistance at a place from the logarithms at the nodes: linear over charge, ln R over 1/T.
    #[inline]
    fn resistance(&self, ohm: &[f64], surface: usize, row: &Row, energy: f64) -> f64 {
        let (column, share) = row.soc;
        let at = |line: usize| {
            let first = self.places.node(surface, line, column);
            let next = if self.places.soc > 1 { first + 1 } else { first };
            ohm[first] + (ohm[next] - ohm[first]) * share
        };
        let (line, f) = row.row;
        let value = if f == 0.0 {
            at(line)
        } else if f == 1.0 {
            at(line + 1)
        } else {
            let (a, b) = (at(line), at(line + 1));
            a * (b / a).powf(f)
        };
        if row.beyond == 0.0 {
            value
        } else {
            value * (energy * ENERGY_UNIT / GAS_CONSTANT * row.beyond).exp()
        }
    }

    /// Carries a record through and hands out the residuals [V] of the rows that count.
    fn carry(&self, rows: &[Row], p: &[f64], mut each: impl FnMut(f64)) {
        let places = &self.places;
        let ohm: Vec<f64> = p[..3 * places.nodes].iter().map(|ln| ln.exp()).collect();
        let global = |which: usize| p[places.global(which)];
        let knee = KneeFile { voltage_v: global(KNEE).exp(), ohmic_ohm: global(OHMIC).exp() };
        let energies = [global(ENERGY), global(ENERGY + 1), global(ENERGY + 2)];
        let (tau1_s, tau2_s) = (p[places.tau(0)].exp(), p[places.tau(1)].exp());
        let (mut v1, mut v2) = (0.0, 0.0);
        let mut length = (0.0, 1.0, 1.0);
        for row in rows {
            if (row.dt_s - length.0).abs() > 1e-9 {
                length = (row.dt_s, (-row.dt_s / tau1_s).exp(), (-row.dt_s / tau2_s).exp());
            }
            let (_, e1, e2) = length;
            if row.mean_a == 0.0 {
                v1 *= e1;
                v2 *= e2;
            } else {
                let r1 = self.resistance(&ohm, 1, row, energies[1]);
                v1 = v1 * e1 + row.mean_a * r1 * (1.0 - e1);
                v2 = v2 * e2 + row.mean_a * self.resistance(&ohm, 2, row, energies[2]) * (1.0 - e2);
            }
            if row.counts {
                let drop_v = if row.current_a == 0.0 {
                    0.0
                } else {
                    let mut r0 = self.resistance(&ohm, 0, row, energies[0]);
                    if self.plan.knee {
                        r0 = bent(r0, row.current_a, &knee);
                    }
                    row.current_a * r0
                };
                let (node, share) = row.soc;
                let correction = p[places.correction(node)] * (1.0 - share)
                    + p[places.correction((node + 1).min(places.soc - 1))] * share;
                each(row.open_v + correction - drop_v - v1 - v2 - row.voltage_v);
            }
        }
    }

    /// The base with the fitted figures in it, and the figures with their intervals.
    fn outcome(&self, base: &ChemistryFile, fit: &least_squares::Fit) -> Outcome {
        let (places, p) = (&self.places, &fit.parameters);
        let mut chemistry = base.clone();
        let mut figures = Vec::new();
        let interval = |index: usize, value: &dyn Fn(f64) -> f64| {
            let deviation = fit.deviations[index];
            // Beyond a factor of e the linearised interval means nothing.
            (deviation < 1.0)
                .then(|| (value(p[index] - 1.96 * deviation), value(p[index] + 1.96 * deviation)))
        };
        let global = |which: usize| p[places.global(which)];
        let circuit = &mut chemistry.circuit;
        let surfaces = [&mut circuit.r0_ohm, &mut circuit.r1_ohm, &mut circuit.r2_ohm];
        for (k, surface) in surfaces.into_iter().enumerate() {
            let rows = (0..places.rows)
                .map(|row| (0..places.soc).map(|c| round(p[places.node(k, row, c)].exp())).collect())
                .collect();
            *surface = SurfaceFile {
                soc: self.plan.soc.clone(),
                temperature_c: self.plan.temperature_c.clone(),
                rows,
                activation_energy_j_per_mol: (global(ENERGY + k) * ENERGY_UNIT).round(),
            };
            for (row, temperature_c) in self.plan.temperature_c.iter().enumerate() {
                for (column, soc) in self.plan.soc.iter().enumerate() {
                    let node = places.node(k, row, column);
                    figures.push(Figure {
                        name: format!("r{k}_ohm at soc {soc} and {temperature_c} °C"),
                        value: p[node].exp(),
                        interval: interval(node, &f64::exp),
                    });
                }
            }
            if places.rows > 1 {
                let index = places.global(ENERGY + k);
                figures.push(Figure {
                    name: format!("r{k} activation_energy_j_per_mol"),
                    value: p[index] * ENERGY_UNIT,
                    interval: interval(index, &|value| value * ENERGY_UNIT),
                });
            }
        }
        circuit.tau1_s = round(p[places.tau(0)].exp());
        circuit.tau2_s = round(p[places.tau(1)].exp());
        for (pair, name) in ["tau1_s", "tau2_s"].into_iter().enumerate() {
            if pair == 0 || self.plan.tau2 {
                let index = places.tau(pair);
                let interval = interval(index, &f64::exp);
                figures.push(Figure { name: name.into(), value: p[index].exp(), interval });
            }
        }
        if self.plan.knee {
            circuit.knee = Some(KneeFile {
                voltage_v: round(global(KNEE).exp()),
                ohmic_ohm: round(global(OHMIC).exp()),
            });
            for (which, name) in [(KNEE, "knee voltage_v"), (OHMIC, "knee ohmic_ohm")] {
                let index = places.global(which);
                let interval = interval(index, &f64::exp);
                figures.push(Figure { name: name.into(), value: p[index].exp(), interval });
            }
        }
        if self.plan.refine_ocv {
            let corrections: Vec<f64> = (0..places.soc).map(|node| p[places.correction(node)]).collect();
            refine(&mut chemistry.ocv, &self.plan.soc, &corrections);
        }
        let tau = |pair: usize| fit.deviations[places.tau(pair)];
        Outcome {
            chemistry,
            figures,
            tau_deviation: [tau(0), tau(1)],
            rms_v: fit.rms * UNIT_V,
            iterations: fit.iterations,
        }
    }
}

/// Adds corrections to a curve, which must not fall afterwards either.
fn refine(curve: &mut CurveFile, soc: &[f64], corrections: &[f64]) {
    let mut least = f64::NEG_INFINITY;
    for (s, value) in curve.soc.iter().zip(&mut curve.value) {
        least = (*value + interpolate(soc, corrections, *s)).max(least);
        *value = (least * 1e5).round() / 1e5;
    }
}

/// A residual whose square grows like its size once it is large, so that samples that are wrong by themselves (a voltage
/// and a current that were not taken at the same instant) do not decide. Source: Charbonnier et al., IEEE Trans. Image
/// Process. 6 (1997) 298.
fn tamed(residual: f64) -> f64 {
    const LARGE: f64 = 3.0;
    let x = residual / LARGE;
    residual.signum() * LARGE * (2.0 * ((1.0 + x * x).sqrt() - 1.0)).sqrt()
}

/// Four significant digits.
pub(super) fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let scale = 10f64.powi(digits);
    if digits >= 0 {
        (value * scale).round() / scale
    } else {
        (value / 10f64.powi(-digits)).round() * 10f64.powi(-digits)
    }
}

impl Problem for CircuitProblem<'_> {
    fn blocks(&self) -> usize {
        self.carried.len() + 1
    }

    fn parameters(&self, block: usize) -> &[usize] {
        self.carried.get(block).map_or(&self.wishes, |carried| &carried.touched)
    }

    fn is_measured(&self, block: usize) -> bool {
        block < self.carried.len()
    }

    fn residuals(&self, block: usize, p: &[f64], residuals: &mut Vec<f64>) {
        residuals.clear();
        if let Some(carried) = self.carried.get(block) {
            self.carry(&carried.rows, p, |volts| residuals.push(tamed(volts / UNIT_V)));
            return;
        }
        let places = &self.places;
        for surface in 0..3 {
            let bend = [0.3, 0.5, 0.5][surface];
            for row in 0..places.rows {
                let at = |column: usize| p[places.node(surface, row, column)];
                for column in 1..places.soc.saturating_sub(1) {
                    let (s, f) = (&self.plan.soc, |k: usize| at(k));
                    let share = (s[column] - s[column - 1]) / (s[column + 1] - s[column - 1]);
                    let middle = f(column - 1) + (f(column + 1) - f(column - 1)) * share;
                    residuals.push((f(column) - middle) / bend);
                }
            }
            // Where a row is blind, its course over charge is that of the next row.
            for row in 1..places.rows {
                for column in 0..places.soc {
                    let (warm, cold) =
                        (places.node(surface, row, column), places.node(surface, row - 1, column));
                    residuals.push(((p[warm] - p[cold]) - (self.start[warm] - self.start[cold])) / 1.5);
                }
            }
            let energy = places.global(ENERGY + surface);
            residuals.push((p[energy] - self.start[energy]) / 1.0);
        }
        let knee = places.global(KNEE);
        residuals.push((p[knee] - self.start[knee]) / 1.0);
        for node in 0..places.soc {
            residuals.push(p[places.correction(node)] / 0.01);
        }
    }
}
