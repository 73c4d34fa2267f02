//! What lies around every operation: who may, what cannot be read, how often; and that nothing personal is in any log.

use crate::coverage::operations;
use crate::desk::Desk;
use crate::folder::files;
use crate::lender::signed_bytes;
use crate::people::{AADHAAR, PAN, PHONES, World};
use crate::process::LOG;
use serde_json::json;

/// A server that hardly lets anybody in.
pub(crate) const NARROW: &str =
    "[limits]\ndealer_per_minute = 1\ndealer_logins_per_minute = 1\ndealer_uploads_per_minute = 1\n";

/// A path with names of things that are there.
fn filled(path: &str, world: &World) -> String {
    let id = if path.starts_with("/consumers") { world.consumer } else { 1 };
    path.replace("{serial}", "BAT001").replace("{id}", &id.to_string()).replace("{document}", "1")
}

/// Nobody known, who may not, and requests that cannot be read; of every operation.
pub(crate) async fn what_cannot_be_read(desk: &mut Desk, world: &World) {
    let document = desk.coverage.document().clone();
    for (template, method, operation) in operations(&document) {
        let path = filled(&template, world);
        let is_open = operation["security"] == json!([{}]);
        let is_hook = template == "/nbfc/webhook-status";
        let takes_body = operation["requestBody"].is_object();
        if !is_open {
            let answer = desk.call("nobody", &method, &path, takes_body.then(|| json!({}))).await;
            answer.is(401, "Authentication required");
            assert!(answer.headers.contains_key("www-authenticate"), "{method} {path}");
            if template != "/auth/logout" {
                // Each has its own part, and is refused the rest; nothing here has a body that anybody would take.
                for who in ["consumer", "technician0"] {
                    let answer = desk.call(who, &method, &path, takes_body.then(|| json!({}))).await;
                    assert!(answer.status.as_u16() < 500, "{who} {method} {path}: {answer:?}");
                }
            }
        }
        if takes_body && !is_hook {
            let who = if is_open { "nobody" } else { "admin" };
            let words = |r: reqwest::RequestBuilder| r.header("content-type", "text/plain").body("words");
            desk.send(who, &method, &path, words).await.is(415, "Unsupported Media Type");
            let cut = |r: reqwest::RequestBuilder| r.header("content-type", "application/json").body("{");
            desk.send(who, &method, &path, cut).await.is(400, "Validation failed");
            if !template.ends_with("/documents") {
                let long = format!("{{\"x\":\"{}\"}}", "x".repeat((1 << 20) + 1_000));
                let long =
                    |r: reqwest::RequestBuilder| r.header("content-type", "application/json").body(long);
                desk.send(who, &method, &path, long).await.is(413, "Payload Too Large");
            }
        }
        if is_hook {
            signed_bytes(desk, b"words", "text/plain").await.is(415, "Unsupported Media Type");
            let long = vec![b' '; (1 << 20) + 1_000];
            signed_bytes(desk, &long, "application/json").await.is(413, "Payload Too Large");
        }
        if template.contains("{id}") {
            let other = template.replace("{serial}", "BAT001").replace("{document}", "1");
            let body = || {
                let reference = json!({ "document_type": "photo", "document_url": "https://a.example/b" });
                takes_body.then_some(reference)
            };
            let answer = desk.call("admin", &method, &other.replace("{id}", "x"), body()).await;
            answer.is(400, "Validation failed");
            let answer = desk.call("admin", &method, &other.replace("{id}", "999999"), body()).await;
            assert!([400, 404].contains(&answer.status.as_u16()), "{method} {template}: {answer:?}");
        }
    }
}

/// What is beside the family's paths is said in its words, and the family whose base begins as this one's is itself.
pub(crate) async fn beside_the_paths(desk: &Desk) {
    let (status, body) = desk.serve.send(reqwest::Method::GET, "/api/nothing/here", None).await;
    assert_eq!((status.as_u16(), body["code"].as_str().unwrap()), (404, "NOT_FOUND"), "{body}");
    let (status, body) = desk.serve.send(reqwest::Method::DELETE, "/api/batteries", None).await;
    assert_eq!((status.as_u16(), body["code"].as_str().unwrap()), (405, "METHOD_NOT_ALLOWED"), "{body}");
    let (status, body) = desk.serve.send(reqwest::Method::GET, "/api/v1/nothing", None).await;
    assert_eq!(status.as_u16(), 404);
    assert!(body["detail"].is_string() && body.get("code").is_none(), "{body}");
    let (status, _) = desk.serve.send(reqwest::Method::GET, "/api/v1/batteries", None).await;
    assert_eq!(status.as_u16(), 200);
    let page = desk.serve.send(reqwest::Method::GET, "/api-docs/", None).await;
    assert_eq!(page.0.as_u16(), 200);
}

/// Too many requests, of every operation.
pub(crate) async fn too_many(desk: &mut Desk) {
    let document = desk.coverage.document().clone();
    for (template, method, operation) in operations(&document) {
        let who = if operation["security"] == json!([{}]) { "nobody" } else { "admin" };
        let path = template.replace("{serial}", "X").replace("{id}", "1").replace("{document}", "1");
        // The first takes what there is; the second is one too many.
        for _ in 0..2 {
            desk.call(who, &method, &path, Some(json!({}))).await;
        }
        let answer = desk.call(who, &method, &path, Some(json!({}))).await;
        answer.is(429, "Rate limit exceeded");
        assert_eq!(answer.body["details"], "Too many requests. Please try again later.");
        assert!(answer.body["retry_after"].as_u64().unwrap() > 0);
    }
}

/// Numbers of papers are in no log, no journal and no file; telephone numbers in no log and no journal.
pub(crate) async fn nothing_personal_is_said(desk: &Desk) {
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let log = std::fs::read(desk.folder().join(LOG)).unwrap();
    assert!(log.len() > 10_000 && has(&log, "/batteries"), "the log says what was asked for");
    let mut journal = String::new();
    let mut from = 1;
    loop {
        let page = desk.serve.get(&format!("/twins/v1/admin/audit?limit=1000&from={from}")).await;
        journal.push_str(&page.to_string());
        match page["next_from"].as_u64() {
            Some(next) => from = next,
            None => break,
        }
    }
    assert!(journal.contains("consumer added") && journal.contains("payment taken"));
    for number in PHONES.iter().chain(&[PAN, AADHAAR]) {
        let bare = number.trim_start_matches('+');
        assert!(!has(&log, bare), "{bare} is in the log");
        assert!(!journal.contains(bare), "{bare} is in the journal");
    }
    let mut data = Vec::new();
    files(&desk.folder().join("data"), &mut data);
    assert!(data.iter().any(|(_, bytes)| has(bytes, "ABC Motors")), "what is no secret is found");
    for (name, bytes) in &data {
        for secret in [PAN, AADHAAR, "secret words of a statement"] {
            assert!(!has(bytes, secret), "{secret} is in {name}");
        }
    }
}
