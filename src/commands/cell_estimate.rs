//! `celltide cell estimate`: the twin's estimator over recorded telemetry.

use crate::failure::Failure;
use crate::output::{self, Csv};
use sim::experiment::cell;
use sim::world::WorldError;
use sim::world::table::Table;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twin::battery::estimate::{Estimator, Guess, Prior, Reading, Subject, Taken};
use twin::battery::pack::Layout;
use twin::time::Time;

/// Deviation of a state of charge that somebody states: a hint, not a measurement.
const STATED_SOC_STD: f64 = 0.15;

#[derive(Debug, clap::Args)]
pub(crate) struct EstimateArgs {
    /// Chemistry, by its name or the name that it was published as.
    #[arg(long, value_name = "NAME")]
    chemistry: String,
    /// Recorded telemetry of one cell: CSV with t_s, voltage_v, current_a (positive discharges), temperature_c; the last two
    /// may be left out or blank (.csv or .csv.gz).
    #[arg(long, value_name = "FILE")]
    telemetry: PathBuf,
    /// State of charge at the first row, as a hint: one that is off is found out. Unknown when left out.
    #[arg(long, value_name = "S", value_parser = |text: &str| super::cell::number(text, 0.0, 1.0))]
    initial_soc: Option<f64>,
    /// CSV t_s, soc, soc_std, soh, soh_std, resistance_ohm, voltage_predicted_v; stdout when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &EstimateArgs) -> Result<(), Failure> {
    let cell = cell(&args.chemistry).map_err(Failure::usage)?;
    let subject = Arc::new(Subject::new(cell, Layout { series: 1, parallel: 1 }));
    let rows = read(&args.telemetry, &subject)?;
    let soc = args.initial_soc.map(|mean| Guess { mean, std: STATED_SOC_STD });
    let mut estimator = Estimator::new(subject, Prior { soc, ..Prior::default() });
    let mut csv = Csv::create(args.out.as_deref())?;
    csv.line("t_s,soc,soc_std,soh,soh_std,resistance_ohm,voltage_predicted_v")?;
    let mut known = Vec::new();
    for row in &rows {
        let observed = estimator.observe(row.reading.at, &row.reading).map_err(|refusal| {
            Failure::say(format!("{} line {}: {refusal}", args.telemetry.display(), row.line))
        })?;
        if observed.taken == Taken::Duplicate {
            continue;
        }
        // What was expected before the reading was heard, but for the first and where the battery had been lost.
        let expected_v =
            observed.innovation_v.filter(|_| !observed.placed).map(|off_v| row.reading.voltage_v - off_v);
        let Some(told) = estimator.estimate(row.reading.at) else { continue };
        csv.line(format_args!(
            "{},{:.6},{:.6},{:.6},{:.6},{:.8},{:.6}",
            row.t_s,
            told.soc,
            told.soc_std,
            told.soh,
            told.soh_std,
            told.resistance_ohm,
            expected_v.unwrap_or(told.voltage_v)
        ))?;
        for fault in &told.faults {
            let kind = (fault.sensor, std::mem::discriminant(&fault.wrong));
            if !known.contains(&kind) {
                known.push(kind);
                output::note(format_args!(
                    "note: {:?} sensor, {:?}, since {} s",
                    fault.sensor,
                    fault.wrong,
                    fault.since.0 as f64 * 1e-3
                ));
            }
        }
    }
    csv.finish()
}

struct Row {
    line: u64,
    t_s: f64,
    reading: Reading,
}

/// Reads the whole file first, so that nothing is written when a line of it is wrong.
fn read(file: &Path, subject: &Subject) -> Result<Vec<Row>, Failure> {
    let table = Table::open(Path::new(""), &file.to_string_lossy()).map_err(Failure::usage)?;
    rows(&table, subject).map_err(Failure::usage)
}

fn rows(table: &Table, subject: &Subject) -> Result<Vec<Row>, WorldError> {
    let t_s = table.column(&["t_s"])?;
    let voltage = table.column(&["voltage_v"])?;
    let current = table.find("current_a");
    let temperature = table.find("temperature_c").or_else(|| table.find("temperature_C"));
    let limits = &subject.cell.file.limits;
    let voltages_v = (0.0, 2.0 * limits.voltage_max_v);
    let most_a = 50.0 * limits.discharge_c_rate_max.max(1.0) * subject.cell.file.cell.capacity_ah;
    let mut rows: Vec<Row> = Vec::with_capacity(table.len());
    for row in 0..table.len() {
        let seconds = table.number(row, t_s)?;
        if rows.last().is_some_and(|last| seconds < last.t_s) {
            return Err(table.not_increasing(row, t_s));
        }
        let sample = |column: Option<usize>, range| match column {
            Some(column) => table.sample(row, column, range),
            None => Ok(None),
        };
        let voltage_v = match table.sample(row, voltage, voltages_v)? {
            Some(voltage_v) => voltage_v,
            // A blank is no number; this says so with its place.
            None => table.number(row, voltage)?,
        };
        let reading = Reading {
            at: Time((seconds * 1e3).round() as i64),
            voltage_v,
            current_a: sample(current, (-most_a, most_a))?,
            temperature_c: sample(temperature, (-60.0, 150.0))?,
            ..Reading::default()
        };
        // A tester writes the instant of a change twice; what it became counts.
        if rows.last().is_some_and(|last| last.reading.at == reading.at) {
            rows.pop();
        }
        rows.push(Row { line: table.line(row), t_s: seconds, reading });
    }
    Ok(rows)
}
