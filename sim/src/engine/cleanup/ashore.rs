//! What happens ashore: batches are registered, wait in yards, are carried on, sorted and made new. Every step goes
//! through the book.

use super::model::works_kind;
use super::zone::{Action, Cargo, CleanupZone, RETRY_MS, Site};
use crate::engine::player::Answer;
use crate::engine::tally::{Key, Member};
use crate::scenario::cleanup::PlantChoice;
use smallvec::SmallVec;
use twin::facility::line::Kind;
use twin::facility::works::{Works, WorksCommand, WorksEvent};
use twin::geo::Position;
use twin::plastic::batch::{BatchId, Collector, Evidence, Origin, Place, Proof, Stage};
use twin::plastic::custody::{Custody, CustodyCommand, CustodyEvent, Report};
use twin::plastic::factors::ROAD_DETOUR;
use twin::plastic::gear::Method;
use twin::plastic::haulage::{TruckCommand, TruckEvent, YardCommand};
use twin::plastic::intake::{self, Outputs};
use twin::plastic::material::Material;
use twin::time::{DAY_MS, Time};

/// Plants are filled up to here, so that rounding does not turn the last batch away.
const BRIM: f64 = 1.0 - 1e-9;

impl CleanupZone {
    fn site_place(&self, site: Site) -> (Position, String) {
        let file = &self.cleanup().file;
        let (latitude_deg, longitude_deg, name) = match site {
            Site::Port(port) => {
                let port = &file.ports[port];
                (port.latitude_deg, port.longitude_deg, &port.name)
            }
            Site::Gate(plant) => {
                let plant = &file.plants[plant];
                (plant.latitude_deg, plant.longitude_deg, &plant.name)
            }
        };
        (Position { latitude_deg, longitude_deg }, name.clone())
    }

    /// Tells the book, and keeps what comes of it for whoever watches.
    async fn booked(
        &mut self,
        now: Time,
        commands: impl IntoIterator<Item = CustodyCommand>,
    ) -> Answer<Custody> {
        let answer = self.book.tell(now, commands).await;
        if let Some(watched) = &mut self.watched {
            watched.extend(answer.events.iter().cloned());
        }
        answer
    }

    /// Room in a port's yard [kg].
    pub(super) async fn room_kg(&mut self, port: usize) -> f64 {
        self.ports[port].look(|yard| (yard.capacity_kg - yard.stock_kg()) * BRIM).await
    }

    /// Registers what was landed in a port, in batches that fit onto a truck, and puts them into its yard.
    pub(super) async fn land(&mut self, port: usize, material: &Material, by: Key, from: Position) {
        let (method, name, group_ground) = match by {
            Key::Cleanup(_, Member::Team, number) => {
                let plan = &self.cleanup().teams[number as usize];
                (plan.model.gear.method(), plan.name.clone(), plan.ground)
            }
            Key::Cleanup(_, _, number) => {
                let plan = &self.cleanup().vessels[number as usize];
                (Method::VesselNet, plan.name.clone(), self.ships[number as usize].ground)
            }
            _ => return,
        };
        let now = self.now;
        let truck_kg = self.cleanup().file.trucks.capacity_t * 1e3;
        let mass_kg = material.mass_kg();
        let batches = (mass_kg / truck_kg).ceil().max(1.0);
        let place = Place {
            position: Some(from),
            ocean_zone: Some(self.cleanup().file.grounds[group_ground].name.clone()),
            ..Place::default()
        };
        let collector =
            Collector { vessel: Some(name.clone()), device: Some(name.clone()), ..Collector::default() };
        let origin = Origin { place, at: now, collector, method, contamination: None, age_years: None };
        let mut rest = *material;
        let mut commands: SmallVec<[CustodyCommand; 2]> = SmallVec::new();
        for index in 0..batches as usize {
            let part = rest.take(1.0 / (batches - index as f64));
            commands.push(CustodyCommand::Register {
                origin: Box::new(origin.clone()),
                material: Box::new(part),
                proof: Proof::new(Evidence::Weighbridge, name.clone()),
            });
        }
        let answer = self.booked(now, commands).await;
        let mut stored: SmallVec<[YardCommand; 2]> = SmallVec::new();
        for event in &answer.events {
            if let CustodyEvent::Registered(batch) = event {
                self.cargo.insert(batch.id, Cargo { material: batch.material, since: now });
                stored.push(YardCommand::Store { batch: batch.id, mass_kg: batch.mass_kg() });
            }
        }
        self.ports[port].tell(now, stored).await;
        let at = Method::ALL.iter().position(|known| *known == method).unwrap_or(0);
        self.own.landed_kg[at] += mass_kg;
        self.own.nets_kg += material.net_kg();
        let other = self.key(Member::Port, port);
        self.happened("landed", by, Some(other), mass_kg);
        self.agenda.add(now, Action::Dispatch(Site::Port(port)));
    }

    /// Looks at every yard, now that a truck is free.
    pub(super) fn look_everywhere(&mut self) {
        let ports = (0..self.ports.len()).map(Site::Port);
        let gates = (0..self.gates.len()).map(Site::Gate);
        for site in gates.chain(ports) {
            self.agenda.add(self.now, Action::Dispatch(site));
        }
    }

    /// Sends trucks from a yard, as long as there are loads and trucks for them.
    pub(super) async fn dispatch(&mut self, site: Site) {
        loop {
            let now = self.now;
            let Some(truck) =
                self.lorries.iter().position(|lorry| lorry.free <= now && lorry.cargo.is_empty())
            else {
                return;
            };
            let yard = match site {
                Site::Port(port) => &mut self.ports[port],
                Site::Gate(plant) => &mut self.gates[plant],
            };
            let waiting: Vec<(BatchId, f64, Time)> = yard.look(|yard| yard.waiting().collect()).await;
            let file = &self.cleanup().file.trucks;
            let (capacity_kg, least_kg) =
                (file.capacity_t * 1e3, file.capacity_t * 1e3 * file.least_load.min(BRIM));
            let wait_ms = (file.wait_max_days * DAY_MS as f64) as i64;
            let mut load: Vec<BatchId> = Vec::new();
            let (mut mass_kg, mut oldest) = (0.0, None);
            for (batch, kg, since) in waiting {
                if mass_kg + kg <= capacity_kg * (1.0 + 1e-12) {
                    load.push(batch);
                    mass_kg += kg;
                    oldest = Some(oldest.map_or(since, |oldest: Time| oldest.min(since)));
                }
            }
            let Some(oldest) = oldest else { return };
            if mass_kg < least_kg && now < oldest + wait_ms {
                self.agenda.add(oldest + wait_ms, Action::Dispatch(site));
                return;
            }
            let Some(plant) = self.choose_plant(site, mass_kg).await else {
                self.agenda.add(now + RETRY_MS, Action::Dispatch(site));
                return;
            };
            self.depart(truck, site, plant, load, mass_kg).await;
        }
    }

    async fn choose_plant(&mut self, site: Site, mass_kg: f64) -> Option<usize> {
        let wanted = match site {
            Site::Port(_) => Kind::Sorting,
            Site::Gate(_) => Kind::Recycling,
        };
        let (from, _) = self.site_place(site);
        let now = self.now;
        let mut best: Option<(usize, f64)> = None;
        for plant in 0..self.plants.len() {
            let file = &self.cleanup().file.plants[plant];
            if works_kind(file.work) != wanted {
                continue;
            }
            let there = Position { latitude_deg: file.latitude_deg, longitude_deg: file.longitude_deg };
            let coming_kg = self.coming_kg[plant];
            let room_kg = self.plants[plant].look(Works::room_kg).await;
            if (room_kg - coming_kg) * BRIM < mass_kg {
                continue;
            }
            let cost = match self.cleanup().file.routing.plant_choice {
                PlantChoice::Nearest => from.distance_km(there),
                PlantChoice::LeastQueued => {
                    let file_kg_per_h = self.cleanup().file.plants[plant].kg_per_h;
                    let passage_h =
                        self.plants[plant].look(move |works| intake::passage_h(works, mass_kg, now)).await;
                    passage_h.unwrap_or(f64::INFINITY) + coming_kg / file_kg_per_h
                }
            };
            if best.is_none_or(|(_, least)| cost < least) {
                best = Some((plant, cost));
            }
        }
        best.map(|(plant, _)| plant)
    }

    async fn depart(&mut self, truck: usize, site: Site, plant: usize, load: Vec<BatchId>, mass_kg: f64) {
        let now = self.now;
        let (from, name) = self.site_place(site);
        let (to, _) = self.site_place(Site::Gate(plant));
        let distance_km = from.distance_km(to) * ROAD_DETOUR;
        let out = load.iter().map(|batch| YardCommand::Release { batch: *batch });
        let yard = match site {
            Site::Port(port) => &mut self.ports[port],
            Site::Gate(gate) => &mut self.gates[gate],
        };
        yard.tell(now, out).await;
        let steps = load.iter().map(|batch| {
            let proof = Proof::new(Evidence::Document, format!("truck-{}", truck + 1));
            let report = Box::new(Report {
                means: Some("truck".into()),
                distance_km: Some(0.0),
                ..Report::new(now, Place::facility(name.clone(), from), proof)
            });
            match site {
                Site::Port(_) => CustodyCommand::Advance { batch: *batch, to: Stage::Transported, report },
                Site::Gate(_) => CustodyCommand::HandOver { batch: *batch, report },
            }
        });
        let steps: Vec<CustodyCommand> = steps.collect();
        self.booked(now, steps).await;
        let haul = TruckCommand::Haul { mass_kg, distance_km };
        let answer = self.trucks[truck].tell(now, [haul]).await;
        self.coming_kg[plant] += mass_kg;
        if let Some(TruckEvent::Left { arrives, free, .. }) = answer.events.first() {
            let lorry = &mut self.lorries[truck];
            (lorry.free, lorry.cargo, lorry.to) = (*free, load, plant);
            self.agenda.add(*arrives, Action::Delivered(truck));
            self.agenda.add(*free, Action::Back);
        }
        let (key, other) = (self.key(Member::Truck, truck), self.key(Member::Plant, plant));
        self.happened("hauled", key, Some(other), mass_kg);
    }

    /// A truck is at its plant: batches are taken in.
    pub(super) async fn deliver(&mut self, truck: usize) {
        let now = self.now;
        let answer = self.trucks[truck].tell(now, [TruckCommand::Deliver]).await;
        let plant = self.lorries[truck].to;
        if let Some(TruckEvent::Delivered { mass_kg, .. }) = answer.events.first() {
            self.coming_kg[plant] = (self.coming_kg[plant] - mass_kg).max(0.0);
        }
        let (position, name) = self.site_place(Site::Gate(plant));
        let kind = works_kind(self.cleanup().file.plants[plant].work);
        for batch in std::mem::take(&mut self.lorries[truck].cargo) {
            let proof = Proof::new(Evidence::Weighbridge, name.clone());
            let mut report = Box::new(Report::new(now, Place::facility(name.clone(), position), proof));
            report.means = Some("truck".into());
            let step = match kind {
                Kind::Sorting => CustodyCommand::Advance { batch, to: Stage::Received, report },
                _ => CustodyCommand::HandOver { batch, report },
            };
            self.booked(now, [step]).await;
            for batch in self.part(batch, &name).await {
                let Some(cargo) = self.cargo.get(&batch) else { continue };
                let mass_kg = cargo.material.mass_kg();
                let receive = WorksCommand::Receive(intake::lot(batch, &cargo.material));
                let answer = self.plants[plant].tell(now, [receive]).await;
                let key = self.key(Member::Plant, plant);
                self.happened("received", key, None, mass_kg);
                self.tend(plant, answer).await;
            }
        }
    }

    /// Parts a batch by condition, as works take them in. One of a single condition stays itself.
    async fn part(&mut self, batch: BatchId, by: &str) -> SmallVec<[BatchId; 4]> {
        let Some(cargo) = self.cargo.get(&batch).copied() else { return SmallVec::new() };
        let parts = intake::by_condition(&cargo.material);
        if parts.len() < 2 {
            return SmallVec::from_slice(&[batch]);
        }
        let proof = Proof::new(Evidence::Weighbridge, by.to_owned());
        let split = CustodyCommand::Split { batch, at: self.now, parts: parts.clone(), proof };
        let begun: SmallVec<[BatchId; 4]> =
            self.booked(self.now, [split]).await.events[0].begun().into_iter().collect();
        self.cargo.remove(&batch);
        for (id, material) in begun.iter().zip(parts) {
            self.cargo.insert(*id, Cargo { material, ..cargo });
        }
        begun
    }

    /// Lets a plant do what is due.
    pub(super) async fn wake_plant(&mut self, plant: usize) {
        if self.plant_wakes[plant] == Some(self.now) {
            self.plant_wakes[plant] = None;
            let answer = self.plants[plant].tell(self.now, [WorksCommand::Wake]).await;
            self.tend(plant, answer).await;
        }
    }

    /// Books what a plant has done, and sees when it has something to do again.
    async fn tend(&mut self, plant: usize, answer: Answer<Works>) {
        for event in &answer.events {
            match event {
                WorksEvent::Began { at, stage: 0, lot, .. } => {
                    self.begun(plant, intake::batch_id(*lot), *at).await;
                }
                WorksEvent::Processed { lot, products, .. } => {
                    let batch = intake::batch_id(*lot);
                    if let Some(cargo) = self.cargo.remove(&batch) {
                        let outputs = intake::shared_out(&cargo.material, products);
                        self.worked(plant, batch, cargo, outputs).await;
                    }
                }
                _ => {}
            }
        }
        if let Some(at) = answer.view.wake_at.map(|at| at.max(self.now))
            && self.plant_wakes[plant] != Some(at)
        {
            self.plant_wakes[plant] = Some(at);
            self.agenda.add(at, Action::Plant(plant));
        }
    }

    /// A plant began with a batch.
    async fn begun(&mut self, plant: usize, batch: BatchId, at: Time) {
        let (position, name) = self.site_place(Site::Gate(plant));
        let to = match works_kind(self.cleanup().file.plants[plant].work) {
            Kind::Sorting => Stage::Sorting,
            _ => Stage::Processing,
        };
        let proof = Proof::new(Evidence::Document, name.clone());
        let report = Box::new(Report::new(at, Place::facility(name, position), proof));
        self.booked(self.now, [CustodyCommand::Advance { batch, to, report }]).await;
    }

    /// A plant is through with a batch: what it became goes on or is disposed of.
    async fn worked(&mut self, plant: usize, batch: BatchId, cargo: Cargo, outputs: Outputs) {
        let now = self.now;
        let (position, name) = self.site_place(Site::Gate(plant));
        let kind = works_kind(self.cleanup().file.plants[plant].work);
        let report = |at: Time, evidence| {
            Box::new(Report::new(
                at,
                Place::facility(name.clone(), position),
                Proof::new(evidence, name.clone()),
            ))
        };
        // Parts of nothing are none: a batch that goes one way whole stays itself.
        let (passed, rejected) = (outputs.passed, outputs.rejected);
        let (mut good, mut bad) = (None, None);
        if passed.mass_kg() > 0.0 && rejected.mass_kg() > 0.0 {
            let proof = Proof::new(Evidence::Weighbridge, name.clone());
            let split = CustodyCommand::Split { batch, at: now, parts: vec![passed, rejected], proof };
            let parts = self.booked(now, [split]).await.events[0].begun();
            (good, bad) = (parts.first().copied(), parts.get(1).copied());
        } else if passed.mass_kg() > 0.0 {
            good = Some(batch);
        } else {
            bad = Some(batch);
        }
        if let Some(batch) = bad {
            let end = CustodyCommand::Advance {
                batch,
                to: Stage::Disposed,
                report: report(now, Evidence::Document),
            };
            self.booked(now, [end]).await;
            self.ended(rejected.mass_kg(), cargo.since);
        }
        let Some(batch) = good else { return };
        match kind {
            Kind::Sorting => {
                self.cargo.insert(batch, Cargo { material: passed, ..cargo });
                let store = YardCommand::Store { batch, mass_kg: passed.mass_kg() };
                self.gates[plant].tell(now, [store]).await;
                self.agenda.add(now, Action::Dispatch(Site::Gate(plant)));
            }
            _ => {
                let end = CustodyCommand::Advance {
                    batch,
                    to: Stage::Recycled,
                    report: report(now, Evidence::Weighbridge),
                };
                self.booked(now, [end]).await;
                self.own.recycled.add(&passed);
                self.ended(passed.mass_kg(), cargo.since);
                let key = self.key(Member::Plant, plant);
                self.happened("recycled", key, None, passed.mass_kg());
            }
        }
    }

    fn ended(&mut self, mass_kg: f64, since: Time) {
        self.own.ended_kg += mass_kg;
        self.own.waited_kg_days += mass_kg * (self.now - since) as f64 / DAY_MS as f64;
    }
}
