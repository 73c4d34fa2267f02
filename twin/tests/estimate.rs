#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
//! The estimator over simulated batteries: order, duplicates, snapshots, refusals.

use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::estimate::{Estimator, Prior, Reading, Refusal, Subject, Taken};
use twin::battery::integrate::{Duty, Stepping, pass};
use twin::battery::library;
use twin::battery::pack::{Layout, PackModel, PackState};
use twin::battery::thermal::ThermalPath;
use twin::forcing::Ambient;
use twin::time::Time;

const LAYOUT: Layout = Layout { series: 13, parallel: 4 };

fn subject(chemistry: &str) -> Arc<Subject> {
    let cell = Arc::new(CellModel::compile(library::find(chemistry).unwrap()).unwrap());
    Arc::new(Subject::new(cell, LAYOUT))
}

/// Readings every half minute of a pack that drives, rests and charges, and its true state of charge.
fn plant(subject: &Subject, readings: usize) -> Vec<(Reading, f64)> {
    let thermal = ThermalPath::from_time_constants(48.0, 0.5, 600.0, 7200.0);
    let model = PackModel::uniform(subject.cell.clone(), LAYOUT, thermal);
    let mut state = PackState::new(&model, 0.9, 22.0);
    let ambient = Ambient::constant(22.0);
    let rated_ah = model.rated_ah();
    let mut rows = Vec::new();
    let mut at = Time(1_700_000_000_000);
    for k in 0..readings {
        let rate = match (k / 60) % 4 {
            0 | 1 => [0.2, 1.1, 0.0, 0.7, 1.6][k / 4 % 5],
            2 => 0.0,
            _ => -0.4,
        };
        let duty = if rate == 0.0 {
            Duty::Rest
        } else {
            Duty::Current { current_a: rate * rated_ah, until_soc: if rate > 0.0 { 0.0 } else { 1.0 } }
        };
        let step = Stepping::at_most(5.0);
        if let Some((_, after_s)) =
            pass(&model, &mut state, duty, &ambient, (at, 30.0), step, |_, _| {}).ended
        {
            let rest_s = 30.0 - after_s;
            pass(
                &model,
                &mut state,
                Duty::Rest,
                &ambient,
                (at.plus_seconds(after_s), rest_s),
                step,
                |_, _| {},
            );
        }
        at = at.plus_seconds(30.0);
        let reading = Reading {
            at,
            voltage_v: state.voltage_v * 13.0,
            current_a: Some(state.current_a * 4.0),
            temperature_c: Some(state.temperatures.cell_c),
            ambient_c: Some(22.0),
            ..Reading::default()
        };
        rows.push((reading, state.pack_soc()));
    }
    rows
}

fn fed<'a>(subject: &Arc<Subject>, readings: impl IntoIterator<Item = &'a Reading>) -> Estimator {
    let mut estimator = Estimator::new(subject.clone(), Prior::default());
    for reading in readings {
        estimator.observe(reading.at, reading).unwrap();
    }
    estimator
}

#[test]
fn readings_in_another_order_give_the_same_state_to_the_bit() {
    let subject = subject("nca-gr-panasonic-3ah");
    let rows = plant(&subject, 300);
    let straight = fed(&subject, rows.iter().map(|row| &row.0));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    for k in (5..280).step_by(11) {
        let late = order.remove(k);
        order.insert(k + (k % 17), late);
    }
    let mixed = fed(&subject, order.iter().map(|k| &rows[*k].0));
    assert_eq!(straight.state(), mixed.state());
    let last = rows[299].0.at;
    assert_eq!(straight.estimate(last), mixed.estimate(last));
}

#[test]
fn duplicates_change_nothing_and_contradictions_are_refused() {
    let subject = subject("nca-gr-panasonic-3ah");
    let rows = plant(&subject, 50);
    let mut estimator = fed(&subject, rows.iter().map(|row| &row.0));
    let before = estimator.state().clone();
    for (reading, _) in &rows[30..] {
        assert_eq!(estimator.observe(reading.at, reading).unwrap().taken, Taken::Duplicate);
    }
    let other = Reading { voltage_v: rows[45].0.voltage_v + 0.1, ..rows[45].0.clone() };
    assert!(matches!(estimator.observe(other.at, &other), Err(Refusal::Conflict { .. })));
    let ancient = &rows[2].0;
    assert!(matches!(estimator.observe(ancient.at, ancient), Err(Refusal::TooLate { .. })));
    assert_eq!(&before, estimator.state());
}

#[test]
fn a_snapshot_goes_on_as_if_nothing_had_happened() {
    let subject = subject("nca-gr-panasonic-3ah");
    let rows = plant(&subject, 200);
    let whole = fed(&subject, rows.iter().map(|row| &row.0));
    let half = fed(&subject, rows[..123].iter().map(|row| &row.0));
    let bytes = postcard::to_stdvec(half.state()).unwrap();
    assert!(bytes.len() < 8_000, "{} bytes", bytes.len());
    let mut resumed = Estimator::resume(subject, postcard::from_bytes(&bytes).unwrap());
    for (reading, _) in &rows[123..] {
        resumed.observe(reading.at, reading).unwrap();
    }
    assert_eq!(whole.state(), resumed.state());
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let subject = subject("nca-gr-panasonic-3ah");
    let rows = plant(&subject, 20);
    let mut estimator = fed(&subject, rows.iter().map(|row| &row.0));
    let before = estimator.state().clone();
    let good = Reading { at: rows[19].0.at + 30_000, ..rows[19].0.clone() };
    let bad = [
        Reading { voltage_v: f64::NAN, ..good.clone() },
        Reading { voltage_v: -1.0, ..good.clone() },
        Reading { voltage_v: 1e4, ..good.clone() },
        Reading { current_a: Some(f64::INFINITY), ..good.clone() },
        Reading { current_a: Some(1e7), ..good.clone() },
        Reading { temperature_c: Some(900.0), ..good.clone() },
        Reading { ambient_c: Some(f64::NEG_INFINITY), ..good.clone() },
        Reading { soc: Some(42.0), ..good.clone() },
        Reading { cell_voltages_v: vec![3.7; 12], ..good.clone() },
        Reading { cell_voltages_v: vec![f64::NAN; 13], ..good.clone() },
    ];
    for reading in bad {
        let refusal = estimator.observe(reading.at, &reading).unwrap_err();
        assert!(!refusal.to_string().is_empty());
    }
    assert!(matches!(estimator.observe(good.at + -3_600_000, &good), Err(Refusal::Ahead { .. })));
    assert_eq!(&before, estimator.state());
}

#[test]
fn a_simulated_battery_is_followed_from_an_unknown_start() {
    for chemistry in ["nca-gr-panasonic-3ah", "nmc811-grsi-lg-m50-5ah", "lfp-gr-sony-naumann"] {
        let subject = subject(chemistry);
        let rows = plant(&subject, 900);
        let mut estimator = Estimator::new(subject.clone(), Prior::default());
        let (mut squares, mut within, mut count) = (0.0, 0, 0);
        for (k, (reading, soc)) in rows.iter().enumerate() {
            estimator.observe(reading.at, reading).unwrap();
            if k >= 120 {
                let estimate = estimator.estimate(reading.at).unwrap();
                squares += (estimate.soc - soc).powi(2);
                within += usize::from((estimate.soc - soc).abs() < 2.0 * estimate.soc_std);
                count += 1;
            }
        }
        let rms = (squares / count as f64).sqrt();
        let most = if chemistry.starts_with("lfp") { 0.05 } else { 0.02 };
        assert!(rms < most, "{chemistry}: {rms}");
        assert!(within * 10 >= count * 8, "{chemistry}: {within} of {count} within two deviations");
    }
}

#[test]
fn whatever_is_heard_the_estimate_stays_finite() {
    use rand::RngExt;
    for seed in 0..20 {
        let subject = subject(
            ["lfp-gr-sony-naumann", "nmc811-grsi-lg-m50-5ah", "vrla-agm-12v-120ah"][seed as usize % 3],
        );
        let mut stream = twin::rng::Seed(seed).stream("anything", "reading", 0);
        let mut estimator = Estimator::new(subject.clone(), Prior::default());
        let rated_ah = 4.0 * subject.cell.file.cell.capacity_ah;
        let mut at = Time(0);
        for _ in 0..400 {
            at = at.plus_seconds(10f64.powf(stream.random_range(-2.0..7.0)));
            let maybe = |value: f64, draw: f64| (draw < 0.7).then_some(value);
            let reading = Reading {
                at,
                voltage_v: stream.random_range(0.0..26.0) * subject.cell.file.limits.voltage_max_v,
                current_a: maybe(stream.random_range(-50.0..50.0) * rated_ah, stream.random()),
                temperature_c: maybe(stream.random_range(-60.0..150.0), stream.random()),
                ambient_c: maybe(stream.random_range(-90.0..90.0), stream.random()),
                soc: maybe(stream.random_range(-0.1..1.1), stream.random()),
                internal_resistance_ohm: maybe(stream.random_range(0.0..10.0), stream.random()),
                ..Reading::default()
            };
            estimator.observe(at, &reading).unwrap();
            let told = estimator.estimate(at.plus_seconds(100.0)).unwrap();
            for value in [
                told.soc,
                told.soc_std,
                told.soh,
                told.soh_std,
                told.resistance_ohm,
                told.resistance_rel_std,
                told.temperature_c,
                told.temperature_std_k,
                told.voltage_v,
                told.voltage_std_v,
            ] {
                assert!(value.is_finite(), "seed {seed}: {told:?}");
            }
            assert!((0.0..=1.0).contains(&told.soc) && told.soc_std <= 0.5 && told.soh > 0.0);
        }
    }
}
