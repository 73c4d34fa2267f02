//! The book of all batches: who has what, how it came there, and that no kilogram is lost on the way.

use super::MASS_TOLERANCE;
use super::batch::{Batch, BatchId, Closed, Origin, Place, Proof, Stage, Step, StepRefusal};
use super::material::Material;
use crate::time::{DAY_MS, Time};
use crate::twin::{Events, Moment, Twin};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// A step may be dated so far ahead, for clocks differ.
const AHEAD_MS: i64 = 5 * 60_000;

/// Largest share by which a weight may differ from the one on record.
pub const WEIGHING_TOLERANCE: f64 = 0.10;

/// The book.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Custody {
    batches: BTreeMap<BatchId, Batch>,
    /// Highest number given in each year.
    given: BTreeMap<u16, u32>,
    ledger: MassLedger,
}

/// Where all mass that was ever registered is now [kg].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MassLedger {
    /// Registered.
    pub registered_kg: f64,
    /// Found (positive) or missing (negative) when batches were weighed again.
    pub weighing_kg: f64,
    /// Recycled.
    pub recycled_kg: f64,
    /// Disposed of.
    pub disposed_kg: f64,
    /// Lost on the way.
    pub lost_kg: f64,
    /// In batches that were taken back.
    pub withdrawn_kg: f64,
    /// In open batches, counted batch by batch.
    pub held_kg: f64,
}

impl MassLedger {
    /// Adds one batch as it stands, counted by itself.
    ///
    /// A batch alone tells nothing of what it lost on the way: that is within `weighing_kg` here.
    pub fn count(&mut self, batch: &Batch) {
        let (Some(first), last_kg) = (batch.steps.first(), batch.last().mass_kg) else { return };
        if batch.parents.is_empty() {
            self.registered_kg += first.mass_kg;
        }
        self.weighing_kg += last_kg - first.mass_kg;
        match (batch.closed, batch.stage()) {
            (Some(Closed::Withdrawn), _) => self.withdrawn_kg += last_kg,
            (Some(Closed::Split | Closed::Merged), _) => {}
            (None, Stage::Recycled) => self.recycled_kg += last_kg,
            (None, Stage::Disposed) => self.disposed_kg += last_kg,
            (None, _) => self.held_kg += last_kg,
        }
    }

    /// Adds another ledger.
    pub fn add(&mut self, other: &MassLedger) {
        self.registered_kg += other.registered_kg;
        self.weighing_kg += other.weighing_kg;
        self.recycled_kg += other.recycled_kg;
        self.disposed_kg += other.disposed_kg;
        self.lost_kg += other.lost_kg;
        self.withdrawn_kg += other.withdrawn_kg;
        self.held_kg += other.held_kg;
    }

    /// What came in less what is accounted for [kg]: rounding, if the book is right.
    pub fn gap_kg(&self) -> f64 {
        let (came, gone) = (
            self.registered_kg + self.weighing_kg,
            self.recycled_kg + self.disposed_kg + self.lost_kg + self.withdrawn_kg,
        );
        came - gone - self.held_kg
    }
}

/// What the book may be told.
#[derive(Debug, Clone, PartialEq)]
pub enum CustodyCommand {
    /// A batch was collected.
    Register {
        /// Where it comes from.
        origin: Box<Origin>,
        /// What it is.
        material: Box<Material>,
        /// What speaks for it.
        proof: Proof,
    },
    /// A batch goes on to a stage.
    Advance {
        /// Which.
        batch: BatchId,
        /// Where to.
        to: Stage,
        /// Details.
        report: Box<Report>,
    },
    /// A batch changes place or hands, and not its stage.
    HandOver {
        /// Which.
        batch: BatchId,
        /// Details.
        report: Box<Report>,
    },
    /// A batch is parted. The parts have to add up to it.
    Split {
        /// Which.
        batch: BatchId,
        /// When.
        at: Time,
        /// Into what, each more than nothing.
        parts: Vec<Material>,
        /// What speaks for it.
        proof: Proof,
    },
    /// Batches of one stage are put together.
    Merge {
        /// Which, two at least.
        batches: Vec<BatchId>,
        /// When.
        at: Time,
        /// Where.
        place: Box<Place>,
        /// What speaks for it.
        proof: Proof,
    },
    /// A share of a batch is lost: overboard, by the wind.
    Lose {
        /// Which.
        batch: BatchId,
        /// When.
        at: Time,
        /// How much of it.
        share: f64,
        /// What speaks for it.
        proof: Proof,
    },
    /// A batch is taken back by whoever registered it, before it is processed.
    Withdraw {
        /// Which.
        batch: BatchId,
    },
}

/// Details of a step, as reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When.
    pub at: Time,
    /// Where.
    pub place: Place,
    /// Mass, where it was weighed again [kg].
    pub weighed_kg: Option<f64>,
    /// Distance since the last step, where told [km].
    pub distance_km: Option<f64>,
    /// By what means.
    pub means: Option<String>,
    /// What speaks for it.
    pub proof: Proof,
    /// Remarks.
    pub notes: Option<String>,
}

impl Report {
    /// A report with the least that it needs.
    pub fn new(at: Time, place: Place, proof: Proof) -> Self {
        Self { at, place, weighed_kg: None, distance_km: None, means: None, proof, notes: None }
    }
}

/// What happened to batches.
#[derive(Debug, Clone, PartialEq)]
pub enum CustodyEvent {
    /// One began.
    Registered(Box<Batch>),
    /// One went a step.
    Stepped {
        /// Which.
        batch: BatchId,
        /// The step.
        step: Box<Step>,
    },
    /// One was parted.
    Split {
        /// Which.
        batch: BatchId,
        /// Its parts.
        children: Vec<Batch>,
    },
    /// Some were put together.
    Merged(Box<Batch>),
    /// Part of one was lost.
    Lost {
        /// Which.
        batch: BatchId,
        /// How much of it.
        share: f64,
        /// The step.
        step: Box<Step>,
    },
    /// One was taken back.
    Withdrawn {
        /// Which.
        batch: BatchId,
    },
}

impl CustodyEvent {
    /// Batches that began with it.
    pub fn begun(&self) -> SmallVec<[BatchId; 2]> {
        match self {
            Self::Registered(batch) | Self::Merged(batch) => SmallVec::from_slice(&[batch.id]),
            Self::Split { children, .. } => children.iter().map(|child| child.id).collect(),
            _ => SmallVec::new(),
        }
    }
}

/// Why the book refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CustodyRefusal {
    /// No such batch.
    #[error("there is no {batch}")]
    Unknown {
        /// The name.
        batch: BatchId,
    },
    /// The batch is no longer one.
    #[error("{batch} is closed: {why:?}")]
    Closed {
        /// Which.
        batch: BatchId,
        /// Why.
        why: Closed,
    },
    /// The step is not possible.
    #[error("{batch}: {why}")]
    Step {
        /// Which batch.
        batch: BatchId,
        /// Why not.
        why: StepRefusal,
    },
    /// There is nothing to register, or it is no number.
    #[error("a batch of {mass_kg} kg is none")]
    NoMass {
        /// Its mass.
        mass_kg: f64,
    },
    /// Collected in the future.
    #[error("collected at {at_ms} ms, and it is {now_ms} ms")]
    Future {
        /// Time given.
        at_ms: i64,
        /// The present.
        now_ms: i64,
    },
    /// Parts are not the whole.
    #[error("parts of {parts_kg} kg do not add up to {batch} of {batch_kg} kg, resin by resin")]
    PartsDiffer {
        /// Which batch.
        batch: BatchId,
        /// Its mass.
        batch_kg: f64,
        /// Mass of the parts.
        parts_kg: f64,
    },
    /// Batches of different stages, the same batch twice, or fewer than two.
    #[error("{what} cannot be put together")]
    Unequal {
        /// What is wrong.
        what: &'static str,
    },
    /// Too late to be taken back.
    #[error("{batch} is in {stage:?} and cannot be taken back")]
    TooLate {
        /// Which.
        batch: BatchId,
        /// Its stage.
        stage: Stage,
    },
    /// The numbers of a year are used up.
    #[error("no batch can be numbered in {year}")]
    NoNumber {
        /// The year.
        year: i64,
    },
}

/// What the book shows.
#[derive(Debug, Clone, PartialEq)]
pub struct CustodyView {
    /// Masses.
    pub ledger: MassLedger,
    /// Batches, open or not.
    pub batches: usize,
}

impl Custody {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }

    /// A book of these batches alone, to decide about them without all others. `given` is a year and the highest number
    /// that was given in it; sums are of what happens from here on.
    pub fn of(batches: impl IntoIterator<Item = Batch>, given: Option<(u16, u32)>) -> Self {
        let mut book = Self::default();
        book.given.extend(given);
        for batch in batches {
            book.batches.insert(batch.id, batch);
        }
        book
    }

    /// A batch.
    pub fn batch(&self, id: BatchId) -> Option<&Batch> {
        self.batches.get(&id)
    }

    /// All batches in the order of their names.
    pub fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.values()
    }

    /// Masses, with what open batches hold counted anew.
    pub fn ledger(&self) -> MassLedger {
        let held_kg = self.batches.values().filter(|b| b.is_open()).map(Batch::mass_kg).sum();
        MassLedger { held_kg, ..self.ledger }
    }

    fn open(&self, id: BatchId) -> Result<&Batch, CustodyRefusal> {
        let batch = self.batches.get(&id).ok_or(CustodyRefusal::Unknown { batch: id })?;
        match batch.closed {
            Some(why) => Err(CustodyRefusal::Closed { batch: id, why }),
            None => Ok(batch),
        }
    }

    /// The open batch, if something may happen to it at `at`.
    fn ready(&self, id: BatchId, at: Time, proof: &Proof, now: Time) -> Result<&Batch, CustodyRefusal> {
        let batch = self.open(id)?;
        let refuse = |why| Err(CustodyRefusal::Step { batch: id, why });
        if batch.stage().is_final() {
            return refuse(StepRefusal::Final { stage: batch.stage() });
        }
        if proof.by.trim().is_empty() {
            return refuse(StepRefusal::Unproven);
        }
        let last_ms = batch.last().at.0;
        if at.0 < last_ms {
            return refuse(StepRefusal::Older { at_ms: at.0, last_ms });
        }
        if at.0 > now.0.saturating_add(AHEAD_MS) {
            return refuse(StepRefusal::Future { at_ms: at.0, now_ms: now.0 });
        }
        Ok(batch)
    }

    /// The next name, `ahead` names after the next one that is free.
    fn name(&self, now: Time, ahead: u32) -> Result<BatchId, CustodyRefusal> {
        let year = year_of(now);
        let given = |year| self.given.get(&year).copied().unwrap_or(0);
        u16::try_from(year)
            .ok()
            .and_then(|year| Some(BatchId { year, number: given(year).checked_add(1)?.checked_add(ahead)? }))
            .ok_or(CustodyRefusal::NoNumber { year })
    }

    fn stepped(
        &self,
        id: BatchId,
        to: Option<Stage>,
        report: &Report,
        now: Time,
    ) -> Result<Step, CustodyRefusal> {
        let batch = self.ready(id, report.at, &report.proof, now)?;
        let refusal = |why| CustodyRefusal::Step { batch: id, why };
        if let Some(to) = to {
            batch.stage().followed_by(to).map_err(refusal)?;
        }
        if let Some(value) = report.distance_km.filter(|km| !(km.is_finite() && *km >= 0.0)) {
            return Err(refusal(StepRefusal::Senseless { what: "a distance", value }));
        }
        let recorded_kg = batch.mass_kg();
        if let Some(weighed_kg) = report.weighed_kg {
            let tolerance = WEIGHING_TOLERANCE;
            // Written so that what is no number is refused too.
            let near =
                (weighed_kg - recorded_kg).abs() <= tolerance * recorded_kg + MASS_TOLERANCE * recorded_kg;
            if !near {
                return Err(refusal(StepRefusal::Weighing { weighed_kg, recorded_kg, tolerance }));
            }
        }
        Ok(Step {
            stage: to.unwrap_or(batch.stage()),
            at: report.at,
            place: report.place.clone(),
            mass_kg: report.weighed_kg.unwrap_or(recorded_kg),
            distance_km: report.distance_km,
            means: report.means.clone(),
            proof: report.proof.clone(),
            notes: report.notes.clone(),
        })
    }

    fn split(
        &self,
        (id, at): (BatchId, Time),
        parts: &[Material],
        proof: &Proof,
        now: Time,
    ) -> Result<CustodyEvent, CustodyRefusal> {
        let batch = self.ready(id, at, proof, now)?;
        let mut sum = Material::NONE;
        parts.iter().for_each(|part| sum.add(part));
        let whole = parts.iter().all(|part| part.is_sound() && part.mass_kg() > 0.0);
        if !whole || parts.len() < 2 || !sum.is_about(&batch.material, MASS_TOLERANCE) {
            let (batch_kg, parts_kg) = (batch.mass_kg(), sum.mass_kg());
            return Err(CustodyRefusal::PartsDiffer { batch: id, batch_kg, parts_kg });
        }
        let mut children = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let ahead = u32::try_from(index).unwrap_or(u32::MAX);
            let step = Step {
                at,
                mass_kg: part.mass_kg(),
                distance_km: Some(0.0),
                means: None,
                proof: proof.clone(),
                notes: Some(format!("part of {id}")),
                ..batch.last().clone()
            };
            children.push(Batch {
                id: self.name(now, ahead)?,
                origin: batch.origin.clone(),
                material: *part,
                steps: vec![step],
                parents: vec![id],
                children: Vec::new(),
                closed: None,
            });
        }
        Ok(CustodyEvent::Split { batch: id, children })
    }

    fn merge(
        &self,
        ids: &[BatchId],
        at: Time,
        place: &Place,
        proof: &Proof,
        now: Time,
    ) -> Result<CustodyEvent, CustodyRefusal> {
        let unequal = |what| CustodyRefusal::Unequal { what };
        let mut material = Material::NONE;
        let mut first: Option<&Batch> = None;
        for (index, id) in ids.iter().enumerate() {
            if ids[..index].contains(id) {
                return Err(unequal("a batch with itself"));
            }
            let batch = self.ready(*id, at, proof, now)?;
            if first.is_some_and(|first| first.stage() != batch.stage()) {
                return Err(unequal("batches of different stages"));
            }
            first.get_or_insert(batch);
            material.add(&batch.material);
        }
        let (Some(first), true) = (first, ids.len() > 1) else {
            return Err(unequal("fewer than two batches"));
        };
        let step = Step {
            stage: first.stage(),
            at,
            place: place.clone(),
            mass_kg: material.mass_kg(),
            distance_km: None,
            means: None,
            proof: proof.clone(),
            notes: Some(format!("{} batches put together", ids.len())),
        };
        Ok(CustodyEvent::Merged(Box::new(Batch {
            id: self.name(now, 0)?,
            origin: first.origin.clone(),
            material,
            steps: vec![step],
            parents: ids.to_vec(),
            children: Vec::new(),
            closed: None,
        })))
    }

    fn insert(&mut self, batch: Batch) {
        let given = self.given.entry(batch.id.year).or_default();
        *given = (*given).max(batch.id.number);
        self.batches.insert(batch.id, batch);
    }

    /// Closes a batch and says what was in it.
    fn close(&mut self, id: BatchId, why: Closed, children: &[BatchId]) -> Material {
        let Some(batch) = self.batches.get_mut(&id) else { return Material::NONE };
        batch.closed = Some(why);
        batch.children.extend_from_slice(children);
        std::mem::take(&mut batch.material)
    }
}

impl Twin for Custody {
    type Command = CustodyCommand;
    type Event = CustodyEvent;
    type Refusal = CustodyRefusal;
    type View = CustodyView;

    fn decide(
        &self,
        command: &CustodyCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<CustodyEvent>, CustodyRefusal> {
        let now = moment.now;
        let event = match command {
            CustodyCommand::Register { origin, material, proof } => {
                let mass_kg = material.mass_kg();
                if !material.is_sound() || mass_kg <= 0.0 {
                    return Err(CustodyRefusal::NoMass { mass_kg });
                }
                if origin.at.0 > now.0.saturating_add(AHEAD_MS) {
                    return Err(CustodyRefusal::Future { at_ms: origin.at.0, now_ms: now.0 });
                }
                let id = self.name(now, 0)?;
                if proof.by.trim().is_empty() {
                    return Err(CustodyRefusal::Step { batch: id, why: StepRefusal::Unproven });
                }
                let step = Step {
                    stage: Stage::Collected,
                    at: origin.at,
                    place: origin.place.clone(),
                    mass_kg,
                    distance_km: None,
                    means: None,
                    proof: proof.clone(),
                    notes: None,
                };
                CustodyEvent::Registered(Box::new(Batch {
                    id,
                    origin: (**origin).clone(),
                    material: **material,
                    steps: vec![step],
                    parents: Vec::new(),
                    children: Vec::new(),
                    closed: None,
                }))
            }
            CustodyCommand::Advance { batch, to, report } => {
                let step = Box::new(self.stepped(*batch, Some(*to), report, now)?);
                CustodyEvent::Stepped { batch: *batch, step }
            }
            CustodyCommand::HandOver { batch, report } => {
                let step = Box::new(self.stepped(*batch, None, report, now)?);
                CustodyEvent::Stepped { batch: *batch, step }
            }
            CustodyCommand::Split { batch, at, parts, proof } => {
                self.split((*batch, *at), parts, proof, now)?
            }
            CustodyCommand::Merge { batches, at, place, proof } => {
                self.merge(batches, *at, place, proof, now)?
            }
            CustodyCommand::Lose { batch, at, share, proof } => {
                let known = self.ready(*batch, *at, proof, now)?;
                // All of a batch that is lost is disposed of, by whomever: a batch of nothing is none.
                if !(*share > 0.0 && *share < 1.0) {
                    let why = StepRefusal::Senseless { what: "a lost share", value: *share };
                    return Err(CustodyRefusal::Step { batch: *batch, why });
                }
                let step = Step {
                    at: *at,
                    mass_kg: known.mass_kg() * (1.0 - share),
                    distance_km: Some(0.0),
                    means: None,
                    proof: proof.clone(),
                    notes: Some("loss".into()),
                    ..known.last().clone()
                };
                CustodyEvent::Lost { batch: *batch, share: *share, step: Box::new(step) }
            }
            CustodyCommand::Withdraw { batch } => {
                let stage = self.open(*batch)?.stage();
                if stage >= Stage::Processing {
                    return Err(CustodyRefusal::TooLate { batch: *batch, stage });
                }
                CustodyEvent::Withdrawn { batch: *batch }
            }
        };
        Ok(Events::from_iter([event]))
    }

    fn apply(&mut self, event: &CustodyEvent) {
        match event {
            CustodyEvent::Registered(batch) => {
                self.ledger.registered_kg += batch.mass_kg();
                self.insert((**batch).clone());
            }
            CustodyEvent::Stepped { batch, step } => {
                let Some(batch) = self.batches.get_mut(batch) else { return };
                let before_kg = batch.mass_kg();
                if step.mass_kg != before_kg && before_kg > 0.0 {
                    batch.material = batch.material.times(step.mass_kg / before_kg);
                    self.ledger.weighing_kg += batch.mass_kg() - before_kg;
                }
                match step.stage {
                    Stage::Recycled => self.ledger.recycled_kg += batch.mass_kg(),
                    Stage::Disposed => self.ledger.disposed_kg += batch.mass_kg(),
                    _ => {}
                }
                batch.steps.push((**step).clone());
            }
            CustodyEvent::Split { batch, children } => {
                let ids: SmallVec<[BatchId; 4]> = children.iter().map(|child| child.id).collect();
                self.close(*batch, Closed::Split, &ids);
                children.iter().for_each(|child| self.insert(child.clone()));
            }
            CustodyEvent::Merged(merged) => {
                for parent in &merged.parents {
                    self.close(*parent, Closed::Merged, &[merged.id]);
                }
                self.insert((**merged).clone());
            }
            CustodyEvent::Lost { batch, share, step } => {
                let Some(batch) = self.batches.get_mut(batch) else { return };
                self.ledger.lost_kg += batch.material.take(*share).mass_kg();
                batch.steps.push((**step).clone());
            }
            CustodyEvent::Withdrawn { batch } => {
                self.ledger.withdrawn_kg += self.close(*batch, Closed::Withdrawn, &[]).mass_kg();
            }
        }
    }

    /// What stands in the book: time alone changes nothing in it. What open batches hold is not counted here, for
    /// that goes through all of them; [`Custody::ledger`] does.
    fn view(&self, _now: Time) -> CustodyView {
        CustodyView { ledger: self.ledger, batches: self.batches.len() }
    }
}

/// Year (UTC) that an instant lies in.
///
/// Source: Hinnant, *chrono-Compatible Low-Level Date Algorithms* (2013), `civil_from_days`.
pub fn year_of(at: Time) -> i64 {
    let days = at.0.div_euclid(DAY_MS) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years of this count begin in March.
    year_of_era + era * 400 + i64::from(day_of_year >= 306)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_begin_in_january() {
        for (ms, year) in [
            (0, 1970),
            (-1, 1969),
            (1_735_689_599_999, 2024),
            (1_735_689_600_000, 2025),
            (1_709_164_800_000, 2024),
        ] {
            assert_eq!(year_of(Time(ms)), year, "{ms}");
        }
    }
}
