//! The sections of a run that has places and flows: where vessels went, and what became of what they took up.

use super::charts::{FlowChart, Map};
use super::page::{cards, section};
use crate::results::atlas::{Atlas, Flow};
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
        .flat_map(|(variant, name, atlas)| {
            let chart = move |flows| FlowChart { variant: *variant, name: (*name).to_owned(), flows }.card();
            components(&atlas.flows).into_iter().map(chart)
        })
        .collect();
    let intro =
        "First replicate of each variant. Mass in tonnes; what enters a stage leaves it or is still there.";
    section("Where it came from and where it went", intro, &cards(&format!("{}{flows}", map.card())))
}

/// Flows that hang together, in the order of their first: each set is a chart of its own.
fn components(flows: &[Flow]) -> Vec<Vec<Flow>> {
    let mut components: Vec<Vec<Flow>> = Vec::new();
    for flow in flows {
        let touches = |other: &Flow| {
            [&other.from, &other.to].into_iter().any(|end| *end == flow.from || *end == flow.to)
        };
        let (near, far): (Vec<_>, Vec<_>) =
            components.into_iter().partition(|component| component.iter().any(touches));
        // What this flow joins comes before it; partition keeps the order.
        let mut joined: Vec<Flow> = near.into_iter().flatten().collect();
        joined.push(flow.clone());
        components = far;
        components.push(joined);
    }
    components.sort_by_key(|component| {
        component.iter().filter_map(|flow| flows.iter().position(|known| known == flow)).min()
    });
    components
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_that_share_no_stage_are_drawn_apart() {
        let flow = |from: &str, to: &str| Flow { from: from.into(), to: to.into(), mass_kg: 1.0 };
        let all = [flow("a", "b"), flow("x", "y"), flow("c", "d"), flow("b", "c"), flow("y", "z")];
        let apart = components(&all);
        assert_eq!(apart.len(), 2);
        assert_eq!((apart[0].len(), apart[1].len()), (3, 2));
        assert_eq!(apart[1], [flow("x", "y"), flow("y", "z")]);
    }
}
