//! What an acknowledgement promises.

use crate::double::{config, reading, second, start};
use crate::raw::{Hello, Raw, frame, publish};
use broker::{Config, topic};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn acknowledged_only_when_durable_in_order_and_many_at_once() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    double.until("it is there", |d| d.presence(&device) == [true]).await;
    double.gated.store(true, Ordering::SeqCst);
    let before = double.arrived.load(Ordering::SeqCst);
    for n in 1..=100 {
        client.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
    }
    // All are at the door though none is answered, so one flush can serve all.
    double.until("all are at the door", |d| d.arrived.load(Ordering::SeqCst) == before + 100).await;
    assert_eq!(client.soon(Duration::from_millis(150)).await, None, "nothing is durable yet");
    double.gate.add_permits(40);
    for n in 1..=40 {
        assert_eq!(client.puback().await, n);
    }
    assert_eq!(client.soon(Duration::from_millis(100)).await, None, "the rest is not durable");
    double.gate.add_permits(60);
    for n in 41..=100 {
        assert_eq!(client.puback().await, n);
    }
    assert_eq!(double.readings(&device), 100);
    broker.shutdown().await;
}

#[tokio::test]
async fn the_window_bounds_what_waits() {
    let (double, broker) = start(Config { window: 8, ..config() }).await;
    let device = double.battery("b1");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    double.until("it is there", |d| d.presence(&device) == [true]).await;
    double.gated.store(true, Ordering::SeqCst);
    let before = double.arrived.load(Ordering::SeqCst);
    for n in 1..=50 {
        client.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
    }
    assert_eq!(client.soon(Duration::from_millis(200)).await, None);
    assert_eq!(double.arrived.load(Ordering::SeqCst), before + 8);
    double.gate.add_permits(50);
    for n in 1..=50 {
        assert_eq!(client.puback().await, n);
    }
    broker.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_acknowledged_and_comes_again() {
    let (double, broker) = start(Config { unavailable_pause_s: 0.05, ..config() }).await;
    let device = double.battery("b1");
    double.unavailable.store(true, Ordering::SeqCst);
    let mut options = MqttOptions::new("b1", "127.0.0.1", broker.address.port());
    options.set_credentials("b1", "secret").set_clean_session(false);
    let (client, mut connection) = AsyncClient::new(options, 100);
    for n in 0..5 {
        client.publish(topic::telemetry(&device), QoS::AtLeastOnce, false, reading(second(n))).await.unwrap();
    }
    // The broker closes the connection without an acknowledgement.
    let mut lost = false;
    let watch = async {
        while !lost {
            match connection.poll().await {
                Ok(Event::Incoming(Packet::PubAck(_))) => panic!("acknowledged though it was not kept"),
                Ok(_) => {}
                Err(_) => lost = true,
            }
        }
        double.unavailable.store(false, Ordering::SeqCst);
        let mut acknowledged = 0;
        while acknowledged < 5 {
            if let Ok(Event::Incoming(Packet::PubAck(_))) = connection.poll().await {
                acknowledged += 1;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), watch).await.expect("all are acknowledged in the end");
    assert_eq!(double.readings(&device), 5);
    broker.shutdown().await;
}

#[tokio::test]
async fn what_will_never_be_taken_is_acknowledged_and_rejected() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    client.send(&publish(&topic::event(&device), br#"{"event":"impossible"}"#, 1, 9)).await;
    assert_eq!(client.puback().await, 9);
    let rejected = double.rejected.lock().unwrap().clone();
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].from, Some(device.clone()));
    assert_eq!(rejected[0].why.reason, "that cannot happen");
    assert_eq!((rejected[0].topic.as_str(), rejected[0].payload_bytes), (topic::event(&device).as_str(), 22));
    broker.shutdown().await;
}

#[tokio::test]
async fn exactly_once_is_kept_once() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    let message = publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 2, 5);
    for _ in 0..2 {
        // Sent twice, as if the first answer had been lost.
        client.send(&message).await;
        let received = client.receive().await.unwrap();
        assert_eq!((received.first, received.body), (0x50, vec![0, 5]));
    }
    client.send(&frame(0x62, &[0, 5])).await;
    let complete = client.receive().await.unwrap();
    assert_eq!((complete.first, complete.body), (0x70, vec![0, 5]));
    assert_eq!(double.readings(&device), 1);
    // The identifier may be used again after that.
    client.send(&message).await;
    assert_eq!(client.receive().await.unwrap().first, 0x50);
    assert_eq!(double.readings(&device), 2);
    broker.shutdown().await;
}

#[tokio::test]
async fn what_was_heard_before_a_goodbye_is_kept() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    for n in 0..20 {
        client.send(&publish(&topic::telemetry(&device), reading(second(n)).as_bytes(), 0, 0)).await;
    }
    client.send(&frame(0xE0, &[])).await;
    drop(client);
    double.until("all are kept", |d| d.readings(&device) == 20).await;
    broker.shutdown().await;
}

#[tokio::test]
async fn a_stop_acknowledges_what_becomes_durable() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    double.until("it is there", |d| d.presence(&device) == [true]).await;
    double.gated.store(true, Ordering::SeqCst);
    let before = double.arrived.load(Ordering::SeqCst);
    for n in 1..=10 {
        client.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
    }
    double.until("all are at the door", |d| d.arrived.load(Ordering::SeqCst) == before + 10).await;
    let stopping = tokio::spawn(broker.shutdown());
    tokio::task::yield_now().await;
    double.gate.add_permits(10);
    for n in 1..=10 {
        assert_eq!(client.puback().await, n);
    }
    client.closed().await;
    stopping.await.unwrap();
    assert_eq!(double.presence(&device), [true], "a stop of the platform does not say that devices are gone");
}
