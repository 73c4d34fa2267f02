//! A simulated fleet: each battery, cabinet, vessel and data centre a device of its own, which connects over MQTT, reports,
//! and does as it is told.
//!
//! ```text
//!  clock ──► Plant::report ──► client ──► TCP ──► broker ──► twin        nothing goes around the broker
//!            Plant::obey  ◄── client ◄── TCP ◄── broker ◄── command
//! ```

use crate::failure::Failure;
use crate::output;
use crate::serve::season::Season;
use host::identity::{Act, Identity, Secret};
use host::platform::clock::Clock;
use host::platform::door::{Device, Kind};
use host::platform::fault::{Abilities, Simulated};
use host::platform::{Alias, ErrorKind, NewTwin, Platform, Spec};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use sim::plant::{Fleet, Plant, Said, World};
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
/// Longest packet of a client: some hundred readings, as a device sends that was away.
const PACKET_MAX_BYTES: usize = 256 * 1_024;
/// How long a client waits before it connects again.
const AGAIN: Duration = Duration::from_secs(1);
/// Fine enough for readings every few seconds.
const STEPPING: Stepping = Stepping { soc_max: 0.02, active_max_s: 60.0, rest_max_s: 600.0 };

/// Reports of the world between two looks at the clock after it jumped.
const ON_THE_WAY: i64 = 60;

/// Reads the fleet of a scenario's first variant.
pub(crate) fn load(scenario: &Path) -> Result<Fleet, Failure> {
    let plan = sim::scenario::load(scenario, &[], &sim::experiment::known()).map_err(Failure::usage)?;
    let models = sim::engine::prepare::<std::convert::Infallible>(&plan).map_err(Failure::usage)?;
    let model = models.first().ok_or_else(|| Failure::say("the scenario has no variant"))?;
    let fleet = Fleet::of(model, STEPPING);
    let count = devices(&fleet).count();
    if count == 0 {
        return Err(Failure::say(
            "the scenario has no packs, networks, cleanups or data centres; only those become simulated devices",
        ));
    }
    if count > DEVICES_MAX {
        return Err(Failure::say(format_args!(
            "the scenario has {count} devices; at most {DEVICES_MAX} connect"
        )));
    }
    if !fleet.left_out.is_empty() {
        output::note(format_args!("note: no simulated devices for {}", fleet.left_out.join(", ")));
    }
    Ok(fleet)
}

/// All devices with their specifications and what can be made faulty of them.
fn devices(fleet: &Fleet) -> impl Iterator<Item = (Device, Value, Abilities)> {
    let plants = fleet.plants.iter().map(|plant| {
        let device = Device { kind: Kind::Battery, id: plant.name().into() };
        (device, plant.spec(), plant.abilities())
    });
    let world = fleet.world.iter().flat_map(World::devices);
    plants.chain(world.map(|of| (of.device.clone(), of.spec.clone(), of.abilities.clone())))
}

/// What of the hardware is simulated, and can be made faulty.
pub(crate) fn simulated(fleet: &Fleet) -> Simulated {
    Simulated::of(devices(fleet).map(|(device, _, abilities)| (device, abilities)))
}

/// Registers the fleet's twins, where they are not there yet.
pub(crate) async fn register(fleet: &Fleet, platform: &Platform) -> Result<(), Failure> {
    for (Device { kind, id }, spec, _) in devices(fleet) {
        match platform.find(Some(kind), &id).await {
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::Absent => {}
            Err(error) => return Err(Failure::failed(error)),
        }
        let new = NewTwin {
            kind,
            name: Some(id.to_string()),
            aliases: vec![Alias { namespace: "device".to_owned(), name: id.to_string() }],
            spec: Spec::read(kind, spec).map_err(Failure::failed)?,
            labels: BTreeMap::from([("simulated".to_owned(), "yes".to_owned())]),
            organisation: None,
        };
        platform.create(new, "scenario").await.map_err(Failure::failed)?;
    }
    Ok(())
}

/// Secrets of devices.
pub(crate) type Secrets = BTreeMap<Device, Secret>;

/// Lets the fleet's devices log in, each with a secret of its own, new at every start.
pub(crate) async fn enrol(fleet: &Fleet, identity: &Identity) -> Result<Secrets, Failure> {
    let act = Act { by: "scenario", at: Clock::wall().now() };
    let (mut secrets, mut unknown) = (Secrets::new(), Vec::new());
    for (device, ..) in devices(fleet) {
        if identity.device(&device).await.map_err(Failure::failed)?.is_none() {
            unknown.push(device);
            continue;
        }
        let secret = identity.rotate_device_secret(&device, act).await.map_err(Failure::failed)?;
        secrets.insert(device, secret);
    }
    secrets.extend(identity.enrol(unknown, None, act).await.map_err(Failure::failed)?);
    Ok(secrets)
}

/// A device's connection: what it is told comes out of `heard`.
struct Line {
    client: AsyncClient,
    topic: String,
    heard: mpsc::Receiver<Value>,
}

/// What all devices share.
#[derive(Clone)]
struct Shared {
    clock: Clock,
    simulated: Simulated,
    interval_ms: i64,
}

/// Starts the devices; they end when the set is dropped.
pub(crate) fn start(
    fleet: Fleet,
    clock: &Clock,
    simulated: Simulated,
    broker: SocketAddr,
    secrets: &Secrets,
    interval_s: f64,
    season: Option<Season>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let interval_ms = (interval_s * 1e3).round().max(1.0) as i64;
    let shared = Shared { clock: clock.clone(), simulated, interval_ms };
    let count = fleet.plants.len().max(1) as i64;
    for (index, plant) in fleet.plants.into_iter().enumerate() {
        let device = Device { kind: Kind::Battery, id: plant.name().into() };
        let line = connect(&mut tasks, &device, broker, secrets);
        // Spread over the interval, so that they do not all speak at once.
        let first = clock.now() + interval_ms * (index as i64 % count) / count;
        tasks.spawn(live(plant, device, line, shared.clone(), first));
    }
    if let Some(world) = fleet.world {
        let mut ways = Vec::new();
        for device in world.devices() {
            let line = connect(&mut tasks, &device.device, broker, secrets);
            let (say, said) = mpsc::channel(WAITING);
            tasks.spawn(speak(device.device.clone(), line, said, clock.clone()));
            ways.push(say);
        }
        tasks.spawn(go_on(world, ways, shared, season));
    }
    tasks
}

/// Lets a device connect as itself.
fn connect(tasks: &mut JoinSet<()>, device: &Device, broker: SocketAddr, secrets: &Secrets) -> Line {
    let Device { kind, id } = device;
    let topic = format!("celltide/v1/{kind}/{id}");
    let mut options = MqttOptions::new(format!("plant-{id}"), broker.ip().to_string(), broker.port());
    options.set_keep_alive(Duration::from_secs(60));
    options.set_max_packet_size(PACKET_MAX_BYTES, PACKET_MAX_BYTES);
    if let Some(secret) = secrets.get(device) {
        options.set_credentials(id.to_string(), secret.reveal());
    }
    options.set_last_will(LastWill::new(format!("{topic}/status"), "offline", QoS::AtLeastOnce, true));
    let (client, events) = AsyncClient::new(options, WAITING);
    let (orders, heard) = mpsc::channel(WAITING);
    tasks.spawn(listen(events, client.clone(), topic.clone(), orders));
    Line { client, topic, heard }
}

/// Lets the world go on with the clock, and its devices say what there is to say.
async fn go_on(mut world: World, ways: Vec<mpsc::Sender<Said>>, shared: Shared, mut season: Option<Season>) {
    let Shared { clock, simulated, interval_ms } = shared;
    let mut next = clock.now() + interval_ms;
    while next < world.ends() {
        clock.until(next).await;
        let known = simulated.clone();
        // A world of thousands takes its time; meanwhile others work here.
        let reported = tokio::task::spawn_blocking(move || {
            let said = world.report(next, &|device| known.faults_of(device, next));
            (world, said)
        });
        let Ok((went_on, said)) = reported.await else {
            tracing::error!("the simulated world ended; its devices say nothing any more");
            return;
        };
        world = went_on;
        if let Some(season) = &mut season {
            season.book(world.take_custody(), next).await;
        }
        for (device, said) in said {
            if ways[device].send(said).await.is_err() {
                return;
            }
        }
        // After a jump of the clock they say how it was on the way, but not at every interval.
        let behind = (clock.now() - next).max(0) / interval_ms;
        next = next + interval_ms * (behind / ON_THE_WAY).max(1);
    }
}

/// Says what a device of the world has to say. It can do nothing that it is told, and says so.
async fn speak(device: Device, mut line: Line, mut said: mpsc::Receiver<Said>, clock: Clock) {
    loop {
        let (to, message) = tokio::select! {
            said = said.recv() => match said {
                Some(Said::Reading(reading)) => (format!("{}/telemetry", line.topic), reading),
                Some(Said::Event(event)) => (format!("{}/event", line.topic), event),
                None => return,
            },
            order = line.heard.recv() => {
                let Some(order) = order else { return };
                let Some(id) = order["command_id"].as_str() else { continue };
                let name = order["name"].as_str().unwrap_or_default();
                let detail = format!("a simulated {} knows no command {name}", device.kind);
                let answer = json!({ "ts": clock.now().0, "done": false, "detail": detail });
                (format!("{}/command/{id}/ack", line.topic), answer)
            }
        };
        if line.client.publish(to, QoS::AtLeastOnce, false, message.to_string()).await.is_err() {
            return;
        }
    }
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
async fn live(mut plant: Plant, device: Device, line: Line, shared: Shared, first: twin::time::Time) {
    let Line { client, topic, mut heard } = line;
    let Shared { clock, simulated, interval_ms } = shared;
    let mut next = first;
    loop {
        let (to, message) = tokio::select! {
            () = clock.until(next) => {
                let mut readings = plant.report_with(next, &simulated.faults_of(&device, next));
                // A clock that was advanced leaves reports behind: a device that comes back sends what it kept.
                let mut reports = 1;
                while next + interval_ms <= clock.now() && reports < 500 {
                    next = next + interval_ms;
                    readings.extend(plant.report_with(next, &simulated.faults_of(&device, next)));
                    reports += 1;
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
                let now = clock.now();
                if sim::plant::is_silent(&simulated.faults_of(&device, now)) {
                    continue;
                }
                let done = plant.obey(order["name"].as_str().unwrap_or_default(), &order["params"], now);
                let answer = match done {
                    Ok(()) => json!({ "ts": now.0, "done": true }),
                    Err(why) => json!({ "ts": now.0, "done": false, "detail": why }),
                };
                (format!("{topic}/command/{id}/ack"), answer)
            }
        };
        if client.publish(to, QoS::AtLeastOnce, false, message.to_string()).await.is_err() {
            return;
        }
    }
}
