//! Tables that break over pages and repeat their head.

use super::face::Weight;
use super::flow::{BODY, MARGIN, MEASURE, Paper, SMALL};
use super::ink::{Area, Tint};

/// From line to line in a cell.
const LEADING: f32 = 10.8;
/// Above and below the lines of a row.
const PAD: f32 = 3.2;
/// Left and right in a cell.
const SIDE: f32 = 5.0;
/// Size of cells' text.
const SIZE: f32 = 8.2;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    head: String,
    share: f32,
    align: Align,
}

impl Column {
    /// Words, with a share of the width.
    pub(crate) fn text(head: &str, share: f32) -> Self {
        Self { head: head.to_owned(), share, align: Align::Left }
    }

    /// Numbers, with a share of the width.
    pub(crate) fn number(head: &str, share: f32) -> Self {
        Self { head: head.to_owned(), share, align: Align::Right }
    }
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    text: String,
    weight: Weight,
    tint: Tint,
}

impl Cell {
    /// Text that is to be seen first.
    pub(crate) fn strong(text: impl Into<String>) -> Self {
        Self { text: text.into(), weight: Weight::Bold, tint: Tint::INK }
    }

    /// Text of a colour.
    pub(crate) fn tinted(text: impl Into<String>, tint: Tint) -> Self {
        Self { text: text.into(), weight: Weight::Bold, tint }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), weight: Weight::Regular, tint: Tint::INK }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// Its columns.
    pub(crate) columns: Vec<Column>,
    /// Its rows; a cell a column.
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A cell broken into lines.
struct Set<'a> {
    cell: &'a Cell,
    lines: Vec<String>,
}

impl Paper {
    /// A table. Rows stay whole unless one is higher than a page.
    pub(crate) fn table(&mut self, table: &Table) {
        let shares: f32 = table.columns.iter().map(|column| column.share).sum();
        let widths: Vec<f32> = table.columns.iter().map(|column| MEASURE * column.share / shares).collect();
        let heads: Vec<Cell> = table
            .columns
            .iter()
            .map(|column| Cell { text: column.head.clone(), weight: Weight::Bold, tint: Tint::INK })
            .collect();
        let head = self.cells(&heads, &widths, SMALL);
        let head_height = height(&head);
        let rows: Vec<Vec<Set<'_>>> = table.rows.iter().map(|row| self.cells(row, &widths, SIZE)).collect();
        let first = rows.first().map_or(0.0, |row| height(row));
        self.room((head_height + first).min(BODY));
        self.head(&head, table, &widths);
        for mut row in rows {
            loop {
                let whole = height(&row);
                if whole <= self.left() {
                    self.row(&row, table, &widths, SIZE);
                    break;
                }
                // Onto the next page, if it fits there; otherwise as much of it as fits here.
                let fits = ((self.left() - 2.0 * PAD) / LEADING).floor().max(0.0) as usize;
                if whole > BODY - head_height && fits > 0 {
                    let rest = row.iter_mut().map(|set| {
                        let at = fits.min(set.lines.len());
                        Set { cell: set.cell, lines: set.lines.split_off(at) }
                    });
                    let rest: Vec<Set<'_>> = rest.collect();
                    self.row(&row, table, &widths, SIZE);
                    row = rest;
                }
                self.room(BODY);
                self.head(&head, table, &widths);
            }
        }
        self.y += 10.0;
    }

    fn cells<'a>(&self, cells: &'a [Cell], widths: &[f32], size: f32) -> Vec<Set<'a>> {
        let set = |(cell, width): (&'a Cell, &f32)| Set {
            cell,
            lines: self.faces.lines(&cell.text, cell.weight, size, width - 2.0 * SIDE),
        };
        cells.iter().zip(widths).map(set).collect()
    }

    fn head(&mut self, head: &[Set<'_>], table: &Table, widths: &[f32]) {
        let area = Area { x: MARGIN, y: self.y, width: MEASURE, height: height(head) };
        self.boxes(vec![area], Tint::SHADE);
        self.row(head, table, widths, SMALL);
    }

    fn row(&mut self, row: &[Set<'_>], table: &Table, widths: &[f32], size: f32) {
        let mut x = MARGIN;
        for ((set, column), width) in row.iter().zip(&table.columns).zip(widths) {
            let mut y = self.y + PAD + size * 0.9;
            for line in &set.lines {
                let at = match column.align {
                    Align::Left => x + SIDE,
                    Align::Right => x + width - SIDE - self.faces.width(line, set.cell.weight, size),
                };
                self.text(at, y, line, set.cell.weight, size, set.cell.tint);
                y += LEADING;
            }
            x += width;
        }
        self.y += height(row);
        self.rule(Tint::RULE, 0.4);
    }
}

fn height(row: &[Set<'_>]) -> f32 {
    let lines = row.iter().map(|set| set.lines.len()).max().unwrap_or(0).max(1);
    lines as f32 * LEADING + 2.0 * PAD
}
