//! What a report tells: worlds condensed to figures, bands and assumptions, ready to be drawn.

use super::atlas::Atlas;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that `report.html`, `compare` and `sweep` show of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// Scenario name.
    pub name: String,
    /// The scenario's question.
    pub description: String,
    /// First simulated instant (RFC 3339, UTC).
    pub start: String,
    /// Planned end (RFC 3339, UTC).
    pub end: String,
    /// Where a stopped run ended; `None` for a complete one.
    pub stopped_at: Option<String>,
    /// Seed.
    pub seed: u64,
    /// Replicates per variant.
    pub replicates: u32,
    /// Version of the engine.
    pub engine_version: String,
    /// Currency of all prices.
    pub currency: String,
    /// Number of twins by kind.
    pub twins: BTreeMap<String, u64>,
    /// The variants, in the file's order.
    pub variants: Vec<VariantStory>,
    /// What was assumed, and on whose word.
    pub assumptions: Vec<Assumption>,
    /// What a reader must know before trusting the figures (for instance, use outside a fitted range).
    pub warnings: Vec<String>,
}

/// One variant of the story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantStory {
    /// Name.
    pub name: String,
    /// What is different, in the author's words.
    pub description: String,
    /// What is different, as `path: value`.
    pub changes: Vec<String>,
    /// Key figures over replicates, unit as the last word of the name.
    pub figures: BTreeMap<String, Spread>,
    /// Quantities over time, over twins and replicates.
    pub bands: Vec<Band>,
    /// Profiles over a small axis (24 hours of the day, bins of waiting time), mean over replicates.
    pub profiles: BTreeMap<String, Vec<f64>>,
    /// Places, tracks and flows of the first replicate, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atlas: Option<Atlas>,
    /// What to replace when, in the first replicate, where there is anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replacements: Vec<Replacement>,
}

impl VariantStory {
    /// Time that was simulated [d]; nothing of a variant that never began.
    pub fn days(&self) -> Option<f64> {
        self.figures.get("simulated_days").map(|days| days.mean)
    }

    /// Whether it came as far as another, so that figures of both can be compared.
    pub fn spans_as(&self, other: &VariantStory) -> bool {
        match (self.days(), other.days()) {
            (Some(mine), Some(theirs)) => (mine - theirs).abs() <= 1e-3 * mine.max(theirs),
            (mine, theirs) => mine == theirs,
        }
    }

    /// A figure of another variant and its own, where they can be compared and both have it.
    pub fn beside<'v>(&'v self, base: &'v VariantStory, name: &str) -> Option<(&'v Spread, &'v Spread)> {
        base.figures.get(name).zip(self.figures.get(name)).filter(|_| self.spans_as(base))
    }
}

/// Pieces of one place that are replaced together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replacement {
    /// Date, `2027-04-11`; of forecasts, the first of the month.
    pub on: String,
    /// Where.
    pub place: String,
    /// Which, by their names within the place.
    pub pieces: Vec<String>,
    /// Why.
    pub reason: String,
    /// Lowest state of health among them.
    pub soh_min: f64,
}

/// Mean and percentiles over replicates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// 10th percentile.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
}

/// A quantity over time with its spread over twins and replicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// `battery`, `cabinet` or `network`.
    pub kind: String,
    /// Metric, unit as the last word.
    pub metric: String,
    /// Twins that the values belong to, mean over replicates; amounts of all of them are mean × this.
    #[serde(default = "one")]
    pub subjects: f64,
    /// Days since the start.
    pub t_days: Vec<f64>,
    /// Mean at each time.
    pub mean: Vec<f64>,
    /// 10th percentile at each time.
    pub p10: Vec<f64>,
    /// Median at each time.
    pub p50: Vec<f64>,
    /// 90th percentile at each time.
    pub p90: Vec<f64>,
}

fn one() -> f64 {
    1.0
}

/// One assumption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assumption {
    /// What it is about.
    pub subject: String,
    /// What is assumed.
    pub text: String,
    /// Where it comes from.
    pub source: String,
}
