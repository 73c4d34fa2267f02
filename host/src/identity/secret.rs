//! Secrets of high entropy, and what is kept of them.
//!
//! A secret has 256 random bits, so one SHA-256 without salt is enough: there is nothing to try out. A password or a
//! code of six digits has not; see [`super::password`] and [`super::account`].

use super::entropy::{self, Entropy, NoEntropy};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Text that must not be seen by chance: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Text to be kept from view.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// 256 random bits after a prefix that says what it is.
    pub(super) fn random(prefix: &str, source: &dyn Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(format!("{prefix}{}", base64url(&entropy::bytes::<32>(source)?))))
    }

    /// The text, to be given to whom it belongs.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is kept of a secret: its SHA-256, as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Of a secret's text.
    pub fn of(secret: &str) -> Self {
        Self(base64url(&Sha256::digest(secret.as_bytes())))
    }

    /// Whether it is that of a secret; takes as long whatever the answer.
    pub fn is_of(&self, secret: &str) -> bool {
        is_equal(self.0.as_bytes(), Self::of(secret).0.as_bytes())
    }

    /// The text, to find a record by.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Whether two texts are equal; takes as long wherever they differ.
pub(super) fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// Base64 with the alphabet of URLs and without padding (RFC 4648, section 5).
pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`base64url`] writes and nothing else: no padding, no stray bits at the end.
pub(super) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_its_digest_is_sha_256() {
        let secret = Secret::new("abc");
        assert_eq!(format!("{secret:?} {:?}", secret.digest()), "Secret(…) Digest(…)");
        // FIPS 180-2, appendix B.1, in base64.
        assert_eq!(secret.digest().as_str(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
        assert!(secret.digest().is_of("abc") && !secret.digest().is_of("abd"));
    }

    #[test]
    fn base64_is_read_in_one_spelling_only() {
        assert_eq!(from_base64url("_-8"), Some(vec![0xff, 0xef]));
        for other in ["_-8=", "/+8", "_-9", "_-8\n", "_"] {
            assert_eq!(from_base64url(other), None, "{other:?}");
        }
    }
}
