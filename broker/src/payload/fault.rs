//! What can be wrong with a message.

use host::platform::door::Unfit;
use std::fmt;

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        /// The kinds of wrong messages, told apart in counters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class {
            $($(#[$doc])* $name,)*
        }

        impl Class {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in counters.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

classes! {
    /// There is nothing in it.
    Empty = "empty",
    /// It is longer than is taken.
    TooLong = "too_long",
    /// It is not UTF-8.
    NotUtf8 = "not_utf8",
    /// It begins with a byte order mark.
    ByteOrderMark = "byte_order_mark",
    /// It ends too early.
    CutOff = "cut_off",
    /// Something follows where it should end.
    Trailing = "trailing",
    /// It is not JSON.
    Syntax = "syntax",
    /// A control character stands in a string.
    ControlCharacter = "control_character",
    /// A string has a wrong escape.
    Escape = "escape",
    /// A number is misspelt.
    MisspeltNumber = "misspelt_number",
    /// A number is NaN or infinite.
    NotFinite = "not_finite",
    /// A number is too large for a double.
    TooLarge = "too_large",
    /// It is nested too deep.
    TooDeep = "too_deep",
    /// It is not the object, or the array of objects, that is expected.
    NotAnObject = "not_an_object",
    /// It is an array of nothing.
    NoReadings = "no_readings",
    /// It has more readings than are taken at once.
    TooManyReadings = "too_many_readings",
    /// A key stands there twice.
    DuplicateKey = "duplicate_key",
    /// A key that must be there is not.
    MissingKey = "missing_key",
    /// A key is longer than any is.
    KeyTooLong = "key_too_long",
    /// A reading has no value that is known.
    NothingMeasured = "nothing_measured",
    /// A value is not a number.
    NotANumber = "not_a_number",
    /// A number is outside of what is possible.
    OutOfBounds = "out_of_bounds",
    /// A time is neither RFC 3339 nor milliseconds.
    NotATime = "not_a_time",
    /// A time is before the year 2000.
    TooEarly = "too_early",
    /// A time is in the future.
    InFuture = "in_future",
    /// Cell voltages are not an array.
    CellsNotAnArray = "cells_not_an_array",
    /// There are no cell voltages in their array.
    NoCells = "no_cells",
    /// There are more cell voltages than are taken.
    TooManyCells = "too_many_cells",
    /// A latitude without a longitude, or the other way round.
    HalfAPlace = "half_a_place",
    /// A text is not a string.
    NotAString = "not_a_string",
    /// An event's name is not in snake case.
    EventName = "event_name",
    /// A status is neither online nor offline.
    UnknownStatus = "unknown_status",
    /// An acknowledgement does not say whether the command was done.
    NoOutcome = "no_outcome",
    /// A topic is not UTF-8, or has wildcards.
    BadTopic = "bad_topic",
    /// No such topic.
    UnknownTopic = "unknown_topic",
    /// No such kind of asset.
    UnknownKind = "unknown_kind",
    /// An identifier that none can have.
    BadId = "bad_id",
    /// A topic that the guest may not write.
    Forbidden = "forbidden",
    /// A pointer of a mapping rule leads nowhere.
    PointerLeadsNowhere = "pointer_leads_nowhere",
    /// A word that a mapping rule does not know.
    UnknownWord = "unknown_word",
    /// It is not a Sparkplug payload.
    NotSparkplug = "not_sparkplug",
    /// A Sparkplug metric's alias that no birth named.
    UnknownAlias = "unknown_alias",
    /// A Sparkplug message of a node or device that was not born.
    NotBorn = "not_born",
    /// A Sparkplug message is missing before this one.
    OutOfSequence = "out_of_sequence",
    /// The twin does not take it.
    Refused = "refused",
}

/// What is wrong with a message: class, field and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its kind.
    pub class: Class,
    /// Where it is: a key, `topic`, `payload`.
    pub field: String,
    /// Why, for people.
    pub reason: String,
}

impl Fault {
    /// A fault.
    pub fn new(class: Class, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { class, field: field.into(), reason: reason.into() }
    }

    /// The same, in the nth of several readings.
    pub(crate) fn within(mut self, index: usize) -> Self {
        self.field = format!("[{index}].{}", self.field);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Self {
        Self { field: fault.field, reason: fault.reason }
    }
}
