//! `GET /stream`: what happens to batches and devices, over a WebSocket.
//!
//! ```text
//! {"type":"auth","token":"…"}                                     within ten seconds, where no header said who calls
//! {"type":"subscribe","channels":["batch.updates","batch.BATCH-2025-000001","device.status","device.IOT-DEV-001"]}
//! {"type":"ping"} ─► {"type":"pong"}
//! ◄── {"type":"batch.status_changed","timestamp":"…","data":{…}}
//! ```
//!
//! Closes with 4401 where nobody known speaks, 4403 where it may not listen, 4429 where it listens too slowly.

use super::wire::seconds;
use crate::caller::Caller;
use crate::live::socket::{PATIENCE, Sent, beat, close, heartbeat, send, text};
use crate::live::stopped;
use crate::server::App;
use crate::shown::Shown;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use host::identity::Action;
use host::plastic::{News, Plastic};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

/// Longest message of a listener in bytes.
const MESSAGE_MAX_BYTES: usize = 64 << 10;
/// Most channels of one listener.
const CHANNELS_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Asked {
    Auth { token: String },
    Subscribe { channels: Vec<String> },
    Unsubscribe { channels: Vec<String> },
    Ping,
}

/// The upgrade.
pub(super) async fn stream_open(
    State(app): State<App>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorization = authorization.map(str::to_owned);
    upgrade.max_message_size(MESSAGE_MAX_BYTES).on_upgrade(move |socket| listen(app, authorization, socket))
}

/// Who it is that connected.
async fn known(app: &App, authorization: Option<String>, socket: &mut WebSocket) -> Option<Caller> {
    if let Some(authorization) = authorization {
        return app.who(Ok(Shown::authorized(&authorization)), "stream").await.ok();
    }
    let first = timeout(PATIENCE, socket.recv()).await.ok()??.ok()?;
    let Message::Text(text) = first else { return None };
    let Ok(Asked::Auth { token }) = serde_json::from_str(&text) else { return None };
    app.who(Ok(Shown::authorized(&format!("Bearer {token}"))), "stream").await.ok()
}

fn wants(channels: &BTreeSet<String>, news: &News) -> bool {
    let (all, prefix) = if news.event.starts_with("device.") {
        ("device.status", "device.")
    } else {
        ("batch.updates", "batch.")
    };
    channels.contains(all) || channels.contains(&format!("{prefix}{}", news.subject))
}

async fn listen(app: App, authorization: Option<String>, mut socket: WebSocket) {
    let Some(caller) = known(&app, authorization, &mut socket).await else {
        return close(&mut socket, 4401, "not known").await;
    };
    let may = |action| caller.may(action).is_ok();
    let (batches, devices) = (may(Action::BatchRead), may(Action::DeviceRead));
    let Ok(plastic) = app.plastic().cloned() else { return close(&mut socket, 1013, "not here").await };
    if !batches && !devices {
        return close(&mut socket, 4403, "may not listen").await;
    }
    if send(&mut socket, text(&json!({ "type": "authenticated" }))).await != Sent::Taken {
        return;
    }
    follow(&app, &plastic, &caller, (batches, devices), socket).await;
}

async fn follow(
    app: &App,
    plastic: &Plastic,
    caller: &Caller,
    (batches, devices): (bool, bool),
    mut socket: WebSocket,
) {
    let mut news = plastic.listen();
    let mut stopping = app.stopping.clone();
    let mut beats = heartbeat();
    let visible = caller.visibility();
    let mut channels = BTreeSet::new();
    loop {
        let said = tokio::select! {
            heard = news.recv() => match heard {
                Ok(news) => {
                    let may = if news.event.starts_with("device.") { devices } else { batches };
                    if !may || !wants(&channels, &news) || !news.is_seen_by(&visible) {
                        continue;
                    }
                    text(&json!({ "type": news.event, "timestamp": seconds(news.at), "data": news.data }))
                }
                Err(RecvError::Lagged(_)) => return close(&mut socket, 4429, "too slow").await,
                Err(RecvError::Closed) => return,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(asked))) => text(&answered(&mut channels, &asked)),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            _ = beats.tick() => beat(),
            () = stopped(&mut stopping) => return close(&mut socket, 1001, "the server stops").await,
        };
        if send(&mut socket, said).await != Sent::Taken {
            return;
        }
    }
}

fn answered(channels: &mut BTreeSet<String>, asked: &str) -> Value {
    let is_channel = |name: &String| name.starts_with("batch.") || name.starts_with("device.");
    match serde_json::from_str(asked) {
        Ok(Asked::Ping) => json!({ "type": "pong" }),
        Ok(Asked::Auth { .. }) => json!({ "type": "authenticated" }),
        Ok(Asked::Subscribe { channels: wanted }) => {
            if let Some(other) = wanted.iter().find(|name| !is_channel(name)) {
                return error(&format!("{other:?} is no channel"));
            }
            if channels.len() + wanted.len() > CHANNELS_MAX {
                return error(&format!("more than {CHANNELS_MAX} channels"));
            }
            channels.extend(wanted);
            json!({ "type": "subscribed", "channels": channels })
        }
        Ok(Asked::Unsubscribe { channels: unwanted }) => {
            channels.retain(|name| !unwanted.contains(name));
            json!({ "type": "unsubscribed", "channels": channels })
        }
        Err(why) => error(&why.to_string()),
    }
}

fn error(message: &str) -> Value {
    json!({ "type": "error", "success": false, "error": { "code": super::envelope::VALIDATION, "message": message } })
}
