#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
//! Remaining life of simulated batteries whose pace of ageing is their own, seeds, refusals, and the way from an estimator.

use rand::RngExt;
use rand_distr::{Distribution, LogNormal, StandardNormal};
use twin::battery::circuit::CellModel;
use twin::battery::forecast::{Ask, Duty, ForecastError, Point, Unit, forecast};
use twin::battery::library;
use twin::battery::life::instant_stress;
use twin::rng::Seed;

const DUTY: Duty = Duty {
    temperature_c: 25.0,
    cycling_temperature_c: 28.0,
    soc: 0.55,
    efc_per_day: 0.8,
    depth: 0.8,
    charge_c_rate: 0.4,
    discharge_c_rate: 0.6,
};

fn cell(name: &str) -> CellModel {
    CellModel::compile(library::find(name).unwrap()).unwrap()
}

/// Capacity by the laws after so many days, the pace of all of them multiplied.
fn true_capacity(cell: &CellModel, days: f64, pace: f64) -> f64 {
    // The laws' own answer at pace 1, from a forecast without a history, is not used here: progress is summed by hand.
    let ocv_v = |soc: f64| cell.ocv_v(soc);
    let rest = instant_stress(DUTY.temperature_c, DUTY.soc, ocv_v(DUTY.soc));
    let mut cycle = instant_stress(DUTY.cycling_temperature_c, DUTY.soc, ocv_v(DUTY.soc));
    (cycle[5], cycle[6], cycle[7], cycle[8]) =
        (DUTY.depth, 2.0 * DUTY.efc_per_day / 24.0, DUTY.charge_c_rate, DUTY.discharge_c_rate);
    (cycle[10], cycle[11]) = (DUTY.soc - 0.4, DUTY.soc + 0.4);
    let progress: Vec<f64> = cell
        .life
        .states
        .iter()
        .zip(cell.life.new_progress())
        .map(|(state, z)| match state.axis {
            twin::battery::life::Axis::Days => state.law.progressed(z, days / state.axis_scale, &rest),
            twin::battery::life::Axis::Efc => {
                state.law.progressed(z, days * DUTY.efc_per_day / state.axis_scale, &cycle)
            }
        })
        .collect();
    let states: Vec<f64> = cell.life.states(&progress, days.max(1.0)).iter().map(|y| y * pace).collect();
    cell.life.health(&states).capacity
}

/// Days until 80 % of the capacity is left.
fn end_of(capacity: &impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (1.0, 60.0 * 365.25);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if capacity(middle) > 0.8 { low = middle } else { high = middle }
    }
    low
}

#[test]
fn intervals_hold_simulated_batteries_of_their_own_pace() {
    let (mut held, mut count) = (0, 0);
    for chemistry in ["nca-gr-panasonic-3ah", "nmc111-gr-kokam-75ah", "lfp-gr-250ah-prismatic"] {
        let cell = cell(chemistry);
        let mut here = (0, 0);
        for seed in 0..60u64 {
            let mut stream = Seed(seed).stream(chemistry, "pace", 0);
            let pace: f64 = LogNormal::new(0.3, 0.3).unwrap().sample(&mut stream);
            let capacity = |days: f64| true_capacity(&cell, days, pace);
            let end = end_of(&capacity);
            if end > 40.0 * 365.25 {
                continue;
            }
            let now = stream.random_range(0.3..0.7) * end;
            let history: Vec<Point> = (0..40)
                .map(|k| {
                    let x = now * f64::from(k + 1) / 40.0;
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    Point { x, capacity: capacity(x) + 0.004 * noise, std: 0.0, duty: None }
                })
                .collect();
            let ask = Ask { cell: &cell, unit: Unit::Days, duty: DUTY, end_of_life: 0.8, seed: Seed(seed) };
            let told = forecast(&ask, &history).unwrap();
            let truth = end - now;
            here.0 += usize::from(told.p10 <= truth && truth <= told.p90);
            here.1 += 1;
        }
        println!("{chemistry}: {} of {} held", here.0, here.1);
        held += here.0;
        count += here.1;
    }
    let share = held as f64 / count as f64;
    println!("all: {:.1} % of {count}", 100.0 * share);
    assert!(count >= 100 && share >= 0.7, "{held} of {count}");
}

#[test]
fn the_same_question_has_the_same_answer_and_a_harder_life_a_shorter_one() {
    let cell = cell("nca-gr-panasonic-3ah");
    let history: Vec<Point> = (0..30)
        .map(|k| Point { x: 20.0 * f64::from(k), capacity: 1.0 - 3e-3 * f64::from(k), std: 0.0, duty: None })
        .collect();
    let ask = Ask { cell: &cell, unit: Unit::Days, duty: DUTY, end_of_life: 0.8, seed: Seed(7) };
    let told = forecast(&ask, &history).unwrap();
    assert_eq!(told, forecast(&ask, &history).unwrap());
    assert!(told.p10 < told.p50 && told.p50 < told.p90 && told.curve.len() > 20);
    let hot = Duty { temperature_c: 45.0, cycling_temperature_c: 45.0, efc_per_day: 2.0, ..DUTY };
    // The past stays what it was.
    let past: Vec<Point> = history.iter().map(|point| Point { duty: Some(DUTY), ..*point }).collect();
    let harder = forecast(&Ask { duty: hot, ..ask }, &past).unwrap();
    assert!(harder.p50 < 0.7 * told.p50, "{} against {}", harder.p50, told.p50);
    assert_eq!(harder.assumed_use, hot);
    // Nothing known: the laws alone, and wide.
    let new = forecast(&ask, &[]).unwrap();
    assert!(new.p10 > 0.0 && new.p90 > 2.0 * new.p10);
    // Past its end.
    let dead = forecast(&Ask { end_of_life: 0.95, ..ask }, &history).unwrap();
    assert_eq!((dead.p10, dead.p50), (0.0, 0.0));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let cell = cell("nca-gr-panasonic-3ah");
    let ask = Ask { cell: &cell, unit: Unit::Days, duty: DUTY, end_of_life: 0.8, seed: Seed(7) };
    let point = Point { x: 1.0, capacity: 1.0, std: 0.0, duty: None };
    let bad = |point: Point| forecast(&ask, &[point]).unwrap_err();
    assert!(matches!(bad(Point { x: f64::NAN, ..point }), ForecastError::Senseless { field: "x", .. }));
    assert!(matches!(bad(Point { capacity: f64::INFINITY, ..point }), ForecastError::Senseless { .. }));
    assert!(matches!(forecast(&ask, &[point, point]), Err(ForecastError::Order { index: 1 })));
    let still = Duty { efc_per_day: f64::NAN, ..DUTY };
    assert!(forecast(&Ask { duty: still, ..ask }, &[]).is_err());
}

#[test]
fn a_young_battery_is_not_told_that_it_is_about_to_die() {
    let makes = [
        "nca-gr-panasonic-3ah",
        "nmc111-gr-kokam-75ah",
        "lfp-gr-250ah-prismatic",
        "lfp-gr-sony-naumann",
        "nmc811-grsi-lg-m50-5ah",
    ];
    let cells = makes.map(cell);
    for (age, least) in [(0.0, 0.75), (1.0, 0.85), (10.0, 0.85), (100.0, 0.75)] {
        let (mut held, mut ratios) = (0, Vec::new());
        for (make, seed) in (0..makes.len()).flat_map(|make| (0..30u64).map(move |seed| (make, seed))) {
            let (chemistry, cell) = (makes[make], &cells[make]);
            let mut stream = Seed(seed).stream(chemistry, "young", 0);
            let pace: f64 = LogNormal::new(0.0, 0.3).unwrap().sample(&mut stream);
            let capacity = |days: f64| true_capacity(cell, days, pace);
            let truth = end_of(&capacity).min(40.0 * 365.25) - age;
            let points = (age as u32).min(60);
            let history: Vec<Point> = (1..=points)
                .map(|k| {
                    let x = age * f64::from(k) / f64::from(points);
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    Point { x, capacity: capacity(x) + 0.01 * noise, std: 0.02, duty: None }
                })
                .collect();
            let ask = Ask { cell, unit: Unit::Days, duty: DUTY, end_of_life: 0.8, seed: Seed(seed) };
            let told = forecast(&ask, &history).unwrap();
            held += usize::from(told.p10 <= truth && truth <= told.p90);
            ratios.push(told.p50 / truth);
        }
        ratios.sort_by(f64::total_cmp);
        let (count, middle) = (ratios.len(), ratios[ratios.len() / 2]);
        println!("after {age} days: {held} of {count} held, p50 {middle:.2} of what remains");
        assert!(held as f64 >= least * count as f64, "after {age} days {held} of {count}");
        assert!((0.2..1.5).contains(&middle), "after {age} days {middle}");
    }
}
