//! Devices: registered with a secret and a twin, heard over any door, seen as their twins are.

use super::{AHEAD_MS, Act, Flaw, Inner, Plastic, PlasticError, record::Device};
use crate::identity::{self, Action, Caller, IdentityError, Secret, Subject, Visibility, policy};
use crate::platform::door::{self, Kind, Report};
use crate::platform::registry::DEVICE;
use crate::platform::{Alias, ErrorKind, NewTwin, Spec, TwinId};
use crate::store::series::Reading;
use crate::store::{Metric, StoreError, records::Expect, records::RecordChange};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::geo::Position;
use twin::time::{DAY_MS, Time};
use twin::vessel::tracker;

/// What sorts of devices there are.
pub(super) const SORTS: [&str; 5] = ["vessel_tracker", "beach_station", "river_trap", "drone", "handheld"];
/// What devices measure.
pub(super) const SENSORS: [&str; 4] = ["gps", "weight", "environmental", "camera"];
/// Metric of a tracker's own battery.
pub(super) const TRACKER: &str = "tracker_pct";

/// A device that is to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDevice {
    /// Its name.
    pub id: String,
    /// What sort it is.
    pub sort: String,
    /// Organisation that runs it.
    pub organisation_id: String,
    /// What it measures.
    pub sensors: Vec<String>,
    /// Anything else.
    pub metadata: Map<String, Value>,
}

/// What a device measured at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorReport {
    /// The instant.
    pub at: Time,
    /// Figures by metric.
    pub values: Vec<(&'static str, f64)>,
    /// What is no figure: kept as events.
    pub said: Vec<(String, Value)>,
}

/// How a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// It was never heard.
    Registered,
    /// It is there.
    Active,
    /// It fell silent.
    Offline,
}

/// What there is to see of a device.
#[derive(Debug, Clone)]
pub struct DeviceSight {
    /// As it is registered.
    pub device: Arc<Device>,
    /// How it stands.
    pub state: DeviceState,
    /// When it was heard last.
    pub heard_at: Option<Time>,
    /// Charge of its own battery [%].
    pub battery_pct: Option<f64>,
    /// Hours until that is empty, as it fell in the last day.
    pub hours_left: Option<f64>,
    /// Where it was last.
    pub position: Option<(f64, f64)>,
    /// What it runs.
    pub firmware: Option<String>,
    /// Aboard [kg].
    pub held_kg: Option<f64>,
    /// Aboard, of what it can carry [%].
    pub filled_pct: Option<f64>,
}

impl NewDevice {
    fn check(&self) -> Result<(), PlasticError> {
        let unfit = |field: &str, reason: String| Err(PlasticError::unfit(Flaw::Other, field, reason));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if self.id.is_empty() || self.id.len() > 100 || !self.id.chars().all(is_plain) {
            return unfit("deviceId", "must be 1 to 100 letters, digits, - _ . :".to_owned());
        }
        if !SORTS.contains(&self.sort.as_str()) {
            return unfit("deviceType", format!("{:?} is none of {}", self.sort, SORTS.join(", ")));
        }
        if self.organisation_id.trim().is_empty() || self.organisation_id.len() > 150 {
            return unfit("organizationId", "must be 1 to 150 bytes".to_owned());
        }
        if self.sensors.is_empty() {
            return unfit("sensors", "must name at least one".to_owned());
        }
        if let Some(other) = self.sensors.iter().find(|sensor| !SENSORS.contains(&sensor.as_str())) {
            return unfit("sensors", format!("{other:?} is none of {}", SENSORS.join(", ")));
        }
        for name in ["maxCapacity", "swathM"] {
            let is_wrong = |value: &Value| value.as_f64().is_none_or(|value| !(value > 0.0 && value <= 1e9));
            if self.metadata.get(name).is_some_and(is_wrong) {
                return unfit(&format!("metadata.{name}"), "must be a number above 0".to_owned());
            }
        }
        if Value::Object(self.metadata.clone()).to_string().len() > 8_000 {
            return unfit("metadata", "is too long".to_owned());
        }
        Ok(())
    }

    fn spec(&self) -> Value {
        let hold_kg = self.metadata.get("maxCapacity").and_then(Value::as_f64);
        json!({ "sort": self.sort, "hold_kg": hold_kg })
    }
}

fn hardware(id: &str) -> door::Device {
    door::Device { kind: Kind::Vessel, id: id.into() }
}

impl Inner {
    /// A device that somebody sees.
    pub(super) async fn device(&self, caller: &Caller, id: &str) -> Result<Arc<Device>, PlasticError> {
        let found = self.index().await?.devices.get(id).cloned();
        let is_seen = |device: &Arc<Device>| match Visibility::of(caller) {
            Visibility::Everything => true,
            Visibility::Organisation(own) => device.owner.as_ref() == Some(&own),
            Visibility::Device(own) => own.id == device.id,
            _ => false,
        };
        found.filter(is_seen).ok_or_else(|| PlasticError::absent("device", id))
    }

    /// What there is to see of a device.
    pub(super) async fn sight(&self, device: Arc<Device>) -> Result<DeviceSight, PlasticError> {
        let now = self.now();
        let seen = self.parts.platform.view(device.twin).await?;
        let is_silent = |heard_at: Time| now - heard_at >= self.settings.silence_ms;
        let state = match (seen.heard_at, seen.online) {
            (None, _) => DeviceState::Registered,
            (Some(_), Some(false)) => DeviceState::Offline,
            (Some(heard_at), _) if is_silent(heard_at) => DeviceState::Offline,
            (Some(_), _) => DeviceState::Active,
        };
        let latest = |metric: &str| seen.latest.get(metric).map(|latest| latest.value);
        let battery_pct = latest(TRACKER);
        let hours_left = match battery_pct {
            Some(_) => self.hours_left(device.twin, now).await?,
            None => None,
        };
        let held_kg = latest("hold_kg");
        let capacity_kg = device.figure("maxCapacity");
        let firmware = |map: &Map<String, Value>| map.get("firmware")?.as_str().map(str::to_owned);
        let said = seen.said.get("firmware").cloned();
        Ok(DeviceSight {
            state,
            heard_at: seen.heard_at,
            battery_pct,
            hours_left,
            position: seen.position.filter(|_| seen.latest.contains_key("lat")),
            firmware: firmware(&seen.reported).or(said).or_else(|| firmware(&device.metadata)),
            held_kg,
            filled_pct: held_kg.zip(capacity_kg).map(|(held, capacity)| 100.0 * held / capacity),
            device,
        })
    }

    /// How long a tracker's battery will last, as it fell in the last day.
    async fn hours_left(&self, twin: TwinId, now: Time) -> Result<Option<f64>, PlasticError> {
        let span = (now + -DAY_MS, now + 1);
        let history = self.parts.platform.history(twin, &[TRACKER.to_owned()], span, None).await?;
        let points = history.series.into_iter().next().map(|series| series.points).unwrap_or_default();
        Ok(tracker::hours_left(&points))
    }
}

impl Plastic {
    /// Registers a device: with a twin, and a secret that is told once.
    ///
    /// # Errors
    /// What is wrong with it, or that its name is taken.
    pub async fn device_create(
        &self,
        caller: &Caller,
        new: NewDevice,
    ) -> Result<(Arc<Device>, Secret), PlasticError> {
        let known = hardware(&new.id);
        let device = self.device_attach(caller, new).await?;
        let by = caller.name();
        // Credentials begin and end by real time.
        let act = identity::Act { by: &by, at: crate::platform::clock::Clock::wall().now() };
        let enrolled = self.0.parts.identity.enrol(vec![known], device.owner.clone(), act).await;
        match enrolled.map(|mut enrolled| enrolled.pop()) {
            Ok(Some((_, secret))) => Ok((device, secret)),
            Ok(None) => Err(PlasticError::Conflict("no secret was made".to_owned())),
            Err(error) => {
                let gone = RecordChange::delete::<Device>(device.id.as_ref(), Expect::Anything);
                let entity = format!("plastic/device/{}", device.id);
                let act = Act { entity: &entity, kind: "device.withdrawn", by: &by, detail: json!({}) };
                self.0.keep(act, vec![gone], &[]).await?;
                let mut index = self.0.index_mut();
                index.devices.remove(&device.id);
                index.by_twin.remove(&device.twin);
                Err(match error {
                    IdentityError::Taken { .. } => taken(&device.id),
                    error => error.into(),
                })
            }
        }
    }

    /// Registers a device that has a secret already.
    ///
    /// # Errors
    /// What is wrong with it, or that its name is taken.
    pub async fn device_attach(&self, caller: &Caller, new: NewDevice) -> Result<Arc<Device>, PlasticError> {
        policy::may_at_all(caller, Action::DeviceWrite)?;
        new.check()?;
        let inner = &self.0;
        let _turn = inner.turn(&new.id).await;
        if inner.index().await?.devices.contains_key(new.id.as_str()) {
            return Err(taken(&new.id));
        }
        let owner = caller.organisation.clone().or_else(|| Some(new.organisation_id.as_str().into()));
        let platform = &inner.parts.platform;
        let twin = match platform.find(Some(Kind::Vessel), &new.id).await {
            Ok(record) if Visibility::of(caller) == Visibility::Everything => record.id,
            Ok(_) => return Err(taken(&new.id)),
            Err(error) if error.kind() == ErrorKind::Absent => {
                let name = new.metadata.get("vesselName").and_then(Value::as_str).map(str::to_owned);
                let twin = NewTwin {
                    kind: Kind::Vessel,
                    name: name.or_else(|| Some(new.id.clone())),
                    aliases: vec![Alias { namespace: DEVICE.to_owned(), name: new.id.clone() }],
                    spec: Spec::read(Kind::Vessel, new.spec())
                        .map_err(crate::platform::PlatformError::from)?,
                    labels: BTreeMap::new(),
                    organisation: owner.clone(),
                };
                platform.create(twin, &caller.name()).await?.id
            }
            Err(error) => return Err(error.into()),
        };
        let device = Device {
            id: new.id.as_str().into(),
            sort: new.sort,
            organisation_id: new.organisation_id,
            sensors: new.sensors,
            metadata: new.metadata,
            registered: inner.now(),
            twin,
            owner,
        };
        let entity = format!("plastic/device/{}", device.id);
        let detail = json!({ "device": device });
        let act = Act { entity: &entity, kind: "device.registered", by: &caller.name(), detail };
        let put = RecordChange::put(&device, Expect::Absent)?;
        inner.keep(act, vec![put], &[]).await.map_err(|error| match error {
            StoreError::RecordChanged { .. } => taken(&device.id),
            error => error.into(),
        })?;
        let device = Arc::new(device);
        {
            let mut index = inner.index_mut();
            index.by_twin.insert(device.twin, device.id.clone());
            index.devices.insert(device.id.clone(), device.clone());
        }
        self.watch().await?;
        Ok(device)
    }

    /// Takes what a device measured, as if it had come over MQTT; what is odd about it is answered.
    ///
    /// # Errors
    /// When there is no such device, or what it measured cannot be.
    pub async fn device_report(
        &self,
        caller: &Caller,
        id: &str,
        report: SensorReport,
        claimed_pct: Option<f64>,
    ) -> Result<Vec<String>, PlasticError> {
        policy::may_at_all(caller, Action::TwinReport)?;
        let device = self.0.device(caller, id).await?;
        if report.at > self.0.now() + AHEAD_MS {
            return Err(PlasticError::unfit(Flaw::Future, "timestamp", "lies in the future"));
        }
        let value =
            |metric: &str| report.values.iter().find(|(name, _)| *name == metric).map(|found| found.1);
        if let Some((lat, lon)) = value("lat").zip(value("lon")) {
            let place = Position::new(lat, lon);
            place.map_err(|error| PlasticError::unfit(Flaw::Place, "sensors.data", error.to_string()))?;
        }
        let mut warnings = Vec::new();
        let capacity_kg = device.figure("maxCapacity");
        if let Some((held_kg, capacity_kg)) = value("hold_kg").zip(capacity_kg) {
            let filled_pct = 100.0 * held_kg / capacity_kg;
            if let Some(claimed) = claimed_pct.filter(|claimed| (claimed - filled_pct).abs() > 1.0) {
                warnings.push(format!("weight: {claimed} % full was said, and it is {filled_pct:.1} %"));
            }
        }
        let by = caller.name();
        let platform = &self.0.parts.platform;
        let mut values = Vec::with_capacity(report.values.len());
        for (name, value) in &report.values {
            values.push((Metric::new(name)?, *value));
        }
        if !values.is_empty() {
            let reading = Reading { at: report.at, values };
            platform.observe(device.twin, Report::Readings(vec![reading]), &by).await?;
        }
        for (event, detail) in report.said {
            platform.observe(device.twin, Report::Event { at: report.at, event, detail }, &by).await?;
        }
        self.0.heard(&device, true).await?;
        Ok(warnings)
    }

    /// A device as it stands.
    ///
    /// # Errors
    /// When there is none for the caller; where it has to be live, also when it was not heard lately.
    pub async fn device_status(
        &self,
        caller: &Caller,
        id: &str,
        must_be_live: bool,
    ) -> Result<DeviceSight, PlasticError> {
        policy::may_at_all(caller, Action::DeviceRead)?;
        let device = self.0.device(caller, id).await?;
        let sight = self.0.sight(device).await?;
        if must_be_live && sight.state != DeviceState::Active {
            return Err(PlasticError::Offline(id.to_owned()));
        }
        Ok(sight)
    }

    /// Devices that the caller sees, in the order of their names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn device_list(&self, caller: &Caller) -> Result<Vec<Arc<Device>>, PlasticError> {
        policy::may_at_all(caller, Action::DeviceRead)?;
        let visible = Visibility::of(caller);
        let index = self.0.index().await?;
        let is_seen = |device: &&Arc<Device>| match &visible {
            Visibility::Everything => true,
            Visibility::Organisation(own) => device.owner.as_ref() == Some(own),
            Visibility::Device(own) => own.id == device.id,
            _ => false,
        };
        Ok(index.devices.values().filter(is_seen).cloned().collect())
    }

    /// The device that calls, where it is one.
    pub fn own_device(caller: &Caller) -> Option<&str> {
        match &caller.subject {
            Subject::Device(device) => Some(&device.id),
            _ => None,
        }
    }
}

fn taken(id: &str) -> PlasticError {
    PlasticError::Conflict(format!("device {id} is registered already"))
}
