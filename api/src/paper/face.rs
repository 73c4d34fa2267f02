//! The two faces that papers are set in: how wide text is, which glyphs it takes, where lines break.
//!
//! Liberation Sans, whose widths are Arial's, under the SIL Open Font License 1.1 (`fonts/LICENSE.txt`). A PDF carries
//! only the glyphs it uses.
//!
//! Limits: no kerning and no shaping, which Latin, Greek and Cyrillic do without; a character that the face lacks
//! (Hangul, Chinese) is set as a box.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

const REGULAR: &[u8] = include_bytes!("fonts/LiberationSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("fonts/LiberationSans-Bold.ttf");
/// What is set for a character that the face lacks: a white square, which it has.
const LACKING: char = '\u{25a1}';

/// Which of the two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// For text.
    Regular,
    /// For heads and figures.
    Bold,
}

/// Both faces, ready to measure.
pub(super) struct Faces {
    regular: Face,
    bold: Face,
}

struct Face {
    font: Font,
    charmap: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
    units_per_em: f32,
}

impl Face {
    fn of(bytes: &'static [u8]) -> Self {
        let font = Font::new(bytes.into(), 0).expect("the face comes with the program");
        let face = FontRef::new(bytes).expect("the face comes with the program");
        let units_per_em = font.units_per_em();
        let metrics = face.glyph_metrics(Size::unscaled(), LocationRef::default());
        Self { font, charmap: face.charmap(), metrics, units_per_em }
    }

    /// Glyph of a character and its advance in ems.
    fn glyph(&self, character: char) -> (u32, f32) {
        let glyph = self.charmap.map(character).or_else(|| self.charmap.map(LACKING)).unwrap_or_default();
        (glyph.to_u32(), self.metrics.advance_width(glyph).unwrap_or(0.0) / self.units_per_em)
    }
}

impl Faces {
    pub(super) fn new() -> Self {
        Self { regular: Face::of(REGULAR), bold: Face::of(BOLD) }
    }

    fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    pub(super) fn font(&self, weight: Weight) -> Font {
        self.face(weight).font.clone()
    }

    /// Width of text on one line, in the unit of its size.
    pub(super) fn width(&self, text: &str, weight: Weight, size: f32) -> f32 {
        let face = self.face(weight);
        text.chars().map(|character| face.glyph(character).1).sum::<f32>() * size
    }

    /// Text as glyphs with the bytes that each stands for.
    pub(super) fn glyphs(&self, text: &str, weight: Weight) -> Vec<KrillaGlyph> {
        let face = self.face(weight);
        let one = |(at, character): (usize, char)| {
            let (glyph, advance) = face.glyph(character);
            KrillaGlyph::new(GlyphId::new(glyph), advance, 0.0, 0.0, 0.0, at..at + character.len_utf8(), None)
        };
        text.char_indices().map(one).collect()
    }

    /// Text in lines of at most a width. Breaks at spaces, and inside a word only where it fills a line alone: after
    /// `/`, `-`, `_`, `.`, `:` or `&` where there is one, and anywhere where there is none.
    pub(super) fn lines(&self, text: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let mut line = String::new();
            for word in paragraph.split_whitespace() {
                let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
                if self.width(&longer, weight, size) <= width {
                    line = longer;
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                let mut rest = word;
                while self.width(rest, weight, size) > width {
                    let at = self.cut(rest, weight, size, width);
                    lines.push(rest[..at].to_owned());
                    rest = &rest[at..];
                }
                rest.clone_into(&mut line);
            }
            lines.push(line);
        }
        lines
    }

    /// Where a word that is wider than a line is cut: at least one character goes on the line.
    fn cut(&self, word: &str, weight: Weight, size: f32, width: f32) -> usize {
        let face = self.face(weight);
        let (mut taken, mut end, mut slash, mut other) = (0.0, 0, None, None);
        for (at, character) in word.char_indices() {
            taken += face.glyph(character).1 * size;
            if taken > width && end > 0 {
                break;
            }
            end = at + character.len_utf8();
            match character {
                '/' => slash = Some(end),
                '-' | '_' | '.' | ':' | '&' | '?' | '=' => other = Some(end),
                _ => {}
            }
        }
        // A cut far to the left would leave the line nearly empty.
        let fits = |at: &usize| at * 2 > end && *at < word.len();
        slash.filter(fits).or(other.filter(fits)).unwrap_or(end)
    }

    /// Text cut to one line of a width, with an ellipsis where something is left out.
    pub(super) fn fitted(&self, text: &str, weight: Weight, size: f32, width: f32) -> String {
        if self.width(text, weight, size) <= width {
            return text.to_owned();
        }
        let mut kept = text.to_owned();
        while kept.pop().is_some() {
            let shorter = format!("{}…", kept.trim_end());
            if self.width(&shorter, weight, size) <= width {
                return shorter;
            }
        }
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_face() {
        let faces = Faces::new();
        // Advance widths of Liberation Sans: i 455, W 1933, space 569 of 2048 units; bold i 569.
        let width = |text, weight| faces.width(text, weight, 2_048.0);
        assert_eq!(width("iW ", Weight::Regular), 455.0 + 1_933.0 + 569.0);
        assert_eq!(width("i", Weight::Bold), 569.0);
    }

    #[test]
    fn lines_hold_all_words_and_are_no_wider_than_asked() {
        let faces = Faces::new();
        let text = "One kilowatt hour of the total energy that the battery delivers over its service life";
        for width in [40.0, 90.0, 200.0, 2_000.0] {
            let lines = faces.lines(text, Weight::Regular, 9.0, width);
            assert!(lines.iter().all(|line| faces.width(line, Weight::Regular, 9.0) <= width), "{lines:?}");
            let (all, given): (String, String) = (lines.concat(), text.into());
            assert_eq!(all.replace(' ', ""), given.replace(' ', ""));
        }
    }

    #[test]
    fn a_long_address_breaks_where_its_parts_end() {
        let faces = Faces::new();
        let lines = faces.lines(
            "https://example.com/01/09506000134352/21/SN-2025-001234",
            Weight::Regular,
            9.0,
            120.0,
        );
        assert!(lines.len() > 1);
        assert!(lines[0].ends_with('/'), "{lines:?}");
        assert_eq!(lines.concat(), "https://example.com/01/09506000134352/21/SN-2025-001234");
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        let faces = Faces::new();
        assert_eq!(faces.fitted("short", Weight::Regular, 9.0, 100.0), "short");
        let cut = faces.fitted("a long line that does not fit", Weight::Regular, 9.0, 60.0);
        assert!(cut.ends_with('…') && faces.width(&cut, Weight::Regular, 9.0) <= 60.0, "{cut}");
    }
}
