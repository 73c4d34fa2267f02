//! Zones of every kind behind one face: what a world is cut into.

use super::cast::Cast;
use super::cells::CellZone;
use super::cleanup::CleanupZone;
use super::happenings::Happenings;
use super::model::VariantModel;
use super::player::Hosting;
use super::session::{InjectError, Injection};
use super::sites::chain::ChainZone;
use super::sites::data_centre::CentreZone;
use super::tally::Tally;
use super::transfer::Transfer;
use super::zone::{Zone, ZonePart};
use std::mem;
use std::sync::Arc;
use twin::rng::Seed;
use twin::time::Time;

/// What a zone is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Packs and cabinets, and the index of the zone that is the network's first district.
    Zone(ZonePart, usize),
    /// A pack whose cells are simulated one by one.
    Cells {
        /// Its group.
        group: usize,
        /// Its number in the group.
        number: u32,
    },
    /// A data centre.
    DataCentre(usize),
    /// A chain of second lives.
    SecondLife(usize),
    /// A cleanup.
    Cleanup(usize),
}

/// A zone of any kind.
pub enum Place<C> {
    /// Packs and cabinets.
    Zone(Box<Zone<C>>),
    /// A pack whose cells are simulated one by one.
    Cells(Box<CellZone>),
    /// A data centre.
    DataCentre(Box<CentreZone>),
    /// A chain of second lives.
    SecondLife(Box<ChainZone>),
    /// A cleanup.
    Cleanup(Box<CleanupZone>),
}

impl<C: Cast> Place<C> {
    /// Puts everything in place at the start of the run.
    pub async fn set_up(model: Arc<VariantModel>, part: Part, seed: Seed, cast: C, hosting: Hosting) -> Self {
        match part {
            Part::Zone(part, first_district) => {
                Self::Zone(Box::new(Zone::set_up(model, part, first_district, seed, cast).await))
            }
            Part::Cells { group, number } => {
                Self::Cells(Box::new(CellZone::set_up(model, group, number, seed, hosting)))
            }
            Part::DataCentre(index) => {
                Self::DataCentre(Box::new(CentreZone::set_up(model, index, seed, hosting).await))
            }
            Part::SecondLife(index) => {
                Self::SecondLife(Box::new(ChainZone::set_up(model, index, seed, hosting)))
            }
            Part::Cleanup(index) => {
                Self::Cleanup(Box::new(CleanupZone::set_up(&model, index, seed, hosting)))
            }
        }
    }

    /// Runs until `end`.
    pub async fn run_until(&mut self, end: Time) {
        match self {
            Self::Zone(zone) => zone.run_until(end).await,
            Self::Cells(zone) => zone.run_until(end).await,
            Self::DataCentre(zone) => zone.run_until(end).await,
            Self::SecondLife(zone) => zone.run_until(end).await,
            Self::Cleanup(zone) => zone.run_until(end).await,
        }
    }

    /// What leaves for another zone.
    pub async fn take_outgoing(&mut self) -> Vec<Transfer> {
        match self {
            Self::Zone(zone) => {
                let riders = zone.take_outgoing().await.into_iter().map(Box::new).map(Transfer::Rider);
                let mut outgoing: Vec<Transfer> = riders.collect();
                outgoing.extend(zone.take_retired().into_iter().map(Transfer::Retired));
                outgoing
            }
            Self::DataCentre(zone) => zone.take_retired().into_iter().map(Transfer::Retired).collect(),
            Self::Cells(_) | Self::SecondLife(_) | Self::Cleanup(_) => Vec::new(),
        }
    }

    /// Takes in what comes from another zone.
    pub fn welcome(&mut self, transfer: Transfer) {
        match (self, transfer) {
            (Self::Zone(zone), Transfer::Rider(migrant)) => zone.welcome(*migrant),
            (Self::SecondLife(zone), Transfer::Retired(retired)) => zone.welcome(retired),
            _ => unreachable!("riders go from district to district, batteries to second lives"),
        }
    }

    /// What would be recorded now. Nothing is recorded, and nothing else changes.
    pub async fn read(&mut self) -> Tally {
        let kept = mem::take(self.tally_mut());
        match self {
            Self::Zone(zone) => zone.sample().await,
            Self::Cells(zone) => zone.sample().await,
            Self::DataCentre(zone) => zone.sample().await,
            Self::SecondLife(zone) => zone.sample().await,
            Self::Cleanup(zone) => zone.sample().await,
        }
        mem::replace(self.tally_mut(), kept)
    }

    /// What only a result folder wants goes.
    pub fn forget_rows(&mut self) {
        self.tally_mut().forget_rows();
    }

    fn tally_mut(&mut self) -> &mut Tally {
        match self {
            Self::Zone(zone) => &mut zone.tally,
            Self::Cells(zone) => &mut zone.tally,
            Self::DataCentre(zone) => &mut zone.tally,
            Self::SecondLife(zone) => &mut zone.tally,
            Self::Cleanup(zone) => &mut zone.tally,
        }
    }

    /// What it noted so far.
    pub fn happenings(&self) -> &Happenings {
        match self {
            Self::Zone(zone) => &zone.tally.happenings,
            Self::Cells(zone) => &zone.tally.happenings,
            Self::DataCentre(zone) => &zone.tally.happenings,
            Self::SecondLife(zone) => &zone.tally.happenings,
            Self::Cleanup(zone) => &zone.tally.happenings,
        }
    }

    /// Lets something happen to a twin of this zone, as of now; false where the twin is not here.
    ///
    /// # Errors
    /// When that cannot happen to it.
    pub async fn inject(&mut self, injection: &Injection) -> Result<bool, InjectError> {
        match self {
            Self::Zone(zone) => zone.inject(injection).await,
            Self::Cells(_) | Self::DataCentre(_) | Self::SecondLife(_) | Self::Cleanup(_) => Ok(false),
        }
    }

    /// Ends the zone's run and hands over what it recorded.
    pub async fn conclude(self) -> Tally {
        match self {
            Self::Zone(zone) => zone.conclude().await,
            Self::Cells(zone) => zone.conclude().await,
            Self::DataCentre(zone) => zone.conclude().await,
            Self::SecondLife(zone) => zone.conclude().await,
            Self::Cleanup(zone) => zone.conclude().await,
        }
    }
}
