//! Devices: a secret, a token, what they measure over HTTP and MQTT, and how they stand.

use crate::caller::{Door, SEOUL, new_batch};
use crate::process::ago_ms;
use crate::receiver::Receiver;
use serde_json::{Value, json};
use std::time::Duration;

/// Milliseconds since the epoch as a time.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

fn new_device(id: &str) -> Value {
    json!({
        "deviceId": id, "deviceType": "vessel_tracker", "organizationId": "ORG-CLEANUP-001",
        "sensors": ["gps", "weight", "environmental"],
        "metadata": { "vesselName": "Ocean Guardian", "maxCapacity": 500, "swathM": 30, "firmware": "v2.1.0" },
    })
}

pub(crate) async fn registering_and_hearing(door: &mut Door) {
    let receiver = Receiver::open().await;
    let body =
        json!({ "events": ["device.online"], "endpoint": receiver.url, "secret": "a secret of some length" });
    door.post("/notifications/subscribe", body).await.good(201);

    let made = door.post("/devices", new_device("IOT-DEV-001")).await.good(201);
    let secret = made["deviceSecret"].as_str().unwrap().to_owned();
    assert_eq!(made["deviceId"], "IOT-DEV-001");
    door.post("/devices", new_device("IOT-DEV-001")).await.is(409, "ERR_CONFLICT");
    for (field, value) in [
        ("deviceId", json!("a/b")),
        ("deviceType", json!("submarine")),
        ("organizationId", json!("")),
        ("sensors", json!([])),
        ("sensors", json!(["nose"])),
        ("deviceId", Value::Null),
    ] {
        let mut body = new_device("IOT-DEV-009");
        body[field] = value;
        door.post("/devices", body).await.names(422, "ERR_VALIDATION", field);
    }
    let status = door.get("/devices/IOT-DEV-001/status").await;
    assert_eq!((&status["status"], &status["lastPing"]), (&json!("registered"), &Value::Null));
    assert_eq!(status["battery"], json!({ "level": null, "estimatedHours": null }));
    door.call("GET", "/devices/IOT-DEV-001/status?live=true", None).await.is(503, "ERR_DEVICE_OFFLINE");
    door.call("GET", "/devices/IOT-DEV-001/status?live=maybe", None).await.names(
        422,
        "ERR_VALIDATION",
        "live",
    );
    door.call("GET", "/devices/NOBODY/status", None).await.is(404, "ERR_DEVICE_NOT_FOUND");

    let login = |secret: &str| json!({ "deviceId": "IOT-DEV-001", "deviceSecret": secret });
    let answer = door.send("POST", "/auth/device-token", |r| r.json(&login("ds_wrong"))).await;
    answer.is(401, "ERR_INVALID_TOKEN");
    door.send("POST", "/auth/device-token", |r| r.json(&json!({}))).await.names(
        422,
        "ERR_VALIDATION",
        "deviceId",
    );
    let given = door.send("POST", "/auth/device-token", |r| r.json(&login(&secret))).await.good(200);
    assert_eq!(given["expiresIn"], 86_400);
    let token = format!("DeviceToken {}", given["deviceToken"].as_str().unwrap());
    assert!(token.starts_with("DeviceToken dt_"));

    // Four hours of a battery that falls by 85/48 % an hour.
    let sensors = "/devices/IOT-DEV-001/sensors";
    for hour in (0..=4).rev() {
        let level = 85.0 + f64::from(hour) * 85.0 / 48.0;
        let body = json!({
            "timestamp": time(ago_ms(i64::from(hour) * 3_600 + 5)),
            "sensors": [
                { "type": "gps", "data": { "latitude": 37.5665, "longitude": 126.978, "speed": 15, "heading": 180 } },
                { "type": "weight", "data": { "currentWeight": 45.5, "percentFull": if hour == 0 { 50.0 } else { 9.1 } } },
                { "type": "environmental", "data": { "waterTemperature": 14.2, "salinity": 34.1, "pH": 8.1, "turbidity": 1.5 } },
                { "type": "battery", "data": { "level": level, "voltage": 4.0 } },
            ],
        });
        let taken = door.call_as(&token, "POST", sensors, Some(body)).await.good(202);
        assert_eq!(taken["processed"], true);
        // 45.5 of 500 kg are 9.1 %.
        assert_eq!(taken.get("warnings").is_some(), hour == 0, "{taken}");
    }
    let status = door.call_as(&token, "GET", "/devices/IOT-DEV-001/status?live=true", None).await.good(200);
    assert_eq!((&status["status"], &status["firmware"]), (&json!("active"), &json!("v2.1.0")));
    assert_eq!(status["location"], json!({ "latitude": 37.5665, "longitude": 126.978 }));
    assert_eq!(
        (status["battery"]["level"].as_f64(), status["battery"]["estimatedHours"].as_f64()),
        (Some(85.0), Some(48.0))
    );
    assert_eq!(status["load"], json!({ "currentWeight": 45.5, "percentFull": 9.1 }));
    let told = &receiver.wait(1).await[0];
    assert_eq!(
        (&told.json()["event"], &told.json()["data"]["deviceId"]),
        (&json!("device.online"), &json!("IOT-DEV-001"))
    );

    for (body, code, field) in [
        (json!({ "timestamp": time(ago_ms(0)), "sensors": [] }), "ERR_VALIDATION", "sensors"),
        (
            json!({ "timestamp": time(ago_ms(0)), "sensors": [{ "type": "nose", "data": {} }] }),
            "ERR_VALIDATION",
            "sensors[0].type",
        ),
        (
            json!({ "timestamp": time(ago_ms(0)), "sensors": [{ "type": "gps", "data": { "latitude": 95, "longitude": 0 } }] }),
            "ERR_INVALID_GPS",
            "sensors[0].data.latitude",
        ),
        (
            json!({ "timestamp": time(ago_ms(0)), "sensors": [{ "type": "gps", "data": { "latitude": 5 } }] }),
            "ERR_INVALID_GPS",
            "sensors[0].data",
        ),
        (
            json!({ "timestamp": "2999-01-01T00:00:00Z", "sensors": [{ "type": "battery", "data": { "level": 5 } }] }),
            "ERR_FUTURE_TIMESTAMP",
            "timestamp",
        ),
        (
            json!({ "sensors": [{ "type": "battery", "data": { "level": 5 } }] }),
            "ERR_VALIDATION",
            "timestamp",
        ),
    ] {
        door.call_as(&token, "POST", sensors, Some(body)).await.names(422, code, field);
    }
    let one =
        json!({ "timestamp": time(ago_ms(0)), "sensors": [{ "type": "battery", "data": { "level": 5 } }] });
    door.post("/devices/NOBODY/sensors", one.clone()).await.is(404, "ERR_DEVICE_NOT_FOUND");

    // It speaks for itself alone, and does nothing else.
    door.post("/devices", new_device("IOT-DEV-002")).await.good(201);
    door.call_as(&token, "POST", "/devices/IOT-DEV-002/sensors", Some(one))
        .await
        .is(404, "ERR_DEVICE_NOT_FOUND");
    door.call_as(&token, "GET", "/devices/IOT-DEV-002/status", None).await.is(404, "ERR_DEVICE_NOT_FOUND");
    door.call_as(&token, "GET", "/batches", None).await.is(403, "ERR_INSUFFICIENT_SCOPE");
    door.call_as(&token, "POST", "/devices", Some(new_device("IOT-DEV-003")))
        .await
        .is(403, "ERR_INSUFFICIENT_SCOPE");
    let mut batch = new_batch(25.8, SEOUL, "2025-01-15T10:30:00Z");
    batch["collection"]["collector"] = json!({});
    let made = door.call_as(&token, "POST", "/batches", Some(batch.clone())).await.good(201);
    let id = made["batchId"].as_str().unwrap().to_owned();
    let seen = door.get(&format!("/batches/{id}")).await;
    assert_eq!(
        seen["collection"]["collector"],
        json!({ "deviceId": "IOT-DEV-001", "organizationId": "ORG-CLEANUP-001" })
    );
    batch["collection"]["collector"] = json!({ "deviceId": "IOT-DEV-002" });
    door.call_as(&token, "POST", "/batches", Some(batch)).await.is(403, "ERR_INSUFFICIENT_SCOPE");
    let status = json!({ "status": "transported" });
    door.call_as(&token, "PUT", &format!("/batches/{id}/status"), Some(status))
        .await
        .is(403, "ERR_INSUFFICIENT_SCOPE");
    door.call_as(&token, "DELETE", &format!("/batches/{id}"), None).await.is(403, "ERR_INSUFFICIENT_SCOPE");

    over_mqtt(door, &secret).await;
    let list = door.get("/devices?limit=1").await;
    assert_eq!(
        (&list["data"][0]["deviceId"], &list["pagination"]["total"]),
        (&json!("IOT-DEV-001"), &json!(2))
    );
}

/// The same twin hears the device over MQTT.
async fn over_mqtt(door: &mut Door, secret: &str) {
    let (host, port) = door.serve.mqtt.clone().unwrap();
    let mut options = rumqttc::MqttOptions::new("IOT-DEV-001", host, port);
    options.set_credentials("IOT-DEV-001", secret);
    let (client, mut events) = rumqttc::AsyncClient::new(options, 8);
    let reading =
        json!({ "ts": ago_ms(0), "lat": 37.6, "lon": 127.1, "hold_kg": 120.0, "tracker_pct": 84.0 });
    let topic = "celltide/v1/vessel/IOT-DEV-001/telemetry";
    client.publish(topic, rumqttc::QoS::AtLeastOnce, false, reading.to_string()).await.unwrap();
    let taken = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Ok(rumqttc::Event::Incoming(rumqttc::Packet::PubAck(_))) = events.poll().await {
                return;
            }
        }
    });
    taken.await.expect("the reading was not taken");
    let status = door.get("/devices/IOT-DEV-001/status").await;
    assert_eq!(status["load"], json!({ "currentWeight": 120.0, "percentFull": 24.0 }));
    assert_eq!(
        (status["battery"]["level"].as_f64(), status["location"]["latitude"].as_f64()),
        (Some(84.0), Some(37.6))
    );
}
