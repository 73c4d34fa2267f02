//! Models against measurements of others: what was fitted and what is predicted is told beside each.

use crate::data::{Drawn, Sources, differences, rms, rows};
use sim::calibrate::{DataFile, Inputs, Part, Request, Role, calibrate, read_inputs};
use sim::measured::Options as Reading;
use sim::results::figure::{Figure, Panel, Series};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use twin::battery::circuit::CellModel as Circuit;
use twin::battery::estimate::{self, Estimator, Guess, Prior, Subject};
use twin::battery::fit::Record;
use twin::battery::fit::circuit::residuals;
use twin::battery::fit::life::{History, Point};
use twin::battery::library;
use twin::battery::pack::Layout;
use twin::battery::particle::balance::Balance;
use twin::battery::particle::cell::{CellModel, Drive, Heat, Kind, Options};
use twin::battery::particle::drive::{End, Run};
use twin::battery::particle::set::{self, ParticleSet};
use twin::time::Time;

const PANASONIC: &str =
    "Measured: Panasonic NCR18650PF, Kollmeyer 2017, Mendeley Data, doi 10.17632/wykht8y7tg.1, thinned.";
/// Heat transfer of the bench, fitted to the peak temperature of 1C at 25 °C [W/m²/K].
const BENCH_W_PER_M2_K: f64 = 15.8;

/// Discharges of an LG M50 at several rates and temperatures against a published set, of which nothing is fitted.
pub(crate) fn rate_tests(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.datasets else { return Ok(None) };
    let file = folder.join("lg_m50_characterisation/rate_tests.csv.gz");
    let names = ["time_s", "voltage_V", "current_A", "cell_temperature_degC"];
    let mut tests: BTreeMap<(String, String), Vec<[f64; 4]>> = BTreeMap::new();
    for (key, row) in rows(&file, &["ambient_degC", "c_rate"], &names)? {
        let [t_s, volts, amperes, celsius] = row[..] else { continue };
        tests.entry((key[0].clone(), key[1].clone())).or_default().push([t_s, volts, -amperes, celsius]);
    }
    let mut set = set::find("Chen2020").ok_or("it ships")?;
    set.thermal.film_w_per_m2_k = BENCH_W_PER_M2_K;
    let options = Options { heat: Heat::Lumped, ..Options::new(Kind::Spme) };
    let model = CellModel::new(ParticleSet::of(set)?, options)?;
    let mut panels = Vec::new();
    for ambient in ["0", "10", "25", "45"] {
        let of_ambient = || tests.iter().filter(|((at, _), _)| at == ambient);
        // One file begins under load: cells at one temperature were charged alike.
        let rest_v = of_ambient().map(|(_, points)| points[0][1]).fold(0.0, f64::max);
        let mut series = Vec::new();
        for (colour, ((_, rate), points)) in of_ambient().enumerate() {
            let (measured, ours) = discharge(&model, points, rest_v)?;
            let split = |points: Vec<(f64, f64)>| points.into_iter().unzip::<f64, f64, Vec<f64>, Vec<f64>>();
            let ((x, y), (ours_x, ours_y)) = (split(measured), split(ours));
            series.push(Series::line(format!("{rate}C"), colour, ours_x, ours_y));
            series.push(Series::points("", colour, x, y).thinned(41));
        }
        panels.push(Panel {
            title: format!("{ambient} °C"),
            x_label: "discharged [Ah]".into(),
            y_label: "voltage [V]".into(),
            height: 190.0,
            y_range: Some((2.4, 4.3)),
            series,
            ..Panel::default()
        });
    }
    Ok(Some(Figure {
        title: "An LG M50 from a published set: Chen2020, SPMe with heat".into(),
        note: "Dots: measured by WMG Warwick (WDWidanage/Simscape-Battery-Library, MIT), thinned. Lines: predicted from the measured current. \
               Fitted: the heat transfer, to the peak temperature of 1C at 25 °C. Told: the voltage at rest. Nothing of the set was fitted."
            .into(),
        columns: 2,
        panels,
    }))
}

type Points = Vec<(f64, f64)>;

/// Measured and predicted voltage over charge taken out, from the moment of the load to 2.5 V.
fn discharge(
    model: &CellModel,
    points: &[[f64; 4]],
    rest_v: f64,
) -> Result<(Points, Points), Box<dyn Error>> {
    let start_c = if points[0][3].is_finite() { points[0][3] } else { 25.0 };
    let balance = Balance::of_new(model.set());
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        let run = Run::new(model, model.at_rest(balance.at(middle), start_c), start_c)?;
        if run.seen.voltage_v < rest_v { low = middle } else { high = middle }
    }
    let mut run = Run::new(model, model.at_rest(balance.at(high), start_c), start_c)?;
    let loaded = points.iter().position(|p| p[2] > 0.01).ok_or("no load")?;
    let last = loaded + points[loaded..].iter().take_while(|p| p[2] > 0.01).count() - 1;
    let (mut measured, mut ours, mut ah) = (Vec::new(), Vec::new(), 0.0);
    let mut over = false;
    for pair in points[loaded..=last].windows(2) {
        let dt_s = pair[1][0] - pair[0][0];
        ah += 0.5 * (pair[0][2] + pair[1][2]) * dt_s / 3600.0;
        measured.push((ah, pair[1][1]));
        if dt_s < 1e-6 || over {
            continue;
        }
        run.begin(Drive::Current { now_a: pair[0][2], slope_a_per_s: (pair[1][2] - pair[0][2]) / dt_s })?;
        let until_s = run.clock().t_s + dt_s;
        over = run.go(until_s, &[End::VoltageBelow(2.5)], |_, _| {})?.is_some();
        ours.push((run.clock().discharged_c / 3600.0, run.seen.voltage_v));
    }
    if !over {
        run.begin(Drive::Current { now_a: points[last][2], slope_a_per_s: 0.0 })?;
        let until_s = run.clock().t_s + 1e5;
        run.go(until_s, &[End::VoltageBelow(2.5)], |state, seen| {
            ours.push((state.clock.discharged_c / 3600.0, seen.voltage_v));
        })?;
    }
    Ok((measured, ours))
}

fn panasonic(folder: &Path, name: &str, ambient: &str) -> Result<Record, Box<dyn Error>> {
    let path = folder.join(format!("panasonic_18650pf/{name}.csv.gz"));
    let file = DataFile::parse(&format!("{}@ambient={ambient},soc=1", path.display()))?;
    let mut records = read_inputs(&[file], &Reading::default())?.records;
    if records.is_empty() {
        return Err(format!("{name} has no record").into());
    }
    Ok(records.remove(0))
}

/// Measured and predicted voltage of cycles that the chemistry was not fitted to.
pub(crate) fn drive_cycles(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.datasets else { return Ok(None) };
    let chemistry = library::find("panasonic-18650pf").ok_or("it ships")?;
    let mut panels = Vec::new();
    for pair in
        [[("25degC_US06", "25"), ("25degC_HWFTa", "25")], [("n20degC_US06", "-20"), ("n20degC_HWFET", "-20")]]
    {
        let mut lower = Vec::new();
        for (name, ambient) in pair {
            let record = panasonic(folder, name, ambient)?;
            let off = residuals(&chemistry, &record);
            // Seconds are too many for a figure: a window of five minutes in the middle, and every minute's RMSE over all of it.
            let begun = record.discharged_ah.iter().position(|ah| *ah > 0.01).unwrap_or(0);
            let shown: Vec<usize> = (begun..record.len()).collect();
            let minutes = |k: usize| (record.t_s[k] - record.t_s[begun]) / 60.0;
            let end = minutes(record.len() - 1);
            let window =
                shown.iter().copied().filter(|k| (0.5 * end..0.5 * end + 5.0).contains(&minutes(*k)));
            let window: Vec<usize> = window.collect();
            let x: Vec<f64> = window.iter().map(|k| minutes(*k)).collect();
            let measured = window.iter().map(|k| record.voltage_v[*k]).collect();
            let ours = window.iter().map(|k| record.voltage_v[*k] + off[*k]).collect();
            let all = 1e3 * rms(off.iter().copied());
            panels.push(Panel {
                title: format!("{name}: {all:.0} mV RMSE; five minutes of it"),
                x_label: "minutes".into(),
                y_label: "voltage [V]".into(),
                height: 180.0,
                series: vec![
                    Series::points("measured", 1, x.clone(), measured).thinned(151),
                    Series::line("model", 0, x, ours),
                ],
                ..Panel::default()
            });
            let bins = (end / 1.0).ceil() as usize;
            let (mut sums, mut counts) = (vec![0.0; bins + 1], vec![0.0; bins + 1]);
            let mut squares = vec![0.0; bins + 1];
            for k in shown {
                let bin = minutes(k) as usize;
                sums[bin] += 1e3 * off[k];
                squares[bin] += 1e6 * off[k] * off[k];
                counts[bin] += 1.0;
            }
            let at: Vec<f64> = (0..=bins).map(|bin| bin as f64 + 0.5).collect();
            let mean = sums.iter().zip(&counts).map(|(s, n)| s / n).collect();
            let root = squares.iter().zip(&counts).map(|(s, n): (&f64, &f64)| (s / n).sqrt()).collect();
            lower.push(differences(
                "mV",
                "minutes",
                vec![
                    Series::line("mean of each minute", 0, at.clone(), mean),
                    Series::line("RMSE of each minute", 3, at, root),
                ],
            ));
        }
        panels.extend(lower);
    }
    Ok(Some(Figure {
        title: "Drive cycles that panasonic-18650pf was not fitted to".into(),
        note: format!(
            "{PANASONIC} The circuit at the measured current and case temperature; fitted to C/20, HPPC and Cycle_1 to Cycle_4 only."
        ),
        columns: 2,
        panels,
    }))
}

/// RMSE of every cycle by temperature, fitted and predicted, beside what was aimed at.
pub(crate) fn errors(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.datasets else { return Ok(None) };
    let chemistry = library::find("panasonic-18650pf").ok_or("it ships")?;
    let mut series: Vec<Series> =
        ["fitted: Cycle_1 to Cycle_4", "fitted: pulses", "predicted: HWFET", "predicted: US06"]
            .iter()
            .enumerate()
            .map(|(k, name)| Series::points(*name, [6, 4, 2, 1][k], Vec::new(), Vec::new()))
            .collect();
    for (prefix, ambient) in
        [("25degC", "25"), ("10degC", "10"), ("0degC", "0"), ("n10degC", "-10"), ("n20degC", "-20")]
    {
        let celsius: f64 = ambient.parse()?;
        for (kind, cycles) in [
            (0, &["Cycle_1", "Cycle_2", "Cycle_3", "Cycle_4"][..]),
            (1, &["5Pulse_HPPC", "5pulse_HPPC"]),
            (2, &["HWFET", "HWFTa", "HWFTb"]),
            (3, &["US06"]),
        ] {
            for (n, cycle) in cycles.iter().enumerate() {
                let name = format!("{prefix}_{cycle}");
                if !folder.join(format!("panasonic_18650pf/{name}.csv.gz")).exists() {
                    continue;
                }
                let record = panasonic(folder, &name, ambient)?;
                let beside =
                    [-0.9, -0.3, 0.3, 0.9][kind] + if kind == 0 { 0.25 * (n as f64 - 1.5) } else { 0.0 };
                let mut off_mv: Vec<f64> =
                    residuals(&chemistry, &record).iter().map(|off| 1e3 * off).collect();
                let rms_mv = rms(off_mv.iter().copied());
                off_mv.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
                println!("  {name}: {rms_mv:.1} mV RMSE, median {:.1} mV", off_mv[off_mv.len() / 2].abs());
                series[kind].x.push(celsius + beside);
                series[kind].y.push(rms_mv);
            }
        }
    }
    series.push(Series::dashed("aim, predicted", 3, vec![22.0, 28.0], vec![15.0, 15.0]));
    series.push(Series::dashed("", 3, vec![-23.0, -17.0], vec![40.0, 40.0]));
    let panel = Panel {
        x_label: "chamber [°C]".into(),
        y_label: "RMSE of the voltage, all rows [mV]".into(),
        height: 230.0,
        y_range: Some((0.0, 125.0)),
        series,
        ..Panel::default()
    };
    Ok(Some(Figure {
        title: "How far panasonic-18650pf is off".into(),
        note: format!("{PANASONIC} A dot is a cycle."),
        columns: 1,
        panels: vec![panel],
    }))
}

/// Capacity of two cells over their life: fitted to the first hundred cycles, the rest predicted.
pub(crate) fn fade(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.datasets else { return Ok(None) };
    let table = rows(
        &folder.join("nasa_pcoe/cycle_summary.csv.gz"),
        &["cell", "type"],
        &["discharge_cycle", "capacity_Ah"],
    )?;
    let mut panels = Vec::new();
    for cell in ["B0005", "B0006"] {
        let of_cell =
            table.iter().filter(|(key, row)| key[0] == cell && key[1] == "discharge" && row[1].is_finite());
        // Four cycles a day as laboratories do; the cells warm by some kelvin on discharge: 30 °C stands for the mean.
        let points: Vec<Point> = of_cell
            .map(|(_, row)| Point {
                cycle: row[0],
                t_days: row[0] / 4.0,
                capacity_ah: row[1],
                ..nasa_point()
            })
            .collect();
        let whole = History { name: cell.into(), points };
        let early = whole.points.iter().filter(|point| point.cycle <= 100.0).copied().collect();
        let known = History { name: cell.into(), points: early };
        let mut base = library::find("nca-gr-panasonic-3ah").ok_or("it ships")?;
        base.cell.capacity_ah = 2.0;
        let request = Request {
            base,
            name: "nasa".into(),
            source: None,
            parts: vec![Part::Life],
            keep_tau2: false,
            tau2_s: (200.0, 20_000.0),
            temperature_c: Vec::new(),
            knee: false,
            starts: 0,
            seed: 1,
        };
        let data = Inputs { histories: vec![known], ..Inputs::default() };
        let all = Inputs { histories: vec![whole], ..Inputs::default() };
        let outcome = calibrate(&request, &data, &all, |_| {})?;
        let aged =
            outcome.histories.iter().find(|aged| aged.role == Role::Predicted).ok_or("it was asked for")?;
        let later = aged.course.iter().filter(|(cycle, ..)| *cycle > 100.0);
        let off = rms(later.map(|(_, measured, model)| 100.0 * (model - measured) / 2.0));
        let column = |of: fn(&(f64, f64, f64)) -> f64, from: f64, to: f64| -> Vec<f64> {
            aged.course.iter().filter(|row| (from..=to).contains(&row.0)).map(of).collect()
        };
        panels.push(Panel {
            title: format!("{cell}: from cycle 101 on {off:.1} % of rated capacity off"),
            x_label: "cycles".into(),
            y_label: "capacity [Ah]".into(),
            height: 200.0,
            series: vec![
                Series::points(
                    "measured, fitted to",
                    6,
                    column(|r| r.0, 0.0, 100.0),
                    column(|r| r.1, 0.0, 100.0),
                )
                .thinned(51),
                Series::points(
                    "measured, not seen",
                    1,
                    column(|r| r.0, 101.0, 1e9),
                    column(|r| r.1, 101.0, 1e9),
                )
                .thinned(35),
                Series::line("model", 0, column(|r| r.0, 0.0, 1e9), column(|r| r.2, 0.0, 1e9)),
            ],
            ..Panel::default()
        });
    }
    Ok(Some(Figure {
        title: "Fade of capacity foretold from the first hundred cycles".into(),
        note: "Measured: NASA Ames Prognostics Center of Excellence, cells B0005 and B0006 (Saha and Goebel 2007), thinned. \
               Fitted: rates and exponent of the life laws of nca-gr-panasonic-3ah, to the first hundred cycles of each."
            .into(),
        columns: 2,
        panels,
    }))
}

/// What is not told by the file.
fn nasa_point() -> Point {
    Point { cycle: 0.0, t_days: 0.0, capacity_ah: 0.0, temperature_c: 30.0, depth: 1.0, c_rate: 1.0 }
}

/// State of charge as it is estimated from a wrong start, beside what the tester counted.
pub(crate) fn estimate(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.datasets else { return Ok(None) };
    let cell = Arc::new(Circuit::compile(library::find("panasonic-18650pf").ok_or("it ships")?)?);
    let rated_ah = cell.file.cell.capacity_ah;
    let subject = Arc::new(Subject::new(cell, Layout { series: 1, parallel: 1 }));
    let mut panels = Vec::new();
    let mut lower = Vec::new();
    for (name, title) in [("25degC_US06", "US06 at 25 °C"), ("n10degC_HWFET", "HWFET at −10 °C")] {
        let file = folder.join(format!("panasonic_18650pf/{name}.csv.gz"));
        let rows = rows(&file, &[], &["time_s", "voltage_V", "current_A", "temperature_degC", "ah_Ah"])?;
        let first = &rows[0].1;
        let start = Guess { mean: 1.0 + first[4] / rated_ah - 0.3, std: 0.15 };
        let mut estimator = Estimator::new(subject.clone(), Prior { soc: Some(start), ..Prior::default() });
        let (mut x, mut counted, mut mean, mut low, mut high, mut off) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let begun = rows.iter().position(|(_, row)| row[4] < -0.01).unwrap_or(0);
        let every = ((rows.len() - begun) / 240).max(1);
        for (k, (_, row)) in rows.iter().enumerate() {
            let at = Time((row[0] * 1e3).round() as i64);
            let reading = estimate::Reading {
                at,
                voltage_v: row[1],
                current_a: Some(-row[2]),
                temperature_c: Some(row[3]),
                ..estimate::Reading::default()
            };
            estimator.observe(at, &reading)?;
            if k < begun || (k - begun) % every != 0 {
                continue;
            }
            let Some(estimate) = estimator.estimate(at) else { continue };
            let truth = 1.0 + row[4] / rated_ah;
            x.push((row[0] - rows[begun].1[0]) / 60.0);
            counted.push(100.0 * truth);
            mean.push(100.0 * estimate.soc);
            low.push(100.0 * (estimate.soc - 2.0 * estimate.soc_std));
            high.push(100.0 * (estimate.soc + 2.0 * estimate.soc_std));
            off.push(100.0 * (estimate.soc - truth));
        }
        panels.push(Panel {
            title: title.into(),
            x_label: "minutes".into(),
            y_label: "state of charge [%]".into(),
            height: 190.0,
            series: vec![
                Series::band("two deviations", 0, x.clone(), (low, high)),
                Series::points("counted", 1, x.clone(), counted).thinned(61),
                Series::line("estimated", 0, x.clone(), mean),
            ],
            ..Panel::default()
        });
        lower.push(Panel {
            y_label: "estimated less counted [%]".into(),
            ..differences("%", "minutes", vec![Series::line("", 0, x, off)])
        });
    }
    panels.extend(lower);
    Ok(Some(Figure {
        title: "State of charge from readings, told 30 % too little at first".into(),
        note: format!(
            "{PANASONIC} Counted by the tester over 2.995 Ah. The chemistry was not fitted to these cycles."
        ),
        columns: 2,
        panels,
    }))
}
