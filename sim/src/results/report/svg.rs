//! Drawing primitives: text that is safe in a page, scales, ticks, paths.
//!
//! Colours are never given here. Shapes carry classes (`v0` … `v7` for variants), and the page's style sheet
//! colours them, so that one drawing serves light, dark and printed pages.

use std::fmt::Write as _;

/// Text that is safe between tags and inside quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}

/// A coordinate to a tenth of a pixel.
#[must_use]
pub fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

/// Maps values to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Values at the two ends.
    pub domain: (f64, f64),
    /// Pixels at the two ends.
    pub range: (f64, f64),
}

impl Scale {
    /// The pixel of a value.
    #[must_use]
    pub fn at(&self, value: f64) -> f64 {
        let (from, to) = self.domain;
        let share = if to > from { (value - from) / (to - from) } else { 0.5 };
        self.range.0 + share * (self.range.1 - self.range.0)
    }
}

/// Round values to label an axis with.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    /// The values, ascending.
    pub values: Vec<f64>,
    /// Decimals that tell them apart.
    pub decimals: usize,
}

impl Ticks {
    /// Labels in the order of the values.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let label = |value: &f64| {
            crate::results::number::typeset(&crate::results::number::grouped(*value, self.decimals))
        };
        self.values.iter().map(label).collect()
    }
}

/// Ticks at multiples of 1, 2 or 5 × a power of ten that enclose `min..max`, about `count` of them.
///
/// A value that stands out by less than a seventh of a step gets no tick of its own: a fleet that starts at
/// 100.5 % does not need an axis up to 105 %.
///
/// Source: Heckbert, *Nice Numbers for Graph Labels*, Graphics Gems (1990).
#[must_use]
pub fn nice_ticks(min: f64, max: f64, count: usize) -> Ticks {
    let (min, max) = spread_apart(min, max);
    let rough = (max - min) / count.max(2) as f64;
    let power = rough.log10().floor();
    let base = 10_f64.powf(power);
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * base)
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(10.0 * base);
    let first = (min / step + 1.0 / 7.0).floor() as i64;
    let last = ((max / step - 1.0 / 7.0).ceil() as i64).max(first + 1);
    let decimals = usize::try_from(-(step.log10() + 1e-9).floor() as i64).unwrap_or(0).min(9);
    Ticks { values: (first..=last).map(|index| index as f64 * step).collect(), decimals }
}

/// A range that has an extent, also where all values are equal.
fn spread_apart(min: f64, max: f64) -> (f64, f64) {
    if !(min.is_finite() && max.is_finite()) {
        return (0.0, 1.0);
    }
    let tiny = min.abs().max(max.abs()) * 1e-6;
    if max - min > tiny {
        return (min, max);
    }
    match min {
        0.0 => (0.0, 1.0),
        _ => (min - min.abs() * 0.05, max + max.abs() * 0.05),
    }
}

/// Path through points; a gap (a value that is not finite) starts a new piece.
#[must_use]
pub fn path(points: &[(f64, f64)]) -> String {
    let mut d = String::new();
    for piece in points.split(|point| !point.1.is_finite()) {
        for (index, (x, y)) in simplified(piece).into_iter().enumerate() {
            let _ = write!(d, "{}{} {}", if index == 0 { 'M' } else { 'L' }, px(x), px(y));
        }
    }
    d
}

/// Closed path between an upper and a lower edge; points with a gap in either are left out.
#[must_use]
pub fn ribbon(upper: &[(f64, f64)], lower: &[(f64, f64)]) -> String {
    let whole = |edge: &[(f64, f64)], other: &[(f64, f64)]| -> Vec<(f64, f64)> {
        edge.iter().zip(other).filter(|(a, b)| a.1.is_finite() && b.1.is_finite()).map(|(a, _)| *a).collect()
    };
    let mut outline = simplified(&whole(upper, lower));
    outline.extend(simplified(&whole(lower, upper)).into_iter().rev());
    let mut d = String::new();
    for (index, (x, y)) in outline.iter().enumerate() {
        let _ = write!(d, "{}{} {}", if index == 0 { 'M' } else { 'L' }, px(*x), px(*y));
    }
    if !d.is_empty() {
        d.push('Z');
    }
    d
}

/// Stairs over bins: `edges` has one value more than `heights`.
#[must_use]
pub fn stairs(edges: &[f64], heights: &[f64]) -> Vec<(f64, f64)> {
    heights.iter().zip(edges.windows(2)).flat_map(|(y, edge)| [(edge[0], *y), (edge[1], *y)]).collect()
}

/// Leaves out points that lie within a quarter of a pixel of the line without them (Douglas & Peucker 1973).
fn simplified(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const TOLERANCE: f64 = 0.25;
    if points.len() < 3 {
        return points.to_vec();
    }
    let mut kept = vec![false; points.len()];
    (kept[0], kept[points.len() - 1]) = (true, true);
    let mut pending = vec![(0, points.len() - 1)];
    while let Some((from, to)) = pending.pop() {
        let farthest = (from + 1..to)
            .map(|index| (index, distance(points[index], points[from], points[to])))
            .fold((from, TOLERANCE), |best, next| if next.1 > best.1 { next } else { best });
        if farthest.0 > from {
            kept[farthest.0] = true;
            pending.push((from, farthest.0));
            pending.push((farthest.0, to));
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// Distance of a point from the line through two others.
fn distance(point: (f64, f64), from: (f64, f64), to: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length == 0.0 {
        return (point.0 - from.0).hypot(point.1 - from.1);
    }
    ((point.0 - from.0) * dy - (point.1 - from.1) * dx).abs() / length
}

/// Width of a text at the axis' size, for margins: digits are as wide as `n`, others nearly so.
///
/// Names of rows are set a size larger, see [`name_width`].
#[must_use]
pub fn text_width(text: &str) -> f64 {
    text.chars().map(|letter| if matches!(letter, ',' | '.' | ' ') { 3.4 } else { 6.7 }).sum()
}

/// Width of a row's name.
#[must_use]
pub fn name_width(text: &str) -> f64 {
    1.12 * text_width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        assert_eq!(nice_ticks(0.0, 97.0, 5).values, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let ticks = nice_ticks(83.2, 99.7, 4);
        assert_eq!(ticks.values, [80.0, 85.0, 90.0, 95.0, 100.0]);
        assert_eq!(nice_ticks(0.0, 0.034, 4).labels(), ["0.00", "0.01", "0.02", "0.03", "0.04"]);
        assert_eq!(nice_ticks(0.0, 48_000.0, 4).labels()[1], "20,000");
        assert_eq!(nice_ticks(5.0, 5.0, 4).values.len(), 5);
        assert_eq!(nice_ticks(f64::NAN, 1.0, 4).values.first(), Some(&0.0));
        assert_eq!(nice_ticks(-3.0, 4.0, 4).labels()[0], "\u{2212}4");
    }

    #[test]
    fn straight_lines_keep_their_ends_only() {
        let line: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), f64::from(i) * 0.5)).collect();
        assert_eq!(path(&line), "M0 0L99 49.5");
        assert_eq!(path(&[(0.0, 1.0), (1.0, f64::NAN), (2.0, 1.0), (3.0, 1.0)]), "M0 1M2 1L3 1");
    }

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escape("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }
}
