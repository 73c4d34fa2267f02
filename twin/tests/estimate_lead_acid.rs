#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]
//! The health of lead-acid blocks from what a monitor reports: years on float in heat, a month of readings, a discharge.

use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::estimate::{Estimator, Guess, Prior, Reading, Subject};
use twin::battery::lead_acid::block::{BlockModel, BlockTraits};
use twin::battery::lead_acid::discharge::Load;
use twin::battery::lead_acid::string::{Charger, StringModel};
use twin::battery::lead_acid::{Duty, LeadAcidBank};
use twin::battery::library;
use twin::battery::pack::Layout;
use twin::forcing::Ambient;
use twin::time::{HOUR_MS, Time};

/// A block on float for so many years at 30 °C, then heard by the hour for a month and, if so, through a discharge.
fn told(years: f64, discharge_a: Option<f64>, meter: bool) -> (f64, f64, f64) {
    let file = library::find("vrla-agm-12v-120ah").unwrap();
    let model = Arc::new(StringModel::new(Arc::new(BlockModel::compile(&file, 6).unwrap()), 1));
    let ambient = Ambient::constant(30.0);
    let mut bank = LeadAcidBank::new(model, &[vec![BlockTraits::default()]], ambient, Time(0));
    bank.catch_up(Time((years * 8766.0) as i64 * HOUR_MS));
    let cell = Arc::new(CellModel::compile(file).unwrap());
    let subject = Arc::new(Subject::new(cell, Layout { series: 6, parallel: 1 }));
    let prior = Prior { soh: Guess { mean: 0.9, std: 0.15 }, ..Prior::default() };
    let mut estimator = Estimator::new(subject, prior);
    let mut hear = |bank: &mut LeadAcidBank| {
        use twin::twin::Twin;
        let at = bank.at();
        let string = bank.view(at).strings.remove(0);
        let reading = Reading {
            at,
            voltage_v: string.voltage_v,
            current_a: Some(string.current_a),
            temperature_c: Some(string.blocks[0].temperature_c),
            ambient_c: Some(30.0),
            internal_resistance_ohm: meter.then_some(string.blocks[0].resistance_ohm),
            ..Reading::default()
        };
        estimator.observe(at, &reading).unwrap();
    };
    for _ in 0..720 {
        bank.catch_up(bank.at() + HOUR_MS);
        hear(&mut bank);
    }
    if let Some(current_a) = discharge_a {
        bank.begin(Duty::Carry(Load::Current { current_a }));
        while matches!(bank.duty(), Duty::Carry(_)) {
            bank.catch_up(bank.at() + 10_000);
            if matches!(bank.duty(), Duty::Carry(_)) {
                hear(&mut bank);
            }
        }
        bank.begin(Duty::Idle(Charger::Float));
        for _ in 0..24 {
            bank.catch_up(bank.at() + HOUR_MS);
            hear(&mut bank);
        }
    }
    let truth = bank.strings()[0].blocks[0].capacity;
    let told = estimator.estimate(bank.at()).unwrap();
    println!(
        "{years:4} years, discharge {discharge_a:?}, meter {meter}: true {truth:.3}, told {:.3}±{:.3}, resistance {:.2}, soc {:.3}±{:.3} {:?}",
        told.soh, told.soh_std, told.resistance_rel, told.soc, told.soc_std, told.faults
    );
    (truth, told.soh, told.soh_std)
}

#[test]
fn a_discharge_to_the_end_tells_the_capacity() {
    for years in [0.1, 3.0, 6.0] {
        for current_a in [12.0, 60.0] {
            let (truth, soh, std) = told(years, Some(current_a), false);
            assert!((soh - truth).abs() < 0.06, "{years} years at {current_a} A: {soh} against {truth}");
            assert!(std < 0.05);
        }
    }
}

#[test]
fn resistance_tells_less_and_says_so() {
    for years in [0.1, 3.0, 6.0, 7.5] {
        let (truth, soh, std) = told(years, None, true);
        assert!((soh - truth).abs() < 2.0 * std, "{years} years: {soh}±{std} against {truth}");
        assert!(std > 0.03 && std < 0.12);
    }
}
