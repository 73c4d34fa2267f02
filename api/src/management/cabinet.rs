//! Swapping cabinets and their slots.

use super::envelope::{ErrorBody, cabinet_absent, slot_refused};
use super::page::{Page, one_of, part};
use super::rounded;
use super::span::{Times, seconds};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::edge::JsonBody;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use host::identity::Action;
use host::platform::TwinRecord;
use host::platform::door::Kind;
use host::platform::fleet::{self, CabinetStatus, Energy, SlotChange, SlotState};
use serde::{Deserialize, Deserializer, Serialize};
use twin::time::DAY_MS;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Span of a cabinet's metrics where nobody says.
const METRICS_MS: i64 = 30 * DAY_MS;

/// A swapping cabinet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cabinet {
    id: Uuid,
    #[schema(example = "Cabinet A")]
    name: String,
    #[schema(example = 40.7128)]
    latitude: Option<f64>,
    #[schema(example = -74.006)]
    longitude: Option<f64>,
    #[schema(example = "123 Main St, City, Country")]
    address: Option<String>,
    #[schema(example = 10)]
    total_slots: u32,
    /// Empty and healthy slots.
    #[schema(example = 5)]
    available_slots: u32,
    /// Slots with a battery that can be had.
    #[schema(example = 4)]
    ready_batteries: u32,
    /// `active`, `inactive` or `maintenance`.
    #[schema(example = "active")]
    status: &'static str,
    /// `grid`, `solar` or `hybrid`.
    #[schema(example = "grid")]
    power_source: String,
    #[schema(example = "2023-01-15")]
    last_maintenance_date: Option<String>,
}

impl From<fleet::Cabinet> for Cabinet {
    fn from(cabinet: fleet::Cabinet) -> Self {
        Self {
            id: cabinet.record.id.0,
            name: cabinet.name,
            latitude: cabinet.position.map(|position| position.0),
            longitude: cabinet.position.map(|position| position.1),
            address: cabinet.address,
            total_slots: cabinet.slots_total,
            available_slots: cabinet.slots_available,
            ready_batteries: cabinet.batteries_ready,
            status: cabinet.status.as_str(),
            power_source: cabinet.power_source,
            last_maintenance_date: cabinet.maintained_on,
        }
    }
}

/// The cabinet that a name leads to, for somebody who may do so to it.
pub(super) async fn found(
    app: &App,
    caller: &Caller,
    action: Action,
    name: &str,
) -> Result<TwinRecord, Problem> {
    app.twin_of(caller, action, Some(Kind::Cabinet), name).await.map_err(cabinet_absent)
}

/// Which cabinets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// `active`, `inactive` or `maintenance`.
    status: Option<String>,
    /// Cabinets of a page, 1 to 100; 20 where nobody says.
    limit: Option<String>,
    /// Cabinets before the page.
    offset: Option<String>,
}

/// Lists cabinets in the order of their names.
#[utoipa::path(get, path = "/swapping-cabinets", tag = "Swapping Cabinets", params(ListAsked),
    responses((status = 200, description = "A page.", body = Page<Cabinet>)))]
pub(super) async fn cabinet_list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<Page<Cabinet>>, Problem> {
    caller.may(Action::FleetRead)?;
    let part = part(asked.limit.as_deref(), asked.offset.as_deref())?;
    let status = |name: &str| one_of("status", name, &CabinetStatus::ALL, CabinetStatus::as_str);
    let status = asked.status.as_deref().map(status).transpose()?;
    let page = app.platform.cabinet_list(status, &caller.visibility(), part).await?;
    Ok(Json(Page::new(page, part, &uri, Cabinet::from)))
}

/// One cabinet.
#[utoipa::path(get, path = "/swapping-cabinets/{cabinetId}", tag = "Swapping Cabinets",
    params(("cabinetId" = String, Path, description = "Any name of the cabinet.")),
    responses(
        (status = 200, description = "The cabinet.", body = Cabinet),
        (status = 404, description = "CABINET_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn cabinet_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Cabinet>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    Ok(Json(app.platform.cabinet(id).await?.into()))
}

/// A slot of a cabinet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Slot {
    id: Uuid,
    #[schema(example = 1)]
    slot_number: u32,
    /// `empty`, `occupied`, `charging`, `ready`, `reserved`, `faulty` or `maintenance`.
    #[schema(example = "occupied")]
    status: &'static str,
    battery_id: Option<Uuid>,
    #[schema(example = "2023-03-15T10:00:00Z")]
    last_updated: String,
}

impl From<fleet::Slot> for Slot {
    fn from(slot: fleet::Slot) -> Self {
        Self {
            id: slot.id,
            slot_number: slot.number,
            status: slot.state.as_str(),
            battery_id: slot.battery.map(|battery| battery.0),
            last_updated: seconds(slot.since),
        }
    }
}

/// All slots of a cabinet.
#[utoipa::path(get, path = "/swapping-cabinets/{cabinetId}/slots", tag = "Swapping Cabinets",
    params(("cabinetId" = String, Path, description = "Any name of the cabinet.")),
    responses(
        (status = 200, description = "The slots, by number.", body = Vec<Slot>),
        (status = 404, description = "CABINET_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn slot_list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Vec<Slot>>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    let slots = app.platform.cabinet_slots(id, &caller.visibility()).await?;
    Ok(Json(slots.into_iter().map(Slot::from).collect()))
}

/// What a slot shall be.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChangedSlot {
    /// `empty`, `occupied`, `charging`, `ready`, `reserved`, `faulty` or `maintenance`.
    #[schema(example = "charging")]
    status: String,
    /// Any name of the battery in it; null where there is none. Left out, the one that is there stays.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    battery_id: Option<Option<String>>,
}

/// Tells a null from what is not there.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}

/// Sets a slot. What shall be charged, the cabinet's hardware is told by the command `charge_slot`.
#[utoipa::path(put, path = "/swapping-cabinets/{cabinetId}/slots/{slotId}", tag = "Swapping Cabinets",
    request_body = ChangedSlot,
    params(
        ("cabinetId" = String, Path, description = "Any name of the cabinet."),
        ("slotId" = String, Path, description = "Id or number of the slot."),
    ),
    responses(
        (status = 200, description = "The slot as it is now.", body = Slot),
        (status = 404, description = "CABINET_NOT_FOUND, SLOT_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "SLOT_CONFLICT", body = ErrorBody),
    ))]
pub(super) async fn slot_update(
    State(app): State<App>,
    caller: Caller,
    At((id, slot)): At<(String, String)>,
    JsonBody(changed): JsonBody<ChangedSlot>,
) -> Result<Json<Slot>, Problem> {
    let id = found(&app, &caller, Action::FleetWrite, &id).await?.id;
    let state = one_of("status", &changed.status, &SlotState::ALL, SlotState::as_str)?;
    let change = SlotChange { state, battery: changed.battery_id };
    let set = app.platform.slot_set(id, &slot, change, &caller.visibility(), &caller.name()).await;
    Ok(Json(set.map_err(slot_refused)?.into()))
}

/// What a cabinet achieved.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Metrics {
    #[schema(example = 100)]
    total_swaps: u64,
    #[schema(example = 500.5)]
    energy_consumed_kwh: f64,
    #[schema(example = 400.0)]
    grid_energy_kwh: f64,
    #[schema(example = 100.5)]
    solar_energy_kwh: f64,
    /// Hour of the cabinet's day with most swaps; null without swaps.
    #[schema(example = "18:00:00")]
    peak_usage_time: Option<String>,
    /// From a battery's coming to its being ready; null where none became ready.
    #[schema(example = 45.5)]
    average_charging_time_minutes: Option<f64>,
}

/// What a cabinet achieved in a span; in the last 30 days where none is given.
#[utoipa::path(get, path = "/swapping-cabinets/{cabinetId}/metrics", tag = "Swapping Cabinets",
    params(("cabinetId" = String, Path, description = "Any name of the cabinet."), Times),
    responses(
        (status = 200, description = "The figures.", body = Metrics),
        (status = 404, description = "CABINET_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn cabinet_metrics(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(times): Asked<Times>,
) -> Result<Json<Metrics>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    let given = times.or_last(METRICS_MS, app.platform.clock().now())?;
    let metrics = app.platform.cabinet_metrics(id, given.span()).await?;
    let energy = whole(metrics.energy);
    Ok(Json(Metrics {
        total_swaps: metrics.swaps,
        energy_consumed_kwh: energy.total_kwh,
        grid_energy_kwh: energy.grid_kwh,
        solar_energy_kwh: energy.solar_kwh,
        peak_usage_time: metrics.peak_hour.map(|hour| format!("{hour:02}:00:00")),
        average_charging_time_minutes: metrics.charging_min.map(|minutes| rounded(minutes, 2)),
    }))
}

/// Rounded so that the parts still make the whole.
fn whole(energy: Energy) -> Energy {
    let (total_kwh, solar_kwh) = (rounded(energy.total_kwh, 3), rounded(energy.solar_kwh, 3));
    Energy { total_kwh, solar_kwh, grid_kwh: rounded(total_kwh - solar_kwh, 3) }
}

/// Energy of all cabinets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Consumption {
    #[schema(example = 10000.5)]
    total_energy_kwh: f64,
    #[schema(example = 8000.0)]
    grid_energy_kwh: f64,
    #[schema(example = 2000.5)]
    solar_energy_kwh: f64,
    #[schema(example = "2023-01-01T00:00:00Z")]
    start_time: String,
    #[schema(example = "2023-03-31T23:59:59Z")]
    end_time: String,
}

/// Energy that all cabinets took in a span.
#[utoipa::path(get, path = "/swapping-cabinets/energy-consumption", tag = "Swapping Cabinets", params(Times),
    responses((status = 200, description = "The energy.", body = Consumption)))]
pub(super) async fn cabinet_energy(
    State(app): State<App>,
    caller: Caller,
    Asked(times): Asked<Times>,
) -> Result<Json<Consumption>, Problem> {
    caller.may(Action::FleetRead)?;
    let given = times.needed(("start_time", "end_time"))?;
    let energy = whole(app.platform.cabinets_energy(given.span(), &caller.visibility()).await?);
    Ok(Json(Consumption {
        total_energy_kwh: energy.total_kwh,
        grid_energy_kwh: energy.grid_kwh,
        solar_energy_kwh: energy.solar_kwh,
        start_time: seconds(given.from),
        end_time: seconds(given.to),
    }))
}
