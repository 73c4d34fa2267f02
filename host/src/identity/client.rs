//! Programs that act through this platform: for themselves, or for a person that allowed it.

use super::ledger::{self, Fact};
use super::policy::Scopes;
use super::secret::{Digest, Secret};
use super::{Act, Identity, IdentityError, entropy};
use crate::store::records::{By, Cursor, Indexed, Record, Versioned, Within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use twin::time::Time;

/// What client secrets begin with.
const SECRET_PREFIX: &str = "cs_";
/// Longest redirect URI in bytes.
const URI_MAX_BYTES: usize = 2_000;

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its id.
    pub id: Arc<str>,
    /// Name for people.
    pub name: String,
    /// Where people are sent back to, each to the letter.
    pub redirect_uris: Vec<String>,
    /// What it may be given at most.
    pub scopes: Scopes,
    /// Organisation that it belongs to.
    pub organisation: Option<Arc<str>>,
    /// When it was added.
    pub created: Time,
    /// When it was revoked.
    pub revoked: Option<Time>,
    /// Its secret; a public client, which can keep none, has none.
    pub(super) secret: Option<Digest>,
    pub(super) epoch: u32,
}

impl Record for Client {
    const COLLECTION: &'static str = "identity_clients";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.as_ref().to_owned()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("name", self.name.as_str())
    }
}

impl Client {
    /// Whether it can keep no secret: an app, a page.
    pub fn is_public(&self) -> bool {
        self.secret.is_none()
    }
}

/// A program to be added.
#[derive(Debug, Clone, Default)]
pub struct NewClient {
    /// Its id; one is made where none is given.
    pub id: Option<String>,
    /// Name for people.
    pub name: String,
    /// Where people may be sent back to; none for a program that acts for itself alone.
    pub redirect_uris: Vec<String>,
    /// What it may be given at most.
    pub scopes: Scopes,
    /// Organisation that it belongs to.
    pub organisation: Option<Arc<str>>,
    /// Whether it can keep no secret.
    pub is_public: bool,
}

impl Identity {
    /// Adds a program. Its secret, where it has one, is given once and kept nowhere.
    ///
    /// # Errors
    /// When its id is taken or something about it cannot be.
    pub async fn add_client(
        &self,
        new: NewClient,
        act: Act<'_>,
    ) -> Result<(Client, Option<Secret>), IdentityError> {
        let unfit = |what: String| Err(IdentityError::Unfit(what));
        if new.name.trim().is_empty() || new.name.chars().any(char::is_control) {
            return unfit("a client needs a name".to_owned());
        }
        if new.scopes.is_empty() {
            return unfit("a client needs a scope".to_owned());
        }
        if new.is_public && new.redirect_uris.is_empty() {
            return unfit("a public client needs a redirect URI: it cannot act for itself".to_owned());
        }
        for uri in &new.redirect_uris {
            check_redirect_uri(uri)?;
        }
        let id = match new.id {
            Some(id) => id,
            None => format!("cl-{}", entropy::id(self.entropy())?),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.len() > 100 || !id.chars().all(is_plain) {
            return unfit("a client's id takes 1 to 100 letters, digits, '-', '_', '.'".to_owned());
        }
        let secret = if new.is_public { None } else { Some(Secret::random(SECRET_PREFIX, self.entropy())?) };
        let client = Client {
            id: id.as_str().into(),
            name: new.name,
            redirect_uris: new.redirect_uris,
            scopes: new.scopes,
            organisation: new.organisation,
            created: act.at,
            revoked: None,
            secret: secret.as_ref().map(Secret::digest),
            epoch: 0,
        };
        let detail = json!({
            "name": client.name, "scopes": client.scopes, "organisation": client.organisation,
            "redirect_uris": client.redirect_uris, "public": client.is_public(),
        });
        let entity = format!("client/{id}");
        let fact = Fact { entity: &entity, kind: "client added", detail };
        self.keep(act, fact, vec![ledger::new(&client)?]).await?;
        Ok((client, secret))
    }

    /// A program by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn client(&self, id: &str) -> Result<Option<Client>, IdentityError> {
        Ok(self.all::<Client>().get(id).await?.map(|found| found.value))
    }

    /// Programs in the order of their ids, and where to go on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn clients(
        &self,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Client>, Option<Cursor>), IdentityError> {
        let (found, next) = self.all::<Client>().page(By::Key, Within::All, limit, after).await?;
        Ok((found.into_iter().map(|one| one.value).collect(), next))
    }

    /// Revokes a program with everything that was issued to it, by whomever.
    ///
    /// # Errors
    /// When there is no such program.
    pub async fn revoke_client(&self, id: &str, act: Act<'_>) -> Result<(), IdentityError> {
        self.change_client(id, "client revoked", act, |client| client.revoked = Some(act.at)).await?;
        self.revoke_grants("client", id, act).await
    }

    /// Gives a program another secret; what was issued with the one before is void.
    ///
    /// # Errors
    /// When there is no such program, or it can keep no secret.
    pub async fn rotate_client_secret(&self, id: &str, act: Act<'_>) -> Result<Secret, IdentityError> {
        if self.known::<Client>("client", id).await?.value.is_public() {
            return Err(IdentityError::Unfit("a public client has no secret".to_owned()));
        }
        let secret = Secret::random(SECRET_PREFIX, self.entropy())?;
        let digest = secret.digest();
        self.change_client(id, "client secret changed", act, |client| client.secret = Some(digest)).await?;
        Ok(secret)
    }

    async fn change_client(
        &self,
        id: &str,
        kind: &str,
        act: Act<'_>,
        change: impl FnOnce(&mut Client),
    ) -> Result<(), IdentityError> {
        let Versioned { value: mut client, version } = self.known::<Client>("client", id).await?;
        change(&mut client);
        client.epoch += 1;
        let entity = format!("client/{id}");
        let fact = Fact { entity: &entity, kind, detail: json!({}) };
        self.keep(act, fact, vec![ledger::changed(&client, version)?]).await?;
        self.forget_callers();
        Ok(())
    }
}

/// Whether people may be sent back to an address: `https` anywhere, `http` on this machine (RFC 8252, section 7.3), or a
/// scheme of the program's own with a dot in it (section 7.1). No fragment, no user, nothing that reads differently elsewhere.
fn check_redirect_uri(uri: &str) -> Result<(), IdentityError> {
    let is_plain = uri.len() <= URI_MAX_BYTES
        && uri
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>'));
    let is_good = is_plain
        && uri.split_once(':').is_some_and(|(scheme, rest)| {
            let authority =
                rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
            let host = authority.filter(|authority| !authority.contains('@')).map(host_of);
            match scheme {
                "https" => host.is_some_and(|host| !host.is_empty()),
                "http" => matches!(host, Some("127.0.0.1" | "[::1]" | "localhost")),
                own => {
                    own.contains('.')
                        && own.bytes().all(|byte| {
                            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-+".contains(&byte)
                        })
                        && rest.starts_with('/')
                }
            }
        });
    if is_good { Ok(()) } else { Err(IdentityError::Unfit(format!("{uri:?} is no redirect URI"))) }
}

/// The host of an authority, without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_back_to_safe_places_only() {
        for good in [
            "https://app.example/callback",
            "https://app.example:8443/cb?tenant=1",
            "http://127.0.0.1:3000/cb",
            "http://[::1]/cb",
            "http://localhost:1/",
            "com.example.app:/oauth",
        ] {
            assert!(check_redirect_uri(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "callback",
            "/callback",
            "https://",
            "https:///x",
            "https://app.example/#x",
            "https://good@evil.example/",
            "https://app.example\\@evil.example/",
            "https://app.example/\r\nSet-Cookie: x",
            "http://app.example/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://localhost:80@evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "app:/x",
        ] {
            assert!(check_redirect_uri(bad).is_err(), "{bad}");
        }
    }
}
