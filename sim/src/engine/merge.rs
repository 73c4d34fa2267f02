//! Zones' tallies to one world's record: named, ordered, with the key figures.

use super::model::VariantModel;
use super::tally::{Key, KeyHasher, Sums, Tally, WAIT_BINS};
use crate::results::atlas::Atlas;
use crate::results::record::{EventRow, ReplacementRow, SeriesRow, Subject, TwinRow, WorldRecord};
use crate::results::spread::percentile;
use std::collections::{BTreeMap, HashMap, HashSet};
use twin::time::{HOUR_MS, Time};

/// Makes the record of a world from the tallies of its zones, given in the zones' order.
pub fn merge(
    model: &VariantModel,
    variant: usize,
    replicate: u32,
    ended: Time,
    tallies: Vec<Tally>,
) -> WorldRecord {
    let mut whole: BTreeMap<(Key, Time), Sums> = BTreeMap::new();
    for (at, key, sums) in tallies.iter().flat_map(|t| &t.sums) {
        whole.entry((*key, *at)).and_modify(|known| known.add(sums)).or_insert_with(|| sums.clone());
    }
    let mut named: HashSet<Key, KeyHasher> = whole.keys().map(|(key, _)| *key).collect();
    for tally in &tallies {
        named.extend(tally.endings.iter().map(|e| e.key));
        named.extend(tally.samples.chunk_by(|a, b| a.key == b.key).map(|run| run[0].key));
        named.extend(tally.happenings.keys());
    }
    let mut keys: Vec<Key> = named.into_iter().collect();
    keys.sort_unstable();
    // For look-up only: nothing iterates over it.
    let index: HashMap<Key, u32, KeyHasher> =
        keys.iter().enumerate().map(|(i, key)| (*key, i as u32)).collect();
    let subject = |key: &Key| index[key];
    let subjects = keys.iter().map(|key| name(model, *key)).collect();

    let mut figures = figures(model, &whole, &tallies);
    let mut atlas: Option<Atlas> = None;
    for tally in &tallies {
        super::cleanup::add_figures(&mut figures, &tally.figures);
        if let Some(more) = &tally.atlas {
            atlas.get_or_insert_default().add(more);
        }
    }
    figures.insert("simulated_days", ended.days_since(model.start));
    let profiles = profiles(model, &whole, &tallies);

    let rows = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum();
    let mut series: Vec<(Time, Key, SeriesRow)> = Vec::with_capacity(rows(|tally| tally.samples.len()));
    let mut events: Vec<EventRow> = Vec::with_capacity(rows(|tally| tally.happenings.count()));
    let mut twins: Vec<(Key, TwinRow)> = Vec::new();
    let mut replacements: Vec<ReplacementRow> = Vec::new();
    for tally in tallies {
        replacements.extend(tally.replacements.iter().map(|r| ReplacementRow {
            t_ms: r.at.0,
            subject: subject(&r.key),
            place: subject(&r.bank),
            reason: r.reason,
            soh: r.soh,
        }));
        series.extend(tally.samples.iter().map(|s| {
            let row = SeriesRow { t_ms: s.at.0, subject: subject(&s.key), metric: s.metric, value: s.value };
            (s.at, s.key, row)
        }));
        events.extend(tally.happenings.into_each(subject).map(|h| EventRow {
            t_ms: h.at.0,
            event: h.event,
            subject: h.key,
            other: h.other,
            value: h.value,
        }));
        twins.extend(tally.endings.into_iter().map(|e| {
            let row = TwinRow { subject: subject(&e.key), group: e.group, values: e.values };
            (e.key, row)
        }));
    }
    for (key, at, metric, value) in rates(&whole) {
        series.push((at, key, SeriesRow { t_ms: at.0, subject: subject(&key), metric, value }));
    }
    // Stable: rows of one instant and twin keep the order in which they were recorded.
    series.sort_by_key(|(at, key, _)| (*at, *key));
    series.dedup_by_key(|(at, key, row)| (*at, *key, row.metric));
    events.sort_by_key(|row| row.t_ms);
    twins.sort_by_key(|(key, ..)| *key);
    replacements.sort_by_key(|row| (row.t_ms, row.place));
    WorldRecord {
        variant,
        replicate,
        ended_ms: ended.0,
        partial: ended < model.end,
        subjects,
        series: series.into_iter().map(|(.., row)| row).collect(),
        events,
        twins: twins.into_iter().map(|(.., row)| row).collect(),
        figures,
        profiles,
        atlas,
        replacements,
    }
}

/// What a thing that rows speak of is called.
pub(super) fn name(model: &VariantModel, key: Key) -> Subject {
    let generation = |stem: String, generation: u32| match generation {
        0 => stem,
        more => format!("{stem}#{}", more + 1),
    };
    let (kind, id) = match key {
        Key::NetworkPack(network, number, g) => (
            "battery",
            generation(format!("{}-{}", model.networks[network as usize].file.name, number + 1), g),
        ),
        Key::GroupPack(group, number, g) => {
            ("battery", generation(format!("{}-{}", model.groups[group as usize].file.name, number + 1), g))
        }
        Key::Cell(group, number, g, cell) => {
            let group = &model.groups[group as usize];
            let series = model.kinds[group.kind].pack.layout.series;
            let pack = generation(format!("{}-{}", group.file.name, number + 1), g);
            ("cell", format!("{pack}-s{}-p{}", cell % series + 1, cell / series + 1))
        }
        Key::Cabinet(network, number) => {
            ("cabinet", format!("{}-cabinet-{}", model.networks[network as usize].file.name, number + 1))
        }
        Key::Network(network) => ("network", model.networks[network as usize].file.name.clone()),
        Key::Group(group) => ("group", model.groups[group as usize].file.name.clone()),
        Key::Cleanup(cleanup, member, number) => return super::cleanup::name(model, cleanup, member, number),
        site => super::sites::name(model, site),
    };
    Subject { kind, id }
}

/// Per-day figures between one sampling instant and the next.
fn rates(whole: &BTreeMap<(Key, Time), Sums>) -> Vec<(Key, Time, &'static str, f64)> {
    let mut rows = Vec::new();
    let mut before: Option<(Key, Time, &Sums)> = None;
    for ((key, at), sums) in whole {
        if let Some((_, from, old)) = before.filter(|(known, ..)| known == key) {
            let days = at.days_since(from);
            if days > 0.0 {
                let mut rate = |metric, a: f64, b: f64| rows.push((*key, *at, metric, (b - a) / days));
                rate("energy_delivered_kwh_per_day", old.delivered_wh * 1e-3, sums.delivered_wh * 1e-3);
                if matches!(key, Key::Network(_)) {
                    rate("swaps_per_day", old.swaps, sums.swaps);
                    rate("walk_aways_per_day", old.walk_aways, sums.walk_aways);
                    rate("lost_per_day", old.lost, sums.lost);
                    rate("grid_kwh_per_day", old.grid_wh * 1e-3, sums.grid_wh * 1e-3);
                    rate("solar_kwh_per_day", old.solar_wh * 1e-3, sums.solar_wh * 1e-3);
                    rate("cost_per_day", old.cost, sums.cost);
                    rate("carbon_kg_per_day", old.carbon_g * 1e-3, sums.carbon_g * 1e-3);
                    let swaps = (sums.swaps - old.swaps).max(1.0);
                    let waited_min = (sums.waited_s - old.waited_s) / 60.0 / swaps;
                    rows.push((*key, *at, "waiting_mean_min", waited_min));
                    rows.push((*key, *at, "ready_packs", sums.ready));
                }
            }
        }
        rows.push((*key, *at, "replacements_total", sums.replacements));
        before = Some((*key, *at, sums));
    }
    rows
}

/// Sums of every network and group at the end.
fn last(whole: &BTreeMap<(Key, Time), Sums>) -> BTreeMap<Key, &Sums> {
    whole.iter().map(|((key, _), sums)| (*key, sums)).collect()
}

fn figures(
    model: &VariantModel,
    whole: &BTreeMap<(Key, Time), Sums>,
    tallies: &[Tally],
) -> BTreeMap<&'static str, f64> {
    let mut all = Sums::new();
    let (mut replacement_cost, mut production_kg) = (0.0, 0.0);
    for (key, sums) in last(whole) {
        all.add(sums);
        let kind = match key {
            Key::Network(network) => &model.kinds[model.networks[network as usize].kind],
            Key::Group(group) => &model.kinds[model.groups[group as usize].kind],
            Key::DataCentre(centre) => &model.kinds[model.sites.data_centres[centre as usize].kind],
            _ => continue,
        };
        replacement_cost += sums.replacements * kind.price;
        production_kg += sums.replacements * kind.production_carbon_kg;
    }
    let days = whole.keys().map(|(_, at)| at.days_since(model.start)).fold(0.0, f64::max);
    let sites = &model.sites;
    let without_batteries = model.networks.is_empty()
        && model.groups.is_empty()
        && sites.data_centres.is_empty()
        && sites.chains.is_empty();
    if without_batteries {
        return BTreeMap::new();
    }
    let mut figures = BTreeMap::from([
        ("replacements_total", all.replacements),
        ("replacement_cost", replacement_cost),
        ("production_carbon_kg", production_kg),
        ("energy_throughput_kwh", all.delivered_wh * 1e-3),
        ("losses_kwh", all.losses_wh * 1e-3),
        ("unserved_kwh", all.unserved_wh * 1e-3),
    ]);
    let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
    let outside = share(all.outside_h, all.pack_h).max(share(all.outside_efc, all.efc));
    figures.insert("outside_fitted_range_pct", 100.0 * outside);
    let soh: Vec<f64> = sorted(tallies.iter().flat_map(|t| t.final_soh.values().flatten().copied()));
    let resistance: Vec<f64> =
        sorted(tallies.iter().flat_map(|t| t.final_resistance.values().flatten().copied()));
    if !soh.is_empty() {
        figures.insert("soh_mean_pct", 100.0 * mean(&soh));
        figures.insert("soh_p10_pct", 100.0 * percentile(&soh, 0.1).unwrap_or(0.0));
        figures.insert("soh_p90_pct", 100.0 * percentile(&soh, 0.9).unwrap_or(0.0));
        figures.insert("resistance_growth_mean_pct", 100.0 * (mean(&resistance) - 1.0));
    }
    if all.packs > 0.0 {
        figures.insert("efc_mean", all.efc / all.packs);
    }
    if !model.networks.is_empty() {
        let peak = tallies.iter().flat_map(|t| t.peak_w.values()).fold(0.0, |a: f64, b| a.max(*b));
        let tried = all.swaps + all.lost;
        figures.extend([
            ("swaps_total", all.swaps),
            ("swaps_per_day", share(all.swaps, days)),
            ("walk_aways_total", all.walk_aways),
            ("lost_swaps_total", all.lost),
            ("energy_consumed_kwh", all.energy_wh * 1e-3),
            ("grid_energy_kwh", all.grid_wh * 1e-3),
            ("solar_energy_kwh", all.solar_wh * 1e-3),
            ("peak_site_kw", peak * 1e-3),
            ("energy_cost", all.cost),
            ("total_cost", all.cost + replacement_cost),
            ("grid_carbon_kg", all.carbon_g * 1e-3),
        ]);
        // A mean over none is no figure.
        if tried > 0.0 {
            figures.insert("served_pct", 100.0 * all.swaps / tried);
        }
        if all.swaps > 0.0 {
            figures.extend([
                ("waiting_mean_min", all.waited_s / 60.0 / all.swaps),
                ("waiting_p95_min", waiting_percentile_min(&all.waits, 0.95)),
                ("cost_per_swap", (all.cost + replacement_cost) / all.swaps),
                ("carbon_per_swap_kg", (all.carbon_g * 1e-3 + production_kg) / all.swaps),
                ("peak_usage_hour", peak_hour(&all.by_hour)),
            ]);
        }
        if all.charges > 0.0 {
            figures.insert("average_charging_time_min", all.charging_h * 60.0 / all.charges);
        }
    }
    super::sites::figures(&mut figures, tallies);
    figures
}

fn profiles(
    model: &VariantModel,
    whole: &BTreeMap<(Key, Time), Sums>,
    tallies: &[Tally],
) -> BTreeMap<&'static str, Vec<f64>> {
    let mut profiles = BTreeMap::new();
    let soh: Vec<f64> = tallies.iter().flat_map(|t| t.final_soh.values().flatten().copied()).collect();
    if !soh.is_empty() {
        let mut bins = vec![0.0; 40];
        for value in &soh {
            bins[(((value - 0.6) * 100.0).floor().max(0.0) as usize).min(39)] += 1.0 / soh.len() as f64;
        }
        profiles.insert("soh_histogram", bins);
    }
    super::sites::profiles(&mut profiles, tallies);
    super::survival::profiles(&mut profiles, tallies);
    if model.networks.is_empty() {
        return profiles;
    }
    let mut all = Sums::new();
    last(whole).values().for_each(|sums| all.add(sums));
    let days = whole.keys().map(|(_, at)| at.days_since(model.start)).fold(0.0, f64::max).max(1e-9);
    profiles.insert("swaps_by_hour", all.by_hour.iter().map(|n| n / days).collect());
    // The meters count in UTC; a shift by whole hours brings them to local time.
    let shift = model.local.ms.div_euclid(HOUR_MS).rem_euclid(24) as usize;
    let kw = (0..24).map(|local| all.energy_by_utc_hour_wh[(local + 24 - shift) % 24] * 1e-3 / days);
    profiles.insert("charging_kw_by_hour", kw.collect());
    let waited: f64 = all.waits[1..].iter().sum();
    if waited > 0.0 {
        let mut bins: Vec<f64> = all.waits[1..=30].iter().map(|n| n / waited).collect();
        bins.push(all.waits[31..].iter().sum::<f64>() / waited);
        profiles.insert("waiting_histogram", bins);
    }
    profiles
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Waiting time that this share of the served riders did not exceed [min], from whole-minute bins.
fn waiting_percentile_min(waits: &[f64], share: f64) -> f64 {
    let total: f64 = waits.iter().sum();
    let mut left = share * total;
    for (bin, count) in waits.iter().enumerate() {
        if left <= *count && *count > 0.0 {
            return if bin == 0 { 0.0 } else { (bin - 1) as f64 + left / count };
        }
        left -= count;
    }
    (WAIT_BINS - 2) as f64
}

/// Local hour with the most swaps, the earliest among equals.
fn peak_hour(by_hour: &[f64]) -> f64 {
    let mut best = 0;
    for hour in 1..24 {
        if by_hour[hour] > by_hour[best] {
            best = hour;
        }
    }
    best as f64
}
