//! Networks of cells as particle models, and of cells whose curves have kinks.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;
use twin::battery::fidelity::particle::ParticleCell;
use twin::battery::life::Health;
use twin::battery::network::balance::Balancing;
use twin::battery::network::heat::PackHeat;
use twin::battery::network::pack::{CellLimits, Demand, NetworkModel, NetworkPack};
use twin::battery::network::particles::NetworkParticle;
use twin::battery::network::scatter::{CellSpread, Traits, draw};
use twin::battery::network::wiring::{Arrangement, Terminals, Wiring};
use twin::battery::network::{CellStep, Each, NetworkCell, Response};
use twin::battery::pack::{Layout, Spread};
use twin::battery::particle::cell::{Guess, Kind, Options, Work};
use twin::battery::particle::set::{self, ParticleSet};
use twin::battery::thermal::ThermalPath;
use twin::rng::Seed;

fn make(name: &str, kind: Kind, mechanisms: &str) -> Arc<ParticleCell> {
    let set = ParticleSet::of(set::find(name).unwrap()).unwrap();
    let options = Options { mechanisms: mechanisms.parse().unwrap(), ..Options::new(kind) };
    Arc::new(ParticleCell::new(set, options).unwrap())
}

fn network(make: &ParticleCell, wiring: Wiring, cell_j_per_k: f64) -> NetworkModel {
    let rated = make.rated().unwrap();
    let path = ThermalPath::from_time_constants(cell_j_per_k, 0.5, 600.0, 7200.0);
    NetworkModel {
        wiring,
        heat: PackHeat { path, neighbour_w_per_k: 0.02 },
        balancing: Balancing::None,
        limits: CellLimits::of(&rated),
        cell_ah: rated.file.cell.capacity_ah,
    }
}

fn joined(series: u32, parallel: u32) -> Wiring {
    Wiring {
        layout: Layout { series, parallel },
        arrangement: Arrangement::Groups,
        terminals: Terminals::OppositeEnds,
        busbar_ohm: 1e-4,
        contact_ohm: 1e-3,
        terminal_ohm: 1e-4,
    }
}

fn scattered(make: &Arc<ParticleCell>, count: usize, soc: f64) -> (Vec<NetworkParticle>, Vec<f64>) {
    let spread = CellSpread {
        make: Spread { capacity: 0.02, resistance: 0.05, ageing: 0.3 },
        place_k: 2.0,
        group_soc: 0.0,
    };
    let mut stream = Seed(5).stream("pack", "scatter", 0);
    let traits: Vec<Traits> = (0..count).map(|_| draw(spread, &mut stream)).collect();
    let place_k = traits.iter().map(|t| t.place_k).collect();
    (traits.into_iter().map(|t| NetworkParticle::new(make.clone(), t, soc, 25.0)).collect(), place_k)
}

#[test]
fn a_network_of_one_cell_is_the_bare_model() {
    for (kind, mechanisms) in [(Kind::Spm, "none"), (Kind::Spm, "sei-solvent"), (Kind::Spme, "sei-solvent")] {
        let make = make("Chen2020", kind, mechanisms);
        let cell = NetworkParticle::new(make.clone(), Traits::default(), 0.7, 25.0);
        let mut state = *cell.state();
        let wiring = Wiring::ideal(Layout { series: 1, parallel: 1 });
        // So much heat capacity that the temperature stays.
        let mut pack = NetworkPack::new(network(&make, wiring, 1e15), Each::new(vec![cell]), vec![0.0], 25.0);
        let (mut guess, mut work) = (Guess::default(), Work::default());
        for (current_a, steps) in [(5.0, 20), (0.0, 5), (-2.5, 30), (7.0, 5)] {
            for _ in 0..steps {
                let step = pack.step(Demand::Current(current_a), 30.0, 25.0);
                let (seen, _) =
                    make.model().step(&mut state, current_a, 30.0, 298.15, &mut guess, &mut work).unwrap();
                let off_v = step.voltage_v - seen.voltage_v;
                assert!(off_v.abs() < 1e-7, "{kind:?} {mechanisms}: {off_v} V");
            }
        }
        let (ours, bare) = (pack.bank().cells()[0].state(), &state);
        for side in 0..2 {
            let off = ours.particles[side].lithium / bare.particles[side].lithium - 1.0;
            assert!(off.abs() < 1e-12, "{kind:?}: lithium differs by {off}");
        }
        assert!((ours.films.sei[0] / bare.films.sei[0] - 1.0).abs() < 1e-9);
    }
}

/// Loads that come and go, in steps of a second and of a minute: what a long step is off by, and that none is without a
/// solution, cells with electrolyte included.
#[test]
fn long_steps_follow_jumps_of_the_load() {
    for (kind, name, within_v) in [
        (Kind::Spm, "Chen2020", 0.004),
        (Kind::Spme, "Chen2020", 0.004),
        (Kind::Spme, "OKane2022", 0.004),
        (Kind::Spme, "Prada2013", 0.02),
    ] {
        let make = make(name, kind, if name == "Prada2013" { "none" } else { "sei-solvent" });
        let run = |dt_s: f64| {
            let (cells, place_k) = scattered(&make, 6, 0.55);
            let mut pack =
                NetworkPack::new(network(&make, joined(2, 3), 70.0), Each::new(cells), place_k, 20.0);
            let rated_a = make.model().set().file.cell.capacity_ah;
            let (mut volts, mut amperes) = (Vec::new(), Vec::new());
            for (c_rate, span_s) in [(-0.6, 600.0), (0.0, 600.0), (0.9, 600.0), (-0.6, 300.0), (0.0, 300.0)] {
                for _ in 0..(span_s / dt_s) as u32 {
                    let step = pack.step(Demand::Current(3.0 * rated_a * c_rate), dt_s, 20.0);
                    assert!(step.unmet_v <= 1e-7, "{kind:?} {name} {dt_s} s: {} V", step.unmet_v);
                }
                volts.push(pack.voltage_v() / 2.0);
                amperes.extend(pack.cell_currents_a().iter().map(|a| a / rated_a));
            }
            let unsolved: u32 = pack.bank().cells().iter().map(NetworkParticle::unsolved).sum();
            assert_eq!(unsolved, 0, "{kind:?} {name}, steps of {dt_s} s");
            (volts, amperes)
        };
        let (fine, coarse) = (run(1.0), run(60.0));
        let most = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let (off_v, off_c) = (most(&fine.0, &coarse.0), most(&fine.1, &coarse.1));
        println!("{kind:?} {name}: steps of 60 s are {:.2} mV and {off_c:.5}C off", 1e3 * off_v);
        assert!(off_v < within_v && off_c < 0.02, "{kind:?} {name}: {off_v} V, {off_c}C");
    }
}

#[test]
fn lithium_charge_and_energy_are_conserved_in_a_network() {
    let make = make("OKane2022", Kind::Spm, "sei-solvent, plating-partial");
    let (cells, place_k) = scattered(&make, 12, 0.6);
    let lithium_of = |cells: &[NetworkParticle]| -> Vec<f64> {
        cells.iter().map(|cell| make.model().lithium_mol(cell.state())).collect()
    };
    let lithium = lithium_of(&cells);
    let mut pack = NetworkPack::new(network(&make, joined(3, 4), 70.0), Each::new(cells), place_k, 20.0);
    let charge_ah = |pack: &NetworkPack<Each<NetworkParticle>>| -> f64 {
        pack.bank().cells().iter().map(|cell| cell.soc() * cell.capacity_ah()).sum()
    };
    let before_ah = charge_ah(&pack);
    let mut through_ah = 0.0;
    for (demand, dt_s, steps) in [
        (Demand::Current(12.0), 30.0, 40),
        (Demand::Current(0.0), 120.0, 10),
        (Demand::Power(-120.0), 30.0, 60),
        (Demand::Voltage { voltage_v: 12.3, charge_max_a: 8.0 }, 60.0, 20),
    ] {
        for _ in 0..steps {
            let step = pack.step(demand, dt_s, 15.0);
            assert!(step.unmet_v <= 1e-7, "{demand:?}: {} V", step.unmet_v);
            for group in 0..3 {
                let sum: f64 = pack.cell_currents_a().iter().skip(group).step_by(3).sum();
                assert!((sum - step.current_a).abs() < 1e-10, "{sum} A against {} A", step.current_a);
            }
            through_ah += pack.cell_currents_a().iter().sum::<f64>() * dt_s / 3600.0;
        }
    }
    for (before, after) in lithium.iter().zip(lithium_of(pack.bank().cells())) {
        assert!((after / before - 1.0).abs() < 1e-9, "lithium went from {before} to {after} mol");
    }
    // What did not go through the network went into film and metal.
    let lost_ah = before_ah - charge_ah(&pack) - through_ah;
    let grown_ah = |cell: &NetworkParticle| {
        let losses = cell.losses();
        0.01 * (losses.sei_pct + losses.plating_pct) * make.capacity_ah() * cell.traits().capacity
    };
    let grown: f64 = pack.bank().cells().iter().map(grown_ah).sum();
    assert!(
        grown > 0.0 && (lost_ah - grown).abs() < 1e-9,
        "{lost_ah} Ah lost, {grown} Ah in films and metal"
    );
    let ledger = pack.ledger();
    let out_wh = ledger.energy_out_wh - ledger.energy_in_wh;
    let cells_wh = ledger.cells_wh - ledger.interconnect_wh - ledger.unresolved_wh;
    assert!((out_wh - cells_wh).abs() < 1e-10 * (ledger.energy_out_wh + ledger.energy_in_wh));
    assert!(pack.bank().cells().iter().all(|cell| cell.unsolved() == 0));
    let currents: Vec<f64> = pack.bank().cells().iter().map(NetworkParticle::efc).collect();
    assert!(currents.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1e-4), "cells share unequally");
}

#[test]
fn a_cell_that_ages_faster_loses_so_much_more() {
    let make = make("OKane2022", Kind::Spm, "sei-solvent");
    let grown = |ageing: f64| {
        let traits = Traits { ageing, ..Traits::default() };
        let mut cell = NetworkParticle::new(make.clone(), traits, 0.9, 25.0);
        for _ in 0..24 * 20 {
            cell.begin(3600.0, 25.0, 0.0);
            cell.response(0.0);
            cell.advance(0.0);
        }
        cell.losses().sei_pct
    };
    // A film that its own thickness slows down: between √4 and 4 times as much.
    let (once, fourfold) = (grown(1.0), grown(4.0));
    assert!(fourfold > 1.8 * once && fourfold < 4.0 * once, "{once} %, {fourfold} %");
    let faster = grown(1.02) / once - 1.0;
    assert!(faster > 0.008 && faster < 0.021, "{faster}");
}

/// A cell whose voltage falls steeply within an ampere of some current and hardly beside it: tangents of both sides
/// lead across the middle.
#[derive(Debug, Clone)]
struct Kinked {
    middle_a: f64,
    dt_s: f64,
    soc: f64,
}

impl NetworkCell for Kinked {
    fn begin(&mut self, dt_s: f64, _temperature_c: f64, _expected_a: f64) {
        self.dt_s = dt_s;
    }
    fn response(&mut self, current_a: f64) -> Response {
        const STEEP_OHM: f64 = 0.5;
        const FLAT_OHM: f64 = 0.004;
        let off_a = current_a - self.middle_a;
        let inside_a = off_a.clamp(-0.3, 0.3);
        let voltage_v = 3.7 - STEEP_OHM * inside_a - FLAT_OHM * (off_a - inside_a);
        Response { voltage_v, resistance_ohm: if off_a == inside_a { STEEP_OHM } else { FLAT_OHM } }
    }
    fn advance(&mut self, current_a: f64) -> CellStep {
        let voltage_mean_v = self.response(current_a).voltage_v;
        self.soc -= current_a * self.dt_s / 18_000.0;
        CellStep { voltage_mean_v, heat_w: 0.0, irreversible_w: 0.0 }
    }
    fn soc(&self) -> f64 {
        self.soc
    }
    fn capacity_ah(&self) -> f64 {
        5.0
    }
    fn health(&self) -> Health {
        Health { capacity: 1.0, resistance: 1.0 }
    }
}

#[test]
fn kinks_of_the_cells_curves_are_got_over() {
    let make = make("Chen2020", Kind::Spm, "none");
    let mut most = 0;
    for seed in 0..40 {
        let mut stream = Seed(seed).stream("kinks", "middles", 0);
        let mut middle = || 6.0 * (rand::RngExt::random::<f64>(&mut stream) - 0.5);
        let cells: Vec<Kinked> =
            (0..24).map(|_| Kinked { middle_a: middle(), dt_s: 0.0, soc: 0.5 }).collect();
        let mut pack =
            NetworkPack::new(network(&make, joined(4, 6), 70.0), Each::new(cells), vec![0.0; 24], 25.0);
        for demand in [Demand::Current(0.0), Demand::Current(9.0), Demand::Power(-80.0), Demand::Power(60.0)]
        {
            let step = pack.step(demand, 10.0, 25.0);
            most = most.max(step.solutions);
            assert!(step.unmet_v <= 1e-9, "{demand:?}: {} V after {}", step.unmet_v, step.solutions);
        }
    }
    assert!(most > 3, "the curves were too easy: {most} solutions at most");
}
