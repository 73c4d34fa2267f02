//! A dealership's life: people, papers, batteries, loans, late instalments, service, messages, figures.

use crate::desk::Desk;
use crate::lender::signed;
use crate::process::ago_ms;
use serde_json::{Value, json};

/// Numbers that must be in no log.
pub(crate) const PHONES: [&str; 7] = [
    "+919810000001",
    "+919810000002",
    "+919810000003",
    "+919810000004",
    "+919810000005",
    "+919810000006",
    "+919810000007",
];
pub(crate) const PAN: &str = "ABCPK1234F";
/// One of those that the authority publishes for tests.
pub(crate) const AADHAAR: &str = "999941057058";

/// What the first dealer has, and who the others are.
pub(crate) struct World {
    pub(crate) dealer: u64,
    pub(crate) other: u64,
    pub(crate) consumer: u64,
    pub(crate) stranger: u64,
}

/// A day in India, so many days ago.
pub(crate) fn day(ago: i64) -> String {
    let seconds = ago_ms(0) / 1_000 + 19_800 - ago * 86_400;
    jiff::Timestamp::from_second(seconds).unwrap().to_string()[..10].to_owned()
}

fn amount(value: &Value) -> rust_decimal::Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

pub(crate) async fn people(desk: &mut Desk) -> World {
    let new =
        |name: &str, phone: &str, kind: &str| Some(json!({ "name": name, "phone": phone, "userType": kind }));
    let made = desk.good("admin", "POST", "/dealers", new("ABC Motors", PHONES[0], "dealer")).await;
    desk.good("admin", "POST", "/dealers", new("XYZ Motors", PHONES[1], "dealer")).await;
    desk.good("admin", "POST", "/dealers", new("Lender", PHONES[4], "nbfc")).await;
    let taken = new("Again", PHONES[0], "dealer");
    desk.refused("admin", "POST", "/dealers", taken, 400, "Duplicate phone").await;
    let dealer = desk.log_in("dealer", PHONES[0], "dealer").await;
    assert_eq!(made["id"], dealer);
    let other = desk.log_in("other", PHONES[1], "dealer").await;
    desk.log_in("nbfc", PHONES[4], "nbfc").await;
    let tech = json!({ "name": "Tech Zero", "phone": PHONES[6], "location": "Somewhere" });
    desk.good("admin", "POST", "/service/technicians", Some(tech)).await;
    desk.log_in("technician0", PHONES[6], "technician").await;
    assert_eq!(desk.good("admin", "GET", "/dealers", None).await.as_array().unwrap().len(), 2);
    desk.refused("dealer", "GET", "/dealers", None, 403, "Access denied").await;
    desk.refused("dealer", "POST", "/dealers", new("No", PHONES[5], "dealer"), 403, "Access denied").await;
    let me = desk.good("dealer", "GET", "/auth/me", None).await;
    assert_eq!(
        (&me["id"], &me["name"], &me["role"]),
        (&json!(dealer), &json!("ABC Motors"), &json!("dealer"))
    );

    // Whether a number is known cannot be told.
    let unknown = json!({ "phone": "+919899999999", "userType": "dealer" });
    let answer = desk.good("nobody", "POST", "/auth/login", Some(unknown.clone())).await;
    assert_eq!(answer["message"], "OTP sent successfully");
    let answer = desk.call("nobody", "POST", "/auth/login", Some(unknown)).await;
    answer.is(429, "Rate limit exceeded");
    assert!(answer.headers.contains_key("retry-after") && answer.body["retry_after"].as_u64().unwrap() > 0);
    let wrong = json!({ "phone": "+919899999999", "otp": "000000" });
    desk.refused("nobody", "POST", "/auth/verify-otp", Some(wrong.clone()), 401, "Invalid or expired OTP")
        .await;
    for _ in 0..5 {
        let answer = desk.call("nobody", "POST", "/auth/verify-otp", Some(wrong.clone())).await;
        assert!([401, 429].contains(&answer.status.as_u16()), "{answer:?}");
    }
    let answer = desk.call("nobody", "POST", "/auth/verify-otp", Some(wrong)).await;
    answer.is(429, "Rate limit exceeded");
    let unfit = json!({ "phone": "98765", "userType": "dealer" });
    desk.refused("nobody", "POST", "/auth/login", Some(unfit), 400, "Validation failed").await;
    let missing = json!({ "phone": PHONES[0] });
    desk.refused("nobody", "POST", "/auth/login", Some(missing.clone()), 400, "Missing required fields")
        .await;
    desk.refused("nobody", "POST", "/auth/verify-otp", Some(missing), 400, "Missing required fields").await;

    let body = json!({ "name": "Ram Kumar", "phone": PHONES[2], "pan": PAN, "aadhar": AADHAAR });
    let ram = desk.good("dealer", "POST", "/consumers", Some(body)).await;
    assert_eq!((&ram["pan"], &ram["aadhar"]), (&json!("XXXXX1234X"), &json!("XXXXXXXX7058")));
    assert_eq!((&ram["kyc_status"], &ram["dealer_id"]), (&json!("pending"), &json!(dealer)));
    let stranger = json!({ "name": "Sita Devi", "phone": PHONES[3] });
    let sita = desk.good("other", "POST", "/consumers", Some(stranger)).await;
    let consumer = desk.log_in("consumer", PHONES[2], "consumer").await;
    assert_eq!(ram["id"], consumer);
    let stranger = desk.log_in("stranger", PHONES[3], "consumer").await;
    assert_eq!(sita["id"], stranger);
    World { dealer, other, consumer, stranger }
}

pub(crate) async fn papers(desk: &mut Desk, world: &World) {
    let all = desk.good("dealer", "GET", "/consumers?kyc_status=pending", None).await;
    assert_eq!((all.as_array().unwrap().len(), &all[0]["name"]), (1, &json!("Ram Kumar")));
    assert_eq!(all[0]["phone"], PHONES[2]);
    desk.refused("dealer", "GET", "/consumers?kyc_status=perhaps", None, 400, "Validation failed").await;
    desk.refused("consumer", "GET", "/consumers", None, 403, "Access denied").await;
    let create = |body: Value| Some(body);
    let again = json!({ "name": "Ram", "phone": PHONES[2] });
    desk.refused("dealer", "POST", "/consumers", create(again), 400, "Duplicate phone").await;
    desk.refused(
        "dealer",
        "POST",
        "/consumers",
        create(json!({ "name": "Ram" })),
        400,
        "Missing required fields",
    )
    .await;
    for (field, value) in [("pan", "abc"), ("aadhar", "1234"), ("phone", "+15551234567")] {
        let mut body = json!({ "name": "Ram", "phone": "+919812345678" });
        body[field] = json!(value);
        desk.refused("dealer", "POST", "/consumers", create(body), 400, "Validation failed").await;
    }

    let id = world.consumer;
    let kyc = format!("/consumers/{id}/kyc");
    // The document's own numbers are doubtful, so nobody is verified by them here.
    let doubtful = json!({ "kyc_status": "verified", "pan": "ABCDE1234F", "aadhar": "123456789012" });
    desk.refused("dealer", "PUT", &kyc, Some(doubtful), 400, "KYC verification failed").await;
    let doubtful = json!({ "kyc_status": "pending", "pan": "ABCDE1234F" });
    let seen = desk.good("dealer", "PUT", &kyc, Some(doubtful)).await;
    assert_eq!(seen["kyc_warnings"].as_array().unwrap().len(), 2);
    let good = json!({ "kyc_status": "verified", "pan": PAN });
    let seen = desk.good("dealer", "PUT", &kyc, Some(good.clone())).await;
    assert_eq!((&seen["kyc_status"], &seen["kyc_warnings"]), (&json!("verified"), &Value::Null));
    desk.refused("dealer", "PUT", "/consumers/999999/kyc", Some(good), 404, "Consumer not found").await;
    desk.refused("dealer", "PUT", &kyc, Some(json!({ "kyc_status": "sure" })), 400, "Validation failed")
        .await;

    let reveal = format!("{kyc}/reveal");
    let why = json!({ "reason": "the lender asks for it" });
    let shown = desk.good("admin", "POST", &reveal, Some(why.clone())).await;
    assert_eq!((&shown["pan"], &shown["aadhar"]), (&json!(PAN), &json!(AADHAAR)));
    desk.refused("dealer", "POST", &reveal, Some(why.clone()), 403, "Access denied").await;
    desk.refused("admin", "POST", &reveal, Some(json!({ "reason": " " })), 400, "Validation failed").await;
    desk.refused("admin", "POST", "/consumers/999999/kyc/reveal", Some(why), 404, "Consumer not found").await;
    let audit = desk.serve.get("/twins/v1/admin/audit?limit=1000").await.to_string();
    assert!(audit.contains("papers revealed") && audit.contains("the lender asks for it"));

    let path = format!("/consumers/{id}/documents");
    let url = "https://storage.example.com/pan_card.jpg";
    let reference = json!({ "document_type": "pan_card", "document_url": url, "document_number": PAN });
    let made = desk.good("consumer", "POST", &path, Some(reference.clone())).await;
    assert_eq!(made["message"], "Document uploaded successfully");
    assert_eq!(
        (&made["document"]["document_url"], &made["document"]["status"]),
        (&json!(url), &json!("pending_verification"))
    );
    assert_eq!(made["document"]["document_number"], "XXXXXX234F");
    assert!(made.get("note").is_none());
    for (field, value) in [("document_type", "selfie"), ("document_url", "http://storage.example.com/x")] {
        let mut body = reference.clone();
        body[field] = json!(value);
        desk.refused("dealer", "POST", &path, Some(body), 400, "Validation failed").await;
    }
    let upload = |kind: &str, bytes: &[u8]| {
        let mut form = b"--x\r\nContent-Disposition: form-data; name=\"document_type\"\r\n\r\n".to_vec();
        form.extend(kind.as_bytes());
        form.extend(b"\r\n--x\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a\"\r\n\r\n");
        form.extend(bytes);
        form.extend(b"\r\n--x--\r\n");
        form
    };
    let form = "multipart/form-data; boundary=x";
    let mut pdf = b"%PDF-1.7 secret words of a statement ".to_vec();
    pdf.resize(1_200_000, b'.');
    let body = upload("bank_statement", &pdf);
    let answer = desk.send("dealer", "POST", &path, |r| r.header("content-type", form).body(body)).await;
    assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    assert_eq!(answer.body["document"]["media_type"], "application/pdf");
    assert_eq!(answer.body["document"]["size_bytes"], 1_200_000);
    let number = answer.body["document"]["id"].as_u64().unwrap();
    let content = format!("{path}/{number}/content");
    let answer = desk.call("consumer", "GET", &content, None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &"application/pdf".parse().unwrap())
    );
    assert_eq!(answer.headers["content-length"], "1200000");
    desk.refused("dealer", "GET", &format!("{path}/999999/content"), None, 404, "Document not found").await;
    let body = upload("photo", b"<html>not a picture</html>");
    let answer = desk.send("dealer", "POST", &path, |r| r.header("content-type", form).body(body)).await;
    answer.is(400, "Validation failed");
    let body = upload("photo", &vec![0xff; (5 << 20) + (80 << 10)]);
    let answer = desk.send("dealer", "POST", &path, |r| r.header("content-type", form).body(body)).await;
    answer.is(413, "Payload Too Large");
    let all = desk.good("dealer", "GET", &path, None).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
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

/// The document's loan.
fn loan(consumer: u64, battery: &Value) -> Value {
    json!({
        "consumer_id": consumer, "battery_id": battery, "amount": 45_000, "tenure_months": 24, "interest_rate": 12.5,
    })
}

async fn number(desk: &mut Desk, who: &str, serial: &str) -> Value {
    desk.good(who, "GET", &format!("/batteries/{serial}"), None).await["battery"]["id"].clone()
}

pub(crate) async fn loans(desk: &mut Desk, world: &World) {
    let (one, three) = (number(desk, "dealer", "BAT001").await, number(desk, "dealer", "BAT003").await);
    let path = "/finance/applications";
    // Who is not verified gets nothing.
    let two = number(desk, "other", "BAT002").await;
    desk.refused("other", "POST", path, Some(loan(world.stranger, &two)), 400, "KYC not verified").await;
    let unknown = Some(loan(999_999, &three));
    desk.refused("dealer", "POST", path, unknown.clone(), 404, "Consumer not found").await;
    desk.refused("dealer", "POST", "/nbfc/submit-application", unknown, 404, "Consumer not found").await;
    for (field, value) in [("amount", json!(-1)), ("tenure_months", json!(85)), ("interest_rate", json!(61))]
    {
        let mut body = loan(world.consumer, &three);
        body[field] = value;
        desk.refused("dealer", "POST", path, Some(body.clone()), 400, "Validation failed").await;
        desk.refused("dealer", "POST", "/nbfc/submit-application", Some(body), 400, "Validation failed")
            .await;
    }
    let made = desk.good("dealer", "POST", path, Some(loan(world.consumer, &three))).await;
    assert_eq!(
        (&made["status"], &made["amount"], &made["interest_rate"]),
        (&json!("pending"), &json!(45_000), &json!(12.5))
    );
    desk.refused("dealer", "POST", path, Some(loan(world.consumer, &three)), 400, "Battery already financed")
        .await;
    let id = made["id"].as_u64().unwrap();
    let approve = format!("{path}/{id}/approve");
    let approved = Some(
        json!({ "status": "approved", "approved_amount": 45_000, "interest_rate": 12.5, "tenure_months": 24 }),
    );
    desk.refused("dealer", "PUT", &approve, approved.clone(), 403, "Access denied").await;
    desk.refused(
        "nbfc",
        "PUT",
        "/finance/applications/999999/approve",
        approved.clone(),
        404,
        "Application not found",
    )
    .await;
    desk.refused("nbfc", "PUT", &approve, Some(json!({ "status": "perhaps" })), 400, "Validation failed")
        .await;
    let seen = desk.good("nbfc", "PUT", &approve, approved.clone()).await;
    assert_eq!(
        (&seen["status"], &seen["approved_amount"], &seen["emi_amount"]),
        (&json!("approved"), &json!(45_000), &json!(2128.83))
    );
    desk.refused("nbfc", "PUT", &approve, approved, 400, "Invalid application status").await;
    let disburse = format!("{path}/{id}/disburse");
    desk.refused("dealer", "POST", &disburse, Some(json!({})), 403, "Access denied").await;
    let tomorrow = Some(json!({ "disbursement_date": day(-1) }));
    desk.refused("nbfc", "POST", &disburse, tomorrow, 400, "Validation failed").await;
    assert_eq!(desk.good("nbfc", "POST", &disburse, Some(json!({}))).await["status"], "disbursed");
    let nowhere = "/finance/applications/999999/disburse";
    desk.refused("nbfc", "POST", nowhere, Some(json!({})), 404, "Application not found").await;

    let finance = desk.good("consumer", "GET", &format!("/consumers/{}/finance", world.consumer), None).await;
    assert_eq!((&finance["total_applications"], &finance["total_emi_due"]), (&json!(1), &json!(24)));
    let rows = finance["emi_schedules"].as_array().unwrap();
    assert_eq!((&rows[0]["amount"], &rows[23]["amount"]), (&json!("2128.83"), &json!("2128.81")));
    let all: rust_decimal::Decimal = rows.iter().map(|row| amount(&row["amount"])).sum();
    assert_eq!(all.to_string(), "51091.90");

    // The lender's way, for the battery that the consumer rides.
    let made =
        desk.good("dealer", "POST", "/nbfc/submit-application", Some(loan(world.consumer, &one))).await;
    let id = made["application"]["id"].as_u64().unwrap();
    assert_eq!((&made["success"], &made["application"]["status"]), (&json!(true), &json!("submitted")));
    let listed = desk.good("nbfc", "GET", &format!("{path}?status=submitted"), None).await;
    assert_eq!(listed[0]["id"], id);
    desk.refused("nbfc", "GET", &format!("{path}?status=lost"), None, 400, "Validation failed").await;
    desk.refused("consumer", "GET", path, None, 403, "Access denied").await;
    let word = json!({ "applicationId": id, "status": "approved", "sanctionedAmount": 45_000, "interestRate": 12.5, "emiAmount": 1875 });
    let answer = signed(desk, &word, 0, false).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    assert_eq!(answer.body["application"]["status"], "approved");
    // The document's own instalment forgets the interest.
    assert_eq!(answer.body["application"]["emi_variance"], -253.83);
    let again = signed(desk, &word, 0, false).await;
    assert_eq!(again.body["application"], answer.body["application"], "said twice");
    let word = json!({ "applicationId": id, "status": "disbursed", "disbursementDate": day(70) });
    assert_eq!(signed(desk, &word, 0, false).await.body["application"]["status"], "disbursed");
    signed(desk, &word, 400, false).await.is(401, "Invalid webhook signature");
    signed(desk, &word, 0, true).await.is(401, "Invalid webhook signature");
    let lost = json!({ "applicationId": 999_999, "status": "approved" });
    signed(desk, &lost, 0, false).await.is(404, "Application not found");
    let wrong = json!({ "applicationId": id, "status": "rejected" });
    signed(desk, &wrong, 0, false).await.is(400, "Invalid application status");

    let portfolio = desk.good("nbfc", "GET", "/nbfc/portfolio", None).await;
    let summary = &portfolio["portfolio_summary"];
    assert_eq!((&summary["total_applications"], &summary["disbursed_count"]), (&json!(2), &json!(2)));
    assert_eq!((&summary["total_disbursed"], &summary["avg_interest_rate"]), (&json!(90_000), &json!(12.5)));
    assert_eq!(portfolio["monthly_trend"].as_array().unwrap().len(), 12);
    assert_eq!(portfolio["portfolio_health"]["approval_rate"], "100.0");
    desk.refused("consumer", "GET", "/nbfc/portfolio", None, 403, "Access denied").await;
}

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

pub(crate) async fn figures(desk: &mut Desk, _: &World) {
    let seen = desk.good("dealer", "GET", "/analytics/dealer-dashboard", None).await;
    assert_eq!(
        seen["consumer_metrics"],
        json!({ "total_consumers": 1, "verified_consumers": 1, "pending_consumers": 0 })
    );
    assert_eq!(
        (&seen["battery_metrics"]["total_batteries"], &seen["battery_metrics"]["maintenance_batteries"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (&seen["finance_metrics"]["disbursed_applications"], &seen["finance_metrics"]["total_disbursed"]),
        (&json!(2), &json!(90_000))
    );
    assert_eq!(seen["service_metrics"]["resolved_tickets"], 1);
    let before = "?start_date=2024-01-01&end_date=2024-01-31";
    let then = desk.good("dealer", "GET", &format!("/analytics/dealer-dashboard{before}"), None).await;
    assert_eq!(then["finance_metrics"]["total_applications"], 0);
    let seen = desk.good("nbfc", "GET", "/analytics/nbfc-portfolio", None).await;
    assert_eq!(
        (&seen["portfolio_summary"]["approval_rate"], &seen["portfolio_summary"]["avg_loan_amount"]),
        (&json!("100.0%"), &json!(45_000))
    );
    assert_eq!(seen["risk_metrics"]["collection_efficiency"], "100.0%");
    assert!(seen["risk_metrics"]["avg_credit_score"].as_f64().unwrap() >= 300.0);
    let range = format!("?start_date={}&end_date={}", day(70), day(0));
    let seen = desk.good("nbfc", "GET", &format!("/analytics/collection-report{range}"), None).await;
    let summary = &seen["collection_summary"];
    assert_eq!(
        (&summary["total_emi_due"], &summary["collected_emi"], &summary["collection_rate"]),
        (&json!(2), &json!(2), &json!("100.0%"))
    );
    assert_eq!(
        (&seen["daily_collections"][0]["collections"], &seen["daily_collections"][0]["overdue_collections"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(seen["overdue_analysis"]["total_overdue"], 0);
    let seen = desk.good("dealer", "GET", "/analytics/battery-health", None).await;
    assert_eq!(
        (&seen["fleet_health"]["excellent"]["count"], &seen["fleet_health"]["excellent"]["percentage"]),
        (&json!(2), &json!("100.0%"))
    );
    assert_eq!(seen["health_trends"].as_array().unwrap().len(), 6);
    assert_eq!(seen["predictive_maintenance"]["estimated_service_cost"], json!(4_000));
    let seen = desk.good("dealer", "GET", "/analytics/service-metrics", None).await;
    assert_eq!(seen["ticket_metrics"]["resolved_tickets"], 1);
    assert_eq!(
        (
            &seen["resolution_times"]["sla_compliance"],
            &seen["technician_performance"][0]["customer_satisfaction"]
        ),
        (&json!("100.0%"), &json!(5.0))
    );
    for name in
        ["dealer-dashboard", "nbfc-portfolio", "collection-report", "battery-health", "service-metrics"]
    {
        let path = format!("/analytics/{name}");
        desk.refused("consumer", "GET", &path, None, 403, "Access denied").await;
        desk.refused("admin", "GET", &format!("{path}?start_date=soon"), None, 400, "Validation failed")
            .await;
    }
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
