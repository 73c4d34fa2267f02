//! News as they happen: server-sent events and a WebSocket, filtered by kind, twin and event.
//!
//! A listener that is too slow misses news and is told how many; it never holds anybody up.

pub(crate) mod sse;
pub(crate) mod ws;

use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use host::identity::Action;
use host::platform::PlatformError;
use host::platform::bus::{Filter, News};
use host::platform::door::Kind;
use host::platform::sight::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Most twins that one listener may name.
const NAMED_MAX: usize = 1_000;

/// Which news, as a query or a message says it; several are parted by commas.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    event: Option<String>,
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
        if names.len() > NAMED_MAX {
            return Err(Problem::unfit("id", format!("more than {NAMED_MAX} twins")));
        }
        if names.is_empty() && !caller.sees_all() {
            return Err(Problem::unfit("id", "is needed by a caller who does not see all twins"));
        }
        let mut twins = Vec::with_capacity(names.len());
        for name in names {
            twins.push(app.twin(caller, Action::TwinRead, name).await?.id);
        }
        let events = parts(self.event.as_deref()).map(str::to_owned).collect();
        Ok(Filter { kinds, twins, events })
    }
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
