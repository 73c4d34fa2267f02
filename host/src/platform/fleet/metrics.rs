//! What cabinets achieved.

use super::{Energy, Span};
use crate::identity::Visibility;
use crate::platform::look::record_of;
use crate::platform::registry::{TwinId, TwinRecord};
use crate::platform::{Platform, PlatformError};
use twin::time::{HOUR_MS, UtcOffset};

/// Label of a cabinet with the hours that its clocks are ahead of UTC.
const UTC_OFFSET: &str = "utc_offset_h";

/// What a cabinet achieved in a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CabinetMetrics {
    /// Swaps.
    pub swaps: u64,
    /// Energy that it took.
    pub energy: Energy,
    /// The hour of its day with most swaps, the earliest of several; nothing without swaps.
    pub peak_hour: Option<u32>,
    /// Mean time from a battery's coming to its being ready [min]; nothing where none became ready.
    pub charging_min: Option<f64>,
}

/// How active a cabinet was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activity {
    /// Which.
    pub cabinet: TwinId,
    /// Swaps.
    pub swaps: u64,
    /// Energy that it took [kWh].
    pub energy_kwh: f64,
}

/// Hours that the clocks of a cabinet are ahead of UTC; UTC where nobody says.
fn offset(record: &TwinRecord) -> UtcOffset {
    let hours = record.labels.get(UTC_OFFSET).and_then(|text| text.trim().parse::<f64>().ok());
    UtcOffset::of_hours(hours.filter(|hours| hours.abs() <= 14.0).unwrap_or(0.0))
}

impl Platform {
    /// What a cabinet achieved in a span.
    ///
    /// # Errors
    /// When there is none.
    pub async fn cabinet_metrics(&self, id: TwinId, span: Span) -> Result<CabinetMetrics, PlatformError> {
        let record = record_of(&self.core, id).await?;
        let offset = offset(&record);
        let (mut swaps, mut by_hour, mut took_ms, mut done) = (0, [0_u64; 24], 0_i64, 0_i64);
        {
            let log = self.cabinet_log(id).await?;
            for swap in log.swaps().filter(|swap| span.contains(swap.at)) {
                swaps += 1;
                by_hour[offset.hour_of_day(swap.at)] += 1;
            }
            for charge in log.charges().into_iter().filter(|charge| charge.is_done) {
                if let Some(to) = charge.to.filter(|to| span.contains(*to)) {
                    (took_ms, done) = (took_ms + (to - charge.from), done + 1);
                }
            }
        }
        let most = by_hour.iter().copied().max().filter(|most| *most > 0);
        let peak_hour = most.and_then(|most| by_hour.iter().position(|count| *count == most));
        Ok(CabinetMetrics {
            swaps,
            energy: self.cabinet_energy(&record, span).await?,
            peak_hour: peak_hour.map(|hour| hour as u32),
            charging_min: (done > 0).then(|| took_ms as f64 / done as f64 / (HOUR_MS as f64 / 60.0)),
        })
    }

    /// Energy that all cabinets took that somebody sees.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cabinets_energy(&self, span: Span, visible: &Visibility) -> Result<Energy, PlatformError> {
        let mut all = Energy::default();
        for id in self.fleet_cabinets(visible).await? {
            let record = record_of(&self.core, id).await?;
            all += self.cabinet_energy(&record, span).await?;
        }
        Ok(all)
    }

    /// Cabinets that somebody sees, those with most swaps first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cabinets_by_activity(
        &self,
        span: Span,
        limit: usize,
        visible: &Visibility,
    ) -> Result<Vec<Activity>, PlatformError> {
        let mut all = Vec::new();
        for id in self.fleet_cabinets(visible).await? {
            let log = self.cabinet_log(id).await?;
            let swaps = log.swaps().filter(|swap| span.contains(swap.at)).count() as u64;
            all.push((std::cmp::Reverse(swaps), id));
        }
        all.sort_unstable();
        let mut active = Vec::new();
        for (std::cmp::Reverse(swaps), cabinet) in all.into_iter().take(limit) {
            let record = record_of(&self.core, cabinet).await?;
            let energy_kwh = self.cabinet_energy(&record, span).await?.total_kwh;
            active.push(Activity { cabinet, swaps, energy_kwh });
        }
        Ok(active)
    }
}
