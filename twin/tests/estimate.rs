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
