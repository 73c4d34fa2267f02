//! Who there is, in the order of names: so that a page of a long list costs no more than a page.
//!
//! Filled from the store at first use; every registration and every change of one is noted as it happens.

use super::label;
use super::place::place_name;
use crate::identity::{Owner, Visibility};
use crate::platform::door::Kind;
use crate::platform::registry::{TwinId, TwinRecord};
use crate::platform::{Core, Platform, PlatformError};
use crate::store::records::{By, Collection, Within};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::OnceCell;
use twin::time::Time;

/// Records that are read at a time.
const PAGE: usize = 1_000;

/// What is needed of a twin to find it in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The name that lists are ordered by.
    pub(in crate::platform) name: Arc<str>,
    /// Where it is mounted.
    pub(in crate::platform) place: Option<Arc<str>>,
    organisation: Option<Arc<str>>,
    changed_at: Time,
    pub(in crate::platform) is_retired: bool,
}

impl Listed {
    /// Name of the place where it is mounted.
    pub fn place(&self) -> Option<&Arc<str>> {
        self.place.as_ref()
    }

    /// Whether somebody sees it.
    pub fn is_seen_by(&self, visible: &Visibility) -> bool {
        // What belongs to nobody in particular is the operator's.
        *visible == Visibility::Everything
            || visible.shows(&Owner { organisation: self.organisation.clone(), ..Owner::default() })
    }
}

type Names = BTreeSet<(Arc<str>, TwinId)>;

#[derive(Debug, Default)]
pub(in crate::platform) struct Sheet {
    twins: HashMap<TwinId, Listed>,
    batteries: Names,
    cabinets: Names,
    mounted: HashMap<Arc<str>, Names>,
    places: BTreeMap<Arc<str>, TwinId>,
    /// All twins in the order in which they were registered, and those of each kind.
    made: BTreeSet<TwinId>,
    made_of: HashMap<Kind, BTreeSet<TwinId>>,
}

impl Sheet {
    fn note(&mut self, record: &TwinRecord) {
        if self.twins.get(&record.id).is_some_and(|known| known.changed_at > record.changed_at) {
            return;
        }
        let place_name = match record.kind {
            Kind::Battery => record.labels.get(label::LOCATION).map(|place| Arc::from(place.as_str())),
            Kind::Facility => place_name(record).map(Arc::from),
            Kind::Cabinet | Kind::Vessel => None,
        };
        self.made.insert(record.id);
        self.made_of.entry(record.kind).or_default().insert(record.id);
        // Cabinets are listed by what people call them.
        let called = record.name.clone().filter(|_| record.kind == Kind::Cabinet);
        let listed = Listed {
            name: called.unwrap_or_else(|| record.device_name()).into(),
            place: place_name,
            organisation: record.organisation.clone(),
            changed_at: record.changed_at,
            is_retired: record.retired_at.is_some(),
        };
        if let Some(before) = self.twins.insert(record.id, listed.clone()) {
            let key = (before.name, record.id);
            self.batteries.remove(&key);
            self.cabinets.remove(&key);
            if let Some(place) = before.place {
                if self.places.get(&place) == Some(&record.id) {
                    self.places.remove(&place);
                }
                if let Some(mounted) = self.mounted.get_mut(&place) {
                    mounted.remove(&key);
                }
            }
        }
        if record.retired_at.is_some() {
            return;
        }
        match (record.kind, listed.place) {
            (Kind::Battery, place) => {
                let key = (listed.name, record.id);
                if let Some(place) = place {
                    self.mounted.entry(place).or_default().insert(key.clone());
                }
                self.batteries.insert(key);
            }
            (Kind::Cabinet, _) => drop(self.cabinets.insert((listed.name, record.id))),
            (_, Some(place)) => drop(self.places.insert(place, record.id)),
            (_, None) => {}
        }
    }

    /// What is known of a twin, retired or not.
    pub(in crate::platform) fn twin(&self, id: TwinId) -> Option<&Listed> {
        self.twins.get(&id)
    }

    /// Twins in the order in which they were registered: of a kind where one is named, and after one where one is.
    pub(in crate::platform) fn made(
        &self,
        kind: Option<Kind>,
        after: Option<TwinId>,
    ) -> impl Iterator<Item = (TwinId, &Listed)> {
        let made = match kind {
            Some(kind) => self.made_of.get(&kind),
            None => Some(&self.made),
        };
        let span = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let ids = made.into_iter().flat_map(move |made| made.range(span));
        ids.filter_map(|id| Some((*id, self.twins.get(id)?)))
    }

    /// The place of a name.
    pub(super) fn place(&self, name: &str) -> Option<TwinId> {
        self.places.get(name).copied()
    }

    /// All places, in the order of their names.
    pub(super) fn places(&self) -> impl Iterator<Item = TwinId> {
        self.places.values().copied()
    }

    /// All batteries, in the order of their names.
    pub(in crate::platform) fn all(&self) -> impl Iterator<Item = TwinId> {
        self.batteries.iter().map(|(_, id)| *id)
    }

    /// How many there are.
    pub(in crate::platform) fn count(&self) -> usize {
        self.batteries.len()
    }

    /// Cabinets that somebody sees, in the order of their names.
    pub(in crate::platform) fn cabinets<'a>(
        &'a self,
        visible: &'a Visibility,
    ) -> impl Iterator<Item = TwinId> + 'a {
        let ids = self.cabinets.iter().map(|(_, id)| *id);
        ids.filter(|id| self.twins.get(id).is_some_and(|listed| listed.is_seen_by(visible)))
    }

    /// Batteries in the order of their names: of a place where one is named, and those that somebody sees.
    pub(in crate::platform) fn batteries<'a>(
        &'a self,
        place: Option<&str>,
        visible: &'a Visibility,
    ) -> impl Iterator<Item = TwinId> + 'a {
        let names = match place {
            Some(place) => self.mounted.get(place),
            None => Some(&self.batteries),
        };
        let ids = names.into_iter().flatten().map(|(_, id)| *id);
        ids.filter(|id| self.twins.get(id).is_some_and(|listed| listed.is_seen_by(visible)))
    }
}

/// Who there is.
#[derive(Debug, Default)]
pub(in crate::platform) struct Roll {
    sheet: RwLock<Sheet>,
    filled: OnceCell<()>,
}

impl Roll {
    /// A twin is registered, or its registration changed.
    pub(in crate::platform) fn note(&self, record: &TwinRecord) {
        self.sheet.write().unwrap_or_else(PoisonError::into_inner).note(record);
    }

    fn read(&self) -> RwLockReadGuard<'_, Sheet> {
        self.sheet.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Looks something up in the roll. Not across an await: registrations wait meanwhile.
    pub(in crate::platform) async fn in_roll<R>(
        &self,
        look: impl FnOnce(&Sheet) -> R,
    ) -> Result<R, PlatformError> {
        self.roll.filled.get_or_try_init(|| self.fill_roll()).await?;
        Ok(look(&self.roll.read()))
    }

    async fn fill_roll(&self) -> Result<(), PlatformError> {
        let twins = Collection::<TwinRecord, _>::of(self.store.as_ref());
        let mut after = None;
        loop {
            let (page, next) = twins.page(By::Key, Within::All, PAGE, after).await?;
            page.iter().for_each(|record| self.roll.note(&record.value));
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

impl Platform {
    /// Where a battery stands in lists; nothing where there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn listed(&self, id: TwinId) -> Result<Option<Listed>, PlatformError> {
        self.core.in_roll(|sheet| sheet.twin(id).cloned()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::registry::{Alias, Spec};
    use serde_json::{Map, Value};

    fn battery(number: u128, name: &str, place: Option<&str>) -> TwinRecord {
        let labels = place.map(|place| (label::LOCATION.to_owned(), place.to_owned()));
        TwinRecord {
            id: TwinId(uuid::Uuid::from_u128(number)),
            kind: Kind::Battery,
            name: None,
            aliases: vec![Alias { namespace: "device".to_owned(), name: name.to_owned() }],
            spec: Spec::read(Kind::Battery, Value::Null).unwrap(),
            labels: labels.into_iter().collect(),
            desired: Map::new(),
            reported: Map::new(),
            organisation: None,
            created_at: Time(0),
            changed_at: Time(0),
            retired_at: None,
            stated: Default::default(),
        }
    }

    fn numbers(sheet: &Sheet, place: Option<&str>, visible: &Visibility) -> Vec<u128> {
        sheet.batteries(place, visible).map(|id| id.0.as_u128()).collect()
    }

    #[test]
    fn batteries_are_listed_by_name_and_place_as_they_are_registered_now() {
        let mut sheet = Sheet::default();
        let all = Visibility::Everything;
        for (number, name, place) in [(1, "b", Some("x")), (2, "a", Some("x")), (3, "c", None)] {
            sheet.note(&battery(number, name, place));
        }
        assert_eq!(numbers(&sheet, None, &all), [2, 1, 3]);
        assert_eq!(numbers(&sheet, Some("x"), &all), [2, 1]);
        assert_eq!(sheet.count(), 3);

        let moved = TwinRecord { changed_at: Time(5), ..battery(2, "z", Some("y")) };
        sheet.note(&moved);
        // What was read before it changed, and comes late, changes nothing.
        sheet.note(&battery(2, "a", Some("x")));
        assert_eq!(numbers(&sheet, None, &all), [1, 3, 2]);
        assert_eq!(numbers(&sheet, Some("x"), &all), [1]);
        assert_eq!(numbers(&sheet, Some("y"), &all), [2]);

        sheet.note(&TwinRecord { retired_at: Some(Time(9)), changed_at: Time(9), ..moved });
        assert_eq!(numbers(&sheet, None, &all), [1, 3]);
        assert_eq!(numbers(&sheet, Some("y"), &all), [] as [u128; 0]);
        assert_eq!(sheet.twin(TwinId(uuid::Uuid::from_u128(2))).unwrap().name.as_ref(), "z");

        let vessel = TwinRecord { kind: Kind::Vessel, ..battery(9, "v", None) };
        sheet.note(&vessel);
        let made = |kind, after: Option<u128>| -> Vec<(u128, bool)> {
            let after = after.map(|number| TwinId(uuid::Uuid::from_u128(number)));
            sheet.made(kind, after).map(|(id, listed)| (id.0.as_u128(), listed.is_retired)).collect()
        };
        assert_eq!(made(None, None), [(1, false), (2, true), (3, false), (9, false)]);
        assert_eq!(made(Some(Kind::Battery), Some(1)), [(2, true), (3, false)]);
        assert_eq!(made(Some(Kind::Cabinet), None), []);

        let other = TwinRecord { organisation: Some("acme".into()), ..battery(4, "d", Some("x")) };
        sheet.note(&other);
        assert_eq!(numbers(&sheet, Some("x"), &Visibility::Organisation("acme".into())), [4]);
        assert_eq!(numbers(&sheet, None, &Visibility::Nothing), [] as [u128; 0]);
    }
}
