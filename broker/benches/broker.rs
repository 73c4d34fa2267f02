//! How many messages of quality 1 the broker takes over TCP when the door answers at once, and what bare rumqttd
//! takes of the same on the same machine. Publishers run in the same process.
//!
//! `cargo bench -p broker --bench broker [-- SECONDS]`

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use broker::payload::{self, Limits};
use broker::{Broker, Config};
use host::platform::door::{
    Access, Device, Door, Guest, Kind, Login, NotKept, Order, Report, Soon, TurnedAway, Unfit,
};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use twin::time::Time;

/// Messages a publisher has sent and not yet seen acknowledged.
const WINDOW: usize = 64;

/// A door that answers at once.
struct AtOnce {
    readings: AtomicU64,
    orders: broadcast::Sender<Order>,
}

impl Door for AtOnce {
    fn admit(&self, login: Login) -> Soon<Result<Guest, TurnedAway>> {
        let name = login.client;
        let device = Device { kind: Kind::Battery, id: name.clone() };
        Box::pin(async move { Ok(Guest { name, access: Access::Device(device) }) })
    }

    fn report(&self, _: Device, report: Report) -> Soon<Result<(), NotKept>> {
        if let Report::Readings(readings) = report {
            self.readings.fetch_add(readings.len() as u64, Ordering::Relaxed);
        }
        Box::pin(async { Ok(()) })
    }

    fn reject(&self, _: Option<Device>, topic: String, _: bytes::Bytes, why: Unfit) -> Soon<()> {
        panic!("{topic}: {why}");
    }

    fn orders(&self) -> broadcast::Receiver<Order> {
        self.orders.subscribe()
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    while length >= 128 {
        bytes.push((length % 128) as u8 | 0x80);
        length /= 128;
    }
    bytes.push(length as u8);
    bytes.extend(body);
    bytes
}

fn reading(n: u64) -> String {
    format!(
        r#"{{"ts":{},"voltage_v":52.{},"current_a":-3.51,"temperature_c":25.25,"ambient_c":21.5,"soc_pct":80.5,"lat":1.290270,"lon":103.851959}}"#,
        1_700_000_000_000 + n * 1_000,
        n % 10
    )
}

/// Publishes until told to stop; gives how many were acknowledged.
async fn publisher(address: SocketAddr, name: String, stop: Arc<AtomicBool>) -> u64 {
    let mut stream = TcpStream::connect(address).await.expect("the broker listens");
    stream.set_nodelay(true).expect("a socket takes that");
    // rumqttd refuses a keep-alive of 0.
    let mut hello = text("MQTT");
    hello.extend([4, 0xC2]);
    hello.extend(60_u16.to_be_bytes());
    for part in [name.as_str(), name.as_str(), "secret"] {
        hello.extend(text(part));
    }
    stream.write_all(&frame(0x10, &hello)).await.expect("the broker reads");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.expect("the broker answers");
    assert_eq!(answer, [0x20, 2, 0, 0]);

    let topic = format!("celltide/v1/battery/{name}/telemetry");
    let mut acknowledged = 0;
    let mut acks = vec![0; WINDOW * 4];
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut batch = Vec::with_capacity(WINDOW * 250);
        for pkid in 1..=WINDOW as u16 {
            let mut body = text(&topic);
            body.extend(pkid.to_be_bytes());
            body.extend(reading(n).as_bytes());
            batch.extend(frame(0x32, &body));
            n += 1;
        }
        stream.write_all(&batch).await.expect("the broker reads");
        stream.read_exact(&mut acks).await.expect("the broker acknowledges");
        acknowledged += WINDOW as u64;
    }
    acknowledged
}

/// CPU seconds of this process so far.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // User and system time in ticks of 10 ms.
    (ticks(11) + ticks(12)) / 100.0
}

#[expect(clippy::disallowed_methods, reason = "a bench looks at the clock")]
fn now() -> Instant {
    Instant::now()
}

async fn load(what: &str, address: SocketAddr, publishers: usize, seconds: f64) {
    let stop = Arc::new(AtomicBool::new(false));
    let (start, cpu) = (now(), cpu_s());
    let running: Vec<_> = (0..publishers)
        .map(|n| tokio::spawn(publisher(address, format!("{what}-{n}"), stop.clone())))
        .collect();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let mut messages = 0;
    for one in running {
        messages += one.await.expect("a publisher ends");
    }
    let (wall_s, cpu_s) = (start.elapsed().as_secs_f64(), cpu_s() - cpu);
    println!(
        "{what:24} {publishers:5} publishers: {:9.0} messages/s, {:6.2} µs CPU per message with its publisher",
        messages as f64 / wall_s,
        cpu_s / messages as f64 * 1e6
    );
}

/// Bare rumqttd on a port of its own. It cannot be stopped and ends with the process.
fn bare() -> SocketAddr {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    let connections = rumqttd::ConnectionSettings {
        connection_timeout_ms: 5_000,
        max_payload_size: 256 * 1_024,
        max_inflight_count: 100,
        auth: None,
        external_auth: None,
        dynamic_filters: false,
    };
    let server = rumqttd::ServerSettings {
        name: "v4".into(),
        listen: address,
        tls: None,
        next_connection_delay_ms: 0,
        connections,
    };
    let config = rumqttd::Config {
        router: rumqttd::RouterConfig {
            max_connections: 10_000,
            max_outgoing_packet_count: 200,
            max_segment_size: 1024 * 1024,
            max_segment_count: 4,
            ..rumqttd::RouterConfig::default()
        },
        v4: Some(HashMap::from([("v4".to_owned(), server)])),
        ..rumqttd::Config::default()
    };
    std::thread::spawn(move || {
        if let Err(error) = rumqttd::Broker::new(config).start() {
            println!("rumqttd: {error}");
        }
    });
    while std::net::TcpStream::connect(address).is_err() {
        std::thread::yield_now();
    }
    address
}

fn decoding() {
    let text = reading(7);
    let limits = Limits::default();
    let count = 200_000_u32;
    let start = now();
    for _ in 0..count {
        let said = payload::telemetry(
            Kind::Battery,
            std::hint::black_box(text.as_bytes()),
            Time(1_800_000_000_000),
            &limits,
        );
        assert_eq!(said.map(|said| said.readings.len()), Ok(1));
    }
    println!(
        "decoding a reading of {} bytes: {:.2} µs",
        text.len(),
        start.elapsed().as_secs_f64() / f64::from(count) * 1e6
    );
}

fn main() {
    let seconds: f64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(4.0);
    decoding();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let door = Arc::new(AtOnce { readings: AtomicU64::new(0), orders: broadcast::channel(16).0 });
        let mut config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() };
        config.device_rate = config.gateway_rate;
        config.device_rate.per_s = 1e9;
        config.device_rate.burst = 1e9;
        let running = Broker::start(config, door.clone()).await.expect("the broker starts");
        for publishers in [1, 4, 100, 1_000] {
            load("celltide", running.address, publishers, seconds).await;
        }
        println!("{} readings reached the door", door.readings.load(Ordering::Relaxed));
        running.shutdown().await;
        let address = bare();
        for publishers in [1, 4, 100] {
            load("rumqttd", address, publishers, seconds).await;
        }
    });
}
