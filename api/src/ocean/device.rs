//! Devices: registered, heard, looked at.

use super::envelope::{ErrorBody, Meta, Part, no, unfit};
use super::given::{Given, Shape, needed, text};
use super::wire::{self, instant, seconds};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use host::identity::Action;
use host::plastic::{self, Flaw, SensorReport};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

/// Most groups of figures of a report.
const GROUPS_MAX: usize = 32;

/// A device to be registered.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewDevice {
    #[schema(example = "IOT-DEV-001")]
    device_id: Option<String>,
    /// `vessel_tracker`, `beach_station`, `river_trap`, `drone` or `handheld`.
    #[schema(example = "vessel_tracker")]
    device_type: Option<String>,
    #[schema(example = "ORG-CLEANUP-001")]
    organization_id: Option<String>,
    /// `gps`, `weight`, `environmental`, `camera`.
    sensors: Option<Vec<String>>,
    /// Anything: `vesselName`, `maxCapacity` [kg], `swathM` [m], `firmware` are understood.
    #[schema(value_type = Option<Value>)]
    metadata: Option<Map<String, Value>>,
}

impl Shape for NewDevice {}

/// Registers a device; its secret is told once.
#[utoipa::path(post, path = "/devices", tag = "Devices", request_body = NewDevice,
    responses((status = 201, description = "`deviceId`, `deviceSecret`, `registered`.", body = Value),
        (status = 409, description = "ERR_CONFLICT: it is registered already.", body = ErrorBody)))]
pub(super) async fn device_create(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Given(new): Given<NewDevice>,
) -> Result<Response, Problem> {
    caller.may(Action::DeviceWrite)?;
    let new = plastic::NewDevice {
        id: text("deviceId", new.device_id)?,
        sort: text("deviceType", new.device_type)?,
        organisation_id: text("organizationId", new.organization_id)?,
        sensors: needed(Flaw::Other, "sensors", new.sensors)?,
        metadata: new.metadata.unwrap_or_default(),
    };
    let (device, secret) = app.plastic()?.device_create(caller.known(), new).await.map_err(no)?;
    let body = json!({
        "deviceId": device.id, "deviceSecret": secret.reveal(), "registered": seconds(device.registered),
    });
    Ok(meta.said(StatusCode::CREATED, body))
}

/// How much of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// 1 to 500; 50 where nobody says.
    limit: Option<String>,
    offset: Option<String>,
}

impl ListAsked {
    pub(super) fn part(&self) -> Result<Part, Problem> {
        Part::read(self.limit.as_deref(), self.offset.as_deref())
    }
}

/// Devices in the order of their names; beyond the document.
#[utoipa::path(get, path = "/devices", tag = "Devices", params(ListAsked),
    responses((status = 200, description = "The devices as they were registered.", body = Value)))]
pub(super) async fn device_list(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Asked(asked): Asked<ListAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::DeviceRead)?;
    let part = asked.part()?;
    let devices = app.plastic()?.device_list(caller.known()).await.map_err(no)?;
    let page = devices.iter().skip(part.offset).take(part.limit).map(|device| {
        json!({
            "deviceId": device.id, "deviceType": device.sort, "organizationId": device.organisation_id,
            "sensors": device.sensors, "metadata": device.metadata, "registered": seconds(device.registered),
        })
    });
    Ok(meta.listed(&page.collect::<Vec<_>>(), devices.len(), part))
}

/// What a device measured.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct SensorsAsked {
    #[schema(example = "2025-01-15T10:30:00Z")]
    timestamp: Option<String>,
    sensors: Option<Vec<SensorAsked>>,
}

impl Shape for SensorsAsked {}

/// Figures of one sensor.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct SensorAsked {
    /// `gps`, `weight`, `environmental`, `battery` or `camera`.
    #[schema(example = "gps")]
    r#type: Option<String>,
    data: Option<Value>,
}

/// Fields of a sensor, the metrics that they are, and what they can be.
type Fields = &'static [(&'static str, &'static str, f64, f64)];

const GPS: Fields = &[
    ("latitude", "lat", -90.0, 90.0),
    ("longitude", "lon", -180.0, 180.0),
    ("speed", "speed_kmh", 0.0, 500.0),
    ("heading", "heading_deg", -360.0, 360.0),
    ("accuracy", "accuracy_m", 0.0, 1e6),
];
const WEIGHT: Fields = &[("currentWeight", "hold_kg", 0.0, 1e9)];
const WATER: Fields = &[
    ("waterTemperature", "water_c", -10.0, 100.0),
    ("salinity", "salinity_psu", 0.0, 400.0),
    ("pH", "ph", 0.0, 14.0),
    ("turbidity", "turbidity_ntu", 0.0, 1e5),
];
const BATTERY: Fields = &[("level", "tracker_pct", 0.0, 100.0), ("voltage", "tracker_v", 0.0, 1e3)];

impl SensorsAsked {
    fn read(self) -> Result<(SensorReport, Option<f64>), Problem> {
        let at = instant("timestamp", &text("timestamp", self.timestamp)?)?;
        let groups = needed(Flaw::Other, "sensors", self.sensors)?;
        if groups.is_empty() || groups.len() > GROUPS_MAX {
            return Err(unfit(Flaw::Other, "sensors", format!("must be 1 to {GROUPS_MAX}")));
        }
        let (mut values, mut said, mut full): (Vec<(&'static str, f64)>, _, _) =
            (Vec::new(), Vec::new(), None);
        for (index, group) in groups.into_iter().enumerate() {
            let field = |name: &str| format!("sensors[{index}].{name}");
            let sort = text(&field("type"), group.r#type)?;
            let data = needed(Flaw::Other, &field("data"), group.data)?;
            let fields = match sort.as_str() {
                "gps" => GPS,
                "weight" => WEIGHT,
                "environmental" => WATER,
                "battery" => BATTERY,
                "camera" => {
                    said.push(("camera".to_owned(), data));
                    continue;
                }
                other => {
                    let reason = format!("{other:?} is none of gps, weight, environmental, battery, camera");
                    return Err(unfit(Flaw::Other, &field("type"), reason));
                }
            };
            for (name, metric, low, high) in fields {
                let Some(given) = data.get(name).filter(|given| !given.is_null()) else { continue };
                let flaw = if matches!(*metric, "lat" | "lon") { Flaw::Place } else { Flaw::Other };
                let at = field(&format!("data.{name}"));
                let value =
                    given.as_f64().ok_or_else(|| unfit(flaw, &at, format!("{given} is no number")))?;
                if !(*low..=*high).contains(&value) {
                    return Err(unfit(flaw, &at, format!("{value} is not between {low} and {high}")));
                }
                if !values.iter().any(|(known, _)| known == metric) {
                    values.push((metric, value));
                }
            }
            if sort == "gps" && (data.get("latitude").is_none() || data.get("longitude").is_none()) {
                return Err(unfit(Flaw::Place, &field("data"), "GPS coordinates required"));
            }
            full = full.or_else(|| data.get("percentFull").and_then(Value::as_f64));
            if let Some(firmware) = data.get("firmware").and_then(Value::as_str) {
                said.push(("firmware".to_owned(), json!({ "value": firmware })));
            }
        }
        Ok((SensorReport { at, values, said }, full))
    }
}

/// Takes what a device measured, into its twin.
#[utoipa::path(post, path = "/devices/{deviceId}/sensors", tag = "Devices", request_body = SensorsAsked,
    params(("deviceId" = String, Path, description = "`IOT-DEV-001`")),
    responses((status = 202, description = "`received`, `processed`, `warnings`.", body = Value),
        (status = 404, description = "ERR_DEVICE_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn device_report(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
    Given(asked): Given<SensorsAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::TwinReport)?;
    let plastic = app.plastic()?;
    let (report, full) = asked.read()?;
    let warnings = plastic.device_report(caller.known(), &id, report, full).await.map_err(no)?;
    let body = json!({
        "received": seconds(plastic.clock().now()), "processed": true,
        "warnings": if warnings.is_empty() { Value::Null } else { json!(warnings) },
    });
    Ok(meta.said(StatusCode::ACCEPTED, wire::known(body)))
}

/// Whether it has to be there.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusAsked {
    /// `true`: 503 where it was not heard in the last fifteen minutes.
    live: Option<String>,
}

/// How a device stands.
#[utoipa::path(get, path = "/devices/{deviceId}/status", tag = "Devices",
    params(("deviceId" = String, Path, description = "`IOT-DEV-001`"), StatusAsked),
    responses((status = 200, description = "`deviceId`, `status`, `lastPing`, `battery`, `location`, `firmware`; what is not known is null.", body = Value),
        (status = 404, description = "ERR_DEVICE_NOT_FOUND", body = ErrorBody),
        (status = 503, description = "ERR_DEVICE_OFFLINE", body = ErrorBody)))]
pub(super) async fn device_status(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
    Asked(asked): Asked<StatusAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::DeviceRead)?;
    let is_live = match asked.live.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            return Err(unfit(Flaw::Other, "live", format!("{other:?} is neither true nor false")));
        }
    };
    let sight = app.plastic()?.device_status(caller.known(), &id, is_live).await.map_err(no)?;
    Ok(meta.said(StatusCode::OK, wire::device(&sight)))
}
