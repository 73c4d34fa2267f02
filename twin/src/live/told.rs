//! What hardware says that it did: slots, loads, batches, states.
//!
//! Every item keeps the latest word on it, so events may come in any order; of two at one instant the first stays.

use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Something that happened to hardware, as its twin understands it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Happening {
    /// A slot of a cabinet changed.
    Slot {
        /// Which, from 1 on.
        slot: u32,
        /// What it is now: `empty`, `occupied`, `charging`, `ready`, `reserved`, `faulty`, `maintenance`.
        state: String,
        /// The battery in it, as the cabinet calls it.
        battery: Option<String>,
    },
    /// A battery went out and another came in.
    Swap {
        /// Slot of the one that came.
        slot_in: Option<u32>,
        /// The one that came.
        battery_in: Option<String>,
        /// Slot of the one that went.
        slot_out: Option<u32>,
        /// The one that went.
        battery_out: Option<String>,
    },
    /// Something was taken in: on board, or at a works [kg].
    Loaded {
        /// How much.
        kg: f64,
    },
    /// Something was put off: at a port, or processed [kg].
    Unloaded {
        /// How much.
        kg: f64,
    },
    /// A value of a word: `door` is `open`, `status` is `collecting`, `alarm` is `smoke`.
    Said {
        /// About what.
        item: String,
        /// What it is.
        value: String,
    },
}

/// The latest word on one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// About what: `door`, or for a slot its number.
    pub name: Box<str>,
    /// When.
    pub at: Time,
    /// What it is.
    pub value: Box<str>,
    /// For a slot: the battery in it.
    pub battery: Option<Box<str>>,
}

/// What hardware said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Instant of the latest event.
    pub last_at: Option<Time>,
    /// Events so far.
    pub events: u64,
    /// Slots of a cabinet, in the order of their numbers as text with leading zeros.
    slots: Vec<Item>,
    /// Everything else, in the order of names.
    items: Vec<Item>,
    /// Swaps so far.
    pub swaps: u64,
    /// Taken in so far [kg].
    pub loaded_kg: f64,
    /// Put off so far [kg].
    pub unloaded_kg: f64,
}

impl Told {
    /// Takes an event.
    pub fn hear(&mut self, at: Time, happening: &Happening) {
        self.events += 1;
        self.last_at = self.last_at.max(Some(at));
        match happening {
            Happening::Slot { slot, state, battery } => self.slot(at, *slot, state, battery.as_deref()),
            Happening::Swap { slot_in, battery_in, slot_out, .. } => {
                self.swaps += 1;
                if let Some(slot) = slot_out {
                    self.slot(at, *slot, "empty", None);
                }
                if let Some(slot) = slot_in {
                    self.slot(at, *slot, "occupied", battery_in.as_deref());
                }
            }
            Happening::Loaded { kg } => self.loaded_kg += kg.max(0.0),
            Happening::Unloaded { kg } => self.unloaded_kg += kg.max(0.0),
            Happening::Said { item, value } => put(&mut self.items, at, item, value, None),
        }
    }

    fn slot(&mut self, at: Time, slot: u32, state: &str, battery: Option<&str>) {
        put(&mut self.slots, at, &format!("{slot:05}"), state, battery);
    }

    /// Slots that were spoken of: number, state and battery.
    pub fn slots(&self) -> impl Iterator<Item = (u32, &Item)> {
        self.slots.iter().map(|item| (item.name.trim_start_matches('0').parse().unwrap_or(0), item))
    }

    /// Everything else that was spoken of.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    /// The latest word on something.
    pub fn item(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.name.as_ref() == name)
    }

    /// What is on board or in the yard [kg]; what was put off beyond what was taken in is not owed.
    pub fn held_kg(&self) -> f64 {
        (self.loaded_kg - self.unloaded_kg).max(0.0)
    }

    /// Slots of a cabinet that cannot be used.
    pub fn faulty_slots(&self) -> usize {
        self.slots.iter().filter(|slot| slot.value.as_ref() == "faulty").count()
    }
}

fn put(items: &mut Vec<Item>, at: Time, name: &str, value: &str, battery: Option<&str>) {
    let new = Item { name: name.into(), at, value: value.into(), battery: battery.map(Into::into) };
    match items.binary_search_by(|item| item.name.as_ref().cmp(name)) {
        Ok(place) if items[place].at < at => items[place] = new,
        Ok(_) => {}
        Err(place) => items.insert(place, new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_word_counts_whatever_the_order() {
        let slot = |state: &str, battery: Option<&str>| Happening::Slot {
            slot: 3,
            state: state.to_owned(),
            battery: battery.map(str::to_owned),
        };
        let mut told = Told::default();
        told.hear(Time(20), &slot("ready", Some("B1")));
        told.hear(Time(10), &slot("charging", Some("B1")));
        let slots: Vec<_> = told.slots().map(|(n, item)| (n, item.value.to_string())).collect();
        assert_eq!(slots, [(3, "ready".to_owned())]);
        let swap = Happening::Swap {
            slot_in: Some(4),
            battery_in: Some("B2".to_owned()),
            slot_out: Some(3),
            battery_out: Some("B1".to_owned()),
        };
        told.hear(Time(30), &swap);
        let slots: Vec<_> =
            told.slots().map(|(n, item)| (n, item.value.to_string(), item.battery.clone())).collect();
        assert_eq!(slots[0], (3, "empty".to_owned(), None));
        assert_eq!(slots[1], (4, "occupied".to_owned(), Some("B2".into())));
        assert_eq!(told.swaps, 1);
    }

    #[test]
    fn what_is_held_is_what_came_less_what_went() {
        let mut told = Told::default();
        told.hear(Time(1), &Happening::Loaded { kg: 120.0 });
        told.hear(Time(2), &Happening::Unloaded { kg: 50.0 });
        assert_eq!(told.held_kg(), 70.0);
    }
}
