//! What there is to see of a twin, an alert and a command: the same for whoever looks.

use super::alerts::AlertRecord;
use super::command::{CommandRecord, Outcome};
use super::door::Kind;
use super::facts::Facts;
use super::registry::{Alias, TwinId};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use twin::battery::estimate::{Sensor, SensorFault, Wrong};
use twin::live::alert::Severity;
use twin::live::battery::{Basis, Doing, Estimate};
use twin::time::Time;
use uuid::Uuid;

/// An instant as text: `2026-01-31T12:00:00.5Z`.
pub fn rfc3339(at: Time) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

fn text<S: Serializer>(at: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

fn text_or_null<S: Serializer>(at: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => text(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// The last value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LatestSight {
    /// The value.
    pub value: f64,
    /// When it was measured.
    #[serde(serialize_with = "text")]
    pub at: Time,
}

/// What a battery is estimated to be; nothing where nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BatterySight {
    /// State of charge, 0 to 1.
    pub soc: Option<f64>,
    /// Its standard deviation.
    pub soc_std: Option<f64>,
    /// Capacity over rated.
    pub soh: Option<f64>,
    /// Its standard deviation.
    pub soh_std: Option<f64>,
    /// Internal resistance at half charge and 25 °C [Ω].
    pub resistance_ohm: Option<f64>,
    /// Internal resistance over that of a new one.
    pub resistance_over_new: Option<f64>,
    /// Its standard deviation.
    pub resistance_over_new_std: Option<f64>,
    /// Temperature of the cells [°C].
    pub cell_temperature_c: Option<f64>,
    /// What the current sensor shows without a current [A].
    pub current_offset_a: Option<f64>,
    /// Distance of the last voltage from what was expected [V per cell].
    pub voltage_residual_v: Option<f64>,
    /// Charge that is in it [Ah].
    pub remaining_ah: Option<f64>,
    /// Charge out since the first reading [Ah].
    pub discharged_ah: f64,
    /// Charge in since the first reading [Ah].
    pub charged_ah: f64,
    /// Throughput since the first reading in full equivalent cycles.
    pub equivalent_cycles: Option<f64>,
    /// `charging`, `discharging` or `resting`.
    pub doing: Option<Doing>,
    /// What all this rests on: `model` of its cells, or `claims` of its own electronics where nobody said what cells it has.
    pub basis: Basis,
    /// Sensors that do not tell the truth.
    pub sensor_faults: Vec<SensorFaultSight>,
    /// Silences that were longer than usual.
    pub gaps: u32,
    /// When the last of them was over.
    #[serde(serialize_with = "text_or_null")]
    pub last_gap_until: Option<Time>,
    /// How long it was [s].
    pub last_gap_s: Option<f64>,
    /// Readings with figures that cannot be this battery's, and that were not believed.
    pub unbelieved: u32,
}

/// A sensor that does not tell the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SensorFaultSight {
    /// `voltage`, `current`, `temperature` or `soc`.
    pub sensor: &'static str,
    /// `stuck`, `off` or `noisy`.
    pub fault: &'static str,
    /// What it shows, is off by, or scatters by, in the metric's unit; of the state of charge a fraction.
    pub figure: f64,
    /// Since when, as far as can be told.
    #[serde(serialize_with = "text")]
    pub since: Time,
}

impl From<&SensorFault> for SensorFaultSight {
    fn from(known: &SensorFault) -> Self {
        let sensor = match known.sensor {
            Sensor::Voltage => "voltage",
            Sensor::Current => "current",
            Sensor::Temperature => "temperature",
            Sensor::StateOfCharge => "soc",
        };
        let (fault, figure) = match known.wrong {
            Wrong::Stuck { shows } => ("stuck", shows),
            Wrong::Off { by } => ("off", by),
            Wrong::Noisy { std } => ("noisy", std),
        };
        Self { sensor, fault, figure, since: known.since }
    }
}

impl From<Estimate> for BatterySight {
    fn from(estimate: Estimate) -> Self {
        Self {
            soc: estimate.soc.map(|soc| soc.mean),
            soc_std: estimate.soc.map(|soc| soc.std),
            soh: estimate.soh.map(|soh| soh.mean),
            soh_std: estimate.soh.map(|soh| soh.std),
            resistance_ohm: estimate.resistance_ohm,
            resistance_over_new: estimate.resistance_rel.map(|rel| rel.mean),
            resistance_over_new_std: estimate.resistance_rel.map(|rel| rel.std),
            cell_temperature_c: estimate.temperature_c.map(|temperature| temperature.mean),
            current_offset_a: estimate.current_offset_a,
            voltage_residual_v: estimate.voltage_residual_v,
            remaining_ah: estimate.remaining_ah,
            discharged_ah: estimate.discharged_ah,
            charged_ah: estimate.charged_ah,
            equivalent_cycles: estimate.efc,
            doing: estimate.doing,
            basis: estimate.basis,
            sensor_faults: estimate.faults.iter().map(SensorFaultSight::from).collect(),
            gaps: estimate.gaps,
            last_gap_until: estimate.last_gap.map(|gap| gap.until),
            last_gap_s: estimate.last_gap.map(|gap| gap.seconds),
            unbelieved: estimate.unheard,
        }
    }
}

/// A slot of a cabinet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlotSight {
    /// Its number, from 1 on.
    pub slot: u32,
    /// What it is.
    pub state: String,
    /// The battery in it.
    pub battery: Option<String>,
    /// Since when that is known.
    #[serde(serialize_with = "text")]
    pub since: Time,
}

/// What is known of a cabinet, vessel or facility.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SiteSight {
    /// Slots that it spoke of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<SlotSight>,
    /// Empty and healthy slots, for a cabinet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots_available: Option<usize>,
    /// Batteries that can be had, for a cabinet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batteries_ready: Option<usize>,
    /// Swaps so far, for a cabinet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swaps: Option<u64>,
    /// On board of a vessel or in the yard of a facility [kg].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_kg: Option<f64>,
    /// Taken in so far [kg].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded_kg: Option<f64>,
    /// Put off so far [kg].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unloaded_kg: Option<f64>,
}

/// What there is to see of a twin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sight {
    /// Its own name.
    pub id: TwinId,
    /// What it is a twin of.
    pub kind: Kind,
    /// What people call it.
    pub name: Option<String>,
    /// What it is called outside.
    pub aliases: Vec<Alias>,
    /// What it is of.
    pub spec: Value,
    /// What somebody wants to keep with it.
    pub labels: BTreeMap<String, String>,
    /// Facts so far; changes with each.
    pub revision: u64,
    /// Instant of this sight.
    #[serde(serialize_with = "text")]
    pub at: Time,
    /// When it was registered.
    #[serde(serialize_with = "text")]
    pub created_at: Time,
    /// When it was retired.
    #[serde(serialize_with = "text_or_null", skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Time>,
    /// Whether the hardware is there: it said something lately and did not say good-bye. Nothing where it never spoke.
    pub online: Option<bool>,
    /// When the hardware was heard last, by the platform's clock.
    #[serde(serialize_with = "text_or_null")]
    pub heard_at: Option<Time>,
    /// Instant of its last reading.
    #[serde(serialize_with = "text_or_null")]
    pub measured_at: Option<Time>,
    /// Readings so far.
    pub readings: u64,
    /// For a battery, what it is estimated to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<BatterySight>,
    /// For anything else, what it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteSight>,
    /// The latest words on everything else that it spoke of: `door` is `open`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub said: BTreeMap<String, String>,
    /// Degrees north and east, where it was last or where it stands.
    pub position: Option<(f64, f64)>,
    /// The last value of every metric.
    pub latest: BTreeMap<String, LatestSight>,
    /// Alerts that are still there.
    pub alerts: Vec<AlertSight>,
    /// Commands that wait for an answer.
    pub commands_open: usize,
    /// How somebody wants the hardware to be.
    pub desired: Map<String, Value>,
    /// How it says that it is.
    pub reported: Map<String, Value>,
    /// What is wanted but not reported.
    pub difference: Map<String, Value>,
}

impl Sight {
    pub(super) fn of(facts: &Facts, now: Time) -> Self {
        let (record, kept) = (&facts.record, &facts.kept);
        let latest = |known: &twin::live::Known| {
            (known.metric.to_string(), LatestSight { value: known.value, at: known.at })
        };
        let estimate = kept.measured.estimate(facts.subject.as_deref(), now);
        let said = kept.told.items().map(|item| (item.name.to_string(), item.value.to_string()));
        let value = |metric| kept.measured.latest.get(metric).map(|known| known.value);
        let stands = match &record.spec {
            super::registry::Spec::Site(spec) => spec.lat.zip(spec.lon),
            super::registry::Spec::Battery(_) => None,
        };
        Self {
            id: record.id,
            kind: record.kind,
            name: record.name.clone(),
            aliases: record.aliases.clone(),
            spec: record.spec.json(),
            labels: record.labels.clone(),
            revision: facts.revision.0,
            at: now,
            created_at: record.created_at,
            retired_at: record.retired_at,
            online: kept.heard_at.map(|_| kept.online.unwrap_or(true)),
            heard_at: kept.heard_at,
            measured_at: kept.measured.last_at,
            readings: kept.measured.readings,
            battery: estimate.map(BatterySight::from),
            site: site(facts),
            said: said.collect(),
            position: value("lat").zip(value("lon")).or(stands),
            latest: kept.measured.latest.iter().map(latest).collect(),
            alerts: facts.alerts.iter().map(|alert| AlertSight::from(&alert.value)).collect(),
            commands_open: facts.commands.len(),
            desired: record.desired.clone(),
            reported: record.reported.clone(),
            difference: record.difference(),
        }
    }
}

fn site(facts: &Facts) -> Option<SiteSight> {
    let told = &facts.kept.told;
    match facts.record.kind {
        Kind::Battery => None,
        Kind::Cabinet => {
            let slots: Vec<SlotSight> = told
                .slots()
                .map(|(slot, item)| SlotSight {
                    slot,
                    state: item.value.to_string(),
                    battery: item.battery.as_deref().map(str::to_owned),
                    since: item.at,
                })
                .collect();
            let of_state = |state: &str| slots.iter().filter(|slot| slot.state == state).count();
            Some(SiteSight {
                slots_available: Some(of_state("empty")),
                batteries_ready: Some(of_state("ready")),
                swaps: Some(told.swaps),
                slots,
                ..SiteSight::default()
            })
        }
        Kind::Vessel | Kind::Facility => Some(SiteSight {
            held_kg: Some(told.held_kg()),
            loaded_kg: Some(told.loaded_kg),
            unloaded_kg: Some(told.unloaded_kg),
            ..SiteSight::default()
        }),
    }
}

/// What there is to see of an alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertSight {
    /// Its name.
    pub id: Uuid,
    /// Its name for people.
    pub alert_id: String,
    /// Whose.
    pub twin: TwinId,
    /// What it is a twin of.
    pub kind: Kind,
    /// What is wrong.
    pub alert_type: String,
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// The threshold.
    pub threshold: f64,
    /// The figure.
    pub actual: f64,
    /// When it was raised.
    #[serde(serialize_with = "text")]
    pub triggered_at: Time,
    /// When it was changed last.
    #[serde(serialize_with = "text")]
    pub updated_at: Time,
    /// Whether it is still there.
    pub active: bool,
    /// When it ended.
    #[serde(serialize_with = "text_or_null")]
    pub resolved_at: Option<Time>,
    /// Who ended it.
    pub resolved_by: Option<String>,
    /// When somebody took note.
    #[serde(serialize_with = "text_or_null")]
    pub acknowledged_at: Option<Time>,
    /// Who did.
    pub acknowledged_by: Option<String>,
    /// And what was said then.
    pub note: Option<String>,
}

impl From<&AlertRecord> for AlertSight {
    fn from(alert: &AlertRecord) -> Self {
        Self {
            id: alert.id,
            alert_id: alert.alert_id.clone(),
            twin: alert.twin,
            kind: alert.kind,
            alert_type: alert.alert_type.clone(),
            severity: alert.severity,
            message: alert.message.clone(),
            threshold: alert.threshold,
            actual: alert.actual,
            triggered_at: alert.triggered_at,
            updated_at: alert.updated_at,
            active: alert.is_active(),
            resolved_at: alert.resolved_at,
            resolved_by: alert.resolved_by.clone(),
            acknowledged_at: alert.acknowledged_at,
            acknowledged_by: alert.acknowledged_by.clone(),
            note: alert.note.clone(),
        }
    }
}

/// What there is to see of a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CommandSight {
    /// Its name.
    pub id: Uuid,
    /// For whom.
    pub twin: TwinId,
    /// What to do.
    pub command: String,
    /// With what.
    pub params: Value,
    /// Who wants it.
    pub by: String,
    /// What became of it: `accepted`, `acknowledged`, `refused` or `timed_out`.
    pub outcome: Outcome,
    /// What the device said about it.
    pub detail: Option<String>,
    /// When it was accepted.
    #[serde(serialize_with = "text")]
    pub accepted_at: Time,
    /// Until when the device may answer.
    #[serde(serialize_with = "text")]
    pub deadline: Time,
    /// When it was settled.
    #[serde(serialize_with = "text_or_null")]
    pub settled_at: Option<Time>,
}

impl From<&CommandRecord> for CommandSight {
    fn from(command: &CommandRecord) -> Self {
        Self {
            id: command.id,
            twin: command.twin,
            command: command.command.clone(),
            params: command.params.clone(),
            by: command.by.clone(),
            outcome: command.outcome,
            detail: command.detail.clone(),
            accepted_at: command.accepted_at,
            deadline: command.deadline,
            settled_at: command.settled_at,
        }
    }
}
