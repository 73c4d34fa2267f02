//! What is counted. No label names a device.

use crate::payload::Class;
use metrics::{Counter, Gauge, counter, gauge};

/// The counters of a broker, looked up once.
#[derive(Clone)]
pub(crate) struct Counters {
    pub(crate) connections: Gauge,
    pub(crate) accepted: Counter,
    pub(crate) messages: Counter,
    pub(crate) bytes: Counter,
    pub(crate) kept: Counter,
    pub(crate) unavailable: Counter,
    pub(crate) skipped_keys: Counter,
    pub(crate) sent: Counter,
    pub(crate) dropped: Counter,
    pub(crate) slowed: Counter,
    pub(crate) missed_orders: Counter,
    pub(crate) rejected: Rejected,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            connections: gauge!("celltide_mqtt_connections"),
            accepted: counter!("celltide_mqtt_connections_total"),
            messages: counter!("celltide_mqtt_messages_total"),
            bytes: counter!("celltide_mqtt_bytes_total"),
            kept: counter!("celltide_mqtt_kept_total"),
            unavailable: counter!("celltide_mqtt_unavailable_total"),
            skipped_keys: counter!("celltide_mqtt_skipped_keys_total"),
            sent: counter!("celltide_mqtt_sent_total"),
            dropped: counter!("celltide_mqtt_dropped_total"),
            slowed: counter!("celltide_mqtt_slowed_total"),
            missed_orders: counter!("celltide_mqtt_missed_orders_total"),
            rejected: Rejected,
        }
    }

    /// A connection ended.
    pub(crate) fn closed(&self, why: &'static str) {
        counter!("celltide_mqtt_closed_total", "why" => why).increment(1);
    }
}

/// Messages that were not taken, by reason.
#[derive(Clone, Copy)]
pub(crate) struct Rejected;

impl Rejected {
    pub(crate) fn count(self, class: Class) {
        counter!("celltide_mqtt_rejected_total", "reason" => class.as_str()).increment(1);
    }
}
