//! Variants: the file with some values replaced, each checked as if it had been written out in full.

use super::check;
use super::mistake::{Finding, Findings, Place, Trail};
use super::nearest::{hint, quoted, shown};
use super::node::{Node, Value};
use super::patch::{self, Refusal};
use super::rules::{self, Surroundings};
use super::shape::Shape;
use std::collections::HashSet;

/// Most memory that all variants may take together, each written out in full.
const WEIGHT_MAX: usize = 1 << 30;

/// A variant, written out.
#[derive(Debug)]
pub(super) struct Expanded {
    pub(super) name: String,
    pub(super) description: String,
    /// `path: value`, those of the variants it starts from first.
    pub(super) changes: Vec<String>,
    pub(super) place: Place,
    pub(super) tree: Node,
}

/// Writes out and checks the variants of a file that was itself checked; its own findings are not repeated.
/// Variants come in the order of the file; those that cannot be written out come with a finding instead.
pub(super) fn expand(base: &Node, surroundings: Surroundings<'_>, findings: &mut Findings) -> Vec<Expanded> {
    let variants = base.get("variants").map(Node::elements).unwrap_or_default();
    let mut stem = base.clone();
    if let Value::Mapping(entries) = &mut stem.value {
        entries.retain(|entry| entry.key != "variants");
    }
    if stem.weight().saturating_mul(variants.len()) > WEIGHT_MAX {
        let message = format!(
            "too large: written out, {} variants take more than {} MiB in memory",
            variants.len(),
            WEIGHT_MAX >> 20
        );
        findings.add(rules::place_of(base, &["variants"]), "variants", message);
        return Vec::new();
    }
    let parents = parents(variants, findings);
    let known = findings.list().iter().map(complaint).collect();
    let stem = Draft { tree: stem, changes: Vec::new(), complaints: known };
    let mut drafts: Vec<Option<Draft>> = variants.iter().map(|_| None).collect();
    for index in order(&parents) {
        let parent = match parents[index] {
            Parent::File => Some(&stem),
            Parent::Variant(parent) => drafts[parent].as_ref(),
            Parent::None => None,
        };
        let draft = parent.map(|parent| draft(parent, &variants[index], index, surroundings, findings));
        drafts[index] = draft;
    }
    let expanded = |(variant, draft): (&Node, Option<Draft>)| {
        let text = |key: &str| variant.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let Draft { tree, changes, .. } = draft?;
        Some(Expanded {
            name: text("name"),
            description: text("description"),
            changes: changes.into_iter().map(|change| change.text).collect(),
            place: variant.place,
            tree,
        })
    };
    variants.iter().zip(drafts).filter_map(expanded).collect()
}

/// What a variant starts from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Parent {
    File,
    Variant(usize),
    /// Something that does not exist, or itself by way of others.
    None,
}

fn parents(variants: &[Node], findings: &mut Findings) -> Vec<Parent> {
    let name_of = |variant: &Node| variant.get("name").and_then(Node::text).map(str::to_owned);
    let names: Vec<Option<String>> = variants.iter().map(name_of).collect();
    let top = Trail::Root;
    let list = top.key("variants");
    let mut parents = Vec::new();
    for (index, variant) in variants.iter().enumerate() {
        let parent = match variant.get("from") {
            None if variant.value == Value::Reported => Parent::None,
            None => Parent::File,
            Some(from) => {
                let position = names.iter().position(|name| name.as_deref() == from.text());
                if let (None, Some(text)) = (position, from.text()) {
                    let others = names.iter().flatten().map(String::as_str);
                    let message = format!(
                        "unknown variant {}{} (without from, a variant starts from the file)",
                        quoted(text),
                        hint(text, others)
                    );
                    findings.add(from.place, list.index(index).key("from"), message);
                }
                position.filter(|_| from.text().is_some()).map_or(Parent::None, Parent::Variant)
            }
        };
        parents.push(parent);
    }
    break_circles(variants, &names, &mut parents, findings);
    parents
}

/// Reports every circle once, at its first variant, and cuts all of it off.
fn break_circles(
    variants: &[Node],
    names: &[Option<String>],
    parents: &mut [Parent],
    findings: &mut Findings,
) {
    for (first, variant) in variants.iter().enumerate() {
        let mut circle = vec![first];
        let mut at = first;
        // A walk longer than the list is one into a circle further up, found from a variant inside it.
        while let Parent::Variant(parent) = parents[at] {
            circle.push(parent);
            if parent == first || circle.len() > parents.len() + 1 {
                break;
            }
            at = parent;
        }
        if circle.len() < 2 || circle.last() != Some(&first) {
            continue;
        }
        let told: Vec<String> =
            circle.iter().filter_map(|&member| names[member].as_deref()).map(shown).collect();
        let message = format!("variants start from each other in a circle: {}", told.join(" → "));
        let place = rules::place_of(variant, &["from"]);
        findings.add(place, Trail::Root.key("variants").index(first).key("from"), message);
        circle.iter().for_each(|&member| parents[member] = Parent::None);
    }
}

/// Indices with every variant after the one it starts from.
fn order(parents: &[Parent]) -> Vec<usize> {
    let mut ordered = Vec::new();
    let mut placed = vec![false; parents.len()];
    loop {
        let before = ordered.len();
        for (index, parent) in parents.iter().enumerate() {
            let ready = match *parent {
                Parent::Variant(parent) => placed[parent],
                Parent::File | Parent::None => true,
            };
            if ready && !placed[index] {
                placed[index] = true;
                ordered.push(index);
            }
        }
        if ordered.len() == before {
            return ordered;
        }
    }
}

/// A variant while others may still start from it.
struct Draft {
    tree: Node,
    changes: Vec<Change>,
    /// What was complained of so far, here or in what this one starts from.
    complaints: HashSet<(String, String)>,
}

#[derive(Clone)]
struct Change {
    /// The path with element numbers in place of names.
    path: String,
    /// `path: value` as the author wrote the path.
    text: String,
}

fn draft(
    parent: &Draft,
    variant: &Node,
    index: usize,
    surroundings: Surroundings<'_>,
    findings: &mut Findings,
) -> Draft {
    let mut draft = Draft {
        tree: parent.tree.clone(),
        changes: parent.changes.clone(),
        complaints: parent.complaints.clone(),
    };
    let replaced = apply_set(&mut draft, variant, index, findings);
    let mut own = Findings::default();
    check::check(&mut draft.tree, Shape::scenario(), &Trail::Root, &mut own);
    rules::check(&draft.tree, surroundings, &mut own);
    let name = variant.get("name").map_or_else(|| format!("number {index}"), Node::brief);
    for finding in own.list() {
        if draft.complaints.insert(complaint(finding)) {
            let place = place_in_variant(finding, &replaced).unwrap_or(variant.place);
            findings.add(place, &finding.path, format!("in variant {name}: {}", finding.message));
        }
    }
    draft
}

/// A value that was replaced: its path with element numbers, and where its replacement is written.
type Replaced = (String, Place);

fn apply_set(draft: &mut Draft, variant: &Node, index: usize, findings: &mut Findings) -> Vec<Replaced> {
    let top = Trail::Root;
    let (variants, mut replaced) = (top.key("variants"), Vec::<Replaced>::new());
    let here = variants.index(index);
    let here = here.key("set");
    for entry in variant.get("set").map(Node::entries).unwrap_or_default() {
        let (path, trail) = (entry.key.as_str(), here.key(&entry.key));
        if path.split('.').next() == Some("variants") {
            findings.add(entry.place, trail, "a variant cannot change variants");
            continue;
        }
        let resolved = match patch::set(&mut draft.tree, Shape::scenario(), path, entry.value.clone()) {
            Ok(resolved) => resolved,
            Err(Refusal::Reported) => continue,
            Err(Refusal::Says(message)) => {
                findings.add(entry.place, trail, message);
                continue;
            }
        };
        if let Some((_, other)) = replaced.iter().find(|(other, _)| *other == resolved) {
            let message = format!("the same value is set on line {}", other.line);
            findings.add(entry.place, trail, message);
        }
        draft.changes.retain(|change| change.path != resolved);
        let text = format!("{path}: {}", entry.value.brief());
        draft.changes.push(Change { path: resolved.clone(), text });
        replaced.push((resolved, entry.place));
    }
    replaced
}

/// Where in the variant a mistake is to be corrected: in the replaced value itself where it is inside one,
/// or else at the replacement whose path is nearest.
fn place_in_variant(finding: &Finding, replaced: &[Replaced]) -> Option<Place> {
    let shared = |path: &str| {
        path.split('.').zip(finding.path.split('.')).take_while(|(one, other)| one == other).count()
    };
    let (path, place) = replaced.iter().rev().max_by_key(|(path, _)| shared(path))?;
    let inside = shared(path) == path.split('.').count();
    Some(if inside && finding.place >= *place { finding.place } else { *place })
}

fn complaint(finding: &Finding) -> (String, String) {
    (finding.path.clone(), finding.message.clone())
}
