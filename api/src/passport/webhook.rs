//! Webhooks: who is told of batteries, and whether it is taken.

use super::envelope::{ErrorBody, refusal, unfit};
use super::given::{Given, Perhaps};
use super::wire::stamp;
use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use crate::webhook::wire;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::identity::Action;
use host::webhook::Endpoint;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Where to, for what.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewWebhook {
    #[schema(required, example = "https://yourapp.com/webhooks")]
    url: Option<String>,
    /// `soh_update`, `lifecycle_event`, `alert`, `telemetry`, `carbon_update`, `operation.completed`, `operation.failed`.
    #[schema(required)]
    events: Option<Vec<String>>,
    /// At least 16 characters.
    #[schema(required, example = "your_webhook_secret")]
    secret: Option<String>,
}

/// An endpoint as this family calls it.
fn told(endpoint: &Endpoint) -> Map<String, Value> {
    let mut told = Map::from_iter([
        ("webhookId".to_owned(), json!(endpoint.id)),
        ("url".to_owned(), json!(endpoint.url)),
    ]);
    told.extend(wire::standing(endpoint));
    told
}

/// Tells an endpoint of events from now on: of the batteries of the caller's organisation.
#[utoipa::path(post, path = "/webhooks", tag = "Webhooks", request_body = NewWebhook,
    responses(
        (status = 201, description = "`webhookId`, `url`, `events`, `created`.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
    ))]
pub(super) async fn webhook_create(
    State(app): State<App>,
    caller: Caller,
    Given(new): Given<NewWebhook>,
) -> Result<Response, Problem> {
    caller.may(Action::PassportWrite)?;
    let need = |field: &str| unfit(field, "has to be given");
    let url = new.url.ok_or_else(|| need("url"))?;
    let events = new.events.ok_or_else(|| need("events"))?;
    let secret = new.secret.ok_or_else(|| need("secret"))?;
    let notices = app.operations()?.notices();
    let made = notices.subscribe(caller.known(), url, events, Some(secret)).await.map_err(refusal)?;
    let location = format!("/battery-passport/v1/webhooks/{}", made.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(told(&made))).into_response())
}

/// Webhooks in the order in which they were made, those too that were disabled.
#[utoipa::path(get, path = "/webhooks", tag = "Webhooks",
    responses((status = 200, description = "`webhooks`, `total`.", body = Value)))]
pub(super) async fn webhook_list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may(Action::PassportWrite)?;
    let all = app.operations()?.notices().webhooks(caller.known()).map_err(refusal)?;
    let webhooks: Vec<_> = all.iter().map(|endpoint| told(endpoint)).collect();
    Ok(Json(json!({ "total": webhooks.len(), "webhooks": webhooks })))
}

/// A webhook, what waits for it, and what was given up.
#[utoipa::path(get, path = "/webhooks/{webhookId}", tag = "Webhooks",
    params(("webhookId" = String, Path, description = "`WH-001`")),
    responses((status = 200, description = "The webhook with `waiting` and `dead`.", body = Value),
        (status = 404, description = "NOT_FOUND", body = ErrorBody)))]
pub(super) async fn webhook_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::PassportWrite)?;
    let found = app.operations()?.notices().webhook(caller.known(), &id).await.map_err(refusal)?;
    let (endpoint, waiting, dead) = found;
    let mut body = told(&endpoint);
    body.extend(wire::deliveries(waiting, dead));
    Ok(Json(Value::Object(body)))
}

/// Ends a webhook; what waits for it is not sent.
#[utoipa::path(delete, path = "/webhooks/{webhookId}", tag = "Webhooks",
    params(("webhookId" = String, Path, description = "`WH-001`")),
    responses((status = 204, description = "Nothing is sent any more."),
        (status = 404, description = "NOT_FOUND", body = ErrorBody)))]
pub(super) async fn webhook_delete(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Action::PassportWrite)?;
    app.operations()?.notices().unsubscribe(caller.known(), &id).await.map_err(refusal)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Another secret.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SecretAsked {
    /// At least 16 characters; one is made and told once where there is none.
    secret: Option<String>,
}

/// Changes the secret; the one before signs as well for a day, in `X-Signature-Previous`.
#[utoipa::path(post, path = "/webhooks/{webhookId}/secret", tag = "Webhooks", request_body = SecretAsked,
    params(("webhookId" = String, Path, description = "`WH-001`")),
    responses((status = 200, description = "`webhookId`, `secret` where it was made here, `previousValidUntil`.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "NOT_FOUND", body = ErrorBody)))]
pub(super) async fn webhook_rotate(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Perhaps(asked): Perhaps<SecretAsked>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::PassportWrite)?;
    let changed = app.operations()?.notices().rotate(caller.known(), &id, asked.secret).await;
    let (secret, until) = changed.map_err(refusal)?;
    let mut body = json!({ "webhookId": id, "previousValidUntil": stamp(until) });
    if let Some(secret) = secret {
        body["secret"] = json!(secret);
    }
    Ok(Json(body))
}

/// Sends to a webhook again that was disabled, from the next event on.
#[utoipa::path(post, path = "/webhooks/{webhookId}/enable", tag = "Webhooks",
    params(("webhookId" = String, Path, description = "`WH-001`")),
    responses((status = 200, description = "The webhook.", body = Value),
        (status = 404, description = "NOT_FOUND", body = ErrorBody)))]
pub(super) async fn webhook_enable(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::PassportWrite)?;
    let notices = app.operations()?.notices();
    notices.enable(caller.known(), &id).await.map_err(refusal)?;
    let (endpoint, ..) = notices.webhook(caller.known(), &id).await.map_err(refusal)?;
    Ok(Json(Value::Object(told(&endpoint))))
}
