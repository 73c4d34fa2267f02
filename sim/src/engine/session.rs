//! A world that is run by hand: stepped to an instant, looked at, disturbed on purpose, brought back to where it was.
//!
//! ```text
//!  model ──► Session::init ──► run_until ──► read, events
//!                 ▲               ▲  │
//!                 │               │  └──► inject ──► log of what was injected, and when
//!                 └── replay ◄────┴───────────────── log, instant                          (a saved state)
//! ```
//!
//! It runs the zones of [`run_direct`](super::run_direct) with the same hand-over at the end of the same windows, so
//! neither the size of steps nor looking changes anything: a session that nothing was injected into ends with the record
//! of an ordinary run. A saved state is what was injected and how far the session was; it is restored by running again,
//! since a run can be repeated exactly.

use super::cast::Direct;
use super::happenings::Happening;
use super::model::VariantModel;
use super::place::{Part, Place};
use super::player::Hosting;
use super::tally::{Key, Sums};
use super::transfer::Transfer;
use super::{WINDOW_MS, at_once, merge, world_seed, zones};
use crate::results::record::{Subject, WorldRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::time::Time;

/// A part of a cabinet that can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokenPart {
    /// The whole cabinet.
    Cabinet,
    /// A slot, counted from 1.
    Slot(u32),
    /// The charger of a slot, counted from 1.
    Charger(u32),
}

/// Something that is let happen on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Injection {
    /// Part of a cabinet breaks, and is repaired after a while.
    Break {
        /// The cabinet, as results call it: `town-cabinet-1`.
        cabinet: String,
        /// What breaks.
        part: BrokenPart,
        /// Time to its repair [h].
        repair_h: f64,
    },
    /// A pack with a duty of its own is loaded instead, until the end of its day at the latest; then its duty goes on.
    Load {
        /// The pack, as results call it: `courier-1`.
        pack: String,
        /// Power, positive on discharge [W].
        power_w: f64,
        /// For so long [s].
        duration_s: f64,
        /// Air around it warmer by so much meanwhile [K].
        warmer_c: f64,
    },
}

/// Why nothing was injected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InjectError {
    /// There is no such twin, or it is of a kind that nothing can be injected into.
    #[error("there is no {what} called {name} that anything could be injected into")]
    Absent {
        /// What was looked for.
        what: &'static str,
        /// Under which name.
        name: String,
    },
    /// A figure is out of range.
    #[error("{field}: {why}")]
    Value {
        /// Which.
        field: &'static str,
        /// Why.
        why: String,
    },
    /// It cannot happen to this twin.
    #[error("{name}: {why}")]
    Unsuited {
        /// Which twin.
        name: String,
        /// Why not.
        why: &'static str,
    },
}

impl Injection {
    fn check(&self) -> Result<(), InjectError> {
        let within = |field: &'static str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(InjectError::Value { field, why: format!("{value} is not between {low} and {high}") })
        };
        match self {
            Self::Break { repair_h, .. } => within("repair_h", *repair_h, 0.01, 8_766.0),
            Self::Load { power_w, duration_s, warmer_c, .. } => {
                within("power_w", *power_w, -1e7, 1e7)?;
                within("duration_s", *duration_s, 1.0, 86_400.0)?;
                within("warmer_c", *warmer_c, -50.0, 100.0)
            }
        }
    }

    fn whom(&self) -> (&'static str, &str) {
        match self {
            Self::Break { cabinet, .. } => ("cabinet", cabinet),
            Self::Load { pack, .. } => ("pack", pack),
        }
    }
}

/// What was injected, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Injected {
    /// When [ms since the epoch].
    pub at_ms: i64,
    /// What.
    pub what: Injection,
}

/// A value of a twin, group or network at the present instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Of what.
    pub subject: Subject,
    /// Metric, unit as the last word.
    pub metric: &'static str,
    /// Value.
    pub value: f64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub at: Time,
    /// What: `swap`, `fault`, `end_of_life` …
    pub event: &'static str,
    /// To whom.
    pub subject: Subject,
    /// Who else took part.
    pub other: Option<Subject>,
    /// A figure that belongs to it; `docs/results.md` says which.
    pub value: f64,
}

/// One world, run by hand.
pub struct Session {
    model: Arc<VariantModel>,
    replicate: u32,
    parts: Vec<Part>,
    zones: Vec<Place<Direct>>,
    now: Time,
    log: Vec<Injected>,
}

impl Session {
    /// A world at its first instant; nothing has happened in it yet.
    pub fn init(model: Arc<VariantModel>, replicate: u32) -> Self {
        let seed = world_seed(&model, replicate);
        let parts = zones(&model);
        let set_up =
            |part| at_once(Place::set_up(model.clone(), part, seed, Direct::default(), Hosting::Direct));
        let zones = parts.iter().copied().map(set_up).collect();
        Self { replicate, parts, zones, now: model.start, log: Vec::new(), model }
    }

    /// A world brought to where another was, with all that was injected into that. `goes_on` is asked after each
    /// window; nothing is returned where it says no.
    ///
    /// # Errors
    /// When something of the log cannot be injected, so that the log is not one of this world.
    pub fn replay(
        model: Arc<VariantModel>,
        replicate: u32,
        log: &[Injected],
        until: Time,
        mut goes_on: impl FnMut(Time) -> bool,
    ) -> Result<Option<Self>, InjectError> {
        let mut session = Self::init(model, replicate);
        for Injected { at_ms, what } in log {
            let at = Time(*at_ms);
            if at < session.now || at > until {
                let why = format!("{at_ms} is out of order");
                return Err(InjectError::Value { field: "at_ms", why });
            }
            if session.run_until(at, &mut goes_on) < at.min(session.end()) {
                return Ok(None);
            }
            session.inject(what.clone())?;
        }
        let until = until.min(session.end());
        Ok((session.run_until(until, goes_on) >= until).then_some(session))
    }

    /// The present instant.
    pub fn now(&self) -> Time {
        self.now
    }

    /// First instant.
    pub fn start(&self) -> Time {
        self.model.start
    }

    /// Last instant.
    pub fn end(&self) -> Time {
        self.model.end
    }

    /// What was injected so far.
    pub fn log(&self) -> &[Injected] {
        &self.log
    }

    /// Runs everything that is due before `until`, at most to the end, and returns how far it came: `goes_on` is asked
    /// after each window of six hours. An instant that has passed changes nothing.
    pub fn run_until(&mut self, until: Time, mut goes_on: impl FnMut(Time) -> bool) -> Time {
        let until = until.min(self.model.end);
        while self.now < until {
            // Windows begin at the start, however the session is stepped.
            let passed = (self.now - self.model.start).div_euclid(WINDOW_MS);
            let window_end = (self.model.start + (passed + 1) * WINDOW_MS).min(self.model.end);
            let next = window_end.min(until);
            self.zones.iter_mut().for_each(|zone| at_once(zone.run_until(next)));
            if next == window_end {
                self.hand_over();
            }
            self.now = next;
            if !goes_on(next) {
                break;
            }
        }
        self.now
    }

    /// What leaves one zone arrives in another.
    fn hand_over(&mut self) {
        let mut moving: Vec<Transfer> = Vec::new();
        self.zones.iter_mut().for_each(|zone| moving.extend(at_once(zone.take_outgoing())));
        for transfer in moving {
            self.zones[transfer.zone(&self.parts)].welcome(transfer);
        }
    }

    /// Lets something happen now.
    ///
    /// # Errors
    /// When there is no such twin, or that cannot happen to it; nothing happened then.
    pub fn inject(&mut self, what: Injection) -> Result<(), InjectError> {
        what.check()?;
        for zone in &mut self.zones {
            if at_once(zone.inject(&what))? {
                self.log.push(Injected { at_ms: self.now.0, what });
                return Ok(());
            }
        }
        let (kind, name) = what.whom();
        Err(InjectError::Absent { what: kind, name: name.to_owned() })
    }

    /// Every twin, group and network as it is now. Looking changes nothing.
    pub fn read(&mut self) -> Vec<Reading> {
        let tallies: Vec<_> = self.zones.iter_mut().map(|zone| at_once(zone.read())).collect();
        let mut values: Vec<(Key, &'static str, f64)> = Vec::new();
        let mut whole: BTreeMap<Key, Sums> = BTreeMap::new();
        for tally in &tallies {
            values.extend(tally.samples.iter().map(|sample| (sample.key, sample.metric, sample.value)));
            for (_, key, sums) in &tally.sums {
                whole.entry(*key).and_modify(|known| known.add(sums)).or_insert_with(|| sums.clone());
            }
        }
        values.extend(whole.iter().flat_map(|(key, sums)| totals(*key, sums)));
        // Stable: metrics of one thing keep the order in which they were recorded.
        values.sort_by_key(|(key, ..)| *key);
        let reading =
            |(key, metric, value)| Reading { subject: merge::name(&self.model, key), metric, value };
        values.into_iter().map(reading).collect()
    }

    /// What happened from an instant on, in order of time.
    pub fn events(&self, from: Time) -> Vec<Event> {
        let all = self.zones.iter().flat_map(|zone| zone.happenings().iter());
        let mut events: Vec<_> = all.filter(|happening| happening.at >= from).collect();
        events.sort_by_key(|happening| happening.at);
        let name = |key| merge::name(&self.model, key);
        let event = |h: Happening| Event {
            at: h.at,
            event: h.event,
            subject: name(h.key),
            other: h.other.map(name),
            value: h.value,
        };
        events.into_iter().map(event).collect()
    }

    /// Ends the world and hands over its record, as of now.
    pub fn conclude(self) -> WorldRecord {
        let tallies = self.zones.into_iter().map(|zone| at_once(zone.conclude())).collect();
        merge::merge(&self.model, 0, self.replicate, self.now, tallies)
    }
}

/// What was counted of a network, group or site since the start.
fn totals(key: Key, sums: &Sums) -> Vec<(Key, &'static str, f64)> {
    let mut totals = vec![
        (key, "replacements_total", sums.replacements),
        (key, "energy_delivered_kwh", sums.delivered_wh * 1e-3),
        (key, "losses_kwh", sums.losses_wh * 1e-3),
        (key, "unserved_kwh", sums.unserved_wh * 1e-3),
    ];
    if matches!(key, Key::Network(_)) {
        totals.extend([
            (key, "swaps_total", sums.swaps),
            (key, "walk_aways_total", sums.walk_aways),
            (key, "lost_swaps_total", sums.lost),
            (key, "ready_packs", sums.ready),
            (key, "grid_kwh", sums.grid_wh * 1e-3),
            (key, "solar_kwh", sums.solar_wh * 1e-3),
            (key, "energy_cost", sums.cost),
            (key, "grid_carbon_kg", sums.carbon_g * 1e-3),
        ]);
    }
    totals
}
