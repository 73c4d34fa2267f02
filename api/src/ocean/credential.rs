//! Credentials: keys for programs, tokens for devices.

use super::envelope::{ErrorBody, Meta, no, unfit};
use super::given::{Given, Shape, needed, text};
use super::wire::{known, seconds};
use crate::caller::Caller;
use crate::identity::Source;
use crate::problem::Problem;
use crate::server::App;
use crate::shown::NotKnown;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use host::identity::api_key::{FAMILY_PREFIX, NewApiKey};
use host::identity::device::DeviceLogin;
use host::identity::{Action, Scopes};
use host::plastic::{Flaw, PlasticError};
use host::platform::door::Kind;
use serde::{Deserialize, Serialize};
use serde_json::json;
use twin::time::{DAY_MS, HOUR_MS};
use utoipa::ToSchema;

/// How long a key is good where nobody says [days].
const KEY_DAYS: &str = "365d";

/// A key to be made.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewKey {
    #[schema(example = "Production API Key")]
    name: Option<String>,
    /// Scopes that the caller holds itself.
    scopes: Option<Vec<String>>,
    /// `365d`, `12h`, `30m`.
    #[schema(example = "365d")]
    expires_in: Option<String>,
}

impl Shape for NewKey {}

fn span_ms(text: &str) -> Option<i64> {
    let number: i64 = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;
    let unit = match text.chars().last()? {
        'd' => DAY_MS,
        'h' => HOUR_MS,
        'm' => 60_000,
        _ => return None,
    };
    let ms = number.checked_mul(unit)?;
    (ms > 0 && ms <= 3_660 * DAY_MS).then_some(ms)
}

/// Makes a key that acts for its maker; it is told once.
#[utoipa::path(post, path = "/auth/api-keys", tag = "Credentials", request_body = NewKey,
    responses((status = 201, description = "`apiKey`, `keyId`, `created`, `expiresAt`.", body = Value)))]
pub(super) async fn api_key_create(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Given(new): Given<NewKey>,
) -> Result<Response, Problem> {
    caller.may(Action::OwnKeys)?;
    let name = text("name", new.name)?;
    let scopes = needed(Flaw::Other, "scopes", new.scopes)?;
    let scopes = scopes
        .join(" ")
        .parse::<Scopes>()
        .map_err(|error| unfit(Flaw::Other, "scopes", format!("{error}")))?;
    let span = new.expires_in.as_deref().unwrap_or(KEY_DAYS);
    let span_ms = span_ms(span)
        .ok_or_else(|| unfit(Flaw::Other, "expiresIn", format!("{span:?} is no span as 365d, 12h, 30m")))?;
    let now = app.wall.now();
    let prefix = Some(FAMILY_PREFIX.to_owned());
    let new = NewApiKey { name, scopes, expires: Some(now + span_ms), prefix };
    let made = app.identity.add_api_key(caller.known(), new, now).await;
    let (key, secret) = made.map_err(|error| no(PlasticError::from(error)))?;
    let body = json!({
        "apiKey": secret.reveal(), "keyId": key.id, "created": seconds(key.created),
        "expiresAt": key.expires.map(seconds),
    });
    Ok(meta.said(StatusCode::CREATED, known(body)))
}

/// A device that shows its secret.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceAsked {
    #[schema(example = "IOT-DEV-001")]
    device_id: Option<String>,
    device_secret: Option<String>,
}

impl Shape for DeviceAsked {}

/// A token for a day, for a device that shows its secret.
#[utoipa::path(post, path = "/auth/device-token", tag = "Credentials", request_body = DeviceAsked, security(()),
    responses((status = 200, description = "`deviceToken`, `expiresIn`.", body = Value),
        (status = 401, description = "ERR_INVALID_TOKEN", body = ErrorBody),
        (status = 422, description = "ERR_VALIDATION", body = ErrorBody),
        (status = 429, description = "ERR_RATE_LIMIT", body = ErrorBody)))]
pub(super) async fn device_token_create(
    State(app): State<App>,
    Source(source): Source,
    meta: Meta,
    Given(asked): Given<DeviceAsked>,
) -> Result<Response, Problem> {
    let id = text("deviceId", asked.device_id)?;
    let secret = text("deviceSecret", asked.device_secret)?;
    let device = format!("{}/{id}", Kind::Vessel);
    let login = DeviceLogin { device: &device, secret: &secret, source: &source };
    let token = app.identity.device_token(login, app.wall.now()).await.map_err(NotKnown::from)?;
    let body = json!({ "deviceToken": token.token.reveal(), "expiresIn": token.expires_s });
    Ok(meta.said(StatusCode::OK, body))
}
