//! `summary.json`: the key figures of a run for machines.

use super::story::{Spread, Story};
use super::{ResultsError, write_whole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Format of the file. Grows when a key changes its meaning or goes; new keys leave it as it is.
pub const FORMAT: u64 = 1;

/// Name of the file in a result folder.
pub const FILE: &str = "summary.json";

/// Content of `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// See [`FORMAT`].
    pub format: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's question.
    #[serde(default)]
    pub description: String,
    /// Seed.
    pub seed: u64,
    /// Version of the engine.
    pub engine_version: String,
    /// How long the run took. The one figure that differs between equal runs.
    pub wall_time_s: f64,
    /// First simulated instant (RFC 3339).
    pub start: String,
    /// Planned end (RFC 3339).
    pub end: String,
    /// Whether the run was stopped before its planned end.
    pub partial: bool,
    /// Where a stopped run ended (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    /// Replicates per variant.
    pub replicates: u32,
    /// Currency of all costs.
    pub currency: String,
    /// Number of twins by kind.
    pub twins: BTreeMap<String, u64>,
    /// The variants, in the file's order.
    pub variants: Vec<SummaryVariant>,
    /// What a reader must know before trusting the figures.
    pub warnings: Vec<String>,
}

/// One variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryVariant {
    /// Name.
    pub name: String,
    /// What is different, in the author's words.
    #[serde(default)]
    pub description: String,
    /// What is different, as `path: value`.
    #[serde(default)]
    pub changes: Vec<String>,
    /// Key figures over replicates, unit as the last word of the name.
    pub figures: BTreeMap<String, Spread>,
}

impl Summary {
    /// The summary of a story. Wall time is told by the caller: nothing in here looks at a clock.
    #[must_use]
    pub fn of(story: &Story, wall_time_s: f64) -> Self {
        let variants = story.variants.iter().map(|variant| SummaryVariant {
            name: variant.name.clone(),
            description: variant.description.clone(),
            changes: variant.changes.clone(),
            figures: variant.figures.clone(),
        });
        Self {
            format: FORMAT,
            scenario: story.name.clone(),
            description: story.description.clone(),
            seed: story.seed,
            engine_version: story.engine_version.clone(),
            wall_time_s,
            start: story.start.clone(),
            end: story.end.clone(),
            partial: story.stopped_at.is_some(),
            stopped_at: story.stopped_at.clone(),
            replicates: story.replicates,
            currency: story.currency.clone(),
            twins: story.twins.clone(),
            variants: variants.collect(),
            warnings: story.warnings.clone(),
        }
    }
}

/// Writes `summary.json` into `folder`.
pub fn write(folder: &Path, story: &Story, wall_time_s: f64) -> Result<(), ResultsError> {
    let mut text = serde_json::to_string_pretty(&Summary::of(story, wall_time_s))?;
    text.push('\n');
    write_whole(&folder.join(FILE), text.as_bytes())
}

/// Reads the `summary.json` of `folder`, and says what is wrong when it has none that this version can read.
pub fn read(folder: &Path) -> Result<Summary, ResultsError> {
    let no_results = |reason: String| ResultsError::NotAResultFolder { folder: folder.to_owned(), reason };
    if !folder.is_dir() {
        let reason = if folder.exists() { "it is a file" } else { "it does not exist" };
        return Err(no_results(reason.into()));
    }
    let path = folder.join(FILE);
    if !path.is_file() {
        return Err(no_results(format!("it has no {FILE}")));
    }
    let text = fs::read_to_string(&path).map_err(|source| ResultsError::Read { path, source })?;
    let value: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| no_results(format!("its {FILE} is not JSON: {error}")))?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(FORMAT) => {}
        Some(found) => {
            return Err(ResultsError::IncompatibleFormat {
                folder: folder.to_owned(),
                found,
                supported: FORMAT,
            });
        }
        None => return Err(no_results(format!("its {FILE} states no format"))),
    }
    serde_json::from_value(value).map_err(|error| no_results(format!("its {FILE} is incomplete: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story() -> Story {
        Story {
            name: "night charging".into(),
            description: String::new(),
            start: "2026-01-01T00:00:00Z".into(),
            end: "2027-01-01T00:00:00Z".into(),
            stopped_at: Some("2026-07-01T00:00:00Z".into()),
            seed: 7,
            replicates: 1,
            engine_version: "0.1.0".into(),
            currency: "EUR".into(),
            twins: BTreeMap::from([("battery".to_owned(), 80)]),
            variants: Vec::new(),
            assumptions: Vec::new(),
            warnings: vec!["stopped".into()],
        }
    }

    #[test]
    fn reads_back_what_was_written_and_says_that_it_is_partial() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &story(), 1.5).unwrap();
        let summary = read(folder.path()).unwrap();
        assert_eq!(summary, Summary::of(&story(), 1.5));
        assert!(summary.partial);
    }

    #[test]
    fn says_what_is_wrong_with_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let message = |folder: &Path| read(folder).unwrap_err().to_string();
        assert!(message(folder.path()).ends_with("is not a result folder: it has no summary.json"));
        assert!(message(&folder.path().join("none")).ends_with("it does not exist"));
        fs::write(folder.path().join(FILE), "{}").unwrap();
        assert!(message(folder.path()).ends_with("states no format"));
        fs::write(folder.path().join(FILE), r#"{"format": 9}"#).unwrap();
        assert!(message(folder.path()).ends_with("has summary format 9; this version reads format 1"));
    }
}
