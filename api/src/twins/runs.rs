//! What-if runs in the background: order, list, look, read results, cancel.

use super::Listed;
use crate::body::{Asked, At, Page, Raw, object};
use crate::caller::Caller;
use crate::files;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use sim::results::summary;
use sim::runs::{Order, RunError, RunSight};
use std::path::PathBuf;

/// Days of a year of a horizon, as in scenarios.
const YEAR_DAYS: f64 = 365.25;

/// What is to be run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Submit {
    /// YAML or JSON as text, or the scenario itself as JSON.
    scenario: Option<Value>,
    /// Live twins to begin with; refused for now.
    fork: Option<Value>,
    #[serde(default)]
    set: Sets,
    seed: Option<u64>,
    replicates: Option<u32>,
    horizon_days: Option<f64>,
    horizon_years: Option<f64>,
}

/// What stands beside the scenario, in the query of a body that is the scenario itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overrides {
    seed: Option<u64>,
    replicates: Option<u32>,
    horizon_days: Option<f64>,
    horizon_years: Option<f64>,
}

/// Values by path: as a mapping, or as `PATH=VALUE` as on the command line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Sets {
    Mapping(Map<String, Value>),
    Texts(Vec<String>),
}

impl Default for Sets {
    fn default() -> Self {
        Self::Texts(Vec::new())
    }
}

impl Sets {
    fn pairs(self) -> Result<Vec<(String, String)>, Problem> {
        match self {
            // JSON is YAML: a text keeps its quotes and stays a text.
            Self::Mapping(values) => Ok(values.into_iter().map(|(path, v)| (path, v.to_string())).collect()),
            Self::Texts(texts) => texts.iter().map(|text| pair(text)).collect(),
        }
    }
}

/// `PATH=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), Problem> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => Ok((path.trim().to_owned(), value.to_owned())),
        _ => Err(Problem::unfit("set", format!("{text:?} is not PATH=VALUE"))),
    }
}

impl Overrides {
    /// The order of a scenario with these.
    pub(crate) fn order(self, scenario: String, sets: Vec<(String, String)>) -> Result<Order, Problem> {
        let Self { seed, replicates, horizon_days, horizon_years } = self;
        if horizon_days.is_some() && horizon_years.is_some() {
            return Err(Problem::unfit(
                "horizon_years",
                "only one of horizon_days and horizon_years can hold",
            ));
        }
        let horizon_days = horizon_days.or(horizon_years.map(|years| years * YEAR_DAYS));
        Ok(Order { scenario, sets, seed, replicates, horizon_days })
    }
}

/// Whether a body is YAML by its type.
fn is_yaml(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"].contains(&media.as_str())
}

/// `POST /runs`: answered when it is kept and waits for its turn. A body of YAML is the scenario itself; what is different
/// stands in the query then.
#[utoipa::path(post, path = "/runs", tag = "Runs", params(("seed" = Option<u64>, Query, description = "Seed in the scenario's place, for a body of YAML."), ("replicates" = Option<u32>, Query, description = "Replicates in its place."), ("horizon_days" = Option<f64>, Query, description = "Horizon in its place."), ("horizon_years" = Option<f64>, Query, description = "The same in years.")), request_body(content = Value, description = "`scenario` (YAML or JSON as text, or a mapping) with `set`, `seed`, `replicates` and horizon; or the scenario itself as `application/yaml`."), responses((status = 202, description = "The run, which waits for its turn.", body = Value), (status = 503, description = "Too many runs wait.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn run_submit(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Overrides>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let order = if is_yaml(&headers) {
        let scenario = String::from_utf8(body.to_vec());
        asked.order(scenario.map_err(|_| Problem::unfit("body", "is not UTF-8"))?, Vec::new())?
    } else {
        let submit: Submit = object(&body).map_err(|error| Problem::unfit("body", error.to_string()))?;
        if submit.fork.is_some() {
            return Err(RunError::Fork.into());
        }
        let scenario = match submit.scenario {
            Some(Value::String(text)) => text,
            Some(scenario @ Value::Object(_)) => scenario.to_string(),
            None | Some(Value::Null) => return Err(Problem::unfit("scenario", "is missing")),
            Some(_) => return Err(Problem::unfit("scenario", "is neither a text nor a mapping")),
        };
        let Submit { seed, replicates, horizon_days, horizon_years, .. } = submit;
        Overrides { seed, replicates, horizon_days, horizon_years }.order(scenario, submit.set.pairs()?)?
    };
    let seen = app.runs()?.submit(order, caller.known()).await?;
    let location = format!("/twins/v1/runs/{}", seen.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(seen)).into_response())
}

/// `GET /runs`
#[utoipa::path(get, path = "/runs", tag = "Runs", params(("limit" = Option<u32>, Query, description = "Items of a page, 1 to 1000."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page, the newest first.", body = Value)))]
pub(crate) async fn run_list(
    State(app): State<App>,
    caller: Caller,
    Asked(page): Asked<Page>,
) -> Result<Json<Listed<RunSight>>, Problem> {
    let (items, next) = app.runs()?.list(page.limit()?, page.cursor()?, caller.known()).await?;
    Ok(Json(Listed::new(items, next)))
}

/// `GET /runs/{id}`
#[utoipa::path(get, path = "/runs/{id}", tag = "Runs", params(("id" = String, Path, description = "Id of the run.")), responses((status = 200, description = "The run and its progress.", body = Value), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn run_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<RunSight>, Problem> {
    Ok(Json(app.runs()?.view(&id, caller.known()).await?))
}

/// What shall become of a run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelAsked {
    /// Deletes one that has ended, results and all, instead of ending one.
    #[serde(default)]
    forget: bool,
}

/// `DELETE /runs/{id}`: ends it early; what there is until then can be read. With `forget=true` one that has ended goes.
#[utoipa::path(delete, path = "/runs/{id}", tag = "Runs", params(("id" = String, Path, description = "Id of the run."), ("forget" = Option<bool>, Query, description = "Deletes one that has ended.")), responses((status = 202, description = "The run, which ends early.", body = Value), (status = 204, description = "It is forgotten."), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It has not ended.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn run_cancel(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<CancelAsked>,
) -> Result<Response, Problem> {
    if asked.forget {
        app.runs()?.forget(&id, caller.known()).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let seen = app.runs()?.cancel(&id, caller.known()).await?;
    Ok((StatusCode::ACCEPTED, Json(seen)).into_response())
}

/// `GET /runs/{id}/results`: the summary.
#[utoipa::path(get, path = "/runs/{id}/results", tag = "Runs", params(("id" = String, Path, description = "Id of the run.")), responses((status = 200, description = "The summary.", body = Value), (status = 409, description = "There are no results yet.", body = ProblemBody, content_type = "application/problem+json"), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn results_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Response, Problem> {
    let path = app.runs()?.result(&id, summary::FILE, caller.known()).await?;
    send(path, summary::FILE).await
}

/// `GET /runs/{id}/results/{file}`
#[utoipa::path(get, path = "/runs/{id}/results/{file}", tag = "Runs", params(("id" = String, Path, description = "Id of the run."), ("file" = String, Path, description = "Name of a file of the result folder.")), responses((status = 200, description = "The file.", content_type = "application/octet-stream"), (status = 409, description = "There are no results yet.", body = ProblemBody, content_type = "application/problem+json"), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn result_file(
    State(app): State<App>,
    caller: Caller,
    At((id, file)): At<(String, String)>,
) -> Result<Response, Problem> {
    let path = app.runs()?.result(&id, &file, caller.known()).await?;
    send(path, &file).await
}

async fn send(path: PathBuf, name: &str) -> Result<Response, Problem> {
    let (length, pieces) = files::open(path).await.map_err(RunError::Files)?;
    let media = match name.rsplit('.').next() {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        _ => "application/vnd.apache.parquet",
    };
    let response = Response::builder()
        .header(header::CONTENT_TYPE, media)
        .header(header::CONTENT_LENGTH, length)
        // A page of results is no page of the platform: nothing in it speaks with the reader's credentials.
        .header(header::CONTENT_SECURITY_POLICY, "sandbox allow-scripts")
        .body(Body::from_stream(pieces));
    response.map_err(|error| RunError::Files(std::io::Error::other(error)).into())
}
