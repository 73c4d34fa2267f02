//! The JSON Schema of a scenario in the form that checking and patching walk along.
//!
//! The schema is generated from the types in [`super::schema`], so neither knows a key of its own. Only the
//! parts of JSON Schema that those types give rise to are understood; anything else fails to compile here,
//! in the first test that runs, instead of being overlooked.

use super::schema::Scenario;
use serde_json::{Map, Value as Json};
use std::sync::LazyLock;

/// What may stand at a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    /// Whether null may stand for "left out".
    pub(super) nullable: bool,
    pub(super) kind: Kind,
}

/// The kinds of value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Anything: checked elsewhere.
    Any,
    Boolean,
    Integer(Range<i128>),
    Number(Range<f64>),
    /// A text of so many characters.
    Text(Range<usize>),
    /// One of these words.
    Choice(Vec<String>),
    List(Box<Shape>, Range<usize>),
    /// A list with a meaning for each position.
    Tuple(Vec<Shape>),
    /// A mapping whose keys are names.
    Map(Box<Shape>, Range<usize>),
    Record(Record),
    /// A record whose keys depend on the word under one of them.
    Tagged(Tagged),
}

/// Inclusive bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range<T> {
    pub(super) min: T,
    pub(super) max: T,
}

impl<T: PartialOrd> Range<T> {
    /// Whether `value` is within.
    pub(super) fn holds(&self, value: &T) -> bool {
        self.min <= *value && *value <= self.max
    }
}

/// A mapping with known keys.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) keys: Vec<Key>,
}

impl Record {
    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.keys.iter().map(|key| key.name.as_str())
    }
}

/// A known key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

/// Records told apart by the word under the key `tag`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tagged {
    pub(super) tag: String,
    pub(super) cases: Vec<(String, Record)>,
}

impl Tagged {
    /// The record for a word.
    pub(super) fn case(&self, word: &str) -> Option<&Record> {
        self.cases.iter().find(|(name, _)| name == word).map(|(_, record)| record)
    }

    /// The words.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> + Clone {
        self.cases.iter().map(|(name, _)| name.as_str())
    }
}

impl Shape {
    /// The shape of a whole scenario.
    pub(super) fn scenario() -> &'static Shape {
        static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
            let schema = schemars::schema_for!(Scenario).to_value();
            compile(&schema, &schema).expect("the schema types use what is understood, as a test shows")
        });
        &SHAPE
    }
}

/// Keywords that inform readers and constrain nothing; `format` is read together with `type`.
const REMARKS: &[&str] = &["$schema", "$defs", "title", "description", "default", "format"];

fn compile(schema: &Json, root: &Json) -> Result<Shape, String> {
    let keywords = match schema {
        Json::Bool(true) => return Ok(Shape { nullable: true, kind: Kind::Any }),
        Json::Object(keywords) => keywords,
        _ => return Err(format!("not a schema: {schema}")),
    };
    if let Some(reference) = keywords.get("$ref") {
        understood(keywords, &["$ref"])?;
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let target = pointer.and_then(|pointer| root.pointer(pointer));
        return compile(target.ok_or_else(|| format!("dangling {reference}"))?, root);
    }
    if let Some(alternatives) = keywords.get("anyOf").and_then(Json::as_array) {
        understood(keywords, &["anyOf"])?;
        return nullable_reference(alternatives, root);
    }
    if let Some(cases) = keywords.get("oneOf").and_then(Json::as_array) {
        understood(keywords, &["oneOf"])?;
        let kind = one_of(cases, root)?;
        return Ok(Shape { nullable: false, kind });
    }
    let (type_name, nullable) = type_of(keywords)?;
    let kind = match type_name {
        "boolean" => understood(keywords, &["type"]).map(|()| Kind::Boolean)?,
        "integer" => integer(keywords)?,
        "number" => {
            understood(keywords, &["type", "minimum", "maximum"])?;
            let bound = |name, otherwise| keywords.get(name).and_then(Json::as_f64).unwrap_or(otherwise);
            Kind::Number(Range { min: bound("minimum", f64::MIN), max: bound("maximum", f64::MAX) })
        }
        "string" => text(keywords)?,
        "array" => list(keywords, root)?,
        "object" => object(keywords, root)?,
        other => return Err(format!("type {other}")),
    };
    Ok(Shape { nullable, kind })
}

/// Refuses keywords that would be overlooked.
fn understood(keywords: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    let stranger =
        keywords.keys().find(|key| !known.contains(&key.as_str()) && !REMARKS.contains(&key.as_str()));
    stranger.map_or(Ok(()), |key| Err(format!("keyword {key} in {keywords:?}")))
}

/// `type`, with the null of an optional value set apart.
fn type_of(keywords: &Map<String, Json>) -> Result<(&str, bool), String> {
    match keywords.get("type") {
        Some(Json::String(name)) => Ok((name, false)),
        Some(Json::Array(names)) => match names.as_slice() {
            [Json::String(name), Json::String(null)] if null == "null" => Ok((name, true)),
            _ => Err(format!("type union {names:?}")),
        },
        _ => Err(format!("no type in {keywords:?}")),
    }
}

/// An optional value whose schema is a reference: `anyOf` of it and null.
fn nullable_reference(alternatives: &[Json], root: &Json) -> Result<Shape, String> {
    match alternatives {
        [schema, null] if null.get("type").is_some_and(|name| name == "null") => {
            Ok(Shape { nullable: true, ..compile(schema, root)? })
        }
        _ => Err(format!("anyOf {alternatives:?}")),
    }
}

/// Words with a description each, or records told apart by a word.
fn one_of(cases: &[Json], root: &Json) -> Result<Kind, String> {
    let word_of = |schema: &Json| schema.get("const").and_then(Json::as_str).map(str::to_owned);
    if let Some(words) = cases.iter().map(word_of).collect() {
        return Ok(Kind::Choice(words));
    }
    let mut tagged = Tagged { tag: String::new(), cases: Vec::new() };
    for case in cases {
        let properties =
            case.get("properties").and_then(Json::as_object).ok_or("oneOf without properties")?;
        let mut constants = properties.iter().filter_map(|(key, schema)| Some((key, word_of(schema)?)));
        let (tag, word) = constants.next().ok_or("oneOf without a constant")?;
        if !(tagged.tag.is_empty() || tagged.tag == *tag) {
            return Err(format!("oneOf with two tags, {} and {tag}", tagged.tag));
        }
        tagged.tag.clone_from(tag);
        let Kind::Record(record) = compile(case, root)?.kind else {
            return Err("oneOf of something else than records".to_owned());
        };
        tagged.cases.push((word, record));
    }
    Ok(Kind::Tagged(tagged))
}

fn integer(keywords: &Map<String, Json>) -> Result<Kind, String> {
    understood(keywords, &["type", "minimum", "maximum"])?;
    let (least, most) = match keywords.get("format").and_then(Json::as_str) {
        Some("uint8") => (0, i128::from(u8::MAX)),
        Some("uint16") => (0, i128::from(u16::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("uint64") => (0, i128::from(u64::MAX)),
        Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Some("int64") => (i128::from(i64::MIN), i128::from(i64::MAX)),
        format => return Err(format!("integer format {format:?}")),
    };
    let bound = |name, otherwise| match keywords.get(name) {
        None => Ok(otherwise),
        Some(value) => {
            let number = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
            number.ok_or_else(|| format!("{name} {value} of an integer"))
        }
    };
    let min = bound("minimum", least)?.max(least);
    let max = bound("maximum", most)?.min(most);
    Ok(Kind::Integer(Range { min, max }))
}

fn text(keywords: &Map<String, Json>) -> Result<Kind, String> {
    understood(keywords, &["type", "minLength", "maxLength", "enum", "const"])?;
    if let Some(word) = keywords.get("const").and_then(Json::as_str) {
        return Ok(Kind::Choice(vec![word.to_owned()]));
    }
    if let Some(words) = keywords.get("enum").and_then(Json::as_array) {
        let words: Option<Vec<String>> = words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
        return words.map(Kind::Choice).ok_or_else(|| format!("enum {keywords:?}"));
    }
    Ok(Kind::Text(count_range(keywords, "minLength", "maxLength")))
}

fn list(keywords: &Map<String, Json>, root: &Json) -> Result<Kind, String> {
    understood(keywords, &["type", "items", "prefixItems", "minItems", "maxItems"])?;
    let length = count_range(keywords, "minItems", "maxItems");
    if let Some(items) = keywords.get("prefixItems").and_then(Json::as_array) {
        let shapes: Vec<Shape> = items.iter().map(|item| compile(item, root)).collect::<Result<_, _>>()?;
        let exact =
            length.min == shapes.len() && length.max == shapes.len() && !keywords.contains_key("items");
        return if exact { Ok(Kind::Tuple(shapes)) } else { Err(format!("open tuple {keywords:?}")) };
    }
    let item = keywords.get("items").ok_or("a list without items")?;
    Ok(Kind::List(Box::new(compile(item, root)?), length))
}

fn object(keywords: &Map<String, Json>, root: &Json) -> Result<Kind, String> {
    if let Some(value) = keywords.get("additionalProperties").filter(|value| **value != Json::Bool(false)) {
        understood(keywords, &["type", "additionalProperties", "minProperties", "maxProperties"])?;
        let size = count_range(keywords, "minProperties", "maxProperties");
        return Ok(Kind::Map(Box::new(compile(value, root)?), size));
    }
    understood(keywords, &["type", "additionalProperties", "properties", "required"])?;
    if !keywords.contains_key("additionalProperties") {
        return Err(format!("a record that lets unknown keys pass: {keywords:?}"));
    }
    let required: Vec<&str> = keywords
        .get("required")
        .and_then(Json::as_array)
        .map(|names| names.iter().filter_map(Json::as_str).collect())
        .unwrap_or_default();
    let mut keys = Vec::new();
    for (name, schema) in keywords.get("properties").and_then(Json::as_object).into_iter().flatten() {
        let required = required.contains(&name.as_str());
        keys.push(Key { name: name.clone(), shape: compile(schema, root)?, required });
    }
    Ok(Kind::Record(Record { keys }))
}

fn count_range(keywords: &Map<String, Json>, min: &str, max: &str) -> Range<usize> {
    let bound = |name: &str| keywords.get(name).and_then(Json::as_u64).map(|number| number as usize);
    Range { min: bound(min).unwrap_or(0), max: bound(max).unwrap_or(usize::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key_of(shape: &'static Shape, name: &str) -> &'static Key {
        let Kind::Record(record) = &shape.kind else { panic!("{shape:?} is no record") };
        record.key(name).unwrap()
    }

    #[test]
    fn the_scenario_schema_uses_only_what_is_understood() {
        let shape = Shape::scenario();
        assert!(key_of(shape, "name").required);
        assert!(!key_of(shape, "networks").required);
        assert!(key_of(shape, "horizon_days").shape.nullable);
        assert_eq!(
            key_of(shape, "seed").shape.kind,
            Kind::Integer(Range { min: 0, max: i128::from(u64::MAX) })
        );
        assert!(matches!(&key_of(shape, "batteries").shape.kind, Kind::Map(_, Range { min: 1, max: 1000 })));
    }

    #[test]
    fn a_duty_is_told_apart_by_its_kind() {
        let Kind::List(group, _) = &key_of(Shape::scenario(), "packs").shape.kind else { panic!() };
        let Kind::Tagged(duty) = &key_of(group, "duty").shape.kind else { panic!() };
        assert_eq!(duty.tag, "kind");
        assert_eq!(duty.words().collect::<Vec<_>>(), ["daily", "standby", "drive"]);
        assert!(duty.case("standby").unwrap().key("depth").unwrap().required);
    }

    #[test]
    fn what_is_not_understood_does_not_pass_unseen() {
        let refused = |schema: Json| compile(&schema, &schema).unwrap_err();
        assert!(refused(json!({"type": "number", "exclusiveMinimum": 0})).contains("exclusiveMinimum"));
        assert!(refused(json!({"type": "string", "pattern": "x"})).contains("pattern"));
        assert!(refused(json!({"type": "object", "properties": {}})).contains("unknown keys pass"));
        assert!(refused(json!({"$ref": "#/$defs/None"})).contains("dangling"));
        assert!(refused(json!({"type": "integer", "format": "int7"})).contains("int7"));
        assert!(refused(json!({"type": ["string", "number"]})).contains("type union"));
    }

    #[test]
    fn plain_enumerations_and_optional_references_are_understood() {
        let schema = json!({
            "$defs": {"W": {"type": "string", "enum": ["a", "b"]}},
            "anyOf": [{"$ref": "#/$defs/W"}, {"type": "null"}],
        });
        let shape = compile(&schema, &schema).unwrap();
        assert_eq!(shape, Shape { nullable: true, kind: Kind::Choice(vec!["a".into(), "b".into()]) });
    }
}
