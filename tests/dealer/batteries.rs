//! Batteries: registered, given to consumers, switched, tried out.

use crate::desk::Desk;
use crate::people::World;
use crate::process::ago_ms;
use serde_json::{Value, json};

/// The number of a battery, as somebody sees it.
pub(crate) async fn number(desk: &mut Desk, who: &str, serial: &str) -> Value {
    desk.good(who, "GET", &format!("/batteries/{serial}"), None).await["battery"]["id"].clone()
}

pub(crate) async fn batteries(desk: &mut Desk, world: &World) {
    let new = |serial: &str| Some(json!({ "serial_number": serial, "health_score": 95 }));
    let made = desk.good("dealer", "POST", "/batteries", new("BAT001")).await;
    assert_eq!(
        (&made["status"], &made["health_score"], &made["owner_id"]),
        (&json!("active"), &json!(95), &Value::Null)
    );
    desk.good("other", "POST", "/batteries", new("BAT002")).await;
    desk.good("dealer", "POST", "/batteries", new("BAT003")).await;
    for who in ["dealer", "other"] {
        desk.refused(who, "POST", "/batteries", new("BAT001"), 400, "Duplicate serial number").await;
    }
    desk.refused("dealer", "POST", "/batteries", Some(json!({})), 400, "Missing required fields").await;
    desk.refused("consumer", "POST", "/batteries", new("BAT009"), 403, "Access denied").await;

    let assign = Some(json!({ "consumer_id": world.consumer }));
    let given = desk.good("dealer", "PUT", "/batteries/BAT001/assign", assign.clone()).await;
    assert_eq!((&given["owner_id"], &given["consumer_name"]), (&json!(world.consumer), &json!("Ram Kumar")));
    desk.refused(
        "dealer",
        "PUT",
        "/batteries/BAT001/assign",
        assign.clone(),
        400,
        "Battery already assigned",
    )
    .await;
    desk.refused("dealer", "PUT", "/batteries/BAT999/assign", assign, 404, "Battery not found").await;
    let nobody = Some(json!({ "consumer_id": 999_999 }));
    desk.refused("dealer", "PUT", "/batteries/BAT003/assign", nobody, 404, "Consumer not found").await;
    let others = Some(json!({ "consumer_id": world.stranger }));
    desk.refused("dealer", "PUT", "/batteries/BAT003/assign", others.clone(), 403, "Access denied").await;
    desk.good("other", "PUT", "/batteries/BAT002/assign", others).await;

    let seen = desk.good("dealer", "GET", "/batteries/BAT001", None).await;
    assert_eq!(seen["telemetry"], Value::Null);
    let reading = json!([{
        "ts": ago_ms(5), "voltage_v": 48.52, "current_a": 0.31, "soc_pct": 85, "speed_kmh": 0, "lat": 12.9716, "lon": 77.5946,
    }]);
    desk.measure("BAT001", reading).await;
    let seen = desk.good("consumer", "GET", "/batteries/BAT001", None).await;
    let telemetry = &seen["telemetry"];
    assert_eq!(
        (&telemetry["voltage"], &telemetry["current"], &telemetry["soc"]),
        (&json!("48.5"), &json!("0.3"), &json!(85))
    );
    assert_eq!(telemetry["location"], json!({ "lat": "12.9716", "lng": "77.5946" }));
    desk.refused("dealer", "GET", "/batteries/BAT999", None, 404, "Battery not found").await;
    let answer = desk.call("dealer", "GET", "/batteries/BAT999", None).await;
    assert_eq!(answer.body["details"], "No battery found with serial number BAT999");

    let control = |action: &str| Some(json!({ "action": action }));
    let path = "/batteries/BAT003/control";
    let off = desk.good("dealer", "POST", path, control("deactivate")).await;
    assert_eq!((&off["status"], &off["control"]["outcome"]), (&json!("inactive"), &json!("accepted")));
    // The twin was told, and no hardware answers.
    let twin = desk.serve.get("/twins/v1/twins/BAT003/commands").await;
    assert_eq!(twin["items"][0]["command"], "set_status");
    assert_eq!(twin["items"][0]["params"]["discharge"], false);
    assert_eq!(twin["items"][0]["params"]["charge"], true);
    loop {
        let seen = desk.good("dealer", "GET", "/batteries/BAT003", None).await;
        if seen["battery"]["control"]["outcome"] == "timed_out" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let away = desk.good("dealer", "POST", path, control("maintenance")).await;
    assert_eq!(away["status"], "maintenance");
    desk.refused("dealer", "POST", path, control("explode"), 400, "Validation failed").await;
    desk.refused("dealer", "POST", "/batteries/BAT999/control", control("active"), 404, "Battery not found")
        .await;

    let all = desk.good("dealer", "GET", "/batteries", None).await;
    let serials: Vec<&str> =
        all.as_array().unwrap().iter().map(|one| one["serial_number"].as_str().unwrap()).collect();
    assert_eq!(serials, ["BAT003", "BAT001"], "the newest first, and no other dealer's");
    let all = desk.good("dealer", "GET", "/batteries?status=maintenance&limit=1", None).await;
    assert_eq!(all[0]["serial_number"], "BAT003");
    let of_other = desk.good("admin", "GET", &format!("/batteries?dealer_id={}", world.other), None).await;
    assert_eq!(of_other.as_array().unwrap().len(), 1);
    desk.refused("dealer", "GET", "/batteries?limit=0", None, 400, "Validation failed").await;

    // A battery is one twin, whichever door it came through.
    desk.serve.battery("NATIVE-1").await;
    let seen = desk.good("admin", "GET", "/batteries/NATIVE-1", None).await;
    assert_eq!(seen["battery"]["serial_number"], "NATIVE-1");
    desk.refused("dealer", "GET", "/batteries/NATIVE-1", None, 403, "Access denied").await;

    let report = desk.good("dealer", "GET", "/batteries/health-report", None).await;
    assert_eq!(report["total_batteries"], 2);
    assert_eq!(report["fleet_health"]["active"]["avg_health"], "95.0");
    assert_eq!(
        (&report["fleet_health"]["maintenance"]["count"], &report["overall_health_score"]),
        (&json!(1), &json!(95.0))
    );
}

pub(crate) async fn trials(desk: &mut Desk, world: &World) {
    let seen = desk.good("nobody", "GET", "/batteries/test", None).await;
    assert_eq!(seen["message"], "Batteries route is working");
    let seen = desk.good("dealer", "POST", "/batteries/BAT001/test", Some(json!({ "x": 1 }))).await;
    assert_eq!((&seen["body"]["x"], &seen["user"]["id"]), (&json!(1), &json!(world.dealer)));
    let path = "/batteries/BAT003/test-status";
    let seen = desk.good("dealer", "POST", path, Some(json!({ "status": "active" }))).await;
    assert_eq!((&seen["previous_status"], &seen["new_status"]), (&json!("maintenance"), &json!("active")));
    desk.refused("dealer", "POST", path, Some(json!({ "status": "gone" })), 400, "Validation failed").await;
    for what in ["test", "test-status"] {
        let body = Some(json!({ "status": "active" }));
        desk.refused(
            "dealer",
            "POST",
            &format!("/batteries/BAT999/{what}"),
            body.clone(),
            404,
            "Battery not found",
        )
        .await;
        desk.refused("other", "POST", &format!("/batteries/BAT001/{what}"), body, 403, "Access denied").await;
    }
}
