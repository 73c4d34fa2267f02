//! `celltide cell forecast`: remaining life from a history of capacity.

use crate::failure::Failure;
use crate::output::{self, Csv};
use serde_json::json;
use sim::experiment::cell;
use sim::world::WorldError;
use sim::world::table::Table;
use std::path::{Path, PathBuf};
use twin::battery::forecast::{Ask, Duty, Point, Unit, forecast};
use twin::rng::Seed;

/// Seed of the ensemble: the same history gives the same answer.
const SEED: Seed = Seed(1);
/// What is assumed where the history does not say: temperature [°C], depth and rate of the cycles.
const ASSUMED: [f64; 3] = [25.0, 1.0, 1.0];
/// A first capacity that differs from the rated one by more than this share is itself what 1 means.
const OTHER_CELL: f64 = 0.15;

#[derive(Debug, clap::Args)]
pub(crate) struct ForecastArgs {
    /// Chemistry whose ageing laws are run ahead, by its name or the name that it was published as.
    #[arg(long, value_name = "NAME")]
    chemistry: String,
    /// History of one cell: CSV with cycle or t_days, capacity_ah, and optionally temperature_c, c_rate, dod (.csv or
    /// .csv.gz).
    #[arg(long, value_name = "FILE")]
    history: PathBuf,
    /// Capacity at which life ends, relative to reference_ah of the answer.
    #[arg(long, value_name = "Q", default_value_t = 0.8, value_parser = |text: &str| super::cell::number(text, 0.05, 1.0))]
    end_of_life: f64,
    /// Capacity that counts as 1 [Ah]; when left out the rated one, or the first of the history where that is another
    /// cell's.
    #[arg(long, value_name = "AH", value_parser = |text: &str| super::cell::number(text, 1e-6, 1e6))]
    reference_ah: Option<f64>,
    /// JSON; stdout when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &ForecastArgs) -> Result<(), Failure> {
    let cell = cell(&args.chemistry).map_err(Failure::usage)?;
    let table = Table::open(Path::new(""), &args.history.to_string_lossy()).map_err(Failure::usage)?;
    let history = History::of(&table).map_err(Failure::usage)?;
    let rated_ah = cell.file.cell.capacity_ah;
    let first_ah = history.rows[0].capacity_ah;
    let reference_ah = args.reference_ah.unwrap_or_else(|| {
        if (first_ah / rated_ah - 1.0).abs() <= OTHER_CELL {
            return rated_ah;
        }
        output::note(format_args!(
            "note: the history begins at {first_ah} Ah and the chemistry is rated {rated_ah} Ah; capacity counts from the \
             first, --reference-ah says otherwise"
        ));
        first_ah
    });
    let points: Vec<Point> = history
        .rows
        .iter()
        .map(|row| Point {
            x: row.x,
            capacity: row.capacity_ah / reference_ah,
            std: 0.0,
            duty: Some(history.duty_of(row.use_of)),
        })
        .collect();
    let duty = history.assumed();
    let ask = Ask { cell: &cell, unit: history.unit, duty, end_of_life: args.end_of_life, seed: SEED };
    let told = forecast(&ask, &points).map_err(Failure::usage)?;
    let curve: Vec<serde_json::Value> = told
        .curve
        .iter()
        .map(|point| {
            json!({
                "x": point.x,
                "capacity_ah_p10": point.p10 * reference_ah,
                "capacity_ah_p50": point.p50 * reference_ah,
                "capacity_ah_p90": point.p90 * reference_ah,
            })
        })
        .collect();
    let answer = json!({
        "rul_p10": told.p10,
        "rul_p50": told.p50,
        "rul_p90": told.p90,
        "unit": told.unit,
        "at": told.at,
        "end_of_life": told.end_of_life,
        "reference_ah": reference_ah,
        "horizon": told.horizon,
        "capacity_ah": told.capacity.mean * reference_ah,
        "capacity_std_ah": told.capacity.std * reference_ah,
        "pace": told.pace,
        "assumed_use": told.assumed_use,
        "laws_apply": told.laws_apply,
        "curve": curve,
    });
    let text = serde_json::to_string_pretty(&answer).map_err(Failure::failed)?;
    let mut file = Csv::create(args.out.as_deref())?;
    file.line(text)?;
    file.finish()
}

/// A history as it stands in the file.
struct History {
    unit: Unit,
    rows: Vec<Row>,
    /// Cycles per day, where the file has both.
    pace: Option<f64>,
}

#[derive(Clone, Copy)]
struct Row {
    x: f64,
    capacity_ah: f64,
    /// Temperature [°C], depth, rate [1/h].
    use_of: [f64; 3],
}

impl History {
    fn of(table: &Table) -> Result<Self, WorldError> {
        let capacity = table.column(&["capacity_ah", "capacity_Ah"])?;
        let (cycle, days) = (table.find("cycle"), table.find("t_days"));
        let (unit, axis) = match (cycle, days) {
            (Some(cycle), _) => (Unit::Cycles, cycle),
            (None, Some(days)) => (Unit::Days, days),
            (None, None) => return Err(table.missing(&["cycle", "t_days"])),
        };
        let others = [("temperature_c", (-60.0, 120.0)), ("dod", (0.01, 1.0)), ("c_rate", (1e-4, 100.0))];
        let columns = others.map(|(name, range)| (table.find(name), range));
        let mut rows: Vec<Row> = Vec::with_capacity(table.len());
        let mut use_of = ASSUMED;
        for row in 0..table.len() {
            let x = table.number(row, axis)?;
            if rows.last().is_some_and(|last| x <= last.x) || x < 0.0 {
                return Err(table.not_increasing(row, axis));
            }
            let Some(capacity_ah) = table.sample(row, capacity, (1e-6, 1e6))? else { continue };
            for ((column, range), value) in columns.iter().zip(&mut use_of) {
                if let Some(column) = column
                    && let Some(told) = table.sample(row, *column, *range)?
                {
                    *value = told;
                }
            }
            rows.push(Row { x, capacity_ah, use_of });
        }
        if rows.is_empty() {
            // Blanks only: the first says where.
            table.number(0, capacity)?;
        }
        let pace = match (cycle, days) {
            (Some(cycle), Some(days)) if table.len() > 1 => {
                let last = table.len() - 1;
                let cycles = table.number(last, cycle)? - table.number(0, cycle)?;
                let days = table.number(last, days)? - table.number(0, days)?;
                (cycles > 0.0 && days > 0.0).then(|| cycles / days)
            }
            _ => None,
        };
        Ok(Self { unit, rows, pace })
    }

    fn duty_of(&self, [temperature_c, depth, c_rate]: [f64; 3]) -> Duty {
        // One cycle takes a discharge, a charge at the same rate, and half as long again for the end of charge and
        // rests, where the file does not tell the pace.
        let efc_per_day = self.pace.map_or(24.0 * c_rate / 3.0, |cycles_per_day| cycles_per_day * depth);
        Duty {
            temperature_c,
            cycling_temperature_c: temperature_c,
            soc: 1.0 - 0.5 * depth,
            efc_per_day,
            depth,
            charge_c_rate: c_rate,
            discharge_c_rate: c_rate,
        }
    }

    /// Use to come: that of the last third of the history.
    fn assumed(&self) -> Duty {
        let from = self.rows.len() - self.rows.len().div_ceil(3);
        let recent = &self.rows[from..];
        let mean = |k: usize| recent.iter().map(|row| row.use_of[k]).sum::<f64>() / recent.len() as f64;
        self.duty_of([mean(0), mean(1), mean(2)])
    }
}
