//! All batches at a glance: by time, by place, and what lists, searches and sums need of each.
//!
//! Filled from the store at first use; every change of a batch is noted as it happens. Places are points on the unit
//! sphere: nearer on the globe is nearer in space, so neither the date line nor a pole is anything special.

use super::record::{BatchRecord, Device, Facility};
use crate::identity::Visibility;
use crate::platform::TwinId;
use rstar::RTree;
use rstar::primitives::GeomWithData;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use twin::geo::{EARTH_RADIUS_KM, Position};
use twin::plastic::batch::{BatchId, Closed, Stage};
use twin::plastic::custody::MassLedger;
use twin::plastic::gear::Method;
use twin::plastic::impact::{self, BatchImpact};
use twin::plastic::material::Resin;
use twin::time::Time;

/// What is needed of a batch to find and count it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: BatchId,
    pub(super) owners: Vec<Arc<str>>,
    /// Organisation that collected it, as it was named.
    pub(super) organisation_id: Option<Arc<str>>,
    pub(super) device: Option<Arc<str>>,
    pub(super) stage: Stage,
    pub(super) closed: Option<Closed>,
    /// Whether it was collected, and not made of others.
    pub(super) is_root: bool,
    pub(super) method: Method,
    pub(super) zone: Option<Arc<str>>,
    /// When it was collected.
    pub(super) at: Time,
    pub(super) position: Option<Position>,
    /// As collected [kg].
    pub(super) resin_kg: [f64; 7],
    /// As collected [kg].
    pub(super) total_kg: f64,
    pub(super) impact: BatchImpact,
    pub(super) ledger: MassLedger,
    version: u64,
}

impl Row {
    fn of(record: &BatchRecord, version: u64) -> Self {
        let batch = &record.batch;
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        let mut ledger = MassLedger::default();
        ledger.count(batch);
        Self {
            id: batch.id,
            owners: record.owners.clone(),
            organisation_id: text(&batch.origin.collector.organisation),
            device: text(&batch.origin.collector.device),
            stage: batch.stage(),
            closed: batch.closed,
            is_root: batch.parents.is_empty(),
            method: batch.origin.method,
            zone: text(&batch.origin.place.ocean_zone),
            at: batch.origin.at,
            position: batch.origin.place.position,
            resin_kg: Resin::ALL.map(|resin| record.collected.of_resin_kg(resin)),
            total_kg: record.collected.mass_kg(),
            impact: impact::of_batch(batch, record.nets, record.recovered_kg),
            ledger,
            version,
        }
    }

    /// Whether it was taken back; then it is not there.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.closed == Some(Closed::Withdrawn)
    }

    /// Whether somebody sees it.
    pub(super) fn is_seen_by(&self, visible: &Visibility) -> bool {
        sees(visible, &self.owners, self.device.as_deref())
    }
}

/// Whether somebody sees what belongs to some organisations and came from a device.
pub(super) fn sees(visible: &Visibility, owners: &[Arc<str>], device: Option<&str>) -> bool {
    match visible {
        Visibility::Everything => true,
        Visibility::Organisation(own) => owners.contains(own),
        Visibility::Device(own) => device == Some(own.id.as_ref()),
        Visibility::Party { .. } | Visibility::Nothing => false,
    }
}

/// Which batches.
#[derive(Debug, Clone, Default)]
pub struct WhichBatches {
    /// In these stages; any where none is named.
    pub stages: Vec<Stage>,
    /// Collected from here on.
    pub from: Option<Time>,
    /// Collected up to here.
    pub to: Option<Time>,
    /// By this organisation.
    pub organisation_id: Option<String>,
    /// So.
    pub method: Option<Method>,
    /// With any of these in it.
    pub resins: Vec<Resin>,
    /// Told of by this device.
    pub device: Option<String>,
}

impl WhichBatches {
    pub(super) fn includes(&self, row: &Row) -> bool {
        let is = |wanted: &Option<String>, found: &Option<Arc<str>>| {
            wanted.as_deref().is_none_or(|wanted| found.as_deref() == Some(wanted))
        };
        let word = row.stage.status();
        !row.is_withdrawn()
            && (self.stages.is_empty() || self.stages.iter().any(|stage| stage.status() == word))
            && self.from.is_none_or(|from| row.at >= from)
            && self.to.is_none_or(|to| row.at <= to)
            && is(&self.organisation_id, &row.organisation_id)
            && is(&self.device, &row.device)
            && self.method.is_none_or(|method| row.method == method)
            && (self.resins.is_empty() || self.resins.iter().any(|resin| row.resin_kg[*resin as usize] > 0.0))
    }
}

type Point = GeomWithData<[f64; 3], u32>;

/// A place on the unit sphere.
fn on_sphere(place: Position) -> [f64; 3] {
    let (lat, lon) = (place.latitude_deg.to_radians(), place.longitude_deg.to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

fn chord_2(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Square of the chord over a way on the globe.
fn chord_2_of(distance_km: f64) -> f64 {
    let half = (0.5 * distance_km / EARTH_RADIUS_KM).min(std::f64::consts::FRAC_PI_2);
    (2.0 * half.sin()).powi(2)
}

/// Within more than this there is so much of the globe that looking at all batches in their order is quicker [km].
const WIDE_KM: f64 = 5_000.0;
/// Where nothing is near.
const NOWHERE: [f64; 3] = [f64::NAN; 3];

/// Everything at a glance.
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: Vec<Row>,
    /// Their places, in the same order.
    points: Vec<[f64; 3]>,
    by_id: HashMap<BatchId, u32>,
    by_time: BTreeSet<(Time, BatchId)>,
    places: RTree<Point>,
    /// Highest number given in each year.
    given: BTreeMap<u16, u32>,
    pub(super) devices: BTreeMap<Arc<str>, Arc<Device>>,
    pub(super) by_twin: HashMap<TwinId, Arc<str>>,
    /// What was told last of each device's being there.
    pub(super) online: HashMap<Arc<str>, bool>,
    pub(super) facilities: BTreeMap<Arc<str>, Arc<Facility>>,
}

impl Index {
    /// Notes many batches of a store that was not looked at yet.
    pub(super) fn fill(&mut self, records: impl IntoIterator<Item = (BatchRecord, u64)>) {
        let mut points = Vec::new();
        for (record, version) in records {
            if let Some(point) = self.put(&record, version) {
                points.push(point);
            }
        }
        points.extend(std::mem::take(&mut self.places).iter().copied());
        self.places = RTree::bulk_load(points);
    }

    /// Notes a batch as it is now.
    pub(super) fn note(&mut self, record: &BatchRecord, version: u64) {
        if let Some(point) = self.put(record, version) {
            self.places.insert(point);
        }
    }

    /// Keeps a row; its point where it is new. Where a batch was collected does not change.
    fn put(&mut self, record: &BatchRecord, version: u64) -> Option<Point> {
        let row = Row::of(record, version);
        let given = self.given.entry(row.id.year).or_default();
        *given = (*given).max(row.id.number);
        if let Some(slot) = self.by_id.get(&row.id) {
            let known = &mut self.rows[*slot as usize];
            // What was read before it changed, and comes late, changes nothing.
            if known.version < version {
                *known = row;
            }
            return None;
        }
        let slot = u32::try_from(self.rows.len()).ok()?;
        self.by_id.insert(row.id, slot);
        self.by_time.insert((row.at, row.id));
        let point = row.position.map(on_sphere);
        self.points.push(point.unwrap_or(NOWHERE));
        self.rows.push(row);
        point.map(|point| Point::new(point, slot))
    }

    /// Gives so many numbers of a year out; the first of them.
    pub(super) fn number(&mut self, year: u16, count: u32) -> Option<u32> {
        let given = self.given.entry(year).or_default();
        let first = given.checked_add(1)?;
        *given = given.checked_add(count)?;
        Some(first)
    }

    pub(super) fn row(&self, id: BatchId) -> Option<&Row> {
        self.by_id.get(&id).map(|slot| &self.rows[*slot as usize])
    }

    /// Batches collected in a span, the newest first.
    pub(super) fn newest(&self, from: Option<Time>, to: Option<Time>) -> impl Iterator<Item = &Row> {
        let first = BatchId { year: 0, number: 0 };
        let last = BatchId { year: u16::MAX, number: u32::MAX };
        let low = (from.unwrap_or(Time(i64::MIN)), first);
        let high = (to.unwrap_or(Time(i64::MAX)), last);
        let range = (low <= high).then(|| self.by_time.range(low..=high));
        range.into_iter().flatten().rev().filter_map(|(_, id)| self.row(*id))
    }

    /// All batches.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Batches collected within a distance that are wanted, the nearest first: a part of them with their distances, and
    /// how many there are.
    pub(super) fn near(
        &self,
        centre: Position,
        radius_km: f64,
        (skip, limit): (usize, usize),
        wanted: impl Fn(&Row) -> bool,
    ) -> (Vec<(&Row, f64)>, usize) {
        let from = on_sphere(centre);
        // Chords round otherwise than distances do: close to the edge the distance decides.
        let edge = chord_2_of(radius_km);
        let (inner, outer) = (edge * (1.0 - 1e-9) - 1e-15, edge * (1.0 + 1e-9) + 1e-15);
        let is_inside = |chord_2: f64, row: &Row| {
            chord_2 <= inner || row.position.is_some_and(|place| centre.distance_km(place) <= radius_km)
        };
        let mut found: Vec<(f64, u32)> = Vec::new();
        let mut look = |point: &[f64; 3], slot: u32| {
            let (chord_2, row) = (chord_2(point, &from), &self.rows[slot as usize]);
            if chord_2 <= outer && wanted(row) && is_inside(chord_2, row) {
                found.push((chord_2, slot));
            }
        };
        if radius_km > WIDE_KM {
            self.points.iter().zip(0..).for_each(|(point, slot)| look(point, slot));
        } else {
            let near = self.places.locate_within_distance(from, outer);
            near.for_each(|point| look(point.geom(), point.data));
        }
        let total = found.len();
        let order = |a: &(f64, u32), b: &(f64, u32)| {
            let id = |slot: u32| self.rows[slot as usize].id;
            a.0.total_cmp(&b.0).then_with(|| id(a.1).cmp(&id(b.1)))
        };
        let end = skip.saturating_add(limit).min(total);
        if end < total && end > 0 {
            found.select_nth_unstable_by(end - 1, order);
            found.truncate(end);
        }
        found.sort_unstable_by(order);
        let page = found.into_iter().take(end).skip(skip).filter_map(|(_, slot)| {
            let row = &self.rows[slot as usize];
            Some((row, centre.distance_km(row.position?)))
        });
        (page.collect(), total)
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
