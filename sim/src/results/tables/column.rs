//! One Parquet file and the columns of its row groups.

use crate::results::{ResultsError, partial_name};
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, TypePtr};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows handed to a column at a time: small enough for the processor's cache.
const BATCH: usize = 8_192;

/// Dictionary of one column chunk at most: holds some 300,000 identifiers before plain strings take over.
const DICTIONARY_BYTES: usize = 8 << 20;

/// A Parquet file that bears its name only once it is whole.
pub(super) struct TableFile {
    /// Gone once finished; [`Drop`] removes the partial file when it is still there.
    writer: Option<SerializedFileWriter<BufWriter<File>>>,
    path: PathBuf,
}

impl TableFile {
    /// Starts a file with the given columns.
    pub(super) fn create(
        path: &Path,
        layout: impl FnOnce() -> Result<TypePtr>,
    ) -> std::result::Result<Self, ResultsError> {
        let file = File::create(partial_name(path))
            .map_err(|source| ResultsError::Write { path: path.to_owned(), source })?;
        let writer = layout()
            .and_then(|columns| SerializedFileWriter::new(BufWriter::new(file), columns, properties()));
        // The partial file exists from here on, so that a failure below removes it.
        let mut table = Self { writer: None, path: path.to_owned() };
        table.writer = Some(writer.map_err(|source| table.failed(source))?);
        Ok(table)
    }

    /// Writes one row group; `fill` writes every column in the order of the layout.
    pub(super) fn group(
        &mut self,
        rows: usize,
        fill: impl FnOnce(&mut Group<'_>) -> Result<()>,
    ) -> std::result::Result<(), ResultsError> {
        let path = &self.path;
        let failed = |source| ResultsError::Table { path: path.clone(), source };
        let Some(writer) = self.writer.as_mut() else {
            return Err(failed(ParquetError::General("the table is finished".into())));
        };
        let inner = writer.next_row_group().map_err(failed)?;
        let mut group = Group { inner, rows };
        fill(&mut group).map_err(failed)?;
        group.inner.close().map_err(failed)?;
        Ok(())
    }

    /// Writes the footer, makes the bytes durable and gives the file its name.
    pub(super) fn finish(mut self) -> std::result::Result<(), ResultsError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let buffer = writer.into_inner().map_err(|source| self.failed(source))?;
        buffer
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(partial_name(&self.path), &self.path))
            .map_err(|source| ResultsError::Write { path: self.path.clone(), source })
    }

    fn failed(&self, source: ParquetError) -> ResultsError {
        ResultsError::Table { path: self.path.clone(), source }
    }
}

impl Drop for TableFile {
    fn drop(&mut self) {
        // After `finish` there is nothing under the partial name, and the removal does nothing.
        self.writer = None;
        let _ = fs::remove_file(partial_name(&self.path));
    }
}

impl std::fmt::Debug for TableFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableFile").field("path", &self.path).finish_non_exhaustive()
    }
}

fn properties() -> Arc<WriterProperties> {
    // Instants are ordered and values hardly repeat: dictionaries would cost time and save nothing.
    let instant = ColumnPath::from("t");
    let properties = WriterProperties::builder()
        .set_created_by("celltide".into())
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_column_dictionary_enabled(instant.clone(), false)
        .set_column_encoding(instant, Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_enabled(ColumnPath::from("value"), false)
        // Every row group holds nearly every identifier: their bounds would never let a reader skip one.
        .set_column_statistics_enabled(ColumnPath::from("id"), EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from("other"), EnabledStatistics::None)
        .build();
    Arc::new(properties)
}

/// A row group being written, column after column.
pub(super) struct Group<'a> {
    inner: SerializedRowGroupWriter<'a, BufWriter<File>>,
    rows: usize,
}

impl Group<'_> {
    /// A column of strings that share their bytes.
    pub(super) fn text<'b>(&mut self, value: impl Fn(usize) -> &'b ByteArray) -> Result<()> {
        self.column::<ByteArrayType>(|row| value(row).clone())
    }

    /// A column of names that recur.
    pub(super) fn named<'b>(&mut self, names: &mut Names, value: impl Fn(usize) -> &'b str) -> Result<()> {
        self.column::<ByteArrayType>(|row| names.bytes(value(row)).clone())
    }

    /// A column of strings that may be absent.
    pub(super) fn text_or_null<'b>(&mut self, value: impl Fn(usize) -> Option<&'b ByteArray>) -> Result<()> {
        self.nullable_column::<ByteArrayType>(|row| value(row).cloned())
    }

    /// A column of integers.
    pub(super) fn integer(&mut self, value: impl Fn(usize) -> i32) -> Result<()> {
        self.column::<Int32Type>(value)
    }

    /// A column of instants, ms since the Unix epoch.
    pub(super) fn instant(&mut self, value: impl Fn(usize) -> i64) -> Result<()> {
        self.column::<Int64Type>(value)
    }

    /// A column of numbers.
    pub(super) fn number(&mut self, value: impl Fn(usize) -> f64) -> Result<()> {
        self.column::<DoubleType>(value)
    }

    /// A column of numbers that may be absent.
    pub(super) fn number_or_null(&mut self, value: impl Fn(usize) -> Option<f64>) -> Result<()> {
        self.nullable_column::<DoubleType>(value)
    }

    fn column<T: DataType>(&mut self, mut value: impl FnMut(usize) -> T::T) -> Result<()> {
        let mut column = self.inner.next_column()?.ok_or_else(too_many_columns)?;
        let mut batch: Vec<T::T> = Vec::with_capacity(BATCH.min(self.rows));
        for start in (0..self.rows).step_by(BATCH) {
            batch.clear();
            batch.extend((start..self.rows.min(start + BATCH)).map(&mut value));
            column.typed::<T>().write_batch(&batch, None, None)?;
        }
        column.close()
    }

    fn nullable_column<T: DataType>(&mut self, value: impl Fn(usize) -> Option<T::T>) -> Result<()> {
        let mut column = self.inner.next_column()?.ok_or_else(too_many_columns)?;
        let mut batch: Vec<T::T> = Vec::with_capacity(BATCH.min(self.rows));
        let mut present: Vec<i16> = Vec::with_capacity(BATCH.min(self.rows));
        for start in (0..self.rows).step_by(BATCH) {
            batch.clear();
            present.clear();
            for row in start..self.rows.min(start + BATCH) {
                let value = value(row);
                present.push(i16::from(value.is_some()));
                batch.extend(value);
            }
            column.typed::<T>().write_batch(&batch, Some(&present), None)?;
        }
        column.close()
    }
}

fn too_many_columns() -> ParquetError {
    ParquetError::General("more columns were written than the table has".into())
}

/// Names that recur (metrics, events, kinds), each allocated once.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: Vec<(String, ByteArray)>,
    last: usize,
}

impl Names {
    /// The bytes of `name`. Few names exist and neighbours often share one, so a search from the last hit is
    /// quicker than hashing.
    pub(super) fn bytes(&mut self, name: &str) -> &ByteArray {
        let is_last = self.known.get(self.last).is_some_and(|(known, _)| known == name);
        if !is_last {
            self.last = self.known.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                self.known.push((name.to_owned(), ByteArray::from(name)));
                self.known.len() - 1
            });
        }
        &self.known[self.last].1
    }
}
