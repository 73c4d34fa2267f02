//! Who is told of what happens to plastic: endpoints of the webhooks, under this family's events.

use super::{Event, FAMILY, Plastic, PlasticError};
use crate::identity::{Action, Caller, policy};
use crate::webhook::{Delivery, Endpoint, Subscriptions};
use std::sync::Arc;
use twin::time::Time;

/// Names of subscriptions begin so.
const PREFIX: &str = "SUB-";

impl Plastic {
    fn told(&self, caller: &Caller, action: Action) -> Result<Subscriptions<'_>, PlasticError> {
        policy::may_at_all(caller, action)?;
        let webhooks = &self.0.parts.webhooks;
        Ok(Subscriptions { webhooks, family: FAMILY, prefix: PREFIX, events: &Event::NAMES })
    }

    /// Tells an endpoint of events from now on.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn subscribe(
        &self,
        caller: &Caller,
        url: String,
        events: Vec<String>,
        secret: Option<String>,
    ) -> Result<(Endpoint, Option<String>), PlasticError> {
        Ok(self.told(caller, Action::NotificationWrite)?.add(caller, url, events, secret).await?)
    }

    /// Subscriptions that the caller sees, in the order in which they were made.
    ///
    /// # Errors
    /// When the caller may not look at any.
    pub fn subscriptions(&self, caller: &Caller) -> Result<Vec<Arc<Endpoint>>, PlasticError> {
        Ok(self.told(caller, Action::NotificationRead)?.all(caller))
    }

    /// A subscription, how many deliveries wait for it, and those that were given up.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn subscription(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Arc<Endpoint>, usize, Vec<Delivery>), PlasticError> {
        Ok(self.told(caller, Action::NotificationRead)?.one(caller, id).await?)
    }

    /// Gives a subscription another secret; the one before signs as well for a while.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn subscription_rotate(
        &self,
        caller: &Caller,
        id: &str,
        secret: Option<String>,
    ) -> Result<(Option<String>, Time), PlasticError> {
        Ok(self.told(caller, Action::NotificationWrite)?.rotate(caller, id, secret).await?)
    }

    /// Sends to a subscription again that was disabled.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn subscription_enable(&self, caller: &Caller, id: &str) -> Result<(), PlasticError> {
        Ok(self.told(caller, Action::NotificationWrite)?.enable(caller, id).await?)
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn unsubscribe(&self, caller: &Caller, id: &str) -> Result<(), PlasticError> {
        Ok(self.told(caller, Action::NotificationWrite)?.remove(caller, id).await?)
    }
}
