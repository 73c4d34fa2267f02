//! Webhooks: signed, in order, of the batteries of whoever asked; with a receiver that fails.

use crate::caller::{Door, new_battery};
use crate::process::ago_ms;
use crate::receiver::{Came, Manner, Receiver};
use host::webhook::signature;
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "your_webhook_secret";
const OTHER: &str = "another secret of length";
const ALL: [&str; 7] = [
    "soh_update",
    "lifecycle_event",
    "alert",
    "telemetry",
    "carbon_update",
    "operation.completed",
    "operation.failed",
];

fn webhook(url: &str, events: &[&str]) -> Value {
    json!({ "url": url, "events": events, "secret": SECRET })
}

/// What came about a battery: event, and the fact behind it.
fn of(came: &[Came], battery: &str) -> Vec<(String, String)> {
    let bodies = came.iter().map(Came::json).filter(|body| body["data"]["batteryId"] == *battery);
    let named = bodies.map(|body| {
        let name = |value: &Value| value.as_str().unwrap().to_owned();
        (name(&body["event"]), name(&body["data"]["event"]))
    });
    named.collect()
}

/// Waits until something about a battery is what it should be.
async fn until(receiver: &Receiver, battery: &str, good: impl Fn(&[(String, String)]) -> bool) -> Vec<Came> {
    for _ in 0..1_500 {
        let came = receiver.came();
        if good(&of(&came, battery)) {
            return came;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("of {battery} came {:?}", of(&receiver.came(), battery));
}

async fn ended(door: &mut Door, id: &str) {
    let gone = door.call("DELETE", &format!("/webhooks/{id}"), None).await;
    assert_eq!(gone.status.as_u16(), 204, "{gone:?}");
}

pub(crate) async fn events_are_told(door: &mut Door) {
    let receiver = Receiver::open().await;
    for (body, field) in [
        (webhook(&receiver.url, &[]), "events"),
        (webhook(&receiver.url, &["soh_eaten"]), "events"),
        (webhook("ftp://example.org", &ALL), "url"),
        (webhook("", &ALL), "url"),
        (json!({ "url": receiver.url, "events": ALL, "secret": "short" }), "secret"),
        (json!({ "url": receiver.url, "events": ALL }), "secret"),
        (json!({ "url": receiver.url, "secret": SECRET }), "events"),
        (json!({ "events": ALL, "secret": SECRET }), "url"),
    ] {
        let refused = door.call("POST", "/webhooks", Some(body)).await;
        refused.is(422, "VALIDATION_ERROR");
        assert_eq!(refused.fields(), [field], "{refused:?}");
    }
    let before = door.in_use("SN-2025-070000").await;
    let events = ["soh_update", "lifecycle_event", "carbon_update"];
    let made = door.post("/webhooks", 201, webhook(&receiver.url, &events)).await;
    let id = made["webhookId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("WH-") && made["created"].is_string(), "{made}");
    assert_eq!((&made["url"], &made["events"]), (&json!(receiver.url), &json!(events)));

    let battery = door.in_use("SN-2025-070001").await;
    let path = |rest: &str| format!("/batteries/{battery}{rest}");
    let health = json!({
        "timestamp": "2025-03-01T00:00:00Z", "stateOfHealth": 98.5, "stateOfCharge": 40, "cycleCount": 120,
    });
    door.post(&path("/soh"), 200, health).await;
    let footprint = door.post(&path("/carbon/calculate"), 200, json!({})).await;
    let change = json!({ "lifecycle": { "currentOwner": "USER-7" } });
    assert_eq!(door.call("PATCH", &path(""), Some(change)).await.status.as_u16(), 200);
    let event = json!({ "type": "incident", "timestamp": "2025-03-02T00:00:00Z", "depth": "shallow" });
    let receipt = door.post(&path("/events"), 201, event).await;

    let came = until(&receiver, &battery, |told| told.len() >= 7).await;
    let told = of(&came, &battery);
    let told: Vec<(&str, &str)> = told.iter().map(|(event, fact)| (event.as_str(), fact.as_str())).collect();
    assert_eq!(
        told,
        [
            ("lifecycle_event", "lifecycle.manufacturing_complete"),
            ("lifecycle_event", "passport.registered"),
            ("lifecycle_event", "lifecycle.installation"),
            ("soh_update", "health.measured"),
            ("carbon_update", "carbon.calculated"),
            ("lifecycle_event", "passport.changed"),
            ("lifecycle_event", "lifecycle.incident"),
        ],
        "in the order in which it happened"
    );
    assert!(of(&came, &before).is_empty(), "from now on");
    for one in &came {
        assert_eq!(one.header("x-signature").unwrap(), signature(SECRET, &one.body), "{one:?}");
    }
    let data: Vec<Value> = came.iter().map(|one| one.json()["data"].clone()).collect();
    assert_eq!((&data[3]["stateOfHealth"], &data[3]["cycleCount"]), (&json!(98.5), &json!(120.0)));
    assert_eq!(data[3]["stateOfCharge"], 40.0);
    assert_eq!(data[4]["totalCO2e"], footprint["totalCO2e"]);
    assert_eq!(data[5]["changes"], json!(["lifecycle.currentOwner"]));
    assert_eq!((&data[6]["eventId"], &data[6]["type"]), (&receipt["eventId"], &json!("incident")));
    assert_eq!(data[6]["blockchainHash"], receipt["blockchainHash"], "the fact in the chain");
    assert_eq!(data[6]["attributes"]["depth"], "shallow");
    assert_eq!(
        (&data[6]["status"], &data[6]["occurred"]),
        (&json!("in_use"), &json!("2025-03-02T00:00:00Z"))
    );

    // Another secret; the one before signs beside it.
    let path = format!("/webhooks/{id}/secret");
    let changed = door.post(&path, 200, json!({ "secret": OTHER })).await;
    assert!(changed["previousValidUntil"].is_string() && changed.get("secret").is_none());
    door.call("POST", &path, Some(json!({ "secret": "short" }))).await.is(422, "VALIDATION_ERROR");
    assert!(door.post(&path, 200, json!({})).await["secret"].as_str().unwrap().len() > 32);
    door.post(&path, 200, json!({ "secret": OTHER })).await;
    let event = json!({ "type": "incident", "timestamp": "2025-03-03T00:00:00Z" });
    door.post(&format!("/batteries/{battery}/events"), 201, event).await;
    let last = until(&receiver, &battery, |told| told.len() >= 8).await.pop().unwrap();
    assert_eq!(last.header("x-signature").unwrap(), signature(OTHER, &last.body));
    assert!(last.header("x-signature-previous").is_some());

    for path in ["/webhooks".to_owned(), path] {
        let token = door.token.clone();
        let broken = |request: reqwest::RequestBuilder| {
            request.bearer_auth(token).header("content-type", "application/json").body("{")
        };
        door.send("POST", &path, broken).await.is(400, "BAD_REQUEST");
    }
    let list = door.get("/webhooks").await;
    assert!(list["webhooks"].as_array().unwrap().iter().any(|one| one["webhookId"] == json!(id)));
    assert!(!list.to_string().contains(SECRET) && !list.to_string().contains(OTHER), "secrets are not shown");
    let path = format!("/webhooks/{id}");
    assert_eq!(door.call("POST", &format!("{path}/enable"), None).await.body["status"], "active");
    ended(door, &id).await;
    door.call("GET", &path, None).await.is(404, "NOT_FOUND");
    door.call("DELETE", &path, None).await.is(404, "NOT_FOUND");
    door.call("POST", &format!("{path}/enable"), None).await.is(404, "NOT_FOUND");
    door.call("POST", &format!("{path}/secret"), Some(json!({}))).await.is(404, "NOT_FOUND");
}

/// Waits for word of a battery's temperature.
async fn alert(receiver: &Receiver, battery: &str, fact: &str) -> Value {
    for _ in 0..1_500 {
        let bodies = receiver.came();
        let mut bodies = bodies.iter().map(Came::json);
        let found = bodies.find(|body| {
            let data = &body["data"];
            data["batteryId"] == *battery && data["event"] == *fact && data["type"] == "temperature_high"
        });
        if let Some(found) = found {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no {fact} of {battery}: {:?}", receiver.came());
}

pub(crate) async fn alerts_and_readings(door: &mut Door) {
    let (alerts, readings) = (Receiver::open().await, Receiver::open().await);
    let first = door.post("/webhooks", 201, webhook(&alerts.url, &["alert"])).await;
    let second = door.post("/webhooks", 201, webhook(&readings.url, &["telemetry"])).await;
    let battery = door.in_use("SN-2025-070002").await;
    let telemetry = format!("/twins/v1/twins/{battery}/telemetry");
    let begin = ago_ms(3_600);
    let reading = |at: i64, temperature_c: f64| json!({ "ts": at, "voltage_v": 380.0, "current_a": 0.0, "temperature_c": temperature_c, "soc_pct": 60.0 });
    let hot: Vec<Value> = (0..20).map(|k| reading(begin + k * 10_000, 46.5)).collect();
    door.serve.post(&telemetry, json!(hot)).await;
    let raised = alert(&alerts, &battery, "alert.raised").await;
    assert_eq!((&raised["event"], &raised["data"]["severity"]), (&json!("alert"), &json!("warning")));
    assert_eq!(raised["data"]["message"], "Battery temperature 46.5°C exceeds threshold 45.0°C");
    assert_eq!(raised["data"]["resolved"], Value::Null);
    door.serve.post(&telemetry, reading(begin + 400_000, 30.0)).await;
    alert(&alerts, &battery, "alert.resolved").await;
    assert!(of(&alerts.came(), &battery).iter().all(|(event, _)| event == "alert"));

    // Readings are listened for within a second, and told of now and then.
    let mut at = begin + 500_000;
    for _ in 0..200 {
        if !readings.came().is_empty() {
            break;
        }
        at += 1_000;
        door.serve.post(&telemetry, reading(at, 25.0)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let came = readings.wait(1).await;
    let told = came[0].json();
    assert_eq!((&told["event"], &told["data"]["batteryId"]), (&json!("telemetry"), &json!(battery)));
    assert_eq!(told["data"]["readings"]["voltage_v"], 380.0, "{told}");
    assert_eq!(came.len(), 1, "once in ten seconds");
    for made in [first, second] {
        ended(door, made["webhookId"].as_str().unwrap()).await;
    }
}

pub(crate) async fn of_whose_batteries(door: &mut Door) {
    let (ours, theirs, operator) = (Receiver::open().await, Receiver::open().await, Receiver::open().await);
    let acme = door.program("battery:read battery:write", Some("acme-hooks")).await;
    let other = door.program("battery:read battery:write", Some("other-hooks")).await;
    let events = ["lifecycle_event", "soh_update", "alert"];
    let mut made = Vec::new();
    for (token, receiver) in [(&acme, &ours), (&other, &theirs), (&door.token.clone(), &operator)] {
        let body = webhook(&receiver.url, &events);
        let answer = door.call_as(token, "POST", "/webhooks", Some(body)).await;
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
        made.push(answer.body["webhookId"].as_str().unwrap().to_owned());
    }
    let register = Some(new_battery("SN-HOOK-ACME"));
    let battery = door.call_as(&acme, "POST", "/batteries/register", register).await;
    let battery = battery.body["batteryId"].as_str().unwrap().to_owned();
    let register = Some(new_battery("SN-HOOK-OTHER"));
    let foreign = door.call_as(&other, "POST", "/batteries/register", register).await;
    let foreign = foreign.body["batteryId"].as_str().unwrap().to_owned();
    until(&ours, &battery, |told| told.len() == 2).await;
    until(&theirs, &foreign, |told| told.len() == 2).await;
    until(&operator, &battery, |told| told.len() == 2).await;
    until(&operator, &foreign, |told| told.len() == 2).await;
    assert!(of(&ours.came(), &foreign).is_empty() && of(&theirs.came(), &battery).is_empty());

    // What is another's is not there.
    let path = format!("/webhooks/{}", made[0]);
    door.call_as(&other, "GET", &path, None).await.is(404, "NOT_FOUND");
    door.call_as(&other, "DELETE", &path, None).await.is(404, "NOT_FOUND");
    let list = door.call_as(&other, "GET", "/webhooks", None).await.body;
    assert_eq!((&list["total"], &list["webhooks"][0]["webhookId"]), (&json!(1), &json!(made[1])));
    assert_eq!(door.call_as(&acme, "DELETE", &path, None).await.status.as_u16(), 204);
    for id in &made[1..] {
        ended(door, id).await;
    }
}

pub(crate) async fn who_does_not_take_them(door: &mut Door) {
    let receiver = Receiver::open().await;
    let made = door.post("/webhooks", 201, webhook(&receiver.url, &["lifecycle_event"])).await;
    let id = made["webhookId"].as_str().unwrap().to_owned();
    receiver.behaves(Manner::Fails);
    let battery = door.battery("SN-2025-070003").await;
    receiver.wait(1).await;
    for day in 1..=3 {
        let event = json!({ "type": "incident", "timestamp": format!("2025-03-0{day}T00:00:00Z") });
        door.post(&format!("/batteries/{battery}/events"), 201, event).await;
    }
    let mut seen = Value::Null;
    for _ in 0..500 {
        seen = door.get(&format!("/webhooks/{id}")).await;
        if seen["waiting"] == 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((&seen["waiting"], &seen["status"], &seen["dead"]), (&json!(5), &json!("active"), &json!([])));
    assert_eq!(of(&receiver.came(), &battery).len(), 1, "the others wait behind the first");

    // Another battery's events do not.
    receiver.behaves(Manner::Takes);
    let free = door.battery("SN-2025-070004").await;
    until(&receiver, &free, |told| told.len() == 2).await;
    ended(door, &id).await;
}
