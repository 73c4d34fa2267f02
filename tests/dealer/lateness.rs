//! Late instalments: batteries that are switched off and on again, payments, books, reports.

use crate::desk::Desk;
use crate::people::{PHONES, World, amount, day};
use crate::process::ago_ms;
use serde_json::{Value, json};

pub(crate) async fn lateness(desk: &mut Desk, world: &World) {
    let late = desk.good("dealer", "GET", "/finance/overdue", None).await;
    let rows = late["overdue_accounts"].as_array().unwrap();
    assert_eq!((rows.len(), &late["total_overdue"]), (2, &json!(2)), "{late}");
    assert_eq!(
        (&rows[0]["consumer_phone"], &rows[0]["battery_serial"]),
        (&json!(PHONES[2]), &json!("BAT001"))
    );
    assert_eq!((&rows[0]["status"], &rows[0]["is_overdue"]), (&json!("pending"), &json!(true)));
    assert!(rows[0]["overdue_days"].as_u64().unwrap() > rows[1]["overdue_days"].as_u64().unwrap());
    let due: rust_decimal::Decimal = rows.iter().map(|row| amount(&row["amount"])).sum();
    let loan = rows[0]["application_id"].as_u64().unwrap();
    let seen = desk.good("nbfc", "GET", "/finance/overdue?min_days=20", None).await;
    assert_eq!(seen["total_overdue"], 1);
    assert_eq!(seen["overdue_accounts"][0]["consumer_phone"], "+XXXXXXXX0003", "a lender need not call");
    desk.refused("dealer", "GET", "/finance/overdue?min_days=many", None, 400, "Validation failed").await;
    desk.refused("consumer", "GET", "/finance/overdue", None, 403, "Access denied").await;

    // While it rides, it is not switched off.
    let ride = json!([{ "ts": ago_ms(2), "voltage_v": 47.9, "current_a": 21.0, "speed_kmh": 24 }]);
    desk.measure("BAT001", ride).await;
    let body = Some(json!({ "overdue_days_threshold": 7 }));
    desk.refused("dealer", "POST", "/finance/auto-disable", body.clone(), 403, "Access denied").await;
    let zero = Some(json!({ "overdue_days_threshold": 0 }));
    desk.refused("nbfc", "POST", "/finance/auto-disable", zero, 400, "Validation failed").await;
    let done = desk.good("nbfc", "POST", "/finance/auto-disable", body.clone()).await;
    assert_eq!(done["disabled_count"], 0);
    assert_eq!(done["deferred"], json!([{ "serial_number": "BAT001", "reason": "in_motion" }]));
    let parked = json!([{ "ts": ago_ms(1), "voltage_v": 48.9, "current_a": 0.1, "speed_kmh": 0 }]);
    desk.measure("BAT001", parked).await;
    let done = desk.good("nbfc", "POST", "/finance/auto-disable", body.clone()).await;
    assert_eq!(
        (&done["disabled_count"], &done["disabled_batteries"]),
        (&json!(1), &json!(["BAT001"])),
        "{done}"
    );
    assert_eq!(done["message"], "Batteries disabled successfully");
    let done = desk.good("nbfc", "POST", "/finance/auto-disable", body).await;
    assert_eq!(done["disabled_count"], 0, "once is enough");
    let seen = desk.good("dealer", "GET", "/batteries/BAT001", None).await;
    assert_eq!((&seen["battery"]["status"], &seen["battery"]["held"]), (&json!("inactive"), &json!(true)));
    let on = Some(json!({ "action": "activate" }));
    desk.refused("dealer", "POST", "/batteries/BAT001/control", on, 400, "Battery is held").await;

    let pay = |amount: &str, reference: &str| {
        Some(json!({ "application_id": loan, "amount": amount, "method": "upi", "reference": reference }))
    };
    let path = "/finance/emi-payment";
    desk.refused("consumer", "POST", path, pay("100.00", "r0"), 403, "Access denied").await;
    desk.refused("dealer", "POST", path, pay("1000000", "r0"), 400, "Invalid payment amount").await;
    desk.refused("dealer", "POST", path, pay("0.001", "r0"), 400, "Validation failed").await;
    let nowhere = Some(json!({ "application_id": 999_999, "amount": 1, "method": "upi", "reference": "r0" }));
    desk.refused("dealer", "POST", path, nowhere, 404, "Application not found").await;
    let some = desk.good("dealer", "POST", path, pay("1000.00", "r1")).await;
    assert_eq!((&some["battery_enabled"], &some["allocations"][0]["emi_number"]), (&json!(false), &json!(1)));
    let again = desk.good("dealer", "POST", path, pay("1000.00", "r1")).await;
    assert_eq!(again["id"], some["id"], "the same payment is booked once");
    desk.refused("dealer", "POST", path, pay("1000.01", "r1"), 400, "Duplicate reference").await;
    let rest = (due - amount(&some["amount"])).to_string();
    let paid = desk.good("dealer", "POST", path, pay(&rest, "r2")).await;
    assert_eq!((&paid["battery_enabled"], &paid["overdue_days"]), (&json!(true), &json!(0)), "{paid}");
    let seen = desk.good("dealer", "GET", "/batteries/BAT001", None).await;
    assert_eq!((&seen["battery"]["status"], &seen["battery"]["held"]), (&json!("active"), &json!(false)));

    let due = desk.good("consumer", "GET", &format!("/finance/emi-due?application_id={loan}"), None).await;
    assert_eq!((due.as_array().unwrap().len(), &due[0]["emi_number"]), (22, &json!(3)));
    desk.refused(
        "dealer",
        "GET",
        "/finance/emi-due?application_id=999999",
        None,
        404,
        "Application not found",
    )
    .await;
    desk.refused("dealer", "GET", "/finance/emi-due?until=soon", None, 400, "Validation failed").await;
    desk.refused("technician0", "GET", "/finance/emi-due", None, 403, "Access denied").await;
    let books = desk.good("dealer", "GET", "/finance/ledger", None).await;
    assert_eq!(books["total"], "0.00");
    let of_one = desk.good("nbfc", "GET", &format!("/finance/ledger?application_id={loan}"), None).await;
    let cash = of_one["balances"].as_array().unwrap().iter().find(|row| row["account"] == "cash").unwrap();
    assert_eq!(
        amount(&cash["balance"]) + "45000".parse::<rust_decimal::Decimal>().unwrap(),
        amount(&json!("4257.66"))
    );
    desk.refused(
        "dealer",
        "GET",
        "/finance/ledger?application_id=999999",
        None,
        404,
        "Application not found",
    )
    .await;
    desk.refused("dealer", "GET", "/finance/ledger?application_id=x", None, 400, "Validation failed").await;
    desk.refused("consumer", "GET", "/finance/ledger", None, 403, "Access denied").await;

    let report = desk.good("dealer", "GET", "/finance/collection-report", None).await;
    assert_eq!(report["summary"]["total_collections"], 2);
    assert_eq!(
        (&report["summary"]["total_amount_collected"], &report["summary"]["avg_daily_collection"]),
        (&json!(4257.66), &json!(4257.66))
    );
    assert_eq!(report["collection_report"][0]["collection_date"], day(0));
    let empty = desk
        .good("dealer", "GET", "/finance/collection-report?start_date=2024-01-01&end_date=2024-01-31", None)
        .await;
    assert_eq!(empty["summary"]["total_collections"], 0);
    let backwards = "?start_date=2024-02-01&end_date=2024-01-01";
    desk.refused(
        "dealer",
        "GET",
        &format!("/finance/collection-report{backwards}"),
        None,
        400,
        "Validation failed",
    )
    .await;
    desk.refused("consumer", "GET", "/finance/collection-report", None, 403, "Access denied").await;

    let said = json!({ "total_collections": 2, "amount_collected": 4257.66, "overdue_count": 1 });
    let body = json!({ "report_date": day(0), "collection_data": said });
    let sent = desk.good("dealer", "POST", "/nbfc/collection-report", Some(body.clone())).await;
    assert_eq!((&sent["success"], &sent["nbfc_response"]["status"]), (&json!(true), &json!("queued")));
    assert_eq!(sent["variances"], json!({ "overdue_count": { "reported": 1, "booked": 0 } }));
    assert_eq!(sent["report"]["dealer_id"], world.dealer);
    let kept: Value = serde_json::from_str(sent["report"]["collection_data"].as_str().unwrap()).unwrap();
    assert_eq!(kept["total_collections"], 2);
    let soon = json!({ "report_date": day(-2), "collection_data": body["collection_data"] });
    desk.refused("dealer", "POST", "/nbfc/collection-report", Some(soon), 400, "Validation failed").await;
    desk.refused("consumer", "POST", "/nbfc/collection-report", Some(body), 403, "Access denied").await;
}
