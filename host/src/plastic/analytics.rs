//! What was collected, and what it means: sums over batches, and what their vessels burnt and went over.

use super::effort::Effort;
use super::index::{Index, Row};
use super::{Flaw, Plastic, PlasticError, counted};
use crate::identity::{Action, Caller, Visibility, policy};
use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use twin::plastic::factors::FACTOR_SET;
use twin::plastic::gear::Method;
use twin::plastic::impact::{
    self, BatchImpact, COLLECTION_KG_CO2E_PER_KG, MarineLife, density_kg_per_km2, world_grid_kg_co2e_per_kwh,
};
use twin::time::Time;

/// Most buckets of an answer.
const BUCKETS_MAX: usize = 4_000;

/// What is summed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Collected from here on.
    pub from: Time,
    /// Collected up to here.
    pub to: Time,
    /// By this organisation.
    pub organisation_id: Option<String>,
}

/// What a bucket spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// A day of UTC.
    Day,
    /// A week from Monday on.
    Week,
    /// A calendar month.
    Month,
}

/// What was collected in a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Its first day.
    pub first: Date,
    /// Batches.
    pub batches: usize,
    /// Their weight [kg].
    pub mass_kg: f64,
}

/// What was collected.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionStats {
    /// Batches.
    pub batches: usize,
    /// Their weight [kg].
    pub mass_kg: f64,
    /// Batches with a resin in them, and its weight [kg], in the order of resin codes.
    pub resins: [(usize, f64); 7],
    /// Batches by method, in the order of [`Method::ALL`].
    pub methods: [usize; 4],
    /// All spans in order, empty ones too.
    pub buckets: Vec<Bucket>,
}

/// What was collected means for climate and sea.
#[derive(Debug, Clone, PartialEq)]
pub struct Environmental {
    /// Sums over batches.
    pub sum: BatchImpact,
    /// Animals in nets.
    pub life: MarineLife,
    /// What devices burnt and went over.
    pub effort: Effort,
    /// Collecting, by fuel where that is known and by weight where not [kg CO2e].
    pub collection_kg_co2e: f64,
    /// Of that, by weight alone [kg CO2e].
    pub collection_assumed_kg_co2e: f64,
    /// Carrying [kg CO2e].
    pub transport_kg_co2e: f64,
    /// Treating [kg CO2e].
    pub processing_kg_co2e: f64,
    /// Gone over, by tracks where there are any [km²].
    pub area_km2: f64,
    /// Of that, what follows from weight and usual densities [km²].
    pub area_assumed_km2: f64,
    /// Carbon of electricity that was assumed [kg CO2e/kWh].
    pub grid_kg_co2e_per_kwh: f64,
    /// Method and factors.
    pub method: &'static str,
    /// The same.
    pub factor_set: &'static str,
}

impl Environmental {
    /// All that was emitted [kg CO2e].
    pub fn total_kg_co2e(&self) -> f64 {
        self.collection_kg_co2e + self.transport_kg_co2e + self.processing_kg_co2e
    }

    /// Less what virgin plastic would have emitted; negative is a benefit [kg CO2e].
    pub fn net_kg_co2e(&self) -> f64 {
        self.total_kg_co2e() - self.sum.avoided_kg_co2e
    }
}

/// The day of UTC that an instant lies in.
pub(super) fn day_of(at: Time) -> Date {
    let instant = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    instant.to_zoned(TimeZone::UTC).date()
}

impl GroupBy {
    fn first(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let back = i64::from(day.weekday().since(Weekday::Monday));
                day.checked_sub(back.days()).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
        }
    }

    fn next(self, first: Date) -> Option<Date> {
        let span = match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
        };
        first.checked_add(span).ok()
    }
}

impl Window {
    fn check(&self) -> Result<(), PlasticError> {
        if self.to < self.from {
            return Err(PlasticError::unfit(Flaw::Other, "endDate", "is before startDate"));
        }
        Ok(())
    }

    /// Batches collected in it that somebody sees, the newest first; those made of others as well.
    fn rows<'a>(&'a self, index: &'a Index, visible: &'a Visibility) -> impl Iterator<Item = &'a Row> + 'a {
        let is_of = |row: &&Row| {
            let wanted = self.organisation_id.as_deref();
            wanted.is_none_or(|wanted| row.organisation_id.as_deref() == Some(wanted))
        };
        let rows = index.newest(Some(self.from), Some(self.to));
        rows.filter(|row| !row.is_withdrawn() && row.is_seen_by(visible)).filter(is_of)
    }
}

/// What was collected in a window.
pub(super) fn collection(
    index: &Index,
    visible: &Visibility,
    window: &Window,
    by: GroupBy,
) -> Result<CollectionStats, PlasticError> {
    let last = day_of(window.to);
    let mut buckets = Vec::new();
    let mut first = Some(by.first(day_of(window.from)));
    while let Some(day) = first.filter(|day| *day <= last) {
        if buckets.len() >= BUCKETS_MAX {
            let reason = format!("more than {BUCKETS_MAX} spans; group by month, or ask for less");
            return Err(PlasticError::unfit(Flaw::Other, "groupBy", reason));
        }
        buckets.push(Bucket { first: day, batches: 0, mass_kg: 0.0 });
        first = by.next(day);
    }
    let mut stats =
        CollectionStats { batches: 0, mass_kg: 0.0, resins: [(0, 0.0); 7], methods: [0; 4], buckets };
    for row in window.rows(index, visible).filter(|row| row.is_root) {
        stats.batches += 1;
        stats.mass_kg += row.total_kg;
        for (known, kg) in stats.resins.iter_mut().zip(row.resin_kg) {
            if kg > 0.0 {
                *known = (known.0 + 1, known.1 + kg);
            }
        }
        if let Some(method) = Method::ALL.iter().position(|known| *known == row.method) {
            stats.methods[method] += 1;
        }
        let first = by.first(day_of(row.at));
        if let Ok(place) = stats.buckets.binary_search_by_key(&first, |bucket| bucket.first) {
            stats.buckets[place].batches += 1;
            stats.buckets[place].mass_kg += row.total_kg;
        }
    }
    Ok(stats)
}

/// What is needed of batches for their meaning, taken out so that nobody waits meanwhile.
struct Taken {
    sum: BatchImpact,
    /// Weight by the device that told of it, and the area that it usually lies on [kg, km²].
    by_device: BTreeMap<Option<Arc<str>>, (f64, f64)>,
    devices: Vec<Arc<super::Device>>,
}

fn taken(index: &Index, visible: &Visibility, window: &Window) -> Taken {
    let mut sum = BatchImpact::default();
    let mut by_device: BTreeMap<Option<Arc<str>>, (f64, f64)> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for row in window.rows(index, visible) {
        sum += row.impact;
        if row.is_root {
            let usual = density_kg_per_km2(row.zone.as_deref(), row.method);
            let known = by_device.entry(row.device.clone()).or_default();
            known.0 += row.total_kg;
            known.1 += row.total_kg / usual;
            names.extend(row.device.clone());
        }
    }
    // A vessel that caught nothing burnt fuel all the same.
    let own = index.devices.values().filter(|device| {
        let wanted = window.organisation_id.as_deref();
        let is_seen = match visible {
            Visibility::Everything => true,
            Visibility::Organisation(own) => device.owner.as_ref() == Some(own),
            _ => false,
        };
        is_seen && wanted.is_none_or(|wanted| device.organisation_id == wanted) || names.contains(&device.id)
    });
    Taken { sum, by_device, devices: own.cloned().collect() }
}

impl Plastic {
    /// What was collected in a window.
    ///
    /// # Errors
    /// When the window is none.
    pub async fn collection(
        &self,
        caller: &Caller,
        window: &Window,
        by: GroupBy,
    ) -> Result<CollectionStats, PlasticError> {
        policy::may_at_all(caller, Action::AnalyticsRead)?;
        window.check()?;
        collection(&*self.0.index().await?, &Visibility::of(caller), window, by)
    }

    /// What that means for climate and sea.
    ///
    /// # Errors
    /// When the window is none.
    pub async fn environmental(
        &self,
        caller: &Caller,
        window: &Window,
    ) -> Result<Environmental, PlasticError> {
        policy::may_at_all(caller, Action::AnalyticsRead)?;
        window.check()?;
        self.0.environmental(&Visibility::of(caller), window).await
    }
}

impl super::Inner {
    pub(super) async fn environmental(
        &self,
        visible: &Visibility,
        window: &Window,
    ) -> Result<Environmental, PlasticError> {
        let Taken { sum, by_device, devices } = taken(&*self.index().await?, visible, window);
        let (mut effort, mut measured) = (Effort::default(), BTreeMap::new());
        for device in devices {
            let of = self.effort(&device, (window.from, window.to)).await?;
            effort += of;
            measured.insert(device.id.clone(), of);
        }
        let (mut assumed_kg, mut area_assumed_km2) = (0.0, 0.0);
        for (device, (mass_kg, area_km2)) in by_device {
            let of = device.as_ref().and_then(|device| measured.get(device)).copied().unwrap_or_default();
            if of.fuel_l.is_none() {
                assumed_kg += mass_kg;
            }
            if of.cleared_km2.is_none() {
                area_assumed_km2 += area_km2;
            }
        }
        let collection_assumed_kg_co2e = assumed_kg * COLLECTION_KG_CO2E_PER_KG;
        let grid_kg_co2e_per_kwh = world_grid_kg_co2e_per_kwh();
        Ok(Environmental {
            life: MarineLife::of_nets(sum.nets),
            collection_kg_co2e: effort.fuel_kg_co2e() + collection_assumed_kg_co2e,
            collection_assumed_kg_co2e,
            transport_kg_co2e: sum.transport_kg_co2e,
            processing_kg_co2e: sum.processing_kwh * grid_kg_co2e_per_kwh,
            area_km2: effort.cleared_km2.unwrap_or(0.0) + area_assumed_km2,
            area_assumed_km2,
            grid_kg_co2e_per_kwh,
            effort,
            sum,
            method: impact::METHOD,
            factor_set: FACTOR_SET,
        })
    }

    /// Batches of a window by their stage.
    pub(super) async fn stages(
        &self,
        visible: &Visibility,
        window: &Window,
    ) -> Result<BTreeMap<&'static str, usize>, PlasticError> {
        let index = self.index().await?;
        let rows = window.rows(&index, visible).filter(|row| row.closed.is_none());
        Ok(counted(rows.map(|row| row.stage.status())).into_iter().collect())
    }
}
