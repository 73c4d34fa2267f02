//! Health of the fleet's batteries.

use super::{AT_ONCE, FleetBattery};
use crate::identity::Visibility;
use crate::platform::registry::TwinId;
use crate::platform::{ErrorKind, Platform, PlatformError};
use futures::stream::{self, StreamExt, TryStreamExt};
use twin::time::Time;

/// Health of a battery.
#[derive(Debug, Clone)]
pub struct Health {
    /// The battery.
    pub battery: FleetBattery,
    /// Capacity over rated.
    pub soh: f64,
}

/// Health of many batteries; those of which nothing is known do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HealthSummary {
    /// Mean capacity over rated; nothing where nothing is known.
    pub mean: Option<f64>,
    /// Batteries of at least 90 %, 80 to 90 %, 70 to 80 %, 60 to 70 %, and below 60 %.
    pub by_tenth: [u64; 5],
    /// Below the threshold.
    pub below: u64,
}

impl HealthSummary {
    fn of(all: impl IntoIterator<Item = f64>, threshold: f64) -> Self {
        let (mut summary, mut sum, mut count) = (Self::default(), 0.0, 0_u64);
        for soh in all {
            (sum, count) = (sum + soh, count + 1);
            let tenth = [0.9, 0.8, 0.7, 0.6].iter().position(|low| soh >= *low).unwrap_or(4);
            summary.by_tenth[tenth] += 1;
            summary.below += u64::from(soh < threshold);
        }
        summary.mean = (count > 0).then(|| sum / count as f64);
        summary
    }
}

impl Platform {
    /// Batteries that somebody sees whose capacity over rated is below a threshold, the worst first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_health_below(
        &self,
        threshold: f64,
        visible: &Visibility,
    ) -> Result<Vec<Health>, PlatformError> {
        let all = self.fleet_all(self.fleet_batteries(visible).await?).await?;
        let known = all.into_iter().filter_map(|battery| Some(Health { soh: battery.soh?, battery }));
        let mut below: Vec<Health> = known.filter(|health| health.soh < threshold).collect();
        below.sort_by(|a, b| a.soh.total_cmp(&b.soh).then(a.battery.record.id.cmp(&b.battery.record.id)));
        Ok(below)
    }

    /// Health of all batteries that somebody sees, as of an instant.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_health(
        &self,
        at: Time,
        threshold: f64,
        visible: &Visibility,
    ) -> Result<HealthSummary, PlatformError> {
        let ids = self.fleet_batteries(visible).await?;
        let health: Vec<Option<f64>> =
            stream::iter(ids).map(|id| self.soh_at(id, at)).buffered(AT_ONCE).try_collect().await?;
        Ok(HealthSummary::of(health.into_iter().flatten(), threshold))
    }

    async fn soh_at(&self, id: TwinId, at: Time) -> Result<Option<f64>, PlatformError> {
        if at >= self.core.clock.now() {
            return Ok(self.fleet_battery(id).await?.soh);
        }
        match self.view_at(id, at).await {
            Ok(seen) => Ok(seen.battery.and_then(|battery| battery.soh)),
            // It was not there yet.
            Err(error) if error.kind() == ErrorKind::Absent => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_half_open() {
        let summary = HealthSummary::of([1.02, 0.9, 0.8999, 0.8, 0.75, 0.6, 0.2], 0.8);
        assert_eq!(summary.by_tenth, [2, 2, 1, 1, 1]);
        assert_eq!(summary.below, 3);
        assert!((summary.mean.unwrap() - 5.1699 / 7.0).abs() < 1e-12);
        assert_eq!(HealthSummary::of([], 0.8).mean, None);
    }
}
