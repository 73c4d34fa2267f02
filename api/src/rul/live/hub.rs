//! The hub: hears the news, looks at batteries that somebody listens to, tells whoever does.

use super::super::alert::AlertBody;
use super::super::wire::{Telemetry, percent, stamp};
use super::follow::{Follow, Fresh};
use super::rooms::{Farewell, Room, Rooms, dismiss, is_full};
use super::socket::authenticated;
use crate::server::App;
use futures::StreamExt;
use futures::stream;
use host::identity::{Action, Caller, Unauthenticated, Visibility, policy};
use host::platform::bus::News;
use host::platform::door::Kind;
use host::platform::monitor::{MonitoredAlert, Watched};
use host::platform::{PlatformError, TwinId};
use serde::Serialize;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often it is looked whether something is to be told.
const TICK: Duration = Duration::from_millis(50);
/// How often tokens are looked at again.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// Batteries that are looked at at once.
const AT_ONCE: usize = 64;
/// Batteries of a place that are looked at when somebody begins to listen; the others are when they report.
const BEGIN_MAX: usize = 1_000;

/// The hub.
pub(super) struct Hub {
    pub(super) app: App,
    rooms: Mutex<Rooms>,
    follow: Mutex<Follow>,
}

impl Hub {
    pub(super) fn new(app: App) -> Arc<Self> {
        Arc::new(Self { app, rooms: Mutex::default(), follow: Mutex::default() })
    }

    pub(super) fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self) -> MutexGuard<'_, Follow> {
        self.follow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present instant, as events carry it.
    pub(super) fn timestamp(&self) -> String {
        stamp(self.app.platform.clock().now())
    }

    /// Tells one socket; who has no room for it is let go.
    pub(super) fn emit<T: Serialize>(&self, socket: &SocketRef, event: &str, data: &T) {
        if is_full(&socket.emit(event, data)) {
            self.let_go(socket, Farewell::Slow);
        }
    }

    fn let_go(&self, socket: &SocketRef, why: Farewell) {
        // Whoever was let go already is no longer there.
        if self.rooms().leave(socket.id).is_some() {
            dismiss(socket.clone(), why);
        }
    }

    /// Somebody is about to listen: how batteries stand now is where changes begin.
    pub(super) async fn begin(&self, room: &Room, caller: &Caller) -> Result<(), PlatformError> {
        let platform = &self.app.platform;
        let batteries = match room {
            Room::Battery(id) => vec![platform.watched(*id).await?],
            Room::Place(place) => {
                let visible = Visibility::of(caller);
                platform.watched_list(Some(place), &visible, 0, BEGIN_MAX).await?.0
            }
        };
        let mut follow = self.follow();
        for battery in batteries {
            follow.begin(battery.record.id, battery.standing, battery.latest.map(|sample| sample.at));
        }
        Ok(())
    }

    /// Tells everybody who listens to a battery.
    async fn tell<T: Serialize>(&self, twin: TwinId, event: &str, data: &T) {
        let Ok(Some(listed)) = self.app.platform.listed(twin).await else { return };
        let audience = {
            let rooms = self.rooms();
            rooms.audience(twin, listed.place(), |visible| listed.is_seen_by(visible))
        };
        for socket in audience {
            self.emit(&socket, event, data);
        }
    }

    /// Whether anybody listens to a battery.
    async fn hears(&self, twin: TwinId) -> bool {
        if self.rooms().is_empty() {
            return false;
        }
        let Ok(Some(listed)) = self.app.platform.listed(twin).await else { return false };
        self.rooms().hears(twin, listed.place())
    }

    async fn heard(&self, news: &News) {
        if news.kind != Kind::Battery || !self.hears(news.twin).await {
            return;
        }
        match news.event.as_str() {
            "alert.raised" | "alert.changed" => self.alert(news).await,
            _ => {}
        }
        self.follow().touch(news.twin);
    }

    async fn alert(&self, news: &News) {
        let Some(id) = news.data.get("id").and_then(Value::as_str) else { return };
        match self.app.platform.monitored_alert(id, &Visibility::Everything).await {
            Ok(alert) => self.tell(news.twin, "alert", &alert_event(&alert)).await,
            Err(error) => tracing::warn!(%error, id, "an alert could not be told"),
        }
    }

    /// Looks at batteries of which there is something to be told, and tells it.
    async fn flush(&self) {
        let due = self.follow().due(Instant::now());
        let looks = stream::iter(due).map(|twin| self.app.platform.watched(twin));
        let seen: Vec<_> = looks.buffer_unordered(AT_ONCE).collect().await;
        for battery in seen {
            match battery {
                Ok(battery) => self.tell_of(&battery).await,
                Err(error) => tracing::debug!(%error, "a battery could not be looked at"),
            }
        }
    }

    async fn tell_of(&self, battery: &Watched) {
        let id = battery.record.id;
        let sample_at = battery.latest.map(|sample| sample.at);
        let Fresh { sample, standing } = self.follow().seen(id, battery.standing, sample_at);
        let timestamp = self.timestamp();
        if let Some(latest) = battery.latest.as_ref().filter(|_| sample) {
            let data = Telemetry::from(latest);
            let event = json!({ "battery_id": battery.name, "data": data, "timestamp": stamp(latest.at) });
            self.tell(id, "telemetry_update", &event).await;
        }
        if standing {
            let soh = battery.latest.and_then(|sample| sample.soh);
            let soc = battery.latest.and_then(|sample| sample.soc);
            let data = json!({
                "status": battery.standing.as_str(), "soh_pct": soh.map(percent), "soc_pct": soc.map(percent),
                "active_alerts": battery.alerts,
            });
            let event = json!({ "battery_id": battery.name, "data": data, "timestamp": timestamp });
            self.tell(id, "battery_status_update", &event).await;
        }
    }

    /// The news came faster than they could be told.
    fn missed(&self, count: u64) {
        metrics::counter!("celltide_news_missed_total").increment(count);
        // The latest of every battery is told all the same; alerts that were missed are in the lists.
        self.follow().touch_all();
        let sockets: Vec<SocketRef> = self.rooms().members().map(|member| member.socket.clone()).collect();
        for socket in sockets {
            self.emit(&socket, "error", &json!({ "message": format!("{count} messages were missed") }));
        }
    }

    /// Lets those go whose tokens are no longer good, and forgets batteries that nobody listens to.
    async fn look_after(&self) {
        self.rooms().sweep();
        let members: Vec<_> = self.rooms().members().cloned().collect();
        for member in members {
            let known = authenticated(self, member.token.reveal()).await;
            let is_good = match &known {
                Ok(caller) => {
                    caller.subject == member.caller.subject
                        && caller.organisation == member.caller.organisation
                        && policy::may_at_all(caller, Action::MonitorRead).is_ok()
                }
                // Whether it is good cannot be known now; it was a moment ago.
                Err(Unauthenticated::Failed(_)) => true,
                Err(_) => false,
            };
            if !is_good {
                self.let_go(&member.socket, Farewell::NotKnown);
            }
        }
        if self.rooms().is_empty() {
            self.follow().keep(|_| false);
        }
    }
}

/// An alert as an event carries it.
fn alert_event(alert: &MonitoredAlert) -> Value {
    let mut event = serde_json::to_value(AlertBody::from(alert)).unwrap_or_default();
    event["location_id"] = json!(alert.place);
    event
}

/// Hears and tells until the server goes down.
pub(super) async fn run(hub: Arc<Hub>, io: SocketIo) {
    let mut news = hub.app.platform.listen();
    let mut stopping = hub.app.stopping.clone();
    let (mut tick, mut known) = (interval(TICK), interval(KNOWN_FOR));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    known.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            heard = news.recv() => match heard {
                Ok(news) => hub.heard(&news).await,
                Err(RecvError::Lagged(count)) => hub.missed(count),
                Err(RecvError::Closed) => break,
            },
            _ = tick.tick() => {
                let is_waiting = hub.follow().is_waiting();
                if is_waiting {
                    hub.flush().await;
                }
            }
            _ = known.tick() => hub.look_after().await,
            () = crate::live::stopped(&mut stopping) => break,
        }
    }
    io.close().await;
}
