//! Series as a Parquet table: `twin`, `t` and a column per metric, empty where it was not measured.

use super::{Column, Frame, Query, read};
use crate::store::StoreError;
use crate::store::medium::Medium;
use crate::store::name::{Entity, Metric};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use twin::time::Time;

/// Rows of a row group.
const GROUP_ROWS: usize = 1 << 16;

/// A look at the store; others may write between two.
pub(in crate::store) trait Look {
    /// Looks once.
    fn look<R>(
        &self,
        look: impl FnOnce(&dyn Medium) -> std::result::Result<R, StoreError>,
    ) -> std::result::Result<R, StoreError>;
}

/// Writes readings of some twins, all where none is named, and says how many. The file bears its name only once it is
/// whole.
pub(in crate::store) fn export(
    store: &impl Look,
    twins: &[Entity],
    from: Time,
    to: Time,
    path: &Path,
) -> std::result::Result<u64, StoreError> {
    let twins = if twins.is_empty() { all_twins(store)? } else { twins.to_vec() };
    let mut metrics = BTreeSet::new();
    for twin in &twins {
        metrics.extend(store.look(|medium| read::metrics(medium, twin))?);
    }
    let metrics: Vec<Metric> = metrics.into_iter().collect();
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let file = File::create(&partial)
        .map_err(|error| StoreError::io(format!("cannot write {}", path.display()), error))?;
    let done = table(store, &twins, &metrics, (from, to), file).and_then(|rows| {
        fs::rename(&partial, path)
            .map_err(|error| StoreError::io(format!("cannot write {}", path.display()), error))?;
        Ok(rows)
    });
    if done.is_err() {
        let _ = fs::remove_file(&partial);
    }
    done
}

fn all_twins(store: &impl Look) -> std::result::Result<Vec<Entity>, StoreError> {
    let mut all: Vec<Entity> = Vec::new();
    loop {
        let more = store.look(|medium| read::twins(medium, all.last(), 1_000))?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}

fn table(
    store: &impl Look,
    twins: &[Entity],
    metrics: &[Metric],
    (from, to): (Time, Time),
    file: File,
) -> std::result::Result<u64, StoreError> {
    let failed = |error: ParquetError| StoreError::Table { detail: error.to_string() };
    let properties = WriterProperties::builder()
        .set_created_by("celltide".into())
        .set_compression(Compression::SNAPPY)
        .build();
    let layout = layout(metrics).map_err(failed)?;
    let mut writer =
        SerializedFileWriter::new(BufWriter::new(file), layout, Arc::new(properties)).map_err(failed)?;
    let mut rows = 0;
    let mut group: Vec<(&Entity, Frame)> = Vec::new();
    let mut held = 0;
    for twin in twins {
        let mut next = Some(from);
        while let Some(from) = next {
            let query = Query { limit: GROUP_ROWS, ..Query::new(twin.clone(), from, to) };
            let (frame, more) = store.look(|medium| read::readings(medium, &query))?;
            next = more;
            held += frame.len();
            group.push((twin, frame));
            if held >= GROUP_ROWS {
                rows += held as u64;
                write(&mut writer, metrics, &group).map_err(failed)?;
                group.clear();
                held = 0;
            }
        }
    }
    if held > 0 {
        rows += held as u64;
        write(&mut writer, metrics, &group).map_err(failed)?;
    }
    let buffer = writer.into_inner().map_err(failed)?;
    buffer
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::io("cannot write the table", error))?;
    Ok(rows)
}

fn write(
    writer: &mut SerializedFileWriter<BufWriter<File>>,
    metrics: &[Metric],
    group: &[(&Entity, Frame)],
) -> Result<()> {
    let missing = || ParquetError::General("more columns were written than the table has".into());
    let mut rows = writer.next_row_group()?;
    let mut column = rows.next_column()?.ok_or_else(missing)?;
    for (twin, frame) in group {
        let name = ByteArray::from(twin.as_str());
        column.typed::<ByteArrayType>().write_batch(&vec![name; frame.len()], None, None)?;
    }
    column.close()?;
    let mut column = rows.next_column()?.ok_or_else(missing)?;
    for (_, frame) in group {
        let times: Vec<i64> = frame.times.iter().map(|time| time.0).collect();
        column.typed::<Int64Type>().write_batch(&times, None, None)?;
    }
    column.close()?;
    for metric in metrics {
        let mut column = rows.next_column()?.ok_or_else(missing)?;
        for (_, frame) in group {
            let found = frame.columns.iter().find(|column: &&Column| column.metric == *metric);
            let present = |value: &f64| i16::from(!value.is_nan());
            let levels: Vec<i16> = match found {
                Some(found) => found.values.iter().map(present).collect(),
                None => vec![0; frame.len()],
            };
            let values: Vec<f64> = found
                .map(|found| found.values.iter().copied().filter(|value| !value.is_nan()).collect())
                .unwrap_or_default();
            column.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
        }
        column.close()?;
    }
    rows.close()?;
    Ok(())
}

fn layout(metrics: &[Metric]) -> Result<TypePtr> {
    let twin = Type::primitive_type_builder("twin", Physical::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::String))
        .build()?;
    let time = Type::primitive_type_builder("t", Physical::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
        .build()?;
    let mut columns = vec![Arc::new(twin), Arc::new(time)];
    for metric in metrics {
        let column = Type::primitive_type_builder(metric.as_str(), Physical::DOUBLE)
            .with_repetition(Repetition::OPTIONAL)
            .build()?;
        columns.push(Arc::new(column));
    }
    Ok(Arc::new(Type::group_type_builder("celltide").with_fields(columns).build()?))
}
