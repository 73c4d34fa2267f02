//! What a battery was put through lately: the use that a forecast assumes to go on.

use crate::time::DAY_S;
use serde::{Deserialize, Serialize};

/// Use is forgotten with this time constant [d].
const MEMORY_DAYS: f64 = 45.0;
/// A turn of the state of charge counts from this depth on.
const TURN: f64 = 0.04;
/// Rate below which nothing is going on [1/h].
const IDLE_C: f64 = 0.02;

/// Sums over the readings, the recent ones weighing most.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Usage {
    /// Time heard of [d].
    pub(super) days: f64,
    /// Full equivalent cycles heard of, in rated capacity.
    pub(super) efc: f64,
    weight_days: f64,
    temperature: f64,
    soc: f64,
    efc_recent: f64,
    warm_efc: f64,
    deep_efc: f64,
    charge: [f64; 2],
    discharge: [f64; 2],
    /// State of charge at the last turn, furthest since, and direction.
    turn_soc: f64,
    far_soc: f64,
    direction: f64,
}

/// Use per day, in means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Duty {
    /// Temperature over time [°C].
    pub temperature_c: f64,
    /// Temperature over throughput [°C].
    pub cycling_temperature_c: f64,
    /// State of charge over time.
    pub soc: f64,
    /// Full equivalent cycles per day, in rated capacity.
    pub efc_per_day: f64,
    /// Depth of the cycles.
    pub depth: f64,
    /// Rate while charging [1/h].
    pub charge_c_rate: f64,
    /// Rate while discharging [1/h].
    pub discharge_c_rate: f64,
}

impl Usage {
    /// Adds a span under a rate [1/h].
    pub(super) fn add(&mut self, dt_s: f64, c_rate: f64, soc: f64, temperature_c: f64) {
        let days = dt_s / DAY_S;
        let keep = (-days / MEMORY_DAYS).exp();
        for sum in [
            &mut self.weight_days,
            &mut self.temperature,
            &mut self.soc,
            &mut self.efc_recent,
            &mut self.warm_efc,
            &mut self.deep_efc,
        ] {
            *sum *= keep;
        }
        for sum in self.charge.iter_mut().chain(&mut self.discharge) {
            *sum *= keep;
        }
        self.days += days;
        self.weight_days += days;
        self.temperature += temperature_c * days;
        self.soc += soc * days;
        let efc = 0.5 * c_rate.abs() * dt_s / 3600.0;
        self.efc += efc;
        self.efc_recent += efc;
        self.warm_efc += efc * temperature_c;
        let side = if c_rate < 0.0 { &mut self.charge } else { &mut self.discharge };
        if c_rate.abs() > IDLE_C {
            side[0] += c_rate.abs() * days;
            side[1] += days;
        }
        if self.days == days {
            (self.turn_soc, self.far_soc) = (soc, soc);
        }
        if (soc - self.far_soc) * self.direction >= 0.0 {
            self.far_soc = soc;
            if self.direction == 0.0 && (soc - self.turn_soc).abs() > TURN {
                self.direction = (soc - self.turn_soc).signum();
            }
        } else if (soc - self.far_soc).abs() > TURN {
            let depth = (self.far_soc - self.turn_soc).abs();
            // Half a cycle of this depth moves half of it.
            self.deep_efc += 0.5 * depth * depth;
            self.turn_soc = self.far_soc;
            self.far_soc = soc;
            self.direction = -self.direction;
        }
    }

    /// Means, where there is anything to take them of.
    pub(super) fn duty(&self) -> Option<Duty> {
        if self.weight_days <= 0.0 {
            return None;
        }
        let over = |sum: [f64; 2]| if sum[1] > 0.0 { sum[0] / sum[1] } else { 0.0 };
        let moving = self.efc_recent > 1e-6;
        let temperature_c = self.temperature / self.weight_days;
        let open = (self.far_soc - self.turn_soc).abs();
        let depth = (self.deep_efc + 0.5 * open * open) / self.efc_recent.max(1e-9);
        Some(Duty {
            temperature_c,
            cycling_temperature_c: if moving { self.warm_efc / self.efc_recent } else { temperature_c },
            soc: self.soc / self.weight_days,
            efc_per_day: self.efc_recent / self.weight_days,
            depth: if moving { depth.clamp(0.02, 1.0) } else { 0.0 },
            charge_c_rate: over(self.charge),
            discharge_c_rate: over(self.discharge),
        })
    }
}
