//! Cabinets of a district: what they are told, what comes of it, and how they fail.

use super::{ANSWERED, Action, Zone, ZonePart};
use crate::engine::cast::Cast;
use crate::engine::tally::{Key, WAIT_BINS};
use crate::scenario::schema::FaultKind;
use host::actor::{Commands, Letter};
use rand_distr::{Distribution, Exp1};
use twin::battery::Leg;
use twin::battery::integrate::Duty;
use twin::cabinet::{Cabinet, CabinetCommand, CabinetEvent, Part};
use twin::rng::Seed;
use twin::time::Time;
use twin::twin::{Moment, Twin};

/// A cabinet as its zone knows it.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) key: Key,
    /// What the cabinet has not been told yet.
    pub(super) pending: Commands<CabinetCommand>,
    /// When it is to be woken.
    pub(super) wake_at: Option<Time>,
    pub(super) popularity: f64,
}

impl Station {
    /// Makes a copy of the cabinet as it is at `now`, by all that its packs have reported.
    fn reading(&self, now: Time, seed: Seed) -> impl FnOnce(&Cabinet) -> Cabinet + Send + use<> {
        let pending = self.pending.clone();
        move |cabinet| {
            let mut copy = cabinet.clone();
            for command in &pending {
                let moment = Moment { now, seed, entity: "reading", revision: 0 };
                if let Ok(events) = copy.decide(command, &moment) {
                    events.iter().for_each(|event| copy.apply(event));
                }
            }
            copy
        }
    }
}

impl<C: Cast> Zone<C> {
    /// Tells a cabinet what it does not know yet, and then the command; acts on what comes of it.
    pub(super) async fn tell_station(&mut self, station: u32, command: Option<CabinetCommand>) {
        let mut next = command;
        loop {
            let known = &mut self.stations[station as usize];
            if known.pending.is_empty() && next.is_none() {
                return;
            }
            let mut letter = self.to_cabinets.take().unwrap_or_else(|| Box::new(Letter::new(self.now)));
            letter.now = self.now;
            letter.commands.append(&mut known.pending);
            letter.commands.extend(next.take());
            let letter = self.cast.tell_cabinet(station, letter).await;
            self.overhear(station, &letter.events);
            let view = letter.view.expect(ANSWERED);
            let mut urgent = view.queue > 0;
            for event in &letter.events {
                urgent |= self.on_cabinet_event(station, event).await;
            }
            self.to_cabinets = Some(letter);
            let known = &mut self.stations[station as usize];
            if let Some(at) = view.wake_at
                && known.wake_at.is_none_or(|set| at < set || set <= self.now)
            {
                known.wake_at = Some(at);
                self.agenda.add(at, Action::Wake { station });
            }
            // A cabinet that waits for its packs' plans hears of them at once.
            if !urgent || self.stations[station as usize].pending.is_empty() {
                return;
            }
            next = Some(CabinetCommand::Wake);
        }
    }

    /// Acts on an event; true when the cabinet should hear at once what its packs report.
    async fn on_cabinet_event(&mut self, station: u32, event: &CabinetEvent) -> bool {
        let ZonePart::District { network, .. } = self.part else { return false };
        let network_model = &self.model.networks[network];
        let shift_c = network_model.file.cabinets.ambient_shift_c;
        match event {
            CabinetEvent::Docked { at, pack, .. } => {
                self.seat_of(*pack).untold.push(Leg { at: *at, duty: Duty::Rest, ambient_shift_c: shift_c });
                false
            }
            CabinetEvent::ChargeOrdered { at, pack, power_w, .. } => {
                let cabinet = &network_model.cabinet;
                let full_w = cabinet.policy.power_w(cabinet.charger_w);
                let duty = Duty::Charge {
                    power_max_w: *power_w,
                    current_max_a: cabinet.current_max_a.min(1e9),
                    target_soc: cabinet.target_soc,
                };
                let replaced =
                    self.order(station, *pack, Leg { at: *at, duty, ambient_shift_c: shift_c }).await;
                replaced || *power_w < 0.98 * full_w
            }
            CabinetEvent::ChargeStopped { at, pack, .. } => {
                self.order(station, *pack, Leg { at: *at, duty: Duty::Rest, ambient_shift_c: shift_c }).await;
                false
            }
            CabinetEvent::Given { at, pack, rider, waited_s, soc, cut_short, .. } => {
                // What it has reported of a charge ordered in the same letter is of no use any more.
                self.stations[station as usize].pending.retain(
                    |command| !matches!(command, CabinetCommand::Report { pack: of, .. } if of == pack),
                );
                if *cut_short {
                    self.order(station, *pack, Leg { at: *at, duty: Duty::Rest, ambient_shift_c: shift_c })
                        .await;
                }
                self.count_swap(station, *at, *waited_s, *pack);
                self.needs[*rider as usize] += 1;
                let known = self.riders[*rider as usize].as_mut().expect("served riders are here");
                known.pack = *pack;
                known.attempts = 0;
                self.ride_out(network, *rider, *soc);
                false
            }
            CabinetEvent::Queued { rider, .. } => {
                self.needs[*rider as usize] += 1;
                let need = self.needs[*rider as usize];
                let known = self.riders[*rider as usize].as_mut().expect("waiting riders are here");
                let patience: f64 = Exp1.sample(&mut known.stream);
                let at = self.now.plus_seconds(patience * network_model.file.riders.patience_min * 60.0);
                self.agenda.add(at, Action::GiveUp { rider: *rider, station, need });
                true
            }
            CabinetEvent::WalkedAway { rider, waited_s, .. } => {
                self.walk_away(network, station, *rider, *waited_s);
                false
            }
            CabinetEvent::Broke { at, part } => {
                self.note(*at, "fault", self.stations[station as usize].key, None, part_figure(*part));
                false
            }
            CabinetEvent::Repaired { at, part } => {
                self.note(*at, "repair", self.stations[station as usize].key, None, part_figure(*part));
                false
            }
            CabinetEvent::Reported { .. }
            | CabinetEvent::Deferred { .. }
            | CabinetEvent::Removed { .. }
            | CabinetEvent::Settled { .. }
            | CabinetEvent::Passed { .. } => false,
        }
    }

    /// A copy of a cabinet that has heard what its packs have reported.
    pub(super) async fn cabinet_now(&mut self, station: u32) -> Cabinet {
        let reading = self.stations[station as usize].reading(self.now, self.seed);
        self.cast.look_cabinet(station, reading).await
    }

    /// Has a part of a cabinet repaired, and the cabinet look what it can do now.
    pub(super) async fn mend(&mut self, station: u32, part: Part) {
        self.tell_station(station, Some(CabinetCommand::Repair(part))).await;
        self.tell_station(station, Some(CabinetCommand::Wake)).await;
    }

    fn count_swap(&mut self, station: u32, at: Time, waited_s: f64, given: u32) {
        self.sums.swaps += 1.0;
        self.sums.waited_s += waited_s;
        let bin = if waited_s > 0.0 { (1 + (waited_s / 60.0) as usize).min(WAIT_BINS - 1) } else { 0 };
        self.sums.waits[bin] += 1.0;
        self.sums.by_hour[self.model.local.hour_of_day(at)] += 1.0;
        if self.model.swap_events {
            // The row is the cabinet's; whom it gave is the other. The returned pack tells its own story.
            let given = self.seat_of(given).key;
            let key = self.stations[station as usize].key;
            self.note(at, "swap", key, Some(given), waited_s);
        }
    }

    /// Plans the first failures of a district's cabinets.
    pub(super) async fn set_up_faults(&mut self, network: usize, cabinets: std::ops::Range<u32>) {
        let model = self.model.clone();
        let file = &model.networks[network].file;
        for (index, fault) in model.faults.iter().enumerate().filter(|(_, f)| f.network == file.name) {
            for (station, number) in cabinets.clone().enumerate() {
                if fault.cabinet.is_some_and(|only| only != number + 1) {
                    continue;
                }
                let parts: Vec<Part> = match fault.kind {
                    FaultKind::Cabinet => vec![Part::Cabinet],
                    FaultKind::Slot => (0..file.cabinets.slots as usize).map(Part::Slot).collect(),
                    FaultKind::Charger => (0..file.cabinets.slots as usize).map(Part::Charger).collect(),
                };
                // One that happens at a given time hits the first piece.
                let hit = if fault.at_day.is_some() { &parts[..1] } else { &parts[..] };
                for part in hit {
                    let (station, fault) = (station as u32, index as u32);
                    if let Some(at) = self.next_failure(self.now, fault, station, *part) {
                        self.agenda.add(at, Action::Break { station, fault, part: *part });
                    }
                }
            }
        }
    }

    /// When a part fails next by a fault, from a moment on: once, if the fault names its day and that is still to come.
    pub(super) fn next_failure(&mut self, from: Time, fault: u32, station: u32, part: Part) -> Option<Time> {
        let file = &self.model.faults[fault as usize];
        let Some(mean) = file.mean_days_between else {
            let at = self.model.start.plus_seconds(file.at_day? * 86_400.0);
            return (at >= from).then_some(at);
        };
        let entity = format!("fault-{fault}/{:?}/{part:?}", self.stations[station as usize].key);
        let mut stream = self.seed.stream(&entity, "failure", from.0 as u64);
        let wait: f64 = Exp1.sample(&mut stream);
        Some(from.plus_seconds(wait * mean * 86_400.0))
    }
}

/// Which part an event is about: 0 for the whole cabinet, slots and chargers from 1.
fn part_figure(part: Part) -> f64 {
    match part {
        Part::Cabinet => 0.0,
        Part::Slot(slot) | Part::Charger(slot) => (slot + 1) as f64,
    }
}
