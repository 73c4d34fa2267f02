//! What a cleanup leaves behind: rows on the way, sums at the end, the map and the flows.

use super::model::works_kind;
use super::zone::{CleanupZone, Own, mean_carbon_kg_per_kwh};
use crate::engine::model::VariantModel;
use crate::engine::tally::{Ending, Key, Member, Sample, Tally};
use crate::results::atlas::{Area, Atlas, Flow, Spot, Track};
use crate::results::record::Subject;
use std::collections::BTreeMap;
use twin::facility::line::Kind;
use twin::facility::works::Works;
use twin::plastic::custody::MassLedger;
use twin::plastic::factors::{DIESEL_KG_CO2E_PER_L, GHOST_NET_KG, virgin_avoided_kg_co2e};
use twin::plastic::gear::Method;
use twin::plastic::haulage::TruckLedger;
use twin::plastic::intake;
use twin::plastic::swept::Swept;
use twin::plastic::team::{TeamCommand, TeamLedger};
use twin::time::{DAY_MS, Time};
use twin::twin::Twin;
use twin::vessel::{VesselCommand, VesselLedger};

/// A map shows tracks of so long a time, up to the end: more would hide each other.
const TRACK_MS: i64 = 180 * DAY_MS;

/// What the rows of a key are called.
pub fn name(model: &VariantModel, cleanup: u32, member: Member, number: u32) -> Subject {
    let of = &model.cleanups[cleanup as usize];
    let (file, number) = (&of.file, number as usize);
    let within = |name: &str| format!("{}/{name}", file.name);
    let (kind, id) = match member {
        Member::Whole => ("cleanup", file.name.clone()),
        Member::Ground => ("ground", within(&file.grounds[number].name)),
        Member::Vessel => ("vessel", within(&of.vessels[number].name)),
        Member::Team => ("team", within(&of.teams[number].name)),
        Member::Port => ("port", within(&file.ports[number].name)),
        Member::Truck => ("truck", within(&format!("truck-{}", number + 1))),
        Member::Plant => ("plant", within(&file.plants[number].name)),
    };
    Subject { kind, id }
}

/// Adds the figures of one cleanup to those of a world: amounts add up; of shares and gaps the largest stands.
pub fn add_figures(world: &mut BTreeMap<&'static str, f64>, cleanup: &BTreeMap<&'static str, f64>) {
    for (name, value) in cleanup {
        let known = world.entry(name).or_insert(0.0);
        let is_amount =
            !["_pct", "_ppb", "_days", "per_kg_collected_kg"].iter().any(|end| name.ends_with(end));
        *known = if is_amount { *known + value } else { known.max(*value) };
    }
}

/// Everything that its twins say at one instant.
struct Inventory {
    vessels: Vec<(VesselLedger, f64, Gaps)>,
    teams: Vec<(TeamLedger, f64, f64)>,
    book: MassLedger,
    /// Waiting in ports, and behind sorting plants [kg].
    ports_kg: f64,
    gates_kg: f64,
    /// On trucks to sorting, and to recycling [kg].
    road_kg: [f64; 2],
    plants: Vec<(Kind, PlantLedger)>,
    trucks: Vec<TruckLedger>,
}

/// What does not add up with a vessel: mass [kg], fuel [l], energy [Wh].
type Gaps = (f64, f64, f64);

/// Sums of a plant: `received = passed + rejected + in work`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct PlantLedger {
    received_kg: f64,
    passed_kg: f64,
    rejected_kg: f64,
    /// Taken in and not through, each kilogram counted where it is.
    in_work_kg: f64,
    energy_kwh: f64,
    carbon_kg: f64,
    lots: f64,
    passage_h: f64,
}

impl PlantLedger {
    fn of(works: &Works, now: Time) -> Self {
        let (books, unfinished) = (works.books(now), works.unfinished().total_kg());
        Self {
            received_kg: books.received.total_kg(),
            passed_kg: books.products.total_kg(),
            // Residue of lots that are not through goes when they are.
            rejected_kg: books.residue.total_kg() - (unfinished - works.in_hand().total_kg()),
            in_work_kg: unfinished,
            energy_kwh: books.electricity_kwh + books.standby_kwh,
            carbon_kg: books.process_carbon_kg + books.standby_carbon_kg,
            lots: books.lots_done as f64,
            passage_h: books.passage_s / 3600.0,
        }
    }

    fn gap_kg(&self) -> f64 {
        self.received_kg - self.passed_kg - self.rejected_kg - self.in_work_kg
    }
}

impl Inventory {
    fn sum_of_plants(&self, kind: Kind, of: fn(&PlantLedger) -> f64) -> f64 {
        self.plants.iter().filter(|(known, _)| *known == kind).map(|(_, ledger)| of(ledger)).sum()
    }

    /// In holds, on quays, in skips [kg].
    fn aboard_kg(&self) -> f64 {
        self.vessels.iter().map(|(_, kg, _)| kg).sum::<f64>()
            + self.teams.iter().map(|(_, kg, _)| kg).sum::<f64>()
    }

    fn caught_kg(&self) -> f64 {
        let of_vessels: f64 = self.vessels.iter().map(|(ledger, ..)| ledger.caught_kg).sum();
        of_vessels + self.teams.iter().map(|(ledger, ..)| ledger.caught_kg).sum::<f64>()
    }

    /// Landed and neither recycled nor disposed of, counted where it is [kg].
    fn ashore_kg(&self) -> f64 {
        let in_work: f64 = self.plants.iter().map(|(_, ledger)| ledger.in_work_kg).sum();
        self.ports_kg + self.gates_kg + self.road_kg[0] + self.road_kg[1] + in_work
    }

    /// Emissions [kg CO2e]: of vessels and teams, of trucks, of plants.
    fn carbon_kg(&self, grid_kg_per_kwh: f64) -> [f64; 3] {
        let of_vessels: f64 = self
            .vessels
            .iter()
            .map(|(ledger, ..)| ledger.fuel_carbon_kg() + ledger.shore_wh * 1e-3 * grid_kg_per_kwh)
            .sum();
        let of_teams: f64 = self.teams.iter().map(|(ledger, ..)| ledger.fuel_l * DIESEL_KG_CO2E_PER_L).sum();
        [
            of_vessels + of_teams,
            self.trucks.iter().map(|ledger| ledger.carbon_kg).sum(),
            self.plants.iter().map(|(_, ledger)| ledger.carbon_kg).sum(),
        ]
    }
}

impl CleanupZone {
    async fn inventory(&mut self) -> Inventory {
        let now = self.now;
        let mut vessels = Vec::with_capacity(self.vessels.len());
        for vessel in &mut self.vessels {
            let view = vessel.tell(now, [VesselCommand::CatchUp]).await.view;
            let gaps =
                vessel.look(|v| (v.mass_gap_kg(), v.fuel_gap_l(), v.state().ledger.energy_gap_wh())).await;
            vessels.push((view.ledger, view.hold_kg + view.quay_kg, gaps));
        }
        let mut teams = Vec::with_capacity(self.teams.len());
        for team in &mut self.teams {
            let view = team.tell(now, [TeamCommand::CatchUp]).await.view;
            let gap_kg = team.look(twin::plastic::team::Team::gap_kg).await;
            teams.push((view.ledger, view.held_kg, gap_kg));
        }
        let (mut ports_kg, mut gates_kg) = (0.0, 0.0);
        for port in &mut self.ports {
            ports_kg += port.look(twin::plastic::haulage::Yard::stock_kg).await;
        }
        for gate in &mut self.gates {
            gates_kg += gate.look(twin::plastic::haulage::Yard::stock_kg).await;
        }
        let mut plants = Vec::with_capacity(self.plants.len());
        for (index, plant) in self.plants.iter_mut().enumerate() {
            let kind = works_kind(self.model.cleanups[self.index].file.plants[index].work);
            plants.push((kind, plant.look(move |works| PlantLedger::of(works, now)).await));
        }
        let (mut trucks, mut road_kg) = (Vec::with_capacity(self.trucks.len()), [0.0; 2]);
        for (index, truck) in self.trucks.iter_mut().enumerate() {
            let view = truck.look(move |t| t.view(now)).await;
            let kind = plants[self.lorries[index].to].0;
            road_kg[usize::from(kind == Kind::Recycling)] += view.load_kg;
            trucks.push(view.ledger);
        }
        let book = self.book.look(twin::plastic::custody::Custody::ledger).await;
        Inventory { vessels, teams, book, ports_kg, gates_kg, road_kg, plants, trucks }
    }

    fn record(&mut self, key: Key, metric: &'static str, value: f64) {
        self.tally.samples.push(Sample { at: self.now, key, metric, value });
    }

    /// Rows of one instant.
    pub(in crate::engine) async fn sample(&mut self) {
        let now = self.now;
        let inventory = self.inventory().await;
        let whole = self.key(Member::Whole, 0);
        self.record(whole, "collected_kg", inventory.caught_kg());
        self.record(whole, "landed_kg", inventory.book.registered_kg);
        self.record(whole, "recycled_kg", inventory.book.recycled_kg);
        self.record(whole, "disposed_kg", inventory.book.disposed_kg);
        self.record(whole, "waiting_in_ports_kg", inventory.ports_kg);
        for vessel in 0..self.vessels.len() {
            let view = self.vessels[vessel].look(move |v| v.view(now)).await;
            let key = self.key(Member::Vessel, vessel);
            self.record(key, "hold_full_pct", 100.0 * view.filled);
            self.record(key, "caught_kg", view.ledger.caught_kg);
            self.record(key, "tracker_level_pct", 100.0 * view.tracker_level);
            if view.ledger.initial_l > 0.0 {
                self.record(key, "tank_l", view.tank_l);
            }
            if let Some(soc) = view.soc {
                self.record(key, "soc", soc);
            }
        }
        for team in 0..self.teams.len() {
            let caught_kg = inventory.teams[team].0.caught_kg;
            let key = self.key(Member::Team, team);
            self.record(key, "caught_kg", caught_kg);
        }
        for ground in 0..self.grounds.len() {
            let density = self.grounds[ground].look(move |g| g.view(now).density_kg_per_km2).await;
            let key = self.key(Member::Ground, ground);
            self.record(key, "density_kg_per_km2", density);
        }
        for plant in 0..self.plants.len() {
            let load_kg = self.cleanup().file.trucks.capacity_t * 1e3;
            let (view, passage_h) = self.plants[plant]
                .look(move |works| {
                    // Of a truckload, or of what there is room for.
                    let load_kg = load_kg.min(works.room_kg());
                    (works.view(now), intake::passage_h(works, load_kg, now))
                })
                .await;
            let key = self.key(Member::Plant, plant);
            self.record(key, "queued_kg", view.queued_kg);
            self.record(key, "in_work_kg", view.in_work_kg);
            if let Some(hours) = passage_h {
                self.record(key, "expected_passage_days", hours / 24.0);
            }
        }
    }

    /// Concludes the zone as of now.
    pub async fn conclude(mut self) -> Tally {
        self.sample().await;
        let inventory = self.inventory().await;
        self.endings(&inventory).await;
        self.tally.figures = figures(&self, &inventory);
        let mut grounds_gap_kg = 0.0;
        for ground in &mut self.grounds {
            let (gap_kg, scale_kg) =
                ground.look(|g| (g.gap_kg(), g.view(Time(i64::MIN / 4)).ledger.initial_kg)).await;
            grounds_gap_kg = f64::max(grounds_gap_kg, gap_kg.abs() / scale_kg.max(1.0));
        }
        self.tally.figures.insert("ground_balance_gap_ppb", grounds_gap_kg * 1e9);
        let atlas = self.atlas(&inventory).await;
        self.tally.atlas = Some(atlas);
        self.tally
    }

    async fn endings(&mut self, inventory: &Inventory) {
        let now = self.now;
        for vessel in 0..self.vessels.len() {
            let view = self.vessels[vessel].look(move |v| v.view(now)).await;
            let ledger = inventory.vessels[vessel].0;
            let ship = self.ships[vessel];
            if let Some(from) = ship.tows_from {
                self.swept[vessel].tow(from, view.position);
            }
            let values = vec![
                ("caught_kg", ledger.caught_kg),
                ("landed_kg", ledger.landed_kg),
                ("cleared_km2", ledger.cleared_km2),
                ("distance_km", ledger.distance_km),
                ("collecting_h", ledger.collecting_h),
                ("sailing_h", ledger.sailing_h),
                ("berthed_h", ledger.berthed_h),
                ("adrift_h", ledger.adrift_h),
                ("waited_h", ship.waited_h),
                ("trips", ship.trips as f64),
                ("fuel_l", ledger.burnt_l),
                ("engine_kwh", ledger.engine_wh * 1e-3),
                ("shore_kwh", ledger.shore_wh * 1e-3),
                ("energy_in_kwh", ledger.battery_in_wh * 1e-3),
                ("energy_out_kwh", ledger.battery_out_wh * 1e-3),
                ("soc", view.soc.unwrap_or(f64::NAN)),
                ("soh", view.soh.unwrap_or(f64::NAN)),
            ];
            let values = values.into_iter().filter(|(_, value)| value.is_finite()).collect();
            let group = self.group(vessel).name.clone();
            let key = self.key(Member::Vessel, vessel);
            self.tally.endings.push(Ending { key, group, values });
        }
        for team in 0..self.teams.len() {
            let ledger = inventory.teams[team].0;
            let group = self.cleanup().file.teams[self.cleanup().teams[team].group].name.clone();
            let values = vec![
                ("caught_kg", ledger.caught_kg),
                ("landed_kg", ledger.landed_kg),
                ("cleared_km2", ledger.cleared_km2),
                ("collecting_h", ledger.worked_h),
                ("fuel_l", ledger.fuel_l),
            ];
            let key = self.key(Member::Team, team);
            self.tally.endings.push(Ending { key, group, values });
        }
        for (plant, (kind, ledger)) in inventory.plants.iter().enumerate() {
            let values = vec![
                ("received_kg", ledger.received_kg),
                ("passed_kg", ledger.passed_kg),
                ("rejected_kg", ledger.rejected_kg),
                ("energy_kwh", ledger.energy_kwh),
                ("carbon_kg", ledger.carbon_kg),
            ];
            let group = if *kind == Kind::Sorting { "sorting" } else { "recycling" };
            let key = self.key(Member::Plant, plant);
            self.tally.endings.push(Ending { key, group: group.into(), values });
        }
        for (truck, ledger) in inventory.trucks.iter().enumerate() {
            let values = vec![
                ("trips", ledger.trips),
                ("landed_kg", ledger.delivered_kg),
                ("distance_km", ledger.loaded_km),
            ];
            let key = self.key(Member::Truck, truck);
            self.tally.endings.push(Ending { key, group: "truck".into(), values });
        }
    }

    async fn atlas(&mut self, inventory: &Inventory) -> Atlas {
        let mut tracks = Vec::new();
        let since = self.now + -TRACK_MS;
        for vessel in 0..self.vessels.len() {
            let rounded = |deg: f64| (deg * 1e3).round() * 1e-3;
            let points = self.vessels[vessel]
                .look(move |v| {
                    let point = |fix: &twin::vessel::Fix| {
                        (rounded(fix.position.latitude_deg), rounded(fix.position.longitude_deg))
                    };
                    v.track().iter().filter(|fix| fix.at >= since).map(point).collect()
                })
                .await;
            tracks.push(Track { name: self.cleanup().vessels[vessel].name.clone(), points });
        }
        let file = &self.cleanup().file;
        let areas = file.grounds.iter().map(|ground| Area {
            name: ground.name.clone(),
            south_deg: ground.south_deg,
            north_deg: ground.north_deg,
            west_deg: ground.west_deg,
            east_deg: ground.east_deg,
        });
        let ports = file.ports.iter().map(|port| Spot {
            name: port.name.clone(),
            kind: "port".into(),
            latitude_deg: port.latitude_deg,
            longitude_deg: port.longitude_deg,
        });
        let plants = file.plants.iter().map(|plant| Spot {
            name: plant.name.clone(),
            kind: "plant".into(),
            latitude_deg: plant.latitude_deg,
            longitude_deg: plant.longitude_deg,
        });
        Atlas {
            areas: areas.collect(),
            spots: ports.chain(plants).collect(),
            tracks,
            flows: flows(&self.own, inventory),
        }
    }
}

/// Amounts from stage to stage. What enters a stage leaves it, or is still there.
fn flows(own: &Own, inventory: &Inventory) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut flow = |from: &str, to: &str, mass_kg: f64| {
        if mass_kg > 1e-9 {
            flows.push(Flow { from: from.into(), to: to.into(), mass_kg });
        }
    };
    for (method, landed_kg) in Method::ALL.iter().zip(own.landed_kg) {
        flow(method_label(*method), "Landed", landed_kg);
    }
    flow("Vessels", "Still under way", inventory.vessels.iter().map(|(_, kg, _)| kg).sum());
    flow("Teams' skips", "Still under way", inventory.teams.iter().map(|(_, kg, _)| kg).sum());
    let (sorting, recycling) = (Kind::Sorting, Kind::Recycling);
    flow("Landed", "Still under way", inventory.ports_kg + inventory.road_kg[0]);
    flow("Landed", "Sorting", inventory.sum_of_plants(sorting, |ledger| ledger.received_kg));
    let waiting_kg = inventory.gates_kg + inventory.road_kg[1];
    let in_sorting_kg = inventory.sum_of_plants(sorting, |ledger| ledger.in_work_kg);
    flow("Sorting", "Still under way", in_sorting_kg + waiting_kg);
    flow("Sorting", "Disposed", inventory.sum_of_plants(sorting, |ledger| ledger.rejected_kg));
    flow("Sorting", "Recycling", inventory.sum_of_plants(recycling, |ledger| ledger.received_kg));
    flow("Recycling", "Still under way", inventory.sum_of_plants(recycling, |ledger| ledger.in_work_kg));
    flow("Recycling", "Disposed", inventory.sum_of_plants(recycling, |ledger| ledger.rejected_kg));
    flow("Recycling", "Recycled", inventory.sum_of_plants(recycling, |ledger| ledger.passed_kg));
    flows
}

fn method_label(method: Method) -> &'static str {
    match method {
        Method::VesselNet => "Vessels",
        Method::BeachCleanup => "Beach crews",
        Method::RiverTrap => "River traps",
        Method::UnderwaterCollection => "Divers",
    }
}

fn figures(zone: &CleanupZone, inventory: &Inventory) -> BTreeMap<&'static str, f64> {
    let (own, book) = (&zone.own, &inventory.book);
    let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
    let vessels =
        |of: fn(&VesselLedger) -> f64| inventory.vessels.iter().map(|(ledger, ..)| of(ledger)).sum::<f64>();
    let teams =
        |of: fn(&TeamLedger) -> f64| inventory.teams.iter().map(|(ledger, ..)| of(ledger)).sum::<f64>();
    let caught_kg = inventory.caught_kg();
    let [collection_kg, transport_kg, processing_kg] =
        inventory.carbon_kg(mean_carbon_kg_per_kwh(&zone.model));
    let avoided_kg = virgin_avoided_kg_co2e(&own.recycled);
    let total_kg = collection_kg + transport_kg + processing_kg;
    let hours = vessels(|l| l.collecting_h + l.sailing_h + l.berthed_h + l.adrift_h);
    // Mass: what was caught is aboard, ashore, recycled or disposed of, each counted where it is.
    let mass_gap_kg =
        caught_kg - inventory.aboard_kg() - inventory.ashore_kg() - book.recycled_kg - book.disposed_kg;
    let worst = |of: fn(&Gaps, &VesselLedger) -> f64| {
        inventory.vessels.iter().map(|(ledger, _, gaps)| of(gaps, ledger)).fold(0.0, f64::max)
    };
    let energy_gap = worst(|gaps, l| gaps.2.abs() / (l.engine_wh + l.battery_out_wh + l.shore_wh).max(1.0));
    let fuel_gap = worst(|gaps, l| gaps.1.abs() / (l.initial_l + l.bunkered_l).max(1.0));
    let hold_gap = worst(|gaps, l| gaps.0.abs() / l.caught_kg.max(1.0));
    let book_gap = share(book.gap_kg().abs(), book.registered_kg);
    let plant_gap = inventory
        .plants
        .iter()
        .map(|(_, ledger)| share(ledger.gap_kg().abs(), ledger.received_kg))
        .fold(0.0, f64::max);
    let passage_h = |kind: Kind| {
        share(
            inventory.sum_of_plants(kind, |ledger| ledger.passage_h),
            inventory.sum_of_plants(kind, |ledger| ledger.lots),
        )
    };
    let waited_h: f64 = zone.ships.iter().map(|ship| ship.waited_h).sum();
    BTreeMap::from([
        ("plastic_collected_kg", caught_kg),
        ("collected_by_vessels_kg", vessels(|l| l.caught_kg)),
        ("collected_by_teams_kg", teams(|l| l.caught_kg)),
        ("plastic_landed_kg", book.registered_kg),
        ("plastic_recycled_kg", book.recycled_kg),
        ("plastic_disposed_kg", book.disposed_kg),
        ("aboard_at_end_kg", inventory.aboard_kg()),
        ("ashore_at_end_kg", inventory.ashore_kg()),
        ("recycled_share_pct", 100.0 * share(book.recycled_kg, book.recycled_kg + book.disposed_kg)),
        ("ghost_nets_landed_equivalents", own.nets_kg / GHOST_NET_KG),
        ("area_cleared_km2", vessels(|l| l.cleared_km2) + teams(|l| l.cleared_km2)),
        // Over ground, and once however often; what is cleared above is water that went through nets.
        ("area_swept_km2", zone.swept.iter().map(Swept::area_km2).sum()),
        ("vessel_trips_total", zone.ships.iter().map(|ship| ship.trips as f64).sum()),
        ("time_collecting_pct", 100.0 * share(vessels(|l| l.collecting_h), hours)),
        ("time_sailing_pct", 100.0 * share(vessels(|l| l.sailing_h), hours)),
        ("time_adrift_pct", 100.0 * share(vessels(|l| l.adrift_h), hours)),
        ("waiting_for_yard_h", waited_h),
        ("breakdowns_total", own.breakdowns),
        ("vessels_stranded_total", own.stranded),
        ("days_from_landing_to_end_days", share(own.waited_kg_days, own.ended_kg)),
        ("fuel_burnt_l", vessels(|l| l.burnt_l) + teams(|l| l.fuel_l)),
        ("fuel_energy_kwh", vessels(VesselLedger::fuel_wh) * 1e-3),
        ("shore_energy_kwh", vessels(|l| l.shore_wh) * 1e-3),
        ("vessel_battery_energy_kwh", vessels(|l| l.battery_out_wh) * 1e-3),
        ("plant_energy_kwh", inventory.plants.iter().map(|(_, ledger)| ledger.energy_kwh).sum()),
        ("freight_tkm", inventory.trucks.iter().map(|ledger| ledger.freight_tkm).sum()),
        ("collection_carbon_kg", collection_kg),
        ("road_carbon_kg", transport_kg),
        ("processing_carbon_kg", processing_kg),
        ("total_carbon_kg", total_kg),
        ("virgin_carbon_avoided_kg", avoided_kg),
        ("net_carbon_kg", total_kg - avoided_kg),
        ("carbon_per_kg_collected_kg", share(total_kg, caught_kg)),
        (
            "mass_balance_gap_ppb",
            1e9 * share(mass_gap_kg.abs(), caught_kg).max(book_gap).max(hold_gap).max(plant_gap),
        ),
        ("sorting_passage_days", passage_h(Kind::Sorting) / 24.0),
        ("recycling_plant_passage_days", passage_h(Kind::Recycling) / 24.0),
        ("energy_balance_gap_ppb", 1e9 * energy_gap),
        ("fuel_balance_gap_ppb", 1e9 * fuel_gap),
    ])
}
