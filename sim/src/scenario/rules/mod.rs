//! What a schema cannot say: rules between values, and between a scenario and its surroundings.
//!
//! Rules read the tree, not the finished [`Scenario`](super::schema::Scenario), so that they speak of lines
//! and are heard in the same round as everything else. They pass over values that were reported before.

mod cells;
mod cleanups;
mod fidelity;
mod figures;
mod references;
mod sites;

use super::mistake::{Findings, Place, Trail};
use super::node::{Node, Value};
use super::{Files, Known};
use jiff::civil::Date;
use std::collections::HashMap;
use std::path::{Component, Path};

/// What a scenario refers to and does not contain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// Where relative file names begin.
    pub(super) folder: &'a Path,
    /// Names that are built in.
    pub(super) known: &'a Known,
    /// Which files may be named.
    pub(super) files: Files,
}

impl Surroundings<'_> {
    /// Why a file may not be named; looks no further than at where it is.
    pub(super) fn objection(&self, name: &str) -> Option<&'static str> {
        const NOT_OFFERED: &str = "is not among the files that are offered here";
        match self.files {
            Files::Anywhere => None,
            Files::Nowhere => Some("cannot be named here: only what is built in can"),
            Files::Within => {
                let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
                // A link may lead out of the folder.
                let inside =
                    is_plain.then(|| self.folder.canonicalize().ok()).flatten().is_some_and(|folder| {
                        self.folder.join(name).canonicalize().is_ok_and(|path| path.starts_with(folder))
                    });
                (!inside).then_some(NOT_OFFERED)
            }
        }
    }
}

/// Checks every rule over a whole scenario, variants apart.
pub(super) fn check(root: &Node, surroundings: Surroundings<'_>, findings: &mut Findings) {
    if root.entries().is_empty() {
        return;
    }
    check_time(root, findings);
    check_sources(root, findings);
    check_names(root, findings);
    references::check(root, surroundings, findings);
    figures::check(root, findings);
    sites::check(root, findings);
    cleanups::check(root, findings);
}

fn check_time(root: &Node, findings: &mut Findings) {
    exactly_one(root, &["horizon_days", "horizon_years"], &Trail::Root, findings);
    let Some(start) = root.get("start") else { return };
    let Some(text) = start.text() else { return };
    let trail = Trail::Root;
    let well_formed = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let message = match text.parse::<Date>() {
        Ok(date) if well_formed && (1970..=2200).contains(&date.year()) => return,
        Ok(_) if well_formed => format!("{text} is not between 1970-01-01 and 2200-12-31"),
        _ => format!("expected a date YYYY-MM-DD, found {}", start.described()),
    };
    findings.add(start.place, trail.key("start"), message);
}

/// Where a value may come from one of several sources, and from one only.
fn check_sources(root: &Node, findings: &mut Findings) {
    let top = Trail::Root;
    if let Some(climate) = root.get("climate") {
        exactly_one(climate, &["city", "file", "constant_c"], &top.key("climate"), findings);
    }
    if let Some(energy) = root.get("energy") {
        let trail = top.key("energy");
        if let Some(tariff) = energy.get("tariff") {
            let sources = ["flat_per_kwh", "by_hour_per_kwh", "file"];
            at_most_one(tariff, &sources, &trail.key("tariff"), findings);
        }
        if let Some(carbon) = energy.get("carbon") {
            at_most_one(carbon, &["region", "flat_g_per_kwh", "file"], &trail.key("carbon"), findings);
        }
        if let Some(solar) = energy.get("solar")
            && let (Some(column), None) = (solar.get("column"), solar.get("file"))
        {
            let trail = trail.key("solar");
            findings.add(column.place, trail.key("column"), "names a column, and there is no file");
        }
    }
    each(root, "networks", |network, trail| {
        if let Some(trips) = network.get("trips") {
            exactly_one(trips, &["cycle", "file"], &trail.key("trips"), findings);
        }
    });
    each(root, "packs", |group, trail| {
        if let Some(trips) = group.get("duty").and_then(|duty| duty.get("trips")) {
            exactly_one(trips, &["cycle", "file"], &trail.key("duty").key("trips"), findings);
        }
    });
    each(root, "faults", |fault, trail| {
        exactly_one(fault, &["mean_days_between", "at_day"], trail, findings);
    });
}

fn check_names(root: &Node, findings: &mut Findings) {
    let is_empty = |key: &str| root.get(key).is_none_or(|list| list.value == Value::List(Vec::new()));
    if ["packs", "networks", "data_centres", "second_lives", "cleanups"].into_iter().all(is_empty) {
        let message = "nothing to simulate: give packs, networks, data_centres, second_lives or cleanups";
        findings.add(root.place, "", message);
    }
    // Twins are called by what they belong to, so that no two things that have some may share a name.
    let mut owners: HashMap<&str, (&str, Place)> = HashMap::new();
    for list in ["networks", "packs", "data_centres", "second_lives", "cleanups", "variants"] {
        let mut seen: HashMap<&str, Place> = HashMap::new();
        each(root, list, |element, trail| {
            let Some(name) = element.get("name") else { return };
            let Some(text) = name.text() else { return };
            if let Some(first) = seen.insert(text, name.place) {
                let message =
                    format!("two {list} are called {}; the other is on line {}", name.brief(), first.line);
                findings.add(name.place, trail.key("name"), message);
            } else if list != "variants"
                && let Some((other, first)) = owners.insert(text, (list, name.place))
            {
                let message = format!(
                    "{} is called so in {other} too, on line {}, and their twins would share their names",
                    name.brief(),
                    first.line
                );
                findings.add(name.place, trail.key("name"), message);
            }
        });
    }
}

fn exactly_one(node: &Node, keys: &[&str], trail: &Trail<'_>, findings: &mut Findings) {
    at_most_one(node, keys, trail, findings);
    let nothing_known = node.value == Value::Reported;
    if !nothing_known && keys.iter().all(|key| node.get(key).is_none()) {
        findings.add(node.place, trail, format!("missing one of {}", keys.join(", ")));
    }
}

fn at_most_one(node: &Node, keys: &[&str], trail: &Trail<'_>, findings: &mut Findings) {
    let mut given: Vec<(&str, &Node)> = keys.iter().filter_map(|key| Some((*key, node.get(key)?))).collect();
    given.sort_by_key(|(_, value)| value.place);
    for (key, value) in given.iter().skip(1) {
        let (first, other) = given[0];
        let message = format!(
            "only one of {} can hold, and {first} is given on line {}",
            keys.join(", "),
            other.place.line
        );
        findings.add(value.place, trail.key(key), message);
    }
}

/// Calls `visit` with every element of the list under `key`.
fn each<'n>(root: &'n Node, key: &str, mut visit: impl FnMut(&'n Node, &Trail<'_>)) {
    let top = Trail::Root;
    let list = top.key(key);
    for (index, element) in root.get(key).map(Node::elements).unwrap_or_default().iter().enumerate() {
        visit(element, &list.index(index));
    }
}

/// The number under a key, or what it is when left out; nothing where it was reported.
fn number_or(node: &Node, key: &str, otherwise: f64) -> Option<f64> {
    match (node.get(key), &node.value) {
        (_, Value::Reported) => None,
        (None, _) => Some(otherwise),
        (Some(value), _) => value.number(),
    }
}

/// The number under a key that has to be there.
fn number(node: &Node, key: &str) -> Option<f64> {
    node.get(key)?.number()
}

/// Place of the first of these keys that is given, or else of the mapping.
pub(super) fn place_of(node: &Node, keys: &[&str]) -> Place {
    keys.iter().find_map(|key| node.get(key)).map_or(node.place, |value| value.place)
}

/// Planned span in days, where it is known.
fn horizon_days(root: &Node) -> Option<f64> {
    match (root.get("horizon_days"), root.get("horizon_years")) {
        (Some(days), None) => days.number(),
        (None, Some(years)) => Some(years.number()? * super::plan::YEAR_DAYS),
        _ => None,
    }
}
