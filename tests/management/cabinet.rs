//! Cabinets: their slots, what they achieved, and alerts.

use crate::caller::Door;
use crate::process::ago_ms;
use crate::reading::time;
use serde_json::{Value, json};

/// Registers a cabinet natively; its id.
async fn cabinet(door: &Door, device: &str, name: &str, spec: Value, labels: Value) -> String {
    let body = json!({
        "kind": "cabinet", "name": name, "aliases": [{ "namespace": "device", "name": device }],
        "spec": spec, "labels": labels,
    });
    door.serve.post("/twins/v1/twins", body).await["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn slots(door: &mut Door) {
    assert_eq!(door.get("/swapping-cabinets").await["data"], json!([]));
    let spec = json!({
        "lat": 40.7128, "lon": -74.006, "address": "123 Main St, City, Country", "slots": 4, "power_source": "hybrid",
    });
    let labels = json!({ "last_maintenance_date": "2023-01-15", "utc_offset_h": "0" });
    let id = cabinet(door, "CAB-1", "Cabinet A", spec, labels).await;
    let idle = json!({ "status": "inactive" });
    cabinet(door, "CAB-2", "Cabinet B", json!({ "slots": 2 }), idle).await;
    let battery = door.battery("SWAP-1").await["id"].as_str().unwrap().to_owned();
    door.battery("SWAP-2").await;

    let seen = door.get(&format!("/swapping-cabinets/{id}")).await;
    assert_eq!(
        seen,
        json!({
            "id": id, "name": "Cabinet A", "latitude": 40.7128, "longitude": -74.006,
            "address": "123 Main St, City, Country", "total_slots": 4, "available_slots": 4, "ready_batteries": 0,
            "status": "active", "power_source": "hybrid", "last_maintenance_date": "2023-01-15",
        })
    );
    assert_eq!(door.get("/swapping-cabinets/CAB-1").await, seen, "by any name");
    let list = door.get("/swapping-cabinets?limit=1").await;
    assert_eq!((&list["data"][0], &list["pagination"]["total"]), (&seen, &json!(2)));
    assert_eq!(list["pagination"]["next"], "/swapping-cabinets?limit=1&offset=1");
    assert_eq!(door.get("/swapping-cabinets?status=inactive").await["data"][0]["name"], "Cabinet B");
    door.call("GET", "/swapping-cabinets?status=melted", None).await.is(400, "VALIDATION_ERROR");
    // A battery is no cabinet.
    for path in ["/swapping-cabinets/CAB-9", "/swapping-cabinets/SWAP-1", "/swapping-cabinets/CAB-9/slots"] {
        door.call("GET", path, None).await.is(404, "CABINET_NOT_FOUND");
    }

    // What the cabinet says.
    let mut ts = ago_ms(600);
    for (slot, state, name) in
        [(1, "occupied", Some("SWAP-1")), (3, "faulty", None), (4, "ready", Some("UNKNOWN"))]
    {
        ts += 1_000;
        let detail = json!({ "slot": slot, "state": state, "battery": name });
        door.tell("CAB-1", "events", json!({ "ts": ts, "event": "slot", "detail": detail })).await;
    }
    let slots = door.get("/swapping-cabinets/CAB-1/slots").await;
    let slots = slots.as_array().unwrap();
    let states: Vec<_> = slots
        .iter()
        .map(|slot| (slot["slot_number"].as_u64().unwrap(), slot["status"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [(1, "occupied"), (2, "empty"), (3, "faulty"), (4, "ready")]);
    assert_eq!(slots[0]["battery_id"], battery.as_str(), "whatever the cabinet calls it");
    assert_eq!(slots[3]["battery_id"], json!(null), "nobody registered it");
    assert!(slots[0]["last_updated"].as_str().unwrap().ends_with('Z'));
    let seen = door.get("/swapping-cabinets/CAB-1").await;
    assert_eq!((&seen["available_slots"], &seen["ready_batteries"]), (&json!(1), &json!(1)));

    // What somebody sets, by number and by id.
    let first = format!("/swapping-cabinets/CAB-1/slots/{}", slots[0]["id"].as_str().unwrap());
    let answer = door.put(&first, json!({ "status": "charging", "battery_id": battery })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.body["status"], &answer.body["battery_id"]), (&json!("charging"), &json!(battery)));
    let commands = door.serve.get("/twins/v1/twins/CAB-1/commands").await;
    assert_eq!(commands["items"][0]["command"], "charge_slot");
    assert_eq!(commands["items"][0]["params"], json!({ "slot": 1, "battery": "SWAP-1" }));
    let answer = door.put("/swapping-cabinets/CAB-1/slots/1", json!({ "status": "ready" })).await;
    assert_eq!(answer.body["battery_id"], battery.as_str(), "it stays where nothing is said");

    let second = "/swapping-cabinets/CAB-1/slots/2";
    let conflicts = [
        (second, json!({ "status": "occupied", "battery_id": "SWAP-1" })),
        (second, json!({ "status": "charging" })),
        (second, json!({ "status": "ready", "battery_id": null })),
        (second, json!({ "status": "empty", "battery_id": "SWAP-2" })),
        ("/swapping-cabinets/CAB-2/slots/1", json!({ "status": "occupied", "battery_id": "SWAP-2" })),
    ];
    for (path, body) in conflicts {
        door.put(path, body).await.is(409, "SLOT_CONFLICT");
    }
    door.put(second, json!({ "status": "melted" })).await.is(400, "VALIDATION_ERROR");
    door.put(second, json!({ "status": "occupied", "battery_id": "NOBODY" }))
        .await
        .is(400, "VALIDATION_ERROR");
    door.put(second, json!({})).await.is(400, "VALIDATION_ERROR");
    let body = json!({ "status": "empty" });
    door.put("/swapping-cabinets/CAB-1/slots/9", body.clone()).await.is(404, "SLOT_NOT_FOUND");
    door.put("/swapping-cabinets/CAB-9/slots/1", body.clone()).await.is(404, "CABINET_NOT_FOUND");
    // Taken out of the first, it can be put into the second.
    let answer = door.put("/swapping-cabinets/CAB-1/slots/1", body).await;
    assert_eq!(answer.body["battery_id"], json!(null));
    let answer = door.put(second, json!({ "status": "occupied", "battery_id": "SWAP-1" })).await;
    assert_eq!((answer.status.as_u16(), &answer.body["battery_id"]), (200, &json!(battery)));
}

pub(crate) async fn metrics(door: &mut Door) {
    let id =
        cabinet(door, "CAB-3", "Cabinet C", json!({ "slots": 6, "power_source": "hybrid" }), json!({})).await;
    // Yesterday at noon UTC, so that hours are known.
    let noon = ago_ms(86_400).div_euclid(86_400_000) * 86_400_000 + 43_200_000;
    let minute = |minutes: i64| noon + minutes * 60_000;
    let say = async |door: &Door, minutes: i64, event: &str, detail: Value| {
        door.tell("CAB-3", "events", json!({ "ts": minute(minutes), "event": event, "detail": detail }))
            .await;
    };
    // Three swaps between 18 and 19 o'clock, one at 12; the batteries that come are ready after 40, 50 and 60 minutes.
    say(
        door,
        5,
        "swap",
        json!({ "slot_in": 4, "battery_in": "SWAP-1", "slot_out": 1, "battery_out": "SWAP-2" }),
    )
    .await;
    for (slot, at, ready, out) in [(1, 370, 410, "SWAP-1"), (2, 380, 430, "SWAP-1"), (3, 390, 450, "SWAP-2")]
    {
        let swap = json!({ "slot_in": slot, "battery_in": format!("GUEST-{slot}"), "slot_out": 5, "battery_out": out });
        say(door, at, "swap", swap).await;
        say(
            door,
            ready,
            "slot",
            json!({ "slot": slot, "state": "ready", "battery": format!("GUEST-{slot}") }),
        )
        .await;
    }
    // Meters: 500.5 kWh in all, 100.5 of them from the sun.
    for (minutes, energy_kwh, solar_kwh) in [(-10, 1_000.0, 50.0), (60, 1_200.0, 90.0), (480, 1_500.5, 150.5)]
    {
        let reading = json!({ "ts": minute(minutes), "energy_kwh": energy_kwh, "solar_kwh": solar_kwh });
        door.tell("CAB-3", "telemetry", reading).await;
    }
    let (from, to) = (time(noon), time(minute(600)));
    let expected = json!({
        "total_swaps": 4, "energy_consumed_kwh": 500.5, "grid_energy_kwh": 400.0, "solar_energy_kwh": 100.5,
        "peak_usage_time": "18:00:00", "average_charging_time_minutes": 50.0,
    });
    assert_eq!(door.get(&format!("/swapping-cabinets/{id}/metrics?from={from}&to={to}")).await, expected);
    let month = door.get("/swapping-cabinets/CAB-3/metrics").await;
    assert_eq!(month["total_swaps"], 4, "of the last 30 days");
    let quiet = door.get("/swapping-cabinets/CAB-3/metrics?from=2020-01-01&to=2020-01-02").await;
    assert_eq!((&quiet["total_swaps"], &quiet["peak_usage_time"]), (&json!(0), &json!(null)));
    assert_eq!(quiet["average_charging_time_minutes"], json!(null));
    door.call("GET", "/swapping-cabinets/CAB-9/metrics", None).await.is(404, "CABINET_NOT_FOUND");
    let reversed = "/swapping-cabinets/CAB-3/metrics?from=2020-01-02&to=2020-01-01";
    door.call("GET", reversed, None).await.is(400, "VALIDATION_ERROR");

    let query = format!("start_time={from}&end_time={to}");
    let all = door.get(&format!("/swapping-cabinets/energy-consumption?{query}")).await;
    // The other cabinets have no meters and were not heard of yet then.
    assert_eq!(
        all,
        json!({
            "total_energy_kwh": 500.5, "grid_energy_kwh": 400.0, "solar_energy_kwh": 100.5,
            "start_time": from, "end_time": to,
        })
    );
    door.call("GET", "/swapping-cabinets/energy-consumption", None).await.is(400, "VALIDATION_ERROR");

    let active = door.get(&format!("/analytics/most-active-cabinets?from={from}&to={to}&limit=1")).await;
    assert_eq!(active, json!([{ "cabinet_id": id, "total_swaps": 4, "total_energy_consumed_kwh": 500.5 }]));
    let all = door.get(&format!("/analytics/most-active-cabinets?from={from}&to={to}")).await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    for wrong in ["", "?from=2020-01-01", "?from=2020-01-01&to=2020-01-02&limit=0"] {
        let path = format!("/analytics/most-active-cabinets{wrong}");
        door.call("GET", &path, None).await.is(400, "VALIDATION_ERROR");
    }
    let usage = door.get(&format!("/analytics/battery-usage?{query}")).await;
    let used = usage["most_used_batteries"].as_array().unwrap();
    let counts: Vec<_> = used.iter().map(|used| used["usage_count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [2, 2]);
}

pub(crate) async fn alerts(door: &mut Door) {
    // A faulty slot since the first of these tests.
    let page = door.get("/alerts?status=active&severity=medium").await;
    let slot = page["data"].as_array().unwrap().iter().find(|alert| alert["alert_type"] == "Slot Fault");
    let slot = slot.unwrap_or_else(|| panic!("{page}")).clone();
    assert_eq!((&slot["battery_id"], &slot["resolved_at"]), (&json!(null), &json!(null)));
    assert!(slot["cabinet_id"].is_string() && slot["created_at"].as_str().unwrap().ends_with('Z'), "{slot}");
    let cabinet = door.get("/alerts?cabinet_id=CAB-1").await;
    assert_eq!(cabinet["data"][0]["id"], slot["id"]);

    // A battery that runs low and hot.
    let battery = door.battery("LOW").await["id"].as_str().unwrap().to_owned();
    let readings: Vec<Value> = (0..30)
        .map(|k| json!({ "ts": ago_ms(300) + k * 10_000, "voltage_v": 45.0, "current_a": 10.0, "temperature_c": 60.0 }))
        .collect();
    door.tell("LOW", "telemetry", json!(readings)).await;
    let hot = door.get("/alerts?battery_id=LOW&severity=critical").await;
    assert_eq!(hot["pagination"]["total"], 1, "{hot}");
    let hot = hot["data"][0].clone();
    assert_eq!((&hot["alert_type"], &hot["status"]), (&json!("Over Temperature"), &json!("active")));
    assert_eq!((&hot["battery_id"], &hot["cabinet_id"]), (&json!(battery), &json!(null)));
    let all = door.get("/alerts").await;
    let times: Vec<&str> =
        all["data"].as_array().unwrap().iter().map(|alert| alert["created_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    // The same alert natively, and resolved there.
    let id = hot["id"].as_str().unwrap();
    door.serve.post(&format!("/twins/v1/alerts/{id}/resolve"), json!({})).await;
    let resolved = door.get("/alerts?status=resolved&battery_id=LOW").await;
    assert!(
        resolved["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|alert| alert["id"] == id && alert["resolved_at"].is_string()),
        "{resolved}"
    );
    assert_eq!(door.get("/alerts?battery_id=LOW&cabinet_id=CAB-1").await["data"], json!([]));
    assert_eq!(door.get("/alerts?battery_id=BAT404").await["pagination"]["total"], 0);
    for wrong in ["status=new", "severity=dreadful", "limit=1000", "offset=x"] {
        door.call("GET", &format!("/alerts?{wrong}"), None).await.is(400, "VALIDATION_ERROR");
    }
}
