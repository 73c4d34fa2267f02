//! The electricity meter of a cabinet: what it draws hour by hour, from the sun and from the grid, at what cost.
//!
//! Charges are booked when they end (or are cut short), into the hours that they lie in; an hour is closed when no
//! open charge reaches back into it. In each hour, `solar = min(load, sun)` and `grid = load − solar`, so the
//! two add up to what was drawn. Surplus sun is not sold.

use crate::battery::ChargePlan;
use crate::forcing::Hourly;
use crate::time::{HOUR_MS, Time};
use std::collections::VecDeque;
use std::sync::Arc;

/// Electricity supply of a cabinet.
#[derive(Debug, Clone, PartialEq)]
pub struct Supply {
    /// Price of grid electricity per kWh.
    pub price: Hourly,
    /// Carbon intensity of grid electricity [g CO2e/kWh].
    pub carbon: Hourly,
    /// Photovoltaic output as a fraction of peak.
    pub sun: Hourly,
    /// Installed photovoltaic peak power [W].
    pub solar_wp: f64,
    /// Limit of the grid connection [W].
    pub site_power_w: f64,
    /// Power drawn with nothing charging [W].
    pub standby_w: f64,
    /// Power of one charger on its battery side [W].
    pub charger_w: f64,
    /// Charger efficiency at fractions of its power, rising.
    pub efficiency: Arc<[(f64, f64)]>,
}

impl Supply {
    /// A supply without sun, price or carbon, with ideal chargers: for tests and as a base to change.
    pub fn grid_only(site_power_w: f64, charger_w: f64) -> Self {
        Self {
            price: Hourly::constant(0.0),
            carbon: Hourly::constant(0.0),
            sun: Hourly::constant(0.0),
            solar_wp: 0.0,
            site_power_w,
            standby_w: 0.0,
            charger_w,
            efficiency: Arc::new([(1.0, 1.0)]),
        }
    }

    /// Efficiency of a charger at a power on its battery side, linear between the given points.
    pub fn efficiency_at(&self, power_w: f64) -> f64 {
        let load = power_w / self.charger_w;
        // From the top down, since chargers mostly give all they can.
        let Some(below) = self.efficiency.iter().rposition(|point| point.0 <= load) else {
            return self.efficiency.first().map_or(1.0, |least| least.1);
        };
        let a = self.efficiency[below];
        self.efficiency.get(below + 1).map_or(a.1, |b| a.1 + (b.1 - a.1) * (load - a.0) / (b.0 - a.0))
    }

    /// Power on the battery side, at most `most_w`, that a charger makes of `drawn_w` from the connection [W].
    /// Efficiency depends on the power, so it is refined until it changes nothing, at most a few times.
    pub fn power_from(&self, drawn_w: f64, most_w: f64) -> f64 {
        let drawn_w = drawn_w.max(0.0);
        let mut power_w = most_w.min(drawn_w);
        for _ in 0..8 {
            let refined_w = most_w.min(drawn_w * self.efficiency_at(power_w));
            if refined_w == power_w {
                break;
            }
            power_w = refined_w;
        }
        power_w
    }
}

/// Sums of a cabinet's meter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Drawn in all [Wh].
    pub energy_wh: f64,
    /// Of that from the grid [Wh].
    pub grid_wh: f64,
    /// Of that from the sun [Wh].
    pub solar_wh: f64,
    /// Into packs, on the battery side of the chargers [Wh].
    pub charged_wh: f64,
    /// Price of the grid's share.
    pub cost: f64,
    /// Carbon of the grid's share [g CO2e].
    pub carbon_g: f64,
    /// Highest mean power of an hour [W].
    pub peak_w: f64,
    /// Charges that made a pack ready.
    pub charges: u64,
    /// Time from the first beginning of those charges to their end, or until the pack was handed out [h].
    pub charging_h: f64,
}

/// The meter.
#[derive(Debug, Clone, PartialEq)]
pub struct Meter {
    totals: Totals,
    /// Energy by UTC hour of day [Wh].
    by_hour_wh: [f64; 24],
    /// When metering began.
    from: Time,
    /// First hour that is not closed.
    open_hour: i64,
    /// Booked in the open hours [Wh].
    open_wh: VecDeque<f64>,
}

impl Meter {
    /// A meter that begins to count.
    pub fn starting_at(at: Time) -> Self {
        Self {
            totals: Totals::default(),
            by_hour_wh: [0.0; 24],
            from: at,
            open_hour: at.hour_index(),
            open_wh: VecDeque::new(),
        }
    }

    /// The sums, closed hours only.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Energy by UTC hour of day [Wh], closed hours only.
    pub fn by_hour_wh(&self) -> &[f64; 24] {
        &self.by_hour_wh
    }

    /// Books what a charge drew that has ended, or was cut short.
    pub fn settle(&mut self, plan: &ChargePlan, supply: &Supply) {
        self.book(plan, plan.ends, supply);
    }

    /// Counts a charge that made a pack ready, however often it was interrupted; one that took no time is none.
    pub fn count(&mut self, begun: Time, ended: Time) {
        if ended > begun {
            self.totals.charges += 1;
            self.totals.charging_h += ended.seconds_since(begun) / 3600.0;
        }
    }

    /// Books what a charge drew until `until`.
    fn book(&mut self, plan: &ChargePlan, until: Time, supply: &Supply) {
        let first = plan.begins.hour_index();
        for (k, wh) in plan.hourly_wh.iter().enumerate() {
            let hour = first + k as i64;
            let (begin, end) = (Time::of_hour(hour).max(plan.begins), Time::of_hour(hour + 1).min(plan.ends));
            let seconds = end.seconds_since(begin);
            if begin >= until || seconds <= 0.0 {
                break;
            }
            let share = (until.seconds_since(begin) / seconds).min(1.0);
            let wh = f64::from(*wh) * share;
            let drawn_wh = wh / supply.efficiency_at(f64::from(plan.hourly_wh[k]) * 3600.0 / seconds);
            self.totals.charged_wh += wh;
            let slot = (hour.max(self.open_hour) - self.open_hour) as usize;
            if self.open_wh.len() <= slot {
                self.open_wh.resize(slot + 1, 0.0);
            }
            self.open_wh[slot] += drawn_wh;
        }
    }

    /// Closes the hours before `hour`.
    pub fn close_before(&mut self, hour: i64, supply: &Supply) {
        while self.open_hour < hour {
            let booked_wh = self.open_wh.pop_front().unwrap_or(0.0);
            self.close(self.open_hour, booked_wh, 1.0, supply);
            self.open_hour += 1;
        }
    }

    /// Splits and prices one hour (or the first `share` of it).
    fn close(&mut self, hour: i64, booked_wh: f64, share: f64, supply: &Supply) {
        let begun = (self.from.0 - hour * HOUR_MS) as f64 / HOUR_MS as f64;
        let counted = (share - begun.max(0.0)).max(0.0);
        let load_wh = booked_wh + supply.standby_w * counted;
        let sun_wh = supply.solar_wp * supply.sun.of_hour(hour) * counted;
        let solar_wh = load_wh.min(sun_wh);
        let grid_wh = load_wh - solar_wh;
        let totals = &mut self.totals;
        totals.energy_wh += load_wh;
        totals.solar_wh += solar_wh;
        totals.grid_wh += grid_wh;
        totals.cost += grid_wh * 1e-3 * supply.price.of_hour(hour);
        totals.carbon_g += grid_wh * 1e-3 * supply.carbon.of_hour(hour);
        totals.peak_w = totals.peak_w.max(load_wh);
        self.by_hour_wh[hour.rem_euclid(24) as usize] += load_wh;
    }

    /// The meter as it would read at `now`, with what charges under way have drawn so far.
    pub fn reading<'p>(
        &self,
        now: Time,
        under_way: impl Iterator<Item = &'p ChargePlan>,
        supply: &Supply,
    ) -> Meter {
        let mut reading = self.clone();
        for plan in under_way {
            reading.book(plan, now, supply);
        }
        let hour = now.hour_index();
        reading.close_before(hour, supply);
        let share = (now.0 - hour * HOUR_MS) as f64 / HOUR_MS as f64;
        if share > 0.0 {
            let booked_wh = reading.open_wh.front().copied().unwrap_or(0.0);
            reading.close(hour, booked_wh, share, supply);
        }
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::SmallVec;

    fn plan(begins: Time, hours: &[f32], ends: Time) -> ChargePlan {
        ChargePlan {
            begins,
            ends,
            soc_end: 1.0,
            complete: true,
            hourly_wh: SmallVec::from_slice(hours),
            course: SmallVec::new(),
        }
    }

    #[test]
    fn sun_and_grid_add_up_and_are_priced_by_the_hour() {
        let mut supply = Supply::grid_only(5000.0, 500.0);
        supply.price = Hourly::new(0, vec![0.1, 0.2, 0.3]);
        supply.carbon = Hourly::constant(500.0);
        supply.sun = Hourly::new(0, vec![0.0, 0.5, 0.5]);
        supply.solar_wp = 400.0;
        supply.standby_w = 10.0;
        supply.efficiency = Arc::new([(1.0, 0.5)]);
        let mut meter = Meter::starting_at(Time(0));
        meter.settle(&plan(Time(HOUR_MS / 2), &[100.0, 200.0], Time(2 * HOUR_MS)), &supply);
        meter.close_before(3, &supply);
        let totals = meter.totals();
        // Hour 0: 200 + 10 from the grid; hour 1: 400 + 10, 200 of it from the sun; hour 2: 10 from the sun.
        assert!((totals.energy_wh - 630.0).abs() < 1e-9);
        assert!((totals.solar_wh - 210.0).abs() < 1e-9);
        assert!((totals.grid_wh + totals.solar_wh - totals.energy_wh).abs() < 1e-9);
        assert!((totals.cost - (0.21 * 0.1 + 0.21 * 0.2)).abs() < 1e-9);
        assert!((totals.carbon_g - 210.0).abs() < 1e-6);
        assert_eq!(totals.charged_wh, 300.0);
        assert_eq!(totals.peak_w, 410.0);
    }

    #[test]
    fn a_reading_counts_open_charges_up_to_now_and_disturbs_nothing() {
        let supply = Supply::grid_only(5000.0, 500.0);
        let meter = Meter::starting_at(Time(0));
        let open = plan(Time(0), &[300.0, 300.0], Time(2 * HOUR_MS));
        let reading = meter.reading(Time(HOUR_MS * 3 / 2), std::iter::once(&open), &supply);
        assert!((reading.totals().energy_wh - 450.0).abs() < 1e-9);
        assert_eq!(meter.totals().energy_wh, 0.0);
    }
}
