//! Killed in the middle of things: whatever was acknowledged is there, and the chain holds.

use crate::process::{PASSWORD, Serve, ago_ms, run};
use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, Packet, QoS};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Rounds, unless `CELLTIDE_CRASH_ROUNDS` says otherwise.
const ROUNDS: u64 = 50;
const TWINS: usize = 8;
const CLIENTS: usize = 2;

/// What was published, by packet identifier, until it is acknowledged; and what was.
#[derive(Default)]
struct Book {
    acknowledged: BTreeMap<usize, BTreeSet<i64>>,
    count: u64,
}

/// Publishes for its twins until the connection is lost.
fn publish(serve: &Serve, client: usize, first_ms: i64, book: Arc<Mutex<Book>>) -> JoinHandle<()> {
    let (host, port) = serve.mqtt.clone().unwrap();
    let mut options = MqttOptions::new(format!("crash-{client}"), host, port);
    options.set_credentials("admin", PASSWORD);
    let (speaker, mut events) = AsyncClient::new(options, 64);
    let (sent, mut order) = tokio::sync::mpsc::unbounded_channel::<(usize, i64)>();
    let saying = tokio::spawn(async move {
        for k in 0i64.. {
            let twin = client + CLIENTS * (k as usize % (TWINS / CLIENTS));
            let at = first_ms + 500 * k;
            let reading = json!({ "ts": at, "voltage_v": 47.5, "current_a": (k % 7) as f64 });
            let topic = format!("celltide/v1/battery/B-{twin}/telemetry");
            if sent.send((twin, at)).is_err()
                || speaker.publish(topic, QoS::AtLeastOnce, false, reading.to_string()).await.is_err()
            {
                return;
            }
        }
    });
    tokio::spawn(async move {
        // The client sends in the order in which it was told, so identifiers are given in that order.
        let mut waiting: BTreeMap<u16, (usize, i64)> = BTreeMap::new();
        loop {
            match events.poll().await {
                Ok(Event::Outgoing(Outgoing::Publish(pkid))) => {
                    let Some(what) = order.recv().await else { break };
                    waiting.insert(pkid, what);
                }
                Ok(Event::Incoming(Packet::PubAck(ack))) => {
                    if let Some((twin, at)) = waiting.remove(&ack.pkid) {
                        let mut book = book.lock().unwrap();
                        book.acknowledged.entry(twin).or_default().insert(at);
                        book.count += 1;
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        saying.abort();
    })
}

fn verified(folder: &Path) {
    let audit = Command::new(env!("CARGO_BIN_EXE_celltide"))
        .args(["audit", "verify", "--data", "data"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stderr));
}

/// Instants of all readings that the platform has of a twin.
async fn kept(serve: &Serve, twin: usize, from: i64) -> BTreeSet<i64> {
    let (mut kept, mut next) = (BTreeSet::new(), Some(from.to_string()));
    while let Some(from) = next {
        let path = format!("/twins/v1/twins/B-{twin}/history?metrics=current_a&from={from}");
        let history = serve.get(&path).await;
        let points = history["series"][0]["points"].as_array().cloned().unwrap_or_default();
        kept.extend(points.iter().map(|point| {
            let at: jiff::Timestamp = point[0].as_str().unwrap().parse().unwrap();
            at.as_millisecond()
        }));
        next = history["next_from"].as_str().map(str::to_owned);
    }
    kept
}

#[test]
fn what_was_acknowledged_is_there_after_every_kill_and_the_chain_verifies() {
    let rounds = std::env::var("CELLTIDE_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let begin = ago_ms(20 * 86_400);
        let book = Arc::new(Mutex::new(Book::default()));
        for round in 0..rounds {
            let serve = Serve::start(folder.path());
            if round == 0 {
                for twin in 0..TWINS {
                    serve.battery(&format!("B-{twin}")).await;
                }
            }
            let all = book.lock().unwrap().acknowledged.clone();
            for (twin, acknowledged) in &all {
                let kept = kept(&serve, *twin, begin).await;
                let lost: Vec<&i64> = acknowledged.difference(&kept).collect();
                assert!(lost.is_empty(), "round {round}: B-{twin} lost {lost:?} of {}", acknowledged.len());
                let seen = serve.get(&format!("/twins/v1/twins/B-{twin}")).await;
                assert_eq!(seen["readings"].as_u64(), Some(kept.len() as u64), "round {round}");
            }
            let before = book.lock().unwrap().count;
            let first_ms = begin + round as i64 * 3_600_000;
            let mut publishing = Vec::new();
            for client in 0..CLIENTS {
                publishing.push(publish(&serve, client, first_ms, book.clone()));
            }
            // A fact now and then, so that the chain grows as well.
            let more = 40 + (round * 97) % 400;
            let mut facts = 0;
            while book.lock().unwrap().count < before + more {
                facts += 1;
                let event = json!({ "event": "note", "detail": { "text": format!("{round}/{facts}") } });
                serve.post(&format!("/twins/v1/twins/B-{}/events", facts % TWINS), event).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            serve.kill();
            for publishing in publishing {
                publishing.await.unwrap();
            }
            verified(folder.path());
        }
        assert!(book.lock().unwrap().count > 40 * rounds);
    });
}
