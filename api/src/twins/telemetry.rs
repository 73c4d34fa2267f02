//! What devices report over HTTP: the same as over MQTT.

use super::reading;
use super::schema::ReadingBody;
use crate::body::{At, Body, Raw, instant};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::identity::Action;
use host::platform::door::Report;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// `POST /twins/{id}/telemetry`: one reading or an array; answered when they are durable.
#[utoipa::path(post, path = "/twins/{id}/telemetry", tag = "Telemetry", request_body(content = ReadingBody, description = "A reading, or an array of them."), params(("id" = String, Path, description = "Any name of the twin.")), responses((status = 202, description = "Kept: `accepted` says how many.", body = Object), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json"), (status = 410, description = "The twin was retired.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn telemetry_take(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Raw(body): Raw,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let record = app.twin(&caller, Action::TwinReport, &id).await?;
    let body = serde_json::from_slice(&body).map_err(|error| Problem::unfit("body", error.to_string()))?;
    let readings = reading::read(record.kind, body)?;
    let count = readings.len();
    app.platform.observe(record.id, Report::Readings(readings), &caller.name()).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "accepted": count }))))
}

/// An event of a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Happened {
    /// RFC 3339 or milliseconds; now where nothing is said.
    #[schema(value_type = Option<Value>)]
    ts: Option<Value>,
    event: String,
    #[serde(default)]
    #[schema(value_type = Value)]
    detail: Value,
}

/// `POST /twins/{id}/events`: an event of the device; answered when it is durable.
#[utoipa::path(post, path = "/twins/{id}/events", tag = "Telemetry", request_body = Happened, params(("id" = String, Path, description = "Any name of the twin.")), responses((status = 202, description = "Kept: `accepted` says how many.", body = Object), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json"), (status = 410, description = "The twin was retired.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn event_take(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(happened): Body<Happened>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let id = app.twin(&caller, Action::TwinReport, &id).await?.id;
    let at = match happened.ts {
        None => app.platform.clock().now(),
        Some(Value::String(text)) => instant("ts", &text)?,
        Some(other) => instant("ts", &other.to_string())?,
    };
    let report = Report::Event { at, event: happened.event, detail: happened.detail };
    app.platform.observe(id, report, &caller.name()).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "accepted": 1 }))))
}
