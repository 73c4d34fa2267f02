//! Signed tokens: JWS in compact form (RFC 7515) with Ed25519 (RFC 8037), and nothing else.
//!
//! The algorithm is not read from the token and looked up; a token that does not say `EdDSA` is refused before its
//! signature is looked at, and keys of any other kind do not exist here. So there is no `none`, and nothing to confuse.
//! Header and claims may hold the members below and no other: `jwk`, `jku`, `x5u` or `crit` in a header refuse it.

use super::keys::Ring;
use super::secret::{base64url, from_base64url};
use ed25519_dalek::{Signature, Signer};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;
use twin::time::Time;

/// Longest token in bytes.
pub const TOKEN_MAX_BYTES: usize = 4_096;
/// The only algorithm.
const ALGORITHM: &str = "EdDSA";

/// What a token is for. One kind is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TokenKind {
    /// Access of a person or program (RFC 9068).
    #[serde(rename = "at+jwt")]
    Access,
    /// A device's.
    #[serde(rename = "dt+jwt")]
    Device,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: TokenKind,
    kid: String,
}

/// What a token says. Instants are whole seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    /// Who made it.
    pub(super) iss: String,
    /// For whom it is.
    pub(super) aud: String,
    /// Whom it speaks of.
    pub(super) sub: String,
    /// When it ends.
    pub(super) exp: i64,
    /// Before when it is not good.
    pub(super) nbf: i64,
    /// When it was made.
    pub(super) iat: i64,
    /// Its own id.
    pub(super) jti: String,
    /// The subject's epoch: with the next one, everything issued before is void.
    pub(super) epoch: u32,
    /// Scopes, by spaces; where there are none, the subject's roles alone decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
    /// The subject's organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) org: Option<String>,
    /// The client that it was issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    /// The grant that it belongs to; revoked with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grant: Option<String>,
}

/// What a token must say to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// What it is for.
    pub(super) kind: TokenKind,
    /// Who made it.
    pub(super) issuer: &'a str,
    /// For whom it is.
    pub(super) audience: &'a str,
    /// Now.
    pub(super) now: Time,
    /// Seconds that clocks may differ.
    pub(super) leeway_s: i64,
}

/// Why a token is not taken. For logs and tests: a stranger hears of none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum BadToken {
    /// Not three parts, or not of what they must hold.
    #[error("malformed")]
    Malformed,
    /// Another algorithm than EdDSA.
    #[error("another algorithm than EdDSA")]
    Algorithm,
    /// Signed with a key that is not known, or no longer.
    #[error("unknown key")]
    UnknownKey,
    /// The signature is not of this key over these bytes.
    #[error("wrong signature")]
    Signature,
    /// For something else.
    #[error("of another kind, issuer or audience")]
    Elsewhere,
    /// Over.
    #[error("expired")]
    Expired,
    /// Not good yet, or made in the future.
    #[error("not valid yet")]
    Early,
    /// Its subject, client or grant is gone, disabled, or has moved on since.
    #[error("revoked")]
    Revoked,
}

/// Signs claims with the present key.
pub(super) fn sign(ring: &Ring, kind: TokenKind, claims: &Claims) -> Result<String, serde_json::Error> {
    let header = Header { alg: ALGORITHM.to_owned(), typ: kind, kid: ring.current.kid.clone() };
    let mut token = base64url(&serde_json::to_vec(&header)?);
    token.push('.');
    token.push_str(&base64url(&serde_json::to_vec(claims)?));
    let signature = ring.current.key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&base64url(&signature.to_bytes()));
    Ok(token)
}

/// Whether text looks like a token of this kind of making: three parts with dots between.
pub(super) fn looks_like_one(text: &str) -> bool {
    text.split('.').count() == 3
}

/// Reads a token and checks everything that can be checked without records.
pub(super) fn verify(ring: &Ring, token: &str, expected: &Expected<'_>) -> Result<Claims, BadToken> {
    if token.len() > TOKEN_MAX_BYTES {
        return Err(BadToken::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(BadToken::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(BadToken::Malformed)?;
    let header = from_base64url(header).ok_or(BadToken::Malformed)?;
    if algorithm(&header) != Some(ALGORITHM.to_owned()) {
        return Err(BadToken::Algorithm);
    }
    let header: Header = serde_json::from_slice(&header).map_err(|_| BadToken::Malformed)?;
    let key = ring.key(&header.kid, expected.now).ok_or(BadToken::UnknownKey)?;
    let signature = from_base64url(signature).ok_or(BadToken::Malformed)?;
    let signature = Signature::from_slice(&signature).map_err(|_| BadToken::Malformed)?;
    key.verify_strict(signed.as_bytes(), &signature).map_err(|_| BadToken::Signature)?;
    let claims = from_base64url(claims).ok_or(BadToken::Malformed)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| BadToken::Malformed)?;
    if header.typ != expected.kind || claims.iss != expected.issuer || claims.aud != expected.audience {
        return Err(BadToken::Elsewhere);
    }
    let now_s = expected.now.0.div_euclid(1_000);
    if now_s >= claims.exp.saturating_add(expected.leeway_s) {
        return Err(BadToken::Expired);
    }
    let soon_s = now_s.saturating_add(expected.leeway_s);
    if claims.nbf > soon_s || claims.iat > soon_s {
        return Err(BadToken::Early);
    }
    Ok(claims)
}

/// The algorithm that a header names, whatever else is in it.
fn algorithm(header: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Alone {
        alg: String,
    }
    serde_json::from_slice::<Alone>(header).ok().map(|header| header.alg)
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Access => "access token",
            Self::Device => "device token",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::keys::KeyRecord;
    use proptest::prelude::*;

    const NOW: Time = Time(1_788_000_000_000);
    const NOW_S: i64 = 1_788_000_000;

    fn ring() -> Ring {
        let records = [KeyRecord::of([7; 32], NOW), KeyRecord::of([8; 32], NOW)];
        Ring::of(&records).unwrap()
    }

    fn claims() -> Claims {
        Claims {
            iss: "celltide".into(),
            aud: "celltide".into(),
            sub: "user:u1".into(),
            exp: NOW_S + 600,
            nbf: NOW_S,
            iat: NOW_S,
            jti: "j1".into(),
            epoch: 0,
            scope: Some("battery:read".into()),
            org: None,
            client_id: None,
            grant: None,
        }
    }

    fn expected(now: Time) -> Expected<'static> {
        Expected { kind: TokenKind::Access, issuer: "celltide", audience: "celltide", now, leeway_s: 5 }
    }

    fn check(token: &str) -> Result<Claims, BadToken> {
        verify(&ring(), token, &expected(NOW))
    }

    /// A token with any header and claims, signed with a good key all the same.
    fn signed(header: &str, claims: &str) -> String {
        let text = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let signature = ring().current.key.sign(text.as_bytes());
        format!("{text}.{}", base64url(&signature.to_bytes()))
    }

    fn header(more: &str) -> String {
        format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{}"{more}}}"#, ring().current.kid)
    }

    #[test]
    fn what_was_signed_is_read() {
        let token = sign(&ring(), TokenKind::Access, &claims()).unwrap();
        assert_eq!(check(&token), Ok(claims()));
        let json = serde_json::to_string(&claims()).unwrap();
        assert_eq!(check(&signed(&header(""), &json)), Ok(claims()));
    }

    #[test]
    fn other_algorithms_are_refused_whatever_the_signature() {
        let json = serde_json::to_string(&claims()).unwrap();
        for alg in ["none", "None", "NONE", "", "HS256", "RS256", "ES256", "eddsa", "EdDSA ", "Ed25519"] {
            let header = header("").replace("EdDSA", alg);
            assert_eq!(check(&signed(&header, &json)), Err(BadToken::Algorithm), "{alg}");
            let bare = format!("{}.{}.", base64url(header.as_bytes()), base64url(json.as_bytes()));
            assert_eq!(check(&bare), Err(BadToken::Algorithm), "{alg}");
        }
        // The public key as the secret of a MAC.
        let header = header("").replace("EdDSA", "HS256");
        let text = format!("{}.{}", base64url(header.as_bytes()), base64url(json.as_bytes()));
        let mac = {
            use hmac::{Hmac, KeyInit, Mac};
            let key = ring().current.key.verifying_key().to_bytes();
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
            mac.update(text.as_bytes());
            mac.finalize().into_bytes()
        };
        assert_eq!(check(&format!("{text}.{}", base64url(&mac))), Err(BadToken::Algorithm));
    }

    #[test]
    fn headers_and_claims_hold_what_they_may_and_no_more() {
        let json = serde_json::to_string(&claims()).unwrap();
        let strange = [
            r#","jwk":{"kty":"OKP"}"#,
            r#","jku":"https://x""#,
            r#","crit":["exp"]"#,
            r#","x5u":"https://x""#,
            r#","cty":"JWT""#,
            r#","alg":"EdDSA""#,
        ];
        for more in strange {
            let refused = check(&signed(&header(more), &json));
            assert!(matches!(refused, Err(BadToken::Malformed | BadToken::Algorithm)), "{more}: {refused:?}");
        }
        for gone in ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "epoch"] {
            let mut value = serde_json::to_value(claims()).unwrap();
            value.as_object_mut().unwrap().remove(gone);
            assert_eq!(check(&signed(&header(""), &value.to_string())), Err(BadToken::Malformed), "{gone}");
        }
        let twice = json.replace(r#""jti""#, r#""sub":"user:root","jti""#);
        assert_eq!(check(&signed(&header(""), &twice)), Err(BadToken::Malformed));
        let text = json.replace(&format!("{}", NOW_S + 600), r#""9999999999""#);
        assert_eq!(check(&signed(&header(""), &text)), Err(BadToken::Malformed));
        for token in ["", ".", "..", "...", "a.b", "a.b.c.d", &"a.".repeat(3_000)] {
            assert!(check(token).is_err(), "{token:.20}");
        }
    }

    #[test]
    fn a_token_is_good_in_its_time_for_its_place_and_with_a_known_key() {
        let token = sign(&ring(), TokenKind::Access, &claims()).unwrap();
        let at = |seconds: i64| verify(&ring(), &token, &expected(NOW + seconds * 1_000)).err();
        assert_eq!(at(-6), Some(BadToken::Early));
        assert_eq!((at(-5), at(0), at(604)), (None, None, None));
        assert_eq!(at(605), Some(BadToken::Expired));
        for other in [
            Expected { kind: TokenKind::Device, ..expected(NOW) },
            Expected { issuer: "celltide2", ..expected(NOW) },
            Expected { audience: "", ..expected(NOW) },
        ] {
            assert_eq!(verify(&ring(), &token, &other), Err(BadToken::Elsewhere));
        }
        let stranger = Ring::of(&[KeyRecord::of([9; 32], NOW)]).unwrap();
        let forged = sign(&stranger, TokenKind::Access, &claims()).unwrap();
        assert_eq!(check(&forged), Err(BadToken::UnknownKey));
        // Its own key under a known name.
        let json = serde_json::to_string(&claims()).unwrap();
        let text = format!("{}.{}", base64url(header("").as_bytes()), base64url(json.as_bytes()));
        let signature = stranger.current.key.sign(text.as_bytes());
        assert_eq!(check(&format!("{text}.{}", base64url(&signature.to_bytes()))), Err(BadToken::Signature));
    }

    #[test]
    fn a_retired_key_is_good_until_its_last_token_ends() {
        let mut old = KeyRecord::of([7; 32], NOW);
        old.until = Some(NOW + 300_000);
        let token = sign(&Ring::of(&[KeyRecord::of([7; 32], NOW)]).unwrap(), TokenKind::Access, &claims());
        let token = token.unwrap();
        let ring = Ring::of(&[old, KeyRecord::of([8; 32], NOW + 1)]).unwrap();
        assert!(verify(&ring, &token, &expected(NOW + 299_999)).is_ok());
        assert_eq!(verify(&ring, &token, &expected(NOW + 300_000)), Err(BadToken::UnknownKey));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn no_changed_token_is_taken(at in any::<prop::sample::Index>(), to in 0x20u8..0x7f, cut in any::<bool>()) {
            let token = sign(&ring(), TokenKind::Access, &claims()).unwrap();
            let mut bytes = token.clone().into_bytes();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at); } else { bytes[at] = to; }
            let changed = String::from_utf8(bytes).unwrap();
            prop_assume!(changed != token);
            prop_assert!(check(&changed).is_err());
        }

        #[test]
        fn no_text_is_taken(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,60}", 3)) {
            prop_assert!(check(&text).is_err());
            prop_assert!(check(&parts.join(".")).is_err());
        }
    }
}
