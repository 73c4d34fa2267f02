//! What a cabinet decides: who gets which pack, which charges begin, and with how much power.

use super::policy::Stock;
use super::slot::{Charge, Docked, Waiting};
use super::{Cabinet, CabinetEvent, PackFacts, PackId};
use crate::time::Time;
use crate::twin::Events;
use smallvec::SmallVec;

/// A charge begins when it can have this share of the charger's power. assumed: below, a charger is not worth
/// switching on.
const LEAST_SHARE: f64 = 0.1;

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
pub(super) struct Draft {
    pub(super) events: Events<CabinetEvent>,
    pub(super) docked: SmallVec<[(usize, PackId, f64); 4]>,
    pub(super) vacated: SmallVec<[usize; 4]>,
}

impl Cabinet {
    pub(super) fn swap(&self, draft: &mut Draft, now: Time, waiting: Waiting) -> bool {
        let is_taken = |slot| draft.docked.iter().any(|(taken, ..)| *taken == slot);
        let (Some(into), Some(from)) = (self.free_slot(is_taken), self.pick(now, &draft.vacated)) else {
            return false;
        };
        if self.down() {
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

    /// Serves the queue as far as packs and slots go; tells how many were served.
    pub(super) fn serve(&self, draft: &mut Draft, now: Time) -> usize {
        self.queue.iter().take_while(|waiting| self.swap(draft, now, **waiting)).count()
    }

    /// Orders, puts off and re-sizes charges for the slots as they will be after the draft.
    pub(super) fn order_charges(&self, draft: &mut Draft, now: Time, queue: usize) {
        if self.down() {
            return;
        }
        let mut charging: SmallVec<[(usize, PackId, f64); 16]> = SmallVec::new();
        let mut waiting: SmallVec<[Uncharged; 16]> = SmallVec::new();
        let mut ready = 0;
        let vacated = draft.vacated.as_slice();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(docked) = &slot.docked else { continue };
            if slot.broken() || vacated.contains(&index) {
                continue;
            }
            if docked.ready_at.is_some_and(|at| at <= now) {
                ready += 1;
            }
            if slot.charger_broken() {
                continue;
            }
            let Docked { pack, facts: PackFacts { soc, .. }, .. } = *docked;
            match docked.charge {
                Charge::Ordered { power_w, ends, .. } if ends > now => charging.push((index, pack, power_w)),
                Charge::Hindered(until) if until <= now => {
                    waiting.push(Uncharged { slot: index, pack, soc, until: None });
                }
                Charge::Waiting(until) => waiting.push(Uncharged { slot: index, pack, soc, until }),
                _ => {}
            }
        }
        for (index, pack, soc) in &draft.docked {
            if !self.slots[*index].charger_broken() {
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
}
