//! Defaults of the sea against surveys and drifters. `CELLTIDE_DATASETS` names the folder of the data; without it the
//! tests say that they were skipped.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which say what they measured"
)]

use flate2::read::GzDecoder;
use std::fs::File;
use std::path::PathBuf;
use twin::geo::Position;
use twin::plastic::ground::{Currents, LUNAR_TIDE_H, sea};

fn rows(path: &str) -> Option<Vec<csv::StringRecord>> {
    let Some(folder) = std::env::var_os("CELLTIDE_DATASETS") else {
        println!("skipped: CELLTIDE_DATASETS is not set");
        return None;
    };
    let path = PathBuf::from(folder).join(path);
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(&path).unwrap()));
    Some(reader.records().map(|row| row.unwrap()).collect())
}

fn number(row: &csv::StringRecord, column: usize) -> Option<f64> {
    row.get(column)?.parse().ok().filter(|value: &f64| value.is_finite())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sd_ln(values: &[f64]) -> f64 {
    let logs: Vec<f64> = values.iter().filter(|v| **v > 0.0).map(|v| v.ln()).collect();
    let centre = mean(&logs);
    (logs.iter().map(|l| (l - centre).powi(2)).sum::<f64>() / logs.len() as f64).sqrt()
}

#[test]
fn the_patch_is_as_dense_and_as_patchy_as_the_survey_found() {
    let Some(rows) = rows("gpgp_lebreton2018/concentration_by_station.csv.gz") else { return };
    let class = |name: &str| -> Vec<f64> {
        rows.iter()
            .filter(|row| row[0].starts_with(name))
            .filter_map(|row| number(row, 6))
            .map(|g| g * 1e-3)
            .collect()
    };
    let (small, large) = (class("Macroplastics"), class("Megaplastics"));
    let found = mean(&small) + mean(&large);
    let scatter = (sd_ln(&small), sd_ln(&large));
    println!("{found:.1} kg/km², scatter {scatter:?} of {} and {} stations", small.len(), large.len());
    let default = sea("great_pacific_garbage_patch").unwrap();
    assert!((default.density_kg_per_km2 / found - 1.0).abs() < 0.02);
    assert!(scatter.0 < default.scatter_ln && default.scatter_ln < scatter.1);
}

#[test]
fn tows_are_as_long_as_great_circles_between_their_ends() {
    let Some(rows) = rows("gpgp_lebreton2018/vessel_stations.csv.gz") else { return };
    let (mut ratios, mut speeds) = (Vec::new(), Vec::new());
    for row in &rows {
        let all: Option<Vec<f64>> = (9..=13).map(|column| number(row, column)).collect();
        if let Some(speed) = number(row, 19) {
            speeds.push(speed);
        }
        let Some([a, b, c, d, km]) = all.and_then(|all| <[f64; 5]>::try_from(all).ok()) else { continue };
        let (Ok(from), Ok(to)) = (Position::new(a, b), Position::new(c, d)) else { continue };
        ratios.push(from.distance_km(to) / km);
    }
    ratios.sort_by(f64::total_cmp);
    speeds.sort_by(f64::total_cmp);
    let (ratio, speed) = (ratios[ratios.len() / 2], speeds[speeds.len() / 2]);
    println!("median ratio {ratio:.4} of {} tows, median speed {speed:.2} kn", ratios.len());
    assert!((ratio - 1.0).abs() < 0.01 && (2.5..3.2).contains(&speed));
}

#[test]
fn the_default_scatter_lies_among_the_trawls_of_the_seas() {
    let Some(rows) = rows("ocean_plastic_trawls/surface_trawls.csv.gz") else { return };
    let within = |south: f64, north: f64, west: f64, east: f64| -> Vec<f64> {
        let here = |row: &&csv::StringRecord| {
            number(row, 3)
                .zip(number(row, 4))
                .is_some_and(|(lat, lon)| (south..=north).contains(&lat) && (west..=east).contains(&lon))
        };
        rows.iter().filter(here).filter_map(|row| number(row, 6)).map(|g| g * 1e-3).collect()
    };
    let sea_of = within(30.0, 46.0, -6.0, 36.0);
    println!(
        "Mediterranean: {:.2} kg/km², scatter {:.2}, {} trawls",
        mean(&sea_of),
        sd_ln(&sea_of),
        sea_of.len()
    );
    let default = sea("mediterranean").unwrap();
    assert!((default.scatter_ln - sd_ln(&sea_of)).abs() < 0.2);
    // Trawls catch little above some centimetres; the default counts all that floats.
    assert!(mean(&sea_of) < default.density_kg_per_km2 && mean(&sea_of) > 0.1 * default.density_kg_per_km2);
    let south_pacific = within(-40.0, -20.0, -120.0, -80.0);
    assert!((sea("open_ocean").unwrap().scatter_ln - sd_ln(&south_pacific)).abs() < 0.2);
}

/// Speed and memory of a drifter, against those of the default currents.
#[test]
fn currents_move_as_a_drifter_did() {
    let Some(rows) = rows("surface_drifters/barents_drifter_1.csv.gz") else { return };
    let time_s = |text: &str| -> f64 {
        let part = |range: std::ops::Range<usize>| text[range].parse::<f64>().unwrap();
        // October and November only.
        let day = part(8..10) + if &text[5..7] == "11" { 31.0 } else { 0.0 };
        day * 86_400.0 + part(11..13) * 3600.0 + part(14..16) * 60.0 + part(17..19)
    };
    let fixes: Vec<(f64, Position)> = rows
        .iter()
        .map(|row| {
            (time_s(&row[1]), Position::new(number(row, 2).unwrap(), number(row, 3).unwrap()).unwrap())
        })
        .collect();
    let velocities: Vec<(f64, f64)> = fixes
        .windows(2)
        .filter(|pair| (600.0..7200.0).contains(&(pair[1].0 - pair[0].0)))
        .map(|pair| {
            let speed = pair[0].1.distance_km(pair[1].1) * 1e3 / (pair[1].0 - pair[0].0);
            let course = pair[0].1.bearing_deg(pair[1].1).to_radians();
            (speed * course.sin(), speed * course.cos())
        })
        .collect();
    let n = velocities.len() as f64;
    let centre =
        (velocities.iter().map(|v| v.0).sum::<f64>() / n, velocities.iter().map(|v| v.1).sum::<f64>() / n);
    let moved: Vec<(f64, f64)> = velocities.iter().map(|v| (v.0 - centre.0, v.1 - centre.1)).collect();
    let power = moved.iter().map(|v| v.0 * v.0 + v.1 * v.1).sum::<f64>() / n;
    let follows = |lag: usize| {
        let pairs = moved.iter().zip(&moved[lag..]);
        pairs.map(|(a, b)| a.0 * b.0 + a.1 * b.1).sum::<f64>() / (n - lag as f64) / power
    };
    let rms = (power / 2.0).sqrt();
    let currents = Currents::default();
    let tide = 0.5 * currents.tide_m_s.powi(2);
    let model_rms = (tide + currents.weather_m_s.powi(2)).sqrt();
    let model = |hours: f64| {
        let weather = currents.weather_m_s.powi(2) * (-hours / currents.memory_h).exp();
        (tide * (std::f64::consts::TAU * hours / LUNAR_TIDE_H).cos() + weather) / (model_rms * model_rms)
    };
    println!(
        "{rms:.3} m/s ({model_rms:.3}); after 6, 12, 24 h: {:.2} {:.2} {:.2} ({:.2} {:.2} {:.2})",
        follows(12),
        follows(24),
        follows(48),
        model(6.0),
        model(12.0),
        model(24.0)
    );
    assert!((model_rms / rms - 1.0).abs() < 0.05);
    assert!((follows(12) - model(6.0)).abs() < 0.15 && (follows(24) - model(12.0)).abs() < 0.15);
}
