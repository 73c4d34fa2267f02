//! `GET /battery-passport/v1/stream`: events over a WebSocket.
//!
//! ```text
//! client  {"action": "auth", "token"}  {"action": "subscribe" | "unsubscribe", "batteryId"?, "fleetId"?, "events"?}  {"action": "ping"}
//! server  {"type": "authenticated" | "subscribed" | "unsubscribed" | "pong"}  {"messageId", "timestamp", "batteryId", "eventType", "data"}
//! ```
//!
//! The token stands in `Authorization`, in `?access_token=`, or in the first message, within ten seconds. A mistake is
//! answered with the error envelope. Closing codes: 4401 nobody known, 4403 who may not, 4429 too slow.

use super::envelope::{refusal, refused, unfit};
use super::wire::stamp;
use crate::body::Asked;
use crate::caller::Caller;
use crate::edge::Refused;
use crate::live::socket::{PATIENCE, Sent, beat, close, heartbeat, send, text};
use crate::live::stopped;
use crate::problem::Problem;
use crate::server::App;
use crate::shown::Shown;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use host::identity::Action;
use host::passport::{Criteria, EVENTS, event_name};
use host::platform::TwinId;
use host::platform::bus::News;
use host::platform::fleet::Part;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

/// Longest message of a listener in bytes.
const MESSAGE_MAX_BYTES: usize = 16 << 10;
/// Batteries that one listener may hear of.
const BATTERIES_MAX: usize = 10_000;
const UNKNOWN: u16 = 4401;
const FORBIDDEN: u16 = 4403;
const SLOW: u16 = 4429;

/// A token in the address, for pages that cannot set headers.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamAsked {
    access_token: Option<String>,
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    action: String,
    token: Option<String>,
    battery_id: Option<String>,
    fleet_id: Option<String>,
    events: Option<Vec<String>>,
}

/// What a listener wants to hear: of each battery which events.
#[derive(Debug, Default)]
struct Wanted(BTreeMap<TwinId, (String, BTreeSet<&'static str>)>);

impl Wanted {
    fn wire(&self, news: &News) -> Option<Value> {
        let (battery_id, events) = self.0.get(&news.twin)?;
        let event = event_name(&news.event).filter(|event| events.contains(event))?;
        let mut data = news.data.clone();
        if let Value::Object(fields) = &mut data {
            fields.insert("event".to_owned(), json!(news.event));
        }
        Some(json!({
            "messageId": format!("msg-{}", news.number), "timestamp": stamp(news.at), "batteryId": battery_id,
            "eventType": event, "data": data,
        }))
    }
}

/// The upgrade.
pub(crate) async fn stream_socket(
    State(app): State<App>,
    mut headers: HeaderMap,
    Asked(asked): Asked<StreamAsked>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !headers.contains_key(header::AUTHORIZATION)
        && let Some(token) = asked.access_token
    {
        show(&mut headers, &token);
    }
    let upgrade = upgrade.max_message_size(MESSAGE_MAX_BYTES);
    upgrade.on_upgrade(move |socket| serve(app, socket, headers))
}

/// Puts a token where others have theirs.
fn show(headers: &mut HeaderMap, token: &str) {
    // What cannot stand in a header is no token.
    if let Ok(value) = HeaderValue::try_from(format!("Bearer {token}")) {
        headers.insert(header::AUTHORIZATION, value);
    }
}

fn refusal_of(app: &App, problem: &Problem) -> Value {
    refused(&Refused { problem, request_id: "", at: app.wall.now() }).1
}

/// Waits for the message that says who it is.
async fn first_said(socket: &mut WebSocket) -> Option<String> {
    let said = timeout(PATIENCE, async {
        loop {
            match socket.recv().await {
                Some(Ok(Message::Text(said))) => break Some(said),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                Some(Ok(_)) => {}
            }
        }
    });
    let said: Said = serde_json::from_str(&said.await.ok()??).ok()?;
    (said.action == "auth").then_some(said.token).flatten()
}

async fn serve(app: App, mut socket: WebSocket, mut headers: HeaderMap) {
    let is_late = !headers.contains_key(header::AUTHORIZATION) && !headers.contains_key("x-api-key");
    if is_late {
        match first_said(&mut socket).await {
            Some(token) => show(&mut headers, &token),
            None => return close(&mut socket, UNKNOWN, "nobody known").await,
        }
    }
    let caller = match app.who(Shown::in_headers(&headers), "stream").await {
        Ok(caller) => caller,
        Err(problem) => {
            send(&mut socket, text(&refusal_of(&app, &problem))).await;
            return close(&mut socket, UNKNOWN, "nobody known").await;
        }
    };
    if let Err(problem) = caller.may(Action::PassportRead) {
        send(&mut socket, text(&refusal_of(&app, &problem))).await;
        return close(&mut socket, FORBIDDEN, "may not").await;
    }
    if is_late && send(&mut socket, text(&json!({ "type": "authenticated" }))).await != Sent::Taken {
        return;
    }
    listen(&app, &caller, &mut socket).await;
}

async fn listen(app: &App, caller: &Caller, socket: &mut WebSocket) {
    let mut news = app.platform.listen();
    let mut stopping = app.stopping.clone();
    let mut beats = heartbeat();
    let mut wanted = Wanted::default();
    loop {
        let said = tokio::select! {
            heard = news.recv() => match heard {
                Ok(news) => match wanted.wire(&news) {
                    Some(told) => text(&told),
                    None => continue,
                },
                Err(RecvError::Lagged(_)) => return close(socket, SLOW, "too slow").await,
                Err(RecvError::Closed) => return,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(asked))) => {
                    text(&answered(app, caller, &mut wanted, &asked).await.unwrap_or_else(|problem| {
                        refusal_of(app, &problem)
                    }))
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            _ = beats.tick() => beat(),
            () = stopped(&mut stopping) => return close(socket, close_code::AWAY, "the server stops").await,
        };
        match send(socket, said).await {
            Sent::Taken => {}
            Sent::Gone => return,
            Sent::Slow => return close(socket, SLOW, "too slow").await,
        }
    }
}

/// Batteries that a message names.
async fn named(app: &App, caller: &Caller, said: &Said) -> Result<Vec<(TwinId, String)>, Problem> {
    let visible = caller.visibility();
    match (&said.battery_id, &said.fleet_id) {
        (Some(id), _) => {
            let passport = app.passports.find(id, &visible).await.map_err(refusal)?;
            Ok(vec![(passport.twin, passport.battery_id)])
        }
        (None, Some(owner)) => {
            let criteria = Criteria { owner: Some(owner.clone()), ..Criteria::default() };
            let part = Part { skip: 0, limit: BATTERIES_MAX };
            let rows = app.passports.search(&criteria, &visible, part).await.map_err(refusal)?;
            Ok(rows.items.into_iter().map(|row| (row.twin, row.battery_id.to_string())).collect())
        }
        (None, None) => Err(unfit("batteryId", "or fleetId has to be given")),
    }
}

async fn answered(app: &App, caller: &Caller, wanted: &mut Wanted, asked: &str) -> Result<Value, Problem> {
    let said: Said = serde_json::from_str(asked).map_err(|error| unfit("message", error.to_string()))?;
    let events: BTreeSet<&'static str> = match &said.events {
        None => EVENTS.into_iter().collect(),
        Some(names) => names
            .iter()
            .map(|name| {
                let known = EVENTS.into_iter().find(|known| known == name);
                known.ok_or_else(|| unfit("events", format!("{name:?} is none of {}", EVENTS.join(", "))))
            })
            .collect::<Result<_, _>>()?,
    };
    match said.action.as_str() {
        "ping" => Ok(json!({ "type": "pong", "timestamp": stamp(app.wall.now()) })),
        "auth" => Ok(json!({ "type": "authenticated" })),
        action @ ("subscribe" | "unsubscribe") => {
            let named = named(app, caller, &said).await?;
            if action == "subscribe" && wanted.0.len() + named.len() > BATTERIES_MAX {
                return Err(unfit("batteryId", format!("more than {BATTERIES_MAX} batteries")));
            }
            let count = named.len();
            for (twin, battery_id) in named {
                if action == "subscribe" {
                    wanted.0.entry(twin).or_insert((battery_id, BTreeSet::new())).1.extend(&events);
                } else if let Some((_, heard)) = wanted.0.get_mut(&twin) {
                    heard.retain(|event| !events.contains(event));
                }
            }
            wanted.0.retain(|_, (_, heard)| !heard.is_empty());
            Ok(json!({
                "type": format!("{action}d"), "batteryId": said.battery_id, "fleetId": said.fleet_id,
                "events": events, "batteries": count,
            }))
        }
        other => Err(unfit("action", format!("{other:?} is none of auth, subscribe, unsubscribe, ping"))),
    }
}
