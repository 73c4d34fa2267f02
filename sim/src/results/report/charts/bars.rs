//! Lying bars, one row per variant, of one or several parts.

use super::super::svg::{Scale, escape, name_width, nice_ticks, px, text_width};
use super::{Caption, card, drawing, shortened};
use crate::results::number::{decimals_for, grouped, typeset};
use std::fmt::Write as _;

const WIDTH: f64 = 540.0;
const ROW: f64 = 34.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 26.0;
const LABEL_LETTERS: usize = 24;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct BarRow {
    /// Which variant switches it.
    pub variant: usize,
    /// Name for readers.
    pub label: String,
    /// Amounts, stacked from zero.
    pub parts: Vec<f64>,
    /// 10th and 90th percentile of the total.
    pub range: Option<(f64, f64)>,
}

/// A chart of lying bars.
#[derive(Debug, Clone, PartialEq)]
pub struct BarChart {
    /// Heading; its parts name the parts of the bars.
    pub caption: Caption,
    /// Unit of the amounts.
    pub unit: String,
    /// The rows.
    pub rows: Vec<BarRow>,
}

impl BarChart {
    /// The card; nothing when there is no row.
    #[must_use]
    pub fn card(&self) -> String {
        let totals: Vec<f64> = self.rows.iter().map(total).collect();
        let ends = || {
            self.rows.iter().zip(&totals).flat_map(|(row, total)| {
                let (low, high) = row.range.unwrap_or((*total, *total));
                [*total, low, high]
            })
        };
        if self.rows.is_empty() || totals.iter().all(|total| *total == 0.0) {
            return String::new();
        }
        let (min, max) = ends().fold((0.0_f64, 0.0_f64), |(min, max), v| (min.min(v), max.max(v)));
        let ticks = nice_ticks(min, max, 5);
        let decimals = decimals_for(totals.iter().copied(), 3);
        let amounts: Vec<String> = totals.iter().map(|total| typeset(&grouped(*total, decimals))).collect();
        let left =
            self.rows.iter().map(|row| name_width(&shortened(&row.label, LABEL_LETTERS))).fold(0.0, f64::max)
                + 12.0;
        let amount_width = amounts.iter().map(|amount| text_width(amount)).fold(0.0, f64::max) + 16.0;
        let domain = (ticks.values[0].min(min), max.max(ticks.values[0] + f64::MIN_POSITIVE));
        let x = Scale { domain, range: (left, WIDTH - amount_width) };
        let height = TOP + ROW * self.rows.len() as f64 + BOTTOM;

        let mut body = format!(
            "<text class=\"unit\" x=\"{}\" y=\"12\">{}</text><g class=\"grid\">",
            px(left),
            escape(&self.unit)
        );
        let shown = || {
            ticks
                .values
                .iter()
                .zip(ticks.labels())
                .filter(|(value, _)| **value <= domain.1 && **value >= domain.0)
        };
        for (value, _) in shown() {
            let class = if *value == 0.0 { " class=\"zero\"" } else { "" };
            let _ = write!(body, "<path{class} d=\"M{} {TOP}V{}\"/>", px(x.at(*value)), px(height - BOTTOM));
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
        for (index, row) in self.rows.iter().enumerate() {
            self.draw_row(&mut body, row, &amounts[index], TOP + ROW * index as f64, x);
        }
        let described = self
            .rows
            .iter()
            .zip(&amounts)
            .map(|(row, amount)| format!("{}: {amount} {}", row.label, self.unit));
        let description = described.collect::<Vec<_>>().join("; ");
        card(&self.caption, "", &drawing(WIDTH, height, &self.caption.title, &description, "", &body))
    }

    fn draw_row(&self, body: &mut String, row: &BarRow, amount: &str, top: f64, x: Scale) {
        let middle = top + ROW / 2.0;
        let _ = write!(
            body,
            "<g class=\"v{}\"><text class=\"name e\" x=\"{}\" y=\"{}\">{}</text>",
            row.variant,
            px(x.range.0 - 8.0),
            px(middle + 4.0),
            escape(&shortened(&row.label, LABEL_LETTERS))
        );
        let (mut positive, mut negative) = (0.0, 0.0);
        for (index, part) in row.parts.iter().enumerate().filter(|(_, part)| part.is_finite()) {
            // Credits (a negative price) grow to the left of zero instead of hiding behind the costs.
            let from = if *part < 0.0 { &mut negative } else { &mut positive };
            let (a, b) = (x.at(*from), x.at(*from + *part));
            *from += *part;
            let name = self.caption.parts.get(index).map_or("", String::as_str);
            let value = typeset(&grouped(*part, decimals_for([*part], 4)));
            let class = if self.caption.parts.is_empty() {
                format!("bar c{}", row.variant % 8)
            } else {
                format!("bar p{index}")
            };
            let _ = write!(
                body,
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{} {}: {value} {}</title></rect>",
                px(a.min(b)),
                px(top + 7.0),
                px((b - a).abs()),
                px(ROW - 14.0),
                escape(&row.label),
                escape(name),
                escape(&self.unit)
            );
        }
        let mut end = x.at(positive);
        if let Some((low, high)) = row.range.filter(|(low, high)| high > low) {
            let (low, high) = (x.at(low), x.at(high));
            end = end.max(high);
            let _ = write!(
                body,
                "<path class=\"whisker\" d=\"M{a} {t}v8M{a} {m}H{b}M{b} {t}v8\"/>",
                a = px(low),
                b = px(high),
                m = px(middle),
                t = px(middle - 4.0)
            );
        }
        let _ = write!(
            body,
            "<text class=\"amount\" x=\"{}\" y=\"{}\">{amount}</text></g>",
            px(end + 7.0),
            px(middle + 4.0)
        );
    }
}

fn total(row: &BarRow) -> f64 {
    row.parts.iter().copied().filter(|part| part.is_finite()).sum()
}
