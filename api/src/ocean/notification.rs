//! Notifications: who is told of what, and whether it is taken.

use super::envelope::{ErrorBody, Meta, Part, no};
use super::given::{Given, Shape, needed, text};
use super::wire::{known, seconds};
use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use crate::webhook::wire;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host::identity::Action;
use host::plastic::Flaw;
use host::webhook::Endpoint;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Where to, for what.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct NewSubscription {
    /// `batch.created`, `batch.status_changed`, `batch.completed`, `device.online`, `device.offline`, `facility.received`.
    events: Option<Vec<String>>,
    #[schema(example = "https://yourapp.com/webhooks")]
    endpoint: Option<String>,
    /// At least 16 characters.
    #[schema(example = "your_webhook_secret")]
    secret: Option<String>,
}

impl Shape for NewSubscription {}

fn told(endpoint: &Endpoint) -> Map<String, Value> {
    let mut told = Map::from_iter([
        ("subscriptionId".to_owned(), json!(endpoint.id)),
        ("endpoint".to_owned(), json!(endpoint.url)),
    ]);
    told.extend(wire::standing(endpoint));
    told
}

/// Tells an endpoint of events from now on.
#[utoipa::path(post, path = "/notifications/subscribe", tag = "Notifications", request_body = NewSubscription,
    responses((status = 201, description = "`subscriptionId`, `created`.", body = Value)))]
pub(super) async fn subscription_create(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Given(new): Given<NewSubscription>,
) -> Result<Response, Problem> {
    caller.may(Action::NotificationWrite)?;
    let events = needed(Flaw::Other, "events", new.events)?;
    let url = text("endpoint", new.endpoint)?;
    let secret = text("secret", new.secret)?;
    let made = app.plastic()?.subscribe(caller.known(), url, events, Some(secret)).await;
    let (endpoint, _) = made.map_err(no)?;
    let body = json!({ "subscriptionId": endpoint.id, "created": seconds(endpoint.created) });
    Ok(meta.said(StatusCode::CREATED, body))
}

/// Subscriptions in the order in which they were made; beyond the document.
#[utoipa::path(get, path = "/notifications", tag = "Notifications",
    responses((status = 200, description = "The subscriptions, those that were disabled too.", body = Value)))]
pub(super) async fn subscription_list(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
) -> Result<Response, Problem> {
    caller.may(Action::NotificationRead)?;
    let all = app.plastic()?.subscriptions(caller.known()).map_err(no)?;
    let part = Part { limit: all.len().max(1), offset: 0 };
    Ok(meta.listed(
        &all.iter().map(|endpoint| Value::Object(told(endpoint))).collect::<Vec<_>>(),
        all.len(),
        part,
    ))
}

/// A subscription, what waits for it, and what was given up; beyond the document.
#[utoipa::path(get, path = "/notifications/{subscriptionId}", tag = "Notifications",
    params(("subscriptionId" = String, Path, description = "`SUB-001`")),
    responses((status = 200, description = "The subscription with `waiting` and `dead`.", body = Value),
        (status = 404, description = "ERR_SUBSCRIPTION_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn subscription_view(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
) -> Result<Response, Problem> {
    caller.may(Action::NotificationRead)?;
    let (endpoint, waiting, dead) = app.plastic()?.subscription(caller.known(), &id).await.map_err(no)?;
    let mut body = told(&endpoint);
    body.extend(wire::deliveries(waiting, dead));
    Ok(meta.said(StatusCode::OK, Value::Object(body)))
}

/// Ends a subscription; beyond the document.
#[utoipa::path(delete, path = "/notifications/{subscriptionId}", tag = "Notifications",
    params(("subscriptionId" = String, Path, description = "`SUB-001`")),
    responses((status = 204, description = "Nothing is sent any more."),
        (status = 404, description = "ERR_SUBSCRIPTION_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn subscription_delete(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Response, Problem> {
    caller.may(Action::NotificationWrite)?;
    app.plastic()?.unsubscribe(caller.known(), &id).await.map_err(no)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Another secret.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct SecretAsked {
    /// At least 16 characters; one is made and told once where there is none.
    secret: Option<String>,
}

impl Shape for SecretAsked {}

/// Changes the secret; the one before signs as well for a day, in `X-Signature-Previous`. Beyond the document.
#[utoipa::path(post, path = "/notifications/{subscriptionId}/secret", tag = "Notifications", request_body = SecretAsked,
    params(("subscriptionId" = String, Path, description = "`SUB-001`")),
    responses((status = 200, description = "`subscriptionId`, `secret` where it was made here, `previousValidUntil`.", body = Value),
        (status = 404, description = "ERR_SUBSCRIPTION_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn subscription_rotate(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
    Given(asked): Given<SecretAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::NotificationWrite)?;
    let changed = app.plastic()?.subscription_rotate(caller.known(), &id, asked.secret).await;
    let (secret, until) = changed.map_err(no)?;
    let body = json!({ "subscriptionId": id, "secret": secret, "previousValidUntil": seconds(until) });
    Ok(meta.said(StatusCode::OK, known(body)))
}

/// Sends to a subscription again that was disabled; beyond the document.
#[utoipa::path(post, path = "/notifications/{subscriptionId}/enable", tag = "Notifications",
    params(("subscriptionId" = String, Path, description = "`SUB-001`")),
    responses((status = 200, description = "The subscription.", body = Value),
        (status = 404, description = "ERR_SUBSCRIPTION_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn subscription_enable(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
) -> Result<Response, Problem> {
    caller.may(Action::NotificationWrite)?;
    let plastic = app.plastic()?;
    plastic.subscription_enable(caller.known(), &id).await.map_err(no)?;
    let (endpoint, ..) = plastic.subscription(caller.known(), &id).await.map_err(no)?;
    Ok(meta.said(StatusCode::OK, Value::Object(told(&endpoint))))
}
