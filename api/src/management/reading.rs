//! What follows from a battery's readings.

use super::battery::found;
use super::envelope::ErrorBody;
use super::page::{Page, part};
use super::rounded;
use super::span::{Times, seconds, time};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use host::identity::Action;
use host::platform::ErrorKind;
use host::platform::fleet::{CellVoltage, ReadingRow};
use serde::{Deserialize, Serialize};
use twin::time::DAY_MS;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A reading; what the battery did not measure is null.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reading {
    #[schema(example = "2023-03-15T10:00:00Z")]
    time: String,
    /// Estimate of the twin [%].
    #[schema(example = 85.5)]
    state_of_charge: Option<f64>,
    /// [V]
    #[schema(example = 48.2)]
    pack_voltage: Option<f64>,
    /// Positive on discharge [A].
    #[schema(example = 10.5)]
    current: Option<f64>,
    /// [°C]
    #[schema(example = 35.0)]
    internal_temperature: Option<f64>,
    /// [°C]
    #[schema(example = 25.0)]
    ambient_temperature: Option<f64>,
    #[schema(example = 40.7128)]
    latitude: Option<f64>,
    #[schema(example = -74.006)]
    longitude: Option<f64>,
    /// [m]
    #[schema(example = 10.0)]
    altitude: Option<f64>,
    /// [km/h]
    #[schema(example = 30.0)]
    speed: Option<f64>,
    /// Positive on discharge [W].
    #[schema(example = 506.1)]
    power_output: Option<f64>,
    /// [1/h], 0 on discharge.
    #[schema(example = 0)]
    charge_rate: Option<f64>,
    /// [1/h], 0 on charge.
    #[schema(example = 0.1)]
    discharge_rate: Option<f64>,
}

impl From<ReadingRow> for Reading {
    fn from(row: ReadingRow) -> Self {
        let to = |value: Option<f64>, digits| value.map(|value| rounded(value, digits));
        Self {
            time: seconds(row.at),
            state_of_charge: to(row.soc.map(|soc| 100.0 * soc.clamp(0.0, 1.0)), 2),
            pack_voltage: to(row.voltage_v, 3),
            current: to(row.current_a, 3),
            internal_temperature: to(row.temperature_c, 2),
            ambient_temperature: to(row.ambient_c, 2),
            latitude: to(row.lat, 6),
            longitude: to(row.lon, 6),
            altitude: to(row.altitude_m, 1),
            speed: to(row.speed_kmh, 2),
            power_output: to(row.power_w, 2),
            charge_rate: to(row.charge_c, 4),
            discharge_rate: to(row.discharge_c, 4),
        }
    }
}

/// How much of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PartAsked {
    /// Readings of a page, 1 to 100; 20 where nobody says.
    limit: Option<String>,
    /// Readings before the page.
    offset: Option<String>,
}

/// Readings in the order of time; of the last 24 hours where no span is given.
#[utoipa::path(get, path = "/batteries/{batteryId}/readings", tag = "Battery Readings",
    params(("batteryId" = String, Path, description = "Any name of the battery."), Times, PartAsked),
    responses(
        (status = 200, description = "A page.", body = Page<Reading>),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn battery_readings(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    At(id): At<String>,
    Asked(times): Asked<Times>,
    Asked(asked): Asked<PartAsked>,
) -> Result<Json<Page<Reading>>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    let part = part(asked.limit.as_deref(), asked.offset.as_deref())?;
    let given = times.or_last(DAY_MS, app.platform.clock().now())?;
    let page = app.platform.fleet_readings(id, given.span(), part).await?;
    // A page that is read later is of the same span.
    let filters = format!("from={}&to={}", seconds(given.from), up_to(given.to));
    Ok(Json(Page::of(page, part, &uri, &filters, Reading::from)))
}

/// A last instant in whole seconds that leaves nothing out.
fn up_to(at: twin::time::Time) -> String {
    seconds(at + 999)
}

/// The latest reading.
#[utoipa::path(get, path = "/batteries/{batteryId}/latest-reading", tag = "Battery Readings",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "The reading.", body = Reading),
        (status = 404, description = "BATTERY_NOT_FOUND, READING_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn battery_latest(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Reading>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    let latest = app.platform.fleet_latest(id).await?;
    latest.map(|row| Json(row.into())).ok_or_else(|| no_reading("there is no reading yet"))
}

fn no_reading(why: &str) -> Problem {
    Problem::new(ErrorKind::Absent, why).coded(ErrorKind::Absent, "READING_NOT_FOUND")
}

/// Voltage of a cell.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cell {
    /// From 1 on.
    #[schema(example = 1)]
    cell_number: u32,
    /// [V]
    #[schema(example = 3.7)]
    voltage: f64,
}

impl From<CellVoltage> for Cell {
    fn from(cell: CellVoltage) -> Self {
        Self { cell_number: cell.cell, voltage: rounded(cell.voltage_v, 4) }
    }
}

/// When.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CellsAsked {
    /// Instant of the reading, to a second (ISO 8601).
    #[serde(rename = "readingTime")]
    #[param(example = "2023-03-15T10:00:00Z")]
    camel: Option<String>,
    /// The same as `readingTime`.
    #[serde(rename = "reading_time")]
    snake: Option<String>,
}

/// Voltages of all cells in the reading that is nearest, within a second.
#[utoipa::path(get, path = "/batteries/{batteryId}/cell-voltages", tag = "Battery Readings",
    params(("batteryId" = String, Path, description = "Any name of the battery."), CellsAsked),
    responses(
        (status = 200, description = "The cells.", body = Vec<Cell>),
        (status = 404, description = "BATTERY_NOT_FOUND, READING_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn battery_cells(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<CellsAsked>,
) -> Result<Json<Vec<Cell>>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    let text = asked.camel.or(asked.snake).ok_or_else(|| Problem::unfit("readingTime", "is missing"))?;
    let cells = app.platform.fleet_cells(id, time("readingTime", &text, false)?).await?;
    let cells = cells.ok_or_else(|| no_reading("there is no reading of cells within a second of that"))?;
    Ok(Json(cells.into_iter().map(Cell::from).collect()))
}

/// How far it went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Distance {
    battery_id: Uuid,
    /// [km]
    #[schema(example = 1500.5)]
    total_distance_km: f64,
}

/// How far a battery travelled.
#[utoipa::path(get, path = "/batteries/{batteryId}/total-distance", tag = "Batteries",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "The distance.", body = Distance),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn battery_distance(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Distance>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    let km = app.platform.fleet_distance_km(id).await?;
    Ok(Json(Distance { battery_id: id.0, total_distance_km: rounded(km, 3) }))
}

/// What it consumed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeanPower {
    battery_id: Uuid,
    /// Mean over the time of discharge [W]; null where it gave none.
    #[schema(example = 250.75)]
    avg_power_consumption: Option<f64>,
    #[schema(example = "2023-01-01T00:00:00Z")]
    start_time: String,
    #[schema(example = "2023-01-31T23:59:59Z")]
    end_time: String,
}

/// Mean power that a battery gave in a span.
#[utoipa::path(get, path = "/batteries/{batteryId}/avg-power-consumption", tag = "Batteries",
    params(("batteryId" = String, Path, description = "Any name of the battery."), Times),
    responses(
        (status = 200, description = "The power.", body = MeanPower),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn battery_mean_power(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(times): Asked<Times>,
) -> Result<Json<MeanPower>, Problem> {
    let id = found(&app, &caller, Action::FleetRead, &id).await?.id;
    let given = times.needed(("start_time", "end_time"))?;
    let watts = app.platform.fleet_mean_power_w(id, given.span()).await?;
    Ok(Json(MeanPower {
        battery_id: id.0,
        avg_power_consumption: watts.map(|watts| rounded(watts, 3)),
        start_time: seconds(given.from),
        end_time: seconds(given.to),
    }))
}
