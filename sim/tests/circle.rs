//! Whole worlds of every kind at once: nothing depends on threads, every book closes, and nothing holds less than
//! nothing or more than it has room for, in what ships and in worlds drawn at random.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use proptest::prelude::*;
use sim::engine::{self, Options};
use sim::results::record::WorldRecord;
use sim::scenario::{self, Known, Plan};
use sim::world::{climate, drive, grids};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use twin::battery::library;

fn known() -> Known {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Known {
        chemistries: library::names().map(str::to_owned).collect(),
        cities: owned(&climate::names()),
        grids: owned(&grids::names()),
        cycles: owned(&drive::names()),
    }
}

fn sets(sets: &[(&str, &str)]) -> Vec<(String, String)> {
    sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
}

/// A scenario that ships.
fn shipped(name: &str, changes: &[(&str, &str)]) -> Plan {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name);
    scenario::load(&path, &sets(changes), &known()).unwrap()
}

fn parse(text: &str, changes: &[(&str, &str)]) -> Result<Plan, String> {
    scenario::parse(text.as_bytes(), "circle.yaml", Path::new("."), &sets(changes), &known())
        .map_err(|mistakes| mistakes.to_string())
}

/// Runs the first variant's first replicate.
fn run(plan: &Plan, jobs: usize) -> WorldRecord {
    let models = engine::prepare::<Infallible>(plan).unwrap();
    let mut worlds = Vec::new();
    let sink = |world| {
        worlds.push(world);
        Ok::<_, Infallible>(())
    };
    engine::run(&models[..1], 1, &Options { jobs, ..Options::default() }, sink).unwrap();
    worlds.remove(0)
}

/// Every pair of books that has to agree, where the world has them.
fn unbalanced(world: &WorldRecord) -> Vec<String> {
    let figure = |name: &str| world.figures.get(name).copied();
    let of = |name: &str| figure(name).unwrap_or(0.0);
    let mut wrong = Vec::new();
    let mut closes = |what: &str, whole: f64, parts: f64| {
        if (whole - parts).abs() > 1e-9 * whole.abs().max(parts.abs()).max(1e-6) {
            wrong.push(format!("{what}: {whole} against {parts}"));
        }
    };
    // Batteries: mass that came is somewhere, and emissions of stages are those of packs.
    let places = ["vehicle_kg", "store_kg", "moving_kg", "recycler_kg", "recovered_kg", "residue_kg"];
    closes("batteries", of("made_kg") + of("taken_in_kg"), places.iter().map(|name| of(name)).sum());
    let stages = ["making", "transport", "losses", "treatment", "credit"];
    let of_batteries: f64 = stages.iter().map(|stage| of(&format!("{stage}_carbon_kg"))).sum();
    let of_plastic: f64 =
        ["collection", "road", "processing"].iter().map(|stage| of(&format!("{stage}_carbon_kg"))).sum();
    closes("carbon", of("total_carbon_kg"), of_batteries + of_plastic);
    let scale = stages.iter().map(|stage| of(&format!("{stage}_carbon_kg")).abs()).sum::<f64>();
    closes("carbon of packs", scale, scale + of("carbon_gap_kg"));
    closes(
        "mass of packs",
        of("made_kg") + of("taken_in_kg"),
        of("made_kg") + of("taken_in_kg") + of("mass_gap_kg"),
    );
    // Plastic: caught is aboard, ashore, recycled or disposed of.
    let ends = ["aboard_at_end_kg", "ashore_at_end_kg", "plastic_recycled_kg", "plastic_disposed_kg"];
    closes("plastic", of("plastic_collected_kg"), ends.iter().map(|name| of(name)).sum());
    for (name, value) in &world.figures {
        if name.ends_with("_gap_ppb") {
            closes(name, 1.0, 1.0 + value * 1e-9);
        }
    }
    // Energy: what cabinets drew came from the grid or the sun, and each told so; what packs gave and lost they took.
    closes("cabinets", of("energy_consumed_kwh"), of("grid_energy_kwh") + of("solar_energy_kwh"));
    let sum = |kind: &str, name: &str| -> f64 {
        let of_kind = world.twins.iter().filter(|twin| world.subjects[twin.subject as usize].kind == kind);
        of_kind
            .flat_map(|twin| &twin.values)
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value)
            .sum()
    };
    closes("meters", of("energy_consumed_kwh"), sum("cabinet", "energy_kwh"));
    closes("recyclers", sum("recycler", "carbon_kg"), of("treatment_carbon_kg"));
    closes("energy of recyclers", sum("recycler", "energy_kwh"), of("recycling_energy_kwh"));
    closes("plants", sum("plant", "energy_kwh"), of("plant_energy_kwh"));
    closes("carbon of plants", sum("plant", "carbon_kg"), of("processing_carbon_kg"));
    closes("through recyclers", sum("recycler", "recovered_kg"), of("recovered_kg"));
    // What flows into a stage leaves it, or ends there.
    let flows = world.atlas.as_ref().map(|atlas| atlas.flows.as_slice()).unwrap_or_default();
    for stage in ["Landed", "Sorting", "Recycling", "Second life", "Battery recycling"] {
        let inflow: f64 = flows.iter().filter(|flow| flow.to == stage).map(|flow| flow.mass_kg).sum();
        let outflow: f64 = flows.iter().filter(|flow| flow.from == stage).map(|flow| flow.mass_kg).sum();
        closes(stage, inflow, outflow);
    }
    wrong
}

/// Levels that left what they can be. `rooms_kg` are capacities by the end of a subject's name.
fn out_of_bounds(world: &WorldRecord, rooms_kg: &BTreeMap<String, f64>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut held: BTreeMap<(i64, u32), f64> = BTreeMap::new();
    for row in &world.series {
        let subject = &world.subjects[row.subject as usize];
        let is_level = ["_kg", "_packs", "_days", "_km2", "_l"].iter().any(|end| row.metric.ends_with(end));
        let is_share = ["hold_full_pct", "tracker_level_pct", "blocks_surviving_pct"].contains(&row.metric);
        let highest = match row.metric {
            "soc" => 1.0,
            _ if is_share => 100.0,
            _ => f64::INFINITY,
        };
        // Credits may outweigh what was emitted: carbon is no level.
        let has_floor = (is_level && row.metric != "total_carbon_kg") || is_share || row.metric == "soc";
        if !row.value.is_finite() || (has_floor && row.value < 0.0) || row.value > highest * (1.0 + 1e-9) {
            wrong.push(format!("{} of {}: {}", row.metric, subject.id, row.value));
        }
        if matches!(row.metric, "queued_kg" | "in_work_kg") {
            *held.entry((row.t_ms, row.subject)).or_default() += row.value;
        }
    }
    for ((_, subject), kg) in held {
        let id = &world.subjects[subject as usize].id;
        let room = rooms_kg.iter().find(|(name, _)| id.ends_with(name.as_str())).map(|(_, room_kg)| *room_kg);
        if kg > room.unwrap_or(f64::INFINITY) * (1.0 + 1e-9) {
            wrong.push(format!("{id} holds {kg} kg of {room:?}"));
        }
    }
    wrong
}

/// The whole circle, short, and with packs that leave service early so that all of it comes about.
const SHORT: [(&str, &str); 5] = [
    ("horizon_years", "null"),
    ("horizon_days", "150"),
    ("batteries.scooter-pack.end_of_life_soh", "0.965"),
    ("second_lives.harbour-store.store.until_years", "0.1"),
    ("data_centres.exchange.rooms.warm.temperature_offset_c", "22"),
];

#[test]
fn the_whole_circle_is_the_same_whoever_runs_it_and_closes() {
    let changes = [&SHORT[..], &[("batteries.ups-block.end_of_life_soh", "0.995")]].concat();
    let plan = shipped("whole-circle.yaml", &changes);
    let one = run(&plan, 1);
    assert!(one == run(&plan, 3), "threads changed the result");
    let models = engine::prepare::<Infallible>(&plan).unwrap();
    assert!(one == engine::run_direct(&models[0], 0, 0), "actors changed the result");

    assert_eq!(unbalanced(&one), [""; 0]);
    let figure = |name: &str| one.figures.get(name).copied().unwrap_or(0.0);
    // What left one zone came to another: as many packs and blocks, each under its own name.
    let count = |event: &str| one.events.iter().filter(|row| row.event == event).count() as f64;
    let blocks = figure("blocks_replaced");
    assert!(count("end_of_life") > 10.0 && blocks > 0.0, "{} {blocks}", count("end_of_life"));
    assert_eq!(count("end_of_life") + blocks, figure("packs_taken_in"));
    assert!(figure("second_life_packs") > 0.0 && figure("recycled_packs") > blocks.min(1.0));
    let packs = one.twins.iter().filter(|twin| {
        let id = &one.subjects[twin.subject as usize].id;
        id.starts_with("scooters-") && twin.values.iter().any(|(name, _)| *name == "first_life_days")
    });
    assert_eq!(packs.count() as f64, count("end_of_life"));
    assert!(figure("lead_recovered_pct") > 90.0 && figure("plastic_recycled_kg") > 1000.0);
    let rooms =
        [("harbour-store-recycler", 20_000.0), ("smelter-recycler", 50_000.0), ("-sorting", 40_000.0)];
    let rooms = rooms.into_iter().map(|(name, kg)| (name.to_owned(), kg)).collect();
    assert_eq!(out_of_bounds(&one, &rooms), [""; 0]);
}

#[test]
fn every_scenario_that_ships_closes_its_books() {
    let year = ("horizon_years", "null");
    for (name, changes) in [
        ("ocean-cleanup.yaml", vec![("horizon_days", "60")]),
        (
            "second-life.yaml",
            vec![year, ("horizon_days", "400"), ("second_lives.vans.vehicle.until_soh", "0.96")],
        ),
        ("ups-thailand.yaml", vec![year, ("horizon_days", "200")]),
        (
            "swap-city.yaml",
            vec![
                year,
                ("horizon_days", "20"),
                ("output.swap_events", "false"),
                ("output.interval_days", "5"),
            ],
        ),
        ("single-pack.yaml", vec![year, ("horizon_days", "60")]),
    ] {
        let world = run(&shipped(name, &changes), 2);
        assert_eq!(unbalanced(&world), [""; 0], "{name}");
        assert_eq!(out_of_bounds(&world, &BTreeMap::new()), [""; 0], "{name}");
    }
}

/// A small world with everything, its numbers to be filled in.
const DRAWN: &str = "
name: drawn
start: 2026-04-01
horizon_days: 40
seed: {seed}
climate: { constant_c: {air} }
energy: { carbon: { flat_g_per_kwh: 400 } }
batteries:
  scooter: { chemistry: lfp-gr-sony-naumann, series: 16, parallel: 10, end_of_life_soh: {end} }
  block: { chemistry: vrla-agm-12v-120ah, series: 6, end_of_life_soh: 0.997 }
  boat: { chemistry: lfp-gr-250ah-prismatic, series: 360, parallel: 2 }
networks:
  - name: city
    battery: scooter
    packs: 14
    retired_to: store
    cabinets: { count: 1, slots: 8, charger_kw: 0.5, site_power_kw: 3 }
    riders: { count: 9, km_per_day: 90 }
    trips: { cycle: urban-scooter }
data_centres:
  - name: racks
    battery: block
    retired_to: smelter
    rooms: [{ name: a, strings: 1, blocks_per_string: 4, load_kw: 3, setpoint_c: {air} }]
    outages: { per_year: 60 }
    care: { policy: worn, inspect_every_days: 9 }
second_lives:
  - name: store
    battery: scooter
    composition: LFP
    store: { until_soh: 0.5, until_years: {store}, duty: { kind: standby, depth: 0.3, every_days: 2, c_rate: 0.2 } }
    to_store: [{ mode: truck, distance_km: 20 }]
    to_recycler: [{ mode: rail, distance_km: 200 }]
    handling_days: {handling}
    recycler: { daily_kg: {daily}, storage_kg: 60, standby_kw: 0.1 }
  - name: smelter
    battery: block
    composition: VRLA
    handling_days: 0
    recycler: { process: smelting, daily_kg: 60, storage_kg: 200, shifts: 2 }
cleanups:
  - name: bay
    grounds:
      - { name: mouth, sea: coastal, south_deg: 37.0, north_deg: 37.4, west_deg: -123.2, east_deg: -122.7, density_kg_per_km2: {density} }
      - { name: sand, sea: beach, south_deg: 37.72, north_deg: 37.78, west_deg: -122.52, east_deg: -122.51, area_km2: 0.3 }
    ports: [{ name: quay, latitude_deg: 37.8, longitude_deg: -122.3, yard_t: 9 }]
    vessels:
      - { name: boat, count: 1, home: quay, ground: mouth, swath_m: 80, engine_kw: 320, design_kw: 180, light_t: 90, hotel_kw: 8,
          tank_l: 6000, hold_t: {hold}, hold_m3: 60, endurance_days: 4, haul_h: 6 }
      - { name: electric, count: 1, home: quay, ground: mouth, drive: battery, battery: boat, swath_m: 80, drag_area_m2: 20,
          design_kw: 120, light_t: 80, hotel_kw: 3, cruise_kn: 7, hold_t: {hold}, hold_m3: 50, endurance_days: 2, haul_h: 3 }
    teams: [{ name: crew, method: beach_cleanup, ground: sand, port: quay, skip_kg: 900 }]
    trucks: { count: 1, capacity_t: 6, wait_max_days: 3 }
    plants:
      - { name: sorter, work: sorting, latitude_deg: 37.7, longitude_deg: -122.1, kg_per_h: {rate}, yard_t: 7, shifts: {shifts}, days: 5,
          standby_kw: 1, downgraded_share: 0.3 }
      - { name: maker, work: recycling, latitude_deg: 37.9, longitude_deg: -121.3, kg_per_h: {rate}, yard_t: 7, shifts: {shifts} }
    routing: { plant_choice: least_queued }
    breakdowns: [{ part: net, mean_days: 9, mend_h: 20, left: 0.3 }, { part: engine, mean_days: 20, mend_h: 20 }]
output: { interval_days: 2, swap_events: false }
";

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn worlds_drawn_at_random_close_and_stay_within_bounds(
        seed in 0u32..100_000,
        air in 5f64..45.0,
        end in 0.985f64..0.9995,
        store in 0.02f64..0.08,
        handling in 0f64..6.0,
        daily in 1f64..60.0,
        density in 0f64..300.0,
        hold in 0.5f64..8.0,
        rate in 5f64..400.0,
        shifts in 1u32..=3,
    ) {
        let numbers = [
            ("{seed}", seed.to_string()), ("{air}", air.to_string()), ("{end}", end.to_string()),
            ("{store}", store.to_string()), ("{handling}", handling.to_string()), ("{daily}", daily.to_string()),
            ("{density}", density.to_string()), ("{hold}", hold.to_string()), ("{rate}", rate.to_string()),
            ("{shifts}", shifts.to_string()),
        ];
        let text = numbers.iter().fold(DRAWN.to_owned(), |text, (name, value)| text.replace(name, value));
        let plan = parse(&text, &[]).map_err(TestCaseError::fail)?;
        let world = run(&plan, 1);
        prop_assert_eq!(unbalanced(&world), Vec::<String>::new());
        let rooms = [("store-recycler", 60.0), ("smelter-recycler", 200.0), ("/sorter", 7e3), ("/maker", 7e3)];
        let rooms = rooms.into_iter().map(|(name, kg)| (name.to_owned(), kg)).collect();
        prop_assert_eq!(out_of_bounds(&world, &rooms), Vec::<String>::new());
    }
}

#[test]
fn mistakes_about_what_is_retired_to_whom_are_told_with_their_places() {
    let filled = ["seed", "air", "store", "handling", "daily", "density", "hold", "rate", "shifts"]
        .iter()
        .fold(DRAWN.replace("{end}", "0.9"), |text, name| text.replace(&format!("{{{name}}}"), "2"));
    assert!(parse(&filled, &[]).is_ok(), "{:?}", parse(&filled, &[]));
    for (changes, told) in [
        (&[("networks.city.retired_to", "stor")][..], "networks.0.retired_to: unknown second life \"stor\""),
        (
            &[("networks.city.retired_to", "smelter")],
            "networks.0.retired_to: takes \"block\", and not \"scooter\"",
        ),
        (&[("data_centres.racks.retired_to", "store")], "blocks are lead-acid, and it is for lithium"),
        (&[("networks.city.retired_to", "null")], "second_lives.0: nobody gives it packs"),
        (
            &[("second_lives.smelter.recycler.process", "hydro")],
            "lead-acid batteries are smelted, and hydro is for lithium",
        ),
        (
            &[("second_lives.store.recycler.process", "smelting")],
            "smelting is for lead-acid batteries, and these are LFP",
        ),
        (&[("second_lives.store.vehicles", "3")], "second_lives.0.vehicle: missing: what its vehicles do"),
        (&[("second_lives.store.made_in", "KR")], "second_lives.0.made_in: has no effect without vehicles"),
        (&[("cleanups.bay.plants.sorter.shifts", "4")], "cleanups.0.plants.0.shifts"),
        (&[("cleanups.bay.plants.sorter.downgraded_share", "1.5")], "cleanups.0.plants.0.downgraded_share"),
        (&[("cleanups.bay.plants.sorter.shift", "2")], "shift"),
    ] {
        let message = parse(&filled, changes).unwrap_err();
        assert!(message.contains(told), "{told} in\n{message}");
        assert!(
            message.lines().all(|line| line.starts_with("circle.yaml:") || line.starts_with("--set")),
            "{message}"
        );
    }
}
