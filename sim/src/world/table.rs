//! CSV files: columns by name, every cell checked, every complaint with its file, line and column.

use super::error::{WorldError, nearest};
use csv::{ReaderBuilder, StringRecord, Trim};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// A CSV file in memory.
pub struct Table {
    file: String,
    columns: Vec<String>,
    rows: Vec<StringRecord>,
}

impl Table {
    /// Reads `file` (`.csv`, or gzipped as `.csv.gz`), a path relative to `folder`.
    pub fn open(folder: &Path, file: &str) -> Result<Self, WorldError> {
        let opened = File::open(folder.join(file))
            .map_err(|source| WorldError::Open { file: file.to_owned(), source })?;
        let plain = BufReader::new(opened);
        if file.to_lowercase().ends_with(".gz") {
            Self::read(file, MultiGzDecoder::new(plain))
        } else {
            Self::read(file, plain)
        }
    }

    /// Reads CSV text; `file` is the name that complaints give.
    pub fn read(file: &str, text: impl Read) -> Result<Self, WorldError> {
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text);
        let complaint = |source: csv::Error| {
            let (file, line) = (file.to_owned(), source.position().map_or(1, csv::Position::line));
            if source.is_io_error() {
                WorldError::Open { file, source: source.into() }
            } else {
                WorldError::Csv { file, line, source }
            }
        };
        // A byte-order mark, as spreadsheets write it, is no part of the first name.
        let columns: Vec<String> = reader
            .headers()
            .map_err(complaint)?
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').to_owned())
            .collect();
        let rows = reader.records().collect::<Result<Vec<_>, _>>().map_err(complaint)?;
        if rows.is_empty() {
            return Err(WorldError::Empty { file: file.to_owned() });
        }
        Ok(Self { file: file.to_owned(), columns, rows })
    }

    /// Name of the file, as given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Number of rows, the header not counted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never true: an empty file is refused when it is read.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The column with this name, if there is one.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The first column with one of these names.
    pub fn column(&self, names: &[&str]) -> Result<usize, WorldError> {
        names.iter().find_map(|name| self.find(name)).ok_or_else(|| self.missing(names))
    }

    /// The complaint that none of these columns is present.
    pub fn missing(&self, names: &[&str]) -> WorldError {
        WorldError::MissingColumn {
            file: self.file.clone(),
            wanted: names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or "),
            nearest: nearest(
                names.first().copied().unwrap_or_default(),
                self.columns.iter().map(String::as_str),
            ),
        }
    }

    /// Line of a row in the file, counted from 1.
    pub fn line(&self, row: usize) -> u64 {
        self.rows[row].position().map_or(0, csv::Position::line)
    }

    /// Text of a cell.
    pub fn text(&self, row: usize, column: usize) -> &str {
        self.rows[row].get(column).unwrap_or_default()
    }

    /// A cell as a finite number.
    pub fn number(&self, row: usize, column: usize) -> Result<f64, WorldError> {
        let text = self.text(row, column);
        let (file, line, name) = (self.file.clone(), self.line(row), self.columns[column].clone());
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => Err(WorldError::NotFinite { file, line, column: name, text: text.to_owned() }),
            Err(_) => Err(WorldError::NotANumber { file, line, column: name, text: text.to_owned() }),
        }
    }

    /// A cell as a number within `low..=high`; nothing when the cell is blank, a missing sample.
    pub fn sample(
        &self,
        row: usize,
        column: usize,
        (low, high): (f64, f64),
    ) -> Result<Option<f64>, WorldError> {
        if self.text(row, column).is_empty() {
            return Ok(None);
        }
        let value = self.number(row, column)?;
        if (low..=high).contains(&value) {
            return Ok(Some(value));
        }
        let (file, line, column) = (self.file.clone(), self.line(row), self.columns[column].clone());
        Err(WorldError::OutOfRange { file, line, column, value, low, high })
    }

    /// The complaint that a cell is no time.
    pub fn not_a_time(&self, row: usize, column: usize, expected: &'static str) -> WorldError {
        WorldError::NotATime {
            file: self.file.clone(),
            line: self.line(row),
            column: self.columns[column].clone(),
            text: self.text(row, column).to_owned(),
            expected,
        }
    }

    /// The complaint that a row's time is not later than its predecessor's.
    pub fn not_increasing(&self, row: usize, column: usize) -> WorldError {
        WorldError::NotIncreasing {
            file: self.file.clone(),
            line: self.line(row),
            column: self.columns[column].clone(),
            text: self.text(row, column).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::io::Write;

    fn table(text: &str) -> Result<Table, WorldError> {
        Table::read("t.csv", text.as_bytes())
    }

    #[test]
    fn cells_are_found_by_name_and_checked() {
        let t = table("a,b\n1,2\nx,inf\n").unwrap();
        assert_eq!(t.number(0, t.column(&["b"]).unwrap()).unwrap(), 2.0);
        let text = t.number(1, 0).unwrap_err().to_string();
        assert!(text.contains("t.csv line 3, column a") && text.contains("\"x\""), "{text}");
        assert!(matches!(t.number(1, 1), Err(WorldError::NotFinite { line: 3, .. })));
    }

    #[test]
    fn a_missing_column_names_the_nearest() {
        let t = table("time_local,temperature_degc\n1,2\n").unwrap();
        let text = t.column(&["temperature_degC"]).unwrap_err().to_string();
        assert!(text.contains("the nearest is \"temperature_degc\""), "{text}");
    }

    #[test]
    fn empty_ragged_and_absent_files_are_refused() {
        assert!(matches!(table("a,b\n"), Err(WorldError::Empty { .. })));
        assert!(matches!(table(""), Err(WorldError::Empty { .. })));
        assert!(matches!(table("a,b\n1,2\n1\n"), Err(WorldError::Csv { line: 3, .. })));
        let absent = Table::open(Path::new("."), "no-such-file.csv").err().unwrap();
        assert!(matches!(&absent, WorldError::Open { .. }) && absent.source().is_some());
    }

    #[test]
    fn gzip_is_unpacked_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("a.csv.gz")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packed.write_all("a\n7\n".as_bytes()).unwrap();
        packed.finish().unwrap();
        assert_eq!(Table::open(folder.path(), "a.csv.gz").unwrap().number(0, 0).unwrap(), 7.0);
        std::fs::write(folder.path().join("b.csv.gz"), "plain text").unwrap();
        assert!(matches!(Table::open(folder.path(), "b.csv.gz"), Err(WorldError::Open { .. })));
    }
}
