//! Readings of a battery of the fleet, with what was estimated of it then.

use super::path::Track;
use super::{Paged, Part, Span};
use crate::platform::facts::Facts;
use crate::platform::live::{replay, replayed};
use crate::platform::registry::TwinId;
use crate::platform::{Platform, PlatformError};
use crate::store::Metric;
use crate::store::series::Query;
use twin::live::Measured;
use twin::live::battery::Subject;
use twin::time::Time;

/// Readings that are heard again for one answer; of more, states of charge are those that the device reported.
const HEARD_MAX: u64 = 50_000;
/// Readings that are read at a time.
const PAGE: usize = 4_096;
/// A reading is of an instant where it is no further from it [ms].
const NEAR_MS: i64 = 1_000;
/// What the metrics of cells begin with.
const CELLS: &str = "cell_voltages_v.";

/// A reading; what it did not have is empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadingRow {
    /// When.
    pub at: Time,
    /// State of charge, 0 to 1: the estimate as it stood then.
    pub soc: Option<f64>,
    /// Voltage at its terminals [V].
    pub voltage_v: Option<f64>,
    /// Current, positive on discharge [A].
    pub current_a: Option<f64>,
    /// Temperature inside [°C].
    pub temperature_c: Option<f64>,
    /// Temperature around it [°C].
    pub ambient_c: Option<f64>,
    /// Degrees north.
    pub lat: Option<f64>,
    /// Degrees east.
    pub lon: Option<f64>,
    /// Above the sea [m].
    pub altitude_m: Option<f64>,
    /// Speed [km/h].
    pub speed_kmh: Option<f64>,
    /// Voltage times current [W].
    pub power_w: Option<f64>,
    /// Rate of charge [1/h], 0 on discharge.
    pub charge_c: Option<f64>,
    /// Rate of discharge [1/h], 0 on charge.
    pub discharge_c: Option<f64>,
}

impl ReadingRow {
    fn of(at: Time, value: impl Fn(&str) -> Option<f64>, soc: Option<f64>, rated_ah: Option<f64>) -> Self {
        let (voltage_v, current_a) = (value("voltage_v"), value("current_a"));
        // Rates are currents over the rated charge [1/h].
        let rate = |sign: f64| current_a.zip(rated_ah).map(|(current, ah)| (sign * current / ah).max(0.0));
        Self {
            at,
            soc,
            voltage_v,
            current_a,
            temperature_c: value("temperature_c"),
            ambient_c: value("ambient_c"),
            lat: value("lat"),
            lon: value("lon"),
            altitude_m: value("altitude_m"),
            speed_kmh: value("speed_kmh"),
            power_w: voltage_v.zip(current_a).map(|(v, a)| v * a),
            charge_c: rate(-1.0),
            discharge_c: rate(1.0),
        }
    }
}

/// Voltage of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellVoltage {
    /// Number of the cell, from 1 on.
    pub cell: u32,
    /// Its voltage [V].
    pub voltage_v: f64,
}

impl Platform {
    /// Readings of a battery in a span, in order of time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_readings(
        &self,
        id: TwinId,
        span: Span,
        part: Part,
    ) -> Result<Paged<ReadingRow>, PlatformError> {
        let facts = self.core.facts(id, None).await?;
        let subject = facts.subject.as_deref();
        let rated_ah = subject.and_then(Subject::rated_ah);
        let mut heard = match facts.kept.measured.readings <= HEARD_MAX {
            true => Some(replayed(&self.core, &facts, Measured::default(), span.from + -1).await?),
            false => None,
        };
        let mut page = Paged { items: Vec::new(), total: 0 };
        self.each_row(id, &[], span, |at, row| {
            let value = |metric: &str| row.iter().find(|(name, _)| *name == metric).map(|(_, value)| *value);
            let soc = match &mut heard {
                Some(measured) => {
                    measured.observe(subject, at, row);
                    measured.estimate(subject, at).and_then(|estimate| estimate.soc).map(|soc| soc.mean)
                }
                None => value("soc_pct").map(|pct| pct * 1e-2),
            };
            if page.total >= part.skip && page.items.len() < part.limit {
                page.items.push(ReadingRow::of(at, value, soc, rated_ah));
            }
            page.total += 1;
        })
        .await?;
        Ok(page)
    }

    /// The last reading of a battery; nothing where there is none.
    ///
    /// # Errors
    /// When the battery is not there.
    pub async fn fleet_latest(&self, id: TwinId) -> Result<Option<ReadingRow>, PlatformError> {
        let latest = |facts: &Facts| {
            let (measured, subject) = (&facts.kept.measured, facts.subject.as_deref());
            let at = measured.last_at?;
            let soc = measured.estimate(subject, at).and_then(|known| known.soc).map(|soc| soc.mean);
            let rated_ah = subject.and_then(Subject::rated_ah);
            let value = |metric: &str| measured.latest.at(metric, at);
            Some(ReadingRow::of(at, value, soc, rated_ah))
        };
        self.residents.look(id, latest).await
    }

    /// Voltages of the cells in the reading that is nearest to an instant, within a second; nothing where there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_cells(&self, id: TwinId, at: Time) -> Result<Option<Vec<CellVoltage>>, PlatformError> {
        let mut nearest: Option<(i64, Vec<CellVoltage>)> = None;
        let span = Span { from: at + -NEAR_MS, to: at + (NEAR_MS + 1) };
        self.each_row(id, &[], span, |then, row| {
            let cells = row.iter().filter_map(|(name, value)| {
                let cell = name.strip_prefix(CELLS)?.parse().ok()?;
                Some(CellVoltage { cell, voltage_v: *value })
            });
            let mut cells: Vec<CellVoltage> = cells.collect();
            cells.sort_by_key(|cell| cell.cell);
            let away = (then - at).abs();
            if !cells.is_empty() && nearest.as_ref().is_none_or(|(other, _)| away < *other) {
                nearest = Some((away, cells));
            }
        })
        .await?;
        Ok(nearest.map(|(_, cells)| cells))
    }

    /// How far a battery went so far [km].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_distance_km(&self, id: TwinId) -> Result<f64, PlatformError> {
        let mut track = Track::default();
        let span = Span { from: Time(0), to: Time(i64::MAX / 4) };
        self.each_row(id, &["distance_km", "lat", "lon"], span, |at, row| {
            track.take(at, |metric| row.iter().find(|(name, _)| *name == metric).map(|(_, value)| *value));
        })
        .await?;
        Ok(track.km())
    }

    /// Goes through readings of a twin in order of time.
    pub(super) async fn each_row(
        &self,
        id: TwinId,
        metrics: &[&str],
        span: Span,
        mut take: impl FnMut(Time, &[(&str, f64)]),
    ) -> Result<(), PlatformError> {
        let metrics: Vec<Metric> = metrics.iter().filter_map(|name| Metric::new(name).ok()).collect();
        let query = Query::new(id.entity(), span.from, span.to).metrics(metrics);
        let mut next = Some(Query { limit: PAGE, ..query });
        while let Some(query) = next {
            let (frame, more) = self.core.store.readings(query.clone()).await?;
            replay(&frame, &mut take);
            next = more.map(|from| Query { from, ..query });
        }
        Ok(())
    }
}
