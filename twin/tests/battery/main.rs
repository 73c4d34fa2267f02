//! What holds for every pack of every chemistry, whatever it is told to do: books that balance, limits that are
//! kept, results that do not depend on who looks or how the time is cut.

mod books;
mod cells;
mod heat;
mod limits;
mod told;
mod wear;

use rand::RngExt;
use std::sync::{Arc, LazyLock};
use twin::battery::circuit::CellModel;
use twin::battery::integrate::{Duty, Step, Stepping, pass};
use twin::battery::library;
use twin::battery::pack::{Layout, PackModel, PackState, Spread};
use twin::battery::thermal::ThermalPath;
use twin::forcing::{Ambient, Hourly};
use twin::rng::{Seed, Stream};
use twin::time::Time;

static CELLS: LazyLock<Vec<Arc<CellModel>>> = LazyLock::new(|| {
    library::shipped().map(|file| Arc::new(CellModel::compile(file).expect("it ships"))).collect()
});

const LAYOUT: Layout = Layout { series: 6, parallel: 2 };
const SPREAD: Spread = Spread { capacity: 0.02, resistance: 0.05, ageing: 0.12 };
/// Steps of a second.
const FINE: f64 = 1.0;

fn cell(name: &str) -> Arc<CellModel> {
    CELLS.iter().find(|cell| cell.file.name == name).expect("a chemistry that ships").clone()
}

fn thermal(cell: &CellModel) -> ThermalPath {
    let file = &cell.file.cell;
    ThermalPath::from_time_constants(file.mass_kg * file.heat_capacity_j_per_kg_k, 0.5, 600.0, 7200.0)
}

fn uniform(cell: &Arc<CellModel>) -> PackModel {
    PackModel::uniform(cell.clone(), LAYOUT, thermal(cell))
}

fn scattered(cell: &Arc<CellModel>, seed: u64) -> PackModel {
    let mut stream = Seed(seed).stream(&cell.file.name, "cells", 0);
    PackModel::uniform(cell.clone(), LAYOUT, thermal(cell)).drawn(SPREAD, &mut stream)
}

/// Weather between frost and a hot roof, another one for every stream.
fn weather(stream: &mut Stream) -> Ambient {
    let (mean, swing) = (stream.random_range(-5.0..38.0), stream.random_range(0.0..12.0));
    let hours: Vec<f32> =
        (0..24 * 20).map(|h| (mean + swing * (f64::from(h) * 0.2618).sin()) as f32).collect();
    Ambient { air_c: Hourly::new(0, hours), shift_c: 0.0 }
}

/// Anything that a pack may be told but to be held at a voltage, now and then more than its limits allow, and for
/// how long [s].
fn any_duty(model: &PackModel, stream: &mut Stream) -> (Duty, f64) {
    let limits = &model.cell.file.limits;
    let mut current_a = |c_rate: f64| c_rate * stream.random_range(0.02..1.3) * model.rated_ah();
    let (charge_a, discharge_a) =
        (current_a(limits.charge_c_rate_max), current_a(limits.discharge_c_rate_max));
    let pack_v = model.cell.file.cell.voltage_nominal_v * f64::from(model.layout.series);
    let duty = match stream.random_range(0..7) {
        0 => Duty::Rest,
        1 => Duty::Current { current_a: discharge_a, until_soc: 0.0 },
        2 => Duty::Current { current_a: discharge_a, until_soc: stream.random_range(0.0..1.0) },
        3 => Duty::Current { current_a: -charge_a, until_soc: 1.0 },
        4 => Duty::Power { power_w: discharge_a * pack_v, ripple: stream.random_range(0.0..1.5) },
        5 => Duty::Power { power_w: -charge_a * pack_v, ripple: 0.0 },
        _ => Duty::Charge {
            power_max_w: charge_a * pack_v,
            current_max_a: charge_a * 1.2,
            target_soc: stream.random_range(0.5f64..1.5).min(1.0),
        },
    };
    (duty, stream.random_range(60.0..6.0 * 3600.0))
}

/// A pack on its way through duties that are drawn for it.
struct Wanderer {
    model: PackModel,
    state: PackState,
    ambient: Ambient,
    at: Time,
    stream: Stream,
}

impl Wanderer {
    /// Even seeds are packs of like cells, odd ones of cells that differ.
    fn new(cell: &Arc<CellModel>, seed: u64) -> Self {
        let mut stream = Seed(seed).stream(&cell.file.name, "duties", 0);
        let model = if seed.is_multiple_of(2) { uniform(cell) } else { scattered(cell, seed) };
        let ambient = weather(&mut stream);
        let state = PackState::new(&model, stream.random_range(0.05..0.95), ambient.at(Time(0)));
        Self { model, state, ambient, at: Time(0), stream }
    }

    /// The next duty; `watch` sees the state before and after each step.
    fn go(&mut self, stepping: Stepping, watch: impl FnMut(&Step, &PackState, &PackState)) -> Duty {
        let (duty, span_s) = any_duty(&self.model, &mut self.stream);
        self.follow(duty, span_s, stepping, watch);
        duty
    }

    fn follow(
        &mut self,
        duty: Duty,
        span_s: f64,
        stepping: Stepping,
        mut watch: impl FnMut(&Step, &PackState, &PackState),
    ) {
        let mut before = self.state.clone();
        pass(
            &self.model,
            &mut self.state,
            duty,
            &self.ambient,
            (self.at, span_s),
            stepping,
            |step, after| {
                watch(step, &before, after);
                before = after.clone();
            },
        );
        self.at = self.at.plus_seconds(span_s);
    }
}

/// Rated energy of one cell [Wh].
fn rated_wh(model: &PackModel) -> f64 {
    model.rated_wh() / model.layout.cells()
}

fn each_wanderer(seeds: u64, mut check: impl FnMut(&str, &mut Wanderer)) {
    for cell in CELLS.iter() {
        for seed in 0..seeds {
            check(&format!("{} with seed {seed}", cell.file.name), &mut Wanderer::new(cell, seed));
        }
    }
}
