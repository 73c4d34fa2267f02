//! The seam between batches and facilities: what a plant has to answer so that plastic can be sent to it, and a plain
//! plant that does.
//!
//! A facility of any make takes part by implementing [`Intake`]; custody, trucks and scenarios know no more of it.

use super::factors::{PELLETISING_KWH_PER_KG, SORTING_KWH_PER_KG, WASHING_KWH_PER_KG, recycling_yield};
use super::material::{Condition, Material, Resin};
use crate::geo::Position;
use crate::time::Time;
use crate::twin::{Events, Moment, Twin};
use serde::{Deserialize, Serialize};

/// What a plant does with plastic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlantKind {
    /// Sorts out what can be recycled.
    Sorting,
    /// Washes, shreds and makes pellets.
    Recycling,
}

/// What becomes of an amount: what goes on, and what is disposed of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outputs {
    /// Goes on: to recycling, or as new material.
    pub passed: Material,
    /// Is disposed of.
    pub rejected: Material,
}

/// A facility that takes plastic in, one load after the other.
pub trait Intake {
    /// What it does.
    fn kind(&self) -> PlantKind;
    /// What it gets through in an hour [kg/h].
    fn capacity_kg_per_h(&self) -> f64;
    /// When it has worked off all that it took in.
    fn free_at(&self) -> Time;
    /// What waits and is in work [kg].
    fn queued_kg(&self, now: Time) -> f64 {
        (self.free_at().seconds_since(now) / 3600.0).max(0.0) * self.capacity_kg_per_h()
    }
    /// What else it has room for [kg].
    fn room_kg(&self, now: Time) -> f64;
    /// What it makes of an amount. The two add up to it.
    fn outputs(&self, material: &Material) -> Outputs;
    /// Electricity that an amount takes [kWh].
    fn energy_kwh(&self, mass_kg: f64) -> f64;
}

/// A plain plant: a queue, a throughput, yields by resin and condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Plant {
    /// Where it is.
    pub position: Position,
    kind: PlantKind,
    capacity_kg_per_h: f64,
    yard_kg: f64,
    /// Carbon intensity of its electricity [kg CO2e/kWh].
    grid_kg_per_kwh: f64,
    free_at: Time,
    ledger: PlantLedger,
}

/// Sums of a plant: `received = passed + rejected + in work`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlantLedger {
    /// Taken in [kg].
    pub received_kg: f64,
    /// Gone on [kg].
    pub passed_kg: f64,
    /// Disposed of [kg].
    pub rejected_kg: f64,
    /// Taken in and not finished [kg].
    pub in_work_kg: f64,
    /// Electricity of what was finished [kWh].
    pub energy_kwh: f64,
    /// Emissions of that [kg CO2e].
    pub carbon_kg: f64,
}

/// What a plant may be told.
#[derive(Debug, Clone, PartialEq)]
pub enum PlantCommand {
    /// Take an amount in.
    Receive {
        /// What.
        material: Box<Material>,
    },
    /// An amount is through; the answer says what became of it.
    Finish {
        /// What had been taken in.
        material: Box<Material>,
    },
}

/// What happened to a plant.
#[derive(Debug, Clone, PartialEq)]
pub enum PlantEvent {
    /// It took an amount in.
    Received {
        /// When.
        at: Time,
        /// How much [kg].
        mass_kg: f64,
        /// When work on it begins.
        begins: Time,
        /// When that is done.
        ends: Time,
    },
    /// An amount is through.
    Finished {
        /// When.
        at: Time,
        /// What became of it.
        outputs: Box<Outputs>,
        /// Electricity that it took [kWh].
        energy_kwh: f64,
    },
}

/// Why a plant refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PlantRefusal {
    /// No room in its yard.
    #[error("{mass_kg} kg do not go in: there is room for {room_kg} kg")]
    Full {
        /// Mass offered.
        mass_kg: f64,
        /// Room.
        room_kg: f64,
    },
    /// Nothing like it is in work.
    #[error("{mass_kg} kg are not in work: {in_work_kg} kg are")]
    NotInWork {
        /// Mass that should be finished.
        mass_kg: f64,
        /// In work.
        in_work_kg: f64,
    },
}

/// What a plant shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlantView {
    /// Waiting and in work [kg].
    pub queued_kg: f64,
    /// When it is free again.
    pub free_at: Time,
    /// Sums.
    pub ledger: PlantLedger,
}

impl Plant {
    /// A plant that stands idle. `yard_kg` is what may wait there.
    pub fn new(
        kind: PlantKind,
        position: Position,
        capacity_kg_per_h: f64,
        yard_kg: f64,
        grid_kg_per_kwh: f64,
    ) -> Self {
        let ledger = PlantLedger::default();
        Self {
            position,
            kind,
            capacity_kg_per_h,
            yard_kg,
            grid_kg_per_kwh,
            free_at: Time(i64::MIN / 2),
            ledger,
        }
    }

    /// Received less all that it became [kg]: rounding.
    pub fn gap_kg(&self) -> f64 {
        let l = &self.ledger;
        l.received_kg - l.passed_kg - l.rejected_kg - l.in_work_kg
    }
}

impl Intake for Plant {
    fn kind(&self) -> PlantKind {
        self.kind
    }

    fn capacity_kg_per_h(&self) -> f64 {
        self.capacity_kg_per_h
    }

    fn free_at(&self) -> Time {
        self.free_at
    }

    fn room_kg(&self, now: Time) -> f64 {
        (self.yard_kg - self.queued_kg(now)).max(0.0)
    }

    /// Sorting passes on what recycling would give anything for; recycling gives the yields of the factor table, so
    /// that the two together give the table's yield of the whole.
    fn outputs(&self, material: &Material) -> Outputs {
        let mut rejected = *material;
        let share = |resin: Resin, condition: Condition| match self.kind {
            PlantKind::Sorting => f64::from(recycling_yield(resin, condition) > 0.0),
            PlantKind::Recycling => recycling_yield(resin, condition),
        };
        let passed = rejected.sort(share);
        Outputs { passed, rejected }
    }

    fn energy_kwh(&self, mass_kg: f64) -> f64 {
        mass_kg
            * match self.kind {
                PlantKind::Sorting => SORTING_KWH_PER_KG,
                PlantKind::Recycling => WASHING_KWH_PER_KG + PELLETISING_KWH_PER_KG,
            }
    }
}

impl Twin for Plant {
    type Command = PlantCommand;
    type Event = PlantEvent;
    type Refusal = PlantRefusal;
    type View = PlantView;

    fn decide(
        &self,
        command: &PlantCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<PlantEvent>, PlantRefusal> {
        let at = moment.now;
        let event = match command {
            PlantCommand::Receive { material } => {
                let (mass_kg, room_kg) = (material.mass_kg(), self.room_kg(at));
                // A load larger than the yard goes in when the yard is empty, or it would never.
                let fits = mass_kg <= room_kg || self.queued_kg(at) <= 0.0;
                if !material.is_sound() || mass_kg <= 0.0 || !fits {
                    return Err(PlantRefusal::Full { mass_kg, room_kg });
                }
                let begins = at.max(self.free_at);
                let ends = begins.plus_seconds(mass_kg / self.capacity_kg_per_h * 3600.0);
                PlantEvent::Received { at, mass_kg, begins, ends }
            }
            PlantCommand::Finish { material } => {
                let (mass_kg, in_work_kg) = (material.mass_kg(), self.ledger.in_work_kg);
                if !material.is_sound() || mass_kg > in_work_kg * (1.0 + super::MASS_TOLERANCE) {
                    return Err(PlantRefusal::NotInWork { mass_kg, in_work_kg });
                }
                let outputs = Box::new(self.outputs(material));
                PlantEvent::Finished { at, outputs, energy_kwh: self.energy_kwh(mass_kg) }
            }
        };
        Ok(Events::from_iter([event]))
    }

    fn apply(&mut self, event: &PlantEvent) {
        let ledger = &mut self.ledger;
        match event {
            PlantEvent::Received { mass_kg, ends, .. } => {
                ledger.received_kg += mass_kg;
                ledger.in_work_kg += mass_kg;
                self.free_at = *ends;
            }
            PlantEvent::Finished { outputs, energy_kwh, .. } => {
                let (passed_kg, rejected_kg) = (outputs.passed.mass_kg(), outputs.rejected.mass_kg());
                ledger.passed_kg += passed_kg;
                ledger.rejected_kg += rejected_kg;
                ledger.in_work_kg = (ledger.in_work_kg - passed_kg - rejected_kg).max(0.0);
                ledger.energy_kwh += energy_kwh;
                ledger.carbon_kg += energy_kwh * self.grid_kg_per_kwh;
            }
        }
    }

    fn view(&self, now: Time) -> PlantView {
        PlantView { queued_kg: self.queued_kg(now), free_at: self.free_at, ledger: self.ledger }
    }
}
