#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
//! Lead-acid strings against figures computed by hand from their equations, stated in practice, or printed in a
//! maker's tables.

use std::sync::Arc;
use twin::battery::chemistry::ChemistryFile;
use twin::battery::circuit::CellModel;
use twin::battery::lead_acid::ageing::{Ageing, AgeingModel};
use twin::battery::lead_acid::block::{BlockModel, BlockState, BlockTraits};
use twin::battery::lead_acid::discharge::Load;
use twin::battery::lead_acid::runaway::{Alarm, Notice, Trip};
use twin::battery::lead_acid::string::{Charger, StringModel};
use twin::battery::lead_acid::{BankCommand, BankEvent, BankRefusal, Duty, LeadAcidBank, What};
use twin::battery::library;
use twin::forcing::{Ambient, Hourly};
use twin::rng::Seed;
use twin::time::{DAY_MS, HOUR_MS, Time};
use twin::twin::{Moment, Twin};

const FLOAT: Duty = Duty::Idle(Charger::Float);

fn file() -> ChemistryFile {
    library::find("vrla-agm-12v-120ah").unwrap()
}

fn model_of(file: &ChemistryFile, blocks: usize) -> StringModel {
    StringModel::new(Arc::new(BlockModel::compile(file, 6).unwrap()), blocks)
}

fn bank_of(model: StringModel, strings: usize, temperature_c: f64) -> LeadAcidBank {
    LeadAcidBank::drawn(Arc::new(model), strings, Ambient::constant(temperature_c), Time(0), None)
}

fn bank(temperature_c: f64) -> LeadAcidBank {
    bank_of(model_of(&file(), 24), 1, temperature_c)
}

fn scattered(seed: u64) -> LeadAcidBank {
    let mut stream = Seed(seed).stream("lead acid", "blocks", 0);
    let model = Arc::new(model_of(&file(), 24));
    LeadAcidBank::drawn(model, 1, Ambient::constant(25.0), Time(0), Some(&mut stream))
}

fn near(value: f64, expected: f64, relative: f64) {
    assert!((value / expected - 1.0).abs() < relative, "{value} instead of {expected}");
}

#[test]
fn a_new_string_gives_the_capacity_of_the_data_sheet_at_every_rate() {
    let bank = bank(25.0);
    for (current_a, sheet_ah) in [(6.0, 120.0), (12.0, 120.0), (95.0, 95.0), (250.0, 62.5)] {
        let given_ah = current_a * bank.autonomy(Load::Current { current_a }).seconds / 3600.0;
        println!("{current_a} A: {given_ah:.2} Ah of {sheet_ah}");
        near(given_ah, sheet_ah, 1e-3);
    }
    // Another exponent between each two points; the last one goes on beyond: 5 minutes by hand.
    let shorter = (62.5f64 / 95.0).ln() / (250.0f64 / 95.0).ln();
    let current_a: f64 = 460.0;
    let by_hand_ah = 62.5 * (current_a / 250.0).powf(shorter);
    let given_ah = current_a * bank.autonomy(Load::Current { current_a }).seconds / 3600.0;
    near(given_ah, by_hand_ah, 0.01);
}

#[test]
fn capacity_over_temperature_is_that_of_the_table() {
    let (warm, table) = (bank(25.0), [(-3.9, 0.65, 0.68), (10.0, 0.86, 0.865), (35.0, 1.05, 1.03)]);
    for (temperature_c, quarter, hour) in table {
        let cold = bank(temperature_c);
        for (current_a, factor) in [(250.0, quarter), (95.0, hour)] {
            let seconds = |bank: &LeadAcidBank| bank.autonomy(Load::Current { current_a }).seconds;
            near(seconds(&cold) / seconds(&warm), factor, 2e-3);
        }
    }
}

#[test]
fn the_generic_cell_knows_the_points_of_the_sheet() {
    let cell = CellModel::compile(file()).unwrap();
    for (c_rate, share) in
        [(0.05, 1.0), (0.1, 1.0), (95.0 / 120.0, 95.0 / 120.0), (250.0 / 120.0, 62.5 / 120.0)]
    {
        near(cell.usable_share(c_rate, 25.0), share, 1e-4);
    }
    let mut single = file();
    single.rate_capacity.as_mut().unwrap().point_duration_h.clear();
    let single = CellModel::compile(single).unwrap();
    println!(
        "a single exponent gives {:.2} at 1 h and {:.2} at 15 min of what the sheet says",
        single.usable_share(95.0 / 120.0, 25.0) * 120.0 / 95.0,
        single.usable_share(250.0 / 120.0, 25.0) * 120.0 / 62.5
    );
}

/// A Panasonic UP-PW1245: amperes and watts of a 12 V block down to 9.6 V at 25 °C, by minutes.
const SHEET: [(f64, f64, f64); 13] = [
    (10.0, 23.9, 270.0),
    (15.0, 17.0, 195.0),
    (20.0, 13.7, 159.0),
    (30.0, 9.57, 112.0),
    (45.0, 6.99, 82.1),
    (60.0, 5.57, 65.7),
    (90.0, 3.82, 45.2),
    (120.0, 2.95, 34.9),
    (180.0, 2.19, 26.0),
    (240.0, 1.67, 20.0),
    (300.0, 1.38, 16.5),
    (360.0, 1.11, 13.3),
    (600.0, 0.732, 8.79),
];

#[test]
fn autonomy_at_constant_power_follows_from_a_sheet_of_constant_currents() {
    let mut file = file();
    let rated_ah = 7.32;
    file.cell.capacity_ah = rated_ah;
    let rate = file.rate_capacity.as_mut().unwrap();
    // Rounded figures of the sheet that would let capacity rise with rate are left out.
    let points: Vec<_> = SHEET.iter().rev().filter(|p| ![240.0, 360.0].contains(&p.0)).collect();
    rate.point_duration_h = points.iter().map(|p| p.0 / 60.0).collect();
    rate.point_share = points.iter().map(|p| p.1 * p.0 / 60.0 / rated_ah).collect();
    // Voltage and resistance stay those of the other make: what is tested is how rates and power hang together.
    file.lead_acid.as_mut().unwrap().end_voltage.voltage_v = vec![1.6; 4];
    library::check(&file).unwrap();
    let bank = bank_of(model_of(&file, 24), 1, 25.0);
    let (mut worst, mut mean) = (0.0f64, 0.0);
    for (minutes, _, watts) in SHEET {
        let load = Load::Power { power_w: 24.0 * watts };
        let carried = bank.autonomy(load).seconds / 60.0;
        println!("{watts} W: {carried:.1} minutes of {minutes}");
        worst = worst.max((carried / minutes - 1.0).abs());
        mean += (carried / minutes - 1.0) / SHEET.len() as f64;
    }
    println!("{:.1} % off on average, {:.1} % at most", 100.0 * mean, 100.0 * worst);
    assert!(worst < 0.13 && mean.abs() < 0.08);
}

#[test]
fn voltage_is_what_the_equation_says() {
    let model = model_of(&file(), 1).block.clone();
    let cell = &model.shepherd;
    near(cell.open_v(0.5), 2.115 - 0.1063, 1e-12);
    near(cell.discharge_slope(0.5, 1.0, 1.0), 0.08 * (1.0 + 1.25), 1e-12);
    near(cell.charge_slope(0.5, 1.0), 0.618 * (1.0 + 0.272 * 0.5 / 0.501), 1e-12);
    near(cell.resistance_factor(35.0), (-0.065f64).exp(), 1e-12);
    // C_d is set so that the end voltage is met at the share, and the depth at the end finds it again.
    let knee = cell.knee(2.0, 0.53, 1.6, 1.1);
    near(cell.open_v(0.53) - 2.0 * cell.discharge_slope(0.53, knee, 1.1), 1.6, 1e-12);
    near(cell.depth_at_end(2.0, knee, 1.6, 1.1), 0.53, 1e-12);
    // With more resistance less comes out, and more so at a high rate.
    let mut block = BlockState::new(&model, BlockTraits::default(), 25.0);
    let new = [0.1, 2.0].map(|c_rate| model.capacity_at(&block, c_rate, None));
    block.resistance = 1.25;
    let worn = [0.1, 2.0].map(|c_rate| model.capacity_at(&block, c_rate, None));
    assert!(worn[0] / new[0] > 0.97 && worn[1] / new[1] < 0.87, "{new:?} {worn:?}");
}

#[test]
fn float_current_and_voltage_are_those_of_the_gassing_law() {
    let model = model_of(&file(), 1).block.clone();
    let at = |v: f64, t: f64| model.float_current_a(v, t);
    near(at(2.27, 25.0), 0.012 * (11.0f64 * 0.04).exp(), 1e-12);
    near(at(2.27, 25.0 + 10.0) / at(2.27, 25.0), 0.6f64.exp(), 1e-12);
    near(at(2.32, 25.0) / at(2.27, 25.0), 1.733, 1e-3);
    for (temperature_c, cell_v) in [(15.0, 2.3), (25.0, 2.27), (35.0, 2.24), (60.0, 2.225)] {
        let mut bank = bank(temperature_c);
        bank.catch_up(Time(5 * DAY_MS));
        let string = &bank.strings()[0];
        let block_c = string.blocks[0].temperature_c;
        near(string.voltage_v(bank.model()), 24.0 * 6.0 * model.float_v(block_c), 1e-6);
        near(model.float_v(temperature_c), cell_v, 1e-9);
        // Gassing has grown a little with the life that is used up, most where it is hot.
        let aged = string.blocks[0].ln_gassing.exp();
        near(-string.current_a, aged * at(model.float_v(block_c), block_c), 1e-2);
    }
}

#[test]
fn blocks_in_series_share_the_float_voltage_by_how_they_gas() {
    let model = Arc::new(model_of(&file(), 3));
    let traits = [0.22, 0.0, -0.22].map(|ln_gassing| BlockTraits { ln_gassing, ..BlockTraits::default() });
    let mut bank = LeadAcidBank::new(model, &[traits.to_vec()], Ambient::constant(25.0), Time(0));
    bank.catch_up(Time(HOUR_MS));
    let cells: Vec<f64> = bank.strings()[0].blocks.iter().map(|b| b.cell_v).collect();
    // Less gassing by a factor of e^0.22 needs 0.22/11 V = 20 mV more.
    assert!(
        (cells[2] - cells[1] - 0.02).abs() < 1e-4 && (cells[1] - cells[0] - 0.02).abs() < 1e-4,
        "{cells:?}"
    );
    near(cells.iter().sum::<f64>() / 3.0, 2.27, 1e-4);
}

fn ageing() -> AgeingModel {
    AgeingModel::new(file().lead_acid.as_ref().unwrap(), 2.27, 120.0)
}

#[test]
fn corrosion_grows_in_a_line_above_and_as_a_power_below_its_threshold() {
    let laws = ageing();
    let life_h = 10.0 * 365.25 * 24.0;
    // On float the grid stands at 1.75 + (2.27 − 2.115)/2 = 1.8275 V and life is the unit.
    let float_v = laws.corrosion_potential_v(0.0, 0.155);
    near(float_v, 1.8275, 1e-12);
    let mut wear = Ageing::default();
    laws.corrode(&mut wear, float_v, 25.0, life_h, 1.0);
    near(wear.corrosion, 1.0, 1e-3);
    laws.corrode(&mut wear, float_v, 40.0, 0.5 * life_h, 1.0);
    near(wear.corrosion, 2.0, 1e-3);
    // Half discharged at rest: 1.75 − 0.769·0.2126/2 = 1.6682 V, speed 0.366 after the curve.
    let low_v = laws.corrosion_potential_v(0.1063, 0.0);
    near(low_v, 1.66823, 1e-4);
    let lander = |v: f64| 0.368 + (v - 1.664) / 0.022 * (0.347 - 0.368);
    let limit = life_h * (0.0168 + (1.8275 - 1.739) / 0.211 * 0.0008);
    let mut wear = Ageing::default();
    laws.corrode(&mut wear, low_v, 25.0, 1000.0, 1.0);
    near(wear.corrosion, lander(low_v) / limit * 1000f64.powf(0.6), 1e-3);
    let mut halves = Ageing::default();
    for _ in 0..2 {
        laws.corrode(&mut halves, low_v, 25.0, 500.0, 1.0);
    }
    near(halves.corrosion, wear.corrosion, 1e-12);
}

#[test]
fn throughput_is_weighted_by_charge_time_current_and_bad_charges() {
    let laws = ageing();
    // Five hours at I₁₀ after a full charge, half empty at the end, in one step: the mean time since is 2.5 h.
    let mut wear = Ageing::default();
    laws.discharge(&mut wear, 0.1, 0.5, 5.0, 25.0);
    let factor = 1.0 + (6.614e-5 + 3.307e-3 * 0.5) * 2.5;
    near(wear.weighted_cycles, 0.5 * factor, 1e-12);
    // A charge that ends at 95 % is one bad charge; one at 99 % is 0.36 of one.
    for (peak, bad) in [(0.95, 1.0), (0.99, 0.36), (0.8, 0.0)] {
        let mut wear = Ageing::default();
        laws.charge(&mut wear, 2.3, peak, 1.0, 25.0);
        laws.discharge(&mut wear, 0.1, 0.5, 1.0, 25.0);
        assert!((wear.bad_charges - bad).abs() < 1e-9, "{peak}: {}", wear.bad_charges);
        let current_factor = (bad / 10.8).exp();
        let factor = 1.0 + (6.614e-5 + 3.307e-3 * 0.5) * 1.5 * current_factor;
        near(wear.weighted_cycles, 0.1 * factor, 1e-12);
        laws.charge(&mut wear, 2.3, 0.99995, 1.0, 25.0);
        assert_eq!((wear.bad_charges, wear.soc_min, wear.since_full_h), (0.0, 1.0, 0.0));
    }
    // Four times the current halves the factor of current.
    let mut fast = Ageing::default();
    laws.discharge(&mut fast, 0.4, 0.5, 1.0, 25.0);
    near(fast.weighted_cycles, 0.4 * (1.0 + (6.614e-5 + 3.307e-3 * 0.5) * 0.5 * 0.5), 1e-12);
}

#[test]
fn acid_layers_form_where_it_can_move_and_gas_takes_them_away() {
    let mut flooded = file();
    flooded.lead_acid.as_mut().unwrap().stratification.on = true;
    let laws = AgeingModel::new(flooded.lead_acid.as_ref().unwrap(), 2.27, 120.0);
    let mut wear = Ageing::default();
    laws.discharge(&mut wear, 0.1, 0.5, 1.0, 20.0);
    // Rise of half a thirtieth, less an hour of diffusion at 8D/z² = 0.0178 per hour.
    let layered = 0.5 * 0.033_333_3 * (-8.0 * 20e-9 / 0.0324 * 3600.0f64).exp();
    near(wear.stratification, layered, 1e-9);
    laws.charge(&mut wear, 2.5, 0.9, 1.0, 25.0);
    assert_eq!(wear.stratification, 0.0);
    let mut held = Ageing::default();
    ageing().discharge(&mut held, 0.1, 0.5, 1.0, 20.0);
    assert_eq!(held.stratification, 0.0);
}

/// Years on float until 80 %, and what else then holds.
fn float_life(temperature_c: f64) -> (f64, f64, f64) {
    let mut bank = bank(temperature_c);
    let (mut quarters, mut halfway) = (0, 0.0);
    loop {
        quarters += 1;
        bank.catch_up(Time(quarters * 365 * DAY_MS / 4));
        let string = bank.view(bank.at()).strings.remove(0);
        let block = string.blocks[0];
        if halfway == 0.0 && block.life_used >= 0.5 {
            halfway = 1.0 - block.soh;
        }
        if block.soh <= 0.8 {
            let bare = block.resistance_ohm / (-0.0065 * (block.temperature_c - 25.0)).exp();
            return (quarters as f64 / 4.0, halfway, bare / 0.004);
        }
    }
}

#[test]
fn float_life_is_ten_years_at_25_and_halves_in_ten_kelvin() {
    for (temperature_c, expected) in [(25.0, 10.0), (35.0, 5.0), (15.0, 20.0)] {
        let (years, halfway, resistance) = float_life(temperature_c);
        println!("{temperature_c} °C: {years} years, {halfway:.3} lost at half, resistance {resistance:.3}");
        assert!((years - expected).abs() <= 0.03 * expected + 0.25, "{years} at {temperature_c} °C");
        // Flat first, then a knee.
        assert!(halfway < 0.05);
        assert!((1.2..1.3).contains(&resistance), "{resistance}");
    }
}

#[test]
fn a_cycle_test_of_80_per_cent_depth_ends_after_250_cycles() {
    let mut bank = bank_of(model_of(&file(), 1), 1, 25.0);
    let mut cycles = 0i64;
    while bank.view(bank.at()).strings[0].blocks[0].soh > 0.8 {
        bank.begin(Duty::Carry(Load::Current { current_a: 12.0 }));
        bank.catch_up(Time(cycles * DAY_MS + 8 * HOUR_MS));
        bank.begin(FLOAT);
        cycles += 1;
        bank.catch_up(Time(cycles * DAY_MS));
        let block = &bank.strings()[0].blocks[0];
        assert!(block.depth < 1e-3, "not full again: {}", block.depth);
    }
    println!("{cycles} cycles");
    assert!((240..=260).contains(&cycles), "{cycles}");
}

#[test]
fn the_weakest_block_ends_a_discharge_and_a_new_one_in_its_place_prolongs_the_next() {
    let mut bank = scattered(4);
    let load = Load::Power { power_w: 45_000.0 };
    // About 24 minutes: 176 A. Which block is weakest at that rate depends on its resistance, too.
    let at_rate = |block: &BlockState| bank.model().block.capacity_at(block, 176.0 / 120.0, None);
    let shares: Vec<f64> = bank.strings()[0].blocks.iter().map(at_rate).collect();
    let weakest = (0..24).min_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap();
    bank.begin(Duty::Carry(load));
    let expected = bank.autonomy(load);
    let happened = bank.catch_up(Time(2 * HOUR_MS));
    let What::StringEnded { block } = happened[0].what else { panic!("{happened:?}") };
    assert_eq!((block, happened[0].string), (expected.strings[0].block, 0));
    assert_eq!(block, weakest);
    let What::LoadDropped { after_s } = happened[1].what else { panic!("{happened:?}") };
    near(after_s, expected.seconds, 1e-3);
    let string = &bank.strings()[0];
    let lowest_v = string.blocks.iter().map(|b| b.cell_v).fold(3.0, f64::min);
    near(string.blocks[block].cell_v, lowest_v, 1e-4);
    near(string.energy_out_wh, 45_000.0 * after_s / 3600.0, 1e-5);
    // Charged, repaired, charged.
    bank.begin(FLOAT);
    bank.catch_up(Time(4 * DAY_MS));
    let before = bank.autonomy(load).seconds;
    let moment = Moment { now: bank.at(), seed: Seed(1), entity: "bank", revision: 0 };
    for event in bank.decide(&BankCommand::ReplaceBlock { string: 0, block }, &moment).unwrap() {
        bank.apply(&event);
    }
    let after = bank.autonomy(load).seconds;
    println!("{before:.0} s before, {after:.0} s after the weakest was replaced");
    assert!(after > before);
}

#[test]
fn strings_in_parallel_share_a_load_by_their_resistance() {
    let one = bank(25.0);
    let two = bank_of(model_of(&file(), 24), 2, 25.0);
    let alone = one.autonomy(Load::Power { power_w: 45_000.0 }).seconds;
    near(two.autonomy(Load::Power { power_w: 90_000.0 }).seconds, alone, 1e-4);
    assert!(two.autonomy(Load::Power { power_w: 45_000.0 }).seconds > 2.2 * alone);
    let model = Arc::new(model_of(&file(), 24));
    let stiff = BlockTraits { resistance: 1.5, ..BlockTraits::default() };
    let traits = [vec![BlockTraits::default(); 24], vec![stiff; 24]];
    let mut uneven = LeadAcidBank::new(model, &traits, Ambient::constant(25.0), Time(0));
    uneven.begin(Duty::Carry(Load::Power { power_w: 90_000.0 }));
    uneven.catch_up(Time(60_000));
    let [a, b] = [0, 1].map(|k| uneven.strings()[k].current_a);
    near(a / b, 1.5, 0.1);
    let volts = [0, 1].map(|k| uneven.strings()[k].voltage_v(uneven.model()));
    near(volts[0], volts[1], 1e-5);
    near((a + b) * volts[0], 90_000.0, 1e-5);
}

#[test]
fn a_load_beyond_what_can_be_given_is_dropped_at_once() {
    let mut bank = bank(25.0);
    bank.begin(Duty::Carry(Load::Power { power_w: 5e6 }));
    let happened = bank.catch_up(Time(1000));
    assert_eq!(happened.last().unwrap().what, What::LoadDropped { after_s: 0.0 });
    assert_eq!(bank.duty(), Duty::Idle(Charger::Open));
}

/// A hot, crowded room with old blocks, warming by a kelvin a day.
fn crowded(trip: Trip) -> LeadAcidBank {
    let mut file = file();
    let lead_acid = file.lead_acid.as_mut().unwrap();
    lead_acid.heat.dissipation_w_per_k = 0.03;
    lead_acid.gassing.current_a_per_100ah = 0.03;
    let model = StringModel { trip, ..model_of(&file, 24) };
    let air = (0..60 * 24).map(|hour| 20.0 + hour as f32 / 24.0).collect::<Vec<_>>();
    let ambient = Ambient { air_c: Hourly::new(0, air), shift_c: 0.0 };
    let mut stream = Seed(2).stream("crowded", "blocks", 0);
    LeadAcidBank::drawn(Arc::new(model), 1, ambient, Time(0), Some(&mut stream))
}

#[test]
fn runaway_is_told_before_it_happens_and_the_charger_goes() {
    for trip in [Trip::Disconnect, Trip::Limit] {
        let mut bank = crowded(trip);
        let mut hottest = 0.0f64;
        let mut told = Vec::new();
        for hour in 1..=60 * 24 {
            told.extend(bank.catch_up(Time(hour * HOUR_MS)));
            let string = &bank.strings()[0];
            let above = |b: &BlockState| b.temperature_c - bank_air(&bank, hour);
            hottest = string.blocks.iter().map(above).fold(hottest, f64::max);
        }
        let notices: Vec<_> = told.iter().map(|h| (h.at, h.what)).collect();
        let (What::Runaway(Notice::Near { ratio: near, .. }), What::Runaway(Notice::Tripped { ratio, .. })) =
            (notices[0].1, notices[1].1)
        else {
            panic!("{notices:?}")
        };
        let ahead_h = notices[1].0.seconds_since(notices[0].0) / 3600.0;
        println!(
            "{trip:?}: warned at {near:.2}, tripped at {ratio:.2} {ahead_h:.0} h later, {hottest:.1} K above air"
        );
        assert!(near < ratio && ratio < 1.0 && ahead_h > 24.0);
        assert_eq!((notices.len(), bank.strings()[0].guard.alarm), (2, Alarm::Tripped));
        assert!(hottest < 25.0, "{hottest} K above the air");
    }
    let mut unguarded = crowded(Trip::Ignore);
    unguarded.catch_up(Time(60 * DAY_MS));
    let string = &unguarded.strings()[0];
    println!("without a guard {:.0} °C, at ratio {:.1}", string.blocks[0].temperature_c, string.guard.ratio);
    assert!(string.blocks.iter().all(|b| b.temperature_c > 150.0));
}

fn bank_air(bank: &LeadAcidBank, hour: i64) -> f64 {
    assert_eq!(bank.at(), Time(hour * HOUR_MS));
    20.0 + (hour as f64 / 24.0).min(60.0)
}

#[test]
fn a_guard_that_tripped_stays_until_it_is_reset() {
    let mut bank = crowded(Trip::Disconnect);
    bank.catch_up(Time(60 * DAY_MS));
    assert_eq!(bank.strings()[0].current_a, 0.0);
    let moment = Moment { now: bank.at(), seed: Seed(1), entity: "bank", revision: 1 };
    for event in bank.decide(&BankCommand::ResetGuard { string: 0 }, &moment).unwrap() {
        bank.apply(&event);
    }
    // The charger is on again; nothing else has changed, so the guard trips again.
    let told = bank.catch_up(bank.at() + 60_000);
    assert!(bank.strings()[0].current_a < 0.0);
    assert!(matches!(told[0].what, What::Runaway(Notice::Tripped { .. })), "{told:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bank = bank(25.0);
    let moment = |ms| Moment { now: Time(ms), seed: Seed(1), entity: "bank", revision: 0 };
    let refused = |command, ms| bank.decide(&command, &moment(ms)).unwrap_err();
    let load = Load::Power { power_w: f64::NAN };
    assert!(matches!(refused(BankCommand::Begin(Duty::Carry(load)), 0), BankRefusal::Senseless { .. }));
    let place = BankCommand::ReplaceBlock { string: 0, block: 24 };
    assert_eq!(refused(place, 0), BankRefusal::NoSuchBlock { string: 0, block: 24 });
    let late = BankRefusal::OutOfOrder { now_ms: -1, after_ms: 0 };
    assert_eq!(refused(BankCommand::CatchUp, -1), late);
    assert_eq!(
        bank.decide(&BankCommand::CatchUp, &moment(5)).unwrap().to_vec(),
        [BankEvent::CaughtUp { to: Time(5) }]
    );
}

#[test]
fn mistakes_in_the_file_are_told_with_their_field() {
    let complaints = |change: fn(&mut ChemistryFile)| {
        let mut file = file();
        change(&mut file);
        library::check(&file).unwrap_err().join("; ")
    };
    let told = complaints(|f| f.lead_acid.as_mut().unwrap().runaway.trip_ratio = 1.5);
    assert!(told.contains("lead_acid.runaway.trip_ratio is 1.5"), "{told}");
    let told = complaints(|f| f.lead_acid.as_mut().unwrap().corrosion.speed.truncate(2));
    assert!(told.contains("needs one value per potential"), "{told}");
    let told = complaints(|f| f.rate_capacity.as_mut().unwrap().point_share[2] = 1.2);
    assert!(told.contains("must not rise with rate"), "{told}");
    let lithium = library::find("lfp-gr-250ah-prismatic").unwrap();
    assert!(BlockModel::compile(&lithium, 6).unwrap_err().to_string().contains("no [lead_acid]"));
}
