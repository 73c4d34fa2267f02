//! Currents of the cells of a pack.

use crate::data::{Drawn, Sources};
use sim::results::figure::{Figure, Panel, Series};
use std::error::Error;
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::library;
use twin::battery::network::balance::Balancing;
use twin::battery::network::circuits::CircuitBank;
use twin::battery::network::heat::PackHeat;
use twin::battery::network::pack::{CellLimits, Demand, NetworkModel, NetworkPack};
use twin::battery::network::scatter::{CellSpread, Traits, draw};
use twin::battery::network::wiring::{Arrangement, Solver, Terminals, Wiring};
use twin::battery::pack::{Layout, Spread};
use twin::battery::thermal::ThermalPath;
use twin::rng::Seed;

const LAYOUT: Layout = Layout { series: 20, parallel: 16 };
/// What is asked of the pack, one after the other: current [A] and for how long [s].
const PARTS: [(f64, f64); 4] = [(-50.0, 1800.0), (0.0, 900.0), (50.0, 1800.0), (0.0, 1800.0)];

fn wiring(arrangement: Arrangement, contact_ohm: f64) -> Wiring {
    Wiring {
        layout: LAYOUT,
        arrangement,
        terminals: Terminals::SameSide,
        busbar_ohm: 1e-4,
        contact_ohm,
        terminal_ohm: 1e-5,
    }
}

fn pack(scatter: Spread, place_k: f64) -> Result<NetworkPack<CircuitBank>, Box<dyn Error>> {
    let cell = Arc::new(CellModel::compile(library::find("nmc811-grsi-lg-m50-5ah").ok_or("it ships")?)?);
    let spread = CellSpread { make: scatter, place_k, group_soc: 0.0 };
    let mut stream = Seed(1).stream("plots", "scatter", 0);
    let traits: Vec<Traits> = (0..LAYOUT.cells() as usize).map(|_| draw(spread, &mut stream)).collect();
    let place_k = traits.iter().map(|traits| traits.place_k).collect();
    let heat_j_per_k = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
    let model = NetworkModel {
        wiring: wiring(Arrangement::Groups, 5e-4),
        heat: PackHeat {
            path: ThermalPath::from_time_constants(heat_j_per_k, 0.5, 600.0, 7200.0),
            neighbour_w_per_k: 0.02,
        },
        balancing: Balancing::None,
        limits: CellLimits::of(&cell),
        cell_ah: cell.file.cell.capacity_ah,
    };
    let bank = CircuitBank::new(cell, traits, 0.5)?;
    Ok(NetworkPack::new(model, bank, place_k, 25.0))
}

/// Currents of the first group over time, every ten seconds: by position, and how far apart they are.
fn over_time(mut pack: NetworkPack<CircuitBank>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (mut minutes, mut currents, mut t_s) = (Vec::new(), vec![Vec::new(); LAYOUT.parallel as usize], 0.0);
    for (current_a, span_s) in PARTS {
        for _ in 0..(span_s / 10.0) as usize {
            pack.step(Demand::Current(current_a), 10.0, 25.0);
            t_s += 10.0;
            minutes.push(t_s / 60.0);
            let of_group = pack.cell_currents_a().iter().step_by(LAYOUT.series as usize);
            currents.iter_mut().zip(of_group).for_each(|(currents, a)| currents.push(*a));
        }
    }
    (minutes, currents)
}

/// By position in strings beside the published range, and over time in a group of cells that differ.
pub(crate) fn currents(_: &Sources) -> Drawn {
    let positions: Vec<f64> = (1..=16).map(f64::from).collect();
    let mut by_position =
        vec![Series::band("liionpack, reported range", 6, vec![1.0, 16.0], (vec![3.10; 2], vec![3.18; 2]))];
    for (colour, cell_ohm) in [(0, 0.050), (2, 0.037)] {
        let mut solver = Solver::new(wiring(Arrangement::Strings, 1e-2));
        solver.solve(&[4.0; 320], &[cell_ohm; 320]);
        let mut currents = [0.0; 320];
        solver.currents_into(50.0, &mut currents);
        let of_strings = currents.iter().step_by(20).copied().collect();
        by_position.push(Series::line(
            format!("cells of {:.0} mΩ", 1e3 * cell_ohm),
            colour,
            positions.clone(),
            of_strings,
        ));
    }
    let mut panels = vec![Panel {
        title: "Sixteen strings of twenty at 50 A, contacts of 10 mΩ".into(),
        x_label: "string, from the terminals on".into(),
        y_label: "current of a string [A]".into(),
        height: 190.0,
        series: by_position,
        ..Panel::default()
    }];
    let none = Spread { capacity: 0.0, resistance: 0.0, ageing: 0.0 };
    let lot = Spread { capacity: 0.004, resistance: 0.02, ageing: 0.12 };
    for (title, scatter, place_k) in [
        ("One group of 16p20s, cells all alike", none, 0.0),
        ("The same, cells of one lot, places 1 K apart", lot, 1.0),
    ] {
        let (minutes, currents) = over_time(pack(scatter, place_k)?);
        let edge = |of: fn(f64, f64) -> f64| -> Vec<f64> {
            (0..minutes.len()).map(|k| currents.iter().map(|c| c[k]).reduce(of).unwrap_or(f64::NAN)).collect()
        };
        let series = vec![
            Series::band("all sixteen", 6, minutes.clone(), (edge(f64::min), edge(f64::max))),
            Series::line("at the terminals", 1, minutes.clone(), currents[0].clone()),
            Series::line("in the middle", 2, minutes.clone(), currents[7].clone()),
            Series::line("at the far end", 0, minutes, currents[15].clone()),
        ];
        panels.push(Panel {
            title: title.into(),
            x_label: "minutes".into(),
            y_label: "current of a cell, discharging positive [A]".into(),
            height: 190.0,
            series,
            ..Panel::default()
        });
    }
    Ok(Some(Figure {
        title: "Who carries the current".into(),
        note: "Lines: this program. Grey, first panel: cell currents of liionpack's published run of 16p20s at 50 A after 100 s (Tranter et al. 2022). Others: LG M50 \
               circuits, half charged, charge and discharge at 50 A with rests; bars of 0.1 mΩ a segment, contacts of 0.5 mΩ, terminals at the same end."
            .into(),
        columns: 2,
        panels,
    }))
}
