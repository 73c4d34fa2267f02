//! News as they happen: server-sent events and a WebSocket, filtered by kind, twin and event.
//!
//! A listener that is too slow misses news and is told how many; it never holds anybody up.

pub(crate) mod socket;
pub(crate) mod sse;
pub(crate) mod ws;

use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use host::identity::Action;
use host::platform::bus::{Filter, News};
use host::platform::door::Kind;
use host::platform::sight::rfc3339;
use host::platform::{PlatformError, TwinId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Most twins that one listener may name.
const NAMED_MAX: usize = 1_000;

/// Which news, as a query or a message says it; several are parted by commas.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Of twins of these kinds: `battery`, `cabinet`, `vessel`, `facility`.
    #[serde(default)]
    kind: Option<String>,
    /// Of these twins, by any of their names; whoever does not see all twins must name some.
    #[serde(default)]
    id: Option<String>,
    /// Of these names; `alert` stands for `alert.raised` and all others that begin so.
    #[serde(default)]
    event: Option<String>,
}

/// The streams, with their descriptions. They know no time-out.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sse::events_stream)).routes(routes!(ws::events_socket))
}

fn parts(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

impl Wanted {
    /// The filter, with names looked up.
    pub(crate) async fn filter(&self, app: &App, caller: &Caller) -> Result<Filter, Problem> {
        let kinds: Result<Vec<Kind>, _> = parts(self.kind.as_deref()).map(str::parse).collect();
        let kinds = kinds.map_err(|unfit| Problem::from(PlatformError::from(unfit)))?;
        let names: Vec<&str> = parts(self.id.as_deref()).collect();
        let twins = named(app, caller, "id", &names).await?;
        let events = parts(self.event.as_deref()).map(str::to_owned).collect();
        Ok(Filter { kinds, twins, events })
    }
}

/// The twins of which a listener wants news; none where it wants those of all, and may.
pub(crate) async fn named<N: AsRef<str>>(
    app: &App,
    caller: &Caller,
    field: &str,
    names: &[N],
) -> Result<Vec<TwinId>, Problem> {
    if names.len() > NAMED_MAX {
        return Err(Problem::unfit(field, format!("more than {NAMED_MAX} twins")));
    }
    if names.is_empty() && !caller.sees_all() {
        return Err(Problem::unfit(field, "is needed by a caller who does not see all twins"));
    }
    let mut twins = Vec::with_capacity(names.len());
    for name in names {
        twins.push(app.twin(caller, Action::TwinRead, name.as_ref()).await?.id);
    }
    Ok(twins)
}

/// News as they go out.
fn wire(news: &News) -> Value {
    json!({
        "number": news.number, "id": news.twin, "kind": news.kind, "at": rfc3339(news.at), "event": news.event,
        "data": news.data,
    })
}

/// Waits until the server goes down.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone has stopped as well.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// What is said to a listener that missed some.
fn missed(count: u64) -> Value {
    json!({ "event": "missed", "data": { "count": count } })
}
