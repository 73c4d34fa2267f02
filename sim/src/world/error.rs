//! Everything that can be wrong with what the world is built from.

use thiserror::Error;

/// Why a scenario's surroundings could not be built.
#[derive(Debug, Error)]
pub enum WorldError {
    /// A file could not be opened or unpacked.
    #[error("cannot read {file}")]
    Open {
        /// The file.
        file: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not well-formed CSV.
    #[error("{file} line {line}: not well-formed CSV")]
    Csv {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// What the CSV reader said.
        #[source]
        source: csv::Error,
    },
    /// A file has a header at most.
    #[error("{file}: no rows of data")]
    Empty {
        /// The file.
        file: String,
    },
    /// A column is not there.
    #[error("{file} line 1: no column {wanted}; {nearest}")]
    MissingColumn {
        /// The file.
        file: String,
        /// The names looked for.
        wanted: String,
        /// The nearest name present, or all of them.
        nearest: String,
    },
    /// A cell is not a number.
    #[error("{file} line {line}, column {column}: {text:?} is not a number")]
    NotANumber {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// A cell is NaN or infinite.
    #[error("{file} line {line}, column {column}: {text:?} is not finite")]
    NotFinite {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// A cell is not a time.
    #[error("{file} line {line}, column {column}: {text:?} is not a time ({expected})")]
    NotATime {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What stands there.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Times do not increase from row to row.
    #[error(
        "{file} line {line}, column {column}: {text:?} is not later than the row before; \
         local times keep one offset from UTC all year"
    )]
    NotIncreasing {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// A value cannot be what the column says it is.
    #[error("{file} line {line}, column {column}: {value} is outside {low} to {high}")]
    OutOfRange {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What stands there.
        value: f64,
        /// Least value accepted.
        low: f64,
        /// Greatest value accepted.
        high: f64,
    },
    /// Samples are missing for longer than can be bridged.
    #[error(
        "{file} line {line}: {hours:.1} h without a value before this row; at most {limit_h} h are bridged"
    )]
    Gap {
        /// The file.
        file: String,
        /// Line of the first value after the gap, counted from 1.
        line: u64,
        /// Length of the gap, in h.
        hours: f64,
        /// Longest gap that is bridged, in h.
        limit_h: f64,
    },
    /// A file covers too little.
    #[error("{file}: {reason}")]
    TooShort {
        /// The file.
        file: String,
        /// What is missing.
        reason: String,
    },
    /// A name that is not built in.
    #[error("no built-in {what} {name:?}; {nearest}")]
    Unknown {
        /// Kind of thing: climate, grid, cycle.
        what: &'static str,
        /// The name given.
        name: String,
        /// The nearest name, or all of them.
        nearest: String,
    },
    /// Not exactly one of several alternatives is given.
    #[error("{what}: give one of {choices}, not {given}")]
    Choice {
        /// Part of the scenario.
        what: &'static str,
        /// The alternatives.
        choices: &'static str,
        /// How many are given.
        given: usize,
    },
    /// The first day cannot be read.
    #[error("start {text:?} is not a date as YYYY-MM-DD")]
    Start {
        /// What was given.
        text: String,
        /// What the date parser said.
        #[source]
        source: jiff::Error,
    },
    /// A value in the scenario cannot be used.
    #[error("{what}: {reason}")]
    Invalid {
        /// Part of the scenario.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}

/// "did you mean …", or all names when none is near.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let wanted = name.to_lowercase();
    let near = names
        .clone()
        .map(|n| (strsim::jaro_winkler(&wanted, &n.to_lowercase()), n))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, n)) => format!("the nearest is {n:?}"),
        None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
    }
}
