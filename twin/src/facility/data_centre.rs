//! A data centre: rooms with batteries behind uninterruptible supplies, outages of the grid, and the care of blocks.
//!
//! ```text
//! foreseen ─► begun ─► every room reported ─► over, next one foreseen
//! inspected ─► blocks due for replacement
//! ```
//!
//! The data centre draws when the grid fails, for how long, whether its generator starts and how much its servers
//! ask for at that time. Its batteries are twins of their own ([`crate::battery::lead_acid::LeadAcidBank`]); it
//! knows them by what they report: how long they carried the load, and capacities found at inspections. Outages
//! are a Poisson process whose rate goes by month, drawn by thinning (Lewis & Shedler 1979); lasting times are
//! lognormal. Limits: one outage at a time; all rooms see the same outage; a room's air does not warm during one.

use crate::forcing::Hourly;
use crate::passport::date::Date;
use crate::rng::Stream;
use crate::time::{DAY_MS, Time, UtcOffset, YEAR_DAYS};
use crate::twin::{Events, Moment, Twin};
use rand::RngExt;
use rand_distr::{Distribution, Exp1, LogNormal, Normal};
use std::sync::Arc;

/// Inspections that a forecast goes by.
const REMEMBERED: usize = 12;
/// Inspections that a forecast needs.
const NEEDED: usize = 4;

/// Utilisation of servers: mean and standard deviation over hours. Source: CPU utilisation of a Google cluster
/// over 28 days, 672 hourly means (lowest 0.44, highest 0.89; hour of day explains little). A test compares.
pub const UTILISATION: (f64, f64) = (0.655, 0.091);
/// Power of idle servers over that of busy ones. assumed: between old and new servers.
pub const IDLE_SHARE: f64 = 0.4;

/// A room with batteries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    /// What cooling is set to [°C].
    pub setpoint_c: f64,
    /// The room against its set point, from where it lies and how it is aired [K].
    pub temperature_offset_c: f64,
    /// Degrees in the room for each that the air outside is above `cooling_limit_c`.
    pub outdoor_share: f64,
    /// Up to this outdoor temperature cooling holds its set point [°C].
    pub cooling_limit_c: f64,
    /// Relative humidity that is held [%].
    pub humidity_pct: f64,
    /// The room against that [%].
    pub humidity_offset_pct: f64,
    /// Most that its servers ask for [W].
    pub load_max_w: f64,
}

impl Room {
    /// Air in the room while it is so warm outside [°C].
    ///
    /// ```text
    /// T = T_set + ΔT + s·max(0, T_out − T_limit)
    /// ```
    ///
    /// assumed: no published model of battery rooms; `outdoor_share` stands for cooling that is too small.
    #[must_use]
    pub fn air_c(&self, outdoor_c: f64) -> f64 {
        self.setpoint_c
            + self.temperature_offset_c
            + self.outdoor_share * (outdoor_c - self.cooling_limit_c).max(0.0)
    }

    /// Air in the room by the hour.
    #[must_use]
    pub fn air(&self, outdoor_c: &Hourly) -> Hourly {
        outdoor_c.map(|outdoor_c| self.air_c(outdoor_c))
    }

    /// Relative humidity in the room [%]; for show, the battery models do not go by it.
    #[must_use]
    pub fn relative_humidity_pct(&self) -> f64 {
        (self.humidity_pct + self.humidity_offset_pct).clamp(0.0, 100.0)
    }
}

/// When the grid fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outages {
    /// Mean number a year.
    pub per_year: f64,
    /// Weight of each month; their mean is taken as 1.
    pub by_month: [f64; 12],
    /// Half of them are shorter [s].
    pub median_s: f64,
    /// Standard deviation of the logarithm.
    pub log_sd: f64,
    /// Time until a generator carries the load [s]; none there when infinite.
    pub generator_s: f64,
    /// Chance that the generator does not start.
    pub generator_failure: f64,
}

impl Outages {
    /// The first outage after `from`; `None` when the grid never fails.
    fn next(&self, from: Time, local: UtcOffset, stream: &mut Stream) -> Option<(Time, f64, Option<f64>)> {
        let mean = self.by_month.iter().sum::<f64>() / 12.0;
        let most = self.by_month.iter().copied().fold(0.0, f64::max) / mean;
        if !(self.per_year > 0.0 && most > 0.0) {
            return None;
        }
        let mut at = from;
        let begins = loop {
            let gap: f64 = Exp1.sample(stream);
            at = at.plus_seconds(gap * YEAR_DAYS * 86_400.0 / (self.per_year * most));
            let (_, month, _) = Date::at(at + local.ms).civil();
            let share = self.by_month[month as usize - 1] / mean / most;
            if stream.random::<f64>() < share {
                break at;
            }
        };
        let lasting = LogNormal::new(self.median_s.ln(), self.log_sd).expect("checked: positive and finite");
        let lasts_s = lasting.sample(stream);
        let starts = self.generator_s.is_finite() && stream.random::<f64>() >= self.generator_failure;
        Some((begins, lasts_s, starts.then_some(self.generator_s)))
    }
}

/// An outage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outage {
    /// When the grid fails.
    pub begins: Time,
    /// How long [s].
    pub lasts_s: f64,
    /// When a generator carries the load, from the beginning [s].
    pub generator_s: Option<f64>,
    /// What servers ask for, over the most that they ask for.
    pub load_share: f64,
}

impl Outage {
    /// How long batteries have to carry the load [s].
    #[must_use]
    pub fn to_carry_s(&self) -> f64 {
        self.generator_s.map_or(self.lasts_s, |starts| starts.min(self.lasts_s))
    }
}

/// What is done about blocks that grow weak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Care {
    /// Nothing.
    None,
    /// Blocks found below the limit are replaced.
    Worn,
    /// So are those that will be below it within so many days, as far as their past tells.
    Forecast {
        /// How far ahead [d].
        days: f64,
    },
}

/// What does not change about a data centre.
#[derive(Debug, Clone)]
pub struct DataCentreModel {
    /// Its rooms.
    pub rooms: Vec<Room>,
    /// Its grid.
    pub outages: Outages,
    /// What is done about weak blocks.
    pub care: Care,
    /// Capacity over rated below which a block is worn.
    pub worn_below: f64,
    /// Local time.
    pub local: UtcOffset,
}

/// What an inspection found of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Its string.
    pub string: usize,
    /// Its place in it.
    pub block: usize,
    /// Capacity over rated.
    pub soh: f64,
}

/// Why a block is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is below the limit.
    Worn,
    /// It will be soon.
    Forecast,
}

/// What a data centre remembers of a block.
#[derive(Debug, Clone, Default, PartialEq)]
struct Past(Vec<(Time, f64)>);

impl Past {
    fn note(&mut self, at: Time, soh: f64) {
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        self.0.push((at, soh));
    }

    /// Days until it is worn, by the median of all slopes; `None` when too little is known or it does not fall.
    ///
    /// Source: Theil (1950), Sen (1968). Limits: capacity of lead-acid blocks falls ever faster, so this is late.
    fn remaining_days(&self, worn_below: f64) -> Option<f64> {
        let (last_at, last) = *self.0.last()?;
        if self.0.len() < NEEDED {
            return None;
        }
        let mut slopes = Vec::with_capacity(self.0.len() * self.0.len() / 2);
        for (index, (later, soh)) in self.0.iter().enumerate() {
            for (earlier, before) in &self.0[..index] {
                let days = later.days_since(*earlier);
                if days > 0.0 {
                    slopes.push((soh - before) / days);
                }
            }
        }
        slopes.sort_by(f64::total_cmp);
        let slope = *slopes.get(slopes.len() / 2)?;
        debug_assert!(last_at >= self.0[0].0);
        (slope < 0.0).then(|| ((last - worn_below) / -slope).max(0.0))
    }
}

/// Counts since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Outages that are over.
    pub outages: u64,
    /// Rooms that lost their load, over all outages.
    pub drops: u64,
    /// Time that loads were carried, over all rooms [s].
    pub carried_s: f64,
    /// Time that loads were without power, over all rooms [s].
    pub dark_s: f64,
    /// Energy that was asked for and not given [kWh].
    pub unserved_kwh: f64,
    /// Blocks that became due.
    pub due: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Running {
    outage: Outage,
    /// How long each room was carried [s], once known.
    carried_s: Vec<Option<f64>>,
}

/// A data centre.
#[derive(Debug, Clone)]
pub struct DataCentre {
    model: Arc<DataCentreModel>,
    next: Option<Outage>,
    running: Option<Running>,
    /// By room, string and block.
    past: Vec<std::collections::BTreeMap<(usize, usize), Past>>,
    counts: Counts,
}

/// What a data centre may be told.
#[derive(Debug, Clone, PartialEq)]
pub enum DataCentreCommand {
    /// To look out for outages.
    Open,
    /// Time passed; there may be something to do.
    Wake,
    /// How long the batteries of a room carried the load.
    Carried {
        /// The room.
        room: usize,
        /// How long [s].
        seconds: f64,
    },
    /// What an inspection found in a room.
    Inspect {
        /// The room.
        room: usize,
        /// Its blocks.
        readings: Vec<Reading>,
    },
}

/// What happened to a data centre.
#[derive(Debug, Clone, PartialEq)]
pub enum DataCentreEvent {
    /// The next outage is drawn.
    Foreseen {
        /// The outage; `None` when the grid never fails.
        outage: Option<Outage>,
    },
    /// The grid failed.
    Began {
        /// The outage.
        outage: Outage,
    },
    /// A room reported.
    Carried {
        /// The room.
        room: usize,
        /// How long [s].
        seconds: f64,
    },
    /// All rooms have reported.
    Over {
        /// The outage.
        outage: Outage,
        /// Rooms that lost their load.
        drops: u64,
        /// Time without power, over all rooms [s].
        dark_s: f64,
        /// Energy that was not given [kWh].
        unserved_kwh: f64,
    },
    /// A room was inspected.
    Inspected {
        /// When.
        at: Time,
        /// The room.
        room: usize,
        /// What was found.
        readings: Vec<Reading>,
    },
    /// A block is to be replaced; its past is forgotten.
    Due {
        /// When.
        at: Time,
        /// The room.
        room: usize,
        /// The block as it was found.
        reading: Reading,
        /// Why.
        reason: Reason,
    },
    /// Nothing happened.
    Passed,
}

/// Why a data centre refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum DataCentreRefusal {
    /// There is no such room.
    #[error("there is no room {room}; rooms are counted from 0 to {last}")]
    NoSuchRoom {
        /// The room.
        room: usize,
        /// The last one.
        last: usize,
    },
    /// There is no outage to report of.
    #[error("room {room} reports {seconds} s of an outage that is none, or has reported")]
    NothingToReport {
        /// The room.
        room: usize,
        /// What it reported [s].
        seconds: f64,
    },
    /// A reading that is none.
    #[error("block {block} of string {string} is read with a state of health of {soh}")]
    NotAReading {
        /// Its string.
        string: usize,
        /// Its place.
        block: usize,
        /// What was read.
        soh: f64,
    },
}

/// What a data centre shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DataCentreView {
    /// When it next has something to do by itself.
    pub wake_at: Option<Time>,
    /// Whether the grid has failed and rooms have not all reported.
    pub on_battery: bool,
    /// Counts.
    pub counts: Counts,
}

impl DataCentre {
    /// A data centre that has not been opened.
    #[must_use]
    pub fn new(model: Arc<DataCentreModel>) -> Self {
        let past = vec![std::collections::BTreeMap::new(); model.rooms.len()];
        Self { model, next: None, running: None, past, counts: Counts::default() }
    }

    /// What does not change about it.
    #[must_use]
    pub fn model(&self) -> &DataCentreModel {
        &self.model
    }

    /// Days until a block will be worn, as far as its inspections tell.
    #[must_use]
    pub fn remaining_days(&self, room: usize, string: usize, block: usize) -> Option<f64> {
        self.past.get(room)?.get(&(string, block))?.remaining_days(self.model.worn_below)
    }

    fn foresee(&self, from: Time, moment: &Moment<'_>) -> DataCentreEvent {
        let mut stream = moment.stream("outage");
        let drawn = self.model.outages.next(from, self.model.local, &mut stream);
        let outage = drawn.map(|(begins, lasts_s, generator_s)| {
            let (mean, sd) = UTILISATION;
            let utilisation = Normal::new(mean, sd).expect("constants").sample(&mut stream).clamp(0.0, 1.0);
            let load_share = IDLE_SHARE + (1.0 - IDLE_SHARE) * utilisation;
            Outage { begins, lasts_s, generator_s, load_share }
        });
        DataCentreEvent::Foreseen { outage }
    }

    fn check_room(&self, room: usize) -> Result<(), DataCentreRefusal> {
        let last = self.model.rooms.len().saturating_sub(1);
        if room < self.model.rooms.len() { Ok(()) } else { Err(DataCentreRefusal::NoSuchRoom { room, last }) }
    }

    fn over(&self, running: &Running) -> DataCentreEvent {
        let outage = running.outage;
        let asked_s = outage.to_carry_s();
        let (mut drops, mut dark_s, mut unserved_kwh) = (0, 0.0, 0.0);
        for (room, carried_s) in self.model.rooms.iter().zip(&running.carried_s) {
            let dark = (asked_s - carried_s.unwrap_or(0.0)).max(0.0);
            // Bookkeeping in milliseconds leaves less than one behind.
            if dark > 2e-3 {
                drops += 1;
                dark_s += dark;
                unserved_kwh += dark * room.load_max_w * outage.load_share / 3.6e6;
            }
        }
        DataCentreEvent::Over { outage, drops, dark_s, unserved_kwh }
    }

    fn due(&self, at: Time, room: usize, readings: &[Reading]) -> Vec<DataCentreEvent> {
        let worn_below = self.model.worn_below;
        let reason = |reading: &Reading| match self.model.care {
            Care::None => None,
            Care::Worn | Care::Forecast { .. } if reading.soh < worn_below => Some(Reason::Worn),
            Care::Forecast { days } => {
                let mut past =
                    self.past[room].get(&(reading.string, reading.block)).cloned().unwrap_or_default();
                past.note(at, reading.soh);
                let left = past.remaining_days(worn_below)?;
                (left < days).then_some(Reason::Forecast)
            }
            Care::Worn => None,
        };
        let event = |reading: &Reading| {
            Some(DataCentreEvent::Due { at, room, reading: *reading, reason: reason(reading)? })
        };
        readings.iter().filter_map(event).collect()
    }
}

impl Twin for DataCentre {
    type Command = DataCentreCommand;
    type Event = DataCentreEvent;
    type Refusal = DataCentreRefusal;
    type View = DataCentreView;

    fn decide(
        &self,
        command: &DataCentreCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<DataCentreEvent>, DataCentreRefusal> {
        let mut events = Events::new();
        match command {
            DataCentreCommand::Open => events.push(self.foresee(moment.now, moment)),
            DataCentreCommand::Wake => match self.next {
                Some(outage) if outage.begins <= moment.now && self.running.is_none() => {
                    events.push(DataCentreEvent::Began { outage });
                }
                _ => events.push(DataCentreEvent::Passed),
            },
            DataCentreCommand::Carried { room, seconds } => {
                self.check_room(*room)?;
                let refusal = DataCentreRefusal::NothingToReport { room: *room, seconds: *seconds };
                let running = self.running.as_ref().ok_or(refusal)?;
                if running.carried_s[*room].is_some() || seconds.is_nan() || *seconds < 0.0 {
                    return Err(refusal);
                }
                events.push(DataCentreEvent::Carried { room: *room, seconds: *seconds });
                let mut then = running.clone();
                then.carried_s[*room] = Some(*seconds);
                if then.carried_s.iter().all(Option::is_some) {
                    events.push(self.over(&then));
                    let from = then.outage.begins.plus_seconds(then.outage.lasts_s);
                    events.push(self.foresee(from, moment));
                }
            }
            DataCentreCommand::Inspect { room, readings } => {
                self.check_room(*room)?;
                if let Some(wrong) = readings.iter().find(|r| !(r.soh.is_finite() && r.soh >= 0.0)) {
                    let Reading { string, block, soh } = *wrong;
                    return Err(DataCentreRefusal::NotAReading { string, block, soh });
                }
                let readings = readings.clone();
                let due = self.due(moment.now, *room, &readings);
                events.push(DataCentreEvent::Inspected { at: moment.now, room: *room, readings });
                events.extend(due);
            }
        }
        Ok(events)
    }

    fn apply(&mut self, event: &DataCentreEvent) {
        match event {
            DataCentreEvent::Foreseen { outage } => self.next = *outage,
            DataCentreEvent::Began { outage } => {
                self.next = None;
                self.running =
                    Some(Running { outage: *outage, carried_s: vec![None; self.model.rooms.len()] });
            }
            DataCentreEvent::Carried { room, seconds } => {
                self.counts.carried_s += seconds;
                if let Some(running) = &mut self.running {
                    running.carried_s[*room] = Some(*seconds);
                }
            }
            DataCentreEvent::Over { drops, dark_s, unserved_kwh, .. } => {
                self.running = None;
                self.counts.outages += 1;
                self.counts.drops += drops;
                self.counts.dark_s += dark_s;
                self.counts.unserved_kwh += unserved_kwh;
            }
            DataCentreEvent::Inspected { at, room, readings } => {
                for reading in readings {
                    let place = (reading.string, reading.block);
                    self.past[*room].entry(place).or_default().note(*at, reading.soh);
                }
            }
            DataCentreEvent::Due { room, reading, .. } => {
                self.counts.due += 1;
                self.past[*room].remove(&(reading.string, reading.block));
            }
            DataCentreEvent::Passed => {}
        }
    }

    fn view(&self, _: Time) -> DataCentreView {
        DataCentreView {
            wake_at: self.next.map(|outage| outage.begins),
            on_battery: self.running.is_some(),
            counts: self.counts,
        }
    }
}

/// Instants of inspections: every so many days from `from` on, up to `to`.
pub fn inspections(from: Time, to: Time, every_days: f64) -> impl Iterator<Item = Time> {
    let step_ms = ((every_days * DAY_MS as f64) as i64).max(1);
    (1..).map(move |k| from + k * step_ms).take_while(move |at| *at < to)
}
