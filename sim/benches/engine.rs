//! What a run costs: the swap city for a year by actors and without, and a battery's actor at rest:
//! `cargo bench -p sim --bench engine`.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark tells what it measured, or fails")]

use actix_rt::System;
use host::actor::{Address, Shell};
use sim::engine::model::{Kind, VariantModel};
use sim::engine::{self, Options};
use sim::results::record::WorldRecord;
use sim::scenario::{self, Known, Plan};
use sim::world::{climate, drive, grids};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use twin::battery::Battery;
use twin::battery::integrate::Stepping;
use twin::battery::library;
use twin::forcing::Ambient;
use twin::rng::Seed;
use twin::time::Time;

const IDLE: usize = 50_000;
const ROUNDS: usize = 3;

fn main() {
    let plan = swap_city();
    let models = engine::prepare::<Infallible>(&plan).unwrap();
    let today = &models[..1];
    // First, while no memory has been given back that actors could move into.
    println!("an idle battery actor: {:.0} B", idle_bytes(&today[0].kinds[0]));
    println!("swap-city, first variant, one year, one thread, best of {ROUNDS}");
    let (mut by_actors_s, mut direct_s) = (f64::INFINITY, f64::INFINITY);
    let mut swaps = 0.0;
    for _ in 0..ROUNDS {
        let (acted, seconds) = timed(|| by_actors(today));
        by_actors_s = by_actors_s.min(seconds);
        let (direct, seconds) = timed(|| engine::run_direct(&today[0], 0, 0));
        direct_s = direct_s.min(seconds);
        assert!(acted == direct, "actors and direct calls must agree");
        swaps = direct.figures["swaps_total"];
    }
    println!("  {swaps:.0} swaps, {:.1} µs each", 1e6 * by_actors_s / swaps);
    println!(
        "  by actors {by_actors_s:.2} s, without {direct_s:.2} s: {:+.0} %",
        100.0 * (by_actors_s / direct_s - 1.0)
    );
    println!("  five years at this pace: {:.0} s", 5.0 * by_actors_s);
}

fn by_actors(models: &[Arc<VariantModel>]) -> WorldRecord {
    let mut worlds = Vec::new();
    let options = Options { jobs: 1, ..Options::default() };
    let keep = |world| {
        worlds.push(world);
        Ok::<_, Infallible>(())
    };
    engine::run(models, 1, &options, keep).unwrap();
    worlds.remove(0)
}

fn swap_city() -> Plan {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let known = Known {
        chemistries: library::names().map(str::to_owned).collect(),
        cities: owned(&climate::names()),
        grids: owned(&grids::names()),
        cycles: owned(&drive::names()),
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/swap-city.yaml");
    let one_year = [("horizon_years".to_owned(), "1".to_owned())];
    match scenario::load(&path, &one_year, &known) {
        Ok(plan) => plan,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about the clock")]
fn timed<R>(run: impl FnOnce() -> R) -> (R, f64) {
    let begun = Instant::now();
    let result = run();
    (result, begun.elapsed().as_secs_f64())
}

/// Memory that the process holds [B], where the system tells.
fn resident_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident: f64 = pages.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(f64::NAN);
    4096.0 * resident
}

fn idle_bytes(kind: &Kind) -> f64 {
    System::new().block_on(async {
        let before = resident_bytes();
        let mut actors = Vec::with_capacity(IDLE);
        for number in 0..IDLE {
            let name: Arc<str> = format!("pack-{number}").into();
            let pack = kind.draw(&name, Seed(1));
            let battery = Battery::new(pack, Ambient::constant(20.0), Time(0), 0.5, Stepping::default());
            actors.push(Address::start(Shell::new(battery, name, Seed(1))));
        }
        for actor in &actors {
            actor.look(|_| ()).await.unwrap();
        }
        (resident_bytes() - before) / IDLE as f64
    })
}
