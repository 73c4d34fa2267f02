//! Faults of simulated hardware, made on purpose, so that one can see what becomes of them.
//!
//! ```text
//!  Platform::inject ──► Simulated: which hardware is simulated, and what is wrong with it now ◄── plants look, at every report
//! ```
//!
//! Twins are told nothing of it: what they believe they believe from telemetry. The journal has it under an entity of
//! its own. Faults end with the process, as simulated hardware does.

use super::door::{Device, Unfit};
use super::error::PlatformError;
use super::registry::{TwinId, TwinRecord};
use super::{Platform, uuid};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use twin::time::Time;
use uuid::Uuid;

/// The entity under which injections are kept.
const ENTITY: &str = "simulated-faults";
/// Most faults at a time.
const FAULTS_MAX: usize = 10_000;

/// Something that is wrong with hardware.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// A sensor shows so much more than there is, in the metric's unit.
    SensorBias {
        /// Of which figure.
        metric: String,
        /// How much more.
        by: f64,
    },
    /// A sensor shows the same figure for ever.
    SensorStuck {
        /// Of which figure.
        metric: String,
    },
    /// A sensor's noise grows by so much, as a standard deviation in the metric's unit.
    SensorNoise {
        /// Of which figure.
        metric: String,
        /// The standard deviation.
        by: f64,
    },
    /// So large a share of reports is lost.
    DropOut {
        /// 0 to 1.
        share: f64,
    },
    /// So large a share of reports is sent twice.
    Duplicates {
        /// 0 to 1.
        share: f64,
    },
    /// The device's clock is ahead by so much.
    ClockSkew {
        /// Seconds; negative where it is behind.
        by: f64,
    },
    /// The device says nothing and does nothing that it is told.
    Silent,
    /// Charging does not happen: a battery's own charger, or a slot's.
    Charger {
        /// Which slot, from 1 on.
        #[serde(skip_serializing_if = "Option::is_none")]
        slot: Option<u32>,
    },
    /// A slot neither takes nor gives packs.
    Slot {
        /// Which, from 1 on.
        slot: u32,
    },
    /// A whole cabinet is down.
    Cabinet,
}

impl Fault {
    /// Names of all kinds.
    pub const NAMES: [&'static str; 10] = [
        "sensor_bias",
        "sensor_stuck",
        "sensor_noise",
        "drop_out",
        "duplicates",
        "clock_skew",
        "silent",
        "charger",
        "slot",
        "cabinet",
    ];
}

/// What simulated hardware can suffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Figures that it reports.
    pub metrics: Vec<String>,
    /// Faults beyond those of sensors and reports, by name.
    pub faults: Vec<&'static str>,
    /// Slots, where it has any.
    pub slots: u32,
}

/// A fault as somebody asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewFault {
    /// Which: a name.
    pub fault: String,
    /// Of which figure.
    pub metric: Option<String>,
    /// How much.
    pub by: Option<f64>,
    /// What share.
    pub share: Option<f64>,
    /// Which slot.
    pub slot: Option<u32>,
    /// For how long [s]; until it is lifted where nobody says.
    pub for_s: Option<f64>,
}

/// A fault that is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultRecord {
    /// Its name.
    pub id: Uuid,
    /// Whose hardware.
    pub twin: TwinId,
    /// What the hardware calls itself.
    pub device: Arc<str>,
    /// What is wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// Since when.
    #[serde(serialize_with = "super::sight::text")]
    pub since: Time,
    /// Until when, where that was said.
    #[serde(serialize_with = "super::sight::text_or_null")]
    pub until: Option<Time>,
    /// Who did it.
    pub injected_by: String,
}

/// Hardware that is simulated, and what is wrong with it. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Simulated(Arc<Mutex<BTreeMap<Device, Hardware>>>);

#[derive(Debug, Default)]
struct Hardware {
    abilities: Abilities,
    faults: Vec<FaultRecord>,
}

impl Simulated {
    /// So much hardware is simulated.
    pub fn of(hardware: impl IntoIterator<Item = (Device, Abilities)>) -> Self {
        let hardware = hardware
            .into_iter()
            .map(|(device, abilities)| (device, Hardware { abilities, ..Hardware::default() }));
        Self(Arc::new(Mutex::new(hardware.collect())))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Device, Hardware>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with a device now, the oldest first.
    pub fn faults_of(&self, device: &Device, now: Time) -> Vec<(Uuid, Fault)> {
        let mut all = self.all();
        let Some(hardware) = all.get_mut(device) else { return Vec::new() };
        hardware.faults.retain(|fault| fault.until.is_none_or(|until| now < until));
        hardware.faults.iter().map(|fault| (fault.id, fault.fault.clone())).collect()
    }

    fn list(&self, now: Time) -> Vec<FaultRecord> {
        let all = self.all();
        let faults = all.values().flat_map(|hardware| &hardware.faults);
        let mut faults: Vec<FaultRecord> =
            faults.filter(|fault| fault.until.is_none_or(|until| now < until)).cloned().collect();
        faults.sort_by(|a, b| a.since.cmp(&b.since).then(a.id.cmp(&b.id)));
        faults
    }

    fn lift(&self, id: Uuid) -> Option<FaultRecord> {
        self.all().values_mut().find_map(|hardware| {
            let place = hardware.faults.iter().position(|fault| fault.id == id)?;
            Some(hardware.faults.remove(place))
        })
    }
}

impl NewFault {
    /// The fault, where hardware of such abilities can suffer it.
    fn read(&self, abilities: &Abilities) -> Result<Fault, Unfit> {
        let by = |low: f64, high: f64| {
            let by = self.by.ok_or_else(|| Unfit::new("by", "is needed"))?;
            let fits = (low..=high).contains(&by);
            fits.then_some(by)
                .ok_or_else(|| Unfit::new("by", format!("{by} is not between {low} and {high}")))
        };
        let share = || {
            let share = self.share.ok_or_else(|| Unfit::new("share", "is needed, from 0 to 1"))?;
            let fits = (0.0..=1.0).contains(&share);
            fits.then_some(share)
                .ok_or_else(|| Unfit::new("share", format!("{share} is not between 0 and 1")))
        };
        let metric = || {
            let metric = self.metric.clone().ok_or_else(|| Unfit::new("metric", "is needed"))?;
            let known = abilities.metrics.contains(&metric);
            let reason = || format!("{metric:?} is none of {}", abilities.metrics.join(", "));
            if known { Ok(metric) } else { Err(Unfit::new("metric", reason())) }
        };
        let slot = |slot: u32| {
            let fits = (1..=abilities.slots).contains(&slot);
            let reason = || format!("{slot} is not between 1 and {}", abilities.slots);
            fits.then_some(slot).ok_or_else(|| Unfit::new("slot", reason()))
        };
        let needed = || self.slot.ok_or_else(|| Unfit::new("slot", "is needed"));
        if ["charger", "slot", "cabinet"].contains(&self.fault.as_str())
            && !abilities.faults.contains(&self.fault.as_str())
        {
            return Err(Unfit::new("fault", format!("this hardware has no fault {:?}", self.fault)));
        }
        Ok(match self.fault.as_str() {
            "sensor_bias" => Fault::SensorBias { metric: metric()?, by: by(-1e6, 1e6)? },
            "sensor_stuck" => Fault::SensorStuck { metric: metric()? },
            "sensor_noise" => Fault::SensorNoise { metric: metric()?, by: by(0.0, 1e6)? },
            "drop_out" => Fault::DropOut { share: share()? },
            "duplicates" => Fault::Duplicates { share: share()? },
            "clock_skew" => Fault::ClockSkew { by: by(-1e7, 1e7)? },
            "silent" => Fault::Silent,
            "charger" if abilities.slots > 0 => Fault::Charger { slot: Some(slot(needed()?)?) },
            "charger" => Fault::Charger { slot: None },
            "slot" => Fault::Slot { slot: slot(needed()?)? },
            "cabinet" => Fault::Cabinet,
            other => {
                let reason = format!("{other:?} is none of {}", Fault::NAMES.join(", "));
                return Err(Unfit::new("fault", reason));
            }
        })
    }
}

impl Platform {
    fn simulated(&self) -> Result<&Simulated, PlatformError> {
        let none = || "the hardware is real; only simulated hardware can be made faulty".to_owned();
        self.core.options.simulated.as_ref().ok_or_else(|| PlatformError::Conflict(none()))
    }

    /// Whether a twin's hardware is simulated.
    pub fn is_simulated(&self, record: &TwinRecord) -> bool {
        let device = Device { kind: record.kind, id: record.device_name().into() };
        self.core.options.simulated.as_ref().is_some_and(|simulated| simulated.all().contains_key(&device))
    }

    /// Makes a twin's hardware faulty, from now on.
    ///
    /// # Errors
    /// When it is real, or cannot suffer this.
    pub async fn inject(&self, twin: TwinId, new: NewFault, by: &str) -> Result<FaultRecord, PlatformError> {
        let simulated = self.simulated()?;
        let record = self.find(None, &twin.to_string()).await?;
        let device = Device { kind: record.kind, id: record.device_name().into() };
        let real = || PlatformError::Conflict(format!("the hardware of twin {twin} is not simulated"));
        let abilities = simulated.all().get(&device).map(|hardware| hardware.abilities.clone());
        let fault = new.read(&abilities.ok_or_else(real)?)?;
        if let Some(for_s) = new.for_s.filter(|for_s| !(1e-3..=1e9).contains(for_s)) {
            return Err(PlatformError::unfit("for_s", format!("{for_s} is not between 0.001 and 1e9")));
        }
        let now = self.core.clock.now();
        let injected = FaultRecord {
            id: Uuid::new_v4(),
            twin,
            device: device.id.clone(),
            fault,
            since: now,
            until: new.for_s.map(|for_s| now.plus_seconds(for_s)),
            injected_by: by.to_owned(),
        };
        if simulated.list(now).len() >= FAULTS_MAX {
            return Err(PlatformError::Conflict(format!("there are {FAULTS_MAX} faults already")));
        }
        // Known before it acts, so that none acts unknown.
        self.core.note(ENTITY, by, "fault.injected", &injected).await?;
        if let Some(hardware) = simulated.all().get_mut(&device) {
            hardware.faults.push(injected.clone());
        }
        Ok(injected)
    }

    /// Faults that are there, the oldest first.
    ///
    /// # Errors
    /// When hardware is real.
    pub fn faults(&self) -> Result<Vec<FaultRecord>, PlatformError> {
        Ok(self.simulated()?.list(self.core.clock.now()))
    }

    /// Lifts a fault.
    ///
    /// # Errors
    /// When there is none such.
    pub async fn lift(&self, id: &str, by: &str) -> Result<FaultRecord, PlatformError> {
        let name = uuid("fault", id)?;
        let lifted = self.simulated()?.lift(name).ok_or_else(|| PlatformError::absent("fault", id))?;
        self.core.note(ENTITY, by, "fault.lifted", &json!({ "id": lifted.id, "twin": lifted.twin })).await?;
        Ok(lifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_checked_against_the_hardware() {
        let pack = Abilities { metrics: vec!["voltage_v".into()], faults: vec!["charger"], slots: 0 };
        let new = |fault: &str| NewFault { fault: fault.to_owned(), ..NewFault::default() };
        let field = |new: &NewFault| new.read(&pack).unwrap_err().field;
        assert_eq!(field(&new("melting")), "fault");
        assert_eq!(field(&new("cabinet")), "fault");
        assert_eq!(field(&new("sensor_bias")), "metric");
        let metric = Some("voltage_v".to_owned());
        assert_eq!(field(&NewFault { metric: metric.clone(), ..new("sensor_bias") }), "by");
        let nan = NewFault { metric: metric.clone(), by: Some(f64::NAN), ..new("sensor_bias") };
        assert_eq!(field(&nan), "by");
        assert_eq!(field(&NewFault { share: Some(1.5), ..new("drop_out") }), "share");
        let stuck = NewFault { metric, ..new("sensor_stuck") }.read(&pack).unwrap();
        assert_eq!(stuck, Fault::SensorStuck { metric: "voltage_v".into() });
        assert_eq!(new("charger").read(&pack).unwrap(), Fault::Charger { slot: None });
        let cabinet =
            Abilities { faults: vec!["charger", "slot", "cabinet"], slots: 3, ..Abilities::default() };
        assert_eq!(new("charger").read(&cabinet).unwrap_err().field, "slot");
        assert_eq!(NewFault { slot: Some(4), ..new("slot") }.read(&cabinet).unwrap_err().field, "slot");
    }
}
