//! What holds for every pack of every chemistry, whatever it is told to do: books that balance, limits that are
//! kept, results that do not depend on who looks or how the time is cut.

use rand::RngExt;
use std::sync::{Arc, LazyLock};
use twin::battery::circuit::CellModel;
use twin::battery::integrate::{Duty, Stepping, pass};
use twin::battery::library;
use twin::battery::pack::{Layout, PackModel, PackState, Spread};
use twin::battery::thermal::ThermalPath;
use twin::forcing::{Ambient, Hourly};
use twin::rng::{Seed, Stream};
use twin::time::Time;

static CELLS: LazyLock<Vec<Arc<CellModel>>> =
    LazyLock::new(|| library::shipped().map(|file| Arc::new(CellModel::compile(file).unwrap())).collect());

const LAYOUT: Layout = Layout { series: 6, parallel: 2 };
const SPREAD: Spread = Spread { capacity: 0.02, resistance: 0.05, ageing: 0.12 };

fn thermal(cell: &CellModel) -> ThermalPath {
    let file = &cell.file.cell;
    ThermalPath::from_time_constants(file.mass_kg * file.heat_capacity_j_per_kg_k, 0.5, 600.0, 7200.0)
}

fn uniform(cell: &Arc<CellModel>) -> PackModel {
    PackModel::uniform(cell.clone(), LAYOUT, thermal(cell))
}

fn scattered(cell: &Arc<CellModel>, seed: u64) -> PackModel {
    let mut stream = Seed(seed).stream(&cell.file.name, "cells", 0);
    PackModel::drawn(cell.clone(), LAYOUT, thermal(cell), SPREAD, &mut stream)
}

/// Weather between deep frost and a hot roof, another one for every seed.
fn weather(stream: &mut Stream) -> Ambient {
    let (mean, swing) = (stream.random_range(-5.0..38.0), stream.random_range(0.0..12.0));
    let hours: Vec<f32> = (0..24 * 40).map(|h| (mean + swing * (h as f64 * 0.2618).sin()) as f32).collect();
    Ambient { air_c: Hourly::new(0, hours), shift_c: 0.0 }
}

/// Anything that a pack may be told, and for how long [s].
fn any_duty(model: &PackModel, stream: &mut Stream) -> (Duty, f64) {
    let limits = &model.cell.file.limits;
    let rated_ah = model.rated_ah();
    // Now and then more than the limits allow.
    let mut rate = |max: f64| max * stream.random_range(0.02..1.3);
    let (charge_a, discharge_a) =
        (rate(limits.charge_c_rate_max) * rated_ah, rate(limits.discharge_c_rate_max) * rated_ah);
    let pack_v = model.cell.file.cell.voltage_nominal_v * f64::from(model.layout.series);
    let target = stream.random_range(0.3..1.0);
    let target = if stream.random_range(0..2) == 0 { 1.0 } else { target };
    let duty = match stream.random_range(0..8) {
        0 => Duty::Rest,
        1 => Duty::Current { current_a: discharge_a, until_soc: 0.0 },
        2 => Duty::Current { current_a: discharge_a, until_soc: stream.random_range(0.0..1.0) },
        3 => Duty::Current { current_a: -charge_a, until_soc: 1.0 },
        4 => Duty::Power { power_w: discharge_a * pack_v, ripple: stream.random_range(0.0..1.5) },
        5 => Duty::Power { power_w: -charge_a * pack_v, ripple: 0.0 },
        6 => {
            Duty::Charge { power_max_w: charge_a * pack_v, current_max_a: charge_a * 1.2, target_soc: target }
        }
        _ => Duty::Hold {
            voltage_v: f64::from(model.layout.series)
                * (limits.voltage_min_v
                    + (limits.voltage_max_v - limits.voltage_min_v) * stream.random_range(0.5..1.0)),
            current_max_a: charge_a,
        },
    };
    (duty, stream.random_range(60.0..6.0 * 3600.0))
}

fn stored_wh(model: &PackModel, state: &PackState) -> f64 {
    state.capacity_ah(model) * model.cell.curves(state.soc).ocv_integral_v
}
fn held_wh(model: &PackModel, state: &PackState) -> f64 {
    let r = model.cell.resistances(state.soc, state.temperatures.cell_c);
    let c = &model.cell.file.circuit;
    0.5 / 3600.0 / state.health.resistance
        * (state.v1_v.powi(2) * c.tau1_s / r.r1 + state.v2_v.powi(2) * c.tau2_s / r.r2)
}


#[test]
fn explore() {
    for cell in CELLS.iter() {
        for kind in 0..8 {
            let mut worst: [(f64, String); 5] = Default::default();
            let mut note = |k: usize, v: f64, text: &dyn Fn() -> String| if v > worst[k].0 { worst[k] = (v, text()) };
            for seed in 0..60u64 {
                let mut s = Seed(seed).stream(&cell.file.name, "duty", 0);
                let model = if seed % 2 == 0 { uniform(cell) } else { scattered(cell, seed) };
                let ambient = weather(&mut s);
                let mut state = PackState::new(&model, s.random_range(0.05..0.95), ambient.at(Time(0)));
                let (duty, span) = loop { let d = any_duty(&model, &mut s); let k = match d.0 { Duty::Rest => 0, Duty::Current { current_a, until_soc } if current_a > 0.0 => if until_soc == 0.0 { 1 } else { 2 }, Duty::Current { .. } => 3, Duty::Power { power_w, .. } => if power_w > 0.0 { 4 } else { 5 }, Duty::Charge { .. } => 6, Duty::Hold { .. } => 7 }; if k == kind { break d; } };
                let before = state.clone();
                let mut prev = state.clone();
                let rated = cell.file.cell.capacity_ah;
                let rwh = rated * cell.file.cell.voltage_nominal_v;
                pass(&model, &mut state, duty, &ambient, (Time(0), span), Stepping::default(), |step, now| {
                    let c = &cell.file.circuit;
                    let (e1, e2) = ((-step.dt_s / c.tau1_s).exp(), (-step.dt_s / c.tau2_s).exp());
                    let r = cell.resistances(prev.soc, prev.temperatures.cell_c);
                    let g = prev.health.resistance;
                    let i = step.current_a;
                    let (r1, r2) = if i.abs() > 1e-6 * rated { ((now.v1_v - prev.v1_v * e1) / (i * (1.0 - e1)), (now.v2_v - prev.v2_v * e2) / (i * (1.0 - e2))) } else { (r.r1 * g, r.r2 * g) };
                    let held = |s: &PackState| 0.5 / 3600.0 * (s.v1_v.powi(2) * c.tau1_s / r1 + s.v2_v.powi(2) * c.tau2_s / r2);
                    let (a, b) = (&prev.ledger, &now.ledger);
                    let net = (b.energy_in_wh - a.energy_in_wh) - (b.energy_out_wh - a.energy_out_wh) - (b.losses_wh - a.losses_wh);
                    let residual = stored_wh(&model, &prev) - stored_wh(&model, now) + net + held(&prev) - held(now);
                    note(0, residual.abs() / rwh, &|| format!("{step:?} soc {} {} dt {}", prev.soc, now.soc, step.dt_s));
                    let l = &cell.file.limits;
                    if i > 0.0 {
                        note(1, l.voltage_min_v - now.voltage_v, &|| format!("{duty:?} {step:?} soc {} {} v {} {} T {} seed {seed}", prev.soc, now.soc, prev.voltage_v, now.voltage_v, prev.temperatures.cell_c));
                    }
                    if i < 0.0 {
                        note(2, now.voltage_v - l.voltage_max_v, &|| format!("{duty:?} {step:?} soc {} {} v {} {} T {} seed {seed}", prev.soc, now.soc, prev.voltage_v, now.voltage_v, prev.temperatures.cell_c));
                    }
                    prev = now.clone();
                });
                let (a, b) = (&before.ledger, &state.ledger);
                let q = before.soc * before.capacity_ah(&model) + (b.charged_ah - a.charged_ah) - (b.coulombic_loss_ah - a.coulombic_loss_ah) - (b.discharged_ah - a.discharged_ah)
                    - (b.leaked_ah - a.leaked_ah) - (b.ripple_ah - a.ripple_ah) - (b.faded_ah - a.faded_ah) - state.soc * state.capacity_ah(&model);
                note(3, (q / rated).abs(), &|| format!("{duty:?} soc {} {}", before.soc, state.soc));
                let e = stored_wh(&model, &before) - stored_wh(&model, &state) + (b.energy_in_wh - a.energy_in_wh) - (b.energy_out_wh - a.energy_out_wh) - (b.losses_wh - a.losses_wh) - (b.faded_wh - a.faded_wh)
                    + held_wh(&model, &before) - held_wh(&model, &state);
                note(4, (e / rwh).abs(), &|| format!(""));
            }
            println!("{} kind {kind}", cell.file.name);
            for (k, name) in ["step energy", "under", "over", "charge", "pass energy"].iter().enumerate() { if worst[k].0 > 1e-9 { println!("     {name} {:.2e} {}", worst[k].0, worst[k].1); } }
        }
    }
}
