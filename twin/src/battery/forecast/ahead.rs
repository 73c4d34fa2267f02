//! An ensemble of courses ahead, and what it says.
//!
//! ```text
//! dq = −A·dφ·m(x)      ln m = σ₀·ξ₀ + (μ + σ·ξ)·ln(x/x₁)      ξ₀, ξ normal, one each per member
//! ```
//!
//! φ is the course that was learnt, m what may yet change in the pace of ageing: the longer ahead against the life so far, the
//! more. μ and σ come from measured cells (docs/models/forecast.md).

use super::course::Course;
use super::learn::{Bend, Learnt};
use super::{Ask, CurvePoint, Forecast};
use crate::battery::estimate::Guess;
use crate::rng::Stream;
use rand_distr::{Distribution, StandardNormal};

/// Members of the ensemble.
const MEMBERS: usize = 400;
/// Deviation of the present pace that the fit does not tell of, as a logarithm.
const PACE_NOW: f64 = 0.3;
/// Change of the pace to come.
const PACE_DRIFT: f64 = 1.1;
const PACE_SPREAD: f64 = 0.9;
/// The pace changes by no more than this factor's logarithm.
const PACE_MOST: f64 = 3.0;
/// Life so far of a battery that is fresh, as a share of the life that its course means: what may change is told against it.
const YOUNG: f64 = 0.3;
/// Points of the curve.
const CURVE: usize = 60;

pub(super) fn run(ask: &Ask<'_>, course: &Course, learnt: &Learnt) -> Forecast {
    let mut stream = ask.seed.stream("forecast", "ensemble", 0);
    let start = course.x[0];
    let mut members: Vec<Vec<f64>> = Vec::with_capacity(MEMBERS);
    let mut lives = Vec::with_capacity(MEMBERS);
    let mut paces = Vec::with_capacity(MEMBERS);
    // Courses are drawn in even shares of their weight, sorted by the life they mean, so that few members will do.
    let mut bends: Vec<(f64, &Bend)> =
        learnt.bends.iter().map(|bend| (life_of(bend, course, ask.end_of_life), bend)).collect();
    bends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sum = 0.0;
    let mut next = 0;
    for member in 0..MEMBERS {
        let share = (member as f64 + 0.5) / MEMBERS as f64;
        while next + 1 < bends.len() && sum + bends[next].1.weight < share {
            sum += bends[next].1.weight;
            next += 1;
        }
        let (life, bend) = bends[next];
        let scale = start.max(course.freshness * YOUNG * life).max(1e-9);
        let size = bend.size;
        // Present level is the latest points' own; the first capacity only says how it came about.
        let first = bend.first;
        let level: f64 = normal(&mut stream) * learnt.level_std;
        let change = PACE_DRIFT + PACE_SPREAD * normal(&mut stream);
        let now = PACE_NOW * normal(&mut stream);
        let phi = |loss: f64| (loss / course.unit_loss).powf(bend.gamma);
        let mut q = first - size * phi(course.loss[0]) + bend.lead + level;
        let mut track = Vec::with_capacity(course.x.len());
        track.push(q);
        let mut life = if q <= ask.end_of_life { Some(0.0) } else { None };
        for node in 1..course.x.len() {
            let step = size * (phi(course.loss[node]) - phi(course.loss[node - 1]));
            let middle = 0.5 * (course.x[node] + course.x[node - 1]);
            let ahead = ((middle - start + scale) / scale).ln();
            let next = (q - step * (now + change * ahead).clamp(-PACE_MOST, PACE_MOST).exp()).max(0.0);
            if life.is_none() && next <= ask.end_of_life {
                let share = (q - ask.end_of_life) / (q - next).max(1e-12);
                life = Some(course.x[node - 1] + share * (course.x[node] - course.x[node - 1]) - start);
            }
            q = next;
            track.push(q);
        }
        lives.push(life.unwrap_or(course.x[course.x.len() - 1] - start));
        paces.push(size / course.unit_loss);
        members.push(track);
    }
    lives.sort_by(f64::total_cmp);
    let horizon = course.x[course.x.len() - 1] - start;
    let now: Vec<f64> = members.iter().map(|track| track[0]).collect();
    Forecast {
        p10: quantile(&lives, 0.1),
        p50: quantile(&lives, 0.5),
        p90: quantile(&lives, 0.9),
        unit: ask.unit,
        end_of_life: ask.end_of_life,
        at: start,
        horizon,
        capacity: guess(&now),
        pace: guess(&paces),
        assumed_use: ask.duty,
        laws_apply: course.applies,
        curve: curve(course, &members, quantile(&lives, 0.9)),
    }
}

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// Life that a course means if nothing changes.
fn life_of(bend: &Bend, course: &Course, end_of_life: f64) -> f64 {
    let q = |loss: f64| bend.first + bend.lead - bend.size * (loss / course.unit_loss).powf(bend.gamma);
    let node = course.loss.partition_point(|loss| q(*loss) > end_of_life);
    match node {
        0 => 0.0,
        node if node == course.x.len() => course.x[node - 1],
        node => {
            let (a, b) = (q(course.loss[node - 1]), q(course.loss[node]));
            course.x[node - 1]
                + (course.x[node] - course.x[node - 1]) * ((a - end_of_life) / (a - b).max(1e-12)).min(1.0)
        }
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

fn guess(values: &[f64]) -> Guess {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    Guess { mean, std: var.sqrt() }
}

/// Quantiles of the capacity from now until nine tenths of the members have ended.
fn curve(course: &Course, members: &[Vec<f64>], life: f64) -> Vec<CurvePoint> {
    let start = course.x[0];
    let reach = (1.1 * life).min(course.x[course.x.len() - 1] - start).max(1e-9);
    let mut values = vec![0.0; members.len()];
    (0..=CURVE)
        .map(|k| {
            let x = start + reach * k as f64 / CURVE as f64;
            let node = course.x.partition_point(|known| *known <= x).clamp(1, course.x.len() - 1);
            let share = ((x - course.x[node - 1]) / (course.x[node] - course.x[node - 1])).clamp(0.0, 1.0);
            for (value, track) in values.iter_mut().zip(members) {
                *value = track[node - 1] + (track[node] - track[node - 1]) * share;
            }
            values.sort_by(f64::total_cmp);
            CurvePoint {
                x,
                p10: quantile(&values, 0.1),
                p50: quantile(&values, 0.5),
                p90: quantile(&values, 0.9),
            }
        })
        .collect()
}
