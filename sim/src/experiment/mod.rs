//! Experiments: from a checked plan, or a question about one cell, through the models to what is left behind.
//!
//! ```text
//!  Plan ──engine──▶ worlds ──run────▶ result folder
//!  grid of Plans ──engine──▶ worlds ──sweep──▶ sweep.csv, report.html
//!  profile of use ──life laws──▶ life::Row
//!  protocol or current file ──circuit, particle models──▶ bench::Row
//! ```

pub mod bench;
pub mod life;
pub mod particle;
pub mod protocol;
pub mod run;
mod story;
pub mod sweep;

pub use story::fitted;

use crate::engine::EngineError;
use crate::engine::model::{Cells, ModelError};
use crate::results::ResultsError;
use crate::scenario::Known;
use crate::world::{climate, drive, grids};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twin::battery::chemistry::ChemistryFile;
use twin::battery::circuit::CellModel;
use twin::battery::library;
use twin::battery::particle::set::{self, ParticleSet};

/// Why an experiment comes to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// Something that the scenario names is missing or wrong; nothing was written.
    #[error(transparent)]
    Prepare(EngineError<ResultsError>),
    /// The folder holds something else, and nothing in it was touched.
    #[error("{} is not empty and holds no earlier {what}: name another folder", folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// What it could have held.
        what: &'static str,
    },
    /// The simulation failed.
    #[error(transparent)]
    Engine(EngineError<ResultsError>),
    /// Results cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

impl ExperimentError {
    /// Whether what was asked for is at fault; nothing was written then.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Prepare(_) | Self::Occupied { .. })
    }
}

/// Every name that is built in.
#[must_use]
pub fn known() -> Known {
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Known {
        chemistries: library::shipped().flat_map(|file| [file.name, file.published_as]).collect(),
        cities: owned(climate::names()),
        grids: owned(grids::names()),
        cycles: owned(drive::names()),
    }
}

/// The cell of a chemistry, under either of its names or from its file.
///
/// # Errors
/// When there is none of that name; the message names the nearest.
pub fn cell(name: &str) -> Result<Arc<CellModel>, CellError> {
    Cells::default().get(name, Path::new("")).map_err(told)
}

/// The chemistry of a name, or in a file.
///
/// # Errors
/// As [`cell`].
pub fn chemistry(name: &str) -> Result<ChemistryFile, CellError> {
    crate::engine::model::chemistry(name, Path::new("")).map_err(told)
}

/// The complaint, with the nearest name where there is none of that name.
fn told(error: ModelError) -> CellError {
    match error {
        ModelError::NoChemistry(name) => {
            if let Some(message) = crate::engine::fidelity::set_is_no_chemistry(&name) {
                return CellError::Particles(message);
            }
            let names = library::shipped().flat_map(|file| [file.name, file.published_as]);
            let likeness = |known: &String| strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
            let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let hint = nearest
                .filter(|known| likeness(known) > 0.7)
                .map(|known| format!("did you mean `{known}`? "));
            CellError::Unknown { hint: hint.unwrap_or_default(), name }
        }
        other => CellError::Model(other),
    }
}

/// The particle parameters of a name, under either of its names.
///
/// # Errors
/// When there is none of that name; the message names those that there are.
pub fn particle_set(name: &str) -> Result<ParticleSet, ParticleError> {
    let Some(file) = set::find(name) else {
        let known: Vec<String> = set::shipped().map(|file| file.published_as).collect();
        if library::find(name).is_some() {
            return Err(ParticleError::Circuit { name: name.to_owned(), known: known.join(", ") });
        }
        return Err(ParticleError::Unknown { name: name.to_owned(), known: known.join(", ") });
    };
    Ok(ParticleSet::of(file)?)
}

/// Why there are no such particle parameters.
#[derive(Debug, thiserror::Error)]
pub enum ParticleError {
    /// No parameter set of that name.
    #[error("there are no parameters for particle models called `{name}`: {known}")]
    Unknown {
        /// The name given.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A chemistry with circuit and life laws alone.
    #[error(
        "chemistry `{name}` has a circuit and life laws, and no parameters of particle models; these have: {known}"
    )]
    Circuit {
        /// The name given.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The set cannot be used.
    #[error(transparent)]
    Set(#[from] set::SetError),
}

/// Why there is no such cell.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// No chemistry of that name.
    #[error("there is no chemistry called `{name}`: {hint}`celltide cell list` has all")]
    Unknown {
        /// The name given.
        name: String,
        /// A similar name, if there is one.
        hint: String,
    },
    /// A parameter set of particle models, where a circuit or life laws are needed.
    #[error("{0}")]
    Particles(String),
    /// The chemistry cannot be used.
    #[error(transparent)]
    Model(ModelError),
}

/// Whether results may be put into a folder: it does not exist, is empty, or `is_earlier` recognises what it holds.
/// What a killed run left under temporary names counts as nothing.
fn check_folder(
    folder: &Path,
    what: &'static str,
    is_earlier: impl FnOnce(&Path) -> bool,
) -> Result<(), ExperimentError> {
    let unreadable =
        |source| ExperimentError::Results(ResultsError::Read { path: folder.to_owned(), source });
    if !folder.exists() {
        return Ok(());
    }
    let occupied = || ExperimentError::Occupied { folder: folder.to_owned(), what };
    if !folder.is_dir() {
        return Err(occupied());
    }
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if !name.to_string_lossy().ends_with(".partial") {
            return if is_earlier(folder) { Ok(()) } else { Err(occupied()) };
        }
    }
    Ok(())
}
