//! Whether devices are there: followed on the twins' news, told on once.
//!
//! Nobody listens as long as no device is registered, so a fleet without plastic pays nothing for it. News can be missed by
//! whoever is slow; then every device is looked at.

use super::devices::DeviceState;
use super::record::Device;
use super::{Act, Event, Inner, Plastic, PlasticError, Told};
use crate::platform::bus::News;
use serde_json::json;
use std::sync::{Arc, PoisonError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

impl Plastic {
    /// Looks after devices' presence from now on, where there are any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn watch(&self) -> Result<(), PlasticError> {
        if self.0.index().await?.devices.is_empty() {
            return Ok(());
        }
        self.0
            .watched
            .get_or_init(|| async {
                let news = self.0.parts.platform.listen();
                let task = tokio::spawn(follow(self.0.clone(), news));
                self.1.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
            })
            .await;
        Ok(())
    }
}

async fn follow(inner: Arc<Inner>, mut news: broadcast::Receiver<Arc<News>>) {
    look_at_all(&inner).await;
    loop {
        let done = match news.recv().await {
            Ok(news) => note(&inner, &news).await,
            Err(RecvError::Lagged(_)) => {
                look_at_all(&inner).await;
                Ok(())
            }
            Err(RecvError::Closed) => return,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "that a device came or went could not be told");
        }
    }
}

async fn note(inner: &Inner, news: &News) -> Result<(), PlasticError> {
    let is_there = match news.event.as_str() {
        "online" | "telemetry" => true,
        "offline" => false,
        event if event.starts_with("event.") => true,
        _ => return Ok(()),
    };
    let device = {
        let index = inner.index().await?;
        index.by_twin.get(&news.twin).and_then(|id| index.devices.get(id)).cloned()
    };
    match device {
        Some(device) => inner.heard(&device, is_there).await,
        None => Ok(()),
    }
}

/// Sees how every device stands.
async fn look_at_all(inner: &Inner) {
    let devices: Vec<Arc<Device>> = match inner.index().await {
        Ok(index) => index.devices.values().cloned().collect(),
        Err(_) => return,
    };
    for device in devices {
        let seen = inner.sight(device.clone()).await;
        let done = match seen.map(|seen| seen.state) {
            Ok(DeviceState::Active) => inner.heard(&device, true).await,
            Ok(DeviceState::Offline) => inner.heard(&device, false).await,
            Ok(DeviceState::Registered) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::warn!(device = %device.id, %error, "how a device stands could not be seen");
        }
    }
}

impl Inner {
    /// A device is there, or not: told where that is new.
    pub(super) async fn heard(&self, device: &Arc<Device>, is_there: bool) -> Result<(), PlasticError> {
        if self.index().await?.online.get(&device.id) == Some(&is_there) {
            return Ok(());
        }
        let _turn = self.turn(&device.id).await;
        let before = self.index_mut().online.insert(device.id.clone(), is_there);
        if before == Some(is_there) {
            return Ok(());
        }
        let mut sight = self.sight(device.clone()).await?;
        sight.state = if is_there { DeviceState::Active } else { DeviceState::Offline };
        let owners: Vec<Arc<str>> = device.owner.iter().cloned().collect();
        let event = if is_there { Event::DeviceOnline(&sight) } else { Event::DeviceOffline(&sight) };
        let entity = format!("plastic/device/{}", device.id);
        let act = Act { entity: &entity, kind: event.name(), by: "platform", detail: json!({}) };
        Ok(self.keep(act, Vec::new(), &[Told { event, owners: &owners }]).await?)
    }
}
