//! Energy that a cabinet took: by its meters, or by what its batteries took.
//!
//! ```text
//! meters      E = Σ Δ energy_kwh, grid_kwh, solar_kwh             a fall begins anew
//! powers      E = ∫ power_w, grid_w, solar_w                      trapezium, gaps of ten minutes at most
//! batteries   E = Σ ∫ charging power / η + standby · time         where the cabinet reports neither
//! ```
//!
//! Of consumption, grid and sun, two give the third. Limits: η and standby are typical figures of chargers, not the
//! cabinet's own; without a meter nothing is known of the sun, but for a cabinet that has nothing else.

use super::path::Power;
use super::{GAP_S, Span};
use crate::identity::Visibility;
use crate::platform::registry::{Spec, TwinId, TwinRecord};
use crate::platform::{Platform, PlatformError};
use std::ops::AddAssign;
use twin::time::{HOUR_MS, Time};

/// Efficiency of a charger. assumed: typical of switched-mode chargers at rated power.
const EFFICIENCY: f64 = 0.94;
/// What a cabinet draws that charges nothing [W], and for each slot [W]. assumed: controller, radio, fans.
const STANDBY_W: f64 = 60.0;
const STANDBY_PER_SLOT_W: f64 = 8.0;
/// Batteries report more seldom than this between plug and charge [ms].
const BEFORE_MS: i64 = HOUR_MS;

/// Energy [kWh].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Energy {
    /// All of it.
    pub total_kwh: f64,
    /// From the grid.
    pub grid_kwh: f64,
    /// From the sun.
    pub solar_kwh: f64,
}

impl AddAssign for Energy {
    fn add_assign(&mut self, other: Self) {
        self.total_kwh += other.total_kwh;
        self.grid_kwh += other.grid_kwh;
        self.solar_kwh += other.solar_kwh;
    }
}

/// What one meter, or one power, comes to.
#[derive(Debug, Default)]
struct Counted {
    reading: Option<f64>,
    meter_kwh: Option<f64>,
    power: Option<(Time, f64)>,
    power_kwh: Option<f64>,
}

impl Counted {
    fn meter(&mut self, kwh: f64, counts: bool) {
        let before = self.reading.replace(kwh);
        if counts {
            let rise = before.map_or(0.0, |before| if kwh >= before { kwh - before } else { kwh.max(0.0) });
            *self.meter_kwh.get_or_insert(0.0) += rise;
        }
    }

    fn power(&mut self, at: Time, watts: f64, counts: bool) {
        let before = self.power.replace((at, watts));
        if !counts {
            return;
        }
        let sum = self.power_kwh.get_or_insert(0.0);
        if let Some((then, before)) = before {
            let seconds = at.seconds_since(then);
            if seconds <= GAP_S {
                *sum += 0.5 * (before + watts) * seconds / 3.6e6;
            }
        }
    }

    fn kwh(&self) -> Option<f64> {
        self.meter_kwh.or(self.power_kwh)
    }
}

/// Puts together what is known of the three.
fn together(total: Option<f64>, grid: Option<f64>, solar: Option<f64>, source: &str) -> Option<Energy> {
    let energy = |total: f64, solar: f64| {
        let solar_kwh = solar.clamp(0.0, total.max(0.0));
        Energy { total_kwh: total, grid_kwh: total - solar_kwh, solar_kwh }
    };
    match (total, grid, solar) {
        (Some(total), _, Some(solar)) => Some(energy(total, solar)),
        (Some(total), Some(grid), None) => Some(energy(total, total - grid)),
        (Some(total), None, None) if source == "solar" => Some(energy(total, total)),
        (Some(total), None, None) => Some(energy(total, 0.0)),
        (None, None, None) => None,
        (None, grid, solar) => {
            let (grid, solar) = (grid.unwrap_or(0.0), solar.unwrap_or(0.0));
            Some(energy(grid + solar, solar))
        }
    }
}

impl Platform {
    /// Energy that a cabinet took in a span.
    pub(super) async fn cabinet_energy(
        &self,
        record: &TwinRecord,
        span: Span,
    ) -> Result<Energy, PlatformError> {
        let (source, slots) = match &record.spec {
            Spec::Site(spec) => (spec.power_source.as_deref().unwrap_or("grid"), spec.slots),
            Spec::Battery(_) => ("grid", None),
        };
        let mut counted: [Counted; 3] = Default::default();
        let names = [("energy_kwh", "power_w"), ("grid_kwh", "grid_w"), ("solar_kwh", "solar_w")];
        let metrics: Vec<&str> = names.iter().flat_map(|(meter, power)| [*meter, *power]).collect();
        // A meter is known from its last reading before the span on.
        let before = Span { from: span.from + -24 * HOUR_MS, to: span.to };
        self.each_row(record.id, &metrics, before, |at, row| {
            let value = |metric: &str| row.iter().find(|(name, _)| *name == metric).map(|(_, value)| *value);
            for (counted, (meter, power)) in counted.iter_mut().zip(names) {
                if let Some(kwh) = value(meter) {
                    counted.meter(kwh, span.contains(at));
                }
                if let Some(watts) = value(power) {
                    counted.power(at, watts, span.contains(at));
                }
            }
        })
        .await?;
        let [total, grid, solar] = counted.map(|counted| counted.kwh());
        match together(total, grid, solar, source) {
            Some(energy) => Ok(energy),
            None => {
                let kwh = self.by_batteries_kwh(record.id, slots.unwrap_or(0), span).await?;
                Ok(together(Some(kwh), None, None, source).unwrap_or_default())
            }
        }
    }

    async fn by_batteries_kwh(&self, id: TwinId, slots: u32, span: Span) -> Result<f64, PlatformError> {
        let (charges, first_at) = {
            let log = self.cabinet_log(id).await?;
            (log.charges(), log.first_at())
        };
        let Some(first_at) = first_at else { return Ok(0.0) };
        let now = self.core.clock.now();
        let mut charged_wh = 0.0;
        for charge in charges {
            let from = charge.from.max(span.from);
            let to = charge.to.unwrap_or(now).min(span.to);
            let Some(battery) = charge.battery.filter(|_| from < to) else { continue };
            let Some(battery) = self.battery_seen(&battery, &Visibility::Everything).await? else { continue };
            let mut power = Power::default();
            let read = Span { from: from + -BEFORE_MS, to };
            self.each_row(battery, &["current_a", "voltage_v"], read, |at, row| {
                let value =
                    |metric: &str| row.iter().find(|(name, _)| *name == metric).map(|(_, value)| *value);
                let stretch = power.take(at, value).filter(|stretch| stretch.from >= from);
                charged_wh += stretch.map_or(0.0, |stretch| (-stretch.energy_wh()).max(0.0));
            })
            .await?;
        }
        let counted_s = span.to.min(now).seconds_since(span.from.max(first_at)).max(0.0);
        let standby_w = STANDBY_W + STANDBY_PER_SLOT_W * f64::from(slots);
        Ok(1e-3 * (charged_wh / EFFICIENCY + standby_w * counted_s / 3_600.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_three_give_the_third_and_they_add_up() {
        let energy = together(Some(500.5), None, Some(100.5), "hybrid").unwrap();
        assert_eq!((energy.total_kwh, energy.grid_kwh, energy.solar_kwh), (500.5, 400.0, 100.5));
        assert_eq!(together(None, Some(400.0), Some(100.5), "hybrid").unwrap().total_kwh, 500.5);
        assert_eq!(together(Some(500.5), Some(400.0), None, "grid").unwrap().solar_kwh, 100.5);
        assert_eq!(together(Some(5.0), None, None, "solar").unwrap().grid_kwh, 0.0);
        assert_eq!(together(Some(5.0), None, None, "grid").unwrap().solar_kwh, 0.0);
        assert_eq!(together(None, None, None, "grid"), None);
    }

    #[test]
    fn a_meter_counts_from_its_last_reading_before_and_may_begin_anew() {
        let mut counted = Counted::default();
        counted.meter(100.0, false);
        counted.meter(104.0, true);
        counted.meter(1.5, true);
        assert_eq!(counted.kwh(), Some(5.5));
        let mut counted = Counted::default();
        counted.power(Time(0), 1_000.0, true);
        counted.power(Time(360_000), 2_000.0, true);
        counted.power(Time(3_600_000), 2_000.0, true);
        assert!((counted.kwh().unwrap() - 0.15).abs() < 1e-12);
    }
}
