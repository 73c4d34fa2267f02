//! Rules for other makes' topics and payloads.
//!
//! ```toml
//! [[mapping]]
//! name = "acme"
//! topic = "acme/{id}/data"
//! kind = "battery"
//! each = "/samples"                               # an array of readings; absent: the payload is one
//! time = { pointer = "/t", unit = "s" }           # absent: the time of arrival
//!
//! [[mapping.value]]
//! metric = "current_a"
//! pointer = "/i"
//! unit = "ma"
//! negate = true                                   # they count charging as positive
//! ```
//!
//! A value is read where its JSON pointer leads, brought to the unit of its metric, then `scale · x + offset`,
//! then the sign.

use crate::payload::keys::{Keys, is_snake};
use crate::payload::{Class, Fault, Limits};
use crate::topic;
use host::platform::door::Kind;
use host::store::Metric;
use host::store::series::{METRICS_MAX, Reading};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;
use twin::time::Time;

/// A rule: which topics it is for and where the readings are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, for messages about it.
    pub name: String,
    /// The topics: levels as they are, `+` for any one, `{id}` for the device's name, `{kind}` for its kind.
    pub topic: String,
    /// What the devices are, unless the topic says.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Put before the device's name, to keep makes apart.
    #[serde(default)]
    pub id_prefix: String,
    /// Where the array of readings is; without, the payload is one reading.
    #[serde(default)]
    pub each: Option<String>,
    /// Where the time of a reading is; without, it is the time of arrival.
    #[serde(default)]
    pub time: Option<TimeRule>,
    /// What is measured.
    pub value: Vec<ValueRule>,
}

/// Where a time is, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRule {
    /// JSON pointer within a reading.
    pub pointer: String,
    /// How it is written.
    pub unit: TimeUnit,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds since the epoch.
    S,
    /// Milliseconds since the epoch.
    Ms,
    /// Microseconds since the epoch.
    Us,
    /// RFC 3339.
    Rfc3339,
}

/// Where a value is, and what is made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRule {
    /// What is measured, with its unit: `voltage_v`.
    pub metric: String,
    /// JSON pointer within a reading.
    pub pointer: String,
    /// The unit it comes in, when it is not the metric's own.
    #[serde(default)]
    pub unit: Option<String>,
    /// Factor, in the metric's unit.
    #[serde(default = "one")]
    pub scale: f64,
    /// Summand, in the metric's unit, after the factor.
    #[serde(default)]
    pub offset: f64,
    /// Whether the sign is turned, after all else.
    #[serde(default)]
    pub negate: bool,
    /// Words and the numbers they stand for.
    #[serde(default)]
    pub words: BTreeMap<String, f64>,
    /// Whether a reading without it is refused.
    #[serde(default)]
    pub required: bool,
}

fn one() -> f64 {
    1.0
}

/// A rule that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct MappingError {
    /// Which field of which rule: `mapping[0].value[2].unit`.
    pub field: String,
    /// Why.
    pub reason: String,
}

/// Units that can be brought to another: name, unit it belongs to, factor and summand that bring it there.
const UNITS: &[(&str, &str, f64, f64)] = &[
    ("v", "v", 1.0, 0.0),
    ("mv", "v", 1e-3, 0.0),
    ("kv", "v", 1e3, 0.0),
    ("a", "a", 1.0, 0.0),
    ("ma", "a", 1e-3, 0.0),
    ("c", "c", 1.0, 0.0),
    ("k", "c", 1.0, -273.15),
    // The exact definition of the degree Fahrenheit.
    ("f", "c", 5.0 / 9.0, -160.0 / 9.0),
    ("ohm", "ohm", 1.0, 0.0),
    ("mohm", "ohm", 1e-3, 0.0),
    ("uohm", "ohm", 1e-6, 0.0),
    ("w", "w", 1.0, 0.0),
    ("kw", "w", 1e3, 0.0),
    ("mw", "w", 1e6, 0.0),
    ("kwh", "kwh", 1.0, 0.0),
    ("wh", "kwh", 1e-3, 0.0),
    ("mwh", "kwh", 1e3, 0.0),
    ("j", "kwh", 1.0 / 3.6e6, 0.0),
    ("pct", "pct", 1.0, 0.0),
    ("ratio", "pct", 100.0, 0.0),
    ("kmh", "kmh", 1.0, 0.0),
    ("ms", "kmh", 3.6, 0.0),
    // One nautical mile is 1,852 m.
    ("knot", "kmh", 1.852, 0.0),
    ("km", "km", 1.0, 0.0),
    ("m", "m", 1.0, 0.0),
    ("kg", "kg", 1.0, 0.0),
    ("g", "kg", 1e-3, 0.0),
    ("t", "kg", 1e3, 0.0),
    ("l", "l", 1.0, 0.0),
    ("deg", "deg", 1.0, 0.0),
];

/// The unit a metric is kept in, as its name says; latitude and longitude are degrees.
fn unit_of(metric: &str) -> &str {
    let name = metric.split_once('.').map_or(metric, |(name, _)| name);
    match name {
        "lat" | "lon" => "deg",
        _ => name.rsplit('_').next().unwrap_or(name),
    }
}

/// Factor and summand that bring a unit to a metric's.
fn conversion(unit: &str, metric: &str) -> Option<(f64, f64)> {
    let wanted = unit_of(metric);
    if unit == wanted {
        return Some((1.0, 0.0));
    }
    let find = |name: &str| UNITS.iter().find(|(unit, ..)| *unit == name);
    if let Some((_, base, factor, summand)) = find(unit) {
        if *base == wanted {
            return Some((*factor, *summand));
        }
        // Metres and kilometres are kept apart, since places are in metres and ways in kilometres.
        return match (unit, wanted) {
            ("m", "km") => Some((1e-3, 0.0)),
            ("km", "m") => Some((1e3, 0.0)),
            _ => None,
        };
    }
    None
}

/// The rules, checked.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Checked>);

#[derive(Debug)]
struct Checked {
    levels: Vec<Level>,
    kind: Option<Kind>,
    id_prefix: String,
    each: Option<String>,
    time: Option<TimeRule>,
    values: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    metric: Metric,
    pointer: String,
    factor: f64,
    summand: f64,
    words: BTreeMap<String, f64>,
    sign: f64,
    required: bool,
}

#[derive(Debug, PartialEq)]
enum Level {
    Just(String),
    Any,
    Id,
    Kind,
}

impl Rules {
    /// Checks rules.
    pub(crate) fn new(rules: &[Rule]) -> Result<Self, MappingError> {
        rules.iter().enumerate().map(|(index, rule)| check(index, rule)).collect::<Result<_, _>>().map(Self)
    }

    /// The filters that catch the rules' topics.
    pub(crate) fn filters(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|rule| {
            let levels: Vec<&str> = rule
                .levels
                .iter()
                .map(|level| match level {
                    Level::Just(text) => text.as_str(),
                    Level::Any | Level::Id | Level::Kind => "+",
                })
                .collect();
            levels.join("/")
        })
    }

    /// The first rule for a topic.
    pub(crate) fn find(&self, topic: &str) -> Option<Found<'_>> {
        self.0.iter().find_map(|rule| rule.matches(topic))
    }
}

/// A rule that is for a topic, and what the topic says.
pub(crate) struct Found<'a> {
    rule: &'a Checked,
    kind: Kind,
    id: String,
}

fn check(index: usize, rule: &Rule) -> Result<Checked, MappingError> {
    let wrong = |field: &str, reason: String| {
        Err(MappingError {
            field: format!("mapping[{index}].{field}"),
            reason: format!("rule {:?}: {reason}", rule.name),
        })
    };
    if rule.topic.is_empty() || rule.topic.len() > topic::TOPIC_MAX_BYTES {
        return wrong("topic", "it has 1 to 1024 bytes".into());
    }
    if topic::is_native(&rule.topic) {
        return wrong("topic", "native topics are not mapped".into());
    }
    let mut levels = Vec::new();
    for level in rule.topic.split('/') {
        levels.push(match level {
            "+" => Level::Any,
            "{id}" => Level::Id,
            "{kind}" => Level::Kind,
            _ if level.contains(['+', '#', '{', '}', '\0']) => {
                return wrong(
                    "topic",
                    format!("the level {level:?} is neither plain, +, {{id}} nor {{kind}}"),
                );
            }
            _ => Level::Just(level.to_owned()),
        });
    }
    let count = |wanted: &Level| levels.iter().filter(|level| *level == wanted).count();
    if count(&Level::Id) != 1 {
        return wrong("topic", "it has {id} exactly once".into());
    }
    match (rule.kind, count(&Level::Kind)) {
        (Some(_), 0) | (None, 1) => {}
        _ => return wrong("kind", "it stands either here or once as {kind} in the topic".into()),
    }
    if !rule.id_prefix.is_empty() && !topic::is_id(&rule.id_prefix) {
        return wrong("id_prefix", "it has characters that no identifier has".into());
    }
    let is_pointer = |pointer: &str| pointer.is_empty() || pointer.starts_with('/');
    if rule.each.as_deref().is_some_and(|each| !is_pointer(each)) {
        return wrong("each", "a JSON pointer is empty or begins with /".into());
    }
    if rule.time.as_ref().is_some_and(|time| !is_pointer(&time.pointer)) {
        return wrong("time.pointer", "a JSON pointer is empty or begins with /".into());
    }
    if rule.value.is_empty() || rule.value.len() > METRICS_MAX {
        return wrong("value", format!("it has 1 to {METRICS_MAX} values"));
    }
    let mut values: Vec<Source> = Vec::new();
    for (nth, value) in rule.value.iter().enumerate() {
        let field = |name: &str| format!("value[{nth}].{name}");
        if !is_pointer(&value.pointer) {
            return wrong(&field("pointer"), "a JSON pointer is empty or begins with /".into());
        }
        match source(value, &values) {
            Ok(source) => values.push(source),
            Err((name, reason)) => return wrong(&field(name), reason),
        }
    }
    let Rule { kind, id_prefix, each, time, .. } = rule.clone();
    Ok(Checked { levels, kind, id_prefix, each, time, values })
}

/// Checks the rule of a value, which stands after others.
fn source(rule: &ValueRule, before: &[Source]) -> Result<Source, (&'static str, String)> {
    let name = rule.metric.split_once('.').map_or(rule.metric.as_str(), |(name, _)| name);
    let metric = Metric::new(&rule.metric)
        .ok()
        .filter(|_| is_snake(name))
        .ok_or_else(|| ("metric", format!("{:?} is no name in snake case", rule.metric)))?;
    if before.iter().any(|other| other.metric == metric) {
        return Err(("metric", format!("{metric} stands there twice")));
    }
    let (factor, summand) = match &rule.unit {
        None => (1.0, 0.0),
        Some(unit) => conversion(unit, &rule.metric).ok_or_else(|| {
            let wanted = unit_of(&rule.metric);
            ("unit", format!("{unit:?} cannot be brought to {wanted:?}, the unit of {metric}"))
        })?,
    };
    if !rule.scale.is_finite() || rule.scale == 0.0 {
        return Err(("scale", format!("{} is no factor", rule.scale)));
    }
    if !rule.offset.is_finite() {
        return Err(("offset", format!("{} is no summand", rule.offset)));
    }
    if let Some((word, _)) = rule.words.iter().find(|(_, number)| !number.is_finite()) {
        return Err(("words", format!("{word:?} stands for no finite number")));
    }
    Ok(Source {
        metric,
        pointer: rule.pointer.clone(),
        factor: factor * rule.scale,
        summand: summand * rule.scale + rule.offset,
        words: rule.words.clone(),
        sign: if rule.negate { -1.0 } else { 1.0 },
        required: rule.required,
    })
}

impl Checked {
    fn matches(&self, topic: &str) -> Option<Found<'_>> {
        let mut id = None;
        let mut kind = self.kind;
        let mut levels = topic.split('/');
        for wanted in &self.levels {
            let level = levels.next()?;
            match wanted {
                Level::Just(text) if text == level => {}
                Level::Just(_) => return None,
                Level::Any => {}
                Level::Id => id = Some(level),
                Level::Kind => kind = Some(level.parse().ok()?),
            }
        }
        if levels.next().is_some() {
            return None;
        }
        // An empty level names nothing, whatever stands before it.
        let id = format!("{}{}", self.id_prefix, id.filter(|id| !id.is_empty())?);
        topic::is_id(&id).then_some(())?;
        Some(Found { rule: self, kind: kind?, id })
    }
}

impl Found<'_> {
    /// What the device is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Reads a payload.
    pub(crate) fn readings(&self, payload: &[u8], now: Time, limits: &Limits) -> Result<Vec<Reading>, Fault> {
        let tree = limits.tree(payload)?;
        let Some(each) = &self.rule.each else {
            return Ok(vec![self.reading(&tree, now, limits)?]);
        };
        let array = match tree.pointer(each) {
            Some(Value::Array(array)) => array,
            Some(_) => return Err(Fault::new(Class::NotAnObject, each, "an array is expected there")),
            None => return Err(Fault::new(Class::PointerLeadsNowhere, each, "the pointer leads nowhere")),
        };
        if array.is_empty() {
            return Err(Fault::new(Class::NoReadings, each, "an array of no readings"));
        }
        if array.len() > limits.readings_max {
            let reason = format!("more than {} readings at once", limits.readings_max);
            return Err(Fault::new(Class::TooManyReadings, each, reason));
        }
        let read = |(index, one)| self.reading(one, now, limits).map_err(|fault| fault.within(index));
        array.iter().enumerate().map(read).collect()
    }

    fn reading(&self, tree: &Value, now: Time, limits: &Limits) -> Result<Reading, Fault> {
        let at = match &self.rule.time {
            None => now,
            Some(time) => {
                let value = tree.pointer(&time.pointer).ok_or_else(|| {
                    Fault::new(
                        Class::PointerLeadsNowhere,
                        &time.pointer,
                        "the pointer to the time leads nowhere",
                    )
                })?;
                let believed = limits.believed(now);
                let number = |per_ms: f64| {
                    let number = value.as_f64().ok_or_else(|| {
                        Fault::new(Class::NotATime, &time.pointer, "the time is not a number")
                    })?;
                    believed.of_ms(number * per_ms)
                };
                match time.unit {
                    TimeUnit::S => number(1e3)?,
                    TimeUnit::Ms => number(1.0)?,
                    TimeUnit::Us => number(1e-3)?,
                    TimeUnit::Rfc3339 => match value {
                        Value::String(text) => believed.of_text(text)?,
                        _ => {
                            return Err(Fault::new(
                                Class::NotATime,
                                &time.pointer,
                                "the time is not a string",
                            ));
                        }
                    },
                }
            }
        };
        let mut values = Vec::with_capacity(self.rule.values.len());
        for rule in &self.rule.values {
            if let Some(value) = rule.read(tree)? {
                let (min, max) = Keys::of(self.kind).bounds(rule.metric.as_str()).unwrap_or((-1e15, 1e15));
                // NaN is in no range.
                if !(min..=max).contains(&value) {
                    let reason = format!("{value:?} is outside of {min} to {max}");
                    return Err(Fault::new(Class::OutOfBounds, rule.metric.as_str(), reason));
                }
                values.push((rule.metric.clone(), value));
            }
        }
        if values.is_empty() {
            return Err(Fault::new(Class::NothingMeasured, "payload", "none of the rule's values is there"));
        }
        Ok(Reading { at, values })
    }
}

impl Source {
    fn read(&self, tree: &Value) -> Result<Option<f64>, Fault> {
        let name = self.metric.as_str();
        let number = match tree.pointer(&self.pointer) {
            None | Some(Value::Null) if self.required => {
                let reason = format!("the pointer {} leads nowhere", self.pointer);
                return Err(Fault::new(Class::PointerLeadsNowhere, name, reason));
            }
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
            Some(Value::Bool(flag)) => match self.words.get(if *flag { "true" } else { "false" }) {
                Some(number) => return Ok(Some(*number)),
                None => f64::from(u8::from(*flag)),
            },
            // Other makes put numbers in quotes. What a word stands for is in the metric's unit already.
            Some(Value::String(text)) => match self.words.get(text) {
                Some(number) => return Ok(Some(*number)),
                None => text.trim().parse().map_err(|_| {
                    let reason =
                        format!("{:?} is neither a number nor a known word", crate::payload::shortened(text));
                    Fault::new(Class::UnknownWord, name, reason)
                })?,
            },
            Some(_) => return Err(Fault::new(Class::NotANumber, name, "neither number, word nor boolean")),
        };
        Ok(Some(self.convert(number)))
    }

    fn convert(&self, number: f64) -> f64 {
        (number * self.factor + self.summand) * self.sign
    }
}

/// Rules for values that are named and not pointed at.
#[derive(Debug, Default)]
pub(crate) struct Named(Vec<Source>);

impl Named {
    /// Checks rules whose pointers are names.
    pub(crate) fn new(rules: &[ValueRule], place: &str) -> Result<Self, MappingError> {
        let mut sources = Vec::new();
        for (nth, rule) in rules.iter().enumerate() {
            let wrong = |name: &str, reason| MappingError { field: format!("{place}[{nth}].{name}"), reason };
            sources.push(source(rule, &sources).map_err(|(name, reason)| wrong(name, reason))?);
        }
        Ok(Self(sources))
    }

    /// The metric and value of what has this name.
    pub(crate) fn value(&self, name: &str, number: f64) -> Option<(Metric, f64)> {
        let source = self.0.iter().find(|source| source.pointer == name)?;
        Some((source.metric.clone(), source.convert(number)))
    }
}

#[cfg(test)]
mod tests;
