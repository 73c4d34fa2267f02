//! Grounds, teams, yards, trucks, plants and the book of batches: nothing is made, nothing is lost, and what is not
//! possible is refused with its reason.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use proptest::prelude::*;
use std::sync::Arc;
use twin::facility::line::{self, Kind};
use twin::facility::shifts::Shifts;
use twin::facility::works::{Works, WorksCommand, WorksEvent, WorksModel};
use twin::forcing::Hourly;
use twin::geo::{GeoBox, Position};
use twin::plastic::batch::{BatchId, Closed, Collector, Evidence, Origin, Place, Proof, Stage, StepRefusal};
use twin::plastic::custody::{Custody, CustodyCommand, CustodyEvent, CustodyRefusal, Report};
use twin::plastic::gear::{Gear, Method};
use twin::plastic::ground::{
    Currents, Ground, GroundCommand, GroundEvent, GroundModel, LUNAR_TIDE_H, sea, usual_from_beach,
    usual_from_sea,
};
use twin::plastic::haulage::{Truck, TruckCommand, TruckEvent, TruckRefusal, Yard, YardCommand, YardRefusal};
use twin::plastic::hold::HoldModel;
use twin::plastic::intake::{self, Outputs};
use twin::plastic::material::{Condition, Material, Resin};
use twin::plastic::team::{Team, TeamCommand, TeamEvent, TeamModel, TeamRefusal};
use twin::plastic::{MASS_TOLERANCE, factors};
use twin::rng::Seed;
use twin::time::{DAY_MS, HOUR_MS, Time};
use twin::twin::{Moment, Twin};
use twin::vessel::tracker::TrackerModel;

/// 2025-01-15T10:30:00Z.
const START: Time = Time(1_736_937_000_000);
const HAEUNDAE: Position = Position { latitude_deg: 35.1587, longitude_deg: 129.1604 };

fn tell<T: Twin>(
    twin: &mut T,
    now: Time,
    revision: u64,
    command: &T::Command,
) -> Result<Vec<T::Event>, T::Refusal> {
    let events = twin.decide(command, &Moment { now, seed: Seed(5), entity: "it", revision })?;
    events.iter().for_each(|event| twin.apply(event));
    Ok(events.into_vec())
}

fn proof() -> Proof {
    Proof::new(Evidence::Weighbridge, "ORG-CLEANUP-001")
}

fn origin(at: Time) -> Box<Origin> {
    let collector = Collector {
        device: Some("IOT-DEV-001".into()),
        organisation: Some("ORG-CLEANUP-001".into()),
        ..Collector::default()
    };
    Box::new(Origin {
        place: Place { position: Some(HAEUNDAE), accuracy_m: Some(5.0), ..Place::default() },
        at,
        collector,
        method: Method::BeachCleanup,
        contamination: None,
        age_years: None,
    })
}

fn material() -> Material {
    let mut material = Material::of(Resin::Pet, Condition::Good, 12.9);
    material.add(&Material::of(Resin::Pp, Condition::Good, 12.9));
    material
}

fn report(at: Time) -> Box<Report> {
    Box::new(Report::new(at, Place::facility("FAC-SORT-001", HAEUNDAE), proof()))
}

fn register(book: &mut Custody, at: Time) -> BatchId {
    let command =
        CustodyCommand::Register { origin: origin(at), material: Box::new(material()), proof: proof() };
    tell(book, at, 0, &command).unwrap()[0].begun()[0]
}

fn advance(book: &mut Custody, batch: BatchId, to: Stage, at: Time) -> Result<(), CustodyRefusal> {
    tell(book, at, 0, &CustodyCommand::Advance { batch, to, report: report(at) }).map(|_| ())
}

#[test]
fn a_batch_goes_its_way_and_every_step_is_on_record() {
    let mut book = Custody::new();
    let id = register(&mut book, START);
    assert_eq!(id.to_string(), "BATCH-2025-000001");
    assert!((book.batch(id).unwrap().recyclability() - 0.75).abs() < 1e-12);
    let at = |hours: i64| START + hours * HOUR_MS;
    advance(&mut book, id, Stage::Transported, at(22)).unwrap();
    let mut weighed = report(at(24));
    weighed.weighed_kg = Some(25.0);
    weighed.distance_km = Some(50.0);
    tell(&mut book, at(24), 0, &CustodyCommand::Advance { batch: id, to: Stage::Received, report: weighed })
        .unwrap();
    advance(&mut book, id, Stage::Sorting, at(25)).unwrap();
    let moved = CustodyCommand::HandOver { batch: id, report: report(at(30)) };
    tell(&mut book, at(30), 0, &moved).unwrap();
    advance(&mut book, id, Stage::Processing, at(31)).unwrap();
    let mut whole = book.batch(id).unwrap().material;
    let recycled = whole.sort(factors::recycling_yield);
    let parts = vec![recycled, whole];
    let split = CustodyCommand::Split { batch: id, at: at(40), parts, proof: proof() };
    let born = tell(&mut book, at(40), 0, &split).unwrap()[0].begun();
    advance(&mut book, born[0], Stage::Recycled, at(41)).unwrap();
    advance(&mut book, born[1], Stage::Disposed, at(41)).unwrap();

    let batch = book.batch(id).unwrap();
    let stages: Vec<&str> = batch.steps.iter().map(|step| step.stage.status()).collect();
    assert_eq!(stages, ["collected", "transported", "transported", "sorting", "sorting", "processing"]);
    assert_eq!((batch.closed, batch.children.as_slice()), (Some(Closed::Split), &born[..]));
    assert!((batch.travelled_km(1.3) - 50.0).abs() < 1e-9);
    let ledger = book.ledger();
    assert!(
        (ledger.recycled_kg - 18.75).abs() < 1e-9 && (ledger.weighing_kg + 0.8).abs() < 1e-9,
        "{ledger:?}"
    );
    assert!(ledger.held_kg == 0.0 && ledger.gap_kg().abs() < 1e-9);
    assert_eq!(book.batch(born[0]).unwrap().parents, [id]);
}

#[test]
fn what_is_not_possible_is_refused_with_its_reason() {
    let mut book = Custody::new();
    let id = register(&mut book, START);
    let other = register(&mut book, START);
    let at = START + HOUR_MS;
    let step = |why| Err(CustodyRefusal::Step { batch: id, why });
    let skips = StepRefusal::Skips { from: Stage::Collected, to: Stage::Processing };
    assert_eq!(advance(&mut book, id, Stage::Processing, at), step(skips));
    let before = START + -1;
    let older = StepRefusal::Older { at_ms: before.0, last_ms: START.0 };
    assert_eq!(advance(&mut book, id, Stage::Transported, before), step(older));
    let mut heavy = report(at);
    heavy.weighed_kg = Some(28.5);
    let refused =
        tell(&mut book, at, 0, &CustodyCommand::Advance { batch: id, to: Stage::Received, report: heavy });
    assert!(
        matches!(refused, Err(CustodyRefusal::Step { why: StepRefusal::Weighing { .. }, .. })),
        "{refused:?}"
    );
    let mut nan = report(at);
    nan.weighed_kg = Some(f64::NAN);
    assert!(tell(&mut book, at, 0, &CustodyCommand::HandOver { batch: id, report: nan }).is_err());
    let mut unsigned = report(at);
    unsigned.proof.by = " ".into();
    let refused = tell(&mut book, at, 0, &CustodyCommand::HandOver { batch: id, report: unsigned });
    assert_eq!(refused.map(|_| ()), step(StepRefusal::Unproven));
    let late = report(at + HOUR_MS);
    let refused = tell(&mut book, at, 0, &CustodyCommand::HandOver { batch: id, report: late });
    assert!(
        matches!(refused, Err(CustodyRefusal::Step { why: StepRefusal::Future { .. }, .. })),
        "{refused:?}"
    );
    // Parts with the mass of the whole, and not its resins.
    let parts =
        vec![Material::of(Resin::Pet, Condition::Good, 12.9), Material::of(Resin::Ps, Condition::Good, 12.9)];
    let refused = tell(&mut book, at, 0, &CustodyCommand::Split { batch: id, at, parts, proof: proof() });
    assert!(matches!(refused, Err(CustodyRefusal::PartsDiffer { .. })), "{refused:?}");
    let merge = |batches| CustodyCommand::Merge { batches, at, place: Box::default(), proof: proof() };
    assert!(matches!(tell(&mut book, at, 0, &merge(vec![id, id])), Err(CustodyRefusal::Unequal { .. })));
    assert!(matches!(tell(&mut book, at, 0, &merge(vec![id])), Err(CustodyRefusal::Unequal { .. })));
    advance(&mut book, other, Stage::Sorting, at).unwrap();
    assert!(matches!(tell(&mut book, at, 0, &merge(vec![id, other])), Err(CustodyRefusal::Unequal { .. })));
    advance(&mut book, other, Stage::Processing, at).unwrap();
    let refused = tell(&mut book, at, 0, &CustodyCommand::Withdraw { batch: other });
    assert_eq!(refused.map(|_| ()), Err(CustodyRefusal::TooLate { batch: other, stage: Stage::Processing }));
    tell(&mut book, at, 0, &CustodyCommand::Withdraw { batch: id }).unwrap();
    assert_eq!(
        advance(&mut book, id, Stage::Sorting, at),
        Err(CustodyRefusal::Closed { batch: id, why: Closed::Withdrawn })
    );
    let unknown = BatchId { year: 2025, number: 99 };
    assert_eq!(
        advance(&mut book, unknown, Stage::Sorting, at),
        Err(CustodyRefusal::Unknown { batch: unknown })
    );
    let nothing = CustodyCommand::Register { origin: origin(at), material: Box::default(), proof: proof() };
    assert_eq!(tell(&mut book, at, 0, &nothing).map(|_| ()), Err(CustodyRefusal::NoMass { mass_kg: 0.0 }));
    assert!(book.ledger().gap_kg().abs() < 1e-9);
}

fn any_stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        Just(Stage::Transported),
        Just(Stage::Received),
        Just(Stage::Sorting),
        Just(Stage::Processing),
        Just(Stage::Recycled),
        Just(Stage::Disposed),
    ]
}

#[derive(Debug, Clone)]
enum Entry {
    Register(f64, f64),
    Advance(usize, Stage, f64),
    Split(usize, f64, f64),
    Merge(usize, usize),
    Lose(usize, f64),
    Withdraw(usize),
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        3 => (1e-3..1e5f64, 0.0..1.0f64).prop_map(|(kg, nets)| Entry::Register(kg, nets)),
        5 => (0..64usize, any_stage(), 0.85..1.15f64).prop_map(|(n, stage, w)| Entry::Advance(n, stage, w)),
        2 => (0..64usize, 0.0..1.0f64, 0.0..1.0f64).prop_map(|(n, a, b)| Entry::Split(n, a, b)),
        2 => (0..64usize, 0..64usize).prop_map(|(a, b)| Entry::Merge(a, b)),
        1 => (0..64usize, -0.2..1.2f64).prop_map(|(n, share)| Entry::Lose(n, share)),
        1 => (0..64usize).prop_map(Entry::Withdraw),
    ]
}

proptest! {
    #[test]
    fn the_book_closes_over_random_histories(entries in prop::collection::vec(entry(), 1..120)) {
        let mut book = Custody::new();
        let mut events: Vec<CustodyEvent> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let at = START + index as i64 * HOUR_MS;
            let ids: Vec<BatchId> = book.batches().map(|batch| batch.id).collect();
            let pick = |n: usize| ids.get(n % ids.len().max(1)).copied();
            let command = match entry {
                Entry::Register(kg, nets) => Some(CustodyCommand::Register {
                    origin: origin(at),
                    material: Box::new(usual_from_sea(*nets).times(*kg)),
                    proof: proof(),
                }),
                Entry::Advance(n, to, weighed) => pick(*n).map(|batch| {
                    let mut report = report(at);
                    let mass_kg = book.batch(batch).unwrap().mass_kg();
                    report.weighed_kg = (index % 3 == 0).then_some(mass_kg * weighed);
                    CustodyCommand::Advance { batch, to: *to, report }
                }),
                Entry::Split(n, a, b) => pick(*n).map(|batch| {
                    let mut rest = book.batch(batch).unwrap().material;
                    let first = rest.take(*a);
                    let second = rest.sort(|resin, _| if resin == Resin::Pp { *b } else { 0.5 });
                    CustodyCommand::Split { batch, at, parts: vec![first, second, rest], proof: proof() }
                }),
                Entry::Merge(a, b) => pick(*a).zip(pick(*b)).map(|(a, b)| CustodyCommand::Merge {
                    batches: vec![a, b], at, place: Box::default(), proof: proof(),
                }),
                Entry::Lose(n, share) => {
                    pick(*n).map(|batch| CustodyCommand::Lose { batch, at, share: *share, proof: proof() })
                }
                Entry::Withdraw(n) => pick(*n).map(|batch| CustodyCommand::Withdraw { batch }),
            };
            let before = book.clone();
            match command.map(|command| tell(&mut book, at, index as u64, &command)) {
                Some(Ok(happened)) => events.extend(happened),
                // What is refused changes nothing.
                _ => prop_assert_eq!(&before, &book),
            }
            let ledger = book.ledger();
            prop_assert!(ledger.gap_kg().abs() <= MASS_TOLERANCE * ledger.registered_kg.max(1e-9), "{:?}", ledger);
            prop_assert!(book.batches().all(|batch| batch.material.is_sound()));
        }
        let mut replayed = Custody::new();
        events.iter().for_each(|event| replayed.apply(event));
        prop_assert_eq!(replayed, book);
    }

    #[test]
    fn a_ground_gives_no_more_than_it_has(
        clearings in prop::collection::vec((0.0..500.0f64, 0.0..1.0f64, 0i64..200), 1..80),
        inflow in 0.0..500.0f64,
        loss in 0.0..0.2f64,
    ) {
        let mut ground = ground(inflow, loss);
        let mut now = START;
        for (index, (area_km2, efficiency, hours)) in clearings.iter().enumerate() {
            now = now + hours * HOUR_MS;
            let before = ground.view(now);
            let command = GroundCommand::Clear { area_km2: *area_km2, efficiency: *efficiency };
            let event = tell(&mut ground, now, index as u64, &command).unwrap().remove(0);
            let GroundEvent::Cleared { mass_kg, .. } = event else { panic!("{event:?}") };
            prop_assert!(mass_kg >= 0.0 && mass_kg <= before.stock_kg * (1.0 + 1e-12));
            let back = GroundCommand::Return { mass_kg: 0.25 * mass_kg };
            tell(&mut ground, now, index as u64, &back).unwrap();
            prop_assert!(ground.view(now).stock_kg >= 0.0);
            let scale = ground.view(now).ledger.initial_kg + ground.view(now).ledger.inflow_kg;
            prop_assert!(ground.gap_kg().abs() <= 1e-9 * scale, "{} of {scale}", ground.gap_kg());
        }
        let too_much = tell(&mut ground, now, 0, &GroundCommand::Return { mass_kg: 1e12 });
        prop_assert!(too_much.is_err());
    }
}

fn ground(inflow_kg_per_day: f64, loss_per_day: f64) -> Ground {
    let area = GeoBox::new(33.0, 35.0, -140.0, -138.0).unwrap();
    let model = GroundModel {
        area,
        area_km2: area.area_km2(),
        density_kg_per_km2: 57.0,
        inflow_kg_per_day,
        loss_per_day,
        scatter_ln: sea("great_pacific_garbage_patch").unwrap().scatter_ln,
        mix: usual_from_sea(0.46),
        currents: Currents::default(),
    };
    Ground::new(model, START)
}

#[test]
fn clearings_scatter_about_the_mean_density() {
    let mut ground = ground(0.0, 0.0);
    let mut taken = Vec::new();
    for index in 0..20_000 {
        let command = GroundCommand::Clear { area_km2: 0.01, efficiency: 0.5 };
        let event = tell(&mut ground, START, index, &command).unwrap().remove(0);
        let GroundEvent::Cleared { mass_kg, .. } = event else { panic!("{event:?}") };
        taken.push(mass_kg / 0.005);
    }
    let mean = taken.iter().sum::<f64>() / taken.len() as f64;
    assert!((mean / 57.0 - 1.0).abs() < 0.04, "{mean}");
    let logs: Vec<f64> = taken.iter().map(|density| density.ln()).collect();
    let centre = logs.iter().sum::<f64>() / logs.len() as f64;
    let sd = (logs.iter().map(|l| (l - centre).powi(2)).sum::<f64>() / logs.len() as f64).sqrt();
    assert!((sd - 1.2).abs() < 0.02, "{sd}");
}

#[test]
fn a_stock_follows_its_inflow_and_loss() {
    let ground = ground(100.0, 0.05);
    let later = ground.view(START + 400 * DAY_MS);
    assert!((later.stock_kg - 2000.0).abs() < 0.1, "{later:?}");
    let ledger = later.ledger;
    let gap = ledger.initial_kg + ledger.inflow_kg - ledger.left_kg - later.stock_kg;
    assert!(gap.abs() < 1e-9 * ledger.initial_kg);
}

#[test]
fn tides_turn_and_come_back() {
    let currents = Currents { east_m_s: 0.1, tide_m_s: 0.3, ..Currents::default() };
    let tide_ms = (LUNAR_TIDE_H * 3.6e6).round() as i64;
    let (east, north) = currents.mean_over(START, START + tide_ms);
    assert!((east - 0.1).abs() < 1e-6 && north.abs() < 1e-6, "{east} {north}");
    let (east, north) = currents.mean_over(START, START + 1);
    assert!(((east - 0.1).hypot(north) - 0.3).abs() < 1e-6);
    // The mean over a whole is the mean of the means over its halves.
    let (end, middle) = (START + 6 * HOUR_MS, START + 3 * HOUR_MS);
    let (whole, a, b) =
        (currents.mean_over(START, end), currents.mean_over(START, middle), currents.mean_over(middle, end));
    assert!((whole.0 - 0.5 * (a.0 + b.0)).abs() < 1e-12 && (whole.1 - 0.5 * (a.1 + b.1)).abs() < 1e-12);
}

#[test]
fn weather_wanders_with_its_memory() {
    let mut ground = ground(0.0, 0.0);
    let mut series = Vec::new();
    for index in 0..20_000u64 {
        let at = START + index as i64 * 6 * HOUR_MS;
        let event = tell(&mut ground, at, index, &GroundCommand::Stir).unwrap().remove(0);
        let GroundEvent::Stirred { east_m_s, .. } = event else { panic!("{event:?}") };
        series.push(east_m_s);
    }
    let rms = (series.iter().map(|u| u * u).sum::<f64>() / series.len() as f64).sqrt();
    let lagged = series.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / series.len() as f64 / (rms * rms);
    assert!((rms - 0.15).abs() < 0.01 && (lagged - (-6.0f64 / 13.0).exp()).abs() < 0.03, "{rms} {lagged}");
}

#[test]
fn a_crew_fills_its_bags_and_no_more() {
    let model = TeamModel {
        position: HAEUNDAE,
        gear: Gear::Crew { people: 20.0, m2_per_person_h: 150.0, efficiency: 0.9 },
        hold: HoldModel::of_mass(100.0),
        fuel_l_per_shift: 12.0,
        tracker: TrackerModel::default(),
    };
    let mut team = Team::new(model, START);
    let work = |hours| TeamCommand::Work {
        hours,
        density_kg_per_km2: 5_000.0,
        mix: Box::new(usual_from_beach(0.1)),
    };
    tell(&mut team, START, 0, &work(4.0)).unwrap();
    let refused = tell(&mut team, START + HOUR_MS, 0, &work(1.0));
    assert_eq!(refused.map(|_| ()), Err(TeamRefusal::AtWork { ends_ms: START.0 + 4 * HOUR_MS }));
    // 20·150 m² an hour with 5 g/m², nine tenths picked up.
    let end = START + 4 * HOUR_MS;
    assert!((team.view(end).held_kg - 54.0).abs() < 1e-9);
    let second = tell(&mut team, end, 0, &work(8.0)).unwrap().remove(0);
    let TeamEvent::Began { ends, .. } = second else { panic!("{second:?}") };
    assert!(ends < end + 4 * HOUR_MS);
    let view = team.view(end + 8 * HOUR_MS);
    assert!(view.held_kg <= 100.0 && view.held_kg > 99.999 && view.busy_until.is_none());
    let landed = tell(&mut team, end + 8 * HOUR_MS, 0, &TeamCommand::Land).unwrap().remove(0);
    let TeamEvent::Landed { material, .. } = landed else { panic!("{landed:?}") };
    assert!((material.mass_kg() - view.held_kg).abs() < 1e-9 && team.gap_kg().abs() < 1e-9);
    assert_eq!(team.view(end + 8 * HOUR_MS).ledger.fuel_l, 24.0);
}

#[test]
fn yards_and_trucks_keep_to_their_capacities() {
    let mut yard = Yard::new(HAEUNDAE, 1000.0);
    let id = |number| BatchId { year: 2025, number };
    tell(&mut yard, START, 0, &YardCommand::Store { batch: id(1), mass_kg: 700.0 }).unwrap();
    let refused = tell(&mut yard, START, 0, &YardCommand::Store { batch: id(2), mass_kg: 301.0 });
    assert_eq!(refused.map(|_| ()), Err(YardRefusal::Full { batch: id(2), mass_kg: 301.0, room_kg: 300.0 }));
    let refused = tell(&mut yard, START, 0, &YardCommand::Release { batch: id(9) });
    assert_eq!(refused.map(|_| ()), Err(YardRefusal::NotHere { batch: id(9) }));
    assert!(tell(&mut yard, START, 0, &YardCommand::Store { batch: id(2), mass_kg: f64::NAN }).is_err());
    tell(&mut yard, START, 0, &YardCommand::Release { batch: id(1) }).unwrap();
    assert!(yard.stock_kg() == 0.0 && yard.gap_kg() == 0.0);

    let mut truck = Truck::new(8_000.0, 60.0, 0.5);
    let haul = |mass_kg| TruckCommand::Haul { mass_kg, distance_km: 120.0 };
    assert!(matches!(tell(&mut truck, START, 0, &haul(8_001.0)), Err(TruckRefusal::Load { .. })));
    let left = tell(&mut truck, START, 0, &haul(5_000.0)).unwrap().remove(0);
    let TruckEvent::Left { arrives, free, .. } = left else { panic!("{left:?}") };
    assert_eq!((arrives, free), (START + 3 * HOUR_MS, START + 5 * HOUR_MS));
    let early = tell(&mut truck, START + HOUR_MS, 0, &TruckCommand::Deliver);
    assert_eq!(early.map(|_| ()), Err(TruckRefusal::NothingToDeliver));
    assert_eq!(tell(&mut truck, arrives, 0, &haul(1.0)), Err(TruckRefusal::Away { free_ms: free.0 }));
    tell(&mut truck, arrives, 0, &TruckCommand::Deliver).unwrap();
    let ledger = truck.view(arrives).ledger;
    assert!((ledger.freight_tkm - 600.0).abs() < 1e-9 && (ledger.carbon_kg - 62.4).abs() < 1e-9);
    assert_eq!(truck.gap_kg(), 0.0);
}

/// A works around the clock.
fn works(kind: Kind, kg_per_h: f64) -> Works {
    let shifts = Shifts::always();
    let model = WorksModel {
        kind,
        stages: line::stages(kind, kg_per_h * 24.0, &shifts).unwrap(),
        shifts,
        storage_kg: 5_000.0,
        weight_tolerance: 0.1,
        downgrade_probability: 0.0,
        standby_w: 0.0,
        carbon_g_per_kwh: Hourly::constant(400.0),
    };
    Works::new(Arc::new(model), START)
}

/// Takes batches in and leads them through; what became of each, and how long the last took [h].
fn through(works: &mut Works, batches: &[Material]) -> (Vec<Outputs>, f64) {
    let id = |index: usize| BatchId { year: 2026, number: index as u32 + 1 };
    for (index, batch) in batches.iter().enumerate() {
        tell(works, START, 0, &WorksCommand::Receive(intake::lot(id(index), batch))).unwrap();
    }
    let mut outputs = Vec::new();
    let mut hours = 0.0;
    while let Some(at) = works.view(START).wake_at {
        for event in tell(works, at, 0, &WorksCommand::Wake).unwrap() {
            let WorksEvent::Processed { lot, products, passage_s, .. } = event else { continue };
            assert_eq!(intake::batch_id(lot), id(outputs.len()));
            outputs.push(intake::shared_out(&batches[outputs.len()], &products));
            hours = passage_s / 3600.0;
        }
    }
    (outputs, hours)
}

#[test]
fn sorting_and_recycling_together_give_the_yields_of_the_table() {
    let (mut sorting, mut recycling) = (works(Kind::Sorting, 500.0), works(Kind::Recycling, 300.0));
    let batch = usual_from_beach(0.1).times(2_000.0);
    let parts = intake::by_condition(&batch);
    assert_eq!(parts.len(), 3);
    let mut sum = Material::NONE;
    parts.iter().for_each(|part| sum.add(part));
    assert!(sum.is_about(&batch, 1e-12));

    let (sorted, hours) = through(&mut sorting, &parts);
    // Four hours of sorting; the first inspection of 20 minutes comes before it, the others meanwhile.
    assert!((hours - 4.0 - 1.0 / 3.0).abs() < 1e-5, "{hours}");
    let passed: Vec<Material> = sorted.iter().map(|outputs| outputs.passed).collect();
    let (made, _) = through(&mut recycling, &passed);
    let (mut recycled_kg, mut rejected_kg, mut nets_kg) = (0.0, 0.0, 0.0);
    for outputs in sorted.iter().chain(&made) {
        rejected_kg += outputs.rejected.mass_kg();
        nets_kg += outputs.rejected.net_kg();
    }
    for outputs in &made {
        recycled_kg += outputs.passed.mass_kg();
        nets_kg += outputs.passed.net_kg();
    }
    // Degraded PVC is sorted out and made nothing of; everything else has the yield of the table.
    let expected_kg = factors::expected_recycled_kg(&batch);
    assert!((recycled_kg / expected_kg - 1.0).abs() < 1e-9, "{recycled_kg} {expected_kg}");
    assert!((recycled_kg + rejected_kg - 2_000.0).abs() < 1e-6 && (nets_kg - 200.0).abs() < 1e-6);
    // The works' own books say the same, and 0.80 kWh/kg less what washing does not pass on.
    let books = recycling.books(START);
    assert!((books.products.total_kg() - recycled_kg).abs() < 1e-6);
    let kwh = 0.35 * books.received.total_kg() + 0.45 * recycled_kg;
    assert!((books.electricity_kwh - kwh).abs() < 1e-6 && sorting.unfinished().total_kg() < 1e-9);
}

#[test]
fn how_long_a_load_takes_follows_from_the_queue() {
    let mut sorting = works(Kind::Sorting, 500.0);
    let alone_h = intake::passage_h(&sorting, 1_000.0, START).unwrap();
    assert!((alone_h - 2.0 - 1.0 / 3.0).abs() < 1e-5, "{alone_h}");
    let batch = Material::of(Resin::Pp, Condition::Good, 3_000.0);
    let id = BatchId { year: 2026, number: 7 };
    tell(&mut sorting, START, 0, &WorksCommand::Receive(intake::lot(id, &batch))).unwrap();
    let behind_h = intake::passage_h(&sorting, 1_000.0, START).unwrap();
    assert!((behind_h - 8.0 - 1.0 / 3.0).abs() < 1e-5, "{behind_h}");
    // Six hours later twenty minutes of sorting are still before it, as long as its own inspection takes.
    let later_h = intake::passage_h(&sorting, 1_000.0, START + 6 * HOUR_MS).unwrap();
    assert!((later_h - 2.0 - 1.0 / 3.0).abs() < 1e-5, "{later_h}");
    assert_eq!(sorting.room_kg(), 2_000.0);
    assert!(intake::passage_h(&sorting, 2_001.0, START).is_none());
    assert_eq!(intake::batch_id(intake::lot_id(id)), id);
}

/// What towed spans brought up in the North Pacific, against the catch formula.
///
/// Source: The Ocean Cleanup, press material on System 002 and 03 (2021–2023): 101,353 kg over 3000 km² swept in the
/// patch; one haul of 10 t in 6.5 days; System 03 sweeps up to 5 km² an hour with a span of 2.2 to 2.5 km.
#[test]
fn the_catch_of_known_systems_comes_out_within_a_factor_of_two() {
    let system = Gear::Net { swath_m: 800.0, efficiency: 0.7, drag_area_m2: 0.0 };
    let density = sea("great_pacific_garbage_patch").unwrap().density_kg_per_km2;
    // Per swept area: 34 kg/km² came aboard.
    let per_km2 = system.catch_kg_per_h(density, 1.5 * 1.852) / system.cleared_km2_per_h(1.5 * 1.852);
    assert!((0.5..2.0).contains(&(per_km2 / 33.8)), "{per_km2}");
    // Per hour: 64 kg/h on the best haul.
    let per_hour = system.catch_kg_per_h(density, 1.5 * 1.852);
    assert!((0.5..2.0).contains(&(per_hour / 64.0)), "{per_hour}");
    let larger = Gear::Net { swath_m: 2_350.0, efficiency: 0.7, drag_area_m2: 0.0 };
    let swept = larger.cleared_km2_per_h(1.2 * 1.852);
    assert!((swept / 5.0 - 1.0).abs() < 0.1, "{swept}");
}
