//! Identities and their journal, for administrators.

use super::extract::json as read;
use super::{Doors, Known, Refusal};
use crate::problem::ProblemBody;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use host::identity::account::PhoneNumber;
use host::identity::api_key::{ApiKey, NewApiKey};
use host::identity::client::{Client, NewClient};
use host::identity::device::Enrolled;
use host::identity::message::Message;
use host::identity::{Act, Action, NewUser, Role, Roles, Scopes, Secret, Subject, User};
use host::platform::door::{Device, Kind};
use host::store::Sequence;
use host::store::records::Cursor;
use serde::Deserialize;
use serde_json::{Value, json};
use twin::time::Time;
use utoipa::ToSchema;

/// Rows of a page where nobody says how many, and the most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

type Answer = Result<Json<Value>, Refusal>;
type Made = Result<(StatusCode, Json<Value>), Refusal>;
type Done = Result<StatusCode, Refusal>;

/// Parameters of a list.
struct List {
    fields: super::form::Fields,
    limit: usize,
    after: Option<Cursor>,
}

impl List {
    fn read(query: Option<String>) -> Result<Self, Refusal> {
        let fields = super::form::fields(query.unwrap_or_default().as_bytes()).map_err(Refusal::unfit)?;
        let limit = fields.get("limit").map_or(Ok(LIMIT), |limit| limit.parse::<usize>());
        let limit = limit.ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let limit = limit.ok_or_else(|| Refusal::unfit(format!("limit: 1 to {LIMIT_MAX}")))?;
        let after = fields.get("cursor").map(|cursor| cursor.parse::<Cursor>()).transpose();
        let after = after.map_err(|_| Refusal::unfit("cursor: none of this list"))?;
        Ok(Self { fields, limit, after })
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal>
    where
        T::Err: std::fmt::Display,
    {
        let parsed = self.fields.get(name).map(|text| text.parse::<T>()).transpose();
        parsed.map_err(|error: T::Err| Refusal::unfit(format!("{name}: {error}")))
    }
}

fn page(rows: Vec<Value>, next: Option<&Cursor>) -> Json<Value> {
    let mut page = json!({ "next_cursor": next.map(ToString::to_string) });
    page["data"] = Value::Array(rows);
    Json(page)
}

/// What the journal and a page say of an administrator's deed.
fn act<'a>(by: &'a str, doors: &Doors) -> Act<'a> {
    Act { by, at: doors.now() }
}

fn rfc3339(at: Time) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserBody {
    id: Option<String>,
    username: Option<String>,
    password: Option<String>,
    /// As `+66812345678`.
    #[schema(value_type = Option<String>)]
    phone: Option<PhoneNumber>,
    email: Option<String>,
    full_name: Option<String>,
    /// `admin`, `engineer`, `viewer`, `dealer`, `consumer`, `technician`, `financier`.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    organisation: Option<String>,
    party: Option<String>,
}

fn user(user: &User) -> Value {
    json!({
        "id": user.id, "username": user.username, "phone": user.phone.as_ref().map(PhoneNumber::masked),
        "email": user.email, "full_name": user.full_name, "roles": user.roles,
        "organisation": user.organisation, "party": user.party, "disabled": user.disabled,
        "created_at": rfc3339(user.created), "updated_at": rfc3339(user.updated),
    })
}

/// Users.
#[utoipa::path(get, path = "/admin/users", tag = "Administration", params(("role" = Option<String>, Query, description = "Of this role."), ("limit" = Option<u32>, Query, description = "Rows of a page, 1 to 1000; 100 where nobody says."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page: `data`, `next_cursor`.", body = Value)))]
pub(crate) async fn user_list(State(doors): State<Doors>, known: Known, RawQuery(query): RawQuery) -> Answer {
    known.may(Action::IdentityManage)?;
    let list = List::read(query)?;
    let role = list.parsed::<Role>("role")?;
    let (users, next) = doors.identity.users(role, list.limit, list.after).await?;
    Ok(page(
        users.iter().filter(|one| is_own(&known, one.organisation.as_deref())).map(user).collect(),
        next.as_ref(),
    ))
}

/// Adds a user.
#[utoipa::path(post, path = "/admin/users", tag = "Administration", request_body = UserBody, responses((status = 201, description = "The user.", body = Value), (status = 409, description = "A name is taken, or it does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn user_create(
    State(doors): State<Doors>,
    known: Known,
    headers: HeaderMap,
    body: Bytes,
) -> Made {
    known.may(Action::IdentityManage)?;
    let body: UserBody = read(&headers, &body)?;
    let new = NewUser {
        id: body.id,
        username: body.username,
        password: body.password.map(Secret::new),
        phone: body.phone,
        email: body.email,
        full_name: body.full_name,
        roles: Roles::of(&body.roles),
        organisation: organisation(&known, body.organisation)?.map(Into::into),
        party: body.party.map(Into::into),
    };
    let by = known.0.name();
    let made = doors.identity.add_user(new, act(&by, &doors)).await?;
    Ok((StatusCode::CREATED, Json(user(&made))))
}

/// Disables a user; its tokens are void at once.
#[utoipa::path(delete, path = "/admin/users/{id}", tag = "Administration", params(("id" = String, Path, description = "Its id.")), responses((status = 204, description = "It is so from now on."), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "A name is taken, or it does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn user_disable(State(doors): State<Doors>, known: Known, Path(id): Path<String>) -> Done {
    known.may(Action::IdentityManage)?;
    let found = doors.identity.user(&id).await?;
    if found.is_some_and(|one| !is_own(&known, one.organisation.as_deref())) {
        return Err(nothing());
    }
    let by = known.0.name();
    doors.identity.disable_user(&id, act(&by, &doors)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientBody {
    client_id: Option<String>,
    name: String,
    /// Scopes, parted by spaces.
    #[schema(value_type = String)]
    scope: Scopes,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    public: bool,
    organisation: Option<String>,
}

fn client(client: &Client) -> Value {
    json!({
        "client_id": client.id, "name": client.name, "scope": client.scopes,
        "redirect_uris": client.redirect_uris, "public": client.is_public(),
        "organisation": client.organisation, "created_at": rfc3339(client.created),
        "revoked_at": client.revoked.map(rfc3339),
    })
}

/// Programs.
#[utoipa::path(get, path = "/admin/clients", tag = "Administration", params(("limit" = Option<u32>, Query, description = "Rows of a page, 1 to 1000; 100 where nobody says."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page: `data`, `next_cursor`.", body = Value)))]
pub(crate) async fn client_list(
    State(doors): State<Doors>,
    known: Known,
    RawQuery(query): RawQuery,
) -> Answer {
    known.may(Action::IdentityManage)?;
    let list = List::read(query)?;
    let (clients, next) = doors.identity.clients(list.limit, list.after).await?;
    let own = clients.iter().filter(|one| is_own(&known, one.organisation.as_deref()));
    Ok(page(own.map(client).collect(), next.as_ref()))
}

/// Adds a program. Its secret is told once.
#[utoipa::path(post, path = "/admin/clients", tag = "Administration", request_body = ClientBody, responses((status = 201, description = "The program, with `client_secret`.", body = Value), (status = 409, description = "A name is taken, or it does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn client_create(
    State(doors): State<Doors>,
    known: Known,
    headers: HeaderMap,
    body: Bytes,
) -> Made {
    known.may(Action::IdentityManage)?;
    let body: ClientBody = read(&headers, &body)?;
    let new = NewClient {
        id: body.client_id,
        name: body.name,
        redirect_uris: body.redirect_uris,
        scopes: body.scope,
        organisation: organisation(&known, body.organisation)?.map(Into::into),
        is_public: body.public,
    };
    let by = known.0.name();
    let (made, secret) = doors.identity.add_client(new, act(&by, &doors)).await?;
    let mut shown = client(&made);
    if let Some(secret) = secret {
        shown["client_secret"] = secret.reveal().into();
    }
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Revokes a program.
#[utoipa::path(delete, path = "/admin/clients/{id}", tag = "Administration", params(("id" = String, Path, description = "Its id.")), responses((status = 204, description = "It is so from now on."), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn client_revoke(State(doors): State<Doors>, known: Known, Path(id): Path<String>) -> Done {
    known.may(Action::IdentityManage)?;
    let found = doors.identity.client(&id).await?;
    if found.is_some_and(|one| !is_own(&known, one.organisation.as_deref())) {
        return Err(nothing());
    }
    let by = known.0.name();
    doors.identity.revoke_client(&id, act(&by, &doors)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyBody {
    name: String,
    /// Scopes, parted by spaces.
    #[schema(value_type = String)]
    scope: Scopes,
    expires_in_days: Option<u32>,
}

fn api_key(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "name": key.name, "hint": key.hint, "owner": key.owner, "scope": key.scopes,
        "organisation": key.organisation, "created_at": rfc3339(key.created),
        "expires_at": key.expires.map(rfc3339), "revoked_at": key.revoked.map(rfc3339),
    })
}

/// API keys.
#[utoipa::path(get, path = "/admin/api-keys", tag = "Administration", params(("owner" = Option<String>, Query, description = "Of this owner, as `user:ID`."), ("limit" = Option<u32>, Query, description = "Rows of a page, 1 to 1000; 100 where nobody says."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page: `data`, `next_cursor`.", body = Value)))]
pub(crate) async fn api_key_list(
    State(doors): State<Doors>,
    known: Known,
    RawQuery(query): RawQuery,
) -> Answer {
    known.may(Action::IdentityManage)?;
    let list = List::read(query)?;
    let owner = list.parsed::<Subject>("owner")?;
    let (keys, next) = doors.identity.api_keys(owner.as_ref(), list.limit, list.after).await?;
    let own = keys.iter().filter(|one| is_own(&known, one.organisation.as_deref()));
    Ok(page(own.map(api_key).collect(), next.as_ref()))
}

/// Makes an API key for whoever asks. It is told once.
#[utoipa::path(post, path = "/admin/api-keys", tag = "Administration", request_body = ApiKeyBody, responses((status = 201, description = "The key, with `api_key`.", body = Value)))]
pub(crate) async fn api_key_create(
    State(doors): State<Doors>,
    known: Known,
    headers: HeaderMap,
    body: Bytes,
) -> Made {
    known.may(Action::OwnKeys)?;
    let body: ApiKeyBody = read(&headers, &body)?;
    let now = doors.now();
    let expires = body.expires_in_days.map(|days| now + i64::from(days) * twin::time::DAY_MS);
    let new = NewApiKey { name: body.name, scopes: body.scope, expires, prefix: None };
    let (made, secret) = doors.identity.add_api_key(&known.0, new, now).await?;
    let mut shown = api_key(&made);
    shown["api_key"] = secret.reveal().into();
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Revokes an API key.
#[utoipa::path(delete, path = "/admin/api-keys/{id}", tag = "Administration", params(("id" = String, Path, description = "Its id.")), responses((status = 204, description = "It is so from now on."), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn api_key_revoke(State(doors): State<Doors>, known: Known, Path(id): Path<String>) -> Done {
    known.may(Action::OwnKeys)?;
    let is_admin = known.may(Action::IdentityManage).is_ok();
    let found = doors.identity.api_key(&id).await?.ok_or_else(nothing)?;
    if found.owner != known.0.subject && !(is_admin && is_own(&known, found.organisation.as_deref())) {
        return Err(nothing());
    }
    let by = known.0.name();
    doors.identity.revoke_api_key(&id, act(&by, &doors)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceBody {
    /// `battery`, `cabinet`, `vessel` or `facility`.
    #[schema(value_type = String)]
    kind: Kind,
    id: String,
    organisation: Option<String>,
}

fn device(enrolled: &Enrolled) -> Value {
    json!({
        "kind": enrolled.device.kind, "id": enrolled.device.id, "organisation": enrolled.organisation,
        "created_at": rfc3339(enrolled.created), "revoked_at": enrolled.revoked.map(rfc3339),
    })
}

/// Devices that may log in.
#[utoipa::path(get, path = "/admin/devices", tag = "Administration", params(("kind" = Option<String>, Query, description = "Of this kind."), ("limit" = Option<u32>, Query, description = "Rows of a page, 1 to 1000; 100 where nobody says."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page: `data`, `next_cursor`.", body = Value)))]
pub(crate) async fn device_list(
    State(doors): State<Doors>,
    known: Known,
    RawQuery(query): RawQuery,
) -> Answer {
    known.may(Action::IdentityManage)?;
    let list = List::read(query)?;
    let kind = match list.fields.get("kind") {
        Some(text) => Some(text.parse::<Kind>().map_err(|error| Refusal::unfit(error.to_string()))?),
        None => None,
    };
    let (devices, next) = doors.identity.devices(kind, list.limit, list.after).await?;
    let own = devices.iter().filter(|one| is_own(&known, one.organisation.as_deref()));
    Ok(page(own.map(device).collect(), next.as_ref()))
}

/// Lets a device log in. Its secret is given once.
#[utoipa::path(post, path = "/admin/devices", tag = "Administration", request_body = DeviceBody, responses((status = 201, description = "The device, with `device_secret`.", body = Value), (status = 409, description = "It may log in already.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn device_create(
    State(doors): State<Doors>,
    known: Known,
    headers: HeaderMap,
    body: Bytes,
) -> Made {
    known.may(Action::IdentityManage)?;
    let body: DeviceBody = read(&headers, &body)?;
    let named = Device { kind: body.kind, id: body.id.into() };
    let owner = organisation(&known, body.organisation)?;
    let by = known.0.name();
    let given = doors.identity.enrol(vec![named.clone()], owner.map(Into::into), act(&by, &doors)).await?;
    let secret = given.first().map(|(_, secret)| secret.reveal());
    let enrolled = doors.identity.device(&named).await?.ok_or_else(nothing)?;
    let mut shown = device(&enrolled);
    shown["device_secret"] = json!(secret);
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Lets a device log in no longer.
#[utoipa::path(delete, path = "/admin/devices/{kind}/{id}", tag = "Administration", params(("kind" = String, Path, description = "Its kind."), ("id" = String, Path, description = "Its name.")), responses((status = 204, description = "It is so from now on."), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn device_revoke(
    State(doors): State<Doors>,
    known: Known,
    Path((kind, id)): Path<(String, String)>,
) -> Done {
    known.may(Action::IdentityManage)?;
    let kind: Kind = kind.parse().map_err(|_| nothing())?;
    let named = Device { kind, id: id.into() };
    let found = doors.identity.device(&named).await?.ok_or_else(nothing)?;
    if !is_own(&known, found.organisation.as_deref()) {
        return Err(nothing());
    }
    let by = known.0.name();
    doors.identity.revoke_device(&named, act(&by, &doors)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn message(message: &Message) -> Value {
    json!({
        "id": message.id, "to": message.to.as_str(), "purpose": message.purpose, "text": message.text,
        "at": rfc3339(message.at), "delivery": message.delivery,
    })
}

/// Messages to people, the latest first, numbers and codes in full: where no gateway sends them, somebody must.
#[utoipa::path(get, path = "/admin/outbox", tag = "Administration", params(("to" = Option<String>, Query, description = "To this number, `+66…`."), ("limit" = Option<u32>, Query, description = "Rows of a page, 1 to 1000; 100 where nobody says."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page: `data`, `next_cursor`.", body = Value)))]
pub(crate) async fn outbox_list(
    State(doors): State<Doors>,
    known: Known,
    RawQuery(query): RawQuery,
) -> Answer {
    of_the_operator(&known)?;
    let list = List::read(query)?;
    let to = list.parsed::<PhoneNumber>("to")?;
    let (messages, next) = doors.identity.outbox(to.as_ref(), list.limit, list.after).await?;
    Ok(page(messages.iter().map(message).collect(), next.as_ref()))
}

/// The journal in its order, from `from` on.
#[utoipa::path(get, path = "/admin/audit", tag = "Administration", params(("from" = Option<u64>, Query, description = "The first entry."), ("limit" = Option<u32>, Query, description = "Rows of a page, 1 to 1000.")), responses((status = 200, description = "Entries: `data`, `next_from`.", body = Value)))]
pub(crate) async fn audit_list(
    State(doors): State<Doors>,
    known: Known,
    RawQuery(query): RawQuery,
) -> Answer {
    of_the_operator(&known)?;
    let list = List::read(query)?;
    let from = list.parsed::<u64>("from")?.unwrap_or(1).max(1);
    let entries = doors.identity.journal(Sequence(from), list.limit).await?;
    let next = entries.last().filter(|_| entries.len() == list.limit).map(|entry| entry.sequence.0 + 1);
    let row = |entry: &host::store::journal::Entry| {
        json!({
            "sequence": entry.sequence, "entity": entry.entity, "revision": entry.revision,
            "at": rfc3339(entry.at), "actor": entry.actor, "kind": entry.kind,
            "detail": serde_json::from_slice::<Value>(&entry.payload).ok(), "previous": entry.previous,
        })
    };
    Ok(Json(json!({ "data": entries.iter().map(row).collect::<Vec<_>>(), "next_from": next })))
}

/// An administrator of an organisation manages that alone.
fn is_own(known: &Known, organisation: Option<&str>) -> bool {
    known.0.organisation.is_none() || known.0.organisation.as_deref() == organisation
}

/// The organisation that something new belongs to.
fn organisation(known: &Known, wanted: Option<String>) -> Result<Option<String>, Refusal> {
    match (&known.0.organisation, wanted) {
        (None, wanted) => Ok(wanted),
        (Some(own), Some(wanted)) if wanted != own.as_ref() => {
            Err(Refusal::new(StatusCode::FORBIDDEN, "not of your organisation"))
        }
        (Some(own), _) => Ok(Some(own.as_ref().to_owned())),
    }
}

/// Messages and the journal are of all organisations at once.
fn of_the_operator(known: &Known) -> Result<(), Refusal> {
    known.may(Action::IdentityManage)?;
    if known.0.organisation.is_some() {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "only for the operator's administrators"));
    }
    Ok(())
}

fn nothing() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not there")
}
