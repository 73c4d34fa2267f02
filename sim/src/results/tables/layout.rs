//! Columns of the tables, in their order.

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::Result;
use parquet::schema::types::{Type, TypePtr};
use std::sync::Arc;

/// Columns that every row of the table of twins has.
pub(super) const TWIN_COLUMNS: [&str; 5] = ["variant", "replicate", "kind", "id", "group"];

/// `timeseries.parquet`.
pub(super) fn series() -> Result<TypePtr> {
    table(vec![
        text("variant")?,
        integer("replicate")?,
        instant("t")?,
        text("kind")?,
        text("id")?,
        text("metric")?,
        number("value", Repetition::REQUIRED)?,
    ])
}

/// `events.parquet`.
pub(super) fn events() -> Result<TypePtr> {
    table(vec![
        text("variant")?,
        integer("replicate")?,
        instant("t")?,
        text("event")?,
        text("kind")?,
        text("id")?,
        nullable_text("other")?,
        number("value", Repetition::REQUIRED)?,
    ])
}

/// `twins.parquet`, with one column per name of a value.
pub(super) fn twins(value_names: &[String]) -> Result<TypePtr> {
    let mut columns =
        vec![text("variant")?, integer("replicate")?, text("kind")?, text("id")?, text("group")?];
    for name in value_names {
        columns.push(number(name, Repetition::OPTIONAL)?);
    }
    table(columns)
}

fn table(columns: Vec<TypePtr>) -> Result<TypePtr> {
    Ok(Arc::new(Type::group_type_builder("celltide").with_fields(columns).build()?))
}

fn text(name: &str) -> Result<TypePtr> {
    string_column(name, Repetition::REQUIRED)
}

fn nullable_text(name: &str) -> Result<TypePtr> {
    string_column(name, Repetition::OPTIONAL)
}

fn string_column(name: &str, repetition: Repetition) -> Result<TypePtr> {
    let column = Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
        .with_repetition(repetition)
        .with_logical_type(Some(LogicalType::String))
        .build()?;
    Ok(Arc::new(column))
}

fn integer(name: &str) -> Result<TypePtr> {
    let column =
        Type::primitive_type_builder(name, Physical::INT32).with_repetition(Repetition::REQUIRED).build()?;
    Ok(Arc::new(column))
}

fn instant(name: &str) -> Result<TypePtr> {
    let column = Type::primitive_type_builder(name, Physical::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
        .build()?;
    Ok(Arc::new(column))
}

fn number(name: &str, repetition: Repetition) -> Result<TypePtr> {
    let column = Type::primitive_type_builder(name, Physical::DOUBLE).with_repetition(repetition).build()?;
    Ok(Arc::new(column))
}
