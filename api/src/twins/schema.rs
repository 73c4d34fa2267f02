//! What bodies of the native interface look like, for its document alone: what is answered is what `host::platform::sight`
//! shows, and a test holds the two together.

#![allow(dead_code, reason = "only described, never made")]

use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A name outside, unique within its namespace.
#[derive(ToSchema)]
pub(crate) struct AliasBody {
    /// Whose names these are: `device`, `serial`, `passport`, `code` …
    namespace: String,
    /// 1 to 150 bytes without `/`, `+` and `#`.
    #[schema(max_length = 150)]
    name: String,
}

/// What a twin is of. Batteries have the first fields, cabinets, vessels and facilities those from `lat` on.
#[derive(ToSchema)]
pub(crate) struct SpecBody {
    /// A name of `celltide cell list`.
    chemistry: Option<String>,
    #[schema(minimum = 1, maximum = 10000)]
    series: Option<u32>,
    #[schema(minimum = 1, maximum = 10000)]
    parallel: Option<u32>,
    capacity_ah: Option<f64>,
    energy_wh: Option<f64>,
    voltage_nominal_v: Option<f64>,
    battery_type: Option<String>,
    charge_max_c: Option<f64>,
    discharge_max_c: Option<f64>,
    mass_kg: Option<f64>,
    manufacturer: Option<String>,
    model: Option<String>,
    /// `2026-01-31`
    manufactured_on: Option<String>,
    /// `2026-01-31`
    installed_on: Option<String>,
    application: Option<String>,
    #[schema(minimum = -90, maximum = 90)]
    lat: Option<f64>,
    #[schema(minimum = -180, maximum = 180)]
    lon: Option<f64>,
    address: Option<String>,
    #[schema(minimum = 1, maximum = 10000)]
    slots: Option<u32>,
    charger_kw: Option<f64>,
    power_source: Option<String>,
    hold_kg: Option<f64>,
    daily_kg: Option<f64>,
    sort: Option<String>,
}

/// A reading: `ts` (RFC 3339 or milliseconds), and any of the metrics of the device's kind as numbers. A battery says at
/// least `voltage_v` and `current_a`, which is positive on discharge.
#[derive(ToSchema)]
pub(crate) struct ReadingBody {
    #[schema(value_type = Value)]
    ts: Value,
    voltage_v: Option<f64>,
    current_a: Option<f64>,
    temperature_c: Option<f64>,
    soc_pct: Option<f64>,
    #[schema(additional_properties)]
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

/// A twin.
#[derive(ToSchema)]
pub(crate) struct TwinBody {
    id: Uuid,
    /// `battery`, `cabinet`, `vessel` or `facility`.
    kind: String,
    name: Option<String>,
    aliases: Vec<AliasBody>,
    spec: SpecBody,
    labels: BTreeMap<String, String>,
    /// Facts so far; part of the `ETag`.
    revision: u64,
    at: String,
    created_at: String,
    retired_at: Option<String>,
    /// Null where the hardware never spoke.
    online: Option<bool>,
    heard_at: Option<String>,
    measured_at: Option<String>,
    readings: u64,
    /// What a battery is estimated to be.
    #[schema(value_type = Option<Object>)]
    battery: Option<Value>,
    /// What anything else said.
    #[schema(value_type = Option<Object>)]
    site: Option<Value>,
    said: Option<BTreeMap<String, String>>,
    /// Degrees north and east.
    #[schema(value_type = Option<Vec<f64>>)]
    position: Option<(f64, f64)>,
    /// The last value of every metric: `value`, `at`.
    #[schema(value_type = Object)]
    latest: Value,
    alerts: Vec<AlertBody>,
    commands_open: usize,
    #[schema(value_type = Object)]
    desired: Value,
    #[schema(value_type = Object)]
    reported: Value,
    #[schema(value_type = Object)]
    difference: Value,
}

/// A page of twins.
#[derive(ToSchema)]
pub(crate) struct TwinPage {
    items: Vec<TwinBody>,
    next_cursor: Option<String>,
}

/// An alert.
#[derive(ToSchema)]
pub(crate) struct AlertBody {
    id: Uuid,
    alert_id: String,
    twin: Uuid,
    kind: String,
    alert_type: String,
    /// `info`, `warning` or `critical`.
    severity: String,
    message: String,
    threshold: f64,
    actual: f64,
    triggered_at: String,
    updated_at: String,
    active: bool,
    resolved_at: Option<String>,
    resolved_by: Option<String>,
    acknowledged_at: Option<String>,
    acknowledged_by: Option<String>,
    note: Option<String>,
}

/// A page of alerts.
#[derive(ToSchema)]
pub(crate) struct AlertPage {
    items: Vec<AlertBody>,
    next_cursor: Option<String>,
}

/// A command and what became of it.
#[derive(ToSchema)]
pub(crate) struct CommandBody {
    id: Uuid,
    twin: Uuid,
    command: String,
    #[schema(value_type = Value)]
    params: Value,
    by: String,
    /// `accepted`, `acknowledged`, `refused` or `timed_out`.
    outcome: String,
    detail: Option<String>,
    accepted_at: String,
    deadline: String,
    settled_at: Option<String>,
}

/// A page of commands.
#[derive(ToSchema)]
pub(crate) struct CommandPage {
    items: Vec<CommandBody>,
    next_cursor: Option<String>,
}
