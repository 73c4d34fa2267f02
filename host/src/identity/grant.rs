//! Grants: what a person's login, or its consent, has given out, as long as it lasts.
//!
//! ```text
//! login, code ─► grant ─► refresh token 1 ─► refresh token 2 ─► …      each good once, together one family
//!                  └────► access tokens, which name the grant
//! a refresh token shown twice ─► somebody copied it ─► the grant is revoked, and with it all of this
//! ```

use super::account::User;
use super::jwt::{Claims, TokenKind};
use super::ledger::{self, Fact};
use super::policy::{Scopes, Subject};
use super::secret::{Digest, Secret};
use super::{Act, Identity, IdentityError, LoginError, Settings, entropy, jwt};
use crate::store::records::{By, Indexed, Record, RecordChange, Versioned, Within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use twin::time::Time;

/// What refresh tokens begin with.
const REFRESH_PREFIX: &str = "rt_";

/// How long tokens are good for, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes {
    /// Access tokens.
    pub access_s: i64,
    /// Refresh tokens; none are given where there is no time.
    pub refresh_s: Option<i64>,
    /// Whether the refresh token stays good until it ends, for interfaces whose clients are given it once: then
    /// [`Identity::renew`] takes it. Whoever has a copy of such a token is not found out by its use.
    #[serde(default)]
    pub steady: bool,
}

/// What a login gives.
#[derive(Debug, Clone)]
pub struct Session {
    /// Access token.
    pub access: Secret,
    /// Seconds that it is good for.
    pub expires_s: i64,
    /// Refresh token.
    pub refresh: Option<Secret>,
    /// What the tokens are limited to; nothing where only the person's roles limit them.
    pub scopes: Option<Scopes>,
    /// The person.
    pub user: User,
}

/// A grant as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) id: String,
    pub(super) user: Arc<str>,
    /// Program that it was given to; none for the person's own login.
    pub(super) client: Option<String>,
    pub(super) scopes: Option<Scopes>,
    pub(super) lifetimes: Lifetimes,
    /// The person's epoch when it began.
    epoch: u32,
    /// When it ends, whatever is refreshed.
    pub(super) ends: Time,
    pub(super) revoked: Option<Time>,
}

impl Record for Grant {
    const COLLECTION: &'static str = "identity_grants";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.clone()
    }

    fn indexed(&self) -> Indexed {
        let indexed = Indexed::default()
            .shared("user", self.user.as_bytes())
            .shared("ends", ledger::sortable(self.ends));
        match &self.client {
            Some(client) => indexed.shared("client", client.as_str()),
            None => indexed,
        }
    }
}

/// A refresh token as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refresh {
    digest: Digest,
    grant: String,
    /// When it is no longer good.
    expires: Time,
    /// When it may be deleted: until the grant ends, showing it again gives a copy away.
    pub(super) ends: Time,
    used: Option<Time>,
}

impl Record for Refresh {
    const COLLECTION: &'static str = "identity_refresh";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.digest.as_str().to_owned()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("ends", ledger::sortable(self.ends))
    }
}

/// A grant that is to begin.
#[derive(Debug, Clone)]
pub(super) struct NewGrant {
    pub(super) user: User,
    pub(super) client: Option<String>,
    pub(super) scopes: Option<Scopes>,
    pub(super) lifetimes: Lifetimes,
}

/// A grant made ready: the records that keep it, and what is handed out.
pub(super) struct Begun {
    pub(super) grant: Grant,
    pub(super) records: Vec<RecordChange>,
    pub(super) session: Session,
}

impl Identity {
    /// Usual lifetimes of a person's tokens.
    pub fn lifetimes(&self) -> Lifetimes {
        let Settings { access_s, refresh_s, .. } = *self.settings();
        Lifetimes { access_s, refresh_s: Some(refresh_s), steady: false }
    }

    /// Begins a grant.
    pub(super) async fn begin_session(&self, new: NewGrant, now: Time) -> Result<Session, IdentityError> {
        let begun = self.begin_grant(new, now)?;
        let entity = format!("grant/{}", begun.grant.id);
        let detail = json!({ "user": begun.grant.user });
        let by = format!("user:{}", begun.grant.user);
        let fact = Fact { entity: &entity, kind: "logged in", detail };
        self.keep(Act { by: &by, at: now }, fact, begun.records).await?;
        Ok(begun.session)
    }

    /// Makes a grant ready to be kept.
    pub(super) fn begin_grant(&self, new: NewGrant, now: Time) -> Result<Begun, IdentityError> {
        let NewGrant { user, client, scopes, lifetimes } = new;
        let grant = Grant {
            id: entropy::id(self.entropy())?,
            user: user.id.clone(),
            client,
            scopes,
            lifetimes: self.capped(lifetimes),
            epoch: user.epoch,
            ends: now + self.grant_max_s(lifetimes) * 1_000,
            revoked: None,
        };
        let mut records = vec![ledger::new(&grant)?];
        let refresh = self.new_refresh(&grant, now)?;
        if let Some((_, record)) = &refresh {
            records.push(ledger::new(record)?);
        }
        let session = self.session(&grant, user, refresh.map(|(secret, _)| secret), now)?;
        Ok(Begun { grant, records, session })
    }

    /// Whose grant it is, if it is still good for that person.
    async fn holder(&self, grant: &Grant) -> Result<User, LoginError> {
        let user = self.user(&grant.user).await?.ok_or(LoginError::Wrong)?;
        if user.disabled {
            return Err(LoginError::Inactive);
        }
        if user.epoch != grant.epoch {
            return Err(LoginError::Wrong);
        }
        Ok(user)
    }

    /// Another access token and another refresh token for a refresh token, which is good for nothing after that.
    ///
    /// # Errors
    /// [`LoginError::Wrong`] when it is unknown, over, used, or its grant revoked; used ones revoke their grant.
    /// [`LoginError::Inactive`] when the person is disabled.
    pub async fn refresh(&self, token: &str, now: Time) -> Result<Session, LoginError> {
        self.refresh_as(None, token, None, now).await
    }

    /// The same for a program, perhaps with fewer scopes.
    pub(super) async fn refresh_as(
        &self,
        client: Option<&str>,
        token: &str,
        scopes: Option<Scopes>,
        now: Time,
    ) -> Result<Session, LoginError> {
        let digest = Digest::of(token);
        let found = self.all::<Refresh>().get(digest.as_str()).await?.ok_or(LoginError::Wrong)?;
        let Versioned { value: mut old, version } = found;
        let found = self.all::<Grant>().get(&old.grant).await?.ok_or(LoginError::Wrong)?;
        let grant = found.value;
        if grant.client.as_deref() != client || grant.revoked.is_some() {
            return Err(LoginError::Wrong);
        }
        if old.used.is_some() {
            self.revoke_grant(&grant.id, "refresh token used twice", Act { by: "anybody", at: now }).await?;
            return Err(LoginError::Wrong);
        }
        if now >= old.expires || now >= grant.ends {
            return Err(LoginError::Wrong);
        }
        let user = self.holder(&grant).await?;
        if scopes.is_some_and(|wanted| !grant.scopes.is_some_and(|given| wanted.is_within(given))) {
            return Err(LoginError::Wrong);
        }
        old.used = Some(now);
        let (secret, new) = self.new_refresh(&grant, now)?.ok_or(LoginError::Wrong)?;
        let entity = format!("grant/{}", grant.id);
        let fact = Fact { entity: &entity, kind: "refreshed", detail: json!({}) };
        let records = vec![ledger::changed(&old, version)?, ledger::new(&new)?];
        let by = format!("user:{}", grant.user);
        match self.keep(Act { by: &by, at: now }, fact, records).await {
            // It was used a moment ago by somebody else: one of both has a copy.
            Err(IdentityError::Changed) => {
                self.revoke_grant(&grant.id, "refresh token used twice", Act { by: "anybody", at: now })
                    .await?;
                return Err(LoginError::Wrong);
            }
            kept => kept?,
        }
        let grant = Grant { scopes: scopes.or(grant.scopes), ..grant };
        Ok(self.session(&grant, user, Some(secret), now)?)
    }

    /// Another access token for a steady refresh token, which stays as it is.
    ///
    /// # Errors
    /// [`LoginError::Wrong`] when it is unknown, over, none of a person's steady login, or its grant revoked.
    /// [`LoginError::Inactive`] when the person is disabled.
    pub async fn renew(&self, token: &str, now: Time) -> Result<Session, LoginError> {
        let digest = Digest::of(token);
        let refresh = self.all::<Refresh>().get(digest.as_str()).await?.ok_or(LoginError::Wrong)?.value;
        let grant = self.all::<Grant>().get(&refresh.grant).await?.ok_or(LoginError::Wrong)?.value;
        let is_good = grant.lifetimes.steady && grant.client.is_none() && grant.revoked.is_none();
        let is_over = refresh.used.is_some() || now >= refresh.expires || now >= grant.ends;
        if !is_good || is_over {
            return Err(LoginError::Wrong);
        }
        let user = self.holder(&grant).await?;
        Ok(self.session(&grant, user, None, now)?)
    }

    /// Ends a person's own session, by an access token of it: all that its login gave out is void. Nothing happens
    /// where the token is no good or a program's.
    ///
    /// # Errors
    /// When nothing can be kept.
    pub async fn end_session(&self, access: &str, act: Act<'_>) -> Result<(), IdentityError> {
        let claims = self.claims_of(access, act.at).await?;
        match claims.filter(|claims| claims.client_id.is_none()).and_then(|claims| claims.grant) {
            Some(grant) => self.revoke_grant(&grant, "logged out", act).await,
            None => Ok(()),
        }
    }

    /// Revokes the grant of a refresh token; nothing happens where it is unknown or another program's.
    pub(super) async fn revoke_refresh(
        &self,
        client: Option<&str>,
        token: &str,
        act: Act<'_>,
    ) -> Result<bool, IdentityError> {
        let Some(found) = self.all::<Refresh>().get(Digest::of(token).as_str()).await? else {
            return Ok(false);
        };
        let Some(grant) = self.all::<Grant>().get(&found.value.grant).await? else { return Ok(false) };
        if grant.value.client.as_deref() != client {
            return Ok(false);
        }
        self.revoke_grant(&found.value.grant, "revoked", act).await?;
        Ok(true)
    }

    /// Ends a person's own session, by its refresh token.
    ///
    /// # Errors
    /// When nothing can be kept.
    pub async fn log_out(&self, refresh: &str, act: Act<'_>) -> Result<(), IdentityError> {
        self.revoke_refresh(None, refresh, act).await.map(drop)
    }

    /// Revokes a grant with everything that it gave out.
    pub(super) async fn revoke_grant(&self, id: &str, why: &str, act: Act<'_>) -> Result<(), IdentityError> {
        let mut grant = self.known::<Grant>("grant", id).await?;
        if grant.value.revoked.is_some() {
            return Ok(());
        }
        grant.value.revoked = Some(act.at);
        let entity = format!("grant/{id}");
        let fact = Fact { entity: &entity, kind: "grant revoked", detail: json!({ "why": why }) };
        let kept = self.keep(act, fact, vec![ledger::changed(&grant.value, grant.version)?]).await;
        self.forget_callers();
        match kept {
            // Nothing but its revocation ever changes a grant.
            Err(IdentityError::Changed) => Ok(()),
            kept => kept,
        }
    }

    /// Revokes all grants of an index's value.
    pub(super) async fn revoke_grants(
        &self,
        index: &str,
        value: &str,
        act: Act<'_>,
    ) -> Result<(), IdentityError> {
        let mut after = None;
        loop {
            let within = Within::Exactly(value.into());
            let (found, next) =
                self.all::<Grant>().page(By::Index(index.to_owned()), within, 100, after).await?;
            for grant in found.iter().filter(|grant| grant.value.revoked.is_none()) {
                self.revoke_grant(&grant.value.id, "revoked", act).await?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A refresh token of a grant that gives some.
    fn new_refresh(&self, grant: &Grant, now: Time) -> Result<Option<(Secret, Refresh)>, IdentityError> {
        let Some(refresh_s) = grant.lifetimes.refresh_s else { return Ok(None) };
        let secret = Secret::random(REFRESH_PREFIX, self.entropy())?;
        let expires = (now + refresh_s * 1_000).min(grant.ends);
        let record = Refresh {
            digest: secret.digest(),
            grant: grant.id.clone(),
            expires,
            ends: grant.ends,
            used: None,
        };
        Ok(Some((secret, record)))
    }

    /// An access token of a grant, with what goes with it.
    fn session(
        &self,
        grant: &Grant,
        user: User,
        refresh: Option<Secret>,
        now: Time,
    ) -> Result<Session, IdentityError> {
        let expires_s = grant.lifetimes.access_s;
        let mut claims = self.claims(&Subject::User(user.id.clone()), user.epoch, expires_s, now)?;
        claims.scope = grant.scopes.map(|scopes| scopes.to_string());
        claims.org = user.organisation.as_deref().map(ToOwned::to_owned);
        claims.client_id.clone_from(&grant.client);
        claims.grant = Some(grant.id.clone());
        let access = self.signed(TokenKind::Access, &claims)?;
        Ok(Session { access, expires_s, refresh, scopes: grant.scopes, user })
    }

    /// What every token says.
    pub(super) fn claims(
        &self,
        subject: &Subject,
        epoch: u32,
        expires_s: i64,
        now: Time,
    ) -> Result<Claims, IdentityError> {
        let now_s = now.0.div_euclid(1_000);
        Ok(Claims {
            iss: self.settings().issuer.clone(),
            aud: self.settings().audience.clone(),
            sub: subject.to_string(),
            exp: now_s + expires_s,
            nbf: now_s,
            iat: now_s,
            jti: entropy::id(self.entropy())?,
            epoch,
            scope: None,
            org: None,
            client_id: None,
            grant: None,
        })
    }

    /// Claims as a token.
    pub(super) fn signed(&self, kind: TokenKind, claims: &Claims) -> Result<Secret, IdentityError> {
        let token = jwt::sign(&self.ring(), kind, claims);
        token
            .map(Secret::new)
            .map_err(|error| IdentityError::Unfit(format!("the {kind} has no JSON: {error}")))
    }

    /// Lifetimes that no key is too short-lived for.
    fn capped(&self, lifetimes: Lifetimes) -> Lifetimes {
        Lifetimes { access_s: lifetimes.access_s.clamp(1, self.settings().token_max_s()), ..lifetimes }
    }

    fn grant_max_s(&self, lifetimes: Lifetimes) -> i64 {
        match lifetimes.refresh_s {
            Some(_) => self.settings().grant_max_s,
            None => self.capped(lifetimes).access_s + self.settings().leeway_s + 1,
        }
    }
}
