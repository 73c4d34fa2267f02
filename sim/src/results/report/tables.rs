//! Tables of figures: the headline, all figures, variants and assumptions.

use super::charts::variant_classes;
use super::comparison::{Verdict, change};
use super::svg::escape;
use crate::results::number::{decimals_for, grouped, typeset};
use crate::results::story::{Assumption, Spread, Story, VariantStory};
use crate::results::vocabulary::{HEADLINE, Quantity, Theme, figure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Differences below this (relative, or points / 100) are not worth a sentence.
const WORTH_SAYING: f64 = 0.005;

/// Variants that are summed up in words; more are better read in the table.
const SUMMED_UP: usize = 5;

/// Key figures: tiles for one variant, a table with differences for several, and the main findings in words.
#[must_use]
pub(super) fn headline(story: &Story) -> String {
    let present: Vec<&str> =
        HEADLINE.into_iter().filter(|name| is_present(story, name) && !is_zero(story, name)).collect();
    let present = if present.is_empty() { names(story) } else { present };
    match story.variants.as_slice() {
        [] => String::new(),
        [only] => tiles(only, &present, story),
        _ => format!(
            "{}{}<p class=\"key-note\">{}</p>",
            in_short(story, &present),
            table(story, &[(None, present)]),
            escape(&note(story))
        ),
    }
}

/// All figures by theme, folded away.
#[must_use]
pub(super) fn all_figures(story: &Story) -> String {
    let names = names(story);
    if names.is_empty() {
        return String::new();
    }
    let groups: Vec<(Option<Theme>, Vec<&str>)> = Theme::ALL
        .into_iter()
        .map(|theme| {
            let of_theme = names.iter().copied().filter(|name| figure(name, &story.currency).theme == theme);
            (Some(theme), of_theme.collect())
        })
        .filter(|(_, names): &(_, Vec<&str>)| !names.is_empty())
        .collect();
    format!("<details><summary>All {} figures</summary>{}</details>", names.len(), table(story, &groups))
}

/// The variants in the author's words, and what exactly differs.
#[must_use]
pub(super) fn variants(story: &Story) -> String {
    let told = |variant: &VariantStory| !variant.description.is_empty() || !variant.changes.is_empty();
    if !story.variants.iter().any(told) {
        return String::new();
    }
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"prose\"><thead><tr><th>Variant</th><th>What is different</th><th>Changed values</th></tr></thead><tbody>",
    );
    for (index, variant) in story.variants.iter().enumerate() {
        let changes: String =
            variant.changes.iter().map(|change| format!("<code>{}</code>", escape(change))).collect();
        let changes = if changes.is_empty() { "as the scenario says".to_owned() } else { changes };
        let _ = write!(
            html,
            "<tr class=\"v{index}\"><th>{} {}</th><td>{}</td><td>{changes}</td></tr>",
            swatch(index),
            escape(&variant.name),
            escape(&variant.description)
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

/// What was assumed, and on whose word.
#[must_use]
pub(super) fn assumptions(assumptions: &[Assumption]) -> String {
    if assumptions.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"prose\"><thead><tr><th>About</th><th>Assumed</th><th>Source</th></tr></thead><tbody>",
    );
    for assumption in assumptions {
        let _ = write!(
            html,
            "<tr><th>{}</th><td>{}</td><td>{}</td></tr>",
            escape(&assumption.subject),
            escape(&assumption.text),
            escape(&assumption.source)
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

/// A coloured mark of a variant.
#[must_use]
pub(super) fn swatch(index: usize) -> String {
    format!("<i class=\"swatch {}\"></i>", variant_classes(index))
}

fn names(story: &Story) -> Vec<&str> {
    let names: BTreeSet<&str> =
        story.variants.iter().flat_map(|variant| variant.figures.keys().map(String::as_str)).collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    // Known figures come in the order of importance, others by name after them.
    names.sort_by_key(|name| HEADLINE.iter().position(|known| known == name).unwrap_or(HEADLINE.len()));
    names
}

fn is_present(story: &Story, name: &str) -> bool {
    story.variants.iter().any(|variant| variant.figures.contains_key(name))
}

fn is_zero(story: &Story, name: &str) -> bool {
    story.variants.iter().filter_map(|variant| variant.figures.get(name)).all(|spread| spread.mean == 0.0)
}

fn note(story: &Story) -> String {
    let base = story.variants.first().map_or("", |variant| variant.name.as_str());
    if story.replicates < 2 {
        return format!(
            "Differences are against {base}; pp means percentage points. One replicate per variant: a difference may be chance."
        );
    }
    format!(
        "Means over {} replicates, with their 10th–90th percentile; differences are against {base}, pp means \
         percentage points. A difference in grey italics may be chance: the ranges of both variants overlap.",
        story.replicates
    )
}

/// Decimals that suit a figure in all variants.
fn decimals(story: &Story, name: &str) -> usize {
    let means =
        story.variants.iter().filter_map(|variant| variant.figures.get(name)).map(|spread| spread.mean);
    let largest: Vec<f64> = means.collect();
    let all_whole = largest.iter().all(|value| value.fract() == 0.0);
    if all_whole { 0 } else { decimals_for(largest, 4).min(4) }
}

fn tiles(variant: &VariantStory, names: &[&str], story: &Story) -> String {
    let mut html = String::from("<div class=\"tiles\">");
    for name in names {
        let Some(spread) = variant.figures.get(*name) else { continue };
        let quantity = figure(name, &story.currency);
        let decimals = decimals(story, name);
        let range = range(spread, decimals, story.replicates)
            .map_or_else(String::new, |r| format!("<small>{r}</small>"));
        let _ = write!(
            html,
            "<div class=\"tile\"><p>{}</p><b>{}</b><span>{}</span>{range}</div>",
            escape(&quantity.label),
            typeset(&grouped(spread.mean, decimals)),
            escape(&quantity.unit)
        );
    }
    html.push_str("</div>");
    html
}

fn range(spread: &Spread, decimals: usize, replicates: u32) -> Option<String> {
    let text = |value| typeset(&grouped(value, decimals));
    (replicates > 1 && spread.p90 > spread.p10)
        .then(|| format!("{} – {}", text(spread.p10), text(spread.p90)))
}

fn table(story: &Story, groups: &[(Option<Theme>, Vec<&str>)]) -> String {
    let mut html = String::from("<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Figure</th>");
    for (index, variant) in story.variants.iter().enumerate() {
        let role = if index == 0 { "<small>reference</small>" } else { "" };
        let _ = write!(
            html,
            "<th scope=\"col\" class=\"v{index}\">{} {}{role}</th>",
            swatch(index),
            escape(&variant.name)
        );
    }
    html.push_str("</tr></thead><tbody>");
    for (theme, names) in groups {
        if let Some(theme) = theme {
            let columns = story.variants.len() + 1;
            let _ = write!(
                html,
                "<tr class=\"theme\"><th colspan=\"{columns}\" scope=\"rowgroup\">{}</th></tr>",
                theme.title()
            );
        }
        for name in names {
            row(&mut html, story, name);
        }
    }
    html.push_str("</tbody></table></div>");
    html
}

fn row(html: &mut String, story: &Story, name: &str) {
    let quantity = figure(name, &story.currency);
    let decimals = decimals(story, name);
    let _ = write!(
        html,
        "<tr><th scope=\"row\">{}<span class=\"u\">{}</span></th>",
        escape(&quantity.label),
        escape(&quantity.unit)
    );
    let base = story.variants.first();
    for (index, variant) in story.variants.iter().enumerate() {
        let Some(spread) = variant.figures.get(name) else {
            let _ = write!(html, "<td class=\"v{index}\">–</td>");
            continue;
        };
        let _ = write!(
            html,
            "<td class=\"v{index}\"><span class=\"n\">{}</span>",
            typeset(&grouped(spread.mean, decimals))
        );
        let both = base.filter(|_| index > 0).and_then(|base| variant.beside(base, name));
        let differs = both.and_then(|(was, is)| change(&quantity, was, is, story.replicates));
        if let Some(change) = differs {
            let _ =
                write!(html, "<span class=\"d {}\">{}</span>", change.verdict.class(), typeset(&change.text));
        }
        if let Some(range) = range(spread, decimals, story.replicates) {
            let _ = write!(html, "<span class=\"r\">{range}</span>");
        }
        html.push_str("</td>");
    }
    html.push_str("</tr>");
}

/// For each variant and theme the most important figure that differs, in a sentence; what may be chance is left out.
fn in_short(story: &Story, names: &[&str]) -> String {
    let Some((base, others)) = story.variants.split_first() else { return String::new() };
    if others.len() > SUMMED_UP {
        return String::new();
    }
    let mut html = String::from("<ul class=\"short\">");
    for (index, variant) in others.iter().enumerate() {
        let findings = findings(base, variant, names, story);
        let told = if !variant.spans_as(base) {
            let days = |of: &VariantStory| of.days().map_or_else(|| "no".to_owned(), |days| grouped(days, 1));
            format!("not compared, for it came to {} simulated days and not {}", days(variant), days(base))
        } else if findings.is_empty() {
            "nothing that stands out from the replicates".to_owned()
        } else {
            findings.join(", ")
        };
        let _ = write!(
            html,
            "<li class=\"v{}\">{}<span><b>{}</b> against {}: {told}.</span></li>",
            index + 1,
            swatch(index + 1),
            escape(&variant.name),
            escape(&base.name)
        );
    }
    html.push_str("</ul>");
    html
}

fn findings(base: &VariantStory, variant: &VariantStory, names: &[&str], story: &Story) -> Vec<String> {
    let mut found: BTreeMap<Theme, String> = BTreeMap::new();
    // Names come in the order of importance, so that the first of a theme is the one to tell.
    for name in names {
        let quantity: Quantity = figure(name, &story.currency);
        if found.contains_key(&quantity.theme) {
            continue;
        }
        let Some((was, is)) = variant.beside(base, name) else { continue };
        let Some(change) = change(&quantity, was, is, story.replicates) else { continue };
        if matches!(change.verdict, Verdict::Good | Verdict::Bad) && change.size.abs() >= WORTH_SAYING {
            let text = typeset(&change.text).replace(' ', "\u{a0}");
            let class = change.verdict.class();
            let words = lower_first(&quantity.label);
            found.insert(quantity.theme, format!("{} <span class=\"{class}\">{text}</span>", escape(&words)));
        }
    }
    found.into_values().collect()
}

fn lower_first(label: &str) -> String {
    let mut letters = label.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
