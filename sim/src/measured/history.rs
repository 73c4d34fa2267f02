//! Histories of capacity, and tables of open-circuit voltage.

use super::{Columns, MeasuredError, Quantity};
use crate::world::table::Table;
use twin::battery::fit::life::{History, Point};
use twin::battery::fit::ocv;

/// Whether a table is a history of capacity: cycles or days, and capacity, but no current.
#[must_use]
pub fn is_history(table: &Table, columns: &Columns) -> bool {
    let has = |quantity| matches!(columns.find(table, quantity), Ok(Some(_)));
    has(Quantity::Capacity) && (has(Quantity::Cycle) || has(Quantity::Days)) && !has(Quantity::Voltage)
}

/// Whether a table is an open-circuit voltage over state of charge: no time and no current.
#[must_use]
pub fn is_ocv_table(table: &Table, columns: &Columns) -> bool {
    let has = |quantity| matches!(columns.find(table, quantity), Ok(Some(_)));
    has(Quantity::Soc) && has(Quantity::Voltage) && !has(Quantity::Current)
}

/// Reads a history; rows without a capacity are passed over. Where only cycles or only days are given, the other
/// follows from `cycles_per_day`.
///
/// # Errors
/// With file, line and column of the first thing that is wrong.
pub fn read_history(
    table: &Table,
    columns: &Columns,
    (ambient_c, cycles_per_day): (f64, f64),
) -> Result<Vec<History>, MeasuredError> {
    let capacity = columns.get(table, Quantity::Capacity)?;
    let cycle = columns.find(table, Quantity::Cycle)?;
    let days = columns.find(table, Quantity::Days)?;
    let temperature = columns.find(table, Quantity::Temperature)?;
    let ambient = columns.find(table, Quantity::Ambient)?;
    let depth = columns.find(table, Quantity::Depth)?;
    let rate = columns.find(table, Quantity::Rate)?;
    let segment: Vec<usize> = columns.segment.iter().filter_map(|name| table.find(name)).collect();
    let mut histories: Vec<(Vec<&str>, History)> = Vec::new();
    for row in 0..table.len() {
        if table.text(row, capacity.column).is_empty() {
            continue;
        }
        let key: Vec<&str> = segment.iter().map(|column| table.text(row, *column)).collect();
        let of = |found: Option<super::columns::Found>, otherwise: f64| match found {
            Some(found) if !table.text(row, found.column).is_empty() => found.value(table, row),
            _ => Ok(otherwise),
        };
        let capacity_ah = capacity.value(table, row)?;
        if capacity_ah <= 0.0 {
            let column = table.columns()[capacity.column].clone();
            return Err(MeasuredError::Curve {
                file: table.file().to_owned(),
                line: table.line(row),
                column,
                reason: "a capacity must be above zero",
            });
        }
        let (cycles, t_days) = match (cycle, days) {
            (Some(cycle), Some(days)) => (cycle.value(table, row)?, days.value(table, row)?),
            (Some(cycle), None) => {
                let cycles = cycle.value(table, row)?;
                (cycles, cycles / cycles_per_day)
            }
            (None, Some(days)) => {
                let t_days = days.value(table, row)?;
                (t_days * cycles_per_day, t_days)
            }
            (None, None) => {
                // There is none, which is what this says.
                columns.get(table, Quantity::Cycle)?;
                (0.0, 0.0)
            }
        };
        let point = Point {
            cycle: cycles,
            t_days,
            capacity_ah,
            temperature_c: match temperature {
                Some(_) => of(temperature, ambient_c)?,
                None => of(ambient, ambient_c)?,
            },
            depth: of(depth, 1.0)?,
            c_rate: of(rate, 1.0)?,
        };
        let at = match histories.iter().position(|(known, _)| *known == key) {
            Some(at) => at,
            None => {
                let name = match key.join(" ") {
                    key if key.is_empty() => table.file().to_owned(),
                    key => format!("{} [{key}]", table.file()),
                };
                histories.push((key, History { name, points: Vec::new() }));
                histories.len() - 1
            }
        };
        let points = &mut histories[at].1.points;
        if points.last().is_some_and(|last| point.cycle < last.cycle || point.t_days < last.t_days) {
            let column = cycle.or(days).map_or(0, |found| found.column);
            return Err(table.not_increasing(row, column).into());
        }
        points.push(point);
    }
    Ok(histories.into_iter().map(|(_, history)| history).collect())
}

/// Reads a table of open-circuit voltage.
///
/// # Errors
/// With file, line and column of the first thing that is wrong.
pub fn read_ocv_table(table: &Table, columns: &Columns) -> Result<ocv::Table, MeasuredError> {
    let soc = columns.get(table, Quantity::Soc)?;
    let voltage = columns.get(table, Quantity::Voltage)?;
    let half_gap = columns.find(table, Quantity::Hysteresis)?;
    let mut found = ocv::Table {
        soc: Vec::new(),
        voltage_v: Vec::new(),
        half_gap_v: half_gap.map(|_| Vec::new()),
        name: table.file().to_owned(),
    };
    // Without a unit, a state of charge beyond 1 is in per cent.
    let last = soc.value(table, table.len() - 1)?.max(soc.value(table, 0)?);
    let share = if last > 1.5 { 0.01 } else { 1.0 };
    for row in 0..table.len() {
        let value = soc.value(table, row)? * share;
        let wrong = |reason| MeasuredError::Curve {
            file: table.file().to_owned(),
            line: table.line(row),
            column: table.columns()[soc.column].clone(),
            reason,
        };
        if found.soc.last().is_some_and(|last| value <= *last) {
            return Err(wrong("state of charge must rise from row to row"));
        }
        if !(-1e-9..=1.0 + 1e-9).contains(&value) {
            return Err(wrong("state of charge must be between 0 and 1, or 0 and 100 per cent"));
        }
        found.soc.push(value.clamp(0.0, 1.0));
        found.voltage_v.push(voltage.value(table, row)?);
        if let (Some(values), Some(column)) = (&mut found.half_gap_v, half_gap) {
            values.push(column.value(table, row)?);
        }
    }
    if found.soc.first() != Some(&0.0) || found.soc.last() != Some(&1.0) {
        return Err(MeasuredError::Curve {
            file: table.file().to_owned(),
            line: table.line(table.len() - 1),
            column: table.columns()[soc.column].clone(),
            reason: "state of charge must go from 0 to 1",
        });
    }
    Ok(found)
}
