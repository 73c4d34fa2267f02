//! Personal numbers, papers and secrets at rest: sealed under a key that the first start makes.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random nonce of 24 bytes each time; what a number belongs to is
//! bound to it, so that none can be put in another's place. To find one without opening all, a keyed hash stands beside
//! it. The keys lie in the store, whose folder is its owner's alone, as the keys of tokens do: sealing keeps numbers out
//! of dumps, exports and what is read over a shoulder, not from whoever holds the whole folder.

use super::entropy::{self, Entropy};
use super::{Act, IdentityError};
use crate::store::ledger::{self, Fact};
use crate::store::records::{Collection, Record};
use crate::store::{Store, StoreError};
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

/// What the keys are kept under.
const NAME: &str = "personal";
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
    /// The dealership had it first, and what it sealed stays readable.
    const COLLECTION: &'static str = "dealership_keys";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        NAME.to_owned()
    }
}

/// Seals and opens.
pub(crate) struct Vault {
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
    ///
    /// # Errors
    /// When the store cannot be read or written, there is no randomness, or the kept keys are none.
    pub(crate) async fn open(
        store: &dyn Store,
        source: &dyn Entropy,
        act: Act<'_>,
    ) -> Result<Self, IdentityError> {
        let kept = Collection::<VaultKey, _>::of(store);
        if let Some(found) = kept.get(NAME).await? {
            return Self::of(&found.value);
        }
        let random = || Ok::<_, IdentityError>(URL_SAFE_NO_PAD.encode(entropy::bytes::<32>(source)?));
        let keys = VaultKey { seal: random()?, blind: random()?, made: act.at };
        let fact =
            Fact { entity: "vault/keys", kind: "key made", by: act.by, at: act.at, detail: Value::Null };
        match ledger::keep(store, fact, vec![ledger::new(&keys)?]).await {
            Ok(_) => Self::of(&keys),
            // Somebody was quicker; what counts is what is kept.
            Err(StoreError::RecordChanged { .. }) => {
                let found = kept.get(NAME).await?.ok_or(IdentityError::Seal)?;
                Self::of(&found.value)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn of(keys: &VaultKey) -> Result<Self, IdentityError> {
        let read = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| IdentityError::Seal);
        let cipher =
            XChaCha20Poly1305::new_from_slice(&read(&keys.seal)?).map_err(|_| IdentityError::Seal)?;
        Ok(Self { cipher, blind: read(&keys.blind)? })
    }

    /// Seals bytes for what they belong to.
    pub(crate) fn seal(
        &self,
        bytes: &[u8],
        whose: &str,
        source: &dyn Entropy,
    ) -> Result<Sealed, IdentityError> {
        let nonce = entropy::bytes::<NONCE>(source)?;
        let payload = Payload { msg: bytes, aad: whose.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| IdentityError::Seal)?;
        let mut all = nonce.to_vec();
        all.extend(sealed);
        Ok(Sealed(URL_SAFE_NO_PAD.encode(all)))
    }

    /// Opens what was sealed for the same.
    pub(crate) fn open_sealed(&self, sealed: &Sealed, whose: &str) -> Result<Vec<u8>, IdentityError> {
        let all = URL_SAFE_NO_PAD.decode(&sealed.0).map_err(|_| IdentityError::Seal)?;
        let (nonce, bytes) = all.split_at_checked(NONCE).ok_or(IdentityError::Seal)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| IdentityError::Seal)?;
        let payload = Payload { msg: bytes, aad: whose.as_bytes() };
        self.cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| IdentityError::Seal)
    }

    /// The same for text.
    pub(crate) fn open_text(&self, sealed: &Sealed, whose: &str) -> Result<String, IdentityError> {
        String::from_utf8(self.open_sealed(sealed, whose)?).map_err(|_| IdentityError::Seal)
    }

    /// What a text is found by: the same for the same text and sort, and nothing to whoever has not the key.
    pub(crate) fn blind(&self, sort: &str, text: &str) -> String {
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
