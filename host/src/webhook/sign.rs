//! What is sent, and its signatures.
//!
//! ```text
//! unsigned   {"event":…,"timestamp":…,"data":…}
//! body       {"event":…,"timestamp":…,"data":…,"signature":"sha256=HMAC(secret, unsigned)"}
//! X-Signature: sha256=HMAC(secret, body)
//! ```
//!
//! Who checks the header checks the bytes that came and needs to understand nothing. The signature inside is over the
//! body as it would be without it. After a change of secret the header's signature is by the new one, and one by the old
//! one stands beside it for a while.

use super::endpoint::Endpoint;
use super::queue::DeliveryRecord;
use super::{Outcome, Parcel};
use crate::platform::sight::rfc3339;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::fmt::Write;
use twin::time::Time;

/// HMAC-SHA-256 of a text as `sha256=` and hexadecimal digits.
pub fn signature(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A body without its signature.
pub(super) fn unsigned(event: &str, at: Time, data: &Value) -> String {
    let second = Time(at.0.div_euclid(1_000) * 1_000);
    format!("{{\"event\":{},\"timestamp\":\"{}\",\"data\":{data}}}", Value::from(event), rfc3339(second))
}

/// A delivery as it goes out now.
pub(super) fn parcel(endpoint: &Endpoint, delivery: &DeliveryRecord, now: Time) -> Parcel {
    let secret = endpoint.secret();
    let inner = signature(secret, &delivery.unsigned);
    let open = delivery.unsigned.strip_suffix('}').unwrap_or(&delivery.unsigned);
    let body = format!("{open},\"signature\":\"{inner}\"}}");
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-signature", signature(secret, &body)),
        ("x-webhook-id", delivery.id()),
        ("x-webhook-event", delivery.event.clone()),
        ("x-webhook-attempt", (delivery.attempts + 1).to_string()),
    ];
    if let Some(old) = endpoint.old_secret(now) {
        headers.push(("x-signature-previous", signature(old, &body)));
    }
    Parcel { url: endpoint.url.clone(), headers, body }
}

/// Why a try failed, as it is kept: short, and without what breaks lines.
pub(super) fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Taken => None,
        Outcome::Failed(why) => Some(why.chars().filter(|c| !c.is_control()).take(300).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_signature_is_hmac_sha_256_in_hexadecimal() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_body_has_its_members_in_order() {
        let text = unsigned("thing.changed", Time(1_736_937_000_500), &json!({"id": "T-1"}));
        assert_eq!(
            text,
            r#"{"event":"thing.changed","timestamp":"2025-01-15T10:30:00Z","data":{"id":"T-1"}}"#
        );
    }
}
