//! A season of a cleanup: the same whoever runs it, nothing lost on the way, and bad files refused line by line.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use sim::engine::{self, Options};
use sim::results::record::WorldRecord;
use sim::scenario::{self, Known, Plan};
use std::convert::Infallible;
use std::path::Path;
use twin::battery::library;

const BAY: &str = "
name: bay
start: 2026-05-01
horizon_days: 40
seed: 3
climate: { constant_c: 16 }
batteries: { pack: { chemistry: lfp-gr-250ah-prismatic, series: 360, parallel: 2 } }
cleanups:
  - name: bay
    grounds:
      - { name: mouth, sea: coastal, south_deg: 37.0, north_deg: 37.4, west_deg: -123.2, east_deg: -122.7, density_kg_per_km2: 60 }
      - { name: sand, sea: beach, south_deg: 37.72, north_deg: 37.78, west_deg: -122.52, east_deg: -122.51, area_km2: 0.3 }
    ports:
      - { name: quay, latitude_deg: 37.8, longitude_deg: -122.3, yard_t: 20 }
    vessels:
      - { name: boat, count: 2, home: quay, ground: mouth, swath_m: 80, drag_area_m2: 40, engine_kw: 320, design_kw: 180, light_t: 90, hotel_kw: 8,
          tank_l: 6000, hold_t: 5, hold_m3: 60, endurance_days: 5, haul_h: 6 }
      - { name: electric, count: 1, home: quay, ground: mouth, drive: battery, battery: pack, swath_m: 80, drag_area_m2: 20, design_kw: 120,
          light_t: 80, hotel_kw: 3, cruise_kn: 7, hold_t: 4, hold_m3: 50, endurance_days: 2, haul_h: 3 }
    teams:
      - { name: crew, method: beach_cleanup, ground: sand, port: quay, skip_kg: 900 }
    trucks: { count: 1, capacity_t: 8 }
    plants:
      - { name: sorter, work: sorting, latitude_deg: 37.7, longitude_deg: -122.1, kg_per_h: 150, yard_t: 20 }
      - { name: recycler, work: recycling, latitude_deg: 37.9, longitude_deg: -121.3, kg_per_h: 120, yard_t: 20 }
    breakdowns:
      - { part: engine, mean_days: 15, mend_h: 20 }
      - { part: net, mean_days: 8, mend_h: 20, left: 0.3 }
      - { part: tracker, mean_days: 20, mend_h: 60 }
output: { interval_days: 2 }
";

fn parsed(text: &str) -> Result<Plan, String> {
    let known = Known { chemistries: library::names().map(str::to_owned).collect(), ..Known::default() };
    scenario::parse(text.as_bytes(), "bay.yaml", Path::new("."), &[], &known).map_err(|m| m.to_string())
}

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

#[test]
fn actors_on_any_number_of_threads_and_direct_calls_agree() {
    let plan = parsed(BAY).unwrap();
    let one = run(&plan, 1);
    assert_eq!(one, run(&plan, 3));
    let models = engine::prepare::<Infallible>(&plan).unwrap();
    assert_eq!(one[0], engine::run_direct(&models[0], 0, 0));
}

#[test]
fn a_season_closes_in_mass_fuel_and_energy() {
    for seed in [3, 4, 5, 6] {
        let text = BAY.replace("seed: 3", &format!("seed: {seed}"));
        let world = run(&parsed(&text).unwrap(), 1).remove(0);
        let figure = |name: &str| world.figures[name];
        for gap in [
            "mass_balance_gap_ppb",
            "fuel_balance_gap_ppb",
            "energy_balance_gap_ppb",
            "ground_balance_gap_ppb",
        ] {
            assert!(figure(gap) <= 1.0, "{gap} {}", figure(gap));
        }
        // Counted again from what stands in different places.
        let collected = figure("plastic_collected_kg");
        let found = figure("aboard_at_end_kg")
            + figure("ashore_at_end_kg")
            + figure("plastic_recycled_kg")
            + figure("plastic_disposed_kg");
        assert!((collected - found).abs() <= 1e-9 * collected, "{collected} {found}");
        assert!(
            figure("plastic_recycled_kg") > 500.0 && figure("collected_by_teams_kg") > 500.0,
            "{collected}"
        );
        let carbon =
            figure("collection_carbon_kg") + figure("road_carbon_kg") + figure("processing_carbon_kg");
        assert!((carbon - figure("total_carbon_kg")).abs() <= 1e-9 * carbon);
        // What flows into a stage leaves it or is still there.
        let flows = &world.atlas.as_ref().unwrap().flows;
        for stage in ["Landed", "Sorting", "Recycling"] {
            let sum = |side: fn(&sim::results::atlas::Flow) -> &str| {
                flows.iter().filter(|flow| side(flow) == stage).map(|flow| flow.mass_kg).sum::<f64>()
            };
            let (inflow, outflow) = (sum(|flow| &flow.to), sum(|flow| &flow.from));
            assert!((inflow - outflow).abs() <= 1e-9 * inflow, "{stage}: {inflow} {outflow}");
        }
        for row in &world.series {
            if matches!(row.metric, "hold_full_pct" | "tracker_level_pct") {
                assert!((0.0..=100.0 + 1e-9).contains(&row.value), "{row:?}");
            }
        }
    }
}

#[test]
fn more_sorting_leaves_less_waiting() {
    let slow = BAY.replace("kg_per_h: 150", "kg_per_h: 10");
    let (slow, fast) = (run(&parsed(&slow).unwrap(), 1).remove(0), run(&parsed(BAY).unwrap(), 1).remove(0));
    assert!(slow.figures["plastic_recycled_kg"] < fast.figures["plastic_recycled_kg"]);
    assert!(slow.figures["ashore_at_end_kg"] > fast.figures["ashore_at_end_kg"]);
}

#[test]
fn mistakes_are_named_with_their_lines() {
    let broken = BAY
        .replace("sea: coastal", "sea: costal")
        .replace("home: quay, ground: mouth, drive", "home: key, ground: mouth, drive")
        .replace("battery: pack", "battery: sack")
        .replace("work: recycling", "work: sorting")
        .replace("yard_t: 20 }\n    vessels", "yard_t: 2 }\n    vessels");
    let message = parsed(&broken).unwrap_err();
    for part in [
        "bay.yaml:11: cleanups.0.grounds.0.sea: unknown sea \"costal\"",
        "unknown port \"key\"",
        "unknown battery \"sack\"",
        "there is no recycling plant",
        "a yard of 2 t never fills a truck of 8 t",
    ] {
        assert!(message.contains(part), "{part} in\n{message}");
    }
}
