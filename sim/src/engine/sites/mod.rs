//! Facilities in a world: data centres with their batteries, and packs on their way from vehicles to a recycler.
//! Each is a zone of its own beside those of networks and groups; nothing moves between them.

mod chain;
mod data_centre;
pub mod model;
mod player;

use super::cast::Cast;
use super::model::VariantModel;
use super::tally::{Key, Tally};
use super::zone::{Migrant, Zone, ZonePart};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::passport::material::Material;
use twin::rng::Seed;
use twin::time::Time;

/// What a zone is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Packs and cabinets, and the index of the zone that is the network's first district.
    Zone(ZonePart, usize),
    /// A data centre.
    DataCentre(usize),
    /// A chain of second lives.
    SecondLife(usize),
}

/// How twins of facilities are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosting {
    /// Every twin an actor on the present arbiter.
    Actors,
    /// Every twin called directly.
    Direct,
}

/// A zone of any kind.
pub enum Place<C> {
    /// Packs and cabinets.
    Zone(Box<Zone<C>>),
    /// A data centre.
    DataCentre(Box<data_centre::CentreZone>),
    /// A chain of second lives.
    SecondLife(Box<chain::ChainZone>),
}

impl<C: Cast> Place<C> {
    /// Puts everything in place at the start of the run.
    pub async fn set_up(model: Arc<VariantModel>, part: Part, seed: Seed, cast: C, hosting: Hosting) -> Self {
        match part {
            Part::Zone(part, first_district) => {
                Self::Zone(Box::new(Zone::set_up(model, part, first_district, seed, cast).await))
            }
            Part::DataCentre(index) => {
                Self::DataCentre(Box::new(data_centre::CentreZone::set_up(model, index, seed, hosting).await))
            }
            Part::SecondLife(index) => {
                Self::SecondLife(Box::new(chain::ChainZone::set_up(model, index, seed, hosting)))
            }
        }
    }

    /// Runs until `end`.
    pub async fn run_until(&mut self, end: Time) {
        match self {
            Self::Zone(zone) => zone.run_until(end).await,
            Self::DataCentre(zone) => zone.run_until(end).await,
            Self::SecondLife(zone) => zone.run_until(end).await,
        }
    }

    /// Those who leave for another zone.
    pub async fn take_outgoing(&mut self) -> Vec<Migrant> {
        match self {
            Self::Zone(zone) => zone.take_outgoing().await,
            Self::DataCentre(_) | Self::SecondLife(_) => Vec::new(),
        }
    }

    /// Takes in somebody from another zone.
    pub fn welcome(&mut self, migrant: Migrant) {
        match self {
            Self::Zone(zone) => zone.welcome(migrant),
            Self::DataCentre(_) | Self::SecondLife(_) => unreachable!("nobody travels to a facility"),
        }
    }

    /// Ends the zone's run and hands over what it recorded.
    pub async fn conclude(self) -> Tally {
        match self {
            Self::Zone(zone) => zone.conclude().await,
            Self::DataCentre(zone) => zone.conclude().await,
            Self::SecondLife(zone) => zone.conclude().await,
        }
    }
}

/// Kind and name of a facility's twin.
pub(super) fn name(model: &VariantModel, key: Key) -> (&'static str, String) {
    let centre = |index: u32| &model.sites.data_centres[index as usize].file;
    let chain = |index: u32| &model.sites.chains[index as usize].file.name;
    match key {
        Key::DataCentre(index) => ("data_centre", centre(index).name.clone()),
        Key::Bank(index, room) => {
            ("bank", format!("{}/{}", centre(index).name, centre(index).rooms[room as usize].name))
        }
        Key::Block(index, room, string, block, generation) => {
            let room = &centre(index).rooms[room as usize].name;
            let stem = format!("{}/{room}/{}-{}", centre(index).name, string + 1, block + 1);
            ("block", if generation == 0 { stem } else { format!("{stem}#{}", generation + 1) })
        }
        Key::SecondLife(index) => ("second_life", chain(index).clone()),
        Key::Recycler(index) => ("recycler", format!("{}-recycler", chain(index))),
        Key::ChainPack(index, number) => ("battery", format!("{}-{}", chain(index), number + 1)),
        other => unreachable!("{other:?} is no facility's"),
    }
}

/// Metals whose recovery is told: what was contained, what was recovered, and the figure.
const METALS: [(Material, &str, &str, &str); 4] = [
    (Material::Lithium, "lithium_in_kg", "lithium_out_kg", "lithium_recovered_pct"),
    (Material::Nickel, "nickel_in_kg", "nickel_out_kg", "nickel_recovered_pct"),
    (Material::Cobalt, "cobalt_in_kg", "cobalt_out_kg", "cobalt_recovered_pct"),
    (Material::Copper, "copper_in_kg", "copper_out_kg", "copper_recovered_pct"),
];

/// Figures of facilities: sums over zones, and what follows from them.
pub(super) fn figures(figures: &mut BTreeMap<&'static str, f64>, tallies: &[Tally]) {
    let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
    for (name, value) in tallies.iter().flat_map(|tally| &tally.site_sums) {
        *sums.entry(name).or_default() += value;
    }
    let ratio = |part: &str, of: &str| Some(sums.get(part)? / sums.get(of).filter(|of| **of > 0.0)?);
    let share = |part, of| ratio(part, of).map(|share| 100.0 * share);
    let derived = [
        ("blocks_surviving_pct", share("blocks_surviving", "blocks_total")),
        ("outages_survived_pct", share("room_outages_carried", "room_outages_total")),
        ("recovered_pct", share("recovered_kg", "recycled_kg")),
        ("carbon_per_delivered_kwh_kg", ratio("total_carbon_kg", "delivered_kwh")),
        ("recycling_passage_mean_days", ratio("recycling_passage_days", "recycled_packs")),
    ];
    const PARTS: [&str; 4] =
        ["room_outages_carried", "room_outages_total", "recycling_passage_days", "blocks_surviving"];
    figures.extend(derived.into_iter().filter_map(|(name, value)| Some((name, value?))));
    figures.extend(
        METALS
            .into_iter()
            .filter_map(|(_, contained, recovered, name)| Some((name, share(recovered, contained)?))),
    );
    let is_part =
        |name: &str| PARTS.contains(&name) || METALS.iter().any(|metal| metal.1 == name || metal.2 == name);
    figures.extend(sums.into_iter().filter(|(name, _)| !is_part(name)));
}

/// Profiles of facilities.
pub(super) fn profiles(profiles: &mut BTreeMap<&'static str, Vec<f64>>, tallies: &[Tally]) {
    for (name, bins) in tallies.iter().flat_map(|tally| &tally.site_bins) {
        let sum: &mut Vec<f64> = profiles.entry(name).or_default();
        sum.resize(sum.len().max(bins.len()), 0.0);
        sum.iter_mut().zip(bins).for_each(|(sum, bin)| *sum += bin);
    }
}
