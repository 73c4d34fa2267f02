//! Commands and what became of them.

use super::Listed;
use super::schema::{CommandBody, CommandPage};
use crate::body::{Asked, At, Body, Page};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::identity::Action;
use host::platform::bus::Filter;
use host::platform::command::{CommandRecord, NewCommand};
use host::platform::sight::CommandSight;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use utoipa::ToSchema;

/// A command that is to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Give {
    command: String,
    #[serde(default)]
    #[schema(value_type = Value)]
    params: Value,
    timeout_s: Option<f64>,
}

/// How long the caller waits for the outcome.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GiveAsked {
    wait_s: Option<f64>,
}

/// `POST /twins/{id}/commands`: 202 while the device has not answered, 200 with the outcome where it did in time.
#[utoipa::path(post, path = "/twins/{id}/commands", tag = "Commands", request_body = Give, params(("id" = String, Path, description = "Any name of the twin."), ("wait_s" = Option<f64>, Query, description = "How long to wait for the outcome, 0 to 25.")), responses((status = 200, description = "Settled.", body = CommandBody), (status = 202, description = "Accepted.", body = CommandBody), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json"), (status = 409, description = "It does not go with what there is.", body = ProblemBody, content_type = "application/problem+json"), (status = 410, description = "The twin was retired.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn command_give(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<GiveAsked>,
    Body(give): Body<Give>,
) -> Result<Response, Problem> {
    let new = NewCommand { command: give.command, params: give.params, timeout_s: give.timeout_s };
    let command = give_and_wait(&app, &caller, &id, new, asked.wait_s.unwrap_or(0.0)).await?;
    let status = if command.is_open() { StatusCode::ACCEPTED } else { StatusCode::OK };
    let location = format!("/twins/v1/twins/{}/commands/{}", command.twin, command.id);
    Ok((status, [(header::LOCATION, location)], Json(CommandSight::from(&command))).into_response())
}

/// Gives a command and waits a while for its outcome.
pub(crate) async fn give_and_wait(
    app: &App,
    caller: &Caller,
    name: &str,
    new: NewCommand,
    wait_s: f64,
) -> Result<CommandRecord, Problem> {
    if !(0.0..=25.0).contains(&wait_s) {
        return Err(Problem::unfit("wait_s", format!("{wait_s} is not between 0 and 25")));
    }
    let twin = app.twin(caller, Action::TwinCommand, name).await?.id;
    let wanted = Filter { twins: vec![twin], events: vec!["command".to_owned()], ..Filter::default() };
    let mut news = app.platform.listen_to(wanted);
    let mut command = app.platform.command(twin, new, &caller.name()).await?;
    let wait = async {
        // Any of these may be of this command; who missed some looks as well.
        while command.is_open() && news.heard().await.is_some() {
            command = app.platform.command_of(twin, &command.id.to_string()).await?;
        }
        Ok::<CommandRecord, Problem>(command.clone())
    };
    let waited = tokio::time::timeout(Duration::from_secs_f64(wait_s), wait).await;
    match waited {
        Ok(settled) => settled,
        Err(_) => Ok(command),
    }
}

/// `GET /twins/{id}/commands`
#[utoipa::path(get, path = "/twins/{id}/commands", tag = "Commands", params(("id" = String, Path, description = "Any name of the twin."), ("limit" = Option<u32>, Query, description = "Items of a page, 1 to 1000."), ("cursor" = Option<String>, Query, description = "Where the page before ended.")), responses((status = 200, description = "A page, the newest first.", body = CommandPage), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn command_list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(page): Asked<Page>,
) -> Result<Json<Listed<CommandSight>>, Problem> {
    let twin = app.twin(&caller, Action::TwinRead, &id).await?.id;
    let (commands, next) = app.platform.commands(twin, page.limit()?, page.cursor()?).await?;
    let items = commands.iter().map(CommandSight::from).collect();
    Ok(Json(Listed::new(items, next)))
}

/// `GET /twins/{id}/commands/{command}`
#[utoipa::path(get, path = "/twins/{id}/commands/{command}", tag = "Commands", params(("id" = String, Path, description = "Any name of the twin."), ("command" = String, Path, description = "Id of the command.")), responses((status = 200, description = "The command.", body = CommandBody), (status = 404, description = "There is no such thing.", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn command_view(
    State(app): State<App>,
    caller: Caller,
    At((id, command)): At<(String, String)>,
) -> Result<Json<CommandSight>, Problem> {
    let twin = app.twin(&caller, Action::TwinRead, &id).await?.id;
    Ok(Json(CommandSight::from(&app.platform.command_of(twin, &command).await?)))
}
