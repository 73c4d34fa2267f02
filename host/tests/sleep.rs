//! Twins that sleep while nobody wants anything of them: nothing is lost, and nothing that is due is missed.

#![expect(clippy::unwrap_used, reason = "tests")]

use host::identity::{Identity, OsEntropy, Settings};
use host::platform::clock::Clock;
use host::platform::command::{NewCommand, Outcome};
use host::platform::door::{Device, Door, Kind, Report};
use host::platform::{Alias, NewTwin, Options, Platform, PlatformDoor, Spec, TwinId};
use host::store::series::Reading;
use host::store::{LocalStore, Metric, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use twin::time::Time;

/// 2026-01-01T00:00:00Z
const START: Time = Time(1_767_225_600_000);

struct Ground {
    store: Arc<dyn Store>,
    clock: Clock,
    platform: Platform,
    door: PlatformDoor,
}

impl Ground {
    async fn new(sleep_after: Duration, awake_max: usize) -> Self {
        let store: Arc<dyn Store> = Arc::new(LocalStore::in_memory().unwrap());
        let clock = Clock::own(START, 1.0, true).unwrap();
        Self::over(store, clock, sleep_after, awake_max).await
    }

    async fn over(store: Arc<dyn Store>, clock: Clock, sleep_after: Duration, awake_max: usize) -> Self {
        let options = Options { clock: clock.clone(), sleep_after, awake_max, ..Options::default() };
        let platform = Platform::start(store.clone(), options).await.unwrap();
        let wall = Clock::wall().now();
        let identity = Identity::open(store.clone(), Settings::default(), Arc::new(OsEntropy), wall).await;
        let door = PlatformDoor::new(platform.clone(), identity.unwrap());
        Self { store, clock, platform, door }
    }

    async fn twin(&self, kind: Kind, id: &str) -> TwinId {
        let spec = match kind {
            Kind::Battery => json!({ "chemistry": "panasonic-18650pf", "series": 13, "parallel": 4 }),
            _ => json!({}),
        };
        let new = NewTwin {
            kind,
            name: None,
            aliases: vec![Alias { namespace: "device".into(), name: id.into() }],
            spec: Spec::read(kind, spec).unwrap(),
            labels: BTreeMap::new(),
            organisation: None,
        };
        self.platform.create(new, "test").await.unwrap().id
    }

    async fn report(&self, kind: Kind, id: &str, report: Report) {
        self.door.report(Device { kind, id: id.into() }, report).await.unwrap();
    }

    async fn reading(&self, id: &str, second: i64, current_a: f64) {
        let value = |name: &str, value: f64| (Metric::new(name).unwrap(), value);
        let values = vec![value("voltage_v", 47.5), value("current_a", current_a)];
        let reading = Reading { at: START + second * 1_000, values };
        self.report(Kind::Battery, id, Report::Readings(vec![reading])).await;
    }

    async fn all_asleep(&self) {
        until("all sleep", || self.platform.awake() == 0).await;
    }
}

/// Waits for something that comes without being asked for.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in half a minute: {what}");
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(test);
}

const SOON: Duration = Duration::from_millis(80);
const NEVER: Duration = Duration::from_secs(100_000);

#[test]
fn a_twin_sleeps_when_nobody_wants_it_and_wakes_with_all_it_knew() {
    run(async {
        let ground = Ground::new(SOON, 1_000).await;
        ground.clock.advance(3_600_000).unwrap();
        let battery = ground.twin(Kind::Battery, "B").await;
        let cabinet = ground.twin(Kind::Cabinet, "C").await;
        for k in 0..70 {
            ground.reading("B", k, 2.0).await;
        }
        let slot = json!({ "slot": 2, "state": "charging", "battery": "B" });
        let event = Report::Event { at: START + 5, event: "slot".into(), detail: slot };
        ground.report(Kind::Cabinet, "C", event).await;
        let before =
            (ground.platform.view(battery).await.unwrap(), ground.platform.view(cabinet).await.unwrap());
        ground.all_asleep().await;
        let after =
            (ground.platform.view(battery).await.unwrap(), ground.platform.view(cabinet).await.unwrap());
        assert_eq!((&before.0, &before.1), (&after.0, &after.1));
        assert_eq!(after.0.readings, 70);

        // What comes late goes to its place, as if it had never slept.
        ground.all_asleep().await;
        ground.reading("B", 80, 2.0).await;
        ground.all_asleep().await;
        ground.reading("B", 75, 4.0).await;
        let other = ground.twin(Kind::Battery, "O").await;
        for k in (0..70).chain([75, 80]) {
            ground.reading("O", k, if k == 75 { 4.0 } else { 2.0 }).await;
        }
        let (slept, other) =
            (ground.platform.view(battery).await.unwrap(), ground.platform.view(other).await.unwrap());
        assert_eq!((slept.readings, &slept.battery), (other.readings, &other.battery));
    });
}

#[test]
fn nothing_is_lost_to_who_reports_while_it_falls_asleep() {
    run(async {
        let ground = Ground::new(Duration::from_millis(1), 1_000).await;
        ground.clock.advance(36_000_000).unwrap();
        let id = ground.twin(Kind::Battery, "B").await;
        let awake = ground.twin(Kind::Battery, "A").await;
        for k in 0..300i64 {
            // Pauses of all lengths around that of the nap.
            tokio::time::sleep(Duration::from_micros((k as u64 * 137) % 30_000)).await;
            tokio::join!(ground.reading("B", 3 * k, 1.0), ground.reading("B", 3 * k + 1, 2.0));
        }
        for k in 0..300 {
            ground.reading("A", 3 * k, 1.0).await;
            ground.reading("A", 3 * k + 1, 2.0).await;
        }
        let (slept, awake) =
            (ground.platform.view(id).await.unwrap(), ground.platform.view(awake).await.unwrap());
        assert_eq!(slept.readings, 600);
        assert_eq!(slept.battery, awake.battery);
    });
}

#[test]
fn no_more_are_awake_than_may_be() {
    run(async {
        let ground = Ground::new(NEVER, 10).await;
        ground.clock.advance(3_600_000).unwrap();
        for k in 0..50 {
            ground.twin(Kind::Battery, &format!("B-{k}")).await;
            ground.reading(&format!("B-{k}"), 1, 1.0).await;
        }
        until("few are awake", || ground.platform.awake() <= 10).await;
        for k in 0..50 {
            ground.reading(&format!("B-{k}"), 2, 1.0).await;
        }
        until("few are awake again", || ground.platform.awake() <= 10).await;
    });
}

#[test]
fn commands_end_and_silence_is_noticed_while_twins_sleep() {
    run(async {
        let ground = Ground::new(SOON, 1_000).await;
        let id = ground.twin(Kind::Battery, "B").await;
        ground.reading("B", 0, 1.0).await;
        let said = ground.twin(Kind::Vessel, "V").await;
        let there = Report::Presence { at: START, online: true };
        ground.report(Kind::Vessel, "V", there).await;
        let new = NewCommand { command: "lock".into(), params: Value::Null, timeout_s: Some(60.0) };
        let command = ground.platform.command(id, new, "test").await.unwrap();
        ground.all_asleep().await;
        let mut news = ground.platform.listen();
        ground.clock.advance(61_000).unwrap();
        loop {
            let piece = news.recv().await.unwrap();
            if piece.event == "command.timed_out" {
                assert_eq!(piece.twin, id);
                break;
            }
        }
        let settled = ground.platform.command_of(id, &command.id.to_string()).await.unwrap();
        assert_eq!(settled.outcome, Outcome::TimedOut);

        ground.all_asleep().await;
        ground.clock.advance(900_000).unwrap();
        let mut silent = Vec::new();
        while silent.len() < 2 {
            let piece = news.recv().await.unwrap();
            if piece.event == "offline" {
                silent.push(piece.twin);
            }
        }
        let mut expected = [id, said];
        expected.sort_unstable();
        silent.sort_unstable();
        assert_eq!(silent, expected);
        let seen = ground.platform.view(id).await.unwrap();
        assert_eq!(seen.online, Some(false));
        assert!(seen.alerts.iter().any(|alert| alert.alert_type == "connection_lost"), "{:?}", seen.alerts);
    });
}

#[test]
fn who_fell_silent_while_the_platform_was_down_is_noticed_untouched() {
    run(async {
        let ground = Ground::new(NEVER, 1_000).await;
        let id = ground.twin(Kind::Battery, "B").await;
        ground.reading("B", 0, 1.0).await;
        ground.platform.stop(Duration::from_secs(5)).await;
        let again = Ground::over(ground.store.clone(), ground.clock.clone(), SOON, 1_000).await;
        let mut news = again.platform.listen();
        // It is given its time to speak; then it is missed.
        loop {
            again.clock.advance(60_000).unwrap();
            match tokio::time::timeout(Duration::from_millis(20), news.recv()).await {
                Ok(piece) => {
                    let piece = piece.unwrap();
                    assert_eq!((piece.twin, piece.event.as_str()), (id, "offline"));
                    break;
                }
                Err(_) => assert!(again.clock.now() < START + 10 * 3_600_000, "nobody noticed"),
            }
        }
        assert!(again.clock.now() >= START + 900_000);
    });
}
