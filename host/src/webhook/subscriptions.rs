//! The endpoints of one family as its callers see them: an organisation its own, the operator all.

use super::{Delivery, Endpoint, NewEndpoint, WebhookError, Webhooks};
use crate::identity::{Caller, Visibility};
use std::sync::Arc;
use twin::time::Time;

/// The endpoints of one family. Whether a caller may have any at all is the family's matter.
#[derive(Debug, Clone, Copy)]
pub struct Subscriptions<'a> {
    /// All endpoints.
    pub webhooks: &'a Webhooks,
    /// The family.
    pub family: &'static str,
    /// Names of its endpoints begin so.
    pub prefix: &'static str,
    /// Names of its events.
    pub events: &'a [&'static str],
}

impl Subscriptions<'_> {
    /// Tells an endpoint of events from now on: of the things of the caller's organisation, or of all where it has none.
    ///
    /// # Errors
    /// What is wrong with it, or that the caller sees nothing that could be told of.
    pub async fn add(
        &self,
        caller: &Caller,
        url: String,
        events: Vec<String>,
        secret: Option<String>,
    ) -> Result<(Endpoint, Option<String>), WebhookError> {
        let unfit = |reason: String| WebhookError::Unfit { field: "events", reason };
        if events.is_empty() {
            return Err(unfit("must name at least one".to_owned()));
        }
        if let Some(other) = events.iter().find(|event| !self.events.contains(&event.as_str())) {
            return Err(unfit(format!("{other:?} is none of {}", self.events.join(", "))));
        }
        let organisation = match Visibility::of(caller) {
            Visibility::Everything => None,
            Visibility::Organisation(own) => Some(own),
            _ => return Err(WebhookError::Blind),
        };
        let Self { family, prefix, .. } = *self;
        let new = NewEndpoint { prefix, family, url, events, secret, organisation };
        self.webhooks.add(new, &caller.name()).await
    }

    /// Those that the caller sees, in the order in which they were made.
    pub fn all(&self, caller: &Caller) -> Vec<Arc<Endpoint>> {
        self.webhooks.endpoints(self.family, &Visibility::of(caller))
    }

    /// One, how many deliveries wait for it, and those that were given up.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn one(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Arc<Endpoint>, usize, Vec<Delivery>), WebhookError> {
        let endpoint = self.seen(caller, id)?;
        Ok((endpoint, self.webhooks.waiting(id), self.webhooks.dead(id).await?))
    }

    fn seen(&self, caller: &Caller, id: &str) -> Result<Arc<Endpoint>, WebhookError> {
        self.webhooks.endpoint(self.family, id, &Visibility::of(caller))
    }

    /// Gives one another secret; the one before signs as well for a while, until the instant that is told.
    ///
    /// # Errors
    /// When there is none for the caller, or the secret is none.
    pub async fn rotate(
        &self,
        caller: &Caller,
        id: &str,
        secret: Option<String>,
    ) -> Result<(Option<String>, Time), WebhookError> {
        self.seen(caller, id)?;
        self.webhooks.rotate(id, secret, &caller.name()).await
    }

    /// Sends to one again that was disabled.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn enable(&self, caller: &Caller, id: &str) -> Result<(), WebhookError> {
        self.seen(caller, id)?;
        self.webhooks.enable(id, &caller.name()).await
    }

    /// Ends one; what waits for it is not sent.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn remove(&self, caller: &Caller, id: &str) -> Result<(), WebhookError> {
        self.seen(caller, id)?;
        self.webhooks.remove(id, &caller.name()).await
    }
}
