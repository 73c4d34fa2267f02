//! API keys: long-lived, shown once, limited to scopes.

use super::account::User;
use super::client::Client;
use super::ledger::{self, Fact};
use super::policy::{Caller, Scopes, Subject, holds};
use super::secret::{Digest, Secret};
use super::{Act, Identity, IdentityError, entropy};
use crate::store::records::{By, Cursor, Indexed, Record, Within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use twin::time::Time;

/// Characters of a key that are shown later, after its prefix.
const HINT_CHARS: usize = 4;
/// What keys made through the plastic-tracking interface begin with, as its document says.
pub const FAMILY_PREFIX: &str = "wia_live_";
/// Longest name.
const NAME_MAX_CHARS: usize = 100;

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id; not the key.
    pub id: Arc<str>,
    /// Name for people.
    pub name: String,
    /// How it begins.
    pub hint: String,
    /// Whom it acts for; it may no more than that.
    pub owner: Subject,
    /// What it is limited to.
    pub scopes: Scopes,
    /// Organisation of its owner.
    pub organisation: Option<Arc<str>>,
    /// When it was made.
    pub created: Time,
    /// When it ends.
    pub expires: Option<Time>,
    /// When it was revoked.
    pub revoked: Option<Time>,
    digest: Digest,
}

impl Record for ApiKey {
    const COLLECTION: &'static str = "identity_api_keys";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.as_ref().to_owned()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().unique("digest", self.digest.as_str()).shared("owner", self.owner.to_string())
    }
}

/// A key to be made.
#[derive(Debug, Clone, Default)]
pub struct NewApiKey {
    /// Name for people.
    pub name: String,
    /// What it is limited to.
    pub scopes: Scopes,
    /// When it ends.
    pub expires: Option<Time>,
    /// What it begins with; as settings say where nothing is given.
    pub prefix: Option<String>,
}

impl Identity {
    /// Makes a key that acts for its maker. The key itself is given once and kept nowhere.
    ///
    /// # Errors
    /// [`IdentityError::NotHeld`] when the maker does not hold a scope itself.
    pub async fn add_api_key(
        &self,
        caller: &Caller,
        new: NewApiKey,
        now: Time,
    ) -> Result<(ApiKey, Secret), IdentityError> {
        let unfit = |what: &str| Err(IdentityError::Unfit(what.to_owned()));
        if new.name.trim().is_empty() || new.name.chars().count() > NAME_MAX_CHARS {
            return unfit("an API key needs a name of at most 100 characters");
        }
        if new.scopes.is_empty() {
            return unfit("an API key needs a scope");
        }
        if new.expires.is_some_and(|expires| expires <= now) {
            return unfit("an API key cannot end before it begins");
        }
        if matches!(caller.subject, Subject::Device(_)) {
            return unfit("a device has no API keys");
        }
        if let Some(missing) = new.scopes.iter().find(|scope| !holds(caller, *scope)) {
            return Err(IdentityError::NotHeld(missing));
        }
        let prefix = new.prefix.unwrap_or_else(|| self.settings().key_prefix.clone());
        let secret = Secret::random(&prefix, self.entropy())?;
        let key = ApiKey {
            id: format!("key-{}", &entropy::id(self.entropy())?[..16]).into(),
            name: new.name,
            hint: secret.reveal().chars().take(prefix.chars().count() + HINT_CHARS).collect(),
            owner: caller.subject.clone(),
            scopes: new.scopes,
            organisation: caller.organisation.clone(),
            created: now,
            expires: new.expires,
            revoked: None,
            digest: secret.digest(),
        };
        let detail = json!({
            "name": key.name, "owner": key.owner, "scopes": key.scopes, "expires": key.expires,
        });
        let (entity, by) = (format!("api_key/{}", key.id), caller.name());
        let fact = Fact { entity: &entity, kind: "API key made", detail };
        self.keep(Act { by: &by, at: now }, fact, vec![ledger::new(&key)?]).await?;
        Ok((key, secret))
    }

    /// A key by its id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn api_key(&self, id: &str) -> Result<Option<ApiKey>, IdentityError> {
        Ok(self.all::<ApiKey>().get(id).await?.map(|found| found.value))
    }

    /// Keys of an owner, or all, and where to go on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn api_keys(
        &self,
        owner: Option<&Subject>,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<ApiKey>, Option<Cursor>), IdentityError> {
        let (by, within) = match owner {
            Some(owner) => (By::Index("owner".to_owned()), Within::Exactly(owner.to_string().into_bytes())),
            None => (By::Key, Within::All),
        };
        let (found, next) = self.all::<ApiKey>().page(by, within, limit, after).await?;
        Ok((found.into_iter().map(|one| one.value).collect(), next))
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn revoke_api_key(&self, id: &str, act: Act<'_>) -> Result<(), IdentityError> {
        let mut key = self.known::<ApiKey>("API key", id).await?;
        if key.value.revoked.is_some() {
            return Ok(());
        }
        key.value.revoked = Some(act.at);
        let entity = format!("api_key/{id}");
        let fact = Fact { entity: &entity, kind: "API key revoked", detail: json!({}) };
        self.keep(act, fact, vec![ledger::changed(&key.value, key.version)?]).await?;
        self.forget_callers();
        Ok(())
    }

    /// Whether a text may be a key, by how it begins.
    pub(super) fn is_api_key(&self, text: &str) -> bool {
        text.starts_with(&self.settings().key_prefix) || text.starts_with(FAMILY_PREFIX)
    }

    /// The key that a text is, with its owner as it stands now, where both are still good.
    pub(super) async fn good_api_key(
        &self,
        text: &str,
        now: Time,
    ) -> Result<Option<(ApiKey, KeyOwner)>, IdentityError> {
        let digest = Digest::of(text);
        let found = self.all::<ApiKey>().find("digest", digest.as_str().as_bytes()).await?;
        let Some(key) = found.map(|found| found.value) else { return Ok(None) };
        if key.revoked.is_some()
            || key.expires.is_some_and(|expires| now >= expires)
            || !key.digest.is_of(text)
        {
            return Ok(None);
        }
        let owner = match &key.owner {
            Subject::User(id) => self.user(id).await?.filter(|user| !user.disabled).map(KeyOwner::User),
            Subject::Client(id) => {
                self.client(id).await?.filter(|client| client.revoked.is_none()).map(KeyOwner::Client)
            }
            Subject::Device(_) => None,
        };
        Ok(owner.map(|owner| (key, owner)))
    }
}

/// Whom a key acts for.
pub(super) enum KeyOwner {
    User(User),
    Client(Client),
}
