//! Limits that are kept, and what a step may pass them by; spans that may be cut.

use super::{
    CELLS, FINE, LAYOUT, Wanderer, any_duty, cell, each_wanderer, rated_wh, scattered, uniform, weather,
};
use twin::battery::integrate::{Duty, Stepping, pass};
use twin::battery::pack::PackState;
use twin::battery::{Battery, BatteryEvent, Leg};
use twin::forcing::Ambient;
use twin::rng::Seed;
use twin::time::Time;
use twin::twin::Twin;

/// How far the voltage at the end of a coarse step may be beyond its limits [V]: the last step before full or
/// empty, where the open-circuit voltage is steep.
const COARSE_OVER_V: f64 = 0.08;
const COARSE_UNDER_V: f64 = 0.3;
/// How far below empty the weakest cell may be, by self-discharge after a full discharge.
const EMPTY: f64 = 0.005;

/// How far the worst voltage of a step was beyond the limits [V], and the worst current over the derated limit.
struct Excess {
    over_v: f64,
    under_v: f64,
    current: f64,
}

fn excess(stepping: Stepping, seeds: u64, duties: usize) -> Vec<(String, Excess)> {
    let mut rows: Vec<(String, Excess)> = Vec::new();
    each_wanderer(seeds, |name, pack| {
        let file = pack.model.cell.file.clone();
        let limits = &file.limits;
        let derated =
            |t: f64, range: [f64; 2]| ((t - range[0]).min(range[1] - t) / limits.derating_k).clamp(0.0, 1.0);
        let mut worst = Excess { over_v: 0.0, under_v: 0.0, current: 0.0 };
        for _ in 0..duties {
            pack.go(stepping, |step, before, after| {
                assert!((0.0..=1.0).contains(&after.soc), "{name}: {}", after.soc);
                let t = before.temperatures.cell_c;
                let c_rate = step.current_a / file.cell.capacity_ah;
                if c_rate > 0.0 {
                    let most = limits.discharge_c_rate_max * derated(t, limits.discharge_temperature_c);
                    worst.current = worst.current.max(c_rate / most - 1.0);
                    worst.under_v = worst.under_v.max(limits.voltage_min_v - after.voltage_v);
                } else if c_rate < 0.0 {
                    let most = limits.charge_c_rate_max * derated(t, limits.charge_temperature_c);
                    worst.current = worst.current.max(-c_rate / most - 1.0);
                    worst.over_v = worst.over_v.max(after.voltage_v - limits.voltage_max_v);
                }
            });
        }
        rows.push((name.to_owned(), worst));
    });
    rows
}

#[test]
fn limits_of_voltage_current_and_temperature_are_kept_at_fine_steps() {
    let mut worst = (0.0f64, 0.0f64);
    for (name, excess) in excess(Stepping::at_most(FINE), 2, 6) {
        assert!(excess.current < 1e-12, "{name}: current {:e} over its derated limit", excess.current);
        assert!(excess.over_v < 0.005, "{name}: {} V over", excess.over_v);
        if !name.starts_with("vrla") {
            // A resistance that bends with the current is known a step late.
            let room_v = if name.starts_with("panasonic") { 0.03 } else { 0.005 };
            assert!(excess.under_v < room_v, "{name}: {} V under", excess.under_v);
            worst = (worst.0.max(excess.over_v), worst.1.max(excess.under_v));
        }
    }
    println!("at steps of a second at most {:.1} mV over and {:.1} mV under", 1e3 * worst.0, 1e3 * worst.1);
}

#[test]
fn lead_acid_keeps_its_lower_voltage_limit() {
    for (name, excess) in excess(Stepping::at_most(FINE), 2, 6) {
        assert!(!name.starts_with("vrla") || excess.under_v < 0.005, "{name}: {} V under", excess.under_v);
    }
}

#[test]
fn coarse_steps_keep_the_limits_of_current_and_temperature() {
    for (name, excess) in excess(Stepping::default(), 12, 30) {
        assert!(excess.current < 1e-12, "{name}: current {:e} over its derated limit", excess.current);
    }
}

#[test]
fn a_discharge_never_charges() {
    each_wanderer(12, |name, pack| {
        for _ in 0..30 {
            let (duty, span_s) = any_duty(&pack.model, &mut pack.stream);
            let discharges = match duty {
                Duty::Current { current_a, .. } => current_a > 0.0,
                Duty::Power { power_w, .. } => power_w > 0.0,
                _ => false,
            };
            pack.follow(duty, span_s, Stepping::default(), |step, before, _| {
                assert!(
                    !discharges || step.current_a >= 0.0,
                    "{name}: {step:?} from {} in {duty:?}",
                    before.soc
                );
            });
        }
    });
}

#[test]
fn coarse_steps_pass_the_limits_of_voltage_only_where_the_curve_is_steep() {
    let mut worst = (0.0f64, 0.0f64);
    for (name, excess) in excess(Stepping::default(), 12, 30) {
        assert!(excess.over_v < COARSE_OVER_V, "{name}: {} V over", excess.over_v);
        assert!(excess.under_v < COARSE_UNDER_V, "{name}: {} V under", excess.under_v);
        worst = (worst.0.max(excess.over_v), worst.1.max(excess.under_v));
    }
    println!("at coarse steps at most {:.0} mV over and {:.0} mV under", 1e3 * worst.0, 1e3 * worst.1);
}

#[test]
fn a_full_discharge_gives_as_much_at_coarse_steps_as_at_fine_ones() {
    let mut worst = 0.0f64;
    for cell in CELLS.iter() {
        let model = uniform(cell);
        for c_rate in [0.2, 1.0] {
            let c_rate = c_rate * cell.file.limits.discharge_c_rate_max.min(1.0);
            let duty = Duty::Current { current_a: c_rate * model.rated_ah(), until_soc: 0.0 };
            let given = |stepping| {
                let mut state = PackState::new(&model, 1.0, 20.0);
                let span = (Time(0), 10.0 * 3600.0);
                pass(&model, &mut state, duty, &Ambient::constant(20.0), span, stepping, |_, _| {});
                (state.ledger.discharged_ah, state.ledger.energy_out_wh)
            };
            let (fine, coarse) = (given(Stepping::at_most(FINE)), given(Stepping::default()));
            let off = (coarse.1 / fine.1 - 1.0).abs().max((coarse.0 / fine.0 - 1.0).abs());
            assert!(off < 1.5e-3, "{} at {c_rate}C: {fine:?} and {coarse:?}", cell.file.name);
            worst = worst.max(off);
        }
    }
    println!("largest difference in what a full discharge gives: {worst:.1e}");
}

#[test]
fn the_packs_state_of_charge_stays_between_empty_and_full() {
    let mut least = 0.0f64;
    each_wanderer(12, |name, pack| {
        for _ in 0..30 {
            pack.go(Stepping::default(), |_, _, after| {
                let soc = after.pack_soc();
                least = least.min(soc);
                assert!((-EMPTY..=1.0).contains(&soc), "{name}: {soc}");
                assert!(after.health.capacity > 0.0 && after.health.capacity < 1.1, "{name}");
                assert!(after.health.resistance > 0.5 && after.health.resistance.is_finite(), "{name}");
                assert!(after.voltage_v > 0.0 && after.temperatures.cell_c.is_finite(), "{name}");
            });
        }
    });
    println!("least state of charge of a pack: {least:.1e}");
}

#[test]
fn a_lead_acid_battery_on_float_draws_its_float_current() {
    let cell = cell("vrla-agm-12v-120ah");
    let float = cell.file.float.clone().unwrap();
    let model = uniform(&cell);
    let mut state = PackState::new(&model, 1.0, 25.0);
    let voltage_v = float.voltage_v * f64::from(LAYOUT.series);
    let hold = Duty::Hold { voltage_v, current_max_a: 0.1 * model.rated_ah() };
    let mut follow = |days: f64| {
        let span = (Time(0), days * 86_400.0);
        pass(&model, &mut state, hold, &Ambient::constant(25.0), span, Stepping::default(), |_, _| {});
        state.ledger.charged_ah
    };
    let settled_ah = follow(5.0);
    let mean_a = (follow(20.0) - settled_ah) / (20.0 * 24.0);
    assert!((mean_a / float.current_a - 1.0).abs() < 0.05, "{mean_a} A of {} A", float.current_a);
    assert!((state.voltage_v - float.voltage_v).abs() < 1e-3, "{} V", state.voltage_v);
}

#[test]
fn cutting_a_span_in_two_moves_little() {
    let mut worst = [0.0f64; 3];
    for cell in CELLS.iter() {
        for seed in 0..6 {
            let mut stream = Seed(seed).stream(&cell.file.name, "cuts", 0);
            let model = scattered(cell, seed);
            let mut whole =
                Battery::new(model.clone(), weather(&mut stream), Time(0), 0.5, Stepping::default());
            let mut pieces = whole.clone();
            let mut at = Time(0);
            for _ in 0..12 {
                let (duty, span_s) = any_duty(&model, &mut stream);
                let leg = Leg { at, duty, ambient_shift_c: 0.0 };
                let end = at.plus_seconds(span_s);
                for battery in [&mut whole, &mut pieces] {
                    battery.apply(&BatteryEvent::DutiesSet([leg].into()));
                }
                pieces.catch_up(at.plus_seconds(0.3 * span_s));
                pieces.catch_up(at.plus_seconds(0.5 * span_s));
                whole.catch_up(end);
                pieces.catch_up(end);
                at = end;
                let (a, b) = (whole.state(), pieces.state());
                let differ = [
                    (a.soc - b.soc).abs(),
                    (a.temperatures.cell_c - b.temperatures.cell_c).abs(),
                    (a.ledger.energy_out_wh - b.ledger.energy_out_wh).abs() / rated_wh(&model),
                ];
                for (worst, differ) in worst.iter_mut().zip(differ) {
                    *worst = worst.max(differ);
                }
            }
        }
    }
    let [soc, kelvin, energy] = worst;
    println!(
        "a cut moves soc by {soc:.4}, temperature by {kelvin:.2} K, energy by {energy:.4} of rated at most"
    );
    assert!(soc < 0.03 && kelvin < 0.7 && energy < 0.03, "{worst:?}");
}

#[test]
fn a_rest_that_is_cut_into_single_steps_is_the_same_rest() {
    // Charge, heat and books of a rest are sums over its steps, however many of them are taken at a stretch.
    for cell in CELLS.iter() {
        let mut wanderer = Wanderer::new(cell, 5);
        for (step_s, begins_s, span_s) in
            [(60.0, 754.0, 30.0 * 3600.0), (10.0, 1.0, 7333.0), (700.0, 0.0, 20_000.0)]
        {
            // Polarised, and nowhere near the hour.
            let duty = Duty::Power { power_w: 0.3 * wanderer.model.rated_wh(), ripple: 0.0 };
            wanderer.state.soc = 0.7;
            wanderer.follow(duty, 600.0 + begins_s, Stepping::default(), |_, _, _| {});
            let (mut whole, mut single) = (wanderer.state.clone(), wanderer.state.clone());
            let stepping = Stepping::at_most(step_s);
            let (model, ambient, from) = (&wanderer.model, &wanderer.ambient, wanderer.at);
            pass(model, &mut whole, Duty::Rest, ambient, (from, span_s), stepping, |_, _| {});
            let mut rested_s = 0.0;
            while rested_s < span_s {
                let dt_s = step_s.min(span_s - rested_s);
                let at = from.plus_seconds(rested_s);
                pass(model, &mut single, Duty::Rest, ambient, (at, dt_s), stepping, |_, _| {});
                rested_s += dt_s;
            }
            let close = |what: &str, of: fn(&PackState) -> f64, gap: f64| {
                let (a, b, name) = (of(&whole), of(&single), &cell.file.name);
                assert!((a - b).abs() <= gap, "{what} of {name} in steps of {step_s} s: {a} and {b}");
            };
            // Self-discharge is taken anew when the temperature has moved by a tenth of a kelvin.
            let leaked_ah = whole.ledger.leaked_ah - wanderer.state.ledger.leaked_ah;
            close("leak", |state| state.ledger.leaked_ah, 0.01 * leaked_ah);
            let leaked_soc = 0.01 * leaked_ah / whole.capacity_ah(model);
            close("soc", |state| state.soc, leaked_soc);
            close("voltage", |state| state.voltage_v, 10.0 * leaked_soc);
            close("losses", |state| state.ledger.losses_wh, 0.05 * leaked_ah + 1e-4 * rated_wh(model));
            close("fast pair", |state| state.v1_v, 1e-9);
            close("slow pair", |state| state.v2_v, 1e-9);
            // How the pairs share their energy is looked up where a rest begins.
            close("cell", |state| state.temperatures.cell_c, 1e-3);
            close("case", |state| state.temperatures.case_c, 1e-3);
            close("age", |state| state.age_days, 1e-9);
        }
    }
}
