//! A broker of somebody else's: the platform as its client.
//!
//! The session is persistent and acknowledgements are given by hand, once the door has answered, so what the other
//! broker holds for the platform is let go of only when it is durable here. What cannot be kept now is tried again
//! here, unacknowledged, until it can.

use crate::config::{self, Clock, Config, ConfigError, span};
use crate::intake::{Fate, Heard, Intake, Refused};
use crate::mapping::Rules;
use crate::payload::{Class, Fault};
use crate::sparkplug::Nodes;
use crate::topic;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use host::platform::door::{Access, Door, Order};
use rumqttc::{AsyncClient, ClientError, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Acknowledgements and orders that wait for the connection.
const REQUESTS: usize = 1_024;
/// Longest packet that is read; payloads above the limit but below this are refused one by one [bytes].
const PACKET_MAX_BYTES: usize = 16 * 1_024 * 1_024;
/// First and longest time between two attempts to connect or to keep [s].
const RETRY_MIN_S: f64 = 0.2;
const RETRY_MAX_S: f64 = 30.0;

/// Where the other broker is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its host.
    pub host: String,
    /// Its port.
    #[serde(default = "port")]
    pub port: u16,
    /// The platform's name there; a session is kept under it.
    pub client_id: String,
    /// Who the platform says it is.
    #[serde(default)]
    pub user: Option<String>,
    /// Its secret.
    #[serde(default)]
    pub secret: Option<String>,
    /// How long the connection may be silent [s].
    #[serde(default = "keep_alive_s")]
    pub keep_alive_s: u16,
    /// Whether commands and states are published there.
    #[serde(default = "yes")]
    pub orders: bool,
}

fn port() -> u16 {
    1883
}

fn keep_alive_s() -> u16 {
    30
}

fn yes() -> bool {
    true
}

/// A client that runs until it is shut down or dropped.
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts the client. It connects, and connects again, on its own. Limits, mapping rules and Sparkplug are taken from
/// `config`.
///
/// # Errors
/// When a setting is wrong.
pub fn start(
    settings: &Settings,
    config: &Config,
    door: Arc<dyn Door>,
    clock: Option<Clock>,
) -> Result<Running, ConfigError> {
    let wrong =
        |field: &str, reason: &str| ConfigError { field: format!("remote.{field}"), reason: reason.into() };
    config.check()?;
    if settings.host.is_empty() {
        return Err(wrong("host", "it is empty"));
    }
    if settings.client_id.is_empty() {
        return Err(wrong("client_id", "it is empty, so no session could be kept under it"));
    }
    if settings.keep_alive_s < 1 {
        return Err(wrong("keep_alive_s", "0 would never notice a lost connection"));
    }
    let rules = Rules::new(&config.mapping)?;
    let sparkplug = match config.sparkplug.enabled {
        true => Some(Nodes::new(config.sparkplug.clone())?),
        false => None,
    };
    let orders = settings.orders.then(|| door.orders());
    let clock = clock.unwrap_or_else(config::wall_clock);
    let intake = Arc::new(Intake::new(door, config.limits(), rules, sparkplug, clock));

    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    options
        .set_keep_alive(Duration::from_secs(settings.keep_alive_s.into()))
        .set_clean_session(false)
        .set_manual_acks(true)
        .set_max_packet_size(PACKET_MAX_BYTES, PACKET_MAX_BYTES);
    if let Some(user) = &settings.user {
        options.set_credentials(user, settings.secret.clone().unwrap_or_default());
    }
    let (client, connection) = AsyncClient::new(options, REQUESTS);
    let (stop, stopped) = watch::channel(false);
    let (heard, hears) = mpsc::channel(config.window);
    let filters = intake.filters();
    let mut tasks = vec![
        tokio::spawn(connect(connection, client.clone(), filters, heard, stopped.clone())),
        tokio::spawn(take_in(intake, client.clone(), hears, config.window, stopped.clone())),
    ];
    if let Some(orders) = orders {
        tasks.push(tokio::spawn(send(client, orders, stopped)));
    }
    Ok(Running { stop, tasks })
}

impl Running {
    /// Stops. What was heard and not acknowledged comes again when the client comes back.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            if let Err(error) = task.await {
                tracing::error!(%error, "the mqtt client did not stop cleanly");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Keeps the connection, and hands on what is heard.
async fn connect(
    mut connection: EventLoop,
    client: AsyncClient,
    filters: Vec<String>,
    heard: mpsc::Sender<Publish>,
    mut stop: watch::Receiver<bool>,
) {
    let mut pause_s = RETRY_MIN_S;
    loop {
        let event = tokio::select! {
            event = connection.poll() => event,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                tracing::info!("connected to the other broker");
                pause_s = RETRY_MIN_S;
                for filter in &filters {
                    // Subscribing again does no harm, and a session may have been lost there.
                    if let Err(error) = client.try_subscribe(filter, QoS::AtLeastOnce) {
                        tracing::warn!(%error, filter, "could not subscribe");
                    }
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                tokio::select! {
                    sent = heard.send(publish) => if sent.is_err() { break },
                    _ = stop.wait_for(|stop| *stop) => break,
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, pause_s, "no connection to the other broker");
                if timeout(span(pause_s), stop.wait_for(|stop| *stop)).await.is_ok() {
                    break;
                }
                pause_s = (pause_s * 2.0).min(RETRY_MAX_S);
            }
        }
    }
    // A polite end, if the connection still takes it.
    if client.try_disconnect().is_ok() {
        let rest = async { while connection.poll().await.is_ok() {} };
        let _ = timeout(Duration::from_millis(500), rest).await;
    }
}

/// Brings what is heard to the door and acknowledges it in order.
async fn take_in(
    intake: Arc<Intake>,
    client: AsyncClient,
    mut hears: mpsc::Receiver<Publish>,
    window: usize,
    mut stop: watch::Receiver<bool>,
) {
    let mut pending: FuturesOrdered<BoxFuture<'static, Publish>> = FuturesOrdered::new();
    let mut acks: VecDeque<Publish> = VecDeque::new();
    loop {
        while let Some(publish) = acks.pop_front() {
            match client.try_ack(&publish) {
                Ok(()) => {}
                Err(ClientError::TryRequest(_)) => {
                    // The connection is down or behind: later.
                    acks.push_front(publish);
                    break;
                }
                Err(ClientError::Request(_)) => return,
            }
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            Some(publish) = pending.next(), if !pending.is_empty() => {
                if publish.qos != QoS::AtMostOnce {
                    acks.push_back(publish);
                }
            }
            publish = hears.recv(), if pending.len() + acks.len() < window => match publish {
                Some(publish) => {
                    let heard = understand(&intake, &publish);
                    pending.push_back(keep(intake.clone(), client.clone(), publish, heard).boxed());
                }
                None => return,
            },
            () = sleep(Duration::from_millis(20)), if !acks.is_empty() => {}
        }
    }
}

/// Understands a message, in the order in which they come.
fn understand(intake: &Intake, publish: &Publish) -> Result<Heard, Refused> {
    if !topic::is_name(&publish.topic) {
        let fault = Fault::new(Class::BadTopic, "topic", "too long, empty or with wildcards");
        return Err(Refused::plain(fault));
    }
    intake.hear(&Access::All, &publish.topic, &publish.payload)
}

/// Keeps a message, however long that takes.
async fn keep(
    intake: Arc<Intake>,
    client: AsyncClient,
    publish: Publish,
    heard: Result<Heard, Refused>,
) -> Publish {
    let topic = Bytes::from(publish.topic.clone());
    let answers = match heard {
        Ok(heard) => {
            let mut pause_s = RETRY_MIN_S;
            while intake.carry(heard.reports.clone(), topic.clone(), publish.payload.clone()).await
                == Fate::Unavailable
            {
                sleep(span(pause_s)).await;
                pause_s = (pause_s * 2.0).min(RETRY_MAX_S);
            }
            heard.answers
        }
        Err(refused) => {
            intake.reject(refused.from, topic, publish.payload.clone(), refused.fault).await;
            refused.answers
        }
    };
    for (topic, payload) in answers {
        if let Err(error) = client.try_publish(topic, QoS::AtMostOnce, false, payload) {
            tracing::debug!(%error, "an answer was not sent");
        }
    }
    publish
}

/// Publishes what leaves for hardware.
async fn send(client: AsyncClient, mut orders: broadcast::Receiver<Order>, mut stop: watch::Receiver<bool>) {
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let (topic, retain, payload) = match order {
            Ok(Order::Command { device, payload, .. }) => (topic::command(&device), false, payload),
            Ok(Order::State { device, payload }) => (topic::twin(&device), true, payload),
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                metrics::counter!("celltide_mqtt_missed_orders_total").increment(missed);
                tracing::warn!(missed, "orders were missed");
                continue;
            }
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let published = tokio::select! {
            published = client.publish(topic, QoS::AtLeastOnce, retain, payload.as_bytes()) => published,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if published.is_err() {
            return;
        }
    }
}
