//! Packs of a zone: where they are seated, what they are told, and who takes the place of a worn one.

use super::{ANSWERED, Action, Zone, ZonePart};
use crate::engine::cast::Cast;
use crate::engine::duty;
use crate::engine::tally::Key;
use crate::engine::transfer::{self, Content, Retired};
use host::actor::{Letter, Shell};
use std::sync::Arc;
use twin::battery::integrate::{Duty, Stepping};
use twin::battery::{Battery, BatteryEvent, BatteryView, Follow, Leg};
use twin::cabinet::{CabinetCommand, PackFacts};
use twin::forcing::Ambient;
use twin::time::{DAY_MS, Time};
use twin::twin::Twin;

/// A pack as its zone knows it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) key: Key,
    pub(super) kind: usize,
    pub(super) name: Arc<str>,
    /// Legs that the pack has not been told of.
    pub(super) untold: Vec<Leg>,
    pub(super) facts: PackFacts,
    /// When it entered service.
    pub(super) since: Time,
}

impl Seat {
    /// What the pack has not been told, which it will be now.
    fn take_untold(&mut self) -> Arc<[Leg]> {
        let legs = Arc::from(self.untold.as_slice());
        self.untold.clear();
        legs
    }

    /// Makes a copy of the pack as it is at `now`, by all that it is to do.
    pub(super) fn reading(&self, now: Time) -> impl FnOnce(&Battery) -> Battery + Send + use<> {
        let untold = BatteryEvent::DutiesSet(self.untold.as_slice().into());
        move |battery| {
            let mut copy = battery.clone();
            copy.apply(&untold);
            copy.catch_up(now);
            copy
        }
    }
}

impl<C: Cast> Zone<C> {
    /// Makes a new pack and seats it; returns its place.
    pub(super) fn add_pack(
        &mut self,
        key: Key,
        kind: usize,
        name: String,
        ambient: Ambient,
        soc: f64,
    ) -> u32 {
        let pack = self.model.kinds[kind].draw(&name, self.seed);
        let battery = Battery::new(pack, ambient, self.now, soc, Stepping::default());
        let name: Arc<str> = name.into();
        let shell = Shell::new(battery, name.clone(), self.seed);
        let facts = PackFacts { soc, soh: 1.0, efc: 0.0 };
        self.seat(Seat { key, kind, name, untold: Vec::new(), facts, since: self.now }, shell)
    }

    /// Gives a pack a place, which may have been that of one that is gone, and returns it.
    pub(super) fn seat(&mut self, seat: Seat, shell: Shell<Battery>) -> u32 {
        let place = self.cast.add_battery(shell);
        if self.seats.len() <= place as usize {
            self.seats.resize_with(place as usize + 1, || None);
        }
        self.seats[place as usize] = Some(seat);
        place
    }

    pub(super) fn seat_of(&mut self, pack: u32) -> &mut Seat {
        self.seats[pack as usize].as_mut().expect("packs that are spoken of are seated")
    }

    /// Brings a pack up to date, puts it under a new duty, and keeps what it reports for its cabinet. True when
    /// the pack was at the end of its life and replaced.
    pub(super) async fn order(&mut self, station: u32, pack: u32, leg: Leg) -> bool {
        let seat = self.seat_of(pack);
        seat.untold.push(leg);
        let view = self.bring_up_to_date(pack).await;
        if let Some(plan) = view.cut_short {
            self.stations[station as usize].pending.push(CabinetCommand::Settle { plan });
        }
        let seat = self.seat_of(pack);
        let (facts, since, kind) = (seat.facts, seat.since, seat.kind);
        if let Duty::Charge { .. } = leg.duty {
            // What is worn when it is made stays at least until it is charged again.
            if facts.soh < self.model.kinds[kind].end_of_life_soh && since < self.now {
                self.replace(station, pack).await;
                return true;
            }
            let plan = view.charge;
            self.stations[station as usize].pending.push(CabinetCommand::Report { pack, facts, plan });
        }
        false
    }

    /// Tells a pack its untold legs up to now.
    pub(super) async fn bring_up_to_date(&mut self, pack: u32) -> BatteryView {
        let legs = self.seat_of(pack).take_untold();
        let mut letter = self.to_packs.take().unwrap_or_else(|| Box::new(Letter::new(self.now)));
        letter.now = self.now;
        letter.commands.push(Follow { legs, catch_up: true });
        let mut letter = self.cast.tell_battery(pack, letter).await;
        let view = letter.view.take().expect(ANSWERED);
        self.to_packs = Some(letter);
        self.seat_of(pack).facts = PackFacts { soc: view.soc, soh: view.soh, efc: view.efc };
        view
    }

    /// Takes a worn pack out of its cabinet and puts a new one in.
    async fn replace(&mut self, station: u32, pack: u32) {
        let fresh = self.successor(pack).await;
        let facts = self.seat_of(fresh).facts;
        let pending = &mut self.stations[station as usize].pending;
        pending.push(CabinetCommand::Remove { pack });
        pending.push(CabinetCommand::Stock { pack: fresh, facts });
        let ZonePart::District { network, .. } = self.part else { return };
        let ambient_shift_c = self.model.networks[network].file.cabinets.ambient_shift_c;
        let at = self.now;
        self.seat_of(fresh).untold.push(Leg { at, duty: Duty::Rest, ambient_shift_c });
    }

    /// Retires a pack and returns the place of its successor.
    async fn successor(&mut self, pack: u32) -> u32 {
        let shell = self.cast.take_battery(pack).await;
        let seat = self.seats[pack as usize].take().expect("a pack that retires is seated");
        self.note(self.now, "end_of_life", seat.key, None, seat.facts.soh);
        let battery = shell.into_twin();
        let ambient = battery.ambient().clone();
        self.finish(&seat, &battery, true);
        self.sums.replacements += 1.0;
        if let Some(chain) = self.retired_to() {
            self.retired.push(Retired {
                chain,
                at: transfer::arrival(&self.model, chain, self.now),
                key: seat.key,
                name: seat.name.clone(),
                since: seat.since,
                what: Content::Pack(Box::new(battery)),
            });
        }
        let (key, name) = seat.key.successor(&seat.name);
        // New packs come half charged, as they are shipped.
        self.add_pack(key, seat.kind, name, ambient, 0.5)
    }

    /// The chain that takes packs which leave service here.
    pub(super) fn retired_to(&self) -> Option<usize> {
        match self.part {
            ZonePart::District { network, .. } => self.model.networks[network].retired_to,
            ZonePart::Packs { group, .. } => self.model.groups[group].retired_to,
        }
    }

    /// Packs that left service for a second life.
    pub fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    /// Puts a pack of a group under its duty for a day.
    pub(super) async fn day(&mut self, pack: u32) {
        let ZonePart::Packs { group, .. } = self.part else { return };
        let model = self.model.clone();
        let group_model = &model.groups[group];
        let kind = &model.kinds[group_model.kind];
        let day = self.now.days_since(model.start).round() as u64;
        let entity = self.seat_of(pack).name.clone();
        let seed = self.seed;
        let legs = duty::day(group_model, kind, self.now, day, || seed.stream(&entity, "day", day));
        self.seat_of(pack).untold.extend(legs);
        self.bring_up_to_date(pack).await;
        let facts = self.seat_of(pack).facts;
        let mut place = pack;
        if facts.soh < kind.end_of_life_soh {
            place = self.successor(pack).await;
        }
        self.agenda.add(self.now + DAY_MS, Action::Day { pack: place });
    }
}
