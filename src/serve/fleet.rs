//! A simulated fleet: each plant a device of its own, which connects over MQTT, reports, and does as it is told.
//!
//! ```text
//!  clock ──► Plant::report ──► client ──► TCP ──► broker ──► twin        nothing goes around the broker
//!            Plant::obey  ◄── client ◄── TCP ◄── broker ◄── command
//! ```

use crate::failure::Failure;
use crate::output;
use host::identity::{Act, Identity, Secret};
use host::platform::clock::Clock;
use host::platform::door::{Device, Kind};
use host::platform::{Alias, ErrorKind, NewTwin, Platform, Spec};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use sim::plant::{Fleet, Plant};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use twin::battery::integrate::Stepping;

/// Most devices; each has a connection of its own.
const DEVICES_MAX: usize = 5_000;
/// Messages that may wait in a client.
const WAITING: usize = 64;
/// How long a client waits before it connects again.
const AGAIN: Duration = Duration::from_secs(1);
/// Fine enough for readings every few seconds.
const STEPPING: Stepping = Stepping { soc_max: 0.02, active_max_s: 60.0, rest_max_s: 600.0 };

/// Reads the fleet of a scenario's first variant.
pub(crate) fn load(scenario: &Path) -> Result<Fleet, Failure> {
    let plan = sim::scenario::load(scenario, &[], &sim::experiment::known()).map_err(Failure::usage)?;
    let models = sim::engine::prepare::<std::convert::Infallible>(&plan).map_err(Failure::usage)?;
    let model = models.first().ok_or_else(|| Failure::say("the scenario has no variant"))?;
    let fleet = Fleet::of(model, STEPPING);
    if fleet.plants.is_empty() {
        return Err(Failure::say("the scenario has no `packs`; only those become simulated devices"));
    }
    if fleet.plants.len() > DEVICES_MAX {
        let count = fleet.plants.len();
        return Err(Failure::say(format_args!(
            "the scenario has {count} packs; at most {DEVICES_MAX} devices connect"
        )));
    }
    if !fleet.left_out.is_empty() {
        output::note(format_args!("note: no simulated devices for {}", fleet.left_out.join(", ")));
    }
    Ok(fleet)
}

/// Registers the fleet's twins, where they are not there yet.
pub(crate) async fn register(fleet: &Fleet, platform: &Platform) -> Result<(), Failure> {
    for plant in &fleet.plants {
        match platform.find(Some(Kind::Battery), plant.name()).await {
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::Absent => {}
            Err(error) => return Err(Failure::failed(error)),
        }
        let new = NewTwin {
            kind: Kind::Battery,
            name: Some(plant.name().to_owned()),
            aliases: vec![Alias { namespace: "device".to_owned(), name: plant.name().to_owned() }],
            spec: Spec::read(Kind::Battery, plant.spec()).map_err(Failure::failed)?,
            labels: BTreeMap::from([("simulated".to_owned(), "yes".to_owned())]),
            organisation: None,
        };
        platform.create(new, "scenario").await.map_err(Failure::failed)?;
    }
    Ok(())
}

/// Secrets of devices by their names.
pub(crate) type Secrets = BTreeMap<String, Secret>;

/// Lets the fleet's devices log in, each with a secret of its own, new at every start.
pub(crate) async fn enrol(fleet: &Fleet, identity: &Identity) -> Result<Secrets, Failure> {
    let act = Act { by: "scenario", at: Clock::wall().now() };
    let (mut secrets, mut unknown) = (Secrets::new(), Vec::new());
    for plant in &fleet.plants {
        let device = Device { kind: Kind::Battery, id: plant.name().into() };
        if identity.device(&device).await.map_err(Failure::failed)?.is_none() {
            unknown.push(device);
            continue;
        }
        let secret = identity.rotate_device_secret(&device, act).await.map_err(Failure::failed)?;
        secrets.insert(plant.name().to_owned(), secret);
    }
    let enrolled = identity.enrol(unknown, None, act).await.map_err(Failure::failed)?;
    secrets.extend(enrolled.into_iter().map(|(device, secret)| (device.id.as_ref().to_owned(), secret)));
    Ok(secrets)
}

/// Starts the devices; they end when the set is dropped.
pub(crate) fn start(
    fleet: Fleet,
    clock: &Clock,
    broker: SocketAddr,
    secrets: &Secrets,
    interval_s: f64,
) -> JoinSet<()> {
    let mut devices = JoinSet::new();
    let interval_ms = (interval_s * 1e3).round().max(1.0) as i64;
    let count = fleet.plants.len().max(1) as i64;
    for (index, plant) in fleet.plants.into_iter().enumerate() {
        let topic = format!("celltide/v1/battery/{}", plant.name());
        let mut options =
            MqttOptions::new(format!("plant-{}", plant.name()), broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(60));
        if let Some(secret) = secrets.get(plant.name()) {
            options.set_credentials(plant.name(), secret.reveal());
        }
        options.set_last_will(LastWill::new(format!("{topic}/status"), "offline", QoS::AtLeastOnce, true));
        let (client, events) = AsyncClient::new(options, WAITING);
        let (orders, heard) = mpsc::channel(WAITING);
        devices.spawn(listen(events, client.clone(), topic.clone(), orders));
        // Spread over the interval, so that they do not all speak at once.
        let first = clock.now() + interval_ms * (index as i64 % count) / count;
        devices.spawn(live(plant, client, topic, heard, clock.clone(), first, interval_ms));
    }
    devices
}

/// Keeps the connection and hands on what is heard.
async fn listen(mut events: EventLoop, client: AsyncClient, topic: String, orders: mpsc::Sender<Value>) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                // The queue has room when a connection begins; where not, the next connection tries again.
                let _ = client.try_subscribe(format!("{topic}/command"), QoS::AtLeastOnce);
                let _ = client.try_publish(format!("{topic}/status"), QoS::AtLeastOnce, true, "online");
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                if let Ok(order) = serde_json::from_slice(&message.payload) {
                    // A device that is too slow loses orders; the platform tells it again.
                    let _ = orders.try_send(order);
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(topic, %error, "a simulated device lost its connection");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Reports at every interval of the fleet's time, and does as it is told.
async fn live(
    mut plant: Plant,
    client: AsyncClient,
    topic: String,
    mut heard: mpsc::Receiver<Value>,
    clock: Clock,
    first: twin::time::Time,
    interval_ms: i64,
) {
    let mut next = first;
    loop {
        let (to, message) = tokio::select! {
            () = clock.until(next) => {
                let mut readings = plant.report(next);
                // A clock that was advanced leaves reports behind: a device that comes back sends what it kept.
                while next + interval_ms <= clock.now() && readings.len() < 500 {
                    next = next + interval_ms;
                    readings.extend(plant.report(next));
                }
                next = next + interval_ms;
                match readings.len() {
                    0 => continue,
                    1 => (format!("{topic}/telemetry"), readings.remove(0)),
                    _ => (format!("{topic}/telemetry"), Value::Array(readings)),
                }
            }
            order = heard.recv() => {
                let Some(order) = order else { return };
                let Some(id) = order["command_id"].as_str() else { continue };
                let done = plant.obey(order["name"].as_str().unwrap_or_default(), &order["params"], clock.now());
                let answer = match done {
                    Ok(()) => json!({ "ts": clock.now().0, "done": true }),
                    Err(why) => json!({ "ts": clock.now().0, "done": false, "detail": why }),
                };
                (format!("{topic}/command/{id}/ack"), answer)
            }
        };
        if client.publish(to, QoS::AtLeastOnce, false, message.to_string()).await.is_err() {
            return;
        }
    }
}
