//! Consumers, their papers, and all that is known of one.

use super::Member;
use super::envelope::{ErrorBody, refused_by};
use super::given::{Amount, Given, Rows, perhaps, rows, word};
use super::wire::{BatteryBody, ConsumerBody, InstalmentBody, stamp};
use crate::body::{Asked, At};
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::dealership::consumer::{KycChange, NewConsumer};
use host::dealership::records::{AssetStatus, KycStatus};
use host::identity::Action;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which consumers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// `pending`, `verified` or `rejected`.
    kyc_status: Option<String>,
    /// Rows, 1 to 1000.
    limit: Option<usize>,
    /// Rows to leave out at the beginning.
    offset: Option<usize>,
}

/// Consumers, the newest first.
#[utoipa::path(get, path = "/consumers", tag = "Consumers", params(ListAsked), responses((status = 200, body = [ConsumerBody])))]
pub(super) async fn consumer_list(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<ListAsked>,
) -> Result<Rows<ConsumerBody>, Problem> {
    let status = perhaps("kyc_status", asked.kyc_status.as_deref(), KycStatus::read)?;
    let found = app.dealership()?.consumers(&member, status).await.map_err(refused_by)?;
    rows(found, asked.offset, asked.limit)
}

/// A consumer that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewConsumerBody)]
pub(super) struct Create {
    name: String,
    #[schema(example = "+919876543210")]
    phone: String,
    #[schema(example = "ABCDE1234F")]
    pan: Option<String>,
    #[schema(example = "123456789012")]
    aadhar: Option<String>,
    /// Its dealer, where an administrator adds it.
    dealer_id: Option<u64>,
}

/// Add a consumer, who logs in by telephone from then on.
#[utoipa::path(
    post, path = "/consumers", tag = "Consumers", request_body = Create,
    responses((status = 201, body = ConsumerBody), (status = 400, body = ErrorBody)),
)]
pub(super) async fn consumer_create(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<Create>, Problem>,
) -> Result<(StatusCode, Json<ConsumerBody>), Problem> {
    member.may(Action::ConsumerWrite).map_err(refused_by)?;
    let Given(create) = given?;
    let new = NewConsumer {
        name: create.name,
        phone: create.phone,
        pan: create.pan,
        aadhaar: create.aadhar,
        dealer: create.dealer_id,
    };
    let made = app.dealership()?.consumer_add(&member, new).await.map_err(refused_by)?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// What became of a consumer's papers.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct KycAsked {
    /// `pending`, `verified` or `rejected`.
    #[schema(example = "verified")]
    kyc_status: String,
    pan: Option<String>,
    aadhar: Option<String>,
}

/// Say how far a consumer's identity is known.
#[utoipa::path(
    put, path = "/consumers/{id}/kyc", tag = "Consumers", request_body = KycAsked, params(("id" = u64, Path)),
    responses((status = 200, body = ConsumerBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn kyc_update(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
    given: Result<Given<KycAsked>, Problem>,
) -> Result<Json<ConsumerBody>, Problem> {
    let dealership = app.dealership()?;
    dealership.consumer_may(&member, Action::ConsumerWrite, id).await.map_err(refused_by)?;
    let Given(asked) = given?;
    let status = Some(word("kyc_status", &asked.kyc_status, KycStatus::read)?);
    let change = KycChange { status, pan: asked.pan, aadhaar: asked.aadhar };
    Ok(Json(dealership.kyc_change(&member, id, change).await.map_err(refused_by)?.into()))
}

/// Why somebody must see the numbers.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RevealAsked {
    reason: String,
}

/// Numbers of papers in full.
#[derive(Serialize, ToSchema)]
pub(super) struct RevealAnswer {
    consumer_id: u64,
    pan: Option<String>,
    aadhar: Option<String>,
}

/// Numbers of identity papers in full, for a reason that is kept with who asked.
#[utoipa::path(
    post, path = "/consumers/{id}/kyc/reveal", tag = "Consumers", request_body = RevealAsked, params(("id" = u64, Path)),
    responses((status = 200, body = RevealAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn kyc_reveal(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
    given: Result<Given<RevealAsked>, Problem>,
) -> Result<Json<RevealAnswer>, Problem> {
    member.may(Action::PaperReveal).map_err(refused_by)?;
    let Given(asked) = given?;
    let shown = app.dealership()?.kyc_reveal(&member, id, &asked.reason).await.map_err(refused_by)?;
    Ok(Json(RevealAnswer { consumer_id: id, pan: shown.pan, aadhar: shown.aadhaar }))
}

/// An application in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApplicationBrief {
    id: u64,
    #[schema(value_type = f64)]
    amount: Amount,
    tenure_months: u32,
    status: &'static str,
    battery_serial: String,
}

/// A consumer's loans.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FinanceAnswer {
    applications: Vec<ApplicationBrief>,
    emi_schedules: Vec<InstalmentBody>,
    total_applications: usize,
    /// Instalments that are still to be paid.
    total_emi_due: usize,
}

/// A consumer's loans and instalments.
#[utoipa::path(
    get, path = "/consumers/{id}/finance", tag = "Consumers", params(("id" = u64, Path)),
    responses((status = 200, body = FinanceAnswer), (status = 404, body = ErrorBody)),
)]
pub(super) async fn consumer_finance(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
) -> Result<Json<FinanceAnswer>, Problem> {
    let dealership = app.dealership()?;
    let loans = dealership.consumer_loans(&member, id).await.map_err(refused_by)?;
    let today = dealership.today();
    let mut answer = FinanceAnswer {
        applications: Vec::new(),
        emi_schedules: Vec::new(),
        total_applications: loans.len(),
        total_emi_due: 0,
    };
    for (record, battery_serial) in loans {
        let loan = &record.loan;
        let terms = loan.granted.unwrap_or(loan.asked);
        answer.applications.push(ApplicationBrief {
            id: loan.id,
            amount: Amount(terms.principal),
            tenure_months: terms.months,
            status: loan.status.as_str(),
            battery_serial,
        });
        answer.total_emi_due += loan.instalments.iter().filter(|one| !one.unpaid().is_zero()).count();
        answer
            .emi_schedules
            .extend(loan.instalments.iter().map(|one| InstalmentBody::of(loan.id, one, today)));
    }
    Ok(Json(answer))
}

/// A consumer with its dealer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfiledConsumer {
    #[serde(flatten)]
    consumer: ConsumerBody,
    dealer_name: Option<String>,
}

/// A battery with its tickets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfiledBattery {
    #[serde(flatten)]
    battery: BatteryBody,
    service_tickets_count: usize,
    active_tickets_count: usize,
}

/// A ticket in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TicketBrief {
    id: u64,
    issue_category: &'static str,
    status: &'static str,
    battery_serial: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// Counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileSummary {
    total_batteries: usize,
    active_batteries: usize,
    total_service_tickets: usize,
    active_service_tickets: usize,
}

/// All that is known of a consumer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileAnswer {
    consumer: ProfiledConsumer,
    batteries: Vec<ProfiledBattery>,
    /// The latest five.
    recent_tickets: Vec<TicketBrief>,
    summary: ProfileSummary,
}

/// All that is known of a consumer.
#[utoipa::path(
    get, path = "/consumers/{id}/profile", tag = "Consumers", params(("id" = u64, Path)),
    responses((status = 200, body = ProfileAnswer), (status = 404, body = ErrorBody)),
)]
pub(super) async fn consumer_profile(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
) -> Result<Json<ProfileAnswer>, Problem> {
    let profile = app.dealership()?.profile(&member, id).await.map_err(refused_by)?;
    let is_active = |(battery, _, _): &&(host::dealership::battery::BatterySight, usize, usize)| {
        battery.status == AssetStatus::Active
    };
    let summary = ProfileSummary {
        total_batteries: profile.batteries.len(),
        active_batteries: profile.batteries.iter().filter(is_active).count(),
        total_service_tickets: profile.tickets,
        active_service_tickets: profile.tickets_active,
    };
    let batteries = profile.batteries.into_iter().map(|(battery, all, active)| ProfiledBattery {
        battery: battery.into(),
        service_tickets_count: all,
        active_tickets_count: active,
    });
    let recent = profile.recent.into_iter().map(|(ticket, battery_serial)| TicketBrief {
        id: ticket.id,
        issue_category: ticket.category.as_str(),
        status: ticket.state.as_str(),
        battery_serial,
        created_at: stamp(ticket.created),
    });
    Ok(Json(ProfileAnswer {
        consumer: ProfiledConsumer { consumer: profile.consumer.into(), dealer_name: profile.dealer_name },
        batteries: batteries.collect(),
        recent_tickets: recent.collect(),
        summary,
    }))
}
