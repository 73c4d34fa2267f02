//! What a reading costs: `cargo bench -p twin --bench estimate`.
//!
//! A pack's drive cycle, rest and charge at a reading every five seconds, heard by one estimator on one thread: in order, with
//! every tenth reading late, and a look after each reading; the same as rows of a live twin, with the bytes that it takes; then
//! a forecast from sixty milestones.

#![expect(clippy::print_stdout, reason = "a benchmark tells what it measured")]

use std::sync::Arc;
use std::time::Instant;
use twin::battery::circuit::CellModel;
use twin::battery::estimate::{Duty, Estimator, Prior, Reading, Subject, Track};
use twin::battery::forecast::{Ask, Point, Unit, forecast};
use twin::battery::library;
use twin::battery::pack::Layout;
use twin::live::Measured;
use twin::live::battery::{self, Registered};
use twin::rng::Seed;
use twin::time::Time;

const READINGS: usize = 200_000;

fn main() {
    let cell = Arc::new(
        CellModel::compile(library::find("nca-gr-panasonic-3ah").expect("it ships"))
            .expect("a test compiles it"),
    );
    let subject = Arc::new(Subject::new(cell.clone(), Layout { series: 13, parallel: 4 }));
    let mut soc = 0.9f64;
    let readings: Vec<Reading> = (0..READINGS)
        .map(|k| {
            let rate = match (k / 720) % 4 {
                0 => [0.2, 1.0, 0.0, 0.6, 1.4][k / 3 % 5],
                1 => 0.0,
                2 => -0.4,
                _ => 0.15,
            };
            soc = (soc - rate * 5.0 / 3600.0).clamp(0.05, 0.98);
            let current_a = 12.8 * rate;
            Reading {
                at: Time(5000 * k as i64),
                voltage_v: 13.0 * (cell.ocv_v(soc) - 0.05 * rate) + 1e-3 * (k % 7) as f64,
                current_a: Some(current_a),
                temperature_c: Some(25.0 + (k % 100) as f64 * 0.01),
                ambient_c: Some(22.0),
                soc: Some((soc * 100.0).round() / 100.0),
                ..Reading::default()
            }
        })
        .collect();
    let late: Vec<&Reading> =
        readings.chunks(10).flat_map(|ten| ten[..1].iter().chain(&ten[2..]).chain(&ten[1..2])).collect();
    let in_order: Vec<&Reading> = readings.iter().collect();
    for (label, order, look) in [
        ("in order", &in_order, false),
        ("every tenth late", &late, false),
        ("in order, looked at", &in_order, true),
    ] {
        for _ in 0..3 {
            let mut estimator = Estimator::new(subject.clone(), Prior::default());
            let mut sum = 0.0;
            let seconds = timed(|| {
                for reading in order {
                    estimator.observe(reading.at, reading).expect("readings are sane");
                    if look {
                        sum += estimator.estimate(reading.at).map_or(0.0, |told| told.soc);
                    }
                }
            });
            println!(
                "{label:<20} {:>6.2} us per reading {}",
                1e6 * seconds / READINGS as f64,
                if sum < 0.0 { "?" } else { "" }
            );
        }
    }
    live(&cell, &readings);
    let duty = Duty {
        temperature_c: 25.0,
        cycling_temperature_c: 28.0,
        soc: 0.6,
        efc_per_day: 1.0,
        depth: 0.8,
        charge_c_rate: 0.4,
        discharge_c_rate: 0.6,
    };
    let history: Vec<Point> = (0..60)
        .map(|k| {
            let x = 10.0 * f64::from(k);
            Point { x, capacity: 1.0 - 1e-4 * x, std: 0.01, duty: None }
        })
        .collect();
    let ask = Ask { cell: &cell, unit: Unit::Days, duty, end_of_life: 0.8, seed: Seed(1) };
    let seconds = timed(|| {
        for _ in 0..20 {
            forecast(&ask, &history).expect("the history is sane");
        }
    });
    println!("forecast             {:>6.2} ms", 1e3 * seconds / 20.0);
}

/// The rows of a live twin, and a copy before each, as its host makes one of what is to become true.
fn live(cell: &Arc<CellModel>, readings: &[Reading]) {
    let (series, parallel) = (Some(13.0), Some(4.0));
    let registered = Registered { cell: Some(cell.clone()), series, parallel, ..Registered::default() };
    let subject = battery::Subject::of(&registered);
    for _ in 0..3 {
        let mut measured = Measured::default();
        let seconds = timed(|| {
            for reading in readings {
                let value = |value: Option<f64>| value.unwrap_or_default();
                let row = [
                    ("ambient_c", value(reading.ambient_c)),
                    ("current_a", value(reading.current_a)),
                    ("soc_pct", 100.0 * value(reading.soc)),
                    ("temperature_c", value(reading.temperature_c)),
                    ("voltage_v", reading.voltage_v),
                ];
                let mut next = measured.clone();
                next.observe(Some(&subject), reading.at, &row);
                measured = next;
            }
        });
        let kept = postcard::to_stdvec(&measured).map_or(0, |bytes| bytes.len());
        println!(
            "{:<20} {:>6.2} us per reading, {kept} B as a snapshot, {} B the track",
            "live twin",
            1e6 * seconds / READINGS as f64,
            std::mem::size_of::<Track>(),
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark looks at a clock")]
fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}
