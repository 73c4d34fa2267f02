//! Books that balance: charge, energy, and the meter.

use super::{CELLS, FINE, LAYOUT, any_duty, cell, each_wanderer, rated_wh, uniform};
use twin::battery::integrate::{Duty, Stepping, pass};
use twin::battery::pack::{Ledger, PackModel, PackState};
use twin::battery::{Battery, BatteryEvent, Leg};
use twin::forcing::Ambient;
use twin::time::{HOUR_MS, Time};
use twin::twin::Twin;

/// Charge that the books of one duty may miss, as a share of rated capacity: self-discharge in the step that ends
/// empty, and the least length of a step that ends full.
const CHARGE_GAP: f64 = 1e-9;
/// Energy that the books may miss between two long rests, as a share of what was moved.
const ENERGY_GAP: f64 = 1e-6;

/// Charge that the books say is missing between two states, as a share of rated capacity.
fn missing_charge(model: &PackModel, from: &PackState, to: &PackState) -> f64 {
    let stored_ah = |state: &PackState| state.soc * state.capacity_ah(model);
    let gained_ah = |l: &Ledger| {
        l.charged_ah - l.coulombic_loss_ah - l.discharged_ah - l.leaked_ah - l.ripple_ah - l.faded_ah
    };
    let gained = gained_ah(&to.ledger) - gained_ah(&from.ledger);
    (stored_ah(from) + gained - stored_ah(to)) / model.cell.file.cell.capacity_ah
}

/// Energy that the books say is missing between two states, as a share of rated energy, without what the RC pairs
/// hold.
fn missing_energy(model: &PackModel, from: &PackState, to: &PackState) -> f64 {
    let stored_wh =
        |state: &PackState| state.capacity_ah(model) * model.cell.curves(state.soc).ocv_integral_v;
    let gained_wh = |l: &Ledger| l.energy_in_wh - l.energy_out_wh - l.losses_wh - l.faded_wh;
    let gained = gained_wh(&to.ledger) - gained_wh(&from.ledger);
    (stored_wh(from) + gained - stored_wh(to)) / rated_wh(model)
}

#[test]
fn no_charge_is_lost_or_found() {
    let mut worst = 0.0f64;
    each_wanderer(8, |name, pack| {
        for _ in 0..30 {
            let before = pack.state.clone();
            let duty = pack.go(Stepping::default(), |_, _, _| {});
            let missing = missing_charge(&pack.model, &before, &pack.state).abs();
            worst = worst.max(missing);
            assert!(missing < CHARGE_GAP, "{name}: {missing:e} of rated capacity missing after {duty:?}");
        }
    });
    println!("largest gap in the charge books of a duty: {worst:.1e} of rated capacity");
}

#[test]
fn a_held_battery_stores_what_it_is_charged_with() {
    for cell in CELLS.iter() {
        let model = uniform(cell);
        let mut state = PackState::new(&model, 0.8, 25.0);
        let before = state.clone();
        let voltage_v = cell.file.limits.voltage_max_v * f64::from(LAYOUT.series);
        let hold = Duty::Hold { voltage_v, current_max_a: 0.1 * model.rated_ah() };
        let span = (Time(0), 10.0 * 86_400.0);
        pass(&model, &mut state, hold, &Ambient::constant(25.0), span, Stepping::default(), |_, _| {});
        let missing = missing_charge(&model, &before, &state);
        assert!(missing.abs() < CHARGE_GAP, "{}: {missing:e} of rated capacity", cell.file.name);
    }
}

#[test]
fn no_energy_is_lost_or_found_in_any_step() {
    let mut worst = 0.0f64;
    each_wanderer(8, |name, pack| {
        let model = pack.model.clone();
        for _ in 0..30 {
            let mut gap = (0.0f64, String::new());
            let (duty, span_s) = any_duty(&model, &mut pack.stream);
            pack.follow(duty, span_s, Stepping::default(), |step, before, after| {
                // Nothing tells at which state of charge a load that may draw nothing found its resistances, and
                // what leaves the range of the curve is counted with the charge.
                let refused = step.current_a == 0.0 && duty != Duty::Rest;
                if refused || after.soc <= 0.0 || after.soc >= 1.0 {
                    return;
                }
                let held_wh = |state: &PackState| state.pairs_wh.iter().sum::<f64>();
                let held = (held_wh(after) - held_wh(before)) / rated_wh(&model);
                let missing = (missing_energy(&model, before, after) - held).abs();
                if missing > gap.0 {
                    gap = (missing, format!("{step:?} from {} to {}", before.soc, after.soc));
                }
            });
            worst = worst.max(gap.0);
            assert!(gap.0 < 1e-9, "{name}: {:e} of rated energy, {duty:?} {}", gap.0, gap.1);
        }
    });
    println!("largest gap in the energy books of a step: {worst:.1e} of rated energy");
}

#[test]
fn energy_between_two_long_rests_is_accounted_for() {
    // The pairs hold nothing at either end, so the ledger alone must close.
    let mut worst = 0.0f64;
    each_wanderer(8, |name, pack| {
        let before = pack.state.clone();
        for _ in 0..10 {
            pack.go(Stepping::default(), |_, _, _| {});
        }
        pack.follow(Duty::Rest, 48.0 * 3600.0, Stepping::default(), |_, _, _| {});
        let ledger = &pack.state.ledger;
        let moved = ((ledger.energy_in_wh + ledger.energy_out_wh) / rated_wh(&pack.model)).max(1.0);
        let missing = missing_energy(&pack.model, &before, &pack.state).abs() / moved;
        worst = worst.max(missing);
        assert!(missing < ENERGY_GAP, "{name}: {missing:e} of the energy that was moved");
    });
    println!("largest gap in the energy books between rests: {worst:.1e} of the energy moved");
}

#[test]
fn the_meter_agrees_with_voltage_times_current() {
    let mut worst = 0.0f64;
    each_wanderer(2, |name, pack| {
        let (mut wh, mut seconds) = (0.0, 0.0);
        while seconds < 6.0 * 3600.0 {
            pack.go(Stepping::at_most(FINE), |step, before, after| {
                // What the voltage was at the beginning is known where the current was the same before.
                let same = (step.current_a - before.current_a).abs() < 0.01 * step.current_a.abs();
                let voltage_v =
                    if same { 0.5 * (before.voltage_v + after.voltage_v) } else { after.voltage_v };
                wh += (voltage_v * step.current_a * step.dt_s / 3600.0).abs();
                seconds += step.dt_s;
            });
        }
        let ledger = &pack.state.ledger;
        let metered_wh = ledger.energy_in_wh + ledger.energy_out_wh;
        let off = (wh - metered_wh).abs() / metered_wh.max(1e-3 * rated_wh(&pack.model));
        worst = worst.max(off);
        assert!(off < 2e-4, "{name}: {metered_wh} Wh metered, {wh} Wh from voltage and current");
    });
    println!("largest difference of meter and integral: {worst:.1e}");
}

#[test]
fn power_that_is_asked_for_is_served_or_counted_as_not_served() {
    for (name, air_c) in [("lfp-gr-250ah-prismatic", 20.0), ("nmc811-grsi-lg-m50-5ah", -45.0)] {
        let model = uniform(&cell(name));
        let power_w = 0.5 * model.rated_wh();
        let mut battery = Battery::new(model, Ambient::constant(air_c), Time(0), 0.9, Stepping::default());
        let leg = |hour: i64, duty| Leg { at: Time(hour * HOUR_MS), duty, ambient_shift_c: 0.0 };
        // Twice what it holds, and a rest in which nothing is asked for.
        let legs = [leg(1, Duty::Power { power_w, ripple: 0.0 }), leg(5, Duty::Rest)];
        battery.apply(&BatteryEvent::DutiesSet(legs.as_slice().into()));
        // Looked at on the way or not.
        for hour in [2, 3, 4, 9] {
            battery.catch_up(Time(hour * HOUR_MS));
            let ledger = battery.ledger();
            let asked_wh = power_w * (hour.min(5) - 1) as f64;
            let told_wh = ledger.energy_out_wh + ledger.unserved_wh;
            assert!((told_wh / asked_wh - 1.0).abs() < 1e-4, "{name}, {hour} h: {told_wh} of {asked_wh} Wh");
        }
        assert!(battery.ledger().unserved_wh > 0.4 * 4.0 * power_w, "{name}: {:?}", battery.ledger());
    }
}
