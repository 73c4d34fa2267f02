//! Charts: bars of amounts, lines over numbers or time.

use super::face::Weight;
use super::flow::{MARGIN, MEASURE, Paper, SMALL};
use super::ink::{Area, Tint};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Colours of series, in their order.
const TINTS: [Tint; 4] = [Tint::GREEN, Tint::BLUE, Tint::AMBER, Tint::RED];
/// Height of a bar and of what is between two.
const BAR: f32 = 11.0;
const BAR_STEP: f32 = 17.0;
/// Height of the field of a chart of lines.
const FIELD: f32 = 132.0;
/// Size of what is written on a chart.
const SIZE: f32 = 7.2;

/// Amounts side by side, also negative ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bars {
    /// What is shown.
    pub(crate) caption: String,
    /// Unit of the amounts.
    pub(crate) unit: String,
    /// Decimals that are printed.
    pub(crate) decimals: usize,
    /// Names and amounts, from top to bottom.
    pub(crate) bars: Vec<(String, f64)>,
}

/// What runs along the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum X {
    /// Numbers of something, as "cycles".
    Number(String),
    /// Milliseconds since 1970, written as dates.
    Time,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// What it shows.
    pub(crate) name: String,
    /// Its points, x ascending.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Lines in one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lines {
    /// What is shown.
    pub(crate) caption: String,
    /// The horizontal axis.
    pub(crate) x: X,
    /// Unit of the vertical axis.
    pub(crate) unit: String,
    /// The lines, up to four.
    pub(crate) series: Vec<Series>,
    /// Levels that are marked, with what they are.
    pub(crate) levels: Vec<(String, f64)>,
}

impl Paper {
    /// Bars from left to right.
    pub(crate) fn bars(&mut self, chart: &Bars) {
        let finite = chart.bars.iter().map(|&(_, value)| value).filter(|value| value.is_finite());
        let (low, high) = finite.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        if high <= low {
            return self.note(&format!("{}: all amounts are nought.", chart.caption));
        }
        self.room(18.0 + chart.bars.len().min(30) as f32 * BAR_STEP);
        self.caption(&format!("{} [{}]", chart.caption, chart.unit));
        let written: Vec<String> =
            chart.bars.iter().map(|(_, value)| grouped(*value, chart.decimals)).collect();
        let widest =
            written.iter().map(|text| self.faces.width(text, Weight::Bold, SMALL)).fold(0.0, f32::max);
        let named = chart.bars.iter().map(|(name, _)| self.faces.width(name, Weight::Regular, SMALL));
        let names = named.fold(0.0, f32::max).min(MEASURE * 0.42) + 8.0;
        // Room for the amounts beside the bars on either side.
        let (left, right) = (if low < 0.0 { widest + 8.0 } else { 0.0 }, widest + 8.0);
        let scale = (MEASURE - names - left - right) / (high - low) as f32;
        let zero = MARGIN + names + left + (-low) as f32 * scale;
        for ((name, value), written) in chart.bars.iter().zip(written) {
            self.room(BAR_STEP);
            let (y, baseline) = (self.y, self.y + BAR * 0.76);
            let name = self.faces.fitted(name, Weight::Regular, SMALL, names - 6.0);
            self.text(MARGIN, baseline, &name, Weight::Regular, SMALL, Tint::INK);
            let length = if value.is_finite() { value.abs() as f32 * scale } else { 0.0 };
            let negative = *value < 0.0;
            let x = if negative { zero - length } else { zero };
            let tint = if negative { Tint::BLUE } else { Tint::GREEN };
            if length > 0.0 {
                self.boxes(vec![Area { x, y, width: length, height: BAR }], tint);
            }
            let at = if negative {
                x - 4.0 - self.faces.width(&written, Weight::Bold, SMALL)
            } else {
                x + length + 4.0
            };
            self.text(at, baseline, &written, Weight::Bold, SMALL, Tint::INK);
            self.line(vec![(zero, y - 3.0), (zero, y + BAR + 3.0)], 0.6, Tint::MUTED);
            self.y += BAR_STEP;
        }
        self.y += 6.0;
    }

    /// Lines in a field with axes.
    pub(crate) fn lines(&mut self, chart: &Lines) {
        let points = || {
            let all = chart.series.iter().flat_map(|series| &series.points);
            all.copied().filter(|(x, y)| x.is_finite() && y.is_finite())
        };
        let levels = || chart.levels.iter().map(|&(_, level)| level);
        let Some((left, right)) = bounds(points().map(|(x, _)| x)) else {
            return self.note(&format!("{}: nothing was recorded.", chart.caption));
        };
        let Some((low, high)) = bounds(points().map(|(_, y)| y).chain(levels())) else { return };
        let ticks = ticks(low, high);
        let (low, high) = (low.min(ticks[0]), high.max(ticks[ticks.len() - 1]));
        self.room(FIELD + 52.0);
        self.caption(&format!("{} [{}]", chart.caption, chart.unit));
        self.legend(chart);
        let decimals = decimals(&ticks);
        let names: Vec<String> = ticks.iter().map(|&tick| grouped(tick, decimals)).collect();
        let axis = names.iter().map(|name| self.faces.width(name, Weight::Regular, SIZE)).fold(0.0, f32::max);
        let (x0, y0) = (MARGIN + axis + 6.0, self.y + 4.0);
        let (width, height) = (MEASURE - axis - 12.0, FIELD);
        let across = |x: f64| x0 + ((x - left) / (right - left)) as f32 * width;
        let down = |y: f64| y0 + ((high - y) / (high - low)) as f32 * height;
        for (tick, name) in ticks.iter().zip(&names) {
            let y = down(*tick);
            self.line(vec![(x0, y), (x0 + width, y)], 0.4, Tint::RULE);
            let at = x0 - 4.0 - self.faces.width(name, Weight::Regular, SIZE);
            self.text(at, y + 2.4, name, Weight::Regular, SIZE, Tint::MUTED);
        }
        for (name, level) in &chart.levels {
            let y = down(*level);
            // Dashes, so that it is not taken for a series in black and white.
            for dash in 0..(width / 6.0) as usize {
                let x = x0 + dash as f32 * 6.0;
                self.line(vec![(x, y), (x + 3.4, y)], 0.7, Tint::RED);
            }
            let at = x0 + width - self.faces.width(name, Weight::Regular, SIZE);
            self.text(at, y - 2.6, name, Weight::Regular, SIZE, Tint::RED);
        }
        self.line(vec![(x0, y0), (x0, y0 + height), (x0 + width, y0 + height)], 0.7, Tint::MUTED);
        self.marks_below(chart, left, right, (x0, width, y0 + height));
        for (series, tint) in chart.series.iter().zip(TINTS) {
            let points = series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
            let points: Vec<(f32, f32)> = points.map(|&(x, y)| (across(x), down(y))).collect();
            if let [(x, y)] = *points.as_slice() {
                self.boxes(vec![Area { x: x - 1.6, y: y - 1.6, width: 3.2, height: 3.2 }], tint);
            }
            self.line(points, 1.2, tint);
        }
        self.y = y0 + height + 30.0;
    }

    /// What stands below the horizontal axis.
    fn marks_below(&mut self, chart: &Lines, left: f64, right: f64, (x0, width, y): (f32, f32, f32)) {
        let (places, names): (Vec<f64>, Vec<String>) = match &chart.x {
            X::Number(_) => {
                let inside: Vec<f64> =
                    ticks(left, right).into_iter().filter(|tick| (left..=right).contains(tick)).collect();
                let decimals = decimals(&inside);
                let names = inside.iter().map(|&tick| grouped(tick, decimals)).collect();
                (inside, names)
            }
            X::Time => {
                let places: Vec<f64> = (0..=4).map(|n| left + (right - left) * f64::from(n) / 4.0).collect();
                let names = places.iter().map(|&at| instant(at, right - left)).collect();
                (places, names)
            }
        };
        for (place, name) in places.iter().zip(&names) {
            let x = x0 + ((place - left) / (right - left)) as f32 * width;
            self.line(vec![(x, y), (x, y + 2.6)], 0.6, Tint::MUTED);
            let wide = self.faces.width(name, Weight::Regular, SIZE);
            let at = (x - wide / 2.0).min(MARGIN + MEASURE - wide);
            self.text(at, y + 10.4, name, Weight::Regular, SIZE, Tint::MUTED);
        }
        if let X::Number(name) = &chart.x {
            let at = x0 + width - self.faces.width(name, Weight::Regular, SIZE);
            self.text(at, y + 20.0, name, Weight::Regular, SIZE, Tint::MUTED);
        }
    }

    fn caption(&mut self, text: &str) {
        let line = self.faces.fitted(text, Weight::Bold, 8.6, MEASURE);
        self.text(MARGIN, self.y + 8.0, &line, Weight::Bold, 8.6, Tint::INK);
        self.y += 16.0;
    }

    /// What each line is; one alone needs no legend.
    fn legend(&mut self, chart: &Lines) {
        if chart.series.len() < 2 {
            return;
        }
        let mut x = MARGIN;
        for (series, tint) in chart.series.iter().zip(TINTS) {
            self.boxes(vec![Area { x, y: self.y + 3.0, width: 12.0, height: 2.4 }], tint);
            let y = self.y + 7.0;
            self.text(x + 16.0, y, &series.name, Weight::Regular, SIZE, Tint::INK);
            x += 30.0 + self.faces.width(&series.name, Weight::Regular, SIZE);
        }
        self.y += 13.0;
    }
}

/// Smallest and largest of some numbers, never the same.
fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return None;
    }
    if low < high {
        return Some((low, high));
    }
    let beside = if low == 0.0 { 1.0 } else { low.abs() * 0.05 };
    Some((low - beside, high + beside))
}

/// Four to eight round numbers around a span: 1, 2 or 5 times a power of ten apart.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|&step| step >= rough);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    (first..=last).map(|n| n as f64 * step).collect()
}

/// Decimals that tell ticks apart.
fn decimals(ticks: &[f64]) -> usize {
    let [first, second, ..] = *ticks else { return 1 };
    (-(second - first).log10().floor()).clamp(0.0, 6.0) as usize
}

/// A number with decimals and thin spaces between thousands.
pub(crate) fn grouped(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let mut written = String::new();
    if value < 0.0 && text.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0') {
        written.push('−');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && whole.len() > 4 {
            written.push('\u{a0}');
        }
        written.push(digit);
    }
    if let Some(fraction) = fraction {
        written.push('.');
        written.push_str(fraction);
    }
    written
}

/// A time as its day, or with hour and minute where all is within three days.
fn instant(at_ms: f64, span_ms: f64) -> String {
    let Ok(at) = Timestamp::from_millisecond(at_ms as i64) else { return "–".to_owned() };
    let pattern = if span_ms < 3.0 * 86_400_000.0 { "%m-%d %H:%M" } else { "%Y-%m-%d" };
    at.to_zoned(TimeZone::UTC).strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_span() {
        assert_eq!(ticks(0.0, 100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let fine = ticks(99.2, 100.0);
        assert!(
            fine[0] <= 99.2 && fine[fine.len() - 1] >= 100.0 && (5..=8).contains(&fine.len()),
            "{fine:?}"
        );
        assert_eq!(ticks(-3.0, 7.0), [-4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0]);
    }

    #[test]
    fn numbers_are_written_in_groups() {
        let written: Vec<String> =
            [(12_580.0, 0), (850.0, 0), (-2_500.4, 1), (1_234_567.891, 2), (-0.04, 1), (f64::NAN, 1)]
                .map(|(value, decimals)| grouped(value, decimals))
                .to_vec();
        assert_eq!(written, ["12\u{a0}580", "850", "−2500.4", "1\u{a0}234\u{a0}567.89", "0.0", "–"]);
    }

    #[test]
    fn equal_values_still_have_a_span() {
        assert_eq!(bounds([5.0, 5.0].into_iter()), Some((4.75, 5.25)));
        assert_eq!(bounds([0.0].into_iter()), Some((-1.0, 1.0)));
        assert_eq!(bounds(std::iter::empty()), None);
    }
}
