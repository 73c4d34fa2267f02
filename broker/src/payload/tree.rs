//! JSON as a tree, for what is small and seldom: events, answers to commands, other makes' payloads.

use super::fault::{Class, Fault};
use super::instant::shortened;
use super::trouble::{self, Trouble};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Deepest nesting.
const DEPTH_MAX: usize = 16;

/// Reads a tree: no key twice in an object, not too deep.
pub(crate) fn read(text: &str) -> Result<Value, Fault> {
    let trouble = Trouble::default();
    let mut json = serde_json::Deserializer::from_str(text);
    Tree { depth: DEPTH_MAX, trouble: &trouble }
        .deserialize(&mut json)
        .and_then(|tree| json.end().map(|()| tree))
        .map_err(|error| trouble.take().unwrap_or_else(|| trouble::of_json(&error, text)))
}

#[derive(Clone, Copy)]
struct Tree<'a> {
    depth: usize,
    trouble: &'a Trouble,
}

impl<'a> Tree<'a> {
    fn deeper<E: Error>(self) -> Result<Tree<'a>, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Tree { depth, ..self }),
            None => {
                let reason = format!("nested more than {DEPTH_MAX} deep");
                Err(self.trouble.put(Fault::new(Class::TooDeep, "payload", reason)))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut array = Vec::new();
        while let Some(value) = seq.next_element_seed(deeper)? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                let fault = Fault::new(Class::DuplicateKey, shortened(&key), "the key stands there twice");
                return Err(self.trouble.put(fault));
            }
            let value = map.next_value_seed(deeper)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
