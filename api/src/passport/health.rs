//! Health, and how a battery stands.

use super::envelope::{ErrorBody, refusal, unfit};
use super::found;
use super::given::Given;
use super::wire::{instant, percent, rounded, stamp};
use crate::body::At;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::passport::{HealthNoted, NewHealth};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A health as it was measured.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthBody {
    /// When; now where nobody says.
    #[schema(example = "2025-01-15T10:00:00Z")]
    timestamp: Option<String>,
    /// Capacity over rated [%]; it, or the measured capacity.
    #[schema(example = 99.8)]
    state_of_health: Option<f64>,
    /// [%]
    #[schema(example = 85.0)]
    state_of_charge: Option<f64>,
    /// Full cycles so far.
    #[schema(required, example = 45)]
    cycle_count: Option<f64>,
    #[schema(example = 249.5)]
    measured_capacity: Option<f64>,
    /// `Ah` or `kWh`; `Ah` where nobody says.
    #[schema(example = "Ah")]
    capacity_unit: Option<String>,
    /// [V]
    #[schema(example = 402)]
    voltage: Option<f64>,
    /// [Ω]
    #[schema(example = 0.015)]
    internal_resistance: Option<f64>,
    /// [°C]
    #[schema(example = 25)]
    temperature: Option<f64>,
    #[schema(example = "bms_telemetry")]
    measurement_method: Option<String>,
}

/// What is answered to a measurement.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthReceipt {
    #[schema(example = "SOH-2025-0001")]
    soh_record_id: String,
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    #[schema(example = "2025-01-15T10:00:00Z")]
    timestamp: String,
    /// [%]
    #[schema(example = 99.8)]
    state_of_health: f64,
    /// `normal`, `accelerated` or `critical`.
    #[schema(example = "normal")]
    trend: &'static str,
    /// Capacity over rated that was lost since the record before, as a fraction.
    #[schema(example = 0.002)]
    degradation_rate: f64,
    /// The same per cycle, of late.
    #[schema(example = 0.0000444)]
    degradation_rate_per_cycle: Option<f64>,
    #[schema(example = 2955)]
    estimated_remaining_life: u64,
    #[schema(example = "cycles")]
    estimated_remaining_life_unit: &'static str,
    /// `cycle_life`, `fade_line` or `twin_forecast`.
    #[schema(example = "cycle_life")]
    estimated_remaining_life_method: &'static str,
    /// What the twin believed before it heard of this [%].
    twin_estimate_before: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl From<HealthNoted> for HealthReceipt {
    fn from(done: HealthNoted) -> Self {
        let outlook = done.outlook;
        Self {
            soh_record_id: done.record.id,
            battery_id: done.passport.battery_id,
            timestamp: stamp(done.record.at),
            state_of_health: percent(done.record.soh),
            trend: outlook.trend.as_str(),
            degradation_rate: rounded(outlook.lost, 6),
            degradation_rate_per_cycle: outlook.per_cycle.map(|rate| rounded(rate, 9)),
            estimated_remaining_life: outlook.remaining_cycles.round() as u64,
            estimated_remaining_life_unit: "cycles",
            estimated_remaining_life_method: outlook.by.as_str(),
            twin_estimate_before: done.record.believed.map(percent),
            warnings: done.warnings,
        }
    }
}

impl HealthBody {
    fn health(self) -> Result<NewHealth, Problem> {
        let cycles = self.cycle_count.ok_or_else(|| unfit("cycleCount", "has to be given"))?;
        let (capacity_ah, capacity_kwh) = match self.capacity_unit.as_deref().unwrap_or("Ah") {
            "Ah" => (self.measured_capacity, None),
            "kWh" => (None, self.measured_capacity),
            other => return Err(unfit("capacityUnit", format!("{other:?} is neither Ah nor kWh"))),
        };
        Ok(NewHealth {
            at: instant("timestamp", self.timestamp.as_deref())?,
            soh: self.state_of_health.map(|percent| percent / 100.0),
            soc: self.state_of_charge.map(|percent| percent / 100.0),
            cycles,
            capacity_ah,
            capacity_kwh,
            voltage_v: self.voltage,
            resistance_ohm: self.internal_resistance,
            temperature_c: self.temperature,
            method: self.measurement_method,
        })
    }
}

/// Notes a health for somebody who may.
pub(super) async fn noted(
    app: &App,
    caller: &Caller,
    id: &str,
    body: HealthBody,
) -> Result<HealthReceipt, Problem> {
    found(app, caller, Action::PassportWrite, id).await?;
    let health = body.health()?;
    let done = app.passports.note_health(id, &caller.visibility(), &health, &caller.name()).await;
    Ok(done.map_err(refusal)?.into())
}

/// Notes a health that was measured; the twin hears it.
#[utoipa::path(post, path = "/batteries/{batteryId}/soh", tag = "Lifecycle", request_body = HealthBody,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "Noted.", body = HealthReceipt),
        (status = 400, description = "INVALID_SOH, or BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn health_note(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Given(body): Given<HealthBody>,
) -> Result<Json<HealthReceipt>, Problem> {
    Ok(Json(noted(&app, &caller, &id, body).await?))
}

/// How a battery stands now.
#[utoipa::path(get, path = "/batteries/{batteryId}/status", tag = "Lifecycle",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "Health, charge, alerts; what is not known is null.", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn status_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRead, &id).await?;
    let status = app.passports.status(&id, &caller.visibility()).await.map_err(refusal)?;
    let view = &status.view;
    let life = &view.passport.lifecycle;
    Ok(Json(json!({
        "batteryId": view.passport.battery_id,
        "passportId": view.passport.passport_id,
        "status": life.stage,
        "annexStatus": view.passport.annex_status(),
        "stateOfHealth": view.soh.map(percent),
        "stateOfHealthDeviation": view.soh_std.map(percent),
        "stateOfCharge": view.soc.map(percent),
        "cycleCount": view.cycles,
        "voltage": status.voltage_v.map(|v| rounded(v, 3)),
        "temperature": status.temperature_c.map(|c| rounded(c, 2)),
        "internalResistance": view.resistance_ohm.map(|ohm| rounded(ohm, 6)),
        "currentOwner": life.owner,
        "application": life.application,
        "lastUpdated": stamp(view.updated_at),
        "online": view.sight.online,
        "activeAlerts": status.alerts.iter().map(|alert| json!({
            "alertId": alert.alert_id, "type": alert.alert_type, "severity": alert.severity.as_str(),
            "message": alert.message, "since": stamp(alert.triggered_at),
        })).collect::<Vec<_>>(),
        "powerFade": status.power_fade.map(percent),
        "remainingCapacity": status.remaining_capacity_ah.map(|ah| rounded(ah, 3)),
        "remainingCapacityUnit": "Ah",
        "soce": status.soce.map(percent),
        "totalEnergyThroughput": rounded(view.discharged_kwh, 3),
    })))
}
