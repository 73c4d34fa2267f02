//! Logging in by telephone, and the people who can.

use super::Member;
use super::envelope::{ErrorBody, invalid, refused_by};
use super::given::{Given, Rows, rows};
use super::wire::stamp;
use crate::identity::Source;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use host::dealership::login::NewParty;
use host::dealership::member::role_of;
use host::dealership::records::Party;
use host::identity::{Action, Presented};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who wants in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Login {
    #[schema(example = "+919876543210")]
    phone: String,
    /// `dealer`, `consumer`, `technician`, `nbfc` or `admin`.
    #[schema(example = "dealer")]
    user_type: String,
}

/// Who somebody is. Before the code is given, nothing is told that was not said.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserBody {
    id: Option<u64>,
    name: Option<String>,
    phone: Option<String>,
    #[schema(example = "dealer")]
    role: String,
}

/// A code is on its way, if the number is known.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoginAnswer {
    success: bool,
    #[schema(example = "OTP sent successfully")]
    message: &'static str,
    user: UserBody,
}

/// Ask for a code. The answer is the same whether the number is known or not.
#[utoipa::path(
    post, path = "/auth/login", tag = "Authentication", request_body = Login, security(()),
    responses(
        (status = 200, body = LoginAnswer), (status = 400, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 500, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
)]
pub(super) async fn login(
    State(app): State<App>,
    Source(source): Source,
    Given(login): Given<Login>,
) -> Result<Json<LoginAnswer>, Problem> {
    let role = role_of(&login.user_type);
    let role = role.ok_or_else(|| invalid("userType", "one of dealer, consumer, technician, nbfc, admin"))?;
    app.dealership()?.ask_code(&login.phone, role, &source).await.map_err(refused_by)?;
    let user = UserBody { id: None, name: None, phone: Some(login.phone), role: login.user_type };
    Ok(Json(LoginAnswer { success: true, message: "OTP sent successfully", user }))
}

/// The code that was sent.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Verify {
    #[schema(example = "+919876543210")]
    phone: String,
    #[schema(example = "123456")]
    otp: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerifyAnswer {
    success: bool,
    /// Good for a day.
    token: String,
    user: UserBody,
}

/// Log in with a code. It is good once, for five minutes and five tries.
#[utoipa::path(
    post, path = "/auth/verify-otp", tag = "Authentication", request_body = Verify, security(()),
    responses(
        (status = 200, body = VerifyAnswer), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody, description = "The code is wrong, used or over."),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 500, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
)]
pub(super) async fn verify_otp(
    State(app): State<App>,
    Source(source): Source,
    Given(verify): Given<Verify>,
) -> Result<Json<VerifyAnswer>, Problem> {
    let done = app.dealership()?.log_in(&verify.phone, &verify.otp, &source).await.map_err(refused_by)?;
    let user = UserBody {
        id: done.number,
        name: Some(done.name),
        phone: Some(done.phone),
        role: done.role.to_owned(),
    };
    Ok(Json(VerifyAnswer { success: true, token: done.token.reveal().to_owned(), user }))
}

/// Who calls.
#[utoipa::path(get, path = "/auth/me", tag = "Authentication", responses((status = 200, body = UserBody)))]
pub(super) async fn me(State(app): State<App>, Member(member): Member) -> Result<Json<UserBody>, Problem> {
    let (name, phone) = app.dealership()?.whoami(&member).await.map_err(refused_by)?;
    let role = member.role_name().to_owned();
    Ok(Json(UserBody { id: member.number, name: Some(name), phone, role }))
}

/// What was done, for people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Message {
    success: bool,
    message: &'static str,
}

/// Log out: the token is void.
#[utoipa::path(post, path = "/auth/logout", tag = "Authentication", responses((status = 200, body = Message)))]
pub(super) async fn logout(
    State(app): State<App>,
    Member(member): Member,
    headers: HeaderMap,
) -> Result<Json<Message>, Problem> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Ok(Presented::Bearer(token)) = Presented::from_headers(authorization, None) {
        app.dealership()?.log_out(token, &member).await.map_err(refused_by)?;
    }
    Ok(Json(Message { success: true, message: "Logged out successfully" }))
}

/// A dealer or a financier that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NewUserBody)]
pub(super) struct Create {
    name: String,
    #[schema(example = "+919876543210")]
    phone: String,
    /// `dealer` or `nbfc`; `dealer` where nobody says.
    user_type: Option<String>,
}

/// A dealer or a financier.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DealerBody {
    id: u64,
    name: String,
    #[schema(example = "dealer")]
    role: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Party> for DealerBody {
    fn from(party: Party) -> Self {
        let role = host::dealership::member::role_name(Some(party.role));
        Self { id: party.id, name: party.name, role, created_at: stamp(party.created) }
    }
}

/// Add a dealer or a financier, who logs in by telephone from then on.
#[utoipa::path(
    post, path = "/dealers", tag = "Authentication", request_body = Create,
    responses((status = 201, body = DealerBody), (status = 400, body = ErrorBody, description = "The number is taken.")),
)]
pub(super) async fn dealer_create(
    State(app): State<App>,
    Member(member): Member,
    given: Result<Given<Create>, Problem>,
) -> Result<(StatusCode, Json<DealerBody>), Problem> {
    member.may(Action::IdentityManage).map_err(refused_by)?;
    let Given(create) = given?;
    let role = create.user_type.as_deref().unwrap_or("dealer");
    let role = role_of(role).ok_or_else(|| invalid("userType", "dealer or nbfc"))?;
    let new = NewParty { role, name: create.name, phone: create.phone };
    let party = app.dealership()?.party_add(&member, new).await.map_err(refused_by)?;
    Ok((StatusCode::CREATED, Json(party.into())))
}

/// Dealers, in the order of their numbers.
#[utoipa::path(get, path = "/dealers", tag = "Authentication", responses((status = 200, body = [DealerBody])))]
pub(super) async fn dealer_list(
    State(app): State<App>,
    Member(member): Member,
) -> Result<Rows<DealerBody>, Problem> {
    rows(app.dealership()?.dealers(&member).await.map_err(refused_by)?, None, None)
}
