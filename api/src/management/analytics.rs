//! Health, activity and use of the whole fleet.

use super::page::within;
use super::rounded;
use super::span::Times;
use crate::body::Asked;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::fleet;
use serde::{Deserialize, Serialize};
use twin::time::DAY_MS;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Health below which a battery is counted where nobody says [%].
const THRESHOLD_PCT: f64 = 80.0;

/// Reads a share in percent.
fn percent(field: &str, text: &str) -> Result<f64, Problem> {
    let share: Option<f64> = text.parse().ok();
    share
        .filter(|share| (0.0..=100.0).contains(share))
        .ok_or_else(|| Problem::unfit(field, format!("{text:?} is no number from 0 to 100")))
}

/// Below what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BelowAsked {
    /// Health, 0 to 100.
    #[param(required, example = "90")]
    threshold: Option<String>,
}

/// Health of a battery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatteryHealth {
    id: Uuid,
    #[schema(example = "BAT001")]
    battery_code: String,
    /// Rated energy [Wh].
    #[schema(example = 5000)]
    initial_capacity: Option<f64>,
    /// Rated energy times health [Wh].
    #[schema(example = 4500)]
    current_capacity: Option<f64>,
    #[schema(example = 200)]
    total_cycles: u64,
    #[schema(example = 90)]
    health_percentage: f64,
}

impl From<fleet::Health> for BatteryHealth {
    fn from(health: fleet::Health) -> Self {
        let capacity_wh = health.battery.capacity_wh;
        Self {
            id: health.battery.record.id.0,
            battery_code: health.battery.code,
            initial_capacity: capacity_wh.map(|wh| rounded(wh, 3)),
            current_capacity: capacity_wh.map(|wh| rounded(wh * health.soh, 3)),
            total_cycles: health.battery.total_cycles,
            health_percentage: rounded(100.0 * health.soh, 2),
        }
    }
}

/// Batteries whose health is below a threshold, the worst first. Those of which nothing is known yet are not among them.
#[utoipa::path(get, path = "/batteries/health-below-threshold", tag = "Batteries", params(BelowAsked),
    responses((status = 200, description = "The batteries.", body = Vec<BatteryHealth>)))]
pub(super) async fn battery_health_below(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<BelowAsked>,
) -> Result<Json<Vec<BatteryHealth>>, Problem> {
    caller.may(Action::FleetRead)?;
    let text = asked.threshold.ok_or_else(|| Problem::unfit("threshold", "is missing"))?;
    let threshold = percent("threshold", &text)? * 1e-2;
    let below = app.platform.fleet_health_below(threshold, &caller.visibility()).await?;
    Ok(Json(below.into_iter().map(BatteryHealth::from).collect()))
}

/// As of when, and what counts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HealthAsked {
    /// Health below which a battery is counted, 0 to 100; 80 where nobody says.
    threshold: Option<String>,
}

/// Health of the fleet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FleetHealth {
    /// Null where nothing is known.
    #[schema(example = 92.5)]
    average_health: Option<f64>,
    health_distribution: Distribution,
    #[schema(example = 3)]
    batteries_below_threshold: u64,
}

/// Batteries by their health; each from its lower bound up to the next.
#[derive(Debug, Serialize, ToSchema)]
struct Distribution {
    #[serde(rename = "90-100")]
    #[schema(example = 50)]
    from_90: u64,
    #[serde(rename = "80-89")]
    #[schema(example = 30)]
    from_80: u64,
    #[serde(rename = "70-79")]
    #[schema(example = 15)]
    from_70: u64,
    #[serde(rename = "60-69")]
    #[schema(example = 5)]
    from_60: u64,
    #[serde(rename = "0-59")]
    #[schema(example = 0)]
    from_0: u64,
}

/// Health of all batteries, as of the end of a span; now where none is given.
#[utoipa::path(get, path = "/analytics/battery-health", tag = "Analytics", params(Times, HealthAsked),
    responses((status = 200, description = "The figures.", body = FleetHealth)))]
pub(super) async fn fleet_health(
    State(app): State<App>,
    caller: Caller,
    Asked(times): Asked<Times>,
    Asked(asked): Asked<HealthAsked>,
) -> Result<Json<FleetHealth>, Problem> {
    caller.may(Action::FleetRead)?;
    let given = times.or_last(DAY_MS, app.platform.clock().now())?;
    let threshold = asked.threshold.map_or(Ok(THRESHOLD_PCT), |text| percent("threshold", &text))?;
    let health = app.platform.fleet_health(given.to, threshold * 1e-2, &caller.visibility()).await?;
    let [from_90, from_80, from_70, from_60, from_0] = health.by_tenth;
    Ok(Json(FleetHealth {
        average_health: health.mean.map(|mean| rounded(100.0 * mean, 2)),
        health_distribution: Distribution { from_90, from_80, from_70, from_60, from_0 },
        batteries_below_threshold: health.below,
    }))
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ActiveAsked {
    /// Cabinets, 1 to 100; 10 where nobody says.
    limit: Option<String>,
}

/// How active a cabinet was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Activity {
    cabinet_id: Uuid,
    #[schema(example = 500)]
    total_swaps: u64,
    #[schema(example = 2500.5)]
    total_energy_consumed_kwh: f64,
}

impl From<fleet::Activity> for Activity {
    fn from(activity: fleet::Activity) -> Self {
        Self {
            cabinet_id: activity.cabinet.0,
            total_swaps: activity.swaps,
            total_energy_consumed_kwh: rounded(activity.energy_kwh, 3),
        }
    }
}

/// Cabinets with most swaps in a span.
#[utoipa::path(get, path = "/analytics/most-active-cabinets", tag = "Analytics", params(Times, ActiveAsked),
    responses((status = 200, description = "The cabinets.", body = Vec<Activity>)))]
pub(super) async fn fleet_active(
    State(app): State<App>,
    caller: Caller,
    Asked(times): Asked<Times>,
    Asked(asked): Asked<ActiveAsked>,
) -> Result<Json<Vec<Activity>>, Problem> {
    caller.may(Action::FleetRead)?;
    let given = times.needed(("from", "to"))?;
    let limit = within("limit", asked.limit.as_deref(), 10, (1, 100))?;
    let active = app.platform.cabinets_by_activity(given.span(), limit, &caller.visibility()).await?;
    Ok(Json(active.into_iter().map(Activity::from).collect()))
}

/// How batteries were used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Usage {
    /// Energy given [kWh].
    #[schema(example = 50000.5)]
    total_energy_consumed: f64,
    /// Mean over the time of discharge [1/h]; null without any.
    #[schema(example = 2.5)]
    average_discharge_rate: Option<f64>,
    /// Half hour of the day in UTC in which most energy was given; null without any.
    #[schema(example = "18:30:00")]
    peak_usage_time: Option<String>,
    /// The ten that were taken out of cabinets most often.
    most_used_batteries: Vec<Used>,
}

/// How often a battery was used.
#[derive(Debug, Serialize, ToSchema)]
struct Used {
    battery_id: Uuid,
    #[schema(example = 100)]
    usage_count: u64,
}

/// How batteries were used in a span.
#[utoipa::path(get, path = "/analytics/battery-usage", tag = "Analytics", params(Times),
    responses((status = 200, description = "The figures.", body = Usage)))]
pub(super) async fn fleet_usage(
    State(app): State<App>,
    caller: Caller,
    Asked(times): Asked<Times>,
) -> Result<Json<Usage>, Problem> {
    caller.may(Action::FleetRead)?;
    let given = times.needed(("start_time", "end_time"))?;
    let usage = app.platform.fleet_usage(given.span(), &caller.visibility()).await?;
    let used = usage.most_used.iter();
    Ok(Json(Usage {
        total_energy_consumed: rounded(usage.energy_kwh, 3),
        average_discharge_rate: usage.discharge_c.map(|rate| rounded(rate, 4)),
        peak_usage_time: usage.peak_minute.map(|minute| format!("{:02}:{:02}:00", minute / 60, minute % 60)),
        most_used_batteries: used
            .map(|used| Used { battery_id: used.battery.0, usage_count: used.count })
            .collect(),
    }))
}
