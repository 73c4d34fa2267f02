//! Speed of the particle models, each figure beside its error against a refined model.
//!
//! Times are of the processor (best of many runs), errors the largest difference in voltage over the discharge.
//! With an argument only the lines whose name has it in it; after `once` each work is done a single time and no error
//! is sought, for a profiler that counts instructions.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};
use twin::battery::particle::balance::lithium_ah;
use twin::battery::particle::cell::{CellModel, Drive, Guess, Heat, Kind, Options, Work};
use twin::battery::particle::cycling::{Health, Jump, Stretch, age, cycle};
use twin::battery::particle::drive::{End, Run, Tolerance};
use twin::battery::particle::salt::Fineness;
use twin::battery::particle::set::{self, ParticleSet};

fn is_once() -> bool {
    std::env::args().any(|word| word == "once")
}

/// Whether a line is asked for.
fn is_asked(name: &str) -> bool {
    let mut words =
        std::env::args().skip(1).filter(|word| word != "once" && !word.starts_with("--")).peekable();
    words.peek().is_none() || words.any(|word| name.contains(&word))
}

fn best(mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..if is_once() { 1 } else { 30 } {
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        let begun = Instant::now();
        work();
        best = best.min(begun.elapsed());
    }
    best
}

fn model(name: &str, options: Options) -> CellModel {
    let set = ParticleSet::of(set::find(name).expect("ships")).expect("a test reads every set");
    CellModel::new(set, options).expect("the set has what it takes")
}

fn discharge(
    model: &CellModel,
    c_rate: f64,
    tolerance: Tolerance,
    watch: impl FnMut(f64, f64),
) -> (u64, f64) {
    let mut watch = watch;
    let mut run = Run::new(model, model.as_published(25.0), 25.0).expect("a new cell");
    run.tolerance = tolerance;
    run.begin(Drive::Current { now_a: c_rate * model.set().file.cell.capacity_ah, slope_a_per_s: 0.0 })
        .expect("a load");
    let end = [End::VoltageBelow(model.set().file.cell.voltage_min_v)];
    run.go(1e5, &end, |state, seen| watch(state.clock.t_s, seen.voltage_v)).expect("a discharge");
    (run.steps.0 + run.steps.1, run.clock().t_s)
}

fn discharges(name: &str, kind: Kind, heat: Heat, c_rate: f64) {
    if !is_asked(&format!("discharge {name} {kind:?} {heat:?} {c_rate}C")) {
        return;
    }
    let usual = model(name, Options { heat, ..Options::new(kind) });
    let fine = model(
        name,
        Options { heat, modes: 16, fineness: Fineness { elements: 3, degree: 4 }, ..Options::new(kind) },
    );
    let mut points = Vec::new();
    let (steps, end_s) =
        discharge(&usual, c_rate, Tolerance::default(), |t_s, voltage_v| points.push((t_s, voltage_v)));
    let mut run = Run::new(&fine, fine.as_published(25.0), 25.0).expect("a new cell");
    run.tolerance = Tolerance { voltage_v: 1e-7, temperature_k: 1e-5, side: 1e-6 };
    run.begin(Drive::Current { now_a: c_rate * fine.set().file.cell.capacity_ah, slope_a_per_s: 0.0 })
        .expect("a load");
    // Just after the load is put on, lithium moves in a layer too thin for the modes of the usual model.
    let (mut worst, mut worst_at_first) = (0.0f64, 0.0f64);
    for (t_s, voltage_v) in points[..points.len() - 1].iter().filter(|_| !is_once()) {
        run.go(*t_s, &[], |_, _| {}).expect("a discharge");
        let off = (run.seen.voltage_v - voltage_v).abs();
        let place = if *t_s < 10.0 { &mut worst_at_first } else { &mut worst };
        *place = place.max(off);
    }
    let time = best(|| {
        black_box(discharge(&usual, c_rate, Tolerance::default(), |_, _| {}));
    });
    println!(
        "{name} {kind:?} {heat:?}: {c_rate}C discharge {:.4} ms, {steps} steps, largest error {:.4} mV ({:.4} mV in the \
         first 10 s), ends at {end_s:.2} s",
        time.as_secs_f64() * 1e3,
        worst * 1e3,
        worst_at_first * 1e3
    );
}

fn stretches(rated_a: f64) -> Vec<Stretch> {
    vec![
        Stretch::current(rated_a, &[End::VoltageBelow(2.5)]),
        Stretch::rest(300.0),
        Stretch::current(-rated_a, &[End::VoltageAbove(4.2)]),
        Stretch::hold(4.2, rated_a / 20.0),
        Stretch::rest(300.0),
    ]
}

fn cycles(name: &str, kind: Kind, mechanisms: &str) {
    if !is_asked(&format!("cycle {name} {kind:?} {mechanisms}")) {
        return;
    }
    let options = Options { mechanisms: mechanisms.parse().expect("known"), ..Options::new(kind) };
    let cell = model(name, options);
    let fine = model(name, Options { modes: 16, fineness: Fineness { elements: 3, degree: 4 }, ..options });
    let program = stretches(5.0);
    let lost = |model: &CellModel, tolerance: Option<Tolerance>| {
        let mut run = Run::new(model, model.as_published(25.0), 25.0).expect("a new cell");
        if let Some(tolerance) = tolerance {
            run.tolerance = tolerance;
        }
        let new_ah = lithium_ah(model, &run.state);
        for _ in 0..5 {
            cycle(&mut run, &program).expect("a cycle");
        }
        Health::of(model, &run.state, new_ah).lithium_lost_pct
    };
    let error = if is_once() {
        f64::NAN
    } else {
        let exact = lost(&fine, Some(Tolerance { voltage_v: 1e-6, temperature_k: 1e-4, side: 1e-5 }));
        lost(&cell, None) / exact - 1.0
    };
    let mut run = Run::new(&cell, cell.as_published(25.0), 25.0).expect("a new cell");
    cycle(&mut run, &program).expect("a cycle");
    let begun = run.clone();
    let before = run.steps;
    cycle(&mut run, &program).expect("a cycle");
    let steps = (run.steps.0 - before.0, run.steps.1 - before.1);
    let time = best(|| {
        let mut run = begun.clone();
        cycle(&mut run, &program).expect("a cycle");
        black_box(run.clock().t_s);
    });
    println!(
        "{name} {kind:?} {mechanisms}: 1C CC-CV cycle {:.4} ms, {steps:?} steps, error of lithium lost {:+.4} %",
        time.as_secs_f64() * 1e3,
        error * 100.0
    );
}

fn jumps() {
    if !is_asked("jumps") {
        return;
    }
    let options = Options { mechanisms: "sei-solvent".parse().expect("known"), ..Options::new(Kind::Spm) };
    let cell = model("Chen2020", options);
    let program = stretches(5.0);
    let run_all = |jump| {
        let mut run = Run::new(&cell, cell.as_published(25.0), 25.0).expect("a new cell");
        let new_ah = lithium_ah(&cell, &run.state);
        let outcome = age(&mut run, &program, 2000, jump, |_, _| {}).expect("cycles");
        (Health::of(&cell, &run.state, new_ah).lithium_lost_pct, outcome)
    };
    let (all, _) = run_all(None);
    let (some, outcome) = run_all(Some(Jump { error: 1e-3, most: 200 }));
    println!(
        "2000 cycles: {} computed, error of lithium lost {:+.3} %, stated {:.3} %",
        outcome.computed,
        (some / all - 1.0) * 100.0,
        outcome.error * 100.0
    );
}

fn network() {
    if !is_asked("network") {
        return;
    }
    let options = Options { mechanisms: "sei-solvent".parse().expect("known"), ..Options::new(Kind::Spm) };
    let cell = model("Chen2020", options);
    let time = best(|| {
        let mut state = cell.as_published(25.0);
        let (mut work, mut past) = (Work::default(), Guess::default());
        for _ in 0..300 {
            black_box(cell.step(&mut state, 5.0, 10.0, 298.15, &mut past, &mut work).expect("a step"));
        }
    });
    println!("fixed steps of 10 s with film: {:.3} µs each", time.as_secs_f64() / 300.0 * 1e6);
}

fn main() {
    for heat in [Heat::Isothermal, Heat::Lumped] {
        for kind in [Kind::Spm, Kind::Spme] {
            discharges("Chen2020", kind, heat, 1.0);
        }
    }
    for kind in [Kind::Spm, Kind::Spme] {
        discharges("Chen2020", kind, Heat::Isothermal, 2.0);
    }
    cycles("Chen2020", Kind::Spm, "sei-solvent");
    cycles("Chen2020", Kind::Spm, "sei-reaction");
    for kind in [Kind::Spm, Kind::Spme] {
        cycles("OKane2022", kind, "sei-solvent,plating-partial,cracks,lam");
    }
    cycles("OKane2022", Kind::Spme, "sei-solvent,plating-partial,cracks,lam,pore-clogging");
    jumps();
    network();
}
