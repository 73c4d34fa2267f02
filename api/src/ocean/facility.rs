//! Facilities: registered, and what they take in.

use super::device::ListAsked;
use super::envelope::{ErrorBody, Meta, no, unfit};
use super::given::{Given, Shape, needed, text};
use super::wire::{self, Spot, Weight, batch_id, instant, kg, seconds};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use host::identity::Action;
use host::plastic::{self, Arrival, Flaw};
use serde::{Deserialize, Serialize};
use serde_json::json;
use twin::plastic::station::Station;
use utoipa::ToSchema;

/// A facility to be registered.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct NewFacility {
    #[schema(example = "Seoul Plastic Sorting Center")]
    name: Option<String>,
    /// `receiving`, `sorting`, `processing`, `recycling` or `disposal`.
    #[schema(example = "sorting")]
    r#type: Option<String>,
    location: Option<Spot>,
    certifications: Option<Vec<String>>,
    capacity: Option<Capacity>,
}

impl Shape for NewFacility {}

/// What it works through.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct Capacity {
    daily: Option<Weight>,
}

/// Registers a facility.
#[utoipa::path(post, path = "/facilities", tag = "Facilities", request_body = NewFacility,
    responses((status = 201, description = "`facilityId`, `created`.", body = Value)))]
pub(super) async fn facility_create(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Given(new): Given<NewFacility>,
) -> Result<Response, Problem> {
    caller.may(Action::FacilityWrite)?;
    let sort = text("type", new.r#type)?;
    let station = Station::of_name(&sort).ok_or_else(|| {
        let known = Station::ALL.map(Station::name).join(", ");
        unfit(Flaw::Other, "type", format!("{sort:?} is none of {known}"))
    })?;
    let location = needed(Flaw::Place, "location", new.location)?;
    let capacity = needed(Flaw::Other, "capacity", new.capacity)?;
    let daily = needed(Flaw::Other, "capacity.daily", capacity.daily)?;
    let new = plastic::NewFacility {
        name: text("name", new.name)?,
        station,
        position: location.position("location")?,
        address: location.address,
        certifications: new.certifications.unwrap_or_default(),
        daily_kg: daily.kg("capacity.daily")?,
    };
    let facility = app.plastic()?.facility_create(caller.known(), new).await.map_err(no)?;
    let body = json!({ "facilityId": facility.id, "created": seconds(facility.created) });
    Ok(meta.said(StatusCode::CREATED, body))
}

/// Facilities in the order of their names; beyond the document.
#[utoipa::path(get, path = "/facilities", tag = "Facilities", params(ListAsked),
    responses((status = 200, description = "The facilities.", body = Value)))]
pub(super) async fn facility_list(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Asked(asked): Asked<ListAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::FacilityRead)?;
    let part = asked.part()?;
    let facilities = app.plastic()?.facility_list(caller.known()).await.map_err(no)?;
    let page = facilities.iter().skip(part.offset).take(part.limit);
    Ok(meta.listed(&page.map(|one| wire::facility(one)).collect::<Vec<_>>(), facilities.len(), part))
}

/// A facility; beyond the document.
#[utoipa::path(get, path = "/facilities/{facilityId}", tag = "Facilities",
    params(("facilityId" = String, Path, description = "`FAC-SORT-001`")),
    responses((status = 200, description = "The facility.", body = Value),
        (status = 404, description = "ERR_FACILITY_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn facility_view(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
) -> Result<Response, Problem> {
    caller.may(Action::FacilityRead)?;
    let facility = app.plastic()?.facility(caller.known(), &id).await.map_err(no)?;
    Ok(meta.said(StatusCode::OK, wire::facility(&facility)))
}

/// A batch that arrives.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceiveAsked {
    #[schema(example = "BATCH-2025-000001")]
    batch_id: Option<String>,
    #[schema(example = "2025-01-16T08:00:00Z")]
    arrival_time: Option<String>,
    inspection_notes: Option<String>,
    /// At the gate; a tenth more or less than on record at most.
    received_weight: Option<Weight>,
    transport_method: Option<String>,
    /// [km]
    distance: Option<f64>,
}

impl Shape for ReceiveAsked {}

/// Takes a batch in. It goes to the stage that the facility is for.
#[utoipa::path(post, path = "/facilities/{facilityId}/receive", tag = "Facilities", request_body = ReceiveAsked,
    params(("facilityId" = String, Path, description = "`FAC-SORT-001`")),
    responses((status = 200, description = "`received`, `nextStage`, `estimatedProcessingTime`, `queue`.", body = Value),
        (status = 404, description = "ERR_FACILITY_NOT_FOUND, ERR_BATCH_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "ERR_CONFLICT, ERR_INVALID_TRANSITION", body = ErrorBody)))]
pub(super) async fn facility_receive(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
    Given(asked): Given<ReceiveAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::FacilityWrite)?;
    let weighed = asked.received_weight.as_ref().map(|weight| weight.kg("receivedWeight")).transpose()?;
    let arrival = Arrival {
        batch: batch_id(&text("batchId", asked.batch_id)?)?,
        at: instant("arrivalTime", &text("arrivalTime", asked.arrival_time)?)?,
        weighed_kg: weighed,
        means: asked.transport_method,
        distance_km: asked.distance,
        notes: asked.inspection_notes,
    };
    let received = app.plastic()?.facility_receive(caller.known(), &id, arrival).await.map_err(no)?;
    let passage = received.passage;
    let body = json!({
        "received": true, "nextStage": received.next.status(),
        "estimatedProcessingTime": seconds(passage.done_at),
        "queue": { "batches": passage.queued, "weight": kg(passage.queued_kg) },
        "batchId": received.batch.batch.id.to_string(), "status": received.batch.batch.stage().status(),
    });
    Ok(meta.said(StatusCode::OK, body))
}
