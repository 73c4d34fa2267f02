//! A battery as a twin: what it is told, refuses, plans and repeats.

use super::{CELLS, any_duty, cell, scattered, uniform, weather};
use rand::RngExt;
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::integrate::{Duty, Stepping};
use twin::battery::{Battery, BatteryEvent, BatteryRefusal, ChargePlan, Follow, Leg};
use twin::forcing::Ambient;
use twin::rng::Seed;
use twin::time::{DAY_MS, HOUR_MS, Time};
use twin::twin::{Moment, Twin};

/// A pack as a twin, under drawn duties that begin at drawn times in two days, told in several messages.
fn told(cell: &Arc<CellModel>, seed: u64, look: bool) -> (Battery, Vec<BatteryEvent>) {
    let mut stream = Seed(seed).stream(&cell.file.name, "told", 0);
    let model = scattered(cell, seed);
    let mut battery = Battery::new(model.clone(), weather(&mut stream), Time(0), 0.5, Stepping::default());
    let mut history = Vec::new();
    let mut at = Time(0);
    for revision in 0..12 {
        let legs: Vec<Leg> = (0..stream.random_range(1..4))
            .map(|_| {
                let (duty, span_s) = any_duty(&model, &mut stream);
                let leg = Leg { at, duty, ambient_shift_c: stream.random_range(-3.0..3.0) };
                at = at.plus_seconds(span_s);
                leg
            })
            .collect();
        let moment = Moment { now: at, seed: Seed(seed), entity: "pack", revision };
        let command = Follow { legs: legs.into(), catch_up: stream.random_range(0..3) > 0 };
        let events = battery.decide(&command, &moment).expect("the legs are in order");
        events.iter().for_each(|event| battery.apply(event));
        history.extend(events);
        if look {
            battery.view(at.plus_seconds(stream.random_range(0.0..9e4)));
            battery.observed(at + 12_345).health();
            battery.ledger();
        } else {
            stream.random_range(0.0..9e4);
        }
    }
    (battery, history)
}

#[test]
fn a_replay_is_the_same_to_the_bit_and_looking_disturbs_nothing() {
    for cell in CELLS.iter() {
        for seed in 0..3 {
            let (quiet, history) = told(cell, seed, false);
            let (watched, _) = told(cell, seed, true);
            let mut stream = Seed(seed).stream(&cell.file.name, "told", 0);
            let air = weather(&mut stream);
            let mut replayed = Battery::new(scattered(cell, seed), air, Time(0), 0.5, Stepping::default());
            history.iter().for_each(|event| replayed.apply(event));
            for other in [&watched, &replayed] {
                assert_eq!(other.state(), quiet.state(), "{} with seed {seed}", cell.file.name);
                assert_eq!(other.at(), quiet.at());
                let later = quiet.at() + 3 * DAY_MS;
                assert_eq!(other.view(later), quiet.view(later), "{} with seed {seed}", cell.file.name);
            }
        }
    }
}

#[test]
fn a_duty_that_makes_no_sense_or_comes_late_is_refused_and_changes_nothing() {
    let cell = cell("nmc811-grsi-lg-m50-5ah");
    let mut battery =
        Battery::new(uniform(&cell), Ambient::constant(25.0), Time(0), 0.5, Stepping::default());
    battery.catch_up(Time(HOUR_MS));
    let before = battery.view(battery.at());
    let moment = Moment { now: Time(HOUR_MS), seed: Seed(1), entity: "pack", revision: 0 };
    let tell = |at: i64, duty| {
        battery.decide(
            &Follow { legs: [Leg { at: Time(at), duty, ambient_shift_c: 0.0 }].into(), catch_up: true },
            &moment,
        )
    };
    let late = tell(HOUR_MS - 1, Duty::Rest).unwrap_err();
    assert_eq!(late, BatteryRefusal::OutOfOrder { at_ms: HOUR_MS - 1, after_ms: HOUR_MS });
    for duty in [
        Duty::Current { current_a: f64::NAN, until_soc: 0.0 },
        Duty::Current { current_a: 1.0, until_soc: 1.5 },
        Duty::Power { power_w: f64::INFINITY, ripple: 0.0 },
        Duty::Power { power_w: 1.0, ripple: -1.0 },
        Duty::Charge { power_max_w: 0.0, current_max_a: 1.0, target_soc: 1.0 },
        Duty::Hold { voltage_v: f64::NAN, current_max_a: 1.0 },
    ] {
        assert!(matches!(tell(HOUR_MS, duty), Err(BatteryRefusal::Senseless { .. })), "{duty:?}");
    }
    assert_eq!(battery.view(battery.at()), before);
}

#[test]
fn a_charge_goes_as_its_plan_says() {
    for cell in CELLS.iter() {
        for seed in 0..3 {
            let name = format!("{} with seed {seed}", cell.file.name);
            let (mut battery, plan) = charging(cell, seed);
            let (start, energy_before_wh) = (battery.view(plan.begins).soc, battery.ledger().energy_in_wh);
            assert!((plan.soc_at(plan.begins) - start).abs() < 1e-6, "{name}");
            assert!((plan.soc_at(plan.ends) - plan.soc_end).abs() < 1e-6, "{name}");
            let mut last = start;
            for k in 1..=20 {
                let soc = start + (plan.soc_end - start) * f64::from(k) / 21.0;
                let at = plan.reaches(soc).unwrap_or_else(|| panic!("{name} never reaches {soc}"));
                assert!(plan.begins <= at && at <= plan.ends, "{name}");
                assert!((plan.soc_at(at) - soc).abs() < 1e-5, "{name}: {} and {soc}", plan.soc_at(at));
                assert!(
                    (battery.view(at).soc - soc).abs() < 0.02,
                    "{name}: {} and {soc}",
                    battery.view(at).soc
                );
                assert!(plan.soc_at(at) >= last - 1e-6, "{name}");
                last = plan.soc_at(at);
            }
            assert_eq!(plan.reaches(1.1), None);
            battery.catch_up(plan.ends);
            let booked_wh = battery.ledger().energy_in_wh - energy_before_wh;
            assert!((plan.energy_wh() - booked_wh).abs() < 1e-6 * booked_wh, "{name}: {booked_wh}");
            let hours = plan.ends.hour_index() - plan.begins.hour_index() + 1;
            assert!(
                plan.hourly_wh.len() as i64 <= hours && plan.hourly_wh.iter().all(|wh| *wh >= 0.0),
                "{name}"
            );
            assert!((battery.view(plan.ends).soc - plan.soc_end).abs() < 1e-9, "{name}");
            battery.catch_up(plan.ends + 1);
            assert_eq!(battery.view(battery.at()).current_a, 0.0, "{name}: rests after its charge");
        }
    }
}

#[test]
fn a_charge_that_is_cut_short_is_settled_to_the_last_watt_hour() {
    for cell in CELLS.iter() {
        for seed in 0..4 {
            let name = format!("{} with seed {seed}", cell.file.name);
            let (mut battery, plan) = charging(cell, seed);
            let energy_before_wh = battery.ledger().energy_in_wh;
            let span_ms = plan.ends - plan.begins;
            let cut = plan.begins + span_ms * (seed as i64 + 1) / 5;
            // Whether somebody brings it up to date on the way must not matter.
            (0..seed as i64).for_each(|k| battery.catch_up(plan.begins + (cut - plan.begins) * k / 5));
            let rest = Leg { at: cut, duty: Duty::Rest, ambient_shift_c: 0.0 };
            battery.apply(&BatteryEvent::DutiesSet([rest].into()));
            battery.catch_up(cut);
            let view = battery.view(cut);
            let settled = view.cut_short.clone().unwrap();
            assert_eq!((settled.begins, settled.ends, settled.complete), (plan.begins, cut, false), "{name}");
            assert_eq!(settled.soc_end, view.soc, "{name}");
            assert!(view.charge.is_none(), "{name}");
            let booked_wh = battery.ledger().energy_in_wh - energy_before_wh;
            assert!((settled.energy_wh() - booked_wh).abs() < 1e-6 * booked_wh, "{name}: {booked_wh}");
            // Every hour but the last is what the plan had said.
            let whole = (cut.hour_index() - plan.begins.hour_index()) as usize;
            assert_eq!(settled.hourly_wh[..whole], plan.hourly_wh[..whole], "{name}");
            let rest = Leg { at: cut + 1, duty: Duty::Rest, ambient_shift_c: 0.0 };
            battery.apply(&BatteryEvent::DutiesSet([rest].into()));
            battery.catch_up(cut + 1);
            assert!(battery.view(cut + 1).cut_short.is_none(), "{name}: settled once");
        }
    }
}

/// A pack that begins a charge at an odd time of the hour.
fn charging(cell: &Arc<CellModel>, seed: u64) -> (Battery, Arc<ChargePlan>) {
    let mut stream = Seed(seed).stream(&cell.file.name, "charge", 0);
    let model = scattered(cell, seed);
    let begins = Time(stream.random_range(0..4 * HOUR_MS));
    let soc = stream.random_range(0.05..0.5);
    let rate = stream.random_range(0.15..1.0) * cell.file.limits.charge_c_rate_max;
    let power_max_w = rate * model.rated_wh();
    let duty = Duty::Charge {
        power_max_w,
        current_max_a: 1e9,
        target_soc: stream.random_range(0.8f64..1.2).min(1.0),
    };
    let mut battery = Battery::new(model, Ambient::constant(22.0), Time(0), soc, Stepping::default());
    battery.apply(&BatteryEvent::DutiesSet([Leg { at: begins, duty, ambient_shift_c: 0.0 }].into()));
    battery.catch_up(begins);
    let plan = battery.view(begins).charge.expect("a charge has begun");
    (battery, plan)
}
