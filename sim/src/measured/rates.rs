//! Tables of capacity by rate, as data sheets have them.

use super::columns::Found;
use super::{Columns, MeasuredError, Quantity};
use crate::world::table::Table;
use twin::battery::fit::rate::Given;

/// What a row is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// A current [A].
    Current(f64),
    /// A rate [1/h of rated capacity].
    Rate(f64),
}

/// A row of a table: a whole discharge, and what it gave.
#[derive(Debug, Clone, PartialEq)]
pub struct RateRow {
    /// The file.
    pub name: String,
    /// Its load.
    pub load: Load,
    /// Charge [Ah].
    pub capacity_ah: f64,
    /// Temperature [°C].
    pub temperature_c: f64,
}

impl RateRow {
    /// The discharge of a cell of so much rated capacity.
    #[must_use]
    pub fn given(&self, rated_ah: f64) -> Given {
        let current_a = match self.load {
            Load::Current(current_a) => current_a,
            Load::Rate(c_rate) => c_rate * rated_ah,
        };
        Given {
            name: self.name.clone(),
            current_a,
            capacity_ah: self.capacity_ah,
            temperature_c: self.temperature_c,
            ambient_c: self.temperature_c,
        }
    }
}

/// Whether a table is capacity by rate: a capacity and a rate or current, but no voltage, cycles or days.
#[must_use]
pub fn is_rate_table(table: &Table, columns: &Columns) -> bool {
    let has = |quantity| matches!(columns.find(table, quantity), Ok(Some(_)));
    has(Quantity::Capacity)
        && (has(Quantity::Rate) || has(Quantity::Current))
        && ![Quantity::Voltage, Quantity::Cycle, Quantity::Days].into_iter().any(has)
}

/// Reads a table of capacity by current or rate, at `ambient_c` where it does not say.
///
/// # Errors
/// With file, line and column of the first thing that is wrong.
pub fn read_rate_table(
    table: &Table,
    columns: &Columns,
    ambient_c: f64,
) -> Result<Vec<RateRow>, MeasuredError> {
    let capacity = columns.get(table, Quantity::Capacity)?;
    let current = columns.find(table, Quantity::Current)?;
    let load = match current {
        Some(found) => found,
        None => columns.get(table, Quantity::Rate)?,
    };
    let temperature = match columns.find(table, Quantity::Temperature)? {
        Some(found) => Some(found),
        None => columns.find(table, Quantity::Ambient)?,
    };
    let above_zero = |row: usize, found: Found| {
        // Which sign discharges does not matter here.
        let value = found.value(table, row)?.abs();
        if value > 0.0 {
            return Ok(value);
        }
        let column = table.columns()[found.column].clone();
        let reason = "a rate, a current and a capacity must not be zero";
        Err(MeasuredError::Curve { file: table.file().to_owned(), line: table.line(row), column, reason })
    };
    (0..table.len())
        .map(|row| {
            let at = above_zero(row, load)?;
            Ok(RateRow {
                name: table.file().to_owned(),
                load: if current.is_some() { Load::Current(at) } else { Load::Rate(at) },
                capacity_ah: above_zero(row, capacity)?,
                temperature_c: match temperature {
                    Some(found) if !table.text(row, found.column).is_empty() => found.value(table, row)?,
                    _ => ambient_c,
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        Table::read("sheet.csv", text.as_bytes()).unwrap()
    }

    #[test]
    fn a_data_sheet_is_read_by_current_or_by_rate() {
        let columns = Columns::default();
        let sheet = table("current_A,capacity_Ah,temp_degC\n12,120,25\n95,95,\n");
        assert!(is_rate_table(&sheet, &columns));
        let rows = read_rate_table(&sheet, &columns, 20.0).unwrap();
        assert_eq!((rows[0].load, rows[1].temperature_c), (Load::Current(12.0), 20.0));
        let rates = table("c_rate,capacity_mAh\n0.2,2900\n1,2800\n");
        let given = read_rate_table(&rates, &columns, 25.0).unwrap()[1].given(3.0);
        assert_eq!(given.current_a, 3.0);
        assert!((given.capacity_ah - 2.8).abs() < 1e-12, "{}", given.capacity_ah);
        assert!(!is_rate_table(&table("cycle,capacity_Ah,c_rate\n1,2,1\n"), &columns));
        let wrong = table("current_A,capacity_Ah\n12,0\n");
        let said = read_rate_table(&wrong, &columns, 25.0).unwrap_err().to_string();
        assert!(said.contains("sheet.csv line 2, column capacity_Ah"), "{said}");
    }
}
