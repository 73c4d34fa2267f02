//! Batteries: list, register, look, change.

use super::envelope::{ErrorBody, battery_absent, code_taken};
use super::page::{Page, one_of, part};
use super::rounded;
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::edge::JsonBody;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use host::identity::Action;
use host::platform::TwinRecord;
use host::platform::door::Kind;
use host::platform::fleet::{BatteryStatus, FleetBattery, FleetChange, NewFleetBattery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A battery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Battery {
    id: Uuid,
    #[schema(example = "BAT001")]
    battery_code: String,
    #[schema(example = "Battery 1")]
    name: Option<String>,
    #[schema(example = "Model X")]
    model: Option<String>,
    #[schema(example = "Manufacturer A")]
    manufacturer: Option<String>,
    #[schema(example = "Lithium-ion")]
    battery_type: Option<String>,
    /// Rated energy [Wh].
    #[schema(example = 5000)]
    capacity_wh: Option<f64>,
    /// Nominal voltage [V].
    #[schema(example = 48)]
    nominal_voltage: Option<f64>,
    /// Highest rate of charge [1/h].
    #[schema(example = 2)]
    max_charge_rate: Option<f64>,
    /// Highest rate of discharge [1/h].
    #[schema(example = 3)]
    max_discharge_rate: Option<f64>,
    /// Full equivalent cycles.
    #[schema(example = 100)]
    total_cycles: u64,
    #[schema(example = "2023-01-01")]
    manufacturing_date: Option<String>,
    /// `active`, `inactive`, `charging`, `discharging` or `maintenance`.
    #[schema(example = "active")]
    status: &'static str,
}

impl From<FleetBattery> for Battery {
    fn from(battery: FleetBattery) -> Self {
        let name = battery.record.name.clone();
        Self {
            id: battery.record.id.0,
            battery_code: battery.code,
            name,
            model: battery.model,
            manufacturer: battery.manufacturer,
            battery_type: battery.battery_type,
            capacity_wh: battery.capacity_wh.map(|wh| rounded(wh, 3)),
            nominal_voltage: battery.voltage_nominal_v.map(|volts| rounded(volts, 3)),
            max_charge_rate: battery.charge_max_c,
            max_discharge_rate: battery.discharge_max_c,
            total_cycles: battery.total_cycles,
            manufacturing_date: battery.manufactured_on,
            status: battery.status.as_str(),
        }
    }
}

/// The battery that a name leads to, for somebody who may do so to it.
pub(super) async fn found(
    app: &App,
    caller: &Caller,
    action: Action,
    name: &str,
) -> Result<TwinRecord, Problem> {
    app.twin_of(caller, action, Some(Kind::Battery), name).await.map_err(battery_absent)
}

fn status(name: &str) -> Result<BatteryStatus, Problem> {
    one_of("status", name, &BatteryStatus::ALL, BatteryStatus::as_str)
}

/// Which batteries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// `active`, `inactive`, `charging`, `discharging` or `maintenance`.
    status: Option<String>,
    /// Batteries of a page, 1 to 100; 20 where nobody says.
    limit: Option<String>,
    /// Batteries before the page.
    offset: Option<String>,
}

/// Lists batteries in the order of their codes.
#[utoipa::path(get, path = "/batteries", tag = "Batteries", params(ListAsked),
    responses((status = 200, description = "A page.", body = Page<Battery>)))]
pub(super) async fn battery_list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<Page<Battery>>, Problem> {
    caller.may(Action::FleetRead)?;
    let part = part(asked.limit.as_deref(), asked.offset.as_deref())?;
    let status = asked.status.as_deref().map(status).transpose()?;
    let page = app.platform.fleet_list(status, &caller.visibility(), part).await?;
    Ok(Json(Page::new(page, part, &uri, Battery::from)))
}

/// A battery that is to be registered.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewBattery {
    /// The name that it goes by, and that its hardware logs in with.
    #[schema(example = "BAT002")]
    battery_code: String,
    #[schema(example = "Battery 2")]
    name: String,
    #[schema(example = "Model Y")]
    model: String,
    #[schema(example = "Manufacturer B")]
    manufacturer: String,
    #[schema(example = "Lithium-polymer")]
    battery_type: String,
    #[schema(example = 6000)]
    capacity_wh: f64,
    #[schema(example = 52)]
    nominal_voltage: f64,
    #[schema(example = 2.5)]
    max_charge_rate: f64,
    #[schema(example = 3.5)]
    max_discharge_rate: f64,
    #[schema(example = "2023-02-15")]
    manufacturing_date: String,
}

/// Registers a battery.
#[utoipa::path(post, path = "/batteries", tag = "Batteries", request_body = NewBattery,
    responses(
        (status = 201, description = "Registered.", body = Battery),
        (status = 409, description = "DUPLICATE_BATTERY_CODE", body = ErrorBody),
    ))]
pub(super) async fn battery_create(
    State(app): State<App>,
    caller: Caller,
    JsonBody(new): JsonBody<NewBattery>,
) -> Result<Response, Problem> {
    caller.may(Action::FleetWrite)?;
    let new = NewFleetBattery {
        code: new.battery_code,
        name: new.name,
        model: new.model,
        manufacturer: new.manufacturer,
        battery_type: new.battery_type,
        capacity_wh: new.capacity_wh,
        voltage_nominal_v: new.nominal_voltage,
        charge_max_c: new.max_charge_rate,
        discharge_max_c: new.max_discharge_rate,
        manufactured_on: new.manufacturing_date,
    };
    let organisation = caller.known().organisation.clone();
    let made = app.platform.fleet_register(new, organisation, &caller.name()).await.map_err(code_taken)?;
    let location = format!("/v1/batteries/{}", made.record.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(Battery::from(made))).into_response())
}

/// One battery.
#[utoipa::path(get, path = "/batteries/{batteryId}", tag = "Batteries",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "The battery.", body = Battery),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn battery_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Battery>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    Ok(Json(app.platform.fleet_battery(id).await?.into()))
}

/// What is to be changed; what is not there stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChangedBattery {
    battery_code: Option<String>,
    name: Option<String>,
    model: Option<String>,
    manufacturer: Option<String>,
    battery_type: Option<String>,
    capacity_wh: Option<f64>,
    nominal_voltage: Option<f64>,
    max_charge_rate: Option<f64>,
    max_discharge_rate: Option<f64>,
    manufacturing_date: Option<String>,
    /// Not less than there were.
    #[schema(example = 101)]
    total_cycles: Option<u64>,
    /// `active`, `inactive`, `charging`, `discharging` or `maintenance`.
    #[schema(example = "charging")]
    status: Option<String>,
}

/// Changes a battery.
#[utoipa::path(put, path = "/batteries/{batteryId}", tag = "Batteries", request_body = ChangedBattery,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "The battery as it is now.", body = Battery),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "DUPLICATE_BATTERY_CODE", body = ErrorBody),
    ))]
pub(super) async fn battery_update(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    JsonBody(changed): JsonBody<ChangedBattery>,
) -> Result<Json<Battery>, Problem> {
    let id = found(&app, &caller, Action::FleetWrite, &id).await?.id;
    let change = FleetChange {
        code: changed.battery_code,
        name: changed.name,
        model: changed.model,
        manufacturer: changed.manufacturer,
        battery_type: changed.battery_type,
        capacity_wh: changed.capacity_wh,
        voltage_nominal_v: changed.nominal_voltage,
        charge_max_c: changed.max_charge_rate,
        discharge_max_c: changed.max_discharge_rate,
        manufactured_on: changed.manufacturing_date,
        total_cycles: changed.total_cycles,
        status: changed.status.as_deref().map(status).transpose()?,
    };
    let changed = app.platform.fleet_change(id, change, &caller.name()).await.map_err(code_taken)?;
    Ok(Json(changed.into()))
}
