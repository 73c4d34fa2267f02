//! Taking tokens back (RFC 7009).

use super::{ClientSecret, OAuthError};
use crate::identity::client::Client;
use crate::identity::jwt::{self, Claims};
use crate::identity::ledger::{self, Fact};
use crate::identity::policy::Subject;
use crate::identity::{Act, Identity, IdentityError};
use crate::store::records::{Indexed, Record};
use serde::{Deserialize, Serialize};
use serde_json::json;
use twin::time::Time;

/// A token of a program itself that was taken back before its time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::identity) struct Withdrawn {
    id: String,
    /// When it would have ended anyway.
    ends: Time,
}

impl Record for Withdrawn {
    const COLLECTION: &'static str = "identity_withdrawn";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.clone()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("ends", ledger::sortable(self.ends))
    }
}

impl Identity {
    /// Takes a token back that was given to this program: a refresh token, or an access token of a grant, with all that
    /// the grant gave out; an access token of the program itself alone. A token that is unknown, over or another's is
    /// answered with success too.
    ///
    /// # Errors
    /// When the program is not known, or nothing can be kept.
    pub async fn revoke(
        &self,
        token: &str,
        client: &ClientSecret,
        source: &str,
        now: Time,
    ) -> Result<(), OAuthError> {
        let client = self.good_oauth_client(client, source, now).await?;
        let by = format!("client:{}", client.id);
        let act = Act { by: &by, at: now };
        if self.revoke_refresh(Some(client.id.as_ref()), token, act).await? || !jwt::looks_like_one(token) {
            return Ok(());
        }
        match self.claims_of(token, now).await? {
            Some(claims) if claims.client_id.as_deref() == Some(client.id.as_ref()) => {
                Ok(self.withdraw(&client, claims, act).await?)
            }
            _ => Ok(()),
        }
    }

    async fn withdraw(&self, client: &Client, claims: Claims, act: Act<'_>) -> Result<(), IdentityError> {
        if let Some(grant) = &claims.grant {
            return self.revoke_grant(grant, "revoked", act).await;
        }
        if claims.sub != Subject::Client(client.id.clone()).to_string() {
            return Ok(());
        }
        let ends = Time((claims.exp + self.settings().leeway_s + 1) * 1_000);
        let entity = format!("client/{}", client.id);
        let fact = Fact { entity: &entity, kind: "token withdrawn", detail: json!({ "token": claims.jti }) };
        let kept = self.keep(act, fact, vec![ledger::new(&Withdrawn { id: claims.jti, ends })?]).await;
        self.forget_callers();
        match kept {
            Err(IdentityError::Taken { .. }) => Ok(()),
            kept => kept,
        }
    }
}
