#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
//! What holds for every bank of lead-acid strings, whatever it is told to do.

use proptest::prelude::*;
use std::sync::{Arc, LazyLock};
use twin::battery::lead_acid::block::BlockModel;
use twin::battery::lead_acid::discharge::Load;
use twin::battery::lead_acid::string::{Charger, Stepping, StringModel};
use twin::battery::lead_acid::{BankCommand, BankEvent, Duty, LeadAcidBank};
use twin::battery::library;
use twin::forcing::{Ambient, Hourly};
use twin::rng::Seed;
use twin::time::{HOUR_MS, Time};
use twin::twin::{Moment, Twin};

static BLOCK: LazyLock<Arc<BlockModel>> = LazyLock::new(|| {
    Arc::new(BlockModel::compile(&library::find("vrla-agm-12v-120ah").unwrap(), 6).unwrap())
});

/// A command, and how long until it.
#[derive(Debug, Clone, Copy)]
struct Told {
    after_ms: i64,
    command: BankCommand,
}

fn command() -> impl Strategy<Value = BankCommand> {
    let carry = |load| BankCommand::Begin(Duty::Carry(load));
    prop_oneof![
        3 => (100.0..80_000.0f64).prop_map(move |power_w| carry(Load::Power { power_w })),
        2 => (1.0..600.0f64).prop_map(move |current_a| carry(Load::Current { current_a })),
        4 => Just(BankCommand::Begin(Duty::Idle(Charger::Float))),
        1 => Just(BankCommand::Begin(Duty::Idle(Charger::Boost))),
        1 => Just(BankCommand::Begin(Duty::Idle(Charger::Open))),
        1 => (0..2usize, 0..8usize).prop_map(|(string, block)| BankCommand::ReplaceBlock { string, block }),
        1 => (0..2usize).prop_map(|string| BankCommand::ResetGuard { string }),
        1 => Just(BankCommand::CatchUp),
    ]
}

fn course() -> impl Strategy<Value = Vec<Told>> {
    let span = prop_oneof![1_000..HOUR_MS, HOUR_MS..72 * HOUR_MS];
    prop::collection::vec((span, command()).prop_map(|(after_ms, command)| Told { after_ms, command }), 1..25)
}

fn bank(seed: u64, temperature_c: f64, stepping: Stepping) -> LeadAcidBank {
    let model = Arc::new(StringModel { stepping, ..StringModel::new(BLOCK.clone(), 8) });
    let air = (0..2000).map(|h| (temperature_c + 8.0 * (0.26 * f64::from(h)).sin()) as f32);
    let ambient = Ambient { air_c: Hourly::new(0, air.collect::<Vec<_>>()), shift_c: 0.0 };
    let mut stream = Seed(seed).stream("properties", "blocks", 0);
    LeadAcidBank::drawn(model, 2, ambient, Time(0), Some(&mut stream))
}

/// Tells a bank what it is told, and returns all events.
fn live(bank: &mut LeadAcidBank, course: &[Told], mut look: impl FnMut(&LeadAcidBank)) -> Vec<BankEvent> {
    let (mut now, mut told) = (Time(0), Vec::new());
    for (revision, step) in course.iter().enumerate() {
        now = now + step.after_ms;
        let moment = Moment { now, seed: Seed(7), entity: "bank", revision: revision as u64 };
        for event in bank.decide(&step.command, &moment).unwrap() {
            bank.apply(&event);
            told.push(event);
            look(bank);
        }
    }
    told
}

fn finite(figures: &[f64]) -> bool {
    figures.iter().all(|figure| figure.is_finite())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn charge_and_energy_are_kept_and_everything_stays_within_its_range(
        course in course(), seed in 0u64..1000, temperature_c in -10.0..45.0f64,
    ) {
        let mut bank = bank(seed, temperature_c, Stepping::default());
        let open_v = |depth: f64| BLOCK.shepherd.open_v(depth);
        live(&mut bank, &course, |bank| {
            for string in bank.strings() {
                assert!(finite(&[string.current_a, string.energy_in_wh, string.heat_wh, string.guard.ratio]));
                for block in &string.blocks {
                    let books = block.books;
                    let missing = books.discharged + books.leaked + books.gassed - books.charged;
                    assert!((missing - block.depth).abs() < 1e-9, "{missing} and {}", block.depth);
                    assert!((0.0..=1.0).contains(&block.soc()) && block.depth >= 0.0, "{block:?}");
                    assert!(finite(&[block.cell_v, block.temperature_c, block.capacity, block.resistance]));
                    assert!(block.capacity > 0.0 && block.resistance > 0.0 && block.cell_v > 0.0);
                    let wear = block.wear;
                    assert!(wear.corrosion >= 0.0 && wear.damage >= 0.0 && wear.weighted_cycles >= 0.0);
                    assert!((-60.0..90.0).contains(&block.temperature_c), "{} °C", block.temperature_c);
                }
            }
        });
        // What went in and did not come out is heat or stands against the missing charge. Replaced blocks and
        // self-discharge take stored energy with them, so only banks without either are asked.
        let blocks = || bank.strings().iter().flat_map(|s| &s.blocks);
        let replaced = course.iter().any(|told| matches!(told.command, BankCommand::ReplaceBlock { .. }));
        if !replaced && blocks().all(|b| b.books.leaked == 0.0) {
            for string in bank.strings() {
                let missing = |b: &twin::battery::lead_acid::block::BlockState| {
                    6.0 * 120.0 * b.depth * 0.5 * (open_v(0.0) + open_v(b.depth))
                };
                let stored_wh: f64 = -string.blocks.iter().map(missing).sum::<f64>();
                let off = string.energy_in_wh - string.energy_out_wh - string.heat_wh - stored_wh;
                let through = string.energy_in_wh + string.energy_out_wh + 1.0;
                assert!(off.abs() < 2e-4 * through, "{off} Wh of {through}");
            }
        }
    }

    #[test]
    fn a_replay_is_the_same_to_the_bit_and_looking_disturbs_nothing(course in course(), seed in 0u64..1000) {
        let mut told = bank(seed, 25.0, Stepping::default());
        let mut replayed = told.clone();
        let events = live(&mut told, &course, |bank| {
            bank.view(bank.at() + 5 * HOUR_MS);
        });
        events.iter().for_each(|event| replayed.apply(event));
        prop_assert_eq!(told.strings(), replayed.strings());
        prop_assert_eq!(told.view(told.at()), replayed.view(told.at()));
    }

    #[test]
    fn halving_the_steps_changes_less_and_less(
        power_w in 15_000.0..45_000.0f64, minutes in 2i64..12, temperature_c in 10.0..40.0f64, seed in 0u64..1000,
    ) {
        let outcome = |stepping: Stepping| {
            let mut bank = bank(seed, temperature_c, stepping);
            for outage in 0..3 {
                let begins = Time((20 + 40 * outage) * HOUR_MS);
                bank.catch_up(begins);
                bank.begin(Duty::Carry(Load::Power { power_w }));
                bank.catch_up(begins + minutes * 60_000);
                bank.begin(Duty::Idle(Charger::Float));
                bank.catch_up(begins + 5 * HOUR_MS);
            }
            bank.catch_up(Time(200 * HOUR_MS));
            let sum = |what: fn(&twin::battery::lead_acid::block::BlockState) -> f64| {
                bank.strings().iter().flat_map(|s| &s.blocks).map(what).sum::<f64>()
            };
            let wear = [
                sum(|b| b.wear.damage),
                sum(|b| b.wear.corrosion),
                sum(|b| b.wear.weighted_cycles),
                sum(|b| b.books.charged),
            ];
            let energy: f64 = bank.strings().iter().map(|s| s.energy_out_wh).sum();
            [wear[0], wear[1], wear[2], wear[3], energy]
        };
        let default = Stepping::default();
        let steps = [default, default.halved(), default.halved().halved().halved()];
        let [whole, half, fine] = steps.map(outcome);
        for k in 0..5 {
            let off = |coarse: &[f64; 5]| (coarse[k] / fine[k] - 1.0).abs();
            prop_assert!(off(&whole) < 5e-3, "{k}: {whole:?} against {fine:?}");
            // The end of a charge falls on a step; that alone moves what was charged by up to half a thousandth.
            prop_assert!(off(&half) < 0.75 * off(&whole) + 5e-4, "{k}: {whole:?} {half:?} {fine:?}");
        }
    }
}
