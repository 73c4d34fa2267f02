//! The platform as a client of another broker, for which the embedded one stands in.

use crate::double::{Behind, Double, config, reading, second, start};
use crate::raw::{Hello, Raw, frame, publish};
use broker::{Broker, Config, remote, topic};
use host::platform::door::{Access, Device, Kind, Order};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;

fn settings(port: u16) -> remote::Settings {
    remote::Settings {
        host: "127.0.0.1".into(),
        port,
        client_id: "platform".into(),
        user: Some("platform".into()),
        secret: Some("secret".into()),
        keep_alive_s: 5,
        orders: true,
    }
}

#[tokio::test]
async fn what_is_heard_there_is_kept_here() {
    // The other broker, which lets the platform in as a listener, and a device.
    let (there, other_broker) = start(config()).await;
    there.guest("platform", Access::Listen);
    let device = there.battery("b1");
    let here = Double::new();
    let client = remote::start(
        &settings(other_broker.address.port()),
        &config(),
        Arc::new(Behind(here.clone())),
        None,
    );
    let client = client.unwrap();
    let (mut hardware, _) = Raw::enter(other_broker.address, &Hello::of("b1")).await;
    // The platform may subscribe later than the device speaks; status is retained, so it tells when it is there.
    here.until("the device is known to be there", |d| d.presence(&device) == [true]).await;
    // What cannot be kept here is tried again and not lost.
    here.unavailable.store(true, Ordering::SeqCst);
    let before = here.arrived.load(Ordering::SeqCst);
    for n in 1..=10 {
        hardware.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
        assert_eq!(hardware.puback().await, n);
    }
    here.until("it was tried", |d| d.arrived.load(Ordering::SeqCst) > before).await;
    assert_eq!(here.readings(&device), 0);
    here.unavailable.store(false, Ordering::SeqCst);
    here.until("all is kept", |d| d.readings(&device) == 10).await;
    client.shutdown().await;
    other_broker.shutdown().await;
}

#[tokio::test]
async fn it_connects_when_the_other_broker_comes_back() {
    let (there, first) = start(config()).await;
    there.guest("platform", Access::Listen);
    let device = there.battery("b1");
    let address = first.address;
    let here = Double::new();
    let client =
        remote::start(&settings(address.port()), &config(), Arc::new(Behind(here.clone())), None).unwrap();
    let (hardware, _) = Raw::enter(address, &Hello::of("b1")).await;
    here.until("there", |d| d.presence(&device) == [true]).await;
    drop(hardware);
    here.until("gone", |d| d.presence(&device) == [true, false]).await;
    first.shutdown().await;
    let again =
        Broker::start(Config { listen: address, ..config() }, Arc::new(Behind(there.clone()))).await.unwrap();
    let (_hardware, _) = Raw::enter(address, &Hello::of("b1")).await;
    here.until("there again", |d| d.presence(&device).ends_with(&[true]) && d.presence(&device).len() > 2)
        .await;
    client.shutdown().await;
    again.shutdown().await;
}

#[test]
fn wrong_settings_are_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let door = || Arc::new(Behind(Double::new()));
    let wrong = remote::Settings { host: String::new(), ..settings(1) };
    let error = remote::start(&wrong, &config(), door(), None).map(drop).unwrap_err();
    assert_eq!(error.field, "remote.host");
    let wrong = remote::Settings { client_id: String::new(), ..settings(1) };
    assert_eq!(
        remote::start(&wrong, &config(), door(), None).map(drop).unwrap_err().field,
        "remote.client_id"
    );
}

#[tokio::test]
async fn it_keeps_its_session_acknowledges_by_hand_and_sends_orders() {
    // The other broker, played by the test.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = Double::new();
    let device = Device { kind: Kind::Battery, id: "b1".into() };
    let port = listener.local_addr().unwrap().port();
    let client = remote::start(&settings(port), &config(), Arc::new(Behind(here.clone())), None).unwrap();
    let mut there = Raw { stream: listener.accept().await.unwrap().0 };
    let connect = there.receive().await.unwrap();
    assert_eq!((connect.first, connect.body[7] & 0x02), (0x10, 0), "the session is to be kept");
    there.send(&[0x20, 2, 0, 0]).await;
    for _ in 0..5 {
        let subscribe = there.receive().await.unwrap();
        assert_eq!((subscribe.first, subscribe.body.last()), (0x82, Some(&1)), "of quality 1");
        there.send(&frame(0x90, &[subscribe.body[0], subscribe.body[1], 1])).await;
    }
    here.gated.store(true, Ordering::SeqCst);
    for n in 1..=3 {
        there.send(&publish(&topic::telemetry(&device), reading(second(n.into())).as_bytes(), 1, n)).await;
    }
    here.until("all are at the door", |d| d.arrived.load(Ordering::SeqCst) == 3).await;
    assert_eq!(there.soon(Duration::from_millis(100)).await, None, "nothing is durable yet");
    here.gate.add_permits(3);
    for n in 1..=3 {
        assert_eq!(there.puback().await, n);
    }
    here.order(Order::Command { device: device.clone(), command: "c1".into(), payload: "{}".into() });
    here.order(Order::State { device: device.clone(), payload: r#"{"n":1}"#.into() });
    let (first, name, payload) = there.heard().await;
    assert_eq!((first, name, payload), (0x32, topic::command(&device), b"{}".to_vec()));
    let (first, name, _) = there.heard().await;
    assert_eq!((first, name), (0x33, topic::twin(&device)), "retained");
    client.shutdown().await;
}
