//! Plants: simulated hardware that reports like real one.
//!
//! ```text
//!  scenario ──► Fleet ──► Plant: the true battery, hidden ──► sensors: bias, noise, steps, losses ──► what it reports
//!                            ▲ what it is told to do
//! ```
//!
//! A plant knows the truth and tells what its sensors show. It knows no network: whoever runs a fleet carries reports and
//! orders. Every draw is named by the plant and the number of its report, so a fleet reports the same again with the same
//! seed and clock.

mod faulty;
mod sensors;
mod world;

pub use faulty::{Faulty, is_silent};
pub use sensors::Sensors;
pub use world::{Booked, Collecting, FaultsOf, Said, WorksSite, World, WorldDevice};

use crate::engine::duty;
use crate::engine::model::VariantModel;
use host::platform::fault::{Abilities, Fault};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use twin::battery::Follow;
use twin::battery::integrate::{Duty, Stepping};
use twin::battery::{Battery, BatteryView, Leg};
use twin::rng::Seed;
use twin::time::{DAY_MS, Time};
use twin::twin::{Moment, Twin};
use uuid::Uuid;

/// The hardware of a scenario.
#[derive(Debug)]
pub struct Fleet {
    /// The batteries of its pack groups, in the order of the scenario.
    pub plants: Vec<Plant>,
    /// Cabinets, packs, vessels and data centres, which touch each other.
    pub world: Option<World>,
    /// First instant of the scenario.
    pub start: Time,
    /// What is in the scenario but has no plant yet, for people.
    pub left_out: Vec<String>,
}

/// A simulated battery behind its sensors.
#[derive(Debug)]
pub struct Plant {
    name: String,
    model: Arc<VariantModel>,
    group: usize,
    battery: Battery,
    sensors: Sensors,
    seed: Seed,
    /// Days whose duties are known.
    days: u64,
    /// What it was told about charging.
    charge_limit: f64,
    /// Whether its charger works.
    charges: bool,
    /// Whether it was told to give power.
    drives: bool,
    faulty: Faulty,
    revision: u64,
    reports: u64,
}

impl Fleet {
    /// The fleet of a variant.
    pub fn of(model: &Arc<VariantModel>, stepping: Stepping) -> Self {
        let world = World::of(model);
        let mut fleet = Self { plants: Vec::new(), world, start: model.start, left_out: Vec::new() };
        for (group, group_model) in model.groups.iter().enumerate() {
            for number in 0..group_model.file.count {
                let name = format!("{}-{}", group_model.file.name, number + 1);
                fleet.plants.push(Plant::new(name, model, group, stepping));
            }
        }
        let chains = model.sites.chains.len();
        if chains > 0 {
            fleet.left_out.push(format!("{chains} second lives"));
        }
        let ashore: usize = model.cleanups.iter().map(|of| of.teams.len() + of.works.len()).sum();
        if ashore > 0 {
            fleet.left_out.push(format!("{ashore} teams and plants of cleanups"));
        }
        fleet
    }
}

impl Plant {
    fn new(name: String, model: &Arc<VariantModel>, group: usize, stepping: Stepping) -> Self {
        let group_model = &model.groups[group];
        let kind = &model.kinds[group_model.kind];
        let pack = kind.draw(&name, model.seed);
        let soc = group_model.file.initial_soc;
        let battery = Battery::new(pack, group_model.ambient.clone(), model.start, soc, stepping);
        let sensors = Sensors::drawn(model.seed, &name, kind.pack.rated_ah());
        Self {
            name,
            model: model.clone(),
            group,
            battery,
            sensors,
            seed: model.seed,
            days: 0,
            charge_limit: 1.0,
            charges: true,
            drives: true,
            faulty: Faulty::default(),
            revision: 0,
            reports: 0,
        }
    }

    /// What it calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is: the specification that its twin is registered with.
    pub fn spec(&self) -> Value {
        let kind = &self.model.kinds[self.model.groups[self.group].kind];
        let chemistry = &kind.pack.cell.file.name;
        json!({ "chemistry": chemistry, "series": kind.pack.layout.series, "parallel": kind.pack.layout.parallel })
    }

    /// The true state at an instant: for scoring, never for a twin.
    pub fn truth(&self, now: Time) -> BatteryView {
        self.battery.view(now)
    }

    /// Goes on to an instant under its duties.
    fn advance(&mut self, now: Time) {
        while self.midnight(self.days) <= now {
            let midnight = self.midnight(self.days);
            let legs = self.legs(self.days);
            self.follow(legs.into(), midnight);
            self.days += 1;
        }
        self.battery.catch_up(now);
    }

    fn midnight(&self, day: u64) -> Time {
        self.model.start + day as i64 * DAY_MS
    }

    /// Its duties of a day, within what it was told.
    fn legs(&self, day: u64) -> Vec<Leg> {
        let group = &self.model.groups[self.group];
        let kind = &self.model.kinds[group.kind];
        let stream = || self.seed.stream(&self.name, "day", day);
        let legs = duty::day(group, kind, self.midnight(day), day, stream);
        legs.into_iter().map(|leg| self.limited(leg)).collect()
    }

    fn limited(&self, leg: Leg) -> Leg {
        match leg.duty {
            Duty::Charge { .. } | Duty::Hold { .. } if !self.charges => Leg { duty: Duty::Rest, ..leg },
            Duty::Power { power_w, .. } if power_w > 0.0 && !self.drives => Leg { duty: Duty::Rest, ..leg },
            Duty::Current { current_a, .. } if current_a > 0.0 && !self.drives => {
                Leg { duty: Duty::Rest, ..leg }
            }
            Duty::Charge { power_max_w, current_max_a, target_soc } => {
                let target_soc = target_soc.min(self.charge_limit);
                Leg { duty: Duty::Charge { power_max_w, current_max_a, target_soc }, ..leg }
            }
            _ => leg,
        }
    }

    fn follow(&mut self, legs: Arc<[Leg]>, now: Time) {
        let moment = Moment { now, seed: self.seed, entity: &self.name, revision: self.revision };
        let follow = Follow { legs, catch_up: false };
        if let Ok(events) = self.battery.decide(&follow, &moment) {
            events.iter().for_each(|event| self.battery.apply(event));
        }
        self.revision += 1;
    }

    /// What can be made faulty of it.
    pub fn abilities(&self) -> Abilities {
        let metrics = ["voltage_v", "current_a", "temperature_c", "ambient_c", "cycles"];
        Abilities { metrics: metrics.map(str::to_owned).into(), faults: vec!["charger"], slots: 0 }
    }

    /// What it reports at an instant: no, one or two readings, as native telemetry.
    pub fn report(&mut self, now: Time) -> Vec<Value> {
        self.report_with(now, &[])
    }

    /// The same with faults.
    pub fn report_with(&mut self, now: Time, faults: &[(Uuid, Fault)]) -> Vec<Value> {
        self.advance(now);
        let charges = !faults.iter().any(|(_, fault)| matches!(fault, Fault::Charger { .. }));
        if charges != self.charges {
            self.charges = charges;
            self.plan_again(now);
        }
        let number = self.reports;
        self.reports += 1;
        let ambient_c = self.battery.ambient().at(now);
        let readings = self.sensors.show(self.seed, &self.name, number, &self.battery.view(now), ambient_c);
        self.faulty.show(self.seed, &self.name, number, faults, readings)
    }

    /// The duty that it is in and those of the rest of the day, as its charger now is.
    fn plan_again(&mut self, now: Time) {
        let today = self.days.saturating_sub(1);
        let mut legs = self.legs(today);
        let begun = legs.iter().filter(|leg| leg.at <= now).count();
        // Before the first of a day the last of the day before goes on.
        let of_today = legs.drain(..begun).next_back();
        let under_way = of_today.or_else(|| self.legs(today.checked_sub(1)?).pop());
        legs.splice(..0, under_way.map(|leg| Leg { at: now, ..leg }));
        self.follow(legs.into(), now);
    }

    /// Does as it is told, or says why not: a command's name and parameters.
    ///
    /// # Errors
    /// Why it does not.
    pub fn obey(&mut self, command: &str, params: &Value, now: Time) -> Result<(), String> {
        match command {
            "set_desired" => {
                let empty = Map::new();
                let desired = params.get("desired").and_then(Value::as_object).unwrap_or(&empty);
                if let Some(other) = desired.keys().find(|key| *key != "charge_limit") {
                    return Err(format!("nothing called {other} can be set here"));
                }
                match desired.get("charge_limit").and_then(Value::as_f64) {
                    Some(limit) if (0.1..=1.0).contains(&limit) => {
                        self.advance(now);
                        self.charge_limit = limit;
                        self.plan_rest(now);
                        Ok(())
                    }
                    _ => Err("charge_limit is a share from 0.1 to 1".to_owned()),
                }
            }
            "set_status" => {
                let drives = params.get("discharge").and_then(Value::as_bool);
                self.advance(now);
                self.drives = drives.ok_or_else(|| "discharge says whether it gives power".to_owned())?;
                self.plan_rest(now);
                Ok(())
            }
            other => Err(format!("a simulated battery knows no command {other}")),
        }
    }

    /// Plans anew what is still to come today; a charge or a ride that runs goes on to its end.
    fn plan_rest(&mut self, now: Time) {
        let mut rest = self.legs(self.days.saturating_sub(1));
        rest.retain(|leg| leg.at > now);
        self.follow(rest.into(), now);
    }
}
