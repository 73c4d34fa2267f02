//! Alerts: look, take note, resolve.

use super::Listed;
use super::schema::{AlertBody, AlertPage};
use crate::body::{Asked, At, Body, Page, instant};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::alerts::WhichAlerts;
use host::platform::sight::AlertSight;
use serde::Deserialize;
use twin::live::alert::Severity;
use utoipa::ToSchema;

/// Which alerts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListAsked {
    twin: Option<String>,
    active: Option<bool>,
    acknowledged: Option<bool>,
    severity: Option<Severity>,
    #[serde(rename = "type")]
    alert_type: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /alerts`
#[utoipa::path(get, path = "/alerts", tag = "Alerts", params(("twin" = Option<String>, Query, description = "Any name of a twin."), ("active" = Option<bool>, Query, description = "Whether it is still there."), ("acknowledged" = Option<bool>, Query, description = "Whether somebody took note."), ("severity" = Option<String>, Query, description = "`info`, `warning` or `critical`."), ("type" = Option<String>, Query, description = "What is wrong."), ("from" = Option<String>, Query, description = "Raised from here on."), ("to" = Option<String>, Query, description = "Raised before this."), ("limit" = Option<u32>, Query, description = "Items of a page, 1 to 1000."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page, the newest first.", body = AlertPage), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn alert_list(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<Listed<AlertSight>>, Problem> {
    caller.may(Action::TwinRead)?;
    let twin = match &asked.twin {
        Some(name) => Some(app.twin(&caller, Action::TwinRead, name).await?.id),
        None if caller.sees_all() => None,
        None => return Err(Problem::unfit("twin", "is needed by a caller who does not see all twins")),
    };
    let which = WhichAlerts {
        twin,
        active: asked.active,
        acknowledged: asked.acknowledged,
        severity: asked.severity,
        alert_type: asked.alert_type,
        from: asked.from.as_deref().map(|text| instant("from", text)).transpose()?,
        to: asked.to.as_deref().map(|text| instant("to", text)).transpose()?,
    };
    let page = Page::new(asked.limit, asked.cursor);
    let (alerts, next) = app.platform.alerts(&which, page.limit()?, page.cursor()?).await?;
    let items = alerts.iter().map(AlertSight::from).collect();
    Ok(Json(Listed::new(items, next)))
}

/// `GET /alerts/{id}`
#[utoipa::path(get, path = "/alerts/{id}", tag = "Alerts", params(("id" = String, Path, description = "Id of the alert.")), responses((status = 200, description = "The alert.", body = AlertBody), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn alert_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<AlertSight>, Problem> {
    caller.may(Action::TwinRead)?;
    let alert = app.platform.alert(&id).await?;
    app.twin(&caller, Action::TwinRead, &alert.twin.to_string()).await?;
    Ok(Json(AlertSight::from(&alert)))
}

/// What is said when taking note.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Note {
    note: Option<String>,
}

/// `POST /alerts/{id}/acknowledge`
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "Alerts", request_body = Note, params(("id" = String, Path, description = "Id of the alert.")), responses((status = 200, description = "The alert.", body = AlertBody), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn alert_acknowledge(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(note): Body<Note>,
) -> Result<Json<AlertSight>, Problem> {
    caller.may(Action::TwinCommand)?;
    let alert = app.platform.alert(&id).await?;
    app.twin(&caller, Action::TwinCommand, &alert.twin.to_string()).await?;
    Ok(Json(AlertSight::from(&app.platform.acknowledge(&id, &caller.name(), note.note).await?)))
}

/// `POST /alerts/{id}/resolve`
#[utoipa::path(post, path = "/alerts/{id}/resolve", tag = "Alerts", params(("id" = String, Path, description = "Id of the alert.")), responses((status = 200, description = "The alert.", body = AlertBody), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn alert_resolve(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<AlertSight>, Problem> {
    caller.may(Action::TwinCommand)?;
    let alert = app.platform.alert(&id).await?;
    app.twin(&caller, Action::TwinCommand, &alert.twin.to_string()).await?;
    Ok(Json(AlertSight::from(&app.platform.resolve(&id, &caller.name()).await?)))
}
