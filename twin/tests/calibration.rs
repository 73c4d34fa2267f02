#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]
//! Fits against data made by a known cell: parameters come back within their intervals, and what the data cannot tell
//! is refused.

use rand::RngExt;
use std::sync::Arc;
use twin::battery::chemistry::{ChemistryFile, CurveFile, KneeFile, SurfaceFile};
use twin::battery::circuit::CellModel;
use twin::battery::fit::life::{History, Point};
use twin::battery::fit::survey::survey;
use twin::battery::fit::{Missing, Record, circuit, heat, life, ocv};
use twin::battery::integrate::{Duty, Stepping, pass};
use twin::battery::library;
use twin::battery::pack::{Layout, PackModel, PackState};
use twin::battery::thermal::ThermalPath;
use twin::forcing::Ambient;
use twin::rng::Seed;
use twin::time::Time;

const SOC: [f64; 3] = [0.0, 0.5, 1.0];
const TEMPERATURES_C: [f64; 2] = [0.0, 25.0];

/// A cell with resistances at the nodes of the fit's own grid.
fn truth() -> ChemistryFile {
    let mut file = library::find("nmc811-grsi-lg-m50-5ah").unwrap();
    let surface = |rows: [[f64; 3]; 2]| SurfaceFile {
        soc: SOC.to_vec(),
        temperature_c: TEMPERATURES_C.to_vec(),
        rows: rows.map(|row| row.to_vec()).to_vec(),
        activation_energy_j_per_mol: 20_000.0,
    };
    file.circuit.r0_ohm = surface([[0.045, 0.040, 0.042], [0.025, 0.022, 0.023]]);
    file.circuit.r1_ohm = surface([[0.030, 0.024, 0.026], [0.015, 0.011, 0.012]]);
    file.circuit.r2_ohm = surface([[0.040, 0.030, 0.028], [0.020, 0.015, 0.014]]);
    (file.circuit.tau1_s, file.circuit.tau2_s) = (9.0, 700.0);
    file.circuit.knee = None;
    file.cell.heat_transfer_w_per_k = Some(0.1);
    file
}

/// Steps of a duty, each `(current, seconds)`, on a new cell, a row a second under load and ten at rest, with noise of
/// `noise_v`.
fn measured(file: &ChemistryFile, ambient_c: f64, steps: &[(f64, f64)], heats: bool, noise_v: f64) -> Record {
    let cell = {
        let mut free = CellModel::compile(file.clone()).unwrap();
        let limits = &mut free.file.limits;
        (limits.voltage_min_v, limits.voltage_max_v) = (-1e3, 1e3);
        (limits.charge_c_rate_max, limits.discharge_c_rate_max) = (1e6, 1e6);
        (limits.charge_temperature_c, limits.discharge_temperature_c) = ([-1e3, 1e3], [-1e3, 1e3]);
        free
    };
    let j_per_k = file.cell.mass_kg * file.cell.heat_capacity_j_per_kg_k;
    let outward_s = if heats { j_per_k / file.cell.heat_transfer_w_per_k.unwrap() } else { 1e-9 };
    let inward_s = if heats { 0.1 } else { 1e-9 };
    let thermal = ThermalPath::from_time_constants(j_per_k, 0.01, inward_s, outward_s);
    let pack = PackModel::uniform(Arc::new(cell), Layout { series: 1, parallel: 1 }, thermal);
    let mut state = PackState::new(&pack, 1.0, ambient_c);
    let mut stream = Seed(3).stream("calibration", "noise", steps.len() as u64);
    let mut record = Record {
        name: format!("{ambient_c} °C"),
        t_s: vec![0.0],
        current_a: vec![0.0],
        voltage_v: vec![state.voltage_v],
        temperature_c: vec![ambient_c],
        discharged_ah: vec![0.0],
        ambient_c,
        temperature_measured: heats,
        initial_soc: Some(1.0),
    };
    let mut t_s = 0.0;
    let ambient = Ambient::constant(ambient_c);
    for (current_a, seconds) in steps {
        let duty = match *current_a {
            0.0 => Duty::Rest,
            a => Duty::Current { current_a: a, until_soc: if a > 0.0 { 0.0 } else { 1.0 } },
        };
        let dt_s = if *current_a == 0.0 { 10.0 } else { 1.0 };
        for _ in 0..(seconds / dt_s).round() as usize {
            let done =
                pass(&pack, &mut state, duty, &ambient, (Time(0), dt_s), Stepping::at_most(1.0), |_, _| {});
            assert!(done.ended.is_none(), "{done:?}");
            t_s += dt_s;
            // Approximately normal: the sum of twelve even draws.
            let noise: f64 = (0..12).map(|_| stream.random_range(-0.5..0.5)).sum();
            record.t_s.push(t_s);
            record.current_a.push(*current_a);
            record.voltage_v.push(state.voltage_v + noise_v * noise);
            record.temperature_c.push(state.temperatures.cell_c);
            record.discharged_ah.push(state.ledger.discharged_ah - state.ledger.charged_ah);
        }
    }
    record
}

/// Pulses both ways with rests, ten times down to a tenth.
fn pulses(rated_ah: f64) -> Vec<(f64, f64)> {
    let one = [
        (rated_ah, 20.0),
        (0.0, 60.0),
        (-0.5 * rated_ah, 20.0),
        (0.0, 60.0),
        (0.5 * rated_ah, 620.0),
        (0.0, 1800.0),
    ];
    (0..10).flat_map(|_| one).collect()
}

fn plan() -> circuit::Plan {
    circuit::Plan {
        soc: SOC.to_vec(),
        temperature_c: TEMPERATURES_C.to_vec(),
        knee: false,
        refine_ocv: false,
        tau2: true,
        tau1_s: (2.0, 100.0),
        tau2_s: (200.0, 20_000.0),
        starts: 1,
        samples_max: 5000,
        seed: 1,
    }
}

/// The truth with a circuit that is wrong by half.
fn wrong() -> ChemistryFile {
    let mut file = truth();
    let circuit = &mut file.circuit;
    for surface in [&mut circuit.r0_ohm, &mut circuit.r1_ohm, &mut circuit.r2_ohm] {
        surface.rows.iter_mut().flatten().for_each(|ohm| *ohm *= 1.5);
    }
    (circuit.tau1_s, circuit.tau2_s) = (20.0, 400.0);
    file
}

fn of(surface: &SurfaceFile) -> Vec<f64> {
    surface.rows.iter().flatten().copied().collect()
}

#[test]
fn a_known_circuit_is_recovered_within_its_intervals() {
    let truth = truth();
    let steps = pulses(truth.cell.capacity_ah);
    let records: Vec<Record> =
        TEMPERATURES_C.iter().map(|t| measured(&truth, *t, &steps, false, 1e-3)).collect();
    let fit = circuit::fit(&wrong(), &records, &plan(), |_, _, _| {});
    println!("rms {:.2} mV after {} iterations", 1e3 * fit.rms_v, fit.iterations);
    assert!((0.8e-3..1.3e-3).contains(&fit.rms_v), "{}", fit.rms_v);
    let circuit = &truth.circuit;
    let mut known = [of(&circuit.r0_ohm), of(&circuit.r1_ohm), of(&circuit.r2_ohm)].concat();
    known.extend([circuit.tau1_s, circuit.tau2_s]);
    let energies = |figure: &&twin::battery::fit::Figure| !figure.name.contains("energy");
    let figures: Vec<_> = fit.figures.iter().filter(energies).collect();
    assert_eq!(figures.len(), known.len());
    let (mut inside, mut told) = (0, 0);
    for (figure, truth) in figures.iter().zip(&known) {
        let Some((low, high)) = figure.interval else { continue };
        told += 1;
        println!("{}: {:.4} in {low:.4} to {high:.4}, truth {truth}", figure.name, figure.value);
        // Three quarters of a hundredth for what tables and rounding of steps do.
        let slack = 0.0075 * truth;
        inside += usize::from((low - slack..=high + slack).contains(truth));
        assert!((figure.value / truth - 1.0).abs() < 0.25, "{figure:?} against {truth}");
    }
    assert!(told >= 18, "only {told} figures have an interval");
    assert!(inside + 2 >= told, "only {inside} of {told} intervals hold the truth");
}

#[test]
fn a_knee_is_recovered() {
    let mut truth = truth();
    truth.circuit.knee = Some(KneeFile { voltage_v: 0.08, ohmic_ohm: 0.01 });
    let ah = truth.cell.capacity_ah;
    let ladder: Vec<(f64, f64)> = (0..8)
        .flat_map(|_| [0.3, 1.0, 2.0, 4.0].into_iter().flat_map(|c| [(c * ah, 10.0), (0.0, 600.0)]))
        .chain([(0.5 * ah, 1500.0), (0.0, 1800.0)])
        .collect();
    let records: Vec<Record> =
        TEMPERATURES_C.iter().map(|t| measured(&truth, *t, &ladder, false, 5e-4)).collect();
    let mut base = wrong();
    base.circuit.knee = None;
    let fit = circuit::fit(&base, &records, &circuit::Plan { knee: true, ..plan() }, |_, _, _| {});
    let knee = fit.chemistry.circuit.knee.unwrap();
    println!("{knee:?}, rms {:.2} mV", 1e3 * fit.rms_v);
    assert!((knee.voltage_v / 0.08 - 1.0).abs() < 0.3, "{knee:?}");
    assert!((knee.ohmic_ohm / 0.01 - 1.0).abs() < 0.5, "{knee:?}");
    let straight = circuit::fit(&base, &records, &plan(), |_, _, _| {});
    assert!(straight.rms_v > 3.0 * fit.rms_v, "{} and {}", straight.rms_v, fit.rms_v);
}

#[test]
fn pulses_without_a_rest_do_not_tell_the_slow_pair() {
    let truth = truth();
    let ah = truth.cell.capacity_ah;
    let short: Vec<(f64, f64)> = (0..5).flat_map(|_| [(ah, 10.0), (0.0, 20.0)]).collect();
    let record = measured(&truth, 25.0, &short, false, 1e-3);
    let missing = survey(&[record], ah).circuit(9.0, 700.0).unwrap_err();
    assert_eq!(missing.len(), 1);
    let told = missing[0].to_string();
    assert!(told.starts_with("r2 and tau2 cannot be determined: no rest after a load lasts 700 s"), "{told}");
    assert!(told.contains("the longest is 20 s") && told.contains("--keep tau2"), "{told}");

    let steady = measured(&truth, 25.0, &[(0.2 * ah, 600.0)], false, 1e-3);
    let late = Record {
        t_s: steady.t_s.iter().step_by(60).copied().collect(),
        current_a: vec![0.2 * ah; steady.t_s.iter().step_by(60).count()],
        voltage_v: steady.voltage_v.iter().step_by(60).copied().collect(),
        temperature_c: steady.temperature_c.iter().step_by(60).copied().collect(),
        discharged_ah: steady.discharged_ah.iter().step_by(60).copied().collect(),
        ..steady
    };
    let missing = survey(&[late], ah).circuit(9.0, 700.0).unwrap_err();
    let told: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("no step of current") && told[1].contains("60 s apart"), "{told:?}");
}

#[test]
fn slow_branches_give_voltage_and_hysteresis_back() {
    let mut truth = truth();
    truth.hysteresis.half_gap_v = vec![0.012; truth.hysteresis.soc.len()];
    let ah = truth.cell.capacity_ah;
    let slow =
        measured(&truth, 25.0, &[(ah / 20.0, 71_900.0), (0.0, 7200.0), (-ah / 20.0, 71_000.0)], false, 0.0);
    let mut base = truth.clone();
    base.ocv = CurveFile { soc: vec![0.0, 1.0], value: vec![2.5, 4.2], source: String::new() };
    base.hysteresis.half_gap_v = vec![0.0; base.hysteresis.soc.len()];
    let found = ocv::fit(&base, &[slow]).unwrap();
    assert!((found.chemistry.cell.capacity_ah / ah - 1.0).abs() < 3e-3);
    let at = |curve: &CurveFile, s: f64| twin::battery::circuit::interpolate(&curve.soc, &curve.value, s);
    for k in 2..=19 {
        let soc = f64::from(k) * 0.05;
        let gap = at(&found.chemistry.ocv, soc) - at(&truth.ocv, soc);
        // The curve is linear between its nodes.
        assert!(gap.abs() < 0.009, "{:.1} mV at {soc}", 1e3 * gap);
    }
    let hysteresis = &found.chemistry.hysteresis;
    let middle = twin::battery::circuit::interpolate(&hysteresis.soc, &hysteresis.half_gap_v, 0.5);
    assert!((middle - 0.012).abs() < 0.003, "{middle}");
    let fast = measured(&truth, 25.0, &[(ah, 600.0)], false, 0.0);
    let refused = ocv::fit(&base, &[fast]).unwrap_err().to_string();
    assert!(refused.contains("no discharge of at most 0.12C"), "{refused}");
}

#[test]
fn the_way_of_heat_is_recovered() {
    let truth = truth();
    let ah = truth.cell.capacity_ah;
    let steps = [(1.5 * ah, 1800.0), (0.0, 3600.0)];
    let record = measured(&truth, 25.0, &steps, true, 0.0);
    let mut base = truth.clone();
    base.cell.heat_transfer_w_per_k = None;
    base.cell.heat_capacity_j_per_kg_k *= 0.8;
    let (found, figures) = heat::fit(&base, std::slice::from_ref(&record)).unwrap();
    println!("{figures:?}");
    assert!((found.cell.heat_transfer_w_per_k.unwrap() / 0.1 - 1.0).abs() < 0.05);
    let heat_capacity = found.cell.heat_capacity_j_per_kg_k / truth.cell.heat_capacity_j_per_kg_k;
    assert!((heat_capacity - 1.0).abs() < 0.05, "{heat_capacity}");
    let cool = Record { temperature_measured: false, ..record };
    assert!(matches!(heat::fit(&base, &[cool]), Err(Missing::Data { .. })));
}

#[test]
fn rates_of_ageing_are_recovered_and_short_histories_refused() {
    let base = library::find("nmc811-grsi-lg-m50-5ah").unwrap();
    let points = |cycles: usize| -> Vec<Point> {
        (0..=cycles)
            .map(|k| Point {
                cycle: k as f64 * 10.0,
                t_days: k as f64 * 2.5,
                capacity_ah: 5.0,
                temperature_c: 25.0,
                depth: 1.0,
                c_rate: 0.7,
            })
            .collect()
    };
    let mut aged = base.clone();
    for state in &mut aged.life.state {
        use twin::battery::chemistry::{AxisFile, LawFile};
        if state.axis == AxisFile::Efc {
            match &mut state.law {
                LawFile::Power { rate, .. } | LawFile::Integral { rate } => rate.push("2.5".into()),
                LawFile::PowerB { rate, exponent } => rate.push(format!("{}", 2.5f64.powf(1.0 / *exponent))),
                LawFile::Sigmoid { rate, .. } => *rate = format!("({rate})*2.5"),
            }
        }
    }
    let mut history = History { name: "cell".into(), points: points(60) };
    let made = life::foreseen(&aged, &history, 5.0);
    history.points.iter_mut().zip(&made).for_each(|(point, ah)| point.capacity_ah = *ah);
    assert!(made[60] < 4.9, "{made:?}");
    let found = life::fit(&base, &[history.clone()]).unwrap();
    println!("{:?} {:?} rms {:e}", found.figures, found.notes, found.rms);
    let again = life::foreseen(&found.chemistry, &history, made[0]);
    for (a, b) in again.iter().zip(&made) {
        assert!((a / b - 1.0).abs() < 2e-3, "{a} against {b}");
    }
    assert!(found.notes.iter().any(|note| note.contains("one temperature only")), "{:?}", found.notes);
    history.points.truncate(3);
    let refused = life::fit(&base, &[history]).unwrap_err().to_string();
    assert!(refused.contains("3 measurements of capacity, and 5 are needed"), "{refused}");
}
