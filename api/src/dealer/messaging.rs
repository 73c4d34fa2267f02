//! Messages to people: texts, codes, how a battery stands.

use super::Member;
use super::envelope::{ErrorBody, refused_by};
use super::given::{Given, Rows, rows};
use super::wire::stamp;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::dealership::message::NoticeSight;
use host::identity::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message that is to be sent.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SmsAsked {
    #[schema(example = "+919876543210")]
    to: String,
    /// At most 1000 characters.
    message: String,
}

/// A message on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SentBody {
    success: bool,
    #[schema(example = "MSG0000000001")]
    message_id: String,
    /// `sent` where the gateway took it, `queued` while it waits, `held` until quiet hours are over, `failed`.
    #[schema(example = "sent")]
    status: &'static str,
    to: String,
}

impl From<NoticeSight> for SentBody {
    fn from(seen: NoticeSight) -> Self {
        Self { success: seen.state != "failed", message_id: seen.name, status: seen.state, to: seen.to }
    }
}

/// Send a text.
#[utoipa::path(
    post, path = "/messaging/send-sms", tag = "Messaging", request_body = SmsAsked,
    responses((status = 200, body = SentBody), (status = 400, body = ErrorBody)),
)]
pub(super) async fn send_sms(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<SmsAsked>, Problem>,
) -> Result<Json<SentBody>, Problem> {
    member.may(Action::MessageSend).map_err(refused_by)?;
    let Given(asked) = given?;
    let sent = app.dealership()?.send_text(&member, &asked.to, &asked.message).await;
    Ok(Json(sent.map_err(refused_by)?.into()))
}

/// Whom a code is to be sent to.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct OtpAsked {
    #[schema(example = "+919876543210")]
    to: String,
    /// Not heeded: this platform makes its codes itself.
    #[serde(default, rename = "otp")]
    #[schema(example = "123456")]
    _otp: Option<String>,
}

/// Send a code. It is made here, and good for logging in where the number is known; the answer does not tell.
#[utoipa::path(
    post, path = "/messaging/send-otp", tag = "Messaging", request_body = OtpAsked,
    responses((status = 200, body = SentBody), (status = 400, body = ErrorBody)),
)]
pub(super) async fn send_otp(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<OtpAsked>, Problem>,
) -> Result<Json<SentBody>, Problem> {
    member.may(Action::IdentityManage).map_err(refused_by)?;
    let Given(asked) = given?;
    Ok(Json(app.dealership()?.send_code(&member, &asked.to).await.map_err(refused_by)?.into()))
}

/// How a battery stands, for its consumer.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct StatusAsked {
    battery_id: u64,
    /// The number of the battery's consumer.
    #[schema(example = "+919876543210")]
    consumer_phone: String,
    /// `active`, `inactive` or `maintenance`.
    #[schema(example = "active")]
    status: String,
    /// The usual text where nobody says.
    message: Option<String>,
}

/// A message on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusAnswer {
    success: bool,
    message_id: String,
    #[schema(example = "sent")]
    status: &'static str,
    #[schema(example = "battery_status")]
    notification_type: &'static str,
}

/// Tell a battery's consumer how it stands.
#[utoipa::path(
    post, path = "/messaging/battery-status", tag = "Messaging", request_body = StatusAsked,
    responses(
        (status = 200, body = StatusAnswer),
        (status = 400, body = ErrorBody, description = "The number is not that of the battery's consumer."),
        (status = 404, body = ErrorBody),
    ),
)]
pub(super) async fn battery_status(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<StatusAsked>, Problem>,
) -> Result<Json<StatusAnswer>, Problem> {
    member.may(Action::MessageSend).map_err(refused_by)?;
    let Given(asked) = given?;
    let about = (asked.consumer_phone.as_str(), asked.status.as_str());
    let message = asked.message.as_deref();
    let sent = app.dealership()?.send_battery_status(&member, asked.battery_id, about, message).await;
    let sent = SentBody::from(sent.map_err(refused_by)?);
    Ok(Json(StatusAnswer {
        success: sent.success,
        message_id: sent.message_id,
        status: sent.status,
        notification_type: "battery_status",
    }))
}

/// A message that was written.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageBody {
    message_id: String,
    #[schema(example = "battery_status")]
    about: String,
    to: String,
    /// Codes are not kept.
    message: String,
    #[schema(example = "sent")]
    status: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<NoticeSight> for MessageBody {
    fn from(seen: NoticeSight) -> Self {
        Self {
            message_id: seen.name,
            about: seen.notice.about,
            to: seen.to,
            message: seen.text,
            status: seen.state,
            created_at: stamp(seen.notice.at),
        }
    }
}

/// Messages that were written, the newest first, with what became of them.
#[utoipa::path(get, path = "/messaging/messages", tag = "Messaging", responses((status = 200, body = [MessageBody])))]
pub(super) async fn message_list(
    State(app): State<App>,
    Member(member): Member,
) -> Result<Rows<MessageBody>, Problem> {
    rows(app.dealership()?.notices(&member).await.map_err(refused_by)?, None, None)
}
