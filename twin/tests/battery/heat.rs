//! Heat of long steps: they go by what they foresee, and must come to what short ones see.

use super::{CELLS, FINE, cell, uniform};
use twin::battery::integrate::{Duty, Stepping, pass};
use twin::battery::pack::{PackModel, PackState};
use twin::forcing::Ambient;
use twin::time::Time;

/// How far long steps may be off: losses relative to those of short ones, temperature [K] and state of charge.
const OFF: [f64; 3] = [0.015, 0.3, 1e-3];

/// What a load of an hour and a fifth leaves: losses [Wh], temperature of the cell [°C] and state of charge.
fn after_load(model: &PackModel, ripple: f64, stepping: Stepping) -> [f64; 3] {
    let c_rate = 0.5 * model.cell.file.limits.discharge_c_rate_max.min(1.2);
    let load = Duty::Power { power_w: c_rate * model.rated_wh(), ripple };
    let mut state = PackState::new(model, 0.95, 25.0);
    pass(model, &mut state, load, &Ambient::constant(25.0), (Time(0), 4320.0), stepping, |_, _| {});
    [state.ledger.losses_wh, state.temperatures.cell_c, state.soc]
}

#[test]
fn a_load_heats_as_much_at_long_steps_as_at_short_ones() {
    let hourly = Stepping { soc_max: 1.0, ..Stepping::at_most(3600.0) };
    // Where capacity falls with the current, losses are another question.
    let lithium = CELLS.iter().filter(|cell| cell.file.rate_capacity.is_none());
    let mut worst = [0.0f64; 3];
    for cell in lithium {
        let model = uniform(cell);
        for ripple in [0.0, 1.5] {
            let fine = after_load(&model, ripple, Stepping::at_most(FINE));
            for stepping in [Stepping::default(), hourly] {
                let long = after_load(&model, ripple, stepping);
                let off = [long[0] / fine[0] - 1.0, long[1] - fine[1], long[2] - fine[2]].map(f64::abs);
                let kept = off.iter().zip(OFF).all(|(off, most)| *off < most);
                assert!(kept, "{}, ripple {ripple}, {stepping:?}: {off:?}", cell.file.name);
                worst = std::array::from_fn(|k| worst[k].max(off[k]));
            }
        }
    }
    let [losses, kelvin, soc] = worst;
    println!(
        "a load at long steps: losses {:.1} %, temperature {kelvin:.2} K, charge {soc:.4} off",
        100.0 * losses
    );
}

#[test]
fn a_load_that_warms_a_pack_to_its_limit_ends_when_it_does_at_short_steps() {
    let model = uniform(&cell("nmc811-grsi-lg-m50-5ah"));
    let load = Duty::Power { power_w: 0.98 * model.rated_wh(), ripple: 1.334 };
    let ended = |stepping| {
        let mut state = PackState::new(&model, 0.5, 25.0);
        let span = (Time(0), 2.0 * 3600.0);
        let passage = pass(&model, &mut state, load, &Ambient::constant(20.0), span, stepping, |_, _| {});
        (passage.ended.expect("half a charge is not enough for two hours"), state.ledger.unserved_wh)
    };
    let ((why, fine_s), fine_wh) = ended(Stepping::at_most(FINE));
    let ((as_well, long_s), long_wh) = ended(Stepping::default());
    assert_eq!(why, as_well);
    println!("a load up to the limit of temperature: ended after {long_s:.0} s instead of {fine_s:.0} s");
    assert!((long_s / fine_s - 1.0).abs() < 0.01, "{long_s} s instead of {fine_s} s");
    assert!((long_wh / fine_wh - 1.0).abs() < 0.1, "{long_wh} Wh instead of {fine_wh} Wh were not served");
}

#[test]
fn a_long_step_to_empty_sees_the_gap_of_the_branches_grow() {
    let model = uniform(&cell("nmc811-grsi-lg-m50-5ah"));
    let load = Duty::Current { current_a: 0.25 * model.rated_ah(), until_soc: 0.05 };
    let end = |stepping| {
        let mut state = PackState::new(&model, 0.31, 25.0);
        pass(&model, &mut state, load, &Ambient::constant(25.0), (Time(0), 7200.0), stepping, |_, _| {});
        (state.ledger.energy_out_wh, state.voltage_v)
    };
    let (fine, long) = (end(Stepping::at_most(FINE)), end(Stepping { soc_max: 1.0, ..Stepping::default() }));
    println!("from 31 % to 5 %: {long:?} instead of {fine:?}");
    assert!((long.0 / fine.0 - 1.0).abs() < 5e-4, "{} Wh instead of {} Wh", long.0, fine.0);
    assert!((long.1 - fine.1).abs() < 5e-3, "{} V instead of {} V", long.1, fine.1);
}
