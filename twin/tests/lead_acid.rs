#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]
//! Lead-acid strings against figures computed by hand from the equations and stated in practice.

use std::sync::Arc;
use twin::battery::lead_acid::LeadAcidBank;
use twin::battery::lead_acid::block::BlockModel;
use twin::battery::lead_acid::discharge::Load;
use twin::battery::lead_acid::string::StringModel;
use twin::battery::library;
use twin::forcing::Ambient;
use twin::time::Time;

fn block() -> Arc<BlockModel> {
    Arc::new(BlockModel::compile(&library::find("vrla-agm-12v-120ah").unwrap(), 6).unwrap())
}

fn bank(strings: usize, temperature_c: f64) -> LeadAcidBank {
    let model = Arc::new(StringModel::new(block(), 24));
    LeadAcidBank::drawn(model, strings, Ambient::constant(temperature_c), Time(0), None)
}

fn autonomy_h(bank: &LeadAcidBank, load: Load) -> f64 {
    bank.autonomy(load).seconds / 3600.0
}

#[test]
fn a_new_string_gives_the_capacity_of_the_data_sheet_at_every_rate() {
    let bank = bank(1, 25.0);
    for (current_a, sheet_ah) in [(12.0, 120.0), (95.0, 95.0), (250.0, 62.5)] {
        let given_ah = current_a * autonomy_h(&bank, Load::Current { current_a });
        println!("{current_a} A: {given_ah:.2} Ah of {sheet_ah}");
        assert!((given_ah / sheet_ah - 1.0).abs() < 1e-3, "{current_a} A: {given_ah} Ah of {sheet_ah}");
    }
}
