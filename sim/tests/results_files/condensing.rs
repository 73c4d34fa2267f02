//! Condensing worlds: figures, bands and profiles, whatever the order of arrival.

use crate::worlds::{FIVE_YEARS, MS_PER_DAY, START_MS, Size, labels, world};
use sim::results::condense::{Condenser, VariantLabel};
use sim::results::record::{SeriesRow, Subject, WorldRecord};
use sim::results::spread::percentile;

const END_MS: i64 = START_MS + (60.0 * 30.4375 * MS_PER_DAY) as i64;

/// A world of one metric; `values[k]` are the values at day k.
fn plain(replicate: u32, values: &[Vec<f64>]) -> WorldRecord {
    let twins = values.iter().map(Vec::len).max().unwrap_or(0);
    let subjects = (0..twins).map(|twin| Subject { kind: "battery", id: format!("b{twin}") });
    let mut record = WorldRecord { replicate, subjects: subjects.collect(), ..WorldRecord::default() };
    for (day, values) in values.iter().enumerate() {
        for (twin, &value) in values.iter().enumerate() {
            let t_ms = START_MS + day as i64 * 86_400_000;
            record.series.push(SeriesRow { t_ms, subject: twin as u32, metric: "soh", value });
        }
    }
    record
}

fn condenser(replicates: u32, days: i64) -> Condenser {
    Condenser::new(vec![VariantLabel::default()], replicates, START_MS, START_MS + days * 86_400_000)
}

#[test]
fn percentiles_are_over_twins_and_replicates_together() {
    let mut condenser = condenser(2, 10);
    condenser.add(&plain(0, &[vec![1.0, 2.0, 3.0], vec![10.0]])).unwrap();
    condenser.add(&plain(1, &[vec![4.0, 5.0], vec![f64::NAN, 20.0]])).unwrap();
    let story = condenser.finish().remove(0);
    let band = &story.bands[0];
    assert_eq!((band.kind.as_str(), band.metric.as_str()), ("battery", "soh"));
    assert_eq!((band.subjects, band.t_days.as_slice()), (2.5, [0.0, 1.0].as_slice()));
    assert_eq!(band.mean, [3.0, 15.0]);
    let all = [1.0, 2.0, 3.0, 4.0, 5.0];
    for (told, q) in [(&band.p10, 0.1), (&band.p50, 0.5), (&band.p90, 0.9)] {
        assert!((told[0] - percentile(&all, q).unwrap()).abs() < 1e-12, "{q}: {}", told[0]);
    }
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    let size = Size { samples: 12, ..FIVE_YEARS };
    let tell = |order: [u32; 3]| {
        let mut condenser = Condenser::new(labels(2), 3, START_MS, END_MS);
        for replicate in order {
            for variant in [1, 0] {
                condenser.add(&world(variant, replicate, size)).unwrap();
            }
        }
        condenser.finish()
    };
    assert_eq!(tell([0, 1, 2]), tell([2, 0, 1]));
}

#[test]
fn large_worlds_are_represented_closely() {
    let values: Vec<f64> = (0..5_000).map(|k| (f64::from(k) / 5_000.0).powi(3)).collect();
    let mut condenser = condenser(1, 10);
    condenser.add(&plain(0, std::slice::from_ref(&values))).unwrap();
    let band = condenser.finish().remove(0).bands.remove(0);
    for (told, q) in [(band.p10[0], 0.1), (band.p50[0], 0.5), (band.p90[0], 0.9)] {
        let exact = percentile(&values, q).unwrap();
        assert!((told - exact).abs() < 2e-3, "{q}: {told} instead of {exact}");
    }
    let mean = values.iter().sum::<f64>() / 5_000.0;
    assert!((band.mean[0] - mean).abs() < 1e-12, "the mean is over all values");
}

#[test]
fn dense_samples_are_pooled_to_what_can_be_drawn() {
    let mut record = plain(0, &[]);
    record.subjects.push(Subject { kind: "battery", id: "b".into() });
    for minute in 0..=14_400_i64 {
        let value = minute as f64;
        record.series.push(SeriesRow { t_ms: START_MS + minute * 60_000, subject: 0, metric: "soc", value });
    }
    let mut condenser = condenser(1, 10);
    condenser.add(&record).unwrap();
    let band = condenser.finish().remove(0).bands.remove(0);
    assert!((300..=361).contains(&band.t_days.len()), "{}", band.t_days.len());
    assert!(band.t_days.windows(2).all(|pair| pair[0] < pair[1]));
    assert!((band.t_days[100] * 1440.0 - band.mean[100]).abs() < 1e-6, "time is the mean of what was pooled");
}

#[test]
fn variants_without_worlds_have_no_figures() {
    let mut condenser = Condenser::new(labels(3), 2, START_MS, END_MS);
    condenser.add(&world(1, 0, Size { samples: 2, ..FIVE_YEARS })).unwrap();
    let mut stray = world(0, 0, Size { samples: 2, ..FIVE_YEARS });
    stray.variant = 3;
    assert!(condenser.add(&stray).is_err());
    let told = condenser.finish();
    assert!(told[0].figures.is_empty() && told[2].bands.is_empty());
    assert_eq!(told[1].figures["efc_mean"].p10, told[1].figures["efc_mean"].p90);
}
