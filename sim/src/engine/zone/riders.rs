//! Riders of a district: where they ride, where they come for another pack, and when they leave for another district.

use super::packs::Seat;
use super::{Action, Zone, ZonePart};
use crate::engine::WINDOW_MS;
use crate::engine::cast::Cast;
use host::actor::Shell;
use rand::RngExt;
use twin::battery::integrate::Duty;
use twin::battery::{Battery, Leg};
use twin::rng::Stream;
use twin::time::{HOUR_MS, Time};

/// A rider who holds a pack.
#[derive(Debug)]
pub(super) struct Rider {
    pub(super) stream: Stream,
    pub(super) km_per_day: f64,
    pub(super) pack: u32,
    /// Cabinets tried in vain for the present need.
    pub(super) attempts: u32,
}

/// A rider on the way to another zone, pack and all.
pub struct Migrant {
    /// Zone that the rider goes to.
    pub to: usize,
    /// When the rider arrives there.
    pub at: Time,
    rider: Rider,
    seat: Seat,
    shell: Box<Shell<Battery>>,
}

impl<C: Cast> Zone<C> {
    /// Gives a rider a place and returns it. What the place's last rider needed stays counted, so that nothing that was planned
    /// for that need concerns the new one.
    pub(super) fn seat_rider(&mut self, rider: Rider) -> u32 {
        if let Some(place) = self.vacant_riders.pop() {
            self.riders[place as usize] = Some(rider);
            return place;
        }
        self.riders.push(Some(rider));
        self.needs.push(0);
        (self.riders.len() - 1) as u32
    }

    fn pick_station(&mut self) -> u32 {
        let total: f64 = self.stations.iter().map(|s| s.popularity).sum();
        let mut left = self.traffic.random::<f64>() * total;
        for (index, station) in self.stations.iter().enumerate() {
            left -= station.popularity;
            if left < 0.0 {
                return index as u32;
            }
        }
        (self.stations.len() - 1) as u32
    }

    /// Lets a rider go with a pack: draws the rides until the next need, and when and where that is.
    pub(super) fn ride_out(&mut self, network: usize, rider: u32, soc: f64) {
        let network_model = &self.model.networks[network];
        let file = &network_model.file;
        let known = self.riders[rider as usize].as_mut().expect("a rider who leaves is here");
        let pack = self.seats[known.pack as usize].as_mut().expect("a pack that leaves is seated");
        let rated_wh = self.model.kinds[network_model.kind].pack.rated_wh();
        let legs = &mut pack.untold;
        // Riders come back with anything between hardly used and nearly empty, mostly the latter.
        let x: f64 = known.stream.random();
        let used = (1.0 - 0.6 * x * x) * (soc - file.riders.reserve_soc).max(0.05);
        let distance_km = used * rated_wh * pack.facts.soh / network_model.wh_per_km;
        let days = distance_km / known.km_per_day;
        const RIDES: usize = 3;
        let mut at = self.now.plus_seconds(file.cabinets.swap_s);
        legs.push(Leg { at, duty: Duty::Rest, ambient_shift_c: 0.0 });
        // Riding is activity too: what of it passes on a ride is not waited for again.
        let mut ridden_days = 0.0;
        for _ in 0..RIDES {
            at = network_model.demand.advance(at, days / (RIDES + 1) as f64 - ridden_days);
            let ride = &network_model.rides[known.stream.random_range(0..network_model.rides.len())];
            let seconds = ride.duration_s * distance_km / RIDES as f64 / ride.km;
            let ripple = ride.form_factor * ride.form_factor - 1.0;
            legs.push(Leg { at, duty: Duty::Power { power_w: ride.power_w, ripple }, ambient_shift_c: 0.0 });
            let begun = at;
            at = at.plus_seconds(seconds);
            ridden_days = network_model.demand.amount(begun, at);
            legs.push(Leg { at, duty: Duty::Rest, ambient_shift_c: 0.0 });
        }
        let roams = file.districts > 1 && known.stream.random::<f64>() < file.riders.roaming;
        let elsewhere = if roams { known.stream.random_range(1..file.districts) } else { 0 };
        let arrival =
            network_model.demand.advance(at, days / (RIDES + 1) as f64 - ridden_days).plus_seconds(60.0);
        match self.part {
            ZonePart::District { district, .. } if roams => {
                // The way takes at least as long as zones run apart.
                let to = self.first_district + ((district + elsewhere) % file.districts) as usize;
                self.leaving.push((rider, to, arrival.max(self.now + WINDOW_MS)));
            }
            _ => {
                let station = self.pick_station();
                self.agenda.add(arrival, Action::Arrive { rider, station });
            }
        }
    }

    /// Counts a rider who did not wait, who goes to the next cabinet or gives up for the day.
    pub(super) fn walk_away(&mut self, network: usize, station: u32, rider: u32, waited_s: f64) {
        let riders = &self.model.networks[network].file.riders;
        let (detour_min, attempts_max) = (riders.detour_min, riders.attempts);
        self.sums.walk_aways += 1.0;
        self.needs[rider as usize] += 1;
        let key = self.stations[station as usize].key;
        self.note(self.now, "walk_away", key, None, waited_s);
        let known = self.riders[rider as usize].as_mut().expect("riders who walk away are here");
        known.attempts += 1;
        if known.attempts < attempts_max {
            let next = (station + 1) % self.stations.len() as u32;
            let at = self.now.plus_seconds(detour_min * 60.0);
            self.agenda.add(at, Action::Arrive { rider, station: next });
            return;
        }
        known.attempts = 0;
        self.sums.lost += 1.0;
        self.note(self.now, "lost_swap", key, None, waited_s);
        // Gives up for the day and comes back after half a day's activity.
        let at = self.model.networks[network].demand.advance(self.now, 0.5).max(self.now + HOUR_MS);
        let station = self.pick_station();
        self.agenda.add(at, Action::Arrive { rider, station });
    }

    /// Riders who leave for other zones at the end of this window, packs and all.
    pub async fn take_outgoing(&mut self) -> Vec<Migrant> {
        let mut outgoing = Vec::with_capacity(self.leaving.len());
        for (place, to, at) in std::mem::take(&mut self.leaving) {
            let rider = self.riders[place as usize].take().expect("a rider who leaves is here");
            self.vacant_riders.push(place);
            let shell = self.cast.take_battery(rider.pack).await;
            let seat = self.seats[rider.pack as usize].take().expect("a pack that leaves is seated");
            outgoing.push(Migrant { to, at, rider, seat, shell });
        }
        outgoing
    }

    /// Takes in a rider from another zone.
    pub fn welcome(&mut self, migrant: Migrant) {
        let pack = self.seat(migrant.seat, *migrant.shell);
        let rider = self.seat_rider(Rider { pack, ..migrant.rider });
        let station = self.pick_station();
        self.agenda.add(migrant.at, Action::Arrive { rider, station });
    }
}
