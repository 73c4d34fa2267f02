//! Alerts of batteries and cabinets, graded in four.

use super::{Paged, Part};
use crate::identity::Visibility;
use crate::platform::alerts::AlertRecord;
use crate::platform::door::Kind;
use crate::platform::registry::TwinId;
use crate::platform::{Platform, PlatformError};
use crate::store::records::{By, Collection, Within};
use twin::live::alert::Severity;

/// Alerts that are read at a time.
const PAGE: usize = 1_000;

/// How grave an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Worth knowing.
    Low,
    /// To be looked at some day.
    Medium,
    /// To be looked at soon.
    High,
    /// Now.
    Critical,
}

impl Grade {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The grade of a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grade| grade.as_str() == name)
    }

    /// How grave an alert is: wear is less so than what its severity says, and a slot is one of many.
    pub fn of(alert: &AlertRecord) -> Self {
        let is_slow = matches!(
            alert.alert_type.as_str(),
            "soh_degraded" | "resistance_drift" | "rul_warning" | "rul_critical" | "slot_fault"
        );
        match (alert.severity, is_slow) {
            (Severity::Info, true) => Self::Low,
            (Severity::Info, false) | (Severity::Warning, true) => Self::Medium,
            (Severity::Warning, false) | (Severity::Critical, true) => Self::High,
            (Severity::Critical, false) => Self::Critical,
        }
    }
}

/// Which alerts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WhichFleetAlerts {
    /// Those that are still there, or those that are not.
    pub active: Option<bool>,
    /// So grave.
    pub grade: Option<Grade>,
    /// Of this battery or cabinet.
    pub twin: Option<TwinId>,
}

impl Platform {
    /// Alerts of batteries and cabinets that somebody sees, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_alerts(
        &self,
        which: WhichFleetAlerts,
        visible: &Visibility,
        part: Part,
    ) -> Result<Paged<AlertRecord>, PlatformError> {
        let alerts = Collection::<AlertRecord, _>::of(self.core.store.as_ref());
        let (index, within) = match (which.twin, which.active) {
            (Some(twin), _) => ("twin", Within::Exactly(twin.to_string().into_bytes())),
            (None, Some(true)) => ("open_of", Within::All),
            (None, _) => ("newest", Within::All),
        };
        let fits = |alert: &AlertRecord| {
            matches!(alert.kind, Kind::Battery | Kind::Cabinet)
                && which.active.is_none_or(|active| alert.is_active() == active)
                && which.grade.is_none_or(|grade| Grade::of(alert) == grade)
        };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let by = By::Index(index.to_owned());
            let (page, next) = alerts.page(by, within.clone(), PAGE, after).await?;
            let fitting = page.into_iter().map(|alert| alert.value).filter(fits);
            let seen = self.core.in_roll(|sheet| {
                let seen = |alert: &AlertRecord| {
                    sheet.twin(alert.twin).is_some_and(|listed| listed.is_seen_by(visible))
                };
                fitting.filter(seen).collect::<Vec<_>>()
            });
            found.extend(seen.await?);
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        found.sort_by(|a, b| b.triggered_at.cmp(&a.triggered_at).then(a.id.cmp(&b.id)));
        Ok(part.of(found))
    }
}
