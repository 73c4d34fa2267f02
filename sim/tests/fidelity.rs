//! Packs followed by life laws, as circuits and as particles, from a scenario to the rows of its results.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use sim::engine::{self, Options};
use sim::results::record::WorldRecord;
use sim::scenario::{self, Plan};
use std::convert::Infallible;
use std::path::Path;

const PACKS: &str = r"
name: how-closely
start: 2026-01-05
horizon_days: 6
seed: 4
climate: { city: stockholm }
batteries:
  pack:
    chemistry: OKane2022
    fidelity: particle
    particle: { model: spm, mechanisms: [sei-solvent, plating-partial] }
    series: 4
    parallel: 3
    scatter: { capacity_sd: 0.02, resistance_sd: 0.05, ageing_sd: 0.1 }
packs:
  - name: lone
    battery: pack
    count: 2
    duty:
      kind: daily
      steps:
        - { at_hour: 8, c_rate: 0.5, until_soc: 0.3 }
        - { at_hour: 14, c_rate: -0.5, until_soc: 0.9 }
output: { interval_days: 0.5 }
";

const SWAPS: &str = r"
name: swapped
start: 2026-01-05
horizon_days: 3
climate: { constant_c: 20 }
batteries:
  scooter:
    chemistry: Chen2020
    fidelity: particle
    particle: { model: spm }
    series: 14
    parallel: 4
networks:
  - name: town
    battery: scooter
    packs: 14
    districts: 2
    cabinets: { count: 2, slots: 5, charger_kw: 0.5, site_power_kw: 2 }
    riders: { count: 8, km_per_day: 60, roaming: 0.2 }
    trips: { cycle: ece15 }
output: { interval_days: 1 }
";

fn plan(text: &str, sets: &[(&str, &str)]) -> Result<Plan, String> {
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    scenario::parse(text.as_bytes(), "s.yaml", Path::new("."), &sets, &sim::experiment::known())
        .map_err(|m| m.to_string())
}

fn world(text: &str, sets: &[(&str, &str)]) -> WorldRecord {
    let plan = plan(text, sets).unwrap();
    engine::run_direct(&engine::prepare::<Infallible>(&plan).unwrap()[0], 0, 0)
}

fn ending(world: &WorldRecord, id: &str, column: &str) -> Option<f64> {
    let of = |row: &&sim::results::record::TwinRow| world.subjects[row.subject as usize].id == id;
    let row = world.twins.iter().find(of).unwrap_or_else(|| panic!("there is a row of {id}"));
    row.values.iter().find(|(name, _)| *name == column).map(|(_, value)| *value)
}

#[test]
fn mistakes_name_what_would_do() {
    let said = |sets: &[(&str, &str)]| plan(PACKS, sets).unwrap_err();
    let lfp = said(&[("batteries.pack.chemistry", "lfp-gr-sony-murata-3ah")]);
    assert!(lfp.contains("`lfp-gr-sony-murata-3ah` has no parameters of particle models"), "{lfp}");
    assert!(lfp.contains("Prada2013, Mohtat2020, OKane2022, Chen2020"), "{lfp}");
    let typo = said(&[("batteries.pack.chemistry", "OKane")]);
    assert!(typo.contains("`OKane` has no parameters") && typo.contains("OKane2022"), "{typo}");
    let laws = said(&[("batteries.pack.fidelity", "circuit")]);
    assert!(laws.contains("without circuit and life laws") && laws.contains("nmc811-grsi-lg-m50"), "{laws}");
    let rust = said(&[("batteries.pack.particle.mechanisms", "[rust]")]);
    assert!(rust.contains("there is no mechanism called `rust`"), "{rust}");
    let lacks = said(&[("batteries.pack.chemistry", "Prada2013")]);
    assert!(lacks.contains("no figures for growth of a film"), "{lacks}");
    let odd = said(&[("batteries.pack.fidelity", "exact")]);
    assert!(odd.contains("life, circuit") && odd.contains("particle"), "{odd}");
    let cells = said(&[
        ("batteries.pack.chemistry", "nmc811-grsi-lg-m50-5ah"),
        ("batteries.pack.fidelity", "life"),
        ("packs.lone.network", "{}"),
    ]);
    assert!(cells.contains("fidelity: life has none"), "{cells}");
    let used = said(&[("packs.lone.network", "{replace: [{group: 1, position: 1, soh: 0.8}]}")]);
    assert!(used.contains("a used cell has no electrodes"), "{used}");
}

#[test]
fn every_fidelity_runs_and_particles_tell_what_was_lost_and_how() {
    let cold = world(PACKS, &[]);
    let lost = |column: &str| ending(&cold, "lone-1", column).unwrap();
    assert!(lost("lli_pct") > 0.0 && lost("sei_loss_pct") > 0.0, "{}", lost("lli_pct"));
    assert!(lost("plating_loss_pct") > 0.0 && lost("lam_negative_pct") == 0.0);
    assert!(lost("soh") < 1.03 && lost("energy_out_kwh") > 0.3, "{}", lost("energy_out_kwh"));
    assert_eq!(lost("currents_halved"), 0.0);
    assert!(cold.series.iter().any(|row| row.metric == "lli_pct"));
    let warm = world(PACKS, &[("packs.lone.room_c", "25")]);
    assert!(ending(&warm, "lone-1", "plating_loss_pct").unwrap() > 0.0);
    for fidelity in ["life", "circuit"] {
        let sets = [
            ("batteries.pack.fidelity", fidelity),
            ("batteries.pack.chemistry", "nmc811-grsi-lg-m50-5ah"),
            ("packs.lone.room_c", "25"),
        ];
        let other = world(PACKS, &sets);
        assert_eq!(ending(&other, "lone-1", "lli_pct"), None);
        let (ours, theirs) = (
            ending(&warm, "lone-1", "energy_out_kwh").unwrap(),
            ending(&other, "lone-1", "energy_out_kwh").unwrap(),
        );
        // Two models of one make of cell.
        assert!((ours / theirs - 1.0).abs() < 0.1, "{fidelity}: {ours} against {theirs} kWh");
    }
}

#[test]
fn packs_of_particles_are_the_same_on_one_thread_on_two_and_without_actors() {
    for text in [PACKS, SWAPS] {
        let plan = plan(text, &[]).unwrap();
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
    }
}

#[test]
fn a_swap_network_of_particles_serves_its_riders() {
    let world = world(SWAPS, &[]);
    assert!(world.figures["swaps_total"] > 5.0, "{:?}", world.figures);
    assert!(world.figures["served_pct"] > 80.0);
    assert!(ending(&world, "town-1", "lli_pct").unwrap() > 0.0);
    let life =
        [("batteries.scooter.fidelity", "life"), ("batteries.scooter.chemistry", "nmc811-grsi-lg-m50-5ah")];
    let coarse = self::world(SWAPS, &life);
    let (ours, theirs) = (world.figures["grid_energy_kwh"], coarse.figures["grid_energy_kwh"]);
    assert!((ours / theirs - 1.0).abs() < 0.2, "{ours} against {theirs} kWh");
}

#[test]
fn cells_of_a_network_can_be_particles() {
    let sets = [("packs.lone.network", "{record_cells: true, step_s: 60}"), ("horizon_days", "2")];
    let world = world(PACKS, &sets);
    assert!(ending(&world, "lone-1", "lli_pct").unwrap() > 0.0);
    assert_eq!(ending(&world, "lone-1", "currents_halved"), Some(0.0));
    let cells = world.subjects.iter().filter(|subject| subject.kind == "cell").count();
    assert_eq!(cells, 24);
    assert!(ending(&world, "lone-1", "energy_out_kwh").unwrap() > 0.1);
}
