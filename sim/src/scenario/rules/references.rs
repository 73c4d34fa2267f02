//! Rules on what values refer to: other parts of the scenario, built-in names, files.

use super::super::mistake::{Findings, Trail};
use super::super::nearest::{hint, quoted};
use super::super::node::Node;
use super::{Surroundings, each, fidelity, number};
use std::fs::{self, File};

/// Checks that everything referred to is there.
pub(super) fn check(root: &Node, surroundings: Surroundings<'_>, findings: &mut Findings) {
    let known = surroundings.known;
    let mut check = Check { findings, surroundings };
    let top = Trail::Root;
    if let Some(climate) = root.get("climate") {
        let trail = top.key("climate");
        check.named(climate, "city", "city", &known.cities, &trail);
        check.file(climate, "file", &trail);
    }
    if let Some(energy) = root.get("energy") {
        let trail = top.key("energy");
        if let Some(carbon) = energy.get("carbon") {
            check.named(carbon, "region", "grid region", &known.grids, &trail.key("carbon"));
        }
        for source in ["tariff", "carbon", "solar"] {
            if let Some(source_node) = energy.get(source) {
                check.file(source_node, "file", &trail.key(source));
            }
        }
    }
    if let Some(batteries) = root.get("batteries") {
        let trail = top.key("batteries");
        for kind in batteries.entries() {
            let trail = trail.key(&kind.key);
            if fidelity::is_particle(&kind.value) {
                fidelity::check(&kind.value, surroundings, &trail, check.findings);
                continue;
            }
            // A chemistry may be a file of the user's own.
            if kind
                .value
                .get("chemistry")
                .and_then(Node::text)
                .is_some_and(crate::engine::model::names_a_file)
            {
                check.file(&kind.value, "chemistry", &trail);
            } else if !fidelity::is_set_without_laws(&kind.value, &trail, check.findings) {
                check.named(&kind.value, "chemistry", "chemistry", &known.chemistries, &trail);
            }
        }
    }
    each(root, "packs", |group, trail| {
        check.battery(root, group, trail);
        fidelity::check_cells(root, group, trail, check.findings);
        if let Some(duty) = group.get("duty") {
            check.trips(duty, &trail.key("duty"));
        }
    });
    each(root, "networks", |network, trail| {
        check.battery(root, network, trail);
        check.trips(network, trail);
        if let Some(riders) = network.get("riders") {
            check.file(riders, "arrivals_file", &trail.key("riders"));
        }
    });
    each(root, "data_centres", |centre, trail| check.battery(root, centre, trail));
    each(root, "second_lives", |chain, trail| {
        check.battery(root, chain, trail);
        for life in ["vehicle", "store"] {
            if let Some(duty) = chain.get(life).and_then(|life| life.get("duty")) {
                check.trips(duty, &trail.key(life).key("duty"));
            }
        }
    });
    for list in super::sites::GIVERS {
        each(root, list, |giver, trail| check.retired_to(root, giver, list, trail));
    }
    each(root, "faults", |fault, trail| check.fault(root, fault, trail));
}

struct Check<'a, 'f> {
    findings: &'f mut Findings,
    surroundings: Surroundings<'a>,
}

impl Check<'_, '_> {
    /// A text that has to be one of the known names.
    fn named(&mut self, node: &Node, key: &str, what: &str, known: &[String], trail: &Trail<'_>) {
        self.one_of(node, key, what, known.iter().map(String::as_str), trail);
    }

    fn one_of<'n>(
        &mut self,
        node: &Node,
        key: &str,
        what: &str,
        known: impl Iterator<Item = &'n str> + Clone,
        trail: &Trail<'_>,
    ) {
        let Some(value) = node.get(key) else { return };
        let Some(name) = value.text() else { return };
        if !known.clone().any(|other| other == name) {
            let message = format!("unknown {what} {}{}", quoted(name), hint(name, known));
            self.findings.add(value.place, trail.key(key), message);
        }
    }

    fn battery(&mut self, root: &Node, node: &Node, trail: &Trail<'_>) {
        let Some(batteries) = root.get("batteries").filter(|node| !node.entries().is_empty()) else { return };
        let names = batteries.entries().iter().map(|entry| entry.key.as_str());
        self.one_of(node, "battery", "battery", names, trail);
    }

    /// The second life that takes what is retired: it has to be there, and to be of the same battery.
    fn retired_to(&mut self, root: &Node, giver: &Node, list: &str, trail: &Trail<'_>) {
        let Some(value) = giver.get("retired_to") else { return };
        let chains = root.get("second_lives").map(Node::elements).unwrap_or_default();
        let name_of = |chain: &'_ Node| chain.get("name").and_then(Node::text).map(str::to_owned);
        if chains.iter().any(|chain| name_of(chain).is_none()) {
            return;
        }
        let names: Vec<String> = chains.iter().filter_map(name_of).collect();
        self.named(giver, "retired_to", "second life", &names, trail);
        let Some(chain) = chains.iter().find(|chain| name_of(chain).as_deref() == value.text()) else {
            return;
        };
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        let mut refuse = |message: String| self.findings.add(value.place, trail.key("retired_to"), message);
        if let (Some(mine), Some(taken)) = (text(giver, "battery"), text(chain, "battery"))
            && mine != taken
        {
            refuse(format!("takes {}, and not {}", quoted(&taken), quoted(&mine)));
        }
        if list == "packs" && giver.get("network").is_some() {
            refuse("packs that are simulated cell by cell cannot go on to a second life".to_owned());
        }
        if list == "data_centres" {
            if text(chain, "composition").is_some_and(|composition| composition != "VRLA") {
                refuse("blocks are lead-acid, and it is for lithium".to_owned());
            }
            if chain.get("store").is_some() || chain.get("vehicles").and_then(Node::number) > Some(0.0) {
                refuse("blocks go straight to a recycler: it has a store or vehicles".to_owned());
            }
        }
    }

    fn trips(&mut self, node: &Node, trail: &Trail<'_>) {
        let Some(trips) = node.get("trips") else { return };
        let trail = trail.key("trips");
        let cycles = &self.surroundings.known.cycles;
        self.named(trips, "cycle", "speed cycle", cycles, &trail);
        self.file(trips, "file", &trail);
    }

    /// A file that has to be there, counted from the scenario's folder.
    fn file(&mut self, node: &Node, key: &str, trail: &Trail<'_>) {
        let Some(value) = node.get(key) else { return };
        let Some(name) = value.text() else { return };
        if let Some(objection) = self.surroundings.objection(name) {
            self.findings.add(value.place, trail.key(key), format!("file {} {objection}", quoted(name)));
            return;
        }
        let path = self.surroundings.folder.join(name);
        // Looked at before it is opened: opening a pipe would wait for a writer.
        let trouble = match fs::metadata(&path) {
            Ok(found) if !found.is_file() => "is not a file".to_owned(),
            Ok(_) => match File::open(&path) {
                Ok(_) => return,
                Err(error) => format!("cannot be read: {error}"),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                format!("does not exist in {}", self.surroundings.folder.display())
            }
            Err(error) => format!("cannot be read: {error}"),
        };
        self.findings.add(value.place, trail.key(key), format!("file {} {trouble}", quoted(name)));
    }

    fn fault(&mut self, root: &Node, fault: &Node, trail: &Trail<'_>) {
        let networks = root.get("networks").map(Node::elements).unwrap_or_default();
        let name_of = |network: &'_ Node| network.get("name").and_then(Node::text).map(str::to_owned);
        // A network whose own name was reported may be the one that is meant.
        if networks.iter().any(|network| name_of(network).is_none()) {
            return;
        }
        let names: Vec<String> = networks.iter().filter_map(name_of).collect();
        self.named(fault, "network", "network", &names, trail);
        let Some(named) = fault.get("network").and_then(Node::text) else { return };
        let Some(network) = networks.iter().find(|network| name_of(network).as_deref() == Some(named)) else {
            return;
        };
        let count = network.get("cabinets").and_then(|cabinets| number(cabinets, "count"));
        if let (Some(count), Some(cabinet)) = (count, fault.get("cabinet"))
            && let Some(wanted) = cabinet.number().filter(|wanted| *wanted > count)
        {
            let message = format!("there is no cabinet {wanted}: {} has {count}", quoted(named));
            self.findings.add(cabinet.place, trail.key("cabinet"), message);
        }
    }
}
