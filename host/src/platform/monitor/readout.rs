//! What a battery measured over a time, with what was estimated of it then.
//!
//! Figures between readings are not made up: a sample has what its reading had. State of charge and health are the
//! estimate as it stood with that reading, heard again from the readings before; where there are too many of those,
//! they are what the device itself reported.

use super::battery::Sample;
use crate::platform::live::{replay, replayed};
use crate::platform::registry::TwinId;
use crate::platform::{Core, Platform, PlatformError};
use crate::store::Metric;
use crate::store::series::Query;
use std::collections::VecDeque;
use twin::live::Measured;
use twin::time::Time;

/// Readings that are heard again for one answer.
const HEARD_MAX: u64 = 50_000;
/// Readings that are read at a time.
const PAGE: usize = 4_096;
/// What a sample is made of.
const METRICS: [&str; 6] =
    ["current_a", "internal_resistance_ohm", "soc_pct", "soh_pct", "temperature_c", "voltage_v"];

/// The newest samples of a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Readout {
    /// The samples, in order of time.
    pub samples: Vec<Sample>,
    /// How many there are in that time.
    pub total: usize,
}

impl Platform {
    /// The newest samples of a battery from one instant to another, both included.
    ///
    /// # Errors
    /// When the times are in the wrong order, or the store cannot be read.
    pub async fn readout(
        &self,
        id: TwinId,
        (from, to): (Time, Time),
        newest: usize,
    ) -> Result<Readout, PlatformError> {
        if to < from {
            return Err(PlatformError::unfit("start", "is after `end`"));
        }
        let seen = self.view(id).await?;
        if seen.readings <= HEARD_MAX {
            heard(&self.core, id, (from, to), newest).await
        } else {
            reported(&self.core, id, (from, to), newest).await
        }
    }
}

/// Samples with estimates.
async fn heard(
    core: &Core,
    id: TwinId,
    (from, to): (Time, Time),
    newest: usize,
) -> Result<Readout, PlatformError> {
    let facts = core.facts(id, None).await?;
    let subject = facts.subject.as_deref();
    let mut measured = replayed(core, &facts, Measured::default(), from + -1).await?;
    let mut readout = Newest::new(newest);
    let mut next = Some(Query { limit: PAGE, ..Query::new(id.entity(), from, to + 1) });
    while let Some(query) = next {
        let (frame, more) = core.store.readings(query.clone()).await?;
        replay(&frame, |at, row| {
            measured.observe(subject, at, row);
            let now = Sample::of(&measured, subject, at);
            let own = |metric: &str| measured.latest.at(metric, at);
            readout.extend(now.map(|sample| Sample {
                voltage_v: own("voltage_v"),
                current_a: own("current_a"),
                temperature_c: own("temperature_c"),
                ..sample
            }));
        });
        next = more.map(|from| Query { from, ..query });
    }
    Ok(readout.done())
}

/// Samples as the device reported them.
async fn reported(
    core: &Core,
    id: TwinId,
    (from, to): (Time, Time),
    newest: usize,
) -> Result<Readout, PlatformError> {
    let metrics: Vec<Metric> = METRICS.iter().filter_map(|name| Metric::new(name).ok()).collect();
    let mut readout = Newest::new(newest);
    let query = Query::new(id.entity(), from, to + 1).metrics(metrics);
    let mut next = Some(Query { limit: PAGE, ..query });
    while let Some(query) = next {
        let (frame, more) = core.store.readings(query.clone()).await?;
        replay(&frame, |at, row| {
            let value = |metric: &str| row.iter().find(|(name, _)| *name == metric).map(|(_, value)| *value);
            readout.extend(Some(Sample {
                at,
                voltage_v: value("voltage_v"),
                current_a: value("current_a"),
                temperature_c: value("temperature_c"),
                resistance_ohm: value("internal_resistance_ohm"),
                soc: value("soc_pct").map(|pct| pct * 1e-2),
                soh: value("soh_pct").map(|pct| pct * 1e-2),
            }));
        });
        next = more.map(|from| Query { from, ..query });
    }
    Ok(readout.done())
}

/// The last so many samples of all that come.
struct Newest {
    samples: VecDeque<Sample>,
    most: usize,
    total: usize,
}

impl Newest {
    fn new(most: usize) -> Self {
        Self { samples: VecDeque::new(), most, total: 0 }
    }

    fn extend(&mut self, sample: Option<Sample>) {
        let Some(sample) = sample else { return };
        self.total += 1;
        if self.samples.len() >= self.most {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    fn done(self) -> Readout {
        Readout { samples: self.samples.into(), total: self.total }
    }
}
