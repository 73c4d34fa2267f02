//! From measured files to a chemistry of one's own: which fits the data allow, in which order, and what came out.
//!
//! ```text
//! files ──measured──▶ records, histories, tables ──survey──▶ what can be fitted
//!                          │ ocv, hysteresis ▶ circuit ▶ heat ▶ life
//!                          └──▶ residuals of what was fitted and of what was only predicted ▶ report
//! ```
//!
//! The arithmetic is [`twin::battery::fit`]; here files are read, fits chosen, and every figure that could not be
//! determined is told with its reason.

mod inputs;
pub mod report;
mod steps;

pub use inputs::{DataFile, Inputs, read_inputs};
pub use steps::calibrate;

use crate::measured::MeasuredError;
use twin::battery::chemistry::ChemistryFile;
use twin::battery::fit::{Figure, Missing};

/// What can be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Open-circuit voltage and capacity.
    Ocv,
    /// Half the gap between the branches.
    Hysteresis,
    /// Resistances and time constants.
    Circuit,
    /// Heat given off.
    Heat,
    /// Rates of the life laws.
    Life,
}

impl Part {
    /// Name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ocv => "ocv",
            Self::Hysteresis => "hysteresis",
            Self::Circuit => "circuit",
            Self::Heat => "heat",
            Self::Life => "life",
        }
    }

    /// The part of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Ocv, Self::Hysteresis, Self::Circuit, Self::Heat, Self::Life]
            .into_iter()
            .find(|part| part.name() == name)
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Chemistry that everything not fitted is taken from.
    pub base: ChemistryFile,
    /// Name of the new one.
    pub name: String,
    /// Where the data come from, in words, for the chemistry's sources.
    pub source: Option<String>,
    /// Parts that were asked for by name; empty for whatever the data allow.
    pub parts: Vec<Part>,
    /// Whether the slow time constant is kept.
    pub keep_tau2: bool,
    /// Bounds of the slow time constant [s].
    pub tau2_s: (f64, f64),
    /// Rows of the resistances [°C]; those of the data when empty.
    pub temperature_c: Vec<f64>,
    /// Whether R0 may bend at high current.
    pub knee: bool,
    /// Starts beside the base's.
    pub starts: usize,
    /// Seed of the starts.
    pub seed: u64,
}

/// Whether a record was fitted or only predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The parameters were fitted to it.
    Fitted,
    /// The parameters never saw it.
    Predicted,
}

/// How well a record is reproduced.
#[derive(Debug, Clone, PartialEq)]
pub struct Reproduced {
    /// Its name.
    pub name: String,
    /// Whether it was fitted.
    pub role: Role,
    /// Temperature of the surroundings [°C].
    pub ambient_c: f64,
    /// Root of the mean square of model less measurement [V].
    pub rms_v: f64,
    /// Mean of model less measurement [V].
    pub mean_v: f64,
    /// Median of its size [V].
    pub median_v: f64,
    /// Largest size [V].
    pub most_v: f64,
    /// Time [h], measured voltage and model less measurement, thinned for drawing.
    pub course: Vec<(f64, f64, f64)>,
}

/// How well a history of capacity is reproduced.
#[derive(Debug, Clone, PartialEq)]
pub struct Aged {
    /// Its name.
    pub name: String,
    /// Whether it was fitted.
    pub role: Role,
    /// Root of the mean square error [Ah].
    pub rms_ah: f64,
    /// Cycle, measured and modelled capacity [Ah].
    pub course: Vec<(f64, f64, f64)>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The chemistry.
    pub chemistry: ChemistryFile,
    /// Parts that were fitted, and to which files.
    pub fitted: Vec<(Part, Vec<String>)>,
    /// Figures with their intervals.
    pub figures: Vec<Figure>,
    /// What was not fitted, and why; what to mistrust.
    pub notes: Vec<String>,
    /// Every record.
    pub records: Vec<Reproduced>,
    /// Every history.
    pub histories: Vec<Aged>,
}

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// A file is wrong.
    #[error(transparent)]
    Measured(#[from] MeasuredError),
    /// The data lack what a part that was asked for needs.
    #[error("{}", told(.0))]
    Missing(Vec<Missing>),
    /// No part can be fitted to these data.
    #[error("nothing can be fitted to these data:\n{}", .0.join("\n"))]
    Nothing(Vec<String>),
    /// What came out makes no sense.
    #[error("the fit gives no usable chemistry: {}", .0.join("; "))]
    Senseless(Vec<String>),
}

fn told(missing: &[Missing]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
