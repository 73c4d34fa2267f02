//! What is let happen to twins of a zone on purpose.

use super::packs::Seat;
use super::{Action, Zone};
use crate::engine::cast::Cast;
use crate::engine::duty;
use crate::engine::merge;
use crate::engine::session::{BrokenPart, InjectError, Injection};
use crate::engine::zone::ZonePart;
use twin::battery::Leg;
use twin::battery::integrate::Duty;
use twin::cabinet::{CabinetCommand, Part};
use twin::time::DAY_MS;

impl<C: Cast> Zone<C> {
    /// Lets it happen as of now; false where the twin is not here.
    pub(in crate::engine) async fn inject(&mut self, injection: &Injection) -> Result<bool, InjectError> {
        match injection {
            Injection::Break { cabinet, part, repair_h } => {
                let called = |key| merge::name(&self.model, key).id == *cabinet;
                let Some(station) = self.stations.iter().position(|station| called(station.key)) else {
                    return Ok(false);
                };
                self.do_what_is_due().await;
                let ZonePart::District { network, .. } = self.part else { return Ok(false) };
                let slots = self.model.networks[network].file.cabinets.slots;
                let part = match *part {
                    BrokenPart::Cabinet => Part::Cabinet,
                    BrokenPart::Slot(slot) => Part::Slot(place_of(slot, slots)?),
                    BrokenPart::Charger(slot) => Part::Charger(place_of(slot, slots)?),
                };
                let station = station as u32;
                self.tell_station(station, Some(CabinetCommand::Break(part))).await;
                let at = self.now.plus_seconds(repair_h * 3600.0);
                self.agenda.add(at, Action::Mend { station, part });
                Ok(true)
            }
            Injection::Load { pack, power_w, duration_s, warmer_c } => {
                if self.place_of_pack(pack).is_none() {
                    return Ok(false);
                }
                let ZonePart::Packs { group, .. } = self.part else {
                    return Err(InjectError::Unsuited {
                        name: pack.clone(),
                        why: "a pack of a network does as its rider and its cabinet do",
                    });
                };
                self.do_what_is_due().await;
                // It may just have come to the end of its life.
                let Some(place) = self.place_of_pack(pack) else { return Ok(false) };
                let name = self.seat_of(place as u32).name.clone();
                let legs = self.loaded(group, &name, *power_w, *duration_s, *warmer_c);
                self.seat_of(place as u32).untold.extend(legs);
                self.bring_up_to_date(place as u32).await;
                Ok(true)
            }
        }
    }

    fn place_of_pack(&self, pack: &str) -> Option<usize> {
        let is_it = |seat: &Option<Seat>| {
            seat.as_ref().is_some_and(|seat| merge::name(&self.model, seat.key).id == pack)
        };
        self.seats.iter().position(is_it)
    }

    /// What is due at this very instant comes first, whatever is injected.
    async fn do_what_is_due(&mut self) {
        let now = self.now;
        self.run_until(now + 1).await;
        self.now = now;
    }

    /// A load from now on, and then the rest of the day's duty.
    fn loaded(&self, group: usize, name: &str, power_w: f64, duration_s: f64, warmer_c: f64) -> Vec<Leg> {
        let group_model = &self.model.groups[group];
        let kind = &self.model.kinds[group_model.kind];
        // Days begin at the hour at which the run began.
        let day = (self.now - self.model.start).div_euclid(DAY_MS);
        let midnight = self.model.start + day * DAY_MS;
        let stream = || self.seed.stream(name, "day", day as u64);
        let duties = duty::day(group_model, kind, midnight, day as u64, stream);
        let shift_c = group_model.ambient.shift_c;
        let duty = Duty::Power { power_w, ripple: 0.0 };
        let mut legs = vec![Leg { at: self.now, duty, ambient_shift_c: shift_c + warmer_c }];
        let end = self.now.plus_seconds(duration_s).min(midnight + DAY_MS);
        let after = duties.iter().rev().find(|leg| leg.at <= end).map_or(Duty::Rest, |leg| leg.duty);
        legs.push(Leg { at: end, duty: after, ambient_shift_c: shift_c });
        legs.extend(duties.into_iter().filter(|leg| leg.at > end));
        legs
    }
}

/// The place of a slot that is counted from 1.
fn place_of(slot: u32, slots: u32) -> Result<usize, InjectError> {
    match slot {
        1.. if slot <= slots => Ok(slot as usize - 1),
        _ => Err(InjectError::Value { field: "slot", why: format!("{slot} is not between 1 and {slots}") }),
    }
}
