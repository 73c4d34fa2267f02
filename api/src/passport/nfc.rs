//! What is written to a battery's NFC tag: one NDEF record with the address of its passport.
//!
//! ```text
//! message  D1 01 LL 55 04 wia.live/passport/…      one short record, well-known type "U", prefix 4 is https://
//! memory   03 len  message  FE                     TLV blocks of a Type 2 tag
//! ```
//!
//! Source: NFC Forum, NDEF 1.0, RTD URI 1.0, Type 2 Tag 1.2. From 256 bytes of payload on the record is not short.

use super::{address, found};
use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host::identity::Action;
use host::platform::ErrorKind;
use ndef_rs::payload::UriPayload;
use ndef_rs::{NdefMessage, NdefRecord, TNF};
use serde::Serialize;
use utoipa::ToSchema;

/// Tags and the bytes of user memory that each has.
const TAGS: [(&str, usize); 3] = [("NTAG213", 144), ("NTAG215", 504), ("NTAG216", 888)];

/// What a tag is to hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NfcData {
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    /// The tag's own number.
    #[schema(example = "NFC-2025-001234")]
    nfc_tag: String,
    /// Where the tag leads.
    url: String,
    /// The NDEF message.
    #[schema(example = "d1011455...")]
    ndef_hex: String,
    ndef_base64: String,
    /// What is written to the user memory of a Type 2 tag: the message in its TLV block, and the terminator.
    tag_memory_hex: String,
    /// Bytes of that memory.
    size_bytes: usize,
    /// The smallest usual tag that holds it; null where none does.
    #[schema(example = "NTAG213")]
    recommended_tag: Option<&'static str>,
}

/// The NDEF message of an address.
fn message(url: &str) -> Option<Vec<u8>> {
    let payload = UriPayload::from_string(url);
    let record = NdefRecord::builder().tnf(TNF::WellKnown).payload(&payload).build().ok()?;
    NdefMessage::from(record).to_buffer().ok()
}

/// The message in the memory of a Type 2 tag.
fn memory(message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x03];
    match u8::try_from(message.len()) {
        Ok(length) if length < 0xff => bytes.push(length),
        _ => {
            bytes.push(0xff);
            bytes.extend((message.len() as u16).to_be_bytes());
        }
    }
    bytes.extend_from_slice(message);
    bytes.push(0xfe);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    host::anchor::hex(bytes).trim_start_matches("0x").to_owned()
}

/// The bytes for a battery's NFC tag
#[utoipa::path(
    get,
    path = "/batteries/{batteryId}/nfc",
    tag = "Digital access",
    operation_id = "generateNFCData",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "One NDEF record with the passport's address.", body = NfcData),
        (status = 404, description = "There is no such battery.", body = super::envelope::ErrorBody),
    )
)]
pub(super) async fn nfc_data(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    At(battery): At<String>,
) -> Result<Json<NfcData>, Problem> {
    let passport = found(&app, &caller, Action::PassportRead, &battery).await?;
    let url = address::resolver(&address::base(&app, &headers), &passport);
    let message =
        message(&url).ok_or_else(|| Problem::new(ErrorKind::Broken, "the tag cannot be written"))?;
    let memory = memory(&message);
    Ok(Json(NfcData {
        battery_id: passport.battery_id,
        nfc_tag: passport.nfc_tag,
        ndef_hex: hex(&message),
        ndef_base64: STANDARD.encode(&message),
        size_bytes: memory.len(),
        recommended_tag: TAGS.iter().find(|(_, holds)| *holds >= memory.len()).map(|(name, _)| *name),
        tag_memory_hex: hex(&memory),
        url,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prefixes of the URI record type that are met here, by their code.
    const PREFIXES: [(u8, &str); 3] = [(3, "http://"), (4, "https://"), (0x13, "urn:")];

    /// The address in a message, read by the layout of the standard.
    fn address(message: &[u8]) -> String {
        let header = message[0];
        assert_eq!(header & 0x07, 1, "a well-known type");
        assert_eq!(header & 0xe0, 0xc0, "first and last record, not a chunk");
        assert_eq!(header & 0x08, 0, "no id");
        assert_eq!(message[1], 1, "a type of one byte");
        let (length, at) = if header & 0x10 == 0 {
            (u32::from_be_bytes(message[2..6].try_into().unwrap()) as usize, 6)
        } else {
            (usize::from(message[2]), 3)
        };
        assert_eq!(message[at], b'U');
        let payload = &message[at + 1..];
        assert_eq!(payload.len(), length);
        let prefix = PREFIXES.iter().find(|(code, _)| *code == payload[0]).unwrap().1;
        format!("{prefix}{}", std::str::from_utf8(&payload[1..]).unwrap())
    }

    #[test]
    fn messages_of_every_length_are_read_by_the_standards_layout() {
        for length in [1, 100, 200, 254, 255, 256, 300, 900] {
            for scheme in ["https://", "http://", "urn:"] {
                let url = format!("{scheme}id.example/{}", "x".repeat(length));
                let message = message(&url).unwrap();
                assert_eq!(address(&message), url);
                let memory = memory(&message);
                let inside = if memory[1] == 0xff {
                    assert_eq!(usize::from(u16::from_be_bytes([memory[2], memory[3]])), message.len());
                    &memory[4..]
                } else {
                    assert_eq!(usize::from(memory[1]), message.len());
                    &memory[2..]
                };
                assert_eq!(
                    (memory[0], &inside[..message.len()], inside[message.len()]),
                    (3, &message[..], 0xfe)
                );
            }
        }
    }

    #[test]
    fn the_bytes_of_the_documents_address() {
        // D1: first, last, short, well-known; type of 1 byte; 33 bytes; "U"; 04 https://
        let message = message("https://wia.live/passport/BP-2025-000001").unwrap();
        assert_eq!(hex(&message[..5]), "d101215504");
        assert_eq!(&message[5..], b"wia.live/passport/BP-2025-000001");
    }
}
