//! What a pack of single cells costs, and how far its steps are from finer ones: `cargo bench -p twin --bench network`.
//!
//! Sixteen cells in parallel, twenty such groups in series, cells of one lot with scatter, 105 minutes at 10 s: charge
//! for half an hour at 50 A, rest for a quarter, discharge for half an hour, rest for half an hour. Errors are against
//! steps of 1 s: cell currents and the pack's voltage at the ends of the four parts, and all cells' charge at the end.
//! A word after `--` keeps to chemistries and ways with that in their name: `-- spm`.

#![expect(clippy::print_stdout, reason = "a benchmark tells what it measured")]

use std::sync::Arc;
use std::time::Instant;
use twin::battery::circuit::CellModel;
use twin::battery::fidelity::particle::ParticleCell;
use twin::battery::library;
use twin::battery::network::balance::Balancing;
use twin::battery::network::circuits::CircuitBank;
use twin::battery::network::heat::PackHeat;
use twin::battery::network::pack::{CellLimits, Demand, NetworkModel, NetworkPack};
use twin::battery::network::particles::NetworkParticle;
use twin::battery::network::scatter::{CellSpread, Traits, draw};
use twin::battery::network::wiring::{Arrangement, Terminals, Wiring};
use twin::battery::network::{CellBank, Each};
use twin::battery::pack::{Layout, Spread};
use twin::battery::particle::cell::{Kind, Options};
use twin::battery::particle::set::{self, ParticleSet};
use twin::battery::thermal::ThermalPath;
use twin::rng::Seed;

const LAYOUT: Layout = Layout { series: 20, parallel: 16 };
const PARTS: [(f64, f64); 4] = [(-50.0, 1800.0), (0.0, 900.0), (50.0, 1800.0), (0.0, 1800.0)];

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let is_wanted = |name: &str, label: &str| format!("{name} {label}").contains(&wanted);
    println!("16p20s, 105 minutes, cells scattered; best of 7; error against steps of 1 s");
    println!(
        "{:<24} {:<12} {:>6} {:>6} {:>9} {:>12} {:>9} {:>5} {:>10} {:>10} {:>8}",
        "chemistry",
        "joined as",
        "step",
        "steps",
        "seconds",
        "ns/cell-step",
        "solutions",
        "most",
        "cell A",
        "pack V",
        "soc"
    );
    for name in ["nmc811-grsi-lg-m50-5ah", "lfp-gr-sony-murata-3ah"] {
        let file = library::find(name).expect("it ships");
        let cell = Arc::new(CellModel::compile(file).expect("a test compiles every file that ships"));
        for (label, arrangement) in [
            ("groups", Arrangement::Groups),
            ("shared bars", Arrangement::SharedBars),
            ("strings", Arrangement::Strings),
        ] {
            if !is_wanted(name, label) {
                continue;
            }
            let reference = run(circuits(&cell, arrangement), 1.0);
            for dt_s in [10.0, 60.0] {
                let fresh = circuits(&cell, arrangement);
                let mut best = run(fresh.clone(), dt_s);
                for _ in 0..6 {
                    best.seconds = best.seconds.min(run(fresh.clone(), dt_s).seconds);
                }
                tell(name, label, dt_s, &best, &reference);
            }
        }
    }
    for (label, kind, mechanisms) in [
        ("spm", Kind::Spm, "none"),
        ("spm, sei", Kind::Spm, "sei-solvent"),
        ("spme, sei", Kind::Spme, "sei-solvent"),
    ] {
        if !is_wanted("Chen2020", label) {
            continue;
        }
        let set = ParticleSet::of(set::find("Chen2020").expect("it ships")).expect("a test reads it");
        let mechanisms = mechanisms.parse().expect("they are known");
        let make = ParticleCell::new(set, Options { mechanisms, ..Options::new(kind) });
        let make = Arc::new(make.expect("the set has their figures"));
        let reference = run(particles(&make), 1.0);
        for dt_s in [10.0, 60.0] {
            let fresh = particles(&make);
            let mut best = run(fresh.clone(), dt_s);
            for _ in 0..4 {
                best.seconds = best.seconds.min(run(fresh.clone(), dt_s).seconds);
            }
            tell("Chen2020", label, dt_s, &best, &reference);
        }
    }
}

fn tell(name: &str, label: &str, dt_s: f64, best: &Run, reference: &Run) {
    let most = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!(
        "{name:<24} {label:<12} {dt_s:>5}s {:>6} {:>9.4} {:>12.1} {:>9.2} {:>5} {:>10.1e} {:>10.1e} {:>8.0e}",
        best.steps,
        best.seconds,
        best.seconds * 1e9 / (best.steps as f64 * LAYOUT.cells()),
        best.solutions as f64 / best.steps as f64,
        best.most_solutions,
        most(&best.cell_a, &reference.cell_a),
        most(&best.pack_v, &reference.pack_v),
        most(&best.soc, &reference.soc),
    );
}

/// A pack of scattered cells as particle models.
fn particles(make: &Arc<ParticleCell>) -> NetworkPack<Each<NetworkParticle>> {
    let scatter = Spread { capacity: 0.004, resistance: 0.02, ageing: 0.12 };
    let spread = CellSpread { make: scatter, place_k: 1.0, group_soc: 0.0 };
    let mut stream = Seed(1).stream("bench", "scatter", 0);
    let traits: Vec<Traits> = (0..LAYOUT.cells() as usize).map(|_| draw(spread, &mut stream)).collect();
    let place_k = traits.iter().map(|t| t.place_k).collect();
    let cells = traits.into_iter().map(|traits| NetworkParticle::new(make.clone(), traits, 0.5, 25.0));
    let rated = make.rated().expect("a test reads the set");
    NetworkPack::new(network(&rated, Arrangement::Groups), Each::new(cells.collect()), place_k, 25.0)
}

/// A pack of scattered circuit cells. Any other [`CellBank`] can be run the same way.
fn circuits(cell: &Arc<CellModel>, arrangement: Arrangement) -> NetworkPack<CircuitBank> {
    let make = Spread { capacity: 0.004, resistance: 0.02, ageing: 0.12 };
    let spread = CellSpread { make, place_k: 1.0, group_soc: 0.0 };
    let mut stream = Seed(1).stream("bench", "scatter", 0);
    let traits: Vec<Traits> = (0..LAYOUT.cells() as usize).map(|_| draw(spread, &mut stream)).collect();
    let place_k = traits.iter().map(|t| t.place_k).collect();
    let bank = CircuitBank::new(cell.clone(), traits, 0.5).expect("it is no lead-acid cell");
    NetworkPack::new(network(cell, arrangement), bank, place_k, 25.0)
}

fn network(cell: &CellModel, arrangement: Arrangement) -> NetworkModel {
    let heat_j_per_k = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
    let path = ThermalPath::from_time_constants(heat_j_per_k, 0.5, 600.0, 7200.0);
    NetworkModel {
        wiring: Wiring {
            layout: LAYOUT,
            arrangement,
            terminals: Terminals::SameSide,
            busbar_ohm: 1e-4,
            contact_ohm: 1e-2,
            terminal_ohm: 1e-5,
        },
        heat: PackHeat { path, neighbour_w_per_k: 0.02 },
        balancing: Balancing::None,
        limits: CellLimits::of(cell),
        cell_ah: cell.file.cell.capacity_ah,
    }
}

struct Run {
    seconds: f64,
    steps: u32,
    solutions: u32,
    most_solutions: u32,
    cell_a: Vec<f64>,
    pack_v: Vec<f64>,
    soc: Vec<f64>,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about the clock")]
fn run<B: CellBank>(mut pack: NetworkPack<B>, dt_s: f64) -> Run {
    let mut run = Run {
        seconds: 0.0,
        steps: 0,
        solutions: 0,
        most_solutions: 0,
        cell_a: Vec::new(),
        pack_v: Vec::new(),
        soc: Vec::new(),
    };
    for (current_a, span_s) in PARTS {
        let begun = Instant::now();
        for _ in 0..(span_s / dt_s).round() as u32 {
            let solutions = pack.step(Demand::Current(current_a), dt_s, 25.0).solutions;
            run.solutions += solutions;
            run.most_solutions = run.most_solutions.max(solutions);
            run.steps += 1;
        }
        run.seconds += begun.elapsed().as_secs_f64();
        run.cell_a.extend(pack.cell_currents_a());
        run.pack_v.push(pack.voltage_v());
    }
    run.soc.extend(pack.bank().soc());
    run
}
