//! Condenses worlds to what a report shows, one world at a time.
//!
//! A world is reduced as it arrives: its figures and profiles are kept as they are; its series become, for each
//! kind, metric and slot of time, a sum and at most `SAMPLES_PER_WORLD` values in order of size. What is kept is
//! therefore bounded by worlds × metrics × slots, whatever the number of twins, and is merged in the order of
//! replicates, whatever the order of arrival.

use super::ResultsError;
use super::atlas::Atlas;
use super::record::WorldRecord;
use super::spread::{percentile, spread, weighted_percentile};
use super::story::{Band, Replacement, Spread, VariantStory};
use std::collections::{BTreeMap, BTreeSet};

/// Values that one world contributes to the percentiles of one slot at most. Up to this many twins percentiles
/// are exact; a larger world is represented by as many of its own percentiles, evenly spread.
const SAMPLES_PER_WORLD: usize = 256;

/// Slots of time that the planned span is divided into: about one per two pixels of a chart. Rows further apart
/// than a slot stay as they are; denser rows of one slot are pooled.
const SLOTS: i64 = 360;

/// What a variant is called and how it differs, in a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VariantLabel {
    /// Name.
    pub name: String,
    /// What is different, in the author's words.
    pub description: String,
    /// What is different, as `path: value`.
    pub changes: Vec<String>,
}

/// Condenses the worlds of a plan.
#[derive(Debug)]
pub struct Condenser {
    variants: Vec<Variant>,
    replicates: u32,
    start_ms: i64,
    slot_ms: i64,
}

impl Condenser {
    /// Condenser for a plan of `labels` × `replicates` worlds from `start_ms` to `end_ms` (ms since the Unix epoch).
    #[must_use]
    pub fn new(labels: Vec<VariantLabel>, replicates: u32, start_ms: i64, end_ms: i64) -> Self {
        let variants = labels.into_iter().map(|label| Variant { label, state: State::Open(BTreeMap::new()) });
        Self {
            variants: variants.collect(),
            replicates,
            start_ms,
            slot_ms: ((end_ms - start_ms) / SLOTS).max(1),
        }
    }

    /// Takes one world. Once a variant has all its replicates, only its story is kept.
    pub fn add(&mut self, record: &WorldRecord) -> Result<(), ResultsError> {
        let share = Share::of(record, self.start_ms, self.slot_ms)?;
        let variants = self.variants.len();
        let variant = self
            .variants
            .get_mut(record.variant)
            .ok_or(ResultsError::UnknownVariant { index: record.variant, variants })?;
        if let State::Open(shares) = &mut variant.state {
            shares.insert(record.replicate, share);
            if shares.len() as u64 >= u64::from(self.replicates) {
                variant.close();
            }
        }
        Ok(())
    }

    /// The variants' stories, in the plan's order. A variant without worlds has no figures.
    #[must_use]
    pub fn finish(self) -> Vec<VariantStory> {
        self.variants
            .into_iter()
            .map(|mut variant| {
                variant.close();
                let State::Closed(told) = variant.state else { unreachable!("closed above") };
                VariantStory {
                    name: variant.label.name,
                    description: variant.label.description,
                    changes: variant.label.changes,
                    figures: told.figures,
                    bands: told.bands,
                    profiles: told.profiles,
                    atlas: told.atlas,
                    replacements: told.replacements,
                }
            })
            .collect()
    }
}

#[derive(Debug)]
struct Variant {
    label: VariantLabel,
    state: State,
}

impl Variant {
    fn close(&mut self) {
        if let State::Open(shares) = &mut self.state {
            let shares = std::mem::take(shares);
            self.state = State::Closed(Told::of(&shares));
        }
    }
}

#[derive(Debug)]
enum State {
    /// Worlds so far, by replicate.
    Open(BTreeMap<u32, Share>),
    /// All worlds are in.
    Closed(Told),
}

#[derive(Debug)]
struct Told {
    figures: BTreeMap<String, Spread>,
    bands: Vec<Band>,
    profiles: BTreeMap<String, Vec<f64>>,
    atlas: Option<Atlas>,
    replacements: Vec<Replacement>,
}

impl Told {
    fn of(shares: &BTreeMap<u32, Share>) -> Self {
        Self {
            figures: figures(shares),
            bands: bands(shares),
            profiles: profiles(shares),
            atlas: shares.values().next().and_then(|first| first.atlas.clone()),
            replacements: shares.values().next().map(|first| first.replacements.clone()).unwrap_or_default(),
        }
    }
}

/// What is kept of one world.
#[derive(Debug)]
struct Share {
    figures: BTreeMap<&'static str, f64>,
    profiles: BTreeMap<&'static str, Vec<f64>>,
    series: BTreeMap<(&'static str, &'static str), Track>,
    /// Of the first replicate only.
    atlas: Option<Atlas>,
    /// Of the first replicate only.
    replacements: Vec<Replacement>,
}

/// What is kept of one world's values of one metric.
#[derive(Debug, Default)]
struct Track {
    subjects: BTreeSet<u32>,
    slots: BTreeMap<i64, Slot>,
}

/// What is kept of one world's values of one metric within one slot of time.
#[derive(Debug)]
struct Slot {
    count: usize,
    sum: f64,
    sum_t_days: f64,
    /// Ascending; each stands for `count / sample.len()` values.
    sample: Vec<f64>,
}

impl Share {
    fn of(record: &WorldRecord, start_ms: i64, slot_ms: i64) -> Result<Self, ResultsError> {
        let mut series: BTreeMap<_, Track> = BTreeMap::new();
        for row in record.series.iter().filter(|row| row.value.is_finite()) {
            let subject = record.subjects.get(row.subject as usize).ok_or(ResultsError::UnknownSubject {
                index: row.subject,
                subjects: record.subjects.len(),
            })?;
            let since_ms = row.t_ms - start_ms;
            let track: &mut Track = series.entry((subject.kind, row.metric)).or_default();
            track.subjects.insert(row.subject);
            let slot = track.slots.entry(since_ms.div_euclid(slot_ms)).or_insert_with(Slot::empty);
            slot.count += 1;
            slot.sum += row.value;
            slot.sum_t_days += since_ms as f64 / MS_PER_DAY;
            slot.sample.push(row.value);
        }
        series.values_mut().flat_map(|track| track.slots.values_mut()).for_each(Slot::thin);
        Ok(Self {
            figures: record.figures.clone(),
            profiles: record.profiles.clone(),
            series,
            atlas: record.atlas.clone().filter(|_| record.replicate == 0),
            replacements: if record.replicate == 0 { replacements(record) } else { Vec::new() },
        })
    }
}

const MS_PER_DAY: f64 = 86_400_000.0;

impl Slot {
    fn empty() -> Self {
        Self { count: 0, sum: 0.0, sum_t_days: 0.0, sample: Vec::new() }
    }

    /// Sorts the sample, and replaces a large one by the middles of as many equal shares of it.
    fn thin(&mut self) {
        self.sample.sort_by(f64::total_cmp);
        if self.sample.len() > SAMPLES_PER_WORLD {
            let (n, kept) = (self.sample.len() as f64, SAMPLES_PER_WORLD as f64);
            let middles = (0..SAMPLES_PER_WORLD).map(|i| {
                // The middle of share i lies at rank (i + ½)·n/kept − ½ of n − 1.
                let rank = (i as f64 + 0.5) * n / kept - 0.5;
                percentile(&self.sample, rank / (n - 1.0)).unwrap_or(f64::NAN)
            });
            self.sample = middles.collect();
        }
        self.sample.shrink_to_fit();
    }
}

fn figures(shares: &BTreeMap<u32, Share>) -> BTreeMap<String, Spread> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (&name, &value) in shares.values().flat_map(|share| &share.figures) {
        values.entry(name).or_default().push(value);
    }
    values.into_iter().filter_map(|(name, values)| Some((name.to_owned(), spread(values)?))).collect()
}

fn profiles(shares: &BTreeMap<u32, Share>) -> BTreeMap<String, Vec<f64>> {
    let mut columns: BTreeMap<&str, Vec<Vec<f64>>> = BTreeMap::new();
    for (&name, profile) in shares.values().flat_map(|share| &share.profiles) {
        let bins = columns.entry(name).or_default();
        bins.resize(bins.len().max(profile.len()), Vec::new());
        for (bin, &value) in bins.iter_mut().zip(profile) {
            bin.push(value);
        }
    }
    let mean = |bin: Vec<f64>| spread(bin).map_or(0.0, |spread| spread.mean);
    columns.into_iter().map(|(name, bins)| (name.to_owned(), bins.into_iter().map(mean).collect())).collect()
}

/// Pieces of one place, date and reason together, in order of time.
fn replacements(record: &WorldRecord) -> Vec<Replacement> {
    let id = |index: u32| record.subjects.get(index as usize).map_or("", |subject| subject.id.as_str());
    let mut together: Vec<Replacement> = Vec::new();
    for row in &record.replacements {
        let on = date_of(row.t_ms, row.t_ms > record.ended_ms);
        let place = id(row.place);
        let name = id(row.subject);
        let piece = name.strip_prefix(place).map_or(name, |rest| rest.trim_start_matches('/')).to_owned();
        let known = together.iter_mut().rev().take_while(|known| known.on == on);
        let mut known = known.filter(|known| known.place == place && known.reason == row.reason);
        match known.next() {
            Some(known) => {
                known.pieces.push(piece);
                known.soh_min = known.soh_min.min(row.soh);
            }
            None => {
                let (place, reason) = (place.to_owned(), row.reason.to_owned());
                together.push(Replacement { on, place, pieces: vec![piece], reason, soh_min: row.soh });
            }
        }
    }
    together
}

/// A date; of forecasts the first of its month, for they are no better than that.
fn date_of(t_ms: i64, is_forecast: bool) -> String {
    let date = jiff::Timestamp::from_millisecond(t_ms).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date());
    let date = date.map(|date| if is_forecast { date.first_of_month() } else { date });
    date.map_or_else(|_| String::new(), |date| date.to_string())
}

/// What all worlds have of one metric.
#[derive(Default)]
struct Merged<'a> {
    worlds: f64,
    subjects: f64,
    slots: BTreeMap<i64, Vec<&'a Slot>>,
}

fn bands(shares: &BTreeMap<u32, Share>) -> Vec<Band> {
    let mut merged: BTreeMap<(&str, &str), Merged<'_>> = BTreeMap::new();
    for (&key, track) in shares.values().flat_map(|share| &share.series) {
        let into = merged.entry(key).or_default();
        into.worlds += 1.0;
        into.subjects += track.subjects.len() as f64;
        for (&index, slot) in &track.slots {
            into.slots.entry(index).or_default().push(slot);
        }
    }
    merged.into_iter().map(|((kind, metric), merged)| band(kind, metric, &merged)).collect()
}

fn band(kind: &str, metric: &str, merged: &Merged<'_>) -> Band {
    let mut band = Band {
        kind: kind.to_owned(),
        metric: metric.to_owned(),
        subjects: merged.subjects / merged.worlds,
        t_days: Vec::new(),
        mean: Vec::new(),
        p10: Vec::new(),
        p50: Vec::new(),
        p90: Vec::new(),
    };
    for worlds in merged.slots.values() {
        let count = worlds.iter().map(|slot| slot.count).sum::<usize>() as f64;
        let mut pooled: Vec<(f64, f64)> = Vec::new();
        for slot in worlds {
            let weight = slot.count as f64 / slot.sample.len() as f64;
            pooled.extend(slot.sample.iter().map(|&value| (value, weight)));
        }
        pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at = |q| weighted_percentile(&pooled, q).unwrap_or(f64::NAN);
        band.t_days.push(worlds.iter().map(|slot| slot.sum_t_days).sum::<f64>() / count);
        band.mean.push(worlds.iter().map(|slot| slot.sum).sum::<f64>() / count);
        band.p10.push(at(0.1));
        band.p50.push(at(0.5));
        band.p90.push(at(0.9));
    }
    band
}
