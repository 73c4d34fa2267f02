#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test tells what it measured, and fails where it stands"
)]
//! The full model (DFN) against reference curves from the package that published the parameter sets, and against
//! itself: conservation, refinement, and ends that are no failures.
//!
//! The folder with the curves is told by `CELLTIDE_VALIDATION`; its files are outputs of PyBaMM 26.10 and are not
//! part of this repository. Where they are missing by accident, in continuous integration, that is a failure.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use twin::battery::particle::balance::Balance;
use twin::battery::particle::cell::{self, CellFault, CellModel, Drive, Heat, Kind};
use twin::battery::particle::dfn::mesh::Resolution;
use twin::battery::particle::dfn::{DfnModel, Options};
use twin::battery::particle::drive::{End, Ended, Model, Run, Tolerance};
use twin::battery::particle::set::{self, ParticleSet};

/// Voltages follow the reference within this, root mean square [V].
const ALLOWED_V: f64 = 5e-3;

fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CELLTIDE_VALIDATION").map(PathBuf::from) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CELLTIDE_VALIDATION must be set in continuous integration"
        );
        println!("skipped: CELLTIDE_VALIDATION is not set");
        return None;
    };
    assert!(folder.is_dir(), "CELLTIDE_VALIDATION is {} and that is no folder", folder.display());
    Some(folder)
}

fn lines(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// A reference curve.
struct Case {
    set: String,
    thermal: String,
    c_rate: f64,
    /// Time [s], voltage [V], temperature [°C].
    points: Vec<(f64, f64, Option<f64>)>,
}

/// The curves of the full model.
fn cases(path: &Path) -> BTreeMap<String, Case> {
    let mut cases = BTreeMap::new();
    for line in lines(path).into_iter().filter(|line| line[2] == "DFN") {
        let case = cases.entry(line[0].clone()).or_insert_with(|| Case {
            set: line[1].clone(),
            thermal: line[3].clone(),
            c_rate: line[4].parse().unwrap_or(0.0),
            points: Vec::new(),
        });
        let number = |k: usize| line[k].parse::<f64>();
        case.points.push((number(5).unwrap(), number(7).unwrap(), number(8).ok()));
    }
    cases
}

fn model(name: &str, options: Options) -> DfnModel {
    DfnModel::new(ParticleSet::of(set::find(name).unwrap()).unwrap(), options).unwrap()
}

fn of_case(case: &Case) -> (DfnModel, f64) {
    let heat = if case.thermal.starts_with("iso") { Heat::Isothermal } else { Heat::Lumped };
    let model = model(&case.set, Options { heat, ..Options::default() });
    let ambient_c = match case.thermal.trim_start_matches(char::is_alphabetic) {
        "10" => 10.0,
        "40" => 40.0,
        _ if case.thermal == "lump25" => 25.0,
        _ => model.set.file.cell.ambient_c,
    };
    (model, ambient_c)
}

/// Root mean square of voltage differences [V], and the largest difference in temperature [K].
fn differences(found: &[(f64, f64, f64)], case: &Case) -> (f64, f64) {
    let mut sum = 0.0;
    let mut kelvin = 0.0f64;
    for ((_, voltage_v, temperature_c), point) in found.iter().zip(&case.points) {
        sum += (voltage_v - point.1).powi(2);
        kelvin = kelvin.max(point.2.map_or(0.0, |t| (t - temperature_c).abs()));
    }
    ((sum / found.len() as f64).sqrt(), kelvin)
}

fn steady(now_a: f64) -> Drive {
    Drive::Current { now_a, slope_a_per_s: 0.0 }
}

#[test]
fn discharges_follow_the_reference() {
    let Some(folder) = folder() else { return };
    let cases = cases(&folder.join("pybamm_discharge.csv"));
    let ends: BTreeMap<String, (f64, f64)> = lines(&folder.join("pybamm_discharge_summary.csv"))
        .iter()
        .map(|line| (line[0].clone(), (line[2].parse().unwrap(), line[3].parse().unwrap())))
        .collect();
    let mut failures = Vec::new();
    for (name, case) in &cases {
        let (model, ambient_c) = of_case(case);
        let mut run = Run::new(&model, model.as_published(ambient_c), ambient_c).unwrap();
        run.begin(steady(case.c_rate * model.set.file.cell.capacity_ah)).unwrap();
        let mut found = Vec::new();
        let mut warmest_c = ambient_c;
        // The last point is the end itself.
        for point in &case.points[..case.points.len() - 1] {
            let over = run.go(point.0, &[], |_, _| {}).unwrap();
            assert_eq!(over, None, "{name}");
            warmest_c = warmest_c.max(run.clock().temperature_k - 273.15);
            found.push((point.0, run.seen.voltage_v, run.clock().temperature_k - 273.15));
        }
        let over = run.go(1e6, &[End::VoltageBelow(model.set.file.cell.voltage_min_v)], |_, _| {}).unwrap();
        assert_eq!(over, Some(Ended::At(0)), "{name}");
        warmest_c = warmest_c.max(run.clock().temperature_k - 273.15);
        let (rms_v, kelvin) = differences(&found, case);
        let (ah, hottest_c) = ends[name];
        let capacity = run.clock().discharged_c / 3600.0 / ah - 1.0;
        println!(
            "{name}: {:.4} mV, {kelvin:.4} K, capacity {:+.5} %, peak {:+.4} K, steps {:?}",
            rms_v * 1e3,
            capacity * 100.0,
            warmest_c - hottest_c,
            run.steps
        );
        let is_warm = model.options.heat == Heat::Lumped;
        if rms_v > ALLOWED_V
            || capacity.abs() > 2e-3
            || (is_warm && ((warmest_c - hottest_c).abs() > 0.3 || kelvin > 0.3))
        {
            failures.push(name.clone());
        }
    }
    assert!(cases.len() >= 18, "{}", cases.len());
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn a_drive_cycle_follows_the_reference() {
    let Some(folder) = folder() else { return };
    let current: Vec<(f64, f64)> = lines(&folder.join("pybamm_dynamic_current.csv"))
        .iter()
        .map(|line| (line[0].parse().unwrap(), line[1].parse().unwrap()))
        .collect();
    let mut failures = Vec::new();
    let cases = cases(&folder.join("pybamm_dynamic.csv"));
    for (name, case) in &cases {
        let (model, ambient_c) = of_case(case);
        let start = model.at_rest(Balance::of_new(&model.set).at(0.6), ambient_c);
        let mut run = Run::new(&model, start, ambient_c).unwrap();
        let rated_a = model.set.file.cell.capacity_ah;
        let mut found = Vec::new();
        let mut next = case.points.iter().peekable();
        for pair in current.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let slope_a_per_s = (to.1 - from.1) / (to.0 - from.0) * rated_a;
            run.begin(Drive::Current { now_a: from.1 * rated_a, slope_a_per_s }).unwrap();
            while let Some(point) = next.next_if(|point| point.0 <= to.0 + 1e-9) {
                assert_eq!(run.go(point.0, &[], |_, _| {}).unwrap(), None, "{name}");
                found.push((point.0, run.seen.voltage_v, run.clock().temperature_k - 273.15));
            }
            assert_eq!(run.go(to.0, &[], |_, _| {}).unwrap(), None, "{name}");
        }
        assert_eq!(found.len(), case.points.len());
        let (rms_v, kelvin) = differences(&found, case);
        println!("{name}: {:.4} mV, {kelvin:.4} K, steps {:?}", rms_v * 1e3, run.steps);
        if rms_v > ALLOWED_V || kelvin > 0.3 {
            failures.push(name.clone());
        }
    }
    assert!(cases.len() >= 4, "{}", cases.len());
    assert!(failures.is_empty(), "{failures:?}");
}

/// A cycle with every kind of load; what of its ends was reached.
fn every_load(run: &mut Run<DfnModel>) {
    let rated_a = run.model().set.file.cell.capacity_ah;
    let limits = run.model().set.file.cell.clone();
    let loads = [
        (steady(rated_a), vec![End::VoltageBelow(limits.voltage_min_v)], 1e5),
        (steady(0.0), vec![], 600.0),
        (steady(-rated_a), vec![End::VoltageAbove(limits.voltage_max_v)], 1e5),
        (Drive::Voltage(limits.voltage_max_v), vec![End::CurrentBelow(rated_a / 20.0)], 1e5),
        (Drive::Current { now_a: 0.0, slope_a_per_s: rated_a / 300.0 }, vec![], 450.0),
        (Drive::Power(2.0 * rated_a), vec![], 900.0),
    ];
    for (drive, ends, for_s) in loads {
        run.begin(drive).unwrap();
        let until_s = run.clock().t_s + for_s;
        let over = run.go(until_s, &ends, |_, seen| {
            assert!(seen.voltage_v.is_finite() && seen.heat_w.is_finite(), "{drive:?}: {seen:?}");
            match drive {
                Drive::Current { .. } => {}
                Drive::Voltage(voltage_v) => assert!((seen.voltage_v - voltage_v).abs() < 1e-6, "{seen:?}"),
                Drive::Power(power_w) => {
                    assert!((seen.voltage_v * seen.current_a - power_w).abs() < 1e-5 * power_w, "{seen:?}");
                }
            }
        });
        let expected = if ends.is_empty() { None } else { Some(Ended::At(0)) };
        assert_eq!(over.unwrap(), expected, "{drive:?}");
    }
}

#[test]
fn lithium_salt_and_charge_are_conserved() {
    for (name, heat) in [
        ("Chen2020", Heat::Lumped),
        ("OKane2022", Heat::Isothermal),
        ("Prada2013", Heat::Lumped),
        ("Mohtat2020", Heat::Isothermal),
    ] {
        let model = model(name, Options { heat, ..Options::default() });
        let start = model.at_rest(Balance::of_new(&model.set).at(0.9), 20.0);
        let (lithium, salt) = (model.lithium_mol(&start), model.salt_mol(&start));
        let negative_ah = model.stoichiometry(&start)
            * model
                .set
                .negative
                .capacity_ah(model.set.file.cell.area_m2, model.set.file.negative.active_fraction);
        let mut run = Run::new(&model, start, 20.0).unwrap();
        for _ in 0..2 {
            every_load(&mut run);
        }
        let off = [model.lithium_mol(&run.state) / lithium - 1.0, model.salt_mol(&run.state) / salt - 1.0];
        // What left the negative electrode is what was counted at the terminals.
        let left_ah = negative_ah
            - model.stoichiometry(&run.state)
                * model
                    .set
                    .negative
                    .capacity_ah(model.set.file.cell.area_m2, model.set.file.negative.active_fraction);
        let charge = (left_ah - run.clock().discharged_c / 3600.0) / negative_ah;
        println!(
            "{name}: lithium {:.1e}, salt {:.1e}, charge {charge:.1e}, steps {:?}",
            off[0], off[1], run.steps
        );
        assert!(off[0].abs() < 1e-9 && off[1].abs() < 1e-9 && charge.abs() < 1e-9, "{name}");
    }
}

/// Voltages [V] during a discharge that is followed by a rest, and the temperature in the end [K].
fn followed(name: &str, options: Options, tolerance: Tolerance) -> (Vec<f64>, f64) {
    let model = model(name, options);
    let mut run = Run::new(&model, model.as_published(25.0), 25.0).unwrap();
    run.tolerance = tolerance;
    let rated_a = model.set.file.cell.capacity_ah;
    run.begin(steady(1.5 * rated_a)).unwrap();
    let mut voltages = Vec::new();
    let mut note = |run: &mut Run<DfnModel>, until_s: f64| {
        assert_eq!(run.go(until_s, &[], |_, _| {}).unwrap(), None);
        voltages.push(run.seen.voltage_v);
    };
    for k in 1..=15 {
        note(&mut run, f64::from(k) * 100.0);
    }
    run.begin(steady(0.0)).unwrap();
    for k in 16..=20 {
        note(&mut run, f64::from(k) * 100.0);
    }
    (voltages, run.clock().temperature_k)
}

const FINE: Tolerance = Tolerance { voltage_v: 1e-7, temperature_k: 1e-5, side: 1e-6 };

fn worst(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn finer_meshes_modes_and_steps_converge() {
    let fine = |elements, degree| Options {
        heat: Heat::Lumped,
        modes: 16,
        resolution: Resolution { elements, degree, separator: 4 },
        ..Options::default()
    };
    let (exact, exact_k) = followed("Chen2020", fine(4, 5), FINE);
    let off = |options, tolerance| worst(&followed("Chen2020", options, tolerance).0, &exact);
    let meshes = [1, 2, 4].map(|elements| off(fine(elements, 3), FINE));
    let modes = [4, 6, 8, 12].map(|modes| off(Options { modes, ..fine(4, 5) }, FINE));
    let tolerances = [1e-3, 1e-4, 1e-5].map(|voltage_v| {
        off(fine(4, 5), Tolerance { voltage_v, temperature_k: 50.0 * voltage_v, side: 1e-3 })
    });
    let usual =
        followed("Chen2020", Options { heat: Heat::Lumped, ..Options::default() }, Tolerance::default());
    println!("meshes {meshes:?}, modes {modes:?}, tolerances {tolerances:?} V");
    println!("usual: {:.4} mV, {:.5} K", 1e3 * worst(&usual.0, &exact), usual.1 - exact_k);
    assert!(meshes.windows(2).all(|pair| pair[1] < 0.3 * pair[0]), "{meshes:?}");
    assert!(modes[1] < 0.5 * modes[0] && modes[3] < 1e-5, "{modes:?}");
    assert!(tolerances[2] < 0.3 * tolerances[0] && tolerances[2] < 5e-5, "{tolerances:?}");
    assert!(worst(&usual.0, &exact) < 5e-4 && (usual.1 - exact_k).abs() < 0.02);
}

/// At rates that leave salt and lithium even, the full model is the single particle model with electrolyte.
#[test]
fn slow_discharges_are_those_of_single_particles() {
    for name in ["Chen2020", "OKane2022", "Prada2013", "Mohtat2020"] {
        let set = ParticleSet::of(set::find(name).unwrap()).unwrap();
        let full = model(name, Options::default());
        let single = CellModel::new(set, cell::Options::new(Kind::Spme)).unwrap();
        let at = Balance::of_new(&full.set).at(0.95);
        let now_a = full.set.file.cell.capacity_ah / 200.0;
        let mut one = Run::new(&full, full.at_rest(at, 25.0), 25.0).unwrap();
        let mut other = Run::new(&single, single.at_rest(at, 25.0), 25.0).unwrap();
        one.begin(steady(now_a)).unwrap();
        other.begin(steady(now_a)).unwrap();
        let mut most = 0.0f64;
        for k in 1..=80 {
            let until_s = 7200.0 * f64::from(k);
            one.go(until_s, &[], |_, _| {}).unwrap();
            other.go(until_s, &[], |_, _| {}).unwrap();
            most = most.max((one.seen.voltage_v - other.seen.voltage_v).abs());
        }
        println!("{name}: {:.4} mV between the models at C/200", most * 1e3);
        assert!(most < 3e-3, "{name}: {most}");
    }
}

#[test]
fn what_cannot_be_ends_as_told_and_nothing_falls_over() {
    let refused = Options { mechanisms: "sei".parse().unwrap(), ..Options::default() };
    let set = || ParticleSet::of(set::find("Chen2020").unwrap()).unwrap();
    assert!(matches!(DfnModel::new(set(), refused), Err(CellFault::Unsupported { .. })));

    for heat in [Heat::Isothermal, Heat::Lumped] {
        let model = model("Chen2020", Options { heat, ..Options::default() });
        let start = || Run::new(&model, model.as_published(25.0), 25.0).unwrap();
        // More power than there is, at once; and power that runs out.
        assert!(matches!(start().begin(Drive::Power(5000.0)), Err(CellFault::Infeasible { .. })));
        let mut run = start();
        run.begin(Drive::Power(60.0)).unwrap();
        let ended = run.go(1e5, &[], |_, seen| assert!(seen.voltage_v.is_finite()));
        println!("60 W: {ended:?} after {:.0} s at {:.3} V", run.clock().t_s, run.seen.voltage_v);
        assert!(matches!(ended, Ok(Some(Ended::Powerless | Ended::Depleted | Ended::Dry))), "{ended:?}");
        // A current without an end, gentle and far too strong: something runs out.
        for c_rate in [0.5, 2.0, 5.0, 10.0, -0.5, -3.0] {
            let mut run = start();
            run.begin(steady(5.0 * c_rate)).unwrap();
            let ended = run.go(1e5, &[], |_, seen| {
                assert!(seen.voltage_v.is_finite() && seen.heat_w.is_finite() && seen.margin.is_finite());
            });
            println!("{c_rate} C {heat:?}: {ended:?} after {:.0} s, {:?}", run.clock().t_s, run.steps);
            assert!(matches!(ended, Ok(Some(Ended::Depleted | Ended::Dry))), "{c_rate}: {ended:?}");
        }
        assert!(matches!(start().begin(steady(f64::NAN)), Err(CellFault::Value { .. })));
    }
}
