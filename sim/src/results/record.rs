//! What one simulated world leaves behind, before anything is written or drawn.

use super::atlas::Atlas;
use std::collections::BTreeMap;

/// One world's record: a variant and replicate, simulated from start to end (or to where it was stopped).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorldRecord {
    /// Index into the plan's variants.
    pub variant: usize,
    /// Replicate, counted from 0.
    pub replicate: u32,
    /// Last simulated instant, ms since the Unix epoch; before the planned end when the run was stopped.
    pub ended_ms: i64,
    /// Whether the run was stopped before its planned end.
    pub partial: bool,
    /// Names of the things that rows speak of, by index.
    pub subjects: Vec<Subject>,
    /// Time series, tidy, in order of time.
    pub series: Vec<SeriesRow>,
    /// What happened, in order of time.
    pub events: Vec<EventRow>,
    /// Twins at the end.
    pub twins: Vec<TwinRow>,
    /// Key figures, unit as the last word of the name.
    pub figures: BTreeMap<&'static str, f64>,
    /// Profiles over a small axis: 24 hours of the day, bins of waiting time.
    pub profiles: BTreeMap<&'static str, Vec<f64>>,
    /// Places, tracks and flows, where there are any.
    pub atlas: Option<Atlas>,
    /// Pieces that were replaced or will be due, in order of time.
    pub replacements: Vec<ReplacementRow>,
}

/// Something that rows speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `battery`, `cabinet`, `network` or `world`.
    pub kind: &'static str,
    /// Identifier, unique within the world.
    pub id: String,
}

/// One value of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesRow {
    /// Instant, ms since the Unix epoch.
    pub t_ms: i64,
    /// Index into [`WorldRecord::subjects`].
    pub subject: u32,
    /// Metric, unit as the last word.
    pub metric: &'static str,
    /// Value.
    pub value: f64,
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventRow {
    /// Instant, ms since the Unix epoch.
    pub t_ms: i64,
    /// What happened: `swap`, `walk_away`, `fault`, `repair`, `end_of_life`, …
    pub event: &'static str,
    /// Whom it happened to: index into [`WorldRecord::subjects`].
    pub subject: u32,
    /// Who else took part (for a swap, the pack handed out), if anybody.
    pub other: Option<u32>,
    /// A figure that belongs to it; its meaning depends on the event and is named in `docs/results.md`.
    pub value: f64,
}

/// A piece that was replaced, or will be due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplacementRow {
    /// Instant, ms since the Unix epoch.
    pub t_ms: i64,
    /// Which: index into [`WorldRecord::subjects`].
    pub subject: u32,
    /// Where: index into [`WorldRecord::subjects`].
    pub place: u32,
    /// Why.
    pub reason: &'static str,
    /// State of health, as read then or last.
    pub soh: f64,
}

/// A twin at the end of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinRow {
    /// Index into [`WorldRecord::subjects`].
    pub subject: u32,
    /// The scenario's name of its kind (battery kind, network).
    pub group: String,
    /// Values by name, unit as the last word; every twin of one kind has the same names.
    pub values: Vec<(&'static str, f64)>,
}
