//! Loans: applied for, approved, disbursed, by the dealer's way and the lender's.

use crate::batteries::number;
use crate::desk::Desk;
use crate::lender::signed;
use crate::people::{World, amount, day};
use serde_json::{Value, json};

/// The document's loan.
fn loan(consumer: u64, battery: &Value) -> Value {
    json!({
        "consumer_id": consumer, "battery_id": battery, "amount": 45_000, "tenure_months": 24, "interest_rate": 12.5,
    })
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
