//! Speed of the exact life driver: a year of hourly samples per iteration, so that elements per second are
//! battery-years per second of one core.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use twin::battery::circuit::interpolate;
use twin::battery::daily::Sample;
use twin::battery::exact::Exact;
use twin::battery::library;
use twin::battery::life::LifeModel;
use twin::battery::rate_table::{Calendar, RateTable};

const YEAR_H: u32 = 365 * 24;

/// A deep cycle a day under seasons and days of temperature.
fn year() -> Vec<Sample> {
    let sample = |hour: u32| {
        let (of_day, of_year) = (f64::from(hour % 24), f64::from(hour) / f64::from(YEAR_H));
        let turn = std::f64::consts::TAU;
        Sample {
            t_s: f64::from(hour) * 3600.0,
            soc: 0.9 - 0.175 * (of_day - 9.0).clamp(0.0, 4.0) + 0.175 * (of_day - 18.0).clamp(0.0, 4.0),
            temperature_c: 17.0 - 10.0 * (turn * of_year).cos() - 5.0 * (turn * (of_day - 3.0) / 24.0).cos(),
        }
    };
    (0..=YEAR_H).map(sample).collect()
}

fn exact(criterion: &mut Criterion) {
    let samples = year();
    let mut group = criterion.benchmark_group("exact, hourly: battery-years");
    group.throughput(Throughput::Elements(1));
    for file in library::shipped() {
        let model = LifeModel::compile(&file.life).expect("a test compiles every file");
        let ocv_v = |soc: f64| interpolate(&file.ocv.soc, &file.ocv.value, soc);
        let calendar = Calendar::of(&model, ocv_v);
        group.bench_function(&file.name, |bencher| {
            bencher.iter(|| {
                let mut exact = Exact::new(&model, &calendar, ocv_v);
                exact.follow(black_box(&samples));
                exact.health()
            });
        });
    }
    group.finish();
}

fn table(criterion: &mut Criterion) {
    let table = RateTable::of(|temperature_c, soc| (1.0 + soc) * (-5000.0 / (temperature_c + 273.15)).exp());
    let mut at = 0.0f64;
    criterion.bench_function("one look-up", |bencher| {
        bencher.iter(|| {
            at = (at + 0.618_034).fract();
            table.at(black_box(80.0 * at - 20.0), black_box(1.0 - at))
        });
    });
    let file = library::find("lfp-gr-sony-murata-3ah").expect("ships");
    let model = LifeModel::compile(&file.life).expect("a test compiles every file");
    criterion.bench_function("tables of a model with three", |bencher| {
        bencher.iter(|| Calendar::of(&model, |_| 3.3));
    });
}

criterion_group!(benches, exact, table);
criterion_main!(benches);
