//! Charts of profiles: hours of the day, waiting times, states of health at the end.

use super::axis::Axis;
use super::charts::{Caption, Line, LineChart, Shape};
use crate::results::story::Story;
use crate::results::vocabulary::{Theme, sentence};
use std::collections::BTreeSet;

/// Lowest and highest state of health of `soh_histogram`.
const SOH_RANGE: (f64, f64) = (0.6, 1.0);

/// Profiles of a theme, unknown ones under [`Theme::Other`].
#[must_use]
pub(super) fn of_theme(story: &Story, theme: Theme) -> String {
    let names: BTreeSet<&str> =
        story.variants.iter().flat_map(|variant| variant.profiles.keys().map(String::as_str)).collect();
    let of_theme = names.into_iter().filter(|name| theme_of(name) == theme);
    of_theme.map(|name| chart(story, name)).collect()
}

fn theme_of(name: &str) -> Theme {
    match name {
        "swaps_by_hour" | "waiting_histogram" => Theme::Service,
        "charging_kw_by_hour" => Theme::Energy,
        "soh_histogram"
        | "blocks_replaced_by_month"
        | "battery_survival_by_age"
        | "block_survival_by_age" => Theme::Health,
        _ => Theme::Other,
    }
}

fn chart(story: &Story, name: &str) -> String {
    let bins = profiles_called(story, name).map(|(_, profile)| profile.len()).max().unwrap_or(0);
    if bins == 0 || profiles_called(story, name).all(|(_, profile)| profile.iter().all(|value| *value == 0.0))
    {
        return String::new();
    }
    match name {
        "swaps_by_hour" => swaps_by_hour(story),
        "waiting_histogram" => waiting(story, bins),
        "soh_histogram" => soh(story, bins),
        "battery_survival_by_age" => survival(story, name, "Packs"),
        "block_survival_by_age" => survival(story, name, "Blocks"),
        _ => generic(story, name, bins),
    }
}

fn profiles_called<'a>(story: &'a Story, name: &'a str) -> impl Iterator<Item = (usize, &'a Vec<f64>)> {
    let all = story.variants.iter().enumerate();
    all.filter_map(move |(index, variant)| Some((index, variant.profiles.get(name)?)))
}

fn lines(story: &Story, name: &str, edges: &[f64], shown: impl Fn(usize, &[f64]) -> Vec<f64>) -> Vec<Line> {
    profiles_called(story, name)
        .map(|(variant, profile)| Line {
            variant,
            name: story.variants[variant].name.clone(),
            x: edges.to_vec(),
            y: shown(variant, profile),
            band: None,
        })
        .collect()
}

fn stairs(caption: Caption, unit: &str, axis: &Axis, lines: Vec<Line>) -> String {
    LineChart { caption, unit: unit.into(), axis, lines, from_zero: true, shape: Shape::Stairs }.card()
}

fn caption(title: &str, note: &str) -> Caption {
    Caption { title: title.into(), note: note.into(), parts: Vec::new() }
}

fn hours() -> Vec<f64> {
    (0..=24).map(f64::from).collect()
}

/// Shares of the sum, in per cent.
fn shares(profile: &[f64]) -> Vec<f64> {
    let sum: f64 = profile.iter().sum();
    profile.iter().map(|value| if sum > 0.0 { value / sum * 100.0 } else { 0.0 }).collect()
}

/// Swaps in each hour of a mean day. The profile gives the shape, the figure `swaps_per_day` the height, so that
/// it does not matter whether the profile counts the whole run or one day.
fn swaps_by_hour(story: &Story) -> String {
    let per_day =
        |variant: usize| story.variants[variant].figures.get("swaps_per_day").map(|spread| spread.mean);
    let has_height = profiles_called(story, "swaps_by_hour").all(|(variant, _)| per_day(variant).is_some());
    let shown = |variant: usize, profile: &[f64]| {
        let height = per_day(variant).filter(|_| has_height).unwrap_or(100.0) / 100.0;
        shares(profile).iter().map(|share| share * height).collect()
    };
    let (note, unit) =
        if has_height { ("Mean day, local time", "swaps per hour") } else { ("Local time", "% of swaps") };
    stairs(
        caption("Swaps by hour of the day", note),
        unit,
        &Axis::Hours,
        lines(story, "swaps_by_hour", &hours(), shown),
    )
}

fn waiting(story: &Story, bins: usize) -> String {
    // Long tails of all but empty minutes say nothing.
    let holds_nearly_all = |profile: &Vec<f64>| {
        let mut share = 0.0;
        shares(profile)
            .iter()
            .position(|bin| {
                share += bin;
                share >= 99.5
            })
            .map_or(bins, |last| last + 1)
    };
    let used =
        profiles_called(story, "waiting_histogram").map(|(_, profile)| holds_nearly_all(profile)).max();
    let used = used.unwrap_or(bins).max(6).min(bins);
    let edges: Vec<f64> = (0..=used).map(|edge| edge as f64).collect();
    let shown = |_: usize, profile: &[f64]| shares(profile).into_iter().take(used).collect();
    let note = if used == bins {
        "Of the riders that had to wait; the last step holds all longer waits"
    } else {
        "Of the riders that had to wait; the longest 0.5 % of waits are left out"
    };
    let axis = Axis::Number { label: "minutes waited".into() };
    stairs(
        caption("How long riders wait", note),
        "% of those who waited",
        &axis,
        lines(story, "waiting_histogram", &edges, shown),
    )
}

fn soh(story: &Story, bins: usize) -> String {
    let occupied = |profile: &Vec<f64>| -> Option<(usize, usize)> {
        Some((profile.iter().position(|v| *v > 0.0)?, profile.iter().rposition(|v| *v > 0.0)?))
    };
    let ranges = profiles_called(story, "soh_histogram").filter_map(|(_, profile)| occupied(profile));
    let (first, last) = ranges.fold((bins, 0), |(a, b), (low, high)| (a.min(low), b.max(high)));
    let (first, last) = (first.saturating_sub(1), (last + 1).min(bins - 1));
    let edge =
        |index: usize| 100.0 * (SOH_RANGE.0 + (SOH_RANGE.1 - SOH_RANGE.0) * index as f64 / bins as f64);
    let edges: Vec<f64> = (first..=last + 1).map(edge).collect();
    let shown = |_: usize, profile: &[f64]| shares(profile)[first..=last].to_vec();
    let axis = Axis::Number { label: "state of health, %".into() };
    let caption = caption("State of health at the end", "Share of packs in service at the end of the run");
    stairs(caption, "% of packs", &axis, lines(story, "soh_histogram", &edges, shown))
}

/// Share still in service by age. Each variant is drawn as far as anything was followed in it.
fn survival(story: &Story, name: &str, what: &str) -> String {
    let lines = profiles_called(story, name)
        .map(|(variant, profile)| Line {
            variant,
            name: story.variants[variant].name.clone(),
            x: (0..profile.len()).map(|month| month as f64).collect(),
            y: profile.clone(),
            band: None,
        })
        .collect();
    let note = "Of those in service at each age (Kaplan–Meier); a second life does not count as service";
    let caption = caption(&format!("{what} still in service by age"), note);
    let axis = Axis::Number { label: "months in service".into() };
    let unit = format!("% of {}", what.to_lowercase());
    LineChart { caption, unit, axis: &axis, lines, from_zero: true, shape: Shape::Line }.card()
}

fn generic(story: &Story, name: &str, bins: usize) -> String {
    let (title, unit, axis) = match name.strip_suffix("_by_hour") {
        Some(_) if name == "charging_kw_by_hour" => {
            ("Charging power by hour of the day".to_owned(), "kW", Axis::Hours)
        }
        None if name == "blocks_replaced_by_month" => {
            ("Blocks replaced".to_owned(), "blocks", Axis::Number { label: "months since the start".into() })
        }
        Some(words) if bins == 24 => (format!("{} by hour of the day", sentence(words)), "", Axis::Hours),
        _ => (sentence(name), "", Axis::Number { label: "bin".into() }),
    };
    let note = if axis == Axis::Hours { "Mean day, local time" } else { "" };
    let edges: Vec<f64> = (0..=bins).map(|edge| edge as f64).collect();
    let padded = |_: usize, profile: &[f64]| {
        let mut padded = profile.to_vec();
        padded.resize(bins, 0.0);
        padded
    };
    stairs(caption(&title, note), unit, &axis, lines(story, name, &edges, padded))
}
