//! What was measured and what happened.

use crate::body::{Asked, At, instant, span_ms};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::sight::rfc3339;
use host::platform::{EventSight, Series};
use serde::{Deserialize, Serialize};
use twin::time::Time;

/// What of the history.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryAsked {
    metrics: Option<String>,
    from: Option<String>,
    to: Option<String>,
    step: Option<String>,
}

/// One metric over time: points, or steps where they were asked for.
#[derive(Debug, Serialize)]
pub(crate) struct SeriesSight {
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<Vec<(String, f64)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<StepSight>>,
}

/// A step: how many values, and the smallest, mean, largest and last.
#[derive(Debug, Serialize)]
pub(crate) struct StepSight {
    at: String,
    count: u64,
    min: f64,
    mean: f64,
    max: f64,
    last: f64,
}

/// The history.
#[derive(Debug, Serialize)]
pub(crate) struct HistorySight {
    series: Vec<SeriesSight>,
    /// Where to go on, when there is more.
    next_from: Option<String>,
}

fn series(series: Series, stepped: bool) -> SeriesSight {
    let points = series.points.iter().map(|(at, value)| (rfc3339(*at), *value)).collect();
    let steps = series.steps.iter().map(|step| StepSight {
        at: rfc3339(step.at),
        count: step.count,
        min: step.min,
        mean: step.mean,
        max: step.max,
        last: step.last,
    });
    let steps = stepped.then(|| steps.collect());
    SeriesSight { metric: series.metric, points: (!stepped).then_some(points), steps }
}

/// `GET /twins/{id}/history`
#[utoipa::path(get, path = "/twins/{id}/history", tag = "Telemetry", params(("id" = String, Path, description = "Any name of the twin."), ("metrics" = Option<String>, Query, description = "Names, parted by commas; all where none is named."), ("from" = Option<String>, Query, description = "First instant."), ("to" = Option<String>, Query, description = "First instant beyond."), ("step" = Option<String>, Query, description = "`90s`, `15m`, `6h`, `1d`")), responses((status = 200, description = "Series.", body = Value), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn history_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<HistoryAsked>,
) -> Result<Json<HistorySight>, Problem> {
    let id = app.twin(&caller, Action::TwinRead, &id).await?.id;
    let names = asked.metrics.unwrap_or_default();
    let names: Vec<String> =
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let from = asked.from.map_or(Ok(Time(0)), |from| instant("from", &from))?;
    let to = asked.to.map_or(Ok(Time(i64::MAX / 4)), |to| instant("to", &to))?;
    let step_ms = asked.step.as_deref().map(|step| span_ms("step", step)).transpose()?;
    let history = app.platform.history(id, &names, (from, to), step_ms).await?;
    let all = history.series.into_iter().map(|one| series(one, step_ms.is_some())).collect();
    Ok(Json(HistorySight { series: all, next_from: history.next.map(rfc3339) }))
}

/// Which events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsAsked {
    /// From this revision of the twin on.
    from: Option<u64>,
    limit: Option<usize>,
}

/// Facts, and where to go on.
#[derive(Debug, Serialize)]
pub(crate) struct EventsSight {
    items: Vec<EventSight>,
    next_from: Option<u64>,
}

/// `GET /twins/{id}/events`
#[utoipa::path(get, path = "/twins/{id}/events", tag = "Telemetry", params(("id" = String, Path, description = "Any name of the twin."), ("from" = Option<u64>, Query, description = "Revision to begin with."), ("limit" = Option<u32>, Query, description = "Facts, 1 to 1000.")), responses((status = 200, description = "Facts of the journal.", body = Value), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn events_list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<EventsAsked>,
) -> Result<Json<EventsSight>, Problem> {
    let limit = asked.limit.unwrap_or(100);
    if !(1..=1_000).contains(&limit) {
        return Err(Problem::unfit("limit", format!("{limit} is not between 1 and 1000")));
    }
    let id = app.twin(&caller, Action::TwinRead, &id).await?.id;
    let mut items = app.platform.events(id, asked.from.unwrap_or(1), limit + 1).await?;
    let next_from = (items.len() > limit).then(|| items[limit].revision);
    items.truncate(limit);
    Ok(Json(EventsSight { items, next_from }))
}
