//! Who is told of what happens to plastic: endpoints of the webhooks, under this family's events.

use super::{Event, FAMILY, Flaw, Plastic, PlasticError};
use crate::identity::{Action, Caller, Visibility, policy};
use crate::webhook::{Delivery, Endpoint, NewEndpoint};
use std::sync::Arc;
use twin::time::Time;

/// Names of subscriptions begin so.
const PREFIX: &str = "SUB-";

impl Plastic {
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
        policy::may_at_all(caller, Action::NotificationWrite)?;
        if events.is_empty() {
            return Err(PlasticError::unfit(Flaw::Other, "events", "must name at least one"));
        }
        if let Some(other) = events.iter().find(|event| !Event::NAMES.contains(&event.as_str())) {
            let reason = format!("{other:?} is none of {}", Event::NAMES.join(", "));
            return Err(PlasticError::unfit(Flaw::Other, "events", reason));
        }
        let organisation = match Visibility::of(caller) {
            Visibility::Everything => None,
            Visibility::Organisation(own) => Some(own),
            _ => return Err(PlasticError::Forbidden("there is nothing to be told of".to_owned())),
        };
        let new = NewEndpoint { prefix: PREFIX, family: FAMILY, url, events, secret, organisation };
        Ok(self.0.parts.webhooks.add(new, &caller.name()).await?)
    }

    /// Subscriptions that the caller sees, in the order in which they were made.
    ///
    /// # Errors
    /// When the caller may not look at any.
    pub fn subscriptions(&self, caller: &Caller) -> Result<Vec<Arc<Endpoint>>, PlasticError> {
        policy::may_at_all(caller, Action::NotificationRead)?;
        Ok(self.0.parts.webhooks.endpoints(FAMILY, &Visibility::of(caller)))
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
        policy::may_at_all(caller, Action::NotificationRead)?;
        let webhooks = &self.0.parts.webhooks;
        let endpoint = webhooks.endpoint(FAMILY, id, &Visibility::of(caller))?;
        Ok((endpoint, webhooks.waiting(id), webhooks.dead(id).await?))
    }

    fn own(&self, caller: &Caller, id: &str) -> Result<(), PlasticError> {
        policy::may_at_all(caller, Action::NotificationWrite)?;
        self.0.parts.webhooks.endpoint(FAMILY, id, &Visibility::of(caller))?;
        Ok(())
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
        self.own(caller, id)?;
        Ok(self.0.parts.webhooks.rotate(id, secret, &caller.name()).await?)
    }

    /// Sends to a subscription again that was disabled.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn subscription_enable(&self, caller: &Caller, id: &str) -> Result<(), PlasticError> {
        self.own(caller, id)?;
        Ok(self.0.parts.webhooks.enable(id, &caller.name()).await?)
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn unsubscribe(&self, caller: &Caller, id: &str) -> Result<(), PlasticError> {
        self.own(caller, id)?;
        Ok(self.0.parts.webhooks.remove(id, &caller.name()).await?)
    }
}
