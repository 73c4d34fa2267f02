//! What the world imposes on the twins: air temperature, price, carbon intensity and sun by the hour, trips
//! that vehicles drive, and when riders are about.
//!
//! ```text
//! scenario ─► calendar: span of the run, local time
//!    ├─ climate  (cities, files) ──┐
//!    ├─ energy   (grids, solar)  ──┴─► Surroundings: hourly series in UTC hours, with notes on their sources
//!    ├─ drive    (cycles, files) ────► TripLibrary: power at the battery, trip by trip
//!    └─ demand                   ────► Demand: when the next event of a rider falls
//! files ─► table (cells checked) ─► series (gaps bridged, years repeated)
//! ```
//!
//! Built from the scenario and the files it names alone: no clock, and randomness only through the scenario's
//! seed. Whatever is assumed, bridged or repeated on the way is said in a [`Note`].

mod calendar;
mod cities;
pub mod climate;
mod cycles;
pub mod demand;
pub mod drive;
pub mod energy;
mod error;
pub mod grids;
mod series;
pub mod solar;
pub mod table;

pub use calendar::span;
pub use demand::Demand;
pub use drive::{Ride, Trip, TripLibrary};
pub use error::WorldError;

use crate::scenario::schema::{Riders, Scenario, Trips, Vehicle};
use calendar::Cover;
use serde::Serialize;
use std::path::Path;
use twin::forcing::Hourly;
use twin::rng::Seed;
use twin::time::UtcOffset;

/// Something a reader of the results should know about an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What it is about.
    pub subject: String,
    /// What there is to know.
    pub text: String,
    /// Where it comes from: a publication, a file, the scenario.
    pub source: String,
}

/// Hourly series that cover a run and two days more.
#[derive(Debug, Clone, PartialEq)]
pub struct Surroundings {
    /// Outdoor air temperature [°C] at the hours.
    pub air_c: Hourly,
    /// Price of grid electricity per kWh, mean of each hour, in the scenario's currency.
    pub price_per_kwh: Hourly,
    /// Carbon intensity of grid electricity, mean of each hour [g CO2e/kWh].
    pub carbon_g_per_kwh: Hourly,
    /// Photovoltaic output, mean of each hour, as a fraction of peak power.
    pub solar_fraction: Hourly,
    /// Sources and assumptions.
    pub notes: Vec<Note>,
}

/// The surroundings of a scenario; files are relative to `folder`.
pub fn surroundings(scenario: &Scenario, folder: &Path) -> Result<Surroundings, WorldError> {
    let cover = Cover::of(scenario)?;
    let city = match &scenario.climate.city {
        Some(name) => Some(climate::city(name)?),
        None => None,
    };
    let has_panels = scenario.networks.iter().any(|network| network.cabinets.solar_kwp > 0.0);
    let energy = &scenario.energy;
    let (air_c, mut notes) = climate::air_c(&scenario.climate, &cover, Seed(scenario.seed), folder)?;
    let (price_per_kwh, more) = energy::price_per_kwh(&energy.tariff, &cover, folder)?;
    notes.extend(more);
    let (carbon_g_per_kwh, more) = energy::carbon_g_per_kwh(&energy.carbon, &cover, folder)?;
    notes.extend(more);
    let (solar_fraction, more) = energy::solar_fraction(&energy.solar, city, has_panels, &cover, folder)?;
    notes.extend(more);
    Ok(Surroundings { air_c, price_per_kwh, carbon_g_per_kwh, solar_fraction, notes })
}

/// Power at the battery over the trips of a duty or network; files are relative to `folder`.
pub fn trip_library(trips: &Trips, vehicle: &Vehicle, folder: &Path) -> Result<TripLibrary, WorldError> {
    drive::library(trips, vehicle, folder)
}

/// When riders are about; files are relative to `folder`.
pub fn demand(riders: &Riders, offset: UtcOffset, folder: &Path) -> Result<Demand, WorldError> {
    Demand::of(riders, offset, folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use twin::time::{DAY_MS, HOUR_MS};

    fn scenario(text: &serde_json::Value) -> Scenario {
        serde_json::from_value(text.clone()).unwrap()
    }

    #[test]
    fn every_series_covers_the_run_and_two_days_in_utc() {
        for offset_h in [-8.0, 0.0, 5.5, 7.0] {
            let scenario = scenario(&json!({
                "name": "cover", "start": "2028-02-28", "horizon_days": 10.5, "utc_offset_h": offset_h,
                "climate": { "city": "delhi" },
                "energy": { "tariff": { "flat_per_kwh": 7.5 }, "carbon": { "region": "IN-WE" } },
                "batteries": { "pack": { "chemistry": "any", "series": 16 } },
            }));
            let (start, end) = span(&scenario).unwrap();
            assert_eq!((start.0 as f64 + offset_h * HOUR_MS as f64).rem_euclid(DAY_MS as f64), 0.0);
            assert_eq!(end - start, 10 * DAY_MS + DAY_MS / 2);
            let built = surroundings(&scenario, Path::new(".")).unwrap();
            for series in [&built.air_c, &built.price_per_kwh, &built.carbon_g_per_kwh, &built.solar_fraction]
            {
                assert!(series.first_hour() <= start.hour_index());
                let last = series.first_hour() + series.values().len() as i64 - 1;
                assert!(last >= (end + 2 * DAY_MS).hour_index());
                assert!(series.values().iter().all(|v| v.is_finite()));
            }
            assert_eq!(built.price_per_kwh.step_at(end), 7.5);
            assert!(built.notes.iter().any(|note| note.source.contains("Electricity Maps")));
            assert_eq!(built, surroundings(&scenario, Path::new(".")).unwrap());
        }
    }

    #[test]
    fn dates_and_horizons_that_cannot_be_are_refused() {
        let base = json!({
            "name": "x", "start": "2026-01-01", "horizon_days": 1, "climate": { "constant_c": 25 },
            "batteries": { "pack": { "chemistry": "any", "series": 1 } },
        });
        let with = |key: &str, value: serde_json::Value| {
            let mut changed = base.clone();
            changed[key] = value;
            span(&scenario(&changed))
        };
        assert!(matches!(with("start", json!("2026-02-30")), Err(WorldError::Start { .. })));
        assert!(matches!(with("start", json!("9999-12-31")), Err(WorldError::Invalid { .. })));
        assert!(matches!(with("horizon_years", json!(1)), Err(WorldError::Choice { given: 2, .. })));
        assert!(matches!(with("horizon_days", json!(-1)), Err(WorldError::Invalid { .. })));
        assert!(with("utc_offset_h", json!(-3.5)).is_ok());
    }
}
