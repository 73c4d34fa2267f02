//! Alerts of batteries: look, count, take note, resolve. They are the platform's, whichever door they are seen through.

use super::access::allowed;
use super::envelope::{ErrorBody, broken_rule, ruled_of};
use super::given::{LIST, Perhaps, part};
use super::wire::{moment, rounded, stamp};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::monitor::{AlertContext, MonitoredAlert, WhichMonitored};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use twin::live::alert::Severity;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Types of the document, whether or not a rule raises them.
const TYPES: [&str; 7] = [
    "temperature_high",
    "voltage_high",
    "voltage_low",
    "resistance_drift",
    "soh_degraded",
    "rul_warning",
    "rul_critical",
];

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertBody {
    id: Uuid,
    alert_id: String,
    battery_id: String,
    alert_type: String,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    message: String,
    threshold_value: f64,
    actual_value: f64,
    #[schema(format = DateTime)]
    triggered_at: String,
    #[schema(format = DateTime)]
    resolved_at: Option<String>,
    is_acknowledged: bool,
    #[schema(format = DateTime)]
    acknowledged_at: Option<String>,
    acknowledged_by: Option<String>,
    acknowledgment_note: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// Still there.
    is_active: bool,
    /// Still there, and nobody took note.
    is_pending: bool,
}

/// The person behind a name of the journal: `user:7 via app` is 7.
fn who(name: &str) -> String {
    let name = name.split(" via ").next().unwrap_or(name);
    name.strip_prefix("user:").unwrap_or(name).to_owned()
}

impl From<&MonitoredAlert> for AlertBody {
    fn from(monitored: &MonitoredAlert) -> Self {
        let alert = &monitored.alert;
        let is_active = alert.is_active();
        let is_acknowledged = alert.acknowledged_at.is_some();
        Self {
            id: alert.id,
            alert_id: alert.alert_id.clone(),
            battery_id: monitored.battery.clone(),
            alert_type: alert.alert_type.clone(),
            severity: alert.severity.as_str(),
            message: alert.message.clone(),
            threshold_value: rounded(alert.threshold * monitored.scale, 4),
            actual_value: rounded(alert.actual * monitored.scale, 4),
            triggered_at: stamp(alert.triggered_at),
            resolved_at: alert.resolved_at.map(stamp),
            is_acknowledged,
            acknowledged_at: alert.acknowledged_at.map(stamp),
            acknowledged_by: alert.acknowledged_by.as_deref().map(who),
            acknowledgment_note: alert.note.clone(),
            created_at: stamp(alert.triggered_at),
            updated_at: stamp(alert.updated_at),
            is_active,
            is_pending: is_active && !is_acknowledged,
        }
    }
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// Of batteries of this place.
    location_id: Option<String>,
    /// `info`, `warning` or `critical`.
    severity: Option<String>,
    /// As `temperature_high`.
    alert_type: Option<String>,
    /// Only those that are still there; so where nothing is said.
    active_only: Option<bool>,
    /// Only those that were taken note of, or only those that were not.
    acknowledged: Option<bool>,
    /// Raised from here on.
    start_date: Option<String>,
    /// Raised up to here.
    end_date: Option<String>,
    /// Alerts to leave out at the beginning.
    skip: Option<u64>,
    /// 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

fn severity(name: &str) -> Result<Severity, Problem> {
    let severities = [Severity::Info, Severity::Warning, Severity::Critical];
    severities.into_iter().find(|severity| severity.as_str() == name).ok_or_else(|| {
        broken_rule(format!("Invalid severity: {name}. Must be one of: info, warning, critical"))
    })
}

/// Alerts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertPage {
    alerts: Vec<AlertBody>,
    /// All that were asked for.
    total: usize,
    /// Of the same batteries, type, severity and time: those that are still there.
    active_count: usize,
    /// Those of them that nobody took note of.
    pending_count: usize,
}

/// Alerts, the newest first.
#[utoipa::path(
    get, path = "/alerts", tag = "Alerts", params(ListAsked),
    responses(
        (status = 200, body = AlertPage),
        (status = 400, body = ErrorBody, description = "Invalid severity or type."),
    ),
)]
pub(super) async fn alert_list(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<AlertPage>, Problem> {
    allowed(&caller, Action::MonitorRead)?;
    let (skip, limit) = part(asked.skip, asked.limit, LIST)?;
    let mut types = app.platform.alert_types();
    types.extend(TYPES);
    if let Some(name) = asked.alert_type.as_deref().filter(|name| !types.contains(name)) {
        let known: Vec<&str> = types.into_iter().collect();
        let detail = format!("Invalid alert_type: {name}. Must be one of: {}", known.join(", "));
        return Err(broken_rule(detail));
    }
    let which = WhichMonitored {
        place: asked.location_id,
        severity: asked.severity.as_deref().map(severity).transpose()?,
        alert_type: asked.alert_type,
        active_only: asked.active_only.unwrap_or(true),
        acknowledged: asked.acknowledged,
        from: asked.start_date.as_deref().map(|text| moment("start_date", text, false)).transpose()?,
        to: asked
            .end_date
            .as_deref()
            .map(|text| moment("end_date", text, true))
            .transpose()?
            .map(|to| to + 1),
        visible: caller.visibility(),
    };
    let page = app.platform.monitored_alerts(&which, skip, limit).await?;
    Ok(Json(AlertPage {
        alerts: page.alerts.iter().map(AlertBody::from).collect(),
        total: page.total,
        active_count: page.active,
        pending_count: page.pending,
    }))
}

/// Of which time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatsAsked {
    /// Of batteries of this place.
    location_id: Option<String>,
    /// The last days, 1 to 365; 7 where nothing is said.
    #[param(minimum = 1, maximum = 365)]
    days: Option<u32>,
}

/// Alerts counted. Totals, types and places count what was raised in the time; severities what is still there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertStats {
    total_alerts: usize,
    active_alerts: usize,
    critical_alerts: usize,
    warning_alerts: usize,
    info_alerts: usize,
    acknowledged_alerts: usize,
    alerts_by_type: BTreeMap<String, usize>,
    alerts_by_location: BTreeMap<String, usize>,
}

/// Alerts counted.
#[utoipa::path(
    get, path = "/alerts/stats", tag = "Alerts", params(StatsAsked), responses((status = 200, body = AlertStats)),
)]
pub(super) async fn alert_stats(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<StatsAsked>,
) -> Result<Json<AlertStats>, Problem> {
    allowed(&caller, Action::MonitorRead)?;
    let days = asked.days.unwrap_or(7);
    if !(1..=365).contains(&days) {
        return Err(Problem::unfit("days", format!("{days} is not between 1 and 365")));
    }
    let place = asked.location_id.as_deref();
    let counted = app.platform.alert_statistics(place, days, &caller.visibility()).await?;
    let [critical_alerts, warning_alerts, info_alerts] = counted.active_by_severity;
    Ok(Json(AlertStats {
        total_alerts: counted.total,
        active_alerts: counted.active,
        critical_alerts,
        warning_alerts,
        info_alerts,
        acknowledged_alerts: counted.acknowledged,
        alerts_by_type: counted.by_type,
        alerts_by_location: counted.by_place,
    }))
}

/// An alert with its battery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertDetail {
    #[serde(flatten)]
    alert: AlertBody,
    battery_serial: Option<String>,
    battery_position: Option<u32>,
    location_id: Option<String>,
    location_name: Option<String>,
}

async fn found(app: &App, caller: &Caller, id: &str) -> Result<MonitoredAlert, Problem> {
    let found = app.platform.monitored_alert(id, &caller.visibility()).await;
    found.map_err(ruled_of("Alert", id))
}

/// One alert.
#[utoipa::path(
    get, path = "/alerts/{alert_id}", tag = "Alerts",
    params(("alert_id" = String, Path, description = "`alert_id` or `id` of the alert.")),
    responses(
        (status = 200, body = AlertDetail),
        (status = 404, body = ErrorBody, description = "Alert not found."),
    ),
)]
pub(super) async fn alert_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<AlertDetail>, Problem> {
    allowed(&caller, Action::MonitorRead)?;
    let alert = found(&app, &caller, &id).await?;
    let context = app.platform.alert_context(&alert, &caller.visibility()).await;
    let AlertContext { serial, position, place_name } = context.map_err(ruled_of("Alert", &id))?;
    Ok(Json(AlertDetail {
        alert: AlertBody::from(&alert),
        battery_serial: serial,
        battery_position: position,
        location_id: alert.place,
        location_name: place_name,
    }))
}

/// What is said when taking note.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct Note {
    /// At most 1000 characters.
    #[schema(max_length = 1000)]
    note: Option<String>,
}

/// Take note of an alert.
#[utoipa::path(
    post, path = "/alerts/{alert_id}/acknowledge", tag = "Alerts", request_body = Option<Note>,
    params(("alert_id" = String, Path, description = "`alert_id` or `id` of the alert.")),
    responses(
        (status = 200, body = AlertBody),
        (status = 400, body = ErrorBody, description = "Already acknowledged, or resolved; the body is no JSON."),
        (status = 404, body = ErrorBody, description = "Alert not found."),
    ),
)]
pub(super) async fn alert_acknowledge(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    given: Result<Perhaps<Note>, Problem>,
) -> Result<Json<AlertBody>, Problem> {
    allowed(&caller, Action::MonitorWrite)?;
    let found = found(&app, &caller, &id).await?;
    let Perhaps(Note { note }) = given?;
    let alert = app.platform.acknowledge(&found.alert.id.to_string(), &caller.name(), note).await;
    let alert = alert.map_err(ruled_of("Alert", &id))?;
    Ok(Json(AlertBody::from(&MonitoredAlert { alert, ..found })))
}

/// Resolve an alert by hand.
#[utoipa::path(
    post, path = "/alerts/{alert_id}/resolve", tag = "Alerts",
    params(("alert_id" = String, Path, description = "`alert_id` or `id` of the alert.")),
    responses(
        (status = 200, body = AlertBody),
        (status = 400, body = ErrorBody, description = "Already resolved."),
        (status = 404, body = ErrorBody, description = "Alert not found."),
    ),
)]
pub(super) async fn alert_resolve(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<AlertBody>, Problem> {
    allowed(&caller, Action::MonitorWrite)?;
    let found = found(&app, &caller, &id).await?;
    let alert = app.platform.resolve(&found.alert.id.to_string(), &caller.name()).await;
    let alert = alert.map_err(ruled_of("Alert", &id))?;
    Ok(Json(AlertBody::from(&MonitoredAlert { alert, ..found })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_go_by_their_ids() {
        assert_eq!(who("user:engineer1"), "engineer1");
        assert_eq!(who("user:engineer1 via app"), "engineer1");
        assert_eq!(who("client:c1"), "client:c1");
    }
}
