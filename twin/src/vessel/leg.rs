//! Legs: what a vessel does from one instant to another with everything constant, and how one is planned.
//!
//! Speed through the water, current, load and density are held over a leg, so that distance, energy, fuel and catch
//! are products with time, and when a leg ends is known when it begins.

use super::power::KNOT_M_S;
use super::{State, VesselModel, VesselRefusal};
use crate::battery::integrate::{Duty, Ended, Stepping, pass};
use crate::geo::Position;
use crate::plastic::material::Material;
use crate::time::Time;

/// What a vessel may be sent to do.
#[expect(
    clippy::large_enum_variant,
    reason = "one per leg, boxed in commands; a box inside would cost it its copies"
)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Task {
    /// Sail somewhere.
    Sail {
        /// Where to.
        to: Position,
        /// Speed through the water [kn]; less when there is not the power.
        speed_kn: f64,
        /// What for.
        mission: Mission,
    },
    /// Tow the gear on a course.
    Collect {
        /// Course through the water [°].
        course_deg: f64,
        /// Speed through the water [kn]; less when there is not the power.
        speed_kn: f64,
        /// How long at most [h].
        hours: f64,
        /// What floats there [kg/km²].
        density_kg_per_km2: f64,
        /// What a kilogram of it is made of.
        mix: Material,
    },
    /// Bring the catch onto the quay.
    Unload {
        /// How fast [kg/h].
        kg_per_h: f64,
    },
    /// Lie in port on shore power, at least so long and until the battery is charged.
    Moor {
        /// How long at least [h].
        hours: f64,
    },
    /// Stop and drift; in port, lie there.
    Idle,
}

/// What a passage is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mission {
    /// To get there.
    Transit,
    /// To look around.
    Patrol,
    /// To go into port, and make fast there.
    Return,
}

/// Why a leg ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is where it was sent.
    Arrived,
    /// Its time is over.
    TimeUp,
    /// Nothing more goes into the hold.
    HoldFull,
    /// The hold is empty.
    Unloaded,
    /// The battery is.
    BatteryEmpty,
    /// The tank is.
    TankEmpty,
}

/// Where a leg's power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The diesel engine, which may charge the battery beside.
    Engine,
    /// The battery.
    Battery,
    /// The quay.
    Shore,
    /// Nothing: all is dark.
    Nothing,
}

/// A leg, planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leg {
    /// What is done.
    pub task: Task,
    /// From when.
    pub begins: Time,
    /// Until when.
    pub ends: Time,
    /// Why then.
    pub ending: Ending,
    /// From where.
    pub from: Position,
    /// To where.
    pub to: Position,
    /// Speed through the water [m/s].
    pub through_water_m_s: f64,
    /// Speed over ground [m/s].
    pub over_ground_m_s: f64,
    /// Shaft power of moving the hull [W].
    pub hull_w: f64,
    /// Shaft power of towing the gear [W].
    pub tow_w: f64,
    /// Load aboard that is not propulsion [W].
    pub hotel_w: f64,
    /// Where the power comes from.
    pub source: Source,
    /// What the battery is told.
    pub battery: Duty,
    /// Taken up [kg/h].
    pub catch_kg_per_h: f64,
    /// Gone over [km²/h].
    pub cleared_km2_per_h: f64,
    /// Brought onto the quay [kg/h].
    pub unload_kg_per_h: f64,
}

impl Leg {
    /// Length [h].
    pub fn hours(&self) -> f64 {
        self.ends.seconds_since(self.begins) / 3600.0
    }

    /// Where the vessel is at a time within it.
    pub fn position_at(&self, t: Time) -> Position {
        let (done, all) = ((t - self.begins) as f64, (self.ends - self.begins) as f64);
        self.from.on_the_way(self.to, if all > 0.0 { done / all } else { 1.0 })
    }

    /// Power asked of its source, without what charges the battery [W].
    pub fn demand_w(&self, transmission: f64) -> f64 {
        (self.hull_w + self.tow_w) / transmission + self.hotel_w
    }
}

/// An idle leg is planned anew after so long [h].
const IDLE_H: f64 = 240.0;

/// What would last less than this is used up [h]: a minute.
const LEAST_H: f64 = 1.0 / 60.0;

/// Charge from the engine stops here; above, the current would taper.
const ENGINE_CHARGE_SOC: f64 = 0.9;

/// Plans a task from a state as it is now.
pub(super) fn plan(model: &VesselModel, state: &State, task: Task) -> Result<Leg, VesselRefusal> {
    sensible(&task)?;
    let at = state.at;
    let load_kg = state.hold.mass_kg();
    let berthed = state.berthed;
    let mut leg = Leg {
        task,
        begins: at,
        ends: at,
        ending: Ending::TimeUp,
        from: state.position,
        to: state.position,
        through_water_m_s: 0.0,
        over_ground_m_s: 0.0,
        hull_w: 0.0,
        tow_w: 0.0,
        hotel_w: model.hotel_w,
        source: Source::Nothing,
        battery: Duty::Rest,
        catch_kg_per_h: 0.0,
        cleared_km2_per_h: 0.0,
        unload_kg_per_h: 0.0,
    };
    // Hours that the task takes if power lasts.
    let hours = match task {
        Task::Sail { to, speed_kn, .. } => {
            let speed_m_s = reached(model, state, speed_kn, 0.0)?;
            let distance_m = state.position.distance_km(to) * 1e3;
            let course = state.position.bearing_deg(to).to_radians();
            let current = state.conditions.current_m_s;
            let along = current.0 * course.sin() + current.1 * course.cos();
            let across = current.0 * course.cos() - current.1 * course.sin();
            // Heading into the current so far that nothing is left across.
            let made_m_s = (speed_m_s * speed_m_s - across * across).max(0.0).sqrt() + along;
            if distance_m > 0.0 && made_m_s < 0.05 * speed_m_s {
                return Err(VesselRefusal::Current { speed_m_s, current_m_s: current.0.hypot(current.1) });
            }
            leg.through_water_m_s = speed_m_s;
            leg.over_ground_m_s = made_m_s;
            leg.hull_w = model.hull.shaft_w(speed_m_s, load_kg);
            leg.to = to;
            leg.ending = Ending::Arrived;
            if distance_m > 0.0 { distance_m / made_m_s / 3600.0 } else { 0.0 }
        }
        Task::Collect { course_deg, speed_kn, hours, density_kg_per_km2, .. } => {
            let tow_at_1 = model.gear.tow_w(1.0);
            let speed_m_s = reached(model, state, speed_kn, tow_at_1)?;
            leg.through_water_m_s = speed_m_s;
            leg.hull_w = model.hull.shaft_w(speed_m_s, load_kg);
            leg.tow_w = model.gear.tow_w(speed_m_s) / super::power::PROPULSIVE_EFFICIENCY;
            let km_h = speed_m_s * 3.6;
            leg.cleared_km2_per_h = model.gear.cleared_km2_per_h(km_h);
            leg.catch_kg_per_h = model.gear.catch_kg_per_h(density_kg_per_km2, km_h) * state.faults.net_left;
            let course = course_deg.to_radians();
            let east = speed_m_s * course.sin() + state.conditions.current_m_s.0;
            let north = speed_m_s * course.cos() + state.conditions.current_m_s.1;
            leg.over_ground_m_s = east.hypot(north);
            let full_h = model.hold.room_kg(&state.hold) / leg.catch_kg_per_h.max(f64::MIN_POSITIVE);
            if full_h <= hours {
                leg.ending = Ending::HoldFull;
            }
            hours.min(full_h)
        }
        Task::Unload { kg_per_h } => {
            if !berthed {
                return Err(VesselRefusal::AtSea);
            }
            leg.unload_kg_per_h = kg_per_h;
            leg.ending = Ending::Unloaded;
            load_kg / kg_per_h
        }
        Task::Moor { hours } => {
            if !berthed {
                return Err(VesselRefusal::AtSea);
            }
            hours
        }
        Task::Idle => {
            if !berthed {
                let (current, wind) = (state.conditions.current_m_s, state.conditions.wind_m_s);
                let east = current.0 + model.leeway * wind.0;
                let north = current.1 + model.leeway * wind.1;
                leg.over_ground_m_s = east.hypot(north);
            }
            IDLE_H
        }
    };
    let hours = power(model, state, &mut leg, hours);
    if leg.source == Source::Nothing && leg.through_water_m_s > 0.0 {
        return Err(VesselRefusal::NoPropulsion);
    }
    // Rounded down, so that nothing goes in beyond the brim.
    leg.ends = at + (hours * 3.6e6).floor() as i64;
    let seconds = leg.ends.seconds_since(at);
    match task {
        // Made so far, when power ends before the way does.
        Task::Sail { to, .. } if leg.ending != Ending::Arrived => {
            let distance_m = state.position.distance_km(to) * 1e3;
            leg.to = state.position.on_the_way(to, leg.over_ground_m_s * seconds / distance_m.max(1e-9));
        }
        Task::Collect { course_deg, .. } => {
            let course = course_deg.to_radians();
            let current = state.conditions.current_m_s;
            let east = leg.through_water_m_s * course.sin() + current.0;
            let north = leg.through_water_m_s * course.cos() + current.1;
            leg.to = state.position.shifted(east * seconds, north * seconds);
        }
        Task::Idle if !berthed => {
            let (current, wind) = (state.conditions.current_m_s, state.conditions.wind_m_s);
            let east = current.0 + model.leeway * wind.0;
            let north = current.1 + model.leeway * wind.1;
            leg.to = state.position.shifted(east * seconds, north * seconds);
        }
        _ => {}
    }
    Ok(leg)
}

/// Speed that is reached of the one that is asked for [m/s].
fn reached(
    model: &VesselModel,
    state: &State,
    speed_kn: f64,
    tow_w_per_cube: f64,
) -> Result<f64, VesselRefusal> {
    let by_engine_w = model.engine.map_or(0.0, |engine| engine.rated_w * state.faults.engine_left);
    let engine_w = if state.tank_l > 0.0 { by_engine_w } else { 0.0 };
    let battery_w = if state.soc().unwrap_or(0.0) > 0.01 { model.battery_max_w } else { 0.0 };
    let most_w = engine_w.max(battery_w) - model.hotel_w;
    if most_w <= 0.0 {
        return Err(VesselRefusal::NoPropulsion);
    }
    let shaft_w = most_w * model.transmission;
    let most_m_s = model.hull.speed_m_s(shaft_w, state.hold.mass_kg(), tow_w_per_cube);
    Ok((speed_kn * KNOT_M_S).min(most_m_s))
}

/// Chooses the source of a leg's power, and says for how long of `hours` it lasts.
fn power(model: &VesselModel, state: &State, leg: &mut Leg, hours: f64) -> f64 {
    let demand_w = leg.demand_w(model.transmission);
    if state.berthed && !matches!(leg.task, Task::Sail { .. } | Task::Collect { .. }) {
        leg.source = Source::Shore;
        let Some(battery) = state.battery.as_ref().filter(|_| model.shore_w > model.hotel_w) else {
            return hours;
        };
        leg.battery = Duty::Charge {
            power_max_w: (model.shore_w - model.hotel_w) * model.shore_efficiency,
            current_max_a: model.battery_max_w / battery.model().rated_wh() * battery.model().rated_ah(),
            target_soc: 1.0,
        };
        if !matches!(leg.task, Task::Moor { .. }) {
            return hours;
        }
        // Most of a week is enough for any charge that comes to an end.
        let mut state = battery.state().clone();
        let span = (battery.at(), 144.0 * 3600.0);
        let stepping = Stepping::default();
        let passage =
            pass(battery.model(), &mut state, leg.battery, battery.ambient(), span, stepping, |_, _| {});
        return hours.max(passage.ended.map_or(0.0, |(_, after_s)| after_s / 3600.0));
    }
    let engine = model.engine.filter(|engine| {
        let l_per_h = engine.fuel_l(1.0, demand_w + model.recharge_w);
        state.tank_l > LEAST_H * l_per_h
            && demand_w <= engine.rated_w * state.faults.engine_left * (1.0 + 1e-9)
    });
    let soc = state.soc();
    let by_battery = state.battery.as_ref().filter(|_| {
        demand_w <= model.battery_max_w * (1.0 + 1e-9)
            && (engine.is_none() || soc.is_some_and(|soc| soc > model.reserve_soc))
    });
    if let Some(battery) = by_battery {
        let duty = Duty::Power { power_w: demand_w, ripple: 0.0 };
        let mut after = battery.state().clone();
        let span = (battery.at(), hours * 3600.0);
        let stepping = Stepping::default();
        let passage = pass(battery.model(), &mut after, duty, battery.ambient(), span, stepping, |_, _| {});
        let lasts = passage.ended.is_none() && after.pack_soc() >= model.reserve_soc;
        let used_up = passage.ended.is_some_and(|(_, after_s)| after_s / 3600.0 < LEAST_H.min(hours));
        if lasts || (engine.is_none() && !used_up) {
            leg.source = Source::Battery;
            leg.battery = duty;
            return match passage.ended {
                Some((Ended::Empty | Ended::Reached | Ended::TooHotOrCold | Ended::Charged, after_s)) => {
                    leg.ending = Ending::BatteryEmpty;
                    after_s / 3600.0
                }
                None => hours,
            };
        }
    }
    let Some(engine) = engine else {
        // Nothing moves and nothing burns.
        leg.source = Source::Nothing;
        (leg.hull_w, leg.tow_w, leg.hotel_w) = (0.0, 0.0, 0.0);
        return hours;
    };
    leg.source = Source::Engine;
    let mut charge_w = 0.0;
    if soc.is_some_and(|soc| soc < ENGINE_CHARGE_SOC) {
        charge_w = (engine.rated_w * state.faults.engine_left - demand_w).min(model.recharge_w).max(0.0);
        if charge_w > 0.0 {
            leg.battery = Duty::Power { power_w: -charge_w, ripple: 0.0 };
        }
    }
    let l_per_h = engine.fuel_l(1.0, demand_w + charge_w);
    let lasts_h = state.tank_l / l_per_h;
    if lasts_h < hours {
        leg.ending = Ending::TankEmpty;
    }
    hours.min(lasts_h)
}

fn sensible(task: &Task) -> Result<(), VesselRefusal> {
    let check = |what, value: f64, least: f64| {
        if value.is_finite() && value >= least {
            Ok(())
        } else {
            Err(VesselRefusal::Senseless { what, value })
        }
    };
    match task {
        Task::Sail { to, speed_kn, .. } => {
            check("a speed", *speed_kn, 0.1)?;
            let place = Position::new(to.latitude_deg, to.longitude_deg);
            place.map(|_| ()).map_err(VesselRefusal::NoPlace)
        }
        Task::Collect { course_deg, speed_kn, hours, density_kg_per_km2, mix } => {
            check("a course", *course_deg, -360.0)?;
            check("a speed", *speed_kn, 0.1)?;
            check("a time", *hours, 0.0)?;
            check("a density", *density_kg_per_km2, 0.0)?;
            let unit_kg = mix.mass_kg();
            if mix.is_sound() && (unit_kg - 1.0).abs() < 1e-9 {
                Ok(())
            } else {
                Err(VesselRefusal::Senseless { what: "a mixture", value: unit_kg })
            }
        }
        Task::Unload { kg_per_h } => check("a rate", *kg_per_h, 1e-3),
        Task::Moor { hours } => check("a time", *hours, 0.0),
        Task::Idle => Ok(()),
    }
}
