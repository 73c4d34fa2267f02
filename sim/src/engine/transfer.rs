//! What goes from zone to zone when a window ends: riders with their packs, and batteries that left service.

use super::WINDOW_MS;
use super::model::VariantModel;
use super::place::Part;
use super::tally::Key;
use super::zone::Migrant;
use std::sync::Arc;
use twin::battery::Battery;
use twin::time::{DAY_MS, Time};

/// Something on its way to another zone.
pub enum Transfer {
    /// A rider who goes to another district.
    Rider(Box<Migrant>),
    /// A battery that left service.
    Retired(Retired),
}

impl Transfer {
    /// The zone that it goes to, as index among all zones of the world.
    ///
    /// # Panics
    /// When there is no such zone, which the making of the model rules out.
    pub fn zone(&self, parts: &[Part]) -> usize {
        match self {
            Self::Rider(migrant) => migrant.to,
            Self::Retired(retired) => {
                let to = Part::SecondLife(retired.chain);
                parts.iter().position(|part| *part == to).expect("a chain that is named is a zone")
            }
        }
    }
}

/// A battery that left service, on its way to the chain that takes it in.
pub struct Retired {
    /// The chain.
    pub chain: usize,
    /// When it arrives there.
    pub at: Time,
    /// What its rows are called; it keeps its name.
    pub key: Key,
    /// Its name in random streams.
    pub name: Arc<str>,
    /// When it entered service.
    pub since: Time,
    /// What it is.
    pub what: Content,
}

/// A battery that left service.
pub enum Content {
    /// A pack: the twin itself goes on, wear and all.
    Pack(Box<Battery>),
    /// A lead-acid block. Its bank has written its last row; what is left is its mass.
    Block,
}

/// When a battery that leaves service now is where its chain takes it in: after handling, and not before zones hear of
/// each other. Days of duties begin at the hour at which the run began, and so does its first there.
pub fn arrival(model: &VariantModel, chain: usize, now: Time) -> Time {
    let handling_ms = (model.sites.chains[chain].file.handling_days * DAY_MS as f64) as i64;
    let ready_ms = now - model.start + handling_ms.max(WINDOW_MS);
    model.start + (ready_ms + DAY_MS - 1).div_euclid(DAY_MS) * DAY_MS
}
