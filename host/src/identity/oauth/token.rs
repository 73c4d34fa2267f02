//! The token request.

use super::{Code, ErrorCode, OAuthError};
use crate::identity::client::Client;
use crate::identity::grant::{NewGrant, Session};
use crate::identity::jwt::TokenKind;
use crate::identity::ledger::{self, Fact};
use crate::identity::policy::{Scopes, Subject};
use crate::identity::secret::{Digest, Secret, base64url, is_equal};
use crate::identity::{Act, Identity, IdentityError, LoginError};
use crate::store::records::Versioned;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use twin::time::Time;

/// Lengths of a verifier (RFC 7636, section 4.1).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// What a program sends, as it stands in its body; a parameter that is there twice is to be refused by the handler.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// `authorization_code`, `refresh_token` or `client_credentials`.
    pub grant_type: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// The address that the code was asked for with.
    pub redirect_uri: Option<String>,
    /// What the challenge is the SHA-256 of.
    pub code_verifier: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// Scopes, by spaces.
    pub scope: Option<String>,
}

/// How a program says who it is.
#[derive(Debug, Clone, Default)]
pub struct ClientSecret {
    /// Its id.
    pub id: Option<String>,
    /// Its secret; a public client has none.
    pub secret: Option<Secret>,
}

impl ClientSecret {
    /// From the header `Authorization`, where it is there, and the parameters `client_id` and `client_secret`.
    ///
    /// # Errors
    /// When the header is not of the scheme Basic or cannot be read, or the program says who it is in both ways.
    pub fn read(
        authorization: Option<&str>,
        id: Option<String>,
        secret: Option<Secret>,
    ) -> Result<Self, OAuthError> {
        let Some(header) = authorization else { return Ok(Self { id, secret }) };
        let unread =
            || OAuthError::refused(ErrorCode::InvalidClient, "the Authorization header cannot be read");
        let (scheme, text) = header.trim().split_once(' ').ok_or_else(unread)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(unread());
        }
        let text = STANDARD.decode(text.trim()).ok().and_then(|text| String::from_utf8(text).ok());
        let text = text.ok_or_else(unread)?;
        let (user, password) = text.split_once(':').ok_or_else(unread)?;
        // RFC 6749, section 2.3.1: both are form-encoded first.
        let basic = (decoded(user).ok_or_else(unread)?, decoded(password).ok_or_else(unread)?);
        if secret.is_some() || id.is_some_and(|id| id != basic.0) {
            return Err(OAuthError::refused(
                ErrorCode::InvalidRequest,
                "the client says who it is in two ways",
            ));
        }
        Ok(Self { id: Some(basic.0), secret: Some(Secret::new(basic.1)) })
    }
}

/// What is sent back (RFC 6749, section 5.1), with `Cache-Control: no-store`.
#[derive(Debug, Clone)]
pub struct TokenAnswer {
    /// Access token, of type `Bearer`.
    pub access_token: Secret,
    /// Seconds that it is good for.
    pub expires_s: i64,
    /// Refresh token.
    pub refresh_token: Option<Secret>,
    /// What the tokens are limited to.
    pub scopes: Scopes,
}

impl Identity {
    /// Tokens for a code, a refresh token, or a program itself. `source` is where it comes from, for limits.
    ///
    /// # Errors
    /// As RFC 6749, section 5.2 says.
    pub async fn token(
        &self,
        request: &TokenRequest,
        client: &ClientSecret,
        source: &str,
        now: Time,
    ) -> Result<TokenAnswer, OAuthError> {
        let client = self.good_oauth_client(client, source, now).await?;
        let missing = |what| OAuthError::refused(ErrorCode::InvalidRequest, what);
        match request.grant_type.as_deref() {
            Some("authorization_code") => {
                let code = request.code.as_deref().ok_or_else(|| missing("code is missing"))?;
                self.token_for_code(&client, code, request, now).await
            }
            Some("refresh_token") => {
                let token = request.refresh_token.as_deref();
                let token = token.ok_or_else(|| missing("refresh_token is missing"))?;
                self.token_for_refresh(&client, token, request.scope.as_deref(), now).await
            }
            Some("client_credentials") => self.token_for_itself(&client, request.scope.as_deref(), now),
            Some(_) => {
                Err(OAuthError::refused(ErrorCode::UnsupportedGrantType, "there is no such grant type"))
            }
            None => Err(missing("grant_type is missing")),
        }
    }

    /// The program that says who it is, where it is good. Unknown, revoked and a wrong secret get the same answer.
    pub(super) async fn good_oauth_client(
        &self,
        shown: &ClientSecret,
        source: &str,
        now: Time,
    ) -> Result<Client, OAuthError> {
        let wrong = OAuthError::refused(ErrorCode::InvalidClient, "client authentication failed");
        let Some(id) = shown.id.as_deref() else { return Err(wrong) };
        let account = format!("client:{id}");
        self.may_attempt(&account, source, now)?;
        let client = self.client(id).await?.filter(|client| {
            let is_right = match (&client.secret, &shown.secret) {
                (Some(kept), Some(secret)) => kept.is_of(secret.reveal()),
                (None, None) => true,
                // Some programs send an empty secret for none.
                (None, Some(secret)) => secret.reveal().is_empty(),
                (Some(_), None) => false,
            };
            is_right && client.revoked.is_none()
        });
        if client.is_none() {
            self.begin_attempt(&account, source, now)?;
        }
        client.ok_or(wrong)
    }

    fn token_for_itself(
        &self,
        client: &Client,
        scope: Option<&str>,
        now: Time,
    ) -> Result<TokenAnswer, OAuthError> {
        if client.is_public() {
            return Err(OAuthError::refused(
                ErrorCode::UnauthorizedClient,
                "a public client has no credentials",
            ));
        }
        let scopes = wanted(scope, client.scopes)?.unwrap_or(client.scopes);
        let expires_s = self.settings().access_s;
        let mut claims = self.claims(&Subject::Client(client.id.clone()), client.epoch, expires_s, now)?;
        claims.scope = Some(scopes.to_string());
        claims.org = client.organisation.as_deref().map(ToOwned::to_owned);
        claims.client_id = Some(client.id.as_ref().to_owned());
        let access_token = self.signed(TokenKind::Access, &claims)?;
        Ok(TokenAnswer { access_token, expires_s, refresh_token: None, scopes })
    }

    async fn token_for_code(
        &self,
        client: &Client,
        code: &str,
        request: &TokenRequest,
        now: Time,
    ) -> Result<TokenAnswer, OAuthError> {
        let refused = || OAuthError::refused(ErrorCode::InvalidGrant, "the code is not good");
        let found = self.all::<Code>().get(Digest::of(code).as_str()).await?.ok_or_else(refused)?;
        let Versioned { value: mut code, version } = found;
        if code.client != client.id {
            return Err(refused());
        }
        if let Some(grant) = &code.grant {
            // Somebody has a copy of it: what it gave out is void (RFC 6749, section 4.1.2).
            let act = Act { by: "anybody", at: now };
            self.revoke_grant(grant, "code used twice", act).await?;
            return Err(refused());
        }
        let is_uri_right = match &request.redirect_uri {
            Some(uri) => *uri == code.redirect_uri,
            None => !code.is_uri_given,
        };
        let is_verified = is_verified(code.challenge.as_deref(), request.code_verifier.as_deref());
        if now >= code.expires || !is_uri_right || !is_verified {
            return Err(refused());
        }
        let user = self.user(&code.user).await?;
        let user = user.filter(|user| !user.disabled && user.epoch == code.user_epoch).ok_or_else(refused)?;
        let lifetimes = self.lifetimes();
        let scopes = Some(code.scopes);
        let new = NewGrant { user, client: Some(client.id.as_ref().to_owned()), scopes, lifetimes };
        let begun = self.begin_grant(new, now)?;
        code.grant = Some(begun.grant.id.clone());
        let mut records = begun.records;
        records.push(ledger::changed(&code, version)?);
        let (entity, by) = (format!("grant/{}", begun.grant.id), format!("client:{}", client.id));
        let detail = json!({ "user": begun.grant.user, "client": client.id, "scopes": code.scopes });
        let fact = Fact { entity: &entity, kind: "grant given", detail };
        match self.keep(Act { by: &by, at: now }, fact, records).await {
            // Somebody else was a moment earlier with the same code.
            Err(IdentityError::Changed) => Err(refused()),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(answer(begun.session, code.scopes)),
        }
    }

    async fn token_for_refresh(
        &self,
        client: &Client,
        token: &str,
        scope: Option<&str>,
        now: Time,
    ) -> Result<TokenAnswer, OAuthError> {
        let scopes = wanted(scope, client.scopes)?;
        match self.refresh_as(Some(client.id.as_ref()), token, scopes, now).await {
            Ok(session) => {
                let scopes = session.scopes.unwrap_or_default();
                Ok(answer(session, scopes))
            }
            Err(LoginError::Wrong | LoginError::Inactive) => {
                Err(OAuthError::refused(ErrorCode::InvalidGrant, "the refresh token is not good"))
            }
            Err(LoginError::TooMany { wait_ms }) => Err(OAuthError::TooMany { wait_ms }),
            Err(LoginError::Failed(error)) => Err(OAuthError::Failed(error)),
        }
    }
}

fn answer(session: Session, scopes: Scopes) -> TokenAnswer {
    TokenAnswer {
        access_token: session.access,
        expires_s: session.expires_s,
        refresh_token: session.refresh,
        scopes,
    }
}

/// The scopes of a parameter, where they are the client's.
fn wanted(scope: Option<&str>, most: Scopes) -> Result<Option<Scopes>, OAuthError> {
    let Some(text) = scope.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    match text.parse::<Scopes>() {
        Ok(scopes) if scopes.is_within(most) => Ok(Some(scopes)),
        _ => Err(OAuthError::refused(ErrorCode::InvalidScope, "a scope is unknown or not the client's")),
    }
}

/// Whether a verifier is that of a challenge; without a challenge there must be none, or it could have been taken away.
fn is_verified(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            VERIFIER_CHARS.contains(&verifier.len())
                && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
                && is_equal(base64url(&Sha256::digest(verifier)).as_bytes(), challenge.as_bytes())
        }
        _ => false,
    }
}

/// Text that was form-encoded.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_checked_as_the_standard_shows() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(is_verified(Some(challenge), Some(verifier)));
        assert!(!is_verified(Some(challenge), Some(challenge)), "method plain");
        assert!(!is_verified(Some(challenge), None) && !is_verified(None, Some(verifier)));
        assert!(!is_verified(Some(challenge), Some(&verifier[1..])) && is_verified(None, None));
    }

    #[test]
    fn a_client_says_who_it_is_in_one_way() {
        let secret = |text: &str| Some(Secret::new(text));
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let read = ClientSecret::read(Some(&basic("a%3Ab:s+1%2B")), None, None).unwrap();
        assert_eq!((read.id.as_deref(), read.secret), (Some("a:b"), secret("s 1+")));
        let read = ClientSecret::read(Some(&basic("a:")), Some("a".into()), None).unwrap();
        assert_eq!(read.id.as_deref(), Some("a"));
        for bad in
            ["Basic", "Basic !", "Bearer x", &basic("a"), &basic("a%zz:b"), &basic("%ff:b"), &basic("%f:b")]
        {
            let refused = ClientSecret::read(Some(bad), None, None).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::InvalidClient, "{bad}");
        }
        let refused = ClientSecret::read(Some(&basic("a:s")), None, secret("s")).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidRequest);
        let refused = ClientSecret::read(Some(&basic("a:s")), Some("b".into()), None).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidRequest);
    }
}
