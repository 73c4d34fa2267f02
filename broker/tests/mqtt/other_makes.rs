//! Mapping rules and Sparkplug over the wire.

use crate::double::{config, start};
use crate::raw::{Hello, Raw, publish};
use broker::mapping::Rule;
use broker::{Broker, Config, topic};
use host::platform::door::{Access, Report};

fn rule(text: &str) -> Rule {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn another_make_is_heard_by_its_rule() {
    let mapping = vec![rule(
        r#"{"name":"acme","topic":"acme/{id}/data","kind":"battery","value":[
            {"metric":"voltage_v","pointer":"/u","unit":"mv","required":true},
            {"metric":"current_a","pointer":"/i","negate":true}]}"#,
    )];
    let (double, broker) = start(Config { mapping, ..config() }).await;
    let device = double.battery("b1");
    let other = double.battery("b2");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    client.send(&publish("acme/b1/data", br#"{"u":52100,"i":-3.5}"#, 1, 1)).await;
    client.send(&publish("acme/b2/data", br#"{"u":52100,"i":-3.5}"#, 1, 2)).await;
    client.send(&publish("acme/b1/data", br#"{"i":-3.5}"#, 1, 3)).await;
    client.send(&publish("acme/b1/other", br#"{}"#, 1, 4)).await;
    for n in 1..=4 {
        assert_eq!(client.puback().await, n);
    }
    let reports = double.reports.lock().unwrap().clone();
    let Some((from, Report::Readings(readings))) = reports.last() else { panic!("{reports:?}") };
    assert_eq!((from, readings.len()), (&device, 1));
    let values: Vec<(&str, f64)> =
        readings[0].values.iter().map(|(metric, value)| (metric.as_str(), *value)).collect();
    assert_eq!(values, [("voltage_v", 52.1), ("current_a", 3.5)]);
    assert_eq!(double.readings(&other), 0);
    assert_eq!(double.rejected_count(), 3, "another's, one without a voltage, and one that no rule is for");
    broker.shutdown().await;
}

#[tokio::test]
async fn a_wrong_rule_is_refused_by_name() {
    let mapping = vec![rule(
        r#"{"name":"acme","topic":"acme/{id}/data","kind":"battery","value":[
            {"metric":"voltage_v","pointer":"/u","unit":"furlong"}]}"#,
    )];
    let double = crate::double::Double::new();
    let door = std::sync::Arc::new(crate::double::Behind(double));
    let error = Broker::start(Config { mapping, ..config() }, door).await.unwrap_err().to_string();
    assert!(error.contains("mapping[0].value[0].unit") && error.contains("furlong"), "{error}");
}

#[tokio::test]
async fn a_sparkplug_node_that_was_not_born_is_asked_for_its_birth() {
    let (double, broker) = start(config()).await;
    double.guest("node", Access::All);
    let (mut node, _) = Raw::enter(broker.address, &Hello::of("node")).await;
    assert_eq!(node.subscribe("spBv1.0/site/NCMD/node", 1).await, 1);
    // Data with nothing but sequence number 5: field 3, a varint.
    node.send(&publish("spBv1.0/site/DDATA/node/b1", &[0x18, 5], 0, 0)).await;
    let (_, name, payload) = node.heard().await;
    assert_eq!(name, "spBv1.0/site/NCMD/node");
    let asks = payload.windows(20).any(|window| window == b"Node Control/Rebirth");
    assert!(asks, "{payload:?}");
    double.until("rejected", |d| d.rejected_count() == 1).await;
    assert_eq!(double.rejected.lock().unwrap()[0].why.reason, "no birth was heard before");
    // A device may not ask others for anything.
    double.battery("b1");
    let (mut device, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    device.send(&publish("spBv1.0/site/NCMD/node", &payload, 1, 1)).await;
    assert_eq!(device.puback().await, 1);
    assert_eq!(double.rejected_count(), 2);
    let own = double.battery("b1");
    assert_eq!(double.readings(&own), 0);
    assert!(topic::is_name("spBv1.0/site/NCMD/node"));
    broker.shutdown().await;
}
