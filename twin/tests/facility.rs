//! Works as state machines: given what happened, when something is asked, then this happens; and books that close.

#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test that cannot unwrap has failed; cases are told by value"
)]

use proptest::prelude::*;
use std::sync::Arc;
use twin::facility::line::{self, Condition, Kind, Process};
use twin::facility::shifts::Shifts;
use twin::facility::works::{
    Books, Lot, Works, WorksCommand as Command, WorksEvent as Event, WorksModel, WorksRefusal as Refusal,
};
use twin::forcing::Hourly;
use twin::passport::content;
use twin::passport::material::{Masses, Material};
use twin::rng::Seed;
use twin::time::{DAY_MS, HOUR_MS, Time, UtcOffset};
use twin::twin::{Events, Moment, Twin};

/// 2024-01-01, a Monday.
const MONDAY: Time = Time(1_704_067_200_000);

/// 2400 kg a day around the clock, so 100 kg an hour.
fn model(kind: Kind) -> WorksModel {
    let shifts = Shifts::always();
    WorksModel {
        kind,
        stages: line::stages(kind, 2400.0, &shifts).unwrap(),
        shifts,
        storage_kg: 1e5,
        weight_tolerance: 0.1,
        downgrade_probability: 0.0,
        standby_w: 0.0,
        carbon_g_per_kwh: Hourly::constant(500.0),
    }
}

fn plastic(id: u64, kg: f64) -> Lot {
    let masses = Masses::of([
        (Material::Hdpe, 0.6 * kg),
        (Material::Pp, 0.3 * kg),
        (Material::Microplastic, 0.1 * kg),
    ]);
    Lot { id, masses, declared_kg: kg, condition: Condition::Good }
}

fn decide(works: &Works, now: Time, command: &Command) -> Result<Events<Event>, Refusal> {
    works.decide(command, &Moment { now, seed: Seed(7), entity: "works", revision: 0 })
}

/// Tells the works, and gives what happened.
#[track_caller]
fn tell(works: &mut Works, now: Time, command: Command) -> Events<Event> {
    let events = decide(works, now, &command).unwrap();
    events.iter().for_each(|event| works.apply(event));
    events
}

fn processed(events: &Events<Event>) -> Vec<(u64, Time)> {
    let done = |event: &Event| match event {
        Event::Processed { lot, at, .. } => Some((*lot, *at)),
        _ => None,
    };
    events.iter().filter_map(done).collect()
}

#[track_caller]
fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{value} against {expected}");
}

#[test]
fn a_lot_is_inspected_and_sorted_by_hand() {
    let mut works = Works::new(Arc::new(model(Kind::Sorting)), MONDAY);
    let events = tell(&mut works, MONDAY, Command::Receive(plastic(1, 200.0)));
    assert!(matches!(events[..], [Event::Received { .. }, Event::Began { stage: 0, lot: 1, .. }]));
    // 20 minutes of inspection, 200 kg at 100 kg/h.
    let done = MONDAY + (2 * HOUR_MS + HOUR_MS / 3);
    assert_eq!(works.view(MONDAY).wake_at, Some(MONDAY + HOUR_MS / 3));
    let events = tell(&mut works, done, Command::Wake);
    assert_eq!(processed(&events), [(1, done)]);
    let books = works.books(done);
    // 120 kg HDPE and 60 kg PP at 0.95; microplastic and the rest are residue: 171 and 29.
    near(books.products[Material::Hdpe], 114.0);
    near(books.products.total_kg(), 171.0);
    near(books.residue.total_kg(), 29.0);
    // 200 kg · 0.05 kWh/kg = 10 kWh at 500 g: 5 kg.
    near(books.electricity_kwh, 10.0);
    near(books.process_carbon_kg, 5.0);
    assert_eq!(works.view(done).wake_at, None);
}

#[test]
fn the_estimate_comes_from_the_queue_and_comes_true() {
    let mut works = Works::new(Arc::new(model(Kind::Recycling)), MONDAY);
    let empty = works.estimate(plastic(9, 300.0), MONDAY).unwrap();
    assert_eq!(empty.next_stage, "inspection");
    for id in 1..=5 {
        tell(&mut works, MONDAY, Command::Receive(plastic(id, 500.0)));
    }
    let behind = works.estimate(plastic(9, 300.0), MONDAY).unwrap();
    // Five lots of 500 kg are 25 h of washing.
    assert!(behind.done_at - empty.done_at > 24 * HOUR_MS, "{behind:?} {empty:?}");
    near(behind.queued_kg, 2500.0);
    tell(&mut works, MONDAY, Command::Receive(plastic(9, 300.0)));
    let events = tell(&mut works, MONDAY + 7 * DAY_MS, Command::Wake);
    assert_eq!(processed(&events).last(), Some(&(9, behind.done_at)));
}

#[test]
fn nothing_moves_while_the_works_is_closed() {
    let shifts = Shifts::new(1, 5, 8, UtcOffset::default());
    let stages = line::stages(Kind::Sorting, 800.0, &shifts).unwrap();
    // 800 kg a day on seven days are 140 kg/h in 40 hours a week.
    near(stages[1].kg_per_h, 140.0);
    let works_model = WorksModel { shifts, stages, ..model(Kind::Sorting) };
    let mut works = Works::new(Arc::new(works_model), MONDAY);
    let friday = MONDAY + 4 * DAY_MS + 15 * HOUR_MS;
    tell(&mut works, friday, Command::Receive(plastic(1, 280.0)));
    // Inspection until 15:20, 40 minutes of sorting, then Monday 8:00 to 9:20.
    let done = MONDAY + 7 * DAY_MS + 9 * HOUR_MS + HOUR_MS / 3;
    assert_eq!(processed(&tell(&mut works, done + -1, Command::Wake)), []);
    assert_eq!(processed(&tell(&mut works, done, Command::Wake)), [(1, done)]);
}

#[test]
fn a_breakdown_delays_the_lot_on_the_stage_and_those_behind() {
    let mut works = Works::new(Arc::new(model(Kind::Sorting)), MONDAY);
    tell(&mut works, MONDAY, Command::Receive(plastic(1, 200.0)));
    tell(&mut works, MONDAY, Command::Receive(plastic(2, 100.0)));
    let begun = MONDAY + HOUR_MS;
    tell(&mut works, begun, Command::Break { stage: 1, until: begun + 5 * HOUR_MS });
    let events = tell(&mut works, MONDAY + DAY_MS, Command::Wake);
    let first = MONDAY + 5 * HOUR_MS + (2 * HOUR_MS + HOUR_MS / 3);
    assert_eq!(processed(&events), [(1, first), (2, first + HOUR_MS)]);
    let refused = decide(&works, MONDAY + DAY_MS, &Command::Break { stage: 2, until: MONDAY }).unwrap_err();
    assert_eq!(refused, Refusal::NoSuchStage { stage: 2, last: 1 });
}

#[test]
fn a_works_refuses_what_it_cannot_take() {
    let works_model = WorksModel { storage_kg: 250.0, ..model(Kind::Sorting) };
    let mut works = Works::new(Arc::new(works_model), MONDAY);
    let refused = |works: &Works, lot| decide(works, MONDAY, &Command::Receive(lot)).unwrap_err();
    let light = Lot { declared_kg: 112.0, ..plastic(1, 100.0) };
    assert!(matches!(refused(&works, light), Refusal::WeightDiffers { lot: 1, .. }));
    let battery = Lot { masses: Masses::of([(Material::Lithium, 100.0)]), ..plastic(1, 100.0) };
    assert_eq!(refused(&works, battery), Refusal::NotAccepted { lot: 1, material: "lithium" });
    assert!(matches!(refused(&works, plastic(1, 251.0)), Refusal::Full { .. }));
    assert_eq!(refused(&works, plastic(1, 0.0)), Refusal::NotAnAmount { lot: 1 });
    assert_eq!(refused(&works, plastic(1, f64::NAN)), Refusal::NotAnAmount { lot: 1 });
    tell(&mut works, MONDAY, Command::Receive(plastic(1, 100.0)));
    assert_eq!(refused(&works, plastic(1, 100.0)), Refusal::AlreadyHere { lot: 1 });
    assert!(works.estimate(plastic(1, 100.0), MONDAY).is_err());
}

#[test]
fn inspection_may_find_a_lot_worse_than_declared() {
    let sure = WorksModel { downgrade_probability: 1.0, ..model(Kind::Recycling) };
    let mut works = Works::new(Arc::new(sure), MONDAY);
    let events = tell(&mut works, MONDAY, Command::Receive(plastic(1, 100.0)));
    assert!(matches!(events[0], Event::Received { lot: Lot { condition: Condition::Contaminated, .. }, .. }));
    tell(&mut works, MONDAY + DAY_MS, Command::Wake);
    // 60 kg HDPE at 0.65 and 30 kg PP at 0.60, both over the 0.95 of sorting: (39 + 18)/0.95 = 60.
    near(works.books(MONDAY + DAY_MS).products.total_kg(), 60.0);
}

#[test]
fn a_battery_recycler_gives_back_what_its_process_can() {
    let mut works = Works::new(Arc::new(model(Kind::BatteryRecycler(Process::Hydro))), MONDAY);
    let masses = content::of_pack("NMC811", 60.0).unwrap();
    let lot = Lot { id: 1, masses, declared_kg: masses.total_kg(), condition: Condition::Good };
    tell(&mut works, MONDAY, Command::Receive(lot));
    tell(&mut works, MONDAY + 2 * DAY_MS, Command::Wake);
    let books = works.books(MONDAY + 2 * DAY_MS);
    near(books.products[Material::Nickel], 0.96 * masses[Material::Nickel]);
    near(books.products[Material::Lithium], 0.90 * masses[Material::Lithium]);
    assert_eq!(books.products[Material::Graphite], 0.0);
}

#[test]
fn standby_runs_by_the_clock_and_looking_does_not_disturb() {
    let idle = WorksModel { standby_w: 2000.0, ..model(Kind::Sorting) };
    let mut works = Works::new(Arc::new(idle), MONDAY);
    let later = MONDAY + 36 * HOUR_MS + HOUR_MS / 2;
    near(works.view(later).books.standby_kwh, 73.0);
    let before = format!("{works:?}");
    works.view(later);
    works.estimate(plastic(1, 10.0), later).unwrap();
    assert_eq!(format!("{works:?}"), before);
    tell(&mut works, later, Command::Wake);
    near(works.books(later).standby_carbon_kg, 36.5);
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Lot { kg: f64, resin: f64, condition: Condition },
    Break { stage: usize, hours: i64 },
    Wait,
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let condition = prop::sample::select(vec![Condition::Good, Condition::Contaminated, Condition::Degraded]);
    let lot = (0.1..5000.0f64, 0.0..1.0f64, condition).prop_map(|(kg, resin, condition)| Step::Lot {
        kg,
        resin,
        condition,
    });
    let what = prop_oneof![
        6 => lot,
        1 => (0usize..3, 0i64..100).prop_map(|(stage, hours)| Step::Break { stage, hours }),
        1 => Just(Step::Wait),
    ];
    (0i64..4 * DAY_MS, what)
}

fn history(kind: Kind, steps: &[(i64, Step)], halved: bool) -> (Works, Time, Vec<Event>) {
    let shifts = Shifts::new(2, 6, 6, UtcOffset::of_hours(7.0));
    let carbon =
        Hourly::new(MONDAY.hour_index(), (0..24 * 40).map(|h| (h % 24) as f32 * 20.0).collect::<Vec<_>>());
    let works_model = WorksModel {
        stages: line::stages(kind, 3000.0, &shifts).unwrap(),
        shifts,
        standby_w: 500.0,
        downgrade_probability: 0.3,
        carbon_g_per_kwh: carbon,
        ..model(kind)
    };
    let mut works = Works::new(Arc::new(works_model), MONDAY);
    let (mut now, mut all) = (MONDAY, Vec::new());
    for (index, (pause, step)) in steps.iter().enumerate() {
        if halved {
            all.extend(tell(&mut works, now + pause / 2, Command::Wake));
        }
        now = now + *pause;
        let command = match step {
            Step::Lot { kg, resin, condition } => {
                let masses = match kind {
                    Kind::BatteryRecycler(_) => content::of_pack("NMC622", *kg / 5.23).unwrap(),
                    _ => Masses::of([
                        (Material::Pet, kg * resin),
                        (Material::OtherPlastic, kg * (1.0 - resin)),
                    ]),
                };
                let declared_kg = masses.total_kg() * (1.0 + 0.09 * (resin - 0.5));
                Command::Receive(Lot { id: index as u64, masses, declared_kg, condition: *condition })
            }
            Step::Break { stage, hours } => {
                let stage = stage % works.model().stages.len();
                Command::Break { stage, until: now + hours * HOUR_MS }
            }
            Step::Wait => Command::Wake,
        };
        match works.decide(&command, &Moment { now, seed: Seed(7), entity: "works", revision: index as u64 })
        {
            Ok(events) => {
                events.iter().for_each(|event| works.apply(event));
                all.extend(events);
            }
            Err(Refusal::Full { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    (works, now, all)
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Sorting,
        Kind::Recycling,
        Kind::BatteryRecycler(Process::Hydro),
        Kind::BatteryRecycler(Process::Pyro),
        Kind::BatteryRecycler(Process::Direct),
    ])
}

/// Sums of events, to hold against the books.
fn summed(events: &[Event]) -> (f64, f64, f64, f64) {
    let (mut products, mut residue, mut kwh, mut carbon) = (0.0, 0.0, 0.0, 0.0);
    for event in events {
        match event {
            Event::Ended { electricity_kwh, carbon_kg, residue: left, .. } => {
                kwh += electricity_kwh;
                carbon += carbon_kg;
                residue += left.total_kg();
            }
            Event::Processed { products: out, .. } => products += out.total_kg(),
            _ => {}
        }
    }
    (products, residue, kwh, carbon)
}

fn agree(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mass_energy_and_carbon_close(kind in kinds(), steps in prop::collection::vec(step(), 1..60)) {
        let (works, now, events) = history(kind, &steps, false);
        let Books { received, products, residue, electricity_kwh, process_carbon_kg, .. } = works.books(now);
        let in_hand = works.in_hand();
        for material in Material::ALL {
            let out = products[material] + residue[material] + in_hand[material];
            prop_assert!(agree(received[material], out), "{}: {} {}", material.name(), received[material], out);
        }
        let (products_kg, residue_kg, kwh, carbon_kg) = summed(&events);
        prop_assert!(agree(products.total_kg(), products_kg) && agree(residue.total_kg(), residue_kg));
        prop_assert!(agree(electricity_kwh, kwh) && agree(process_carbon_kg, carbon_kg));
    }

    #[test]
    fn waking_in_between_changes_nothing(kind in kinds(), steps in prop::collection::vec(step(), 1..40)) {
        let (plain, now, events) = history(kind, &steps, false);
        let (woken, _, more) = history(kind, &steps, true);
        let real = |events: Vec<Event>| -> Vec<Event> {
            events.into_iter().filter(|event| !matches!(event, Event::Passed { .. })).collect()
        };
        prop_assert_eq!(real(events), real(more));
        let (a, b) = (plain.books(now), woken.books(now));
        prop_assert!(agree(a.standby_kwh, b.standby_kwh) && agree(a.standby_carbon_kg, b.standby_carbon_kg));
        // 500 W by the clock.
        prop_assert!(agree(a.standby_kwh, 0.5 * now.seconds_since(MONDAY) / 3600.0));
    }

    #[test]
    fn a_replay_is_the_same_works(kind in kinds(), steps in prop::collection::vec(step(), 1..40)) {
        let (live, now, events) = history(kind, &steps, false);
        let mut replayed = Works::new(Arc::new(live.model().clone()), MONDAY);
        events.iter().for_each(|event| replayed.apply(event));
        prop_assert_eq!(replayed.view(now), live.view(now));
    }
}
