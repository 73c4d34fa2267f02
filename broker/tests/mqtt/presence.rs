//! Who is there and who is gone.

use crate::double::{config, reading, second, start};
use crate::raw::{Hello, Raw, frame, publish};
use broker::topic;
use host::platform::door::{Access, Device, Report};

#[tokio::test]
async fn gone_by_will_by_silence_of_the_wire_and_by_goodbye() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let status = topic::status(&device);

    let (client, _) =
        Raw::enter(broker.address, &Hello { will: Some((&status, "offline")), ..Hello::of("b1") }).await;
    double.until("there", |d| d.presence(&device) == [true]).await;
    drop(client);
    double.until("gone, by its will", |d| d.presence(&device).contains(&false)).await;

    let before = double.presence(&device).len();
    let (client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    double
        .until("there again", |d| {
            d.presence(&device).len() > before && d.presence(&device).ends_with(&[true])
        })
        .await;
    drop(client);
    double.until("gone, without a will", |d| d.presence(&device).ends_with(&[false])).await;

    let before = double.presence(&device).len();
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    double.until("there once more", |d| d.presence(&device).len() > before).await;
    client.send(&frame(0xE0, &[])).await;
    double.until("gone, after a goodbye", |d| d.presence(&device).ends_with(&[false])).await;
    broker.shutdown().await;
}

/// How often power was lost.
fn lost(reports: &[(Device, Report)]) -> usize {
    reports.iter().filter(|(_, r)| matches!(r, Report::Event { event, .. } if event == "power_lost")).count()
}

#[tokio::test]
async fn a_will_that_is_an_event_is_said_when_the_device_is_lost_and_not_after_a_goodbye() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let event = topic::event(&device);
    let hello = Hello { will: Some((&event, r#"{"event":"power_lost"}"#)), ..Hello::of("b1") };
    let (mut client, _) = Raw::enter(broker.address, &hello).await;
    client.send(&frame(0xE0, &[])).await;
    double.until("gone", |d| d.presence(&device).ends_with(&[false])).await;
    assert_eq!(lost(&double.reports.lock().unwrap()), 0);
    let (client, _) = Raw::enter(broker.address, &hello).await;
    drop(client);
    double.until("its will is said", |d| lost(&d.reports.lock().unwrap()) == 1).await;
    broker.shutdown().await;
}

#[tokio::test]
async fn a_second_connection_of_a_client_takes_the_place_of_the_first() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let (mut first, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    first.send(&publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 1, 1)).await;
    assert_eq!(first.puback().await, 1);
    let (mut second_one, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    first.closed().await;
    second_one.send(&publish(&topic::telemetry(&device), reading(second(2)).as_bytes(), 1, 2)).await;
    assert_eq!(second_one.puback().await, 2);
    assert_eq!(double.presence(&device), [true, false, true], "in this order, and in the end it is there");
    broker.shutdown().await;
}

#[tokio::test]
async fn a_device_with_two_connections_is_there_until_both_are_gone() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let (first, _) = Raw::enter(broker.address, &Hello { client: "one", ..Hello::of("b1") }).await;
    let (mut other, _) = Raw::enter(broker.address, &Hello { client: "two", ..Hello::of("b1") }).await;
    double.until("there", |d| d.presence(&device) == [true, true]).await;
    drop(first);
    // Something that is answered after the first is surely seen to be gone.
    for n in 1..=20 {
        other.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
        assert_eq!(other.puback().await, n);
    }
    assert_eq!(double.presence(&device), [true, true]);
    drop(other);
    double.until("gone", |d| d.presence(&device) == [true, true, false]).await;
    broker.shutdown().await;
}

#[tokio::test]
async fn status_is_retained_for_whoever_comes_later() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    double.guest("monitor", Access::Listen);
    let status = topic::status(&device);
    let (client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    double.until("there", |d| d.presence(&device) == [true]).await;
    let (mut monitor, _) = Raw::enter(broker.address, &Hello::of("monitor")).await;
    assert_eq!(monitor.subscribe("celltide/v1/+/+/status", 1).await, 1);
    let (first, topic, payload) = monitor.heard().await;
    assert_eq!(
        (first & 1, topic.as_str(), payload.as_slice()),
        (1, status.as_str(), &b"online"[..]),
        "retained"
    );
    drop(client);
    let (first, topic, payload) = monitor.heard().await;
    assert_eq!(
        (first & 1, topic.as_str(), payload.as_slice()),
        (0, status.as_str(), &b"offline"[..]),
        "live"
    );
    let (mut later, _) = Raw::enter(broker.address, &Hello { client: "later", ..Hello::of("monitor") }).await;
    assert_eq!(later.subscribe(&status, 0).await, 0);
    let (first, _, payload) = later.heard().await;
    assert_eq!((first, payload.as_slice()), (0x31, &b"offline"[..]));
    broker.shutdown().await;
}

#[tokio::test]
async fn a_gateway_that_is_lost_takes_its_devices_along() {
    let (double, broker) = start(config()).await;
    let (one, two) = (double.battery("b1"), double.battery("b2"));
    double.guest("gateway", Access::All);
    let (mut gateway, _) = Raw::enter(broker.address, &Hello::of("gateway")).await;
    for (n, (device, word)) in (1..).zip([(&one, "online"), (&two, "online"), (&two, "offline")]) {
        gateway.send(&publish(&topic::status(device), word.as_bytes(), 1, n)).await;
        assert_eq!(gateway.puback().await, n);
    }
    drop(gateway);
    double.until("gone", |d| d.presence(&one) == [true, false]).await;
    assert_eq!(double.presence(&two), [true, false], "said once");
    broker.shutdown().await;
}
