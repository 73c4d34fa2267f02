//! Measured cycling data: CSV files of any laboratory, made into [`Record`]s of one meaning.
//!
//! ```text
//! CSV or .gz ──columns──▶ which column is what, in which unit ──▶ segments ──▶ Record
//!                 │                                                current positive on discharge
//!                 └─ history of capacity, table of open-circuit voltage
//! ```
//!
//! Columns are recognised by common names and by the unit in the name (`Voltage(V)`, `current_mA`, `temp_degC`), or
//! named on the command line. Every complaint has its file, line and column.

mod columns;
mod history;
mod read;

pub use columns::{Columns, Quantity, Sign};
pub use history::{is_history, is_ocv_table, read_history, read_ocv_table};
pub use read::{Options, read_records};

use crate::world::WorldError;
use crate::world::table::Table;
use std::path::Path;

/// Why measured data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MeasuredError {
    /// The file cannot be read, or a cell in it is wrong.
    #[error(transparent)]
    File(#[from] WorldError),
    /// A column is not there under any name known.
    #[error(
        "{file} line 1: no column is recognised as {quantity}; name it with --columns {quantity}=NAME (there are {there})"
    )]
    NoColumn {
        /// The file.
        file: String,
        /// What is missing.
        quantity: &'static str,
        /// The columns there are.
        there: String,
    },
    /// A column that was named is not there.
    #[error("{file} line 1: there is no column `{name}` for {quantity} (there are {there})")]
    NamedColumn {
        /// The file.
        file: String,
        /// What was to be read from it.
        quantity: &'static str,
        /// The name that was given.
        name: String,
        /// The columns there are.
        there: String,
    },
    /// Which sign of the current discharges cannot be told.
    #[error(
        "{file}, column {column}: cannot tell which sign discharges; say --sign discharge-positive or discharge-negative"
    )]
    Sign {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A file has too few rows.
    #[error("{file}: {rows} usable rows, and {least} are needed")]
    Short {
        /// The file.
        file: String,
        /// Rows that there are.
        rows: usize,
        /// Rows that are needed.
        least: usize,
    },
    /// A curve that should rise does not.
    #[error("{file} line {line}, column {column}: {reason}")]
    Curve {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Opens a table, `.csv` or `.csv.gz`.
///
/// # Errors
/// When the file cannot be read.
pub fn open(file: &Path) -> Result<Table, MeasuredError> {
    Ok(Table::open(Path::new(""), &file.to_string_lossy())?)
}
