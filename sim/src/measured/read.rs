//! Cycling data as records.

use super::columns::Found;
use super::{Columns, MeasuredError, Quantity, Sign};
use crate::world::table::Table;
use twin::battery::fit::Record;

/// What the file does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Named columns.
    pub columns: Columns,
    /// Which sign discharges; told from the data when left out.
    pub sign: Option<Sign>,
    /// Temperature of the surroundings [°C]; from the file when left out.
    pub ambient_c: Option<f64>,
    /// State of charge at the beginning of each segment.
    pub initial_soc: Option<f64>,
}

/// Temperature that is taken where neither the file nor anybody says one [°C].
const ROOM_C: f64 = 25.0;
/// Fewest rows of a record.
const ROWS: usize = 3;
/// Least voltage that is a measurement [V]: testers write zero when they are not connected.
const VOLTAGE_V: (f64, f64) = (-10.0, 2000.0);
const CURRENT_A: (f64, f64) = (-1e5, 1e5);
const TEMPERATURE_C: (f64, f64) = (-100.0, 300.0);

struct Source {
    time: Found,
    voltage: Found,
    current: Found,
    temperature: Option<Found>,
    ambient: Option<Found>,
    charge: Option<Found>,
    segment: Vec<usize>,
}

/// Reads a file of cycling data; each change of the segment columns begins another record, as does a time that goes
/// back where segments were named. Rows whose time stands still, and rows without a current, are passed over.
///
/// # Errors
/// With file, line and column of the first thing that is wrong.
pub fn read_records(table: &Table, options: &Options) -> Result<Vec<Record>, MeasuredError> {
    let columns = &options.columns;
    let segment = columns.segment.iter().map(|name| {
        table.find(name).ok_or_else(|| MeasuredError::NamedColumn {
            file: table.file().to_owned(),
            quantity: "segment",
            name: name.clone(),
            there: table.columns().join(", "),
        })
    });
    let source = Source {
        time: columns.get(table, Quantity::Time)?,
        voltage: columns.get(table, Quantity::Voltage)?,
        current: columns.get(table, Quantity::Current)?,
        temperature: columns.find(table, Quantity::Temperature)?,
        ambient: columns.find(table, Quantity::Ambient)?,
        charge: columns.find(table, Quantity::Charge)?,
        segment: segment.collect::<Result<_, _>>()?,
    };
    let key = |row: usize| -> Vec<&str> { source.segment.iter().map(|c| table.text(row, *c)).collect() };
    let mut parts: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    for row in 1..=table.len() {
        if row == table.len() || key(row) != key(from) {
            parts.push((from, row));
            from = row;
        }
    }
    let mut raw = Vec::new();
    for (from, to) in &parts {
        let mut name = table.file().to_owned();
        let key = key(*from).join(" ");
        if !key.is_empty() {
            name = format!("{name} [{key}]");
        }
        raw.push(read_part(table, &source, name, (*from, *to), options)?);
    }
    let turn = match options.sign.map_or_else(|| sign_of(&raw), Some) {
        Some(Sign::DischargePositive) => 1.0,
        Some(Sign::DischargeNegative) => -1.0,
        None => {
            return Err(MeasuredError::Sign {
                file: table.file().to_owned(),
                column: table.columns()[source.current.column].clone(),
            });
        }
    };
    let records: Vec<Record> = raw.into_iter().filter_map(|part| part.finish(turn)).collect();
    if records.is_empty() {
        return Err(MeasuredError::Short { file: table.file().to_owned(), rows: table.len(), least: ROWS });
    }
    Ok(records)
}

/// Rows as they stand in the file.
struct Raw {
    record: Record,
    counter_ah: Vec<f64>,
}

fn read_part(
    table: &Table,
    source: &Source,
    name: String,
    (from, to): (usize, usize),
    options: &Options,
) -> Result<Raw, MeasuredError> {
    let mut raw = Raw {
        record: Record {
            name,
            t_s: Vec::new(),
            current_a: Vec::new(),
            voltage_v: Vec::new(),
            temperature_c: Vec::new(),
            discharged_ah: Vec::new(),
            ambient_c: ROOM_C,
            temperature_measured: source.temperature.is_some(),
            initial_soc: options.initial_soc,
        },
        counter_ah: Vec::new(),
    };
    let mut ambient = (0.0, 0.0);
    for row in from..to {
        if table.text(row, source.current.column).is_empty()
            || table.text(row, source.voltage.column).is_empty()
        {
            continue;
        }
        let t_s = source.time.value(table, row)?;
        match raw.record.t_s.last() {
            Some(last) if t_s < *last => return Err(table.not_increasing(row, source.time.column).into()),
            Some(last) if t_s == *last => {
                // A tester writes the instant of a change twice; what it became counts.
                raw.record.t_s.pop();
                raw.record.current_a.pop();
                raw.record.voltage_v.pop();
                if raw.record.temperature_c.len() > raw.record.t_s.len() {
                    raw.record.temperature_c.pop();
                }
                if raw.counter_ah.len() > raw.record.t_s.len() {
                    raw.counter_ah.pop();
                }
            }
            _ => {}
        }
        let bounded = |found: Found, bounds: (f64, f64)| -> Result<f64, MeasuredError> {
            let value = found.value(table, row)?;
            let raw_bounds =
                ((bounds.0 - found.offset) / found.scale, (bounds.1 - found.offset) / found.scale);
            table.sample(row, found.column, raw_bounds)?;
            Ok(value)
        };
        raw.record.voltage_v.push(bounded(source.voltage, VOLTAGE_V)?);
        raw.record.current_a.push(bounded(source.current, CURRENT_A)?);
        raw.record.t_s.push(t_s);
        let before = raw.record.temperature_c.last().copied();
        let temperature_c = match source.temperature {
            Some(found) if !table.text(row, found.column).is_empty() => Some(bounded(found, TEMPERATURE_C)?),
            _ => before,
        };
        raw.record.temperature_c.push(temperature_c.unwrap_or(f64::NAN));
        if let Some(found) = source.ambient.filter(|f| !table.text(row, f.column).is_empty()) {
            ambient = (ambient.0 + 1.0, ambient.1 + bounded(found, TEMPERATURE_C)?);
        }
        if let Some(found) = source.charge.filter(|f| !table.text(row, f.column).is_empty()) {
            raw.counter_ah.push(found.value(table, row)?);
        }
    }
    let record = &mut raw.record;
    let first_c = record.temperature_c.iter().copied().find(|t| t.is_finite());
    record.ambient_c = match (options.ambient_c, ambient.0 > 0.0, first_c) {
        (Some(given), _, _) => given,
        (None, true, _) => ambient.1 / ambient.0,
        (None, false, Some(first)) => first,
        (None, false, None) => ROOM_C,
    };
    let fill = first_c.unwrap_or(record.ambient_c);
    record.temperature_c.iter_mut().filter(|t| t.is_nan()).for_each(|t| *t = fill);
    Ok(raw)
}

/// Which sign discharges: under a lasting current, voltage falls on discharge.
fn sign_of(parts: &[Raw]) -> Option<Sign> {
    let mut fall = 0.0;
    for part in parts {
        let record = &part.record;
        let largest = record.current_a.iter().fold(0.0f64, |most, a| most.max(a.abs()));
        let flows = |k: usize| record.current_a[k].abs() > 0.02 * largest;
        let mut from = 0;
        for k in 1..=record.len() {
            let same = k < record.len()
                && flows(k)
                && flows(from)
                && record.current_a[k].signum() == record.current_a[from].signum();
            if !same {
                if k - from >= 2 && flows(from) {
                    let moved_v = record.voltage_v[k - 1] - record.voltage_v[from];
                    fall += -moved_v * record.current_a[from].signum();
                }
                // The jump as a current begins tells as well.
                if k < record.len() && !flows(k - 1) && flows(k) {
                    fall -= (record.voltage_v[k] - record.voltage_v[k - 1]) * record.current_a[k].signum();
                }
                from = k;
            }
        }
    }
    match fall {
        _ if fall > 0.005 => Some(Sign::DischargePositive),
        _ if fall < -0.005 => Some(Sign::DischargeNegative),
        _ => None,
    }
}

impl Raw {
    /// The record, with current positive on discharge; `None` when there is next to nothing in it.
    fn finish(mut self, turn: f64) -> Option<Record> {
        let record = &mut self.record;
        if record.len() < ROWS {
            return None;
        }
        record.current_a.iter_mut().for_each(|a| *a *= turn);
        record.discharged_ah = Record::counted(&record.t_s, &record.current_a);
        // A tester counts faster than it writes. Its counter is used where it means the same as the current does.
        if self.counter_ah.len() == record.len() {
            let first = self.counter_ah[0];
            let counted: Vec<f64> = self.counter_ah.iter().map(|ah| turn * (ah - first)).collect();
            if means_the_same(&counted, record) {
                record.discharged_ah = counted;
            }
        }
        Some(self.record)
    }
}

/// Whether a counter and the current tell of the same charge: where rows are close together, since between distant
/// rows only the counter knows what happened.
fn means_the_same(counted: &[f64], record: &Record) -> bool {
    const CLOSE_S: f64 = 5.0;
    let compare = |close_s: f64| {
        let (mut apart, mut moved) = (0.0, 0.0);
        for k in 1..record.len() {
            if record.t_s[k] - record.t_s[k - 1] <= close_s {
                let flowed = record.discharged_ah[k] - record.discharged_ah[k - 1];
                apart += (counted[k] - counted[k - 1] - flowed).abs();
                moved += flowed.abs();
            }
        }
        (apart, moved)
    };
    let close = compare(CLOSE_S);
    let (apart, moved) = if close.1 > 0.0 { close } else { compare(f64::INFINITY) };
    apart <= 0.2 * moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, options: &Options) -> Result<Vec<Record>, MeasuredError> {
        read_records(&Table::read("t.csv", text.as_bytes()).unwrap(), options)
    }

    #[test]
    fn signs_and_units_are_recognised() {
        let text = "Time(s),Voltage(mV),Current(mA),Temp(K)\n0,4000,0,298.15\n1,3900,-1000,298.15\n2,3890,-1000,298.15\n3,3985,0,298.15\n";
        let found = &records(text, &Options::default()).unwrap()[0];
        assert_eq!(found.current_a, [0.0, 1.0, 1.0, 0.0]);
        assert!((found.voltage_v[1] - 3.9).abs() < 1e-12 && (found.temperature_c[0] - 25.0).abs() < 1e-9);
        assert!((found.discharged_ah[3] - 2.0 / 3600.0).abs() < 1e-12);
        let turned = Options { sign: Some(Sign::DischargePositive), ..Options::default() };
        assert_eq!(records(text, &turned).unwrap()[0].current_a[1], -1.0);
    }

    #[test]
    fn segments_are_told_apart_and_times_must_rise() {
        let text = "time_s,voltage_V,current_A,cell\n0,4,0,a\n1,3.9,1,a\n2,3.9,1,a\n0,4,0,b\n1,3.9,1,b\n2,3.89,1,b\n";
        let wrong = records(text, &Options::default()).unwrap_err().to_string();
        assert!(wrong.contains("t.csv line 5, column time_s"), "{wrong}");
        let columns = Columns::parse("segment=cell").unwrap();
        let found = records(text, &Options { columns, ..Options::default() }).unwrap();
        assert_eq!((found.len(), found[1].name.as_str()), (2, "t.csv [b]"));
    }

    #[test]
    fn a_counter_is_used_and_bad_cells_have_their_place() {
        let text = "time_s,voltage_V,current_A,ah_Ah\n0,4,0,5\n3600,3.9,1,4.49\n7200,3.8,1,3.49\n";
        let sign = Some(Sign::DischargePositive);
        let found = &records(text, &Options { sign, ..Options::default() }).unwrap()[0];
        // The counter runs down on discharge, against the current: it does not mean the same and is left alone.
        assert_eq!(found.discharged_ah, [0.0, 0.5, 1.5]);
        let bad = "time_s,voltage_V,current_A\n0,4,0\n1,x,1\n";
        let wrong = records(bad, &Options::default()).unwrap_err().to_string();
        assert!(wrong.contains("line 3, column voltage_V"), "{wrong}");
    }
}
