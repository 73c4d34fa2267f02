//! Who may say and hear what.

use crate::double::{config, reading, second, start};
use crate::raw::{Hello, Raw, publish};
use broker::topic;
use host::platform::door::{Access, Device, Kind};

#[tokio::test]
async fn logins() {
    let (double, broker) = start(config()).await;
    double.battery("b1");
    assert_eq!(Raw::code(broker.address, &Hello::of("b1")).await, Some(0));
    assert_eq!(Raw::code(broker.address, &Hello { secret: "wrong", ..Hello::of("b1") }).await, Some(4));
    assert_eq!(Raw::code(broker.address, &Hello::of("b2")).await, Some(4));
    assert_eq!(Raw::code(broker.address, &Hello { user: "", secret: "", ..Hello::of("b1") }).await, Some(4));
    // A session needs a name; without one the broker gives a name.
    assert_eq!(
        Raw::code(broker.address, &Hello { client: "", clean: false, ..Hello::of("b1") }).await,
        Some(2)
    );
    assert_eq!(Raw::code(broker.address, &Hello { client: "", ..Hello::of("b1") }).await, Some(0));
    broker.shutdown().await;
}

#[tokio::test]
async fn a_device_writes_its_own_topics_only() {
    let (double, broker) = start(config()).await;
    let (own, other) = (double.battery("b1"), double.battery("b2"));
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    let as_cabinet = Device { kind: Kind::Cabinet, id: "b1".into() };
    let forbidden = [
        topic::telemetry(&other),
        topic::status(&other),
        topic::telemetry(&as_cabinet),
        topic::command(&own),
        topic::twin(&own),
        topic::ack(&other, "c1"),
    ];
    for (n, name) in (1..).zip(&forbidden) {
        client.send(&publish(name, reading(second(1)).as_bytes(), 1, n)).await;
        assert_eq!(client.puback().await, n, "acknowledged, since it would only come again");
    }
    client.send(&publish(&topic::telemetry(&own), reading(second(2)).as_bytes(), 1, 99)).await;
    assert_eq!(client.puback().await, 99);
    assert_eq!(double.readings(&own), 1);
    assert_eq!(double.readings(&other) + double.readings(&as_cabinet), 0);
    assert!(double.presence(&other).is_empty());
    let rejected = double.rejected.lock().unwrap().clone();
    assert_eq!(rejected.len(), forbidden.len());
    assert!(rejected.iter().all(|rejected| rejected.why.field == "topic"), "{rejected:?}");
    assert!(rejected.iter().all(|rejected| rejected.from.as_ref() == Some(&own)), "it is known who tried");
    // Whoever does not stop is shown out.
    for _ in 0..20 {
        client.send(&publish(&forbidden[0], b"x", 0, 0)).await;
    }
    client.closed().await;
    broker.shutdown().await;
}

#[tokio::test]
async fn a_device_hears_its_own_topics_only() {
    let (double, broker) = start(config()).await;
    let (own, other) = (double.battery("b1"), double.battery("b2"));
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    assert_eq!(client.subscribe(&topic::command(&own), 1).await, 1);
    assert_eq!(client.subscribe(&topic::command(&own), 2).await, 1, "granted less than asked for");
    assert_eq!(client.subscribe(&topic::twin(&own), 0).await, 0);
    assert_eq!(client.subscribe("celltide/v1/battery/b1/#", 1).await, 1);
    let refused = [
        topic::command(&other).as_str(),
        topic::twin(&other).as_str(),
        topic::telemetry(&own).as_str(),
        "#",
        "+/+/+/+/+",
        "celltide/v1/battery/+/command",
        "celltide/v1/battery/b1",
        "$share/group/celltide/v1/battery/b1/command",
        "celltide/v1/battery/b1/command/#/x",
        "",
    ]
    .map(str::to_owned);
    for filter in refused {
        assert_eq!(client.subscribe(&filter, 1).await, 0x80, "{filter}");
    }
    broker.shutdown().await;
}

#[tokio::test]
async fn a_will_on_another_topic_is_refused() {
    let (double, broker) = start(config()).await;
    let (own, other) = (double.battery("b1"), double.battery("b2"));
    let theirs = topic::status(&other);
    let hello = Hello { will: Some((&theirs, "offline")), ..Hello::of("b1") };
    assert_eq!(Raw::code(broker.address, &hello).await, Some(5));
    let mine = topic::status(&own);
    let hello = Hello { will: Some((&mine, "offline")), ..Hello::of("b1") };
    assert_eq!(Raw::code(broker.address, &hello).await, Some(0));
    broker.shutdown().await;
}

#[tokio::test]
async fn a_listener_says_nothing_and_a_gateway_speaks_for_all() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    double.guest("monitor", Access::Listen);
    double.guest("gateway", Access::All);
    let (mut monitor, _) = Raw::enter(broker.address, &Hello::of("monitor")).await;
    monitor.send(&publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 1, 1)).await;
    assert_eq!(monitor.puback().await, 1);
    assert_eq!((double.readings(&device), double.rejected_count()), (0, 1));
    let (mut gateway, _) = Raw::enter(broker.address, &Hello::of("gateway")).await;
    gateway.send(&publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 1, 2)).await;
    assert_eq!(gateway.puback().await, 2);
    assert_eq!(double.readings(&device), 1);
    // What the platform says nobody else says.
    gateway.send(&publish(&topic::command(&device), b"{}", 1, 3)).await;
    assert_eq!(gateway.puback().await, 3);
    assert_eq!(double.rejected_count(), 2);
    broker.shutdown().await;
}

#[tokio::test]
async fn a_client_name_belongs_to_its_guest() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    double.battery("b2");
    let (mut first, _) = Raw::enter(broker.address, &Hello { client: "same", ..Hello::of("b1") }).await;
    let (_second, _) = Raw::enter(broker.address, &Hello { client: "same", ..Hello::of("b2") }).await;
    first.send(&publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 1, 1)).await;
    assert_eq!(first.puback().await, 1, "another guest does not push it out");
    broker.shutdown().await;
}
