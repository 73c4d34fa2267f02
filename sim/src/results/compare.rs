//! Result folders side by side.
//!
//! Figures come from each folder's `summary.json`; curves come from the story that its `report.html` carries, and a
//! folder whose page is gone is compared by its figures alone.

use super::number::{decimals_for, grouped};
use super::report::comparison::change;
use super::report::{self, axis::readable_date};
use super::story::{Band, Story, VariantStory};
use super::summary::{self, Summary, SummaryVariant};
use super::vocabulary::{HEADLINE, Theme, counted, figure};
use super::{ResultsError, write_whole};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One result folder as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// What it is called here: its last path segments, as many as tell the folders apart.
    pub label: String,
    /// Its summary.
    pub summary: Summary,
}

/// Result folders side by side; every variant of every folder is a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The folders in the order they were given.
    pub runs: Vec<Run>,
    /// All variants of all folders as one story; differences are against the first.
    pub story: Story,
    /// Which folder each variant of the story is from, as an index into `runs`.
    origins: Vec<usize>,
}

/// Reads result folders.
pub fn compare(folders: &[PathBuf]) -> Result<Comparison, ResultsError> {
    if folders.is_empty() {
        return Err(ResultsError::Nothing { reason: "no result folder was named".into() });
    }
    let labels = labels(folders);
    let runs = folders
        .iter()
        .zip(labels)
        .map(|(folder, label)| Ok(Run { folder: folder.clone(), label, summary: summary::read(folder)? }));
    let runs = runs.collect::<Result<Vec<Run>, ResultsError>>()?;
    let mut variants = Vec::new();
    let mut origins = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let drawn =
            fs::read_to_string(run.folder.join(report::FILE)).ok().and_then(|html| report::story_in(&html));
        for variant in &run.summary.variants {
            let curves =
                drawn.as_ref().and_then(|story| story.variants.iter().find(|v| v.name == variant.name));
            variants.push(column(column_name(&runs, run, variant), variant, curves));
            origins.push(index);
        }
    }
    let story = merged(&runs, variants);
    Ok(Comparison { runs, story, origins })
}

impl Comparison {
    /// A table for a terminal: a row per figure, a column per variant, differences against the first.
    #[must_use]
    pub fn table(&self) -> String {
        let names = figure_names(&self.story);
        let mut grid = vec![self.header()];
        for name in names {
            grid.push(self.row(name));
        }
        let mut text = aligned(&grid);
        for warning in &self.story.warnings {
            text.push_str(&format!("note: {warning}\n"));
        }
        text
    }

    /// The same for machines: means, percentiles, and differences against the first variant in per cent.
    #[must_use]
    pub fn json(&self) -> Value {
        let base = self.story.variants.first();
        let variants = self.story.variants.iter().zip(&self.origins).map(|(variant, &origin)| {
            let figures: BTreeMap<&String, Value> = variant
                .figures
                .iter()
                .map(|(name, spread)| {
                    let reference =
                        base.and_then(|base| variant.beside(base, name)).filter(|(base, _)| base.mean != 0.0);
                    let difference = reference.map(|(base, _)| (spread.mean / base.mean - 1.0) * 100.0);
                    let told = json!({
                        "mean": spread.mean, "p10": spread.p10, "p50": spread.p50, "p90": spread.p90,
                        "difference_pct": difference,
                    });
                    (name, told)
                })
                .collect();
            json!({"folder": self.runs[origin].folder, "name": variant.name, "figures": figures})
        });
        let runs = self.runs.iter().map(|run| {
            json!({
                "folder": run.folder, "scenario": run.summary.scenario, "seed": run.summary.seed,
                "engine_version": run.summary.engine_version, "partial": run.summary.partial,
                "replicates": run.summary.replicates, "currency": run.summary.currency,
            })
        });
        json!({
            "runs": runs.collect::<Vec<_>>(),
            "variants": variants.collect::<Vec<_>>(),
            "warnings": self.story.warnings,
        })
    }

    /// A page of the same look as a run's report.
    pub fn page(&self) -> Result<String, ResultsError> {
        let facts = self.runs.iter().map(|run| {
            let summary = &run.summary;
            let told = format!(
                "{} · from {} · {} × {} · seed {}",
                summary.scenario,
                readable_date(&summary.start),
                counted(summary.variants.len() as u64, "variant"),
                counted(u64::from(summary.replicates), "replicate"),
                summary.seed
            );
            (run.label.clone(), told)
        });
        report::render_as(&self.story, "Celltide comparison", facts.collect())
    }

    /// Writes the page to a file.
    pub fn write_page(&self, path: &Path) -> Result<(), ResultsError> {
        write_whole(path, self.page()?.as_bytes())
    }

    /// Cells of the first line; a value and its difference are two columns.
    fn header(&self) -> Vec<String> {
        let mut cells = vec!["figure".to_owned()];
        for (index, variant) in self.story.variants.iter().enumerate() {
            cells.push(variant.name.clone());
            if index > 0 {
                cells.push(String::new());
            }
        }
        cells
    }

    fn row(&self, name: &str) -> Vec<String> {
        let quantity = figure(name, &self.story.currency);
        let spreads: Vec<_> = self.story.variants.iter().map(|variant| variant.figures.get(name)).collect();
        let means = || spreads.iter().flatten().map(|spread| spread.mean);
        let decimals =
            if means().all(|mean| mean.fract() == 0.0) { 0 } else { decimals_for(means(), 4).min(4) };
        let mut cells = vec![quantity.with_unit()];
        for (index, spread) in spreads.iter().enumerate() {
            cells.push(spread.map_or_else(|| "-".to_owned(), |spread| grouped(spread.mean, decimals)));
            if index > 0 {
                let variants = &self.story.variants;
                let both = variants[index].beside(&variants[0], name);
                let change = both.and_then(|(base, spread)| change(&quantity, base, spread, 1));
                cells.push(change.map_or_else(String::new, |change| change.text));
            }
        }
        cells
    }
}

/// Figures of all variants: the headline first, then theme by theme.
fn figure_names(story: &Story) -> Vec<&str> {
    let all: BTreeSet<&str> =
        story.variants.iter().flat_map(|v| v.figures.keys().map(String::as_str)).collect();
    let mut all: Vec<&str> = all.into_iter().collect();
    let place = |name: &str| HEADLINE.iter().position(|known| *known == name).unwrap_or(HEADLINE.len());
    let theme = |name: &str| Theme::ALL.iter().position(|theme| *theme == figure(name, "").theme);
    all.sort_by_key(|name| (place(name), theme(name)));
    all
}

/// Lines of cells under each other: the first column to the left, all others to the right.
fn aligned(grid: &[Vec<String>]) -> String {
    let columns = grid.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| grid.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (index, row) in grid.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column] - cell.chars().count());
            match column {
                0 => line.push_str(&format!("{cell}{padding}")),
                _ => line.push_str(&format!("  {padding}{cell}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
        if index == 0 {
            let rule = widths.iter().sum::<usize>() + 2 * (columns - 1);
            text.push_str(&"-".repeat(rule));
            text.push('\n');
        }
    }
    text
}

/// As many last segments of each path as tell all apart.
fn labels(folders: &[PathBuf]) -> Vec<String> {
    for segments in 1..8 {
        let labels: Vec<String> = folders.iter().map(|folder| last_segments(folder, segments)).collect();
        if labels.iter().collect::<BTreeSet<_>>().len() == folders.len() {
            return labels;
        }
    }
    folders
        .iter()
        .enumerate()
        .map(|(index, folder)| format!("{} ({})", folder.display(), index + 1))
        .collect()
}

fn last_segments(folder: &Path, count: usize) -> String {
    let segments: Vec<String> = folder
        .components()
        .filter(|part| !matches!(part, std::path::Component::CurDir))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let label = segments[segments.len().saturating_sub(count)..].join("/");
    if label.is_empty() { folder.display().to_string() } else { label }
}

fn column_name(runs: &[Run], run: &Run, variant: &SummaryVariant) -> String {
    match (runs.len(), run.summary.variants.len()) {
        (1, _) => variant.name.clone(),
        (_, 1) => run.label.clone(),
        _ => format!("{} / {}", run.label, variant.name),
    }
}

fn column(name: String, variant: &SummaryVariant, curves: Option<&VariantStory>) -> VariantStory {
    VariantStory {
        atlas: curves.and_then(|curves| curves.atlas.clone()),
        replacements: curves.map(|curves| curves.replacements.clone()).unwrap_or_default(),
        name,
        description: variant.description.clone(),
        changes: variant.changes.clone(),
        figures: variant.figures.clone(),
        bands: curves.map_or_else(Vec::new, |story| story.bands.clone()),
        profiles: curves.map_or_else(BTreeMap::new, |story| story.profiles.clone()),
    }
}

fn merged(runs: &[Run], variants: Vec<VariantStory>) -> Story {
    let first = &runs[0].summary;
    let same_start = runs.iter().all(|run| run.summary.start == first.start);
    let name = match runs.len() {
        1 => first.scenario.clone(),
        _ => runs.iter().map(|run| run.label.as_str()).collect::<Vec<_>>().join(" · "),
    };
    let same_question = runs.iter().all(|run| run.summary.description == first.description);
    Story {
        name,
        description: if same_question { first.description.clone() } else { String::new() },
        // Curves of runs that start on different days share the time since their start, and no dates.
        start: if same_start { first.start.clone() } else { String::new() },
        end: first.end.clone(),
        stopped_at: None,
        seed: first.seed,
        replicates: runs.iter().map(|run| run.summary.replicates).min().unwrap_or(1),
        engine_version: first.engine_version.clone(),
        currency: first.currency.clone(),
        twins: first.twins.clone(),
        variants: variants.into_iter().map(|v| VariantStory { bands: finite(v.bands), ..v }).collect(),
        assumptions: Vec::new(),
        warnings: warnings(runs),
    }
}

fn finite(bands: Vec<Band>) -> Vec<Band> {
    bands.into_iter().filter(|band| band.mean.iter().all(|value| value.is_finite())).collect()
}

/// What keeps the columns from being comparable.
fn warnings(runs: &[Run]) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut differs = |what: &str, of: &dyn Fn(&Summary) -> String| {
        let values: Vec<String> = runs.iter().map(|run| of(&run.summary)).collect();
        if values.iter().any(|value| *value != values[0]) {
            let told = runs.iter().zip(&values).map(|(run, value)| format!("{} {value}", run.label));
            warnings.push(format!("{what}: {}", told.collect::<Vec<_>>().join(", ")));
        }
    };
    differs("Costs are in different currencies and cannot be compared", &|summary| summary.currency.clone());
    differs("The runs span different times, so totals are not comparable", &|summary| {
        format!("from {} to {}", readable_date(&summary.start), readable_date(&summary.end))
    });
    differs("The runs were made by different versions", &|summary| summary.engine_version.clone());
    differs("The runs have different seeds", &|summary| summary.seed.to_string());
    for run in runs {
        if let Some(stopped_at) = &run.summary.stopped_at {
            warnings.push(format!(
                "{} was stopped on {} and is partial.",
                run.label,
                readable_date(stopped_at)
            ));
        }
        warnings.extend(run.summary.warnings.iter().map(|warning| format!("{}: {warning}", run.label)));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_folders_apart() {
        let told = |folders: &[&str]| labels(&folders.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(told(&["runs/a", "runs/b/"]), ["a", "b"]);
        assert_eq!(told(&["a/out", "b/out"]), ["a/out", "b/out"]);
        assert_eq!(told(&["out", "out"]), ["out (1)", "out (2)"]);
    }

    #[test]
    fn cells_line_up() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = aligned(&[row(["figure", "base", "night"]), row(["Größe [°C]", "1.0", "22.5"])]);
        assert_eq!(text, "figure      base  night\n-----------------------\nGröße [°C]   1.0   22.5\n");
    }
}
