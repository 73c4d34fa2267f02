//! Many operations in one request: each stands for itself.

use super::address;
use super::battery::{Receipt, registered};
use super::envelope::{ErrorBody, refusal, refused, unfit};
use super::event::tracked;
use super::given::{Given, read};
use super::health::noted;
use super::later::Later;
use crate::caller::Caller;
use crate::edge::Refused;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use futures::stream::{self, StreamExt};
use host::identity::Action;
use host::passport::record::Passport;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Operations of one request.
const OPERATIONS_MAX: usize = 500;
/// Operations that are done at once.
const AT_ONCE: usize = 64;

/// Many operations.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct BatchBody {
    #[schema(required)]
    operations: Option<Vec<Operation>>,
}

/// One of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    /// `register`, `soh` or `event`.
    #[schema(example = "register")]
    op: String,
    battery_id: Option<String>,
    #[serde(default)]
    body: Value,
}

/// What is said of an operation that was done before a stop or a crash cut the rest short.
fn before(operation: &Operation, passport: &Passport) -> (u16, Value) {
    let status = if operation.op == "soh" { 200 } else { 201 };
    let body = json!({
        "batteryId": passport.battery_id, "passportId": passport.passport_id, "recordedBeforeRestart": true,
    });
    (status, body)
}

/// Does an operation, in a batch that is done later as a step of it, which is done once.
async fn done(
    app: &App,
    caller: &Caller,
    base: &str,
    operation: Operation,
    step: Option<String>,
) -> Result<(u16, Value), Problem> {
    let Some(step) = step else { return done_now(app, caller, base, operation).await };
    if let Some(passport) = app.passports.step_done(&step).await.map_err(refusal)? {
        return Ok(before(&operation, &passport));
    }
    done_now(&app.at_step(&step), caller, base, operation).await
}

async fn done_now(
    app: &App,
    caller: &Caller,
    base: &str,
    operation: Operation,
) -> Result<(u16, Value), Problem> {
    let id = operation.battery_id.as_deref().unwrap_or_default();
    let told = |value: Result<Value, serde_json::Error>| value.unwrap_or_default();
    match operation.op.as_str() {
        "register" => {
            let done = registered(app, caller, read(operation.body)?).await?;
            Ok((201, told(serde_json::to_value(Receipt::of(&done, base)))))
        }
        "soh" => Ok((200, told(serde_json::to_value(noted(app, caller, id, read(operation.body)?).await?)))),
        "event" => {
            Ok((201, told(serde_json::to_value(tracked(app, caller, id, read(operation.body)?).await?))))
        }
        other => Err(unfit("op", format!("{other:?} is none of register, soh, event"))),
    }
}

/// Does many operations; those of one battery in their order. Each succeeds or fails by itself.
#[utoipa::path(post, path = "/batteries/batch", tag = "Batteries", request_body = BatchBody,
    responses(
        (status = 200, description = "`results` in the order of the operations, `succeeded`, `failed`.", body = Value),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
    ))]
pub(super) async fn battery_batch(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    later: Later,
    Given(body): Given<BatchBody>,
) -> Result<Json<Value>, Problem> {
    // Whoever may do any of these may register.
    caller.may(Action::PassportRegister)?;
    let operations = body.operations.ok_or_else(|| unfit("operations", "has to be given"))?;
    if operations.len() > OPERATIONS_MAX {
        let reason = format!("{} are more than {OPERATIONS_MAX}", operations.len());
        return Err(unfit("operations", reason));
    }
    let base = address::base(&app, &headers);
    let id = headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    // Registrations stand for themselves; what is of one battery comes one after another.
    let mut groups: BTreeMap<String, Vec<(usize, Operation)>> = BTreeMap::new();
    let count = operations.len();
    for (index, operation) in operations.into_iter().enumerate() {
        let group = match &operation.battery_id {
            Some(battery) => format!("b{battery}"),
            None => format!("r{index}"),
        };
        groups.entry(group).or_default().push((index, operation));
    }
    let (app, caller, base, later) = (&app, &caller, &base, &later);
    let answers = stream::iter(groups.into_values()).map(|group| async move {
        let mut answers = Vec::with_capacity(group.len());
        for (index, operation) in group {
            answers.push((index, done(app, caller, base, operation, later.step(index)).await));
        }
        answers
    });
    let mut answers: Vec<_> = answers.buffer_unordered(AT_ONCE).concat().await;
    answers.sort_by_key(|(index, _)| *index);
    let mut succeeded = 0;
    let results: Vec<Value> = answers
        .into_iter()
        .map(|(index, answer)| match answer {
            Ok((status, body)) => {
                succeeded += 1;
                json!({ "index": index, "status": status, "body": body })
            }
            Err(problem) => {
                let (status, body) =
                    refused(&Refused { problem: &problem, request_id: id, at: app.wall.now() });
                json!({ "index": index, "status": status.as_u16(), "error": body["error"] })
            }
        })
        .collect();
    Ok(Json(json!({ "results": results, "succeeded": succeeded, "failed": count - succeeded })))
}
