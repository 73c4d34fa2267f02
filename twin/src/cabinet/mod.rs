//! A battery-swap cabinet: slots with chargers behind one grid connection, riders who come and wait.
//!
//! The cabinet knows its packs by what they report: a charge is a plan that the pack makes when it is plugged in
//! ([`ChargePlan`]), and the cabinet acts on the plans. What it may hand out, to whom, when a charge begins and
//! with how much power are decisions here; what a charge does to a pack is the pack's business.
//!
//! ```text
//! empty ── docked ──► waiting ──► charging ──► done
//!   ▲                    └───────────┴──────────┘
//!   └───────────── given (from ready_soc on) ◄──┘
//! ```

pub mod meter;
pub mod policy;

use crate::battery::ChargePlan;
use crate::time::{HOUR_MS, Time};
use crate::twin::{Events, Moment, Twin};
use meter::{Meter, Supply};
use policy::{Policy, Stock};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// A pack, as cabinets and riders call it.
pub type PackId = u32;
/// A rider.
pub type RiderId = u32;

/// A charge at its cut-off current may end a hair below its target.
const READY_TOLERANCE: f64 = 2e-3;

/// A charge begins when it can have this share of the charger's power. assumed: below, a charger is not worth
/// switching on.
const LEAST_SHARE: f64 = 0.1;

/// What does not change about a cabinet.
#[derive(Debug, Clone)]
pub struct CabinetModel {
    /// Number of slots.
    pub slots: usize,
    /// Power of one charger on its battery side [W].
    pub charger_w: f64,
    /// Highest current that a pack may be charged with [A].
    pub current_max_a: f64,
    /// Energy of a full pack when new [Wh], for planning ahead.
    pub pack_wh: f64,
    /// Charging stops here.
    pub target_soc: f64,
    /// A pack may be handed out from here on.
    pub ready_soc: f64,
    /// State of charge in which packs usually come back, for planning ahead.
    pub return_soc: f64,
    /// When packs are charged.
    pub policy: Policy,
    /// Which ready pack is handed out.
    pub rule: SwapRule,
    /// The electricity supply.
    pub supply: Supply,
}

/// Which ready pack a rider gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapRule {
    /// The fullest; among equals the one longest in the cabinet.
    HighestSoc,
    /// The one longest in the cabinet.
    Oldest,
    /// The one with the highest state of health.
    Healthiest,
    /// The one with the least throughput.
    LeastWorn,
}

/// What a pack reports when it is plugged in or brought up to date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackFacts {
    /// State of charge.
    pub soc: f64,
    /// State of health.
    pub soh: f64,
    /// Full equivalent cycles.
    pub efc: f64,
}

/// A pack in a slot.
#[derive(Debug, Clone, PartialEq)]
struct Docked {
    pack: PackId,
    since: Time,
    facts: PackFacts,
    charge: Charge,
    /// When it may be handed out, as far as is known: from a state of charge on, or when it takes no more.
    ready_at: Option<Time>,
}

impl Docked {
    fn new(pack: PackId, since: Time, facts: PackFacts, ready_soc: f64) -> Self {
        let mut docked = Self { pack, since, facts, charge: Charge::Waiting(None), ready_at: None };
        docked.set_charge(Charge::Waiting(None), ready_soc);
        docked
    }

    fn set_charge(&mut self, charge: Charge, ready_soc: f64) {
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
enum Charge {
    /// Not begun; planned for later, if a time stands there.
    Waiting(Option<Time>),
    /// Ordered at this power from this hour on; the plan follows when the pack has reported.
    Ordered { power_w: f64, hour: i64, plan: Option<Arc<ChargePlan>> },
    /// A limit stood in the way, most likely temperature: not before this time again.
    Hindered(Time),
    /// Nothing more to come.
    Done,
}

/// One slot.
#[derive(Debug, Clone, Default, PartialEq)]
struct Slot {
    docked: Option<Docked>,
    broken: bool,
    charger_broken: bool,
}

impl Slot {
    /// When the pack may be handed out, as far as is known.
    fn ready_at(&self) -> Option<Time> {
        self.docked.as_ref().filter(|_| !self.broken)?.ready_at
    }

    fn soc_at(&self, now: Time) -> f64 {
        match &self.docked {
            Some(Docked { charge: Charge::Ordered { plan: Some(plan), .. }, .. }) => plan.soc_at(now),
            Some(docked) => docked.facts.soc,
            None => 0.0,
        }
    }

    /// Power that the slot's charge may draw at `now` [W].
    fn drawing_w(&self, now: Time) -> Option<f64> {
        match self.docked.as_ref()?.charge {
            Charge::Ordered { power_w, ref plan, .. } if plan.as_ref().is_none_or(|p| p.ends > now) => {
                Some(power_w)
            }
            _ => None,
        }
    }
}

/// A rider in the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Waiting {
    rider: RiderId,
    pack: PackId,
    since: Time,
}

/// A cabinet.
#[derive(Debug, Clone)]
pub struct Cabinet {
    model: CabinetModel,
    slots: Box<[Slot]>,
    queue: VecDeque<Waiting>,
    down: bool,
    meter: Meter,
    /// First hours of charges that were cut short and are not settled yet.
    unsettled: SmallVec<[i64; 4]>,
    /// No plan that is known ends before this.
    next_end: Time,
    /// Hour in which charges that had ended and hours to be closed were last looked for.
    looked_hour: i64,
    at: Time,
}

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

impl Cabinet {
    /// An empty cabinet.
    pub fn new(model: CabinetModel, at: Time) -> Self {
        let slots = vec![Slot::default(); model.slots].into_boxed_slice();
        let meter = Meter::starting_at(at);
        Self {
            model,
            slots,
            queue: VecDeque::new(),
            down: false,
            meter,
            unsettled: SmallVec::new(),
            next_end: Time(i64::MAX),
            looked_hour: i64::MIN,
            at,
        }
    }

    /// The meter as of `now`, with what charges under way have drawn so far.
    pub fn metered(&self, now: Time) -> Meter {
        self.meter.reading(now, self.sessions(), &self.model.supply)
    }

    /// What does not change about it.
    pub fn model(&self) -> &CabinetModel {
        &self.model
    }

    /// Charges that are planned and not yet booked.
    fn sessions(&self) -> impl Iterator<Item = &ChargePlan> {
        self.slots.iter().filter_map(|slot| match &slot.docked.as_ref()?.charge {
            Charge::Ordered { plan: Some(plan), .. } => Some(&**plan),
            _ => None,
        })
    }

    fn slot_of(&self, pack: PackId) -> Result<usize, CabinetRefusal> {
        let holds = |slot: &Slot| slot.docked.as_ref().is_some_and(|d| d.pack == pack);
        self.slots.iter().position(holds).ok_or(CabinetRefusal::Unknown { pack })
    }

    /// The pack to hand out now, by the swap rule, but for those already promised.
    fn pick(&self, now: Time, promised: &[usize]) -> Option<usize> {
        let candidates =
            self.slots.iter().enumerate().filter(|(index, slot)| {
                !promised.contains(index) && slot.ready_at().is_some_and(|at| at <= now)
            });
        let preference = |slot: &Slot| {
            let docked = slot.docked.as_ref().expect("candidates hold a pack");
            let age_s = now.seconds_since(docked.since);
            match self.model.rule {
                // Within a per cent of charge packs are equals.
                SwapRule::HighestSoc => ((slot.soc_at(now) * 100.0).round(), age_s),
                SwapRule::Oldest => (age_s, 0.0),
                SwapRule::Healthiest => (docked.facts.soh, age_s),
                SwapRule::LeastWorn => (-docked.facts.efc, age_s),
            }
        };
        candidates
            .map(|(index, slot)| (preference(slot), index))
            .max_by(|(a, i), (b, j)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(j.cmp(i)))
            .map(|(_, index)| index)
    }

    fn free_slot(&self, taken: &[usize]) -> Option<usize> {
        self.slots
            .iter()
            .enumerate()
            .find(|(index, slot)| slot.docked.is_none() && !slot.broken && !taken.contains(index))
            .map(|(index, _)| index)
    }
}

/// A pack that is not being charged.
struct Uncharged {
    slot: usize,
    pack: PackId,
    soc: f64,
    /// When it is planned to begin.
    until: Option<Time>,
}

/// What a decision has changed so far, before anything is applied.
#[derive(Default)]
struct Draft {
    events: Events<CabinetEvent>,
    docked: SmallVec<[(usize, PackId, f64); 4]>,
    vacated: SmallVec<[usize; 4]>,
}

impl Cabinet {
    fn swap(&self, draft: &mut Draft, now: Time, waiting: Waiting) -> bool {
        let taken: SmallVec<[usize; 4]> = draft.docked.iter().map(|d| d.0).collect();
        let (Some(into), Some(from)) = (self.free_slot(&taken), self.pick(now, &draft.vacated)) else {
            return false;
        };
        if self.down {
            return false;
        }
        let docked = self.slots[from].docked.as_ref().expect("a picked slot holds a pack");
        let facts = PackFacts { soc: self.model.return_soc, soh: 1.0, efc: 0.0 };
        draft.events.push(CabinetEvent::Docked { at: now, slot: into, pack: waiting.pack, facts });
        draft.events.push(CabinetEvent::Given {
            at: now,
            slot: from,
            pack: docked.pack,
            rider: waiting.rider,
            returned: waiting.pack,
            waited_s: now.seconds_since(waiting.since),
            soc: self.slots[from].soc_at(now),
            cut_short: self.slots[from].drawing_w(now).is_some(),
        });
        draft.docked.push((into, waiting.pack, facts.soc));
        draft.vacated.push(from);
        true
    }

    /// Serves the queue as far as packs and slots go.
    fn serve(&self, draft: &mut Draft, now: Time) {
        for waiting in &self.queue {
            if !self.swap(draft, now, *waiting) {
                break;
            }
        }
    }

    /// Orders, puts off and re-sizes charges for the slots as they will be after the draft.
    fn order_charges(&self, draft: &mut Draft, now: Time, queue: usize) {
        let mut charging: SmallVec<[(usize, PackId, f64); 16]> = SmallVec::new();
        let mut waiting: SmallVec<[Uncharged; 16]> = SmallVec::new();
        let mut ready = 0;
        for (index, slot) in self.slots.iter().enumerate() {
            if draft.vacated.contains(&index) || slot.broken {
                continue;
            }
            let Some(docked) = &slot.docked else { continue };
            if slot.ready_at().is_some_and(|at| at <= now) {
                ready += 1;
            }
            if slot.charger_broken || self.down {
                continue;
            }
            match (&docked.charge, slot.drawing_w(now)) {
                (_, Some(power_w)) => charging.push((index, docked.pack, power_w)),
                (Charge::Hindered(until), _) if *until <= now => {
                    waiting.push(Uncharged {
                        slot: index,
                        pack: docked.pack,
                        soc: docked.facts.soc,
                        until: None,
                    });
                }
                (Charge::Waiting(until), _) => {
                    let soc = docked.facts.soc;
                    waiting.push(Uncharged { slot: index, pack: docked.pack, soc, until: *until });
                }
                _ => {}
            }
        }
        if self.down {
            return;
        }
        for (index, pack, soc) in &draft.docked {
            if !self.slots[*index].charger_broken {
                waiting.push(Uncharged { slot: *index, pack: *pack, soc: *soc, until: None });
            }
        }
        let model = &self.model;
        let stock = Stock { ready, charging: charging.len(), queue };
        // The fullest first: it is ready soonest.
        waiting.sort_by(|a, b| b.soc.total_cmp(&a.soc).then(a.slot.cmp(&b.slot)));
        let mut started: SmallVec<[(usize, PackId); 8]> = SmallVec::new();
        for Uncharged { slot, pack, soc, until } in waiting {
            let missing_wh = (model.target_soc - soc).max(0.0) * model.pack_wh;
            let stock = Stock { charging: stock.charging + started.len(), ..stock };
            let hours = missing_wh / model.policy.power_w(model.charger_w);
            match model.policy.begin(now, hours, stock, until, &model.supply) {
                begin if begin <= now => started.push((slot, pack)),
                begin if until == Some(begin) => {}
                begin => draft.events.push(CabinetEvent::Deferred { at: now, slot, until: begin }),
            }
        }
        self.share_power(draft, now, &charging, &started);
    }

    /// Shares the connection in the order of arrival: who charges keeps its power, and what is left tops up those
    /// who have less than the charger could give, the longest-charging first, then goes to those who begin. A
    /// charge that would get next to nothing waits until somebody ends.
    fn share_power(
        &self,
        draft: &mut Draft,
        now: Time,
        charging: &[(usize, PackId, f64)],
        started: &[(usize, PackId)],
    ) {
        let model = &self.model;
        let full_w = model.policy.power_w(model.charger_w);
        let drawn_w = |power_w: f64| power_w / model.supply.efficiency_at(power_w);
        let drawing_w: f64 = charging.iter().map(|(_, _, power_w)| drawn_w(*power_w)).sum();
        let mut left_w = model.supply.site_power_w - model.supply.standby_w - drawing_w;
        let mut throttled: SmallVec<[&(usize, PackId, f64); 4]> =
            charging.iter().filter(|(_, _, power_w)| *power_w < 0.98 * full_w).collect();
        throttled.sort_by_key(|(slot, _, _)| (self.slots[*slot].docked.as_ref().map(|d| d.since), *slot));
        for (slot, pack, has_w) in throttled.into_iter().copied() {
            let power_w = model.supply.power_from(left_w + drawn_w(has_w), full_w);
            // Every change makes a new plan; a hundredth more is not worth one.
            if power_w > 1.02 * has_w {
                left_w -= drawn_w(power_w) - drawn_w(has_w);
                draft.events.push(CabinetEvent::ChargeOrdered { at: now, slot, pack, power_w });
            }
        }
        for (slot, pack) in started.iter().copied() {
            let power_w = model.supply.power_from(left_w, full_w);
            if power_w >= LEAST_SHARE * full_w {
                left_w -= drawn_w(power_w);
                draft.events.push(CabinetEvent::ChargeOrdered { at: now, slot, pack, power_w });
            }
        }
    }

    fn wake_at(&self) -> Option<Time> {
        if self.down {
            return None;
        }
        let full_w = self.model.policy.power_w(self.model.charger_w);
        let unpowered = |slot: &Slot| {
            let works = !slot.broken && !slot.charger_broken;
            works
                && slot.docked.as_ref().is_some_and(|docked| match docked.charge {
                    Charge::Waiting(until) => until.is_none_or(|at| at <= self.at),
                    _ => false,
                })
        };
        let throttled = |slot: &Slot| slot.drawing_w(self.at).is_some_and(|w| w < 0.98 * full_w);
        let constrained = self.slots.iter().any(|slot| throttled(slot) || unpowered(slot));
        let times = self.slots.iter().filter_map(|slot| {
            let docked = slot.docked.as_ref()?;
            match &docked.charge {
                Charge::Waiting(until) => *until,
                Charge::Hindered(until) => Some(*until),
                Charge::Ordered { plan: Some(plan), .. } if constrained => Some(plan.ends),
                _ => None,
            }
        });
        let next_ready =
            self.slots.iter().filter(|_| !self.queue.is_empty()).filter_map(|slot| slot.ready_at());
        times.chain(next_ready).filter(|t| *t > self.at).min()
    }
}

impl Twin for Cabinet {
    type Command = CabinetCommand;
    type Event = CabinetEvent;
    type Refusal = CabinetRefusal;
    type View = CabinetView;

    fn decide(
        &self,
        command: &CabinetCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<CabinetEvent>, CabinetRefusal> {
        let now = moment.now;
        let mut draft = Draft::default();
        let mut queue = self.queue.len();
        match command {
            CabinetCommand::Stock { pack, facts } => {
                self.check_absent(*pack)?;
                let slot = self.free_slot(&[]).ok_or(CabinetRefusal::Full { pack: *pack })?;
                draft.events.push(CabinetEvent::Docked { at: now, slot, pack: *pack, facts: *facts });
                draft.docked.push((slot, *pack, facts.soc));
            }
            CabinetCommand::Report { pack, facts, plan } => {
                let slot = self.slot_of(*pack)?;
                let plan = plan.clone();
                draft.events.push(CabinetEvent::Reported { at: now, slot, facts: *facts, plan });
                return Ok(draft.events);
            }
            CabinetCommand::Settle { plan } => {
                draft.events.push(CabinetEvent::Settled { at: now, plan: plan.clone() });
                return Ok(draft.events);
            }
            CabinetCommand::Arrive { rider, pack } => {
                self.check_absent(*pack)?;
                if self.queue.iter().any(|waiting| waiting.rider == *rider) {
                    return Err(CabinetRefusal::AlreadyWaiting { rider: *rider });
                }
                self.serve(&mut draft, now);
                let waiting = Waiting { rider: *rider, pack: *pack, since: now };
                let first_in_line = draft.vacated.len() == self.queue.len();
                if !(first_in_line && self.swap(&mut draft, now, waiting)) {
                    draft.events.push(CabinetEvent::Queued { at: now, rider: *rider, pack: *pack });
                    queue += 1;
                }
            }
            CabinetCommand::GiveUp { rider } => {
                self.serve(&mut draft, now);
                let position = self.queue.iter().position(|w| w.rider == *rider);
                if let Some(position) = position.filter(|p| *p >= draft.vacated.len()) {
                    let waited_s = now.seconds_since(self.queue[position].since);
                    draft.events.push(CabinetEvent::WalkedAway { at: now, rider: *rider, waited_s });
                    queue -= 1;
                }
            }
            CabinetCommand::Remove { pack } => {
                let slot = self.slot_of(*pack)?;
                draft.events.push(CabinetEvent::Removed { at: now, slot, pack: *pack });
                draft.vacated.push(slot);
            }
            CabinetCommand::Wake => self.serve(&mut draft, now),
            CabinetCommand::Break(part) => {
                self.check(*part)?;
                for (index, slot) in self.slots.iter().enumerate() {
                    let hit = match part {
                        Part::Slot(broken) | Part::Charger(broken) => *broken == index,
                        Part::Cabinet => true,
                    };
                    if let Some(docked) = slot.docked.as_ref().filter(|_| hit)
                        && slot.drawing_w(now).is_some()
                    {
                        let pack = docked.pack;
                        draft.events.push(CabinetEvent::ChargeStopped { at: now, slot: index, pack });
                    }
                }
                draft.events.push(CabinetEvent::Broke { at: now, part: *part });
                return Ok(draft.events);
            }
            CabinetCommand::Repair(part) => {
                self.check(*part)?;
                draft.events.push(CabinetEvent::Repaired { at: now, part: *part });
                return Ok(draft.events);
            }
        }
        let served = draft.vacated.len().min(self.queue.len());
        self.order_charges(&mut draft, now, queue.saturating_sub(served));
        if draft.events.is_empty() {
            draft.events.push(CabinetEvent::Passed { at: now });
        }
        Ok(draft.events)
    }

    fn apply(&mut self, event: &CabinetEvent) {
        match event {
            CabinetEvent::Docked { at, slot, pack, facts } => {
                self.pass_time(*at);
                self.slots[*slot].docked = Some(Docked::new(*pack, *at, *facts, self.model.ready_soc));
            }
            CabinetEvent::Reported { at, slot, facts, plan } => {
                self.pass_time(*at);
                if let Some(docked) = &mut self.slots[*slot].docked {
                    docked.facts = *facts;
                    let charge = match (docked.charge.clone(), plan) {
                        (Charge::Ordered { power_w, hour, .. }, Some(plan)) => {
                            self.next_end = self.next_end.min(plan.ends);
                            Charge::Ordered { power_w, hour, plan: Some(plan.clone()) }
                        }
                        (charge, _) => charge,
                    };
                    docked.set_charge(charge, self.model.ready_soc);
                }
                self.pass_time(*at);
            }
            CabinetEvent::ChargeOrdered { at, slot, power_w, .. } => {
                self.pass_time(*at);
                self.cut(*slot);
                if let Some(docked) = &mut self.slots[*slot].docked {
                    let charge = Charge::Ordered { power_w: *power_w, hour: at.hour_index(), plan: None };
                    docked.set_charge(charge, self.model.ready_soc);
                }
            }
            CabinetEvent::ChargeStopped { at, slot, .. } => {
                self.pass_time(*at);
                self.cut(*slot);
                if let Some(docked) = &mut self.slots[*slot].docked {
                    docked.set_charge(Charge::Waiting(None), self.model.ready_soc);
                }
            }
            CabinetEvent::Deferred { at, slot, until } => {
                self.pass_time(*at);
                if let Some(docked) = &mut self.slots[*slot].docked {
                    docked.set_charge(Charge::Waiting(Some(*until)), self.model.ready_soc);
                }
            }
            CabinetEvent::Given { at, slot, rider, .. } => {
                self.pass_time(*at);
                self.cut(*slot);
                self.slots[*slot].docked = None;
                self.queue.retain(|waiting| waiting.rider != *rider);
            }
            CabinetEvent::Removed { at, slot, .. } => {
                self.pass_time(*at);
                self.cut(*slot);
                self.slots[*slot].docked = None;
            }
            CabinetEvent::Settled { at, plan } => {
                let hour = plan.begins.hour_index();
                if let Some(index) = self.unsettled.iter().position(|h| *h == hour) {
                    self.unsettled.swap_remove(index);
                }
                self.meter.settle(plan, &self.model.supply);
                self.pass_time(*at);
            }
            CabinetEvent::Queued { at, rider, pack } => {
                self.pass_time(*at);
                self.queue.push_back(Waiting { rider: *rider, pack: *pack, since: *at });
            }
            CabinetEvent::WalkedAway { at, rider, .. } => {
                self.pass_time(*at);
                self.queue.retain(|waiting| waiting.rider != *rider);
            }
            CabinetEvent::Broke { at, part } => self.set_broken(*at, *part, true),
            CabinetEvent::Repaired { at, part } => self.set_broken(*at, *part, false),
            CabinetEvent::Passed { at } => self.pass_time(*at),
        }
    }

    fn view(&self, now: Time) -> CabinetView {
        let ready = self.slots.iter().filter(|s| s.ready_at().is_some_and(|at| at <= now));
        CabinetView {
            wake_at: self.wake_at(),
            ready: ready.count() as u32,
            docked: self.slots.iter().filter(|s| s.docked.is_some()).count() as u32,
            free: self.slots.iter().filter(|s| s.docked.is_none() && !s.broken).count() as u32,
            queue: self.queue.len() as u32,
        }
    }
}

impl Cabinet {
    fn check_absent(&self, pack: PackId) -> Result<(), CabinetRefusal> {
        let waits = self.queue.iter().any(|waiting| waiting.pack == pack);
        if waits || self.slot_of(pack).is_ok() { Err(CabinetRefusal::AlreadyHere { pack }) } else { Ok(()) }
    }

    fn check(&self, part: Part) -> Result<(), CabinetRefusal> {
        match part {
            Part::Slot(slot) | Part::Charger(slot) if slot >= self.slots.len() => {
                Err(CabinetRefusal::NoSuchSlot { slot, last: self.slots.len() - 1 })
            }
            _ => Ok(()),
        }
    }

    fn set_broken(&mut self, at: Time, part: Part, broken: bool) {
        self.pass_time(at);
        match part {
            Part::Slot(slot) => self.slots[slot].broken = broken,
            Part::Charger(slot) => self.slots[slot].charger_broken = broken,
            Part::Cabinet => self.down = broken,
        }
    }

    /// Forgets the slot's charge, which is cut short: its pack settles it.
    fn cut(&mut self, slot: usize) {
        if let Some(Docked { charge: Charge::Ordered { plan: Some(plan), .. }, .. }) =
            &self.slots[slot].docked
        {
            self.unsettled.push(plan.begins.hour_index());
        }
    }

    /// Books the charges that have ended and closes the hours that nothing reaches back into.
    fn pass_time(&mut self, to: Time) {
        self.at = self.at.max(to);
        let hour = self.at.hour_index();
        if self.at < self.next_end && hour == self.looked_hour {
            return;
        }
        self.looked_hour = hour;
        let mut oldest = hour;
        let mut next_end = Time(i64::MAX);
        for slot in &mut self.slots {
            let Some(docked) = &mut slot.docked else { continue };
            match &docked.charge {
                Charge::Ordered { plan: Some(plan), .. } if plan.ends <= self.at => {
                    self.meter.settle(plan, &self.model.supply);
                    docked.facts.soc = plan.soc_end;
                    let ready_soc = self.model.ready_soc;
                    let charge = if plan.complete || plan.soc_end >= ready_soc - READY_TOLERANCE {
                        Charge::Done
                    } else {
                        Charge::Hindered(plan.ends + HOUR_MS)
                    };
                    docked.set_charge(charge, ready_soc);
                }
                Charge::Ordered { hour, plan, .. } => {
                    oldest = oldest.min(*hour);
                    if let Some(plan) = plan {
                        next_end = next_end.min(plan.ends);
                    }
                }
                _ => {}
            }
        }
        self.next_end = next_end;
        for hour in &self.unsettled {
            oldest = oldest.min(*hour);
        }
        self.meter.close_before(oldest, &self.model.supply);
    }
}
