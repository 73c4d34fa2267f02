//! Rates of the base's life laws, from histories of capacity.
//!
//! ```text
//! Q_k = Q_0·q(states),   each cycle's progress under its own temperature, depth and rate
//! k → f·k·x_m^(p₀ − p)   f and, for power laws, p are fitted; x_m is the middle of the histories
//! ```
//!
//! The laws, and how they depend on temperature, depth and rate, stay the base's: a history at one temperature tells
//! how fast a cell ages there, not what heat does to it. Cycle laws share one factor, calendar laws another, which is
//! fitted only where histories differ in cycles per day. Q_0 is fitted for every history.
//!
//! Limits: recovery of capacity in rests is no part of the laws and stays in the residuals.

use super::super::chemistry::{AxisFile, ChemistryFile, LawFile, LifeFile};
use super::super::circuit::interpolate;
use super::super::life::{Axis, LifeModel, Stress, instant_stress};
use super::least_squares::{self, Effort, Problem};
use super::{Figure, Missing};

/// Least loss of capacity that tells of a rate.
const FADES: f64 = 0.02;
/// Least number of points.
const POINTS: usize = 5;

/// Capacity of one cell over its life.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// What people call it.
    pub name: String,
    /// The measurements, in order of time.
    pub points: Vec<Point>,
}

/// One measurement of capacity, and the use since the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Cycles since the start.
    pub cycle: f64,
    /// Days since the start.
    pub t_days: f64,
    /// Capacity [Ah].
    pub capacity_ah: f64,
    /// Temperature of the cell [°C].
    pub temperature_c: f64,
    /// Depth of the cycles.
    pub depth: f64,
    /// Mean rate of cycling [1/h].
    pub c_rate: f64,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The base with the fitted rates in it.
    pub chemistry: ChemistryFile,
    /// Fitted figures.
    pub figures: Vec<Figure>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// Root of the mean square of the residuals, relative to the rated capacity.
    pub rms: f64,
}

struct LifeProblem<'a> {
    base: &'a ChemistryFile,
    histories: &'a [History],
    middle_efc: f64,
    parameters: Vec<Vec<usize>>,
}

/// Positions of the parameters: ln of the cycle laws' and the calendar laws' factor, the exponent's change, then ln of
/// each history's first capacity over the rated one.
const CYCLE: usize = 0;
const CALENDAR: usize = 1;
const EXPONENT: usize = 2;
const FIRST: usize = 3;

/// Fits the rates to histories.
///
/// # Errors
/// When there are too few points, or capacity hardly fades.
pub fn fit(base: &ChemistryFile, histories: &[History]) -> Result<Outcome, Missing> {
    let points: usize = histories.iter().map(|history| history.points.len()).sum();
    let fade = histories.iter().map(lost).fold(0.0f64, f64::max);
    if points < POINTS || fade < FADES {
        return Err(Missing::Data {
            parameter: "rates of the life laws",
            lacks: if points < POINTS {
                format!("{points} measurements of capacity, and {POINTS} are needed")
            } else {
                format!("capacity falls by {:.1} %, and {:.0} % are needed", 100.0 * fade, 100.0 * FADES)
            },
            remedy: "add a longer history of capacity, or leave life out of --fit",
        });
    }
    let mut notes = Vec::new();
    let apart = |value: &dyn Fn(&Point) -> f64, least: f64| {
        let values = histories.iter().flat_map(|history| history.points.iter().map(value));
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        high - low >= least
    };
    for (what, varies) in [
        ("temperature", apart(&|p| p.temperature_c, 8.0)),
        ("depth of discharge", apart(&|p| p.depth, 0.2)),
        ("rate", apart(&|p| p.c_rate, 0.5)),
    ] {
        if !varies {
            notes.push(format!("life: one {what} only; how ageing depends on it is the base's"));
        }
    }
    let paces: Vec<f64> = histories.iter().filter_map(pace).collect();
    let (slow, fast) = paces.iter().fold((f64::INFINITY, 0.0f64), |(a, b), p| (a.min(*p), b.max(*p)));
    let both = fast > 2.0 * slow;
    let powers = base.life.state.iter().any(|state| {
        state.axis == AxisFile::Efc && matches!(state.law, LawFile::Power { .. } | LawFile::PowerB { .. })
    });
    if !both {
        notes.push("life: cycles per day are the same everywhere; calendar rates are the base's".into());
    }
    let ends = histories.iter().filter_map(|history| history.points.last());
    let efc: f64 = ends.map(|p| p.cycle * p.depth).sum::<f64>() / histories.len().max(1) as f64;
    let all: Vec<usize> = (0..FIRST + histories.len()).collect();
    let parameters = (0..histories.len()).map(|k| [&all[..FIRST], &[FIRST + k]].concat()).collect();
    let problem = LifeProblem { base, histories, middle_efc: (0.5 * efc).max(1.0), parameters };
    let mut start = vec![0.0; FIRST + histories.len()];
    let mut bounds = vec![(-7.0, 7.0), if both { (-7.0, 7.0) } else { (0.0, 0.0) }, (0.0, 0.0)];
    // A short or shallow history cannot tell how loss bends.
    if powers && points >= 20 && fade > 0.05 {
        bounds[EXPONENT] = (-1.0, 2.0);
    }
    for (k, history) in histories.iter().enumerate() {
        let first = history.points.first().map_or(1.0, |p| p.capacity_ah / base.cell.capacity_ah);
        start[FIRST + k] = first.ln();
        bounds.push((first.ln() - 0.2, first.ln() + 0.2));
    }
    let fit = least_squares::fit(&problem, &start, &bounds, Effort::default(), |_, _| {});
    let mut figures = Vec::new();
    for (index, name) in [
        (CYCLE, "factor on cycle ageing"),
        (CALENDAR, "factor on calendar ageing"),
        (EXPONENT, "change of exponent"),
    ] {
        let (value, deviation) = (fit.parameters[index], fit.deviations[index]);
        if bounds[index].1 > bounds[index].0 {
            let shown = |x: f64| if index == EXPONENT { x } else { x.exp() };
            let interval = (shown(value - 1.96 * deviation), shown(value + 1.96 * deviation));
            let interval = (deviation < 1.0).then_some(interval);
            figures.push(Figure { name: name.into(), value: shown(value), interval });
        }
    }
    let deviation = fit.deviations[CYCLE];
    if deviation > 1.0 {
        return Err(Missing::Vague {
            parameter: "rate of cycle ageing",
            deviation_pct: 100.0 * deviation.min(99.0),
            remedy: "add a longer history of capacity, or leave life out of --fit",
        });
    }
    let mut chemistry = base.clone();
    chemistry.life = scaled(&base.life, &fit.parameters, problem.middle_efc);
    Ok(Outcome { chemistry, figures, notes, rms: fit.rms })
}

fn lost(history: &History) -> f64 {
    let most = history.points.iter().map(|p| p.capacity_ah).fold(0.0f64, f64::max);
    history.points.last().map_or(0.0, |last| 1.0 - last.capacity_ah / most)
}

/// Cycles per day.
fn pace(history: &History) -> Option<f64> {
    let last = history.points.last()?;
    (last.t_days > 0.0).then(|| last.cycle * last.depth / last.t_days)
}

/// Laws with their rates multiplied.
fn scaled(life: &LifeFile, p: &[f64], middle_efc: f64) -> LifeFile {
    let mut life = life.clone();
    for state in &mut life.state {
        let factor = p[if state.axis == AxisFile::Efc { CYCLE } else { CALENDAR }].exp();
        let cycles = state.axis == AxisFile::Efc;
        let bend = if cycles { p[EXPONENT] } else { 0.0 };
        let middle = (middle_efc / state.axis_scale).max(1e-9);
        let text = |factor: f64| format!("{factor:e}");
        match &mut state.law {
            LawFile::Power { rate, exponent } => {
                let bent = (*exponent + bend).clamp(0.2, 3.0);
                let bent = if bend == 0.0 { *exponent } else { bent };
                rate.push(text(factor * middle.powf(*exponent - bent)));
                *exponent = bent;
            }
            LawFile::PowerB { rate, exponent } => {
                // (k·x)^p: the factor is meant for the loss, and stays so.
                let bent = (*exponent + bend).clamp(0.2, 3.0);
                let bent = if bend == 0.0 { *exponent } else { bent };
                rate.push(text(factor.powf(1.0 / bent)));
                *exponent = bent;
            }
            LawFile::Integral { rate } => rate.push(text(factor)),
            LawFile::Sigmoid { rate, .. } => *rate = format!("({rate})*{}", text(factor)),
        }
    }
    life
}

/// Capacity [Ah] that a chemistry's laws foresee at each point of a history, from `first_ah` on.
pub fn foreseen(chemistry: &ChemistryFile, history: &History, first_ah: f64) -> Vec<f64> {
    follow(&chemistry.life, chemistry, history).iter().map(|q| q * first_ah).collect()
}

/// Relative capacity at each point, 1 at the first.
fn follow(life: &LifeFile, chemistry: &ChemistryFile, history: &History) -> Vec<f64> {
    let Ok(model) = LifeModel::compile(life) else { return vec![f64::NAN; history.points.len()] };
    let mut progress = model.new_progress();
    let ocv_v = |soc: f64| interpolate(&chemistry.ocv.soc, &chemistry.ocv.value, soc);
    let mut before: Option<&Point> = None;
    let mut capacity = Vec::with_capacity(history.points.len());
    for point in &history.points {
        if let Some(before) = before {
            let (days, cycles) = (point.t_days - before.t_days, point.cycle - before.cycle);
            let stress = stress(point, &ocv_v);
            for (state, z) in model.states.iter().zip(progress.iter_mut()) {
                let dx = match state.axis {
                    Axis::Days => days,
                    Axis::Efc => cycles * point.depth,
                };
                let fast = state.above_efc_per_day.is_none_or(|least| cycles * point.depth > least * days);
                if dx > 0.0 && fast {
                    *z = state.law.progressed(*z, dx / state.axis_scale, &stress);
                }
            }
        }
        before = Some(point);
        capacity.push(model.health(&model.states(&progress, point.t_days)).capacity);
    }
    capacity
}

/// Stress of full cycles down from the top.
fn stress(point: &Point, ocv_v: &impl Fn(f64) -> f64) -> Stress {
    let mean = 1.0 - 0.5 * point.depth;
    let mut stress = instant_stress(point.temperature_c, mean, ocv_v(mean));
    stress[5] = point.depth;
    stress[6] = point.c_rate;
    stress[7] = point.c_rate;
    stress[8] = point.c_rate;
    stress[10] = 1.0 - point.depth;
    stress[11] = 1.0;
    stress
}

impl Problem for LifeProblem<'_> {
    fn blocks(&self) -> usize {
        self.histories.len()
    }

    fn parameters(&self, block: usize) -> &[usize] {
        &self.parameters[block]
    }

    fn residuals(&self, block: usize, p: &[f64], residuals: &mut Vec<f64>) {
        let life = scaled(&self.base.life, p, self.middle_efc);
        let history = &self.histories[block];
        let first = p[FIRST + block].exp();
        let rated_ah = self.base.cell.capacity_ah;
        let capacity = follow(&life, self.base, history);
        residuals.clear();
        let pairs = capacity.iter().zip(&history.points);
        residuals.extend(pairs.map(|(q, point)| first * q - point.capacity_ah / rated_ah));
    }
}
