//! What is said to a cabinet, what happens to it, why it refuses and what it shows.

use super::{PackFacts, PackId, RiderId};
use crate::battery::ChargePlan;
use crate::time::Time;
use std::sync::Arc;

/// What a cabinet may be told.
#[derive(Debug, Clone, PartialEq)]
pub enum CabinetCommand {
    /// A pack is put into a free slot, outside any swap (at the start, after a replacement, by a truck).
    Stock {
        /// The pack.
        pack: PackId,
        /// What it reports.
        facts: PackFacts,
    },
    /// A pack was brought up to date; `plan` when it is charging.
    Report {
        /// The pack.
        pack: PackId,
        /// What it reports.
        facts: PackFacts,
        /// Its charge.
        plan: Option<Arc<ChargePlan>>,
    },
    /// A rider arrives with a pack and wants another.
    Arrive {
        /// The rider.
        rider: RiderId,
        /// The pack that comes back.
        pack: PackId,
    },
    /// A rider's patience is over.
    GiveUp {
        /// The rider.
        rider: RiderId,
    },
    /// What became of the charge of a pack that has left already.
    Settle {
        /// The charge, cut short.
        plan: Arc<ChargePlan>,
    },
    /// A pack is taken out for good.
    Remove {
        /// The pack.
        pack: PackId,
    },
    /// Time passed; there may be something to do.
    Wake,
    /// Something breaks.
    Break(Part),
    /// Something is repaired.
    Repair(Part),
}

/// A part that may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A slot, counted from 0.
    Slot(usize),
    /// The charger of a slot, counted from 0.
    Charger(usize),
    /// The whole cabinet.
    Cabinet,
}

/// What happened to a cabinet.
#[derive(Debug, Clone, PartialEq)]
pub enum CabinetEvent {
    /// A pack was put into a slot.
    Docked {
        /// When.
        at: Time,
        /// Slot.
        slot: usize,
        /// Pack.
        pack: PackId,
        /// What is known of it.
        facts: PackFacts,
    },
    /// A pack reported.
    Reported {
        /// When.
        at: Time,
        /// Slot.
        slot: usize,
        /// What it reported.
        facts: PackFacts,
        /// Its charge.
        plan: Option<Arc<ChargePlan>>,
    },
    /// A pack is to be charged.
    ChargeOrdered {
        /// From when.
        at: Time,
        /// Slot.
        slot: usize,
        /// Pack.
        pack: PackId,
        /// At most with this power [W].
        power_w: f64,
    },
    /// A pack's charge is to stop.
    ChargeStopped {
        /// When.
        at: Time,
        /// Slot.
        slot: usize,
        /// Pack.
        pack: PackId,
    },
    /// A pack's charge is put off.
    Deferred {
        /// When that was decided.
        at: Time,
        /// Slot.
        slot: usize,
        /// Until when.
        until: Time,
    },
    /// A pack was handed out.
    Given {
        /// When.
        at: Time,
        /// Slot.
        slot: usize,
        /// Pack.
        pack: PackId,
        /// To whom.
        rider: RiderId,
        /// The pack that came back for it.
        returned: PackId,
        /// How long the rider waited [s].
        waited_s: f64,
        /// State of charge that it was believed to have.
        soc: f64,
        /// Whether its charge was cut short.
        cut_short: bool,
    },
    /// A pack was taken out for good.
    Removed {
        /// When.
        at: Time,
        /// Slot.
        slot: usize,
        /// Pack.
        pack: PackId,
    },
    /// A charge that was cut short was paid for.
    Settled {
        /// When.
        at: Time,
        /// The charge.
        plan: Arc<ChargePlan>,
    },
    /// A rider waits.
    Queued {
        /// When.
        at: Time,
        /// Rider.
        rider: RiderId,
        /// The rider's pack.
        pack: PackId,
    },
    /// A rider walked away, pack and all.
    WalkedAway {
        /// When.
        at: Time,
        /// Rider.
        rider: RiderId,
        /// How long the rider waited [s].
        waited_s: f64,
    },
    /// Something broke.
    Broke {
        /// When.
        at: Time,
        /// What.
        part: Part,
    },
    /// Something was repaired.
    Repaired {
        /// When.
        at: Time,
        /// What.
        part: Part,
    },
    /// Nothing happened, and time passed.
    Passed {
        /// Until when.
        at: Time,
    },
}

/// Why a cabinet refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CabinetRefusal {
    /// There is no free slot.
    #[error("pack {pack} finds no free slot")]
    Full {
        /// The pack.
        pack: PackId,
    },
    /// The pack is in the cabinet, or with a rider who waits at it.
    #[error("pack {pack} is here already")]
    AlreadyHere {
        /// The pack.
        pack: PackId,
    },
    /// The rider waits already.
    #[error("rider {rider} waits here already")]
    AlreadyWaiting {
        /// The rider.
        rider: RiderId,
    },
    /// The pack is not in the cabinet.
    #[error("pack {pack} is not in this cabinet")]
    Unknown {
        /// The pack.
        pack: PackId,
    },
    /// There is no such slot.
    #[error("there is no slot {slot}; slots are counted from 0 to {last}")]
    NoSuchSlot {
        /// The slot.
        slot: usize,
        /// The last one.
        last: usize,
    },
}

/// What a cabinet shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CabinetView {
    /// When the cabinet next has something to do by itself.
    pub wake_at: Option<Time>,
    /// Packs that may be handed out.
    pub ready: u32,
    /// Packs in slots.
    pub docked: u32,
    /// Free slots that work.
    pub free: u32,
    /// Riders waiting.
    pub queue: u32,
}
