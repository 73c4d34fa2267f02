//! Operations for trying the interface out; they are there only where the configuration says so.

use super::Member;
use super::battery::action;
use super::envelope::{ErrorBody, refused_by};
use super::given::{Given, word};
use super::wire::{BatteryBody, stamp};
use crate::body::At;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// It works.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorksAnswer {
    #[schema(example = "Batteries route is working")]
    message: &'static str,
    #[schema(format = DateTime)]
    timestamp: String,
}

/// Whether requests arrive.
#[utoipa::path(
    get, path = "/batteries/test", tag = "Testing", security(()),
    responses((status = 200, body = WorksAnswer), (status = 429, body = ErrorBody)),
)]
pub(super) async fn batteries_test(State(app): State<App>) -> Json<WorksAnswer> {
    Json(WorksAnswer { message: "Batteries route is working", timestamp: stamp(app.wall.now()) })
}

/// Who asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Asker {
    id: Option<u64>,
    role: &'static str,
}

/// What was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EchoAnswer {
    #[schema(example = "Test endpoint working")]
    message: &'static str,
    serial: String,
    body: Value,
    user: Asker,
}

/// What was sent, and nothing else.
#[utoipa::path(
    post, path = "/batteries/{serial}/test", tag = "Testing", request_body = Value, params(("serial" = String, Path)),
    responses((status = 200, body = EchoAnswer), (status = 404, body = ErrorBody)),
)]
pub(super) async fn battery_test(
    State(app): State<App>,
    Member(member): Member,
    At(serial): At<String>,
    given: Result<Given<Value>, Problem>,
) -> Result<Json<EchoAnswer>, Problem> {
    app.dealership()?.battery_may(&member, Action::AssetWrite, &serial).await.map_err(refused_by)?;
    let Given(body) = given?;
    let user = Asker { id: member.number, role: member.role_name() };
    Ok(Json(EchoAnswer { message: "Test endpoint working", serial, body, user }))
}

/// How a battery is to be switched.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TrialStatusAsked)]
pub(super) struct StatusAsked {
    /// `active`, `inactive` or `maintenance`.
    #[schema(example = "maintenance")]
    status: String,
}

/// How a battery was switched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrialStatusAnswer)]
pub(super) struct StatusAnswer {
    success: bool,
    message: &'static str,
    previous_status: &'static str,
    new_status: &'static str,
    battery: BatteryBody,
}

/// Switch a battery, and see how it was before.
#[utoipa::path(
    post, path = "/batteries/{serial}/test-status", tag = "Testing", request_body = StatusAsked,
    params(("serial" = String, Path)),
    responses((status = 200, body = StatusAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn battery_test_status(
    State(app): State<App>,
    Member(member): Member,
    At(serial): At<String>,
    given: Result<Given<StatusAsked>, Problem>,
) -> Result<Json<StatusAnswer>, Problem> {
    let dealership = app.dealership()?;
    dealership.battery_may(&member, Action::AssetWrite, &serial).await.map_err(refused_by)?;
    let Given(asked) = given?;
    let wanted = word("status", &asked.status, action)?;
    let (before, _) = dealership.battery(&member, &serial).await.map_err(refused_by)?;
    let after = dealership.control(&member, &serial, wanted).await.map_err(refused_by)?;
    Ok(Json(StatusAnswer {
        success: true,
        message: "Battery status updated",
        previous_status: before.status.as_str(),
        new_status: after.status.as_str(),
        battery: after.into(),
    }))
}
