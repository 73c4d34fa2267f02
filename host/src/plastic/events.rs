//! What happens to plastic, for whoever listens: webhooks and live streams. How it is spelled is the doors' matter.

use super::report::{ReportData, ReportFormat};
use super::{BatchSight, DeviceSight, Facility, Inner, Told};
use crate::identity::Visibility;
use crate::webhook::{Happened, Prepared};
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;
use twin::plastic::batch::Stage;
use twin::time::Time;

/// The family under which webhooks know these events.
pub const FAMILY: &str = "ocean";

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A batch was registered.
    BatchCreated(&'a BatchSight),
    /// A batch went on.
    StatusChanged {
        /// The batch as it is now.
        batch: &'a BatchSight,
        /// Its stage before.
        before: Stage,
    },
    /// A batch came to its end.
    BatchCompleted(&'a BatchSight),
    /// A device is heard again.
    DeviceOnline(&'a DeviceSight),
    /// A device fell silent.
    DeviceOffline(&'a DeviceSight),
    /// A facility took a batch in.
    FacilityReceived {
        /// The batch as it is now.
        batch: &'a BatchSight,
        /// The facility.
        facility: &'a Facility,
    },
}

impl Event<'_> {
    /// All names of events.
    pub const NAMES: [&'static str; 6] = [
        "batch.created",
        "batch.status_changed",
        "batch.completed",
        "device.online",
        "device.offline",
        "facility.received",
    ];

    /// Its name.
    pub fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::BatchCreated(_) => 0,
            Self::StatusChanged { .. } => 1,
            Self::BatchCompleted(_) => 2,
            Self::DeviceOnline(_) => 3,
            Self::DeviceOffline(_) => 4,
            Self::FacilityReceived { .. } => 5,
        }]
    }

    /// What it is about.
    pub fn subject(&self) -> String {
        match self {
            Self::BatchCreated(batch)
            | Self::BatchCompleted(batch)
            | Self::StatusChanged { batch, .. }
            | Self::FacilityReceived { batch, .. } => batch.batch.id.to_string(),
            Self::DeviceOnline(device) | Self::DeviceOffline(device) => device.device.id.as_ref().to_owned(),
        }
    }
}

/// How a family spells events, and how reports become files.
pub trait Outside: Send + Sync + Debug {
    /// What is told of an event.
    fn spell(&self, event: &Event<'_>) -> Value;

    /// A report as a file. May take its time; nobody waits for it on a runtime's thread.
    ///
    /// # Errors
    /// Why it cannot be made.
    fn report(&self, data: &ReportData, format: ReportFormat, charts: bool) -> Result<Vec<u8>, String>;
}

/// Something that happened, as live streams have it.
#[derive(Debug, Clone)]
pub struct News {
    /// What.
    pub event: &'static str,
    /// What it is about: the name of a batch or a device.
    pub subject: String,
    /// When.
    pub at: Time,
    /// More about it.
    pub data: Value,
    owners: Vec<Arc<str>>,
}

impl News {
    /// Whether somebody sees it.
    pub fn is_seen_by(&self, visible: &Visibility) -> bool {
        super::index::sees(visible, &self.owners, None)
    }
}

impl Inner {
    /// Deliveries and news of events.
    pub(super) fn prepared(&self, events: &[Told<'_>], at: Time) -> (Prepared, Vec<News>) {
        let mut prepared = Prepared::default();
        let mut news = Vec::with_capacity(events.len());
        for Told { event, owners } in events {
            let (name, subject, data) = (event.name(), event.subject(), self.parts.outside.spell(event));
            let happened = Happened {
                family: FAMILY,
                event: name,
                subject: &subject,
                organisations: owners,
                at,
                data: &data,
            };
            prepared = prepared.and(self.parts.webhooks.prepare(&happened));
            news.push(News { event: name, subject, at, data, owners: owners.to_vec() });
        }
        (prepared, news)
    }
}
