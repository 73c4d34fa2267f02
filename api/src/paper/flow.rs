//! What flows down a paper: heads, paragraphs, figures, facts.

use super::PaperError;
use super::code::Code;
use super::face::{Faces, Weight};
use super::ink::{self, About, Area, Bookmark, Mark, PAGE_HEIGHT, PAGE_WIDTH, Tint};

/// Left and right margin.
pub(super) const MARGIN: f32 = 54.0;
/// Width of what is between them.
pub(super) const MEASURE: f32 = PAGE_WIDTH - 2.0 * MARGIN;
/// Where content begins on a page.
const TOP: f32 = 76.0;
/// Where content ends.
const BOTTOM: f32 = PAGE_HEIGHT - 66.0;
/// Height of a page's content.
pub(super) const BODY: f32 = BOTTOM - TOP;
/// Size of text.
pub(super) const TEXT: f32 = 9.0;
/// From line to line of text.
pub(super) const LEADING: f32 = 12.6;
/// Size of captions and notes.
pub(super) const SMALL: f32 = 7.8;
/// From line to line of them.
const SMALL_LEADING: f32 = 10.6;
/// Side of the code on a cover: 32 mm, which a telephone reads at arm's length.
const CODE_SIDE: f32 = 92.0;

/// A paper that is being set.
pub(crate) struct Paper {
    pub(super) faces: Faces,
    about: About,
    mark: String,
    pages: Vec<Vec<Mark>>,
    bookmarks: Vec<Bookmark>,
    /// Where the next thing goes on the last page.
    pub(super) y: f32,
}

/// How a paper begins.
pub(crate) struct Cover<'a> {
    /// What it is.
    pub(crate) title: &'a str,
    /// Of what.
    pub(crate) subtitle: &'a str,
    /// What else is said there, in small lines.
    pub(crate) lines: &'a [String],
    /// A code and the address that it holds, printed below it.
    pub(crate) code: Option<(&'a Code, &'a str)>,
}

/// A number that is to be seen first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// What it is.
    pub(crate) label: String,
    /// The number, as it is written.
    pub(crate) value: String,
    /// Its unit.
    pub(crate) unit: String,
}

impl Paper {
    /// An empty paper; `mark` is what it is known by, printed on every page.
    pub(crate) fn new(about: About, mark: &str) -> Self {
        let (faces, pages) = (Faces::new(), vec![Vec::new()]);
        Self { faces, about, mark: mark.to_owned(), pages, bookmarks: Vec::new(), y: MARGIN }
    }

    /// The head of the first page.
    pub(crate) fn cover(&mut self, cover: &Cover<'_>) {
        self.boxes(vec![Area { x: 0.0, y: 0.0, width: PAGE_WIDTH, height: 7.0 }], Tint::GREEN);
        let top = 44.0;
        let width = if cover.code.is_some() { MEASURE - CODE_SIDE - 24.0 } else { MEASURE };
        let mut y = top + 22.0;
        for line in self.faces.lines(cover.title, Weight::Bold, 24.0, width) {
            self.text(MARGIN, y, &line, Weight::Bold, 24.0, Tint::GREEN);
            y += 28.0;
        }
        y -= 6.0;
        for line in self.faces.lines(cover.subtitle, Weight::Bold, 12.5, width) {
            self.text(MARGIN, y, &line, Weight::Bold, 12.5, Tint::INK);
            y += 16.0;
        }
        y += 2.0;
        for line in cover.lines {
            for line in self.faces.lines(line, Weight::Regular, TEXT, width) {
                self.text(MARGIN, y, &line, Weight::Regular, TEXT, Tint::MUTED);
                y += LEADING;
            }
        }
        if let Some((code, url)) = cover.code {
            // Its dark modules end where the text's measure ends.
            let x = PAGE_WIDTH - MARGIN - CODE_SIDE + code.quiet(CODE_SIDE);
            let below = self.code_at(code, url, x, top - 8.0, CODE_SIDE);
            y = y.max(below + 2.0);
        }
        self.y = y;
        self.rule(Tint::GREEN, 0.9);
        self.y += 8.0;
    }

    /// A code with its address below, at a place; where it ends.
    fn code_at(&mut self, code: &Code, url: &str, x: f32, y: f32, side: f32) -> f32 {
        self.boxes(code.areas(x, y, side), Tint::BLACK);
        self.put(Mark::Link { area: Area { x, y, width: side, height: side }, url: url.to_owned() });
        // Below the dark modules, not below the quiet zone.
        let quiet = code.quiet(side);
        let mut y = y + side - quiet + 9.0;
        for line in self.faces.lines(url, Weight::Regular, 6.0, side - 2.0 * quiet) {
            self.text(x + quiet, y, &line, Weight::Regular, 6.0, Tint::MUTED);
            y += 7.4;
        }
        y
    }

    /// Codes in rows, each with a label above and its address below: a sheet of labels.
    pub(crate) fn codes(&mut self, codes: &[(String, Code, String)]) {
        const ACROSS: usize = 4;
        let step = MEASURE / ACROSS as f32;
        for row in codes.chunks(ACROSS) {
            self.room(CODE_SIDE + 44.0);
            let top = self.y;
            let mut end = top;
            for (at, (label, code, url)) in row.iter().enumerate() {
                let x = MARGIN + at as f32 * step;
                let label = self.faces.fitted(label, Weight::Bold, SMALL, CODE_SIDE);
                self.text(x + code.quiet(CODE_SIDE), top + 8.0, &label, Weight::Bold, SMALL, Tint::INK);
                end = end.max(self.code_at(code, url, x, top + 6.0, CODE_SIDE));
            }
            self.y = end + 10.0;
        }
    }

    /// Begins a part; a reader of the PDF can jump to it.
    pub(crate) fn heading(&mut self, text: &str) {
        // With at least three lines of what it heads.
        self.room(30.0 + 3.0 * LEADING);
        if self.y > TOP {
            self.y += 12.0;
        }
        let page = self.pages.len() - 1;
        self.bookmarks.push(Bookmark { text: text.to_owned(), page, y: self.y });
        self.boxes(vec![Area { x: MARGIN, y: self.y, width: 3.0, height: 13.0 }], Tint::GREEN);
        let line = self.faces.fitted(text, Weight::Bold, 12.5, MEASURE - 9.0);
        self.text(MARGIN + 9.0, self.y + 10.6, &line, Weight::Bold, 12.5, Tint::GREEN);
        self.y += 23.0;
    }

    /// A head within a part.
    pub(crate) fn subheading(&mut self, text: &str) {
        self.room(18.0 + 2.0 * LEADING);
        self.y += 4.0;
        let line = self.faces.fitted(text, Weight::Bold, 9.6, MEASURE);
        self.text(MARGIN, self.y + 8.0, &line, Weight::Bold, 9.6, Tint::INK);
        self.y += 16.0;
    }

    /// A paragraph.
    pub(crate) fn paragraph(&mut self, text: &str) {
        self.set(text, TEXT, LEADING, Tint::INK);
        self.y += 4.0;
    }

    /// Something that is good to know, small.
    pub(crate) fn note(&mut self, text: &str) {
        self.set(text, SMALL, SMALL_LEADING, Tint::MUTED);
        self.y += 4.0;
    }

    fn set(&mut self, text: &str, size: f32, leading: f32, tint: Tint) {
        for line in self.faces.lines(text, Weight::Regular, size, MEASURE) {
            self.room(leading);
            self.text(MARGIN, self.y + size * 0.86, &line, Weight::Regular, size, tint);
            self.y += leading;
        }
    }

    /// A few numbers side by side, up to four in a row.
    pub(crate) fn figures(&mut self, figures: &[Figure]) {
        const GAP: f32 = 8.0;
        const HEIGHT: f32 = 46.0;
        for row in figures.chunks(4) {
            self.room(HEIGHT);
            let across = figures.len().min(4) as f32;
            let width = (MEASURE - GAP * (across - 1.0)) / across;
            for (at, figure) in row.iter().enumerate() {
                let (x, y) = (MARGIN + at as f32 * (width + GAP), self.y);
                self.boxes(vec![Area { x, y, width, height: HEIGHT }], Tint::SHADE);
                let inner = width - 18.0;
                let label = self.faces.fitted(&figure.label, Weight::Regular, SMALL, inner);
                self.text(x + 9.0, y + 14.0, &label, Weight::Regular, SMALL, Tint::MUTED);
                let unit = self.faces.width(&figure.unit, Weight::Regular, SMALL);
                let mut size = 17.0;
                while size > 8.0 && self.faces.width(&figure.value, Weight::Bold, size) + unit + 4.0 > inner {
                    size -= 0.5;
                }
                let value = self.faces.fitted(&figure.value, Weight::Bold, size, inner - unit - 4.0);
                let after = self.faces.width(&value, Weight::Bold, size);
                self.text(x + 9.0, y + 36.0, &value, Weight::Bold, size, Tint::INK);
                self.text(x + 13.0 + after, y + 36.0, &figure.unit, Weight::Regular, SMALL, Tint::MUTED);
            }
            self.y += HEIGHT + GAP;
        }
        self.y += 2.0;
    }

    /// Names and what they stand for, a line between each.
    pub(crate) fn facts(&mut self, facts: &[(&str, String)]) {
        const NAME: f32 = 172.0;
        for (name, value) in facts {
            let names = self.faces.lines(name, Weight::Regular, TEXT, NAME - 10.0);
            let values = self.faces.lines(value, Weight::Regular, TEXT, MEASURE - NAME);
            let lines = names.len().max(values.len());
            self.room((lines as f32 * LEADING + 5.0).min(BODY));
            for at in 0..lines {
                self.room(LEADING + 5.0);
                let y = self.y + 10.4;
                if let Some(line) = names.get(at) {
                    self.text(MARGIN, y, line, Weight::Regular, TEXT, Tint::MUTED);
                }
                if let Some(line) = values.get(at) {
                    self.text(MARGIN + NAME, y, line, Weight::Regular, TEXT, Tint::INK);
                }
                self.y += LEADING;
            }
            self.y += 2.6;
            self.rule(Tint::RULE, 0.4);
            self.y += 0.6;
        }
        self.y += 8.0;
    }

    /// Leaves some room.
    pub(crate) fn gap(&mut self, height: f32) {
        self.y = (self.y + height).min(BOTTOM);
    }

    /// Goes to the next page where there is less than a height left on this one.
    pub(super) fn room(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > TOP {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
    }

    /// What is left of the page.
    pub(super) fn left(&self) -> f32 {
        BOTTOM - self.y
    }

    pub(super) fn put(&mut self, mark: Mark) {
        self.pages.last_mut().expect("a paper has a page").push(mark);
    }

    pub(super) fn text(&mut self, x: f32, y: f32, text: &str, weight: Weight, size: f32, tint: Tint) {
        if !text.is_empty() {
            self.put(Mark::Text { x, y, text: text.to_owned(), weight, size, tint });
        }
    }

    pub(super) fn boxes(&mut self, areas: Vec<Area>, tint: Tint) {
        self.put(Mark::Boxes { areas, tint });
    }

    pub(super) fn line(&mut self, points: Vec<(f32, f32)>, width: f32, tint: Tint) {
        self.put(Mark::Line { points, width, tint });
    }

    /// A line from margin to margin.
    pub(super) fn rule(&mut self, tint: Tint, width: f32) {
        let y = self.y;
        self.line(vec![(MARGIN, y), (PAGE_WIDTH - MARGIN, y)], width, tint);
    }

    /// The paper as PDF.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, PaperError> {
        let count = self.pages.len();
        for at in 0..count {
            let marks = self.running(at, count);
            self.pages[at].extend(marks);
        }
        ink::pdf(&self.about, &self.pages, std::mem::take(&mut self.bookmarks), &self.faces)
    }

    /// What stands on every page: title and mark above from the second on, author and number below.
    fn running(&self, at: usize, count: usize) -> Vec<Mark> {
        let right = PAGE_WIDTH - MARGIN;
        let text = |x: f32, y: f32, text: String| {
            let (weight, size, tint) = (Weight::Regular, SMALL, Tint::MUTED);
            Mark::Text { x, y, text, weight, size, tint }
        };
        let ending = |y: f32, line: &str| {
            text(right - self.faces.width(line, Weight::Regular, SMALL), y, line.to_owned())
        };
        let line =
            |y: f32| Mark::Line { points: vec![(MARGIN, y), (right, y)], width: 0.4, tint: Tint::RULE };
        let foot = PAGE_HEIGHT - 36.0;
        let fitted = |line: &str| self.faces.fitted(line, Weight::Regular, SMALL, MEASURE * 0.66);
        let mut marks = vec![
            line(foot - 12.0),
            text(MARGIN, foot, fitted(&self.about.author)),
            ending(foot, &format!("Page {} of {count}", at + 1)),
        ];
        if at > 0 {
            let head = 48.0;
            marks.extend([
                text(MARGIN, head, fitted(&self.about.title)),
                ending(head, &self.mark),
                line(head + 7.0),
            ]);
        }
        marks
    }

    /// How many pages there are so far.
    #[cfg(test)]
    pub(crate) fn page_count(&self) -> usize {
        self.pages.len()
    }
}
