//! A vessel that looks for plastic, takes it up, and brings it in.
//!
//! ```text
//!  moored ─Sail(transit, patrol)─► at sea ─Collect─► … ─Sail(return)─► berthed ─Unload─► quay ─Land─► a batch
//! ```
//!
//! It does one [`Leg`] at a time, with everything constant over it; what it is worth at any time follows in closed
//! form. When a leg ends and nothing else was said, it lies idle: drifts at sea, stays in port. Its battery, where it
//! has one, is a [`Battery`] of its own.

mod leg;
pub mod power;
pub mod sensors;
pub mod tracker;

pub use leg::{Ending, Leg, Mission, Source, Task};

use crate::battery::{Battery, BatteryEvent, Leg as BatteryLeg};
use crate::geo::{GeoError, Position};
use crate::plastic::factors::{DIESEL_KG_CO2E_PER_L, DIESEL_KWH_PER_L};
use crate::plastic::gear::Gear;
use crate::plastic::hold::HoldModel;
use crate::plastic::material::Material;
use crate::time::Time;
use crate::twin::{Events, Moment, Twin};
use power::{Engine, Hull};
use std::sync::Arc;
use tracker::{Tracker, TrackerModel};

/// What does not change about a vessel.
#[derive(Debug, Clone, PartialEq)]
pub struct VesselModel {
    /// The hull.
    pub hull: Hull,
    /// The diesel engine; a vessel has this or a battery, or both (a hybrid).
    pub engine: Option<Engine>,
    /// Tank [l].
    pub tank_max_l: f64,
    /// Most that the battery drives with, and is charged with [W].
    pub battery_max_w: f64,
    /// A hybrid leaves the rest below to the engine.
    pub reserve_soc: f64,
    /// Power with which a hybrid's engine charges beside driving [W].
    pub recharge_w: f64,
    /// Power of the quay's connection [W].
    pub shore_w: f64,
    /// Efficiency of the charger on it.
    pub shore_efficiency: f64,
    /// Engine or motor to shaft.
    pub transmission: f64,
    /// Lights, pumps, winches, crew [W].
    pub hotel_w: f64,
    /// The net.
    pub gear: Gear,
    /// The hold.
    pub hold: HoldModel,
    /// Drift with the wind, relative to it.
    ///
    /// About 0.03 for small craft: Breivik & Allen, J. Mar. Syst. 69 (2008).
    pub leeway: f64,
    /// The tracker.
    pub tracker: TrackerModel,
}

/// What is around a vessel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Current, to the east and to the north [m/s].
    pub current_m_s: (f64, f64),
    /// Wind, to the east and to the north [m/s].
    pub wind_m_s: (f64, f64),
    /// Water at the surface [°C].
    pub water_c: f64,
    /// Practical salinity.
    pub salinity_psu: f64,
    /// Acidity.
    pub ph: f64,
    /// Turbidity [NTU].
    pub turbidity_ntu: f64,
}

impl Default for Conditions {
    /// Still, temperate open sea.
    fn default() -> Self {
        Self {
            current_m_s: (0.0, 0.0),
            wind_m_s: (0.0, 0.0),
            water_c: 15.0,
            salinity_psu: 35.0,
            ph: 8.1,
            turbidity_ntu: 0.5,
        }
    }
}

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The engine gives only this share of its power; 0 is a stopped engine.
    Engine {
        /// What is left, 0 to 1.
        left: f64,
    },
    /// The net keeps only this share of what it would.
    Net {
        /// What is left, 0 to 1.
        left: f64,
    },
    /// The tracker falls silent.
    Tracker,
    /// The scale under the hold drifts.
    Scale {
        /// Relative error gained a day.
        per_day: f64,
    },
}

/// What is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The engine.
    Engine,
    /// The net.
    Net,
    /// The tracker.
    Tracker,
    /// The scale.
    Scale,
}

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// Share of the engine's power that is left.
    pub engine_left: f64,
    /// Share of the net's catch that is left.
    pub net_left: f64,
    /// Relative error that the scale gains a day, and since when.
    pub scale_drift: Option<(f64, Time)>,
}

/// Sums of a vessel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VesselLedger {
    /// Over ground [km].
    pub distance_km: f64,
    /// With the net out, through the water [km].
    pub towed_km: f64,
    /// Gone over by the net [km²].
    pub cleared_km2: f64,
    /// Time with the net out [h].
    pub collecting_h: f64,
    /// Time under way without it [h].
    pub sailing_h: f64,
    /// Time in port [h].
    pub berthed_h: f64,
    /// Time adrift [h].
    pub adrift_h: f64,
    /// Taken up [kg].
    pub caught_kg: f64,
    /// Handed over ashore [kg].
    pub landed_kg: f64,
    /// Fuel at the start [l].
    pub initial_l: f64,
    /// Fuel taken [l].
    pub bunkered_l: f64,
    /// Fuel burnt [l].
    pub burnt_l: f64,
    /// Given by the engine [Wh].
    pub engine_wh: f64,
    /// Given by the battery [Wh].
    pub battery_out_wh: f64,
    /// Put into the battery [Wh].
    pub battery_in_wh: f64,
    /// Drawn from the quay [Wh].
    pub shore_wh: f64,
    /// Lost in the charger on it [Wh].
    pub charger_loss_wh: f64,
    /// To the shaft for the hull [Wh].
    pub hull_wh: f64,
    /// To the shaft for the net [Wh].
    pub tow_wh: f64,
    /// Lost between engine or motor and shaft [Wh].
    pub transmission_wh: f64,
    /// Lights, pumps, winches, crew [Wh].
    pub hotel_wh: f64,
    /// Asked of the battery and not given [Wh].
    pub unserved_wh: f64,
}

impl VesselLedger {
    /// What was given less what it was used for [Wh]: rounding.
    pub fn energy_gap_wh(&self) -> f64 {
        let given = self.engine_wh + self.battery_out_wh + self.shore_wh + self.unserved_wh;
        let used = self.hull_wh + self.tow_wh + self.transmission_wh + self.hotel_wh;
        given - used - self.battery_in_wh - self.charger_loss_wh
    }

    /// Energy of the fuel burnt [Wh].
    pub fn fuel_wh(&self) -> f64 {
        self.burnt_l * DIESEL_KWH_PER_L * 1e3
    }

    /// Emissions of the fuel burnt [kg CO2e].
    pub fn fuel_carbon_kg(&self) -> f64 {
        self.burnt_l * DIESEL_KG_CO2E_PER_L
    }
}

/// The state of a vessel as of an instant.
#[derive(Debug, Clone)]
pub struct State {
    /// As of when.
    pub at: Time,
    /// Where.
    pub position: Position,
    /// Whether it is made fast in port.
    pub berthed: bool,
    /// What it does.
    pub leg: Leg,
    /// Whether that has come to its end.
    pub done: bool,
    /// In the hold.
    pub hold: Material,
    /// On the quay, not handed over yet.
    pub quay: Material,
    /// In the tank [l].
    pub tank_l: f64,
    /// Its battery.
    pub battery: Option<Battery>,
    /// Its tracker.
    pub tracker: Tracker,
    /// What is broken.
    pub faults: Faults,
    /// What is around it.
    pub conditions: Conditions,
    /// Sums.
    pub ledger: VesselLedger,
}

impl State {
    /// State of charge of the battery.
    pub fn soc(&self) -> Option<f64> {
        self.battery.as_ref().map(|battery| battery.state().pack_soc())
    }
}

/// One point of a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fix {
    /// When.
    pub at: Time,
    /// Where.
    pub position: Position,
    /// Whether the net is out from here on.
    pub collecting: bool,
}

/// Points of a track that are kept; beyond, every other of the older half goes.
const FIXES_MAX: usize = 4096;

/// A vessel.
#[derive(Debug, Clone)]
pub struct Vessel {
    model: Arc<VesselModel>,
    state: State,
    track: Vec<Fix>,
}

/// What a vessel may be told.
#[derive(Debug, Clone, PartialEq)]
pub enum VesselCommand {
    /// Do this from now on, instead of whatever was under way.
    Begin(Box<Task>),
    /// What is around it changes; legs under way go on as planned.
    Meet(Conditions),
    /// Hand over what is on the quay.
    Land,
    /// Fill the tank, and change the tracker's battery.
    Bunker,
    /// Something breaks.
    Break(Fault),
    /// Something is mended.
    Mend(Part),
    /// Let time pass.
    CatchUp,
}

/// What happened to a vessel.
#[derive(Debug, Clone, PartialEq)]
pub enum VesselEvent {
    /// A leg began.
    Begun(Box<Leg>),
    /// Conditions changed.
    Met {
        /// When.
        at: Time,
        /// To what.
        conditions: Conditions,
    },
    /// A catch was handed over.
    Landed {
        /// When.
        at: Time,
        /// What.
        material: Box<Material>,
    },
    /// The tank was filled.
    Bunkered {
        /// When.
        at: Time,
        /// With how much [l].
        fuel_l: f64,
    },
    /// Something broke.
    Broken {
        /// When.
        at: Time,
        /// What.
        fault: Fault,
    },
    /// Something was mended.
    Mended {
        /// When.
        at: Time,
        /// What.
        part: Part,
    },
    /// Time passed.
    CaughtUp {
        /// To here.
        to: Time,
    },
}

/// Why a vessel refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum VesselRefusal {
    /// Only possible in port.
    #[error("the vessel is at sea, and this is done in port")]
    AtSea,
    /// No power for it.
    #[error(
        "there is no power to move with: the engine is stopped or out of fuel, the battery empty or missing"
    )]
    NoPropulsion,
    /// The current is stronger.
    #[error("a current of {current_m_s} m/s leaves nothing of {speed_m_s} m/s through the water")]
    Current {
        /// Speed through the water.
        speed_m_s: f64,
        /// Current.
        current_m_s: f64,
    },
    /// The destination is no place.
    #[error(transparent)]
    NoPlace(GeoError),
    /// A figure is no number or out of its range.
    #[error("{what} of {value} makes no sense")]
    Senseless {
        /// What it is.
        what: &'static str,
        /// The figure.
        value: f64,
    },
}

/// What a vessel shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VesselView {
    /// As of when.
    pub at: Time,
    /// Where it is.
    pub position: Position,
    /// Whether it is in port.
    pub berthed: bool,
    /// What it does; `None` once that is done.
    pub leg: Option<Leg>,
    /// Why its last leg ended, if it did.
    pub ended: Option<Ending>,
    /// In the hold [kg].
    pub hold_kg: f64,
    /// Of the hold [m³].
    pub hold_m3: f64,
    /// How full the hold is.
    pub filled: f64,
    /// On the quay [kg].
    pub quay_kg: f64,
    /// In the tank [l].
    pub tank_l: f64,
    /// State of charge of its battery.
    pub soc: Option<f64>,
    /// State of health of its battery.
    pub soh: Option<f64>,
    /// Charge of the tracker.
    pub tracker_level: f64,
    /// Hours until the tracker is empty.
    pub tracker_hours_left: Option<f64>,
    /// Whether the tracker is heard.
    pub heard: bool,
    /// What is broken.
    pub faults: Faults,
    /// Sums.
    pub ledger: VesselLedger,
}

impl Vessel {
    /// A vessel made fast in port, tank full.
    ///
    /// # Panics
    /// When it has neither engine nor battery.
    pub fn new(model: Arc<VesselModel>, battery: Option<Battery>, position: Position, at: Time) -> Self {
        assert!(model.engine.is_some() || battery.is_some(), "a vessel has an engine, a battery, or both");
        let tank_l = if model.engine.is_some() { model.tank_max_l } else { 0.0 };
        let resting = Leg {
            task: Task::Idle,
            begins: at,
            ends: at,
            ending: Ending::TimeUp,
            from: position,
            to: position,
            through_water_m_s: 0.0,
            over_ground_m_s: 0.0,
            hull_w: 0.0,
            tow_w: 0.0,
            hotel_w: 0.0,
            source: Source::Nothing,
            battery: crate::battery::integrate::Duty::Rest,
            catch_kg_per_h: 0.0,
            cleared_km2_per_h: 0.0,
            unload_kg_per_h: 0.0,
        };
        let state = State {
            at,
            position,
            berthed: true,
            leg: resting,
            done: true,
            hold: Material::NONE,
            quay: Material::NONE,
            tank_l,
            battery,
            tracker: Tracker::new(model.tracker),
            faults: Faults { engine_left: 1.0, net_left: 1.0, scale_drift: None },
            conditions: Conditions::default(),
            ledger: VesselLedger { initial_l: tank_l, ..VesselLedger::default() },
        };
        let track = vec![Fix { at, position, collecting: false }];
        Self { model, state, track }
    }

    /// What does not change.
    pub fn model(&self) -> &VesselModel {
        &self.model
    }

    /// State as of the last that it was told.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where it was heard: ends of legs, joined by great circles at even speed.
    pub fn track(&self) -> &[Fix] {
        &self.track
    }

    /// Caught less landed, held and on the quay [kg]: rounding.
    pub fn mass_gap_kg(&self) -> f64 {
        let aboard_kg = self.state.hold.mass_kg() + self.state.quay.mass_kg();
        self.state.ledger.caught_kg - self.state.ledger.landed_kg - aboard_kg
    }

    /// Fuel that came less what was burnt and is there [l]: rounding.
    pub fn fuel_gap_l(&self) -> f64 {
        let ledger = &self.state.ledger;
        ledger.initial_l + ledger.bunkered_l - ledger.burnt_l - self.state.tank_l
    }

    fn mark(&mut self) {
        if !self.state.tracker.is_heard() {
            return;
        }
        let collecting = !self.state.done && matches!(self.state.leg.task, Task::Collect { .. });
        let fix = Fix { at: self.state.at, position: self.state.position, collecting };
        match self.track.last_mut() {
            Some(last) if last.at == fix.at => *last = fix,
            _ => self.track.push(fix),
        }
        if self.track.len() > FIXES_MAX {
            let mut index = 0;
            self.track.retain(|_| {
                index += 1;
                index > FIXES_MAX / 2 || index % 2 == 1
            });
        }
    }

    fn pass(&mut self, to: Time) {
        while self.state.at < to {
            if self.state.done {
                let idle = leg::plan(&self.model, &self.state, Task::Idle);
                self.begin(&idle.expect("lying idle is always possible"));
            }
            let until = to.min(self.state.leg.ends).max(self.state.at + 1);
            run(&self.model, &mut self.state, until);
            if self.state.done {
                self.mark();
            }
        }
    }

    fn begin(&mut self, leg: &Leg) {
        let state = &mut self.state;
        state.leg = *leg;
        state.done = false;
        if leg.over_ground_m_s > 0.0 || leg.through_water_m_s > 0.0 {
            state.berthed = false;
        }
        if let Some(battery) = &mut state.battery {
            let duty =
                BatteryLeg { at: leg.begins, duty: leg.battery, ambient_shift_c: battery.ambient().shift_c };
            battery.apply(&BatteryEvent::DutiesSet([duty].into()));
            battery.catch_up(leg.begins);
        }
        if leg.ends <= state.at {
            finish(state);
        }
        self.mark();
    }

    /// Stops what is under way, for a planned rate no longer holds.
    fn interrupt(&mut self) {
        self.state.done = true;
        self.mark();
    }

    fn observed(&self, now: Time) -> State {
        let mut copy = Self { model: self.model.clone(), state: self.state.clone(), track: Vec::new() };
        copy.pass(now);
        copy.state
    }
}

/// Carries a leg on to `to`, which is not beyond its end.
fn run(model: &VesselModel, state: &mut State, to: Time) {
    let leg = state.leg;
    let hours = to.seconds_since(state.at) / 3600.0;
    let ledger = &mut state.ledger;
    // Electricity: what is asked for, and what the battery says that it gave and took.
    let (shaft_w, demand_w) = (leg.hull_w + leg.tow_w, leg.demand_w(model.transmission));
    let mut taken_in_wh = 0.0;
    if let Some(battery) = &mut state.battery {
        let before = battery.ledger();
        battery.catch_up(to);
        let after = battery.ledger();
        taken_in_wh = after.energy_in_wh - before.energy_in_wh;
        let given_wh = after.energy_out_wh - before.energy_out_wh;
        ledger.battery_in_wh += taken_in_wh;
        ledger.battery_out_wh += given_wh;
        if leg.source == Source::Battery {
            ledger.unserved_wh += demand_w * hours - given_wh;
        }
    }
    ledger.hull_wh += leg.hull_w * hours;
    ledger.tow_wh += leg.tow_w * hours;
    ledger.transmission_wh += shaft_w * (1.0 / model.transmission - 1.0) * hours;
    ledger.hotel_wh += leg.hotel_w * hours;
    match leg.source {
        Source::Engine => {
            let given_wh = demand_w * hours + taken_in_wh;
            let fuel_l = model.engine.map_or(0.0, |engine| engine.fuel_l(hours, given_wh)).min(state.tank_l);
            ledger.engine_wh += given_wh;
            ledger.burnt_l += fuel_l;
            state.tank_l -= fuel_l;
        }
        Source::Shore => {
            let loss_wh = taken_in_wh * (1.0 / model.shore_efficiency - 1.0);
            ledger.shore_wh += demand_w * hours + taken_in_wh + loss_wh;
            ledger.charger_loss_wh += loss_wh;
        }
        Source::Battery | Source::Nothing => {}
    }
    // Plastic.
    if let Task::Collect { mix, .. } = leg.task {
        let caught = mix.times(leg.catch_kg_per_h * hours);
        ledger.caught_kg += caught.mass_kg();
        state.hold.add(&caught);
        ledger.cleared_km2 += leg.cleared_km2_per_h * hours;
        ledger.towed_km += leg.through_water_m_s * 3.6 * hours;
        ledger.collecting_h += hours;
    } else if leg.through_water_m_s > 0.0 {
        ledger.sailing_h += hours;
    } else if state.berthed {
        ledger.berthed_h += hours;
    } else {
        ledger.adrift_h += hours;
    }
    if leg.unload_kg_per_h > 0.0 {
        let mass_kg = state.hold.mass_kg();
        let share =
            if to >= leg.ends || mass_kg <= 0.0 { 1.0 } else { leg.unload_kg_per_h * hours / mass_kg };
        let unloaded = state.hold.take(share);
        state.quay.add(&unloaded);
    }
    ledger.distance_km += leg.over_ground_m_s * 3.6 * hours;
    state.tracker.pass(state.at, to);
    state.at = to;
    state.position = leg.position_at(to);
    if to >= leg.ends {
        finish(state);
    }
}

/// What the end of a leg brings.
fn finish(state: &mut State) {
    state.done = true;
    state.position = state.leg.to;
    let arrived = state.leg.ending == Ending::Arrived;
    if let Task::Sail { mission: Mission::Return, .. } = state.leg.task {
        state.berthed |= arrived;
    }
}

impl Twin for Vessel {
    type Command = VesselCommand;
    type Event = VesselEvent;
    type Refusal = VesselRefusal;
    type View = VesselView;

    fn decide(
        &self,
        command: &VesselCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<VesselEvent>, VesselRefusal> {
        let at = moment.now.max(self.state.at);
        let share = |what, value: f64| {
            if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(VesselRefusal::Senseless { what, value }) }
        };
        let event = match command {
            VesselCommand::Begin(task) => {
                VesselEvent::Begun(Box::new(leg::plan(&self.model, &self.observed(at), **task)?))
            }
            VesselCommand::Meet(conditions) => {
                let c = conditions;
                for (what, value) in [
                    ("a current", c.current_m_s.0.hypot(c.current_m_s.1)),
                    ("a wind", c.wind_m_s.0.hypot(c.wind_m_s.1)),
                    ("a water temperature", c.water_c),
                ] {
                    if !value.is_finite() {
                        return Err(VesselRefusal::Senseless { what, value });
                    }
                }
                VesselEvent::Met { at, conditions: *conditions }
            }
            VesselCommand::Land => {
                let now = self.observed(at);
                if !now.berthed {
                    return Err(VesselRefusal::AtSea);
                }
                VesselEvent::Landed { at, material: Box::new(now.quay) }
            }
            VesselCommand::Bunker => {
                let now = self.observed(at);
                if !now.berthed {
                    return Err(VesselRefusal::AtSea);
                }
                let room_l =
                    if self.model.engine.is_some() { self.model.tank_max_l - now.tank_l } else { 0.0 };
                VesselEvent::Bunkered { at, fuel_l: room_l.max(0.0) }
            }
            VesselCommand::Break(fault) => {
                match *fault {
                    Fault::Engine { left } => share("what is left of the engine", left)?,
                    Fault::Net { left } => share("what is left of the net", left)?,
                    Fault::Scale { per_day } if !per_day.is_finite() => {
                        return Err(VesselRefusal::Senseless { what: "a drift", value: per_day });
                    }
                    Fault::Tracker | Fault::Scale { .. } => {}
                }
                VesselEvent::Broken { at, fault: *fault }
            }
            VesselCommand::Mend(part) => VesselEvent::Mended { at, part: *part },
            VesselCommand::CatchUp => VesselEvent::CaughtUp { to: at },
        };
        Ok(Events::from_iter([event]))
    }

    fn apply(&mut self, event: &VesselEvent) {
        match event {
            VesselEvent::Begun(leg) => {
                self.pass(leg.begins);
                self.begin(leg);
            }
            VesselEvent::Met { at, conditions } => {
                self.pass(*at);
                self.state.conditions = *conditions;
            }
            VesselEvent::Landed { at, material } => {
                self.pass(*at);
                self.state.ledger.landed_kg += material.mass_kg();
                self.state.quay = Material::NONE;
            }
            VesselEvent::Bunkered { at, fuel_l } => {
                self.pass(*at);
                self.state.tank_l += fuel_l;
                self.state.ledger.bunkered_l += fuel_l;
                self.state.tracker.charge();
            }
            VesselEvent::Broken { at, fault } => {
                self.pass(*at);
                match *fault {
                    Fault::Engine { left } => {
                        self.state.faults.engine_left = left;
                        self.interrupt();
                    }
                    Fault::Net { left } => {
                        self.state.faults.net_left = left;
                        self.interrupt();
                    }
                    Fault::Tracker => self.state.tracker.broken = true,
                    Fault::Scale { per_day } => self.state.faults.scale_drift = Some((per_day, *at)),
                }
            }
            VesselEvent::Mended { at, part } => {
                self.pass(*at);
                match part {
                    Part::Engine => {
                        self.state.faults.engine_left = 1.0;
                        self.interrupt();
                    }
                    Part::Net => {
                        self.state.faults.net_left = 1.0;
                        self.interrupt();
                    }
                    Part::Tracker => {
                        self.state.tracker.broken = false;
                        self.mark();
                    }
                    Part::Scale => self.state.faults.scale_drift = None,
                }
            }
            VesselEvent::CaughtUp { to } => self.pass(*to),
        }
    }

    fn view(&self, now: Time) -> VesselView {
        if now > self.state.at {
            return shown(&self.model, &self.observed(now));
        }
        shown(&self.model, &self.state)
    }
}

fn shown(model: &VesselModel, state: &State) -> VesselView {
    VesselView {
        at: state.at,
        position: state.position,
        berthed: state.berthed,
        leg: (!state.done).then_some(state.leg),
        ended: state.done.then_some(state.leg.ending),
        hold_kg: state.hold.mass_kg(),
        hold_m3: model.hold.volume_m3(&state.hold),
        filled: model.hold.filled(&state.hold),
        quay_kg: state.quay.mass_kg(),
        tank_l: state.tank_l,
        soc: state.soc(),
        soh: state.battery.as_ref().map(|battery| battery.state().weakest_capacity),
        tracker_level: state.tracker.level(),
        tracker_hours_left: state.tracker.hours_left(),
        heard: state.tracker.is_heard(),
        faults: state.faults,
        ledger: state.ledger,
    }
}
