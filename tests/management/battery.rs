//! Batteries: registered, looked at, changed, listed.

use crate::caller::{Door, admin, new_battery};
use serde_json::json;

pub(crate) async fn registering_and_changing(door: &mut Door) {
    let answer = door.call("POST", "/batteries", Some(new_battery("BAT002"))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.body["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["location"], format!("/v1/batteries/{id}"));
    let example = json!({
        "id": id, "battery_code": "BAT002", "name": "Battery 2", "model": "Model Y",
        "manufacturer": "Manufacturer B", "battery_type": "Lithium-polymer", "capacity_wh": 6000.0,
        "nominal_voltage": 52.0, "max_charge_rate": 2.5, "max_discharge_rate": 3.5, "total_cycles": 0,
        "manufacturing_date": "2023-02-15", "status": "active",
    });
    assert_eq!(answer.body, example);
    // The same twin by its id, by its code, and natively.
    assert_eq!(door.get(&format!("/batteries/{id}")).await, example);
    assert_eq!(door.get("/batteries/BAT002").await, example);
    assert_eq!(door.serve.get("/twins/v1/twins/BAT002").await["id"], id.as_str());

    door.call("POST", "/batteries", Some(new_battery("BAT002"))).await.is(409, "DUPLICATE_BATTERY_CODE");
    let wrong = [
        ("battery_code", json!("")),
        ("battery_code", json!("a/b")),
        ("battery_code", json!("x".repeat(200))),
        ("name", json!(7)),
        ("capacity_wh", json!(0)),
        ("capacity_wh", json!(1e300)),
        ("nominal_voltage", json!(-48)),
        ("max_charge_rate", json!("fast")),
        ("manufacturing_date", json!("2023-02-30")),
        ("manufacturing_date", json!("2999-01-01")),
    ];
    for (field, value) in wrong {
        let mut body = new_battery("BAT-wrong");
        body[field] = value;
        let answer = door.call("POST", "/batteries", Some(body)).await;
        answer.is(400, "VALIDATION_ERROR");
    }
    for field in ["battery_code", "name", "capacity_wh", "max_discharge_rate", "manufacturing_date"] {
        let mut body = new_battery("BAT-short");
        body.as_object_mut().unwrap().remove(field);
        let answer = door.call("POST", "/batteries", Some(body)).await;
        answer.is(400, "VALIDATION_ERROR");
        assert!(answer.body["error"]["message"].as_str().unwrap().contains(field), "{answer:?}");
    }

    let path = format!("/batteries/{id}");
    let answer = door.put(&path, json!({ "status": "charging", "total_cycles": 101 })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut changed = example.clone();
    (changed["status"], changed["total_cycles"]) = (json!("charging"), json!(101));
    assert_eq!(answer.body, changed);
    door.put(&path, json!({ "total_cycles": 100 })).await.is(400, "VALIDATION_ERROR");
    door.put(&path, json!({ "status": "exploded" })).await.is(400, "VALIDATION_ERROR");
    door.put(&path, json!({ "capacity_wh": -1 })).await.is(400, "VALIDATION_ERROR");
    door.put("/batteries/BAT404", json!({ "total_cycles": 1 })).await.is(404, "BATTERY_NOT_FOUND");
    door.battery("BAT003").await;
    door.put(&path, json!({ "battery_code": "BAT003" })).await.is(409, "DUPLICATE_BATTERY_CODE");
    let answer =
        door.put(&path, json!({ "battery_code": "BAT002b", "id": "ignored", "capacity_wh": 5900 })).await;
    assert_eq!((&answer.body["battery_code"], &answer.body["id"]), (&json!("BAT002b"), &json!(id)));
    assert_eq!(answer.body["capacity_wh"], 5900.0);
    assert_eq!(answer.body["total_cycles"], 101, "what was stated stays");
    door.put(&path, json!({ "battery_code": "BAT002", "capacity_wh": 6000 })).await;
    for path in ["/batteries/BAT404", "/batteries/00000000-0000-0000-0000-000000000000"] {
        door.call("GET", path, None).await.is(404, "BATTERY_NOT_FOUND");
    }
    // Out of use means so whatever the hardware does.
    door.put(&path, json!({ "status": "maintenance" })).await;
    let reading = json!({ "ts": crate::process::ago_ms(0), "voltage_v": 52.0, "current_a": 20.0 });
    door.tell(&id, "telemetry", reading).await;
    assert_eq!(door.get(&path).await["status"], "maintenance");
    door.put(&path, json!({ "status": "active" })).await;
    // By the administrator's own name and password too.
    let answer = door.send("GET", &path, |request| request.basic_auth(admin().0, admin().1)).await;
    assert_eq!(answer.status, 200);
}

pub(crate) async fn lists(door: &mut Door) {
    for k in 0..25 {
        door.battery(&format!("L{k:02}")).await;
    }
    let all = door.get("/batteries?limit=100").await;
    let total = all["pagination"]["total"].as_u64().unwrap();
    assert_eq!(total, 27);
    let codes: Vec<&str> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|battery| battery["battery_code"].as_str().unwrap())
        .collect();
    assert!(codes.is_sorted(), "{codes:?}");
    assert_eq!(codes.len(), 27);

    let first = door.get("/batteries").await;
    assert_eq!(
        first["pagination"],
        json!({ "total": 27, "limit": 20, "offset": 0, "next": "/batteries?limit=20&offset=20", "previous": null })
    );
    assert_eq!(first["data"].as_array().unwrap().len(), 20);
    let second = door.get(first["pagination"]["next"].as_str().unwrap()).await;
    assert_eq!(second["pagination"]["next"], json!(null));
    assert_eq!(second["pagination"]["previous"], "/batteries?limit=20&offset=0");
    assert_eq!(second["data"].as_array().unwrap().len(), 7);

    door.put("/batteries/L07", json!({ "status": "maintenance" })).await;
    let some = door.get("/batteries?status=maintenance&limit=1").await;
    assert_eq!(some["pagination"]["total"], 1);
    assert_eq!(some["data"][0]["battery_code"], "L07");
    let active = door.get("/batteries?status=active&limit=5&offset=5").await;
    assert_eq!(active["pagination"]["next"], "/batteries?status=active&limit=5&offset=10");
    for wrong in ["status=melted", "limit=0", "limit=101", "limit=many", "offset=-1"] {
        door.call("GET", &format!("/batteries?{wrong}"), None).await.is(400, "VALIDATION_ERROR");
    }
}
