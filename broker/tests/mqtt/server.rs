//! The listener: its port, TLS, limits and stop.

use crate::double::{Behind, Double, config, reading, second, start};
use crate::raw::{Hello, Packet, Raw, frame, publish, text};
use broker::{Broker, BrokerError, Config, Tls, topic};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[tokio::test]
async fn a_stop_ends_all_tasks_and_frees_the_port() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let address = broker.address;
    assert_ne!(address.port(), 0, "the real port");
    let (mut client, _) = Raw::enter(address, &Hello::of("b1")).await;
    // One that has not said a word yet.
    let mut silent = Raw::plain(address).await;
    client.send(&publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 1, 1)).await;
    assert_eq!(client.puback().await, 1);
    tokio::time::timeout(Duration::from_secs(5), broker.shutdown()).await.expect("stops in time");
    client.closed().await;
    silent.closed().await;
    assert_eq!(alive(), before, "no task is left");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    // The port can be had again.
    let again = Config { listen: address, ..config() };
    Broker::start(again, Arc::new(Behind(double))).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let (double, broker) = start(config()).await;
    let taken = Config { listen: broker.address, ..config() };
    let error = Broker::start(taken, Arc::new(Behind(double.clone()))).await.unwrap_err();
    assert!(matches!(error, BrokerError::Listen { address, .. } if address == broker.address), "{error}");
    let wrong = Config { window: 0, ..config() };
    let error = Broker::start(wrong, Arc::new(Behind(double.clone()))).await.unwrap_err();
    assert!(error.to_string().contains("window"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls { certificate: folder.path().join("none.pem"), key: folder.path().join("none.pem") };
    let wrong = Config { tls: Some(tls), ..config() };
    let error = Broker::start(wrong, Arc::new(Behind(double))).await.unwrap_err();
    assert!(error.to_string().contains("none.pem"), "{error}");
    broker.shutdown().await;
}

#[tokio::test]
async fn over_tls() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&tls.certificate, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    let (double, broker) = start(Config { tls: Some(tls), handshake_s: 1.0, ..config() }).await;
    let device = double.battery("b1");

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // One that stops in the middle of its handshake holds up nobody.
    let _stuck = Raw::plain(broker.address).await;
    let stream = TcpStream::connect(broker.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    let mut raw = Raw { stream };
    raw.send(&Hello::of("b1").bytes()).await;
    assert_eq!(raw.receive().await, Some(Packet { first: 0x20, body: vec![0, 0] }));
    for n in 1..=200 {
        raw.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
    }
    for n in 1..=200 {
        assert_eq!(raw.puback().await, n);
    }
    assert_eq!(double.readings(&device), 200);
    broker.shutdown().await;
}

#[tokio::test]
async fn a_silent_client_is_closed_after_one_and_a_half_times_its_keep_alive() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    double.battery("b2");
    let (mut patient, _) = Raw::enter(broker.address, &Hello { keep_alive_s: 0, ..Hello::of("b2") }).await;
    let start = tokio::time::Instant::now();
    let (mut client, _) = Raw::enter(broker.address, &Hello { keep_alive_s: 1, ..Hello::of("b1") }).await;
    client.closed().await;
    let waited = start.elapsed().as_secs_f64();
    assert!((1.4..10.0).contains(&waited), "{waited} s");
    double.until("gone", |d| d.presence(&device).ends_with(&[false])).await;
    patient.send(&frame(0xC0, &[])).await;
    assert_eq!(
        patient.receive().await.unwrap().first,
        0xD0,
        "a keep-alive of 0 is never silent for too long"
    );
    broker.shutdown().await;
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() {
    let (double, broker) = start(Config { connections_max: 3, ..config() }).await;
    let mut kept = Vec::new();
    for n in 0..3 {
        let name = format!("b{n}");
        double.battery(&name);
        kept.push(Raw::enter(broker.address, &Hello::of(&name)).await.0);
    }
    let mut fourth = Raw::plain(broker.address).await;
    fourth.send(&Hello::of("b0").bytes()).await;
    assert_eq!(fourth.receive().await, None);
    kept.pop();
    // There is room again once the broker has seen the other leave.
    double.battery("b9");
    let enter = async {
        loop {
            if Raw::code(broker.address, &Hello::of("b9")).await == Some(0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), enter).await.expect("room");
    broker.shutdown().await;
}

#[tokio::test]
async fn other_protocols_are_turned_away() {
    let (double, broker) = start(Config { handshake_s: 0.3, ..config() }).await;
    double.battery("b1");
    // MQTT 5 is told so.
    let mut five = Hello::of("b1").bytes();
    five[8] = 5;
    let mut raw = Raw::plain(broker.address).await;
    raw.send(&five).await;
    assert_eq!(raw.receive().await, Some(Packet { first: 0x20, body: vec![0, 1] }));
    // HTTP, silence, and a publish before the connection are closed without a word.
    let mut other = text("MQIsdp");
    other.extend([3, 2, 0, 60]);
    for bytes in
        [b"GET / HTTP/1.1\r\n\r\n".to_vec(), Vec::new(), publish("x", b"y", 0, 0), frame(0x10, &other)]
    {
        let mut raw = Raw::plain(broker.address).await;
        raw.send(&bytes).await;
        assert_eq!(raw.receive().await, None, "{bytes:?}");
    }
    // A second connection packet ends the connection.
    let (mut raw, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    raw.send(&Hello::of("b1").bytes()).await;
    assert_eq!(raw.receive().await, None);
    broker.shutdown().await;
}

#[tokio::test]
async fn a_double_is_not_needed_to_drop_a_broker() {
    let double = Double::new();
    let broker = Broker::start(config(), Arc::new(Behind(double))).await.unwrap();
    let address = broker.address;
    drop(broker);
    let closed = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(5), closed).await.expect("dropping stops it as well");
}
