//! What is kept of a run.

use host::identity::Owner;
use host::store::records::{Indexed, Record};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::time::Time;
use uuid::Uuid;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its turn.
    Queued,
    /// It is simulated.
    Running,
    /// It came to its end.
    Done,
    /// It could not be simulated.
    Failed,
    /// Somebody ended it early.
    Cancelled,
    /// The platform stopped before its end.
    Interrupted,
}

impl State {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether it is still going to change.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its name.
    pub id: Uuid,
    /// The scenario's name.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// Who wants it.
    pub by: String,
    /// Organisation that it belongs to; none where it is the operator's.
    pub organisation: Option<Arc<str>>,
    /// When it was asked for.
    pub submitted_at: Time,
    /// When it began.
    pub started_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Seed.
    pub seed: u64,
    /// Repetitions of every variant.
    pub replicates: u32,
    /// Names of the variants.
    pub variants: Vec<String>,
    /// Twins of the base by kind.
    pub twins: BTreeMap<String, u64>,
    /// Simulated span of the base [days].
    pub horizon_days: f64,
    /// Twins times days, over all variants and replicates.
    pub twin_days: f64,
    /// Whether it has results, and they end before the planned end.
    pub partial: bool,
    /// Whether it left results.
    pub has_results: bool,
    /// Why it failed, or ended early.
    pub reason: Option<String>,
}

impl RunRecord {
    /// Whom it belongs to.
    pub(super) fn owner(&self) -> Owner {
        Owner { organisation: self.organisation.clone(), ..Owner::default() }
    }
}

/// Newest first, in the order of bytes.
fn newest_first(at: Time) -> [u8; 8] {
    (!(at.0.max(0) as u64)).to_be_bytes()
}

/// What runs of an organisation are found under.
pub(super) fn of_organisation(organisation: &str) -> Vec<u8> {
    let mut value = organisation.as_bytes().to_vec();
    value.push(1);
    value
}

impl Record for RunRecord {
    const COLLECTION: &'static str = "runs";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexed(&self) -> Indexed {
        let newest = newest_first(self.submitted_at);
        let indexed = Indexed::default().shared("newest", newest);
        let indexed = match &self.organisation {
            Some(organisation) => {
                let mut value = of_organisation(organisation);
                value.extend(newest);
                indexed.shared("of", value)
            }
            None => indexed,
        };
        if self.state.is_open() { indexed.shared("open", self.state.as_str()) } else { indexed }
    }
}

/// How far a run is that is being simulated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RunProgress {
    /// Share that is done, 0 to 1.
    pub share: f64,
    /// Latest simulated instant of any world; none before the first window is done.
    #[serde(serialize_with = "text_or_null")]
    pub simulated_at: Option<Time>,
    /// Simulated days per second, of all worlds together.
    pub speed_days_per_s: f64,
    /// Time that it took so far [s].
    pub elapsed_s: f64,
    /// Time that is left at this speed [s]; none before there is a speed.
    pub left_s: Option<f64>,
    /// Worlds (variants times replicates) that are finished.
    pub worlds_done: u64,
    /// Worlds in all.
    pub worlds: u64,
}

/// What there is to see of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSight {
    /// Its name.
    pub id: Uuid,
    /// The scenario's name.
    pub name: String,
    /// `queued`, `running`, `done`, `failed`, `cancelled` or `interrupted`.
    pub state: State,
    /// Whether it was asked to end and has not yet.
    pub cancelling: bool,
    /// Who wants it.
    pub by: String,
    /// When it was asked for.
    #[serde(serialize_with = "text")]
    pub submitted_at: Time,
    /// When it began.
    #[serde(serialize_with = "text_or_null")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(serialize_with = "text_or_null")]
    pub ended_at: Option<Time>,
    /// Seed.
    pub seed: u64,
    /// Repetitions of every variant.
    pub replicates: u32,
    /// Names of the variants.
    pub variants: Vec<String>,
    /// Twins of the base by kind.
    pub twins: BTreeMap<String, u64>,
    /// Simulated span of the base [days].
    pub horizon_days: f64,
    /// Twins times days, over all variants and replicates.
    pub twin_days: f64,
    /// Whether its results end before the planned end.
    pub partial: bool,
    /// Names of the files that it left.
    pub results: Vec<String>,
    /// Why it failed, or ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far it is, while it is simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<RunProgress>,
}

fn text<S: Serializer>(at: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&host::platform::sight::rfc3339(*at))
}

fn text_or_null<S: Serializer>(at: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => text(at, serializer),
        None => serializer.serialize_none(),
    }
}
