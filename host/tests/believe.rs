//! What a platform believes of batteries: the same to the bit however readings come and whoever replays them; alerts of
//! sensors; how long a battery will serve.

#![expect(clippy::unwrap_used, reason = "tests")]

use host::platform::clock::Clock;
use host::platform::door::{Kind, Report};
use host::platform::sight::SensorFaultSight;
use host::platform::{Alias, NewTwin, Options, Platform, PlatformError, Spec, TwinId};
use host::store::series::Reading;
use host::store::{LocalStore, Metric, Store};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use twin::battery::circuit::CellModel;
use twin::battery::library;
use twin::time::Time;

/// 2026-01-01T00:00:00Z
const START: Time = Time(1_767_225_600_000);
const DAY_S: i64 = 86_400;

struct Ground {
    store: Arc<dyn Store>,
    clock: Clock,
    platform: Platform,
}

impl Ground {
    /// A platform whose clock stands still, some days after the start.
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(LocalStore::in_memory().unwrap());
        let clock = Clock::own(START, 1.0, true).unwrap();
        clock.advance(40 * DAY_S * 1_000).unwrap();
        let options = Options { clock: clock.clone(), ..Options::default() };
        let platform = Platform::start(store.clone(), options).await.unwrap();
        Self { store, clock, platform }
    }

    /// Another platform over the same store, as after a restart.
    async fn again(&self) -> Platform {
        let options = Options { clock: self.clock.clone(), ..Options::default() };
        Platform::start(self.store.clone(), options).await.unwrap()
    }

    async fn battery(&self, id: &str, spec: Value) -> TwinId {
        let new = NewTwin {
            kind: Kind::Battery,
            name: None,
            aliases: vec![Alias { namespace: "device".into(), name: id.into() }],
            spec: Spec::read(Kind::Battery, spec).unwrap(),
            labels: BTreeMap::new(),
            organisation: None,
        };
        self.platform.create(new, "test").await.unwrap().id
    }

    async fn usual(&self, id: &str) -> TwinId {
        self.battery(id, json!({ "chemistry": "panasonic-18650pf", "series": 13, "parallel": 4 })).await
    }
}

async fn tell(platform: &Platform, id: TwinId, readings: Vec<Reading>) {
    platform.observe(id, Report::Readings(readings), "test").await.unwrap();
}

static CELL: LazyLock<CellModel> =
    LazyLock::new(|| CellModel::compile(library::find("panasonic-18650pf").unwrap()).unwrap());

/// A row at a second, of a battery that has so much of its capacity: driven, rested and charged for half an hour each; now
/// and then a temperature is missing, and cells are told apart.
fn row(second: i64, capacity: f64) -> Reading {
    let into = second.rem_euclid(1_800) as f64 / 1_800.0;
    let swing = 0.25 / capacity;
    let (rate, soc) = match (second / 1_800) % 3 {
        0 => (0.5, 0.8 - swing * into),
        1 => (0.0, 0.8 - swing),
        _ => (-0.5, 0.8 - swing * (1.0 - into)),
    };
    let cell_a = rate * CELL.file.cell.capacity_ah;
    let cell_v = CELL.ocv_v(soc) - cell_a * CELL.resistances(soc, 25.0).r0 + 1e-4 * (second % 7) as f64;
    let value = |name: &str, value: f64| (Metric::new(name).unwrap(), value);
    let mut values = vec![value("current_a", 4.0 * cell_a), value("voltage_v", 13.0 * cell_v)];
    if second % 11 != 0 {
        values.push(value("temperature_c", 24.0 + 0.1 * (second % 13) as f64));
    }
    if second % 3 == 0 {
        let cells =
            (1..=13).map(|k| value(&format!("cell_voltages_v.{k}"), cell_v + 1e-3 * f64::from(k % 5 - 2)));
        values.extend(cells);
    }
    Reading { at: START + second * 1_000, values }
}

fn reading(second: i64) -> Reading {
    row(second, 1.0)
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Readings come late, twice, in heaps, before and after a restart: what is believed is what one would believe who heard
    /// them in order, and what a replay of journal and series makes of them.
    #[test]
    fn however_readings_come_the_belief_is_the_same_to_the_bit(
        steps in prop::collection::vec(prop_oneof![8 => 5i64..30, 1 => 600i64..4_000], 400),
        delays in prop::collection::vec(prop_oneof![6 => Just(0usize), 2 => 1usize..6, 1 => 50usize..350], 400),
        twice in prop::collection::vec(0usize..20, 400),
        heap in 1usize..9,
        restart in 50usize..350,
    ) {
        run(async {
            let ground = Ground::new().await;
            let (straight, mixed) = (ground.usual("straight").await, ground.usual("mixed").await);
            let seconds: Vec<i64> = steps.iter().scan(0, |at, step| { *at += step; Some(*at) }).collect();
            for heap in seconds.chunks(50) {
                tell(&ground.platform, straight, heap.iter().map(|at| reading(*at)).collect()).await;
            }
            let mut order: Vec<usize> = (0..seconds.len()).collect();
            order.sort_by_key(|k| k + delays[*k]);
            let mut platform = ground.platform.clone();
            for (number, chunk) in order.chunks(heap).enumerate() {
                if number == restart / heap {
                    platform = ground.again().await;
                }
                tell(&platform, mixed, chunk.iter().map(|k| reading(seconds[*k])).collect()).await;
                if let Some(k) = chunk.iter().find(|k| twice[**k] == 0) {
                    tell(&platform, mixed, vec![reading(seconds[*k])]).await;
                }
            }
            let one = ground.platform.view(straight).await.unwrap();
            let other = platform.view(mixed).await.unwrap();
            assert_eq!(one.readings, 400);
            assert_eq!((&one.battery, &one.latest, one.readings), (&other.battery, &other.latest, other.readings));
            // From the last snapshot on, and from nothing but journal and series.
            let woken = ground.again().await.view(mixed).await.unwrap();
            assert_eq!((&woken.battery, &woken.latest), (&other.battery, &other.latest));
            let replayed = platform.view_at(mixed, ground.clock.now()).await.unwrap();
            assert_eq!((&replayed.battery, &replayed.latest), (&other.battery, &other.latest));
            // What was believed at any earlier time is the same as well.
            let then = START + seconds[200] * 1_000;
            let one = ground.platform.view_at(straight, then).await.unwrap();
            let other = platform.view_at(mixed, then).await.unwrap();
            assert_eq!((one.battery, one.readings), (other.battery, other.readings));
        });
    }
}

#[test]
fn a_stuck_sensor_is_seen_and_told_about_until_it_moves_again() {
    run(async {
        let ground = Ground::new().await;
        let id = ground.usual("B").await;
        let stuck = |second: i64| {
            let mut reading = reading(second);
            reading.values[1].1 = 47.0;
            reading
        };
        tell(&ground.platform, id, (0..180).map(|k| reading(k * 10)).collect()).await;
        let sound = ground.platform.view(id).await.unwrap();
        assert_eq!(sound.battery.unwrap().sensor_faults, Vec::new());
        tell(&ground.platform, id, (180..1_000).map(|k| stuck(k * 10)).collect()).await;
        let seen = ground.platform.view(id).await.unwrap();
        let faults = seen.battery.unwrap().sensor_faults;
        let is_it = |f: &&SensorFaultSight| (f.sensor, f.fault) == ("voltage", "stuck");
        let fault = faults.iter().find(is_it).unwrap();
        assert!((fault.figure - 47.0).abs() < 1e-9 && fault.since >= START + 1_800_000, "{fault:?}");
        let alert = seen.alerts.iter().find(|alert| alert.alert_type == "voltage_sensor_fault").unwrap();
        assert!(alert.message.starts_with("Voltage sensor does not tell the truth"), "{}", alert.message);
        tell(&ground.platform, id, (1_000..1_200).map(|k| reading(k * 10)).collect()).await;
        let healed = ground.platform.view(id).await.unwrap();
        assert!(!healed.alerts.iter().any(|alert| alert.alert_type == "voltage_sensor_fault"));
    });
}

#[test]
fn life_is_foreseen_once_its_use_is_known_and_a_short_one_raises_an_alert() {
    run(async {
        let ground = Ground::new().await;
        let platform = &ground.platform;
        let refused = |id: TwinId| async move {
            let record = platform.find(None, &id.to_string()).await.unwrap();
            match platform.forecast(&record).await {
                Err(PlatformError::Unforeseen { missing }) => missing,
                other => panic!("{other:?}"),
            }
        };
        let unknown = ground.battery("unknown", json!({ "capacity_ah": 50 })).await;
        assert_eq!(refused(unknown).await, "nothing was measured yet");
        tell(platform, unknown, vec![reading(0)]).await;
        assert!(refused(unknown).await.contains("chemistry"));
        let young = ground.usual("young").await;
        tell(platform, young, (0..200).map(|k| reading(k * 60)).collect()).await;
        assert!(
            refused(young).await.contains("0.14 days of readings were heard"),
            "{}",
            refused(young).await
        );
        let worn = ground.usual("worn").await;
        for day in 0..4 {
            let seconds = (0..1_440).map(|k| day * DAY_S + k * 60);
            tell(platform, young, seconds.clone().map(reading).collect()).await;
            let worn_rows = seconds.map(|second| {
                let mut reading = row(second, 0.7);
                reading.values.push((Metric::new("soh_pct").unwrap(), 70.0));
                reading
            });
            tell(platform, worn, worn_rows.collect()).await;
        }
        let record = platform.find(None, "young").await.unwrap();
        let life = platform.forecast(&record).await.unwrap();
        assert!(life.p10 <= life.p50 && life.p50 <= life.p90 && life.p50 > 0.0, "{life:?}");
        assert!((life.heard_days - 4.0).abs() < 0.1 && life.assumed_use.equivalent_cycles_per_day > 1.0);
        assert_eq!((life.unit, life.curve.first().unwrap().day), ("days", 0.0));
        assert_eq!(Some(life.soh), platform.view(young).await.unwrap().battery.unwrap().soh);
        assert_eq!(platform.forecast(&record).await.unwrap(), life);
        // The worn one has no life left, and its rule says so.
        let record = platform.find(None, "worn").await.unwrap();
        let life = platform.forecast(&record).await.unwrap();
        assert!(life.soh < 0.78, "{life:?}");
        let seen = platform.view(worn).await.unwrap();
        let alert = seen.alerts.iter().find(|alert| alert.alert_type == "rul_critical");
        assert!(alert.is_some(), "{:?} {:?}", life, seen.alerts);
    });
}
