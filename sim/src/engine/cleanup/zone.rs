//! The zone of a cleanup: its twins, and what is due among them in order of (time, sequence number).

use super::model::CleanupModel;
use crate::engine::agenda::Agenda;
use crate::engine::happenings::Happening;
use crate::engine::model::VariantModel;
use crate::engine::player::{Hosting, Player};
use crate::engine::tally::{Key, Member, Tally};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::battery::Battery;
use twin::battery::integrate::Stepping;
use twin::facility::works::Works;
use twin::forcing::Ambient;
use twin::geo::Position;
use twin::plastic::batch::BatchId;
use twin::plastic::custody::{Custody, CustodyEvent};
use twin::plastic::ground::Ground;
use twin::plastic::haulage::{Truck, Yard};
use twin::plastic::material::Material;
use twin::plastic::swept::Swept;
use twin::plastic::team::Team;
use twin::rng::Seed;
use twin::time::{HOUR_MS, Time};
use twin::vessel::Vessel;

/// Weather changes so often.
pub(super) const STIR_MS: i64 = 6 * HOUR_MS;
/// What could not be done is tried again after so long.
pub(super) const RETRY_MS: i64 = 6 * HOUR_MS;

/// Something due.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    /// A vessel is done with what it did; the number tells later plans from overtaken ones.
    Vessel(usize, u64),
    /// A part of a vessel breaks: vessel, breakdown.
    Break(usize, usize),
    /// It is mended.
    Mend(usize, usize),
    /// A team's shift begins.
    ShiftBegins(usize),
    /// It ends.
    ShiftEnds(usize),
    /// The weather's part of currents changes.
    Stir,
    /// Somebody looks whether a truck can go from a yard.
    Dispatch(Site),
    /// A truck has brought its load.
    Delivered(usize),
    /// A truck is back.
    Back,
    /// A plant has something to do by itself.
    Plant(usize),
    /// Rows are recorded.
    Sample,
}

/// A yard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Site {
    /// Of a port.
    Port(usize),
    /// Behind a sorting plant.
    Gate(usize),
}

/// What a vessel is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Ready in port.
    Home,
    /// On the way out.
    Outbound,
    /// At work.
    Working,
    /// On the way in.
    Homebound,
    /// Bringing the catch ashore.
    Unloading,
    /// The season is over for it.
    Laid,
}

/// A vessel as its zone knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ship {
    pub(super) phase: Phase,
    /// Number of its latest plan.
    pub(super) plan: u64,
    pub(super) ground: usize,
    pub(super) port: usize,
    pub(super) left: Time,
    pub(super) trips: u64,
    pub(super) hauls: u64,
    /// Allotted by the ground and not settled: mass, and what the vessel had caught before [kg].
    pub(super) allotted: Option<(f64, f64)>,
    /// Where its net went out, while it tows.
    pub(super) tows_from: Option<Position>,
    /// Time that it has waited for room in a yard [h].
    pub(super) waited_h: f64,
}

/// A batch on its way through the zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cargo {
    pub(super) material: Material,
    pub(super) since: Time,
}

/// A truck as its zone knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Lorry {
    pub(super) free: Time,
    pub(super) cargo: Vec<BatchId>,
    pub(super) to: usize,
}

/// Sums that no twin keeps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Own {
    /// Landed, by method in the order of [`twin::plastic::gear::Method::ALL`] [kg].
    pub(super) landed_kg: [f64; 4],
    /// Fishing gear in that [kg].
    pub(super) nets_kg: f64,
    /// Made new.
    pub(super) recycled: Material,
    /// Mass times days from landing to the end [kg·d], and that mass [kg].
    pub(super) waited_kg_days: f64,
    pub(super) ended_kg: f64,
    /// Vessels that ran out of power at sea, and parts that broke.
    pub(super) stranded: f64,
    pub(super) breakdowns: f64,
}

/// The zone.
pub struct CleanupZone {
    pub(super) model: Arc<VariantModel>,
    pub(super) index: usize,
    pub(super) seed: Seed,
    pub(super) now: Time,
    pub(super) agenda: Agenda<Action>,
    pub(super) grounds: Vec<Player<Ground>>,
    /// Weather's part of the current over each ground, as last heard.
    pub(super) weather: Vec<(f64, f64)>,
    pub(super) vessels: Vec<Player<Vessel>>,
    pub(super) ships: Vec<Ship>,
    /// What each vessel's net went over; nothing where it has none.
    pub(super) swept: Vec<Swept>,
    pub(super) teams: Vec<Player<Team>>,
    /// Allotted to each team's shift and caught before it [kg].
    pub(super) shifts: Vec<Option<(f64, f64)>>,
    pub(super) ports: Vec<Player<Yard>>,
    pub(super) gates: Vec<Player<Yard>>,
    pub(super) plants: Vec<Player<Works>>,
    /// When each plant is to be woken.
    pub(super) plant_wakes: Vec<Option<Time>>,
    /// On the way to each plant [kg].
    pub(super) coming_kg: Vec<f64>,
    pub(super) trucks: Vec<Player<Truck>>,
    pub(super) lorries: Vec<Lorry>,
    pub(super) book: Player<Custody>,
    /// What happened to batches, where somebody watches.
    pub(super) watched: Option<Vec<CustodyEvent>>,
    pub(super) cargo: BTreeMap<BatchId, Cargo>,
    pub(super) own: Own,
    pub(in crate::engine) tally: Tally,
    next_sample: i64,
}

impl CleanupZone {
    /// Puts everything in place at the start of the run; twins are reached as `hosting` says.
    pub fn set_up(model: &Arc<VariantModel>, index: usize, seed: Seed, hosting: Hosting) -> Self {
        let cleanup: &CleanupModel = &model.cleanups[index];
        let file = &cleanup.file;
        let start = model.start;
        let named = |what: &str| format!("{}/{what}", file.name);
        let place = |latitude_deg, longitude_deg| Position { latitude_deg, longitude_deg };
        let grounds = file.grounds.iter().zip(&cleanup.grounds).map(|(file, ground)| {
            Player::new(Ground::new(ground.clone(), start), named(&file.name), seed, hosting)
        });
        let vessels = cleanup.vessels.iter().map(|plan| {
            let port = &file.ports[plan.home];
            let battery = plan.kind.map(|kind| {
                let air = Ambient { air_c: model.surroundings.air_c.clone(), shift_c: 5.0 };
                let pack = model.kinds[kind].draw(&named(&plan.name), seed);
                Battery::new(pack, air, start, 0.95, Stepping::default())
            });
            let berth = place(port.latitude_deg, port.longitude_deg);
            let vessel = Vessel::new(plan.model.clone(), battery, berth, start);
            Player::new(vessel, named(&plan.name), seed, hosting)
        });
        let teams = cleanup
            .teams
            .iter()
            .map(|plan| Player::new(Team::new(plan.model.clone(), start), named(&plan.name), seed, hosting));
        let ports = file.ports.iter().map(|port| {
            let yard = Yard::new(place(port.latitude_deg, port.longitude_deg), port.yard_t * 1e3);
            Player::new(yard, named(&port.name), seed, hosting)
        });
        // What leaves a sorting plant waits behind it, and is never more than went in; there is room.
        let gates = file.plants.iter().map(|plant| {
            let yard = Yard::new(place(plant.latitude_deg, plant.longitude_deg), f64::INFINITY);
            Player::new(yard, named(&format!("{}-gate", plant.name)), seed, hosting)
        });
        let plants = file.plants.iter().zip(&cleanup.works).map(|(plant, works)| {
            Player::new(Works::new(works.clone(), start), named(&plant.name), seed, hosting)
        });
        let trucks = (0..file.trucks.count).map(|number| {
            let of = &file.trucks;
            let truck = Truck::new(of.capacity_t * 1e3, of.speed_km_h, of.handling_h);
            Player::new(truck, named(&format!("truck-{}", number + 1)), seed, hosting)
        });
        let ship = |plan: &super::model::VesselPlan| Ship {
            phase: Phase::Home,
            plan: 0,
            ground: plan.ground,
            port: plan.home,
            left: start,
            trips: 0,
            hauls: 0,
            allotted: None,
            tows_from: None,
            waited_h: 0.0,
        };
        let mut zone = Self {
            grounds: grounds.collect(),
            weather: vec![(0.0, 0.0); file.grounds.len()],
            vessels: vessels.collect(),
            ships: cleanup.vessels.iter().map(ship).collect(),
            swept: cleanup
                .vessels
                .iter()
                .map(|plan| Swept::new(plan.model.gear.swath_m().unwrap_or(0.0)))
                .collect(),
            teams: teams.collect(),
            shifts: vec![None; cleanup.teams.len()],
            ports: ports.collect(),
            gates: gates.collect(),
            plants: plants.collect(),
            plant_wakes: vec![None; file.plants.len()],
            coming_kg: vec![0.0; file.plants.len()],
            trucks: trucks.collect(),
            lorries: vec![Lorry { free: start, ..Lorry::default() }; file.trucks.count as usize],
            book: Player::new(Custody::new(), named("custody"), seed, hosting),
            watched: None,
            cargo: BTreeMap::new(),
            own: Own::default(),
            tally: Tally::default(),
            now: start,
            agenda: Agenda::default(),
            next_sample: 1,
            index,
            seed,
            model: model.clone(),
        };
        zone.agenda.add(start, Action::Stir);
        zone.agenda.add(start, Action::Sample);
        for vessel in 0..zone.ships.len() {
            zone.next(vessel, start);
            for breakdown in 0..file.breakdowns.len() {
                zone.fail_later(vessel, breakdown);
            }
        }
        for team in 0..zone.shifts.len() {
            zone.next_shift(team);
        }
        zone
    }

    /// The cleanup.
    pub(super) fn cleanup(&self) -> &CleanupModel {
        &self.model.cleanups[self.index]
    }

    /// The name of one of its things.
    pub(super) fn key(&self, member: Member, number: usize) -> Key {
        Key::Cleanup(self.index as u32, member, number as u32)
    }

    /// When a vessel is asked next what it does; overtakes what was planned for it before.
    pub(super) fn next(&mut self, vessel: usize, at: Time) {
        self.ships[vessel].plan += 1;
        let plan = self.ships[vessel].plan;
        self.agenda.add(at.max(self.now), Action::Vessel(vessel, plan));
    }

    pub(super) fn happened(&mut self, event: &'static str, key: Key, other: Option<Key>, value: f64) {
        self.tally.happenings.push(Happening { at: self.now, event, key, other, value });
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
            Action::Vessel(vessel, plan) if self.ships[vessel].plan == plan => self.go_on(vessel).await,
            Action::Vessel(..) => {}
            Action::Break(vessel, breakdown) => self.break_part(vessel, breakdown).await,
            Action::Mend(vessel, breakdown) => self.mend_part(vessel, breakdown).await,
            Action::ShiftBegins(team) => self.begin_shift(team).await,
            Action::ShiftEnds(team) => self.end_shift(team).await,
            Action::Stir => self.stir().await,
            Action::Dispatch(site) => self.dispatch(site).await,
            Action::Delivered(truck) => self.deliver(truck).await,
            Action::Back => self.look_everywhere(),
            Action::Plant(plant) => self.wake_plant(plant).await,
            Action::Sample => {
                self.sample().await;
                let at = self.model.start + self.next_sample * self.model.interval_ms;
                self.next_sample += 1;
                if at < self.model.end {
                    self.agenda.add(at, Action::Sample);
                }
            }
        }
    }
}

/// Mean carbon intensity of electricity over the run [kg CO2e/kWh].
pub(super) fn mean_carbon_kg_per_kwh(model: &VariantModel) -> f64 {
    let (first, last) = (model.start.hour_index(), model.end.hour_index().max(model.start.hour_index() + 1));
    let sum: f64 = (first..last).map(|hour| model.surroundings.carbon_g_per_kwh.of_hour(hour)).sum();
    sum / (last - first) as f64 * 1e-3
}
