//! The part of a scenario whose devices touch each other: swap networks, cleanups, data centres. Their world runs as in a
//! what-if run, zone by zone and window by window, only as far as the clock says; the devices show how it stands.
//!
//! ```text
//!  World::report(now) ──► zones run until now ──► cabinets, packs, vessels, rooms as they stand ──► sensors, faults ──► said
//! ```

use super::{Faulty, Sensors};
use crate::engine::cast::Direct;
use crate::engine::model::VariantModel;
use crate::engine::place::{Part, Place};
use crate::engine::player::Hosting;
use crate::engine::sites::shown::CentreShown;
use crate::engine::transfer::Transfer;
use crate::engine::zone::ZonePart;
use crate::engine::zone::shown::{CabinetShown, PackShown, SwapShown};
use crate::engine::{WINDOW_MS, at_once, world_seed, zones};
use crate::scenario::cleanup::PlantWork;
use host::platform::door::{Device, Kind};
use host::platform::fault::{Abilities, Fault};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use twin::cabinet;
use twin::geo::Position;
use twin::plastic::custody::CustodyEvent;
use twin::plastic::gear::{Gear, Method};
use twin::plastic::station::Station;
use twin::rng::Seed;
use twin::time::Time;
use twin::vessel::{Task, VesselView};
use uuid::Uuid;

/// Less than this is no haul [kg].
const HAUL_MIN_KG: f64 = 0.1;

/// A device of the world.
#[derive(Debug)]
pub struct WorldDevice {
    /// What it is, and what it calls itself.
    pub device: Device,
    /// The specification that its twin is registered with.
    pub spec: Value,
    /// What can be made faulty of it.
    pub abilities: Abilities,
    faulty: Faulty,
    reports: u64,
    sensors: Option<Sensors>,
    memory: Memory,
}

/// What a device said last, so that it says what is new.
#[derive(Debug, Default)]
struct Memory {
    at: Option<Time>,
    energy_wh: f64,
    swaps: u64,
    slots: Vec<(String, Option<String>)>,
    broken: BTreeSet<(u8, usize)>,
    caught_kg: f64,
    landed_kg: f64,
}

/// Somebody who brings plastic in: a vessel, or a team.
#[derive(Debug, Clone, PartialEq)]
pub struct Collecting {
    /// Name of its device.
    pub device: String,
    /// The cleanup.
    pub organisation: String,
    /// How.
    pub method: Method,
    /// What it carries [kg].
    pub hold_kg: Option<f64>,
    /// What it sweeps [m].
    pub swath_m: Option<f64>,
}

/// A plant of a cleanup.
#[derive(Debug, Clone, PartialEq)]
pub struct WorksSite {
    /// Which cleanup.
    pub cleanup: usize,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub station: Station,
    /// Where it stands.
    pub position: Position,
    /// What it works through in a day [kg].
    pub daily_kg: f64,
}

/// What happened to a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Booked {
    /// Which cleanup.
    pub cleanup: usize,
    /// Its name.
    pub organisation: String,
    /// What.
    pub event: CustodyEvent,
}

/// What a device says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A reading.
    Reading(Value),
    /// Something that happened.
    Event(Value),
}

/// The world.
pub struct World {
    model: Arc<VariantModel>,
    parts: Vec<Part>,
    zones: Vec<Place<Direct>>,
    now: Time,
    window_ends: Time,
    seed: Seed,
    devices: Vec<WorldDevice>,
    /// Devices by what they are in the model.
    cabinets: BTreeMap<(u32, u32), usize>,
    packs: BTreeMap<(u32, u32), usize>,
    vessels: BTreeMap<(usize, usize), usize>,
    centres: BTreeMap<usize, usize>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .field("devices", &self.devices.len())
            .finish_non_exhaustive()
    }
}

/// Faults of a device, as somebody knows them.
pub type FaultsOf<'a> = &'a dyn Fn(&Device) -> Vec<(Uuid, Fault)>;

impl World {
    /// The world of a variant; nothing where there is neither a network nor a cleanup nor a data centre in it.
    pub fn of(model: &Arc<VariantModel>) -> Option<Self> {
        let seed = world_seed(model, 0);
        // Packs with a duty of their own are plants of their own.
        let apart = |part: &Part| matches!(part, Part::Zone(ZonePart::Packs { .. }, _) | Part::Cells { .. });
        let parts: Vec<Part> = zones(model).into_iter().filter(|part| !apart(part)).collect();
        let shows = |part: &Part| matches!(part, Part::Zone(..) | Part::DataCentre(_) | Part::Cleanup(_));
        if !parts.iter().any(shows) {
            return None;
        }
        let set_up = |part: &Part| {
            let mut place =
                at_once(Place::set_up(model.clone(), *part, seed, Direct::default(), Hosting::Direct));
            match &mut place {
                Place::Zone(zone) => zone.watch(),
                Place::Cleanup(zone) => zone.watch(),
                Place::DataCentre(_) | Place::Cells(_) | Place::SecondLife(_) => {}
            }
            place
        };
        let zones = parts.iter().map(set_up).collect();
        let mut world = Self {
            zones,
            parts,
            now: model.start,
            window_ends: (model.start + WINDOW_MS).min(model.end),
            seed,
            devices: Vec::new(),
            cabinets: BTreeMap::new(),
            packs: BTreeMap::new(),
            vessels: BTreeMap::new(),
            centres: BTreeMap::new(),
            model: model.clone(),
        };
        world.add_devices();
        Some(world)
    }

    /// Its devices.
    pub fn devices(&self) -> &[WorldDevice] {
        &self.devices
    }

    /// Everybody who brings plastic in.
    pub fn collectors(&self) -> Vec<Collecting> {
        let mut all = Vec::new();
        for of in &self.model.cleanups {
            let named = |name: &str| format!("{}-{name}", of.file.name);
            let organisation = of.file.name.clone();
            all.extend(of.vessels.iter().map(|plan| Collecting {
                device: named(&plan.name),
                organisation: organisation.clone(),
                method: plan.model.gear.method(),
                hold_kg: Some(plan.model.hold.mass_max_kg),
                swath_m: match plan.model.gear {
                    Gear::Net { swath_m, .. } => Some(swath_m),
                    _ => None,
                },
            }));
            all.extend(of.teams.iter().map(|plan| Collecting {
                device: named(&plan.name),
                organisation: organisation.clone(),
                method: plan.model.gear.method(),
                hold_kg: None,
                swath_m: None,
            }));
        }
        all
    }

    /// Plants of its cleanups.
    pub fn works(&self) -> Vec<WorksSite> {
        let cleanups = self.model.cleanups.iter().enumerate();
        let sites = cleanups.flat_map(|(cleanup, of)| {
            of.file.plants.iter().map(move |plant| WorksSite {
                cleanup,
                name: plant.name.clone(),
                station: match plant.work {
                    PlantWork::Sorting => Station::Sorting,
                    PlantWork::Recycling => Station::Recycling,
                },
                position: Position { latitude_deg: plant.latitude_deg, longitude_deg: plant.longitude_deg },
                daily_kg: plant.kg_per_h * 24.0,
            })
        });
        sites.collect()
    }

    /// What happened to batches of cleanups since somebody asked last, in order for each.
    pub fn take_custody(&mut self) -> Vec<Booked> {
        let mut taken = Vec::new();
        for (zone, part) in self.zones.iter_mut().zip(&self.parts) {
            if let (Place::Cleanup(zone), Part::Cleanup(cleanup)) = (zone, part) {
                let organisation = &self.model.cleanups[*cleanup].file.name;
                taken.extend(zone.take_custody().into_iter().map(|event| Booked {
                    cleanup: *cleanup,
                    organisation: organisation.clone(),
                    event,
                }));
            }
        }
        taken
    }

    /// When it ends; from then on nothing is reported.
    pub fn ends(&self) -> Time {
        self.model.end
    }

    fn add(
        &mut self,
        kind: Kind,
        name: String,
        spec: Value,
        abilities: Abilities,
        sensors: Option<Sensors>,
    ) -> usize {
        let device = Device { kind, id: name.into() };
        let (faulty, memory) = (Faulty::default(), Memory::default());
        self.devices.push(WorldDevice { device, spec, abilities, faulty, reports: 0, sensors, memory });
        self.devices.len() - 1
    }

    fn add_devices(&mut self) {
        let model = self.model.clone();
        let able = |metrics: &[&str]| Abilities {
            metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
            ..Abilities::default()
        };
        for (network, of) in model.networks.iter().enumerate() {
            let file = &of.file;
            for number in 0..file.cabinets.count {
                let slots = file.cabinets.slots;
                let spec = json!({ "slots": slots, "charger_kw": file.cabinets.charger_kw });
                let able =
                    able(&["power_w", "energy_kwh", "ambient_c", "slots_free", "batteries_ready", "queue"]);
                let abilities = Abilities { faults: vec!["charger", "slot", "cabinet"], slots, ..able };
                let name = format!("{}-cabinet-{}", file.name, number + 1);
                let device = self.add(Kind::Cabinet, name, spec, abilities, None);
                self.cabinets.insert((network as u32, number), device);
            }
            let kind = &model.kinds[of.kind];
            for number in 0..file.packs {
                let name = format!("{}-{}", file.name, number + 1);
                let sensors = Sensors::drawn(model.seed, &name, kind.pack.rated_ah());
                let layout = kind.pack.layout;
                let spec = json!({
                    "chemistry": kind.pack.cell.file.name, "series": layout.series, "parallel": layout.parallel,
                });
                let able = able(&["voltage_v", "current_a", "temperature_c", "ambient_c", "cycles"]);
                let device = self.add(Kind::Battery, name, spec, able, Some(sensors));
                self.packs.insert((network as u32, number), device);
            }
        }
        for (cleanup, of) in model.cleanups.iter().enumerate() {
            for (number, plan) in of.vessels.iter().enumerate() {
                let port = &of.file.ports[plan.home];
                let spec = json!({
                    "sort": "collection vessel", "hold_kg": plan.model.hold.mass_max_kg,
                    "lat": port.latitude_deg, "lon": port.longitude_deg,
                });
                let able = able(&["lat", "lon", "speed_kmh", "distance_km", "hold_kg", "fuel_l", "soc_pct"]);
                let name = format!("{}-{}", of.file.name, plan.name);
                let device = self.add(Kind::Vessel, name, spec, able, None);
                self.vessels.insert((cleanup, number), device);
            }
        }
        for (centre, site) in model.sites.data_centres.iter().enumerate() {
            let able =
                able(&["voltage_v", "current_a", "soc_pct", "temperature_c", "ambient_c", "humidity_pct"]);
            let spec = json!({ "sort": "data centre" });
            let device = self.add(Kind::Facility, site.file.name.clone(), spec, able, None);
            self.centres.insert(centre, device);
        }
    }

    /// Runs until an instant; riders and worn packs change zones at the ends of windows, as in a run.
    fn run_until(&mut self, to: Time) {
        let to = to.min(self.model.end);
        while self.now < to {
            let until = self.window_ends.min(to);
            let is_window = until == self.window_ends;
            let mut moving: Vec<Transfer> = Vec::new();
            for zone in &mut self.zones {
                at_once(zone.run_until(until));
                if is_window {
                    moving.extend(at_once(zone.take_outgoing()));
                }
            }
            for transfer in moving {
                let to = transfer.zone(&self.parts);
                self.zones[to].welcome(transfer);
            }
            if is_window {
                self.window_ends = (until + WINDOW_MS).min(self.model.end);
            }
            self.now = until;
        }
        self.zones.iter_mut().for_each(Place::forget_rows);
    }

    /// Goes on to an instant and lets all devices say what there is to say: by number in [`World::devices`].
    pub fn report(&mut self, now: Time, faults: FaultsOf<'_>) -> Vec<(usize, Said)> {
        if now >= self.model.end {
            return Vec::new();
        }
        let faults: Vec<Vec<(Uuid, Fault)>> =
            self.devices.iter().map(|device| faults(&device.device)).collect();
        self.break_and_mend(&faults);
        self.run_until(now);
        let mut said = Vec::new();
        for zone in 0..self.zones.len() {
            match &mut self.zones[zone] {
                Place::Zone(district) => {
                    let swaps = district.take_swaps();
                    let cabinets = at_once(district.cabinets_shown());
                    let packs = at_once(district.packs_shown());
                    swaps.iter().for_each(|swap| self.swapped(swap, &faults, &mut said));
                    cabinets.iter().for_each(|cabinet| self.cabinet(cabinet, &faults, &mut said));
                    packs.iter().for_each(|pack| self.pack(pack, &faults, &mut said));
                }
                Place::Cleanup(cleanup) => {
                    let vessels = at_once(cleanup.vessels_shown());
                    let Part::Cleanup(index) = self.parts[zone] else { continue };
                    for (number, view) in vessels.iter().enumerate() {
                        self.vessel((index, number), view, &faults, &mut said);
                    }
                }
                Place::DataCentre(centre) => {
                    let shown = at_once(centre.shown());
                    let Part::DataCentre(index) = self.parts[zone] else { continue };
                    self.centre(index, &shown, &faults, &mut said);
                }
                Place::Cells(_) | Place::SecondLife(_) => {}
            }
        }
        said
    }

    /// Cabinets' parts that broke or were mended on purpose.
    fn break_and_mend(&mut self, faults: &[Vec<(Uuid, Fault)>]) {
        for (&(network, number), &index) in &self.cabinets {
            let wanted: BTreeSet<(u8, usize)> = faults[index]
                .iter()
                .filter_map(|(_, fault)| match fault {
                    Fault::Cabinet => Some((0, 0)),
                    Fault::Slot { slot } => Some((1, *slot as usize - 1)),
                    Fault::Charger { slot: Some(slot) } => Some((2, *slot as usize - 1)),
                    _ => None,
                })
                .collect();
            let broken = std::mem::replace(&mut self.devices[index].memory.broken, wanted.clone());
            for &what in wanted.symmetric_difference(&broken) {
                let part = match what {
                    (0, _) => cabinet::Part::Cabinet,
                    (1, slot) => cabinet::Part::Slot(slot),
                    (_, slot) => cabinet::Part::Charger(slot),
                };
                for (zone, of) in self.zones.iter_mut().zip(&self.parts) {
                    if let (Place::Zone(zone), Part::Zone(ZonePart::District { network: own, .. }, _)) =
                        (zone, of)
                        && *own == network as usize
                    {
                        at_once(zone.set_part(number, part, broken.contains(&what)));
                    }
                }
            }
        }
    }

    /// A reading of a device, as its faults let it through.
    fn say(
        &mut self,
        index: usize,
        readings: Vec<Value>,
        faults: &[Vec<(Uuid, Fault)>],
        said: &mut Vec<(usize, Said)>,
    ) {
        let device = &mut self.devices[index];
        let number = device.reports;
        device.reports += 1;
        let shown = device.faulty.show(self.seed, &device.device.id, number, &faults[index], readings);
        said.extend(shown.into_iter().map(|reading| (index, Said::Reading(reading))));
    }

    fn swapped(&mut self, swap: &SwapShown, faults: &[Vec<(Uuid, Fault)>], said: &mut Vec<(usize, Said)>) {
        let Some(&index) = self.cabinets.get(&swap.place) else { return };
        self.devices[index].memory.swaps += 1;
        if super::is_silent(&faults[index]) {
            return;
        }
        let event = json!({
            "event": "swap", "ts": swap.at.0,
            "slot_in": swap.came.0.map(|slot| slot + 1), "battery_in": swap.came.1,
            "slot_out": swap.went.0 + 1, "battery_out": swap.went.1,
        });
        said.push((index, Said::Event(event)));
    }

    fn cabinet(
        &mut self,
        shown: &CabinetShown,
        faults: &[Vec<(Uuid, Fault)>],
        said: &mut Vec<(usize, Said)>,
    ) {
        let Some(&index) = self.cabinets.get(&shown.place) else { return };
        let now = self.now;
        let of_state =
            |state: &str| shown.slots.iter().filter(|(view, _)| view.state.as_str() == state).count();
        let (free, faulty, ready) = (of_state("empty"), of_state("faulty"), of_state("ready"));
        let charging = shown.slots.iter().filter(|(view, _)| view.power_w > 0.0).count();
        let soc_pct: Vec<f64> = shown.slots.iter().map(|(view, _)| (view.soc * 1e3).round() / 10.0).collect();
        let memory = &mut self.devices[index].memory;
        let span_h = memory.at.map_or(0.0, |at| now.seconds_since(at) / 3600.0);
        let power_w = if span_h > 0.0 { (shown.energy_wh - memory.energy_wh) / span_h } else { 0.0 };
        (memory.at, memory.energy_wh) = (Some(now), shown.energy_wh);
        let reading = json!({
            "ts": now.0, "power_w": power_w.round(), "energy_kwh": shown.energy_wh.round() * 1e-3,
            "ambient_c": (shown.air_c * 10.0).round() / 10.0,
            "slots": shown.slots.len(), "slots_free": free, "slots_faulty": faulty,
            "batteries_ready": ready, "batteries_charging": charging, "queue": shown.queue,
            "swaps": memory.swaps, "slot_soc_pct": soc_pct,
        });
        let slots: Vec<(String, Option<String>)> =
            shown.slots.iter().map(|(view, pack)| (view.state.as_str().to_owned(), pack.clone())).collect();
        if !super::is_silent(&faults[index]) {
            for (slot, what) in
                slots.iter().enumerate().filter(|(slot, what)| memory.slots.get(*slot) != Some(what))
            {
                let event = json!({
                    "event": "slot", "ts": now.0, "slot": slot + 1, "state": what.0, "battery": what.1,
                });
                said.push((index, Said::Event(event)));
            }
            memory.slots = slots;
        }
        self.say(index, vec![reading], faults, said);
    }

    fn pack(&mut self, shown: &PackShown, faults: &[Vec<(Uuid, Fault)>], said: &mut Vec<(usize, Said)>) {
        // One that took a worn one's place is another device; it is not enrolled.
        let (network, number, 0) = shown.place else { return };
        let Some(&index) = self.packs.get(&(network, number)) else { return };
        let device = &self.devices[index];
        let Some(sensors) = &device.sensors else { return };
        let readings = sensors.show(self.seed, &device.device.id, device.reports, &shown.view, shown.air_c);
        self.say(index, readings, faults, said);
    }

    fn vessel(
        &mut self,
        place: (usize, usize),
        view: &VesselView,
        faults: &[Vec<(Uuid, Fault)>],
        said: &mut Vec<(usize, Said)>,
    ) {
        let Some(&index) = self.vessels.get(&place) else { return };
        let now = self.now;
        // Who is not heard says nothing, whatever it knows.
        if !view.heard || super::is_silent(&faults[index]) {
            return;
        }
        let digits = |value: f64, per_unit: f64| (value * per_unit).round() / per_unit;
        let leg = view.leg.as_ref();
        let speed_kmh = leg.map_or(0.0, |leg| leg.over_ground_m_s * 3.6);
        let is_towing = leg.is_some_and(|leg| matches!(leg.task, Task::Collect { .. }));
        let mut reading = json!({
            "ts": now.0, "lat": digits(view.position.latitude_deg, 1e5), "lon": digits(view.position.longitude_deg, 1e5),
            "speed_kmh": digits(speed_kmh, 1e1), "distance_km": digits(view.ledger.distance_km, 1e2),
            "hold_kg": digits(view.hold_kg, 1e0), "hold_m3": digits(view.hold_m3, 1e2),
            "collected_kg": digits(view.ledger.caught_kg, 1e0), "net_deployed": is_towing,
            "fuel_l": digits(view.tank_l, 1e0),
        });
        if let Some(soc) = view.soc {
            reading["soc_pct"] = json!(digits(soc * 100.0, 1e1));
        }
        if let Some(leg) = leg.filter(|leg| leg.over_ground_m_s > 0.0) {
            reading["heading_deg"] = json!(digits(leg.from.bearing_deg(leg.to).rem_euclid(360.0), 1e0));
        }
        let memory = &mut self.devices[index].memory;
        let hauled_kg = view.ledger.caught_kg - memory.caught_kg;
        if !is_towing && hauled_kg > HAUL_MIN_KG {
            memory.caught_kg = view.ledger.caught_kg;
            let event = json!({ "event": "haul", "ts": now.0, "kg": digits(hauled_kg, 1e1) });
            said.push((index, Said::Event(event)));
        }
        let landed_kg = view.ledger.landed_kg - memory.landed_kg;
        if landed_kg > HAUL_MIN_KG {
            memory.landed_kg = view.ledger.landed_kg;
            let event = json!({ "event": "unload", "ts": now.0, "kg": digits(landed_kg, 1e1) });
            said.push((index, Said::Event(event)));
        }
        self.say(index, vec![reading], faults, said);
    }

    fn centre(
        &mut self,
        centre: usize,
        shown: &CentreShown,
        faults: &[Vec<(Uuid, Fault)>],
        said: &mut Vec<(usize, Said)>,
    ) {
        let Some(&index) = self.centres.get(&centre) else { return };
        let Some((bank, air_c, humidity_pct)) = shown.rooms.first() else { return };
        let strings = || shown.rooms.iter().flat_map(|(bank, ..)| &bank.strings);
        let blocks = || strings().flat_map(|string| &string.blocks);
        let lowest_soc = strings().map(|string| string.soc).fold(1.0, f64::min);
        let hottest_c = blocks().map(|block| block.temperature_c).fold(f64::NEG_INFINITY, f64::max);
        let digits = |value: f64, per_unit: f64| (value * per_unit).round() / per_unit;
        let mut reading = json!({
            "ts": self.now.0, "grid_present": !shown.on_battery,
            "soc_pct": digits(lowest_soc * 100.0, 1e1),
            "current_a": digits(strings().map(|string| string.current_a).sum(), 1e2),
            "ambient_c": digits(*air_c, 1e1), "humidity_pct": digits(*humidity_pct, 1e0),
        });
        if let Some(string) = bank.strings.first() {
            reading["voltage_v"] = json!(digits(string.voltage_v, 1e2));
        }
        if hottest_c.is_finite() {
            reading["temperature_c"] = json!(digits(hottest_c, 1e1));
        }
        self.say(index, vec![reading], faults, said);
    }
}
