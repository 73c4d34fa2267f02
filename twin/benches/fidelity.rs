//! What a pack-year costs at each fidelity, and how far they are from one another: `cargo bench -p twin --bench fidelity`.
//!
//! A pack of the LG M50 goes out at half its rating an hour every morning, from 90 to 20 %, and is charged every evening,
//! in air from 10 to 30 °C. Capacity lost and energy given stand beside the cost, so that `life` can be told against
//! `circuit`; the particle models' own error is that of `cargo bench -p twin --bench particle`.

#![expect(clippy::print_stdout, reason = "a benchmark tells what it measured")]

use std::sync::Arc;
use std::time::Instant;
use twin::battery::circuit::CellModel;
use twin::battery::fidelity::Fidelity;
use twin::battery::fidelity::particle::ParticleCell;
use twin::battery::integrate::{Duty, Stepping};
use twin::battery::pack::{Layout, PackModel};
use twin::battery::particle::cell::{Kind, Options};
use twin::battery::particle::set::{self, ParticleSet};
use twin::battery::thermal::ThermalPath;
use twin::battery::{Battery, BatteryEvent, Leg, library};
use twin::forcing::{Ambient, Hourly};
use twin::time::{DAY_MS, HOUR_MS, Time};
use twin::twin::Twin;

const LAYOUT: Layout = Layout { series: 14, parallel: 8 };

fn main() {
    println!("{:<28} {:>6} {:>14} {:>10} {:>12}", "fidelity", "days", "µs/pack-day", "loss %", "out kWh");
    for (label, fidelity) in [("life", Fidelity::Life), ("circuit", Fidelity::Circuit)] {
        let file = library::find("nmc811-grsi-lg-m50-5ah").expect("it ships");
        let cell = Arc::new(CellModel::compile(file).expect("a test compiles every file that ships"));
        tell(label, &pack(cell).with_fidelity(fidelity), 365);
    }
    for (label, kind, mechanisms) in [
        ("particle spm", Kind::Spm, "sei-solvent"),
        ("particle spme", Kind::Spme, "sei-solvent"),
        ("particle spm, sei, plating", Kind::Spm, "sei-solvent, plating-partial"),
        ("particle spme, sei, plating", Kind::Spme, "sei-solvent, plating-partial"),
    ] {
        let set = ParticleSet::of(set::find("OKane2022").expect("it ships")).expect("a test reads it");
        let mechanisms = mechanisms.parse().expect("they are known");
        let cell = ParticleCell::new(set, Options { mechanisms, ..Options::new(kind) });
        let cell = Arc::new(cell.expect("the set has their figures"));
        let rated = cell.rated().expect("a test reads the set");
        tell(label, &pack(rated).with_fidelity(Fidelity::Particle(cell)), 60);
    }
}

fn pack(cell: Arc<CellModel>) -> PackModel {
    let heat = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
    PackModel::uniform(cell, LAYOUT, ThermalPath::from_time_constants(heat, 0.5, 600.0, 7200.0))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about the clock")]
fn tell(label: &str, model: &PackModel, days: i64) {
    let hour = |h: i64| (20.0 - 10.0 * (std::f64::consts::TAU * h as f64 / 24.0).cos()) as f32;
    let air_c = Hourly::new(0, (0..(days + 1) * 24).map(hour).collect::<Vec<f32>>());
    let rated_ah = model.rated_ah();
    let mut best_s = f64::INFINITY;
    let mut last = None;
    for _ in 0..5 {
        let ambient = Ambient { air_c: air_c.clone(), shift_c: 0.0 };
        let mut battery = Battery::new(model.clone(), ambient, Time(0), 0.9, Stepping::default());
        let begun = Instant::now();
        for day in 0..days {
            let leg =
                |hour: i64, duty| Leg { at: Time(day * DAY_MS + hour * HOUR_MS), duty, ambient_shift_c: 0.0 };
            let down = Duty::Current { current_a: 0.5 * rated_ah, until_soc: 0.2 };
            let up = Duty::Charge { power_max_w: 1e12, current_max_a: 0.3 * rated_ah, target_soc: 0.9 };
            battery.apply(&BatteryEvent::DutiesSet(Arc::from([leg(8, down), leg(19, up)])));
            battery.apply(&BatteryEvent::CaughtUp { to: Time((day + 1) * DAY_MS) });
        }
        best_s = best_s.min(begun.elapsed().as_secs_f64());
        last = Some(battery);
    }
    let Some(battery) = last else { return };
    println!(
        "{label:<28} {days:>6} {:>14.2} {:>10.4} {:>12.2}",
        best_s * 1e6 / days as f64,
        100.0 * (1.0 - battery.health().capacity),
        battery.ledger().energy_out_wh * 1e-3,
    );
}
