//! Papers: PDF documents that a person prints, typeset here.
//!
//! ```text
//! Paper::new(About) ─► cover, heading, paragraph, figures, facts, table, bars, lines ─► pages of marks ─► finish ─► PDF
//! ```
//!
//! A4, vectors and text alone, the two faces embedded with the glyphs that are used. What is put on a paper flows from top
//! to bottom and over pages; heads stay with what they head, tables repeat theirs. The same content gives the same bytes.
//!
//! ```ignore
//! let mut paper = Paper::new(About { title, subject, author, at }, "BP-2025-000001");
//! paper.cover(&Cover { title: "Battery passport", subtitle: "…", lines: &[], code: Some((&code, url)) });
//! paper.heading("Carbon footprint");
//! paper.bars(&Bars { caption: "By stage", unit: "kg CO2e", decimals: 0, bars: vec![("Production".into(), 11_730.0)] });
//! let bytes = paper.finish()?;
//! ```

mod chart;
mod code;
mod face;
mod flow;
mod ink;
mod table;

pub(crate) use chart::{Bars, Lines, Series, X, grouped};
pub(crate) use code::{Code, CodeError, Correction, PIXELS};
pub(crate) use face::Weight;
pub(crate) use flow::{Cover, Figure, Paper};
pub(crate) use ink::{About, Tint};
pub(crate) use table::{Align, Cell, Column, Table};

use thiserror::Error;

/// Why there is no paper.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PaperError {
    /// The PDF could not be written.
    #[error("the PDF could not be written: {detail}")]
    Pdf {
        /// What the writer says.
        detail: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::time::Time;

    fn about() -> About {
        About {
            title: "Battery passport BP-2025-000001".into(),
            subject: "A test".into(),
            author: "Celltide".into(),
            at: Time(1_788_000_000_000),
        }
    }

    fn rows(count: usize, text: &str) -> Table {
        let row = |number: usize| vec![Cell::from(format!("EVT-{number:04}")), Cell::from(text)];
        let columns = vec![Column::text("Event", 1.0), Column::text("What", 4.0)];
        Table { columns, rows: (0..count).map(row).collect() }
    }

    fn paper() -> Paper {
        let mut paper = Paper::new(about(), "BP-2025-000001");
        let url = "https://id.example/passport/BP-2025-000001";
        let code = Code::new(url, Correction::Q).unwrap();
        paper.cover(&Cover {
            title: "Battery passport",
            subtitle: "A battery",
            lines: &[],
            code: Some((&code, url)),
        });
        paper.heading("Events");
        paper.table(&rows(90, "Installed"));
        paper
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let (one, other) = (paper().finish().unwrap(), paper().finish().unwrap());
        assert!(one == other && one.starts_with(b"%PDF-1."));
        // Both faces, with what is used of them: the files themselves have 400 kB each.
        let text = String::from_utf8_lossy(&one);
        assert_eq!(text.matches("/FontFile2").count(), 2);
        assert!(one.len() < 60_000, "{} bytes", one.len());
    }

    #[test]
    fn tables_go_over_pages() {
        let mut paper = paper();
        let pages = paper.page_count();
        assert!(pages >= 2);
        // A row that is higher than a page goes over several, and all of it is there.
        paper.table(&rows(1, &"word ".repeat(3_000)));
        assert!(paper.page_count() > pages + 1);
        assert!(paper.finish().is_ok());
    }

    #[test]
    fn charts_of_nothing_say_so() {
        let mut paper = Paper::new(about(), "none");
        paper.bars(&Bars { caption: "By stage".into(), unit: "kg".into(), decimals: 0, bars: Vec::new() });
        let lines = Lines {
            caption: "Health".into(),
            x: X::Time,
            unit: "%".into(),
            series: vec![Series { name: "measured".into(), points: vec![(1.0, f64::NAN)] }],
            levels: Vec::new(),
        };
        paper.lines(&lines);
        paper.figures(&[]);
        assert_eq!(paper.page_count(), 1);
        assert!(paper.finish().is_ok());
    }
}
