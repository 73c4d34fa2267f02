#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test tells what it measured, and fails where it stands"
)]
//! The published life models against reference curves from their own package.
//!
//! The folder with the curves is told by `CELLTIDE_VALIDATION`; its files are outputs of BLAST-Lite 1.1.1 and are
//! not part of this repository. Where they are missing by accident, in continuous integration, that is a failure.

use std::fs;
use std::path::{Path, PathBuf};
use twin::battery::chemistry::ChemistryFile;
use twin::battery::circuit::interpolate;
use twin::battery::daily::{Daily, Sample};
use twin::battery::library;
use twin::battery::life::LifeModel;

/// Largest difference in relative capacity and relative resistance that passes.
const TOLERANCE: f64 = 1e-6;
/// Largest difference in full equivalent cycles that passes: the reference states four decimals.
const TOLERANCE_EFC: f64 = 6e-5;
const PROFILES: [&str; 3] = ["o1_daily_deep_25C", "o2_daily_deep_seasonal", "o3_standby_float_30C"];
const MODELS: usize = 14;
const SAMPLES_PER_DAY: usize = 24;
const DAYS_PER_YEAR: usize = 365;

/// One row of a reference curve; NaN where the package itself failed.
struct Row {
    model: String,
    day: usize,
    efc: f64,
    capacity: f64,
    resistance: Option<f64>,
}

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

fn profile(folder: &Path, name: &str) -> Vec<Sample> {
    let number = |text: &str| text.parse().unwrap();
    lines(&folder.join(format!("profile_{name}.csv")))
        .iter()
        .map(|c| Sample { t_s: number(&c[0]), soc: number(&c[1]), temperature_c: number(&c[2]) })
        .collect()
}

fn reference(folder: &Path, name: &str) -> Vec<Row> {
    let number = |text: &str| text.parse::<f64>().unwrap();
    lines(&folder.join(format!("blast_{name}.csv")))
        .iter()
        .map(|c| Row {
            model: c[0].clone(),
            day: number(&c[1]).round() as usize,
            efc: number(&c[2]),
            capacity: number(&c[3]),
            resistance: (!c[4].is_empty()).then(|| number(&c[4])),
        })
        .collect()
}

fn chemistry(published_as: &str) -> ChemistryFile {
    library::find(published_as).unwrap_or_else(|| panic!("no chemistry is published as {published_as}"))
}

/// Largest differences of a model from its reference: capacity, resistance, cycles.
fn largest_differences(samples: &[Sample], rows: &[&Row], days: usize) -> [f64; 3] {
    let file = chemistry(&rows[0].model);
    let model = LifeModel::compile(&file.life).unwrap();
    let mut daily = Daily::new(&model, |soc| interpolate(&file.ocv.soc, &file.ocv.value, soc));
    let mut worst = [0.0f64; 3];
    let mut rows = rows.iter().peekable();
    let mut before = f64::INFINITY;
    for day in 0..=days {
        while let Some(row) = rows.next_if(|row| row.day == day) {
            let (capacity, resistance) = (daily.capacity(), daily.resistance());
            if row.capacity.is_nan() {
                assert!(capacity.is_finite(), "{} on day {day}", row.model);
                assert!(capacity <= before, "{} rises on day {day}", row.model);
            } else {
                worst[0] = worst[0].max((capacity - row.capacity).abs());
                worst[2] = worst[2].max((daily.efc() - row.efc).abs());
                if let Some(expected) = row.resistance.filter(|r| r.is_finite()) {
                    worst[1] = worst[1].max((resistance.expect("published") - expected).abs());
                }
            }
            before = capacity;
        }
        let start = (day % DAYS_PER_YEAR) * SAMPLES_PER_DAY;
        daily.advance(&samples[start..=start + SAMPLES_PER_DAY]);
    }
    assert!(rows.peek().is_none(), "{}: rows beyond the end", file.name);
    worst
}

#[test]
fn every_published_model_follows_its_package_for_twenty_years() {
    let Some(folder) = folder() else { return };
    let mut failures = Vec::new();
    for name in PROFILES {
        let samples = profile(&folder, name);
        let rows = reference(&folder, name);
        let mut models: Vec<&str> = rows.iter().map(|row| row.model.as_str()).collect();
        models.dedup();
        assert_eq!(models.len(), MODELS, "{models:?}");
        for model in models {
            let rows: Vec<&Row> = rows.iter().filter(|row| row.model == model).collect();
            let worst = largest_differences(&samples, &rows, 20 * DAYS_PER_YEAR);
            println!("{name} {model}: q {:.1e}, r {:.1e}, efc {:.1e}", worst[0], worst[1], worst[2]);
            if worst.iter().zip([TOLERANCE, TOLERANCE, TOLERANCE_EFC]).any(|(found, most)| *found > most) {
                failures.push(format!("{name} {model}: {worst:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
