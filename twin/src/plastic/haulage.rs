//! Yards that plastic waits in, and trucks that carry it on.

use super::MASS_TOLERANCE;
use super::batch::BatchId;
use super::factors::ROAD_KG_CO2E_PER_TKM;
use crate::geo::Position;
use crate::time::Time;
use crate::twin::{Events, Moment, Twin};
use std::collections::BTreeMap;

/// A place where batches wait: a quay, a plant's gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Yard {
    /// Where it is.
    pub position: Position,
    /// Most that it holds [kg].
    pub capacity_kg: f64,
    waiting: BTreeMap<BatchId, (f64, Time)>,
    /// Sums of what came and went [kg].
    came_kg: f64,
    gone_kg: f64,
}

/// What a yard may be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum YardCommand {
    /// Take a batch in.
    Store {
        /// Which.
        batch: BatchId,
        /// Its mass [kg].
        mass_kg: f64,
    },
    /// Give a batch out.
    Release {
        /// Which.
        batch: BatchId,
    },
}

/// What happened to a yard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum YardEvent {
    /// A batch came.
    Stored {
        /// When.
        at: Time,
        /// Which.
        batch: BatchId,
        /// Its mass [kg].
        mass_kg: f64,
    },
    /// A batch went.
    Released {
        /// When.
        at: Time,
        /// Which.
        batch: BatchId,
        /// Its mass [kg].
        mass_kg: f64,
    },
}

/// Why a yard refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum YardRefusal {
    /// No room.
    #[error("{batch} of {mass_kg} kg does not go in: {room_kg} kg are free")]
    Full {
        /// Which batch.
        batch: BatchId,
        /// Its mass.
        mass_kg: f64,
        /// What is free.
        room_kg: f64,
    },
    /// It is there already.
    #[error("{batch} is there already")]
    Twice {
        /// Which batch.
        batch: BatchId,
    },
    /// It is not there.
    #[error("{batch} is not there")]
    NotHere {
        /// Which batch.
        batch: BatchId,
    },
}

/// What a yard shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YardView {
    /// Waiting [kg].
    pub stock_kg: f64,
    /// Batches waiting.
    pub batches: usize,
    /// Since when the oldest waits.
    pub oldest: Option<Time>,
    /// Ever came [kg].
    pub came_kg: f64,
    /// Ever went [kg].
    pub gone_kg: f64,
}

impl Yard {
    /// An empty yard.
    pub fn new(position: Position, capacity_kg: f64) -> Self {
        Self { position, capacity_kg, waiting: BTreeMap::new(), came_kg: 0.0, gone_kg: 0.0 }
    }

    /// Batches that wait, in the order of their names, with mass and time of arrival.
    pub fn waiting(&self) -> impl Iterator<Item = (BatchId, f64, Time)> + '_ {
        self.waiting.iter().map(|(id, (mass_kg, since))| (*id, *mass_kg, *since))
    }

    /// What waits [kg].
    pub fn stock_kg(&self) -> f64 {
        self.waiting.values().map(|(mass_kg, _)| mass_kg).sum()
    }

    /// What came less what went and what waits [kg]: rounding.
    pub fn gap_kg(&self) -> f64 {
        self.came_kg - self.gone_kg - self.stock_kg()
    }
}

impl Twin for Yard {
    type Command = YardCommand;
    type Event = YardEvent;
    type Refusal = YardRefusal;
    type View = YardView;

    fn decide(&self, command: &YardCommand, moment: &Moment<'_>) -> Result<Events<YardEvent>, YardRefusal> {
        let at = moment.now;
        let event = match *command {
            YardCommand::Store { batch, mass_kg } => {
                if self.waiting.contains_key(&batch) {
                    return Err(YardRefusal::Twice { batch });
                }
                let room_kg = self.capacity_kg - self.stock_kg();
                // Written so that a mass that is no number does not go in.
                let goes_in = mass_kg >= 0.0 && mass_kg <= room_kg;
                if !goes_in {
                    return Err(YardRefusal::Full { batch, mass_kg, room_kg });
                }
                YardEvent::Stored { at, batch, mass_kg }
            }
            YardCommand::Release { batch } => {
                let (mass_kg, _) = *self.waiting.get(&batch).ok_or(YardRefusal::NotHere { batch })?;
                YardEvent::Released { at, batch, mass_kg }
            }
        };
        Ok(Events::from_iter([event]))
    }

    fn apply(&mut self, event: &YardEvent) {
        match *event {
            YardEvent::Stored { at, batch, mass_kg } => {
                self.waiting.insert(batch, (mass_kg, at));
                self.came_kg += mass_kg;
            }
            YardEvent::Released { batch, mass_kg, .. } => {
                self.waiting.remove(&batch);
                self.gone_kg += mass_kg;
            }
        }
    }

    fn view(&self, _now: Time) -> YardView {
        YardView {
            stock_kg: self.stock_kg(),
            batches: self.waiting.len(),
            oldest: self.waiting.values().map(|(_, since)| *since).min(),
            came_kg: self.came_kg,
            gone_kg: self.gone_kg,
        }
    }
}

/// A truck. It comes back empty: the way there and back is in its time, and the emission factor of freight counts
/// the usual share of empty ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Truck {
    /// Most that it carries [kg].
    pub capacity_kg: f64,
    /// Mean speed on the road [km/h].
    pub speed_km_h: f64,
    /// To load and to unload, each [h].
    pub handling_h: f64,
    trip: Option<Trip>,
    ledger: TruckLedger,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Trip {
    arrives: Time,
    free: Time,
    mass_kg: f64,
}

/// Sums of a truck.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TruckLedger {
    /// Trips begun.
    pub trips: f64,
    /// Taken on [kg].
    pub loaded_kg: f64,
    /// Brought there [kg].
    pub delivered_kg: f64,
    /// Distance with a load [km].
    pub loaded_km: f64,
    /// Freight [t·km].
    pub freight_tkm: f64,
    /// Emissions [kg CO2e].
    pub carbon_kg: f64,
}

/// What a truck may be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TruckCommand {
    /// Carry so much so far.
    Haul {
        /// Load [kg].
        mass_kg: f64,
        /// Distance by road [km].
        distance_km: f64,
    },
    /// The load is there.
    Deliver,
}

/// What happened to a truck.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TruckEvent {
    /// It left.
    Left {
        /// When it began to load.
        at: Time,
        /// When it has unloaded.
        arrives: Time,
        /// When it is back.
        free: Time,
        /// Load [kg].
        mass_kg: f64,
        /// Distance [km].
        distance_km: f64,
    },
    /// Its load is there.
    Delivered {
        /// When.
        at: Time,
        /// Load [kg].
        mass_kg: f64,
    },
}

/// Why a truck refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TruckRefusal {
    /// It is on the way.
    #[error("the truck is away until {free_ms} ms")]
    Away {
        /// When it is back.
        free_ms: i64,
    },
    /// Too heavy, or no mass at all.
    #[error("a load of {mass_kg} kg is not within the truck's {capacity_kg} kg")]
    Load {
        /// Load.
        mass_kg: f64,
        /// Capacity.
        capacity_kg: f64,
    },
    /// No distance.
    #[error("a distance of {distance_km} km makes no sense")]
    Distance {
        /// Distance.
        distance_km: f64,
    },
    /// It is not there yet, or carries nothing.
    #[error("there is nothing to deliver")]
    NothingToDeliver,
}

/// What a truck shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruckView {
    /// On board [kg].
    pub load_kg: f64,
    /// When its load is there.
    pub arrives: Option<Time>,
    /// When it is back.
    pub free: Option<Time>,
    /// Sums.
    pub ledger: TruckLedger,
}

impl Truck {
    /// A truck that stands ready.
    pub fn new(capacity_kg: f64, speed_km_h: f64, handling_h: f64) -> Self {
        Self { capacity_kg, speed_km_h, handling_h, trip: None, ledger: TruckLedger::default() }
    }

    /// Loaded less delivered and on board [kg]: rounding.
    pub fn gap_kg(&self) -> f64 {
        self.ledger.loaded_kg - self.ledger.delivered_kg - self.load_kg()
    }

    fn load_kg(&self) -> f64 {
        self.trip.map_or(0.0, |trip| trip.mass_kg)
    }
}

impl Twin for Truck {
    type Command = TruckCommand;
    type Event = TruckEvent;
    type Refusal = TruckRefusal;
    type View = TruckView;

    fn decide(
        &self,
        command: &TruckCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<TruckEvent>, TruckRefusal> {
        let at = moment.now;
        let event = match *command {
            TruckCommand::Haul { mass_kg, distance_km } => {
                if let Some(trip) = self.trip.filter(|trip| trip.free > at || trip.mass_kg > 0.0) {
                    return Err(TruckRefusal::Away { free_ms: trip.free.0 });
                }
                let most_kg = self.capacity_kg * (1.0 + MASS_TOLERANCE);
                if !(mass_kg > 0.0 && mass_kg <= most_kg) {
                    return Err(TruckRefusal::Load { mass_kg, capacity_kg: self.capacity_kg });
                }
                if !(distance_km.is_finite() && distance_km >= 0.0) {
                    return Err(TruckRefusal::Distance { distance_km });
                }
                let way_s = distance_km / self.speed_km_h * 3600.0;
                let arrives = at.plus_seconds(way_s + 2.0 * self.handling_h * 3600.0);
                TruckEvent::Left { at, arrives, free: arrives.plus_seconds(way_s), mass_kg, distance_km }
            }
            TruckCommand::Deliver => {
                let trip = self.trip.filter(|trip| trip.arrives <= at && trip.mass_kg > 0.0);
                let mass_kg = trip.ok_or(TruckRefusal::NothingToDeliver)?.mass_kg;
                TruckEvent::Delivered { at, mass_kg }
            }
        };
        Ok(Events::from_iter([event]))
    }

    fn apply(&mut self, event: &TruckEvent) {
        match *event {
            TruckEvent::Left { arrives, free, mass_kg, distance_km, .. } => {
                self.trip = Some(Trip { arrives, free, mass_kg });
                let freight_tkm = mass_kg * 1e-3 * distance_km;
                self.ledger.trips += 1.0;
                self.ledger.loaded_kg += mass_kg;
                self.ledger.loaded_km += distance_km;
                self.ledger.freight_tkm += freight_tkm;
                self.ledger.carbon_kg += freight_tkm * ROAD_KG_CO2E_PER_TKM;
            }
            TruckEvent::Delivered { mass_kg, .. } => {
                self.ledger.delivered_kg += mass_kg;
                if let Some(trip) = &mut self.trip {
                    trip.mass_kg = 0.0;
                }
            }
        }
    }

    fn view(&self, now: Time) -> TruckView {
        let trip = self.trip.filter(|trip| trip.free > now || trip.mass_kg > 0.0);
        TruckView {
            load_kg: self.load_kg(),
            arrives: trip.map(|trip| trip.arrives),
            free: trip.map(|trip| trip.free),
            ledger: self.ledger,
        }
    }
}
