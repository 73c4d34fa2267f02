//! One socket: who it is, what it wants to hear.

use super::super::envelope::NOT_KNOWN;
use super::super::wire::stamp;
use super::hub::Hub;
use super::rooms::Room;
use crate::problem::Problem;
use host::identity::{Action, Caller, Presented, Secret, Unauthenticated, may, policy};
use host::platform::door::Kind;
use serde_json::{Map, Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::DisconnectReason;
use std::fmt;
use std::sync::Arc;

/// What is said to whoever connects.
const WELCOME: &str = "Connected to Battery RUL Monitoring";

/// Who a socket is.
#[derive(Debug, Clone)]
struct Known {
    caller: Arc<Caller>,
    token: Secret,
}

/// Why somebody may not connect.
#[derive(Debug, Clone, Copy)]
struct TurnedAway(&'static str);

impl fmt::Display for TurnedAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Opens the namespace.
pub(super) fn open(io: &SocketIo, hub: &Arc<Hub>) {
    let (knowing, greeting) = (hub.clone(), hub.clone());
    let known = move |socket: SocketRef, auth: TryData<Value>| {
        let hub = knowing.clone();
        async move {
            let shown = auth.0.ok();
            let token = shown.as_ref().and_then(|auth| auth.get("token")).and_then(Value::as_str);
            let known = known(&hub, token).await?;
            admit(&hub, &socket, known);
            Ok::<(), TurnedAway>(())
        }
    };
    let greet = move |socket: SocketRef| {
        let hub = greeting.clone();
        async move {
            let greeting = json!({ "message": WELCOME, "timestamp": hub.timestamp() });
            hub.emit(&socket, "connected", &greeting);
        }
    };
    io.ns("/", greet.with(known));
}

/// Who shows a token.
async fn known(hub: &Hub, token: Option<&str>) -> Result<Known, TurnedAway> {
    let token = token.map(|token| token.strip_prefix("Bearer ").unwrap_or(token));
    let token = token.filter(|token| !token.is_empty()).ok_or(TurnedAway(NOT_KNOWN))?;
    let caller = authenticated(hub, token).await.map_err(|why| match why {
        Unauthenticated::Failed(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a token could not be looked at");
            TurnedAway("Service unavailable")
        }
        _ => TurnedAway(NOT_KNOWN),
    })?;
    policy::may_at_all(&caller, Action::MonitorRead).map_err(|_| TurnedAway("Viewer access required"))?;
    Ok(Known { caller, token: Secret::new(token.to_owned()) })
}

/// Whose token it is, as things stand now.
pub(super) async fn authenticated(hub: &Hub, token: &str) -> Result<Arc<Caller>, Unauthenticated> {
    let header = format!("Bearer {token}");
    let presented = Presented::from_headers(Some(&header), None)?;
    hub.app.identity.authenticate(presented, hub.app.wall.now()).await
}

/// Lets a socket in and hears what it wants; all of that before it is told so, since it may speak at once then.
fn admit(hub: &Arc<Hub>, socket: &SocketRef, known: Known) {
    let Known { caller, token } = known;
    hub.rooms().enter(socket.clone(), caller.clone(), token);
    let (left, pinged) = (hub.clone(), hub.clone());
    socket.on_disconnect(move |socket: SocketRef, _: DisconnectReason| {
        let hub = left.clone();
        async move { drop(hub.rooms().leave(socket.id)) }
    });
    socket.on("ping", move |socket: SocketRef, ack: AckSender| {
        let hub = pinged.clone();
        async move {
            let pong = json!({ "timestamp": hub.timestamp() });
            hub.emit(&socket, "pong", &pong);
            let _ = ack.send(&pong);
        }
    });
    for (event, field, joins) in [
        ("subscribe_location", LOCATION, true),
        ("unsubscribe_location", LOCATION, false),
        ("subscribe_battery", BATTERY, true),
        ("unsubscribe_battery", BATTERY, false),
    ] {
        let (hub, caller) = (hub.clone(), caller.clone());
        socket.on(event, move |socket: SocketRef, TryData(asked): TryData<Value>, ack: AckSender| {
            let (hub, caller) = (hub.clone(), caller.clone());
            async move {
                let asked = asked.unwrap_or(Value::Null);
                let answer = listen(&hub, &socket, &caller, (field, joins), &asked).await;
                let (event, data) = match answer {
                    Ok(done) => (if joins { "subscribed" } else { "unsubscribed" }, Value::Object(done)),
                    Err(message) => ("error", json!({ "message": message })),
                };
                hub.emit(&socket, event, &data);
                let _ = ack.send(&data);
            }
        });
    }
}

const LOCATION: &str = "location_id";
const BATTERY: &str = "battery_id";

/// Begins or ends to listen to a battery or a place; what is said then.
async fn listen(
    hub: &Hub,
    socket: &SocketRef,
    caller: &Caller,
    (field, joins): (&'static str, bool),
    asked: &Value,
) -> Result<Map<String, Value>, String> {
    let name = asked.get(field).and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| format!("{field} is missing"))?;
    let (kind, room, name) = match field {
        LOCATION => {
            let visible = policy::Visibility::of(caller);
            let place = hub.app.platform.place(name, &visible).await;
            let place = place.map_err(|error| refusal(error, format!("Location {name} not found")))?;
            ("location", Room::Place(place.name.as_str().into()), place.name)
        }
        _ => {
            let absent = || format!("Battery {name} not found");
            let record = hub.app.platform.find(Some(Kind::Battery), name).await;
            let record = record.map_err(|error| refusal(error, absent()))?;
            may(caller, Action::MonitorRead, &record.owner(caller)).map_err(|_| absent())?;
            ("battery", Room::Battery(record.id), record.device_name())
        }
    };
    if joins {
        hub.begin(&room, caller).await.map_err(|error| refusal(error, format!("{name} not found")))?;
        if !hub.rooms().join(socket.id, room) {
            return Err("Too many subscriptions".to_owned());
        }
    } else {
        hub.rooms().part(socket.id, &room);
    }
    let mut done = Map::new();
    done.insert("type".to_owned(), kind.into());
    done.insert(field.to_owned(), name.into());
    done.insert("timestamp".to_owned(), stamp(hub.app.platform.clock().now()).into());
    Ok(done)
}

/// What is said of a refusal of the platform.
fn refusal(error: host::platform::PlatformError, absent: String) -> String {
    match error.kind() {
        host::platform::ErrorKind::Absent => absent,
        _ => Problem::from(error).detail().to_owned(),
    }
}
