//! What the index finds is what looking at every batch finds.

use super::*;
use proptest::prelude::*;
use twin::plastic::batch::{Batch, Collector, Evidence, Origin, Place, Proof, Step};
use twin::plastic::material::{Condition, Material};

fn record(number: u32, place: Position, at: i64) -> BatchRecord {
    let material = Material::of(Resin::Pp, Condition::Good, 10.0);
    let place = Place { position: Some(place), ..Place::default() };
    let step = Step {
        stage: Stage::Collected,
        at: Time(at),
        place: place.clone(),
        mass_kg: 10.0,
        distance_km: None,
        means: None,
        proof: Proof::new(Evidence::Declaration, "somebody"),
        notes: None,
    };
    BatchRecord {
        batch: Batch {
            id: BatchId { year: 2025, number },
            origin: Origin {
                place,
                at: Time(at),
                collector: Collector::default(),
                method: Method::BeachCleanup,
                contamination: None,
                age_years: None,
            },
            material,
            steps: vec![step],
            parents: Vec::new(),
            children: Vec::new(),
            closed: None,
        },
        owners: Vec::new(),
        created: Time(at),
        updated: Time(at),
        collected: material,
        declared: None,
        nets: 0.0,
        recovered_kg: None,
        expected_at: None,
        warnings: Vec::new(),
    }
}

fn place() -> impl Strategy<Value = Position> {
    // Places near the date line and the poles as often as anywhere.
    let lat = prop_oneof![-90.0..=90.0f64, 89.5..=90.0f64, -90.0..=-89.5f64, -1.0..1.0f64];
    let lon = prop_oneof![-180.0..=180.0f64, 179.0..=180.0f64, -180.0..=-179.0f64];
    (lat, lon).prop_map(|(lat, lon)| Position::new(lat, lon).unwrap())
}

/// Distance and number of every place within a radius, the nearest first.
fn by_hand(places: &[Position], centre: Position, radius_km: f64) -> Vec<(f64, u32)> {
    let all = places.iter().zip(1..).map(|(place, number)| (centre.distance_km(*place), number));
    let mut near: Vec<(f64, u32)> = all.filter(|(km, _)| *km <= radius_km).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    near
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_search_finds_what_looking_at_every_batch_finds(
        places in proptest::collection::vec(place(), 1..60), centre in place(),
        radius_km in prop_oneof![1.0..200.0f64, 200.0..5_000.0f64, 5_000.0..20_016.0f64],
        skip in 0usize..5, limit in 1usize..20, bulk in proptest::bool::ANY,
    ) {
        let mut index = Index::default();
        let records = places.iter().zip(1..).map(|(place, number)| record(number, *place, 0));
        if bulk {
            index.fill(records.map(|record| (record, 1)));
        } else {
            records.for_each(|record| index.note(&record, 1));
        }
        let hand = by_hand(&places, centre, radius_km);
        let (found, total) = index.near(centre, radius_km, (skip, limit), |_| true);
        prop_assert_eq!(total, hand.len());
        let wanted: Vec<f64> = hand.iter().skip(skip).take(limit).map(|one| one.0).collect();
        prop_assert_eq!(found.len(), wanted.len());
        for ((row, km), wanted) in found.iter().zip(&wanted) {
            // Two that are as far to the last digit may stand in another order.
            prop_assert!((km - wanted).abs() < 1e-4, "{} {} {}", row.id, km, wanted);
            prop_assert!((centre.distance_km(row.position.unwrap()) - km).abs() < 1e-12);
        }
        let odd = |row: &Row| row.id.number % 2 == 1;
        let (_, total) = index.near(centre, radius_km, (0, 1), odd);
        prop_assert_eq!(total, hand.iter().filter(|one| one.1 % 2 == 1).count());
    }
}

#[test]
fn the_newest_come_first_and_a_late_look_changes_nothing() {
    let mut index = Index::default();
    let here = Position::default();
    for (number, at) in [(1, 10), (2, 30), (3, 20), (4, 30)] {
        index.note(&record(number, here, at), 1);
    }
    let numbers = |from: Option<i64>, to: Option<i64>| -> Vec<u32> {
        index.newest(from.map(Time), to.map(Time)).map(|row| row.id.number).collect()
    };
    assert_eq!(numbers(None, None), [4, 2, 3, 1]);
    assert_eq!(numbers(Some(20), Some(29)), [3]);
    assert_eq!(numbers(Some(20), Some(30)), [4, 2, 3]);
    assert_eq!(numbers(Some(40), Some(30)), [0; 0]);

    let mut gone = record(2, here, 30);
    gone.batch.closed = Some(Closed::Withdrawn);
    index.note(&gone, 2);
    index.note(&record(2, here, 30), 1);
    let which = WhichBatches::default();
    let left = index.newest(None, None).filter(|row| which.includes(row)).count();
    assert_eq!(left, 3);
    assert_eq!((index.number(2025, 2), index.number(2025, 1)), (Some(5), Some(7)));
    assert_eq!(index.number(2026, 1), Some(1));
}
