//! Packs of unequal cells.

use super::{CELLS, LAYOUT, SPREAD, cell, each_wanderer, thermal, uniform};
use twin::battery::integrate::{Duty, Stepping, pass};
use twin::battery::pack::{Group, Layout, PackModel, PackState, Spread};
use twin::forcing::Ambient;
use twin::rng::Seed;
use twin::time::Time;

#[test]
fn cells_without_scatter_are_one_cell_many_times() {
    for cell in CELLS.iter() {
        let mut stream = Seed(3).stream("pack", "cells", 0);
        let one = PackModel::uniform(cell.clone(), Layout { series: 1, parallel: 1 }, thermal(cell));
        let layout = Layout { series: 8, parallel: 4 };
        let many =
            PackModel::uniform(cell.clone(), layout, thermal(cell)).drawn(Spread::default(), &mut stream);
        assert!(many.groups.is_empty());
        let (mut a, mut b) = (PackState::new(&one, 0.3, 20.0), PackState::new(&many, 0.3, 20.0));
        let c = cell.file.limits.charge_c_rate_max * cell.file.cell.capacity_ah;
        let watt = c * cell.file.cell.voltage_nominal_v;
        let duties = |parallel: f64, cells: f64| {
            [
                Duty::Charge {
                    power_max_w: 0.6 * watt * cells,
                    current_max_a: 0.5 * c * parallel,
                    target_soc: 1.0,
                },
                Duty::Power { power_w: 0.3 * watt * cells, ripple: 0.4 },
                Duty::Rest,
                Duty::Current { current_a: 0.5 * c * parallel, until_soc: 0.0 },
            ]
        };
        for (of_one, of_many) in duties(1.0, 1.0).into_iter().zip(duties(4.0, 32.0)) {
            for (model, state, duty) in [(&one, &mut a, of_one), (&many, &mut b, of_many)] {
                pass(
                    model,
                    state,
                    duty,
                    &Ambient::constant(20.0),
                    (Time(0), 7200.0),
                    Stepping::default(),
                    |_, _| {},
                );
            }
            let close = |x: f64, y: f64| (x - y).abs() <= 1e-9 * x.abs().max(1e-3);
            let (la, lb) = (&a.ledger, b.ledger.scaled(layout));
            assert!(close(a.soc, b.soc) && close(a.voltage_v, b.voltage_v), "{}: {of_one:?}", cell.file.name);
            assert!(close(a.temperatures.cell_c, b.temperatures.cell_c), "{}: {of_one:?}", cell.file.name);
            assert!(close(32.0 * la.energy_in_wh, lb.energy_in_wh), "{}: {of_one:?}", cell.file.name);
            assert!(close(4.0 * la.discharged_ah, lb.discharged_ah), "{}: {of_one:?}", cell.file.name);
        }
    }
}

#[test]
fn the_weakest_group_decides_what_a_pack_gives() {
    for cell in CELLS.iter().filter(|cell| cell.file.rate_capacity.is_none()) {
        let mut model = uniform(cell);
        let group = |capacity| Group { capacity, resistance: 1.0, ageing: 1.0 };
        model.groups = vec![group(1.05), group(1.0), group(0.85), group(1.02), group(1.0), group(1.0)].into();
        model.mean = group(5.92 / 6.0);
        let mut state = PackState::new(&model, 1.0, 25.0);
        assert_eq!(state.weakest, 2);
        let duty = Duty::Current { current_a: 0.1 * model.rated_ah(), until_soc: 0.0 };
        let span = (Time(0), 12.0 * 3600.0);
        pass(&model, &mut state, duty, &Ambient::constant(25.0), span, Stepping::default(), |_, _| {});
        let share = state.ledger.discharged_ah / cell.file.cell.capacity_ah;
        // A cell whose curve meets the lowest voltage before it is empty gives a little less.
        assert!((0.82..=0.8501).contains(&share), "{}: {share} of rated capacity", cell.file.name);
        assert!(state.pack_soc().abs() < 0.03, "{}: {}", cell.file.name, state.pack_soc());
        assert!(state.soc > 0.12, "{}: the others still hold charge: {}", cell.file.name, state.soc);
    }
}

#[test]
fn voltages_of_the_groups_add_up_to_that_of_the_pack() {
    each_wanderer(4, |name, pack| {
        for _ in 0..10 {
            pack.go(Stepping::default(), |_, _, _| {});
            let voltages = pack.state.cell_voltages_v(&pack.model);
            let pack_v = pack.state.voltage_v * f64::from(LAYOUT.series);
            assert_eq!(voltages.len(), LAYOUT.series as usize);
            assert!((voltages.iter().sum::<f64>() - pack_v).abs() < 1e-9 * pack_v, "{name}");
        }
    });
}

#[test]
fn cells_scatter_as_much_as_their_make_says() {
    let cell = cell("nmc811-grsi-lg-m50-5ah");
    let statistics = |parallel: u32| {
        let layout = Layout { series: 2000, parallel };
        let mut stream = Seed(9).stream("make", "cells", u64::from(parallel));
        let model = PackModel::uniform(cell.clone(), layout, thermal(&cell)).drawn(SPREAD, &mut stream);
        let of = |value: fn(&Group) -> f32| {
            let n = model.groups.len() as f64;
            let mean = model.groups.iter().map(|g| f64::from(value(g))).sum::<f64>() / n;
            let square = model.groups.iter().map(|g| (f64::from(value(g)) - mean).powi(2)).sum::<f64>();
            (mean, (square / (n - 1.0)).sqrt())
        };
        [of(|g| g.capacity), of(|g| g.resistance), of(|g| g.ageing)]
    };
    let made = [SPREAD.capacity, SPREAD.resistance, SPREAD.ageing];
    // Parallel cells average out, drawn one by one or, beyond a hundred, together.
    for parallel in [1, 4, 100, 400] {
        for ((mean, sd), made) in statistics(parallel).into_iter().zip(made) {
            let expected = made / f64::from(parallel).sqrt();
            assert!((sd / expected - 1.0).abs() < 0.08, "{parallel} parallel: {sd} instead of {expected}");
            // Resistances in parallel are a harmonic mean, which lies lower by the square of their deviation.
            assert!((mean - 1.0).abs() < 4.0 * expected / 2000f64.sqrt() + made * made, "{parallel}: {mean}");
        }
    }
}
