//! Devices over MQTT: what is acknowledged is there, commands reach them, and a simulated fleet is made of such devices.

use crate::process::{COURIERS, PASSWORD, Serve, ago_ms, run};
use reqwest::{Method, StatusCode};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, QoS};
use serde_json::{Value, json};
use std::time::Duration;

/// A gateway that speaks for all devices, logged in as the administrator.
fn gateway(serve: &Serve, name: &str) -> (AsyncClient, EventLoop) {
    let (host, port) = serve.mqtt.clone().unwrap();
    let mut options = MqttOptions::new(format!("test-{name}"), host, port);
    options.set_credentials("admin", PASSWORD);
    options.set_keep_alive(Duration::from_secs(30));
    AsyncClient::new(options, 64)
}

/// Waits until so many publishes were acknowledged.
async fn acknowledged(events: &mut EventLoop, mut count: usize) {
    while count > 0 {
        if let Event::Incoming(Packet::PubAck(_)) = events.poll().await.unwrap() {
            count -= 1;
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let (client, mut events) = gateway(&serve, "B-1");
        let begin = ago_ms(600);
        for k in 0..50i64 {
            let reading = json!({ "ts": begin + k * 1_000, "voltage_v": 47.5, "current_a": 1.0 });
            let topic = "celltide/v1/battery/B-1/telemetry";
            client.publish(topic, QoS::AtLeastOnce, false, reading.to_string()).await.unwrap();
        }
        acknowledged(&mut events, 50).await;
        serve.kill();
        let serve = Serve::start(folder.path());
        let seen = serve.get(&format!("/twins/v1/twins/{id}")).await;
        assert_eq!(seen["readings"], 50);
    });
}

#[test]
fn a_device_is_commanded_and_answers() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let (client, mut events) = gateway(&serve, "B-1");
        client.subscribe("celltide/v1/battery/B-1/command", QoS::AtLeastOnce).await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
        let answering = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let order: Value = serde_json::from_slice(&message.payload).unwrap();
                        let done = order["name"] != "explode";
                        let answer = json!({ "done": done, "detail": if done { "ok" } else { "never" } });
                        let topic = format!(
                            "celltide/v1/battery/B-1/command/{}/ack",
                            order["command_id"].as_str().unwrap()
                        );
                        client.publish(topic, QoS::AtLeastOnce, false, answer.to_string()).await.unwrap();
                    }
                    Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        });
        let path = format!("/twins/v1/twins/{id}/commands?wait_s=20");
        let (status, done) = serve.send(Method::POST, &path, Some(json!({ "command": "lock" }))).await;
        assert_eq!((status, &done["outcome"]), (StatusCode::OK, &json!("acknowledged")), "{done}");
        let (_, refused) = serve.send(Method::POST, &path, Some(json!({ "command": "explode" }))).await;
        assert_eq!((&refused["outcome"], &refused["detail"]), (&json!("refused"), &json!("never")));

        // Told how it shall be, it does so, and says it.
        let wanted = json!({ "charge_limit": 0.8 });
        let (status, _) =
            serve.send(Method::PATCH, &format!("/twins/v1/twins/{id}/desired"), Some(wanted.clone())).await;
        assert_eq!(status, StatusCode::OK);
        loop {
            let seen = serve.get(&format!("/twins/v1/twins/{id}")).await;
            if seen["difference"] == json!({}) {
                assert_eq!(seen["reported"], wanted);
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        answering.abort();
    });
}

#[test]
fn a_stranger_is_turned_away_and_a_bad_message_harms_nobody() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let (host, port) = serve.mqtt.clone().unwrap();
        let mut options = MqttOptions::new("stranger", host, port);
        options.set_credentials("B-1", "guessed");
        let (_client, mut events) = AsyncClient::new(options, 8);
        assert!(events.poll().await.is_err());

        let (client, mut events) = gateway(&serve, "B-1");
        let topic = "celltide/v1/battery/B-1/telemetry";
        client.publish(topic, QoS::AtLeastOnce, false, "{\"ts\": tomorrow}").await.unwrap();
        let good = json!({ "ts": ago_ms(5), "voltage_v": 47.5, "current_a": 1.0 });
        client.publish(topic, QoS::AtLeastOnce, false, good.to_string()).await.unwrap();
        acknowledged(&mut events, 2).await;
        assert_eq!(serve.get(&format!("/twins/v1/twins/{id}")).await["readings"], 1);
    });
}

#[test]
fn a_simulated_fleet_reports_and_its_clock_is_set() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("fleet.yaml"), COURIERS.replace("count: 2", "count: 3")).unwrap();
        let args = ["--ephemeral", "--scenario", "fleet.yaml", "--paused"];
        let serve = Serve::with(folder.path(), &args, &[("CELLTIDE_FLEET__INTERVAL_S", "60")]);
        let clock = serve.get("/twins/v1/clock").await;
        assert_eq!((&clock["simulated"], &clock["paused"]), (&json!(true), &json!(true)));
        assert_eq!(clock["now"], "2026-01-01T00:00:00Z");
        let (status, _) =
            serve.send(Method::PUT, "/twins/v1/clock", Some(json!({ "paused": false, "speed": 600 }))).await;
        assert_eq!(status, StatusCode::OK);
        serve.post("/twins/v1/clock/advance", json!({ "by": "9h" })).await;
        // From nine in the morning on they discharge, and their twins see it.
        loop {
            let listed = serve.get("/twins/v1/twins?kind=battery").await;
            let items = listed["items"].as_array().unwrap();
            assert_eq!(items.len(), 3);
            let is_discharging = |item: &Value| item["battery"]["doing"] == "discharging";
            if items.iter().all(is_discharging) {
                let soc = items[0]["battery"]["soc"].as_f64().unwrap();
                assert!((0.2..0.9).contains(&soc), "{}", items[0]);
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(serve.stop().0.code(), Some(0));
    });
}

#[test]
fn a_clock_that_jumps_leaves_no_report_behind() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("fleet.yaml"), COURIERS).unwrap();
        let args = ["--ephemeral", "--scenario", "fleet.yaml", "--paused"];
        let serve = Serve::with(folder.path(), &args, &[("CELLTIDE_FLEET__INTERVAL_S", "10")]);
        serve.post("/twins/v1/clock/advance", json!({ "by": "2h" })).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let listed = serve.get("/twins/v1/twins?kind=battery").await;
            let items = listed["items"].as_array().unwrap();
            let readings: Vec<u64> = items.iter().filter_map(|item| item["readings"].as_u64()).collect();
            // One every ten seconds for two hours but for a few that a device loses, in more than one packet.
            if readings.len() == 2 && readings.iter().all(|count| *count >= 700) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{readings:?} readings");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
