#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
use twin::battery::particle::cell::*;
use twin::battery::particle::cycling::*;
use twin::battery::particle::drive::*;
use twin::battery::particle::set::{self, ParticleSet};
fn main() {
    let set = ParticleSet::of(set::find("OKane2022").unwrap()).unwrap();
    let model = CellModel::new(set, Options { mechanisms: "sei-solvent,plating-partial,cracks,lam".parse().unwrap(), ..Options::new(Kind::Spm) }).unwrap();
    let mut run = Run::new(&model, model.as_published(25.0), 25.0).unwrap();
    let st = [Stretch::current(5.0, &[End::VoltageBelow(2.5)]), Stretch::rest(300.0), Stretch::current(-1.5, &[End::VoltageAbove(4.2)]), Stretch::hold(4.2, 0.25), Stretch::rest(300.0)];
    let n0 = twin::battery::particle::balance::lithium_ah(&model, &run.state);
    for c in 0..8 {
        println!("{:?}", Health::of(&model, &run.state, n0));
        for s in &st {
            run.begin(s.drive).unwrap();
            let mut last = Vec::new();
            let until = run.state.t_s + s.for_s;
            let r = run.go(until, &s.ends, |s, q| { last.push(format!("{:.4} {:.6} {:.4e} plated {:.4e} sq {:.3e} T {}", s.t_s, q.voltage_v, q.side_flux, s.films.plated[0], s.films.cracked_squared[0], s.temperature_k)); });
            println!("{c} {:?} {r:?} {} {:?}", s.drive, last.len(), run.steps);
            if r.is_err() { for l in last.iter().rev().take(8) { println!("{l}"); }
                let g = Guess::default();
                println!("{:?}", run.state.particles);
                for h in [1e-6, 1e-3, 1.0] { println!("{:?}", model.attempt(&run.state, Drive::Current{now_a:-1.5, slope_a_per_s:0.0}, h, 298.15, &g, &mut Work::default()).map(|t| t.end)); }
                return; }
        }
    }
}
