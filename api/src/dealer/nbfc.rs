//! The lender: applications and reports that go to it, its word that comes back, what it lent.

use super::Member;
use super::envelope::{ErrorBody, invalid, refused_by};
use super::finance::Apply;
use super::given::{Amount, Given, day, parsed, word};
use super::wire::{ApplicationBody, stamp};
use crate::body::{Raw, must_be_json};
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use host::dealership::analytics::number;
use host::dealership::lender::{LenderWord, NewReport, report_name};
use host::dealership::records::Channel;
use host::dealership::rules::instalment::emi;
use host::dealership::rules::loan::Status;
use host::identity::Action;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// An application that goes to the lender.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubmitAnswer {
    success: bool,
    application: ApplicationBody,
    message: &'static str,
}

/// Apply for a loan with the lender.
#[utoipa::path(
    post, path = "/nbfc/submit-application", tag = "NBFC", request_body = Apply,
    responses((status = 201, body = SubmitAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn application_submit(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<Apply>, Problem>,
) -> Result<(StatusCode, Json<SubmitAnswer>), Problem> {
    member.may(Action::ConsumerWrite).map_err(refused_by)?;
    let Given(apply) = given?;
    let made = app.dealership()?.apply(&member, apply.loan(Channel::Nbfc)).await.map_err(refused_by)?;
    let message = if made.handed_in_at.is_some() {
        "Application submitted to NBFC successfully"
    } else {
        "Application submitted to NBFC; it is handed over as soon as the NBFC takes it"
    };
    Ok((StatusCode::CREATED, Json(SubmitAnswer { success: true, application: made.into(), message })))
}

/// The lender's word.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Word {
    application_id: u64,
    /// `submitted`, `approved`, `rejected` or `disbursed`.
    #[schema(example = "approved")]
    status: String,
    #[schema(value_type = Option<f64>)]
    sanctioned_amount: Option<Amount>,
    #[schema(value_type = Option<f64>)]
    interest_rate: Option<Amount>,
    #[schema(value_type = Option<f64>)]
    emi_amount: Option<Amount>,
    #[schema(format = Date)]
    disbursement_date: Option<String>,
}

/// What became of an application.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WordApplication {
    id: u64,
    status: &'static str,
    #[schema(value_type = Option<f64>)]
    sanctioned_amount: Option<Amount>,
    #[schema(value_type = Option<f64>)]
    interest_rate: Option<Amount>,
    #[schema(value_type = Option<f64>)]
    emi_amount: Option<Amount>,
    /// The lender's instalment less ours, where that is more than a rupee.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    emi_variance: Option<Amount>,
}

/// The lender's word was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WordAnswer {
    success: bool,
    #[schema(example = "Webhook processed successfully")]
    message: &'static str,
    application: WordApplication,
}

/// The lender's word on an application, signed: `X-NBFC-Timestamp` has seconds since the epoch, `X-NBFC-Signature` the
/// HMAC-SHA256 over them, a dot and the body, in hexadecimal digits.
#[utoipa::path(
    post, path = "/nbfc/webhook-status", tag = "NBFC", request_body = Word, security(()),
    params(("X-NBFC-Signature" = String, Header), ("X-NBFC-Timestamp" = String, Header)),
    responses(
        (status = 200, body = WordAnswer), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody, description = "The signature is wrong, or too old."),
        (status = 404, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 500, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
)]
pub(super) async fn webhook_status(
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<WordAnswer>, Problem> {
    let dealership = app.dealership()?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (signature, timestamp) = (header("x-nbfc-signature"), header("x-nbfc-timestamp"));
    dealership.check_signature(signature, timestamp, &body).map_err(refused_by)?;
    must_be_json(&headers)?;
    let word_: Word = parsed(&body)?;
    let heard = LenderWord {
        application: word_.application_id,
        status: word("status", &word_.status, Status::read)?,
        amount: word_.sanctioned_amount.map(|amount| amount.0),
        annual_pct: word_.interest_rate.map(|rate| rate.0),
        emi: word_.emi_amount.map(|amount| amount.0),
        disbursed_on: day("disbursementDate", word_.disbursement_date.as_deref())?,
    };
    let record = dealership.lender_says(heard).await.map_err(refused_by)?;
    let granted = record.loan.granted;
    let application = WordApplication {
        id: record.loan.id,
        status: record.loan.status.as_str(),
        sanctioned_amount: granted.map(|terms| Amount(terms.principal)),
        interest_rate: granted.map(|terms| Amount(terms.annual_pct.normalize())),
        emi_amount: granted.map(|terms| Amount(emi(&terms))),
        emi_variance: record.emi_variance.map(Amount),
    };
    Ok(Json(WordAnswer { success: true, message: "Webhook processed successfully", application }))
}

/// What was lent, counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortfolioSummary {
    total_applications: usize,
    /// Ever granted.
    approved_count: usize,
    disbursed_count: usize,
    rejected_count: usize,
    #[schema(value_type = f64)]
    total_disbursed: Amount,
    avg_interest_rate: f64,
}

/// A month.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortfolioMonth {
    #[schema(format = Date)]
    month: String,
    applications: usize,
    #[schema(value_type = f64)]
    amount_disbursed: Amount,
}

/// Shares in percent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortfolioHealth {
    #[schema(example = "85.0")]
    approval_rate: String,
    #[schema(example = "75.0")]
    disbursement_rate: String,
}

/// What was lent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortfolioAnswer {
    portfolio_summary: PortfolioSummary,
    /// The last twelve months, the earliest first.
    monthly_trend: Vec<PortfolioMonth>,
    portfolio_health: PortfolioHealth,
}

/// A share in percent; 0 of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// What was lent.
#[utoipa::path(get, path = "/nbfc/portfolio", tag = "NBFC", responses((status = 200, body = PortfolioAnswer)))]
pub(super) async fn portfolio(
    State(app): State<App>,
    Member(member): Member,
) -> Result<Json<PortfolioAnswer>, Problem> {
    let seen = app.dealership()?.portfolio(&member).await.map_err(refused_by)?;
    let mean = seen.mean_pct.map_or(0.0, |mean| number(mean.round_dp(2)));
    Ok(Json(PortfolioAnswer {
        portfolio_summary: PortfolioSummary {
            total_applications: seen.applications,
            approved_count: seen.approved,
            disbursed_count: seen.disbursed,
            rejected_count: seen.rejected,
            total_disbursed: Amount(seen.total_disbursed),
            avg_interest_rate: mean,
        },
        monthly_trend: seen
            .months
            .into_iter()
            .map(|month| PortfolioMonth {
                month: month.first.to_string(),
                applications: month.applications,
                amount_disbursed: Amount(month.amount),
            })
            .collect(),
        portfolio_health: PortfolioHealth {
            approval_rate: format!("{:.1}", share(seen.approved, seen.applications)),
            disbursement_rate: format!("{:.1}", share(seen.disbursed, seen.applications)),
        },
    }))
}

/// What was collected, as the dealer says.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct CollectionData {
    total_collections: u64,
    #[schema(value_type = f64)]
    amount_collected: Amount,
    overdue_count: u64,
}

/// A collection report.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ReportAsked {
    #[schema(format = Date, example = "2024-01-15")]
    report_date: String,
    collection_data: CollectionData,
}

/// A collection report as it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportBody {
    id: u64,
    dealer_id: Option<u64>,
    #[schema(format = Date)]
    report_date: String,
    /// As JSON text.
    collection_data: String,
    /// As JSON text.
    nbfc_response: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A collection report that goes to the lender.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportAnswer {
    success: bool,
    message: &'static str,
    report: ReportBody,
    nbfc_response: Value,
    /// By how much the report differs from the books here, field by field.
    variances: Value,
}

/// Report what was collected to the lender. The report is held against the books here.
#[utoipa::path(
    post, path = "/nbfc/collection-report", tag = "NBFC", request_body = ReportAsked,
    responses((status = 200, body = ReportAnswer), (status = 400, body = ErrorBody)),
)]
pub(super) async fn collection_submit(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<ReportAsked>, Problem>,
) -> Result<Json<ReportAnswer>, Problem> {
    member.may(Action::ConsumerWrite).map_err(refused_by)?;
    let Given(asked) = given?;
    let data = asked.collection_data;
    if data.amount_collected.0 < Decimal::ZERO {
        return Err(invalid("amount_collected", "is negative"));
    }
    let on = day("report_date", Some(&asked.report_date))?;
    let new = NewReport {
        on: on.unwrap_or(app.dealership()?.today()),
        collections: data.total_collections,
        amount: data.amount_collected.0,
        overdue: data.overdue_count,
        data: serde_json::to_value(&data).unwrap_or_default(),
    };
    let report = app.dealership()?.report_collections(&member, new).await.map_err(refused_by)?;
    let is_taken = report.response.is_some();
    let response = report.response.clone().unwrap_or_else(|| {
        json!({
            "success": true, "report_id": report_name(report.id), "status": "queued",
            "message": "The report waits for the NBFC",
        })
    });
    let message = if is_taken {
        "Collection report submitted successfully"
    } else {
        "Collection report kept; it is handed over as soon as the NBFC takes it"
    };
    let body = ReportBody {
        id: report.id,
        dealer_id: report.dealer,
        report_date: report.on.to_string(),
        collection_data: report.data.to_string(),
        nbfc_response: response.to_string(),
        created_at: stamp(report.created),
    };
    Ok(Json(ReportAnswer {
        success: true,
        message,
        report: body,
        nbfc_response: response,
        variances: report.variances,
    }))
}
