//! Price and carbon intensity of grid electricity, and output of photovoltaics, by the hour.

use super::Note;
use super::calendar::Cover;
use super::climate;
use super::error::{WorldError, nearest};
use super::grids::GRIDS;
use super::series::{Beyond, Meaning, Source};
use super::solar::Sky;
use super::table::Table;
use crate::scenario::schema::{Carbon, Solar, Tariff};
use std::path::Path;
use twin::forcing::Hourly;

/// Prices per kWh that a file may hold.
const PLAUSIBLE_PRICE: (f64, f64) = (-1e6, 1e6);
/// Carbon intensities that a file may hold [g/kWh].
const PLAUSIBLE_G_PER_KWH: (f64, f64) = (0.0, 3000.0);
/// Generation that a file may hold, in whatever unit of power; meters read a little below zero at night.
const PLAUSIBLE_POWER: (f64, f64) = (-1e9, 1e12);
/// Columns of a carbon file, in order of preference.
const CARBON_COLUMNS: [&str; 3] = ["carbon_g_per_kwh", "ci_lifecycle_gCO2e_kWh", "ci_direct_gCO2e_kWh"];
/// Columns of a solar file that hold time.
const TIME_COLUMNS: [&str; 8] =
    ["time_utc", "time_local", "t_s", "time_s", "source_year", "month", "day", "hour_ending_local"];

/// A built-in electricity grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Region code.
    pub region: &'static str,
    /// Which place that is.
    pub place: &'static str,
    /// Where the figures come from.
    pub source: &'static str,
    /// The figures.
    pub profile: Profile,
}

/// Carbon intensity of a grid over the year.
#[derive(Debug, Clone, PartialEq)]
pub enum Profile {
    /// One value at all times.
    Flat {
        /// Carbon intensity [g CO2e/kWh].
        g_per_kwh: f64,
    },
    /// Monthly means times the mean day of the season.
    Hourly {
        /// Offset of the region's standard time from UTC.
        utc_offset_h: f64,
        /// Mean of each month [g CO2e/kWh].
        mean_g_per_kwh: [f64; 12],
        /// Local hours relative to the month's mean, for the seasons that begin in December, March, June and
        /// September.
        shape: &'static [[f64; 24]; 4],
    },
}

impl Grid {
    /// Carbon intensity [g CO2e/kWh] in a month (0 is January) at an hour of the region's standard time.
    pub fn g_per_kwh(&self, month: usize, hour: usize) -> f64 {
        match &self.profile {
            Profile::Flat { g_per_kwh } => *g_per_kwh,
            Profile::Hourly { mean_g_per_kwh, shape, .. } => {
                mean_g_per_kwh[month] * shape[(month + 1) % 12 / 3][hour]
            }
        }
    }
}

/// The built-in grid of a region, upper and lower case alike.
pub fn grid(region: &str) -> Result<&'static Grid, WorldError> {
    let wanted = region.trim();
    GRIDS.iter().find(|grid| grid.region.eq_ignore_ascii_case(wanted)).ok_or_else(|| WorldError::Unknown {
        what: "grid",
        name: region.to_owned(),
        nearest: nearest(wanted, GRIDS.iter().map(|grid| grid.region)),
    })
}

/// Price of grid electricity per kWh.
pub(super) fn price_per_kwh(
    tariff: &Tariff,
    cover: &Cover,
    folder: &Path,
) -> Result<(Hourly, Vec<Note>), WorldError> {
    let note = |text: String, source: &str| Note {
        subject: "price of electricity".into(),
        text,
        source: source.to_owned(),
    };
    match (tariff.flat_per_kwh, &tariff.by_hour_per_kwh, &tariff.file) {
        (None, None, None) => {
            let text = "no tariff is given: electricity costs nothing in this run";
            Ok((cover.by_local_hour(|_| 0.0), vec![note(text.into(), "scenario")]))
        }
        (Some(price), None, None) => {
            let price = finite("energy.tariff.flat_per_kwh", price)?;
            let text = format!("flat at {price} per kWh");
            Ok((cover.by_local_hour(|_| price), vec![note(text, "scenario")]))
        }
        (None, Some(hours), None) => {
            let what = "energy.tariff.by_hour_per_kwh";
            if hours.len() != 24 {
                let reason = format!("it needs 24 prices, not {}", hours.len());
                return Err(WorldError::Invalid { what, reason });
            }
            for price in hours {
                finite(what, *price)?;
            }
            let mut notes = vec![note("by the local hour of day".into(), "scenario")];
            if cover.offset.ms % twin::time::HOUR_MS != 0 {
                let text = "local hours begin within hours of UTC, in which series are kept: each of those \
                            takes its share of the two local prices";
                notes.push(note(text.into(), "scenario"));
            }
            Ok((cover.by_local_hour(|at| hours[at.hour]), notes))
        }
        (None, None, Some(file)) => {
            let table = Table::open(folder, file)?;
            let column = table.column(&["price_per_kwh"])?;
            let source = Source::read(&table, column, Meaning::Mean, PLAUSIBLE_PRICE)?;
            from_file("price of electricity", &source, cover, Beyond::Weeks)
        }
        (flat, hours, file) => {
            let given =
                usize::from(flat.is_some()) + usize::from(hours.is_some()) + usize::from(file.is_some());
            let choices = "flat_per_kwh, by_hour_per_kwh, file";
            Err(WorldError::Choice { what: "energy.tariff", choices, given })
        }
    }
}

/// Carbon intensity of grid electricity [g CO2e/kWh].
pub(super) fn carbon_g_per_kwh(
    carbon: &Carbon,
    cover: &Cover,
    folder: &Path,
) -> Result<(Hourly, Vec<Note>), WorldError> {
    let note = |text: String, source: &str| Note {
        subject: "carbon intensity".into(),
        text,
        source: source.to_owned(),
    };
    match (&carbon.region, carbon.flat_g_per_kwh, &carbon.file) {
        (None, None, None) => {
            let text = "none is given: electricity counts as free of carbon in this run";
            Ok((cover.by_local_hour(|_| 0.0), vec![note(text.into(), "scenario")]))
        }
        (Some(region), None, None) => {
            let grid = grid(region)?;
            let kind = match grid.profile {
                Profile::Flat { .. } => "one value at all times",
                Profile::Hourly { .. } => "monthly means and mean daily shapes by season",
            };
            let text = format!("grid {} ({}): {kind}", grid.region, grid.place);
            let mut notes = vec![note(text, grid.source)];
            let local_h = cover.offset.ms as f64 / 3.6e6;
            if let Profile::Hourly { utc_offset_h, .. } = grid.profile
                && (utc_offset_h - local_h).abs() > 1.0
            {
                let text = format!(
                    "the scenario's local time is UTC{local_h:+}, that of {} is UTC{utc_offset_h:+}: the \
                     daily shape follows the scenario's local time",
                    grid.region
                );
                notes.push(note(text, "scenario"));
            }
            Ok((cover.by_local_hour(|at| grid.g_per_kwh(at.day.month, at.hour)), notes))
        }
        (None, Some(value), None) => {
            let value = finite("energy.carbon.flat_g_per_kwh", value)?;
            let text = format!("flat at {value} g/kWh");
            Ok((cover.by_local_hour(|_| value), vec![note(text, "scenario")]))
        }
        (None, None, Some(file)) => {
            let table = Table::open(folder, file)?;
            let column = table.column(&CARBON_COLUMNS)?;
            let source = Source::read(&table, column, Meaning::Mean, PLAUSIBLE_G_PER_KWH)?;
            let (series, mut notes) = from_file("carbon intensity", &source, cover, Beyond::Weeks)?;
            notes.push(note(format!("column {}", table.columns()[column]), file));
            Ok((series, notes))
        }
        (region, flat, file) => {
            let given =
                usize::from(region.is_some()) + usize::from(flat.is_some()) + usize::from(file.is_some());
            let choices = "region, flat_g_per_kwh, file";
            Err(WorldError::Choice { what: "energy.carbon", choices, given })
        }
    }
}

/// Photovoltaic output as a fraction of peak power. `city` is the scenario's built-in climate, if it has one;
/// `is_used` says whether anything in the scenario has panels.
pub(super) fn solar_fraction(
    solar: &Solar,
    city: Option<&climate::City>,
    is_used: bool,
    cover: &Cover,
    folder: &Path,
) -> Result<(Hourly, Vec<Note>), WorldError> {
    let note = |text: String, source: &str| Note {
        subject: "photovoltaics".into(),
        text,
        source: source.to_owned(),
    };
    if let Some(file) = &solar.file {
        let table = Table::open(folder, file)?;
        let column = solar_column(&table, solar.column.as_deref())?;
        let mut source = Source::read(&table, column, Meaning::Mean, PLAUSIBLE_POWER)?;
        let peak = source.values.iter().copied().fold(0.0, f64::max);
        if peak <= 0.0 {
            return Err(WorldError::TooShort {
                file: file.clone(),
                reason: format!("column {} is never above zero", table.columns()[column]),
            });
        }
        for value in &mut source.values {
            *value = (*value / peak).max(0.0);
        }
        let (series, mut notes) = from_file("photovoltaics", &source, cover, Beyond::SameSun)?;
        let text = format!(
            "column {}, as a share of its maximum {peak}; clearness and performance_ratio are not applied",
            table.columns()[column]
        );
        notes.push(note(text, file));
        return Ok((series, notes));
    }
    let Some(latitude_deg) = solar.latitude_deg.or(city.map(|city| city.latitude_deg)) else {
        if is_used {
            return Err(WorldError::Invalid {
                what: "energy.solar",
                reason: "there are panels, but neither a latitude, a built-in city nor a file".into(),
            });
        }
        let text = "neither a latitude, a built-in city nor a file: no sun";
        return Ok((cover.by_local_hour(|_| 0.0), vec![note(text.into(), "scenario")]));
    };
    // A city's clock is rarely on solar time; without a city, noon is taken to be at 12:00.
    let solar_ahead_h = city.map_or(0.0, |city| city.longitude_deg / 15.0 - city.utc_offset_h);
    let sky = Sky {
        latitude_deg,
        solar_ahead_h,
        clearness: finite("energy.solar.clearness", solar.clearness)?,
        performance_ratio: finite("energy.solar.performance_ratio", solar.performance_ratio)?,
    };
    let text = format!(
        "clear sky over flat panels at {latitude_deg}° × clearness {} × performance ratio {}",
        solar.clearness, solar.performance_ratio
    );
    Ok((sky.fraction(cover), vec![note(text, "Haurwitz 1945, 1946 clear-sky model")]))
}

/// The column of a solar file: the one named, or the only one that is not time.
fn solar_column(table: &Table, named: Option<&str>) -> Result<usize, WorldError> {
    if let Some(name) = named {
        return table.column(&[name]);
    }
    let mut others =
        (0..table.columns().len()).filter(|i| !TIME_COLUMNS.contains(&table.columns()[*i].as_str()));
    match (others.next(), others.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(WorldError::Invalid {
            what: "energy.solar.column",
            reason: format!(
                "{} has the columns {}; name the one to read",
                table.file(),
                table.columns().join(", ")
            ),
        }),
    }
}

fn from_file(
    subject: &str,
    source: &Source,
    cover: &Cover,
    beyond: Beyond,
) -> Result<(Hourly, Vec<Note>), WorldError> {
    let (series, remarks) = source.place(cover, beyond)?;
    let own = format!("{} hours from a file", source.values.len());
    let notes = std::iter::once(own)
        .chain(remarks)
        .map(|text| Note { subject: subject.to_owned(), text, source: source.file.clone() })
        .collect();
    Ok((series, notes))
}

fn finite(what: &'static str, value: f64) -> Result<f64, WorldError> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(WorldError::Invalid { what, reason: format!("{value} is not finite") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::calendar::local_ms;
    use twin::time::{Time, UtcOffset};

    fn cover(days: usize, offset_h: f64) -> Cover {
        let offset = UtcOffset::of_hours(offset_h);
        let start = Time(local_ms("2025-01-01T00:00").unwrap() - offset.ms);
        Cover { start, first_hour: start.hour_index(), hours: days * 24, offset }
    }

    #[test]
    fn tariffs_follow_local_hours() {
        let hours: Vec<f64> = (0..24).map(f64::from).collect();
        let tariff = Tariff { by_hour_per_kwh: Some(hours), ..Tariff::default() };
        let price = |offset_h: f64| price_per_kwh(&tariff, &cover(2, offset_h), Path::new(".")).unwrap().0;
        assert_eq!(price(7.0).of_hour(cover(2, 7.0).first_hour + 5), 5.0);
        // Local midnight in India is 18:30 UTC: the hour from 18:00 is half 23:00–24:00, half 00:00–01:00.
        assert_eq!(price(5.5).of_hour(cover(2, 5.5).first_hour + 1), 0.5);
    }

    #[test]
    fn no_tariff_is_free_and_says_so_and_two_are_refused() {
        let (price, notes) = price_per_kwh(&Tariff::default(), &cover(1, 0.0), Path::new(".")).unwrap();
        assert_eq!((price.values()[0], notes.len()), (0.0, 1));
        let two = Tariff { flat_per_kwh: Some(1.0), by_hour_per_kwh: Some(vec![0.0; 24]), file: None };
        let error = price_per_kwh(&two, &cover(1, 0.0), Path::new(".")).unwrap_err();
        assert!(matches!(error, WorldError::Choice { given: 2, .. }));
    }

    #[test]
    fn grids_have_shapes_of_mean_one_and_plausible_values() {
        for grid in &GRIDS {
            for month in 0..12 {
                let day: Vec<f64> = (0..24).map(|h| grid.g_per_kwh(month, h)).collect();
                let mean = day.iter().sum::<f64>() / 24.0;
                assert!((10.0..900.0).contains(&mean), "{}", grid.region);
                if let Profile::Hourly { mean_g_per_kwh, .. } = &grid.profile {
                    assert!((mean / mean_g_per_kwh[month] - 1.0).abs() < 1e-3, "{} {month}", grid.region);
                }
            }
        }
        let error = grid("US-TEX").unwrap_err().to_string();
        assert!(error.contains("US-TEX-ERCO"), "{error}");
        // December belongs to the season that begins in December, November to that of September.
        let shapes = |month| grid("GB").unwrap().g_per_kwh(month, 0);
        assert!((shapes(11) - 204.0 * 0.865).abs() < 1e-9 && (shapes(10) - 210.0 * 0.882).abs() < 1e-9);
    }

    #[test]
    fn the_sun_rises_over_panels_by_local_time() {
        let city = climate::city("seoul").unwrap();
        let run = cover(365, 9.0);
        let (fraction, _) =
            solar_fraction(&Solar::default(), Some(city), true, &run, Path::new(".")).unwrap();
        let june: Vec<f64> = (0..24).map(|h| fraction.of_hour(run.first_hour + 171 * 24 + h)).collect();
        assert!(june[0] == 0.0 && june[12] > 0.45 && june[12] < 0.54, "{june:?}");
        let january = fraction.of_hour(run.first_hour + 12);
        assert!(january < june[12] * 0.6 && january > 0.15, "{january}");
        let year = fraction.values().iter().map(|v| f64::from(*v)).sum::<f64>() / 8760.0;
        assert!((0.10..0.17).contains(&year), "{year}");
    }

    #[test]
    fn panels_without_a_place_are_refused_and_no_panels_only_noted() {
        let (run, here) = (cover(1, 0.0), Path::new("."));
        assert!(solar_fraction(&Solar::default(), None, true, &run, here).is_err());
        let (fraction, notes) = solar_fraction(&Solar::default(), None, false, &run, here).unwrap();
        assert!(fraction.values().iter().all(|v| *v == 0.0) && notes.len() == 1);
    }

    #[test]
    fn solar_files_are_scaled_by_their_own_maximum() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("time_utc,a_MW,b_MW\n");
        for h in 0..24 {
            text += &format!("2025-01-01 {h:02}:00:00+00:00,{},{}\n", h * 10, -1);
        }
        std::fs::write(folder.path().join("pv.csv"), &text).unwrap();
        let solar = |column: Option<&str>| Solar {
            file: Some("pv.csv".into()),
            column: column.map(str::to_owned),
            ..Solar::default()
        };
        let short = Cover { hours: 24, ..cover(1, 0.0) };
        let read = |solar: &Solar| solar_fraction(solar, None, true, &short, folder.path());
        assert_eq!(read(&solar(Some("a_MW"))).unwrap().0.values()[23], 1.0);
        assert!(read(&solar(None)).unwrap_err().to_string().contains("a_MW, b_MW"));
        assert!(matches!(read(&solar(Some("b_MW"))), Err(WorldError::TooShort { .. })));
    }
}
