//! Identities and the audit, for administrators: `/twins/v1/admin`.

use crate::body::{Asked, At, Body, Page, instant};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use crate::twins::Listed;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use host::identity::api_key::{ApiKey, NewApiKey};
use host::identity::device::Enrolled;
use host::identity::{Act, Action, IdentityError, NewUser, Roles, Scopes, Secret, User};
use host::platform::door::{Device, Kind};
use host::platform::sight::rfc3339;
use host::platform::{ErrorKind, PlatformError};
use serde::Deserialize;
use serde_json::{Value, json};

/// Routes below the base path.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/users", get(user_list).post(user_create))
        .route("/admin/users/{id}", get(user_view).delete(user_disable))
        .route("/admin/api-keys", post(key_create))
        .route("/admin/api-keys/{id}", get(key_view).delete(key_revoke))
        .route("/admin/devices", get(device_list).post(device_enrol))
        .route("/admin/devices/{kind}/{id}", delete(device_revoke))
        .route("/admin/devices/{kind}/{id}/secret", post(device_secret))
        .route("/admin/audit", get(audit_view))
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        let kind = match &error {
            IdentityError::Store(error) => PlatformError::Store(error.clone()).kind(),
            IdentityError::NoEntropy(_) => ErrorKind::Broken,
            IdentityError::Busy => ErrorKind::Unavailable,
            IdentityError::Unfit(_) | IdentityError::WeakPassword(_) | IdentityError::WrongPassword => {
                ErrorKind::Unfit
            }
            IdentityError::Absent { .. } => ErrorKind::Absent,
            IdentityError::Taken { .. } | IdentityError::Changed | IdentityError::LastAdmin => {
                ErrorKind::Conflict
            }
            IdentityError::NotHeld(_) => ErrorKind::Forbidden,
            IdentityError::TooMany { .. } => ErrorKind::TooMany,
        };
        Problem::new(kind, error.to_string())
    }
}

fn user(user: &User) -> Value {
    json!({
        "id": user.id, "username": user.username, "email": user.email, "full_name": user.full_name,
        "roles": user.roles, "organisation": user.organisation, "disabled": user.disabled,
        "created_at": rfc3339(user.created), "updated_at": rfc3339(user.updated),
    })
}

fn key(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "name": key.name, "hint": key.hint, "owner": key.owner.to_string(), "scopes": key.scopes,
        "created_at": rfc3339(key.created), "expires_at": key.expires.map(rfc3339),
        "revoked_at": key.revoked.map(rfc3339),
    })
}

fn device(enrolled: &Enrolled) -> Value {
    json!({
        "kind": enrolled.device.kind, "id": enrolled.device.id, "organisation": enrolled.organisation,
        "created_at": rfc3339(enrolled.created), "revoked_at": enrolled.revoked.map(rfc3339),
    })
}

/// `GET /admin/users`
async fn user_list(
    State(app): State<App>,
    caller: Caller,
    Asked(page): Asked<Page>,
) -> Result<Json<Listed<Value>>, Problem> {
    caller.may(Action::IdentityManage)?;
    let (users, next) = app.identity.users(None, page.limit()?, page.cursor()?).await?;
    Ok(Json(Listed::new(users.iter().map(user).collect(), next)))
}

/// A person to be added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserNew {
    username: String,
    password: String,
    roles: Roles,
    email: Option<String>,
    full_name: Option<String>,
    organisation: Option<String>,
}

/// `POST /admin/users`
async fn user_create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<UserNew>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.may(Action::IdentityManage)?;
    let by = caller.name();
    let new = NewUser {
        username: Some(new.username),
        password: Some(Secret::new(new.password)),
        roles: new.roles,
        email: new.email,
        full_name: new.full_name,
        organisation: new.organisation.map(Into::into),
        ..NewUser::default()
    };
    let added = app.identity.add_user(new, Act { by: &by, at: app.wall.now() }).await?;
    Ok((StatusCode::CREATED, Json(user(&added))))
}

/// `GET /admin/users/{id}`
async fn user_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::IdentityManage)?;
    let found = app.identity.user(&id).await?;
    let absent = || Problem::new(ErrorKind::Absent, format!("there is no user {id}"));
    Ok(Json(user(&found.ok_or_else(absent)?)))
}

/// `DELETE /admin/users/{id}`: the person can no longer log in; what it did stays.
async fn user_disable(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::IdentityManage)?;
    let by = caller.name();
    let disabled = app.identity.disable_user(&id, Act { by: &by, at: app.wall.now() }).await?;
    Ok(Json(user(&disabled)))
}

/// A key to be made, for the caller itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyNew {
    name: String,
    scopes: Scopes,
    expires_at: Option<String>,
}

/// `POST /admin/api-keys`: the key is in this answer and nowhere else.
async fn key_create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<KeyNew>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.may(Action::IdentityManage)?;
    let expires = new.expires_at.as_deref().map(|text| instant("expires_at", text)).transpose()?;
    let new = NewApiKey { name: new.name, scopes: new.scopes, expires, prefix: None };
    let (made, secret) = app.identity.add_api_key(caller.known(), new, app.wall.now()).await?;
    let mut shown = key(&made);
    shown["key"] = Value::from(secret.reveal());
    Ok((StatusCode::CREATED, Json(shown)))
}

/// `GET /admin/api-keys/{id}`
async fn key_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::IdentityManage)?;
    let found = app.identity.api_key(&id).await?;
    let absent = || Problem::new(ErrorKind::Absent, format!("there is no API key {id}"));
    Ok(Json(key(&found.ok_or_else(absent)?)))
}

/// `DELETE /admin/api-keys/{id}`
async fn key_revoke(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Action::IdentityManage)?;
    let by = caller.name();
    app.identity.revoke_api_key(&id, Act { by: &by, at: app.wall.now() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /admin/devices`
async fn device_list(
    State(app): State<App>,
    caller: Caller,
    Asked(page): Asked<Page>,
) -> Result<Json<Listed<Value>>, Problem> {
    caller.may(Action::IdentityManage)?;
    let (devices, next) = app.identity.devices(None, page.limit()?, page.cursor()?).await?;
    Ok(Json(Listed::new(devices.iter().map(device).collect(), next)))
}

/// A device that shall log in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceNew {
    kind: Kind,
    id: String,
}

/// `POST /admin/devices`: the secret is in this answer and nowhere else.
async fn device_enrol(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<DeviceNew>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.may(Action::IdentityManage)?;
    let by = caller.name();
    let device = Device { kind: new.kind, id: new.id.into() };
    let organisation = caller.known().organisation.clone();
    let enrolled =
        app.identity.enrol(vec![device], organisation, Act { by: &by, at: app.wall.now() }).await?;
    let given = enrolled
        .first()
        .map(|(device, secret)| json!({ "kind": device.kind, "id": device.id, "secret": secret.reveal() }));
    Ok((StatusCode::CREATED, Json(given.unwrap_or_default())))
}

/// `POST /admin/devices/{kind}/{id}/secret`: another secret; the one before is void.
async fn device_secret(
    State(app): State<App>,
    caller: Caller,
    At((kind, id)): At<(Kind, String)>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::IdentityManage)?;
    let by = caller.name();
    let device = Device { kind, id: id.into() };
    let secret = app.identity.rotate_device_secret(&device, Act { by: &by, at: app.wall.now() }).await?;
    Ok(Json(json!({ "kind": device.kind, "id": device.id, "secret": secret.reveal() })))
}

/// `DELETE /admin/devices/{kind}/{id}`
async fn device_revoke(
    State(app): State<App>,
    caller: Caller,
    At((kind, id)): At<(Kind, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Action::IdentityManage)?;
    let by = caller.name();
    app.identity.revoke_device(&Device { kind, id: id.into() }, Act { by: &by, at: app.wall.now() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /admin/audit`: looks at the whole chain of facts.
async fn audit_view(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may(Action::IdentityManage)?;
    let audit = app.platform.audit().await?;
    Ok(Json(serde_json::to_value(audit).unwrap_or_default()))
}
