//! How batteries are used: power drawn, energy, when, and which most.

use super::path::Power;
use super::{AT_ONCE, Span};
use crate::identity::Visibility;
use crate::platform::registry::TwinId;
use crate::platform::{Platform, PlatformError};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use twin::time::{DAY_MS, Time};

/// Parts of a day that energy is sorted by [ms].
const BIN_MS: i64 = 30 * 60_000;
const BINS: usize = (DAY_MS / BIN_MS) as usize;
/// Batteries that are named as the most used.
const MOST_USED: usize = 10;
/// What is read of a battery.
const METRICS: [&str; 3] = ["current_a", "speed_kmh", "voltage_v"];

/// Mean power of a battery; nothing where it gave none.
pub type MeanPower = Option<f64>;

/// How batteries were used.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Energy given [kWh].
    pub energy_kwh: f64,
    /// Mean rate while giving charge, over time [1/h].
    pub discharge_c: Option<f64>,
    /// The half hour of the day, in UTC, in which most energy was given: minutes since midnight.
    pub peak_minute: Option<u32>,
    /// Batteries that were taken out of cabinets most often.
    pub most_used: Vec<Used>,
}

/// A battery and how often it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Which.
    pub battery: TwinId,
    /// How often.
    pub count: u64,
}

/// What one battery adds.
#[derive(Debug, Default)]
struct Given {
    energy_wh: f64,
    seconds: f64,
    rate_seconds: f64,
    rated_seconds: f64,
    by_bin_wh: Vec<f64>,
}

fn bin(at: Time) -> usize {
    (at.0.rem_euclid(DAY_MS) / BIN_MS) as usize
}

impl Platform {
    /// Mean power that a battery gave in a span [W].
    ///
    /// ```text
    /// P = (∫ P⁺ dt + ∫ P⁻ dt while it moved) / time of discharge
    /// ```
    ///
    /// Charge that a vehicle puts back while it moves counts against what it took; charge at rest does not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_mean_power_w(&self, id: TwinId, span: Span) -> Result<MeanPower, PlatformError> {
        let (mut power, mut energy_wh, mut seconds) = (Power::default(), 0.0, 0.0);
        self.each_row(id, &METRICS, span, |at, row| {
            let value = |metric: &str| row.iter().find(|(name, _)| *name == metric).map(|(_, value)| *value);
            let Some(stretch) = power.take(at, value) else { return };
            if stretch.power_w > 0.0 {
                seconds += stretch.seconds();
            }
            if stretch.power_w > 0.0 || stretch.moving {
                energy_wh += stretch.energy_wh();
            }
        })
        .await?;
        Ok((seconds > 0.0).then(|| energy_wh * 3_600.0 / seconds))
    }

    /// How the batteries that somebody sees were used in a span. Every battery's readings are gone through.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_usage(&self, span: Span, visible: &Visibility) -> Result<Usage, PlatformError> {
        let batteries = self.fleet_batteries(visible).await?;
        let mut given = stream::iter(batteries).map(|id| self.given(id, span)).buffered(AT_ONCE);
        let mut all = Given { by_bin_wh: vec![0.0; BINS], ..Given::default() };
        while let Some(one) = given.try_next().await? {
            all.energy_wh += one.energy_wh;
            all.seconds += one.seconds;
            all.rate_seconds += one.rate_seconds;
            all.rated_seconds += one.rated_seconds;
            all.by_bin_wh.iter_mut().zip(&one.by_bin_wh).for_each(|(all, one)| *all += one);
        }
        let peak = all.by_bin_wh.iter().enumerate().filter(|(_, wh)| **wh > 0.0);
        // Of bins alike the earliest.
        let peak = peak.reduce(|best, next| if next.1 > best.1 { next } else { best });
        Ok(Usage {
            energy_kwh: all.energy_wh * 1e-3,
            discharge_c: (all.rated_seconds > 0.0).then(|| all.rate_seconds / all.rated_seconds),
            peak_minute: peak.map(|(bin, _)| bin as u32 * (BIN_MS / 60_000) as u32),
            most_used: self.most_used(span, visible).await?,
        })
    }

    async fn given(&self, id: TwinId, span: Span) -> Result<Given, PlatformError> {
        let rated_ah = self.fleet_battery(id).await?.capacity_ah;
        let mut given = Given { by_bin_wh: vec![0.0; BINS], ..Given::default() };
        let mut power = Power::default();
        self.each_row(id, &METRICS, span, |at, row| {
            let value = |metric: &str| row.iter().find(|(name, _)| *name == metric).map(|(_, value)| *value);
            let Some(stretch) = power.take(at, value).filter(|stretch| stretch.power_w > 0.0) else { return };
            let seconds = stretch.seconds();
            given.energy_wh += stretch.energy_wh();
            given.seconds += seconds;
            given.by_bin_wh[bin(stretch.from)] += stretch.energy_wh();
            if let Some(ah) = rated_ah {
                given.rate_seconds += stretch.current_a / ah * seconds;
                given.rated_seconds += seconds;
            }
        })
        .await?;
        Ok(given)
    }

    async fn most_used(&self, span: Span, visible: &Visibility) -> Result<Vec<Used>, PlatformError> {
        let mut taken: BTreeMap<String, u64> = BTreeMap::new();
        for cabinet in self.fleet_cabinets(visible).await? {
            let log = self.cabinet_log(cabinet).await?;
            for battery in
                log.swaps().filter(|swap| span.contains(swap.at)).filter_map(|swap| swap.out.as_ref())
            {
                *taken.entry(battery.to_string()).or_default() += 1;
            }
        }
        let mut used: BTreeMap<TwinId, u64> = BTreeMap::new();
        for (name, count) in taken {
            if let Some(battery) = self.battery_seen(&name, visible).await? {
                *used.entry(battery).or_default() += count;
            }
        }
        let mut used: Vec<Used> = used.into_iter().map(|(battery, count)| Used { battery, count }).collect();
        used.sort_by_key(|used| (std::cmp::Reverse(used.count), used.battery));
        used.truncate(MOST_USED);
        Ok(used)
    }
}
