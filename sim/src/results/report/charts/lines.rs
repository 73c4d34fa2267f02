//! Lines over time or over any other axis, with bands; stairs over bins.

use super::super::axis::{Axis, Labels};
use super::super::svg::{Scale, Ticks, escape, nice_ticks, path, px, ribbon, stairs, text_width};
use super::{Caption, card, drawing, variant_classes};
use crate::results::number::{decimals_for, rounded};
use serde_json::json;
use std::fmt::Write as _;

const WIDTH: f64 = 540.0;
const HEIGHT: f64 = 262.0;
const TOP: f64 = 28.0;
const RIGHT: f64 = 16.0;

/// How values become a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A line through the points.
    Line,
    /// A line with a dot at each point: for few, measured or varied values.
    Dots,
    /// Stairs over bins; `x` holds the bins' edges, one more than `y`.
    Stairs,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Which colour, and which variant switches it.
    pub variant: usize,
    /// Name for readers.
    pub name: String,
    /// Horizontal values, ascending (bin edges for stairs).
    pub x: Vec<f64>,
    /// Values.
    pub y: Vec<f64>,
    /// Lower and upper edge of the band around it.
    pub band: Option<(Vec<f64>, Vec<f64>)>,
}

/// A chart of lines.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart<'a> {
    /// Heading.
    pub caption: Caption,
    /// Unit of the values, written above the axis.
    pub unit: String,
    /// Horizontal axis.
    pub axis: &'a Axis,
    /// The lines.
    pub lines: Vec<Line>,
    /// Whether the vertical axis starts at zero in any case (amounts, shares).
    pub from_zero: bool,
    /// Shape of the lines.
    pub shape: Shape,
}

impl LineChart<'_> {
    /// The card; nothing when no line has a value.
    #[must_use]
    pub fn card(&self) -> String {
        let Some(extent) = self.extent() else { return String::new() };
        let ticks = self.vertical_ticks(extent);
        let dates = self.axis.labels(extent.x.0, extent.x.1, 7);
        // A second line below the axis needs room only where there is one.
        let is_deep = !self.axis.title(extent.x.1 - extent.x.0).is_empty()
            || dates.iter().any(|(_, _, lower)| !lower.is_empty());
        let bottom = HEIGHT - if is_deep { 40.0 } else { 26.0 };
        let y = Scale { domain: ends(&ticks, extent.y), range: (bottom, TOP) };
        let labels = ticks.labels();
        let left = labels.iter().map(|label| text_width(label)).fold(16.0, f64::max) + 10.0;
        let x = Scale { domain: extent.x, range: (left, WIDTH - RIGHT) };
        let mut body = String::new();
        self.draw_axes(&mut body, (&ticks, &labels), &dates, x, y);
        // Bands first, so that no band hides another variant's line.
        for line in &self.lines {
            self.draw_band(&mut body, line, x, y);
        }
        for line in &self.lines {
            self.draw_line(&mut body, line, x, y);
        }
        let attributes = format!(
            " class=\"lines\" data-x=\"{} {}\" data-y=\"{TOP} {}\"",
            px(left),
            px(WIDTH - RIGHT),
            px(bottom)
        );
        let svg = drawing(WIDTH, HEIGHT, &self.caption.title, &self.description(), &attributes, &body);
        card(&self.caption, "", &format!("{svg}{}", self.data(extent.x)))
    }

    fn extent(&self) -> Option<Extent> {
        let finite = |values: &mut dyn Iterator<Item = f64>| -> Option<(f64, f64)> {
            values.filter(|v| v.is_finite()).fold(None, |range, v| match range {
                None => Some((v, v)),
                Some((min, max)) => Some((f64::min(min, v), f64::max(max, v))),
            })
        };
        let drawn = self.lines.iter().flat_map(|line| {
            let (low, high) =
                line.band.as_ref().map_or((&[][..], &[][..]), |(low, high)| (&low[..], &high[..]));
            line.y.iter().chain(low).chain(high).copied()
        });
        let y = finite(&mut { drawn })?;
        let x = finite(&mut self.lines.iter().flat_map(|line| line.x.iter().copied()))?;
        let x = match self.axis {
            Axis::Hours => (0.0, 24.0),
            // A run is shown from its start, also where its first rates stand for a whole interval.
            Axis::Calendar { .. } | Axis::Elapsed => (x.0.min(0.0), x.1),
            Axis::Number { .. } => x,
        };
        Some(Extent { x, y })
    }

    /// Round values around the data; from zero where zero is near enough to be part of the picture.
    fn vertical_ticks(&self, extent: Extent) -> Ticks {
        let (min, max) = extent.y;
        let include_zero = self.from_zero || (min > 0.0 && min < 0.4 * max) || (max < 0.0 && max > 0.4 * min);
        let (min, max) = if include_zero { (min.min(0.0), max.max(0.0)) } else { (min, max) };
        nice_ticks(min, max, 5)
    }

    fn draw_axes(
        &self,
        body: &mut String,
        (ticks, labels): (&Ticks, &[String]),
        dates: &Labels,
        x: Scale,
        y: Scale,
    ) {
        let (left, right) = x.range;
        let _ = write!(
            body,
            "<text class=\"unit\" x=\"0\" y=\"12\">{}</text><g class=\"grid\">",
            escape(&self.unit)
        );
        for value in &ticks.values {
            let class = if *value == 0.0 { " class=\"zero\"" } else { "" };
            let at = px(y.at(*value));
            let _ = write!(body, "<path{class} d=\"M{} {at}H{}\"/>", px(left), px(right));
        }
        body.push_str("</g><g class=\"ticks\">");
        for (value, label) in ticks.values.iter().zip(labels) {
            let _ = write!(
                body,
                "<text x=\"{}\" y=\"{}\" class=\"e\">{label}</text>",
                px(left - 7.0),
                px(y.at(*value) + 4.0)
            );
        }
        let bottom = y.range.0;
        for (value, upper, lower) in dates {
            let at = x.at(*value);
            let _ = write!(
                body,
                "<path d=\"M{} {}v4\"/><text x=\"{}\" y=\"{}\" class=\"m\">{}</text>",
                px(at),
                px(bottom),
                px(at),
                px(bottom + 17.0),
                escape(upper)
            );
            if !lower.is_empty() {
                let _ = write!(
                    body,
                    "<text x=\"{}\" y=\"{}\" class=\"m\">{}</text>",
                    px(at),
                    px(bottom + 31.0),
                    escape(lower)
                );
            }
        }
        let title = self.axis.title(x.domain.1 - x.domain.0);
        if !title.is_empty() {
            let _ = write!(
                body,
                "<text x=\"{}\" y=\"{}\" class=\"e unit\">{}</text>",
                px(right),
                px(bottom + 34.0),
                escape(title)
            );
        }
        body.push_str("</g>");
    }

    fn points(&self, line: &Line, values: &[f64], x: Scale, y: Scale) -> Vec<(f64, f64)> {
        let edges = match self.shape {
            Shape::Stairs => stairs(&line.x, values),
            Shape::Line | Shape::Dots => line.x.iter().copied().zip(values.iter().copied()).collect(),
        };
        edges.into_iter().map(|(at, value)| (x.at(at), y.at(value))).collect()
    }

    fn draw_band(&self, body: &mut String, line: &Line, x: Scale, y: Scale) {
        let classes = variant_classes(line.variant);
        let outline = match (&line.band, self.shape) {
            (Some((low, high)), _) => ribbon(&self.points(line, high, x, y), &self.points(line, low, x, y)),
            (None, Shape::Stairs) => {
                let top = self.points(line, &line.y, x, y);
                let base: Vec<(f64, f64)> =
                    top.iter().map(|(at, _)| (*at, y.at(y.domain.0.max(0.0)))).collect();
                ribbon(&top, &base)
            }
            (None, _) => return,
        };
        let weight = match self.lines.len() {
            0..=2 => "",
            3..=4 => " some",
            _ => " many",
        };
        let _ = write!(body, "<path class=\"band{weight} {classes}\" d=\"{outline}\"/>");
    }

    fn draw_line(&self, body: &mut String, line: &Line, x: Scale, y: Scale) {
        let classes = variant_classes(line.variant);
        let points = self.points(line, &line.y, x, y);
        let _ = write!(body, "<path class=\"line {classes}\" d=\"{}\"/>", path(&points));
        // A single point has no line to be seen by.
        if self.shape == Shape::Dots || (points.len() == 1 && self.shape == Shape::Line) {
            for (at, value) in points.iter().filter(|point| point.1.is_finite()) {
                let _ = write!(
                    body,
                    "<circle class=\"dot {classes}\" cx=\"{}\" cy=\"{}\" r=\"3.2\"/>",
                    px(*at),
                    px(*value)
                );
            }
        }
    }

    /// In words: where each line starts and ends.
    fn description(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let say = |value: f64| crate::results::number::significant(value, 3);
        let told = self.lines.iter().filter_map(|line| {
            let (first, last) = (line.y.first()?, line.y.last()?);
            Some(match self.shape {
                Shape::Stairs => {
                    let peak =
                        line.y.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
                    format!("{}: at most {}{unit}", line.name, say(peak))
                }
                _ => format!("{}: from {} to {}{unit}", line.name, say(*first), say(*last)),
            })
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// The numbers under the pointer, in shown units.
    fn data(&self, extent: (f64, f64)) -> String {
        let digits = decimals_for(self.lines.iter().flat_map(|line| line.y.iter().copied()), 4).min(4);
        let values = |values: &[f64]| -> Vec<f64> { values.iter().map(|value| rounded(*value, 5)).collect() };
        let lines: Vec<serde_json::Value> = self
            .lines
            .iter()
            .map(|line| {
                let centres: Vec<f64> = match self.shape {
                    Shape::Stairs => line.x.windows(2).map(|edge| (edge[0] + edge[1]) / 2.0).collect(),
                    Shape::Line | Shape::Dots => line.x.clone(),
                };
                let x: Vec<f64> = centres.iter().map(|value| rounded(*value, 7)).collect();
                match &line.band {
                    Some((low, high)) => json!({"v": line.variant, "name": line.name, "x": x, "y": values(&line.y), "lo": values(low), "hi": values(high)}),
                    None => json!({"v": line.variant, "name": line.name, "x": x, "y": values(&line.y)}),
                }
            })
            .collect();
        let (axis, start) = match self.axis {
            Axis::Calendar { start } => ("date", format!("{start}Z")),
            Axis::Elapsed => ("day", String::new()),
            Axis::Hours => ("hour", String::new()),
            Axis::Number { .. } => ("number", String::new()),
        };
        let half_bin = match self.shape {
            Shape::Stairs => self.lines.first().map_or(0.0, |line| (line.x[1] - line.x[0]) / 2.0),
            Shape::Line | Shape::Dots => 0.0,
        };
        let data = json!({
            "axis": axis, "start": start, "from": extent.0, "to": extent.1, "unit": self.unit, "digits": digits,
            "halfBin": half_bin, "label": self.axis.title(0.0), "lines": lines,
        });
        super::super::page::json_script("data", "class", &data)
    }
}

#[derive(Debug, Clone, Copy)]
struct Extent {
    x: (f64, f64),
    y: (f64, f64),
}

/// The axis reaches from the first tick to the last, and to values that stand out a little.
fn ends(ticks: &Ticks, (min, max): (f64, f64)) -> (f64, f64) {
    (
        ticks.values.first().map_or(min, |first| first.min(min)),
        ticks.values.last().map_or(max, |last| last.max(max)),
    )
}
