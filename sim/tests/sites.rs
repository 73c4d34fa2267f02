//! Facilities in a world: the same whoever runs them, and books that close.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use sim::engine::{self, Options};
use sim::results::record::WorldRecord;
use sim::scenario::{self, Known, Plan};
use sim::world::{climate, drive, grids};
use std::convert::Infallible;
use std::path::Path;
use twin::battery::library;

/// Two small data centres in a hot place with a bad grid, and a chain whose packs wear out within weeks.
const SITES: &str = r"
name: sites
start: 2026-03-01
horizon_days: 150
seed: 3
utc_offset_h: 7
climate: { city: bangkok }
energy: { carbon: { region: TH } }
batteries:
  block: { chemistry: vrla-agm-12v-120ah, series: 6, end_of_life_soh: 0.99, price: 200 }
  van: { chemistry: nmc811-grsi-lg-m50-5ah, series: 14, parallel: 6 }
data_centres:
  - name: one
    battery: block
    rooms:
      - { name: a, strings: 2, blocks_per_string: 4, load_kw: 12, temperature_offset_c: 12, outdoor_share: 0.5 }
      - { name: b, strings: 1, blocks_per_string: 3, load_kw: 4 }
    outages: { per_year: 60, median_min: 20 }
    care: { policy: worn, inspect_every_days: 10 }
  - name: two
    battery: block
    rooms: [{ name: a, strings: 1, blocks_per_string: 2, load_kw: 0.5 }]
    outages: { per_year: 20 }
    generator: { start_s: 30, failure_probability: 0.5 }
    care: { policy: forecast, forecast_days: 30 }
second_lives:
  - name: vans
    battery: van
    composition: NMC811
    vehicles: 4
    enter_over_days: 8
    made_in: KR
    handling_days: 3
    vehicle:
      until_soh: 0.99
      until_years: 0.08
      duty: &duty
        kind: daily
        steps:
          - { at_hour: 8, c_rate: 0.5, until_soc: 0.1 }
          - { at_hour: 12, c_rate: -0.3, until_soc: 1.0 }
    store: { until_soh: 0.5, until_years: 0.1, duty: *duty }
    to_vehicle: [{ mode: ship, distance_km: 3000 }, { mode: truck, distance_km: 100 }]
    to_recycler: [{ mode: truck, distance_km: 50 }]
    recycler: { daily_kg: 5, standby_kw: 0.1 }
output: { interval_days: 10 }
";

fn parse(text: &str, sets: &[(&str, &str)]) -> Result<Plan, String> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let known = Known {
        chemistries: library::names().map(str::to_owned).collect(),
        cities: owned(&climate::names()),
        grids: owned(&grids::names()),
        cycles: owned(&drive::names()),
    };
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    scenario::parse(text.as_bytes(), "sites.yaml", Path::new("."), &sets, &known)
        .map_err(|mistakes| mistakes.to_string())
}

fn run(plan: &Plan, jobs: usize) -> WorldRecord {
    let models = engine::prepare::<Infallible>(plan).unwrap();
    let mut worlds = Vec::new();
    let sink = |world| {
        worlds.push(world);
        Ok::<_, Infallible>(())
    };
    engine::run(&models, 1, &Options { jobs, ..Options::default() }, sink).unwrap();
    worlds.remove(0)
}

#[track_caller]
fn closes(whole: f64, parts: f64) {
    assert!((whole - parts).abs() <= 1e-9 * whole.abs().max(1.0), "{whole} against {parts}");
}

#[test]
fn facilities_are_the_same_whoever_runs_them_and_their_books_close() {
    let plan = parse(SITES, &[]).unwrap();
    let models = engine::prepare::<Infallible>(&plan).unwrap();
    let direct = engine::run_direct(&models[0], 0, 0);
    for jobs in [1, 2, 3] {
        assert!(run(&plan, jobs) == direct, "{jobs} jobs");
    }
    let figure = |name: &str| direct.figures.get(name).copied().unwrap_or_else(|| panic!("no {name}"));

    // Mass: what was made is somewhere.
    let places = ["vehicle_kg", "store_kg", "moving_kg", "recycler_kg", "recovered_kg", "residue_kg"];
    closes(figure("made_kg"), places.iter().map(|name| figure(name)).sum());
    assert!(figure("recycled_packs") > 2.0 && figure("second_life_packs") >= figure("recycled_packs"));
    // Emissions: stages, and packs one by one.
    let stages = ["making", "transport", "losses", "treatment", "credit"];
    let of_stages: f64 = stages.iter().map(|stage| figure(&format!("{stage}_carbon_kg"))).sum();
    closes(figure("total_carbon_kg"), of_stages);
    assert!(figure("carbon_gap_kg").abs() <= 1e-9 * figure("total_carbon_kg").abs());
    assert!(figure("mass_gap_kg").abs() <= 1e-9 * figure("made_kg"));
    closes(figure("delivered_kwh"), figure("first_life_delivered_kwh") + figure("second_life_delivered_kwh"));
    let delivered: f64 = direct
        .twins
        .iter()
        .flat_map(|twin| &twin.values)
        .filter(|v| v.0 == "energy_out_kwh")
        .map(|v| v.1)
        .sum();
    closes(figure("delivered_kwh"), delivered);

    // Blocks: outages happened, some loads fell where no generator helps, and worn blocks were replaced.
    assert!(figure("outages_total") > 10.0 && figure("loads_dropped") > 0.0);
    let replaced = direct.events.iter().filter(|event| event.event.starts_with("block_replaced")).count();
    assert_eq!(replaced as f64, figure("blocks_replaced"));
    assert!(replaced > 0);
    let retired = |twin: &&sim::results::record::TwinRow| {
        direct.subjects[twin.subject as usize].kind == "block" && twin.values.contains(&("retired", 1.0))
    };
    assert_eq!(direct.twins.iter().filter(retired).count(), replaced);
    assert_eq!(figure("blocks_total"), 13.0);
}

#[test]
fn how_often_results_are_recorded_changes_no_facility() {
    let coarse = run(&parse(SITES, &[("output.interval_days", "150")]).unwrap(), 1);
    let fine = run(&parse(SITES, &[("output.interval_days", "7")]).unwrap(), 1);
    assert_eq!(coarse.twins.len(), fine.twins.len());
    assert!(coarse.twins == fine.twins);
    assert!(coarse.events == fine.events);
}

#[test]
fn mistakes_about_facilities_are_told_with_their_places() {
    let sets = [
        ("data_centres.one.battery", "blocc"),
        ("data_centres.one.rooms.1.name", "a"),
        ("data_centres.one.outages.by_month", "[0,0,0,0,0,0,0,0,0,0,0,0]"),
        ("data_centres.one.care.forecast_days", "10"),
        ("second_lives.vans.store.until_soh", "0.995"),
        ("second_lives.vans.composition", "NMC812"),
    ];
    let told = parse(SITES, &sets).unwrap_err();
    for part in [
        "unknown battery \"blocc\"",
        "two rooms are called",
        "every month has weight 0",
        "has no effect unless the policy is forecast",
        "keeps none that vehicles give up",
        "NMC811",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    // What only the files behind names can tell is refused when the run is prepared.
    let lithium = parse(SITES, &[("data_centres.one.battery", "van")]).unwrap();
    let error = engine::prepare::<Infallible>(&lithium).unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("data centre `one`"));
}
