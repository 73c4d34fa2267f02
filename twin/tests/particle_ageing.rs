#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test tells what it measured, and fails where it stands"
)]
//! Ageing of the particle models against reference curves from the package that published them.
//!
//! The folder with the curves is told by `CELLTIDE_VALIDATION`; its files are outputs of PyBaMM 26.10.

use std::fs;
use std::path::{Path, PathBuf};
use twin::battery::particle::balance::lithium_ah;
use twin::battery::particle::cell::{CellFault, CellModel, Drive, Heat, Kind, Options};
use twin::battery::particle::cycling::{Health, Jump, Stretch, age, cycle};
use twin::battery::particle::drive::{End, Run};
use twin::battery::particle::set::{self, ParticleSet};

fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CELLTIDE_VALIDATION").map(PathBuf::from) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CELLTIDE_VALIDATION must be set in continuous integration"
        );
        println!("skipped: CELLTIDE_VALIDATION is not set");
        return None;
    };
    assert!(folder.is_dir(), "CELLTIDE_VALIDATION is {} and that is no folder", folder.display());
    Some(folder)
}

/// Cycle, hours, capacity, lithium, negative and positive lost, side reactions, film, plating, throughput.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .skip(1)
        .map(|line| line.split(',').skip(3).map(|cell| cell.parse().unwrap()).collect())
        .collect()
}

struct Case {
    file: &'static str,
    set: &'static str,
    mechanisms: &'static str,
    charge_c: f64,
    until_v: f64,
}

const CASES: [Case; 4] = [
    Case {
        file: "pybamm_ageing_a1_chen_spm_sei_solvent.csv",
        set: "Chen2020",
        mechanisms: "sei-solvent",
        charge_c: 1.0,
        until_v: 2.5,
    },
    Case {
        file: "pybamm_ageing_a2_chen_spm_sei_reaction.csv",
        set: "Chen2020",
        mechanisms: "sei-reaction",
        charge_c: 1.0,
        until_v: 2.5,
    },
    Case {
        file: "pybamm_ageing_a3_okane_spm_coupled.csv",
        set: "OKane2022",
        mechanisms: "sei-solvent,plating-partial,cracks,lam",
        charge_c: 0.3,
        until_v: 2.5,
    },
    Case {
        file: "pybamm_ageing_a4_mohtat_spm_ec_yang.csv",
        set: "Mohtat2020",
        mechanisms: "sei-ec",
        charge_c: 1.0,
        until_v: 3.0,
    },
];

fn stretches(case: &Case, rated_a: f64) -> Vec<Stretch> {
    vec![
        Stretch::current(rated_a, &[End::VoltageBelow(case.until_v)]),
        Stretch::rest(300.0),
        Stretch::current(-case.charge_c * rated_a, &[End::VoltageAbove(4.2)]),
        Stretch::hold(4.2, rated_a / 20.0),
        Stretch::rest(300.0),
    ]
}

/// Cycle, hours, health and throughput; the error stated; cycles computed.
type Followed = (Vec<(u32, f64, Health, f64)>, f64, u32);

fn follow(case: &Case, cycles: u32, jump: Option<Jump>) -> Followed {
    let set = ParticleSet::of(set::find(case.set).unwrap()).unwrap();
    let options = Options { mechanisms: case.mechanisms.parse().unwrap(), ..Options::new(Kind::Spm) };
    let model = CellModel::new(set, options).unwrap();
    let mut run = Run::new(&model, model.as_published(25.0), 25.0).unwrap();
    let new_ah = lithium_ah(&model, &run.state);
    let rated_a = model.set().file.cell.capacity_ah;
    let mut found = Vec::new();
    let outcome = age(&mut run, &stretches(case, rated_a), cycles, jump, |cycle, run| {
        let health = Health::of(&model, &run.state, new_ah);
        found.push((cycle, run.clock().t_s / 3600.0, health, run.clock().throughput_c / 3600.0));
    })
    .unwrap();
    println!("{}: steps {:?}, computed {}", case.file, run.steps, outcome.computed);
    (found, outcome.error, outcome.computed)
}

#[test]
fn ageing_follows_the_reference() {
    let Some(folder) = folder() else { return };
    let mut failures = Vec::new();
    for case in &CASES {
        let rows = rows(&folder.join(case.file));
        let (found, _, _) = follow(case, rows.len() as u32, None);
        let mut worst = [0.0f64; 3];
        for ((cycle, hours, health, throughput_ah), row) in found.iter().zip(&rows) {
            assert_eq!(f64::from(*cycle), row[0]);
            // Loss of lithium, of capacity against the first cycle, and the capacity itself.
            let lithium = health.lithium_lost_pct / row[3] - 1.0;
            let lost_ah = found[0].2.capacity_ah - health.capacity_ah;
            let lost_row_ah = rows[0][2] - row[2];
            let is_small = lost_row_ah / rows[0][2] < 0.005;
            let capacity = if is_small { 0.0 } else { lost_ah / lost_row_ah - 1.0 };
            worst[0] = worst[0].max(lithium.abs());
            worst[1] = worst[1].max(capacity.abs());
            worst[2] = worst[2].max((health.capacity_ah / row[2] - 1.0).abs());
            if [1, 2, 10, 100, rows.len() as u32].contains(cycle) {
                println!(
                    "  {cycle}: {:.4}/{:.4} h, C {:.6}/{:.6}, LLI {:.6}/{:.6} %, LAM {:.6}/{:.6} {:.6}/{:.6} %, side \
                     {:.6}/{:.6} film {:.6}/{:.6} plating {:.6}/{:.6} Ah, throughput {:.4}/{:.4}",
                    hours,
                    row[1],
                    health.capacity_ah,
                    row[2],
                    health.lithium_lost_pct,
                    row[3],
                    health.negative_lost_pct,
                    row[4],
                    health.positive_lost_pct,
                    row[5],
                    health.sei_ah + health.crack_sei_ah + health.plating_ah,
                    row[6],
                    health.sei_ah,
                    row[7],
                    health.plating_ah,
                    row[8],
                    throughput_ah,
                    row[9],
                );
            }
        }
        println!(
            "  worst: lithium {:.4} %, loss {:.4} %, capacity {:.5} %",
            worst[0] * 100.0,
            worst[1] * 100.0,
            worst[2] * 100.0
        );
        if worst[0] > 0.03 || worst[1] > 0.03 || worst[2] > 0.01 {
            failures.push((case.file, worst));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn lithium_is_conserved_whatever_ages() {
    for (kind, set_name, mechanisms) in [
        (Kind::Spm, "Chen2020", "sei-reaction"),
        (Kind::Spm, "OKane2022", "sei-solvent,plating-partial,cracks,lam"),
        (Kind::Spme, "OKane2022", "sei-reaction,plating-reversible,lam"),
        (Kind::Spm, "OKane2022", "sei-electron,plating-irreversible"),
        (Kind::Spm, "Chen2020", "sei-interstitial"),
        (Kind::Spme, "Chen2020", "sei-ec"),
        (Kind::Spme, "OKane2022", "sei-solvent,plating-partial,cracks,lam,pore-clogging"),
    ] {
        let set = ParticleSet::of(set::find(set_name).unwrap()).unwrap();
        let options = Options { mechanisms: mechanisms.parse().unwrap(), ..Options::new(kind) };
        let model = CellModel::new(set, options).unwrap();
        let mut run = Run::new(&model, model.as_published(25.0), 25.0).unwrap();
        let before = model.lithium_mol(&run.state);
        let salt = model.salt_mol(&run.state);
        for _ in 0..3 {
            cycle(&mut run, &stretches(&CASES[2], 5.0)).unwrap();
        }
        let off = model.lithium_mol(&run.state) / before - 1.0;
        let salt_off = model.salt_mol(&run.state) / salt - 1.0;
        println!("{kind:?} {mechanisms}: lithium {off:+.1e}, salt {salt_off:+.1e}");
        assert!(off.abs() < 1e-9 && salt_off.abs() < 1e-9, "{mechanisms}: {off} {salt_off}");
    }
}

#[test]
fn jumping_over_cycles_stays_within_what_it_states() {
    let (all, _, _) = follow(&CASES[0], 300, None);
    let (some, stated, computed) = follow(&CASES[0], 300, Some(Jump { error: 2e-3, most: 100 }));
    let (all, some) = (all.last().unwrap().2, some.last().unwrap().2);
    let error = (some.lithium_lost_pct / all.lithium_lost_pct - 1.0).abs();
    println!("jumped: {computed} of 300 computed, error {error:.2e}, stated {stated:.2e}");
    assert!(computed < 150 && error < 0.01 && error < stated.max(2e-3), "{computed} {error} {stated}");
}

/// A jump that carries on how the cycle after the last one set the state of charge right swings wider each time, until
/// particles are emptier than empty; that took about ten jumps, and these are some forty.
#[test]
fn many_jumps_in_a_row_keep_the_state_of_charge() {
    let jump = Jump { error: 1e-3, most: 100 };
    let (all, _, _) = follow(&CASES[0], 1000, None);
    let (some, stated, computed) = follow(&CASES[0], 1000, Some(jump));
    // Hours and throughput of every cycle that was computed, jumped to, are those of the run without jumps.
    let (mut hours, mut throughput) = (0.0f64, 0.0f64);
    for (cycle, at_h, _, ah) in &some {
        let same = &all[*cycle as usize - 1];
        assert_eq!(same.0, *cycle);
        hours = hours.max((at_h / same.1 - 1.0).abs());
        throughput = throughput.max((ah / same.3 - 1.0).abs());
    }
    let lost = |found: &[(u32, f64, Health, f64)]| found.last().unwrap().2.lithium_lost_pct;
    let error = (lost(&some) / lost(&all) - 1.0).abs();
    println!(
        "{computed} of 1000 computed, error {error:.2e}, stated {stated:.2e}, hours {hours:.1e}, throughput {throughput:.1e}"
    );
    assert_eq!((all.len(), all[999].0, some.last().unwrap().0), (1000, 1000, 1000));
    assert!(computed < 200 && error < stated, "{computed} {error} {stated}");
    assert!(hours < 2e-4 && throughput < 2e-4, "{hours} {throughput}");
}

/// Times at the end of each stretch and the charge that went either way.
///
/// Where a hold ends is the most sensitive: its current falls by under a milliampere a second then, and the 0.1 mV that
/// steps may be off are some milliamperes. What passes in those seconds is next to nothing, so charge is held tighter.
#[test]
fn finer_modes_and_steps_change_little() {
    let run_through = |modes: usize, share: f64| {
        let set = ParticleSet::of(set::find("Chen2020").unwrap()).unwrap();
        let options = Options {
            modes,
            heat: Heat::Lumped,
            mechanisms: "sei-reaction".parse().unwrap(),
            ..Options::new(Kind::Spme)
        };
        let model = CellModel::new(set, options).unwrap();
        let mut run = Run::new(&model, model.as_published(25.0), 25.0).unwrap();
        run.tolerance.voltage_v *= share;
        run.tolerance.temperature_k *= share;
        run.tolerance.side *= share;
        let new_ah = lithium_ah(&model, &run.state);
        let mut ends_s = Vec::new();
        for stretch in stretches(&CASES[0], 5.0) {
            cycle(&mut run, &[stretch]).unwrap();
            ends_s.push(run.clock().t_s);
        }
        let health = Health::of(&model, &run.state, new_ah);
        (ends_s, run.clock().throughput_c, health.lithium_lost_pct)
    };
    let exact = run_through(16, 1e-3);
    for (what, found, time, hold, charge, lithium) in [
        ("modes", run_through(10, 1e-3), 1e-7, 1e-6, 1e-7, 1e-5),
        ("steps", run_through(10, 1.0), 1e-6, 3e-4, 2e-5, 1e-3),
    ] {
        let off = |k: usize| (found.0[k] / exact.0[k] - 1.0).abs();
        let (charge_off, lithium_off) = ((found.1 / exact.1 - 1.0).abs(), (found.2 / exact.2 - 1.0).abs());
        println!(
            "{what}: discharge {:.1e}, charge {:.1e}, hold {:.1e}, throughput {charge_off:.1e}, lithium {lithium_off:.1e}",
            off(0),
            off(2),
            off(3)
        );
        assert!(off(0).max(off(2)) < time && off(3) < hold, "{what}: {:?} {:?}", found.0, exact.0);
        assert!(charge_off < charge && lithium_off < lithium, "{what}: {charge_off} {lithium_off}");
    }
}

/// What grows takes its volume from the pores; the way through the electrolyte gets longer by as much, and no more.
#[test]
fn clogging_costs_the_volume_of_what_grows_and_the_voltage_of_the_longer_way() {
    let model = |mechanisms: &str| {
        let set = ParticleSet::of(set::find("Chen2020").unwrap()).unwrap();
        let options = Options { mechanisms: mechanisms.parse().unwrap(), ..Options::new(Kind::Spme) };
        CellModel::new(set, options).unwrap()
    };
    let (open, clogged) = (model("sei-reaction"), model("sei-reaction,pore-clogging"));
    let file = &open.set().file;
    let (area_m2, thickness_m) = (file.cell.area_m2, file.negative.thickness_m);
    let sei = open.set().sei().unwrap();

    // Volume: what the film took as charge, as volume of film.
    let mut run = Run::new(&clogged, clogged.as_published(25.0), 25.0).unwrap();
    let new_ah = lithium_ah(&clogged, &run.state);
    assert_eq!(clogged.porosity(&run.state.films), 0.25);
    for _ in 0..5 {
        cycle(&mut run, &stretches(&CASES[0], 5.0)).unwrap();
    }
    let film_ah = Health::of(&clogged, &run.state, new_ah).sei_ah;
    let film_mol = film_ah * 3600.0 / 96_485.332_12 / sei.lithium_per_sei;
    let lost = 0.25 - clogged.porosity(&run.state.films);
    let expected = film_mol * sei.molar_volume_m3_per_mol / (area_m2 * thickness_m);
    println!("film {film_ah:.4} Ah: porosity falls by {lost:.3e}, expected {expected:.3e}");
    assert!(lost > 0.0 && (lost / expected - 1.0).abs() < 1e-9, "{lost} {expected}");

    // Voltage: a film that leaves 0.20 of 0.25, at rest salt. Δφ_e = −i·L_n/(3κ)·(ε^−b − ε_0^−b).
    let mut state = open.as_published(25.0);
    let more = 0.05 / sei.molar_volume_m3_per_mol;
    state.films.sei.iter_mut().for_each(|sei| *sei += more);
    assert!((clogged.porosity(&state.films) - 0.20).abs() < 1e-12);
    let load = Drive::Current { now_a: 5.0, slope_a_per_s: 0.0 };
    let (a, b) = (open.seen(&state, load, 0.0).unwrap(), clogged.seen(&state, load, 0.0).unwrap());
    // κ = 0.1297 − 2.51 + 3.329 S/m at 1000 mol/m³; b = 1.5. The salt, squeezed into fewer pores, is as dense in `state`
    // but more of it is there as κ is taken at ⟨εc⟩⟨1/ε⟩, so the separator and the other electrode are worked out too.
    let mean = |n: f64| {
        let l = [thickness_m, file.separator.thickness_m, file.positive.thickness_m];
        let e = [n, file.separator.porosity, file.positive.porosity];
        let total: f64 = l.iter().sum();
        let held: f64 = (0..3).map(|k| l[k] * e[k]).sum();
        held * (0..3).map(|k| l[k] / e[k]).sum::<f64>() / (total * total)
    };
    let resistance = |n: f64| {
        let c = mean(n);
        let kappa = 0.1297 * c.powi(3) - 2.51 * c.powf(1.5) + 3.329 * c;
        let way = thickness_m / (3.0 * n.powf(1.5))
            + file.separator.thickness_m / file.separator.porosity.powf(1.5)
            + file.positive.thickness_m / (3.0 * file.positive.porosity.powf(1.5));
        way / kappa
    };
    let fall_v = 5.0 / area_m2 * (resistance(0.20) - resistance(0.25));
    println!(
        "1C at once: {:.3} mV lower, expected {:.3} mV",
        (a.voltage_v - b.voltage_v) * 1e3,
        fall_v * 1e3
    );
    assert!((a.voltage_v - b.voltage_v - fall_v).abs() < 1e-7 && fall_v > 1e-4);

    // And a 2C discharge of such a cell gives less.
    let given_ah = |model: &CellModel| {
        let mut run = Run::new(model, state, 25.0).unwrap();
        cycle(&mut run, &[Stretch::current(10.0, &[End::VoltageBelow(2.5)])]).unwrap();
        (run.clock().discharged_c / 3600.0, run.steps)
    };
    let ((open_ah, _), (clogged_ah, _)) = (given_ah(&open), given_ah(&clogged));
    println!("2C: {open_ah:.4} Ah with open pores, {clogged_ah:.4} Ah with clogged ones");
    assert!(clogged_ah < open_ah - 0.005 && clogged_ah > 0.5 * open_ah);

    // Nothing to clog with, or nowhere: refused by name.
    let refused = |kind: Kind, mechanisms: &str| {
        let set = ParticleSet::of(set::find("Chen2020").unwrap()).unwrap();
        let options = Options { mechanisms: mechanisms.parse().unwrap(), ..Options::new(kind) };
        CellModel::new(set, options).unwrap_err().to_string()
    };
    assert!(refused(Kind::Spm, "sei-solvent,pore-clogging").contains("clogging of pores"));
    assert!(refused(Kind::Spme, "pore-clogging").contains("without a film or plating"));
}

/// A cycle whose load cannot go on is an error that says where, and the run stands there.
#[test]
fn a_cycle_that_breaks_off_says_where() {
    let set = ParticleSet::of(set::find("Chen2020").unwrap()).unwrap();
    let model = CellModel::new(set, Options::new(Kind::Spme)).unwrap();
    let mut run = Run::new(&model, model.as_published(25.0), 25.0).unwrap();
    let power = Stretch { drive: Drive::Power(15.0), ends: vec![End::VoltageBelow(0.1)], for_s: 1e5 };
    let error = cycle(&mut run, &[Stretch::rest(60.0), power.clone(), Stretch::rest(60.0)]).unwrap_err();
    println!("{error}");
    let CellFault::Interrupted { stretch, t_s, why } = error else { panic!("{error}") };
    assert!(stretch == 2 && !why.is_regular() && t_s > 1000.0 && run.clock().t_s == t_s);
    assert!(run.seen.voltage_v.is_finite() && run.seen.voltage_v > 0.1);
    // Ageing hands it on, after the cycles that were whole.
    let mut run = Run::new(&model, model.as_published(25.0), 25.0).unwrap();
    let mut told = 0;
    let done = age(&mut run, &[power], 3, None, |_, _| told += 1);
    assert!(matches!(done, Err(CellFault::Interrupted { stretch: 1, .. })) && told == 0);
}
