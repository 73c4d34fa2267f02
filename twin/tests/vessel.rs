//! Vessels: what they do with time, and that mass, fuel and energy go nowhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use proptest::prelude::*;
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::integrate::Stepping;
use twin::battery::library;
use twin::battery::pack::{Layout, PackModel};
use twin::battery::thermal::ThermalPath;
use twin::battery::{Battery, BatteryView};
use twin::forcing::Ambient;
use twin::geo::Position;
use twin::plastic::gear::Gear;
use twin::plastic::ground::usual_from_sea;
use twin::plastic::hold::HoldModel;
use twin::rng::Seed;
use twin::time::{HOUR_MS, Time};
use twin::twin::{Moment, Twin};
use twin::vessel::power::{Engine, Hull};
use twin::vessel::tracker::TrackerModel;
use twin::vessel::{
    Conditions, Ending, Fault, Mission, Part, Source, Task, Vessel, VesselCommand as Command, VesselEvent,
    VesselModel, VesselRefusal,
};

const PORT: Position = Position { latitude_deg: 37.8, longitude_deg: -122.4 };
const START: Time = Time(1_780_000_000_000);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Drive {
    Diesel,
    Hybrid,
    Battery,
}

fn model(drive: Drive) -> VesselModel {
    VesselModel {
        hull: Hull { design_speed_kn: 10.0, design_shaft_w: 150_000.0, light_kg: 120_000.0 },
        engine: (drive != Drive::Battery).then(|| Engine::rated(250_000.0)),
        tank_max_l: 20_000.0,
        battery_max_w: if drive == Drive::Diesel { 0.0 } else { 200_000.0 },
        reserve_soc: 0.25,
        recharge_w: 60_000.0,
        shore_w: 120_000.0,
        shore_efficiency: 0.94,
        transmission: 0.95,
        hotel_w: 4_000.0,
        gear: Gear::Net { swath_m: 400.0, efficiency: 0.7, drag_area_m2: 8.0 },
        hold: HoldModel { mass_max_kg: 6_000.0, volume_max_m3: 60.0, bulk_kg_per_m3: 80.0 },
        leeway: 0.03,
        tracker: TrackerModel { capacity_wh: 20.0, drain_w: 0.3, harvest_w: 0.1 },
    }
}

/// Some 490 kWh of large LFP cells.
fn battery() -> Battery {
    let file = library::find("lfp-gr-250ah-prismatic").unwrap();
    let heat = file.cell.mass_kg * file.cell.heat_capacity_j_per_kg_k;
    let cell = Arc::new(CellModel::compile(file).unwrap());
    let thermal = ThermalPath::from_time_constants(heat, 0.5, 600.0, 7200.0);
    let pack = PackModel::uniform(cell, Layout { series: 204, parallel: 3 }, thermal);
    Battery::new(pack, Ambient::constant(18.0), START, 0.95, Stepping::default())
}

fn vessel(drive: Drive) -> Vessel {
    let battery = (drive != Drive::Diesel).then(battery);
    Vessel::new(Arc::new(model(drive)), battery, PORT, START)
}

#[expect(clippy::needless_pass_by_value, reason = "commands are written where they are given")]
fn tell(vessel: &mut Vessel, now: Time, command: Command) -> Result<Vec<VesselEvent>, VesselRefusal> {
    let moment = Moment { now, seed: Seed(1), entity: "vessel", revision: 0 };
    let events = vessel.decide(&command, &moment)?;
    events.iter().for_each(|event| vessel.apply(event));
    Ok(events.into_vec())
}

fn begin(vessel: &mut Vessel, now: Time, task: Task) -> twin::vessel::Leg {
    match tell(vessel, now, Command::Begin(Box::new(task))).unwrap().remove(0) {
        VesselEvent::Begun(leg) => *leg,
        other => panic!("{other:?}"),
    }
}

fn out(distance_km: f64) -> Position {
    PORT.moved(250.0, distance_km)
}

fn collect(hours: f64, density_kg_per_km2: f64) -> Task {
    let mix = usual_from_sea(0.46);
    Task::Collect { course_deg: 90.0, speed_kn: 1.5, hours, density_kg_per_km2, mix }
}

/// Sums close and stocks stay within their bounds.
fn assert_closed(vessel: &Vessel) {
    let state = vessel.state();
    let ledger = &state.ledger;
    let close = |gap: f64, scale: f64, what: &str| {
        assert!(gap.abs() <= 1e-9 * scale.max(1.0), "{what}: {gap} of {scale}");
    };
    close(vessel.mass_gap_kg(), ledger.caught_kg, "mass");
    close(vessel.fuel_gap_l(), ledger.initial_l + ledger.bunkered_l, "fuel");
    let given_wh = ledger.engine_wh + ledger.battery_out_wh + ledger.shore_wh;
    close(ledger.energy_gap_wh(), given_wh, "energy");
    close(state.tracker.gap_wh(), state.tracker.ledger().harvested_wh + 20.0, "tracker");
    let capacity_kg = vessel.model().hold.capacity_kg();
    let hold_kg = state.hold.mass_kg();
    assert!(state.hold.is_sound() && hold_kg <= capacity_kg * (1.0 + 1e-12), "{hold_kg} of {capacity_kg}");
    assert!((0.0..=1.0).contains(&state.tracker.level()));
    assert!(state.tank_l >= 0.0 && state.tank_l <= vessel.model().tank_max_l * (1.0 + 1e-12));
    // What was asked of the battery and not given is what the battery says, but for the error of its coarse steps.
    if let Some(battery) = &state.battery {
        let own_wh = battery.ledger().unserved_wh;
        let residue = (ledger.unserved_wh - own_wh) / ledger.battery_out_wh.max(1.0);
        assert!(residue.abs() <= 0.05, "{residue}: {own_wh} Wh of {ledger:?}");
        let BatteryView { soc, .. } = battery.view(battery.at());
        assert!((0.0..=1.0).contains(&soc));
    }
}

#[test]
fn a_voyage_takes_as_long_and_as_much_as_its_formulas_say() {
    let mut vessel = vessel(Drive::Diesel);
    let leg =
        begin(&mut vessel, START, Task::Sail { to: out(185.2), speed_kn: 10.0, mission: Mission::Transit });
    // A hundred nautical miles at ten knots.
    assert!(
        (leg.hours() - 10.0).abs() < 1e-6 && leg.ending == Ending::Arrived && leg.source == Source::Engine
    );
    assert!((leg.hull_w - 150_000.0).abs() < 1e-6);
    let half = vessel.view(leg.begins + 5 * HOUR_MS);
    assert!((half.position.distance_km(PORT) - 92.6).abs() < 1e-3 && !half.berthed);
    let there = vessel.view(leg.ends);
    assert!(there.position.distance_km(out(185.2)) < 1e-9 && there.ended == Some(Ending::Arrived));
    let demand_kwh = 10.0 * (150.0 / 0.95 + 4.0);
    let fuel_l = 10.0 * 250.0 * 0.014 + 0.236 * demand_kwh;
    assert!((there.ledger.burnt_l - fuel_l).abs() < 1e-3, "{} {fuel_l}", there.ledger.burnt_l);
    assert!((there.ledger.distance_km - 185.2).abs() < 1e-3);

    let leg = begin(&mut vessel, leg.ends, collect(6.0, 57.0));
    let speed_km_h = 1.5 * 1.852;
    assert!((leg.catch_kg_per_h - 57.0 * 0.4 * speed_km_h * 0.7).abs() < 1e-9);
    let after = vessel.view(leg.ends);
    assert!((after.hold_kg - 6.0 * leg.catch_kg_per_h).abs() < 1e-6 && after.ended == Some(Ending::TimeUp));
    assert!((after.ledger.cleared_km2 - 6.0 * 0.4 * speed_km_h).abs() < 1e-9);
    assert!((after.hold_m3 - after.hold_kg / 80.0).abs() < 1e-9);

    let leg = begin(&mut vessel, leg.ends, collect(200.0, 57.0));
    assert!(leg.ending == Ending::HoldFull && leg.hours() < 200.0);
    let full = vessel.view(leg.ends);
    assert!(full.filled <= 1.0 && full.filled > 0.999_999);

    assert_eq!(tell(&mut vessel, leg.ends, Command::Land), Err(VesselRefusal::AtSea));
    let home = Task::Sail { to: PORT, speed_kn: 10.0, mission: Mission::Return };
    let leg = begin(&mut vessel, leg.ends, home);
    let leg = begin(&mut vessel, leg.ends, Task::Unload { kg_per_h: 1_000.0 });
    let caught_kg = full.hold_kg;
    assert!((leg.hours() - caught_kg / 1000.0).abs() < 1e-6 && leg.source == Source::Shore);
    let half = vessel.view(leg.begins + (leg.ends - leg.begins) / 2);
    assert!((half.quay_kg - half.hold_kg).abs() < 0.01 && half.berthed);
    let landed = tell(&mut vessel, leg.ends, Command::Land).unwrap();
    let VesselEvent::Landed { material, .. } = &landed[0] else { panic!("{landed:?}") };
    assert!((material.mass_kg() - caught_kg).abs() < 1e-9 * caught_kg);
    assert!((material.net_kg() / caught_kg - 0.46).abs() < 1e-9);
    tell(&mut vessel, leg.ends, Command::Bunker).unwrap();
    assert_eq!(vessel.view(leg.ends).tank_l, 20_000.0);
    assert_closed(&vessel);
}

#[test]
fn currents_carry_and_are_headed_into() {
    let mut vessel = vessel(Drive::Diesel);
    let conditions = Conditions { current_m_s: (0.0, 1.0), wind_m_s: (10.0, 0.0), ..Conditions::default() };
    tell(&mut vessel, START, Command::Meet(conditions)).unwrap();
    let knot: f64 = 1852.0 / 3600.0;
    // Due east across a current to the north: what is left of 6 knots after heading into it.
    let east = PORT.moved(90.0, 30.0);
    let leg = begin(&mut vessel, START, Task::Sail { to: east, speed_kn: 6.0, mission: Mission::Patrol });
    let made = ((6.0 * knot).powi(2) - 1.0).sqrt();
    assert!((leg.over_ground_m_s - made).abs() < 1e-9);
    // Into more than its speed it does not get.
    let conditions = Conditions { current_m_s: (0.0, -4.0), ..conditions };
    tell(&mut vessel, leg.ends, Command::Meet(conditions)).unwrap();
    let north = Task::Sail { to: PORT.moved(0.0, 100.0), speed_kn: 6.0, mission: Mission::Transit };
    let refusal = tell(&mut vessel, leg.ends, Command::Begin(Box::new(north))).unwrap_err();
    assert!(matches!(refusal, VesselRefusal::Current { .. }), "{refusal}");
    // Adrift it goes with the current and three per cent of the wind.
    let view = vessel.view(leg.ends + 10 * HOUR_MS);
    let drifted_km = view.position.distance_km(leg.to);
    let expected_km = (4.0f64.powi(2) + 0.3f64.powi(2)).sqrt() * 36.0;
    assert!((drifted_km - expected_km).abs() < 1e-6 * expected_km, "{drifted_km} {expected_km}");
    assert!(view.ledger.adrift_h > 9.99);
}

#[test]
fn a_battery_vessel_goes_as_far_as_its_battery_and_charges_in_port() {
    let mut vessel = vessel(Drive::Battery);
    let far = Task::Sail { to: out(900.0), speed_kn: 8.0, mission: Mission::Transit };
    let leg = begin(&mut vessel, START, far);
    assert!(leg.source == Source::Battery && leg.ending == Ending::BatteryEmpty, "{leg:?}");
    // 490 kWh less what is below the last volt, at 85 kW.
    let range_km = PORT.distance_km(leg.to);
    assert!((50.0..100.0).contains(&range_km), "{range_km}");
    let view = vessel.view(leg.ends);
    assert!(view.soc.unwrap() < 0.05 && view.ledger.burnt_l == 0.0);
    assert_closed(&vessel);

    let mut vessel = super_short_trip();
    let before = vessel.view(vessel.state().at);
    let at = vessel.state().at;
    let leg = begin(&mut vessel, at, Task::Moor { hours: 1.0 });
    let after = vessel.view(leg.ends);
    assert!(before.soc.unwrap() < 0.8 && after.soc.unwrap() > 0.97, "{before:?} {after:?}");
    assert!(leg.hours() > 1.0);
    tell(&mut vessel, leg.ends, Command::CatchUp).unwrap();
    let ledger = vessel.state().ledger;
    let hotel_wh = 4_000.0 * leg.hours();
    assert!((ledger.shore_wh - hotel_wh - ledger.battery_in_wh / 0.94).abs() < 1e-6 * ledger.shore_wh);
    assert_closed(&vessel);
}

/// Out and back by battery.
fn super_short_trip() -> Vessel {
    let mut vessel = vessel(Drive::Battery);
    let leg =
        begin(&mut vessel, START, Task::Sail { to: out(15.0), speed_kn: 8.0, mission: Mission::Transit });
    let home = Task::Sail { to: PORT, speed_kn: 8.0, mission: Mission::Return };
    let leg = begin(&mut vessel, leg.ends, home);
    assert_eq!(leg.ending, Ending::Arrived);
    tell(&mut vessel, leg.ends, Command::CatchUp).unwrap();
    assert!(vessel.state().berthed);
    vessel
}

#[test]
fn a_hybrid_tows_on_its_battery_and_sails_on_its_engine() {
    let mut vessel = vessel(Drive::Hybrid);
    let leg =
        begin(&mut vessel, START, Task::Sail { to: out(200.0), speed_kn: 9.0, mission: Mission::Transit });
    assert_eq!(leg.source, Source::Engine);
    let leg = begin(&mut vessel, leg.ends, collect(4.0, 20.0));
    assert_eq!(leg.source, Source::Battery);
    let leg = begin(&mut vessel, leg.ends, collect(60.0, 5.0));
    assert_eq!(leg.source, Source::Engine);
    let before = vessel.view(leg.begins).soc.unwrap();
    let after = vessel.view(leg.ends);
    assert!(after.soc.unwrap() >= before, "{before} {after:?}");
    tell(&mut vessel, leg.ends, Command::CatchUp).unwrap();
    assert_closed(&vessel);
}

#[test]
fn what_breaks_shows_and_what_is_mended_works_again() {
    let mut vessel = vessel(Drive::Diesel);
    let sail = Task::Sail { to: out(100.0), speed_kn: 10.0, mission: Mission::Transit };
    begin(&mut vessel, START, sail);
    let at = START + HOUR_MS;
    tell(&mut vessel, at, Command::Break(Fault::Engine { left: 0.0 })).unwrap();
    assert_eq!(tell(&mut vessel, at, Command::Begin(Box::new(sail))), Err(VesselRefusal::NoPropulsion));
    let adrift = vessel.view(at + HOUR_MS);
    assert!((adrift.ledger.adrift_h - 1.0).abs() < 1e-9 && (adrift.ledger.sailing_h - 1.0).abs() < 1e-9);
    // Half an engine gives what its power is good for: the cube root, less the hotel's share.
    tell(&mut vessel, at, Command::Break(Fault::Engine { left: 0.2 })).unwrap();
    let slow = begin(&mut vessel, at, sail);
    let reached = ((0.2 * 250_000.0 - 4_000.0) * 0.95 / 150_000.0f64).cbrt() * 10.0;
    assert!((slow.through_water_m_s / (1852.0 / 3600.0) - reached).abs() < 1e-9);
    tell(&mut vessel, at, Command::Mend(Part::Engine)).unwrap();
    let leg = begin(&mut vessel, at, sail);

    tell(&mut vessel, leg.ends, Command::Break(Fault::Net { left: 0.25 })).unwrap();
    let torn = begin(&mut vessel, leg.ends, collect(1.0, 57.0));
    tell(&mut vessel, leg.ends, Command::Mend(Part::Net)).unwrap();
    let whole = begin(&mut vessel, leg.ends, collect(10.0, 57.0));
    assert!((torn.catch_kg_per_h - 0.25 * whole.catch_kg_per_h).abs() < 1e-9);

    tell(&mut vessel, whole.begins, Command::Break(Fault::Scale { per_day: 0.12 })).unwrap();
    let mut stream = Seed(3).stream("vessel", "sensors", 0);
    let readings = vessel.readings(whole.ends, &mut stream).unwrap();
    let true_kg = vessel.view(whole.ends).hold_kg;
    // Five per cent after ten hours, and the scale's noise of two per mille of 4800 kg.
    assert!((readings.weight.mass_kg - 1.05 * true_kg).abs() < 50.0, "{readings:?} {true_kg}");
    assert!(readings.gps.position.distance_km(vessel.view(whole.ends).position) < 0.03);

    tell(&mut vessel, whole.begins, Command::Break(Fault::Tracker)).unwrap();
    let fixes = vessel.track().len();
    begin(&mut vessel, whole.begins + HOUR_MS, collect(1.0, 57.0));
    assert_eq!(vessel.track().len(), fixes);
    assert!(vessel.readings(whole.ends, &mut stream).is_none());
    assert!(tell(&mut vessel, whole.ends, Command::Break(Fault::Net { left: 1.5 })).is_err());
    assert_closed(&vessel);
}

#[test]
fn an_empty_tank_leaves_a_vessel_dark_and_drifting() {
    let mut vessel =
        Vessel::new(Arc::new(VesselModel { tank_max_l: 100.0, ..model(Drive::Diesel) }), None, PORT, START);
    let leg =
        begin(&mut vessel, START, Task::Sail { to: out(500.0), speed_kn: 10.0, mission: Mission::Transit });
    assert_eq!(leg.ending, Ending::TankEmpty);
    tell(&mut vessel, leg.ends + 100 * HOUR_MS, Command::CatchUp).unwrap();
    let view = vessel.view(leg.ends + 100 * HOUR_MS);
    assert!(view.tank_l < 1e-3 && view.ended.is_none(), "{view:?}");
    assert_closed(&vessel);
}

#[derive(Debug, Clone)]
enum Deed {
    Sail { km: f64, turn: f64, speed_kn: f64, home: bool },
    Collect { hours: f64, density: f64 },
    Unload,
    Moor,
    Land,
    Bunker,
    Engine(f64),
    Net(f64),
    Mend(bool),
    Tracker(bool),
    Current(f64, f64),
    Wait,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (1.0..400.0f64, 0.0..360.0f64, 1.0..14.0f64, any::<bool>())
            .prop_map(|(km, turn, speed_kn, home)| Deed::Sail { km, turn, speed_kn, home }),
        (0.0..80.0f64, 0.0..400.0f64).prop_map(|(hours, density)| Deed::Collect { hours, density }),
        Just(Deed::Unload),
        Just(Deed::Moor),
        Just(Deed::Land),
        Just(Deed::Bunker),
        (0.0..1.0f64).prop_map(Deed::Engine),
        (0.0..1.0f64).prop_map(Deed::Net),
        any::<bool>().prop_map(Deed::Mend),
        any::<bool>().prop_map(Deed::Tracker),
        (-1.5..1.5f64, -1.5..1.5f64).prop_map(|(east, north)| Deed::Current(east, north)),
        Just(Deed::Wait),
    ]
}

fn command(deed: &Deed) -> Command {
    let begin = |task| Command::Begin(Box::new(task));
    match *deed {
        Deed::Sail { home: true, speed_kn, .. } => {
            begin(Task::Sail { to: PORT, speed_kn, mission: Mission::Return })
        }
        Deed::Sail { km, turn, speed_kn, .. } => {
            begin(Task::Sail { to: PORT.moved(turn, km), speed_kn, mission: Mission::Transit })
        }
        Deed::Collect { hours, density } => begin(collect(hours, density)),
        Deed::Unload => begin(Task::Unload { kg_per_h: 1500.0 }),
        Deed::Moor => begin(Task::Moor { hours: 3.0 }),
        Deed::Land => Command::Land,
        Deed::Bunker => Command::Bunker,
        Deed::Engine(left) => Command::Break(Fault::Engine { left }),
        Deed::Net(left) => Command::Break(Fault::Net { left }),
        Deed::Mend(engine) => Command::Mend(if engine { Part::Engine } else { Part::Net }),
        Deed::Tracker(broken) if broken => Command::Break(Fault::Tracker),
        Deed::Tracker(_) => Command::Mend(Part::Tracker),
        Deed::Current(east, north) => {
            Command::Meet(Conditions { current_m_s: (east, north), ..Conditions::default() })
        }
        Deed::Wait => Command::CatchUp,
    }
}

/// Goes through deeds, each at a share of the way to the end of what is under way, or some hours after it.
fn live(drive: Drive, deeds: &[(Deed, f64)], look: bool) -> Vessel {
    let mut vessel = vessel(drive);
    let mut now = START;
    for (deed, share) in deeds {
        let ends = vessel.view(now).leg.map_or(now + 8 * HOUR_MS, |leg| leg.ends.min(now + 400 * HOUR_MS));
        let next = now + ((ends - now) as f64 * 1.25 * share) as i64;
        if look {
            for k in 1..4 {
                let at = now + (next - now) * k / 4;
                tell(&mut vessel, at, Command::CatchUp).unwrap();
                vessel.view(at + HOUR_MS);
            }
        }
        now = next;
        // What is refused changes nothing.
        let _refused = tell(&mut vessel, now, command(deed));
        assert_closed(&vessel);
    }
    tell(&mut vessel, now, Command::CatchUp).unwrap();
    vessel
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_over_random_lives(
        deeds in prop::collection::vec((deed(), 0.0..1.0f64), 1..30),
        drive in prop_oneof![Just(Drive::Diesel), Just(Drive::Hybrid), Just(Drive::Battery)],
    ) {
        assert_closed(&live(drive, &deeds, false));
    }

    /// Everything over a leg is in closed form, so how often somebody asks cannot matter.
    #[test]
    fn looking_and_catching_up_change_nothing(deeds in prop::collection::vec((deed(), 0.0..1.0f64), 1..20)) {
        let (once, often) = (live(Drive::Diesel, &deeds, false), live(Drive::Diesel, &deeds, true));
        let (a, b) = (once.state(), often.state());
        let near = |x: f64, y: f64| (x - y).abs() <= 1e-9 * x.abs().max(y.abs()).max(1.0);
        prop_assert!(near(a.ledger.burnt_l, b.ledger.burnt_l), "{} {}", a.ledger.burnt_l, b.ledger.burnt_l);
        prop_assert!(near(a.ledger.caught_kg, b.ledger.caught_kg));
        prop_assert!(near(a.ledger.distance_km, b.ledger.distance_km));
        prop_assert!(near(a.tracker.level(), b.tracker.level()));
        prop_assert!(a.position.distance_km(b.position) < 1e-6);
        prop_assert_eq!(a.berthed, b.berthed);
    }
}
