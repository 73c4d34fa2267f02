//! What was measured and what happened, over time.

use super::{Platform, PlatformError, TwinId};
use crate::store::series::{Query, Step};
use crate::store::{Metric, Revision};
use serde::Serialize;
use serde_json::Value;
use twin::time::Time;

/// Most readings, or steps, of one answer.
const ROWS_MAX: usize = 100_000;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Each metric.
    pub series: Vec<Series>,
    /// Where to go on, when there is more.
    pub next: Option<Time>,
}

/// One metric over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What was measured.
    pub metric: String,
    /// Every value with its instant, where no step was asked for.
    pub points: Vec<(Time, f64)>,
    /// Steps, where one was asked for.
    pub steps: Vec<Step>,
}

/// A fact of a twin's journal, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventSight {
    /// Place among all facts of the platform.
    pub sequence: u64,
    /// Place among the twin's facts.
    pub revision: u64,
    /// When.
    pub at: String,
    /// Who caused it.
    pub by: String,
    /// What.
    pub event: String,
    /// More about it.
    pub data: Value,
    /// Hash of the fact, in the chain of all facts.
    pub hash: String,
}

impl Platform {
    /// What was measured from one instant on and before another; in steps where one is given [ms].
    ///
    /// # Errors
    /// When a metric is none, or there would be too many steps.
    pub async fn history(
        &self,
        id: TwinId,
        metrics: &[String],
        (from, to): (Time, Time),
        step_ms: Option<i64>,
    ) -> Result<History, PlatformError> {
        let named: Result<Vec<Metric>, _> = metrics.iter().map(|name| Metric::new(name)).collect();
        let named = named.map_err(|error| PlatformError::unfit("metrics", error.to_string()))?;
        if to <= from {
            return Err(PlatformError::unfit("to", "is not after `from`"));
        }
        let query = Query { limit: ROWS_MAX, ..Query::new(id.entity(), from, to).metrics(named) };
        let Some(step_ms) = step_ms else {
            let (frame, next) = self.core.store.readings(query).await?;
            let series = frame.columns.iter().map(|column| {
                let points = frame.times.iter().copied().zip(column.values.iter().copied());
                let points = points.filter(|(_, value)| !value.is_nan()).collect();
                Series { metric: column.metric.to_string(), points, steps: Vec::new() }
            });
            return Ok(History { series: series.collect(), next });
        };
        if step_ms < 1 {
            return Err(PlatformError::unfit("step", "is not positive"));
        }
        // Steps begin at the first instant, so an open beginning is put where there is something.
        let span = self.core.store.span(id.entity()).await?;
        let Some((first, last)) = span else { return Ok(History { series: Vec::new(), next: None }) };
        let query = Query { from: from.max(Time(first.0 - first.0.rem_euclid(step_ms))), ..query };
        if (last.min(to) - query.from) / step_ms > ROWS_MAX as i64 {
            return Err(PlatformError::unfit("step", format!("makes more than {ROWS_MAX} steps")));
        }
        let views = self.core.store.view(query, step_ms).await?;
        let series = views.into_iter().map(|view| Series {
            metric: view.metric.to_string(),
            points: Vec::new(),
            steps: view.steps,
        });
        Ok(History { series: series.collect(), next: None })
    }

    /// Facts of a twin from a revision on, in their order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn events(
        &self,
        id: TwinId,
        first: u64,
        limit: usize,
    ) -> Result<Vec<EventSight>, PlatformError> {
        let entries = self.core.store.entries_of(id.entity(), Revision(first.max(1)), limit).await?;
        let events = entries.into_iter().map(|entry| {
            Ok(EventSight {
                sequence: entry.sequence.0,
                revision: entry.revision.0,
                at: super::sight::rfc3339(entry.at),
                hash: entry.hash()?.to_string(),
                data: serde_json::from_slice(&entry.payload).unwrap_or(Value::Null),
                by: entry.actor,
                event: entry.kind,
            })
        });
        events.collect()
    }
}
