//! Rules on cleanups: names, what refers to them, and numbers that have to go together.

use super::super::mistake::{Findings, Place, Trail};
use super::super::nearest::{hint, quoted};
use super::super::node::{Node, figure};
use super::{each, number};
use std::collections::HashMap;
use twin::plastic::ground::SEAS;

/// Checks every cleanup.
pub(super) fn check(root: &Node, findings: &mut Findings) {
    each(root, "cleanups", |cleanup, trail| {
        for list in ["grounds", "ports", "vessels", "teams", "plants"] {
            unique(cleanup, list, trail, findings);
        }
        inside(cleanup, "grounds", trail, |ground, trail| check_ground(ground, trail, findings));
        inside(cleanup, "vessels", trail, |vessel, trail| {
            named(cleanup, "ports", vessel, "home", trail, findings);
            named(cleanup, "grounds", vessel, "ground", trail, findings);
            check_drive(root, vessel, trail, findings);
        });
        inside(cleanup, "teams", trail, |team, trail| {
            named(cleanup, "ports", team, "port", trail, findings);
            named(cleanup, "grounds", team, "ground", trail, findings);
        });
        check_plants(cleanup, trail, findings);
        let nobody = |list: &str| cleanup.get(list).is_none_or(|node| node.elements().is_empty());
        if nobody("vessels") && nobody("teams") {
            findings.add(cleanup.place, trail, "nobody takes anything up: give vessels, teams or both");
        }
    });
}

fn inside<'n>(cleanup: &'n Node, list: &str, trail: &Trail<'_>, mut visit: impl FnMut(&'n Node, &Trail<'_>)) {
    let trail = trail.key(list);
    for (index, element) in cleanup.get(list).map(Node::elements).unwrap_or_default().iter().enumerate() {
        visit(element, &trail.index(index));
    }
}

fn unique(cleanup: &Node, list: &str, trail: &Trail<'_>, findings: &mut Findings) {
    let mut seen: HashMap<&str, Place> = HashMap::new();
    inside(cleanup, list, trail, |element, trail| {
        let Some(name) = element.get("name") else { return };
        let Some(text) = name.text() else { return };
        if let Some(first) = seen.insert(text, name.place) {
            let message =
                format!("two {list} are called {}; the other is on line {}", name.brief(), first.line);
            findings.add(name.place, trail.key("name"), message);
        }
    });
}

/// A text that has to be the name of an element of a list of the cleanup.
fn named(cleanup: &Node, list: &str, node: &Node, key: &str, trail: &Trail<'_>, findings: &mut Findings) {
    let elements = cleanup.get(list).map(Node::elements).unwrap_or_default();
    let names: Vec<Option<&str>> =
        elements.iter().map(|element| element.get("name").and_then(Node::text)).collect();
    let (Some(value), false) = (node.get(key), names.contains(&None)) else { return };
    let Some(name) = value.text() else { return };
    if !names.contains(&Some(name)) {
        let what = list.trim_end_matches('s');
        let known = names.iter().copied().flatten();
        let message = format!("unknown {what} {}{}", quoted(name), hint(name, known));
        findings.add(value.place, trail.key(key), message);
    }
}

fn check_ground(ground: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    if let Some(value) = ground.get("sea")
        && let Some(name) = value.text()
        && !SEAS.iter().any(|sea| sea.name == name)
    {
        let known = SEAS.iter().map(|sea| sea.name);
        let message = format!("unknown sea {}{}", quoted(name), hint(name, known));
        findings.add(value.place, trail.key("sea"), message);
    }
    if let (Some(south), Some(north)) = (number(ground, "south_deg"), number(ground, "north_deg"))
        && south >= north
    {
        let message = format!("south {} does not lie below north {}", figure(south), figure(north));
        let place = ground.get("south_deg").map_or(ground.place, |node| node.place);
        findings.add(place, trail.key("south_deg"), message);
    }
    if let (Some(west), Some(east)) = (number(ground, "west_deg"), number(ground, "east_deg"))
        && west == east
    {
        let place = ground.get("west_deg").map_or(ground.place, |node| node.place);
        findings.add(place, trail.key("west_deg"), "west and east are the same: the ground has no width");
    }
}

fn check_drive(root: &Node, vessel: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let drive = vessel.get("drive").and_then(Node::text).unwrap_or("diesel");
    let battery = vessel.get("battery");
    if matches!(drive, "hybrid" | "battery") && battery.is_none() {
        let message = format!("a vessel with the drive {drive} needs a battery");
        findings.add(vessel.place, trail.key("battery"), message);
    }
    let Some(value) = battery else { return };
    let Some(name) = value.text() else { return };
    let Some(batteries) = root.get("batteries").filter(|node| !node.entries().is_empty()) else { return };
    let names = batteries.entries().iter().map(|entry| entry.key.as_str());
    if !names.clone().any(|known| known == name) {
        let message = format!("unknown battery {}{}", quoted(name), hint(name, names));
        findings.add(value.place, trail.key("battery"), message);
    }
}

fn check_plants(cleanup: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let truck_t = cleanup.get("trucks").and_then(|trucks| number(trucks, "capacity_t"));
    let mut works: Vec<Option<&str>> = Vec::new();
    inside(cleanup, "plants", trail, |plant, trail| {
        works.push(plant.get("work").and_then(Node::text));
        if let (Some(truck_t), Some(yard)) = (truck_t, plant.get("yard_t"))
            && let Some(yard_t) = yard.number().filter(|yard_t| *yard_t < truck_t)
        {
            let message =
                format!("a yard of {} t cannot take a truck of {} t in", figure(yard_t), figure(truck_t));
            findings.add(yard.place, trail.key("yard_t"), message);
        }
    });
    for work in ["sorting", "recycling"] {
        if !works.is_empty() && !works.contains(&None) && !works.contains(&Some(work)) {
            let place = cleanup.get("plants").map_or(cleanup.place, |node| node.place);
            findings.add(place, trail.key("plants"), format!("there is no {work} plant"));
        }
    }
    inside(cleanup, "ports", trail, |port, trail| {
        if let (Some(truck_t), Some(yard)) = (truck_t, port.get("yard_t"))
            && let Some(yard_t) = yard.number().filter(|yard_t| *yard_t < truck_t)
        {
            let message =
                format!("a yard of {} t never fills a truck of {} t", figure(yard_t), figure(truck_t));
            findings.add(yard.place, trail.key("yard_t"), message);
        }
    });
    inside(cleanup, "vessels", trail, |vessel, trail| {
        let Some(hold) = vessel.get("hold_t") else { return };
        let ports = cleanup.get("ports").map(Node::elements).unwrap_or_default();
        let least = ports.iter().filter_map(|port| number(port, "yard_t")).fold(f64::INFINITY, f64::min);
        if let Some(hold_t) = hold.number().filter(|hold_t| *hold_t > least) {
            let message =
                format!("a hold of {} t does not go into a yard of {} t", figure(hold_t), figure(least));
            findings.add(hold.place, trail.key("hold_t"), message);
        }
    });
}
