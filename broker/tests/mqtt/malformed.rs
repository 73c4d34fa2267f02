//! What is wrong is told apart, rejected with its reason, and harms nothing else.

use crate::double::{config, hurried, reading, second, start};
use crate::raw::{Hello, Raw, frame, length, publish, text};
use broker::payload::{self, Class, Limits};
use broker::topic;
use host::platform::door::Kind;
use std::collections::BTreeSet;
use twin::time::Time;

/// Now, in these tests.
const NOW: Time = Time(1_750_000_000_000);

/// What is published on a topic of the device, and what is wrong with it.
fn wrong() -> Vec<(&'static str, Vec<u8>, Class)> {
    let telemetry = |text: &str, class| ("telemetry", text.as_bytes().to_vec(), class);
    let event = |text: &str, class| ("event", text.as_bytes().to_vec(), class);
    let ack = |text: &str, class| ("command/c1/ack", text.as_bytes().to_vec(), class);
    let with = |field: &str| format!(r#"{{"ts":1700000000000,"voltage_v":50,"current_a":1,{field}}}"#);
    let cells = |count: usize| with(&format!(r#""cell_voltages_v":[{}]"#, vec!["3.3"; count].join(",")));
    let many = |count: usize| format!("[{}]", vec![reading(second(1)); count].join(","));
    vec![
        ("telemetry", Vec::new(), Class::Empty),
        (
            "telemetry",
            [b"\xEF\xBB\xBF".as_slice(), reading(second(1)).as_bytes()].concat(),
            Class::ByteOrderMark,
        ),
        (
            "telemetry",
            b"{\"ts\":1700000000000,\"voltage_v\":50,\"current_a\":1,\"x\":\"\xFF\"}".to_vec(),
            Class::NotUtf8,
        ),
        ("telemetry", b"\xFF\xFE{\0}\0".to_vec(), Class::NotUtf8),
        ("telemetry", vec![b' '; 256 * 1_024 + 1], Class::TooLong),
        telemetry(&reading(second(1))[..30], Class::CutOff),
        telemetry("{", Class::CutOff),
        telemetry("[", Class::CutOff),
        telemetry(&format!("{}x", reading(second(1))), Class::Trailing),
        telemetry(&format!("{0}{0}", reading(second(1))), Class::Trailing),
        telemetry("nonsense", Class::Syntax),
        telemetry("{'ts':1}", Class::Syntax),
        telemetry(r#"{"ts":1700000000000,}"#, Class::Syntax),
        telemetry(r#"{"ts" 1700000000000}"#, Class::Syntax),
        telemetry(&with("\"note\":\"a\nb\""), Class::ControlCharacter),
        telemetry(&with(r#""note":"\q""#), Class::Escape),
        telemetry(&with(r#""note":"\ud800""#), Class::Escape),
        telemetry(&with(r#""soc_pct":01"#), Class::MisspeltNumber),
        telemetry(&with(r#""soc_pct":1."#), Class::MisspeltNumber),
        telemetry(&with(r#""soc_pct":NaN"#), Class::NotFinite),
        telemetry(&with(r#""soc_pct":-Infinity"#), Class::NotFinite),
        telemetry(&with(r#""soc_pct":1e999"#), Class::TooLarge),
        telemetry(&with(&format!(r#""x":{}1{}"#, "[".repeat(40), "]".repeat(40))), Class::TooDeep),
        telemetry(&"[".repeat(100_000), Class::NotAnObject),
        telemetry("42", Class::NotAnObject),
        telemetry("null", Class::NotAnObject),
        telemetry("\"online\"", Class::NotAnObject),
        telemetry("[1,2]", Class::NotAnObject),
        telemetry("[]", Class::NoReadings),
        telemetry(&many(2_001), Class::TooManyReadings),
        telemetry(&with(r#""voltage_v":51"#), Class::DuplicateKey),
        telemetry(&with(r#""ts":1700000000001"#), Class::DuplicateKey),
        telemetry(r#"{"voltage_v":50,"current_a":1}"#, Class::MissingKey),
        telemetry(r#"{"ts":1700000000000,"voltage_v":50}"#, Class::MissingKey),
        telemetry(r#"{"ts":1700000000000,"voltage_v":50,"current_a":null}"#, Class::MissingKey),
        telemetry(&with(&format!(r#""{}":1"#, "k".repeat(300))), Class::KeyTooLong),
        telemetry(&with(r#""soc_pct":"80""#), Class::NotANumber),
        telemetry(&with(r#""soc_pct":true"#), Class::NotANumber),
        telemetry(&with(r#""soc_pct":[80]"#), Class::NotANumber),
        telemetry(&with(r#""soc_pct":{"value":80}"#), Class::NotANumber),
        telemetry(&with(r#""soc_pct":1e300"#), Class::OutOfBounds),
        telemetry(&with(r#""temperature_c":-300"#), Class::OutOfBounds),
        telemetry(&with(r#""lat":91,"lon":0"#), Class::OutOfBounds),
        telemetry(r#"{"ts":"yesterday","voltage_v":50,"current_a":1}"#, Class::NotATime),
        telemetry(r#"{"ts":true,"voltage_v":50,"current_a":1}"#, Class::NotATime),
        telemetry(r#"{"ts":1e80,"voltage_v":50,"current_a":1}"#, Class::NotATime),
        telemetry(r#"{"ts":1700000000,"voltage_v":50,"current_a":1}"#, Class::TooEarly),
        telemetry(r#"{"ts":-1,"voltage_v":50,"current_a":1}"#, Class::TooEarly),
        telemetry(r#"{"ts":"2999-01-01T00:00:00Z","voltage_v":50,"current_a":1}"#, Class::InFuture),
        telemetry(&with(r#""cell_voltages_v":3.3"#), Class::CellsNotAnArray),
        telemetry(&with(r#""cell_voltages_v":{"1":3.3}"#), Class::CellsNotAnArray),
        telemetry(&with(r#""cell_voltages_v":[]"#), Class::NoCells),
        telemetry(&with(r#""cell_voltages_v":[3.3,"3.3"]"#), Class::NotANumber),
        telemetry(&with(r#""cell_voltages_v":[3.3,99]"#), Class::OutOfBounds),
        telemetry(&cells(241), Class::TooManyCells),
        telemetry(&with(r#""lat":1.3"#), Class::HalfAPlace),
        event(r#"{"ts":1700000000000}"#, Class::MissingKey),
        event(r#"{"event":7}"#, Class::NotAString),
        event(r#"{"event":"Swap Started"}"#, Class::EventName),
        event(r#"{"event":"swap","event":"door"}"#, Class::DuplicateKey),
        event("[]", Class::NotAnObject),
        event(&format!(r#"{{"event":"a","x":{}{}}}"#, "[".repeat(60), "]".repeat(60)), Class::TooDeep),
        ("status", b"maybe".to_vec(), Class::UnknownStatus),
        ("status", b"".to_vec(), Class::Empty),
        ack(r#"{"ts":1700000000000}"#, Class::NoOutcome),
        ack(r#"{"done":"yes"}"#, Class::NoOutcome),
        ack(r#"{"done":true,"detail":5}"#, Class::NotAString),
        ack(&format!(r#"{{"done":true,"detail":"{}"}}"#, "x".repeat(5_000)), Class::TooLong),
        ("telemetri", reading(second(1)).into_bytes(), Class::UnknownTopic),
        ("command/x/y/ack", b"{}".to_vec(), Class::BadId),
    ]
}

#[test]
fn every_kind_is_told_apart() {
    let limits = Limits::default();
    let mut classes = BTreeSet::new();
    for (channel, bytes, class) in wrong() {
        let fault = match channel {
            "telemetry" => payload::telemetry(Kind::Battery, &bytes, NOW, &limits).map(drop).unwrap_err(),
            "event" => payload::event(&bytes, NOW, &limits).map(drop).unwrap_err(),
            "status" => payload::status(&bytes).map(drop).unwrap_err(),
            "command/c1/ack" => payload::ack("c1", &bytes, NOW, &limits).map(drop).unwrap_err(),
            _ => {
                classes.insert(class);
                continue;
            }
        };
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned();
        assert_eq!(fault.class, class, "{shown}: {fault}");
        assert!(!fault.field.is_empty() && !fault.reason.is_empty());
        assert!(fault.reason.len() < 300, "a reason is short: {fault}");
        classes.insert(class);
    }
    assert!(classes.len() >= 30, "{} kinds", classes.len());
}

#[tokio::test]
async fn ten_thousand_wrong_messages_harm_nothing() {
    let (double, broker) = start(hurried()).await;
    let (device, other) = (double.battery("b1"), double.battery("b2"));
    let wrong: Vec<_> = wrong().into_iter().filter(|(_, bytes, _)| bytes.len() < 2_000).collect();
    let kinds: BTreeSet<Class> = wrong.iter().map(|(_, _, class)| *class).collect();
    assert!(kinds.len() >= 30, "{} kinds", kinds.len());
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    let (mut neighbour, _) = Raw::enter(broker.address, &Hello::of("b2")).await;
    let mut sent = 0;
    while sent < 10_000 {
        let batch = wrong.iter().cycle().skip(sent).take(200);
        for (n, (channel, bytes, _)) in (1..).zip(batch) {
            client.send(&publish(&format!("celltide/v1/battery/b1/{channel}"), bytes, 1, n)).await;
        }
        for n in 1..=200 {
            assert_eq!(client.puback().await, n);
        }
        sent += 200;
        neighbour.send(&publish(&topic::telemetry(&other), reading(second(1)).as_bytes(), 1, 7)).await;
        assert_eq!(neighbour.puback().await, 7);
    }
    assert_eq!(double.rejected_count(), 10_000);
    assert_eq!((double.readings(&device), double.readings(&other)), (0, 50));
    client.send(&publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 1, 8)).await;
    assert_eq!(client.puback().await, 8, "what is right is taken as before");
    assert_eq!(double.readings(&device), 1);
    broker.shutdown().await;
}

/// Resident memory of this process [bytes].
fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm.split(' ').nth(1)?.parse::<usize>().ok().map(|pages| pages * 4_096)
}

#[tokio::test]
async fn a_hundred_megabytes_are_neither_read_nor_held() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    let before = resident_bytes();
    let bytes = 100 * 1_000 * 1_000;
    let mut head = vec![0x32];
    head.extend(length(2 + topic::telemetry(&device).len() + 2 + bytes));
    head.extend(text(&topic::telemetry(&device)));
    head.extend([0, 1]);
    client.send(&head).await;
    let chunk = vec![b'x'; 64 * 1_024];
    let mut sent = 0;
    use tokio::io::AsyncWriteExt;
    while sent < bytes && client.stream.write_all(&chunk).await.is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 32 * 1_000 * 1_000, "closed long before the end, after {sent} bytes");
    double.until("rejected", |d| d.rejected_count() == 1).await;
    let rejected = double.rejected.lock().unwrap()[0].clone();
    assert_eq!(rejected.from, Some(device.clone()));
    assert!(rejected.why.reason.contains("100000"), "{}", rejected.why);
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        // Other tests of this process take some meanwhile.
        assert!(after < before + 90_000_000, "{before} → {after} bytes");
    }
    // The device can come back.
    let (mut client, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    client.send(&publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 1, 2)).await;
    assert_eq!(client.puback().await, 2);
    broker.shutdown().await;
}

#[tokio::test]
async fn frames_that_are_no_mqtt_end_their_connection_only() {
    let (double, broker) = start(config()).await;
    let device = double.battery("b1");
    double.battery("b2");
    let (mut neighbour, _) = Raw::enter(broker.address, &Hello::of("b1")).await;
    let frames = [
        vec![0x00, 0x00],
        vec![0xF0, 0x00],
        vec![0x32, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        frame(0x36, b"\0\x01t\0\x01x"),
        frame(0x32, b"\0\x01t\0\0x"),
        frame(0x32, b"\0\x09t"),
        frame(0x30, b""),
        frame(0x30, b"\0\0payload"),
        frame(0x30, b"\0\x03a/#payload"),
        frame(0x30, b"\0\x02\xFF\xFEpayload"),
        frame(0x82, b"\0\x01"),
        frame(0x82, b"\0\x01\0\x05a"),
        frame(0x82, b"\0\x01\0\x01a\x03"),
        frame(0x20, b"\0\0"),
        frame(0x40, b""),
        frame(0x10, b"\0\x04MQTT"),
    ];
    for bytes in frames {
        let (mut client, _) = Raw::enter(broker.address, &Hello::of("b2")).await;
        client.send(&bytes).await;
        assert_eq!(client.receive().await, None, "{bytes:?}");
    }
    neighbour.send(&publish(&topic::telemetry(&device), reading(second(1)).as_bytes(), 1, 2)).await;
    assert_eq!(neighbour.puback().await, 2);
    broker.shutdown().await;
}
