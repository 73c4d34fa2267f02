//! Logging in and out, and one's own account. Tokens, users and limits are those of every other door.

use super::access::person;
use super::envelope::{ErrorBody, NOT_KNOWN, broken_rule, said};
use super::given::Given;
use super::user::UserBody;
use crate::caller::Caller;
use crate::identity::Source;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use host::identity::account::PasswordChange;
use host::identity::{
    Act, IdentityError, Lifetimes, LoginError, PasswordLogin, Presented, Secret, Session, User,
};
use host::platform::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long tokens of this family are good for: an access token for half an hour, and its refresh token, which is
/// given once, for a week.
const LIFETIMES: Lifetimes = Lifetimes { access_s: 1_800, refresh_s: Some(7 * 86_400), steady: true };

/// What identity refuses, in this family.
pub(super) fn refused(error: IdentityError) -> Problem {
    match error {
        IdentityError::Unfit(_) => Problem::unfit("body", error.to_string()),
        IdentityError::WeakPassword(_) => Problem::unfit("new_password", error.to_string()),
        IdentityError::Taken { .. } => broken_rule("User with this user_id or username already exists"),
        IdentityError::LastAdmin => broken_rule("There must be an active administrator"),
        IdentityError::Changed => broken_rule("User was changed meanwhile"),
        IdentityError::WrongPassword => said(ErrorKind::Unknown, "Incorrect current password"),
        IdentityError::Absent { id, .. } => super::envelope::not_found("User", &id),
        IdentityError::NotHeld(_) => said(ErrorKind::Forbidden, "Admin access required"),
        IdentityError::TooMany { wait_ms } => {
            let seconds = u64::try_from(wait_ms.div_euclid(1_000)).unwrap_or(0) + 1;
            Problem::new(ErrorKind::TooMany, "too many attempts").after_s(seconds)
        }
        IdentityError::Busy => Problem::new(ErrorKind::Unavailable, error.to_string()),
        IdentityError::Store(_) | IdentityError::NoEntropy(_) | IdentityError::Seal => {
            // What broke is for the log.
            tracing::error!(error = &error as &dyn std::error::Error, "identity failed");
            Problem::new(ErrorKind::Unavailable, "something broke here; the log says what")
        }
    }
}

fn not_let_in(error: LoginError, wrong: &'static str) -> Problem {
    match error {
        LoginError::Wrong => said(ErrorKind::Unknown, wrong),
        LoginError::Inactive => said(ErrorKind::Unknown, "User account is inactive"),
        LoginError::TooMany { wait_ms } => refused(IdentityError::TooMany { wait_ms }),
        LoginError::Failed(error) => refused(error),
    }
}

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Login {
    username: String,
    password: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoginAnswer {
    access_token: String,
    refresh_token: String,
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 1800)]
    expires_in: i64,
    user: UserBrief,
}

/// Who logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserBrief {
    user_id: String,
    username: String,
    email: Option<String>,
    full_name: Option<String>,
    #[schema(example = "admin")]
    role: &'static str,
    is_active: bool,
}

impl UserBrief {
    fn of(user: &User) -> Option<Self> {
        let UserBody { user_id, username, email, full_name, role, is_active, .. } = UserBody::of(user)?;
        Some(Self { user_id, username, email, full_name, role, is_active })
    }
}

/// Log in with name and password.
#[utoipa::path(
    post, path = "/auth/login", tag = "Authentication", request_body = Login, security(()),
    responses(
        (status = 200, body = LoginAnswer),
        (status = 400, body = ErrorBody, description = "The body is no JSON."),
        (status = 401, body = ErrorBody, description = "Incorrect username or password; user account is inactive."),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 500, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
)]
pub(super) async fn login(
    State(app): State<App>,
    Source(source): Source,
    Given(login): Given<Login>,
) -> Result<Json<LoginAnswer>, Problem> {
    let password = Secret::new(login.password);
    let attempt = PasswordLogin { username: &login.username, password: &password, source: &source };
    let wrong = "Incorrect username or password";
    let session = app.identity.log_in(attempt, LIFETIMES, app.wall.now()).await;
    let session = session.map_err(|error| not_let_in(error, wrong))?;
    let Session { access, expires_s, refresh, user, .. } = session;
    // People of other interfaces have no role here.
    let user = UserBrief::of(&user).ok_or_else(|| said(ErrorKind::Unknown, wrong))?;
    let refresh_token = refresh.map(|refresh| refresh.reveal().to_owned()).unwrap_or_default();
    Ok(Json(LoginAnswer {
        access_token: access.reveal().to_owned(),
        refresh_token,
        token_type: "bearer",
        expires_in: expires_s,
        user,
    }))
}

/// The token that was given at login.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Refresh {
    refresh_token: String,
}

/// Another access token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefreshAnswer {
    access_token: String,
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 1800)]
    expires_in: i64,
}

/// Another access token; the refresh token stays good.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "Authentication", request_body = Refresh, security(()),
    responses(
        (status = 200, body = RefreshAnswer),
        (status = 400, body = ErrorBody, description = "The body is no JSON."),
        (status = 401, body = ErrorBody, description = "Invalid refresh token."),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 500, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
)]
pub(super) async fn refresh(
    State(app): State<App>,
    Given(refresh): Given<Refresh>,
) -> Result<Json<RefreshAnswer>, Problem> {
    let invalid = "Invalid refresh token";
    let session = app.identity.renew(&refresh.refresh_token, app.wall.now()).await;
    let session = session.map_err(|error| match error {
        LoginError::Inactive => said(ErrorKind::Unknown, invalid),
        error => not_let_in(error, invalid),
    })?;
    Ok(Json(RefreshAnswer {
        access_token: session.access.reveal().to_owned(),
        token_type: "bearer",
        expires_in: session.expires_s,
    }))
}

/// What was done, for people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Message {
    pub(super) message: String,
}

/// Log out: the token and its refresh token are void.
#[utoipa::path(post, path = "/auth/logout", tag = "Authentication", responses((status = 200, body = Message)))]
pub(super) async fn logout(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Message>, Problem> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Ok(Presented::Bearer(token)) = Presented::from_headers(authorization, None) {
        let act = Act { by: &caller.name(), at: app.wall.now() };
        app.identity.end_session(token, act).await.map_err(refused)?;
    }
    Ok(Json(Message { message: "Logged out successfully".to_owned() }))
}

/// Who calls.
#[utoipa::path(get, path = "/auth/me", tag = "Authentication", responses((status = 200, body = UserBody)))]
pub(super) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<UserBody>, Problem> {
    let not_known = || said(ErrorKind::Unknown, NOT_KNOWN);
    let id = person(&caller).ok_or_else(not_known)?;
    let user = app.identity.user(id).await.map_err(refused)?.ok_or_else(not_known)?;
    UserBody::of(&user).map(Json).ok_or_else(not_known)
}

/// A password in place of another.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChangePassword {
    current_password: String,
    /// At least eight characters.
    new_password: String,
}

/// Another password. What was issued under the old one is void.
#[utoipa::path(
    post, path = "/auth/change-password", tag = "Authentication", request_body = ChangePassword,
    responses((status = 200, body = Message), (status = 400, body = ErrorBody, description = "The body is no JSON.")),
)]
pub(super) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Source(source): Source,
    Given(change): Given<ChangePassword>,
) -> Result<Json<Message>, Problem> {
    let id = person(&caller).ok_or_else(|| said(ErrorKind::Unknown, NOT_KNOWN))?;
    let (present, new) = (Secret::new(change.current_password), Secret::new(change.new_password));
    let change = PasswordChange { present: &present, new: &new };
    app.identity.change_password(id, change, &source, app.wall.now()).await.map_err(refused)?;
    Ok(Json(Message { message: "Password changed successfully".to_owned() }))
}
