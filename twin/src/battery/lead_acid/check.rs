//! Whether `[lead_acid]` makes sense.

use super::file::LeadAcidFile;
use crate::battery::library::Review;

/// Tells every figure that cannot be.
pub(in crate::battery) fn check(file: &LeadAcidFile, review: &mut Review) {
    let mut within = |field: &str, value: f64, least: f64, most: f64| {
        review.within(&format!("lead_acid.{field}"), value, least, most);
    };
    let voltage = &file.voltage;
    within("voltage.full_v", voltage.full_v, 1.5, 3.0);
    within("voltage.per_dod_v", voltage.per_dod_v, 0.0, 1.0);
    within("voltage.discharge_ohm_ah", voltage.discharge_ohm_ah, 1e-4, 10.0);
    within("voltage.discharge_transfer", voltage.discharge_transfer, 1e-4, 10.0);
    within("voltage.charge_ohm_ah", voltage.charge_ohm_ah, 1e-4, 10.0);
    within("voltage.charge_transfer", voltage.charge_transfer, 1e-4, 10.0);
    // A full state of charge has to be reached in finite time.
    within("voltage.charge_capacity", voltage.charge_capacity, 1.0001, 2.0);
    within("voltage.resistance_per_k", voltage.resistance_per_k, -0.05, 0.05);
    let gassing = &file.gassing;
    within("gassing.current_a_per_100ah", gassing.current_a_per_100ah, 1e-6, 10.0);
    within("gassing.voltage_v", gassing.voltage_v, 1.5, 3.0);
    within("gassing.per_v", gassing.per_v, 0.1, 50.0);
    within("gassing.per_k", gassing.per_k, 0.0, 0.5);
    within("gassing.aged_factor", gassing.aged_factor, 0.1, 20.0);
    let corrosion = &file.corrosion;
    within("corrosion.full_v", corrosion.full_v, 1.0, 2.5);
    within("corrosion.dod_share", corrosion.dod_share, 0.0, 1.0);
    within("corrosion.porous_below_v", corrosion.porous_below_v, 0.0, 3.0);
    within("corrosion.porous_exponent", corrosion.porous_exponent, 0.1, 1.0);
    within("corrosion.doubling_k", corrosion.doubling_k, 1.0, 100.0);
    within("corrosion.share_of_float_loss", corrosion.share_of_float_loss, 0.0, 1.0);
    within("corrosion.resistance_at_limit", corrosion.resistance_at_limit, 0.0, 10.0);
    corrosion.speed.iter().for_each(|speed| within("corrosion.speed", *speed, 1e-9, 1e3));
    let float = &file.float_life;
    within("float_life.years_at_25c", float.years_at_25c, 0.1, 100.0);
    within("float_life.halving_k", float.halving_k, 1.0, 100.0);
    within("float_life.capacity_loss_at_end", float.capacity_loss_at_end, 0.0, 1.0);
    within("float_life.exponent", float.exponent, 0.1, 20.0);
    within("float_life.overvoltage_halving_v", float.overvoltage_halving_v, 1e-3, 10.0);
    within("float_life.undervoltage_halving_v", float.undervoltage_halving_v, 1e-3, 10.0);
    within("float_life.deviation_max_v", float.deviation_max_v, 0.0, 0.5);
    within("float_life.resistance_per_lost_ratio", float.resistance_per_lost_ratio, 0.0, 10.0);
    let throughput = &file.throughput;
    within("throughput.nominal_cycles", throughput.nominal_cycles, 1.0, 1e5);
    within("throughput.weight_factor", throughput.weight_factor, 0.1, 10.0);
    within("throughput.loss_exponent", throughput.loss_exponent, 0.1, 20.0);
    within("throughput.loss_at_limit", throughput.loss_at_limit, 0.0, 1.0);
    within("throughput.soc_per_h", throughput.soc_per_h, 0.0, 1.0);
    within("throughput.soc_min_per_h", throughput.soc_min_per_h, 0.0, 1.0);
    within("throughput.bad_charge_per_fold", throughput.bad_charge_per_fold, 0.1, 1e6);
    within("throughput.bad_charge_soc", throughput.bad_charge_soc[0], 0.0, 0.999);
    within("throughput.bad_charge_soc", throughput.bad_charge_soc[1], throughput.bad_charge_soc[0], 1.0);
    let acid = &file.stratification;
    within("stratification.rise_per_h", acid.rise_per_h, 0.0, 10.0);
    within("stratification.rise_decay", acid.rise_decay, 0.0, 100.0);
    within("stratification.gassing_per_h", acid.gassing_per_h, 0.0, 100.0);
    within("stratification.gassing_voltage_v", acid.gassing_voltage_v, 1.5, 3.0);
    within("stratification.gassing_from_v", acid.gassing_from_v, 1.5, 3.0);
    within("stratification.diffusion_m2_per_s", acid.diffusion_m2_per_s, 0.0, 1e-3);
    within("stratification.height_m", acid.height_m, 1e-3, 10.0);
    within("stratification.diffusion_doubling_k", acid.diffusion_doubling_k, 1.0, 100.0);
    within("float_control.boost_v", file.float_control.boost_v, 1.5, 3.0);
    within("heat.dissipation_w_per_k", file.heat.dissipation_w_per_k, 1e-4, 1e3);
    let runaway = &file.runaway;
    within("runaway.trip_ratio", runaway.trip_ratio, 1e-3, 1.0);
    within("runaway.warn_ratio", runaway.warn_ratio, 1e-3, runaway.trip_ratio);
    within("runaway.rearm_ratio", runaway.rearm_ratio, 0.0, runaway.warn_ratio);
    within("runaway.limited_a_per_100ah", runaway.limited_a_per_100ah, 1e-6, 100.0);
    let scatter = &file.scatter;
    within("scatter.capacity", scatter.capacity, 0.0, 0.5);
    within("scatter.resistance", scatter.resistance, 0.0, 1.0);
    within("scatter.ln_gassing", scatter.ln_gassing, 0.0, 2.0);
    within("scatter.life_weibull_shape", scatter.life_weibull_shape, 0.5, 100.0);
    within("scatter.position_k", scatter.position_k, 0.0, 20.0);
    review.rising("lead_acid.corrosion.potential_v", &corrosion.potential_v);
    if corrosion.potential_v.len() != corrosion.speed.len() {
        review.complain("lead_acid.corrosion.speed", "needs one value per potential");
    }
    let end = &file.end_voltage;
    review.rising("lead_acid.end_voltage.duration_h", &end.duration_h);
    if end.duration_h.len() != end.voltage_v.len() || end.duration_h.iter().any(|h| *h <= 0.0) {
        review.complain("lead_acid.end_voltage", "needs one voltage per duration, and durations above 0");
    }
    end.voltage_v.iter().for_each(|v| review.within("lead_acid.end_voltage.voltage_v", *v, 0.5, 2.5));
    review.rising("lead_acid.float_control.compensated_c", &file.float_control.compensated_c);
}
