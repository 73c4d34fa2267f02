//! Alerts: one record, whichever door it is seen through.

use super::door::Kind;
use super::registry::TwinId;
use crate::store::records::{Indexed, Record};
use serde::{Deserialize, Serialize};
use twin::live::alert::Severity;
use twin::time::Time;
use uuid::Uuid;

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// Its name.
    pub id: Uuid,
    /// Its name for people: `ALT-<battery>-<milliseconds>`.
    pub alert_id: String,
    /// Whose.
    pub twin: TwinId,
    /// What it is a twin of.
    pub kind: Kind,
    /// What is wrong: `temperature_high`.
    pub alert_type: String,
    /// The rule that raised it.
    pub rule: String,
    /// How bad it is, or was at last.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// The threshold.
    pub threshold: f64,
    /// The figure when it was raised or changed.
    pub actual: f64,
    /// When it was raised.
    pub triggered_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
    /// When it ended.
    pub resolved_at: Option<Time>,
    /// Who ended it, where somebody did.
    pub resolved_by: Option<String>,
    /// When somebody took note.
    pub acknowledged_at: Option<Time>,
    /// Who did.
    pub acknowledged_by: Option<String>,
    /// And what was said then.
    pub note: Option<String>,
}

impl AlertRecord {
    /// Whether it is still there.
    pub fn is_active(&self) -> bool {
        self.resolved_at.is_none()
    }
}

/// Newest first, in the order of bytes.
pub(in crate::platform) fn newest_first(at: Time) -> [u8; 8] {
    (!(at.0.max(0) as u64)).to_be_bytes()
}

impl Record for AlertRecord {
    const COLLECTION: &'static str = "alerts";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexed(&self) -> Indexed {
        let twin = self.twin.to_string();
        let indexed = Indexed::default()
            .unique("alert_id", self.alert_id.as_str())
            .shared("newest", newest_first(self.triggered_at))
            .shared("twin", twin.as_str());
        if self.is_active() { indexed.shared("open_of", twin.as_str()) } else { indexed }
    }
}

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub struct WhichAlerts {
    /// Of this twin.
    pub twin: Option<TwinId>,
    /// Only those that are still there, or only those that are not.
    pub active: Option<bool>,
    /// Only those that were taken note of, or only those that were not.
    pub acknowledged: Option<bool>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Of this type.
    pub alert_type: Option<String>,
    /// Raised from here on.
    pub from: Option<Time>,
    /// Raised before this.
    pub to: Option<Time>,
}

impl WhichAlerts {
    /// Whether an alert is one of them.
    pub fn includes(&self, alert: &AlertRecord) -> bool {
        self.twin.is_none_or(|twin| alert.twin == twin)
            && self.active.is_none_or(|active| alert.is_active() == active)
            && self.acknowledged.is_none_or(|known| alert.acknowledged_at.is_some() == known)
            && self.severity.is_none_or(|severity| alert.severity == severity)
            && self.alert_type.as_ref().is_none_or(|name| alert.alert_type == *name)
            && self.from.is_none_or(|from| alert.triggered_at >= from)
            && self.to.is_none_or(|to| alert.triggered_at < to)
    }
}
