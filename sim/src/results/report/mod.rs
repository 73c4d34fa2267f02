//! `report.html`: one page that explains a run to somebody who was not there.
//!
//! Everything is drawn here and nothing is fetched: the page works from a memory stick, without scripts and on
//! paper. It also carries its [`Story`] as JSON, so that other tools find the curves next to the drawing.

mod atlas;
pub mod axis;
pub mod charts;
pub mod comparison;
pub mod page;
mod periods;
mod profiles;
mod schedule;
mod sections;
pub mod svg;
mod tables;

use super::number::rounded;
use super::story::{Band, Story, VariantStory};
use super::vocabulary::counted;
use super::{ResultsError, write_whole};
use axis::{Axis, days_between, readable_date};
use page::{Head, json_script, page, section};
use std::path::Path;

/// Name of the file in a result folder.
pub const FILE: &str = "report.html";

/// Significant digits of curves in the embedded story: more than any drawing shows.
const EMBEDDED_DIGITS: i32 = 6;

/// Writes `report.html` into `folder`.
pub fn write(folder: &Path, story: &Story) -> Result<(), ResultsError> {
    write_whole(&folder.join(FILE), render(story)?.as_bytes())
}

/// The page of one run.
pub fn render(story: &Story) -> Result<String, ResultsError> {
    render_as(story, "Celltide scenario run", facts(story))
}

/// A page of the same look for any story, under another heading.
pub(crate) fn render_as(
    story: &Story,
    kind: &str,
    facts: Vec<(String, String)>,
) -> Result<String, ResultsError> {
    let axis = Axis::of_run(&story.start);
    let mut warnings = story.warnings.clone();
    if let Some(stopped_at) = &story.stopped_at {
        let message = format!(
            "The run was stopped on {} and covers only part of its span; totals of a variant are totals up to where it had come, which its simulated time tells.",
            readable_date(stopped_at)
        );
        warnings.insert(0, message);
    }
    let head = Head {
        kind: kind.into(),
        title: story.name.clone(),
        lead: story.description.clone(),
        facts,
        warnings,
        variants: story.variants.iter().map(|variant| variant.name.clone()).collect(),
        footer: format!(
            "Celltide {} · seed {} · percentiles by linear interpolation between ranks. \
             The same scenario, seed and version give the same figures.",
            story.engine_version, story.seed
        ),
    };
    let mut html =
        section("Key figures", "", &format!("{}{}", tables::headline(story), tables::all_figures(story)));
    html.push_str(&section("Variants", "", &tables::variants(story)));
    html.push_str(&atlas::sections(story));
    html.push_str(&schedule::section_of(story));
    html.push_str(&sections::charts(story, &axis));
    let sources = "What the figures rest on. Where no published value was found, the source says so.";
    html.push_str(&section("Assumptions", sources, &tables::assumptions(&story.assumptions)));
    html.push_str(&json_script("story", "id", &serde_json::to_value(compact(story))?));
    Ok(page(&head, &html))
}

/// The story that a page carries; `None` when it carries none that this version can read.
#[must_use]
pub fn story_in(html: &str) -> Option<Story> {
    let start = html.find("<script type=\"application/json\" id=\"story\">")?;
    let json = &html[start..];
    let json = &json[json.find('>')? + 1..json.find("</script>")?];
    serde_json::from_str(json).ok()
}

fn facts(story: &Story) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    let span =
        days_between(&story.start, &story.end).map_or_else(String::new, |days| format!(" ({})", span(days)));
    add("Simulated", format!("{} to {}{span}", readable_date(&story.start), readable_date(&story.end)));
    let twins: Vec<String> = story.twins.iter().map(|(kind, count)| counted(*count, kind)).collect();
    if !twins.is_empty() {
        add("Twins", twins.join(", "));
    }
    let runs = match (story.variants.len() as u64, u64::from(story.replicates)) {
        (variants, 1) => counted(variants, "variant"),
        (variants, replicates) => {
            format!("{} × {}", counted(variants, "variant"), counted(replicates, "replicate"))
        }
    };
    add("Compared", runs);
    add("Currency", story.currency.clone());
    add("Seed", story.seed.to_string());
    facts
}

/// `5 years`, `18 months`, `14 days`.
fn span(days: f64) -> String {
    let years = days / 365.25;
    let (value, noun) = match days {
        _ if years >= 2.0 => (years, "year"),
        _ if days >= 90.0 => (days / 30.4375, "month"),
        _ if days >= 2.0 => (days, "day"),
        _ => (days * 24.0, "hour"),
    };
    let is_whole = (value - value.round()).abs() < 0.02 * value.clamp(1.0, 5.0);
    if is_whole { counted(value.round() as u64, noun) } else { format!("{value:.1} {noun}s") }
}

/// The story with its curves rounded to what can be seen.
fn compact(story: &Story) -> Story {
    let round = |values: &[f64]| values.iter().map(|value| rounded(*value, EMBEDDED_DIGITS)).collect();
    let band = |band: &Band| Band {
        kind: band.kind.clone(),
        metric: band.metric.clone(),
        subjects: band.subjects,
        t_days: band.t_days.iter().map(|t| rounded(*t, EMBEDDED_DIGITS + 2)).collect(),
        mean: round(&band.mean),
        p10: round(&band.p10),
        p50: round(&band.p50),
        p90: round(&band.p90),
    };
    let variant = |variant: &VariantStory| VariantStory {
        bands: variant.bands.iter().map(band).collect(),
        profiles: variant.profiles.iter().map(|(name, values)| (name.clone(), round(values))).collect(),
        ..variant.clone()
    };
    Story { variants: story.variants.iter().map(variant).collect(), ..story.clone() }
}
