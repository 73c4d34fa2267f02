#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]
//! The exact driver of the life models: what it must not depend on, and how it differs from the daily one.

use std::sync::LazyLock;
use twin::battery::chemistry::ChemistryFile;
use twin::battery::circuit::interpolate;
use twin::battery::daily::{Daily, Sample};
use twin::battery::exact::Exact;
use twin::battery::library;
use twin::battery::life::{Health, LifeModel};
use twin::battery::rate_table::Calendar;

const YEAR_H: u32 = 365 * 24;

struct Cell {
    file: ChemistryFile,
    model: LifeModel,
    calendar: Calendar,
}

static CELLS: LazyLock<Vec<Cell>> = LazyLock::new(|| {
    library::shipped()
        .map(|file| {
            let model = LifeModel::compile(&file.life).unwrap();
            let calendar = Calendar::of(&model, |soc| ocv_v(&file, soc));
            Cell { file, model, calendar }
        })
        .collect()
});

fn ocv_v(file: &ChemistryFile, soc: f64) -> f64 {
    interpolate(&file.ocv.soc, &file.ocv.value, soc)
}

/// A deep cycle a day at 25 °C: down from 9 h in four hours, up again from 18 h in four.
fn deep(hour: f64) -> Sample {
    let of_day = hour % 24.0;
    let soc = 0.9 - 0.175 * (of_day - 9.0).clamp(0.0, 4.0) + 0.175 * (of_day - 18.0).clamp(0.0, 4.0);
    Sample { t_s: hour * 3600.0, soc, temperature_c: 25.0 }
}

/// The same with seasons and days in temperature, 17 ± 10 ± 5 °C.
fn seasonal(hour: f64) -> Sample {
    let turn = std::f64::consts::TAU;
    let temperature_c =
        17.0 - 10.0 * (turn * hour / f64::from(YEAR_H)).cos() - 5.0 * (turn * (hour - 3.0) / 24.0).cos();
    Sample { temperature_c, ..deep(hour) }
}

/// `years` of a profile with `per_hour` samples an hour; both profiles are linear between hours, or nearly.
fn samples(profile: impl Fn(f64) -> Sample, years: u32, per_hour: u32) -> Vec<Sample> {
    (0..=years * YEAR_H * per_hour).map(|k| profile(f64::from(k) / f64::from(per_hour))).collect()
}

fn linear_between_hours(profile: impl Fn(f64) -> Sample) -> impl Fn(f64) -> Sample {
    move |hour| {
        let (a, b, f) = (profile(hour.floor()), profile(hour.floor() + 1.0), hour.fract());
        let between = |x: f64, y: f64| x + (y - x) * f;
        Sample {
            t_s: hour * 3600.0,
            soc: between(a.soc, b.soc),
            temperature_c: between(a.temperature_c, b.temperature_c),
        }
    }
}

fn exact(cell: &Cell) -> Exact<'_, impl Fn(f64) -> f64> {
    Exact::new(&cell.model, &cell.calendar, |soc| ocv_v(&cell.file, soc))
}

fn health_after(cell: &Cell, samples: &[Sample]) -> Health {
    let mut exact = exact(cell);
    exact.follow(samples);
    exact.health()
}

#[test]
fn halving_the_sampling_step_hardly_moves_ten_years() {
    for (name, profile) in [("deep", deep as fn(f64) -> Sample), ("seasonal", seasonal)] {
        let profile = linear_between_hours(profile);
        let (hourly, half_hourly) = (samples(&profile, 10, 1), samples(&profile, 10, 2));
        for cell in CELLS.iter() {
            let (a, b) = (health_after(cell, &hourly), health_after(cell, &half_hourly));
            let moved = (a.capacity - b.capacity).abs();
            println!("{name} {}: capacity {:.6}, halving moves it {moved:.1e}", cell.file.name, a.capacity);
            assert!(moved < 5e-5, "{}: {a:?}, {b:?}", cell.file.name);
            assert!((a.resistance - b.resistance).abs() < 1e-4 * b.resistance, "{}", cell.file.name);
        }
    }
}

#[test]
fn neither_the_cut_of_the_calls_nor_a_repetition_changes_anything() {
    let samples = samples(seasonal, 1, 1);
    for cell in CELLS.iter() {
        let whole = health_after(cell, &samples);
        let mut pieces = exact(cell);
        samples.chunks(17).for_each(|piece| pieces.follow(piece));
        assert_eq!(pieces.health(), whole, "{}", cell.file.name);
        assert_eq!(health_after(cell, &samples), whole, "{}", cell.file.name);
    }
}

#[test]
fn health_stays_within_what_a_cell_can_be_and_falls() {
    let samples = samples(seasonal, 30, 1);
    for cell in CELLS.iter() {
        let gains = cell.model.states.iter().any(|state| state.name == "gain");
        let mut exact = exact(cell);
        let mut before = exact.health();
        assert!((before.capacity - 1.0).abs() < 1e-6, "{} starts at {before:?}", cell.file.name);
        for days in samples.chunks(24 * 10) {
            exact.follow(days);
            let health = exact.health();
            assert!(health.capacity.is_finite() && health.capacity >= 0.0, "{}", cell.file.name);
            assert!(health.resistance.is_finite() && health.resistance >= 0.1, "{}", cell.file.name);
            let rise = health.capacity - before.capacity;
            // Open half-cycles are counted one by one and cost a little more or less than the cycle they become.
            assert!(gains || rise < 2e-5, "{} rises by {rise} at {:?}", cell.file.name, exact.t_days());
            before = health;
        }
    }
}

#[test]
fn the_exact_and_the_daily_driver_side_by_side() {
    for (name, profile) in [("deep", deep as fn(f64) -> Sample), ("seasonal", seasonal)] {
        let samples = samples(profile, 10, 1);
        for cell in CELLS.iter() {
            let exact = health_after(cell, &samples);
            let mut daily = Daily::new(&cell.model, |soc| ocv_v(&cell.file, soc));
            (0..3650).for_each(|day| daily.advance(&samples[day * 24..=day * 24 + 24]));
            println!("{name} {}: exact {:.4}, daily {:.4}", cell.file.name, exact.capacity, daily.capacity());
            // Chunk semantics differ by design; what would be a mistake is another order of magnitude.
            let (loss, daily_loss) = (1.0 - exact.capacity, 1.0 - daily.capacity());
            assert!((loss - daily_loss).abs() < 0.15, "{}: {loss} against {daily_loss}", cell.file.name);
        }
    }
}
