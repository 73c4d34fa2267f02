//! What belongs to one dealer and its consumers, another dealer and another consumer neither see nor touch: every
//! operation is walked with their tokens.

use crate::coverage::operations;
use crate::desk::Desk;
use crate::people::{AADHAAR, PAN, PHONES, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Operations that have nothing of anybody: logging in, who one is, whether requests arrive, the lender's own.
const NOBODYS: [&str; 12] = [
    "POST /auth/login",
    "POST /auth/verify-otp",
    "GET /auth/me",
    "POST /auth/logout",
    "GET /dealers",
    "POST /dealers",
    "GET /batteries/test",
    "POST /nbfc/webhook-status",
    "POST /messaging/send-otp",
    "POST /batteries",
    "POST /consumers",
    "POST /service/technicians",
];

/// What must not be in anything that others are told.
const PRIVATE: [&str; 6] = ["BAT001", "BAT003", "Ram Kumar", PHONES[2], PAN, AADHAAR];

pub(crate) async fn others_see_nothing(desk: &mut Desk, world: &World) {
    let id = world.consumer;
    let battery = desk.good("dealer", "GET", "/batteries/BAT001", None).await["battery"]["id"].clone();
    let loans = desk.good("dealer", "GET", "/finance/applications", None).await;
    let loan = loans[0]["id"].as_u64().unwrap();
    let tickets = desk.good("dealer", "GET", "/service/tickets", None).await;
    let ticket =
        tickets.as_array().unwrap().iter().find(|one| one["status"] == "assigned").unwrap()["id"].clone();
    let terms = json!({
        "consumer_id": id, "battery_id": battery, "amount": 45_000, "tenure_months": 24, "interest_rate": 12.5,
    });
    let of_consumer = |rest: &str| format!("/consumers/{id}/{rest}");
    let refused: Vec<(&str, String, Option<Value>)> = vec![
        ("GET", "/batteries/BAT001".into(), None),
        ("POST", "/batteries/BAT001/control".into(), Some(json!({ "action": "inactive" }))),
        ("PUT", "/batteries/BAT001/assign".into(), Some(json!({ "consumer_id": world.stranger }))),
        ("POST", "/batteries/BAT001/test".into(), Some(json!({}))),
        ("POST", "/batteries/BAT001/test-status".into(), Some(json!({ "status": "inactive" }))),
        ("PUT", of_consumer("kyc"), Some(json!({ "kyc_status": "rejected" }))),
        ("POST", of_consumer("kyc/reveal"), Some(json!({ "reason": "curious" }))),
        ("GET", of_consumer("finance"), None),
        ("GET", of_consumer("profile"), None),
        ("GET", of_consumer("documents"), None),
        (
            "POST",
            of_consumer("documents"),
            Some(json!({ "document_type": "photo", "document_url": "https://a.example/b" })),
        ),
        ("GET", of_consumer("documents/2/content"), None),
        ("POST", "/finance/applications".into(), Some(terms.clone())),
        ("POST", "/nbfc/submit-application".into(), Some(terms)),
        ("PUT", format!("/finance/applications/{loan}/approve"), Some(json!({ "status": "rejected" }))),
        ("POST", format!("/finance/applications/{loan}/disburse"), Some(json!({}))),
        ("POST", "/finance/auto-disable".into(), Some(json!({ "overdue_days_threshold": 1 }))),
        (
            "POST",
            "/finance/emi-payment".into(),
            Some(json!({ "application_id": loan, "amount": 1, "method": "upi", "reference": "theirs" })),
        ),
        ("GET", format!("/finance/emi-due?application_id={loan}"), None),
        ("GET", format!("/finance/ledger?application_id={loan}"), None),
        (
            "POST",
            "/service/tickets".into(),
            Some(json!({ "battery_id": battery, "issue_category": "other" })),
        ),
        ("PUT", format!("/service/tickets/{ticket}/assign"), Some(json!({ "technician_id": 1 }))),
        ("POST", format!("/service/tickets/{ticket}/update"), Some(json!({ "status": "cancelled" }))),
        ("POST", format!("/service/tickets/{ticket}/feedback"), Some(json!({ "rating": 1 }))),
        ("POST", "/service/auto-assign".into(), Some(json!({ "ticket_id": ticket, "location": "Pune" }))),
        (
            "POST",
            "/messaging/battery-status".into(),
            Some(json!({ "battery_id": battery, "consumer_phone": PHONES[2], "status": "active" })),
        ),
    ];
    let lists = [
        "/batteries",
        "/batteries/health-report",
        "/consumers",
        "/finance/applications",
        "/finance/overdue",
        "/finance/collection-report",
        "/finance/emi-due",
        "/finance/ledger",
        "/nbfc/portfolio",
        "/service/tickets",
        "/service/tickets/active",
        "/service/technicians/available",
        "/analytics/dealer-dashboard",
        "/analytics/nbfc-portfolio",
        "/analytics/collection-report",
        "/analytics/battery-health",
        "/analytics/service-metrics",
        "/messaging/messages",
    ];
    let mut walked: BTreeSet<String> = NOBODYS.iter().map(|one| (*one).to_owned()).collect();
    let before = desk.good("dealer", "GET", "/batteries/BAT001", None).await;
    for who in ["other", "stranger"] {
        for (method, path, body) in &refused {
            desk.refused(who, method, path, body.clone(), 403, "Access denied").await;
            walked.insert(format!("{method} {}", template(path)));
        }
        for path in lists {
            let answer = desk.call(who, "GET", path, None).await;
            assert!([200, 403].contains(&answer.status.as_u16()), "{who} {path}: {answer:?}");
            let text = answer.body.to_string();
            for private in PRIVATE {
                assert!(!text.contains(private), "{who} is told {private} by {path}: {text}");
            }
            walked.insert(format!("GET {path}"));
        }
    }
    // What they report and write is their own.
    let report = json!({
        "report_date": crate::people::day(0),
        "collection_data": { "total_collections": 0, "amount_collected": 0, "overdue_count": 0 },
    });
    let sent = desk.good("other", "POST", "/nbfc/collection-report", Some(report)).await;
    assert_eq!((&sent["report"]["dealer_id"], &sent["variances"]), (&json!(world.other), &json!({})));
    let text = json!({ "to": PHONES[3], "message": "from the other dealer" });
    desk.good("other", "POST", "/messaging/send-sms", Some(text)).await;
    let own = desk.good("dealer", "GET", "/messaging/messages", None).await.to_string();
    assert!(!own.contains("from the other dealer"));
    walked.extend(["POST /nbfc/collection-report".to_owned(), "POST /messaging/send-sms".to_owned()]);
    // A dealer's own consumer sees itself, and others' figures are not in the other dealer's.
    let own = desk.good("other", "GET", "/analytics/dealer-dashboard", None).await;
    assert_eq!(own["consumer_metrics"]["total_consumers"], 1);
    assert_eq!(own["finance_metrics"]["total_applications"], 0);
    let after = desk.good("dealer", "GET", "/batteries/BAT001", None).await;
    assert_eq!(before["battery"], after["battery"]);
    let document = desk.coverage.document().clone();
    let all = operations(&document).into_iter().map(|(path, method, _)| format!("{method} {path}"));
    let missing: Vec<String> = all.filter(|one| !walked.contains(one)).collect();
    assert!(missing.is_empty(), "not walked: {missing:?}");
}

/// A path with parameters in place of names.
fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    let mut parts: Vec<String> = parts
        .iter()
        .map(|part| match part.as_str() {
            "BAT001" => "{serial}".to_owned(),
            part if part.parse::<u64>().is_ok() => "{id}".to_owned(),
            part => part.to_owned(),
        })
        .collect();
    if parts.last().is_some_and(|last| last == "content") {
        let place = parts.len() - 2;
        parts[place] = "{document}".to_owned();
    }
    parts.join("/")
}
