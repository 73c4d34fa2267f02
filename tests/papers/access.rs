//! Codes and tags, read back by others than who wrote them.

use crate::ground::{BASE, Ground};
use crate::process::run;
use base64::Engine as _;
use reqwest::Method;
use serde_json::Value;

/// What a reader of codes finds in a PNG.
fn scanned(png: &[u8]) -> (usize, String) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let side = reader.next_frame(&mut pixels).unwrap().width as usize;
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| pixels[y * side + x]);
    let grids = picture.detect_grids();
    (side, grids[0].decode().unwrap().1)
}

/// The address in an NDEF message of one URI record, by the layout that the NFC Forum gives it.
fn tapped(message: &[u8]) -> String {
    // First and last, short, well-known; a type of one byte; the payload's length; "U"; the prefix.
    let [0xd1, 0x01, length, b'U', prefix, rest @ ..] = message else { panic!("{message:02x?}") };
    assert_eq!(usize::from(*length), rest.len() + 1);
    let prefix = match prefix {
        0 => "",
        3 => "http://",
        4 => "https://",
        other => panic!("prefix {other}"),
    };
    format!("{prefix}{}", std::str::from_utf8(rest).unwrap())
}

#[test]
fn the_code_leads_to_the_passport() {
    run(async {
        let ground = Ground::with("[http]\npublic_url = \"https://wia.live\"\n").await;
        let code = ground.get("qr-code").await;
        let link = "https://wia.live/01/04006381333931/21/SN-2025-001234";
        assert_eq!((code["url"].as_str(), code["gs1DigitalLink"].as_str()), (Some(link), Some(link)));
        assert_eq!(
            (code["batteryId"].as_str(), code["errorCorrection"].as_str()),
            (Some(&*ground.battery), Some("M"))
        );
        let png =
            base64::engine::general_purpose::STANDARD.decode(code["pngBase64"].as_str().unwrap()).unwrap();
        assert_eq!(scanned(&png), (512, link.to_owned()));
        assert!(code["svg"].as_str().unwrap().starts_with("<svg width=\"512\""));
        for (level, size) in [("L", 64), ("M", 100), ("Q", 333), ("H", 2_048)] {
            let file =
                ground.file(&ground.path(&format!("qr-code?format=png&size={size}&ecc={level}"))).await;
            assert_eq!((file.kind.as_str(), scanned(&file.bytes)), ("image/png", (size, link.to_owned())));
        }
        let svg = ground.file(&ground.path("qr-code?format=svg&size=300")).await;
        assert_eq!(svg.kind, "image/svg+xml");
        assert!(svg.text().contains("width=\"300\""));
        // Where the code leads, nobody needs a token, and what is for others is not there.
        let mut serve = ground.serve;
        serve.password(None);
        let (status, public) = serve.send(Method::GET, "/01/04006381333931/21/SN-2025-001234", None).await;
        assert_eq!(status, 200, "{public}");
        let request = serve.request(Method::GET, &format!("{BASE}/passports/{}", ground.passport));
        let view = request.header("accept", "application/json").send().await.unwrap().text().await.unwrap();
        assert!(view.contains("GreenCell Technologies") && !view.contains("secret-tests"), "{view}");
        assert!(!view.contains("VIN123456789ABCDEF") && !view.contains("USER-2025-001"), "{view}");
        let (status, _) =
            serve.send(Method::GET, &format!("{BASE}/batteries/{}/qr-code", ground.battery), None).await;
        assert_eq!(status, 401);
    });
}

#[test]
fn codes_that_cannot_be_are_refused() {
    run(async {
        let ground = Ground::with("").await;
        for wrong in ["size=63", "size=2049", "size=big", "ecc=X"] {
            assert_eq!(ground.refusal(&format!("qr-code?{wrong}")).await.0, 400, "{wrong}");
        }
        assert_eq!(ground.refusal("qr-code?format=gif").await, (400, "UNSUPPORTED_FORMAT".to_owned()));
        let path = format!("{BASE}/batteries/BAT-2025-LI-999999");
        for what in ["qr-code", "nfc", "export", "audit-trail", "carbon/report", "compliance/eu-report"] {
            let (status, body) = ground.serve.send(Method::GET, &format!("{path}/{what}"), None).await;
            assert_eq!(
                (status.as_u16(), body["error"]["code"].as_str()),
                (404, Some("BATTERY_NOT_FOUND")),
                "{what}"
            );
        }
    });
}

#[test]
fn the_tag_leads_where_the_code_does() {
    run(async {
        let ground = Ground::with("[http]\npublic_url = \"https://wia.live\"\n").await;
        let tag = ground.get("nfc").await;
        let hex = |name: &str| -> Vec<u8> {
            let text = tag[name].as_str().unwrap();
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let message = hex("ndefHex");
        assert_eq!(tapped(&message), "https://wia.live/01/04006381333931/21/SN-2025-001234");
        let encoded = base64::engine::general_purpose::STANDARD.encode(&message);
        assert_eq!(tag["ndefBase64"], Value::from(encoded));
        // A message block, and the terminator.
        let memory = hex("tagMemoryHex");
        assert_eq!((memory[0], usize::from(memory[1]), memory.last()), (3, message.len(), Some(&0xfe)));
        assert_eq!(memory[2..memory.len() - 1], message);
        assert_eq!(
            (tag["sizeBytes"].as_u64(), tag["recommendedTag"].as_str()),
            (Some(memory.len() as u64), Some("NTAG213"))
        );
    });
}
