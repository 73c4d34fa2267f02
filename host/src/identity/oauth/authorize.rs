//! The authorization request, the person's answer, and the code.

use super::{ErrorCode, OAuthError, with_query};
use crate::identity::account::User;
use crate::identity::client::Client;
use crate::identity::ledger::{self, Fact};
use crate::identity::policy::Scopes;
use crate::identity::secret::{Digest, Secret};
use crate::identity::{Act, Identity, IdentityError};
use crate::store::records::{Expect, Indexed, Record, RecordChange};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use thiserror::Error;
use twin::time::Time;

/// What codes begin with.
const CODE_PREFIX: &str = "ac_";
/// Length of an S256 challenge: 32 bytes in base64 (RFC 7636, section 4.2).
const CHALLENGE_CHARS: usize = 43;
/// Longest state that is carried.
const STATE_MAX_BYTES: usize = 1_024;

/// What a program asks for, as it stands in the query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// `code`.
    pub response_type: Option<String>,
    /// The program.
    pub client_id: Option<String>,
    /// Where people are sent back to.
    pub redirect_uri: Option<String>,
    /// Scopes, by spaces; all of the client's where there are none.
    pub scope: Option<String>,
    /// Carried back as it is.
    pub state: Option<String>,
    /// SHA-256 of the verifier, in base64.
    pub code_challenge: Option<String>,
    /// `S256`.
    pub code_challenge_method: Option<String>,
}

/// A request that is in order: to be put before a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The program.
    pub client: Client,
    /// What it asks for.
    pub scopes: Scopes,
    redirect_uri: String,
    is_uri_given: bool,
    state: Option<String>,
    challenge: Option<String>,
}

/// A request that is not put before anybody.
#[derive(Debug, Clone, Error)]
pub enum NotAsked {
    /// Nobody may be sent anywhere: the client or the address is unknown. To be shown on a page of one's own.
    #[error("{0}")]
    Page(&'static str),
    /// The person is sent back with the error in the address.
    #[error("sent back with {code}")]
    Back {
        /// Kind of the error.
        code: ErrorCode,
        /// Where to.
        address: String,
    },
    /// It cannot be decided now.
    #[error(transparent)]
    Failed(IdentityError),
}

impl<E: Into<IdentityError>> From<E> for NotAsked {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A code as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::identity) struct Code {
    digest: Digest,
    pub(super) client: Arc<str>,
    pub(super) user: Arc<str>,
    pub(super) user_epoch: u32,
    pub(super) redirect_uri: String,
    /// Whether the request named the address, and so the token request must.
    pub(super) is_uri_given: bool,
    pub(super) scopes: Scopes,
    pub(super) challenge: Option<String>,
    pub(super) expires: Time,
    /// When it may be deleted: until then, showing it again gives a copy away.
    ends: Time,
    /// Grant that it was given for, once it was.
    pub(super) grant: Option<String>,
}

impl Record for Code {
    const COLLECTION: &'static str = "identity_codes";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.digest.as_str().to_owned()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("ends", ledger::sortable(self.ends))
    }
}

/// What a person allowed a program, once and for all.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Consent {
    user: Arc<str>,
    client: Arc<str>,
    scopes: Scopes,
    at: Time,
}

impl Record for Consent {
    const COLLECTION: &'static str = "identity_consents";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        consent_key(&self.user, &self.client)
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("user", self.user.as_bytes()).shared("client", self.client.as_bytes())
    }
}

/// A client's id has no slash in it.
fn consent_key(user: &str, client: &str) -> String {
    format!("{client}/{user}")
}

impl Asked {
    /// Where the person goes who says no.
    pub fn declined(&self) -> String {
        self.back(&[("error", ErrorCode::AccessDenied.as_str())])
    }

    fn back(&self, parameters: &[(&str, &str)]) -> String {
        let mut parameters = parameters.to_vec();
        if let Some(state) = &self.state {
            parameters.push(("state", state));
        }
        with_query(&self.redirect_uri, &parameters)
    }
}

impl Identity {
    /// Looks at what a program asks for.
    ///
    /// # Errors
    /// [`NotAsked::Page`] where it is not certain that the address is the program's, [`NotAsked::Back`] for all else.
    pub async fn authorize(&self, request: &AuthorizeRequest) -> Result<Asked, NotAsked> {
        let client = match &request.client_id {
            Some(id) => self.client(id).await?.filter(|client| client.revoked.is_none()),
            None => None,
        };
        let client = client.ok_or(NotAsked::Page("the program is not known here"))?;
        let redirect_uri = match (&request.redirect_uri, client.redirect_uris.as_slice()) {
            (Some(uri), known) if known.contains(uri) => uri.clone(),
            (None, [only]) => only.clone(),
            _ => return Err(NotAsked::Page("the address to go back to is not one of the program's")),
        };
        let state = request.state.clone();
        let back = |code: ErrorCode, why: &str| {
            let mut parameters = vec![("error", code.as_str()), ("error_description", why)];
            // A state that is not carried back is none that anybody could have forged.
            let carried = state.as_deref().filter(|state| state.len() <= STATE_MAX_BYTES);
            parameters.extend(carried.map(|state| ("state", state)));
            Err(NotAsked::Back { code, address: with_query(&redirect_uri, &parameters) })
        };
        match request.response_type.as_deref() {
            Some("code") => {}
            Some(_) => return back(ErrorCode::UnsupportedResponseType, "response_type must be code"),
            None => return back(ErrorCode::InvalidRequest, "response_type is missing"),
        }
        if state.as_ref().is_some_and(|state| state.len() > STATE_MAX_BYTES) {
            return back(ErrorCode::InvalidRequest, "state is too long");
        }
        let challenge = match (request.code_challenge.as_deref(), request.code_challenge_method.as_deref()) {
            (Some(challenge), Some("S256")) if is_challenge(challenge) => Some(challenge.to_owned()),
            (Some(_), _) => {
                return back(ErrorCode::InvalidRequest, "code_challenge must be one of method S256");
            }
            (None, Some(_)) => return back(ErrorCode::InvalidRequest, "code_challenge is missing"),
            (None, None) if client.is_public() => {
                return back(ErrorCode::InvalidRequest, "this client needs a code_challenge");
            }
            (None, None) => None,
        };
        let scopes = match request.scope.as_deref().map(str::parse::<Scopes>) {
            None => client.scopes,
            Some(Ok(scopes)) if !scopes.is_empty() && scopes.is_within(client.scopes) => scopes,
            Some(_) => return back(ErrorCode::InvalidScope, "a scope is unknown or not the client's"),
        };
        let is_uri_given = request.redirect_uri.is_some();
        Ok(Asked { client, scopes, redirect_uri, is_uri_given, state, challenge })
    }

    /// Whether a person must be asked first: it did not yet allow the program all of this.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn needs_consent(&self, asked: &Asked, user: &User) -> Result<bool, IdentityError> {
        let given = self.all::<Consent>().get(&consent_key(&user.id, &asked.client.id)).await?;
        Ok(given.is_none_or(|given| !asked.scopes.is_within(given.value.scopes)))
    }

    /// The person, who was logged in and asked, says yes. Where it goes, with the code.
    ///
    /// # Errors
    /// When nothing can be kept, or the person was disabled meanwhile.
    pub async fn approve(&self, asked: &Asked, user: &User, now: Time) -> Result<String, OAuthError> {
        let user = self.user(&user.id).await?.filter(|user| !user.disabled);
        let user = user.ok_or(OAuthError::refused(ErrorCode::AccessDenied, "the account is disabled"))?;
        let secret = Secret::random(CODE_PREFIX, self.entropy())?;
        let settings = self.settings();
        let code = Code {
            digest: secret.digest(),
            client: asked.client.id.clone(),
            user: user.id.clone(),
            user_epoch: user.epoch,
            redirect_uri: asked.redirect_uri.clone(),
            is_uri_given: asked.is_uri_given,
            scopes: asked.scopes,
            challenge: asked.challenge.clone(),
            expires: now + settings.code_s * 1_000,
            ends: now + settings.grant_max_s * 1_000,
            grant: None,
        };
        let key = consent_key(&user.id, &asked.client.id);
        let before = self.all::<Consent>().get(&key).await?;
        let given = before.as_ref().map(|before| before.value.scopes).unwrap_or_default();
        let mut records = vec![ledger::new(&code)?];
        if !asked.scopes.is_within(given) {
            let consent = Consent {
                user: user.id.clone(),
                client: asked.client.id.clone(),
                scopes: given.or(asked.scopes),
                at: now,
            };
            let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
            records.push(RecordChange::put(&consent, expect)?);
        }
        let (entity, by) = (format!("consent/{key}"), format!("user:{}", user.id));
        let detail = json!({ "client": asked.client.id, "user": user.id, "scopes": asked.scopes });
        let fact = Fact { entity: &entity, kind: "consent given", detail };
        self.keep(Act { by: &by, at: now }, fact, records).await?;
        Ok(asked.back(&[("code", secret.reveal())]))
    }
}

/// Whether text can be an S256 challenge.
fn is_challenge(text: &str) -> bool {
    text.len() == CHALLENGE_CHARS
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
