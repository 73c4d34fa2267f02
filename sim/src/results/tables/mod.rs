//! The Parquet tables of a result folder, written world by world.
//!
//! Rows go straight from a world's record to column chunks: nothing is kept but the row group that is being
//! written, so memory does not grow with the number of worlds. Files carry no time of writing and a fixed author,
//! so equal records give equal bytes.

mod column;
mod layout;
pub mod read;

use super::ResultsError;
use super::record::{EventRow, SeriesRow, Subject, TwinRow, WorldRecord};
use column::{Names, TableFile};
use parquet::data_type::ByteArray;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Rows of one row group at most: bounds the memory of a writer and of a reader.
const ROWS_PER_GROUP: usize = 500_000;

/// Writers of the three tables of one result folder.
///
/// Worlds are appended in the plan's order, whatever order they were simulated in. Files bear their names only
/// after [`Tables::finish`]; until then, and when writing failed, a folder holds none of them.
#[derive(Debug)]
pub struct Tables {
    series: TableFile,
    events: TableFile,
    twins: TableFile,
    value_names: Vec<String>,
    names: Names,
}

impl Tables {
    /// Starts the tables of `folder`, which is created when missing.
    ///
    /// `value_names` are the names of all values that twins of any variant may carry at their end
    /// ([`TwinRow::values`]): Parquet fixes its columns before the first row.
    pub fn create<I, S>(folder: &Path, value_names: I) -> Result<Self, ResultsError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        fs::create_dir_all(folder)
            .map_err(|source| ResultsError::Write { path: folder.to_owned(), source })?;
        let value_names: BTreeSet<String> =
            value_names.into_iter().map(|name| name.as_ref().to_owned()).collect();
        let value_names: Vec<String> = value_names.into_iter().collect();
        if let Some(name) = value_names.iter().find(|name| layout::TWIN_COLUMNS.contains(&name.as_str())) {
            return Err(ResultsError::ReservedName { name: name.clone() });
        }
        Ok(Self {
            series: TableFile::create(&folder.join("timeseries.parquet"), layout::series)?,
            events: TableFile::create(&folder.join("events.parquet"), layout::events)?,
            twins: TableFile::create(&folder.join("twins.parquet"), || layout::twins(&value_names))?,
            value_names,
            names: Names::default(),
        })
    }

    /// Appends one world to all tables.
    pub fn append(&mut self, variant_name: &str, record: &WorldRecord) -> Result<(), ResultsError> {
        let world = World {
            variant: ByteArray::from(variant_name),
            replicate: i32::try_from(record.replicate).unwrap_or(i32::MAX),
            subjects: SubjectNames::of(&record.subjects, &mut self.names),
        };
        self.append_series(&world, &record.series)?;
        self.append_events(&world, &record.events)?;
        self.append_twins(&world, &record.twins)
    }

    /// Completes the files and gives them their names.
    pub fn finish(self) -> Result<(), ResultsError> {
        self.series.finish()?;
        self.events.finish()?;
        self.twins.finish()
    }

    fn append_series(&mut self, world: &World, rows: &[SeriesRow]) -> Result<(), ResultsError> {
        rows.iter().try_for_each(|row| world.subjects.check(row.subject))?;
        let names = &mut self.names;
        for rows in rows.chunks(ROWS_PER_GROUP) {
            self.series.group(rows.len(), |group| {
                group.text(|_| &world.variant)?;
                group.integer(|_| world.replicate)?;
                group.instant(|row| rows[row].t_ms)?;
                group.text(|row| world.subjects.kind(rows[row].subject))?;
                group.text(|row| world.subjects.id(rows[row].subject))?;
                group.named(names, |row| rows[row].metric)?;
                group.number(|row| rows[row].value)
            })?;
        }
        Ok(())
    }

    fn append_events(&mut self, world: &World, rows: &[EventRow]) -> Result<(), ResultsError> {
        for row in rows {
            world.subjects.check(row.subject)?;
            row.other.map_or(Ok(()), |other| world.subjects.check(other))?;
        }
        let names = &mut self.names;
        for rows in rows.chunks(ROWS_PER_GROUP) {
            self.events.group(rows.len(), |group| {
                group.text(|_| &world.variant)?;
                group.integer(|_| world.replicate)?;
                group.instant(|row| rows[row].t_ms)?;
                group.named(names, |row| rows[row].event)?;
                group.text(|row| world.subjects.kind(rows[row].subject))?;
                group.text(|row| world.subjects.id(rows[row].subject))?;
                group.text_or_null(|row| rows[row].other.map(|other| world.subjects.id(other)))?;
                group.number(|row| rows[row].value)
            })?;
        }
        Ok(())
    }

    fn append_twins(&mut self, world: &World, rows: &[TwinRow]) -> Result<(), ResultsError> {
        for row in rows {
            world.subjects.check(row.subject)?;
            let undeclared = row
                .values
                .iter()
                .find(|(name, _)| self.value_names.binary_search_by(|n| n.as_str().cmp(name)).is_err());
            if let Some((name, _)) = undeclared {
                return Err(ResultsError::UndeclaredValue { name: (*name).to_owned() });
            }
        }
        let names = &mut self.names;
        let value_names = &self.value_names;
        for rows in rows.chunks(ROWS_PER_GROUP) {
            self.twins.group(rows.len(), |group| {
                group.text(|_| &world.variant)?;
                group.integer(|_| world.replicate)?;
                group.text(|row| world.subjects.kind(rows[row].subject))?;
                group.text(|row| world.subjects.id(rows[row].subject))?;
                group.named(names, |row| &rows[row].group)?;
                for name in value_names {
                    group.number_or_null(|row| value_called(&rows[row], name))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// What all rows of one world share.
struct World {
    variant: ByteArray,
    replicate: i32,
    subjects: SubjectNames,
}

/// Names of a world's subjects as shared bytes, so that a row costs a reference count and no allocation.
struct SubjectNames {
    kinds: Vec<ByteArray>,
    ids: Vec<ByteArray>,
}

impl SubjectNames {
    fn of(subjects: &[Subject], names: &mut Names) -> Self {
        Self {
            kinds: subjects.iter().map(|subject| names.bytes(subject.kind).clone()).collect(),
            ids: subjects.iter().map(|subject| ByteArray::from(subject.id.as_str())).collect(),
        }
    }

    fn check(&self, index: u32) -> Result<(), ResultsError> {
        if (index as usize) < self.ids.len() {
            return Ok(());
        }
        Err(ResultsError::UnknownSubject { index, subjects: self.ids.len() })
    }

    fn kind(&self, index: u32) -> &ByteArray {
        &self.kinds[index as usize]
    }

    fn id(&self, index: u32) -> &ByteArray {
        &self.ids[index as usize]
    }
}

fn value_called(row: &TwinRow, name: &str) -> Option<f64> {
    row.values.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
}
