//! Places where batteries are mounted, and how those that are there stand.

use super::battery::Watched;
use super::{AT_ONCE, LOCATION};
use crate::identity::Visibility;
use crate::platform::look::record_of;
use crate::platform::registry::{Spec, TwinId, TwinRecord};
use crate::platform::{Platform, PlatformError};
use futures::stream::{self, StreamExt, TryStreamExt};
use twin::live::standing::{FRESH_S, Standing};

/// What a facility is of that is a place without being named as one.
const DATA_CENTRE: &str = "data centre";

/// The name of a place: that in the namespace of places, or a data centre's own.
pub(super) fn place_name(record: &TwinRecord) -> Option<String> {
    let named = record.aliases.iter().find(|alias| alias.namespace == LOCATION);
    if let Some(alias) = named {
        return Some(alias.name.clone());
    }
    match &record.spec {
        Spec::Site(spec) if spec.sort.as_deref() == Some(DATA_CENTRE) => Some(record.device_name()),
        _ => None,
    }
}

/// A place: a facility twin that has a name in the namespace of places, or is a data centre.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// As it is registered.
    pub record: TwinRecord,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
}

impl Place {
    fn of(record: TwinRecord) -> Option<Self> {
        let name = place_name(&record)?;
        let position = match &record.spec {
            Spec::Site(spec) => spec.lat.zip(spec.lon),
            Spec::Battery(_) => None,
        };
        Some(Self { name, record, position })
    }

    /// What somebody keeps with it under a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.record.labels.get(name).map(String::as_str)
    }

    /// The same as a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.label(name)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }
}

/// How the batteries of a place stand.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlaceCount {
    /// All of them.
    pub batteries: usize,
    /// With a reading of late.
    pub active: usize,
    /// That somebody must look after now.
    pub critical: usize,
    /// Mean of capacity over rated, of those whose is known.
    pub soh_mean: Option<f64>,
    /// Alerts that are still there.
    pub alerts: usize,
}

impl PlaceCount {
    fn of<'a>(batteries: impl Iterator<Item = &'a Watched>, now: twin::time::Time) -> Self {
        let mut count = Self::default();
        let (mut sum, mut known) = (0.0, 0usize);
        for battery in batteries {
            count.batteries += 1;
            let is_fresh = battery.latest.is_some_and(|sample| now.seconds_since(sample.at) <= FRESH_S);
            count.active += usize::from(is_fresh);
            count.critical += usize::from(battery.standing == Standing::Critical);
            count.alerts += battery.alerts;
            if let Some(soh) = battery.latest.and_then(|sample| sample.soh) {
                sum += soh;
                known += 1;
            }
        }
        count.soh_mean = (known > 0).then(|| sum / known as f64);
        count
    }
}

impl Platform {
    /// The places that somebody sees, in the order of their names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn places(&self, visible: &Visibility) -> Result<Vec<Place>, PlatformError> {
        let ids: Vec<TwinId> = self
            .core
            .in_roll(|sheet| {
                let seen = |id: &TwinId| sheet.twin(*id).is_some_and(|listed| listed.is_seen_by(visible));
                sheet.places().filter(seen).collect()
            })
            .await?;
        let records = stream::iter(ids).map(|id| record_of(&self.core, id)).buffered(AT_ONCE);
        let places: Vec<TwinRecord> = records.try_collect().await?;
        Ok(places.into_iter().filter_map(Place::of).collect())
    }

    /// A place by its name, or by any that its facility has.
    ///
    /// # Errors
    /// When there is none that somebody sees.
    pub async fn place(&self, name: &str, visible: &Visibility) -> Result<Place, PlatformError> {
        let absent = || PlatformError::absent("location", name);
        let found = self
            .core
            .in_roll(|sheet| {
                let id = sheet.place(name)?;
                sheet.twin(id).filter(|listed| listed.is_seen_by(visible)).map(|_| id)
            })
            .await?;
        let record = match found {
            Some(id) => record_of(&self.core, id).await?,
            None => self.core.find(Some(crate::platform::door::Kind::Facility), name).await?,
        };
        let is_seen = visible.shows(&record.kept_by()) && record.retired_at.is_none();
        Place::of(record).filter(|_| is_seen).ok_or_else(absent)
    }

    /// How the batteries of a place stand, as far as somebody sees them.
    ///
    /// # Errors
    /// When one of them cannot be looked at.
    pub async fn place_count(
        &self,
        place: &Place,
        visible: &Visibility,
    ) -> Result<PlaceCount, PlatformError> {
        let ids = self
            .core
            .in_roll(|sheet| sheet.batteries(Some(&place.name), visible).collect::<Vec<TwinId>>())
            .await?;
        let now = self.core.clock.now();
        let batteries = self.watched_all(ids).await?;
        Ok(PlaceCount::of(batteries.iter(), now))
    }
}
