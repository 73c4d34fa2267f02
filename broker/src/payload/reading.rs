//! Native telemetry: one reading or an array of them, read in one pass without a tree.

use super::fault::{Class, Fault};
use super::instant::{Believed, shortened};
use super::keys::{ARRAY_MAX, Key, Keys, Shape};
use super::trouble::{self, Trouble};
use host::platform::door::Kind;
use host::store::Metric;
use host::store::series::{METRICS_MAX, Reading};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use twin::time::Time;

/// Deepest nesting below a key that is skipped.
const SKIPPED_DEPTH: usize = 16;

/// What telemetry says.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// The readings, in the order they were written.
    pub readings: Vec<Reading>,
    /// How many keys were skipped because nobody knows them.
    pub skipped: usize,
}

/// Reads telemetry of an asset.
pub(crate) fn read(
    kind: Kind,
    text: &str,
    believed: Believed,
    readings_max: usize,
) -> Result<Telemetry, Fault> {
    let trouble = Trouble::default();
    let top = Top { keys: Keys::of(kind), believed, readings_max, trouble: &trouble };
    let mut json = serde_json::Deserializer::from_str(text);
    top.deserialize(&mut json)
        .and_then(|telemetry| json.end().map(|()| telemetry))
        .map_err(|error| trouble.take().unwrap_or_else(|| trouble::of_json(&error, text)))
}

/// One reading or an array of them.
struct Top<'a> {
    keys: &'a Keys,
    believed: Believed,
    readings_max: usize,
    trouble: &'a Trouble,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = Telemetry;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Telemetry, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Telemetry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reading or an array of readings")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Telemetry, A::Error> {
        let one = One { keys: self.keys, believed: self.believed, trouble: self.trouble };
        let (reading, skipped) = one.visit_map(map)?;
        Ok(Telemetry { readings: vec![reading], skipped })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Telemetry, A::Error> {
        let mut telemetry = Telemetry { readings: Vec::new(), skipped: 0 };
        loop {
            let one = One { keys: self.keys, believed: self.believed, trouble: self.trouble };
            match seq.next_element_seed(one) {
                Ok(Some(_)) if telemetry.readings.len() == self.readings_max => {
                    let reason = format!("more than {} readings at once", self.readings_max);
                    return Err(self.trouble.put(Fault::new(Class::TooManyReadings, "payload", reason)));
                }
                Ok(Some((reading, skipped))) => {
                    telemetry.readings.push(reading);
                    telemetry.skipped += skipped;
                }
                Ok(None) if telemetry.readings.is_empty() => {
                    let fault = Fault::new(Class::NoReadings, "payload", "an array of no readings");
                    return Err(self.trouble.put(fault));
                }
                Ok(None) => return Ok(telemetry),
                Err(error) => {
                    self.trouble.within(telemetry.readings.len());
                    return Err(error);
                }
            }
        }
    }

    trouble::refuse!(Class::NotAnObject, "payload", "a reading or an array of readings is expected" => null bool number string);
}

/// A reading, and how many of its keys were skipped.
struct One<'a> {
    keys: &'a Keys,
    believed: Believed,
    trouble: &'a Trouble,
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = (Reading, usize);
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = (Reading, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reading")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        const TIME_BIT: u64 = 1 << 63;
        let Self { keys, believed, trouble } = self;
        let mut seen: u64 = 0;
        let mut at = None;
        let mut values: Vec<(Metric, f64)> = Vec::with_capacity(8);
        let mut skipped = 0;
        let twice = |name: &str| Fault::new(Class::DuplicateKey, name, "the key stands there twice");
        while let Some(key) = map.next_key_seed(NameOf { keys, trouble })? {
            match key {
                Name::Time => {
                    if seen & TIME_BIT != 0 {
                        return Err(trouble.put(twice("ts")));
                    }
                    seen |= TIME_BIT;
                    at = map.next_value_seed(Instant { believed, trouble })?;
                }
                Name::Known(index) => {
                    let key = keys.key(index);
                    if seen & 1 << index != 0 {
                        return Err(trouble.put(twice(key.name)));
                    }
                    let before = values.len();
                    let into = Put { keys, index, key, values: &mut values, trouble };
                    map.next_value_seed(into)?;
                    // A null says nothing, as if the key were not there.
                    if values.len() > before {
                        seen |= 1 << index;
                    }
                }
                Name::Other(metric) => {
                    if values.iter().any(|(present, _)| *present == metric) {
                        return Err(trouble.put(twice(metric.as_str())));
                    }
                    let wide = Key { name: "", shape: Shape::Flag, min: -1e15, max: 1e15, needed: false };
                    let number = Number { name: metric.as_str(), key: wide, trouble };
                    if let Some(value) = map.next_value_seed(number)? {
                        values.push((metric, value));
                    }
                }
                Name::Unknown => {
                    skipped += 1;
                    map.next_value_seed(Skip { depth: SKIPPED_DEPTH, trouble })?;
                }
            }
        }
        let at: Time = at.ok_or_else(|| trouble.put(missing("ts")))?;
        let absent = keys.needed & !seen;
        if absent != 0 {
            return Err(trouble.put(missing(keys.key(absent.trailing_zeros() as usize).name)));
        }
        if values.is_empty() {
            let fault = Fault::new(Class::NothingMeasured, "payload", "no key of the reading is known");
            return Err(trouble.put(fault));
        }
        if values.len() > METRICS_MAX {
            let reason = format!("{} values; {METRICS_MAX} are kept of one instant", values.len());
            return Err(trouble.put(Fault::new(Class::OutOfBounds, "payload", reason)));
        }
        if let (Some(lat), Some(lon)) = (keys.find("lat"), keys.find("lon"))
            && (seen >> lat & 1) != (seen >> lon & 1)
        {
            let fault = Fault::new(Class::HalfAPlace, "lat", "lat and lon come together or not at all");
            return Err(trouble.put(fault));
        }
        Ok((Reading { at, values }, skipped))
    }

    trouble::refuse!(Class::NotAnObject, "payload", "a reading is an object" => null bool number string array);
}

fn missing(name: &str) -> Fault {
    Fault::new(Class::MissingKey, name, "the key is missing")
}

/// What a key is.
enum Name {
    Time,
    Known(usize),
    Other(Metric),
    Unknown,
}

struct NameOf<'a> {
    keys: &'a Keys,
    trouble: &'a Trouble,
}

impl<'de> DeserializeSeed<'de> for NameOf<'_> {
    type Value = Name;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Name, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for NameOf<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        if name == "ts" {
            return Ok(Name::Time);
        }
        if let Some(index) = self.keys.find(name) {
            return Ok(Name::Known(index));
        }
        if name.len() > super::KEY_READ_MAX_BYTES {
            let reason = format!("a key of {} bytes", name.len());
            return Err(self.trouble.put(Fault::new(Class::KeyTooLong, shortened(name), reason)));
        }
        Ok(self.keys.other(name).map_or(Name::Unknown, Name::Other))
    }
}

/// A time: milliseconds since the epoch or RFC 3339.
pub(super) struct Instant<'a> {
    pub(super) believed: Believed,
    pub(super) trouble: &'a Trouble,
}

impl<'de> DeserializeSeed<'de> for Instant<'_> {
    type Value = Option<Time>;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Instant<'_> {
    type Value = Option<Time>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_i64<E: Error>(self, ms: i64) -> Result<Self::Value, E> {
        self.visit_f64(ms as f64)
    }

    fn visit_u64<E: Error>(self, ms: u64) -> Result<Self::Value, E> {
        self.visit_f64(ms as f64)
    }

    fn visit_f64<E: Error>(self, ms: f64) -> Result<Self::Value, E> {
        self.believed.of_ms(ms).map(Some).map_err(|fault| self.trouble.put(fault))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        self.believed.of_text(text).map(Some).map_err(|fault| self.trouble.put(fault))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    trouble::refuse!(Class::NotATime, "ts", "a time is milliseconds since the epoch or RFC 3339" => bool array object);
}

/// A number within bounds.
struct Number<'a> {
    name: &'a str,
    key: Key,
    trouble: &'a Trouble,
}

impl Number<'_> {
    fn within<E: Error>(self, value: f64) -> Result<Option<f64>, E> {
        let Key { min, max, .. } = self.key;
        // NaN is in no range.
        if (min..=max).contains(&value) {
            return Ok(Some(value));
        }
        let reason = format!("{value:?} is outside of {min} to {max}");
        Err(self.trouble.put(Fault::new(Class::OutOfBounds, self.name, reason)))
    }

    fn wrong<E: Error>(self, what: &str) -> E {
        self.trouble.put(Fault::new(Class::NotANumber, self.name, format!("{what} is not a number")))
    }
}

impl<'de> DeserializeSeed<'de> for Number<'_> {
    type Value = Option<f64>;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Number<'_> {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.within(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.within(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.within(value)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        match self.key.shape {
            Shape::Flag => Ok(Some(f64::from(u8::from(value)))),
            Shape::Number | Shape::Array => Err(self.wrong("a boolean")),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Err(self.wrong(&format!("the text {:?}", shortened(text))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(self.wrong("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(self.wrong("an object"))
    }
}

/// The value or values of a key, put where they belong.
struct Put<'a> {
    keys: &'a Keys,
    index: usize,
    key: Key,
    values: &'a mut Vec<(Metric, f64)>,
    trouble: &'a Trouble,
}

impl<'de> DeserializeSeed<'de> for Put<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        if self.key.shape == Shape::Array {
            return json.deserialize_any(self);
        }
        let number = Number { name: self.key.name, key: self.key, trouble: self.trouble };
        if let Some(value) = number.deserialize(json)? {
            self.values.push((self.keys.metric(self.index, 0), value));
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Put<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let name = self.key.name;
        let mut nth = 0;
        loop {
            let number = Number { name, key: self.key, trouble: self.trouble };
            let Some(value) = seq.next_element_seed(number)? else { break };
            if nth == ARRAY_MAX {
                let reason = format!("more than {ARRAY_MAX} values");
                return Err(self.trouble.put(Fault::new(Class::TooManyCells, name, reason)));
            }
            if let Some(value) = value {
                self.values.push((self.keys.metric(self.index, nth), value));
            }
            nth += 1;
        }
        if nth == 0 {
            return Err(self.trouble.put(Fault::new(Class::NoCells, name, "an array of no values")));
        }
        Ok(())
    }

    trouble::refuse!(Class::CellsNotAnArray, "cell_voltages_v", "an array of numbers is expected" => bool number string object);
}

/// Anything, not too deep.
struct Skip<'a> {
    depth: usize,
    trouble: &'a Trouble,
}

impl Skip<'_> {
    fn deeper<E: Error>(&self) -> Result<usize, E> {
        self.depth.checked_sub(1).ok_or_else(|| {
            let reason = format!("nested more than {SKIPPED_DEPTH} deep");
            self.trouble.put(Fault::new(Class::TooDeep, "payload", reason))
        })
    }
}

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while seq.next_element_seed(Skip { depth, trouble: self.trouble })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Skip { depth, trouble: self.trouble })?;
        }
        Ok(())
    }
}
