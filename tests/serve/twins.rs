//! Twins over HTTP: registered, found by every name, reported for, looked at, changed, retired.

use crate::process::{Serve, ago_ms, run};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[test]
fn a_battery_from_its_registration_to_its_history() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let path = format!("/twins/v1/twins/{id}");

        let new = serve.get(&path).await;
        assert_eq!(new["kind"], "battery");
        assert_eq!(new["online"], json!(null));
        assert_eq!(new["battery"], json!(null));

        // An hour at rest at a known voltage, a reading a minute; twice, which changes nothing.
        let begin = ago_ms(3_600);
        let readings: Vec<_> = (0..60)
            .map(|k| json!({ "ts": begin + k * 60_000, "voltage_v": 48.1, "current_a": 0.0, "temperature_c": 25.0 }))
            .collect();
        let taken = serve.post(&format!("{path}/telemetry"), json!(readings)).await;
        assert_eq!(taken["accepted"], 60);
        let seen = serve.get(&path).await;
        assert_eq!(seen["readings"], 60);
        assert_eq!(seen["online"], true);
        assert_eq!(seen["latest"]["voltage_v"]["value"], 48.1);
        assert_eq!(seen["battery"]["doing"], "resting");
        let (soc, std) =
            (seen["battery"]["soc"].as_f64().unwrap(), seen["battery"]["soc_std"].as_f64().unwrap());
        assert!((0.3..0.8).contains(&soc) && std < 0.05, "{seen}");
        serve.post(&format!("{path}/telemetry"), json!(readings)).await;
        let again = serve.get(&path).await;
        assert_eq!((&again["readings"], &again["revision"]), (&seen["readings"], &seen["revision"]));
        assert_eq!(again["battery"]["soc"], seen["battery"]["soc"]);

        // Any name leads to it.
        assert_eq!(serve.get("/twins/v1/twins/B-1").await["id"], id.as_str());
        let found = serve.get("/twins/v1/twins?kind=battery&q=b-1").await;
        assert_eq!(found["items"].as_array().unwrap().len(), 1);

        let history = serve.get(&format!("{path}/history?metrics=voltage_v,current_a")).await;
        let series = history["series"].as_array().unwrap();
        assert_eq!(series.len(), 2);
        assert_eq!(series[1]["metric"], "voltage_v");
        assert_eq!(series[1]["points"].as_array().unwrap().len(), 60);
        let steps = serve.get(&format!("{path}/history?metrics=voltage_v&from={begin}&step=10m")).await;
        let steps = steps["series"][0]["steps"].as_array().unwrap().clone();
        assert_eq!(steps.len(), 6);
        assert_eq!(steps[0]["count"], 10);
        assert!((steps[5]["mean"].as_f64().unwrap() - 48.1).abs() < 1e-9);

        let events = serve.get(&format!("{path}/events")).await;
        assert_eq!(events["items"][0]["event"], "twin.created");
        assert!(events["items"][0]["by"].as_str().unwrap().starts_with("user:"));
    });
}

#[test]
fn a_late_reading_goes_to_its_place() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let begin = ago_ms(7_200);
        let reading = |k: i64| {
            // Discharges for the first hour, rests in the second.
            let current_a = if k < 60 { 5.0 } else { 0.0 };
            json!({ "ts": begin + k * 60_000, "voltage_v": 47.0 - 0.01 * k as f64, "current_a": current_a })
        };
        let in_order = serve.battery("in-order").await;
        let shuffled = serve.battery("shuffled").await;
        for k in 0..110 {
            serve.post(&format!("/twins/v1/twins/{in_order}/telemetry"), reading(k)).await;
        }
        // Every tenth comes last.
        let (late, first): (Vec<i64>, Vec<i64>) = (0..110).partition(|k| k % 10 == 3);
        for k in first.into_iter().chain(late.into_iter().rev()) {
            serve.post(&format!("/twins/v1/twins/{shuffled}/telemetry"), reading(k)).await;
        }
        let at = begin + 7_000_000;
        let one = serve.get(&format!("/twins/v1/twins/{in_order}?at={at}")).await;
        let other = serve.get(&format!("/twins/v1/twins/{shuffled}?at={at}")).await;
        assert_eq!(one["readings"], 110);
        assert_eq!(one["battery"], other["battery"]);
        // Live, not only replayed.
        let one = serve.get(&format!("/twins/v1/twins/{in_order}")).await;
        let other = serve.get(&format!("/twins/v1/twins/{shuffled}")).await;
        assert_eq!(one["battery"]["discharged_ah"], other["battery"]["discharged_ah"]);
        assert_eq!(one["battery"]["soc"], other["battery"]["soc"]);
        assert!(one["battery"]["discharged_ah"].as_f64().unwrap() > 4.0);

        // As it was after half an hour.
        let then = serve.get(&format!("/twins/v1/twins/{in_order}?at={}", begin + 1_800_000)).await;
        assert_eq!(then["readings"], 31);
        assert_eq!(then["battery"]["doing"], "discharging");
    });
}

#[test]
fn mistakes_are_named_and_strangers_stay_out() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let path = format!("/twins/v1/twins/{id}");
        let wrong = |method: Method, path: String, body: serde_json::Value| {
            let serve = &serve;
            async move {
                let response = serve.request(method, &path).json(&body).send().await.unwrap();
                let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
                let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
                assert_eq!(kind, "application/problem+json", "{path}");
                assert!(!id.is_empty());
                let problem: serde_json::Value = response.json().await.unwrap();
                (
                    problem["status"].as_u64().unwrap(),
                    problem["field"].as_str().unwrap_or_default().to_owned(),
                )
            }
        };
        let twins = || "/twins/v1/twins".to_owned();
        let telemetry = || format!("{path}/telemetry");
        let cases = [
            (Method::POST, twins(), json!({ "kind": "submarine" }), 400, "kind"),
            (Method::POST, twins(), json!({ "kind": "battery", "colour": "red" }), 400, "body"),
            (
                Method::POST,
                twins(),
                json!({ "kind": "battery", "spec": { "series": 0 } }),
                400,
                "spec.series",
            ),
            (Method::POST, twins(), json!({ "kind": "battery", "spec": { "cells": 1 } }), 400, "spec"),
            (
                Method::POST,
                twins(),
                json!({ "kind": "battery", "aliases": [{ "namespace": "device", "name": "B-1" }] }),
                409,
                "aliases",
            ),
            (Method::POST, telemetry(), json!({ "voltage_v": 1.0, "current_a": 0.0 }), 400, "ts"),
            (Method::POST, telemetry(), json!({ "ts": ago_ms(0), "voltage_v": 1.0 }), 400, "current_a"),
            (Method::POST, telemetry(), json!({ "ts": 5, "voltage_v": 1.0, "current_a": 0.0 }), 400, "ts"),
            (
                Method::POST,
                telemetry(),
                json!({ "ts": ago_ms(0), "voltage_v": 1.0, "current_a": 0.0, "soc_pct": 900.0 }),
                400,
                "soc_pct",
            ),
            (Method::POST, telemetry(), json!([]), 400, "body"),
            (Method::GET, "/twins/v1/twins/nobody".to_owned(), json!(null), 404, ""),
            (Method::GET, "/twins/v1/twins?limit=0".to_owned(), json!(null), 400, "limit"),
            (Method::GET, "/twins/v1/twins?cursor=zz".to_owned(), json!(null), 400, "cursor"),
            (Method::GET, "/twins/v1/twins?near=1,2".to_owned(), json!(null), 400, "near"),
            (Method::GET, "/twins/v1/nothing".to_owned(), json!(null), 404, ""),
            (Method::PUT, path.clone(), json!(null), 405, ""),
            (Method::PUT, "/twins/v1/clock".to_owned(), json!({ "speed": 2 }), 409, ""),
        ];
        for (method, path, body, status, field) in cases {
            let said = format!("{method} {path} {body}");
            assert_eq!(wrong(method, path, body).await, (status, field.to_owned()), "{said}");
        }
        let raw = serve.request(Method::POST, &telemetry()).body("{\"ts\": NaN").send().await.unwrap();
        assert_eq!(raw.status(), StatusCode::BAD_REQUEST);
        let long = serve.request(Method::POST, &telemetry()).body("x".repeat(9 << 20)).send().await;
        // Where the server closes before all of it was sent, there is no answer to read.
        assert!(long.map_or(true, |refused| refused.status() == StatusCode::PAYLOAD_TOO_LARGE));
        let seen = serve.get(&path).await;
        assert_eq!(seen["readings"], 0);

        serve.password(Some("wrong password"));
        assert_eq!(serve.send(Method::GET, "/twins/v1/twins", None).await.0, StatusCode::UNAUTHORIZED);
        serve.password(None);
        for path in ["/twins/v1/twins", &path, "/twins/v1/alerts", "/twins/v1/clock", "/twins/v1/events"] {
            let (status, _) = serve.send(Method::GET, path, None).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        }
        assert_eq!(serve.get("/health").await["status"], "healthy");
        assert_eq!(serve.get("/health/ready").await["status"], "ready");
        let metrics = serve.get("/metrics").await;
        assert!(metrics.as_str().unwrap().contains("celltide_http_requests_total"), "{metrics}");
        assert!(!metrics.as_str().unwrap().contains(&id), "no label names a twin");
    });
}

#[test]
fn twins_are_changed_listed_page_by_page_and_retired() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let mut ids = Vec::new();
        for k in 0..7 {
            ids.push(serve.battery(&format!("B-{k}")).await);
        }
        let cabinet =
            json!({ "kind": "cabinet", "name": "Siam", "spec": { "lat": 13.75, "lon": 100.5, "slots": 8 } });
        let cabinet = serve.post("/twins/v1/twins", cabinet).await["id"].as_str().unwrap().to_owned();

        let (mut listed, mut path) = (Vec::new(), "/twins/v1/twins?kind=battery&limit=3".to_owned());
        loop {
            let page = serve.get(&path).await;
            listed.extend(
                page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/twins/v1/twins?kind=battery&limit=3&cursor={cursor}");
        }
        ids.sort();
        listed.sort();
        assert_eq!(listed, ids);

        let near = serve.get("/twins/v1/twins?near=13.7,100.5,10").await;
        assert_eq!(near["items"].as_array().unwrap().len(), 1);
        assert_eq!(near["items"][0]["id"], cabinet.as_str());
        let far = serve.get("/twins/v1/twins?near=48,11,10").await;
        assert_eq!(far["items"], json!([]));

        let change = json!({ "name": null, "aliases": [{ "namespace": "serial", "name": "S-9" }] });
        let path = format!("/twins/v1/twins/{}", ids[0]);
        let (status, changed) = serve.send(Method::PATCH, &path, Some(change)).await;
        assert_eq!(status, StatusCode::OK, "{changed}");
        assert_eq!(changed["name"], json!(null));
        assert_eq!(serve.get("/twins/v1/twins/S-9").await["id"], ids[0].as_str());

        let (status, _) = serve.send(Method::DELETE, &path, None).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        let (status, _) = serve.send(Method::DELETE, &path, None).await;
        assert_eq!(status, StatusCode::GONE);
        let reading = json!({ "ts": ago_ms(0), "voltage_v": 40.0, "current_a": 0.0 });
        let (status, _) = serve.send(Method::POST, &format!("{path}/telemetry"), Some(reading)).await;
        assert_eq!(status, StatusCode::GONE);
        assert!(serve.get(&path).await["retired_at"].is_string());
        let left = serve.get("/twins/v1/twins?kind=battery").await;
        assert_eq!(left["items"].as_array().unwrap().len(), 6);
    });
}

#[test]
fn a_cabinet_is_what_it_says() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let body = json!({ "kind": "cabinet", "aliases": [{ "namespace": "device", "name": "C-1" }] });
        serve.post("/twins/v1/twins", body).await;
        let mut ts = ago_ms(60);
        let mut say = |event: &str, detail: serde_json::Value| {
            ts += 1_000;
            let body = json!({ "ts": ts, "event": event, "detail": detail });
            let serve = &serve;
            async move { serve.post("/twins/v1/twins/C-1/events", body).await }
        };
        say("slot", json!({ "slot": 1, "state": "ready", "battery": "B-1" })).await;
        say("slot", json!({ "slot": 2, "state": "empty" })).await;
        say("door", json!({ "state": "open" })).await;
        let swap = json!({ "slot_in": 2, "battery_in": "B-2", "slot_out": 1, "battery_out": "B-1" });
        say("swap", swap).await;
        let seen = serve.get("/twins/v1/twins/C-1").await;
        assert_eq!(seen["site"]["swaps"], 1);
        assert_eq!(seen["site"]["slots"][0]["state"], "empty");
        assert_eq!(seen["site"]["slots"][1]["battery"], "B-2");
        assert_eq!(seen["said"]["door"], "open");
    });
}

/// Holds a body to a schema of the document: nothing in it that the schema does not name, nothing missing that it requires.
#[track_caller]
fn held(document: &Value, schema: &str, body: &Value) {
    let schema = &document["components"]["schemas"][schema];
    let known = schema["properties"].as_object().unwrap();
    let body = body.as_object().unwrap_or_else(|| panic!("{body}"));
    for key in body.keys() {
        assert!(known.contains_key(key), "the document does not say that there is {key}: {schema}");
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        assert!(body.contains_key(key.as_str().unwrap()), "{key} is missing: {body:?}");
    }
}

#[test]
fn bodies_are_as_the_document_says() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let document = serve.get("/api-docs/twins.json").await;
        let id = serve.battery("B-1").await;
        let hot = |k: i64| json!({ "ts": ago_ms(200 - 10 * k), "voltage_v": 47.0, "current_a": 1.0, "temperature_c": 80.0 });
        serve.post(&format!("/twins/v1/twins/{id}/telemetry"), (0..12).map(hot).collect()).await;
        let twin = serve.get(&format!("/twins/v1/twins/{id}")).await;
        held(&document, "TwinBody", &twin);
        held(&document, "SpecBody", &twin["spec"]);
        held(&document, "AliasBody", &twin["aliases"][0]);
        held(&document, "AlertBody", &twin["alerts"][0]);
        held(&document, "TwinPage", &serve.get("/twins/v1/twins").await);
        let alerts = serve.get("/twins/v1/alerts").await;
        held(&document, "AlertPage", &alerts);
        held(&document, "AlertBody", &alerts["items"][0]);
        let command =
            serve.post(&format!("/twins/v1/twins/{id}/commands"), json!({ "command": "blink" })).await;
        held(&document, "CommandBody", &command);
        held(&document, "CommandPage", &serve.get(&format!("/twins/v1/twins/{id}/commands")).await);
        let body =
            json!({ "kind": "cabinet", "aliases": [], "spec": { "slots": 3, "lat": 1.0, "lon": 2.0 } });
        held(&document, "TwinBody", &serve.post("/twins/v1/twins", body).await);
        held(&document, "ClockSight", &serve.get("/twins/v1/clock").await);
        // Streams and administration are there too, and no operation is without a tag.
        for (path, method, operation) in crate::coverage::operations(&document) {
            assert!(operation["tags"][0].is_string(), "{method} {path}");
        }
        for path in ["/events", "/ws", "/admin/users", "/admin/devices/{kind}/{id}", "/admin/audit"] {
            assert!(document["paths"][path].is_object(), "{path}");
        }
    });
}
