//! Endpoints: where to, for which events, with which secret, and whether anything is taken there.

use super::queue::DeliveryRecord;
use super::{Delivery, Inner, WebhookError, Webhooks};
use crate::identity::{Entropy, IdentityError, Sealed, Vault, Visibility};
use crate::store::ledger::{self, Fact};
use crate::store::records::{By, Collection, Expect, Record, RecordChange, Versioned, Within};
use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::{Arc, PoisonError};
use twin::time::Time;

/// Shortest secret.
const SECRET_MIN_BYTES: usize = 16;
/// Longest secret, and longest address.
const TEXT_MAX_BYTES: usize = 2_000;
/// Records that are read at a time.
const PAGE: usize = 500;
/// Dead deliveries that are shown.
const SHOWN: usize = 100;

/// Where a family's events go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name.
    pub id: Arc<str>,
    /// Family whose events these are.
    pub family: String,
    /// Address.
    pub url: String,
    /// Events that are told; all of the family where none is named.
    pub events: Vec<String>,
    /// Organisation whose things are told of; all things where there is none.
    pub organisation: Option<Arc<str>>,
    /// When it was made.
    pub created: Time,
    /// Since when nothing is sent, and why.
    pub disabled: Option<(Time, String)>,
    /// Deliveries that were given up since the last that was taken.
    pub dead_in_row: u32,
    #[serde(default, skip_serializing)]
    secret: String,
    /// The secret before, and until when it signs as well.
    #[serde(default, skip_serializing)]
    old_secret: Option<(String, Time)>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

/// An endpoint as it is kept: its secrets stand sealed beside it.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptEndpoint {
    endpoint: Endpoint,
    /// Nothing where the first schema kept it as it is.
    secret: Option<Sealed>,
    old_secret: Option<(Sealed, Time)>,
}

impl Record for KeptEndpoint {
    const COLLECTION: &'static str = "webhook_endpoints";
    const SCHEMA: u16 = 2;

    fn key(&self) -> String {
        self.endpoint.id.as_ref().to_owned()
    }

    fn upgrade(_: u16, body: &[u8]) -> Result<Self, StoreError> {
        let read = serde_json::from_slice(body);
        let endpoint = read.map_err(|error| StoreError::codec(Self::COLLECTION, error))?;
        Ok(Self { endpoint, secret: None, old_secret: None })
    }
}

impl KeptEndpoint {
    fn of(endpoint: &Endpoint, vault: &Vault, source: &dyn Entropy) -> Result<Self, IdentityError> {
        let whose = whose(&endpoint.id);
        let seal = |secret: &str| vault.seal(secret.as_bytes(), &whose, source);
        let old_secret = match &endpoint.old_secret {
            Some((secret, until)) => Some((seal(secret)?, *until)),
            None => None,
        };
        Ok(Self { secret: Some(seal(&endpoint.secret)?), old_secret, endpoint: endpoint.clone() })
    }

    fn opened(self, vault: &Vault) -> Result<Endpoint, IdentityError> {
        let Self { mut endpoint, secret, old_secret } = self;
        let whose = whose(&endpoint.id);
        if let Some(secret) = secret {
            endpoint.secret = vault.open_text(&secret, &whose)?;
            endpoint.old_secret = match old_secret {
                Some((secret, until)) => Some((vault.open_text(&secret, &whose)?, until)),
                None => None,
            };
        }
        Ok(endpoint)
    }
}

/// What an endpoint's secrets are sealed for.
fn whose(id: &str) -> String {
    format!("webhook/{id}")
}

impl Endpoint {
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The secret before, while it still signs.
    pub(super) fn old_secret(&self, now: Time) -> Option<&str> {
        self.old_secret.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret.as_str())
    }

    /// Whether an event of a family, about a thing of some organisations, goes there.
    pub(super) fn wants(&self, family: &str, event: &str, organisations: &[Arc<str>]) -> bool {
        let named = |known: &String| known == event || known == "*";
        self.disabled.is_none()
            && self.family == family
            && (self.events.is_empty() || self.events.iter().any(named))
            && self.organisation.as_ref().is_none_or(|own| organisations.contains(own))
    }

    fn is_seen_by(&self, visible: &Visibility) -> bool {
        match visible {
            Visibility::Everything => true,
            Visibility::Organisation(own) => self.organisation.as_ref() == Some(own),
            _ => false,
        }
    }
}

/// An endpoint to be made.
#[derive(Clone)]
pub struct NewEndpoint {
    /// Its name begins so; a number follows.
    pub prefix: &'static str,
    /// Family whose events these are.
    pub family: &'static str,
    /// Address.
    pub url: String,
    /// Events.
    pub events: Vec<String>,
    /// What signs; one is made where none is given.
    pub secret: Option<String>,
    /// Organisation whose things are told of.
    pub organisation: Option<Arc<str>>,
}

impl fmt::Debug for NewEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEndpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

fn of(store: &dyn Store) -> Collection<'_, KeptEndpoint, dyn Store + '_> {
    Collection::of(store)
}

/// All endpoints of a store; secrets that an earlier schema kept as they are, are sealed.
pub(super) async fn all(
    store: &dyn Store,
    vault: &Vault,
    source: &dyn Entropy,
    now: Time,
) -> Result<HashMap<Arc<str>, Arc<Endpoint>>, WebhookError> {
    let (mut found, mut after) = (HashMap::new(), None);
    loop {
        let (page, next) = of(store).page(By::Key, Within::All, PAGE, after).await?;
        for Versioned { value, version } in page {
            let is_plain = value.secret.is_none();
            let endpoint = value.opened(vault)?;
            if is_plain {
                let put = ledger::changed(&KeptEndpoint::of(&endpoint, vault, source)?, version)?;
                let entity = format!("webhook/{}", endpoint.id);
                let (kind, by, detail) = ("webhook.secret_sealed", "platform", json!({}));
                ledger::keep(store, Fact { entity: &entity, kind, by, at: now, detail }, vec![put]).await?;
            }
            found.insert(endpoint.id.clone(), Arc::new(endpoint));
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
}

fn checked(secret: &str) -> Result<(), WebhookError> {
    if (SECRET_MIN_BYTES..=TEXT_MAX_BYTES).contains(&secret.len()) {
        return Ok(());
    }
    let reason = format!("must be at least {SECRET_MIN_BYTES} characters");
    Err(WebhookError::Unfit { field: "secret", reason })
}

impl Inner {
    /// An endpoint as it is kept now.
    pub(super) async fn kept_endpoint(&self, id: &str) -> Result<Option<Versioned<Endpoint>>, WebhookError> {
        let Some(Versioned { value, version }) = of(self.store.as_ref()).get(id).await? else {
            return Ok(None);
        };
        Ok(Some(Versioned { value: value.opened(&self.vault)?, version }))
    }

    /// An endpoint to be kept.
    pub(super) fn put(&self, endpoint: &Endpoint, expect: Expect) -> Result<RecordChange, WebhookError> {
        let kept = KeptEndpoint::of(endpoint, &self.vault, self.entropy.as_ref())?;
        Ok(RecordChange::put(&kept, expect)?)
    }
}

impl Webhooks {
    /// Makes an endpoint; the secret is told back once, where it was made here.
    ///
    /// # Errors
    /// What is wrong with it; that nothing is carried to its address.
    pub async fn add(&self, new: NewEndpoint, by: &str) -> Result<(Endpoint, Option<String>), WebhookError> {
        if new.url.is_empty() || new.url.len() > TEXT_MAX_BYTES {
            let reason = format!("1 to {TEXT_MAX_BYTES} bytes");
            return Err(WebhookError::Unfit { field: "endpoint", reason });
        }
        let made = new.secret.is_none().then(|| self.made_secret()).transpose()?;
        let secret = new.secret.or_else(|| made.clone()).unwrap_or_default();
        checked(&secret)?;
        let admitted = self.0.deliverer.admits(new.url.clone()).await;
        admitted.map_err(|reason| WebhookError::Unfit { field: "endpoint", reason })?;
        let mut number = self.count(new.prefix);
        loop {
            number += 1;
            let endpoint = Endpoint {
                id: format!("{}{number:03}", new.prefix).into(),
                family: new.family.to_owned(),
                url: new.url.clone(),
                events: new.events.clone(),
                organisation: new.organisation.clone(),
                created: self.0.clock.now(),
                disabled: None,
                dead_in_row: 0,
                secret: secret.clone(),
                old_secret: None,
            };
            let detail = json!({ "url": endpoint.url, "events": endpoint.events, "family": endpoint.family });
            match self.keep(&endpoint, Expect::Absent, "webhook.added", by, detail).await {
                Ok(()) => return Ok((endpoint, made)),
                // Somebody was quicker with this number.
                Err(WebhookError::Store(StoreError::RecordChanged { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Highest number of endpoints with a prefix.
    fn count(&self, prefix: &str) -> u32 {
        let endpoints = self.0.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let numbers = endpoints.keys().filter_map(|id| id.strip_prefix(prefix)?.parse::<u32>().ok());
        numbers.max().unwrap_or(0)
    }

    fn made_secret(&self) -> Result<String, WebhookError> {
        let mut bytes = [0; 32];
        self.0.entropy.fill(&mut bytes).map_err(crate::identity::IdentityError::from)?;
        Ok(bytes.iter().fold("whsec_".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    async fn keep(
        &self,
        endpoint: &Endpoint,
        expect: Expect,
        kind: &str,
        by: &str,
        detail: serde_json::Value,
    ) -> Result<(), WebhookError> {
        let entity = format!("webhook/{}", endpoint.id);
        let fact = Fact { entity: &entity, kind, by, at: self.0.clock.now(), detail };
        ledger::keep(self.0.store.as_ref(), fact, vec![self.0.put(endpoint, expect)?]).await?;
        self.0.note_endpoint(endpoint.clone());
        Ok(())
    }

    /// An endpoint that somebody sees.
    ///
    /// # Errors
    /// When there is none.
    pub fn endpoint(
        &self,
        family: &str,
        id: &str,
        visible: &Visibility,
    ) -> Result<Arc<Endpoint>, WebhookError> {
        let found = self.0.endpoint(id);
        let found = found.filter(|endpoint| endpoint.family == family && endpoint.is_seen_by(visible));
        found.ok_or_else(|| WebhookError::Absent(id.to_owned()))
    }

    /// Endpoints of a family that somebody sees, in the order of their names.
    pub fn endpoints(&self, family: &str, visible: &Visibility) -> Vec<Arc<Endpoint>> {
        let endpoints = self.0.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let seen = endpoints.values().filter(|one| one.family == family && one.is_seen_by(visible));
        let mut seen: Vec<_> = seen.cloned().collect();
        seen.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        seen
    }

    /// Whether any endpoint of a family wants one of some events, about whatever thing.
    pub fn is_wanted(&self, family: &str, events: &[&str]) -> bool {
        let endpoints = self.0.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        endpoints.values().any(|one| {
            let own = one.organisation.clone();
            events.iter().any(|event| one.wants(family, event, own.as_slice()))
        })
    }

    /// Deliveries that wait for an endpoint.
    pub fn waiting(&self, id: &str) -> usize {
        self.0.lanes().count(id)
    }

    /// Deliveries that were given up, the oldest first, a hundred at most.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead(&self, id: &str) -> Result<Vec<Delivery>, WebhookError> {
        let deliveries = Collection::<DeliveryRecord, _>::of(self.0.store.as_ref());
        let within = Within::Exactly(id.as_bytes().to_vec());
        let (page, _) = deliveries.page(By::Index("dead".to_owned()), within, SHOWN, None).await?;
        Ok(page.into_iter().map(|one| one.value.shown()).collect())
    }

    async fn change(
        &self,
        id: &str,
        kind: &str,
        by: &str,
        mut change: impl FnMut(&mut Endpoint),
    ) -> Result<(), WebhookError> {
        loop {
            let found = self.0.kept_endpoint(id).await?;
            let Some(Versioned { value: mut endpoint, version }) = found else {
                return Err(WebhookError::Absent(id.to_owned()));
            };
            change(&mut endpoint);
            match self.keep(&endpoint, Expect::Version(version), kind, by, json!({})).await {
                Ok(()) => return Ok(()),
                Err(WebhookError::Store(StoreError::RecordChanged { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives an endpoint another secret; the one before signs as well for a while. One is made where none is given.
    ///
    /// # Errors
    /// When there is no such endpoint, or the secret is none.
    pub async fn rotate(
        &self,
        id: &str,
        secret: Option<String>,
        by: &str,
    ) -> Result<(Option<String>, Time), WebhookError> {
        let made = secret.is_none().then(|| self.made_secret()).transpose()?;
        let secret = secret.or_else(|| made.clone()).unwrap_or_default();
        checked(&secret)?;
        let until = self.0.clock.now() + self.0.settings.overlap_ms;
        self.change(id, "webhook.secret_changed", by, |endpoint| {
            let old = std::mem::replace(&mut endpoint.secret, secret.clone());
            endpoint.old_secret = Some((old, until));
        })
        .await?;
        Ok((made, until))
    }

    /// Sends to a disabled endpoint again, from the next event on.
    ///
    /// # Errors
    /// When there is no such endpoint.
    pub async fn enable(&self, id: &str, by: &str) -> Result<(), WebhookError> {
        self.change(id, "webhook.enabled", by, |endpoint| {
            endpoint.disabled = None;
            endpoint.dead_in_row = 0;
        })
        .await
    }

    /// Removes an endpoint; what waits for it is not sent.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn remove(&self, id: &str, by: &str) -> Result<(), WebhookError> {
        let waiting = self.0.lanes().take_all(id);
        let mut records: Vec<RecordChange> = waiting
            .into_iter()
            .map(|known| RecordChange::delete::<DeliveryRecord>(known.value.key(), Expect::Anything))
            .collect();
        records.push(RecordChange::delete::<KeptEndpoint>(id, Expect::Anything));
        let entity = format!("webhook/{id}");
        let fact =
            Fact { entity: &entity, kind: "webhook.removed", by, at: self.0.clock.now(), detail: json!({}) };
        ledger::keep(self.0.store.as_ref(), fact, records).await?;
        self.0.endpoints.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        Ok(())
    }
}
