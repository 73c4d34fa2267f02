//! Scenarios that are right, and what becomes of them.

mod scenario_support;

use scenario_support::{fixture, folder, known, parse, parse_with};
use serde_json::Value;
use sim::scenario;
use sim::scenario::schema::{ChargingPolicy, Duty};
use std::collections::BTreeMap;

#[test]
fn the_smallest_scenario_is_filled_with_defaults() {
    let plan = scenario::load(&folder().join("minimal.yaml"), &[], &known()).unwrap();
    assert_eq!(plan.folder, folder());
    assert_eq!(plan.horizon_days(), 1.0);
    assert_eq!(plan.twin_counts(), BTreeMap::from([("battery", 1), ("cabinet", 0), ("network", 0)]));
    assert_eq!(plan.base.start, "2026-01-01");
    assert_eq!(plan.base.batteries["cell"].parallel, 1);
    assert_eq!(plan.base.output.interval_days, 1.0, "no longer than the run");
    let [only] = plan.variants.as_slice() else { panic!("{:?}", plan.variants) };
    assert_eq!((only.name.as_str(), only.changes.len()), ("base", 0));
    assert_eq!(only.scenario, plan.base);
}

#[test]
fn the_largest_scenario_keeps_every_value() {
    let plan = scenario::load(&folder().join("maximal.yaml"), &[], &known()).unwrap();
    assert_eq!(plan.horizon_days(), 730.5);
    let counts = [
        ("bank", 1),
        ("battery", 138),
        ("block", 8),
        ("cabinet", 5),
        ("cleanup", 1),
        ("data_centre", 1),
        ("ground", 1),
        ("network", 1),
        ("plant", 2),
        ("port", 1),
        ("recycler", 2),
        ("team", 1),
        ("truck", 1),
        ("vessel", 2),
    ];
    assert_eq!(plan.twin_counts(), BTreeMap::from(counts));
    let network = &plan.base.networks[0];
    assert_eq!(network.charging.policy, ChargingPolicy::OffPeak);
    assert_eq!(network.cabinets.charger_efficiency, [(0.1, 0.85), (0.5, 0.94), (1.0, 0.93)]);
    assert_eq!(network.riders.by_weekday[4], 1.2);
    assert!(matches!(plan.base.packs[1].duty, Duty::Standby { depth: 0.3, .. }));
    let Duty::Drive { vehicle, .. } = &plan.base.packs[2].duty else { panic!() };
    assert_eq!((vehicle.mass_kg, vehicle.auxiliary_w), (600.0, 40.0), "given and default side by side");
}

#[test]
fn the_largest_scenario_has_every_key_of_the_schema() {
    let text = fixture("maximal.yaml");
    let mut missing = Vec::new();
    let schema = scenario::json_schema();
    let records = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for record in records.flat_map(|def| def["oneOf"].as_array().cloned().unwrap_or(vec![def.clone()])) {
        for key in record["properties"].as_object().into_iter().flatten().map(|(key, _)| key) {
            if !text.contains(&format!("{key}:")) {
                missing.push(key.clone());
            }
        }
    }
    // The other sources of what the file gives already.
    missing.retain(|key| !matches!(key.as_str(), "flat_per_kwh" | "flat_g_per_kwh" | "horizon_days"));
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn variants_build_on_the_file_and_on_each_other() {
    let plan = parse(&fixture("maximal.yaml")).unwrap();
    let names: Vec<&str> = plan.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names, ["as it is", "gentle", "gentle in heat"]);
    assert_eq!(plan.variants[0].scenario.climate, plan.base.climate);
    assert!(plan.variants.iter().all(|variant| variant.scenario.variants.is_empty()));
    assert_eq!(plan.variants[1].description, "Charge less, and never in a hurry.");
    let hot = &plan.variants[2];
    assert_eq!(
        hot.changes,
        [
            "networks.city.charging.target_soc: 0.85",
            "networks.city.charging.ready_soc: 0.8",
            "climate.city: null",
            "climate.constant_c: 38",
        ]
    );
    assert_eq!(hot.scenario.networks[0].charging.target_soc, 0.85);
    assert_eq!((hot.scenario.climate.city.as_deref(), hot.scenario.climate.constant_c), (None, Some(38.0)));
    assert_eq!(plan.base.climate.city.as_deref(), Some("Pune"));
}

#[test]
fn a_variant_may_start_from_one_further_down_and_override_it() {
    let text = fixture("minimal.yaml")
        + "variants:\n- name: b\n  from: a\n  set: {seed: 9}\n- name: a\n  set: {seed: 5, packs.shelf.count: 3}\n";
    let plan = parse(&text).unwrap();
    assert_eq!(plan.variants[0].changes, ["packs.shelf.count: 3", "seed: 9"]);
    let figures =
        |index: usize| (plan.variants[index].scenario.seed, plan.variants[index].scenario.packs[0].count);
    assert_eq!((figures(0), figures(1)), ((9, 3), (5, 3)));
}

#[test]
fn set_values_come_before_variants() {
    let sets = [
        ("networks.0.packs", "125"),
        ("networks.city.riders.by_hour", "null"),
        ("output.interval_days", "1e1"),
        ("packs.ups.duty", "{kind: standby, depth: 0.1, every_days: 7, c_rate: 1}"),
        ("description", ""),
    ];
    let plan = parse_with(&fixture("maximal.yaml"), &sets).unwrap();
    assert_eq!(plan.base.networks[0].packs, 125);
    assert_eq!(plan.base.networks[0].riders.by_hour[0], 0.15, "the default again");
    assert_eq!(plan.base.output.interval_days, 10.0);
    assert_eq!(plan.base.description, "");
    assert!(plan.variants.iter().all(|variant| variant.scenario.networks[0].packs == 125));
}

#[test]
fn yaml_may_be_written_in_its_other_ways() {
    let text = "{\"name\": \"json\", \"horizon_days\": 1.0e0, \"climate\": {\"constant_c\": 25},\n\
                \"batteries\": {\"cell\": &b {\"chemistry\": \"lfp-example\", \"series\": 0x10}, \"other\": *b},\n\
                \"packs\": [{\"name\": \"p\", \"battery\": \"other\",\n\
                \"duty\": {\"kind\": \"standby\", \"depth\": 0, \"every_days\": 10, \"c_rate\": 1}}]}\n";
    let plan = parse(text).unwrap();
    assert_eq!(plan.base.batteries["other"].series, 16);
    assert_eq!(parse(&format!("%YAML 1.2\n---\n{text}...\n")).unwrap(), plan);
    assert_eq!(parse(&text.replace('\n', "\r\n")).unwrap(), plan);
}

#[test]
fn a_plan_survives_being_written_as_json_and_read_again() {
    let plan = parse(&fixture("maximal.yaml")).unwrap();
    let written = serde_json::to_string(&plan.base).unwrap();
    let again = parse(&written).unwrap();
    assert!(again.base == plan.base, "{written}");
    let scenarios = |plan: &scenario::Plan| -> Vec<_> {
        plan.variants.iter().map(|variant| variant.scenario.clone()).collect()
    };
    assert!(scenarios(&again) == scenarios(&plan));
}

#[test]
fn the_published_schema_describes_itself_and_every_key() {
    let schema = scenario::json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["title"].is_string() && schema["description"].is_string() && schema["$id"].is_null());
    let records = schema["$defs"].as_object().unwrap().iter().map(|(name, def)| (name.as_str(), def));
    for (name, record) in records.chain([("Scenario", &schema)]) {
        for (key, property) in record["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{key} has no description");
        }
    }
    let duty: Vec<&Value> = schema["$defs"]["Duty"]["oneOf"].as_array().unwrap().iter().collect();
    assert_eq!(duty.len(), 3);
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake_without_a_line() {
    let missing = folder().join("nowhere.yaml");
    let mistakes = scenario::load(&missing, &[], &known()).unwrap_err();
    assert_eq!((mistakes.0.len(), mistakes.0[0].line), (1, 0));
    assert!(mistakes.to_string().starts_with(&format!("{}: cannot be read", missing.display())));
    assert!(scenario::load(&folder(), &[], &known()).is_err(), "a folder");
}
