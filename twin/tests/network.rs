//! Networks of cells against a dense nodal solution, their books, their limits and published currents.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::integrate::{Duty, Ended};
use twin::battery::library;
use twin::battery::life::Health;
use twin::battery::network::balance::Balancing;
use twin::battery::network::circuits::CircuitBank;
use twin::battery::network::duty::{NetworkStepping, pass};
use twin::battery::network::heat::PackHeat;
use twin::battery::network::pack::{CellLimits, Demand, NetworkModel, NetworkPack};
use twin::battery::network::scatter::{CellSpread, Past, Traits, draw};
use twin::battery::network::wiring::{Arrangement, Solver, Terminals, Wiring};
use twin::battery::network::{CellBank, CellStep, Each, NetworkCell, Response};
use twin::battery::pack::{Layout, Spread};
use twin::battery::thermal::ThermalPath;
use twin::forcing::Ambient;
use twin::rng::Seed;
use twin::time::Time;

const ARRANGEMENTS: [Arrangement; 3] = [Arrangement::Groups, Arrangement::SharedBars, Arrangement::Strings];
const TERMINALS: [Terminals; 2] = [Terminals::SameSide, Terminals::OppositeEnds];

/// A circuit of resistors and cells between numbered nodes, solved densely by node voltages.
#[derive(Default)]
struct Dense {
    resistors: Vec<(usize, usize, f64)>,
    /// Negative node, positive node, electromotive force, resistance.
    cells: Vec<(usize, usize, f64, f64)>,
    nodes: usize,
}

impl Dense {
    fn node(&mut self) -> usize {
        self.nodes += 1;
        self.nodes - 1
    }

    fn bar(&mut self, nodes: usize, ohm: f64) -> Vec<usize> {
        let row: Vec<usize> = (0..nodes).map(|_| self.node()).collect();
        self.resistors.extend(row.windows(2).map(|pair| (pair[0], pair[1], ohm)));
        row
    }

    /// The pack of a wiring, negative terminal first; cells come in the wiring's numbering.
    fn of(wiring: &Wiring, emf_v: &[f64], ohm: &[f64]) -> (Self, usize, usize) {
        let (series, parallel) = (wiring.layout.series as usize, wiring.layout.parallel as usize);
        let mut dense = Self::default();
        let far = if wiring.terminals == Terminals::OppositeEnds { parallel - 1 } else { 0 };
        let mut cells = vec![(0, 0, 0.0, 0.0); series * parallel];
        let mut put = |position: usize, group: usize, from: usize, to: usize| {
            let cell = wiring.cell(position, group);
            cells[cell] = (from, to, emf_v[cell], ohm[cell] + wiring.contact_ohm);
        };
        let first = dense.bar(parallel, wiring.busbar_ohm);
        let (mut below, negative, mut positive) = (first.clone(), first[0], 0);
        match wiring.arrangement {
            Arrangement::Strings => {
                let above = dense.bar(parallel, wiring.busbar_ohm);
                for position in 0..parallel {
                    let mut at = first[position];
                    for group in 0..series {
                        let to = if group + 1 < series { dense.node() } else { above[position] };
                        put(position, group, at, to);
                        at = to;
                    }
                }
                positive = above[far];
            }
            arrangement => {
                for group in 0..series {
                    let above = dense.bar(parallel, wiring.busbar_ohm);
                    for position in 0..parallel {
                        put(position, group, below[position], above[position]);
                    }
                    positive = above[far];
                    below = above;
                    if arrangement == Arrangement::Groups && group + 1 < series {
                        // A strap without resistance: the next group's bar begins at this very node.
                        let next = dense.bar(parallel, wiring.busbar_ohm);
                        let merged = next[0];
                        for (a, b, _) in &mut dense.resistors {
                            if *a == merged {
                                *a = positive;
                            }
                            if *b == merged {
                                *b = positive;
                            }
                        }
                        below = next;
                        below[0] = positive;
                    }
                }
            }
        }
        dense.cells = cells;
        (dense, negative, positive)
    }

    /// Cell currents and terminal voltage at a current.
    fn solve(&self, negative: usize, positive: usize, current_a: f64) -> (Vec<f64>, f64) {
        let mut g = DMatrix::<f64>::zeros(self.nodes, self.nodes);
        let mut rhs = DVector::<f64>::zeros(self.nodes);
        let edges = self.resistors.iter().copied().chain(self.cells.iter().map(|c| (c.0, c.1, c.3)));
        for (a, b, ohm) in edges {
            g[(a, a)] += 1.0 / ohm;
            g[(b, b)] += 1.0 / ohm;
            g[(a, b)] -= 1.0 / ohm;
            g[(b, a)] -= 1.0 / ohm;
        }
        for (from, to, emf_v, ohm) in &self.cells {
            rhs[*to] += emf_v / ohm;
            rhs[*from] -= emf_v / ohm;
        }
        rhs[positive] -= current_a;
        rhs[negative] += current_a;
        // Ground, and nodes that merging has left alone.
        for node in 0..self.nodes {
            if node == negative || g[(node, node)] == 0.0 {
                g.row_mut(node).fill(0.0);
                g[(node, node)] = 1.0;
                rhs[node] = 0.0;
            }
        }
        let v = g.lu().solve(&rhs).unwrap();
        let currents =
            self.cells.iter().map(|(from, to, emf_v, ohm)| (emf_v - (v[*to] - v[*from])) / ohm).collect();
        (currents, v[positive] - v[negative])
    }
}

#[test]
fn every_arrangement_agrees_with_a_dense_nodal_solution() {
    let mut stream = Seed(11).stream("network", "dense", 0);
    let layouts = [(1, 1), (1, 5), (4, 1), (2, 2), (3, 7), (9, 4), (5, 16), (20, 6)];
    let mut compared = 0;
    for (series, parallel) in layouts {
        for arrangement in ARRANGEMENTS {
            for terminals in TERMINALS {
                let wiring = Wiring {
                    layout: Layout { series, parallel },
                    arrangement,
                    terminals,
                    busbar_ohm: 2e-4 * (1.0 + 9.0 * stream.random::<f64>()),
                    contact_ohm: 5e-3,
                    terminal_ohm: 1e-3,
                };
                let emf_v: Vec<f64> = (0..wiring.cells()).map(|_| 3.0 + stream.random::<f64>()).collect();
                let ohm: Vec<f64> =
                    (0..wiring.cells()).map(|_| 0.01 + 0.1 * stream.random::<f64>()).collect();
                let mut solver = Solver::new(wiring);
                let line = solver.solve(&emf_v, &ohm);
                let (dense, negative, positive) = Dense::of(&wiring, &emf_v, &ohm);
                for pack_a in [0.0, 37.0, -12.5] {
                    let mut currents = vec![0.0; wiring.cells()];
                    solver.currents_into(pack_a, &mut currents);
                    let (expected, volts) = dense.solve(negative, positive, pack_a);
                    for (cell, (a, b)) in currents.iter().zip(&expected).enumerate() {
                        assert!((a - b).abs() < 1e-9, "{wiring:?} cell {cell}: {a} against {b}");
                    }
                    let shown = line.emf_v - line.resistance_ohm * pack_a;
                    let volts = volts - wiring.terminal_ohm * pack_a;
                    assert!((shown - volts).abs() < 1e-9, "{wiring:?}: {shown} V against {volts} V");
                    // Power of the sources is power of the terminals and of all resistances.
                    let sources: f64 = emf_v.iter().zip(&currents).map(|(e, i)| e * i).sum();
                    let inside: f64 = ohm.iter().zip(&currents).map(|(r, i)| r * i * i).sum();
                    let out = shown * pack_a + solver.loss_w(pack_a, &currents) + inside;
                    assert!(
                        (sources - out).abs() <= 1e-10 * sources.abs().max(inside),
                        "{wiring:?}: {sources} {out}"
                    );
                    compared += currents.len();
                }
            }
        }
    }
    assert_eq!(compared, 18 * (1 + 5 + 4 + 4 + 21 + 36 + 80 + 120));
}

#[test]
fn bars_without_resistance_leave_alike_cells_alike() {
    for arrangement in ARRANGEMENTS {
        let layout = Layout { series: 3, parallel: 4 };
        let wiring = Wiring { arrangement, contact_ohm: 0.01, ..Wiring::ideal(layout) };
        let mut solver = Solver::new(wiring);
        let line = solver.solve(&[3.3; 12], &[0.05; 12]);
        let mut currents = [0.0; 12];
        solver.currents_into(10.0, &mut currents);
        assert!(currents.iter().all(|i| (i - 2.5).abs() < 1e-14), "{currents:?}");
        assert!((line.resistance_ohm - 3.0 * 0.06 / 4.0).abs() < 1e-15);
    }
}

/// Sixteen strings of twenty cells of 50 mΩ behind contacts of 10 mΩ on bars of 0.1 mΩ a segment, 50 A, terminals at
/// the same end, which is how liionpack joins cells unless told otherwise. Its cell currents after 100 s are reported
/// as 3.10 to 3.18 A about 3.125 A. That run's cells were particle models, whose resistance had come to a value of its
/// own by then: 50 mΩ give 3.103 to 3.165 A, and 37 mΩ give 3.097 to 3.176 A, the reported range in its digits. One
/// group of sixteen such cells, instead of strings, would spread by an ampere.
#[test]
fn currents_of_sixteen_strings_spread_as_published() {
    let wiring = Wiring {
        layout: Layout { series: 20, parallel: 16 },
        arrangement: Arrangement::Strings,
        terminals: Terminals::SameSide,
        busbar_ohm: 1e-4,
        contact_ohm: 1e-2,
        terminal_ohm: 1e-5,
    };
    let range = |cell_ohm: f64| {
        let mut solver = Solver::new(wiring);
        solver.solve(&[4.0; 320], &[cell_ohm; 320]);
        let mut currents = [0.0; 320];
        solver.currents_into(50.0, &mut currents);
        (currents[0], currents[319])
    };
    let (high, low) = range(0.050);
    assert!((high - 3.165).abs() < 5e-4 && (low - 3.103).abs() < 5e-4, "{high} {low}");
    let (high, low) = range(0.037);
    assert!((high - 3.18).abs() < 5e-3 && (low - 3.10).abs() < 5e-3, "{high} {low}");
}

fn cell_model(name: &str) -> Arc<CellModel> {
    Arc::new(CellModel::compile(library::find(name).unwrap()).unwrap())
}

fn model(cell: &CellModel, wiring: Wiring, balancing: Balancing) -> NetworkModel {
    let heat_j_per_k = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
    let path = ThermalPath::from_time_constants(heat_j_per_k, 0.5, 600.0, 7200.0);
    NetworkModel {
        wiring,
        heat: PackHeat { path, neighbour_w_per_k: 0.02 },
        balancing,
        limits: CellLimits::of(cell),
        cell_ah: cell.file.cell.capacity_ah,
    }
}

fn wiring(series: u32, parallel: u32, arrangement: Arrangement, terminals: Terminals) -> Wiring {
    Wiring {
        layout: Layout { series, parallel },
        arrangement,
        terminals,
        busbar_ohm: 1e-4,
        contact_ohm: 2e-3,
        terminal_ohm: 1e-3,
    }
}

/// A pack with drawn cells; without spread all are alike.
fn pack(
    name: &str,
    wiring: Wiring,
    scattered: bool,
    balancing: Balancing,
    soc: f64,
) -> NetworkPack<CircuitBank> {
    let cell = cell_model(name);
    let make = Spread { capacity: 0.01, resistance: 0.05, ageing: 0.2 };
    let spread =
        if scattered { CellSpread { make, place_k: 2.0, group_soc: 0.0 } } else { CellSpread::default() };
    let mut stream = Seed(3).stream("pack", "scatter", 0);
    let traits: Vec<Traits> = (0..wiring.cells()).map(|_| draw(spread, &mut stream)).collect();
    let place_k = traits.iter().map(|t| t.place_k).collect();
    let network = model(&cell, wiring, balancing);
    NetworkPack::new(network, CircuitBank::new(cell, traits, soc).unwrap(), place_k, 25.0)
}

const NMC: &str = "nmc811-grsi-lg-m50-5ah";
const LFP: &str = "lfp-gr-sony-murata-3ah";

#[test]
fn charge_and_energy_balance_to_rounding() {
    let balancings = [
        Balancing::None,
        Balancing::Passive { bleed_a: 0.1, above_v: 3.0, difference_v: 0.002 },
        Balancing::Active { transfer_a: 1.0, efficiency: 0.85, above_v: 3.0, difference_v: 0.002 },
    ];
    for (name, arrangement) in [NMC, LFP, NMC].into_iter().zip(ARRANGEMENTS) {
        for balancing in balancings {
            let wiring = wiring(4, 5, arrangement, Terminals::OppositeEnds);
            let mut pack = pack(name, wiring, true, balancing, 0.6);
            // A cell that came in full, so that balancing and circulation have work.
            pack.bank_mut().set_soc(7, 0.75);
            pack.show_open();
            let charge = |pack: &NetworkPack<CircuitBank>| -> f64 {
                pack.bank().soc().iter().zip(pack.bank().capacity_ah()).map(|(s, q)| s * q).sum()
            };
            let (charge_before, stored_before) = (charge(&pack), pack.bank().stored_wh());
            let heat_before = pack.heat().stored_j(25.0);
            let mut circulated_ah = 0.0;
            let mut most_off: f64 = 0.0;
            let demands = [
                (Demand::Current(9.0), 60.0, 12),
                (Demand::Current(0.0), 300.0, 6),
                (Demand::Power(-120.0), 60.0, 10),
                (Demand::Power(150.0), 20.0, 30),
                (Demand::Voltage { voltage_v: 4.0 * 3.4, charge_max_a: 8.0 }, 60.0, 10),
                (Demand::Current(-6.0), 10.0, 90),
            ];
            for (demand, dt_s, steps) in demands {
                for _ in 0..steps {
                    let step = pack.step(demand, dt_s, 20.0);
                    circulated_ah += pack.cell_currents_a().iter().sum::<f64>() * dt_s / 3600.0;
                    // Kirchhoff's current law, by group (by string where there are no groups).
                    let sums: Vec<f64> = match arrangement {
                        Arrangement::Strings => {
                            vec![pack.cell_currents_a().iter().step_by(4).sum()]
                        }
                        _ => (0..4).map(|g| pack.cell_currents_a().iter().skip(g).step_by(4).sum()).collect(),
                    };
                    for sum in sums {
                        most_off = most_off.max((sum - step.current_a).abs());
                    }
                }
            }
            assert!(most_off < 1e-12 * 100.0, "{most_off} A");
            let (ledger, sums) = (*pack.ledger(), pack.bank().sums());
            // Charge: what left the cells went through the network, through balancing, or was lost.
            let given = charge_before - charge(&pack);
            let taken = circulated_ah + ledger.balancing_ah + sums.leaked_ah + sums.coulombic_loss_ah;
            assert!((given - taken).abs() < 1e-12 * charge_before, "{given} Ah against {taken} Ah");
            // Terminals against cells.
            let out = ledger.energy_out_wh - ledger.energy_in_wh;
            let through = ledger.energy_out_wh + ledger.energy_in_wh;
            let cells = ledger.cells_wh - ledger.interconnect_wh - ledger.unresolved_wh;
            assert!((out - cells).abs() < 1e-10 * through, "{out} Wh against {cells} Wh");
            assert!(ledger.unresolved_wh.abs() < 2e-4 * through, "{}", ledger.unresolved_wh / through);
            // Cells against what they hold.
            let stored = stored_before - pack.bank().stored_wh();
            let spent = ledger.cells_wh + ledger.balancing_wh + sums.losses_wh;
            assert!((stored - spent).abs() < 1e-10 * through, "{stored} Wh against {spent} Wh");
            // Heat.
            let made = sums.losses_wh + sums.reversible_wh + ledger.interconnect_wh + ledger.balancing_wh;
            let kept = (pack.heat().stored_j(25.0) - heat_before) / 3600.0 + ledger.to_air_wh;
            assert!((made - kept).abs() < 1e-10 * through, "{made} Wh against {kept} Wh");
        }
    }
}

#[test]
fn alike_cells_share_symmetrically() {
    for arrangement in ARRANGEMENTS {
        let wiring = wiring(3, 6, arrangement, Terminals::OppositeEnds);
        let mut pack = pack(NMC, wiring, false, Balancing::None, 0.9);
        pack.step(Demand::Current(20.0), 30.0, 25.0);
        assert!(pack.current_spread_a() > 1e-3, "bars have resistance, so ends and middle differ");
        for _ in 0..60 {
            pack.step(Demand::Current(20.0), 30.0, 25.0);
        }
        let currents = pack.cell_currents_a();
        for position in 0..6 {
            for group in 0..3 {
                let mirrored = wiring.cell(5 - position, 2 - group);
                let apart = currents[wiring.cell(position, group)] - currents[mirrored];
                assert!(apart.abs() < 1e-11, "{arrangement:?} {position} {group}: {apart} A");
            }
        }
    }
}

/// One cell wide, all arrangements are the same series, and a bar has no segment.
#[test]
fn one_cell_wide_is_a_series() {
    let mut ends = Vec::new();
    for arrangement in ARRANGEMENTS {
        let mut pack = pack(NMC, wiring(4, 1, arrangement, Terminals::SameSide), true, Balancing::None, 0.8);
        for _ in 0..50 {
            let step = pack.step(Demand::Current(4.0), 20.0, 25.0);
            assert!(pack.cell_currents_a().iter().all(|i| *i == 4.0));
            let series: f64 = pack.cell_voltages_v().iter().sum();
            let joints = 4.0 * (4.0 * 2e-3 + 1e-3);
            assert!((step.voltage_v - (series - joints)).abs() < 1e-12);
        }
        assert!(pack.ledger().unresolved_wh.abs() < 1e-12);
        ends.push((pack.voltage_v(), pack.bank().soc().to_vec()));
    }
    assert!(ends.iter().all(|end| end == &ends[0]));
}

/// A pack without joints and scatter is its mean cell, which `integrate` carries.
#[test]
fn without_scatter_it_agrees_with_the_pack_of_one_mean_cell() {
    use twin::battery::integrate::{self, Stepping};
    use twin::battery::pack::{PackModel, PackState};
    for name in [NMC, LFP] {
        let layout = Layout { series: 4, parallel: 3 };
        let mut network = pack(name, Wiring::ideal(layout), false, Balancing::None, 0.95);
        let cell = cell_model(name);
        let heat_j_per_k = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
        let path = ThermalPath::from_time_constants(heat_j_per_k, 0.5, 600.0, 7200.0);
        let mean = PackModel::uniform(cell, layout, path);
        let mut state = PackState::new(&mean, 0.95, 25.0);
        let air = Ambient::constant(25.0);
        let rated_ah = mean.rated_ah();
        let duties = [
            (Duty::Current { current_a: 0.5 * rated_ah, until_soc: 0.1 }, 5000.0),
            (Duty::Rest, 3600.0),
            (Duty::Charge { power_max_w: 1e9, current_max_a: 0.4 * rated_ah, target_soc: 0.9 }, 7000.0),
        ];
        let mut at = Time(0);
        for (duty, seconds) in duties {
            let stepping = NetworkStepping { active_s: 5.0, rest_s: 30.0 };
            pass(&mut network, duty, &air, (at, seconds), stepping, |_, _| {});
            integrate::pass(&mean, &mut state, duty, &air, (at, seconds), Stepping::at_most(5.0), |_, _| {});
            at = at.plus_seconds(seconds);
            let (v, expected_v) = (network.voltage_v(), 4.0 * state.voltage_v);
            assert!((v - expected_v).abs() < 2e-3 * 4.0, "{name}: {v} V against {expected_v} V");
            let (soc, expected) = (network.soc(), state.pack_soc());
            assert!((soc - expected).abs() < 2e-4, "{name}: soc {soc} against {expected}");
            let (c, expected_c) = (network.heat().cells_c()[0], state.temperatures.cell_c);
            assert!((c - expected_c).abs() < 0.15, "{name}: {c} °C against {expected_c} °C");
        }
        let ledger = state.ledger.scaled(layout);
        let (out, expected) = (network.ledger().energy_out_wh, ledger.energy_out_wh);
        assert!((out / expected - 1.0).abs() < 1e-3, "{name}: {out} Wh against {expected} Wh");
    }
}

/// A load that fluctuates drains and warms as it does a pack of one mean cell.
#[test]
fn ripple_costs_what_it_costs_a_mean_cell() {
    use twin::battery::integrate::{self, Stepping};
    use twin::battery::pack::{PackModel, PackState};
    let layout = Layout { series: 2, parallel: 2 };
    let mut network = pack(NMC, Wiring::ideal(layout), false, Balancing::None, 0.9);
    let cell = cell_model(NMC);
    let heat_j_per_k = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
    let path = ThermalPath::from_time_constants(heat_j_per_k, 0.5, 600.0, 7200.0);
    let mean = PackModel::uniform(cell, layout, path);
    let mut state = PackState::new(&mean, 0.9, 25.0);
    let air = Ambient::constant(25.0);
    let duty = Duty::Power { power_w: 60.0, ripple: 2.0 };
    let span = (Time(0), 1800.0);
    pass(&mut network, duty, &air, span, NetworkStepping { active_s: 5.0, rest_s: 30.0 }, |_, _| {});
    integrate::pass(&mean, &mut state, duty, &air, span, Stepping::at_most(5.0), |_, _| {});
    let expected_ah = state.ledger.ripple_ah * 4.0;
    let ripple_ah = network.bank().sums().ripple_ah;
    assert!(ripple_ah > 0.01 && (ripple_ah / expected_ah - 1.0).abs() < 0.01, "{ripple_ah} {expected_ah}");
}

#[test]
fn halving_the_step_converges() {
    let run = |dt_s: f64| {
        let wiring = wiring(3, 4, Arrangement::Groups, Terminals::SameSide);
        let mut pack = pack(NMC, wiring, true, Balancing::None, 0.9);
        for _ in 0..(2400.0 / dt_s) as usize {
            pack.step(Demand::Current(16.0), dt_s, 25.0);
        }
        (pack.cell_currents_a().to_vec(), pack.voltage_v(), pack.ledger().energy_out_wh)
    };
    let fine = run(1.25);
    let off = |dt_s: f64| {
        let (currents, voltage_v, energy_wh) = run(dt_s);
        let most = currents.iter().zip(&fine.0).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        (most, (voltage_v - fine.1).abs(), (energy_wh - fine.2).abs())
    };
    let (coarse, middle, near) = (off(40.0), off(20.0), off(10.0));
    assert!(coarse.0 < 0.02 && coarse.1 < 0.01, "{coarse:?}");
    for (a, b) in [(coarse, middle), (middle, near)] {
        assert!(b.0 < 0.65 * a.0 && b.1 < 0.65 * a.1, "{a:?} {b:?}");
        assert!(b.2 < 0.65 * a.2, "{a:?} {b:?}");
    }
}

/// A cell whose overvoltage is a hyperbolic sine's inverse, as a particle model's is: nothing about it is straight.
#[derive(Debug, Clone)]
struct Curved {
    soc: f64,
    dt_s: f64,
}

impl Curved {
    fn open_v(&self, current_a: f64) -> f64 {
        3.0 + 1.2 * (self.soc - current_a * self.dt_s / 18_000.0)
    }
}

impl NetworkCell for Curved {
    fn begin(&mut self, dt_s: f64, _: f64, _: f64) {
        self.dt_s = dt_s;
    }
    fn response(&mut self, current_a: f64) -> Response {
        let x = current_a / 0.4;
        let voltage_v = self.open_v(current_a) - 0.0513 * x.asinh() - 0.01 * current_a;
        let resistance_ohm = 0.0513 / 0.4 / (1.0 + x * x).sqrt() + 0.01 + 1.2 * self.dt_s / 18_000.0;
        Response { voltage_v, resistance_ohm }
    }
    fn advance(&mut self, current_a: f64) -> CellStep {
        let voltage_mean_v = self.response(current_a).voltage_v + 0.6 * current_a * self.dt_s / 18_000.0;
        let before = self.soc;
        self.soc -= current_a * self.dt_s / 18_000.0;
        let stored_w =
            5.0 * 3600.0 * (3.0 * (before - self.soc) + 0.6 * (before * before - self.soc * self.soc));
        let irreversible_w = stored_w / self.dt_s - current_a * voltage_mean_v;
        CellStep { voltage_mean_v, heat_w: irreversible_w, irreversible_w }
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
fn curved_cells_meet_their_own_curves_and_the_laws_of_the_network() {
    for arrangement in ARRANGEMENTS {
        let wiring = wiring(3, 5, arrangement, Terminals::SameSide);
        let cells = (0..15).map(|k| Curved { soc: 0.5 + 0.02 * f64::from(k), dt_s: 0.0 }).collect();
        let network = NetworkModel { cell_ah: 5.0, ..model(&cell_model(NMC), wiring, Balancing::None) };
        let mut pack = NetworkPack::new(network, Each::new(cells), vec![0.0; 15], 25.0);
        let mut before = pack.bank().cells().to_vec();
        for demand in
            [Demand::Current(0.0), Demand::Current(12.0), Demand::Power(-60.0), Demand::Current(0.0)]
        {
            let step = pack.step(demand, 60.0, 25.0);
            assert!(step.solutions <= 10, "{} solutions", step.solutions);
            let currents = pack.cell_currents_a();
            assert!(currents.iter().any(|i| (i - currents[0]).abs() > 1e-3));
            // Curves, as lines through the point that was found: the dense solution has to give the same point.
            let points = before.iter_mut().zip(currents).map(|(cell, i)| {
                cell.begin(60.0, 25.0, *i);
                let at = cell.response(*i);
                (at.voltage_v + at.resistance_ohm * i, at.resistance_ohm)
            });
            let (emf_v, ohm): (Vec<f64>, Vec<f64>) = points.unzip();
            let (dense, negative, positive) = Dense::of(&wiring, &emf_v, &ohm);
            let (expected, volts) = dense.solve(negative, positive, step.current_a);
            for (a, b) in currents.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-7, "{a} A against {b} A");
            }
            let volts = volts - wiring.terminal_ohm * step.current_a;
            assert!((step.voltage_v - volts).abs() < 1e-8);
            if let Demand::Power(power_w) = demand {
                assert!((step.voltage_v * step.current_a - power_w).abs() < 1e-9);
            }
            before = pack.bank().cells().to_vec();
        }
        let ledger = pack.ledger();
        let out = ledger.energy_out_wh - ledger.energy_in_wh;
        let cells = ledger.cells_wh - ledger.interconnect_wh - ledger.unresolved_wh;
        assert!((out - cells).abs() < 1e-10 * (ledger.energy_out_wh + ledger.energy_in_wh));
    }
}

#[test]
fn at_rest_cells_in_parallel_even_out_and_the_joints_turn_the_difference_into_heat() {
    let wiring = wiring(1, 2, Arrangement::Groups, Terminals::SameSide);
    let mut pack = pack(NMC, wiring, false, Balancing::None, 0.5);
    pack.bank_mut().set_soc(0, 0.7);
    pack.show_open();
    let first_a = pack.step(Demand::Current(0.0), 1.0, 25.0);
    assert_eq!(first_a.current_a, 0.0);
    assert!(pack.cell_currents_a()[0] > 0.5, "{:?}", pack.cell_currents_a());
    assert!((pack.cell_currents_a()[0] + pack.cell_currents_a()[1]).abs() < 1e-13);
    pass(
        &mut pack,
        Duty::Rest,
        &Ambient::constant(25.0),
        (Time(0), 48.0 * 3600.0),
        NetworkStepping::default(),
        |_, _| {},
    );
    // Voltages even out; states of charge as far as the branches of the hysteresis let them.
    let (soc, v) = (pack.bank().soc(), pack.cell_voltages_v());
    assert!((v[0] - v[1]).abs() < 1e-6 && pack.cell_currents_a()[0].abs() < 1e-3, "{v:?}");
    assert!((soc[0] - soc[1]).abs() < 0.03 && soc[0] > soc[1], "{soc:?}");
    assert!(pack.ledger().interconnect_wh > 0.0);
}

#[test]
fn a_full_charge_stops_at_the_cell_that_is_full_first_and_balancing_gains_capacity() {
    let charged = |balancing: Balancing| {
        let wiring = wiring(5, 2, Arrangement::Groups, Terminals::OppositeEnds);
        let mut pack = pack(NMC, wiring, false, balancing, 0.3);
        // One group stands six per cent higher than the others.
        for cell in [2, 7] {
            pack.bank_mut().set_soc(cell, 0.36);
        }
        pack.show_open();
        let duty = Duty::Charge { power_max_w: 1e9, current_max_a: 5.0, target_soc: 1.0 };
        let air = Ambient::constant(25.0);
        let mut highest_v: f64 = 0.0;
        let mut ended = None;
        let mut left_s = 8.0 * 86_400.0;
        // Chargers come back as long as there is something to charge.
        while left_s > 0.0 {
            let why =
                pass(&mut pack, duty, &air, (Time(0), left_s), NetworkStepping::default(), |_, pack| {
                    highest_v = pack.cell_voltages_v().iter().copied().fold(highest_v, f64::max);
                });
            ended = ended.or(why.map(|(why, _)| why));
            left_s -= why.map_or(left_s, |(_, after_s)| after_s);
            let rest_s = left_s.min(3600.0);
            pass(&mut pack, Duty::Rest, &air, (Time(0), rest_s), NetworkStepping::default(), |_, _| {});
            left_s -= rest_s;
        }
        assert_eq!(ended, Some(Ended::Charged));
        assert!(highest_v <= pack.model().limits.voltage_max_v + 1e-9, "{highest_v}");
        let lowest = pack.bank().soc().iter().copied().fold(1.0, f64::min);
        (lowest, pack.usable_ah(), *pack.ledger())
    };
    let (alone, _, _) = charged(Balancing::None);
    let (bled, _, bled_ledger) =
        charged(Balancing::Passive { bleed_a: 0.05, above_v: 3.8, difference_v: 0.02 });
    let (moved, _, moved_ledger) =
        charged(Balancing::Active { transfer_a: 0.5, efficiency: 0.9, above_v: 3.0, difference_v: 0.03 });
    assert!(alone < 0.96, "without balancing the low groups stay behind: {alone}");
    assert!(bled > alone + 0.03 && moved > alone + 0.02, "{alone} {bled} {moved}");
    assert!(moved_ledger.balancing_wh < 0.4 * bled_ledger.balancing_wh, "{moved_ledger:?} {bled_ledger:?}");
}

#[test]
fn an_aged_cell_among_new_ones_gives_less_and_stays_weaker() {
    let wiring = wiring(2, 4, Arrangement::Groups, Terminals::OppositeEnds);
    let mut pack = pack(NMC, wiring, false, Balancing::None, 0.9);
    let cell = pack.bank().model().clone();
    let past = Past::worn_to(&cell, 0.8, 1.0);
    assert!(past.age_days > 100.0 && past.efc > 50.0);
    pack.bank_mut().replace(2, Traits::default(), past, 0.9);
    pack.show_open();
    let health = pack.bank().health(2);
    assert!((health.capacity - 0.8).abs() < 1e-6 && health.resistance > 1.05, "{health:?}");
    pack.step(Demand::Current(10.0), 60.0, 25.0);
    let currents = pack.cell_currents_a().to_vec();
    assert!(currents[2] < currents[0] - 0.1, "{currents:?}");
    assert!((pack.capacity_ah() - 3.8 * 5.0 / 5.0 * cell.file.cell.capacity_ah).abs() < 1e-4);
}

#[test]
fn cells_at_warmer_places_age_faster_and_diverge() {
    let wiring = wiring(2, 3, Arrangement::Groups, Terminals::OppositeEnds);
    let cell = cell_model(NMC);
    let traits: Vec<Traits> =
        (0..6).map(|k| Traits { place_k: 4.0 * f64::from(k / 2), ..Traits::default() }).collect();
    let place_k: Vec<f64> = traits.iter().map(|t| t.place_k).collect();
    let network = model(&cell, wiring, Balancing::None);
    let mut pack = NetworkPack::new(network, CircuitBank::new(cell, traits, 0.9).unwrap(), place_k, 25.0);
    let air = Ambient::constant(25.0);
    let mut at = Time(0);
    for _ in 0..40 {
        let duties = [
            (Duty::Current { current_a: 6.0, until_soc: 0.3 }, 3.0),
            (Duty::Rest, 5.0),
            (Duty::Charge { power_max_w: 1e9, current_max_a: 6.0, target_soc: 0.9 }, 4.0),
            (Duty::Rest, 12.0),
        ];
        for (duty, hours) in duties {
            let stepping = NetworkStepping { active_s: 300.0, rest_s: 1800.0 };
            let span_s = hours * 3600.0;
            let ended = pass(&mut pack, duty, &air, (at, span_s), stepping, |_, _| {});
            let (_, after_s) = ended.unwrap_or((Ended::Reached, span_s));
            let rest = (at.plus_seconds(after_s), span_s - after_s);
            pass(&mut pack, Duty::Rest, &air, rest, stepping, |_, _| {});
            at = at.plus_seconds(span_s);
        }
    }
    let of = |cell: usize| pack.bank().observed_health(cell).capacity;
    assert!(of(0) < 0.999 && of(4) < of(2) && of(2) < of(0), "{} {} {}", of(0), of(2), of(4));
    let currents = pack.current_spread_a();
    assert!(currents.is_finite());
    assert!((pack.bank().age_days(0) - 40.0).abs() < 1e-6, "{}", pack.bank().age_days(0));
    assert!((pack.bank().efc(0) - 24.0).abs() < 1.0, "{}", pack.bank().efc(0));
}

#[test]
fn a_loose_weld_takes_a_cell_out_and_the_others_take_over() {
    let wiring = wiring(2, 4, Arrangement::SharedBars, Terminals::OppositeEnds);
    let mut pack = pack(NMC, wiring, false, Balancing::None, 0.9);
    pack.solver_mut().set_contact_ohm(3, 1e6);
    pack.step(Demand::Current(12.0), 10.0, 25.0);
    let currents = pack.cell_currents_a();
    assert!(currents[3].abs() < 1e-5, "{currents:?}");
    let group: f64 = currents.iter().skip(1).step_by(2).sum();
    assert!((group - 12.0).abs() < 1e-9);
}

#[test]
fn lead_acid_is_refused() {
    let lead = library::names().filter_map(|name| library::find(name).filter(|f| f.float.is_some()));
    for file in lead {
        let cell = Arc::new(CellModel::compile(file).unwrap());
        assert!(CircuitBank::new(cell, vec![Traits::default()], 0.5).is_err());
    }
}
