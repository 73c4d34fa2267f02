//! The seam between batches and works: how a batch goes in as a lot, and what comes out of it.
//!
//! Works go by the condition of a lot, and a batch may be of several: at the gate of a sorting plant it is parted by
//! condition. What a works gives out is told by resin; the same share of each resin goes on in the batch's own terms,
//! whatever condition it is in and whatever nets are among it.

use super::batch::BatchId;
use super::material::{Condition, Material, Resin};
use crate::facility::line;
use crate::facility::works::{Lot, LotId, Works};
use crate::passport::material::{Masses, Material as Counted};
use crate::time::Time;

/// What becomes of a batch: what goes on, and what is disposed of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outputs {
    /// Goes on: to recycling, or as new material.
    pub passed: Material,
    /// Is disposed of.
    pub rejected: Material,
}

impl From<Resin> for Counted {
    fn from(resin: Resin) -> Self {
        match resin {
            Resin::Pet => Self::Pet,
            Resin::Hdpe => Self::Hdpe,
            Resin::Pvc => Self::Pvc,
            Resin::Ldpe => Self::Ldpe,
            Resin::Pp => Self::Pp,
            Resin::Ps => Self::Ps,
            Resin::Other => Self::OtherPlastic,
        }
    }
}

/// What works count it as: microplastic is a material of its own.
fn counted(resin: Resin, condition: Condition) -> Counted {
    if condition == Condition::Microplastic { Counted::Microplastic } else { resin.into() }
}

/// The condition that works know. Microplastic is lost whatever its condition is called.
fn known(condition: Condition) -> line::Condition {
    match condition {
        Condition::Good => line::Condition::Good,
        Condition::Contaminated => line::Condition::Contaminated,
        Condition::Degraded | Condition::Microplastic => line::Condition::Degraded,
    }
}

/// Share of a resin in a condition that sorting and recycling together give back, by the table of works.
pub fn recycling_yield(resin: Resin, condition: Condition) -> f64 {
    line::plastic_yield(counted(resin, condition), known(condition))
}

/// What a batch holds in the terms of works [kg].
pub fn masses(material: &Material) -> Masses {
    let of = |resin| Condition::ALL.into_iter().map(move |condition| (resin, condition));
    let amounts = Resin::ALL.into_iter().flat_map(of);
    Masses::of(
        amounts.map(|(resin, condition)| (counted(resin, condition), material.amount_kg(resin, condition))),
    )
}

/// The parts of a batch by condition, best first; they add up to it.
pub fn by_condition(material: &Material) -> Vec<Material> {
    let mut rest = *material;
    let mut parts = Vec::with_capacity(Condition::ALL.len());
    for condition in Condition::ALL {
        let part = rest.sort(|_, known| f64::from(u8::from(known == condition)));
        if part.mass_kg() > 0.0 {
            parts.push(part);
        }
    }
    parts
}

/// The number of a batch as a lot.
pub fn lot_id(batch: BatchId) -> LotId {
    u64::from(batch.year) << 32 | u64::from(batch.number)
}

/// The batch of a lot.
pub fn batch_id(lot: LotId) -> BatchId {
    BatchId { year: (lot >> 32) as u16, number: lot as u32 }
}

/// A batch as a lot, in the worst condition that any of it is in.
pub fn lot(batch: BatchId, material: &Material) -> Lot {
    let masses = masses(material);
    let has = |condition: &Condition| Resin::ALL.iter().any(|r| material.amount_kg(*r, *condition) > 0.0);
    let worst = Condition::ALL.into_iter().rev().find(has).unwrap_or(Condition::Good);
    Lot { id: lot_id(batch), masses, declared_kg: masses.total_kg(), condition: known(worst) }
}

/// Parts a batch as a works did that made `products` of it. The two parts add up to it.
pub fn shared_out(material: &Material, products: &Masses) -> Outputs {
    let received = masses(material);
    let mut rejected = *material;
    let passed = rejected.sort(|resin, condition| {
        let counted = counted(resin, condition);
        if received[counted] > 0.0 { products[counted] / received[counted] } else { 0.0 }
    });
    Outputs { passed, rejected }
}

/// How long a load that came now would be in a works [h]: waiting, inspection, all stages and closed hours. None where
/// the works has no room for it.
pub fn passage_h(works: &Works, load_kg: f64, now: Time) -> Option<f64> {
    // Only the mass matters to how long it takes.
    let masses = Masses::of([(Counted::Hdpe, load_kg)]);
    let lot = Lot { id: LotId::MAX, masses, declared_kg: load_kg, condition: line::Condition::Good };
    let estimate = works.estimate(lot, now).ok()?;
    Some(estimate.done_at.seconds_since(now) / 3600.0)
}
