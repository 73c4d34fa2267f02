//! Quiet hours: notices wait for the morning of India, codes do not.

use crate::process::{COURIERS, Serve, run};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const DEALER: &str = "+919820000001";
const CONSUMER: &str = "+919820000002";

/// Messages in the outbox to a number.
async fn posted(serve: &Serve, to: &str) -> Vec<Value> {
    let page = serve.get("/twins/v1/admin/outbox?limit=1000").await;
    page["data"].as_array().unwrap().iter().filter(|message| message["to"] == to).cloned().collect()
}

/// Sends a text; how it stands.
async fn text(serve: &Serve, words: &str) -> (String, Value) {
    let body = json!({ "to": CONSUMER, "message": words });
    let sent = serve.post("/api/messaging/send-sms", body).await;
    assert_eq!(sent["success"], true, "{sent}");
    (sent["message_id"].as_str().unwrap().to_owned(), sent["status"].clone())
}

async fn state(serve: &Serve, id: &str) -> Value {
    let all = serve.get("/api/messaging/messages").await;
    let found = all.as_array().unwrap().iter().find(|message| message["message_id"] == id);
    found.unwrap_or_else(|| panic!("{id}: {all}"))["status"].clone()
}

/// Waits until so many messages to the consumer are in the outbox.
async fn comes(serve: &Serve, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let found = posted(serve, CONSUMER).await;
        if found.len() >= count {
            assert_eq!(found.len(), count);
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{count} messages never came");
}

async fn advance(serve: &Serve, by: &str) {
    serve.post("/twins/v1/clock/advance", json!({ "by": by })).await;
}

#[test]
fn notices_wait_for_the_morning_and_codes_do_not() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("couriers.yaml"), COURIERS).unwrap();
        let args = ["--data", "data", "--scenario", "couriers.yaml", "--paused"];
        let serve = Serve::with(folder.path(), &args, &[]);
        // It begins at midnight of UTC, which is half past five in India.
        assert!(serve.get("/twins/v1/clock").await["now"].as_str().unwrap().starts_with("2026-01-01T00:0"));
        let dealer = json!({ "name": "ABC Motors", "phone": DEALER });
        serve.post("/api/dealers", dealer).await;

        let (early, status) = text(&serve, "Your instalment is due.").await;
        assert_eq!(status, "held");
        serve.post("/api/auth/login", json!({ "phone": DEALER, "userType": "dealer" })).await;
        let codes = posted(&serve, DEALER).await;
        assert_eq!(
            (codes.len(), &codes[0]["purpose"]),
            (1, &json!("code")),
            "a code is awaited, so it comes at once"
        );
        advance(&serve, "145m").await;
        let (second, status) = text(&serve, "Your battery was serviced.").await;
        assert_eq!(status, "held", "it is five to eight");
        assert!(posted(&serve, CONSUMER).await.is_empty(), "nobody is woken");
        assert_eq!(state(&serve, &early).await, "held");

        advance(&serve, "10m").await;
        let came = comes(&serve, 2).await;
        assert!(came.iter().any(|message| message["text"] == "Your instalment is due."));
        for id in [&early, &second] {
            assert_eq!(state(&serve, id).await, "queued", "no gateway takes it");
        }

        // By day they go at once; in the evening they wait for the next morning, over midnight.
        let (_, status) = text(&serve, "By day.").await;
        assert_eq!(status, "queued");
        comes(&serve, 3).await;
        advance(&serve, "13h").await;
        let (late, status) = text(&serve, "In the evening.").await;
        assert_eq!(status, "held", "it is five past nine");
        advance(&serve, "6h").await;
        assert_eq!(state(&serve, &late).await, "held");
        assert_eq!(posted(&serve, CONSUMER).await.len(), 3);
        advance(&serve, "5h").await;
        comes(&serve, 4).await;
    });
}

#[test]
fn a_notice_that_waits_is_not_lost_with_the_process() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let hour = crate::process::ago_ms(0).div_euclid(3_600_000).rem_euclid(24);
        // Two hours of quiet around now, by Indian time; the other half hour is on the safe side.
        let (from, to) = ((hour + 4) % 24, (hour + 8) % 24);
        let config = format!("[dealer]\nquiet_from_h = {from}\nquiet_to_h = {to}\n");
        std::fs::write(folder.path().join("celltide.toml"), config).unwrap();
        let serve = Serve::start(folder.path());
        let (id, status) = text(&serve, "Your instalment is due.").await;
        assert_eq!(status, "held");
        serve.kill();
        let serve = Serve::start(folder.path());
        assert_eq!(state(&serve, &id).await, "held");
        let (status, body) = serve.send(Method::GET, "/twins/v1/admin/outbox", None).await;
        assert_eq!((status.as_u16(), &body["data"]), (200, &json!([])));
        // Text and number are there again.
        let all = serve.get("/api/messaging/messages").await;
        assert_eq!(
            (&all[0]["message"], &all[0]["to"]),
            (&json!("Your instalment is due."), &json!(CONSUMER))
        );
    });
}
