//! The sections of a run that has places and flows: where vessels went, and what became of what they took up.

use super::charts::{FlowChart, Map};
use super::page::{cards, section};
use crate::results::atlas::Atlas;
use crate::results::story::Story;

/// Variants that get a flow chart of their own.
const FLOWS: usize = 9;

/// Map and flows; nothing when no variant has any.
pub(super) fn sections(story: &Story) -> String {
    let atlases: Vec<(usize, &str, &Atlas)> = story
        .variants
        .iter()
        .enumerate()
        .filter_map(|(index, variant)| Some((index, variant.name.as_str(), variant.atlas.as_ref()?)))
        .collect();
    if atlases.is_empty() {
        return String::new();
    }
    let map = Map { variants: atlases.iter().map(|(index, _, atlas)| (*index, *atlas)).collect() };
    let flows: String = atlases
        .iter()
        .take(FLOWS)
        .map(|(variant, name, atlas)| {
            FlowChart { variant: *variant, name: (*name).to_owned(), flows: atlas.flows.clone() }.card()
        })
        .collect();
    let intro =
        "First replicate of each variant. Mass in tonnes; what enters a stage leaves it or is still there.";
    section("Where it came from and where it went", intro, &cards(&format!("{}{flows}", map.card())))
}
