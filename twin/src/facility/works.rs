//! A works: takes lots in, inspects them and leads them through stages in working hours.
//!
//! ```text
//! received ─► [inspection] ─► [stage] ─► … ─► products
//!    queue       │ residue      │ residue
//! ```
//!
//! Every stage has one lot at a time, first come, first served; a lot waits before each. Nothing ticks: when a
//! stage begins with a lot, its end follows from mass, rate and open hours. How long a new lot will take is found
//! by leading it through the present queues, not from a constant. Mass is conserved: what was received is in
//! hand, product or residue. Limits: reagents and water are in the factors, not in the masses; a breakdown delays
//! the lot on the stage and spoils nothing; energy of a lot is spread evenly over its working time.

use super::line::{Condition, Kind, Stage};
use super::shifts::Shifts;
use crate::forcing::Hourly;
use crate::passport::material::{Masses, Material};
use crate::time::{HOUR_MS, Time};
use crate::twin::{Events, Moment, Twin};
use rand::RngExt;
use std::collections::VecDeque;
use std::sync::Arc;

/// A lot, as facilities call it.
pub type LotId = u64;

/// What does not change about a works.
#[derive(Debug, Clone)]
pub struct WorksModel {
    /// What it is for.
    pub kind: Kind,
    /// The line.
    pub stages: Vec<Stage>,
    /// Open hours.
    pub shifts: Shifts,
    /// What it holds at most, in work and waiting [kg].
    pub storage_kg: f64,
    /// How far received weight may differ from declared weight, 0..=1.
    pub weight_tolerance: f64,
    /// Chance that inspection finds a lot in worse condition than declared.
    pub downgrade_probability: f64,
    /// Power drawn at all times [W].
    pub standby_w: f64,
    /// Carbon of its electricity [g CO2e/kWh].
    pub carbon_g_per_kwh: Hourly,
}

/// A lot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lot {
    /// Which.
    pub id: LotId,
    /// What is in it, as weighed at the gate [kg].
    pub masses: Masses,
    /// What it was declared to weigh [kg].
    pub declared_kg: f64,
    /// State of plastic; of no matter to batteries.
    pub condition: Condition,
}

/// A lot on its way through the works.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Job {
    id: LotId,
    condition: Condition,
    /// What is left of it after the stages so far.
    masses: Masses,
    residue: Masses,
    received: Time,
    /// Since when it waits for its stage.
    ready: Time,
    waited_s: f64,
    electricity_kwh: f64,
    carbon_kg: f64,
}

/// A lot on a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Work {
    job: Job,
    began: Time,
    ends: Time,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Station {
    queue: VecDeque<Job>,
    work: Option<Work>,
    /// When the last lot left.
    free_since: Option<Time>,
    /// Broken until then.
    blocked_until: Option<Time>,
}

/// Sums since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Books {
    /// Taken in [kg].
    pub received: Masses,
    /// Given out as product [kg].
    pub products: Masses,
    /// Given out as residue [kg].
    pub residue: Masses,
    /// Electricity of the stages [kWh].
    pub electricity_kwh: f64,
    /// Electricity of standby [kWh].
    pub standby_kwh: f64,
    /// Emissions of the stages, electricity and fuel [kg CO2e].
    pub process_carbon_kg: f64,
    /// Emissions of standby [kg CO2e].
    pub standby_carbon_kg: f64,
    /// Lots taken in.
    pub lots_received: u64,
    /// Lots that are done.
    pub lots_done: u64,
    /// Time from gate to done over all lots that are done [s].
    pub passage_s: f64,
    /// Of that waiting before stages [s].
    pub waited_s: f64,
}

/// A works.
#[derive(Debug, Clone)]
pub struct Works {
    model: Arc<WorksModel>,
    stations: Vec<Station>,
    done: VecDeque<(Time, Job)>,
    books: Books,
    at: Time,
}

/// What a works may be told.
#[derive(Debug, Clone, PartialEq)]
pub enum WorksCommand {
    /// A lot stands at the gate.
    Receive(Lot),
    /// Time passed; there may be something to do.
    Wake,
    /// A stage breaks and is expected back then.
    Break {
        /// The stage, counted from 0.
        stage: usize,
        /// When it will work again.
        until: Time,
    },
}

/// What happened to a works.
#[derive(Debug, Clone, PartialEq)]
pub enum WorksEvent {
    /// A lot was taken in.
    Received {
        /// When.
        at: Time,
        /// The lot, in the condition that inspection will find.
        lot: Lot,
    },
    /// A stage began with a lot.
    Began {
        /// When.
        at: Time,
        /// Stage.
        stage: usize,
        /// Lot.
        lot: LotId,
        /// When it will be through.
        ends: Time,
    },
    /// A stage is through with a lot.
    Ended {
        /// When.
        at: Time,
        /// Stage.
        stage: usize,
        /// Lot.
        lot: LotId,
        /// Electricity that it took [kWh].
        electricity_kwh: f64,
        /// Emissions [kg CO2e].
        carbon_kg: f64,
        /// What was left over [kg].
        residue: Masses,
    },
    /// A lot is done.
    Processed {
        /// When.
        at: Time,
        /// Lot.
        lot: LotId,
        /// What came of it [kg].
        products: Masses,
        /// What was left over at all stages [kg].
        residue: Masses,
        /// Electricity of all stages [kWh].
        electricity_kwh: f64,
        /// Emissions of all stages [kg CO2e].
        carbon_kg: f64,
        /// From gate to done [s].
        passage_s: f64,
    },
    /// A stage broke.
    Broke {
        /// When.
        at: Time,
        /// Stage.
        stage: usize,
        /// When it will work again.
        until: Time,
        /// When its lot will be through.
        ends: Option<Time>,
    },
    /// Nothing happened, and time passed.
    Passed {
        /// Until when.
        at: Time,
    },
}

impl WorksEvent {
    fn at(&self) -> Time {
        match self {
            Self::Received { at, .. }
            | Self::Began { at, .. }
            | Self::Ended { at, .. }
            | Self::Processed { at, .. }
            | Self::Broke { at, .. }
            | Self::Passed { at } => *at,
        }
    }
}

/// Why a works refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WorksRefusal {
    /// Scales and papers disagree.
    #[error("lot {lot} weighs {received_kg} kg and was declared as {declared_kg} kg")]
    WeightDiffers {
        /// Lot.
        lot: LotId,
        /// As weighed [kg].
        received_kg: f64,
        /// As declared [kg].
        declared_kg: f64,
    },
    /// The line cannot treat a material.
    #[error("lot {lot} holds {material}, which this works does not treat")]
    NotAccepted {
        /// Lot.
        lot: LotId,
        /// The material.
        material: &'static str,
    },
    /// There is no room.
    #[error("lot {lot} of {lot_kg} kg finds room for {room_kg} kg")]
    Full {
        /// Lot.
        lot: LotId,
        /// Its mass [kg].
        lot_kg: f64,
        /// Room [kg].
        room_kg: f64,
    },
    /// The lot is here already.
    #[error("lot {lot} is here already")]
    AlreadyHere {
        /// Lot.
        lot: LotId,
    },
    /// An amount that is none.
    #[error("lot {lot} has an amount that is not a number above or at zero, or none at all")]
    NotAnAmount {
        /// Lot.
        lot: LotId,
    },
    /// There is no such stage.
    #[error("there is no stage {stage}; stages are counted from 0 to {last}")]
    NoSuchStage {
        /// The stage.
        stage: usize,
        /// The last one.
        last: usize,
    },
}

/// What a works shows.
#[derive(Debug, Clone, PartialEq)]
pub struct WorksView {
    /// When it next has something to do by itself.
    pub wake_at: Option<Time>,
    /// Waiting before stages [kg].
    pub queued_kg: f64,
    /// On stages [kg].
    pub in_work_kg: f64,
    /// Lots in the works.
    pub lots: usize,
    /// Sums.
    pub books: Books,
}

impl Works {
    /// An empty works.
    #[must_use]
    pub fn new(model: Arc<WorksModel>, at: Time) -> Self {
        let stations = vec![Station::default(); model.stages.len()];
        Self { model, stations, done: VecDeque::new(), books: Books::default(), at }
    }

    /// What does not change about it.
    #[must_use]
    pub fn model(&self) -> &WorksModel {
        &self.model
    }

    /// Sums as of `now`, standby included.
    #[must_use]
    pub fn books(&self, now: Time) -> Books {
        let mut books = self.books;
        self.stand_by(&mut books, now);
        books
    }

    /// What it holds, in work and waiting [kg].
    #[must_use]
    pub fn in_hand(&self) -> Masses {
        let mut all = Masses::default();
        self.jobs().for_each(|job| all += job.masses);
        all
    }

    /// What lots held when they came that are not through: in hand, or residue of theirs [kg].
    #[must_use]
    pub fn unfinished(&self) -> Masses {
        let mut all = Masses::default();
        self.jobs().for_each(|job| {
            all += job.masses;
            all += job.residue;
        });
        all
    }

    /// Room for what else may come [kg].
    #[must_use]
    pub fn room_kg(&self) -> f64 {
        (self.model.storage_kg - self.in_hand().total_kg()).max(0.0)
    }

    fn jobs(&self) -> impl Iterator<Item = &Job> {
        let of_station = |station: &'_ Station| station.work.map(|work| work.job);
        debug_assert!(self.stations.iter().filter_map(of_station).all(|job| job.masses.is_sound()));
        self.stations
            .iter()
            .flat_map(|station| station.work.iter().map(|work| &work.job).chain(&station.queue))
            .chain(self.done.iter().map(|(_, job)| job))
    }

    /// When a lot that came now would be done, and the stage it would go to first; broken stages are expected
    /// back when they were said to be.
    ///
    /// # Errors
    /// When the works would refuse the lot.
    pub fn estimate(&self, lot: Lot, now: Time) -> Result<Estimate, WorksRefusal> {
        let mut ahead = self.clone();
        ahead.advance(now, |_| {});
        ahead.check(&lot)?;
        ahead.transition(&WorksEvent::Received { at: now, lot });
        let next_stage = ahead.model.stages.first().map(|stage| stage.name.clone()).unwrap_or_default();
        let mut done_at = now;
        while let Some(event) = ahead.next_due(Time(i64::MAX)) {
            ahead.transition(&event);
            if let WorksEvent::Processed { at, lot: id, .. } = event
                && id == lot.id
            {
                done_at = at;
                break;
            }
        }
        Ok(Estimate { done_at, next_stage, queued_kg: self.in_hand().total_kg() })
    }

    fn check(&self, lot: &Lot) -> Result<(), WorksRefusal> {
        let received_kg = lot.masses.total_kg();
        if !(lot.masses.is_sound() && received_kg > 0.0 && lot.declared_kg > 0.0) {
            return Err(WorksRefusal::NotAnAmount { lot: lot.id });
        }
        if self.jobs().any(|job| job.id == lot.id) {
            return Err(WorksRefusal::AlreadyHere { lot: lot.id });
        }
        if (received_kg / lot.declared_kg - 1.0).abs() > self.model.weight_tolerance {
            let declared_kg = lot.declared_kg;
            return Err(WorksRefusal::WeightDiffers { lot: lot.id, received_kg, declared_kg });
        }
        let foreign = |(material, _): &(Material, f64)| !self.model.kind.accepts(*material);
        if let Some((material, _)) = lot.masses.present().find(foreign) {
            return Err(WorksRefusal::NotAccepted { lot: lot.id, material: material.name() });
        }
        let room_kg = self.model.storage_kg - self.in_hand().total_kg();
        if received_kg > room_kg {
            return Err(WorksRefusal::Full { lot: lot.id, lot_kg: received_kg, room_kg });
        }
        Ok(())
    }

    /// Leads all that is due until `now` through, telling of it.
    fn advance(&mut self, now: Time, mut tell: impl FnMut(&WorksEvent)) {
        while let Some(event) = self.next_due(now) {
            self.transition(&event);
            tell(&event);
        }
    }

    /// What happens next by itself, not after `until`; of two things at once the one further down the line.
    fn next_due(&self, until: Time) -> Option<WorksEvent> {
        if let Some((at, job)) = self.done.front() {
            return Some(WorksEvent::Processed {
                at: *at,
                lot: job.id,
                products: job.masses,
                residue: job.residue,
                electricity_kwh: job.electricity_kwh,
                carbon_kg: job.carbon_kg,
                passage_s: at.seconds_since(job.received),
            });
        }
        let due = |station: &Station| match (&station.work, station.queue.front()) {
            (Some(work), _) => Some(work.ends),
            (None, Some(job)) => {
                let free = station.free_since.unwrap_or(job.ready);
                let blocked = station.blocked_until.unwrap_or(job.ready);
                Some(self.model.shifts.opens_at(job.ready.max(free).max(blocked)))
            }
            (None, None) => None,
        };
        let at_stage = self.stations.iter().enumerate().rev();
        let (at, stage) = at_stage
            .filter_map(|(stage, station)| Some((due(station)?, stage)))
            .min_by_key(|(at, _)| *at)
            .filter(|(at, _)| *at <= until)?;
        let station = &self.stations[stage];
        let model = &self.model.stages[stage];
        Some(if let Some(work) = &station.work {
            let kg = work.job.masses.total_kg();
            let electricity_kwh = kg * model.electricity_kwh_per_kg;
            let (_, residue) = work.job.masses.split(&model.passes[work.job.condition as usize]);
            WorksEvent::Ended {
                at,
                stage,
                lot: work.job.id,
                electricity_kwh,
                carbon_kg: electricity_kwh * self.mean_carbon(work.began, work.ends) * 1e-3
                    + kg * model.direct_kg_per_kg,
                residue,
            }
        } else {
            let job = station.queue.front().expect("a station without work and due has a queue");
            let ends = self.model.shifts.done_at(at, model.work_ms(&job.masses));
            WorksEvent::Began { at, stage, lot: job.id, ends }
        })
    }

    /// Mean carbon of electricity over the working time of a span [g CO2e/kWh].
    fn mean_carbon(&self, from: Time, to: Time) -> f64 {
        let carbon = &self.model.carbon_g_per_kwh;
        let (mut sum, mut work_ms) = (0.0, 0);
        for (begin, end) in hours(from, to) {
            let ms = self.model.shifts.work_between(begin, end);
            sum += ms as f64 * carbon.step_at(begin);
            work_ms += ms;
        }
        if work_ms > 0 { sum / work_ms as f64 } else { carbon.step_at(from) }
    }

    fn stand_by(&self, books: &mut Books, to: Time) {
        if self.model.standby_w <= 0.0 {
            return;
        }
        for (begin, end) in hours(self.at, to) {
            let kwh = self.model.standby_w * 1e-3 * end.seconds_since(begin) / 3600.0;
            books.standby_kwh += kwh;
            books.standby_carbon_kg += kwh * self.model.carbon_g_per_kwh.step_at(begin) * 1e-3;
        }
    }

    /// Applies an event to lots and books, but for standby.
    fn transition(&mut self, event: &WorksEvent) {
        match event {
            WorksEvent::Received { at, lot } => {
                self.books.received += lot.masses;
                self.books.lots_received += 1;
                let job = Job {
                    id: lot.id,
                    condition: lot.condition,
                    masses: lot.masses,
                    residue: Masses::default(),
                    received: *at,
                    ready: *at,
                    waited_s: 0.0,
                    electricity_kwh: 0.0,
                    carbon_kg: 0.0,
                };
                match self.stations.first_mut() {
                    Some(station) => station.queue.push_back(job),
                    None => self.done.push_back((*at, job)),
                }
            }
            WorksEvent::Began { at, stage, ends, .. } => {
                let station = &mut self.stations[*stage];
                if let Some(mut job) = station.queue.pop_front() {
                    job.waited_s += at.seconds_since(job.ready);
                    station.work = Some(Work { job, began: *at, ends: *ends });
                }
            }
            WorksEvent::Ended { at, stage, electricity_kwh, carbon_kg, residue, .. } => {
                let station = &mut self.stations[*stage];
                station.free_since = Some(*at);
                let Some(Work { mut job, .. }) = station.work.take() else { return };
                job.masses -= *residue;
                job.residue += *residue;
                job.electricity_kwh += electricity_kwh;
                job.carbon_kg += carbon_kg;
                job.ready = *at;
                self.books.residue += *residue;
                self.books.electricity_kwh += electricity_kwh;
                self.books.process_carbon_kg += carbon_kg;
                match self.stations.get_mut(*stage + 1) {
                    Some(next) => next.queue.push_back(job),
                    None => self.done.push_back((*at, job)),
                }
            }
            WorksEvent::Processed { products, passage_s, .. } => {
                self.books.products += *products;
                self.books.lots_done += 1;
                self.books.passage_s += passage_s;
                if let Some((_, job)) = self.done.pop_front() {
                    self.books.waited_s += job.waited_s;
                }
            }
            WorksEvent::Broke { stage, until, ends, .. } => {
                let station = &mut self.stations[*stage];
                station.blocked_until = Some(*until);
                if let (Some(work), Some(ends)) = (&mut station.work, ends) {
                    work.ends = *ends;
                }
            }
            WorksEvent::Passed { .. } => {}
        }
    }
}

/// When a lot would be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// When.
    pub done_at: Time,
    /// Where it would go first.
    pub next_stage: String,
    /// What is here before it [kg].
    pub queued_kg: f64,
}

/// A span cut at the hours.
pub(super) fn hours(from: Time, to: Time) -> impl Iterator<Item = (Time, Time)> {
    let mut begin = from;
    std::iter::from_fn(move || {
        if begin >= to {
            return None;
        }
        let end = Time((begin.0.div_euclid(HOUR_MS) + 1) * HOUR_MS).min(to);
        let span = (begin, end);
        begin = end;
        Some(span)
    })
}

impl Twin for Works {
    type Command = WorksCommand;
    type Event = WorksEvent;
    type Refusal = WorksRefusal;
    type View = WorksView;

    fn decide(
        &self,
        command: &WorksCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<WorksEvent>, WorksRefusal> {
        let now = moment.now;
        let mut events = Events::new();
        let mut draft = self.clone();
        draft.advance(now, |event| events.push(event.clone()));
        match command {
            WorksCommand::Receive(lot) => {
                draft.check(lot)?;
                let chance = self.model.downgrade_probability;
                let is_worse = chance > 0.0 && moment.stream("inspection").random::<f64>() < chance;
                let condition = if is_worse { lot.condition.worse() } else { lot.condition };
                let event = WorksEvent::Received { at: now, lot: Lot { condition, ..*lot } };
                draft.transition(&event);
                events.push(event);
            }
            WorksCommand::Break { stage, until } => {
                let Some(station) = draft.stations.get(*stage) else {
                    return Err(WorksRefusal::NoSuchStage { stage: *stage, last: draft.stations.len() - 1 });
                };
                let shifts = &self.model.shifts;
                let ends = station
                    .work
                    .map(|work| shifts.done_at((*until).max(now), shifts.work_between(now, work.ends)));
                let event = WorksEvent::Broke { at: now, stage: *stage, until: *until, ends };
                draft.transition(&event);
                events.push(event);
            }
            WorksCommand::Wake => {}
        }
        draft.advance(now, |event| events.push(event.clone()));
        if events.is_empty() {
            events.push(WorksEvent::Passed { at: now });
        }
        Ok(events)
    }

    fn apply(&mut self, event: &WorksEvent) {
        let at = event.at();
        if at > self.at {
            let mut books = self.books;
            self.stand_by(&mut books, at);
            self.books = books;
            self.at = at;
        }
        self.transition(event);
    }

    fn view(&self, now: Time) -> WorksView {
        let queued = |station: &Station| station.queue.iter().map(|job| job.masses.total_kg()).sum::<f64>();
        let working = |station: &Station| station.work.map_or(0.0, |work| work.job.masses.total_kg());
        WorksView {
            wake_at: self.next_due(Time(i64::MAX)).map(|event| event.at()),
            queued_kg: self.stations.iter().map(queued).sum(),
            in_work_kg: self.stations.iter().map(working).sum(),
            lots: self.jobs().count(),
            books: self.books(now),
        }
    }
}
