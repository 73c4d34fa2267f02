//! Rules on how closely batteries are followed.

use super::super::mistake::{Findings, Trail};
use super::super::nearest::quoted;
use super::super::node::Node;
use super::super::schema::{ParticleKind, Particles};
use super::{Surroundings, place_of};
use crate::engine::fidelity::{ParticleRefusal, particles, set_is_no_chemistry};

/// How a kind of battery is said to be followed; nothing where that was reported or left out.
fn fidelity(kind: &Node) -> Option<&str> {
    kind.get("fidelity").and_then(Node::text)
}

/// Whether a kind is followed as particles.
pub(super) fn is_particle(kind: &Node) -> bool {
    fidelity(kind) == Some("particle")
}

/// Checks chemistry and mechanisms of a kind that is followed as particles.
pub(super) fn check(kind: &Node, surroundings: Surroundings<'_>, trail: &Trail<'_>, findings: &mut Findings) {
    let Some(chemistry) = kind.get("chemistry").and_then(Node::text) else { return };
    if crate::engine::model::names_a_file(chemistry)
        && let Some(objection) = surroundings.objection(chemistry)
    {
        let place = place_of(kind, &["chemistry"]);
        findings.add(place, trail.key("chemistry"), format!("file {} {objection}", quoted(chemistry)));
        return;
    }
    let options = kind.get("particle");
    let mechanisms = options.and_then(|options| options.get("mechanisms")).map(|list| {
        list.elements().iter().filter_map(|name| name.text().map(str::to_owned)).collect::<Vec<_>>()
    });
    let model = match options.and_then(|options| options.get("model")).and_then(Node::text) {
        Some("spm") => ParticleKind::Spm,
        _ => ParticleKind::Spme,
    };
    let Err(refusal) = particles(chemistry, &Particles { model, mechanisms }, surroundings.folder) else {
        return;
    };
    let of_particle = trail.key("particle");
    let (place, at) = match (&refusal, options) {
        (ParticleRefusal::Mechanism(_) | ParticleRefusal::Cell(_), Some(options)) => {
            (place_of(options, &["mechanisms"]), of_particle.key("mechanisms"))
        }
        _ => (place_of(kind, &["chemistry"]), trail.key("chemistry")),
    };
    findings.add(place, at, refusal.to_string());
}

/// Speaks up where a kind that is followed by life laws names a parameter set of particle models.
pub(super) fn is_set_without_laws(kind: &Node, trail: &Trail<'_>, findings: &mut Findings) -> bool {
    let Some(chemistry) = kind.get("chemistry") else { return false };
    let Some(message) = chemistry.text().and_then(set_is_no_chemistry) else { return false };
    findings.add(chemistry.place, trail.key("chemistry"), format!("{message}; or give fidelity: particle"));
    true
}

/// Checks that a pack whose cells are simulated one by one has a voltage.
pub(super) fn check_cells(root: &Node, group: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let kind = group.get("battery").and_then(Node::text).and_then(|name| root.get("batteries")?.get(name));
    if let (Some("life"), Some(network)) = (kind.and_then(fidelity), group.get("network")) {
        let message = "cells of a network share current by their voltage, and fidelity: life has none";
        findings.add(network.place, trail.key("network"), message);
    }
    if let (Some("particle"), Some(network)) = (kind.and_then(fidelity), group.get("network")) {
        let trail = trail.key("network");
        let trail = trail.key("replace");
        for (index, cell) in network.get("replace").map(Node::elements).unwrap_or_default().iter().enumerate()
        {
            if let Some(soh) = cell.get("soh").filter(|soh| soh.number().is_some_and(|value| value < 1.0)) {
                let message = "a used cell has no electrodes that fidelity: particle could go on with";
                findings.add(soh.place, trail.index(index).key("soh"), message);
            }
        }
    }
}
