#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]
//! Plating of lithium, cold against warm: what the equations say by hand, and what follows for a charge.
//!
//! The published rate of plating does not depend on temperature. The cold acts through the potential of the graphite
//! alone: reactions and diffusion are slower, so a charge at the same rate drives it lower, while at rest the same
//! potential is worth more in the cold (e^(−Fη/RT)) and less is plated.

use twin::battery::particle::balance::Balance;
use twin::battery::particle::cell::{CellModel, Drive, Kind, Options, State};
use twin::battery::particle::drive::{End, Run};
use twin::battery::particle::set::{self, FARADAY, ParticleSet};

const GAS: f64 = 8.314_462_618;

fn model(kind: Kind, mechanisms: &str) -> CellModel {
    let set = ParticleSet::of(set::find("OKane2022").unwrap()).unwrap();
    CellModel::new(set, Options { mechanisms: mechanisms.parse().unwrap(), ..Options::new(kind) }).unwrap()
}

fn steady(now_a: f64) -> Drive {
    Drive::Current { now_a, slope_a_per_s: 0.0 }
}

fn at(model: &CellModel, soc: f64, celsius: f64) -> State {
    model.at_rest(Balance::of_new(model.set()).at(soc), celsius)
}

/// Plated lithium that still strips, and what lost contact, when a charge at this rate from a fifth meets 4.2 V [mol/m³].
fn charged(model: &CellModel, c_rate: f64, celsius: f64) -> (f64, f64, f64) {
    let mut run = Run::new(model, at(model, 0.2, celsius), celsius).unwrap();
    run.begin(steady(-c_rate * model.set().file.cell.capacity_ah)).unwrap();
    run.go(1e6, &[End::VoltageAbove(4.2)], |_, _| {}).unwrap();
    let films = &run.state.films;
    (films.plated[0], films.dead[0], -run.clock().discharged_c / 3600.0)
}

/// The lithium that a charge plates, summed up by hand along the potential that the model went through:
/// `dc/dt = a·(k·c_e·e^(−α_p·Fη/RT) − k·c·e^(α_s·Fη/RT))`, η without the film's own drop.
#[test]
fn what_a_charge_plates_follows_from_its_potential_by_hand() {
    let model = model(Kind::Spm, "sei-reaction,plating-reversible");
    let file = &model.set().file;
    let plating = model.set().plating().unwrap();
    let sei = model.set().sei().unwrap();
    let electrode = &file.negative;
    let per_m = 3.0 * electrode.active_fraction / electrode.radius_m;
    for (celsius, c_rate) in [(-10.0, 0.5), (25.0, 0.5), (25.0, 1.0)] {
        let kelvin = celsius + 273.15;
        let current_a = -c_rate * file.cell.capacity_ah;
        let flux = current_a / file.cell.area_m2 / (per_m * electrode.thickness_m);
        let mut run = Run::new(&model, at(&model, 0.3, celsius), celsius).unwrap();
        run.tolerance.voltage_v *= 0.05;
        run.tolerance.side *= 0.05;
        run.begin(steady(current_a)).unwrap();
        let over_v = |state: &State, across_v: f64| {
            let film_m = state.films.sei[0] * sei.molar_volume_m3_per_mol / per_m;
            across_v - flux * film_m * sei.resistivity_ohm_m
        };
        let mut before = (run.clock().t_s, over_v(&run.state, run.seen.answer.across_v));
        let mut by_hand = 0.0;
        run.go(3000.0, &[], |state, seen| {
            let now = (state.clock.t_s, over_v(state, seen.answer.across_v));
            for k in 0..50 {
                let eta = before.1 + (now.1 - before.1) * (f64::from(k) + 0.5) / 50.0;
                let x = FARADAY * eta / (GAS * kelvin);
                let strip = per_m * plating.rate_m_per_s * (plating.transfer_stripping * x).exp();
                let plate = per_m
                    * plating.rate_m_per_s
                    * file.electrolyte.concentration_initial
                    * (-plating.transfer_plating * x).exp();
                let kept = (-strip * (now.0 - before.0) / 50.0).exp();
                by_hand = by_hand * kept + plate / strip * (1.0 - kept);
            }
            before = now;
        })
        .unwrap();
        let found = run.state.films.plated[0];
        println!("{celsius} °C {c_rate}C: {found:.3} mol/m³ plated, {by_hand:.3} by hand");
        assert!((found / by_hand - 1.0).abs() < 0.02, "{celsius} °C {c_rate}C: {found} {by_hand}");
    }
}

/// At rest plating and stripping balance: `c = c_e·e^(−Fη/RT)`. The same potential plates less in the cold.
#[test]
fn a_rested_cell_holds_less_plated_lithium_in_the_cold() {
    let model = model(Kind::Spm, "sei-solvent,plating-reversible");
    let held = |celsius: f64| {
        let mut run = Run::new(&model, at(&model, 0.9, celsius), celsius).unwrap();
        run.begin(steady(0.0)).unwrap();
        run.go(2e6, &[], |_, _| {}).unwrap();
        let salt = model.set().file.electrolyte.concentration_initial;
        let by_hand = salt * (-FARADAY * run.seen.answer.across_v / (GAS * (celsius + 273.15))).exp();
        let found = run.state.films.plated[0];
        assert!((found / by_hand - 1.0).abs() < 0.01, "{celsius} °C: {found} {by_hand}");
        found
    };
    let (cold, warm) = (held(-10.0), held(25.0));
    println!("at rest: {cold:.2} mol/m³ at −10 °C, {warm:.2} at 25 °C");
    assert!(cold / warm > 0.4 && cold / warm < 0.7, "{cold} {warm}");
}

/// At −10 °C against 25 °C, for a charge from a fifth to 4.2 V. A slow charge plates several times as much in the cold, and
/// so much more loses contact. A fast one meets 4.2 V after a third of the charge there: it still has more plated when it ends,
/// but less has had the time to lose contact, so that by dead lithium the warm cell comes off worse at 2C.
#[test]
fn a_charge_plates_more_in_the_cold_and_a_fast_one_ends_before_it_dies() {
    let model = model(Kind::Spm, "sei-solvent,plating-partial");
    let mut dead_ratios = Vec::new();
    for (c_rate, plated_within, dead_within) in [
        (0.1, 4.0..5.0, 3.0..3.9),
        (0.5, 2.4..3.0, 2.2..3.0),
        (1.0, 2.0..2.7, 1.2..1.7),
        (2.0, 1.9..2.6, 0.5..0.8),
    ] {
        let (cold, warm) = (charged(&model, c_rate, -10.0), charged(&model, c_rate, 25.0));
        let (plated, dead) = (cold.0 / warm.0, cold.1 / warm.1);
        println!(
            "{c_rate}C: plated {plated:.2} times, dead {dead:.2} times as much in the cold, after {:.2} and {:.2} Ah",
            cold.2, warm.2
        );
        assert!(plated_within.contains(&plated), "{c_rate}C: plated {plated}");
        assert!(dead_within.contains(&dead), "{c_rate}C: dead {dead}");
        assert!(cold.2 < warm.2, "the cold cell meets 4.2 V first");
        dead_ratios.push(dead);
    }
    assert!(dead_ratios.windows(2).all(|pair| pair[1] < pair[0]), "{dead_ratios:?}");
}
