//! Notifications: signed, in order, only where they may go; with receivers that fail, hang, lead elsewhere and lie.

use crate::caller::{Door, SEOUL, new_batch};
use crate::receiver::{Came, Manner, Receiver};
use host::webhook::signature;
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "your_webhook_secret";

fn subscription(url: &str, events: &[&str]) -> Value {
    json!({ "events": events, "endpoint": url, "secret": SECRET })
}

#[track_caller]
fn signed(came: &Came, secret: &str) {
    assert_eq!(came.header("x-signature").unwrap(), signature(secret, &came.body), "{came:?}");
}

pub(crate) async fn subscriptions(door: &mut Door) {
    let receiver = Receiver::open().await;
    let events = ["batch.created", "batch.status_changed", "batch.completed", "facility.received"];
    let made = door.post("/notifications/subscribe", subscription(&receiver.url, &events)).await.good(201);
    let id = made["subscriptionId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("SUB-"), "{made}");
    for (body, field) in [
        (subscription(&receiver.url, &[]), "events"),
        (subscription(&receiver.url, &["batch.eaten"]), "events"),
        (subscription("ftp://example.org", &["batch.created"]), "endpoint"),
        (json!({ "events": ["batch.created"], "endpoint": receiver.url, "secret": "short" }), "secret"),
        (json!({ "events": ["batch.created"], "endpoint": receiver.url }), "secret"),
    ] {
        door.post("/notifications/subscribe", body).await.names(422, "ERR_VALIDATION", field);
    }

    let batch = door.batch(new_batch(25.8, SEOUL, "2025-01-15T10:30:00Z")).await;
    let moved = json!({ "status": "transported", "timestamp": "2025-01-16T07:00:00Z" });
    door.put(&format!("/batches/{batch}/status"), moved).await.good(200);
    let arrival = json!({ "batchId": batch, "arrivalTime": "2025-01-16T08:00:00Z" });
    door.post("/facilities/FAC-SORT-001/receive", arrival).await.good(200);
    let done = json!({ "status": "disposed", "timestamp": "2025-01-17T08:00:00Z" });
    door.put(&format!("/batches/{batch}/status"), done).await.good(200);
    let came = receiver.wait(6).await;
    let told: Vec<String> = came.iter().map(|one| one.json()["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        told,
        [
            "batch.created",
            "batch.status_changed",
            "facility.received",
            "batch.status_changed",
            "batch.status_changed",
            "batch.completed",
        ],
        "in the order in which it happened"
    );
    came.iter().for_each(|one| signed(one, SECRET));
    assert_eq!(came[0].json()["data"]["material"]["totalWeight"]["value"], 25.8, "the whole batch");
    assert_eq!(
        came[1].json()["data"],
        json!({ "batchId": batch, "previousStatus": "collected", "currentStatus": "transported", "updatedAt": "2025-01-16T07:00:00Z" })
    );
    assert_eq!(came[2].json()["data"]["facility"]["facilityId"], "FAC-SORT-001");
    assert_eq!(came[5].json()["data"]["status"], "disposed");

    // Another secret; the one before signs beside it.
    let path = format!("/notifications/{id}/secret");
    let changed = door.post(&path, json!({ "secret": "another secret of length" })).await.good(200);
    assert!(changed["previousValidUntil"].is_string() && changed.get("secret").is_none());
    door.post(&path, json!({ "secret": "short" })).await.names(422, "ERR_VALIDATION", "secret");
    assert!(door.post(&path, json!({})).await.good(200)["secret"].as_str().unwrap().len() > 32);
    door.post(&path, json!({ "secret": "another secret of length" })).await.good(200);
    door.batch(new_batch(1.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let last = receiver.wait(7).await.pop().unwrap();
    signed(&last, "another secret of length");
    assert!(last.header("x-signature-previous").is_some());

    // Who fails, hangs or leads elsewhere does not have it; who says yes and never ends has.
    for (manner, why) in
        [(Manner::Fails, "500"), (Manner::Redirects, "redirects"), (Manner::Hangs, "in time")]
    {
        receiver.behaves(manner);
        let before = receiver.came().len();
        door.batch(new_batch(1.0, SEOUL, "2025-01-15T10:30:00Z")).await;
        receiver.wait(before + 1).await;
        let mut seen = Value::Null;
        for _ in 0..500 {
            seen = door.get(&format!("/notifications/{id}")).await;
            if manner != Manner::Hangs || seen["waiting"].as_u64() >= Some(3) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(seen["waiting"].as_u64().unwrap() >= 1, "{why}: {seen}");
    }
    assert!(receiver.came().iter().all(|one| one.path == "/hook"), "nobody followed");
    receiver.behaves(Manner::Lies);
    let before = receiver.came().len();
    let waiting = door.get(&format!("/notifications/{id}")).await["waiting"].as_u64().unwrap();
    door.batch(new_batch(1.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    receiver.wait(before + 1).await;
    for _ in 0..500 {
        if door.get(&format!("/notifications/{id}")).await["waiting"].as_u64().unwrap() <= waiting {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(door.get(&format!("/notifications/{id}")).await["waiting"].as_u64().unwrap(), waiting);
    receiver.behaves(Manner::Takes);

    let list = door.get("/notifications").await;
    assert!(list["data"].as_array().unwrap().iter().any(|one| one["subscriptionId"] == json!(id)));
    assert!(!list.to_string().contains(SECRET), "secrets are not shown");
    assert_eq!(
        door.call("POST", &format!("/notifications/{id}/enable"), None).await.good(200)["status"],
        "active"
    );
    let gone = door.call("DELETE", &format!("/notifications/{id}"), None).await;
    assert_eq!(gone.status, 204);
    door.call("GET", &format!("/notifications/{id}"), None).await.is(404, "ERR_SUBSCRIPTION_NOT_FOUND");
    door.call("DELETE", &format!("/notifications/{id}"), None).await.is(404, "ERR_SUBSCRIPTION_NOT_FOUND");
    door.call("POST", &format!("/notifications/{id}/enable"), None)
        .await
        .is(404, "ERR_SUBSCRIPTION_NOT_FOUND");
    door.post(&path, json!({})).await.is(404, "ERR_SUBSCRIPTION_NOT_FOUND");
}

#[test]
fn nothing_is_sent_to_this_machine_or_its_neighbours() {
    crate::process::run(async {
        let mut door = Door::open("", &[]).await;
        for url in [
            "https://127.0.0.1/hook",
            "https://localhost/hook",
            "https://[::1]/hook",
            "https://10.0.0.7/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://192.168.1.1/",
            "https://[fd00::1]/",
            "http://example.org/",
            "https://0x7f.1/",
            "https://2130706433/",
        ] {
            let answer = door.post("/notifications/subscribe", subscription(url, &["batch.created"])).await;
            answer.names(422, "ERR_VALIDATION", "endpoint");
        }
    });
}
