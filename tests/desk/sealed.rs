//! What lies in the store: no telephone number, no secret of a webhook, and nothing that is shown once, in plain.

use crate::desk::{Desk, TRIAL};
use crate::folder::files;
use crate::process::{LOG, run};
use serde_json::json;

const DEALER: &str = "+919840000001";
const CONSUMER: &str = "+919840000002";
const TECHNICIAN: &str = "+919840000003";
const LENDER: &str = "+919840000004";
const STRANGER: &str = "+919840000005";
/// Stands in the text of a message.
const SPOKEN: &str = "+919840000006";
const OTHER: &str = "+919840000007";
const SECRET: &str = "a secret that signs what is told";

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn numbers_and_secrets_lie_sealed_and_are_still_found() {
    run(async {
        let config = format!("{TRIAL}\n[webhooks]\nallow_private = true\nallow_plain = true\n");
        let mut desk = Desk::open(&config).await;
        let party = |name: &str, phone: &str, kind: &str| {
            Some(json!({ "name": name, "phone": phone, "userType": kind }))
        };
        desk.good("admin", "POST", "/dealers", party("ABC Motors", DEALER, "dealer")).await;
        desk.good("admin", "POST", "/dealers", party("Lender", LENDER, "nbfc")).await;
        desk.good("admin", "POST", "/dealers", party("XYZ Motors", OTHER, "dealer")).await;
        desk.log_in("dealer", DEALER, "dealer").await;
        desk.log_in("nbfc", LENDER, "nbfc").await;
        // An answer that is kept to be given again has the number in it.
        let consumer = json!({ "name": "Ram Kumar", "phone": CONSUMER });
        for _ in 0..2 {
            let consumer = consumer.clone();
            let named = |r: reqwest::RequestBuilder| r.header("idempotency-key", "ram").json(&consumer);
            let answer = desk.send("dealer", "POST", "/consumers", named).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.body["phone"]),
                (201, &json!(CONSUMER)),
                "{answer:?}"
            );
        }
        let technician = json!({ "name": "Tech One", "phone": TECHNICIAN, "location": "Delhi" });
        desk.good("dealer", "POST", "/service/technicians", Some(technician)).await;
        desk.log_in("technician", TECHNICIAN, "technician").await;
        desk.log_in("consumer", CONSUMER, "consumer").await;
        let unknown = json!({ "phone": STRANGER, "userType": "dealer" });
        desk.good("nobody", "POST", "/auth/login", Some(unknown)).await;
        let text = format!("Call {SPOKEN} about your battery.");
        let sms = json!({ "to": STRANGER, "message": text });
        desk.good("dealer", "POST", "/messaging/send-sms", Some(sms)).await;
        desk.good("admin", "POST", "/messaging/send-otp", Some(json!({ "to": OTHER }))).await;
        let subscription =
            json!({ "events": ["batch.created"], "endpoint": "http://127.0.0.1:9/", "secret": SECRET });
        let made = desk.serve.post("/ocean-plastic-track/v1/notifications/subscribe", subscription).await;
        let path = format!(
            "/ocean-plastic-track/v1/notifications/{}/secret",
            made["subscriptionId"].as_str().unwrap()
        );
        let changed = desk.serve.post(&path, json!({ "secret": format!("{SECRET} anew") })).await;
        assert!(changed.is_object(), "{changed}");

        // Whoever may, still sees and finds them.
        let page = desk.serve.get("/twins/v1/admin/outbox?to=%2B919840000005").await;
        let said: Vec<_> = page["data"].as_array().unwrap().iter().map(|one| one["text"].clone()).collect();
        assert_eq!(said, [json!(text)]);
        let all = desk.good("dealer", "GET", "/messaging/messages", None).await;
        assert_eq!((&all[0]["to"], &all[0]["message"]), (&json!(STRANGER), &json!(text)));
        let again = json!({ "name": "Again", "phone": CONSUMER });
        desk.refused("dealer", "POST", "/consumers", Some(again), 400, "Duplicate phone").await;

        // The code that waits in the outbox is as good as a password until it is taken.
        let page = desk.serve.get("/twins/v1/admin/outbox?limit=1000").await;
        let messages = page["data"].as_array().unwrap();
        let code = messages.iter().find(|one| one["purpose"] == "code").unwrap()["text"].as_str().unwrap();
        let code = format!("{} is your", &code[..6]);

        let mut data = Vec::new();
        files(&desk.folder().join("data"), &mut data);
        assert!(data.iter().any(|(_, bytes)| has(bytes, "ABC Motors")), "what is no secret is found");
        for (name, bytes) in &data {
            for number in [DEALER, CONSUMER, TECHNICIAN, LENDER, STRANGER, SPOKEN, OTHER] {
                assert!(!has(bytes, number.trim_start_matches('+')), "{number} is in {name}");
            }
            for secret in [SECRET, code.as_str()] {
                assert!(!has(bytes, secret), "{secret:?} is in {name}");
            }
        }
        // Nor does the log say what was asked for.
        let log = std::fs::read(desk.folder().join(LOG)).unwrap();
        assert!(has(&log, "/twins/v1/admin/outbox"), "it says where");
        for number in [DEALER, CONSUMER, TECHNICIAN, LENDER, STRANGER, SPOKEN, OTHER] {
            assert!(!has(&log, number.trim_start_matches('+')), "{number} is in the log");
        }
    });
}
