//! What a cabinet did, read from its journal once and gone on with from there.

use crate::platform::registry::TwinId;
use crate::platform::{Platform, PlatformError};
use crate::store::Revision;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use twin::time::Time;

/// Facts that are read at a time.
const PAGE: usize = 1_000;

/// Logs of cabinets that somebody asked about.
#[derive(Debug, Default)]
pub struct Logs {
    of: Mutex<HashMap<TwinId, Arc<Turn<CabinetLog>>>>,
}

/// A swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Swap {
    pub(super) at: Time,
    /// The battery that went.
    pub(super) out: Option<Arc<str>>,
}

/// What a slot became.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Turned {
    at: Time,
    state: Arc<str>,
    battery: Option<Arc<str>>,
}

/// A battery that was in a slot, from when it came until it was ready or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) battery: Option<Arc<str>>,
    pub(super) from: Time,
    /// When it ended; nothing while it goes on.
    pub(super) to: Option<Time>,
    /// Whether the battery was ready then.
    pub(super) is_done: bool,
}

/// What a cabinet did.
#[derive(Debug, Default)]
pub(in crate::platform) struct CabinetLog {
    read: Revision,
    swaps: Vec<Swap>,
    slots: BTreeMap<u64, Vec<Turned>>,
    names: HashMap<String, Arc<str>>,
    first_at: Option<Time>,
}

impl CabinetLog {
    pub(super) fn swaps(&self) -> impl Iterator<Item = &Swap> {
        self.swaps.iter()
    }

    /// When it was first heard of.
    pub(super) fn first_at(&self) -> Option<Time> {
        self.first_at
    }

    fn name(&mut self, value: &Value) -> Option<Arc<str>> {
        let name = value.as_str()?;
        let known = self.names.entry(name.to_owned()).or_insert_with(|| name.into());
        Some(known.clone())
    }

    fn hear(&mut self, at: Time, event: &str, detail: &Value) {
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        match event {
            "swap" => {
                let out = self.name(&detail["battery_out"]);
                self.swaps.push(Swap { at, out });
                if let Some(slot) = detail["slot_out"].as_u64() {
                    self.turn(slot, at, "empty", None);
                }
                if let Some(slot) = detail["slot_in"].as_u64() {
                    let battery = self.name(&detail["battery_in"]);
                    self.turn(slot, at, "occupied", battery);
                }
            }
            "slot" => {
                let (slot, state) = (detail["slot"].as_u64(), detail["state"].as_str());
                let battery = self.name(&detail["battery"]);
                if let Some((slot, state)) = slot.zip(state) {
                    self.turn(slot, at, state, battery);
                }
            }
            _ => {}
        }
    }

    /// In the order of time, whatever the order of hearing; of two at one instant the first stays first.
    fn turn(&mut self, slot: u64, at: Time, state: &str, battery: Option<Arc<str>>) {
        let state = self.names.entry(state.to_owned()).or_insert_with(|| state.into()).clone();
        let turns = self.slots.entry(slot).or_default();
        let place = turns.partition_point(|known| known.at <= at);
        turns.insert(place, Turned { at, state, battery });
    }

    /// Charges of all slots: from when a battery came, or was put on charge again, until it was ready.
    pub(super) fn charges(&self) -> Vec<Charge> {
        let mut charges = Vec::new();
        for turns in self.slots.values() {
            let mut open: Option<Charge> = None;
            for turned in turns {
                let ended = |open: Charge, is_done| Charge { to: Some(turned.at), is_done, ..open };
                match turned.state.as_ref() {
                    "occupied" | "charging" => match &mut open {
                        Some(charge) if turned.battery.is_none() || charge.battery == turned.battery => {}
                        Some(charge) if charge.battery.is_none() => charge.battery = turned.battery.clone(),
                        _ => {
                            charges.extend(open.take().map(|open| ended(open, false)));
                            let battery = turned.battery.clone();
                            open = Some(Charge { battery, from: turned.at, to: None, is_done: false });
                        }
                    },
                    "ready" => charges.extend(open.take().map(|open| ended(open, true))),
                    "reserved" => {}
                    _ => charges.extend(open.take().map(|open| ended(open, false))),
                }
            }
            charges.extend(open);
        }
        charges
    }
}

impl Platform {
    /// What a cabinet did up to now.
    pub(super) async fn cabinet_log(&self, id: TwinId) -> Result<OwnedMutexGuard<CabinetLog>, PlatformError> {
        let log = {
            let mut logs = self.core.logs.of.lock().unwrap_or_else(PoisonError::into_inner);
            logs.entry(id).or_default().clone()
        };
        let mut log = log.lock_owned().await;
        loop {
            let entries = self.core.store.entries_of(id.entity(), log.read.next(), PAGE).await?;
            let is_last = entries.len() < PAGE;
            for entry in entries {
                log.read = entry.revision;
                if entry.kind == "device.event" {
                    let said: Value = entry.json(1)?;
                    log.hear(entry.at, said["event"].as_str().unwrap_or_default(), &said["detail"]);
                }
            }
            if is_last {
                return Ok(log);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn charges_end_when_the_battery_is_ready_or_gone_in_whatever_order_they_are_heard() {
        let mut log = CabinetLog::default();
        let slot = |log: &mut CabinetLog, minute: i64, state: &str, battery: Option<&str>| {
            let detail = json!({ "slot": 1, "state": state, "battery": battery });
            log.hear(Time(minute * 60_000), "slot", &detail);
        };
        slot(&mut log, 60, "ready", Some("A"));
        slot(&mut log, 10, "charging", Some("A"));
        let swap = json!({ "slot_in": 1, "battery_in": "A", "slot_out": 2, "battery_out": "Z" });
        log.hear(Time(9 * 60_000), "swap", &swap);
        slot(&mut log, 70, "empty", None);
        slot(&mut log, 80, "charging", Some("B"));
        slot(&mut log, 90, "faulty", Some("B"));
        slot(&mut log, 95, "charging", Some("B"));
        let charges = log.charges();
        let spans: Vec<_> =
            charges.iter().map(|c| (c.from.0 / 60_000, c.to.map(|t| t.0 / 60_000), c.is_done)).collect();
        assert_eq!(spans, [(9, Some(60), true), (80, Some(90), false), (95, None, false)]);
        assert_eq!(charges[0].battery.as_deref(), Some("A"));
        assert_eq!(log.swaps().next().unwrap().out.as_deref(), Some("Z"));
        assert_eq!(log.first_at(), Some(Time(9 * 60_000)));
    }
}
