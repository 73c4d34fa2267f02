//! Sparkplug B: births, data and deaths of edge nodes and their devices.
//!
//! ```text
//! spBv1.0/{group}/NBIRTH|NDATA|NDEATH/{node}
//! spBv1.0/{group}/DBIRTH|DDATA|DDEATH/{node}/{device}
//! ```
//!
//! A birth names every metric and may give it an alias; data name metrics by either. All of a node's messages but
//! its death carry a sequence number, 0 to 255 and round again, beginning with 0 at its birth. When one is
//! missing, or data come of somebody not born, the node is asked for its birth again (`NCMD`, metric
//! `Node Control/Rebirth`), at most once in a while.
//!
//! Data are sent by exception: what did not change is not said. A reading of a battery needs voltage and current,
//! so the one that was not said is the last that was.
//!
//! Source: Eclipse Sparkplug specification 3.0.0 (2022), §§ 4 to 6.

mod wire;

use crate::config::ConfigError;
use crate::intake::{Heard, Refused};
use crate::mapping::{Named, ValueRule};
use crate::payload::keys::Keys;
use crate::payload::{Class, Fault, Limits, shortened};
use crate::topic;
use bytes::Bytes;
use host::platform::door::{Device, Kind, Report};
use host::store::Metric;
use host::store::series::Reading;
use prost::Message;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use twin::time::Time;

/// What every topic begins with.
const NAMESPACE: &str = "spBv1.0/";
/// The filter that catches all of it.
pub(crate) const FILTER: &str = "spBv1.0/#";
/// The metric that asks a node for its birth.
const REBIRTH: &str = "Node Control/Rebirth";
/// The metric that numbers a node's sessions.
const BD_SEQ: &str = "bdSeq";
/// Most metrics of one birth.
const METRICS_MAX: usize = 10_000;
/// Most devices of one node.
const DEVICES_MAX: usize = 10_000;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether it is understood at all.
    pub enabled: bool,
    /// What nodes and devices are.
    pub kind: Kind,
    /// The name of a device: text with `{group}`, `{node}` and `{device}`.
    pub device_id: String,
    /// The name of a node that measures something itself: text with `{group}` and `{node}`.
    pub node_id: String,
    /// Metrics that are not named as native keys are; `pointer` is the name of the Sparkplug metric.
    pub value: Vec<ValueRule>,
    /// Most nodes that are remembered.
    pub nodes_max: usize,
    /// Least time between two requests for a birth [s].
    pub rebirth_pause_s: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            kind: Kind::Battery,
            device_id: "{device}".into(),
            node_id: "{node}".into(),
            value: Vec::new(),
            nodes_max: 100_000,
            rebirth_pause_s: 10.0,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<Named, ConfigError> {
        let wrong = |field: &str, reason: String| ConfigError { field: format!("sparkplug.{field}"), reason };
        for (field, template, wanted) in
            [("device_id", &self.device_id, "{device}"), ("node_id", &self.node_id, "{node}")]
        {
            if !template.contains(wanted) {
                return Err(wrong(
                    field,
                    format!("{template:?} has no {wanted}, so names would fall together"),
                ));
            }
        }
        if self.nodes_max == 0 {
            return Err(wrong("nodes_max", "0 is outside of 1 and more".into()));
        }
        if !(0.0..=1e6).contains(&self.rebirth_pause_s) {
            return Err(wrong(
                "rebirth_pause_s",
                format!("{} is outside of 0 to 1000000", self.rebirth_pause_s),
            ));
        }
        Ok(Named::new(&self.value, "sparkplug.value")?)
    }
}

/// Whether a topic is Sparkplug's.
pub(crate) fn is_sparkplug(topic: &str) -> bool {
    topic.starts_with(NAMESPACE)
}

/// Whether a topic is one that only is passed on: commands to nodes and devices, states of host applications.
pub(crate) fn is_passed_on(topic: &str) -> bool {
    let mut levels = topic.strip_prefix(NAMESPACE).unwrap_or("").split('/');
    let first = levels.next();
    first == Some("STATE") || matches!(levels.next(), Some("NCMD" | "DCMD"))
}

/// What kind of message a topic says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Birth,
    Data,
    Death,
}

/// A topic taken apart.
struct Place<'a> {
    group: &'a str,
    node: &'a str,
    device: Option<&'a str>,
    what: What,
}

fn place(topic: &str) -> Option<Place<'_>> {
    let mut levels = topic.strip_prefix(NAMESPACE)?.split('/');
    let (group, message, node) = (levels.next()?, levels.next()?, levels.next()?);
    let device = levels.next();
    let what = match (message, device) {
        ("NBIRTH", None) | ("DBIRTH", Some(_)) => What::Birth,
        ("NDATA", None) | ("DDATA", Some(_)) => What::Data,
        ("NDEATH", None) | ("DDEATH", Some(_)) => What::Death,
        _ => return None,
    };
    let named = [Some(group), Some(node), device].into_iter().flatten().all(topic::is_id);
    (named && levels.next().is_none()).then_some(Place { group, node, device, what })
}

/// What is known of the nodes.
pub(crate) struct Nodes {
    settings: Settings,
    named: Named,
    nodes: HashMap<(String, String), Node>,
}

#[derive(Default)]
struct Node {
    /// The sequence number expected next; none before the first birth.
    next: Option<u8>,
    /// The number of its session.
    session: Option<f64>,
    itself: Born,
    devices: BTreeMap<String, Born>,
    asked: Option<Time>,
}

/// What a birth named, and the last of what a reading needs.
#[derive(Default)]
struct Born {
    alive: bool,
    /// Whether it measures anything that is known.
    measures: bool,
    aliases: HashMap<u64, (String, Option<u32>)>,
    types: HashMap<String, Option<u32>>,
    last: BTreeMap<Metric, f64>,
}

impl Nodes {
    pub(crate) fn new(settings: Settings) -> Result<Self, ConfigError> {
        let named = settings.check()?;
        Ok(Self { settings, named, nodes: HashMap::new() })
    }

    /// Understands a message of somebody who may speak for the devices that `may` gives.
    pub(crate) fn hear(
        &mut self,
        topic: &str,
        payload: &[u8],
        now: Time,
        limits: &Limits,
        may: impl Fn(Kind, &str) -> Option<Device>,
    ) -> Result<Heard, Refused> {
        let unknown = || {
            let reason = format!("{:?} is no topic of Sparkplug that is understood", shortened(topic));
            Refused::plain(Fault::new(Class::UnknownTopic, "topic", reason))
        };
        let place = place(topic).ok_or_else(unknown)?;
        let kind = self.settings.kind;
        let id = match place.device {
            Some(device) => self.settings.device_id.replace("{device}", device),
            None => self.settings.node_id.clone(),
        };
        let id = id.replace("{group}", place.group).replace("{node}", place.node);
        let device = may(kind, &id).ok_or_else(|| Refused::plain(crate::intake::forbidden(topic)))?;
        let refused = |class, field: &str, reason: String| {
            Refused::of(device.clone(), Fault::new(class, field, reason))
        };
        if payload.len() > limits.payload_max_bytes {
            let reason = format!("{} bytes; {} are taken", payload.len(), limits.payload_max_bytes);
            return Err(refused(Class::TooLong, "payload", reason));
        }
        let message = wire::Payload::decode(payload)
            .map_err(|error| refused(Class::NotSparkplug, "payload", error.to_string()))?;
        if message.metrics.len() > METRICS_MAX {
            return Err(refused(Class::TooLong, "metrics", format!("more than {METRICS_MAX} metrics")));
        }

        let key = (place.group.to_owned(), place.node.to_owned());
        if !self.nodes.contains_key(&key) && self.nodes.len() >= self.settings.nodes_max {
            return Err(refused(
                Class::OutOfBounds,
                "topic",
                format!("more than {} nodes", self.settings.nodes_max),
            ));
        }
        let rebirth_pause_s = self.settings.rebirth_pause_s;
        let node = self.nodes.entry(key).or_default();
        let mut heard = Heard::default();

        // The sequence first: it runs through all messages of a node but its death.
        let is_node_death = place.what == What::Death && place.device.is_none();
        let mut gap = false;
        if !is_node_death {
            let Some(seq) = message.seq.and_then(|seq| u8::try_from(seq).ok()) else {
                return Err(refused(Class::OutOfSequence, "seq", "it is missing or above 255".into()));
            };
            let is_node_birth = place.what == What::Birth && place.device.is_none();
            gap = !is_node_birth && node.next.is_some_and(|next| next != seq);
            if is_node_birth || node.next.is_some() {
                node.next = Some(seq.wrapping_add(1));
            }
        }

        let fresh = match (place.what, place.device) {
            (What::Birth, None) => {
                *node = Node { next: node.next, asked: node.asked, ..Node::default() };
                node.session = session(&message);
                true
            }
            (What::Death, None) => {
                let same = match (node.session, session(&message)) {
                    (Some(born), Some(dead)) => born == dead,
                    _ => true,
                };
                if same && node.itself.alive {
                    node.next = None;
                    node.itself.alive = false;
                    if node.itself.measures {
                        heard.goes(device.clone(), now, false);
                    }
                    let template = &self.settings.device_id;
                    for (name, born) in node.devices.iter_mut().filter(|(_, born)| born.alive) {
                        born.alive = false;
                        let id = template.replace("{device}", name);
                        let id = id.replace("{group}", place.group).replace("{node}", place.node);
                        if let Some(device) = may(kind, &id) {
                            heard.goes(device, now, false);
                        }
                    }
                }
                return Ok(heard);
            }
            (What::Birth, Some(name)) => {
                if node.devices.len() >= DEVICES_MAX && !node.devices.contains_key(name) {
                    return Err(refused(
                        Class::OutOfBounds,
                        "topic",
                        format!("more than {DEVICES_MAX} devices"),
                    ));
                }
                true
            }
            (What::Death, Some(name)) => {
                if let Some(born) = node.devices.get_mut(name)
                    && born.alive
                {
                    born.alive = false;
                    heard.goes(device, now, false);
                }
                return Ok(heard);
            }
            (What::Data, _) => false,
        };

        // A device is born into its node's session only.
        let in_session = node.next.is_some();
        let mut ask = || match node.asked {
            Some(asked) if now.seconds_since(asked).abs() < rebirth_pause_s => Vec::new(),
            _ => {
                node.asked = Some(now);
                vec![rebirth(place.group, place.node, now)]
            }
        };
        if gap {
            heard.answers = ask();
        }
        let born = match place.device {
            None => Some(&mut node.itself),
            Some(name) if fresh => Some(node.devices.entry(name.to_owned()).or_default()),
            Some(name) => node.devices.get_mut(name),
        };
        let born = match born {
            Some(born) if in_session && (fresh || born.alive) => born,
            _ => {
                let mut refusal = refused(Class::NotBorn, "payload", "no birth was heard before".into());
                refusal.answers = heard.answers;
                if refusal.answers.is_empty() {
                    refusal.answers = ask();
                }
                return Err(refusal);
            }
        };
        if fresh {
            *born = Born { alive: true, ..Born::default() };
        }
        let read = Reader { kind, named: &self.named, born, fresh, now, limits };
        match read.readings(&message) {
            Ok(readings) => {
                if fresh && (place.device.is_some() || born.measures) {
                    heard.goes(device.clone(), now, true);
                }
                if !readings.is_empty() {
                    heard.reports.push((device, Report::Readings(readings)));
                }
                Ok(heard)
            }
            Err(fault) => {
                let mut refusal = Refused::of(device, fault);
                refusal.answers = heard.answers;
                if refusal.fault.class == Class::UnknownAlias && refusal.answers.is_empty() {
                    refusal.answers = ask();
                }
                Err(refusal)
            }
        }
    }
}

impl Heard {
    fn goes(&mut self, device: Device, at: Time, online: bool) {
        self.presence.push((device.clone(), online));
        self.reports.push((device, Report::Presence { at, online }));
    }
}

/// The number of a node's session, which its birth and its death both carry.
fn session(message: &wire::Payload) -> Option<f64> {
    let metric = message.metrics.iter().find(|metric| metric.name.as_deref() == Some(BD_SEQ))?;
    metric.value.as_ref()?.number(metric.datatype)
}

/// The message that asks a node for its birth.
fn rebirth(group: &str, node: &str, now: Time) -> (String, Bytes) {
    let timestamp = u64::try_from(now.0).ok();
    let metric = wire::Metric {
        name: Some(REBIRTH.to_owned()),
        timestamp,
        datatype: Some(wire::BOOLEAN),
        value: Some(wire::Value::Boolean(true)),
        ..wire::Metric::default()
    };
    let payload = wire::Payload { timestamp, metrics: vec![metric], seq: None };
    (format!("{NAMESPACE}{group}/NCMD/{node}"), payload.encode_to_vec().into())
}

/// Reads the metrics of a message.
struct Reader<'a> {
    kind: Kind,
    named: &'a Named,
    born: &'a mut Born,
    fresh: bool,
    now: Time,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn readings(self, message: &wire::Payload) -> Result<Vec<Reading>, Fault> {
        let believed = self.limits.believed(self.now);
        let keys = Keys::of(self.kind);
        let mut at_times: BTreeMap<Time, Vec<(Metric, f64)>> = BTreeMap::new();
        for metric in &message.metrics {
            let (name, datatype) = match (&metric.name, metric.alias) {
                (Some(name), alias) => {
                    if self.fresh {
                        if let Some(alias) = alias {
                            self.born.aliases.insert(alias, (name.clone(), metric.datatype));
                        }
                        self.born.types.insert(name.clone(), metric.datatype);
                    }
                    let known = || self.born.types.get(name).copied().flatten();
                    (name.clone(), metric.datatype.or_else(known))
                }
                (None, Some(alias)) => match self.born.aliases.get(&alias) {
                    Some((name, datatype)) => (name.clone(), metric.datatype.or(*datatype)),
                    None => {
                        let reason = format!("no birth named the alias {alias}");
                        return Err(Fault::new(Class::UnknownAlias, "metrics", reason));
                    }
                },
                (None, None) => {
                    return Err(Fault::new(
                        Class::NotSparkplug,
                        "metrics",
                        "a metric has neither name nor alias",
                    ));
                }
            };
            if metric.is_null == Some(true) {
                continue;
            }
            let Some(number) = metric.value.as_ref().and_then(|value| value.number(datatype)) else {
                continue;
            };
            let Some((which, value)) =
                self.named.value(&name, number).or_else(|| native(keys, &name, number))
            else {
                continue;
            };
            let (min, max) = keys.bounds(which.as_str()).unwrap_or((-1e15, 1e15));
            // NaN is in no range.
            if !(min..=max).contains(&value) {
                let reason = format!("{value:?} is outside of {min} to {max}");
                return Err(Fault::new(Class::OutOfBounds, which.as_str(), reason));
            }
            let at = match metric.timestamp.or(message.timestamp) {
                Some(ms) => believed.of_ms(ms as f64)?,
                None => self.now,
            };
            let values = at_times.entry(at).or_default();
            if values.iter().all(|(present, _)| *present != which) {
                values.push((which, value));
            }
        }
        self.born.measures |= !at_times.is_empty();
        let mut readings = Vec::with_capacity(at_times.len());
        for (at, mut values) in at_times {
            for name in keys.needed_names() {
                let said = values.iter().find(|(metric, _)| metric.as_str() == name).cloned();
                match said {
                    Some((metric, value)) => {
                        self.born.last.insert(metric, value);
                    }
                    None => {
                        let last = self.born.last.iter().find(|(metric, _)| metric.as_str() == name);
                        values.extend(last.map(|(metric, value)| (metric.clone(), *value)));
                    }
                }
            }
            readings.push(Reading { at, values });
        }
        Ok(readings)
    }
}

/// The native key that a metric's name ends with, after the last slash.
fn native(keys: &Keys, name: &str, number: f64) -> Option<(Metric, f64)> {
    let last = name.rsplit('/').next()?;
    keys.find(last)
        .map(|index| (keys.metric(index, 0), number))
        .or_else(|| keys.other(last).map(|m| (m, number)))
}

#[cfg(test)]
mod tests;
