//! A district as its devices show it while it runs: cabinets with their slots, packs, swaps.

use super::stations::Station;
use super::{Zone, ZonePart};
use crate::engine::cast::Cast;
use crate::engine::tally::Key;
use twin::battery::{Battery, BatteryView};
use twin::cabinet::{CabinetCommand, CabinetEvent, Part, SlotView};
use twin::time::Time;
use twin::twin::Twin;

/// A cabinet as it stands.
#[derive(Debug, Clone)]
pub struct CabinetShown {
    /// Its network and its number there, from 0.
    pub place: (u32, u32),
    /// Its slots, and what stands in them calls itself.
    pub slots: Vec<(SlotView, Option<String>)>,
    /// Riders who wait.
    pub queue: u32,
    /// Drawn from the grid and the sun so far [Wh].
    pub energy_wh: f64,
    /// The air around it [°C].
    pub air_c: f64,
}

/// A pack as it stands.
#[derive(Debug, Clone)]
pub struct PackShown {
    /// Its network, its number there, from 0, and how many were in its place before.
    pub place: (u32, u32, u32),
    /// What it shows.
    pub view: BatteryView,
    /// The air around it [°C].
    pub air_c: f64,
}

/// A pack that was given for another.
#[derive(Debug, Clone)]
pub struct SwapShown {
    /// When.
    pub at: Time,
    /// The cabinet: its network and its number there, from 0.
    pub place: (u32, u32),
    /// Slot, from 0, and name of what came in.
    pub came: (Option<usize>, String),
    /// Slot, from 0, and name of what went out.
    pub went: (usize, String),
}

/// What a pack calls itself outside; a name stands in topics, where `#` may not.
fn outside(name: &str) -> String {
    name.replace('#', ".")
}

fn place_of(station: &Station) -> (u32, u32) {
    match station.key {
        Key::Cabinet(network, number) => (network, number),
        _ => (0, 0),
    }
}

impl<C: Cast> Zone<C> {
    /// From here on swaps are remembered until somebody takes them.
    pub fn watch(&mut self) {
        self.watched.get_or_insert_default();
    }

    /// Swaps since the last time.
    pub fn take_swaps(&mut self) -> Vec<SwapShown> {
        self.watched.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Remembers the swaps among what a cabinet did, where somebody watches.
    pub(super) fn overhear(&mut self, station: u32, events: &[CabinetEvent]) {
        if self.watched.is_none() {
            return;
        }
        let name = |pack: u32| {
            let seat = self.seats.get(pack as usize).and_then(Option::as_ref);
            seat.map(|seat| outside(&seat.name)).unwrap_or_default()
        };
        let swaps: Vec<SwapShown> = events
            .iter()
            .filter_map(|event| {
                let CabinetEvent::Given { at, slot, pack, returned, .. } = event else { return None };
                let docked = events.iter().find_map(|event| match event {
                    CabinetEvent::Docked { slot, pack, .. } if pack == returned => Some(*slot),
                    _ => None,
                });
                Some(SwapShown {
                    at: *at,
                    place: place_of(&self.stations[station as usize]),
                    came: (docked, name(*returned)),
                    went: (*slot, name(*pack)),
                })
            })
            .collect();
        if let Some(watched) = &mut self.watched {
            watched.extend(swaps);
        }
    }

    /// Its cabinets as they stand, without disturbing them.
    pub async fn cabinets_shown(&mut self) -> Vec<CabinetShown> {
        let ZonePart::District { network, .. } = self.part else { return Vec::new() };
        let air = &self.model.surroundings.air_c;
        let air_c = air.step_at(self.now) + self.model.networks[network].file.cabinets.ambient_shift_c;
        let mut shown = Vec::with_capacity(self.stations.len());
        for station in 0..self.stations.len() as u32 {
            let cabinet = self.cabinet_now(station).await;
            let slots = cabinet.slot_views(self.now).map(|view| {
                let seat = view.pack.and_then(|pack| self.seats.get(pack as usize)?.as_ref());
                (view, seat.map(|seat| outside(&seat.name)))
            });
            shown.push(CabinetShown {
                place: place_of(&self.stations[station as usize]),
                slots: slots.collect(),
                queue: cabinet.view(self.now).queue,
                energy_wh: cabinet.metered(self.now).totals().energy_wh,
                air_c,
            });
        }
        shown
    }

    /// Its packs as they stand, without disturbing them.
    pub async fn packs_shown(&mut self) -> Vec<PackShown> {
        let now = self.now;
        let mut shown = Vec::new();
        for pack in 0..self.seats.len() as u32 {
            let Some(seat) = &self.seats[pack as usize] else { continue };
            let Key::NetworkPack(network, number, generation) = seat.key else { continue };
            let reading = seat.reading(now);
            let look = move |battery: &Battery| {
                let copy = reading(battery);
                (copy.view(now), copy.ambient().at(now))
            };
            let (view, air_c) = self.cast.look_battery(pack, look).await;
            shown.push(PackShown { place: (network, number, generation), view, air_c });
        }
        shown
    }

    /// Breaks a part of a cabinet, or mends it.
    pub async fn set_part(&mut self, cabinet: u32, part: Part, works: bool) {
        let is_it = |station: &Station| matches!(station.key, Key::Cabinet(_, number) if number == cabinet);
        let Some(station) = self.stations.iter().position(is_it) else { return };
        let station = station as u32;
        if works {
            self.mend(station, part).await;
        } else {
            self.tell_station(station, Some(CabinetCommand::Break(part))).await;
        }
    }
}
