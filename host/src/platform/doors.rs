//! The platform as edges to hardware see it.

use super::clock::Clock;
use super::door::{Device, Door, Guest, Login, NotKept, Order, Report, Soon, TurnedAway, Unfit};
use super::{Core, Platform};
use crate::identity::Identity;
use crate::store::StoreError;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Most bytes that are kept of what could not be understood.
const REJECTED_MAX_BYTES: usize = 2_048;
/// The entity under which it is kept.
const DEAD_LETTERS: &str = "dead-letters";

/// The platform's door to hardware, with the one identity store at it.
#[derive(Debug, Clone)]
pub struct PlatformDoor {
    platform: Platform,
    identity: Identity,
    /// Credentials end by real time, whatever the fleet's clock says.
    wall: Clock,
}

impl PlatformDoor {
    /// The platform's door.
    pub fn new(platform: Platform, identity: Identity) -> Self {
        Self { platform, identity, wall: Clock::wall() }
    }
}

impl Platform {
    /// The twin of a piece of hardware takes its report.
    async fn take(&self, from: &Device, report: Report) -> Result<(), NotKept> {
        let id = self.residents.named(from).await?;
        let actor = format!("device/{}", from.id);
        Ok(self.observe(id, report, &actor).await?)
    }
}

impl Door for PlatformDoor {
    fn admit(&self, login: Login) -> Soon<Result<Guest, TurnedAway>> {
        let (identity, now) = (self.identity.clone(), self.wall.now());
        Box::pin(async move { identity.admit(login, now).await })
    }

    fn report(&self, from: Device, report: Report) -> Soon<Result<(), NotKept>> {
        let platform = self.platform.clone();
        Box::pin(async move {
            let taken = platform.take(&from, report).await;
            if let Err(error) = &taken {
                metrics::counter!("celltide_reports_refused_total").increment(1);
                tracing::debug!(kind = %from.kind, device = %from.id, %error, "a report was not kept");
            }
            taken
        })
    }

    fn reject(&self, from: Option<Device>, topic: String, payload: Bytes, why: Unfit) -> Soon<()> {
        metrics::counter!("celltide_messages_rejected_total").increment(1);
        let core = self.platform.core.clone();
        Box::pin(async move {
            if let Err(error) = dead_letter(&core, from, &topic, &payload, &why).await {
                tracing::warn!(%error, "what could not be understood could not be kept either");
            }
        })
    }

    fn orders(&self) -> broadcast::Receiver<Order> {
        self.platform.core.orders.subscribe()
    }
}

/// Keeps what could not be understood as a fact.
async fn dead_letter(
    core: &Arc<Core>,
    from: Option<Device>,
    topic: &str,
    payload: &[u8],
    why: &Unfit,
) -> Result<(), StoreError> {
    let kept = &payload[..payload.len().min(REJECTED_MAX_BYTES)];
    let letter = serde_json::json!({
        "device": from, "topic": topic.chars().take(500).collect::<String>(), "bytes": payload.len(),
        "payload": String::from_utf8_lossy(kept), "field": why.field, "reason": why.reason,
    });
    core.note(DEAD_LETTERS, "broker", "message.rejected", &letter).await
}
