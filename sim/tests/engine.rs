//! Whole worlds in virtual time: the same whoever runs them, and nothing lost on the way.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use sim::engine::session::{BrokenPart, Injection, Session};
use sim::engine::{self, Options};
use sim::results::record::{SeriesRow, WorldRecord};
use sim::scenario::{self, Known, Plan};
use sim::world::{climate, drive, grids};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::Path;
use twin::battery::library;

/// Three districts with riders who roam, breakdowns, and a few packs with duties of their own.
const CITY: &str = r"
name: small-city
start: 2026-03-01
horizon_days: 30
seed: 11
replicates: 2
utc_offset_h: 7
climate: { city: bangkok }
energy:
  tariff: { by_hour_per_kwh: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2,
                              0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1] }
batteries:
  scooter-pack: { chemistry: nmc811-grsi-lg-m50-5ah, series: 14, parallel: 6, price: 300 }
  home: { chemistry: lfp-gr-250ah-prismatic, series: 16 }
networks:
  - name: city
    battery: scooter-pack
    packs: 60
    districts: 3
    cabinets: { count: 6, slots: 8, charger_kw: 0.5, site_power_kw: 2.5, solar_kwp: 1, standby_w: 40 }
    charging: { reserve: 2 }
    riders: { count: 30, km_per_day: 80, roaming: 0.15 }
    trips: { cycle: urban-scooter }
packs:
  - name: cellar
    battery: home
    count: 3
    duty:
      kind: daily
      steps:
        - { at_hour: 9, c_rate: -0.25, until_soc: 0.95 }
        - { at_hour: 18, c_rate: 0.2, until_soc: 0.15 }
faults:
  - { kind: charger, network: city, mean_days_between: 60, repair_h: 12 }
  - { kind: cabinet, network: city, mean_days_between: 40, repair_h: 5 }
output: { interval_days: 5 }
";

fn planned(text: &str, sets: &[(&str, &str)]) -> Plan {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let known = Known {
        chemistries: library::names().map(str::to_owned).collect(),
        cities: owned(&climate::names()),
        grids: owned(&grids::names()),
        cycles: owned(&drive::names()),
    };
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    match scenario::parse(text.as_bytes(), "city.yaml", Path::new("."), &sets, &known) {
        Ok(plan) => plan,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// The worlds of a plan, run by actors on so many threads.
fn run(plan: &Plan, jobs: usize) -> Vec<WorldRecord> {
    let models = engine::prepare::<Infallible>(plan).unwrap();
    let mut worlds = Vec::new();
    let options = Options { jobs, ..Options::default() };
    let sink = |world| {
        worlds.push(world);
        Ok::<_, Infallible>(())
    };
    engine::run(&models, plan.base.replicates, &options, sink).unwrap();
    worlds
}

/// One world without actors.
fn world(sets: &[(&str, &str)]) -> WorldRecord {
    let plan = planned(CITY, sets);
    engine::run_direct(&engine::prepare::<Infallible>(&plan).unwrap()[0], 0, 0)
}

/// A value of every twin of a kind at the end, by name.
fn at_the_end(world: &WorldRecord, kind: &str, value: &str) -> BTreeMap<String, f64> {
    let rows = world.twins.iter().map(|row| (&world.subjects[row.subject as usize], row));
    rows.filter(|(subject, _)| subject.kind == kind)
        .filter_map(|(subject, row)| {
            let found = row.values.iter().find(|(name, _)| *name == value)?;
            Some((subject.id.clone(), found.1))
        })
        .collect()
}

#[test]
fn a_world_is_the_same_on_one_thread_on_two_and_without_actors() {
    let plan = planned(CITY, &[]);
    let one = run(&plan, 1);
    assert_eq!(one.len(), 2);
    assert!(one == run(&plan, 2), "two threads, a world each");
    let alone = planned(CITY, &[("replicates", "1")]);
    assert!(one[..1] == run(&alone, 2), "two threads for the zones of one world");
    let models = engine::prepare::<Infallible>(&plan).unwrap();
    for (replicate, world) in one.iter().enumerate() {
        assert!(engine::run_direct(&models[0], 0, replicate as u32) == *world, "replicate {replicate}");
    }
    assert!(one[0].figures != one[1].figures, "replicates have draws of their own");
}

#[test]
fn another_seed_is_another_world() {
    let (a, b) = (world(&[]), world(&[("seed", "12")]));
    assert!(a.figures["swaps_total"] > 500.0, "{:?}", a.figures);
    assert!(a.figures != b.figures && a.events != b.events);
}

#[test]
fn what_the_chargers_give_is_what_the_packs_take() {
    let world = world(&[("horizon_days", "30.37")]);
    let charged_kwh: f64 = at_the_end(&world, "cabinet", "charged_kwh").values().sum();
    let packs = at_the_end(&world, "battery", "energy_in_kwh");
    let taken_kwh: f64 = packs.iter().filter(|(name, _)| name.starts_with("city-")).map(|(_, kwh)| kwh).sum();
    println!("{charged_kwh} kWh metered, {taken_kwh} kWh into packs");
    assert!(taken_kwh > 500.0);
    // A cabinet hears of the last plans with its next message, so a charge or two per cabinet is not read yet; and
    // charges that are under way are read in proportion to time within their hour.
    let unread_kwh = taken_kwh - charged_kwh;
    assert!((-0.5..1.5 * 6.0).contains(&unread_kwh), "{unread_kwh} kWh are missing");
    let energy: f64 = at_the_end(&world, "cabinet", "energy_kwh").values().sum();
    let grid: f64 = at_the_end(&world, "cabinet", "grid_kwh").values().sum();
    let solar: f64 = at_the_end(&world, "cabinet", "solar_kwh").values().sum();
    assert!((grid + solar - energy).abs() < 1e-9 * energy && solar > 0.0);
    assert!((world.figures["energy_consumed_kwh"] / energy - 1.0).abs() < 1e-9);
    assert!(energy * 0.95 > charged_kwh, "chargers lose, and cabinets draw something at rest");
}

#[test]
fn every_pack_is_there_at_every_sample_exactly_once_wherever_it_roams() {
    // Worn out quickly, so that packs are replaced as well.
    let sets = [
        ("horizon_days", "40"),
        ("batteries.scooter-pack.end_of_life_soh", "0.975"),
        ("output.interval_days", "1.75"),
        ("networks.city.riders.roaming", "0.5"),
    ];
    let world = world(&sets);
    let lineage = |row: &SeriesRow| {
        let id = &world.subjects[row.subject as usize].id;
        id.split('#').next().unwrap_or(id).to_owned()
    };
    let is_pack =
        |row: &&SeriesRow| world.subjects[row.subject as usize].kind == "battery" && row.metric == "soh";
    let mut seen: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in world.series.iter().filter(is_pack) {
        seen.entry(row.t_ms).or_default().push(lineage(row));
    }
    assert_eq!(seen.len(), 24, "the start, 22 samples and the end");
    for (t_ms, mut packs) in seen {
        packs.sort();
        let distinct: BTreeSet<&String> = packs.iter().collect();
        assert_eq!((packs.len(), distinct.len()), (63, 63), "at {t_ms}");
    }
    assert!(world.figures["replacements_total"] > 5.0, "{:?}", world.figures["replacements_total"]);
    let in_service =
        at_the_end(&world, "battery", "retired").values().filter(|retired| **retired == 0.0).count();
    assert_eq!(in_service, 63);
    let retired = at_the_end(&world, "battery", "retired").len() - in_service;
    assert_eq!(retired as f64, world.figures["replacements_total"]);
    assert_eq!(world.events.iter().filter(|e| e.event == "end_of_life").count(), retired);
}

#[test]
fn how_often_it_is_looked_at_changes_nothing() {
    let (rarely, often) = (world(&[]), world(&[("output.interval_days", "0.3")]));
    assert!(rarely.twins == often.twins);
    assert!(rarely.events == often.events);
    assert!(often.series.len() > 5 * rarely.series.len());
    for name in rarely.figures.keys() {
        let (a, b) = (rarely.figures[name], often.figures[name]);
        assert!((a - b).abs() <= 1e-9 * a.abs(), "{name}: {a} and {b}");
    }
}

#[test]
fn breakdowns_cost_swaps() {
    let never = [("faults", "")];
    let often = [("faults.1.mean_days_between", "2"), ("faults.1.repair_h", "30")];
    let (sound, broken) = (world(&never), world(&often));
    let count = |world: &WorldRecord, event: &str| world.events.iter().filter(|e| e.event == event).count();
    assert_eq!(count(&sound, "fault"), 0);
    assert!(count(&broken, "fault") > 30);
    let (a, b) = (&sound.figures, &broken.figures);
    assert!(b["walk_aways_total"] > a["walk_aways_total"] + 20.0, "{a:?} {b:?}");
    assert!(b["served_pct"] < a["served_pct"], "{} {}", b["served_pct"], a["served_pct"]);
}

#[test]
fn a_lower_charge_limit_and_a_cooler_climate_spare_the_packs() {
    // A make whose ageing rises with its state of charge throughout, which not every published law does.
    let base = [("horizon_days", "365"), ("batteries.scooter-pack.chemistry", "nca-gr-panasonic-3ah")];
    let soh = |sets: &[(&str, &str)]| world(&[&base, sets].concat()).figures["soh_mean_pct"];
    let full = soh(&[]);
    let limit = [("networks.city.charging.target_soc", "0.8"), ("networks.city.charging.ready_soc", "0.78")];
    let (capped, hotter) = (soh(&limit), soh(&[("climate.shift_c", "6")]));
    println!("state of health after a year: {full:.2} %, capped {capped:.2} %, 6 °C hotter {hotter:.2} %");
    assert!(capped > full + 0.5, "{capped} and {full}");
    assert!(hotter < full - 0.5, "{hotter} and {full}");
}

#[test]
fn a_world_that_is_stepped_and_looked_at_is_the_world_of_a_run() {
    let plan = planned(CITY, &[]);
    let models = engine::prepare::<Infallible>(&plan).unwrap();
    let expected = engine::run_direct(&models[0], 0, 1);
    let mut session = Session::init(models[0].clone(), 1);
    // Steps of many sizes, some ending on a window and some within one.
    let steps_ms = [1, 3_600_000, 21_600_000, 7_777_777, 100_000_000, 43_200_000 - 1];
    let mut steps = steps_ms.iter().cycle();
    while session.now() < session.end() {
        let before = session.now();
        session.run_until(before + *steps.next().unwrap(), |_| true);
        let read = session.read();
        assert_eq!(read, session.read(), "looking changes nothing");
        assert!(read.iter().any(|reading| reading.metric == "soc" && reading.subject.kind == "battery"));
    }
    assert!(session.events(session.start()).len() == expected.events.len());
    assert_eq!(session.conclude(), expected);
}

#[test]
fn what_is_injected_happens_and_is_repeated() {
    let plan = planned(CITY, &[("faults", "[]")]);
    let model = engine::prepare::<Infallible>(&plan).unwrap().remove(0);
    let mut session = Session::init(model.clone(), 0);
    session.run_until(session.start() + 40 * 3_600_000, |_| true);
    let soc = |session: &mut Session, id: &str| {
        let found = session.read().into_iter().find(|r| r.subject.id == id && r.metric == "soc");
        found.unwrap().value
    };
    let before = soc(&mut session, "cellar-2");
    // 16 cells of 250 Ah and 3.2 V hold about 12.8 kWh: 1.28 kW for an hour is a tenth of it.
    let load =
        Injection::Load { pack: "cellar-2".to_owned(), power_w: 1_280.0, duration_s: 3_600.0, warmer_c: 0.0 };
    session.inject(load).unwrap();
    let part = BrokenPart::Charger(3);
    session.inject(Injection::Break { cabinet: "city-cabinet-5".to_owned(), part, repair_h: 10.0 }).unwrap();
    let began = session.now();
    session.run_until(began + 3_600_000, |_| true);
    let drop = before - soc(&mut session, "cellar-2");
    assert!((0.08..0.13).contains(&drop), "{drop}");
    session.run_until(began + 11 * 3_600_000, |_| true);
    let of_charger: Vec<_> = session
        .events(began)
        .into_iter()
        .filter(|event| event.subject.id == "city-cabinet-5" && event.value == 3.0)
        .map(|event| (event.event, (event.at - began) / 3_600_000))
        .collect();
    assert_eq!(of_charger, [("fault", 0), ("repair", 10)]);

    let mut again = Session::replay(model, 0, session.log(), session.now(), |_| true).unwrap().unwrap();
    assert_eq!(again.read(), session.read());
    let refused = |what: Injection, session: &mut Session| session.inject(what).unwrap_err().to_string();
    let load = |pack: &str, duration_s| Injection::Load {
        pack: pack.to_owned(),
        power_w: 1.0,
        duration_s,
        warmer_c: 0.0,
    };
    assert!(refused(load("nobody", 60.0), &mut session).contains("no pack called nobody"));
    assert!(refused(load("city-1", 60.0), &mut session).contains("as its rider"));
    assert!(refused(load("cellar-1", f64::NAN), &mut session).contains("duration_s"));
    assert_eq!(session.log().len(), 2);
    assert_eq!(again.conclude(), session.conclude());
}

/// One world on two threads, which must not leave anybody waiting for ever.
fn only(sets: &[(&str, &str)]) -> WorldRecord {
    run(&planned(CITY, &[&[("replicates", "1"), ("horizon_days", "10")], sets].concat()), 2).remove(0)
}

#[test]
fn districts_of_unequal_size_hold_their_packs() {
    let uneven = [("networks.city.districts", "2"), ("networks.city.cabinets.count", "3")];
    // Three cabinets of eight slots, one kept free in each, hold 21 besides the 30 with riders.
    let world = only(&[&uneven[..], &[("networks.city.packs", "51")]].concat());
    assert_eq!(at_the_end(&world, "battery", "soh").len(), 51 + 3);
    assert!(world.figures["swaps_total"] > 100.0, "{:?}", world.figures);
}

#[test]
fn packs_that_are_worn_when_they_are_made_are_not_replaced_without_end() {
    let world = only(&[("batteries.scooter-pack.end_of_life_soh", "0.999")]);
    let (swaps, replaced) = (world.figures["swaps_total"], world.figures["replacements_total"]);
    assert!(replaced > 20.0 && replaced < swaps + 30.0, "{replaced} replacements at {swaps} swaps");
}

#[test]
fn a_pack_may_be_handed_out_at_once_when_it_takes_the_place_of_a_worn_one() {
    let sets = [
        ("batteries.scooter-pack.end_of_life_soh", "0.999"),
        ("networks.city.charging.ready_soc", "0.4"),
        ("networks.city.packs", "33"),
        ("networks.city.riders.patience_min", "200"),
    ];
    let world = only(&sets);
    let (replaced, waited_min) = (world.figures["replacements_total"], world.figures["waiting_mean_min"]);
    assert!(replaced > 20.0 && waited_min > 0.1, "{replaced} replaced, {waited_min} min waited");
}

#[test]
fn a_mean_over_no_swaps_is_no_figure() {
    let dark = "[{ kind: cabinet, network: city, at_day: 0, repair_h: 8760 }]";
    let world = only(&[("faults", dark)]);
    assert_eq!(world.figures["swaps_total"], 0.0);
    for name in
        ["cost_per_swap", "carbon_per_swap_kg", "waiting_mean_min", "waiting_p95_min", "peak_usage_hour"]
    {
        assert!(!world.figures.contains_key(name), "{name}: {:?}", world.figures);
    }
}

#[test]
fn what_is_injected_when_rows_are_due_doubles_nothing() {
    let model = engine::prepare::<Infallible>(&planned(CITY, &[])).unwrap().remove(0);
    let ended = |inject: bool| {
        let mut session = Session::init(model.clone(), 0);
        session.run_until(session.start() + 10 * 86_400_000, |_| true);
        if inject {
            let (cabinet, part) = ("city-cabinet-5".to_owned(), BrokenPart::Slot(1));
            session.inject(Injection::Break { cabinet, part, repair_h: 1.0 }).unwrap();
        }
        session.conclude()
    };
    let (calm, hit) = (ended(false), ended(true));
    for name in ["swaps_total", "energy_consumed_kwh", "energy_throughput_kwh", "efc_mean"] {
        assert!((hit.figures[name] / calm.figures[name] - 1.0).abs() < 1e-3, "{name}: {:?}", hit.figures);
    }
    assert_eq!(hit.series.len(), calm.series.len());
}

#[test]
fn throughput_is_a_mean_over_all_packs_that_served() {
    let world = only(&[("batteries.scooter-pack.end_of_life_soh", "0.999")]);
    let efc = at_the_end(&world, "battery", "efc");
    let mean = efc.values().sum::<f64>() / efc.len() as f64;
    assert!(
        (world.figures["efc_mean"] / mean - 1.0).abs() < 1e-9,
        "{} instead of {mean}",
        world.figures["efc_mean"]
    );
}
