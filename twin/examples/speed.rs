use std::sync::Arc;
use std::time::Instant;
use twin::battery::*;
use twin::battery::integrate::*;
use twin::battery::pack::*;
use twin::battery::circuit::CellModel;
use twin::battery::thermal::ThermalPath;
use twin::forcing::*;
use twin::time::*;
fn main() {
    for name in ["lfp-gr-sony-murata-3ah", "lfp-gr-250ah-prismatic","nmc811-grsi-lg-m50-5ah"] {
    let Some(f) = library::find(name) else { continue };
    let cell = Arc::new(CellModel::compile(f).unwrap());
    let cj = cell.file.cell.mass_kg*cell.file.cell.heat_capacity_j_per_kg_k;
    let th = ThermalPath::from_time_constants(cj, 0.5, 600.0, 7200.0);
    let model = PackModel::uniform(cell.clone(), Layout{series:14, parallel:6}, th);
    let air: Vec<f32> = (0..24*366*2).map(|h| 17.0 + 10.0*((h as f32)/8766.0*6.283).sin()+5.0*((h as f32)/24.0*6.283).sin()).collect();
    let amb = Ambient{ air_c: Hourly::new(0, air), shift_c: 0.0};
    for (dt, years) in [(3600.0, 20), (60.0, 2), (1.0,1)] {
        let mut st = PackState::new(&model, 0.9, 25.0);
        let t0 = Instant::now();
        let mut n=0u64;
        let stepping = Stepping{soc_max:1.0, active_max_s:dt, rest_max_s:dt};
        for y in 0..years { for d in 0..365 {
            let base = Time(((y%2)*365+d) as i64*DAY_MS);
            let wh = model.rated_wh();
            let days: [(Duty,f64);4] = [(Duty::Rest,8.0),(Duty::Power{power_w: wh*0.175, ripple:0.0},4.0),(Duty::Rest,8.0),(Duty::Charge{power_max_w:wh*0.25,current_max_a:1e3,target_soc:0.9},4.0)];
            let mut h=0.0;
            for (duty, hours) in days {
                let p = pass(&model,&mut st,duty,&amb,(base.plus_seconds(h*3600.0),hours*3600.0),stepping,|_,_|{n+=1;});
                if let Some((_,s))=p.ended { pass(&model,&mut st,Duty::Rest,&amb,(base.plus_seconds(h*3600.0+s),hours*3600.0-s),stepping,|_,_|{n+=1;}); }
                h+=hours;
            }
        }}
        let e=t0.elapsed().as_secs_f64();
        println!("{name} dt {dt}: {:.0} battery-years/s, {:.1} ns/step, soh {:.6} r {:.4} soc {:.3} T {:.2} efc {:.1} loss {:.2} in {:.2} out {:.2}", years as f64/e, e/n as f64*1e9, st.observed_health(&model).capacity, st.health.resistance, st.soc, st.temperatures.cell_c, st.efc, st.ledger.losses_wh, st.ledger.energy_in_wh, st.ledger.energy_out_wh);
    }}
}
