//! How a fault leaves a parser that only knows errors of text.

use super::fault::{Class, Fault};
use serde::de::Error;
use std::cell::RefCell;

/// Where a fault waits while the parser unwinds.
#[derive(Debug, Default)]
pub(super) struct Trouble(RefCell<Option<Fault>>);

impl Trouble {
    /// Leaves a fault and gives the error that ends parsing.
    pub(super) fn put<E: Error>(&self, fault: Fault) -> E {
        self.0.replace(Some(fault));
        E::custom("")
    }

    /// Says in which of several readings it was.
    pub(super) fn within(&self, index: usize) {
        let fault = self.0.take();
        self.0.replace(fault.map(|fault| fault.within(index)));
    }

    /// The fault that was left.
    pub(super) fn take(&self) -> Option<Fault> {
        self.0.take()
    }
}

/// Visitor methods that refuse kinds of values.
macro_rules! refuse {
    ($class:expr, $field:expr, $reason:literal => $($what:ident)+) => {
        $(crate::payload::trouble::refuse!(@ $what, $class, $field, $reason);)+
    };
    (@ null, $class:expr, $field:expr, $reason:literal) => {
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Err(self.trouble.put(Fault::new($class, $field, concat!($reason, ", not null"))))
        }
    };
    (@ bool, $class:expr, $field:expr, $reason:literal) => {
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(self.trouble.put(Fault::new($class, $field, concat!($reason, ", not a boolean"))))
        }
    };
    (@ number, $class:expr, $field:expr, $reason:literal) => {
        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            self.visit_f64(0.0)
        }
        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            self.visit_f64(0.0)
        }
        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(self.trouble.put(Fault::new($class, $field, concat!($reason, ", not a number"))))
        }
    };
    (@ string, $class:expr, $field:expr, $reason:literal) => {
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(self.trouble.put(Fault::new($class, $field, concat!($reason, ", not a string"))))
        }
    };
    (@ array, $class:expr, $field:expr, $reason:literal) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(self.trouble.put(Fault::new($class, $field, concat!($reason, ", not an array"))))
        }
    };
    (@ object, $class:expr, $field:expr, $reason:literal) => {
        fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(self.trouble.put(Fault::new($class, $field, concat!($reason, ", not an object"))))
        }
    };
}
pub(super) use refuse;

/// What the parser of JSON found.
pub(super) fn of_json(error: &serde_json::Error, text: &str) -> Fault {
    let message = error.to_string();
    let class = if error.is_eof() {
        Class::CutOff
    } else {
        // The parser tells its errors apart by their text alone.
        let says = |part: &str| message.starts_with(part);
        if says("trailing characters") {
            Class::Trailing
        } else if says("number out of range") {
            Class::TooLarge
        } else if says("control character") {
            Class::ControlCharacter
        } else if says("invalid escape")
            || says("lone leading surrogate")
            || says("unexpected end of hex escape")
            || says("invalid unicode code point")
        {
            Class::Escape
        } else if says("recursion limit exceeded") {
            Class::TooDeep
        } else if has_not_finite(text, error.line(), error.column()) {
            Class::NotFinite
        } else if says("invalid number") {
            Class::MisspeltNumber
        } else {
            Class::Syntax
        }
    };
    Fault::new(class, "payload", message)
}

/// Whether the word at a place is how some write a number that is none.
fn has_not_finite(text: &str, line: usize, column: usize) -> bool {
    let Some(line) = text.split('\n').nth(line.saturating_sub(1)) else { return false };
    let near = line.as_bytes();
    let place = column.saturating_sub(1).min(near.len());
    let is_word = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'-' | b'+');
    let start = near[..place].iter().rposition(|&b| !is_word(b)).map_or(0, |before| before + 1);
    let end = near[place..].iter().position(|&b| !is_word(b)).map_or(near.len(), |after| place + after);
    let word = near[start..end].to_ascii_lowercase();
    let word = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"+")).unwrap_or(&word);
    matches!(word, b"nan" | b"inf" | b"infinity")
}
