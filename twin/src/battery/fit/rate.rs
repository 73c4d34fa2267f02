//! Capacity against rate and temperature, from whole discharges.
//!
//! ```text
//! U(s) → U(1 − (1 − s)/φ)        φ(I, T) ≤ 1: what can be reached of the rated charge
//! ```
//!
//! What a cell gives at a rate falls for two reasons: its voltage meets the limit early, because current times
//! resistance takes from it, and charge deep in its electrodes is out of reach. The circuit has the first. So φ is sought
//! for each discharge such that the circuit of the file, with φ, gives what was measured; where the resistances take as
//! much or more already, φ is 1 and that is told. Lead-acid strings know no circuit: their φ is the measured share itself,
//! as a data sheet has it.
//!
//! The discharges nearest 25 °C give the points over rate, and Peukert's exponent is that of the line through their
//! logarithms; others give the table over temperature, row by row relative to 25 °C.
//!
//! Source: Peukert 1897; the division of the two reasons is that of the simulation, see
//! [`super::super::circuit::CellModel::usable_share`]. Limits: each discharge at one temperature, its mean; constant
//! current. Points and table are over the temperature of the surroundings, and the simulation looks them up at the cell's own.

use super::super::chemistry::{ChemistryFile, RateCapacityFile, SurfaceFile};
use super::super::circuit::{bent, interpolate, surface_value};
use super::{Figure, Missing, Record, ocv};

/// Discharges whose rates differ by less than this share belong together.
const ALIKE: f64 = 0.07;
/// Discharges within this of the reference temperature give the points [K].
const NEAR_K: f64 = 6.0;
/// A discharge is whole when it begins above this state of charge …
const FULL: f64 = 0.93;
/// … and ends within this of the lowest voltage [V].
const EMPTY_V: f64 = 0.03;
/// The current may vary by this share within a discharge.
const STEADY: f64 = 0.15;
/// Steps that a discharge is followed in.
const STEPS: usize = 500;

/// What one whole discharge gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// What people call it.
    pub name: String,
    /// Current [A].
    pub current_a: f64,
    /// Charge [Ah].
    pub capacity_ah: f64,
    /// Mean temperature of the cell, which its resistances are taken at [°C].
    pub temperature_c: f64,
    /// Temperature of the surroundings, by which discharges belong together: a fast one warms the cell [°C].
    pub ambient_c: f64,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The base with the fitted dependence in it.
    pub chemistry: ChemistryFile,
    /// Fitted figures.
    pub figures: Vec<Figure>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Whole discharges at a steady current in a record: from full, or nearly, to the lowest voltage.
pub fn discharges(base: &ChemistryFile, record: &Record) -> Vec<Given> {
    let rated_ah = base.cell.capacity_ah;
    let Some(initial) = record.begins_at(base) else { return Vec::new() };
    let flows = |k: usize| record.current_a[k] > 0.004 * rated_ah;
    let mut found = Vec::new();
    let mut from = 0;
    while from < record.len() {
        if !flows(from) {
            from += 1;
            continue;
        }
        let to = (from..record.len()).find(|k| !flows(*k)).unwrap_or(record.len());
        // The charge before the first row of the load flowed in the step towards it.
        let first = from.saturating_sub(1);
        let capacity_ah = record.discharged_ah[to - 1] - record.discharged_ah[first];
        let hours = (record.t_s[to - 1] - record.t_s[from]) / 3600.0;
        let soc = initial - record.discharged_ah[first] / rated_ah;
        if to - from > 10 && hours > 0.0 {
            let current_a = (record.discharged_ah[to - 1] - record.discharged_ah[from]) / hours;
            let steady =
                (from..to).filter(|k| (record.current_a[*k] / current_a - 1.0).abs() < STEADY).count();
            let is_steady = steady as f64 > 0.9 * (to - from) as f64;
            let lowest_v = record.voltage_v[from..to].iter().copied().fold(f64::INFINITY, f64::min);
            if is_steady && lowest_v < base.limits.voltage_min_v + EMPTY_V && soc > FULL {
                let temperature_c = record.temperature_c[from..to].iter().sum::<f64>() / (to - from) as f64;
                let (name, ambient_c) = (record.name.clone(), record.ambient_c);
                found.push(Given { name, current_a, capacity_ah, temperature_c, ambient_c });
            }
        }
        from = to;
    }
    found
}

/// Charge that a full cell of the file gives at a constant current and temperature until its lowest voltage, where `share`
/// of its charge can be reached [Ah].
pub fn given_ah(file: &ChemistryFile, share: f64, current_a: f64, temperature_c: f64) -> f64 {
    let (circuit, rated_ah) = (&file.circuit, file.cell.capacity_ah);
    let most_ah = 1.05 * rated_ah;
    let step_ah = most_ah / STEPS as f64;
    let dt_s = 3600.0 * step_ah / current_a;
    let (e1, e2) = ((-dt_s / circuit.tau1_s).exp(), (-dt_s / circuit.tau2_s).exp());
    let kept = (-file.hysteresis.gamma * step_ah / rated_ah).exp();
    let (mut v1, mut v2, mut branch) = (0.0, 0.0, 1.0);
    let (mut before_ah, mut before_v) = (0.0, f64::INFINITY);
    for k in 0..=STEPS {
        let ah = step_ah * k as f64;
        let soc = 1.0 - ah / rated_ah;
        let at = |surface: &SurfaceFile| surface_value(surface, soc, temperature_c);
        if k > 0 {
            branch = -1.0 + (branch + 1.0) * kept;
            v1 = v1 * e1 + current_a * at(&circuit.r1_ohm) * (1.0 - e1);
            v2 = v2 * e2 + current_a * at(&circuit.r2_ohm) * (1.0 - e2);
        }
        let mut r0 = at(&circuit.r0_ohm);
        if let Some(knee) = &circuit.knee {
            r0 = bent(r0, current_a, knee);
        }
        let half_gap_v = interpolate(&file.hysteresis.soc, &file.hysteresis.half_gap_v, soc);
        let open_v = ocv::beyond_ends(&file.ocv, 1.0 - (1.0 - soc) / share) + half_gap_v * branch;
        let over_v = open_v - current_a * r0 - v1 - v2 - file.limits.voltage_min_v;
        if over_v <= 0.0 {
            return if k == 0 { 0.0 } else { before_ah + step_ah * before_v / (before_v - over_v) };
        }
        (before_ah, before_v) = (ah, over_v);
    }
    most_ah
}

/// Share of the charge that must be in reach for the file's circuit to give what was measured; 1 where it gives no more
/// with all of it.
fn share_of(file: &ChemistryFile, given: &Given) -> f64 {
    if file.lead_acid.is_some() {
        return (given.capacity_ah / file.cell.capacity_ah).clamp(0.01, 2.0);
    }
    let gives = |share: f64| given_ah(file, share, given.current_a, given.temperature_c);
    let (mut low, mut high) = (0.02, 1.0);
    if gives(high) <= given.capacity_ah {
        return 1.0;
    }
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if gives(middle) < given.capacity_ah { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Rate, share and surroundings of one discharge or the mean of several alike.
#[derive(Debug, Clone, Copy)]
struct Point {
    c_rate: f64,
    share: f64,
    temperature_c: f64,
    count: f64,
}

/// Discharges as points, those alike in rate and temperature as their mean, by rate.
fn points(file: &ChemistryFile, given: &[Given]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for one in given {
        let (c_rate, share) = (one.current_a / file.cell.capacity_ah, share_of(file, one));
        let alike = points.iter_mut().find(|point| {
            (point.c_rate / c_rate - 1.0).abs() < ALIKE
                && (point.temperature_c - one.ambient_c).abs() < NEAR_K
        });
        match alike {
            Some(point) => {
                let n = point.count;
                let mean = |old: f64, new: f64| (old * n + new) / (n + 1.0);
                *point = Point {
                    c_rate: mean(point.c_rate, c_rate),
                    share: mean(point.share, share),
                    temperature_c: mean(point.temperature_c, one.ambient_c),
                    count: n + 1.0,
                };
            }
            None => points.push(Point { c_rate, share, temperature_c: one.ambient_c, count: 1.0 }),
        }
    }
    points.sort_by(|a, b| a.c_rate.total_cmp(&b.c_rate));
    points
}

/// Peukert's exponent through points over rate, and its standard deviation where there are three or more.
fn exponent(points: &[Point]) -> (f64, Option<f64>) {
    let n = points.len() as f64;
    let mean = |of: &dyn Fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x0, y0) = (mean(&|p| p.c_rate.ln()), mean(&|p| p.share.ln()));
    let spread: f64 = points.iter().map(|p| (p.c_rate.ln() - x0).powi(2)).sum();
    let slope = points.iter().map(|p| (p.c_rate.ln() - x0) * (p.share.ln() - y0)).sum::<f64>() / spread;
    let off: f64 = points.iter().map(|p| (p.share.ln() - y0 - slope * (p.c_rate.ln() - x0)).powi(2)).sum();
    let deviation = (points.len() > 2).then(|| (off / (n - 2.0) / spread).sqrt());
    (1.0 - slope, deviation)
}

/// Fits how capacity falls with rate, and changes with temperature where the discharges tell of several.
///
/// # Errors
/// When there are not two rates near one temperature.
pub fn fit(base: &ChemistryFile, given: &[Given]) -> Result<Outcome, Missing> {
    let lacks = |lacks: String| Missing::Data {
        parameter: "capacity against rate",
        lacks,
        remedy: "add whole discharges from full to the lowest voltage at two or more rates, or a table of rate and \
                 capacity, or leave rate out of --fit",
    };
    let all = points(base, given);
    let warmth = |point: &&Point| ((point.temperature_c - 25.0).abs() * 1e3) as i64;
    let Some(reference_c) = all.iter().min_by_key(warmth).map(|point| point.temperature_c) else {
        return Err(lacks("no whole discharge at a steady current".into()));
    };
    let near = |point: &&Point| (point.temperature_c - reference_c).abs() < NEAR_K;
    let mut at_reference: Vec<Point> = all.iter().filter(near).copied().collect();
    if at_reference.len() < 2 {
        return Err(lacks(format!("discharges near {reference_c:.0} °C have one rate only")));
    }
    let mut notes = Vec::new();
    let whole = at_reference.iter().filter(|point| point.share >= 1.0).count();
    if base.lead_acid.is_none() && whole > 0 {
        notes.push(format!(
            "rate: at {whole} of {} rates the resistances alone already take what is missing",
            at_reference.len()
        ));
    }
    // A capacity that rises with the rate, by scatter or by warming, counts as one that stays.
    let mut least = f64::INFINITY;
    for point in &mut at_reference {
        least = least.min(point.share);
        point.share = least;
    }
    let (fitted, deviation) = exponent(&at_reference);
    let peukert = fitted.clamp(1.0, 2.0);
    let mut figures = vec![Figure {
        name: "peukert_exponent".into(),
        value: peukert,
        interval: deviation.map(|deviation| (peukert - 1.96 * deviation, peukert + 1.96 * deviation)),
    }];
    figures.extend(at_reference.iter().map(|point| Figure {
        name: format!(
            "share of the charge in reach at {:.3}C and {:.0} °C",
            point.c_rate, point.temperature_c
        ),
        value: point.share,
        interval: None,
    }));
    let (temperature_c, duration_h, rows) = match table(&all, &at_reference, reference_c) {
        Some(table) => table,
        None => {
            notes.push(
                "rate: discharges at one temperature only; how capacity depends on it is the base's, if it has it"
                    .into(),
            );
            base.rate_capacity.as_ref().map_or_else(
                || (vec![0.0, 50.0], vec![1.0], vec![vec![1.0, 1.0]]),
                |rate| (rate.temperature_c.clone(), rate.duration_h.clone(), rate.rows.clone()),
            )
        }
    };
    let round = super::circuit::round;
    let mut chemistry = base.clone();
    chemistry.rate_capacity = Some(RateCapacityFile {
        peukert_exponent: (1e4 * peukert).round() / 1e4,
        reference_c_rate: round(at_reference[0].c_rate),
        point_duration_h: at_reference.iter().map(|point| round(point.share / point.c_rate)).collect(),
        point_share: at_reference.iter().map(|point| round(point.share)).collect(),
        temperature_c,
        duration_h,
        rows,
        source: String::new(),
    });
    Ok(Outcome { chemistry, figures, notes })
}

type Table = (Vec<f64>, Vec<f64>, Vec<Vec<f64>>);

/// Capacity over temperature relative to the reference, a row per rate; nothing where only one temperature is known.
fn table(all: &[Point], at_reference: &[Point], reference_c: f64) -> Option<Table> {
    let mut temperatures: Vec<f64> = Vec::new();
    for point in all {
        if temperatures.iter().all(|known| (known - point.temperature_c).abs() >= NEAR_K) {
            temperatures.push(point.temperature_c);
        }
    }
    temperatures.sort_by(f64::total_cmp);
    // What is known of a rate at a temperature, relative to the reference.
    let relative = |of: &Point, celsius: f64| {
        if (celsius - reference_c).abs() < NEAR_K {
            return Some(1.0);
        }
        let there = all.iter().filter(|p| (p.temperature_c - celsius).abs() < NEAR_K);
        let same = there.filter(|p| (p.c_rate / of.c_rate - 1.0).abs() < ALIKE).map(|p| p.share / of.share);
        same.reduce(|a, b| 0.5 * (a + b))
    };
    let mut rows: Vec<(f64, Vec<Option<f64>>)> = at_reference
        .iter()
        .map(|of| (of.share / of.c_rate, temperatures.iter().map(|celsius| relative(of, *celsius)).collect()))
        .collect();
    // Short discharges first. Where a rate was not measured in the cold or heat, it goes as its neighbour does.
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = |row: usize, column: usize| {
        let there = rows.iter().enumerate().filter_map(|(k, (_, row))| Some((k, row[column]?)));
        there.min_by_key(|(k, _)| k.abs_diff(row)).map(|(_, value)| value)
    };
    let columns: Vec<usize> =
        (0..temperatures.len()).filter(|column| nearest(0, *column).is_some()).collect();
    if columns.len() < 2 {
        return None;
    }
    let filled = |row: usize| -> Vec<f64> {
        let values = columns.iter().filter_map(|column| nearest(row, *column));
        values.map(|value| (1e4 * value.clamp(0.01, 2.0)).round() / 1e4).collect()
    };
    Some((
        columns.iter().map(|column| (10.0 * temperatures[*column]).round() / 10.0).collect(),
        rows.iter().map(|(hours, _)| super::circuit::round(*hours)).collect(),
        (0..rows.len()).map(filled).collect(),
    ))
}
