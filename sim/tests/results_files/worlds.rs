//! Worlds of a swap network that never ran: plausible numbers from a formula, for tests of what is made of them.

use sim::results::condense::{Condenser, VariantLabel};
use sim::results::record::{EventRow, SeriesRow, Subject, TwinRow, WorldRecord};
use sim::results::story::{Assumption, Story};
use std::collections::BTreeMap;

/// 2026-01-01T00:00:00+07:00.
pub(crate) const START_MS: i64 = 1_767_200_400_000;
pub(crate) const MS_PER_DAY: f64 = 86_400_000.0;

/// What a variant does differently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) change: &'static str,
    /// Loss of state of health per √year.
    pub(crate) fade: f64,
    /// Share of rides served.
    pub(crate) served: f64,
    pub(crate) price_per_kwh: f64,
    /// Share of energy from the roof.
    pub(crate) solar: f64,
    /// Hour that charging centres on.
    pub(crate) charge_hour: f64,
}

pub(crate) const POLICIES: [Policy; 4] = [
    Policy {
        name: "Charge at once",
        description: "Every docked pack is charged at full power as soon as it arrives.",
        change: "",
        fade: 0.082,
        served: 0.994,
        price_per_kwh: 0.121,
        solar: 0.0,
        charge_hour: 18.0,
    },
    Policy {
        name: "Night tariff",
        description: "All but a reserve of two packs wait for the cheap hours.",
        change: "networks.0.charging.policy: off_peak",
        fade: 0.088,
        served: 0.978,
        price_per_kwh: 0.087,
        solar: 0.0,
        charge_hour: 2.5,
    },
    Policy {
        name: "Charge to 80 %",
        description: "Packs are handed out at 80 % and never charged further.",
        change: "networks.0.charging.target_soc: 0.8",
        fade: 0.058,
        served: 0.961,
        price_per_kwh: 0.119,
        solar: 0.0,
        charge_hour: 17.0,
    },
    Policy {
        name: "Solar roof, 6 kWp",
        description: "Six kilowatts of photovoltaics on every cabinet; noon is preferred.",
        change: "networks.0.cabinets.solar_kwp: 6",
        fade: 0.08,
        served: 0.993,
        price_per_kwh: 0.118,
        solar: 0.34,
        charge_hour: 13.0,
    },
];

/// How large and how long the worlds are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) packs: u32,
    pub(crate) cabinets: u32,
    pub(crate) samples: u32,
    pub(crate) interval_days: f64,
    pub(crate) replicates: u32,
}

pub(crate) const FIVE_YEARS: Size =
    Size { packs: 120, cabinets: 6, samples: 60, interval_days: 30.4375, replicates: 5 };

/// A number in 0..1 that depends on its arguments alone.
pub(crate) fn noise(a: u64, b: u64, c: u64) -> f64 {
    let mut x =
        a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ c.rotate_left(32);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn around(a: u64, b: u64, c: u64) -> f64 {
    // Sum of uniforms: near enough to a normal deviate of unit width.
    (0..6).map(|k| noise(a + k, b, c)).sum::<f64>() * 1.41 - 4.23
}

/// One world.
pub(crate) fn world(variant: usize, replicate: u32, size: Size) -> WorldRecord {
    let policy = POLICIES[variant];
    let seed = u64::from(replicate) + 100;
    let mut record = WorldRecord { variant, replicate, ..WorldRecord::default() };
    record.subjects.push(Subject { kind: "network", id: "saigon".into() });
    for cabinet in 1..=size.cabinets {
        record.subjects.push(Subject { kind: "cabinet", id: format!("saigon-cabinet-{cabinet}") });
    }
    for pack in 1..=size.packs {
        record.subjects.push(Subject { kind: "battery", id: format!("saigon-pack-{pack}") });
    }
    record.ended_ms = START_MS + (f64::from(size.samples) * size.interval_days * MS_PER_DAY) as i64;
    let demand = f64::from(size.packs) * 1.6 * (1.0 + 0.02 * around(seed, 7, 0));
    let mut replaced = 0.0_f64;
    let mut totals = Totals::default();
    for sample in 0..=size.samples {
        let days = f64::from(sample) * size.interval_days;
        let t_ms = START_MS + (days * MS_PER_DAY) as i64;
        let years = days / 365.25;
        let season = (std::f64::consts::TAU * (years - 0.3)).sin();
        let mut row = |subject: u32, metric: &'static str, value: f64| {
            record.series.push(SeriesRow { t_ms, subject, metric, value });
        };
        for pack in 0..size.packs {
            let soh = soh_of(&policy, seed, pack, years);
            let subject = 1 + size.cabinets + pack;
            row(subject, "soh", soh);
            row(subject, "resistance_rel", 1.0 + (1.0 - soh) * 2.3);
            row(subject, "efc", years * 290.0 * (1.0 + 0.08 * around(seed, u64::from(pack), 3)));
            row(subject, "soc", 0.25 + 0.7 * noise(seed, u64::from(pack), u64::from(sample)));
            row(
                subject,
                "temperature_c",
                31.0 + 2.5 * season + around(seed, u64::from(pack), u64::from(sample) + 50),
            );
            row(subject, "voltage_v", 67.0 + 7.0 * noise(seed, u64::from(pack), u64::from(sample) + 9));
        }
        if sample == 0 {
            continue;
        }
        let swaps =
            demand * policy.served * (1.0 + 0.04 * season + 0.015 * around(seed, 1, u64::from(sample)));
        let energy = swaps * 1.25;
        let sun = (policy.solar * energy * (1.0 + 0.25 * season)).max(0.0);
        replaced +=
            (years - 2.2).max(0.0) * policy.fade * 9.0 * (0.6 + 0.8 * noise(seed, 5, u64::from(sample)));
        row(0, "swaps_per_day", swaps);
        row(0, "walk_aways_per_day", swaps * (1.0 - policy.served) * 1.4);
        row(0, "lost_per_day", swaps * (1.0 - policy.served));
        row(0, "grid_kwh_per_day", energy - sun);
        row(0, "solar_kwh_per_day", sun);
        row(0, "energy_delivered_kwh_per_day", energy * 0.84);
        row(0, "cost_per_day", (energy - sun) * policy.price_per_kwh);
        row(0, "carbon_kg_per_day", (energy - sun) * 0.52);
        row(
            0,
            "ready_packs",
            f64::from(size.packs) * (0.12 - 0.6 * (1.0 - policy.served)) + around(seed, 2, u64::from(sample)),
        );
        row(0, "waiting_mean_min", 0.2 + 28.0 * (1.0 - policy.served) * (1.0 + 0.3 * season));
        row(0, "replacements_total", replaced.floor());
        for cabinet in 0..size.cabinets {
            let share = energy / f64::from(size.cabinets) * (1.0 + 0.2 * around(cabinet.into(), 8, 8));
            row(1 + cabinet, "swaps_per_day", share / 1.25);
            row(1 + cabinet, "energy_kwh_per_day", share);
            row(1 + cabinet, "peak_kw", 6.2 + 0.6 * around(seed, u64::from(cabinet), u64::from(sample)));
        }
        totals.add(swaps, energy, sun, size.interval_days);
    }
    totals.figures(&mut record, &policy, seed, replaced.floor(), size);
    record
}

fn soh_of(policy: &Policy, seed: u64, pack: u32, years: f64) -> f64 {
    let rate = policy.fade * (1.0 + 0.12 * around(seed, u64::from(pack), 1));
    let soh = 1.0 + 0.004 * around(seed, u64::from(pack), 2) - rate * years.sqrt();
    // Packs at the end of their life are replaced by new ones, which lifts the upper edge.
    if soh < 0.80 { 0.995 - 0.02 * noise(seed, u64::from(pack), 4) } else { soh }
}

#[derive(Default)]
struct Totals {
    swaps: f64,
    energy: f64,
    sun: f64,
    days: f64,
}

impl Totals {
    fn add(&mut self, swaps: f64, energy: f64, sun: f64, days: f64) {
        self.swaps += swaps * days;
        self.energy += energy * days;
        self.sun += sun * days;
        self.days += days;
    }

    fn figures(&self, record: &mut WorldRecord, policy: &Policy, seed: u64, replaced: f64, size: Size) {
        let years = self.days / 365.25;
        let mut soh: Vec<f64> = (0..size.packs).map(|pack| soh_of(policy, seed, pack, years)).collect();
        soh.sort_by(f64::total_cmp);
        let grid = self.energy - self.sun;
        let energy_cost = grid * policy.price_per_kwh;
        let lost = (self.swaps * (1.0 - policy.served) / policy.served).round();
        let wait = 0.2 + 28.0 * (1.0 - policy.served) * (1.0 + 0.05 * around(seed, 21, 1));
        let mean_soh = soh.iter().sum::<f64>() / soh.len() as f64;
        record.figures = BTreeMap::from([
            ("swaps_total", self.swaps.round()),
            ("swaps_per_day", self.swaps / self.days),
            ("walk_aways_total", (lost * 1.4).round()),
            ("lost_swaps_total", lost),
            ("served_pct", 100.0 * policy.served + 0.05 * around(seed, 20, 1)),
            ("waiting_mean_min", wait),
            ("waiting_p95_min", wait * 4.1),
            ("energy_consumed_kwh", self.energy),
            ("grid_energy_kwh", grid),
            ("solar_energy_kwh", self.sun),
            ("peak_site_kw", 7.4 + 0.2 * around(seed, 22, policy.fade.to_bits())),
            ("energy_cost", energy_cost),
            ("replacement_cost", replaced * 620.0),
            ("total_cost", energy_cost + replaced * 620.0),
            ("cost_per_swap", (energy_cost + replaced * 620.0) / self.swaps),
            ("grid_carbon_kg", grid * 0.52),
            ("production_carbon_kg", replaced * 145.0),
            ("carbon_per_swap_kg", (grid * 0.52 + replaced * 145.0) / self.swaps),
            ("replacements_total", replaced),
            ("soh_mean_pct", 100.0 * mean_soh),
            ("soh_p10_pct", 100.0 * soh[soh.len() / 10]),
            ("soh_p90_pct", 100.0 * soh[soh.len() * 9 / 10]),
            ("resistance_growth_mean_pct", 230.0 * (1.0 - mean_soh)),
            ("efc_mean", 290.0 * years),
            ("average_charging_time_min", 141.0 + around(seed, 23, 1)),
            ("peak_usage_hour", 18.0),
            ("energy_throughput_kwh", self.energy * 1.9),
            ("losses_kwh", self.energy * 0.071),
            ("outside_fitted_range_pct", 3.2 + 0.1 * around(seed, 24, 1)),
            ("vessels_met_total", 12.0),
        ]);
        let hour = |h: usize, centre: f64, width: f64| {
            let away = (h as f64 + 0.5 - centre).abs();
            (-(away.min(24.0 - away) / width).powi(2)).exp()
        };
        let swaps: Vec<f64> = (0..24)
            .map(|h| 0.12 + 0.9 * hour(h, 8.5, 1.9) + 0.6 * hour(h, 12.5, 2.5) + 1.2 * hour(h, 18.3, 2.2))
            .collect();
        let charging =
            (0..24).map(|h| 1.5 + 24.0 * hour(h, policy.charge_hour, 3.4) + 2.0 * swaps[h]).collect();
        let wait = 30.0 * (1.0 - policy.served) + 1.2;
        let waiting = (0..31).map(|minute| (-f64::from(minute) / wait * 1.9).exp()).collect();
        let mut histogram = vec![0.0; 40];
        for value in &soh {
            let bin = ((value - 0.6) / 0.4 * 40.0).floor().clamp(0.0, 39.0);
            histogram[bin as usize] += 1.0;
        }
        record.profiles = BTreeMap::from([
            ("swaps_by_hour", swaps),
            ("charging_kw_by_hour", charging),
            ("waiting_histogram", waiting),
            ("soh_histogram", histogram),
        ]);
        for (pack, _) in soh.iter().enumerate() {
            let subject = 1 + size.cabinets + pack as u32;
            record.twins.push(TwinRow {
                subject,
                group: "scooter pack".into(),
                values: vec![
                    ("soh", soh_of(policy, seed, pack as u32, years)),
                    ("energy_throughput_kwh", 900.0 + f64::from(pack as u32)),
                ],
            });
        }
        for cabinet in 0..size.cabinets {
            record.twins.push(TwinRow {
                subject: 1 + cabinet,
                group: "saigon".into(),
                values: vec![("swaps_total", self.swaps / f64::from(size.cabinets))],
            });
        }
    }
}

/// `count` swaps spread over the world's span.
pub(crate) fn add_swaps(record: &mut WorldRecord, count: u32, size: Size) {
    let span = record.ended_ms - START_MS;
    record.events = (0..count)
        .map(|index| EventRow {
            t_ms: START_MS + span * i64::from(index) / i64::from(count.max(1)),
            event: if index % 50 == 0 { "walk_away" } else { "swap" },
            subject: 1 + index % size.cabinets,
            other: (index % 50 != 0).then(|| 1 + size.cabinets + index.wrapping_mul(7919) % size.packs),
            value: f64::from(index % 600) / 60.0,
        })
        .collect();
}

/// Labels of the first `count` variants.
pub(crate) fn labels(count: usize) -> Vec<VariantLabel> {
    let label = |policy: &Policy| VariantLabel {
        name: policy.name.into(),
        description: policy.description.into(),
        changes: if policy.change.is_empty() { Vec::new() } else { vec![policy.change.into()] },
    };
    POLICIES[..count].iter().map(label).collect()
}

/// The story of `variants` variants.
pub(crate) fn story(variants: usize, size: Size) -> Story {
    let end_ms = START_MS + (f64::from(size.samples) * size.interval_days * MS_PER_DAY) as i64;
    let mut condenser = Condenser::new(labels(variants), size.replicates, START_MS, end_ms);
    for variant in 0..variants {
        for replicate in 0..size.replicates {
            condenser.add(&world(variant, replicate, size)).unwrap();
        }
    }
    let assumption = |subject: &str, text: &str, source: &str| Assumption {
        subject: subject.into(),
        text: text.into(),
        source: source.into(),
    };
    Story {
        name: "Saigon: when to charge 120 scooter packs".into(),
        description: "Six cabinets serve seventy riders. Does it pay to charge at night, to stop at 80 %, or to put \
                      photovoltaics on the roofs, once service, energy and worn packs are all counted?"
            .into(),
        start: "2026-01-01T00:00:00+07:00".into(),
        end: format!("20{}-01-01T00:00:00+07:00", 26 + (f64::from(size.samples) * size.interval_days / 365.0) as u32),
        stopped_at: None,
        seed: 7,
        replicates: size.replicates,
        engine_version: "0.1.0".into(),
        currency: "USD".into(),
        twins: BTreeMap::from([
            ("battery".to_owned(), u64::from(size.packs)),
            ("cabinet".to_owned(), u64::from(size.cabinets)),
            ("network".to_owned(), 1),
        ]),
        variants: condenser.finish(),
        assumptions: vec![
            assumption("Calendar ageing", "Arrhenius with 24.5 kJ/mol, square root of time", "Naumann et al., J. Energy Storage 17 (2018) 153–169"),
            assumption("Cycle ageing", "C-rate and depth as fitted on 2.5 Ah LFP cells", "Naumann et al., J. Power Sources 451 (2020) 227666"),
            assumption("Cell scatter", "Capacity ±0.4 %, ageing rate ±12 % (one standard deviation)", "Baumhöfer et al., J. Power Sources 247 (2014) 332–338"),
            assumption("Patience of riders", "10 min on average, exponential", "assumed: no published value found"),
        ],
        warnings: vec![
            "3.2 % of all pack hours lie above 55 °C, outside the range the ageing model was fitted on; wear there is extrapolated.".into(),
        ],
    }
}
