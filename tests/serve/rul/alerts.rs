//! Alerts: listed, counted, noted, resolved.

use super::{FIRST, Member, PLACE, float, mounted, report};
use crate::process::Serve;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub(super) async fn alerts_are_listed_counted_noted_and_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let ids = mounted(&serve).await;
    let admin = Member::admin(&serve).await;
    let john = Member::new(&admin, "john", "engineer").await;
    let vera = Member::new(&admin, "vera", "viewer").await;
    assert_eq!(
        vera.get("/alerts").await,
        json!({ "alerts": [], "total": 0, "active_count": 0, "pending_count": 0 })
    );
    let hot = |temperature_c: f64| (0..12).map(move |k| float(180 - k * 10, temperature_c));
    report(&serve, &ids[0], hot(45.2).collect()).await;
    report(&serve, &ids[1], hot(57.0).collect()).await;

    let page = vera.get("/alerts").await;
    let counts = (&page["total"], &page["active_count"], &page["pending_count"]);
    assert_eq!(counts, (&json!(2), &json!(2), &json!(2)), "{page}");
    let mine = vera.get("/alerts?severity=warning&alert_type=temperature_high").await;
    let alert = &mine["alerts"][0];
    for (field, value) in [
        ("battery_id", json!(FIRST)),
        ("alert_type", json!("temperature_high")),
        ("severity", json!("warning")),
        ("message", json!("Battery temperature 45.2°C exceeds threshold 45.0°C")),
        ("threshold_value", json!(45.0)),
        ("actual_value", json!(45.2)),
        ("resolved_at", Value::Null),
        ("is_acknowledged", json!(false)),
        ("acknowledged_at", Value::Null),
        ("acknowledged_by", Value::Null),
        ("acknowledgment_note", Value::Null),
        ("is_active", json!(true)),
        ("is_pending", json!(true)),
    ] {
        assert_eq!(alert[field], value, "{field}");
    }
    assert!(alert["created_at"].is_string() && alert["updated_at"].is_string());
    let (id, name) = (alert["id"].as_str().unwrap(), alert["alert_id"].as_str().unwrap());
    for key in [id, name] {
        let detail = vera.get(&format!("/alerts/{key}")).await;
        for (field, value) in [
            ("battery_serial", json!("CSB-HX12-120-2023-001231")),
            ("battery_position", json!(1)),
            ("location_id", json!(PLACE)),
            ("location_name", json!("Chiang Mai Data Center")),
            ("id", json!(id)),
        ] {
            assert_eq!(detail[field], value, "{field}");
        }
    }

    // Taking note and resolving, once each, by engineers.
    let acknowledge = format!("/alerts/{name}/acknowledge");
    let resolve = format!("/alerts/{id}/resolve");
    vera.refused((Method::POST, &acknowledge, Some(json!({}))), 403, "Engineer access required").await;
    vera.refused((Method::POST, &resolve, None), 403, "Engineer access required").await;
    let long = json!({ "note": "x".repeat(1_001) });
    john.refuses((Method::POST, &acknowledge, Some(long)), 422, "note: ").await;
    let note = json!({ "note": "HVAC repaired" });
    let (status, noted) = john.call(Method::POST, &acknowledge, Some(note.clone())).await;
    assert_eq!(status, StatusCode::OK, "{noted}");
    assert_eq!(
        (&noted["acknowledged_by"], &noted["acknowledgment_note"]),
        (&json!("john"), &json!("HVAC repaired"))
    );
    assert_eq!((&noted["is_active"], &noted["is_pending"]), (&json!(true), &json!(false)));
    let again = (Method::POST, acknowledge.as_str(), Some(note));
    john.refused(again, 400, "Alert has already been acknowledged").await;
    let native = serve.get(&format!("/twins/v1/alerts/{id}")).await;
    assert_eq!(native["note"], "HVAC repaired");
    let (status, resolved) = john.call(Method::POST, &resolve, None).await;
    assert_eq!(status, StatusCode::OK, "{resolved}");
    assert!(resolved["resolved_at"].is_string() && resolved["is_active"] == json!(false));
    john.refused((Method::POST, &resolve, None), 400, "Alert has already been resolved").await;

    // What is left, and what was.
    let page = vera.get("/alerts").await;
    assert_eq!((&page["total"], &page["active_count"]), (&json!(1), &json!(1)));
    let page = vera.get("/alerts?active_only=false").await;
    let counts = (&page["total"], &page["active_count"], &page["pending_count"]);
    assert_eq!(counts, (&json!(2), &json!(1), &json!(1)));
    assert_eq!(vera.get("/alerts?active_only=false&acknowledged=true").await["total"], 1);
    assert_eq!(
        vera.get("/alerts?active_only=false&limit=1&skip=1").await["alerts"].as_array().unwrap().len(),
        1
    );
    assert_eq!(vera.get("/alerts?location_id=nowhere").await["total"], 0);
    assert_eq!(vera.get(&format!("/alerts?location_id={PLACE}")).await["total"], 1);
    assert_eq!(vera.get("/alerts?active_only=false&end_date=2020-01-01").await["total"], 0);
    assert_eq!(vera.get("/alerts?active_only=false&start_date=2020-01-01").await["total"], 2);
    assert_eq!(
        vera.get("/alerts/stats").await,
        json!({
            "total_alerts": 2, "active_alerts": 1, "critical_alerts": 1, "warning_alerts": 0, "info_alerts": 0,
            "acknowledged_alerts": 1, "alerts_by_type": { "temperature_high": 2 },
            "alerts_by_location": { PLACE: 2 },
        })
    );
    assert_eq!(vera.get("/alerts/stats?location_id=nowhere&days=365").await["total_alerts"], 0);

    let severity = "Invalid severity: bad. Must be one of: info, warning, critical";
    vera.refused((Method::GET, "/alerts?severity=bad", None), 400, severity).await;
    vera.refuses((Method::GET, "/alerts?alert_type=bad", None), 400, "Invalid alert_type: bad. Must be")
        .await;
    assert_eq!(vera.get("/alerts?alert_type=rul_critical").await["total"], 0);
    for path in ["/alerts?limit=0", "/alerts/stats?days=0", "/alerts/stats?days=366"] {
        vera.refuses((Method::GET, path, None), 422, "").await;
    }
    vera.refuses((Method::GET, "/alerts?start_date=soon", None), 422, "start_date: ").await;
    let absent = "Alert ALT-X not found";
    vera.refused((Method::GET, "/alerts/ALT-X", None), 404, absent).await;
    john.refused((Method::POST, "/alerts/ALT-X/acknowledge", Some(json!({}))), 404, absent).await;
    john.refused((Method::POST, "/alerts/ALT-X/resolve", None), 404, absent).await;
}
