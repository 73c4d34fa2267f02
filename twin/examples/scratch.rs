//! scratch
use twin::battery::{circuit::interpolate, daily::Sample, exact::Exact, library, life::*, rainflow::*, rate_table::Calendar};
fn main() {
    let years: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let only = std::env::args().nth(2);
    let sample = |hour: u32| {
        let (of_day, of_year) = (f64::from(hour % 24), f64::from(hour) / 8760.0);
        let turn = std::f64::consts::TAU;
        Sample { t_s: f64::from(hour) * 3600.0, soc: 0.9 - 0.175 * (of_day - 9.0).clamp(0.0, 4.0) + 0.175 * (of_day - 18.0).clamp(0.0, 4.0),
            temperature_c: 17.0 - 10.0 * (turn * of_year).cos() - 5.0 * (turn * (of_day - 3.0) / 24.0).cos() }
    };
    let samples: Vec<Sample> = (0..=8760).map(sample).collect();
    let long: Vec<Sample> = (0..=87600).map(sample).collect();
    let cpu = || { let s = std::fs::read_to_string("/proc/self/stat").unwrap(); let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect(); f[11].parse::<f64>().unwrap() / 100.0 };
    for file in library::shipped() {
        if only.as_ref().is_some_and(|o| *o != file.name) { continue; }
        let model = LifeModel::compile(&file.life).unwrap();
        let ocv_v = |soc: f64| interpolate(&file.ocv.soc, &file.ocv.value, soc);
        let calendar = Calendar::of(&model, ocv_v);
        let t = cpu();
        let mut sum = 0.0;
        for _ in 0..years { let mut e = Exact::new(&model, &calendar, ocv_v); e.follow(&samples); sum += e.health().capacity; }
        let dt = cpu() - t;
        // the same with formulas
        let mut e = Exact::new(&model, &calendar, ocv_v); e.follow(&long);
        let mut progress = model.new_progress(); let mut q = 1.0; let mut flow = Rainflow::starting_at(long[0].soc);
        for pair in long.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let n = ((b.soc - a.soc).abs() * 10.0).ceil().max(1.0);
            for k in 0..n as u32 { let m = (f64::from(k) + 0.5) / n;
                let soc = a.soc + (b.soc - a.soc) * m; let t = a.temperature_c + (b.temperature_c - a.temperature_c) * m;
                let stress = instant_stress(t, soc, ocv_v(soc));
                for (z, s) in progress.iter_mut().zip(&model.states) { if s.axis == Axis::Days { *z = s.law.progressed(*z, 1.0 / 24.0 / n / s.axis_scale, &stress); } }
                let moved = q * (b.soc - a.soc) / n;
                let leg = Leg::of_step(moved, 1.0 / n, t);
                let end = a.soc + (b.soc - a.soc) * (f64::from(k) + 1.0) / n;
                let mut cycles = vec![]; flow.extend(end, &leg, |c| cycles.push(c));
                for c in cycles { model.add_cycle(&mut progress, &c, &model.cycle_stress(&c, ocv_v)); }
            }
            if (b.t_s / 86400.0).fract() == 0.0 { q = model.health(&model.states(&progress, b.t_s / 86400.0)).capacity; }
        }
        for c in flow.open() { model.add_cycle(&mut progress, &c, &model.cycle_stress(&c, ocv_v)); }
        let exact = model.health(&model.states(&progress, 3650.0));
        let dr = (e.health().resistance - exact.resistance).abs();
        eprintln!("{:40} {:8.0} battery-years/CPU s, table moves capacity {:.1e}, resistance {:.1e} {}", file.name, f64::from(years) / dt.max(1e-9), (e.health().capacity - exact.capacity).abs(), dr, sum * 0.0);
    }
}
