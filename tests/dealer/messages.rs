//! Messages to people.

use crate::batteries::number;
use crate::desk::Desk;
use crate::people::{PHONES, World};
use serde_json::json;

pub(crate) async fn messages(desk: &mut Desk, _: &World) {
    let sms = |to: &str, text: &str| Some(json!({ "to": to, "message": text }));
    let sent = desk
        .good("dealer", "POST", "/messaging/send-sms", sms(PHONES[2], "Your battery BAT001 is now active."))
        .await;
    assert_eq!(
        (&sent["success"], &sent["status"], &sent["to"]),
        (&json!(true), &json!("queued"), &json!(PHONES[2]))
    );
    assert!(sent["message_id"].as_str().unwrap().starts_with("MSG"));
    desk.refused("dealer", "POST", "/messaging/send-sms", sms("12", "x"), 400, "Validation failed").await;
    desk.refused(
        "dealer",
        "POST",
        "/messaging/send-sms",
        sms(PHONES[2], &"x".repeat(1_001)),
        400,
        "Validation failed",
    )
    .await;
    desk.refused("consumer", "POST", "/messaging/send-sms", sms(PHONES[2], "x"), 403, "Access denied").await;

    let otp = Some(json!({ "to": PHONES[5], "otp": "123456" }));
    let sent = desk.good("admin", "POST", "/messaging/send-otp", otp.clone()).await;
    assert_eq!(sent["success"], true);
    desk.refused("dealer", "POST", "/messaging/send-otp", otp, 403, "Access denied").await;
    desk.refused(
        "admin",
        "POST",
        "/messaging/send-otp",
        Some(json!({ "to": "x" })),
        400,
        "Validation failed",
    )
    .await;

    let battery = number(desk, "dealer", "BAT001").await;
    let tell =
        |phone: &str| Some(json!({ "battery_id": battery, "consumer_phone": phone, "status": "active" }));
    let path = "/messaging/battery-status";
    let sent = desk.good("dealer", "POST", path, tell(PHONES[2])).await;
    assert_eq!(sent["notification_type"], "battery_status");
    desk.refused("dealer", "POST", path, tell(PHONES[3]), 400, "Validation failed").await;
    desk.refused("consumer", "POST", path, tell(PHONES[2]), 403, "Access denied").await;
    let nowhere = json!({ "battery_id": 999_999, "consumer_phone": PHONES[2], "status": "active" });
    desk.refused("dealer", "POST", path, Some(nowhere), 404, "Battery not found").await;
    let all = desk.good("dealer", "GET", "/messaging/messages", None).await;
    assert_eq!(
        (&all[0]["about"], &all[0]["message"]),
        (&json!("battery_status"), &json!("Your battery BAT001 is now active."))
    );
    let about: Vec<&str> = all.as_array().unwrap().iter().map(|one| one["about"].as_str().unwrap()).collect();
    for kind in ["switched_off", "switched_on", "paid", "ticket"] {
        assert!(about.contains(&kind), "{kind}: {about:?}");
    }
    desk.refused("consumer", "GET", "/messaging/messages", None, 403, "Access denied").await;
}
