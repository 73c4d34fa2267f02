//! Figures over all of it.

use crate::desk::Desk;
use crate::people::{World, day};
use serde_json::json;

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
