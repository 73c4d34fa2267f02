#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
//! What a live twin believes of a battery, row by row: known and unknown cells, counts and ratings, faults, life.

use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::library;
use twin::live::Measured;
use twin::live::battery::{Basis, Doing, END_OF_LIFE, Registered, Subject, Unforeseen};
use twin::rng::Seed;
use twin::time::Time;

fn cell(name: &str) -> Arc<CellModel> {
    Arc::new(CellModel::compile(library::find(name).unwrap()).unwrap())
}

fn registered(name: &str, series: f64, parallel: f64) -> Registered {
    let (series, parallel) = (Some(series), Some(parallel));
    Registered { cell: Some(cell(name)), series, parallel, ..Registered::default() }
}

/// Hours of use in turn: driven, rested, charged; a row every half minute, of a battery without polarisation.
fn rows(cell: &CellModel, series: f64, parallel: f64, hours: usize) -> Vec<(Time, [(&'static str, f64); 3])> {
    let mut soc = 0.9;
    (0..hours * 120)
        .map(|k| {
            let rate = match (k / 120) % 4 {
                0 => [0.2, 0.6, 0.0, 0.4][k / 4 % 4],
                1 | 3 => 0.0,
                _ => -0.3,
            };
            soc -= rate / 120.0;
            let cell_v = cell.ocv_v(soc) - 0.05 * rate + 1e-3 * (k % 3) as f64;
            let current_a = rate * cell.file.cell.capacity_ah * parallel;
            let row = [("voltage_v", series * cell_v), ("current_a", current_a), ("temperature_c", 25.0)];
            (Time(30_000 * k as i64), row)
        })
        .collect()
}

fn heard(subject: &Subject, rows: &[(Time, [(&'static str, f64); 3])]) -> Measured {
    let mut measured = Measured::default();
    for (at, row) in rows {
        measured.observe(Some(subject), *at, row);
    }
    measured
}

#[test]
fn a_rested_battery_is_placed_by_its_voltage_and_counted_from_there() {
    let cell = cell("panasonic-18650pf");
    let subject = Subject::of(&registered("panasonic-18650pf", 10.0, 4.0));
    let mut measured = Measured::default();
    let voltage_v = cell.ocv_v(0.7) * 10.0;
    for k in 0..40 {
        let row = [("current_a", 0.0), ("temperature_c", 25.0), ("voltage_v", voltage_v)];
        measured.observe(Some(&subject), Time(k * 60_000), &row);
    }
    let told = measured.estimate(Some(&subject), Time(39 * 60_000)).unwrap();
    let soc = told.soc.unwrap();
    assert_eq!((told.basis, told.doing), (Basis::Model, Some(Doing::Resting)));
    assert!((soc.mean - 0.7).abs() < 0.02 && soc.std < 0.03, "{soc:?}");
    assert_eq!(told.faults.len(), 0, "{:?}", told.faults);
    // Looking later is less sure, and changes nothing.
    let before = measured.clone();
    let later = measured.estimate(Some(&subject), Time(39 * 60_000 + 7_200_000)).unwrap().soc.unwrap();
    assert!(later.mean == soc.mean && later.std > soc.std);
    assert_eq!(before, measured);
}

#[test]
fn the_same_cells_are_believed_the_same_however_many_there_are() {
    let make = cell("nca-gr-panasonic-3ah");
    let told = |series: f64, parallel: f64| {
        let subject = Subject::of(&registered("nca-gr-panasonic-3ah", series, parallel));
        let rows = rows(&make, series, parallel, 12);
        heard(&subject, &rows).estimate(Some(&subject), Time(12 * 3_600_000)).unwrap()
    };
    let (small, large) = (told(2.0, 1.0), told(96.0, 33.4));
    let (a, b) = (small.soc.unwrap(), large.soc.unwrap());
    assert!((a.mean - b.mean).abs() < 1e-9 && (a.std - b.std).abs() < 1e-9, "{a:?} {b:?}");
    assert!((small.soh.unwrap().mean - large.soh.unwrap().mean).abs() < 1e-9);
    let per_cell = |ohm: f64, series: f64, parallel: f64| ohm * parallel / series;
    let (a, b) = (small.resistance_ohm.unwrap(), large.resistance_ohm.unwrap());
    assert!((per_cell(a, 2.0, 1.0) / per_cell(b, 96.0, 33.4) - 1.0).abs() < 1e-9);
}

#[test]
fn ratings_say_how_many_cells_there_are() {
    let make = || Some(cell("vrla-agm-12v-120ah"));
    let of = |series: Option<f64>, voltage_nominal_v: Option<f64>| {
        let registered = Registered { cell: make(), series, voltage_nominal_v, ..Registered::default() };
        let subject = Subject::of(&registered);
        (subject.model().unwrap().series, subject.per_series())
    };
    assert_eq!(of(Some(1.0), Some(12.0)), (6.0, 1.0));
    assert_eq!(of(Some(4.0), Some(48.0)), (24.0, 4.0));
    assert_eq!(of(Some(6.0), None), (6.0, 1.0));
    assert_eq!(of(Some(4.0), None), (24.0, 4.0));
    assert_eq!(of(None, Some(12.0)), (6.0, 1.0));
    let rated = Registered {
        cell: Some(cell("nca-gr-panasonic-3ah")),
        voltage_nominal_v: Some(48.0),
        capacity_ah: Some(100.0),
        ..Registered::default()
    };
    let subject = Subject::of(&rated);
    assert_eq!((subject.per_series(), subject.rated_ah()), (13.0, Some(100.0)));
    let measured = heard(&subject, &rows(&cell("nca-gr-panasonic-3ah"), 13.0, 100.0 / 3.2, 6));
    let soh = measured.estimate(Some(&subject), Time(6 * 3_600_000)).unwrap().soh.unwrap();
    assert!((soh.mean - 1.0).abs() < 0.1, "{soh:?}");
}

#[test]
fn a_battery_of_unknown_cells_is_what_its_electronics_claim_and_says_so() {
    let subject = Subject::of(&Registered { capacity_ah: Some(100.0), ..Registered::default() });
    let mut measured = Measured::default();
    let claim = [("current_a", -20.0), ("soc_pct", 40.0), ("soh_pct", 91.0), ("voltage_v", 51.0)];
    measured.observe(Some(&subject), Time(0), &claim[..1]);
    let told = measured.estimate(Some(&subject), Time(0)).unwrap();
    assert_eq!((told.basis, told.soc, told.soh), (Basis::Claims, None, None));
    measured.observe(Some(&subject), Time(1_000), &claim);
    let told = measured.estimate(Some(&subject), Time(1_000)).unwrap();
    let soc = told.soc.unwrap();
    assert_eq!((soc.mean, told.soh.unwrap().mean, told.doing), (0.4, 0.91, Some(Doing::Charging)));
    let later = measured.estimate(Some(&subject), Time(7_201_000)).unwrap().soc.unwrap();
    assert!(later.std > 2.0 * soc.std);
    let belief = measured.belief.unwrap();
    assert_eq!(belief.forecast(&subject, END_OF_LIFE, Seed(1)).unwrap_err(), Unforeseen::Make);
}

#[test]
fn what_cannot_be_is_not_believed_and_what_comes_apart_is_put_together() {
    let make = cell("nca-gr-panasonic-3ah");
    let subject = Subject::of(&registered("nca-gr-panasonic-3ah", 13.0, 4.0));
    let rows = rows(&make, 13.0, 4.0, 4);
    let whole = heard(&subject, &rows);
    // A device that sends what changed: current and temperature a moment before the voltage.
    let mut apart = Measured::default();
    for (at, row) in &rows {
        apart.observe(Some(&subject), *at + -1, &row[1..]);
        apart.observe(Some(&subject), *at, &row[..1]);
    }
    let at = Time(4 * 3_600_000);
    let soc = |measured: &Measured| measured.estimate(Some(&subject), at).unwrap().soc.unwrap().mean;
    assert!((soc(&whole) - soc(&apart)).abs() < 1e-6, "{} {}", soc(&whole), soc(&apart));
    // Thirteen times the voltage is not this battery's, a current of 10 kA neither; the rest of the row counts.
    let mut wrong = whole.clone();
    wrong.observe(Some(&subject), at, &[("voltage_v", 600.0), ("current_a", 0.0)]);
    assert_eq!(soc(&wrong), soc(&whole));
    wrong.observe(Some(&subject), at + 30_000, &[("voltage_v", 48.0), ("current_a", 1e4)]);
    let told = wrong.estimate(Some(&subject), at + 30_000).unwrap();
    assert_eq!(told.unheard, 2);
    assert!(told.soc.unwrap().mean.is_finite());
}

#[test]
fn a_sensor_that_stands_still_is_named_and_a_silence_as_well() {
    let make = cell("nca-gr-panasonic-3ah");
    let subject = Subject::of(&registered("nca-gr-panasonic-3ah", 13.0, 4.0));
    let mut rows = rows(&make, 13.0, 4.0, 12);
    let stands_v = rows[960].1[0].1;
    rows[960..].iter_mut().for_each(|(_, row)| row[0].1 = stands_v);
    rows.drain(300..420);
    let measured = heard(&subject, &rows);
    let told = measured.estimate(Some(&subject), Time(12 * 3_600_000)).unwrap();
    assert_eq!(measured.figure(Some(&subject), "voltage_sensor_faults"), Some(1.0), "{:?}", told.faults);
    assert_eq!(measured.figure(Some(&subject), "soc_sensor_faults"), Some(0.0));
    assert_eq!(told.gaps, 1);
    assert!((told.last_gap.unwrap().seconds - 3_630.0).abs() < 1.0, "{:?}", told.last_gap);
}

#[test]
fn life_is_foreseen_from_a_day_of_use_on() {
    let make = cell("nca-gr-panasonic-3ah");
    let subject = Subject::of(&registered("nca-gr-panasonic-3ah", 13.0, 4.0));
    let rows = rows(&make, 13.0, 4.0, 60);
    let few = heard(&subject, &rows[..1_200]).belief.unwrap();
    let refused = few.forecast(&subject, END_OF_LIFE, Seed(1)).unwrap_err();
    assert!(matches!(refused, Unforeseen::Use { heard_days } if heard_days < 0.5), "{refused}");
    let belief = heard(&subject, &rows).belief.unwrap();
    let told = belief.forecast(&subject, END_OF_LIFE, Seed(1)).unwrap();
    assert!(0.0 < told.p10 && told.p10 < told.p50 && told.p50 < told.p90, "{told:?}");
    // Six times a day an hour at 0.3 out, on the mean, and one in.
    assert!((told.assumed_use.efc_per_day - 1.8).abs() < 0.2, "{:?}", told.assumed_use);
    assert!((told.assumed_use.temperature_c - 25.0).abs() < 1.0);
    assert_eq!(told, belief.forecast(&subject, END_OF_LIFE, Seed(1)).unwrap());
    // Installed eight years ago, and as good as new: it will last longer than one that nobody knows since when.
    let born = Some(Time(-8 * 365 * 86_400_000));
    let old = Subject::of(&Registered { born, ..registered("nca-gr-panasonic-3ah", 13.0, 4.0) });
    let known = heard(&old, &rows).belief.unwrap().forecast(&old, END_OF_LIFE, Seed(1)).unwrap();
    assert!(known.p50 > told.p50, "{} {}", known.p50, told.p50);
}

#[test]
fn what_is_believed_of_a_battery_is_small() {
    let make = cell("nca-gr-panasonic-3ah");
    let subject = Subject::of(&registered("nca-gr-panasonic-3ah", 13.0, 4.0));
    let measured = heard(&subject, &rows(&make, 13.0, 4.0, 24));
    let bytes = postcard::to_stdvec(&measured).unwrap();
    assert!(bytes.len() < 1_300, "{} bytes", bytes.len());
    assert_eq!(postcard::from_bytes::<Measured>(&bytes).unwrap(), measured);
    let track = std::mem::size_of::<twin::battery::estimate::Track>();
    assert!(track <= 1_400, "{track} bytes");
}
