//! Alerts of batteries and cabinets.

use super::page::{Page, part};
use super::span::seconds;
use crate::body::Asked;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use host::identity::Action;
use host::platform::ErrorKind;
use host::platform::TwinId;
use host::platform::alerts::AlertRecord;
use host::platform::door::Kind;
use host::platform::fleet::{Grade, Paged, WhichFleetAlerts};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alert {
    id: Uuid,
    #[schema(example = "Low Battery")]
    alert_type: String,
    /// `low`, `medium`, `high` or `critical`.
    #[schema(example = "high")]
    severity: &'static str,
    /// `active` or `resolved`.
    #[schema(example = "active")]
    status: &'static str,
    battery_id: Option<Uuid>,
    cabinet_id: Option<Uuid>,
    #[schema(example = "Battery charge level critically low")]
    message: String,
    #[schema(example = "2023-03-15T10:00:00Z")]
    created_at: String,
    resolved_at: Option<String>,
}

/// What this family calls what is wrong.
fn title(alert: &AlertRecord) -> String {
    let known = match (alert.kind, alert.alert_type.as_str()) {
        (_, "soc_low") => "Low Battery",
        (_, "temperature_high") => "Over Temperature",
        (_, "temperature_low") => "Under Temperature",
        (_, "voltage_high") => "Over Voltage",
        (_, "voltage_low") => "Under Voltage",
        (_, "soh_degraded") => "Low Health",
        (Kind::Cabinet, "connection_lost") => "Cabinet Offline",
        (_, "connection_lost") => "Battery Offline",
        (_, other) => {
            // `cell_imbalance` is Cell Imbalance.
            let words = other.split('_').map(|word| {
                let mut letters = word.chars();
                let first = letters.next().map(|first| first.to_uppercase().to_string());
                first.unwrap_or_default() + letters.as_str()
            });
            return words.collect::<Vec<_>>().join(" ");
        }
    };
    known.to_owned()
}

impl From<AlertRecord> for Alert {
    fn from(alert: AlertRecord) -> Self {
        let of = |kind| (alert.kind == kind).then_some(alert.twin.0);
        Self {
            id: alert.id,
            alert_type: title(&alert),
            severity: Grade::of(&alert).as_str(),
            status: if alert.is_active() { "active" } else { "resolved" },
            battery_id: of(Kind::Battery),
            cabinet_id: of(Kind::Cabinet),
            created_at: seconds(alert.triggered_at),
            resolved_at: alert.resolved_at.map(seconds),
            message: alert.message,
        }
    }
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// `active` or `resolved`.
    status: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    severity: Option<String>,
    /// Of this battery, by any of its names.
    battery_id: Option<String>,
    /// Of this cabinet, by any of its names.
    cabinet_id: Option<String>,
    /// Alerts of a page, 1 to 100; 20 where nobody says.
    limit: Option<String>,
    /// Alerts before the page.
    offset: Option<String>,
}

impl ListAsked {
    fn which(&self) -> Result<WhichFleetAlerts, Problem> {
        let active = match self.status.as_deref() {
            None => None,
            Some("active") => Some(true),
            Some("resolved") => Some(false),
            Some(other) => {
                return Err(Problem::unfit("status", format!("{other:?} is none of active, resolved")));
            }
        };
        let grade = |name: &str| {
            let known = Grade::ALL.map(Grade::as_str).join(", ");
            Grade::read(name)
                .ok_or_else(|| Problem::unfit("severity", format!("{name:?} is none of {known}")))
        };
        let grade = self.severity.as_deref().map(grade).transpose()?;
        Ok(WhichFleetAlerts { active, grade, twin: None })
    }
}

/// The twin of a filter; nothing where there is none that the caller sees, and so no alert of it.
async fn of(app: &App, caller: &Caller, kind: Kind, name: &str) -> Result<Option<TwinId>, Problem> {
    match app.twin_of(caller, Action::FleetRead, Some(kind), name).await {
        Ok(record) => Ok(Some(record.id)),
        Err(problem) if problem.kind() == ErrorKind::Absent => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Lists alerts, the newest first.
#[utoipa::path(get, path = "/alerts", tag = "Alerts", params(ListAsked),
    responses((status = 200, description = "A page.", body = Page<Alert>)))]
pub(super) async fn alert_list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<Page<Alert>>, Problem> {
    caller.may(Action::FleetRead)?;
    let part = part(asked.limit.as_deref(), asked.offset.as_deref())?;
    let mut which = asked.which()?;
    let mut filters = Vec::new();
    for (kind, name) in [(Kind::Battery, &asked.battery_id), (Kind::Cabinet, &asked.cabinet_id)] {
        if let Some(name) = name {
            filters.push(of(&app, &caller, kind, name).await?);
        }
    }
    // No alert is of a battery and a cabinet at once.
    let page = match filters.as_slice() {
        [] => app.platform.fleet_alerts(which, &caller.visibility(), part).await?,
        [Some(twin)] => {
            which.twin = Some(*twin);
            app.platform.fleet_alerts(which, &caller.visibility(), part).await?
        }
        _ => Paged { items: Vec::new(), total: 0 },
    };
    Ok(Json(Page::new(page, part, &uri, Alert::from)))
}
