//! What a vessel's devices report, with their errors: position, weight, water, and the tracker's own battery.

use super::{State, Vessel};
use crate::geo::Position;
use crate::rng::Stream;
use crate::time::{DAY_S, Time};
use rand_distr::{Distribution, StandardNormal};

/// Standard deviation of a position in each direction [m]. assumed: a single-frequency receiver under open sky.
pub const GPS_SD_M: f64 = 4.0;

/// Standard deviation of a weighed hold, relative to what it can carry. assumed: load cells on a moving deck.
pub const SCALE_SD: f64 = 0.002;

/// One set of readings. Times are those of the readings, not of their arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readings {
    /// When.
    pub at: Time,
    /// Position.
    pub gps: Gps,
    /// Weight.
    pub weight: Weight,
    /// Water.
    pub water: Water,
    /// Charge of the tracker, 0 to 1.
    pub battery_level: f64,
    /// Voltage of the tracker [V].
    pub battery_v: f64,
}

/// A position as received.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gps {
    /// Where.
    pub position: Position,
    /// Speed over ground [m/s].
    pub speed_m_s: f64,
    /// Direction of that [°].
    pub heading_deg: f64,
    /// Radius that holds two thirds of readings [m].
    pub accuracy_m: f64,
}

/// A hold as weighed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// What the scale says [kg].
    pub mass_kg: f64,
    /// Relative to the hold's capacity.
    pub filled: f64,
    /// The hold's capacity [kg].
    pub capacity_kg: f64,
}

/// Water at the surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Water {
    /// Temperature [°C].
    pub temperature_c: f64,
    /// Practical salinity.
    pub salinity_psu: f64,
    /// Acidity.
    pub ph: f64,
    /// Turbidity [NTU].
    pub turbidity_ntu: f64,
}

impl Vessel {
    /// What the devices report at `now`, drawn from `stream`; nothing when the tracker is silent.
    pub fn readings(&self, now: Time, stream: &mut Stream) -> Option<Readings> {
        let state = self.observed(now);
        if !state.tracker.is_heard() {
            return None;
        }
        let mut normal = || -> f64 { StandardNormal.sample(stream) };
        let (east_m, north_m) = (GPS_SD_M * normal(), GPS_SD_M * normal());
        let leg = &state.leg;
        let moving = !state.done && leg.from != leg.to;
        let capacity_kg = self.model().hold.capacity_kg();
        let mass_kg = weighed_kg(&state) + SCALE_SD * capacity_kg * normal();
        let mass_kg = mass_kg.max(0.0);
        Some(Readings {
            at: now,
            gps: Gps {
                position: state.position.shifted(east_m, north_m),
                speed_m_s: if moving { leg.over_ground_m_s } else { 0.0 },
                heading_deg: if moving { state.position.bearing_deg(leg.to) } else { 0.0 },
                accuracy_m: 1.5 * GPS_SD_M,
            },
            weight: Weight { mass_kg, filled: mass_kg / capacity_kg, capacity_kg },
            water: Water {
                temperature_c: state.conditions.water_c + 0.1 * normal(),
                salinity_psu: (state.conditions.salinity_psu + 0.05 * normal()).max(0.0),
                ph: state.conditions.ph + 0.02 * normal(),
                turbidity_ntu: (state.conditions.turbidity_ntu * (0.1 * normal()).exp()).max(0.0),
            },
            battery_level: state.tracker.level(),
            battery_v: state.tracker.voltage_v(),
        })
    }
}

/// What the scale would say without noise: the true mass, and what it has drifted since it went wrong.
fn weighed_kg(state: &State) -> f64 {
    let drift = state
        .faults
        .scale_drift
        .map_or(0.0, |(per_day, since)| per_day * (state.at.seconds_since(since) / DAY_S).max(0.0));
    state.hold.mass_kg() * (1.0 + drift)
}
