//! Plastic over a store in memory: no kilogram is lost whatever happens to batches, and whatever somebody asks.

#![expect(clippy::unwrap_used, reason = "tests")]

use host::identity::{Caller, Identity, OsEntropy, Settings as IdentitySettings};
use host::plastic::{
    Arrival, Declared, Event, NewBatch, NewFacility, NewStatus, Outside, Parts, Plastic, PlasticError,
    ReportData, ReportFormat, Settings,
};
use host::platform::clock::Clock;
use host::platform::{Options, Platform};
use host::store::{LocalStore, Store};
use host::webhook::{Deliver, Outcome, Parcel, Soon, Webhooks};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use twin::geo::Position;
use twin::plastic::batch::{BatchId, Collector, Origin, Place, Stage};
use twin::plastic::declared::Part;
use twin::plastic::gear::Method;
use twin::plastic::material::{Condition, Material, Resin};
use twin::plastic::station::Station;
use twin::time::{HOUR_MS, Time};

const START: Time = Time(1_736_937_000_000);

#[derive(Debug)]
struct Silent;

impl Outside for Silent {
    fn spell(&self, event: &Event<'_>) -> Value {
        json!({ "event": event.name(), "subject": event.subject() })
    }

    fn report(&self, data: &ReportData, format: ReportFormat, _: bool) -> Result<Vec<u8>, String> {
        Ok(format!("{} {} {}", data.id, format.name(), data.collection.batches).into_bytes())
    }
}

impl Deliver for Silent {
    fn deliver(&self, _: Parcel) -> Soon<Outcome> {
        Box::pin(async { Outcome::Taken })
    }

    fn admits(&self, _: String) -> Soon<Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

async fn plastic(store: &Arc<dyn Store>, clock: &Clock) -> Plastic {
    let options = Options { clock: clock.clone(), threads: 1, ..Options::default() };
    let platform = Platform::start(store.clone(), options).await.unwrap();
    let entropy = Arc::new(OsEntropy);
    let settings = IdentitySettings::default();
    let identity = Identity::open(store.clone(), settings, entropy.clone(), START).await.unwrap();
    let webhooks = Webhooks::open(
        store.clone(),
        clock.clone(),
        entropy.clone(),
        Arc::new(Silent),
        host::webhook::Settings::default(),
    );
    let webhooks = webhooks.await.unwrap();
    let parts =
        Parts { platform, identity, webhooks, outside: Arc::new(Silent), store: store.clone(), entropy };
    Plastic::open(parts, Settings::default()).await.unwrap()
}

fn new_batch(kg: f64, at: Time) -> NewBatch {
    let part = |resin, condition| Part { resin, condition, percent: 50.0, mass_kg: kg / 2.0 };
    NewBatch {
        origin: Origin {
            place: Place { position: Some(Position::new(35.1587, 129.1604).unwrap()), ..Place::default() },
            at,
            collector: Collector { organisation: Some("ORG-1".to_owned()), ..Collector::default() },
            method: Method::BeachCleanup,
            contamination: None,
            age_years: None,
        },
        total_kg: kg,
        parts: vec![part(Resin::Pet, Condition::Good), part(Resin::Hdpe, Condition::Degraded)],
        declared: Declared::default(),
        nets: None,
        net_kg: 0.0,
    }
}

fn to(stage: Stage) -> NewStatus {
    NewStatus {
        to: stage,
        at: None,
        position: None,
        description: None,
        means: None,
        distance_km: None,
        recovered_kg: None,
        notes: None,
    }
}

/// Something that is done to some batch.
#[derive(Debug, Clone)]
enum Deed {
    Register(f64),
    Advance(usize, Stage),
    Receive(usize, usize, f64),
    Split(usize, f64),
    Withdraw(usize),
    Pass(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    use Stage::{Disposed, Processing, Recycled, Sorting, Transported};
    let stage =
        prop_oneof![Just(Transported), Just(Sorting), Just(Processing), Just(Recycled), Just(Disposed)];
    prop_oneof![
        3 => (0.1..2_000.0f64).prop_map(Deed::Register),
        4 => (0usize..40, stage).prop_map(|(which, stage)| Deed::Advance(which, stage)),
        3 => (0usize..40, 0usize..5, 0.85..1.15f64).prop_map(|(which, at, weighed)| Deed::Receive(which, at, weighed)),
        2 => (0usize..40, 0.0..1.1f64).prop_map(|(which, share)| Deed::Split(which, share)),
        1 => (0usize..40).prop_map(Deed::Withdraw),
        2 => (1i64..40).prop_map(Deed::Pass),
    ]
}

/// Only these refusals are answers; anything else is a bug.
fn expected(error: &PlasticError) -> bool {
    matches!(
        error,
        PlasticError::Conflict(_)
            | PlasticError::Transition(_)
            | PlasticError::Unfit { .. }
            | PlasticError::Absent { .. }
    )
}

async fn history(deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let store: Arc<dyn Store> = Arc::new(LocalStore::in_memory().unwrap());
    let clock = Clock::own(START, 1.0, true).unwrap();
    let plastic = plastic(&store, &clock).await;
    let caller = Caller::platform();
    let mut facilities = Vec::new();
    for station in Station::ALL {
        let new = NewFacility {
            name: station.name().to_owned(),
            station,
            position: Position::new(37.5, 127.0).unwrap(),
            address: None,
            certifications: Vec::new(),
            daily_kg: 1_000.0,
        };
        facilities.push(plastic.facility_create(&caller, new).await.unwrap());
    }
    let (mut batches, mut registered_kg): (Vec<BatchId>, f64) = (Vec::new(), 0.0);
    for deed in deeds {
        let pick = |which: usize| batches.get(which % batches.len().max(1)).copied();
        let done = match deed {
            Deed::Register(kg) => {
                plastic.batch_create(&caller, new_batch(kg, clock.now())).await.map(|sight| {
                    registered_kg += kg;
                    batches.push(sight.batch.id);
                })
            }
            Deed::Pass(hours) => {
                clock.advance(hours * HOUR_MS).unwrap();
                Ok(())
            }
            Deed::Advance(which, stage) => match pick(which) {
                Some(id) => plastic.batch_status(&caller, id, to(stage)).await.map(drop),
                None => Ok(()),
            },
            Deed::Receive(which, at, weighed) => match pick(which) {
                Some(id) => {
                    let kg = plastic.batch(&caller, id).await.map_or(1.0, |sight| sight.batch.mass_kg());
                    let arrival = Arrival {
                        batch: id,
                        at: clock.now(),
                        weighed_kg: Some(kg * weighed),
                        means: Some("truck".to_owned()),
                        distance_km: None,
                        notes: None,
                    };
                    plastic.facility_receive(&caller, &facilities[at].id, arrival).await.map(drop)
                }
                None => Ok(()),
            },
            Deed::Split(which, share) => match pick(which) {
                Some(id) => match plastic.batch(&caller, id).await {
                    Ok(sight) => {
                        // A share beyond the whole makes parts that do not add up.
                        let part: Material = sight.batch.material.times(share);
                        let rest = sight.batch.material.times((1.0 - share).max(0.0));
                        let parts = plastic.batch_split(&caller, id, vec![part, rest], None).await;
                        parts.map(|parts| batches.extend(parts.iter().map(|part| part.batch.id)))
                    }
                    Err(error) => Err(error),
                },
                None => Ok(()),
            },
            Deed::Withdraw(which) => match pick(which) {
                Some(id) => plastic.batch_withdraw(&caller, id).await,
                None => Ok(()),
            },
        };
        if let Err(error) = done {
            prop_assert!(expected(&error), "{error:?}");
        }
        let ledger = plastic.ledger(&caller).await.unwrap();
        let scale = registered_kg.max(1.0);
        prop_assert!((ledger.registered_kg - registered_kg).abs() < 1e-9 * scale, "{ledger:?}");
        prop_assert!(ledger.gap_kg().abs() < 1e-9 * scale, "{ledger:?}");
    }
    // Read again from the store, everything is as it was.
    let before = plastic.ledger(&caller).await.unwrap();
    let again = self::plastic(&store, &clock).await;
    let after = again.ledger(&caller).await.unwrap();
    prop_assert!((before.held_kg - after.held_kg).abs() < 1e-9 * registered_kg.max(1.0));
    prop_assert!((before.recycled_kg - after.recycled_kg).abs() < 1e-9 * registered_kg.max(1.0));
    prop_assert!(after.gap_kg().abs() < 1e-9 * registered_kg.max(1.0));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_kilogram_is_lost_whatever_happens_to_batches(deeds in proptest::collection::vec(deed(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(history(deeds))?;
    }
}
