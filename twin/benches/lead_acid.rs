//! What blocks of a facility cost: `cargo bench -p twin --bench lead_acid`.
//!
//! 81 strings of 24 blocks, each drawn from the make, by the hour through three years of a hot climate: on float, and
//! with an outage of a quarter of an hour every month. One thread. Also an autonomy and a recharge alone.

#![expect(clippy::print_stdout, reason = "a benchmark tells what it measured")]

use std::sync::Arc;
use std::time::Instant;
use twin::battery::lead_acid::block::BlockModel;
use twin::battery::lead_acid::discharge::Load;
use twin::battery::lead_acid::string::{Charger, StringModel};
use twin::battery::lead_acid::{Duty, LeadAcidBank};
use twin::battery::library;
use twin::forcing::{Ambient, Hourly};
use twin::rng::Seed;
use twin::time::{HOUR_MS, Time};

const STRINGS: usize = 81;
const BLOCKS: usize = 24;
const HOURS: i64 = 3 * 8766;
/// An outage every so many hours, so long.
const OUTAGE_EVERY_H: i64 = 730;
const OUTAGE_MS: i64 = 15 * 60 * 1000;
/// Load of a string: a little less than half an hour of autonomy.
const STRING_W: f64 = 45_000.0;

fn main() {
    let file = library::find("vrla-agm-12v-120ah").expect("it ships");
    let block = Arc::new(BlockModel::compile(&file, 6).expect("a test compiles it"));
    let model = Arc::new(StringModel::new(block, BLOCKS));
    let air = |hour: i64| {
        let turn = std::f64::consts::TAU * hour as f64;
        (27.0 + 4.0 * (turn / 8766.0).sin() + 2.0 * (turn / 24.0).sin()) as f32
    };
    let air_c = Hourly::new(0, (0..HOURS).map(air).collect::<Vec<_>>());
    let ambient = Ambient { air_c, shift_c: 0.0 };
    let banks: Vec<LeadAcidBank> = (0..STRINGS)
        .map(|k| {
            let mut stream = Seed(1).stream("bench", "blocks", k as u64);
            LeadAcidBank::drawn(model.clone(), 1, ambient.clone(), Time(0), Some(&mut stream))
        })
        .collect();
    let block_hours = (STRINGS * BLOCKS) as f64 * HOURS as f64;
    println!("{} blocks, {HOURS} hours, one thread", STRINGS * BLOCKS);
    for (label, outages) in [("float only", false), ("with 36 outages", true)] {
        for _ in 0..3 {
            let mut banks = banks.clone();
            let seconds = timed(|| years(&mut banks, outages));
            let weakest = banks.iter().map(|bank| bank.strings()[0].weakest().0).fold(1.0, f64::min);
            println!(
                "{label:<16} {seconds:>7.2} s {:>7.1} ns per block-hour, weakest block {weakest:.3}",
                1e9 * seconds / block_hours
            );
        }
    }
    let load = Load::Power { power_w: STRING_W };
    let mut minutes = 0.0;
    let seconds = timed(|| minutes = banks.iter().map(|bank| bank.autonomy(load).seconds / 60.0).sum());
    println!(
        "autonomy: {:.1} minutes, {:.0} us a string",
        minutes / STRINGS as f64,
        1e6 * seconds / STRINGS as f64
    );
}

/// By the hour, as a facility would step them.
fn years(banks: &mut [LeadAcidBank], outages: bool) {
    for hour in 0..HOURS {
        let begin = Time::of_hour(hour);
        for bank in banks.iter_mut() {
            if outages && hour % OUTAGE_EVERY_H == OUTAGE_EVERY_H / 2 {
                bank.begin(Duty::Carry(Load::Power { power_w: STRING_W }));
                bank.catch_up(begin + OUTAGE_MS);
                bank.begin(Duty::Idle(Charger::Float));
            }
            bank.catch_up(begin + HOUR_MS);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark looks at a clock")]
fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}
