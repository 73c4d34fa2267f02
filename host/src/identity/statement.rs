//! Statements of the platform, signed with the key that also signs tokens, as compact JWS (RFC 7515).
//!
//! The type in the header is never a token's, and a token's reader refuses any other type than its own, so no statement
//! can be shown as a token. Who checks one needs the public key of its `kid`, from the published key set.

use super::keys::Jwk;
use super::secret::base64url;
use super::{Identity, IdentityError};
use ed25519_dalek::Signer;
use serde::Serialize;
use serde_json::json;

/// What the type of a statement ends in; those of tokens end in `+jwt`.
const SUFFIX: &str = "+jws";

/// A signed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Header, payload and signature.
    pub jws: String,
    /// The key that it was signed with, as the key set has it now.
    pub key: Jwk,
}

impl Identity {
    /// Signs a statement of a kind with the present key.
    ///
    /// # Errors
    /// When it has no JSON.
    pub fn signed_statement<T: Serialize>(
        &self,
        kind: &str,
        payload: &T,
    ) -> Result<Statement, IdentityError> {
        let unfit =
            |error: serde_json::Error| IdentityError::Unfit(format!("a statement has no JSON: {error}"));
        let ring = self.ring();
        let header = json!({ "alg": "EdDSA", "typ": format!("{kind}{SUFFIX}"), "kid": ring.current.kid });
        let mut jws = base64url(&serde_json::to_vec(&header).map_err(unfit)?);
        jws.push('.');
        jws.push_str(&base64url(&serde_json::to_vec(payload).map_err(unfit)?));
        let signature = ring.current.key.sign(jws.as_bytes());
        jws.push('.');
        jws.push_str(&base64url(&signature.to_bytes()));
        let key = Jwk::of(&ring.current.kid, &ring.current.key.verifying_key());
        Ok(Statement { jws, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::secret::from_base64url;
    use crate::identity::{OsEntropy, Presented, Settings};
    use crate::store::LocalStore;
    use ed25519_dalek::{Signature, VerifyingKey};
    use serde_json::Value;
    use std::sync::Arc;
    use twin::time::Time;

    const NOW: Time = Time(1_788_000_000_000);

    #[test]
    fn a_statement_is_checked_with_the_published_key_and_is_no_token() {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let store = Arc::new(LocalStore::in_memory().unwrap());
            let identity =
                Identity::open(store, Settings::default(), Arc::new(OsEntropy), NOW).await.unwrap();
            let statement = identity.signed_statement("test", &json!({ "root": "00" })).unwrap();
            let parts: Vec<&str> = statement.jws.split('.').collect();
            let [header, payload, signature] = parts.as_slice() else { panic!("{statement:?}") };
            let json =
                |part: &str| -> Value { serde_json::from_slice(&from_base64url(part).unwrap()).unwrap() };
            assert_eq!(
                (json(header)["typ"].as_str(), json(payload)["root"].as_str()),
                (Some("test+jws"), Some("00"))
            );
            let published = identity.jwks(NOW).keys;
            let key = published.iter().find(|key| json(header)["kid"] == key.kid.as_str()).unwrap();
            assert_eq!(*key, statement.key);
            let point: [u8; 32] = from_base64url(&key.x).unwrap().try_into().unwrap();
            let signed = Signature::from_slice(&from_base64url(signature).unwrap()).unwrap();
            let text = format!("{header}.{payload}");
            let key = VerifyingKey::from_bytes(&point).unwrap();
            assert!(key.verify_strict(text.as_bytes(), &signed).is_ok());
            assert!(key.verify_strict(format!("{text}x").as_bytes(), &signed).is_err());
            let shown = format!("Bearer {}", statement.jws);
            let presented = Presented::from_headers(Some(&shown), None).unwrap();
            assert!(identity.authenticate(presented, NOW).await.is_err());
        });
    }
}
