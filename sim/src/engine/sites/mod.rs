//! Facilities in a world: data centres with their batteries, and packs on their way from vehicles to a recycler.
//! Each is a zone of its own beside those of networks and groups; what leaves service there goes on to a chain of second
//! lives ([`super::transfer`]).

pub mod chain;
pub mod data_centre;
mod ledger;
pub mod model;
pub mod shown;

use super::model::VariantModel;
use super::tally::{Key, Tally};
use std::collections::BTreeMap;
use twin::passport::material::Material;

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
const METALS: [(Material, &str, &str, &str); 5] = [
    (Material::Lithium, "lithium_in_kg", "lithium_out_kg", "lithium_recovered_pct"),
    (Material::Nickel, "nickel_in_kg", "nickel_out_kg", "nickel_recovered_pct"),
    (Material::Cobalt, "cobalt_in_kg", "cobalt_out_kg", "cobalt_recovered_pct"),
    (Material::Copper, "copper_in_kg", "copper_out_kg", "copper_recovered_pct"),
    (Material::Lead, "lead_in_kg", "lead_out_kg", "lead_recovered_pct"),
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
