//! Batteries: what they are, how they stand, what they measured, how long they will last.

use super::access::{allowed, battery};
use super::envelope::{ErrorBody, ruled_of};
use super::given::{LIST, part};
use super::wire::{Telemetry, moment, rounded, stamp};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::PlatformError;
use host::platform::monitor::Watched;
use serde::{Deserialize, Serialize};
use twin::time::DAY_MS;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Points of a time series: usual, and the most.
const POINTS: (u64, u64) = (1_000, 10_000);

/// A battery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatteryBody {
    battery_id: String,
    serial_number: Option<String>,
    /// Its number in its string.
    position: Option<u32>,
    manufacturer: Option<String>,
    model: Option<String>,
    nominal_voltage_v: Option<f64>,
    nominal_capacity_ah: Option<f64>,
    #[schema(format = Date)]
    installed_date: String,
    warranty_months: Option<u32>,
    string_id: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    latest_telemetry: Option<Telemetry>,
    /// `healthy`, `warning`, `critical`, or `unknown` without a reading within fifteen minutes.
    status: &'static str,
    active_alerts: usize,
}

impl From<&Watched> for BatteryBody {
    fn from(battery: &Watched) -> Self {
        Self {
            battery_id: battery.name.clone(),
            serial_number: battery.serial.clone(),
            position: battery.mounting.position,
            manufacturer: battery.manufacturer.clone(),
            model: battery.model.clone(),
            nominal_voltage_v: battery.voltage_nominal_v.map(|v| rounded(v, 3)),
            nominal_capacity_ah: battery.capacity_ah.map(|ah| rounded(ah, 3)),
            installed_date: battery.installed_on(),
            warranty_months: battery.warranty_months,
            string_id: battery.mounting.string_id,
            created_at: stamp(battery.record.created_at),
            updated_at: stamp(battery.record.changed_at),
            latest_telemetry: battery.latest.as_ref().map(Telemetry::from),
            status: battery.standing.as_str(),
            active_alerts: battery.alerts,
        }
    }
}

/// Batteries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatteryPage {
    pub(super) batteries: Vec<BatteryBody>,
    pub(super) total: usize,
}

/// Which batteries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// Of this place.
    location_id: Option<String>,
    /// Batteries to leave out at the beginning.
    skip: Option<u64>,
    /// 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Batteries with their last readings, in the order of their ids.
#[utoipa::path(
    get, path = "/batteries", tag = "Batteries", params(ListAsked), responses((status = 200, body = BatteryPage)),
)]
pub(super) async fn battery_list(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<BatteryPage>, Problem> {
    allowed(&caller, Action::MonitorRead)?;
    let (skip, limit) = part(asked.skip, asked.limit, LIST)?;
    let place = asked.location_id.as_deref();
    let (batteries, total) = app.platform.watched_list(place, &caller.visibility(), skip, limit).await?;
    Ok(Json(BatteryPage { batteries: batteries.iter().map(BatteryBody::from).collect(), total }))
}

/// A battery with all around it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatteryDetail {
    #[serde(flatten)]
    battery: BatteryBody,
    age_days: Option<i64>,
    is_in_warranty: bool,
    string_info: Option<StringInfo>,
    location_info: Option<LocationInfo>,
    /// Days until the capacity is at the end of life: as likely more as less. Nothing where there is no forecast.
    rul_days: Option<f64>,
    /// At least so many with a probability of nine tenths.
    rul_low: Option<f64>,
    /// At least so many with a probability of one tenth.
    rul_high: Option<f64>,
}

/// The string that a battery is in.
#[derive(Debug, Serialize, ToSchema)]
struct StringInfo {
    /// Its name for people.
    string_id: String,
    /// Its number in its system.
    position: Option<u32>,
}

/// The place that a battery is at.
#[derive(Debug, Serialize, ToSchema)]
struct LocationInfo {
    location_id: String,
    name: String,
}

/// One battery.
#[utoipa::path(
    get, path = "/batteries/{battery_id}", tag = "Batteries",
    params(("battery_id" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, body = BatteryDetail),
        (status = 404, body = ErrorBody, description = "Battery not found."),
    ),
)]
pub(super) async fn battery_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<BatteryDetail>, Problem> {
    let record = battery(&app, &caller, Action::MonitorRead, &id).await?;
    let seen = app.platform.watched(record.id).await.map_err(ruled_of("Battery", &id))?;
    let life = seen.life(app.platform.clock().now());
    let rul = match app.platform.forecast(&record).await {
        Ok(rul) => Some(rul),
        Err(PlatformError::Unforeseen { .. }) => None,
        Err(error) => return Err(ruled_of("Battery", &id)(error)),
    };
    let place = match &seen.mounting.place {
        Some(name) => app.platform.place(name, &caller.visibility()).await.ok(),
        None => None,
    };
    let location_info = place.map(|place| LocationInfo {
        name: place.record.name.unwrap_or_else(|| place.name.clone()),
        location_id: place.name,
    });
    let string_info = seen
        .mounting
        .string
        .clone()
        .map(|string_id| StringInfo { string_id, position: seen.mounting.string_position });
    let days = |of: fn(&host::platform::LifeSight) -> f64| rul.as_ref().map(|rul| rounded(of(rul), 1));
    Ok(Json(BatteryDetail {
        battery: BatteryBody::from(&seen),
        age_days: life.age_days,
        is_in_warranty: life.is_in_warranty,
        string_info,
        location_info,
        rul_days: days(|rul| rul.p50),
        rul_low: days(|rul| rul.p10),
        rul_high: days(|rul| rul.p90),
    }))
}

/// Of what time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TelemetryAsked {
    /// First instant; a day before the end where nothing is said.
    start: Option<String>,
    /// Last instant; now where nothing is said.
    end: Option<String>,
    /// 1 to 10000, the newest of the time; 1000 where nothing is said.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<u64>,
}

/// What a battery measured.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TelemetryPage {
    battery_id: String,
    #[schema(format = DateTime)]
    start: String,
    #[schema(format = DateTime)]
    end: String,
    data: Vec<Telemetry>,
    /// Points in `data`.
    count: usize,
    /// Points in the whole time.
    total: usize,
}

/// Readings over time, in order; the newest where there are more than the limit.
#[utoipa::path(
    get, path = "/batteries/{battery_id}/telemetry", tag = "Batteries",
    params(("battery_id" = String, Path, description = "Any name of the battery."), TelemetryAsked),
    responses(
        (status = 200, body = TelemetryPage),
        (status = 404, body = ErrorBody, description = "Battery not found."),
    ),
)]
pub(super) async fn battery_telemetry(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    asked: Result<Asked<TelemetryAsked>, Problem>,
) -> Result<Json<TelemetryPage>, Problem> {
    let record = battery(&app, &caller, Action::MonitorRead, &id).await?;
    let Asked(asked) = asked?;
    let (_, limit) = part(None, asked.limit, POINTS)?;
    let now = app.platform.clock().now();
    let end = asked.end.as_deref().map_or(Ok(now), |text| moment("end", text, true))?;
    let start = asked.start.as_deref().map_or(Ok(end + -DAY_MS), |text| moment("start", text, false))?;
    let readout = app.platform.readout(record.id, (start, end), limit).await?;
    let data: Vec<Telemetry> = readout.samples.iter().map(Telemetry::from).collect();
    Ok(Json(TelemetryPage {
        battery_id: record.device_name(),
        start: stamp(start),
        end: stamp(end),
        count: data.len(),
        data,
        total: readout.total,
    }))
}
