//! Scenario files: what they may say, and everything that is wrong with one.
//!
//! ```text
//! bytes ──tree──▶ Node ──patch (--set)──▶ Node ──check, rules──▶ mistakes
//!                                           │
//!                                           └──variants──▶ Node each ──check, rules──▶ mistakes
//!                                                             │
//!                                          none anywhere: serde ──▶ Plan
//! ```
//!
//! Nothing stops at the first mistake but text that is no YAML: what is wrong with a value is noted, the
//! value is set aside, and the rest is looked at all the same.

pub mod batteries;
pub mod cell_network;
mod check;
pub mod cleanup;
mod mistake;
mod nearest;
mod node;
mod patch;
mod plan;
mod rules;
pub mod schema;
mod shape;
mod sites;
mod tree;
mod variants;

pub use mistake::{Mistake, Mistakes};
pub use plan::{Plan, PlannedVariant};

use mistake::{Findings, Place, Trail};
use node::Node;
use patch::Refusal;
use rules::Surroundings;
use schema::Scenario;
use shape::Shape;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Names that a scenario may refer to without defining them, compared exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Chemistries, by name and by the name in the publication.
    pub chemistries: Vec<String>,
    /// Cities with a built-in climate.
    pub cities: Vec<String>,
    /// Grid regions with a built-in carbon intensity.
    pub grids: Vec<String>,
    /// Built-in speed cycles.
    pub cycles: Vec<String>,
}

/// Which files a scenario may name, of those that are read when it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Files {
    /// Any.
    Anywhere,
    /// Those below the scenario's folder.
    Within,
    /// None.
    Nowhere,
}

/// Reads and checks a scenario file; `sets` are `(PATH, VALUE)` replacements, applied before the variants.
///
/// # Errors
/// Every mistake in the file, its variants and the replacements.
pub fn load(path: &Path, sets: &[(String, String)], known: &Known) -> Result<Plan, Mistakes> {
    let file_name = path.display().to_string();
    let unreadable = |error| Mistakes::of_file(&file_name, format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that a file that goes on for ever is noticed and not read.
    let limit = tree::FILE_BYTES_MAX as u64 + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(unreadable)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    parse(&bytes, &file_name, folder, sets, known)
}

/// Checks the text of a scenario file as [`load`] does; `file_name` is what mistakes call it, and relative
/// file names in it begin at `folder`.
///
/// # Errors
/// Every mistake in the text, its variants and the replacements.
pub fn parse(
    text: &[u8],
    file_name: &str,
    folder: &Path,
    sets: &[(String, String)],
    known: &Known,
) -> Result<Plan, Mistakes> {
    parse_with(text, file_name, folder, Files::Anywhere, sets, known)
}

/// Checks the text of a scenario of somebody who must not name any file of this machine: only those below `offered`,
/// by paths that begin there, and none where nothing is offered. A file that may not be named is neither opened nor
/// looked for.
///
/// # Errors
/// Every mistake in the text, its variants and the replacements.
pub fn parse_from_outside(
    text: &[u8],
    file_name: &str,
    offered: Option<&Path>,
    sets: &[(String, String)],
    known: &Known,
) -> Result<Plan, Mistakes> {
    let (folder, files) = offered.map_or((Path::new(""), Files::Nowhere), |folder| (folder, Files::Within));
    parse_with(text, file_name, folder, files, sets, known)
}

fn parse_with(
    text: &[u8],
    file_name: &str,
    folder: &Path,
    files: Files,
    sets: &[(String, String)],
    known: &Known,
) -> Result<Plan, Mistakes> {
    let mut findings = Findings::default();
    let plan = plan(text, Surroundings { folder, known, files }, sets, &mut findings);
    match plan {
        Some(plan) if findings.is_empty() => Ok(plan),
        _ => {
            let sets: Vec<String> = sets.iter().map(|(path, value)| format!("{path}={value}")).collect();
            Err(findings.into_mistakes(file_name, &sets))
        }
    }
}

/// The JSON Schema (draft 2020-12) of a scenario file, for editors and other tools. It cannot say everything:
/// [`parse`] knows rules beyond it.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Scenario);
    schema.insert("title".to_owned(), "Celltide scenario".into());
    schema.to_value()
}

/// The plan, unless there are findings.
fn plan(
    text: &[u8],
    surroundings: Surroundings<'_>,
    sets: &[(String, String)],
    findings: &mut Findings,
) -> Option<Plan> {
    let mut base = tree::parse(text, 0, findings)?;
    apply_sets(&mut base, sets, findings);
    check::check(&mut base, Shape::scenario(), &Trail::Root, findings);
    rules::check(&base, surroundings, findings);
    let variants = variants::expand(&base, surroundings, findings);
    if !findings.is_empty() {
        return None;
    }
    let scenario = finished(&base, base.place, findings)?;
    let mut planned = Vec::new();
    for variants::Expanded { name, description, changes, place, tree } in variants {
        let scenario = finished(&tree, place, findings)?;
        planned.push(PlannedVariant { name, description, changes, scenario });
    }
    if planned.is_empty() {
        planned.push(PlannedVariant {
            name: "base".to_owned(),
            description: scenario.description.clone(),
            changes: Vec::new(),
            scenario: scenario.clone(),
        });
    }
    Some(Plan { base: scenario, folder: surroundings.folder.to_owned(), variants: planned })
}

fn apply_sets(base: &mut Node, sets: &[(String, String)], findings: &mut Findings) {
    for (index, (path, value)) in sets.iter().enumerate() {
        let Ok(source) = u16::try_from(index + 1) else {
            findings.add(Place::start(u16::MAX), path, "more replacements than can be counted");
            return;
        };
        let Some(value) = tree::parse_value(value.as_bytes(), source, findings) else { continue };
        if let Err(Refusal::Says(message)) = patch::set(base, Shape::scenario(), path, value) {
            findings.add(Place::start(source), "", message);
        }
    }
}

/// The scenario that a tree without mistakes stands for.
fn finished(tree: &Node, place: Place, findings: &mut Findings) -> Option<Scenario> {
    let mut scenario: Scenario = match serde_json::from_value(tree.to_json()) {
        Ok(scenario) => scenario,
        Err(error) => {
            // Checks and types come from one source and agree, so nobody should ever read this.
            findings.add(place, "", format!("cannot be understood: {error}"));
            return None;
        }
    };
    let interval_given = tree.get("output").is_some_and(|output| output.get("interval_days").is_some());
    if !interval_given {
        scenario.output.interval_days = scenario.output.interval_days.min(scenario.span_days());
    }
    Some(scenario)
}
