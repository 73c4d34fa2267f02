#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]
//! Calibration against public measurements: fitted to a part, compared with the rest. The data are no part of the project:
//! `CELLTIDE_DATASETS` names their folder; without it these tests say that they were skipped.

use sim::calibrate::{DataFile, Inputs, Outcome, Part, Request, Role, calibrate, read_inputs};
use sim::experiment::bench::{self, CurrentFile, CycleRow, Heat, Program, Record, Row, Setup};
use sim::measured::{Columns, Options};
use std::convert::Infallible;
use std::path::PathBuf;
use twin::battery::fit::circuit::residuals;
use twin::battery::library;

fn datasets() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CELLTIDE_DATASETS").map(PathBuf::from) else {
        println!("skipped: CELLTIDE_DATASETS is not set");
        return None;
    };
    assert!(folder.is_dir(), "CELLTIDE_DATASETS names {}, which is no folder", folder.display());
    Some(folder)
}

fn inputs(folder: &str, files: &[&str], columns: &str, filter: impl Fn(&str) -> bool) -> Option<Inputs> {
    let folder = datasets()?.join(folder);
    let files: Vec<DataFile> =
        files.iter().map(|file| DataFile::parse(&folder.join(file).display().to_string()).unwrap()).collect();
    let options = Options { columns: Columns::parse(columns).unwrap(), ..Options::default() };
    let mut inputs = read_inputs(&files, &options).unwrap();
    inputs.records.retain(|record| filter(&record.name));
    inputs.histories.retain(|history| filter(&history.name));
    Some(inputs)
}

fn request(base: &str, parts: &[Part]) -> Request {
    Request {
        base: library::find(base).unwrap(),
        name: "calibrated".into(),
        source: None,
        parts: parts.to_vec(),
        keep_tau2: false,
        tau2_s: (200.0, 20_000.0),
        temperature_c: Vec::new(),
        knee: false,
        starts: 0,
        seed: 1,
    }
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

/// Cycles that panasonic-18650pf was not fitted to, surroundings, and the most that their RMSE may be [mV].
const PREDICTED: [(&str, &str, f64); 11] = [
    ("25degC_US06", "25", 26.0),
    ("25degC_HWFTa", "25", 19.0),
    ("25degC_HWFTb", "25", 23.0),
    ("10degC_US06", "10", 50.0),
    ("10degC_HWFET", "10", 28.0),
    ("0degC_US06", "0", 78.0),
    ("0degC_HWFET", "0", 29.0),
    ("n10degC_US06", "-10", 72.0),
    ("n10degC_HWFET", "-10", 30.0),
    ("n20degC_US06", "-20", 105.0),
    ("n20degC_HWFET", "-20", 28.0),
];

#[test]
fn the_shipped_panasonic_predicts_cycles_that_it_was_not_fitted_to() {
    let Some(folder) = datasets() else { return };
    let chemistry = library::find("panasonic-18650pf").unwrap();
    for (name, ambient, most_mv) in PREDICTED {
        assert!(!chemistry.circuit.source.contains(name), "{name} was fitted");
        let path = folder.join(format!("panasonic_18650pf/{name}.csv.gz"));
        let file = DataFile::parse(&format!("{}@ambient={ambient},soc=1", path.display())).unwrap();
        let record = read_inputs(&[file], &Options::default()).unwrap().records.remove(0);
        let found_mv = 1e3 * rms(&residuals(&chemistry, &record));
        println!("{name}: {found_mv:.1} mV");
        assert!(found_mv < most_mv, "{name}: {found_mv} mV");
    }
}

#[derive(Default)]
struct Kept(Vec<Row>);

impl Record<Infallible> for Kept {
    fn row(&mut self, row: &Row) -> Result<(), Infallible> {
        self.0.push(*row);
        Ok(())
    }
    fn cycle(&mut self, _: &CycleRow) -> Result<(), Infallible> {
        Ok(())
    }
    fn note(&mut self, note: String) {
        panic!("{note}");
    }
}

/// The simulation's own circuit and heat, driven by the current alone, against the measured voltage and temperature.
#[test]
fn the_bench_follows_a_predicted_cycle_in_voltage_and_temperature() {
    let Some(folder) = datasets() else { return };
    let cell = sim::experiment::cell("panasonic-18650pf").unwrap();
    for (name, ambient_c, most_mv, most_k) in
        [("25degC_HWFTa", 25.0, 25.0, 2.0), ("n20degC_HWFET", -20.0, 45.0, 4.0)]
    {
        let path = folder.join(format!("panasonic_18650pf/{name}.csv.gz"));
        let file = DataFile::parse(&format!("{}@ambient={ambient_c},soc=1", path.display())).unwrap();
        let record = read_inputs(&[file], &Options::default()).unwrap().records.remove(0);
        let place = tempfile::tempdir().unwrap();
        let current = place.path().join("current.csv");
        let rows: Vec<String> = (0..record.len())
            .map(|k| format!("{:.3},{:.5}", record.t_s[k] - record.t_s[0], record.current_a[k]))
            .collect();
        std::fs::write(&current, format!("t_s,current_a\n{}\n", rows.join("\n"))).unwrap();
        let setup = Setup { initial_soc: 1.0, ambient_c, heat: Heat::Lumped, every_s: 10.0 };
        let mut kept = Kept::default();
        let program = Program::Current(CurrentFile::open(&current).unwrap());
        bench::run(&cell, setup, &program, &mut kept).unwrap();
        let (mut volts, mut kelvin) = (Vec::new(), Vec::new());
        for row in &kept.0 {
            let t_s = row.t_s + record.t_s[0];
            let k = record.t_s.partition_point(|t| *t < t_s - 1e-6);
            // Rows of the bench lie between those of the tester; where the current changes they cannot be compared.
            // Before its load, a chamber is still cooling the cell.
            let unloaded = k < record.len() && record.discharged_ah[k] < 0.3;
            if unloaded
                || k == 0
                || k >= record.len()
                || (record.current_a[k] - record.current_a[k - 1]).abs() > 0.05
            {
                continue;
            }
            volts.push(row.voltage_v - record.voltage_v[k]);
            kelvin.push(row.temperature_c - record.temperature_c[k]);
        }
        let (found_mv, found_k) = (1e3 * rms(&volts), rms(&kelvin));
        println!("{name}: {found_mv:.1} mV and {found_k:.1} K over {} rows", volts.len());
        assert!(volts.len() > 50);
        assert!(found_mv < most_mv && found_k < most_k, "{name}: {found_mv} mV, {found_k} K");
    }
}

fn reproduced(outcome: &Outcome, role: Role) -> Vec<f64> {
    outcome.records.iter().filter(|record| record.role == role).map(|record| 1e3 * record.rms_v).collect()
}

/// Fitted to pulses of three cells each at 0 and 25 °C; the pulses of three others there, and all at 10 °C, are predicted.
#[test]
fn pulses_of_some_lg_m50_predict_those_of_others() {
    let columns = "segment=ambient_degC+soc_step+cell";
    let read = |filter: &dyn Fn(&str) -> bool| {
        inputs("lg_m50_characterisation", &["ocv_25degC.csv", "pulse_tests.csv.gz"], columns, filter)
    };
    // Each temperature has six cells of its own; those of odd number are fitted.
    let odd = |name: &str| {
        let number =
            name.trim_end_matches(']').rsplit("Cell").next().and_then(|text| text.parse::<u32>().ok());
        number.is_some_and(|number| number % 2 == 1)
    };
    let at = |name: &str, t: &str| name.contains(&format!("[{t} "));
    let Some(fitted) = read(&|name| odd(name) && (at(name, "0") || at(name, "25"))) else { return };
    let predicted =
        read(&|name| !(odd(name) && (at(name, "0") || at(name, "25"))) && !at(name, "45")).unwrap();
    assert!(fitted.records.len() > 20 && predicted.records.len() > 40);
    let mut request = request("nmc811-grsi-lg-m50-5ah", &[Part::Ocv, Part::Circuit]);
    request.keep_tau2 = true;
    let outcome = calibrate(&request, &fitted, &predicted, |_| {}).unwrap();
    let (known, new) = (reproduced(&outcome, Role::Fitted), reproduced(&outcome, Role::Predicted));
    println!("{} fitted: {:.1} mV, {} predicted: {:.1} mV", known.len(), rms(&known), new.len(), rms(&new));
    assert!(rms(&known) < 25.0 && rms(&new) < 80.0, "{} {}", rms(&known), rms(&new));
}

/// Fitted to the first 100 cycles of two cells; the 68 that follow are predicted.
#[test]
fn the_first_cycles_of_nasa_cells_predict_the_last() {
    let Some(folder) = datasets() else { return };
    let place = tempfile::tempdir().unwrap();
    let (head, mut early, mut late) =
        ("cycle,capacity_Ah,temperature_degC,cell\n", String::new(), String::new());
    let path = folder.join("nasa_pcoe/cycle_summary.csv.gz");
    let table = sim::measured::open(&path).unwrap();
    let column = |name: &str| table.find(name).unwrap();
    for row in 0..table.len() {
        let cell = table.text(row, column("cell"));
        let cycle = table.text(row, column("discharge_cycle"));
        let capacity = table.text(row, column("capacity_Ah"));
        if table.text(row, column("type")) == "discharge"
            && ["B0005", "B0006"].contains(&cell)
            && !capacity.is_empty()
        {
            let cycle: f64 = cycle.parse().unwrap();
            // The cells warm by some kelvin on discharge: 30 °C stands for the mean.
            let line = format!("{cycle},{capacity},30,{cell}\n");
            if cycle <= 100.0 {
                early.push_str(&line);
            }
            late.push_str(&line);
        }
    }
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, format!("{head}{text}")).unwrap();
        DataFile::parse(&path.display().to_string()).unwrap()
    };
    let options = Options { columns: Columns::parse("segment=cell").unwrap(), ..Options::default() };
    let fitted = read_inputs(&[file("early.csv", &early)], &options).unwrap();
    let whole = read_inputs(&[file("whole.csv", &late)], &options).unwrap();
    assert_eq!(fitted.histories.len(), 2);
    let mut errors_pct = Vec::new();
    for (known, whole) in fitted.histories.iter().zip(&whole.histories) {
        let mut request = request("nca-gr-panasonic-3ah", &[Part::Life]);
        request.base.cell.capacity_ah = 2.0;
        let data = Inputs { histories: vec![known.clone()], ..Inputs::default() };
        let all = Inputs { histories: vec![whole.clone()], ..Inputs::default() };
        let outcome = calibrate(&request, &data, &all, |_| {}).unwrap();
        let predicted = outcome.histories.iter().find(|aged| aged.role == Role::Predicted).unwrap();
        let later: Vec<f64> = predicted
            .course
            .iter()
            .filter(|(cycle, ..)| *cycle > 100.0)
            .map(|(_, measured, model)| 100.0 * (model - measured) / 2.0)
            .collect();
        println!(
            "{}: fitted to 100 cycles, the next {} within {:.1} % of rated capacity (RMSE)",
            known.name,
            later.len(),
            rms(&later)
        );
        errors_pct.push(rms(&later));
    }
    assert!(errors_pct.iter().all(|error| *error < 12.0), "{errors_pct:?}");
}
