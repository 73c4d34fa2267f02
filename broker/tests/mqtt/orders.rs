//! What leaves for hardware and for listeners.

use crate::double::{config, hurried, reading, second, start};
use crate::raw::{Hello, Raw, frame, publish, text};
use broker::{Config, topic};
use host::platform::door::{Access, Device, Order, Report};
use std::time::Duration;

fn command(device: &Device, id: &str) -> Order {
    Order::Command {
        device: device.clone(),
        command: id.into(),
        payload: format!(r#"{{"id":"{id}"}}"#).into(),
    }
}

fn state(device: &Device, n: u32) -> Order {
    Order::State { device: device.clone(), payload: format!(r#"{{"n":{n}}}"#).into() }
}

#[tokio::test]
async fn a_command_reaches_its_device_and_its_answer_the_platform() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    double.battery("b2");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    let (mut other, _) = Raw::enter(broker.address, &Hello::of("b2")).await;
    assert_eq!(client.subscribe(&topic::command(&device), 1).await, 1);
    assert_eq!(other.subscribe("celltide/v1/battery/b2/command", 1).await, 1);
    double.order(command(&device, "c1"));
    let (first, name, payload) = client.heard().await;
    assert_eq!((first, name), (0x32, topic::command(&device)), "of quality 1");
    assert_eq!(payload, br#"{"id":"c1"}"#);
    client.send(&publish(&topic::ack(&device, "c1"), br#"{"done":false,"detail":"too hot"}"#, 1, 4)).await;
    assert_eq!(client.puback().await, 4);
    let reports = double.reports.lock().unwrap().clone();
    let (from, report) = reports.last().unwrap();
    assert_eq!(*from, device);
    let Report::Acknowledged { command, done, detail, .. } = report else { panic!("{report:?}") };
    assert_eq!((command.as_str(), *done, detail.as_deref()), ("c1", false, Some("too hot")));
    assert_eq!(other.soon(Duration::from_millis(100)).await, None, "others hear nothing of it");
    broker.shutdown().await;
}

#[tokio::test]
async fn a_session_keeps_commands_while_its_client_is_away() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let hello = Hello { clean: false, ..Hello::of("b1") };
    let (mut client, present) = Raw::enter(broker.address, &hello).await;
    assert!(!present);
    assert_eq!(client.subscribe(&topic::command(&device), 1).await, 1);
    // Sent and not acknowledged before the connection is lost.
    double.order(command(&device, "c0"));
    let sent = client.receive().await.unwrap();
    assert_eq!(sent.first, 0x32);
    drop(client);
    double.until("gone", |d| d.presence(&device).ends_with(&[false])).await;
    for n in 1..=3 {
        double.order(command(&device, &format!("c{n}")));
    }
    // A listener hears the orders after they were taken for the device.
    let (mut client, present) = Raw::enter(broker.address, &hello).await;
    assert!(present, "the session went on");
    let (first, _, payload) = client.heard().await;
    assert_eq!((first, payload.as_slice()), (0x3A, &br#"{"id":"c0"}"#[..]), "again, and marked so");
    for n in 1..=3 {
        let (first, _, payload) = client.heard().await;
        assert_eq!((first, payload), (0x32, format!(r#"{{"id":"c{n}"}}"#).into_bytes()));
    }
    client.send(&frame(0xE0, &[])).await;
    client.closed().await;
    // A clean start ends the session.
    let (mut client, present) = Raw::enter(broker.address, &Hello::of("b1")).await;
    assert!(!present);
    double.order(command(&device, "c9"));
    assert_eq!(client.soon(Duration::from_millis(100)).await, None, "nothing was subscribed to");
    broker.shutdown().await;
}

#[tokio::test]
async fn a_state_is_retained_and_only_the_latest_waits() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    double.guest("monitor", Access::Listen);
    let (mut monitor, _) = Raw::enter(broker.address, &Hello::of("monitor")).await;
    assert_eq!(monitor.subscribe("celltide/v1/#", 0).await, 0);
    for n in 0..3 {
        double.order(state(&device, n));
        let (_, name, payload) = monitor.heard().await;
        assert_eq!((name, payload), (topic::twin(&device), format!(r#"{{"n":{n}}}"#).into_bytes()));
    }
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    assert_eq!(client.subscribe(&topic::twin(&device), 1).await, 1);
    let (first, _, payload) = client.heard().await;
    assert_eq!((first, payload.as_slice()), (0x33, &br#"{"n":2}"#[..]), "the last, marked as retained");
    // Again with each subscription, as the standard wants it.
    assert_eq!(client.subscribe(&topic::twin(&device), 1).await, 1);
    assert_eq!(client.heard().await.0, 0x33);
    double.order(state(&device, 3));
    assert_eq!(client.heard().await.0, 0x32, "live");
    broker.shutdown().await;
}

#[tokio::test]
async fn a_listener_hears_what_was_kept_and_nothing_else() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    double.guest("monitor", Access::Listen);
    let (mut monitor, _) = Raw::enter(broker.address, &Hello::of("monitor")).await;
    assert_eq!(monitor.subscribe("celltide/v1/+/+/telemetry", 1).await, 1);
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    client.send(&publish(&topic::telemetry(&device), b"nonsense", 1, 1)).await;
    for n in 2..=300 {
        client.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
    }
    for n in 1..=300 {
        assert_eq!(client.puback().await, n);
    }
    for n in 2..=300 {
        let (first, name, payload) = monitor.heard().await;
        assert_eq!(
            (first, name, payload),
            (0x32, topic::telemetry(&device), reading(second(n)).into_bytes())
        );
    }
    let mut body = 5_u16.to_be_bytes().to_vec();
    body.extend(text("celltide/v1/+/+/telemetry"));
    monitor.send(&frame(0xA2, &body)).await;
    assert_eq!(monitor.receive().await.unwrap().first, 0xB0);
    client.send(&publish(&topic::telemetry(&device), reading(second(999)).as_bytes(), 1, 7)).await;
    assert_eq!(client.puback().await, 7);
    assert_eq!(monitor.soon(Duration::from_millis(100)).await, None, "no longer");
    broker.shutdown().await;
}

#[tokio::test]
async fn who_does_not_read_is_dropped_and_harms_nobody() {
    let (double, broker) = start(Config { stall_s: 0.3, ..hurried() }).await;
    let device = double.battery("b1");
    double.guest("monitor", Access::Listen);
    let (mut monitor, _) = Raw::enter(broker.address, &Hello::of("monitor")).await;
    assert_eq!(monitor.subscribe("#", 0).await, 0);
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    let long = format!(r#"{{"event":"long","text":"{}"}}"#, "x".repeat(100_000));
    for n in 1..=400 {
        client.send(&publish(&topic::event(&device), long.as_bytes(), 1, n)).await;
        assert_eq!(client.puback().await, n);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The monitor reads at last, what was on its way, and finds the connection closed.
    monitor.closed().await;
    broker.shutdown().await;
}
