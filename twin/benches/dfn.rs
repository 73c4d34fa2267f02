//! Speed of the full model (DFN), each figure beside its error against a refined one.
//!
//! Times are of the processor (best of many runs), errors the largest difference in voltage over the discharge. With
//! `CELLTIDE_BENCH_SWEEP` set, errors of meshes, modes and tolerances are told one by one instead.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};
use twin::battery::particle::cell::{Drive, Heat};
use twin::battery::particle::cycling::{Stretch, cycle};
use twin::battery::particle::dfn::mesh::Resolution;
use twin::battery::particle::dfn::{DfnModel, Options};
use twin::battery::particle::drive::{End, Run, Tolerance};
use twin::battery::particle::set::{self, ParticleSet};

const FINE: Tolerance = Tolerance { voltage_v: 1e-7, temperature_k: 1e-5, side: 1e-6 };

fn best(mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..30 {
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        let begun = Instant::now();
        work();
        best = best.min(begun.elapsed());
    }
    best
}

fn model(name: &str, options: Options) -> DfnModel {
    let set = ParticleSet::of(set::find(name).expect("ships")).expect("a test reads every set");
    DfnModel::new(set, options).expect("the set has what it takes")
}

fn fine(heat: Heat) -> Options {
    let resolution = Resolution { elements: 6, degree: 6, separator: 6 };
    Options { heat, modes: 16, resolution, ..Options::default() }
}

fn discharge<'m>(
    model: &'m DfnModel,
    c_rate: f64,
    tolerance: Tolerance,
    mut watch: impl FnMut(f64, f64, f64),
) -> Run<'m, DfnModel> {
    let mut run = Run::new(model, model.as_published(25.0), 25.0).expect("a new cell");
    run.tolerance = tolerance;
    let now_a = c_rate * model.set.file.cell.capacity_ah;
    run.begin(Drive::Current { now_a, slope_a_per_s: 0.0 }).expect("a load");
    let end = [End::VoltageBelow(model.set.file.cell.voltage_min_v)];
    run.go(1e5, &end, |state, seen| watch(state.clock.t_s, seen.voltage_v, state.clock.temperature_k))
        .expect("a discharge");
    run
}

/// A discharge followed in so many places, as (time, voltage, temperature).
type Curve = Vec<(f64, f64, f64)>;

fn curve(name: &str, c_rate: f64, options: Options, tolerance: Tolerance) -> Curve {
    let model = model(name, options);
    let mut points = Curve::new();
    discharge(&model, c_rate, tolerance, |t_s, v, k| points.push((t_s, v, k)));
    points
}

/// Largest and root mean square error after the first ten seconds, largest within them [mV]; of temperature [K].
fn errors(points: &[(f64, f64, f64)], name: &str, c_rate: f64, exact: Options) -> [f64; 4] {
    let fine = model(name, exact);
    let mut run = Run::new(&fine, fine.as_published(25.0), 25.0).expect("a new cell");
    run.tolerance = FINE;
    let now_a = c_rate * fine.set.file.cell.capacity_ah;
    run.begin(Drive::Current { now_a, slope_a_per_s: 0.0 }).expect("a load");
    let (mut first, mut worst, mut square, mut kelvin) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
    for (t_s, voltage_v, temperature_k) in &points[..points.len() - 1] {
        run.go(*t_s, &[], |_, _| {}).expect("a discharge");
        let off = 1e3 * (run.seen.voltage_v - voltage_v);
        kelvin = kelvin.max((run.clock().temperature_k - temperature_k).abs());
        if *t_s < 10.0 {
            first = first.max(off.abs());
        } else {
            (worst, square) = (worst.max(off.abs()), square + off * off);
        }
    }
    [worst, (square / points.len() as f64).sqrt(), first, kelvin]
}

fn discharges(name: &str, c_rate: f64, heat: Heat) {
    let options = Options { heat, ..Options::default() };
    let usual = model(name, options);
    let points = curve(name, c_rate, options, Tolerance::default());
    let [worst, rms, first, kelvin] = errors(&points, name, c_rate, fine(heat));
    let mut steps = (0, 0);
    let time = best(|| {
        steps = black_box(discharge(&usual, c_rate, Tolerance::default(), |_, _, _| {})).steps;
    });
    println!(
        "{name} {heat:?}: {c_rate}C discharge {:.3} ms, {steps:?} steps, error {worst:.4} mV at most, {rms:.4} mV RMS \
         ({first:.4} mV in the first 10 s), {kelvin:.4} K, ends at {:.2} s",
        time.as_secs_f64() * 1e3,
        points[points.len() - 1].0
    );
}

fn cycles() {
    let cell = model("Chen2020", Options::default());
    let rated_a = 5.0;
    let program = [
        Stretch::current(rated_a, &[End::VoltageBelow(2.5)]),
        Stretch::rest(300.0),
        Stretch::current(-rated_a, &[End::VoltageAbove(4.2)]),
        Stretch::hold(4.2, rated_a / 20.0),
        Stretch::rest(300.0),
    ];
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
    println!("Chen2020: 1C CC-CV cycle {:.3} ms, {steps:?} steps", time.as_secs_f64() * 1e3);
}

fn sweep() {
    for (name, c_rate) in [("Chen2020", 1.0), ("Chen2020", 2.0), ("Prada2013", 1.0), ("Prada2013", 2.0)] {
        let heat = Heat::Isothermal;
        let exact = fine(heat);
        let tell = |what: String, options: Options, tolerance: Tolerance| {
            let points = curve(name, c_rate, options, tolerance);
            let [worst, rms, first, _] = errors(&points, name, c_rate, exact);
            println!(
                "{name} {c_rate}C {what}: {worst:.4} mV at most, {rms:.4} mV RMS, {first:.4} mV at first, {} steps",
                points.len()
            );
        };
        for (elements, degree, separator) in [
            (1, 4, 2),
            (1, 5, 2),
            (1, 6, 2),
            (1, 7, 2),
            (1, 8, 2),
            (1, 10, 2),
            (2, 3, 2),
            (2, 4, 2),
            (2, 4, 3),
            (2, 5, 2),
            (3, 3, 2),
            (3, 4, 2),
            (4, 4, 4),
        ] {
            let resolution = Resolution { elements, degree, separator };
            tell(format!("mesh {elements}x{degree}, {separator}"), Options { resolution, ..exact }, FINE);
        }
        for modes in [6, 8, 10, 12, 14] {
            tell(format!("modes {modes}"), Options { modes, ..exact }, FINE);
        }
        for voltage_v in [1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 1e-6] {
            tell(format!("tolerance {voltage_v} V"), exact, Tolerance { voltage_v, ..Tolerance::default() });
        }
    }
}

fn main() {
    if std::env::var_os("CELLTIDE_BENCH_SWEEP").is_some() {
        sweep();
        return;
    }
    for (name, c_rate) in [("Chen2020", 1.0), ("Chen2020", 2.0), ("OKane2022", 1.0), ("Prada2013", 1.0)] {
        for heat in [Heat::Isothermal, Heat::Lumped] {
            discharges(name, c_rate, heat);
        }
    }
    cycles();
}
