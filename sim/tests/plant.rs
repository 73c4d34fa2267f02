//! Simulated hardware: reports like real one, repeats with its seed, obeys.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use sim::plant::Fleet;
use std::sync::Arc;
use twin::battery::integrate::Stepping;

const SCENARIO: &str = "
name: two
start: 2026-01-01
horizon_days: 10
climate: { constant_c: 25 }
batteries:
  bike:
    chemistry: nca-gr-panasonic-3ah
    series: 13
    parallel: 4
    price: 400
packs:
  - name: courier
    battery: bike
    count: 2
    initial_soc: 0.9
    duty:
      kind: daily
      steps:
        - { at_hour: 8,  c_rate: 0.5,  until_soc: 0.3 }
        - { at_hour: 12, c_rate: -0.5, until_soc: 1.0 }
";

fn fleet() -> Fleet {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.yaml");
    std::fs::write(&path, SCENARIO).unwrap();
    let plan = sim::scenario::load(&path, &[], &sim::experiment::known()).unwrap();
    let models = sim::engine::prepare::<std::convert::Infallible>(&plan).unwrap();
    let fine = Stepping { soc_max: 0.02, active_max_s: 60.0, rest_max_s: 600.0 };
    Fleet::of(&Arc::clone(&models[0]), fine)
}

fn day(plant: &mut sim::plant::Plant, start: twin::time::Time) -> Vec<Value> {
    (0..24 * 60).flat_map(|minute| plant.report(start + minute * 60_000)).collect()
}

#[test]
fn reports_are_near_the_truth_and_the_same_again() {
    let (mut one, mut other) = (fleet(), fleet());
    let start = one.start;
    let reports = day(&mut one.plants[0], start);
    assert_eq!(reports, day(&mut other.plants[0], start));
    assert_ne!(reports, day(&mut other.plants[1], start));
    // One in a hundred is lost, one in two hundred comes twice.
    assert!((1_380..1_440).contains(&reports.len()), "{}", reports.len());
    let discharged: f64 = reports.iter().map(|r| r["current_a"].as_f64().unwrap().max(0.0) / 60.0).sum();
    // From 90 to 30 % of 11.6 Ah, and the sensor's bias and noise.
    assert!((discharged - 7.0).abs() < 0.8, "{discharged}");
    let truth = one.plants[0].truth(start + 86_340_000);
    let last = reports.last().unwrap();
    assert!((last["voltage_v"].as_f64().unwrap() - truth.voltage_v).abs() < 0.3, "{last} {truth:?}");
    assert!(truth.soc > 0.98);
}

#[test]
fn a_charge_limit_is_obeyed_and_all_else_refused() {
    let mut fleet = fleet();
    let start = fleet.start;
    let plant = &mut fleet.plants[0];
    assert!(plant.obey("dance", &json!({}), start).unwrap_err().contains("dance"));
    assert!(plant.obey("set_desired", &json!({ "desired": { "colour": "red" } }), start).is_err());
    plant.obey("set_desired", &json!({ "desired": { "charge_limit": 0.8 } }), start).unwrap();
    day(plant, start);
    let soc = plant.truth(start + 86_340_000).soc;
    assert!((soc - 0.8).abs() < 0.01, "{soc}");
}
