//! A zone: twins that can touch each other without delay, and the events between them in order of time.
//!
//! Events are ordered by (due time, sequence number). A message to a twin carries a span of work: a pack hears of
//! its rides and of the charge that follows them in one message, when it is plugged in. What a pack reports is
//! handed to its cabinet with the cabinet's next message, or at once when the cabinet cannot do without.

mod inject;
pub mod shown;

use super::cast::Cast;
use super::model::VariantModel;
use super::tally::{Ending, Happening, Key, Sample, Sums, Tally, WAIT_BINS};
use super::transfer::{self, Content, Retired};
use host::actor::{Commands, Letter, Shell};
use rand::RngExt;
use rand_distr::{Distribution, Exp1, LogNormal, StandardNormal};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use twin::battery::integrate::{Duty, Stepping};
use twin::battery::{Battery, BatteryEvent, BatteryView, Follow, Leg};
use twin::cabinet::meter::Meter;
use twin::cabinet::{Cabinet, CabinetCommand, CabinetEvent, PackFacts, Part};
use twin::forcing::Ambient;
use twin::rng::{Seed, Stream};
use twin::time::{HOUR_MS, Time};
use twin::twin::{Moment, Twin};

/// What came back says what the twin shows.
const ANSWERED: &str = "a letter comes back answered";

/// A rider who holds a pack.
#[derive(Debug)]
pub struct Rider {
    stream: Stream,
    km_per_day: f64,
    pack: u32,
    /// Cabinets tried in vain for the present need.
    attempts: u32,
}

/// A pack as its zone knows it.
#[derive(Debug)]
struct Seat {
    key: Key,
    kind: usize,
    name: Arc<str>,
    /// Legs that the pack has not been told of.
    untold: Vec<Leg>,
    facts: PackFacts,
    /// When it entered service.
    since: Time,
}

impl Seat {
    /// What the pack has not been told, which it will be now.
    fn take_untold(&mut self) -> Arc<[Leg]> {
        let legs = Arc::from(self.untold.as_slice());
        self.untold.clear();
        legs
    }

    /// Makes a copy of the pack as it is at `now`, by all that it is to do.
    fn reading(&self, now: Time) -> impl FnOnce(&Battery) -> Battery + Send + use<> {
        let untold = BatteryEvent::DutiesSet(self.untold.as_slice().into());
        move |battery| {
            let mut copy = battery.clone();
            copy.apply(&untold);
            copy.catch_up(now);
            copy
        }
    }
}

/// A cabinet as its zone knows it.
#[derive(Debug)]
struct Station {
    key: Key,
    /// What the cabinet has not been told yet.
    pending: Commands<CabinetCommand>,
    /// When it is to be woken.
    wake_at: Option<Time>,
    popularity: f64,
}

/// Something due.
#[derive(Debug)]
enum Action {
    Arrive { rider: u32, station: u32 },
    GiveUp { rider: u32, station: u32, need: u64 },
    Wake { station: u32 },
    Break { station: u32, fault: u32, part: Part },
    Repair { station: u32, fault: u32, part: Part },
    Mend { station: u32, part: Part },
    Day { pack: u32 },
    Sample,
}

#[derive(Debug)]
struct Due {
    at: Time,
    sequence: u64,
    action: Action,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
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
    sequence: u64,
    due: BinaryHeap<Reverse<Due>>,
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
            sequence: 0,
            due: BinaryHeap::new(),
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
        zone.schedule(zone.model.start, Action::Sample);
        zone
    }

    fn schedule(&mut self, at: Time, action: Action) {
        self.sequence += 1;
        self.due.push(Reverse(Due { at, sequence: self.sequence, action }));
    }

    fn add_pack(&mut self, key: Key, kind: usize, name: String, ambient: Ambient, soc: f64) -> u32 {
        let pack = self.model.kinds[kind].draw(&name, self.seed);
        let battery = Battery::new(pack, ambient, self.now, soc, Stepping::default());
        let name: Arc<str> = name.into();
        let shell = Shell::new(battery, name.clone(), self.seed);
        let facts = PackFacts { soc, soh: 1.0, efc: 0.0 };
        self.seat(Seat { key, kind, name, untold: Vec::new(), facts, since: self.now }, shell)
    }

    fn seat(&mut self, seat: Seat, shell: Shell<Battery>) -> u32 {
        let place = self.cast.add_battery(shell);
        if self.seats.len() <= place as usize {
            self.seats.resize_with(place as usize + 1, || None);
        }
        self.seats[place as usize] = Some(seat);
        place
    }

    fn seat_of(&mut self, pack: u32) -> &mut Seat {
        self.seats[pack as usize].as_mut().expect("packs that are spoken of are seated")
    }

    async fn set_up_district(&mut self, network: usize, district: u32) {
        let model = self.model.clone();
        let file = &model.networks[network].file;
        let districts = file.districts;
        let id = network as u32;
        let cabinets = share(file.cabinets.count, districts, district);
        let riders = share(file.riders.count, districts, district);
        let spare = share(file.packs - file.riders.count, districts, district);
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

    fn seat_rider(&mut self, rider: Rider) -> u32 {
        if let Some(place) = self.vacant_riders.pop() {
            self.riders[place as usize] = Some(rider);
            return place;
        }
        self.riders.push(Some(rider));
        self.needs.push(0);
        (self.riders.len() - 1) as u32
    }

    fn set_up_packs(&mut self, group: usize, first: u32, end: u32) {
        let model = self.model.clone();
        let group_model = &model.groups[group];
        for number in first..end {
            let name = format!("{}-{}", group_model.file.name, number + 1);
            let key = Key::GroupPack(group as u32, number, 0);
            let soc = group_model.file.initial_soc;
            let pack = self.add_pack(key, group_model.kind, name, group_model.ambient.clone(), soc);
            self.schedule(self.now, Action::Day { pack });
        }
    }

    async fn set_up_faults(&mut self, network: usize, cabinets: std::ops::Range<u32>) {
        let model = self.model.clone();
        let file = &model.networks[network].file;
        for (index, fault) in model.faults.iter().enumerate().filter(|(_, f)| f.network == file.name) {
            for (station, number) in cabinets.clone().enumerate() {
                if fault.cabinet.is_some_and(|only| only != number + 1) {
                    continue;
                }
                let parts: Vec<Part> = match fault.kind {
                    crate::scenario::schema::FaultKind::Cabinet => vec![Part::Cabinet],
                    crate::scenario::schema::FaultKind::Slot => {
                        (0..file.cabinets.slots as usize).map(Part::Slot).collect()
                    }
                    crate::scenario::schema::FaultKind::Charger => {
                        (0..file.cabinets.slots as usize).map(Part::Charger).collect()
                    }
                };
                // One that happens at a given time hits the first piece.
                let hit = if fault.at_day.is_some() { &parts[..1] } else { &parts[..] };
                for part in hit {
                    let (station, fault) = (station as u32, index as u32);
                    if let Some(at) = self.next_failure(self.now, fault, station, *part) {
                        self.schedule(at, Action::Break { station, fault, part: *part });
                    }
                }
            }
        }
    }

    fn next_failure(&mut self, from: Time, fault: u32, station: u32, part: Part) -> Option<Time> {
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

    /// Runs everything that is due before `end`.
    pub async fn run_until(&mut self, end: Time) {
        while self.due.peek().is_some_and(|Reverse(due)| due.at < end) {
            let Some(Reverse(due)) = self.due.pop() else { break };
            self.now = due.at;
            self.act(due.action).await;
        }
        self.now = end;
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

    /// Packs that left service for a second life.
    pub fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    /// The chain that takes packs which leave service here.
    fn retired_to(&self) -> Option<usize> {
        match self.part {
            ZonePart::District { network, .. } => self.model.networks[network].retired_to,
            ZonePart::Packs { group, .. } => self.model.groups[group].retired_to,
        }
    }

    /// Takes in a rider from another zone.
    pub fn welcome(&mut self, migrant: Migrant) {
        let pack = self.seat(migrant.seat, *migrant.shell);
        let rider = self.seat_rider(Rider { pack, ..migrant.rider });
        let station = self.pick_station();
        self.schedule(migrant.at, Action::Arrive { rider, station });
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
                let seat = &mut self.stations[station as usize];
                if seat.wake_at == Some(self.now) {
                    seat.wake_at = None;
                    self.tell_station(station, Some(CabinetCommand::Wake)).await;
                }
            }
            Action::Break { station, fault, part } => {
                self.tell_station(station, Some(CabinetCommand::Break(part))).await;
                let hours = self.model.faults[fault as usize].repair_h;
                self.schedule(self.now.plus_seconds(hours * 3600.0), Action::Repair { station, fault, part });
            }
            Action::Repair { station, fault, part } => {
                self.tell_station(station, Some(CabinetCommand::Repair(part))).await;
                self.tell_station(station, Some(CabinetCommand::Wake)).await;
                if self.model.faults[fault as usize].mean_days_between.is_some()
                    && let Some(at) = self.next_failure(self.now, fault, station, part)
                {
                    self.schedule(at, Action::Break { station, fault, part });
                }
            }
            Action::Mend { station, part } => self.mend(station, part).await,
            Action::Day { pack } => self.day(pack).await,
            Action::Sample => {
                self.sample().await;
                let next = self.model.start + self.next_sample * self.model.interval_ms;
                self.next_sample += 1;
                self.schedule(next, Action::Sample);
            }
        }
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

    /// Tells a cabinet what it does not know yet, and then the command; acts on what comes of it.
    async fn tell_station(&mut self, station: u32, command: Option<CabinetCommand>) {
        let mut next = command;
        loop {
            let seat = &mut self.stations[station as usize];
            if seat.pending.is_empty() && next.is_none() {
                return;
            }
            let mut letter = self.to_cabinets.take().unwrap_or_else(|| Box::new(Letter::new(self.now)));
            letter.now = self.now;
            letter.commands.append(&mut seat.pending);
            letter.commands.extend(next.take());
            let letter = self.cast.tell_cabinet(station, letter).await;
            self.overhear(station, &letter.events);
            let view = letter.view.expect(ANSWERED);
            let mut urgent = view.queue > 0;
            for event in &letter.events {
                urgent |= self.on_cabinet_event(station, event).await;
            }
            self.to_cabinets = Some(letter);
            let seat = &mut self.stations[station as usize];
            if let Some(at) = view.wake_at
                && seat.wake_at.is_none_or(|known| at < known || known <= self.now)
            {
                seat.wake_at = Some(at);
                self.schedule(at, Action::Wake { station });
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
                if *cut_short {
                    self.order(station, *pack, Leg { at: *at, duty: Duty::Rest, ambient_shift_c: shift_c })
                        .await;
                }
                self.count_swap(station, *at, *waited_s, *pack);
                self.needs[*rider as usize] += 1;
                let seat = self.riders[*rider as usize].as_mut().expect("served riders are here");
                seat.pack = *pack;
                seat.attempts = 0;
                self.ride_out(network, *rider, *soc);
                false
            }
            CabinetEvent::Queued { rider, .. } => {
                self.needs[*rider as usize] += 1;
                let need = self.needs[*rider as usize];
                let seat = self.riders[*rider as usize].as_mut().expect("waiting riders are here");
                let patience: f64 = Exp1.sample(&mut seat.stream);
                let at = self.now.plus_seconds(patience * network_model.file.riders.patience_min * 60.0);
                self.schedule(at, Action::GiveUp { rider: *rider, station, need });
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

    fn walk_away(&mut self, network: usize, station: u32, rider: u32, waited_s: f64) {
        let riders = &self.model.networks[network].file.riders;
        let (detour_min, attempts_max) = (riders.detour_min, riders.attempts);
        self.sums.walk_aways += 1.0;
        self.needs[rider as usize] += 1;
        let key = self.stations[station as usize].key;
        self.note(self.now, "walk_away", key, None, waited_s);
        let seat = self.riders[rider as usize].as_mut().expect("riders who walk away are here");
        seat.attempts += 1;
        if seat.attempts < attempts_max {
            let next = (station + 1) % self.stations.len() as u32;
            let at = self.now.plus_seconds(detour_min * 60.0);
            self.schedule(at, Action::Arrive { rider, station: next });
            return;
        }
        seat.attempts = 0;
        self.sums.lost += 1.0;
        self.note(self.now, "lost_swap", key, None, waited_s);
        // Gives up for the day and comes back after half a day's activity.
        let at = self.model.networks[network].demand.advance(self.now, 0.5).max(self.now + HOUR_MS);
        let station = self.pick_station();
        self.schedule(at, Action::Arrive { rider, station });
    }

    /// Brings a pack up to date, puts it under a new duty, and keeps what it reports for its cabinet. True when
    /// the pack was at the end of its life and replaced.
    async fn order(&mut self, station: u32, pack: u32, leg: Leg) -> bool {
        let seat = self.seat_of(pack);
        seat.untold.push(leg);
        let view = self.bring_up_to_date(pack).await;
        if let Some(plan) = view.cut_short {
            self.stations[station as usize].pending.push(CabinetCommand::Settle { plan });
        }
        let seat = self.seat_of(pack);
        let facts = seat.facts;
        let end_of_life_soh =
            self.model.kinds[self.seats[pack as usize].as_ref().expect("seated").kind].end_of_life_soh;
        if let Duty::Charge { .. } = leg.duty {
            if facts.soh < end_of_life_soh {
                self.replace(station, pack).await;
                return true;
            }
            let plan = view.charge;
            self.stations[station as usize].pending.push(CabinetCommand::Report { pack, facts, plan });
        }
        false
    }

    /// Tells a pack its untold legs up to now.
    async fn bring_up_to_date(&mut self, pack: u32) -> BatteryView {
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
        let (key, number) = match seat.key {
            Key::NetworkPack(network, number, generation) => {
                (Key::NetworkPack(network, number, generation + 1), generation + 2)
            }
            Key::GroupPack(group, number, generation) => {
                (Key::GroupPack(group, number, generation + 1), generation + 2)
            }
            other => (other, 1),
        };
        let stem = seat.name.split('#').next().unwrap_or(&seat.name);
        // New packs come half charged, as they are shipped.
        self.add_pack(key, seat.kind, format!("{stem}#{number}"), ambient, 0.5)
    }

    /// Lets a rider go with a pack: draws the rides until the next need, and when and where that is.
    fn ride_out(&mut self, network: usize, rider: u32, soc: f64) {
        let network_model = &self.model.networks[network];
        let file = &network_model.file;
        let seat = self.riders[rider as usize].as_mut().expect("a rider who leaves is here");
        let pack = self.seats[seat.pack as usize].as_mut().expect("a pack that leaves is seated");
        let rated_wh = self.model.kinds[network_model.kind].pack.rated_wh();
        let legs = &mut pack.untold;
        // Riders come back with anything between hardly used and nearly empty, mostly the latter.
        let x: f64 = seat.stream.random();
        let used = (1.0 - 0.6 * x * x) * (soc - file.riders.reserve_soc).max(0.05);
        let distance_km = used * rated_wh * pack.facts.soh / network_model.wh_per_km;
        let days = distance_km / seat.km_per_day;
        const RIDES: usize = 3;
        let mut at = self.now.plus_seconds(file.cabinets.swap_s);
        legs.push(Leg { at, duty: Duty::Rest, ambient_shift_c: 0.0 });
        // Riding is activity too: what of it passes on a ride is not waited for again.
        let mut ridden_days = 0.0;
        for _ in 0..RIDES {
            at = network_model.demand.advance(at, days / (RIDES + 1) as f64 - ridden_days);
            let ride = &network_model.rides[seat.stream.random_range(0..network_model.rides.len())];
            let seconds = ride.duration_s * distance_km / RIDES as f64 / ride.km;
            let ripple = ride.form_factor * ride.form_factor - 1.0;
            legs.push(Leg { at, duty: Duty::Power { power_w: ride.power_w, ripple }, ambient_shift_c: 0.0 });
            let begun = at;
            at = at.plus_seconds(seconds);
            ridden_days = network_model.demand.amount(begun, at);
            legs.push(Leg { at, duty: Duty::Rest, ambient_shift_c: 0.0 });
        }
        let roams = file.districts > 1 && seat.stream.random::<f64>() < file.riders.roaming;
        let elsewhere = if roams { seat.stream.random_range(1..file.districts) } else { 0 };
        let arrival =
            network_model.demand.advance(at, days / (RIDES + 1) as f64 - ridden_days).plus_seconds(60.0);
        match self.part {
            ZonePart::District { district, .. } if roams => {
                // The way takes at least as long as zones run apart.
                let to = self.first_district + ((district + elsewhere) % file.districts) as usize;
                self.leaving.push((rider, to, arrival.max(self.now + super::WINDOW_MS)));
            }
            _ => {
                let station = self.pick_station();
                self.schedule(arrival, Action::Arrive { rider, station });
            }
        }
    }

    /// Puts a pack of a group under its duty for a day.
    async fn day(&mut self, pack: u32) {
        let ZonePart::Packs { group, .. } = self.part else { return };
        let model = self.model.clone();
        let group_model = &model.groups[group];
        let kind = &model.kinds[group_model.kind];
        let day = self.now.days_since(model.start).round() as u64;
        let entity = self.seat_of(pack).name.clone();
        let seed = self.seed;
        let legs = super::duty::day(group_model, kind, self.now, day, || seed.stream(&entity, "day", day));
        self.seat_of(pack).untold.extend(legs);
        self.bring_up_to_date(pack).await;
        let facts = self.seat_of(pack).facts;
        let mut place = pack;
        if facts.soh < kind.end_of_life_soh {
            place = self.successor(pack).await;
        }
        self.schedule(self.now + twin::time::DAY_MS, Action::Day { pack: place });
    }

    fn note(&mut self, at: Time, event: &'static str, key: Key, other: Option<Key>, value: f64) {
        self.tally.happenings.push(Happening { at, event, key, other, value });
    }

    /// The network or group that this zone is part of.
    fn whole(&self) -> Key {
        match self.part {
            ZonePart::District { network, .. } => Key::Network(network as u32),
            ZonePart::Packs { group, .. } => Key::Group(group as u32),
        }
    }

    /// Records every twin as it is now, without disturbing any.
    pub(super) async fn sample(&mut self) {
        let now = self.now;
        let mut sums = self.sums.clone();
        for pack in 0..self.seats.len() as u32 {
            let Some(seat) = &self.seats[pack as usize] else { continue };
            let (key, reading) = (seat.key, seat.reading(now));
            let (view, health, ledger, losses) = self
                .cast
                .look_battery(pack, move |battery| {
                    let copy = reading(battery);
                    (copy.view(now), copy.health(), copy.ledger(), copy.losses())
                })
                .await;
            let values = [
                ("soh", health.capacity),
                ("resistance_rel", health.resistance),
                ("efc", view.efc),
                ("soc", view.soc),
                ("temperature_c", view.temperature_c),
                ("voltage_v", view.voltage_v),
            ];
            let values = values.into_iter().chain(super::fidelity::columns(losses));
            self.tally.samples.extend(values.map(|(metric, value)| Sample { at: now, key, metric, value }));
            sums.delivered_wh += ledger.energy_out_wh;
            sums.losses_wh += ledger.losses_wh;
            sums.unserved_wh += ledger.unserved_wh;
            sums.pack_h += view.age_days * 24.0;
            sums.outside_h += ledger.outside_temperature_h;
            sums.efc += view.efc;
            sums.outside_efc += ledger.outside_cycles_efc;
        }
        for station in 0..self.stations.len() as u32 {
            let (meter, ready) = self.read_station(station).await;
            let key = self.stations[station as usize].key;
            let totals = meter.totals();
            sums.energy_wh += totals.energy_wh;
            sums.grid_wh += totals.grid_wh;
            sums.solar_wh += totals.solar_wh;
            sums.charged_wh += totals.charged_wh;
            sums.cost += totals.cost;
            sums.carbon_g += totals.carbon_g;
            sums.charges += totals.charges as f64;
            sums.charging_h += totals.charging_h;
            sums.ready += f64::from(ready);
            sums.energy_by_utc_hour_wh.iter_mut().zip(meter.by_hour_wh()).for_each(|(a, b)| *a += b);
            let samples = [("energy_kwh", totals.energy_wh * 1e-3), ("peak_kw", totals.peak_w * 1e-3)];
            self.tally.samples.extend(samples.map(|(metric, value)| Sample { at: now, key, metric, value }));
            self.tally.peak_w.insert(key, totals.peak_w);
        }
        let whole = self.whole();
        self.tally.sums.push((now, whole, sums));
    }

    /// Meter and ready packs of a cabinet, on a copy that has heard what its packs have reported.
    async fn read_station(&mut self, station: u32) -> (Meter, u32) {
        let (now, seed) = (self.now, self.seed);
        let pending = self.stations[station as usize].pending.clone();
        self.cast
            .look_cabinet(station, move |cabinet| {
                let mut copy = cabinet.clone();
                for command in &pending {
                    let moment = Moment { now, seed, entity: "reading", revision: 0 };
                    if let Ok(events) = copy.decide(command, &moment) {
                        events.iter().for_each(|event| copy.apply(event));
                    }
                }
                (copy.metered(now), copy.view(now).ready)
            })
            .await
    }

    /// A pack's last row: at the end of its life, or of the run.
    fn finish(&mut self, seat: &Seat, battery: &Battery, retired: bool) {
        let view = battery.view(self.now);
        let health = battery.health();
        let ledger = battery.ledger();
        let whole = self.whole();
        if retired {
            // What a retired pack did stays in the sums of its zone.
            let sums = &mut self.sums;
            sums.delivered_wh += ledger.energy_out_wh;
            sums.losses_wh += ledger.losses_wh;
            sums.unserved_wh += ledger.unserved_wh;
            sums.pack_h += view.age_days * 24.0;
            sums.outside_h += ledger.outside_temperature_h;
            sums.efc += view.efc;
            sums.outside_efc += ledger.outside_cycles_efc;
            if self.retired_to().is_some() {
                // Its story goes on elsewhere, and its last row is written there.
                return;
            }
        } else {
            self.tally.final_soh.entry(whole).or_default().push(health.capacity);
            self.tally.final_resistance.entry(whole).or_default().push(health.resistance);
        }
        self.tally.endings.push(Ending {
            key: seat.key,
            group: self.model.kinds[seat.kind].name.clone(),
            values: [
                ("soh", health.capacity),
                ("resistance_rel", health.resistance),
                ("efc", view.efc),
                ("soc", view.soc),
                ("age_days", view.age_days),
                ("retired", f64::from(u8::from(retired))),
                ("entered_day", seat.since.days_since(self.model.start)),
                ("energy_in_kwh", ledger.energy_in_wh * 1e-3),
                ("energy_out_kwh", ledger.energy_out_wh * 1e-3),
                ("losses_kwh", ledger.losses_wh * 1e-3),
                ("unserved_kwh", ledger.unserved_wh * 1e-3),
                ("charges", ledger.charges),
                ("hot_h", ledger.hot_h),
                ("outside_temperature_h", ledger.outside_temperature_h),
                ("outside_cycles_efc", ledger.outside_cycles_efc),
            ]
            .into_iter()
            .chain(super::fidelity::columns(battery.losses()))
            .collect(),
        });
    }

    /// Ends the zone's run and hands over what it recorded.
    pub async fn conclude(mut self) -> Tally {
        self.sample().await;
        let now = self.now;
        for pack in 0..self.seats.len() {
            let Some(seat) = self.seats[pack].take() else { continue };
            let battery = self.cast.look_battery(pack as u32, seat.reading(now)).await;
            self.finish(&seat, &battery, false);
        }
        for station in 0..self.stations.len() as u32 {
            let (meter, _) = self.read_station(station).await;
            let totals = *meter.totals();
            let key = self.stations[station as usize].key;
            let ZonePart::District { network, .. } = self.part else { continue };
            self.tally.endings.push(Ending {
                key,
                group: self.model.networks[network].file.name.clone(),
                values: vec![
                    ("energy_kwh", totals.energy_wh * 1e-3),
                    ("grid_kwh", totals.grid_wh * 1e-3),
                    ("solar_kwh", totals.solar_wh * 1e-3),
                    ("charged_kwh", totals.charged_wh * 1e-3),
                    ("energy_cost", totals.cost),
                    ("grid_carbon_kg", totals.carbon_g * 1e-3),
                    ("peak_kw", totals.peak_w * 1e-3),
                    ("charges", totals.charges as f64),
                ],
            });
        }
        self.tally
    }
}

/// Which part an event is about: 0 for the whole cabinet, slots and chargers from 1.
fn part_figure(part: Part) -> f64 {
    match part {
        Part::Cabinet => 0.0,
        Part::Slot(slot) | Part::Charger(slot) => (slot + 1) as f64,
    }
}
