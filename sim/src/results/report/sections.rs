//! Which charts a story asks for, theme by theme. Metrics and profiles that nobody has written about here come
//! last, in a generic way; those that stay at zero are named and not drawn.

use super::axis::Axis;
use super::charts::{BarChart, BarRow, Caption, ColumnChart, ColumnPanel, Line, LineChart, Shape};
use super::page::{cards, section};
use super::periods::Periods;
use super::profiles;
use crate::results::story::{Band, Story};
use crate::results::vocabulary::{Quantity, Theme, members, metric, sentence};
use std::collections::BTreeSet;

/// Variants that get a panel of their own where panels stand side by side.
const PANELS: usize = 9;

/// All sections with charts.
#[must_use]
pub(super) fn charts(story: &Story, axis: &Axis) -> String {
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    Theme::ALL
        .into_iter()
        .map(|theme| {
            let before = match theme {
                Theme::Energy => energy(story, axis, &mut used),
                Theme::Cost => breakdown(story, "Where the money goes", &story.currency, COSTS),
                Theme::Carbon => {
                    let of_grid = breakdown(story, "Where emissions come from", "kg CO₂e", EMISSIONS);
                    let title = "Where emissions of all lives come from, before credits";
                    format!("{of_grid}{}", breakdown(story, title, "kg CO₂e", LIFE_CYCLE))
                }
                Theme::Material => breakdown(story, "Where the mass is at the end", "kg", MASSES),
                Theme::Service | Theme::Health | Theme::Other => String::new(),
            };
            let (bands, zero) = bands(story, axis, theme, &used);
            let drawn = cards(&format!("{before}{bands}{}", profiles::of_theme(story, theme)));
            let zero = if zero.is_empty() {
                String::new()
            } else {
                format!(
                    "<p class=\"key-note\">Zero throughout: {}.</p>",
                    super::svg::escape(&zero.join(", "))
                )
            };
            let title = if theme == Theme::Other { "Other quantities" } else { theme.title() };
            section(title, intro(theme), &format!("{drawn}{zero}"))
        })
        .collect()
}

fn intro(theme: Theme) -> &'static str {
    match theme {
        Theme::Service => "How riders fare: swaps, waiting and what was refused.",
        Theme::Health => "How packs age, and how many had to be replaced.",
        Theme::Energy => "What the network draws, from where, and when.",
        Theme::Material => "Where materials are, what waits and what is recovered.",
        Theme::Cost | Theme::Carbon | Theme::Other => "",
    }
}

/// Charts of all bands of a theme that are not in `used`, and the names of those that are zero throughout.
fn bands(
    story: &Story,
    axis: &Axis,
    theme: Theme,
    used: &BTreeSet<(String, String)>,
) -> (String, Vec<String>) {
    let mut drawn = String::new();
    let mut zero = Vec::new();
    for (kind, name) in series_names(story) {
        let quantity = metric(&kind, &name, &story.currency);
        if quantity.theme != theme || used.contains(&(kind.clone(), name.clone())) {
            continue;
        }
        let of_variants: Vec<(usize, &Band)> = bands_called(story, &kind, &name).collect();
        if of_variants.iter().all(|(_, band)| band.mean.iter().all(|value| *value == 0.0)) {
            zero.push(quantity.label.to_lowercase());
            continue;
        }
        drawn.push_str(&band_chart(story, axis, &kind, &quantity, &of_variants).card());
    }
    (drawn, zero)
}

/// Kinds and metrics of all variants: known ones in the order below, others by name after them.
fn series_names(story: &Story) -> Vec<(String, String)> {
    const ORDER: [&str; 12] = [
        "soh",
        "resistance_rel",
        "replacements_total",
        "efc",
        "swaps_per_day",
        "waiting_mean_min",
        "ready_packs",
        "walk_aways_per_day",
        "lost_per_day",
        "peak_kw",
        "energy_delivered_kwh_per_day",
        "energy_kwh_per_day",
    ];
    let all: BTreeSet<(String, String)> = story
        .variants
        .iter()
        .flat_map(|variant| variant.bands.iter().map(|band| (band.kind.clone(), band.metric.clone())))
        .collect();
    let mut all: Vec<(String, String)> = all.into_iter().collect();
    all.sort_by_key(|(kind, name)| {
        let known = ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len());
        // The network's own figures come before those of its cabinets.
        (known, kind == "cabinet")
    });
    all
}

fn bands_called<'a>(
    story: &'a Story,
    kind: &'a str,
    name: &'a str,
) -> impl Iterator<Item = (usize, &'a Band)> {
    story.variants.iter().enumerate().filter_map(move |(index, variant)| {
        let band = variant.bands.iter().find(|band| band.kind == kind && band.metric == name)?;
        (!band.t_days.is_empty()).then_some((index, band))
    })
}

fn band_chart<'a>(
    story: &Story,
    axis: &'a Axis,
    kind: &str,
    quantity: &Quantity,
    bands: &[(usize, &Band)],
) -> LineChart<'a> {
    let is_population =
        !matches!(kind, "network" | "group" | "world" | "second_life" | "recycler" | "data_centre");
    let shown = |values: &[f64]| -> Vec<f64> { values.iter().map(|value| quantity.shown(*value)).collect() };
    let lines: Vec<Line> = bands
        .iter()
        .map(|&(variant, band)| {
            let has_extent = band.p10.iter().zip(&band.p90).any(|(low, high)| high - low > 1e-9 * high.abs());
            Line {
                variant,
                name: story.variants[variant].name.clone(),
                x: band.t_days.clone(),
                y: shown(if is_population { &band.p50 } else { &band.mean }),
                band: has_extent.then(|| (shown(&band.p10), shown(&band.p90))),
            }
        })
        .collect();
    let has_band = lines.iter().any(|line| line.band.is_some());
    // One of a kind leaves nothing to speak of but the replicates.
    let several = bands.iter().any(|(_, band)| band.subjects > 1.0).then(|| members(kind, 2));
    let over: Vec<String> =
        several.into_iter().chain((story.replicates > 1).then(|| "replicates".into())).collect();
    let middle = if is_population { "Median" } else { "Mean" };
    let note = match (over.is_empty(), has_band) {
        (true, _) => String::new(),
        (false, true) => format!("{middle} over {}; band: 10th–90th percentile", over.join(" and ")),
        (false, false) => format!("{middle} over {}", over.join(" and ")),
    };
    let from_zero = matches!(quantity.theme, Theme::Service | Theme::Energy | Theme::Cost | Theme::Carbon);
    let caption = Caption { title: quantity.label.clone(), note, parts: Vec::new() };
    LineChart { caption, unit: quantity.unit.clone(), axis, lines, from_zero, shape: Shape::Line }
}

/// Energy per period, grid and solar stacked, one panel per variant on a common scale.
fn energy(story: &Story, axis: &Axis, used: &mut BTreeSet<(String, String)>) -> String {
    const PARTS: [(&str, &str); 2] = [("grid_kwh_per_day", "Grid"), ("solar_kwh_per_day", "Solar")];
    let grid: Vec<(usize, &Band)> = bands_called(story, "network", PARTS[0].0).collect();
    if grid.is_empty() || story.variants.len() > PANELS {
        return String::new();
    }
    let ends = |band: &&Band| band.t_days.last().copied().unwrap_or(0.0);
    let to = grid.iter().map(|(_, band)| ends(band)).fold(0.0, f64::max);
    let interval = grid.iter().map(|(_, band)| ends(band) / band.t_days.len() as f64).fold(0.0, f64::max);
    if to <= 0.0 {
        return String::new();
    }
    let periods = Periods::of(axis, to, interval);
    let has_solar = bands_called(story, "network", PARTS[1].0)
        .any(|(_, band)| band.mean.iter().any(|value| *value > 0.0));
    let parts = &PARTS[..if has_solar { 2 } else { 1 }];
    let amounts = |variant: usize, name: &str| -> Vec<f64> {
        let band = bands_called(story, "network", name).find(|(index, _)| *index == variant);
        band.map_or_else(
            || vec![0.0; periods.names.len()],
            |(_, band)| periods.amounts(&band.t_days, &band.mean).iter().map(|a| a * band.subjects).collect(),
        )
    };
    let panels: Vec<ColumnPanel> = grid
        .iter()
        .map(|&(variant, _)| ColumnPanel {
            variant,
            name: story.variants[variant].name.clone(),
            parts: parts.iter().map(|(name, _)| amounts(variant, name)).collect(),
        })
        .collect();
    let highest = panels
        .iter()
        .flat_map(|panel| {
            (0..periods.names.len()).map(|p| panel.parts.iter().map(|part| part[p]).sum::<f64>())
        })
        .fold(0.0, f64::max);
    let (unit, divisor) = if highest >= 20_000.0 { ("MWh", 1_000.0) } else { ("kWh", 1.0) };
    let scaled = panels.into_iter().map(|panel| ColumnPanel {
        parts: panel.parts.into_iter().map(|part| part.into_iter().map(|a| a / divisor).collect()).collect(),
        ..panel
    });
    used.extend(PARTS.map(|(name, _)| ("network".to_owned(), name.to_owned())));
    let parts =
        if has_solar { parts.iter().map(|(_, label)| (*label).to_owned()).collect() } else { Vec::new() };
    let title = if has_solar {
        format!("Energy per {}", periods.noun)
    } else {
        format!("Grid energy per {}", periods.noun)
    };
    let note = if story.replicates > 1 {
        "Mean over replicates; one scale for all variants".into()
    } else {
        "One scale for all variants".into()
    };
    let chart = ColumnChart {
        caption: Caption { title, note, parts },
        unit: unit.into(),
        axis,
        edges: periods.edges,
        periods: periods.names,
        panels: scaled.collect(),
    };
    chart.card()
}

/// Figures that add up, and what they are called as parts.
type Parts = &'static [(&'static str, &'static str)];

const COSTS: Parts = &[("energy_cost", "Grid energy"), ("replacement_cost", "Replaced packs")];
const EMISSIONS: Parts =
    &[("grid_carbon_kg", "Grid energy"), ("production_carbon_kg", "Making of replaced packs")];
const LIFE_CYCLE: Parts = &[
    ("making_carbon_kg", "Making"),
    ("transport_carbon_kg", "Transport"),
    ("losses_carbon_kg", "Losses in use"),
    ("treatment_carbon_kg", "Recycling"),
];
const MASSES: Parts = &[
    ("vehicle_kg", "In vehicles"),
    ("store_kg", "In the store"),
    ("moving_kg", "On the way"),
    ("recycler_kg", "In the recycler"),
    ("recovered_kg", "Recovered"),
    ("residue_kg", "Residue"),
];

fn breakdown(story: &Story, title: &str, unit: &str, parts: Parts) -> String {
    let mean =
        |variant: usize, name: &str| story.variants[variant].figures.get(name).map(|spread| spread.mean);
    let rows: Vec<BarRow> = (0..story.variants.len())
        .filter(|&variant| parts.iter().any(|(name, _)| mean(variant, name).is_some()))
        .map(|variant| BarRow {
            variant,
            label: story.variants[variant].name.clone(),
            parts: parts.iter().map(|(name, _)| mean(variant, name).unwrap_or(0.0)).collect(),
            range: None,
        })
        .collect();
    let note = if story.replicates > 1 { "Whole run, mean over replicates" } else { "Whole run" };
    let caption = Caption {
        title: title.into(),
        note: note.into(),
        parts: parts.iter().map(|(_, label)| sentence(label)).collect(),
    };
    BarChart { caption, unit: unit.into(), rows }.card()
}
