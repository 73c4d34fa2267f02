//! Result folders: tables, summary, report, and what is made of several of them.
//!
//! ```text
//!  WorldRecord ──► tables::Tables ──────► timeseries.parquet, events.parquet, twins.parquet
//!       │
//!       └────────► condense::Condenser ─► VariantStory ─► Story ─┬─► summary.json
//!                                                                └─► report.html
//!  result folders ─► compare::compare ─► table, JSON, page
//!  grid of points ─► sweep::write ─────► sweep.csv, report.html
//! ```
//!
//! Nothing in here looks at a clock or at the order in which threads finish: the same records in the same order
//! give the same bytes. `docs/results.md` says what each file holds.

pub mod atlas;
pub mod compare;
pub mod condense;
pub mod figure;
pub mod number;
pub mod record;
pub mod report;
pub mod spread;
pub mod story;
pub mod summary;
pub mod sweep;
pub mod tables;
pub mod vocabulary;

use std::fs;
use std::path::{Path, PathBuf};

/// What can go wrong while results are written or read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// A file or folder could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A Parquet table could not be written or read.
    #[error("table {} failed", path.display())]
    Table {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A twin carries a value that the table of twins has no column for.
    #[error("value {name} of a twin was not declared when its table was created")]
    UndeclaredValue {
        /// The value's name.
        name: String,
    },
    /// A twin's value is called like one of the columns that every row has.
    #[error("a twin's value cannot be called {name}: every row has a column of that name")]
    ReservedName {
        /// The value's name.
        name: String,
    },
    /// A row speaks of a subject that its world does not have.
    #[error("a row speaks of subject {index}, but its world has {subjects}")]
    UnknownSubject {
        /// The index.
        index: u32,
        /// How many there are.
        subjects: usize,
    },
    /// A world belongs to a variant that the plan does not have.
    #[error("a world belongs to variant {index}, but the plan has {variants}")]
    UnknownVariant {
        /// The index.
        index: usize,
        /// How many there are.
        variants: usize,
    },
    /// A folder was named that does not hold results.
    #[error("{} is not a result folder: {reason}", folder.display())]
    NotAResultFolder {
        /// The folder.
        folder: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A result folder was written by a version whose files mean something else.
    #[error("{} has summary format {found}; this version reads format {supported}", folder.display())]
    IncompatibleFormat {
        /// The folder.
        folder: PathBuf,
        /// The format it states.
        found: u64,
        /// The format this version reads.
        supported: u64,
    },
    /// Fewer folders or points than there is something to say about.
    #[error("nothing to show: {reason}")]
    Nothing {
        /// What is missing.
        reason: String,
    },
    /// Figures could not be put into JSON.
    #[error("figures cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Writes a file under a temporary name and renames it, so that readers see the old file or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ResultsError> {
    let partial = partial_name(path);
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .map_err(|source| ResultsError::Write { path: path.to_owned(), source })
}

/// Name under which a file grows until it is whole.
pub(crate) fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}
