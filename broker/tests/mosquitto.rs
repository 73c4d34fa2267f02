//! The platform as a client of a real Mosquitto, where the machine has one.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "mqtt/double.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod double;
#[path = "mqtt/raw.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod raw;

use crate::double::{Behind, Double, config, reading, second};
use crate::raw::{Hello, Raw, publish};
use broker::{remote, topic};
use host::platform::door::{Device, Kind};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;

/// Where Debian and others put it.
const PLACES: [&str; 3] = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];

/// A Mosquitto of its own; killed when it is dropped.
struct Mosquitto {
    child: Child,
    address: SocketAddr,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn mosquitto(program: &str, folder: &Path) -> Mosquitto {
    // It cannot tell which port it got, so it is given one that was free a moment ago.
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let file = folder.join("mosquitto.conf");
    let port = address.port();
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
    std::fs::write(&file, text).unwrap();
    let child = Command::new(program)
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mosquitto = Mosquitto { child, address };
    for _ in 0..500 {
        if TcpStream::connect(address).await.is_ok() {
            return mosquitto;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("mosquitto does not listen");
}

fn settings(port: u16) -> remote::Settings {
    remote::Settings {
        host: "127.0.0.1".into(),
        port,
        client_id: "platform".into(),
        user: None,
        secret: None,
        keep_alive_s: 5,
        orders: true,
    }
}

#[tokio::test]
async fn nothing_is_lost_between_a_mosquitto_and_the_platform() {
    let Some(program) = PLACES.iter().find(|place| Path::new(place).exists()) else {
        println!("skipped: there is no mosquitto on this machine");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let there = mosquitto(program, folder.path()).await;
    let device = Device { kind: Kind::Battery, id: "b1".into() };
    let first = Double::new();
    let port = there.address.port();
    let client = remote::start(&settings(port), &config(), Arc::new(Behind(first.clone())), None).unwrap();
    let (mut hardware, _) = Raw::enter(there.address, &Hello::of("b1")).await;
    // Until the platform has subscribed nobody keeps what is said; a retained status tells when it has.
    let status = topic::status(&device);
    hardware.send(&retained(&publish(&status, b"online", 1, 1))).await;
    assert_eq!(hardware.puback().await, 1);
    first.until("the device is known to be there", |d| d.presence(&device) == [true]).await;
    for n in 2..=20 {
        hardware.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
        assert_eq!(hardware.puback().await, n);
    }
    first.until("all is kept", |d| d.readings(&device) == 19).await;

    // What could not be kept was not acknowledged, and comes again to the platform that takes the first one's place.
    first.unavailable.store(true, Ordering::SeqCst);
    let before = first.arrived.load(Ordering::SeqCst);
    for n in 21..=30 {
        hardware.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
        assert_eq!(hardware.puback().await, n);
    }
    first.until("it was tried", |d| d.arrived.load(Ordering::SeqCst) > before).await;
    client.shutdown().await;
    // More while nobody is there.
    for n in 31..=40 {
        hardware.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
        assert_eq!(hardware.puback().await, n);
    }
    let again = Double::new();
    let client = remote::start(&settings(port), &config(), Arc::new(Behind(again.clone())), None).unwrap();
    again.until("the rest is kept", |d| d.readings(&device) == 20).await;
    client.shutdown().await;
}

/// The same message, to be kept for who comes later.
fn retained(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[0] |= 1;
    message
}
