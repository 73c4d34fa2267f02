//! How far each varied value moves one figure, the strongest on top.

use super::super::svg::{Scale, escape, name_width, nice_ticks, px, text_width};
use super::{Caption, card, drawing, shortened};
use crate::results::number::{decimals_for, grouped, typeset};
use std::fmt::Write as _;

const WIDTH: f64 = 540.0;
const ROW: f64 = 34.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 26.0;
const LABEL_LETTERS: usize = 30;

/// What one varied path does to the figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Swing {
    /// The path.
    pub label: String,
    /// Lowest value of the figure, and the setting that gave it.
    pub low: (f64, String),
    /// Highest value of the figure, and the setting that gave it.
    pub high: (f64, String),
}

/// A chart of swings around a base.
#[derive(Debug, Clone, PartialEq)]
pub struct Tornado {
    /// Heading.
    pub caption: Caption,
    /// Unit of the figure.
    pub unit: String,
    /// Where nothing was changed.
    pub base: f64,
    /// The swings; drawn in order of their width.
    pub swings: Vec<Swing>,
}

impl Tornado {
    /// The card; nothing when no path moves the figure.
    #[must_use]
    pub fn card(mut self) -> String {
        self.swings.sort_by(|a, b| (b.high.0 - b.low.0).total_cmp(&(a.high.0 - a.low.0)));
        let min = self.swings.iter().map(|swing| swing.low.0).fold(self.base, f64::min);
        let max = self.swings.iter().map(|swing| swing.high.0).fold(self.base, f64::max);
        if max <= min {
            return String::new();
        }
        let ticks = nice_ticks(min, max, 5);
        let decimals = decimals_for([min, max], 4);
        let say = |value: f64| typeset(&grouped(value, decimals));
        let left =
            self.swings.iter().map(|s| name_width(&shortened(&s.label, LABEL_LETTERS))).fold(0.0, f64::max)
                + 12.0;
        // Room for the settings that are written beside the bars.
        let setting = |text: &str| text_width(&shortened(text, 12)) + 8.0;
        let before = self.swings.iter().map(|s| setting(&s.low.1)).fold(0.0, f64::max);
        let after = self.swings.iter().map(|s| setting(&s.high.1)).fold(0.0, f64::max);
        let x = Scale { domain: (min, max), range: (left + before, WIDTH - after - 4.0) };
        let height = TOP + ROW * self.swings.len() as f64 + BOTTOM;
        let mut body = format!(
            "<text class=\"unit\" x=\"{}\" y=\"12\">{}</text><g class=\"grid\">",
            px(left),
            escape(&self.unit)
        );
        let shown =
            || ticks.values.iter().zip(ticks.labels()).filter(|(value, _)| (min..=max).contains(*value));
        for (value, _) in shown() {
            let _ = write!(body, "<path d=\"M{} {TOP}V{}\"/>", px(x.at(*value)), px(height - BOTTOM));
        }
        body.push_str("</g><g class=\"ticks\">");
        for (value, label) in shown() {
            let _ = write!(
                body,
                "<text x=\"{}\" y=\"{}\" class=\"m\">{label}</text>",
                px(x.at(*value)),
                px(height - BOTTOM + 17.0)
            );
        }
        body.push_str("</g>");
        for (index, swing) in self.swings.iter().enumerate() {
            let top = TOP + ROW * index as f64;
            let (from, to) = (x.at(swing.low.0), x.at(swing.high.0));
            let words = format!(
                "{}: {} at {}, {} at {}",
                swing.label,
                say(swing.low.0),
                swing.low.1,
                say(swing.high.0),
                swing.high.1
            );
            let _ = write!(
                body,
                "<g><title>{}</title><text class=\"name e\" x=\"{}\" y=\"{}\">{}</text><rect class=\"bar c0\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\
                 <text class=\"amount e\" x=\"{}\" y=\"{}\">{}</text><text class=\"amount\" x=\"{}\" y=\"{}\">{}</text></g>",
                escape(&words),
                px(left - 8.0),
                px(top + ROW / 2.0 + 4.0),
                escape(&shortened(&swing.label, LABEL_LETTERS)),
                px(from),
                px(top + 7.0),
                px((to - from).max(0.5)),
                px(ROW - 14.0),
                px(from - 5.0),
                px(top + ROW / 2.0 + 4.0),
                escape(&shortened(&swing.low.1, 12)),
                px(to + 5.0),
                px(top + ROW / 2.0 + 4.0),
                escape(&shortened(&swing.high.1, 12))
            );
        }
        let _ = write!(
            body,
            "<path class=\"base\" d=\"M{} {TOP}V{}\"/>",
            px(x.at(self.base)),
            px(height - BOTTOM)
        );
        let told = self.swings.iter().map(|s| format!("{}: {} to {}", s.label, say(s.low.0), say(s.high.0)));
        let description = told.collect::<Vec<_>>().join("; ");
        card(&self.caption, "", &drawing(WIDTH, height, &self.caption.title, &description, "", &body))
    }
}
