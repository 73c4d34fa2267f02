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
use twin::battery::particle::cell::{Drive, Heat};
use twin::battery::particle::dfn::{DfnModel, Options};
use twin::battery::particle::drive::{End, Ended, Model, Run};
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
