//! A zone: twins that can touch each other without delay, and the events between them in order of time.
//!
//! A message to a twin carries a span of work: a pack hears of its rides and of the charge that follows them in one message,
//! when it is plugged in. What a pack reports is handed to its cabinet with the cabinet's next message, or at once when the
//! cabinet cannot do without.

mod inject;
mod packs;
mod recorded;
mod riders;
pub mod shown;
mod stations;

use self::packs::Seat;
pub use self::riders::Migrant;
use self::riders::Rider;
use self::stations::Station;
use super::agenda::Agenda;
use super::cast::Cast;
use super::model::VariantModel;
use super::tally::{Key, Sums, Tally};
use super::transfer::Retired;
use host::actor::{Commands, Letter, Shell};
use rand::RngExt;
use rand_distr::{Distribution, LogNormal, StandardNormal};
use std::sync::Arc;
use twin::battery::integrate::Duty;
use twin::battery::{Battery, Leg};
use twin::cabinet::{Cabinet, CabinetCommand, Part};
use twin::forcing::Ambient;
use twin::rng::{Seed, Stream};
use twin::time::Time;

/// What came back says what the twin shows.
const ANSWERED: &str = "a letter comes back answered";

/// Something due.
#[derive(Debug)]
enum Action {
    /// A rider comes to a cabinet.
    Arrive { rider: u32, station: u32 },
    /// A rider's patience ends, if the need is still the one that was waited for.
    GiveUp { rider: u32, station: u32, need: u64 },
    /// A cabinet asked to be woken.
    Wake { station: u32 },
    /// A fault of the scenario strikes.
    Break { station: u32, fault: u32, part: Part },
    /// It is repaired, and the next one is planned.
    Repair { station: u32, fault: u32, part: Part },
    /// What was broken on purpose is repaired.
    Mend { station: u32, part: Part },
    /// A pack of a group begins its day.
    Day { pack: u32 },
    /// Rows are recorded.
    Sample,
}

/// Which part of a world a zone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZonePart {
    /// A district of a network.
    District {
        /// Network.
        network: usize,
        /// District.
        district: u32,
    },
    /// Some packs of a group.
    Packs {
        /// Group.
        group: usize,
        /// First.
        first: u32,
        /// One after the last.
        end: u32,
    },
}

/// The zone.
pub struct Zone<C> {
    model: Arc<VariantModel>,
    part: ZonePart,
    /// Index of the zone that is the network's first district.
    first_district: usize,
    seed: Seed,
    cast: C,
    /// The letter to packs, and that to cabinets, when they are not under way.
    to_packs: Option<Box<Letter<Battery>>>,
    to_cabinets: Option<Box<Letter<Cabinet>>>,
    now: Time,
    agenda: Agenda<Action>,
    seats: Vec<Option<Seat>>,
    stations: Vec<Station>,
    riders: Vec<Option<Rider>>,
    vacant_riders: Vec<u32>,
    needs: Vec<u64>,
    sums: Sums,
    pub(super) tally: Tally,
    /// Riders who leave when the window ends: place, zone, arrival there.
    leaving: Vec<(u32, usize, Time)>,
    /// Packs that left service for a second life.
    retired: Vec<Retired>,
    traffic: Stream,
    next_sample: i64,
    /// Swaps, where somebody wants to see them.
    watched: Option<Vec<shown::SwapShown>>,
}

/// Share `index` of `total` things spread as evenly as possible over `parts`.
fn share(total: u32, parts: u32, index: u32) -> std::ops::Range<u32> {
    let at = |i: u32| (u64::from(total) * u64::from(i) / u64::from(parts)) as u32;
    at(index)..at(index + 1)
}

impl<C: Cast> Zone<C> {
    /// Puts everything in place at the start of the run.
    pub async fn set_up(
        model: Arc<VariantModel>,
        part: ZonePart,
        first_district: usize,
        seed: Seed,
        cast: C,
    ) -> Self {
        let name = match part {
            ZonePart::District { network, district } => {
                format!("{}/district-{district}", model.networks[network].file.name)
            }
            ZonePart::Packs { group, first, .. } => format!("{}/from-{first}", model.groups[group].file.name),
        };
        let mut zone = Self {
            now: model.start,
            part,
            first_district,
            seed,
            cast,
            to_packs: None,
            to_cabinets: None,
            agenda: Agenda::default(),
            seats: Vec::new(),
            stations: Vec::new(),
            riders: Vec::new(),
            vacant_riders: Vec::new(),
            needs: Vec::new(),
            sums: Sums::new(),
            tally: Tally::default(),
            leaving: Vec::new(),
            retired: Vec::new(),
            traffic: seed.stream(&name, "traffic", 0),
            next_sample: 1,
            watched: None,
            model,
        };
        match part {
            ZonePart::District { network, district } => zone.set_up_district(network, district).await,
            ZonePart::Packs { group, first, end } => zone.set_up_packs(group, first, end),
        }
        zone.agenda.add(zone.model.start, Action::Sample);
        zone
    }

    async fn set_up_district(&mut self, network: usize, district: u32) {
        let model = self.model.clone();
        let file = &model.networks[network].file;
        let districts = file.districts;
        let id = network as u32;
        let cabinets = share(file.cabinets.count, districts, district);
        let riders = share(file.riders.count, districts, district);
        // Spare packs go with the cabinets that are to hold them.
        let spares = file.packs - file.riders.count;
        let at = |cabinet: u32| share(spares, file.cabinets.count, cabinet).start;
        let spare = at(cabinets.start)..at(cabinets.end);
        for number in cabinets.clone() {
            let name = format!("{}-cabinet-{}", file.name, number + 1);
            let mut stream = self.seed.stream(&name, "popularity", 0);
            // assumed: sites differ about as much as shops do, a third either way.
            let popularity = LogNormal::new(0.0, 0.35).expect("constant").sample(&mut stream);
            let cabinet = Cabinet::new(model.networks[network].cabinet.clone(), self.now);
            self.cast.add_cabinet(Shell::new(cabinet, name, self.seed));
            let key = Key::Cabinet(id, number);
            self.stations.push(Station { key, pending: Commands::new(), wake_at: None, popularity });
        }
        let kind = model.networks[network].kind;
        let outdoors = Ambient { air_c: model.surroundings.air_c.clone(), shift_c: 0.0 };
        let pack_name = |number: u32| format!("{}-{}", file.name, number + 1);
        for (index, number) in spare.enumerate() {
            let number = file.riders.count + number;
            let key = Key::NetworkPack(id, number, 0);
            let soc = file.charging.target_soc;
            let pack = self.add_pack(key, kind, pack_name(number), outdoors.clone(), soc);
            let station = index % self.stations.len().max(1);
            let facts = self.seat_of(pack).facts;
            self.stations[station].pending.push(CabinetCommand::Stock { pack, facts });
            let shift_c = file.cabinets.ambient_shift_c;
            let at = self.now;
            self.seat_of(pack).untold.push(Leg { at, duty: Duty::Rest, ambient_shift_c: shift_c });
        }
        for station in 0..self.stations.len() as u32 {
            self.tell_station(station, None).await;
        }
        for number in riders {
            let name = format!("{}-rider-{}", file.name, number + 1);
            let mut stream = self.seed.stream(&name, "rides", 0);
            let habit: f64 = StandardNormal.sample(&mut stream);
            // assumed: daily distances of riders differ by a quarter either way.
            let km_per_day = file.riders.km_per_day * (0.25 * habit - 0.5 * 0.25 * 0.25).exp();
            // Everybody starts somewhere between a fresh and an empty pack.
            let full = file.charging.target_soc;
            let soc = file.riders.reserve_soc + (full - file.riders.reserve_soc) * stream.random::<f64>();
            let key = Key::NetworkPack(id, number, 0);
            let pack = self.add_pack(key, kind, pack_name(number), outdoors.clone(), soc);
            let rider = Rider { stream, km_per_day, pack, attempts: 0 };
            let place = self.seat_rider(rider);
            self.ride_out(network, place, soc);
        }
        self.set_up_faults(network, cabinets).await;
    }

    fn set_up_packs(&mut self, group: usize, first: u32, end: u32) {
        let model = self.model.clone();
        let group_model = &model.groups[group];
        for number in first..end {
            let name = format!("{}-{}", group_model.file.name, number + 1);
            let key = Key::GroupPack(group as u32, number, 0);
            let soc = group_model.file.initial_soc;
            let pack = self.add_pack(key, group_model.kind, name, group_model.ambient.clone(), soc);
            self.agenda.add(self.now, Action::Day { pack });
        }
    }

    /// Runs everything that is due before `end`.
    pub async fn run_until(&mut self, end: Time) {
        while let Some((at, action)) = self.agenda.next_before(end) {
            self.now = at;
            self.act(action).await;
        }
        self.now = end;
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Arrive { rider, station } => {
                let pack = self.riders[rider as usize].as_ref().expect("arriving riders are here").pack;
                self.tell_station(station, Some(CabinetCommand::Arrive { rider, pack })).await;
            }
            Action::GiveUp { rider, station, need } => {
                if self.needs[rider as usize] == need {
                    self.tell_station(station, Some(CabinetCommand::GiveUp { rider })).await;
                }
            }
            Action::Wake { station } => {
                let known = &mut self.stations[station as usize];
                if known.wake_at == Some(self.now) {
                    known.wake_at = None;
                    self.tell_station(station, Some(CabinetCommand::Wake)).await;
                }
            }
            Action::Break { station, fault, part } => {
                self.tell_station(station, Some(CabinetCommand::Break(part))).await;
                let hours = self.model.faults[fault as usize].repair_h;
                self.agenda
                    .add(self.now.plus_seconds(hours * 3600.0), Action::Repair { station, fault, part });
            }
            Action::Repair { station, fault, part } => {
                self.mend(station, part).await;
                if self.model.faults[fault as usize].mean_days_between.is_some()
                    && let Some(at) = self.next_failure(self.now, fault, station, part)
                {
                    self.agenda.add(at, Action::Break { station, fault, part });
                }
            }
            Action::Mend { station, part } => self.mend(station, part).await,
            Action::Day { pack } => self.day(pack).await,
            Action::Sample => {
                self.sample().await;
                let next = self.model.start + self.next_sample * self.model.interval_ms;
                self.next_sample += 1;
                self.agenda.add(next, Action::Sample);
            }
        }
    }
}
