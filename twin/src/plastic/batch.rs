//! A batch: an amount of plastic with a history that can be proven.
//!
//! ```text
//! collected ─► transported ─► received ─► sorting ─► processing ─► recycled
//!     └─────────────┴─────────────┴───────────┴───────────┴──────► disposed
//! ```
//!
//! Forward only. One stage may be passed over (what is carried straight to a sorting line was never seen in
//! transport); `received` is a station on the way that may always be passed over, and registers without the word
//! call it `transported`. `disposed` is open from everywhere. Moving a batch on, from plant to plant for instance, is a
//! handover and no stage.

use super::gear::Method;
use super::material::Material;
use crate::geo::Position;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Name of a batch: the year of its registration and a number within it, `BATCH-2025-000001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId {
    /// Year (UTC).
    pub year: u16,
    /// Number, from 1.
    pub number: u32,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BATCH-{:04}-{:06}", self.year, self.number)
    }
}

/// A text that is no batch's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no batch: expected BATCH-YYYY-NNNNNN")]
pub struct NoBatchId(pub String);

impl FromStr for BatchId {
    type Err = NoBatchId;

    fn from_str(text: &str) -> Result<Self, NoBatchId> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let read = || {
            let (year, number) = text.strip_prefix("BATCH-")?.split_once('-')?;
            if year.len() != 4 || number.len() < 6 || !digits(year) || !digits(number) {
                return None;
            }
            let id = Self { year: year.parse().ok()?, number: number.parse().ok()? };
            (id.to_string() == text).then_some(id)
        };
        read().ok_or_else(|| NoBatchId(text.to_owned()))
    }
}

/// How far a batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Taken up, with whoever collected it.
    Collected,
    /// On the way.
    Transported,
    /// Taken in by a facility, and waiting there.
    Received,
    /// Being sorted.
    Sorting,
    /// Being washed, shredded, made into pellets.
    Processing,
    /// New material.
    Recycled,
    /// Landfilled or burnt.
    Disposed,
}

impl Stage {
    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Recycled | Self::Disposed)
    }

    /// What registers that know six words call it.
    pub fn status(self) -> &'static str {
        match self {
            Self::Collected => "collected",
            Self::Transported | Self::Received => "transported",
            Self::Sorting => "sorting",
            Self::Processing => "processing",
            Self::Recycled => "recycled",
            Self::Disposed => "disposed",
        }
    }

    /// The stage that a word of such a register means.
    pub fn of_status(status: &str) -> Option<Self> {
        let all = [
            Self::Collected,
            Self::Transported,
            Self::Sorting,
            Self::Processing,
            Self::Recycled,
            Self::Disposed,
        ];
        all.into_iter().find(|stage| stage.status() == status)
    }

    /// Place in the order that skipping is counted in.
    fn rank(self) -> u8 {
        match self {
            Self::Collected => 0,
            Self::Transported | Self::Received => 1,
            Self::Sorting => 2,
            Self::Processing => 3,
            Self::Recycled => 4,
            Self::Disposed => u8::MAX,
        }
    }

    /// Whether another stage may follow this one, and why not.
    ///
    /// # Errors
    /// When this one is final, the other lies behind, or more than one would be passed over.
    pub fn followed_by(self, next: Stage) -> Result<(), StepRefusal> {
        let (from, to) = (self, next);
        if self.is_final() {
            return Err(StepRefusal::Final { stage: from });
        }
        if next == Self::Disposed {
            return Ok(());
        }
        if next <= self {
            return Err(StepRefusal::Backwards { from, to });
        }
        if next.rank() > self.rank() + 2 {
            return Err(StepRefusal::Skips { from, to });
        }
        Ok(())
    }
}

/// Why a step of a batch is not possible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StepRefusal {
    /// The batch has come to its end.
    #[error("nothing follows {}", stage.status())]
    Final {
        /// The stage.
        stage: Stage,
    },
    /// The step leads back, or nowhere.
    #[error("{from:?} is not followed by {to:?}: stages go forward only")]
    Backwards {
        /// Present stage.
        from: Stage,
        /// Stage asked for.
        to: Stage,
    },
    /// The step passes over more than one stage.
    #[error("{from:?} is not followed by {to:?}: at most one stage may be passed over")]
    Skips {
        /// Present stage.
        from: Stage,
        /// Stage asked for.
        to: Stage,
    },
    /// The step lies before the last one.
    #[error("a step at {at_ms} ms cannot follow one at {last_ms} ms")]
    Older {
        /// The step's time.
        at_ms: i64,
        /// Time of the last step.
        last_ms: i64,
    },
    /// The step lies in the future.
    #[error("{at_ms} ms lies in the future: it is {now_ms} ms")]
    Future {
        /// The step's time.
        at_ms: i64,
        /// The present.
        now_ms: i64,
    },
    /// The mass weighed is too far from the mass on record.
    #[error(
        "{weighed_kg} kg were weighed and {recorded_kg} kg are on record: more than {tolerance} of it apart"
    )]
    Weighing {
        /// Weighed.
        weighed_kg: f64,
        /// On record.
        recorded_kg: f64,
        /// Largest share by which they may differ.
        tolerance: f64,
    },
    /// A figure is no number or makes no sense.
    #[error("{what} of {value} makes no sense")]
    Senseless {
        /// What it is.
        what: &'static str,
        /// The figure.
        value: f64,
    },
    /// Nothing speaks for the step.
    #[error("a step needs somebody who answers for it")]
    Unproven,
}

/// Where something is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// On the globe, where known.
    pub position: Option<Position>,
    /// Uncertainty of that [m].
    pub accuracy_m: Option<f64>,
    /// A facility, port, vessel.
    pub facility: Option<String>,
    /// In words.
    pub description: Option<String>,
    /// Part of the sea.
    pub ocean_zone: Option<String>,
}

impl Place {
    /// A facility at a position.
    pub fn facility(name: impl Into<String>, position: Position) -> Self {
        Self { position: Some(position), facility: Some(name.into()), ..Self::default() }
    }
}

/// What a claim rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Somebody says so.
    Declaration,
    /// A device measured it.
    Sensor,
    /// It went over a scale.
    Weighbridge,
    /// There is a picture.
    Photo,
    /// There is a paper: way bill, certificate.
    Document,
}

/// What speaks for a step, and who answers for it. Chaining proofs so that none can be changed later is the
/// journal's task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Kind.
    pub evidence: Evidence,
    /// Who answers for it.
    pub by: String,
    /// Number of a paper, hash of a picture, id of a device's reading.
    pub reference: Option<String>,
}

impl Proof {
    /// A proof without a reference.
    pub fn new(evidence: Evidence, by: impl Into<String>) -> Self {
        Self { evidence, by: by.into(), reference: None }
    }
}

/// One step of a batch's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Stage from here on.
    pub stage: Stage,
    /// When.
    pub at: Time,
    /// Where.
    pub place: Place,
    /// Mass from here on [kg].
    pub mass_kg: f64,
    /// Distance since the last step [km], where told.
    pub distance_km: Option<f64>,
    /// By what means it came here: `truck`, `vessel`.
    pub means: Option<String>,
    /// What speaks for it.
    pub proof: Proof,
    /// Remarks.
    pub notes: Option<String>,
}

/// Kilometres from one step to the next: as told, else the great circle between known positions times a detour; nothing
/// where one of them is not known.
pub fn leg_km(before: &Step, step: &Step, detour: f64) -> Option<f64> {
    step.distance_km.or_else(|| Some(before.place.position?.distance_km(step.place.position?) * detour))
}

/// Who collected a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collector {
    /// Device that weighed or tracked it.
    pub device: Option<String>,
    /// Organisation.
    pub organisation: Option<String>,
    /// Vessel.
    pub vessel: Option<String>,
    /// Person.
    pub operator: Option<String>,
}

/// Where a batch comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Where it was taken up.
    pub place: Place,
    /// When.
    pub at: Time,
    /// By whom.
    pub collector: Collector,
    /// How.
    pub method: Method,
    /// Share of foreign matter (sand, growth, water), where told.
    pub contamination: Option<f64>,
    /// How long it was in the water, by its looks [years].
    pub age_years: Option<f64>,
}

/// Why a batch is no longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// Its parts are batches of their own.
    Split,
    /// It went into another batch.
    Merged,
    /// Whoever registered it took it back.
    Withdrawn,
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is now. Nothing once it is closed.
    pub material: Material,
    /// What happened to it, in order; never empty.
    pub steps: Vec<Step>,
    /// Batches that it was made of, or parted from.
    pub parents: Vec<BatchId>,
    /// Batches that it became.
    pub children: Vec<BatchId>,
    /// Why it is no longer one, if so.
    pub closed: Option<Closed>,
}

impl Batch {
    /// The last step.
    pub fn last(&self) -> &Step {
        self.steps.last().expect("a batch has the step that it began with")
    }

    /// Present stage.
    pub fn stage(&self) -> Stage {
        self.last().stage
    }

    /// Present mass [kg].
    pub fn mass_kg(&self) -> f64 {
        self.material.mass_kg()
    }

    /// Whether it is still one, and under way.
    pub fn is_open(&self) -> bool {
        self.closed.is_none() && !self.stage().is_final()
    }

    /// Kilometres from step to step: as told, else the great circle between known positions times a detour.
    pub fn travelled_km(&self, detour: f64) -> f64 {
        self.steps.windows(2).map(|pair| leg_km(&pair[0], &pair[1], detour).unwrap_or(0.0)).sum()
    }

    /// Score of 0 to 1: mass that recycling is expected to give, relative to what there is.
    pub fn recyclability(&self) -> f64 {
        let mass_kg = self.mass_kg();
        if mass_kg > 0.0 { super::factors::expected_recycled_kg(&self.material) / mass_kg } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let id = BatchId { year: 2025, number: 1 };
        assert_eq!(id.to_string(), "BATCH-2025-000001");
        assert_eq!("BATCH-2025-000001".parse(), Ok(id));
        assert_eq!("BATCH-2025-1234567".parse(), Ok(BatchId { year: 2025, number: 1_234_567 }));
        for wrong in ["", "BATCH-2025-1", "BATCH-25-000001", "batch-2025-000001", "BATCH-2025-+00001"] {
            assert!(wrong.parse::<BatchId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn stages_follow_one_another_as_the_register_has_it() {
        use Stage::{Collected, Disposed, Processing, Received, Recycled, Sorting, Transported};
        let fine = [
            (Collected, Transported),
            (Collected, Sorting),
            (Transported, Received),
            (Transported, Processing),
            (Received, Processing),
            (Sorting, Recycled),
            (Processing, Recycled),
            (Collected, Disposed),
            (Processing, Disposed),
        ];
        for (from, to) in fine {
            assert_eq!(from.followed_by(to), Ok(()), "{from:?} {to:?}");
        }
        assert_eq!(
            Collected.followed_by(Processing),
            Err(StepRefusal::Skips { from: Collected, to: Processing })
        );
        assert_eq!(
            Sorting.followed_by(Transported),
            Err(StepRefusal::Backwards { from: Sorting, to: Transported })
        );
        assert_eq!(Sorting.followed_by(Sorting), Err(StepRefusal::Backwards { from: Sorting, to: Sorting }));
        assert_eq!(Recycled.followed_by(Disposed), Err(StepRefusal::Final { stage: Recycled }));
        assert_eq!(Stage::of_status("transported"), Some(Transported));
        assert_eq!(Stage::of_status("received"), None);
    }
}
