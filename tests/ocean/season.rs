//! A simulated season.

/// A boat and a crew by a bay, a truck, and works behind it.
pub(crate) const SCENARIO: &str = "\
name: bay
description: What does a small cleanup bring in?
start: 2026-05-01
horizon_days: 40
seed: 3
climate: { constant_c: 16 }
batteries: { pack: { chemistry: lfp-gr-250ah-prismatic, series: 360, parallel: 2 } }
cleanups:
  - name: bay
    grounds:
      - { name: mouth, sea: coastal, south_deg: 37.0, north_deg: 37.4, west_deg: -123.2, east_deg: -122.7, density_kg_per_km2: 60 }
      - { name: sand, sea: beach, south_deg: 37.72, north_deg: 37.78, west_deg: -122.52, east_deg: -122.51, area_km2: 0.3 }
    ports:
      - { name: quay, latitude_deg: 37.8, longitude_deg: -122.3, yard_t: 20 }
    vessels:
      - { name: boat, count: 2, home: quay, ground: mouth, swath_m: 80, drag_area_m2: 40, engine_kw: 320, design_kw: 180, light_t: 90, hotel_kw: 8,
          tank_l: 6000, hold_t: 5, hold_m3: 60, endurance_days: 5, haul_h: 6 }
    teams:
      - { name: crew, method: beach_cleanup, ground: sand, port: quay, skip_kg: 900 }
    trucks: { count: 1, capacity_t: 8 }
    plants:
      - { name: sorter, work: sorting, latitude_deg: 37.7, longitude_deg: -122.1, kg_per_h: 150, yard_t: 20 }
      - { name: recycler, work: recycling, latitude_deg: 37.9, longitude_deg: -121.3, kg_per_h: 120, yard_t: 20 }
output: { interval_days: 2 }
";

use crate::caller::{CONFIG, Door};
use crate::receiver::{Manner, Receiver};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_season_leaves_devices_batches_receipts_and_reports() {
    crate::process::run(async {
        let config = format!("{CONFIG}[fleet]\ninterval_s = 1800\n");
        let args = ["--scenario", "season.yaml", "--paused"];
        let mut door = Door::open(&config, &args).await;
        // The fleet's own clock: what an endpoint does not take is tried again in its time.
        let receiver = Receiver::open().await;
        receiver.behaves(Manner::Fails);
        let body = json!({ "events": ["batch.created"], "endpoint": receiver.url, "secret": "a secret of some length" });
        let subscription = door.post("/notifications/subscribe", body).await.good(201);
        let subscription = subscription["subscriptionId"].as_str().unwrap().to_owned();

        let mut ended = Value::Null;
        for _ in 0..38 {
            door.serve.post("/twins/v1/clock/advance", json!({ "by": "1d" })).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            ended = door.get("/batches?status=recycled&limit=500").await;
            if ended["pagination"]["total"].as_u64() >= Some(1) {
                break;
            }
        }
        assert!(ended["pagination"]["total"].as_u64().unwrap() >= 1, "{ended}");
        receiver.behaves(Manner::Takes);
        let devices = door.get("/devices").await;
        assert!(devices["pagination"]["total"].as_u64().unwrap() >= 3, "{devices}");
        let boat = door.get("/devices/bay-boat-1/status").await;
        assert!(boat["location"]["latitude"].as_f64().unwrap() > 30.0, "{boat}");
        let facilities = door.get("/facilities").await;
        assert_eq!(facilities["pagination"]["total"], 2);
        // Some batch went all the way, taken in twice.
        let recycled = door.get("/batches?status=recycled&limit=1").await;
        let id = recycled["data"][0]["batchId"].as_str().unwrap().to_owned();
        let seen = door.get(&format!("/batches/{id}")).await;
        assert_eq!(seen["collection"]["collector"]["organizationId"], "bay");
        assert!(seen["parents"].is_array(), "works part what they take in: {seen}");
        assert!(seen["recycling"]["recoveredWeight"]["value"].as_f64().unwrap() > 0.0);
        // What was collected is all there: roots weigh what their parts do.
        let window = "startDate=2026-05-01&endDate=2026-07-01";
        let impact = door.get(&format!("/analytics/environmental?{window}")).await;
        assert!(impact["basis"]["collection"]["fuel"]["value"].as_f64().unwrap() > 0.0, "{impact}");
        assert!(impact["impact"]["oceanCleanupArea"]["value"].as_f64().unwrap() > 0.0);
        let stats = door.get(&format!("/analytics/collection?{window}&groupBy=month")).await;
        assert_eq!(
            stats["statistics"]["totalWeight"]["value"].as_f64().unwrap(),
            impact["impact"]["totalPlasticCollected"]["value"].as_f64().unwrap()
        );
        // Everything that was not taken comes in the end, or is given up after its time, with a record.
        let seen = door.get(&format!("/notifications/{subscription}")).await;
        let is_given_up = !seen["dead"].as_array().unwrap().is_empty();
        assert!(
            is_given_up || seen["waiting"].as_u64().unwrap() > 0 || !receiver.came().is_empty(),
            "{seen}"
        );
        // May is over: it was reported.
        for _ in 0..30 {
            if door.call("GET", "/reports/RPT-2026-001", None).await.status == 200 {
                break;
            }
            door.serve.post("/twins/v1/clock/advance", json!({ "by": "1d" })).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let report = crate::report::made(&mut door, "RPT-2026-001").await;
        assert_eq!((&report["status"], &report["type"]), (&json!("completed"), &json!("monthly_impact")));
        if let Ok(folder) = std::env::var("OCEAN_PAGES") {
            let file = door.client.get(report["downloadUrl"].as_str().unwrap()).send().await.unwrap();
            std::fs::write(format!("{folder}/season.pdf"), file.bytes().await.unwrap()).unwrap();
            let page = format!("{}/batch/{id}", door.serve.http);
            let page = door.client.get(page).send().await.unwrap().text().await.unwrap();
            std::fs::write(format!("{folder}/season.html"), page).unwrap();
        }
        // Its link ends after a week.
        let url = report["downloadUrl"].as_str().unwrap().to_owned();
        assert_eq!(door.client.get(&url).send().await.unwrap().status(), 200);
        door.serve.post("/twins/v1/clock/advance", json!({ "by": "8d" })).await;
        assert_eq!(door.client.get(&url).send().await.unwrap().status(), 404);
        assert_eq!(door.get("/reports/RPT-2026-001").await["status"], "expired");
        door.call("GET", "/reports/RPT-2026-001/download", None).await.is(404, "ERR_REPORT_EXPIRED");
    });
}
