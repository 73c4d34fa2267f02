//! The platform through its door to hardware: reports, commands and their answers, what is kept of bad messages.

#![expect(clippy::unwrap_used, reason = "tests")]

use host::identity::{Identity, OsEntropy, Secret, Settings};
use host::platform::clock::Clock;
use host::platform::command::{NewCommand, Outcome};
use host::platform::door::{Access, Device, Door, Kind, Login, NotKept, Order, Report, TurnedAway, Unfit};
use host::platform::{Alias, NewTwin, Options, Platform, PlatformDoor, Spec, TwinId};
use host::store::series::Reading;
use host::store::{Entity, LocalStore, Metric, Revision, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use twin::time::Time;

/// 2026-01-01T00:00:00Z
const START: Time = Time(1_767_225_600_000);

struct Ground {
    store: Arc<dyn Store>,
    platform: Platform,
    door: PlatformDoor,
    clock: Clock,
}

async fn ground() -> Ground {
    let store: Arc<dyn Store> = Arc::new(LocalStore::in_memory().unwrap());
    let clock = Clock::own(START, 1.0, true).unwrap();
    let options = Options { clock: clock.clone(), ..Options::default() };
    let platform = Platform::start(store.clone(), options).await.unwrap();
    let wall = Clock::wall().now();
    let identity =
        Identity::open(store.clone(), Settings::default(), Arc::new(OsEntropy), wall).await.unwrap();
    identity.first_admin(Some(Secret::new("correct horse")), wall).await.unwrap();
    let door = PlatformDoor::new(platform.clone(), identity);
    Ground { store, platform, door, clock }
}

fn device(kind: Kind, id: &str) -> Device {
    Device { kind, id: id.into() }
}

async fn battery(platform: &Platform, id: &str) -> TwinId {
    let spec = json!({ "chemistry": "panasonic-18650pf", "series": 13, "parallel": 4 });
    let new = NewTwin {
        kind: Kind::Battery,
        name: None,
        aliases: vec![Alias { namespace: "device".into(), name: id.into() }],
        spec: Spec::read(Kind::Battery, spec).unwrap(),
        labels: BTreeMap::new(),
        organisation: None,
    };
    platform.create(new, "test").await.unwrap().id
}

fn reading(second: i64, current_a: f64) -> Reading {
    let value = |name: &str, value: f64| (Metric::new(name).unwrap(), value);
    Reading {
        at: START + second * 1_000,
        values: vec![value("voltage_v", 47.5), value("current_a", current_a)],
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

#[test]
fn many_reports_at_once_come_to_the_same_as_one_after_another() {
    run(async {
        let ground = ground().await;
        ground.clock.advance(3_600_000).unwrap();
        let (one, other) = (battery(&ground.platform, "one").await, battery(&ground.platform, "other").await);
        for k in 0..600 {
            let report = Report::Readings(vec![reading(k, 2.0)]);
            ground.door.report(device(Kind::Battery, "one"), report).await.unwrap();
        }
        // All at once, in an order of their own, some twice.
        let reports = (0..600).chain([5, 5, 77]).map(|k| {
            let k = (k * 7) % 600;
            ground.door.report(device(Kind::Battery, "other"), Report::Readings(vec![reading(k, 2.0)]))
        });
        for done in futures::future::join_all(reports).await {
            done.unwrap();
        }
        let (one, other) =
            (ground.platform.view(one).await.unwrap(), ground.platform.view(other).await.unwrap());
        assert_eq!(one.readings, 600);
        assert_eq!(one.readings, other.readings);
        assert_eq!(one.battery, other.battery);
        assert!((one.battery.unwrap().discharged_ah - 2.0 * 599.0 / 3_600.0).abs() < 1e-9);
    });
}

#[test]
fn a_replay_of_journal_and_series_is_the_live_state() {
    run(async {
        let ground = ground().await;
        ground.clock.advance(7_200_000).unwrap();
        let id = battery(&ground.platform, "B").await;
        let from = || device(Kind::Battery, "B");
        for k in 0..400 {
            let report = Report::Readings(vec![reading(k * 10, if k % 50 < 25 { 5.0 } else { -3.0 })]);
            ground.door.report(from(), report).await.unwrap();
        }
        let event = Report::Event { at: START + 5, event: "door".into(), detail: json!({ "state": "open" }) };
        ground.door.report(from(), event).await.unwrap();
        let live = ground.platform.view(id).await.unwrap();
        // Another platform over the same store: wakes from the snapshot and what came after it.
        let options = Options { clock: ground.clock.clone(), ..Options::default() };
        let again = Platform::start(ground.store.clone(), options).await.unwrap();
        let woken = again.view(id).await.unwrap();
        assert_eq!((&woken.battery, &woken.said, woken.readings), (&live.battery, &live.said, live.readings));
        // And from nothing but journal and series.
        let replayed = again.view_at(id, ground.clock.now()).await.unwrap();
        assert_eq!((&replayed.battery, &replayed.said), (&live.battery, &live.said));
    });
}

#[test]
fn a_twin_that_another_writer_changed_is_read_again() {
    run(async {
        let ground = ground().await;
        let id = battery(&ground.platform, "B").await;
        ground.platform.view(id).await.unwrap();
        let options = Options { clock: ground.clock.clone(), ..Options::default() };
        let other = Platform::start(ground.store.clone(), options).await.unwrap();
        let map = |value: Value| value.as_object().unwrap().clone();
        other.desire(id, map(json!({ "mode": "eco" })), "other").await.unwrap();
        let seen = ground.platform.desire(id, map(json!({ "limit": 1 })), "test").await.unwrap();
        assert_eq!(Value::Object(seen.desired), json!({ "limit": 1, "mode": "eco" }));
    });
}

#[test]
fn a_command_reaches_the_device_and_its_answer_counts_once() {
    run(async {
        let ground = ground().await;
        let id = battery(&ground.platform, "B").await;
        let mut orders = ground.door.orders();
        let new = |command: &str| NewCommand {
            command: command.into(),
            params: Value::Null,
            timeout_s: Some(60.0),
        };
        let command = ground.platform.command(id, new("lock"), "test").await.unwrap();
        let ordered = loop {
            match orders.recv().await.unwrap() {
                Order::Command { device, command, payload } => break (device, command, payload),
                Order::State { .. } => {}
            }
        };
        assert_eq!((ordered.0, ordered.1), (device(Kind::Battery, "B"), command.id.to_string()));
        assert_eq!(serde_json::from_str::<Value>(&ordered.2).unwrap()["name"], "lock");
        let answer = |command: &str, done: bool| Report::Acknowledged {
            at: START,
            command: command.to_owned(),
            done,
            detail: Some("so".to_owned()),
        };
        let from = || device(Kind::Battery, "B");
        let name = command.id.to_string();
        ground.door.report(from(), answer(&name, false)).await.unwrap();
        ground.door.report(from(), answer(&name, true)).await.unwrap();
        let settled = ground.platform.command_of(id, &name).await.unwrap();
        assert_eq!((settled.outcome, settled.detail.as_deref()), (Outcome::Refused, Some("so")));
        let stranger = ground.door.report(from(), answer("nonsense", true)).await.unwrap_err();
        assert!(
            matches!(stranger, NotKept::Unfit(Unfit { ref field, .. }) if field == "command"),
            "{stranger:?}"
        );

        // Told again twice, then given up, all by the fleet's clock.
        let command = ground.platform.command(id, new("wait"), "test").await.unwrap();
        let mut told = 0;
        while ground.platform.command_of(id, &command.id.to_string()).await.unwrap().is_open() {
            ground.clock.advance(5_000).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while let Ok(order) = orders.try_recv() {
            told += usize::from(
                matches!(order, Order::Command { command: ref id, .. } if *id == command.id.to_string()),
            );
        }
        assert_eq!(told, 3);
        let settled = ground.platform.command_of(id, &command.id.to_string()).await.unwrap();
        assert_eq!(settled.outcome, Outcome::TimedOut);
    });
}

#[test]
fn bad_reports_are_refused_with_their_field_and_bad_messages_kept() {
    run(async {
        let ground = ground().await;
        let id = battery(&ground.platform, "B").await;
        let refused = |from: Device, report: Report| {
            let report = ground.door.report(from, report);
            async move {
                match report.await {
                    Err(NotKept::Unfit(unfit)) => unfit.field,
                    other => panic!("{other:?}"),
                }
            }
        };
        let from = || device(Kind::Battery, "B");
        assert_eq!(
            refused(device(Kind::Battery, "nobody"), Report::Readings(vec![reading(0, 1.0)])).await,
            "device"
        );
        assert_eq!(
            refused(device(Kind::Vessel, "B"), Report::Readings(vec![reading(0, 1.0)])).await,
            "device"
        );
        assert_eq!(refused(from(), Report::Readings(vec![reading(7_200, 1.0)])).await, "ts");
        let infinite =
            Reading { at: START, values: vec![(Metric::new("voltage_v").unwrap(), f64::INFINITY)] };
        assert_eq!(refused(from(), Report::Readings(vec![infinite])).await, "voltage_v");
        let event = Report::Event { at: START, event: "reported".into(), detail: json!(3) };
        assert_eq!(refused(from(), event).await, "detail");
        assert_eq!(ground.platform.view(id).await.unwrap().readings, 0);

        let letters = (0..5).map(|k| {
            let why = Unfit::new("payload", format!("number {k}"));
            ground.door.reject(None, "celltide/v1/x".into(), bytes::Bytes::from_static(b"\xff{"), why)
        });
        futures::future::join_all(letters).await;
        let kept =
            ground.store.entries_of(Entity::new("dead-letters").unwrap(), Revision(1), 100).await.unwrap();
        assert_eq!(kept.len(), 5);
        assert_eq!(kept[0].json::<Value>(1).unwrap()["bytes"], 2);
    });
}

#[test]
fn the_administrator_may_speak_for_all_and_strangers_for_nobody() {
    run(async {
        let ground = ground().await;
        let login = |user: &str, secret: &str| Login {
            client: "test".into(),
            user: Some(user.to_owned()),
            secret: Some(secret.to_owned()),
        };
        let guest = ground.door.admit(login("admin", "correct horse")).await.unwrap();
        assert_eq!(guest.access, Access::All);
        assert_eq!(ground.door.admit(login("admin", "wrong")).await, Err(TurnedAway::Unknown));
    });
}
