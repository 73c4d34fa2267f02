//! Series seen from afar: smallest, mean, largest and last value of every step.

use super::Frame;
use crate::store::name::Metric;
use std::collections::BTreeMap;
use twin::time::Time;

/// One metric, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What was measured.
    pub metric: Metric,
    /// Steps in which it was.
    pub steps: Vec<Step>,
}

/// Values of a metric within a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When the step begins.
    pub at: Time,
    /// How many values.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// Their mean, each counted alike.
    pub mean: f64,
    /// The largest.
    pub max: f64,
    /// The last.
    pub last: f64,
}

/// Gathers readings that come in the order of time.
#[derive(Debug)]
pub(in crate::store) struct Viewer {
    from: Time,
    step_ms: i64,
    views: BTreeMap<Metric, Vec<Step>>,
}

impl Viewer {
    /// Steps of a length that begin at `from`.
    pub(in crate::store) fn new(from: Time, step_ms: i64) -> Self {
        Self { from, step_ms: step_ms.max(1), views: BTreeMap::new() }
    }

    /// Adds readings that are later than those before. Until the end `mean` holds the sum.
    pub(in crate::store) fn add(&mut self, frame: &Frame) {
        for column in &frame.columns {
            let steps = self.views.entry(column.metric.clone()).or_default();
            for (&time, &value) in frame.times.iter().zip(&column.values) {
                if value.is_nan() {
                    continue;
                }
                // In 128 bits, since an open beginning may lie as early as there are instants.
                let into = i128::from(time.0) - i128::from(self.from.0);
                let at = Time(time.0 - into.rem_euclid(i128::from(self.step_ms)) as i64);
                match steps.last_mut().filter(|step| step.at == at) {
                    Some(step) => {
                        step.count += 1;
                        step.min = step.min.min(value);
                        step.max = step.max.max(value);
                        step.mean += value;
                        step.last = value;
                    }
                    None => {
                        steps.push(Step { at, count: 1, min: value, mean: value, max: value, last: value });
                    }
                }
            }
        }
    }

    /// The views, in the order of their metrics.
    pub(in crate::store) fn finish(self) -> Vec<View> {
        let view = |(metric, mut steps): (Metric, Vec<Step>)| {
            steps.iter_mut().for_each(|step| step.mean /= step.count as f64);
            View { metric, steps }
        };
        self.views.into_iter().map(view).collect()
    }
}
