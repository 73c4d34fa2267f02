//! Standing stacked columns over periods of time, one small panel per variant on one common scale.

use super::super::axis::Axis;
use super::super::svg::{Scale, escape, nice_ticks, px, text_width};
use super::{Caption, card, drawing, shortened, variant_classes};
use crate::results::number::{decimals_for, grouped, typeset};
use std::fmt::Write as _;

const HEIGHT: f64 = 210.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 38.0;
const RIGHT: f64 = 8.0;

/// One variant's panel.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPanel {
    /// Which variant.
    pub variant: usize,
    /// Name for readers.
    pub name: String,
    /// Amounts of each part in each period.
    pub parts: Vec<Vec<f64>>,
}

/// Panels of stacked columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnChart<'a> {
    /// Heading; its parts name the parts of the columns.
    pub caption: Caption,
    /// Unit of the amounts.
    pub unit: String,
    /// Horizontal axis, in days.
    pub axis: &'a Axis,
    /// Edges of the periods, one more than there are columns, and a name of each period.
    pub edges: Vec<f64>,
    /// Names of the periods.
    pub periods: Vec<String>,
    /// The panels.
    pub panels: Vec<ColumnPanel>,
}

/// Panels in a row, and the width of each, so that text is as large as elsewhere on the page.
fn shape(panels: usize) -> (usize, f64) {
    match panels {
        1 => (1, 720.0),
        2 => (2, 540.0),
        4 | 7 | 8 => (4, 262.0),
        _ => (3, 356.0),
    }
}

impl ColumnChart<'_> {
    /// The card; nothing without panels or periods.
    #[must_use]
    pub fn card(&self) -> String {
        let heights = |panel: &ColumnPanel| -> Vec<f64> {
            (0..self.periods.len()).map(|period| panel.parts.iter().map(|part| part[period]).sum()).collect()
        };
        let highest = self.panels.iter().flat_map(heights).fold(0.0_f64, f64::max);
        if highest <= 0.0 {
            return String::new();
        }
        let ticks = nice_ticks(0.0, highest, 4);
        let labels = ticks.labels();
        let (columns, width) = shape(self.panels.len());
        let left = labels.iter().map(|label| text_width(label)).fold(0.0, f64::max) + 10.0;
        let top_value = ticks.values.last().copied().unwrap_or(highest);
        let y = Scale { domain: (0.0, top_value.max(highest)), range: (HEIGHT - BOTTOM, TOP) };
        let ends = (self.edges[0], self.edges[self.edges.len() - 1]);
        let x = Scale { domain: ends, range: (left, width - RIGHT) };
        let mut panels = String::new();
        for panel in &self.panels {
            let mut body = format!(
                "<text class=\"unit\" x=\"0\" y=\"11\">{}</text><g class=\"grid\">",
                escape(&self.unit)
            );
            for value in &ticks.values {
                let class = if *value == 0.0 { " class=\"zero\"" } else { "" };
                let _ = write!(
                    body,
                    "<path{class} d=\"M{} {}H{}\"/>",
                    px(left),
                    px(y.at(*value)),
                    px(width - RIGHT)
                );
            }
            body.push_str("</g><g class=\"ticks\">");
            for (value, label) in ticks.values.iter().zip(&labels) {
                let _ = write!(
                    body,
                    "<text x=\"{}\" y=\"{}\" class=\"e\">{label}</text>",
                    px(left - 7.0),
                    px(y.at(*value) + 4.0)
                );
            }
            for (value, upper, lower) in self.axis.labels(ends.0, ends.1, (width / 58.0) as usize) {
                let at = px(x.at(value));
                let _ = write!(
                    body,
                    "<text x=\"{at}\" y=\"{}\" class=\"m\">{}</text>",
                    px(HEIGHT - BOTTOM + 16.0),
                    escape(&upper)
                );
                if !lower.is_empty() {
                    let _ = write!(
                        body,
                        "<text x=\"{at}\" y=\"{}\" class=\"m\">{}</text>",
                        px(HEIGHT - BOTTOM + 30.0),
                        escape(&lower)
                    );
                }
            }
            body.push_str("</g>");
            self.draw_columns(&mut body, panel, x, y);
            let total: f64 = heights(panel).iter().sum();
            let description = format!("{} {} in total", grouped(total, 0), self.unit);
            let title = format!("{}: {}", self.caption.title, panel.name);
            let svg = drawing(width, HEIGHT, &title, &description, "", &body);
            let _ = write!(
                panels,
                "<div class=\"panel v{}\"><h4><i class=\"swatch {}\"></i>{}</h4>{svg}</div>",
                panel.variant,
                variant_classes(panel.variant),
                escape(&shortened(&panel.name, 44))
            );
        }
        card(
            &self.caption,
            "wide",
            &format!("<div class=\"panels\" style=\"--columns:{columns}\">{panels}</div>"),
        )
    }

    fn draw_columns(&self, body: &mut String, panel: &ColumnPanel, x: Scale, y: Scale) {
        for (period, name) in self.periods.iter().enumerate() {
            let (from, to) = (x.at(self.edges[period]), x.at(self.edges[period + 1]));
            let gap = ((to - from) * 0.18).min(4.0);
            let mut base = 0.0;
            let mut words = name.clone();
            let mut shapes = String::new();
            for (index, part) in panel.parts.iter().enumerate() {
                let amount = part[period].max(0.0);
                let (bottom, top) = (y.at(base), y.at(base + amount));
                base += amount;
                let _ = write!(
                    shapes,
                    "<rect class=\"bar p{index}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                    px(from + gap / 2.0),
                    px(top),
                    px((to - from - gap).max(0.5)),
                    px(bottom - top)
                );
                let value = typeset(&grouped(amount, decimals_for([amount], 3)));
                let part = self.caption.parts.get(index).map_or("", String::as_str);
                let _ = write!(words, "\n{part}: {value} {}", self.unit);
            }
            let _ = write!(body, "<g><title>{}</title>{shapes}</g>", escape(&words));
        }
    }
}
