//! A cabinet as a state machine: given what happened, when it is told something, then this happens or is refused.

use proptest::prelude::*;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::sync::Arc;
use twin::battery::ChargePlan;
use twin::cabinet::meter::Supply;
use twin::cabinet::policy::{Policy, PolicyKind};
use twin::cabinet::{
    Cabinet, CabinetCommand as Command, CabinetEvent as Event, CabinetModel, CabinetRefusal, PackFacts,
    PackId, Part, RiderId, SwapRule,
};
use twin::forcing::Hourly;
use twin::rng::Seed;
use twin::time::{HOUR_MS, Time};
use twin::twin::{Moment, Twin};

const MINUTE_MS: i64 = 60_000;
const NOON: Time = Time(12 * HOUR_MS);

/// Four slots of 500 W behind 2 kW that charge at once.
fn model() -> CabinetModel {
    CabinetModel {
        slots: 4,
        charger_w: 500.0,
        current_max_a: 20.0,
        pack_wh: 1500.0,
        target_soc: 1.0,
        ready_soc: 0.95,
        return_soc: 0.2,
        policy: Policy { kind: PolicyKind::Immediate, reserve: 1 },
        rule: SwapRule::HighestSoc,
        supply: Supply::grid_only(2000.0, 500.0),
    }
}

fn facts(soc: f64) -> PackFacts {
    PackFacts { soc, soh: 1.0, efc: 0.0 }
}

/// A charge at constant power from `begins`, three quarters of the way in proportion to time.
fn plan(begins: Time, hours: i64, from: f64, to: f64) -> Arc<ChargePlan> {
    Arc::new(ChargePlan {
        begins,
        ends: begins + hours * HOUR_MS,
        soc_end: to,
        complete: true,
        hourly_wh: (0..hours).map(|_| 400.0).collect(),
        course: SmallVec::from_slice(&[(0.0, from as f32), ((hours * 3600) as f32, to as f32)]),
    })
}

fn docked(slot: usize, pack: PackId, soc: f64) -> Event {
    Event::Docked { at: NOON, slot, pack, facts: facts(soc) }
}

fn ordered(at: Time, slot: usize, pack: PackId, power_w: f64) -> Event {
    Event::ChargeOrdered { at, slot, pack, power_w }
}

fn charging(slot: usize, pack: PackId, soc: f64, hours: i64) -> [Event; 3] {
    let plan = Some(plan(NOON, hours, soc, 1.0));
    [
        docked(slot, pack, soc),
        ordered(NOON, slot, pack, 500.0),
        Event::Reported { at: NOON, slot, facts: facts(soc), plan },
    ]
}

/// Given `events`, when `command` comes at `now`, then `expected`.
#[track_caller]
fn check(
    model: CabinetModel,
    events: &[Event],
    (now, command): (Time, Command),
    expected: Result<&[Event], CabinetRefusal>,
) -> Cabinet {
    let mut cabinet = Cabinet::new(model, NOON);
    events.iter().for_each(|event| cabinet.apply(event));
    let decision = decide(&cabinet, now, &command);
    match (&decision, expected) {
        (Ok(events), Ok(expected)) => assert_eq!(events.as_slice(), expected),
        (decision, expected) => assert_eq!(decision.as_ref().err().copied(), expected.err(), "{decision:?}"),
    }
    decision.into_iter().flatten().for_each(|event| cabinet.apply(&event));
    cabinet
}

fn decide(
    cabinet: &Cabinet,
    now: Time,
    command: &Command,
) -> Result<twin::twin::Events<Event>, CabinetRefusal> {
    cabinet.decide(command, &Moment { now, seed: Seed(1), entity: "cabinet", revision: 0 })
}

fn given(
    at: Time,
    slot: usize,
    pack: PackId,
    rider: RiderId,
    returned: PackId,
    waited_s: f64,
    soc: f64,
) -> Event {
    Event::Given { at, slot, pack, rider, returned, waited_s, soc, cut_short: false }
}

#[test]
fn a_rider_who_finds_a_ready_pack_swaps_at_once_and_the_returned_pack_is_charged() {
    let expected = [docked(1, 9, 0.2), given(NOON, 0, 1, 7, 9, 0.0, 1.0), ordered(NOON, 1, 9, 500.0)];
    let given_events = [docked(0, 1, 1.0)];
    let cabinet = check(model(), &given_events, (NOON, Command::Arrive { rider: 7, pack: 9 }), Ok(&expected));
    let view = cabinet.view(NOON);
    assert_eq!((view.docked, view.ready, view.queue, view.free), (1, 0, 0, 3));
}

#[test]
fn a_rider_who_finds_none_waits_and_is_served_when_a_charge_makes_one_ready() {
    let queued = Event::Queued { at: NOON, rider: 7, pack: 9 };
    let before = charging(0, 1, 0.5, 2);
    let cabinet = check(
        model(),
        &before,
        (NOON, Command::Arrive { rider: 7, pack: 9 }),
        Ok(std::slice::from_ref(&queued)),
    );
    // From 0.5 to 1 in two hours: 0.95, less the tolerance, is reached a little before 1 h 48 min.
    let wake_at = cabinet.view(NOON).wake_at.unwrap();
    let minutes = (wake_at - NOON) as f64 / MINUTE_MS as f64;
    assert!((107.0..108.0).contains(&minutes), "{minutes}");
    let Ok(events) = decide(&cabinet, wake_at, &Command::Wake) else { panic!() };
    let waited = wake_at.seconds_since(NOON);
    assert!(matches!(events[0], Event::Docked { slot: 1, pack: 9, .. }), "{events:?}");
    let Event::Given { pack: 1, rider: 7, returned: 9, waited_s, soc, cut_short: true, .. } = events[1]
    else {
        panic!("{events:?}")
    };
    assert_eq!(waited_s, waited);
    assert!((soc - 0.948).abs() < 1e-3, "{soc}");
}

#[test]
fn riders_are_served_in_the_order_of_their_coming() {
    let queue = |rider, pack| Event::Queued { at: NOON, rider, pack };
    let later = NOON + 10 * MINUTE_MS;
    let events = [queue(7, 70), queue(8, 80), docked(0, 1, 1.0)];
    // The third to come finds one pack ready, but it is not the third's turn.
    let expected = [
        Event::Docked { at: later, slot: 1, pack: 70, facts: facts(0.2) },
        given(later, 0, 1, 7, 70, 600.0, 1.0),
        Event::Queued { at: later, rider: 9, pack: 90 },
        ordered(later, 1, 70, 500.0),
    ];
    check(model(), &events, (later, Command::Arrive { rider: 9, pack: 90 }), Ok(&expected));
}

#[test]
fn a_rider_who_gives_up_leaves_the_queue_and_one_who_was_served_does_not() {
    let waiting = [Event::Queued { at: NOON, rider: 7, pack: 9 }];
    let later = NOON + 10 * MINUTE_MS;
    let left = [Event::WalkedAway { at: later, rider: 7, waited_s: 600.0 }];
    let cabinet = check(model(), &waiting, (later, Command::GiveUp { rider: 7 }), Ok(&left));
    assert_eq!(cabinet.view(later).queue, 0);
    // A pack that became ready just then is handed out instead.
    let ready = [waiting[0].clone(), docked(0, 1, 1.0)];
    let swapped = [
        Event::Docked { at: later, slot: 1, pack: 9, facts: facts(0.2) },
        given(later, 0, 1, 7, 9, 600.0, 1.0),
        ordered(later, 1, 9, 500.0),
    ];
    check(model(), &ready, (later, Command::GiveUp { rider: 7 }), Ok(&swapped));
    // Nobody of that name: time passes.
    check(model(), &[], (later, Command::GiveUp { rider: 5 }), Ok(&[Event::Passed { at: later }]));
}

#[test]
fn a_full_cabinet_has_no_slot_for_a_return_and_the_rider_waits() {
    let full: Vec<Event> = (0..4).map(|slot| docked(slot, slot as PackId, 1.0)).collect();
    let stock = Command::Stock { pack: 9, facts: facts(0.5) };
    check(model(), &full, (NOON, stock), Err(CabinetRefusal::Full { pack: 9 }));
    let Ok(events) = decide(
        &check(
            model(),
            &full,
            (NOON, Command::Stock { pack: 9, facts: facts(0.5) }),
            Err(CabinetRefusal::Full { pack: 9 }),
        ),
        NOON,
        &Command::Arrive { rider: 7, pack: 9 },
    ) else {
        panic!()
    };
    assert_eq!(events[0], Event::Queued { at: NOON, rider: 7, pack: 9 });
}

#[test]
fn what_a_cabinet_does_not_know_is_refused() {
    let unknown = Err(CabinetRefusal::Unknown { pack: 5 });
    check(model(), &[], (NOON, Command::Remove { pack: 5 }), unknown);
    check(model(), &[], (NOON, Command::Report { pack: 5, facts: facts(0.5), plan: None }), unknown);
    let nowhere = Err(CabinetRefusal::NoSuchSlot { slot: 4, last: 3 });
    check(model(), &[], (NOON, Command::Break(Part::Slot(4))), nowhere);
    check(model(), &[], (NOON, Command::Repair(Part::Charger(4))), nowhere);
}

#[test]
fn chargers_share_what_the_connection_gives_and_get_it_back() {
    let mut tight = model();
    tight.supply = Supply::grid_only(800.0, 500.0);
    let before = charging(0, 1, 0.5, 2);
    // A second charge gets what the first leaves of 800 W; a third would get nothing, and waits.
    let expected = [docked(1, 2, 0.5), ordered(NOON, 1, 2, 300.0)];
    let stock = Command::Stock { pack: 2, facts: facts(0.5) };
    let cabinet = check(tight.clone(), &before, (NOON, stock), Ok(&expected));
    let third = Command::Stock { pack: 3, facts: facts(0.5) };
    assert_eq!(decide(&cabinet, NOON, &third).unwrap().as_slice(), [docked(2, 3, 0.5)]);
    // When the first is taken out, the other gets the charger's full power, and the third what is left.
    let mut three: Vec<Event> = charging(0, 1, 0.5, 2).into();
    three.extend(charging(1, 2, 0.5, 2));
    three.extend([ordered(NOON, 1, 2, 300.0), docked(2, 3, 0.5)]);
    let later = NOON + HOUR_MS;
    let expected = [
        Event::Removed { at: later, slot: 0, pack: 1 },
        ordered(later, 1, 2, 500.0),
        ordered(later, 2, 3, 300.0),
    ];
    check(tight, &three, (later, Command::Remove { pack: 1 }), Ok(&expected));
}

#[test]
fn off_peak_a_charge_is_put_off_to_the_cheap_hours_and_begun_then() {
    let mut thrifty = model();
    thrifty.policy = Policy { kind: PolicyKind::OffPeak, reserve: 1 };
    let mut price = vec![0.3f32; 48];
    price[20..24].fill(0.1);
    thrifty.supply.price = Hourly::new(0, price);
    let until = Time::of_hour(20);
    // Pack 1 is the reserve; pack 2 can wait.
    let before = [docked(0, 1, 1.0), Event::Deferred { at: NOON, slot: 0, until }];
    let stock = Command::Stock { pack: 2, facts: facts(0.5) };
    let expected = [docked(1, 2, 0.5), Event::Deferred { at: NOON, slot: 1, until }];
    let cabinet = check(thrifty.clone(), &before, (NOON, stock), Ok(&expected));
    assert_eq!(cabinet.view(NOON).wake_at, Some(until));
    let begun = decide(&cabinet, until, &Command::Wake).unwrap();
    assert!(begun.contains(&ordered(until, 1, 2, 500.0)), "{begun:?}");
    // Without a reserve it is charged at once.
    let stock = Command::Stock { pack: 2, facts: facts(0.5) };
    check(thrifty, &[], (NOON, stock), Ok(&[docked(0, 2, 0.5), ordered(NOON, 0, 2, 500.0)]));
}

#[test]
fn a_broken_charger_stops_its_charge_until_it_is_repaired() {
    let later = NOON + HOUR_MS;
    let stopped = Event::ChargeStopped { at: later, slot: 0, pack: 1 };
    let broke = Event::Broke { at: later, part: Part::Charger(0) };
    let before = charging(0, 1, 0.2, 3);
    let mut cabinet =
        check(model(), &before, (later, Command::Break(Part::Charger(0))), Ok(&[stopped, broke]));
    let at = later + HOUR_MS;
    assert_eq!(decide(&cabinet, at, &Command::Wake).unwrap().as_slice(), [Event::Passed { at }]);
    for command in [Command::Repair(Part::Charger(0)), Command::Wake] {
        let events = decide(&cabinet, at, &command).unwrap();
        events.iter().for_each(|event| cabinet.apply(event));
        if command == Command::Wake {
            assert_eq!(events.as_slice(), [ordered(at, 0, 1, 500.0)]);
        }
    }
}

#[test]
fn a_pack_that_is_ready_when_its_charger_breaks_may_still_be_handed_out() {
    // From 0.2 to 1 in two hours: 0.96 after 114 minutes.
    let later = NOON + 114 * MINUTE_MS;
    let broke = (later, Command::Break(Part::Charger(0)));
    let stopped = Event::ChargeStopped { at: later, slot: 0, pack: 1 };
    let events = [stopped, Event::Broke { at: later, part: Part::Charger(0) }];
    let cabinet = check(model(), &charging(0, 1, 0.2, 2), broke, Ok(&events));
    assert_eq!(cabinet.view(later).ready, 1);
    let events = decide(&cabinet, later, &Command::Arrive { rider: 7, pack: 9 }).unwrap();
    let soc = events.iter().find_map(|event| match event {
        Event::Given { pack: 1, soc, .. } => Some(*soc),
        _ => None,
    });
    assert!((soc.unwrap() - 0.96).abs() < 1e-6, "{soc:?}");
}

#[test]
fn what_broke_twice_works_again_when_both_faults_are_repaired() {
    for part in [Part::Cabinet, Part::Slot(0), Part::Charger(0)] {
        let works = |repairs: usize| {
            let mut cabinet = Cabinet::new(CabinetModel { slots: 1, ..model() }, NOON);
            cabinet.apply(&docked(0, 1, 0.2));
            (0..2).for_each(|_| cabinet.apply(&Event::Broke { at: NOON, part }));
            (0..repairs).for_each(|_| cabinet.apply(&Event::Repaired { at: NOON, part }));
            decide(&cabinet, NOON, &Command::Wake).unwrap().contains(&ordered(NOON, 0, 1, 500.0))
        };
        assert_eq!([0, 1, 2].map(works), [false, false, true], "{part:?}");
    }
}

#[test]
fn a_charge_that_was_hindered_begins_when_another_leaves_it_power() {
    let mut tight = model();
    tight.supply = Supply::grid_only(500.0, 500.0);
    let mut cabinet = Cabinet::new(tight, NOON);
    // Pack 1 could not be charged for an hour; pack 2 takes all there is for three.
    let hindered = ChargePlan { complete: false, ..(*plan(NOON, 0, 0.2, 0.2)).clone() };
    let report = Event::Reported { at: NOON, slot: 0, facts: facts(0.2), plan: Some(Arc::new(hindered)) };
    [docked(0, 1, 0.2), ordered(NOON, 0, 1, 500.0), report].iter().for_each(|event| cabinet.apply(event));
    charging(1, 2, 0.2, 3).iter().for_each(|event| cabinet.apply(event));
    let at = NOON + HOUR_MS;
    assert_eq!(cabinet.view(NOON).wake_at, Some(at));
    let events = decide(&cabinet, at, &Command::Wake).unwrap();
    assert_eq!(events.as_slice(), [Event::Passed { at }]);
    events.iter().for_each(|event| cabinet.apply(event));
    let end = NOON + 3 * HOUR_MS;
    assert_eq!(cabinet.view(at).wake_at, Some(end));
    cabinet.apply(&Event::Passed { at: end });
    assert!(decide(&cabinet, end, &Command::Wake).unwrap().contains(&ordered(end, 0, 1, 500.0)));
}

#[test]
fn a_charge_counts_once_when_it_has_made_a_pack_ready() {
    let counted = |cabinet: &Cabinet, now| {
        let meter = cabinet.metered(now);
        (meter.totals().charges, meter.totals().charging_h)
    };
    // Interrupted by another power on the way: two plans, one charge from noon to three.
    let mut cabinet = Cabinet::new(model(), NOON);
    charging(0, 1, 0.2, 4).iter().for_each(|event| cabinet.apply(event));
    let at = NOON + HOUR_MS;
    cabinet.apply(&ordered(at, 0, 1, 400.0));
    let rest = plan(at, 2, 0.4, 1.0);
    cabinet.apply(&Event::Reported { at, slot: 0, facts: facts(0.4), plan: Some(rest) });
    cabinet.apply(&Event::Settled { at, plan: plan(NOON, 1, 0.2, 0.4) });
    let end = NOON + 3 * HOUR_MS;
    cabinet.apply(&Event::Passed { at: end });
    assert_eq!(counted(&cabinet, end), (1, 3.0));
    // What is full already, and what a limit hinders, is no charge.
    for (soc, complete) in [(1.0, true), (0.2, false)] {
        let mut cabinet = Cabinet::new(model(), NOON);
        let none = Arc::new(ChargePlan { complete, ..(*plan(NOON, 0, soc, soc)).clone() });
        let report = Event::Reported { at: NOON, slot: 0, facts: facts(soc), plan: Some(none) };
        [docked(0, 1, soc), ordered(NOON, 0, 1, 500.0), report].iter().for_each(|event| cabinet.apply(event));
        cabinet.apply(&Event::Passed { at });
        assert_eq!(counted(&cabinet, at), (0, 0.0));
    }
}

#[test]
fn a_pack_that_is_taken_away_serves_nobody_who_waits() {
    let mut thrifty = model();
    thrifty.policy = Policy { kind: PolicyKind::OffPeak, reserve: 0 };
    let mut price = vec![0.3f32; 48];
    price[20..24].fill(0.1);
    thrifty.supply.price = Hourly::new(0, price);
    // One charges, and two wait: what comes instead of the pack that goes is needed at once, cheap or not.
    let mut before: Vec<Event> = charging(0, 1, 0.2, 3).into();
    before.extend([(7, 70), (8, 80)].map(|(rider, pack)| Event::Queued { at: NOON, rider, pack }));
    before.extend([docked(1, 2, 0.2), docked(2, 3, 0.2)]);
    let expected = [Event::Removed { at: NOON, slot: 2, pack: 3 }, ordered(NOON, 1, 2, 500.0)];
    check(thrifty, &before, (NOON, Command::Remove { pack: 3 }), Ok(&expected));
}

#[test]
fn a_broken_slot_neither_gives_nor_takes() {
    let broke = |slot| Event::Broke { at: NOON, part: Part::Slot(slot) };
    let queued = Event::Queued { at: NOON, rider: 7, pack: 9 };
    let locked = [docked(0, 1, 1.0), broke(0)];
    check(model(), &locked, (NOON, Command::Arrive { rider: 7, pack: 9 }), Ok(&[queued]));
    let stock = Command::Stock { pack: 2, facts: facts(1.0) };
    check(
        model(),
        &[broke(0), broke(1)],
        (NOON, stock),
        Ok(&[docked(2, 2, 1.0), ordered(NOON, 2, 2, 500.0)]),
    );
    let stock = Command::Stock { pack: 2, facts: facts(1.0) };
    let all: Vec<Event> = (0..4).map(broke).collect();
    check(model(), &all, (NOON, stock), Err(CabinetRefusal::Full { pack: 2 }));
}

#[test]
fn a_cabinet_that_is_down_serves_nobody_and_all_its_charges_stop() {
    let mut before: Vec<Event> = vec![docked(1, 2, 1.0)];
    before.extend(charging(0, 1, 0.2, 3));
    let expected =
        [Event::ChargeStopped { at: NOON, slot: 0, pack: 1 }, Event::Broke { at: NOON, part: Part::Cabinet }];
    let mut cabinet = check(model(), &before, (NOON, Command::Break(Part::Cabinet)), Ok(&expected));
    assert_eq!(cabinet.view(NOON).wake_at, None);
    let at = NOON + MINUTE_MS;
    let events = decide(&cabinet, at, &Command::Arrive { rider: 7, pack: 9 }).unwrap();
    assert_eq!(events.as_slice(), [Event::Queued { at, rider: 7, pack: 9 }]);
    events.iter().for_each(|event| cabinet.apply(event));
    cabinet.apply(&Event::Repaired { at, part: Part::Cabinet });
    let events = decide(&cabinet, at, &Command::Wake).unwrap();
    assert!(events.contains(&given(at, 1, 2, 7, 9, 0.0, 1.0)), "{events:?}");
}

#[test]
fn the_swap_rule_decides_which_ready_pack_goes() {
    let report = |slot, pack, soc, soh, efc, since: i64| Event::Docked {
        at: NOON + (-since * HOUR_MS),
        slot,
        pack,
        facts: PackFacts { soc, soh, efc },
    };
    let stock = [
        report(0, 1, 0.96, 0.90, 300.0, 1),
        report(1, 2, 1.00, 0.85, 400.0, 2),
        report(2, 3, 0.97, 0.95, 350.0, 3),
    ];
    for (rule, pack) in [
        (SwapRule::HighestSoc, 2),
        (SwapRule::Oldest, 3),
        (SwapRule::Healthiest, 3),
        (SwapRule::LeastWorn, 1),
    ] {
        let mut cabinet = Cabinet::new(CabinetModel { rule, ..model() }, NOON + (-4 * HOUR_MS));
        stock.iter().for_each(|event| cabinet.apply(event));
        let events = decide(&cabinet, NOON, &Command::Arrive { rider: 7, pack: 9 }).unwrap();
        let gave = events.iter().find_map(|event| match event {
            Event::Given { pack, .. } => Some(*pack),
            _ => None,
        });
        assert_eq!(gave, Some(pack), "{rule:?}");
    }
}

#[test]
fn what_a_cabinet_draws_stays_within_its_connection() {
    let mut tight = model();
    tight.slots = 12;
    tight.supply = Supply::grid_only(1000.0, 500.0);
    tight.supply.efficiency = Arc::new([(0.05, 0.80), (0.2, 0.90), (0.5, 0.94), (1.0, 0.935)]);
    let mut cabinet = Cabinet::new(tight.clone(), NOON);
    let mut powers_w = [0.0; 12];
    for pack in 0..12 {
        for event in decide(&cabinet, NOON, &Command::Stock { pack, facts: facts(0.2) }).unwrap() {
            cabinet.apply(&event);
            if let Event::ChargeOrdered { slot, power_w, .. } = event {
                powers_w[slot] = power_w;
            }
        }
    }
    for round in 0..6u32 {
        let events = decide(&cabinet, NOON, &Command::Remove { pack: round }).unwrap();
        for event in &events {
            cabinet.apply(event);
            match event {
                Event::ChargeOrdered { slot, power_w, .. } => powers_w[*slot] = *power_w,
                Event::Removed { slot, .. } => powers_w[*slot] = 0.0,
                _ => {}
            }
        }
        let drawn_w: f64 = powers_w.iter().map(|w| w / tight.supply.efficiency_at(*w)).sum();
        assert!(drawn_w > 450.0 && drawn_w <= 1000.0 * 1.001, "{drawn_w} W through a connection of 1000 W");
    }
}

#[test]
fn a_pack_cannot_be_docked_twice_nor_a_rider_wait_twice() {
    let before = [docked(0, 1, 0.5), Event::Queued { at: NOON, rider: 7, pack: 9 }];
    let mut cabinet = Cabinet::new(model(), NOON);
    before.iter().for_each(|event| cabinet.apply(event));
    for command in [
        Command::Stock { pack: 1, facts: facts(0.5) },
        Command::Arrive { rider: 8, pack: 1 },
        Command::Arrive { rider: 7, pack: 9 },
    ] {
        assert!(decide(&cabinet, NOON, &command).is_err(), "{command:?}");
    }
}

/// What the world beyond the cabinet does in the property below.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Arrives,
    GivesUp(usize),
    Removed(usize),
    Stocked,
    Breaks(Part),
    Repaired(Part),
    Nothing,
}

fn happens() -> impl Strategy<Value = Happens> {
    let part = prop_oneof![
        (0usize..4).prop_map(Part::Slot),
        (0usize..4).prop_map(Part::Charger),
        Just(Part::Cabinet)
    ];
    prop_oneof![
        5 => Just(Happens::Arrives),
        2 => (0usize..4).prop_map(Happens::GivesUp),
        1 => (0usize..4).prop_map(Happens::Removed),
        2 => Just(Happens::Stocked),
        1 => part.clone().prop_map(Happens::Breaks),
        2 => part.prop_map(Happens::Repaired),
        3 => Just(Happens::Nothing),
    ]
}

/// A cabinet, and what an onlooker knows of it from its events alone.
struct Onlooker {
    cabinet: Cabinet,
    slots: [Option<PackId>; 4],
    queue: Vec<RiderId>,
    packs_out: BTreeSet<PackId>,
    riders: u32,
}

impl Onlooker {
    fn tell(&mut self, now: Time, command: &Command) -> Result<(), TestCaseError> {
        // A refusal lets no time pass, so time is told to pass first.
        self.cabinet.apply(&Event::Passed { at: now });
        let Ok(events) = decide(&self.cabinet, now, command) else { return Ok(()) };
        for event in &events {
            self.cabinet.apply(event);
            match event {
                Event::Docked { slot, pack, .. } => {
                    prop_assert_eq!(self.slots[*slot], None, "slot {} is taken", slot);
                    prop_assert!(!self.slots.contains(&Some(*pack)), "pack {} is in two slots", pack);
                    self.slots[*slot] = Some(*pack);
                    self.packs_out.remove(pack);
                }
                Event::Given { slot, pack, rider, .. } => {
                    prop_assert_eq!(self.slots[*slot].take(), Some(*pack));
                    self.queue.retain(|waiting| waiting != rider);
                    self.packs_out.insert(*pack);
                }
                Event::Removed { slot, pack, .. } => {
                    prop_assert_eq!(self.slots[*slot].take(), Some(*pack));
                }
                Event::Queued { rider, .. } => {
                    prop_assert!(!self.queue.contains(rider), "rider {} waits twice", rider);
                    self.queue.push(*rider);
                }
                Event::WalkedAway { rider, .. } => self.queue.retain(|waiting| waiting != rider),
                _ => {}
            }
        }
        // Every pack that is told to charge answers with a plan; one whose charge is cut short settles it.
        for event in &events {
            if let Event::ChargeOrdered { at, pack, power_w, .. } = event
                && self.slots.contains(&Some(*pack))
            {
                let hours = 1 + i64::from(*pack % 3);
                let mut plan = Arc::unwrap_or_clone(plan(*at, hours, 0.2, 1.0));
                let first_hour_ms = HOUR_MS - at.0.rem_euclid(HOUR_MS);
                plan.hourly_wh = (0..=hours).map(|_| *power_w as f32).collect();
                plan.hourly_wh[0] *= first_hour_ms as f32 / HOUR_MS as f32;
                let report = Command::Report { pack: *pack, facts: facts(0.2), plan: Some(Arc::new(plan)) };
                self.tell(now, &report)?;
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_packs_and_riders_are_in_one_place_and_the_meter_adds_up(
        course in prop::collection::vec((happens(), 1i64..180), 1..60),
        sun in 0.0f64..800.0,
        site_w in 300.0f64..2500.0,
    ) {
        let mut model = model();
        model.supply = Supply::grid_only(site_w, 500.0);
        model.supply.standby_w = 25.0;
        model.supply.solar_wp = sun;
        model.supply.sun = Hourly::new(0, (0..400).map(|h| (h % 7) as f32 / 7.0).collect::<Vec<_>>());
        let mut world = Onlooker {
            cabinet: Cabinet::new(model, NOON),
            slots: [None; 4],
            queue: Vec::new(),
            packs_out: (0..8).collect(),
            riders: 0,
        };
        let mut now = NOON;
        for (happens, minutes) in course {
            now = now + minutes * MINUTE_MS;
            let free_pack = world.packs_out.first().copied();
            let command = match happens {
                Happens::Arrives => match free_pack {
                    Some(pack) => {
                        world.riders += 1;
                        // Whoever waits keeps the pack; it is not anybody else's to bring.
                        world.packs_out.remove(&pack);
                        Command::Arrive { rider: world.riders, pack }
                    }
                    None => Command::Wake,
                },
                Happens::GivesUp(k) => match world.queue.get(k) {
                    Some(rider) => Command::GiveUp { rider: *rider },
                    None => Command::Wake,
                },
                Happens::Removed(k) => match world.slots[k] {
                    Some(pack) => Command::Remove { pack },
                    None => Command::Wake,
                },
                Happens::Stocked => match free_pack {
                    Some(pack) => Command::Stock { pack, facts: facts(0.3) },
                    None => Command::Wake,
                },
                Happens::Breaks(part) => Command::Break(part),
                Happens::Repaired(part) => Command::Repair(part),
                Happens::Nothing => Command::Wake,
            };
            world.tell(now, &command)?;
            let view = world.cabinet.view(now);
            prop_assert_eq!(view.docked as usize, world.slots.iter().flatten().count());
            prop_assert_eq!(view.queue as usize, world.queue.len());
            prop_assert!(view.ready <= view.docked);
            prop_assert!(view.wake_at.is_none_or(|at| at > now), "woken for the past");
            let meter = world.cabinet.metered(now);
            let totals = meter.totals();
            prop_assert!((totals.grid_wh + totals.solar_wh - totals.energy_wh).abs() < 1e-6 * totals.energy_wh.max(1.0));
            prop_assert!(totals.grid_wh >= 0.0 && totals.solar_wh >= 0.0 && totals.charged_wh >= 0.0);
            prop_assert!(totals.charged_wh <= totals.energy_wh + 1e-6);
            let by_hour: f64 = meter.by_hour_wh().iter().sum();
            prop_assert!((by_hour - totals.energy_wh).abs() < 1e-6 * totals.energy_wh.max(1.0));
        }
    }
}
