//! Alerts: raised by a condition that lasts, seen, noted, ended.

use crate::process::{Serve, ago_ms, run};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn reading(ts: i64, temperature_c: f64) -> Value {
    json!({ "ts": ts, "voltage_v": 48.0, "current_a": 0.0, "temperature_c": temperature_c })
}

#[test]
fn a_hot_battery_raises_one_alert_which_ends_by_itself() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let telemetry = format!("/twins/v1/twins/{id}/telemetry");
        let begin = ago_ms(3_600);
        let hot: Vec<Value> = (0..20).map(|k| reading(begin + k * 10_000, 46.5)).collect();
        serve.post(&telemetry, json!(hot)).await;
        let seen = serve.get(&format!("/twins/v1/twins/{id}")).await;
        let alerts = seen["alerts"].as_array().unwrap();
        assert_eq!(alerts.len(), 1, "{seen}");
        assert_eq!(alerts[0]["alert_type"], "temperature_high");
        assert_eq!(alerts[0]["severity"], "warning");
        assert_eq!(alerts[0]["message"], "Battery temperature 46.5°C exceeds threshold 45.0°C");
        let name = alerts[0]["alert_id"].as_str().unwrap().to_owned();

        let noted = serve
            .post(&format!("/twins/v1/alerts/{name}/acknowledge"), json!({ "note": "fan ordered" }))
            .await;
        assert!(noted["acknowledged_by"].as_str().unwrap().starts_with("user:"));
        assert_eq!(noted["note"], "fan ordered");
        let path = format!("/twins/v1/alerts/{name}/acknowledge");
        let (status, again) = serve.send(Method::POST, &path, Some(json!({}))).await;
        assert_eq!(
            (status, again["detail"].as_str().unwrap()),
            (StatusCode::CONFLICT, "Alert has already been acknowledged")
        );

        // It survives a restart, gets worse in place, and ends.
        serve.kill();
        let serve = Serve::start(folder.path());
        let worse: Vec<Value> = (20..40).map(|k| reading(begin + k * 10_000, 57.0)).collect();
        serve.post(&telemetry, json!(worse)).await;
        let active = serve.get("/twins/v1/alerts?active=true").await;
        assert_eq!(active["items"].as_array().unwrap().len(), 1);
        assert_eq!(active["items"][0]["alert_id"], name.as_str());
        assert_eq!(active["items"][0]["severity"], "critical");
        serve.post(&telemetry, reading(begin + 400_000, 30.0)).await;
        let ended = serve.get(&format!("/twins/v1/alerts/{name}")).await;
        assert_eq!(ended["active"], false);
        assert!(ended["resolved_at"].is_string());
        assert_eq!(serve.get("/twins/v1/alerts?active=true").await["items"], json!([]));

        let events = serve.get(&format!("/twins/v1/twins/{id}/events")).await;
        let of_alert =
            events["items"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap());
        let of_alert: Vec<&str> = of_alert.filter(|event| event.starts_with("alert.")).collect();
        assert_eq!(of_alert, ["alert.raised", "alert.acknowledged", "alert.changed", "alert.resolved"]);
    });
}

#[test]
fn a_device_that_falls_silent_is_offline_and_told_about() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let rules = "[[rule]]\ntype = \"connection_lost\"\nkind = \"battery\"\nfigure = \"silence_s\"\n\
                     title = \"Silent for\"\nunit = \"s\"\nabove = { warning = 1 }\n";
        std::fs::write(folder.path().join("rules.toml"), rules).unwrap();
        let environment = [("CELLTIDE_PLATFORM__SILENCE_S", "1"), ("CELLTIDE_ALERTS__RULES", "rules.toml")];
        let serve = Serve::with(folder.path(), &["--data", "data"], &environment);
        let id = serve.battery("B-1").await;
        let path = format!("/twins/v1/twins/{id}");
        serve.post(&format!("{path}/telemetry"), reading(ago_ms(1), 20.0)).await;
        assert_eq!(serve.get(&path).await["online"], true);
        let gone = loop {
            let seen = serve.get(&path).await;
            if seen["online"] == false {
                break seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert_eq!(gone["alerts"][0]["alert_type"], "connection_lost");
        serve.post(&format!("{path}/telemetry"), reading(ago_ms(0), 20.0)).await;
        let back = serve.get(&path).await;
        assert_eq!((&back["online"], &back["alerts"]), (&json!(true), &json!([])));
    });
}

#[test]
fn resolved_by_hand_it_stays_away_for_a_while() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let telemetry = format!("/twins/v1/twins/{id}/telemetry");
        let begin = ago_ms(300);
        let hot = |from: i64, to: i64| {
            json!((from..to).map(|k| reading(begin + k * 10_000, 50.0)).collect::<Vec<_>>())
        };
        serve.post(&telemetry, hot(0, 15)).await;
        let alert = serve.get("/twins/v1/alerts?type=temperature_high").await["items"][0]["id"].clone();
        let path = format!("/twins/v1/alerts/{}/resolve", alert.as_str().unwrap());
        let resolved = serve.post(&path, json!({})).await;
        assert!(resolved["resolved_by"].as_str().unwrap().starts_with("user:"));
        serve.post(&telemetry, hot(15, 30)).await;
        assert_eq!(serve.get("/twins/v1/alerts?active=true").await["items"], json!([]));
        let (status, _) = serve.send(Method::POST, &path, Some(json!({}))).await;
        assert_eq!(status, StatusCode::CONFLICT);
    });
}
