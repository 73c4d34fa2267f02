//! `GET /twins/v1/ws`: news over a WebSocket.
//!
//! The filter of the query can be changed by a message `{"kind": "battery", "id": "…", "event": "alert"}`; it is answered
//! with `{"event": "subscribed"}`, or `{"event": "error"}` and the reason, and then the old filter stays.

use super::socket::{Sent, beat, close, heartbeat, send, text};
use super::{Wanted, missed, stopped, wire};
use crate::body::Asked;
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use host::identity::Action;
use host::platform::bus::{Filter, Heard};
use serde_json::json;

/// Longest message of a listener in bytes.
const MESSAGE_MAX_BYTES: usize = 64 << 10;
/// Bytes that are read from a socket at a time: listeners say little, and there may be thousands of them.
const READ_BYTES: usize = 1 << 10;

/// News over a WebSocket. A message `{"kind": …, "id": …, "event": …}` changes what is listened to; the answer is
/// `{"event": "subscribed"}`, or `{"event": "error"}` with the reason.
#[utoipa::path(
    get, path = "/ws", tag = "Live", params(Wanted),
    responses((status = 101, description = "The connection is a WebSocket from here on; each message is a piece of news."),
        (status = 404, description = "There is no such twin.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 426, description = "The request does not ask for a WebSocket.", body = ProblemBody, content_type = "application/problem+json")),
)]
pub(crate) async fn events_socket(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    caller.may(Action::TwinRead)?;
    let filter = wanted.filter(&app, &caller).await?;
    let upgrade = upgrade.map_err(no_upgrade)?;
    let upgrade = upgrade
        .max_message_size(MESSAGE_MAX_BYTES)
        .max_frame_size(MESSAGE_MAX_BYTES)
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |socket| listen(app, caller, socket, filter)))
}

/// A request that is no beginning of a WebSocket.
#[expect(clippy::needless_pass_by_value, reason = "it takes the place of an error")]
fn no_upgrade(rejection: WebSocketUpgradeRejection) -> Problem {
    use WebSocketUpgradeRejection::{ConnectionNotUpgradable, InvalidConnectionHeader, InvalidUpgradeHeader};
    let status = match rejection {
        // It does not ask for one at all.
        ConnectionNotUpgradable(_) | InvalidConnectionHeader(_) | InvalidUpgradeHeader(_) => {
            StatusCode::UPGRADE_REQUIRED
        }
        ref other => other.status(),
    };
    Problem::unfit("upgrade", rejection.body_text()).with_status(status)
}

async fn listen(app: App, caller: Caller, mut socket: WebSocket, filter: Filter) {
    let mut news = app.platform.listen_to(filter);
    let mut stopping = app.stopping.clone();
    let mut beats = heartbeat();
    loop {
        let said = tokio::select! {
            heard = news.heard() => match heard {
                Some(Heard::News(news)) => text(&wire(&news)),
                Some(Heard::Missed(count)) => text(&missed(count)),
                None => return,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(asked))) => match changed(&app, &caller, &asked).await {
                    Ok(filter) => {
                        news = app.platform.listen_to(filter);
                        text(&json!({ "event": "subscribed" }))
                    }
                    Err(reason) => text(&json!({ "event": "error", "data": { "reason": reason } })),
                },
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            _ = beats.tick() => beat(),
            () = stopped(&mut stopping) => return close(&mut socket, close_code::AWAY, "the server stops").await,
        };
        // Who does not take its messages is let go.
        if send(&mut socket, said).await != Sent::Taken {
            return;
        }
    }
}

async fn changed(app: &App, caller: &Caller, asked: &str) -> Result<Filter, String> {
    let wanted: Wanted = serde_json::from_str(asked).map_err(|error| error.to_string())?;
    wanted.filter(app, caller).await.map_err(|problem| problem.detail().to_owned())
}
