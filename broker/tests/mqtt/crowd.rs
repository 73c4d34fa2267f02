//! Many at once, and one that speaks too much.

use crate::double::{config, reading, second, start};
use crate::raw::{Hello, Raw, publish};
use broker::{Config, Rate, topic};
use futures::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::Duration;

/// Connections at once, each with both its ends in this process.
const CONNECTIONS: u64 = 5_000;

/// Lets this process open the files for them, and says for how many connections that is enough.
fn allowed() -> u64 {
    const BESIDES: u64 = 500;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let files = maximum.unwrap_or(u64::MAX).min(2 * CONNECTIONS + BESIDES);
    if current.is_some_and(|current| current < files) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum }).unwrap();
    }
    let allowed = (files - BESIDES) / 2;
    if allowed < CONNECTIONS {
        eprintln!(
            "the system allows {files} open files: {allowed} connections are tried, and not {CONNECTIONS}"
        );
    }
    allowed
}

#[tokio::test]
async fn five_thousand_connections() {
    let count = allowed();
    let (double, broker) = start(config()).await;
    let names: Vec<String> = (0..count).map(|n| format!("b{n}")).collect();
    let devices: Vec<_> = names.iter().map(|name| double.battery(name)).collect();
    let address = broker.address;
    let mut clients: Vec<Raw> = Vec::new();
    for some in names.chunks(100) {
        let entering = some.iter().map(|name| async move { Raw::enter(address, &Hello::of(name)).await.0 });
        clients.extend(join_all(entering).await);
    }
    for n in 1..=5 {
        for (client, device) in clients.iter_mut().zip(&devices) {
            client
                .send(&publish(&topic::telemetry(device), reading(second(n.into())).as_bytes(), 1, n))
                .await;
        }
    }
    for n in 1..=5 {
        for client in &mut clients {
            assert_eq!(client.puback().await, n);
        }
    }
    for device in &devices {
        assert_eq!(double.readings(device), 5);
    }
    tokio::time::timeout(Duration::from_secs(10), broker.shutdown()).await.expect("stops in time");
}

#[tokio::test]
async fn one_that_floods_is_slowed_and_the_others_are_not() {
    let rate = Rate { per_s: 40.0, burst: 50.0 };
    let (double, broker) = start(Config { device_rate: rate, ..config() }).await;
    let (loud, quiet) = (double.battery("loud"), double.battery("quiet"));
    let (mut flooder, _) = Raw::enter(broker.address, &Hello::of("loud")).await;
    let (mut neighbour, _) = Raw::enter(broker.address, &Hello::of("quiet")).await;
    let flood = tokio::time::Instant::now();
    for n in 1..=110 {
        flooder.send(&publish(&topic::telemetry(&loud), reading(second(n.into())).as_bytes(), 1, n)).await;
    }
    for n in 1..=40 {
        neighbour.send(&publish(&topic::telemetry(&quiet), reading(second(n.into())).as_bytes(), 1, n)).await;
        assert_eq!(neighbour.puback().await, n);
    }
    let waited = flood.elapsed().as_secs_f64();
    assert!(
        double.readings(&loud) as f64 <= 52.0 + 40.0 * waited,
        "{} after {waited} s",
        double.readings(&loud)
    );
    for n in 1..=110 {
        assert_eq!(flooder.puback().await, n, "slowed, and nothing lost");
    }
    let waited = flood.elapsed().as_secs_f64();
    assert!(waited >= 1.3, "sixty above the burst at forty per second take 1.5 s, not {waited} s");
    broker.shutdown().await;
}
