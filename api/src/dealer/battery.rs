//! Batteries: whose they are, how they are switched, how they are.

use super::Member;
use super::envelope::{ErrorBody, refused_by};
use super::given::{Given, Rows, perhaps, rows, word};
use super::wire::{BatteryBody, HealthBody, TelemetryBody, rounded};
use crate::body::{Asked, At};
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::dealership::records::AssetStatus;
use host::identity::Action;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which batteries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// `active`, `inactive` or `maintenance`.
    status: Option<String>,
    /// Of this dealer.
    dealer_id: Option<u64>,
    /// Rows, 1 to 1000.
    limit: Option<usize>,
    /// Rows to leave out at the beginning.
    offset: Option<usize>,
}

/// Batteries, the newest first. A dealer sees its own, and those that have no dealer yet.
#[utoipa::path(get, path = "/batteries", tag = "Batteries", params(ListAsked), responses((status = 200, body = [BatteryBody])))]
pub(super) async fn battery_list(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<ListAsked>,
) -> Result<Rows<BatteryBody>, Problem> {
    let status = perhaps("status", asked.status.as_deref(), AssetStatus::read)?;
    let found = app.dealership()?.batteries(&member, status, asked.dealer_id).await.map_err(refused_by)?;
    rows(found, asked.offset, asked.limit)
}

/// A battery and what it measured last.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatteryAnswer {
    battery: BatteryBody,
    telemetry: Option<TelemetryBody>,
}

/// A battery, by any of its names.
#[utoipa::path(
    get, path = "/batteries/{serial}", tag = "Batteries", params(("serial" = String, Path)),
    responses((status = 200, body = BatteryAnswer), (status = 404, body = ErrorBody)),
)]
pub(super) async fn battery_view(
    State(app): State<App>,
    Member(member): Member,
    At(serial): At<String>,
) -> Result<Json<BatteryAnswer>, Problem> {
    let (battery, telemetry) = app.dealership()?.battery(&member, &serial).await.map_err(refused_by)?;
    Ok(Json(BatteryAnswer { battery: battery.into(), telemetry: telemetry.map(Into::into) }))
}

/// A battery that is to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewBatteryBody)]
pub(super) struct Create {
    #[schema(example = "BAT002")]
    serial_number: String,
    /// 0 to 100, until its twin knows better; 100 where nobody says.
    #[schema(example = 100)]
    health_score: Option<f64>,
}

/// Register a battery.
#[utoipa::path(
    post, path = "/batteries", tag = "Batteries", request_body = Create,
    responses(
        (status = 201, body = BatteryBody),
        (status = 400, body = ErrorBody, description = "Something is missing or wrong, or it is registered already."),
    ),
)]
pub(super) async fn battery_create(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<Create>, Problem>,
) -> Result<(StatusCode, Json<BatteryBody>), Problem> {
    member.may(Action::AssetWrite).map_err(refused_by)?;
    let Given(create) = given?;
    let health = create.health_score.unwrap_or(100.0);
    let made = app.dealership()?.battery_add(&member, &create.serial_number, health).await;
    Ok((StatusCode::CREATED, Json(made.map_err(refused_by)?.into())))
}

/// How a battery is to be switched.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ControlAsked {
    /// `active` or `activate`, `inactive` or `deactivate`, `maintenance`.
    #[schema(example = "inactive")]
    action: String,
}

/// The status of an action.
pub(super) fn action(name: &str) -> Option<AssetStatus> {
    match name {
        "activate" => Some(AssetStatus::Active),
        "deactivate" => Some(AssetStatus::Inactive),
        name => AssetStatus::read(name),
    }
}

/// Switch a battery: its twin tells the hardware, and `control.outcome` says what became of that.
#[utoipa::path(
    post, path = "/batteries/{serial}/control", tag = "Batteries", request_body = ControlAsked,
    params(("serial" = String, Path)),
    responses((status = 200, body = BatteryBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn battery_control(
    State(app): State<App>,
    Member(member): Member,
    At(serial): At<String>,
    given: Result<Given<ControlAsked>, Problem>,
) -> Result<Json<BatteryBody>, Problem> {
    member.may(Action::AssetWrite).map_err(refused_by)?;
    let dealership = app.dealership()?;
    dealership.battery_may(&member, Action::AssetWrite, &serial).await.map_err(refused_by)?;
    let Given(asked) = given?;
    let wanted = word("action", &asked.action, action)?;
    Ok(Json(dealership.control(&member, &serial, wanted).await.map_err(refused_by)?.into()))
}

/// To whom a battery is given.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = BatteryAssignAsked)]
pub(super) struct AssignAsked {
    consumer_id: u64,
}

/// Give a battery to a consumer.
#[utoipa::path(
    put, path = "/batteries/{serial}/assign", tag = "Batteries", request_body = AssignAsked,
    params(("serial" = String, Path)),
    responses(
        (status = 200, body = BatteryBody),
        (status = 400, body = ErrorBody, description = "Somebody has it already."),
        (status = 404, body = ErrorBody, description = "There is no such battery or consumer."),
    ),
)]
pub(super) async fn battery_assign(
    State(app): State<App>,
    Member(member): Member,
    At(serial): At<String>,
    given: Result<Given<AssignAsked>, Problem>,
) -> Result<Json<BatteryBody>, Problem> {
    member.may(Action::AssetWrite).map_err(refused_by)?;
    let dealership = app.dealership()?;
    dealership.battery_may(&member, Action::AssetWrite, &serial).await.map_err(refused_by)?;
    let Given(asked) = given?;
    Ok(Json(dealership.assign(&member, &serial, asked.consumer_id).await.map_err(refused_by)?.into()))
}

/// Health by status.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthReport {
    fleet_health: BTreeMap<&'static str, HealthBody>,
    total_batteries: usize,
    /// Mean over all batteries, to one decimal.
    #[schema(example = 87.6)]
    overall_health_score: f64,
}

/// Health of the batteries, by status.
#[utoipa::path(get, path = "/batteries/health-report", tag = "Batteries", responses((status = 200, body = HealthReport)))]
pub(super) async fn health_report(
    State(app): State<App>,
    Member(member): Member,
) -> Result<Json<HealthReport>, Problem> {
    let (by_status, all) = app.dealership()?.health_report(&member).await.map_err(refused_by)?;
    Ok(Json(HealthReport {
        fleet_health: by_status.into_iter().map(|(status, health)| (status, health.into())).collect(),
        total_batteries: all.map_or(0, |all| all.count),
        overall_health_score: all.map_or(0.0, |all| rounded(all.mean, 1)),
    }))
}
