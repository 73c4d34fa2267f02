//! Which twins there are: their names and what they are of. Kept as records, each change with the entry that says why.

use super::door::{Device, Kind, Unfit};
use crate::identity::{Caller, Owner, Subject, Visibility};
use crate::store::records::{Indexed, Record};
use crate::store::{Entity, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use twin::time::Time;
use uuid::Uuid;

/// A twin's own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TwinId(pub Uuid);

impl TwinId {
    /// A name that no twin has yet; names sort by when they were made.
    pub(super) fn new(at: Time) -> Self {
        let seconds = at.0.div_euclid(1_000).max(0) as u64;
        let nanos = at.0.rem_euclid(1_000) as u32 * 1_000_000;
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)))
    }

    /// The name under which facts and readings of the twin are kept.
    pub(super) fn entity(self) -> Entity {
        Entity::new(&self.to_string()).expect("a uuid is a name")
    }

    /// A number that leads to the thread of its actor.
    pub(super) fn place(self) -> u64 {
        let (high, low) = self.0.as_u64_pair();
        (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
    }
}

impl fmt::Display for TwinId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TwinId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A name outside, unique within its namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// Whose names these are: `device`, `serial`, `passport`, `code` …
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// The namespace of names that hardware uses for itself.
pub const DEVICE: &str = "device";
/// Label of the dealer that a twin belongs to, by its number.
pub const DEALER: &str = "dealer";
/// Label of the consumer that uses it.
pub const CONSUMER: &str = "consumer";
/// Most names of one twin.
const ALIASES_MAX: usize = 32;
/// Longest name in bytes.
const NAME_MAX_BYTES: usize = 150;

impl Alias {
    fn check(&self) -> Result<(), Unfit> {
        let fits = |text: &str| {
            !text.is_empty() && text.len() <= NAME_MAX_BYTES && !text.chars().any(char::is_control)
        };
        // Names stand in topics and paths.
        let is_plain = |text: &str| !text.contains(['/', '+', '#']);
        if !fits(&self.namespace) || !is_plain(&self.namespace) {
            let reason = format!("namespace {:?}: 1 to {NAME_MAX_BYTES} bytes without / + #", self.namespace);
            return Err(Unfit::new("aliases", reason));
        }
        if !fits(&self.name) || !is_plain(&self.name) {
            let reason = format!("{:?}: 1 to {NAME_MAX_BYTES} bytes without / + #", self.name);
            return Err(Unfit::new("aliases", reason));
        }
        Ok(())
    }

    fn unique(&self) -> String {
        format!("{}\u{1}{}", self.namespace, self.name)
    }
}

/// What a battery is, as far as its twin must know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatterySpec {
    /// Its cells: a name of `celltide cell list`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chemistry: Option<String>,
    /// Cells or blocks in series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<u32>,
    /// Cells in parallel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Rated capacity [Ah].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_ah: Option<f64>,
    /// Rated energy [Wh].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_wh: Option<f64>,
    /// Nominal voltage [V].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voltage_nominal_v: Option<f64>,
    /// What sort it is, for people: `Lithium-ion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_type: Option<String>,
    /// Highest rate of charge [1/h].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge_max_c: Option<f64>,
    /// Highest rate of discharge [1/h].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discharge_max_c: Option<f64>,
    /// Mass [kg].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mass_kg: Option<f64>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// Of which model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Day of manufacture, `2026-01-31`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufactured_on: Option<String>,
    /// Day of installation, `2026-01-31`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_on: Option<String>,
    /// What it is used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
}

/// Whether a text is a day as `2026-01-31`.
pub(super) fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// What a place is, as far as its twin must know: a cabinet, vessel or facility.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSpec {
    /// Degrees north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Degrees east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// Where that is, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Slots of a cabinet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// Power of one charger [kW].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charger_kw: Option<f64>,
    /// `grid`, `solar` or `hybrid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_source: Option<String>,
    /// What it takes: hold of a vessel, yard of a facility [kg].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_kg: Option<f64>,
    /// What it works through in a day [kg].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_kg: Option<f64>,
    /// What sort of vessel or facility it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
}

/// What a twin is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spec {
    /// A battery.
    Battery(BatterySpec),
    /// A cabinet, vessel or facility.
    Site(SiteSpec),
}

impl Spec {
    /// Reads what a twin of a kind is.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn read(kind: Kind, value: Value) -> Result<Self, Unfit> {
        let value = if value.is_null() { Value::Object(Map::new()) } else { value };
        let unfit = |error: serde_json::Error| Unfit::new("spec", error.to_string());
        let spec = match kind {
            Kind::Battery => Self::Battery(serde_json::from_value(value).map_err(unfit)?),
            Kind::Cabinet | Kind::Vessel | Kind::Facility => {
                Self::Site(serde_json::from_value(value).map_err(unfit)?)
            }
        };
        spec.checked()
    }

    /// The same, where nothing is wrong with it.
    ///
    /// # Errors
    /// The field that is wrong.
    pub(super) fn checked(self) -> Result<Self, Unfit> {
        self.check().map(|()| self)
    }

    fn check(&self) -> Result<(), Unfit> {
        let within = |field: &str, value: Option<f64>, low: f64, high: f64| match value {
            Some(value) if !(low..=high).contains(&value) => {
                Err(Unfit::new(format!("spec.{field}"), format!("{value} is not between {low} and {high}")))
            }
            _ => Ok(()),
        };
        match self {
            Self::Battery(spec) => {
                if let Some(name) = spec.chemistry.as_deref()
                    && twin::battery::library::find(name).is_none()
                {
                    let reason = format!("{name:?} is no chemistry; `celltide cell list` names them");
                    return Err(Unfit::new("spec.chemistry", reason));
                }
                for (field, day) in
                    [("manufactured_on", &spec.manufactured_on), ("installed_on", &spec.installed_on)]
                {
                    if let Some(day) = day
                        && !is_day(day)
                    {
                        let reason = format!("{day:?} is no day; write it as 2026-01-31");
                        return Err(Unfit::new(format!("spec.{field}"), reason));
                    }
                }
                within("series", spec.series.map(f64::from), 1.0, 10_000.0)?;
                within("parallel", spec.parallel.map(f64::from), 1.0, 10_000.0)?;
                within("capacity_ah", spec.capacity_ah, 1e-3, 1e6)?;
                within("energy_wh", spec.energy_wh, 1e-3, 1e9)?;
                within("voltage_nominal_v", spec.voltage_nominal_v, 0.1, 1e4)?;
                within("charge_max_c", spec.charge_max_c, 1e-6, 1e3)?;
                within("discharge_max_c", spec.discharge_max_c, 1e-6, 1e3)?;
                within("mass_kg", spec.mass_kg, 1e-3, 1e6)
            }
            Self::Site(spec) => {
                within("lat", spec.lat, -90.0, 90.0)?;
                within("lon", spec.lon, -180.0, 180.0)?;
                within("slots", spec.slots.map(f64::from), 1.0, 10_000.0)?;
                within("charger_kw", spec.charger_kw, 0.0, 1e4)?;
                within("hold_kg", spec.hold_kg, 0.0, 1e9)?;
                within("daily_kg", spec.daily_kg, 0.0, 1e9)
            }
        }
    }

    /// Its fields as JSON.
    pub fn json(&self) -> Value {
        let value = match self {
            Self::Battery(spec) => serde_json::to_value(spec),
            Self::Site(spec) => serde_json::to_value(spec),
        };
        value.expect("a specification has string keys and finite figures")
    }
}

/// What somebody stated about a battery, and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stated {
    /// How it stands, and since when.
    #[serde(default)]
    pub status: Option<(String, Time)>,
    /// Full cycles so far, and what was counted by then.
    #[serde(default)]
    pub cycles: Option<(u64, f64)>,
}

/// A twin as it is registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwinRecord {
    /// Its own name.
    pub id: TwinId,
    /// What it is a twin of.
    pub kind: Kind,
    /// What people call it.
    pub name: Option<String>,
    /// What it is called outside.
    pub aliases: Vec<Alias>,
    /// What it is of.
    pub spec: Spec,
    /// Anything else that somebody wants to keep with it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What somebody stated about it that hardware may correct.
    #[serde(default)]
    pub stated: Stated,
    /// How somebody wants the hardware to be.
    #[serde(default)]
    pub desired: Map<String, Value>,
    /// How the hardware says that it is.
    #[serde(default)]
    pub reported: Map<String, Value>,
    /// Organisation that keeps it; none where the operator does.
    #[serde(default)]
    pub organisation: Option<Arc<str>>,
    /// When it was registered.
    pub created_at: Time,
    /// When this record was changed last.
    pub changed_at: Time,
    /// When it was retired; then it takes nothing any more.
    pub retired_at: Option<Time>,
}

impl Record for TwinRecord {
    const COLLECTION: &'static str = "twins";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexed(&self) -> Indexed {
        let indexed = Indexed::default().shared("kind", self.kind.as_str());
        let mut names: Vec<&str> = self.aliases.iter().map(|alias| alias.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let indexed = names.into_iter().fold(indexed, |indexed, name| indexed.shared("name", name));
        self.aliases.iter().fold(indexed, |indexed, alias| indexed.unique("alias", alias.unique()))
    }
}

impl TwinRecord {
    /// What is wrong with its names.
    pub(super) fn check(&self) -> Result<(), Unfit> {
        if self.aliases.len() > ALIASES_MAX {
            return Err(Unfit::new("aliases", format!("at most {ALIASES_MAX} names")));
        }
        if self.name.as_ref().is_some_and(|name| name.len() > NAME_MAX_BYTES) {
            return Err(Unfit::new("name", format!("at most {NAME_MAX_BYTES} bytes")));
        }
        if self.labels.len() > 64 || self.labels.iter().any(|(key, value)| key.len() + value.len() > 1_000) {
            return Err(Unfit::new("labels", "at most 64 of at most 1000 bytes"));
        }
        self.aliases.iter().try_for_each(Alias::check)
    }

    /// How hardware calls itself: its device name, or the first there is.
    pub fn device_name(&self) -> String {
        let device = self.aliases.iter().find(|alias| alias.namespace == DEVICE);
        device.or(self.aliases.first()).map_or_else(|| self.id.to_string(), |alias| alias.name.clone())
    }

    /// Whom it belongs to, as far as a caller's rights depend on it; `device` is the caller where it is hardware.
    pub fn owner(&self, caller: &Caller) -> Owner {
        let device = match &caller.subject {
            Subject::Device(device) if self.is_called(device) => Some(device.clone()),
            _ => None,
        };
        Owner { device, ..self.kept_by() }
    }

    /// Whom it belongs to, whoever asks.
    pub(super) fn kept_by(&self) -> Owner {
        let label = |label: &str| self.labels.get(label).map(|name| name.as_str().into());
        Owner {
            organisation: self.organisation.clone(),
            dealer: label(DEALER),
            consumer: label(CONSUMER),
            ..Owner::default()
        }
    }

    fn is_called(&self, device: &Device) -> bool {
        let is_name = |alias: &Alias| alias.name.as_str() == device.id.as_ref();
        device.kind == self.kind
            && (self.aliases.iter().any(is_name) || self.id.to_string() == device.id.as_ref())
    }

    /// What is wanted but not reported.
    pub fn difference(&self) -> Map<String, Value> {
        let differs = |(key, _): &(&String, &Value)| self.reported.get(*key) != self.desired.get(*key);
        self.desired.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether a text is in its names.
    pub(super) fn has_in_names(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let names = self.aliases.iter().map(|alias| &alias.name).chain(&self.name);
        self.id.to_string().starts_with(&text)
            || names.into_iter().any(|name| name.to_lowercase().contains(&text))
    }
}

/// A twin that is to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTwin {
    /// What it is a twin of.
    pub kind: Kind,
    /// What people call it.
    pub name: Option<String>,
    /// What it is called outside.
    pub aliases: Vec<Alias>,
    /// What it is of.
    pub spec: Spec,
    /// Anything else.
    pub labels: BTreeMap<String, String>,
    /// Organisation that keeps it.
    pub organisation: Option<Arc<str>>,
}

/// Which twins.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Of this kind.
    pub kind: Option<Kind>,
    /// With this in one of their names.
    pub text: Option<String>,
    /// Within so many kilometres of a point: latitude, longitude, distance.
    pub near: Option<(f64, f64, f64)>,
    /// Retired ones as well.
    pub retired: bool,
    /// What the caller sees; everything where nobody says.
    pub visible: Option<Visibility>,
}

/// What the record says when another twin has a name.
pub(super) fn taken(error: StoreError) -> super::PlatformError {
    match error {
        StoreError::NotUnique { value, index, .. } if index == "alias" => {
            let (namespace, name) = value.split_once('\u{1}').unwrap_or(("", value.as_str()));
            super::PlatformError::Taken { namespace: namespace.to_owned(), name: name.to_owned() }
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_specification_names_what_is_wrong_with_it() {
        let wrong = |value| Spec::read(Kind::Battery, value).unwrap_err().to_string();
        assert!(wrong(json!({"series": 0})).contains("spec.series: 0 is not between"));
        assert!(wrong(json!({"cells": 3})).contains("unknown field `cells`"));
        assert!(wrong(json!({"chemistry": "unobtainium"})).contains("spec.chemistry"));
        assert!(Spec::read(Kind::Cabinet, json!({"slots": 12, "lat": 13.7, "lon": 100.5})).is_ok());
        assert!(Spec::read(Kind::Vessel, Value::Null).is_ok());
    }

    #[test]
    fn the_difference_is_what_is_wanted_and_not_reported() {
        let id = TwinId::new(Time(1_700_000_000_123));
        let map = |value: Value| value.as_object().unwrap().clone();
        let record = TwinRecord {
            id,
            kind: Kind::Battery,
            name: None,
            aliases: vec![Alias { namespace: "serial".into(), name: "S1".into() }],
            spec: Spec::read(Kind::Battery, Value::Null).unwrap(),
            labels: BTreeMap::new(),
            stated: Stated::default(),
            desired: map(json!({"charge_limit": 0.8, "mode": "eco"})),
            reported: map(json!({"mode": "eco", "firmware": "2.1"})),
            organisation: None,
            created_at: Time(0),
            changed_at: Time(0),
            retired_at: None,
        };
        assert_eq!(record.difference(), map(json!({"charge_limit": 0.8})));
        assert_eq!(record.device_name(), "S1");
        assert!(record.has_in_names("s1"));
        assert!(id.to_string().parse::<TwinId>().unwrap() == id);
    }
}
