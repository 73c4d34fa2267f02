//! A collecting station that stays where it is: a beach crew, a river trap, divers. It works a shift, fills its skip,
//! and lands what it has.

use super::gear::Gear;
use super::hold::HoldModel;
use super::material::Material;
use crate::geo::Position;
use crate::time::Time;
use crate::twin::{Events, Moment, Twin};
use crate::vessel::tracker::{Tracker, TrackerModel};

/// What does not change about a team.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamModel {
    /// Where it works.
    pub position: Position,
    /// With what.
    pub gear: Gear,
    /// Its skip or bags.
    pub hold: HoldModel,
    /// Fuel of its cars, boat or crane for a shift [l].
    pub fuel_l_per_shift: f64,
    /// Its tracker.
    pub tracker: TrackerModel,
}

/// Sums of a team.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TeamLedger {
    /// Taken up [kg].
    pub caught_kg: f64,
    /// Landed [kg].
    pub landed_kg: f64,
    /// Area gone over [km²].
    pub cleared_km2: f64,
    /// Time worked [h].
    pub worked_h: f64,
    /// Fuel burnt [l].
    pub fuel_l: f64,
    /// Shifts begun.
    pub shifts: f64,
}

/// A shift under way.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shift {
    ends: Time,
    catch_kg_per_h: f64,
    mix: Material,
}

/// A team.
#[derive(Debug, Clone)]
pub struct Team {
    model: TeamModel,
    at: Time,
    shift: Option<Shift>,
    contents: Material,
    tracker: Tracker,
    ledger: TeamLedger,
}

/// What a team may be told.
#[derive(Debug, Clone, PartialEq)]
pub enum TeamCommand {
    /// Work so long on ground of such a density.
    Work {
        /// How long [h].
        hours: f64,
        /// What lies there [kg/km²].
        density_kg_per_km2: f64,
        /// What a kilogram of it is made of.
        mix: Box<Material>,
    },
    /// Hand over what is in the skip.
    Land,
    /// Let time pass.
    CatchUp,
}

/// What happened to a team.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TeamEvent {
    /// A shift began.
    Began {
        /// When.
        at: Time,
        /// When it ends, or the skip is full.
        ends: Time,
        /// Taken up in an hour [kg/h].
        catch_kg_per_h: f64,
        /// What a kilogram of it is made of.
        mix: Material,
    },
    /// The skip was emptied.
    Landed {
        /// When.
        at: Time,
        /// What was in it.
        material: Material,
    },
    /// Time passed.
    CaughtUp {
        /// To here.
        to: Time,
    },
}

/// Why a team refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TeamRefusal {
    /// A shift is under way.
    #[error("a shift is under way until {ends_ms} ms")]
    AtWork {
        /// Its end.
        ends_ms: i64,
    },
    /// A figure is no number or out of its range.
    #[error("{what} of {value} makes no sense")]
    Senseless {
        /// What it is.
        what: &'static str,
        /// The figure.
        value: f64,
    },
}

/// What a team shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TeamView {
    /// In the skip [kg].
    pub held_kg: f64,
    /// How full the skip is.
    pub filled: f64,
    /// When the present shift ends.
    pub busy_until: Option<Time>,
    /// Charge of the tracker.
    pub tracker_level: f64,
    /// Hours until the tracker is empty.
    pub tracker_hours_left: Option<f64>,
    /// Sums.
    pub ledger: TeamLedger,
}

impl Team {
    /// A team that has not begun.
    pub fn new(model: TeamModel, at: Time) -> Self {
        let tracker = Tracker::new(model.tracker);
        Self { model, at, shift: None, contents: Material::NONE, tracker, ledger: TeamLedger::default() }
    }

    /// What does not change.
    pub fn model(&self) -> &TeamModel {
        &self.model
    }

    /// What is in the skip.
    pub fn contents(&self) -> &Material {
        &self.contents
    }

    /// Caught less landed and held [kg]: rounding.
    pub fn gap_kg(&self) -> f64 {
        self.ledger.caught_kg - self.ledger.landed_kg - self.contents.mass_kg()
    }

    fn pass(&mut self, to: Time) {
        if to <= self.at {
            return;
        }
        if let Some(shift) = self.shift {
            let until = to.min(shift.ends);
            let hours = until.seconds_since(self.at) / 3600.0;
            let caught = shift.mix.times(shift.catch_kg_per_h * hours);
            self.ledger.caught_kg += caught.mass_kg();
            self.ledger.cleared_km2 += self.model.gear.cleared_km2_per_h(0.0) * hours;
            self.ledger.worked_h += hours;
            self.contents.add(&caught);
            if shift.ends <= to {
                self.shift = None;
            }
        }
        self.tracker.pass(self.at, to);
        self.at = to;
    }

    fn observed(&self, now: Time) -> Team {
        let mut copy = self.clone();
        copy.pass(now);
        copy
    }
}

impl Twin for Team {
    type Command = TeamCommand;
    type Event = TeamEvent;
    type Refusal = TeamRefusal;
    type View = TeamView;

    fn decide(&self, command: &TeamCommand, moment: &Moment<'_>) -> Result<Events<TeamEvent>, TeamRefusal> {
        let now = self.observed(moment.now.max(self.at));
        let at = now.at;
        let event = match command {
            TeamCommand::Work { hours, density_kg_per_km2, mix } => {
                if let Some(shift) = now.shift {
                    return Err(TeamRefusal::AtWork { ends_ms: shift.ends.0 });
                }
                for (what, value) in [("a shift", *hours), ("a density", *density_kg_per_km2)] {
                    if !(value.is_finite() && value >= 0.0) {
                        return Err(TeamRefusal::Senseless { what, value });
                    }
                }
                let unit_kg = mix.mass_kg();
                if !mix.is_sound() || (unit_kg - 1.0).abs() > 1e-9 {
                    return Err(TeamRefusal::Senseless { what: "a mixture", value: unit_kg });
                }
                let catch_kg_per_h = self.model.gear.catch_kg_per_h(*density_kg_per_km2, 0.0);
                let full_h = self.model.hold.room_kg(&now.contents) / catch_kg_per_h.max(f64::MIN_POSITIVE);
                // Whole milliseconds, and none beyond the brim.
                let ends = at + (hours.min(full_h) * 3.6e6).floor() as i64;
                TeamEvent::Began { at, ends, catch_kg_per_h, mix: **mix }
            }
            TeamCommand::Land => TeamEvent::Landed { at, material: now.contents },
            TeamCommand::CatchUp => TeamEvent::CaughtUp { to: at },
        };
        Ok(Events::from_iter([event]))
    }

    fn apply(&mut self, event: &TeamEvent) {
        match *event {
            TeamEvent::Began { at, ends, catch_kg_per_h, mix } => {
                self.pass(at);
                self.shift = Some(Shift { ends, catch_kg_per_h, mix });
                self.ledger.fuel_l += self.model.fuel_l_per_shift;
                self.ledger.shifts += 1.0;
            }
            TeamEvent::Landed { at, material } => {
                self.pass(at);
                self.ledger.landed_kg += material.mass_kg();
                self.contents = Material::NONE;
            }
            TeamEvent::CaughtUp { to } => self.pass(to),
        }
    }

    fn view(&self, now: Time) -> TeamView {
        if now > self.at {
            return self.observed(now).view(now);
        }
        TeamView {
            held_kg: self.contents.mass_kg(),
            filled: self.model.hold.filled(&self.contents),
            busy_until: self.shift.map(|shift| shift.ends),
            tracker_level: self.tracker.level(),
            tracker_hours_left: self.tracker.hours_left(),
            ledger: self.ledger,
        }
    }
}
