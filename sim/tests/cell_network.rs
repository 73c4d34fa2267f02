//! Packs whose cells are simulated one by one, from a scenario to the rows of its results.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use sim::engine::{self, Options};
use sim::results::record::WorldRecord;
use sim::scenario::{self, Known, Plan};
use sim::world::{climate, drive, grids};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::Path;
use twin::battery::library;

const PACKS: &str = r"
name: cell-by-cell
start: 2026-03-02
horizon_days: 6
seed: 4
climate: { constant_c: 25 }
batteries:
  scooter-pack:
    chemistry: nmc811-grsi-lg-m50-5ah
    series: 4
    parallel: 3
    scatter: { capacity_sd: 0.02, resistance_sd: 0.05, ageing_sd: 0.1 }
packs:
  - name: detailed
    battery: scooter-pack
    count: 2
    initial_soc: 0.7
    network:
      group_soc_sd: 0.03
      step_s: 60
      record_cells: true
      balancing: { passive: { bleed_ma: 200, above_v: 3.9, difference_mv: 10 } }
      replace:
        - { at_day: 2.5, group: 2, position: 3, soh: 0.75 }
    duty:
      kind: daily
      steps:
        - { at_hour: 8, c_rate: 0.5, until_soc: 0.2 }
        - { at_hour: 14, c_rate: -0.3, until_soc: 1.0 }
output: { interval_days: 0.125 }
";

fn plan(text: &str, sets: &[(&str, &str)]) -> Result<Plan, String> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let known = Known {
        chemistries: library::names().map(str::to_owned).collect(),
        cities: owned(&climate::names()),
        grids: owned(&grids::names()),
        cycles: owned(&drive::names()),
    };
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    scenario::parse(text.as_bytes(), "s.yaml", Path::new("."), &sets, &known).map_err(|m| m.to_string())
}

fn world(sets: &[(&str, &str)]) -> WorldRecord {
    let plan = plan(PACKS, sets).unwrap();
    engine::run_direct(&engine::prepare::<Infallible>(&plan).unwrap()[0], 0, 0)
}

/// Values of a metric by subject, in order of time.
fn rows<'a>(world: &'a WorldRecord, kind: &str, metric: &str) -> BTreeMap<&'a str, Vec<f64>> {
    let mut found: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in world.series.iter().filter(|row| row.metric == metric) {
        let subject = &world.subjects[row.subject as usize];
        if subject.kind == kind {
            found.entry(&subject.id).or_default().push(row.value);
        }
    }
    found
}

#[test]
fn a_world_of_cells_is_the_same_on_one_thread_on_two_and_without_actors() {
    let plan = plan(PACKS, &[("horizon_days", "3")]).unwrap();
    let models = engine::prepare::<Infallible>(&plan).unwrap();
    let run = |jobs: usize| {
        let mut worlds = Vec::new();
        let options = Options { jobs, ..Options::default() };
        let sink = |world| {
            worlds.push(world);
            Ok::<_, Infallible>(())
        };
        engine::run(&models, 1, &options, sink).unwrap();
        worlds
    };
    let one = run(1);
    assert!(one == run(2), "two threads");
    assert!(one[0] == engine::run_direct(&models[0], 0, 0), "without actors");
    assert!(!one[0].series.is_empty());
}

#[test]
fn rows_tell_of_every_cell_and_the_ranges_are_theirs() {
    let world = world(&[]);
    let cells = rows(&world, "cell", "voltage_v");
    assert_eq!(cells.len(), 2 * 12);
    assert!(cells.contains_key("detailed-2-s4-p3"), "{:?}", cells.keys());
    let samples = 6 * 8 + 1;
    assert!(cells.values().all(|rows| rows.len() == samples));
    let of_pack = |metric: &str| rows(&world, "battery", metric)["detailed-1"].clone();
    let (lowest, highest) = (of_pack("cell_voltage_min_v"), of_pack("cell_voltage_max_v"));
    let currents = rows(&world, "cell", "current_a");
    let spreads = of_pack("cell_current_spread_a");
    let mut under_current = 0;
    for at in 0..samples {
        let volts: Vec<f64> =
            cells.iter().filter(|(id, _)| id.starts_with("detailed-1-")).map(|(_, rows)| rows[at]).collect();
        assert_eq!(volts.iter().copied().fold(f64::INFINITY, f64::min), lowest[at]);
        assert_eq!(volts.iter().copied().fold(0.0, f64::max), highest[at]);
        let groups: Vec<Vec<f64>> = (1..=4)
            .map(|s| (1..=3).map(|p| currents[format!("detailed-1-s{s}-p{p}").as_str()][at]).collect())
            .collect();
        let spread = |group: &Vec<f64>| {
            group.iter().copied().fold(f64::MIN, f64::max) - group.iter().copied().fold(f64::MAX, f64::min)
        };
        let most = groups.iter().map(spread).fold(0.0, f64::max);
        assert!((most - spreads[at]).abs() < 1e-12);
        let sums: Vec<f64> = groups.iter().map(|group| group.iter().sum()).collect();
        assert!(sums.iter().all(|sum| (sum - sums[0]).abs() < 1e-9), "the same current through every group");
        under_current += u32::from(sums[0].abs() > 1.0);
    }
    assert!(under_current >= 6, "{under_current}");
}

#[test]
fn a_used_cell_carries_less_and_is_told_as_an_event() {
    let world = world(&[]);
    let replaced: Vec<_> = world.events.iter().filter(|e| e.event == "cell_replaced").collect();
    assert_eq!(replaced.len(), 2, "one in each pack");
    assert_eq!(world.subjects[replaced[0].other.unwrap() as usize].id, "detailed-1-s2-p3");
    assert_eq!(replaced[0].value, 0.75);
    let soh = &rows(&world, "cell", "soh")["detailed-1-s2-p3"];
    assert!(soh[19] > 0.9 && soh[21] < 0.8, "{soh:?}");
    let current = |position: u32| {
        rows(&world, "cell", "current_a")[format!("detailed-1-s2-p{position}").as_str()].clone()
    };
    let (used, neighbour) = (current(3), current(2));
    // The past of the cell that came in is none of the pack's.
    let efc = &rows(&world, "battery", "efc")["detailed-1"];
    let most = efc.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::MIN, f64::max);
    assert!(efc.windows(2).all(|pair| pair[1] >= pair[0]) && most < 0.5, "{efc:?}");
    // Nine in the morning of the fifth day: an hour into the discharge.
    let at = 4 * 8 + 3;
    assert!(used[at] > 0.5 && used[at] < 0.9 * neighbour[at], "{} {}", used[at], neighbour[at]);
    // At the same hour of the second day it was a cell like the others.
    let at = 8 + 3;
    assert!((used[at] / neighbour[at] - 1.0).abs() < 0.1, "{} {}", used[at], neighbour[at]);
}

#[test]
fn balancing_brings_groups_together() {
    let last =
        |world: &WorldRecord| *rows(world, "battery", "cell_soc_spread_pct")["detailed-1"].last().unwrap();
    let never = [("packs.detailed.network.replace", "[]")];
    let with = world(&never);
    let without = world(&[never[0], ("packs.detailed.network.balancing", "")]);
    let first = rows(&with, "battery", "cell_soc_spread_pct")["detailed-1"][0];
    assert!(first > 1.5, "{first}");
    assert!(last(&with) < 0.6 * last(&without), "{} {}", last(&with), last(&without));
    let losses = |world: &WorldRecord| -> f64 {
        let values = world.twins.iter().flat_map(|twin| &twin.values);
        values.filter(|(name, _)| *name == "balancing_losses_kwh").map(|(_, kwh)| kwh).sum()
    };
    assert!(losses(&with) > 0.0 && losses(&without) == 0.0);
}

#[test]
fn how_often_it_is_looked_at_changes_nothing() {
    let (rarely, often) = (world(&[("output.interval_days", "6")]), world(&[]));
    assert!(rarely.twins == often.twins && rarely.events == often.events);
    assert!(rarely.figures == often.figures);
    assert!(often.series.len() > 10 * rarely.series.len());
}

#[test]
fn a_worn_pack_is_replaced_as_a_whole() {
    let world = world(&[
        ("batteries.scooter-pack.end_of_life_soh", "0.97"),
        ("packs.detailed.network.record_cells", "false"),
    ]);
    let retired = world.events.iter().filter(|e| e.event == "end_of_life").count();
    assert!(retired >= 1);
    assert_eq!(world.figures["replacements_total"], retired as f64);
    let ids: BTreeSet<&str> = world.subjects.iter().map(|subject| subject.id.as_str()).collect();
    assert!(ids.contains("detailed-1#2") || ids.contains("detailed-2#2"), "{ids:?}");
    assert_eq!(rows(&world, "cell", "voltage_v").len(), 0);
}

#[test]
fn what_does_not_fit_is_told_with_its_line() {
    let wrong = |old: &str, new: &str, says: &str| {
        assert_eq!(PACKS.matches(old).count(), 1, "{old}");
        let told = plan(&PACKS.replace(old, new), &[]).err().unwrap_or_else(|| panic!("{new} is accepted"));
        assert!(told.contains(says), "{told}");
    };
    wrong("group: 2,", "group: 5,", "5 of 4 groups in series");
    wrong("position: 3,", "position: 4,", "4 of 3 cells");
    wrong(
        "{ passive: { bleed_ma: 200, above_v: 3.9, difference_mv: 10 } }",
        "{}",
        "exactly one of passive and active",
    );
    wrong("step_s: 60", "step_ms: 60", "step_s");
    wrong("series: 4\n    parallel: 3", "series: 400\n    parallel: 300", "at most 20000");
    let leaden = PACKS.replace("nmc811-grsi-lg-m50-5ah", lead_acid());
    let error = engine::prepare::<Infallible>(&plan(&leaden, &[]).unwrap()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().contains("detailed"), "{cause}");
}

fn lead_acid() -> &'static str {
    let is_lead = |name: &&str| library::find(name).unwrap().float.is_some();
    library::names().find(is_lead).unwrap()
}
