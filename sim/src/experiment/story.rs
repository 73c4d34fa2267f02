//! What a run has to say beside its figures: sources, assumptions and warnings.

use crate::engine::model::VariantModel;
use crate::results::number::{grouped, significant};
use crate::results::story::{Assumption, VariantStory};
use std::collections::BTreeSet;
use std::sync::Arc;
use twin::battery::chemistry::{ChemistryFile, FittedFile};

/// Use outside the fitted range that goes without saying [%].
const OUTSIDE_PCT: f64 = 1.0;

/// Energy not given, relative to all that was, that goes without saying: rounding at the ends of charges.
const UNSERVED_SHARE: f64 = 1e-6;

/// Sources and assumptions of all variants, each once, in the order in which they first occur.
pub(super) fn assumptions(models: &[Arc<VariantModel>]) -> Vec<Assumption> {
    let mut told = BTreeSet::new();
    let of_chemistries = chemistries(models).into_iter().map(|file| Assumption {
        subject: format!("cell {}", file.name),
        text: format!(
            "{}. Life model fitted on {}.",
            file.title.trim_end_matches('.'),
            fitted(&file.life.fitted)
        ),
        source: file.sources.join("; "),
    });
    let of_world = models.iter().flat_map(|model| &model.notes).map(|note| Assumption {
        subject: note.subject.clone(),
        text: note.text.clone(),
        source: note.source.clone(),
    });
    let key = |a: &Assumption| (a.subject.clone(), a.text.clone(), a.source.clone());
    of_world.chain(of_chemistries).filter(|assumption| told.insert(key(assumption))).collect()
}

/// What to know before trusting the figures of a run.
pub(super) fn warnings(models: &[Arc<VariantModel>], stories: &[VariantStory]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (model, story) in models.iter().zip(stories) {
        warnings.extend(of_figures(model, |name| story.figures.get(name).map(|spread| spread.mean)));
    }
    warnings.extend(cautions(models));
    warnings
}

/// What the figures of one variant warn of.
pub(super) fn of_figures(model: &VariantModel, mean: impl Fn(&str) -> Option<f64>) -> Vec<String> {
    let mut warnings = Vec::new();
    let outside = mean("outside_fitted_range_pct").unwrap_or(0.0);
    if outside > OUTSIDE_PCT {
        let ranges: Vec<String> = used(model).map(|file| fitted(&file.life.fitted)).collect();
        warnings.push(format!(
            "In variant {}, {} % of time or throughput lay outside the range the life model was fitted on ({}).",
            model.name,
            significant(outside, 2),
            ranges.join("; ")
        ));
    }
    let (unserved, given) =
        (mean("unserved_kwh").unwrap_or(0.0), mean("energy_throughput_kwh").unwrap_or(0.0));
    if unserved > UNSERVED_SHARE * given {
        let gave = if unserved < 10.0 * given {
            format!("{} % of what they gave", significant(100.0 * unserved / given, 2))
        } else {
            format!("they gave {} kWh", significant(given, 3))
        };
        warnings.push(format!(
            "In variant {}, packs were asked for {} kWh that they could not give ({gave}).",
            model.name,
            significant(unserved, 3)
        ));
    }
    warnings
}

/// What the chemistry files themselves warn of.
pub(super) fn cautions(models: &[Arc<VariantModel>]) -> Vec<String> {
    let mut warnings = Vec::new();
    for file in chemistries(models) {
        warnings.extend(file.cautions.iter().map(|caution| format!("{}: {caution}", file.name)));
    }
    warnings
}

/// Chemistries that packs of any variant are made of, each once.
fn chemistries(models: &[Arc<VariantModel>]) -> Vec<&ChemistryFile> {
    let mut told = BTreeSet::new();
    models.iter().flat_map(|model| used(model)).filter(|file| told.insert(&file.name)).collect()
}

/// Chemistries of the kinds that are in use.
fn used(model: &VariantModel) -> impl Iterator<Item = &ChemistryFile> {
    let kinds: BTreeSet<usize> =
        model.networks.iter().map(|n| n.kind).chain(model.groups.iter().map(|g| g.kind)).collect();
    let kinds: BTreeSet<usize> = kinds.into_iter().chain(model.sites.kinds()).collect();
    kinds.into_iter().map(|kind| &model.kinds[kind].pack.cell.file)
}

/// `10 to 45 °C, depths of 5 to 100 %, 0.2 to 2 C`.
pub fn fitted(file: &FittedFile) -> String {
    let number = |value: f64| format!("{value}");
    format!(
        "{} to {} °C, depths of {} to {} %, {} to {} C",
        number(file.temperature_c[0]),
        number(file.temperature_c[1]),
        grouped(100.0 * file.depth[0], 0),
        grouped(100.0 * file.depth[1], 0),
        number(file.c_rate[0]),
        number(file.c_rate[1])
    )
}
