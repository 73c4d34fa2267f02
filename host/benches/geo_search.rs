//! How long a search around a place takes among 100,000 batches: `cargo bench -p host --bench geo_search`. Every answer
//! is held to a look at all of them; ten milliseconds a search is the most there may be.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "measures, for people"
)]

use host::identity::{Caller, Identity, OsEntropy, Settings as IdentitySettings};
use host::plastic::{
    Declared, Event, NewBatch, Outside, Page, Parts, Plastic, ReportData, ReportFormat, Search, Settings,
    WhichBatches,
};
use host::platform::{Options, Platform};
use host::store::{LocalStore, Store};
use host::webhook::{Deliver, Outcome, Parcel, Soon, Webhooks};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;
use twin::geo::Position;
use twin::plastic::batch::{Collector, Origin, Place, Stage};
use twin::plastic::declared::Part;
use twin::plastic::gear::Method;
use twin::plastic::material::{Condition, Resin};
use twin::time::Time;

const BATCHES: u32 = 100_000;
const QUERIES: u32 = 200;
/// Searches of each sort that a look at every batch checks.
const CHECKED: u32 = 10;
/// Longest that a search may take [ms].
const MOST_MS: f64 = 10.0;
/// Rows that are asked for.
const ROWS: usize = 50;

#[derive(Debug)]
struct Silent;

impl Outside for Silent {
    fn spell(&self, _: &Event<'_>) -> Value {
        Value::Null
    }

    fn report(&self, _: &ReportData, _: ReportFormat, _: bool) -> Result<Vec<u8>, String> {
        Err("no reports".to_owned())
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

/// Places spread evenly over the globe, in an order that looks like chance (Weyl sequences).
fn place(number: u32) -> Position {
    let weyl = |factor: f64| (f64::from(number) * factor).fract();
    let sine = 2.0 * weyl(0.754_877_666_246_693) - 1.0;
    Position::new(sine.asin().to_degrees(), 360.0 * weyl(0.569_840_290_998_053) - 180.0).unwrap()
}

#[tokio::main]
async fn main() {
    let store: Arc<dyn Store> = Arc::new(LocalStore::in_memory().unwrap());
    let platform = Platform::start(store.clone(), Options::default()).await.unwrap();
    let (clock, entropy) = (platform.clock().clone(), Arc::new(OsEntropy));
    let now = clock.now();
    let identity =
        Identity::open(store.clone(), IdentitySettings::default(), entropy.clone(), now).await.unwrap();
    let settings = host::webhook::Settings::default();
    let webhooks = Webhooks::open(store.clone(), clock, entropy.clone(), Arc::new(Silent), settings);
    let webhooks = webhooks.await.unwrap();
    let parts = Parts { platform, identity, webhooks, outside: Arc::new(Silent), store, entropy };
    let plastic = Plastic::open(parts, Settings::default()).await.unwrap();
    let caller = Caller::platform();
    let began = Instant::now();
    for number in 0..BATCHES {
        let new = NewBatch {
            origin: Origin {
                place: Place { position: Some(place(number)), ..Place::default() },
                at: Time(now.0 - i64::from(number) * 1_000),
                collector: Collector::default(),
                method: Method::VesselNet,
                contamination: None,
                age_years: None,
            },
            total_kg: 10.0,
            parts: vec![Part { resin: Resin::Pp, condition: Condition::Good, percent: 100.0, mass_kg: 10.0 }],
            declared: Declared::default(),
            nets: None,
            net_kg: 0.0,
        };
        plastic.batch_create(&caller, new).await.unwrap();
    }
    let places: Vec<Position> = (0..BATCHES).map(place).collect();
    let mut slow = 0;
    println!("{BATCHES} batches registered in {:.1} s", began.elapsed().as_secs_f64());
    for radius_km in [50.0, 500.0, 2_000.0, 5_000.0, 20_016.0] {
        for filtered in [false, true] {
            let which = WhichBatches {
                stages: if filtered { vec![Stage::Collected] } else { Vec::new() },
                resins: if filtered { vec![Resin::Pp] } else { Vec::new() },
                ..WhichBatches::default()
            };
            let (mut longest, mut sum, mut found, mut all_ms) = (0.0_f64, 0.0, 0, 0.0);
            for query in 0..QUERIES {
                let search = Search { centre: place(BATCHES + query), radius_km, which: which.clone() };
                let began = Instant::now();
                let (hits, total) =
                    plastic.search(&caller, &search, Page { offset: 0, limit: ROWS }).await.unwrap();
                let ms = began.elapsed().as_secs_f64() * 1e3;
                longest = longest.max(ms);
                sum += ms;
                found += total;
                slow += u32::from(ms > MOST_MS);
                if query < CHECKED {
                    let began = Instant::now();
                    let all = places.iter().map(|place| search.centre.distance_km(*place));
                    let mut near: Vec<f64> = all.filter(|km| *km <= radius_km).collect();
                    near.sort_by(f64::total_cmp);
                    all_ms += began.elapsed().as_secs_f64() * 1e3;
                    assert_eq!(total, near.len(), "{search:?}");
                    assert_eq!(hits.len(), near.len().min(ROWS));
                    for (hit, km) in hits.iter().zip(near) {
                        assert!((hit.distance_km - km).abs() < 1e-6, "{} {km}", hit.distance_km);
                    }
                }
            }
            println!(
                "{radius_km:>8} km, filtered {filtered}: {:.3} ms a query, longest {longest:.3} ms, {} found; {:.1} ms by \
                 a look at all",
                sum / f64::from(QUERIES),
                found / QUERIES as usize,
                all_ms / f64::from(CHECKED)
            );
        }
    }
    println!("{slow} searches took longer than {MOST_MS} ms");
}
