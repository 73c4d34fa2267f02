//! A scenario file as a tree of values that remember where they stand.

use super::mistake::Place;
use super::nearest::quoted;
use std::fmt::Write as _;

/// Above this, a number no longer stands for exactly one integer.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53

/// A value and its place. A list or mapping under a key stands where its key does, so that what is wrong
/// with it as a whole (a missing key, too few elements) is shown at the line a reader would look at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value of the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i128),
    /// Anything with a point or exponent, NaN and infinities included.
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Was reported as wrong: present, but nothing more can be said about it.
    Reported,
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

impl Node {
    /// A value at a place.
    pub(super) fn new(place: Place, value: Value) -> Self {
        Self { place, value }
    }

    /// The entries, where this is a mapping.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The elements, where this is a list.
    pub(super) fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    /// The value of a key that is there and not null.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.entries().iter().find(|entry| entry.key == key)?;
        (entry.value.value != Value::Null).then_some(&entry.value)
    }

    /// The text, where this is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The finite number, where this is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self.value {
            Value::Integer(number) => Some(number as f64),
            Value::Number(number) if number.is_finite() => Some(number),
            _ => None,
        }
    }

    /// The integer, written with or without a point: `3`, `3.0`, `1e3`.
    pub(super) fn integer(&self) -> Option<i128> {
        match self.value {
            Value::Integer(number) => Some(number),
            Value::Number(number) if number.fract() == 0.0 && number.abs() < EXACT_MAX => {
                Some(number as i128)
            }
            _ => None,
        }
    }

    /// Memory it takes, roughly, in bytes.
    pub(super) fn weight(&self) -> usize {
        let inside = match &self.value {
            Value::Text(text) => text.len(),
            Value::List(elements) => elements.iter().map(Node::weight).sum(),
            Value::Mapping(entries) => {
                entries.iter().map(|entry| size_of::<Entry>() + entry.key.len() + entry.value.weight()).sum()
            }
            _ => 0,
        };
        size_of::<Node>() + inside
    }

    /// What it is, for a sentence: `the number 5`, `the text "5 kW"`, `a list`.
    pub(super) fn described(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Boolean(value) => format!("the boolean {value}"),
            Value::Integer(number) => format!("the number {number}"),
            Value::Number(number) => format!("the number {}", figure(*number)),
            Value::Text(text) => format!("the text {}", quoted(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
            Value::Reported => "something else".to_owned(),
        }
    }

    /// The value on one line, cut where it is long.
    pub(super) fn brief(&self) -> String {
        let mut text = String::new();
        self.write_brief(&mut text);
        match text.char_indices().nth(80) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text,
        }
    }

    fn write_brief(&self, out: &mut String) {
        if out.len() > 400 {
            return; // more than is shown
        }
        // Writing to a string cannot fail.
        let _ = match &self.value {
            Value::Null | Value::Reported => write!(out, "null"),
            Value::Boolean(value) => write!(out, "{value}"),
            Value::Integer(number) => write!(out, "{number}"),
            Value::Number(number) => write!(out, "{}", figure(*number)),
            Value::Text(text) if text.chars().any(char::is_control) => write!(out, "{}", quoted(text)),
            Value::Text(text) => write!(out, "{text}"),
            Value::List(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index == 0 { "[" } else { ", " });
                    element.write_brief(out);
                }
                write!(out, "{}", if elements.is_empty() { "[]" } else { "]" })
            }
            Value::Mapping(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    let _ = write!(out, "{}{}: ", if index == 0 { "{" } else { ", " }, entry.key);
                    entry.value.write_brief(out);
                }
                write!(out, "{}", if entries.is_empty() { "{}" } else { "}" })
            }
        };
    }

    /// The same value as JSON. Whole numbers become integers, so that `count: 1e3` is one to serde too.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Reported => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Integer(_) | Value::Number(_) => self.number_to_json(),
            Value::Text(text) => text.as_str().into(),
            Value::List(elements) => elements.iter().map(Node::to_json).collect(),
            Value::Mapping(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
            }
        }
    }

    fn number_to_json(&self) -> serde_json::Value {
        if let Some(integer) = self.integer() {
            if let Ok(integer) = u64::try_from(integer) {
                return integer.into();
            }
            if let Ok(integer) = i64::try_from(integer) {
                return integer.into();
            }
        }
        self.number().map_or(serde_json::Value::Null, Into::into)
    }
}

/// The value of a plain (unquoted) scalar by the YAML 1.2 core schema.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Boolean(true),
        "false" | "False" | "FALSE" => return Value::Boolean(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Number(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
        return Value::Number(sign * f64::INFINITY);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            let number = valid.then(|| i128::from_str_radix(digits, radix).ok()).flatten();
            return number.map_or_else(|| Value::Text(text.to_owned()), Value::Integer);
        }
    }
    if is_decimal(unsigned) {
        if unsigned.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(number) = text.parse()
        {
            return Value::Integer(number);
        }
        if let Ok(number) = text.parse() {
            return Value::Number(number);
        }
    }
    Value::Text(text.to_owned())
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, the core schema's number without its sign.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_holds = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    exponent_holds && digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

/// A number as a person writes it.
pub(super) fn figure(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && size.is_finite() && !(1e-6..1e15).contains(&size) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node::new(Place::start(0), plain(text))
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let check = |text: &str, value: Value| assert_eq!(plain(text), value, "{text}");
        check("", Value::Null);
        check("~", Value::Null);
        check("TRUE", Value::Boolean(true));
        check("yes", Value::Text("yes".into()));
        check("0o17", Value::Integer(15));
        check("0x1F", Value::Integer(31));
        check("0x-1", Value::Text("0x-1".into()));
        check("-0x1", Value::Text("-0x1".into()));
        check("017", Value::Integer(17));
        check("+12", Value::Integer(12));
        check("1.", Value::Number(1.0));
        check(".5", Value::Number(0.5));
        check("-1.5e3", Value::Number(-1500.0));
        check("1e3", Value::Number(1000.0));
        check("-.INF", Value::Number(f64::NEG_INFINITY));
        check("1e999", Value::Number(f64::INFINITY));
        check("1_000", Value::Text("1_000".into()));
        check("2026-01-01", Value::Text("2026-01-01".into()));
        check("inf", Value::Text("inf".into()));
        check("e5", Value::Text("e5".into()));
        check(".", Value::Text(".".into()));
        check("1e", Value::Text("1e".into()));
        assert!(matches!(plain(".nan"), Value::Number(number) if number.is_nan()));
        let beyond_i128 = "9".repeat(60);
        assert!(matches!(plain(&beyond_i128), Value::Number(number) if number > 1e59));
    }

    #[test]
    fn numbers_become_json_without_losing_their_kind() {
        assert_eq!(node("3").to_json(), serde_json::json!(3));
        assert_eq!(node("1e3").to_json(), serde_json::json!(1000));
        assert_eq!(node("-2.0").to_json(), serde_json::json!(-2));
        assert_eq!(node("-0.0").to_json(), serde_json::json!(0));
        assert_eq!(node("0.1").to_json(), serde_json::json!(0.1));
        assert_eq!(node("18446744073709551615").to_json(), serde_json::json!(u64::MAX));
        assert_eq!(node(".inf").to_json(), serde_json::Value::Null);
    }

    #[test]
    fn values_are_described_in_words_and_in_brief() {
        assert_eq!(node("5").described(), "the number 5");
        assert_eq!(node("5 kW").described(), "the text \"5 kW\"");
        assert_eq!(node("1e-9").described(), "the number 1e-9");
        let list = Node::new(Place::start(0), Value::List(vec![node("1"), node("x")]));
        assert_eq!(list.brief(), "[1, x]");
        let long = Node::new(Place::start(0), Value::List(vec![node("12345"); 1000]));
        assert!(long.brief().ends_with('…'));
    }
}
