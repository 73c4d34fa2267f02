//! Service: tickets, technicians, and who is sent where.

use crate::batteries::number;
use crate::desk::Desk;
use crate::people::World;
use crate::process::ago_ms;
use serde_json::{Value, json};

pub(crate) async fn service(desk: &mut Desk, world: &World) {
    let battery = number(desk, "dealer", "BAT001").await;
    let ticket = json!({
        "battery_id": battery, "issue_category": "performance", "description": "does not hold its charge",
        "location": "Bangalore Central",
    });
    let auto = |id: u64| {
        Some(json!({
            "ticket_id": id, "location": "Bangalore Central", "priority": "medium", "skill_required": "battery_maintenance",
        }))
    };
    let opened = desk.good("consumer", "POST", "/service/tickets", Some(ticket.clone())).await;
    let first = opened["ticket"]["id"].as_u64().unwrap();
    assert_eq!(opened["assigned_technician"]["name"], "Tech Zero", "there is nobody else yet");
    let sent_to = desk.good("technician0", "GET", "/service/tickets", None).await;
    assert_eq!(sent_to[0]["id"], first);
    assert_eq!(
        desk.good("technician0", "GET", "/batteries/BAT001", None).await["battery"]["serial_number"],
        "BAT001"
    );
    let new = |name: &str, place: &str, years: u32| {
        json!({
            "name": name, "location": place, "skills": ["battery_maintenance", "electrical"], "experience_years": years,
        })
    };
    let tech = desk
        .good("dealer", "POST", "/service/technicians", Some(new("Tech One", "Bangalore Central", 3)))
        .await;
    desk.good("dealer", "POST", "/service/technicians", Some(new("Tech Two", "Whitefield", 2))).await;
    desk.refused(
        "dealer",
        "POST",
        "/service/technicians",
        Some(json!({ "name": "x" })),
        400,
        "Missing required fields",
    )
    .await;
    desk.refused("consumer", "POST", "/service/technicians", Some(new("x", "y", 1)), 403, "Access denied")
        .await;
    let asked =
        "/service/technicians/available?location=Bangalore%20Central&skill_required=battery_maintenance";
    let found = desk.good("dealer", "GET", asked, None).await;
    let best = &found["available_technicians"][0];
    assert_eq!(best["name"], "Tech One");
    let parts =
        best["score_parts"].as_object().unwrap().values().map(|part| part.as_f64().unwrap()).sum::<f64>();
    assert!((parts - best["availability_score"].as_f64().unwrap()).abs() < 0.06, "{best}");
    // 25 + 25 + 20·4/5 + 15·0.3 + 15·4/5: nobody rated it yet, and it has nothing to do.
    assert_eq!(best["availability_score"], 82.5);
    desk.refused("consumer", "GET", asked, None, 403, "Access denied").await;
    let sent = desk.good("dealer", "POST", "/service/auto-assign", auto(first)).await;
    assert_eq!(
        (&sent["assigned_technician"]["name"], &sent["assignment_reason"]),
        (&json!("Tech One"), &json!("Selected based on highest score: 82.5"))
    );
    assert_eq!(sent["other_candidates"][0]["name"], "Tech Two");
    desk.refused("dealer", "POST", "/service/auto-assign", auto(999_999), 404, "Ticket not found").await;
    desk.refused(
        "dealer",
        "POST",
        "/service/auto-assign",
        Some(json!({ "ticket_id": first })),
        400,
        "Missing required fields",
    )
    .await;
    desk.refused("consumer", "POST", "/service/auto-assign", auto(first), 403, "Access denied").await;

    let opened = desk.good("dealer", "POST", "/service/tickets", Some(ticket.clone())).await;
    let second = opened["ticket"]["id"].as_u64().unwrap();
    assert_eq!(
        (&opened["ticket"]["status"], &opened["assigned_technician"]["status"]),
        (&json!("assigned"), &json!("available"))
    );
    let mut wrong = ticket.clone();
    wrong["issue_category"] = json!("mood");
    desk.refused("dealer", "POST", "/service/tickets", Some(wrong), 400, "Validation failed").await;
    let mut nowhere = ticket.clone();
    nowhere["battery_id"] = json!(999_999);
    desk.refused("dealer", "POST", "/service/tickets", Some(nowhere), 404, "Battery not found").await;
    desk.refused("nbfc", "POST", "/service/tickets", Some(ticket), 403, "Access denied").await;
    let mine = desk.good("consumer", "GET", &format!("/service/tickets?battery_id={battery}"), None).await;
    assert_eq!(mine.as_array().unwrap().len(), 2);
    desk.refused("dealer", "GET", "/service/tickets?status=lost", None, 400, "Validation failed").await;
    desk.refused("nbfc", "GET", "/service/tickets", None, 403, "Access denied").await;
    let active = desk.good("dealer", "GET", "/service/tickets/active", None).await;
    assert_eq!((&active["count"], &active["summary"]["assigned"]), (&json!(2), &json!(2)));
    assert_eq!(
        (&active["active_tickets"][0]["battery_serial"], &active["active_tickets"][0]["consumer_name"]),
        (&json!("BAT001"), &json!("Ram Kumar"))
    );
    desk.refused("consumer", "GET", "/service/tickets/active", None, 403, "Access denied").await;

    let assign = format!("/service/tickets/{second}/assign");
    let to = |technician: &Value| Some(json!({ "technician_id": technician, "priority": "high" }));
    let done = desk.good("dealer", "PUT", &assign, to(&tech["id"])).await;
    assert_eq!(
        (&done["ticket"]["priority"], &done["assigned_technician"]["role"]),
        (&json!("high"), &json!("technician"))
    );
    desk.refused("dealer", "PUT", &assign, to(&json!(999_999)), 404, "Technician not found").await;
    desk.refused("dealer", "PUT", "/service/tickets/999999/assign", to(&tech["id"]), 404, "Ticket not found")
        .await;
    let body = Some(json!({ "technician_id": tech["id"], "priority": "now" }));
    desk.refused("dealer", "PUT", &assign, body, 400, "Validation failed").await;
    desk.refused("consumer", "PUT", &assign, to(&tech["id"]), 403, "Access denied").await;

    let update = format!("/service/tickets/{second}/update");
    let state = |status: &str| {
        Some(json!({ "status": status, "resolution_notes": "a loose connection", "labor_hours": 2 }))
    };
    desk.refused("consumer", "POST", &update, state("in_progress"), 403, "Access denied").await;
    assert_eq!(
        desk.good("dealer", "POST", &update, state("in_progress")).await["ticket"]["labor_hours"],
        2.0
    );
    desk.refused("dealer", "POST", &update, state("open"), 400, "Invalid ticket status").await;
    desk.refused(
        "dealer",
        "POST",
        "/service/tickets/999999/update",
        state("resolved"),
        404,
        "Ticket not found",
    )
    .await;
    let feedback = format!("/service/tickets/{second}/feedback");
    desk.refused("consumer", "POST", &feedback, Some(json!({ "rating": 5 })), 400, "Invalid ticket status")
        .await;
    assert_eq!(desk.good("dealer", "POST", &update, state("resolved")).await["ticket"]["status"], "resolved");
    desk.refused("dealer", "PUT", &assign, to(&tech["id"]), 400, "Invalid ticket status").await;
    assert_eq!(
        desk.good("consumer", "POST", &feedback, Some(json!({ "rating": 5 }))).await["ticket"]["rating"],
        5
    );
    desk.refused(
        "consumer",
        "POST",
        "/service/tickets/999999/feedback",
        Some(json!({ "rating": 5 })),
        404,
        "Ticket not found",
    )
    .await;
    desk.refused("technician0", "POST", &feedback, Some(json!({ "rating": 5 })), 403, "Access denied").await;

    // Heat that lasts opens a ticket by itself.
    let hot = |k: i64| {
        let ts = ago_ms(3_600) + k * 10_000;
        json!({ "ts": ts, "voltage_v": 48.0, "current_a": 0.1, "temperature_c": 46.5, "speed_kmh": 0 })
    };
    desk.measure("BAT003", Value::Array((0..20).map(hot).collect())).await;
    let opened = loop {
        let all = desk.good("dealer", "GET", "/service/tickets", None).await;
        if let Some(found) = all.as_array().unwrap().iter().find(|one| one["alert_id"].is_string()) {
            break found.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!(opened["issue_category"], "electrical", "{opened}");

    let profile = desk.good("consumer", "GET", &format!("/consumers/{}/profile", world.consumer), None).await;
    assert_eq!(profile["consumer"]["dealer_name"], "ABC Motors");
    assert_eq!(
        (&profile["summary"]["total_service_tickets"], &profile["summary"]["active_service_tickets"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(profile["recent_tickets"][0]["battery_serial"], "BAT001");
}
