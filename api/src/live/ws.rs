//! `GET /twins/v1/ws`: news over a WebSocket.
//!
//! The filter of the query can be changed by a message `{"kind": "battery", "id": "…", "event": "alert"}`; it is answered
//! with `{"event": "subscribed"}`, or `{"event": "error"}` and the reason, and then the old filter stays.

use super::{Wanted, missed, stopped, wire};
use crate::body::Asked;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use host::identity::Action;
use host::platform::bus::Filter;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Longest message of a listener in bytes.
const MESSAGE_MAX_BYTES: usize = 64 << 10;
/// How often a quiet connection is tried.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long a listener may take to take a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// The upgrade.
pub(crate) async fn events_socket(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    caller.may(Action::TwinRead)?;
    let filter = wanted.filter(&app, &caller).await?;
    let upgrade = upgrade.max_message_size(MESSAGE_MAX_BYTES);
    Ok(upgrade.on_upgrade(move |socket| listen(app, caller, socket, filter)))
}

async fn listen(app: App, caller: Caller, mut socket: WebSocket, mut filter: Filter) {
    let mut news = app.platform.listen();
    let mut stopping = app.stopping.clone();
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let said = tokio::select! {
            heard = news.recv() => match heard {
                Ok(news) if filter.wants(&news) => text(&wire(&news)),
                Ok(_) => continue,
                Err(RecvError::Lagged(count)) => text(&missed(count)),
                Err(RecvError::Closed) => return,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(asked))) => match changed(&app, &caller, &asked).await {
                    Ok(new) => {
                        filter = new;
                        text(&json!({ "event": "subscribed" }))
                    }
                    Err(reason) => text(&json!({ "event": "error", "data": { "reason": reason } })),
                },
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            _ = heartbeat.tick() => Message::Ping(bytes::Bytes::new()),
            () = stopped(&mut stopping) => {
                let frame = CloseFrame { code: close_code::AWAY, reason: "the server stops".into() };
                let _ = timeout(PATIENCE, socket.send(Message::Close(Some(frame)))).await;
                return;
            }
        };
        // Who does not take its messages is let go.
        if !matches!(timeout(PATIENCE, socket.send(said)).await, Ok(Ok(()))) {
            metrics::counter!("celltide_listeners_dropped_total").increment(1);
            return;
        }
    }
}

async fn changed(app: &App, caller: &Caller, asked: &str) -> Result<Filter, String> {
    let wanted: Wanted = serde_json::from_str(asked).map_err(|error| error.to_string())?;
    wanted.filter(app, caller).await.map_err(|problem| problem.detail().to_owned())
}

fn text(value: &Value) -> Message {
    Message::Text(value.to_string().into())
}
