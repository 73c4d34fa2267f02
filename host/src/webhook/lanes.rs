//! Lanes: what waits, by endpoint and subject; of each lane only the first may go.

use super::queue::DeliveryRecord;
use crate::store::records::Versioned;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use twin::time::Time;

/// An endpoint and what the events are about.
pub(super) type Lane = (Arc<str>, Arc<str>);

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    waiting: HashMap<Lane, BTreeMap<u64, Versioned<DeliveryRecord>>>,
    /// First of each lane that is not under way, by when it is due.
    due: BTreeSet<(Time, u64, Lane)>,
    /// Lanes whose first is under way.
    busy: HashMap<Lane, u64>,
    counts: HashMap<Arc<str>, usize>,
}

impl Lanes {
    /// Deliveries that wait for an endpoint.
    pub(super) fn count(&self, endpoint: &str) -> usize {
        self.counts.get(endpoint).copied().unwrap_or(0)
    }

    fn head(&self, lane: &Lane) -> Option<(Time, u64, Lane)> {
        let (number, first) = self.waiting.get(lane)?.first_key_value()?;
        Some((first.value.next_at, *number, lane.clone()))
    }

    /// Lines a delivery up.
    pub(super) fn add(&mut self, delivery: Versioned<DeliveryRecord>) {
        let lane: Lane = (delivery.value.endpoint.clone(), delivery.value.subject.as_str().into());
        if let Some(head) = self.head(&lane) {
            self.due.remove(&head);
        }
        let number = delivery.value.number;
        let before = self.waiting.entry(lane.clone()).or_default().insert(number, delivery);
        if before.is_none() {
            *self.counts.entry(lane.0.clone()).or_default() += 1;
        }
        self.put_in_line(&lane);
    }

    /// The first of a lane is due when it says so, unless one is under way.
    fn put_in_line(&mut self, lane: &Lane) {
        if self.busy.contains_key(lane) {
            return;
        }
        if let Some(head) = self.head(lane) {
            self.due.insert(head);
        }
    }

    /// When there is something to do.
    pub(super) fn first(&self) -> Option<Time> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// What is due first by now; it is under way from here on.
    pub(super) fn take(&mut self, now: Time) -> Option<Versioned<DeliveryRecord>> {
        let (_, number, lane) = self.due.first().filter(|(at, ..)| *at <= now)?.clone();
        self.due.pop_first();
        let delivery = self.waiting.get(&lane)?.get(&number)?.clone();
        self.busy.insert(lane, number);
        Some(delivery)
    }

    /// What was under way is over: it is gone, or waits again as it is now.
    pub(super) fn end(&mut self, delivery: &DeliveryRecord, again: Option<Versioned<DeliveryRecord>>) {
        let lane: Lane = (delivery.endpoint.clone(), delivery.subject.as_str().into());
        self.busy.remove(&lane);
        if let Some(waiting) = self.waiting.get_mut(&lane) {
            match (again, waiting.get_mut(&delivery.number)) {
                (Some(again), Some(known)) => *known = again,
                (None, Some(_)) => {
                    waiting.remove(&delivery.number);
                    self.forget_one(&lane.0);
                }
                // Somebody took it out meanwhile.
                (_, None) => {}
            }
        }
        if self.waiting.get(&lane).is_some_and(BTreeMap::is_empty) {
            self.waiting.remove(&lane);
        }
        self.put_in_line(&lane);
    }

    fn forget_one(&mut self, endpoint: &Arc<str>) {
        if let Some(count) = self.counts.get_mut(endpoint) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(endpoint);
            }
        }
    }

    /// Everything that waits for an endpoint; it waits no more.
    pub(super) fn take_all(&mut self, endpoint: &str) -> Vec<Versioned<DeliveryRecord>> {
        let lanes: Vec<Lane> =
            self.waiting.keys().filter(|lane| lane.0.as_ref() == endpoint).cloned().collect();
        let mut taken = Vec::new();
        for lane in lanes {
            if let Some(head) = self.head(&lane) {
                self.due.remove(&head);
            }
            taken.extend(self.waiting.remove(&lane).into_iter().flat_map(BTreeMap::into_values));
        }
        self.counts.remove(endpoint);
        taken.sort_by_key(|delivery| delivery.value.number);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(number: u64, endpoint: &str, subject: &str, next_at: i64) -> Versioned<DeliveryRecord> {
        let value = DeliveryRecord {
            number,
            endpoint: endpoint.into(),
            subject: subject.to_owned(),
            event: "happened".to_owned(),
            at: Time(0),
            unsigned: "{}".to_owned(),
            attempts: 0,
            next_at: Time(next_at),
            failed: None,
            dead_at: None,
        };
        Versioned { value, version: 1 }
    }

    fn taken(lanes: &mut Lanes, now: i64) -> Option<u64> {
        lanes.take(Time(now)).map(|delivery| delivery.value.number)
    }

    #[test]
    fn a_lane_goes_one_by_one_and_lanes_go_side_by_side() {
        let mut lanes = Lanes::default();
        for number in [2, 1, 3] {
            lanes.add(delivery(number, "e", "a", 10));
        }
        lanes.add(delivery(4, "e", "b", 20));
        assert_eq!((lanes.first(), lanes.count("e")), (Some(Time(10)), 4));
        assert_eq!(taken(&mut lanes, 5), None);
        assert_eq!(taken(&mut lanes, 20), Some(1));
        assert_eq!(taken(&mut lanes, 20), Some(4));
        assert_eq!(taken(&mut lanes, 20), None);
        // The first failed and waits; the second waits behind it, due or not.
        let again = delivery(1, "e", "a", 100);
        lanes.end(&delivery(1, "e", "a", 10).value, Some(again));
        assert_eq!(taken(&mut lanes, 99), None);
        assert_eq!(taken(&mut lanes, 100), Some(1));
        lanes.add(delivery(5, "e", "a", 0));
        assert_eq!(taken(&mut lanes, 100), None);
        lanes.end(&delivery(1, "e", "a", 10).value, None);
        assert_eq!(taken(&mut lanes, 100), Some(2));
        assert_eq!(lanes.count("e"), 4);
        let rest: Vec<u64> = lanes.take_all("e").iter().map(|one| one.value.number).collect();
        assert_eq!(rest, [2, 3, 4, 5]);
        lanes.end(&delivery(2, "e", "a", 10).value, None);
        assert_eq!((lanes.first(), lanes.count("e")), (None, 0));
    }
}
