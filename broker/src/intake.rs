//! From a topic and a payload to reports at the door, whatever connection they came by.

use crate::config::Clock;
use crate::counters::Counters;
use crate::mapping::Rules;
use crate::payload::{self, Class, Fault, Limits};
use crate::sparkplug::{self, Nodes};
use crate::topic::{self, Channel, Misspelt, Native};
use bytes::Bytes;
use futures::future::join_all;
use host::platform::door::{Access, Device, Door, Kind, NotKept, Report};
use std::sync::{Arc, Mutex, PoisonError};
use twin::time::Time;

/// What understands messages.
pub(crate) struct Intake {
    pub(crate) door: Arc<dyn Door>,
    pub(crate) counters: Counters,
    limits: Limits,
    rules: Rules,
    sparkplug: Option<Mutex<Nodes>>,
    clock: Clock,
}

/// What a message says.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// For the door.
    pub(crate) reports: Vec<(Device, Report)>,
    /// Who came or went by it.
    pub(crate) presence: Vec<(Device, bool)>,
    /// What is to be published because of it.
    pub(crate) answers: Vec<(String, Bytes)>,
}

/// Why a message is not taken.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Whose it is, as far as is known.
    pub(crate) from: Option<Device>,
    /// What is wrong.
    pub(crate) fault: Fault,
    /// What is to be published because of it.
    pub(crate) answers: Vec<(String, Bytes)>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is durable.
    Kept,
    /// It was refused for good, and its rejection kept.
    Refused,
    /// It could not be kept now.
    Unavailable,
}

impl Intake {
    pub(crate) fn new(
        door: Arc<dyn Door>,
        limits: Limits,
        rules: Rules,
        sparkplug: Option<Nodes>,
        clock: Clock,
    ) -> Self {
        Self { door, counters: Counters::new(), limits, rules, sparkplug: sparkplug.map(Mutex::new), clock }
    }

    /// The platform's time.
    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    /// The topics to subscribe to in order to hear all that is understood.
    pub(crate) fn filters(&self) -> Vec<String> {
        let mut filters = topic::from_devices().to_vec();
        filters.extend(self.rules.filters());
        if self.sparkplug.is_some() {
            filters.push(sparkplug::FILTER.to_owned());
        }
        filters
    }

    /// Understands a message of somebody who may do so much.
    pub(crate) fn hear(&self, access: &Access, topic: &str, payload: &[u8]) -> Result<Heard, Refused> {
        self.counters.messages.increment(1);
        self.counters.bytes.increment(payload.len() as u64);
        if topic::is_native(topic) {
            return self.hear_native(access, topic, payload);
        }
        if let Some(nodes) = &self.sparkplug
            && sparkplug::is_sparkplug(topic)
        {
            if sparkplug::is_passed_on(topic) {
                return match access {
                    Access::All => Ok(Heard::default()),
                    Access::Device(_) | Access::Listen => Err(Refused::plain(forbidden(topic))),
                };
            }
            let may = |kind, id: &str| speaker(access, kind, id);
            let mut nodes = nodes.lock().unwrap_or_else(PoisonError::into_inner);
            return nodes.hear(topic, payload, self.now(), &self.limits, may);
        }
        match self.rules.find(topic) {
            Some(found) => {
                let from = speaker(access, found.kind(), found.id());
                let device = from.ok_or_else(|| Refused::plain(forbidden(topic)))?;
                match found.readings(payload, self.now(), &self.limits) {
                    Ok(readings) => Ok(Heard::of(device, Report::Readings(readings))),
                    Err(fault) => Err(Refused::of(device, fault)),
                }
            }
            None if *access == Access::Listen => Err(Refused::plain(forbidden(topic))),
            None => {
                let reason = format!("{:?} is no topic that is understood", payload::shortened(topic));
                Err(Refused::plain(Fault::new(Class::UnknownTopic, "topic", reason)))
            }
        }
    }

    /// Whether a message could be said by this guest; changes nothing.
    pub(crate) fn could_be_said(&self, access: &Access, topic: &str, payload: &[u8]) -> bool {
        if self.sparkplug.is_some() && sparkplug::is_sparkplug(topic) {
            // Whether a death can be said depends on what will be born, so only a guest who speaks for all may.
            return *access == Access::All;
        }
        self.hear(access, topic, payload).is_ok()
    }

    fn hear_native(&self, access: &Access, topic: &str, payload: &[u8]) -> Result<Heard, Refused> {
        let Native { kind, id, channel } = topic::parse(topic).map_err(|misspelt| {
            let (class, reason) = match misspelt {
                Misspelt::Kind => {
                    (Class::UnknownKind, "the kind is none of battery, cabinet, vessel, facility")
                }
                Misspelt::Id => (Class::BadId, "an identifier is empty, too long or has wrong characters"),
                Misspelt::Channel => (Class::UnknownTopic, "no such topic"),
            };
            Refused::plain(Fault::new(class, "topic", format!("{:?}: {reason}", payload::shortened(topic))))
        })?;
        let device = speaker(access, kind, id).ok_or_else(|| Refused::plain(forbidden(topic)))?;
        let now = self.now();
        let mut heard = Heard::default();
        let report = match channel {
            Channel::Telemetry => payload::telemetry(kind, payload, now, &self.limits).map(|telemetry| {
                if telemetry.skipped > 0 {
                    self.counters.skipped_keys.increment(telemetry.skipped as u64);
                }
                Report::Readings(telemetry.readings)
            }),
            Channel::Event => payload::event(payload, now, &self.limits),
            Channel::Status => payload::status(payload).map(|online| {
                heard.presence.push((device.clone(), online));
                Report::Presence { at: now, online }
            }),
            Channel::Ack { command } => payload::ack(command, payload, now, &self.limits),
            Channel::Command | Channel::Twin => return Err(Refused::of(device, forbidden(topic))),
        };
        match report {
            Ok(report) => {
                heard.reports.push((device, report));
                Ok(heard)
            }
            Err(fault) => Err(Refused::of(device, fault)),
        }
    }

    /// Brings reports to the door and says what became of them. Reports of one message are durable together or
    /// the message is not acknowledged.
    pub(crate) async fn carry(&self, reports: Vec<(Device, Report)>, topic: Bytes, payload: Bytes) -> Fate {
        let mut fate = Fate::Kept;
        let mut judge = Vec::new();
        if reports.len() == 1 {
            for (device, report) in reports {
                let answer = self.door.report(device.clone(), report).await;
                judge.push((device, answer));
            }
        } else {
            let answers = reports.into_iter().map(|(device, report)| {
                let answer = self.door.report(device.clone(), report);
                async move { (device, answer.await) }
            });
            judge = join_all(answers).await;
        }
        for (device, answer) in judge {
            match answer {
                Ok(()) => {}
                Err(NotKept::Unfit(why)) => {
                    let fault = Fault::new(Class::Refused, why.field, why.reason);
                    self.reject(Some(device), topic.clone(), payload.clone(), fault).await;
                    if fate == Fate::Kept {
                        fate = Fate::Refused;
                    }
                }
                Err(NotKept::Unavailable(why)) => {
                    tracing::debug!(why, "a report could not be kept");
                    fate = Fate::Unavailable;
                }
            }
        }
        match fate {
            Fate::Kept => self.counters.kept.increment(1),
            Fate::Refused => {}
            Fate::Unavailable => self.counters.unavailable.increment(1),
        }
        fate
    }

    /// Keeps what could not be understood.
    pub(crate) async fn reject(&self, from: Option<Device>, topic: Bytes, payload: Bytes, fault: Fault) {
        self.counters.rejected.count(fault.class);
        let topic = String::from_utf8_lossy(&topic).into_owned();
        self.door.reject(from, topic, payload, fault.into()).await;
    }
}

impl Heard {
    fn of(device: Device, report: Report) -> Self {
        Self { reports: vec![(device, report)], ..Self::default() }
    }
}

impl Refused {
    pub(crate) fn plain(fault: Fault) -> Self {
        Self { from: None, fault, answers: Vec::new() }
    }

    pub(crate) fn of(device: Device, fault: Fault) -> Self {
        Self { from: Some(device), fault, answers: Vec::new() }
    }
}

/// The device, when this guest may speak for it.
fn speaker(access: &Access, kind: Kind, id: &str) -> Option<Device> {
    match access {
        Access::Device(device) => (device.kind == kind && *device.id == *id).then(|| device.clone()),
        Access::All => Some(Device { kind, id: id.into() }),
        Access::Listen => None,
    }
}

/// A topic that the guest may not write.
pub(crate) fn forbidden(topic: &str) -> Fault {
    Fault::new(
        Class::Forbidden,
        "topic",
        format!("{:?} may not be written by this guest", payload::shortened(topic)),
    )
}
