//! Rules on packs whose cells are simulated one by one.

use super::super::mistake::{Findings, Trail};
use super::super::node::{Node, Value, figure};
use super::{number, number_or, place_of};

/// Most cells of one pack: what fits the memory of a usual machine, and an evening.
const CELLS_MAX: f64 = 20_000.0;

/// Checks a pack group's `network`.
pub(super) fn check(root: &Node, group: &Node, network: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let layout = layout(root, group);
    if let Some((series, parallel)) = layout.filter(|(series, parallel)| series * parallel > CELLS_MAX) {
        let message = format!(
            "{series} times {parallel} cells, and at most {CELLS_MAX} are simulated one by one in a pack"
        );
        findings.add(network.place, trail, message);
    }
    if let Some(balancing) = network.get("balancing")
        && matches!(balancing.value, Value::Mapping(_))
        && balancing.get("passive").is_some() == balancing.get("active").is_some()
    {
        let message = "exactly one of passive and active says how cells are balanced";
        findings.add(balancing.place, trail.key("balancing"), message);
    }
    let (Some((series, parallel)), Some(replace)) = (layout, network.get("replace")) else { return };
    let trail = trail.key("replace");
    for (index, cell) in replace.elements().iter().enumerate() {
        for (key, most, what) in [("group", series, "groups in series"), ("position", parallel, "cells")] {
            if let Some(wanted) = number(cell, key).filter(|wanted| *wanted > most) {
                let message = format!("{} of {} {what}", figure(wanted), figure(most));
                findings.add(place_of(cell, &[key]), trail.index(index).key(key), message);
            }
        }
    }
}

/// Cells of one pack that are recorded; nothing where that cannot be told.
pub(super) fn recorded(root: &Node, group: &Node) -> Option<f64> {
    let wanted = group.get("network").and_then(|network| network.get("record_cells"));
    match wanted.map(|node| &node.value) {
        Some(Value::Boolean(true)) => layout(root, group).map(|(series, parallel)| series * parallel),
        _ => Some(0.0),
    }
}

/// Series and parallel of a group's battery.
fn layout(root: &Node, group: &Node) -> Option<(f64, f64)> {
    let kind = root.get("batteries")?.get(group.get("battery")?.text()?)?;
    Some((number(kind, "series")?, number_or(kind, "parallel", 1.0)?))
}
