//! `celltide cell life --driver daily` against reference curves of the package that the life models come from. The
//! curves are not part of the project: `CELLTIDE_VALIDATION` names the folder that has them. Without it the test
//! says that it was skipped, and on CI it fails.

#![allow(clippy::print_stdout, reason = "says that it was skipped")]

mod support;

use std::path::PathBuf;
use support::{Place, columns};

const PROFILE: &str = "o2_daily_deep_seasonal";
/// Columns and the largest differences that pass; the package prints four decimals of cycles.
const TOLERANCES: [(&str, f64); 4] = [("t_days", 1e-6), ("efc", 6e-5), ("q_rel", 1e-6), ("r_rel", 1e-6)];

#[test]
fn the_daily_driver_prints_the_published_curves() {
    let Some(folder) = std::env::var_os("CELLTIDE_VALIDATION").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "on CI, CELLTIDE_VALIDATION has to be set");
        println!("skipped: CELLTIDE_VALIDATION is not set");
        return;
    };
    assert!(folder.is_dir(), "CELLTIDE_VALIDATION names {}, which is no folder", folder.display());
    let reference = columns(&std::fs::read_to_string(folder.join(format!("blast_{PROFILE}.csv"))).unwrap());
    let profile = folder.join(format!("profile_{PROFILE}.csv")).display().to_string();
    let mut models = reference["model"].clone();
    models.dedup();
    assert_eq!(models.len(), 14);
    let place = Place::new();
    for model in models {
        let args = [
            "cell",
            "life",
            "--chemistry",
            &model,
            "--profile",
            &profile,
            "--years",
            "20",
            "--driver",
            "daily",
        ];
        let printed = columns(&place.good(&args).stdout);
        let rows: Vec<usize> =
            (0..reference["model"].len()).filter(|row| reference["model"][*row] == model).collect();
        assert_eq!(printed["t_days"].len(), rows.len(), "{model}");
        for (name, tolerance) in TOLERANCES {
            for (printed, row) in printed[name].iter().zip(&rows) {
                let expected = &reference[name][*row];
                // A blank says that the model has none, `nan` that the package failed.
                assert_eq!(printed.is_empty(), expected.is_empty(), "{model} {name}");
                let Ok(expected) = expected.parse::<f64>() else { continue };
                let failed = reference["q_rel"][*row] == "nan" || expected.is_nan();
                if !failed {
                    let found: f64 = printed.parse().unwrap();
                    assert!(
                        (found - expected).abs() < tolerance,
                        "{model} {name}: {found} against {expected}"
                    );
                }
            }
        }
    }
}
