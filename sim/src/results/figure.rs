//! Figures for documents: panels of lines and points in one SVG file that stands alone, with its own colours for light
//! and dark readers.
//!
//! The report's charts are parts of a page, whose style sheet and script they need; these need nothing. Scales, ticks
//! and paths are the same. Points are thin: a figure shows that two things agree, it is no copy of the data.

use super::report::page::PALETTE;
use super::report::svg::{Scale, Ticks, escape, nice_ticks, path, px, ribbon, text_width};
use std::fmt::Write as _;

const MARGIN: f64 = 16.0;
const GAP: f64 = 22.0;
const PANEL_WIDTH: f64 = 430.0;
/// Room for the labels beside and below a panel's axes.
const LEFT: f64 = 50.0;
const RIGHT: f64 = 10.0;
const BELOW: f64 = 40.0;
const LINE: f64 = 16.0;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A line through the points.
    Line,
    /// A line that is broken, for what is only aimed at or assumed.
    Dashed,
    /// A dot for every point.
    Points,
    /// The area between the values and [`Series::low`].
    Band,
}

/// Values over the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend; none when empty.
    pub name: String,
    /// One of eight colours.
    pub colour: usize,
    /// How it is drawn.
    pub mark: Mark,
    /// Horizontal values.
    pub x: Vec<f64>,
    /// Values; a line breaks where one is not finite.
    pub y: Vec<f64>,
    /// Lower edge of a band.
    pub low: Vec<f64>,
}

impl Series {
    /// A line.
    #[must_use]
    pub fn line(name: impl Into<String>, colour: usize, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self { name: name.into(), colour, mark: Mark::Line, x, y, low: Vec::new() }
    }

    /// A broken line.
    #[must_use]
    pub fn dashed(name: impl Into<String>, colour: usize, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self { mark: Mark::Dashed, ..Self::line(name, colour, x, y) }
    }

    /// Dots.
    #[must_use]
    pub fn points(name: impl Into<String>, colour: usize, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self { mark: Mark::Points, ..Self::line(name, colour, x, y) }
    }

    /// An area between two edges.
    #[must_use]
    pub fn band(
        name: impl Into<String>,
        colour: usize,
        x: Vec<f64>,
        (low, high): (Vec<f64>, Vec<f64>),
    ) -> Self {
        Self { mark: Mark::Band, low, ..Self::line(name, colour, x, high) }
    }

    /// At most so many of its points, the first and the last among them.
    #[must_use]
    pub fn thinned(mut self, most: usize) -> Self {
        let count = self.x.len();
        if count <= most || most < 2 {
            return self;
        }
        let kept: Vec<usize> = (0..most).map(|k| k * (count - 1) / (most - 1)).collect();
        let of = |values: &[f64]| kept.iter().filter_map(|k| values.get(*k).copied()).collect::<Vec<f64>>();
        (self.x, self.y, self.low) = (of(&self.x), of(&self.y), of(&self.low));
        self
    }
}

/// One pair of axes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Panel {
    /// Heading.
    pub title: String,
    /// What runs along, with its unit.
    pub x_label: String,
    /// What is shown, with its unit.
    pub y_label: String,
    /// Height of the drawing.
    pub height: f64,
    /// Ends of the vertical axis; those of the data when left out. What lies beyond is cut off.
    pub y_range: Option<(f64, f64)>,
    /// Whether the horizontal axis is logarithmic.
    pub is_log: bool,
    /// What is drawn, in this order.
    pub series: Vec<Series>,
}

/// Panels with a heading and words about them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figure {
    /// Heading.
    pub title: String,
    /// What is shown and where it is from.
    pub note: String,
    /// Panels side by side.
    pub columns: usize,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
}

impl Figure {
    /// The file.
    #[must_use]
    pub fn svg(&self) -> String {
        let columns = self.columns.max(1);
        let width = columns as f64 * (PANEL_WIDTH + GAP) - GAP + 2.0 * MARGIN;
        let mut top = MARGIN + 14.0;
        let mut body =
            format!("<text class=\"head\" x=\"{MARGIN}\" y=\"{}\">{}</text>", px(top), escape(&self.title));
        for line in wrapped(&self.note, width - 2.0 * MARGIN) {
            top += LINE;
            let _ = write!(body, "<text x=\"{MARGIN}\" y=\"{}\">{}</text>", px(top), escape(&line));
        }
        top += 10.0;
        for (row, panels) in self.panels.chunks(columns).enumerate() {
            let head = panels.iter().map(Panel::head).fold(0.0, f64::max);
            let tallest = panels.iter().map(|panel| panel.height).fold(0.0, f64::max);
            for (column, panel) in panels.iter().enumerate() {
                let left = MARGIN + column as f64 * (PANEL_WIDTH + GAP);
                panel.draw(&mut body, row * columns + column, (left, top, head));
            }
            top += head + tallest + BELOW + 8.0;
        }
        let height = top + MARGIN - 8.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" \
             aria-label=\"{2}\"><title>{2}</title><desc>{3}</desc><style>{PALETTE}{STYLE}</style>\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>{body}</svg>\n",
            px(width),
            px(height),
            escape(&self.title),
            escape(&self.note),
        )
    }
}

const STYLE: &str = "
text{font:12px system-ui,'Segoe UI',Roboto,'Noto Sans',Arial,sans-serif;fill:var(--soft)}
.head{font-size:16px;font-weight:640;fill:var(--ink)}.sub{font-weight:600;fill:var(--ink)}.e{text-anchor:end}.m{text-anchor:middle}
.paper{fill:var(--paper)}.grid{stroke:var(--grid);fill:none}.zero,.axis{stroke:var(--axis);fill:none}
.l{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke:var(--c)}.dash{stroke-dasharray:5 4}
.o{fill:none;stroke-width:4;stroke-linecap:round;stroke:var(--c)}.b{fill:var(--c);opacity:.18}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}
";

/// Lines of words that are no wider.
fn wrapped(text: &str, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if 1.08 * (text_width(line) + text_width(word)) + 4.0 < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Lowest and highest finite value.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|v| v.is_finite()).fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((low, high)) => Some((f64::min(low, v), f64::max(high, v))),
    })
}

/// Round numbers 1, 2 and 5 times powers of ten within a range.
fn log_ticks((low, high): (f64, f64)) -> Vec<(f64, String)> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all = (first..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|m: f64| m * 10f64.powi(power)));
    all.filter(|v| (low * 0.999..=high * 1.001).contains(v)).map(|v| (v, format!("{v}"))).collect()
}

impl Panel {
    /// Entries of the legend: name, place from the left, row.
    fn legend(&self) -> Vec<(&Series, f64, usize)> {
        let (mut x, mut row) = (0.0, 0);
        let named = self.series.iter().filter(|series| !series.name.is_empty());
        named
            .map(|series| {
                let wide = 40.0 + text_width(&series.name);
                if x > 0.0 && x + wide > PANEL_WIDTH {
                    (x, row) = (0.0, row + 1);
                }
                let at = (series, x, row);
                x += wide;
                at
            })
            .collect()
    }

    /// Room above the axes.
    fn head(&self) -> f64 {
        let rows = self.legend().last().map_or(0, |(.., row)| row + 1);
        let title = if self.title.is_empty() { 0.0 } else { LINE + 2.0 };
        title + LINE * rows as f64 + LINE + 8.0
    }

    fn draw(&self, body: &mut String, number: usize, (left, top, head): (f64, f64, f64)) {
        let mut y = top;
        if !self.title.is_empty() {
            y += LINE - 2.0;
            let _ = write!(
                body,
                "<text class=\"sub\" x=\"{}\" y=\"{}\">{}</text>",
                px(left),
                px(y),
                escape(&self.title)
            );
            y += 4.0;
        }
        for (series, x, row) in self.legend() {
            let (x, y) = (left + x, y + LINE * row as f64 + 11.0);
            let shape = match series.mark {
                Mark::Line => format!("<path class=\"l\" d=\"M{} {}h16\"/>", px(x), px(y - 4.0)),
                Mark::Dashed => format!("<path class=\"l dash\" d=\"M{} {}h16\"/>", px(x), px(y - 4.0)),
                Mark::Points => format!("<path class=\"o\" d=\"M{} {}h0\"/>", px(x + 10.0), px(y - 4.0)),
                Mark::Band => format!("<path class=\"b\" d=\"M{} {}h16v8h-16z\"/>", px(x), px(y - 8.0)),
            };
            let _ = write!(
                body,
                "<g class=\"c{}\">{shape}</g><text x=\"{}\" y=\"{}\">{}</text>",
                series.colour % 8,
                px(x + 20.0),
                px(y),
                escape(&series.name)
            );
        }
        let (upper, lower) = (top + head, top + head + self.height);
        let along = |v: f64| if self.is_log { v.log10() } else { v };
        let Some(x_data) = extent(self.series.iter().flat_map(|s| s.x.iter().copied())) else { return };
        let values = self.series.iter().flat_map(|s| s.y.iter().chain(&s.low).copied());
        let Some(y_data) = self.y_range.or_else(|| extent(values)) else { return };
        let ticks = nice_ticks(y_data.0, y_data.1, if self.height < 120.0 { 3 } else { 5 });
        let ends = match self.y_range {
            Some(range) => range,
            None => reach(&ticks, y_data),
        };
        let x_scale = Scale {
            domain: (along(x_data.0), along(x_data.1)),
            range: (left + LEFT, left + PANEL_WIDTH - RIGHT),
        };
        let y_scale = Scale { domain: ends, range: (lower, upper) };
        self.draw_axes(body, (&ticks, ends, x_data), (x_scale, y_scale), (left, upper));
        let _ = write!(
            body,
            "<clipPath id=\"p{number}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath><g clip-path=\"url(#p{number})\">",
            px(x_scale.range.0),
            px(upper - 2.0),
            px(x_scale.range.1 - x_scale.range.0 + 3.0),
            px(self.height + 4.0)
        );
        for series in &self.series {
            let place = |values: &[f64]| -> Vec<(f64, f64)> {
                series.x.iter().zip(values).map(|(x, y)| (x_scale.at(along(*x)), y_scale.at(*y))).collect()
            };
            let points = place(&series.y);
            let (class, d) = match series.mark {
                Mark::Line => ("l", path(&points)),
                Mark::Dashed => ("l dash", path(&points)),
                Mark::Band => ("b", ribbon(&points, &place(&series.low))),
                Mark::Points => {
                    let seen = points.iter().filter(|(_, y)| y.is_finite());
                    ("o", seen.map(|(x, y)| format!("M{} {}h0", px(*x), px(*y))).collect())
                }
            };
            let _ = write!(body, "<path class=\"{class} c{}\" d=\"{d}\"/>", series.colour % 8);
        }
        body.push_str("</g>");
    }

    fn draw_axes(
        &self,
        body: &mut String,
        (ticks, ends, x_data): (&Ticks, (f64, f64), (f64, f64)),
        (x, y): (Scale, Scale),
        (left, upper): (f64, f64),
    ) {
        let (from, to) = x.range;
        let slack = 1e-9 * (ends.1 - ends.0);
        for (value, label) in ticks.values.iter().zip(ticks.labels()) {
            if !(ends.0 - slack..=ends.1 + slack).contains(value) {
                continue;
            }
            let (class, at) = (if *value == 0.0 { "zero" } else { "grid" }, y.at(*value));
            let _ = write!(
                body,
                "<path class=\"{class}\" d=\"M{} {}H{}\"/><text class=\"e\" x=\"{}\" y=\"{}\">{label}</text>",
                px(from),
                px(at),
                px(to),
                px(from - 6.0),
                px(at + 4.0)
            );
        }
        let _ = write!(
            body,
            "<text x=\"{}\" y=\"{}\">{}</text>",
            px(left),
            px(upper - 12.0),
            escape(&self.y_label)
        );
        let labels: Vec<(f64, String)> = if self.is_log {
            log_ticks(x_data)
        } else {
            let ticks = nice_ticks(x_data.0, x_data.1, 6);
            let slack = 1e-6 * (x_data.1 - x_data.0);
            let inside = |v: &f64| (x_data.0 - slack..=x_data.1 + slack).contains(v);
            ticks.values.iter().copied().zip(ticks.labels()).filter(|(v, _)| inside(v)).collect()
        };
        let bottom = y.range.0;
        let _ = write!(body, "<path class=\"axis\" d=\"M{} {}H{}\"/>", px(from), px(bottom), px(to));
        for (value, label) in labels {
            let at = x.at(if self.is_log { value.log10() } else { value });
            let _ = write!(
                body,
                "<path class=\"axis\" d=\"M{0} {1}v4\"/><text class=\"m\" x=\"{0}\" y=\"{2}\">{label}</text>",
                px(at),
                px(bottom),
                px(bottom + 16.0)
            );
        }
        let _ = write!(
            body,
            "<text class=\"e\" x=\"{}\" y=\"{}\">{}</text>",
            px(to),
            px(bottom + 32.0),
            escape(&self.x_label)
        );
    }
}

/// The axis reaches from the first tick to the last, and to values that stand out a little.
fn reach(ticks: &Ticks, (low, high): (f64, f64)) -> (f64, f64) {
    (
        ticks.values.first().map_or(low, |first| first.min(low)),
        ticks.values.last().map_or(high, |last| last.max(high)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        let x: Vec<f64> = (0..200).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| (x / 20.0).sin()).collect();
        let low = y.iter().map(|y| y - 0.2).collect();
        let high = y.iter().map(|y| y + 0.2).collect();
        let panel = Panel {
            title: "A < B".into(),
            x_label: "t [s]".into(),
            y_label: "V".into(),
            height: 160.0,
            series: vec![
                Series::band("within", 2, x.clone(), (low, high)),
                Series::line("model", 0, x.clone(), y.clone()),
                Series::points("reference", 1, x, y).thinned(21),
            ],
            ..Panel::default()
        };
        Figure {
            title: "Title".into(),
            note: "word ".repeat(60),
            columns: 2,
            panels: vec![panel.clone(), panel],
        }
    }

    #[test]
    fn a_figure_stands_alone_and_is_the_same_every_time() {
        let svg = figure().svg();
        assert!(
            svg.starts_with("<svg xmlns=")
                && svg.contains("--c0:")
                && svg.contains("prefers-color-scheme: dark")
        );
        assert!(svg.contains("A &lt; B") && !svg.contains("NaN"));
        // The dots of both panels: 21 each, and one in each legend.
        assert_eq!(svg.matches("h0").count(), 2 * (21 + 1));
        assert_eq!(svg, figure().svg());
    }

    #[test]
    fn thinning_keeps_both_ends_and_leaves_short_series_alone() {
        let series = Series::points("", 0, (0..100).map(f64::from).collect(), vec![0.0; 100]).thinned(7);
        assert_eq!((series.x.len(), series.x[0], series.x[6]), (7, 0.0, 99.0));
        assert_eq!(series.clone().thinned(50), series);
    }

    #[test]
    fn logarithmic_axes_have_round_labels() {
        let labels: Vec<String> = log_ticks((0.25, 10.0)).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0.5", "1", "2", "5", "10"]);
    }
}
