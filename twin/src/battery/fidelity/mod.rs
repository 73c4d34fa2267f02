//! How closely a battery is followed: by its life laws alone, by the circuit, or by particle models.
//!
//! ```text
//!            voltage          heat                     ageing
//! life       rest, ohmic      ohmic, long steps        life laws
//! circuit    2RC, hysteresis  ohmic and entropic       life laws
//! particle   SPM or SPMe      reactions and transport  SEI, plating, cracks, loss of material
//! ```
//!
//! All of them follow the same duties within the same limits and leave the same [`PackState`] and ledger behind, so
//! cabinets, vehicles and whoever looks need not know which one it is. See `docs/models/fidelity.md`.

pub mod life;
pub mod particle;
pub mod rated;

use super::integrate::{self, Duty, Passage, Step, Stepping};
use super::pack::{PackModel, PackState};
use crate::forcing::Ambient;
use crate::time::Time;
use std::sync::Arc;

/// How closely the batteries of a kind are followed.
#[derive(Debug, Clone, Default)]
pub enum Fidelity {
    /// State of charge, coarse heat and the life laws.
    Life,
    /// The equivalent circuit, two-node heat and the life laws.
    #[default]
    Circuit,
    /// Lithium in particles and what takes it.
    Particle(Arc<particle::ParticleCell>),
}

impl Fidelity {
    /// The particles of a new pack, where it has any.
    pub(super) fn particles(&self, soc: f64, temperature_c: f64) -> Option<Box<particle::ParticleState>> {
        match self {
            Self::Particle(cell) => Some(Box::new(cell.new_state(soc, temperature_c))),
            Self::Life | Self::Circuit => None,
        }
    }
}

/// Carries the pack from `from` on for `span_s` seconds, or until the duty ends, as closely as its model says;
/// otherwise as [`integrate::pass`].
#[inline]
pub fn pass(
    model: &PackModel,
    state: &mut PackState,
    duty: Duty,
    ambient: &Ambient,
    span: (Time, f64),
    stepping: Stepping,
    watch: impl FnMut(&Step, &PackState),
) -> Passage {
    match &model.fidelity {
        Fidelity::Circuit => integrate::pass(model, state, duty, ambient, span, stepping, watch),
        Fidelity::Life => life::pass(model, state, duty, ambient, span, watch),
        Fidelity::Particle(cell) => particle::pass(cell, model, state, duty, ambient, span, watch),
    }
}
