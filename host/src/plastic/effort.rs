//! What devices burnt and went over, by what their twins heard of them.

use super::record::Device;
use super::{Inner, PlasticError};
use crate::platform::Series;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use twin::geo::Position;
use twin::plastic::factors::DIESEL_KG_CO2E_PER_L;
use twin::plastic::swept::Swept;
use twin::time::Time;

/// Steps that a window is looked at in, at most; no step is shorter than five minutes.
const STEPS: i64 = 20_000;
/// Shortest step [ms].
const STEP_MIN_MS: i64 = 300_000;
/// Between fixes further apart than this the way is not known [ms].
const GAP_MS: i64 = 3 * 3_600_000;

/// What was burnt and gone over; nothing where nobody measured it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Effort {
    /// Fuel [l].
    pub fuel_l: Option<f64>,
    /// What its net went over, once however often [km²].
    pub cleared_km2: Option<f64>,
    /// Way over ground [km].
    pub distance_km: Option<f64>,
}

impl Effort {
    /// Emissions of the fuel [kg CO2e].
    pub fn fuel_kg_co2e(&self) -> f64 {
        self.fuel_l.unwrap_or(0.0) * DIESEL_KG_CO2E_PER_L
    }
}

impl AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        fn add(known: &mut Option<f64>, more: Option<f64>) {
            if let Some(more) = more {
                *known = Some(known.unwrap_or(0.0) + more);
            }
        }
        add(&mut self.fuel_l, other.fuel_l);
        add(&mut self.cleared_km2, other.cleared_km2);
        add(&mut self.distance_km, other.distance_km);
    }
}

/// How far a level fell in all; what it rose between was filled up.
///
/// Limits: what was burnt between two readings around a refill is not seen.
fn fallen(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut last, mut sum, mut count) = (None, 0.0, 0);
    for value in values {
        if let Some(last) = last {
            sum += f64::max(last - value, 0.0);
        }
        last = Some(value);
        count += 1;
    }
    (count > 1).then_some(sum)
}

impl Inner {
    /// What a device burnt and went over in a span.
    ///
    /// ```text
    /// fuel = Σ falls of fuel_l        swept = union of the swath along the ways between fixes with the net out
    /// ```
    ///
    /// Limits: between fixes it is taken to go straight on; what two devices both swept counts for both. The union's
    /// error is [`Swept`]'s.
    pub(super) async fn effort(
        &self,
        device: &Device,
        (from, to): (Time, Time),
    ) -> Result<Effort, PlasticError> {
        let metrics = ["fuel_l", "lat", "lon", "net_deployed"].map(str::to_owned);
        let to = to.min(self.now() + 1);
        if to <= from {
            return Ok(Effort::default());
        }
        let step_ms = ((to - from) / STEPS).max(STEP_MIN_MS);
        let history = self.parts.platform.history(device.twin, &metrics, (from, to), Some(step_ms)).await?;
        let of = |name: &str| history.series.iter().find(|series| series.metric == name);
        let fuel_l = of("fuel_l").and_then(|fuel| fallen(fuel.steps.iter().map(|step| step.last)));
        let by_time = |series: Option<&Series>| -> BTreeMap<Time, f64> {
            series
                .into_iter()
                .flat_map(|series| series.steps.iter().map(|step| (step.at, step.last)))
                .collect()
        };
        let (lats, lons, nets) = (by_time(of("lat")), by_time(of("lon")), by_time(of("net_deployed")));
        let (mut last, mut way_km, mut legs): (Option<(Time, Position)>, f64, u32) = (None, 0.0, 0);
        let mut swept = device.figure("swathM").map(Swept::new);
        for (at, lat) in &lats {
            let Some(place) = lons.get(at).and_then(|lon| Position::new(*lat, *lon).ok()) else { continue };
            if let Some((before, from)) = last.filter(|(before, _)| *at - *before <= GAP_MS) {
                let km = from.distance_km(place);
                way_km += km;
                legs += 1;
                if let Some(swept) =
                    swept.as_mut().filter(|_| nets.get(&before).is_some_and(|net| *net > 0.5))
                {
                    swept.tow(from, place);
                }
            }
            last = Some((*at, place));
        }
        Ok(Effort {
            fuel_l,
            cleared_km2: swept.filter(|_| legs > 0 && !nets.is_empty()).map(|swept| swept.area_km2()),
            distance_km: (legs > 0).then_some(way_km),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tank_that_is_filled_between_burns_what_it_fell() {
        assert_eq!(fallen([100.0, 90.0, 85.0, 200.0, 180.0].into_iter()), Some(35.0));
        assert_eq!(fallen([100.0].into_iter()), None);
        let mut all = Effort::default();
        all += Effort { fuel_l: Some(2.0), ..Effort::default() };
        all += Effort { fuel_l: Some(3.0), cleared_km2: Some(1.0), distance_km: None };
        assert_eq!((all.fuel_l, all.cleared_km2, all.distance_km), (Some(5.0), Some(1.0), None));
        assert!((all.fuel_kg_co2e() - 13.4).abs() < 1e-9);
    }
}
