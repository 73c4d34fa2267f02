//! Cleanups in virtual time: one zone each, for grounds, vessels, ports, trucks and plants touch each other without
//! delay. Every one of them is an actor behind the generic shell; the zone only knows what they answer.

mod afloat;
mod ashore;
mod count;
pub mod model;
mod shown;
mod zone;

pub use count::{add_figures, name};
pub use zone::CleanupZone;
