//! People of this family: administrators, engineers and viewers. Administrators only, and those of an organisation
//! their own only.

use super::access::{allowed, person};
use super::auth::{Message, refused};
use super::envelope::{ErrorBody, broken_rule, not_found};
use super::given::{Given, LIST, part};
use super::wire::stamp;
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::identity::{Act, Action, NewUser, Role, Roles, Secret, User, UserPatch};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Roles of this family, each including those after it.
const ROLES: [Role; 3] = [Role::Admin, Role::Engineer, Role::Viewer];
/// People that are read at a time.
const PAGE: usize = 1_000;

fn role(name: &str) -> Result<Role, Problem> {
    let role = ROLES.into_iter().find(|role| role.as_str() == name);
    role.ok_or_else(|| broken_rule(format!("Invalid role: {name}. Must be one of: admin, engineer, viewer")))
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserBody {
    pub(super) user_id: String,
    pub(super) username: String,
    pub(super) email: Option<String>,
    pub(super) full_name: Option<String>,
    #[schema(example = "engineer")]
    pub(super) role: &'static str,
    pub(super) is_active: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl UserBody {
    /// Nothing where it has no name to log in with, or no role here.
    pub(super) fn of(user: &User) -> Option<Self> {
        let role = ROLES.into_iter().find(|role| user.is(*role))?;
        Some(Self {
            user_id: user.id.as_ref().to_owned(),
            username: user.username.clone()?,
            email: user.email.clone(),
            full_name: user.full_name.clone(),
            role: role.as_str(),
            is_active: !user.disabled,
            created_at: stamp(user.created),
            updated_at: stamp(user.updated),
        })
    }
}

fn is_own(caller: &Caller, user: &User) -> bool {
    let own = caller.known().organisation.as_deref();
    own.is_none() || own == user.organisation.as_deref()
}

/// The person of an id, as far as the caller manages it.
async fn found(app: &App, caller: &Caller, id: &str) -> Result<User, Problem> {
    let user = app.identity.user(id).await.map_err(refused)?;
    let user = user.filter(|user| is_own(caller, user) && UserBody::of(user).is_some());
    user.ok_or_else(|| not_found("User", id))
}

fn body(user: &User) -> Result<UserBody, Problem> {
    UserBody::of(user).ok_or_else(|| not_found("User", &user.id))
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// Users to leave out at the beginning.
    skip: Option<u64>,
    /// 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// People.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserPage {
    users: Vec<UserBody>,
    total: usize,
}

/// All people, in the order of their ids.
#[utoipa::path(get, path = "/auth/users", tag = "Users", params(ListAsked), responses((status = 200, body = UserPage)))]
pub(super) async fn user_list(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<UserPage>, Problem> {
    allowed(&caller, Action::IdentityManage)?;
    let (skip, limit) = part(asked.skip, asked.limit, LIST)?;
    let (mut users, mut total, mut after) = (Vec::new(), 0, None);
    loop {
        let (page, next) = app.identity.users(None, PAGE, after).await.map_err(refused)?;
        for user in page.iter().filter(|user| is_own(&caller, user)) {
            let Some(body) = UserBody::of(user) else { continue };
            if total >= skip && users.len() < limit {
                users.push(body);
            }
            total += 1;
        }
        after = next;
        if after.is_none() {
            return Ok(Json(UserPage { users, total }));
        }
    }
}

/// A person to be added.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Create {
    user_id: String,
    username: String,
    email: String,
    /// At least eight characters.
    password: String,
    full_name: String,
    /// `admin`, `engineer` or `viewer`.
    role: String,
}

/// Something before and after the at sign, and a dot or a local name behind it: whether mail arrives is not known
/// before it is sent.
fn check_email(email: &str) -> Result<(), Problem> {
    let is_plain = |part: &str| {
        !part.is_empty() && part.len() <= 250 && part.chars().all(|c| !c.is_whitespace() && !c.is_control())
    };
    match email.split_once('@') {
        Some((name, host)) if is_plain(name) && is_plain(host) && !host.contains('@') => Ok(()),
        _ => Err(Problem::unfit("email", format!("{email:?} is no address"))),
    }
}

/// Add a person.
#[utoipa::path(
    post, path = "/auth/users", tag = "Users", request_body = Create,
    responses(
        (status = 201, body = UserBody),
        (status = 400, body = ErrorBody, description = "The user exists already; invalid role; the body is no JSON."),
    ),
)]
pub(super) async fn user_create(
    State(app): State<App>,
    caller: Caller,
    given: Result<Given<Create>, Problem>,
) -> Result<(StatusCode, Json<UserBody>), Problem> {
    allowed(&caller, Action::IdentityManage)?;
    let Given(create) = given?;
    check_email(&create.email)?;
    let new = NewUser {
        id: Some(create.user_id),
        username: Some(create.username),
        password: Some(Secret::new(create.password)),
        email: Some(create.email),
        full_name: Some(create.full_name),
        roles: Roles::of(&[role(&create.role)?]),
        organisation: caller.known().organisation.clone(),
        ..NewUser::default()
    };
    let act = Act { by: &caller.name(), at: app.wall.now() };
    let user = app.identity.add_user(new, act).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(body(&user)?)))
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct Change {
    email: Option<String>,
    full_name: Option<String>,
    /// `admin`, `engineer` or `viewer`.
    role: Option<String>,
    is_active: Option<bool>,
}

/// Change a person.
#[utoipa::path(
    patch, path = "/auth/users/{user_id}", tag = "Users", request_body = Change,
    params(("user_id" = String, Path)),
    responses(
        (status = 200, body = UserBody),
        (status = 400, body = ErrorBody, description = "Invalid role; no administrator left; the body is no JSON."),
        (status = 404, body = ErrorBody, description = "User not found."),
    ),
)]
pub(super) async fn user_update(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    given: Result<Given<Change>, Problem>,
) -> Result<Json<UserBody>, Problem> {
    allowed(&caller, Action::IdentityManage)?;
    found(&app, &caller, &id).await?;
    let Given(change) = given?;
    change.email.as_deref().map_or(Ok(()), check_email)?;
    let patch = UserPatch {
        email: change.email.map(Some),
        full_name: change.full_name.map(Some),
        roles: change.role.as_deref().map(|name| role(name).map(|role| Roles::of(&[role]))).transpose()?,
        disabled: change.is_active.map(|is_active| !is_active),
        ..UserPatch::default()
    };
    let act = Act { by: &caller.name(), at: app.wall.now() };
    let user = app.identity.update_user(&id, patch, act).await.map_err(refused)?;
    body(&user).map(Json)
}

/// Delete a person.
#[utoipa::path(
    delete, path = "/auth/users/{user_id}", tag = "Users", params(("user_id" = String, Path)),
    responses(
        (status = 200, body = Message),
        (status = 400, body = ErrorBody, description = "Cannot delete your own account; no administrator left."),
        (status = 404, body = ErrorBody, description = "User not found."),
    ),
)]
pub(super) async fn user_delete(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Message>, Problem> {
    allowed(&caller, Action::IdentityManage)?;
    found(&app, &caller, &id).await?;
    if person(&caller) == Some(id.as_str()) {
        return Err(broken_rule("Cannot delete your own account"));
    }
    let act = Act { by: &caller.name(), at: app.wall.now() };
    app.identity.delete_user(&id, act).await.map_err(refused)?;
    Ok(Json(Message { message: format!("User {id} deleted successfully") }))
}
