//! Loans: applications, decisions, instalments, payments, the books, and what is late.

use super::Member;
use super::envelope::{ErrorBody, invalid, refused_by};
use super::given::{Amount, Given, Rows, day, days_or_month, perhaps, rows};
use super::wire::{ApplicationBody, InstalmentBody, instalment_id, stamp, status_of};
use crate::body::{Asked, At};
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::dealership::collection::Disabled;
use host::dealership::finance::{Decision, NewLoan};
use host::dealership::payment::NewPayment;
use host::dealership::records::Channel;
use host::dealership::rules::instalment::Terms;
use host::dealership::rules::loan::Status;
use host::dealership::rules::money;
use host::identity::Action;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A loan that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Apply {
    consumer_id: u64,
    battery_id: u64,
    /// From ₹1000, in whole paise.
    #[schema(value_type = f64, example = 45000)]
    amount: Amount,
    /// 1 to 84.
    #[schema(example = 24)]
    tenure_months: u32,
    /// 0 to 60 percent a year.
    #[schema(value_type = f64, example = 12.5)]
    interest_rate: Amount,
}

impl Apply {
    pub(super) fn loan(self, channel: Channel) -> NewLoan {
        let (principal, annual_pct) = (self.amount.0, self.interest_rate.0);
        let terms = Terms { principal, annual_pct, months: self.tenure_months };
        NewLoan { consumer: self.consumer_id, asset: self.battery_id, terms, channel }
    }
}

/// Apply for a loan.
#[utoipa::path(
    post, path = "/finance/applications", tag = "Finance", request_body = Apply,
    responses(
        (status = 201, body = ApplicationBody),
        (status = 400, body = ErrorBody, description = "Something is wrong, or the consumer is not verified."),
        (status = 404, body = ErrorBody, description = "There is no such consumer or battery."),
    ),
)]
pub(super) async fn application_create(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<Apply>, Problem>,
) -> Result<(StatusCode, Json<ApplicationBody>), Problem> {
    member.may(Action::ConsumerWrite).map_err(refused_by)?;
    let Given(apply) = given?;
    let made = app.dealership()?.apply(&member, apply.loan(Channel::Dealer)).await.map_err(refused_by)?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Which applications.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// `pending`, `submitted`, `approved`, `rejected`, `disbursed` or `closed`.
    status: Option<String>,
    /// Of this consumer.
    consumer_id: Option<u64>,
    /// Rows, 1 to 1000.
    limit: Option<usize>,
    /// Rows to leave out at the beginning.
    offset: Option<usize>,
}

/// Applications, the newest first.
#[utoipa::path(get, path = "/finance/applications", tag = "Finance", params(ListAsked), responses((status = 200, body = [ApplicationBody])))]
pub(super) async fn application_list(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<ListAsked>,
) -> Result<Rows<ApplicationBody>, Problem> {
    let status = perhaps("status", asked.status.as_deref(), Status::read)?;
    let found = app.dealership()?.loans(&member, status, asked.consumer_id).await.map_err(refused_by)?;
    rows(found, asked.offset, asked.limit)
}

/// What is decided; what is left out stays as it was asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Decide {
    /// `approved` or `rejected`.
    #[schema(example = "approved")]
    status: String,
    #[schema(value_type = Option<f64>)]
    approved_amount: Option<Amount>,
    #[schema(value_type = Option<f64>)]
    interest_rate: Option<Amount>,
    tenure_months: Option<u32>,
    reason: Option<String>,
}

/// Grant an application, which makes its schedule, or do not.
#[utoipa::path(
    put, path = "/finance/applications/{id}/approve", tag = "Finance", request_body = Decide, params(("id" = u64, Path)),
    responses(
        (status = 200, body = ApplicationBody),
        (status = 400, body = ErrorBody, description = "It was decided already, or the terms are none."),
        (status = 404, body = ErrorBody),
    ),
)]
pub(super) async fn application_approve(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
    given: Result<Given<Decide>, Problem>,
) -> Result<Json<ApplicationBody>, Problem> {
    let dealership = app.dealership()?;
    dealership.loan_may(&member, Action::FinanceDecide, id).await.map_err(refused_by)?;
    let Given(decide) = given?;
    let is_approved = match decide.status.as_str() {
        "approved" => true,
        "rejected" => false,
        _ => return Err(invalid("status", "approved or rejected")),
    };
    let decision = Decision {
        is_approved,
        amount: decide.approved_amount.map(|amount| amount.0),
        annual_pct: decide.interest_rate.map(|rate| rate.0),
        months: decide.tenure_months,
        reason: decide.reason,
    };
    Ok(Json(dealership.decide(&member, id, decision).await.map_err(refused_by)?.into()))
}

/// When a loan was paid out.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct DisburseAsked {
    /// Today where nobody says.
    #[schema(format = Date)]
    disbursement_date: Option<String>,
}

/// Pay a loan out: its schedule begins then.
#[utoipa::path(
    post, path = "/finance/applications/{id}/disburse", tag = "Finance", request_body = DisburseAsked, params(("id" = u64, Path)),
    responses((status = 200, body = ApplicationBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn application_disburse(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
    given: Result<Given<DisburseAsked>, Problem>,
) -> Result<Json<ApplicationBody>, Problem> {
    let dealership = app.dealership()?;
    dealership.loan_may(&member, Action::FinanceDecide, id).await.map_err(refused_by)?;
    let Given(asked) = given?;
    let on = day("disbursement_date", asked.disbursement_date.as_deref())?;
    Ok(Json(dealership.disburse(&member, id, on).await.map_err(refused_by)?.into()))
}

/// Which instalments are late.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OverdueAsked {
    /// For at least so many days.
    min_days: Option<u32>,
}

/// An instalment that is late.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OverdueBody {
    id: u64,
    application_id: u64,
    emi_number: u32,
    #[schema(format = Date)]
    due_date: String,
    /// Still to be paid of it.
    #[schema(example = "1875.00")]
    amount: String,
    #[schema(example = "pending")]
    status: &'static str,
    is_overdue: bool,
    #[schema(value_type = f64)]
    loan_amount: Amount,
    tenure_months: u32,
    consumer_name: String,
    consumer_phone: Option<String>,
    battery_serial: String,
    overdue_days: u32,
    /// `SMA-0`, `SMA-1`, `SMA-2` or `NPA`, by the loan's days past due; `NPA` until nothing of it is late.
    classification: &'static str,
}

/// What is late.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OverdueAnswer {
    overdue_accounts: Vec<OverdueBody>,
    total_overdue: usize,
    #[schema(value_type = f64)]
    total_overdue_amount: Amount,
}

/// Instalments that are late, those that are longest first.
#[utoipa::path(get, path = "/finance/overdue", tag = "Finance", params(OverdueAsked), responses((status = 200, body = OverdueAnswer)))]
pub(super) async fn overdue_list(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<OverdueAsked>,
) -> Result<Json<OverdueAnswer>, Problem> {
    let dealership = app.dealership()?;
    let found = dealership.overdue(&member, asked.min_days.unwrap_or(1)).await.map_err(refused_by)?;
    let today = dealership.today();
    let total: Decimal = found.iter().map(|row| row.instalment.unpaid()).sum();
    let accounts: Vec<OverdueBody> = found
        .into_iter()
        .map(|row| {
            let loan = &row.loan.loan;
            let terms = loan.granted.unwrap_or(loan.asked);
            OverdueBody {
                id: instalment_id(loan.id, row.instalment.number),
                application_id: loan.id,
                emi_number: row.instalment.number,
                due_date: row.instalment.due.to_string(),
                amount: money::text(row.instalment.unpaid()),
                status: status_of(&row.instalment, row.instalment.standing(today)),
                is_overdue: true,
                loan_amount: Amount(terms.principal),
                tenure_months: terms.months,
                consumer_name: row.consumer_name,
                consumer_phone: row.consumer_phone,
                battery_serial: row.serial,
                overdue_days: row.days,
                classification: loan.class(today),
            }
        })
        .collect();
    let total_overdue = accounts.len();
    Ok(Json(OverdueAnswer { overdue_accounts: accounts, total_overdue, total_overdue_amount: Amount(total) }))
}

/// How late is too late.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct DisableAsked {
    /// Days; 7 where nobody says.
    #[schema(example = 7)]
    overdue_days_threshold: Option<u32>,
}

/// A battery that was not switched off now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deferred {
    serial_number: String,
    /// `in_motion`, `under_load`, `no_recent_reading`, `critical_alert`, `notice_period` or `simulated_data`.
    #[schema(example = "in_motion")]
    reason: &'static str,
}

/// What became of the batteries of late loans.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DisableAnswer {
    #[schema(example = "Batteries disabled successfully")]
    message: &'static str,
    disabled_count: usize,
    disabled_batteries: Vec<String>,
    /// Their consumers were told that they may be switched off.
    noticed_batteries: Vec<String>,
    deferred: Vec<Deferred>,
}

impl From<Disabled> for DisableAnswer {
    fn from(done: Disabled) -> Self {
        let deferred = done
            .deferred
            .into_iter()
            .map(|(serial_number, hindrance)| Deferred { serial_number, reason: hindrance.as_str() });
        Self {
            message: "Batteries disabled successfully",
            disabled_count: done.disabled.len(),
            disabled_batteries: done.disabled,
            noticed_batteries: done.noticed,
            deferred: deferred.collect(),
        }
    }
}

/// Switch off batteries whose loans are late: after their consumers were told, and only while they stand. A payment
/// that clears what is late switches them on again.
#[utoipa::path(
    post, path = "/finance/auto-disable", tag = "Finance", request_body = DisableAsked,
    responses((status = 200, body = DisableAnswer), (status = 400, body = ErrorBody)),
)]
pub(super) async fn auto_disable(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<DisableAsked>, Problem>,
) -> Result<Json<DisableAnswer>, Problem> {
    member.may(Action::FinanceDecide).map_err(refused_by)?;
    let Given(asked) = given?;
    let days = asked.overdue_days_threshold.unwrap_or(7);
    Ok(Json(app.dealership()?.disable_overdue(&member, days).await.map_err(refused_by)?.into()))
}

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportAsked {
    /// The first; that of the month where nobody says.
    start_date: Option<String>,
    /// The last.
    end_date: Option<String>,
}

/// What was collected on a day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CollectedBody {
    #[schema(format = Date)]
    collection_date: String,
    collections_count: usize,
    #[schema(value_type = f64)]
    total_collected: Amount,
    #[schema(value_type = f64)]
    avg_collection: Amount,
}

/// What was collected in all.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CollectedSummary {
    total_collections: usize,
    #[schema(value_type = f64)]
    total_amount_collected: Amount,
    /// Over days on which something was.
    #[schema(value_type = f64)]
    avg_daily_collection: Amount,
}

/// What was collected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CollectedAnswer)]
pub(super) struct CollectionAnswer {
    collection_report: Vec<CollectedBody>,
    summary: CollectedSummary,
}

/// A mean to the paisa; nothing of nothing.
fn mean(total: Decimal, count: usize) -> Amount {
    if count == 0 { Amount(Decimal::ZERO) } else { Amount(money::rounded(total / Decimal::from(count))) }
}

/// What was collected, day by day.
#[utoipa::path(get, path = "/finance/collection-report", tag = "Finance", params(ReportAsked), responses((status = 200, body = CollectionAnswer)))]
pub(super) async fn collection_report(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<ReportAsked>,
) -> Result<Json<CollectionAnswer>, Problem> {
    let dealership = app.dealership()?;
    let days = days_or_month(asked.start_date.as_deref(), asked.end_date.as_deref(), dealership.today())?;
    let found = dealership.collected(&member, days, None).await.map_err(refused_by)?;
    let total: Decimal = found.iter().map(|day| day.total).sum();
    let summary = CollectedSummary {
        total_collections: found.iter().map(|day| day.count).sum(),
        total_amount_collected: Amount(total),
        avg_daily_collection: mean(total, found.len()),
    };
    let report = found.into_iter().map(|day| CollectedBody {
        collection_date: day.on.to_string(),
        collections_count: day.count,
        total_collected: Amount(day.total),
        avg_collection: mean(day.total, day.count),
    });
    Ok(Json(CollectionAnswer { collection_report: report.collect(), summary }))
}

/// A payment that came.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Pay {
    application_id: u64,
    #[schema(value_type = f64, example = 2128.83)]
    amount: Amount,
    /// Today where nobody says.
    #[schema(format = Date)]
    payment_date: Option<String>,
    /// `cash`, `upi`, `bank_transfer`, `card`, `cheque` or `other`.
    #[schema(example = "upi")]
    method: String,
    /// What whoever took it calls it; said again, the payment is booked once.
    reference: String,
}

/// What a payment settled of an instalment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShareBody {
    emi_number: u32,
    interest: String,
    principal: String,
}

/// A payment that is booked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentBody {
    id: u64,
    application_id: u64,
    #[schema(example = "2128.83")]
    amount: String,
    #[schema(format = Date)]
    payment_date: String,
    method: String,
    reference: String,
    /// What it settled: the oldest instalment first, interest before principal.
    allocations: Vec<ShareBody>,
    /// Still to be paid in all.
    outstanding_amount: String,
    /// Days past due after it.
    overdue_days: u32,
    application_status: &'static str,
    /// Whether the battery is switched on again because of it.
    battery_enabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
}

/// Take a payment for a loan.
#[utoipa::path(
    post, path = "/finance/emi-payment", tag = "Finance", request_body = Pay,
    responses((status = 201, body = PaymentBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn emi_payment(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<Pay>, Problem>,
) -> Result<(StatusCode, Json<PaymentBody>), Problem> {
    member.may(Action::FinanceWrite).map_err(refused_by)?;
    let Given(pay) = given?;
    let new = NewPayment {
        loan: pay.application_id,
        amount: pay.amount.0,
        on: day("payment_date", pay.payment_date.as_deref())?,
        method: pay.method,
        reference: pay.reference,
    };
    let done = app.dealership()?.pay(&member, new).await.map_err(refused_by)?;
    let payment = done.payment;
    let allocations = payment.shares.iter().map(|share| ShareBody {
        emi_number: share.number,
        interest: money::text(share.interest),
        principal: money::text(share.principal),
    });
    let body = PaymentBody {
        id: payment.id,
        application_id: payment.loan,
        amount: money::text(payment.amount),
        payment_date: payment.on.to_string(),
        allocations: allocations.collect(),
        outstanding_amount: money::text(done.owed),
        overdue_days: done.days_past_due,
        application_status: done.status.as_str(),
        battery_enabled: done.is_released,
        created_at: stamp(payment.at),
        method: payment.method,
        reference: payment.reference,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Which instalments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DueAsked {
    /// Of this application.
    application_id: Option<u64>,
    /// Due up to this day.
    until: Option<String>,
    /// Rows, 1 to 1000.
    limit: Option<usize>,
    /// Rows to leave out at the beginning.
    offset: Option<usize>,
}

/// Instalments that are still to be paid, those that are due first before the others.
#[utoipa::path(get, path = "/finance/emi-due", tag = "Finance", params(DueAsked), responses((status = 200, body = [InstalmentBody]), (status = 404, body = ErrorBody)))]
pub(super) async fn emi_due(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<DueAsked>,
) -> Result<Rows<InstalmentBody>, Problem> {
    let dealership = app.dealership()?;
    let until = day("until", asked.until.as_deref())?;
    let found = dealership.dues(&member, asked.application_id, until).await.map_err(refused_by)?;
    let today = dealership.today();
    let all: Vec<InstalmentBody> =
        found.iter().map(|due| InstalmentBody::of(due.loan.loan.id, &due.instalment, today)).collect();
    rows(all, asked.offset, asked.limit)
}

/// Which part of the books.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LedgerAsked {
    /// Of this application.
    application_id: Option<u64>,
}

/// One side of a posting.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LineBody {
    #[schema(example = "cash")]
    account: String,
    debit: String,
    credit: String,
}

/// A posting.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PostingBody {
    id: u64,
    application_id: u64,
    #[schema(format = Date)]
    date: String,
    #[schema(example = "paid")]
    why: String,
    lines: Vec<LineBody>,
}

/// What is on an account: debits less credits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BalanceBody {
    account: String,
    balance: String,
}

/// The books.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LedgerAnswer {
    postings: Vec<PostingBody>,
    balances: Vec<BalanceBody>,
    /// The sum of all balances: nothing, as long as the books close.
    #[schema(example = "0.00")]
    total: String,
}

/// The books, by double entry.
#[utoipa::path(get, path = "/finance/ledger", tag = "Finance", params(LedgerAsked), responses((status = 200, body = LedgerAnswer), (status = 404, body = ErrorBody)))]
pub(super) async fn ledger_view(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<LedgerAsked>,
) -> Result<Json<LedgerAnswer>, Problem> {
    let ledger = app.dealership()?.ledger(&member, asked.application_id).await.map_err(refused_by)?;
    let total: Decimal = ledger.balances.values().sum();
    let postings = ledger.postings.into_iter().map(|posting| PostingBody {
        id: posting.id,
        application_id: posting.loan,
        date: posting.on.to_string(),
        lines: posting
            .entry
            .lines()
            .iter()
            .map(|line| LineBody {
                account: line.account.clone(),
                debit: money::text(line.debit),
                credit: money::text(line.credit),
            })
            .collect(),
        why: posting.why,
    });
    let balances = ledger.balances.into_iter();
    Ok(Json(LedgerAnswer {
        postings: postings.collect(),
        balances: balances
            .map(|(account, balance)| BalanceBody { account, balance: money::text(balance) })
            .collect(),
        total: money::text(total),
    }))
}
