//! A data centre as a state machine, and its load and outages against what they are drawn from.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;
use twin::facility::data_centre::{
    Care, DataCentre, DataCentreCommand as Command, DataCentreEvent as Event, DataCentreModel,
    DataCentreRefusal as Refusal, IDLE_SHARE, Outage, Outages, Reading, Reason, Room, UTILISATION,
};
use twin::passport::date::Date;
use twin::rng::Seed;
use twin::time::{DAY_MS, Time, UtcOffset, YEAR_DAYS};
use twin::twin::{Events, Moment, Twin};

const ROOM: Room = Room {
    setpoint_c: 24.0,
    temperature_offset_c: 2.0,
    outdoor_share: 0.5,
    cooling_limit_c: 32.0,
    humidity_pct: 50.0,
    humidity_offset_pct: 8.0,
    load_max_w: 100_000.0,
};

fn model(care: Care) -> DataCentreModel {
    let mut by_month = [1.0; 12];
    by_month[3] = 4.0; // April
    DataCentreModel {
        rooms: vec![ROOM; 2],
        outages: Outages {
            per_year: 12.0,
            by_month,
            median_s: 900.0,
            log_sd: 1.0,
            generator_s: 120.0,
            generator_failure: 0.1,
        },
        care,
        worn_below: 0.8,
        local: UtcOffset::of_hours(7.0),
    }
}

fn tell(
    centre: &mut DataCentre,
    now: Time,
    revision: u64,
    command: &Command,
) -> Result<Events<Event>, Refusal> {
    let events = centre.decide(command, &Moment { now, seed: Seed(3), entity: "centre", revision })?;
    events.iter().for_each(|event| centre.apply(event));
    Ok(events)
}

fn foreseen(events: &Events<Event>) -> Option<Outage> {
    events.iter().find_map(|event| match event {
        Event::Foreseen { outage } => *outage,
        _ => None,
    })
}

#[test]
fn rooms_are_warm_when_cooling_is_too_small() {
    assert_eq!(ROOM.air_c(30.0), 26.0);
    assert_eq!(ROOM.air_c(38.0), 29.0);
    assert_eq!(ROOM.relative_humidity_pct(), 58.0);
}

#[test]
fn an_outage_goes_from_foreseen_to_over() {
    let mut centre = DataCentre::new(Arc::new(model(Care::Worn)));
    let outage = foreseen(&tell(&mut centre, Time(0), 0, &Command::Open).unwrap()).unwrap();
    assert_eq!(centre.view(Time(0)).wake_at, Some(outage.begins));
    assert_eq!(tell(&mut centre, Time(1), 1, &Command::Wake).unwrap()[..], [Event::Passed]);
    let carried = |room, seconds| Command::Carried { room, seconds };
    assert!(tell(&mut centre, Time(1), 2, &carried(0, 1.0)).is_err());
    let begun = tell(&mut centre, outage.begins, 3, &Command::Wake).unwrap();
    assert_eq!(begun[..], [Event::Began { outage }]);
    let asked_s = outage.to_carry_s();
    tell(&mut centre, outage.begins, 4, &carried(0, asked_s)).unwrap();
    assert!(tell(&mut centre, outage.begins, 5, &carried(0, asked_s)).is_err());
    assert!(tell(&mut centre, outage.begins, 5, &carried(2, asked_s)).is_err());
    let over = tell(&mut centre, outage.begins, 6, &carried(1, asked_s - 36.0)).unwrap();
    // 36 s of 100 kW times the share of the load: 1 kWh times it.
    let expected = 1.0 * outage.load_share;
    assert!(over.iter().any(|event| matches!(
        event,
        Event::Over { drops: 1, unserved_kwh, .. } if (unserved_kwh - expected).abs() < 1e-9
    )));
    let next = foreseen(&over).unwrap();
    assert!(next.begins >= outage.begins.plus_seconds(outage.lasts_s));
    let counts = centre.view(next.begins).counts;
    assert_eq!((counts.outages, counts.drops), (1, 1));
    assert!((counts.carried_s + counts.dark_s - 2.0 * asked_s).abs() < 1e-9);
}

#[test]
fn outages_have_the_rate_the_season_and_the_length_they_are_drawn_from() {
    let mut centre = DataCentre::new(Arc::new(model(Care::None)));
    let mut outage = foreseen(&tell(&mut centre, Time(0), 0, &Command::Open).unwrap()).unwrap();
    let (mut all, mut revision) = (Vec::new(), 1);
    while outage.begins.0 < (400.0 * YEAR_DAYS) as i64 * DAY_MS {
        all.push(outage);
        tell(&mut centre, outage.begins, revision, &Command::Wake).unwrap();
        tell(&mut centre, outage.begins, revision + 1, &Command::Carried { room: 0, seconds: 1.0 }).unwrap();
        let over =
            tell(&mut centre, outage.begins, revision + 2, &Command::Carried { room: 1, seconds: 1.0 });
        outage = foreseen(&over.unwrap()).unwrap();
        revision += 3;
    }
    let n = all.len() as f64;
    // 4800 expected; four standard deviations are 277.
    assert!((n - 4800.0).abs() < 277.0, "{n}");
    let local = 7 * 3_600_000;
    let april = all.iter().filter(|o| Date::at(o.begins + local).civil().1 == 4).count() as f64 / n;
    // Weight 4 of 15, 30 of 30.44 days: 0.264.
    assert!((april - 0.264).abs() < 0.026, "{april}");
    let failed = all.iter().filter(|o| o.generator_s.is_none()).count() as f64 / n;
    assert!((failed - 0.1).abs() < 0.018, "{failed}");
    let mut lasting: Vec<f64> = all.iter().map(|o| o.lasts_s).collect();
    lasting.sort_by(f64::total_cmp);
    let median = lasting[lasting.len() / 2];
    assert!((median / 900.0).ln().abs() < 0.08, "{median}");
    let load = all.iter().map(|o| o.load_share).sum::<f64>() / n;
    assert!((load - (IDLE_SHARE + (1.0 - IDLE_SHARE) * UTILISATION.0)).abs() < 0.005, "{load}");
}

#[test]
fn a_grid_that_never_fails_foresees_nothing() {
    let mut calm = model(Care::None);
    calm.outages.per_year = 0.0;
    let mut centre = DataCentre::new(Arc::new(calm));
    let events = tell(&mut centre, Time(0), 0, &Command::Open).unwrap();
    assert_eq!(events[..], [Event::Foreseen { outage: None }]);
    assert_eq!(centre.view(Time(0)).wake_at, None);
}

/// Inspections every 30 days of one block that loses 1 % each time, from 90 % on; when it was due, and why.
fn due(care: Care) -> Option<(i64, Reason)> {
    let mut centre = DataCentre::new(Arc::new(model(care)));
    for month in 0..15 {
        let now = Time(month * 30 * DAY_MS);
        let readings = vec![
            Reading { string: 0, block: 3, soh: 0.90 - 0.01 * month as f64 },
            Reading { string: 0, block: 4, soh: 0.95 },
        ];
        let events = tell(&mut centre, now, month as u64, &Command::Inspect { room: 1, readings }).unwrap();
        let found = events.iter().find_map(|event| match event {
            Event::Due { reading, reason, .. } => Some((reading.block, *reason)),
            _ => None,
        });
        if let Some((block, reason)) = found {
            assert_eq!(block, 3);
            assert_eq!(centre.remaining_days(1, 0, 3), None, "its past is forgotten");
            return Some((month, reason));
        }
    }
    None
}

#[test]
fn blocks_are_due_when_worn_or_when_they_soon_will_be() {
    assert_eq!(due(Care::None), None);
    assert_eq!(due(Care::Worn), Some((11, Reason::Worn)));
    // At 0.83 there are 90 days left, at 0.82 there are 60.
    assert_eq!(due(Care::Forecast { days: 85.0 }), Some((8, Reason::Forecast)));
    let mut centre = DataCentre::new(Arc::new(model(Care::Worn)));
    let readings = vec![Reading { string: 0, block: 0, soh: f64::NAN }];
    assert!(tell(&mut centre, Time(0), 0, &Command::Inspect { room: 0, readings }).is_err());
}

#[test]
fn utilisation_is_that_of_the_measured_cluster() {
    let Ok(folder) = std::env::var("CELLTIDE_DATASETS") else {
        println!("skipped: CELLTIDE_DATASETS is not set");
        return;
    };
    let path = std::path::Path::new(&folder).join("datacentre_load/google_cluster_28d_hourly.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let values: Vec<f64> =
        text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(values.len(), 672);
    let mean = values.iter().sum::<f64>() / 672.0;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 672.0).sqrt();
    assert!((mean - UTILISATION.0).abs() < 1e-3 && (sd - UTILISATION.1).abs() < 1e-3, "{mean} {sd}");
}
