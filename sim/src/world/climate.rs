//! Outdoor air temperature by the hour: a built-in city, a file of measurements or a constant.

use super::Note;
use super::calendar::{Cover, MONTH_DAYS, month_of};
use super::cities::CITIES;
use super::error::{WorldError, nearest};
use super::series::{Beyond, Clock, Meaning, Source};
use super::table::Table;
use crate::scenario::schema::Climate;
use rand::RngExt;
use rand_distr::StandardNormal;
use std::f64::consts::PI;
use std::path::Path;
use twin::forcing::Hourly;
use twin::rng::Seed;

/// Local hour of the coldest moment of a mean day. A mean day's extremes lie near dawn and in mid-afternoon;
/// in the hourly data behind the built-in cities between 4 and 7, and between 12 and 16.
const COLDEST_HOUR: f64 = 6.0;
/// Local hour of the warmest moment of a mean day.
const WARMEST_HOUR: f64 = 15.0;
/// Air temperatures that a file may hold [°C]; the records are −89 and 57.
const PLAUSIBLE_C: (f64, f64) = (-95.0, 65.0);
/// Columns of a climate file, in order of preference.
const COLUMNS: [&str; 4] = ["temperature_c", "temperature_degC", "air_temperature_c", "air_temperature_degC"];

/// Where the figures of a city come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Computed from hourly data that this source published.
    Measured(&'static str),
    /// Published by this source, written down from memory and not read again.
    Recalled(&'static str),
}

/// A built-in climate.
#[derive(Debug, Clone, PartialEq)]
pub struct City {
    /// Name, in lower case with hyphens.
    pub name: &'static str,
    /// Latitude, north positive.
    pub latitude_deg: f64,
    /// Longitude, east positive.
    pub longitude_deg: f64,
    /// Offset of its standard time from UTC.
    pub utc_offset_h: f64,
    /// Mean temperature of the months [°C].
    pub mean_c: [f64; 12],
    /// Mean over the days of each month of (highest − lowest hour), in K.
    pub range_k: [f64; 12],
    /// Standard deviation of daily means about the smooth year, in K.
    pub anomaly_sd_k: f64,
    /// Correlation of that anomaly between one day and the next.
    pub anomaly_lag1: f64,
    /// Where the figures come from.
    pub origin: Origin,
}

/// Names of the built-in cities.
pub fn names() -> Vec<&'static str> {
    CITIES.iter().map(|city| city.name).collect()
}

/// The built-in city with this name, upper and lower case alike.
pub fn city(name: &str) -> Result<&'static City, WorldError> {
    let wanted = name.trim().to_lowercase().replace([' ', '_'], "-");
    CITIES.iter().find(|city| city.name == wanted).ok_or_else(|| WorldError::Unknown {
        what: "climate",
        name: name.to_owned(),
        nearest: nearest(&wanted, CITIES.iter().map(|city| city.name)),
    })
}

/// A year without anomalies: month values on a smooth curve, and the mean day's swing.
///
/// ```text
/// T(d, h) = m(d) + r(d)·s(h)
/// s(h) = −½·cos(π·(h − 6)/9)    for  6 ≤ h < 15,     s(h) = ½·cos(π·(h − 15)/15)   for 15 ≤ h < 30
/// ```
///
/// m and r are periodic and linear between the middles of the months, at heights chosen so that the mean over
/// each month is the month's given value. s has mean 0 and range 1.
///
/// Limits: a mean day. Measured days reach their extremes at other hours too, so the mean of measured days
/// swings less than their mean range, which is what is reproduced here.
#[derive(Debug, Clone)]
pub struct NormalYear {
    mean_c: [f64; 12],
    range_k: [f64; 12],
}

impl NormalYear {
    /// The normal year of a city.
    pub fn of(city: &City) -> Self {
        Self { mean_c: heights(&city.mean_c), range_k: heights(&city.range_k) }
    }

    /// Temperature [°C] on a day of the year (0 is 1 January, of 365) at a local hour of day.
    pub fn temperature_c(&self, day_of_year: usize, hour: f64) -> f64 {
        let day = day_of_year as f64 + hour / 24.0;
        between(&self.mean_c, day) + between(&self.range_k, day) * swing(hour)
    }
}

/// Swing of the mean day about its mean, as a share of its range.
fn swing(hour: f64) -> f64 {
    let after_coldest = (hour - COLDEST_HOUR).rem_euclid(24.0);
    let rise = WARMEST_HOUR - COLDEST_HOUR;
    if after_coldest < rise {
        -0.5 * (PI * after_coldest / rise).cos()
    } else {
        0.5 * (PI * (after_coldest - rise) / (24.0 - rise)).cos()
    }
}

/// Day of the year at the middle of a month.
fn middle(month: usize) -> f64 {
    MONTH_DAYS[..month].iter().sum::<usize>() as f64 + MONTH_DAYS[month] as f64 / 2.0
}

/// Value at a day of the year, linear between the middles of the months.
fn between(heights: &[f64; 12], day: f64) -> f64 {
    let month = month_of((day as usize).min(364));
    let (before, after) =
        if day < middle(month) { ((month + 11) % 12, month) } else { (month, (month + 1) % 12) };
    let length = (middle(after) - middle(before)).rem_euclid(365.0);
    let share = (day - middle(before)).rem_euclid(365.0) / length;
    heights[before] + (heights[after] - heights[before]) * share
}

/// Heights at the middles of the months such that the curve through them has the given means. The curve's
/// monthly means weigh a month's own height with about ¾, so correcting by what is missing converges quickly.
fn heights(means: &[f64; 12]) -> [f64; 12] {
    let mut heights = *means;
    for _ in 0..40 {
        let curve = heights;
        for (month, height) in heights.iter_mut().enumerate() {
            let first = MONTH_DAYS[..month].iter().sum::<usize>();
            let days = MONTH_DAYS[month];
            let sum: f64 = (first..first + days).map(|day| between(&curve, day as f64 + 0.5)).sum();
            *height += means[month] - sum / days as f64;
        }
    }
    heights
}

/// Air temperature over a run [°C], and what to say about it.
pub(super) fn air_c(
    climate: &Climate,
    cover: &Cover,
    seed: Seed,
    folder: &Path,
) -> Result<(Hourly, Vec<Note>), WorldError> {
    let mut notes = Vec::new();
    let mut note = |text: String, source: &str| {
        notes.push(Note { subject: "air temperature".into(), text, source: source.to_owned() });
    };
    let (base, monthly) = match (&climate.city, &climate.file, climate.constant_c) {
        (Some(name), None, None) => {
            let city = city(name)?;
            let (source, standing) = match city.origin {
                Origin::Measured(source) => (source, "computed from hourly data"),
                Origin::Recalled(source) => (source, "published normals, recalled and not re-read"),
            };
            note(
                format!(
                    "climate of {}: monthly means and daily swing ({standing}), with a seeded day-to-day \
                     anomaly of {} K (lag-1 correlation {})",
                    city.name, city.anomaly_sd_k, city.anomaly_lag1
                ),
                source,
            );
            let local_h = cover.offset.ms as f64 / 3.6e6;
            if (local_h - city.utc_offset_h).abs() > 1.0 {
                note(
                    format!(
                        "the scenario's local time is UTC{local_h:+}, that of {} is UTC{:+}: days and hours \
                         follow the scenario's local time",
                        city.name, city.utc_offset_h
                    ),
                    "scenario",
                );
            }
            (built_in(city, cover, seed), city.mean_c.map(Some))
        }
        (None, Some(file), None) => {
            let table = Table::open(folder, file)?;
            let column = table.column(&COLUMNS)?;
            let source = Source::read(&table, column, Meaning::Instant, PLAUSIBLE_C)?;
            let (series, remarks) = source.place(cover, Beyond::Refuse)?;
            note(format!("hourly measurements, {} hours", source.values.len()), file);
            for remark in remarks {
                note(remark, file);
            }
            let monthly = if source.clock == Clock::Relative { [None; 12] } else { source.monthly_means() };
            (series, monthly)
        }
        (None, None, Some(constant_c)) => {
            note(format!("constant at {constant_c} °C"), "scenario");
            (cover.by_local_hour(|_| constant_c), [None; 12])
        }
        (city, file, constant) => {
            let given =
                usize::from(city.is_some()) + usize::from(file.is_some()) + usize::from(constant.is_some());
            return Err(WorldError::Choice { what: "climate", choices: "city, file, constant_c", given });
        }
    };
    if climate.shift_c == 0.0 && climate.summer_shift_c == 0.0 {
        return Ok((base, notes));
    }
    let summer = warmest(&monthly);
    if climate.summer_shift_c != 0.0 && !summer.contains(&true) {
        return Err(WorldError::Invalid {
            what: "climate.summer_shift_c",
            reason: "this climate knows no months, so none is the warmest; use shift_c".into(),
        });
    }
    let shift = cover.by_local_hour(|at| {
        climate.shift_c + if summer[at.day.month] { climate.summer_shift_c } else { 0.0 }
    });
    let values: Vec<f32> = base.values().iter().zip(shift.values()).map(|(a, b)| a + b).collect();
    let months: Vec<String> = (0..12).filter(|m| summer[*m]).map(|m| (m + 1).to_string()).collect();
    note(
        format!(
            "shifted by {:+} K, and by {:+} K more in its warmest months ({})",
            climate.shift_c,
            climate.summer_shift_c,
            months.join(", ")
        ),
        "scenario",
    );
    Ok((Hourly::new(base.first_hour(), values), notes))
}

/// A city's normal year and a seeded anomaly.
///
/// ```text
/// x(k+1) = ρ·x(k) + σ·√(1 − ρ²)·n(k),   n ~ N(0, 1),   x(0) ~ N(0, σ²)
/// ```
///
/// x belongs to noon of a local day and is linear in between. Source of the form: the first-order
/// autoregressive daily temperature of stochastic weather generators (Richardson, Water Resour. Res. 17,
/// 1981, doi 10.1029/WR017i001p00182; recalled, not re-read).
///
/// Limits: one σ all year; no heat waves beyond what a normal AR(1) gives; hardly any difference between years.
fn built_in(city: &City, cover: &Cover, seed: Seed) -> Hourly {
    let normal = NormalYear::of(city);
    let year: Vec<f64> = (0..365 * 24).map(|i| normal.temperature_c(i / 24, (i % 24) as f64)).collect();
    let local_first = cover.first_hour + cover.offset.ms.div_euclid(twin::time::HOUR_MS);
    let days = cover.hours / 24 + 4;
    let mut stream = seed.stream("climate", city.name, 0);
    let (sd, lag1) = (city.anomaly_sd_k, city.anomaly_lag1);
    let mut anomaly = sd * stream.sample::<f64, _>(StandardNormal);
    let noons: Vec<f64> = std::iter::repeat_with(|| {
        let own = anomaly;
        anomaly = lag1 * own + sd * (1.0 - lag1 * lag1).sqrt() * stream.sample::<f64, _>(StandardNormal);
        own
    })
    .take(days)
    .collect();
    // The first noon lies before the first hour, whatever hour of the day that is.
    let first_noon = (local_first.div_euclid(24) - 1) * 24 + 12;
    cover.by_local_hour(|at| {
        let since = at.index - first_noon;
        let (k, share) = (since.div_euclid(24) as usize, since.rem_euclid(24) as f64 / 24.0);
        year[at.day.of_year * 24 + at.hour] + noons[k] + (noons[k + 1] - noons[k]) * share
    })
}

/// The three warmest months. Months without a value are none of them.
fn warmest(monthly: &[Option<f64>; 12]) -> [bool; 12] {
    let mut known: Vec<(f64, usize)> =
        monthly.iter().enumerate().filter_map(|(month, mean)| mean.map(|mean| (mean, month))).collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut summer = [false; 12];
    for (_, month) in known.into_iter().take(3) {
        summer[month] = true;
    }
    summer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::calendar::{day, local_ms};
    use twin::time::{Time, UtcOffset};

    fn cover(days: usize, offset_h: f64) -> Cover {
        let offset = UtcOffset::of_hours(offset_h);
        let start = Time(local_ms("2025-01-01T00:00").unwrap() - offset.ms);
        Cover { start, first_hour: start.hour_index(), hours: days * 24, offset }
    }

    fn climate(city: &str) -> Climate {
        Climate { city: Some(city.into()), file: None, constant_c: None, shift_c: 0.0, summer_shift_c: 0.0 }
    }

    fn build(climate: &Climate, cover: &Cover, seed: u64) -> Result<(Hourly, Vec<Note>), WorldError> {
        air_c(climate, cover, Seed(seed), Path::new("."))
    }

    #[test]
    fn the_swing_has_mean_zero_and_its_extremes_at_6_and_15() {
        let mean: f64 = (0..2400).map(|i| swing(f64::from(i) / 100.0)).sum::<f64>() / 2400.0;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert_eq!((swing(6.0), swing(15.0)), (-0.5, 0.5));
        assert!((swing(0.0) - swing(24.0)).abs() < 1e-12);
    }

    #[test]
    fn every_citys_normal_year_keeps_its_monthly_means_and_ranges() {
        for city in &CITIES {
            let normal = NormalYear::of(city);
            for month in 0..12 {
                let first = MONTH_DAYS[..month].iter().sum::<usize>();
                let (mut sum, mut range) = (0.0, 0.0);
                for d in first..first + MONTH_DAYS[month] {
                    let day: Vec<f64> = (0..24).map(|h| normal.temperature_c(d, f64::from(h))).collect();
                    sum += day.iter().sum::<f64>() / 24.0;
                    range += day.iter().copied().fold(f64::MIN, f64::max)
                        - day.iter().copied().fold(f64::MAX, f64::min);
                }
                let days = MONTH_DAYS[month] as f64;
                assert!((sum / days - city.mean_c[month]).abs() < 0.05, "{} month {month}", city.name);
                assert!((range / days - city.range_k[month]).abs() < 0.3, "{} month {month}", city.name);
            }
        }
    }

    #[test]
    fn cities_are_plausible_and_named_in_order() {
        assert!(CITIES.len() >= 14);
        assert!(names().is_sorted());
        for city in &CITIES {
            assert!(city.latitude_deg.abs() < 66.0 && city.longitude_deg.abs() <= 180.0);
            assert!((city.longitude_deg / 15.0 - city.utc_offset_h).abs() < 1.5, "{}", city.name);
            assert!(city.mean_c.iter().all(|t| (-10.0..40.0).contains(t)), "{}", city.name);
            assert!(city.range_k.iter().all(|t| (2.0..18.0).contains(t)), "{}", city.name);
            let july_is_warmer = city.mean_c[6] > city.mean_c[0];
            assert!(city.latitude_deg.abs() < 20.0 || july_is_warmer == (city.latitude_deg > 0.0));
        }
        let error = city("Bankok").unwrap_err().to_string();
        assert!(error.contains("\"bangkok\""), "{error}");
        assert_eq!(city("Chiang Mai").unwrap().name, "chiang-mai");
    }

    #[test]
    fn the_anomaly_is_repeatable_and_has_its_spread_and_memory() {
        let cover = cover(365 * 60, 9.0);
        let (a, _) = build(&climate("seoul"), &cover, 1).unwrap();
        assert_eq!(a, build(&climate("seoul"), &cover, 1).unwrap().0);
        assert_ne!(a, build(&climate("seoul"), &cover, 2).unwrap().0);
        let normal = NormalYear::of(city("seoul").unwrap());
        let noon: Vec<f64> = (0..365 * 60)
            .map(|d| {
                let local = d as i64 * 24 + 12 + local_ms("2025-01-01T00:00").unwrap() / 3_600_000;
                a.of_hour(local - 9) - normal.temperature_c(day(local / 24).of_year, 12.0)
            })
            .collect();
        let n = noon.len() as f64;
        let mean = noon.iter().sum::<f64>() / n;
        let var = noon.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let lag1 = noon.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / n / var;
        assert!(mean.abs() < 0.2, "{mean}");
        assert!((var.sqrt() - 3.04).abs() < 0.1, "{}", var.sqrt());
        assert!((lag1 - 0.71).abs() < 0.02, "{lag1}");
    }

    #[test]
    fn longer_runs_begin_with_the_same_weather() {
        let (short, _) = build(&climate("bangkok"), &cover(10, 7.0), 3).unwrap();
        let (long, _) = build(&climate("bangkok"), &cover(400, 7.0), 3).unwrap();
        assert_eq!(short.values(), &long.values()[..240]);
    }

    #[test]
    fn shifts_apply_to_all_hours_and_to_the_three_warmest_months() {
        let cover = cover(365, 2.0);
        let (base, _) = build(&climate("johannesburg"), &cover, 1).unwrap();
        let shifted = Climate { shift_c: 1.0, summer_shift_c: 2.0, ..climate("johannesburg") };
        let (series, notes) = build(&shifted, &cover, 1).unwrap();
        assert!(notes.last().unwrap().text.contains("(1, 11, 12)"), "{notes:?}");
        let difference = |day: usize| series.values()[day * 24 + 12] - base.values()[day * 24 + 12];
        assert!((difference(10) - 3.0).abs() < 1e-4 && (difference(180) - 1.0).abs() < 1e-4);
        let constant = Climate { city: None, constant_c: Some(25.0), summer_shift_c: 1.0, ..climate("") };
        assert!(matches!(build(&constant, &cover, 1), Err(WorldError::Invalid { .. })));
    }

    #[test]
    fn exactly_one_kind_of_climate_is_wanted() {
        let both = Climate { constant_c: Some(20.0), ..climate("seoul") };
        let error = build(&both, &cover(1, 0.0), 1).unwrap_err();
        assert!(matches!(error, WorldError::Choice { given: 2, .. }), "{error}");
    }

    #[test]
    fn files_are_read_in_their_local_time_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("time_local,temperature_degC\n");
        for d in 1..=31 {
            for h in 0..24 {
                text += &format!("2025-01-{d:02}T{h:02}:00,{h}\n");
            }
        }
        std::fs::write(folder.path().join("w.csv"), &text).unwrap();
        let from = Climate { city: None, file: Some("w.csv".into()), ..climate("") };
        let run = cover(3, 9.0);
        let (series, _) = air_c(&from, &run, Seed(1), folder.path()).unwrap();
        assert_eq!(series.values()[..3], [0.0, 1.0, 2.0]);
        std::fs::write(folder.path().join("w.csv"), text.replace(",23\n", ",230\n")).unwrap();
        let error = air_c(&from, &run, Seed(1), folder.path()).unwrap_err();
        assert!(matches!(error, WorldError::OutOfRange { line: 25, .. }), "{error}");
    }
}
