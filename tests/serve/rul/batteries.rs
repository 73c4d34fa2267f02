//! Places, batteries and readings; the same twin as through the native interface.

use super::{FIRST, Member, PLACE, float, mounted, report};
use crate::process::{Serve, ago_ms};
use reqwest::Method;
use serde_json::{Value, json};

fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

pub(super) async fn places_are_listed_with_how_their_batteries_stand() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let ids = mounted(&serve).await;
    // Another works is no place for batteries; another battery is at no place.
    serve.post("/twins/v1/twins", json!({ "kind": "facility", "spec": { "sort": "sorting" } })).await;
    serve.battery("B-0").await;
    let hot: Vec<Value> = (0..12).map(|k| float(180 - k * 10, 57.0)).collect();
    report(&serve, &ids[0], hot).await;
    let admin = Member::admin(&serve).await;
    let page = admin.get("/locations").await;
    assert_eq!(page["total"], 1);
    let place = &page["locations"][0];
    for (field, value) in [
        ("location_id", json!(PLACE)),
        ("name", json!("Chiang Mai Data Center")),
        ("region", json!("northern")),
        ("city", json!("Chiang Mai")),
        ("country", json!("Thailand")),
        ("latitude", json!(18.7883)),
        ("longitude", json!(98.9853)),
        ("temp_offset_c", json!(-2.0)),
        ("humidity_offset_pct", json!(-5.0)),
        ("power_outage_frequency_per_year", json!(2.0)),
        ("total_batteries", json!(2)),
        ("active_batteries", json!(1)),
        ("critical_batteries", json!(1)),
    ] {
        assert_eq!(place[field], value, "{field}");
    }
    assert!(place["active_alerts"].as_u64().unwrap() >= 1);
    let seen = serve.get(&format!("/twins/v1/twins/{}", ids[0])).await;
    let soh_pct = seen["battery"]["soh"].as_f64().unwrap() * 100.0;
    assert!((place["average_soh"].as_f64().unwrap() - soh_pct).abs() <= 0.005, "{place} {seen}");
    assert_eq!(admin.get(&format!("/locations/{PLACE}")).await, *place);
    let bare = admin.get("/locations?include_stats=false").await;
    assert!(bare["locations"][0].get("total_batteries").is_none());
    assert_eq!(bare["locations"][0]["city"], "Chiang Mai");

    let of_place = admin.get(&format!("/locations/{PLACE}/batteries?limit=1&skip=1")).await;
    assert_eq!(of_place["total"], 2);
    assert_eq!(of_place["batteries"].as_array().unwrap().len(), 1);
    assert_eq!(of_place["batteries"][0]["status"], "unknown");
    admin.refused((Method::GET, "/locations/DC-X", None), 404, "Location DC-X not found").await;
    admin.refused((Method::GET, "/locations/DC-X/batteries", None), 404, "Location DC-X not found").await;
    let path = format!("/locations/{PLACE}/batteries?limit=0");
    admin.refuses((Method::GET, &path, None), 422, "limit: ").await;
    admin.refuses((Method::GET, "/locations?include_stats=maybe", None), 422, "query: ").await;
    let stranger = Member::stranger(&serve);
    for path in ["/locations", "/locations/DC-CNX-01", "/locations/DC-CNX-01/batteries"] {
        stranger.refused((Method::GET, path, None), 401, "Could not validate credentials").await;
    }
}

pub(super) async fn a_battery_is_the_same_twin_as_through_the_native_interface() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let ids = mounted(&serve).await;
    serve.battery("B-0").await;
    let readings: Vec<Value> = (0..30).map(|k| float(600 - k * 10, 46.0)).collect();
    report(&serve, &ids[0], readings).await;
    let admin = Member::admin(&serve).await;
    let viewer = Member::new(&admin, "vera", "viewer").await;

    let page = viewer.get("/batteries").await;
    assert_eq!(page["total"], 3);
    let names: Vec<&str> =
        page["batteries"].as_array().unwrap().iter().map(|one| one["battery_id"].as_str().unwrap()).collect();
    assert_eq!(names, ["B-0", FIRST, "BAT-DC-CNX-01-UPS-01-STR-02-001"]);
    assert_eq!(viewer.get("/batteries?location_id=nowhere").await, json!({ "batteries": [], "total": 0 }));
    assert_eq!(viewer.get(&format!("/batteries?location_id={PLACE}")).await["total"], 2);
    assert_eq!(viewer.get("/batteries?skip=1&limit=1").await["batteries"][0]["battery_id"], FIRST);

    let battery = viewer.get(&format!("/batteries/{FIRST}")).await;
    for field in fields(&page["batteries"][1]) {
        assert_eq!(battery[field], page["batteries"][1][field], "{field}");
    }
    for (field, value) in [
        ("battery_id", json!(FIRST)),
        ("serial_number", json!("CSB-HX12-120-2023-001231")),
        ("position", json!(1)),
        ("manufacturer", json!("CSB")),
        ("model", json!("HX12-120")),
        ("nominal_voltage_v", json!(12.0)),
        ("nominal_capacity_ah", json!(120.0)),
        ("warranty_months", json!(60)),
        ("status", json!("warning")),
        ("active_alerts", json!(1)),
        ("string_info", json!({ "string_id": "STR-DC-CNX-01-UPS-01-01", "position": 1 })),
        ("location_info", json!({ "location_id": PLACE, "name": "Chiang Mai Data Center" })),
    ] {
        assert_eq!(battery[field], value, "{field}: {battery}");
    }
    assert_eq!(battery["age_days"], 0);
    assert!(battery["is_in_warranty"].is_boolean());
    assert_eq!(battery["string_id"].as_str().unwrap().len(), 36);

    // One twin: any of its names, one health, one alert.
    let seen = serve.get(&format!("/twins/v1/twins/{}", ids[0])).await;
    let latest = &battery["latest_telemetry"];
    assert_eq!(latest["voltage"], seen["latest"]["voltage_v"]["value"]);
    assert_eq!(latest["current"], json!(0.1), "negative is discharge here");
    let close =
        |pct: &Value, share: &Value| (pct.as_f64().unwrap() - 100.0 * share.as_f64().unwrap()).abs() <= 0.005;
    assert!(close(&latest["soh_pct"], &seen["battery"]["soh"]), "{latest} {seen}");
    assert!(close(&latest["soc_pct"], &seen["battery"]["soc"]));
    let (ohm, native) = (&latest["internal_resistance"], &seen["battery"]["resistance_ohm"]);
    assert!((ohm.as_f64().unwrap() - native.as_f64().unwrap()).abs() <= 1e-7);
    for name in [ids[0].as_str(), "CSB-HX12-120-2023-001231"] {
        assert_eq!(viewer.get(&format!("/batteries/{name}")).await["battery_id"], FIRST);
    }
    let alerts = viewer.get("/alerts").await;
    assert_eq!(alerts["alerts"][0]["id"], seen["alerts"][0]["id"]);
    assert_eq!(alerts["alerts"][0]["alert_id"], seen["alerts"][0]["alert_id"]);
    assert_eq!(alerts["alerts"][0]["message"], seen["alerts"][0]["message"]);
    // Renamed and retired through the native interface, it is so here.
    serve.send(Method::DELETE, &format!("/twins/v1/twins/{}", ids[1]), None).await;
    assert_eq!(viewer.get("/batteries").await["total"], 2);

    viewer.refused((Method::GET, "/batteries/BAT-X", None), 404, "Battery BAT-X not found").await;
    viewer.refuses((Method::GET, "/batteries?limit=1001", None), 422, "limit: ").await;
    viewer.refuses((Method::GET, "/batteries?skip=x", None), 422, "query: ").await;
}

pub(super) async fn readings_come_in_order_and_the_newest_of_many() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let ids = mounted(&serve).await;
    // Half an hour each minute, and one of the day before yesterday.
    let mut readings: Vec<Value> = (0..30).map(|k| float(1_800 - k * 60, 25.0)).collect();
    readings.push(float(2 * 86_400, 24.0));
    report(&serve, &ids[0], readings).await;
    let viewer = Member::admin(&serve).await;
    let path = format!("/batteries/{FIRST}/telemetry");
    let page = viewer.get(&path).await;
    assert_eq!(
        (&page["battery_id"], &page["count"], &page["total"]),
        (&json!(FIRST), &json!(30), &json!(30))
    );
    let data = page["data"].as_array().unwrap();
    assert_eq!(
        fields(&data[0]),
        ["current", "internal_resistance", "soc_pct", "soh_pct", "temperature", "timestamp", "voltage"]
    );
    let times: Vec<&str> = data.iter().map(|point| point["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted() && times[0].ends_with('Z') && times[0].len() == 20);
    assert_eq!((&data[0]["voltage"], &data[0]["current"]), (&json!(13.65), &json!(0.1)));
    assert!(data[0]["soh_pct"].as_f64().unwrap() > 50.0);
    let newest = viewer.get(&format!("{path}?limit=5")).await;
    assert_eq!((&newest["count"], &newest["total"]), (&json!(5), &json!(30)));
    assert_eq!(newest["data"].as_array().unwrap()[..], data[25..]);
    let all = viewer.get(&format!("{path}?start={}", ago_ms(3 * 86_400))).await;
    assert_eq!(all["count"], 31);
    // The last is what the battery shows now.
    let battery = viewer.get(&format!("/batteries/{FIRST}")).await;
    assert_eq!(battery["latest_telemetry"]["timestamp"], data[29]["timestamp"]);
    assert_eq!(battery["latest_telemetry"]["soh_pct"], data[29]["soh_pct"]);
    let none = viewer.get(&format!("{path}?end=2020-01-01&start=2019-12-31")).await;
    assert_eq!(
        (&none["count"], &none["start"], &none["end"]),
        (&json!(0), &json!("2019-12-31T00:00:00Z"), &json!("2020-01-01T23:59:59Z"))
    );

    let wrong = format!("{path}?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z");
    viewer.refuses((Method::GET, &wrong, None), 422, "start: ").await;
    viewer.refuses((Method::GET, &format!("{path}?limit=10001"), None), 422, "limit: ").await;
    viewer.refuses((Method::GET, &format!("{path}?start=soon"), None), 422, "start: ").await;
    let absent = (Method::GET, "/batteries/BAT-X/telemetry", None);
    viewer.refused(absent, 404, "Battery BAT-X not found").await;
}

pub(super) async fn another_organisations_batteries_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    mounted(&serve).await;
    let body = json!({
        "id": "olga", "username": "olga", "password": "staple battery", "roles": ["engineer"],
        "organisation": "other",
    });
    serve.post("/twins/v1/admin/users", body).await;
    let olga = Member::of(&serve, "olga", "staple battery").await;
    assert_eq!(olga.get("/batteries").await, json!({ "batteries": [], "total": 0 }));
    assert_eq!(olga.get("/locations").await["total"], 0);
    let battery = format!("/batteries/{FIRST}");
    olga.refused((Method::GET, &battery, None), 404, &format!("Battery {FIRST} not found")).await;
    let place = format!("/locations/{PLACE}");
    olga.refused((Method::GET, &place, None), 404, &format!("Location {PLACE} not found")).await;
    assert_eq!(olga.get("/alerts?active_only=false").await["total"], 0);
}
