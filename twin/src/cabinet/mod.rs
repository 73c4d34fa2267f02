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

mod decisions;
pub mod meter;
pub mod policy;
mod slot;
mod words;

pub use slot::{SlotState, SlotView};
pub use words::{CabinetCommand, CabinetEvent, CabinetRefusal, CabinetView, Part};

use crate::battery::ChargePlan;
use crate::time::{HOUR_MS, Time};
use crate::twin::{Events, Moment, Twin};
use decisions::Draft;
use meter::{Meter, Supply};
use policy::Policy;
use slot::{Charge, Docked, NEVER, READY_TOLERANCE, Slot, Waiting};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// A pack, as cabinets and riders call it.
pub type PackId = u32;
/// A rider.
pub type RiderId = u32;

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
/// A cabinet.
#[derive(Debug, Clone)]
pub struct Cabinet {
    model: CabinetModel,
    slots: Box<[Slot]>,
    queue: VecDeque<Waiting>,
    /// Faults of the whole cabinet that are not repaired yet.
    faults: u32,
    meter: Meter,
    /// First hours of charges that were cut short and are not settled yet.
    unsettled: SmallVec<[i64; 4]>,
    /// No plan that is known ends before this.
    next_end: Time,
    /// Hour in which charges that had ended and hours to be closed were last looked for.
    looked_hour: i64,
    at: Time,
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
            faults: 0,
            meter,
            unsettled: SmallVec::new(),
            next_end: NEVER,
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

    /// What its slots show at `now`, in their order.
    pub fn slot_views(&self, now: Time) -> impl Iterator<Item = SlotView> {
        let is_down = self.down();
        self.slots.iter().map(move |slot| {
            let view = slot.view(now);
            if is_down { SlotView { state: SlotState::Faulty, power_w: 0.0, ..view } } else { view }
        })
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

    fn free_slot(&self, is_taken: impl Fn(usize) -> bool) -> Option<usize> {
        let is_free =
            |(index, slot): (usize, &Slot)| slot.docked.is_none() && !slot.broken() && !is_taken(index);
        self.slots.iter().enumerate().position(is_free)
    }

    fn wake_at(&self) -> Option<Time> {
        if self.down() {
            return None;
        }
        let full_w = self.model.policy.power_w(self.model.charger_w);
        let somebody_waits = !self.queue.is_empty();
        let to_come = |at: Time| if at > self.at { at } else { NEVER };
        // Some charge could have more power, or begin, if others had less.
        let mut constrained = false;
        let (mut next, mut next_end) = (NEVER, NEVER);
        for slot in &self.slots {
            let Some(docked) = &slot.docked else { continue };
            let works = !slot.broken() && !slot.charger_broken();
            match docked.charge {
                Charge::Waiting(None) => constrained |= works,
                Charge::Waiting(Some(until)) | Charge::Hindered(until) => {
                    constrained |= works && until <= self.at;
                    next = next.min(to_come(until));
                }
                Charge::Ordered { power_w, ends, .. } => {
                    constrained |= ends > self.at && power_w < 0.98 * full_w;
                    next_end = next_end.min(to_come(ends));
                }
                Charge::Done => {}
            }
            if somebody_waits && let Some(at) = slot.ready_at() {
                next = next.min(to_come(at));
            }
        }
        if constrained {
            next = next.min(next_end);
        }
        (next < NEVER).then_some(next)
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
                let slot = self.free_slot(|_| false).ok_or(CabinetRefusal::Full { pack: *pack })?;
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
                queue -= self.serve(&mut draft, now);
                let waiting = Waiting { rider: *rider, pack: *pack, since: now };
                let first_in_line = queue == 0;
                if !(first_in_line && self.swap(&mut draft, now, waiting)) {
                    draft.events.push(CabinetEvent::Queued { at: now, rider: *rider, pack: *pack });
                    queue += 1;
                }
            }
            CabinetCommand::GiveUp { rider } => {
                let served = self.serve(&mut draft, now);
                queue -= served;
                let position = self.queue.iter().position(|w| w.rider == *rider);
                if let Some(position) = position.filter(|p| *p >= served) {
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
            CabinetCommand::Wake => queue -= self.serve(&mut draft, now),
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
        self.order_charges(&mut draft, now, queue);
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
                            Charge::Ordered { power_w, hour, plan: Some(plan.clone()), ends: plan.ends }
                        }
                        (charge, _) => charge,
                    };
                    docked.set_charge(charge, self.model.ready_soc);
                }
                self.pass_time(*at);
            }
            CabinetEvent::ChargeOrdered { at, slot, power_w, .. } => {
                self.pass_time(*at);
                self.interrupt(*slot, *at);
                if let Some(docked) = &mut self.slots[*slot].docked {
                    docked.charging_since.get_or_insert(*at);
                    let (power_w, hour) = (*power_w, at.hour_index());
                    let charge = Charge::Ordered { power_w, hour, plan: None, ends: NEVER };
                    docked.set_charge(charge, self.model.ready_soc);
                }
            }
            CabinetEvent::ChargeStopped { at, slot, .. } => {
                self.pass_time(*at);
                self.interrupt(*slot, *at);
                if let Some(docked) = &mut self.slots[*slot].docked {
                    docked.charging_since = None;
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
                // Ready before its charge was done.
                let given = self.slots[*slot].docked.take();
                if let Some(begun) = given.and_then(|docked| docked.charging_since) {
                    self.meter.count(begun, *at);
                }
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
            CabinetEvent::Broke { at, part } => {
                self.pass_time(*at);
                *self.faults_of(*part) += 1;
            }
            CabinetEvent::Repaired { at, part } => {
                self.pass_time(*at);
                let faults = self.faults_of(*part);
                *faults = faults.saturating_sub(1);
            }
            CabinetEvent::Passed { at } => self.pass_time(*at),
        }
    }

    fn view(&self, now: Time) -> CabinetView {
        let queue = self.queue.len() as u32;
        let mut view = CabinetView { wake_at: self.wake_at(), ready: 0, docked: 0, free: 0, queue };
        for slot in &self.slots {
            if slot.docked.is_some() {
                view.docked += 1;
                view.ready += u32::from(slot.ready_at().is_some_and(|at| at <= now));
            } else if !slot.broken() {
                view.free += 1;
            }
        }
        view
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

    /// Whether it serves nobody and charges nothing.
    fn down(&self) -> bool {
        self.faults > 0
    }

    /// Faults of a part that are not repaired yet. They may overlap: it works again when all are repaired.
    fn faults_of(&mut self, part: Part) -> &mut u32 {
        match part {
            Part::Slot(slot) => &mut self.slots[slot].faults,
            Part::Charger(slot) => &mut self.slots[slot].charger_faults,
            Part::Cabinet => &mut self.faults,
        }
    }

    /// [`Cabinet::cut`], of a pack that stays and is believed to have come as far as its plan says.
    fn interrupt(&mut self, slot: usize, at: Time) {
        self.cut(slot);
        let soc = self.slots[slot].soc_at(at);
        if let Some(docked) = &mut self.slots[slot].docked {
            docked.facts.soc = soc;
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
        let mut next_end = NEVER;
        for slot in &mut self.slots {
            let Some(docked) = &mut slot.docked else { continue };
            match &docked.charge {
                Charge::Ordered { plan: Some(plan), ends, .. } if *ends <= self.at => {
                    self.meter.settle(plan, &self.model.supply);
                    docked.facts.soc = plan.soc_end;
                    let ready_soc = self.model.ready_soc;
                    let charge = if plan.complete || plan.soc_end >= ready_soc - READY_TOLERANCE {
                        if let Some(begun) = docked.charging_since.take() {
                            self.meter.count(begun, plan.ends);
                        }
                        Charge::Done
                    } else {
                        Charge::Hindered(plan.ends + HOUR_MS)
                    };
                    docked.set_charge(charge, ready_soc);
                }
                Charge::Ordered { hour, ends, .. } => {
                    oldest = oldest.min(*hour);
                    next_end = next_end.min(*ends);
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
