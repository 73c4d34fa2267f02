//! Stations ashore: what a facility of a kind does with a batch, which stage it brings it to, and how its line is laid out.

use super::batch::Stage;
use super::custody::WEIGHING_TOLERANCE;
use crate::facility::line::{self, Kind};
use crate::facility::shifts::Shifts;
use crate::facility::works::{Lot, Works, WorksCommand, WorksModel, WorksRefusal};
use crate::forcing::Hourly;
use crate::passport::factors::UnknownName;
use crate::passport::material::Shares;
use crate::rng::Seed;
use crate::time::{HOUR_MS, Time};
use crate::twin::{Moment, Twin};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Shortest stay of a batch [ms], for gates, papers and samples. assumed: the platform's default.
pub const STAY_MIN_MS: i64 = 24 * HOUR_MS;

/// What a facility is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Station {
    /// Takes batches in and hands them on.
    Receiving,
    /// Sorts by resin.
    Sorting,
    /// Washes, shreds, makes pellets.
    Processing,
    /// The same, to the end.
    Recycling,
    /// Lands or burns what nothing can be made of.
    Disposal,
}

impl Station {
    /// All, in the order of a batch's way.
    pub const ALL: [Station; 5] =
        [Self::Receiving, Self::Sorting, Self::Processing, Self::Recycling, Self::Disposal];

    /// Its name in registers.
    pub fn name(self) -> &'static str {
        ["receiving", "sorting", "processing", "recycling", "disposal"][self as usize]
    }

    /// Its part of a facility's number.
    pub fn code(self) -> &'static str {
        ["RECV", "SORT", "PROC", "RECY", "DISP"][self as usize]
    }

    /// The station of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|station| station.name() == name)
    }

    /// Stage that a batch is in once it was taken in.
    pub fn stage(self) -> Stage {
        match self {
            Self::Receiving => Stage::Received,
            Self::Sorting => Stage::Sorting,
            Self::Processing | Self::Recycling => Stage::Processing,
            Self::Disposal => Stage::Disposed,
        }
    }

    /// Stage that it is prepared for, or brought to, there.
    pub fn leads_to(self) -> Stage {
        match self {
            Self::Receiving | Self::Sorting => Stage::Sorting,
            Self::Processing => Stage::Processing,
            Self::Recycling => Stage::Recycled,
            Self::Disposal => Stage::Disposed,
        }
    }

    /// A works that treats `daily_kg` a day around the clock.
    ///
    /// Receiving and disposal are one stage of 20 minutes a lot at that rate; the others have the lines of the table of
    /// works.
    ///
    /// # Errors
    /// When a table lacks the line.
    pub fn model(self, daily_kg: f64) -> Result<WorksModel, UnknownName> {
        let shifts = Shifts::always();
        let kind = match self {
            Self::Processing | Self::Recycling => Kind::Recycling,
            Self::Receiving | Self::Sorting | Self::Disposal => Kind::Sorting,
        };
        let stages = match self {
            Self::Receiving | Self::Disposal => vec![line::Stage {
                name: self.name().to_owned(),
                per_lot_ms: 20 * 60_000,
                kg_per_h: daily_kg / 24.0,
                electricity_kwh_per_kg: 0.0,
                direct_kg_per_kg: 0.0,
                passes: [Shares::uniform(1.0), Shares::uniform(1.0), Shares::uniform(1.0)],
            }],
            _ => line::stages(kind, daily_kg, &shifts)?,
        };
        Ok(WorksModel {
            kind,
            stages,
            shifts,
            // What would wait for more than ten years never comes to its turn.
            storage_kg: 3_650.0 * daily_kg,
            weight_tolerance: WEIGHING_TOLERANCE,
            downgrade_probability: 0.0,
            standby_w: 0.0,
            carbon_g_per_kwh: Hourly::constant(0.0),
        })
    }
}

/// What the works of a station expects of a batch that came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passage {
    /// When it is through: by the queue, and no earlier than after the shortest stay.
    pub done_at: Time,
    /// Mass before it in the works when it came [kg].
    pub queued_kg: f64,
    /// Batches before it.
    pub queued: usize,
}

/// The queue of a station: a works that was told of each batch when it came.
#[derive(Debug, Clone)]
pub struct Queue {
    works: Works,
    last: Time,
}

impl Queue {
    /// An empty station.
    pub fn new(model: WorksModel) -> Self {
        let from = Time(i64::MIN / 2);
        Self { works: Works::new(Arc::new(model), from), last: from }
    }

    /// When a batch came last.
    pub fn last(&self) -> Time {
        self.last
    }

    /// A batch comes at `at`, which is not before the last one, and lines up.
    ///
    /// # Errors
    /// When it cannot be taken in.
    pub fn arrive(&mut self, lot: Lot, at: Time) -> Result<Passage, WorksRefusal> {
        // Nothing is drawn: these works find no lot worse than declared.
        let moment = Moment { now: at, seed: Seed(0), entity: "station", revision: 0 };
        let wake = self.works.decide(&WorksCommand::Wake, &moment)?;
        wake.iter().for_each(|event| self.works.apply(event));
        let before = self.works.view(at);
        let estimate = self.works.estimate(lot, at)?;
        let events = self.works.decide(&WorksCommand::Receive(lot), &moment)?;
        events.iter().for_each(|event| self.works.apply(event));
        self.last = at;
        Ok(Passage {
            done_at: estimate.done_at.max(at + STAY_MIN_MS),
            queued_kg: before.queued_kg + before.in_work_kg,
            queued: before.lots,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plastic::batch::BatchId;
    use crate::plastic::intake;
    use crate::plastic::material::{Condition, Material, Resin};
    use crate::time::DAY_MS;

    fn lot(number: u32, kg: f64) -> Lot {
        intake::lot(BatchId { year: 2025, number }, &Material::of(Resin::Pet, Condition::Good, kg))
    }

    #[test]
    fn an_empty_station_is_through_after_a_day_and_a_full_one_when_its_queue_is() {
        let at = Time(1_736_937_000_000);
        for station in Station::ALL {
            let mut queue = Queue::new(station.model(1_000.0).unwrap());
            let first = queue.arrive(lot(1, 25.8), at).unwrap();
            assert_eq!((first.done_at, first.queued), (at + DAY_MS, 0), "{station:?}");
            // Five days of work before it.
            for number in 2..7 {
                queue.arrive(lot(number, 1_000.0), at).unwrap();
            }
            let last = queue.arrive(lot(7, 1_000.0), at).unwrap();
            let days = last.done_at.days_since(at);
            assert!((6.0..6.9).contains(&days), "{station:?}: {days}");
            assert_eq!(last.queued, 6);
            assert!((last.queued_kg - 5_025.8).abs() < 1e-6);
            // Ten days later nothing of that is left.
            let later = queue.arrive(lot(8, 100.0), at + 10 * DAY_MS).unwrap();
            assert_eq!((later.done_at, later.queued), (at + 11 * DAY_MS, 0));
            assert_eq!(Station::of_name(station.name()), Some(station));
        }
    }

    #[test]
    fn the_same_batch_does_not_come_twice() {
        let mut queue = Queue::new(Station::Sorting.model(100.0).unwrap());
        queue.arrive(lot(1, 50.0), Time(0)).unwrap();
        assert!(matches!(queue.arrive(lot(1, 50.0), Time(1)), Err(WorksRefusal::AlreadyHere { .. })));
    }
}
