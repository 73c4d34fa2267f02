//! The section of a run whose pieces are replaced: which, where and when.

use super::axis::readable_date;
use super::page::section;
use super::svg::escape;
use super::tables::swatch;
use crate::results::story::{Replacement, Story};
use std::fmt::Write as _;

/// Rows of one variant; the rest is in the files.
const ROWS: usize = 600;

/// A table per variant, the first unfolded; nothing when nothing is replaced.
pub(super) fn section_of(story: &Story) -> String {
    let mut html = String::new();
    let replacing = story.variants.iter().enumerate().filter(|(_, variant)| !variant.replacements.is_empty());
    for (position, (index, variant)) in replacing.enumerate() {
        let pieces: usize = variant.replacements.iter().map(|row| row.pieces.len()).sum();
        let _ = write!(
            html,
            "<details class=\"v{index}\"{}><summary>{} {}: {pieces} blocks</summary>{}</details>",
            if position == 0 { " open" } else { "" },
            swatch(index),
            escape(&variant.name),
            table(&variant.replacements)
        );
    }
    let intro = "Blocks as string-place, each further one in a place with #. What is due within a year after the end, if \
                 it goes on as so far, is told by month. First replicate.";
    section("Which blocks to replace when", intro, &html)
}

fn table(rows: &[Replacement]) -> String {
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"prose\"><thead><tr><th>When</th><th>Where</th><th>Number</th><th>Blocks</th>\
         <th>Why</th><th>Lowest state of health</th></tr></thead><tbody>",
    );
    for row in rows.iter().take(ROWS) {
        let _ = write!(
            html,
            "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1} %</td></tr>",
            escape(&readable_date(&row.on)),
            escape(&row.place),
            row.pieces.len(),
            escape(&row.pieces.join(", ")),
            escape(&row.reason),
            100.0 * row.soh_min
        );
    }
    html.push_str("</tbody></table></div>");
    if rows.len() > ROWS {
        let _ = write!(html, "<p class=\"key-note\">{} more rows: see the events.</p>", rows.len() - ROWS);
    }
    html
}
