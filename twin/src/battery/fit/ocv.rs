//! Open-circuit voltage and hysteresis from slow discharges and charges.
//!
//! ```text
//! U(s) = ½·(V_d + I·R(s) + V_c − I·R(s)),   M(s) = ½·(V_c − V_d) − I·R(s)
//! ```
//!
//! V_d and V_c are the branches over the share of their own charge, R the whole resistance of the circuit at that
//! current. The capacity is the charge of the slow discharge from the full cell to the lowest voltage. With one
//! branch only, U is that branch corrected by I·R, and the hysteresis stays the base's.
//!
//! Source: the method of Plett, *Battery Management Systems*, vol. 1 (2015), sec. 2.10, with one temperature.
//! Limits: what relaxes over many hours stays in the branches; a charge whose amount differs from that of the
//! discharge by more than [`LIKE`] cannot be aligned with it and is not used.

use super::super::chemistry::{ChemistryFile, CurveFile};
use super::super::circuit::{interpolate, surface_value};
use super::{Figure, Missing, Record};

/// Fastest discharge that counts as slow [1/h of rated capacity].
pub const SLOW_C: f64 = 0.12;
/// Least share of the rated capacity that a slow branch covers.
const COVERS: f64 = 0.85;
/// Charge and discharge are aligned when their amounts differ by less than this share.
pub const LIKE: f64 = 0.05;
/// Bins that a branch is averaged in.
const BINS: usize = 400;

/// Points of the fitted curve: closer near the ends, where it is steep.
const SOC: [f64; 31] = [
    0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.24, 0.28, 0.32, 0.36, 0.4, 0.44, 0.48,
    0.52, 0.56, 0.6, 0.64, 0.68, 0.72, 0.76, 0.8, 0.85, 0.9, 0.94, 0.97, 1.0,
];

/// One slow branch: voltage over the share of its own charge.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Record that it was found in.
    pub record: String,
    /// Charge moved [Ah].
    pub charge_ah: f64,
    /// Mean current, positive discharging [A].
    pub current_a: f64,
    /// Mean temperature [°C].
    pub temperature_c: f64,
    /// State of charge, rising.
    pub soc: Vec<f64>,
    /// Terminal voltage.
    pub voltage_v: Vec<f64>,
}

/// A table of open-circuit voltage that somebody else has measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// State of charge, rising from 0 to 1.
    pub soc: Vec<f64>,
    /// Mean of the branches [V].
    pub voltage_v: Vec<f64>,
    /// Half the gap between them [V].
    pub half_gap_v: Option<Vec<f64>>,
    /// What people call it.
    pub name: String,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The base with open-circuit voltage, hysteresis and capacity in it.
    pub chemistry: ChemistryFile,
    /// Fitted figures.
    pub figures: Vec<Figure>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// The branches it was made of.
    pub branches: Vec<Branch>,
}

/// Slow branches of a record, longest first in time: runs of one sign and slow current that cover most of the cell.
pub fn branches(record: &Record, rated_ah: f64) -> Vec<Branch> {
    let sign = |k: usize| {
        let c_rate = record.current_a[k] / rated_ah;
        if c_rate.abs() < 0.004 || c_rate.abs() > SLOW_C { 0.0 } else { c_rate.signum() }
    };
    let mut found = Vec::new();
    let mut from = 0;
    while from < record.len() {
        let direction = sign(from);
        let to = (from..record.len()).find(|k| sign(*k) != direction).unwrap_or(record.len());
        let charge_ah = (record.discharged_ah[to - 1] - record.discharged_ah[from]).abs();
        if direction != 0.0 && charge_ah > COVERS * rated_ah {
            found.push(branch(record, (from, to), charge_ah));
        }
        from = to;
    }
    found
}

fn branch(record: &Record, (from, to): (usize, usize), charge_ah: f64) -> Branch {
    let start_ah = record.discharged_ah[from];
    let hours = (record.t_s[to - 1] - record.t_s[from]) / 3600.0;
    let discharges = record.discharged_ah[to - 1] > start_ah;
    let mut sums = vec![(0.0, 0.0, 0.0); BINS + 1];
    for k in from..to {
        let moved = (record.discharged_ah[k] - start_ah).abs() / charge_ah;
        let soc = if discharges { 1.0 - moved } else { moved };
        let bin = &mut sums[((soc * BINS as f64).round() as usize).min(BINS)];
        *bin = (bin.0 + 1.0, bin.1 + soc, bin.2 + record.voltage_v[k]);
    }
    let held = sums.iter().filter(|bin| bin.0 > 0.0);
    let temperature_c = record.temperature_c[from..to].iter().sum::<f64>() / (to - from) as f64;
    Branch {
        record: record.name.clone(),
        charge_ah,
        current_a: if discharges { charge_ah / hours } else { -charge_ah / hours },
        temperature_c,
        soc: held.clone().map(|bin| bin.1 / bin.0).collect(),
        voltage_v: held.map(|bin| bin.2 / bin.0).collect(),
    }
}

/// Open-circuit voltage from the slow branches of some records.
///
/// # Errors
/// When there is no slow discharge.
pub fn fit(base: &ChemistryFile, records: &[Record]) -> Result<Outcome, Missing> {
    let all: Vec<Branch> =
        records.iter().flat_map(|record| branches(record, base.cell.capacity_ah)).collect();
    let warmth = |branch: &&Branch| ((branch.temperature_c - 25.0).abs() * 10.0) as i64;
    let discharge = all.iter().filter(|branch| branch.current_a > 0.0).min_by_key(warmth);
    let Some(discharge) = discharge else {
        return Err(Missing::Data {
            parameter: "open-circuit voltage",
            lacks: format!(
                "no discharge of at most {SLOW_C}C covers {:.0} % of {} Ah",
                100.0 * COVERS,
                base.cell.capacity_ah
            ),
            remedy: "add a slow discharge (C/20 is usual) or a table of soc and ocv, or leave ocv out of --fit",
        });
    };
    let mut notes = Vec::new();
    let charge = all.iter().filter(|branch| branch.current_a < 0.0).min_by_key(warmth);
    let charge = charge.filter(|charge| {
        let alike = (charge.charge_ah / discharge.charge_ah - 1.0).abs() < LIKE;
        if !alike {
            notes.push(format!(
                "hysteresis: the slow charge took {:.3} Ah and the discharge gave {:.3} Ah, which cannot be aligned; \
                 the base's is kept",
                charge.charge_ah, discharge.charge_ah
            ));
        }
        alike
    });
    if all.iter().all(|branch| branch.current_a > 0.0) {
        notes.push("hysteresis: no slow charge in the data; the base's is kept".into());
    }
    let mut chemistry = base.clone();
    chemistry.cell.capacity_ah = super::circuit::round(discharge.charge_ah);
    let drop_v = |branch: &Branch, soc: f64| {
        let circuit = &base.circuit;
        let surfaces = [&circuit.r0_ohm, &circuit.r1_ohm, &circuit.r2_ohm];
        let ohm: f64 = surfaces.iter().map(|s| surface_value(s, soc, branch.temperature_c)).sum();
        branch.current_a * ohm
    };
    let open =
        |branch: &Branch, soc: f64| interpolate(&branch.soc, &branch.voltage_v, soc) + drop_v(branch, soc);
    let half_gap = |soc: f64| {
        // At the ends both branches are at a voltage limit, and their distance tells nothing.
        let soc = soc.clamp(0.03, 0.97);
        charge.map(|charge| (0.5 * (open(charge, soc) - open(discharge, soc))).max(0.0))
    };
    let kept_gap = |soc: f64| interpolate(&base.hysteresis.soc, &base.hysteresis.half_gap_v, soc);
    let values: Vec<f64> = SOC
        .iter()
        .map(|soc| open(discharge, *soc) + half_gap(*soc).unwrap_or_else(|| kept_gap(*soc)))
        .collect();
    chemistry.ocv = CurveFile { soc: SOC.to_vec(), value: rising(values), source: String::new() };
    if charge.is_some() {
        chemistry.hysteresis.soc = SOC.to_vec();
        chemistry.hysteresis.half_gap_v =
            SOC.iter().map(|soc| (1e5 * half_gap(*soc).unwrap_or(0.0)).round() / 1e5).collect();
    }
    let figures = vec![Figure { name: "capacity_ah".into(), value: discharge.charge_ah, interval: None }];
    let branches = charge.into_iter().chain([discharge]).cloned().collect();
    Ok(Outcome { chemistry, figures, notes, branches })
}

/// Takes a measured table over.
pub fn from_table(base: &ChemistryFile, table: &Table) -> ChemistryFile {
    let mut chemistry = base.clone();
    chemistry.ocv =
        CurveFile { soc: table.soc.clone(), value: rising(table.voltage_v.clone()), source: String::new() };
    if let Some(half_gap_v) = &table.half_gap_v {
        chemistry.hysteresis.soc = table.soc.clone();
        chemistry.hysteresis.half_gap_v = half_gap_v.iter().map(|gap| gap.max(0.0)).collect();
    }
    chemistry
}

/// Values that do not fall, to 10 µV.
fn rising(mut values: Vec<f64>) -> Vec<f64> {
    let mut least = 0.0;
    for value in &mut values {
        least = (*value).max(least);
        *value = (least * 1e5).round() / 1e5;
    }
    values
}

/// State of charge at which a rested cell shows a voltage, for lack of better knowledge on the mean branch.
pub fn charge_at(chemistry: &ChemistryFile, voltage_v: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if interpolate(&chemistry.ocv.soc, &chemistry.ocv.value, middle) < voltage_v {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Open-circuit voltage, beyond the ends with the ends' slope.
pub fn beyond_ends(curve: &CurveFile, soc: f64) -> f64 {
    let inside = soc.clamp(0.0, 1.0);
    let value = interpolate(&curve.soc, &curve.value, inside);
    if inside == soc {
        return value;
    }
    let n = curve.soc.len();
    let (a, b) = if soc < 0.0 { (0, 1) } else { (n - 2, n - 1) };
    value + (soc - inside) * (curve.value[b] - curve.value[a]) / (curve.soc[b] - curve.soc[a])
}
