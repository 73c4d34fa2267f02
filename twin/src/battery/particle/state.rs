//! State of a cell in the single particle models, what is asked of it and what it shows.

use super::kinetics::Answer;
use super::salt::{SIDE_MAX, Salt};
use super::sphere::Modes;

/// Lithium in one electrode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Particle {
    /// Amount per volume of electrode [mol/m³]: mean concentration times share of active material.
    pub lithium: f64,
    /// Volume share of active material.
    pub active: f64,
    /// Parts of the surface concentration beside the mean [mol/m³].
    pub modes: Modes,
}

impl Particle {
    /// Mean concentration in the particles [mol/m³].
    pub fn mean(&self) -> f64 {
        self.lithium / self.active
    }

    /// Concentration at their surface [mol/m³].
    pub fn surface(&self) -> f64 {
        self.mean() + self.modes.iter().sum::<f64>()
    }
}

/// A quantity at places across the negative electrode; the single particle model has one place.
pub type Across = [f64; SIDE_MAX];

/// What has grown on the negative particles and gone from them; concentrations per volume of electrode [mol/m³].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Films {
    /// Film.
    pub sei: Across,
    /// Square of the film on cracks: as smooth in time as its growth is at first not.
    pub cracked_squared: Across,
    /// Plated lithium that can be stripped.
    pub plated: Across,
    /// Lithium that lost contact.
    pub dead: Across,
    /// Length of cracks [m].
    pub crack_m: f64,
    /// Lithium lost with active material, negative and positive, per volume of its electrode.
    pub lost: [f64; 2],
}

/// Time, charge and temperature, which every model has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// Time since the start.
    pub t_s: f64,
    /// Charge taken out less charge put in [C].
    pub discharged_c: f64,
    /// Charge either way [C].
    pub throughput_c: f64,
    /// Temperature.
    pub temperature_k: f64,
}

impl Clock {
    /// At the start.
    pub fn new(temperature_k: f64) -> Self {
        Self { t_s: 0.0, discharged_c: 0.0, throughput_c: 0.0, temperature_k }
    }
}

/// The state of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Time, charge and temperature.
    pub clock: Clock,
    /// Electrodes, negative and positive.
    pub particles: [Particle; 2],
    /// Salt in the electrolyte.
    pub salt: Salt,
    /// What ageing left.
    pub films: Films,
}

/// What is asked of the cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drive {
    /// Current now, and how fast it changes [A], [A/s]; positive discharges.
    Current {
        /// At the beginning of the step.
        now_a: f64,
        /// Change in time.
        slope_a_per_s: f64,
    },
    /// Voltage.
    Voltage(f64),
    /// Power, positive discharging [W].
    Power(f64),
}

/// What the cell shows at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Current.
    pub current_a: f64,
    /// Voltage.
    pub voltage_v: f64,
    /// Potentials and what they follow from.
    pub answer: Answer,
    /// Flux that side reactions take from the negative particles [A/m²].
    pub side_flux: f64,
    /// Heat [W].
    pub heat_w: f64,
    /// Distance of surface stoichiometries from 0 and 1, the least of them.
    pub margin: f64,
    /// Least concentration of salt relative to that at rest.
    pub salt_least: f64,
}

/// A step that may be taken.
#[derive(Debug, Clone, Copy)]
pub struct Trial<S> {
    /// The state at its end.
    pub state: S,
    /// What is seen at a third.
    pub third: Seen,
    /// What is seen at its end.
    pub end: Seen,
    /// Change of the voltage at the end per current that was constant over the step [Ω]; negative.
    pub slope_ohm: f64,
}

/// A guess of what a step brings: current, side flux and heat at a third and at the end.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Guess {
    /// Current [A].
    pub current_a: [f64; 2],
    /// Side flux [A/m²].
    pub side_flux: [f64; 2],
    /// Heat [W].
    pub heat_w: [f64; 2],
}
