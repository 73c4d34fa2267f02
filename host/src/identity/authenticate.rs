//! Who calls: from what was shown, as it stands now.

use super::api_key::KeyOwner;
use super::client::Client;
use super::device::{Enrolled, TOKEN_PREFIX};
use super::grant::Grant;
use super::jwt::{self, BadToken, Claims, Expected, TOKEN_MAX_BYTES, TokenKind};
use super::oauth::Withdrawn;
use super::policy::{Caller, Roles, Scopes, Subject, Via};
use super::{Identity, IdentityError, Unauthenticated};
use std::sync::Arc;
use twin::time::Time;

/// What a caller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// `Authorization: Bearer …`: an access token, or an API key.
    Bearer(&'a str),
    /// `X-API-Key: …` or `Authorization: ApiKey …`.
    ApiKey(&'a str),
    /// `Authorization: DeviceToken …`.
    DeviceToken(&'a str),
}

impl<'a> Presented<'a> {
    /// Reads the headers `Authorization` and `X-API-Key`, where they are there.
    ///
    /// # Errors
    /// [`Unauthenticated::Missing`] where none is, [`Unauthenticated::Malformed`] where both are or one cannot be read.
    pub fn from_headers(
        authorization: Option<&'a str>,
        api_key: Option<&'a str>,
    ) -> Result<Self, Unauthenticated> {
        let presented = match (authorization, api_key) {
            (None, None) => return Err(Unauthenticated::Missing),
            (Some(_), Some(_)) => return Err(Unauthenticated::Malformed),
            (None, Some(key)) => Self::ApiKey(key.trim_matches(' ')),
            (Some(header), None) => {
                let (scheme, shown) = header.trim_matches(' ').split_once(' ').unwrap_or_default();
                let shown = shown.trim_matches(' ');
                match scheme.to_ascii_lowercase().as_str() {
                    "bearer" => Self::Bearer(shown),
                    "apikey" => Self::ApiKey(shown),
                    "devicetoken" => Self::DeviceToken(shown),
                    _ => return Err(Unauthenticated::Malformed),
                }
            }
        };
        let shown = presented.shown();
        let is_good = !shown.is_empty()
            && shown.len() <= TOKEN_MAX_BYTES + TOKEN_PREFIX.len()
            && shown.bytes().all(|byte| byte.is_ascii_graphic());
        if is_good { Ok(presented) } else { Err(Unauthenticated::Malformed) }
    }

    fn shown(&self) -> &'a str {
        match self {
            Self::Bearer(shown) | Self::ApiKey(shown) | Self::DeviceToken(shown) => shown,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Bearer(_) => 0,
            Self::ApiKey(_) => 1,
            Self::DeviceToken(_) => 2,
        }
    }
}

/// Why a token is not taken, or could not be looked at.
enum Rejected {
    Bad(BadToken),
    Failed(IdentityError),
}

impl From<BadToken> for Rejected {
    fn from(bad: BadToken) -> Self {
        Self::Bad(bad)
    }
}

impl<E: Into<IdentityError>> From<E> for Rejected {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Identity {
    /// Who calls. Roles, scopes, organisation and whether all that is still good are as the records say now; a look that
    /// was made a moment ago is taken again.
    ///
    /// # Errors
    /// [`Unauthenticated::Invalid`] where what was shown is not good; why is in the log alone.
    pub async fn authenticate(
        &self,
        presented: Presented<'_>,
        now: Time,
    ) -> Result<Arc<Caller>, Unauthenticated> {
        let look = self.0.cache.look(presented.kind(), presented.shown());
        if let Some(caller) = self.0.cache.get(&look, now) {
            return Ok(caller);
        }
        let found = match presented {
            Presented::Bearer(token) if jwt::looks_like_one(token) => self.token_holder(token, now).await,
            Presented::Bearer(key) | Presented::ApiKey(key) => self.key_holder(key, now).await,
            Presented::DeviceToken(token) => self.device_of(token, now).await,
        };
        match found {
            Ok((caller, end)) => {
                let caller = Arc::new(caller);
                self.0.cache.put(&look, &caller, now, end);
                Ok(caller)
            }
            Err(Rejected::Bad(why)) => {
                tracing::debug!(%why, "credentials are not good");
                Err(Unauthenticated::Invalid)
            }
            Err(Rejected::Failed(error)) => Err(Unauthenticated::Failed(error)),
        }
    }

    async fn token_holder(&self, token: &str, now: Time) -> Result<(Caller, Option<Time>), Rejected> {
        let claims = self.verified(TokenKind::Access, token, now).await?;
        let caller = match claims.sub.parse().map_err(|_| BadToken::Malformed)? {
            Subject::User(id) => self.token_user(&id, &claims, now).await?,
            Subject::Client(id) => self.token_client(&id, &claims).await?,
            Subject::Device(_) => return Err(BadToken::Elsewhere.into()),
        };
        Ok((caller, Some(self.end_of(&claims))))
    }

    /// A token that was not signed in vain, of a kind.
    async fn verified(&self, kind: TokenKind, token: &str, now: Time) -> Result<Claims, Rejected> {
        let settings = self.settings();
        let (issuer, audience) = (settings.issuer.as_str(), settings.audience.as_str());
        let expected = Expected { kind, issuer, audience, now, leeway_s: settings.leeway_s };
        match jwt::verify(&self.ring(), token, &expected) {
            Err(BadToken::UnknownKey) => {
                self.look_for_keys(now).await?;
                Ok(jwt::verify(&self.ring(), token, &expected)?)
            }
            checked => Ok(checked?),
        }
    }

    async fn token_user(&self, id: &str, claims: &Claims, now: Time) -> Result<Caller, Rejected> {
        let user = self.user(id).await?.ok_or(BadToken::Revoked)?;
        let is_good = !user.disabled
            && user.epoch == claims.epoch
            && user.organisation.as_deref() == claims.org.as_deref();
        let grant = claims.grant.as_deref().filter(|_| is_good).ok_or(BadToken::Revoked)?;
        let grant = self.all::<Grant>().get(grant).await?.ok_or(BadToken::Revoked)?.value;
        let is_its = grant.user == user.id && grant.client.as_deref() == claims.client_id.as_deref();
        if !is_its || grant.revoked.is_some() || now >= grant.ends {
            return Err(BadToken::Revoked.into());
        }
        let via = match &claims.client_id {
            Some(client) => {
                let client = self.good_client(client).await?;
                Via::Program(client.id)
            }
            None => Via::Token,
        };
        Ok(Caller {
            subject: Subject::User(user.id),
            organisation: user.organisation,
            roles: user.roles,
            scopes: scopes_of(claims)?,
            party: user.party,
            via,
        })
    }

    async fn token_client(&self, id: &str, claims: &Claims) -> Result<Caller, Rejected> {
        let client = self.good_client(id).await?;
        if client.epoch != claims.epoch || client.organisation.as_deref() != claims.org.as_deref() {
            return Err(BadToken::Revoked.into());
        }
        if self.all::<Withdrawn>().get(&claims.jti).await?.is_some() {
            return Err(BadToken::Revoked.into());
        }
        let scopes = scopes_of(claims)?.ok_or(BadToken::Malformed)?;
        Ok(Caller {
            subject: Subject::Client(client.id),
            organisation: client.organisation,
            roles: Roles::default(),
            scopes: Some(scopes.and(client.scopes)),
            party: None,
            via: Via::Token,
        })
    }

    async fn good_client(&self, id: &str) -> Result<Client, Rejected> {
        let client = self.client(id).await?.filter(|client| client.revoked.is_none());
        Ok(client.ok_or(BadToken::Revoked)?)
    }

    async fn key_holder(&self, key: &str, now: Time) -> Result<(Caller, Option<Time>), Rejected> {
        let (key, owner) = self.good_api_key(key, now).await?.ok_or(BadToken::Revoked)?;
        let via = Via::ApiKey(key.id.clone());
        let subject = key.owner.clone();
        let caller = match owner {
            KeyOwner::User(user) => Caller {
                subject,
                organisation: user.organisation,
                roles: user.roles,
                scopes: Some(key.scopes),
                party: user.party,
                via,
            },
            KeyOwner::Client(client) => Caller {
                subject,
                organisation: client.organisation,
                roles: Roles::default(),
                scopes: Some(key.scopes.and(client.scopes.implied())),
                party: None,
                via,
            },
        };
        Ok((caller, key.expires))
    }

    async fn device_of(&self, token: &str, now: Time) -> Result<(Caller, Option<Time>), Rejected> {
        let (enrolled, claims) = self.device_by_token(token, now).await?;
        let caller = Caller {
            subject: Subject::Device(enrolled.device),
            organisation: enrolled.organisation,
            roles: Roles::default(),
            scopes: Some(Scopes::default()),
            party: None,
            via: Via::DeviceToken,
        };
        Ok((caller, Some(self.end_of(&claims))))
    }

    async fn device_by_token(&self, token: &str, now: Time) -> Result<(Enrolled, Claims), Rejected> {
        let token = token.strip_prefix(TOKEN_PREFIX).ok_or(BadToken::Malformed)?;
        let claims = self.verified(TokenKind::Device, token, now).await?;
        let Subject::Device(device) = claims.sub.parse().map_err(|_| BadToken::Malformed)? else {
            return Err(BadToken::Elsewhere.into());
        };
        let enrolled = self.device(&device).await?.filter(|enrolled| {
            enrolled.revoked.is_none()
                && enrolled.epoch == claims.epoch
                && enrolled.organisation.as_deref() == claims.org.as_deref()
        });
        Ok((enrolled.ok_or(BadToken::Revoked)?, claims))
    }

    /// What a token of this platform says, where it is good as far as its signature and times go; for revoking it.
    pub(super) async fn claims_of(&self, token: &str, now: Time) -> Result<Option<Claims>, IdentityError> {
        match self.verified(TokenKind::Access, token, now).await {
            Ok(claims) => Ok(Some(claims)),
            Err(Rejected::Bad(_)) => Ok(None),
            Err(Rejected::Failed(error)) => Err(error),
        }
    }

    fn end_of(&self, claims: &Claims) -> Time {
        Time(claims.exp.saturating_add(self.settings().leeway_s).saturating_mul(1_000))
    }
}

fn scopes_of(claims: &Claims) -> Result<Option<Scopes>, BadToken> {
    claims.scope.as_deref().map(str::parse).transpose().map_err(|_| BadToken::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_every_spelling_that_is_documented_and_no_other() {
        let read = |authorization, key| Presented::from_headers(authorization, key).ok();
        assert_eq!(read(Some("Bearer a.b.c"), None), Some(Presented::Bearer("a.b.c")));
        assert_eq!(read(Some("bearer  a.b.c "), None), Some(Presented::Bearer("a.b.c")));
        assert_eq!(read(Some("ApiKey k"), None), Some(Presented::ApiKey("k")));
        assert_eq!(read(None, Some(" k ")), Some(Presented::ApiKey("k")));
        assert_eq!(read(Some("DeviceToken dt_x"), None), Some(Presented::DeviceToken("dt_x")));
        let long = format!("Bearer {}", "x".repeat(5_000));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Basic eDp5",
            "a.b.c",
            "Bearer a\u{7f}b",
            "Bearer é",
            &long,
        ] {
            assert!(
                matches!(Presented::from_headers(Some(bad), None), Err(Unauthenticated::Malformed)),
                "{bad}"
            );
        }
        assert!(matches!(Presented::from_headers(None, None), Err(Unauthenticated::Missing)));
        assert!(matches!(
            Presented::from_headers(Some("Bearer a"), Some("k")),
            Err(Unauthenticated::Malformed)
        ));
        assert!(matches!(Presented::from_headers(None, Some("")), Err(Unauthenticated::Malformed)));
    }
}
