//! Files of a calibration, sorted by what they are.

use crate::measured::{
    MeasuredError, Options, is_history, is_ocv_table, open, read_history, read_ocv_table, read_records,
};
use std::path::PathBuf;
use twin::battery::fit::Record;
use twin::battery::fit::life::History;
use twin::battery::fit::ocv::Table;

/// A file, and what is said about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataFile {
    /// Where it is.
    pub path: PathBuf,
    /// Temperature of the surroundings [°C].
    pub ambient_c: Option<f64>,
    /// State of charge at the beginning.
    pub initial_soc: Option<f64>,
    /// Cycles per day of a history that does not say.
    pub cycles_per_day: Option<f64>,
}

/// What files hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// Cycling data.
    pub records: Vec<Record>,
    /// Histories of capacity.
    pub histories: Vec<History>,
    /// Tables of open-circuit voltage.
    pub tables: Vec<Table>,
}

/// Cycles a day where a history tells cycles alone. assumed: a charge and a discharge of an hour or two each and rests
/// between, as laboratories do.
const CYCLES_PER_DAY: f64 = 4.0;
const ROOM_C: f64 = 25.0;

impl DataFile {
    /// Reads `FILE` or `FILE@ambient=…,soc=…,cycles-per-day=…`.
    ///
    /// # Errors
    /// When what follows the `@` is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (path, said) = match text.rsplit_once('@') {
            Some((path, said)) if said.contains('=') => (path, said),
            _ => (text, ""),
        };
        let mut file = Self { path: path.into(), ..Self::default() };
        for part in said.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let number: f64 = value.parse().map_err(|_| format!("`{part}`: `{value}` is no number"))?;
            let within = |low: f64, high: f64| {
                let inside = (low..=high).contains(&number);
                if inside { Ok(Some(number)) } else { Err(format!("`{part}` is not within {low} to {high}")) }
            };
            match key {
                "ambient" => file.ambient_c = within(-100.0, 200.0)?,
                "soc" => file.initial_soc = within(0.0, 1.0)?,
                "cycles-per-day" => file.cycles_per_day = within(1e-3, 1e3)?,
                _ => return Err(format!("`{key}` is none of ambient, soc, cycles-per-day")),
            }
        }
        Ok(file)
    }
}

/// Reads every file; `options` say what holds for all of them.
///
/// # Errors
/// With file, line and column of the first thing that is wrong.
pub fn read_inputs(files: &[DataFile], options: &Options) -> Result<Inputs, MeasuredError> {
    let mut inputs = Inputs::default();
    for file in files {
        let table = open(&file.path)?;
        let ambient_c = file.ambient_c.or(options.ambient_c);
        if is_history(&table, &options.columns) {
            let said = (ambient_c.unwrap_or(ROOM_C), file.cycles_per_day.unwrap_or(CYCLES_PER_DAY));
            inputs.histories.extend(read_history(&table, &options.columns, said)?);
        } else if is_ocv_table(&table, &options.columns) {
            inputs.tables.push(read_ocv_table(&table, &options.columns)?);
        } else {
            let initial_soc = file.initial_soc.or(options.initial_soc);
            let own = Options { ambient_c, initial_soc, ..options.clone() };
            inputs.records.extend(read_records(&table, &own)?);
        }
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_about_a_file_follows_its_name() {
        let file = DataFile::parse("a@b/c.csv@ambient=-20,soc=1").unwrap();
        assert_eq!(file.path, PathBuf::from("a@b/c.csv"));
        assert_eq!((file.ambient_c, file.initial_soc), (Some(-20.0), Some(1.0)));
        assert_eq!(DataFile::parse("x@y.csv").unwrap().path, PathBuf::from("x@y.csv"));
        for wrong in ["a@soc=2", "a@soc=x", "a@speed=1"] {
            assert!(DataFile::parse(wrong).is_err(), "{wrong}");
        }
    }
}
