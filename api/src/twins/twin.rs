//! Twins: list, register, look, change, retire, and how they shall be.

use super::Listed;
use super::schema::{AliasBody, SpecBody, TwinBody, TwinPage};
use crate::body::{Asked, At, Body, Page, instant};
use crate::caller::Caller;
use crate::edge::condition::{self, Condition};
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::identity::Action;
use host::platform::door::Kind;
use host::platform::sight::Sight;
use host::platform::{Alias, NewTwin, PlatformError, Spec, Update, Which};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Which twins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListAsked {
    kind: Option<String>,
    q: Option<String>,
    near: Option<String>,
    retired: Option<bool>,
    limit: Option<usize>,
    cursor: Option<String>,
}

fn kind_of(name: &str) -> Result<Kind, Problem> {
    name.parse::<Kind>().map_err(|unfit| PlatformError::from(unfit).into())
}

/// `lat,lon,km`
fn near_of(text: &str) -> Result<(f64, f64, f64), Problem> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[lat, lon, km])
            if (-90.0..=90.0).contains(&lat)
                && (-180.0..=180.0).contains(&lon)
                && (0.0..=20_100.0).contains(&km) =>
        {
            Ok((lat, lon, km))
        }
        _ => Err(Problem::unfit("near", format!("{text:?} is not latitude,longitude,kilometres"))),
    }
}

/// `GET /twins`
#[utoipa::path(get, path = "/twins", tag = "Twins", params(("kind" = Option<String>, Query, description = "`battery`, `cabinet`, `vessel` or `facility`."), ("q" = Option<String>, Query, description = "Text in one of their names."), ("near" = Option<String>, Query, description = "`lat,lon,km`"), ("retired" = Option<bool>, Query, description = "Retired ones as well."), ("limit" = Option<u32>, Query, description = "Items of a page, 1 to 1000."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page.", body = TwinPage)))]
pub(crate) async fn twin_list(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<Listed<Sight>>, Problem> {
    caller.may(Action::TwinRead)?;
    let which = Which {
        kind: asked.kind.as_deref().map(kind_of).transpose()?,
        text: asked.q.filter(|text| !text.is_empty()),
        near: asked.near.as_deref().map(near_of).transpose()?,
        retired: asked.retired.unwrap_or(false),
        visible: Some(caller.visibility()),
    };
    let page = Page::new(asked.limit, asked.cursor);
    let (items, next) = app.platform.list(&which, page.limit()?, page.cursor()?).await?;
    Ok(Json(Listed::new(items, next)))
}

/// A twin that is to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    /// `battery`, `cabinet`, `vessel` or `facility`.
    kind: String,
    #[schema(max_length = 150)]
    name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Vec<AliasBody>, max_items = 32)]
    aliases: Vec<Alias>,
    #[serde(default)]
    #[schema(value_type = SpecBody)]
    spec: Value,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// `POST /twins`
#[utoipa::path(post, path = "/twins", tag = "Twins", request_body = Create, responses((status = 201, description = "The twin.", body = TwinBody), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn twin_create(
    State(app): State<App>,
    caller: Caller,
    Body(create): Body<Create>,
) -> Result<Response, Problem> {
    caller.may(Action::TwinWrite)?;
    let kind = kind_of(&create.kind)?;
    let spec = Spec::read(kind, create.spec).map_err(PlatformError::from)?;
    let Create { name, aliases, labels, .. } = create;
    let organisation = caller.known().organisation.clone();
    let new = NewTwin { kind, name, aliases, spec, labels, organisation };
    let seen = app.platform.create(new, &caller.name()).await?;
    let location = format!("/twins/v1/twins/{}", seen.id);
    let tag = condition::tag(&seen);
    let mut response = (StatusCode::CREATED, [(header::LOCATION, location)], Json(seen)).into_response();
    condition::tagged(&mut response, &tag);
    Ok(response)
}

/// When.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewAsked {
    at: Option<String>,
}

/// `GET /twins/{id}`
#[utoipa::path(get, path = "/twins/{id}", tag = "Twins", params(("id" = String, Path, description = "Any name of the twin."), ("at" = Option<String>, Query, description = "As it was then.")), responses((status = 200, description = "The twin, with its `ETag`.", body = TwinBody), (status = 304, description = "It is as `If-None-Match` says."), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn twin_view(
    State(app): State<App>,
    caller: Caller,
    condition: Condition,
    At(id): At<String>,
    Asked(asked): Asked<ViewAsked>,
) -> Result<Response, Problem> {
    let id = app.twin(&caller, Action::TwinRead, &id).await?.id;
    let seen = match asked.at {
        Some(at) => app.platform.view_at(id, instant("at", &at)?).await?,
        None => app.platform.view(id).await?,
    };
    Ok(condition.answer(&seen))
}

/// What is to be changed. A name that is null goes; what is not there stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 150)]
    name: Option<Option<String>>,
    #[schema(value_type = Option<Vec<AliasBody>>)]
    aliases: Option<Vec<Alias>>,
    #[schema(value_type = Option<SpecBody>)]
    spec: Option<Value>,
    labels: Option<BTreeMap<String, String>>,
}

/// Tells a null from what is not there.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}

/// `PATCH /twins/{id}`
#[utoipa::path(patch, path = "/twins/{id}", tag = "Twins", request_body = Change, params(("id" = String, Path, description = "Any name of the twin.")), responses((status = 200, description = "The twin.", body = TwinBody), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json"), (status = 410, description = "The twin was retired.", body = ProblemBody, content_type = "application/problem+json"), (status = 412, description = "The twin is not as `If-Match` says.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn twin_update(
    State(app): State<App>,
    caller: Caller,
    condition: Condition,
    At(id): At<String>,
    Body(change): Body<Change>,
) -> Result<Response, Problem> {
    let id = app.twin(&caller, Action::TwinWrite, &id).await?.id;
    let Change { name, aliases, spec, labels } = change;
    let (change, expected) = (Update { name, aliases, spec, labels }, condition.revision()?);
    condition.changed(app.platform.update_if(id, change, expected, &caller.name()).await)
}

/// `DELETE /twins/{id}`
#[utoipa::path(delete, path = "/twins/{id}", tag = "Twins", params(("id" = String, Path, description = "Any name of the twin.")), responses((status = 204, description = "Retired."), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 410, description = "The twin was retired.", body = ProblemBody, content_type = "application/problem+json"), (status = 412, description = "The twin is not as `If-Match` says.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn twin_retire(
    State(app): State<App>,
    caller: Caller,
    condition: Condition,
    At(id): At<String>,
) -> Result<StatusCode, Problem> {
    let id = app.twin(&caller, Action::TwinWrite, &id).await?.id;
    let expected = condition.revision()?;
    condition.changed(app.platform.retire_if(id, expected, &caller.name()).await)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PATCH /twins/{id}/desired`
#[utoipa::path(patch, path = "/twins/{id}/desired", tag = "Twins", request_body(content = Object, description = "Keys to be merged into how the hardware shall be; null removes one."), params(("id" = String, Path, description = "Any name of the twin.")), responses((status = 200, description = "The twin.", body = TwinBody), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json"), (status = 410, description = "The twin was retired.", body = ProblemBody, content_type = "application/problem+json"), (status = 412, description = "The twin is not as `If-Match` says.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn twin_desire(
    State(app): State<App>,
    caller: Caller,
    condition: Condition,
    At(id): At<String>,
    Body(change): Body<Map<String, Value>>,
) -> Result<Response, Problem> {
    let id = app.twin(&caller, Action::TwinCommand, &id).await?.id;
    let expected = condition.revision()?;
    condition.changed(app.platform.desire_if(id, change, expected, &caller.name()).await)
}
