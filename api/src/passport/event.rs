//! Events and history.

use super::envelope::{ErrorBody, refusal, unfit};
use super::found;
use super::given::Given;
use super::query;
use super::wire::{application, instant, percent, stamp};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::identity::Action;
use host::passport::record::EventRecord;
use host::passport::{Happened, NewEvent, WhichEvents};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use twin::passport::lifecycle::{EventKind, Stage};
use utoipa::{IntoParams, ToSchema};

/// Something that happened. Anything else that is said of it is kept with it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventBody {
    /// `quality_inspection`, `installation`, `soh_measurement`, `maintenance`, `relocation`, `ownership_transfer`,
    /// `second_life_conversion`, `end_of_life_declaration`, `recycling_complete` or `incident`.
    #[schema(required, example = "installation")]
    r#type: Option<String>,
    #[schema(required, example = "2025-01-12T09:00:00Z")]
    timestamp: Option<String>,
    #[schema(example = "Installed in electric vehicle")]
    description: Option<String>,
    /// What it is used for from then on.
    #[schema(example = "electric_vehicle")]
    application: Option<String>,
    #[serde(rename = "vehicleVIN")]
    #[schema(example = "VIN123456789ABCDEF")]
    vehicle_vin: Option<String>,
    /// Where a relocation leads: `in_storage` or `in_transit`.
    to_status: Option<String>,
    /// Whose it is from then on.
    new_owner: Option<String>,
    /// Whether this closes an incident.
    resolved: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    others: Map<String, Value>,
}

/// What is answered to an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventReceipt {
    #[schema(example = "EVT-2025-0003")]
    event_id: String,
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    #[schema(example = "installation")]
    r#type: &'static str,
    #[schema(example = "2025-01-12T09:00:00Z")]
    timestamp: String,
    #[schema(example = "2025-01-12T09:05:00Z")]
    recorded: String,
    /// Hash of the event in the chain of all facts.
    blockchain_hash: String,
    /// What the hash is of.
    #[schema(example = "local-hash-chain")]
    ledger: &'static str,
    /// Where in its life the battery is now.
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl From<Happened> for EventReceipt {
    fn from(done: Happened) -> Self {
        Self {
            event_id: done.event.id,
            battery_id: done.passport.battery_id,
            r#type: done.event.kind.as_str(),
            timestamp: stamp(done.event.at),
            recorded: stamp(done.event.recorded_at),
            blockchain_hash: done.hash,
            ledger: "local-hash-chain",
            status: done.passport.lifecycle.stage.as_str(),
            warnings: done.warnings,
        }
    }
}

impl EventBody {
    fn event(self) -> Result<NewEvent, Problem> {
        let kind = query::named::<EventKind>("type", self.r#type.as_deref())?;
        let kind = kind.ok_or_else(|| unfit("type", "has to be given"))?;
        let at = instant("timestamp", self.timestamp.as_deref())?;
        let at = at.ok_or_else(|| unfit("timestamp", "has to be given"))?;
        let mut attributes = self.others;
        let mut keep = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), value);
            }
        };
        keep("application", self.application.clone().map(Value::from));
        keep("vehicleVIN", self.vehicle_vin.clone().map(Value::from));
        keep("newOwner", self.new_owner.clone().map(Value::from));
        keep("resolved", self.resolved.map(Value::from));
        Ok(NewEvent {
            kind,
            at,
            description: self.description,
            application: self
                .application
                .as_deref()
                .map(|name| application("application", name))
                .transpose()?,
            vehicle_vin: self.vehicle_vin,
            to: query::named::<Stage>("toStatus", self.to_status.as_deref())?,
            new_owner: self.new_owner,
            resolved: self.resolved.unwrap_or(false),
            attributes,
        })
    }
}

/// Records an event for somebody who may.
pub(super) async fn tracked(
    app: &App,
    caller: &Caller,
    id: &str,
    body: EventBody,
) -> Result<EventReceipt, Problem> {
    found(app, caller, Action::PassportWrite, id).await?;
    let event = body.event()?;
    let done = app.passports.happen(id, &caller.visibility(), &event, &caller.name()).await;
    Ok(done.map_err(refusal)?.into())
}

/// Records that something happened to a battery.
#[utoipa::path(post, path = "/batteries/{batteryId}/events", tag = "Lifecycle", request_body = EventBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 201, description = "Recorded.", body = EventReceipt),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "INVALID_STATE", body = ErrorBody),
    ))]
pub(super) async fn event_track(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<EventBody>,
) -> Result<(StatusCode, Json<EventReceipt>), Problem> {
    Ok((StatusCode::CREATED, Json(tracked(&app, &caller, &id, body).await?)))
}

/// Which part of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryAsked {
    from: Option<String>,
    to: Option<String>,
    /// Events of this type only.
    r#type: Option<String>,
}

fn event(record: &EventRecord) -> Value {
    let mut told = Map::new();
    for (name, value) in &record.attributes {
        told.insert(name.clone(), value.clone());
    }
    told.insert("eventId".to_owned(), json!(record.id));
    told.insert("type".to_owned(), json!(record.kind));
    told.insert("timestamp".to_owned(), json!(stamp(record.at)));
    told.insert("recorded".to_owned(), json!(stamp(record.recorded_at)));
    if let Some(description) = &record.description {
        told.insert("description".to_owned(), json!(description));
    }
    Value::Object(told)
}

/// What happened to a battery, and its health over time.
#[utoipa::path(get, path = "/batteries/{batteryId}/lifecycle", tag = "Lifecycle",
    params(("batteryId" = String, Path, description = "Any name of the battery."), HistoryAsked),
    responses(
        (status = 200, description = "`events` and `sohHistory`, in the order of time.", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn lifecycle_history(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<HistoryAsked>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRead, &id).await?;
    let which = WhichEvents {
        from: query::bound("from", asked.from.as_deref(), false)?,
        to: query::bound("to", asked.to.as_deref(), true)?,
        kind: query::named("type", asked.r#type.as_deref())?,
    };
    let told = app.passports.history(&id, &caller.visibility(), &which).await.map_err(refusal)?;
    let (passport, events, points) = told;
    Ok(Json(json!({
        "batteryId": passport.battery_id,
        "events": events.iter().map(event).collect::<Vec<_>>(),
        "sohHistory": points.iter().map(|point| json!({
            "timestamp": stamp(point.at), "stateOfHealth": percent(point.soh), "cycleCount": point.cycles as u64,
            "measurementMethod": point.method,
        })).collect::<Vec<_>>(),
    })))
}
