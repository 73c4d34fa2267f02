//! Operations that are done later: accepted, done, told of; after a crash as well, and once.

use crate::caller::{BASE, CONFIG, Door, new_battery};
use crate::process::{Serve, run};
use crate::receiver::Receiver;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

pub(crate) async fn done_later(door: &mut Door) {
    let id = door.in_use("SN-2025-071000").await;
    let owner = json!({ "lifecycle": { "currentOwner": "FLEET-LATER" } });
    door.call("PATCH", &format!("/batteries/{id}"), Some(owner)).await;
    let operations = json!({ "operations": [
        { "op": "register", "body": new_battery("SN-2025-071001") },
        { "op": "soh", "batteryId": "SN-2025-071000",
            "body": { "stateOfHealth": 99.5, "cycleCount": 60, "timestamp": "2025-02-15T10:00:00Z" } },
        { "op": "event", "batteryId": "SN-2025-071000",
            "body": { "type": "incident", "timestamp": "2025-02-16T10:00:00Z" } },
        { "op": "dance" },
    ] });
    let at = door.later("POST", "/batteries/batch", Some(operations)).await;
    let over = door.over(&at).await;
    assert_eq!((&over["status"], &over["error"]), (&json!("completed"), &Value::Null), "{over}");
    assert_eq!(over["resultUrl"], format!("{BASE}{at}/result"));
    for time in ["created", "started", "finished", "expires"] {
        assert!(over[time].as_str().unwrap().ends_with('Z'), "{over}");
    }
    let told = door.get(&format!("{at}/result")).await;
    assert_eq!((&told["succeeded"], &told["failed"]), (&json!(3), &json!(1)), "{told}");
    assert_eq!(
        told["results"][0]["body"]["qrCode"].as_str().unwrap().split('/').nth(2),
        Some(&door.serve.http[7..])
    );
    assert_eq!(told["results"][1]["body"]["stateOfHealth"], 99.5);
    assert_eq!(told["results"][3]["status"], 422);
    let life = door.get(&format!("/batteries/{id}/lifecycle")).await;
    assert_eq!(life["events"].as_array().unwrap().iter().filter(|one| one["type"] == "incident").count(), 1);

    // Answered as if somebody had waited.
    for (path, kind) in [
        (format!("/batteries/{id}/carbon/report"), "application/json"),
        (format!("/batteries/{id}/sustainability/report?format=xml"), "application/xml"),
        (format!("/batteries/{id}/compliance/eu-report?format=pdf"), "application/pdf"),
        (format!("/batteries/{id}/export?format=jsonld"), "application/ld+json"),
        ("/fleets/FLEET-LATER/analytics".to_owned(), "application/json"),
    ] {
        let at = door.later("GET", &path, None).await;
        assert_eq!(door.over(&at).await["status"], "completed", "{path}");
        let later = door.call("GET", &format!("{at}/result"), None).await;
        assert_eq!(later.status, StatusCode::OK, "{later:?}");
        let now = door.call("GET", &path, None).await;
        for name in ["content-type", "content-disposition"] {
            assert_eq!(later.headers.get(name), now.headers.get(name), "{path}");
        }
        assert!(later.headers["content-type"].to_str().unwrap().starts_with(kind), "{later:?}");
        match (&later.body, &now.body) {
            (Value::Object(later), Value::Object(now)) => {
                assert_eq!(later.keys().collect::<Vec<_>>(), now.keys().collect::<Vec<_>>(), "{path}");
            }
            (Value::String(later), Value::String(now)) => {
                assert_eq!(later.get(..5), now.get(..5), "{path}");
                assert!(later.len() * 10 > now.len() * 9, "{path}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }

    // What is refused is refused later too, in the same words.
    let at = door.later("GET", "/fleets/NOBODY/analytics", None).await;
    let over = door.over(&at).await;
    assert_eq!((&over["status"], &over["resultUrl"]), (&json!("failed"), &Value::Null));
    assert_eq!((&over["error"]["code"], &over["error"]["statusCode"]), (&json!("NOT_FOUND"), &json!(404)));
    door.call("GET", &format!("{at}/result"), None).await.is(409, "INVALID_STATE");
    let wrong = door.later("POST", "/batteries/batch", Some(json!({}))).await;
    let over = door.over(&wrong).await;
    assert_eq!(
        (&over["error"]["code"], &over["error"]["details"][0]["field"]),
        (&json!("VALIDATION_ERROR"), &json!("operations"))
    );

    let token = door.token.clone();
    for (kind, status) in [("application/json", 400), ("text/plain", 415)] {
        let request = |request: reqwest::RequestBuilder| {
            let request = request.bearer_auth(&token).header("prefer", "respond-async");
            request.header("content-type", kind).body("{")
        };
        let refused = door.send("POST", "/batteries/batch", request).await;
        assert_eq!(refused.status.as_u16(), status, "{refused:?}");
    }

    // An answer is for whoever asked.
    let other = door.program("battery:read battery:write", None).await;
    door.call_as(&other, "GET", &at, None).await.is(404, "NOT_FOUND");
    door.call_as(&other, "GET", &format!("{at}/result"), None).await.is(404, "NOT_FOUND");
    door.call("GET", "/operations/OP-0", None).await.is(404, "NOT_FOUND");
}

pub(crate) async fn told_of(door: &mut Door) {
    let receiver = Receiver::open().await;
    let events = ["operation.completed", "operation.failed"];
    let body = json!({ "url": receiver.url, "events": events, "secret": "your_webhook_secret" });
    let made = door.post("/webhooks", 201, body).await;
    let id = door.in_use("SN-2025-071002").await;
    let good = door.later("GET", &format!("/batteries/{id}/export"), None).await;
    let bad = door.later("GET", "/fleets/NOBODY/analytics", None).await;
    let came = receiver.wait(2).await;
    for (at, event) in [(&good, events[0]), (&bad, events[1])] {
        let over = door.over(at).await;
        let told = came.iter().map(|one| one.json()).find(|one| one["event"] == event).unwrap();
        assert_eq!(told["data"], over, "as it stands when asked");
    }
    let path = format!("/webhooks/{}", made["webhookId"].as_str().unwrap());
    assert_eq!(door.call("DELETE", &path, None).await.status.as_u16(), 204);
}

async fn asked(serve: &Serve, path: &str, body: Value) -> Value {
    let request = serve.request(Method::POST, &format!("{BASE}{path}")).header("prefer", "respond-async");
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

#[test]
fn what_was_accepted_is_done_once_whatever_happens_meanwhile() {
    const NEW: usize = 150;
    const INCIDENTS: usize = 60;
    run(async {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("celltide.toml"), CONFIG).unwrap();
        let serve = Serve::start(folder.path());
        let receiver = Receiver::open().await;
        let events = ["operation.completed", "lifecycle_event"];
        let body = json!({ "url": receiver.url, "events": events, "secret": "your_webhook_secret" });
        serve.post(&format!("{BASE}/webhooks"), body).await;
        let made = serve.post(&format!("{BASE}/batteries/register"), new_battery("SN-2025-072000")).await;
        let life =
            format!("{BASE}/batteries/{}/lifecycle?type=incident", made["batteryId"].as_str().unwrap());
        let incidents = (0..INCIDENTS).map(|n| {
            let timestamp = format!("2025-03-01T{:02}:{:02}:00Z", n / 60, n % 60);
            let body = json!({ "type": "incident", "timestamp": timestamp });
            json!({ "op": "event", "batteryId": made["batteryId"], "body": body })
        });
        let new = (1..=NEW)
            .map(|n| json!({ "op": "register", "body": new_battery(&format!("SN-2025-072{n:03}")) }));
        let operations: Vec<Value> = incidents.chain(new).collect();
        let operation = asked(&serve, "/batteries/batch", json!({ "operations": operations })).await;
        let path = format!("{BASE}/operations/{}", operation["operationId"].as_str().unwrap());

        // Twice it ends in the middle of it, without a word.
        let mut serve = Some(serve);
        for some in [5, 20] {
            let running = serve.take().unwrap();
            for _ in 0..2_000 {
                let done = running.get(&life).await["events"].as_array().unwrap().len();
                if done >= some {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            running.kill();
            serve = Some(Serve::start(folder.path()));
        }
        let serve = serve.unwrap();
        let mut over = Value::Null;
        for _ in 0..3_000 {
            over = serve.get(&path).await;
            if over["status"] != "pending" && over["status"] != "running" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(over["status"], "completed", "{over}");
        let told = serve.get(&format!("{path}/result")).await;
        assert_eq!((&told["succeeded"], &told["failed"]), (&json!(NEW + INCIDENTS), &json!(0)), "{told}");
        let list = serve.get(&format!("{BASE}/batteries")).await;
        assert_eq!(list["total"], NEW + 1);
        let happened = serve.get(&life).await["events"].clone();
        assert_eq!(happened.as_array().unwrap().len(), INCIDENTS, "each once");

        // And so it is told: whatever came twice has the same name.
        let all = INCIDENTS + 2 * (NEW + 1) + 1;
        let mut names = BTreeSet::new();
        for _ in 0..1_500 {
            names =
                receiver.came().iter().map(|one| one.header("x-webhook-id").unwrap().to_owned()).collect();
            if names.len() >= all {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(names.len(), all);
        let mut seen = BTreeSet::new();
        let came = receiver.came();
        let first = came.iter().filter(|one| seen.insert(one.header("x-webhook-id").unwrap()));
        let bodies: Vec<Value> = first.map(|one| one.json()).collect();
        assert_eq!(bodies.iter().filter(|one| one["event"] == "operation.completed").count(), 1);
        let incidents = bodies.iter().filter(|one| one["data"]["type"] == "incident");
        let order: Vec<&str> = incidents.map(|one| one["data"]["eventId"].as_str().unwrap()).collect();
        let kept: Vec<&str> =
            happened.as_array().unwrap().iter().map(|one| one["eventId"].as_str().unwrap()).collect();
        assert_eq!(order, kept, "in their order");
    });
}
