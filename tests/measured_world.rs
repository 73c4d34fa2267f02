//! A run driven by measurements: weather, grid carbon, sun and rides of e-scooters. The data are not part of the
//! project: `CELLTIDE_DATASETS` names the folder that has them. Without it the test says that it was skipped, and
//! on CI it fails.

#![expect(clippy::print_stdout, reason = "says what it measured, and that it was skipped")]

mod support;

use std::path::{Path, PathBuf};
use support::{Place, SMALL};

fn datasets() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CELLTIDE_DATASETS").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "on CI, CELLTIDE_DATASETS has to be set");
        println!("skipped: CELLTIDE_DATASETS is not set");
        return None;
    };
    assert!(folder.is_dir(), "CELLTIDE_DATASETS names {}, which is no folder", folder.display());
    Some(folder)
}

fn file(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path.display().to_string()
}

/// The small scenario in Dallas, built in and measured.
fn scenarios(folder: &Path) -> (String, String) {
    let place = SMALL
        .replace("start: 2026-03-01", "start: 2022-07-01")
        .replace("utc_offset_h: 7", "utc_offset_h: -6");
    let built_in =
        place.replace("city: bangkok", "city: dallas").replace("region: TH", "region: US-TEX-ERCO");
    let measured = place
        .replace(
            "city: bangkok",
            &format!("file: {}", file(folder, "weather_hourly/dallas_2021_2023.csv.gz")),
        )
        .replace(
            "    region: TH\n",
            &format!(
                "    file: {}\n  solar:\n    file: {}\n    column: solar_MW_ERCO\n",
                file(folder, "carbon_intensity_hourly/US-TEX-ERCO_2021_2023.csv.gz"),
                file(folder, "solar_pv_fleet_hourly_us2022/pv_jan_sep.csv.gz")
            ),
        )
        .replace(
            "cycle: urban-scooter",
            &format!("file: {}", file(folder, "light_ev_trips/escooter_trips.csv.gz")),
        );
    (built_in, measured)
}

#[test]
fn a_month_of_measured_weather_carbon_sun_and_rides() {
    let Some(folder) = datasets() else { return };
    let (built_in, measured) = scenarios(&folder);
    let place = Place::new();
    place.write("built-in.yaml", built_in);
    place.write("measured.yaml", measured);
    for name in ["built-in", "measured"] {
        place.good(&["run", &format!("{name}.yaml"), "--quiet", "--out", name]);
    }
    let both = |figure: &str| {
        let pair = ["built-in", "measured"].map(|out| place.figure(out, "today", figure));
        println!("{figure}: built in {:.3}, measured {:.3}", pair[0], pair[1]);
        pair
    };
    for figure in [
        "swaps_per_day",
        "grid_energy_kwh",
        "solar_energy_kwh",
        "grid_carbon_kg",
        "soh_mean_pct",
        "waiting_mean_min",
    ] {
        let [built_in, measured] = both(figure);
        assert!(built_in != measured, "{figure} does not depend on the measurements");
    }
    // Carbon per kWh from the grid, of a grid of gas, wind, coal and reactors.
    let [carbon, energy] =
        ["grid_carbon_kg", "grid_energy_kwh"].map(|figure| place.figure("measured", "today", figure));
    assert!((0.3..0.7).contains(&(carbon / energy)), "{}", carbon / energy);
    // Fifteen riders of 70 km a day over thirty days, 10 to 50 Wh a kilometre.
    let [_, delivered] = both("energy_throughput_kwh");
    assert!((15.0 * 70.0 * 30.0 * 0.01..15.0 * 70.0 * 30.0 * 0.05).contains(&delivered), "{delivered}");
    let [_, sun] = both("solar_energy_kwh");
    // Three panels of 0.5 kWp in July give at most some six hours a day of peak power each.
    assert!((20.0..270.0).contains(&sun), "{sun}");
    let page = place.text("measured/report.html");
    for source in [
        "dallas_2021_2023.csv.gz",
        "US-TEX-ERCO_2021_2023.csv.gz",
        "escooter_trips.csv.gz",
        "pv_jan_sep.csv.gz",
    ] {
        assert!(page.contains(source), "the report does not name {source}");
    }
}
