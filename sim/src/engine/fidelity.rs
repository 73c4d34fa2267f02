//! How closely packs of a kind are followed, from what a scenario says.

use super::model::{Cells, ModelError, names_a_file};
use crate::scenario::schema::{self, ParticleKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::fidelity::Fidelity;
use twin::battery::fidelity::particle::{Losses, ParticleCell};
use twin::battery::formula::FormulaError;
use twin::battery::library;
use twin::battery::particle::cell::{CellFault, Kind, Options};
use twin::battery::particle::mechanism::{MechanismError, Mechanisms, SeiLaw};
use twin::battery::particle::set::{self, ParticleSet, SetError};

/// Why a battery cannot be followed as particles.
#[derive(Debug, thiserror::Error)]
pub enum ParticleRefusal {
    /// The chemistry is no parameter set of particle models.
    #[error("{}{name}` has no parameters of particle models; these have: {}", is_a(name), sets())]
    NoSet {
        /// The chemistry.
        name: String,
    },
    /// A file cannot be read.
    #[error("cannot read parameter set {}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The set makes no sense.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A mechanism that there is not, or two of a kind.
    #[error(transparent)]
    Mechanism(#[from] MechanismError),
    /// The set cannot be modelled so.
    #[error(transparent)]
    Cell(#[from] CellFault),
    /// Its open-circuit voltage cannot be tabulated.
    #[error(transparent)]
    Rated(#[from] FormulaError),
}

/// What a name that is no set is, as the beginning of a sentence.
fn is_a(name: &str) -> &'static str {
    if library::find(name).is_some() { "chemistry `" } else { "`" }
}

/// Names of all parameter sets.
fn sets() -> String {
    set::shipped().map(|file| file.published_as).collect::<Vec<_>>().join(", ")
}

/// Why a parameter set of particle models is no chemistry with life laws; nothing where the name is none of a set.
#[must_use]
pub fn set_is_no_chemistry(name: &str) -> Option<String> {
    let file = set::find(name)?;
    let alike: Vec<String> =
        library::shipped().filter(|other| other.family == file.family).map(|other| other.name).collect();
    let alike = match alike.as_slice() {
        [] => String::new(),
        names => format!("; chemistries of its family with them: {}", names.join(", ")),
    };
    Some(format!(
        "`{name}` is a parameter set of particle models (spm, spme), without circuit and life laws{alike}"
    ))
}

/// The cell of a kind of battery as others see it, and how closely it is followed.
pub(super) fn of(
    file: &schema::BatteryKind,
    folder: &Path,
    cells: &mut Cells,
) -> Result<(Arc<CellModel>, Fidelity), ModelError> {
    match file.fidelity {
        schema::Fidelity::Life => Ok((cells.get(&file.chemistry, folder)?, Fidelity::Life)),
        schema::Fidelity::Circuit => Ok((cells.get(&file.chemistry, folder)?, Fidelity::Circuit)),
        schema::Fidelity::Particle => {
            let refused =
                |source: ParticleRefusal| ModelError::Particles { name: file.chemistry.clone(), source };
            let options = file.particle.clone().unwrap_or_default();
            let cell = particles(&file.chemistry, &options, folder).map_err(refused)?;
            let rated = cell.rated().map_err(|source| refused(source.into()))?;
            Ok((rated, Fidelity::Particle(Arc::new(cell))))
        }
    }
}

/// The particle model of a set, by either of its names or in a file.
///
/// # Errors
/// When there is no such set, or it cannot be modelled so.
pub fn particles(
    name: &str,
    options: &schema::Particles,
    folder: &Path,
) -> Result<ParticleCell, ParticleRefusal> {
    let set = if names_a_file(name) {
        let path = folder.join(name);
        let text =
            std::fs::read_to_string(&path).map_err(|source| ParticleRefusal::Unread { path, source })?;
        ParticleSet::read(&text)?
    } else {
        ParticleSet::of(set::find(name).ok_or_else(|| ParticleRefusal::NoSet { name: name.into() })?)?
    };
    let kind = match options.model {
        ParticleKind::Spm => Kind::Spm,
        ParticleKind::Spme => Kind::Spme,
    };
    let mechanisms = match &options.mechanisms {
        Some(names) => names.join(",").parse()?,
        None => Mechanisms { sei: set.sei().map(|_| SeiLaw::Solvent), ..Mechanisms::default() },
    };
    Ok(ParticleCell::new(set, Options { mechanisms, ..Options::new(kind) })?)
}

/// What was lost of lithium and active material, as columns; none where that is not followed.
pub(super) fn columns(losses: Option<Losses>) -> impl Iterator<Item = (&'static str, f64)> {
    losses.into_iter().flat_map(|losses| {
        [
            ("lli_pct", losses.lithium_pct),
            ("lam_negative_pct", losses.negative_pct),
            ("lam_positive_pct", losses.positive_pct),
            ("sei_loss_pct", losses.sei_pct),
            ("crack_sei_loss_pct", losses.crack_sei_pct),
            ("plating_loss_pct", losses.plating_pct),
            ("currents_halved", losses.halved),
        ]
    })
}
