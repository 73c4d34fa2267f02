//! Reads the tables back, row by row: for tests and for small questions, not for millions of rows.

use crate::results::ResultsError;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// A row of `timeseries.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Variant's name.
    pub variant: String,
    /// Replicate, counted from 0.
    pub replicate: i32,
    /// Instant, ms since the Unix epoch.
    pub t_ms: i64,
    /// Kind of the subject.
    pub kind: String,
    /// Identifier of the subject.
    pub id: String,
    /// Metric.
    pub metric: String,
    /// Value.
    pub value: f64,
}

/// A row of `events.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Variant's name.
    pub variant: String,
    /// Replicate, counted from 0.
    pub replicate: i32,
    /// Instant, ms since the Unix epoch.
    pub t_ms: i64,
    /// What happened.
    pub event: String,
    /// Kind of the subject.
    pub kind: String,
    /// Identifier of the subject.
    pub id: String,
    /// Identifier of who else took part.
    pub other: Option<String>,
    /// Figure that belongs to it.
    pub value: f64,
}

/// A row of `twins.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalTwin {
    /// Variant's name.
    pub variant: String,
    /// Replicate, counted from 0.
    pub replicate: i32,
    /// Kind.
    pub kind: String,
    /// Identifier.
    pub id: String,
    /// The scenario's name of its kind.
    pub group: String,
    /// Values that it has, by name.
    pub values: BTreeMap<String, f64>,
}

/// Rows of a `timeseries.parquet`.
pub fn series(path: &Path) -> Result<Vec<Sample>, ResultsError> {
    rows(path, |row| Sample {
        variant: text(row, "variant"),
        replicate: integer(row, "replicate"),
        t_ms: instant(row, "t"),
        kind: text(row, "kind"),
        id: text(row, "id"),
        metric: text(row, "metric"),
        value: number(row, "value").unwrap_or(f64::NAN),
    })
}

/// Rows of an `events.parquet`.
pub fn events(path: &Path) -> Result<Vec<Happening>, ResultsError> {
    rows(path, |row| Happening {
        variant: text(row, "variant"),
        replicate: integer(row, "replicate"),
        t_ms: instant(row, "t"),
        event: text(row, "event"),
        kind: text(row, "kind"),
        id: text(row, "id"),
        other: Some(text(row, "other")).filter(|other| !other.is_empty()),
        value: number(row, "value").unwrap_or(f64::NAN),
    })
}

/// Rows of a `twins.parquet`.
pub fn twins(path: &Path) -> Result<Vec<FinalTwin>, ResultsError> {
    rows(path, |row| FinalTwin {
        variant: text(row, "variant"),
        replicate: integer(row, "replicate"),
        kind: text(row, "kind"),
        id: text(row, "id"),
        group: text(row, "group"),
        values: row
            .get_column_iter()
            .filter_map(|(name, field)| match field {
                Field::Double(value) => Some((name.clone(), *value)),
                _ => None,
            })
            .collect(),
    })
}

fn rows<T>(path: &Path, convert: impl Fn(&Row) -> T) -> Result<Vec<T>, ResultsError> {
    let file = File::open(path).map_err(|source| ResultsError::Read { path: path.to_owned(), source })?;
    let failed = |source: ParquetError| ResultsError::Table { path: path.to_owned(), source };
    let reader = SerializedFileReader::new(file).map_err(failed)?;
    let rows = reader.get_row_iter(None).map_err(failed)?;
    rows.map(|row| row.map(|row| convert(&row)).map_err(failed)).collect()
}

fn field<'a>(row: &'a Row, column: &str) -> Option<&'a Field> {
    row.get_column_iter().find(|(name, _)| *name == column).map(|(_, field)| field)
}

fn text(row: &Row, column: &str) -> String {
    match field(row, column) {
        Some(Field::Str(value)) => value.clone(),
        _ => String::new(),
    }
}

fn integer(row: &Row, column: &str) -> i32 {
    match field(row, column) {
        Some(Field::Int(value)) => *value,
        _ => 0,
    }
}

fn instant(row: &Row, column: &str) -> i64 {
    match field(row, column) {
        Some(Field::TimestampMillis(value)) => *value,
        _ => 0,
    }
}

fn number(row: &Row, column: &str) -> Option<f64> {
    match field(row, column) {
        Some(Field::Double(value)) => Some(*value),
        _ => None,
    }
}
