//! Slots: which pack stands in one, how its charge goes, and from when on it may be handed out.

use super::{PackFacts, PackId, RiderId};
use crate::battery::ChargePlan;
use crate::time::Time;
use std::sync::Arc;

/// Later than anything that is to come.
pub(super) const NEVER: Time = Time(i64::MAX);

/// A charge at its cut-off current may end a hair below its target.
pub(super) const READY_TOLERANCE: f64 = 2e-3;

/// A pack in a slot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Docked {
    pub(super) pack: PackId,
    pub(super) since: Time,
    pub(super) facts: PackFacts,
    pub(super) charge: Charge,
    /// When its charge first began, until that is counted or a fault has stopped it.
    pub(super) charging_since: Option<Time>,
    /// When it may be handed out, as far as is known: from a state of charge on, or when it takes no more.
    pub(super) ready_at: Option<Time>,
}

impl Docked {
    pub(super) fn new(pack: PackId, since: Time, facts: PackFacts, ready_soc: f64) -> Self {
        let mut docked =
            Self { pack, since, facts, charge: Charge::Waiting(None), charging_since: None, ready_at: None };
        docked.set_charge(Charge::Waiting(None), ready_soc);
        docked
    }

    pub(super) fn set_charge(&mut self, charge: Charge, ready_soc: f64) {
        let enough = ready_soc - READY_TOLERANCE;
        self.ready_at = match &charge {
            _ if self.facts.soc >= enough => Some(self.since),
            Charge::Done => Some(self.since),
            Charge::Ordered { plan: Some(plan), .. } => {
                plan.reaches(enough).or_else(|| plan.complete.then_some(plan.ends))
            }
            _ => None,
        };
        self.charge = charge;
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Charge {
    /// Not begun; planned for later, if a time stands there.
    Waiting(Option<Time>),
    /// Ordered at this power from this hour on; the plan, and with it the end, follows when the pack has reported.
    Ordered { power_w: f64, hour: i64, plan: Option<Arc<ChargePlan>>, ends: Time },
    /// A limit stood in the way, most likely temperature: not before this time again.
    Hindered(Time),
    /// Nothing more to come.
    Done,
}

/// One slot.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Slot {
    pub(super) docked: Option<Docked>,
    /// Faults of the slot, and of its charger, that are not repaired yet.
    pub(super) faults: u32,
    pub(super) charger_faults: u32,
}

impl Slot {
    /// Whether it neither takes nor gives.
    pub(super) fn broken(&self) -> bool {
        self.faults > 0
    }

    /// Whether it charges nothing.
    pub(super) fn charger_broken(&self) -> bool {
        self.charger_faults > 0
    }

    /// When the pack may be handed out, as far as is known.
    pub(super) fn ready_at(&self) -> Option<Time> {
        self.docked.as_ref().filter(|_| !self.broken())?.ready_at
    }

    pub(super) fn soc_at(&self, now: Time) -> f64 {
        match &self.docked {
            Some(Docked { charge: Charge::Ordered { plan: Some(plan), .. }, .. }) => plan.soc_at(now),
            Some(docked) => docked.facts.soc,
            None => 0.0,
        }
    }

    /// Power that the slot's charge may draw at `now` [W].
    pub(super) fn drawing_w(&self, now: Time) -> Option<f64> {
        match self.docked.as_ref()?.charge {
            Charge::Ordered { power_w, ends, .. } if ends > now => Some(power_w),
            _ => None,
        }
    }
}

/// What a slot shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlotView {
    /// How it stands.
    pub state: SlotState,
    /// The pack in it.
    pub pack: Option<PackId>,
    /// State of charge that the pack is believed to have; 0 without one.
    pub soc: f64,
    /// Power that its charge may draw [W].
    pub power_w: f64,
}

/// How a slot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// No pack in it.
    Empty,
    /// A pack that waits.
    Occupied,
    /// A pack that is being charged and may not be handed out yet.
    Charging,
    /// A pack that may be handed out.
    Ready,
    /// It neither takes nor gives packs.
    Faulty,
}

impl SlotState {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Occupied => "occupied",
            Self::Charging => "charging",
            Self::Ready => "ready",
            Self::Faulty => "faulty",
        }
    }
}

impl Slot {
    /// What it shows at `now`.
    pub(super) fn view(&self, now: Time) -> SlotView {
        let power_w = self.drawing_w(now);
        let state = match &self.docked {
            _ if self.broken() => SlotState::Faulty,
            None => SlotState::Empty,
            Some(_) if self.ready_at().is_some_and(|at| at <= now) => SlotState::Ready,
            Some(_) if power_w.is_some() => SlotState::Charging,
            Some(_) => SlotState::Occupied,
        };
        let pack = self.docked.as_ref().map(|docked| docked.pack);
        SlotView { state, pack, soc: self.soc_at(now), power_w: power_w.unwrap_or(0.0) }
    }
}

/// A rider in the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Waiting {
    pub(super) rider: RiderId,
    pub(super) pack: PackId,
    pub(super) since: Time,
}
