//! Particle models against the package in which their equations and parameters were published.

use crate::data::{Drawn, Sources, differences, rms, rows};
use sim::results::figure::{Figure, Panel, Series};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use twin::battery::particle::balance::Balance;
use twin::battery::particle::cell::{self, CellModel, Drive, Heat, Kind};
use twin::battery::particle::dfn::{self, DfnModel};
use twin::battery::particle::drive::{Model, Run};
use twin::battery::particle::set::{self, ParticleSet, ZERO_C};

const SOURCE: &str = "Dots: PyBaMM 26.10.1 on a fine mesh (40/20/40 volumes, 80 in the particles), thinned. Lines: this program.";

/// Time [s], charge taken out [Ah], voltage and temperature of a reference curve.
struct Case {
    c_rate: f64,
    points: Vec<[f64; 4]>,
}

/// A curve of ours at the same times.
struct Curve {
    points: Vec<[f64; 4]>,
}

fn cases(file: &Path) -> Result<BTreeMap<String, Case>, Box<dyn Error>> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (texts, numbers) in rows(file, &["case"], &["c_rate", "t_s", "discharged_Ah", "V", "T_C"])? {
        let [c_rate, t_s, ah, volts, celsius] = numbers[..] else { continue };
        let case = cases.entry(texts[0].clone()).or_insert(Case { c_rate, points: Vec::new() });
        case.points.push([t_s, ah, volts, celsius]);
    }
    Ok(cases)
}

fn parameters(name: &str) -> Result<ParticleSet, Box<dyn Error>> {
    Ok(ParticleSet::of(set::find(name).ok_or("it ships")?)?)
}

/// Drives a model through the loads between given times and tells of it at the reference's times.
fn follow<M: Model>(
    mut run: Run<M>,
    loads: &[(f64, Drive)],
    times: impl Iterator<Item = f64>,
) -> Result<Curve, Box<dyn Error>> {
    let mut points = Vec::new();
    let mut loads = loads.iter().peekable();
    let mut times = times.peekable();
    while let Some((_, drive)) = loads.next() {
        run.begin(*drive)?;
        let until_s = loads.peek().map_or(f64::INFINITY, |(from_s, _)| *from_s);
        while let Some(t_s) = times.next_if(|t| *t <= until_s + 1e-9) {
            run.go(t_s, &[], |_, _| {})?;
            let clock = run.clock();
            points.push([t_s, clock.discharged_c / 3600.0, run.seen.voltage_v, clock.temperature_k - ZERO_C]);
        }
        if until_s.is_finite() {
            run.go(until_s, &[], |_, _| {})?;
        }
    }
    Ok(Curve { points })
}

/// What a model answers to a discharge from its published state, until the reference's last point but one, which is
/// just before the end.
fn discharged(
    set: &str,
    model: &str,
    heat: Heat,
    ambient_c: f64,
    case: &Case,
) -> Result<Curve, Box<dyn Error>> {
    let set = parameters(set)?;
    let current = Drive::Current { now_a: case.c_rate * set.file.cell.capacity_ah, slope_a_per_s: 0.0 };
    let times = case.points[..case.points.len() - 1].iter().map(|point| point[0]);
    if model == "DFN" {
        let model = DfnModel::new(set, dfn::Options { heat, ..dfn::Options::default() })?;
        let run = Run::new(&model, model.as_published(ambient_c), ambient_c)?;
        return follow(run, &[(0.0, current)], times);
    }
    let kind = if model == "SPM" { Kind::Spm } else { Kind::Spme };
    let model = CellModel::new(set, cell::Options { heat, ..cell::Options::new(kind) })?;
    let run = Run::new(&model, model.as_published(ambient_c), ambient_c)?;
    follow(run, &[(0.0, current)], times)
}

fn column(points: &[[f64; 4]], k: usize) -> Vec<f64> {
    points.iter().map(|point| point[k]).collect()
}

/// Differences in something over something, and their root mean square.
fn off(ours: &Curve, case: &Case, (x, y): (usize, usize), scale: f64) -> (Vec<f64>, Vec<f64>, f64) {
    let pairs = || ours.points.iter().zip(&case.points);
    let differences: Vec<f64> = pairs().map(|(a, b)| scale * (a[y] - b[y])).collect();
    let rms = rms(differences.iter().copied());
    (pairs().map(|(a, _)| a[x]).collect(), differences, rms)
}

/// Voltage over charge and its residual, for some models of a set at three rates.
fn discharges(sources: &Sources, models: &[&str], title: &str) -> Drawn {
    let Some(folder) = &sources.validation else { return Ok(None) };
    let cases = cases(&folder.join("pybamm_discharge.csv"))?;
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for (set, ambient_c) in [("Chen2020", 25.0), ("Prada2013", 24.85)] {
        for model in models {
            let (mut curves, mut residuals, mut worst) = (Vec::new(), Vec::new(), 0.0f64);
            for (colour, rate) in ["0.2C", "1C", "2C"].iter().enumerate() {
                let case = &cases[&format!("{set}_{model}_iso25_dis_{rate}")];
                let ours = discharged(set, model, Heat::Isothermal, ambient_c, case)?;
                curves.push(Series::line(*rate, colour, column(&ours.points, 1), column(&ours.points, 2)));
                // The last point is the end itself, which the line stops short of.
                let known = &case.points[..case.points.len() - 1];
                let dots = Series::points("", colour, column(known, 1), column(known, 2));
                curves.push(dots.thinned(41));
                let (x, y, rms) = off(&ours, case, (1, 2), 1e3);
                worst = worst.max(rms);
                residuals.push(Series::line("", colour, x, y));
            }
            upper.push(Panel {
                title: format!("{set}, {model}: at most {worst:.2} mV RMS"),
                x_label: "discharged [Ah]".into(),
                y_label: "voltage [V]".into(),
                height: 190.0,
                series: curves,
                ..Panel::default()
            });
            lower.push(differences("mV", "discharged [Ah]", residuals));
        }
    }
    // Two side by side: each pair of curves, then their differences.
    let pairs = upper.chunks(2).zip(lower.chunks(2));
    let panels = pairs.flat_map(|(upper, lower)| [upper, lower].concat()).collect();
    Ok(Some(Figure { title: title.into(), note: SOURCE.into(), columns: 2, panels }))
}

/// SPM and SPMe.
pub(crate) fn single_particle_discharges(sources: &Sources) -> Drawn {
    discharges(sources, &["SPM", "SPMe"], "Discharges at constant temperature, single particle models")
}

/// DFN.
pub(crate) fn full_model_discharges(sources: &Sources) -> Drawn {
    discharges(sources, &["DFN"], "Discharges at constant temperature, full model")
}

/// Temperature of a cell that warms itself, 2C from 10 and 40 °C, all three models.
pub(crate) fn temperatures(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.validation else { return Ok(None) };
    let cases = cases(&folder.join("pybamm_discharge.csv"))?;
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for set in ["Chen2020", "Prada2013"] {
        let (mut curves, mut residuals) = (Vec::new(), Vec::new());
        for (colour, model) in ["SPM", "SPMe", "DFN"].iter().enumerate() {
            for (thermal, ambient_c) in [("lump10", 10.0), ("lump40", 40.0)] {
                let case = &cases[&format!("{set}_{model}_{thermal}_dis_2C")];
                let ours = discharged(set, model, Heat::Lumped, ambient_c, case)?;
                let name = if ambient_c < 20.0 { *model } else { "" };
                curves.push(Series::line(name, colour, column(&ours.points, 1), column(&ours.points, 3)));
                let known = &case.points[..case.points.len() - 1];
                let dots = Series::points("", colour, column(known, 1), column(known, 3));
                curves.push(dots.thinned(31));
                let (x, y, _) = off(&ours, case, (1, 3), 1.0);
                residuals.push(Series::line("", colour, x, y));
            }
        }
        upper.push(Panel {
            title: format!("{set}, 2C in air of 10 and 40 °C"),
            x_label: "discharged [Ah]".into(),
            y_label: "cell temperature [°C]".into(),
            height: 200.0,
            series: curves,
            ..Panel::default()
        });
        lower.push(differences("K", "discharged [Ah]", residuals));
    }
    Ok(Some(Figure {
        title: "A cell that warms itself".into(),
        note: format!(
            "{SOURCE} Without heat of the electrolyte, SPM stays far too cold at this rate; so it does there."
        ),
        columns: 2,
        panels: [upper, lower].concat(),
    }))
}

/// An hour of changing current.
pub(crate) fn drive_cycle(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.validation else { return Ok(None) };
    let cases = cases(&folder.join("pybamm_dynamic.csv"))?;
    let current =
        rows(&folder.join("pybamm_dynamic_current.csv"), &[], &["t_s", "c_rate_discharge_positive"])?;
    let current: Vec<(f64, f64)> = current.into_iter().map(|(_, row)| (row[0], row[1])).collect();
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for (name, ambient_c) in [("Chen2020", 25.0), ("Prada2013", 24.85)] {
        let (mut curves, mut residuals, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (colour, model) in ["SPM", "SPMe", "DFN"].iter().enumerate() {
            let case = &cases[&format!("{name}_{model}_iso25_dynamic")];
            let set = parameters(name)?;
            let rated_a = set.file.cell.capacity_ah;
            let loads: Vec<(f64, Drive)> = current
                .windows(2)
                .map(|pair| {
                    let slope_a_per_s = rated_a * (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0);
                    (pair[0].0, Drive::Current { now_a: rated_a * pair[0].1, slope_a_per_s })
                })
                .collect();
            let times = case.points.iter().map(|point| point[0]);
            let stoichiometry = Balance::of_new(&set).at(0.6);
            let ours = if *model == "DFN" {
                let model = DfnModel::new(set, dfn::Options::default())?;
                let state = Model::at_rest(&model, stoichiometry, ambient_c);
                follow(Run::new(&model, state, ambient_c)?, &loads, times)?
            } else {
                let kind = if *model == "SPM" { Kind::Spm } else { Kind::Spme };
                let model = CellModel::new(set, cell::Options::new(kind))?;
                let state = model.at_rest(stoichiometry, ambient_c);
                follow(Run::new(&model, state, ambient_c)?, &loads, times)?
            };
            let (x, y, rms) = off(&ours, case, (0, 2), 1e3);
            told.push(format!("{model} {rms:.2}"));
            if *model != "SPM" {
                residuals.push(Series::line(*model, colour, x.iter().map(|t| t / 60.0).collect(), y));
            }
            if *model == "SPMe" {
                let minutes = |points: &[[f64; 4]]| points.iter().map(|point| point[0] / 60.0).collect();
                curves.push(Series::line("SPMe", colour, minutes(&ours.points), column(&ours.points, 2)));
                let dots = Series::points("reference", 6, minutes(&case.points), column(&case.points, 2));
                curves.push(dots.thinned(121));
            }
        }
        upper.push(Panel {
            title: format!("{name}; mV RMS: {}", told.join(", ")),
            x_label: "minutes".into(),
            y_label: "voltage [V]".into(),
            height: 190.0,
            series: curves,
            ..Panel::default()
        });
        lower.push(differences("mV", "minutes", residuals));
    }
    Ok(Some(Figure {
        title: "An hour of changing current, −1C to 1.8C, from 60 % charge".into(),
        note: format!(
            "{SOURCE} Current is linear between its points; the spikes of the differences stand at its ramps of one second."
        ),
        columns: 2,
        panels: [upper, lower].concat(),
    }))
}
