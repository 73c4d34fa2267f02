#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
use twin::battery::particle::cell::*;
use twin::battery::particle::drive::*;
use twin::battery::particle::set::{self, ParticleSet};
fn main() {
    for (elements, degree) in [(1,4),(2, 2),(2, 3), (2, 4), (3,2),(3, 3), (3, 4)] {
        let set = ParticleSet::of(set::find("Chen2020").unwrap()).unwrap();
        let model = CellModel::new(set, Options { fineness: twin::battery::particle::salt::Fineness { elements, degree }, modes: 12, ..Options::new(Kind::Spme) }).unwrap();
        let mut run = Run::new(&model, model.as_published(25.0), 25.0).unwrap();
        run.begin(Drive::Current { now_a: 10.0, slope_a_per_s: 0.0 }).unwrap();
        for t in [10.0, 100.0, 600.0] {
            run.go(t, &[], |_, _| {}).unwrap();
            let o = model.electrolyte().overview(&run.state.salt);
            println!("{elements} {degree} {t}: V {:.6} transport {:.6} eta {:?} n {:.3} logdiff {:.6}", run.seen.voltage_v, run.seen.answer.transport_v, run.seen.answer.eta_v, o.negative, o.log_difference);
        }
        let n = model.electrolyte().points();
        println!("{:?} steps {:?}", &run.state.salt[..n], run.steps);
    }
}
