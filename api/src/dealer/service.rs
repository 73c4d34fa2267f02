//! The service desk: tickets and technicians.

use super::Member;
use super::envelope::{ErrorBody, refused_by};
use super::given::{Given, Rows, perhaps, rows, word};
use super::wire::{TicketBody, rounded};
use crate::body::{Asked, At};
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::dealership::records::Party;
use host::dealership::rules::score::Score;
use host::dealership::rules::ticket::{Category, Priority, State as TicketState};
use host::dealership::service::{NewTicket, TicketChange, TicketSight};
use host::dealership::technician::{Candidate, NewTechnician};
use host::identity::Action;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A ticket that is to be opened.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Open {
    battery_id: u64,
    /// `performance`, `charging`, `mechanical`, `electrical` or `other`.
    #[schema(example = "performance")]
    issue_category: String,
    description: Option<String>,
    #[schema(example = "Bangalore Central")]
    location: Option<String>,
    /// `low`, `medium`, `high` or `critical`; `medium` where nobody says.
    priority: Option<String>,
}

/// Who is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TicketSentBody)]
pub(super) struct SentBody {
    id: u64,
    name: String,
    location: String,
    #[schema(example = "available")]
    status: &'static str,
}

/// A ticket, and who is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenAnswer {
    ticket: TicketBody,
    assigned_technician: Option<SentBody>,
}

fn priority(text: Option<&str>) -> Result<Priority, Problem> {
    Ok(perhaps("priority", text, Priority::read)?.unwrap_or(Priority::Medium))
}

/// Open a ticket. Whoever fits best is sent, if somebody can be.
#[utoipa::path(
    post, path = "/service/tickets", tag = "Service", request_body = Open,
    responses((status = 201, body = OpenAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn ticket_create(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<Open>, Problem>,
) -> Result<(StatusCode, Json<OpenAnswer>), Problem> {
    member.may(Action::TicketOpen).map_err(refused_by)?;
    let Given(open) = given?;
    let new = NewTicket {
        asset: open.battery_id,
        category: word("issue_category", &open.issue_category, Category::read)?,
        description: open.description,
        location: open.location,
        priority: priority(open.priority.as_deref())?,
    };
    let opened = app.dealership()?.ticket_open(&member, new).await.map_err(refused_by)?;
    let sent = opened.sent.map(|sent| SentBody {
        id: sent.party.id,
        name: sent.party.name,
        location: sent.craft.place,
        status: "available",
    });
    let answer = OpenAnswer { ticket: opened.ticket.into(), assigned_technician: sent };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Which tickets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// `open`, `assigned`, `in_progress`, `resolved` or `cancelled`.
    status: Option<String>,
    /// Of this battery.
    battery_id: Option<u64>,
    /// Rows, 1 to 1000.
    limit: Option<usize>,
    /// Rows to leave out at the beginning.
    offset: Option<usize>,
}

/// Tickets, the newest first.
#[utoipa::path(get, path = "/service/tickets", tag = "Service", params(ListAsked), responses((status = 200, body = [TicketBody])))]
pub(super) async fn ticket_list(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<ListAsked>,
) -> Result<Rows<TicketBody>, Problem> {
    let state = perhaps("status", asked.status.as_deref(), TicketState::read)?;
    let found = app.dealership()?.tickets(&member, state, asked.battery_id).await.map_err(refused_by)?;
    rows(found, asked.offset, asked.limit)
}

/// A ticket with all around it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActiveBody {
    #[serde(flatten)]
    ticket: TicketBody,
    battery_serial: String,
    consumer_name: Option<String>,
    consumer_phone: Option<String>,
    technician_name: Option<String>,
}

impl From<TicketSight> for ActiveBody {
    fn from(seen: TicketSight) -> Self {
        Self {
            ticket: seen.ticket.into(),
            battery_serial: seen.serial,
            consumer_name: seen.consumer_name,
            consumer_phone: seen.consumer_phone,
            technician_name: seen.technician_name,
        }
    }
}

/// Counted by state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActiveSummary {
    open: usize,
    assigned: usize,
    in_progress: usize,
}

/// Tickets on which there is something to do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActiveAnswer {
    active_tickets: Vec<ActiveBody>,
    count: usize,
    summary: ActiveSummary,
}

/// Tickets on which there is something to do.
#[utoipa::path(get, path = "/service/tickets/active", tag = "Service", responses((status = 200, body = ActiveAnswer)))]
pub(super) async fn ticket_active(
    State(app): State<App>,
    Member(member): Member,
) -> Result<Json<ActiveAnswer>, Problem> {
    let found = app.dealership()?.tickets_active(&member).await.map_err(refused_by)?;
    let count = |state| found.iter().filter(|one| one.ticket.state == state).count();
    let summary = ActiveSummary {
        open: count(TicketState::Open),
        assigned: count(TicketState::Assigned),
        in_progress: count(TicketState::InProgress),
    };
    let count = found.len();
    Ok(Json(ActiveAnswer { active_tickets: found.into_iter().map(Into::into).collect(), count, summary }))
}

/// Who is to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TicketAssignAsked)]
pub(super) struct AssignAsked {
    technician_id: u64,
    /// `low`, `medium`, `high` or `critical`; `medium` where nobody says.
    priority: Option<String>,
}

/// A technician in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TechnicianBrief {
    id: u64,
    name: String,
    phone: Option<String>,
    #[schema(example = "technician")]
    role: &'static str,
}

/// A ticket, and who is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssignAnswer {
    #[schema(example = "Ticket assigned successfully")]
    message: &'static str,
    ticket: TicketBody,
    assigned_technician: TechnicianBrief,
}

/// Send a technician to a ticket.
#[utoipa::path(
    put, path = "/service/tickets/{id}/assign", tag = "Service", request_body = AssignAsked, params(("id" = u64, Path)),
    responses((status = 200, body = AssignAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn ticket_assign(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
    given: Result<Given<AssignAsked>, Problem>,
) -> Result<Json<AssignAnswer>, Problem> {
    member.may(Action::ConsumerWrite).map_err(refused_by)?;
    let dealership = app.dealership()?;
    dealership.ticket_may(&member, Action::TicketWork, id).await.map_err(refused_by)?;
    let Given(asked) = given?;
    let priority = priority(asked.priority.as_deref())?;
    let done = dealership.ticket_assign(&member, id, asked.technician_id, priority).await;
    let (ticket, party) = done.map_err(refused_by)?;
    let phone = dealership.party_phone(&party, &member).map_err(refused_by)?;
    let sent = TechnicianBrief { id: party.id, name: party.name, phone, role: "technician" };
    let message = "Ticket assigned successfully";
    Ok(Json(AssignAnswer { message, ticket: ticket.into(), assigned_technician: sent }))
}

/// What is new about a ticket.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct UpdateAsked {
    /// `assigned`, `in_progress`, `resolved` or `cancelled`.
    #[schema(example = "in_progress")]
    status: String,
    description: Option<String>,
    resolution_notes: Option<String>,
    parts_used: Option<String>,
    labor_hours: Option<f64>,
}

/// A ticket as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TicketAnswer {
    #[schema(example = "Ticket updated successfully")]
    message: &'static str,
    ticket: TicketBody,
}

/// Say how far a ticket is.
#[utoipa::path(
    post, path = "/service/tickets/{id}/update", tag = "Service", request_body = UpdateAsked, params(("id" = u64, Path)),
    responses((status = 200, body = TicketAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn ticket_update(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
    given: Result<Given<UpdateAsked>, Problem>,
) -> Result<Json<TicketAnswer>, Problem> {
    let dealership = app.dealership()?;
    dealership.ticket_may(&member, Action::TicketWork, id).await.map_err(refused_by)?;
    let Given(asked) = given?;
    let change = TicketChange {
        state: word("status", &asked.status, TicketState::read)?,
        description: asked.description,
        resolution_notes: asked.resolution_notes,
        parts_used: asked.parts_used,
        labor_hours: asked.labor_hours,
    };
    let ticket = dealership.ticket_update(&member, id, change).await.map_err(refused_by)?;
    Ok(Json(TicketAnswer { message: "Ticket updated successfully", ticket: ticket.into() }))
}

/// What somebody says of the work.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct FeedbackAsked {
    /// 1 to 5.
    #[schema(example = 5)]
    rating: u8,
}

/// Rate the work on a ticket that is done.
#[utoipa::path(
    post, path = "/service/tickets/{id}/feedback", tag = "Service", request_body = FeedbackAsked, params(("id" = u64, Path)),
    responses((status = 200, body = TicketAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn ticket_feedback(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
    given: Result<Given<FeedbackAsked>, Problem>,
) -> Result<Json<TicketAnswer>, Problem> {
    let dealership = app.dealership()?;
    dealership.ticket_may(&member, Action::TicketOpen, id).await.map_err(refused_by)?;
    let Given(asked) = given?;
    let ticket = dealership.ticket_rate(&member, id, asked.rating).await.map_err(refused_by)?;
    Ok(Json(TicketAnswer { message: "Feedback recorded successfully", ticket: ticket.into() }))
}

/// A technician that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewTechnicianBody)]
pub(super) struct Create {
    name: String,
    /// Without one it cannot log in.
    phone: Option<String>,
    #[schema(example = "Bangalore Central")]
    location: String,
    #[serde(default)]
    skills: Vec<String>,
    #[serde(default)]
    experience_years: f64,
}

/// A technician.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TechnicianBody {
    id: u64,
    name: String,
    location: String,
    #[schema(example = "available")]
    status: &'static str,
    skills: Vec<String>,
    rating: f64,
    experience_years: f64,
    current_load: u32,
    dealer_id: Option<u64>,
}

impl TechnicianBody {
    fn of(party: Party, load: u32) -> Option<Self> {
        let craft = party.craft?;
        Some(Self {
            id: party.id,
            name: party.name,
            status: if craft.can_take(load) { "available" } else { "busy" },
            rating: rounded(craft.rating(), 2),
            experience_years: craft.experience_years,
            location: craft.place,
            skills: craft.skills,
            current_load: load,
            dealer_id: party.dealer,
        })
    }
}

/// Add a technician: a dealer's own, or everybody's where an administrator does.
#[utoipa::path(
    post, path = "/service/technicians", tag = "Service", request_body = Create,
    responses((status = 201, body = TechnicianBody), (status = 400, body = ErrorBody)),
)]
pub(super) async fn technician_create(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<Create>, Problem>,
) -> Result<(StatusCode, Json<Option<TechnicianBody>>), Problem> {
    member.may(Action::ConsumerWrite).map_err(refused_by)?;
    let Given(create) = given?;
    let new = NewTechnician {
        name: create.name,
        phone: create.phone,
        place: create.location,
        skills: create.skills,
        experience_years: create.experience_years,
    };
    let party = app.dealership()?.technician_add(&member, new).await.map_err(refused_by)?;
    Ok((StatusCode::CREATED, Json(TechnicianBody::of(party, 0))))
}

/// Which technicians.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AvailableAsked {
    /// Near this place.
    location: Option<String>,
    /// Who can do this.
    skill_required: Option<String>,
}

/// The parts of a score.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScoreBody {
    /// Up to 25 for being near.
    proximity: f64,
    /// 25 for the skill.
    skill: f64,
    /// Up to 20.
    rating: f64,
    /// Up to 15.
    experience: f64,
    /// Up to 15 for having time.
    workload: f64,
}

impl From<&Score> for ScoreBody {
    fn from(score: &Score) -> Self {
        Self {
            proximity: rounded(score.proximity, 2),
            skill: rounded(score.skill, 2),
            rating: rounded(score.rating, 2),
            experience: rounded(score.experience, 2),
            workload: rounded(score.workload, 2),
        }
    }
}

/// A technician and how well it fits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AvailableBody {
    #[serde(flatten)]
    technician: TechnicianBody,
    /// 0 to 100.
    #[schema(example = 78.5)]
    availability_score: f64,
    score_parts: ScoreBody,
    distance_km: f64,
}

fn available(candidate: Candidate) -> Option<AvailableBody> {
    Some(AvailableBody {
        availability_score: candidate.score.total(),
        score_parts: (&candidate.score).into(),
        distance_km: rounded(candidate.distance_km, 1),
        technician: TechnicianBody::of(candidate.party, candidate.load)?,
    })
}

/// Technicians who can be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AvailableAnswer {
    available_technicians: Vec<AvailableBody>,
    count: usize,
    scoring_algorithm: &'static str,
}

/// Technicians who can be sent, those who fit best first.
#[utoipa::path(get, path = "/service/technicians/available", tag = "Service", params(AvailableAsked), responses((status = 200, body = AvailableAnswer)))]
pub(super) async fn technician_available(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<AvailableAsked>,
) -> Result<Json<AvailableAnswer>, Problem> {
    let (place, skill) = (asked.location.as_deref(), asked.skill_required.as_deref());
    let found = app.dealership()?.technicians_available(&member, place, skill).await.map_err(refused_by)?;
    let found: Vec<AvailableBody> = found.into_iter().filter_map(available).collect();
    Ok(Json(AvailableAnswer {
        count: found.len(),
        available_technicians: found,
        scoring_algorithm: "Based on location proximity, skills match, rating, experience, and current workload",
    }))
}

/// A ticket to which whoever fits best is to be sent.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct AutoAsked {
    ticket_id: u64,
    #[schema(example = "Bangalore Central")]
    location: String,
    /// `low`, `medium`, `high` or `critical`; `medium` where nobody says.
    priority: Option<String>,
    skill_required: Option<String>,
}

/// Who is sent, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BestBody {
    id: u64,
    name: String,
    #[schema(example = 78.5)]
    availability_score: f64,
    score_parts: ScoreBody,
}

/// Who else could have been.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OtherBody {
    id: u64,
    name: String,
    #[schema(example = 72.3)]
    score: f64,
}

/// A ticket, and who is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AutoAnswer {
    #[schema(example = "Ticket auto-assigned successfully")]
    message: &'static str,
    ticket: TicketBody,
    assigned_technician: Option<BestBody>,
    #[schema(example = "Selected based on highest score: 78.5")]
    assignment_reason: String,
    other_candidates: Vec<OtherBody>,
}

/// Send whoever fits a ticket best.
#[utoipa::path(
    post, path = "/service/auto-assign", tag = "Service", request_body = AutoAsked,
    responses(
        (status = 200, body = AutoAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "Nobody can be sent."),
    ),
)]
pub(super) async fn auto_assign(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<AutoAsked>, Problem>,
) -> Result<Json<AutoAnswer>, Problem> {
    member.may(Action::ConsumerWrite).map_err(refused_by)?;
    let Given(asked) = given?;
    let wanted = (asked.location.as_str(), asked.skill_required.as_deref());
    let priority = priority(asked.priority.as_deref())?;
    let done = app.dealership()?.ticket_auto_assign(&member, asked.ticket_id, wanted, priority).await;
    let done = done.map_err(refused_by)?;
    let best = done.sent.as_ref().map(|sent| BestBody {
        id: sent.party.id,
        name: sent.party.name.clone(),
        availability_score: sent.score.total(),
        score_parts: (&sent.score).into(),
    });
    let score = best.as_ref().map_or(0.0, |best| best.availability_score);
    let others = done.others.into_iter().map(|other| OtherBody {
        id: other.party.id,
        score: other.score.total(),
        name: other.party.name,
    });
    Ok(Json(AutoAnswer {
        message: "Ticket auto-assigned successfully",
        ticket: done.ticket.into(),
        assigned_technician: best,
        assignment_reason: format!("Selected based on highest score: {score:.1}"),
        other_candidates: others.collect(),
    }))
}
