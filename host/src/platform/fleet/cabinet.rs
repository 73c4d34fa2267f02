//! Cabinets and their slots: as the cabinet says, and as somebody says who sets one.

use super::{AT_ONCE, Paged, Part};
use crate::identity::Visibility;
use crate::platform::command::NewCommand;
use crate::platform::door::{Device, Kind};
use crate::platform::facts::Facts;
use crate::platform::live::LiveTwin;
use crate::platform::registry::{SiteSpec, Spec, TwinId, TwinRecord};
use crate::platform::sight::rfc3339;
use crate::platform::{ErrorKind, Platform, PlatformError};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use twin::time::Time;
use uuid::Uuid;

/// Label, and word of a cabinet, that says how it stands.
const STATUS: &str = "status";
/// Word of a cabinet that says that it was looked after.
const MAINTENANCE: &str = "maintenance";
/// Label with the day on which it was looked after last.
const MAINTAINED_ON: &str = "last_maintenance_date";
/// Command to a cabinet's hardware to charge what is in a slot.
const CHARGE: &str = "charge_slot";

/// How a cabinet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CabinetStatus {
    /// It serves.
    Active,
    /// It does not.
    Inactive,
    /// It is being looked after.
    Maintenance,
}

impl CabinetStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Maintenance];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Maintenance => "maintenance",
        }
    }

    /// The status of a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// Nothing is in it.
    Empty,
    /// A battery is in it and idle.
    Occupied,
    /// A battery is being charged in it.
    Charging,
    /// A battery in it can be had.
    Ready,
    /// It is kept for somebody.
    Reserved,
    /// It cannot be used.
    Faulty,
    /// It is being looked after.
    Maintenance,
}

impl SlotState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Empty,
        Self::Occupied,
        Self::Charging,
        Self::Ready,
        Self::Reserved,
        Self::Faulty,
        Self::Maintenance,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Occupied => "occupied",
            Self::Charging => "charging",
            Self::Ready => "ready",
            Self::Reserved => "reserved",
            Self::Faulty => "faulty",
            Self::Maintenance => "maintenance",
        }
    }

    /// The state of a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    fn needs_battery(self) -> bool {
        matches!(self, Self::Occupied | Self::Charging | Self::Ready)
    }
}

/// A slot of a cabinet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// A name that no other slot has anywhere: made of the cabinet's and the number.
    pub id: Uuid,
    /// Its number, from 1 on.
    pub number: u32,
    /// What it is.
    pub state: SlotState,
    /// The battery in it, where that is one that is known.
    pub battery: Option<TwinId>,
    /// Since when that is known.
    pub since: Time,
    /// The battery in it, as the cabinet calls it.
    named: Option<String>,
}

/// A cabinet.
#[derive(Debug, Clone)]
pub struct Cabinet {
    /// As it is registered.
    pub record: Arc<TwinRecord>,
    /// What people call it.
    pub name: String,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
    /// Where that is, for people.
    pub address: Option<String>,
    /// How many slots it has.
    pub slots_total: u32,
    /// Empty and healthy slots: a battery can be put back there.
    pub slots_available: u32,
    /// Batteries that can be had.
    pub batteries_ready: u32,
    /// How it stands.
    pub status: CabinetStatus,
    /// `grid`, `solar` or `hybrid`.
    pub power_source: String,
    /// Day on which it was looked after last.
    pub maintained_on: Option<String>,
    slots: Vec<Slot>,
}

/// A uuid of version 8 (RFC 9562, section 5.8) that follows from the cabinet and the number.
fn slot_id(cabinet: TwinId, number: u32) -> Uuid {
    let hash = Sha256::digest(format!("slot\u{1}{cabinet}\u{1}{number}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

impl Cabinet {
    pub(in crate::platform) fn of(facts: &Facts) -> Self {
        let (record, told) = (facts.record.clone(), &facts.kept.told);
        let spec = match &record.spec {
            Spec::Site(spec) => spec.clone(),
            Spec::Battery(_) => SiteSpec::default(),
        };
        let highest = told.slots().map(|(number, _)| number).max().unwrap_or(0);
        let slots_total = spec.slots.unwrap_or(0).max(highest);
        let mut slots: Vec<Slot> = (1..=slots_total)
            .map(|number| Slot {
                id: slot_id(record.id, number),
                number,
                state: SlotState::Empty,
                battery: None,
                since: record.created_at,
                named: None,
            })
            .collect();
        for (number, item) in told.slots() {
            if let Some(slot) = slots.get_mut((number as usize).wrapping_sub(1)) {
                slot.state = SlotState::read(&item.value).unwrap_or(SlotState::Faulty);
                slot.named = item.battery.as_deref().map(str::to_owned);
                slot.since = item.at;
            }
        }
        let of_state = |state| slots.iter().filter(|slot| slot.state == state).count() as u32;
        let said = told.item(STATUS).and_then(|item| CabinetStatus::read(&item.value));
        let label = record.labels.get(STATUS).and_then(|name| CabinetStatus::read(name));
        let looked_after = told.item(MAINTENANCE).map(|item| rfc3339(item.at)[..10].to_owned());
        let value = |metric| facts.kept.measured.latest.get(metric).map(|known| known.value);
        Self {
            name: record.name.clone().unwrap_or_else(|| record.device_name()),
            position: spec.lat.zip(spec.lon).or_else(|| value("lat").zip(value("lon"))),
            address: spec.address,
            slots_total,
            slots_available: of_state(SlotState::Empty),
            batteries_ready: of_state(SlotState::Ready),
            status: said.or(label).unwrap_or(CabinetStatus::Active),
            power_source: spec.power_source.unwrap_or_else(|| "grid".to_owned()),
            maintained_on: looked_after.max(record.labels.get(MAINTAINED_ON).cloned()),
            slots,
            record,
        }
    }

    /// The slot that a text names: its id or its number.
    fn slot(&self, name: &str) -> Option<&Slot> {
        let number: Option<u32> = name.parse().ok();
        let id: Option<Uuid> = name.parse().ok();
        self.slots.iter().find(|slot| Some(slot.number) == number || Some(slot.id) == id)
    }
}

/// What a slot shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotChange {
    /// What it shall be.
    pub state: SlotState,
    /// The battery in it, by any of its names: nothing where the one that is there stays, and given as nothing where
    /// there is none.
    pub battery: Option<Option<String>>,
}

impl Platform {
    /// A cabinet as it is now.
    ///
    /// # Errors
    /// When there is none.
    pub async fn cabinet(&self, id: TwinId) -> Result<Cabinet, PlatformError> {
        self.residents.look(id, Cabinet::of).await
    }

    /// Cabinets that somebody sees, in the order of their names; of a status where one is named.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cabinet_list(
        &self,
        status: Option<CabinetStatus>,
        visible: &Visibility,
        part: Part,
    ) -> Result<Paged<Cabinet>, PlatformError> {
        let ids = self.fleet_cabinets(visible).await?;
        let look = |ids: Vec<TwinId>| {
            stream::iter(ids).map(|id| self.cabinet(id)).buffered(AT_ONCE).try_collect::<Vec<Cabinet>>()
        };
        let Some(status) = status else {
            let page = part.of(ids);
            return Ok(Paged { items: look(page.items).await?, total: page.total });
        };
        let mut all = look(ids).await?;
        all.retain(|cabinet| cabinet.status == status);
        Ok(part.of(all))
    }

    /// Slots of a cabinet in the order of their numbers.
    ///
    /// # Errors
    /// When there is no such cabinet.
    pub async fn cabinet_slots(&self, id: TwinId, visible: &Visibility) -> Result<Vec<Slot>, PlatformError> {
        let mut slots = self.cabinet(id).await?.slots;
        for slot in &mut slots {
            if let Some(name) = &slot.named {
                slot.battery = self.battery_seen(name, visible).await?;
            }
        }
        Ok(slots)
    }

    /// Sets a slot, as who stands before the cabinet would. What shall be charged, the cabinet's hardware is told.
    ///
    /// # Errors
    /// When there is no such slot, or it does not go with what there is.
    pub async fn slot_set(
        &self,
        id: TwinId,
        slot: &str,
        change: SlotChange,
        visible: &Visibility,
        by: &str,
    ) -> Result<Slot, PlatformError> {
        // A battery is in one place: who looks where it is sets it before the next one looks.
        let _turn = self.core.slots_turn.lock().await;
        let cabinet = self.cabinet(id).await?;
        let before = cabinet.slot(slot).ok_or_else(|| PlatformError::absent("slot", slot))?.clone();
        let conflict = |why: String| Err(PlatformError::Conflict(why));
        if cabinet.status == CabinetStatus::Inactive {
            return conflict(format!("cabinet {} is inactive", cabinet.name));
        }
        let state = change.state;
        let battery = match &change.battery {
            Some(Some(name)) => match self.battery_seen(name, visible).await? {
                Some(battery) => Some(battery),
                None => {
                    return Err(PlatformError::unfit("battery_id", format!("there is no battery {name}")));
                }
            },
            Some(None) => None,
            None if state == SlotState::Empty => None,
            None => match &before.named {
                Some(name) => self.battery_seen(name, &Visibility::Everything).await?,
                None => None,
            },
        };
        match battery {
            None if state.needs_battery() => {
                return conflict(format!("a slot that is {} has a battery in it", state.as_str()));
            }
            Some(_) if state == SlotState::Empty => {
                return conflict("an empty slot has no battery in it".to_owned());
            }
            Some(battery) => {
                if let Some(place) = self.slot_with(battery, (id, before.number)).await? {
                    return conflict(format!("battery {battery} is in {place} already"));
                }
            }
            None => {}
        }
        let named = match (battery, &change.battery, &before.named) {
            // The cabinet's own word for it stays.
            (Some(_), None, Some(named)) => Some(named.clone()),
            (Some(battery), ..) => {
                Some(self.core.find(Some(Kind::Battery), &battery.to_string()).await?.device_name())
            }
            (None, ..) => None,
        };
        if state == SlotState::Charging && before.state != SlotState::Charging {
            let params = json!({ "slot": before.number, "battery": named });
            self.command(id, NewCommand { command: CHARGE.to_owned(), params, timeout_s: None }, by).await?;
        }
        let detail = json!({ "slot": before.number, "state": state.as_str(), "battery": named });
        let by = by.to_owned();
        self.residents
            .with(id, move |twin: &mut LiveTwin| {
                let (detail, by) = (detail.clone(), by.clone());
                Box::pin(async move { twin.stated("slot", detail, &by).await })
            })
            .await?;
        let mut after = self.cabinet_slots(id, visible).await?;
        let place = after.iter().position(|slot| slot.number == before.number);
        place.map(|place| after.swap_remove(place)).ok_or_else(|| PlatformError::absent("slot", slot))
    }

    /// Where a battery is, other than in one slot: for people.
    async fn slot_with(
        &self,
        battery: TwinId,
        (own, number): (TwinId, u32),
    ) -> Result<Option<String>, PlatformError> {
        for id in self.fleet_cabinets(&Visibility::Everything).await? {
            let cabinet = self.cabinet(id).await?;
            for slot in &cabinet.slots {
                let Some(name) = slot.named.as_deref() else { continue };
                let is_other = id != own || slot.number != number;
                if is_other && self.battery_seen(name, &Visibility::Everything).await? == Some(battery) {
                    return Ok(Some(format!("slot {} of cabinet {}", slot.number, cabinet.name)));
                }
            }
        }
        Ok(None)
    }

    /// The battery of a name, where somebody sees one.
    pub(super) async fn battery_seen(
        &self,
        name: &str,
        visible: &Visibility,
    ) -> Result<Option<TwinId>, PlatformError> {
        let device = Device { kind: Kind::Battery, id: name.into() };
        let id = match self.residents.named(&device).await {
            Ok(id) => id,
            Err(error) if matches!(error.kind(), ErrorKind::Absent | ErrorKind::Conflict) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_seen = self
            .core
            .in_roll(|sheet| sheet.twin(id).is_some_and(|listed| listed.is_seen_by(visible)))
            .await?;
        Ok(is_seen.then_some(id))
    }
}
