//! Who there is, in the order of names: so that a page of a long list costs no more than a page.
//!
//! Filled from the store at first use; every registration and every change of one is noted as it happens.

use super::{LOCATION, label};
use crate::identity::{Owner, Visibility};
use crate::platform::door::Kind;
use crate::platform::registry::{TwinId, TwinRecord};
use crate::platform::{Core, PlatformError};
use crate::store::records::{By, Collection, Within};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::OnceCell;
use twin::time::Time;

/// Records that are read at a time.
const PAGE: usize = 1_000;

/// What is needed of a twin to find it in a list.
#[derive(Debug, Clone)]
pub(in crate::platform) struct Listed {
    /// The name that lists are ordered by.
    pub(in crate::platform) name: Arc<str>,
    /// Where it is mounted.
    pub(in crate::platform) place: Option<Arc<str>>,
    organisation: Option<Arc<str>>,
    changed_at: Time,
}

impl Listed {
    pub(in crate::platform) fn is_seen_by(&self, visible: &Visibility) -> bool {
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
}

impl Sheet {
    fn note(&mut self, record: &TwinRecord) {
        if self.twins.get(&record.id).is_some_and(|known| known.changed_at > record.changed_at) {
            return;
        }
        let place_name = match record.kind {
            Kind::Battery => record.labels.get(label::LOCATION).map(|place| Arc::from(place.as_str())),
            Kind::Facility => place_name(record),
            Kind::Cabinet => None,
            Kind::Vessel => return,
        };
        // Cabinets are listed by what people call them.
        let called = record.name.clone().filter(|_| record.kind == Kind::Cabinet);
        let listed = Listed {
            name: called.unwrap_or_else(|| record.device_name()).into(),
            place: place_name,
            organisation: record.organisation.clone(),
            changed_at: record.changed_at,
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

/// The name of a place: a facility that has one in the namespace of places.
fn place_name(record: &TwinRecord) -> Option<Arc<str>> {
    let alias = record.aliases.iter().find(|alias| alias.namespace == LOCATION)?;
    Some(alias.name.as_str().into())
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
