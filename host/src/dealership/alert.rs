//! Tickets that nobody opens: a battery's own alerts do.

use super::records::{Asset, Ticket, of};
use super::rules::ticket::{Category, Priority};
use super::service::NewTicket;
use super::{Dealership, DealershipError};
use crate::platform::ErrorKind;
use crate::platform::alerts::{AlertRecord, WhichAlerts};
use crate::platform::bus::News;
use crate::platform::door::Kind;
use crate::store::StoreError;
use twin::live::alert::Severity;

/// Alerts that are read at a time.
const PAGE: usize = 256;

impl Dealership {
    /// Hears what happened to a twin.
    pub(super) async fn hear(&self, news: &News) {
        if news.kind != Kind::Battery || news.event != "alert.raised" {
            return;
        }
        let which = WhichAlerts { twin: Some(news.twin), active: Some(true), ..WhichAlerts::default() };
        if let Err(error) = self.ticket_alerts(&which).await {
            tracing::warn!(twin = %news.twin, %error, "an alert opened no ticket");
        }
    }

    /// Opens tickets for all alerts that are there.
    pub(super) async fn ticket_all_alerts(&self) -> Result<(), DealershipError> {
        self.ticket_alerts(&WhichAlerts { active: Some(true), ..WhichAlerts::default() }).await
    }

    async fn ticket_alerts(&self, which: &WhichAlerts) -> Result<(), DealershipError> {
        if !self.settings().alert_tickets {
            return Ok(());
        }
        let mut after = None;
        loop {
            let (alerts, next) = self.platform().alerts(which, PAGE, after).await?;
            for alert in alerts.into_iter().filter(|alert| alert.kind == Kind::Battery) {
                self.ticket_alert(alert).await?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Opens a ticket for an alert of a dealer's battery; once for each, and none while one of the same sort is open.
    async fn ticket_alert(&self, alert: AlertRecord) -> Result<(), DealershipError> {
        let priority = match alert.severity {
            Severity::Critical => Priority::Critical,
            Severity::Warning => Priority::Medium,
            Severity::Info => return Ok(()),
        };
        let asset = self.of::<Asset>().find("twin", alert.twin.to_string().as_bytes()).await?;
        let Some(asset) = asset.map(|found| found.value).filter(|asset| asset.dealer.is_some()) else {
            return Ok(());
        };
        if self.of::<Ticket>().find("alert", alert.alert_id.as_bytes()).await?.is_some() {
            return Ok(());
        }
        let category = Category::of_alert(&alert.alert_type);
        let active = self.all::<Ticket>(Some(("active", of(asset.id)))).await?;
        if active.iter().any(|ticket| ticket.alert.is_some() && ticket.category == category) {
            return Ok(());
        }
        let new = NewTicket {
            asset: asset.id,
            category,
            description: Some(alert.message.chars().take(500).collect()),
            location: None,
            priority,
        };
        let ticket = self.ticket_of(&asset, new, Some(alert.alert_id));
        match self.open_ticket(ticket, &asset, "platform").await {
            // Somebody was quicker with the same alert.
            Err(DealershipError::Platform(error))
                if matches!(error, crate::platform::PlatformError::Store(StoreError::NotUnique { .. }))
                    || error.kind() == ErrorKind::Conflict =>
            {
                Ok(())
            }
            done => done.map(drop),
        }
    }
}
