#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]
//! The estimator against measurements. The data are not part of the project: `CELLTIDE_DATASETS` names the folder that has
//! them. Without it the tests say that they were skipped, and on CI they fail.
//!
//! State of charge is scored against the tester's counted charge over the rated capacity of the chemistry, from full.

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::estimate::{Estimator, Guess, Prior, Reading, Subject};
use twin::battery::library;
use twin::battery::pack::Layout;
use twin::time::Time;

fn datasets() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CELLTIDE_DATASETS").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "on CI, CELLTIDE_DATASETS has to be set");
        println!("skipped: CELLTIDE_DATASETS is not set");
        return None;
    };
    assert!(folder.is_dir(), "CELLTIDE_DATASETS names {}, which is no folder", folder.display());
    Some(folder)
}

struct Table {
    names: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl Table {
    fn open(path: &Path) -> Self {
        let mut text = String::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        let mut lines = text.lines();
        let names = lines.next().unwrap().split(',').map(str::to_owned).collect();
        let row = |line: &str| line.split(',').map(|value| value.parse().unwrap_or(f64::NAN)).collect();
        Self { names, rows: lines.map(row).collect() }
    }

    fn column(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| panic!("no column {name}"))
    }
}

/// Times, volts, amperes out, °C, state of charge by counting.
fn drive(folder: &Path, name: &str, rated_ah: f64) -> Vec<[f64; 5]> {
    let table = Table::open(&folder.join(format!("panasonic_18650pf/{name}.csv.gz")));
    let [t, v, i, c, ah] =
        ["time_s", "voltage_V", "current_A", "temperature_degC", "ah_Ah"].map(|n| table.column(n));
    table.rows.iter().map(|r| [r[t], r[v], -r[i], r[c], 1.0 + r[ah] / rated_ah]).collect()
}

struct Score {
    rms: f64,
    worst: f64,
    /// Errors within two stated deviations, of all.
    within: f64,
    soh: f64,
    soh_std: f64,
    r_rel: f64,
    end: f64,
}

/// Errors five minutes after the first row from `from` on, with a prior off by `off`.
fn score(subject: &Arc<Subject>, rows: &[[f64; 5]], off: f64) -> Score {
    let soc = Guess { mean: (rows[0][4] + off).clamp(0.0, 1.0), std: 0.15 };
    let mut estimator = Estimator::new(subject.clone(), Prior { soc: Some(soc), ..Prior::default() });
    let (mut squares, mut worst, mut within, mut count, mut end) = (0.0, 0.0f64, 0.0, 0.0, 0.0);
    for row in rows {
        let at = Time((row[0] * 1e3).round() as i64);
        let reading = Reading {
            at,
            voltage_v: row[1],
            current_a: Some(row[2]),
            temperature_c: Some(row[3]),
            ..Reading::default()
        };
        estimator.observe(at, &reading).unwrap();
        if row[0] - rows[0][0] < 300.0 {
            continue;
        }
        let estimate = estimator.estimate(at).unwrap();
        let error = estimate.soc - row[4];
        squares += error * error;
        worst = worst.max(error.abs());
        within += f64::from(u8::from(error.abs() < 2.0 * estimate.soc_std));
        count += 1.0;
        end = error;
    }
    let last = estimator.estimate(Time(0)).unwrap();
    Score {
        rms: 100.0 * (squares / count).sqrt(),
        worst: 100.0 * worst,
        within: within / count,
        soh: last.soh,
        soh_std: last.soh_std,
        r_rel: last.resistance_rel,
        end: 100.0 * end,
    }
}

#[test]
fn state_of_charge_on_drive_cycles_from_a_wrong_start() {
    let Some(folder) = datasets() else { return };
    let cell = Arc::new(CellModel::compile(library::find("panasonic-18650pf").unwrap()).unwrap());
    let rated_ah = cell.file.cell.capacity_ah;
    let subject = Arc::new(Subject::new(cell, Layout { series: 1, parallel: 1 }));
    let cycles = ["Cycle_1", "Cycle_2", "Cycle_3", "Cycle_4", "US06", "HWFET", "HWFTa", "HWFTb"];
    let (mut sums, mut n) = ([0.0; 3], 0.0);
    for (temperature, most) in
        [("25degC", 1.0), ("10degC", 2.5), ("0degC", 4.5), ("n10degC", 3.5), ("n20degC", 7.5)]
    {
        for cycle in cycles {
            let name = format!("{temperature}_{cycle}");
            if !folder.join(format!("panasonic_18650pf/{name}.csv.gz")).exists() {
                continue;
            }
            let rows = drive(&folder, &name, rated_ah);
            let full = score(&subject, &rows, -0.3);
            let middle = rows.partition_point(|r| r[4] > 0.65);
            let mid = score(&subject, &rows[middle..], 0.3);
            sums[0] += full.rms;
            sums[1] += mid.rms;
            sums[2] += full.within;
            n += 1.0;
            println!(
                "{name:16} full-30%: {:.2} % (worst {:.1}, in 2σ {:.2}, end {:+.1}; soh {:.3}±{:.3} r {:.2})  mid+30%: {:.2} % (worst {:.1}, in {:.2})",
                full.rms,
                full.worst,
                full.within,
                full.end,
                full.soh,
                full.soh_std,
                full.r_rel,
                mid.rms,
                mid.worst,
                mid.within
            );
        }
        let means = [sums[0] / n, sums[1] / n, sums[2] / n];
        println!(
            "MEAN {temperature} full {:.2} mid {:.2} within {:.2}",
            sums[0] / n,
            sums[1] / n,
            sums[2] / n
        );
        (sums, n) = ([0.0; 3], 0.0);
        assert!(means[0] < most, "{temperature}: {means:?}");
    }
}

/// One discharge: times, volts, amperes out, °C.
type Discharge = Vec<[f64; 4]>;

/// A cell like `base` whose open-circuit curve and resistance are those of one measured discharge at constant current.
fn cell_of(base: &str, discharge: &[[f64; 4]]) -> (Arc<CellModel>, f64) {
    let mut file = library::find(base).unwrap();
    let loaded: Vec<&[f64; 4]> = discharge.iter().filter(|r| r[2] > 0.5).collect();
    let current_a = loaded.iter().map(|r| r[2]).sum::<f64>() / loaded.len() as f64;
    let before_v = discharge[0][1];
    // What the voltage has fallen by after about a minute, the charge drawn by then given back by the curve's own fall.
    let minute = loaded.iter().position(|r| r[0] - loaded[0][0] > 60.0).unwrap();
    let later = loaded.iter().position(|r| r[0] - loaded[0][0] > 240.0).unwrap();
    let per_s = (loaded[minute][1] - loaded[later][1]) / (loaded[later][0] - loaded[minute][0]);
    let ohm = (before_v - loaded[minute][1] - per_s * (loaded[minute][0] - loaded[0][0])) / current_a;
    let end = loaded.len();
    let mut ah = vec![0.0];
    for k in 1..end {
        ah.push(
            ah[k - 1] + 0.5 * (loaded[k][2] + loaded[k - 1][2]) * (loaded[k][0] - loaded[k - 1][0]) / 3600.0,
        );
    }
    let capacity_ah = ah[end - 1];
    let (mut soc, mut value) = (Vec::new(), Vec::new());
    for node in 0..=40 {
        let s = f64::from(node) / 40.0;
        let wanted = capacity_ah * (1.0 - s);
        let k = ah.partition_point(|a| *a < wanted).clamp(1, end - 1);
        let share = ((wanted - ah[k - 1]) / (ah[k] - ah[k - 1])).clamp(0.0, 1.0);
        let v = loaded[k - 1][1] + (loaded[k][1] - loaded[k - 1][1]) * share + current_a * ohm;
        soc.push(s);
        value.push(v);
    }
    value[40] = before_v.max(value[39]);
    for k in (0..40).rev() {
        value[k] = value[k].min(value[k + 1] - 1e-4);
    }
    file.cell.capacity_ah = capacity_ah;
    file.ocv.soc = soc;
    file.ocv.value = value;
    for (surface, share) in
        [(&mut file.circuit.r0_ohm, 0.6), (&mut file.circuit.r1_ohm, 0.2), (&mut file.circuit.r2_ohm, 0.2)]
    {
        surface.soc = vec![0.0, 1.0];
        surface.temperature_c = vec![];
        surface.rows = vec![vec![ohm * share; 2]];
    }
    file.circuit.knee = None;
    (Arc::new(CellModel::compile(file).unwrap()), capacity_ah)
}

/// Health from the first `share` of each discharge only, against the capacity of the whole of it: mean error, all errors.
fn tracked(cell: Arc<CellModel>, cycles: &[(Discharge, f64)], share: f64, gap_h: f64) -> (f64, f64) {
    let first_ah = cycles[0].1;
    let subject = Arc::new(Subject::new(cell, Layout { series: 1, parallel: 1 }));
    let prior = Prior { soh: Guess { mean: 1.0, std: 0.01 }, ..Prior::default() };
    let mut estimator = Estimator::new(subject, prior);
    let (mut sum, mut within, mut count, mut at_s) = (0.0, 0.0, 0.0, 0.0);
    for (rows, capacity_ah) in cycles {
        let mut given_ah = 0.0;
        let start_s = at_s + gap_h * 3600.0 - rows[0][0];
        for pair in rows.windows(2) {
            let row = &pair[0];
            at_s = start_s + row[0];
            let at = Time((at_s * 1e3).round() as i64);
            let reading = Reading {
                at,
                voltage_v: row[1],
                current_a: Some(row[2]),
                temperature_c: row[3].is_finite().then_some(row[3]),
                ..Reading::default()
            };
            // Testers write the instant of a change twice.
            let _ = estimator.observe(at, &reading);
            given_ah += row[2] * (pair[1][0] - row[0]) / 3600.0;
            if given_ah > share * capacity_ah {
                break;
            }
        }
        let told = estimator.estimate(Time(0)).unwrap();
        let error = told.soh - capacity_ah / first_ah;
        sum += error.abs();
        within += f64::from(u8::from(error.abs() < 2.0 * told.soh_std));
        count += 1.0;
    }
    (100.0 * sum / count, within / count)
}

/// Most that the mean error of the health may be where at least four fifths of each discharge were heard.
const MOST_PCT: f64 = 6.0;

#[test]
fn capacity_is_tracked_from_parts_of_discharges() {
    let Some(folder) = datasets() else { return };
    for name in ["B0005", "B0006"] {
        let table = Table::open(&folder.join(format!("nasa_pcoe/{name}_discharge.csv.gz")));
        let [c, t, v, i, k] = ["discharge_cycle", "time_s", "voltage_V", "current_A", "temperature_degC"]
            .map(|n| table.column(n));
        let summary = folder.join("nasa_pcoe/cycle_summary.csv.gz");
        let mut text = String::new();
        GzDecoder::new(File::open(summary).unwrap()).read_to_string(&mut text).unwrap();
        let capacity = |cycle: f64| {
            text.lines().map(|l| l.split(',').collect::<Vec<_>>()).find_map(|f| {
                (f[0] == name && f[3].parse::<f64>() == Ok(cycle))
                    .then(|| f[11].parse::<f64>().unwrap_or(f64::NAN))
            })
        };
        let mut cycles: Vec<(Discharge, f64)> = Vec::new();
        let mut from = 0;
        for to in 1..=table.rows.len() {
            if to == table.rows.len() || table.rows[to][c] != table.rows[from][c] {
                let rows: Discharge =
                    table.rows[from..to].iter().map(|r| [r[t], r[v], -r[i], r[k]]).collect();
                if let Some(ah) = capacity(table.rows[from][c]).filter(|ah| *ah > 0.5)
                    && rows.len() > 50
                {
                    // Until the cut-off; what follows is rest.
                    let end = rows.iter().rposition(|r| r[2] > 0.5).unwrap() + 1;
                    cycles.push((rows[..end].to_vec(), ah));
                }
                from = to;
            }
        }
        let (cell, _) = cell_of("nca-gr-panasonic-3ah", &cycles[0].0);
        for share in [0.6, 0.8, 1.0] {
            let (mae, within) = tracked(cell.clone(), &cycles, share, 6.0);
            println!(
                "{name}: {} cycles, first {:.0} % of each: SoH MAE {mae:.2} %, within two deviations {:.0} %",
                cycles.len(),
                100.0 * share,
                100.0 * within
            );
            assert!(share < 0.7 || mae < MOST_PCT, "{name}: {mae} %");
        }
    }
    for name in ["CS2_35", "CS2_36", "CS2_37"] {
        let table = Table::open(&folder.join(format!("calce_cs2/{name}_timeseries_every25th.csv.gz")));
        let [c, t, v, i] = ["cycle", "time_s", "voltage_V", "current_A"].map(|n| table.column(n));
        let mut cycles: Vec<(Discharge, f64)> = Vec::new();
        let mut from = 0;
        for to in 1..=table.rows.len() {
            if to == table.rows.len() || table.rows[to][c] != table.rows[from][c] {
                let all = &table.rows[from..to];
                from = to;
                let Some(last) = all.iter().rposition(|r| r[i] < -0.3) else { continue };
                let first = all[..=last].iter().rposition(|r| r[i] > -0.05).unwrap_or(0);
                let rows: Discharge =
                    all[first..=last].iter().map(|r| [r[t], r[v], -r[i], f64::NAN]).collect();
                let ah: f64 =
                    rows.windows(2).map(|p| 0.5 * (p[0][2] + p[1][2]) * (p[1][0] - p[0][0]) / 3600.0).sum();
                if ah > 0.2 && rows.len() > 20 {
                    cycles.push((rows, ah));
                }
            }
        }
        let (cell, _) = cell_of("nca-gr-panasonic-3ah", &cycles[0].0);
        for share in [0.6, 0.8, 1.0] {
            let (mae, within) = tracked(cell.clone(), &cycles, share, 125.0);
            println!(
                "{name}: {} cycles, first {:.0} % of each: SoH MAE {mae:.2} %, within two deviations {:.0} %",
                cycles.len(),
                100.0 * share,
                100.0 * within
            );
            assert!(share < 0.7 || mae < MOST_PCT, "{name}: {mae} %");
        }
    }
}
