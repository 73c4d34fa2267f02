//! What the life laws of a cell foresee under given use, with nothing learnt yet.

use super::{Ask, Duty, Point, Unit};
use crate::battery::circuit::CellModel;
use crate::battery::life::{Axis, Progress, Stress, instant_stress};

/// Nodes ahead.
const NODES: usize = 240;
/// A forecast reaches to so many times the life so far, and at least so far.
const REACH: f64 = 40.0;
const LEAST_DAYS: f64 = 40.0 * 365.25;
const LEAST_CYCLES: f64 = 20_000.0;
/// Least loss that may end a life [of capacity].
const FIRST_LOSS: f64 = 0.01;
/// Loss below which a history has not got anywhere by the laws.
const LEAST_LOSS: f64 = 1e-4;
/// A battery is fresh up to about this share of the life that the laws foresee, as long as it has lost about this share of what
/// ends its life: a few times what its scatter hides. Set on the measured and simulated cells of docs/models/forecast.md.
const FRESH_LIFE: f64 = 0.15;
const FRESH_LOSS: f64 = 0.25;
/// Loss about which the bend of a fresh battery turns, as a share of what ends its life.
const TURN: f64 = 0.5;
/// Points that tell the present level.
const LATEST: usize = 8;

/// Loss up to which laws are followed [of capacity].
const HALF: f64 = 0.5;
/// A law that foresees more loss than this by the end of a history is not this cell's [of capacity].
const LAWLESS: f64 = 0.55;
/// Loss at the end of a history by the straight line that is taken instead.
const STRAIGHT_LOSS: f64 = 0.05;

/// Loss of capacity by the laws.
pub(super) struct Course {
    /// Whether the laws are of use for this history; else the course is a straight line.
    pub(super) applies: bool,
    /// Loss at the history's points.
    pub(super) known: Vec<f64>,
    /// Places ahead, the first one where the history ends, and the loss there.
    pub(super) x: Vec<f64>,
    pub(super) loss: Vec<f64>,
    /// Loss that counts as one unit, and where it is reached.
    pub(super) unit_loss: f64,
    /// dln(loss)/dln(x) at the end of the history.
    pub(super) exponent: f64,
    /// 1 for a battery that has lost next to nothing, of which a history says little, to 0.
    pub(super) freshness: f64,
}

/// Loss from the first point of a history to the mean of its latest ones.
fn lost_so_far(history: &[Point]) -> f64 {
    let latest = &history[history.len().saturating_sub(LATEST)..];
    let mean = latest.iter().map(|point| point.capacity).sum::<f64>() / latest.len().max(1) as f64;
    history.first().map_or(0.0, |first| first.capacity - mean)
}

impl Course {
    /// Follows the laws; nothing when they see no ageing.
    pub(super) fn of(ask: &Ask<'_>, history: &[Point]) -> Option<Self> {
        let mut walk = Walk::new(ask);
        let mut known = Vec::with_capacity(history.len());
        for point in history {
            let duty = point.duty.unwrap_or(ask.duty);
            walk.to(point.x, &duty);
            known.push(walk.loss());
        }
        let end = history.last().map_or(0.0, |point| point.x);
        let least = match ask.unit {
            Unit::Days => LEAST_DAYS,
            Unit::Cycles => LEAST_CYCLES,
        };
        let reach = (REACH * end).max(least);
        let (mut x, mut loss) = (vec![end], vec![walk.loss()]);
        // Even in the logarithm of the distance, from a ten-thousandth of the reach on.
        for node in 1..=NODES {
            let share = 1e-4f64.powf(1.0 - node as f64 / NODES as f64);
            let next = end + reach * share;
            walk.to(next, &ask.duty);
            x.push(next);
            let least = *loss.last().unwrap_or(&0.0);
            loss.push(walk.loss().max(least));
        }
        // Far outside what it was fitted on, a law may end a cell at once; it then says nothing of how this one goes.
        let mut applies = true;
        if !history.is_empty() && loss[0] > LAWLESS {
            applies = false;
            known = history.iter().map(|point| point.x / end * STRAIGHT_LOSS).collect();
            loss = x.iter().map(|x| x / end * STRAIGHT_LOSS).collect();
        }
        let last = *loss.last()?;
        if last.is_nan() || last < 1e-4 {
            return None;
        }
        // A bend turns about the loss so far, unless that is next to nothing: then about one on the way to the end of life.
        let ends = (1.0 - ask.end_of_life).max(FIRST_LOSS);
        let life = x[loss.partition_point(|loss| *loss < ends).min(x.len() - 1)].max(1e-9);
        let (lived, lost) = (end / (FRESH_LIFE * life), lost_so_far(history) / (FRESH_LOSS * ends));
        let freshness = (-lived * lived - lost * lost).exp();
        let halfway = (TURN * ends).min(0.5 * last);
        // Laws that have lost nothing so far leave nothing to take a logarithm of.
        let so_far = if loss[0] > LEAST_LOSS { loss[0] } else { halfway };
        let unit_loss = halfway.powf(freshness) * so_far.powf(1.0 - freshness);
        let node = loss.partition_point(|l| *l < unit_loss).clamp(1, loss.len() - 2);
        let further = (node + 12).min(loss.len() - 1);
        let exponent =
            (loss[further].max(1e-9) / loss[node].max(1e-9)).ln() / (x[further] / x[node].max(1e-9)).ln();
        Some(Self { applies, known, x, loss, unit_loss, exponent: exponent.clamp(0.2, 4.0), freshness })
    }
}

/// The laws under use, step by step.
struct Walk<'a> {
    cell: &'a CellModel,
    unit: Unit,
    progress: Progress,
    x: f64,
    days: f64,
    /// Place and loss when it was last asked.
    before: (f64, f64),
    /// Where the laws were left, the loss there, and the exponent it goes on with.
    beyond: Option<(f64, f64, f64)>,
}

impl<'a> Walk<'a> {
    fn new(ask: &Ask<'a>) -> Self {
        Self {
            cell: ask.cell,
            unit: ask.unit,
            progress: ask.cell.life.new_progress(),
            x: 0.0,
            days: 0.0,
            before: (0.0, 0.0),
            beyond: None,
        }
    }

    /// Loss so far. From half of the capacity on, where laws mean nothing and then stop, it goes on with the exponent that
    /// it had there: a battery may be far slower than its make, and the course has to reach as far.
    fn loss(&mut self) -> f64 {
        if let Some((x, loss, exponent)) = self.beyond {
            return loss * (self.x / x).powf(exponent);
        }
        let life = &self.cell.life;
        let loss = 1.0 - life.health(&life.states(&self.progress, self.days.max(1.0))).capacity;
        let (x_before, before) = std::mem::replace(&mut self.before, (self.x, loss));
        if loss > HALF && self.x > 0.0 {
            let exponent = if before > 1e-6 && x_before > 0.0 {
                (loss.min(0.9) / before).ln() / (self.x / x_before).ln()
            } else {
                1.0
            };
            let exponent = if exponent.is_finite() { exponent.clamp(0.4, 3.0) } else { 1.0 };
            self.beyond = Some((self.x, loss.min(0.6), exponent));
            return loss.min(0.6);
        }
        loss
    }

    fn to(&mut self, x: f64, duty: &Duty) {
        let dx = x - self.x;
        if dx <= 0.0 {
            return;
        }
        let depth = duty.depth.max(0.01);
        let (days, efc) = match self.unit {
            Unit::Days => (dx, dx * duty.efc_per_day),
            Unit::Cycles => (dx * depth / duty.efc_per_day.max(1e-3), dx * depth),
        };
        let ocv_v = |soc: f64| self.cell.ocv_v(soc);
        let rest = instant_stress(duty.temperature_c, duty.soc, ocv_v(duty.soc));
        let cycle = stress_of(duty, depth, &ocv_v);
        for (state, z) in self.cell.life.states.iter().zip(self.progress.iter_mut()) {
            let (axis, stress) = match state.axis {
                Axis::Days => (days, &rest),
                Axis::Efc => (efc, &cycle),
            };
            let fast = state.above_efc_per_day.is_none_or(|least| efc > least * days);
            if axis > 0.0 && (state.axis == Axis::Days || fast) {
                *z = state.law.progressed(*z, axis / state.axis_scale, stress);
            }
        }
        self.x = x;
        self.days += days;
    }
}

/// Stress of the duty's cycles.
fn stress_of(duty: &Duty, depth: f64, ocv_v: &impl Fn(f64) -> f64) -> Stress {
    let mean = duty.soc.clamp(0.5 * depth, 1.0 - 0.5 * depth);
    let mut stress = instant_stress(duty.cycling_temperature_c, mean, ocv_v(mean));
    stress[5] = depth;
    // Laws take the rate over the whole cycle, rests included.
    stress[6] = 2.0 * duty.efc_per_day / 24.0;
    stress[7] = duty.charge_c_rate;
    stress[8] = duty.discharge_c_rate;
    stress[10] = mean - 0.5 * depth;
    stress[11] = mean + 0.5 * depth;
    stress
}
