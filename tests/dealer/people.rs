//! Who there is: dealers, a lender, consumers, technicians; and logging in.

use crate::desk::Desk;
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

/// An amount of money as it is answered.
pub(crate) fn amount(value: &Value) -> rust_decimal::Decimal {
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
