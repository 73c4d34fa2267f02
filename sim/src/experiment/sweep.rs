//! Runs the full grid of some variations of a scenario.

use super::run::{Stops, failed};
use super::{ExperimentError, check_folder, story};
use crate::engine::model::{Cells, VariantModel};
use crate::engine::{self, ENGINE_VERSION, EngineError, Options};
use crate::results::ResultsError;
use crate::results::spread::spread;
use crate::results::sweep::{Point, Sweep, write};
use crate::scenario::{self, Known, Mistakes, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Points of a grid at most: more is a slip of the pen.
pub const POINTS_MAX: usize = 10_000;

/// A path and the values that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variation {
    /// Path, as of a `set`.
    pub path: String,
    /// Values, as YAML.
    pub values: Vec<String>,
}

/// One point of a grid: its values, and the plan that they make of the scenario.
#[derive(Debug)]
pub struct GridPoint {
    /// Path and value of every variation.
    pub settings: Vec<(String, String)>,
    /// The plan; its variants are points of their own.
    pub plan: Plan,
}

/// Why a grid cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// More points than anybody wants to wait for.
    #[error("the grid has {points} points, and at most {POINTS_MAX} are run")]
    TooLarge {
        /// How many.
        points: usize,
    },
    /// A path is varied twice.
    #[error("{path} is varied twice")]
    Twice {
        /// The path.
        path: String,
    },
    /// Values do not fit the scenario.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

/// Lays out the full grid, the last variation changing fastest. `sets` hold at every point.
///
/// # Errors
/// Every mistake at any point, each once.
pub fn grid(
    path: &Path,
    sets: &[(String, String)],
    variations: &[Variation],
    known: &Known,
) -> Result<Vec<GridPoint>, GridError> {
    let points =
        variations.iter().try_fold(1usize, |n, v| n.checked_mul(v.values.len())).unwrap_or(usize::MAX);
    if points > POINTS_MAX {
        return Err(GridError::TooLarge { points });
    }
    let mut paths = BTreeSet::new();
    if let Some(twice) = variations.iter().find(|v| !paths.insert(&v.path)) {
        return Err(GridError::Twice { path: twice.path.clone() });
    }
    let mut grid = Vec::with_capacity(points);
    let mut mistakes: Vec<scenario::Mistake> = Vec::new();
    for index in 0..points {
        let mut left = index;
        let mut settings: Vec<(String, String)> = Vec::with_capacity(variations.len());
        for variation in variations.iter().rev() {
            let count = variation.values.len();
            settings.push((variation.path.clone(), variation.values[left % count].clone()));
            left /= count;
        }
        settings.reverse();
        let all: Vec<(String, String)> = sets.iter().chain(&settings).cloned().collect();
        match scenario::load(path, &all, known) {
            Ok(plan) => grid.push(GridPoint { settings, plan }),
            Err(found) => {
                for mut mistake in found.0 {
                    // What is varied was not given as a `--set`.
                    let varied = settings.iter().find(|(p, v)| mistake.file == format!("--set {p}={v}"));
                    if let Some((path, value)) = varied {
                        mistake.file = format!("--vary {path}={value}");
                    }
                    if !mistakes.contains(&mistake) {
                        mistakes.push(mistake);
                    }
                }
            }
        }
    }
    if mistakes.is_empty() { Ok(grid) } else { Err(Mistakes(mistakes).into()) }
}

/// How a sweep ended.
#[derive(Debug)]
pub struct Outcome {
    /// What was written.
    pub sweep: Sweep,
    /// Whether it was stopped before its planned end; points that were not reached are left out.
    pub partial: bool,
}

/// Runs every point and replicate of a grid and writes `sweep.csv` and `report.html`.
///
/// # Errors
/// As [`super::run::run_plan`].
pub fn run_grid(grid: &[GridPoint], options: &Options, folder: &Path) -> Result<Outcome, ExperimentError> {
    check_folder(folder, "result of a sweep", is_sweep_folder)?;
    let Some(first) = grid.first() else {
        return Err(ResultsError::Nothing { reason: "the sweep has no points".into() }.into());
    };
    let mut cells = Cells::default();
    let mut points = Vec::new();
    let mut models: Vec<Arc<VariantModel>> = Vec::new();
    let several = first.plan.variants.len() > 1;
    for point in grid {
        for variant in &point.plan.variants {
            let model = VariantModel::of(&variant.name, &variant.scenario, &point.plan.folder, &mut cells);
            models.push(Arc::new(model.map_err(|source| {
                ExperimentError::Prepare(EngineError::Model {
                    variant: variant.name.clone(),
                    source: Box::new(source),
                })
            })?));
            let mut settings = point.settings.clone();
            if several {
                settings.push(("variant".to_owned(), variant.name.clone()));
            }
            points.push(Point { settings, figures: BTreeMap::new() });
        }
    }
    let base = &first.plan.base;
    let mut stops = Stops::new(models.len());
    let mut figures: Vec<BTreeMap<&'static str, Vec<f64>>> = vec![BTreeMap::new(); models.len()];
    engine::run(&models, base.replicates, options, |record| -> Result<(), ResultsError> {
        // Totals over part of the span say nothing beside those of other points over all of it.
        if stops.takes(&record, models[record.variant].start) && !record.partial {
            for (name, value) in &record.figures {
                figures[record.variant].entry(name).or_default().push(*value);
            }
        }
        Ok(())
    })
    .map_err(failed)?;

    let mut warnings = overridden(grid);
    for ((model, point), figures) in models.iter().zip(&mut points).zip(figures) {
        point.figures = figures
            .into_iter()
            .filter_map(|(name, values)| Some((name.to_owned(), spread(values)?)))
            .collect();
        let of_point = story::of_figures(model, |name| point.figures.get(name).map(|spread| spread.mean));
        let settings: Vec<String> =
            point.settings.iter().map(|(path, value)| format!("{path} = {value}")).collect();
        warnings.extend(of_point.into_iter().map(|warning| {
            format!(
                "At {}: {}",
                settings.join(", "),
                warning.replacen(&format!("In variant {}, ", model.name), "", 1)
            )
        }));
    }
    warnings.extend(story::cautions(&models));
    let partial = stops.earliest.is_some();
    if partial {
        let is_whole = |ended: &&u32| **ended == base.replicates;
        let whole = stops.ended.iter().filter(is_whole).count();
        warnings.insert(
            0,
            format!(
                "The sweep was stopped: {whole} of {} points are complete, the rest is left out.",
                points.len()
            ),
        );
        let mut ended = stops.ended.iter();
        points.retain(|_| ended.next().as_ref().is_some_and(is_whole));
    }
    let sweep = Sweep {
        name: base.name.clone(),
        description: base.description.trim().to_owned(),
        seed: base.seed,
        replicates: base.replicates,
        engine_version: ENGINE_VERSION.to_owned(),
        currency: base.energy.currency.clone(),
        points,
        warnings,
    };
    write(folder, &sweep)?;
    Ok(Outcome { sweep, partial })
}

/// Variants that set what is varied: there, the grid changes nothing.
fn overridden(grid: &[GridPoint]) -> Vec<String> {
    let Some(point) = grid.first() else { return Vec::new() };
    let mut warnings = Vec::new();
    for (path, _) in &point.settings {
        for variant in &point.plan.variants {
            if variant.changes.iter().any(|change| change.split(": ").next() == Some(path)) {
                warnings.push(format!(
                    "Variant {} sets {path} itself, so varying it changes nothing there.",
                    variant.name
                ));
            }
        }
    }
    warnings
}

/// Whether a folder holds an earlier sweep.
fn is_sweep_folder(folder: &Path) -> bool {
    let table = std::fs::read_to_string(folder.join("sweep.csv")).unwrap_or_default();
    table.lines().next().is_some_and(|header| header.ends_with("figure,mean,p10,p50,p90"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_the_product_of_its_values_and_reports_each_mistake_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.yaml");
        let text = "name: x\nhorizon_days: 1\nclimate: {constant_c: 20}\n\
            batteries: {a: {chemistry: nmc811-grsi-lg-m50-5ah, series: 1}}\n\
            packs: [{name: p, battery: a, duty: {kind: standby, depth: 0.2, every_days: 2, c_rate: 0.2}}]\n";
        std::fs::write(&path, text).unwrap();
        let vary = |path: &str, values: &[&str]| Variation {
            path: path.into(),
            values: values.iter().map(|v| (*v).to_owned()).collect(),
        };
        let lay = |variations: &[Variation]| grid(&path, &[], variations, &super::super::known());
        let points =
            lay(&[vary("climate.constant_c", &["10", "20", "30"]), vary("seed", &["1", "2"])]).unwrap();
        let values: Vec<(&str, &str)> =
            points.iter().map(|p| (p.settings[0].1.as_str(), p.settings[1].1.as_str())).collect();
        assert_eq!(values, [("10", "1"), ("10", "2"), ("20", "1"), ("20", "2"), ("30", "1"), ("30", "2")]);
        assert_eq!(points[4].plan.base.climate.constant_c, Some(30.0));
        let wrong =
            lay(&[vary("climate.constant_c", &["10", "hot"]), vary("seed", &["1", "2"])]).unwrap_err();
        assert_eq!(wrong.to_string().lines().count(), 1, "{wrong}");
        assert!(wrong.to_string().starts_with("--vary climate.constant_c=hot: "), "{wrong}");
        assert!(lay(&[vary("seed", &["1"]), vary("seed", &["2"])]).is_err());
        let many: Vec<String> = (0..200).map(|n| n.to_string()).collect();
        let large = Variation { path: "seed".into(), values: many.clone() };
        let other = Variation { path: "replicates".into(), values: many };
        assert!(matches!(lay(&[large, other]), Err(GridError::TooLarge { points: 40_000 })));
    }
}
