//! Personal numbers and papers at rest: sealed under a key that the first start makes.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random nonce of 24 bytes each time; what a number belongs to is
//! bound to it, so that none can be put in another's place. To find one without opening all, a keyed hash stands beside
//! it. The keys lie in the store, whose folder is its owner's alone, as the keys of tokens do.

use super::DealershipError;
use crate::identity::{Act, Entropy, Identity};
use crate::store::ledger::{self, Fact};
use crate::store::records::{Collection, Record};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use std::fmt;
use twin::time::Time;

/// Bytes of a nonce.
const NONCE: usize = 24;

/// Something that only the vault opens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct VaultKey {
    seal: String,
    blind: String,
    made: Time,
}

impl Record for VaultKey {
    const COLLECTION: &'static str = "dealership_keys";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        "personal".to_owned()
    }
}

/// Seals and opens.
pub(super) struct Vault {
    cipher: XChaCha20Poly1305,
    blind: Vec<u8>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// The vault of a store; its keys are made the first time.
    pub(super) async fn open(identity: &Identity, act: Act<'_>) -> Result<Self, DealershipError> {
        let kept = Collection::<VaultKey, _>::of(identity.store()).get("personal").await?;
        let keys = match kept {
            Some(kept) => kept.value,
            None => {
                let random = || {
                    let mut bytes = [0; 32];
                    let filled = identity.entropy().fill(&mut bytes);
                    filled
                        .map(|()| URL_SAFE_NO_PAD.encode(bytes))
                        .map_err(crate::identity::IdentityError::from)
                };
                let keys = VaultKey { seal: random()?, blind: random()?, made: act.at };
                let fact = Fact {
                    entity: "dealer/keys",
                    kind: "key made",
                    by: act.by,
                    at: act.at,
                    detail: Value::Null,
                };
                ledger::keep(identity.store(), fact, vec![ledger::new(&keys)?]).await?;
                keys
            }
        };
        let read = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| DealershipError::Seal);
        let cipher =
            XChaCha20Poly1305::new_from_slice(&read(&keys.seal)?).map_err(|_| DealershipError::Seal)?;
        Ok(Self { cipher, blind: read(&keys.blind)? })
    }

    /// Seals bytes for what they belong to.
    pub(super) fn seal(
        &self,
        bytes: &[u8],
        whose: &str,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, DealershipError> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce).map_err(crate::identity::IdentityError::from)?;
        let payload = Payload { msg: bytes, aad: whose.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| DealershipError::Seal)?;
        let mut all = nonce.to_vec();
        all.extend(sealed);
        Ok(Sealed(URL_SAFE_NO_PAD.encode(all)))
    }

    /// Opens what was sealed for the same.
    pub(super) fn open_sealed(&self, sealed: &Sealed, whose: &str) -> Result<Vec<u8>, DealershipError> {
        let all = URL_SAFE_NO_PAD.decode(&sealed.0).map_err(|_| DealershipError::Seal)?;
        let (nonce, bytes) = all.split_at_checked(NONCE).ok_or(DealershipError::Seal)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| DealershipError::Seal)?;
        let payload = Payload { msg: bytes, aad: whose.as_bytes() };
        self.cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| DealershipError::Seal)
    }

    /// The same for text.
    pub(super) fn open_text(&self, sealed: &Sealed, whose: &str) -> Result<String, DealershipError> {
        String::from_utf8(self.open_sealed(sealed, whose)?).map_err(|_| DealershipError::Seal)
    }

    /// What a text is found by: the same for the same text and sort, and nothing to whoever has not the key.
    pub(super) fn blind(&self, sort: &str, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.blind).expect("HMAC takes a key of any length");
        for part in [sort, text] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::OsEntropy;

    #[test]
    fn what_is_sealed_for_one_is_not_opened_for_another() {
        let cipher = XChaCha20Poly1305::new_from_slice(&[7; 32]).unwrap();
        let vault = Vault { cipher, blind: vec![9; 32] };
        let sealed = vault.seal(b"ABCPK1234F", "pan/7", &OsEntropy).unwrap();
        assert_eq!(vault.open_text(&sealed, "pan/7").unwrap(), "ABCPK1234F");
        assert!(vault.open_text(&sealed, "pan/8").is_err());
        assert!(!format!("{sealed:?} {}", sealed.0).contains("ABCPK"));
        let again = vault.seal(b"ABCPK1234F", "pan/7", &OsEntropy).unwrap();
        assert_ne!(again, sealed, "a nonce is used once");
        assert_eq!(vault.blind("pan", "x"), vault.blind("pan", "x"));
        assert_ne!(vault.blind("pan", "x"), vault.blind("aadhaar", "x"));
    }
}
