//! Simulated hardware: networks, vessels and data centres that report as real ones, and faults made on purpose.

use crate::process::{Serve, run};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const PACKS: &str = "
name: couriers
start: 2026-01-01
horizon_days: 10
climate: { constant_c: 25 }
batteries:
  bike: { chemistry: nca-gr-panasonic-3ah, series: 13, parallel: 4, price: 400 }
packs:
  - name: courier
    battery: bike
    count: 2
    initial_soc: 0.5
    duty:
      kind: daily
      steps:
        - { at_hour: 23, c_rate: 0.1, until_soc: 0.4 }
";

/// Asks until it is so.
async fn until(serve: &Serve, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1_200 {
        let seen = serve.get(path).await;
        if holds(&seen) {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not in a minute: {path} {}", serve.get(path).await);
}

fn fleet(scenario: &str, interval_s: &str) -> (tempfile::TempDir, Serve) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fleet.yaml"), scenario).unwrap();
    let args = ["--ephemeral", "--scenario", "fleet.yaml", "--speed", "60"];
    let serve = Serve::with(folder.path(), &args, &[("CELLTIDE_FLEET__INTERVAL_S", interval_s)]);
    (folder, serve)
}

#[test]
fn a_fault_shows_in_what_the_device_reports_until_it_is_lifted() {
    run(async {
        let (_folder, serve) = fleet(PACKS, "10");
        let volts = |seen: &Value| seen["latest"]["voltage_v"]["value"].as_f64().unwrap_or(0.0);
        let path = "/twins/v1/twins/courier-1";
        let healthy = volts(&until(&serve, path, |seen| volts(seen) > 10.0).await);
        let bias = json!({ "twin": "courier-1", "fault": "sensor_bias", "metric": "voltage_v", "by": 5 });
        let injected = serve.post("/twins/v1/faults", bias).await;
        assert_eq!((&injected["fault"], &injected["device"]), (&json!("sensor_bias"), &json!("courier-1")));
        assert_eq!(injected["by"], 5.0, "{injected}");
        until(&serve, path, |seen| (volts(seen) - healthy - 5.0).abs() < 1.0).await;
        let listed = serve.get("/twins/v1/faults").await;
        assert_eq!(listed["items"][0]["id"], injected["id"]);
        // The neighbour has none of it.
        let other = volts(&serve.get("/twins/v1/twins/courier-2").await);
        assert!((other - healthy).abs() < 2.0, "{other} {healthy}");
        let fault = format!("/twins/v1/faults/{}", injected["id"].as_str().unwrap());
        assert_eq!(serve.send(Method::DELETE, &fault, None).await.0, StatusCode::OK);
        assert_eq!(serve.send(Method::DELETE, &fault, None).await.0, StatusCode::NOT_FOUND);
        until(&serve, path, |seen| (volts(seen) - healthy).abs() < 1.0).await;

        // One that says nothing is offline after its time, and speaks again when its fault is over.
        serve
            .post("/twins/v1/faults", json!({ "twin": "courier-2", "fault": "silent", "for_s": 1800 }))
            .await;
        let path = "/twins/v1/twins/courier-2";
        until(&serve, path, |seen| seen["online"] == false).await;
        until(&serve, path, |seen| seen["online"] == true).await;
        assert_eq!(serve.get("/twins/v1/faults").await["items"], json!([]));
    });
}

#[test]
fn wrong_faults_are_refused_by_field_and_real_hardware_has_none() {
    run(async {
        let (_folder, serve) = fleet(PACKS, "10");
        let refused = |body: Value| {
            let sent = serve.send(Method::POST, "/twins/v1/faults", Some(body));
            async move {
                let (status, problem) = sent.await;
                (status, problem["field"].as_str().unwrap_or_default().to_owned())
            }
        };
        let (bad, missing) = (StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND);
        let of = |field: &str| (bad, field.to_owned());
        assert_eq!(refused(json!({ "twin": "courier-1", "fault": "rust" })).await, of("fault"));
        let unknown = json!({ "twin": "courier-1", "fault": "sensor_stuck", "metric": "taste" });
        assert_eq!(refused(unknown).await, of("metric"));
        let share = json!({ "twin": "courier-1", "fault": "drop_out", "share": 2 });
        assert_eq!(refused(share).await, of("share"));
        assert_eq!(refused(json!({ "twin": "courier-1", "fault": "slot", "slot": 1 })).await, of("fault"));
        assert_eq!(refused(json!({ "twin": "nobody", "fault": "silent" })).await.0, missing);
        // A twin of real hardware beside the simulated ones.
        serve.battery("B-1").await;
        assert_eq!(refused(json!({ "twin": "B-1", "fault": "silent" })).await.0, StatusCode::CONFLICT);

        let folder = tempfile::tempdir().unwrap();
        let real = Serve::start(folder.path());
        real.battery("B-1").await;
        let body = json!({ "twin": "B-1", "fault": "silent" });
        let (status, problem) = real.send(Method::POST, "/twins/v1/faults", Some(body)).await;
        assert_eq!(status, StatusCode::CONFLICT, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("simulated"), "{problem}");
        assert_eq!(real.send(Method::GET, "/twins/v1/faults", None).await.0, StatusCode::CONFLICT);
    });
}

const CITY: &str = "
name: town
start: 2026-03-02
horizon_days: 60
climate: { constant_c: 28 }
batteries:
  pack: { chemistry: nmc811-grsi-lg-m50-5ah, series: 14, parallel: 6, price: 330 }
networks:
  - name: town
    battery: pack
    packs: 20
    districts: 2
    cabinets: { count: 3, slots: 5, charger_kw: 0.5, site_power_kw: 2 }
    charging: { policy: immediate, target_soc: 1.0, ready_soc: 0.95 }
    riders: { count: 15, km_per_day: 70 }
    trips: { cycle: urban-scooter }
";

#[test]
fn a_network_reports_its_slots_and_swaps_and_a_broken_slot_is_seen() {
    run(async {
        let (_folder, serve) = fleet(CITY, "60");
        serve.post("/twins/v1/clock/advance", json!({ "by": "20h" })).await;
        let path = "/twins/v1/twins?kind=cabinet";
        let swaps = |seen: &Value| -> u64 {
            let items = seen["items"].as_array().unwrap();
            items.iter().map(|item| item["site"]["swaps"].as_u64().unwrap_or(0)).sum()
        };
        let has_slots = |item: &Value| item["site"]["slots"].as_array().map_or(0, Vec::len) == 5;
        let are_known = |seen: &Value| seen["items"].as_array().unwrap().iter().all(has_slots);
        let seen = until(&serve, path, |seen| are_known(seen) && swaps(seen) > 3).await;
        let items = seen["items"].as_array().unwrap();
        assert_eq!(items.len(), 3);
        // What stands in a slot is a twin of its own, which reports too.
        let slots = items.iter().flat_map(|item| item["site"]["slots"].as_array().unwrap());
        let docked = slots.filter_map(|slot| slot["battery"].as_str()).next().unwrap().to_owned();
        let pack = serve.get(&format!("/twins/v1/twins/{docked}")).await;
        assert!(pack["battery"]["soc"].as_f64().is_some(), "{pack}");

        let broken = json!({ "twin": "town-cabinet-1", "fault": "slot", "slot": 2 });
        let fault = serve.post("/twins/v1/faults", broken).await;
        let path = "/twins/v1/twins/town-cabinet-1";
        let state = |seen: &Value| seen["site"]["slots"][1]["state"].as_str().unwrap_or_default().to_owned();
        until(&serve, path, |seen| state(seen) == "faulty").await;
        let fault = format!("/twins/v1/faults/{}", fault["id"].as_str().unwrap());
        assert_eq!(serve.send(Method::DELETE, &fault, None).await.0, StatusCode::OK);
        until(&serve, path, |seen| state(seen) != "faulty").await;
    });
}

#[test]
fn vessels_and_data_centres_of_shipped_scenarios_report() {
    run(async {
        for (file, kind) in [("ocean-cleanup.yaml", "vessel"), ("ups-thailand.yaml", "facility")] {
            let folder = tempfile::tempdir().unwrap();
            let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/").to_owned() + file;
            let args = ["--ephemeral", "--scenario", &scenario, "--speed", "600"];
            let serve = Serve::with(folder.path(), &args, &[("CELLTIDE_FLEET__INTERVAL_S", "600")]);
            serve.post("/twins/v1/clock/advance", json!({ "by": "30h" })).await;
            let path = format!("/twins/v1/twins?kind={kind}");
            let is_known = |item: &Value| match kind {
                "vessel" => {
                    item["position"].is_array() && item["latest"]["distance_km"]["value"].as_f64() > Some(1.0)
                }
                _ => item["latest"]["voltage_v"]["value"].as_f64() > Some(1.0),
            };
            let seen = until(&serve, &path, |seen| {
                let items = seen["items"].as_array().unwrap();
                !items.is_empty() && items.iter().any(is_known)
            });
            seen.await;
            assert_eq!(serve.stop().0.code(), Some(0));
        }
    });
}
